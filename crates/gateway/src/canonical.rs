//! JSON written the one way: members by their names, strings with the same escapes, no blanks.
//!
//! Numbers stay as they are written, digit by digit. What is nested deeper than [`LEVELS`] is taken as it
//! stands, so that a hostile text costs no more stack, and not much more time, than an honest one.

use std::borrow::Cow;
use std::ops::Range;

/// Levels of which the members are put in order.
const LEVELS: usize = 64;

/// An array or object that is being read.
struct Level<'a> {
    /// Where in the text that is written it begins.
    start: usize,
    /// Of an object: what was read of it.
    object: Option<Members<'a>>,
}

#[derive(Default)]
struct Members<'a> {
    /// Name and place of each, in the order in which they came.
    read: Vec<(Cow<'a, str>, Range<usize>)>,
    /// The name of the one whose value comes next, and where it begins.
    named: Option<(Cow<'a, str>, usize)>,
}

/// The same value for all texts that differ in the order of members, in escapes and in blanks alone.
pub(crate) fn canonical(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    let mut open: Vec<Level> = Vec::new();
    let mut rest = json;
    loop {
        // Separators are put in anew.
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', ':']);
        let Some(first) = rest.bytes().next() else {
            return written;
        };
        if matches!(first, b']' | b'}') {
            rest = &rest[1..];
            match open.pop() {
                Some(level) => close(&mut written, level),
                None => return written,
            }
            end_of_value(written.len(), &mut open);
            continue;
        }
        let (token, after) = rest.split_at(match first {
            b'[' | b'{' if open.len() == LEVELS => nested(rest),
            b'[' | b'{' => 1,
            b'"' => string(rest),
            _ => rest
                .find([',', ']', '}', ' ', '\t', '\r', '\n'])
                .unwrap_or(rest.len()),
        });
        rest = after;
        let start = begin_of_value(&mut written, open.last());
        match first {
            b'[' | b'{' if token.len() == 1 => {
                let object = (first == b'{').then(Members::default);
                if object.is_none() {
                    written.push('[');
                }
                open.push(Level { start, object });
                continue;
            }
            b'"' => {
                let token = escaped(token);
                written.push_str(&token);
                if let Some(object) = open.last_mut().and_then(|level| level.object.as_mut())
                    && object.named.is_none()
                {
                    object.named = Some((token, start));
                    written.push(':');
                    continue;
                }
            }
            _ => written.push_str(token),
        }
        end_of_value(written.len(), &mut open);
    }
}

/// Separates an element from the one before; where the value begins.
fn begin_of_value(written: &mut String, level: Option<&Level>) -> usize {
    if let Some(Level {
        object: None,
        start,
    }) = level
        && written.len() > start + 1
    {
        written.push(',');
    }
    written.len()
}

/// Notes the place of a member whose value has been written up to here.
fn end_of_value(end: usize, open: &mut [Level]) {
    if let Some(object) = open.last_mut().and_then(|level| level.object.as_mut())
        && let Some((name, start)) = object.named.take()
    {
        object.read.push((name, start..end));
    }
}

/// Ends an array, or puts the members of an object in order.
fn close(written: &mut String, level: Level) {
    let Some(mut members) = level.object else {
        written.push(']');
        return;
    };
    let read = written.split_off(level.start);
    members.read.sort_by(|(one, _), (other, _)| one.cmp(other));
    written.push('{');
    for (index, (_, place)) in members.read.into_iter().enumerate() {
        if index > 0 {
            written.push(',');
        }
        written.push_str(&read[place.start - level.start..place.end - level.start]);
    }
    written.push('}');
}

/// The length of the string that a text begins with.
fn string(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the array or object that a text begins with.
fn nested(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => {
                at += string(&text[at..]);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// A string with the escapes that it must have and no others.
fn escaped(written: &str) -> Cow<'_, str> {
    if !written.contains('\\') {
        return Cow::Borrowed(written);
    }
    let text: Option<String> = serde_json::from_str(written).ok();
    let again = text.and_then(|text| serde_json::to_string(&text).ok());
    again.map_or(Cow::Borrowed(written), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_written_the_same() {
        for (json, expected) in [
            ("1.0", "1.0"),
            (" [ ] ", "[]"),
            ("{ }", "{}"),
            ("[1 ,\n2,[ ],{},\"\"]", "[1,2,[],{},\"\"]"),
            (
                r#"{"b":1,"a":[{"d":true,"c":null}]}"#,
                r#"{"a":[{"c":null,"d":true}],"b":1}"#,
            ),
            (
                r#"{"z":{"y":{"x":1,"w":2}},"a":-1e9}"#,
                r#"{"a":-1e9,"z":{"y":{"w":2,"x":1}}}"#,
            ),
            (
                r#"{"\u0061":"\u00e9\/\n","A":"\\\""}"#,
                r#"{"A":"\\\"","a":"é/\n"}"#,
            ),
            (r#"{"a,}]":"],}","b":" : "}"#, r#"{"a,}]":"],}","b":" : "}"#),
            (
                r#"{"n":[12345678901234567890123,0.10]}"#,
                r#"{"n":[12345678901234567890123,0.10]}"#,
            ),
        ] {
            assert_eq!(canonical(json), expected, "{json}");
            assert_eq!(canonical(expected), expected, "{json}");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_taken_as_it_stands() {
        let deep = |levels: usize, inner: &str| {
            let (open, close) = (r#"{"a":["#.repeat(levels), "]}".repeat(levels));
            format!("{open}{inner}{close}")
        };
        let (one, other) = (r#"{"b":"]","a":1}"#, r#"{"a":1,"b":"]"}"#);
        let half = LEVELS / 2;
        assert_eq!(canonical(&deep(half - 1, one)), deep(half - 1, other));
        assert_eq!(canonical(&deep(half, one)), deep(half, one));
        let hostile = deep(1_000_000, one);
        assert_eq!(canonical(&hostile), hostile);
        // What is no JSON at all ends all the same.
        for broken in ["[", "]", "{\"a\"", "\"\\", "}{", "[\"", "{1:2}"] {
            canonical(broken);
            canonical(&deep(half, broken));
        }
    }
}
