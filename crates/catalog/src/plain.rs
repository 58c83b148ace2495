//! Text of an upstream made fit to be shown to a model: visible characters, one line, bounded.

/// Whether a character can hide, reorder or forge what stands around it.
///
/// Controls and line separators could forge lines of an answer; bidi controls reorder what a person
/// reviewing it sees; zero-width, tag and format characters carry text that nobody sees.
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// `text` on one line: runs of white space become one space, treacherous characters go, and what
/// exceeds `max_chars` is cut at a word, marked by `…`.
pub fn line(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    let mut chars = 0;
    let mut word_end = 0;
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = !out.is_empty();
            continue;
        }
        if is_treacherous(c) {
            continue;
        }
        if space {
            word_end = out.len();
            out.push(' ');
            chars += 1;
            space = false;
        }
        if chars >= max_chars {
            // A word longer than the line is cut where the line ends.
            let keep = if word_end > 0 { word_end } else { out.len() };
            out.truncate(keep);
            out.push('…');
            return out;
        }
        out.push(c);
        chars += 1;
    }
    out
}

/// `text` as plain lines of together at most `max_chars`, what exceeds them marked by `…`.
///
/// Indentation stays, up to eight spaces, so that lists can be read; of blank lines in a row one
/// stays.
pub(crate) fn lines(text: &str, max_chars: usize) -> Vec<String> {
    const MOST_INDENTED: usize = 8;
    let mut out: Vec<String> = Vec::new();
    let mut left = max_chars;
    for raw in text.lines() {
        let indent = raw.len() - raw.trim_start_matches(' ').len();
        let whole = line(raw, left);
        if whole.is_empty() {
            if out.last().is_some_and(|last| !last.is_empty()) {
                out.push(whole);
            }
            continue;
        }
        let cut = whole.ends_with('…') && !raw.trim_end().ends_with('…');
        let chars = whole.chars().count() + 1;
        out.push(format!(
            "{:indent$}{whole}",
            "",
            indent = indent.min(MOST_INDENTED)
        ));
        if cut || chars >= left {
            if !cut {
                out.push("…".to_owned());
            }
            return out;
        }
        left -= chars;
    }
    if out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out
}

/// `text` in double quotes, as JSON would write it, with treacherous characters removed.
pub(crate) fn quoted(text: &str) -> String {
    let plain = line(text, 80);
    serde_json::to_string(&plain).expect("a string serialises")
}

/// As many of `entries` as fit, joined by commas; the others are counted: `a, b, …+3`.
pub(crate) fn list(entries: &[String], max_chars: usize) -> String {
    /// The room that `, …+12345` takes.
    const REST_CHARS: usize = 9;
    let mut out = String::new();
    let mut chars = 0;
    for (at, entry) in entries.iter().enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        chars += separator.len() + entry.chars().count();
        let last = at + 1 == entries.len();
        if chars + if last { 0 } else { REST_CHARS } > max_chars {
            out.push_str(&format!("{separator}…+{}", entries.len() - at));
            return out;
        }
        out.push_str(separator);
        out.push_str(entry);
    }
    out
}

/// The longest beginning of `text` that has at most `max_bytes` and ends on a character.
pub(crate) fn head(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// Splits off the first sentence: up to a full stop, a blank line, or the end of a short line.
///
/// Wrapped prose has long lines; a line that ends early ends what it says.
pub(crate) fn first_sentence(text: &str) -> (&str, &str) {
    const SHORT_LINE: usize = 48;
    let text = text.trim_start();
    let mut line_start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, c)| c);
        let end = at + c.len_utf8();
        let ends = match c {
            '.' | '!' | '?' => {
                next.is_none_or(char::is_whitespace) && !is_abbreviation(&text[line_start..at])
            }
            '。' | '！' | '？' => true,
            '\n' => {
                let short = text[line_start..at].chars().count() < SHORT_LINE;
                line_start = end;
                short
                    || text[end..]
                        .trim_start_matches([' ', '\t', '\r'])
                        .starts_with('\n')
            }
            _ => false,
        };
        if ends {
            return (text[..end].trim_end(), &text[end..]);
        }
    }
    (text, "")
}

/// Whether a full stop after `before` is more likely part of a word than the end of a sentence.
fn is_abbreviation(before: &str) -> bool {
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next();
    matches!(
        word,
        Some("e.g" | "i.e" | "etc" | "vs" | "cf" | "incl" | "eg" | "ie")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_plain_and_bounded() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(line(text, 12), expected);
        }
        check("  two \n\t words ", "two words");
        check("ends exactly", "ends exactly");
        check("one word too many", "one word too…");
        check("unbreakableword", "unbreakablew…");
        check("a\u{202e}b\u{200b}c\u{7}d\u{e0041}", "abcd");
        check("a\u{1bca0}b\u{1d173}c\u{fff0}dשלום", "abcdשלום");
        check("日本語の長い説明文です。はい", "日本語の長い説明文です。…");
        check("", "");
    }

    #[test]
    fn lines_are_plain_and_bounded_together() {
        #[track_caller]
        fn check(text: &str, expected: &[&str]) {
            assert_eq!(lines(text, 16), expected, "{text:?}");
        }
        check("\n\n one\n\n\n\ttwo\r\n", &[" one", "", "two"]);
        check("a\u{202e}b\n\0\nc", &["ab", "", "c"]);
        check("one two three four five", &["one two three…"]);
        check("0123456789\nabcdefghij", &["0123456789", "abcde…"]);
        check("0123456789ABCDEF", &["0123456789ABCDEF", "…"]);
        check("", &[]);
    }

    #[test]
    fn the_first_sentence_ends_where_a_reader_would_end_it() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(first_sentence(text).0, expected);
        }
        check("Lists files. Then more.", "Lists files.");
        check(
            "Reads v1.2 files, e.g. text. More",
            "Reads v1.2 files, e.g. text.",
        );
        check("Retrieve a user\nError Responses:\n400", "Retrieve a user");
        check(
            "Search the issues of a project using the query (Query\nLanguage). Rest",
            "Search the issues of a project using the query (Query\nLanguage).",
        );
        check("\n  Indented docstring\n\n  Args:", "Indented docstring");
        check("発行を作成します。詳細", "発行を作成します。");
        check("", "");
    }
}
