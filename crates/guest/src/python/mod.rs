//! The Python guest: a system CPython, executed with [`arguments`], that receives [`RUNTIME`] as
//! its first message and from then on speaks the protocol itself.
//!
//! The runtime runs the host's lockdown table and decides nothing about it. It knows no catalog:
//! `tools.a.b(…)` crosses to the host as written. How a program is read (where a call blocks and
//! where it is awaited, what its value is) is in the sources beside this file; which interpreter
//! may be used, and why not, is [`find`]'s to say.

mod find;

use std::path::Path;

pub use find::{Candidate, Interpreter, find};

/// The source of the runtime, sent as [`protocol::Kind::Runtime`]: the part every program needs,
/// then name and source of each part that is compiled when first used, all separated by NUL.
pub const RUNTIME: &str = concat!(
    include_str!("runtime.py"),
    "\0check\0",
    include_str!("check.py"),
    "\0wrap\0",
    include_str!("wrap.py"),
    "\0values\0",
    include_str!("values.py"),
    "\0rewrite\0",
    include_str!("rewrite.py"),
    "\0bridge\0",
    include_str!("bridge.py"),
    "\0explain\0",
    include_str!("explain.py"),
    "\0store\0",
    include_str!("store.py"),
    "\0results\0",
    include_str!("results.py"),
    "\0hints\0",
    include_str!("hints.py"),
    "\0syntax\0",
    include_str!("syntax.py"),
);

const LOADER: &str = include_str!("loader.py");

/// The arguments with which the launcher executes an interpreter, its own path first.
///
/// Isolated, without `site`, leaving no bytecode files, in UTF-8 whatever the locale.
pub fn arguments(interpreter: &Path) -> Vec<String> {
    let path = interpreter.to_string_lossy().into_owned();
    [&path, "-I", "-S", "-B", "-X", "utf8", "-c", LOADER]
        .map(str::to_owned)
        .into()
}
