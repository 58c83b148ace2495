//! The guests' runtimes, driven over their socket by a host of the tests' own.

mod javascript;
mod python;
