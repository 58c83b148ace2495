//! What a kept file holds.

/// What is in a kept file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A value.
    Json,
    /// An image, a sound or any other file.
    Media(MediaType),
}

impl Content {
    /// `array`, `image` and the like as far as the content alone tells: nothing of a value.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Content::Json => None,
            Content::Media(media) => Some(media.kind()),
        }
    }

    /// The end of its file's name: `json`, `image~png`.
    pub(crate) fn suffix(&self) -> String {
        match self {
            Content::Json => "json".to_owned(),
            Content::Media(MediaType(name)) => name.replace('/', "~"),
        }
    }

    pub(crate) fn of_suffix(suffix: &str) -> Option<Content> {
        match suffix {
            "json" => Some(Content::Json),
            other => {
                let name = other.replace('~', "/");
                let media = MediaType::parse(&name);
                (media.0 == name).then_some(Content::Media(media))
            }
        }
    }
}

/// A media type without parameters, in lower case: `image/png`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType(String);

/// Longest type, and longest subtype.
const LONGEST: usize = 64;

impl MediaType {
    /// Reads what a server or a program says; what is no media type is taken for bytes.
    pub fn parse(said: &str) -> MediaType {
        let name = said.split(';').next().unwrap_or_default().trim();
        let is_token = |part: &str| {
            !part.is_empty()
                && part.len() <= LONGEST
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        match name.split_once('/') {
            Some((kind, of)) if is_token(kind) && is_token(of) => {
                MediaType(name.to_ascii_lowercase())
            }
            _ => MediaType("application/octet-stream".to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `image`, `audio` or `file`.
    pub fn kind(&self) -> &'static str {
        match self.0.split('/').next() {
            Some("image") => "image",
            Some("audio") => "audio",
            _ => "file",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_media_type_is_bytes_and_every_type_survives_a_file_name() {
        let longest = format!("image/{}", "x".repeat(LONGEST + 1));
        for (said, expected, kind) in [
            ("image/png", "image/png", "image"),
            (" Image/SVG+xml ; charset=utf-8", "image/svg+xml", "image"),
            ("audio/x.y-z_1", "audio/x.y-z_1", "audio"),
            ("application/pdf", "application/pdf", "file"),
            ("", "application/octet-stream", "file"),
            ("image/", "application/octet-stream", "file"),
            ("image/../../x", "application/octet-stream", "file"),
            ("image/a~b", "application/octet-stream", "file"),
            ("image/a\nb", "application/octet-stream", "file"),
            (&longest, "application/octet-stream", "file"),
        ] {
            let media = MediaType::parse(said);
            assert_eq!((media.as_str(), media.kind()), (expected, kind), "{said:?}");
            let content = Content::Media(media);
            assert_eq!(Content::of_suffix(&content.suffix()), Some(content));
        }
        assert_eq!(Content::of_suffix("json.unfinished"), None);
        assert_eq!(Content::of_suffix("image~png.unfinished~x"), None);
    }
}
