//! What a program shows to the agent: images and other files, beside the text of its answer.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use protocol::{ErrorCode, Raise};
use results::{Content, MediaType};
use serde_json::value::RawValue;

use crate::Session;
use crate::call::Returned;
use crate::lock;
use crate::resources;
use crate::results::{self as kept, raised};

/// The path by which programs show something.
pub(crate) const SHOW: &str = "show";
/// How many files one answer holds, and how much they may have together: clients hand an image of 5 MB
/// of Base64 to a model, and no larger one.
const MOST_FILES: usize = 4;
const MOST_BYTES: u64 = 3 << 20;

/// A file that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its handle in the session.
    pub id: String,
    /// As a resource.
    pub uri: String,
    /// `image`, `audio` or `file`.
    pub kind: &'static str,
    pub mime_type: String,
    pub bytes: u64,
    pub base64: String,
}

impl Shown {
    /// What is in a file of a text's type, if that is one.
    pub(crate) fn text(&self) -> Option<String> {
        if !resources::is_text(&self.mime_type) {
            return None;
        }
        String::from_utf8(BASE64.decode(&self.base64).ok()?).ok()
    }
}

/// What one program has shown, in its order.
#[derive(Debug, Default)]
pub(crate) struct Showing(Mutex<Vec<Shown>>);

impl Showing {
    pub(crate) fn all(&self) -> Vec<Shown> {
        lock(&self.0).clone()
    }

    /// Whether one more fits. What is shown already costs nothing more.
    fn fits(shown: &[Shown], id: &str, bytes: u64) -> Result<bool, Raise> {
        if shown.iter().any(|one| one.id == id) {
            return Ok(false);
        }
        let held: u64 = shown.iter().map(|one| one.bytes).sum();
        if shown.len() == MOST_FILES || held + bytes > MOST_BYTES {
            return Err(Raise::new(
                ErrorCode::LimitOutput,
                format!(
                    "{id} ({bytes} bytes) is too much to show: an answer shows {MOST_FILES} files of together {MOST_BYTES} bytes, and {} of {held} bytes are shown already. Show fewer or smaller ones; it stays kept as results.open({id:?})",
                    shown.len()
                ),
            ));
        }
        Ok(true)
    }

    /// Answers a program's call of [`SHOW`]: with `id` what is kept, with `data` a file of its own.
    pub(crate) async fn show(
        &self,
        session: &Session,
        call: &protocol::Call<'_>,
    ) -> Result<Returned, Raise> {
        let invalid = |message: &str| Raise::new(ErrorCode::InvalidArgument, message);
        let argument = |name: &str| -> Option<String> {
            let named = call.named.0.iter().find(|(given, _)| given == name);
            let text = |json: &RawValue| serde_json::from_str(json.get()).ok();
            named.and_then(|(_, json)| text(json))
        };
        let id = match (argument("id"), argument("data")) {
            (Some(id), _) => id,
            (None, Some(data)) => {
                let media = MediaType::parse(&argument("mimeType").unwrap_or_default());
                let bytes = BASE64
                    .decode(data)
                    .map_err(|_| invalid("show was given data that is not Base64"))?;
                let content = Content::Media(media);
                kept::keep(session, content, bytes)
                    .await
                    .map_err(raised)?
                    .id()
            }
            (None, None) => {
                return Err(invalid(
                    "show takes an image or another file of a tool's result: show(handle)",
                ));
            }
        };
        let before = self.all();
        let named = session.id().to_owned();
        let shown = kept::of(session, move |results| {
            let stored = results.open(&id)?;
            let kept = stored.kept();
            let Content::Media(media) = &kept.content else {
                return Ok(Err(Raise::new(
                    ErrorCode::InvalidArgument,
                    format!("{id} is a value, not a file: print what is wanted of it"),
                )));
            };
            match Showing::fits(&before, &kept.id(), kept.bytes) {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(None)),
                Err(refused) => return Ok(Err(refused)),
            }
            Ok(Ok(Some(Shown {
                id: kept.id(),
                uri: resources::uri(Some(&named), &kept.id()),
                kind: media.kind(),
                mime_type: media.as_str().to_owned(),
                bytes: kept.bytes,
                base64: BASE64.encode(stored.bytes(0..kept.bytes)?),
            })))
        })
        .await
        .map_err(raised)??;
        if let Some(shown) = shown {
            let mut all = lock(&self.0);
            // Others may have been shown while this one was read.
            if Showing::fits(&all, &shown.id, shown.bytes)? {
                all.push(shown);
            }
        }
        Ok(Returned::Json("null".to_owned()))
    }
}
