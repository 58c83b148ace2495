//! The agent's side of MCP, in both eras: the only place that knows rmcp's server side.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::{MaybeSendFuture, RequestContext, RoleServer, ServiceExt};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use crate::output::Answer;
use crate::{Face, Gateway, Session, tools};

/// How long what runs may go on once the agent has gone.
const LAST_WORK: Duration = Duration::from_secs(5);
/// How long answers to what was ended may still be on their way.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// Longest line from an agent over standard input.
const LINE_BYTES: usize = 64 << 20;
/// Longest request over HTTP: a program, with room for its wrapping.
const REQUEST_BYTES: usize = 8 << 20;
/// Clients that asked for progress hear of us at least this often.
const PROGRESS: Duration = Duration::from_secs(10);

/// Who reads the answers of `execute_code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A model: one text, within a budget.
    Model,
    /// Another program: the value as structured content.
    Program,
}

/// One agent's connection; over stateless HTTP, one request.
pub(crate) struct Agent {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) face: Face,
    pub(crate) reader: Reader,
    /// Opened by the first program.
    session: OnceLock<Arc<Session>>,
    /// Cancelled when the connection has ended and its last work must too.
    ended: CancellationToken,
}

impl Agent {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        face: Face,
        reader: Reader,
        ended: CancellationToken,
    ) -> Agent {
        Agent {
            gateway,
            face,
            reader,
            session: OnceLock::new(),
            ended,
        }
    }

    /// Cancelled when the connection has ended and its last work must too.
    pub(crate) fn connection(&self) -> &CancellationToken {
        &self.ended
    }

    /// The connection's own session, if a program has opened it.
    pub(crate) fn opened_session(&self) -> Option<&Arc<Session>> {
        self.session.get()
    }

    /// The session a program runs in: the connection's own, or the one it names.
    ///
    /// # Errors
    /// The id is not one that this agent was told: a stranger's id is as unknown as none.
    pub(crate) fn session(&self, named: Option<&str>) -> Result<Arc<Session>, String> {
        let unknown = |id: &str| {
            format!("unknown session {id:?}; leave `session` out, or use one that an answer named")
        };
        match (self.face, named) {
            (Face::Http, Some(id)) => self.gateway.sessions.get(id).ok_or_else(|| unknown(id)),
            (Face::Http, None) => Ok(self
                .session
                .get_or_init(|| {
                    let session = Session::open(&self.gateway, self.face, None);
                    self.gateway.sessions.keep(&session);
                    session
                })
                .clone()),
            (_, named) => {
                let own = self
                    .session
                    .get_or_init(|| Session::open(&self.gateway, self.face, None));
                match named {
                    Some(id) if id != own.id() => Err(unknown(id)),
                    _ => Ok(own.clone()),
                }
            }
        }
    }
}

/// Serves one agent over standard input and output until it closes its end or `shutdown` is
/// cancelled; what runs then has [`LAST_WORK`] to finish.
///
/// # Errors
/// The first message is not one that begins a session.
pub async fn serve_stdio(
    gateway: Arc<Gateway>,
    reader: Reader,
    shutdown: CancellationToken,
) -> Result<(), String> {
    gateway.expect_more();
    let ended = CancellationToken::new();
    let agent = Agent::new(gateway, Face::Stdio, reader, ended.clone());
    let serving = async {
        let (input, output) = rmcp::transport::stdio_pipes();
        // A longer line is dropped without an answer, so the bound is where no program comes near.
        let transport =
            AsyncRwTransport::new_server(input, output).with_max_line_length(LINE_BYTES);
        let running = agent
            .serve(transport)
            .await
            .map_err(|error| error.to_string())?;
        running
            .waiting()
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let result = tokio::select! {
        result = serving => result,
        () = async { shutdown.cancelled().await; tokio::time::sleep(LAST_WORK).await } => Ok(()),
    };
    ended.cancel();
    result
}

/// Serves agents over streamable HTTP on `listener`, both eras, until `shutdown` is cancelled; what
/// runs then has [`LAST_WORK`] to finish. Every request must carry `token` unless there is none,
/// name a loopback host, and come from no web page.
///
/// # Errors
/// The listener fails.
pub async fn serve_http(
    gateway: Arc<Gateway>,
    reader: Reader,
    listener: tokio::net::TcpListener,
    token: Option<String>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    gateway.expect_more();
    let ended = CancellationToken::new();
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(["localhost", "127.0.0.1", "::1"])
        .enforce_origin_validation()
        .with_max_request_body_bytes(REQUEST_BYTES)
        .with_cancellation_token(ended.clone());
    let service = {
        let ended = ended.clone();
        StreamableHttpService::new(
            move || {
                Ok(Agent::new(
                    gateway.clone(),
                    Face::Http,
                    reader,
                    ended.clone(),
                ))
            },
            Arc::new(LocalSessionManager::default()),
            config,
        )
    };
    let app = Router::new()
        .nest_service("/mcp", service)
        .layer(axum::middleware::from_fn(move |request, next| {
            authorised(token.clone(), request, next)
        }));
    let closing = {
        let (shutdown, ended) = (shutdown.clone(), ended.clone());
        async move {
            shutdown.cancelled().await;
            // Open event streams never end by themselves.
            tokio::spawn(async move {
                tokio::time::sleep(LAST_WORK).await;
                ended.cancel();
            });
        }
    };
    let serving = axum::serve(listener, app)
        .with_graceful_shutdown(closing)
        .into_future();
    let result = tokio::select! {
        result = serving => result,
        () = async { ended.cancelled().await; tokio::time::sleep(LAST_ANSWERS).await } => Ok(()),
    };
    ended.cancel();
    result
}

/// Refuses a request that does not carry the token.
async fn authorised(token: Option<String>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let allowed = match &token {
        None => true,
        Some(token) => given
            .and_then(|given| given.strip_prefix("Bearer "))
            .is_some_and(|given| same(given, token)),
    };
    if allowed {
        return next.run(request).await;
    }
    let say = "this gateway wants its bearer token: `Authorization: Bearer …`, as `toolmill serve --http` said at its start\n";
    (
        StatusCode::UNAUTHORIZED,
        [(WWW_AUTHENTICATE, "Bearer")],
        say,
    )
        .into_response()
}

/// Compares without telling by its duration how much was right.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one
            .bytes()
            .zip(other.bytes())
            .fold(0, |differs, (a, b)| differs | (a ^ b))
            == 0
}

impl ServerHandler for Agent {
    fn get_info(&self) -> ServerConfig {
        let mut implementation = Implementation::new("toolmill", env!("CARGO_PKG_VERSION"));
        implementation.title = Some("toolmill".into());
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = implementation;
        info.instructions = Some(tools::instructions(&self.gateway));
        info
    }

    fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListToolsResult, rmcp::ErrorData>> + MaybeSendFuture + '_ {
        std::future::ready(Ok(ListToolsResult::with_all_items(tools::listed::<Tool>())))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, rmcp::ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let cancel = context.ct.child_token();
        let answer = tools::call(self, &request.name, arguments, &cancel);
        let answer = tokio::select! {
            answer = answer => answer,
            () = self.ended.cancelled() => Answer::error("cancelled: the connection has ended"),
            () = report_progress(&context) => unreachable!("progress is reported for ever"),
        };
        Ok(result(answer).into())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [rmcp::model::ProtocolVersion]> {
        Cow::Borrowed(rmcp::model::ProtocolVersion::KNOWN_VERSIONS)
    }
}

/// One text block, unless a program reads; no structured content beside it, which two of three clients would show instead of it.
fn result(answer: Answer) -> CallToolResult {
    if let Some(value) = answer.structured {
        let mut result = CallToolResult::success(Vec::new());
        result.structured_content = Some(value);
        return result;
    }
    let content = vec![ContentBlock::text(answer.text)];
    if answer.is_error {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    }
}

/// Says now and then that we are still there, so that a client's own time limit does not pass.
async fn report_progress(context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else {
        return std::future::pending().await;
    };
    for seconds in 1.. {
        tokio::time::sleep(PROGRESS).await;
        let progress = (seconds * PROGRESS.as_secs()) as f64;
        let notification = ProgressNotificationParam::new(token.clone(), progress);
        if context.peer.notify_progress(notification).await.is_err() {
            break;
        }
    }
    std::future::pending().await
}
