//! What runs inside the sandbox: the runtimes that execute a program and serve its calls.
//!
//! Everything here runs in the guest process, beside hostile code, and holds nothing secret. The
//! host believes no word of it.

pub mod javascript;
pub mod python;

pub use protocol::{Failed, Ready};
