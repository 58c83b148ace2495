//! Large values that outlive the program that made them, by handle.
//!
//! A value is kept as its JSON, an image or another file as its bytes, in a file that is named after
//! its hash, in the folder of the session that made it; the same value is kept once. A handle (`r_9`)
//! means something within its session alone. What is kept is bounded by a [`Quota`]: the oldest values
//! go first, and a handle whose value has gone says so. Reading is lazy: a part is found by a JSON
//! pointer (RFC 6901) and sliced without holding more than the slice in memory. A text that is not
//! there whole at any time is kept as it comes, by a [`Draft`].

mod content;
mod draft;
mod reader;
mod scan;

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

pub use content::{Content, MediaType};
pub use draft::Draft;
use reader::Places;
pub use reader::{Outline, Part, Slice, Stored};

/// How much a session may keep.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Of all its values.
    pub bytes: u64,
    pub values: usize,
    /// Since a value was kept.
    pub age: Duration,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            bytes: 512 << 20,
            values: 1000,
            age: Duration::from_secs(24 * 3600),
        }
    }
}

impl Quota {
    /// Whether there is room for so much, once everything else has gone.
    fn holds(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.bytes {
            return Err(Error::TooLarge {
                bytes,
                most: self.bytes,
            });
        }
        Ok(())
    }
}

/// Why a value could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no result {id:?} in this session{}", others(.kept))]
    Unknown { id: String, kept: Vec<String> },
    #[error("{id} is no longer kept: {}", why_gone(*.limit, .quota))]
    Gone {
        id: String,
        /// Which it met, where that is known still.
        limit: Option<Limit>,
        quota: Quota,
    },
    #[error(
        "there is no room: programs that still run made or opened all that a session may keep, {} results or {} MB; make fewer in one program",
        .quota.values, .quota.bytes >> 20
    )]
    InUse { quota: Quota },
    #[error("the result has {bytes} bytes, more than the {most} that a session may keep")]
    TooLarge { bytes: u64, most: u64 },
    #[error(
        "{id} has {bytes} bytes there, and at most {most} are read at once: read it in slices, by lines, or a part of it with .at(pointer)"
    )]
    Larger { id: String, bytes: u64, most: u64 },
    #[error("{id} has nothing at {pointer:?}: {reason}")]
    NotThere {
        id: String,
        pointer: String,
        reason: String,
    },
    #[error("failed to {action} a kept result: {error}")]
    Io {
        action: &'static str,
        error: io::Error,
    },
    #[error("{id} is damaged: {reason}")]
    Damaged { id: String, reason: String },
}

/// What a value that was kept has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Bytes,
    Values,
    Age,
}

fn why_gone(limit: Option<Limit>, quota: &Quota) -> String {
    let (values, bytes) = (quota.values, quota.bytes >> 20);
    let hours = quota.age.as_secs() / 3600;
    match limit {
        Some(Limit::Bytes) => {
            format!("a session keeps {bytes} MB of results, and the oldest go first")
        }
        Some(Limit::Values) => {
            format!("a session keeps {values} results, and the oldest go first")
        }
        Some(Limit::Age) => format!("a session keeps a result for {hours} h"),
        None => format!(
            "a session keeps {values} results and {bytes} MB for {hours} h, and the oldest go first"
        ),
    }
}

fn others(kept: &[String]) -> String {
    match kept {
        [] => "; it keeps none".to_owned(),
        _ => format!("; it keeps {}", kept.join(", ")),
    }
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::Io { action, error }
}

/// A value that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    number: u32,
    hash: String,
    pub content: Content,
    pub bytes: u64,
    pub since: SystemTime,
}

impl Kept {
    /// The handle: `r_9`.
    pub fn id(&self) -> String {
        format!("r_{}", self.number)
    }

    fn file_name(&self) -> String {
        let kind = self.content.suffix();
        format!("{}-{}.{kind}", self.number, self.hash)
    }
}

/// The values of one session. Processes that share a session must not keep values at the same time.
#[derive(Debug)]
pub struct Results {
    folder: PathBuf,
    quota: Quota,
    /// What is kept, the oldest first; absent until first asked for.
    index: Mutex<Option<Index>>,
    places: Arc<Mutex<Places>>,
    uses: Arc<Mutex<Uses>>,
    /// How many drafts were begun, which tells their files apart.
    drafts: AtomicU32,
    /// Since somebody asked.
    written: AtomicU64,
}

#[derive(Debug)]
struct Index {
    kept: Vec<Kept>,
    /// Numbers are not used twice, so that a handle never comes to mean another value.
    next: u32,
    /// The last that went, and for which limit.
    gone: VecDeque<(u32, Limit)>,
}

/// When values were used, as programs begin and end meanwhile.
#[derive(Debug, Default)]
struct Uses {
    last: u64,
    /// When those began that have not ended.
    holds: Vec<u64>,
    /// When each value was made or opened last, by number.
    values: HashMap<u32, u64>,
}

/// While it is held, what is made or opened does not go to make room for something else.
#[derive(Debug)]
pub struct Hold {
    uses: Arc<Mutex<Uses>>,
    since: u64,
}

impl Uses {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Notes that a value is used now.
    fn used(&mut self, number: u32) {
        let now = self.next();
        self.values.insert(number, now);
    }

    fn holds(&self, number: u32) -> bool {
        let first = self.holds.iter().min();
        let used = self.values.get(&number);
        first.is_some_and(|first| used.is_some_and(|used| used > first))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        lock(&self.uses).holds.retain(|since| *since != self.since);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Holds the next number beside the values, for when none of them is left.
const NEXT: &str = "next";
const HASH_BYTES: usize = 16;
const NAMED: usize = 6;
/// Of how many that went it is known why.
const GONE: usize = 1000;

impl Results {
    /// Those of the session `session`, an id of ours, below `folder`. Nothing is made before a value
    /// is kept.
    pub fn of_session(folder: &Path, session: &str, quota: Quota) -> Results {
        Results {
            folder: folder.join(session),
            quota,
            index: Mutex::new(None),
            places: Arc::default(),
            uses: Arc::default(),
            drafts: AtomicU32::new(0),
            written: AtomicU64::new(0),
        }
    }

    /// How many bytes of values were kept since this was asked last.
    pub fn take_written(&self) -> u64 {
        self.written.swap(0, Ordering::Relaxed)
    }

    /// For a program that begins.
    pub fn hold(&self) -> Hold {
        let mut uses = lock(&self.uses);
        let since = uses.next();
        uses.holds.push(since);
        Hold {
            uses: self.uses.clone(),
            since,
        }
    }

    /// Keeps the JSON of a value, or the bytes of a file, if they are not kept already, and makes room
    /// for them.
    ///
    /// # Errors
    /// There are more of them than the session may keep, or the file system refuses.
    pub fn keep(&self, content: Content, bytes: &[u8]) -> Result<Kept, Error> {
        let length = bytes.len() as u64;
        self.quota.holds(length)?;
        let hash = hash_of(Sha256::new_with_prefix(bytes));
        self.enter(content, hash, length, |name| self.write(name, bytes))
    }

    /// Takes up what `place` puts into a file of the given name, unless it is kept already.
    fn enter(
        &self,
        content: Content,
        hash: String,
        bytes: u64,
        place: impl FnOnce(&str) -> io::Result<()>,
    ) -> Result<Kept, Error> {
        let mut guard = self.index()?;
        let index = guard.as_mut().expect("it was read");
        self.expire(index);
        let is_known = |kept: &Kept| kept.hash == hash && kept.content == content;
        if let Some(at) = index.kept.iter().position(is_known) {
            // Kept again it is as new; somebody may have removed its file.
            let mut known = index.kept.remove(at);
            let file = File::options()
                .write(true)
                .open(self.folder.join(known.file_name()));
            let now = SystemTime::now();
            if file.and_then(|file| file.set_modified(now)).is_ok() {
                known.since = now;
                index.kept.push(known.clone());
                lock(&self.uses).used(known.number);
                return Ok(known);
            }
        }
        self.make_room(index, bytes)?;
        let kept = Kept {
            number: index.next,
            hash,
            content,
            bytes,
            since: SystemTime::now(),
        };
        self.write(NEXT, (kept.number + 1).to_string().as_bytes())
            .and_then(|()| place(&kept.file_name()))
            .map_err(failed("write"))?;
        index.next += 1;
        index.kept.push(kept.clone());
        lock(&self.uses).used(kept.number);
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(kept)
    }

    /// Makes room for one more value of so many bytes. Nothing goes when that is not enough.
    fn make_room(&self, index: &mut Index, bytes: u64) -> Result<(), Error> {
        let uses = lock(&self.uses);
        let mut held: u64 = index.kept.iter().map(|kept| kept.bytes).sum();
        let mut count = index.kept.len();
        let mut going = Vec::new();
        let mut oldest = index.kept.iter().filter(|kept| !uses.holds(kept.number));
        loop {
            let limit = if held + bytes > self.quota.bytes {
                Limit::Bytes
            } else if count >= self.quota.values {
                Limit::Values
            } else {
                break;
            };
            let Some(oldest) = oldest.next() else {
                return Err(Error::InUse { quota: self.quota });
            };
            held -= oldest.bytes;
            count -= 1;
            going.push((oldest.number, limit));
        }
        drop(uses);
        for (number, limit) in going {
            self.let_go(index, number, limit);
        }
        Ok(())
    }

    fn let_go(&self, index: &mut Index, number: u32, limit: Limit) {
        let Some(at) = index.kept.iter().position(|kept| kept.number == number) else {
            return;
        };
        let kept = index.kept.remove(at);
        self.remove(&kept);
        lock(&self.uses).values.remove(&number);
        if index.gone.len() == GONE {
            index.gone.pop_front();
        }
        index.gone.push_back((number, limit));
    }

    /// What is kept, the oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<Kept>, Error> {
        let mut guard = self.index()?;
        let index = guard.as_mut().expect("it was read");
        self.expire(index);
        Ok(index.kept.clone())
    }

    /// The value of a handle, to be read.
    ///
    /// # Errors
    /// The session has no such value, or has it no longer.
    pub fn open(&self, id: &str) -> Result<Stored, Error> {
        let mut guard = self.index()?;
        let index = guard.as_mut().expect("it was read");
        self.expire(index);
        let unknown = || Error::Unknown {
            id: id.chars().take(40).collect(),
            kept: index.kept.iter().rev().take(NAMED).map(Kept::id).collect(),
        };
        let number = number_of(id).ok_or_else(unknown)?;
        let gone = || Error::Gone {
            id: format!("r_{number}"),
            limit: index
                .gone
                .iter()
                .find(|(gone, _)| *gone == number)
                .map(|(_, limit)| *limit),
            quota: self.quota,
        };
        let kept = index.kept.iter().find(|kept| kept.number == number);
        let Some(kept) = kept else {
            let was = number > 0 && number < index.next;
            return Err(if was { gone() } else { unknown() });
        };
        match File::open(self.folder.join(kept.file_name())) {
            Ok(file) => {
                lock(&self.uses).used(number);
                Ok(Stored::new(kept.clone(), file, self.places.clone()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(gone()),
            Err(error) => Err(failed("open")(error)),
        }
    }

    /// Forgets a value; false when there is none.
    ///
    /// # Errors
    /// The folder cannot be read, or the file not be removed.
    pub fn forget(&self, id: &str) -> Result<bool, Error> {
        let mut guard = self.index()?;
        let index = guard.as_mut().expect("it was read");
        let number = number_of(id);
        let Some(at) = index
            .kept
            .iter()
            .position(|kept| Some(kept.number) == number)
        else {
            return Ok(false);
        };
        let file = self.folder.join(index.kept[at].file_name());
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove")(error));
            }
            _ => {}
        }
        let kept = index.kept.remove(at);
        lock(&self.uses).values.remove(&kept.number);
        Ok(true)
    }

    /// Forgets all values.
    pub fn clear(&self) {
        let mut index = self
            .index
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        *index = None;
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn index(&self) -> Result<MutexGuard<'_, Option<Index>>, Error> {
        let mut index = self
            .index
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if index.is_none() {
            *index = Some(self.read_index().map_err(failed("list"))?);
        }
        Ok(index)
    }

    fn read_index(&self) -> io::Result<Index> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Index {
                    kept: Vec::new(),
                    next: 1,
                    gone: VecDeque::new(),
                });
            }
            Err(error) => return Err(error),
        };
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            // Other names are not of ours, or of a write that was broken off.
            if let Some((number, hash, content)) = name.to_str().and_then(named) {
                let metadata = entry.metadata()?;
                kept.push(Kept {
                    number,
                    hash: hash.to_owned(),
                    content,
                    bytes: metadata.len(),
                    since: metadata.modified()?,
                });
            }
        }
        kept.sort_by_key(|kept| (kept.since, kept.number));
        let last = kept.iter().map(|kept| kept.number).max();
        let after_last = last.map_or(1, |last| last.saturating_add(1));
        let mut next = String::new();
        let written = File::open(self.folder.join(NEXT))
            .and_then(|file| file.take(20).read_to_string(&mut next))
            .ok()
            .and_then(|_| next.trim().parse().ok())
            .unwrap_or(1);
        Ok(Index {
            kept,
            next: after_last.max(written),
            gone: VecDeque::new(),
        })
    }

    fn expire(&self, index: &mut Index) {
        let now = SystemTime::now();
        // A clock that was set back makes nothing old.
        let age = |kept: &Kept| now.duration_since(kept.since).unwrap_or_default();
        let old: Vec<u32> = index
            .kept
            .iter()
            .filter(|kept| age(kept) >= self.quota.age)
            .map(|kept| kept.number)
            .collect();
        for number in old {
            self.let_go(index, number, Limit::Age);
        }
    }

    /// What cannot be removed goes with the folder, when old ones are swept.
    fn remove(&self, kept: &Kept) {
        let _ = fs::remove_file(self.folder.join(kept.file_name()));
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        files::replace(&self.folder.join(name), content)
    }
}

/// Number, hash and content of a file's name.
fn named(name: &str) -> Option<(u32, &str, Content)> {
    let (name, suffix) = name.split_once('.')?;
    let (number, hash) = name.split_once('-')?;
    let is_hash = hash.len() == 2 * HASH_BYTES && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(())?;
    Some((number.parse().ok()?, hash, Content::of_suffix(suffix)?))
}

fn number_of(id: &str) -> Option<u32> {
    whole(id.strip_prefix("r_")?)
}

/// A whole number as it is written in one way alone: no sign, no zeros before it.
fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
    is_number.then(|| text.parse().ok())?
}

fn hash_of(hasher: Sha256) -> String {
    hasher
        .finalize()
        .iter()
        .take(HASH_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The sessions that have kept something below `folder`, by id.
///
/// # Errors
/// The folder cannot be read.
pub fn sessions(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list")(error)),
    };
    let mut sessions: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    sessions.sort();
    Ok(sessions)
}

/// How many bytes the files in a folder of values have, those included that are no values yet.
pub fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name() != NEXT)
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

/// Removes what processes have left in a folder of values that were ended while they wrote. For who has
/// the session to itself, before it keeps anything.
pub fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "unfinished") {
            // What cannot be removed goes with the folder.
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes the folders of sessions, below `folder`, in which nothing has changed for `age`, but for
/// those of which `spare` says that they are to stay.
pub fn sweep(folder: &Path, age: Duration, spare: impl Fn(&str) -> bool) {
    let Ok(sessions) = fs::read_dir(folder) else {
        return;
    };
    for session in sessions.flatten() {
        let changed = session.metadata().and_then(|metadata| metadata.modified());
        let is_old = changed
            .ok()
            .and_then(|changed| changed.elapsed().ok())
            .is_some_and(|elapsed| elapsed >= age);
        if is_old && !session.file_name().to_str().is_some_and(&spare) {
            let _ = fs::remove_dir_all(session.path());
        }
    }
}
