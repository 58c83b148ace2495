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

/// Names of what makes a run a dry one.
const DRY_RUN: [&str; 2] = ["dry_run", "dryRun"];
/// Longest program.
const CODE_BYTES: usize = 1 << 20;

pub(super) async fn call(
    agent: &Agent,
    arguments: Map<String, Value>,
    waiter: &Waiter<'_>,
) -> Told {
    let invalid = |text: String| Answer::error(format!("error invalid_argument\n{text}")).into();
    if let Some(text) = misspelt(&arguments) {
        return invalid(text);
    }
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
    let resume = match resume(&arguments) {
        Ok(resume) => resume,
        Err(text) => return invalid(text),
    };
    let earlier = match resume {
        None => None,
        Some(name) => match session.resumable().open(&session, &name).await {
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

/// The run whose calls are to be taken up.
///
/// # Errors
/// What was given names none.
fn resume(arguments: &Map<String, Value>) -> Result<Option<String>, String> {
    match arguments.get("resume") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) if name.is_empty() => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.trim().to_owned())),
        // Runs alone have numbers that an agent is told.
        Some(Value::Number(number)) if number.is_u64() => Ok(Some(format!("x{number}"))),
        Some(other) => {
            let shown = shortened(&other.to_string(), 40);
            Err(format!(
                "resume must name the run to take up, as in resume=\"x8\"; it is {shown}"
            ))
        }
    }
}

/// What is said of a name that is no argument and may have been meant for one without which what was
/// done is done again. Others are passed over: some clients send more than was asked for.
fn misspelt(arguments: &Map<String, Value>) -> Option<String> {
    let known = |name: &str| name == "resume" || DRY_RUN.contains(&name);
    arguments
        .keys()
        .filter(|name| !known(name))
        .find_map(|name| {
            let letters: String = name
                .to_lowercase()
                .chars()
                .filter(char::is_ascii_alphabetic)
                .collect();
            let meant = match letters.as_str() {
                "dry" | "simulate" | "simulation" | "preview" | "whatif" | "noop" => "dry_run",
                letters if letters.contains("dryrun") || is_near(letters, "dryrun") => "dry_run",
                letters if letters.contains("resum") || is_near(letters, "resume") => "resume",
                _ => return None,
            };
            let name = shortened(name, 40);
            Some(format!(
                "there is no argument {name:?}, and nothing was run: write {meant}"
            ))
        })
}

/// Whether two words are the same but for one letter that is missing, wrong or too much, or for two that have
/// changed places.
fn is_near(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (a, b) = (&one[same..], &other[same..]);
    let rest = |of: &[u8], from: usize| of.get(from..).map(<[u8]>::to_vec);
    let changed_places =
        a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..];
    a.is_empty() && b.is_empty()
        || rest(a, 1) == rest(b, 1)
        || rest(a, 1).as_deref() == Some(b)
        || rest(b, 1).as_deref() == Some(a)
        || changed_places
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
        dry_run: flag(arguments, &DRY_RUN)?.unwrap_or(false),
        suspended: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_have_been_meant_for_resume_or_dry_run_is_not_passed_over() {
        for (name, meant) in [
            ("Resume", Some("resume")),
            ("RESUME", Some("resume")),
            ("resume_from", Some("resume")),
            ("resumeFrom", Some("resume")),
            ("resumes", Some("resume")),
            ("resme", Some("resume")),
            ("reusme", Some("resume")),
            ("rezume", Some("resume")),
            ("dry", Some("dry_run")),
            ("dryrun", Some("dry_run")),
            ("dry-run", Some("dry_run")),
            ("Dry_Run", Some("dry_run")),
            ("dryrn", Some("dry_run")),
            ("is_dry_run", Some("dry_run")),
            ("simulate", Some("dry_run")),
            ("resume", None),
            ("dry_run", None),
            ("dryRun", None),
            ("run", None),
            ("reset", None),
            ("description", None),
            ("", None),
            ("é", None),
        ] {
            let arguments = json!({"code": "1", name: "x8"});
            let said = misspelt(arguments.as_object().unwrap());
            let expected = meant.map(|meant| {
                format!("there is no argument {name:?}, and nothing was run: write {meant}")
            });
            assert_eq!(said, expected, "{name}");
        }
    }

    #[test]
    fn what_names_no_run_is_not_passed_over() {
        for (given, expected) in [
            (json!(null), Ok(None)),
            (json!(""), Ok(None)),
            (json!("x8"), Ok(Some("x8"))),
            (json!(" x8"), Ok(Some("x8"))),
            (json!(8), Ok(Some("x8"))),
            (json!(-8), Err("-8")),
            (json!(8.5), Err("8.5")),
            (json!(true), Err("true")),
            (json!(["x8"]), Err("[\"x8\"]")),
            (json!({"id": "x8"}), Err("{\"id\":\"x8\"}")),
        ] {
            let arguments = json!({ "resume": given });
            let said = resume(arguments.as_object().unwrap());
            let expected = match expected {
                Ok(name) => Ok(name.map(str::to_owned)),
                Err(shown) => Err(format!(
                    "resume must name the run to take up, as in resume=\"x8\"; it is {shown}"
                )),
            };
            assert_eq!(said, expected, "{given}");
        }
    }
}
