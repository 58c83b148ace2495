//! What programs expect of the web's global scope and the engine lacks.
//!
//! The sources below `web` are compiled in the guest when a program first touches something of
//! theirs, so that the others pay nothing. By then the program may have replaced the built-ins they
//! use: it then gets what it asked for, and nothing of the runtime's depends on it.

use std::cmp::Ordering;

use rquickjs::context::EvalOptions;
use rquickjs::function::Opt;
use rquickjs::{Array, Ctx, Function, Object, Result, TypedArray, Value};
use url::{Url, form_urlencoded, quirks};

use super::random;

/// Evaluates a subject's source: its members by name.
pub(super) fn load<'js>(
    ctx: Ctx<'js>,
    subject: String,
    internals: Object<'js>,
) -> Result<Object<'js>> {
    let natives = Object::new_proto(ctx.clone(), None)?;
    let source = match subject.as_str() {
        "clone" => {
            define(&natives, "isProxy", |object: Object<'js>| object.is_proxy())?;
            include_str!("web/clone.js")
        }
        "collate" => {
            define(&natives, "compare", compare)?;
            include_str!("web/collate.js")
        }
        "console" => include_str!("web/console.js"),
        "events" => include_str!("web/events.js"),
        "intl" => {
            define_load(&natives, &internals)?;
            include_str!("web/intl.js")
        }
        "intl_date" => include_str!("web/intl_date.js"),
        "intl_names" => include_str!("web/intl_names.js"),
        "intl_number" => {
            define_load(&natives, &internals)?;
            include_str!("web/intl_number.js")
        }
        "results" => include_str!("results.js"),
        "state" => include_str!("state.js"),
        "system" => {
            define(&natives, "random", random_bytes)?;
            include_str!("web/system.js")
        }
        "text" => {
            define(&natives, "encode", |ctx: Ctx<'js>, text: String| {
                TypedArray::new(ctx, text)
            })?;
            define(&natives, "decode", decode)?;
            include_str!("web/text.js")
        }
        "url" => {
            define(&natives, "parse", parse)?;
            define(&natives, "set", set)?;
            define(&natives, "pairs", pairs)?;
            define(&natives, "query", query)?;
            include_str!("web/url.js")
        }
        other => unreachable!("the prelude names a source {other}"),
    };
    let mut options = EvalOptions::default();
    options.filename = Some("toolmill".into());
    let evaluate: Function = ctx.eval_with_options(source, options)?;
    evaluate.call((internals, natives))
}

/// Gives a source the others.
fn define_load<'js>(natives: &Object<'js>, internals: &Object<'js>) -> Result<()> {
    let internals = internals.clone();
    define(natives, "load", move |ctx: Ctx<'js>, subject: String| {
        load(ctx, subject, internals.clone())
    })
}

fn define<'js, P>(
    natives: &Object<'js>,
    name: &str,
    function: impl rquickjs::function::IntoJsFunc<'js, P> + 'js,
) -> Result<()> {
    natives.set(name, Function::new(natives.ctx().clone(), function)?)
}

/// The parts of a URL in the order of `url.js`; nothing for what is none.
fn parse<'js>(ctx: Ctx<'js>, input: String, base: Opt<String>) -> Result<Option<Array<'js>>> {
    let url = match &base.0 {
        None => Url::parse(&input),
        Some(base) => Url::parse(base).and_then(|base| base.join(&input)),
    };
    url.ok().map(|url| parts(&ctx, &url)).transpose()
}

/// The parts of the URL `href` after its part `name` was set to `value`.
fn set<'js>(
    ctx: Ctx<'js>,
    href: String,
    name: String,
    value: String,
) -> Result<Option<Array<'js>>> {
    let Ok(mut url) = Url::parse(&href) else {
        return Ok(None);
    };
    // What cannot be set stays as it was.
    let _ = match name.as_str() {
        "protocol" => quirks::set_protocol(&mut url, &value),
        "username" => quirks::set_username(&mut url, &value),
        "password" => quirks::set_password(&mut url, &value),
        "host" => quirks::set_host(&mut url, &value),
        "hostname" => quirks::set_hostname(&mut url, &value),
        "port" => quirks::set_port(&mut url, &value),
        "pathname" => {
            quirks::set_pathname(&mut url, &value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, &value);
            Ok(())
        }
        _ => {
            quirks::set_hash(&mut url, &value);
            Ok(())
        }
    };
    parts(&ctx, &url).map(Some)
}

fn parts<'js>(ctx: &Ctx<'js>, url: &Url) -> Result<Array<'js>> {
    let parts = Array::new(ctx.clone())?;
    let origin = quirks::origin(url);
    for (index, part) in [
        quirks::href(url),
        &origin,
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ]
    .into_iter()
    .enumerate()
    {
        parts.set(index, part)?;
    }
    Ok(parts)
}

/// Names and values of a query, in turn.
fn pairs(query: String) -> Vec<String> {
    form_urlencoded::parse(query.as_bytes())
        .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
        .collect()
}

fn query(pairs: Vec<String>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for pair in pairs.chunks_exact(2) {
        query.append_pair(&pair[0], &pair[1]);
    }
    query.finish()
}

fn random_bytes<'js>(ctx: Ctx<'js>, count: usize) -> Result<TypedArray<'js, u8>> {
    let mut bytes = vec![0; count.min(65536)];
    random::fill(&mut bytes);
    TypedArray::new(ctx, bytes)
}

/// The text of bytes, which come in hexadecimal as an array's memory cannot be read without unsafe
/// code; and how many at their end begin a character that more bytes would complete;
/// nothing if `fatal` and they are not of the encoding. At the end of a stream, not `more`, what is
/// incomplete is an error as well.
fn decode<'js>(
    ctx: Ctx<'js>,
    encoding: String,
    hex: String,
    fatal: bool,
    more: bool,
) -> Result<Value<'js>> {
    let nibble = |digit: u8| (digit & 15) + if digit > b'9' { 9 } else { 0 };
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    let bytes: Vec<u8> = pairs
        .iter()
        .map(|[high, low]| nibble(*high) << 4 | nibble(*low))
        .collect();
    let bytes = bytes.as_slice();
    let (text, left) = match encoding.as_str() {
        "utf-8" => from_utf8(bytes, fatal, more),
        "utf-16le" => from_utf16(bytes, fatal, more, u16::from_le_bytes),
        "utf-16be" => from_utf16(bytes, fatal, more, u16::from_be_bytes),
        _ => (Some(from_windows_1252(bytes)), 0),
    };
    let Some(text) = text else {
        return Ok(Value::new_null(ctx));
    };
    let answer = Array::new(ctx)?;
    answer.set(0, text)?;
    answer.set(1, left)?;
    Ok(answer.into_value())
}

fn from_utf8(bytes: &[u8], fatal: bool, more: bool) -> (Option<String>, usize) {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return (Some(text), 0);
            }
            Err(error) => error,
        };
        let (valid, after) = rest.split_at(error.valid_up_to());
        text.push_str(std::str::from_utf8(valid).expect("up to there it is"));
        let wrong = match error.error_len() {
            None if more => return (Some(text), after.len()),
            wrong => wrong.unwrap_or(after.len()),
        };
        if fatal {
            return (None, 0);
        }
        text.push(char::REPLACEMENT_CHARACTER);
        rest = &after[wrong..];
    }
}

fn from_utf16(
    bytes: &[u8],
    fatal: bool,
    more: bool,
    unit: fn([u8; 2]) -> u16,
) -> (Option<String>, usize) {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let mut left = odd.len();
    if more
        && units
            .last()
            .is_some_and(|last| (0xd800..0xdc00).contains(last))
    {
        units.pop();
        left += 2;
    }
    let mut text = String::with_capacity(units.len());
    for char in char::decode_utf16(units) {
        match char {
            Err(_) if fatal => return (None, 0),
            char => text.push(char.unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }
    if left > 0 && !more {
        if fatal {
            return (None, 0);
        }
        text.push(char::REPLACEMENT_CHARACTER);
    }
    (Some(text), left)
}

/// What windows-1252 has where Latin-1 has control characters, if anything.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn from_windows_1252(bytes: &[u8]) -> String {
    let char = |byte: &u8| match byte {
        0x80..0xa0 => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => char::from(*byte),
    };
    bytes.iter().map(char).collect()
}

/// What decides between two texts, and how far: `base` letters, `accent`, `case`, or all of it.
fn compare(a: String, b: String, sensitivity: String, numeric: bool, upper_first: bool) -> i32 {
    let (accents, cases) = match sensitivity.as_str() {
        "base" => (false, false),
        "accent" => (true, false),
        "case" => (false, true),
        _ => (true, true),
    };
    let ordering = order_of_letters(&a, &b, numeric)
        .then_with(|| {
            let marks = |text: &str| text.chars().map(mark).collect::<Vec<_>>();
            if accents {
                marks(&a).cmp(&marks(&b))
            } else {
                Ordering::Equal
            }
        })
        .then_with(|| {
            let cases_of = |text: &str| -> Vec<bool> {
                let letters = text.chars().filter(|char| !is_mark(*char));
                letters
                    .map(|char| char.is_uppercase() != upper_first)
                    .collect()
            };
            if cases {
                cases_of(&a).cmp(&cases_of(&b))
            } else {
                Ordering::Equal
            }
        });
    ordering as i32
}

fn order_of_letters(a: &str, b: &str, numeric: bool) -> Ordering {
    let letters = |text: &str| text.chars().flat_map(primary).collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    if !numeric {
        return a.cmp(&b);
    }
    let (mut a, mut b) = (a.as_slice(), b.as_slice());
    loop {
        let (number_a, rest_a) = leading_number(a);
        let (number_b, rest_b) = leading_number(b);
        if number_a.is_empty() || number_b.is_empty() {
            match (a.split_first(), b.split_first()) {
                (Some((first_a, rest_a)), Some((first_b, rest_b))) if first_a == first_b => {
                    (a, b) = (rest_a, rest_b);
                }
                _ => return a.first().cmp(&b.first()),
            }
            continue;
        }
        let zero = rank('0');
        let value = |digits: &[u32]| -> Vec<u32> {
            digits
                .iter()
                .copied()
                .skip_while(|digit| *digit == zero)
                .collect()
        };
        let (value_a, value_b) = (value(number_a), value(number_b));
        let ordering = value_a
            .len()
            .cmp(&value_b.len())
            .then(value_a.cmp(&value_b));
        if ordering != Ordering::Equal {
            return ordering;
        }
        (a, b) = (rest_a, rest_b);
    }
}

fn leading_number(ranks: &[u32]) -> (&[u32], &[u32]) {
    let digits = rank('0')..=rank('9');
    let count = ranks
        .iter()
        .take_while(|rank| digits.contains(rank))
        .count();
    ranks.split_at(count)
}

/// The order of the root collation for what is not a letter.
const ORDER: &str = "\t\n\u{b}\u{c}\r \u{a0}_-‐–—,;:!¡?¿.…·'‘’\"“”«»()[]{}§¶@*/\\&#%‰†‡•`´^¯¨¸°©®+±÷×<=>¬|¦~¤¢$£¥€0123456789";

/// The primary weights of a character, as NFD has it.
fn primary(char: char) -> impl Iterator<Item = u32> {
    let expanded = match char {
        'ß' => ['s', 's'],
        'æ' | 'Æ' => ['a', 'e'],
        'œ' | 'Œ' => ['o', 'e'],
        'ø' | 'Ø' => ['o', '\0'],
        'ð' | 'Ð' | 'đ' | 'Đ' => ['d', '\0'],
        'ł' | 'Ł' => ['l', '\0'],
        'ª' => ['a', '\0'],
        'º' => ['o', '\0'],
        '¹' => ['1', '\0'],
        '²' => ['2', '\0'],
        '³' => ['3', '\0'],
        // After z, before what is not Latin.
        'þ' | 'Þ' => ['z', '\u{2ff}'],
        _ if is_mark(char) || (char.is_control() && !char.is_whitespace()) => ['\0', '\0'],
        _ => [char.to_lowercase().next().unwrap_or(char), '\0'],
    };
    expanded.into_iter().filter(|char| *char != '\0').map(rank)
}

fn rank(char: char) -> u32 {
    match ORDER.chars().position(|known| known == char) {
        Some(position) => position as u32,
        None => 0x1000 + u32::from(char),
    }
}

fn is_mark(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{ad}')
}

/// Accents from the least.
const MARKS: &str = "\u{301}\u{300}\u{306}\u{302}\u{30c}\u{30a}\u{308}\u{30b}\u{303}\u{307}\u{327}\u{328}\u{304}\u{309}\u{31b}\u{323}\u{331}";

/// A mark's place, or that of what else sets a character apart from its primary weights; nothing for
/// a plain one.
fn mark(char: char) -> u32 {
    match char {
        'ª' | 'º' | '¹' | '²' | '³' => 1,
        'ß' | 'æ' | 'Æ' | 'œ' | 'Œ' | 'ø' | 'Ø' | 'ð' | 'Ð' | 'đ' | 'Đ' | 'ł' | 'Ł' => {
            0x400
        }
        _ if is_mark(char) => match MARKS.chars().position(|known| known == char) {
            Some(place) => 2 + place as u32,
            None => u32::from(char),
        },
        _ => 0,
    }
}
