//! The agent's side of MCP, in both eras: the only place that knows rmcp's server side.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientResult, ContentBlock,
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationCapability, ElicitationSchema,
    Implementation, InputRequest, InputRequiredResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ProtocolVersion, ServerCapabilities, ServerConfig, ServerRequest,
    Tool,
};
use rmcp::service::{
    MaybeSendFuture, PeerRequestOptions, RequestContext, RequestHandle, RoleServer, ServiceExt,
};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use crate::asking::{self, Dialog, Said};
use crate::output::Answer;
use crate::tools::watched::{self, Asks, Human, Shows, Told};
use crate::{Face, Gateway, Session, seal, tools};

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
        let client = Client::of(&context);
        let human = client.human();
        // Its repetition must be the same.
        let digest = match human {
            Human::Later => seal::digest(&request.name, &arguments),
            _ => String::new(),
        };
        let told = async {
            match (&request.request_state, request.input_responses) {
                (None, None) => tools::call(self, &request.name, arguments, &human, &cancel).await,
                // One that is repeated starts nothing, whatever it carries.
                (state, answers) => {
                    let (state, answers) = (state.as_deref(), answers.unwrap_or_default());
                    let name = &request.name;
                    watched::resumed(self, name, &arguments, state, answers, &human, &cancel).await
                }
            }
        };
        let told = tokio::select! {
            told = told => told,
            () = self.ended.cancelled() => {
                Answer::error("cancelled: the connection has ended").into()
            }
            () = report_progress(&context) => unreachable!("progress is reported for ever"),
        };
        Ok(match told {
            Told::Answer(answer) => result(answer).into(),
            Told::Asks(asks) => self.input_required(&asks, digest, client.visits).into(),
        })
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [rmcp::model::ProtocolVersion]> {
        Cow::Borrowed(rmcp::model::ProtocolVersion::KNOWN_VERSIONS)
    }
}

impl Agent {
    /// Has a client of the modern era ask its human and repeat its request with the answer.
    fn input_required(&self, asks: &Asks, digest: String, visits: bool) -> InputRequiredResult {
        let Asks { live, question } = asks;
        let dialogs = asking::dialogs(question, &live.short.to_string(), visits);
        let requests = dialogs.iter().map(|dialog| {
            let request = InputRequest::Elicitation(ElicitRequest::new(elicitation(dialog)));
            (dialog.key(), request)
        });
        let seal = self.gateway.seal();
        let state = seal.seal(&live.session, &live.id, question.number, digest);
        InputRequiredResult::new(Some(requests.collect()), Some(state))
    }
}

/// The client that made a request, as far as it can ask its human.
struct Client<'a> {
    context: &'a RequestContext<RoleServer>,
    is_modern: bool,
    shows_forms: bool,
    visits: bool,
}

impl<'a> Client<'a> {
    fn of(context: &'a RequestContext<RoleServer>) -> Client<'a> {
        let version = context.protocol_version();
        let capability = context
            .client_capabilities()
            .and_then(|capabilities| capabilities.elicitation);
        // One that does not say which means forms.
        let shows_forms = capability
            .as_ref()
            .is_some_and(|ElicitationCapability { form, url, .. }| form.is_some() || url.is_none());
        Client {
            context,
            is_modern: version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28),
            shows_forms,
            visits: capability.is_some_and(|capability| capability.url.is_some()),
        }
    }

    fn human(&self) -> Human<'_> {
        match (self.shows_forms, self.is_modern) {
            (false, _) => Human::Out,
            (true, true) => Human::Later,
            (true, false) => Human::Now(self),
        }
    }
}

impl Shows for Client<'_> {
    fn visits(&self) -> bool {
        self.visits
    }

    fn show<'a>(
        &'a self,
        dialog: &'a Dialog<'_>,
    ) -> Pin<Box<dyn Future<Output = Option<Said>> + Send + 'a>> {
        Box::pin(async move {
            let request = ServerRequest::ElicitRequest(ElicitRequest::new(elicitation(dialog)));
            let options = PeerRequestOptions::no_options();
            let sent = self.context.peer.send_request_with_option(request, options);
            let mut shown = Shown(Some(sent.await.ok()?));
            let handle = shown.0.as_mut().expect("only taken when dropped");
            let answer = (&mut handle.rx).await;
            shown.0 = None;
            match answer {
                Ok(Ok(ClientResult::ElicitResult(result))) => Some(said(result)),
                _ => None,
            }
        })
    }
}

/// A dialog that a client shows. Dropped before its answer, it is closed.
struct Shown(Option<RequestHandle<RoleServer>>);

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            // One poll puts it into rmcp's queue; what follows would only wait for it to be written.
            let cancel = handle.cancel(Some("it needs no answer any more".to_owned()));
            let _ = tokio::task::unconstrained(cancel).now_or_never();
        }
    }
}

fn elicitation(dialog: &Dialog<'_>) -> ElicitRequestParams {
    match &dialog.shows {
        asking::Shows::Form(schema) => ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: dialog.message.clone(),
            // Ours are forms, and those of servers have been read as such; of anything else nothing
            // can be accepted.
            requested_schema: serde_json::from_value(schema.clone())
                .unwrap_or_else(|_| ElicitationSchema::new(BTreeMap::new())),
        },
        asking::Shows::Visit { url } => ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: dialog.message.clone(),
            url: url.clone(),
            elicitation_id: dialog.key(),
        },
    }
}

fn said(result: ElicitResult) -> Said {
    let result = serde_json::to_value(&result).unwrap_or_default();
    watched::said(&result)
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
