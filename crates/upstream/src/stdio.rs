//! MCP over the standard streams of a server we start: one JSON message a line.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{future, io};

use rmcp::RoleClient;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, RequestId,
    ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::lines::{ENVELOPE_BYTES, Line, Lines};
use crate::slot::{Read, Waiting, encode, error_for};
use crate::{LastWords, Launched};

/// A server which does not read its input may keep this much waiting; more is refused at once.
const QUEUE_BYTES: usize = 64 << 20;
const QUEUE_LINES: usize = 1024;
/// How long a server whose input is closed may take to finish before its process group is ended.
const GRACE: Duration = Duration::from_secs(2);
const STDERR_TAIL_BYTES: usize = 4 << 10;

/// The side of a stdio connection which rmcp drives.
pub(crate) struct StdioTransport {
    stdout: pipe::Receiver,
    lines: Lines,
    outgoing: Option<mpsc::Sender<Vec<u8>>>,
    queued_bytes: Arc<AtomicUsize>,
    writer: AbortOnDropHandle<io::Result<()>>,
    waiting: Waiting,
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
        server: Arc<str>,
        launched: Launched,
        max_result_bytes: usize,
        probe_timeout: Duration,
        observed: Arc<Observed>,
    ) -> io::Result<(Self, AbortOnDropHandle<()>)> {
        let stderr = drain_stderr(launched.stderr, observed.clone())?;
        let stdin = pipe::Sender::from_owned_fd(launched.stdin)?;
        let stdout = pipe::Receiver::from_owned_fd(launched.stdout)?;
        let (outgoing, lines) = mpsc::channel(QUEUE_LINES);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let writer = tokio::spawn(write_lines(stdin, lines, queued_bytes.clone()));
        let transport = Self {
            stdout,
            lines: Lines::new(max_result_bytes.saturating_add(ENVELOPE_BYTES)),
            outgoing: Some(outgoing),
            queued_bytes,
            writer: AbortOnDropHandle::new(writer),
            waiting: Waiting::new(server, false),
            max_result_bytes,
            ready: VecDeque::new(),
            probe: Probe::Unsent(probe_timeout),
            ends_at: None,
            ended: false,
            observed,
            _lifeline: launched.lifeline,
        };
        Ok((transport, stderr))
    }

    /// Puts a message into the writer's queue. Not async: the order of the calls is the order on
    /// the wire, so that a cancellation cannot overtake the request it cancels.
    fn enqueue(&mut self, message: &ClientJsonRpcMessage) -> Result<(), SendError> {
        let outgoing = self.outgoing.as_ref().ok_or(SendError::Closed)?;
        let mut line = encode(message).map_err(SendError::Unencodable)?;
        line.push(b'\n');
        let bytes = line.len();
        let queued = self.queued_bytes.load(Ordering::Relaxed);
        if queued > 0 && queued.saturating_add(bytes) > QUEUE_BYTES {
            return Err(SendError::NotReading);
        }
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        outgoing.try_send(line).map_err(|error| {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match error {
                mpsc::error::TrySendError::Full(_) => SendError::NotReading,
                mpsc::error::TrySendError::Closed(_) => SendError::Closed,
            }
        })?;
        self.waiting.note(message);
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
        match self.waiting.read(line) {
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
            Read::Dropped => None,
            Read::NotJsonRpc => {
                self.observed.not_json_rpc.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    fn give_up_probe(&mut self, id: i64) -> ServerJsonRpcMessage {
        self.probe = Probe::GivenUp { id };
        self.waiting.forget(&RequestId::Number(id));
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
                        self.ready.extend(self.waiting.read_oversized(&message, self.max_result_bytes));
                    }
                    None => {
                        self.ended = true;
                        self.ready.extend(self.waiting.lose_all());
                    }
                },
                // The server closed its input. What it wrote before is still worth reading.
                _ = &mut self.writer, if self.ends_at.is_none() => {
                    self.outgoing = None;
                    self.ends_at = Some(Instant::now() + GRACE);
                }
                () = at(self.ends_at), if self.ends_at.is_some() => {
                    self.ended = true;
                    self.ready.extend(self.waiting.lose_all());
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
        self.outgoing = None;
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

async fn write_lines(
    mut stdin: pipe::Sender,
    mut lines: mpsc::Receiver<Vec<u8>>,
    queued_bytes: Arc<AtomicUsize>,
) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        let written = stdin.write_all(&line).await;
        queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
        written?;
    }
    Ok(())
}
