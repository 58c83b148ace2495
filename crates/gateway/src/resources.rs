//! What a session keeps, as resources of the agent's MCP server: `toolmill://results/r_9`.
//!
//! A handle is looked up in the caller's own session, or in the one that its URI names by its
//! unguessable id; what is a stranger's is unknown. No read is larger than what clients take, and each
//! that is cut says where to read on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use results::{Content, Error, Kept, Results, Stored};

use crate::Session;
use crate::output::BUDGET_BYTES;
use crate::results as kept;

const SCHEME: &str = "toolmill://results/";
/// What a read has at most that asks for no end: of a text as much as an answer has, of an image what
/// a model is shown.
const UNASKED_TEXT_BYTES: u64 = BUDGET_BYTES as u64;
const UNASKED_FILE_BYTES: u64 = 3 << 20;
/// What a read has at most that asks for more.
const ASKED_BYTES: u64 = 1 << 20;
/// What a read takes of memory at most: a file and its Base64, a text and its escapes.
const READ_BYTES: u64 = 8 << 20;
/// How many are listed at once.
const PAGE: usize = 100;

/// What clients are told of how to read.
pub(crate) const TEMPLATE: &str = "toolmill://results/{id}{?from,to,at}";
pub(crate) const TEMPLATE_OF_SESSION: &str = "toolmill://results/{session}/{id}{?from,to,at}";
pub(crate) const TEMPLATE_SAYS: &str = "A result that execute_code answered with a handle (r_9). from and to count bytes of JSON and of files, characters of a text; with at, a JSON pointer, the elements, members or characters there. Without to a read has at most 36,000 bytes (a file 3 MiB), with it 1 MiB; one that is cut names the URI to read on.";

/// A resource in a list.
pub(crate) struct Listed {
    pub(crate) uri: String,
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) bytes: u64,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// With the range that was read, if that is not all.
    pub(crate) uri: String,
    pub(crate) mime_type: String,
    pub(crate) body: Body,
    /// Where to read on, and why.
    pub(crate) next: Option<Next>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Text(String),
    /// Base64.
    Blob(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) uri: String,
    pub(crate) says: String,
}

/// Why something cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Unknown(String),
    Invalid(String),
}

/// The URI of a result; within its own session its handle is enough.
pub(crate) fn uri(session: Option<&str>, id: &str) -> String {
    match session {
        Some(session) => format!("{SCHEME}{session}/{id}"),
        None => format!("{SCHEME}{id}"),
    }
}

/// The newest results first, from the one at `cursor` on; and the cursor of the next page.
pub(crate) async fn list(
    session: &Session,
    cursor: Option<&str>,
    name_session: bool,
) -> Result<(Vec<Listed>, Option<String>), Refused> {
    let from: usize = match cursor {
        None => 0,
        Some(cursor) => cursor
            .parse()
            .map_err(|_| Refused::Invalid(format!("{cursor:?} is no cursor of a list here")))?,
    };
    let all = kept::of(session, Results::list).await.map_err(refused)?;
    let named = name_session.then(|| session.id());
    let listed: Vec<Listed> = all
        .iter()
        .rev()
        .skip(from)
        .take(PAGE)
        .map(|kept| Listed {
            uri: uri(named, &kept.id()),
            name: kept.id(),
            mime_type: mime_type(kept).to_owned(),
            bytes: kept.bytes,
        })
        .collect();
    let end = from.saturating_add(listed.len());
    Ok((listed, (end < all.len()).then(|| end.to_string())))
}

fn mime_type(kept: &Kept) -> &str {
    match &kept.content {
        Content::Json => "application/json",
        Content::Media(media) => media.as_str(),
    }
}

/// What a URI asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) session: Option<String>,
    id: String,
    from: u64,
    to: Option<u64>,
    at: Option<String>,
}

impl Wanted {
    pub(crate) fn parse(uri: &str) -> Result<Wanted, Refused> {
        let unknown = || {
            let uri: String = uri.chars().take(200).collect();
            Refused::Unknown(format!(
                "there is no resource {uri}; they are {TEMPLATE}, where {{id}} is a handle (r_9) that execute_code answered with"
            ))
        };
        let path = uri.strip_prefix(SCHEME).ok_or_else(unknown)?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (session, id) = match path.split_once('/') {
            Some((session, id)) => (Some(session.to_owned()), id),
            None => (None, path),
        };
        let mut wanted = Wanted {
            session,
            id: id.to_owned(),
            from: 0,
            to: None,
            at: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number = || {
                value.parse().map_err(|_| {
                    Refused::Invalid(format!("{name} must be a whole number, is {value:?}"))
                })
            };
            match name {
                "from" => wanted.from = number()?,
                "to" => wanted.to = Some(number()?),
                "at" => wanted.at = Some(decoded(value)?),
                other => {
                    return Err(Refused::Invalid(format!(
                        "{other:?} is no part of {TEMPLATE}"
                    )));
                }
            }
        }
        Ok(wanted)
    }

    /// Reads it in the session that was found for it.
    pub(crate) async fn read(&self, session: &Session) -> Result<Read, Refused> {
        let wanted = self.clone();
        let _room = kept::room(READ_BYTES).await.map_err(Refused::Invalid)?;
        kept::of(session, move |results| {
            let stored = results.open(&wanted.id)?;
            wanted.read_stored(&stored)
        })
        .await
        .unwrap_or_else(|error| Err(refused(error)))
    }

    /// What is said of a session that is not there, or not the caller's.
    pub(crate) fn unknown(&self) -> Refused {
        Refused::Unknown(format!("there is no result {:?} in this session", self.id))
    }

    fn read_stored(&self, stored: &Stored) -> Result<Result<Read, Refused>, Error> {
        let is_file = stored.kept().content.kind().is_some();
        match &self.at {
            Some(at) if !is_file => self.read_part(stored, at),
            Some(_) => Ok(Err(Refused::Invalid(format!(
                "{} is a file and has no parts: leave `at` out",
                self.id
            )))),
            None if is_file => self.read_bytes(stored),
            None => match stored.part("")?.kind() {
                "string" => self.read_part(stored, ""),
                _ => self.read_bytes(stored),
            },
        }
    }

    fn read_bytes(&self, stored: &Stored) -> Result<Result<Read, Refused>, Error> {
        let total = stored.kept().bytes;
        let mime_type = mime_type(stored.kept());
        let as_text = is_text(mime_type);
        let most = match self.to {
            Some(_) => ASKED_BYTES,
            None if as_text => UNASKED_TEXT_BYTES,
            None => UNASKED_FILE_BYTES,
        };
        let asked = self.to.unwrap_or(total).min(total);
        let end = asked.min(self.from.saturating_add(most));
        let mut bytes = stored.bytes(self.from..end)?;
        if as_text && end == asked {
            // A character that begins before the end is read whole: the rest of it is nobody's.
            let behind = stored.bytes(end.max(self.from)..end.saturating_add(3))?;
            let inside = behind.iter().take_while(|byte| is_inside(**byte));
            let mut longer = bytes.clone();
            longer.extend(inside);
            if std::str::from_utf8(&longer).is_ok() {
                bytes = longer;
            }
        }
        let body = if as_text {
            match text_of(bytes) {
                Ok(text) => Ok(Body::Text(text)),
                Err(Cut::Begins(bytes)) if mime_type == "application/json" => {
                    let at = bytes.iter().take_while(|byte| is_inside(**byte)).count();
                    return Ok(Err(Refused::Invalid(format!(
                        "byte {} is inside a character; the next begins at {}",
                        self.from,
                        self.from + at as u64
                    ))));
                }
                Err(Cut::Begins(bytes)) => Err(bytes),
            }
        } else {
            Err(bytes)
        };
        let (body, length) = match body {
            Ok(Body::Text(text)) => {
                let length = text.len() as u64;
                (Body::Text(text), length)
            }
            Ok(blob @ Body::Blob(_)) => (blob, 0),
            Err(bytes) => (Body::Blob(BASE64.encode(&bytes)), bytes.len() as u64),
        };
        let end = self.from.saturating_add(length);
        Ok(Ok(self.answered(body, mime_type, end, end < asked, || {
            format!("{total} bytes")
        })))
    }

    fn read_part(&self, stored: &Stored, at: &str) -> Result<Result<Read, Refused>, Error> {
        let part = stored.part(at)?;
        let kind = part.kind();
        let most = self.to.map_or(UNASKED_TEXT_BYTES, |_| ASKED_BYTES);
        if !matches!(kind, "array" | "object" | "string") {
            let json = lossy(part.json(ASKED_BYTES)?);
            let body = Body::Text(json);
            return Ok(Ok(self.answered(
                body,
                "application/json",
                0,
                false,
                String::new,
            )));
        }
        let to = self.to.unwrap_or(u64::MAX);
        let slice = match part.slice(self.from..to, most, ASKED_BYTES) {
            Err(Error::Larger { bytes, .. }) => {
                return Ok(Err(Refused::Invalid(format!(
                    "the one at {} has {bytes} bytes; read a part of it: at={at}/…",
                    self.from
                ))));
            }
            slice => slice?,
        };
        let is_cut = !slice.is_last && slice.end < to;
        let (body, mime_type, of) = match kind {
            "string" => {
                let text = slice.text().map_err(|error| Error::Damaged {
                    id: self.id.clone(),
                    reason: error.to_string(),
                })?;
                (Body::Text(text), "text/plain", "characters")
            }
            "array" => (
                Body::Text(lossy(slice.json)),
                "application/json",
                "elements",
            ),
            _ => (Body::Text(lossy(slice.json)), "application/json", "members"),
        };
        let from = self.from;
        Ok(Ok(self.answered(
            body,
            mime_type,
            slice.end,
            is_cut,
            || format!("{of} from {from} to {}", slice.end),
        )))
    }

    fn answered(
        &self,
        body: Body,
        mime_type: &str,
        end: u64,
        is_cut: bool,
        of: impl Fn() -> String,
    ) -> Read {
        let whole = self.from == 0 && self.to.is_none() && !is_cut;
        Read {
            uri: match whole {
                true => self.uri(None),
                false => self.uri(Some((self.from, Some(end)))),
            },
            mime_type: mime_type.to_owned(),
            body,
            next: is_cut.then(|| {
                let uri = self.uri(Some((end, self.to)));
                Next {
                    says: format!("cut: {}; read on at {uri}", of()),
                    uri,
                }
            }),
        }
    }

    /// The URI of another range of the same.
    fn uri(&self, range: Option<(u64, Option<u64>)>) -> String {
        let mut uri = uri(self.session.as_deref(), &self.id);
        let mut pairs = Vec::new();
        if let Some(at) = &self.at {
            pairs.push(format!("at={}", encoded(at)));
        }
        if let Some((from, to)) = range {
            pairs.push(format!("from={from}"));
            pairs.extend(to.map(|to| format!("to={to}")));
        }
        if !pairs.is_empty() {
            uri.push('?');
            uri.push_str(&pairs.join("&"));
        }
        uri
    }
}

fn refused(error: Error) -> Refused {
    match error {
        Error::Unknown { .. } | Error::Gone { .. } => Refused::Unknown(error.to_string()),
        _ => Refused::Invalid(error.to_string()),
    }
}

pub(crate) fn is_text(mime_type: &str) -> bool {
    mime_type.starts_with("text/")
        || ["/json", "+json", "/xml", "+xml"]
            .iter()
            .any(|end| mime_type.ends_with(end))
}

/// Why bytes are no text.
enum Cut {
    /// They begin inside a character, or are none anywhere.
    Begins(Vec<u8>),
}

/// The characters that are whole, from the first byte on.
fn text_of(mut bytes: Vec<u8>) -> Result<String, Cut> {
    if let Err(error) = std::str::from_utf8(&bytes) {
        if error.error_len().is_some() || (error.valid_up_to() == 0 && !bytes.is_empty()) {
            return Err(Cut::Begins(bytes));
        }
        bytes.truncate(error.valid_up_to());
    }
    Ok(lossy(bytes))
}

fn is_inside(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Undoes the escapes of a URI.
fn decoded(text: &str) -> Result<String, Refused> {
    let invalid = || Refused::Invalid(format!("{text:?} is not escaped as a URI is"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| (byte as char).to_digit(16));
        let (high, low) = (digit(), digit());
        bytes.push((high.ok_or_else(invalid)? << 4 | low.ok_or_else(invalid)?) as u8);
    }
    String::from_utf8(bytes).map_err(|_| invalid())
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use results::{MediaType, Quota};

    use super::*;

    fn stored(content: Content, bytes: &[u8]) -> Stored {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::of_session(folder.path(), "s", Quota::default());
        let id = results.keep(content, bytes).unwrap().id();
        results.open(&id).unwrap()
    }

    fn read(stored: &Stored, query: &str) -> Result<Read, Refused> {
        let wanted = Wanted::parse(&format!("toolmill://results/r_1{query}"))?;
        wanted
            .read_stored(stored)
            .unwrap_or_else(|error| Err(refused(error)))
    }

    #[track_caller]
    fn check(stored: &Stored, query: &str, text: &str, uri: &str, next: Option<&str>) {
        let found = read(stored, query).unwrap();
        assert_eq!(found.body, Body::Text(text.to_owned()), "{query}");
        assert_eq!(found.uri, format!("toolmill://results/{uri}"), "{query}");
        let next = next.map(|next| format!("toolmill://results/{next}"));
        assert_eq!(found.next.map(|next| next.uri), next, "{query}");
    }

    #[test]
    fn a_value_is_read_by_bytes_and_its_parts_by_what_they_are_made_of() {
        let value = stored(Content::Json, r#"{"a b":["é",2,3],"s":"né"}"#.as_bytes());
        let whole = r#"{"a b":["é",2,3],"s":"né"}"#;
        check(&value, "", whole, "r_1", None);
        check(&value, "?from=1&to=6", r#""a b""#, "r_1?from=1&to=6", None);
        // A character that begins before the end comes whole, and what follows is nobody's rest.
        check(&value, "?from=7&to=10", r#"["é"#, "r_1?from=7&to=11", None);
        check(&value, "?from=9&to=10", "é", "r_1?from=9&to=11", None);
        let inside =
            Refused::Invalid("byte 10 is inside a character; the next begins at 11".into());
        assert_eq!(read(&value, "?from=10").unwrap_err(), inside);
        check(&value, "?from=500", "", "r_1?from=500&to=500", None);
        check(
            &value,
            "?at=/a%20b&from=1&to=2",
            "[2]",
            "r_1?at=/a%20b&from=1&to=2",
            None,
        );
        check(&value, "?at=/a%20b/2", "3", "r_1?at=/a%20b/2", None);
        check(&value, "?at=/s&from=1", "é", "r_1?at=/s&from=1&to=2", None);
        // Half a pair is no character, and does not stand in the way of the others.
        let halves = stored(Content::Json, br#"{"s":"a\ud83d\ude00\ud800b\udc00"}"#);
        check(&halves, "?at=/s", "a😀\u{fffd}b\u{fffd}", "r_1?at=/s", None);
        let half = "r_1?at=/s&from=2&to=3";
        check(&halves, "?at=/s&from=2&to=3", "\u{fffd}", half, None);
        for (query, says) in [
            (
                "?at=/x",
                "r_1 has nothing at \"/x\": there is no member \"x\"",
            ),
            ("?from=-1", "from must be a whole number, is \"-1\""),
            ("?at=%zz", "\"%zz\" is not escaped as a URI is"),
            (
                "?x=1",
                "\"x\" is no part of toolmill://results/{id}{?from,to,at}",
            ),
        ] {
            assert_eq!(
                read(&value, query).unwrap_err(),
                Refused::Invalid(says.into())
            );
        }
    }

    #[test]
    fn a_read_is_bounded_and_says_how_to_read_on() {
        let text = "é".repeat(50_000);
        let value = stored(Content::Json, format!("\"{text}\"").as_bytes());
        let mut from = 0;
        let mut joined = String::new();
        let mut query = String::new();
        loop {
            let found = read(&value, &query).unwrap();
            let Body::Text(more) = found.body else {
                panic!()
            };
            assert!(more.len() <= BUDGET_BYTES);
            joined.push_str(&more);
            let Some(next) = found.next else { break };
            query = next
                .uri
                .trim_start_matches("toolmill://results/r_1")
                .to_owned();
            from += 1;
        }
        assert!(joined == text && from == 2, "{from} reads went on");
        // With an end a read may be larger, within its own bound.
        let array = stored(
            Content::Json,
            format!("[{}1]", "0,".repeat(1 << 20)).as_bytes(),
        );
        let Body::Text(json) = read(&array, "?from=0&to=9000000").unwrap().body else {
            panic!()
        };
        assert_eq!(json.len() as u64, ASKED_BYTES);
        let large = stored(
            Content::Json,
            format!("[\"{}\"]", "x".repeat(2 << 20)).as_bytes(),
        );
        let refused = read(&large, "?at=").unwrap_err();
        let says = "the one at 0 has 2097154 bytes; read a part of it: at=/…";
        assert_eq!(refused, Refused::Invalid(says.into()));
    }

    #[test]
    fn a_file_is_a_blob_unless_it_is_a_text() {
        let media = |name: &str| Content::Media(MediaType::parse(name));
        let image = stored(media("image/png"), b"\x89PNG");
        let found = read(&image, "?from=1").unwrap();
        assert_eq!(found.body, Body::Blob(BASE64.encode("PNG")));
        assert_eq!(found.mime_type, "image/png");
        assert!(read(&image, "?at=/x").is_err());
        let csv = stored(media("text/csv"), "a,é".as_bytes());
        check(&csv, "", "a,é", "r_1", None);
        check(&csv, "?to=3", "a,é", "r_1?from=0&to=4", None);
        let binary = stored(media("text/csv"), b"\xff\xfe");
        assert_eq!(
            read(&binary, "").unwrap().body,
            Body::Blob(BASE64.encode(b"\xff\xfe"))
        );
    }
}
