//! Parts of a kept value: found by a JSON pointer, counted and sliced.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::scan::{BUFFER_BYTES, Scanner, Stop};
use crate::{Error, Kept, whole};

/// A member's name is compared up to here.
const LONGEST_NAME_BYTES: u64 = 64 << 10;
/// A longer pointer is nobody's.
const MOST_STEPS: usize = 64;

/// Where elements and members begin that were met before, so that reading on does not begin at the
/// beginning. What is kept never changes.
#[derive(Debug, Default)]
pub(crate) struct Places {
    known: Vec<Known>,
    /// The members of large objects, the last asked for at the end.
    names: Vec<Arc<Names>>,
    /// Keyed, so that nobody makes names that meet.
    hashes: RandomState,
}

#[derive(Debug, PartialEq)]
struct Known {
    number: u32,
    /// Of the part.
    start: u64,
    unit: Unit,
    index: u64,
    offset: u64,
}

const MOST_PLACES: usize = 256;
/// How far apart places are that are kept on the way.
const STRIDE: u64 = 1024;

/// Every member of an object that was gone through once.
#[derive(Debug)]
struct Names {
    number: u32,
    /// Of the object.
    start: u64,
    /// Hash of a name, and where it is written: in this order, so that of equal names the last is last.
    members: Vec<(u64, u64)>,
}

/// How many members are known at most, of all objects: 16 bytes each.
const MOST_NAMES: usize = 1 << 18;

impl Places {
    /// The last known place at or before `index`.
    fn before(&self, number: u32, start: u64, unit: Unit, index: u64) -> Option<(u64, u64)> {
        self.known
            .iter()
            .filter(|known| {
                (known.number, known.start, known.unit) == (number, start, unit)
                    && known.index <= index
            })
            .map(|known| (known.index, known.offset))
            .max()
    }

    fn keep(&mut self, known: Known) {
        if self.known.contains(&known) {
            return;
        }
        if self.known.len() == MOST_PLACES {
            self.known.remove(0);
        }
        self.known.push(known);
    }

    fn names(&mut self, number: u32, start: u64) -> Option<Arc<Names>> {
        let is_it = |names: &Arc<Names>| (names.number, names.start) == (number, start);
        let at = self.names.iter().position(is_it)?;
        self.names[at..].rotate_left(1);
        self.names.last().cloned()
    }

    fn keep_names(&mut self, names: Names) {
        if self.names(names.number, names.start).is_some() {
            return;
        }
        self.names.push(Arc::new(names));
        let count = |names: &[Arc<Names>]| -> usize {
            names.iter().map(|names| names.members.len().max(1)).sum()
        };
        while count(&self.names) > MOST_NAMES {
            self.names.remove(0);
        }
    }
}

/// What a part is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Elements,
    Members,
    Characters,
    Lines,
}

/// A kept value, open to be read; it stays readable when it is removed.
#[derive(Debug)]
pub struct Stored {
    kept: Kept,
    file: File,
    places: Arc<Mutex<Places>>,
}

/// What a part of a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// `array`, `object`, `string`, `number`, `boolean` or `null`.
    pub kind: &'static str,
    /// Elements, members or characters; absent for what has none.
    pub length: Option<u64>,
    /// Of its JSON.
    pub bytes: u64,
}

/// A part of a value.
#[derive(Debug)]
pub struct Part<'a> {
    stored: &'a Stored,
    start: u64,
    kind: &'static str,
    /// Its beginning, for errors.
    pointer: String,
}

/// Neighbouring elements, members, characters or lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Slice {
    /// An array, an object or a string.
    pub json: Vec<u8>,
    /// The index behind the last in it.
    pub end: u64,
    /// There is nothing behind it.
    pub is_last: bool,
}

impl Slice {
    /// The characters of a string's slice. Half a surrogate pair, which JSON can write and no text can
    /// hold, is U+FFFD.
    pub fn text(&self) -> serde_json::Result<String> {
        let mut literal = self.json.clone();
        let mut at = 0;
        while let Some(escape) = literal[at..].iter().position(|byte| *byte == b'\\') {
            let unit = |at: usize| {
                let digits = literal.get(at..at + 6)?.strip_prefix(b"\\u")?;
                u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
            };
            at += escape;
            match (unit(at), unit(at + 6)) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
                (Some(0xd800..=0xdfff), _) => {
                    literal[at + 2..at + 6].copy_from_slice(b"fffd");
                    at += 6;
                }
                _ => at += 2,
            }
        }
        serde_json::from_slice(&literal)
    }
}

impl Stored {
    pub(crate) fn new(kept: Kept, file: File, places: Arc<Mutex<Places>>) -> Stored {
        Stored { kept, file, places }
    }

    /// What is kept.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The bytes of the file in `range`, cut where it ends.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let end = range.end.min(self.kept.bytes);
        let length = end.saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file
            .read_exact_at(&mut bytes, range.start)
            .map_err(|error| self.stopped(Stop::Io(error)))?;
        Ok(bytes)
    }

    /// The part that a JSON pointer leads to; the empty one to all of it.
    ///
    /// # Errors
    /// There is no such part; the error names the step that leads nowhere.
    pub fn part(&self, pointer: &str) -> Result<Part<'_>, Error> {
        let shown = || pointer.chars().take(200).collect();
        let not_there = |reason: String| Error::NotThere {
            id: self.kept.id(),
            pointer: shown(),
            reason,
        };
        if let Some(kind) = self.kept.content.kind() {
            return Err(not_there(format!("it has no parts, it is of type {kind}")));
        }
        let steps: Vec<String> = match pointer.split('/').collect::<Vec<_>>()[..] {
            [""] => Vec::new(),
            ["", ref steps @ ..] if steps.len() <= MOST_STEPS => steps
                .iter()
                .map(|step| step.replace("~1", "/").replace("~0", "~"))
                .collect(),
            _ => {
                let reason = format!("a pointer begins with / and has at most {MOST_STEPS} steps");
                return Err(not_there(reason));
            }
        };
        let mut scanner = Scanner::new(&self.file, 0);
        let mut kind = self.kind(&mut scanner)?;
        for step in &steps {
            let found = match kind {
                "array" => match whole::<u64>(step) {
                    Some(index) => self.element(&mut scanner, index),
                    None => return Err(not_there(format!("{step:?} is no index of an array"))),
                },
                "object" => self.member(&mut scanner, step),
                _ => return Err(not_there(format!("{step:?} is asked of a {kind}"))),
            };
            match found.map_err(|stop| self.stopped(stop))? {
                Ok(()) => kind = self.kind(&mut scanner)?,
                Err(length) if kind == "array" => {
                    return Err(not_there(format!("the array has {length} elements")));
                }
                Err(_) => return Err(not_there(format!("there is no member {step:?}"))),
            }
        }
        Ok(Part {
            stored: self,
            start: scanner.position(),
            kind,
            pointer: shown(),
        })
    }

    fn kind(&self, scanner: &mut Scanner) -> Result<&'static str, Error> {
        let token = scanner.token().map_err(|stop| self.stopped(stop))?;
        match token {
            b'{' => Ok("object"),
            b'[' => Ok("array"),
            b'"' => Ok("string"),
            b't' | b'f' => Ok("boolean"),
            b'n' => Ok("null"),
            b'-' | b'0'..=b'9' => Ok("number"),
            _ => Err(self.stopped(Stop::Damaged("it is not JSON"))),
        }
    }

    /// Goes to an element, or says how many there are.
    fn element(&self, scanner: &mut Scanner, index: u64) -> Result<Result<(), u64>, Stop> {
        let start = scanner.position();
        let mut at = self.go_to(scanner, start, Unit::Elements, index)?;
        let begun = scanner.position();
        while scanner.begins_another()? {
            if at == index {
                // Many parts of one element are asked for, or one of each.
                if scanner.position() - begun > BUFFER_BYTES as u64 {
                    self.know(start, Unit::Elements, index, scanner.position());
                }
                return Ok(Ok(()));
            }
            scanner.value()?;
            at += 1;
        }
        Ok(Err(at))
    }

    /// Goes to the value of a member. Of equal names the last counts, as for the readers of JSON, so
    /// that all of the object is read; of a large one it is remembered what is where.
    fn member<'a>(
        &'a self,
        scanner: &mut Scanner<'a>,
        wanted: &str,
    ) -> Result<Result<(), u64>, Stop> {
        let object = scanner.position();
        let (known, hashes) = {
            let mut places = self.places();
            (
                places.names(self.kept.number, object),
                places.hashes.clone(),
            )
        };
        if let Some(names) = known {
            return self.known_member(scanner, &names, &hashes, wanted);
        }
        scanner.expect(b"{")?;
        let (mut found, mut name) = (None, Vec::new());
        let mut members = Some(Vec::new());
        while scanner.begins_another()? {
            let start = scanner.position();
            let is_name = scanner.name(&mut name, LONGEST_NAME_BYTES)?;
            scanner.expect(b":")?;
            scanner.token()?;
            if is_name {
                if name == wanted.as_bytes() {
                    found = Some(scanner.position());
                }
                members = members
                    .filter(|members: &Vec<_>| members.len() < MOST_NAMES)
                    .map(|mut members| {
                        members.push((hashes.hash_one(&*name), start));
                        members
                    });
            }
            scanner.value()?;
        }
        if let Some(mut members) = members
            && scanner.position() - object > BUFFER_BYTES as u64
        {
            members.sort_unstable();
            members.shrink_to_fit();
            self.places().keep_names(Names {
                number: self.kept.number,
                start: object,
                members,
            });
        }
        Ok(match found {
            Some(position) => {
                scanner.go(position);
                Ok(())
            }
            None => Err(0),
        })
    }

    fn known_member(
        &self,
        scanner: &mut Scanner,
        names: &Names,
        hashes: &RandomState,
        wanted: &str,
    ) -> Result<Result<(), u64>, Stop> {
        let hash = hashes.hash_one(wanted.as_bytes());
        let members = &names.members;
        let first = members.partition_point(|(other, _)| *other < hash);
        let end = members.partition_point(|(other, _)| *other <= hash);
        let mut name = Vec::new();
        for (_, start) in members[first..end].iter().rev() {
            scanner.go(*start);
            if scanner.name(&mut name, LONGEST_NAME_BYTES)? && name == wanted.as_bytes() {
                scanner.expect(b":")?;
                scanner.token()?;
                return Ok(Ok(()));
            }
        }
        Ok(Err(0))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Goes behind the opening of a part, or on to the place nearest before `index` that is known;
    /// the index it stands at.
    fn go_to(
        &self,
        scanner: &mut Scanner,
        start: u64,
        unit: Unit,
        index: u64,
    ) -> Result<u64, Stop> {
        let known = self.places().before(self.kept.number, start, unit, index);
        if let Some((at, offset)) = known {
            scanner.go(offset);
            return Ok(at);
        }
        scanner.go(start);
        scanner.expect(b"[{\"")?;
        Ok(0)
    }

    fn larger(&self, bytes: u64, most: u64) -> Error {
        Error::Larger {
            id: self.kept.id(),
            bytes,
            most,
        }
    }

    fn stopped(&self, stop: Stop) -> Error {
        match stop {
            Stop::Larger { bytes, most } => self.larger(bytes, most),
            Stop::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Error::Damaged {
                id: self.kept.id(),
                reason: "it ends too early".into(),
            },
            Stop::Io(error) => Error::Io {
                action: "read",
                error,
            },
            Stop::Damaged(reason) => Error::Damaged {
                id: self.kept.id(),
                reason: reason.into(),
            },
        }
    }
}

impl Part<'_> {
    /// `array`, `object`, `string`, `number`, `boolean` or `null`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What it is. Counting reads all of it.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn outline(&self) -> Result<Outline, Error> {
        let unit = match self.kind {
            "array" => Some(Unit::Elements),
            "object" => Some(Unit::Members),
            "string" => Some(Unit::Characters),
            _ => None,
        };
        let (length, end) = match unit {
            Some(unit) => {
                let (whole, closing) = self.walk(unit, u64::MAX..u64::MAX, 0, 0)?;
                (Some(whole.end), closing + 1)
            }
            None => (None, self.end()?),
        };
        Ok(Outline {
            kind: self.kind,
            length,
            bytes: end - self.start,
        })
    }

    /// Where it ends; finding that reads all of it.
    fn end(&self) -> Result<u64, Error> {
        let mut scanner = Scanner::new(&self.stored.file, self.start);
        scanner.value().map_err(|stop| self.stored.stopped(stop))?;
        Ok(scanner.position())
    }

    /// Its JSON, if it has at most `most` bytes.
    ///
    /// # Errors
    /// It is longer, or the file cannot be read.
    pub fn json(&self, most: u64) -> Result<Vec<u8>, Error> {
        let end = self.end()?;
        let bytes = end - self.start;
        if bytes > most {
            return Err(self.stored.larger(bytes, most));
        }
        self.stored.bytes(self.start..end)
    }

    /// Its elements (of an array, as an array), members (of an object, as an object) or characters
    /// (of a string, as a string) from the one at `range.start` on, to before `range.end`; fewer when
    /// they take more than `most` bytes, but one at least, of at most `one` bytes.
    ///
    /// # Errors
    /// The first is larger than that, it is none of these, or the file cannot be read.
    pub fn slice(&self, range: Range<u64>, most: u64, one: u64) -> Result<Slice, Error> {
        let unit = match self.kind {
            "array" => Unit::Elements,
            "object" => Unit::Members,
            "string" => Unit::Characters,
            kind => return Err(self.no_parts(kind, "parts")),
        };
        self.walk(unit, range, most, one).map(|(slice, _)| slice)
    }

    /// As [`Part::slice`], of the lines of a string, as an array of strings without their ends.
    ///
    /// # Errors
    /// The first line is larger than `one`, it is no string, or the file cannot be read.
    pub fn lines(&self, range: Range<u64>, most: u64, one: u64) -> Result<Slice, Error> {
        match self.kind {
            "string" => self
                .walk(Unit::Lines, range, most, one)
                .map(|(slice, _)| slice),
            kind => Err(self.no_parts(kind, "lines")),
        }
    }

    fn no_parts(&self, kind: &str, what: &str) -> Error {
        Error::NotThere {
            id: self.stored.kept.id(),
            pointer: self.pointer.clone(),
            reason: format!("a value of type {kind} has no {what}"),
        }
    }

    /// Goes over the units from the nearest known place on, and keeps those of `range`; beside them
    /// where it ended, which is the closing quote or bracket if there is nothing behind.
    fn walk(
        &self,
        unit: Unit,
        range: Range<u64>,
        most: u64,
        one: u64,
    ) -> Result<(Slice, u64), Error> {
        let walked = match unit {
            Unit::Characters => self.characters(range, most),
            _ => self.walked(unit, range, most, one),
        };
        walked.map_err(|stop| self.stored.stopped(stop))
    }

    /// Of a text there may be a hundred million characters, so those that are not escaped are taken
    /// many at a time.
    fn characters(&self, range: Range<u64>, most: u64) -> Result<(Slice, u64), Stop> {
        let stored = self.stored;
        let unit = Unit::Characters;
        let mut scanner = Scanner::new(&stored.file, self.start);
        let mut index = stored.go_to(&mut scanner, self.start, unit, range.start)?;
        let mut json = vec![b'"'];
        let mut one = Vec::new();
        let mut is_last = false;
        while index < range.start && !is_last {
            let taken = scanner.plain(range.start - index, usize::MAX, None)?;
            index += taken;
            if taken == 0 {
                one.clear();
                is_last = !scanner.character(&mut one)?;
                index += u64::from(!is_last);
            }
        }
        while !is_last {
            let room = most.saturating_sub(json.len() as u64 + 1);
            let left = range.end.saturating_sub(index);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let taken = scanner.plain(left, room, Some(&mut json))?;
            index += taken;
            if taken > 0 {
                continue;
            }
            let offset = scanner.position();
            one.clear();
            is_last = !scanner.character(&mut one)?;
            let is_over = json.len() > 1 && one.len() > room;
            if !is_last && (left == 0 || is_over) {
                stored.know(self.start, unit, index, offset);
                break;
            }
            if !is_last {
                json.extend_from_slice(&one);
                index += 1;
            }
        }
        json.push(b'"');
        let slice = Slice {
            json,
            end: index,
            is_last,
        };
        Ok((slice, scanner.position()))
    }

    fn walked(
        &self,
        unit: Unit,
        range: Range<u64>,
        most: u64,
        one: u64,
    ) -> Result<(Slice, u64), Stop> {
        let stored = self.stored;
        let mut scanner = Scanner::new(&stored.file, self.start);
        let mut index = stored.go_to(&mut scanner, self.start, unit, range.start)?;
        let first = index;
        let (open, close) = match unit {
            Unit::Members => (b'{', b'}'),
            Unit::Elements | Unit::Lines | Unit::Characters => (b'[', b']'),
        };
        let mut json = vec![open];
        let mut text = Vec::new();
        let mut is_last;
        loop {
            let offset = scanner.position();
            let wanted = range.contains(&index);
            let is_first = json.len() == 1;
            // With a comma before it and the bracket behind it.
            let left = most.saturating_sub(json.len() as u64 + 2);
            let room = match (wanted, is_first) {
                (false, _) => 0,
                (true, true) => one,
                (true, false) => left,
            };
            // It is measured first: what is too large is never loaded.
            let met = match unit {
                Unit::Elements | Unit::Members => scanner.begins_another()?.then(|| {
                    let start = scanner.position();
                    if unit == Unit::Members {
                        scanner.string()?;
                        scanner.expect(b":")?;
                    }
                    scanner.value()?;
                    Ok::<_, Stop>(scanner.position() - start)
                }),
                Unit::Lines | Unit::Characters => line(&mut scanner, room, &mut text)?.map(Ok),
            };
            is_last = met.is_none();
            let Some(length) = met.transpose()? else {
                break;
            };
            let is_over = wanted && length > room;
            if is_over && is_first {
                return Err(Stop::Larger {
                    bytes: length,
                    most: one,
                });
            }
            if index >= range.end || is_over {
                stored.know(self.start, unit, index, offset);
                break;
            }
            // For who reads backwards.
            if index > first && index.is_multiple_of(STRIDE) {
                stored.know(self.start, unit, index, offset);
            }
            if wanted {
                if !is_first {
                    json.push(b',');
                }
                match unit {
                    Unit::Lines | Unit::Characters => json.extend_from_slice(&text),
                    Unit::Elements | Unit::Members => {
                        let end = scanner.position();
                        scanner.copy(end - length..end, &mut json)?;
                    }
                }
            }
            index += 1;
        }
        json.push(close);
        let slice = Slice {
            json,
            end: index,
            is_last,
        };
        Ok((slice, scanner.position()))
    }
}

impl Stored {
    fn know(&self, start: u64, unit: Unit, index: u64, offset: u64) {
        self.places().keep(Known {
            number: self.kept.number,
            start,
            unit,
            index,
            offset,
        });
    }
}

/// Takes a line of a string's inside as a string of its own, and says how many bytes that has; none
/// when there is none. One of more than `room` bytes is passed over, and not in `out`.
fn line(scanner: &mut Scanner, room: u64, out: &mut Vec<u8>) -> Result<Option<u64>, Stop> {
    out.clear();
    out.push(b'"');
    let mut passed = 0;
    let mut character = Vec::new();
    let mut is_empty = true;
    let mut ends_in_return = false;
    loop {
        // The carriage return at its end is none of it.
        if out.len() as u64 > room.saturating_add(2) {
            passed += out.len() as u64;
            out.clear();
        }
        if scanner.plain(u64::MAX, usize::MAX, Some(out))? > 0 {
            (is_empty, ends_in_return) = (false, false);
            continue;
        }
        character.clear();
        let more = scanner.character(&mut character)?;
        if !more && is_empty {
            return Ok(None);
        }
        if !more || character == b"\\n" {
            let mut length = passed + out.len() as u64 + 1;
            if more && ends_in_return {
                length -= 2;
                out.truncate(out.len().saturating_sub(2));
            }
            out.push(b'"');
            return Ok(Some(length));
        }
        out.extend_from_slice(&character);
        is_empty = false;
        ends_in_return = character == b"\\r";
    }
}
