//! `wait_execution`: what has come of a program that takes long.

use std::sync::Arc;
use std::time::Duration;

use journal::{Event, Wanted};
use serde_json::{Map, Value};

use super::watched::{Human, Told, Waiter, told};
use super::{number, string};
use crate::executions::Live;
use crate::output::{self, Answer};
use crate::server::Agent;
use crate::{Face, Session, process};

pub(super) const DEFINITION: &str = r#"{"name":"wait_execution","description":"Wait for, or cancel, a program reported as running.","inputSchema":{"type":"object","properties":{"execution":{"type":"string"},"wait_seconds":{"type":"number"},"cancel":{"type":"boolean"}},"required":["execution"]},"_meta":{"anthropic/alwaysLoad":true}}"#;

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
    let Some(id) = string(&arguments, &["execution", "execution_id", "id"]) else {
        return invalid("execution is missing: name the one that an answer called running".into());
    };
    let Some((session, live)) = agent.execution(id, string(&arguments, &["session"])) else {
        return not_here(agent, id).await.into();
    };
    let cancel = arguments
        .get("cancel")
        .is_some_and(|cancel| *cancel == true || *cancel == "true");
    if cancel {
        live.cancel("by wait_execution");
        let nobody = Waiter {
            human: Human::Out,
            ..*waiter
        };
        return told(agent, &session, &live, LAST_STEPS, &nobody).await;
    }
    told(agent, &session, &live, most, waiter).await
}

/// How long this request is to wait at most.
///
/// # Errors
/// What the caller gave is no duration.
pub(super) fn most(agent: &Agent, arguments: &Map<String, Value>) -> Result<Duration, String> {
    match number(arguments, &["wait_seconds"]) {
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
    // Over HTTP a request may come without a session, in which the short id would mean something.
    let short = live.short.to_string();
    match agent.face {
        Face::Http => output::running(live, &live.id, true),
        _ => output::running(live, &short, false),
    }
}

/// What is known of a program that does not run here: the journal has those of gateways that have
/// ended, and those whose answer is no longer kept.
async fn not_here(agent: &Agent, id: &str) -> Answer {
    let gateway = &agent.gateway;
    gateway.recorder().flush();
    let folder = gateway.config.state.join("journal");
    let project = gateway.recorder().usage().project().to_owned();
    let (wanted, face) = (id.to_owned(), agent.face);
    let found = tokio::task::spawn_blocking(move || {
        let number = wanted.strip_prefix('x').and_then(|n| n.parse().ok());
        match number {
            // A short id means something over stdio alone, where a new gateway has a new session.
            Some(number) if face == Face::Stdio => {
                let wanted = Wanted::Short {
                    number,
                    face: face.as_str(),
                    project: &project,
                };
                journal::past(&folder, wanted, process::has_gone)
            }
            Some(_) => Ok(None),
            None => journal::past(&folder, Wanted::Id(&wanted), |_| true),
        }
    });
    let own = agent
        .opened_session()
        .map_or(0, |session| session.latest_execution());
    match found.await {
        Ok(Ok(Some(past)))
            if id.starts_with('x')
                && !id.starts_with("x_")
                && past.short <= own
                && process::has_gone(&past.gateway) =>
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
            Answer::error(format!(
                "error unknown execution {id:?}\nit is none of this session, or has ended and was answered"
            ))
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
    /// A program of this agent's, by its short id in the session or by its whole id.
    pub(super) fn execution(
        &self,
        id: &str,
        session: Option<&str>,
    ) -> Option<(Arc<Session>, Arc<Live>)> {
        let of = |session: &Arc<Session>| Some((session.clone(), session.executions().get(id)?));
        let named = match session {
            Some(_) => self.session(session).ok(),
            None => self.opened_session().cloned(),
        };
        if let Some(found) = named.as_ref().and_then(of) {
            return Some(found);
        }
        // Over HTTP whoever knows the whole id has been told it.
        match self.face {
            Face::Http if id.starts_with("x_") => self.gateway.sessions.with(of),
            _ => None,
        }
    }
}
