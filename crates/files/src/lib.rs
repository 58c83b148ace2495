//! Small files that several processes of one user share: replaced whole, and locked while they change.
//!
//! What is written here is its user's alone: files have mode 0600, folders that are made for them 0700.
//! A reader sees the earlier content or the new one. Who is killed in the middle leaves the earlier one,
//! and beside it a file whose name ends in `.unfinished`, which nobody reads.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Makes a folder, and those above it that are not there.
///
/// # Errors
/// The file system refuses.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Opens an empty file to be written, in a folder that is made if it is not there.
///
/// # Errors
/// The file system refuses.
pub fn create(path: &Path) -> io::Result<File> {
    open(path, true)
}

fn open(path: &Path, truncate: bool) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    File::options()
        .write(true)
        .create(true)
        .truncate(truncate)
        .mode(0o600)
        .open(path)
}

/// Gives a file another content, whole or not at all. A machine that loses its power may lose it.
///
/// # Errors
/// The file system refuses; what was there stays.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_by(path, |file| file.write_all(content))
}

/// As [`replace`], for what must not be lost: it is on the disk before it takes the place of the earlier
/// content.
///
/// # Errors
/// The file system refuses; what was there stays.
pub fn replace_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_by(path, |file| {
        file.write_all(content)?;
        file.sync_all()
    })
}

fn replace_by(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    /// Two threads may replace the same file, as two processes may.
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut unfinished = OsString::from(name);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    unfinished.push(format!(".{}-{number}.unfinished", std::process::id()));
    let unfinished = path.with_file_name(unfinished);
    let written = create(&unfinished)
        .and_then(|mut file| write(&mut file))
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// By what a file shows that it was replaced; nothing when it is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    pub fn of(path: &Path) -> Stamp {
        let file = fs::metadata(path).ok();
        Stamp(file.map(|file| (file.ino(), file.len(), file.mtime(), file.mtime_nsec())))
    }
}

/// Held by one process at a time while it reads files and replaces them, so that nothing is lost of what
/// two write at once. It ends when it is dropped, and with its process.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing it ends the lock")] File);

impl Lock {
    /// How often it is tried for.
    const PAUSE: Duration = Duration::from_millis(2);

    /// Takes the lock that is this file, which is made if it is not there and stays. Waits for whoever has
    /// it, but no longer than `patience`. Blocks.
    ///
    /// # Errors
    /// It is still held by another one ([`io::ErrorKind::WouldBlock`]), or the file system refuses.
    pub fn take(path: &Path, patience: Duration) -> io::Result<Lock> {
        let file = open(path, false)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                    std::thread::sleep(Lock::PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let held = format!("another toolmill holds {}", path.display());
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, held));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Barrier;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_is_its_users_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/file.json");
        let before = Stamp::of(&path);
        replace(&path, b"one").unwrap();
        let one = Stamp::of(&path);
        // Who has it open reads on in what it was.
        let open = File::open(&path).unwrap();
        replace_durably(&path, b"two").unwrap();
        assert_eq!(io::read_to_string(open).unwrap(), "one");
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert!(before != one && one != Stamp::of(&path));
        assert_eq!(Stamp::of(&path), Stamp::of(&path));
        let folder = path.parent().unwrap();
        assert_eq!(names(folder), ["file.json"]);
        let modes = [mode(&path), mode(folder), mode(&place.path().join("a"))];
        assert_eq!(modes, [0o600, 0o700, 0o700]);
    }

    #[test]
    fn what_cannot_be_written_changes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        replace(&path, b"one").unwrap();
        let failed = replace_by(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "the disk is full");
        // A folder cannot be replaced by a file.
        fs::create_dir(place.path().join("folder")).unwrap();
        assert!(replace(&place.path().join("folder"), b"x").is_err());
        assert!(replace(&path.join("below"), b"x").is_err());
        assert!(replace(Path::new("/"), b"x").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(names(place.path()), ["file", "folder"]);
    }

    #[test]
    fn of_two_threads_that_replace_a_file_one_is_the_last() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        let together = Barrier::new(2);
        std::thread::scope(|scope| {
            for content in [[b'a'; 10_000], [b'b'; 10_000]] {
                let (path, together) = (&path, &together);
                scope.spawn(move || {
                    together.wait();
                    for _ in 0..50 {
                        replace(path, &content).unwrap();
                        let found = fs::read(path).unwrap();
                        assert!(found == [b'a'; 10_000] || found == [b'b'; 10_000]);
                    }
                });
            }
        });
        assert_eq!(names(place.path()), ["file"]);
    }

    #[test]
    fn a_lock_is_held_by_one_until_it_is_dropped() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("below/lock");
        let held = Lock::take(&path, Duration::ZERO).unwrap();
        assert_eq!(mode(&path), 0o600);
        let refused = Lock::take(&path, Duration::from_millis(5)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        let says = format!("another toolmill holds {}", path.display());
        assert_eq!(refused.to_string(), says);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| Lock::take(&path, Duration::from_secs(60)));
            drop(held);
            waits.join().unwrap().unwrap();
        });
        Lock::take(&path, Duration::ZERO).unwrap();
        // What is in the file is nobody's business, and stays.
        fs::write(&path, "x").unwrap();
        Lock::take(&path, Duration::ZERO).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
