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
    let (most, similar) = if written.len() < TWO_MISTAKES {
        (1, with_outline_like::<1>(index, wanted))
    } else {
        (2, with_outline_like::<2>(index, wanted))
    };
    let mut near: Vec<_> = similar
        .into_iter()
        .filter_map(|at| {
            let spelling = index.spelling(at);
            let mistakes = distance(written.as_bytes(), spelling.text.as_bytes(), most);
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

/// The spellings of which `MOST` edits could have made one with the outline `wanted`.
fn with_outline_like<const MOST: u32>(index: &Index, wanted: u32) -> Vec<u32> {
    let shortest = (wanted >> 26) - MOST;
    let similar = |outline: u32| {
        let mut other_letters = (outline ^ wanted) & LETTERS;
        for _ in 0..2 * MOST {
            // Takes the lowest one away.
            other_letters &= other_letters.wrapping_sub(1);
        }
        let length = (outline >> 26).wrapping_sub(shortest);
        // Not `&&`: without branches, several words are looked at in one step.
        (other_letters == 0) & (length <= 2 * MOST)
    };
    let mut found = Vec::new();
    for (first, outlines) in index.outlines.parts() {
        for (at, outlines) in outlines.chunks(16).enumerate() {
            if outlines
                .iter()
                .fold(false, |any, &outline| any | similar(outline))
            {
                let places = (first + 16 * at as u32..).zip(outlines);
                found.extend(
                    places
                        .filter(|(_, outline)| similar(**outline))
                        .map(|(at, _)| at),
                );
            }
        }
    }
    found
}
