//! Values that programs of a session store by a key, for later ones.
//!
//! Each value is its JSON as it came, in a file of its own: its name is the hash of the key, its first
//! line holds key and version. So storing one value writes nothing else, a key may be any text, and a
//! write that is broken off leaves the earlier value. What would pass the [`StoreQuota`] is refused;
//! nothing that a program stored is dropped to make room for something else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::VERSION;

/// How much a session may store.
#[derive(Debug, Clone, Copy)]
pub struct StoreQuota {
    /// Of all its values.
    pub bytes: u64,
    pub values: usize,
    /// Since a value was stored.
    pub age: Duration,
}

impl Default for StoreQuota {
    fn default() -> StoreQuota {
        StoreQuota {
            bytes: 16 << 20,
            values: 1000,
            age: Duration::from_secs(7 * 86_400),
        }
    }
}

/// Longest key.
pub const KEY_BYTES: usize = 256;

/// Why a value could not be stored or loaded.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("nothing is stored under {}{}", shown(.key), stored(.known))]
    Unknown { key: String, known: Vec<String> },
    #[error("a key is a text of 1 to {KEY_BYTES} bytes; this one has {bytes}")]
    Key { bytes: usize },
    #[error(
        "{} has {bytes} bytes, and the store of a session holds {most} at most, of which {held} are taken{}",
        shown(.key), to_delete(.largest)
    )]
    Full {
        key: String,
        bytes: u64,
        held: u64,
        most: u64,
        largest: Option<(String, u64)>,
    },
    #[error(
        "the store of a session holds {most} values at most; delete some: store.delete(key) for a key in store.keys()"
    )]
    TooMany { most: usize },
    #[error(
        "{path} is of version {version} of the store, and this toolmill knows {VERSION}; use a newer toolmill, or remove the file"
    )]
    Newer { path: PathBuf, version: u32 },
    #[error("the value of {} is damaged", shown(.key))]
    Damaged { key: String },
    #[error("failed to {action} a stored value: {error}")]
    Io {
        action: &'static str,
        error: io::Error,
    },
}

const NAMED: usize = 8;

fn stored(known: &[String]) -> String {
    let mut names: Vec<String> = known.iter().take(NAMED).map(|key| shown(key)).collect();
    match known.len() {
        0 => "; this session has stored nothing".to_owned(),
        count => {
            if count > NAMED {
                names.push(format!("{} more", count - NAMED));
            }
            format!("; stored are {}", names.join(", "))
        }
    }
}

fn to_delete(largest: &Option<(String, u64)>) -> String {
    largest.as_ref().map_or_else(String::new, |(key, bytes)| {
        format!(
            "; delete what is not needed: store.delete({}) frees {bytes}",
            shown(key)
        )
    })
}

/// A key as an error shows it: quoted, escaped and not long.
fn shown(key: &str) -> String {
    const CHARACTERS: usize = 60;
    if key.chars().count() <= CHARACTERS {
        return format!("{key:?}");
    }
    format!(
        "{:?}",
        key.chars()
            .take(CHARACTERS)
            .chain(['…'])
            .collect::<String>()
    )
}

/// The stored values of one session. Processes that share a session must not use them at the same time.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    quota: StoreQuota,
    /// What is stored; absent until first asked for.
    index: Mutex<Option<BTreeMap<String, Entry>>>,
    /// Since somebody asked.
    written: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    bytes: u64,
    since: SystemTime,
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    key: String,
}

/// A key's line is at most this long: JSON writes a byte as six.
const HEADER_BYTES: u64 = 6 * KEY_BYTES as u64 + 64;

impl Store {
    /// That in `folder`, which is made when the first value is stored.
    pub fn new(folder: PathBuf, quota: StoreQuota) -> Store {
        Store {
            folder,
            quota,
            index: Mutex::new(None),
            written: AtomicU64::new(0),
        }
    }

    /// How many bytes of values were stored since this was asked last.
    pub fn take_written(&self) -> u64 {
        self.written.swap(0, Ordering::Relaxed)
    }

    /// Stores the JSON of a value under a key, in place of what was there.
    ///
    /// # Errors
    /// It would be too much, or the file system refuses; what was there stays.
    pub fn put(&self, key: &str, json: &str) -> Result<(), StoreError> {
        if key.is_empty() || key.len() > KEY_BYTES {
            return Err(StoreError::Key { bytes: key.len() });
        }
        let mut guard = self.index()?;
        let index = guard.as_mut().expect("it was read");
        let bytes = json.len() as u64;
        let held: u64 = index
            .iter()
            .filter(|(known, _)| *known != key)
            .map(|(_, entry)| entry.bytes)
            .sum();
        if held + bytes > self.quota.bytes {
            let largest = index
                .iter()
                .filter(|(known, _)| *known != key)
                .max_by_key(|(_, entry)| entry.bytes)
                .map(|(key, entry)| (key.clone(), entry.bytes));
            return Err(StoreError::Full {
                key: key.to_owned(),
                bytes,
                held,
                most: self.quota.bytes,
                largest,
            });
        }
        if index.len() >= self.quota.values && !index.contains_key(key) {
            return Err(StoreError::TooMany {
                most: self.quota.values,
            });
        }
        let header = Header {
            version: VERSION,
            key: key.to_owned(),
        };
        let header = serde_json::to_string(&header).expect("a header has string keys");
        files::replace(&self.path(key), format!("{header}\n{json}").as_bytes())
            .map_err(failed("write"))?;
        let since = SystemTime::now();
        index.insert(key.to_owned(), Entry { bytes, since });
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// The JSON that is stored under a key.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] names what is stored.
    pub fn get(&self, key: &str) -> Result<String, StoreError> {
        let mut guard = self.index()?;
        let index = guard.as_mut().expect("it was read");
        let Some(entry) = index.get(key) else {
            return Err(StoreError::Unknown {
                key: key.to_owned(),
                known: index.keys().cloned().collect(),
            });
        };
        let damaged = || StoreError::Damaged {
            key: key.to_owned(),
        };
        let file = File::open(self.path(key)).map_err(failed("read"))?;
        let mut file = BufReader::new(file);
        let found = header_of(&mut file).ok().flatten().ok_or_else(damaged)?;
        let mut json = String::new();
        file.take(entry.bytes)
            .read_to_string(&mut json)
            .map_err(|_| damaged())?;
        let whole = found.key == key
            && json.len() as u64 == entry.bytes
            && serde_json::from_str::<&serde_json::value::RawValue>(&json).is_ok();
        if whole { Ok(json) } else { Err(damaged()) }
    }

    /// What is stored, in the order of the keys.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn keys(&self) -> Result<Vec<String>, StoreError> {
        let guard = self.index()?;
        Ok(guard
            .as_ref()
            .expect("it was read")
            .keys()
            .cloned()
            .collect())
    }

    /// Deletes what is stored under a key; whether there was something.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn delete(&self, key: &str) -> Result<bool, StoreError> {
        let mut guard = self.index()?;
        let index = guard.as_mut().expect("it was read");
        if !index.contains_key(key) {
            return Ok(false);
        }
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("delete")(error));
            }
            _ => {}
        }
        index.remove(key);
        Ok(true)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(file_name(key))
    }

    /// What is stored and not too old.
    fn index(&self) -> Result<MutexGuard<'_, Option<BTreeMap<String, Entry>>>, StoreError> {
        let mut guard = self
            .index
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let index = match &mut *guard {
            Some(index) => index,
            None => guard.insert(read_index(&self.folder)?),
        };
        let now = SystemTime::now();
        index.retain(|key, entry| {
            // A clock that was set back makes nothing old.
            let lives = now.duration_since(entry.since).unwrap_or_default() < self.quota.age;
            if !lives {
                // What cannot be removed goes with the folder.
                let _ = fs::remove_file(self.path(key));
            }
            lives
        });
        Ok(guard)
    }
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |error| StoreError::Io { action, error }
}

fn file_name(key: &str) -> String {
    const HASH_BYTES: usize = 16;
    let mut name: String = Sha256::digest(key)
        .iter()
        .take(HASH_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    name.push_str(".json");
    name
}

/// The header that a file begins with, if it is one.
fn header_of(file: &mut BufReader<File>) -> io::Result<Option<Header>> {
    let mut line = Vec::new();
    file.take(HEADER_BYTES).read_until(b'\n', &mut line)?;
    Ok(line
        .strip_suffix(b"\n")
        .and_then(|line| serde_json::from_slice(line).ok()))
}

fn read_index(folder: &Path) -> Result<BTreeMap<String, Entry>, StoreError> {
    let mut index = BTreeMap::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(index),
        Err(error) => return Err(failed("list")(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed("list"))?.path();
        // Other names are of writes that were broken off.
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let file = File::open(&path).map_err(failed("read"))?;
        let metadata = file.metadata().map_err(failed("read"))?;
        let mut file = BufReader::with_capacity(1 << 10, file);
        let Some(header) = header_of(&mut file).map_err(failed("read"))? else {
            continue;
        };
        if header.version > VERSION {
            return Err(StoreError::Newer {
                path,
                version: header.version,
            });
        }
        let first_line = io::Seek::stream_position(&mut file).map_err(failed("read"))?;
        if path
            .file_name()
            .is_some_and(|name| name == &*file_name(&header.key))
        {
            index.insert(
                header.key,
                Entry {
                    bytes: metadata.len().saturating_sub(first_line),
                    since: metadata.modified().map_err(failed("read"))?,
                },
            );
        }
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: StoreQuota = StoreQuota {
        bytes: 10,
        values: 2,
        age: Duration::from_secs(3600),
    };

    #[test]
    fn values_keep_their_digits_and_any_text_is_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("store"), StoreQuota::default());
        let keys = [
            "a",
            "../../etc/passwd",
            "\0\n\u{202e}",
            "a/b",
            "é",
            &"k".repeat(KEY_BYTES),
        ];
        for (number, key) in keys.iter().enumerate() {
            store
                .put(key, &format!("[12345678901234567890.10,\n {number}]"))
                .unwrap();
        }
        let again = Store::new(folder.path().join("store"), StoreQuota::default());
        for (number, key) in keys.iter().enumerate() {
            let expected = format!("[12345678901234567890.10,\n {number}]");
            assert_eq!(store.get(key).unwrap(), expected);
            assert_eq!(again.get(key).unwrap(), expected);
        }
        let mut sorted = keys.map(str::to_owned);
        sorted.sort();
        assert_eq!(again.keys().unwrap(), sorted);
        assert!(again.delete("a").unwrap());
        assert!(!again.delete("a").unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(
            fs::read_dir(folder.path().join("store")).unwrap().count(),
            5
        );
    }

    #[test]
    fn what_would_pass_the_quota_is_refused_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("store"), SMALL);
        let refused = |key: &str, json: &str| store.put(key, json).unwrap_err().to_string();
        store.put("one", "1234567").unwrap();
        assert_eq!(
            refused("two", "1234"),
            "\"two\" has 4 bytes, and the store of a session holds 10 at most, of which 7 are taken; \
             delete what is not needed: store.delete(\"one\") frees 7"
        );
        store.put("two", "123").unwrap();
        assert!(refused("three", "").contains("holds 2 values at most"));
        assert!(refused("one", "12345678").contains("of which 3 are taken"));
        store.put("one", "12345").unwrap();
        assert_eq!(store.get("one").unwrap(), "12345");
        for key in ["", &"k".repeat(KEY_BYTES + 1)] {
            assert!(refused(key, "1").starts_with("a key is a text of 1 to 256 bytes"));
        }
        assert_eq!(
            store.get("three").unwrap_err().to_string(),
            "nothing is stored under \"three\"; stored are \"one\", \"two\""
        );
        store.delete("two").unwrap();
        store.put("three", "1").unwrap();
    }

    #[test]
    fn what_is_old_goes_and_what_is_newer_than_we_are_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned(), SMALL);
        store.put("old", "1").unwrap();
        let path = folder.path().join(file_name("old"));
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - SMALL.age).unwrap();
        let store = Store::new(folder.path().to_owned(), SMALL);
        assert_eq!(store.keys().unwrap(), [""; 0]);
        assert!(!path.exists());

        let name = file_name("key");
        let newer = folder.path().join(&name);
        fs::write(&newer, "{\"version\":2,\"key\":\"key\"}\n1").unwrap();
        let store = Store::new(folder.path().to_owned(), SMALL);
        let error = store.put("key", "2").unwrap_err().to_string();
        assert!(
            error.contains(&name) && error.contains("version 2"),
            "{error}"
        );
        assert!(fs::read_to_string(&newer).unwrap().ends_with("\n1"));
    }

    #[test]
    fn files_that_are_not_ours_or_are_damaged_harm_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned(), StoreQuota::default());
        store.put("key", "[1]").unwrap();
        fs::write(folder.path().join("x.json"), [0xff; 5000]).unwrap();
        fs::write(
            folder.path().join("y.json"),
            "{\"version\":1,\"key\":\"key\"}\n2",
        )
        .unwrap();
        fs::write(folder.path().join("z.unfinished"), "half").unwrap();
        let again = Store::new(folder.path().to_owned(), StoreQuota::default());
        assert_eq!(again.keys().unwrap(), ["key"]);
        assert_eq!(again.get("key").unwrap(), "[1]");
        let path = folder.path().join(file_name("key"));
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let error = again.get("key").unwrap_err().to_string();
        assert_eq!(error, "the value of \"key\" is damaged");
    }
}
