//! A text that is kept while it is being written.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};

use crate::{Content, Error, Kept, Quota, Results, failed, hash_of};

/// The beginning of a text, as the JSON of a string, in a file that is no value yet. It goes with the
/// draft unless that is finished.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    bytes: u64,
    quota: Quota,
    /// The beginning of a character whose other bytes have not come yet.
    rest: Vec<u8>,
}

impl Results {
    /// Begins a text.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn begin_text(&self) -> Result<Draft, Error> {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let name = format!("draft-{number}-{}.unfinished", std::process::id());
        let path = self.folder.join(name);
        let file = files::create(&path).map_err(failed("write"))?;
        let mut draft = Draft {
            path,
            file,
            hasher: Sha256::new(),
            bytes: 0,
            quota: self.quota,
            rest: Vec::new(),
        };
        draft.put(b"\"")?;
        Ok(draft)
    }

    /// Keeps a text of which all is written.
    ///
    /// # Errors
    /// It is larger than all that the session may keep, or the file system refuses.
    pub fn finish_text(&self, mut draft: Draft) -> Result<Kept, Error> {
        let rest = std::mem::take(&mut draft.rest);
        draft.put_text(&String::from_utf8_lossy(&rest))?;
        draft.put(b"\"")?;
        let hash = hash_of(draft.hasher.clone());
        self.enter(Content::Json, hash, draft.bytes, |name| {
            fs::rename(&draft.path, self.folder.join(name))
        })
    }
}

impl Draft {
    /// Writes more of the text. What is not UTF-8 becomes U+FFFD, as for who reads it in an answer.
    ///
    /// # Errors
    /// It is larger than all that the session may keep, or the file system refuses.
    pub fn write(&mut self, more: &[u8]) -> Result<(), Error> {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(more);
        let end = bytes.len() - unfinished(&bytes);
        self.put_text(&String::from_utf8_lossy(&bytes[..end]))?;
        self.rest = bytes.split_off(end);
        Ok(())
    }

    fn put_text(&mut self, text: &str) -> Result<(), Error> {
        let json = serde_json::to_string(text).expect("a string is always JSON");
        self.put(&json.as_bytes()[1..json.len() - 1])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes += bytes.len() as u64;
        self.quota.holds(self.bytes)?;
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(failed("write"))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it is a value it no longer has this name.
        let _ = fs::remove_file(&self.path);
    }
}

/// How many bytes at the end begin a character that is not finished.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last();
    let invalid = last.map_or(&[][..], |chunk| chunk.invalid());
    let length = match invalid.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 0,
    };
    // What is wrong already does not become right.
    if invalid.len() < length {
        invalid.len()
    } else {
        0
    }
}
