//! One guest process from the time it is ready to its end: workspace, frames both ways, limits.
//!
//! One task reads what the guest sends and never waits for the other direction; a second one writes
//! from a bounded queue. So a guest that sends a thousand calls before it reads one reply, or never
//! reads at all, fills its own socket and nothing of ours.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{
    Check, Checked, Decoder, Done, ErrorCode, Failed, Job, Kind, Message, ProgramError, Progress,
    Ready, Violation, message,
};
use results::Results;
use rustix::process::Pid;
use sandbox::{Exit, Guest, LIFELINE_BYTES, Lockdown, Meter, Tier, Usage, Workspace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf, pipe};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::admission::Place;
use crate::alarm::Alarm;
use crate::call::{Answer, Calls, Returned};
use crate::clock::Clock;
use crate::limits::Limits;
use crate::lock;
use crate::output::Handle;
use crate::show::Shown;
use crate::spill::Spill;
use crate::turns::Turns;

/// How often a guest's memory, threads and CPU time are looked at.
const WATCH: Duration = Duration::from_millis(20);
/// A program that has computed for so long is one that takes time: from then on it lets the others run
/// first, which are mostly over before it notices.
const LONG: Duration = Duration::from_millis(200);
/// How often its workspace is counted at most, and how many times longer than counting the pause is.
const SUM: Duration = Duration::from_millis(100);
const SUM_SHARE: u32 = 50;
/// How long a guest may take for a step of its start.
pub(crate) const START: Duration = Duration::from_secs(10);
/// How long the calls of a program that has ended may take to end.
const LAST_CALLS: Duration = Duration::from_secs(3);
/// What is read of an output stream at once.
const OUTPUT_BYTES: usize = 16 << 10;
/// Small messages are joined up to this size before they are written.
const BATCH_BYTES: usize = 64 << 10;

/// Why there is no guest for a program.
pub(crate) enum Refused {
    /// It, or its zygote, has gone; another one may do better.
    Gone(String),
    Other(String),
}

impl Refused {
    pub(crate) fn into_reason(self) -> String {
        match self {
            Refused::Gone(reason) | Refused::Other(reason) => reason,
        }
    }
}

/// A program's end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) done: Done,
    pub(crate) stdout: Printed,
    pub(crate) stderr: Printed,
    pub(crate) guest_time: Duration,
    pub(crate) peak_memory_bytes: u64,
    /// What stood around the guest that was sent the program, if one was.
    pub(crate) tier: Option<Tier>,
    /// Files that it showed.
    pub(crate) shown: Vec<Shown>,
}

/// What is in memory of an output stream: its beginning and its end.
#[derive(Debug, Default, Clone)]
pub struct Printed {
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
    /// Bytes printed in all.
    pub total: u64,
    /// Where all of it is kept, if there is more than head and tail.
    pub whole: Handle,
}

impl Printed {
    /// Takes more of a stream of which at most two halves are kept.
    fn keep(&mut self, more: &[u8], half: usize) {
        self.total += more.len() as u64;
        let to_head = more.len().min(half - self.head.len());
        self.head.extend_from_slice(&more[..to_head]);
        self.tail.extend_from_slice(&more[to_head..]);
        if self.tail.len() > 2 * half {
            self.trim(half);
        }
    }

    fn trim(&mut self, half: usize) {
        if self.tail.len() > half {
            self.tail.drain(..self.tail.len() - half);
        }
    }

    /// Bytes between head and tail.
    pub(crate) fn missing(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// All of it as text, with a line where bytes are missing.
    pub fn text(&self) -> String {
        match self.missing() {
            // A character may begin in the one and end in the other.
            0 => String::from_utf8_lossy(&[&self.head[..], &self.tail].concat()).into_owned(),
            missing => {
                let head = String::from_utf8_lossy(&self.head);
                let tail = String::from_utf8_lossy(&self.tail);
                format!("{head}\n… {missing} bytes not shown …\n{tail}")
            }
        }
    }
}

/// A guest that is locked down and confirmed, ready for one program.
pub(crate) struct ReadyGuest {
    guest: Guest,
    /// The one workspace it is left, once it is.
    workspace: Option<Workspace>,
    /// CPU time it used before it had a program.
    spent: Duration,
    channel: UnixStream,
    decoder: Decoder,
    stdout: Output,
    stderr: Output,
    /// How the process ended, once it has.
    exit: watch::Receiver<Option<Exit>>,
}

impl ReadyGuest {
    /// Takes up a guest that [`crate::pool`] has prepared. Must be inside a tokio runtime.
    pub(crate) fn new(
        mut guest: Guest,
        channel: std::os::unix::net::UnixStream,
        spent: Duration,
        limits: &Limits,
    ) -> std::io::Result<ReadyGuest> {
        Ok(ReadyGuest {
            stdout: Output::new(guest.stdout.take(), limits)?,
            stderr: Output::new(guest.stderr.take(), limits)?,
            exit: exit_of(guest.lifeline.take()),
            channel: into_tokio(channel)?,
            decoder: Decoder::new(protocol::Limits::default()),
            guest,
            workspace: None,
            spent,
        })
    }

    /// What stands around it.
    pub(crate) fn tier(&self) -> Tier {
        self.guest.tier()
    }

    /// What it prints.
    pub(crate) fn printed(&self) -> Arc<Mutex<Printed>> {
        self.stdout.printed.clone()
    }

    /// Whether it has ended while it waited for a program.
    pub(crate) fn has_ended(&self) -> bool {
        self.guest.has_ended()
    }

    /// Whether this is the workspace it has been left.
    pub(crate) fn is_in(&self, workspace: &Workspace) -> bool {
        self.workspace.as_ref() == Some(workspace)
    }

    /// Whether it has been left none yet.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.workspace.is_none()
    }

    /// Leaves the guest one workspace, before it is sent a program.
    ///
    /// # Errors
    /// A named step failed, or the guest has gone.
    pub(crate) async fn enter(&mut self, workspace: &Workspace) -> Result<(), Refused> {
        let abi = landlock_abi().map_err(Refused::Other)?;
        let table = Lockdown::of_workspace(abi, workspace);
        let answered = timeout(START, async {
            // A guest that has gone already may have said why: what it said is read either way.
            let _ = self.send(Kind::Lockdown, &table.encode()).await;
            self.next().await
        });
        match answered.await {
            Ok(Ok(Some(answer))) => {
                check(&table, &answer).map_err(Refused::Other)?;
                self.workspace = Some(workspace.clone());
                Ok(())
            }
            Ok(Ok(None)) => Err(Refused::Gone(
                "a guest ended before it had a workspace".into(),
            )),
            Ok(Err(violation)) => Err(Refused::Other(format!("a guest sent {violation}"))),
            Err(_) => Err(Refused::Other(format!(
                "a guest was not in its workspace within {} s",
                START.as_secs()
            ))),
        }
    }

    async fn send(&mut self, kind: Kind, body: &[u8]) -> std::io::Result<()> {
        for (header, chunk) in protocol::frames(kind, 0, body) {
            self.channel
                .write_all(&[&header[..], chunk].concat())
                .await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Message>, Violation> {
        let mut buffer = vec![0; 4 << 10];
        loop {
            if let Some(message) = self.decoder.next()? {
                return Ok(Some(message));
            }
            match self.channel.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(length) => self.decoder.push(&buffer[..length]),
            }
        }
    }

    /// Runs one program to its end, serving its calls. The guest, and every call, is ended when this returns.
    pub(crate) async fn run(
        mut self,
        job: &Job,
        calls: Arc<Calls>,
        place: Arc<Place>,
        workspace: Option<&Workspace>,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Ended {
        self.stdout.spill_into(calls.results());
        let hold = calls.results().hold();
        let (made, program) = (calls.clone(), place.clone());
        let mut open = JoinSet::new();
        let mut watched = Watch::new(self.guest.meter(), self.spent, workspace, limits);
        let sent = self.send(Kind::Job, &message::encode(job)).await;
        let tier = self.tier();
        let ReadyGuest {
            guest,
            channel,
            decoder,
            mut stdout,
            mut stderr,
            mut exit,
            ..
        } = self;
        let (mut from_guest, to_guest) = channel.into_split();
        let frames = Frames {
            from_guest: &mut from_guest,
            to_guest,
            decoder,
        };
        let outcome = match sent {
            Ok(()) => {
                tokio::select! {
                    outcome = serve(guest.pid(), frames, calls, place, &mut open, &mut watched) => outcome,
                    // Whoever would end it with us has gone, so it is ended now.
                    Ok(_) = exit.wait_for(|exit| *exit == Some(Exit::Unknown)) => Outcome::Gone,
                    () = cancel.cancelled() => Outcome::Stopped(ProgramError::new(
                        ErrorCode::Cancelled, "the run was cancelled",
                    )),
                    () = kept(&mut stdout, &mut stderr) => Outcome::Stopped(ProgramError::new(
                        ErrorCode::LimitOutput,
                        format!("the program printed more than {} bytes; return less, and print less", limits.printed_bytes),
                    )),
                }
            }
            // It has ended already; its exit says why.
            Err(_) => Outcome::Gone,
        };
        guest.kill();
        if matches!(outcome, Outcome::Done(_)) {
            tokio::select! {
                () = last_calls(&made, &program) => {}
                () = cancel.cancelled() => {}
            }
        }
        // Those that are open still end as cancelled, which is part of what has been done, too.
        drop(open);
        let _ = timeout(LAST_CALLS, made.all_ended()).await;
        let done = match outcome {
            Outcome::Done(done) => done,
            Outcome::Stopped(error) => Done {
                error: Some(error),
                ..Done::default()
            },
            Outcome::Gone => {
                let exit = timeout(START, exit.wait_for(Option::is_some)).await;
                let exit = exit.ok().and_then(Result::ok).and_then(|exit| *exit);
                Done {
                    error: Some(watched.explain(exit.unwrap_or(Exit::Unknown))),
                    ..Done::default()
                }
            }
        };
        // What is kept of its answer may take the place of what it made.
        drop(hold);
        // What the program printed is in the pipes by now: a guest flushes before it says that it is
        // done, and the others have been ended.
        let (printed, complained) = (stdout.take().await, stderr.take().await);
        tokio::spawn(async move {
            // Closing all that is open takes as long as a small program: its answer comes first.
            tokio::task::yield_now().await;
            drop((guest, from_guest, stdout, stderr));
        });
        Ended {
            done,
            stdout: printed,
            stderr: complained,
            guest_time: watched.clock.own_time(),
            peak_memory_bytes: watched.peak_memory_bytes,
            tier: Some(tier),
            shown: made.showing.all(),
        }
    }
}

/// Both directions of a guest's channel.
struct Frames<'a> {
    from_guest: &'a mut OwnedReadHalf,
    to_guest: OwnedWriteHalf,
    /// Of what has been read.
    decoder: Decoder,
}

/// A program that failed has left the calls that it sent beside the one that it failed at: what they do
/// is part of what it did, so their ends are waited for, though not for long.
async fn last_calls(calls: &Calls, place: &Place) {
    let mut tick = interval(WATCH);
    let ended = timeout(LAST_CALLS, async {
        loop {
            tokio::select! {
                biased;
                () = calls.all_ended() => return,
                _ = tick.tick() => {
                    calls.gateway.recorder().flush();
                    // It computes nothing any more.
                    place.park();
                }
            }
        }
    });
    let _ = ended.await;
}

/// Serves a program's calls, which `open` holds, until it ends or passes a limit.
async fn serve(
    guest: Pid,
    frames: Frames<'_>,
    calls: Arc<Calls>,
    place: Arc<Place>,
    open: &mut JoinSet<Result<(), Violation>>,
    watch: &mut Watch<'_>,
) -> Outcome {
    let in_flight = watch.limits.in_flight as usize;
    let Frames {
        from_guest,
        to_guest,
        mut decoder,
    } = frames;
    // Each open call puts at most one reply here, so with room for all of them no call waits for
    // the guest to read; the writer ends with the last sender, or with the socket.
    let (replies, queue) = mpsc::channel(in_flight);
    let mut pumps = JoinSet::new();
    // Calls whose replies are not yet on their way: the guest, which counts too, may send its next
    // call before this task hears that an earlier one has ended.
    let unanswered = Arc::new(AtomicUsize::new(0));
    pumps.spawn(write_replies(to_guest, queue, unanswered.clone()));
    let mut turns = Turns::new(guest);
    let mut turn_begun = Instant::now();
    let mut is_checked = false;
    let alone = {
        let gateway = calls.gateway.clone();
        move || gateway.admission.one_runs()
    };
    let mut buffer = vec![0; 64 << 10];
    let mut tick = interval(WATCH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let total = Instant::now() + watch.limits.total_time;
    let mut alarm = Alarm::new(total);
    loop {
        loop {
            match decoder.next() {
                Ok(None) => break,
                Ok(Some(Message {
                    kind: Kind::Done,
                    body,
                    ..
                })) => {
                    return match message::decode(&body) {
                        Ok(done) => Outcome::Done(done),
                        Err(violation) => Outcome::Stopped(protocol_error(&violation)),
                    };
                }
                Ok(Some(Message {
                    kind: Kind::Call,
                    id,
                    body,
                })) => {
                    if unanswered.fetch_add(1, Ordering::Relaxed) >= in_flight {
                        return Outcome::Stopped(protocol_error(&Violation::Body(format!(
                            "more than {in_flight} calls open at once"
                        ))));
                    }
                    // It may have been sent before this task heard that the last one has ended.
                    while let Some(ended) = open.try_join_next() {
                        if let Some(outcome) = call_ended(ended, &mut watch.clock) {
                            return outcome;
                        }
                        turns.taken(turn_begun.elapsed(), calls.called().as_ref(), &alone);
                    }
                    if !open.is_empty() {
                        turns.broken();
                    }
                    turn_begun = Instant::now();
                    watch.clock.call_opened();
                    let (calls, replies, place) = (calls.clone(), replies.clone(), place.clone());
                    open.spawn(async move {
                        let answer = calls.answer(message::decode(&body)?).await;
                        place.resume().await;
                        // A writer that has gone has a guest that has gone.
                        let _ = replies.send((id, Reply::Call(answer))).await;
                        Ok(())
                    });
                }
                Ok(Some(Message {
                    kind: Kind::Check,
                    id: 0,
                    body,
                })) if !is_checked => {
                    is_checked = true;
                    let checked = match message::decode::<Check>(&body) {
                        Ok(check) if check.calls.len() <= Check::MOST_CALLS => {
                            calls.check(&check).await
                        }
                        Ok(check) => {
                            return Outcome::Stopped(protocol_error(&Violation::Body(format!(
                                "{} calls in a program's text",
                                check.calls.len()
                            ))));
                        }
                        Err(violation) => return Outcome::Stopped(protocol_error(&violation)),
                    };
                    // The queue has room: no call is open.
                    let _ = replies.send((0, Reply::Checked(checked))).await;
                }
                Ok(Some(Message {
                    kind: Kind::Progress,
                    id: 0,
                    body,
                })) if body.len() <= Progress::MOST_BYTES => {
                    // Read when it is shown: a program may say it often.
                    calls.progress.send_replace(Some(body));
                }
                Ok(Some(Message { kind, .. })) => {
                    return Outcome::Stopped(protocol_error(&Violation::Body(format!(
                        "{kind:?} at this point"
                    ))));
                }
                Err(violation) => return Outcome::Stopped(protocol_error(&violation)),
            }
        }
        let own_deadline = watch.clock.deadline(watch.limits.guest_time);
        let deadline = calls.permits.deadline(total);
        alarm.ring_at([own_deadline, deadline].into_iter().flatten().min());
        tokio::select! {
            read = from_guest.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return Outcome::Gone,
                Ok(length) => decoder.push(&buffer[..length]),
            },
            Some(ended) = open.join_next() => {
                if let Some(outcome) = call_ended(ended, &mut watch.clock) {
                    return outcome;
                }
                if open.is_empty() {
                    turns.taken(turn_begun.elapsed(), calls.called().as_ref(), &alone);
                }
            }
            _ = tick.tick() => {
                // Ends of calls, which nothing has been recorded after.
                calls.gateway.recorder().flush();
                turns.tick();
                if let Some(error) = watch.look() {
                    return Outcome::Stopped(error);
                }
                if !watch.is_still {
                    place.take_up();
                } else if !open.is_empty() {
                    place.park();
                    // What it has sent and we have not read may be more to ask.
                    let is_heard = rustix::io::ioctl_fionread(from_guest.as_ref()) == Ok(0);
                    let open = open.len().max(unanswered.load(Ordering::Relaxed));
                    if is_heard && calls.permits.all_parked(open) && watch.meter.is_asleep() {
                        calls.permits.settle();
                    }
                }
            },
            now = &mut alarm => {
                if own_deadline.is_some_and(|deadline| deadline <= now) {
                    return Outcome::Stopped(watch.out_of_own_time());
                }
                if deadline.is_some_and(|deadline| deadline <= now) {
                    return Outcome::Stopped(ProgramError::new(
                        ErrorCode::LimitTime,
                        format!("the run took longer than {} s, calls included", watch.limits.total_time.as_secs()),
                    ));
                }
            }
        }
    }
}

/// Takes the end of a call; what it came to, if it ends the run.
fn call_ended(
    ended: Result<Result<(), Violation>, JoinError>,
    clock: &mut Clock,
) -> Option<Outcome> {
    clock.call_closed();
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(violation)) => Some(Outcome::Stopped(protocol_error(&violation))),
        Err(_) => Some(Outcome::Stopped(sandbox_error(
            "a call panicked, which is a fault of toolmill".into(),
        ))),
    }
}

enum Outcome {
    Done(Done),
    Stopped(ProgramError),
    /// The guest ended by itself without saying so.
    Gone,
}

/// Looks at a guest every [`WATCH`] and says which limit it has passed.
struct Watch<'a> {
    meter: Meter,
    /// Of a program that may use files.
    workspace: Option<&'a Workspace>,
    limits: &'a Limits,
    clock: Clock,
    peak_memory_bytes: u64,
    next_sum: Instant,
    /// Whether it has computed nothing between the last two looks.
    is_still: bool,
    has_stepped_back: bool,
}

impl<'a> Watch<'a> {
    fn new(
        meter: Meter,
        spent: Duration,
        workspace: Option<&'a Workspace>,
        limits: &'a Limits,
    ) -> Watch<'a> {
        let clock = Clock::start(spent);
        Watch {
            meter,
            workspace,
            limits,
            clock,
            peak_memory_bytes: 0,
            next_sum: Instant::now() + SUM,
            is_still: false,
            has_stepped_back: false,
        }
    }

    fn look(&mut self) -> Option<ProgramError> {
        let limits = self.limits;
        let now = self.meter.read();
        self.is_still = self.clock.tick(now.cpu);
        if now.cpu > LONG && !self.has_stepped_back {
            self.meter.step_back();
            self.has_stepped_back = true;
        }
        self.peak_memory_bytes = self.peak_memory_bytes.max(now.resident_bytes);
        if now.resident_bytes > limits.memory_bytes {
            return Some(self.out_of_memory());
        }
        if now.threads > limits.threads {
            return Some(ProgramError::new(
                ErrorCode::LimitThreads,
                format!(
                    "the program had {} threads; the limit is {}",
                    now.threads, limits.threads
                ),
            ));
        }
        if self.clock.own_time() > limits.guest_time {
            return Some(self.out_of_own_time());
        }
        if let Some(workspace) = self.workspace
            && Instant::now() >= self.next_sum
        {
            let begun = Instant::now();
            let most = Usage {
                bytes: limits.workspace_bytes,
                entries: limits.workspace_entries,
            };
            let found = workspace.usage(most);
            // It takes this thread: the more there is to count, the less often it is counted.
            self.next_sum = Instant::now() + SUM.max(begun.elapsed() * SUM_SHARE);
            if found.bytes > most.bytes || found.entries > most.entries {
                let mut error = ProgramError::new(
                    ErrorCode::LimitWorkspace,
                    format!(
                        "the workspace held {} bytes in {} files or more; the limits are {} and {}",
                        found.bytes, found.entries, most.bytes, most.entries
                    ),
                );
                error.hint = Some(
                    "what it wrote is still there: delete what is not needed in the next program"
                        .into(),
                );
                return Some(error);
            }
        }
        None
    }

    fn out_of_own_time(&self) -> ProgramError {
        let mut error = ProgramError::new(
            ErrorCode::LimitTime,
            format!(
                "the program used {:.1} s of its own time; the limit is {:.1} s (calls are not counted)",
                self.clock.own_time().as_secs_f64(),
                self.limits.guest_time.as_secs_f64()
            ),
        );
        error.hint = Some("raise timeout_seconds, or do less in one program".into());
        error
    }

    fn out_of_memory(&self) -> ProgramError {
        ProgramError::new(
            ErrorCode::LimitMemory,
            format!(
                "the program used {} MiB of memory; the limit is {} MiB",
                self.peak_memory_bytes >> 20,
                self.limits.memory_bytes >> 20
            ),
        )
    }

    /// Why a guest ended without a word.
    fn explain(&self, exit: Exit) -> ProgramError {
        let near_memory = self.peak_memory_bytes > self.limits.memory_bytes / 10 * 9;
        match exit {
            _ if near_memory => self.out_of_memory(),
            Exit::Signal(signal) if signal == SIGXCPU => self.out_of_own_time(),
            Exit::Signal(signal) if signal == SIGSYS => ProgramError::new(
                ErrorCode::Denied,
                "the program made a system call of another architecture, which ends it",
            ),
            Exit::Signal(signal) => ProgramError::new(
                ErrorCode::Exception,
                format!("the program crashed its interpreter (signal {signal})"),
            ),
            Exit::Code(code) => ProgramError::new(
                ErrorCode::Exception,
                format!("the interpreter ended with code {code} before the program had a value"),
            ),
            Exit::Unknown => sandbox_error(
                "the process that all programs of this language are forked from has ended, and this \
                 one with it; run the program again"
                    .into(),
            ),
        }
    }
}

const SIGXCPU: i32 = 24;
const SIGSYS: i32 = 31;

/// What a guest is told while its program runs.
enum Reply {
    Call(Answer),
    Checked(Checked),
}

/// Writes replies until there are no more, joining small ones into one write.
async fn write_replies(
    mut to_guest: OwnedWriteHalf,
    mut queue: mpsc::Receiver<(u32, Reply)>,
    unanswered: Arc<AtomicUsize>,
) {
    let mut batch = Vec::new();
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        while let Some((id, reply)) = next {
            if matches!(reply, Reply::Call(_)) {
                unanswered.fetch_sub(1, Ordering::Relaxed);
            }
            // Until it is written.
            let mut _room = None;
            let (kind, body) = match reply {
                Reply::Call(Ok(Returned::Read(mut read))) => {
                    let json = std::mem::take(&mut read.json);
                    _room = Some(read);
                    (Kind::Return, json.into_bytes())
                }
                Reply::Call(Ok(Returned::Json(value))) => (Kind::Return, value.into_bytes()),
                Reply::Call(Ok(Returned::Handles(handles))) => {
                    (Kind::Handles, message::encode(&handles))
                }
                Reply::Call(Err(raised)) => (Kind::Raise, message::encode(&raised)),
                Reply::Checked(checked) => (Kind::Checked, message::encode(&checked)),
            };
            if body.len() > BATCH_BYTES {
                for (header, chunk) in protocol::frames(kind, id, &body) {
                    batch.extend_from_slice(&header);
                    if to_guest.write_all(&batch).await.is_err()
                        || to_guest.write_all(chunk).await.is_err()
                    {
                        return;
                    }
                    batch.clear();
                }
            } else {
                for (header, chunk) in protocol::frames(kind, id, &body) {
                    batch.extend_from_slice(&header);
                    batch.extend_from_slice(chunk);
                }
            }
            next = if batch.len() < BATCH_BYTES {
                queue.try_recv().ok()
            } else {
                None
            };
        }
        if to_guest.write_all(&batch).await.is_err() {
            return;
        }
        batch.clear();
    }
}

/// An output stream of a guest: it is read, so that the guest never waits for us for long, its
/// beginning and its end are kept in memory, and all of it elsewhere when there is more.
struct Output {
    /// None once it has ended.
    stream: Option<pipe::Receiver>,
    printed: Arc<Mutex<Printed>>,
    half: usize,
    most: u64,
    /// Where the whole goes when it is longer than the two halves.
    results: Option<Arc<Results>>,
    spill: Option<Spill>,
}

impl Output {
    fn new(stream: Option<OwnedFd>, limits: &Limits) -> std::io::Result<Output> {
        Ok(Output {
            stream: stream.map(pipe::Receiver::from_owned_fd).transpose()?,
            printed: Arc::default(),
            half: limits.output_bytes / 2,
            most: limits.printed_bytes,
            results: None,
            spill: None,
        })
    }

    fn spill_into(&mut self, results: &Arc<Results>) {
        self.results = Some(results.clone());
    }

    /// Reads until there is too much of it, or for ever. Dropping this loses nothing.
    async fn keep(&mut self) {
        let mut buffer = Vec::new();
        while let Some(stream) = &self.stream {
            if let Some(spill) = &self.spill {
                spill.ready().await;
            }
            if stream.readable().await.is_err() {
                self.stream = None;
                break;
            }
            buffer.resize(OUTPUT_BYTES, 0);
            match stream.try_read(&mut buffer) {
                Ok(length) if length > 0 => {
                    if self.kept_too_much(&buffer[..length]) {
                        return;
                    }
                }
                Err(error) if is_temporary(&error) => {}
                _ => self.stream = None,
            }
        }
        std::future::pending().await
    }

    /// Takes what is there, and waits for no more of it.
    async fn take(&mut self) -> Printed {
        let mut buffer = Vec::new();
        while let Some(stream) = &self.stream {
            buffer.resize(OUTPUT_BYTES, 0);
            // Not `try_read`, which believes what was known of the stream when it last had nothing.
            match rustix::io::read(stream, &mut buffer[..]) {
                Ok(length) if length > 0 => {
                    if self.kept_too_much(&buffer[..length]) {
                        break;
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                _ => break,
            }
        }
        let whole = match self.spill.take() {
            Some(spill) => spill.end().await,
            None => Handle::None,
        };
        let mut printed = lock(&self.printed);
        printed.trim(self.half);
        printed.whole = whole;
        std::mem::take(&mut printed)
    }

    fn kept_too_much(&mut self, more: &[u8]) -> bool {
        let mut printed = lock(&self.printed);
        let is_more = printed.total + more.len() as u64 > 2 * self.half as u64;
        if is_more && let Some(results) = self.results.take() {
            // Nothing is missing yet.
            let first = [&printed.head[..], &printed.tail].concat();
            self.spill = Some(Spill::begin(results, first));
        }
        if let Some(spill) = &mut self.spill {
            spill.write(more);
        }
        printed.keep(more, self.half);
        printed.total > self.most
    }
}

/// Reads what a guest prints, until it is too much.
async fn kept(stdout: &mut Output, stderr: &mut Output) {
    tokio::select! {
        () = stdout.keep() => {}
        () = stderr.keep() => {}
    }
}

fn is_temporary(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::Interrupted | std::io::ErrorKind::WouldBlock
    )
}

fn exit_of(lifeline: Option<std::os::unix::net::UnixStream>) -> watch::Receiver<Option<Exit>> {
    let (tell, exit) = watch::channel(None);
    tokio::spawn(async move {
        let mut message = [0; LIFELINE_BYTES];
        let read = match lifeline.map(into_tokio) {
            Some(Ok(mut lifeline)) => lifeline.read_exact(&mut message).await.is_ok(),
            _ => false,
        };
        tell.send_replace(Some(if read {
            Exit::from_lifeline(&message)
        } else {
            Exit::Unknown
        }));
    });
    exit
}

fn into_tokio(stream: std::os::unix::net::UnixStream) -> std::io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// The version of Landlock, without which nothing runs.
pub(crate) fn landlock_abi() -> Result<u32, String> {
    sandbox::landlock_abi().map_err(|error| {
        format!("Landlock is not available on this kernel: {error}. Run `toolmill doctor`")
    })
}

/// Whether a process's answer says that this lockdown took effect.
///
/// # Errors
/// What did not.
pub(crate) fn check(lockdown: &Lockdown, answer: &Message) -> Result<(), String> {
    let unreadable = |error: Violation| format!("a guest sent {error}");
    match answer.kind {
        Kind::Ready => {
            let ready: Ready = message::decode(&answer.body).map_err(unreadable)?;
            lockdown
                .check_probes(&ready.probes)
                .map_err(|error| error.to_string())
        }
        Kind::Failed => {
            let failed: Failed = message::decode(&answer.body).map_err(unreadable)?;
            Err(format!(
                "sandbox step {} failed: {}",
                failed.step, failed.message
            ))
        }
        other => Err(format!("a guest began with {other:?}")),
    }
}

pub(crate) fn sandbox_error(message: String) -> ProgramError {
    ProgramError::new(ErrorCode::Sandbox, message)
}

pub(crate) const SUPERVISOR_GONE: &str = "the supervisor has gone; start toolmill again";

fn protocol_error(violation: &Violation) -> ProgramError {
    ProgramError::new(
        ErrorCode::Protocol,
        format!("the program broke the protocol of its guest: {violation}"),
    )
}
