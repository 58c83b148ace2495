//! Retrying a program that failed without repeating what it has done.
//!
//! A run notes the calls that it makes. When it fails they are kept, with their results as the program
//! saw them, and a corrected program that names the run takes them up:
//!
//! - A call is taken up, once, by one of the same tool, arguments and form, in the order of sending, as
//!   long as the tool's server is started in the same way.
//!   Calls that were under way together have no order among themselves: a call may be taken up
//!   unless one that writes and was sent after its end has been taken up before it.
//! - Of calls that are the same the one that was done is taken up first, then the one of which nobody
//!   knows, and last the one that failed: a program tries again what failed, and so does its retry.
//! - A read that failed is made again. The first other read that is not taken up, and the first call
//!   that writes and is made, end the taking up of reads: what they returned may no longer be so.
//! - A call that wrote is never made again: it is taken up, or refused where the order or its result
//!   is lost, or its server is another one now. One of which nobody knows whether it was done is
//!   refused. One that failed is made.
//!
//! To read is what the policy calls so: a trusted server says it. The mark of a server that nobody
//! trusts may be wrong, so what was done under it is not made again either: it is taken up, or refused
//! where its result is lost. But it is taken up in any order and however old, as most such marks are
//! right, and the note says that it may be old. Where no answer came, it is made again: a retry would
//! never get past a read that took too long. A tool is to the later run what it was to the earlier
//! one, or something stricter: a mark that comes between them makes no write a read.
//!
//! One program at a time takes a run up. If it fails, its own calls are kept together with those that
//! it did not come to, and the earlier run's name means these from then on. If it came to no call, or
//! was a dry run, the earlier one stays as it was.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use catalog::Tool;
use protocol::{ErrorCode, Form, Handles, Raise, message};
use results::{Content, Results};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::call::Returned;
use crate::canonical::canonical;
use crate::executions::Live;
use crate::{Session, Short, lock, plural};

/// Results that one run holds for this while it runs, and all runs of a gateway together. Those beyond
/// are not kept.
const RUN_BYTES: usize = 32 << 20;
const ALL_BYTES: usize = 256 << 20;
/// Failed runs of a session whose calls are kept.
const RUNS: usize = 32;
/// Names by which one of them is known.
const NAMES: usize = 16;
/// Sent and never ended.
const NEVER: u32 = u32::MAX;

/// What makes two calls the same; it begins with the tool's.
type Key = [u8; 24];

/// What tells a tool from others.
type Named = [u8; 8];

fn named(path: &str) -> Named {
    let mut named = Named::default();
    named.copy_from_slice(&Sha256::digest(path)[..8]);
    named
}

fn tool_of(key: &Key) -> Named {
    let mut named = Named::default();
    named.copy_from_slice(&key[..8]);
    named
}

/// What may come of a tool's calls, as far as somebody is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// None: a server that is trusted says so.
    Reads,
    /// None, says a server that nobody trusts.
    Marked,
    Writes,
}

impl Effect {
    /// `reads` is the policy's word.
    pub(crate) fn of(tool: &Tool, reads: bool) -> Effect {
        match tool.read_only_hint() {
            _ if reads => Effect::Reads,
            Some(true) => Effect::Marked,
            _ => Effect::Writes,
        }
    }
}

fn key_of(tool: &Tool, arguments: &str) -> Key {
    let mut hash = Sha256::new();
    hash.update(tool.path());
    hash.update(b"\0");
    hash.update(canonical(arguments));
    let mut key = Key::default();
    key[..8].copy_from_slice(&named(tool.path()));
    key[8..].copy_from_slice(&hash.finalize()[..16]);
    key
}

/// A call that a run made: known by what makes it the same as another, or while the run lasts as
/// [`What`] it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Made<K = Key> {
    key: K,
    /// Of its server's stanza.
    stanza: Arc<str>,
    /// In which its result was wanted.
    form: Form,
    effect: Effect,
    /// When it was sent and when it ended, among all that was sent and ended.
    sent: u32,
    ended: u32,
    outcome: Outcome,
}

/// What was called. Most runs succeed, and nobody asks for the keys of their calls.
#[derive(Debug)]
enum What {
    Call(Arc<Tool>, Box<str>),
    /// Where there was no room for the arguments.
    Key(Key),
}

impl Made<What> {
    fn keyed(self) -> Made {
        Made {
            key: match self.key {
                What::Call(tool, arguments) => key_of(&tool, &arguments),
                What::Key(key) => key,
            },
            stanza: self.stanza,
            form: self.form,
            effect: self.effect,
            sent: self.sent,
            ended: self.ended,
            outcome: self.outcome,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It returned this, which is JSON.
    Returned(#[serde(with = "raw")] String),
    /// It returned handles, of which this is JSON.
    Handles(#[serde(with = "raw")] String),
    /// It returned something that is not kept.
    Lost,
    /// It was not done.
    Failed,
    /// Nobody knows whether it was done.
    Unknown,
}

impl Outcome {
    fn is_done(&self) -> bool {
        matches!(
            self,
            Outcome::Returned(_) | Outcome::Handles(_) | Outcome::Lost
        )
    }

    fn returned(&self) -> Option<Returned> {
        match self {
            Outcome::Returned(json) => Some(json.clone().into()),
            Outcome::Handles(json) => {
                let handles: Handles = message::decode(json.as_bytes()).ok()?;
                Some(Returned::Handles(handles))
            }
            _ => None,
        }
    }
}

/// JSON as it stands. It is read again when a run is kept, and not while it makes its calls.
mod raw {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
    use serde_json::value::RawValue;

    pub(super) fn serialize<S: Serializer>(json: &str, to: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(json).map_err(ser::Error::custom)?;
        json.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        Ok(Box::<str>::from(Box::<RawValue>::deserialize(from)?).into())
    }
}

/// The calls of the earlier run that are the same and have not been taken up, in the order of sending.
#[derive(Debug, Default)]
struct Left {
    done: VecDeque<usize>,
    unknown: VecDeque<usize>,
    failed: VecDeque<usize>,
}

impl Left {
    fn of(&mut self, outcome: &Outcome) -> &mut VecDeque<usize> {
        match outcome {
            Outcome::Failed => &mut self.failed,
            Outcome::Unknown => &mut self.unknown,
            _ => &mut self.done,
        }
    }

    /// The one that a call stands for: what was done before what may have been, and that before what
    /// failed, as the run itself tried it again. Of those that were done one that `fits`, if any does.
    fn first(&self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let fitting = self.done.iter().find(|index| fits(**index));
        let mut others = [&self.done, &self.unknown, &self.failed].into_iter();
        fitting
            .or_else(|| others.find_map(VecDeque::front))
            .copied()
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        [&self.done, &self.unknown, &self.failed]
            .into_iter()
            .flatten()
            .copied()
    }
}

/// The calls of a failed run, to be taken up.
#[derive(Debug)]
pub(crate) struct Earlier {
    id: String,
    short: Short,
    /// The run that was asked for, which this one has taken up.
    asked: Option<Short>,
    calls: Vec<Made>,
}

/// The calls of a run as they are kept.
#[derive(Serialize, Deserialize)]
struct Calls {
    /// So that no two runs are the same value.
    run: String,
    calls: Vec<Made>,
}

/// What one run takes up of an earlier one, and notes for a later one.
#[derive(Debug, Default)]
pub(crate) struct Resuming {
    state: Mutex<State>,
    /// What all runs hold; none where nobody can come back to a run.
    held: Option<Arc<AtomicUsize>>,
}

#[derive(Debug, Default)]
struct State {
    earlier: Option<Arc<Earlier>>,
    /// By what makes them the same.
    left: HashMap<Key, Left>,
    /// When the latest call that writes among those taken up was sent.
    latest_write: Option<u32>,
    taken: usize,
    /// Writes among them that came after the end of the taking up of reads.
    taken_afterwards: usize,
    /// Those among them that are no writes but by an untrusted mark, and came later than a read would be
    /// taken up.
    taken_old: usize,
    /// What each tool was at most, as far as the earlier run noted its calls.
    effects: HashMap<Named, Effect>,
    /// Writes that the earlier run has none the same of, by the tool's path.
    new_writes: BTreeMap<String, usize>,
    /// The number of the call that ended the taking up of reads.
    diverged: Option<u32>,
    made: Vec<Made<What>>,
    clock: u32,
    held_bytes: usize,
}

/// What becomes of a call.
pub(crate) enum Fate {
    /// It is made, and noted as this one.
    Make,
    /// It is taken up.
    Taken(Returned),
}

/// Where a run has noted a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted(usize);

impl Resuming {
    /// For a run that notes its calls and takes up those of `earlier`.
    pub(crate) fn new(earlier: Option<Arc<Earlier>>, held: Arc<AtomicUsize>) -> Resuming {
        let mut left: HashMap<Key, Left> = HashMap::new();
        let mut effects: HashMap<Named, Effect> = HashMap::new();
        for (index, call) in earlier
            .iter()
            .flat_map(|earlier| earlier.calls.iter().enumerate())
        {
            let same = left.entry(call.key).or_default();
            same.of(&call.outcome).push_back(index);
            let most = effects.entry(tool_of(&call.key)).or_insert(call.effect);
            *most = call.effect.max(*most);
        }
        Resuming {
            state: Mutex::new(State {
                earlier,
                left,
                effects,
                ..State::default()
            }),
            held: Some(held),
        }
    }

    /// Decides about the call with this number. `known` tells its server's stanza and what may come of
    /// it, and `shown` says what it is.
    ///
    /// # Errors
    /// It must not be made, and cannot be taken up.
    pub(crate) fn decide(
        &self,
        tool: &Tool,
        known: impl FnOnce() -> (Arc<str>, Effect),
        arguments: &RawValue,
        form: Form,
        number: u32,
        shown: impl Fn() -> String,
    ) -> Result<Fate, Box<Raise>> {
        let mut state = self.state();
        let Some(earlier) = state.earlier.clone() else {
            return Ok(Fate::Make);
        };
        let key = key_of(tool, arguments.get());
        let (stanza, now) = known();
        let effect = state.effect(&tool_of(&key), now);
        let fits = |index: usize| {
            let call = &earlier.calls[index];
            call.stanza == stanza && call.form == form
        };
        let Some(index) = state.left.get(&key).and_then(|left| left.first(fits)) else {
            state.diverge(number);
            if effect == Effect::Writes {
                *state.new_writes.entry(tool.path().to_owned()).or_default() += 1;
            }
            return Ok(Fate::Make);
        };
        let call = &earlier.calls[index];
        let in_order = state.latest_write.is_none_or(|sent| sent < call.ended);
        let run = earlier.short;
        let same_server = call.stanza == stanza;
        if effect == Effect::Reads {
            let fits = same_server && call.form == form;
            let returned = match fits && in_order && state.diverged.is_none() {
                true => call.outcome.returned(),
                false => None,
            };
            if returned.is_none() && call.outcome.is_done() {
                state.diverge(number);
            }
            state.take(index);
            return Ok(match returned {
                Some(returned) => {
                    state.taken += 1;
                    Fate::Taken(returned)
                }
                None => Fate::Make,
            });
        }
        let refuse = |why: String| {
            let mut raised = Raise::new(
                ErrorCode::Denied,
                format!("{} was not made: {why}", shown()),
            );
            raised.tool = Some(tool.path().to_owned());
            raised.server = Some(tool.server().to_owned());
            Err(Box::new(raised))
        };
        match (&call.outcome, call.outcome.returned()) {
            (outcome, _) if outcome.is_done() && !same_server => refuse(format!(
                "{run} has done it on {}, whose settings name another server since. Leave it out, or run without `resume`",
                tool.server()
            )),
            (outcome, _) if outcome.is_done() && call.form != form => refuse(format!(
                "{run} has done it and took its result in another form. Take it in that form, or leave it out"
            )),
            (Outcome::Failed | Outcome::Unknown, _) if effect == Effect::Marked => {
                state.take(index);
                Ok(Fate::Make)
            }
            (Outcome::Failed, _) => {
                state.take(index);
                state.diverge(number);
                Ok(Fate::Make)
            }
            (Outcome::Unknown, _) => refuse(format!(
                "{run} sent it and had no usable answer, so it may have been done. Check; then leave it out, or run without `resume`"
            )),
            (Outcome::Lost, _) | (_, None) => refuse(format!(
                "{run} has done it, and its result is no longer kept. Leave it out, or run without `resume`"
            )),
            (_, Some(returned)) if effect == Effect::Marked => {
                state.take(index);
                state.taken += 1;
                if !in_order || state.diverged.is_some() {
                    state.taken_old += 1;
                }
                Ok(Fate::Taken(returned))
            }
            (_, Some(_)) if !in_order => refuse(format!(
                "{run} did it before another write that this program has made first. Keep the order of {run}, or run without `resume`"
            )),
            (_, Some(returned)) => {
                let sent = call.sent;
                state.take(index);
                state.latest_write =
                    Some(state.latest_write.map_or(sent, |latest| latest.max(sent)));
                state.taken += 1;
                if state.diverged.is_some() {
                    state.taken_afterwards += 1;
                }
                Ok(Fate::Taken(returned))
            }
        }
    }

    /// Notes a call that is about to be sent, or is taken up.
    pub(crate) fn sent(
        &self,
        tool: &Arc<Tool>,
        stanza: Arc<str>,
        effect: impl FnOnce() -> Effect,
        arguments: &RawValue,
        form: Form,
    ) -> Noted {
        let Some(held) = &self.held else {
            return Noted(0);
        };
        let arguments = arguments.get();
        let call = Made {
            key: match self.hold(held, arguments.len()) {
                true => What::Call(tool.clone(), arguments.into()),
                false => What::Key(key_of(tool, arguments)),
            },
            stanza,
            form,
            effect: effect(),
            sent: 0,
            ended: NEVER,
            outcome: Outcome::Unknown,
        };
        let mut state = self.state();
        let sent = state.tick();
        let effect = match state.effects.is_empty() {
            true => call.effect,
            false => state.effect(&named(tool.path()), call.effect),
        };
        state.made.push(Made {
            sent,
            effect,
            ..call
        });
        Noted(state.made.len() - 1)
    }

    /// Notes what a call came to: a server that says no more than that something went wrong
    /// `may_have_done` it. One that is never told of may have been done.
    pub(crate) fn ended(
        &self,
        noted: Noted,
        answer: Result<&Returned, &Raise>,
        may_have_done: bool,
    ) {
        let Some(held) = &self.held else { return };
        let outcome = match answer {
            Ok(Returned::Json(json)) => self
                .hold(held, json.len())
                .then(|| json.clone())
                .map_or(Outcome::Lost, Outcome::Returned),
            Ok(Returned::Handles(handles)) => {
                let json = serde_json::to_string(handles).ok();
                json.filter(|json| self.hold(held, json.len()))
                    .map_or(Outcome::Lost, Outcome::Handles)
            }
            // What was kept is no call of a tool.
            Ok(Returned::Read(_)) => Outcome::Lost,
            Err(_) if may_have_done => Outcome::Unknown,
            // The server said so, or nothing was sent.
            Err(raised) => match raised.code {
                ErrorCode::ToolError | ErrorCode::LoginNeeded => Outcome::Failed,
                ErrorCode::UpstreamDown if raised.retryable => Outcome::Failed,
                _ => Outcome::Unknown,
            },
        };
        let mut state = self.state();
        let ended = state.tick();
        if let Some(call) = state.made.get_mut(noted.0) {
            call.ended = if matches!(outcome, Outcome::Unknown) {
                NEVER
            } else {
                ended
            };
            call.outcome = outcome;
        }
    }

    /// The id of the earlier run, and how many of its calls were taken up.
    pub(crate) fn taken(&self) -> Option<(String, usize)> {
        let state = self.state();
        Some((state.earlier.as_ref()?.id.clone(), state.taken))
    }

    /// What the agent is told of the calls that were taken up; in a dry run not all others are made.
    pub(crate) fn note(&self, is_dry: bool) -> Option<String> {
        let state = self.state();
        let earlier = state.earlier.as_ref()?;
        let run = earlier.short;
        let first = state.taken - state.taken_afterwards - state.taken_old;
        let mut note = format!("replayed {first} call{} of {run}", plural(first));
        if let Some(asked) = earlier.asked {
            note.push_str(&format!(", which took {asked} up"));
        }
        if let Some(number) = state.diverged {
            let others = if is_dry { "are new" } else { "were made" };
            note.push_str(&format!("; from call {number} on they {others}"));
        }
        if state.taken_afterwards > 0 {
            let count = state.taken_afterwards;
            note.push_str(&format!(
                ", but for {count} write{} that {run} had done",
                plural(count)
            ));
        }
        if state.taken_old > 0 {
            let count = state.taken_old;
            note.push_str(&format!(
                "; {count} read{} of untrusted servers replayed too: may be old",
                plural(count)
            ));
        }
        for (tool, new) in &state.new_writes {
            let of_tool = named(tool);
            let left = state.left.iter().filter(|(key, _)| tool_of(key) == of_tool);
            let indices = left.flat_map(|(_, left)| &left.done);
            let writes = |index: &&usize| earlier.calls[**index].effect == Effect::Writes;
            let left = indices.filter(writes).count();
            if left > 0 {
                note.push_str(&format!(
                    "; {new} new call{} of {tool}, and {left} of {run} did not come again: check that they differ",
                    plural(*new)
                ));
            }
        }
        Some(note)
    }

    /// Whether it has come to no call.
    pub(crate) fn is_empty(&self) -> bool {
        self.state().made.is_empty()
    }

    /// The calls of this run for a later one: its own, and those of the earlier run that it did not
    /// come to.
    fn to_keep(&self) -> Vec<Made<What>> {
        let mut state = self.state();
        let mut calls = std::mem::take(&mut state.made);
        if let Some(earlier) = state.earlier.take() {
            let mut left: Vec<usize> = state.left.values().flat_map(Left::all).collect();
            left.sort_unstable();
            for call in left.into_iter().map(|index| &earlier.calls[index]) {
                // What was read before something else was done may no longer be so.
                if call.effect != Effect::Reads || state.diverged.is_none() {
                    calls.push(Made {
                        key: What::Key(call.key),
                        stanza: call.stanza.clone(),
                        form: call.form,
                        effect: call.effect,
                        sent: state.clock.saturating_add(call.sent),
                        ended: state.clock.saturating_add(call.ended),
                        outcome: call.outcome.clone(),
                    });
                }
            }
        }
        calls
    }

    /// Whether there is room for so many bytes more.
    fn hold(&self, held: &AtomicUsize, bytes: usize) -> bool {
        let mut state = self.state();
        let fits = state.held_bytes + bytes <= RUN_BYTES
            && held.fetch_add(bytes, Ordering::Relaxed) + bytes <= ALL_BYTES;
        if fits {
            state.held_bytes += bytes;
        } else if state.held_bytes + bytes <= RUN_BYTES {
            held.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Held for one decision or one note.
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Resuming {
    fn drop(&mut self) {
        if let Some(held) = &self.held {
            held.fetch_sub(self.state().held_bytes, Ordering::Relaxed);
        }
    }
}

impl State {
    fn tick(&mut self) -> u32 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    /// A call of the earlier run is not left any more.
    fn take(&mut self, index: usize) {
        let call = self.earlier.as_ref().map(|earlier| &earlier.calls[index]);
        if let Some(call) = call
            && let Some(left) = self.left.get_mut(&call.key)
        {
            let left = left.of(&call.outcome);
            // Most often it is the first.
            if let Some(place) = left.iter().position(|other| *other == index) {
                left.remove(place);
            }
        }
    }

    /// What may come of a tool's calls, by what is known now and by what the earlier run noted.
    fn effect(&self, tool: &Named, now: Effect) -> Effect {
        self.effects.get(tool).map_or(now, |noted| now.max(*noted))
    }

    fn diverge(&mut self, number: u32) {
        self.diverged.get_or_insert(number);
    }
}

/// The failed runs of a session whose calls are kept, the earliest first.
#[derive(Debug)]
pub(crate) struct Resumable {
    results: Arc<Results>,
    runs: Mutex<VecDeque<Run>>,
}

#[derive(Debug, Clone)]
struct Run {
    id: String,
    /// Its own first.
    names: Vec<Name>,
    /// By which its calls are kept.
    handle: String,
    /// Who takes them up, as long as it runs.
    taken_by: Weak<Live>,
}

/// A run by whose name calls can be had.
#[derive(Debug, Clone)]
struct Name {
    id: String,
    short: Short,
    /// Whether its calls are among those of a run that took them up. Otherwise they are its own, or
    /// those that it would have taken up, had it come to any call.
    is_before: bool,
}

impl Run {
    fn name(&self, name: &str) -> Option<&Name> {
        self.names
            .iter()
            .find(|known| known.id == name || known.short.to_string() == name)
    }

    fn short(&self) -> Short {
        self.names[0].short
    }

    /// It goes by these names too.
    fn also(&mut self, names: impl IntoIterator<Item = Name>) {
        self.names.extend(names);
        let surplus = self.names.len().saturating_sub(NAMES);
        self.names.drain(1..1 + surplus);
    }

    /// # Errors
    /// Another program takes its calls up.
    fn is_free(&self) -> Result<(), String> {
        match self.taken_by.upgrade() {
            Some(live) if live.ended().is_none() => {
                let (run, by) = (self.short(), live.short);
                Err(format!(
                    "{by} takes {run} up already: wait_execution(execution=\"{by}\")"
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Resumable {
    /// What an earlier process has left there goes: nobody knows which run it was.
    pub(crate) fn new(results: Results) -> Resumable {
        results.clear();
        Resumable {
            results: Arc::new(results),
            runs: Mutex::default(),
        }
    }

    /// How many bytes were kept since this was asked last.
    pub(crate) fn take_written(&self) -> u64 {
        self.results.take_written()
    }

    /// Keeps the calls of a run that failed, with those of the earlier one that it took up, which is
    /// then known as this one; whether there are any worth it.
    pub(crate) async fn keep(
        &self,
        id: &str,
        short: Short,
        run: &Resuming,
        earlier: Option<&Earlier>,
    ) -> bool {
        let kept = self.write(id, run.to_keep()).await;
        let is_kept = kept.is_some();
        // What this run has done is not among the calls of the earlier one: that goes in any case.
        let old = earlier.and_then(|earlier| self.take_out(earlier));
        if let Some(handle) = kept {
            let mut kept = Run {
                id: id.to_owned(),
                names: vec![Name {
                    id: id.to_owned(),
                    short,
                    is_before: false,
                }],
                handle,
                taken_by: Weak::new(),
            };
            // The latest are the last, so that the earliest go first where there are too many.
            let names = old
                .iter()
                .flat_map(|old| old.names[1..].iter().chain(&old.names[..1]));
            kept.also(names.map(|name| Name {
                is_before: true,
                ..name.clone()
            }));
            let mut runs = self.runs();
            runs.push_back(kept);
            if runs.len() > RUNS {
                runs.pop_front();
            }
        }
        self.remove(old).await;
        is_kept
    }

    /// The name under which the calls are kept, if they are worth it.
    async fn write(&self, id: &str, calls: Vec<Made<What>>) -> Option<String> {
        let worth = |call: &Made<What>| call.outcome.is_done() || call.effect == Effect::Writes;
        if !calls.iter().any(worth) {
            return None;
        }
        let (results, run) = (self.results.clone(), id.to_owned());
        let kept = tokio::task::spawn_blocking(move || {
            let calls = calls.into_iter().map(Made::keyed).collect();
            let json = serde_json::to_vec(&Calls { run, calls }).ok()?;
            results.keep(Content::Json, &json).ok()
        });
        kept.await.ok().flatten().map(|kept| kept.id())
    }

    /// A run that was to take up an earlier one has failed and come to no call: by its name the earlier
    /// one can be had too. Whether it is there.
    pub(crate) fn name_too(&self, earlier: &Earlier, id: &str, short: Short) -> bool {
        let mut runs = self.runs();
        let run = runs.iter_mut().find(|run| run.id == earlier.id);
        let is_there = run.is_some();
        if let Some(run) = run {
            run.also([Name {
                id: id.to_owned(),
                short,
                is_before: false,
            }]);
        }
        is_there
    }

    /// The calls of a run, by its short or its whole id.
    ///
    /// # Errors
    /// There are none, and why.
    pub(crate) async fn open(&self, session: &Session, name: &str) -> Result<Arc<Earlier>, String> {
        let found = {
            let runs = self.runs();
            let found = runs.iter().find_map(|run| Some((run, run.name(name)?)));
            found.map(|(run, name)| (run.clone(), name.clone()))
        };
        let Some((run, known)) = found else {
            let name: String = name.chars().take(40).collect();
            let live = session.executions().get(&name);
            return Err(match live.is_some_and(|live| live.ended().is_none()) {
                true => format!("{name} still runs: wait_execution(execution=\"{name}\")"),
                false => format!(
                    "there is nothing of {name:?} to resume: it is no program of this session, has succeeded or called \
                     nothing, was taken up by one that succeeded, or its results are no longer kept, as after an end of the gateway"
                ),
            });
        };
        run.is_free()?;
        let results = self.results.clone();
        let read = tokio::task::spawn_blocking(move || {
            let json = results
                .open(&run.handle)
                .ok()?
                .part("")
                .ok()?
                .json(u64::MAX)
                .ok()?;
            let kept: Calls = serde_json::from_slice(&json).ok()?;
            Some(Arc::new(Earlier {
                short: match known.is_before {
                    true => run.short(),
                    false => known.short,
                },
                asked: known.is_before.then_some(known.short),
                id: run.id,
                calls: kept.calls,
            }))
        });
        read.await
            .ok()
            .flatten()
            .ok_or_else(|| format!("the calls of {name} are no longer kept; run without `resume`"))
    }

    /// Leaves the calls of a run to one program, until it has ended.
    ///
    /// # Errors
    /// Another one was faster.
    pub(crate) fn take(&self, earlier: &Earlier, by: &Arc<Live>) -> Result<(), String> {
        let mut runs = self.runs();
        // Whoever has taken it up has forgotten it or left it as it was before its end.
        let Some(run) = runs.iter_mut().find(|run| run.id == earlier.id) else {
            let run = earlier.short;
            return Err(format!(
                "{run} was taken up by another program in the meantime"
            ));
        };
        run.is_free()?;
        run.taken_by = Arc::downgrade(by);
        Ok(())
    }

    /// Forgets a run that another one has taken up and brought to its end.
    pub(crate) async fn forget(&self, earlier: &Earlier) {
        let run = self.take_out(earlier);
        self.remove(run).await;
    }

    fn take_out(&self, earlier: &Earlier) -> Option<Run> {
        let mut runs = self.runs();
        let place = runs.iter().position(|run| run.id == earlier.id)?;
        runs.remove(place)
    }

    async fn remove(&self, run: Option<Run>) {
        if let Some(run) = run {
            let results = self.results.clone();
            // What cannot be removed goes with its age.
            let _ = tokio::task::spawn_blocking(move || results.forget(&run.handle)).await;
        }
    }

    /// Held for a look, or for putting one in or out.
    fn runs(&self) -> MutexGuard<'_, VecDeque<Run>> {
        lock(&self.runs)
    }
}

impl Drop for Resumable {
    fn drop(&mut self) {
        self.results.clear();
    }
}

#[cfg(test)]
mod tests {
    use catalog::{Catalog, Server};
    use serde_json::{Value, json};

    use super::*;

    /// What a call came to.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Came {
        Back,
        Failed,
        /// Its server said that something went wrong.
        Fault,
        /// Its server was not there.
        Down,
        Away,
    }
    use Came::*;

    /// What became of a call in the second run.
    fn fate(fate: Result<Fate, Box<Raise>>) -> String {
        match fate {
            Ok(Fate::Make) => "made".into(),
            Ok(Fate::Taken(returned)) => match returned {
                Returned::Json(json) => format!("taken {json}"),
                Returned::Handles(_) | Returned::Read(_) => "taken".into(),
            },
            Err(raised) => {
                assert_eq!(raised.code, ErrorCode::Denied);
                let words = raised.message.split_once(" was not made: x1 ").unwrap().1;
                words
                    .split([' ', ','])
                    .take(2)
                    .collect::<Vec<_>>()
                    .join(" ")
            }
        }
    }

    fn tools() -> (Arc<Tool>, Arc<Tool>) {
        let tool = |name: &str, reads: bool| {
            let schema = json!({"type": "object", "properties": {"n": {}}});
            json!({"name": name, "inputSchema": schema, "annotations": {"readOnlyHint": reads}})
        };
        let raw: Vec<Box<RawValue>> = [tool("read", true), tool("write", false)]
            .iter()
            .map(|tool| serde_json::value::to_raw_value(tool).unwrap())
            .collect();
        let catalog = Catalog::new(vec![Server {
            name: "fs".into(),
            tools: raw,
            title: None,
            description: None,
        }]);
        let of = |path: &str| catalog.resolve(path).unwrap().clone();
        (of("fs.read"), of("fs.write"))
    }

    fn arguments(n: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(&json!({ "n": n })).unwrap()
    }

    /// What a tool of a server that is trusted is.
    fn trusted(tool: &Tool) -> Effect {
        Effect::of(tool, tool.read_only_hint() == Some(true))
    }

    /// That of every call, where nothing else is said.
    fn stanza() -> Arc<str> {
        "one".into()
    }

    fn noted(run: &Resuming, tool: &Arc<Tool>, n: i32, came: Option<Came>) -> Noted {
        noted_as(run, tool, trusted(tool), n, came)
    }

    fn noted_as(
        run: &Resuming,
        tool: &Arc<Tool>,
        effect: Effect,
        n: i32,
        came: Option<Came>,
    ) -> Noted {
        let arguments = arguments(&json!(n));
        let noted = run.sent(tool, stanza(), || effect, &arguments, Form::Value);
        if let Some(came) = came {
            came_to(run, noted, n, came);
        }
        noted
    }

    fn came_to(run: &Resuming, noted: Noted, n: i32, came: Came) {
        let raised = |code, retryable| {
            let mut raised = Raise::new(code, "no");
            raised.retryable = retryable;
            raised
        };
        match came {
            Back => run.ended(noted, Ok(&format!("{n}").into()), false),
            Failed => run.ended(noted, Err(&raised(ErrorCode::ToolError, false)), false),
            Fault => run.ended(noted, Err(&raised(ErrorCode::ToolError, false)), true),
            Down => run.ended(noted, Err(&raised(ErrorCode::UpstreamDown, true)), false),
            Away => run.ended(noted, Err(&raised(ErrorCode::LimitTime, false)), false),
        }
    }

    fn taking_up(calls: Vec<Made<What>>) -> Resuming {
        let earlier = Earlier {
            id: "x_1".into(),
            short: Short('x', 1),
            asked: None,
            calls: calls.into_iter().map(Made::keyed).collect(),
        };
        Resuming::new(Some(Arc::new(earlier)), Arc::default())
    }

    #[test]
    fn each_call_is_taken_up_made_or_refused() {
        let (read, write) = tools();
        // Calls of the first run, one after the other, and of the second with what becomes of them.
        let check = |first: &[(char, i32, Came)], second: &[(char, i32, &str)], note: &str| {
            let tool = |kind: char| if kind == 'r' { &read } else { &write };
            let run = Resuming::new(None, Arc::default());
            for (kind, n, came) in first {
                noted(&run, tool(*kind), *n, Some(*came));
            }
            let again = taking_up(run.to_keep());
            for (index, (kind, n, expected)) in second.iter().enumerate() {
                let number = index as u32 + 1;
                let decided = again.decide(
                    tool(*kind),
                    || (stanza(), trusted(tool(*kind))),
                    &arguments(&json!(n)),
                    Form::Value,
                    number,
                    || "it".into(),
                );
                assert_eq!(&fate(decided), expected, "call {number} of {second:?}");
            }
            assert_eq!(again.note(false).unwrap(), note);
        };
        check(
            &[('r', 1, Back), ('w', 2, Back)],
            &[('r', 1, "taken 1"), ('w', 2, "taken 2"), ('w', 2, "made")],
            "replayed 2 calls of x1; from call 3 on they were made",
        );
        // What failed is made again; a read of which nobody knows, too.
        for came in [Failed, Down] {
            check(
                &[('w', 1, came), ('r', 2, Back)],
                &[('w', 1, "made"), ('r', 2, "made")],
                "replayed 0 calls of x1; from call 1 on they were made",
            );
            check(
                &[('r', 1, came), ('r', 2, Back)],
                &[('r', 1, "made"), ('r', 2, "taken 2")],
                "replayed 1 call of x1",
            );
        }
        check(
            &[('r', 1, Away), ('w', 2, Away)],
            &[('r', 1, "made"), ('w', 2, "sent it"), ('w', 2, "sent it")],
            "replayed 0 calls of x1",
        );
        // A new call ends the reads, and no write is repeated after it.
        check(
            &[('r', 1, Back), ('w', 2, Back)],
            &[('r', 3, "made"), ('r', 1, "made"), ('w', 2, "taken 2")],
            "replayed 0 calls of x1; from call 1 on they were made, but for 1 write that x1 had done",
        );
        // One that may be the same, in other words.
        check(
            &[('w', 1, Back), ('w', 2, Back), ('w', 3, Failed)],
            &[('w', 4, "made"), ('w', 5, "made"), ('w', 1, "taken 1")],
            "replayed 0 calls of x1; from call 1 on they were made, but for 1 write that x1 had done; \
             2 new calls of fs.write, and 1 of x1 did not come again: check that they differ",
        );
        // Another order of writes, and a read from before a write.
        check(
            &[('r', 1, Back), ('w', 2, Back), ('w', 3, Back)],
            &[('w', 3, "taken 3"), ('w', 2, "did it"), ('r', 1, "made")],
            "replayed 1 call of x1; from call 3 on they were made",
        );
    }

    #[test]
    fn what_the_program_itself_tried_again_is_not_made_again() {
        // What the first run's calls of one write came to, and what becomes of those of the second.
        let check = |first: &[Came], second: &[&str]| {
            let (_, write) = tools();
            let run = Resuming::new(None, Arc::default());
            for came in first {
                noted(&run, &write, 1, Some(*came));
            }
            let again = taking_up(run.to_keep());
            let arguments = arguments(&json!(1));
            for expected in second {
                let decided = again.decide(
                    &write,
                    || (stanza(), trusted(&write)),
                    &arguments,
                    Form::Value,
                    1,
                    || "it".into(),
                );
                assert_eq!(&fate(decided), expected, "{first:?} {second:?}");
            }
        };
        check(&[Failed, Back], &["taken 1", "made", "made"]);
        check(
            &[Failed, Failed, Back],
            &["taken 1", "made", "made", "made"],
        );
        check(&[Down, Back, Failed, Back], &["taken 1", "taken 1", "made"]);
        // It may have been done twice: once is known.
        check(&[Away, Back], &["taken 1", "sent it", "sent it"]);
        check(&[Failed, Away], &["sent it", "sent it"]);
        check(&[Failed, Fault], &["sent it", "sent it"]);
        check(&[Failed, Failed], &["made", "made", "made"]);
    }

    #[test]
    fn what_was_done_under_a_mark_that_nobody_trusts_is_not_made_again() {
        // `m` is a tool that its server marks read-only, and `w` one that it does not.
        let (marked, write) = tools();
        let check = |first: &[(char, i32, Came)], second: &[(char, i32, &str)], note: &str| {
            let tool = |kind: char| if kind == 'm' { &marked } else { &write };
            let run = Resuming::new(None, Arc::default());
            for (kind, n, came) in first {
                let tool = tool(*kind);
                noted_as(&run, tool, Effect::of(tool, false), *n, Some(*came));
            }
            let again = taking_up(run.to_keep());
            for (index, (kind, n, expected)) in second.iter().enumerate() {
                let (tool, number) = (tool(*kind), index as u32 + 1);
                let decided = again.decide(
                    tool,
                    || (stanza(), Effect::of(tool, false)),
                    &arguments(&json!(n)),
                    Form::Value,
                    number,
                    || "it".into(),
                );
                assert_eq!(&fate(decided), expected, "call {number} of {second:?}");
            }
            assert_eq!(again.note(false).unwrap(), note);
        };
        // Neither after a new call nor after a write that came later, and no write is refused for it.
        check(
            &[('m', 1, Back), ('w', 2, Back), ('m', 3, Back)],
            &[
                ('m', 4, "made"),
                ('m', 3, "taken 3"),
                ('w', 2, "taken 2"),
                ('m', 1, "taken 1"),
                ('m', 1, "made"),
            ],
            "replayed 0 calls of x1; from call 1 on they were made, but for 1 write that x1 had done; \
             2 reads of untrusted servers replayed too: may be old",
        );
        // What failed is made again, and what had no answer; neither ends anything.
        check(
            &[('m', 1, Failed), ('m', 2, Away), ('m', 3, Back)],
            &[('m', 1, "made"), ('m', 2, "made"), ('m', 3, "taken 3")],
            "replayed 1 call of x1",
        );
        // Where its result cannot be had again it is refused.
        let run = Resuming::new(None, Arc::new(AtomicUsize::new(ALL_BYTES)));
        noted_as(&run, &marked, Effect::Marked, 1, Some(Back));
        let again = taking_up(run.to_keep());
        let decided = again.decide(
            &marked,
            || (stanza(), Effect::Marked),
            &arguments(&json!(1)),
            Form::Value,
            1,
            || "it".into(),
        );
        assert_eq!(fate(decided), "has done");
    }

    #[test]
    fn a_mark_that_comes_later_makes_no_write_a_read() {
        let (tool, _) = tools();
        use Effect::{Marked, Reads, Writes};
        // What the tool was to the first run and is to the second and third, by what no answer came to.
        for (first, second, expected) in [
            (Reads, Reads, "made"),
            (Marked, Reads, "made"),
            (Reads, Writes, "sent it"),
            (Writes, Marked, "sent it"),
            (Writes, Reads, "sent it"),
        ] {
            let mut run = Resuming::new(None, Arc::default());
            noted_as(&run, &tool, first, 1, Some(Back));
            noted_as(&run, &tool, first, 2, Some(Away));
            for _ in 0..2 {
                let again = taking_up(run.to_keep());
                let decide = |n: i32| {
                    let arguments = arguments(&json!(n));
                    let shown = || "it".into();
                    fate(again.decide(
                        &tool,
                        || (stanza(), second),
                        &arguments,
                        Form::Value,
                        1,
                        shown,
                    ))
                };
                assert_eq!(decide(1), "taken 1");
                noted_as(&again, &tool, second, 1, Some(Back));
                assert_eq!(decide(2), expected, "{first:?} {second:?}");
                if expected == "made" {
                    noted_as(&again, &tool, second, 2, Some(Away));
                }
                run = again;
            }
        }
    }

    #[test]
    fn of_a_server_whose_stanza_changed_nothing_is_taken_up_and_no_write_repeated() {
        let (read, write) = tools();
        let run = Resuming::new(None, Arc::default());
        noted(&run, &read, 1, Some(Back));
        noted(&run, &write, 2, Some(Back));
        noted(&run, &write, 3, Some(Failed));
        noted(&run, &write, 4, Some(Away));
        let kept = run.to_keep();
        let again = taking_up(kept);
        let other = || Arc::from("two");
        for (tool, n, expected) in [
            (&read, 1, "made"),
            (&write, 2, "has done"),
            (&write, 3, "made"),
            (&write, 4, "sent it"),
            (&write, 5, "made"),
        ] {
            let decided = again.decide(
                tool,
                || (other(), trusted(tool)),
                &arguments(&json!(n)),
                Form::Value,
                1,
                || "it".into(),
            );
            assert_eq!(fate(decided), expected, "{n}");
        }
        // What was kept with it is kept as it was by a run that does not come to it.
        let decided = again.decide(
            &write,
            || (stanza(), trusted(&write)),
            &arguments(&json!(2)),
            Form::Value,
            2,
            String::new,
        );
        assert_eq!(fate(decided), "taken 2");
    }

    #[test]
    fn what_was_under_way_together_has_no_order() {
        let (_, write) = tools();
        let run = Resuming::new(None, Arc::default());
        let both = [1, 2].map(|n| (n, noted(&run, &write, n, None)));
        for (n, noted) in both {
            came_to(&run, noted, n, Back);
        }
        let again = taking_up(run.to_keep());
        for n in [2, 1] {
            let decided = again.decide(
                &write,
                || (stanza(), trusted(&write)),
                &arguments(&json!(n)),
                Form::Value,
                1,
                String::new,
            );
            assert_eq!(fate(decided), format!("taken {n}"));
        }
    }

    #[test]
    fn a_write_is_not_made_again_to_have_its_result_in_another_form() {
        let (read, write) = tools();
        let run = Resuming::new(None, Arc::default());
        for tool in [&write, &read] {
            let made = noted(&run, tool, 1, None);
            came_to(&run, made, 1, Back);
        }
        let again = taking_up(run.to_keep());
        let decided = |tool, form| {
            fate(again.decide(
                tool,
                || (stanza(), trusted(tool)),
                &arguments(&json!(1)),
                form,
                1,
                || "it".into(),
            ))
        };
        assert_eq!(decided(&write, Form::Raw), "has done");
        assert_eq!(decided(&write, Form::Value), "taken 1");
        assert_eq!(decided(&read, Form::Raw), "made");
    }

    #[test]
    fn arguments_are_the_same_in_any_order_and_digit_by_digit() {
        let (read, _) = tools();
        let key = |json: &str| key_of(&read, json);
        for (one, other) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
            (
                r#"{"a":[{"b":{"c":1,"d":[2]},"e":"é"}]}"#,
                r#"{ "a": [{"e": "\u00e9", "b": {"d": [2], "c": 1}}] }"#,
            ),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":1.0}"#),
            (
                r#"{"a":12345678901234567890123}"#,
                r#"{"a":12345678901234567890124}"#,
            ),
            (r#"{"a":"1"}"#, r#"{"a":1}"#),
            (r#"{"ab":"c"}"#, r#"{"a":"bc"}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":{"b":1},"c":2}"#, r#"{"a":{"b":1,"c":2}}"#),
        ] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn a_write_whose_result_had_no_room_is_refused_and_what_was_held_is_given_back() {
        let (read, write) = tools();
        let held = Arc::new(AtomicUsize::new(ALL_BYTES - 1));
        let run = Resuming::new(None, held.clone());
        noted(&run, &write, 12, Some(Back));
        noted(&run, &read, 13, Some(Back));
        noted(&run, &read, 1, Some(Back));
        assert_eq!(held.load(Ordering::Relaxed), ALL_BYTES);
        let again = taking_up(run.to_keep());
        drop(run);
        assert_eq!(held.load(Ordering::Relaxed), ALL_BYTES - 1);
        let decide = |tool: &Tool, n: i32| {
            fate(again.decide(
                tool,
                || (stanza(), trusted(tool)),
                &arguments(&json!(n)),
                Form::Value,
                1,
                || "it".into(),
            ))
        };
        assert_eq!(decide(&read, 1), "taken 1");
        assert_eq!(decide(&write, 12), "has done");
        assert_eq!(decide(&read, 13), "made");
    }
}
