//! The words of names and prose, as search counts them.
//!
//! Identifiers are taken apart (`getIssue`, `get_issue`, `get-issue` are `get` and `issue`), letters
//! with digits are also kept whole (`k8s`, `erc20`), scripts without spaces give pairs of characters,
//! and accents, width and case do not count.

use unicode_normalization::UnicodeNormalization;

/// Longer words are data (hashes, base64), not language.
const LONGEST_WORD_BYTES: usize = 48;

/// Calls `emit` with each word of `text`, in lower case and unstemmed.
pub(crate) fn each(text: &str, mut emit: impl FnMut(&str)) {
    if text.is_ascii() {
        return split_ascii(text, &mut emit);
    }
    // White space parts all that normalisation could join, so a dash or a quote, which most longer texts
    // have, makes only the word slow that it stands in.
    for piece in text.split_ascii_whitespace() {
        if piece.is_ascii() {
            split_ascii(piece, &mut emit);
            continue;
        }
        // Accents of Latin, Greek and Cyrillic only: the marks of other scripts are letters.
        let bare = piece
            .nfkd()
            .filter(|c| !('\u{300}'..='\u{36f}').contains(c));
        split(bare.nfc(), &mut emit);
    }
}

/// What [`split`] does, for texts that need no more than this: most words are small letters alone.
fn split_ascii(text: &str, emit: &mut impl FnMut(&str)) {
    let mut chunk = Chunk::default();
    for run in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        if run.bytes().all(|byte| byte.is_ascii_lowercase()) {
            if !run.is_empty() && run.len() <= LONGEST_WORD_BYTES {
                emit(run);
            }
        } else {
            run.chars().for_each(|c| chunk.push(c));
            chunk.finish(emit);
        }
    }
}

/// The words of `text`, as [`each`] gives them.
pub(crate) fn list(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    each(text, |word| words.push(word.to_owned()));
    words
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Lower,
    Upper,
    Digit,
}

fn split(chars: impl Iterator<Item = char>, emit: &mut impl FnMut(&str)) {
    let mut chunk = Chunk::default();
    let mut pair: Option<(char, bool)> = None;
    for c in chars {
        if is_unspaced(c) {
            chunk.finish(emit);
            let mut buffer = [0; 8];
            if let Some((first, _)) = pair {
                let len = first.encode_utf8(&mut buffer).len();
                let len = len + c.encode_utf8(&mut buffer[len..]).len();
                emit(std::str::from_utf8(&buffer[..len]).expect("two encoded characters"));
            }
            pair = Some((c, pair.is_some()));
            continue;
        }
        // A character of such a script that stands alone is a word.
        if let Some((alone, false)) = pair.take() {
            emit(alone.encode_utf8(&mut [0; 4]));
        }
        if c.is_alphanumeric() {
            chunk.push(c);
        } else {
            chunk.finish(emit);
        }
    }
    if let Some((alone, false)) = pair {
        emit(alone.encode_utf8(&mut [0; 4]));
    }
    chunk.finish(emit);
}

/// A run of letters and digits, in lower case, and where its parts begin.
#[derive(Default)]
struct Chunk {
    text: String,
    starts: Vec<usize>,
    /// The last two characters: what they are, and where the last one begins.
    kinds: [Option<Kind>; 2],
    last_at: usize,
}

impl Chunk {
    fn push(&mut self, c: char) {
        let kind = if c.is_numeric() {
            Kind::Digit
        } else if c.is_uppercase() {
            Kind::Upper
        } else {
            Kind::Lower
        };
        let at = self.text.len();
        match (self.kinds, kind) {
            ([_, None], _) => {}
            // `HTTPServer`: the capital before a small letter begins the next part.
            ([Some(Kind::Upper), Some(Kind::Upper)], Kind::Lower) => self.starts.push(self.last_at),
            ([_, Some(Kind::Upper)], Kind::Lower) => {}
            ([_, Some(last)], _) if last != kind => self.starts.push(at),
            _ => {}
        }
        match c {
            'ß' => self.text.push_str("ss"),
            'ς' => self.text.push('σ'),
            _ if c.is_ascii() => self.text.push(c.to_ascii_lowercase()),
            _ => self.text.extend(c.to_lowercase()),
        }
        self.kinds = [self.kinds[1], Some(kind)];
        self.last_at = at;
    }

    fn finish(&mut self, emit: &mut impl FnMut(&str)) {
        if !self.starts.is_empty() {
            let mut from = 0;
            for &to in self.starts.iter().chain([&self.text.len()]) {
                let part = &self.text[from..to];
                // Single letters of `k8s` or `getV2` say nothing by themselves.
                if part.len() > 1 && part.len() <= LONGEST_WORD_BYTES {
                    emit(part);
                }
                from = to;
            }
        }
        if !self.text.is_empty() && self.text.len() <= LONGEST_WORD_BYTES {
            emit(&self.text);
        }
        self.text.clear();
        self.starts.clear();
        self.kinds = [None; 2];
    }
}

/// Han, kana and Hangul: written without spaces, or with endings that hide the word.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Words of a query that say nothing about what a tool does, in English and in those languages that
/// share its letters.
pub(crate) fn is_function_word(word: &str) -> bool {
    word.len() <= 8 && FUNCTION_NUMBERS.binary_search(&number(word)).is_ok()
}

/// A short word as a number, in the order of words.
const fn number(word: &str) -> u64 {
    let word = word.as_bytes();
    let mut bytes = [0; 8];
    let mut at = 0;
    while at < word.len() {
        bytes[at] = word[at];
        at += 1;
    }
    u64::from_be_bytes(bytes)
}

/// Numbers are compared at once, words letter by letter.
const FUNCTION_NUMBERS: [u64; FUNCTION_WORDS.len()] = {
    let mut numbers = [0; FUNCTION_WORDS.len()];
    let mut at = 0;
    while at < numbers.len() {
        numbers[at] = number(FUNCTION_WORDS[at]);
        at += 1;
    }
    numbers
};

/// In order.
const FUNCTION_WORDS: [&str; 134] = [
    "a", "al", "am", "an", "and", "are", "as", "at", "au", "auf", "aux", "avec", "be", "bitte",
    "by", "can", "che", "com", "come", "comment", "como", "con", "could", "cual", "dans", "das",
    "de", "del", "della", "dem", "den", "der", "des", "di", "die", "do", "does", "du", "een",
    "ein", "eine", "einen", "einer", "el", "en", "es", "est", "et", "for", "from", "fur", "gli",
    "have", "het", "how", "i", "ich", "il", "im", "in", "into", "is", "ist", "it", "its", "la",
    "las", "le", "les", "lo", "los", "ma", "me", "mes", "met", "meu", "mi", "minha", "mir", "mis",
    "mit", "moi", "mon", "my", "naar", "nel", "of", "on", "or", "os", "our", "para", "per",
    "please", "por", "pour", "que", "s", "se", "so", "some", "sono", "sur", "that", "the", "their",
    "there", "this", "to", "um", "uma", "un", "una", "und", "une", "us", "van", "von", "voor",
    "want", "was", "we", "were", "what", "which", "wie", "with", "would", "y", "you", "your", "zu",
    "zum", "zur",
];

/// Cuts the endings that inflection and nouns of action leave: `issues`, `created`, `deletion`.
///
/// A lighter cut than Porter's: it need not give a word, only the same for forms of one word.
pub(crate) fn stem(word: &str) -> String {
    let mut stem = word.to_owned();
    if !word.bytes().all(|b| b.is_ascii_lowercase()) || word.len() < 4 {
        return stem;
    }
    let cut = |stem: &mut String, bytes: usize| stem.truncate(stem.len() - bytes);
    if stem.ends_with("ies") && stem.len() > 4 {
        cut(&mut stem, 3);
        stem.push('y');
    } else if stem.ends_with("sses") {
        cut(&mut stem, 2);
    } else if stem.ends_with('s') && !["ss", "us", "is"].iter().any(|end| stem.ends_with(end)) {
        cut(&mut stem, 1);
    }
    let inflected = if stem.ends_with("eed") {
        None
    } else {
        stem.strip_suffix("ing").or_else(|| stem.strip_suffix("ed"))
    };
    if let Some(base) = inflected
        && base.len() >= 3
        && base.contains(['a', 'e', 'i', 'o', 'u', 'y'])
    {
        let base = base.len();
        stem.truncate(base);
        let bytes = stem.as_bytes();
        // `planning`, `getting`; but `calling`, `processing`.
        if bytes[base - 1] == bytes[base - 2] && b"bdgmnprt".contains(&bytes[base - 1]) {
            cut(&mut stem, 1);
        }
    } else if stem.len() >= 8 && (stem.ends_with("tion") || stem.ends_with("sion")) {
        cut(&mut stem, 3);
    }
    if stem.len() > 3 && stem.ends_with('e') {
        cut(&mut stem, 1);
    }
    if stem.len() > 3 && stem.ends_with('y') {
        cut(&mut stem, 1);
        stem.push('i');
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_apart_into_words() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(list(text).join(" "), expected, "{text}");
        }
        check("create_issue", "create issue");
        check("getIssue-comments.list", "get issue getissue comments list");
        check("parseHTTPResponse", "parse http response parsehttpresponse");
        check("GitHub", "git hub github");
        check("k8s S3 ERC20", "k8s s3 erc 20 erc20");
        check("Café ﬁle ＡＢＣ Straße", "cafe file abc strasse");
        check("検索する。", "検索 索す する");
        check("犬 cat", "犬 cat");
        check("검색", "검색");
        check("", "");
        check(&"x".repeat(100), "");
    }

    #[test]
    fn forms_of_a_word_share_a_stem() {
        for forms in [
            &["create", "creates", "created", "creating", "creation"][..],
            &["delete", "deletes", "deletion", "deleting"],
            &["query", "queries", "querying"],
            &["issue", "issues"],
            &["branch", "branches"],
            &["list", "lists", "listing", "listed"],
            &["plan", "planning", "planned"],
            &["status"],
            &["process", "processes", "processing"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
        assert_ne!(stem("string"), stem("str"));
        assert_eq!(stem("k8s"), "k8s");
        assert_eq!(stem("été"), "été");
    }
}
