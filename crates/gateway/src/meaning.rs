//! What tools and searches mean, by a sentence model on this machine that the user names.
//!
//! It is never needed and never waited for: until the model has read the tools, and whenever a query
//! would take it longer than [`BUDGET`], a search goes by words alone and says so. The tools are read in
//! the background, one after another; what was read is kept by what was read, so a tool is read once
//! whatever becomes of its server.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use catalog::Catalog;
use embedding::Model;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What a search may be slowed by. A query of ten words takes a fifth of it here.
const BUDGET: Duration = Duration::from_millis(50);
/// Vectors that are kept: of more tools than anybody has, 75 MB.
const MOST_VECTORS: usize = 50_000;
/// While many tools are read, what has been is written so often.
const WRITE_EVERY: usize = 500;

const MAGIC: &[u8; 16] = b"toolmill vector1";

/// What is hashed of a text: enough that no two tools have the same by chance.
type Key = [u8; 16];
type Vectors = HashMap<Key, Arc<[f32]>>;

/// A model and the tools that it has read. The task that reads them ends with this.
#[derive(Debug)]
pub(crate) struct Meaning {
    shared: Arc<Shared>,
    _reader: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// Held to replace or to clone it.
    state: Mutex<State>,
    /// Tools that have been read of the catalog that is being read, and whether to stop.
    read: AtomicUsize,
    stop: AtomicBool,
}

#[derive(Clone)]
enum State {
    Opening,
    Failed(String),
    Reading,
    Ready(Arc<Prepared>),
}

/// All tools of a catalog, read.
struct Prepared {
    model: Arc<Model>,
    catalog: Arc<Catalog>,
    /// A vector a tool, in the order of the catalog, one after another.
    vectors: Vec<f32>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            State::Opening => "Opening",
            State::Failed(_) => "Failed",
            State::Reading => "Reading",
            State::Ready(_) => "Ready",
        })
    }
}

impl Meaning {
    /// Opens the model in `folder` and has it read every catalog that comes. Vectors are kept below
    /// `state`. Must be inside a tokio runtime.
    pub(crate) fn start(
        folder: PathBuf,
        state: PathBuf,
        catalogs: watch::Receiver<Arc<Catalog>>,
    ) -> Meaning {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Opening),
            read: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let reader = tokio::spawn(read_all(shared.clone(), folder, state, catalogs));
        Meaning {
            shared,
            _reader: AbortOnDropHandle::new(reader),
        }
    }

    /// How like each tool of a catalog is to what a query means, in the catalog's order.
    ///
    /// # Errors
    /// Why not, for the last line of an answer.
    pub(crate) async fn likeness(
        &self,
        query: &str,
        catalog: &Arc<Catalog>,
    ) -> Result<Vec<f32>, String> {
        let state = self.shared.state().clone();
        let prepared = match state {
            State::Ready(prepared) if Arc::ptr_eq(&prepared.catalog, catalog) => prepared,
            State::Failed(reason) => return Err(reason),
            State::Opening => return Err("the model of search.model is being opened".into()),
            State::Reading | State::Ready(_) => {
                return Err(format!(
                    "the model of search.model has read {} of {} tools",
                    self.shared.read.load(Ordering::Relaxed),
                    catalog.len()
                ));
            }
        };
        let query = query.to_owned();
        let compared = tokio::task::spawn_blocking(move || prepared.likeness(&query));
        match tokio::time::timeout(BUDGET, compared).await {
            Ok(Ok(likeness)) => Ok(likeness),
            _ => Err(format!(
                "the model of search.model took longer than {} ms",
                BUDGET.as_millis()
            )),
        }
    }
}

impl Drop for Meaning {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }
}

impl Prepared {
    fn likeness(&self, query: &str) -> Vec<f32> {
        let wanted = self.model.embed(query);
        self.vectors
            .chunks_exact(wanted.len().max(1))
            .map(|vector| vector.iter().zip(&wanted).map(|(a, b)| a * b).sum())
            .collect()
    }
}

async fn read_all(
    shared: Arc<Shared>,
    folder: PathBuf,
    state: PathBuf,
    mut catalogs: watch::Receiver<Arc<Catalog>>,
) {
    let opened = tokio::task::spawn_blocking(move || {
        let model = Model::open(&folder).map_err(|error| error.to_string())?;
        let file = state.join(format!("{}.vectors", &model.fingerprint()[..16]));
        let vectors = load(&file, model.dimensions());
        Ok::<_, String>((Arc::new(model), file, vectors))
    });
    let (model, file, mut vectors) = match opened.await {
        Ok(Ok(opened)) => opened,
        Ok(Err(reason)) => {
            let reason = format!("search.model cannot be used: {reason}");
            tracing::warn!("{reason}; searches go by words alone");
            *shared.state() = State::Failed(reason);
            return;
        }
        Err(_) => {
            *shared.state() = State::Failed("the model of search.model could not be opened".into());
            return;
        }
    };
    loop {
        let catalog = catalogs.borrow_and_update().clone();
        *shared.state() = State::Reading;
        let (reading, model, file) = (shared.clone(), model.clone(), file.clone());
        let prepared = tokio::task::spawn_blocking(move || {
            let prepared = prepare(&reading, &model, catalog, &mut vectors, &file);
            (prepared, vectors)
        });
        let Ok((prepared, kept)) = prepared.await else {
            *shared.state() = State::Failed("the model of search.model failed on a tool".into());
            return;
        };
        vectors = kept;
        if let Some(prepared) = prepared {
            *shared.state() = State::Ready(Arc::new(prepared));
        }
        if catalogs.changed().await.is_err() {
            return;
        }
    }
}

/// Reads all tools of a catalog; `None` if it was told to stop.
fn prepare(
    shared: &Shared,
    model: &Arc<Model>,
    catalog: Arc<Catalog>,
    vectors: &mut Vectors,
    file: &Path,
) -> Option<Prepared> {
    let mut rows = Vec::with_capacity(catalog.len() * model.dimensions());
    let mut new = 0;
    for (at, tool) in catalog.tools().enumerate() {
        if shared.stop.load(Ordering::Relaxed) {
            return None;
        }
        shared.read.store(at, Ordering::Relaxed);
        let text = tool.sentence();
        let vector = vectors.entry(key_of(&text)).or_insert_with(|| {
            new += 1;
            model.embed(&text).into()
        });
        rows.extend_from_slice(vector);
        if new == WRITE_EVERY {
            new = 0;
            store(file, model.dimensions(), vectors);
        }
    }
    if new > 0 {
        store(file, model.dimensions(), vectors);
    }
    Some(Prepared {
        model: model.clone(),
        catalog,
        vectors: rows,
    })
}

fn key_of(text: &str) -> Key {
    let digest = Sha256::digest(text.as_bytes());
    digest[..16].try_into().expect("16 bytes of 32")
}

/// The vectors of a file; none of one that is broken, as they can be made again.
fn load(file: &Path, dimensions: usize) -> Vectors {
    let record = 16 + 4 * dimensions;
    let most = (MAGIC.len() + MOST_VECTORS * record) as u64;
    let fits = std::fs::metadata(file).is_ok_and(|file| file.is_file() && file.len() <= most);
    let bytes = fits.then(|| std::fs::read(file).ok()).flatten();
    let records = bytes.as_deref().and_then(|bytes| bytes.strip_prefix(MAGIC));
    let records = records.unwrap_or_default().chunks_exact(record);
    records
        .map(|record| {
            let (key, numbers) = record.split_at(16);
            let vector = numbers
                .chunks_exact(4)
                .map(|number| f32::from_le_bytes(number.try_into().expect("four bytes")))
                // A broken number is like nothing.
                .map(|number| if number.is_finite() { number } else { 0.0 })
                .collect();
            (key.try_into().expect("16 bytes"), vector)
        })
        .collect()
}

/// Writes the vectors beside those that another gateway has written meanwhile.
fn store(file: &Path, dimensions: usize, vectors: &Vectors) {
    let written = || -> std::io::Result<()> {
        let mut all = load(file, dimensions);
        if all.len() + vectors.len() > MOST_VECTORS {
            all.clear();
        }
        all.extend(vectors.iter().map(|(key, vector)| (*key, vector.clone())));
        let mut bytes = MAGIC.to_vec();
        for (key, vector) in all.iter().take(MOST_VECTORS) {
            bytes.extend_from_slice(key);
            bytes.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
        }
        files::replace(file, &bytes)
    };
    if let Err(error) = written() {
        tracing::debug!(%error, "what the model has read is not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_kept_and_broken_files_hold_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("below/m.vectors");
        let vectors = |from: u8| -> Vectors {
            (from..from + 3)
                .map(|n| ([n; 16], vec![f32::from(n), -0.5].into()))
                .collect()
        };
        assert!(load(&file, 2).is_empty());
        store(&file, 2, &vectors(1));
        assert_eq!(load(&file, 2), vectors(1));
        // Those of another gateway stay.
        store(&file, 2, &vectors(2));
        assert_eq!(load(&file, 2).len(), 4);
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(load(&file, 2).len(), 3);
        std::fs::write(&file, b"something else").unwrap();
        assert!(load(&file, 2).is_empty());
        let mut broken = whole;
        broken[32..36].copy_from_slice(&f32::NAN.to_le_bytes());
        std::fs::write(&file, &broken).unwrap();
        assert!(load(&file, 2).values().any(|vector| vector[0] == 0.0));
    }
}
