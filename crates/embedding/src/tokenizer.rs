//! Text as the ids of word pieces, as uncased BERT was taught to read it.
//!
//! Control characters go, accents go, letters become small; words end at white space, and each mark
//! of punctuation and each Chinese character is a word of its own. A word is then cut into the
//! longest pieces that the vocabulary has, from the left.
//!
//! Text that spells a special token, such as `[SEP]`, is text like any other: tools are described by
//! strangers.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Longer words are unknown without a look.
const WORD_CHARS: usize = 100;

pub(crate) struct Tokenizer {
    /// Pieces that begin a word, and pieces that go on with one, these without their `##`.
    first: HashMap<Box<str>, u32>,
    next: HashMap<Box<str>, u32>,
    /// The longest piece's bytes, beyond which nothing is looked up.
    longest: usize,
    unknown: u32,
    begin: u32,
    end: u32,
}

impl Tokenizer {
    /// None where the vocabulary lacks one of the special tokens, which is named.
    pub(crate) fn new<'a>(
        vocabulary: impl Iterator<Item = (&'a str, u32)>,
    ) -> Result<Self, &'static str> {
        let (mut first, mut next, mut longest) = (HashMap::new(), HashMap::new(), 0);
        for (piece, id) in vocabulary {
            longest = longest.max(piece.len());
            match piece.strip_prefix("##") {
                Some(rest) if !rest.is_empty() => next.insert(rest.into(), id),
                _ => first.insert(Box::from(piece), id),
            };
        }
        let special = |name: &'static str| first.get(name).copied().ok_or(name);
        Ok(Self {
            unknown: special("[UNK]")?,
            begin: special("[CLS]")?,
            end: special("[SEP]")?,
            first,
            next,
            longest,
        })
    }

    /// At most `limit` ids, the first `[CLS]` and the last `[SEP]`.
    ///
    /// Text beyond is not looked at, nor what follows as many characters as `limit` words may have:
    /// a megabyte of spaces or of accents costs no more than a sentence.
    pub(crate) fn tokens(&self, text: &str, limit: usize) -> Vec<u32> {
        let mut tokens = vec![self.begin];
        let mut word = Word::default();
        let letters = text
            .chars()
            .take(limit * WORD_CHARS)
            .filter_map(cleaned)
            .nfd()
            .filter(|letter| letter.general_category() != GeneralCategory::NonspacingMark)
            .flat_map(char::to_lowercase);
        for letter in letters {
            if tokens.len() + 1 >= limit {
                break;
            }
            if letter.is_whitespace() {
                self.cut(&mut word, &mut tokens);
            } else if is_punctuation(letter) || is_chinese(letter) {
                self.cut(&mut word, &mut tokens);
                word.push(letter);
                self.cut(&mut word, &mut tokens);
            } else {
                word.push(letter);
            }
        }
        self.cut(&mut word, &mut tokens);
        tokens.truncate(limit - 1);
        tokens.push(self.end);
        tokens
    }

    /// Adds the word's pieces, or the unknown one where a part of it has none, and empties it.
    fn cut(&self, word: &mut Word, tokens: &mut Vec<u32>) {
        let (mut rest, before) = (word.letters.as_str(), tokens.len());
        if word.chars > WORD_CHARS {
            tokens.push(self.unknown);
            rest = "";
        }
        while !rest.is_empty() {
            let pieces = if tokens.len() == before {
                &self.first
            } else {
                &self.next
            };
            let piece = (1..=rest.len().min(self.longest))
                .rev()
                .filter_map(|end| rest.get(..end))
                .find_map(|piece| Some((piece.len(), *pieces.get(piece)?)));
            let Some((bytes, id)) = piece else {
                tokens.truncate(before);
                tokens.push(self.unknown);
                break;
            };
            tokens.push(id);
            rest = &rest[bytes..];
        }
        word.letters.clear();
        word.chars = 0;
    }
}

/// The word that is being read.
#[derive(Default)]
struct Word {
    letters: String,
    chars: usize,
}

impl Word {
    fn push(&mut self, letter: char) {
        self.chars += 1;
        // Of a longer one, only its length matters, and it may be as long as the text.
        if self.chars <= WORD_CHARS {
            self.letters.push(letter);
        }
    }
}

/// A character as a space, as itself, or not at all. What Unicode has not assigned yet stays.
fn cleaned(char: char) -> Option<char> {
    use GeneralCategory::{Control, Format, PrivateUse};
    match char {
        '\t' | '\n' | '\r' => Some(' '),
        '\u{fffd}' => None,
        _ if matches!(char.general_category(), Control | Format | PrivateUse) => None,
        _ if char.is_whitespace() => Some(' '),
        _ => Some(char),
    }
}

/// Unicode's punctuation, and of ASCII what Unicode calls symbols.
fn is_punctuation(char: char) -> bool {
    char.is_ascii_punctuation()
        || char.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// The blocks of ideographs, which are written without spaces. Not kana, not hangul.
fn is_chinese(char: char) -> bool {
    matches!(u32::from(char),
        0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xf900..=0xfaff
        | 0x2_0000..=0x2_a6df
        | 0x2_a700..=0x2_ceaf
        | 0x2_f800..=0x2_fa1f)
}
