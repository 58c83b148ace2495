//! Search: which tools do what a phrase says.
//!
//! An inverted index with BM25F: the fields of a tool are weighed into one frequency per word before
//! it saturates, so that a word in the name and in the description counts once, not twice. What a
//! word in a tool is worth does not depend on the query, so it is computed when the index is built,
//! and a query only adds up.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::catalog::{Catalog, ServerTools};
use crate::name::folded;
use crate::plain;
use crate::schema::members;
use crate::tool::{Listed, Tool};
use crate::words;

/// Saturation of BM25: how fast more occurrences of a word stop to count.
const K1: f32 = 1.2;

/// What of a phrase is looked at.
const QUERY_BYTES: usize = 2 * 1024;
const QUERY_WORDS: usize = 64;

/// What of one text of a tool is indexed, and how many of its parameters.
const TEXT_BYTES: usize = 8 * 1024;
const MOST_PARAMETERS: usize = 200;

#[derive(Clone, Copy)]
enum Field {
    Name,
    Server,
    FirstSentence,
    Description,
    ParameterNames,
    ParameterDescriptions,
    ServerDescription,
}

const FIELDS: usize = 7;

impl Field {
    /// What a word in this field counts.
    const WEIGHT: [f32; FIELDS] = [4.0, 1.0, 1.5, 1.0, 0.2, 0.4, 0.4];

    /// How much a long field dilutes its words, from 0 to 1.
    const DILUTION: [f32; FIELDS] = [0.0, 0.0, 0.7, 0.7, 0.75, 0.75, 0.7];

    /// Whether the field says how rare a word is. Parameters of large schemas would make common
    /// words of what is rare in descriptions.
    const COUNTS_FOR_RARITY: [bool; FIELDS] = [true, true, true, true, false, false, false];
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
}

#[derive(Debug)]
pub struct SearchResult {
    /// The best first.
    pub hits: Vec<Hit>,
    /// The number of all tools that match, shown or not.
    pub matches: usize,
}

#[derive(Debug)]
pub struct Hit {
    pub tool: Arc<Tool>,
    pub score: f32,
}

impl Catalog {
    /// The tools that match a phrase, the best first, equals by path.
    ///
    /// A tool named exactly by its path or its name comes before all others.
    pub fn search(&self, query: &SearchQuery) -> SearchResult {
        let range = self.range(query.server);
        let top = query.offset.saturating_add(query.limit);
        let (mut ranked, mut matches) = self.index().ranked(query.text, range.clone(), top);
        if query.text.contains('.')
            && let Ok(at) = self.find(query.text)
            && range.contains(&at)
        {
            let before = ranked.iter().position(|(ranked, _)| *ranked == at);
            let named = match before {
                Some(before) => ranked.remove(before),
                None => (at, 0.0),
            };
            matches = matches.max(1);
            ranked.insert(0, named);
            ranked.truncate(top);
        }
        let hits = ranked
            .into_iter()
            .skip(query.offset)
            .map(|(at, score)| Hit {
                tool: Arc::clone(self.tool_at(at)),
                score,
            })
            .collect();
        SearchResult { hits, matches }
    }
}

/// A word in a tool, and what it adds to the score before the word's rarity.
#[derive(Debug)]
struct Posting {
    tool: u32,
    impact: f32,
}

/// Which tools contain which words, and what that is worth.
#[derive(Debug)]
pub(crate) struct Index {
    words: HashMap<String, u32>,
    postings: Vec<Vec<Posting>>,
    rarity: Vec<f32>,
    /// The tools by folded name.
    names: HashMap<String, Vec<u32>>,
}

impl Index {
    /// Tools are numbered in the order of the servers and of the tools in each.
    pub(crate) fn new<'a>(servers: impl Iterator<Item = &'a ServerTools>) -> Index {
        let mut reader = Reader::default();
        for server in servers {
            reader.read_server(server);
        }
        reader.into_index()
    }

    /// The `top` best of the tools within `range`, the best first, and how many match at all.
    pub(crate) fn ranked(
        &self,
        text: &str,
        range: Range<usize>,
        top: usize,
    ) -> (Vec<(usize, f32)>, usize) {
        let mut scores = vec![0.0f32; range.len()];
        for word in self.query_words(text) {
            let rarity = self.rarity[word];
            for posting in &self.postings[word] {
                if let Some(at) = (posting.tool as usize).checked_sub(range.start)
                    && let Some(score) = scores.get_mut(at)
                {
                    *score += rarity * posting.impact;
                }
            }
        }
        let named = self.names.get(&folded(plain::head(text, QUERY_BYTES)));
        let is_named =
            |at: usize| named.is_some_and(|named| named.binary_search(&(at as u32)).is_ok());
        let mut found: Vec<(bool, f32, usize)> = scores
            .iter()
            .enumerate()
            .map(|(offset, &score)| (is_named(range.start + offset), score, range.start + offset))
            .filter(|&(named, score, _)| named || score > 0.0)
            .collect();
        let matches = found.len();
        let better = |a: &(bool, f32, usize), b: &(bool, f32, usize)| {
            b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2))
        };
        if top < matches {
            if top > 0 {
                found.select_nth_unstable_by(top - 1, better);
            }
            found.truncate(top);
        }
        found.sort_unstable_by(better);
        (
            found
                .into_iter()
                .map(|(_, score, at)| (at, score))
                .collect(),
            matches,
        )
    }

    /// The known words of a phrase, each once.
    fn query_words(&self, text: &str) -> Vec<usize> {
        let mut content = Vec::new();
        let mut function = Vec::new();
        words::each(plain::head(text, QUERY_BYTES), |word| {
            let kept = if words::is_function_word(word) {
                &mut function
            } else {
                &mut content
            };
            if let Some(&word) = self.words.get(&words::stem(word))
                && !kept.contains(&(word as usize))
                && kept.len() < QUERY_WORDS
            {
                kept.push(word as usize);
            }
        });
        // "to do" is made of nothing else.
        if content.is_empty() {
            function
        } else {
            content
        }
    }
}

/// Reads the words of all tools; the lengths of fields, which everything depends on, come last.
#[derive(Default)]
struct Reader {
    /// Words as written, so that each is stemmed once.
    written: HashMap<String, u32>,
    words: HashMap<String, u32>,
    names: HashMap<String, Vec<u32>>,
    tools: Vec<Occurrences>,
}

/// How often each word occurs in each field of one tool.
#[derive(Default)]
struct Occurrences {
    counts: Vec<(u32, Field, u32)>,
    lengths: [u32; FIELDS],
}

impl Reader {
    fn read_server(&mut self, server: &ServerTools) {
        let mut of_server = Vec::new();
        for text in [server.name(), server.title()] {
            self.read(text, Field::Server, &mut of_server);
        }
        self.read(
            server.description(),
            Field::ServerDescription,
            &mut of_server,
        );
        for tool in server.tools() {
            let at = self.tools.len() as u32;
            self.names.entry(folded(tool.name())).or_default().push(at);
            let mut found = of_server.clone();
            self.read_tool(tool, &mut found);
            self.tools.push(Occurrences::of(found));
        }
    }

    fn read_tool(&mut self, tool: &Tool, found: &mut Vec<(u32, Field)>) {
        self.read(tool.name(), Field::Name, found);
        let (first, rest) = plain::first_sentence(tool.description());
        self.read(first, Field::FirstSentence, found);
        self.read(rest, Field::Description, found);
        let schema = Listed::parse(tool.raw())
            .ok()
            .and_then(|listed| listed.input_schema);
        for (name, description) in schema.map_or(Vec::new(), parameters) {
            self.read(&name, Field::ParameterNames, found);
            self.read(&description, Field::ParameterDescriptions, found);
        }
    }

    fn read(&mut self, text: &str, field: Field, found: &mut Vec<(u32, Field)>) {
        words::each(plain::head(text, TEXT_BYTES), |written| {
            let word = match self.written.get(written) {
                Some(&word) => word,
                None => {
                    let next = self.words.len() as u32;
                    let word = *self.words.entry(words::stem(written)).or_insert(next);
                    self.written.insert(written.to_owned(), word);
                    word
                }
            };
            found.push((word, field));
        });
    }

    fn into_index(self) -> Index {
        let tools = self.tools.len();
        let mut average = [0.0f32; FIELDS];
        for (field, average) in average.iter_mut().enumerate() {
            let total: u64 = self
                .tools
                .iter()
                .map(|tool| u64::from(tool.lengths[field]))
                .sum();
            *average = (total as f32 / tools.max(1) as f32).max(1.0);
        }
        let mut postings: Vec<Vec<Posting>> = Vec::new();
        postings.resize_with(self.words.len(), Vec::new);
        let mut containing = vec![0u32; self.words.len()];
        for (at, tool) in self.tools.iter().enumerate() {
            for of_word in tool.counts.chunk_by(|a, b| a.0 == b.0) {
                let word = of_word[0].0 as usize;
                let mut frequency = 0.0;
                let mut tells_rarity = false;
                for &(_, field, count) in of_word {
                    let field = field as usize;
                    let length = tool.lengths[field] as f32 / average[field];
                    let dilution = Field::DILUTION[field];
                    frequency +=
                        Field::WEIGHT[field] * count as f32 / (1.0 - dilution + dilution * length);
                    tells_rarity |= Field::COUNTS_FOR_RARITY[field];
                }
                containing[word] += u32::from(tells_rarity);
                let impact = frequency * (K1 + 1.0) / (frequency + K1);
                postings[word].push(Posting {
                    tool: at as u32,
                    impact,
                });
            }
        }
        // A word that only parameters contain counts as rare as one that one description contains.
        let rarity = containing
            .into_iter()
            .map(|containing| {
                let containing = containing.max(1) as f32;
                (1.0 + (tools as f32 - containing + 0.5) / (containing + 0.5)).ln()
            })
            .collect();
        Index {
            words: self.words,
            postings,
            rarity,
            names: self.names,
        }
    }
}

impl Occurrences {
    fn of(mut found: Vec<(u32, Field)>) -> Occurrences {
        found.sort_unstable_by_key(|&(word, field)| (word, field as usize));
        let mut occurrences = Occurrences::default();
        for same in found.chunk_by(|a, b| a.0 == b.0 && a.1 as usize == b.1 as usize) {
            let (word, field) = same[0];
            occurrences.counts.push((word, field, same.len() as u32));
            occurrences.lengths[field as usize] += same.len() as u32;
        }
        occurrences
    }
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
