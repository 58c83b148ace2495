//! Fake upstreams for tests.
//!
//! They are written by hand, without an MCP library, so that they can do what a library would not
//! let them: stay silent, answer too late, send broken lines, die in the middle of a call.

mod fake_upstream;
mod tracker;

pub use fake_upstream::{Eras, FakeUpstream, Options, Output, serve_stdio};
