//! `execute_code`: run a program that calls tools.

use std::time::Duration;

use serde_json::{Map, Value};

use super::watched::{Told, Waiter, told};
use super::{flag, number, shortened, string, wait_execution};
use crate::Face;
use crate::execute::{Language, Request};
use crate::executions::{Executions, Telling};
use crate::output::{Answer, Style};
use crate::server::{Agent, Reader};
use crate::suspended::Suspended;

pub(super) const DEFINITION: &str = r#"{"name":"execute_code","description":"Run a program that calls tools. Do all steps of the task in one program: loop, filter and join there. Only its value and prints come back, so return just what is needed.\nPython: r = tools.github.list_issues(repo=\"a/b\"); in parallel: await asyncio.gather(*[tools.x.y(id=i) for i in ids])\nTypeScript: const r = await tools.github.list_issues({repo: \"a/b\"}); in parallel: Promise.all\nTake paths and parameters from search_tools, never guess. Results are already parsed. A failing call raises ToolError. The value is the last expression or a top-level return. Standard library only; no network, no shell; Python has files, in its current directory. Variables are lost after the run: use store(key, value) and load(key). tools.x.y.keep(...) leaves a large result outside the program and returns a handle to slice; later results.open(\"r_1\"). show(image) lets you see an image or other file.","inputSchema":{"type":"object","properties":{"code":{"type":"string"},"language":{"type":"string","enum":["python","typescript","javascript"]},"timeout_seconds":{"type":"number","description":"Limit of the program's own time, tool calls not counted; default 30"},"max_output_tokens":{"type":"integer"},"session":{"type":"string","description":"Only one that an answer named"},"resume":{"type":"string"}},"required":["code","language"]},"_meta":{"anthropic/alwaysLoad":true}}"#;

/// Longest program.
const CODE_BYTES: usize = 1 << 20;

pub(super) async fn call(
    agent: &Agent,
    arguments: Map<String, Value>,
    waiter: &Waiter<'_>,
) -> Told {
    let invalid = |text: String| Answer::error(format!("error invalid_argument\n{text}")).into();
    let mut request = match request(&arguments) {
        Ok(request) => request,
        Err(text) => return invalid(text),
    };
    // Whoever the client is, a human can be asked: `toolmill approvals` shows what waits.
    request.suspended = Some(Suspended::new(agent.gateway.waiting()));
    let session = match agent.session(string(&arguments, &["session"])) {
        Ok(session) => session,
        Err(text) => return invalid(text),
    };
    let tokens = match number(&arguments, &["max_output_tokens"]) {
        Ok(tokens) => tokens.map(|tokens| tokens.max(0.0) as usize),
        Err(text) => return invalid(text),
    };
    let telling = Telling {
        style: Style {
            max_output_tokens: tokens,
            // Over HTTP the caller needs the session's name to come back to it.
            name_session: agent.face == Face::Http,
            ..Style::default()
        },
        structured: agent.reader == Reader::Program,
    };
    let most = match wait_execution::most(agent, &arguments) {
        Ok(most) => most,
        Err(text) => return invalid(text),
    };
    let earlier = match string(&arguments, &["resume"]) {
        None | Some("") => None,
        Some(name) => match session.resumable().open(&session, name).await {
            Ok(earlier) => Some(earlier),
            Err(text) => return invalid(text),
        },
    };
    let live = Executions::start(
        &agent.gateway,
        &session,
        request,
        telling,
        earlier,
        agent.connection(),
    );
    let live = match live {
        Ok(live) => live,
        Err(text) => return invalid(text),
    };
    let _until_left = live.until_left();
    told(agent, &session, &live, most, waiter).await
}

fn request(arguments: &Map<String, Value>) -> Result<Request, String> {
    let code = string(arguments, &["code", "source", "program"])
        .ok_or("code is missing: give the program as a string")?
        .to_owned();
    if code.len() > CODE_BYTES {
        return Err(format!(
            "the program has {} bytes; at most {CODE_BYTES}",
            code.len()
        ));
    }
    let language = match arguments.get("language") {
        None | Some(Value::Null) => None,
        Some(name) => Some(name.as_str().and_then(Language::parse).ok_or_else(|| {
            let shown = shortened(&name.to_string(), 40);
            format!("language must be python, typescript or javascript; it is {shown}")
        })?),
    };
    let own_time = match number(arguments, &["timeout_seconds", "timeout"])? {
        None => None,
        Some(seconds) => Some(
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|time| !time.is_zero())
                .ok_or_else(|| format!("timeout_seconds must be more than 0; it is {seconds}"))?,
        ),
    };
    Ok(Request {
        code,
        language,
        own_time,
        dry_run: flag(arguments, &["dry_run", "dryRun"])?.unwrap_or(false),
        suspended: None,
    })
}
