//! What a program or a server wrote, made fit to be shown to a human who decides by it.
//!
//! Nothing is removed without a mark: what could hide, reorder or forge something is written as an
//! escape, and what is too long is cut in its middle with the size of what is missing.

use std::collections::VecDeque;
use std::fmt::Write;

/// How much is shown of what is long.
struct Cut {
    /// Characters from the beginning and the end of a string that is longer than both and `spare` more.
    string: (usize, usize),
    /// The same of a whole JSON text.
    json: (usize, usize),
    spare: (usize, usize),
    /// What is said of how much is missing, around the number.
    missing: (&'static str, &'static str),
}

/// A text that is looked at by itself.
const WHOLE: Cut = Cut {
    string: (140, 40),
    json: (1_500, 400),
    spare: (20, 100),
    missing: ("…(", " characters are not shown)…"),
};
/// One of many, in [`BRIEF`] characters: the shorter its strings are cut, the more members are seen.
const BRIEFLY: [Cut; 3] = [brief((40, 12)), brief((16, 6)), brief((6, 2))];
const BRIEF: usize = 400;

const fn brief(string: (usize, usize)) -> Cut {
    Cut {
        string,
        json: (BRIEF - 120, 80),
        spare: (12, 40),
        missing: ("…(", " more)…"),
    }
}

/// A JSON text as it is shown.
pub(crate) struct Json {
    /// On one line. What is not cut is the same JSON.
    pub(crate) text: String,
    pub(crate) is_cut: bool,
    /// The same, shorter.
    pub(crate) brief: String,
}

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

pub(crate) fn json(json: &str) -> Json {
    let (text, is_cut) = WHOLE.of(json);
    let fits = |text: &str| text.chars().count() <= BRIEF;
    let brief = match fits(&text) {
        true => text.clone(),
        false => {
            let [cuts @ .., shortest] = &BRIEFLY;
            let mut brief = cuts.iter().map(|cut| cut.strings(json).0);
            let brief = brief.find(|brief| fits(brief));
            brief.unwrap_or_else(|| shortest.of(json).0)
        }
    };
    Json {
        text,
        is_cut,
        brief,
    }
}

impl Cut {
    /// A JSON text on one line, and whether something of it is missing.
    fn of(&self, json: &str) -> (String, bool) {
        let (shown, is_cut) = self.strings(json);
        let (first, last) = self.json;
        let chars = shown.chars().count();
        if chars <= first + last + self.spare.1 {
            return (shown, is_cut);
        }
        let head: String = shown.chars().take(first).collect();
        let tail: String = shown.chars().skip(chars - last).collect();
        let missing = self.missing(chars - first - last);
        (format!("{head} {missing} {tail}"), true)
    }

    /// The same with only its strings cut.
    fn strings(&self, json: &str) -> (String, bool) {
        let mut shown = String::new();
        let mut is_cut = false;
        let mut rest = json.chars();
        while let Some(c) = rest.next() {
            match c {
                '"' => is_cut |= self.string(&mut shown, &mut rest),
                // Between two tokens.
                c if c.is_whitespace() => {}
                c => push(&mut shown, c),
            }
            if matches!(c, ',' | ':') {
                shown.push(' ');
            }
        }
        (shown, is_cut)
    }

    fn missing(&self, count: usize) -> String {
        let (before, after) = self.missing;
        format!("{before}{count}{after}")
    }

    /// Takes the rest of a string whose quote has been read; says whether it was cut.
    fn string(&self, shown: &mut String, rest: &mut std::str::Chars<'_>) -> bool {
        let (first, last) = self.string;
        let most = first + last + self.spare.0;
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
            if units <= first {
                head.push_str(&unit);
            } else {
                tail.push_back(unit);
                if tail.len() > most - first {
                    tail.pop_front();
                }
            }
        };
        shown.push('"');
        shown.push_str(&head);
        let is_cut = units > most;
        if is_cut {
            tail.drain(..tail.len() - last);
            let missing = self.missing(units - first - last);
            let _ = write!(shown, "\" {missing} \"");
        }
        shown.extend(tail);
        if is_whole {
            shown.push('"');
        }
        is_cut
    }
}

/// A character as it is, or as JSON escapes it.
fn push(shown: &mut String, c: char) {
    // Blanks that look like an ordinary one, or like nothing, are no ordinary ones.
    if catalog::is_treacherous(c)
        || (c.is_whitespace() && c != ' ')
        || is_invisible(c)
        || reorders(c)
        || covers(c)
    {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    } else {
        shown.push(c);
    }
}

/// Letters and marks without a shape, or without one that is known, and marks that change the shape of
/// what stands before them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}'
        | '\u{fffc}' | '\u{ffa0}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{16fe4}'
        | '\u{1d159}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Letters and digits that are read from right to left. Beside them, numbers and signs that others wrote
/// change their places.
fn reorders(c: char) -> bool {
    matches!(c, '\u{0590}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Marks that are put on the letter before them: they strike it out, enclose it or, many on one letter,
/// cover what stands above it. Those without which a script cannot be written are in other places.
fn covers(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{a66f}'..='\u{a672}' | '\u{fe20}'..='\u{fe2f}')
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
            // Nothing beside right-to-left letters changes its place.
            (
                r#"["א",100,200,"ب٣"]"#,
                r#"["\u05d0", 100, 200, "\u0628\u0663"]"#,
            ),
            (
                "\"\u{1bca0}\u{1d173}\u{fff0}\u{16fe4}x\u{338}y\u{20dd}\u{e000}\"",
                r#""\ud82f\udca0\ud834\udd73\ufff0\ud81b\udfe4x\u0338y\u20dd\ue000""#,
            ),
            ("\"Zoë नमस्ते สวัสดี 한국 🙂\"", "\"Zoë नमस्ते สวัสดี 한국 🙂\""),
            (
                "[123456789012345678901234567890]",
                "[123456789012345678901234567890]",
            ),
            // Not JSON at all: still one line.
            ("\"open\u{1b}[31m", r#""open\u001b[31m"#),
        ] {
            let found = json(json_text);
            assert_eq!(
                (&found.text[..], found.is_cut),
                (shown, false),
                "{json_text:?}"
            );
            assert_eq!(found.brief, shown);
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
        let found = json(&format!(r#"{{"text":"{long}","path":"/etc"}}"#));
        let shown = found.text;
        assert!(found.is_cut);
        assert!(shown.ends_with(r#"…(199820 characters are not shown)… "é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041é\u0041", "path": "/etc"}"#), "{shown}");
        let just_fits = format!("\"{}\"", "x".repeat(200));
        let found = json(&just_fits);
        assert_eq!((found.text, found.is_cut), (just_fits, false));

        let brief = |json_text: &str| json(json_text).brief;
        let (a, b) = ("A".repeat(300), "B".repeat(100_000));
        assert_eq!(
            brief(&format!(r#"{{"a":"{a}","b":"{b}","path":"/etc/passwd0"}}"#)),
            format!(
                r#"{{"a": "{}" …(248 more)… "{}", "b": "{}" …(99948 more)… "{}", "path": "/etc/passwd0"}}"#,
                &a[..40],
                &a[..12],
                &b[..40],
                &b[..12]
            )
        );
        let many = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"m{n}\":\"{a}\"")).collect();
            brief(&format!("{{{}}}", members.join(",")))
        };
        for count in [2, 5, 9] {
            let shown = many(count);
            assert!(shown.chars().count() <= BRIEF, "{shown}");
            let is_seen = |n: usize| shown.contains(&format!("\"m{n}\": \"AAAAAA"));
            assert!((0..count).all(is_seen), "{shown}");
        }
        let shown = many(100);
        assert!(shown.chars().count() <= BRIEF + 20, "{shown}");
        assert!(
            shown.starts_with("{\"m0\": ") && shown.ends_with("AA\"}"),
            "{shown}"
        );
    }

    #[test]
    fn much_of_anything_is_cut_in_its_middle() {
        let many = format!("[{}7]", "1,".repeat(5_000));
        let Json {
            text: shown,
            is_cut,
            brief,
        } = json(&many);
        assert!(is_cut && brief.chars().count() <= BRIEF + 20);
        assert!(shown.starts_with("[1, 1") && shown.ends_with("1, 7]"));
        assert!(
            shown.contains(" …(13103 characters are not shown)… "),
            "{shown}"
        );
        assert!(shown.chars().count() < 2_100);
    }
}
