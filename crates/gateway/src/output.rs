//! What the agent gets to see of an execution: one text, within a budget.
//!
//! Line 1 is the status, the id and facts; then the value as compact JSON (a string as it is); then
//! sections for what was printed and noticed. Nothing is said twice, the code is never repeated, and
//! JSON is never cut in half: a value over the budget is shown as a preview that is valid JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use ::results::Content;
use catalog::Shape;
use journal::{Past, PastCall};
use protocol::{ErrorCode, ProgramError};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use crate::call::CallRecord;
use crate::execute::{Execution, Language};
use crate::executions::Live;
use crate::guests::Printed;
use crate::show::Shown;
use crate::{Session, asking, plural, results};

/// The most an answer may hold, so that no known client replaces or cuts it.
pub const BUDGET_BYTES: usize = 36_000;
/// Tokens an answer may hold unless its caller asks for fewer.
pub const BUDGET_TOKENS: usize = 8_000;
/// Bytes a token of JSON holds at least, near enough: what is counted exactly costs a tokenizer in
/// every gateway, and the bound in bytes holds anyway.
const BYTES_A_TOKEN: usize = 4;
/// A line of a text is shown up to here: common clients drop longer ones.
const LINE_BYTES: usize = 1800;
/// A member of a large object that is longer is shown by what it is, in as many bytes.
const SUMMARY_BYTES: usize = 300;
/// What is read of an array to say what its elements are like.
const OUTLINED_BYTES: usize = 64 << 10;
/// The stdout of an answer, when the value needs no more of the budget.
const STDOUT_SHARE: usize = 4;
/// What says at least how much was printed, and where it is.
const NAMED_BYTES: usize = 100;
/// What is shown at least of an error's message.
const MESSAGE_BYTES: usize = 80;
/// Headings of sections.
const HEADINGS: [&str; 4] = ["--- stdout", "--- stderr", "--- note", "--- would call"];
/// What begins a line of ours below an error's message.
const LABELS: [&str; 6] = [
    "hint:",
    "fix:",
    "signature:",
    "already done:",
    "resume:",
    "---",
];
/// What others may take for the end of a line.
const LINE_ENDS: [char; 7] = [
    '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
];

/// An answer to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    pub is_error: bool,
    /// The value itself, for callers that are programs and asked for it; then `text` is empty.
    pub structured: Option<Value>,
    /// Files beside the text.
    pub shown: Vec<Shown>,
}

impl Answer {
    /// A plain text.
    pub(crate) fn text(text: impl Into<String>) -> Answer {
        Answer {
            text: text.into(),
            is_error: false,
            structured: None,
            shown: Vec::new(),
        }
    }

    /// A text that says what went wrong.
    pub(crate) fn error(text: impl Into<String>) -> Answer {
        Answer {
            text: text.into(),
            is_error: true,
            structured: None,
            shown: Vec::new(),
        }
    }
}

/// Longest value handed to a program as it is: common client libraries drop the connection at 10 MiB.
const STRUCTURED_BYTES: usize = 8 << 20;

/// The answer to `execute_code` for a caller that is itself a program: the value as structured
/// content, whole, or kept in the session when it is too large for that. An error is the same text
/// that models get.
pub(crate) async fn structured_and_keep(
    execution: &Execution,
    session: &Session,
    name_session: bool,
) -> Answer {
    let mut style = Style {
        name_session,
        ..Style::default()
    };
    if execution.done.error.is_some() {
        return answer(execution, &style);
    }
    let value = execution
        .done
        .value
        .as_ref()
        .map_or("null", |value| value.get());
    if value.len() > STRUCTURED_BYTES {
        let whole = whole(&keep_value(execution, session).await);
        return Answer::error(format!(
            "error {} {}\nthe value has {} bytes; at most {STRUCTURED_BYTES} can be handed over; {whole}",
            execution.short,
            ErrorCode::LimitOutput,
            value.len()
        ));
    }
    match exact(value) {
        Ok(value) => Answer {
            text: String::new(),
            is_error: false,
            structured: Some(value),
            shown: execution.shown.clone(),
        },
        Err(why) => {
            style.value = keep_value(execution, session).await;
            style.note = Some(format!(
                "no structured content, as {why}; {}",
                whole(&style.value)
            ));
            answer_and_keep(execution, session, style).await
        }
    }
}

async fn keep_value(execution: &Execution, session: &Session) -> Handle {
    match &execution.done.value {
        Some(value) => keep(session, value.clone()).await,
        None => Handle::None,
    }
}

/// Where a value is that is not in structured content.
fn whole(kept: &Handle) -> String {
    match kept {
        Handle::Kept(id) => format!("it is kept: results.open(\"{id}\") in a later program"),
        Handle::Refused(reason) => reason.clone(),
        Handle::None => "return less".to_owned(),
    }
}
/// A value that is the same in structured content as in its JSON; else why none is.
fn exact(json: &str) -> Result<Value, String> {
    // Digits that every double can be told apart by.
    const DIGITS: usize = 17;
    let mut value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut written = numbers(json);
    let is_same = each_number(&mut value, &mut |number| {
        let text = written.next()?;
        if number.is_i64() || number.is_u64() {
            return Some(());
        }
        let double: f64 = text.parse().ok()?;
        let is_exact = match text.contains(['.', 'e', 'E']) {
            true => {
                let digits = text.split(['e', 'E']).next().unwrap_or_default();
                let digits = digits.trim_start_matches(['-', '0', '.']);
                digits.bytes().filter(u8::is_ascii_digit).count() <= DIGITS
            }
            // A whole number that a double is, as JavaScript has them.
            false => double.to_string() == text,
        };
        // As it is written, which the parser may miss by a little.
        *number = Number::from_f64(double).filter(|_| is_exact)?;
        Some(())
    });
    match is_same.and_then(|()| written.next().map_or(Some(()), |_| None)) {
        Some(()) => Ok(value),
        None => Err("a number in it is longer than those of structured content".to_owned()),
    }
}

/// The numbers in a JSON text, as they are written.
fn numbers(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find(|c: char| matches!(c, '"' | '-' | '0'..='9'))?;
            rest = &rest[at..];
            if let Some(string) = rest.strip_prefix('"') {
                let mut is_escaped = false;
                let end = string.find(|c| {
                    let ends = c == '"' && !is_escaped;
                    is_escaped = c == '\\' && !is_escaped;
                    ends
                })?;
                rest = &string[end + 1..];
                continue;
            }
            let is_part = |c: char| matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9');
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            rest = after;
            return Some(number);
        }
    })
}

/// Visits the numbers of a value in their order, as long as there is something to say of each.
fn each_number(value: &mut Value, visit: &mut impl FnMut(&mut Number) -> Option<()>) -> Option<()> {
    match value {
        Value::Number(number) => visit(number),
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| each_number(item, visit)),
        Value::Object(members) => members
            .values_mut()
            .try_for_each(|member| each_number(member, visit)),
        Value::Null | Value::Bool(_) | Value::String(_) => Some(()),
    }
}

/// How an answer is to be written.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// Fewer tokens than [`BUDGET_TOKENS`], if the caller asks for fewer.
    pub max_output_tokens: Option<usize>,
    /// The caller must name the session to come back to it.
    pub name_session: bool,
    /// Where the value is kept, for an answer that has no room for it.
    pub value: Handle,
    /// Where what was printed is kept.
    pub stdout: Handle,
    /// To be said beside what was noticed of the program.
    pub note: Option<String>,
}

/// Where something is kept that an answer has no room for.
#[derive(Debug, Clone, Default)]
pub enum Handle {
    /// Nowhere.
    #[default]
    None,
    /// By this handle.
    Kept(String),
    /// It could not be, for this reason.
    Refused(String),
}

/// The answer to `execute_code`, in which what there is no room for is kept in the session.
pub(crate) async fn answer_and_keep(
    execution: &Execution,
    session: &Session,
    mut style: Style,
) -> Answer {
    let (answer, cut) = written(execution, &style);
    if !cut.value && !cut.stdout {
        return answer;
    }
    if cut.value && matches!(style.value, Handle::None) {
        style.value = keep_value(execution, session).await;
    }
    if cut.stdout {
        style.stdout = match &execution.stdout.whole {
            Handle::None => {
                let text = execution.stdout.text();
                let json = serde_json::value::to_raw_value(&text).expect("a string is always JSON");
                keep(session, json).await
            }
            kept => kept.clone(),
        };
    }
    written(execution, &style).0
}

async fn keep(session: &Session, json: Box<RawValue>) -> Handle {
    match results::keep(
        session,
        Content::Json,
        Box::<str>::from(json).into_boxed_bytes(),
    )
    .await
    {
        Ok(kept) => Handle::Kept(kept.id()),
        Err(error) => Handle::Refused(error.to_string()),
    }
}

/// The answer to `execute_code`.
pub fn answer(execution: &Execution, style: &Style) -> Answer {
    written(execution, style).0
}

/// The answer while a program runs: how far it is, and the end of what it has printed.
pub(crate) fn running(live: &Live, name_session: bool) -> Answer {
    const PRINTED_BYTES: usize = 4000;
    const PROGRESS_BYTES: usize = 300;
    let so_far = live.so_far();
    let calls = so_far.calls.len() + so_far.open;
    let mut facts = vec![format!("running {}", live.short)];
    if calls > 0 {
        let plural = plural(calls);
        let open = match so_far.open {
            0 => String::new(),
            open => format!(", {open} open"),
        };
        facts.push(format!("{} call{plural}{open}", thousands(calls)));
    }
    if let Some(question) = live.question() {
        facts.push(asking::waits_for(&question));
        facts.push("a human answers with: toolmill approvals".to_owned());
    }
    facts.push(format!(
        "{} s of {} s",
        so_far.duration.as_secs(),
        so_far.total_time.as_secs()
    ));
    let session = match name_session {
        true => format!(", session=\"{}\"", live.session),
        false => String::new(),
    };
    let short = live.short;
    facts.push(format!(
        "continue: wait_execution(execution=\"{short}\"{session})"
    ));
    let mut text = facts.join(" · ");
    if let Some(progress) = &so_far.progress {
        text.push_str("\nprogress:");
        if let Some(done) = progress.done {
            let _ = write!(text, " {:.0}%", done * 100.0);
        }
        if !progress.message.is_empty() {
            let message = one_line(&progress.message);
            let most = PROGRESS_BYTES.min(live.budget() / 4);
            let _ = write!(text, " {}", shortened(&message, most));
        }
    }
    let printed = so_far.stdout.text();
    let printed = guarded(printed.trim_end());
    if !printed.is_empty() {
        let left = live.budget().saturating_sub(text.len() + NAMED_BYTES / 2);
        let shown = printed.len().min(PRINTED_BYTES).min(left);
        let tail = &printed[ceil(&printed, printed.len() - shown)..];
        let missing = match printed.len() - tail.len() {
            0 => String::new(),
            bytes => format!("… {} bytes before\n", thousands(bytes)),
        };
        let _ = write!(text, "\n--- stdout\n{missing}{tail}");
    }
    Answer::text(text)
}

/// The answer for a program whose gateway has ended.
pub(crate) fn interrupted(past: &Past) -> Answer {
    let mut text = format!("error x{} {}", past.short, ErrorCode::Interrupted);
    past_facts(&mut text, past);
    text.push_str(match &past.ended {
        None => "its gateway ended while it ran; its value and what it printed are lost\n",
        Some(_) => {
            "it had ended when its gateway did; its value is lost, unless it was answered before\n"
        }
    });
    past_calls(&mut text, past);
    Answer::error(text.trim_end())
}

/// The answer for a program that ended here, too long ago.
pub(crate) fn no_longer_kept(past: &Past) -> Answer {
    let mut text = format!("error x{} has ended", past.short);
    past_facts(&mut text, past);
    text.push_str("its answer is no longer kept\n");
    past_calls(&mut text, past);
    Answer::error(text.trim_end())
}

/// ` · ended: ok · 41 calls, 1 unknown · started 2026-11-26 12:31:05 UTC`
fn past_facts(text: &mut String, past: &Past) {
    if let Some(outcome) = &past.ended {
        let _ = write!(text, " · ended: {outcome}");
    }
    let plural = plural(past.calls.len());
    let _ = write!(text, " · {} call{plural}", thousands(past.calls.len()));
    let unknown = past.calls.iter().filter(|call| known(call).is_none());
    match unknown.count() {
        0 => {}
        unknown => {
            let _ = write!(text, ", {unknown} unknown");
        }
    }
    if let (Some(day), Some(time)) = (past.started.get(..10), past.started.get(11..19)) {
        let _ = write!(text, " · started {day} {time} UTC");
    }
    text.push('\n');
}

/// Whether a call was done, as far as anybody knows: one that was broken off may have been.
fn known(call: &PastCall) -> Option<bool> {
    match call.outcome.as_deref()? {
        "ok" => Some(true),
        // Only these say that it was not done.
        "tool_error" | "login_needed" => Some(false),
        _ => None,
    }
}

/// What is known of its calls: the journal has names, no arguments.
fn past_calls(text: &mut String, past: &Past) {
    let done = past_tools(past, Some(true), |call| match call.writes {
        true => " (wrote; do not repeat)",
        false => " (read)",
    });
    let done = done.unwrap_or("nothing".into());
    let _ = writeln!(text, "already done: {done}");
    if let Some(failed) = past_tools(past, Some(false), |_| "") {
        let _ = writeln!(text, "failed: {failed}");
    }
    if let Some(unknown) = past_tools(past, None, |_| "") {
        let _ = writeln!(
            text,
            "sent, outcome unknown: {unknown} (may have been done; check before repeating)"
        );
    }
}

/// The tools of the calls of which this much is known, each with how often, in the order of their first.
fn past_tools(
    past: &Past,
    wanted: Option<bool>,
    remark: impl Fn(&PastCall) -> &'static str,
) -> Option<String> {
    const SHOWN: usize = 100;
    let mut counted: Vec<(&PastCall, usize)> = Vec::new();
    let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for call in past.calls.iter().filter(|call| known(call) == wanted) {
        let place = *places
            .entry((&call.server, &call.tool))
            .or_insert(counted.len());
        match counted.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => counted.push((call, 1)),
        }
    }
    let mut shown: Vec<String> = counted
        .iter()
        .take(SHOWN)
        .map(|(call, count)| {
            let times = match count {
                1 => String::new(),
                more => format!(" ×{more}"),
            };
            format!("{}.{}{times}{}", call.server, call.tool, remark(call))
        })
        .collect();
    if counted.len() > SHOWN {
        let more = counted.len() - SHOWN;
        shown.push(format!("{more} more tool{}", plural(more)));
    }
    (!shown.is_empty()).then(|| shown.join(" · "))
}

/// What an answer had no room for.
struct Cut {
    value: bool,
    stdout: bool,
}

/// Bytes of an answer whose caller asks for so many tokens.
fn bytes_of(max_output_tokens: Option<usize>) -> usize {
    let tokens = max_output_tokens.unwrap_or(BUDGET_TOKENS);
    (tokens.clamp(100, BUDGET_TOKENS) * BYTES_A_TOKEN).min(BUDGET_BYTES)
}

impl Live {
    /// Bytes of what is told of it.
    fn budget(&self) -> usize {
        bytes_of(self.telling().style.max_output_tokens)
    }
}

fn written(execution: &Execution, style: &Style) -> (Answer, Cut) {
    let budget = bytes_of(style.max_output_tokens);
    let stdout = Section::new("stdout", &execution.stdout);
    let mut stderr = Section::new("stderr", &execution.stderr);
    if execution.done.error.is_none() && execution.done.value.is_some() {
        stderr.content.clear();
    }
    let printed = stdout.least() + stderr.least();
    // What comes after has room to be told of at least.
    let mut room = budget.saturating_sub(printed + notes(execution, style, budget / 8).len());
    if execution.dry_run.as_ref().is_some_and(|run| run.count > 0) {
        room -= room.min((budget / 8).min(300));
    }
    let mut text = String::new();
    let mut cut = Cut {
        value: false,
        stdout: false,
    };
    match &execution.done.error {
        Some(error) => describe_error(&mut text, execution, error, style.name_session, room),
        None => cut.value = !describe_value(&mut text, execution, budget, room, style),
    }
    let left = |text: &String| budget.saturating_sub(text.len());
    let notes = notes(execution, style, left(&text).saturating_sub(printed));
    let left = |text: &String| left(text).saturating_sub(notes.len());
    text.extend(would_call(execution, left(&text).saturating_sub(printed)));
    let room = left(&text).saturating_sub(stderr.least());
    cut.stdout = !stdout.write(&mut text, room, &style.stdout);
    let room = left(&text);
    stderr.write(&mut text, room, &Handle::None);
    text.push_str(&notes);
    let answer = Answer {
        text: text.trim_end().to_owned(),
        is_error: execution.done.error.is_some(),
        structured: None,
        shown: execution.shown.clone(),
    };
    (answer, cut)
}

/// Writes status and value; false when there was no room for the value.
fn describe_value(
    text: &mut String,
    execution: &Execution,
    budget: usize,
    room: usize,
    style: &Style,
) -> bool {
    let mut facts = vec![format!("ok {}", execution.short)];
    facts.extend(dry_run_fact(execution));
    facts.extend(call_facts(&execution.calls));
    facts.extend(duration_fact(execution));
    facts.extend(
        style
            .name_session
            .then(|| format!("session {}", execution.session)),
    );
    let status = facts.join(" · ");
    let Some(value) = &execution.done.value else {
        text.push_str(&status);
        text.push('\n');
        return true;
    };
    let plain = serde_json::from_str::<String>(value.get()).ok();
    let shown = plain.as_deref().unwrap_or(value.get());
    if status.len() + shown.len() + 2 <= room {
        let shown = plain.as_deref().map_or(Cow::Borrowed(shown), guarded);
        if status.len() + shown.len() + 2 <= room {
            let _ = writeln!(text, "{status}\n{shown}");
            return true;
        }
    }
    let whole = match &style.value {
        Handle::Kept(id) => {
            format!("preview below, whole value: results.open(\"{id}\") in a later program")
        }
        Handle::None => "preview below. Return less: filter, count or slice in the program".into(),
        Handle::Refused(reason) => {
            let reason = shortened(reason, budget / 8);
            format!("preview below; {reason}. Return less: filter, count or slice in the program")
        }
    };
    let mut most = (budget - budget / STDOUT_SHARE).min(room);
    loop {
        let (size, preview) = preview(
            value,
            plain.as_deref(),
            most,
            &style.value,
            execution.language,
        );
        let described = format!("{status} · value too large: {size}; {whole}\n{preview}\n");
        let over = described.len().saturating_sub(room);
        if over == 0 || most == 0 {
            text.push_str(&described);
            return false;
        }
        most = most.saturating_sub(over.max(most / 8).max(1));
    }
}

/// `3 calls`, `52 calls, 1 failed (caught)`.
fn call_facts(calls: &[CallRecord]) -> Option<String> {
    if calls.is_empty() {
        return None;
    }
    let failed = calls.iter().filter(|call| call.outcome.is_err()).count();
    let mut fact = format!("{} call{}", thousands(calls.len()), plural(calls.len()));
    if failed > 0 {
        let _ = write!(fact, ", {failed} failed (caught)");
    }
    Some(fact)
}

/// `dry run, 2 calls not made`.
fn dry_run_fact(execution: &Execution) -> Option<String> {
    let count = execution.dry_run.as_ref()?.count;
    Some(match count {
        1 => "dry run, 1 call not made".into(),
        _ => format!("dry run, {} calls not made", thousands(count)),
    })
}

/// What a dry run would have called, and what that means for the rest of the answer.
pub fn would_call(execution: &Execution, room: usize) -> Option<String> {
    let dry_run = execution.dry_run.as_ref().filter(|run| run.count > 0)?;
    let nothing = match execution.language {
        Language::Python => "None",
        Language::TypeScript | Language::JavaScript => "null",
    };
    let mut last = format!(
        "none of these was made; each gave the program {nothing}, so what follows from them may differ"
    );
    const HEADING_BYTES: usize = 64;
    if last.len() + HEADING_BYTES > room {
        return None;
    }
    if !dry_run.untrusted.is_empty() {
        let servers: Vec<&str> = dry_run.untrusted.iter().map(String::as_str).collect();
        let advice = format!(
            ". Tools that only read are called in a dry run where their server is trusted: \
             trust = \"annotations\" for {}",
            servers.join(", ")
        );
        if last.len() + advice.len() + HEADING_BYTES <= room {
            last.push_str(&advice);
        }
    }
    let mut shown = String::from("--- would call\n");
    let mut count = 0;
    for call in &dry_run.calls {
        if shown.len() + call.len() + last.len() + 32 > room {
            break;
        }
        let _ = writeln!(shown, "{call}");
        count += 1;
    }
    if count < dry_run.count {
        let _ = writeln!(shown, "… {} more", thousands(dry_run.count - count));
    }
    let _ = writeln!(shown, "{last}");
    Some(shown)
}

fn duration_fact(execution: &Execution) -> Option<String> {
    let tenths = format!("{:.1} s", execution.duration.as_secs_f64());
    (tenths != "0.0 s").then_some(tenths)
}

fn describe_error(
    text: &mut String,
    execution: &Execution,
    error: &ProgramError,
    name_session: bool,
    room: usize,
) {
    let _ = write!(text, "error {} {}", execution.short, error.code);
    if let Some(dry_run) = dry_run_fact(execution) {
        let _ = write!(text, " · {dry_run}");
    }
    let line = error.line.and_then(|line| {
        Some((
            line,
            execution
                .code
                .split('\n')
                .nth(usize::try_from(line).ok()?.checked_sub(1)?)?
                .trim_end_matches('\r'),
        ))
    });
    if let Some((number, source)) = line {
        let _ = write!(text, " · line {number}");
        if let Some(column) = error.column {
            let _ = write!(text, ", column {column}");
        }
        session_fact(text, execution, name_session);
        excerpt(text, number, source, error, (room / 10).clamp(40, 160));
    } else {
        session_fact(text, execution, name_session);
    }
    let resume = match execution.resumable {
        true => format!(
            "resume: with resume=\"{}\" the corrected program repeats none of these\n",
            execution.short
        ),
        false => String::new(),
    };
    let mut left = room.saturating_sub(text.len() + resume.len());
    let done = already_done(&execution.calls, left / 2)
        .map(|done| format!("already done: {done}\n"))
        .unwrap_or_default();
    left = left.saturating_sub(done.len());
    // What to do comes before what went wrong, which is shown shorter.
    let remark = |label: &str, remark: &Option<String>, left: &mut usize| {
        let Some(remark) = remark else {
            return String::new();
        };
        let most = left.saturating_sub(MESSAGE_BYTES);
        let mut line = format!("{label}: {}", indented(remark));
        // Half of one cannot be pasted.
        if line.len() >= most && (label == "fix" || most < MESSAGE_BYTES) {
            return String::new();
        }
        line = shortened(&line, most.saturating_sub(1)).into_owned();
        line.push('\n');
        *left -= line.len();
        line
    };
    let fix = remark("fix", &error.fix, &mut left);
    let signature = remark("signature", &error.signature, &mut left);
    let hint = remark("hint", &error.hint, &mut left);
    let retry = match error.code {
        ErrorCode::ToolError => " (not retryable)",
        _ => "",
    };
    let mut message = indented(error.message.trim_end());
    if LABELS.iter().any(|label| message.starts_with(label)) {
        message.insert_str(0, "  ");
    }
    let message = shortened(&message, left.saturating_sub(retry.len() + 1));
    let _ = writeln!(text, "{message}{retry}");
    for line in [hint, fix, signature, done, resume] {
        text.push_str(&line);
    }
}

fn session_fact(text: &mut String, execution: &Execution, name_session: bool) {
    if name_session {
        let _ = write!(text, " · session {}", execution.session);
    }
    text.push('\n');
}

/// The source line concerned, with a mark under the place.
fn excerpt(text: &mut String, number: u32, source: &str, error: &ProgramError, width: usize) {
    // A minified line is shown around the place.
    let column = error.column.unwrap_or(1).max(1) as usize - 1;
    let skipped = if source.chars().count() > width {
        column.saturating_sub(width / 2)
    } else {
        0
    };
    let shown: String = source
        .chars()
        .skip(skipped)
        .take(width)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let _ = writeln!(text, "  {number} | {shown}");
    if error.column.is_some() {
        let end = error
            .end_column
            .map_or(column + 1, |end| (end as usize).saturating_sub(1));
        let marks = end.saturating_sub(column).clamp(
            1,
            shown
                .chars()
                .count()
                .saturating_sub(column - skipped)
                .max(1),
        );
        let _ = writeln!(
            text,
            "  {:width$} | {:before$}{}",
            "",
            "",
            "^".repeat(marks),
            width = number.to_string().len(),
            before = column - skipped
        );
    }
}

/// What must not be repeated: writes with their arguments and results, reads as counts; of what there
/// is no room for, how many there were.
fn already_done(calls: &[CallRecord], room: usize) -> Option<String> {
    const WRITES_SHOWN: usize = 10;
    const READS_SHOWN: usize = 20;
    /// What is left for counts.
    const COUNTS_BYTES: usize = 80;
    if calls.is_empty() {
        return None;
    }
    let (writes, reads): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.writes);
    if writes.is_empty() {
        let count = reads.len();
        return Some(format!(
            "nothing that writes; {count} read{}",
            plural(count)
        ));
    }
    let mut parts: Vec<String> = Vec::new();
    let mut left = room.saturating_sub(COUNTS_BYTES);
    let mut add = |part: String| {
        let fits = part.len() + 4 <= left;
        if fits {
            left -= part.len() + 4;
            parts.push(part);
        }
        fits
    };
    let mut shown = 0;
    for call in writes.iter().take(WRITES_SHOWN) {
        let outcome = match call.outcome {
            Ok(()) => format!("{} (wrote; do not repeat)", one_line(&call.result)),
            Err(code @ (ErrorCode::ToolError | ErrorCode::LoginNeeded)) => format!("{code}"),
            Err(ErrorCode::Cancelled | ErrorCode::LimitTime | ErrorCode::UpstreamDown) => {
                "no answer (may have been done; check before repeating)".to_owned()
            }
            // The server has answered, in a way that nobody could use.
            Err(_) => "no usable answer (may have been done; check before repeating)".to_owned(),
        };
        let arguments = one_line(&call.arguments);
        if !add(format!("{}({arguments}) -> {outcome}", call.tool)) {
            break;
        }
        shown += 1;
    }
    let hidden = match (shown, writes.len()) {
        (0, 1) => "1 write (do not repeat)".to_owned(),
        (0, all) => format!("{all} writes (do not repeat)"),
        (shown, all) if shown == all => String::new(),
        (shown, all) => {
            let more = all - shown;
            format!("{more} more write{}", plural(more))
        }
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &reads {
        *counts.entry(&call.tool).or_default() += 1;
    }
    let tools = counts.len();
    let mut rest = reads.len();
    let mut named = 0;
    let mut of_reads: Vec<String> = Vec::new();
    for (tool, count) in counts.into_iter().take(READS_SHOWN) {
        let part = format!("{tool} ×{count} (read)");
        if part.len() + 4 > left {
            break;
        }
        left -= part.len() + 4;
        of_reads.push(part);
        named += 1;
        rest -= count;
    }
    if !hidden.is_empty() {
        parts.push(hidden);
    }
    parts.append(&mut of_reads);
    match (named, rest) {
        (_, 0) => {}
        (0, rest) => parts.push(format!("{rest} read{}", plural(rest))),
        (named, rest) => {
            let more = tools - named;
            let (tools, reads) = (plural(more), plural(rest));
            parts.push(format!("{more} more tool{tools} ({rest} read{reads})"));
        }
    }
    Some(parts.join(" · "))
}

/// What was printed to a stream.
struct Section<'a> {
    name: &'a str,
    printed: &'a Printed,
    content: String,
    /// Ends of lines that the section has none of.
    trimmed: usize,
}

impl<'a> Section<'a> {
    fn new(name: &'a str, printed: &'a Printed) -> Section<'a> {
        let all = printed.text();
        let content = all.trim_end_matches('\n');
        Section {
            name,
            printed,
            trimmed: all.len() - content.len(),
            content: guarded(content).into_owned(),
        }
    }

    /// Bytes in which it is told of at least.
    fn least(&self) -> usize {
        match self.content.len() {
            0 => 0,
            bytes => (self.name.len() + bytes + 7).min(NAMED_BYTES),
        }
    }

    /// Writes it, cut in its middle to what is left of the budget; false when it was cut.
    fn write(&self, text: &mut String, left: usize, whole: &Handle) -> bool {
        let content = &self.content[..];
        if content.is_empty() {
            return true;
        }
        let _ = writeln!(text, "--- {}", self.name);
        let room = left.saturating_sub(self.name.len() + 5);
        if content.len() < room {
            let _ = writeln!(text, "{content}");
            return true;
        }
        let whole = match whole {
            Handle::Kept(id) => format!(", whole: results.open(\"{id}\")"),
            Handle::Refused(reason) => format!(", not kept: {}", shortened(reason, room / 4)),
            Handle::None => String::new(),
        };
        let total = self.printed.total as usize;
        let mark = |bytes: usize| format!("… {bytes} bytes{whole} …");
        let half = room.saturating_sub(mark(total).len() + 3) / 2;
        if half < 20 {
            let _ = writeln!(text, "{}", mark(total));
            return false;
        }
        let head = &content[..floor(content, half)];
        let tail = &content[ceil(content, content.len() - half)..];
        let missing = match self.printed.missing() {
            0 => content.len() - head.len() - tail.len(),
            _ => total.saturating_sub(head.len() + tail.len() + self.trimmed),
        };
        let _ = writeln!(text, "{head}\n{}\n{tail}", mark(missing));
        false
    }
}

fn notes(execution: &Execution, style: &Style, room: usize) -> String {
    const NOTES_BYTES: usize = 2000;
    /// `--- note` and how many there is no room for.
    const FRAME_BYTES: usize = 32;
    let most = room.min(NOTES_BYTES).saturating_sub(FRAME_BYTES);
    let all = || style.note.iter().chain(&execution.done.notes);
    let count = all().count();
    let mut notes = String::new();
    let mut shown = 0;
    for note in all() {
        let note = one_line(note);
        if notes.len() + note.len() > most {
            break;
        }
        let _ = writeln!(notes, "{note}");
        shown += 1;
    }
    match count - shown {
        0 => {}
        1 => notes.push_str("… 1 more note\n"),
        more => {
            let _ = writeln!(notes, "… {more} more notes");
        }
    }
    if !notes.is_empty() {
        notes.insert_str(0, "--- note\n");
    }
    notes
}

/// Text of others on a line of ours.
fn one_line(text: &str) -> String {
    text.replace(LINE_ENDS, " ")
}

/// Text of others, of which no line after the first can be taken for one of ours.
fn indented(text: &str) -> String {
    let lines: Vec<&str> = text
        .split("\r\n")
        .flat_map(|part| part.split(LINE_ENDS))
        .collect();
    lines.join("\n  ")
}

/// Text of others below a line of ours, in which a line that would be a heading of ours is indented.
fn guarded(text: &str) -> Cow<'_, str> {
    let is_heading = |line: &str| HEADINGS.contains(&line.trim_end());
    if !text.contains("--- ") || !text.split(LINE_ENDS).any(is_heading) {
        return Cow::Borrowed(text);
    }
    let lines = text.split_inclusive(LINE_ENDS);
    Cow::Owned(
        lines
            .map(|line| match is_heading(line.trim_end_matches(LINE_ENDS)) {
                true => format!(" {line}"),
                false => line.to_owned(),
            })
            .collect(),
    )
}

/// A text in so many bytes, with its size where something is missing from its middle.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let mark = format!(" … {} bytes in all … ", thousands(text.len()));
    let shown = most.saturating_sub(mark.len());
    let head = &text[..floor(text, shown - shown / 3)];
    let tail = &text[ceil(text, text.len() - shown / 3)..];
    Cow::Owned(format!("{head}{mark}{tail}"))
}

/// Size of a value, and a document of valid JSON that stands for it.
fn preview(
    value: &RawValue,
    text: Option<&str>,
    budget: usize,
    handle: &Handle,
    language: Language,
) -> (String, String) {
    let mark = match handle {
        Handle::Kept(id) => format!("{id:?}"),
        Handle::None | Handle::Refused(_) => "true".to_owned(),
    };
    let bytes = value.get().len();
    let size = format!(
        "{}, ~{} tokens",
        human_bytes(bytes),
        human_count(bytes / BYTES_A_TOKEN)
    );
    if let Some(text) = text {
        let lines = text.lines().count();
        let (head, tail) = ends(text, budget / 3);
        let preview = format!(
            r#"{{"$preview":{mark},"type":"text","bytes":{},"lines":{lines},"head":[{head}],"tail":[{tail}]}}"#,
            text.len(),
        );
        return (format!("{} lines, {size}", thousands(lines)), preview);
    }
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(value.get()) {
        let outline = item_outline(value, budget / 16, language);
        let mut head = String::new();
        let mut shown = 0;
        for item in &items {
            if head.len() + item.get().len() + 2 > budget * 5 / 8 {
                break;
            }
            add_line(&mut head, item.get());
            shown += 1;
        }
        let mut tail = String::new();
        if let Some(last) = items.last()
            && shown < items.len()
            && last.get().len() < budget / 8
        {
            add_line(&mut tail, last.get());
        }
        let preview = format!(
            r#"{{"$preview":{mark},"type":"array","length":{}{outline},"head":[{head}],"tail":[{tail}]}}"#,
            items.len()
        );
        return (format!("{} items, {size}", thousands(items.len())), preview);
    }
    if let Ok(Members(members)) = serde_json::from_str(value.get()) {
        let mut shown = String::new();
        for (name, member) in &members {
            let member = summary(member, language);
            let name = serde_json::to_string(name).expect("a string is always JSON");
            if shown.len() + name.len() + member.len() + 4 > budget * 3 / 4 {
                break;
            }
            add_line(&mut shown, &format!("{name}:{member}"));
        }
        let preview = format!(
            r#"{{"$preview":{mark},"type":"object","members":{},"shown":{{{shown}}}}}"#,
            members.len()
        );
        return (
            format!("{} members, {size}", thousands(members.len())),
            preview,
        );
    }
    // A number of thousands of digits.
    (
        size,
        format!(r#"{{"$preview":{mark},"type":"number","bytes":{bytes}}}"#),
    )
}

/// Clients drop long lines whole: each element has one of its own.
fn add_line(list: &mut String, element: &str) {
    let comma = if list.is_empty() { "" } else { "," };
    let _ = write!(list, "{comma}\n{element}");
}

/// The first and the last lines of a text as elements of JSON arrays, in about so many bytes each. A
/// line that is too long has its end or its beginning cut off.
fn ends(text: &str, budget: usize) -> (String, String) {
    let json = |line: &str| serde_json::to_string(line).expect("a string is always JSON");
    let (mut head, mut begun, mut rest) = (String::new(), 0, text);
    for line in text.split_inclusive('\n') {
        let whole = line.trim_end_matches(['\n', '\r']);
        let shown = &whole[..floor(whole, LINE_BYTES)];
        let is_cut = shown.len() < whole.len();
        let element = json(&format!("{shown}{}", if is_cut { "…" } else { "" }));
        if head.len() + element.len() + 2 > budget {
            break;
        }
        add_line(&mut head, &element);
        // Of a last line that is cut the end is shown, too.
        rest = &text[begun + if is_cut { shown.len() } else { line.len() }..];
        begun += line.len();
    }
    let (mut last, mut used) = (Vec::new(), 0);
    for line in rest.lines().rev() {
        let element = match line.len() > LINE_BYTES {
            true => json(&format!(
                "…{}",
                &line[ceil(line, line.len() - LINE_BYTES)..]
            )),
            false => json(line),
        };
        used += element.len() + 2;
        if used > budget {
            break;
        }
        last.push(element);
    }
    let mut tail = String::new();
    for element in last.iter().rev() {
        add_line(&mut tail, element);
    }
    (head, tail)
}

/// `,"item":{"id":"int"}`: what the elements of an array are like, by its beginning; nothing if they are
/// unlike each other.
fn item_outline(array: &RawValue, most_bytes: usize, language: Language) -> String {
    let beginning = &array.get()[..floor(array.get(), OUTLINED_BYTES)];
    match Shape::of(beginning, 0).outline(language.words(), most_bytes) {
        Value::Array(items) if !items.is_empty() => format!(r#","item":{}"#, items[0]),
        _ => String::new(),
    }
}

/// The members of an object, in its order; what is in them is not read.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// A member of a large object: itself when small, else what it is.
fn summary(member: &RawValue, language: Language) -> String {
    let whole = member.get();
    if whole.len() <= SUMMARY_BYTES {
        return whole.to_owned();
    }
    if let Ok(items) = serde_json::from_str::<Vec<serde::de::IgnoredAny>>(whole) {
        return format!(
            r#"{{"$preview":true,"type":"array","length":{}{}}}"#,
            items.len(),
            item_outline(member, SUMMARY_BYTES, language)
        );
    }
    if let Ok(Members(members)) = serde_json::from_str(whole) {
        return format!(
            r#"{{"$preview":true,"type":"object","members":{}}}"#,
            members.len()
        );
    }
    if let Ok(text) = serde_json::from_str::<String>(whole) {
        let head =
            serde_json::to_string(&text[..floor(&text, 200)]).expect("a string is always JSON");
        return format!(
            r#"{{"$preview":true,"type":"text","bytes":{},"head":{head}}}"#,
            text.len()
        );
    }
    r#"{"$preview":true,"type":"number"}"#.to_owned()
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|index| text.is_char_boundary(*index))
        .unwrap_or(0)
}

fn ceil(text: &str, at: usize) -> usize {
    (at..=text.len())
        .find(|index| text.is_char_boundary(*index))
        .unwrap_or(text.len())
}

pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn human_bytes(bytes: usize) -> String {
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn human_count(count: usize) -> String {
    match count {
        ..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}
