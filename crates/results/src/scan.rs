//! A walk over JSON in a file, in constant memory.
//!
//! The JSON was valid when it was kept; what no longer is ends in an error, never in a panic or an
//! endless loop.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

pub(crate) const BUFFER_BYTES: usize = 64 << 10;

/// Why a walk ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    Io(io::Error),
    /// What the file does not have where it must.
    Damaged(&'static str),
    /// What is to be loaded is larger than it may be.
    Larger {
        bytes: u64,
        most: u64,
    },
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

type Result<T> = std::result::Result<T, Stop>;

pub(crate) struct Scanner<'a> {
    file: &'a File,
    buffer: Vec<u8>,
    /// Of the buffer's first byte in the file.
    start: u64,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(file: &'a File, position: u64) -> Scanner<'a> {
        Scanner {
            file,
            buffer: Vec::new(),
            start: position,
            at: 0,
        }
    }

    pub(crate) fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    /// Goes somewhere else in the file, and reads nothing for it when that is in the buffer.
    pub(crate) fn go(&mut self, position: u64) {
        match position.checked_sub(self.start) {
            Some(at) if at <= self.buffer.len() as u64 => self.at = at as usize,
            _ => {
                self.buffer.clear();
                self.start = position;
                self.at = 0;
            }
        }
    }

    /// Puts what was passed behind `out`, from the buffer if it is still there.
    pub(crate) fn copy(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        let length = (range.end - range.start) as usize;
        if let Some(at) = range.start.checked_sub(self.start)
            && let Some(bytes) = self.buffer.get(at as usize..at as usize + length)
        {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        let before = out.len();
        out.resize(before + length, 0);
        Ok(self.file.read_exact_at(&mut out[before..], range.start)?)
    }

    /// What is left of the buffer, filled again when it is empty; empty at the end of the file.
    fn rest(&mut self) -> Result<&[u8]> {
        if self.at == self.buffer.len() {
            self.start = self.position();
            self.at = 0;
            self.buffer.resize(BUFFER_BYTES, 0);
            let length = loop {
                match self.file.read_at(&mut self.buffer, self.start) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other?,
                }
            };
            self.buffer.truncate(length);
        }
        Ok(&self.buffer[self.at..])
    }

    fn peek(&mut self) -> Result<u8> {
        let first = self.rest()?.first().copied();
        first.ok_or(Stop::Damaged("it ends too early"))
    }

    fn take(&mut self) -> Result<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    /// The next byte that is not white space, which stays the next.
    pub(crate) fn token(&mut self) -> Result<u8> {
        loop {
            let byte = self.peek()?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
    }

    /// Takes the next token, which is one of these bytes.
    pub(crate) fn expect(&mut self, wanted: &[u8]) -> Result<u8> {
        let byte = self.token()?;
        if !wanted.contains(&byte) {
            return Err(Stop::Damaged("it is not JSON"));
        }
        self.at += 1;
        Ok(byte)
    }

    /// Inside an array or object: goes to its next element or member, if there is one.
    pub(crate) fn begins_another(&mut self) -> Result<bool> {
        if self.token()? == b',' {
            self.at += 1;
        }
        Ok(!matches!(self.token()?, b']' | b'}'))
    }

    /// Skips a value.
    pub(crate) fn value(&mut self) -> Result<()> {
        let mut depth = 0_u64;
        loop {
            match self.token()? {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                b'-' | b'0'..=b'9' | b'a'..=b'z' => self.scalar()?,
                _ => return Err(Stop::Damaged("it is not JSON")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Skips a string, from its first quote to behind its last.
    pub(crate) fn string(&mut self) -> Result<()> {
        self.expect(b"\"")?;
        loop {
            let rest = self.rest()?;
            let Some(found) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                if rest.is_empty() {
                    return Err(Stop::Damaged("it ends too early"));
                }
                self.at = self.buffer.len();
                continue;
            };
            let escaped = rest[found] == b'\\';
            self.at += found + 1;
            if !escaped {
                return Ok(());
            }
            self.take()?;
        }
    }

    /// Takes a member's name, its escapes undone. False where it has more than `most` bytes, or half a
    /// surrogate pair: nobody can ask for such a one.
    pub(crate) fn name(&mut self, out: &mut Vec<u8>, most: u64) -> Result<bool> {
        let start = self.position();
        self.string()?;
        let end = self.position();
        out.clear();
        if end - start > most {
            return Ok(false);
        }
        self.copy(start..end, out)?;
        if out.contains(&b'\\') {
            let Ok(name) = serde_json::from_slice::<String>(out) else {
                return Ok(false);
            };
            *out = name.into_bytes();
        } else {
            out.pop();
            out.remove(0);
        }
        Ok(true)
    }

    /// Skips a number or a word.
    fn scalar(&mut self) -> Result<()> {
        loop {
            let rest = self.rest()?;
            let is_part =
                |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
            let end = rest.iter().position(|byte| !is_part(byte));
            match end {
                Some(end) => {
                    self.at += end;
                    return Ok(());
                }
                None if rest.is_empty() => return Ok(()),
                None => self.at = self.buffer.len(),
            }
        }
    }

    /// Takes characters of a string's inside that are not escaped, at most so many and so many bytes of
    /// them; as many as are there at once. None where an escape or the closing quote is the next, or
    /// where the next character does not fit.
    pub(crate) fn plain(
        &mut self,
        most: u64,
        room: usize,
        out: Option<&mut Vec<u8>>,
    ) -> Result<u64> {
        let rest = self.rest()?;
        let rest = &rest[..rest.len().min(room)];
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let rest = &rest[..end.unwrap_or(rest.len())];
        let is_first = |byte: &u8| byte & 0xc0 != 0x80;
        let mut count = rest.iter().filter(|byte| is_first(byte)).count() as u64;
        let mut length = rest.len();
        // The last one may go on behind the buffer or the room.
        if end.is_none() && rest.last().is_some_and(|byte| !byte.is_ascii()) {
            length = rest.iter().rposition(is_first).unwrap_or(0);
            count = count.saturating_sub(1);
        }
        if count > most {
            let mut firsts = (0..length).filter(|at| is_first(&rest[*at]));
            length = firsts.nth(most as usize).unwrap_or(length);
            count = most;
        }
        if let Some(out) = out {
            out.extend_from_slice(&rest[..length]);
        }
        self.at += length;
        Ok(count)
    }

    /// Takes one character of a string's inside, with its escape; false at the closing quote, which
    /// stays the next. Two escapes that make one character are one.
    pub(crate) fn character(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let first = self.peek()?;
        if first == b'"' {
            return Ok(false);
        }
        if first != b'\\' {
            let length = match first {
                0x00..=0x7f => 1,
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf7 => 4,
                _ => return Err(Stop::Damaged("it is not UTF-8")),
            };
            for _ in 0..length {
                out.push(self.take()?);
            }
            return Ok(true);
        }
        let unit = self.escape(out)?;
        if let Some(0xd800..=0xdbff) = unit
            && self.is_low_surrogate()?
        {
            self.escape(out)?;
        }
        Ok(true)
    }

    /// Whether the next is the escape of the second half of a pair. Any other stands for itself.
    fn is_low_surrogate(&mut self) -> Result<bool> {
        let position = self.position();
        let mut escape = Vec::with_capacity(6);
        while escape.len() < 6 && self.peek()? != b'"' {
            escape.push(self.take()?);
        }
        self.go(position);
        Ok(match escape[..] {
            [b'\\', b'u', b'd' | b'D', third, _, _] => {
                matches!(third.to_ascii_lowercase(), b'c'..=b'f')
            }
            _ => false,
        })
    }

    /// Takes an escape; its number, if it is one of `\uXXXX`.
    fn escape(&mut self, out: &mut Vec<u8>) -> Result<Option<u16>> {
        out.push(self.take()?);
        let kind = self.take()?;
        out.push(kind);
        if kind != b'u' {
            return Ok(None);
        }
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.take()?;
            out.push(digit);
            let value = (digit as char).to_digit(16);
            unit = unit << 4 | value.ok_or(Stop::Damaged("it is not JSON"))? as u16;
        }
        Ok(Some(unit))
    }
}
