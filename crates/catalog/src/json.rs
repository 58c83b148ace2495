//! JSON values as they are compared: with every digit of their numbers.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

/// What lies deeper is not known.
const MOST_DEPTH: usize = 128;

/// A JSON value.
#[derive(Clone, Debug)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(Cow<'a, str>),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object {
        members: Vec<(Cow<'a, str>, Json<'a>)>,
        /// There may be members that are not there now.
        open: bool,
    },
    /// Could be anything.
    Unknown,
}

impl<'a> Json<'a> {
    /// Reads what is known to be JSON. What is not after all is [`Json::Unknown`].
    pub(crate) fn parse(text: &'a str) -> Json<'a> {
        Parser {
            text,
            at: 0,
            depth: 0,
        }
        .value()
        .unwrap_or(Json::Unknown)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            // Of members with one name, parsers take the last.
            Json::Object { members, .. } => members
                .iter()
                .rfind(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether two values are the same; `None` when that depends on what is not known.
    pub(crate) fn equals(&self, other: &Json) -> Option<bool> {
        match (self, other) {
            (Json::Unknown, _) | (_, Json::Unknown) => None,
            (Json::Null, Json::Null) => Some(true),
            (Json::Bool(one), Json::Bool(other)) => Some(one == other),
            (Json::String(one), Json::String(other)) => Some(one == other),
            (Json::Number(one), Json::Number(other)) => {
                Some(one == other || Decimal::parse(one).compare(&Decimal::parse(other)).is_eq())
            }
            (Json::Array(one), Json::Array(other)) => {
                if one.len() != other.len() {
                    return Some(false);
                }
                all(one.iter().zip(other).map(|(one, other)| one.equals(other)))
            }
            (
                Json::Object {
                    members: one,
                    open: false,
                },
                Json::Object {
                    members,
                    open: false,
                },
            ) => {
                if one.len() != members.len() {
                    return Some(false);
                }
                all(one.iter().map(|(name, value)| match other.get(name) {
                    Some(other) => value.equals(other),
                    None => Some(false),
                }))
            }
            (Json::Object { .. }, Json::Object { .. }) => None,
            _ => Some(false),
        }
    }

    /// A text that two values share if they are equal; `None` when something in it is not known.
    pub(crate) fn key(&self) -> Option<String> {
        let mut key = String::new();
        self.push_key(&mut key)?;
        Some(key)
    }

    fn push_key(&self, key: &mut String) -> Option<()> {
        match self {
            Json::Unknown | Json::Object { open: true, .. } => return None,
            Json::Number(text) => Decimal::parse(text).push_key(key),
            Json::Array(items) => {
                key.push('[');
                for item in items {
                    item.push_key(key)?;
                    key.push(',');
                }
                key.push(']');
            }
            Json::Object { members, .. } => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                key.push('{');
                for (name, value) in members {
                    push_string(key, name);
                    key.push(':');
                    value.push_key(key)?;
                    key.push(',');
                }
                key.push('}');
            }
            plain => plain.push_text(key)?,
        }
        Some(())
    }

    /// The value as JSON; `None` when something in it is not known.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = String::new();
        self.push_text(&mut text)?;
        Some(text)
    }

    fn push_text(&self, out: &mut String) -> Option<()> {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(text) => out.push_str(text),
            Json::String(text) => push_string(out, text),
            Json::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    item.push_text(out)?;
                }
                out.push(']');
            }
            Json::Object {
                members,
                open: false,
            } => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    push_string(out, name);
                    out.push(':');
                    value.push_text(out)?;
                }
                out.push('}');
            }
            Json::Object { open: true, .. } | Json::Unknown => return None,
        }
        Some(())
    }

    pub(crate) fn into_owned(self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Bool(value) => Json::Bool(value),
            Json::Number(text) => Json::Number(Cow::Owned(text.into_owned())),
            Json::String(text) => Json::String(Cow::Owned(text.into_owned())),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Json::Object { members, open } => Json::Object {
                members: members
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned()))
                    .collect(),
                open,
            },
            Json::Unknown => Json::Unknown,
        }
    }
}

/// Whether all are true, as far as is known.
fn all(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = true;
    for one in each {
        match one {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = false,
        }
    }
    known.then_some(true)
}

fn push_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("a string serialises"));
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Option<Json<'a>> {
        self.skip_space();
        let rest = &self.text[self.at..];
        match rest.bytes().next()? {
            b'{' | b'[' if self.depth == MOST_DEPTH => {
                self.skip_nested();
                Some(Json::Unknown)
            }
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => Some(match self.string()? {
                Some(text) => Json::String(text),
                None => Json::Unknown,
            }),
            b'-' | b'0'..=b'9' => {
                let len = rest
                    .find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'))
                    .unwrap_or(rest.len());
                self.at += len;
                Some(Json::Number(Cow::Borrowed(&rest[..len])))
            }
            _ => {
                let words = [
                    ("null", Json::Null),
                    ("true", Json::Bool(true)),
                    ("false", Json::Bool(false)),
                ];
                let (word, value) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
                self.at += word.len();
                Some(value)
            }
        }
    }

    fn array(&mut self) -> Option<Json<'a>> {
        self.at += 1;
        self.depth += 1;
        let mut items = Vec::new();
        if !self.takes(b']') {
            loop {
                items.push(self.value()?);
                if !self.takes(b',') {
                    break;
                }
            }
            self.takes(b']').then_some(())?;
        }
        self.depth -= 1;
        Some(Json::Array(items))
    }

    fn object(&mut self) -> Option<Json<'a>> {
        self.at += 1;
        self.depth += 1;
        let mut members = Vec::new();
        let mut open = false;
        if !self.takes(b'}') {
            loop {
                self.skip_space();
                let name = self.string()?;
                self.takes(b':').then_some(())?;
                let value = self.value()?;
                match name {
                    Some(name) => members.push((name, value)),
                    None => open = true,
                }
                if !self.takes(b',') {
                    break;
                }
            }
            self.takes(b'}').then_some(())?;
        }
        self.depth -= 1;
        Some(Json::Object { members, open })
    }

    /// A string; within, `None` for one that no text can hold.
    #[expect(clippy::option_option, reason = "not JSON is not the same as not text")]
    fn string(&mut self) -> Option<Option<Cow<'a, str>>> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return None;
        }
        let begin = self.at + 1;
        let mut end = begin;
        let mut escaped = false;
        loop {
            match bytes.get(end)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        self.at = end + 1;
        Some(if escaped {
            let text: Option<String> = serde_json::from_str(self.text.get(begin - 1..=end)?).ok();
            text.map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(self.text.get(begin..end)?))
        })
    }

    fn skip_nested(&mut self) {
        let bytes = self.text.as_bytes();
        let mut depth = 0;
        let mut quoted = false;
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' if quoted => self.at += 1,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => depth += 1,
                b'}' | b']' if !quoted => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// A number with all its digits: `0.digits` times ten to the power of `exponent`.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    negative: bool,
    /// Neither the first nor the last is a zero; none at all for zero.
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number.
    pub(crate) fn parse(text: &str) -> Decimal {
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let negative = mantissa.starts_with('-');
        let mantissa = mantissa.trim_start_matches('-');
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let leading = all.len() - significant.len();
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Decimal {
                negative: false,
                digits,
                exponent: 0,
            };
        }
        // A power that no i64 holds is as good as endless.
        let power: i64 = power.parse().unwrap_or(if power.starts_with('-') {
            i64::MIN
        } else {
            i64::MAX
        });
        let exponent = (whole.len() as i64 - leading as i64).saturating_add(power);
        Decimal {
            negative,
            digits,
            exponent,
        }
    }

    pub(crate) fn is_integer(&self) -> bool {
        self.exponent >= self.digits.len() as i64
    }

    /// Whether a number as it is written has no fraction.
    pub(crate) fn is_written_integer(text: &str) -> bool {
        text.bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit())
            || Decimal::parse(text).is_integer()
    }

    pub(crate) fn compare(&self, other: &Decimal) -> Ordering {
        let sign = |of: &Decimal| match (of.digits.is_empty(), of.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| {
            let size = self
                .exponent
                .cmp(&other.exponent)
                .then_with(|| self.digits.cmp(&other.digits));
            if self.negative { size.reverse() } else { size }
        })
    }

    /// Whether it is a multiple of `other`; `None` when the numbers are too far apart to tell.
    pub(crate) fn is_multiple_of(&self, other: &Decimal) -> Option<bool> {
        if self.digits.is_empty() {
            return Some(true);
        }
        if other.digits.is_empty() {
            return None;
        }
        let unit = |of: &Decimal| of.exponent.saturating_sub(of.digits.len() as i64);
        let lowest = unit(self).min(unit(other));
        let scaled = |of: &Decimal| -> Option<u128> {
            let zeros = u32::try_from(unit(of).checked_sub(lowest)?).ok()?;
            let digits: u128 = of.digits.parse().ok()?;
            digits.checked_mul(10_u128.checked_pow(zeros)?)
        };
        Some(scaled(self)? % scaled(other)? == 0)
    }

    /// The number if it counts something.
    pub(crate) fn as_count(&self) -> Option<u64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(self.exponent)
            .ok()?
            .checked_sub(self.digits.len())?;
        if self.negative || zeros > 20 {
            return None;
        }
        format!("{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }

    fn push_key(&self, key: &mut String) {
        let sign = if self.negative { "-" } else { "" };
        let _ = write!(key, "{sign}{}e{}", self.digits, self.exponent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_with_all_their_digits() {
        #[track_caller]
        fn check(one: &str, other: &str, expected: Ordering) {
            let (a, b) = (Decimal::parse(one), Decimal::parse(other));
            assert_eq!(a.compare(&b), expected, "{one} {other}");
            assert_eq!(b.compare(&a), expected.reverse(), "{other} {one}");
        }
        check("1", "1.0", Ordering::Equal);
        check("100", "1e2", Ordering::Equal);
        check("-0", "0.000e5", Ordering::Equal);
        check("0.1", "0.10000000000000000001", Ordering::Less);
        check("9007199254740993", "9007199254740992", Ordering::Greater);
        check("-2", "-10", Ordering::Greater);
        check("-1", "0.5", Ordering::Less);
        check("12", "9", Ordering::Greater);
        check("1e99999999999999999999", "1e308", Ordering::Greater);
        check("1e-99999999999999999999", "0", Ordering::Greater);
        for (text, expected) in [
            ("1.0", true),
            ("1.5", false),
            ("15e-1", false),
            ("150e-1", true),
            ("0.0", true),
            ("1e400", true),
        ] {
            assert_eq!(Decimal::is_written_integer(text), expected, "{text}");
        }
        for (number, of, expected) in [
            ("4.5", "1.5", Some(true)),
            ("0.3", "0.1", Some(true)),
            ("7", "2", Some(false)),
            ("-6", "2", Some(true)),
            ("0", "3", Some(true)),
            ("9007199254740993", "2", Some(false)),
            ("1e300", "7", None),
        ] {
            let multiple = Decimal::parse(number).is_multiple_of(&Decimal::parse(of));
            assert_eq!(multiple, expected, "{number} {of}");
        }
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let read = Json::parse(text).text();
            assert_eq!(read.as_deref().unwrap_or("unknown"), expected);
        }
        check(
            " { \"a\" : [ 1.50 , -2e+3, true ,null, \"x\\n\\u00e9\" ] , \"\" : { } } ",
            "{\"a\":[1.50,-2e+3,true,null,\"x\\né\"],\"\":{}}",
        );
        check("\"\\ud800\"", "unknown");
        check("[1,", "unknown");
        check("{\"a\"}", "unknown");
        check("", "unknown");
        let deep = format!("[{}1{},2]", "[".repeat(200), "]".repeat(200));
        let Json::Array(items) = Json::parse(&deep) else {
            panic!("it is an array");
        };
        assert_eq!(items[1].text().as_deref(), Some("2"));
    }

    #[test]
    fn equal_values_have_one_key() {
        #[track_caller]
        fn check(one: &str, other: &str, expected: bool) {
            let (a, b) = (Json::parse(one), Json::parse(other));
            assert_eq!(a.equals(&b), Some(expected), "{one} {other}");
            assert_eq!(a.key() == b.key(), expected, "{one} {other}");
        }
        check(r#"{"a":1,"b":[2]}"#, r#"{"b":[2.0],"a":1e0}"#, true);
        check("[1]", "[true]", false);
        check("\"1\"", "1", false);
        check(r#"{"a":null}"#, "{}", false);
        check("[[1],2]", "[[1,2]]", false);
    }
}
