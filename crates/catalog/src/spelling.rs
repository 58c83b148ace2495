//! Which known word a misspelt one was meant to be.
//!
//! Many known words are looked at, but hardly any is compared: a word that two edits can make of
//! another has almost the same letters, which fit into one number, and length. That costs a scan of four
//! bytes for each word of a length like its own.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::index::Index;

const SHORTEST_WORD: usize = 4;
/// Words of this length and more may have two mistakes.
const TWO_MISTAKES: usize = 8;
const LONGEST_WORD: usize = 31;

/// So many are looked for one by one, more of them all at once.
const FEW: usize = 8;

const ALL_LETTERS: u32 = (1 << 26) - 1;

/// The letters of a word as bits; 0 for what is not made of plain letters.
fn letters(word: &str) -> u32 {
    if word.len() > LONGEST_WORD || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return 0;
    }
    word.bytes().fold(0, |bits, b| bits | 1 << (b - b'a'))
}

/// The letters of all spellings of plain letters, by length. A copy shares the lengths of which nothing
/// has changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlines {
    of_length: [Arc<OfLength>; LONGEST_WORD + 1],
}

#[derive(Clone, Debug, Default)]
struct OfLength {
    letters: Vec<u32>,
    spellings: Vec<u32>,
}

impl Outlines {
    pub(crate) fn insert(&mut self, spelling: u32, word: &str) {
        let letters = letters(word);
        if letters != 0 {
            let of_length = Arc::make_mut(&mut self.of_length[word.len()]);
            of_length.letters.push(letters);
            of_length.spellings.push(spelling);
        }
    }

    /// Removes spellings, each with its word's length. None of them has been given to another word yet.
    pub(crate) fn remove(&mut self, spellings: &mut [(usize, u32)]) {
        spellings.sort_unstable();
        for removed in spellings.chunk_by(|(a, _), (b, _)| a == b) {
            let Some(of_length) = self.of_length.get_mut(removed[0].0) else {
                continue;
            };
            let OfLength { letters, spellings } = Arc::make_mut(of_length);
            if removed.len() <= FEW {
                for (_, spelling) in removed {
                    if let Some(at) = spellings.iter().position(|known| known == spelling) {
                        letters.swap_remove(at);
                        spellings.swap_remove(at);
                    }
                }
                continue;
            }
            let stays = |spelling| removed.binary_search(&(removed[0].0, spelling)).is_err();
            let mut kept = spellings.iter().map(|spelling| stays(*spelling));
            letters.retain(|_| kept.next() == Some(true));
            spellings.retain(|spelling| stays(*spelling));
        }
    }
}

/// Those of the spellings from number 0 on.
impl<'a> FromIterator<&'a str> for Outlines {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Outlines {
        let mut outlines = Outlines::default();
        for (spelling, word) in (0..).zip(words) {
            outlines.insert(spelling, word);
        }
        outlines
    }
}

/// Spellings that are equally near are told apart by the rest of the query, so several are given.
const MOST_CANDIDATES: usize = 3;

/// The spellings that `written`, which is unknown, was probably meant to be; none if none is near.
///
/// Only the nearest count, at first those with the same first letter, which is rarely mistyped, then
/// the most frequent.
pub(crate) fn repaired(index: &Index, written: &str) -> Vec<u32> {
    if written.len() < SHORTEST_WORD || letters(written) == 0 {
        return Vec::new();
    }
    let places = Places::of(written);
    let similar = with_outline_like::<1>(&index.outlines, written);
    let near = nearest(index, written, &places, 1, similar);
    if !near.is_empty() || written.len() < TWO_MISTAKES {
        return near;
    }
    // Many more words are like it by two mistakes, and few are written with so many.
    let similar = with_outline_like::<2>(&index.outlines, written);
    nearest(index, written, &places, 2, similar)
}

/// Those of some spellings that are nearest to `written`, with at most so many mistakes.
fn nearest(
    index: &Index,
    written: &str,
    places: &Places,
    most: usize,
    similar: Vec<u32>,
) -> Vec<u32> {
    let mut near: Vec<_> = similar
        .into_iter()
        .filter_map(|at| {
            let spelling = index.spelling(at);
            let mistakes = places.mistakes(spelling);
            let other_letter = spelling.as_bytes()[0] != written.as_bytes()[0];
            let key = (mistakes, other_letter, Reverse(index.uses(at)), spelling);
            (mistakes <= most).then_some((key, at))
        })
        .collect();
    near.sort_unstable();
    let least = near.first().map_or(0, |(key, _)| key.0);
    near.into_iter()
        .take_while(|(key, _)| key.0 == least)
        .take(MOST_CANDIDATES)
        .map(|(_, at)| at)
        .collect()
}

/// The spellings of which `MOST` edits could have made `written`, by their letters and length.
fn with_outline_like<const MOST: usize>(outlines: &Outlines, written: &str) -> Vec<u32> {
    let wanted = letters(written);
    let others = !wanted & ALL_LETTERS;
    let letters_like = |letters: u32| {
        // An edit brings one letter at most, and takes one away.
        let mut brought = wanted & !letters;
        let mut taken = others & letters;
        for _ in 0..MOST {
            // Without its lowest one.
            brought &= brought.wrapping_sub(1);
            taken &= taken.wrapping_sub(1);
        }
        (brought | taken) == 0
    };
    let mut found = Vec::new();
    let lengths = written.len() - MOST..=(written.len() + MOST).min(LONGEST_WORD);
    for of_length in &outlines.of_length[lengths] {
        let spellings = of_length.spellings.chunks(16);
        for (letters, spellings) in of_length.letters.chunks(16).zip(spellings) {
            // Not `any`: without branches, several words are looked at in one step.
            let any = |any: bool, letters: &u32| any | letters_like(*letters);
            if letters.iter().fold(false, any) {
                let words = letters.iter().zip(spellings);
                let similar = words.filter(|(letters, _)| letters_like(**letters));
                found.extend(similar.map(|(_, spelling)| *spelling));
            }
        }
    }
    found
}

/// Where each letter stands in a word of plain letters, as bits, so that a step of [`Places::mistakes`]
/// compares a letter with all of the word.
struct Places {
    of_letter: [u32; 32],
    word_len: usize,
}

impl Places {
    fn of(word: &str) -> Places {
        let mut of_letter = [0; 32];
        for (at, letter) in word.bytes().enumerate() {
            of_letter[usize::from(letter % 32)] |= 1 << at;
        }
        Places {
            of_letter,
            word_len: word.len(),
        }
    }

    /// The number of letters to insert, delete, replace or swap with their neighbour: that of
    /// [`crate::name::distance`], a column of its table at a time, by the bits in which it differs from
    /// the column before and each of its rows from the row above (Hyyrö, "A bit-vector algorithm for
    /// computing Levenshtein and Damerau edit distances", 2003).
    fn mistakes(&self, other: &str) -> usize {
        let last_row = 1 << (self.word_len - 1);
        let mut distance = self.word_len;
        // Rows that are one more than the row above, and one less; and the diagonals that are the same.
        let (mut more, mut less, mut same) = (u32::MAX, 0_u32, 0_u32);
        let mut places_before = 0;
        for letter in other.bytes() {
            let places = self.of_letter[usize::from(letter % 32)];
            let swapped = ((!same & places) << 1) & places_before;
            let carried = (places & more).wrapping_add(more) ^ more;
            same = carried | places | less | swapped;
            let grows = less | !(same | more);
            let shrinks = same & more;
            distance += usize::from(grows & last_row != 0);
            distance -= usize::from(shrinks & last_row != 0);
            let grows = grows << 1 | 1;
            more = shrinks << 1 | !(same | grows);
            less = grows & same;
            places_before = places;
        }
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_counted_as_by_the_table() {
        // All words of three letters, and longer ones that are made of them.
        let mut words = vec![String::new()];
        for at in 0..40 {
            let shorter = words[at].clone();
            words.extend(["a", "b", "c"].map(|letter| format!("{shorter}{letter}")));
        }
        let long: Vec<String> = words
            .iter()
            .step_by(3)
            .map(|word| format!("{word}z{word}aabc"))
            .collect();
        words.extend(long);
        for a in words.iter().filter(|word| !word.is_empty()) {
            let places = Places::of(a);
            for b in &words {
                let expected = crate::name::distance(a.as_bytes(), b.as_bytes(), 100);
                assert_eq!(places.mistakes(b), expected, "{a} {b}");
            }
        }
    }

    #[test]
    fn however_many_spellings_are_removed_the_others_stay() {
        let word = |n: u32| -> String {
            let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
            let length = 4 + n % 3;
            (0..length).map(|at| letter(n / 26_u32.pow(at))).collect()
        };
        let words: Vec<String> = (0..600).map(word).collect();
        let known = |outlines: &Outlines| -> Vec<(u32, u32)> {
            let all = outlines.of_length.iter();
            let mut known: Vec<_> = all
                .flat_map(|of| of.spellings.iter().copied().zip(of.letters.iter().copied()))
                .collect();
            known.sort_unstable();
            known
        };
        for step in [1, 2, 200] {
            let mut outlines: Outlines = words.iter().map(String::as_str).collect();
            let removed = (0..600).step_by(step);
            let mut removed: Vec<_> = removed.map(|n: u32| (words[n as usize].len(), n)).collect();
            outlines.remove(&mut removed);
            let stay = (0..600).filter(|n: &u32| !n.is_multiple_of(step as u32));
            let expected: Vec<_> = stay.map(|n| (n, letters(&words[n as usize]))).collect();
            assert_eq!(known(&outlines), expected, "every {step}");
        }
    }
}
