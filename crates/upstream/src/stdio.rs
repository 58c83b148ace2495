//! MCP over the standard streams of a server we start: one JSON message a line.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::{future, io};

use rmcp::RoleClient;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, RequestId,
    RequestMetaObject, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::elicit::{Again, Asking};
use crate::lines::{ENVELOPE_BYTES, Line, Lines};
use crate::slot::{Answer, Read, Waiting, call_line, encode, error_for};
use crate::{LastWords, Launched};

/// A server which does not read its input may keep this much waiting; more is refused at once.
const QUEUE_BYTES: usize = 64 << 20;
/// The ids of calls begin here: below are those of rmcp, which counts its few requests from 0, and
/// there are servers whose ids are integers of 32 bits.
const FIRST_CALL: i64 = 1 << 30;
/// How long a server whose input is closed may take to finish before its process group is ended.
const GRACE: Duration = Duration::from_secs(2);
const STDERR_TAIL_BYTES: usize = 4 << 10;

/// The side of a stdio connection which rmcp drives.
pub(crate) struct StdioTransport {
    stdout: pipe::Receiver,
    lines: Lines,
    wire: Arc<Wire>,
    writer: AbortOnDropHandle<io::Result<()>>,
    max_result_bytes: usize,
    /// Messages made here, which rmcp gets before anything further is read.
    ready: VecDeque<ServerJsonRpcMessage>,
    probe: Probe,
    /// Set when the server has stopped reading; what it has already written is still read.
    ends_at: Option<Instant>,
    ended: bool,
    observed: Arc<Observed>,
    /// Dropped last, after the server had the chance to end by itself.
    _lifeline: OwnedFd,
}

/// The `server/discover` probe. rmcp waits 10 s for a server that ignores it, and most that ignore
/// it are legacy servers, so silence is turned into the refusal rmcp falls back on.
#[derive(Clone, Copy)]
enum Probe {
    /// After how much silence a probe will be given up.
    Unsent(Duration),
    Sent {
        id: i64,
        until: Instant,
    },
    Answered,
    GivenUp {
        id: i64,
    },
}

/// What a connection says about itself beside its messages; outlives the connection.
#[derive(Default)]
pub(crate) struct Observed {
    pub(crate) not_json_rpc: AtomicUsize,
    /// The probe was answered after it had been given up: the server is modern but slow to start.
    pub(crate) answered_late: AtomicBool,
    /// Held only to append to or to copy.
    stderr: Mutex<Vec<u8>>,
}

impl Observed {
    pub(crate) fn last_words(&self) -> LastWords {
        let tail = self.stderr.lock().expect("nothing panics while it is held");
        LastWords(String::from_utf8_lossy(&tail).trim().to_owned())
    }

    fn hear(&self, bytes: &[u8]) {
        let mut tail = self.stderr.lock().expect("nothing panics while it is held");
        tail.extend_from_slice(bytes);
        let surplus = tail.len().saturating_sub(STDERR_TAIL_BYTES);
        tail.drain(..surplus);
    }
}

/// Drains a server's stderr to its end, so that the server never blocks on it.
pub(crate) fn drain_stderr(
    stderr: OwnedFd,
    observed: Arc<Observed>,
) -> io::Result<AbortOnDropHandle<()>> {
    let mut stderr = pipe::Receiver::from_owned_fd(stderr)?;
    let drain = async move {
        let mut chunk = vec![0; 8 << 10];
        while let Ok(1..) = stderr
            .read(&mut chunk)
            .await
            .inspect(|read| observed.hear(&chunk[..*read]))
        {}
    };
    Ok(AbortOnDropHandle::new(tokio::spawn(drain)))
}

impl StdioTransport {
    pub(crate) fn new(
        waiting: Arc<Waiting>,
        launched: Launched,
        max_result_bytes: usize,
        probe_timeout: Duration,
        observed: Arc<Observed>,
    ) -> io::Result<(Self, Arc<Wire>, AbortOnDropHandle<()>)> {
        let stderr = drain_stderr(launched.stderr, observed.clone())?;
        let stdin = pipe::Sender::from_owned_fd(launched.stdin)?;
        let stdout = pipe::Receiver::from_owned_fd(launched.stdout)?;
        let wire = Arc::new(Wire::new(waiting));
        let writer = tokio::spawn(write_lines(stdin, wire.clone()));
        let transport = Self {
            stdout,
            lines: Lines::new(max_result_bytes.saturating_add(ENVELOPE_BYTES)),
            wire: wire.clone(),
            writer: AbortOnDropHandle::new(writer),
            max_result_bytes,
            ready: VecDeque::new(),
            probe: Probe::Unsent(probe_timeout),
            ends_at: None,
            ended: false,
            observed,
            _lifeline: launched.lifeline,
        };
        Ok((transport, wire, stderr))
    }

    /// Not async: the order of the calls is the order on the wire, so that a cancellation cannot
    /// overtake the request it cancels.
    fn enqueue(&mut self, message: &ClientJsonRpcMessage) -> Result<(), SendError> {
        let line = encode(message).map_err(SendError::Unencodable)?;
        self.wire.push(line)?;
        self.wire.waiting.note(message);
        if let JsonRpcMessage::Request(request) = message
            && let (ClientRequest::DiscoverRequest(_), RequestId::Number(id)) =
                (&request.request, &request.id)
            && let Probe::Unsent(patience) = self.probe
        {
            self.probe = Probe::Sent {
                id: *id,
                until: Instant::now() + patience,
            };
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8]) -> Option<ServerJsonRpcMessage> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        match self.wire.waiting.read(line) {
            Read::Message(message) => {
                if let (Probe::Sent { id, .. }, Some(answered)) =
                    (self.probe, answered_id(&message))
                    && id == answered
                {
                    self.probe = Probe::Answered;
                }
                Some(message)
            }
            Read::Unasked { id, is_result } => {
                if matches!(self.probe, Probe::GivenUp { id: probe } if probe == id) && is_result {
                    self.observed.answered_late.store(true, Ordering::Relaxed);
                }
                None
            }
            Read::Nothing => None,
            Read::NotJsonRpc => {
                self.observed.not_json_rpc.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    fn give_up_probe(&mut self, id: i64) -> ServerJsonRpcMessage {
        self.probe = Probe::GivenUp { id };
        self.wire.waiting.forget(id);
        let silence = "no answer to server/discover";
        error_for(
            id,
            ErrorData::new(ErrorCode::METHOD_NOT_FOUND, silence, None),
        )
    }
}

impl Transport<RoleClient> for StdioTransport {
    type Error = SendError;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), SendError>> + Send + 'static {
        future::ready(self.enqueue(&message))
    }

    /// Safe to drop at any await, which rmcp does all the time: the state is in `self`.
    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if self.ended {
                return None;
            }
            let probe = match self.probe {
                Probe::Sent { id, until } => Some((id, until)),
                _ => None,
            };
            tokio::select! {
                biased;
                line = next_line(&mut self.stdout, &mut self.lines) => match line {
                    Some(Line::Whole(line)) => {
                        if let Some(message) = self.take_line(&line) {
                            return Some(message);
                        }
                    }
                    Some(Line::Oversized(message)) => {
                        self.ready.extend(self.wire.waiting.read_oversized(&message, self.max_result_bytes));
                    }
                    None => {
                        self.ended = true;
                        self.ready.extend(self.wire.waiting.lose_all());
                    }
                },
                // The server closed its input. What it wrote before is still worth reading.
                _ = &mut self.writer, if self.ends_at.is_none() => {
                    self.wire.close();
                    self.ends_at = Some(Instant::now() + GRACE);
                }
                () = at(self.ends_at), if self.ends_at.is_some() => {
                    self.ended = true;
                    self.ready.extend(self.wire.waiting.lose_all());
                }
                () = at(probe.map(|(_, until)| until)), if probe.is_some() => {
                    let (id, _) = probe.expect("checked by the branch's condition");
                    return Some(self.give_up_probe(id));
                }
            }
        }
    }

    /// Closes the server's input and waits for it to finish by itself; what is left of it ends with
    /// the lifeline, when `self` is dropped.
    async fn close(&mut self) -> Result<(), SendError> {
        self.wire.close();
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let finish = async {
            if self.ends_at.is_none() {
                let _ = (&mut self.writer).await;
            }
            while next_line(&mut self.stdout, &mut self.lines).await.is_some() {}
        };
        if timeout(GRACE, finish).await.is_err() {
            tracing::debug!(
                "a server did not end with its input and is ended with its process group"
            );
        }
        Ok(())
    }
}

impl Drop for StdioTransport {
    /// Nobody reads any more, so nobody who still waits will be answered.
    fn drop(&mut self) {
        self.wire.close();
        self.wire.waiting.lose_all();
    }
}

/// The next line of a server, or `None` when it has closed its output; a last line without its end
/// is no message. Safe to drop at its only await.
async fn next_line(stdout: &mut pipe::Receiver, lines: &mut Lines) -> Option<Line> {
    loop {
        if let Some(line) = lines.take() {
            return Some(line);
        }
        match stdout.read_buf(lines.room()).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return None,
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => future::pending().await,
    }
}

fn answered_id(message: &ServerJsonRpcMessage) -> Option<i64> {
    match message {
        JsonRpcMessage::Response(response) => Some(&response.id),
        JsonRpcMessage::Error(error) => error.id.as_ref(),
        JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
    }
    .and_then(|id| match id {
        RequestId::Number(id) => Some(*id),
        RequestId::String(text) => text.parse().ok(),
    })
}

/// Why a message was not sent. None of it reached the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the server has closed its input")]
    Closed,
    #[error("the server does not read its input")]
    NotReading,
    #[error("the message cannot be written as JSON: {0}")]
    Unencodable(serde_json::Error),
}

/// Writes what there is at once: lines that were pushed in one turn of the runtime wake the server
/// together.
async fn write_lines(mut stdin: pipe::Sender, wire: Arc<Wire>) -> io::Result<()> {
    let mut lines = Vec::new();
    while wire.pushed(&mut lines).await {
        stdin.write_all(&lines).await?;
    }
    Ok(())
}

/// A connection as rmcp's transport and the calls beside it share it: lines to the server, and who
/// waits for an answer.
///
/// Calls do not pass rmcp, which would spend more on one than all others who handle it: a message is
/// built, two tasks are woken and an empty result is made to stand for the one in the answer.
pub(crate) struct Wire {
    waiting: Arc<Waiting>,
    /// Held to add to it or to take what is there.
    outgoing: Mutex<Outgoing>,
    pushed: Notify,
    next_call: AtomicI64,
}

#[derive(Default)]
struct Outgoing {
    lines: Vec<u8>,
    /// Of lines that the writer has taken and not yet written.
    being_written: usize,
    closed: bool,
}

impl Wire {
    fn new(waiting: Arc<Waiting>) -> Self {
        Self {
            waiting,
            outgoing: Mutex::default(),
            pushed: Notify::new(),
            next_call: AtomicI64::new(FIRST_CALL),
        }
    }

    /// Sends a call. Dropping what is returned tells the server that nobody waits any more.
    ///
    /// # Errors
    /// Nothing was sent.
    pub(crate) fn call(
        self: &Arc<Self>,
        meta: Option<&RequestMetaObject>,
        tool: &str,
        arguments: &RawValue,
        again: Option<&Again>,
        asking: Option<Arc<Asking>>,
    ) -> Result<OpenCall, SendError> {
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        let line = call_line(&id, meta, tool, arguments, again).map_err(SendError::Unencodable)?;
        let answer = self.waiting.note_call(id, asking);
        self.push(line).inspect_err(|_| self.waiting.forget(id))?;
        Ok(OpenCall {
            wire: self.clone(),
            id,
            answer,
            ended: false,
        })
    }

    fn push(&self, mut line: Vec<u8>) -> Result<(), SendError> {
        line.push(b'\n');
        let mut outgoing = self.lock();
        if outgoing.closed {
            return Err(SendError::Closed);
        }
        let queued = outgoing.lines.len() + outgoing.being_written;
        if queued > 0 && queued.saturating_add(line.len()) > QUEUE_BYTES {
            return Err(SendError::NotReading);
        }
        match outgoing.lines.is_empty() {
            true => outgoing.lines = line,
            false => outgoing.lines.extend_from_slice(&line),
        }
        drop(outgoing);
        self.pushed.notify_one();
        Ok(())
    }

    /// Waits for lines and takes them all; those taken last have been written. False when there are
    /// no more and never will be.
    async fn pushed(&self, lines: &mut Vec<u8>) -> bool {
        loop {
            let notified = self.pushed.notified();
            {
                let mut outgoing = self.lock();
                *lines = std::mem::take(&mut outgoing.lines);
                outgoing.being_written = lines.len();
                if !lines.is_empty() {
                    return true;
                }
                if outgoing.closed {
                    return false;
                }
            }
            notified.await;
        }
    }

    /// Lets the writer end with what there is.
    fn close(&self) {
        self.lock().closed = true;
        self.pushed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing
            .lock()
            .expect("nothing panics while it is held")
    }
}

/// A call that has been sent.
pub(crate) struct OpenCall {
    wire: Arc<Wire>,
    id: i64,
    answer: oneshot::Receiver<Answer>,
    ended: bool,
}

impl OpenCall {
    /// `None`: the connection ended with this call in flight.
    pub(crate) async fn answer(mut self) -> Option<Answer> {
        let answer = (&mut self.answer).await;
        self.ended = true;
        answer.ok()
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.wire.waiting.forget(self.id);
        let cancelled = serde_json::json!({
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": self.id, "reason": "the caller stopped waiting"},
        });
        // A server that reads nothing need not hear it.
        let _ = self.wire.push(cancelled.to_string().into_bytes());
    }
}
