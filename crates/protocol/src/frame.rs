//! Frames: `length: u32 · kind: u8 · flags: u8 · id: u32`, little-endian, then `length` bytes.
//!
//! Flag bit 0 says that the body goes on in a later frame of the same kind and id. Bodies of
//! different ids may interleave.

use std::collections::HashMap;

use thiserror::Error;

/// Length of a frame's header.
pub const HEADER_BYTES: usize = 10;
/// Bodies are cut into frames of this size, so that a reply of 100 MB lets others pass in between.
pub const CHUNK_BYTES: usize = 1 << 20;
const MORE: u8 = 1;

/// What a message is. Numbers are part of the protocol; guest and host are always the same binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Guest: a step of its set-up failed; it will run nothing. Body: [`crate::Failed`].
    Failed = 1,
    /// Guest: locked down, this is what my probes met. Body: [`crate::Ready`].
    Ready = 2,
    /// Guest: call a tool; answered by `Return` or `Raise` with the same id. Body: [`crate::Call`].
    Call = 3,
    /// Guest: the program ended. Body: [`crate::Done`].
    Done = 4,
    /// Guest: the calls that the program's text makes, once, before any of it runs; answered by
    /// `Checked`. Not sent for a text without calls. Body: [`crate::Check`].
    Check = 5,
    /// Guest: how far the program says it is; not answered. Body: [`crate::Progress`].
    Progress = 6,
    /// Host: the steps by which the guest locks itself down. Body: the sandbox's.
    Lockdown = 16,
    /// Host: the source of the guest's runtime, for guests that are interpreters. Body: UTF-8.
    Runtime = 17,
    /// Host: the program to run. Body: [`crate::Job`].
    Job = 18,
    /// Host: the value of a call. Body: JSON.
    Return = 19,
    /// Host: a call failed. Body: [`crate::Raise`].
    Raise = 20,
    /// Host: go the way of a program once, then say `Ready`. To a guest that is locked down and will
    /// wait. Body: steps like those of `Lockdown` that change nothing.
    WarmUp = 21,
    /// Host: whether the program may run. Body: [`crate::Checked`].
    Checked = 22,
    /// Host: the value of a call, parts of which are handles. Body: [`crate::Handles`].
    Handles = 23,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        [
            Failed, Ready, Call, Done, Check, Progress, Lockdown, Runtime, Job, Return, Raise,
            WarmUp, Checked, Handles,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// One whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: Kind,
    pub id: u32,
    pub body: Vec<u8>,
}

/// How much a peer may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest body of one frame.
    pub frame_bytes: usize,
    /// Longest body of one message, all its frames together.
    pub message_bytes: usize,
    /// Bytes held for messages that have begun and not ended, and how many of these there may be.
    pub unfinished_bytes: usize,
    pub unfinished_messages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            frame_bytes: 8 << 20,
            message_bytes: 128 << 20,
            unfinished_bytes: 256 << 20,
            unfinished_messages: 256,
        }
    }
}

/// Something the other side sent that its shipped code never sends.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum Violation {
    #[error("a frame of {bytes} bytes, over the limit of {limit}")]
    FrameTooLong { bytes: usize, limit: usize },
    #[error("a message of more than {limit} bytes")]
    MessageTooLong { limit: usize },
    #[error("more than {limit} unfinished bytes or {messages} unfinished messages")]
    TooMuchUnfinished { limit: usize, messages: usize },
    #[error("a frame of unknown kind {0}")]
    UnknownKind(u8),
    #[error("a frame with unknown flags {0:#x}")]
    UnknownFlags(u8),
    #[error("a message that changes its kind half-way")]
    KindChanged,
    #[error("a message whose body is not what its kind says: {0}")]
    Body(String),
}

/// Turns a stream of bytes into messages.
///
/// Memory in use is at most what has arrived: a header that announces 8 MiB reserves nothing.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    input: Vec<u8>,
    consumed: usize,
    unfinished: HashMap<u32, (Kind, Vec<u8>)>,
    unfinished_bytes: usize,
}

impl Decoder {
    pub fn new(limits: Limits) -> Decoder {
        Decoder {
            limits,
            input: Vec::new(),
            consumed: 0,
            unfinished: HashMap::new(),
            unfinished_bytes: 0,
        }
    }

    /// Takes bytes as they arrived, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.consumed == self.input.len() {
            self.input.clear();
            self.consumed = 0;
        } else if self.consumed > CHUNK_BYTES {
            self.input.drain(..self.consumed);
            self.consumed = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` until more bytes have been pushed.
    ///
    /// # Errors
    /// After a [`Violation`] the stream has no meaning any more; end the connection.
    #[expect(
        clippy::should_implement_trait,
        reason = "fallible, and None is not the end"
    )]
    pub fn next(&mut self) -> Result<Option<Message>, Violation> {
        loop {
            let input = &self.input[self.consumed..];
            let Some(header) = input.first_chunk::<HEADER_BYTES>() else {
                return Ok(None);
            };
            let (length, kind, flags, id) = parse_header(header);
            if length > self.limits.frame_bytes {
                return Err(Violation::FrameTooLong {
                    bytes: length,
                    limit: self.limits.frame_bytes,
                });
            }
            let kind = Kind::from_byte(kind).ok_or(Violation::UnknownKind(kind))?;
            if flags & !MORE != 0 {
                return Err(Violation::UnknownFlags(flags));
            }
            let Some(body) = input.get(HEADER_BYTES..HEADER_BYTES + length) else {
                return Ok(None);
            };
            let more = flags & MORE != 0;
            let finished = match self.unfinished.remove(&id) {
                None if !more => Some(Message {
                    kind,
                    id,
                    body: body.to_vec(),
                }),
                begun => {
                    let (first_kind, mut whole) = begun.unwrap_or((kind, Vec::new()));
                    if first_kind != kind {
                        return Err(Violation::KindChanged);
                    }
                    if whole.len() + length > self.limits.message_bytes {
                        return Err(Violation::MessageTooLong {
                            limit: self.limits.message_bytes,
                        });
                    }
                    whole.extend_from_slice(body);
                    self.unfinished_bytes += length;
                    if more {
                        self.unfinished.insert(id, (kind, whole));
                        None
                    } else {
                        self.unfinished_bytes -= whole.len();
                        Some(Message {
                            kind,
                            id,
                            body: whole,
                        })
                    }
                }
            };
            self.consumed += HEADER_BYTES + length;
            if self.unfinished_bytes > self.limits.unfinished_bytes
                || self.unfinished.len() > self.limits.unfinished_messages
            {
                return Err(Violation::TooMuchUnfinished {
                    limit: self.limits.unfinished_bytes,
                    messages: self.limits.unfinished_messages,
                });
            }
            if finished.is_some() {
                return Ok(finished);
            }
        }
    }
}

fn parse_header(header: &[u8; HEADER_BYTES]) -> (usize, u8, u8, u32) {
    let [l0, l1, l2, l3, kind, flags, i0, i1, i2, i3] = *header;
    (
        u32::from_le_bytes([l0, l1, l2, l3]) as usize,
        kind,
        flags,
        u32::from_le_bytes([i0, i1, i2, i3]),
    )
}

/// The frames that carry a message, as header and slice of the body, in the order to send them.
pub fn frames(
    kind: Kind,
    id: u32,
    body: &[u8],
) -> impl Iterator<Item = ([u8; HEADER_BYTES], &[u8])> {
    let count = body.len().div_ceil(CHUNK_BYTES).max(1);
    (0..count).map(move |index| {
        let start = index * CHUNK_BYTES;
        let chunk = &body[start..body.len().min(start + CHUNK_BYTES)];
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&(chunk.len() as u32).to_le_bytes());
        header[4] = kind as u8;
        header[5] = if index + 1 < count { MORE } else { 0 };
        header[6..].copy_from_slice(&id.to_le_bytes());
        (header, chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(kind: Kind, id: u32, body: &[u8]) -> Vec<u8> {
        frames(kind, id, body)
            .flat_map(|(header, chunk)| [header.as_slice(), chunk].concat())
            .collect()
    }

    fn decode(limits: Limits, stream: &[u8], step: usize) -> Result<Vec<Message>, Violation> {
        let mut decoder = Decoder::new(limits);
        let mut messages = Vec::new();
        for piece in stream.chunks(step) {
            decoder.push(piece);
            while let Some(message) = decoder.next()? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    #[test]
    fn messages_of_every_size_survive_any_cut_of_the_stream() {
        for length in [
            0,
            1,
            9,
            10,
            11,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES,
        ] {
            let body: Vec<u8> = (0..length).map(|i| (i * 31 % 251) as u8).collect();
            let stream = [
                bytes_of(Kind::Call, 7, &body),
                bytes_of(Kind::Done, 0, b"{}"),
            ]
            .concat();
            for step in [1, 7, 4096, stream.len()] {
                if step == 1 && length > CHUNK_BYTES {
                    continue;
                }
                let messages = decode(Limits::default(), &stream, step).unwrap();
                assert_eq!(messages.len(), 2, "length {length}, step {step}");
                assert_eq!(
                    messages[0],
                    Message {
                        kind: Kind::Call,
                        id: 7,
                        body: body.clone()
                    }
                );
            }
        }
    }

    #[test]
    fn bodies_of_two_messages_may_interleave() {
        let first: Vec<_> = frames(Kind::Return, 1, &[1; CHUNK_BYTES + 5])
            .map(|(h, c)| [h.as_slice(), c].concat())
            .collect();
        let second: Vec<_> = frames(Kind::Return, 2, &[2; CHUNK_BYTES + 6])
            .map(|(h, c)| [h.as_slice(), c].concat())
            .collect();
        let stream = [&first[0][..], &second[0], &first[1], &second[1]].concat();
        let messages = decode(Limits::default(), &stream, 5000).unwrap();
        assert_eq!(messages[0].body, [1; CHUNK_BYTES + 5]);
        assert_eq!(messages[1].body, [2; CHUNK_BYTES + 6]);
    }

    #[test]
    fn hostile_streams_are_violations() {
        let limits = Limits {
            frame_bytes: 100,
            message_bytes: 150,
            unfinished_bytes: 300,
            unfinished_messages: 2,
        };
        let frame = |length: u32, kind: u8, flags: u8, id: u32, sent: usize| {
            [
                &length.to_le_bytes()[..],
                &[kind, flags],
                &id.to_le_bytes(),
                &vec![0; sent],
            ]
            .concat()
        };
        let check = |stream: Vec<u8>, expected: Violation| {
            assert_eq!(decode(limits, &stream, 13), Err(expected));
        };
        check(
            frame(u32::MAX, 3, 0, 1, 0),
            Violation::FrameTooLong {
                bytes: u32::MAX as usize,
                limit: 100,
            },
        );
        check(
            frame(101, 3, 0, 1, 0),
            Violation::FrameTooLong {
                bytes: 101,
                limit: 100,
            },
        );
        check(frame(1, 99, 0, 1, 1), Violation::UnknownKind(99));
        check(frame(1, 3, 0x82, 1, 1), Violation::UnknownFlags(0x82));
        check(
            [frame(100, 3, 1, 1, 100), frame(51, 3, 1, 1, 51)].concat(),
            Violation::MessageTooLong { limit: 150 },
        );
        check(
            [frame(1, 3, 1, 1, 1), frame(1, 4, 0, 1, 1)].concat(),
            Violation::KindChanged,
        );
        check(
            (0..3).flat_map(|id| frame(0, 3, 1, id, 0)).collect(),
            Violation::TooMuchUnfinished {
                limit: 300,
                messages: 2,
            },
        );
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(&[&(8u32 << 20).to_le_bytes()[..], &[3, 0, 0, 0, 0, 0]].concat());
        assert_eq!(decoder.next(), Ok(None));
        assert!(decoder.input.capacity() < 1024);
    }
}
