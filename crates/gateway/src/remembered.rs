//! What humans have allowed for good, in a file of the state folder.
//!
//! Each entry is about one tool as it was when a human said so: of a server with that very stanza, with
//! that very name, description, schemas and marks. A tool that changes is asked about again. The file
//! is looked at whenever an entry could matter, so that what one process forgets no other still goes
//! by.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use catalog::Tool;
use files::{Lock, Stamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::canonical::canonical;
use crate::policy::Server;

/// Version of the file; a later one belongs to a newer toolmill and is left alone.
const SCHEMA: u32 = 1;
/// Largest file that is read.
const FILE_BYTES: u64 = 4 << 20;
/// Most entries; one more makes the oldest go.
const MOST: usize = 5_000;
/// How long another process may take to change the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// One tool that is allowed for good.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// The tool's path, without `tools.`.
    pub tool: String,
    /// Of its server's stanza, as it is written.
    stanza: String,
    /// Of everything that its server says of it.
    listing: String,
}

impl Standing {
    pub(crate) fn of(tool: &Tool, server: &Server) -> Standing {
        Standing {
            tool: tool.path().to_owned(),
            stanza: server.hash.clone(),
            listing: listing(tool),
        }
    }
}

/// The file. What cannot be read allows nothing, and is never overwritten.
#[derive(Debug)]
pub struct Remembered {
    path: PathBuf,
    /// What was read last, with its stamp then.
    read: Mutex<Option<(Stamp, HashSet<Standing>)>>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    schema: u32,
    allowed: Vec<Standing>,
}

impl Remembered {
    /// The file of a state folder.
    pub fn new(state: &Path) -> Remembered {
        Remembered {
            path: state.join("approvals.json"),
            read: Mutex::default(),
        }
    }

    pub(crate) fn allows(&self, standing: &Standing) -> bool {
        let stamp = Stamp::of(&self.path);
        let mut read = self.read.lock().expect("no panics under this lock");
        if let Some((then, standings)) = &*read
            && *then == stamp
        {
            return standings.contains(standing);
        }
        let standings = self.all().unwrap_or_else(|error| {
            tracing::warn!("{error}; what it allows is asked about");
            Vec::new()
        });
        let standings: HashSet<Standing> = standings.into_iter().collect();
        let allows = standings.contains(standing);
        *read = Some((stamp, standings));
        allows
    }

    pub(crate) fn allow(&self, standing: Standing) -> Result<(), String> {
        self.update(|standings| {
            standings.retain(|one| *one != standing);
            // What an earlier stanza or listing was allowed is of no use any more.
            standings.retain(|one| one.tool != standing.tool || one.stanza != standing.stanza);
            if standings.len() >= MOST {
                standings.remove(0);
            }
            standings.push(standing);
            1
        })
        .map(drop)
    }

    /// Takes back what was allowed to a tool; says how many entries that were.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn forget(&self, tool: &str) -> Result<usize, String> {
        self.update(|standings| {
            let before = standings.len();
            standings.retain(|one| one.tool != tool);
            before - standings.len()
        })
    }

    /// Changes what is on disk now, alone among all toolmills.
    fn update(&self, change: impl FnOnce(&mut Vec<Standing>) -> usize) -> Result<usize, String> {
        let failed =
            |error: io::Error| format!("{} cannot be written: {error}", self.path.display());
        let lock = self.path.with_extension("lock");
        let _lock = Lock::take(&lock, PATIENCE).map_err(failed)?;
        let mut allowed = self.all()?;
        let changed = change(&mut allowed);
        if changed == 0 {
            return Ok(0);
        }
        let kept = Kept {
            schema: SCHEMA,
            allowed,
        };
        let kept = serde_json::to_vec_pretty(&kept).map_err(|error| failed(error.into()))?;
        files::replace_durably(&self.path, &kept).map_err(failed)?;
        *self.read.lock().expect("no panics under this lock") = None;
        Ok(changed)
    }

    /// Everything that is allowed for good.
    ///
    /// # Errors
    /// The file cannot be read, or is of a newer toolmill.
    pub fn all(&self) -> Result<Vec<Standing>, String> {
        let shown = self.path.display();
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{shown} cannot be read: {error}")),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("{shown} cannot be read: {error}"))?;
        if bytes.len() as u64 > FILE_BYTES {
            return Err(format!(
                "{shown} is larger than {FILE_BYTES} bytes; remove it"
            ));
        }
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let broken = |error| format!("{shown} is damaged ({error}); remove it");
        let Version { schema } = serde_json::from_slice(&bytes).map_err(broken)?;
        if schema > SCHEMA {
            return Err(format!(
                "{shown} is of schema version {schema}, and this toolmill reads up to {SCHEMA}; \
                 it is left as it is: use the newer toolmill"
            ));
        }
        let kept: Kept = serde_json::from_slice(&bytes).map_err(broken)?;
        Ok(kept.allowed)
    }
}

/// Whether a server says the same of both.
pub(crate) fn says_the_same(one: &Tool, other: &Tool) -> bool {
    canonical(one.raw().get()) == canonical(other.raw().get())
}

/// A hash of everything that a server says of a tool, however it orders the members.
fn listing(tool: &Tool) -> String {
    Sha256::digest(canonical(tool.raw().get()))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
