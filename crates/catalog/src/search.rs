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
use crate::index::{Document, Index, name_hash};
use crate::matches::{Matches, SERVER_SHARE, Sought, greater};
use crate::phrase::{Phrase, Reading, Repair};
use crate::plain;
use crate::tool::Tool;

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
        let end = query.offset.saturating_add(query.limit);
        let sought = Sought {
            group,
            name: name_hash(plain::head(query.text, LONGEST_NAME_BYTES)),
            first,
        };
        let ranking = Ranking {
            index,
            matches: Matches::of(index, &phrase, sought),
            meant: query
                .likeness
                .filter(|likeness| likeness.len() == self.len())
                .map(|likeness| Meant::new(self, index, server, likeness)),
        };
        let hits = if query.options.collapse {
            ranking.collapsed(end, query.used)
        } else {
            let ranked = ranking.best(end, query.used).into_iter();
            ranked.map(|ranked| (ranked, Vec::new())).collect()
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
            matches: ranking.matches.total + ranking.only_meant(),
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
                    read: index.stem_of(best.term).to_owned(),
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
struct Ranked<'a> {
    document: u32,
    /// 2 if it is the tool of the path that the query is, 1 if its name is the query, 0 otherwise.
    named: u8,
    own: f32,
    of_server: f32,
    of_use: f32,
    of_meaning: f32,
    /// The tool's path, once it is among the best.
    path: &'a str,
}

impl Ranked<'_> {
    /// What the words are worth.
    fn of_words(&self) -> f32 {
        self.own + self.of_server
    }

    fn score(&self) -> f32 {
        self.of_words() + self.of_use + self.of_meaning
    }

    /// The more, the better the hit; the same for equals. No score is below 0, so their bits are in the
    /// order of what they say.
    fn worth(&self) -> u64 {
        u64::from(self.named) << 32 | u64::from(self.score().to_bits())
    }

    fn order(&self, other: &Ranked) -> Ordering {
        let worth = other.worth().cmp(&self.worth());
        worth.then_with(|| self.path.cmp(other.path))
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
        let at = self.catalog.position(tool);
        let likeness = at.map_or(0.0, |at| self.likeness[at]);
        if self.most > 0.0 {
            likeness.clamp(0.0, self.most) / self.most
        } else {
            0.0
        }
    }
}

/// The documents that match, in order as far as that is asked for.
struct Ranking<'a> {
    index: &'a Index,
    matches: Matches<'a>,
    meant: Option<Meant<'a>>,
}

impl<'a> Ranking<'a> {
    /// The `count` best, the best first. Use in the past reorders the first [`MOST_USED`].
    fn best(&self, count: usize, used: Option<&HashMap<String, f32>>) -> Vec<Ranked<'a>> {
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
                let calls = calls(ranked.path);
                if calls > 0.0 {
                    let share = USAGE_SHARE * calls.ln_1p() / most.ln_1p();
                    ranked.of_use = share * (ranked.of_words() + ranked.of_meaning);
                }
            }
            best[..reach].sort_by(Ranked::order);
        }
        best.truncate(count);
        best
    }

    /// How many are near in meaning and have none of the words.
    fn only_meant(&self) -> usize {
        let nearest = self.meant.iter().flat_map(|meant| &meant.nearest);
        nearest
            .filter(|document| self.matches.score(**document) == 0.0)
            .count()
    }

    /// Adds what is near in meaning, and what each is worth for that: the best by meaning gets as much
    /// as the best by words has, a sum of two that are each divided by their greatest.
    fn add_meant(&self, best: &mut Vec<Ranked<'a>>, meant: &Meant) {
        let known: HashSet<u32> = best.iter().map(|ranked| ranked.document).collect();
        let nearest = meant.nearest.iter().copied();
        let more = nearest.filter(|document| !known.contains(document));
        best.extend(more.map(|document| Ranked {
            document,
            named: 0,
            own: self.matches.score(document),
            of_server: 0.0,
            of_use: 0.0,
            of_meaning: 0.0,
            path: self.index.tool(document).path(),
        }));
        let of_words = best.iter().map(Ranked::of_words).fold(0.0, f32::max);
        let most = if of_words > 0.0 { of_words } else { 1.0 };
        for ranked in best.iter_mut() {
            ranked.of_meaning = most * meant.of(self.index.tool(ranked.document));
        }
        best.sort_unstable_by(Ranked::order);
    }

    fn best_unused(&self, count: usize) -> Vec<Ranked<'a>> {
        if count == 0 {
            return Vec::new();
        }
        let mut promising = self.matches.promising(count);
        let mut best_of_server = vec![0.0f32; self.index.ends().1 as usize];
        for &(document, own) in &promising {
            let best = &mut best_of_server[self.index.group_of(document) as usize];
            *best = greater(*best, own);
        }
        let ranked = |(document, own)| Ranked {
            document,
            named: self.matches.named(document),
            own,
            of_server: SERVER_SHARE * best_of_server[self.index.group_of(document) as usize],
            of_use: 0.0,
            of_meaning: 0.0,
            path: "",
        };
        if promising.len() > count {
            let worths: Vec<u64> = promising.iter().map(|&it| ranked(it).worth()).collect();
            let mut sorted = worths.clone();
            let (_, &mut last, _) = sorted.select_nth_unstable_by(count - 1, |a, b| b.cmp(a));
            // Many a catalog has hundreds of equals, so the paths of those at the end count.
            let mut worths = worths.into_iter();
            promising.retain(|_| worths.next().is_some_and(|worth| worth >= last));
        }
        let mut best: Vec<Ranked> = promising.into_iter().map(ranked).collect();
        for ranked in &mut best {
            ranked.path = self.index.tool(ranked.document).path();
        }
        if best.len() > count {
            best.select_nth_unstable_by(count - 1, Ranked::order);
            best.truncate(count);
        }
        best.sort_unstable_by(Ranked::order);
        best
    }

    /// The `count` best with the twins of each. What follows closely behind a hit and does the same on
    /// another server is no hit of its own.
    ///
    /// Whether a tool is a twin depends on the tools before it alone, so pages fit together.
    fn collapsed(
        &self,
        count: usize,
        used: Option<&HashMap<String, f32>>,
    ) -> Vec<(Ranked<'a>, Vec<u32>)> {
        // Each hit is the first or at most so far and one behind the last, but mostly there are few twins.
        let most = count.saturating_mul(TWINS_WITHIN + 1);
        let few = count
            .saturating_mul(3)
            .saturating_add(TWINS_WITHIN)
            .min(most);
        let best = self.best(few, used);
        let found_all = best.len() < few || few == most;
        match self.hits(&best, count) {
            (hits, true) => hits,
            (hits, false) if found_all => hits,
            _ => self.hits(&self.best(most, used), count).0,
        }
    }

    /// The first `count` hits among ranked tools, and whether no later tool can be a twin of them.
    fn hits(&self, best: &[Ranked<'a>], count: usize) -> (Vec<(Ranked<'a>, Vec<u32>)>, bool) {
        let mut hits: Vec<(usize, Ranked, Vec<u32>)> = Vec::new();
        let mut likenesses: Vec<u64> = Vec::new();
        let mut seen = Seen {
            index: self.index,
            by_spelling: Vec::new(),
        };
        let mut complete = count == 0;
        for (rank, ranked) in best.iter().enumerate() {
            // The twins of the last hit wanted may be up to so far behind it.
            let last = count.checked_sub(1).and_then(|last| hits.get(last));
            complete |= last.is_some_and(|(last, ..)| rank > last + TWINS_WITHIN);
            if complete {
                break;
            }
            likenesses.push(self.index.document(ranked.document).likeness());
            let twin = hits
                .iter_mut()
                .rev()
                .take_while(|(at, ..)| rank - at <= TWINS_WITHIN)
                .filter(|(at, ..)| likenesses[*at] == likenesses[rank])
                .filter(|(_, hit, _)| self.are_twins(hit.document, ranked.document, &mut seen))
                .last();
            match twin {
                Some((_, _, twins)) => twins.push(ranked.document),
                None => hits.push((rank, *ranked, Vec::new())),
            }
        }
        let hits = hits.into_iter().take(count);
        let hits = hits.map(|(_, ranked, twins)| (ranked, twins)).collect();
        (hits, complete)
    }

    /// Whether two tools with like names are of different servers and have mostly the same words.
    fn are_twins(&self, a: u32, b: u32, seen: &mut Seen) -> bool {
        self.index.group_of(a) != self.index.group_of(b)
            && seen.shared_words(self.index.document(a), self.index.document(b)) >= TWIN_LIKENESS
    }
}

/// In which of two documents each spelling was seen, as bits: all zeros between comparisons, and made
/// when there is something to compare.
struct Seen<'a> {
    index: &'a Index,
    by_spelling: Vec<u8>,
}

impl Seen<'_> {
    /// Which share of the words of both they have in common.
    fn shared_words(&mut self, a: &Document, b: &Document) -> f32 {
        self.by_spelling
            .resize(self.index.end_of_spellings() as usize, 0);
        fn words(document: &Document) -> impl Iterator<Item = usize> {
            let occurrences = document.text.occurrences.iter().take(TWIN_WORDS);
            occurrences.map(|word| word.spelling() as usize)
        }
        let (mut all, mut shared) = (0, 0);
        for (bit, document) in [(1, a), (2, b)] {
            for word in words(document) {
                let seen = &mut self.by_spelling[word];
                all += usize::from(*seen == 0);
                shared += usize::from(*seen | bit == 3 && *seen != 3);
                *seen |= bit;
            }
        }
        for word in words(a).chain(words(b)) {
            self.by_spelling[word] = 0;
        }
        shared as f32 / all.max(1) as f32
    }
}
