//! Starts a process under a policy and says how it ended.
//!
//! The only crate with unsafe code. What it promises of a guest, before a byte of a program reaches
//! it: no capability, no way to gain one, an unprivileged user, an empty environment, no descriptor
//! but its pipes and its channel, no file outside its workspace and the interpreter's library, no
//! socket, no new process or program, bounded memory, and its end when the host says so or dies. A
//! layer that cannot be set up is an error; there is no unconfined mode.
//!
//! The life of a guest: the host asks the [`Supervisor`] (this binary, executed again before the
//! host has threads) for a process; the [`launcher`] gives up user, limits and descriptors and
//! becomes the interpreter; the interpreter's runtime runs the [`Lockdown`] table sent by the host
//! and answers what its probes met; the host checks that answer and looks at the process from
//! outside ([`Guest::confirm`]); only then it sends the program.
//!
//! Left to others: what the frames on the channel mean (`protocol`), what a call may do (`gateway`).

mod bpf;
mod guest;
mod launcher;
mod lockdown;
mod policy;
mod supervisor;
mod workspace;

use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use thiserror::Error;

pub use guest::{Guest, Meter, Program, Resources};
pub use launcher::{NOBODY, ProcessLimits};
pub use lockdown::{Calls, Error as LockdownError, Files, Lockdown, apply, landlock_abi};
pub use supervisor::{Exit, GRACE, LIFELINE_BYTES, Server, Supervisor};
pub use workspace::{Usage, Workspace, sweep};

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

/// Which part this execution of the binary plays.
pub enum Role {
    /// The program a person or an agent started.
    Host,
    /// The guest that is this binary itself, with its channel and the memory it may use, in bytes.
    Guest(UnixStream, u64),
}

/// Decides, first thing in `main`, which part this process plays. As supervisor it does not return;
/// as launcher it returns only when this binary is the guest.
pub fn enter() -> Role {
    match std::env::args_os().next() {
        Some(name) if name == OsStr::new(supervisor::SUPERVISOR) => supervisor::run(),
        Some(name) if name == OsStr::new(supervisor::LAUNCHER) => match launcher::run() {
            Ok((channel, memory_bytes)) => Role::Guest(channel, memory_bytes),
            Err(error) => {
                launcher::report(&error);
                std::process::exit(70)
            }
        },
        _ => Role::Host,
    }
}
