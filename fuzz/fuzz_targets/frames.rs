//! The decoder of frames: whatever arrives, in whatever pieces.
//!
//! The first byte chooses the sizes of the pieces; the rest is the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{Decoder, Limits, Message, Violation, frames};

const LIMITS: Limits = Limits {
    frame_bytes: 4 << 10,
    message_bytes: 16 << 10,
    unfinished_bytes: 32 << 10,
    unfinished_messages: 8,
};

/// The messages that a stream holds, and what it ends with.
fn decoded(stream: &[u8], step: usize) -> (Vec<Message>, Option<Violation>) {
    let mut decoder = Decoder::new(LIMITS);
    let mut messages = Vec::new();
    for piece in stream.chunks(step) {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(violation) => return (messages, Some(violation)),
            }
        }
    }
    (messages, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((step, stream)) = data.split_first() else {
        return;
    };
    let (messages, end) = decoded(stream, usize::from(*step) + 1);
    let whole = decoded(stream, stream.len().max(1));
    assert_eq!((&messages, &end), (&whole.0, &whole.1), "pieces matter");
    for message in &messages {
        assert!(message.body.len() <= LIMITS.message_bytes);
        // What was read is written as what is read again.
        let bytes: Vec<u8> = frames(message.kind, message.id, &message.body)
            .flat_map(|(header, chunk)| [&header[..], chunk].concat())
            .collect();
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(&bytes);
        assert_eq!(decoder.next(), Ok(Some(message.clone())));
        assert_eq!(decoder.next(), Ok(None));
    }
});
