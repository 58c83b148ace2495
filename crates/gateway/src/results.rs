//! Values too large for an answer, and programs that read them by handle.
//!
//! Files are read and written off the gateway's thread. What a program asks for is looked up in its
//! own session, so a handle of another one is as unknown as none.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use protocol::{ErrorCode, Handle, Raise};
use results::{Content, Error, Kept, Results, Stored};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::Session;

/// The path by which programs read kept values; their runtimes make it look like an object.
pub(crate) const OPEN_RESULT: &str = "open_result";

/// A slice that a program asks for is cut here, and it asks for the next.
const SLICE_BYTES: u64 = 1 << 20;

/// What all reads of this process have in memory at once, in KiB; more wait for them, and for how long.
static READING: Semaphore = Semaphore::const_new(256 << 10);
const WAIT: Duration = Duration::from_secs(30);

/// Takes part of the memory that there is for reads, until it is dropped.
pub(crate) async fn room(bytes: u64) -> Result<SemaphorePermit<'static>, String> {
    let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
    match timeout(WAIT, READING.acquire_many(kib)).await {
        Ok(Ok(room)) => Ok(room),
        _ => Err(format!(
            "other reads of kept results have taken all the memory for them for {} s; read again, or less at once",
            WAIT.as_secs()
        )),
    }
}

/// What a program reads of a kept value, and the memory that it takes until it is on its way to it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) json: String,
    _room: SemaphorePermit<'static>,
    /// A program has one such at once: it waits for who does not take what it asked for.
    _one: OwnedMutexGuard<()>,
}

/// Keeps the JSON of a value, or a file, for later programs of the session.
pub(crate) async fn keep(
    session: &Session,
    content: Content,
    bytes: impl AsRef<[u8]> + Send + 'static,
) -> Result<Kept, Error> {
    of(session, move |results| {
        results.keep(content, bytes.as_ref())
    })
    .await
}

/// Keeps the JSON of a value and says what it is.
pub(crate) async fn keep_value(session: &Session, json: String) -> Result<Handle, Error> {
    of(session, move |results| {
        let kept = results.keep(Content::Json, json.as_bytes())?;
        drop(json);
        let handle = outline(&results.open(&kept.id())?, "")?;
        Ok(Handle {
            id: Some(kept.id()),
            ..handle
        })
    })
    .await
}

/// What a program is told of a file that is kept.
pub(crate) fn handle_of_file(kept: &Kept) -> Option<Handle> {
    let Content::Media(media) = &kept.content else {
        return None;
    };
    Some(Handle {
        id: None,
        kind: media.kind().to_owned(),
        length: Some(kept.bytes),
        bytes: kept.bytes,
        mime_type: Some(media.as_str().to_owned()),
        uri: None,
    })
}

/// Answers a program's call of [`OPEN_RESULT`]: what a part is, all of it, or a slice; at most `most`
/// bytes. It is measured before it is loaded.
pub(crate) async fn read(
    session: &Session,
    call: &protocol::Call<'_>,
    most: u64,
    one: OwnedMutexGuard<()>,
) -> Result<Read, Raise> {
    let question = Arc::new(Question::of(call).map_err(invalid)?);
    let mut bytes = SLICE_BYTES;
    loop {
        let room = room(bytes)
            .await
            .map_err(|message| Raise::new(ErrorCode::Busy, message))?;
        let question = question.clone();
        match of(session, move |results| question.answer(results, bytes)).await {
            Ok(json) => {
                return Ok(Read {
                    json,
                    _room: room,
                    _one: one,
                });
            }
            Err(Error::Larger { bytes: found, .. }) if bytes < found && found <= most => {
                bytes = found;
            }
            Err(Error::Larger { id, bytes, .. }) => {
                return Err(raised(Error::Larger { id, bytes, most }));
            }
            Err(error) => return Err(raised(error)),
        }
    }
}

/// An error as a program gets it.
pub(crate) fn raised(error: Error) -> Raise {
    let code = match error {
        Error::Io { .. } | Error::Damaged { .. } => ErrorCode::Exception,
        Error::TooLarge { .. } | Error::InUse { .. } => ErrorCode::LimitOutput,
        _ => ErrorCode::InvalidArgument,
    };
    Raise::new(code, error.to_string())
}

fn outline(stored: &Stored, pointer: &str) -> Result<Handle, Error> {
    if pointer.is_empty()
        && let Some(handle) = handle_of_file(stored.kept())
    {
        return Ok(handle);
    }
    let outline = stored.part(pointer)?.outline()?;
    Ok(Handle {
        id: None,
        kind: outline.kind.to_owned(),
        length: outline.length,
        bytes: outline.bytes,
        mime_type: None,
        uri: None,
    })
}

/// Does blocking work on what a session keeps, off the gateway's thread.
pub(crate) async fn of<T: Send + 'static>(
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

    /// Of a value, an element or a line at most `most` bytes.
    fn answer(&self, results: &Results, most: u64) -> Result<String, Error> {
        let stored = results.open(&self.id)?;
        if let Wants::Outline = self.wants {
            let outline = outline(&stored, &self.at)?;
            return Ok(serde_json::to_string(&outline).expect("it has string keys"));
        }
        if let (Content::Media(_), "", Wants::Slice(range)) =
            (&stored.kept().content, &*self.at, &self.wants)
        {
            let end = range.end.min(range.start.saturating_add(SLICE_BYTES));
            let bytes = stored.bytes(range.start..end)?;
            let end = range.start.saturating_add(bytes.len() as u64);
            return Ok(json!({
                "end": end,
                "is_last": end >= stored.kept().bytes,
                "items": BASE64.encode(bytes),
            })
            .to_string());
        }
        let part = stored.part(&self.at)?;
        let slice = match &self.wants {
            Wants::Outline | Wants::Value => return text(part.json(most)?),
            Wants::Slice(range) => part.slice(range.clone(), SLICE_BYTES, most)?,
            Wants::Lines(range) => part.lines(range.clone(), SLICE_BYTES, most)?,
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
