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
    Implementation, InputRequest, InputRequiredResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    RequestId, Resource, ResourceContents, ResourceTemplate, ServerCapabilities, ServerConfig,
    ServerRequest, Tool,
};
use rmcp::service::{
    MaybeSendFuture, OriginatingRequestId, Peer, PeerRequestOptions, RequestContext, RequestHandle,
    RoleServer, ServiceExt,
};
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::asking::{self, Dialog, Said};
use crate::executions::{Live, Progress, Progresses};
use crate::output::{self, Answer, BUDGET_BYTES};
use crate::resources::{self, Body, Read, Refused, Wanted};
use crate::show::Shown;
use crate::tools::watched::{self, Asks, Human, Shows, Told, Waiter};
use crate::{Face, Gateway, Session, kept, seal, tools};

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
/// And not more often than this.
const BETWEEN_PROGRESS: Duration = Duration::from_millis(500);

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
    /// What its requests carry to be let in.
    token: Option<Arc<str>>,
    /// Cancelled when the connection has ended and its last work must too.
    ended: CancellationToken,
}

impl Agent {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        face: Face,
        reader: Reader,
        token: Option<Arc<str>>,
        ended: CancellationToken,
    ) -> Agent {
        Agent {
            gateway,
            face,
            reader,
            session: OnceLock::new(),
            token,
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

    /// The session whose results a caller may read: the connection's own, or one that it names.
    fn session_of_results(&self, named: Option<&str>) -> Option<Arc<Session>> {
        match (self.face, named) {
            (Face::Http, Some(id)) => {
                let sessions = &self.gateway.sessions;
                sessions.get(&self.gateway, id, self.token.as_deref()).ok()
            }
            (_, None) => self.session.get().cloned(),
            (_, Some(id)) => self.session.get().filter(|own| own.id() == id).cloned(),
        }
    }

    /// The session a program runs in: the connection's own, or the one it names.
    ///
    /// # Errors
    /// The id is not one that this agent was told: a stranger's id is as unknown as none. Or that session
    /// has ended, or there are too many.
    pub(crate) fn session(&self, named: Option<&str>) -> Result<Arc<Session>, String> {
        let sessions = &self.gateway.sessions;
        match (self.face, named, self.session.get()) {
            (_, None, Some(own)) => Ok(own.clone()),
            (_, Some(id), Some(own)) if id == own.id() => Ok(own.clone()),
            (Face::Http, Some(id), _) => sessions.get(&self.gateway, id, self.token.as_deref()),
            (Face::Http, None, None) => {
                let session = sessions.open(&self.gateway, self.token.as_deref())?;
                Ok(self.session.get_or_init(|| session).clone())
            }
            (_, Some(id), _) => Err(kept::unknown(id)),
            (_, None, None) => {
                let open = || Session::open(&self.gateway, self.face);
                Ok(self.session.get_or_init(open).clone())
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
    gateway.warn_of_idle_rules();
    let ended = CancellationToken::new();
    let agent = Agent::new(gateway, Face::Stdio, reader, None, ended.clone());
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
    gateway.warn_of_idle_rules();
    let ended = CancellationToken::new();
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(["localhost", "127.0.0.1", "::1"])
        .enforce_origin_validation()
        .with_max_request_body_bytes(REQUEST_BYTES)
        .with_cancellation_token(ended.clone());
    let service = {
        let (ended, shown) = (ended.clone(), token.as_deref().map(Arc::from));
        StreamableHttpService::new(
            move || {
                Ok(Agent::new(
                    gateway.clone(),
                    Face::Http,
                    reader,
                    shown.clone(),
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
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .build();
        let mut info = ServerConfig::new(capabilities);
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
        let waits_for = tools::WaitsFor::new(None);
        let progress = report_progress(&context, waits_for.subscribe());
        let client = Client::of(&context);
        let waiter = Waiter {
            human: client.human(),
            gone: &cancel,
            waits_for: &waits_for,
        };
        // Its repetition must be the same.
        let digest = match waiter.human {
            Human::Later => seal::digest(&request.name, &arguments),
            _ => String::new(),
        };
        let told = async {
            match (&request.request_state, request.input_responses) {
                (None, None) => tools::call(self, &request.name, arguments, &waiter).await,
                // One that is repeated starts nothing, whatever it carries.
                (state, answers) => {
                    let (state, answers) = (state.as_deref(), answers.unwrap_or_default());
                    watched::resumed(self, &request.name, &arguments, state, answers, &waiter).await
                }
            }
        };
        let told = tokio::select! {
            told = told => told,
            () = self.ended.cancelled() => {
                Answer::error("cancelled: the connection has ended").into()
            }
            () = progress => unreachable!("progress is reported for ever"),
        };
        Ok(match told {
            Told::Answer(answer) => result(answer).into(),
            Told::Asks(asks) => self.input_required(&asks, digest, client.visits).into(),
        })
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, rmcp::ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let Some(session) = self.session_of_results(None) else {
            return Ok(ListResourcesResult::default());
        };
        let name_session = self.face == Face::Http;
        let (listed, next) = resources::list(&session, cursor.as_deref(), name_session)
            .await
            .map_err(error_of)?;
        let resources = listed.into_iter().map(|one| {
            Resource::new(one.uri, one.name)
                .with_mime_type(one.mime_type)
                .with_size(one.bytes)
        });
        let mut result = ListResourcesResult::with_all_items(resources.collect());
        result.next_cursor = next;
        Ok(result)
    }

    fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListResourceTemplatesResult, rmcp::ErrorData>> + MaybeSendFuture + '_
    {
        let template = match self.face {
            Face::Http => resources::TEMPLATE_OF_SESSION,
            _ => resources::TEMPLATE,
        };
        let template =
            ResourceTemplate::new(template, "results").with_description(resources::TEMPLATE_SAYS);
        std::future::ready(Ok(ListResourceTemplatesResult::with_all_items(vec![
            template,
        ])))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, rmcp::ErrorData> {
        let wanted = Wanted::parse(&request.uri).map_err(error_of)?;
        let Some(session) = self.session_of_results(wanted.session.as_deref()) else {
            return Err(error_of(wanted.unknown()));
        };
        let read = wanted.read(&session).await.map_err(error_of)?;
        Ok(ReadResourceResult::new(contents(read)).into())
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

    fn human(&self) -> Human {
        match (self.shows_forms, self.is_modern) {
            (false, _) => Human::Out,
            (true, true) => Human::Later,
            (true, false) => Human::Now(Arc::new(Dialogs {
                peer: self.context.peer.clone(),
                request: self.context.id.clone(),
                visits: self.visits,
            })),
        }
    }
}

/// What a client of the legacy era shows, also when the request that it made has been answered.
struct Dialogs {
    peer: Peer<RoleServer>,
    /// That request: over HTTP its stream carries the dialogs as long as it is open.
    request: RequestId,
    visits: bool,
}

impl Shows for Dialogs {
    fn visits(&self) -> bool {
        self.visits
    }

    fn show<'a>(
        &'a self,
        dialog: &'a Dialog<'_>,
    ) -> Pin<Box<dyn Future<Output = Option<Said>> + Send + 'a>> {
        Box::pin(async move {
            let mut request = ElicitRequest::new(elicitation(dialog));
            let origin = OriginatingRequestId(self.request.clone());
            request.extensions.insert(origin);
            let request = ServerRequest::ElicitRequest(request);
            let options = PeerRequestOptions::no_options();
            let sent = self.peer.send_request_with_option(request, options);
            let mut shown = Dialogue(Some(sent.await.ok()?));
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
struct Dialogue(Option<RequestHandle<RoleServer>>);

impl Drop for Dialogue {
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
    let shown = answer.shown.into_iter().map(block);
    if let Some(value) = answer.structured {
        let mut result = CallToolResult::success(shown.collect());
        result.structured_content = Some(value);
        return result;
    }
    let mut text = answer.text;
    if text.len() > BUDGET_BYTES {
        text = output::shortened(&text, BUDGET_BYTES).into_owned();
    }
    let mut content = vec![ContentBlock::text(text)];
    content.extend(shown);
    if answer.is_error {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    }
}

/// What was read, and after it, where it was cut, how to read on.
fn contents(read: Read) -> Vec<ResourceContents> {
    let Read {
        uri,
        mime_type,
        body,
        next,
    } = read;
    let content = match body {
        Body::Text(text) => ResourceContents::text(text, uri),
        Body::Blob(base64) => ResourceContents::blob(base64, uri),
    };
    let mut contents = vec![content.with_mime_type(mime_type)];
    contents.extend(next.map(|next| ResourceContents::text(next.says, next.uri)));
    contents
}

fn error_of(refused: Refused) -> rmcp::ErrorData {
    match refused {
        Refused::Unknown(message) => rmcp::ErrorData::resource_not_found(message, None),
        Refused::Invalid(message) => rmcp::ErrorData::invalid_params(message, None),
    }
}

/// A file that is shown. What is neither an image nor a sound is a resource, a text as it is.
fn block(shown: Shown) -> ContentBlock {
    match shown.kind {
        "image" => ContentBlock::image(shown.base64, shown.mime_type),
        "audio" => ContentBlock::audio(shown.base64, shown.mime_type),
        _ => {
            let contents = match shown.text() {
                Some(text) => ResourceContents::text(text, shown.uri),
                None => ResourceContents::blob(shown.base64, shown.uri),
            };
            ContentBlock::resource(contents.with_mime_type(shown.mime_type))
        }
    }
}

/// Says what the program says of its progress, and now and then that we are still there, so that a
/// client's own time limit does not pass.
///
/// What is counted are seconds, which always become more; where the program says how much is done, the
/// total is such that their share is as much.
async fn report_progress(
    context: &RequestContext<RoleServer>,
    mut waits_for: watch::Receiver<Option<Arc<Live>>>,
) {
    let Some(token) = context.meta.get_progress_token() else {
        return std::future::pending().await;
    };
    let begun = Instant::now();
    let mut said = None;
    loop {
        let progress = timeout(PROGRESS, next_progress(&mut waits_for, &mut said)).await;
        let seconds = begun.elapsed().as_secs_f64();
        let mut notification = ProgressNotificationParam::new(token.clone(), seconds);
        if let Ok(progress) = progress {
            notification.total = progress
                .done
                .filter(|done| *done > 0.0)
                .map(|done| seconds / done);
            notification.message = Some(progress.message).filter(|message| !message.is_empty());
        }
        if context.peer.notify_progress(notification).await.is_err() {
            return std::future::pending().await;
        }
        tokio::time::sleep(BETWEEN_PROGRESS).await;
    }
}

async fn next_progress(
    waits_for: &mut watch::Receiver<Option<Arc<Live>>>,
    said: &mut Option<Progresses>,
) -> Progress {
    if said.is_none() {
        let live = waits_for.wait_for(Option::is_some).await;
        *said = live.ok().and_then(|live| Some(live.as_ref()?.progress()));
    }
    match said {
        Some(said) => said.next().await,
        None => std::future::pending().await,
    }
}
