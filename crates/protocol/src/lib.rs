//! What host and guest say to each other, and how it is framed.
//!
//! Both ends share one stream socket. Every message is a *kind*, an *id* and a body of JSON bytes,
//! sent as one or more frames so that a large body never holds up the small ones behind it. The
//! guest is the attacker: [`Decoder`] bounds every size before it allocates, reads no JSON, and
//! turns anything the shipped guests cannot produce into a [`Violation`], which ends the run.
//!
//! What a body means is the business of [`message`]; what a call may do is the gateway's.

mod frame;
pub mod message;

pub use frame::{CHUNK_BYTES, Decoder, HEADER_BYTES, Kind, Limits, Message, Violation, frames};
pub use message::{
    Call, Check, Checked, Defined, Done, ErrorCode, Failed, Form, Handle, Handles, Job, Part,
    Place, ProgramError, Progress, Raise, Ready, Repeats, Written, WrittenCall,
};
