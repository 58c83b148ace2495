//! An MCP server over standard streams that costs as little as possible, so that what is measured
//! is the gateway: one thread answers, one more keeps the sleepers, large answers are made once.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{BufRead, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use toolmill_bench::{LINE_BYTES, PAGE_RECORDS, PAGES, dummy_tool, records, records_in};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<&'a str>,
    #[serde(borrow, default)]
    arguments: Arguments<'a>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Arguments<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    ms: Option<u64>,
    page: Option<usize>,
    bytes: Option<usize>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let tools: usize = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--tools"), Some(count)) => count.parse().expect("--tools takes a number"),
        (None, _) => 0,
        _ => panic!("the only option is --tools N"),
    };
    let (sleepers, beds) = mpsc::channel();
    std::thread::spawn(move || wake(&beds));
    let mut large: HashMap<(&'static str, usize), String> = HashMap::new();
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if !matches!(input.read_until(b'\n', &mut line), Ok(1..)) {
            return;
        }
        let Ok(message) = serde_json::from_slice::<Message>(&line) else {
            continue;
        };
        let (Some(id), Some(method)) = (message.id, message.method) else {
            continue;
        };
        let id = id.get();
        let params = message.params.unwrap_or_default();
        // Results of the modern era say what kind they are.
        let modern = params
            .meta
            .is_some_and(|meta| meta.get().contains("protocolVersion"));
        let kind = if modern {
            r#""resultType":"complete","#
        } else {
            ""
        };
        let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{kind}"#);
        match (method, params.name) {
            ("tools/call", Some("sleep")) => {
                let until =
                    Instant::now() + Duration::from_millis(params.arguments.ms.unwrap_or(0));
                let line = format!("{head}{}{TAIL}", content("awake"));
                sleepers
                    .send((until, line))
                    .expect("the other thread ends after this one");
            }
            ("tools/call", _) => match call(&params, &mut large) {
                Some(members) => say(&head, &members, TAIL),
                None => refuse(id, -32602),
            },
            ("tools/list", _) => say(&head, &listing(tools), TAIL),
            ("initialize", _) => say(&head, INITIALIZATION, TAIL),
            ("server/discover", _) => say(&head, DISCOVERY, TAIL),
            _ => refuse(id, -32601),
        }
    }
}

const TAIL: &str = "}}\n";
const INITIALIZATION: &str = r#""protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}"#;
const DISCOVERY: &str = r#""supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":3600000,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bench","version":"1"}}"#;

fn refuse(id: &str, code: i32) {
    let error = format!(r#""error":{{"code":{code},"message":"not here"}}"#);
    say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"#), &error, "}\n");
}

/// Writes a line: a small one at once, a large one without copying it.
fn say(head: &str, members: &str, tail: &str) {
    let mut output = std::io::stdout().lock();
    let written = if members.len() < 64 << 10 {
        output.write_all([head, members, tail].concat().as_bytes())
    } else {
        [head, members, tail]
            .iter()
            .try_for_each(|part| output.write_all(part.as_bytes()))
    };
    // A client that has gone closes our input, too.
    let _ = written.and_then(|()| output.flush());
}

/// Answers each sleeper when its time has come.
fn wake(beds: &mpsc::Receiver<(Instant, String)>) {
    let mut asleep: BinaryHeap<Reverse<(Instant, String)>> = BinaryHeap::new();
    loop {
        let patience = asleep.peek().map_or(Duration::from_secs(3600), |first| {
            first.0.0.saturating_duration_since(Instant::now())
        });
        match beds.recv_timeout(patience) {
            Ok(sleeper) => asleep.push(Reverse(sleeper)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while asleep
            .peek()
            .is_some_and(|first| first.0.0 <= Instant::now())
        {
            if let Some(Reverse((_, line))) = asleep.pop() {
                say(&line, "", "");
            }
        }
    }
}

/// The members of a tool's result; none when there is no such tool, or not with such arguments.
fn call<'a>(
    params: &Params<'a>,
    large: &'a mut HashMap<(&'static str, usize), String>,
) -> Option<Cow<'a, str>> {
    let arguments = &params.arguments;
    match params.name? {
        // The argument is JSON text already.
        "echo" => Some(Cow::Owned(format!(
            r#""content":[{{"type":"text","text":{}}}]"#,
            arguments.text?.get()
        ))),
        "list_records" => {
            let page = arguments.page?;
            Some(Cow::Borrowed(large.entry(("page", page)).or_insert_with(
                || {
                    let next = if page + 1 < PAGES {
                        (page + 1).to_string()
                    } else {
                        "null".into()
                    };
                    let records = records(page * PAGE_RECORDS, (page + 1) * PAGE_RECORDS);
                    let value = format!(r#"{{"records":{records},"next_page":{next}}}"#);
                    format!(r#"{},"structuredContent":{value}"#, content(&value))
                },
            )))
        }
        "big_json" => {
            let bytes = arguments.bytes?;
            Some(Cow::Borrowed(
                large
                    .entry(("json", bytes))
                    .or_insert_with(|| content(&records(0, records_in(bytes)))),
            ))
        }
        "big_lines" => {
            let bytes = arguments.bytes?;
            let line = "x".repeat(LINE_BYTES - 1) + "\n";
            Some(Cow::Borrowed(large.entry(("lines", bytes)).or_insert_with(
                || content(&line.repeat(bytes / LINE_BYTES)),
            )))
        }
        _ => None,
    }
}

fn content(text: &str) -> String {
    format!(
        r#""content":[{{"type":"text","text":{}}}]"#,
        serde_json::to_string(text).expect("a string is always JSON")
    )
}

fn listing(dummies: usize) -> String {
    let tool = |name: &str, description: &str, argument: &str, kind: &str| {
        json!({
            "name": name,
            "description": description,
            "inputSchema": { "type": "object", "properties": { argument: { "type": kind } }, "required": [argument] },
            "annotations": { "readOnlyHint": true },
        })
    };
    let mut tools = vec![
        tool("echo", "Returns its text.", "text", "string"),
        tool("sleep", "Answers after a while.", "ms", "integer"),
        tool(
            "list_records",
            "Returns a page of 1,000 records.",
            "page",
            "integer",
        ),
        tool(
            "big_json",
            "Returns records as JSON text of this length.",
            "bytes",
            "integer",
        ),
        tool(
            "big_lines",
            "Returns lines of text of this length.",
            "bytes",
            "integer",
        ),
    ];
    tools.extend((0..dummies.saturating_sub(tools.len())).map(dummy_tool));
    format!(
        r#""tools":{},"ttlMs":3600000,"cacheScope":"private""#,
        Value::from(tools)
    )
}
