//! Which known word a misspelt one was meant to be.
//!
//! Every known word is looked at, but hardly any is compared: a word that two edits can make of
//! another has almost the same letters and length, and both fit into one number. That costs a scan of
//! four bytes a word, needs no index of its own and so nothing to keep up when tools change.

use std::cmp::Reverse;

use crate::index::Index;
use crate::name::distance;

const SHORTEST_WORD: usize = 4;
/// Words of this length and more may have two mistakes.
const TWO_MISTAKES: usize = 8;
const LONGEST_WORD: usize = 31;

const LETTERS: u32 = (1 << 26) - 1;

/// The letters of a word as bits, above them its length; 0 for what is not made of plain letters.
pub(crate) fn outline(word: &str) -> u32 {
    if word.len() > LONGEST_WORD || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return 0;
    }
    let letters = word.bytes().fold(0, |bits, b| bits | 1 << (b - b'a'));
    (word.len() as u32) << 26 | letters
}

/// Spellings that are equally near are told apart by the rest of the query, so several are given.
const MOST_CANDIDATES: usize = 3;

/// The spellings that `written`, which is unknown, was probably meant to be; none if none is near.
///
/// Only the nearest count, at first those with the same first letter, which is rarely mistyped, then
/// the most frequent.
pub(crate) fn repaired(index: &Index, written: &str) -> Vec<u32> {
    let wanted = outline(written);
    if wanted == 0 || written.len() < SHORTEST_WORD {
        return Vec::new();
    }
    let most = 1 + usize::from(written.len() >= TWO_MISTAKES);
    let similar = |outline: u32| {
        let length = (outline >> 26).abs_diff(wanted >> 26) as usize;
        let letters = ((outline ^ wanted) & LETTERS).count_ones() as usize;
        outline != 0 && length <= most && letters <= 2 * most
    };
    let mut near: Vec<_> = index
        .outlines
        .iter()
        .filter(|&(_, &outline)| similar(outline))
        .filter_map(|(at, _)| {
            let spelling = index.spelling(at);
            let mistakes = distance(written.as_bytes(), spelling.text.as_bytes());
            let other_letter = spelling.text.as_bytes()[0] != written.as_bytes()[0];
            let key = (
                mistakes,
                other_letter,
                Reverse(spelling.uses),
                &spelling.text,
            );
            (mistakes <= most).then_some((key, at))
        })
        .collect();
    near.sort_unstable();
    let nearest = near.first().map_or(0, |(key, _)| key.0);
    near.into_iter()
        .take_while(|(key, _)| key.0 == nearest)
        .take(MOST_CANDIDATES)
        .map(|(_, at)| at)
        .collect()
}
