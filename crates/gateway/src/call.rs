//! One call of a tool: resolve, bind, record, send, record, unwrap.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use ::results::Results;
use catalog::{ArgumentError, ArgumentErrorCode, Arguments, Catalog, Language, Tool};
use journal::Event;
use protocol::{Check, Checked, ErrorCode, Form, Handles, Part, ProgramError, Raise};
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use upstream::CallError;

use crate::asking;
use crate::check::Findings;
use crate::handles::{self, Filled};
use crate::observed::Sample;
use crate::permit::{Permit, Permits};
use crate::results::{self, OPEN_RESULT};
use crate::resume::{Effect, Fate, Resuming};
use crate::show::{SHOW, Showing};
use crate::store::{self, LOAD, STORE};
use crate::suspended::Suspended;
use crate::turns::ServerProcess;
use crate::value::{self, Piece, Reading, Unwrapped};
use crate::{Gateway, Limits, Session, lock};

/// Arguments and results kept of one call for the agent's own answer.
const SHOWN_CHARACTERS: usize = 80;
/// Errors of JSON-RPC that say that a call was not even begun: it cannot be parsed, is no request, its
/// method or its parameters are none.
const NEVER_RAN: [i32; 4] = [-32700, -32600, -32601, -32602];
/// Of how many tools a result is kept to say what it looked like.
const SAMPLES: usize = 16;

/// What one run's calls share.
pub(crate) struct Calls {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) session: Arc<Session>,
    pub(crate) execution: String,
    pub(crate) language: Language,
    /// What decides which calls may be sent.
    pub(crate) permits: Permits,
    /// Whom servers ask that want to know something.
    asker: Option<Arc<dyn upstream::Asker>>,
    /// The tools as they were when the program started.
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) limits: Limits,
    pub(crate) cancel: CancellationToken,
    /// Calls of tools, whether or not they were sent.
    made: AtomicU32,
    /// Those that reached a server, or that an earlier run had made.
    count: AtomicU32,
    /// Calls that have been recorded and have not ended.
    open: AtomicU32,
    /// Told when none of them is left.
    all_ended: Notify,
    bytes: AtomicU64,
    done: Mutex<Vec<CallRecord>>,
    /// The process of the server that was called last.
    called: Mutex<Option<Arc<ServerProcess>>>,
    /// The beginning of the first result of each tool, to say what it looked like.
    samples: Mutex<BTreeMap<String, Arc<Sample>>>,
    /// What the program's text gave reason to say.
    findings: Mutex<Findings>,
    /// What the program said last of how far it is, as it said it.
    pub(crate) progress: Arc<watch::Sender<Option<Vec<u8>>>>,
    /// What the first call that was sent in spite of its schema had against it, and how many there
    /// were.
    sent_anyway: Mutex<Option<(String, u32)>>,
    /// What is said of the first result of which files were left out.
    left_out: Mutex<Option<String>>,
    /// How the program writes a handle among arguments.
    pub(crate) mark: String,
    pub(crate) showing: Showing,
    /// Held while what is kept is brought into memory, so that it is counted one by one.
    fetching: Arc<tokio::sync::Mutex<()>>,
    /// What is taken up of an earlier run, and noted for a later one.
    pub(crate) resuming: Resuming,
}

/// A call that a program made, as its answer shows it.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// Number within the run, from 1, in the order of sending.
    pub number: u32,
    /// The tool's path, without `tools.`.
    pub tool: String,
    /// `Err` holds the error's code.
    pub outcome: Result<(), ErrorCode>,
    pub duration: Duration,
    /// Of the result.
    pub bytes: u64,
    /// What it may have changed.
    pub writes: bool,
    /// Beginning of the arguments, for a call that writes.
    pub arguments: String,
    /// Beginning of the result, for a call that writes.
    pub result: String,
}

/// The answer to a call: what it returns, or what the program is to catch.
pub(crate) type Answer = Result<Returned, Raise>;

/// What a call returns.
#[derive(Debug)]
pub(crate) enum Returned {
    /// JSON of the value.
    Json(String),
    /// A value of which parts are handles.
    Handles(Handles),
    /// JSON of what was kept.
    Read(results::Read),
}

impl From<String> for Returned {
    fn from(json: String) -> Returned {
        Returned::Json(json)
    }
}

impl Returned {
    /// JSON of it, as an agent sees it.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Returned::Json(json) => Cow::Borrowed(json),
            Returned::Read(read) => Cow::Borrowed(&read.json),
            Returned::Handles(Handles { parts, .. }) => {
                let pieces = parts.iter().map(|part| {
                    Piece::Value(match part {
                        Part::Value(value) => value.get().to_owned(),
                        Part::Handle(handle) => handles::shown(handle),
                    })
                });
                Cow::Owned(value::joined(pieces.collect(), |file| {
                    file.block.get().to_owned()
                }))
            }
        }
    }

    /// Of what it stands for.
    fn bytes(&self) -> u64 {
        match self {
            Returned::Json(json) => json.len() as u64,
            Returned::Read(read) => read.json.len() as u64,
            Returned::Handles(Handles { parts, .. }) => parts
                .iter()
                .map(|part| match part {
                    Part::Value(value) => value.get().len() as u64,
                    Part::Handle(handle) => handle.bytes,
                })
                .sum(),
        }
    }
}

impl Calls {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        session: Arc<Session>,
        execution: String,
        language: Language,
        limits: Limits,
        permits: Permits,
        cancel: CancellationToken,
    ) -> Calls {
        let catalog = gateway.catalog();
        Calls {
            gateway,
            session,
            execution,
            language,
            asker: permits.asker(),
            permits,
            catalog,
            limits,
            cancel,
            made: AtomicU32::new(0),
            count: AtomicU32::new(0),
            open: AtomicU32::new(0),
            all_ended: Notify::new(),
            bytes: AtomicU64::new(0),
            done: Mutex::default(),
            called: Mutex::default(),
            samples: Mutex::default(),
            findings: Mutex::default(),
            resuming: Resuming::default(),
            progress: Arc::new(watch::Sender::new(None)),
            sent_anyway: Mutex::default(),
            left_out: Mutex::default(),
            mark: crate::id::fresh('h'),
            showing: Showing::default(),
            fetching: Arc::default(),
        }
    }

    /// What the session keeps.
    pub(crate) fn results(&self) -> &Arc<Results> {
        self.session.results()
    }

    /// What the tools that were called returned, in names and types; at most three of them.
    pub(crate) fn shapes(&self) -> Vec<String> {
        let samples = lock(&self.samples);
        samples
            .iter()
            .take(3)
            .map(|(tool, sample)| format!("{tool} returned {}", sample.described(self.language)))
            .collect()
    }

    /// One line about calls that were sent although their arguments do not fit the tool's schema.
    pub(crate) fn sent_anyway(&self) -> Option<String> {
        let sent = lock(&self.sent_anyway);
        let (first, count) = sent.as_ref()?;
        Some(match count {
            1 => first.clone(),
            more => format!("{first}; so were {} more calls like it", more - 1),
        })
    }

    /// One line about files that were left out of a result.
    pub(crate) fn left_out(&self) -> Option<String> {
        lock(&self.left_out).clone()
    }

    /// What is held of a tool's result, whose surplus files the agent is told of.
    async fn held(
        &self,
        tool: &Tool,
        held: impl Future<Output = Result<(Returned, usize), Raise>>,
    ) -> Answer {
        let (returned, left_out) = held.await?;
        if left_out > 0 {
            lock(&self.left_out).get_or_insert_with(|| handles::left_out(tool.path(), left_out));
        }
        Ok(returned)
    }

    /// Every call that reached a server, by number.
    pub(crate) fn records(&self) -> Vec<CallRecord> {
        let mut records = lock(&self.done).clone();
        records.sort_by_key(|record| record.number);
        records
    }

    /// How many calls are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed) as usize
    }

    /// Waits until every call has ended: those of a program that was stopped end as cancelled.
    pub(crate) async fn all_ended(&self) {
        while self.open() > 0 {
            self.all_ended.notified().await;
        }
    }

    /// The process of the server that was called last.
    pub(crate) fn called(&self) -> Option<Arc<ServerProcess>> {
        lock(&self.called).clone()
    }

    /// Answers one call of the program.
    pub(crate) async fn answer(&self, call: protocol::Call<'_>) -> Answer {
        if !handles::stand_in(&call, &self.mark) {
            return self.answer_filled(call).await;
        }
        let left = self.limits.call_bytes;
        let left = left.saturating_sub(self.bytes.load(Ordering::Relaxed));
        let most = left.min(protocol::Limits::default().message_bytes as u64);
        let one = self.fetching.lock().await;
        // Boxed, as it is seldom needed and would be room in every call.
        let filled = Box::pin(Filled::of(&self.session, call, &self.mark, most)).await?;
        self.spend(filled.bytes())?;
        drop(one);
        Box::pin(self.answer_filled(filled.call())).await
    }

    /// Answers a call that has no handles among its arguments.
    async fn answer_filled(&self, call: protocol::Call<'_>) -> Answer {
        if call.path == "search_tools" {
            return Box::pin(self.search(&call)).await;
        }
        // A server may be called `store`: what names one of its tools is meant for it.
        let call = self.with_whole_path(call);
        if call.path == STORE || call.path == LOAD {
            return Box::pin(self.fetched(store::answer(&self.session, &call))).await;
        }
        if call.path == OPEN_RESULT {
            return Box::pin(self.read_result(&call)).await;
        }
        if call.path == SHOW {
            return Box::pin(self.showing.show(&self.session, &call)).await;
        }
        self.one_more()?;
        let mut deadline = Instant::now() + self.limits.call_time;
        let tool = self.resolve(&call, deadline).await?;
        let validation = self.gateway.upstreams.validation(tool.server());
        let bound = tool.bind(&call.positional, &call.named.0, validation, self.language);
        let bound = match bound {
            Ok(bound) => bound,
            Err(error) => return Err(Box::pin(self.unbound(&tool, error)).await),
        };
        self.spend(bound.json.get().len())?;
        let next = self.count.load(Ordering::Relaxed) + 1;
        let fate = self.resuming.decide(
            &tool,
            || {
                let stanza = self.gateway.upstreams.digest(tool.server());
                (stanza, self.effect(&tool))
            },
            &bound.json,
            call.form,
            next,
            || {
                let arguments = cut(&as_written(&bound.json, self.language));
                format!("{}({arguments})", tool.path())
            },
        );
        if let Fate::Taken(returned) = fate.map_err(|raised| *raised)? {
            return Ok(self.taken_up(&tool, &bound.json, call.form, returned));
        }
        match self.permits.permit(self, &tool, &bound.json).await? {
            Permit::Now => {}
            Permit::Approved => deadline = Instant::now() + self.limits.call_time,
            Permit::DryRun => return Ok("null".to_owned().into()),
        }
        if let Some(warning) = bound.warning {
            lock(&self.sent_anyway)
                .get_or_insert_with(|| (format!("{} was sent: {warning}", tool.path()), 0))
                .1 += 1;
        }
        self.send(&tool, &bound.json, call.form, deadline).await
    }

    /// What is kept, brought into memory: one after the other, and counted as what calls move.
    async fn fetched(&self, answer: impl Future<Output = Answer>) -> Answer {
        let _one = self.fetching.lock().await;
        let returned = answer.await?;
        self.spend(returned.bytes() as usize)?;
        Ok(returned)
    }

    /// Reads a kept value, no more of it than a guest can hold: one takes its JSON up several times.
    async fn read_result(&self, call: &protocol::Call<'_>) -> Answer {
        let one = self.fetching.clone().lock_owned().await;
        let message = protocol::Limits::default().message_bytes as u64 - (1 << 10);
        let most = message.min(self.limits.memory_bytes / 4);
        let read = results::read(&self.session, call, most, one).await?;
        self.spend(read.json.len())?;
        Ok(Returned::Read(read))
    }

    /// What a program catches whose arguments cannot be bound.
    async fn unbound(&self, tool: &Tool, error: ArgumentError) -> Raise {
        self.gateway.recall_results().await;
        Raise {
            fix: error.fix,
            signature: Some(self.gateway.signature(tool, self.language)),
            ..raise(code_of_argument(error.code), tool, error.message)
        }
    }

    /// `call_tool("github", "get_issue", {…})`, as client libraries have it, with the path in one.
    fn with_whole_path<'a>(&self, mut call: protocol::Call<'a>) -> protocol::Call<'a> {
        if !call.path.contains('.')
            && let Some(first) = call.positional.first()
            && let Ok(name) = serde_json::from_str::<String>(first.get())
        {
            let path = format!("{}.{name}", call.path);
            if self.catalog.resolve(&path).is_ok() {
                call.path = path;
                call.positional.remove(0);
            }
        }
        call
    }

    /// Says whether a program may run, by the calls in its text.
    pub(crate) async fn check(&self, check: &Check<'_>) -> Checked {
        self.permits.read(check);
        let upstreams = &self.gateway.upstreams;
        let look = || {
            Findings::of(
                check,
                &self.catalog,
                self.language,
                |server| upstreams.validation(server),
                |path| upstreams.may_bring(path),
                |tool| self.gateway.signature(tool, self.language),
            )
        };
        let mut found = look();
        if found.has_errors() {
            self.gateway.recall_results().await;
            found = look();
        }
        let checked = Checked {
            error: found.error.clone(),
        };
        *lock(&self.findings) = found;
        checked
    }

    /// Makes the fix of an error one that stands in the program's text.
    pub(crate) fn refine(&self, error: &mut ProgramError) {
        lock(&self.findings).refine(error);
    }

    /// What the program's text gave reason to say, beside an `error` that ended it.
    pub(crate) fn notes(&self, error: Option<&ProgramError>) -> Vec<String> {
        lock(&self.findings).notes(error).collect()
    }

    /// `search_tools("…")` inside a program: what it finds, as a list. Of the newest tools, as what it
    /// names may be called.
    async fn search(&self, call: &protocol::Call<'_>) -> Answer {
        let invalid = |message: String| Raise::new(ErrorCode::InvalidArgument, message);
        let mut arguments = serde_json::Map::new();
        let value = |json: &RawValue| -> serde_json::Value {
            // Nested too deeply to be read, it is no argument of a search either.
            serde_json::from_str(json.get()).unwrap_or_default()
        };
        for json in &call.positional {
            match value(json) {
                serde_json::Value::Object(named) => arguments.extend(named),
                queries => {
                    arguments.insert("queries".into(), queries);
                }
            }
        }
        let named = call.named.0.iter();
        arguments.extend(named.map(|(name, json)| (name.clone(), value(json))));
        let mut request = crate::tools::search_request(&arguments).map_err(invalid)?;
        if !arguments.contains_key("language") {
            request.language = self.language;
        }
        if request.queries.is_empty() {
            return Err(invalid(
                "search_tools needs a phrase: search_tools(\"list open issues\")".into(),
            ));
        }
        let rows = crate::search_rows(&self.gateway, &request)
            .await
            .map_err(invalid)?;
        let rows = serde_json::to_string(&rows).expect("rows have string keys");
        Ok(rows.into())
    }

    /// The tool a path means: in the program's own catalog, or in the newest one once the servers
    /// that were still connecting have been heard.
    async fn resolve(
        &self,
        call: &protocol::Call<'_>,
        deadline: Instant,
    ) -> Result<Arc<Tool>, Raise> {
        if let Ok(tool) = self.catalog.resolve(&call.path) {
            return Ok(tool.clone());
        }
        // Boxed, as it is seldom needed and would be room in every call.
        Box::pin(self.gateway.settled(deadline)).await;
        let newest = self.gateway.catalog();
        newest.resolve(&call.path).cloned().map_err(|unknown| {
            let down: Vec<String> = self
                .gateway
                .unavailable()
                .into_iter()
                .map(|(name, reason)| format!("{name} ({reason})"))
                .collect();
            let mut message = unknown.message();
            if !down.is_empty() {
                message.push_str(&format!("; not available: {}", down.join(", ")));
            }
            let arguments = Arguments::known(&call.positional, &call.named.0);
            Raise {
                fix: newest
                    .meant(&unknown)
                    .and_then(|tool| tool.call_text(&arguments, self.language)),
                ..Raise::new(ErrorCode::UnknownTool, message)
            }
        })
    }

    /// Counts a call of a tool before anything becomes of it: what is refused is journalled too.
    fn one_more(&self) -> Result<(), Raise> {
        if self.made.fetch_add(1, Ordering::Relaxed) < self.limits.calls {
            return Ok(());
        }
        Err(limit_of_calls(format!(
            "this program has made {} calls, which is the limit",
            self.limits.calls
        )))
    }

    fn spend(&self, bytes: usize) -> Result<(), Raise> {
        let spent = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if spent <= self.limits.call_bytes {
            return Ok(());
        }
        Err(limit_of_calls(format!(
            "the calls of this program have moved {spent} bytes; the limit is {}. Ask the tools for less",
            self.limits.call_bytes
        )))
    }

    /// What a retry of this run has to reckon with.
    fn effect(&self, tool: &Arc<Tool>) -> Effect {
        Effect::of(tool, self.gateway.decide(tool).reads)
    }

    /// A call that an earlier run has made.
    fn taken_up(
        &self,
        tool: &Arc<Tool>,
        arguments: &RawValue,
        form: Form,
        returned: Returned,
    ) -> Returned {
        let stanza = self.gateway.upstreams.digest(tool.server());
        let noted = self
            .resuming
            .sent(tool, stanza, || self.effect(tool), arguments, form);
        self.resuming.ended(noted, Ok(&returned), false);
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = returned.bytes();
        self.note(
            tool,
            arguments,
            number,
            Ok(&returned.text()),
            bytes,
            Duration::ZERO,
        );
        returned
    }

    /// Notes a call that has ended, for the agent's own answer.
    fn note(
        &self,
        tool: &Tool,
        arguments: &RawValue,
        number: u32,
        outcome: Result<&str, ErrorCode>,
        bytes: u64,
        duration: Duration,
    ) {
        let writes = tool.effects().is_some();
        let (mut shown, mut result) = (String::new(), String::new());
        if writes {
            shown = cut(&as_written(arguments, self.language));
            result = outcome.map_or_else(|_| String::new(), cut);
        }
        let record = CallRecord {
            number,
            tool: tool.path().to_owned(),
            outcome: outcome.map(drop),
            duration,
            bytes,
            writes,
            arguments: shown,
            result,
        };
        lock(&self.done).push(record);
    }

    /// Keeps the beginning of a result, and hands it over to be learned from, where it is wanted.
    fn sample(&self, tool: &Arc<Tool>, arguments: &RawValue, result: &str) {
        let learning = &self.gateway.learning;
        let is_wanted = learning.wants(tool);
        let mut samples = lock(&self.samples);
        let is_first = samples.len() < SAMPLES && !samples.contains_key(tool.path());
        if !is_wanted && !is_first {
            return;
        }
        let sample = Sample::of(tool, arguments, result);
        if is_first {
            samples.insert(tool.path().to_owned(), sample.clone());
        }
        drop(samples);
        if is_wanted {
            learning.take(sample);
        }
    }

    /// Sends the call, once, and reads its result.
    async fn send(
        &self,
        tool: &Arc<Tool>,
        arguments: &RawValue,
        form: Form,
        deadline: Instant,
    ) -> Answer {
        let Some((upstream, process, stanza)) = self.gateway.upstreams.get(tool.server()) else {
            return Err(raise(
                ErrorCode::UpstreamDown,
                tool,
                format!("server {} is no longer configured", tool.server()),
            ));
        };
        *lock(&self.called) = Some(process);
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.gateway.recorder().append(Event::CallStarted {
            execution: self.execution.clone(),
            call: number,
            server: tool.server().to_owned(),
            tool: tool.name().to_owned(),
            bytes: arguments.get().len() as u64,
            writes: tool.effects().is_some(),
        });
        let noted = self
            .resuming
            .sent(tool, stanza, || self.effect(tool), arguments, form);
        let mut open = OpenCall {
            calls: self,
            tool,
            number,
            arguments,
            begun: Instant::now(),
            ended: false,
        };
        // Calls that a program made together are recorded together: the others get this far first.
        if self.open.fetch_add(1, Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        self.gateway.recorder().flush();
        let mut may_have_done = false;
        let answer = match upstream
            .call(
                tool.name(),
                arguments,
                deadline,
                &self.cancel,
                self.asker.as_ref(),
            )
            .await
        {
            Ok(result) => match self.spend(result.raw.get().len()) {
                Ok(()) => read(self, tool, arguments, result.raw, form).await,
                Err(raised) => Err(raised),
            },
            Err(error) => {
                may_have_done =
                    matches!(error, CallError::Rpc { code, .. } if !NEVER_RAN.contains(&code));
                let message = match &error {
                    CallError::VisitRequired { message, visits } => {
                        asking::has_to_visit(tool.server(), message, visits)
                    }
                    error => error.to_string(),
                };
                let mut raised =
                    raise(code_of(&error), tool, format!("{}: {message}", tool.path()));
                // Nothing ran, and the server may be there next time.
                raised.retryable = matches!(error, CallError::Down { .. });
                Err(raised)
            }
        };
        self.resuming.ended(noted, answer.as_ref(), may_have_done);
        let text = answer.as_ref().map(Returned::text);
        let bytes = answer.as_ref().map_or(0, Returned::bytes);
        // Whoever reads what has been done must not take this for a tool's word that it was not.
        let outcome = text.as_deref().map_err(|raised| match may_have_done {
            true => ErrorCode::Protocol,
            false => raised.code,
        });
        open.end(outcome, bytes);
        answer
    }
}

/// Calls one tool for somebody who has no program: it takes the path of a program's calls, and the
/// journal has it as an execution of language `call`.
///
/// `arguments` are an object of them, or the only one's value. With `raw` the whole result comes
/// back, not the value in it. By `suspended` a human is asked about a call that needs it; without it
/// such a call fails.
pub async fn call_tool(
    gateway: &Arc<Gateway>,
    session: &Arc<Session>,
    path: &str,
    arguments: &RawValue,
    raw: bool,
    suspended: Option<Arc<Suspended>>,
    cancel: &CancellationToken,
) -> Result<String, Raise> {
    let begun = Instant::now();
    let (execution, _) = session.next_execution();
    gateway.recorder().record(Event::ExecutionStarted {
        execution: execution.clone(),
        session: session.id().to_owned(),
        language: "call".into(),
        code_bytes: arguments.get().len() as u64,
        project: Some(gateway.recorder().usage().project().to_owned()),
    });
    let calls = Calls::new(
        gateway.clone(),
        session.clone(),
        execution.clone(),
        Language::TypeScript,
        gateway.config.limits.clone(),
        Permits::of_call(suspended),
        cancel.clone(),
    );
    let form = if raw { Form::Raw } else { Form::Whole };
    let answer = match as_call(path, arguments, form) {
        Ok(call) => calls
            .answer(call)
            .await
            .map(|returned| returned.text().into_owned()),
        Err(error) => Err(Raise::new(
            ErrorCode::InvalidArgument,
            format!("the arguments cannot be read: {error}"),
        )),
    };
    gateway.recorder().record(Event::ExecutionEnded {
        execution,
        outcome: answer
            .as_ref()
            .map_or_else(|raised| raised.code.as_str(), |_| "ok")
            .to_owned(),
        calls: calls.records().len() as u32,
        duration_us: begun.elapsed().as_micros() as u64,
        guest_us: 0,
        peak_memory_bytes: 0,
        answer_bytes: answer.as_ref().map_or(0, String::len) as u64,
    });
    answer
}

fn as_call<'a>(
    path: &str,
    arguments: &'a RawValue,
    form: Form,
) -> serde_json::Result<protocol::Call<'a>> {
    let mut call = protocol::Call {
        path: path.to_owned(),
        positional: Vec::new(),
        named: protocol::message::Named::default(),
        form,
    };
    if arguments.get().starts_with('{') {
        call.named = serde_json::from_str(arguments.get())?;
    } else {
        call.positional.push(arguments);
    }
    Ok(call)
}

/// What the program gets of a result.
async fn read(
    calls: &Calls,
    tool: &Arc<Tool>,
    arguments: &RawValue,
    result: Box<RawValue>,
    form: Form,
) -> Answer {
    let session = &calls.session;
    let unwrapped = value::unwrap(&result, Reading::of(tool));
    // What is kept is written to disk first: boxed, as it would be room in every call.
    match (unwrapped, form) {
        (Ok(Unwrapped::Failed(words)), _) => Err(raise(
            ErrorCode::ToolError,
            tool,
            format!("{} answered: {words}", tool.path()),
        )),
        (Ok(_), Form::Raw) => Ok(String::from(Box::<str>::from(result)).into()),
        (Ok(Unwrapped::Value(value)), Form::Keep) => {
            let pieces = vec![Piece::Value(value)];
            Box::pin(calls.held(tool, handles::kept_whole(session, pieces))).await
        }
        (Ok(Unwrapped::Value(value)), _) => {
            calls.sample(tool, arguments, &value);
            Ok(value.into())
        }
        (Ok(Unwrapped::Mixed(pieces)), Form::Keep) => {
            Box::pin(calls.held(tool, handles::kept_whole(session, pieces))).await
        }
        (Ok(Unwrapped::Mixed(pieces)), Form::Whole) => {
            Ok(value::joined(pieces, |file| file.block.get().to_owned()).into())
        }
        (Ok(Unwrapped::Mixed(pieces)), _) => {
            Box::pin(calls.held(tool, handles::held(session, pieces))).await
        }
        (Err(error), _) => Err(raise(
            ErrorCode::Protocol,
            tool,
            format!(
                "{} answered with something that is not a tool's result: {error}",
                tool.path()
            ),
        )),
    }
}

/// A call that has been sent. If it is dropped before it has ended, its end is recorded as cancelled.
struct OpenCall<'a> {
    calls: &'a Calls,
    tool: &'a Tool,
    number: u32,
    arguments: &'a RawValue,
    begun: Instant,
    ended: bool,
}

impl OpenCall<'_> {
    /// Takes the result as an agent sees it, and its length.
    fn end(&mut self, outcome: Result<&str, ErrorCode>, bytes: u64) {
        self.ended = true;
        let duration = self.begun.elapsed();
        self.calls.gateway.recorder().append(Event::CallEnded {
            execution: self.calls.execution.clone(),
            call: self.number,
            outcome: outcome.map_or_else(|code| code.to_string(), |_| "ok".to_owned()),
            bytes,
            duration_us: duration.as_micros() as u64,
        });
        let (tool, arguments) = (self.tool, self.arguments);
        self.calls
            .note(tool, arguments, self.number, outcome, bytes, duration);
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Err(ErrorCode::Cancelled), 0);
        }
        if self.calls.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.calls.all_ended.notify_one();
        }
    }
}

/// The beginning of a text, with a mark when there is more.
fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Arguments as the program's language writes them: `key="a"`, or `{key: "a"}`.
pub(crate) fn as_written(arguments: &RawValue, language: Language) -> String {
    // Values as they are sent, with every digit.
    let Ok(protocol::message::Named(members)) = serde_json::from_str(arguments.get()) else {
        return arguments.get().to_owned();
    };
    let written = |between: &str| {
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{name}{between}{value}"))
            .collect();
        members.join(", ")
    };
    match language {
        Language::Python => written("="),
        Language::TypeScript => format!("{{{}}}", written(": ")),
    }
}

pub(crate) fn code_of_argument(code: ArgumentErrorCode) -> ErrorCode {
    match code {
        ArgumentErrorCode::UnknownParameter => ErrorCode::UnknownParameter,
        ArgumentErrorCode::MissingArgument => ErrorCode::MissingArgument,
        ArgumentErrorCode::AmbiguousArgument => ErrorCode::AmbiguousArgument,
        ArgumentErrorCode::InvalidArgument => ErrorCode::InvalidArgument,
    }
}

fn code_of(error: &CallError) -> ErrorCode {
    match error {
        CallError::Down { reason, .. } if reason.contains("login needed") => ErrorCode::LoginNeeded,
        CallError::Down { .. } | CallError::Lost { .. } => ErrorCode::UpstreamDown,
        CallError::Timeout { .. } => ErrorCode::LimitTime,
        CallError::TooLarge { .. } => ErrorCode::LimitOutput,
        CallError::Protocol { .. } => ErrorCode::Protocol,
        CallError::Rpc { .. } => ErrorCode::ToolError,
        CallError::VisitRequired { .. } => ErrorCode::LoginNeeded,
        CallError::Cancelled => ErrorCode::Cancelled,
    }
}

pub(crate) fn raise(code: ErrorCode, tool: &Tool, message: String) -> Raise {
    Raise {
        tool: Some(tool.path().to_owned()),
        server: Some(tool.server().to_owned()),
        ..Raise::new(code, message)
    }
}

fn limit_of_calls(message: String) -> Raise {
    Raise::new(ErrorCode::LimitCalls, message)
}
