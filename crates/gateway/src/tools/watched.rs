//! A program that an agent waits for: until it has ended, until a human has to be asked, or until it
//! has taken long.
//!
//! A program whose human is asked outlives the request: whoever leaves while the dialog is open takes
//! nothing back. The repeated request of a client of the modern era comes here
//! with the answer, and never starts anything.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{WaitsFor, wait_execution};
use crate::asking::{self, Dialog, Said};
use crate::executions::Live;
use crate::output::Answer;
use crate::seal::{self, Carried, Refused};
use crate::server::Agent;
use crate::suspended::{Question, Reply};
use crate::{Face, Session};

/// What an agent's request comes to.
pub(crate) enum Told {
    Answer(Answer),
    /// The request is to be repeated with a human's answer.
    Asks(Asks),
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Told {
        Told::Answer(answer)
    }
}

/// A question for a client of the modern era, which answers it by repeating its request.
pub(crate) struct Asks {
    pub(crate) live: Arc<Live>,
    pub(crate) question: Arc<Question>,
}

/// Who waits for what a request comes to.
pub(crate) struct Waiter<'a> {
    pub(crate) human: Human<'a>,
    /// Cancelled with the request.
    pub(crate) gone: &'a CancellationToken,
    /// The program that is waited for, so that its progress is told.
    pub(crate) waits_for: &'a WaitsFor,
}

/// The human behind an agent's client, as far as the client shows dialogs.
#[derive(Clone, Copy)]
pub(crate) enum Human<'a> {
    /// The client shows none.
    Out,
    /// The client shows one when it is sent a request.
    Now(&'a dyn Shows),
    /// The client shows those in the answer to its own request.
    Later,
}

/// A client that shows a dialog when it is sent a request.
pub(crate) trait Shows: Sync {
    /// Whether it can send its human to an address.
    fn visits(&self) -> bool;

    /// Shows a dialog and waits for what is said; none when the client did not show it. Dropped, it
    /// is closed.
    fn show<'a>(
        &'a self,
        dialog: &'a Dialog<'_>,
    ) -> Pin<Box<dyn Future<Output = Option<Said>> + Send + 'a>>;
}

/// Tells an agent of a program: what it came to, what it asks, or that it runs.
pub(super) async fn told(
    agent: &Agent,
    session: &Session,
    live: &Arc<Live>,
    most: Duration,
    waiter: &Waiter<'_>,
) -> Told {
    let Waiter {
        mut human,
        gone,
        waits_for,
    } = *waiter;
    waits_for.send_replace(Some(live.clone()));
    let waiting = live.waiting();
    // Of what the agent has been told already, it is not told again before the time is over.
    let known = match human {
        Human::Out => live.told_of(),
        _ => 0,
    };
    loop {
        let question = tokio::select! {
            ended = live.wait(most) => {
                if ended {
                    return live.answer(&agent.gateway, session).await.into();
                }
                break;
            }
            question = live.asks(known) => question,
            () = gone.cancelled() => {
                if !live.was_left() {
                    live.cancel("its request was");
                }
                if live.wait(wait_execution::LAST_STEPS).await {
                    return live.answer(&agent.gateway, session).await.into();
                }
                break;
            }
        };
        match human {
            Human::Later => {
                wait_execution::leave(agent, live);
                return Told::Asks(Asks {
                    live: live.clone(),
                    question,
                });
            }
            Human::Now(client) => {
                let asked = tokio::select! {
                    asked = ask(client, live, &question) => asked,
                    // The question stays open, and the program waits for its answer.
                    () = gone.cancelled() => break,
                };
                if !asked {
                    human = Human::Out;
                }
            }
            Human::Out => {
                live.has_told(question.number);
                break;
            }
        }
    }
    drop(waiting);
    wait_execution::leave(agent, live);
    wait_execution::running(agent, live).into()
}

/// Puts a question to the human and passes the answer on. False if the client did not show it, while
/// it is still open.
async fn ask(client: &dyn Shows, live: &Live, question: &Question) -> bool {
    let program = live.short.to_string();
    let mut replies: Vec<(usize, Reply)> = Vec::new();
    for dialog in asking::dialogs(question, &program, client.visits()) {
        let said = tokio::select! {
            said = client.show(&dialog) => said,
            // It has been answered elsewhere, or nobody has in time.
            () = live.is_answered(question.number) => return true,
        };
        match said {
            Some(said) => replies.extend(dialog.replies(said)),
            None => return false,
        }
    }
    live.reply(question.number, replies);
    true
}

/// A request that is repeated with a human's answer, or says so.
///
/// Whatever is wrong with it, nothing is started: it comes to an error, or to what has become of the
/// program it is about.
pub(crate) async fn resumed(
    agent: &Agent,
    tool: &str,
    arguments: &Map<String, Value>,
    state: Option<&str>,
    answers: BTreeMap<String, Value>,
    waiter: &Waiter<'_>,
) -> Told {
    let refused = |text: &str| {
        Told::from(Answer::error(format!(
            "error denied\n{text}; nothing was run by this request"
        )))
    };
    let Some(state) = state else {
        return refused("an answer came without the requestState of its question");
    };
    let carried = match agent.gateway.seal().open(state) {
        Err(Refused::Forged) => {
            return refused("its requestState is none that this gateway gave, or was changed");
        }
        // What became of the program is told all the same.
        Err(Refused::Expired(carried)) => carried,
        Ok(carried) => {
            if carried.request != seal::digest(tool, arguments) {
                return refused("it is not the request that the question was an answer to");
            }
            answer(agent, &carried, answers);
            carried
        }
    };
    let mut wait = json!({"execution": carried.execution});
    // Over HTTP a request comes without a session of its own.
    if agent.face == Face::Http {
        wait["session"] = carried.session.into();
    }
    let Value::Object(wait) = wait else {
        unreachable!("an object was made")
    };
    wait_execution::call(agent, wait, waiter).await
}

/// Passes answers on, if they are to the question that is open and to all of it.
fn answer(agent: &Agent, carried: &Carried, answers: BTreeMap<String, Value>) {
    let session = match agent.face {
        Face::Http => Some(&carried.session[..]),
        _ => None,
    };
    let Some(session) = agent.session_of_executions(session) else {
        return;
    };
    let Some(live) = session.executions().get(&carried.execution) else {
        return;
    };
    let Some(question) = live
        .question()
        .filter(|question| question.number == carried.question && session.id() == carried.session)
    else {
        return;
    };
    let program = live.short.to_string();
    let mut replies = Vec::new();
    for dialog in asking::dialogs(&question, &program, false) {
        match answers.get(&dialog.key()) {
            Some(answer) => replies.extend(dialog.replies(said(answer))),
            // The rest of the question is asked again, with all of it.
            None => return,
        }
    }
    live.reply(carried.question, replies);
}

/// The result of an elicitation.
pub(crate) fn said(result: &Value) -> Said {
    match result["action"].as_str() {
        Some("accept") => Said::Accept(result.get("content").cloned()),
        Some("decline") => Said::Decline,
        _ => Said::Cancel,
    }
}
