//! One search, for agents, programs and people: the catalog's, with what only the gateway knows.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use catalog::{Catalog, Found, Observations, Policy, Row, SearchRequest, Signals, Tool};

use crate::policy::Decision;
use crate::{Gateway, short_hash};

/// How long the first search waits for what the journal knows.
const RECALL: Duration = Duration::from_millis(200);

/// A snapshot of an index of more tools than anybody has is not read.
const MOST_SNAPSHOT_BYTES: u64 = 256 << 20;
/// Indexes that are kept: one for each set of servers that was used lately.
const MOST_SNAPSHOTS: usize = 8;

/// The text that answers a search, from what is known now.
pub async fn search(gateway: &Gateway, request: &SearchRequest) -> Found {
    let known = gateway.known_for(request).await;
    let unavailable = gateway.unavailable();
    let policy = |tool: &Arc<Tool>| gateway.said_of(tool);
    let signals = known.signals(&policy);
    let mut found = catalog::answer(&known.catalog, request, signals, &unavailable);
    if let Some(reason) = known.by_words_alone {
        found.text.push_str(&format!("by words alone: {reason}\n"));
    }
    found
}

/// The same as data.
///
/// # Errors
/// There is no such server; the text says which there are.
pub async fn search_rows(gateway: &Gateway, request: &SearchRequest) -> Result<Vec<Row>, String> {
    let known = gateway.known_for(request).await;
    let policy = |tool: &Arc<Tool>| gateway.said_of(tool);
    catalog::rows(&known.catalog, request, known.signals(&policy))
}

/// What a search goes by.
struct Known {
    catalog: Arc<Catalog>,
    used: Option<HashMap<String, f32>>,
    likeness: HashMap<String, Vec<f32>>,
    observed: Arc<Observations>,
    /// Why the meaning of the queries does not count, where it should.
    by_words_alone: Option<String>,
}

impl Known {
    fn signals<'a>(
        &'a self,
        policy: &'a dyn Fn(&Arc<Tool>) -> Option<&'static str>,
    ) -> Signals<'a> {
        Signals {
            used: self.used.as_ref(),
            likeness: Some(&self.likeness),
            observed: Some(&self.observed),
            policy: Some(Policy(policy)),
        }
    }
}

impl Gateway {
    /// What becomes of a tool's calls, when they do not simply pass.
    fn said_of(&self, tool: &Arc<Tool>) -> Option<&'static str> {
        match self.decide(tool).decision {
            Decision::Allow => None,
            Decision::Ask => Some("asks"),
            Decision::Deny => Some("denied"),
        }
    }

    async fn known_for(&self, request: &SearchRequest) -> Known {
        let catalog = self.indexed_catalog();
        let mut known = Known {
            used: self.used(&catalog).await,
            likeness: HashMap::new(),
            observed: self.learning.up_to_date().await,
            by_words_alone: None,
            catalog,
        };
        if let Some(meaning) = &self.meaning {
            for query in &request.queries {
                match meaning.likeness(query, &known.catalog).await {
                    Ok(likeness) => {
                        known.likeness.insert(query.clone(), likeness);
                    }
                    Err(reason) => {
                        known.by_words_alone = Some(reason);
                        break;
                    }
                }
            }
        }
        known
    }

    /// How much each tool was used, if that counts. The first search has the journal read, which most
    /// gateways of one program never need; it waits a moment for that, and later ones have the rest.
    async fn used(&self, catalog: &Catalog) -> Option<HashMap<String, f32>> {
        if !self.config.usage {
            return None;
        }
        let usage = self.recorder.usage();
        if !self.asked_for_usage.swap(true, Ordering::Relaxed) {
            let (usage, folder) = (usage.clone(), self.config.state.join("journal"));
            let recalled = tokio::task::spawn_blocking(move || usage.recall(&folder));
            let _ = tokio::time::timeout(RECALL, recalled).await;
        }
        Some(usage.of(catalog, SystemTime::now()))
    }

    /// The catalog, whose index the first search takes from the last gateway as far as it still fits.
    fn indexed_catalog(&self) -> Arc<Catalog> {
        let catalog = self.catalog();
        self.index.restore(&catalog);
        catalog
    }
}

/// The file in which the index of a set of servers is kept, so that not every start has to read all
/// their words again.
#[derive(Debug)]
pub(crate) struct IndexFile {
    folder: PathBuf,
    file: PathBuf,
    was_searched: AtomicBool,
}

impl IndexFile {
    /// The file for `servers`, in the folder of all.
    pub(crate) fn new(folder: PathBuf, servers: impl Iterator<Item = String>) -> IndexFile {
        let mut names: Vec<String> = servers.collect();
        names.sort();
        IndexFile {
            file: folder.join(format!("{}.index", short_hash(&names.join("\n")))),
            folder,
            was_searched: AtomicBool::new(false),
        }
    }

    fn restore(&self, catalog: &Catalog) {
        if self.was_searched.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(snapshot) = self.written() {
            catalog.restore(&snapshot);
        }
    }

    fn written(&self) -> Option<Vec<u8>> {
        let fits = std::fs::metadata(&self.file)
            .is_ok_and(|file| file.is_file() && file.len() <= MOST_SNAPSHOT_BYTES);
        fits.then(|| std::fs::read(&self.file).ok()).flatten()
    }

    /// Writes the index, if there is a new one. Blocks.
    ///
    /// # Errors
    /// It cannot be written; the next start is slower for it.
    pub(crate) fn store(&self, catalog: &Catalog) -> std::io::Result<()> {
        if !self.was_searched.load(Ordering::Relaxed) || catalog.is_empty() {
            return Ok(());
        }
        let snapshot = catalog.snapshot();
        // Most gateways end with the tools that the last one had.
        if self.written().as_ref() == Some(&snapshot) {
            return Ok(());
        }
        // Other gateways of this user read and write the same file.
        files::replace(&self.file, &snapshot)?;
        self.remove_surplus()
    }

    fn remove_surplus(&self) -> std::io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(&self.folder)?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
            })
            .collect();
        files.sort();
        let surplus = files.len().saturating_sub(MOST_SNAPSHOTS);
        for (_, file) in &files[..surplus] {
            std::fs::remove_file(file)?;
        }
        Ok(())
    }
}
