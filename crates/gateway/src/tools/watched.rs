//! A program that an agent waits for: until it has ended, until a human has to be asked, or until it
//! has taken long.
//!
//! A program whose human is asked outlives the request: whoever leaves while the dialog is open takes
//! nothing back. Nor does a dialog hold a request up: it may stay open when the request has been
//! answered, and what is said there counts when it comes. The repeated request of a client of the modern era comes here
//! with the answer, and never starts anything.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{WaitsFor, wait_execution};
use crate::asking::{self, Dialog, Said};
use crate::executions::{Live, Showing};
use crate::output::Answer;
use crate::seal::{self, Carried, Refused};
use crate::server::Agent;
use crate::suspended::Question;
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
    pub(crate) human: Human,
    /// Cancelled with the request.
    pub(crate) gone: &'a CancellationToken,
    /// The program that is waited for, so that its progress is told.
    pub(crate) waits_for: &'a WaitsFor,
}

/// The human behind an agent's client, as far as the client shows dialogs.
#[derive(Clone)]
pub(crate) enum Human {
    /// The client shows none.
    Out,
    /// The client shows one when it is sent a request.
    Now(Arc<dyn Shows>),
    /// The client shows those in the answer to its own request.
    Later,
}

/// A client that shows a dialog when it is sent a request.
pub(crate) trait Shows: Send + Sync {
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
    let gone = waiter.gone;
    let mut human = waiter.human.clone();
    waiter.waits_for.send_replace(Some(live.clone()));
    let waiting = live.waiting();
    let until = Instant::now() + most;
    // Of what the agent has been told already, it is not told again before the time is over.
    let known = match human {
        Human::Out => live.told_of(),
        _ => 0,
    };
    // Closes the dialog that is opened here.
    let closed = CancellationToken::new();
    let not_shown = CancellationToken::new();
    loop {
        let asked = async {
            match &human {
                Human::Out | Human::Later => Asked::Question(live.asks(known).await),
                Human::Now(client) => Asked::ToBeShown(live.to_be_shown().await, client.clone()),
            }
        };
        let asked = tokio::select! {
            biased;
            () = not_shown.cancelled(), if matches!(human, Human::Now(_)) => {
                human = Human::Out;
                continue;
            }
            () = gone.cancelled() => {
                closed.cancel();
                // The question stays open, and the program waits for its answer.
                if live.is_shown() {
                    break;
                }
                if !live.was_left() {
                    live.cancel("its request was");
                }
                if live.wait(wait_execution::LAST_STEPS).await {
                    return live.answer(&agent.gateway, session).await.into();
                }
                break;
            }
            asked = asked => asked,
            ended = live.wait(until.saturating_duration_since(Instant::now())) => {
                if ended {
                    return live.answer(&agent.gateway, session).await.into();
                }
                break;
            }
        };
        match asked {
            Asked::ToBeShown(program, client) => {
                let (closed, not_shown) = (closed.clone(), not_shown.clone());
                // It ends with the question, and so with the program.
                agent.gateway.tasks.spawn(async move {
                    tokio::select! {
                        shown = ask(&*client, &program) => if !shown { not_shown.cancel() },
                        () = closed.cancelled() => {}
                    }
                });
            }
            Asked::Question(question) if matches!(human, Human::Later) => {
                wait_execution::leave(agent, live);
                return Told::Asks(Asks {
                    live: live.clone(),
                    question,
                });
            }
            Asked::Question(question) => {
                live.has_told(question.number);
                break;
            }
        }
    }
    drop(waiting);
    wait_execution::leave(agent, live);
    wait_execution::running(agent, live).into()
}

/// A question of a program that is waited for.
enum Asked {
    Question(Arc<Question>),
    /// By this client, and by nobody else meanwhile.
    ToBeShown(Showing, Arc<dyn Shows>),
}

/// Puts what a program asks to the human, dialog by dialog, and passes each answer on as it comes. False
/// if the client did not show one, while its question is still open.
async fn ask(client: &dyn Shows, live: &Live) -> bool {
    let program = live.short.to_string();
    while let Some(question) = live.question() {
        let dialogs = asking::dialogs(&question, &program, client.visits());
        let Some(dialog) = dialogs.first() else {
            return false;
        };
        let said = tokio::select! {
            said = client.show(dialog) => said,
            // It has been answered elsewhere, or nobody has in time.
            () = live.is_answered(question.number) => continue,
        };
        let Some(said) = said else { return false };
        // What was answered is no longer part of the question.
        if !live.reply(question.number, dialog.replies(said)) {
            return false;
        }
    }
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

/// Passes answers on, if they are to the question that is open; the rest of it is asked on.
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
        if let Some(answer) = answers.get(&dialog.key()) {
            replies.extend(dialog.replies(said(answer)));
        }
    }
    if !replies.is_empty() {
        live.reply(carried.question, replies);
    }
}

/// The result of an elicitation.
pub(crate) fn said(result: &Value) -> Said {
    match result["action"].as_str() {
        Some("accept") => Said::Accept(result.get("content").cloned()),
        Some("decline") => Said::Decline,
        _ => Said::Cancel,
    }
}
