//! MCP over streamable HTTP: the part below rmcp, which sends requests and reads answers.
//!
//! rmcp's own client keeps no connections and allows 16 requests at a time, so that 100 parallel
//! calls of 50 ms take 373 ms instead of 59, and it reads every result into typed values.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::{Response, redirect};
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, JsonRpcRequest,
    RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, SseError, StreamableHttpClient, StreamableHttpClientTransportConfig,
    StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::Sse;
use tokio::time::timeout;

use crate::CallError;
use crate::lines::{ENVELOPE_BYTES, Line, Lines, Oversized};
use crate::slot::{Read, Waiting, encode};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What a server says beside a failing status is read up to here.
const ERROR_BODY_BYTES: usize = 64 << 10;
const MAX_REDIRECTS: usize = 5;
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";

/// Why a request over HTTP failed. URLs and headers are never part of it: both may be secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("the connection to it broke: {0}")]
    Broken(String),
    #[error("login needed: it refused access (HTTP {0}); check the headers configured for it")]
    LoginNeeded(u16),
    #[error(
        "its URL is one of the old HTTP+SSE transport, which is not supported; \
         use the server's streamable HTTP URL, which often ends in /mcp"
    )]
    OldTransport,
    #[error("there is no MCP endpoint at its URL (HTTP {0})")]
    NoEndpoint(u16),
    #[error("it answered HTTP {0}")]
    Status(u16),
    #[error("it answered with something that is not MCP")]
    NotMcp,
    #[error("it answered with {bytes} bytes or more, which is over the limit of {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the configured header {0:?} has a name or a value which HTTP does not allow")]
    BadHeader(String),
    #[error("the TLS client could not be set up: {0}")]
    Setup(String),
}

type Error = StreamableHttpError<HttpError>;

impl HttpError {
    /// Whether trying again in the other era would be pointless.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::LoginNeeded(_) | Self::OldTransport
        )
    }

    /// The error of rmcp's HTTP transport as one of these, where it is one.
    pub(crate) fn within<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        match error.downcast_ref::<Error>()? {
            StreamableHttpError::Client(error) => Some(error),
            _ => None,
        }
    }
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        let unreachable = error.is_connect();
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let cause = cause.to_string();
        if unreachable {
            Self::Unreachable(cause)
        } else {
            Self::Broken(cause)
        }
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        Self::Client(error)
    }
}

/// One server's HTTP client. Clones share its connections and its waiting requests.
#[derive(Clone)]
pub(crate) struct HttpClient {
    http: reqwest::Client,
    server: Arc<str>,
    waiting: Arc<Waiting>,
    max_result_bytes: usize,
    probe_timeout: Duration,
}

/// The side of an HTTP connection which rmcp drives.
pub(crate) fn transport(
    server: Arc<str>,
    waiting: Arc<Waiting>,
    url: &str,
    headers: &[(String, String)],
    max_in_flight: usize,
    max_result_bytes: usize,
    probe_timeout: Duration,
) -> Result<StreamableHttpClientTransport<HttpClient>, HttpError> {
    // Fails if there is a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::custom(same_place))
        .build()
        .map_err(|error| HttpError::Setup(error.without_url().to_string()))?;
    let client = HttpClient {
        http,
        waiting,
        server,
        max_result_bytes,
        probe_timeout,
    };
    let mut resume = ExponentialBackoff::default();
    resume.max_delay = Some(Duration::from_secs(60));
    let mut config = StreamableHttpClientTransportConfig::with_uri(url)
        // Beside the calls there are the list of tools, the subscription and a ping.
        .max_concurrent_requests(max_in_flight.saturating_add(8))
        .custom_headers(custom_headers(headers)?);
    config.channel_buffer_capacity = 128;
    config.retry_config = Arc::new(resume);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

fn custom_headers(
    headers: &[(String, String)],
) -> Result<HashMap<HeaderName, HeaderValue>, HttpError> {
    let parse = |(name, value): &(String, String)| {
        let bad = || HttpError::BadHeader(name.clone());
        let parsed: HeaderName = name.parse().map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        Ok((parsed, value))
    };
    headers.iter().map(parse).collect()
}

/// Follows a redirect only where the request can be repeated in full and without showing its
/// headers to anybody else.
fn same_place(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let repeats = matches!(
        attempt.status(),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
    );
    let first = attempt.previous().first();
    let same_origin = first.is_some_and(|first| first.origin() == attempt.url().origin());
    if repeats && same_origin && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

impl StreamableHttpClient for HttpClient {
    type Error = HttpError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Error> {
        self.waiting.note(&message);
        let post = self.post(&uri, &message, session_id, custom_headers);
        let JsonRpcMessage::Request(request) = &message else {
            return post.await;
        };
        let posted = match &request.request {
            ClientRequest::DiscoverRequest(_) => match timeout(self.probe_timeout, post).await {
                Ok(posted) => posted,
                Err(_silence) => return Ok(not_modern(&request.id)),
            },
            _ => post.await,
        };
        posted.map_err(|error| match error {
            StreamableHttpError::Client(error) => {
                self.waiting.fail(&request.id, &self.call_error(&error));
                error.into()
            }
            other => other,
        })
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Error> {
        let headers = headers(custom_headers, Some(session_id))?;
        let deleted = self.http.delete(&*uri).headers(headers).send().await;
        // Servers need not know DELETE, and a session that is gone is what was wanted.
        deleted
            .map(drop)
            .map_err(|error| HttpError::from(error).into())
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Error> {
        let mut headers = headers(custom_headers, session_id)?;
        headers.insert(ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        if let Some(id) = last_event_id {
            headers.insert(
                LAST_EVENT_ID,
                HeaderValue::from_str(&id).map_err(|_| HttpError::NotMcp)?,
            );
        }
        let response = self
            .http
            .get(&*uri)
            .headers(headers)
            .send()
            .await
            .map_err(HttpError::from)?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportSse),
            // So that rmcp does not try again.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(
                    "login needed".to_owned(),
                )))
            }
            status if !status.is_success() => Err(HttpError::Status(status.as_u16()).into()),
            _ if !is(&response, EVENT_STREAM) => Err(HttpError::NotMcp.into()),
            _ => Ok(self.events(response)),
        }
    }
}

impl HttpClient {
    async fn post(
        &self,
        uri: &str,
        message: &ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let in_session = session_id.is_some();
        let mut headers = headers(custom_headers, session_id)?;
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        let body = encode(message)?;
        let response = self
            .http
            .post(uri)
            .headers(headers.clone())
            .body(body)
            .send()
            .await;
        let response = response.map_err(HttpError::from)?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(HttpError::LoginNeeded(status.as_u16()).into());
        }
        let request = match message {
            JsonRpcMessage::Request(request) => request,
            // Nothing is expected to come back, though some servers send something.
            _ if status.is_success() => {
                let _ = read_body(response, ERROR_BODY_BYTES).await;
                return Ok(StreamableHttpPostResponse::Accepted);
            }
            _ => return Err(HttpError::Status(status.as_u16()).into()),
        };
        if !status.is_success() {
            return self.refused(uri, request, response, headers).await;
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let session_id = response.headers().get(&SESSION_ID);
        let session_id = session_id
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned);
        if is(&response, EVENT_STREAM) {
            return Ok(StreamableHttpPostResponse::Sse(
                self.events(response),
                session_id,
            ));
        }
        if !is(&response, JSON) {
            return Err(HttpError::NotMcp.into());
        }
        let body = read_body(
            response,
            self.max_result_bytes.saturating_add(ENVELOPE_BYTES),
        )
        .await;
        let body = body.map_err(|error| match error {
            HttpError::TooLarge { bytes, .. } => HttpError::TooLarge {
                bytes,
                limit: self.max_result_bytes,
            },
            other => other,
        })?;
        match self.waiting.read(&body) {
            Read::Message(message) => Ok(StreamableHttpPostResponse::Json(message, session_id)),
            _ => Err(HttpError::NotMcp.into()),
        }
    }

    /// What a failing status means for a request.
    async fn refused(
        &self,
        uri: &str,
        request: &JsonRpcRequest<ClientRequest>,
        response: Response,
        headers: HeaderMap,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let status = response.status();
        if is(&response, JSON)
            && let Ok(body) = read_body(response, ERROR_BODY_BYTES).await
            && let Ok(JsonRpcMessage::Error(error)) =
                serde_json::from_slice::<ServerJsonRpcMessage>(&body)
        {
            // An error of the protocol says more than the status. Its id is often missing: what
            // refuses is not always what knows the protocol.
            if let RequestId::Number(id) = request.id {
                self.waiting.forget(id);
            }
            let error = ServerJsonRpcMessage::error(error.error, Some(request.id.clone()));
            return Ok(StreamableHttpPostResponse::Json(error, None));
        }
        let error = match &request.request {
            ClientRequest::DiscoverRequest(_) if status.is_client_error() => {
                return Ok(not_modern(&request.id));
            }
            ClientRequest::InitializeRequest(_) if status.is_client_error() => {
                if self.is_old_transport(uri, headers).await {
                    HttpError::OldTransport
                } else {
                    HttpError::NoEndpoint(status.as_u16())
                }
            }
            _ => HttpError::Status(status.as_u16()),
        };
        Err(error.into())
    }

    /// Servers of the transport of 2024-11-05 take no POST here but open a stream of events.
    async fn is_old_transport(&self, uri: &str, mut headers: HeaderMap) -> bool {
        headers.insert(ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        headers.remove(CONTENT_TYPE);
        let get = self.http.get(uri).headers(headers).send();
        match timeout(CONNECT_TIMEOUT, get).await {
            Ok(Ok(response)) => response.status().is_success() && is(&response, EVENT_STREAM),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// What the failure of a request means for a call.
    fn call_error(&self, error: &HttpError) -> CallError {
        let server = self.server.to_string();
        match error {
            HttpError::Unreachable(_) | HttpError::LoginNeeded(_) | HttpError::BadHeader(_) => {
                CallError::Down {
                    server,
                    reason: error.to_string(),
                }
            }
            HttpError::Broken(_) => CallError::Lost { server },
            HttpError::TooLarge { bytes, limit } => CallError::TooLarge {
                bytes: *bytes,
                limit: *limit,
            },
            _ => CallError::Protocol {
                message: error.to_string(),
            },
        }
    }

    fn events(&self, response: Response) -> BoxStream<'static, Result<Sse, SseError>> {
        let bytes = response
            .bytes_stream()
            .map(|chunk| chunk.map_err(|error| SseError::Body(Box::new(HttpError::from(error)))));
        let events = Events {
            bytes: bytes.boxed(),
            lines: Lines::new(self.max_result_bytes.saturating_add(ENVELOPE_BYTES)),
            waiting: self.waiting.clone(),
            max_result_bytes: self.max_result_bytes,
            event: Event::default(),
            ready: VecDeque::new(),
        };
        stream::unfold(events, async |mut events| {
            Some((events.next().await?, events))
        })
        .boxed()
    }
}

/// Stands for the refusal on which rmcp falls back to the legacy handshake.
fn not_modern(id: &RequestId) -> StreamableHttpPostResponse {
    let error = ErrorData::new(
        ErrorCode::METHOD_NOT_FOUND,
        "server/discover was refused",
        None,
    );
    StreamableHttpPostResponse::Json(ServerJsonRpcMessage::error(error, Some(id.clone())), None)
}

fn headers(
    custom: HashMap<HeaderName, HeaderValue>,
    session_id: Option<Arc<str>>,
) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("toolmill/", env!("CARGO_PKG_VERSION"))),
    );
    headers.extend(custom);
    if let Some(id) = session_id {
        headers.insert(
            SESSION_ID,
            HeaderValue::from_str(&id).map_err(|_| HttpError::NotMcp)?,
        );
    }
    Ok(headers)
}

fn is(response: &Response, content_type: &str) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..content_type.len()))
        .is_some_and(|value| value.eq_ignore_ascii_case(content_type.as_bytes()))
}

async fn read_body(response: Response, limit: usize) -> Result<Vec<u8>, HttpError> {
    let announced = response
        .content_length()
        .and_then(|bytes| usize::try_from(bytes).ok());
    if let Some(bytes) = announced.filter(|bytes| *bytes > limit) {
        return Err(HttpError::TooLarge { bytes, limit });
    }
    // An announcement costs the server nothing, so it does not get all it asks for at once.
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(1 << 20));
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Err(HttpError::TooLarge {
                bytes: body.len() + chunk.len(),
                limit,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The events of a response, with the bytes of results taken out.
///
/// Lines end with LF or CRLF. The CR alone which the format allows, too, has been seen nowhere.
struct Events<S> {
    bytes: S,
    lines: Lines,
    waiting: Arc<Waiting>,
    max_result_bytes: usize,
    event: Event,
    ready: VecDeque<Sse>,
}

/// An event of which not all lines have come.
#[derive(Default)]
struct Event {
    kind: Option<String>,
    id: Option<String>,
    retry: Option<u64>,
    data: Option<Vec<u8>>,
    oversized: Option<Oversized>,
}

impl<S: Stream<Item = Result<bytes::Bytes, SseError>> + Unpin> Events<S> {
    async fn next(&mut self) -> Option<Result<Sse, SseError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            match self.lines.take() {
                Some(Line::Whole(line)) => self.field(line.strip_suffix(b"\r").unwrap_or(&line)),
                Some(Line::Oversized(mut line)) => {
                    if let Some(head) = line.head.strip_prefix(b"data:") {
                        line.head = head.to_vec();
                        self.event.oversized = Some(line);
                    }
                }
                None => match self.bytes.next().await? {
                    Ok(chunk) => self.lines.room().extend_from_slice(&chunk),
                    Err(error) => return Some(Err(error)),
                },
            }
        }
    }

    fn field(&mut self, line: &[u8]) {
        if line.is_empty() {
            return self.dispatch();
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = || String::from_utf8(value.to_vec()).ok();
        match name {
            b"data" => match &mut self.event.data {
                None => self.event.data = Some(value.to_vec()),
                // More than the limit in many lines is cut here and cannot be parsed later.
                Some(data) if data.len() < self.max_result_bytes => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                Some(_) => {}
            },
            b"event" => self.event.kind = text(),
            b"id" if !value.contains(&0) => self.event.id = text(),
            b"retry" => self.event.retry = text().and_then(|text| text.parse().ok()),
            // Comments, and fields of the future.
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let Event {
            kind,
            id,
            retry,
            data,
            oversized,
        } = std::mem::take(&mut self.event);
        let mut messages = match (oversized, data) {
            (Some(message), _) => self.waiting.read_oversized(&message, self.max_result_bytes),
            (None, Some(data)) => match self.waiting.read(&data) {
                Read::Message(message) => vec![message],
                _ => Vec::new(),
            },
            (None, None) if id.is_none() && retry.is_none() => return,
            (None, None) => Vec::new(),
        };
        let text = |message| serde_json::to_string(&message).expect("messages are plain JSON");
        let first = (!messages.is_empty()).then(|| messages.remove(0));
        self.ready.push_back(Sse {
            event: kind,
            id,
            retry,
            data: first.map(text),
        });
        self.ready.extend(
            messages
                .into_iter()
                .map(|message| Sse::default().data(text(message))),
        );
    }
}
