//! One program from its first line to its value.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use protocol::{Done, ErrorCode, Form, Job, Kind, Message, ProgramError, Progress, message};
use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::runtime::RejectionTracker;
use rquickjs::{Ctx, Function, Object, Persistent, Promise, Result, Value};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::value::RawValue;

use super::calls::Calls;
use super::channel::{Channel, Lost};
use super::failure::{Failure, SCRIPT_NAME};
use super::prelude::Prelude;
use super::random::Random;
use super::source::Script;
use super::timers::Timers;
use super::value::{Purpose, Refusal, Writer};

/// A guest as its program finds it: the globals have what they need of the host.
pub(super) struct Stage<'a, 'js> {
    ctx: Ctx<'js>,
    channel: Rc<RefCell<Channel>>,
    prelude: Rc<Prelude<'js>>,
    rejections: &'a Rejections,
    calls: Rc<Calls<'js>>,
    timers: Rc<Timers<'js>>,
    clock: Rc<Cell<Instant>>,
    native: Object<'js>,
    memory_bytes: usize,
}

pub(super) struct Program<'a, 'js> {
    stage: &'a Stage<'a, 'js>,
    script: Script,
    message_bytes: usize,
}

/// Why there is no value.
enum Ending {
    Lost,
    Error(Box<ProgramError>),
}

impl From<Lost> for Ending {
    fn from(Lost: Lost) -> Self {
        Ending::Lost
    }
}

impl From<ProgramError> for Ending {
    fn from(error: ProgramError) -> Self {
        Ending::Error(Box::new(error))
    }
}

impl<'a, 'js> Stage<'a, 'js> {
    /// To be made in the zygote: nothing of it is drawn by chance or tells the time before there is a
    /// program.
    pub(super) fn new(
        ctx: Ctx<'js>,
        channel: Channel,
        prelude: Prelude<'js>,
        rejections: &'a Rejections,
        memory_bytes: usize,
    ) -> Result<Self> {
        let channel = Rc::new(RefCell::new(channel));
        let prelude = Rc::new(prelude);
        let stage = Stage {
            calls: Rc::new(Calls::new(channel.clone(), prelude.clone())),
            timers: Rc::default(),
            clock: Rc::new(Cell::new(Instant::now())),
            native: Object::new_proto(ctx.clone(), None)?,
            ctx,
            channel,
            prelude,
            rejections,
            memory_bytes,
        };
        stage.install()?;
        Ok(stage)
    }

    /// The next message of the host.
    pub(super) fn receive(&self) -> std::result::Result<Message, Lost> {
        self.channel.borrow_mut().receive(None)?.ok_or(Lost)
    }

    /// The next message of the host, which has to be of this kind.
    pub(super) fn expect(&self, kind: Kind) -> std::result::Result<Vec<u8>, Lost> {
        self.channel.borrow_mut().expect(kind)
    }

    /// Lends the channel to who forks guests.
    pub(super) fn fork(&self, fork: impl FnOnce(&UnixStream) -> bool) -> bool {
        fork(self.channel.borrow().stream())
    }

    pub(super) fn send(&self, kind: Kind, body: &[u8]) -> std::result::Result<(), Lost> {
        self.channel.borrow_mut().send(kind, 0, body)
    }

    /// Gives the program its globals.
    fn install(&self) -> Result<()> {
        let native = &self.native;
        let calls = self.calls.clone();
        native.set(
            "call",
            Function::new(
                self.ctx.clone(),
                move |ctx: Ctx<'js>,
                      path: Value<'js>,
                      form: String,
                      args: Vec<Value<'js>>,
                      stack: Value<'js>| {
                    let form = match form.as_str() {
                        "raw" => Form::Raw,
                        "keep" => Form::Keep,
                        _ => Form::Value,
                    };
                    calls.make(&ctx, &path, form, args, stack)
                },
            )?,
        )?;
        let prelude = self.prelude.clone();
        native.set(
            "print",
            Function::new(self.ctx.clone(), move |stream: u32, text: Value<'js>| {
                prelude.text(&text).map(|text| match stream {
                    1 => print(io::stdout().as_fd(), text),
                    _ => print(io::stderr().as_fd(), text),
                })
            })?,
        )?;
        let (prelude, channel) = (self.prelude.clone(), self.channel.clone());
        native.set(
            "report",
            Function::new(self.ctx.clone(), move |text: Value<'js>, done: f64| {
                let message = prelude.text(&text)?;
                let done = (done >= 0.0).then_some(done);
                let body = message::encode(&Progress { message, done });
                // A host that is gone is noticed by who reads an answer.
                let _ = channel.borrow_mut().send(Kind::Progress, 0, &body);
                Result::Ok(())
            })?,
        )?;
        let random = RefCell::new(Random::new());
        native.set(
            "random",
            Function::new(self.ctx.clone(), move || random.borrow_mut().next())?
                .with_name("random")?,
        )?;
        let timers = self.timers.clone();
        native.set(
            "startTimer",
            Function::new(
                self.ctx.clone(),
                move |callback: Function<'js>, delay_ms: f64, repeats: bool, awaited: bool| {
                    timers.start(callback, delay_ms, repeats, awaited)
                },
            )?,
        )?;
        let timers = self.timers.clone();
        native.set(
            "stopTimer",
            Function::new(self.ctx.clone(), move |id: f64| timers.stop(id as u32))?,
        )?;
        let clock = self.clock.clone();
        native.set(
            "now",
            Function::new(self.ctx.clone(), move || {
                clock.get().elapsed().as_secs_f64() * 1000.0
            })?,
        )?;
        self.prelude.install.call((native.clone(),))
    }
}

impl<'a, 'js> Program<'a, 'js> {
    /// A program that begins now.
    pub(super) fn new(stage: &'a Stage<'a, 'js>, script: Script, job: &Job) -> Self {
        let message_bytes = usize::try_from(job.message_bytes).unwrap_or(usize::MAX);
        stage.calls.may(job.in_flight as usize, message_bytes);
        // Without it no handle can be written, and what it stands for is said to be unknown.
        let _ = stage.native.set("mark", job.mark.as_str());
        Program {
            stage,
            script,
            message_bytes,
        }
    }

    /// Runs the program and says how it ended: the body of a [`Kind::Done`].
    pub(super) fn done(&self) -> std::result::Result<Vec<u8>, Lost> {
        let mut notes = self.script.notes.clone();
        let mut done = match self.value(&mut notes) {
            Ok(value) => Done {
                value,
                notes,
                ..Done::default()
            },
            Err(Ending::Error(error)) => Done {
                error: Some(*error),
                notes,
                ..Done::default()
            },
            Err(Ending::Lost) => return Err(Lost),
        };
        done.defined = self.script.defined.clone();
        let mut body = message::encode(&done);
        if body.len() > self.message_bytes {
            body = message::encode(&Done {
                error: Some(self.too_long()),
                ..Done::default()
            });
        }
        Ok(body)
    }

    fn value(&self, notes: &mut Vec<String>) -> std::result::Result<Option<Box<RawValue>>, Ending> {
        self.begin().map_err(|error| self.failed(&error))?;
        let program = self.start()?;
        if !self.turn_until(|| program.state() != PromiseState::Pending)? {
            return Err(stuck("the program waits for a promise that can never settle").into());
        }
        let value: Value = program
            .result()
            .expect("no longer pending")
            .map_err(|error| self.failed(&error))?;
        let json = self.settled_json(&value, notes)?;
        if let Some(reason) = self.stage.rejections.first(&self.stage.ctx) {
            return Err(self.not_awaited(&reason).into());
        }
        if json.as_deref().is_none_or(|json| json == "null")
            && let Some(error) = self.failure().indexed_text()
        {
            return Err(error.into());
        }
        if json.is_none() {
            if self.script.result_unused {
                notes.push(
                    "the last expression has no value; end with `return result` to give that of \
                     the variable"
                        .into(),
                );
            }
            if self.stage.timers.any_awaited() {
                notes.push("the program ended while a timer was set, which did not run".into());
            }
        }
        Ok(json.map(|json| RawValue::from_string(json).expect("the writer writes JSON")))
    }

    /// Starts the program's clock.
    fn begin(&self) -> Result<()> {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.stage.clock.set(Instant::now());
        self.stage
            .native
            .set("timeOrigin", since_epoch.as_secs_f64() * 1000.0)
    }

    /// Runs the program up to its first `await`.
    fn start(&self) -> std::result::Result<Promise<'js>, Ending> {
        let mut options = EvalOptions::default();
        options.filename = Some(SCRIPT_NAME.into());
        let main: Function = self
            .stage
            .ctx
            .eval_with_options(self.script.text.as_str(), options)
            // What the parser let pass and the engine does not, a regular expression for one.
            .map_err(|error| {
                let mut error = self.failure().engine(&error);
                if let Some(message) = error.message.strip_prefix("SyntaxError: ") {
                    error.message = message.to_owned();
                    error.code = ErrorCode::Syntax;
                }
                error
            })?;
        let imports = (
            self.stage.prelude.require.clone(),
            self.stage.prelude.dynamic_import.clone(),
            self.stage.prelude.all.clone(),
            self.stage.prelude.each.clone(),
            self.stage.prelude.asked.clone(),
        );
        main.call(imports).map_err(|error| self.failed(&error))
    }

    /// Runs whatever is ready, and waits for what is not, until `done`. False if there is nothing
    /// left to wait for.
    fn turn_until(&self, done: impl Fn() -> bool) -> std::result::Result<bool, Ending> {
        loop {
            while self.stage.ctx.execute_pending_job() {}
            if done() {
                return Ok(true);
            }
            let due = self.stage.timers.next_due();
            if due.is_none() && !self.stage.calls.are_open() {
                return Ok(false);
            }
            // What has come goes first, so that timers cannot keep an answer waiting.
            let message = self.stage.channel.borrow_mut().receive(due)?;
            match message {
                Some(message) => self.stage.calls.answer(&self.stage.ctx, message)?,
                None => self
                    .stage
                    .timers
                    .run_next()
                    .map_err(|error| self.failed(&error))?,
            }
        }
    }

    /// The JSON of the program's value, once no call is open and no promise in it.
    fn settled_json(
        &self,
        value: &Value<'js>,
        notes: &mut Vec<String>,
    ) -> std::result::Result<Option<String>, Ending> {
        loop {
            self.turn_until(|| !self.stage.calls.are_open())?;
            let mut writer = Writer::new(&self.stage.prelude, Purpose::Value, self.message_bytes);
            let json = writer
                .json("value", value)
                .map_err(|refusal| self.no_value(refusal))?;
            let Some((place, _)) = writer.open_promises.first() else {
                notes.extend(
                    writer
                        .not_finite
                        .map(|what| format!("{what}, which JSON lacks: null is in its place")),
                );
                return Ok(json);
            };
            let is_open = |promise: &Promise| promise.state() == PromiseState::Pending;
            if !self.turn_until(|| !writer.open_promises.iter().any(|(_, p)| is_open(p)))? {
                return Err(stuck(format!("{place} is a promise that can never settle")).into());
            }
        }
    }

    fn no_value(&self, refusal: Refusal<'js>) -> Ending {
        match refusal {
            Refusal::Unfit { place, what } => ProgramError {
                hint: Some("a program's value is data: return only what JSON can hold".into()),
                ..ProgramError::new(ErrorCode::Exception, format!("{place} {what}"))
            }
            .into(),
            Refusal::TooLong => self.too_long().into(),
            Refusal::Rejected(reason) => self.failure().thrown(&reason).into(),
            Refusal::Thrown(error) => self.failed(&error),
        }
    }

    fn too_long(&self) -> ProgramError {
        ProgramError {
            hint: Some("return a part of it, or a summary".into()),
            ..ProgramError::new(
                ErrorCode::LimitOutput,
                format!(
                    "the program's value is longer than the limit of {} bytes",
                    self.message_bytes
                ),
            )
        }
    }

    /// The error of a promise that was rejected while nothing waited for it.
    fn not_awaited(&self, reason: &Value<'js>) -> ProgramError {
        let failure = self.failure();
        let error = failure.thrown(reason);
        let message = match failure.tool(reason) {
            Some(tool) => format!(
                "{tool} was called without await, and failed: {}",
                error.message
            ),
            None => format!(
                "a promise that nothing awaits was rejected: {}",
                error.message
            ),
        };
        ProgramError {
            message,
            hint: error.hint.or(Some("put await before it".into())),
            ..error
        }
    }

    fn failed(&self, error: &rquickjs::Error) -> Ending {
        self.failure().engine(error).into()
    }

    fn failure(&self) -> Failure<'_, 'js> {
        Failure {
            ctx: &self.stage.ctx,
            prelude: &self.stage.prelude,
            script: &self.script,
            answers: &self.stage.calls.answers,
            memory_bytes: self.stage.memory_bytes,
        }
    }
}

/// The error of a program that waits for nothing.
fn stuck(message: impl Into<String>) -> ProgramError {
    ProgramError {
        hint: Some("no call is open and no timer is set: something must resolve it".into()),
        ..ProgramError::new(ErrorCode::Exception, message)
    }
}

/// Writes a line. A reader who has gone takes nothing from the program.
fn print(fd: impl AsFd, mut line: String) {
    line.push('\n');
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(&fd, rest) {
            Ok(count) => rest = &rest[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&fd, PollFlags::OUT)], None);
            }
            Err(_) => return,
        }
    }
}

type Kept = Persistent<Value<'static>>;

/// Promises that were rejected and have nobody to tell, with the reasons, in that order.
#[derive(Default)]
pub(super) struct Rejections(Rc<RefCell<Unhandled>>);

#[derive(Default)]
struct Unhandled {
    count: u64,
    reasons: HashMap<Kept, (u64, Kept)>,
}

impl Rejections {
    /// What the engine is to call.
    pub(super) fn tracker(&self) -> RejectionTracker {
        let unhandled = self.0.clone();
        Box::new(move |ctx, promise, reason, is_handled| {
            let promise = Persistent::save(&ctx, promise);
            let mut unhandled = unhandled.borrow_mut();
            if is_handled {
                unhandled.reasons.remove(&promise);
            } else {
                unhandled.count += 1;
                let entry = (unhandled.count, Persistent::save(&ctx, reason));
                unhandled.reasons.insert(promise, entry);
            }
        })
    }

    /// The reason of the first that is left.
    fn first<'js>(&self, ctx: &Ctx<'js>) -> Option<Value<'js>> {
        let unhandled = self.0.borrow();
        let (_, reason) = unhandled.reasons.values().min_by_key(|(count, _)| *count)?;
        reason.clone().restore(ctx).ok()
    }
}
