//! A zygote: an interpreter that is started once and forked into guests.
//!
//! It has run no program and never will: it holds an interpreter, its modules, and what its guests
//! share of the lockdown (uid, limits, file rules). It knows no catalog, no session, nothing secret.
//! On its control socket the host asks for a guest with the guest's descriptors; the zygote forks,
//! tells the pid, and later how the guest ended. A guest gives up the rest of its rights after the
//! fork and before it is sent anything; it runs one program and ends.
//!
//! The Rust half below serves the guests that are this binary; an interpreter's half is written in
//! its own language and speaks the same words.

use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions};

use crate::launcher::{self, CHANNEL, Orders};
use crate::{Error, Files, Guest, ProcessLimits, Supervisor, Tier, lifeline, namespaces};

/// What the host says on the control socket once a zygote is locked down; a guest's descriptors
/// (standard output, error, channel, lifeline) come with the first.
const FORK: &[u8] = b"F";
const PRELOAD: &[u8] = b"P";

/// What runs in a guest process.
#[derive(Debug, Clone)]
pub enum Program {
    /// This binary itself.
    Own,
    /// An interpreter.
    Interpreter {
        /// Its absolute path and arguments.
        arguments: Vec<String>,
        /// Files and folders it needs to start, beside those its guests may read.
        needs: Vec<PathBuf>,
    },
}

/// A zygote. Dropping it kills it, and with it all its guests: each of them keeps it.
#[derive(Debug)]
pub struct Zygote {
    pid: Pid,
    tier: Tier,
    pub(crate) pidfd: OwnedFd,
    /// The host's end of the frames, until the zygote is locked down, and of the control socket then.
    pub control: UnixStream,
    /// What it says when it cannot go on.
    pub stderr: Option<OwnedFd>,
    /// Its closing ends the zygote.
    _lifeline: UnixStream,
}

impl Zygote {
    /// Starts a zygote whose guests will have their workspaces in `workspaces`, a folder made by
    /// [`crate::prepare_workspaces`] and given by its real path. Blocks for about a millisecond.
    ///
    /// # Errors
    /// A descriptor cannot be made, or the supervisor cannot start a process. A failing step of the
    /// launcher is told on `control` instead, as the protocol's `Failed`.
    pub fn start(
        supervisor: &Supervisor,
        tier: Tier,
        program: &Program,
        files: &Files,
        workspaces: &Path,
        limits: ProcessLimits,
    ) -> Result<Zygote, Error> {
        let fail = |step| move |error: std::io::Error| Error::Step { step, error };
        let (interpreter, needs) = match program {
            Program::Own => (None, &[][..]),
            Program::Interpreter { arguments, needs } => (Some(arguments.clone()), &needs[..]),
        };
        let orders = Orders {
            tier,
            drop_root: rustix::process::geteuid().is_root(),
            workspaces: workspaces.to_owned(),
            writable: files.workspace,
            read: outermost(files.read.iter().chain(needs)),
            limits,
            interpreter,
        };
        let orders = launcher::orders_pipe(&orders).map_err(fail("orders"))?;
        let nothing = std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .map_err(fail("dev_null"))?;
        let (stderr, stderr_write) = std::io::pipe().map_err(fail("pipe"))?;
        let (control, theirs) = UnixStream::pair().map_err(fail("socket_pair"))?;
        let started = supervisor
            .start_zygote(
                tier,
                &[
                    nothing.as_fd(),
                    nothing.as_fd(),
                    stderr_write.as_fd(),
                    theirs.as_fd(),
                    orders.as_fd(),
                ],
            )
            .map_err(fail(match tier {
                Tier::Strict => "process",
                Tier::Full => "namespaces",
            }))?;
        Ok(Zygote {
            pid: started.pid,
            tier,
            pidfd: started.pidfd,
            control,
            stderr: Some(stderr.into()),
            _lifeline: started.lifeline,
        })
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// The number by which its guests know it.
    pub fn number_inside(&self) -> Pid {
        match self.tier {
            Tier::Strict => self.pid,
            // The first process of its namespace.
            Tier::Full => Pid::INIT,
        }
    }

    /// Forks a guest, which is not locked down yet: it begins with that. Blocks for about a millisecond.
    ///
    /// # Errors
    /// A descriptor cannot be made, the zygote cannot fork, or it has gone.
    pub fn fork(self: &std::sync::Arc<Self>) -> Result<Guest, Error> {
        let fail = |step| move |error: std::io::Error| Error::Step { step, error };
        let (stdout, stdout_write) = std::io::pipe().map_err(fail("pipe"))?;
        let (stderr, stderr_write) = std::io::pipe().map_err(fail("pipe"))?;
        let (channel, theirs) = UnixStream::pair().map_err(fail("socket_pair"))?;
        let started = lifeline::ask(
            self.control.as_fd(),
            FORK,
            &[stdout_write.as_fd(), stderr_write.as_fd(), theirs.as_fd()],
        )
        .map_err(fail("fork"))?;
        // It is looked at while it locks itself down; no step of that changes it.
        let shared = match self.tier {
            Tier::Full => namespaces::shared_with_us(started.pid),
            Tier::Strict => Ok(None),
        };
        Ok(Guest {
            pid: started.pid,
            pidfd: started.pidfd,
            channel: Some(channel),
            stdout: Some(stdout.into()),
            stderr: Some(stderr.into()),
            lifeline: Some(started.lifeline),
            zygote: self.clone(),
            shared,
        })
    }

    /// Has an interpreter load, while nobody asks for a guest, what many programs import.
    pub fn preload(&self) {
        // One that has gone is noticed by who asks it for a guest.
        let _ = rustix::io::write(&self.control, PRELOAD);
    }
}

/// Paths where their folders really are, sorted, without those below another of them. Their own names
/// are kept: a loader is found by the name of a link to it.
fn outermost<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Vec<PathBuf> {
    let mut real: Vec<PathBuf> = paths
        .filter_map(|path| {
            let folder = path.parent()?.canonicalize().ok()?;
            Some(folder.join(path.file_name()?))
        })
        .collect();
    real.sort();
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in real {
        if !kept.last().is_some_and(|last| path.starts_with(last)) {
            kept.push(path);
        }
    }
    kept
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }
}

/// The zygote's whole life, once it is locked down: serves requests until the host has gone, which is
/// `None`, or returns in a forked guest with the guest's channel.
///
/// To be called by a process with one thread.
pub fn serve_forks(control: UnixStream) -> Option<UnixStream> {
    let mut children: Vec<(Pid, OwnedFd, UnixStream)> = Vec::new();
    loop {
        let mut polled = vec![PollFd::new(&control, PollFlags::IN)];
        polled.extend(
            children
                .iter()
                .map(|(_, pidfd, _)| PollFd::new(pidfd, PollFlags::IN)),
        );
        let _ = poll(&mut polled, None);
        let request_waits = !polled[0].revents().is_empty();
        drop(polled);
        children.retain(|(pid, _, lifeline)| {
            match rustix::process::waitpid(Some(*pid), WaitOptions::NOHANG) {
                Ok(None) => true,
                Ok(Some((_, status))) => {
                    lifeline::tell_ended(lifeline, status.as_raw());
                    false
                }
                Err(_) => false,
            }
        });
        if !request_waits {
            continue;
        }
        let Ok((1, mut descriptors)) = lifeline::receive(control.as_fd(), &mut [0]) else {
            return None;
        };
        let Some(lifeline) = descriptors.pop().map(UnixStream::from) else {
            continue;
        };
        // SAFETY: this process has one thread, so the child finds every lock free.
        match unsafe { libc::fork() } {
            -1 => lifeline::tell_refused(&lifeline, &std::io::Error::last_os_error()),
            0 => {
                drop((children, lifeline));
                return take_places(control, descriptors);
            }
            pid => {
                drop(descriptors);
                if let Some(pid) = Pid::from_raw(pid)
                    && let Some(pidfd) = lifeline::tell_started(&lifeline, pid)
                {
                    children.push((pid, pidfd, lifeline));
                }
            }
        }
    }
}

/// Puts a guest's descriptors where it expects them.
fn take_places(control: UnixStream, descriptors: Vec<OwnedFd>) -> Option<UnixStream> {
    let [stdout, stderr, channel]: [OwnedFd; 3] = descriptors.try_into().ok()?;
    // The channel takes the place of the control socket, whoever had made it.
    let control = control.into_raw_fd();
    debug_assert_eq!(control, CHANNEL);
    for (descriptor, number) in [(&stdout, 1), (&stderr, 2), (&channel, control)] {
        // SAFETY: dup2 touches no memory, and nothing in this process owns the three numbers.
        if unsafe { libc::dup2(descriptor.as_raw_fd(), number) } < 0 {
            return None;
        }
    }
    // SAFETY: the number is the channel's now, and `control` has given it up.
    Some(UnixStream::from(unsafe {
        <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(control)
    }))
}
