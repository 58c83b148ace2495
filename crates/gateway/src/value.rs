//! From an upstream's `CallToolResult` to the value a program sees.
//!
//! Works on the bytes: the envelope is read, the value in it is passed on as it stands, so that no
//! digit is lost and nothing large is rebuilt.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest text of a tool's error that is passed on.
const ERROR_CHARACTERS: usize = 4000;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default, rename = "structuredContent")]
    structured: Option<&'a RawValue>,
    #[serde(default, rename = "isError")]
    is_error: Option<bool>,
}

#[derive(Deserialize, Default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    /// The literal as it stands, quotes and escapes included.
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Unwrapped<'a> {
    /// JSON of the value.
    Value(String),
    /// Blocks of which some are images or other files.
    Mixed(Vec<Piece<'a>>),
    /// The tool says it failed, in these words.
    Failed(String),
}

/// One block of a result.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// JSON of its value.
    Value(String),
    File(File<'a>),
}

/// An image, a sound or another file in a result.
#[derive(Debug)]
pub(crate) struct File<'a> {
    /// As the server sent it.
    pub(crate) block: &'a RawValue,
    pub(crate) base64: Cow<'a, str>,
    pub(crate) mime_type: Option<Cow<'a, str>>,
    pub(crate) uri: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct FileBlock<'a> {
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "mimeType")]
    mime_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resource: Option<Resource<'a>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    uri: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "mimeType")]
    mime_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    blob: Option<Cow<'a, str>>,
}

/// How a result is to be read, as its tool's schema says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// The tool declares an output schema, so text is text even when it looks like JSON.
    pub(crate) declared: bool,
    /// Structured content is `{"result": …}` around the value.
    pub(crate) wrapped: bool,
}

impl Reading {
    pub(crate) fn of(tool: &catalog::Tool) -> Reading {
        let Some(schema) = tool.output_schema() else {
            return Reading::default();
        };
        let sole_result = schema
            .get("properties")
            .and_then(|properties| properties.as_object())
            .is_some_and(|properties| properties.len() == 1 && properties.contains_key("result"));
        let marked = schema
            .get("x-fastmcp-wrap-result")
            .and_then(|mark| mark.as_bool())
            == Some(true);
        Reading {
            declared: true,
            wrapped: sole_result || marked,
        }
    }
}

/// Takes the value out of a result: structured content, else JSON in the text, else the text.
///
/// # Errors
/// The result is not a `CallToolResult`; the message says what is wrong with it.
pub(crate) fn unwrap(result: &RawValue, reading: Reading) -> Result<Unwrapped<'_>, String> {
    let envelope: Envelope =
        serde_json::from_str(result.get()).map_err(|error| error.to_string())?;
    let content = envelope.content.unwrap_or_default();
    if envelope.is_error == Some(true) {
        let mut words = content
            .iter()
            .filter_map(|block| text_of(block))
            .collect::<Vec<_>>()
            .join("\n");
        if words.is_empty() {
            words = envelope
                .structured
                .map_or("no reason given".to_owned(), |value| value.get().to_owned());
        }
        return Ok(Unwrapped::Failed(
            words.chars().take(ERROR_CHARACTERS).collect(),
        ));
    }
    if let Some(structured) = envelope.structured
        && structured.get() != "null"
    {
        return Ok(Unwrapped::Value(if reading.wrapped {
            inner(structured)
        } else {
            structured.get().to_owned()
        }));
    }
    let mut pieces = Vec::with_capacity(content.len());
    for block in content {
        let Block { kind, text } = serde_json::from_str(block.get()).unwrap_or_default();
        let piece = match &*kind {
            "text" => Piece::Value(value_of(block, text, reading)),
            "image" | "audio" | "resource" => match file_of(block) {
                Some(file) => Piece::File(file),
                None => Piece::Value(block.get().to_owned()),
            },
            _ => Piece::Value(block.get().to_owned()),
        };
        pieces.push(piece);
    }
    if pieces.iter().any(|piece| matches!(piece, Piece::File(_))) {
        return Ok(Unwrapped::Mixed(pieces));
    }
    Ok(Unwrapped::Value(joined(pieces, |file| {
        file.block.get().to_owned()
    })))
}

/// The JSON of several blocks: of none null, of one its own, else an array.
pub(crate) fn joined<'a>(
    pieces: Vec<Piece<'a>>,
    mut of_file: impl FnMut(File<'a>) -> String,
) -> String {
    let mut values: Vec<String> = pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Value(value) => value,
            Piece::File(file) => of_file(file),
        })
        .collect();
    match values.len() {
        0 => "null".to_owned(),
        1 => values.remove(0),
        _ => format!("[{}]", values.join(",")),
    }
}

/// The file in a block; a resource may be a text, which is its own value.
fn file_of(block: &RawValue) -> Option<File<'_>> {
    let FileBlock {
        data,
        mime_type,
        resource,
    } = serde_json::from_str(block.get()).ok()?;
    if let Some(base64) = data {
        return Some(File {
            block,
            base64,
            mime_type,
            uri: None,
        });
    }
    let resource = resource?;
    Some(File {
        block,
        base64: resource.blob?,
        mime_type: resource.mime_type,
        uri: resource.uri,
    })
}

/// The value inside `{"result": …}`, if that is all there is.
fn inner(structured: &RawValue) -> String {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        result: &'a RawValue,
    }
    serde_json::from_str::<Wrapped>(structured.get()).map_or_else(
        |_| structured.get().to_owned(),
        |wrapped| wrapped.result.get().to_owned(),
    )
}

fn text_of(block: &RawValue) -> Option<String> {
    let block: Block = serde_json::from_str(block.get()).ok()?;
    let literal = (block.kind == "text").then_some(block.text).flatten()?;
    serde_json::from_str(literal.get()).ok()
}

/// A text block as a value: JSON in a text when it begins like an object or an array and parses whole
/// (scalars stay text), else the text; a block without a text as it is.
///
/// A text that stays text is already the JSON of itself, so its bytes are passed on undecoded.
fn value_of(block: &RawValue, text: Option<&RawValue>, reading: Reading) -> String {
    let Some(literal) = text.filter(|text| text.get().starts_with('"')) else {
        return block.get().to_owned();
    };
    if !reading.declared
        && looks_like_json(literal.get())
        && let Ok(text) = serde_json::from_str::<String>(literal.get())
        && serde_json::from_str::<&RawValue>(&text).is_ok()
    {
        return text;
    }
    literal.get().to_owned()
}

/// Whether the first character of a string, past white space, opens an object or an array.
fn looks_like_json(literal: &str) -> bool {
    let mut rest = &literal[1..];
    loop {
        rest = rest.trim_start_matches(' ');
        match ["\\n", "\\r", "\\t"]
            .iter()
            .find_map(|space| rest.strip_prefix(space))
        {
            Some(after) => rest = after,
            None => return rest.starts_with(['{', '[']),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(result: &str, reading: Reading, expected: Result<&str, &str>) {
        let raw = RawValue::from_string(result.to_owned()).unwrap();
        match (unwrap(&raw, reading), expected) {
            (Ok(Unwrapped::Value(value)), Ok(expected)) => assert_eq!(value, expected, "{result}"),
            (Ok(Unwrapped::Failed(words)), Err(expected)) => {
                assert_eq!(words, expected, "{result}")
            }
            (Ok(Unwrapped::Mixed(pieces)), Ok(expected)) => {
                let value = joined(pieces, |file| {
                    let name = file.mime_type.or(file.uri).unwrap_or_default();
                    format!("<{name} {}>", file.base64)
                });
                assert_eq!(value, expected, "{result}");
            }
            (other, _) => panic!("{result}: {other:?}"),
        }
    }

    #[test]
    fn files_are_found_among_the_blocks() {
        let image = r#"{"type":"image","data":"AA==","mimeType":"image/png"}"#;
        let text = r#"{"type":"text","text":"[1]"}"#;
        let blob = r#"{"type":"resource","resource":{"uri":"file:///a","blob":"A\u0041=="}}"#;
        for (blocks, expected) in [
            (vec![image], "<image/png AA==>"),
            (
                vec![text, image, blob],
                "[[1],<image/png AA==>,<file:///a AA==>]",
            ),
        ] {
            let result = format!(r#"{{"content":[{}]}}"#, blocks.join(","));
            check(&result, Reading::default(), Ok(expected));
        }
    }

    #[test]
    fn the_value_is_found_where_servers_put_it() {
        let plain = Reading::default();
        let declared = Reading {
            declared: true,
            wrapped: false,
        };
        let wrapped = Reading {
            declared: true,
            wrapped: true,
        };
        let text = |text: &str| {
            format!(
                r#"{{"content":[{{"type":"text","text":{}}}]}}"#,
                serde_json::to_string(text).unwrap()
            )
        };
        check(
            r#"{"content":[],"structuredContent":{"n":123456789012345678901.50}}"#,
            declared,
            Ok(r#"{"n":123456789012345678901.50}"#),
        );
        check(
            r#"{"structuredContent":{"result":[1]}}"#,
            wrapped,
            Ok("[1]"),
        );
        check(
            r#"{"structuredContent":{"result":1,"more":2}}"#,
            wrapped,
            Ok(r#"{"result":1,"more":2}"#),
        );
        check(
            r#"{"structuredContent":{"result":[1]}}"#,
            plain,
            Ok(r#"{"result":[1]}"#),
        );
        check(&text(r#"{"a":1}"#), plain, Ok(r#"{"a":1}"#));
        check(&text(r#" [1,2]"#), plain, Ok(" [1,2]"));
        check(&text(r#"{"a":1}"#), declared, Ok(r#""{\"a\":1}""#));
        check(&text("{not json"), plain, Ok(r#""{not json""#));
        check(&text("\n\t {\"a\":1}"), plain, Ok("\n\t {\"a\":1}"));
        check(
            &text("\u{1}{é\n"),
            plain,
            Ok(&serde_json::to_string("\u{1}{é\n").unwrap()),
        );
        check(
            r#"{"content":[{"type":"text","text":5}]}"#,
            plain,
            Ok(r#"{"type":"text","text":5}"#),
        );
        check(&text("42"), plain, Ok(r#""42""#));
        check(r#"{"content":[]}"#, plain, Ok("null"));
        check(
            r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"[1]"}]}"#,
            plain,
            Ok(r#"["a",[1]]"#),
        );
        // A resource that is a text is a value; so is a link, and what is no file after all.
        for block in [
            r#"{"type":"resource","resource":{"uri":"a:b","text":"x"}}"#,
            r#"{"type":"resource_link","uri":"a:b","name":"n"}"#,
            r#"{"type":"image","data":5,"mimeType":"image/png"}"#,
            r#"{"type":5,"text":"x"}"#,
        ] {
            check(&format!(r#"{{"content":[{block}]}}"#), plain, Ok(block));
        }
        check(
            r#"{"isError":true,"content":[{"type":"text","text":"Not Found"}]}"#,
            plain,
            Err("Not Found"),
        );
        check(r#"{"isError":true}"#, plain, Err("no reason given"));
        assert!(unwrap(&RawValue::from_string("[1]".into()).unwrap(), plain).is_err());
        assert!(
            unwrap(
                &RawValue::from_string(r#"{"content":5}"#.into()).unwrap(),
                plain
            )
            .is_err()
        );
    }
}
