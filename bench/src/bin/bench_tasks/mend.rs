//! Applies the `fix:` line of an error to the program, without thought: what a hint teaches must not
//! need any.
//!
//! A fix that is a call of a tool replaces the call around the error's place, an import comes before
//! the program, and any other replaces what is marked.

use std::ops::Range;

/// The place and the fix in an error's answer.
struct Hint<'a> {
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// Characters marked.
    marked: usize,
    fix: &'a str,
}

/// The program after the fix of an answer; `None` if the answer has none.
pub(crate) fn mended(code: &str, answer: &str) -> Option<String> {
    let hint = Hint::read(answer)?;
    if hint.fix.starts_with("import ") || hint.fix.starts_with("from ") {
        return Some(format!("{}\n{code}", hint.fix));
    }
    let begin = offset(code, hint.line, hint.column)?;
    let marked = code[begin..]
        .char_indices()
        .nth(hint.marked)
        .map_or(code.len(), |(at, _)| begin + at);
    let (range, fix) = if is_call(hint.fix) {
        let range = enclosing_call(code, begin)?;
        let awaited = code[..range.start].trim_end().ends_with("await");
        let fix = match hint.fix.strip_prefix("await ") {
            Some(call) if awaited => call,
            _ => hint.fix,
        };
        (range, fix)
    } else {
        (begin..marked, hint.fix)
    };
    let mut mended = code.to_owned();
    mended.replace_range(range, fix);
    Some(mended)
}

impl Hint<'_> {
    fn read(answer: &str) -> Option<Hint<'_>> {
        let mut lines = answer.lines();
        let mut facts = lines.next()?.split(" · ").skip(1);
        let mut place = facts.next()?.split(", ");
        let line = place.next()?.strip_prefix("line ")?.parse().ok()?;
        let column = place.next()?.strip_prefix("column ")?.parse().ok()?;
        let marks = lines.nth(1)?;
        let marked = marks.chars().filter(|c| *c == '^').count();
        let fix = answer
            .lines()
            .take_while(|line| !line.starts_with("--- "))
            .find_map(|line| line.strip_prefix("fix: "))?;
        Some(Hint {
            line,
            column,
            marked,
            fix,
        })
    }
}

fn is_call(fix: &str) -> bool {
    let call = fix.strip_prefix("await ").unwrap_or(fix);
    call.starts_with("tools.") && call.ends_with(')')
}

/// The byte at a line and a column, both from 1.
fn offset(code: &str, line: usize, column: usize) -> Option<usize> {
    let begin: usize = code
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let rest = code.get(begin..)?;
    let at = rest.char_indices().nth(column.checked_sub(1)?)?.0;
    Some(begin + at)
}

/// The smallest call, from the first of its names to its last parenthesis, around a place.
fn enclosing_call(code: &str, place: usize) -> Option<Range<usize>> {
    let place = if code[place..].starts_with("await ") {
        place + "await ".len()
    } else {
        place
    };
    calls(code)
        .into_iter()
        .filter(|call| call.contains(&place))
        .min_by_key(|call| call.len())
}

/// Words after which a parenthesis opens no call.
const KEYWORDS: [&str; 9] = [
    "and", "await", "else", "if", "in", "not", "of", "or", "return",
];

/// Every call in a program in either language.
fn calls(code: &str) -> Vec<Range<usize>> {
    let bytes = code.as_bytes();
    let mut calls = Vec::new();
    // Where each open bracket is, and where the callee before it begins, if it is a call.
    let mut open: Vec<(u8, Option<usize>)> = Vec::new();
    // Where the expression that ends at each byte begins.
    let mut chain: Option<usize> = None;
    let mut at = 0;
    while at < bytes.len() {
        let begin = at;
        match bytes[at] {
            b'#' => at = end_of_line(bytes, at),
            b'/' if bytes[at..].starts_with(b"//") => at = end_of_line(bytes, at),
            quote @ (b'"' | b'\'' | b'`') => {
                at = end_of_string(bytes, at, quote);
                chain = Some(begin);
            }
            bracket @ (b'(' | b'[' | b'{') => {
                let callee = chain.filter(|_| bracket != b'{');
                open.push((bracket, callee));
                chain = None;
                at += 1;
            }
            b')' | b']' | b'}' => {
                at += 1;
                chain = match open.pop() {
                    Some((b'(', Some(callee))) => {
                        calls.push(callee..at);
                        Some(callee)
                    }
                    Some((b'[', Some(indexed))) => Some(indexed),
                    _ => None,
                };
            }
            // `?.` and the dot before a name go on with what stands before.
            b'.' | b'?' => at += 1,
            c if c.is_ascii_alphanumeric() || matches!(c, b'_' | b'$') || !c.is_ascii() => {
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
                let follows = code[..begin].trim_end().ends_with('.');
                let keyword = KEYWORDS.contains(&&code[begin..at]);
                chain = match chain {
                    Some(chain) if follows => Some(chain),
                    _ if keyword => None,
                    _ => Some(begin),
                };
            }
            c if c.is_ascii_whitespace() => at += 1,
            _ => {
                chain = None;
                at += 1;
            }
        }
    }
    calls
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end)
}

/// After the string that begins at `at`; three quotes are one in Python.
fn end_of_string(bytes: &[u8], at: usize, quote: u8) -> usize {
    let triple = [quote; 3];
    let width = if quote != b'`' && bytes[at..].starts_with(&triple) {
        3
    } else {
        1
    };
    let mut at = at + width;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at..].starts_with(&triple[..width]) {
            return at + width;
        } else {
            at += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_replaces_the_call_around_the_place_or_what_is_marked() {
        // The place of the error is where the line of marks puts it.
        let check = |code: &str, line: usize, marks: &str, fix: &str, expected: &str| {
            let column = marks.find('^').unwrap() + 1;
            let source = code.lines().nth(line - 1).unwrap();
            let answer = format!(
                "error x1 code · line {line}, column {column} · session s1\n  {line} | {source}\n    | {marks}\nwhat\nfix: {fix}\nsignature: s\n"
            );
            assert_eq!(mended(code, &answer).as_deref(), Some(expected), "{code}");
        };
        let fixed = "tools.a.b(c=1)";
        check(
            "x = tools.a.b(d=1)",
            1,
            "    ^^^^",
            fixed,
            "x = tools.a.b(c=1)",
        );
        check(
            "x = tools.a.b(d=1)",
            1,
            "              ^^^",
            fixed,
            "x = tools.a.b(c=1)",
        );
        check(
            "x = json.loads(tools.a.b(d=f(2))[\"(\"])[0]",
            1,
            "               ^^^",
            fixed,
            "x = json.loads(tools.a.b(c=1)[\"(\"])[0]",
        );
        check(
            "y = 1\nx = tools.a.b(\n  d=1,  # (\n)[\"k\"].strip()\n",
            2,
            "    ^^^",
            fixed,
            "y = 1\nx = tools.a.b(c=1)[\"k\"].strip()\n",
        );
        check(
            "const x = (await tools.a.b({d: 1})).k.map(y => y);",
            1,
            "                 ^",
            "await tools.a.b({c: 1})",
            "const x = (await tools.a.b({c: 1})).k.map(y => y);",
        );
        check("r.name + 1", 1, "^^^^^^", "r[\"name\"]", "r[\"name\"] + 1");
        check(
            "[f(x) for x in tools.a.b(q)]",
            1,
            "               ^",
            fixed,
            "[f(x) for x in tools.a.b(c=1)]",
        );
        check(
            "x = json.loads(y)",
            1,
            "    ^^^^",
            "import json",
            "import json\nx = json.loads(y)",
        );
        check(
            "\"ü\", tools.a.b(\n)",
            1,
            "     ^",
            fixed,
            "\"ü\", tools.a.b(c=1)",
        );
    }

    #[test]
    fn an_answer_without_place_or_fix_mends_nothing() {
        for answer in [
            "ok x1 · 1 call",
            "error x1 sandbox\nfix: tools.a.b()",
            "error x1 exception · line 1, column 1\n  1 | x\n    | ^\nNameError",
            "error x1 exception · line 9, column 1\n  9 | x\n    | ^\nNameError\nfix: y",
        ] {
            assert_eq!(mended("x", answer), None, "{answer}");
        }
    }
}
