//! Starts a process under a policy and says how it ended.
//!
//! The only crate with unsafe code. What it promises of a guest, before a byte of a program reaches
//! it: no capability, no way to gain one, an unprivileged user, an empty environment, no descriptor
//! but its pipes and its channel, no file outside its workspace and the interpreter's library, no
//! socket, no new process or program, bounded memory, and its end when the host says so or dies. A
//! layer that cannot be set up is an error; there is no unconfined mode.
//!
//! The life of a guest: the host asks the [`Supervisor`] (this binary, executed again before the
//! host has threads) for a [`Zygote`]; the [`launcher`] gives up user, limits and descriptors and
//! becomes the interpreter, whose runtime runs the first [`Lockdown`] table sent by the host. The
//! zygote forks a [`Guest`]; it runs the second table and answers what its probes met; the host
//! checks that answer and looks at the process from outside ([`Guest::confirm`]); a guest that may
//! use files runs a third one, which leaves it one workspace. Only then it is sent the program.
//!
//! Left to others: what the frames on the channel mean (`protocol`), what a call may do (`gateway`).

mod bpf;
mod guest;
mod launcher;
mod lifeline;
mod lockdown;
mod namespaces;
mod policy;
mod supervisor;
mod workspace;
mod zygote;

use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use thiserror::Error;

pub use guest::{Guest, Meter, Resources};
pub use launcher::{NOBODY, ProcessLimits};
pub use lifeline::{Exit, LIFELINE_BYTES};
pub use lockdown::{Calls, Error as LockdownError, Files, Lockdown, landlock_abi};
pub use namespaces::Tier;
pub use supervisor::{GRACE, Server, Supervisor};
pub use workspace::{Usage, Workspace, prepare as prepare_workspaces, sweep};
pub use zygote::{Program, Zygote, serve_forks};

/// Why a process could not be started or is not confined. The operator's to mend.
#[derive(Debug, Error)]
pub enum Error {
    #[error("the supervisor must be started before any thread; there are {0}")]
    Threads(usize),
    #[error("sandbox step {step} failed: {error}")]
    Step {
        step: &'static str,
        error: std::io::Error,
    },
    #[error("a guest is not confined: {layer} shows {found}")]
    NotConfined { layer: &'static str, found: String },
    #[error("the workspace {} cannot be used: {error}", path.display())]
    Workspace {
        path: PathBuf,
        error: std::io::Error,
    },
}

impl Error {
    /// Whether it is this process that has no descriptor, or no memory, left.
    pub fn is_of_this_process(&self) -> bool {
        let Error::Step { error, .. } = self else {
            return false;
        };
        let errno = error.raw_os_error();
        [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS]
            .iter()
            .any(|full| errno == Some(*full))
    }
}

/// Which part this execution of the binary plays.
pub enum Role {
    /// The program a person or an agent started.
    Host,
    /// The zygote of guests that are this binary itself, with the channel to its host and the memory
    /// one of them may use, in bytes.
    Zygote(UnixStream, u64),
}

/// Decides, first thing in `main`, which part this process plays. As supervisor it does not return;
/// as launcher it returns only when this binary is the interpreter.
pub fn enter() -> Role {
    match std::env::args_os().next() {
        Some(name) if name == OsStr::new(supervisor::SUPERVISOR) => supervisor::run(),
        Some(name) if name == OsStr::new(supervisor::LAUNCHER) => match launcher::run() {
            Ok((channel, memory_bytes)) => Role::Zygote(channel, memory_bytes),
            Err(error) => {
                launcher::report(&error);
                std::process::exit(70)
            }
        },
        _ => Role::Host,
    }
}
