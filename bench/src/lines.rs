//! Lines from a pipe, each waited for with a deadline.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Nothing that is measured takes longer, so what does will never come.
const PATIENCE: Duration = Duration::from_secs(120);

/// What another process writes, line by line.
pub struct Lines<R> {
    pipe: R,
    buffer: Vec<u8>,
    /// Where the unread part of `buffer` begins, and how far it was searched for a line's end.
    begin: usize,
    searched: usize,
}

impl<R: Read + AsFd> Lines<R> {
    /// Reads from `pipe` alone.
    pub fn new(pipe: R) -> Lines<R> {
        Lines {
            pipe,
            buffer: Vec::new(),
            begin: 0,
            searched: 0,
        }
    }

    /// The next line without its end.
    ///
    /// # Errors
    /// The other side has gone, or says nothing for two minutes.
    #[expect(
        clippy::should_implement_trait,
        reason = "a line lives until the next one is read"
    )]
    pub fn next(&mut self) -> Result<&[u8]> {
        loop {
            let end = memchr::memchr(b'\n', &self.buffer[self.searched..]);
            if let Some(end) = end {
                let line = self.begin..self.searched + end;
                self.begin = line.end + 1;
                self.searched = self.begin;
                return Ok(&self.buffer[line]);
            }
            self.buffer.drain(..self.begin);
            self.begin = 0;
            self.searched = self.buffer.len();
            let timeout = Timespec::try_from(PATIENCE)?;
            let mut wait = [PollFd::new(&self.pipe, PollFlags::IN)];
            if poll(&mut wait, Some(&timeout))? == 0 {
                bail!("no answer within {} s", PATIENCE.as_secs());
            }
            let length = self.buffer.len();
            self.buffer.resize(length + (64 << 10), 0);
            let read = self.pipe.read(&mut self.buffer[length..])?;
            self.buffer.truncate(length + read);
            if read == 0 {
                bail!("the other side has closed its end");
            }
        }
    }
}
