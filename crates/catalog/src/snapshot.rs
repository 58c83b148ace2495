//! The words of all tools as bytes, so that they are not read again at the next start.
//!
//! Each server's part names what it was read from by a hash, so a server that lists something else is
//! read afresh and the others are not. Kept is what was read, not what it is worth: weights may change
//! without a new version, the tokeniser and the meaning of an [`Occurrence`] may not.
//!
//! The bytes come from a file and are hostile. Nothing is allocated by a size that they claim, and what
//! does not decode is read afresh. Bytes that decode but lie make tools hard to find; they can do no
//! more, since names, schemas and paths come from the listing.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use crate::catalog::ServerTools;
use crate::index::{Changes, FIELDS, Index, Occurrence, Text};

/// What the bytes begin with. The number changes with their layout and with what a word is.
const MAGIC: &[u8; 16] = b"toolmill index 1";

impl Index {
    /// Everything that [`Index::restored`] needs: the words, then the parts of the servers.
    pub(crate) fn encoded(&self, servers: &[Arc<ServerTools>]) -> Vec<u8> {
        let mut words: Vec<u32> = Vec::new();
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut parts = Vec::new();
        let mut write_text = |out: &mut Vec<u8>, text: &Text| {
            for length in text.lengths {
                write_number(out, u32::from(length));
            }
            write_number(out, text.occurrences.len() as u32);
            for occurrence in text.occurrences.iter() {
                let spelling = occurrence.spelling();
                let number = *numbers.entry(spelling).or_insert_with(|| {
                    words.push(spelling);
                    words.len() as u32 - 1
                });
                out.push(occurrence.rest());
                write_number(out, number);
            }
        };
        for server in servers {
            let Some((text, tools)) = self.texts(server) else {
                continue;
            };
            let mut part = Vec::new();
            write_text(&mut part, text);
            for text in tools {
                write_text(&mut part, text);
            }
            parts.extend(content_hash(server).to_le_bytes());
            write_number(&mut parts, part.len() as u32);
            parts.extend(part);
        }
        let mut out = MAGIC.to_vec();
        write_number(&mut out, words.len() as u32);
        for word in words {
            let word = &self.spelling(word).text;
            write_number(&mut out, word.len() as u32);
            out.extend(word.as_bytes());
        }
        out.extend(parts);
        out
    }

    /// The index of `servers`, of which those are not read that `bytes` know as they are.
    pub(crate) fn restored(servers: &[Arc<ServerTools>], bytes: &[u8]) -> Index {
        let mut index = Index::default();
        let mut changes = Changes::new(&mut index);
        let (words, parts) = tables(bytes).unwrap_or_default();
        let mut numbers: Vec<Option<u32>> = vec![None; words.len()];
        for server in servers.iter().filter(|server| !server.tools().is_empty()) {
            let part = parts.get(&content_hash(server));
            let texts = part.and_then(|part| Texts::read(part, words.len(), server.tools().len()));
            match texts {
                Some(texts) => {
                    let mut known = |changes: &mut Changes, word: u32| {
                        let number = &mut numbers[word as usize];
                        *number = number.or_else(|| changes.spelling(words[word as usize]));
                        *number
                    };
                    let mut text = Vec::new();
                    let mut of_texts = texts.of_texts.iter();
                    let mut next = |changes: &mut Changes| {
                        let (lengths, range) = of_texts.next().expect("as many as were counted");
                        text.clear();
                        text.extend(texts.occurrences[range.clone()].iter().filter_map(|word| {
                            let spelling = known(changes, word.spelling())?;
                            Occurrence::with_rest(spelling, word.rest())
                        }));
                        Text {
                            occurrences: Arc::from(&text[..]),
                            lengths: *lengths,
                        }
                    };
                    let of_server = next(&mut changes);
                    let group = changes.add_group(server, of_server);
                    for tool in server.tools() {
                        let text = next(&mut changes);
                        changes.add(group, tool, text);
                    }
                }
                None => changes.add_server(server),
            }
        }
        changes.finish();
        index
    }
}

/// A number for all that is read from a server. It need not resist attacks: a server that finds
/// another listing with the same number hides its own tools. Where the hash differs between two
/// builds of this program, all is read afresh once.
fn content_hash(server: &ServerTools) -> u64 {
    let mut hasher = Folded::default();
    (server.name(), server.title(), server.description()).hash(&mut hasher);
    for tool in server.tools() {
        tool.raw().get().hash(&mut hasher);
    }
    hasher.finish()
}

/// A hasher of megabytes: sixteen bytes a step, each step a multiplication folded onto itself.
#[derive(Default)]
struct Folded(u64);

impl Folded {
    fn step(&mut self, bytes: [u8; 16]) {
        let bytes = u128::from_le_bytes(bytes);
        let (low, high) = (bytes as u64, (bytes >> 64) as u64);
        // Any odd numbers with about as many ones as zeros.
        let a = u128::from(low ^ 0x9e37_79b9_7f4a_7c15);
        let product = a * u128::from(high ^ self.0.rotate_left(23) ^ 0xd6e8_feb8_6659_fd93);
        self.0 = product as u64 ^ (product >> 64) as u64 ^ self.0.rotate_left(47);
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks::<16>();
        for &bytes in whole {
            self.step(bytes);
        }
        // Always one more, so that a text and the same one with zeros behind it differ.
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        last[15] = rest.len() as u8;
        self.step(last);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The words, and the parts of the servers by hash.
type Tables<'a> = (Vec<&'a str>, HashMap<u64, &'a [u8]>);

fn tables(bytes: &[u8]) -> Option<Tables<'_>> {
    let mut left = bytes.strip_prefix(MAGIC)?;
    let count = number(&mut left)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = number(&mut left)? as usize;
        let word = std::str::from_utf8(take(&mut left, length)?).ok()?;
        words.push(Some(word).filter(|word| !word.is_empty())?);
    }
    let mut parts = HashMap::new();
    while !left.is_empty() {
        let hash = u64::from_le_bytes(take(&mut left, 8)?.try_into().ok()?);
        let length = number(&mut left)? as usize;
        parts.insert(hash, take(&mut left, length)?);
    }
    Some((words, parts))
}

/// The text of a server and those of its tools, in order, whose words are numbered as in the bytes.
struct Texts {
    occurrences: Vec<Occurrence>,
    of_texts: Vec<([u16; FIELDS], Range<usize>)>,
}

impl Texts {
    /// `None` unless they are all there.
    fn read(part: &[u8], words: usize, tools: usize) -> Option<Texts> {
        let mut left = part;
        let mut texts = Texts {
            // An occurrence takes two bytes at least.
            occurrences: Vec::with_capacity(part.len() / 2),
            of_texts: Vec::new(),
        };
        for _ in 0..=tools {
            let mut lengths = [0; FIELDS];
            for length in &mut lengths {
                *length = u16::try_from(number(&mut left)?).ok()?;
            }
            let from = texts.occurrences.len();
            for _ in 0..number(&mut left)? {
                let rest = take(&mut left, 1)?[0];
                let word = number(&mut left).filter(|word| (*word as usize) < words)?;
                texts.occurrences.push(Occurrence::with_rest(word, rest)?);
            }
            let range = from..texts.occurrences.len();
            texts.of_texts.push((lengths, range));
        }
        left.is_empty().then_some(texts)
    }
}

fn take<'a>(left: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = left.split_at_checked(count)?;
    *left = rest;
    Some(taken)
}

/// Seven bits a byte, the lowest first; all but the last byte have the highest bit set.
fn write_number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number(left: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = left.split_first()?;
        *left = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return u32::try_from(number).ok();
        }
    }
    None
}
