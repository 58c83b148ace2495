//! JavaScript and TypeScript programs, run by QuickJS inside this process.
//!
//! [`run`] is a guest's whole life: set up the engine, lock the process down, take one program, run
//! it to its end, say how it ended. One thread does everything: it runs the program until nothing
//! is ready, then waits for the host or the next timer. Calls of tools are promises; what a program
//! leaves open is brought to its end before its value is read.
//!
//! The engine shares its heap with hostile code, so this module promises nothing to the host but
//! well-formed messages, and even those only as long as the engine is sound. It enforces no limit
//! of time; the host kills.

mod calls;
mod channel;
mod failure;
mod prelude;
mod program;
mod source;
mod timers;
mod value;

use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use protocol::{Done, Failed, Job, Kind, Ready, message};
use rquickjs::{Context, Ctx, Runtime};

use channel::{Channel, Lost};
use prelude::Prelude;
use program::{Program, Rejections};

/// Stack the engine may use: a few thousand calls deep. The rest of the thread's stack is for the
/// parser and for the writer of values.
const STACK_BYTES: usize = 2 << 20;

/// Runs one program and ends the process' work.
///
/// To be called by a freshly executed process with one thread and at least 8 MiB of stack.
/// `lock_down` gets the steps of the host and ends with a process that can only read from and write
/// to what it has open; the program arrives after that. `memory_bytes` bounds the engine's heap.
///
/// Fails when the host is gone or breaks the protocol, or when there is no memory to begin with.
pub fn run(
    channel: UnixStream,
    memory_bytes: usize,
    lock_down: impl FnOnce(&[u8]) -> Result<Ready, Failed>,
) -> ExitCode {
    let Ok(runtime) = Runtime::new() else {
        return ExitCode::FAILURE;
    };
    runtime.set_memory_limit(memory_bytes);
    runtime.set_max_stack_size(STACK_BYTES);
    let rejections = Rejections::default();
    runtime.set_host_promise_rejection_tracker(Some(rejections.tracker()));
    let Ok(context) = Context::full(&runtime) else {
        return ExitCode::FAILURE;
    };
    let channel = Channel::new(channel);
    let ended = context.with(|ctx| live(ctx, channel, &rejections, memory_bytes, lock_down));
    // Functions of ours hold values of the engine's, which it could only free together with them.
    // The process ends instead.
    std::mem::forget((rejections, context, runtime));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Lost) => ExitCode::FAILURE,
    }
}

fn live<'js>(
    ctx: Ctx<'js>,
    mut channel: Channel,
    rejections: &Rejections,
    memory_bytes: usize,
    lock_down: impl FnOnce(&[u8]) -> Result<Ready, Failed>,
) -> Result<(), Lost> {
    let prelude = Prelude::new(&ctx).map_err(|_| Lost)?;
    let steps = channel.expect(Kind::Lockdown)?;
    match lock_down(&steps) {
        Ok(ready) => channel.send(Kind::Ready, 0, &message::encode(&ready))?,
        Err(failed) => return channel.send(Kind::Failed, 0, &message::encode(&failed)),
    }
    let job = channel.expect(Kind::Job)?;
    let job: Job = message::decode(&job).map_err(|_| Lost)?;
    match source::prepare(&job.code, &job.language) {
        Ok(script) => Program::new(
            ctx,
            channel,
            prelude,
            rejections,
            script,
            &job,
            memory_bytes,
        )
        .run(),
        Err(error) => {
            let done = Done {
                error: Some(*error),
                ..Done::default()
            };
            channel.send(Kind::Done, 0, &message::encode(&done))
        }
    }
}
