//! The folder a program may write in: its current directory, and the only part of the file system
//! it can change.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use crate::Error;
use crate::launcher::NOBODY;

/// What is in a workspace, counted until a bound is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub bytes: u64,
    pub entries: u64,
}

/// A folder in [`prepare`]'s that every guest's user may open and no guest may: what a guest that has
/// been left one workspace tries to open.
pub(crate) const OTHER: &str = "other";

/// Makes the folder of all workspaces, an absolute path, for its user alone.
///
/// When we are root the guest is nobody, who must be able to pass through `folder`; a folder
/// below one that only root may enter is refused by name rather than by the guest's first error.
///
/// # Errors
/// [`Error::Workspace`] names the path and the reason.
pub fn prepare(folder: &Path) -> Result<(), Error> {
    let fail = |error: std::io::Error| Error::Workspace {
        path: folder.to_owned(),
        error,
    };
    let root = rustix::process::geteuid().is_root();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(if root { 0o711 } else { 0o700 })
        .create(folder)
        .map_err(fail)?;
    // Another user could have made it first where everybody may write.
    let found = std::fs::symlink_metadata(folder).map_err(fail)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(fail(std::io::Error::other("it belongs to somebody else")));
    }
    if root
        && let Some(closed) = folder.ancestors().find(|above| {
            std::fs::metadata(above).is_ok_and(|found| found.permissions().mode() & 0o001 == 0)
        })
    {
        return Err(fail(std::io::Error::other(format!(
            "guests of root run as nobody, who cannot enter {}",
            closed.display()
        ))));
    }
    own_folder(&folder.join(OTHER))
}

/// Makes a folder that belongs to the user whom guests run as.
fn own_folder(path: &Path) -> Result<(), Error> {
    let fail = |error: std::io::Error| Error::Workspace {
        path: path.to_owned(),
        error,
    };
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(fail(error)),
        _ => {}
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).map_err(fail)?;
    }
    Ok(())
}

/// Device and inode of a folder, if it is one and belongs to the user whom guests run as.
fn folder_of_guests(path: &Path) -> Option<(u64, u64)> {
    let user = rustix::process::geteuid();
    let guest = if user.is_root() {
        NOBODY
    } else {
        user.as_raw()
    };
    let found = std::fs::symlink_metadata(path).ok()?;
    (found.is_dir() && found.uid() == guest).then(|| (found.dev(), found.ino()))
}

/// One workspace, removed by [`Workspace::remove`]. Another folder of the same path is not equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    path: PathBuf,
    /// Device and inode.
    number: (u64, u64),
}

impl Workspace {
    /// Makes (or takes up again) the workspace `name` below `folder`, which [`prepare`] has made.
    ///
    /// # Errors
    /// [`Error::Workspace`] names the path and the reason.
    pub fn open(folder: &Path, name: &str) -> Result<Workspace, Error> {
        let path = folder.join(name);
        let number = match folder_of_guests(&path) {
            Some(number) => number,
            None => {
                prepare(folder)?;
                own_folder(&path)?;
                folder_of_guests(&path).ok_or_else(|| Error::Workspace {
                    path: path.clone(),
                    error: std::io::Error::other("it is no folder, or belongs to somebody else"),
                })?
            }
        };
        Ok(Workspace { path, number })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts files and bytes without following a link, and stops once either bound is passed: a
    /// hostile tree costs no more than an honest one at its limit.
    pub fn usage(&self, at_most: Usage) -> Usage {
        let mut usage = Usage {
            bytes: 0,
            entries: 0,
        };
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(top) = rustix::fs::open(&self.path, flags, Mode::empty()) else {
            return usage;
        };
        // Relative paths from one descriptor: the tree may be deeper than there are descriptors.
        let mut folders = vec![PathBuf::from(".")];
        while let Some(folder) = folders.pop() {
            let opened = match rustix::fs::openat(&top, &folder, flags, Mode::empty()) {
                Ok(opened) => opened,
                // Folders deeper than a path can say: what is in them cannot be counted, so it is
                // taken to be too much.
                Err(rustix::io::Errno::NAMETOOLONG) => {
                    return Usage {
                        bytes: u64::MAX,
                        ..usage
                    };
                }
                // Removed meanwhile.
                Err(_) => continue,
            };
            let Ok(entries) = Dir::read_from(&opened) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                usage.entries += 1;
                if let Ok(stat) = rustix::fs::statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) {
                    // Blocks, because a sparse file costs nothing and a full one is not its length.
                    usage.bytes += stat.st_blocks as u64 * 512;
                    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                        use std::os::unix::ffi::OsStrExt;
                        folders.push(folder.join(std::ffi::OsStr::from_bytes(name.to_bytes())));
                    }
                }
                if usage.bytes > at_most.bytes || usage.entries > at_most.entries {
                    return usage;
                }
            }
        }
        usage
    }

    /// Removes the folder and all in it; what cannot be removed stays and is the error.
    pub fn remove(&self) -> std::io::Result<()> {
        std::fs::remove_dir_all(&self.path)
    }
}

/// Removes the workspaces in `folder` that nothing has changed for `age`: those whose owner could not
/// remove them. `spare` says of a name that it is to stay all the same.
pub fn sweep(folder: &Path, age: std::time::Duration, spare: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let old = entry
            .metadata()
            .and_then(|found| found.modified())
            .is_ok_and(|changed| changed.elapsed().is_ok_and(|since| since > age));
        let name = entry.file_name();
        let is_swept = |name: &str| name.starts_with("s_") && !spare(name);
        if old && name.to_str().is_some_and(is_swept) {
            // Another gateway may be sweeping too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_workspaces_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        for (name, days) in [("s_old", 8), ("s_kept", 8), ("s_new", 1), ("other", 8)] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            let then = std::time::SystemTime::now() - std::time::Duration::from_secs(days * 86_400);
            std::fs::File::open(folder.path().join(name))
                .unwrap()
                .set_modified(then)
                .unwrap();
        }
        let age = std::time::Duration::from_secs(7 * 86_400);
        sweep(folder.path(), age, |name| name == "s_kept");
        let left = |name: &str| folder.path().join(name).exists();
        assert_eq!(
            [left("s_old"), left("s_kept"), left("s_new"), left("other")],
            [false, true, true, true]
        );
    }

    #[test]
    fn usage_counts_without_following_links_and_stops_at_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let workspace = Workspace::open(&folder.path().join("all"), "one").unwrap();
        std::fs::create_dir_all(workspace.path().join("a/b")).unwrap();
        std::fs::write(workspace.path().join("a/b/c"), vec![1; 10_000]).unwrap();
        std::os::unix::fs::symlink("/usr", workspace.path().join("link")).unwrap();
        let bounds = Usage {
            bytes: u64::MAX,
            entries: 1000,
        };
        let usage = workspace.usage(bounds);
        assert_eq!(usage.entries, 4);
        assert!(usage.bytes >= 10_000, "{usage:?}");
        assert_eq!(
            workspace
                .usage(Usage {
                    entries: 1,
                    ..bounds
                })
                .entries,
            2
        );
        workspace.remove().unwrap();
        assert!(!workspace.path().exists());
        assert!(Path::new("/usr/bin").exists());
    }
}
