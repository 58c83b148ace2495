//! Patterns of schemas on an engine whose time grows with the text alone.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

const LONGEST_BYTES: usize = 2_000;

/// What a compiled pattern may take.
const MOST_BYTES: usize = 1 << 20;

/// A regular expression in the words of ECMAScript, which is the dialect of JSON Schema.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: String,
    /// Compiled when first needed; `None` when the engine has no such thing (look-around, back
    /// references) or it is too large.
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(crate) fn new(source: &str) -> Pattern {
        Pattern {
            source: source.to_owned(),
            compiled: OnceLock::new(),
        }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether some part of `text` matches; `None` when that cannot be told.
    pub(crate) fn matches(&self, text: &str) -> Option<bool> {
        let compiled = self.compiled.get_or_init(|| {
            if self.source.len() > LONGEST_BYTES {
                return None;
            }
            RegexBuilder::new(&translated(&self.source)?)
                .size_limit(MOST_BYTES)
                .dfa_size_limit(MOST_BYTES)
                .build()
                .ok()
        });
        Some(compiled.as_ref()?.is_match(text))
    }
}

/// The pattern in the words of crate `regex`: the two differ in what `\d`, `\w` and `.` mean, and in
/// what is special inside a class. `None` for what has no translation.
fn translated(source: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = source.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next()?;
                match escaped {
                    'd' => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                    'w' => out.push_str(if in_class {
                        "0-9A-Za-z_"
                    } else {
                        "[0-9A-Za-z_]"
                    }),
                    'D' => out.push_str("[^0-9]"),
                    'W' => out.push_str("[^0-9A-Za-z_]"),
                    's' => out.push_str(if in_class {
                        "\\s\u{feff}"
                    } else {
                        "[\\s\u{feff}]"
                    }),
                    'S' => out.push_str("[^\\s\u{feff}]"),
                    'b' if in_class => out.push_str("\\x08"),
                    'b' => out.push_str("(?-u:\\b)"),
                    '0' if !matches!(chars.peek(), Some('0'..='9')) => out.push_str("\\x00"),
                    'f' | 'n' | 'r' | 't' | 'v' | 'p' | 'P' | 'x' | 'u' => {
                        out.push('\\');
                        out.push(escaped);
                    }
                    // Back references, `\c`, `\k` and `\B` included.
                    'A'..='Z' | 'a'..='z' | '0'..='9' => return None,
                    _ => {
                        out.push('\\');
                        out.push(escaped);
                    }
                }
            }
            '[' if in_class => out.push_str("\\["),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                // An empty class, which matches nothing, or its opposite.
                if chars.next_if_eq(&']').is_some() {
                    out.push_str(if negated { "[\\s\\S]" } else { "[^\\s\\S]" });
                    continue;
                }
                in_class = true;
                out.push_str(if negated { "[^" } else { "[" });
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Doubled, these would be set operations.
            '&' | '~' | '-' if in_class && chars.peek() == Some(&c) => {
                out.push(c);
                out.push('\\');
                out.push(c);
                chars.next();
            }
            '.' if !in_class => out.push_str("[^\\n\\r\\x{2028}\\x{2029}]"),
            '(' if !in_class && chars.peek() == Some(&'?') => {
                chars.next();
                // Only groups without a name, or with one; flags of the engine's own are no ECMAScript.
                match chars.peek() {
                    Some(':') => out.push_str("(?"),
                    Some('<') => out.push_str("(?"),
                    _ => return None,
                }
            }
            _ => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_ecmascript() {
        #[track_caller]
        fn check(pattern: &str, text: &str, expected: Option<bool>) {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern}");
        }
        check("^[a-z]+$", "abc", Some(true));
        check("^[a-z]+$", "abc\n", Some(false));
        check("b", "abc", Some(true));
        check(r"^\d+$", "१२", Some(false));
        check(r"^[\d_]+$", "1_2", Some(true));
        check(r"^[^\w]$", "é", Some(true));
        check(r"^\s$", "\u{feff}", Some(true));
        check("^.$", "\u{2028}", Some(false));
        check("^.$", "😀", Some(true));
        check("^[[]$", "[", Some(true));
        check("^[a&&b]+$", "&a", Some(true));
        check("^[+--]$", ",", Some(true));
        check("^[]$", "x", Some(false));
        check("^[^]$", "\n", Some(true));
        check(r"^a\/b$", "a/b", Some(true));
        check(r"^\u0061\x62$", "ab", Some(true));
        check("^(?<year>[0-9]{4})$", "2026", Some(true));
        check("^(?:a|b)$", "b", Some(true));
        check("^(?=a)", "a", None);
        check("^(?!a)", "b", None);
        check("(?<=a)b", "ab", None);
        check("(?i)a", "A", None);
        check(r"(a)\1", "aa", None);
        check("(", "(", None);
        check("(a{1000}){1000}", "a", None);
        check(&"a".repeat(3_000), "a", None);
        // Time grows with the text alone.
        check("^(a+)+$", &format!("{}!", "a".repeat(100_000)), Some(false));
    }
}
