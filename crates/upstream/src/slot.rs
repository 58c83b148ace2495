//! The byte path beside rmcp: arguments and results which rmcp must not parse.
//!
//! rmcp turns every message into typed values, which costs 230 ms for a 14 MB result and loses the
//! digits of large integers. Calls over stdio, where a call is a line out and a line back, do not pass
//! it at all ([`Wait::Call`]). Where rmcp is needed, for lists and over HTTP, it lets a request carry
//! values which are never serialised but reach the transport: a [`Slot`] travels there. On the way out
//! it holds the bytes of the arguments, on the way in the transport puts the bytes of the result into
//! it and hands rmcp an empty result in their place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorCode, ErrorData, Extensions,
    JsonRpcMessage, RequestId, RequestMetaObject, ServerJsonRpcMessage, ServerResult,
};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::CallError;
use crate::elicit::{Again, Asking, refused};
use crate::lines::Oversized;

/// A request, notification or typed result larger than this is refused: nothing legitimate that
/// rmcp has to parse comes near it.
const TYPED_LIMIT_BYTES: usize = 4 << 20;
/// Waiting requests above which abandoned ones are cleared away.
const MANY: usize = 1024;

/// What rides beside one request: the bytes of its arguments, and later of its result.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Inner>);

struct Inner {
    arguments: Option<Box<RawValue>>,
    again: Option<Again>,
    asking: Option<Arc<Asking>>,
    sent: AtomicBool,
    /// Held only to put or take the answer.
    answer: Mutex<Option<Answer>>,
}

impl Slot {
    /// Of a request without arguments.
    pub(crate) fn empty() -> Self {
        Self::new(None, None, None)
    }

    /// Of a call; of one that is sent again, with what the server asked for.
    pub(crate) fn of_call(
        arguments: &RawValue,
        again: Option<Again>,
        asking: Option<Arc<Asking>>,
    ) -> Self {
        Self::new(Some(arguments.to_owned()), again, asking)
    }

    fn new(
        arguments: Option<Box<RawValue>>,
        again: Option<Again>,
        asking: Option<Arc<Asking>>,
    ) -> Self {
        Self(Arc::new(Inner {
            arguments,
            again,
            asking,
            sent: AtomicBool::new(false),
            answer: Mutex::new(None),
        }))
    }

    /// Whether any of the request may have reached the server.
    pub(crate) fn was_sent(&self) -> bool {
        self.0.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self
            .0
            .answer
            .lock()
            .expect("nothing panics while it is held") = Some(answer);
    }

    pub(crate) fn take(&self) -> Option<Answer> {
        self.0
            .answer
            .lock()
            .expect("nothing panics while it is held")
            .take()
    }
}

/// One outgoing message as a line of JSON, without its line end.
pub(crate) fn encode(message: &ClientJsonRpcMessage) -> serde_json::Result<Vec<u8>> {
    if let JsonRpcMessage::Request(request) = message
        && let ClientRequest::CallToolRequest(call) = &request.request
        && let Some(slot) = call.extensions.get::<Slot>()
        && let Some(arguments) = &slot.0.arguments
    {
        let meta = call.extensions.get();
        let again = slot.0.again.as_ref();
        return call_line(&request.id, meta, &call.params.name, arguments, again);
    }
    serde_json::to_vec(message)
}

/// A call of a tool as a line of JSON, without its line end.
pub(crate) fn call_line(
    id: &impl Serialize,
    meta: Option<&RequestMetaObject>,
    name: &str,
    arguments: &RawValue,
    again: Option<&Again>,
) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Call<'a, Id> {
        jsonrpc: &'static str,
        id: &'a Id,
        method: &'static str,
        params: Params<'a>,
    }
    #[derive(Serialize)]
    struct Params<'a> {
        #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
        meta: Option<&'a RequestMetaObject>,
        name: &'a str,
        arguments: &'a RawValue,
        #[serde(flatten)]
        again: Option<&'a Again>,
    }
    let mut line = serde_json::to_vec(&Call {
        jsonrpc: "2.0",
        id,
        method: "tools/call",
        params: Params {
            meta,
            name,
            arguments,
            again,
        },
    })?;
    // Valid JSON has line ends only between tokens, where a space means the same.
    for byte in &mut line {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    Ok(line)
}

/// The requests of one connection which still wait for an answer.
///
/// Every answer to an id which is not here (any more) is dropped unread, so that the late answer
/// to a cancelled call costs no parsing.
pub(crate) struct Waiting {
    server: Arc<str>,
    /// Held to look up, add or remove; never while a message is read.
    requests: Mutex<HashMap<i64, Wait>>,
    /// Whether rmcp needs to read lists of tools, too.
    shows_lists: bool,
}

/// What a request comes to.
pub(crate) type Answer = Result<Answered, CallError>;

/// A result, or what a server of revision 2026-07-28 answers with when it wants to know something first.
pub(crate) enum Answered {
    Result(Box<RawValue>),
    InputRequired(Box<RawValue>),
}

impl Answered {
    /// The result of a request for which nothing can be asked.
    pub(crate) fn result(self) -> Result<Box<RawValue>, CallError> {
        match self {
            Self::Result(result) => Ok(result),
            Self::InputRequired(_) => Err(CallError::Protocol {
                message: "the server asked for input where nobody can be asked".to_owned(),
            }),
        }
    }
}

/// Who reads the answer to a request. Slots are held weakly: who drops theirs waits no more.
enum Wait {
    /// A call that rmcp knows nothing of.
    Call(oneshot::Sender<Answer>, Option<Arc<Asking>>),
    /// The slot; rmcp sees an empty result.
    Slot(Weak<Inner>),
    /// The slot and rmcp.
    Both(Weak<Inner>),
    Rmcp,
    /// rmcp, when the subscription ends; so an answer that does not say whose it is is not this.
    Subscription,
}

impl Wait {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Call(caller, _) => caller.is_closed(),
            Self::Slot(slot) | Self::Both(slot) => slot.strong_count() == 0,
            Self::Rmcp | Self::Subscription => false,
        }
    }

    /// Ends the request by an error found here; what rmcp is to see of it.
    fn fail(self, id: i64, error: CallError) -> Option<ServerJsonRpcMessage> {
        let for_rmcp = error_for(id, unreadable(&error.to_string()));
        match self {
            Self::Call(caller, _) => {
                let _ = caller.send(Err(error));
                return None;
            }
            Self::Slot(slot) | Self::Both(slot) => {
                if let Some(slot) = slot.upgrade().map(Slot) {
                    slot.answer(Err(error));
                }
            }
            Self::Rmcp | Self::Subscription => {}
        }
        Some(for_rmcp)
    }

    /// Ends the request by an error that the server answered with.
    fn refuse(self, id: i64, error: ErrorData) -> Option<ServerJsonRpcMessage> {
        match self {
            Self::Call(caller, _) => {
                let _ = caller.send(Err(refused(error)));
                None
            }
            _ => Some(error_for(id, error)),
        }
    }
}

impl Waiting {
    pub(crate) fn new(server: Arc<str>, shows_lists: bool) -> Self {
        Self {
            server,
            requests: Mutex::default(),
            shows_lists,
        }
    }

    fn requests(&self) -> MutexGuard<'_, HashMap<i64, Wait>> {
        self.requests
            .lock()
            .expect("nothing panics while it is held")
    }

    /// Takes note of what rmcp is about to send.
    pub(crate) fn note(&self, message: &ClientJsonRpcMessage) {
        match message {
            JsonRpcMessage::Request(request) => {
                let Some(id) = number(&request.id) else {
                    return;
                };
                let slot = |extensions: &Extensions| {
                    let slot = extensions.get::<Slot>()?;
                    slot.0.sent.store(true, Ordering::Relaxed);
                    Some(Arc::downgrade(&slot.0))
                };
                let wait = match &request.request {
                    ClientRequest::CallToolRequest(call) => slot(&call.extensions).map(Wait::Slot),
                    ClientRequest::ListToolsRequest(list) => {
                        slot(&list.extensions).map(if self.shows_lists {
                            Wait::Both
                        } else {
                            Wait::Slot
                        })
                    }
                    ClientRequest::SubscriptionsListenRequest(_) => Some(Wait::Subscription),
                    _ => None,
                }
                .unwrap_or(Wait::Rmcp);
                self.add(id, wait);
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = cancelled.params.request_id.as_ref().and_then(number)
                {
                    self.forget(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
    }

    /// Takes note of a call that is about to be sent beside rmcp.
    pub(crate) fn note_call(
        &self,
        id: i64,
        asking: Option<Arc<Asking>>,
    ) -> oneshot::Receiver<Answer> {
        let (caller, answer) = oneshot::channel();
        self.add(id, Wait::Call(caller, asking));
        answer
    }

    /// The calls that a server's question may be about: the one with this id, or all that are open,
    /// if they have one asker. None when it is not known whom to ask.
    pub(crate) fn asking(&self, call: Option<&RequestId>) -> Option<Vec<Arc<Asking>>> {
        let requests = self.requests();
        let of_call = |wait: &Wait| match wait {
            Wait::Call(caller, asking) if !caller.is_closed() => Some(asking.clone()),
            Wait::Slot(slot) => slot
                .upgrade()
                .filter(|slot| slot.arguments.is_some())
                .map(|slot| slot.asking.clone()),
            _ => None,
        };
        let calls: Option<Vec<Arc<Asking>>> = match call {
            Some(id) => {
                let wait = requests.get(&number(id)?)?;
                of_call(wait)?.map(|asking| vec![asking])
            }
            None => requests.values().filter_map(of_call).collect(),
        };
        calls.filter(|calls| {
            calls
                .first()
                .is_some_and(|first| calls.iter().all(|call| call.has_asker_of(first)))
        })
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    fn add(&self, id: i64, wait: Wait) {
        let mut requests = self.requests();
        // Over HTTP a request may end without its answer or a cancellation passing here.
        if requests.len() >= MANY {
            requests.retain(|_, wait| !wait.is_abandoned());
        }
        requests.insert(id, wait);
    }

    pub(crate) fn forget(&self, id: i64) {
        self.requests().remove(&id);
    }

    /// Reads one message of the server: gives a raw result to who waits for it and returns what rmcp
    /// is to see of the message.
    pub(crate) fn read(&self, text: &[u8]) -> Read {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(text) else {
            return self.read_broken(text);
        };
        if envelope.method.is_some() {
            return Read::for_rmcp(typed(text, TYPED_LIMIT_BYTES));
        }
        let Some(id) = envelope.id.as_ref().and_then(Id::number) else {
            return match (envelope.result, envelope.error) {
                // JSON-RPC lets a server that could not read a request answer without its id.
                (None, Some(error)) => Read::for_rmcp(
                    self.take_only()
                        .and_then(|(id, wait)| wait.refuse(id, read_error(error.get()))),
                ),
                (None, None) => Read::NotJsonRpc,
                _ => Read::Nothing,
            };
        };
        let wait = self
            .requests()
            .remove(&id)
            .filter(|wait| !wait.is_abandoned());
        let Some(wait) = wait else {
            return Read::Unasked {
                id,
                is_result: envelope.result.is_some(),
            };
        };
        let result = match (envelope.result, envelope.error) {
            (Some(result), None) => result,
            (None, Some(error)) => {
                return Read::for_rmcp(wait.refuse(id, read_error(error.get())));
            }
            _ => return fail(id, wait, "it has neither one result nor one error"),
        };
        let for_rmcp = match &wait {
            Wait::Call(..) => None,
            Wait::Slot(_) => Some(empty_result(id)),
            Wait::Both(_) => typed(text, usize::MAX),
            Wait::Rmcp | Wait::Subscription => typed(text, TYPED_LIMIT_BYTES),
        };
        match (wait, for_rmcp) {
            (Wait::Call(caller, _), _) => {
                let _ = caller.send(Ok(answered(result)));
                Read::Nothing
            }
            (Wait::Slot(slot) | Wait::Both(slot), Some(message)) => {
                if let Some(slot) = slot.upgrade().map(Slot) {
                    slot.answer(Ok(answered(result)));
                }
                Read::Message(message)
            }
            (Wait::Rmcp | Wait::Subscription, Some(message)) => Read::Message(message),
            (wait, None) => fail(id, wait, "it does not have the form of this result"),
        }
    }

    /// A line which is not JSON: a broken message ends the request it answers, anything else is a
    /// banner or a log line and nobody's answer.
    ///
    /// Which request a broken message answers is told by its id, if that can still be read; if not
    /// and only one request waits, it is that one. Otherwise the deadlines of the calls decide:
    /// failing calls which may yet be answered would be worse than waiting.
    fn read_broken(&self, text: &[u8]) -> Read {
        let looks_like_a_message = text.trim_ascii_start().starts_with(b"{")
            && memchr::memmem::find(text, b"\"jsonrpc\"").is_some();
        if !looks_like_a_message {
            return Read::NotJsonRpc;
        }
        let waiting = match Pieces::of(text, text) {
            Pieces {
                is_answer: false, ..
            } => None,
            Pieces { id: None, .. } => self.take_only(),
            Pieces { id: Some(id), .. } => self.requests().remove(&id).map(|wait| (id, wait)),
        };
        match waiting {
            Some((id, wait)) => fail(id, wait, "it is not valid JSON"),
            None => Read::Nothing,
        }
    }

    /// A message which was too large to keep, of which only the ends are known.
    ///
    /// If they do not tell whose answer it was, every call in flight fails: one of them was meant
    /// and will never be answered.
    pub(crate) fn read_oversized(
        &self,
        message: &Oversized,
        limit: usize,
    ) -> Vec<ServerJsonRpcMessage> {
        let ids = match Pieces::of(&message.head, &message.tail) {
            Pieces {
                is_answer: false, ..
            } => Vec::new(),
            Pieces { id: Some(id), .. } => vec![id],
            Pieces { id: None, .. } => meant(&self.requests()).collect(),
        };
        self.fail_each(
            ids,
            &CallError::TooLarge {
                bytes: message.bytes,
                limit,
            },
        )
    }

    /// The connection has ended: nothing that still waits will be answered.
    pub(crate) fn lose_all(&self) -> Vec<ServerJsonRpcMessage> {
        let ids = self.requests().keys().copied().collect();
        self.fail_each(
            ids,
            &CallError::Lost {
                server: self.server.to_string(),
            },
        )
    }

    /// Ends one request for a reason found by the transport.
    pub(crate) fn fail(&self, id: &RequestId, error: &CallError) -> Option<ServerJsonRpcMessage> {
        self.fail_each(vec![number(id)?], error).pop()
    }

    fn fail_each(&self, ids: Vec<i64>, error: &CallError) -> Vec<ServerJsonRpcMessage> {
        let mut requests = self.requests();
        ids.into_iter()
            .filter_map(|id| requests.remove(&id)?.fail(id, error.clone()))
            .collect()
    }

    /// The request that an answer without an id must be meant for, if only one waits.
    fn take_only(&self) -> Option<(i64, Wait)> {
        let mut requests = self.requests();
        let only = {
            let mut ids = meant(&requests);
            ids.next().filter(|_| ids.next().is_none())
        }?;
        requests.remove(&only).map(|wait| (only, wait))
    }
}

/// The requests which an answer without an id may be meant for.
fn meant(requests: &HashMap<i64, Wait>) -> impl Iterator<Item = i64> {
    requests
        .iter()
        .filter(|(_, wait)| !matches!(wait, Wait::Subscription) && !wait.is_abandoned())
        .map(|(id, _)| *id)
}

fn fail(id: i64, wait: Wait, problem: &str) -> Read {
    Read::for_rmcp(wait.fail(
        id,
        CallError::Protocol {
            message: problem.to_owned(),
        },
    ))
}

/// What a message of the server turned out to be.
#[allow(
    clippy::large_enum_variant,
    reason = "short-lived, and the large one is the usual one"
)]
pub(crate) enum Read {
    /// For rmcp.
    Message(ServerJsonRpcMessage),
    /// The answer to a request which does not wait any more, or never did.
    Unasked { id: i64, is_result: bool },
    /// Nothing for rmcp: an answer that has reached its call, or what nobody here can use.
    Nothing,
    /// Not a message at all.
    NotJsonRpc,
}

impl Read {
    fn for_rmcp(message: Option<ServerJsonRpcMessage>) -> Read {
        message.map_or(Read::Nothing, Read::Message)
    }
}

/// The members of a message which say what it is; payloads stay bytes.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    method: Option<IgnoredAny>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id<'a> {
    Number(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(IgnoredAny),
}

impl Id<'_> {
    /// rmcp's ids are numbers; some servers return them as text.
    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Other(_) => None,
        }
    }
}

fn number(id: &RequestId) -> Option<i64> {
    match id {
        RequestId::Number(number) => Some(*number),
        RequestId::String(_) => None,
    }
}

fn typed(text: &[u8], limit: usize) -> Option<ServerJsonRpcMessage> {
    if text.len() > limit {
        None
    } else {
        serde_json::from_slice(text).ok()
    }
}

/// A result, or a request for input in the place of one (multi-round-trip requests of revision
/// 2026-07-28).
fn answered(result: &RawValue) -> Answered {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(rename = "resultType", borrow)]
        result_type: Option<Cow<'a, str>>,
    }
    // Most results never mention it, and looking for the word is far cheaper than parsing.
    if memchr::memmem::find(result.get().as_bytes(), b"\"input_required\"").is_some()
        && let Ok(Kind {
            result_type: Some(kind),
        }) = serde_json::from_str(result.get())
        && kind == "input_required"
    {
        return Answered::InputRequired(result.to_owned());
    }
    Answered::Result(result.to_owned())
}

fn read_error(text: &str) -> ErrorData {
    let error = if text.len() > TYPED_LIMIT_BYTES {
        None
    } else {
        serde_json::from_str(text).ok()
    };
    error.unwrap_or_else(|| unreadable("the server answered with an error that cannot be read"))
}

fn unreadable(problem: &str) -> ErrorData {
    ErrorData::new(ErrorCode::INTERNAL_ERROR, problem.to_owned(), None)
}

pub(crate) fn error_for(id: i64, error: ErrorData) -> ServerJsonRpcMessage {
    ServerJsonRpcMessage::error(error, Some(RequestId::Number(id)))
}

fn empty_result(id: i64) -> ServerJsonRpcMessage {
    ServerJsonRpcMessage::response(ServerResult::empty(()), RequestId::Number(id))
}

/// What the ends of a message tell about it when it was too large to keep, or is broken.
struct Pieces {
    id: Option<i64>,
    /// False for the server's own requests and notifications, as far as that can be seen.
    is_answer: bool,
}

impl Pieces {
    fn of(head: &[u8], tail: &[u8]) -> Self {
        let mut pieces = Self {
            id: None,
            is_answer: true,
        };
        // The error at the place where the piece ends does not matter.
        let _ = (&mut pieces).deserialize(&mut serde_json::Deserializer::from_slice(head));
        pieces.id = pieces.id.or_else(|| id_in_tail(tail));
        pieces
    }
}

impl<'de> DeserializeSeed<'de> for &mut Pieces {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Pieces {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "id" => self.id = map.next_value::<Id<'de>>()?.number(),
                "method" => {
                    self.is_answer = false;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Finds `"id": 7` as a last member: the TypeScript SDK writes `{"result":…,"jsonrpc":"2.0","id":7}`.
fn id_in_tail(tail: &[u8]) -> Option<i64> {
    let at = memchr::memmem::rfind(tail, b"\"id\"")?;
    let mut member = b"{".to_vec();
    member.extend_from_slice(&tail[at..]);
    // Parses only if nothing but this object's own members follows, so an `id` further in cannot
    // be taken for the message's.
    serde_json::from_slice::<Envelope<'_>>(&member)
        .ok()?
        .id?
        .number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_in_the_ends_of_a_message() {
        #[track_caller]
        fn check(head: &str, tail: &str, expected: Option<i64>) {
            let pieces = Pieces::of(head.as_bytes(), tail.as_bytes());
            assert_eq!(pieces.id.filter(|_| pieces.is_answer), expected);
        }
        check(
            r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"te"#,
            "xxx",
            Some(7),
        );
        check(
            r#"{"jsonrpc":"2.0","id":"7","result":{"content":[{"te"#,
            "xxx",
            Some(7),
        );
        check(
            r#"{"result":{"id":9,"content":[{"te"#,
            r#"xx"}]},"jsonrpc":"2.0","id":7}"#,
            Some(7),
        );
        check(
            r#"{"result":{"te"#,
            r#"xx"}]},"id": "7", "jsonrpc":"2.0" } "#,
            Some(7),
        );
        check(r#"{"result":{"te"#, r#"xx","id":7}}"#, None);
        check(r#"{"result":{"te"#, r#"xx\"id\":7}"}"#, None);
        check(r#"{"id":7,"method":"ping","params":{"te"#, "xxx", None);
        check("", "", None);
    }

    #[test]
    fn broken_messages_end_a_request_and_banners_do_not() {
        #[track_caller]
        fn check(waiting: &[i64], line: &str, expected: &str) {
            let requests = Waiting::new("s".into(), false);
            requests
                .requests()
                .extend(waiting.iter().map(|id| (*id, Wait::Rmcp)));
            let got = match requests.read(line.as_bytes()) {
                Read::Message(JsonRpcMessage::Error(error)) => {
                    format!("error for {}", error.id.expect("the request it ends"))
                }
                Read::Message(_) => "message".to_owned(),
                Read::Unasked { id, .. } => format!("unasked {id}"),
                Read::Nothing => "dropped".to_owned(),
                Read::NotJsonRpc => "not JSON-RPC".to_owned(),
            };
            assert_eq!(got, expected);
        }
        check(&[1, 2], "Server listening", "not JSON-RPC");
        check(&[1], "{\"level\":\"info\"}", "not JSON-RPC");
        check(&[1], "[1,2]", "not JSON-RPC");
        check(
            &[1, 2],
            r#"{"jsonrpc":"2.0","id":2,"result":{"content":[}"#,
            "error for 2",
        );
        check(
            &[1],
            r#"{"jsonrpc":"2.0","result":{"content":["#,
            "error for 1",
        );
        check(
            &[1, 2],
            r#"{"jsonrpc":"2.0","result":{"content":["#,
            "dropped",
        );
        check(
            &[1],
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"?"}}"#,
            "error for 1",
        );
        check(&[1], r#"{"jsonrpc":"2.0","id":5,"result":{}}"#, "unasked 5");
        check(&[1], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "message");
        check(&[1], r#"{"jsonrpc":"2.0","id":1}"#, "error for 1");
        check(
            &[],
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#,
            "message",
        );
    }
}
