//! Connections to MCP servers.
//!
//! An [`Upstream`] is one configured server: a cheap handle to a task which starts the server or
//! reaches it over HTTP, shakes hands in whichever era it speaks, reads its tools, keeps both up to
//! date, and starts again when the server dies.
//!
//! What is promised:
//!
//! - The result of a call is the server's own bytes: no digit, member or order is lost, and no tree
//!   is built ([`CallResult`]). rmcp does everything else about the protocol.
//! - A call is sent at most once. When it is unknown whether it ran, the error is [`CallError::Lost`].
//! - Every call ends: by its answer, its deadline, its cancellation or the end of the connection.
//!   Answers which are too large or broken end it with an error that says so.
//! - What a server sends is bounded before it is kept.
//! - Arguments, results, headers, environment values and whatever a server prints appear in no log
//!   line of this crate, at any level. (rmcp logs payloads: leave its target out of the subscriber.)
//!
//! What is left to others: which calls may be made, what results may hold, who starts processes
//! ([`Launch`]) and where the cache is kept.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest, RequestMetaObject};
use rmcp::service::{Peer, PeerRequestOptions, ServiceError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

mod cache;
mod connection;
mod elicit;
mod http;
mod lines;
mod listing;
mod owner;
mod slot;
mod stdio;

pub use cache::Cache;
pub use elicit::{Asker, Elicitation, Elicited, Visit, Wanted};
pub use listing::Listing;

use connection::OpenRequest;
use elicit::{Again, Asking, Rounds, passed};
use slot::{Answer, Answered, Slot};
use stdio::Wire;

/// The largest result that is accepted unless a stanza says otherwise.
pub const DEFAULT_MAX_RESULT_BYTES: usize = 128 << 20;
pub const DEFAULT_MAX_IN_FLIGHT: usize = 128;

const ENDED_BEFORE: &str = "it ended just before the call was sent";

/// One server as the settings describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stanza {
    /// The name by which agents and operators know the server.
    pub name: String,
    pub transport: Transport,
    /// Further calls wait, within their deadlines.
    pub max_in_flight: usize,
    pub max_result_bytes: usize,
}

impl Stanza {
    pub fn new(name: impl Into<String>, transport: Transport) -> Self {
        Self {
            name: name.into(),
            transport,
            max_in_flight: DEFAULT_MAX_IN_FLIGHT,
            max_result_bytes: DEFAULT_MAX_RESULT_BYTES,
        }
    }
}

/// How a server is reached.
#[derive(Clone, PartialEq)]
pub enum Transport {
    Stdio {
        command: String,
        args: Vec<String>,
        /// The complete environment of the process, resolved.
        env: Vec<(String, String)>,
        cwd: Option<PathBuf>,
    },
    Http {
        url: String,
        headers: Vec<(String, String)>,
    },
}

/// Arguments, environment values, headers and the query of a URL may be secrets; none is shown.
impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio { command, .. } => formatter
                .debug_struct("Stdio")
                .field("command", command)
                .finish_non_exhaustive(),
            Self::Http { .. } => formatter.debug_struct("Http").finish_non_exhaustive(),
        }
    }
}

/// Starts the processes of stdio servers.
pub trait Launch: Send + Sync {
    /// Starts `command` with exactly this environment and returns without waiting for it.
    ///
    /// The process must end, with everything it started, when [`Launched::lifeline`] is closed.
    fn launch(
        &self,
        command: &str,
        args: &[String],
        env: &[(String, String)],
        cwd: Option<&Path>,
    ) -> io::Result<Launched>;
}

/// Our ends of the pipes to a started server.
#[derive(Debug)]
pub struct Launched {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// Closing it ends the server's process group.
    pub lifeline: OwnedFd,
}

/// Which of the two protocols a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Era {
    /// Revisions up to 2025-11-25, which begin with `initialize`.
    Legacy,
    /// Revision 2026-07-28 and later, which have no sessions.
    Modern,
}

/// What is known about a server right now.
#[derive(Clone, Debug)]
pub struct Status {
    pub state: State,
    /// From the cache until the server has been asked, and still there when it is down.
    pub listing: Option<Arc<Listing>>,
    /// Present while ready: what calls are sent through.
    link: Option<Link>,
}

/// How calls reach a server.
#[derive(Clone)]
enum Link {
    /// As lines beside those of rmcp.
    Wire {
        wire: Arc<Wire>,
        /// Of every call, in the modern era.
        meta: Option<Arc<RequestMetaObject>>,
    },
    /// Through rmcp, which knows the requests, streams and headers of HTTP.
    Http {
        peer: Peer<RoleClient>,
        /// rmcp reads the arguments of calls as well: in the modern era tools may ask for some of
        /// them to be repeated in HTTP headers.
        shows_arguments: bool,
    },
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Link")
    }
}

#[derive(Clone, Debug)]
pub enum State {
    /// Calls wait for the outcome.
    Connecting,
    Ready {
        era: Era,
    },
    /// The server is started again after `retry_in`; until then calls fail at once.
    Failed {
        reason: String,
        last_words: LastWords,
        attempts: u32,
        retry_in: Duration,
    },
    Stopped,
}

/// The end of what a server wrote to its stderr, at most 4 KiB. It may hold anything, secrets
/// included: it is for the operator who asks why a server is down, and for no log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LastWords(String);

impl LastWords {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LastWords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{} bytes>", self.0.len())
    }
}

/// The bytes of the `result` member, as the server sent them.
#[derive(Clone)]
pub struct CallResult {
    pub raw: Box<RawValue>,
}

impl fmt::Debug for CallResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CallResult(<{} bytes>)", self.raw.get().len())
    }
}

/// Why a call has no result. The messages follow "failed to call a tool: ".
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The call was not sent; nothing ran.
    #[error("server {server} is not connected: {reason}")]
    Down { server: String, reason: String },
    /// The deadline passed. Unless the server was still connecting, the call may have run.
    #[error("no answer within {:.1} s", after.as_secs_f64())]
    Timeout { after: Duration },
    #[error("the result has {bytes} bytes, which is more than the limit of {limit}")]
    TooLarge { bytes: usize, limit: usize },
    /// The server broke the protocol, or used a part of it that is not supported here. The call
    /// may have run.
    #[error("the server's answer cannot be used: {message}")]
    Protocol { message: String },
    /// The server refused the call by an error of JSON-RPC, often for wrong arguments.
    #[error("the server answered with error {code}: {message}")]
    Rpc { code: i32, message: String },
    /// The server has done nothing: a human has to be somewhere first, and the call is to be made
    /// again after that. All of it is the server's words, bounded in size and not in content.
    #[error("the user has to visit a page first, and the call is to be made again after that")]
    VisitRequired {
        message: String,
        /// At least one.
        visits: Vec<Visit>,
    },
    #[error("the call was cancelled")]
    Cancelled,
    /// The server ended while the call ran: whether it took effect is unknown, and it is never
    /// sent again.
    #[error("server {server} ended during the call; whether it took effect is unknown")]
    Lost { server: String },
}

/// A handle to one server. Clones share the server, which is stopped with the last of them.
#[derive(Clone)]
pub struct Upstream {
    name: Arc<str>,
    status: watch::Receiver<Status>,
    in_flight: Arc<Semaphore>,
    stop: CancellationToken,
    _stop_with_last: Arc<DropGuard>,
}

impl Upstream {
    /// Begins to connect in the background. What the cache holds about the server is in the status
    /// when this returns.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub fn start(stanza: Stanza, launch: Arc<dyn Launch>, cache: Arc<Cache>) -> Self {
        let listing = cache.load(&stanza).map(Arc::new);
        let (publish, status) = watch::channel(Status {
            state: State::Connecting,
            listing,
            link: None,
        });
        let stop = CancellationToken::new();
        let upstream = Self {
            name: stanza.name.as_str().into(),
            status,
            in_flight: Arc::new(Semaphore::new(stanza.max_in_flight.max(1))),
            _stop_with_last: Arc::new(stop.clone().drop_guard()),
            stop: stop.clone(),
        };
        // Ends by `stop`, which the last handle cancels; `stop()` waits for it.
        tokio::spawn(owner::run(stanza, launch, cache, publish, stop));
        upstream
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Calls a tool, once. Waits for a server that is still connecting and for one of the places
    /// for calls in flight, all within the deadline.
    ///
    /// What the server asks a human meanwhile is asked of `asker`, and declined without one; the
    /// deadline stands still while it is.
    ///
    /// When this returns early or is dropped, the server is told that nobody waits any more.
    pub async fn call(
        &self,
        tool: &str,
        arguments: &RawValue,
        deadline: Instant,
        cancel: &CancellationToken,
        asker: Option<&Arc<dyn Asker>>,
    ) -> Result<CallResult, CallError> {
        let (asking, _ended) = asker.map(Asking::new).unzip();
        let allowed = deadline.saturating_duration_since(Instant::now());
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(CallError::Cancelled),
            result = self.call_at_leisure(tool, arguments, asking.as_ref()) => result,
            () = passed(deadline, asking.as_deref()) => Err(CallError::Timeout { after: allowed }),
        }
    }

    async fn call_at_leisure(
        &self,
        tool: &str,
        arguments: &RawValue,
        asking: Option<&Arc<Asking>>,
    ) -> Result<CallResult, CallError> {
        let place = self.in_flight.acquire().await.expect("never closed");
        let link = self.link().await?;
        let mut required = match self.send(&link, tool, arguments, None, asking).await? {
            Answered::Result(raw) => return Ok(CallResult { raw }),
            Answered::InputRequired(required) => required,
        };
        drop(place);
        let mut rounds = Rounds::default();
        loop {
            // Boxed, as few calls ask.
            let asked = rounds.next(&self.name, &required, asking.map(|asking| &**asking));
            let again = Box::pin(asked).await?;
            let _place = self.in_flight.acquire().await.expect("never closed");
            let sent = self.send(&link, tool, arguments, Some(again), asking);
            match Box::pin(sent).await {
                Ok(Answered::Result(raw)) => return Ok(CallResult { raw }),
                Ok(Answered::InputRequired(more)) => required = more,
                // What the server did before it asked is not known.
                Err(CallError::Down { .. }) => return Err(self.lost()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a call, or sends it again with what the server has asked for.
    async fn send(
        &self,
        link: &Link,
        tool: &str,
        arguments: &RawValue,
        again: Option<Again>,
        asking: Option<&Arc<Asking>>,
    ) -> Answer {
        match link {
            Link::Wire { wire, meta } => {
                let open = wire
                    .call(
                        meta.as_deref(),
                        tool,
                        arguments,
                        again.as_ref(),
                        asking.cloned(),
                    )
                    .map_err(|error| self.down(error.to_string()))?;
                open.answer().await.unwrap_or_else(|| Err(self.lost()))
            }
            Link::Http {
                peer,
                shows_arguments,
            } => {
                let slot = Slot::of_call(arguments, again, asking.cloned());
                // Boxed, as it is many times as large as a call over stdio.
                Box::pin(self.send_over_http(peer, *shows_arguments, tool, arguments, slot)).await
            }
        }
    }

    async fn send_over_http(
        &self,
        peer: &Peer<RoleClient>,
        shows_arguments: bool,
        tool: &str,
        arguments: &RawValue,
        slot: Slot,
    ) -> Answer {
        let mut params = CallToolRequestParams::new(tool.to_owned());
        if shows_arguments {
            params.arguments = serde_json::from_str(arguments.get()).ok();
        }
        let mut request = CallToolRequest::new(params);
        request.extensions.insert(slot.clone());
        let handle = peer
            .send_request_with_option(
                ClientRequest::CallToolRequest(request),
                PeerRequestOptions::no_options(),
            )
            .await
            .map_err(|_closed| self.down(ENDED_BEFORE.to_owned()))?;
        let answer = OpenRequest::new(handle).answer().await;
        // The slot knows more than rmcp, which saw a stand-in.
        if let Some(result) = slot.take() {
            return result;
        }
        Err(match answer {
            Err(ServiceError::McpError(error)) => elicit::refused(error),
            Err(ServiceError::TransportSend(_) | ServiceError::TransportClosed)
                if slot.was_sent() =>
            {
                self.lost()
            }
            Err(ServiceError::TransportSend(error)) => self.down(error.error.to_string()),
            Err(ServiceError::TransportClosed) => self.down(ENDED_BEFORE.to_owned()),
            Ok(_) | Err(_) => CallError::Protocol {
                message: "the answer is not a result".to_owned(),
            },
        })
    }

    async fn link(&self) -> Result<Link, CallError> {
        let mut status = self.status.clone();
        let settled = status
            .wait_for(|status| !matches!(status.state, State::Connecting))
            .await;
        match settled.as_deref() {
            Ok(Status {
                link: Some(link), ..
            }) => Ok(link.clone()),
            Ok(Status {
                state: State::Failed {
                    reason, retry_in, ..
                },
                ..
            }) => Err(self.down(format!(
                "{reason}; it is started again within {:.1} s",
                retry_in.as_secs_f64()
            ))),
            Ok(_) | Err(_) => Err(self.down("it has been stopped".to_owned())),
        }
    }

    fn lost(&self) -> CallError {
        CallError::Lost {
            server: self.name.to_string(),
        }
    }

    fn down(&self, reason: String) -> CallError {
        CallError::Down {
            server: self.name.to_string(),
            reason,
        }
    }

    /// Ends the server: its input is closed, and what still runs a while later ends with its
    /// process group. Calls in flight are lost.
    pub async fn stop(&self) {
        self.stop.cancel();
        let mut status = self.status.clone();
        let stopped = status.wait_for(|status| matches!(status.state, State::Stopped));
        // The owner's own waits add up to less; this only guards against a runtime in trouble.
        let _ = timeout(Duration::from_secs(10), stopped).await;
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Upstream")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
