//! The programs of one session that run, or have ended and may still be asked for.
//!
//! A program runs in a task of its own. As long as the request that started it has not been answered,
//! that request's end is its end. Once the agent has been told that it runs ([`Live::leave`]) it lives
//! until it ends by itself, is cancelled, reaches its total limit, is not asked for during
//! [`UNASKED`], or its connection ends. The answer of one that was left is kept for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use journal::Event;
use protocol::{Done, ErrorCode, ProgramError};
use tokio::sync::{OnceCell, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::asking::Registered;
use crate::call::{CallRecord, Calls};
use crate::execute::{self, Execution, Language, Request};
use crate::guests::Printed;
use crate::output::{self, Answer, Style};
use crate::resume::{Earlier, Resuming};
use crate::suspended::{NotTaken, Question, Reply, Suspended};
use crate::{Gateway, Session, Short, lock};

/// How long a program goes on that nobody asks for.
const UNASKED: Duration = Duration::from_secs(600);
/// How long the answer of a program that was left is kept once it has ended, and of how many.
const KEPT: Duration = Duration::from_secs(600);
const MOST_KEPT: usize = 16;

/// The programs of one session, the earliest first.
#[derive(Debug, Default)]
pub(crate) struct Executions(Mutex<VecDeque<Arc<Live>>>);

impl Executions {
    /// Starts a program, which may take up the calls of an earlier one. It is cancelled with
    /// `connection`.
    ///
    /// # Errors
    /// Another program takes them up.
    pub(crate) fn start(
        gateway: &Arc<Gateway>,
        session: &Arc<Session>,
        request: Request,
        telling: Telling,
        earlier: Option<Arc<Earlier>>,
        connection: &CancellationToken,
    ) -> Result<Arc<Live>, String> {
        let mut live = Live::new(
            gateway,
            session,
            telling,
            request.suspended.clone(),
            connection.child_token(),
        );
        live.notes_calls = true;
        live.earlier = earlier;
        let live = Arc::new(live);
        if let Some(earlier) = &live.earlier {
            session.resumable().take(earlier, &live)?;
        }
        session.executions().keep(live.clone());
        let (gateway, session) = (gateway.clone(), session.clone());
        let running = live.clone();
        gateway.clone().tasks.spawn(async move {
            let ending = Ending(&running);
            let run = execute::run(&gateway, &session, request, &running);
            let mut execution = running.while_asked_for(run).await;
            running.keep_calls(&gateway, &session, &mut execution).await;
            running.end(execution);
            drop(ending);
            if running.was_left() {
                // What it holds may be large; what is said of it is not.
                running.answer(&gateway, &session).await;
                running.stage.send_replace(Stage::Told);
            } else {
                session.executions().forget(&running);
            }
        });
        Ok(live)
    }

    /// A program by its id: the short one of the session, or the whole one.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Live>> {
        let mut all = self.all();
        all.retain(|live| !live.is_stale());
        all.iter()
            .find(|live| live.id == id || live.short.to_string() == id)
            .cloned()
    }

    /// Those that run, the latest last.
    pub(crate) fn running(&self) -> Vec<Short> {
        let all = self.all();
        let running = all.iter().filter(|live| live.ended().is_none());
        running.map(|live| live.short).collect()
    }

    /// Whether a program runs.
    pub(crate) fn any_runs(&self) -> bool {
        !self.running().is_empty()
    }

    fn keep(&self, live: Arc<Live>) {
        let mut all = self.all();
        all.retain(|live| !live.is_stale());
        let ended = all.iter().filter(|live| live.ended().is_some()).count();
        if ended >= MOST_KEPT
            && let Some(earliest) = all.iter().position(|live| live.ended().is_some())
        {
            all.remove(earliest);
        }
        all.push_back(live);
    }

    fn forget(&self, live: &Live) {
        self.all().retain(|kept| kept.id != live.id);
    }

    /// Held for a look, or for putting one in or out.
    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Live>>> {
        lock(&self.0)
    }
}

/// How what a program came to is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Telling {
    pub(crate) style: Style,
    /// To a caller that is itself a program.
    pub(crate) structured: bool,
}

/// Where a program is.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    Running,
    Ended(Arc<Execution>),
    /// It has ended, and its answer is kept.
    Told,
}

/// A program that runs or has ended.
#[derive(Debug)]
pub(crate) struct Live {
    /// The whole id, which nobody can guess.
    pub(crate) id: String,
    /// The id within its session.
    pub(crate) short: Short,
    /// The id of its session.
    pub(crate) session: String,
    begun: Instant,
    total_time: Duration,
    cancel: CancellationToken,
    /// Why it was cancelled, when there is more to say than that it was.
    why: OnceLock<&'static str>,
    stage: watch::Sender<Stage>,
    ended: OnceLock<Instant>,
    seen: Mutex<Seen>,
    /// Who waits for it.
    asked: Mutex<Asked>,
    was_left: AtomicBool,
    /// What it said last of how far it is, as it said it.
    progress: Arc<watch::Sender<Option<Vec<u8>>>>,
    /// A later run may take up its calls.
    notes_calls: bool,
    /// The run whose calls it takes up.
    earlier: Option<Arc<Earlier>>,
    telling: Telling,
    answer: OnceCell<Answer>,
    /// By whom its questions are put to a human, if they are.
    suspended: Option<Arc<Suspended>>,
    /// Number of the last question of which the agent was told that a human has to answer it.
    told_of: AtomicU32,
    /// Whether an agent's client shows its human what is asked.
    shown: watch::Sender<bool>,
    _asks: Option<Registered>,
}

/// Longest text of a program's progress that is shown.
const PROGRESS_CHARACTERS: usize = 120;

/// How far a program says it is, fit to be shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Progress {
    /// One line; may be empty.
    pub(crate) message: String,
    /// From 0 to 1.
    pub(crate) done: Option<f64>,
}

impl Progress {
    fn read(body: &[u8]) -> Option<Progress> {
        let said: protocol::Progress = protocol::message::decode(body).ok()?;
        let done = said.done.filter(|done| (0.0..=100.0).contains(done));
        Some(Progress {
            message: catalog::plain_line(&said.message, PROGRESS_CHARACTERS),
            // Some say it in percent.
            done: done.map(|done| if done > 1.0 { done / 100.0 } else { done }),
        })
    }
}

/// What can be seen of a program while it runs.
#[derive(Default)]
struct Seen {
    calls: Option<Arc<Calls>>,
    stdout: Option<Arc<Mutex<Printed>>>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Seen").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Asked {
    waiting: usize,
    last: Instant,
}

/// What a program has come to so far.
#[derive(Debug)]
pub(crate) struct SoFar {
    /// Calls that have ended.
    pub(crate) calls: Vec<CallRecord>,
    /// Calls that are open.
    pub(crate) open: usize,
    pub(crate) progress: Option<Progress>,
    pub(crate) stdout: Printed,
    pub(crate) duration: Duration,
    pub(crate) total_time: Duration,
}

impl Live {
    /// A program of the session that is about to run.
    pub(crate) fn new(
        gateway: &Gateway,
        session: &Session,
        telling: Telling,
        suspended: Option<Arc<Suspended>>,
        cancel: CancellationToken,
    ) -> Live {
        let (id, short) = session.next_execution();
        let asks = suspended
            .as_ref()
            .map(|suspended| gateway.askers.register(&id, short.to_string(), suspended));
        let total_time = gateway.config.limits.total_time;
        Live {
            suspended,
            _asks: asks,
            telling,
            ..Live::named(id, short, session.id(), total_time, cancel)
        }
    }

    /// A program of this name.
    fn named(
        id: String,
        short: Short,
        session: &str,
        total_time: Duration,
        cancel: CancellationToken,
    ) -> Live {
        Live {
            suspended: None,
            told_of: AtomicU32::new(0),
            shown: watch::Sender::new(false),
            _asks: None,
            id,
            short,
            session: session.to_owned(),
            begun: Instant::now(),
            total_time,
            cancel,
            why: OnceLock::new(),
            stage: watch::Sender::new(Stage::Running),
            ended: OnceLock::new(),
            seen: Mutex::default(),
            asked: Mutex::new(Asked {
                waiting: 0,
                last: Instant::now(),
            }),
            was_left: AtomicBool::new(false),
            progress: Arc::new(watch::Sender::new(None)),
            notes_calls: false,
            earlier: None,
            telling: Telling::default(),
            answer: OnceCell::new(),
        }
    }

    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    pub(crate) fn cancellation(&self) -> &CancellationToken {
        &self.cancel
    }

    pub(crate) fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// Ends the program, which then soon has ended as `cancelled`.
    pub(crate) fn cancel(&self, why: &'static str) {
        // Who cancelled first knows why.
        let _ = self.why.set(why);
        self.cancel.cancel();
    }

    /// What an error that says that the run was cancelled has to say.
    pub(crate) fn explain(&self, error: &mut ProgramError) {
        if error.code == ErrorCode::Cancelled
            && let Some(why) = self.why.get()
        {
            error.message = format!("the run was cancelled: {why}");
        }
    }

    /// The agent is told that the program runs: from now on it outlives the request that started it.
    /// Whether this is so for the first time.
    pub(crate) fn leave(&self) -> bool {
        !self.was_left.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn was_left(&self) -> bool {
        self.was_left.load(Ordering::Relaxed)
    }

    /// Cancels the program when it is dropped, unless the program has been left or has ended.
    pub(crate) fn until_left(self: &Arc<Live>) -> UntilLeft {
        UntilLeft(self.clone())
    }

    pub(crate) fn progress_sender(&self) -> Arc<watch::Sender<Option<Vec<u8>>>> {
        self.progress.clone()
    }

    /// Tells of the program's progress, beginning with the last that is known.
    pub(crate) fn progress(&self) -> Progresses {
        let mut said = self.progress.subscribe();
        said.mark_changed();
        Progresses(said)
    }

    /// What its calls take up, and where they are noted.
    pub(crate) fn resuming(&self, held: &Arc<AtomicUsize>) -> Resuming {
        match self.notes_calls {
            true => Resuming::new(self.earlier.clone(), held.clone()),
            false => Resuming::default(),
        }
    }

    /// Keeps the calls of a run that failed, for one that takes them up.
    async fn keep_calls(&self, gateway: &Gateway, session: &Session, execution: &mut Execution) {
        let calls = self.seen().calls.clone();
        let resuming = calls.as_ref().map(|calls| &calls.resuming);
        if let Some((of, calls)) = resuming.and_then(Resuming::taken) {
            gateway.recorder().record(Event::CallsTakenUp {
                execution: self.id.clone(),
                of,
                calls: calls as u32,
            });
        }
        let resumable = session.resumable();
        let has_failed = execution.done.error.is_some();
        let is_dry = execution.dry_run.is_some();
        let did_nothing = is_dry || resuming.is_none_or(Resuming::is_empty);
        match (&self.earlier, resuming) {
            (Some(earlier), _) if did_nothing && has_failed => {
                execution.resumable = resumable.name_too(earlier, &self.id, self.short);
            }
            (Some(_), _) if is_dry => {}
            (earlier, Some(resuming)) if has_failed => {
                let kept = resumable.keep(&self.id, self.short, resuming, earlier.as_deref());
                execution.resumable = kept.await;
            }
            (Some(earlier), _) => resumable.forget(earlier).await,
            (None, _) => {}
        }
    }

    /// Makes what it does visible: its calls, and what it prints.
    pub(crate) fn show(&self, calls: Arc<Calls>, stdout: Arc<Mutex<Printed>>) {
        *self.seen() = Seen {
            calls: Some(calls),
            stdout: Some(stdout),
        };
    }

    pub(crate) fn so_far(&self) -> SoFar {
        let seen = self.seen();
        let stdout = seen.stdout.as_ref().map(|stdout| lock(stdout).clone());
        SoFar {
            calls: seen
                .calls
                .as_ref()
                .map(|calls| calls.records())
                .unwrap_or_default(),
            open: seen.calls.as_ref().map_or(0, |calls| calls.open()),
            progress: self.progress.borrow().as_deref().and_then(Progress::read),
            stdout: stdout.unwrap_or_default(),
            duration: self.begun.elapsed(),
            total_time: self.total_time,
        }
    }

    /// Waits until the program has ended, at most so long; whether it has.
    pub(crate) async fn wait(&self, most: Duration) -> bool {
        let _waiting = Waiting::of(self);
        let mut stage = self.stage();
        let ended = stage.wait_for(|stage| !matches!(stage, Stage::Running));
        // The sender lives as long as we do.
        matches!(tokio::time::timeout(most, ended).await, Ok(Ok(_)))
    }

    /// What the agent is told of a program that has ended. It is made once.
    pub(crate) async fn answer(&self, gateway: &Gateway, session: &Session) -> Answer {
        let stage = self.stage.borrow().clone();
        let telling = &self.telling;
        let made = self.answer.get_or_init(async || match stage {
            Stage::Ended(execution) if telling.structured => {
                let name_session = telling.style.name_session;
                output::structured_and_keep(&execution, session, name_session).await
            }
            Stage::Ended(execution) => {
                output::answer_and_keep(&execution, session, telling.style.clone()).await
            }
            Stage::Running | Stage::Told => unreachable!("it has ended, and has not been told"),
        });
        let answer = made.await.clone();
        gateway.sessions.has_run(gateway, session);
        answer
    }

    /// How it is told of.
    pub(crate) fn telling(&self) -> &Telling {
        &self.telling
    }

    /// The question that is open.
    pub(crate) fn question(&self) -> Option<Arc<Question>> {
        self.suspended.as_ref()?.question().borrow().clone()
    }

    /// Waits for a question after the one with this number.
    pub(crate) async fn asks(&self, known: u32) -> Arc<Question> {
        if let Some(suspended) = &self.suspended {
            let mut questions = suspended.question();
            let is_new = |question: &Option<Arc<Question>>| {
                question
                    .as_ref()
                    .is_some_and(|question| question.number > known)
            };
            // The sender is ours.
            if let Ok(question) = questions.wait_for(is_new).await
                && let Some(question) = &*question
            {
                return question.clone();
            }
        }
        std::future::pending().await
    }

    /// Waits until a question is not open any more.
    pub(crate) async fn is_answered(&self, number: u32) {
        if let Some(suspended) = &self.suspended {
            let mut questions = suspended.question();
            let _ = questions
                .wait_for(|question| {
                    question
                        .as_ref()
                        .is_none_or(|question| question.number != number)
                })
                .await;
        }
    }

    /// Answers a question or some of it, if it is open still. False if this is no answer to it.
    pub(crate) fn reply(&self, question: u32, replies: Vec<(usize, Reply)>) -> bool {
        match &self.suspended {
            // Who was faster has decided.
            Some(suspended) => suspended.answer_some(question, replies) != Err(NotTaken::Unfit),
            None => false,
        }
    }

    /// Waits for a question that nobody is shown, and takes it on: nobody else shows it as long as what
    /// comes back is held.
    pub(crate) async fn to_be_shown(self: &Arc<Live>) -> Showing {
        let mut shown = self.shown.subscribe();
        loop {
            // The sender is ours.
            let _ = shown.wait_for(|shown| !shown).await;
            self.asks(0).await;
            if self
                .shown
                .send_if_modified(|shown| !std::mem::replace(shown, true))
            {
                return Showing(self.clone());
            }
        }
    }

    pub(crate) fn is_shown(&self) -> bool {
        *self.shown.borrow()
    }

    /// The last question that the agent was told of.
    pub(crate) fn told_of(&self) -> u32 {
        self.told_of.load(Ordering::Relaxed)
    }

    pub(crate) fn has_told(&self, question: u32) {
        self.told_of.store(question, Ordering::Relaxed);
    }

    /// Somebody waits for the program as long as this is held.
    pub(crate) fn waiting(&self) -> impl Drop + use<'_> {
        Waiting::of(self)
    }

    /// When it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Instant> {
        self.ended.get().copied()
    }

    fn end(&self, mut execution: Execution) {
        if let Some(error) = &mut execution.done.error {
            self.explain(error);
        }
        *self.seen() = Seen::default();
        let _ = self.ended.set(Instant::now());
        self.stage.send_replace(Stage::Ended(Arc::new(execution)));
    }

    /// Whether it ended so long ago that nobody will ask for it.
    fn is_stale(&self) -> bool {
        self.ended().is_some_and(|ended| ended.elapsed() > KEPT)
    }

    /// Waits for the program's end, and cancels it once nobody has asked for it for too long.
    async fn while_asked_for<T>(&self, run: impl Future<Output = T>) -> T {
        let mut run = std::pin::pin!(run);
        tokio::select! {
            ended = run.as_mut() => ended,
            () = self.unasked() => {
                self.cancel("nobody has asked for it during 10 minutes");
                run.await
            }
        }
    }

    /// Waits until nobody has asked for a program that was left for too long.
    async fn unasked(&self) {
        loop {
            let quiet = {
                let asked = self.asked();
                match self.was_left() && asked.waiting == 0 {
                    true => asked.last.elapsed(),
                    false => Duration::ZERO,
                }
            };
            match UNASKED.checked_sub(quiet) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }

    /// Held for a look, and when a program's guest is there or has gone.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// Held to count one who waits.
    fn asked(&self) -> MutexGuard<'_, Asked> {
        lock(&self.asked)
    }
}

/// What a program says of its progress, the latest of it.
pub(crate) struct Progresses(watch::Receiver<Option<Vec<u8>>>);

impl Progresses {
    /// The next that there is; what came between is passed over.
    pub(crate) async fn next(&mut self) -> Progress {
        while self.0.changed().await.is_ok() {
            let said = self.0.borrow_and_update();
            if let Some(progress) = said.as_deref().and_then(Progress::read) {
                return progress;
            }
        }
        std::future::pending().await
    }
}

/// Ends a program with the request that started it, until it is left.
pub(crate) struct UntilLeft(Arc<Live>);

impl Drop for UntilLeft {
    fn drop(&mut self) {
        if !self.0.was_left() {
            self.0.cancel.cancel();
        }
    }
}

/// A program's questions are shown by whoever holds this.
pub(crate) struct Showing(Arc<Live>);

impl std::ops::Deref for Showing {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.0
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.0.shown.send_replace(false);
    }
}

/// One who waits.
struct Waiting<'a>(&'a Live);

impl Waiting<'_> {
    fn of(live: &Live) -> Waiting<'_> {
        live.asked().waiting += 1;
        Waiting(live)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut asked = self.0.asked();
        asked.waiting -= 1;
        asked.last = Instant::now();
    }
}

/// Sees to it that a run which breaks off has ended, or those who wait would wait for ever.
struct Ending<'a>(&'a Live);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if self.0.ended().is_none() {
            let error = ProgramError::new(
                ErrorCode::Sandbox,
                "the run broke off, which is a fault of toolmill",
            );
            self.0.end(Execution {
                id: self.0.id.clone(),
                short: self.0.short,
                session: self.0.session.clone(),
                language: Language::Python,
                code: String::new(),
                done: Done {
                    error: Some(error),
                    ..Done::default()
                },
                stdout: Printed::default(),
                stderr: Printed::default(),
                calls: self.0.so_far().calls,
                shown: Vec::new(),
                duration: self.0.begun.elapsed(),
                tier: None,
                resumable: false,
                dry_run: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done with a program so many seconds after its start.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Left,
        /// Somebody waits for it, for so long.
        Waits(u64),
        Ends,
    }
    use Step::*;

    #[tokio::test(start_paused = true)]
    async fn a_program_that_was_left_ends_once_nobody_has_asked_for_it_during_10_minutes() {
        // Until when it ran, and whether it was cancelled.
        let check = async |steps: &[(u64, Step)], until: u64, is_cancelled: bool| {
            let cancel = CancellationToken::new();
            let short = Short('x', 1);
            let total_time = Duration::from_secs(3600);
            let live = Live::named("x_1".into(), short, "s_1", total_time, cancel.clone());
            let ends = CancellationToken::new();
            let program = async {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = ends.cancelled() => {}
                }
                live.begun.elapsed().as_secs()
            };
            let others = async {
                for (at, step) in steps {
                    tokio::time::sleep_until(live.begun + Duration::from_secs(*at)).await;
                    match step {
                        Left => assert!(live.leave()),
                        Waits(seconds) => {
                            assert!(!live.wait(Duration::from_secs(*seconds)).await);
                        }
                        Ends => ends.cancel(),
                    }
                }
            };
            let (ran, ()) = tokio::join!(live.while_asked_for(program), others);
            assert_eq!(ran, until, "{steps:?}");
            assert_eq!(cancel.is_cancelled(), is_cancelled, "{steps:?}");
            let mut error = ProgramError::new(ErrorCode::Cancelled, "the run was cancelled");
            live.explain(&mut error);
            let why = match is_cancelled {
                true => "the run was cancelled: nobody has asked for it during 10 minutes",
                false => "the run was cancelled",
            };
            assert_eq!(error.message, why);
        };
        // Nobody comes, or nobody comes back.
        check(&[(1, Left)], 600, true).await;
        check(&[(1, Left), (590, Waits(45))], 1235, true).await;
        check(&[(1, Left), (599, Waits(0)), (1198, Waits(0))], 1798, true).await;
        // Whoever waits, however long, and whose request it still is, keep it.
        check(&[(1, Left), (2, Waits(2000)), (2100, Ends)], 2100, false).await;
        check(&[(3000, Ends)], 3000, false).await;
        check(&[(0, Waits(1000)), (1000, Left)], 1600, true).await;
        check(&[(0, Waits(1000)), (1000, Left), (1599, Ends)], 1599, false).await;
    }
}
