//! Which tools contain which words, and what that is worth.
//!
//! What a word in a tool is worth follows from the tool and its server alone: fields are measured by
//! fixed typical lengths, not by averages of the catalog. Only how rare a word is depends on the
//! others, and that is a count. So an index that has followed any number of changes answers exactly as
//! one that is built afresh, and a change of one tool touches only the words of that tool.
//!
//! A copy shares all but what changed since (see [`crate::shared`]): a snapshot keeps its index while
//! the next one is made from it.
//!
//! The index knows documents only by the words of their fields and by their group, the server. Skills
//! and resources can join as documents of groups of their own: what they need is a way to read them
//! into [`Index::add`] and a hit that can be other than a tool.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::repeat_n;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::catalog::ServerTools;
use crate::members;
use crate::name::folded;
use crate::plain;
use crate::schema;
use crate::shared::{Chunked, Dictionary, Numbered, Part};
use crate::spelling::Outlines;
use crate::tool::Tool;
use crate::words;

/// Saturation of BM25: how fast more occurrences of a word stop to count.
const K1: f32 = 1.2;

/// What of one text of a tool is indexed, how many of its parameters, and how many words in all.
const TEXT_BYTES: usize = 8 * 1024;
const MOST_PARAMETERS: usize = 200;
const MOST_WORDS: usize = 4_096;

/// A catalog with more different words than this has more than all languages together.
pub(crate) const MOST_SPELLINGS: u32 = 1 << 24;

/// Occurrences in one field beyond this say nothing more.
const MOST_COUNTED: u32 = 3;

/// All fields beside the name count for less together than the name, whatever is repeated in them.
const MOST_BESIDE_NAME: f32 = 3.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Name,
    Server,
    FirstSentence,
    Description,
    ParameterNames,
    ParameterDescriptions,
    ServerDescription,
}

pub(crate) const FIELDS: usize = 7;

impl Field {
    pub(crate) const ALL: [Field; FIELDS] = [
        Field::Name,
        Field::Server,
        Field::FirstSentence,
        Field::Description,
        Field::ParameterNames,
        Field::ParameterDescriptions,
        Field::ServerDescription,
    ];

    /// What a word in this field counts.
    const WEIGHT: [f32; FIELDS] = [4.0, 1.0, 1.5, 1.0, 0.2, 0.4, 0.4];

    /// How much a long field dilutes its words, from 0 to 1.
    const DILUTION: [f32; FIELDS] = [0.0, 0.0, 0.7, 0.7, 0.75, 0.75, 0.7];

    /// Words in each field, on average of the averages of the benchmark's four pools: a crawl of 841
    /// public servers, which describe little, 70 servers in use, one of Azure, and plain functions.
    const TYPICAL_WORDS: [f32; FIELDS] = [3.0, 4.0, 12.0, 19.0, 5.0, 36.0, 20.0];

    /// Whether the field says how rare a word is. Parameters of large schemas would make common
    /// words of what is rare in descriptions.
    const COUNTS_FOR_RARITY: [bool; FIELDS] = [true, true, true, true, false, false, false];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::Server => "server",
            Field::FirstSentence => "first sentence",
            Field::Description => "description",
            Field::ParameterNames => "parameter",
            Field::ParameterDescriptions => "parameter description",
            Field::ServerDescription => "server description",
        }
    }

    /// What `count` occurrences in a field of `length` words are worth.
    fn frequency(self, count: u32, length: u16) -> f32 {
        let at = self as usize;
        let length = f32::from(length) / Field::TYPICAL_WORDS[at];
        let dilution = Field::DILUTION[at];
        // Once in the name is all that a name can say.
        let count = if self == Field::Name { 1 } else { count };
        Field::WEIGHT[at] * count as f32 / (1.0 - dilution + dilution * length)
    }
}

/// What all spellings with one stem have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Term {
    /// The documents that contain it, in order.
    pub(crate) blocks: Part<[Block]>,
}

impl Term {
    /// What the term is worth in a document, 0 if it is not there.
    pub(crate) fn impact(&self, document: u32) -> f32 {
        let block = self
            .blocks
            .iter()
            .find(|block| block.number == document / BLOCK);
        let posting = block.and_then(|block| {
            let place = (document % BLOCK) as u16;
            let at = block
                .postings
                .binary_search_by_key(&place, |posting| posting.place());
            Some(block.postings[at.ok()?])
        });
        posting.map_or(0.0, Posting::impact)
    }
}

/// Documents that are scored together; their scores fit into the fastest cache.
pub(crate) const BLOCK: u32 = 4_096;

/// The documents of one range of [`BLOCK`] numbers that contain a term.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) number: u32,
    pub(crate) postings: Part<[Posting]>,
}

/// A word in a tool, and what it adds to the score before the word's rarity.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Posting(u32);

impl Posting {
    /// The greatest impact, K1 + 1, is near the greatest number.
    const UNIT: f32 = 29_000.0;

    fn new(place: u16, impact: u16) -> Posting {
        Posting(u32::from(impact) << 16 | u32::from(place))
    }

    /// The document's place in its block.
    pub(crate) fn place(self) -> u16 {
        self.0 as u16
    }

    pub(crate) fn impact(self) -> f32 {
        // A signed number, of which several are converted in one step.
        (self.0 >> 16) as i32 as f32 * (1.0 / Posting::UNIT)
    }
}

/// A spelling, the field it occurs in and how often, in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence(u32);

impl Occurrence {
    fn new(spelling: u32, field: Field, count: u32) -> Occurrence {
        Occurrence(spelling << 5 | (field as u32) << 2 | (count.min(MOST_COUNTED) - 1))
    }

    pub(crate) fn spelling(self) -> u32 {
        self.0 >> 5
    }

    fn field(self) -> Field {
        Field::ALL[(self.0 >> 2 & 7) as usize]
    }

    fn count(self) -> u32 {
        (self.0 & 3) + 1
    }

    /// The field and how often, as a number below [`Occurrence::KINDS`].
    fn kind(self) -> usize {
        (self.0 & 31) as usize
    }

    const KINDS: usize = 32;

    pub(crate) fn with_spelling(self, spelling: u32) -> Occurrence {
        Occurrence(spelling << 5 | self.0 & 31)
    }

    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) fn from_bits(bits: u32) -> Occurrence {
        Occurrence(bits)
    }

    /// Whether this is one of a spelling below `spellings`, if it was made of bits from elsewhere.
    pub(crate) fn is_valid(self, spellings: u32) -> bool {
        (self.spelling() < spellings)
            & ((self.0 >> 2 & 7) < FIELDS as u32)
            & (self.count() <= MOST_COUNTED)
    }
}

/// The words of some fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) occurrences: Part<[Occurrence]>,
    pub(crate) lengths: [u16; FIELDS],
}

impl Text {
    /// What an occurrence of each kind is worth in fields of these lengths.
    fn worths(&self) -> [Worth; Occurrence::KINDS] {
        let mut worths = [Worth::default(); Occurrence::KINDS];
        for field in Field::ALL {
            let once = field.frequency(1, self.lengths[field as usize]);
            for count in 1..=MOST_COUNTED {
                let kind = Occurrence::new(0, field, count).kind();
                worths[kind] = Worth::new(field, once * count as f32);
            }
        }
        worths
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    /// None where a document was removed.
    pub(crate) tool: Option<Arc<Tool>>,
    pub(crate) text: Text,
    likeness: OnceLock<u64>,
}

/// A number for a name, the same in whatever case and with whatever separators.
///
/// Names with the same number come first when one of them is asked for; that a server may choose one
/// gains it nothing that the name itself would not.
pub(crate) fn name_hash(name: &str) -> u32 {
    let next = |hash: u32, c: u32| (hash ^ c).wrapping_mul(0x0100_0193);
    let begin = 0x811c_9dc5;
    if name.is_ascii() {
        // The same as below, at a tenth of the time.
        let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
        return letters.fold(begin, |hash, c| next(hash, c.to_ascii_lowercase().into()));
    }
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    let letters = letters.flat_map(char::to_lowercase);
    letters.fold(begin, |hash, c| next(hash, c.into()))
}

/// A server: what its tools share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) text: Text,
    pub(crate) documents: Arc<Vec<u32>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The numbers of spellings. Only who reads words asks for them, so they are put together then.
    spelled: Option<Dictionary>,
    /// Words as they are written, in lower case.
    spellings: Numbered<Part<str>>,
    /// By spelling, how many fields of tools and servers contain it.
    uses: Arc<Vec<u32>>,
    /// For the search of similar spellings.
    pub(crate) outlines: Outlines,
    /// By spelling, the term of its stem.
    term_of: Arc<Vec<u32>>,
    stems: Dictionary,
    terms: Numbered<Term>,
    /// By term, its stem, and how many tools contain it where that says how rare it is.
    stem_of: Chunked<Part<str>>,
    telling: Arc<Vec<u32>>,
    servers: Dictionary,
    groups: Numbered<Group>,
    documents: Numbered<Document>,
    /// By document, its group, and a number for its name, see [`name_hash`]. Every query looks through
    /// the names.
    group_of: Arc<Vec<u32>>,
    pub(crate) names: Arc<Vec<u32>>,
}

impl Document {
    /// Equal in tools whose names say the same once their servers' names are taken off. Few are ever
    /// asked.
    pub(crate) fn likeness(&self) -> u64 {
        let tool = self.tool.as_ref();
        *self
            .likeness
            .get_or_init(|| tool.map_or(0, |tool| likeness(tool)))
    }
}

impl Index {
    pub(crate) fn new(servers: &[Arc<ServerTools>]) -> Index {
        let mut index = Index::default();
        index.follow(&[], servers);
        index
    }

    /// An index of no tools that knows words: each as it is written, and where its stem is in `stems`.
    /// They are numbered in their order.
    pub(crate) fn of_words(stems: Vec<Part<str>>, words: Vec<(Part<str>, u32)>) -> Index {
        Index {
            outlines: words.iter().map(|(written, _)| &**written).collect(),
            term_of: Arc::new(words.iter().map(|(_, term)| *term).collect()),
            uses: Arc::new(vec![0; words.len()]),
            spellings: words.into_iter().map(|(word, _)| word).collect(),
            stems: stems.iter().map(|stem| &**stem).zip(0..).collect(),
            terms: stems.iter().map(|_| Term::default()).collect(),
            telling: Arc::new(vec![0; stems.len()]),
            stem_of: stems.into_iter().collect(),
            ..Index::default()
        }
    }

    /// Becomes the index of `after`, having been that of `before`. Tools that are the same value in
    /// both are not looked at.
    pub(crate) fn follow(&mut self, before: &[Arc<ServerTools>], after: &[Arc<ServerTools>]) {
        // Mostly one server changes, and the others are not even looked at.
        let alike = before.iter().zip(after);
        let alike = alike.take_while(|(old, new)| Arc::ptr_eq(old, new)).count();
        let (before, after) = (&before[alike..], &after[alike..]);
        let ends = before.iter().rev().zip(after.iter().rev());
        let alike = ends.take_while(|(old, new)| Arc::ptr_eq(old, new)).count();
        let before = &before[..before.len() - alike];
        let after = &after[..after.len() - alike];
        let mut changes = Changes::new(self);
        let mut old: Vec<&Arc<ServerTools>> = before.iter().collect();
        old.sort_unstable_by_key(|server| server.name());
        let mut gone = vec![true; old.len()];
        let mut changed = Vec::new();
        for new in after {
            match old.binary_search_by_key(&new.name(), |old| old.name()) {
                Ok(at) => {
                    gone[at] = false;
                    if !Arc::ptr_eq(old[at], new) {
                        changed.push((Some(old[at]), new));
                    }
                }
                Err(_) => changed.push((None, new)),
            }
        }
        for (old, _) in old.iter().zip(gone).filter(|(_, gone)| *gone) {
            changes.remove_server(old);
        }
        for (old, new) in changed {
            match old {
                Some(old) if same_texts(old, new) => changes.replace_tools(old, new),
                Some(old) => {
                    changes.remove_server(old);
                    changes.add_server(new);
                }
                None => changes.add_server(new),
            }
        }
        changes.finish();
    }

    pub(crate) fn len(&self) -> usize {
        self.documents.len()
    }

    /// One more than the greatest number of a document, and of a group.
    pub(crate) fn ends(&self) -> (u32, u32) {
        (self.documents.end(), self.groups.end())
    }

    pub(crate) fn document(&self, number: u32) -> &Document {
        self.documents.get(number)
    }

    pub(crate) fn tool(&self, number: u32) -> &Arc<Tool> {
        let tool = self.documents.get(number).tool.as_ref();
        tool.expect("postings name documents that there are")
    }

    pub(crate) fn number_of(&self, tool: &Arc<Tool>) -> Option<u32> {
        let documents = &self.groups.get(self.servers.get(tool.server())?).documents;
        let mut documents = documents.iter().copied();
        documents.find(|&document| Arc::ptr_eq(self.tool(document), tool))
    }

    pub(crate) fn group(&self, number: u32) -> &Group {
        self.groups.get(number)
    }

    pub(crate) fn group_of(&self, document: u32) -> u32 {
        self.group_of[document as usize]
    }

    pub(crate) fn server(&self, name: &str) -> Option<u32> {
        self.servers.get(name)
    }

    /// The words of a server and of each of its tools, in their order.
    pub(crate) fn texts(&self, server: &ServerTools) -> Option<(&Text, Vec<&Text>)> {
        let group = self.groups.get(self.servers.get(server.name())?);
        let of_tools: HashMap<*const Tool, &Text> = group
            .documents
            .iter()
            .map(|&document| {
                (
                    Arc::as_ptr(self.tool(document)),
                    &self.document(document).text,
                )
            })
            .collect();
        let tools = server.tools().iter();
        let texts: Option<Vec<&Text>> = tools
            .map(|tool| of_tools.get(&Arc::as_ptr(tool)).copied())
            .collect();
        Some((&group.text, texts?))
    }

    pub(crate) fn spelling(&self, number: u32) -> &str {
        self.spellings.get(number)
    }

    pub(crate) fn uses(&self, spelling: u32) -> u32 {
        self.uses[spelling as usize]
    }

    /// One more than the greatest number of a spelling.
    pub(crate) fn end_of_spellings(&self) -> u32 {
        self.spellings.end()
    }

    pub(crate) fn term_of(&self, spelling: u32) -> u32 {
        self.term_of[spelling as usize]
    }

    pub(crate) fn term(&self, number: u32) -> &Term {
        self.terms.get(number)
    }

    pub(crate) fn stem_of(&self, term: u32) -> &str {
        self.stem_of.get(term)
    }

    pub(crate) fn stem(&self, stem: &str) -> Option<u32> {
        self.stems.get(stem)
    }

    /// How much a word says: the fewer tools contain it, the more.
    ///
    /// One that only parameters contain counts as rare as one that one description contains.
    pub(crate) fn rarity(&self, term: u32) -> f32 {
        let containing = self.telling[term as usize].max(1) as f32;
        (1.0 + (self.len() as f32 - containing + 0.5) / (containing + 0.5)).ln()
    }

    /// Whether few enough tools contain a word for it to say something beside the one that is wanted.
    /// Those that most contain (`get`, `list`) say little and have the longest lists.
    pub(crate) fn tells_apart(&self, term: u32) -> bool {
        self.telling[term as usize] as usize <= (self.len() / 8).max(64)
    }

    /// What a word is worth in a document, by the fields in which it stands.
    pub(crate) fn impact_by_field(&self, document: u32, term: u32) -> Vec<(Field, f32)> {
        let text = &self.documents.get(document).text;
        let group = &self.groups.get(self.group_of(document)).text;
        let mut parts = [0.0f32; FIELDS];
        let mut worth = Worth::default();
        for text in [group, text] {
            for &occurrence in text.occurrences.iter() {
                if self.term_of(occurrence.spelling()) == term {
                    let field = occurrence.field();
                    let frequency =
                        field.frequency(occurrence.count(), text.lengths[field as usize]);
                    worth.add(Worth::new(field, frequency));
                    parts[field as usize] += frequency;
                }
            }
        }
        if worth.has_name() {
            parts[Field::Name as usize] = Field::WEIGHT[Field::Name as usize];
        }
        let total: f32 = parts.iter().sum();
        Field::ALL
            .into_iter()
            .zip(parts)
            .filter(|(_, part)| *part > 0.0)
            .map(|(field, part)| (field, self.terms.get(term).impact(document) * part / total))
            .collect()
    }
}

fn same_texts(a: &ServerTools, b: &ServerTools) -> bool {
    a.title() == b.title() && a.description() == b.description()
}

/// The frequency of one word in one tool, as a sum that is the same in whatever order it is added up.
#[derive(Clone, Copy, Default)]
struct Worth(u32);

impl Worth {
    const UNIT: f32 = 4_096.0;
    const NAME: u32 = 1 << 31;
    const TELLS_RARITY: u32 = 1 << 30;
    const MOST_BESIDE: u32 = (MOST_BESIDE_NAME * Worth::UNIT) as u32;

    fn new(field: Field, frequency: f32) -> Worth {
        let mut worth = Worth(((frequency * Worth::UNIT) as u32).clamp(1, Worth::MOST_BESIDE));
        if field == Field::Name {
            worth = Worth(Worth::NAME);
        }
        if Field::COUNTS_FOR_RARITY[field as usize] {
            worth.0 |= Worth::TELLS_RARITY;
        }
        worth
    }

    fn has_name(self) -> bool {
        self.0 & Worth::NAME != 0
    }

    fn tells_rarity(self) -> bool {
        self.0 & Worth::TELLS_RARITY != 0
    }

    fn add(&mut self, other: Worth) {
        let flags = (self.0 | other.0) & (Worth::NAME | Worth::TELLS_RARITY);
        self.0 = flags | (self.beside() + other.beside()).min(Worth::MOST_BESIDE);
    }

    fn beside(self) -> u32 {
        self.0 & !(Worth::NAME | Worth::TELLS_RARITY)
    }

    fn impact(&self) -> u16 {
        let name = if self.has_name() {
            Field::WEIGHT[Field::Name as usize]
        } else {
            0.0
        };
        let frequency = self.beside() as i32 as f32 / Worth::UNIT + name;
        let impact = frequency * (K1 + 1.0) / (frequency + K1) * Posting::UNIT;
        // The whole part, without a conversion that is checked: so several are made in one step. A sum
        // with this number has its whole part, rounded, in its lowest bits.
        const WHOLE: f32 = 8_388_608.0;
        let sum = impact + WHOLE;
        sum.to_bits() as u16 - u16::from(sum - WHOLE > impact)
    }
}

/// A run of changes to an index, with what is only needed meanwhile.
///
/// Documents that are added come to their terms together, when there are no more of them: a term is
/// then looked up once, not once for each.
pub(crate) struct Changes<'a> {
    index: &'a mut Index,
    /// Of the index, which has them back in the end.
    group_of: Vec<u32>,
    names: Vec<u32>,
    uses: Vec<u32>,
    telling: Vec<u32>,
    /// Where in `counted` a spelling stands, plus one.
    places: Vec<u32>,
    counted: Vec<(u32, Field, u32)>,
    /// What each term is worth in the tool at hand, and which are worth something.
    worths: Vec<Worth>,
    touched: Vec<u32>,
    /// What the texts of the group at hand are worth to each of its tools.
    group: Option<(u32, Vec<(u32, Worth)>)>,
    /// The terms of the documents that were added, what each is worth there, and by document where its
    /// own end.
    added: Vec<u32>,
    added_worths: Vec<Worth>,
    ends: Vec<(u32, usize)>,
    /// By term, whether it is in one of them, and those that are.
    is_added: Vec<bool>,
    terms_added: Vec<u32>,
    /// Whether no document was there before those that were added.
    is_first: bool,
    /// Spellings that nothing uses any more, each with its length, whose outlines are still there.
    forgotten: Vec<(usize, u32)>,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(index: &'a mut Index) -> Changes<'a> {
        let (spellings, terms) = (index.spellings.end() as usize, index.terms.end() as usize);
        Changes {
            group_of: Arc::unwrap_or_clone(std::mem::take(&mut index.group_of)),
            names: Arc::unwrap_or_clone(std::mem::take(&mut index.names)),
            uses: Arc::unwrap_or_clone(std::mem::take(&mut index.uses)),
            telling: Arc::unwrap_or_clone(std::mem::take(&mut index.telling)),
            places: vec![0; spellings],
            counted: Vec::new(),
            worths: vec![Worth::default(); terms],
            touched: Vec::new(),
            group: None,
            added: Vec::new(),
            added_worths: Vec::new(),
            ends: Vec::new(),
            is_added: vec![false; terms],
            terms_added: Vec::new(),
            is_first: index.documents.end() == 0,
            forgotten: Vec::new(),
            index,
        }
    }

    /// Makes room for documents with so many different words in all.
    pub(crate) fn reserve(&mut self, words: usize) {
        self.added.reserve(words);
        self.added_worths.reserve(words);
    }

    pub(crate) fn finish(mut self) {
        self.settle();
        self.index.group_of = Arc::new(self.group_of);
        self.index.names = Arc::new(self.names);
        self.index.uses = Arc::new(self.uses);
        self.index.telling = Arc::new(self.telling);
    }

    pub(crate) fn add_server(&mut self, server: &ServerTools) {
        if server.tools().is_empty() {
            return;
        }
        let text = self.read_server(server);
        let group = self.add_group(server, text);
        for tool in server.tools() {
            let text = self.read_tool(tool);
            self.add(group, tool, text);
        }
    }

    fn remove_server(&mut self, server: &ServerTools) {
        let Some(group) = self.index.servers.get(server.name()) else {
            return;
        };
        self.settle();
        for &document in self.index.groups.get(group).documents.clone().iter() {
            self.remove(document);
        }
        self.remove_group(group, server);
        self.forget_outlines();
    }

    fn replace_tools(&mut self, old: &ServerTools, new: &ServerTools) {
        let Some(group) = self.index.servers.get(old.name()) else {
            return self.add_server(new);
        };
        let mut known: Vec<*const Tool> = old.tools().iter().map(Arc::as_ptr).collect();
        let mut kept: Vec<*const Tool> = new.tools().iter().map(Arc::as_ptr).collect();
        known.sort_unstable();
        kept.sort_unstable();
        for tool in new.tools() {
            if known.binary_search(&Arc::as_ptr(tool)).is_err() {
                let text = self.read_tool(tool);
                self.add(group, tool, text);
            }
        }
        self.settle();
        for &document in self.index.groups.get(group).documents.clone().iter() {
            if kept
                .binary_search(&Arc::as_ptr(self.index.tool(document)))
                .is_err()
            {
                self.remove(document);
            }
        }
        if self.index.groups.get(group).documents.is_empty() {
            self.remove_group(group, old);
        }
        self.forget_outlines();
    }

    pub(crate) fn add_group(&mut self, server: &ServerTools, text: Text) -> u32 {
        self.use_spellings(&text);
        let group = self.index.groups.insert(Group {
            text,
            documents: Arc::default(),
        });
        self.index.servers.insert(server.name(), group);
        self.group = None;
        group
    }

    /// Removes a group that has no documents any more.
    fn remove_group(&mut self, group: u32, server: &ServerTools) {
        self.index.servers.remove(server.name());
        let text = self.index.groups.remove(group).text;
        self.forget(&text);
        self.group = None;
    }

    /// Adds a tool to the group of its server.
    pub(crate) fn add(&mut self, group: u32, tool: &Arc<Tool>, text: Text) {
        self.weigh(group, &text);
        self.use_spellings(&text);
        let document = self.index.documents.insert(Document {
            tool: Some(Arc::clone(tool)),
            text,
            likeness: OnceLock::new(),
        });
        self.added_worths.extend(self.touched.iter().map(|&term| {
            let at = term as usize;
            let worth = std::mem::take(&mut self.worths[at]);
            if !self.is_added[at] {
                self.is_added[at] = true;
                self.terms_added.push(term);
            }
            self.telling[at] += u32::from(worth.tells_rarity());
            worth
        }));
        self.added.append(&mut self.touched);
        self.ends.push((document, self.added.len()));
        let at = document as usize;
        let end = self.names.len().max(at + 1);
        self.group_of.resize(end, 0);
        self.names.resize(end, 0);
        self.group_of[at] = group;
        self.names[at] = tool.facts().name_hash;
        insert(&mut self.index.groups.get_mut(group).documents, document);
    }

    /// Gives the terms the documents that were added.
    fn settle(&mut self) {
        let (blocks, ends) = self.sorted();
        let mut from = 0;
        for (term, end) in self.terms_added.drain(..).zip(ends) {
            self.is_added[term as usize] = false;
            let known = self.index.terms.get_mut(term);
            if self.is_first {
                known.blocks = Part::new(&blocks, from..end);
            } else {
                known.add(&blocks[from..end]);
            }
            from = end;
        }
        self.is_first = false;
        self.added.clear();
        self.added_worths.clear();
    }

    /// The documents that were added, in blocks by term, and where those of each term end.
    fn sorted(&mut self) -> (Arc<[Block]>, Vec<usize>) {
        let mut from = 0;
        let mut documents: Vec<(u32, Range<usize>)> = Vec::with_capacity(self.ends.len());
        for (document, end) in self.ends.drain(..) {
            documents.push((document, from..end));
            from = end;
        }
        // The numbers of removed documents come back in any order.
        documents.sort_unstable_by_key(|(document, _)| *document);
        let impacts: Vec<u16> = self.added_worths.iter().map(Worth::impact).collect();
        // By term, how many postings it has in a block, then where the next of them goes.
        let mut places = vec![0_u32; self.worths.len()];
        // By block, its postings, and where those of each of its terms end.
        let mut parts = Vec::new();
        for documents in documents.chunk_by(|(a, _), (b, _)| a / BLOCK == b / BLOCK) {
            for (_, added) in documents {
                for &term in &self.added[added.clone()] {
                    places[term as usize] += 1;
                }
            }
            let mut next = 0;
            for &term in &self.terms_added {
                let place = &mut places[term as usize];
                next += std::mem::replace(place, next);
            }
            let postings = repeat_n(Posting::default(), next as usize);
            let mut postings: Arc<[Posting]> = postings.collect();
            let placed = Arc::get_mut(&mut postings).expect("nothing shares them yet");
            for (document, added) in documents {
                let in_block = (document % BLOCK) as u16;
                let terms = self.added[added.clone()].iter();
                for (&term, &impact) in terms.zip(&impacts[added.clone()]) {
                    let next = &mut places[term as usize];
                    placed[*next as usize] = Posting::new(in_block, impact);
                    *next += 1;
                }
            }
            let (mut ends, mut last) = (Vec::new(), 0);
            for (at, &term) in self.terms_added.iter().enumerate() {
                let end = std::mem::take(&mut places[term as usize]);
                if end != last {
                    ends.push((at, end as usize));
                    last = end;
                }
            }
            let ends = ends.into_iter().peekable();
            parts.push((documents[0].0 / BLOCK, postings, ends, 0));
        }
        let (mut blocks, mut ends_of_terms) = (Vec::new(), Vec::new());
        for term in 0..self.terms_added.len() {
            for (number, postings, ends, from) in &mut parts {
                if let Some((_, end)) = ends.next_if(|(at, _)| *at == term) {
                    blocks.push(Block {
                        number: *number,
                        postings: Part::new(postings, *from..end),
                    });
                    *from = end;
                }
            }
            ends_of_terms.push(blocks.len());
        }
        (blocks.into(), ends_of_terms)
    }

    /// Removes a document; none that was added may be unsettled.
    fn remove(&mut self, document: u32) {
        let group = self.group_of[document as usize];
        let removed = self.index.documents.remove(document);
        remove(&mut self.index.groups.get_mut(group).documents, document);
        self.weigh(group, &removed.text);
        for number in std::mem::take(&mut self.touched) {
            let worth = std::mem::take(&mut self.worths[number as usize]);
            self.telling[number as usize] -= u32::from(worth.tells_rarity());
            let term = self.index.terms.get_mut(number);
            term.remove(document);
            if term.blocks.is_empty() {
                self.index.terms.remove(number);
                let stem = std::mem::take(self.index.stem_of.get_mut(number));
                self.index.stems.remove(&stem);
            }
        }
        self.forget(&removed.text);
    }

    fn use_spellings(&mut self, text: &Text) {
        for occurrence in text.occurrences.iter() {
            self.uses[occurrence.spelling() as usize] += 1;
        }
    }

    /// Takes the uses of spellings back, and forgets those that nothing uses any more: their outlines go
    /// with [`Changes::forget_outlines`].
    fn forget(&mut self, text: &Text) {
        for occurrence in text.occurrences.iter() {
            let number = occurrence.spelling();
            let uses = &mut self.uses[number as usize];
            *uses -= 1;
            if *uses == 0 {
                let text = self.index.spellings.remove(number);
                if let Some(spelled) = &mut self.index.spelled {
                    spelled.remove(&text);
                }
                self.forgotten.push((text.len(), number));
            }
        }
    }

    /// To be called when a server is done with, before another one's words get the numbers.
    fn forget_outlines(&mut self) {
        self.index.outlines.remove(&mut self.forgotten);
        self.forgotten.clear();
    }

    /// Adds up what each term is worth in a tool of a group.
    fn weigh(&mut self, group: u32, text: &Text) {
        if self.group.as_ref().is_none_or(|(known, _)| *known != group) {
            let of_group = self.index.groups.get(group).text.clone();
            self.weigh_text(&of_group);
            let worths = &mut self.worths;
            let touched = self.touched.drain(..);
            let of_group = touched.map(|term| (term, std::mem::take(&mut worths[term as usize])));
            self.group = Some((group, of_group.collect()));
        }
        self.weigh_text(text);
        if let Some((_, of_group)) = &self.group {
            weigh_all(
                of_group.iter().copied(),
                &mut self.worths,
                &mut self.touched,
            );
        }
    }

    fn weigh_text(&mut self, text: &Text) {
        let worths = text.worths();
        let term_of = &self.index.term_of[..];
        let weighed = text.occurrences.iter().map(|occurrence| {
            let term = term_of[occurrence.spelling() as usize];
            (term, worths[occurrence.kind()])
        });
        weigh_all(weighed, &mut self.worths, &mut self.touched);
    }

    pub(crate) fn read_server(&mut self, server: &ServerTools) -> Text {
        let mut lengths = [0; FIELDS];
        self.read(
            [server.name(), server.title()].into_iter(),
            Field::Server,
            &mut lengths,
        );
        self.read(
            [server.description()].into_iter(),
            Field::ServerDescription,
            &mut lengths,
        );
        self.counted(lengths)
    }

    pub(crate) fn read_tool(&mut self, tool: &Tool) -> Text {
        let mut lengths = [0; FIELDS];
        self.read([tool.name()].into_iter(), Field::Name, &mut lengths);
        let (description, schema) = tool.texts();
        let (first, rest) = plain::first_sentence(&description);
        self.read([first].into_iter(), Field::FirstSentence, &mut lengths);
        self.read([rest].into_iter(), Field::Description, &mut lengths);
        let parameters = schema.map_or(Vec::new(), parameters);
        let names = parameters.iter().map(|(name, _)| &**name);
        self.read(names, Field::ParameterNames, &mut lengths);
        let descriptions = parameters.iter().map(|(_, description)| &**description);
        self.read(descriptions, Field::ParameterDescriptions, &mut lengths);
        self.counted(lengths)
    }

    /// Counts the words of one field.
    fn read<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t str>,
        field: Field,
        lengths: &mut [u16; FIELDS],
    ) {
        let from = self.counted.len();
        let mut left = MOST_WORDS
            - lengths
                .iter()
                .map(|&length| usize::from(length))
                .sum::<usize>();
        for text in texts {
            words::each(plain::head(text, TEXT_BYTES), |written| {
                if left == 0 {
                    return;
                }
                let Some(spelling) = self.spelling(written) else {
                    return;
                };
                left -= 1;
                lengths[field as usize] += 1;
                match self.places[spelling as usize] {
                    0 => {
                        self.counted.push((spelling, field, 1));
                        self.places[spelling as usize] = self.counted.len() as u32;
                    }
                    place => self.counted[place as usize - 1].2 += 1,
                }
            });
        }
        for &(spelling, ..) in &self.counted[from..] {
            self.places[spelling as usize] = 0;
        }
    }

    fn counted(&mut self, lengths: [u16; FIELDS]) -> Text {
        let occurrences = self
            .counted
            .drain(..)
            .map(|(spelling, field, count)| Occurrence::new(spelling, field, count));
        let occurrences: Vec<Occurrence> = occurrences.collect();
        Text {
            occurrences: occurrences.into(),
            lengths,
        }
    }

    /// The number of a spelling, which is made known.
    fn spelling(&mut self, written: &str) -> Option<u32> {
        let index = &mut *self.index;
        let spelled = index.spelled.get_or_insert_with(|| {
            let spellings = index.spellings.iter();
            let known = spellings.filter(|(_, spelling)| !spelling.is_empty());
            known.map(|(at, spelling)| (&**spelling, at)).collect()
        });
        if let Some(known) = spelled.get(written) {
            return Some(known);
        }
        if index.spellings.end() >= MOST_SPELLINGS {
            return None;
        }
        let stem = words::stem(written);
        let term = index.stems.get(&stem).unwrap_or_else(|| {
            let term = index.terms.insert(Term::default());
            *index.stem_of.get_mut(term) = Part::from(&*stem);
            index.stems.insert(&stem, term);
            term
        });
        let spelling = index.spellings.insert(Part::from(written));
        spelled.insert(written, spelling);
        index.outlines.insert(spelling, written);
        put(&mut index.term_of, spelling, term);
        let (spellings, terms) = (index.spellings.end(), index.terms.end());
        self.places.resize(spellings as usize, 0);
        self.uses.resize(spellings as usize, 0);
        self.worths.resize(terms as usize, Worth::default());
        self.is_added.resize(terms as usize, false);
        self.telling.resize(terms as usize, 0);
        Some(spelling)
    }
}

/// Adds what terms are worth to what they have been, and to `touched` those that were worth nothing. It
/// has no branch on that, which could not be foreseen.
fn weigh_all(
    terms: impl ExactSizeIterator<Item = (u32, Worth)>,
    worths: &mut [Worth],
    touched: &mut Vec<u32>,
) {
    let mut end = touched.len();
    touched.resize(end + terms.len(), 0);
    for (term, more) in terms {
        let worth = &mut worths[term as usize];
        touched[end] = term;
        end += usize::from(worth.0 == 0);
        worth.add(more);
    }
    touched.truncate(end);
}

impl Term {
    /// Adds documents. What they share with other terms is copied: what is left of changes that long are
    /// undone must not keep all of them.
    fn add(&mut self, added: &[Block]) {
        for Block { number, postings } in added {
            let at = self.blocks.partition_point(|block| block.number < *number);
            if self
                .blocks
                .get(at)
                .is_none_or(|block| block.number != *number)
            {
                let (number, postings) = (*number, Part::default());
                let mut blocks = self.blocks.to_vec();
                blocks.insert(at, Block { number, postings });
                self.blocks = blocks.into();
            }
            let known = &mut self.blocks.make_mut()[at].postings;
            let mut all = Vec::with_capacity(known.len() + postings.len());
            all.extend_from_slice(known);
            for posting in postings.iter() {
                let at = all.partition_point(|other: &Posting| other.place() < posting.place());
                all.insert(at, *posting);
            }
            *known = all.into();
        }
    }

    fn remove(&mut self, document: u32) {
        let mut numbers = self.blocks.iter().map(|block| block.number);
        let Some(at) = numbers.position(|number| number == document / BLOCK) else {
            return;
        };
        let place = (document % BLOCK) as u16;
        let postings = &mut self.blocks.make_mut()[at].postings;
        if let Ok(at) = postings.binary_search_by_key(&place, |posting| posting.place()) {
            postings.remove(at);
        }
        if postings.is_empty() {
            let mut blocks = self.blocks.to_vec();
            blocks.remove(at);
            self.blocks = blocks.into();
        }
    }
}

/// Sets an element of an array, which grows to hold it.
fn put(array: &mut Arc<Vec<u32>>, at: u32, value: u32) {
    let array = Arc::make_mut(array);
    let at = at as usize;
    array.resize(array.len().max(at + 1), 0);
    array[at] = value;
}

fn insert(documents: &mut Arc<Vec<u32>>, document: u32) {
    let documents = Arc::make_mut(documents);
    let at = documents.partition_point(|&other| other < document);
    documents.insert(at, document);
}

fn remove(documents: &mut Arc<Vec<u32>>, document: u32) {
    Arc::make_mut(documents).retain(|&other| other != document);
}

/// A number for a tool's name without the words of its server that lead it.
fn likeness(tool: &Tool) -> u64 {
    let server = words::list(tool.server());
    let mut own = String::new();
    words::each(tool.name(), |word| {
        let leads = own.is_empty() && server.iter().any(|of_server| of_server == word);
        // Of `createIssue`, the whole comes after its parts.
        if !leads && !own.ends_with(word) {
            own.push_str(word);
        }
    });
    if own.is_empty() {
        own = folded(tool.name());
    }
    let mut hasher = DefaultHasher::new();
    own.hash(&mut hasher);
    hasher.finish()
}

/// The names and descriptions of a schema's own parameters, read without building a tree.
fn parameters(schema: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let Some(properties) = member(schema, "properties") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let whole = members::each(properties, |name, property| {
        if found.len() < MOST_PARAMETERS {
            found.push((Cow::Borrowed(name), described(property)));
        }
    });
    if whole.is_some() {
        return found;
    }
    // Names with escapes, or no object at all.
    let properties: Option<&RawValue> = serde_json::from_str(properties).ok();
    let properties = properties.and_then(schema::members).unwrap_or_default();
    let properties = properties.into_iter().take(MOST_PARAMETERS);
    properties
        .map(|(name, property)| (Cow::Owned(name), described(property.get())))
        .collect()
}

/// The description of a parameter, empty where it has none that is text.
fn described(property: &str) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Described {
        description: Option<String>,
    }
    if !property.starts_with('{') {
        let described: Option<Described> = serde_json::from_str(property).ok();
        let description = described.and_then(|described| described.description);
        return description.unwrap_or_default().into();
    }
    let Some(written) = member(property, "description") else {
        return Cow::Borrowed("");
    };
    match written
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        _ => Cow::Owned(serde_json::from_str(written).unwrap_or_default()),
    }
}

/// The one member of an object that has this name, as it is written.
fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    let mut is_twice = false;
    let whole = members::each(object, |other, value| {
        if other == name {
            is_twice |= found.replace(value).is_some();
        }
    });
    if whole.is_some() {
        return found.filter(|_| !is_twice);
    }
    // A name with escapes may be that one.
    let object: &RawValue = serde_json::from_str(object).ok()?;
    let members = schema::members(object)?;
    let mut named = members.iter().filter(|(other, _)| other == name);
    match (named.next(), named.next()) {
        (Some((_, value)), None) => Some(value.get()),
        _ => None,
    }
}
