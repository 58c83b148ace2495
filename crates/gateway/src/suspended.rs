//! What one execution has to ask a human, and the answer.
//!
//! A call that may not go on without a human's word is parked here while the program's other calls
//! go on. When the program can go no further, all that is parked becomes *one* question: a loop over a
//! hundred deletions asks once. A program that never rests is asked about after [`GATHERING`]. The
//! question is answered whole or in part; what the answer leaves out is refused, or asked on where a
//! human is shown one dialog after the other ([`Suspended::answer_some`]). If nobody answers
//! within [`PATIENCE`], all of it is, and so is at once what the same program would ask later: a
//! program cannot wait for ever by asking again. Nor can it tire a human out: after [`REFUSALS`]
//! questions in a row of which nothing was approved, it asks no more.
//!
//! Who shows the question to whom is not known here: whoever can reach a human watches
//! [`Suspended::question`] and calls [`Suspended::answer`]. The first answer counts.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::lock;

/// How long a question waits for its answer.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// How long something is parked at most before it is asked about, while the program still goes on.
pub const GATHERING: Duration = Duration::from_secs(5);
/// Executions of one gateway that may wait for a human at once.
pub const MOST: usize = 16;

/// Questions of which nothing was approved, one after the other, before an execution asks no more.
pub const REFUSALS: u32 = 3;

/// Why something was refused that nobody was asked about, or nobody answered.
const TOO_MANY: &str = "too many programs wait for an approval already";
const NOBODY_ANSWERED: &str = "nobody answered";
const NOT_APPROVED: &str = "not approved";

/// One thing to ask a human.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// May this call be sent?
    Approval(ParkedCall),
    /// A server wants to know something in the middle of a call.
    Elicitation(Elicitation),
}

/// A call that waits for an approval. Its texts are one line each and safe to print: what could hide,
/// reorder or forge anything is written as an escape.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParkedCall {
    /// Which of the run's calls that ask this is, from 1, in the order in which the program made them.
    pub number: u32,
    pub server: String,
    /// The tool's path, without `tools.`.
    pub tool: String,
    /// The JSON that will be sent; long strings in it, and all of it, are cut in the middle, with their
    /// size.
    pub arguments: String,
    /// The same for where many calls are shown, cut so far that as many members as possible are seen.
    #[serde(default)]
    pub brief: String,
    /// Size of the JSON that will be sent.
    pub bytes: u64,
    /// Handle of the whole of it in the session's results, when `arguments` is cut.
    pub whole: Option<String>,
    /// Where the program's text calls this tool, as far as that can be read: line number and line.
    pub lines: Vec<(u32, String)>,
    /// Why this is asked: the rule that decided, or the server's mark.
    pub reason: String,
}

/// What a server asks in the middle of a call, in its own words, which are not safe to print.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Elicitation {
    pub server: String,
    pub message: String,
    pub wanted: Wanted,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Values by this `requestedSchema`.
    Form(Box<RawValue>),
    /// That the human visits an address.
    Visit { url: String },
}

/// What a human said to one [`Ask`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Send the call; with `always`, from now on without asking.
    Allow { always: bool },
    /// Do not send the call. `reason` is shown to the program.
    Deny { reason: String },
    /// The values that a form asked for.
    Accept(Box<RawValue>),
    /// The human declines to answer the server.
    Decline,
    /// The human has closed the question without an answer.
    Cancel,
}

/// All that an execution has to ask at one time.
#[derive(Debug)]
pub struct Question {
    /// From 1, within the execution.
    pub number: u32,
    pub asks: Vec<Ask>,
    /// When it counts as refused.
    pub deadline: Instant,
}

/// Why an answer was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// This question is not open: it was answered, or nobody answered it in time.
    NotOpen,
    /// A reply to something that the question does not ask, or of another kind than it asks.
    Unfit,
}

/// What the executions of one gateway share: how many of them may wait at once.
#[derive(Debug, Clone)]
pub struct Waiting(Arc<Semaphore>);

impl Default for Waiting {
    fn default() -> Waiting {
        Waiting(Arc::new(Semaphore::new(MOST)))
    }
}

/// The questions of one execution.
#[derive(Debug)]
pub struct Suspended {
    waiting: Waiting,
    /// What is parked and asked. Never held across an await.
    state: Mutex<State>,
    question: watch::Sender<Option<Arc<Question>>>,
}

#[derive(Debug, Default)]
struct State {
    /// Of the next thing that is parked.
    next: u64,
    /// Parked and not asked about yet, in order.
    parked: Vec<Parked>,
    open: Option<Open>,
    /// Number of the last question.
    questions: u32,
    /// Held while there is anything in `parked` or `open`.
    place: Option<OwnedSemaphorePermit>,
    /// Why nothing is asked any more.
    closed: Option<&'static str>,
    /// Questions since the last one of which something was approved.
    refusals: u32,
    /// How long the questions were open that no longer are.
    asked_for: Duration,
}

#[derive(Debug)]
struct Parked {
    id: u64,
    ask: Ask,
    reply: oneshot::Sender<Reply>,
}

/// The question that is open.
#[derive(Debug)]
struct Open {
    question: Arc<Question>,
    since: Instant,
    /// One for each of its asks, none once it has gone with its call.
    replies: Vec<Option<(u64, oneshot::Sender<Reply>)>>,
    /// Whether something of it was approved already, in the question that this is the rest of.
    approved: bool,
}

impl Suspended {
    pub fn new(waiting: &Waiting) -> Arc<Suspended> {
        Arc::new(Suspended {
            waiting: waiting.clone(),
            state: Mutex::default(),
            question: watch::Sender::new(None),
        })
    }

    /// Parks one thing to ask. Comes back once somebody has answered, or nobody has in time; dropped
    /// before that, it is asked no longer.
    pub async fn ask(&self, ask: Ask) -> Reply {
        let refused = ask.refused(TOO_MANY);
        let unanswered = ask.refused(NOBODY_ANSWERED);
        let (id, mut reply) = {
            let mut state = self.state();
            if let Some(why) = state.closed {
                return ask.refused(why);
            }
            if state.place.is_none() {
                let Ok(place) = self.waiting.0.clone().try_acquire_owned() else {
                    return refused;
                };
                state.place = Some(place);
            }
            let (sender, reply) = oneshot::channel();
            let id = state.next;
            state.next += 1;
            state.parked.push(Parked {
                id,
                ask,
                reply: sender,
            });
            (id, reply)
        };
        let _leaves = Leaves {
            suspended: self,
            id,
        };
        let mut wake = Instant::now() + GATHERING;
        loop {
            tokio::select! {
                biased;
                reply = &mut reply => return reply.unwrap_or(unanswered),
                () = sleep_until(wake) => wake = self.wake(id),
            }
        }
    }

    /// To be called when the program can go no further: what is parked is asked now. While a question
    /// is open, the next one waits for its end.
    pub fn settle(&self) {
        let mut state = self.state();
        if state.open.is_none() && !state.parked.is_empty() {
            self.open(&mut state);
        }
    }

    /// How many things wait for a human, asked or not.
    pub fn parked(&self) -> usize {
        let state = self.state();
        let asked = state.open.as_ref().map_or(0, |open| {
            open.replies.iter().filter(|reply| reply.is_some()).count()
        });
        state.parked.len() + asked
    }

    /// The question that is open now, and each change.
    pub fn question(&self) -> watch::Receiver<Option<Arc<Question>>> {
        self.question.subscribe()
    }

    /// Whether a question is open.
    pub fn is_asking(&self) -> bool {
        self.question.borrow().is_some()
    }

    /// How long questions have been open, up to now: the run's clocks stood still so long.
    pub fn asked_for(&self) -> Duration {
        let state = self.state();
        let now = state.open.as_ref().map(|open| open.since.elapsed());
        state.asked_for + now.unwrap_or_default()
    }

    /// Answers a question: a reply for the index of each of its asks that somebody decided about. The
    /// others are refused.
    ///
    /// # Errors
    /// Nothing was answered.
    pub fn answer(&self, question: u32, replies: Vec<(usize, Reply)>) -> Result<(), NotTaken> {
        let mut state = self.state();
        let decided = state.decided(question, replies)?;
        self.finish(&mut state, decided);
        Ok(())
    }

    /// Answers some of a question: those asks are passed on, and what is left is the next question, with
    /// what is left of the time.
    ///
    /// # Errors
    /// Nothing was answered.
    pub fn answer_some(&self, question: u32, replies: Vec<(usize, Reply)>) -> Result<(), NotTaken> {
        let mut state = self.state();
        let decided = state.decided(question, replies)?;
        let is_left = |open: &Open| {
            let mut each = open.replies.iter().zip(&decided);
            each.any(|(waits, decided)| waits.is_some() && decided.is_none())
        };
        let Some(open) = state.open.take_if(|open| is_left(open)) else {
            self.finish(&mut state, decided);
            return Ok(());
        };
        let approved = open.approved || any_approved(&decided);
        let (mut asks, mut left) = (Vec::new(), Vec::new());
        let each = open.question.asks.iter().zip(open.replies).zip(decided);
        for ((ask, waits), decided) in each {
            match (waits, decided) {
                (Some((_, waits)), Some(reply)) => drop(waits.send(reply)),
                (Some(waits), None) => {
                    asks.push(ask.clone());
                    left.push(Some(waits));
                }
                (None, _) => {}
            }
        }
        state.questions += 1;
        let rest = Arc::new(Question {
            number: state.questions,
            asks,
            deadline: open.question.deadline,
        });
        state.open = Some(Open {
            question: rest.clone(),
            since: open.since,
            replies: left,
            approved,
        });
        self.question.send_replace(Some(rest));
        Ok(())
    }

    /// Ends the open question with what was decided; the rest is refused.
    fn finish(&self, state: &mut State, mut decided: Vec<Option<Reply>>) {
        let approved =
            state.open.as_ref().is_some_and(|open| open.approved) || any_approved(&decided);
        self.close(state, |at, ask| {
            decided[at]
                .take()
                .unwrap_or_else(|| ask.refused(NOT_APPROVED))
        });
        state.was_answered(approved, NOT_APPROVED);
    }

    /// Something has been parked for a while: it is asked about, or its question has had its time.
    /// Says when to look again.
    fn wake(&self, id: u64) -> Instant {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(open) = &state.open
            && open.question.deadline <= now
        {
            self.close(&mut state, |_, ask| ask.refused(NOBODY_ANSWERED));
            state.refuse_from_now_on(NOBODY_ANSWERED);
        }
        if state.open.is_none() && !state.parked.is_empty() {
            self.open(&mut state);
        }
        match &state.open {
            Some(open) if open.holds(id) => open.question.deadline,
            _ => now + GATHERING,
        }
    }

    fn open(&self, state: &mut State) {
        let now = Instant::now();
        state.questions += 1;
        state.parked.sort_by_key(|parked| parked.ask.order());
        let (asks, replies) = state
            .parked
            .drain(..)
            .map(|parked| (parked.ask, Some((parked.id, parked.reply))))
            .unzip();
        let question = Arc::new(Question {
            number: state.questions,
            asks,
            deadline: now + PATIENCE,
        });
        state.open = Some(Open {
            question: question.clone(),
            since: now,
            replies,
            approved: false,
        });
        self.question.send_replace(Some(question));
    }

    /// Ends the open question, with a reply for each of its asks.
    fn close(&self, state: &mut State, mut reply: impl FnMut(usize, &Ask) -> Reply) {
        let Some(open) = state.open.take() else {
            return;
        };
        state.asked_for += open.since.elapsed();
        for (at, (ask, waits)) in open.question.asks.iter().zip(open.replies).enumerate() {
            if let Some((_, waits)) = waits {
                let _ = waits.send(reply(at, ask));
            }
        }
        if state.parked.is_empty() {
            state.place = None;
        }
        self.question.send_replace(None);
    }

    /// Whoever asked is no longer there.
    fn leave(&self, id: u64) {
        let mut state = self.state();
        state.parked.retain(|parked| parked.id != id);
        let nobody_waits = state.open.as_mut().is_some_and(|open| {
            for waits in &mut open.replies {
                if waits.as_ref().is_some_and(|(waits, _)| *waits == id) {
                    *waits = None;
                }
            }
            open.replies.iter().all(Option::is_none)
        });
        if nobody_waits {
            let approved = state.open.as_ref().is_some_and(|open| open.approved);
            self.close(&mut state, |_, ask| ask.refused(NOBODY_ANSWERED));
            // A question that was taken back has had no answer either.
            state.was_answered(approved, NOBODY_ANSWERED);
        }
        if state.open.is_none() && state.parked.is_empty() {
            state.place = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Whether a human said yes to anything.
fn any_approved(decided: &[Option<Reply>]) -> bool {
    let approved = |reply: &Reply| matches!(reply, Reply::Allow { .. } | Reply::Accept(_));
    decided.iter().flatten().any(approved)
}

impl State {
    /// What was decided about each ask of the open question.
    fn decided(
        &self,
        question: u32,
        replies: Vec<(usize, Reply)>,
    ) -> Result<Vec<Option<Reply>>, NotTaken> {
        let open = self
            .open
            .as_ref()
            .filter(|open| open.question.number == question)
            .ok_or(NotTaken::NotOpen)?;
        let asks = &open.question.asks;
        let mut decided: Vec<Option<Reply>> = vec![None; asks.len()];
        for (at, reply) in replies {
            if !asks.get(at).is_some_and(|ask| ask.takes(&reply)) || decided[at].is_some() {
                return Err(NotTaken::Unfit);
            }
            decided[at] = Some(reply);
        }
        Ok(decided)
    }

    /// A question is over; after too many of which nothing was approved, no more is asked.
    fn was_answered(&mut self, approved: bool, why: &'static str) {
        self.refusals = if approved { 0 } else { self.refusals + 1 };
        if self.refusals >= REFUSALS {
            self.refuse_from_now_on(why);
        }
    }

    /// Refuses what is parked, and all that would be.
    fn refuse_from_now_on(&mut self, why: &'static str) {
        self.closed = Some(why);
        for parked in self.parked.drain(..) {
            let _ = parked.reply.send(parked.ask.refused(why));
        }
        self.place = None;
    }
}

impl Open {
    fn holds(&self, id: u64) -> bool {
        self.replies.iter().flatten().any(|(waits, _)| *waits == id)
    }
}

impl Ask {
    /// Whether a reply is one to this.
    fn takes(&self, reply: &Reply) -> bool {
        match self {
            Ask::Approval(_) => matches!(reply, Reply::Allow { .. } | Reply::Deny { .. }),
            Ask::Elicitation(_) => {
                matches!(reply, Reply::Accept(_) | Reply::Decline | Reply::Cancel)
            }
        }
    }

    /// Calls in the program's order, which need not be the one in which they were parked; then servers.
    fn order(&self) -> u32 {
        match self {
            Ask::Approval(call) => call.number,
            Ask::Elicitation(_) => u32::MAX,
        }
    }

    /// What comes back when no human has said anything about it.
    fn refused(&self, reason: &str) -> Reply {
        match self {
            Ask::Approval(_) => Reply::Deny {
                reason: reason.to_owned(),
            },
            Ask::Elicitation(_) => Reply::Cancel,
        }
    }
}

/// Takes what was asked back when whoever asked is dropped. One that was answered is there no longer.
struct Leaves<'a> {
    suspended: &'a Suspended,
    id: u64,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.suspended.leave(self.id);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    fn approval(tool: &str) -> Ask {
        Ask::Approval(ParkedCall {
            number: 1,
            server: "github".into(),
            tool: tool.into(),
            arguments: "{}".into(),
            brief: "{}".into(),
            bytes: 2,
            whole: None,
            lines: Vec::new(),
            reason: "its server marks it destructive".into(),
        })
    }

    fn elicitation() -> Ask {
        Ask::Elicitation(Elicitation {
            server: "github".into(),
            message: "which one?".into(),
            wanted: Wanted::Form(RawValue::from_string("{}".into()).unwrap()),
        })
    }

    /// Parks these, in this order.
    async fn park(suspended: &Arc<Suspended>, asks: Vec<Ask>) -> Vec<JoinHandle<String>> {
        let mut waiting = Vec::new();
        for ask in asks {
            let suspended = suspended.clone();
            waiting.push(tokio::spawn(async move {
                match suspended.ask(ask).await {
                    Reply::Allow { always: false } => "allowed".into(),
                    Reply::Allow { always: true } => "allowed always".into(),
                    Reply::Deny { reason } => reason,
                    Reply::Accept(values) => values.get().into(),
                    Reply::Decline => "declined".into(),
                    Reply::Cancel => "cancelled".into(),
                }
            }));
            tokio::task::yield_now().await;
        }
        waiting
    }

    async fn replies(waiting: Vec<JoinHandle<String>>) -> Vec<String> {
        let mut replies = Vec::new();
        for one in waiting {
            replies.push(one.await.unwrap());
        }
        replies
    }

    fn open(suspended: &Suspended) -> Option<(u32, usize)> {
        let question = suspended.question();
        let question = question.borrow();
        question.as_ref().map(|it| (it.number, it.asks.len()))
    }

    const ALLOW: Reply = Reply::Allow { always: false };

    #[tokio::test(start_paused = true)]
    async fn a_hundred_calls_are_one_question() {
        let suspended = Suspended::new(&Waiting::default());
        let asks = (0..100)
            .map(|n| approval(&format!("github.t{n}")))
            .collect();
        let waiting = park(&suspended, asks).await;
        assert_eq!(open(&suspended), None, "the program still goes on");
        assert_eq!(suspended.parked(), 100);
        suspended.settle();
        assert_eq!(open(&suspended), Some((1, 100)));
        suspended.settle();
        assert_eq!(open(&suspended), Some((1, 100)));
        let answer = (0..100).map(|at| (at, ALLOW)).collect();
        assert_eq!(suspended.answer(1, answer), Ok(()));
        assert_eq!(open(&suspended), None);
        assert_eq!(replies(waiting).await, vec!["allowed"; 100]);
        assert_eq!(suspended.parked(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_answered_once_whole_or_in_part_and_only_as_asked() {
        let suspended = Suspended::new(&Waiting::default());
        let asks = vec![
            approval("a.a"),
            approval("a.b"),
            approval("a.c"),
            elicitation(),
        ];
        let waiting = park(&suspended, asks).await;
        assert_eq!(suspended.answer(1, vec![]), Err(NotTaken::NotOpen));
        suspended.settle();
        let later = park(&suspended, vec![approval("a.d")]).await;
        suspended.settle();
        assert_eq!(open(&suspended), Some((1, 4)), "one question at a time");
        let values = || RawValue::from_string("{\"n\":1}".into()).unwrap();
        for unfit in [
            vec![(4, ALLOW)],
            vec![(3, ALLOW)],
            vec![(0, Reply::Decline)],
            vec![(0, ALLOW), (0, ALLOW)],
        ] {
            assert_eq!(suspended.answer(1, unfit), Err(NotTaken::Unfit));
        }
        assert_eq!(
            suspended.answer(2, vec![(0, ALLOW)]),
            Err(NotTaken::NotOpen)
        );
        let reason = "not this one".to_owned();
        let answer = vec![
            (2, Reply::Allow { always: true }),
            (0, Reply::Deny { reason }),
            (3, Reply::Accept(values())),
        ];
        assert_eq!(suspended.answer(1, answer), Ok(()));
        assert_eq!(
            replies(waiting).await,
            [
                "not this one",
                "not approved",
                "allowed always",
                "{\"n\":1}"
            ]
        );
        assert_eq!(
            suspended.answer(1, vec![(0, ALLOW)]),
            Err(NotTaken::NotOpen)
        );
        suspended.settle();
        assert_eq!(open(&suspended), Some((2, 1)));
        assert_eq!(suspended.answer(2, vec![(0, ALLOW)]), Ok(()));
        assert_eq!(replies(later).await, ["allowed"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_answered_goes_on_and_the_rest_is_the_next_question() {
        let suspended = Suspended::new(&Waiting::default());
        let asks = || vec![approval("a.a"), approval("a.b"), elicitation()];
        let deny = || Reply::Deny {
            reason: "no".to_owned(),
        };
        let waiting = park(&suspended, asks()).await;
        suspended.settle();
        let begun = Instant::now();
        tokio::time::advance(Duration::from_secs(60)).await;
        let wrong = suspended.answer_some(1, vec![(2, ALLOW)]);
        assert_eq!(wrong, Err(NotTaken::Unfit));
        assert_eq!(
            suspended.answer_some(1, vec![(1, ALLOW), (0, deny())]),
            Ok(())
        );
        assert_eq!((open(&suspended), suspended.parked()), (Some((2, 1)), 1));
        let deadline = suspended.question().borrow().as_ref().unwrap().deadline;
        assert_eq!(deadline, begun + PATIENCE);
        let late = suspended.answer(1, vec![(2, Reply::Decline)]);
        assert_eq!(late, Err(NotTaken::NotOpen));
        let last = suspended.answer_some(2, vec![(0, Reply::Decline)]);
        assert_eq!((last, open(&suspended)), (Ok(()), None));
        assert_eq!(replies(waiting).await, ["no", "allowed", "declined"]);
        assert_eq!(suspended.asked_for(), Duration::from_secs(60));

        // All the parts of one count as one: of this nothing was approved, and it is the first.
        let waiting = park(&suspended, asks()).await;
        suspended.settle();
        for (number, at) in [(3, 0), (4, 0)] {
            suspended.answer_some(number, vec![(at, deny())]).unwrap();
        }
        suspended.answer_some(5, vec![(0, Reply::Cancel)]).unwrap();
        assert_eq!(replies(waiting).await, ["no", "no", "cancelled"]);
        assert_eq!(suspended.state().refusals, 1);
        // A call that is not there any more is not asked on.
        let mut waiting = park(&suspended, asks()).await;
        suspended.settle();
        waiting.remove(1).abort();
        tokio::task::yield_now().await;
        suspended.answer_some(6, vec![(0, ALLOW)]).unwrap();
        assert_eq!(open(&suspended), Some((7, 1)));
        waiting.remove(1).abort();
        tokio::task::yield_now().await;
        assert_eq!((open(&suspended), suspended.parked()), (None, 0));
        assert_eq!(suspended.state().refusals, 0);
        assert_eq!(suspended.waiting.0.available_permits(), MOST);
        assert_eq!(replies(waiting).await, ["allowed"]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_answer_everything_is_refused_and_nothing_is_asked_again() {
        let suspended = Suspended::new(&Waiting::default());
        let waiting = park(&suspended, vec![approval("a.a"), elicitation()]).await;
        suspended.settle();
        let begun = Instant::now();
        let later = park(&suspended, vec![approval("a.b")]).await;
        assert_eq!(replies(waiting).await, ["nobody answered", "cancelled"]);
        assert_eq!(replies(later).await, ["nobody answered"]);
        assert_eq!(begun.elapsed(), PATIENCE);
        assert_eq!(suspended.asked_for(), PATIENCE);
        let again = park(&suspended, vec![approval("a.c"), elicitation()]).await;
        assert_eq!(replies(again).await, ["nobody answered", "cancelled"]);
        assert_eq!(begun.elapsed(), PATIENCE, "at once");
        assert_eq!(open(&suspended), None);
        assert_eq!(suspended.waiting.0.available_permits(), MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_does_not_rest_is_asked_about_after_a_while() {
        let suspended = Suspended::new(&Waiting::default());
        let begun = Instant::now();
        let first = park(&suspended, vec![approval("a.a")]).await;
        let mut question = suspended.question();
        question.wait_for(Option::is_some).await.unwrap();
        assert_eq!(begun.elapsed(), GATHERING);
        // What comes while a question is open is asked after it.
        let second = park(&suspended, vec![approval("a.b")]).await;
        tokio::time::advance(3 * GATHERING).await;
        suspended.answer(1, vec![(0, ALLOW)]).unwrap();
        assert_eq!(replies(first).await, ["allowed"]);
        let is_second = |it: &Option<Arc<Question>>| it.as_ref().is_some_and(|it| it.number == 2);
        question.wait_for(is_second).await.unwrap();
        suspended.answer(2, vec![]).unwrap();
        assert_eq!(replies(second).await, ["not approved"]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_approves_nothing_is_asked_three_times() {
        let suspended = Suspended::new(&Waiting::default());
        let mut number = 0;
        let mut question = async |answer: Vec<(usize, Reply)>| {
            let waiting = park(&suspended, vec![approval("a.a")]).await;
            suspended.settle();
            number += 1;
            suspended.answer(number, answer).unwrap();
            replies(waiting).await
        };
        for _ in 1..REFUSALS {
            assert_eq!(question(vec![]).await, ["not approved"]);
        }
        assert_eq!(question(vec![(0, ALLOW)]).await, ["allowed"]);
        for _ in 1..REFUSALS {
            assert_eq!(question(vec![]).await, ["not approved"]);
        }
        let last = park(&suspended, vec![approval("a.a")]).await;
        suspended.settle();
        let parked = park(&suspended, vec![approval("a.b")]).await;
        suspended.answer(6, vec![]).unwrap();
        assert_eq!(replies(last).await, ["not approved"]);
        assert_eq!(replies(parked).await, ["not approved"]);
        let again = park(&suspended, vec![approval("a.a"), elicitation()]).await;
        assert_eq!(replies(again).await, ["not approved", "cancelled"]);
        assert_eq!((open(&suspended), suspended.parked()), (None, 0));
        assert_eq!(suspended.waiting.0.available_permits(), MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_sixteen_executions_wait() {
        let waiting = Waiting::default();
        let mut sixteen = Vec::new();
        for _ in 0..MOST {
            let suspended = Suspended::new(&waiting);
            let calls = park(&suspended, vec![approval("a.a"), approval("a.b")]).await;
            sixteen.push((suspended, calls));
        }
        let one_more = Suspended::new(&waiting);
        let refused = park(&one_more, vec![approval("a.a"), elicitation()]).await;
        assert_eq!(replies(refused).await, [TOO_MANY, "cancelled"]);
        // One that waits no longer makes room, however it ends.
        let (suspended, calls) = sixteen.pop().unwrap();
        suspended.settle();
        calls.iter().for_each(JoinHandle::abort);
        for call in calls {
            assert!(call.await.unwrap_err().is_cancelled());
        }
        assert_eq!((open(&suspended), suspended.parked()), (None, 0));
        let taken = park(&one_more, vec![approval("a.a")]).await;
        one_more.settle();
        one_more.answer(1, vec![(0, ALLOW)]).unwrap();
        assert_eq!(replies(taken).await, ["allowed"]);
        let (suspended, calls) = sixteen.pop().unwrap();
        suspended.settle();
        suspended.answer(1, vec![]).unwrap();
        assert_eq!(replies(calls).await, ["not approved", "not approved"]);
        assert_eq!(waiting.0.available_permits(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_stands_still_while_a_question_is_open_and_no_longer() {
        let suspended = Suspended::new(&Waiting::default());
        let second = Duration::from_secs(1);
        let waiting = park(&suspended, vec![approval("a.a")]).await;
        tokio::time::advance(second).await;
        assert_eq!(suspended.asked_for(), Duration::ZERO);
        suspended.settle();
        tokio::time::advance(7 * second).await;
        assert_eq!(suspended.asked_for(), 7 * second);
        suspended.answer(1, vec![(0, ALLOW)]).unwrap();
        replies(waiting).await;
        tokio::time::advance(second).await;
        assert_eq!(suspended.asked_for(), 7 * second);
    }
}
