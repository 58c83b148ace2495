//! The first program of a zygote: gives up everything that must go before an interpreter starts,
//! then becomes the interpreter.
//!
//! It is this binary again, freshly executed by the supervisor, so nothing of the supervisor's
//! memory is in it. Straight-line system calls, one error variant a step; the first that fails is
//! reported on the channel and ends the process. A step whose effect nobody could see from outside is
//! looked at here, where the kernel tells. What must come after the interpreter has started
//! (file rules, the system-call filter) is in the [lockdown tables](crate::Lockdown).

use std::ffi::CString;
use std::io::Write;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use crate::namespaces::{self, Tier};

/// Where a zygote, and later each of its guests, finds the channel to its host.
pub(crate) const CHANNEL: i32 = 3;
/// Where the launcher finds what it is to do.
pub(crate) const ORDERS: i32 = 4;
/// Where it finds a descriptor of the supervisor's process.
pub(crate) const SUPERVISOR: i32 = 5;

/// Open descriptors of a zygote: two for each guest that lives.
const ZYGOTE_DESCRIPTORS: u64 = 4096;

/// The uid and gid of guests whose host is root. They own nothing.
pub const NOBODY: u32 = 65534;

/// What the launcher is to do, written by the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) tier: Tier,
    /// Whether the host is root, so that its guests must become somebody else.
    pub(crate) drop_root: bool,
    /// The folder of all workspaces.
    pub(crate) workspaces: PathBuf,
    /// Whether guests may write there.
    pub(crate) writable: bool,
    /// What they may read, and what their interpreter needs to start.
    pub(crate) read: Vec<PathBuf>,
    pub(crate) limits: ProcessLimits,
    /// An interpreter to become, with its arguments; without one the launcher returns and this
    /// binary is the guest.
    pub(crate) interpreter: Option<Vec<String>>,
}

/// Limits the kernel itself keeps for one process.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ProcessLimits {
    /// Memory the program may use, which a guest that is this binary keeps to by itself.
    pub memory_bytes: u64,
    /// Address space, in bytes; more than the memory a program may use, by what an interpreter maps
    /// without touching.
    pub address_space_bytes: u64,
    /// CPU time in seconds after which the kernel ends a guest, should the host fail to.
    pub cpu_seconds: u64,
    /// Longest file it may write, in bytes.
    pub file_bytes: u64,
    /// Open descriptors of a program. A zygote, which keeps some for each of its guests, has
    /// [`ZYGOTE_DESCRIPTORS`].
    pub descriptors: u64,
}

/// A step that failed: its name, and the error the kernel gave.
pub(crate) type StepError = (&'static str, std::io::Error);

/// Runs the orders. Returns only for a guest that is this binary itself.
pub(crate) fn run() -> Result<(UnixStream, u64), StepError> {
    let orders = read_orders()?;
    if orders.drop_root || orders.tier == Tier::Full {
        empty_bounding_set()?;
    }
    if orders.drop_root {
        become_nobody()?;
    }
    if orders.tier == Tier::Full {
        let write = orders.writable.then_some(orders.workspaces.as_path());
        namespaces::build_root(&orders.read, write, &orders.workspaces)?;
    }
    if orders.writable || orders.tier == Tier::Strict {
        enter(&orders.workspaces)?;
    }
    if orders.tier == Tier::Full {
        let nothing = rustix::thread::CapabilitySets {
            effective: rustix::thread::CapabilitySet::empty(),
            permitted: rustix::thread::CapabilitySet::empty(),
            inheritable: rustix::thread::CapabilitySet::empty(),
        };
        step(
            "no_capabilities",
            rustix::thread::set_capabilities(None, nothing),
        )?;
    }
    set_limits(&orders.limits)?;
    die_with_parent()?;
    close_descriptors()?;
    // SAFETY: prctl with these arguments touches no memory.
    let set = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    step_raw("no_new_privileges", set)?;
    match &orders.interpreter {
        Some(arguments) => Err(execute(arguments)),
        None => {
            // SAFETY: the supervisor put the channel there, and nobody else in this process knows it.
            let channel = UnixStream::from(unsafe { OwnedFd::from_raw_fd(CHANNEL) });
            Ok((channel, orders.limits.memory_bytes))
        }
    }
}

/// Tells the host which step failed, in a frame of the protocol's kind 1.
///
/// Written by hand because this crate knows no other: `length · kind · flags · id`, then JSON.
pub(crate) fn report((step, error): &StepError) {
    let body = serde_json::json!({
        "step": step,
        "errno": error.raw_os_error().unwrap_or(0),
        "message": error.to_string(),
    })
    .to_string();
    let mut frame = Vec::with_capacity(10 + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&[1, 0, 0, 0, 0, 0]);
    frame.extend_from_slice(body.as_bytes());
    // SAFETY: the descriptor is the channel for the whole life of this process, which ends next.
    let mut channel = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(CHANNEL) });
    // If the host has gone there is nobody to tell.
    let _ = channel.write_all(&frame);
}

fn read_orders() -> Result<Orders, StepError> {
    // SAFETY: the supervisor put the orders there for this function; `close_descriptors` closes them.
    let file = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(ORDERS) });
    serde_json::from_reader(std::io::BufReader::new(&*file))
        .map_err(|error| ("orders", std::io::Error::other(error)))
}

fn close_descriptors() -> Result<(), StepError> {
    // SAFETY: nothing in this process uses a descriptor above the channel from here on.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, CHANNEL + 1, u32::MAX, 0) };
    step_raw("close_descriptors", closed as i32)?;
    // SAFETY: fcntl with this command touches no memory.
    let left = unsafe { libc::fcntl(ORDERS, libc::F_GETFD) };
    took_effect("close_descriptors", left == -1)
}

fn enter(folder: &Path) -> Result<(), StepError> {
    use std::os::unix::fs::MetadataExt;
    let fail = |error| ("workspace", error);
    std::env::set_current_dir(folder).map_err(fail)?;
    let here = std::fs::metadata(".").map_err(fail)?;
    let there = std::fs::metadata(folder).map_err(fail)?;
    let same = (here.dev(), here.ino()) == (there.dev(), there.ino());
    took_effect("workspace", same)
}

fn set_limits(limits: &ProcessLimits) -> Result<(), StepError> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let rows = [
        (
            "limit_address_space",
            Resource::As,
            limits.address_space_bytes,
        ),
        ("limit_file_size", Resource::Fsize, limits.file_bytes),
        ("limit_descriptors", Resource::Nofile, ZYGOTE_DESCRIPTORS),
        ("limit_core", Resource::Core, 0),
        ("limit_locked_memory", Resource::Memlock, 0),
        ("limit_message_queues", Resource::Msgqueue, 0),
        ("limit_pending_signals", Resource::Sigpending, 64),
        ("limit_stack", Resource::Stack, 8 << 20),
    ];
    for (name, resource, wanted) in rows {
        // A host may itself be held below what we ask; a limit is only ever lowered.
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(wanted);
        step(
            name,
            setrlimit(
                resource,
                Rlimit {
                    current: Some(allowed),
                    maximum: Some(allowed),
                },
            ),
        )?;
        took_effect(name, getrlimit(resource).maximum == Some(allowed))?;
    }
    Ok(())
}

/// Leaves no capability that an executed file could give.
fn empty_bounding_set() -> Result<(), StepError> {
    for capability in 0..64 {
        // SAFETY: prctl with these arguments touches no memory.
        let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        if dropped != 0 {
            match std::io::Error::last_os_error() {
                // Past the last capability this kernel knows.
                error if error.raw_os_error() == Some(libc::EINVAL) => break,
                error => return Err(("bounding_set", error)),
            }
        }
    }
    Ok(())
}

/// Becomes nobody, with no way back, in no group.
fn become_nobody() -> Result<(), StepError> {
    // SAFETY: an empty list of groups is never read.
    step_raw("no_groups", unsafe { libc::setgroups(0, std::ptr::null()) })?;
    // SAFETY: these calls take plain numbers; there is one thread, so glibc has nobody to tell.
    step_raw("unprivileged_gid", unsafe {
        libc::setresgid(NOBODY, NOBODY, NOBODY)
    })?;
    // SAFETY: as above.
    step_raw("unprivileged_uid", unsafe {
        libc::setresuid(NOBODY, NOBODY, NOBODY)
    })
}

/// The supervisor has one thread, so this fires when the process dies, not a thread of it. It comes
/// after the change of uid, which clears it.
fn die_with_parent() -> Result<(), StepError> {
    const NAME: &str = "die_with_parent";
    // SAFETY: prctl with these arguments touches no memory.
    let set = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    step_raw(NAME, set)?;
    let mut signal = 0;
    // SAFETY: the kernel writes one int, and `signal` is one.
    let got = unsafe { libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut signal) };
    step_raw(NAME, got)?;
    took_effect(NAME, signal == libc::SIGKILL)?;
    // It may have died before that, and whoever is the parent then never ends us. Its number would
    // not tell: in namespaces it has none.
    // SAFETY: the supervisor put its descriptor there; `close_descriptors` closes it.
    let supervisor = unsafe { BorrowedFd::borrow_raw(SUPERVISOR) };
    let mut polled = [PollFd::from_borrowed_fd(supervisor, PollFlags::IN)];
    match poll(&mut polled, Some(&Timespec::default())) {
        Ok(0) => Ok(()),
        Ok(_) => Err((NAME, crate::lifeline::lost())),
        Err(error) => Err((NAME, error.into())),
    }
}

/// Becomes the interpreter, with an empty environment. Returns only the error.
fn execute(arguments: &[String]) -> StepError {
    let words: Result<Vec<CString>, _> = arguments
        .iter()
        .map(|word| CString::new(std::ffi::OsStr::new(word).as_bytes()))
        .collect();
    let Ok(words) = words else {
        return (
            "interpreter",
            std::io::Error::other("a NUL in its arguments"),
        );
    };
    let mut pointers: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let environment = [std::ptr::null()];
    // SAFETY: both arrays end in NULL and point to strings that live until the call returns.
    unsafe { libc::execve(pointers[0], pointers.as_ptr(), environment.as_ptr()) };
    ("interpreter", std::io::Error::last_os_error())
}

pub(crate) fn step(name: &'static str, result: rustix::io::Result<()>) -> Result<(), StepError> {
    result.map_err(|error| (name, error.into()))
}

pub(crate) fn took_effect(name: &'static str, so: bool) -> Result<(), StepError> {
    if so { Ok(()) } else { Err((name, no_effect())) }
}

/// What is said of a call that succeeded and changed nothing.
pub(crate) fn no_effect() -> std::io::Error {
    std::io::Error::other("it had no effect")
}

fn step_raw(name: &'static str, result: i32) -> Result<(), StepError> {
    if result == 0 {
        Ok(())
    } else {
        Err((name, std::io::Error::last_os_error()))
    }
}

/// Writes orders to a pipe that the launcher will find as descriptor [`ORDERS`].
pub(crate) fn orders_pipe(orders: &Orders) -> std::io::Result<OwnedFd> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let bytes = serde_json::to_vec(orders)?;
    // A pipe holds 64 KiB before a writer waits, and nobody reads yet.
    if bytes.len() > 60_000 {
        return Err(std::io::Error::other(
            "the paths that a guest may use are too long",
        ));
    }
    std::fs::File::from(write).write_all(&bytes)?;
    Ok(read)
}
