//! How processes are asked for, and how their end is told.
//!
//! Who wants a process sends one message with the process's descriptors and, last among them, one
//! end of its *lifeline*. On the lifeline the process's parent (the supervisor, or a zygote) answers
//! what became of the request, with a descriptor of the process, and later how it ended.

use std::io::{IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

use crate::namespaces;

/// What is said on a lifeline: a tag and a number, five bytes.
const STARTED: u8 = 1;
const REFUSED: u8 = 2;
const ENDED: u8 = 3;
/// Length of each message on a lifeline.
pub const LIFELINE_BYTES: usize = 5;

/// How long an answer to a request is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// Its parent was lost with it.
    Unknown,
}

impl Exit {
    /// Reads the last message of a lifeline.
    pub fn from_lifeline(message: &[u8; LIFELINE_BYTES]) -> Exit {
        let status = i32::from_le_bytes([message[1], message[2], message[3], message[4]]);
        if message[0] != ENDED {
            Exit::Unknown
        } else if libc::WIFSIGNALED(status) {
            Exit::Signal(libc::WTERMSIG(status))
        } else {
            Exit::Code(libc::WEXITSTATUS(status))
        }
    }
}

/// A process that has been started.
#[derive(Debug)]
pub(crate) struct Started {
    /// By the number that we know it by.
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) lifeline: UnixStream,
}

/// Asks on `control` for a process that gets `descriptors`. Blocks until it has been started.
///
/// # Errors
/// The kernel's, as its parent met it; or the parent has gone, or does not answer.
pub(crate) fn ask(
    control: BorrowedFd,
    request: &[u8],
    descriptors: &[BorrowedFd],
) -> std::io::Result<Started> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(PATIENCE))?;
    let mut passed = descriptors.to_vec();
    passed.push(theirs.as_fd());
    send(control, request, &passed).map_err(|error| match error {
        Errno::PIPE | Errno::CONNRESET => lost(),
        other => other.into(),
    })?;
    drop(theirs);

    let mut answer = [0; LIFELINE_BYTES];
    let mut received = receive(ours.as_fd(), &mut answer)?;
    let number = i32::from_le_bytes([answer[1], answer[2], answer[3], answer[4]]);
    match (answer[0], received.1.pop()) {
        (STARTED, Some(pidfd)) if received.0 == LIFELINE_BYTES => Ok(Started {
            // Of one that has ended already and been collected only its parent's number is left.
            pid: match namespaces::number_of(pidfd.as_fd())? {
                Some(pid) => pid,
                None => Pid::from_raw(number).ok_or_else(lost)?,
            },
            pidfd,
            lifeline: ours,
        }),
        (REFUSED, _) => Err(std::io::Error::from_raw_os_error(number)),
        // Who was asked has gone, or had no room for the descriptors.
        _ => Err(lost()),
    }
}

/// Answers a request with the process that was started, and returns its descriptor. Without one
/// nobody could end the process later: it is ended now, and the request refused.
pub(crate) fn tell_started(lifeline: &UnixStream, pid: Pid) -> Option<OwnedFd> {
    match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => {
            let started = message(STARTED, pid.as_raw_nonzero().get());
            // Who asked may have gone; then the lifeline says so.
            let _ = send(lifeline.as_fd(), &started, &[pidfd.as_fd()]);
            Some(pidfd)
        }
        Err(error) => {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
            tell_refused(lifeline, &error.into());
            None
        }
    }
}

pub(crate) fn tell_refused(lifeline: &UnixStream, error: &std::io::Error) {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    let _ = send(lifeline.as_fd(), &message(REFUSED, errno), &[]);
}

pub(crate) fn tell_ended(mut lifeline: &UnixStream, status: i32) {
    // Who asked may have gone.
    let _ = lifeline.write_all(&message(ENDED, status));
}

fn message(tag: u8, number: i32) -> [u8; LIFELINE_BYTES] {
    let mut message = [tag; LIFELINE_BYTES];
    message[1..].copy_from_slice(&number.to_le_bytes());
    message
}

pub(crate) fn lost() -> std::io::Error {
    std::io::Error::other("the supervisor has gone; start toolmill again")
}

fn send(socket: BorrowedFd, bytes: &[u8], descriptors: &[BorrowedFd]) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(descriptors));
    rustix::net::sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )
    .map(drop)
}

/// One message: its length, and the descriptors that came with it.
pub(crate) fn receive(
    socket: BorrowedFd,
    buffer: &mut [u8],
) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match rustix::net::recvmsg(
            socket,
            &mut [IoSliceMut::new(buffer)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        ) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            descriptors.extend(passed);
        }
    }
    Ok((received.bytes, descriptors))
}
