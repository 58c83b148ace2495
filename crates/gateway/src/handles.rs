//! Handles: what a program gets in place of an image or another file, and what stands for them among
//! the arguments of its next calls.
//!
//! A handle among arguments is a string of the run's mark, which no server has ever seen, how it is
//! meant, and the handle: `=r_9/items/0` is the value there or a file's Base64, `@r_9` a data URL.
//! What a server says is therefore never taken for a handle, whatever it says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use protocol::{Call, ErrorCode, Form, Handle, Handles, Part, Raise};
use results::{Content, Error, MediaType, Results, Stored};
use serde_json::value::RawValue;

use crate::Session;
use crate::call::Returned;
use crate::output::thousands;
use crate::results::{self as kept, handle_of_file, raised};
use crate::value::{File, Piece, joined};

/// How many files of one result are kept: half of what a session keeps, so that none of them has gone
/// before the program comes to it.
const FILES: usize = 500;

/// The files of a result by handle, between its other values, and how many of them were left out.
pub(crate) async fn held(
    session: &Session,
    pieces: Vec<Piece<'_>>,
) -> Result<(Returned, usize), Raise> {
    let mut files = Files::of(session);
    let mut parts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        parts.push(match piece {
            Piece::Value(value) => Part::Value(raw(value)?),
            Piece::File(file) => files.keep(&file).await?,
        });
    }
    let held = Returned::Handles(Handles {
        alone: parts.len() == 1,
        parts,
    });
    Ok((held, files.left_out()))
}

/// All of a result by one handle, and how many of its files were left out; a file alone is its own.
pub(crate) async fn kept_whole(
    session: &Session,
    mut pieces: Vec<Piece<'_>>,
) -> Result<(Returned, usize), Raise> {
    let mut files = Files::of(session);
    let handle = match &pieces[..] {
        [Piece::File(_)] => return held(session, pieces).await,
        [Piece::Value(_)] => {
            let Some(Piece::Value(json)) = pieces.pop() else {
                unreachable!("it is one value");
            };
            kept::keep_value(session, json).await
        }
        _ => {
            let mut values = Vec::with_capacity(pieces.len());
            for piece in pieces {
                values.push(match piece {
                    Piece::Value(value) => Piece::Value(value),
                    Piece::File(file) => Piece::Value(match files.keep(&file).await? {
                        Part::Handle(handle) => shown(&handle),
                        Part::Value(value) => value.get().to_owned(),
                    }),
                });
            }
            let json = joined(values, |file| file.block.get().to_owned());
            kept::keep_value(session, json).await
        }
    };
    let held = Returned::Handles(Handles {
        alone: true,
        parts: vec![Part::Handle(handle.map_err(raised)?)],
    });
    Ok((held, files.left_out()))
}

/// What is said of files that were left out of a tool's result.
pub(crate) fn left_out(tool: &str, count: usize) -> String {
    format!(
        "{tool} returned {} files at once, of which the first {FILES} are kept; ask it for fewer",
        thousands(count + FILES)
    )
}

/// The files of one result.
struct Files<'a> {
    session: &'a Session,
    count: usize,
}

impl Files<'_> {
    fn of(session: &Session) -> Files<'_> {
        Files { session, count: 0 }
    }

    fn left_out(&self) -> usize {
        self.count.saturating_sub(FILES)
    }

    /// Keeps a file, or says in its place that it is left out. One whose data is not Base64 is passed on
    /// as it is.
    async fn keep(&mut self, file: &File<'_>) -> Result<Part, Raise> {
        let media = MediaType::parse(file.mime_type.as_deref().unwrap_or_default());
        self.count += 1;
        if self.count > FILES {
            let said = format!("the first {FILES} files of a result are kept");
            let instead = serde_json::json!({
                "type": media.kind(),
                "mimeType": media.as_str(),
                "left_out": said,
            });
            return Ok(Part::Value(raw(instead.to_string())?));
        }
        let Ok(bytes) = BASE64.decode(file.base64.as_bytes()) else {
            return Ok(Part::Value(file.block.to_owned()));
        };
        // The tool has run: without room for the file the program gets the block as it came.
        let Ok(kept) = kept::keep(self.session, Content::Media(media), bytes).await else {
            return Ok(Part::Value(file.block.to_owned()));
        };
        let handle = handle_of_file(&kept).expect("it was kept as a file");
        Ok(Part::Handle(Handle {
            id: Some(kept.id()),
            uri: file.uri.as_deref().map(str::to_owned),
            ..handle
        }))
    }
}

/// A handle as an agent sees it.
pub(crate) fn shown(handle: &Handle) -> String {
    let mut json = serde_json::to_value(handle).expect("it has string keys");
    if let Some(members) = json.as_object_mut() {
        let id = members.shift_remove("id").unwrap_or_default();
        if handle.mime_type.is_some() {
            members.shift_remove("length");
        }
        members.shift_insert(0, "$handle".to_owned(), id);
    }
    json.to_string()
}

fn raw(json: String) -> Result<Box<RawValue>, Raise> {
    RawValue::from_string(json)
        .map_err(|error| Raise::new(ErrorCode::Protocol, format!("it is no JSON: {error}")))
}

/// A call in which what handles stood for stands itself.
pub(crate) struct Filled {
    path: String,
    positional: Vec<Box<RawValue>>,
    named: Vec<(String, Box<RawValue>)>,
    form: Form,
}

/// Whether there are handles among the arguments.
pub(crate) fn stand_in(call: &Call, mark: &str) -> bool {
    let named = call.named.0.iter().map(|(_, json)| json);
    call.positional
        .iter()
        .chain(named)
        .any(|json| json.get().contains(mark))
}

impl Filled {
    /// Puts what handles stand for in their places; together at most `most` bytes.
    pub(crate) async fn of(
        session: &Session,
        call: Call<'_>,
        mark: &str,
        most: u64,
    ) -> Result<Filled, Raise> {
        let mark = format!("\"{mark}");
        let mut left = most;
        let mut positional = Vec::with_capacity(call.positional.len());
        for json in call.positional {
            positional.push(filled(session, json, &mark, &mut left).await?);
        }
        let mut named = Vec::with_capacity(call.named.0.len());
        for (name, json) in call.named.0 {
            named.push((name, filled(session, json, &mark, &mut left).await?));
        }
        Ok(Filled {
            path: call.path,
            positional,
            named,
            form: call.form,
        })
    }

    /// Of all its arguments.
    pub(crate) fn bytes(&self) -> usize {
        let named = self.named.iter().map(|(_, json)| json);
        let arguments = self.positional.iter().chain(named);
        arguments.map(|json| json.get().len()).sum()
    }

    pub(crate) fn call(&self) -> Call<'_> {
        let named = self.named.iter();
        Call {
            path: self.path.clone(),
            positional: self.positional.iter().map(|json| &**json).collect(),
            named: protocol::message::Named(
                named.map(|(name, json)| (name.clone(), &**json)).collect(),
            ),
            form: self.form,
        }
    }
}

async fn filled(
    session: &Session,
    json: &RawValue,
    mark: &str,
    left: &mut u64,
) -> Result<Box<RawValue>, Raise> {
    let mut rest = json.get();
    let mut out = String::new();
    while let Some(at) = rest.find(mark) {
        out.push_str(&rest[..at]);
        let literal = first_value(&rest[at..])?;
        rest = &rest[at + literal.len()..];
        let written: String = serde_json::from_str(literal)
            .map_err(|error| Raise::new(ErrorCode::Protocol, error.to_string()))?;
        let most = *left;
        let what = meant(&written[mark.len() - 1..])?;
        let text = kept::of(session, move |results| what.text(results, most))
            .await
            .map_err(|error| match error {
                Error::Larger { bytes, most, .. } => Raise::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "what the handles among the arguments hold is too large for one call: {bytes} bytes, where {most} are left; pass a part of it"
                    ),
                ),
                other => raised(other),
            })?;
        *left = left.saturating_sub(text.len() as u64);
        out.push_str(&text);
    }
    out.push_str(rest);
    // A mark that stood for the name of a member makes none.
    raw(out).map_err(|_| {
        Raise::new(
            ErrorCode::InvalidArgument,
            "a handle stands for a value, not for a name",
        )
    })
}

/// The value that a text begins with.
fn first_value(text: &str) -> Result<&str, Raise> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(value)) => Ok(value.get()),
        _ => Err(Raise::new(ErrorCode::Protocol, "an argument is no JSON")),
    }
}

/// What is to stand in a handle's place.
enum What {
    Itself { id: String, pointer: String },
    DataUrl { id: String },
}

fn meant(written: &str) -> Result<What, Raise> {
    let (how, handle) = written.split_at_checked(1).unwrap_or_default();
    let (id, pointer) = match handle.find('/') {
        Some(at) => handle.split_at(at),
        None => (handle, ""),
    };
    match how {
        "=" => Ok(What::Itself {
            id: id.to_owned(),
            pointer: pointer.to_owned(),
        }),
        "@" => Ok(What::DataUrl { id: id.to_owned() }),
        _ => Err(Raise::new(
            ErrorCode::InvalidArgument,
            "an argument has a handle that is none",
        )),
    }
}

impl What {
    /// JSON of it.
    fn text(&self, results: &Results, most: u64) -> Result<String, Error> {
        match self {
            What::Itself { id, pointer } => {
                let stored = results.open(id)?;
                if pointer.is_empty() && stored.kept().content != Content::Json {
                    return Ok(format!("\"{}\"", base64_of(&stored, most)?));
                }
                let json = stored.part(pointer)?.json(most)?;
                String::from_utf8(json).map_err(|_| Error::Damaged {
                    id: id.clone(),
                    reason: "it is not UTF-8".into(),
                })
            }
            What::DataUrl { id } => {
                let stored = results.open(id)?;
                let Content::Media(media) = &stored.kept().content else {
                    return Err(Error::NotThere {
                        id: id.clone(),
                        pointer: String::new(),
                        reason: "a value has no data URL".into(),
                    });
                };
                let base64 = base64_of(&stored, most)?;
                // A media type holds nothing that JSON escapes.
                Ok(format!("\"data:{};base64,{base64}\"", media.as_str()))
            }
        }
    }
}

fn base64_of(stored: &Stored, most: u64) -> Result<String, Error> {
    let bytes = stored.kept().bytes;
    let longer = bytes.div_ceil(3) * 4 + 2;
    if longer > most {
        return Err(Error::Larger {
            id: stored.kept().id(),
            bytes: longer,
            most,
        });
    }
    Ok(BASE64.encode(stored.bytes(0..bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_as_it_is_meant() {
        let check = |written: &str, expected: &str| {
            let found = match meant(written) {
                Ok(What::Itself { id, pointer }) => format!("value {id} {pointer:?}"),
                Ok(What::DataUrl { id }) => format!("url {id}"),
                Err(raised) => raised.message,
            };
            assert_eq!(found, expected, "{written}");
        };
        check("=r_9", "value r_9 \"\"");
        check("=r_9/a/b~1c", "value r_9 \"/a/b~1c\"");
        check("@r_9", "url r_9");
        for none in ["", "r_9", "é=r_9"] {
            check(none, "an argument has a handle that is none");
        }
    }

    #[test]
    fn a_handle_is_shown_with_its_name_first() {
        let handle = Handle {
            id: Some("r_3".into()),
            kind: "image".into(),
            length: Some(2),
            bytes: 2,
            mime_type: Some("image/png".into()),
            uri: None,
        };
        assert_eq!(
            shown(&handle),
            r#"{"$handle":"r_3","type":"image","mimeType":"image/png","bytes":2}"#
        );
    }
}
