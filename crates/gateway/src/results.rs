//! Values too large for an answer, and programs that read them by handle.
//!
//! Files are read and written off the gateway's thread. What a program asks for is looked up in its
//! own session, so a handle of another one is as unknown as none.

use std::ops::Range;
use std::sync::Arc;

use protocol::{ErrorCode, Raise};
use results::{Error, Kept, Results};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Session;
use crate::call::Answer;

/// The path by which programs read kept values; their runtimes make it look like an object.
pub(crate) const OPEN_RESULT: &str = "open_result";

/// A slice that a program asks for is cut here, and it asks for the next.
const SLICE_BYTES: u64 = 1 << 20;

/// Keeps a value for later programs of the session.
pub(crate) async fn keep(session: &Session, json: Box<RawValue>) -> Result<Kept, Error> {
    of(session, move |results| results.keep(json.get().as_bytes())).await
}

/// Answers a program's call of [`OPEN_RESULT`]: what a part is, all of it, or a slice.
pub(crate) async fn read(session: &Session, call: &protocol::Call<'_>) -> Answer {
    let question = Question::of(call).map_err(invalid)?;
    of(session, move |results| question.answer(results))
        .await
        .map_err(|error| {
            let code = match error {
                Error::Io { .. } | Error::Damaged { .. } => ErrorCode::Exception,
                Error::TooLarge { .. } => ErrorCode::LimitOutput,
                _ => ErrorCode::InvalidArgument,
            };
            Raise::new(code, error.to_string())
        })
}

async fn of<T: Send + 'static>(
    session: &Session,
    work: impl FnOnce(&Results) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let results: Arc<Results> = session.results().clone();
    tokio::task::spawn_blocking(move || work(&results))
        .await
        .unwrap_or_else(|_| {
            Err(Error::Damaged {
                id: "the result".into(),
                reason: "reading it failed, which is a fault of toolmill".into(),
            })
        })
}

/// What a program wants to know of a kept value.
struct Question {
    id: String,
    /// A JSON pointer.
    at: String,
    wants: Wants,
}

enum Wants {
    Outline,
    Value,
    Slice(Range<u64>),
    Lines(Range<u64>),
}

impl Question {
    fn of(call: &protocol::Call) -> Result<Question, String> {
        // Nested too deeply to be read, it is nothing that is asked for here.
        let read =
            |json: &RawValue| -> Value { serde_json::from_str(json.get()).unwrap_or_default() };
        let object = call.positional.first().map(|json| read(json));
        let argument = |name: &str| -> Value {
            let named = call.named.0.iter().find(|(given, _)| given == name);
            named
                .map(|(_, json)| read(json))
                .or_else(|| object.as_ref()?.get(name).cloned())
                .unwrap_or_default()
        };
        let text = |name: &str| argument(name).as_str().map(str::to_owned);
        let number = |name: &str, otherwise: u64| match argument(name) {
            Value::Null => Ok(otherwise),
            given => given
                .as_u64()
                .ok_or_else(|| format!("{name} must be a whole number from 0, is {given}")),
        };
        let range = number("from", 0)?..number("to", u64::MAX)?;
        Ok(Question {
            id: text("id").ok_or("open_result takes a handle: results.open(\"r_9\")")?,
            at: text("at").unwrap_or_default(),
            wants: match text("wants").as_deref() {
                None | Some("outline") => Wants::Outline,
                Some("value") => Wants::Value,
                Some("slice") => Wants::Slice(range),
                Some("lines") => Wants::Lines(range),
                Some(other) => return Err(format!("open_result knows no {other:?}")),
            },
        })
    }

    fn answer(&self, results: &Results) -> Result<String, Error> {
        let stored = results.open(&self.id)?;
        let part = stored.part(&self.at)?;
        let slice = match &self.wants {
            Wants::Outline => {
                let outline = part.outline()?;
                return Ok(json!({
                    "type": outline.kind,
                    "length": outline.length,
                    "bytes": outline.bytes,
                })
                .to_string());
            }
            Wants::Value => return text(part.json(u64::MAX)?),
            Wants::Slice(range) => part.slice(range.clone(), SLICE_BYTES)?,
            Wants::Lines(range) => part.lines(range.clone(), SLICE_BYTES)?,
        };
        Ok(format!(
            r#"{{"end":{},"is_last":{},"items":{}}}"#,
            slice.end,
            slice.is_last,
            text(slice.json)?
        ))
    }
}

fn text(json: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(json).map_err(|_| Error::Damaged {
        id: "the result".into(),
        reason: "it is not UTF-8".into(),
    })
}

fn invalid(message: String) -> Raise {
    Raise::new(ErrorCode::InvalidArgument, message)
}
