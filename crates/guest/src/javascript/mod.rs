//! JavaScript and TypeScript programs, run by QuickJS inside this process.
//!
//! [`run`] is the life of a zygote and of each of its guests: set up the engine, lock the process down
//! as far as all guests share it, fork; in the guest, lock down the rest, take one program, run it to
//! its end, say how it ended. One thread does everything: it runs the program until nothing is
//! ready, then waits for the host or the next timer. Calls of tools are promises; what a program
//! leaves open is brought to its end before its value is read.
//!
//! What is done to a program before it runs is done on its syntax tree: [`source`] makes a script of
//! it, [`names`] says which of its expressions are tools, [`awaits`] puts in what was forgotten, and
//! [`written`] lists its calls for the host to check.
//!
//! The engine shares its heap with hostile code, so this module promises nothing to the host but
//! well-formed messages, and even those only as long as the engine is sound. It enforces no limit
//! of time; the host kills.

mod asynced;
mod awaits;
mod calls;
mod certain;
mod channel;
mod defined;
mod edits;
mod failure;
mod flow;
mod holds;
mod instead;
mod kept;
mod names;
mod prelude;
mod program;
mod promises;
mod random;
mod source;
mod spelt;
mod timers;
mod tree;
mod value;
mod web;
mod written;

use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use protocol::{Checked, Done, Failed, Job, Kind, ProgramError, Ready, message};
use rquickjs::{Context, Runtime};

use channel::{Channel, Lost};
use prelude::Prelude;
use program::{Program, Rejections, Stage};
use source::Script;

/// Stack the engine may use: a few thousand calls deep. The rest of the thread's stack is for the
/// parser and for the writer of values.
const STACK_BYTES: usize = 2 << 20;

/// Runs the steps of a lockdown in this process.
pub type LockDown = Box<dyn Fn() -> Result<Ready, Failed>>;

/// Prepares an engine, has it forked, and in each guest runs one program.
///
/// To be called by a freshly executed process with one thread and at least 8 MiB of stack, with its
/// channel to the host. `lock_down` gets the host's steps, first those of the zygote, then those of each
/// guest, after which a process can only read from and write to what it has open. `fork`
/// returns `true` in each guest, where the channel is the guest's own, and `false` in the zygote when the
/// host has gone. `memory_bytes` bounds the engine's heap.
///
/// Fails when the host is gone or breaks the protocol, or when there is no memory to begin with.
pub fn run(
    channel: UnixStream,
    memory_bytes: usize,
    lock_down: impl Fn(&[u8]) -> LockDown,
    fork: impl FnOnce(&UnixStream) -> bool,
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
    let ended = context.with(|ctx| {
        let prelude = Prelude::new(&ctx).map_err(|_| Lost)?;
        let channel = Channel::new(channel);
        // What a zygote has prepared, none of its guests has to.
        let stage =
            Stage::new(ctx, channel, prelude, &rejections, memory_bytes).map_err(|_| Lost)?;
        // Both before anything is answered: what the host sends then is not ours to read.
        let of_all = lock_down(&stage.expect(Kind::Lockdown)?);
        let of_each = lock_down(&stage.expect(Kind::Lockdown)?);
        confine(&stage, &of_all)?;
        fill_holes();
        if !stage.fork(fork) {
            return Ok(());
        }
        confine(&stage, &of_each)?;
        one_program(&stage)
    });
    // Functions of ours hold values of the engine's, which it could only free together with them.
    // The process ends instead.
    std::mem::forget((rejections, context, runtime));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Lost) => ExitCode::FAILURE,
    }
}

/// Takes what is free between the blocks of the C heap, so that each guest's own blocks come to lie
/// behind them, side by side: a page that is written to is copied, which takes longer than most
/// programs do, and in such holes each block would lie on a page of its own. What is free in the
/// engine's own arenas, of 4 KiB and a size of block each, stays.
fn fill_holes() {
    /// Larger blocks may be mapped, each by itself.
    const LARGEST: usize = 96 << 10;
    /// Of free blocks up to this size the C library keeps a list for each size, and joins none of them.
    const KEPT_APART: usize = 1 << 10;
    let mut left: usize = 1 << 20;
    let block = Vec::<u8>::with_capacity;
    let last = block(LARGEST);
    let behind_all = last.as_ptr().addr();
    drop(last);
    let mut bytes = LARGEST;
    while bytes >= 16 {
        let hole = std::hint::black_box(block(bytes));
        let found = hole.as_ptr().addr() < behind_all && bytes <= left;
        if found || bytes <= KEPT_APART {
            // A small block that lay behind all would be kept for the next of its size, as a hole.
            std::mem::forget(hole);
        }
        if found {
            left -= bytes;
        } else if bytes > KEPT_APART {
            bytes -= bytes / 8;
            bytes &= !15;
        } else {
            bytes -= 16;
        }
    }
}

/// Runs the steps of a lockdown and says what came of them; a failure ends this process.
fn confine(stage: &Stage, lock_down: &LockDown) -> Result<(), Lost> {
    match lock_down() {
        Ok(ready) => stage.send(Kind::Ready, &message::encode(&ready)),
        Err(failed) => {
            stage.send(Kind::Failed, &message::encode(&failed))?;
            Err(Lost)
        }
    }
}

/// Goes the way of a program once, before there is one: a page that a fork shares is copied, or found
/// again, when it is first touched, and it is better touched while nobody waits.
fn warm_up(stage: &Stage) {
    let job = message::encode(&Job {
        language: "typescript".into(),
        code: "const a: number = 1; const f = () => tools.a.b({ c: 1 }); [a].map((x) => x + 1)"
            .into(),
        in_flight: 1,
        message_bytes: 1 << 10,
        threads: 1,
        mark: String::new(),
    });
    if let Ok(job) = message::decode::<Job>(&job)
        && let Ok(script) = source::prepare(&job.code, &job.language)
    {
        // What it comes to is nobody's business.
        let _ = Program::new(stage, script, &job).done();
    }
}

/// Runs the program that comes, and waits to be ended.
fn one_program(stage: &Stage) -> Result<(), Lost> {
    let job = loop {
        let message = stage.receive()?;
        match message.kind {
            Kind::WarmUp => {
                warm_up(stage);
                stage.send(Kind::Ready, &message::encode(&Ready::default()))?;
            }
            Kind::Job => break message::decode::<Job>(&message.body).map_err(|_| Lost)?,
            _ => return Err(Lost),
        }
    };
    let ended = |error, notes| {
        message::encode(&Done {
            error: Some(error),
            notes,
            ..Done::default()
        })
    };
    let done = match source::prepare(&job.code, &job.language) {
        Ok(script) => match refused(stage, &script)? {
            None => Program::new(stage, script, &job).done()?,
            Some(error) => ended(error, script.notes),
        },
        Err(error) => ended(*error, Vec::new()),
    };
    stage.send(Kind::Done, &done)?;
    // The end of a process takes longer than a small program does, and the host, which this message
    // wakes, would be woken to wait for it on the same core: so the host ends this process.
    let _ = stage.receive();
    Ok(())
}

/// Asks the host whether a program may run, as far as its text tells.
fn refused(stage: &Stage, script: &Script) -> Result<Option<ProgramError>, Lost> {
    let Some(check) = &script.check else {
        return Ok(None);
    };
    stage.send(Kind::Check, check)?;
    let answer = stage.receive()?;
    if answer.kind != Kind::Checked {
        return Err(Lost);
    }
    let checked: Checked = message::decode(&answer.body).map_err(|_| Lost)?;
    Ok(checked.error)
}

/// The script that a program becomes, and where in the program the places of its lines were: for the
/// fuzz target of that name.
///
/// # Errors
/// As a program meets them.
#[cfg(fuzzing)]
pub fn script_of(
    code: &str,
    language: &str,
) -> Result<(String, Vec<(u32, u32)>), Box<protocol::ProgramError>> {
    let script = source::prepare(code, language)?;
    let lines = script.text.lines().count() as u32;
    let places = (1..=lines + 1).flat_map(|line| (1..=4).map(move |column| (line, column * 7 - 6)));
    let places = places
        .filter_map(|(line, column)| script.place(line, column))
        .map(|place| (place.line, place.column))
        .collect();
    Ok((script.text, places))
}
