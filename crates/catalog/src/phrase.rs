//! What a query asks for: its words, as the index knows them.

use crate::index::Index;
use crate::lexicon::{self, Meaning};
use crate::plain;
use crate::search::SearchOptions;
use crate::spelling;
use crate::words;

/// What of a phrase is looked at.
const QUERY_BYTES: usize = 2 * 1024;
const QUERY_WORDS: usize = 64;

/// Unknown words that are compared with the known ones.
const MOST_REPAIRS: usize = 8;

/// A word that was read as another because nothing contains it as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    pub written: String,
    /// Several where it is as near to each.
    pub read: Vec<String>,
}

/// One word of a query. In a tool, the reading that is worth most counts.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) written: String,
    pub(crate) readings: Vec<Reading>,
}

#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) term: u32,
    /// What an impact is multiplied by: the word's rarity, less if it is not the word as written.
    pub(crate) weight: f32,
}

#[derive(Debug, Default)]
pub(crate) struct Phrase {
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) repairs: Vec<Repair>,
}

impl Phrase {
    pub(crate) fn read(index: &Index, text: &str, options: SearchOptions) -> Phrase {
        let mut reader = Reader {
            index,
            options,
            content: Vec::new(),
            function: Vec::new(),
            repairs: Vec::new(),
            attempts: 0,
        };
        let text = plain::head(text, QUERY_BYTES);
        let mut quote: Option<char> = None;
        for piece in text.split_whitespace() {
            let opens = piece
                .chars()
                .next()
                .filter(|c| ['"', '\'', '`'].contains(c));
            quote = quote.or(opens);
            // What is quoted or capitalised is a name, and a name is not misspelt but unknown.
            let is_name = quote.is_some() || piece.chars().any(char::is_uppercase);
            words::each(piece, |word| reader.read(word, is_name));
            if quote.is_some_and(|quote| piece.trim_end_matches([',', '.', '?']).ends_with(quote)) {
                quote = None;
            }
        }
        // "to do" is made of nothing else.
        let wanted = if reader.content.is_empty() {
            reader.function
        } else {
            reader.content
        };
        Phrase {
            wanted,
            repairs: reader.repairs,
        }
    }
}

struct Reader<'a> {
    index: &'a Index,
    options: SearchOptions,
    content: Vec<Wanted>,
    function: Vec<Wanted>,
    repairs: Vec<Repair>,
    attempts: usize,
}

impl Reader<'_> {
    fn read(&mut self, word: &str, is_name: bool) {
        let stem = words::stem(word);
        if words::is_function_word(word) {
            let term = self.index.stem(&stem);
            if let Some(term) = term.filter(|term| !has(&self.function, *term)) {
                let literal = self.literal(term);
                push(&mut self.function, word, vec![literal]);
            }
            return;
        }
        let meanings = self.meanings(word, &stem);
        match self.index.stem(&stem) {
            Some(term) => self.push_known(word, term, meanings),
            None if !meanings.is_empty() => self.push_meanings(word, None, meanings),
            None if !is_name => self.push_repaired(word),
            None => {}
        }
    }

    fn meanings(&self, word: &str, stem: &str) -> &'static [Meaning] {
        if self.options.tables {
            lexicon::meanings(word, stem)
        } else {
            &[]
        }
    }

    fn literal(&self, term: u32) -> Reading {
        Reading {
            term,
            weight: self.index.rarity(term),
        }
    }

    fn push_known(&mut self, word: &str, term: u32, meanings: &[Meaning]) {
        if !has(&self.content, term) {
            let literal = self.literal(term);
            push(&mut self.content, word, vec![literal]);
            self.push_meanings(word, Some(term), meanings);
        }
    }

    /// Adds what else a word can mean: single words beside it, several as words of their own.
    fn push_meanings(&mut self, word: &str, literal: Option<u32>, meanings: &[Meaning]) {
        // Beside a word that the catalog knows, its other readings must not be worth more than it.
        let most = literal.map_or(f32::INFINITY, |term| self.index.rarity(term));
        let mut beside = Vec::new();
        for meaning in meanings {
            let reading = |term: u32, share: f32| Reading {
                term,
                weight: self.index.rarity(term).min(most) * meaning.weight * share,
            };
            if let [stem] = &meaning.stems[..] {
                let term = self.index.stem(stem);
                let says = |term: &u32| meaning.is_exact() || self.index.tells_apart(*term);
                beside.extend(term.filter(says).map(|term| reading(term, 1.0)));
                continue;
            }
            let share = if literal.is_some() {
                1.0 / meaning.stems.len() as f32
            } else {
                1.0
            };
            for stem in &meaning.stems {
                if let Some(term) = self.index.stem(stem)
                    && !has(&self.content, term)
                {
                    push(&mut self.content, word, vec![reading(term, share)]);
                }
            }
        }
        let own = self.content.iter_mut().find(|wanted| {
            literal.is_some_and(|term| wanted.readings.first().is_some_and(|own| own.term == term))
        });
        match own {
            Some(own) => own.readings.extend(beside),
            None if literal.is_none() && !beside.is_empty() => {
                push(&mut self.content, word, beside);
            }
            None => {}
        }
    }

    fn push_repaired(&mut self, word: &str) {
        if !self.options.repair || self.attempts == MOST_REPAIRS {
            return;
        }
        self.attempts += 1;
        let mut readings: Vec<(Reading, &str)> = Vec::new();
        for spelling in spelling::repaired(self.index, word) {
            let term = self.index.term_of(spelling);
            if readings.iter().all(|(known, _)| known.term != term) {
                readings.push((self.literal(term), self.index.spelling(spelling)));
            }
        }
        match readings.len() {
            0 => return,
            1 => {
                let known = readings[0].1;
                let meanings = self.meanings(known, &words::stem(known));
                self.push_known(word, readings[0].0.term, meanings);
            }
            _ => {
                // The rarest must not win because it is rare.
                let least = readings.iter().map(|(reading, _)| reading.weight);
                let least = least.fold(f32::INFINITY, f32::min);
                let readings = readings.iter().map(|(reading, _)| Reading {
                    weight: least,
                    ..*reading
                });
                push(&mut self.content, word, readings.collect());
            }
        }
        self.repairs.push(Repair {
            written: word.to_owned(),
            read: readings
                .into_iter()
                .map(|(_, text)| text.to_owned())
                .collect(),
        });
    }
}

/// Whether a word is wanted as itself already.
fn has(wanted: &[Wanted], term: u32) -> bool {
    let mut first = wanted.iter().filter_map(|wanted| wanted.readings.first());
    first.any(|reading| reading.term == term)
}

fn push(wanted: &mut Vec<Wanted>, written: &str, readings: Vec<Reading>) {
    if wanted.len() < QUERY_WORDS {
        wanted.push(Wanted {
            written: written.to_owned(),
            readings,
        });
    }
}
