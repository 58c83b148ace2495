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

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::catalog::ServerTools;
use crate::name::folded;
use crate::plain;
use crate::schema::members;
use crate::shared::{Chunked, Dictionary, Numbered};
use crate::tool::Tool;
use crate::words;

/// Saturation of BM25: how fast more occurrences of a word stop to count.
const K1: f32 = 1.2;

/// What of one text of a tool is indexed, how many of its parameters, and how many words in all.
const TEXT_BYTES: usize = 8 * 1024;
const MOST_PARAMETERS: usize = 200;
const MOST_WORDS: usize = 4_096;

/// A catalog with more different words than this has more than all languages together.
const MOST_SPELLINGS: u32 = 1 << 24;

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

/// A word as it is written, in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Spelling {
    pub(crate) text: Arc<str>,
    pub(crate) term: u32,
    /// How many fields of tools contain it.
    pub(crate) uses: u32,
}

impl Default for Spelling {
    fn default() -> Spelling {
        Spelling {
            text: Arc::from(""),
            term: 0,
            uses: 0,
        }
    }
}

/// What all spellings with one stem have in common.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    stem: Arc<str>,
    pub(crate) postings: Arc<Vec<Posting>>,
    /// How many tools contain it where that says how rare it is.
    telling: u32,
}

impl Term {
    pub(crate) fn stem(&self) -> &str {
        &self.stem
    }
}

impl Default for Term {
    fn default() -> Term {
        Term {
            stem: Arc::from(""),
            postings: Arc::default(),
            telling: 0,
        }
    }
}

/// A word in a tool, and what it adds to the score before the word's rarity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posting {
    pub(crate) document: u32,
    pub(crate) impact: f32,
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

    /// `None` when the number was not made here.
    pub(crate) fn field(self) -> Option<Field> {
        Field::ALL.get((self.0 >> 2 & 7) as usize).copied()
    }

    fn count(self) -> u32 {
        (self.0 & 3) + 1
    }

    /// The number apart from the spelling.
    pub(crate) fn rest(self) -> u8 {
        (self.0 & 31) as u8
    }

    pub(crate) fn with_rest(spelling: u32, rest: u8) -> Option<Occurrence> {
        let occurrence = Occurrence(spelling << 5 | u32::from(rest & 31));
        let valid = spelling < MOST_SPELLINGS && occurrence.count() <= MOST_COUNTED;
        occurrence.field().filter(|_| valid).map(|_| occurrence)
    }
}

/// The words of some fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) occurrences: Arc<[Occurrence]>,
    pub(crate) lengths: [u16; FIELDS],
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    /// None where a document was removed.
    pub(crate) tool: Option<Arc<Tool>>,
    pub(crate) text: Text,
    /// Equal in tools whose names say the same once their servers' names are taken off.
    pub(crate) likeness: u64,
}

/// A server: what its tools share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) text: Text,
    pub(crate) documents: Arc<Vec<u32>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    spelled: Dictionary,
    spellings: Numbered<Spelling>,
    /// By spelling, for the search of similar ones.
    pub(crate) outlines: Chunked<u32>,
    stems: Dictionary,
    terms: Numbered<Term>,
    names: Dictionary,
    named: Numbered<Arc<Vec<u32>>>,
    servers: Dictionary,
    groups: Numbered<Group>,
    documents: Numbered<Document>,
    /// The group of each document; together, since every match of a query looks here.
    pub(crate) group_of: Arc<Vec<u32>>,
}

impl Index {
    pub(crate) fn new(servers: &[Arc<ServerTools>]) -> Index {
        let mut index = Index::default();
        index.follow(&[], servers);
        index
    }

    /// Becomes the index of `after`, having been that of `before`. Tools that are the same value in
    /// both are not looked at.
    pub(crate) fn follow(&mut self, before: &[Arc<ServerTools>], after: &[Arc<ServerTools>]) {
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

    pub(crate) fn spelling(&self, number: u32) -> &Spelling {
        self.spellings.get(number)
    }

    pub(crate) fn term(&self, number: u32) -> &Term {
        self.terms.get(number)
    }

    pub(crate) fn stem(&self, stem: &str) -> Option<u32> {
        self.stems.get(stem)
    }

    /// The documents whose name is `name`, in whatever case and with whatever separators.
    pub(crate) fn named(&self, name: &str) -> &[u32] {
        self.names
            .get(&folded(name))
            .map_or(&[], |named| self.named.get(named))
    }

    /// How much a word says: the fewer tools contain it, the more.
    ///
    /// One that only parameters contain counts as rare as one that one description contains.
    pub(crate) fn rarity(&self, term: u32) -> f32 {
        let containing = self.terms.get(term).telling.max(1) as f32;
        (1.0 + (self.len() as f32 - containing + 0.5) / (containing + 0.5)).ln()
    }

    /// What a word is worth in a document, by the fields in which it stands.
    pub(crate) fn impact_by_field(&self, document: u32, term: u32) -> Vec<(Field, f32)> {
        let text = &self.documents.get(document).text;
        let group = &self.groups.get(self.group_of[document as usize]).text;
        let mut parts = [0.0f32; FIELDS];
        let mut worth = Worth::default();
        for text in [group, text] {
            for &occurrence in text.occurrences.iter() {
                if let Some(field) = occurrence.field()
                    && self.spellings.get(occurrence.spelling()).term == term
                {
                    let frequency =
                        field.frequency(occurrence.count(), text.lengths[field as usize]);
                    worth.add(field, frequency);
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
            .map(|(field, part)| (field, worth.impact() * part / total))
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

    fn add(&mut self, field: Field, frequency: f32) {
        if Field::COUNTS_FOR_RARITY[field as usize] {
            self.0 |= Worth::TELLS_RARITY;
        }
        if field == Field::Name {
            self.0 |= Worth::NAME;
        } else {
            let most = (MOST_BESIDE_NAME * Worth::UNIT) as u32;
            let flags = self.0 & (Worth::NAME | Worth::TELLS_RARITY);
            let beside = self.0 & !(Worth::NAME | Worth::TELLS_RARITY);
            let frequency = ((frequency * Worth::UNIT) as u32).clamp(1, most);
            self.0 = flags | (beside + frequency).min(most);
        }
    }

    fn has_name(self) -> bool {
        self.0 & Worth::NAME != 0
    }

    fn tells_rarity(self) -> bool {
        self.0 & Worth::TELLS_RARITY != 0
    }

    fn impact(self) -> f32 {
        let beside = self.0 & !(Worth::NAME | Worth::TELLS_RARITY);
        let name = if self.has_name() {
            Field::WEIGHT[Field::Name as usize]
        } else {
            0.0
        };
        let frequency = beside as f32 / Worth::UNIT + name;
        frequency * (K1 + 1.0) / (frequency + K1)
    }
}

/// A run of changes to an index, with what is only needed meanwhile.
pub(crate) struct Changes<'a> {
    index: &'a mut Index,
    group_of: Vec<u32>,
    /// Where in `counted` a spelling stands, plus one.
    places: Vec<u32>,
    counted: Vec<(u32, Field, u32)>,
    /// What each term is worth in the tool at hand, and which are worth something.
    worths: Vec<Worth>,
    touched: Vec<u32>,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(index: &'a mut Index) -> Changes<'a> {
        Changes {
            group_of: std::mem::take(&mut index.group_of).to_vec(),
            places: vec![0; index.spellings.end() as usize],
            counted: Vec::new(),
            worths: vec![Worth::default(); index.terms.end() as usize],
            touched: Vec::new(),
            index,
        }
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
        for &document in self.index.groups.get(group).documents.clone().iter() {
            self.remove(document);
        }
        self.remove_group(group, server);
    }

    /// Removes a group that is empty: the words of its text are known only while documents have them.
    fn remove_group(&mut self, group: u32, server: &ServerTools) {
        self.index.servers.remove(server.name());
        self.index.groups.remove(group);
    }

    fn replace_tools(&mut self, old: &ServerTools, new: &ServerTools) {
        let Some(group) = self.index.servers.get(old.name()) else {
            return self.add_server(new);
        };
        let mut known: Vec<*const Tool> = old.tools().iter().map(Arc::as_ptr).collect();
        let mut kept: Vec<*const Tool> = new.tools().iter().map(Arc::as_ptr).collect();
        known.sort_unstable();
        kept.sort_unstable();
        // The new ones first, so that the group is not empty in between.
        for tool in new.tools() {
            if known.binary_search(&Arc::as_ptr(tool)).is_err() {
                let text = self.read_tool(tool);
                self.add(group, tool, text);
            }
        }
        let gone = |index: &Index, document: u32| {
            kept.binary_search(&Arc::as_ptr(index.tool(document)))
                .is_err()
        };
        for &document in self.index.groups.get(group).documents.clone().iter() {
            if gone(self.index, document) {
                self.remove(document);
            }
        }
        if self.index.groups.get(group).documents.is_empty() {
            self.remove_group(group, old);
        }
    }

    pub(crate) fn add_group(&mut self, server: &ServerTools, text: Text) -> u32 {
        let group = self.index.groups.insert(Group {
            text,
            documents: Arc::default(),
        });
        self.index.servers.insert(Arc::from(server.name()), group);
        group
    }

    /// Adds a tool to the group of its server.
    pub(crate) fn add(&mut self, group: u32, tool: &Arc<Tool>, text: Text) {
        self.weigh(&self.index.groups.get(group).text.clone(), 1);
        self.weigh(&text, 1);
        let document = self.index.documents.insert(Document {
            tool: Some(Arc::clone(tool)),
            text,
            likeness: likeness(tool),
        });
        for term in std::mem::take(&mut self.touched) {
            let worth = std::mem::take(&mut self.worths[term as usize]);
            let term = self.index.terms.get_mut(term);
            term.telling += u32::from(worth.tells_rarity());
            let postings = Arc::make_mut(&mut term.postings);
            let at = place(postings, document);
            postings.insert(
                at,
                Posting {
                    document,
                    impact: worth.impact(),
                },
            );
        }
        let at = document as usize;
        self.group_of.resize(self.group_of.len().max(at + 1), 0);
        self.group_of[at] = group;
        insert(&mut self.index.groups.get_mut(group).documents, document);
        let name = folded(tool.name());
        let named = match self.index.names.get(&name) {
            Some(named) => named,
            None => {
                let named = self.index.named.insert(Arc::default());
                self.index.names.insert(Arc::from(name), named);
                named
            }
        };
        insert(self.index.named.get_mut(named), document);
    }

    fn remove(&mut self, document: u32) {
        let group = self.group_of[document as usize];
        let removed = self.index.documents.remove(document);
        let group = self.index.groups.get_mut(group);
        remove(&mut group.documents, document);
        let text = group.text.clone();
        self.weigh(&text, -1);
        self.weigh(&removed.text, -1);
        for number in std::mem::take(&mut self.touched) {
            let worth = std::mem::take(&mut self.worths[number as usize]);
            let term = self.index.terms.get_mut(number);
            term.telling -= u32::from(worth.tells_rarity());
            let postings = Arc::make_mut(&mut term.postings);
            postings.remove(place(postings, document));
            if postings.is_empty() {
                let term = self.index.terms.remove(number);
                self.index.stems.remove(&term.stem);
            }
        }
        for text in [&text, &removed.text] {
            for occurrence in text.occurrences.iter() {
                self.forget_unused(occurrence.spelling());
            }
        }
        let name = folded(removed.tool.expect("it was a document").name());
        let named = self.index.names.get(&name).expect("it had a name");
        let documents = self.index.named.get_mut(named);
        remove(documents, document);
        if documents.is_empty() {
            self.index.named.remove(named);
            self.index.names.remove(&name);
        }
    }

    fn forget_unused(&mut self, spelling: u32) {
        let unused = self.index.spellings.get(spelling);
        // The empty text is that of a number which is free already.
        if unused.uses == 0 && !unused.text.is_empty() {
            let spelling_text = self.index.spellings.remove(spelling).text;
            self.index.spelled.remove(&spelling_text);
            *self.index.outlines.get_mut(spelling) = 0;
        }
    }

    /// Adds up what each term of a text is worth, and counts the uses of its spellings.
    fn weigh(&mut self, text: &Text, uses: i32) {
        for &occurrence in text.occurrences.iter() {
            let spelling = self.index.spellings.get_mut(occurrence.spelling());
            spelling.uses = spelling.uses.wrapping_add_signed(uses);
            let term = spelling.term;
            let Some(field) = occurrence.field() else {
                continue;
            };
            let worth = &mut self.worths[term as usize];
            if worth.0 == 0 {
                self.touched.push(term);
            }
            worth.add(
                field,
                field.frequency(occurrence.count(), text.lengths[field as usize]),
            );
        }
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
        let (names, descriptions): (Vec<String>, Vec<String>) = parameters.into_iter().unzip();
        let names = names.iter().map(String::as_str);
        self.read(names, Field::ParameterNames, &mut lengths);
        let descriptions = descriptions.iter().map(String::as_str);
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
            .map(|(spelling, field, count)| Occurrence::new(spelling, field, count))
            .collect();
        Text {
            occurrences,
            lengths,
        }
    }

    /// The number of a spelling, which is made known.
    pub(crate) fn spelling(&mut self, written: &str) -> Option<u32> {
        if let Some(known) = self.index.spelled.get(written) {
            return Some(known);
        }
        if self.index.spellings.end() >= MOST_SPELLINGS {
            return None;
        }
        let stem = words::stem(written);
        let term = match self.index.stems.get(&stem) {
            Some(term) => term,
            None => {
                let stem: Arc<str> = Arc::from(stem);
                let term = self.index.terms.insert(Term {
                    stem: Arc::clone(&stem),
                    ..Term::default()
                });
                self.index.stems.insert(stem, term);
                term
            }
        };
        let text: Arc<str> = Arc::from(written);
        let spelling = self.index.spellings.insert(Spelling {
            text: Arc::clone(&text),
            term,
            uses: 0,
        });
        self.index.spelled.insert(text, spelling);
        *self.index.outlines.get_mut(spelling) = crate::spelling::outline(written);
        let (spellings, terms) = (self.index.spellings.end(), self.index.terms.end());
        self.places.resize(spellings as usize, 0);
        self.worths.resize(terms as usize, Worth::default());
        Some(spelling)
    }
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        self.index.group_of = Arc::new(std::mem::take(&mut self.group_of));
    }
}

/// Where the posting of a document stands among others, or would.
fn place(postings: &[Posting], document: u32) -> usize {
    match postings.last() {
        Some(last) if last.document < document => postings.len(),
        _ => postings.partition_point(|posting| posting.document < document),
    }
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
    let name = words::list(tool.name());
    let own = name.iter().skip_while(|word| server.contains(word));
    let mut own: String = own.flat_map(|word| word.chars()).collect();
    if own.is_empty() {
        own = folded(tool.name());
    }
    own.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The names and descriptions of a schema's own parameters, read without building a tree.
fn parameters(schema: &RawValue) -> Vec<(String, String)> {
    #[derive(Deserialize)]
    struct Schema<'a> {
        #[serde(borrow)]
        properties: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Described {
        description: Option<String>,
    }
    let schema: Option<Schema> = serde_json::from_str(schema.get()).ok();
    let properties = schema
        .and_then(|schema| members(schema.properties?))
        .unwrap_or_default();
    let described = |property: &RawValue| {
        let described: Option<Described> = serde_json::from_str(property.get()).ok();
        described
            .and_then(|described| described.description)
            .unwrap_or_default()
    };
    let properties = properties.into_iter().take(MOST_PARAMETERS);
    properties
        .map(|(name, property)| (name, described(property)))
        .collect()
}
