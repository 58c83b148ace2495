//! The full tier: namespaces around a zygote and all its guests, and a root of their own.
//!
//! Nothing here is what keeps a program from doing harm: the file rules, the system-call filter and
//! the missing capabilities do, in every tier. In the full tier what they leave out of reach is not
//! there either: no other process, no network device, and a root of a few read-only folders.
//!
//! The supervisor [forks](fork) the launcher into new namespaces and [tells it who it is](identify);
//! the launcher [builds the root](build_root) and gives up what that took. The clone comes before the
//! launcher is executed because only the first process of a namespace of processes ends all others
//! with it.

use std::ffi::CStr;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{CWD, StatVfsMountFlags};
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags};
use rustix::process::Pid;
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use crate::launcher::{NOBODY, StepError, no_effect, step, took_effect};

/// How much stands around a guest. The stronger is the greater.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// What every guest has, on any machine: no capability, file rules, a system-call filter, limits,
    /// an unprivileged user.
    #[default]
    Strict,
    /// That, within namespaces of users, processes, mounts, networks, message queues and host names,
    /// and with a root of its own.
    Full,
}

impl Tier {
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Strict => "strict",
            Tier::Full => "full",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The namespaces of the full tier, by their names in `/proc/PID/ns`.
const NAMESPACES: [(&str, i32); 6] = [
    ("user", libc::CLONE_NEWUSER),
    ("pid", libc::CLONE_NEWPID),
    ("mnt", libc::CLONE_NEWNS),
    ("net", libc::CLONE_NEWNET),
    ("ipc", libc::CLONE_NEWIPC),
    ("uts", libc::CLONE_NEWUTS),
];

/// The name of the machine that guests see.
const HOST_NAME: &[u8] = b"toolmill";

/// Links of the root without which a dynamic executable finds neither its loader nor, through the
/// cache of library paths, its libraries.
const LINKS: [&str; 2] = ["lib", "lib64"];

/// Forks this process, into new namespaces if the tier has them. `None` in the child.
///
/// To be called by a process with one thread.
pub(crate) fn fork(tier: Tier) -> std::io::Result<Option<Pid>> {
    let parent = rustix::process::getpid();
    let forked = match tier {
        // Not clone3, which containers refuse.
        // SAFETY: this process has one thread, so the child finds every lock free.
        Tier::Strict => unsafe { libc::fork() }.into(),
        Tier::Full => {
            let flags = NAMESPACES.iter().fold(0, |flags, (_, flag)| flags | flag);
            // SAFETY: zeros are a valid value of this structure of numbers.
            let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
            arguments.flags = flags as u64;
            arguments.exit_signal = libc::SIGCHLD as u64;
            // SAFETY: the kernel reads the structure; without CLONE_VM the child has its own copy of
            // everything, as after a fork.
            unsafe {
                libc::syscall(
                    libc::SYS_clone3,
                    &raw const arguments,
                    size_of_val(&arguments),
                )
            }
        }
    };
    match forked {
        -1 => Err(std::io::Error::last_os_error()),
        0 if rustix::process::getpid() == parent => Err(no_effect()),
        0 => Ok(None),
        child => Ok(Pid::from_raw(child as i32)),
    }
}

/// Maps one user and one group, the guest's, into the user namespace of a child that waits for it.
/// No other user exists there, root neither.
pub(crate) fn identify(child: Pid) -> std::io::Result<()> {
    let (uid, gid) = match rustix::process::geteuid() {
        root if root.is_root() => (NOBODY, NOBODY),
        uid => (uid.as_raw(), rustix::process::getegid().as_raw()),
    };
    let file = |name| format!("/proc/{}/{name}", child.as_raw_nonzero());
    if uid != NOBODY {
        // The kernel's condition for an unprivileged user to map a group.
        std::fs::write(file("setgroups"), "deny")?;
    }
    std::fs::write(file("uid_map"), format!("{uid} {uid} 1"))?;
    std::fs::write(file("gid_map"), format!("{gid} {gid} 1"))
}

/// Keeps over the execution of the launcher the capabilities that it needs in its new namespaces, and
/// gives up the others.
pub(crate) fn keep_capabilities(root: bool) -> Result<(), StepError> {
    let mut kept = vec![CapabilitySet::SYS_ADMIN, CapabilitySet::SETPCAP];
    if root {
        kept.extend([CapabilitySet::SETUID, CapabilitySet::SETGID]);
    }
    let all = kept.iter().copied().collect();
    let sets = rustix::thread::CapabilitySets {
        effective: all,
        permitted: all,
        inheritable: all,
    };
    step(
        "keep_capabilities",
        rustix::thread::set_capabilities(None, sets),
    )?;
    for capability in kept {
        step(
            "keep_capabilities",
            rustix::thread::configure_capability_in_ambient_set(capability, true),
        )?;
    }
    Ok(())
}

/// Makes a root of nothing but `read`, which cannot be written, and `write`, where nothing can be
/// executed; leaves the old one. `point` is any folder that can be reached: the new root is made
/// there.
pub(crate) fn build_root(
    read: &[PathBuf],
    write: Option<&Path>,
    point: &Path,
) -> Result<(), StepError> {
    const NOTHING: MountFlags = MountFlags::NOSUID
        .union(MountFlags::NODEV)
        .union(MountFlags::NOEXEC);
    let harmless = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let mut trees = Vec::new();
    for path in read {
        let tree = tree(path)?;
        limit(
            &tree,
            harmless | libc::MOUNT_ATTR_RDONLY,
            libc::AT_RECURSIVE,
        )?;
        trees.push((path.as_path(), tree));
    }
    if let Some(path) = write {
        let tree = tree(path)?;
        limit(
            &tree,
            harmless | libc::MOUNT_ATTR_NOEXEC,
            libc::AT_RECURSIVE,
        )?;
        trees.push((path, tree));
    }

    // A file system in memory, as large as the mount points need.
    let options: &CStr = c"mode=0755,size=256k,nr_inodes=4096";
    let mounted = rustix::mount::mount("tmpfs", point, "tmpfs", NOTHING, options);
    step("root_mount", mounted)?;
    let fail = |name| move |error: std::io::Error| (name, error);
    std::env::set_current_dir(point).map_err(fail("root_mount"))?;
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    let kind = rustix::fs::statfs(".").map_err(|error| ("root_mount", error.into()))?;
    took_effect("root_mount", kind.f_type as i64 == TMPFS_MAGIC)?;
    let root = place(".")?;

    if !read.is_empty() {
        for name in LINKS {
            if let Ok(target) = std::fs::read_link(Path::new("/").join(name)) {
                std::os::unix::fs::symlink(target, name).map_err(fail("root_links"))?;
            }
        }
    }
    for (path, tree) in &trees {
        attach(path, tree)?;
    }

    step("root_pivot", rustix::process::pivot_root(".", "."))?;
    // The old root now lies on the new one, and `..` of the root is what lies on it.
    step(
        "root_detach",
        rustix::mount::unmount(".", UnmountFlags::DETACH),
    )?;
    took_effect("root_pivot", place("/")? == root)?;
    took_effect("root_detach", place("/..")? == root)?;
    std::env::set_current_dir("/").map_err(fail("root_detach"))?;
    let top = rustix::fs::open(
        "/",
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .map_err(|error| ("root_read_only", error.into()))?;
    limit(
        &top,
        harmless | libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOEXEC,
        0,
    )?;

    step("host_name", rustix::system::sethostname(HOST_NAME))?;
    took_effect(
        "host_name",
        rustix::system::uname().nodename().to_bytes() == HOST_NAME,
    )
}

/// A copy of what is mounted at and below a path, which nobody else sees.
fn tree(path: &Path) -> Result<OwnedFd, StepError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    rustix::mount::open_tree(CWD, path, flags).map_err(|error| {
        let error = std::io::Error::from(error);
        // Whose path it is matters more than the number.
        let message = format!("{}: {error}", path.display());
        ("root_tree", std::io::Error::new(error.kind(), message))
    })
}

/// Takes rights from a mount, and with `AT_RECURSIVE` from all below it. From then on no mount reaches
/// it from outside.
fn limit(tree: &OwnedFd, attributes: u64, flags: i32) -> Result<(), StepError> {
    const NAME: &str = "root_rights";
    let request = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: 0,
    };
    // SAFETY: the kernel reads an empty path and a structure of the size given.
    let set = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | flags,
            &raw const request,
            size_of_val(&request),
        )
    };
    if set != 0 {
        return Err((NAME, std::io::Error::last_os_error()));
    }
    let found = rustix::fs::fstatvfs(tree)
        .map_err(|error| (NAME, error.into()))?
        .f_flag;
    let wanted = [
        (libc::MOUNT_ATTR_RDONLY, StatVfsMountFlags::RDONLY),
        (libc::MOUNT_ATTR_NOSUID, StatVfsMountFlags::NOSUID),
        (libc::MOUNT_ATTR_NODEV, StatVfsMountFlags::NODEV),
        (libc::MOUNT_ATTR_NOEXEC, StatVfsMountFlags::NOEXEC),
    ];
    let all = wanted
        .iter()
        .all(|(attribute, flag)| attributes & attribute == 0 || found.contains(*flag));
    took_effect(NAME, all)
}

/// Puts a tree below the current directory where it was below the old root.
fn attach(path: &Path, tree: &OwnedFd) -> Result<(), StepError> {
    const NAME: &str = "root_attach";
    let fail = |error: std::io::Error| {
        let message = format!("{}: {error}", path.display());
        (NAME, std::io::Error::new(error.kind(), message))
    };
    let below = path
        .strip_prefix("/")
        .map_err(|_| fail(std::io::Error::other("not an absolute path")))?;
    let source = rustix::fs::fstat(tree).map_err(|error| fail(error.into()))?;
    if rustix::fs::FileType::from_raw_mode(source.st_mode).is_dir() {
        std::fs::create_dir_all(below).map_err(fail)?;
    } else {
        if let Some(folder) = below.parent() {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        std::fs::File::options()
            .append(true)
            .create(true)
            .open(below)
            .map_err(fail)?;
    }
    let moved = rustix::mount::move_mount(
        tree,
        "",
        CWD,
        below,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    );
    moved.map_err(|error| fail(error.into()))?;
    let target = rustix::fs::stat(below).map_err(|error| fail(error.into()))?;
    took_effect(
        NAME,
        (target.st_dev, target.st_ino) == (source.st_dev, source.st_ino),
    )
}

/// What a path leads to.
fn place(path: &str) -> Result<(u64, u64), StepError> {
    rustix::fs::stat(path)
        .map(|found| (found.st_dev, found.st_ino))
        .map_err(|error| ("root_pivot", error.into()))
}

/// The first namespace of the full tier that a process shares with us, if there is one.
///
/// # Errors
/// The kernel does not say.
pub(crate) fn shared_with_us(process: Pid) -> std::io::Result<Option<&'static str>> {
    /// Those of this process, which it never leaves.
    static OURS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let of = |process: &str| -> std::io::Result<Vec<PathBuf>> {
        NAMESPACES
            .iter()
            .map(|(name, _)| std::fs::read_link(format!("/proc/{process}/ns/{name}")))
            .collect()
    };
    let ours = match OURS.get() {
        Some(ours) => ours,
        None => {
            let ours = of("self")?;
            OURS.get_or_init(|| ours)
        }
    };
    let theirs = of(&process.to_string())?;
    let shared = NAMESPACES
        .iter()
        .zip(ours.iter().zip(&theirs))
        .find(|(_, (ours, theirs))| ours == theirs);
    Ok(shared.map(|((name, _), _)| *name))
}

/// The number by which we know the process of a descriptor; its parent may know it by another.
pub(crate) fn number_of(pidfd: BorrowedFd) -> std::io::Result<Option<Pid>> {
    let information = format!("/proc/self/fdinfo/{}", pidfd.as_fd().as_raw_fd());
    let information = std::fs::read_to_string(information)?;
    Ok(crate::lockdown::status_field(&information, "Pid")
        .and_then(|number| number.parse().ok())
        // It is -1 once the process has been collected.
        .filter(|number| *number > 0)
        .and_then(Pid::from_raw))
}
