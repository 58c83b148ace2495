//! What a session leaves on disk: its record, and the values that its programs [stored](Store).
//!
//! Each session has a folder of its own below one that all gateways of a user share. Whoever has a
//! session open holds a lock on its file `used`, which the kernel gives back however that process
//! ends; the file's time is that of the last use, its text the number of executions. A session that
//! is ended leaves its record for a while, so that who comes back to it is told.

mod store;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use store::{KEY_BYTES, Store, StoreError, StoreQuota};

/// Of everything here. A file of a newer one is left as it is.
const VERSION: u32 = 1;
const RECORD: &str = "session.json";
const USED: &str = "used";
/// The folder, in a session's own, of what its programs stored.
pub const STORE: &str = "store";
/// Longest record.
const RECORD_BYTES: u64 = 4 << 10;
/// How often a lock is tried for: who lists the sessions holds each for a moment.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(1);

/// Who opens a session.
#[derive(Debug, Clone, Copy)]
pub struct Opener<'a> {
    /// How the caller reached us.
    pub face: &'a str,
    /// What the caller showed to be let in. A hash of it is kept, which differs between sessions.
    pub secret: Option<&'a str>,
}

/// What is kept of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    pub face: String,
    /// Seconds since 1970.
    pub opened: u64,
    /// The process that has it open, or had it last.
    pub process: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// When and why a session was ended, and what went with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Seconds since 1970.
    pub at: u64,
    pub why: String,
    pub files: u64,
    pub results: u64,
    pub stored: u64,
}

/// Why a session cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no session {id:?}")]
    Unknown { id: String },
    #[error("session {id} has ended: {}", ended.text())]
    Ended { id: String, ended: Ended },
    #[error("session {id} is open in process {process}")]
    InUse { id: String, process: u32 },
    #[error(
        "{path} is of version {version}, and this toolmill knows {VERSION}; use a newer toolmill, or remove the file"
    )]
    Newer { path: PathBuf, version: u32 },
    #[error("session {id} cannot be kept: {error}")]
    Io { id: String, error: io::Error },
}

impl Ended {
    /// `why`, and what is gone.
    pub fn text(&self) -> String {
        let counted = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let lost: Vec<String> = [
            counted(self.files, "file", "files"),
            counted(self.results, "result", "results"),
            counted(self.stored, "stored value", "stored values"),
        ]
        .into_iter()
        .flatten()
        .collect();
        match lost.is_empty() {
            true => format!("{}; it held nothing", self.why),
            false => format!("{}; gone with it: {}", self.why, lost.join(", ")),
        }
    }
}

/// A session that this process has open.
#[derive(Debug)]
pub struct Opened {
    folder: PathBuf,
    used: File,
    /// Of earlier openings.
    executions: u32,
    last_used: SystemTime,
}

impl Opened {
    /// Begins the session `id`, an id of ours, or goes on with it if there is one of that name.
    ///
    /// # Errors
    /// Another process has it open, or it cannot be written.
    pub fn begin(sessions: &Path, id: &str, opener: Opener) -> Result<Opened, Error> {
        let folder = sessions.join(id);
        let failed = |error| Error::Io {
            id: id.to_owned(),
            error,
        };
        files::make_folder(&folder).map_err(failed)?;
        let record = read_record(&folder).map_err(|error| error.into_error(id))?;
        let opened = lock(folder, id)?;
        let record = record.filter(|record| record.ended.is_none());
        let (face, since, principal) = match record {
            Some(record) => (record.face, record.opened, record.principal),
            None => (
                opener.face.to_owned(),
                now(),
                opener.secret.map(|secret| principal(id, secret)),
            ),
        };
        opened
            .write(&Record {
                version: VERSION,
                face,
                opened: since,
                process: std::process::id(),
                principal,
                ended: None,
            })
            .map_err(failed)?;
        Ok(opened)
    }

    /// Goes on with a session that was opened in the same way, by who showed the same.
    ///
    /// # Errors
    /// There is none: one of somebody else is as unknown as none. Or it has ended, or is open elsewhere.
    pub fn take_up(sessions: &Path, id: &str, opener: Opener) -> Result<Opened, Error> {
        let unknown = || Error::Unknown { id: id.to_owned() };
        if !is_id(id) {
            return Err(unknown());
        }
        let folder = sessions.join(id);
        let read = || -> Result<Record, Error> {
            let record = read_record(&folder).map_err(|error| error.into_error(id))?;
            let principal = opener.secret.map(|secret| principal(id, secret));
            record
                .filter(|record| record.face == opener.face && record.principal == principal)
                .ok_or_else(unknown)
        };
        let ended = |record: &Record| -> Result<(), Error> {
            match &record.ended {
                None => Ok(()),
                Some(ended) => Err(Error::Ended {
                    id: id.to_owned(),
                    ended: ended.clone(),
                }),
            }
        };
        ended(&read()?)?;
        let opened = lock(folder.clone(), id)?;
        // It may have been ended before it was ours.
        let record = read()?;
        ended(&record)?;
        let process = std::process::id();
        opened
            .write(&Record { process, ..record })
            .map_err(|error| Error::Io {
                id: id.to_owned(),
                error,
            })?;
        Ok(opened)
    }

    /// How many executions there have been before this opening.
    pub fn executions(&self) -> u32 {
        self.executions
    }

    fn store_folder(&self) -> PathBuf {
        self.folder.join(STORE)
    }

    /// When it was used before this opening.
    pub fn last_used(&self) -> SystemTime {
        self.last_used
    }

    /// Notes a use, and the executions there have been.
    pub fn used(&self, executions: u32) -> io::Result<()> {
        self.used
            .write_all_at(format!("{executions:<10}\n").as_bytes(), 0)
    }

    /// Removes all of it.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)
    }

    /// Ends it: the values go, the record stays and says why.
    pub fn end(self, ended: Ended) -> io::Result<()> {
        let stored = self.store_folder();
        if let Some(record) = read_record(&self.folder).ok().flatten() {
            let ended = Some(ended);
            self.write(&Record { ended, ..record })?;
        }
        match fs::remove_dir_all(stored) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        let json = serde_json::to_vec(record).expect("a record has string keys");
        files::replace(&self.folder.join(RECORD), &json)
    }
}

/// A session on disk.
#[derive(Debug, Clone)]
pub struct Kept {
    pub id: String,
    pub record: Record,
    pub used: SystemTime,
    pub executions: u32,
    /// A process has it open.
    pub is_open: bool,
    pub stored_values: u64,
    pub stored_bytes: u64,
}

/// All sessions below `sessions`, the least recently used first. Those of a newer version are left out.
pub fn list(sessions: &Path) -> Vec<Kept> {
    let mut kept: Vec<Kept> = fs::read_dir(sessions)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().into_string().ok()?;
            is_id(&id).then(|| look_at(&entry.path(), id))?
        })
        .collect();
    kept.sort_by(|one, other| (one.used, &one.id).cmp(&(other.used, &other.id)));
    kept
}

/// Whether there is a session of this name, whatever became of it.
pub fn exists(sessions: &Path, id: &str) -> bool {
    is_id(id) && sessions.join(id).join(RECORD).exists()
}

/// Opens a session to end or remove it, whoever opened it.
///
/// # Errors
/// There is none, or a process has it open.
pub fn seize(sessions: &Path, id: &str) -> Result<Opened, Error> {
    if !exists(sessions, id) {
        return Err(Error::Unknown { id: id.to_owned() });
    }
    lock(sessions.join(id), id)
}

fn look_at(folder: &Path, id: String) -> Option<Kept> {
    let record = read_record(folder).ok().flatten()?;
    let used = File::open(folder.join(USED)).ok()?;
    let metadata = used.metadata().ok()?;
    let is_open = rustix::fs::flock(&used, FlockOperation::NonBlockingLockShared).is_err();
    let (mut stored_values, mut stored_bytes) = (0, 0);
    for entry in fs::read_dir(folder.join(STORE))
        .into_iter()
        .flatten()
        .flatten()
    {
        stored_values += 1;
        stored_bytes += entry.metadata().map_or(0, |metadata| metadata.len());
    }
    Some(Kept {
        id,
        record,
        used: metadata.modified().ok()?,
        executions: executions_in(&used),
        is_open,
        stored_values,
        stored_bytes,
    })
}

/// An id of ours: `s_` and letters or digits. It is the name of a folder.
pub fn is_id(id: &str) -> bool {
    id.strip_prefix("s_").is_some_and(|rest| {
        !rest.is_empty()
            && rest.len() <= 64
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn lock(folder: PathBuf, id: &str) -> Result<Opened, Error> {
    let failed = |error| Error::Io {
        id: id.to_owned(),
        error,
    };
    let path = folder.join(USED);
    let used = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    let is_locked = (0..TRIES).any(|tried| {
        if tried > 0 {
            std::thread::sleep(BETWEEN_TRIES);
        }
        rustix::fs::flock(&used, FlockOperation::NonBlockingLockExclusive).is_ok()
    });
    let in_use = || Error::InUse {
        id: id.to_owned(),
        process: read_record(&folder)
            .ok()
            .flatten()
            .map_or(0, |record| record.process),
    };
    if !is_locked {
        return Err(in_use());
    }
    // It may have been removed between opening and locking, and another made.
    let ours = used.metadata().map_err(failed)?;
    match fs::metadata(&path) {
        Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {}
        _ => return Err(Error::Unknown { id: id.to_owned() }),
    }
    Ok(Opened {
        executions: executions_in(&used),
        last_used: ours.modified().map_err(failed)?,
        folder,
        used,
    })
}

fn executions_in(used: &File) -> u32 {
    let mut text = [0; 10];
    let read = used.read_at(&mut text, 0).unwrap_or(0);
    std::str::from_utf8(&text[..read])
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// Why a record cannot be read.
enum Unreadable {
    Newer { path: PathBuf, version: u32 },
    Io(io::Error),
}

impl Unreadable {
    fn into_error(self, id: &str) -> Error {
        match self {
            Unreadable::Newer { path, version } => Error::Newer { path, version },
            Unreadable::Io(error) => Error::Io {
                id: id.to_owned(),
                error,
            },
        }
    }
}

/// The record in a session's folder. One that cannot be understood is as good as none.
fn read_record(folder: &Path) -> Result<Option<Record>, Unreadable> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let path = folder.join(RECORD);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|file| file.take(RECORD_BYTES).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Unreadable::Io(error)),
        Ok(_) => {}
    }
    match serde_json::from_slice::<Version>(&bytes) {
        Ok(Version { version }) if version > VERSION => Err(Unreadable::Newer { path, version }),
        Ok(_) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(_) => Ok(None),
    }
}

/// What stands for a secret in the record of one session.
fn principal(id: &str, secret: &str) -> String {
    Sha256::new()
        .chain_update(id)
        .chain_update([0])
        .chain_update(secret)
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Opener = Opener {
        face: "http",
        secret: Some("of ada"),
    };

    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn ended() -> Ended {
        Ended {
            at: now(),
            why: "it was old".into(),
            files: 3,
            results: 0,
            stored: 1,
        }
    }

    #[test]
    fn a_session_is_taken_up_by_who_opened_it_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = folder.path().join("sessions");
        let opened = Opened::begin(&sessions, "s_1", ADA).unwrap();
        opened.used(7).unwrap();
        Store::new(opened.store_folder(), StoreQuota::default())
            .put("k", "1")
            .unwrap();
        let take_up = |id: &str, opener| Opened::take_up(&sessions, id, opener);
        let said = |id: &str, opener| take_up(id, opener).unwrap_err().to_string();
        let in_use = format!("session s_1 is open in process {}", std::process::id());
        assert_eq!(said("s_1", ADA), in_use);
        drop(opened);
        for (id, opener) in [
            (
                "s_1",
                Opener {
                    secret: None,
                    ..ADA
                },
            ),
            (
                "s_1",
                Opener {
                    secret: Some("of eve"),
                    ..ADA
                },
            ),
            (
                "s_1",
                Opener {
                    face: "stdio",
                    ..ADA
                },
            ),
            ("s_2", ADA),
            ("../sessions/s_1", ADA),
            ("s_", ADA),
            ("", ADA),
        ] {
            assert_eq!(said(id, opener), format!("there is no session {id:?}"));
        }
        let again = take_up("s_1", ADA).unwrap();
        assert_eq!(again.executions(), 7);
        let store = Store::new(again.store_folder(), StoreQuota::default());
        assert_eq!(store.get("k").unwrap(), "1");
        let record = fs::read_to_string(sessions.join("s_1/session.json")).unwrap();
        assert!(!record.contains("ada"), "{record}");
        let own = sessions.join("s_1");
        assert_eq!(
            [mode(&sessions), mode(&own), mode(&own.join("store"))],
            [0o700; 3]
        );
        assert_eq!([mode(&own.join(RECORD)), mode(&own.join(USED))], [0o600; 2]);
    }

    #[test]
    fn one_that_has_ended_says_so_to_who_opened_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let opened = Opened::begin(folder.path(), "s_1", ADA).unwrap();
        let store = Store::new(opened.store_folder(), StoreQuota::default());
        store.put("k", "1").unwrap();
        opened.end(ended()).unwrap();
        let said = |opener| {
            let taken_up = Opened::take_up(folder.path(), "s_1", opener);
            taken_up.unwrap_err().to_string()
        };
        assert_eq!(
            said(ADA),
            "session s_1 has ended: it was old; gone with it: 3 files, 1 stored value"
        );
        let eve = Opener {
            secret: Some("of eve"),
            ..ADA
        };
        assert_eq!(said(eve), "there is no session \"s_1\"");
        assert!(!folder.path().join("s_1/store").exists());
        // Who may choose the name begins afresh.
        drop(Opened::begin(folder.path(), "s_1", ADA).unwrap());
        assert!(Opened::take_up(folder.path(), "s_1", ADA).is_ok());
    }

    #[test]
    fn the_list_tells_which_are_open() {
        let folder = tempfile::tempdir().unwrap();
        let one = Opened::begin(folder.path(), "s_one", ADA).unwrap();
        let two = Opened::begin(folder.path(), "s_two", ADA).unwrap();
        two.used(2).unwrap();
        drop(two);
        fs::create_dir(folder.path().join("other")).unwrap();
        fs::create_dir(folder.path().join("s_empty")).unwrap();
        fs::create_dir(folder.path().join("s_broken")).unwrap();
        fs::write(folder.path().join("s_broken/session.json"), "{").unwrap();
        let listed: Vec<(String, bool, u32)> = list(folder.path())
            .into_iter()
            .map(|kept| (kept.id, kept.is_open, kept.executions))
            .collect();
        assert_eq!(
            listed,
            [
                ("s_one".to_owned(), true, 0),
                ("s_two".to_owned(), false, 2)
            ]
        );
        assert!(matches!(
            seize(folder.path(), "s_one"),
            Err(Error::InUse { .. })
        ));
        seize(folder.path(), "s_two").unwrap().remove().unwrap();
        assert!(matches!(
            seize(folder.path(), "s_two"),
            Err(Error::Unknown { .. })
        ));
        one.remove().unwrap();
        assert_eq!(list(folder.path()).len(), 0);
    }

    #[test]
    fn a_newer_record_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("s_1")).unwrap();
        let path = folder.path().join("s_1/session.json");
        fs::write(&path, r#"{"version":2,"anything":1}"#).unwrap();
        for opened in [
            Opened::begin(folder.path(), "s_1", ADA),
            Opened::take_up(folder.path(), "s_1", ADA),
        ] {
            let error = opened.unwrap_err().to_string();
            assert!(error.contains("is of version 2"), "{error}");
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            r#"{"version":2,"anything":1}"#
        );
    }
}
