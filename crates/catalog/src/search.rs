//! Search: which tools do what a phrase says.
//!
//! BM25F over the inverted [`Index`]: the fields of a tool are weighed into one frequency per word
//! before it saturates, so that a word in the name and in the description counts once, not twice.
//! What a word in a tool is worth does not depend on the query, so it stands in the index, and a query
//! only adds up: for each word the reading that is worth most, for each tool a share of what the best
//! tool of its server is worth.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::index::{BLOCK, Block, Document, Index, Posting, name_hash};
use crate::phrase::{Phrase, Reading, Repair};
use crate::plain;
use crate::tool::Tool;

/// What a tool gets of the score of its server's best tool.
const SERVER_SHARE: f32 = 0.2;

/// What use in the past adds to a score at most, and to how many of the best hits.
const USAGE_SHARE: f32 = 0.1;
const MOST_USED: usize = 64;

/// More than a tool's name has, with separators put in.
const LONGEST_NAME_BYTES: usize = 512;

/// Tools that are looked at because of what they mean, the nearest first, whatever their words.
const MOST_MEANT: usize = 200;

/// How far behind a hit its twins are looked for.
const TWINS_WITHIN: usize = 16;

/// From this share of common words on, two descriptions say the same.
const TWIN_LIKENESS: f32 = 0.6;

/// Words of each of two tools that are compared.
const TWIN_WORDS: usize = 100;

/// What may be left out of a search, which tests and benchmarks do to see what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchOptions {
    /// Unknown words are read as the known ones they were probably meant to be.
    pub repair: bool,
    /// Abbreviations, other words for the same and other languages count too.
    pub tables: bool,
    /// Tools of several servers that do the same are one hit.
    pub collapse: bool,
}

impl Default for SearchOptions {
    fn default() -> SearchOptions {
        SearchOptions {
            repair: true,
            tables: true,
            collapse: true,
        }
    }
}

/// What to search for.
#[derive(Clone, Copy, Debug)]
pub struct SearchQuery<'a> {
    pub text: &'a str,
    /// Only tools of this server, by identifier, name or a variant.
    pub server: Option<&'a str>,
    pub limit: usize,
    /// How many of the best hits to skip.
    pub offset: usize,
    /// How often each tool, by path, was of use before: a count that may have decayed.
    pub used: Option<&'a HashMap<String, f32>>,
    /// How like each tool, in the order of [`Catalog::tools`], is to what the text means: a cosine.
    /// The best counts as much as the best match of words; one of another length is left out.
    pub likeness: Option<&'a [f32]>,
    pub options: SearchOptions,
}

impl<'a> SearchQuery<'a> {
    /// A search for the five best tools of all servers.
    pub fn new(text: &'a str) -> SearchQuery<'a> {
        SearchQuery {
            text,
            server: None,
            limit: 5,
            offset: 0,
            used: None,
            likeness: None,
            options: SearchOptions::default(),
        }
    }
}

#[derive(Debug, Default)]
pub struct SearchResult {
    /// The best first.
    pub hits: Vec<Hit>,
    /// The number of all tools that match, shown or not.
    pub matches: usize,
    /// The words that were read as others.
    pub repairs: Vec<Repair>,
}

#[derive(Debug)]
pub struct Hit {
    pub tool: Arc<Tool>,
    pub score: f32,
    /// Tools of other servers that do the same, as far as their descriptions say, the best first.
    pub twins: Vec<Arc<Tool>>,
    document: u32,
    of_server: f32,
    of_use: f32,
    of_meaning: f32,
}

/// Why a hit has its score: parts that add up to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub parts: Vec<Part>,
    /// The share of the score of its server's best tool.
    pub server: f32,
    /// What it gets for having been of use.
    pub use_before: f32,
    /// What it gets for what it means.
    pub meaning: f32,
}

/// What one word of the query adds by one field of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The word as it stands in the query, in lower case.
    pub word: String,
    /// The stem it was found by.
    pub read: String,
    pub field: &'static str,
    pub score: f32,
}

impl Catalog {
    /// The tools that match a phrase, the best first, equals by path.
    ///
    /// A tool named exactly by its path or its name comes before all others.
    pub fn search(&self, query: &SearchQuery) -> SearchResult {
        let index = self.index();
        let server = match query.server.map(|server| self.server(server)) {
            None => None,
            Some(Some(server)) if !server.tools().is_empty() => Some(server.name()),
            Some(_) => return SearchResult::default(),
        };
        let group = server.and_then(|server| index.server(server));
        let phrase = Phrase::read(index, query.text, query.options);
        let path = Some(query.text.trim()).filter(|text| text.contains('.'));
        let first = path
            .and_then(|path| self.find(path).ok())
            .and_then(|tool| index.number_of(tool));
        let mut ranking = Ranking::new(
            index,
            &phrase,
            group,
            name_hash(plain::head(query.text, LONGEST_NAME_BYTES)),
            first,
        );
        ranking.meant = query
            .likeness
            .filter(|likeness| likeness.len() == self.len())
            .map(|likeness| Meant::new(self, index, server, likeness));
        let end = query.offset.saturating_add(query.limit);
        let hits = if query.options.collapse {
            ranking.collapsed(end, query.used)
        } else {
            let ranked = ranking.best(end, query.used);
            ranked
                .into_iter()
                .map(|ranked| (ranked, Vec::new()))
                .collect()
        };
        let tool = |document: u32| Arc::clone(index.tool(document));
        SearchResult {
            hits: hits
                .into_iter()
                .take(end)
                .skip(query.offset)
                .map(|(ranked, twins)| Hit {
                    tool: tool(ranked.document),
                    score: ranked.score(),
                    twins: twins.into_iter().map(tool).collect(),
                    document: ranked.document,
                    of_server: ranked.of_server,
                    of_use: ranked.of_use,
                    of_meaning: ranked.of_meaning,
                })
                .collect(),
            matches: ranking.matches.len() + ranking.only_meant().count(),
            repairs: phrase.repairs,
        }
    }

    /// Which words of which fields gave a hit of this very search its score.
    pub fn explain(&self, query: &SearchQuery, hit: &Hit) -> Explanation {
        let index = self.index();
        let phrase = Phrase::read(index, query.text, query.options);
        let mut parts = Vec::new();
        for wanted in &phrase.wanted {
            let worth =
                |reading: &Reading| reading.weight * index.term(reading.term).impact(hit.document);
            let Some(best) = wanted
                .readings
                .iter()
                .max_by(|a, b| worth(a).total_cmp(&worth(b)))
                .filter(|best| worth(best) > 0.0)
            else {
                continue;
            };
            for (field, impact) in index.impact_by_field(hit.document, best.term) {
                parts.push(Part {
                    word: wanted.written.clone(),
                    read: index.term(best.term).stem().to_owned(),
                    field: field.name(),
                    score: best.weight * impact,
                });
            }
        }
        Explanation {
            parts,
            server: hit.of_server,
            use_before: hit.of_use,
            meaning: hit.of_meaning,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Ranked {
    document: u32,
    /// 2 if it is the tool of the path that the query is, 1 if its name is the query, 0 otherwise.
    named: u8,
    own: f32,
    of_server: f32,
    of_use: f32,
    of_meaning: f32,
}

impl Ranked {
    /// What the words are worth.
    fn of_words(&self) -> f32 {
        self.own + self.of_server
    }

    fn score(&self) -> f32 {
        self.of_words() + self.of_use + self.of_meaning
    }
}

/// What a query means, beside its words.
struct Meant<'a> {
    catalog: &'a Catalog,
    likeness: &'a [f32],
    /// The documents that are most like it.
    nearest: Vec<u32>,
    most: f32,
}

impl<'a> Meant<'a> {
    fn new(
        catalog: &'a Catalog,
        index: &Index,
        server: Option<&str>,
        likeness: &'a [f32],
    ) -> Meant<'a> {
        let tools: Vec<&Arc<Tool>> = catalog.tools().collect();
        let is_searched = |at: &usize| server.is_none_or(|server| tools[*at].server() == server);
        let mut nearest: Vec<usize> = (0..tools.len()).filter(is_searched).collect();
        let nearer = |a: &usize, b: &usize| {
            let (of_a, of_b) = (likeness[*a], likeness[*b]);
            of_b.total_cmp(&of_a).then(a.cmp(b))
        };
        if nearest.len() > MOST_MEANT {
            nearest.select_nth_unstable_by(MOST_MEANT, nearer);
            nearest.truncate(MOST_MEANT);
        }
        nearest.retain(|at| likeness[*at] > 0.0);
        let most = nearest.iter().map(|at| likeness[*at]).fold(0.0, f32::max);
        let document = |at: usize| index.number_of(tools[at]);
        Meant {
            catalog,
            likeness,
            nearest: nearest.into_iter().filter_map(document).collect(),
            most,
        }
    }

    /// From 0 to 1, which the nearest tool has.
    fn of(&self, tool: &Tool) -> f32 {
        let likeness = self
            .catalog
            .position(tool)
            .map_or(0.0, |at| self.likeness[at]);
        if self.most > 0.0 {
            likeness.clamp(0.0, self.most) / self.most
        } else {
            0.0
        }
    }
}

/// All documents that match, and those to come first.
struct Ranking<'a> {
    index: &'a Index,
    /// In order of documents, with what each is worth by itself.
    matches: Vec<(u32, f32)>,
    /// By group.
    best_of_server: Vec<f32>,
    /// The hash of the name that the query may be.
    name: u32,
    /// The tool of the path that the query is.
    first: Option<u32>,
    meant: Option<Meant<'a>>,
}

impl<'a> Ranking<'a> {
    fn new(
        index: &'a Index,
        phrase: &Phrase,
        group: Option<u32>,
        name: u32,
        first: Option<u32>,
    ) -> Ranking<'a> {
        let mut best_of_server = vec![0.0f32; index.ends().1 as usize];
        let mut matches: Vec<(u32, f32)> = Vec::new();
        each_match(index, phrase, |document, score| {
            let of_document = index.marks[document as usize].group;
            if group.is_none_or(|group| group == of_document) {
                matches.push((document, score));
                let best = &mut best_of_server[of_document as usize];
                *best = best.max(score);
            }
        });
        let within =
            |document: u32| group.is_none_or(|group| group == index.marks[document as usize].group);
        if let Some(document) = first.filter(|&document| within(document))
            && let Err(at) = matches.binary_search_by_key(&document, |matched| matched.0)
        {
            matches.insert(at, (document, 0.0));
        }
        Ranking {
            index,
            matches,
            best_of_server,
            name,
            first,
            meant: None,
        }
    }

    fn order(&self, a: &Ranked, b: &Ranked) -> Ordering {
        let path = |ranked: &Ranked| self.index.tool(ranked.document).path();
        b.named
            .cmp(&a.named)
            .then_with(|| b.score().total_cmp(&a.score()))
            .then_with(|| path(a).cmp(path(b)))
    }

    /// The `count` best, the best first. Use in the past reorders the first [`MOST_USED`].
    fn best(&mut self, count: usize, used: Option<&HashMap<String, f32>>) -> Vec<Ranked> {
        let wanted = count
            .max(used.map_or(0, |_| MOST_USED))
            .max(self.meant.as_ref().map_or(0, |_| MOST_MEANT));
        let mut best = self.best_unused(wanted);
        if let Some(meant) = &self.meant {
            self.add_meant(&mut best, meant);
        }
        if let Some(used) = used {
            let calls = |path: &str| used.get(path).map_or(0.0, |calls| calls.clamp(0.0, 1e9));
            let most = used.keys().map(|path| calls(path)).fold(0.0, f32::max);
            let reach = best.len().min(MOST_USED);
            for ranked in &mut best[..reach] {
                let calls = calls(self.index.tool(ranked.document).path());
                if calls > 0.0 {
                    let share = USAGE_SHARE * calls.ln_1p() / most.ln_1p();
                    ranked.of_use = share * (ranked.of_words() + ranked.of_meaning);
                }
            }
            best[..reach].sort_by(|a, b| self.order(a, b));
        }
        best.truncate(count);
        best
    }

    /// What a document is worth by itself, if it has any of the words.
    fn of_words(&self, document: u32) -> Option<f32> {
        let at = self
            .matches
            .binary_search_by_key(&document, |matched| matched.0);
        at.ok().map(|at| self.matches[at].1)
    }

    /// What is near in meaning and has none of the words.
    fn only_meant(&self) -> impl Iterator<Item = u32> {
        let nearest = self
            .meant
            .iter()
            .flat_map(|meant| meant.nearest.iter().copied());
        nearest.filter(|&document| self.of_words(document).is_none())
    }

    /// Adds what is near in meaning, and what each is worth for that: the best by meaning gets as much
    /// as the best by words has, a sum of two that are each divided by their greatest.
    fn add_meant(&self, best: &mut Vec<Ranked>, meant: &Meant) {
        let known: HashSet<u32> = best.iter().map(|ranked| ranked.document).collect();
        let more = meant
            .nearest
            .iter()
            .filter(|document| !known.contains(document));
        best.extend(more.map(|&document| {
            let group = self.index.marks[document as usize].group as usize;
            Ranked {
                document,
                named: 0,
                own: self.of_words(document).unwrap_or(0.0),
                of_server: SERVER_SHARE * self.best_of_server[group],
                of_use: 0.0,
                of_meaning: 0.0,
            }
        }));
        let of_words = best.iter().map(Ranked::of_words).fold(0.0, f32::max);
        let most = if of_words > 0.0 { of_words } else { 1.0 };
        for ranked in best.iter_mut() {
            ranked.of_meaning = most * meant.of(self.index.tool(ranked.document));
        }
        best.sort_unstable_by(|a, b| self.order(a, b));
    }

    fn best_unused(&self, count: usize) -> Vec<Ranked> {
        if count == 0 {
            return Vec::new();
        }
        let mut best: Vec<Ranked> = Vec::new();
        let mut worst: Option<Ranked> = None;
        let mut floor = f32::NEG_INFINITY;
        let room = count.saturating_mul(2).max(64);
        let keep_best = |best: &mut Vec<Ranked>| {
            if best.len() > count {
                best.select_nth_unstable_by(count - 1, |a, b| self.order(a, b));
                best.truncate(count);
            }
        };
        let best_of_all = self.best_of_server.iter().copied().fold(0.0, f32::max);
        let most_of_server = SERVER_SHARE * best_of_all;
        for &(document, own) in &self.matches {
            let mark = self.index.marks[document as usize];
            let named = match () {
                () if self.first == Some(document) => 2,
                () if mark.name == self.name => 1,
                () => 0,
            };
            if named == 0 && own + most_of_server < floor {
                continue;
            }
            let ranked = Ranked {
                document,
                named,
                own,
                of_server: SERVER_SHARE * self.best_of_server[mark.group as usize],
                of_use: 0.0,
                of_meaning: 0.0,
            };
            // Many a catalog has hundreds of equals, so these are looked at too.
            if worst.is_some_and(|worst| self.order(&ranked, &worst).is_gt()) {
                continue;
            }
            best.push(ranked);
            if best.len() >= room {
                keep_best(&mut best);
                worst = best.get(count - 1).copied();
                floor = worst
                    .filter(|worst| worst.named == 0)
                    .map_or(floor, |worst| worst.score());
            }
        }
        keep_best(&mut best);
        best.sort_unstable_by(|a, b| self.order(a, b));
        best
    }

    /// The `count` best with the twins of each. What follows closely behind a hit and does the same on
    /// another server is no hit of its own.
    ///
    /// Whether a tool is a twin depends on the tools before it alone, so pages fit together.
    fn collapsed(
        &mut self,
        count: usize,
        used: Option<&HashMap<String, f32>>,
    ) -> Vec<(Ranked, Vec<u32>)> {
        if count == 0 {
            return Vec::new();
        }
        // Room for two twins of each; where there are more, all matches are looked at again.
        let mut fetched = count.saturating_mul(3).saturating_add(TWINS_WITHIN);
        loop {
            let best = self.best(fetched, used);
            let mut hits: Vec<(usize, Ranked, Vec<u32>)> = Vec::new();
            let likeness = |ranked: &Ranked| self.index.document(ranked.document).likeness();
            let mut likenesses: Vec<u64> = Vec::new();
            let mut enough = best.len() < fetched;
            for (rank, ranked) in best.iter().enumerate() {
                // The twins of the last hit wanted may be up to so far behind it.
                if hits
                    .get(count - 1)
                    .is_some_and(|(last, ..)| rank > last + TWINS_WITHIN)
                {
                    enough = true;
                    break;
                }
                likenesses.push(likeness(ranked));
                let twin = hits
                    .iter_mut()
                    .rev()
                    .take_while(|(at, ..)| rank - at <= TWINS_WITHIN)
                    .filter(|(at, ..)| likenesses[*at] == likenesses[rank])
                    .filter(|(_, hit, _)| self.are_twins(hit.document, ranked.document))
                    .last();
                match twin {
                    Some((_, _, twins)) => twins.push(ranked.document),
                    None => hits.push((rank, *ranked, Vec::new())),
                }
            }
            if enough {
                let hits = hits.into_iter().take(count);
                return hits.map(|(_, ranked, twins)| (ranked, twins)).collect();
            }
            fetched = fetched.saturating_mul(4);
        }
    }

    /// Whether two tools with like names are of different servers and have mostly the same words.
    fn are_twins(&self, a: u32, b: u32) -> bool {
        self.index.marks[a as usize].group != self.index.marks[b as usize].group
            && Ranking::shared_words(self.index.document(a), self.index.document(b))
                >= TWIN_LIKENESS
    }

    fn shared_words(a: &Document, b: &Document) -> f32 {
        let words = |document: &Document| {
            let occurrences = document.text.occurrences.iter().take(TWIN_WORDS);
            let mut words: Vec<u32> = occurrences.map(|word| word.spelling()).collect();
            words.sort_unstable();
            words.dedup();
            words
        };
        let (a, b) = (words(a), words(b));
        let shared = a
            .iter()
            .filter(|word| b.binary_search(word).is_ok())
            .count();
        shared as f32 / (a.len() + b.len() - shared).max(1) as f32
    }
}

/// Calls `found` with each document that contains a word of the phrase, in order, and its score.
fn each_match(index: &Index, phrase: &Phrase, mut found: impl FnMut(u32, f32)) {
    struct List<'a> {
        blocks: std::slice::Iter<'a, Block>,
        weight: f32,
    }
    impl<'a> List<'a> {
        /// The postings of a block, of which the numbers ascend.
        fn of_block(&mut self, number: u32) -> &'a [Posting] {
            match self.blocks.as_slice().first() {
                Some(block) if block.number == number => {
                    self.blocks.next();
                    &block.postings
                }
                _ => &[],
            }
        }
    }
    let mut words: Vec<Vec<List>> = phrase
        .wanted
        .iter()
        .map(|wanted| {
            let lists = wanted.readings.iter().map(|reading| List {
                blocks: index.term(reading.term).blocks.iter(),
                weight: reading.weight,
            });
            lists.collect()
        })
        .collect();
    const SIZE: usize = BLOCK as usize;
    let (documents, _) = index.ends();
    let mut scores = [0.0f32; SIZE];
    let mut best = [0.0f32; SIZE];
    let (mut matched, mut read) = ([0u64; SIZE / 64], [0u64; SIZE / 64]);
    for number in 0..documents.div_ceil(BLOCK) {
        for lists in &mut words {
            if let [list] = &mut lists[..] {
                for posting in list.of_block(number) {
                    let at = posting.place as usize % SIZE;
                    scores[at] += list.weight * posting.impact();
                    matched[at / 64] |= 1 << (at % 64);
                }
                continue;
            }
            // Of several readings the one that is worth most counts.
            for list in lists {
                for posting in list.of_block(number) {
                    let at = posting.place as usize % SIZE;
                    best[at] = best[at].max(list.weight * posting.impact());
                    read[at / 64] |= 1 << (at % 64);
                }
            }
            for (part, bits) in read.iter_mut().enumerate() {
                let mut left = std::mem::take(bits);
                matched[part] |= left;
                while left != 0 {
                    let at = part * 64 + left.trailing_zeros() as usize;
                    left &= left - 1;
                    scores[at] += std::mem::take(&mut best[at]);
                }
            }
        }
        for (part, bits) in matched.iter_mut().enumerate() {
            let mut left = std::mem::take(bits);
            while left != 0 {
                let at = part * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                found(number * BLOCK + at as u32, std::mem::take(&mut scores[at]));
            }
        }
    }
}
