//! What a guest and its host say to one another, decoded from anything.
//!
//! The first byte chooses the kind; the rest is the body. What can be read is written again, and read
//! as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::message::{decode, encode};
use protocol::{Call, Done, Failed, Job, Raise, Ready};
use serde::Serialize;

/// Written, read and written again it is the same text.
fn stays<'a, T: Serialize + serde::Deserialize<'a>>(text: &'a [u8]) {
    let again: T = decode(text).expect("what we write can be read");
    assert_eq!(encode(&again), text);
}

macro_rules! check {
    ($kind:ty, $body:expr) => {
        if let Ok(message) = decode::<$kind>($body) {
            stays::<$kind>(&encode(&message));
        }
    };
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    match kind % 6 {
        0 => {
            if let Ok(call) = decode::<Call>(body) {
                // A name twice is refused: which of the two would count?
                let mut names: Vec<&str> =
                    call.named.0.iter().map(|(name, _)| &name[..]).collect();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), call.named.0.len());
                stays::<Call>(&encode(&call));
            }
        }
        1 => check!(Done, body),
        2 => check!(Ready, body),
        3 => check!(Failed, body),
        4 => check!(Job, body),
        _ => check!(Raise, body),
    }
});
