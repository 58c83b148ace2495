//! The parts that executions of one binary play: the host, and the processes around its programs.

use std::process::ExitCode;

use protocol::{Failed, Ready};

/// To be called first in `main` by every program that holds a [`crate::Gateway`]: the supervisor, the
/// launchers and the zygote of JavaScript are executions of the same binary. In one of those this does
/// its part, and gives the code to exit with; as the supervisor it does not return at all.
pub fn enter() -> Option<ExitCode> {
    match sandbox::enter() {
        sandbox::Role::Host => None,
        sandbox::Role::Zygote(channel, memory_bytes) => Some(guest::javascript::run(
            channel,
            memory_bytes as usize,
            lock_down,
            sandbox::serve_forks,
        )),
    }
}

/// The lockdown of the guest that is this binary, in the protocol's words.
fn lock_down(table: &[u8]) -> guest::javascript::LockDown {
    let table = sandbox::Lockdown::decode(table);
    Box::new(move || match &table {
        Ok(table) => match table.apply() {
            Ok(probes) => Ok(Ready { probes }),
            Err(error) => Err(failed(&error)),
        },
        Err(error) => Err(failed(error)),
    })
}

fn failed(error: &sandbox::LockdownError) -> Failed {
    let (step, errno, message) = match error {
        sandbox::LockdownError::Step { step, errno } => {
            let message = std::io::Error::from_raw_os_error(*errno).to_string();
            (step.clone(), *errno, message)
        }
        sandbox::LockdownError::NoEffect { step } => (step.clone(), 0, "it had no effect".into()),
        other => ("lockdown_table".into(), 0, other.to_string()),
    };
    Failed {
        step,
        errno,
        message,
    }
}
