//! Lines of any length up to a limit, from bytes as they arrive.

use bytes::BytesMut;

/// Room for what surrounds a result in its line.
pub(crate) const ENVELOPE_BYTES: usize = 64 << 10;
/// How much of each end of an oversized line is kept to find out what it was.
const END_BYTES: usize = 4 << 10;

pub(crate) struct Lines {
    buffer: BytesMut,
    /// The beginning of `buffer` which is known to hold no line end.
    searched: usize,
    limit: usize,
    /// The line being skipped, of which `buffer` holds nothing any more.
    skipping: Option<Oversized>,
}

pub(crate) enum Line {
    /// Without its line end.
    Whole(BytesMut),
    Oversized(Oversized),
}

/// A line over the limit: its ends, and how long it was.
pub(crate) struct Oversized {
    pub(crate) bytes: usize,
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
}

impl Oversized {
    fn new(beginning: &[u8]) -> Self {
        let head = beginning[..END_BYTES.min(beginning.len())].to_vec();
        Self {
            bytes: 0,
            head,
            tail: Vec::new(),
        }
    }

    fn extend(&mut self, piece: &[u8]) {
        self.bytes += piece.len();
        self.tail
            .extend_from_slice(&piece[piece.len().saturating_sub(END_BYTES)..]);
        let surplus = self.tail.len().saturating_sub(END_BYTES);
        self.tail.drain(..surplus);
    }
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            limit,
            skipping: None,
        }
    }

    /// Where to put what has arrived.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(64 << 10);
        &mut self.buffer
    }

    /// The next line that has arrived in full.
    pub(crate) fn take(&mut self) -> Option<Line> {
        let end = memchr::memchr(b'\n', &self.buffer[self.searched..]);
        let Some(end) = end.map(|end| self.searched + end) else {
            if self.skipping.is_some() || self.buffer.len() > self.limit {
                let piece = self.split(self.buffer.len());
                self.skipping
                    .get_or_insert_with(|| Oversized::new(&piece))
                    .extend(&piece);
            } else {
                self.searched = self.buffer.len();
            }
            return None;
        };
        let mut line = self.split(end + 1);
        line.truncate(end);
        if self.skipping.is_none() && line.len() <= self.limit {
            return Some(Line::Whole(line));
        }
        let mut oversized = self
            .skipping
            .take()
            .unwrap_or_else(|| Oversized::new(&line));
        oversized.extend(&line);
        Some(Line::Oversized(oversized))
    }

    fn split(&mut self, bytes: usize) -> BytesMut {
        let piece = self.buffer.split_to(bytes);
        self.searched = 0;
        // Or the memory of a large line would be kept for the next one.
        if bytes > 1 << 20 {
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let input = b"first\n\nsecond line\nmuch too long a line\nthird\nhalf";
        let expected = [
            "first",
            "",
            "second line",
            "much too long a line (20)",
            "third",
        ];
        for chunk in 1..input.len() {
            let mut lines = Lines::new(11);
            let mut got = Vec::new();
            for piece in input.chunks(chunk) {
                lines.room().extend_from_slice(piece);
                while let Some(line) = lines.take() {
                    got.push(match line {
                        Line::Whole(line) => String::from_utf8_lossy(&line).into_owned(),
                        Line::Oversized(Oversized { bytes, tail, .. }) => {
                            format!("{} ({bytes})", String::from_utf8_lossy(&tail))
                        }
                    });
                }
            }
            assert_eq!(got, expected, "in pieces of {chunk}");
        }
    }
}
