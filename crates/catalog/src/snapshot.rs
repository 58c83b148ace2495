//! The words of all tools as bytes, so that they are not read again at the next start.
//!
//! Each server's part names what it was read from by a hash, so a server that lists something else is
//! read afresh and the others are not. Kept is what was read, not what it is worth: weights may change
//! without a new version; the tokeniser, the stemmer and the meaning of an [`Occurrence`] may not.
//! Numbers are kept as they lie in memory, since taking them apart would cost more than reading them.
//!
//! The bytes come from a file and are hostile. Nothing is allocated by a size that they claim, and
//! what is damaged is read afresh. Bytes that were made to lie give tools words that they do not have,
//! or take them away; they can do no more, since names, schemas and paths come from the listing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalog::ServerTools;
use crate::index::{Changes, FIELDS, Index, MOST_SPELLINGS, Occurrence, Text};
use crate::shared::Part;

/// What the bytes begin with. The number changes with their layout and with what a word or a stem is.
const MAGIC: &[u8; 16] = b"toolmill index 3";

/// How many occurrences a text has, after how many words each field has.
type Head = [[u8; 2]; FIELDS + 1];

impl Index {
    /// Everything that [`Index::restored`] needs: a hash of the rest, the stems, the words, then the
    /// parts of the servers.
    pub(crate) fn encoded(&self, servers: &[Arc<ServerTools>]) -> Vec<u8> {
        let mut words = Order::default();
        let mut parts = Vec::new();
        for server in servers {
            let Some((of_server, of_tools)) = self.texts(server) else {
                continue;
            };
            let texts: Vec<&Text> = [of_server].into_iter().chain(of_tools).collect();
            let occurrences = || texts.iter().flat_map(|text| text.occurrences.iter());
            let length = texts.len() * size_of::<Head>() + occurrences().count() * 4;
            parts.extend(server.content_hash().to_le_bytes());
            write_number(&mut parts, length);
            for text in &texts {
                for length in text.lengths {
                    parts.extend(length.to_le_bytes());
                }
                let count = text.occurrences.len() as u16;
                parts.extend(count.to_le_bytes());
            }
            for occurrence in occurrences() {
                let word = words.place(occurrence.spelling());
                parts.extend(occurrence.with_spelling(word).to_bits().to_le_bytes());
            }
        }
        let mut terms = Order::default();
        let mut stems_of_words = Vec::new();
        for &word in &words.found {
            stems_of_words.extend(terms.place(self.term_of(word)).to_le_bytes());
        }
        let mut rest = Vec::new();
        write_texts(&mut rest, &terms.found, |&term| self.stem_of(term));
        write_texts(&mut rest, &words.found, |&word| self.spelling(word));
        rest.extend(stems_of_words);
        rest.extend(parts);
        sealed(&rest)
    }

    /// The index of `servers`, of which those are not read that `bytes` know as they are.
    pub(crate) fn restored(servers: &[Arc<ServerTools>], bytes: &[u8]) -> Index {
        let known = Known::read(bytes).unwrap_or_default();
        let servers = servers.iter().filter(|server| !server.tools().is_empty());
        let (mut read, mut unread) = (Vec::new(), Vec::new());
        for server in servers {
            match known.texts(server) {
                Some(texts) => read.push((server, texts)),
                None => unread.push(server),
            }
        }
        let (mut index, numbers) = known.words_of(read.iter().map(|(_, texts)| texts));
        let mut changes = Changes::new(&mut index);
        let words = read.iter().map(|(_, texts)| texts.occurrences.len()).sum();
        let mut occurrences = Vec::with_capacity(words);
        for (_, texts) in &read {
            occurrences.extend(texts.occurrences.iter().map(|bits| {
                let occurrence = occurrence(bits);
                occurrence.with_spelling(numbers[occurrence.spelling() as usize])
            }));
        }
        let occurrences: Arc<[Occurrence]> = occurrences.into();
        // Each tool has the words of its server too, which mostly are few.
        changes.reserve(words + words / 4);
        let mut from = 0;
        for (server, texts) in read {
            let mut texts = texts.heads.iter().map(|head| {
                let [lengths @ .., count] = counts(head);
                let range = from..from + usize::from(count);
                from = range.end;
                let occurrences = Part::new(&occurrences, range);
                Text {
                    occurrences,
                    lengths,
                }
            });
            let of_server = texts.next().expect("the first text is the server's");
            let group = changes.add_group(server, of_server);
            for (tool, text) in server.tools().iter().zip(texts) {
                changes.add(group, tool, text);
            }
        }
        for server in unread {
            changes.add_server(server);
        }
        changes.finish();
        index
    }
}

/// Things by number in the order in which they were first asked for.
#[derive(Default)]
struct Order {
    found: Vec<u32>,
    /// By number, the place and one.
    places: Vec<u32>,
}

impl Order {
    fn place(&mut self, number: u32) -> u32 {
        let at = number as usize;
        if at >= self.places.len() {
            self.places.resize(at + 1, 0);
        }
        if self.places[at] == 0 {
            self.found.push(number);
            self.places[at] = self.found.len() as u32;
        }
        self.places[at] - 1
    }
}

/// What the bytes say.
#[derive(Default)]
struct Known<'a> {
    stems: Vec<Part<str>>,
    /// Each with where its stem is.
    words: Vec<(Part<str>, u32)>,
    /// The parts of the servers by the hash of their content.
    parts: HashMap<u64, &'a [u8]>,
}

/// The texts of a server and of its tools, in order.
struct Texts<'a> {
    heads: &'a [[u8; size_of::<Head>()]],
    occurrences: &'a [[u8; 4]],
}

impl<'a> Known<'a> {
    /// `None` if the bytes were not written by this version, or are damaged.
    fn read(bytes: &'a [u8]) -> Option<Known<'a>> {
        let mut left = unsealed(bytes)?;
        let stems = texts(&mut left)?;
        let words = texts(&mut left)?;
        let (stems_of_words, _) = take(&mut left, words.len().checked_mul(4)?)?.as_chunks();
        let stems_of_words = stems_of_words.iter().copied().map(u32::from_le_bytes);
        let words: Vec<(Part<str>, u32)> = words.into_iter().zip(stems_of_words).collect();
        let valid =
            |(word, stem): &(Part<str>, u32)| !word.is_empty() && (*stem as usize) < stems.len();
        if !words.iter().all(valid) {
            return None;
        }
        let mut parts = HashMap::new();
        while !left.is_empty() {
            let hash = u64::from_le_bytes(take(&mut left, 8)?.try_into().ok()?);
            let length = number(&mut left)?;
            parts.insert(hash, take(&mut left, length)?);
        }
        Some(Known {
            stems,
            words,
            parts,
        })
    }

    /// `None` if the server lists something else, or not all of it is there.
    fn texts(&self, server: &ServerTools) -> Option<Texts<'a>> {
        let part: &'a [u8] = self.parts.get(&server.content_hash())?;
        let texts = server.tools().len() + 1;
        let (heads, occurrences) = part.split_at_checked(texts * size_of::<Head>())?;
        let (heads, _) = heads.as_chunks();
        let (occurrences, surplus) = occurrences.as_chunks();
        let counts = heads.iter().map(|head| counts(head)[FIELDS]);
        let count: usize = counts.map(usize::from).sum();
        let words = self.words.len() as u32;
        let valid = |valid, bits: &[u8; 4]| valid & occurrence(bits).is_valid(words);
        let valid = occurrences.iter().fold(true, valid);
        (valid && surplus.is_empty() && count == occurrences.len())
            .then_some(Texts { heads, occurrences })
    }

    /// An index of the words of some texts, and the numbers that it gives to all of those known.
    fn words_of<'t>(self, texts: impl Iterator<Item = &'t Texts<'t>>) -> (Index, Vec<u32>) {
        let mut used = vec![false; self.words.len()];
        for bits in texts.flat_map(|texts| texts.occurrences) {
            used[occurrence(bits).spelling() as usize] = true;
        }
        let mut used_stems = vec![false; self.stems.len()];
        for ((_, stem), _) in self.words.iter().zip(&used).filter(|(_, used)| **used) {
            used_stems[*stem as usize] = true;
        }
        let (stems, numbers) = numbered(self.stems, &used_stems);
        let words = self.words.into_iter();
        let words = words.map(|(word, stem)| (word, numbers[stem as usize]));
        let (words, numbers) = numbered(words, &used);
        (Index::of_words(stems, words), numbers)
    }
}

/// Those of some things that are used, and by where each of all was, where it is.
fn numbered<T>(things: impl IntoIterator<Item = T>, used: &[bool]) -> (Vec<T>, Vec<u32>) {
    let mut numbers = Vec::with_capacity(used.len());
    let mut next = 0;
    for used in used {
        numbers.push(next);
        next += u32::from(*used);
    }
    let things = things.into_iter().zip(used);
    let things = things.filter(|(_, used)| **used).map(|(thing, _)| thing);
    (things.collect(), numbers)
}

fn counts(head: &[u8; size_of::<Head>()]) -> [u16; FIELDS + 1] {
    let (numbers, _) = head.as_chunks();
    std::array::from_fn(|at| u16::from_le_bytes(numbers[at]))
}

fn occurrence(bits: &[u8; 4]) -> Occurrence {
    Occurrence::from_bits(u32::from_le_bytes(*bits))
}

/// The bytes with a hash of them, by which [`unsealed`] knows that they are as they were written.
fn sealed(rest: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(content_hash([rest]).to_le_bytes());
    out.extend(rest);
    out
}

fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let mut left = bytes.strip_prefix(MAGIC)?;
    let written = take(&mut left, 8)?;
    (written == content_hash([left]).to_le_bytes()).then_some(left)
}

/// A number for some megabytes, of which only accidents must not make the same. It need not resist
/// attacks: a server that finds another listing with the same number hides its own tools.
pub(crate) fn content_hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    /// Steps that do not wait for each other.
    const LANES: usize = 4;
    let mut lanes = [0; LANES];
    for part in parts {
        let (steps, rest) = part.as_chunks::<16>();
        let (rounds, steps) = steps.as_chunks::<LANES>();
        for round in rounds {
            for (lane, bytes) in lanes.iter_mut().zip(round) {
                *lane = folded(*lane, bytes);
            }
        }
        for (lane, bytes) in lanes.iter_mut().zip(steps) {
            *lane = folded(*lane, bytes);
        }
        // Always one more, so that a part and the same one with zeros behind it differ.
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        last[15] = rest.len() as u8;
        lanes[0] = folded(lanes[0], &last);
    }
    let lanes = lanes.map(|lane| u128::from(lane).to_le_bytes());
    lanes.iter().fold(0, folded)
}

/// Sixteen bytes more: a multiplication folded onto itself.
fn folded(hash: u64, bytes: &[u8; 16]) -> u64 {
    let bytes = u128::from_le_bytes(*bytes);
    let (low, high) = (bytes as u64, (bytes >> 64) as u64);
    // Any odd numbers with about as many ones as zeros.
    let a = u128::from(low ^ 0x9e37_79b9_7f4a_7c15);
    let product = a * u128::from(high ^ hash.rotate_left(23) ^ 0xd6e8_feb8_6659_fd93);
    product as u64 ^ (product >> 64) as u64 ^ hash.rotate_left(47)
}

/// The number of some texts, their lengths, of which none of a word reaches 256, then the texts.
fn write_texts<'a, T>(out: &mut Vec<u8>, of: &'a [T], text: impl Fn(&'a T) -> &'a str) {
    write_number(out, of.len());
    out.extend(of.iter().map(|of| text(of).len() as u8));
    for of in of {
        out.extend(text(of).as_bytes());
    }
}

fn texts(left: &mut &[u8]) -> Option<Vec<Part<str>>> {
    let count = number(left).filter(|count| *count <= MOST_SPELLINGS as usize)?;
    let lengths = take(left, count)?;
    let all = take(left, lengths.iter().copied().map(usize::from).sum())?;
    let all: Arc<str> = Arc::from(std::str::from_utf8(all).ok()?);
    let mut end = 0;
    let mut next = |length: &u8| {
        let range = end..end + usize::from(*length);
        end = range.end;
        all.get(range.clone())?;
        Some(Part::new(&all, range))
    };
    lengths.iter().map(&mut next).collect()
}

fn take<'a>(left: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = left.split_at_checked(count)?;
    *left = rest;
    Some(taken)
}

fn write_number(out: &mut Vec<u8>, number: usize) {
    out.extend((number as u64).to_le_bytes());
}

fn number(left: &mut &[u8]) -> Option<usize> {
    let bytes = take(left, 8)?.try_into().ok()?;
    usize::try_from(u64::from_le_bytes(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::catalog::{Catalog, Server};
    use crate::search::SearchQuery;

    fn listed() -> Vec<Server> {
        let server = |name: &str, tools: &[(&str, &str)]| Server {
            name: name.to_owned(),
            title: Some("Tracker of issues".to_owned()),
            description: None,
            tools: tools
                .iter()
                .map(|(name, description)| {
                    let properties = json!({"title": {"description": "Its titles"}});
                    let schema = json!({"type": "object", "properties": properties});
                    let tool =
                        json!({"name": name, "description": description, "inputSchema": schema});
                    to_raw_value(&tool).expect("it is JSON")
                })
                .collect(),
        };
        vec![
            server("a", &[("create_issue", "Creates an issue. Really.")]),
            server(
                "b",
                &[("delete", "Deletes, deleted, deletion"), ("搜索", "")],
            ),
        ]
    }

    /// If this fails, the number in [`MAGIC`] must change too: what other versions have written would
    /// be read as something else.
    #[test]
    fn one_version_writes_one_layout() {
        let written = content_hash([&Catalog::new(listed()).snapshot()[..]]);
        let magic = std::str::from_utf8(MAGIC).expect("it is text");
        assert_eq!(
            (magic, written),
            ("toolmill index 3", 7_129_451_780_093_448_916)
        );
    }

    #[test]
    fn bytes_that_lie_break_nothing() {
        let bytes = Catalog::new(listed()).snapshot();
        let rest = unsealed(&bytes).expect("it was just written");
        for at in 0..rest.len() {
            for change in [1, 0xff] {
                let mut rest = rest.to_vec();
                rest[at] ^= change;
                let mut catalog = Catalog::new(listed());
                catalog.restore(&sealed(&rest));
                let query = SearchQuery::new("create an isue");
                for hit in catalog.search(&query).hits {
                    catalog.explain(&query, &hit);
                }
                for server in listed() {
                    let tools = Vec::new();
                    catalog = catalog.replace(Server { tools, ..server });
                }
                assert_eq!(catalog.search(&query).matches, 0);
                for server in listed() {
                    catalog = catalog.replace(server);
                }
                assert_eq!(catalog.search(&SearchQuery::new("issue")).matches, 3);
                assert_eq!(catalog.snapshot(), bytes);
            }
        }
    }
}
