//! `wait_execution`: what has come of a program that takes long.

use std::sync::Arc;
use std::time::Duration;

use journal::{Event, Past, Wanted};
use serde_json::{Map, Value};

use super::watched::{Human, Told, Waiter, told};
use super::{flag, number, string};
use crate::executions::Live;
use crate::output::{self, Answer};
use crate::server::Agent;
use crate::{Face, Session, Short, process};

pub(super) const DEFINITION: &str = r#"{"name":"wait_execution","description":"Wait for, or cancel, a program reported as running.","inputSchema":{"type":"object","properties":{"execution":{"type":"string"},"wait_seconds":{"type":"number"},"cancel":{"type":"boolean"},"session":{"type":"string"}},"required":["execution"]},"_meta":{"anthropic/alwaysLoad":true}}"#;

/// The longest wait; some clients give up after a minute.
const MOST: Duration = Duration::from_secs(45);
/// How long a program that was cancelled may take to end.
pub(super) const LAST_STEPS: Duration = Duration::from_secs(5);

pub(super) async fn call(
    agent: &Agent,
    arguments: Map<String, Value>,
    waiter: &Waiter<'_>,
) -> Told {
    let invalid = |text: String| Answer::error(format!("error invalid_argument\n{text}")).into();
    let most = match most(agent, &arguments) {
        Ok(most) => most,
        Err(text) => return invalid(text),
    };
    let cancel = match flag(&arguments, &["cancel"]) {
        Ok(cancel) => cancel.unwrap_or_default(),
        Err(text) => return invalid(text),
    };
    let named = string(&arguments, &["session"]);
    let session = agent.session_of_executions(named);
    let Some(id) = named_execution(&arguments) else {
        let running = running_here(session.as_deref());
        return invalid(format!(
            "execution is missing: name the one that an answer called running{running}"
        ));
    };
    let id = &id[..];
    let live = session
        .as_ref()
        .and_then(|session| session.executions().get(id));
    let (Some(session), Some(live)) = (&session, live) else {
        return not_here(agent, session.as_deref(), named, id).await.into();
    };
    if cancel {
        live.cancel("by wait_execution");
        let nobody = Waiter {
            human: Human::Out,
            gone: waiter.gone,
            waits_for: waiter.waits_for,
        };
        return told(agent, session, &live, LAST_STEPS, &nobody).await;
    }
    told(agent, session, &live, most, waiter).await
}

/// The program that is asked for, its short id also as models write it: `X5`, `5` or ` x5`.
fn named_execution(arguments: &Map<String, Value>) -> Option<String> {
    let named = ["execution", "execution_id", "id"]
        .iter()
        .find_map(|name| match arguments.get(*name)? {
            Value::String(id) => Some(id.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })?;
    let digits = named.strip_prefix(['x', 'X']).unwrap_or(&named);
    let is_short = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some(if is_short {
        format!("x{digits}")
    } else {
        named
    })
}

/// Names the programs of a session that run, for an agent that has not been told, or has forgotten.
fn running_here(session: Option<&Session>) -> String {
    const MOST: usize = 10;
    let running = session.map_or_else(Vec::new, |session| session.executions().running());
    let named: Vec<String> = running
        .iter()
        .rev()
        .take(MOST)
        .map(Short::to_string)
        .collect();
    match named.len() {
        0 => String::new(),
        1 => format!("; {} runs", named[0]),
        _ => format!("; {} run", named.join(", ")),
    }
}

/// How long this request is to wait at most.
///
/// # Errors
/// What the caller gave is no duration.
pub(super) fn most(agent: &Agent, arguments: &Map<String, Value>) -> Result<Duration, String> {
    match number(arguments, &["wait_seconds"])? {
        None => Ok(agent.gateway.config.limits.yield_time),
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map(|asked| asked.min(MOST))
            .map_err(|_| format!("wait_seconds must be 0 or more; it is {seconds}")),
    }
}

/// From now on a program goes on without the request that started it.
pub(super) fn leave(agent: &Agent, live: &Live) {
    if live.leave() {
        let recorder = agent.gateway.recorder();
        recorder.record(Event::ExecutionLeft {
            execution: live.id.clone(),
            session: live.session.clone(),
            short: live.short.1,
            face: agent.face.as_str().into(),
            project: recorder.usage().project().to_owned(),
            gateway: process::own().to_owned(),
        });
    }
}

/// The answer while it runs.
pub(super) fn running(agent: &Agent, live: &Arc<Live>) -> Answer {
    // Over HTTP a request may come without a session.
    output::running(live, agent.face == Face::Http)
}

/// What is known of a program that does not run here: the journal has those of gateways that have
/// ended, and those whose answer is no longer kept. It says nothing of a program that is not of
/// `session`, which is the agent's; over stdio, where a new gateway has a new session, nothing but of
/// those of earlier gateways that were started in this folder.
async fn not_here(
    agent: &Agent,
    session: Option<&Session>,
    named: Option<&str>,
    id: &str,
) -> Answer {
    let gateway = &agent.gateway;
    gateway.recorder().flush();
    let folder = gateway.config.state.join("journal");
    let project = gateway.recorder().usage().project().to_owned();
    let (wanted, face) = (id.to_owned(), agent.face);
    let of_session = session.map(|session| session.id().to_owned());
    let found = tokio::task::spawn_blocking(move || {
        let number = wanted.strip_prefix('x').and_then(|n| n.parse().ok());
        let is_own = |past: &Past| of_session.as_deref() == Some(&past.session);
        let was_here = |past: &Past| {
            face != Face::Http
                && past.face == face.as_str()
                && past.project == project
                && process::has_gone(&past.gateway)
        };
        let which = match number {
            Some(number) => Wanted::Short(number),
            None => Wanted::Id(&wanted),
        };
        journal::past(&folder, which, |past| is_own(past) || was_here(past))
    });
    match found.await {
        Ok(Ok(Some(past)))
            if !id.starts_with("x_")
                && session.is_some_and(|own| {
                    past.session != own.id() && past.short <= own.latest_execution()
                }) =>
        {
            let mut answer = output::interrupted(&past);
            answer.text.push_str(&format!(
                "\nthis is the {id} of an earlier connection; the {id} of this one has ended and was answered"
            ));
            answer
        }
        Ok(Ok(Some(past))) if past.gateway == process::own() => output::no_longer_kept(&past),
        Ok(Ok(Some(past))) if process::has_gone(&past.gateway) => output::interrupted(&past),
        Ok(Ok(_)) => {
            let id: String = id.chars().take(40).collect();
            let why = match (agent.face, session, named) {
                (Face::Http, None, None) => {
                    "name its session too, as the answer did that told of it: session=\"s_…\""
                }
                _ => "it is none of this session, or has ended and was answered",
            };
            let running = running_here(session);
            Answer::error(format!("error unknown execution {id:?}\n{why}{running}"))
        }
        Ok(Err(error)) => Answer::error(format!(
            "error interrupted\nit does not run here, and what became of it is not known: {error}"
        )),
        Err(_) => {
            Answer::error("error sandbox\nlooking for it failed, which is a fault of toolmill")
        }
    }
}

impl Agent {
    /// The session whose programs a request may ask for: the one that it names, or the connection's own.
    /// That somebody knows a program's id is no right to it.
    pub(super) fn session_of_executions(&self, named: Option<&str>) -> Option<Arc<Session>> {
        match named {
            Some(_) => self.session(named).ok(),
            None => self.opened_session().cloned(),
        }
    }
}
