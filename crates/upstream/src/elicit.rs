//! What a server asks a human in the middle of a call.
//!
//! A legacy server sends a request of its own while the call is open; a modern one answers the call
//! with what it wants to know, and is sent the call again with the answers. Both end at the [`Asker`]
//! that was given with the call. While a question is open, the call's deadline stands still.
//!
//! A request of a legacy server does not say which call it is about. Over HTTP the stream on which it
//! comes tells; over stdio it is passed on only if all open calls of the server have the same asker,
//! and declined otherwise: a question of one agent's call must not reach another agent's human.
//!
//! A server of revision 2025-11-25 may also refuse a call until a human has been to a page of its. That
//! is an error of the call ([`refused`]): nobody here is told when the human is done, so whoever called
//! calls again.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use rmcp::model::{ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::CallError;

/// How many times a call may ask, and how many things at once.
const MOST_ROUNDS: u32 = 10;
const MOST_AT_ONCE: usize = 16;
const MESSAGE_BYTES: usize = 16 << 10;
const SCHEMA_BYTES: usize = 64 << 10;
const MOST_FIELDS: usize = 64;
const URL_BYTES: usize = 4 << 10;
/// `URLElicitationRequiredError`. Others use the same number for errors without such data.
const URL_ELICITATION_REQUIRED: i32 = -32042;
/// Longest answer of a modern server that asks, with the state which it wants back.
const ROUND_BYTES: usize = 1 << 20;
/// How long a modern server that only wants the call again is left alone first, and at most.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_AT_MOST: Duration = Duration::from_millis(250);

/// What the log says of a server that is declined without its question having been shown. An error would
/// tell it that nobody is ever asked here.
pub(crate) const CANNOT_BE_READ: &str =
    "it asks a human for something that cannot be read; declined";

/// Asks a human for whoever makes a call.
pub trait Asker: Send + Sync {
    /// Asks and waits for the answer. Dropped when the server or the call does not wait any more.
    fn elicit<'a>(
        &'a self,
        server: &'a str,
        elicitation: Elicitation,
    ) -> Pin<Box<dyn Future<Output = Elicited> + Send + 'a>>;
}

/// What a server wants to know. All of it is the server's words, bounded in size and not in content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elicitation {
    pub message: String,
    pub wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The fields of a form: JSON of a schema of an object with plain members.
    Form { schema: String },
    /// A visit to this address, which tells the server directly.
    Visit { url: String },
}

/// What the human said.
#[derive(Clone, Debug)]
pub enum Elicited {
    /// With the form's fields, where a form was asked for.
    Accept(Option<Box<RawValue>>),
    Decline,
    Cancel,
}

impl Elicitation {
    /// # Errors
    /// It is larger than any human would read.
    pub(crate) fn read(params: ElicitRequestParams) -> Result<Elicitation, String> {
        let within = |what: &str, bytes: usize, most: usize| match bytes <= most {
            true => Ok(()),
            false => Err(format!("{what} has {bytes} bytes; at most {most}")),
        };
        match params {
            ElicitRequestParams::FormElicitationParams {
                message,
                requested_schema,
                ..
            } => {
                let schema = serde_json::to_string(&requested_schema)
                    .map_err(|error| format!("the form cannot be read: {error}"))?;
                within("the message", message.len(), MESSAGE_BYTES)?;
                within("the form", schema.len(), SCHEMA_BYTES)?;
                let fields = requested_schema.properties.len();
                if fields > MOST_FIELDS {
                    return Err(format!(
                        "the form has {fields} fields; at most {MOST_FIELDS}"
                    ));
                }
                Ok(Elicitation {
                    message,
                    wanted: Wanted::Form { schema },
                })
            }
            ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
                within("the message", message.len(), MESSAGE_BYTES)?;
                within("the URL", url.len(), URL_BYTES)?;
                Ok(Elicitation {
                    message,
                    wanted: Wanted::Visit { url },
                })
            }
            _ => Err("only forms and URLs can be asked for".to_owned()),
        }
    }
}

/// A page that a human has to visit before a server does anything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Visit {
    pub url: String,
    /// What it is good for.
    #[serde(default)]
    pub message: String,
}

/// What an error that a server answered with means for the call.
pub(crate) fn refused(error: ErrorData) -> CallError {
    let message = error.message.into_owned();
    let visits = match error.code.0 {
        URL_ELICITATION_REQUIRED => error.data.map(visits).unwrap_or_default(),
        _ => Vec::new(),
    };
    if visits.is_empty() {
        let code = error.code.0;
        return CallError::Rpc { code, message };
    }
    CallError::VisitRequired { message, visits }
}

/// The visits that such an error asks for; those that are none, or too large, are left out.
fn visits(data: Value) -> Vec<Visit> {
    #[derive(Deserialize)]
    struct Required {
        elicitations: Vec<Value>,
    }
    let Ok(Required { elicitations }) = serde_json::from_value(data) else {
        return Vec::new();
    };
    let visits = elicitations.into_iter().filter_map(|elicitation| {
        let visit: Visit = serde_json::from_value(elicitation).ok()?;
        let fits = visit.url.len() <= URL_BYTES && visit.message.len() <= MESSAGE_BYTES;
        fits.then_some(visit)
    });
    visits.take(MOST_AT_ONCE).collect()
}

impl From<Elicited> for ElicitResult {
    fn from(elicited: Elicited) -> Self {
        match elicited {
            Elicited::Accept(content) => {
                let mut result = ElicitResult::new(ElicitationAction::Accept);
                result.content =
                    content.and_then(|content| serde_json::from_str(content.get()).ok());
                result
            }
            Elicited::Decline => ElicitResult::new(ElicitationAction::Decline),
            Elicited::Cancel => ElicitResult::new(ElicitationAction::Cancel),
        }
    }
}

/// An open call, as far as questions go.
pub(crate) struct Asking {
    asker: Arc<dyn Asker>,
    asked: AtomicU32,
    /// How many questions are open.
    open: watch::Sender<usize>,
    /// Cancelled when the call has ended.
    ended: CancellationToken,
}

impl Asking {
    pub(crate) fn new(asker: &Arc<dyn Asker>) -> (Arc<Asking>, DropGuard) {
        let ended = CancellationToken::new();
        let asking = Asking {
            asker: asker.clone(),
            asked: AtomicU32::new(0),
            open: watch::Sender::new(0),
            ended: ended.clone(),
        };
        (Arc::new(asking), ended.drop_guard())
    }

    pub(crate) fn has_asker_of(&self, other: &Asking) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.asker), Arc::as_ptr(&other.asker))
    }

    async fn elicit(&self, server: &str, elicitation: Elicitation) -> Elicited {
        let _pause = Pause::begin(self);
        self.asker.elicit(server, elicitation).await
    }
}

/// Stops the deadline of a call while it lives.
struct Pause<'a>(&'a Asking);

impl<'a> Pause<'a> {
    fn begin(asking: &'a Asking) -> Pause<'a> {
        asking.open.send_modify(|open| *open += 1);
        Pause(asking)
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

/// Asks for a request of a legacy server. `calls` are those that it may be about: all have one asker.
pub(crate) async fn elicit(
    server: &str,
    calls: &[Arc<Asking>],
    elicitation: Elicitation,
) -> Elicited {
    let Some(first) = calls
        .iter()
        .min_by_key(|call| call.asked.load(Ordering::Relaxed))
        .filter(|call| call.asked.fetch_add(1, Ordering::Relaxed) < MOST_ROUNDS)
    else {
        tracing::warn!(server, "it asks again and again; declined");
        return Elicited::Decline;
    };
    let _pauses: Vec<Pause<'_>> = calls.iter().map(|call| Pause::begin(call)).collect();
    let all_ended = async {
        for call in calls {
            call.ended.cancelled().await;
        }
    };
    tokio::select! {
        elicited = first.asker.elicit(server, elicitation) => elicited,
        () = all_ended => Elicited::Cancel,
    }
}

/// Waits until a call's time is up, not counting that during which it asks.
pub(crate) async fn passed(mut deadline: Instant, asking: Option<&Asking>) {
    let Some(asking) = asking else {
        return sleep_until(deadline).await;
    };
    let mut open = asking.open.subscribe();
    loop {
        tokio::select! {
            () = sleep_until(deadline) => return,
            _ = open.wait_for(|open| *open > 0) => {}
        }
        let begun = Instant::now();
        // The sender is borrowed, so it is there.
        let _ = open.wait_for(|open| *open == 0).await;
        deadline += begun.elapsed();
    }
}

/// What a modern server answers a call with when it wants to know something first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired {
    #[serde(default)]
    input_requests: Option<BTreeMap<String, InputRequest>>,
    request_state: Option<String>,
}

#[derive(Debug, Deserialize)]
struct InputRequest {
    method: String,
    #[serde(default)]
    params: Option<Box<RawValue>>,
}

/// What a call carries when it is sent again.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Again {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    input_responses: BTreeMap<String, InputResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_state: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct InputResponse {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Box<RawValue>>,
}

/// The rounds of one call of a modern server.
#[derive(Default)]
pub(crate) struct Rounds {
    made: u32,
    /// Rounds one after the other in which nothing was asked.
    silent: u32,
}

impl Rounds {
    /// Asks what a server wants to know.
    ///
    /// # Errors
    /// It cannot be asked: the call ends.
    pub(crate) async fn next(
        &mut self,
        server: &str,
        required: &RawValue,
        asking: Option<&Asking>,
    ) -> Result<Again, CallError> {
        let unusable = |message: String| CallError::Protocol { message };
        self.made += 1;
        if self.made > MOST_ROUNDS {
            return Err(unusable(format!(
                "the server asked for input more than {MOST_ROUNDS} times"
            )));
        }
        if required.get().len() > ROUND_BYTES {
            return Err(unusable(format!(
                "the server asked for input with {} bytes; at most {ROUND_BYTES}",
                required.get().len()
            )));
        }
        let InputRequired {
            input_requests,
            request_state,
        } = serde_json::from_str(required.get()).map_err(|error| {
            unusable(format!(
                "the server asked for input in a way that cannot be read: {error}"
            ))
        })?;
        let requests = input_requests.unwrap_or_default();
        if requests.is_empty() {
            if request_state.is_none() {
                return Err(unusable(
                    "the server asked for input, but for none in particular".into(),
                ));
            }
            sleep((AGAIN * 2_u32.pow(self.silent.min(8))).min(AGAIN_AT_MOST)).await;
            self.silent += 1;
        } else {
            self.silent = 0;
        }
        if requests.len() > MOST_AT_ONCE {
            return Err(unusable(format!(
                "the server asked for {} things at once; at most {MOST_AT_ONCE}",
                requests.len()
            )));
        }
        let mut elicitations = Vec::new();
        for (key, request) in requests {
            if request.method != "elicitation/create" {
                let method: String = request.method.chars().take(64).collect();
                return Err(unusable(format!(
                    "the server asked the agent for {method:?}, which is not supported"
                )));
            }
            let params = request.params.as_ref().map_or("{}", |params| params.get());
            let elicitation = match serde_json::from_str(params) {
                Ok(params) => Some(Elicitation::read(params).map_err(|problem| {
                    unusable(format!(
                        "the server asked something that cannot be shown: {problem}"
                    ))
                })?),
                Err(_) => {
                    tracing::warn!(server, "{CANNOT_BE_READ}");
                    None
                }
            };
            elicitations.push((key, elicitation));
        }
        let answers = elicitations.into_iter().map(async |(key, elicitation)| {
            let elicited = match (asking, elicitation) {
                (Some(asking), Some(elicitation)) => asking.elicit(server, elicitation).await,
                _ => Elicited::Decline,
            };
            let (action, content) = match elicited {
                Elicited::Accept(content) => ("accept", content),
                Elicited::Decline => ("decline", None),
                Elicited::Cancel => ("cancel", None),
            };
            (key, InputResponse { action, content })
        });
        Ok(Again {
            input_responses: join_all(answers).await.into_iter().collect(),
            request_state,
        })
    }
}
