//! The guests' runtimes, driven over their socket by a host of the tests' own; and the typed SDK,
//! for which the parsers are here.

mod awaits;
mod hints;
mod javascript;
mod python;
mod sdk;
mod web;
mod written;
