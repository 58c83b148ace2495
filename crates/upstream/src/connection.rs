//! One connection to a server, from launch to handshake.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt as _;
#[expect(deprecated, reason = "legacy servers still ask for roots")]
use rmcp::model::ListRootsResult;
use rmcp::model::{
    ClientCapabilities, ClientConfig, CustomRequest, CustomResult, ElicitRequestParams,
    ElicitResult, ElicitationCapability, ErrorCode, ErrorData, FormElicitationCapability,
    Implementation, ListRootsRequestMethod, ProtocolVersion, RequestMetaObject, ServerResult,
    UrlElicitationCapability,
};
use rmcp::service::{
    ClientCacheConfig, ClientInitializeError, ClientLifecycleMode, InboundStreamOrigin,
    NotificationContext, Peer, RequestContext, RequestHandle, RunningService,
};
use rmcp::{ClientHandler, ClientServiceExt as _, RoleClient, ServiceError};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::elicit::{CANNOT_BE_READ, Elicitation, Elicited, elicit};
use crate::http::{self, HttpError};
use crate::slot::Waiting;
use crate::stdio::{Observed, StdioTransport, Wire};
use crate::{Era, LastWords, Launch, Stanza, Transport};

/// rmcp gives a server 10 s to answer `server/discover`. Servers that mean to answer do so in
/// milliseconds once they run, and one that was merely slow to start is noticed when it answers
/// late (and remembered as modern).
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// A server remembered as modern is waited for, but not so long that no time is left to find that
/// it has changed.
const REMEMBERED_PROBE_TIMEOUT: Duration = Duration::from_secs(30);

const CLOSED: &str = "it exited or closed the connection before it answered";

/// A server that has finished its handshake.
pub(crate) struct Connection {
    pub(crate) service: RunningService<RoleClient, Client>,
    pub(crate) era: Era,
    pub(crate) tools_changed: Arc<Notify>,
    pub(crate) observed: Arc<Observed>,
    pub(crate) stderr: Option<AbortOnDropHandle<()>>,
    /// Of a stdio connection.
    pub(crate) wire: Option<Arc<Wire>>,
}

/// Why there is no connection, in words for the operator.
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) last_words: LastWords,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            last_words: LastWords::default(),
        }
    }
}

/// Starts or reaches the server and shakes hands in the era it is remembered for.
///
/// A server which then fails is tried once more in the other way: it may have been updated since,
/// and there are legacy servers which exit when their first message is not `initialize`.
pub(crate) async fn connect(
    stanza: &Stanza,
    launch: &Arc<dyn Launch>,
    remembered: Option<Era>,
) -> Result<Connection, Refusal> {
    let failure = match attempt(stanza, launch, remembered).await {
        Ok(connection) => return Ok(connection),
        Err(failure) => failure,
    };
    let other = match (remembered, failure.kind) {
        (_, Kind::Final) => None,
        // Unknown and refused: most often a modern server that was too slow to start to answer the
        // probe in time, and then would not hear of the legacy handshake.
        (Some(Era::Legacy), _) | (None, Kind::Refused) => Some(Era::Modern),
        (Some(Era::Modern), _) | (None, Kind::Closed) => Some(Era::Legacy),
    };
    match other {
        None => Err(failure.refusal),
        // The first reason is the one that explains; the second is a consequence of guessing.
        Some(other) => attempt(stanza, launch, Some(other))
            .await
            .map_err(|_| failure.refusal),
    }
}

struct Failure {
    kind: Kind,
    refusal: Refusal,
}

#[derive(Clone, Copy)]
enum Kind {
    /// The server ended the connection without a word.
    Closed,
    /// The server answered, but not with a session.
    Refused,
    /// No other handshake would do better.
    Final,
}

async fn attempt(
    stanza: &Stanza,
    launch: &Arc<dyn Launch>,
    era: Option<Era>,
) -> Result<Connection, Failure> {
    let server: Arc<str> = stanza.name.as_str().into();
    // rmcp has to see lists over HTTP only.
    let shows_lists = matches!(stanza.transport, Transport::Http { .. });
    let waiting = Arc::new(Waiting::new(server.clone(), shows_lists));
    let client = Client {
        tools_changed: Arc::default(),
        waiting: waiting.clone(),
    };
    let tools_changed = client.tools_changed.clone();
    let observed = Arc::<Observed>::default();
    let lifecycle = lifecycle(era);
    let probe_timeout = if era.is_none() {
        PROBE_TIMEOUT
    } else {
        REMEMBERED_PROBE_TIMEOUT
    };
    let (service, wire, stderr) = match &stanza.transport {
        Transport::Stdio {
            command,
            args,
            env,
            cwd,
        } => {
            let failed = |error: io::Error| Failure {
                kind: Kind::Final,
                refusal: Refusal::new(not_started(command, env, cwd.as_deref(), &error)),
            };
            let launched = launch
                .launch(command, args, env, cwd.as_deref())
                .map_err(failed)?;
            let (transport, wire, stderr) = StdioTransport::new(
                waiting,
                launched,
                stanza.max_result_bytes,
                probe_timeout,
                observed.clone(),
            )
            .map_err(failed)?;
            (
                client.serve_with_lifecycle(transport, lifecycle).await,
                Some(wire),
                Some(stderr),
            )
        }
        Transport::Http { url, headers } => {
            let transport = http::transport(
                server,
                waiting,
                url,
                headers,
                stanza.max_in_flight,
                stanza.max_result_bytes,
                probe_timeout,
            )
            .map_err(|error| Failure {
                kind: Kind::Final,
                refusal: Refusal::new(error.to_string()),
            })?;
            (
                client.serve_with_lifecycle(transport, lifecycle).await,
                None,
                None,
            )
        }
    };
    match service {
        Ok(service) => {
            service
                .peer()
                .set_response_cache_config(ClientCacheConfig::disabled())
                .await;
            let era = era_of(service.peer());
            Ok(Connection {
                service,
                era,
                tools_changed,
                observed,
                stderr,
                wire,
            })
        }
        Err(error) => {
            let (kind, reason) = explain(&error);
            Err(Failure {
                kind,
                refusal: post_mortem(reason, &observed, stderr).await,
            })
        }
    }
}

/// Adds what the server said beside the protocol to the reason why it is gone.
pub(crate) async fn post_mortem(
    mut reason: String,
    observed: &Observed,
    stderr: Option<AbortOnDropHandle<()>>,
) -> Refusal {
    if let Some(stderr) = stderr {
        // What it wrote last may still be in the pipe; a grandchild may hold the pipe for ever.
        let _ = tokio::time::timeout(Duration::from_millis(500), stderr).await;
    }
    let lines = observed.not_json_rpc.load(Ordering::Relaxed);
    if lines > 0 {
        reason.push_str(&format!(
            "; {lines} line(s) on its stdout were not JSON-RPC (banners and logs belong on stderr)"
        ));
    }
    Refusal {
        reason,
        last_words: observed.last_words(),
    }
}

/// Why a command did not start, and what to do about it. A client that was not started from a shell
/// gives its servers, us among them, a shorter `PATH` than people expect.
fn not_started(
    command: &str,
    env: &[(String, String)],
    cwd: Option<&Path>,
    error: &io::Error,
) -> String {
    const PATH_CHARACTERS: usize = 300;

    let failed = format!("`{command}` could not be started");
    if error.kind() != io::ErrorKind::NotFound {
        return format!("{failed}: {error}");
    }
    if let Some(cwd) = cwd.filter(|cwd| !cwd.is_dir()) {
        let cwd = cwd.display();
        return format!("{failed}: its working directory {cwd} does not exist; mend `cwd`");
    }
    if command.contains('/') {
        return format!(
            "{failed}: {error}; mend the path, or install the interpreter that its first line names"
        );
    }
    let path = env.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or("", |(_, path)| path);
    let mut shown: String = path.chars().take(PATH_CHARACTERS).collect();
    if shown.len() < path.len() {
        shown.push('…');
    }
    let install = match command {
        "npx" | "npm" | "node" => "install Node.js",
        "uvx" | "uv" => "install uv",
        "bunx" | "bun" => "install Bun",
        "docker" => "install Docker",
        _ => "install it",
    };
    format!(
        "`{command}` is not on the PATH this toolmill was given (PATH={shown}): {install}, or write \
         an absolute path as `command`"
    )
}

fn lifecycle(era: Option<Era>) -> ClientLifecycleMode {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    match era {
        Some(Era::Legacy) => ClientLifecycleMode::Initialize,
        Some(Era::Modern) => ClientLifecycleMode::Discover { preferred_versions },
        None => ClientLifecycleMode::Auto {
            preferred_versions,
            legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
        },
    }
}

fn era_of(peer: &Peer<RoleClient>) -> Era {
    match peer.peer_info() {
        Some(info) if !info.protocol_version.has_initialize() => Era::Modern,
        _ => Era::Legacy,
    }
}

fn explain(error: &ClientInitializeError) -> (Kind, String) {
    use ClientInitializeError as Error;
    match error {
        Error::ConnectionClosed(_) => (Kind::Closed, CLOSED.to_owned()),
        Error::JsonRpcError(error) => (
            Kind::Refused,
            format!("it refused the handshake: {}", said(error)),
        ),
        Error::NoCompatibleProtocolVersion {
            server_supported, ..
        } => {
            let versions: Vec<_> = server_supported
                .iter()
                .map(ProtocolVersion::as_str)
                .collect();
            (
                Kind::Refused,
                format!(
                    "it speaks no protocol version known here, only: {}",
                    versions.join(", ")
                ),
            )
        }
        Error::TransportError { error, .. } => match HttpError::within(&*error.error) {
            Some(error) if error.is_final() => (Kind::Final, error.to_string()),
            Some(error) => (Kind::Refused, error.to_string()),
            None => (Kind::Closed, CLOSED.to_owned()),
        },
        Error::LegacyFallbackFailed { fallback, .. } => explain(fallback),
        // Their own messages print what the server sent.
        _ => (
            Kind::Refused,
            "it answered the handshake with something else".to_owned(),
        ),
    }
}

fn said(error: &ErrorData) -> String {
    let message: String = error.message.chars().take(500).collect();
    format!("{message} (code {})", error.code.0)
}

fn implementation() -> Implementation {
    Implementation::new("toolmill", env!("CARGO_PKG_VERSION"))
}

/// What each request to a server of the modern era says of its sender, which has no session.
pub(crate) fn request_meta(peer: &Peer<RoleClient>) -> Option<RequestMetaObject> {
    let info = peer.peer_info()?;
    (era_of(peer) == Era::Modern).then(|| {
        RequestMetaObject::with_client_context(
            info.protocol_version.clone(),
            implementation(),
            capabilities(),
        )
    })
}

fn capabilities() -> ClientCapabilities {
    let mut capabilities = ClientCapabilities::default();
    capabilities.elicitation = Some(
        ElicitationCapability::new()
            .with_form(FormElicitationCapability::new())
            .with_url(UrlElicitationCapability::new()),
    );
    capabilities
}

/// The client as servers see it: it asks humans, and has no roots and no sampling. Requests for those
/// are declined although they were never offered; pings are answered.
pub(crate) struct Client {
    tools_changed: Arc<Notify>,
    /// The calls of the connection, one of which a question is about.
    waiting: Arc<Waiting>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(capabilities(), implementation())
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.tools_changed.notify_one();
    }

    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let server = self.waiting.server();
        let elicitation = Elicitation::read(params)
            .map_err(|problem| ErrorData::invalid_params(problem, None))?;
        let call = match context.extensions.get() {
            Some(InboundStreamOrigin::OutboundRequest(id)) => Some(id),
            _ => None,
        };
        let Some(calls) = self.waiting.asking(call) else {
            tracing::warn!(
                server,
                "it asks a human, and it is not known for which of its calls; declined"
            );
            return Ok(Elicited::Decline.into());
        };
        let elicited = tokio::select! {
            elicited = elicit(server, &calls, elicitation) => elicited,
            () = context.ct.cancelled() => Elicited::Cancel,
        };
        Ok(elicited.into())
    }

    /// What has not been read as any request that is known: forms of a newer kind, or of none.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleClient>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == "elicitation/create" {
            tracing::warn!(server = self.waiting.server(), "{CANNOT_BE_READ}");
            return Ok(CustomResult::new(serde_json::json!({"action": "decline"})));
        }
        Err(ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            request.method,
            None,
        ))
    }

    #[expect(deprecated, reason = "legacy servers still ask for roots")]
    async fn list_roots(
        &self,
        _context: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListRootsRequestMethod>())
    }
}

/// A request that has been sent. Dropped before its answer came, it tells the server that nobody
/// waits any more: so a cancelled call, a passed deadline and a dropped future end alike.
pub(crate) struct OpenRequest(Option<RequestHandle<RoleClient>>);

impl OpenRequest {
    pub(crate) fn new(handle: RequestHandle<RoleClient>) -> Self {
        Self(Some(handle))
    }

    pub(crate) async fn answer(mut self) -> Result<ServerResult, ServiceError> {
        let handle = self.0.as_mut().expect("only taken when dropped");
        let answer = (&mut handle.rx).await;
        self.0 = None;
        answer.unwrap_or(Err(ServiceError::TransportClosed))
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            // One poll puts the notification into rmcp's queue of 1,024; what follows would only
            // wait for it to be written. Unconstrained, or tokio might make that poll yield.
            let cancel = handle.cancel(Some("the caller stopped waiting".to_owned()));
            let _ = tokio::task::unconstrained(cancel).now_or_never();
        }
    }
}
