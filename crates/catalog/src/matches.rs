//! Which documents contain words of a phrase, and those of them that can be among the best.
//!
//! Every match is added up and counted, but most are worth so little that nothing else is done with
//! them. The steps that look at every score have no branches, so that they take several at a time.

use crate::index::{BLOCK, Block, Index, Posting};
use crate::phrase::{Phrase, Wanted};

/// What a tool gets of the score of its server's best tool.
pub(crate) const SERVER_SHARE: f32 = 0.2;

/// What is looked for.
pub(crate) struct Sought {
    /// Only documents of this group.
    pub(crate) group: Option<u32>,
    /// The hash of a name; matches of that name are kept whatever they are worth.
    pub(crate) name: u32,
    /// A document that is kept even if it does not match.
    pub(crate) first: Option<u32>,
}

pub(crate) struct Matches<'a> {
    index: &'a Index,
    sought: Sought,
    /// The number of all.
    pub(crate) total: usize,
    /// By document, what it is worth by itself; 0 where it does not match.
    scores: Vec<f32>,
    /// The greatest score of each [`PART`].
    peaks: Vec<f32>,
    /// The least score of a document that is kept whatever it is worth.
    least_named: f32,
}

/// Neighbours of which the greatest score is looked at first.
const PART: usize = 16;

impl<'a> Matches<'a> {
    pub(crate) fn of(index: &'a Index, phrase: &Phrase, sought: Sought) -> Matches<'a> {
        let mut scores = match sought.group {
            None => scores(index, phrase, |_| true),
            Some(group) => scores_of_group(index, phrase, group),
        };
        scores.truncate(index.names.len());
        let matching = scores.iter().map(|&score| u32::from(score > 0.0));
        let total = matching.sum::<u32>() as usize;
        let unmatched = sought.first.filter(|&first| scores[first as usize] == 0.0);
        let greatest = |scores: &[f32]| scores.iter().copied().fold(0.0, greater);
        let named = named(index, &scores, sought.name).chain(sought.first);
        Matches {
            total: total + usize::from(unmatched.is_some()),
            least_named: named.fold(f32::INFINITY, |least, named| {
                least.min(scores[named as usize])
            }),
            peaks: scores.chunks(PART).map(greatest).collect(),
            index,
            sought,
            scores,
        }
    }

    /// With what each is worth by itself: the matches that can be among the best `count`, those that are
    /// named, and the best of each server that has one of them.
    pub(crate) fn promising(&self, count: usize) -> Vec<(u32, f32)> {
        let mut floor = self.floor(count);
        // The best of the server of what is named may be worth less than the others.
        if self.least_named < floor {
            floor = 0.0;
        }
        let mut promising = Vec::new();
        for (part, scores) in self.scores.chunks(PART).enumerate() {
            if self.peaks[part] < floor {
                continue;
            }
            let mut kept = [(0, 0.0); PART];
            let mut count = 0;
            for (document, &score) in ((part * PART) as u32..).zip(scores) {
                kept[count % PART] = (document, score);
                count += usize::from((score > 0.0) & (score >= floor));
            }
            promising.extend_from_slice(&kept[..count]);
        }
        let first = self.sought.first;
        let unmatched = first.filter(|&first| self.scores[first as usize] == 0.0);
        promising.extend(unmatched.map(|first| (first, 0.0)));
        promising
    }

    /// What a document must be worth by itself to be one of the best `count`, or the best of a server
    /// that has one of these.
    ///
    /// The last of the best is worth no less than the last of the best by words alone, and all but what
    /// its server adds is its own. The best of its server is worth more by itself than this too.
    fn floor(&self, count: usize) -> f32 {
        let best = self.peaks.iter().copied().fold(0.0, greater);
        let mut peaks = self.peaks.clone();
        if peaks.len() <= count {
            return 0.0;
        }
        let (_, last, _) = peaks.select_nth_unstable_by(count, |a, b| b.total_cmp(a));
        // A sum of rounded numbers may be a little less than it should.
        (*last * 0.9999 - SERVER_SHARE * best).max(0.0)
    }

    /// What a document is worth by itself; 0 if it does not match.
    pub(crate) fn score(&self, document: u32) -> f32 {
        self.scores.get(document as usize).copied().unwrap_or(0.0)
    }

    /// 2 if it is the tool of the path that is sought, 1 if its name is, 0 otherwise.
    pub(crate) fn named(&self, document: u32) -> u8 {
        match () {
            () if self.sought.first == Some(document) => 2,
            () if self.index.names[document as usize] == self.sought.name => 1,
            () => 0,
        }
    }
}

/// The matches whose names have this hash.
fn named<'a>(index: &'a Index, scores: &'a [f32], name: u32) -> impl Iterator<Item = u32> + 'a {
    let parts = index.names.chunks(PART).enumerate();
    let parts = parts.filter(move |(_, names)| {
        let any = |any: bool, other: &u32| any | (*other == name);
        names.iter().fold(false, any)
    });
    let documents = parts.flat_map(|(part, names)| ((part * PART) as u32..).zip(names));
    documents
        .filter(move |(document, other)| **other == name && scores[*document as usize] > 0.0)
        .map(|(document, _)| document)
}

pub(crate) fn greater(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// By document, what it is worth by itself; 0 if it does not match. Only blocks that are `wanted` are
/// looked at.
fn scores(index: &Index, phrase: &Phrase, wanted: impl Fn(u32) -> bool) -> Vec<f32> {
    let readings = |wanted: &Wanted| -> Vec<List> {
        let readings = wanted.readings.iter();
        let lists = readings.map(|reading| List {
            blocks: &index.term(reading.term).blocks,
            weight: reading.weight,
        });
        lists.collect()
    };
    let mut words: Vec<Vec<List>> = phrase.wanted.iter().map(readings).collect();
    let mut before = [0.0; SIZE];
    let blocks = index.ends().0.div_ceil(BLOCK);
    let mut scores = vec![0.0; blocks as usize * SIZE];
    for (number, scores) in (0..blocks).zip(scores.as_chunks_mut::<SIZE>().0) {
        if wanted(number) {
            for lists in &mut words {
                add_word(lists, number, scores, &mut before);
            }
        }
    }
    scores
}

fn scores_of_group(index: &Index, phrase: &Phrase, group: u32) -> Vec<f32> {
    let documents = &index.group(group).documents;
    let blocks: Vec<u32> = documents
        .chunk_by(|a, b| a / BLOCK == b / BLOCK)
        .map(|documents| documents[0] / BLOCK)
        .collect();
    let of_all = scores(index, phrase, |block| blocks.binary_search(&block).is_ok());
    let mut scores = vec![0.0; of_all.len()];
    for &document in documents.iter() {
        scores[document as usize] = of_all[document as usize];
    }
    scores
}

const SIZE: usize = BLOCK as usize;

struct List<'a> {
    blocks: &'a [Block],
    weight: f32,
}

impl<'a> List<'a> {
    /// The postings of a block, of which the numbers ascend.
    fn of_block(&mut self, number: u32) -> &'a [Posting] {
        while let Some((block, rest)) = self.blocks.split_first()
            && block.number <= number
        {
            self.blocks = rest;
            if block.number == number {
                return &block.postings;
            }
        }
        &[]
    }
}

/// Adds one word to the scores of a block. Of several readings the one that is worth most counts.
fn add_word(lists: &mut [List], number: u32, scores: &mut [f32; SIZE], before: &mut [f32; SIZE]) {
    let mut lists = lists
        .iter_mut()
        .map(|list| (list.weight, list.of_block(number)))
        .filter(|(_, postings)| !postings.is_empty());
    let Some((weight, first)) = lists.next() else {
        return;
    };
    let mut lists = lists.peekable();
    if lists.peek().is_some() {
        *before = *scores;
    }
    for posting in first {
        scores[posting.place as usize % SIZE] += weight * posting.impact();
    }
    for (weight, postings) in lists {
        for posting in postings {
            let at = posting.place as usize % SIZE;
            scores[at] = greater(scores[at], before[at] + weight * posting.impact());
        }
    }
}
