//! What is remembered about servers between runs.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Listing, Stanza, Transport};

/// Readers leave files of a later version alone: they belong to a newer toolmill beside this one.
const SCHEMA: u32 = 1;
/// A listing is bounded when it is read from its server; a file much larger than that is not ours.
const FILE_LIMIT_BYTES: u64 = 80 << 20;

/// One file for each stanza, named by the hash of everything that decides which server it starts,
/// so that an edited stanza starts anew. Only the hash is stored: no argument, environment value or
/// header can be read from a file.
///
/// It is a cache: what cannot be read is as good as absent, and what cannot be written is lost.
#[derive(Debug)]
pub struct Cache {
    dir: Option<PathBuf>,
}

impl Cache {
    /// Keeps its files in `dir`, which is made when first needed; `None` remembers nothing.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }

    pub(crate) fn load(&self, stanza: &Stanza) -> Option<Listing> {
        let file: File = serde_json::from_slice(&read(&self.path(stanza)?).ok()?).ok()?;
        (file.schema == SCHEMA).then_some(file.listing)
    }

    pub(crate) fn store(&self, stanza: &Stanza, listing: &Listing) -> io::Result<()> {
        let Some(path) = self.path(stanza) else {
            return Ok(());
        };
        let newer = read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Version>(&bytes).ok())
            .is_some_and(|file| file.schema > SCHEMA);
        if newer {
            return Ok(());
        }
        // Several gateways of one user run at once.
        files::replace(
            &path,
            &serde_json::to_vec(&FileRef {
                schema: SCHEMA,
                listing,
            })?,
        )
    }

    fn path(&self, stanza: &Stanza) -> Option<PathBuf> {
        Some(
            self.dir
                .as_ref()?
                .join(format!("{}.json", stanza.transport.digest())),
        )
    }
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

#[derive(Deserialize)]
struct File {
    schema: u32,
    listing: Listing,
}

#[derive(Serialize)]
struct FileRef<'a> {
    schema: u32,
    listing: &'a Listing,
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(FILE_LIMIT_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Transport {
    /// A hash of everything that decides which server a stanza starts.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        // Each part with its length, so that no two lists of parts read the same.
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        match self {
            Transport::Stdio {
                command,
                args,
                env,
                cwd,
            } => {
                part(b"stdio");
                part(command.as_bytes());
                part(&args.len().to_le_bytes());
                args.iter().for_each(|arg| part(arg.as_bytes()));
                // Whoever resolved the environment may have gathered it in any order.
                let mut env: Vec<_> = env.iter().collect();
                env.sort();
                for (name, value) in env {
                    part(name.as_bytes());
                    part(value.as_bytes());
                }
                part(
                    cwd.as_deref()
                        .map_or(&[], |cwd| cwd.as_os_str().as_encoded_bytes()),
                );
            }
            Transport::Http { url, headers } => {
                part(b"http");
                part(url.as_bytes());
                for (name, value) in headers {
                    part(name.as_bytes());
                    part(value.as_bytes());
                }
            }
        }
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
