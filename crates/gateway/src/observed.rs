//! Learning what results of tools are like, off the path of calls, and keeping it.
//!
//! A call hands over the beginning of its result and goes on. What was handed over is looked through by
//! a blocking thread a moment later, or before the next search answers, so that a search after a call
//! knows of it. There is a file for each stanza, beside the cache of listings and named alike; it holds
//! shapes and counts, and never a value. Several gateways of one user learn at once: each joins what it
//! has with what is in the file, and drops what has been forgotten there.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock, Weak};
use std::time::{Duration, SystemTime};

use catalog::{FieldWords, Language, Observations, Observed, Shape, Tool};
use files::{Lock, Stamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::task::AbortHandle;

use crate::lock;
use crate::upstreams::Upstreams;

/// What is looked at of all results of one tool, and of how many.
const TOOL_BYTES: u64 = 256 << 10;
const TOOL_RESULTS: u32 = 20;
/// What is looked at of one result: a call pays for its copy.
const RESULT_BYTES: usize = 32 << 10;
/// What of the arguments tells two calls apart.
const ARGUMENT_BYTES: usize = 4 << 10;
/// Results that wait to be looked through; further ones are not learned from.
const MOST_WAITING: usize = 64;
/// How long they wait for others.
const GATHERING: Duration = Duration::from_millis(50);
/// How long a search, or the end, waits until they have been looked through.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long another gateway may hold the files.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
/// Readers leave files of a later version alone: they belong to a newer toolmill beside this one.
const SCHEMA: u32 = 1;
const FILE_BYTES: u64 = 16 << 20;
/// Tools of one server that are learned of.
const MOST_TOOLS: usize = 500;
/// After this time without anything new a file goes.
const OLDEST: Duration = Duration::from_secs(180 * 86_400);

/// The beginning of a call's result.
#[derive(Debug)]
pub(crate) struct Sample {
    tool: Arc<Tool>,
    at: SystemTime,
    /// Of the arguments, so that calls with the same ones count once where that matters.
    call: u64,
    result: String,
    is_whole: bool,
}

impl Sample {
    pub(crate) fn of(tool: &Arc<Tool>, arguments: &RawValue, result: &str) -> Arc<Sample> {
        let mut hasher = DefaultHasher::new();
        let arguments = arguments.get().as_bytes();
        arguments.len().hash(&mut hasher);
        arguments[..arguments.len().min(ARGUMENT_BYTES)].hash(&mut hasher);
        let beginning = &result[..result.floor_char_boundary(RESULT_BYTES)];
        Arc::new(Sample {
            tool: tool.clone(),
            at: SystemTime::now(),
            call: hasher.finish(),
            result: beginning.to_owned(),
            is_whole: beginning.len() == result.len(),
        })
    }

    /// What it looks like: `[{number: int, title: str}] ×30`.
    pub(crate) fn described(&self, language: Language) -> String {
        let mut words = Shape::of(&self.result, 0).words(language);
        if self.is_whole
            && let Ok(items) = serde_json::from_str::<Vec<serde::de::IgnoredAny>>(&self.result)
        {
            words.push_str(&format!(" ×{}", items.len()));
        }
        words
    }
}

/// What was learned, and what is about to be.
pub(crate) struct Learning {
    is_on: bool,
    folder: PathBuf,
    upstreams: Arc<Upstreams>,
    waiting: Mutex<Vec<Arc<Sample>>>,
    has_taken: AtomicBool,
    /// The task that has them looked through, if there are some.
    gathering: Mutex<Option<AbortHandle>>,
    /// By path, the tools of which nothing more is to be learned.
    enough: Mutex<HashMap<String, Weak<Tool>>>,
    known: RwLock<Arc<Observations>>,
    /// Held while files are read and written, by blocking threads alone.
    books: Mutex<HashMap<String, Book>>,
    warned: AtomicBool,
}

impl Learning {
    /// Must be inside a tokio runtime.
    pub(crate) fn new(is_on: bool, state: &Path, upstreams: Arc<Upstreams>) -> Arc<Learning> {
        let folder = folder(state);
        let learning = Arc::new(Learning {
            is_on,
            folder,
            upstreams,
            waiting: Mutex::default(),
            has_taken: AtomicBool::new(false),
            gathering: Mutex::default(),
            enough: Mutex::default(),
            known: RwLock::default(),
            books: Mutex::default(),
            warned: AtomicBool::new(false),
        });
        // Errors show it too, and wait for nothing.
        if is_on && learning.folder.exists() {
            sweep(&learning.folder);
            learning.gather(Duration::ZERO);
        }
        learning
    }

    /// Whether there is something to learn from results of a tool.
    pub(crate) fn wants(&self, tool: &Arc<Tool>) -> bool {
        if !self.is_on {
            return false;
        }
        let enough = lock(&self.enough);
        enough
            .get(tool.path())
            .is_none_or(|known| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(tool)))
    }

    /// Takes a result to learn from, when there is room. Must be inside a tokio runtime.
    pub(crate) fn take(self: &Arc<Self>, sample: Arc<Sample>) {
        {
            let mut waiting = lock(&self.waiting);
            if waiting.len() >= MOST_WAITING {
                return;
            }
            waiting.push(sample);
            self.has_taken.store(true, Ordering::Relaxed);
            if waiting.len() > 1 {
                return;
            }
        }
        self.gather(GATHERING);
    }

    fn gather(self: &Arc<Self>, pause: Duration) {
        let this = self.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            this.learn().await;
        });
        // One that still gathers has nothing left to do.
        if let Some(before) = lock(&self.gathering).replace(task.abort_handle()) {
            before.abort();
        }
    }

    /// What is known now, of results up to the last one that was handed over.
    pub(crate) async fn up_to_date(self: &Arc<Self>) -> Arc<Observations> {
        if self.is_on {
            self.learn().await;
        }
        self.known()
    }

    /// What was known when somebody looked last.
    pub(crate) fn known(&self) -> Arc<Observations> {
        let known = self.known.read();
        known
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    /// Learns from what still waits. To be called at the end, when nothing more comes.
    pub(crate) async fn finish(self: &Arc<Self>) {
        if let Some(gathering) = lock(&self.gathering).take() {
            gathering.abort();
        }
        // Also when nothing waits any more: what is being looked through must be written too.
        if self.has_taken.load(Ordering::Relaxed) {
            self.learn().await;
        }
    }

    async fn learn(self: &Arc<Self>) {
        let this = self.clone();
        let looked = tokio::task::spawn_blocking(move || this.look_through());
        // It goes on without whoever waited.
        let _ = tokio::time::timeout(PATIENCE, looked).await;
    }

    fn look_through(&self) {
        let mut books = lock(&self.books);
        let mut samples = std::mem::take(&mut *lock(&self.waiting));
        let forgotten = forgotten(&self.folder);
        if let Ok(last) = fs::metadata(&forgotten).and_then(|file| file.modified()) {
            samples.retain(|sample| sample.at > last);
        }
        let forgotten = Stamp::of(&forgotten);
        let catalog = self.upstreams.catalog();
        let servers = self.upstreams.digests();
        let mut news = false;
        for digest in servers.values() {
            let book = books.entry(digest.clone()).or_default();
            match book.refresh(&self.file(digest), forgotten) {
                Refreshed::AsItWas => {}
                Refreshed::New => news = true,
                Refreshed::Forgotten => {
                    news = true;
                    lock(&self.enough).clear();
                }
            }
        }
        let mut words: HashMap<&str, FieldWords> = HashMap::new();
        let mut touched: HashSet<&str> = HashSet::new();
        for sample in &samples {
            let tool = &sample.tool;
            let Some(digest) = servers.get(tool.server()) else {
                continue;
            };
            let book = books.entry(digest.clone()).or_default();
            if tool.describes_result() || !book.wants(tool) {
                lock(&self.enough).insert(tool.path().to_owned(), Arc::downgrade(tool));
                continue;
            }
            let known = words.entry(tool.server()).or_insert_with(|| {
                let server = catalog.servers().find(|one| one.name() == tool.server());
                server.map_or_else(FieldWords::default, FieldWords::of)
            });
            book.learn(sample, known);
            touched.insert(tool.server());
        }
        for server in &touched {
            let digest = &servers[*server];
            let book = books.get_mut(digest).expect("it was touched");
            if let Err(error) = self.write(book, server, digest)
                && !self.warned.swap(true, Ordering::Relaxed)
            {
                let folder = self.folder.display();
                tracing::warn!(
                    "what results are like cannot be kept in {folder}: {error}; going on without it"
                );
            }
        }
        if news || !touched.is_empty() {
            let mut known = Observations::default();
            for (server, digest) in &servers {
                if let Some(book) = books.get(digest) {
                    book.publish(server, &mut known);
                }
            }
            let mut published = self
                .known
                .write()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            *published = Arc::new(known);
        }
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.json"))
    }

    fn write(&self, book: &mut Book, server: &str, digest: &str) -> io::Result<()> {
        let _lock = lock_files(&self.folder)?;
        let path = self.file(digest);
        // Others may have learned, or forgotten, since.
        let forgotten = Stamp::of(&forgotten(&self.folder));
        if let Refreshed::Forgotten = book.refresh(&path, forgotten) {
            lock(&self.enough).clear();
        }
        if book.is_newer || book.ours.is_empty() {
            return Ok(());
        }
        let written = Written {
            schema: SCHEMA,
            server: server.to_owned(),
            tools: book.joined(),
        };
        let bytes = serde_json::to_vec(&written)?;
        if bytes.len() as u64 > FILE_BYTES {
            return Err(io::Error::other("there is too much of it"));
        }
        files::replace(&path, &bytes)?;
        book.has_written(written, Stamp::of(&path));
        Ok(())
    }
}

impl Drop for Learning {
    fn drop(&mut self) {
        if let Some(gathering) = lock(&self.gathering).take() {
            gathering.abort();
        }
    }
}

fn folder(state: &Path) -> PathBuf {
    state.join("observed")
}

/// A file that is another one after each time somebody had something forgotten: a gateway then drops
/// what it has in memory, which a file that another one has written since says nothing of.
fn forgotten(folder: &Path) -> PathBuf {
    folder.join("forgotten")
}

/// What is learned of the tools of one stanza.
#[derive(Default)]
struct Book {
    /// As the file was when it was read or written last.
    kept: BTreeMap<String, Kept>,
    stamp: Stamp,
    /// Of [`forgotten`], then.
    forgotten: Stamp,
    /// The file belongs to a later version.
    is_newer: bool,
    /// By contract.
    ours: BTreeMap<String, Ours>,
}

/// What this gateway has seen of one tool.
#[derive(Default)]
struct Ours {
    tool: String,
    /// With every name, which stays in memory.
    seen: Shape,
    discreet: Shape,
    /// Calls that were told apart.
    calls: Vec<u64>,
    /// What is not in the file yet.
    results: u32,
    bytes: u64,
}

enum Refreshed {
    AsItWas,
    New,
    Forgotten,
}

impl Book {
    /// Reads the file again, if it has changed.
    fn refresh(&mut self, path: &Path, forgotten: Stamp) -> Refreshed {
        let mut refreshed = Refreshed::AsItWas;
        if forgotten != self.forgotten {
            self.forgotten = forgotten;
            if !self.ours.is_empty() {
                self.ours.clear();
                refreshed = Refreshed::Forgotten;
            }
        }
        let stamp = Stamp::of(path);
        if stamp == self.stamp {
            return refreshed;
        }
        if let Refreshed::AsItWas = refreshed {
            refreshed = Refreshed::New;
        }
        let written = read(path);
        self.is_newer = written
            .as_ref()
            .is_some_and(|written| written.schema > SCHEMA);
        let tools = written
            .filter(|written| written.schema == SCHEMA)
            .map(|written| written.tools)
            .unwrap_or_default();
        for contract in self.kept.keys() {
            if !tools.contains_key(contract) {
                self.ours.remove(contract);
                refreshed = Refreshed::Forgotten;
            }
        }
        (self.kept, self.stamp) = (tools, stamp);
        refreshed
    }

    fn wants(&self, tool: &Tool) -> bool {
        let (kept, ours) = (
            self.kept.get(tool.contract()),
            self.ours.get(tool.contract()),
        );
        let results = kept.map_or(0, |kept| kept.results) + ours.map_or(0, |ours| ours.results);
        let bytes = kept.map_or(0, |kept| kept.bytes) + ours.map_or(0, |ours| ours.bytes);
        results < TOOL_RESULTS
            && bytes < TOOL_BYTES
            && (kept.is_some() || ours.is_some() || self.ours.len() < MOST_TOOLS)
    }

    fn learn(&mut self, sample: &Sample, known: &FieldWords) {
        let tool = &sample.tool;
        let ours = self.ours.entry(tool.contract().to_owned()).or_default();
        ours.tool = tool.name().to_owned();
        let call = ours
            .calls
            .iter()
            .position(|call| *call == sample.call)
            .unwrap_or_else(|| {
                ours.calls.push(sample.call);
                ours.calls.len() - 1
            });
        let kept = self.kept.get(tool.contract());
        let read = kept.map_or(0, |kept| kept.bytes) + ours.bytes;
        let left = TOOL_BYTES.saturating_sub(read) as usize;
        let text = &sample.result[..sample.result.floor_char_boundary(left)];
        ours.seen.join(&Shape::of(text, call as u32));
        ours.seen = std::mem::take(&mut ours.seen).bounded();
        ours.discreet = ours.seen.discreet(known);
        ours.results += 1;
        ours.bytes += text.len() as u64;
        // The same tool with another contract is what it was before.
        let name = tool.name();
        self.ours
            .retain(|contract, ours| contract == tool.contract() || ours.tool != name);
        self.kept
            .retain(|contract, kept| contract == tool.contract() || kept.tool != name);
    }

    /// What the file is to hold.
    fn joined(&self) -> BTreeMap<String, Kept> {
        let mut tools = self.kept.clone();
        for (contract, ours) in &self.ours {
            if tools.len() >= MOST_TOOLS && !tools.contains_key(contract) {
                continue;
            }
            tools.retain(|other, kept| other == contract || kept.tool != ours.tool);
            let kept = tools.entry(contract.clone()).or_default();
            kept.tool.clone_from(&ours.tool);
            kept.results += ours.results;
            kept.bytes += ours.bytes;
            kept.shape.join(&ours.discreet);
            kept.shape = std::mem::take(&mut kept.shape).bounded();
        }
        tools
    }

    fn has_written(&mut self, written: Written, stamp: Stamp) {
        (self.kept, self.stamp) = (written.tools, stamp);
        for ours in self.ours.values_mut() {
            (ours.results, ours.bytes) = (0, 0);
        }
    }

    fn publish(&self, server: &str, known: &mut Observations) {
        for (contract, kept) in self.joined() {
            let observed = Observed {
                shape: kept.shape,
                results: kept.results,
            };
            known.insert(server, contract, observed);
        }
    }
}

/// A file.
#[derive(Serialize, Deserialize)]
struct Written {
    schema: u32,
    /// The server's name, for those who want it forgotten.
    server: String,
    /// By contract.
    tools: BTreeMap<String, Kept>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Kept {
    tool: String,
    results: u32,
    bytes: u64,
    shape: Shape,
}

/// What is in a file, if it can be used; of a later version only that it is one.
fn read(path: &Path) -> Option<Written> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(FILE_BYTES).read_to_end(&mut bytes).ok()?;
    let Version { schema } = serde_json::from_slice(&bytes).ok()?;
    if schema != SCHEMA {
        return Some(Written {
            schema,
            server: String::new(),
            tools: BTreeMap::new(),
        });
    }
    let mut written: Written = serde_json::from_slice(&bytes).ok()?;
    for kept in written.tools.values_mut() {
        kept.shape = std::mem::take(&mut kept.shape).bounded();
    }
    Some(written)
}

fn lock_files(folder: &Path) -> io::Result<Lock> {
    Lock::take(&folder.join("lock"), LOCK_PATIENCE)
}

/// The files of all stanzas.
fn books(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    files
}

fn sweep(folder: &Path) {
    for path in books(folder) {
        let changed = fs::metadata(&path).and_then(|file| file.modified());
        let age = changed
            .ok()
            .and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if age.is_some_and(|age| age > OLDEST) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Something learned that was dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Forgotten {
    pub server: String,
    pub tool: String,
    /// How many results it was learned from.
    pub results: u32,
}

/// Drops what was learned of the results of all tools, of those of a server, or of one tool, which is
/// named `server.tool`. Gateways that run drop it before their next search.
///
/// # Errors
/// The files cannot be changed.
pub fn forget(state: &Path, what: Option<&str>) -> io::Result<Vec<Forgotten>> {
    let folder = folder(state);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let _lock = lock_files(&folder)?;
    files::replace(&self::forgotten(&folder), b"")?;
    let mut forgotten = Vec::new();
    for path in books(&folder) {
        let Some(mut written) = read(&path) else {
            // What cannot be read is of no use to anybody, and may hold anything.
            if what.is_none() {
                fs::remove_file(&path)?;
            }
            continue;
        };
        let server = written.server.clone();
        let mut drop = |kept: &Kept| {
            let is_meant = what.is_none_or(|what| means(what, &server, &kept.tool));
            if is_meant {
                forgotten.push(Forgotten {
                    server: server.clone(),
                    tool: kept.tool.clone(),
                    results: kept.results,
                });
            }
            is_meant
        };
        let before = written.tools.len();
        written.tools.retain(|_, kept| !drop(kept));
        if what.is_none() || (before > 0 && written.tools.is_empty()) {
            fs::remove_file(&path)?;
        } else if written.tools.len() < before {
            files::replace(&path, &serde_json::to_vec(&written)?)?;
        }
    }
    forgotten.sort();
    Ok(forgotten)
}

/// Whether a server or a tool is what somebody calls by this name.
fn means(what: &str, server: &str, tool: &str) -> bool {
    let what = what.strip_prefix("tools.").unwrap_or(what);
    catalog::is_same_name(what, server)
        || what.match_indices('.').any(|(dot, _)| {
            catalog::is_same_name(&what[..dot], server)
                && catalog::is_same_name(&what[dot + 1..], tool)
        })
}
