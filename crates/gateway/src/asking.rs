//! A question as a human reads it, and what the human says as replies to it.
//!
//! Whoever decides by these words must not be misled by what a program or a server wrote into them.
//! So what is somebody else's stands on a line of its own behind a word of ours that says whose it is,
//! with nothing in it that hides, reorders or begins a line; and an answer that cannot be read allows
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::form::Form;
use crate::shown;
use crate::suspended::{
    Ask, Elicitation, NotTaken, ParkedCall, Question, Reply, Suspended, Wanted,
};
use crate::{lock, plural};

/// So many calls are shown at length and have a box each; of more, each has a line.
const FEW: usize = 8;
const LINE: usize = 400;
const NAME: usize = 120;
/// Arguments are cut where they are parked; this is where nothing gets past.
const ARGUMENTS: usize = 2_400;
const MESSAGE_LINES: usize = 40;
/// Ordinary blanks in a row, above which they are counted: many would make a line look like two.
const BLANKS: usize = 8;

const REFUSED: &str = "a human refused it";
const CLOSED: &str = "the question was closed without an answer";
const UNREADABLE: &str = "the answer could not be read";

const DENY: &str = "deny";
const ALLOW: &str = "allow once";
const ALWAYS: &str = "always allow this tool";
const DENY_ALL: &str = "deny all";
const ALLOW_ALL: &str = "allow all once";
const ALLOW_SOME: &str = "allow only those chosen below";

/// One dialog with a human. A question is one for all calls that wait for an approval, and one for
/// each server that asks.
#[derive(Debug)]
pub(crate) struct Dialog<'a> {
    question: &'a Question,
    about: About,
    pub(crate) message: String,
    pub(crate) shows: Shows,
}

#[derive(Debug)]
enum About {
    Approvals(Vec<usize>),
    Elicitation(usize),
}

#[derive(Debug)]
pub(crate) enum Shows {
    /// JSON of a `requestedSchema`.
    Form(Value),
    Visit {
        url: String,
    },
}

/// What a human did with a dialog.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Accept(Option<Value>),
    Decline,
    Cancel,
}

/// The dialogs of a question of `program`. Addresses are shown as such only to a client that
/// `visits` them.
pub(crate) fn dialogs<'a>(question: &'a Question, program: &str, visits: bool) -> Vec<Dialog<'a>> {
    let mut approvals = Vec::new();
    let mut elicitations = Vec::new();
    for (at, ask) in question.asks.iter().enumerate() {
        match ask {
            Ask::Approval(call) => approvals.push((at, call)),
            Ask::Elicitation(elicitation) => {
                let (message, shows) = elicited(elicitation, program, visits);
                elicitations.push(Dialog {
                    question,
                    about: About::Elicitation(at),
                    message,
                    shows,
                });
            }
        }
    }
    let approvals = (!approvals.is_empty()).then(|| {
        let calls: Vec<&ParkedCall> = approvals.iter().map(|(_, call)| *call).collect();
        Dialog {
            question,
            message: message_of_approvals(program, &calls),
            shows: Shows::Form(form_of_approvals(&calls)),
            about: About::Approvals(approvals.into_iter().map(|(at, _)| at).collect()),
        }
    });
    approvals.into_iter().chain(elicitations).collect()
}

impl Dialog<'_> {
    /// What names the dialog among those of its question.
    pub(crate) fn key(&self) -> String {
        match &self.about {
            About::Approvals(_) => "approvals".to_owned(),
            About::Elicitation(at) => format!("server_{at}"),
        }
    }

    /// What was said, as replies to the asks that the dialog is about.
    pub(crate) fn replies(&self, said: Said) -> Vec<(usize, Reply)> {
        match &self.about {
            About::Approvals(asks) => decided(asks, said),
            About::Elicitation(at) => {
                let reply = match (said, &self.question.asks[*at]) {
                    (Said::Decline, _) => Reply::Decline,
                    (Said::Accept(content), Ask::Elicitation(elicitation)) => {
                        accepted(elicitation, content)
                    }
                    _ => Reply::Cancel,
                };
                vec![(*at, reply)]
            }
        }
    }
}

/// What a human said about calls.
fn decided(asks: &[usize], said: Said) -> Vec<(usize, Reply)> {
    let deny_all = |reason: &str| {
        let deny = |at: &usize| {
            let reason = reason.to_owned();
            (*at, Reply::Deny { reason })
        };
        asks.iter().map(deny).collect()
    };
    let content = match said {
        Said::Accept(Some(content)) => content,
        Said::Accept(None) => return deny_all(UNREADABLE),
        Said::Decline => return deny_all(REFUSED),
        Said::Cancel => return deny_all(CLOSED),
    };
    let remember = content["remember"] == true;
    let (allowed, always): (BTreeSet<usize>, bool) = match content["decision"].as_str() {
        Some(ALLOW) if asks.len() == 1 => ([1].into(), false),
        Some(ALWAYS) if asks.len() == 1 => ([1].into(), true),
        Some(ALLOW_ALL) => ((1..=asks.len()).collect(), remember),
        Some(ALLOW_SOME) => match chosen(&content, asks.len()) {
            Ok(chosen) => (chosen, remember),
            Err(_) => return deny_all(UNREADABLE),
        },
        Some(DENY | DENY_ALL) => return deny_all(REFUSED),
        _ => return deny_all(UNREADABLE),
    };
    let reply = |(at, ask): (usize, &usize)| {
        let reply = match allowed.contains(&(at + 1)) {
            true => Reply::Allow { always },
            false => Reply::Deny {
                reason: REFUSED.to_owned(),
            },
        };
        (*ask, reply)
    };
    asks.iter().enumerate().map(reply).collect()
}

fn chosen(content: &Value, calls: usize) -> Result<BTreeSet<usize>, String> {
    if calls > FEW {
        return numbers(content["numbers"].as_str().unwrap_or_default(), calls);
    }
    let marked = |number: &usize| content[format!("call_{number}")] == true;
    Ok((1..=calls).filter(marked).collect())
}

/// Numbers as people write them: `1, 3-5`.
///
/// # Errors
/// What is no number from 1 to `most`.
pub fn numbers(text: &str, most: usize) -> Result<BTreeSet<usize>, String> {
    let number = |text: &str| {
        text.trim()
            .parse()
            .ok()
            .filter(|number| (1..=most).contains(number))
            .ok_or_else(|| format!("{:?} is no number from 1 to {most}", shown::line(text, 20)))
    };
    let mut chosen = BTreeSet::new();
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        match part.split_once(['-', '–']) {
            Some((first, last)) => chosen.extend(number(first)?..=number(last)?),
            None => {
                chosen.insert(number(part)?);
            }
        }
    }
    Ok(chosen)
}

/// What a human filled in, if it is what the server asked for.
pub(crate) fn accepted(elicitation: &Elicitation, content: Option<Value>) -> Reply {
    let content = match &elicitation.wanted {
        Wanted::Visit { .. } => json!({}),
        Wanted::Form(schema) => {
            let content = content.unwrap_or_else(|| json!({}));
            let checked = Form::read(schema.get()).and_then(|form| form.check(&content));
            if let Err(problem) = checked {
                // The words quote the human's, which no log is to hold.
                drop(problem);
                tracing::warn!(
                    server = elicitation.server,
                    "what a client sent is no answer to the server's form; counted as none"
                );
                return Reply::Cancel;
            }
            content
        }
    };
    Reply::Accept(serde_json::value::to_raw_value(&content).expect("a value is JSON"))
}

fn message_of_approvals(program: &str, calls: &[&ParkedCall]) -> String {
    let program = line(program, NAME);
    if let [call] = calls {
        let mut text = format!(
            "The agent's program {program} wants to call {}. Nothing is sent unless you allow it.\n",
            line(&call.tool, NAME)
        );
        describe(&mut text, "\n", call);
        return text;
    }
    let mut text = format!(
        "The agent's program {program} wants to make {} calls: {}. Nothing is sent unless you allow it.\n",
        calls.len(),
        tools(calls, usize::MAX)
    );
    for (at, call) in calls.iter().enumerate() {
        let number = at + 1;
        if calls.len() <= FEW {
            let _ = write!(text, "\n{number}. {}", line(&call.tool, NAME));
            describe(&mut text, "\n   ", call);
            text.push_str(if number < calls.len() { "\n" } else { "" });
        } else {
            let _ = write!(
                text,
                "\n{number}. {} sends {}",
                line(&call.tool, NAME),
                line(&call.brief, ARGUMENTS)
            );
            if call.whole.is_some() || call.brief != call.arguments {
                let _ = write!(text, " ({})", in_part(call));
            }
        }
    }
    text
}

fn describe(text: &mut String, begin: &str, call: &ParkedCall) {
    let _ = write!(text, "{begin}Server: {}", line(&call.server, NAME));
    let _ = write!(text, "{begin}Sends: {}", line(&call.arguments, ARGUMENTS));
    if call.whole.is_some() {
        let _ = write!(text, "{begin}({})", in_part(call));
    }
    for (number, code) in call.lines.iter().take(3) {
        let _ = write!(text, "{begin}Program, line {number}: {}", line(code, LINE));
    }
    let _ = write!(text, "{begin}Asked because: {}", line(&call.reason, LINE));
}

/// How much there is of what a call sends, and where, when not all of it is shown.
fn in_part(call: &ParkedCall) -> String {
    match &call.whole {
        Some(whole) => format!(
            "shown in part; all {} bytes are kept as {}",
            call.bytes,
            line(whole, NAME)
        ),
        None => format!("shown in part; {} bytes in all", call.bytes),
    }
}

/// The tools that are called, each once with how often; of more than `most` only their number.
fn tools(calls: &[&ParkedCall], most: usize) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for call in calls {
        match counted.iter_mut().find(|(tool, _)| *tool == call.tool) {
            Some((_, count)) => *count += 1,
            None => counted.push((&call.tool, 1)),
        }
    }
    let more = counted.len().saturating_sub(most);
    let mut named: Vec<String> = counted
        .iter()
        .take(most)
        .map(|(tool, count)| match count {
            1 => line(tool, NAME),
            count => format!("{} ×{count}", line(tool, NAME)),
        })
        .collect();
    if more > 0 {
        named.push(format!("…+{more}"));
    }
    named.join(", ")
}

fn form_of_approvals(calls: &[&ParkedCall]) -> Value {
    let mut properties = serde_json::Map::new();
    let mut put = |name: String, value: Value| properties.insert(name, value);
    if calls.len() == 1 {
        put(
            "decision".into(),
            json!({"type": "string", "title": "May it be sent?", "enum": [DENY, ALLOW, ALWAYS]}),
        );
    } else {
        put(
            "decision".into(),
            json!({"type": "string", "title": "May they be sent?", "enum": [DENY_ALL, ALLOW_ALL, ALLOW_SOME]}),
        );
        if calls.len() <= FEW {
            for (at, call) in calls.iter().enumerate() {
                // The message has more of it.
                let sends = line(&call.brief, ARGUMENTS);
                let (sends, more) = match sends.char_indices().nth(NAME) {
                    Some((end, _)) => (&sends[..end], "…"),
                    None => (&sends[..], ""),
                };
                let tool = line(&call.tool, NAME);
                let title = format!("{}. {tool} {sends}{more}", at + 1);
                put(
                    format!("call_{}", at + 1),
                    json!({"type": "boolean", "title": title, "default": false}),
                );
            }
        } else {
            put(
                "numbers".into(),
                json!({"type": "string", "title": "Numbers of the calls to allow", "description": "Only with the last choice above, for example: 1, 3-5"}),
            );
        }
        put(
            "remember".into(),
            json!({"type": "boolean", "title": "Never ask again for the tools of the calls I allow", "description": "Listed and taken back with: toolmill policy", "default": false}),
        );
    }
    json!({"type": "object", "properties": properties, "required": ["decision"]})
}

/// What is shown of what a server asks.
fn elicited(elicitation: &Elicitation, program: &str, visits: bool) -> (String, Shows) {
    let mut text = format!(
        "Server {} asks you something, in the middle of a call of the agent's program {}. These are the server's words:\n",
        line(&elicitation.server, NAME),
        line(program, NAME)
    );
    for words in server_words(&elicitation.message) {
        text.push_str(if words.is_empty() { "\n>" } else { "\n> " });
        text.push_str(&words);
    }
    match &elicitation.wanted {
        Wanted::Form(schema) => {
            text.push_str("\n\nWhat you fill in is sent to this server. Give it no password.");
            let mut schema = serde_json::from_str(schema.get()).unwrap_or_default();
            clean(&mut schema);
            (text, Shows::Form(schema))
        }
        Wanted::Visit { url } => {
            let _ = write!(
                text,
                "\n\nIt wants you to visit {}, which is a page of {}. Accept only if you want to.",
                line(url, ARGUMENTS),
                line(&host(url), NAME)
            );
            let shows = match visits {
                true => Shows::Visit { url: url.clone() },
                false => Shows::Form(json!({"type": "object", "properties": {}})),
            };
            (text, shows)
        }
    }
}

/// What a server says to a human, as lines that can be told from ours.
pub fn server_words(message: &str) -> Vec<String> {
    let mut words: Vec<String> = message
        .trim()
        .lines()
        .take(MESSAGE_LINES)
        .map(|words| line(words, LINE))
        .collect();
    if message.trim().lines().count() > MESSAGE_LINES {
        words.push("…".to_owned());
    }
    words
}

/// Whose page an address is.
pub fn host(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) => url.host_str().unwrap_or("no host at all").to_owned(),
        Err(_) => "no host at all".to_owned(),
    }
}

/// Makes the titles in a server's form fit to be shown. Choices stay as they are, since they are what is
/// sent, and get a title where they are not fit to be shown themselves; a proposal that is not, goes.
fn clean(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| name != "default" || is_plain(value));
            title_choices(members);
            for (name, value) in members {
                match (&name[..], value) {
                    ("title" | "description", Value::String(text)) => *text = line(text, LINE),
                    ("enumNames", Value::Array(names)) => {
                        for name in names {
                            if let Value::String(text) = name {
                                *text = line(text, NAME);
                            }
                        }
                    }
                    (_, value) => clean(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(clean),
        _ => {}
    }
}

/// Gives choices titles that can be shown.
fn title_choices(members: &mut Map<String, Value>) {
    if members.get("type").is_some_and(|kind| *kind == "array")
        && let Some(items) = members.get_mut("items")
        && let Some(choices) = items.get("enum").filter(|choices| !is_plain(choices))
    {
        let titled = |value: &str| json!({"const": value, "title": line(value, NAME)});
        let choices = choices.as_array().into_iter().flatten();
        let titled: Vec<Value> = choices.filter_map(Value::as_str).map(titled).collect();
        *items = json!({"anyOf": titled});
    }
    if let Some(Value::Array(values)) = members.get("enum").filter(|values| !is_plain(values)) {
        let given = members.get("enumNames").and_then(Value::as_array);
        let title = |(at, value): (usize, &Value)| {
            let given = given.and_then(|titles| titles.get(at));
            let title = given.unwrap_or(value).as_str().unwrap_or_default();
            line(title, NAME)
        };
        let titles: Value = values.iter().enumerate().map(title).collect();
        members.insert("enumNames".to_owned(), titles);
    }
}

/// Whether texts can be shown as they are; anything else can.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => line(text, LINE) == *text,
        Value::Array(values) => values.iter().all(is_plain),
        _ => true,
    }
}

/// Whether a server's form can be shown: its fields' names are sent back as they are, and a client may
/// show them.
fn can_be_shown(schema: &str) -> bool {
    let is_name = |name: &str| !name.trim().is_empty() && line(name, NAME) == name;
    Form::read(schema).is_ok_and(|form| form.fields.iter().all(|field| is_name(&field.name)))
}

/// Somebody else's text on one line, with nothing in it that deceives.
pub fn line(text: &str, most: usize) -> String {
    let one = shown::line(text, most);
    let mut out = String::with_capacity(one.len());
    let mut blanks = 0;
    let flush = |out: &mut String, blanks: &mut usize| {
        match *blanks {
            0..=BLANKS => out.extend(std::iter::repeat_n(' ', *blanks)),
            many => {
                let _ = write!(out, " ⟨{many} blanks⟩ ");
            }
        }
        *blanks = 0;
    };
    for c in one.chars() {
        if c == ' ' {
            blanks += 1;
        } else {
            flush(&mut out, &mut blanks);
            out.push(c);
        }
    }
    flush(&mut out, &mut blanks);
    out
}

/// Asks a human what the servers want to know that a program calls.
pub(crate) struct ForServers {
    pub(crate) suspended: Arc<Suspended>,
    /// No program is around the call, and so nothing else to wait for.
    pub(crate) alone: bool,
}

impl upstream::Asker for ForServers {
    fn elicit<'a>(
        &'a self,
        server: &'a str,
        elicitation: upstream::Elicitation,
    ) -> Pin<Box<dyn Future<Output = upstream::Elicited> + Send + 'a>> {
        Box::pin(async move {
            let wanted = match elicitation.wanted {
                upstream::Wanted::Form { schema } if can_be_shown(&schema) => {
                    RawValue::from_string(schema).ok().map(Wanted::Form)
                }
                // Parsed and written again, it has no blank and nothing that deceives.
                upstream::Wanted::Visit { url } => url::Url::parse(&url)
                    .map(String::from)
                    .ok()
                    .filter(|url| is_page(url))
                    .map(|url| Wanted::Visit { url }),
                upstream::Wanted::Form { .. } => None,
            };
            let Some(wanted) = wanted else {
                tracing::warn!(
                    server,
                    "it asks a human for something that cannot be shown; declined"
                );
                return upstream::Elicited::Decline;
            };
            let visits = matches!(wanted, Wanted::Visit { .. });
            let ask = Ask::Elicitation(Elicitation {
                server: server.to_owned(),
                message: elicitation.message,
                wanted,
            });
            let (reply, ()) = tokio::join!(self.suspended.ask(ask), async {
                if self.alone {
                    self.suspended.settle();
                }
            });
            match reply {
                Reply::Accept(content) => upstream::Elicited::Accept((!visits).then_some(content)),
                Reply::Decline => upstream::Elicited::Decline,
                _ => upstream::Elicited::Cancel,
            }
        })
    }
}

/// Longest address of a page.
const URL_BYTES: usize = 4 << 10;

fn is_page(url: &str) -> bool {
    url.len() <= URL_BYTES
        && url::Url::parse(url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// What an agent is told of a call that its server refuses until the user has been to these pages.
pub(crate) fn has_to_visit(server: &str, message: &str, visits: &[upstream::Visit]) -> String {
    /// Of a server's words beside an address.
    const WORDS: usize = 300;
    const MOST_PAGES: usize = 3;
    let mut text = format!(
        "the server has done nothing: the user has to visit a page first. Show them the address, and make the \
         call again when they have been there. Server {} says: \"{}\"",
        line(server, NAME),
        line(message.trim(), WORDS)
    );
    for visit in visits.iter().take(MOST_PAGES) {
        // Parsed and written again, it has no blank and nothing that deceives; one that is cut leads nowhere.
        match url::Url::parse(&visit.url) {
            Ok(url) if is_page(url.as_str()) => {
                let page_of = line(&host(url.as_str()), NAME);
                let _ = write!(text, "\n{url} (a page of {page_of})");
            }
            _ => text.push_str("\nan address that is no page of the web, and is not shown"),
        }
        if !visit.message.trim().is_empty() {
            let _ = write!(text, ": \"{}\"", line(visit.message.trim(), WORDS));
        }
    }
    if visits.len() > MOST_PAGES {
        let _ = write!(text, "\nand {} more", visits.len() - MOST_PAGES);
    }
    text
}

/// What an agent is told that a program waits for.
pub(crate) fn waits_for(question: &Question) -> String {
    let calls: Vec<&ParkedCall> = question
        .asks
        .iter()
        .filter_map(|ask| match ask {
            Ask::Approval(call) => Some(call),
            Ask::Elicitation(_) => None,
        })
        .collect();
    let servers: BTreeSet<&str> = question
        .asks
        .iter()
        .filter_map(|ask| match ask {
            Ask::Elicitation(elicitation) => Some(&elicitation.server[..]),
            Ask::Approval(_) => None,
        })
        .collect();
    let mut waits = Vec::new();
    if !calls.is_empty() {
        let plural = plural(calls.len());
        waits.push(format!(
            "approval of {} call{plural} ({})",
            calls.len(),
            tools(&calls, 3)
        ));
    }
    if !servers.is_empty() {
        let servers: Vec<&str> = servers.into_iter().collect();
        waits.push(format!("a human's answer to {}", servers.join(", ")));
    }
    format!("waiting for {}", waits.join(" and "))
}

/// The programs of a gateway that may have a question open.
#[derive(Debug, Default)]
pub(crate) struct Askers(Mutex<BTreeMap<String, Program>>);

#[derive(Debug)]
struct Program {
    short: String,
    suspended: Weak<Suspended>,
}

/// Takes a program out when it is dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    askers: Arc<Askers>,
    execution: String,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.askers.programs().remove(&self.execution);
    }
}

impl Askers {
    pub(crate) fn register(
        self: &Arc<Askers>,
        execution: &str,
        short: String,
        suspended: &Arc<Suspended>,
    ) -> Registered {
        self.programs().insert(
            execution.to_owned(),
            Program {
                short,
                suspended: Arc::downgrade(suspended),
            },
        );
        Registered {
            askers: self.clone(),
            execution: execution.to_owned(),
        }
    }

    pub(crate) fn open(&self, project: &Path) -> Vec<OpenQuestion> {
        let programs = self.programs();
        let open = |(execution, program): (&String, &Program)| {
            let suspended = program.suspended.upgrade()?;
            let question = suspended.question().borrow().clone()?;
            Some(OpenQuestion {
                execution: execution.clone(),
                short: program.short.clone(),
                project: project.to_string_lossy().into_owned(),
                number: question.number,
                seconds_left: question
                    .deadline
                    .saturating_duration_since(Instant::now())
                    .as_secs(),
                asks: question.asks.clone(),
            })
        };
        programs.iter().filter_map(open).collect()
    }

    /// # Errors
    /// Nothing was answered, and why.
    pub(crate) fn answer(&self, decision: Decision) -> Result<(), String> {
        let gone = || "this question is not open any more; nothing was changed".to_owned();
        let suspended = self
            .programs()
            .get(&decision.execution)
            .and_then(|program| program.suspended.upgrade())
            .ok_or_else(gone)?;
        let question = suspended.question().borrow().clone().ok_or_else(gone)?;
        let checked = |(at, reply)| match (reply, question.asks.get(at)) {
            (Reply::Accept(content), Some(Ask::Elicitation(elicitation))) => {
                let content = serde_json::from_str(content.get()).ok();
                (at, accepted(elicitation, content))
            }
            (reply, _) => (at, reply),
        };
        let replies = decision.replies.into_iter().map(checked).collect();
        suspended
            .answer(decision.number, replies)
            .map_err(|error| match error {
                NotTaken::NotOpen => gone(),
                NotTaken::Unfit => "the answer does not fit the question".to_owned(),
            })
    }

    /// Held for a look, or to put one in or out.
    fn programs(&self) -> MutexGuard<'_, BTreeMap<String, Program>> {
        lock(&self.0)
    }
}

/// A question that waits for a human, for one who is not asked by the agent's client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenQuestion {
    pub execution: String,
    pub short: String,
    /// The folder that the gateway works in.
    pub project: String,
    pub number: u32,
    pub seconds_left: u64,
    pub asks: Vec<Ask>,
}

/// What a human said to a question, to each of its asks by its index. What is left out is refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decision {
    pub execution: String,
    pub number: u32,
    pub replies: Vec<(usize, Reply)>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::suspended::Waiting;

    fn call(tool: &str, arguments: &str) -> Ask {
        Ask::Approval(ParkedCall {
            number: 1,
            server: tool.split('.').next().unwrap().to_owned(),
            tool: tool.to_owned(),
            arguments: arguments.to_owned(),
            brief: arguments.to_owned(),
            bytes: arguments.len() as u64,
            whole: None,
            lines: vec![(4, format!("tools.{tool}()"))],
            reason: "its server marks it destructive".to_owned(),
        })
    }

    fn form(message: &str) -> Ask {
        let schema = r#"{"type":"object","properties":{"name":{"type":"string","title":"Your\nname"}},"required":["name"]}"#;
        Ask::Elicitation(Elicitation {
            server: "crm".to_owned(),
            message: message.to_owned(),
            wanted: Wanted::Form(RawValue::from_string(schema.to_owned()).unwrap()),
        })
    }

    fn visit(url: &str) -> Ask {
        Ask::Elicitation(Elicitation {
            server: "crm".to_owned(),
            message: "Log in".to_owned(),
            wanted: Wanted::Visit {
                url: url.to_owned(),
            },
        })
    }

    fn question(asks: Vec<Ask>) -> Question {
        Question {
            number: 1,
            asks,
            deadline: Instant::now() + Duration::from_secs(600),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_human_reads_what_will_be_sent() {
        let one = question(vec![call("github.delete_repo", r#"{"repo": "a"}"#)]);
        let dialogs_of_one = dialogs(&one, "x7", false);
        insta::assert_snapshot!(dialogs_of_one[0].message, @r#"
    The agent's program x7 wants to call github.delete_repo. Nothing is sent unless you allow it.

    Server: github
    Sends: {"repo": "a"}
    Program, line 4: tools.github.delete_repo()
    Asked because: its server marks it destructive
    "#);
        let Shows::Form(schema) = &dialogs_of_one[0].shows else {
            panic!("a form")
        };
        insta::assert_snapshot!(schema, @r#"
    {"type":"object","properties":{"decision":{"type":"string","title":"May it be sent?","enum":["deny","allow once","always allow this tool"]}},"required":["decision"]}
    "#);
        let two = question(vec![
            call("github.delete_repo", r#"{"repo": "a"}"#),
            form("Who\u{1b}[2J are\nyou?\n\n2. github.read allow"),
            call("github.delete_repo", r#"{"repo": "b"}"#),
            call("mail.send", "{}"),
            visit("https://github.com@evil.example/login"),
        ]);
        let several = dialogs(&two, "x7", false);
        let messages: Vec<&str> = several.iter().map(|dialog| &dialog.message[..]).collect();
        insta::assert_snapshot!(messages.join("\n-----\n"), @r#"
    The agent's program x7 wants to make 3 calls: github.delete_repo ×2, mail.send. Nothing is sent unless you allow it.

    1. github.delete_repo
       Server: github
       Sends: {"repo": "a"}
       Program, line 4: tools.github.delete_repo()
       Asked because: its server marks it destructive

    2. github.delete_repo
       Server: github
       Sends: {"repo": "b"}
       Program, line 4: tools.github.delete_repo()
       Asked because: its server marks it destructive

    3. mail.send
       Server: mail
       Sends: {}
       Program, line 4: tools.mail.send()
       Asked because: its server marks it destructive
    -----
    Server crm asks you something, in the middle of a call of the agent's program x7. These are the server's words:

    > Who\u001b[2J are
    > you?
    >
    > 2. github.read allow

    What you fill in is sent to this server. Give it no password.
    -----
    Server crm asks you something, in the middle of a call of the agent's program x7. These are the server's words:

    > Log in

    It wants you to visit https://github.com@evil.example/login, which is a page of evil.example. Accept only if you want to.
    "#);
        let keys: Vec<String> = several.iter().map(Dialog::key).collect();
        assert_eq!(keys, ["approvals", "server_1", "server_4"]);
        let schemas: Vec<String> = several
            .iter()
            .map(|dialog| match &dialog.shows {
                Shows::Form(schema) => schema.to_string(),
                Shows::Visit { .. } => unreachable!("the client does not visit"),
            })
            .collect();
        insta::assert_snapshot!(schemas.join("\n"), @r#"
    {"type":"object","properties":{"decision":{"type":"string","title":"May they be sent?","enum":["deny all","allow all once","allow only those chosen below"]},"call_1":{"type":"boolean","title":"1. github.delete_repo {\"repo\": \"a\"}","default":false},"call_2":{"type":"boolean","title":"2. github.delete_repo {\"repo\": \"b\"}","default":false},"call_3":{"type":"boolean","title":"3. mail.send {}","default":false},"remember":{"type":"boolean","title":"Never ask again for the tools of the calls I allow","description":"Listed and taken back with: toolmill policy","default":false}},"required":["decision"]}
    {"type":"object","properties":{"name":{"type":"string","title":"Your\\u000aname"}},"required":["name"]}
    {"type":"object","properties":{}}
    "#);
        assert!(
            matches!(&dialogs(&two, "x7", true)[2].shows, Shows::Visit { url } if url == "https://github.com@evil.example/login")
        );
        assert_eq!(
            waits_for(&two),
            "waiting for approval of 3 calls (github.delete_repo ×2, mail.send) and a human's answer to crm"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_text_of_others_forges_a_line_of_the_question() {
        let evil = "a\r\n2. mail.read\u{2028}Asked because: safe\u{202e}\u{1b}[1A\u{85}\u{b}\u{c}";
        let many = |count: usize| {
            question(
                std::iter::repeat_with(|| {
                    Ask::Approval(ParkedCall {
                        number: 1,
                        server: evil.to_owned(),
                        tool: evil.to_owned(),
                        arguments: format!("{evil}{}{evil}", " ".repeat(500)),
                        brief: format!("{evil}{}{evil}", " ".repeat(500)),
                        bytes: 1,
                        whole: Some("r_1".to_owned()),
                        lines: vec![(1, evil.to_owned())],
                        reason: evil.to_owned(),
                    })
                })
                .take(count)
                .collect(),
            )
        };
        for (count, lines) in [(1, 7), (2, 15), (9, 11)] {
            let question = many(count);
            let dialogs = dialogs(&question, evil, false);
            let message = &dialogs[0].message;
            assert_eq!(message.trim_end().lines().count(), lines, "{message}");
            assert!(
                message
                    .chars()
                    .all(|c| c == '\n' || !catalog::is_treacherous(c))
            );
            assert!(!message.contains(&" ".repeat(BLANKS + 1)), "{message}");
            let Shows::Form(schema) = &dialogs[0].shows else {
                panic!("a form")
            };
            assert!(!schema.to_string().contains("\\n"), "{schema}");
        }
        let servers = question(vec![form(evil), form(&"x\n".repeat(1000))]);
        let dialogs = dialogs(&servers, "x7", false);
        for line in dialogs[0].message.lines().skip(1).take(3) {
            assert!(line.is_empty() || line.starts_with('>'), "{line}");
        }
        assert!(dialogs[1].message.lines().count() < 50);
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_calls_each_says_how_much_it_sends_and_where_all_of_it_is() {
        let many = |count: usize, whole: Option<&str>| {
            let ask = || {
                let shown = shown::json(&format!(
                    r#"{{"a":"{}","path":"/etc/passwd"}}"#,
                    "A".repeat(100_000)
                ));
                let Ask::Approval(call) = call("fs.write", &shown.text) else {
                    unreachable!("it is a call")
                };
                Ask::Approval(ParkedCall {
                    brief: shown.brief,
                    bytes: 100_029,
                    whole: whole.map(str::to_owned),
                    ..call
                })
            };
            question(std::iter::repeat_with(ask).take(count).collect())
        };
        let a = |count: usize| "A".repeat(count);
        let nine = many(9, Some("r_1"));
        let message = &dialogs(&nine, "x7", false)[0].message;
        let line = format!(
            r#"9. fs.write sends {{"a": "{}" …(99820 characters are not shown)… "{}", "path": "/etc/passwd"}} (shown in part; all 100029 bytes are kept as r_1)"#,
            a(140),
            a(40)
        );
        assert_eq!(message.lines().last(), Some(&line[..]));
        let two = many(2, None);
        let dialogs = dialogs(&two, "x7", false);
        let Shows::Form(schema) = &dialogs[0].shows else {
            panic!("a form")
        };
        let title = format!(r#"1. fs.write {{"a": "{}…"#, a(NAME - 7));
        assert_eq!(schema["properties"]["call_1"]["title"], title);
    }

    #[test]
    fn a_form_is_shown_with_names_and_choices_that_deceive_nobody() {
        let shown = |properties: Value| {
            let mut schema = json!({"type": "object", "properties": properties});
            let can_be = can_be_shown(&schema.to_string());
            clean(&mut schema);
            can_be.then(|| schema["properties"].take())
        };
        for name in [
            "a\u{202e}\u{1b}[31m\nMay it be sent?",
            "א",
            " ",
            &"x".repeat(121),
        ] {
            let field = json!({name: {"type": "boolean", "title": "Sure?"}});
            assert_eq!(shown(field), None, "{name:?}");
        }
        let evil = "a\u{202e}b";
        let plain = json!({
            "enum": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "default": {"type": "array", "items": {"type": "string", "enum": ["a"]}, "default": ["a"]},
            "items": {"type": "boolean", "default": true},
        });
        assert_eq!(shown(plain.clone()), Some(plain));
        assert_eq!(
            shown(json!({
                "one": {"type": "string", "enum": [evil, "b"], "default": evil},
                "named": {"type": "string", "enum": [evil, "b"], "enumNames": ["A\n"]},
                "many": {"type": "array", "items": {"type": "string", "enum": [evil]}, "default": [evil]},
                "text": {"type": "string", "default": "\u{1b}[2J"},
            })),
            Some(json!({
                "one": {"type": "string", "enum": [evil, "b"], "enumNames": ["a\\u202eb", "b"]},
                "named": {"type": "string", "enum": [evil, "b"], "enumNames": ["A\\u000a", "b"]},
                "many": {"type": "array", "items": {"anyOf": [{"const": evil, "title": "a\\u202eb"}]}},
                "text": {"type": "string"},
            }))
        );
    }

    /// What becomes of the calls: a letter each.
    fn outcome(asks: usize, said: Said) -> String {
        let question = question((0..asks).map(|n| call(&format!("a.t{n}"), "{}")).collect());
        let dialogs = dialogs(&question, "x7", false);
        let letter = |(_, reply): &(usize, Reply)| match reply {
            Reply::Allow { always: false } => 'a',
            Reply::Allow { always: true } => 'A',
            Reply::Deny { reason } if reason == REFUSED => 'd',
            Reply::Deny { reason } if reason == CLOSED => 'c',
            Reply::Deny { reason } if reason == UNREADABLE => '?',
            other => panic!("{other:?}"),
        };
        dialogs[0].replies(said).iter().map(letter).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_clear_yes_allows_anything() {
        for (asks, content, expected) in [
            (1, json!({"decision": "allow once"}), "a"),
            (1, json!({"decision": "always allow this tool"}), "A"),
            (1, json!({"decision": "deny"}), "d"),
            (1, json!({"decision": "Allow once"}), "?"),
            (1, json!({"decision": "allow all once"}), "a"),
            (1, json!({}), "?"),
            (1, json!("allow once"), "?"),
            (1, json!({"call_1": true}), "?"),
            (3, json!({"decision": "allow once"}), "???"),
            (3, json!({"decision": "always allow this tool"}), "???"),
            (3, json!({"decision": "allow all once"}), "aaa"),
            (
                3,
                json!({"decision": "allow all once", "remember": true}),
                "AAA",
            ),
            (
                3,
                json!({"decision": "deny all", "call_1": true, "remember": true}),
                "ddd",
            ),
            (
                3,
                json!({"decision": "allow only those chosen below", "call_2": true}),
                "dad",
            ),
            (
                3,
                json!({"decision": "allow only those chosen below", "call_1": "true", "call_3": true, "remember": true}),
                "ddA",
            ),
            (
                3,
                json!({"decision": "allow only those chosen below", "numbers": "1"}),
                "ddd",
            ),
            (
                3,
                json!({"decision": "allow only those chosen below"}),
                "ddd",
            ),
            (
                10,
                json!({"decision": "allow only those chosen below", "numbers": "1, 3-4 10"}),
                "adaaddddda",
            ),
            (
                10,
                json!({"decision": "allow only those chosen below", "numbers": "1, 11"}),
                "??????????",
            ),
            (
                10,
                json!({"decision": "allow only those chosen below", "numbers": "all"}),
                "??????????",
            ),
            (
                10,
                json!({"decision": "allow only those chosen below", "call_1": true}),
                "dddddddddd",
            ),
        ] {
            assert_eq!(
                outcome(asks, Said::Accept(Some(content.clone()))),
                expected,
                "{content}"
            );
        }
        assert_eq!(outcome(2, Said::Accept(None)), "??");
        assert_eq!(outcome(2, Said::Decline), "dd");
        assert_eq!(outcome(2, Said::Cancel), "cc");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_gets_what_its_form_asks_for_and_nothing_else() {
        let question = question(vec![form("?"), visit("https://a.example/")]);
        let dialogs = dialogs(&question, "x7", true);
        let reply = |at: usize, said: Said| match dialogs[at].replies(said).remove(0) {
            (_, Reply::Accept(content)) => content.get().to_owned(),
            (_, Reply::Decline) => "decline".to_owned(),
            (_, Reply::Cancel) => "cancel".to_owned(),
            other => panic!("{other:?}"),
        };
        let accept = |content: Value| Said::Accept(Some(content));
        assert_eq!(
            reply(0, accept(json!({"name": "Ada"}))),
            r#"{"name":"Ada"}"#
        );
        assert_eq!(reply(0, accept(json!({"name": 1}))), "cancel");
        assert_eq!(
            reply(0, accept(json!({"name": "Ada", "more": 1}))),
            "cancel"
        );
        assert_eq!(reply(0, Said::Accept(None)), "cancel");
        assert_eq!(reply(0, Said::Decline), "decline");
        assert_eq!(reply(0, Said::Cancel), "cancel");
        assert_eq!(reply(1, Said::Accept(None)), "{}");
        assert_eq!(reply(1, Said::Decline), "decline");
    }

    #[tokio::test(start_paused = true)]
    async fn open_questions_are_listed_and_answered_once() {
        let askers = Arc::new(Askers::default());
        let suspended = Suspended::new(&Waiting::default());
        let registered = askers.register("x_1", "x7".to_owned(), &suspended);
        assert!(askers.open(Path::new("/p")).is_empty());
        let asked = {
            let suspended = suspended.clone();
            tokio::spawn(async move {
                tokio::join!(
                    suspended.ask(call("a.b", "{}")),
                    suspended.ask(form("?")),
                    suspended.ask(call("a.c", "{}"))
                )
            })
        };
        tokio::task::yield_now().await;
        suspended.settle();
        let open = askers.open(Path::new("/p"));
        assert_eq!((open.len(), open[0].asks.len()), (1, 3));
        let crossed = serde_json::to_string(&open).unwrap();
        let back: Vec<OpenQuestion> = serde_json::from_str(&crossed).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), crossed);
        let decision = |execution: &str, replies: Vec<(usize, Reply)>| Decision {
            execution: execution.to_owned(),
            number: 1,
            replies,
        };
        let gone = Err("this question is not open any more; nothing was changed".to_owned());
        assert_eq!(askers.answer(decision("x_2", vec![])), gone);
        assert_eq!(
            askers.answer(decision("x_1", vec![(0, Reply::Decline)])),
            Err("the answer does not fit the question".to_owned())
        );
        let values = RawValue::from_string(r#"{"name":"Ada"}"#.to_owned()).unwrap();
        let words = vec![
            (0, Reply::Allow { always: true }),
            (2, Reply::Accept(values)),
        ];
        assert_eq!(askers.answer(decision("x_1", words.clone())), Ok(()));
        assert_eq!(askers.answer(decision("x_1", words)), gone);
        let (first, second, third) = asked.await.unwrap();
        assert!(matches!(first, Reply::Allow { always: true }));
        assert!(matches!(second, Reply::Accept(content) if content.get() == r#"{"name":"Ada"}"#));
        assert!(matches!(third, Reply::Deny { .. }));
        drop(registered);
        assert!(askers.programs().is_empty());
    }
}
