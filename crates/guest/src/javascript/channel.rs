//! The socket to the host.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use protocol::{Decoder, Kind, Limits, Message, frames};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What is read at once, and once a read was full: most messages are short, and every page of the
/// buffer is one that a fork has to be given.
const READ_BYTES: usize = 4 << 10;
const LONG_READ_BYTES: usize = 64 << 10;

/// Of messages that were to be sent soon, so much waits at most.
const UNSENT_BYTES: usize = 16 << 10;

/// Both directions, blocking: the guest has one thread and nothing to do while it waits.
pub(super) struct Channel {
    stream: UnixStream,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// Whole frames that are not written yet.
    unsent: Vec<u8>,
    /// Whether anything has been written since the last read.
    has_spoken: bool,
}

/// The host is gone, or says what no host of ours says. There is nobody left to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

impl Channel {
    pub(super) fn new(stream: UnixStream) -> Channel {
        Channel {
            stream,
            decoder: Decoder::new(Limits::default()),
            buffer: vec![0; READ_BYTES],
            unsent: Vec::new(),
            has_spoken: false,
        }
    }

    /// The socket alone. Nothing may have been read beyond the last message taken.
    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub(super) fn send(&mut self, kind: Kind, id: u32, body: &[u8]) -> Result<(), Lost> {
        self.flush()?;
        self.has_spoken = true;
        for (header, chunk) in frames(kind, id, body) {
            // One write a frame, as each wakes the host.
            self.stream
                .write_all(&[&header[..], chunk].concat())
                .map_err(|_| Lost)?;
        }
        Ok(())
    }

    /// Sends a message, at the latest when this guest waits for one: of many that are sent one after
    /// another only the first has to wake the host.
    pub(super) fn send_soon(&mut self, kind: Kind, id: u32, body: &[u8]) -> Result<(), Lost> {
        if !self.has_spoken || self.unsent.len() + body.len() > UNSENT_BYTES {
            return self.send(kind, id, body);
        }
        for (header, chunk) in frames(kind, id, body) {
            self.unsent.extend_from_slice(&header);
            self.unsent.extend_from_slice(chunk);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Lost> {
        if !self.unsent.is_empty() {
            self.stream.write_all(&self.unsent).map_err(|_| Lost)?;
            self.unsent.clear();
        }
        Ok(())
    }

    /// The next message; `None` when there is none by `deadline`.
    pub(super) fn receive(&mut self, deadline: Option<Instant>) -> Result<Option<Message>, Lost> {
        loop {
            if let Some(message) = self.decoder.next().map_err(|_| Lost)? {
                return Ok(Some(message));
            }
            self.flush()?;
            self.has_spoken = false;
            if let Some(deadline) = deadline
                && !self.is_readable(deadline)?
            {
                return Ok(None);
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Lost),
                Ok(count) => {
                    self.decoder.push(&self.buffer[..count]);
                    if count == READ_BYTES {
                        self.buffer.resize(LONG_READ_BYTES, 0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Lost),
            }
        }
    }

    /// The next message, which has to be of this kind.
    pub(super) fn expect(&mut self, kind: Kind) -> Result<Vec<u8>, Lost> {
        match self.receive(None)? {
            Some(message) if message.kind == kind => Ok(message.body),
            _ => Err(Lost),
        }
    }

    fn is_readable(&self, deadline: Instant) -> Result<bool, Lost> {
        // Not `set_read_timeout`: the sandbox allows no socket options.
        let wait = deadline.saturating_duration_since(Instant::now());
        let wait = Timespec::try_from(wait).map_err(|_| Lost)?;
        let mut fds = [PollFd::new(&self.stream, PollFlags::IN)];
        match poll(&mut fds, Some(&wait)) {
            Ok(count) => Ok(count > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(_) => Err(Lost),
        }
    }
}
