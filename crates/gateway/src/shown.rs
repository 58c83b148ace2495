//! What a program or a server wrote, made fit to be shown to a human who decides by it.
//!
//! Nothing is removed without a mark: what could hide, reorder or forge something is written as an
//! escape, and what is too long is cut in its middle with the size of what is missing.

use std::collections::VecDeque;
use std::fmt::Write;

/// Characters of a string that are shown from its beginning and its end, when it is longer than both
/// and some more.
const STRING_HEAD: usize = 140;
const STRING_TAIL: usize = 40;
const STRING: usize = STRING_HEAD + STRING_TAIL + 20;
/// The same of a whole JSON text.
const JSON_HEAD: usize = 1_500;
const JSON_TAIL: usize = 400;
const JSON: usize = JSON_HEAD + JSON_TAIL + 100;

/// A text on one line of at most about `most` characters.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(most) {
        push(&mut shown, c);
    }
    if chars.next().is_some() {
        let _ = write!(shown, "… ({} bytes in all)", text.len());
    }
    shown
}

/// A JSON text on one line, and whether something of it is missing. What is not cut is the same JSON.
pub(crate) fn json(json: &str) -> (String, bool) {
    let mut shown = String::new();
    let mut is_cut = false;
    let mut rest = json.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => is_cut |= string(&mut shown, &mut rest),
            // Between two tokens.
            c if c.is_whitespace() => {}
            c => push(&mut shown, c),
        }
        if matches!(c, ',' | ':') {
            shown.push(' ');
        }
    }
    let chars = shown.chars().count();
    if chars <= JSON {
        return (shown, is_cut);
    }
    let head: String = shown.chars().take(JSON_HEAD).collect();
    let tail: String = shown.chars().skip(chars - JSON_TAIL).collect();
    let missing = chars - JSON_HEAD - JSON_TAIL;
    (
        format!("{head} …({missing} characters are not shown)… {tail}"),
        true,
    )
}

/// Takes the rest of a string whose quote has been read; says whether it was cut.
fn string(shown: &mut String, rest: &mut std::str::Chars<'_>) -> bool {
    let mut head = String::new();
    let mut tail: VecDeque<String> = VecDeque::new();
    let mut units = 0;
    let is_whole = loop {
        let Some(c) = rest.next() else { break false };
        let mut unit = String::new();
        match c {
            '"' => break true,
            '\\' => {
                unit.push(c);
                let kind = rest.next();
                unit.extend(kind);
                if kind == Some('u') {
                    unit.extend(rest.by_ref().take(4));
                }
            }
            c => push(&mut unit, c),
        }
        units += 1;
        if units <= STRING_HEAD {
            head.push_str(&unit);
        } else {
            tail.push_back(unit);
            if tail.len() > STRING - STRING_HEAD {
                tail.pop_front();
            }
        }
    };
    shown.push('"');
    shown.push_str(&head);
    let is_cut = units > STRING;
    if is_cut {
        tail.drain(..tail.len() - STRING_TAIL);
        let missing = units - STRING_HEAD - STRING_TAIL;
        let _ = write!(shown, "\" …({missing} characters are not shown)… \"");
    }
    shown.extend(tail);
    if is_whole {
        shown.push('"');
    }
    is_cut
}

/// A character as it is, or as JSON escapes it.
fn push(shown: &mut String, c: char) {
    // Blanks that look like an ordinary one, or like nothing, are no ordinary ones.
    if catalog::is_treacherous(c) || (c.is_whitespace() && c != ' ') || is_invisible(c) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    } else {
        shown.push(c);
    }
}

/// Letters and marks without a shape, and marks that change the shape of what stands before them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}'
        | '\u{ffa0}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_forges_hides_or_reorders() {
        for (json_text, shown) in [
            (r#"{"a":1}"#, r#"{"a": 1}"#),
            ("{\n\n\n\"a\"\t:\r\n[1 , 2]}", r#"{"a": [1, 2]}"#),
            (
                r#"{"a":"x\ny","b":"\u202e"}"#,
                r#"{"a": "x\ny", "b": "\u202e"}"#,
            ),
            (
                "{\"a\":\"\u{202e}x\u{200b}\u{7f}\u{9b}31m\u{2028}\u{e0041}\u{a0}\"}",
                r#"{"a": "\u202ex\u200b\u007f\u009b31m\u2028\udb40\udc41\u00a0"}"#,
            ),
            (r#"{"a":"\"},{\\\""}"#, r#"{"a": "\"},{\\\""}"#),
            (
                "\"g\u{fe0f}r\u{3164}ün 漢字\"",
                r#""g\ufe0fr\u3164ün 漢字""#,
            ),
            (
                "[123456789012345678901234567890]",
                "[123456789012345678901234567890]",
            ),
            // Not JSON at all: still one line.
            ("\"open\u{1b}[31m", r#""open\u001b[31m"#),
        ] {
            assert_eq!(json(json_text), (shown.to_owned(), false), "{json_text:?}");
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(json_text) {
                assert_eq!(
                    serde_json::from_str::<serde_json::Value>(shown).unwrap(),
                    value
                );
            }
        }
        assert_eq!(line("a\nb\u{1b}[0m", 80), r"a\u000ab\u001b[0m");
        assert_eq!(line("abcdef", 3), "abc… (6 bytes in all)");
    }

    #[test]
    fn every_member_is_seen_beside_long_strings() {
        let long = "é\\u0041".repeat(100_000);
        let (shown, is_cut) = json(&format!(r#"{{"text":"{long}","path":"/etc"}}"#));
        assert!(is_cut);
        assert!(shown.ends_with(r#"…(199820 characters are not shown)… "é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041", "path": "/etc"}"#), "{shown}");
        let just_fits = "x".repeat(STRING);
        assert_eq!(
            json(&format!("\"{just_fits}\"")),
            (format!("\"{just_fits}\""), false)
        );
    }

    #[test]
    fn much_of_anything_is_cut_in_its_middle() {
        let many = format!("[{}7]", "1,".repeat(5_000));
        let (shown, is_cut) = json(&many);
        assert!(is_cut && shown.starts_with("[1, 1") && shown.ends_with("1, 7]"));
        assert!(
            shown.contains(" …(13103 characters are not shown)… "),
            "{shown}"
        );
        assert!(shown.chars().count() < JSON + 100);
    }
}
