//! Tools as upstreams describe them: names, search, signatures, typed SDK, binding of arguments.
//!
//! A [`Catalog`] is an immutable snapshot of every [`Tool`] of every connected server. It answers
//! the questions that an agent and its programs ask: which tools do this ([`answer`],
//! [`Catalog::search`]), which tool is meant by this path ([`Catalog::resolve`]), and which
//! parameters are meant by these arguments ([`Tool::bind`], and [`Tool::check`] before a program runs).
//!
//! Everything a server says about its tools is hostile: names may be keywords, quotes or bidi
//! controls, descriptions megabytes, schemas recursive. Work and depth are bounded everywhere, what
//! is shown is first made plain, and a tool that cannot be used is left out and reported. This crate
//! reads no files and does not log. Whether a call is permitted is left to others.

mod answer;
mod bind;
mod catalog;
mod index;
mod json;
mod lexicon;
mod matches;
mod members;
mod name;
mod observed;
mod pattern;
mod phrase;
mod plain;
mod schema;
mod sdk;
mod search;
mod shared;
mod signature;
mod snapshot;
mod spelling;
mod tool;
mod validate;
mod words;

pub use answer::{Detail, Found, Policy, Row, SearchRequest, Signals, answer, rows};
pub use bind::{
    Argument, ArgumentError, ArgumentErrorCode, Arguments, BoundArguments, Position, Validation,
};
pub use catalog::{Catalog, Server, ServerTools, UnknownTool};
pub use name::is_same_name;
pub use observed::{FieldWords, Observations, Observed, Shape};
pub use phrase::Repair;
pub use plain::{is_treacherous, line as plain_line};
pub use search::{Explanation, Hit, Part, SearchOptions, SearchQuery, SearchResult};
pub use signature::Language;
pub use tool::{DESTROYS, Tool};
