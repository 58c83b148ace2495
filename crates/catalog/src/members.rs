//! The members of a JSON object that is known to be valid, found without parsing it again.
//!
//! A tool's listing is some hundred bytes of names between thousands of descriptions and schemas, so to
//! step over a value is what has to be fast: strings by eight bytes at a time, the rest by its brackets.

/// Calls `emit` with the name of each member and its value as it is written. `None` if the text is no
/// object, or has names that are not written as they are; members may have been emitted by then.
pub(crate) fn each<'a>(object: &'a str, mut emit: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let bytes = object.as_bytes();
    let mut at = after_space(bytes, 0);
    if *bytes.get(at)? != b'{' {
        return None;
    }
    loop {
        at = after_space(bytes, at + 1);
        if *bytes.get(at)? == b'}' {
            return Some(());
        }
        let name = at + 1;
        at = string_end(bytes, name)?;
        let name = object.get(name..at)?;
        if name.contains('\\') {
            return None;
        }
        at = after_space(bytes, at + 1);
        let value = after_space(bytes, at + 1);
        at = value_end(bytes, value)?;
        emit(name, object.get(value..at)?);
        at = after_space(bytes, at);
        if *bytes.get(at)? == b'}' {
            return Some(());
        }
    }
}

fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Where the value that begins at `at` ends.
fn value_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at + 1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                // The end of what a number or a word is in.
                if depth == 0 {
                    return Some(at);
                }
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            byte if depth == 0 && (*byte == b',' || byte.is_ascii_whitespace()) => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Where the quote is that ends a string, of which the first character is at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    // The highest bit of each byte that is zero, as far as the first one.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    loop {
        while let Some(word) = bytes.get(at..)?.first_chunk().copied() {
            let word = u64::from_le_bytes(word);
            let found =
                zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
            at += found.trailing_zeros() as usize / 8;
            if found != 0 {
                break;
            }
        }
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_as_a_parser_finds_them() {
        #[track_caller]
        fn check(object: &str, expected: Option<&[(&str, &str)]>) {
            let mut found = Vec::new();
            let whole = each(object, |name, value| found.push((name, value)));
            assert_eq!(whole.map(|()| &found[..]), expected, "{object}");
        }
        check("{}", Some(&[]));
        check(" { } ", Some(&[]));
        check(r#"{"a":1}"#, Some(&[("a", "1")]));
        check(
            " {\n\"a\" : -1.5e3 ,\t\"b\" : true\r\n, \"\" : null } ",
            Some(&[("a", "-1.5e3"), ("b", "true"), ("", "null")]),
        );
        check(
            r#"{"a":{"b":[1,{"c":"}]\"{["}]},"d":[],"e":"\\","f":"a longer text \\\" with , in it"}"#,
            Some(&[
                ("a", r#"{"b":[1,{"c":"}]\"{["}]}"#),
                ("d", "[]"),
                ("e", r#""\\""#),
                ("f", r#""a longer text \\\" with , in it""#),
            ]),
        );
        check(r#"{"é—":"—é"}"#, Some(&[("é—", r#""—é""#)]));
        check(
            r#"{"a":[[[]]],"a":{}}"#,
            Some(&[("a", "[[[]]]"), ("a", "{}")]),
        );
        check(r#"{"\u0061":1}"#, None);
        check("[]", None);
        check("null", None);
        // No text makes it panic or go on for ever.
        let text = r#" {"a":{"b":[1,{"c":"}]\"{["}]},"d":"é", "e" : tru"#;
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            check(&text[..end], None);
        }
    }
}
