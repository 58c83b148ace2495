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
    /// What is kept whatever it is worth.
    named: Vec<u32>,
}

/// Documents of which the greatest score is looked at first.
const PART: usize = 16;

/// Parts that lie in one another, as the teeth of combs: a step that takes several numbers at a time finds
/// the greatest of each, and neighbours, which often are worth the same, are in different ones.
const COMB: usize = 8;

const COMBED: usize = PART * COMB;

/// The first document of a part, of which the others follow by [`COMB`].
fn first_of_part(part: usize) -> usize {
    part / COMB * COMBED + part % COMB
}

impl<'a> Matches<'a> {
    pub(crate) fn of(index: &'a Index, phrase: &Phrase, sought: Sought) -> Matches<'a> {
        let Added {
            scores,
            peaks,
            matching,
        } = Added::up(index, phrase, sought.group);
        let unmatched = sought.first.filter(|&first| scores[first as usize] == 0.0);
        let named = with_name(index, sought.name);
        let named = named.filter(|&named| scores[named as usize] > 0.0);
        Matches {
            total: matching + usize::from(unmatched.is_some()),
            named: named.chain(sought.first).collect(),
            index,
            sought,
            scores,
            peaks,
        }
    }

    /// With what each is worth by itself: the matches that can be among the best `count`, those that are
    /// named, and the best of each server that has one of them.
    pub(crate) fn promising(&self, count: usize) -> Vec<(u32, f32)> {
        let floor = self.floor(count);
        let mut promising = Vec::new();
        for (part, peak) in self.peaks.iter().enumerate() {
            if *peak < floor || *peak == 0.0 {
                continue;
            }
            let documents = (first_of_part(part)..).step_by(COMB).take(PART);
            let mut kept = [(0, 0.0); PART];
            let mut count = 0;
            for document in documents {
                let score = self.scores[document];
                kept[count % PART] = (document as u32, score);
                count += usize::from((score > 0.0) & (score >= floor));
            }
            promising.extend_from_slice(&kept[..count]);
        }
        promising.extend(self.named_below(floor));
        promising
    }

    /// What is named and worth less than `floor`, and all of its server that is: among it may be the best
    /// of the server.
    fn named_below(&self, floor: f32) -> Vec<(u32, f32)> {
        let below = |document: &u32| self.score(*document) < floor || self.score(*document) == 0.0;
        let named = self.named.iter().copied().filter(below);
        let mut groups: Vec<u32> = named.map(|named| self.index.group_of(named)).collect();
        groups.sort_unstable();
        groups.dedup();
        let groups = groups.iter().map(|&group| self.index.group(group));
        let documents = groups.flat_map(|group| group.documents.iter().copied());
        documents
            .filter(below)
            .filter(|&document| self.score(document) > 0.0 || self.sought.first == Some(document))
            .map(|document| (document, self.score(document)))
            .collect()
    }

    /// What a document must be worth by itself to be one of the best `count`, or the best of a server
    /// that has one of these.
    ///
    /// The best `count` by words alone get at least a share of what they are worth themselves. So does
    /// none of the best `count` end up with less than the last of these then, and all but what its server
    /// adds is its own. The best of its server is worth more by itself than this too.
    fn floor(&self, count: usize) -> f32 {
        if count == 0 || self.peaks.len() < count {
            return 0.0;
        }
        let best = self.peaks.iter().copied().fold(0.0, greater);
        let mut peaks = self.peaks.clone();
        let (_, last, _) = peaks.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
        // A sum of rounded numbers may be a little less than it should.
        (*last * (1.0 + SERVER_SHARE) * 0.9999 - SERVER_SHARE * best).max(0.0)
    }

    /// What a document is worth by itself; 0 if it does not match.
    pub(crate) fn score(&self, document: u32) -> f32 {
        self.scores.get(document as usize).copied().unwrap_or(0.0)
    }

    /// 2 if it is the tool of the path that is sought, 1 if its name is, 0 otherwise.
    pub(crate) fn named(&self, document: u32) -> u8 {
        match () {
            () if self.named.is_empty() => 0,
            () if self.sought.first == Some(document) => 2,
            () if self.index.names[document as usize] == self.sought.name => 1,
            () => 0,
        }
    }
}

/// The documents whose names have this hash.
fn with_name(index: &Index, name: u32) -> impl Iterator<Item = u32> {
    /// Names that are looked at without a branch.
    const MANY: usize = 64;
    let parts = index.names.chunks(MANY).enumerate();
    let parts = parts.filter(move |(_, names)| {
        let any = |any: bool, other: &u32| any | (*other == name);
        names.iter().fold(false, any)
    });
    let documents = parts.flat_map(|(part, names)| ((part * MANY) as u32..).zip(names));
    documents
        .filter(move |(_, other)| **other == name)
        .map(|(document, _)| document)
}

pub(crate) fn greater(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

const SIZE: usize = BLOCK as usize;

/// What the words of a phrase add up to.
#[derive(Default)]
struct Added {
    /// By document, what it is worth by itself; 0 if it does not match.
    scores: Vec<f32>,
    /// The greatest score of each [`PART`].
    peaks: Vec<f32>,
    /// How many documents match.
    matching: usize,
}

impl Added {
    /// Adds up a block of documents at a time, and looks it through while its scores are in the fastest
    /// cache. Documents of other groups than the one that is wanted do not match.
    fn up(index: &Index, phrase: &Phrase, group: Option<u32>) -> Added {
        let readings = |wanted: &Wanted| -> Vec<List> {
            let readings = wanted.readings.iter();
            let lists = readings.map(|reading| List {
                blocks: &index.term(reading.term).blocks,
                weight: reading.weight,
                postings: &[],
            });
            lists.collect()
        };
        let mut words: Vec<Vec<List>> = phrase.wanted.iter().map(readings).collect();
        let mut of_group = group.map(|group| &index.group(group).documents[..]);
        let mut of_word = [0.0; SIZE];
        let blocks = index.ends().0.div_ceil(BLOCK);
        let mut added = Added {
            scores: vec![0.0; blocks as usize * SIZE],
            peaks: Vec::with_capacity(blocks as usize * SIZE / PART),
            matching: 0,
        };
        for (number, scores) in (0..blocks).zip(added.scores.as_chunks_mut::<SIZE>().0) {
            let wanted = of_group.as_mut().map(|documents| {
                let count = documents.partition_point(|document| document / BLOCK <= number);
                documents.split_off(..count).unwrap_or_default()
            });
            if wanted.is_none_or(|documents| !documents.is_empty()) {
                for lists in &mut words {
                    add_word(lists, number, scores, &mut of_word);
                }
            }
            if let Some(documents) = wanted {
                let of_all = std::mem::replace(scores, [0.0; SIZE]);
                for at in documents.iter().map(|document| *document as usize % SIZE) {
                    scores[at] = of_all[at];
                }
            }
            let mut matching = [0; COMB];
            for combed in scores.as_chunks::<COMBED>().0 {
                added.peaks.extend(looked_through(combed, &mut matching));
            }
            added.matching += matching.into_iter().sum::<u32>() as usize;
        }
        added
    }
}

/// The greatest score of each part. Adds up how many are above 0.
fn looked_through(combed: &[f32; COMBED], matching: &mut [u32; COMB]) -> [f32; COMB] {
    let mut peaks = [0.0; COMB];
    for scores in combed.as_chunks::<COMB>().0 {
        for lane in 0..COMB {
            matching[lane] += u32::from(scores[lane] > 0.0);
            peaks[lane] = greater(peaks[lane], scores[lane]);
        }
    }
    peaks
}

/// The documents of one reading of a word.
struct List<'a> {
    blocks: &'a [Block],
    weight: f32,
    /// Those of the block at hand.
    postings: &'a [Posting],
}

impl List<'_> {
    /// Goes on to a block, of which the numbers ascend.
    fn go_to(&mut self, number: u32) {
        self.postings = &[];
        while let Some((block, rest)) = self.blocks.split_first()
            && block.number <= number
        {
            self.blocks = rest;
            if block.number == number {
                self.postings = &block.postings;
            }
        }
    }

    /// Calls `add` with the places in the block, and what the word is worth there.
    fn each(&self, mut add: impl FnMut(usize, f32)) {
        let worth = |posting: Posting| self.weight * posting.impact();
        let place = |posting: &Posting| usize::from(posting.place()) % SIZE;
        let (fours, rest) = self.postings.as_chunks::<4>();
        for four in fours {
            // In one step.
            let worths = four.map(worth);
            for (posting, worth) in four.iter().zip(worths) {
                add(place(posting), worth);
            }
        }
        for posting in rest {
            add(place(posting), worth(*posting));
        }
    }
}

/// Adds one word to the scores of a block. Of several readings the one that is worth most counts, which
/// is found in `of_word`: all zeros before and after.
fn add_word(lists: &mut [List], number: u32, scores: &mut [f32; SIZE], of_word: &mut [f32; SIZE]) {
    for list in lists.iter_mut() {
        list.go_to(number);
    }
    // The longest list is gone through once, the others twice.
    let longest = (0..lists.len()).max_by_key(|at| lists[*at].postings.len());
    let Some(longest) = longest else {
        return;
    };
    lists.swap(0, longest);
    let (longest, others) = lists.split_at(1);
    for list in others {
        list.each(|at, worth| of_word[at] = greater(of_word[at], worth));
    }
    if others.iter().all(|list| list.postings.is_empty()) {
        longest[0].each(|at, worth| scores[at] += worth);
        return;
    }
    longest[0].each(|at, worth| {
        scores[at] += greater(of_word[at], worth);
        of_word[at] = 0.0;
    });
    for list in others {
        list.each(|at, _| {
            scores[at] += of_word[at];
            of_word[at] = 0.0;
        });
    }
}
