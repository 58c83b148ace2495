//! The agent's MCP server, and the path of one request.
//!
//! This crate joins up the leaves and adds nothing that could be tested without a session. The path:
//! [`server`] takes a request, [`tools`] has one file per tool the agent sees, [`execute`] runs a
//! program in a guest, [`call`] takes one of its calls to an upstream and back, [`output`] decides
//! what the agent gets to see. Each step is recorded in the journal.

mod admission;
mod alarm;
pub mod asking;
mod call;
mod canonical;
mod check;
mod clock;
mod earlier;
mod enter;
pub mod execute;
mod executions;
pub mod form;
mod guests;
mod handles;
mod id;
mod kept;
mod limits;
mod meaning;
mod observed;
pub mod output;
mod permit;
pub mod policy;
mod pool;
mod process;
pub mod remembered;
mod resources;
mod results;
mod resume;
mod seal;
mod search;
pub mod server;
mod session;
pub mod show;
mod shown;
mod spill;
mod store;
pub mod suspended;
mod tools;
mod turns;
mod upstreams;
mod usage;
mod value;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime};

use journal::{Event, Journal};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub use ::sessions::Error as SessionError;
pub use call::call_tool;
pub use catalog::{Catalog, Detail, Found, Row, SearchRequest, Tool, Validation};
pub use enter::enter;
pub use id::Short;
pub use kept::{KeptSession, KeptSessions};
pub use limits::Limits;
pub use observed::{Forgotten, forget};
pub use permit::DryRun;
pub use protocol::{ErrorCode, Raise};
pub use search::{search, search_rows};
pub use session::{Face, Session};
pub use upstream::{Stanza, Transport};
pub use upstreams::{Configured, Health};

/// How long servers may take to list their tools before nothing is said of rules.
const HEARD: Duration = Duration::from_secs(60);
/// How long programs whose connection has ended may take to end.
const LAST_RECORDS: Duration = Duration::from_secs(1);

/// What the gateway is told; the one place settings become values.
#[derive(Debug, Clone)]
pub struct Config {
    pub upstreams: Vec<Configured>,
    /// Which calls may pass.
    pub rules: policy::Rules,
    pub limits: Limits,
    /// Where state is kept: journal, caches.
    pub state: PathBuf,
    /// The folder of all workspaces.
    pub workspaces: PathBuf,
    /// Interpreters to try before those on the path.
    pub python: Vec<PathBuf>,
    /// The `PATH` on which interpreters are looked for.
    pub path: std::ffi::OsString,
    /// The folder that the gateway works in, for which it counts which tools are of use.
    pub project: PathBuf,
    /// Whether a search puts tools that were of use before others that fit as well.
    pub usage: bool,
    /// Whether it is learned what results are like, and shown.
    pub learn: bool,
    /// The folder of a sentence model by which a search also goes.
    pub model: Option<PathBuf>,
    /// The least that must stand around a program; with less none runs. More is used where it can be.
    pub require: sandbox::Tier,
}

/// The gateway. One a process.
pub struct Gateway {
    config: Config,
    pools: pool::Pools,
    upstreams: Arc<upstreams::Upstreams>,
    policy: policy::Policy,
    /// The executions that wait for a human.
    waiting: suspended::Waiting,
    askers: Arc<asking::Askers>,
    /// Of what a client carries from a question to its answer. Made with the first.
    seal: OnceLock<seal::Seal>,
    recorder: Recorder,
    admission: admission::Admission,
    python: OnceCell<Vec<guest::python::Candidate>>,
    sessions: kept::Sessions,
    kept: KeptSessions,
    index: search::IndexFile,
    /// Whether the journal has been asked which tools were of use.
    asked_for_usage: AtomicBool,
    meaning: Option<meaning::Meaning>,
    learning: Arc<observed::Learning>,
    /// The programs that outlive a request.
    tasks: TaskTracker,
    /// Bytes of results that runs hold for a later one.
    held: Arc<AtomicUsize>,
}

impl Gateway {
    /// Starts the gateway and begins to connect its servers. Must be inside a tokio runtime.
    pub async fn start(mut config: Config, supervisor: sandbox::Supervisor) -> Arc<Gateway> {
        config.workspaces = really(&config.workspaces);
        let supervisor = Arc::new(supervisor);
        let usage = Arc::new(usage::Usage::new(short_hash(
            &config.project.to_string_lossy(),
        )));
        let recorder = Recorder::new(Journal::new(config.state.join("journal")), usage);
        recorder.record(Event::GatewayStarted {
            version: env!("CARGO_PKG_VERSION").into(),
            process: std::process::id(),
        });
        let upstreams = upstreams::Upstreams::new(
            supervisor.clone(),
            upstream::Cache::new(Some(config.state.join("servers"))),
            recorder.clone(),
        );
        upstreams.configure(config.upstreams.clone()).await;
        let learning = observed::Learning::new(config.learn, &config.state, upstreams.clone());
        let gateway = Arc::new(Gateway {
            learning,
            admission: admission::Admission::new(&config.limits),
            python: OnceCell::new(),
            sessions: kept::Sessions::default(),
            kept: KeptSessions::new(&config.state, &config.workspaces),
            meaning: config.model.clone().map(|folder| {
                let state = config.state.join("vectors");
                meaning::Meaning::start(folder, state, upstreams.catalogs())
            }),
            asked_for_usage: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            held: Arc::default(),
            index: search::IndexFile::new(
                config.state.join("index"),
                config
                    .upstreams
                    .iter()
                    .map(|server| server.stanza.name.clone()),
            ),
            pools: pool::Pools::new(pool::Host {
                supervisor,
                workspaces: config.workspaces.clone(),
                limits: config.limits.clone(),
                require: config.require,
                lower: Mutex::default(),
                expects_more: AtomicBool::new(false),
            }),
            policy: policy::Policy::new(
                config.rules.clone(),
                remembered::Remembered::new(&config.state),
            ),
            waiting: suspended::Waiting::default(),
            askers: Arc::default(),
            seal: OnceLock::new(),
            config,
            upstreams,
            recorder,
        });
        gateway.sessions.look_through_if_due(&gateway);
        gateway
    }

    /// Where what sessions leave lies.
    pub(crate) fn kept(&self) -> &KeptSessions {
        &self.kept
    }

    /// Why the last guests had less than the full tier around them, if they had.
    pub fn lower_tier(&self) -> Option<String> {
        self.pools.lower()
    }

    /// From now on guests are kept ready for the programs to come. To be called before the first.
    pub fn expect_more(&self) {
        self.pools.expect_more();
        self.sessions.look_through(self);
    }

    /// Takes up a new set of servers, of which only what changed is started and stopped, and new rules.
    pub async fn reconfigure(&self, upstreams: Vec<Configured>, rules: policy::Rules) {
        // First, so that nothing that is denied from now on passes; then again, as what is decided
        // depends on the servers too.
        self.policy.replace(rules.clone());
        self.upstreams.configure(upstreams).await;
        self.policy.replace(rules);
    }

    /// Which calls may pass.
    pub fn policy(&self) -> &policy::Policy {
        &self.policy
    }

    /// The rules that fit no tool which is listed now.
    pub fn idle_rules(&self) -> Vec<policy::Rule> {
        let catalog = self.catalog();
        let mut rules = self.policy.rules().rules.clone();
        rules.retain(|rule| !catalog.tools().any(|tool| rule.fits(tool)));
        rules
    }

    /// Says in the log which rules are meant to hold calls back and fit no tool, once the servers have been
    /// heard: a name that is written wrongly protects nothing.
    pub fn warn_of_idle_rules(self: &Arc<Self>) {
        let gateway = self.clone();
        tokio::spawn(async move {
            gateway.settled(Instant::now() + HEARD).await;
            if !gateway.unavailable().is_empty() {
                return;
            }
            for rule in gateway.idle_rules() {
                if rule.decision != Some(policy::Decision::Allow) {
                    tracing::warn!("{rule} fits no tool; the names to write: toolmill policy");
                }
            }
        });
    }

    /// What is decided about a tool's calls.
    pub fn decide(&self, tool: &Arc<Tool>) -> Arc<policy::Verdict> {
        self.policy
            .decide(tool, || self.policy_server(tool.server()))
    }

    /// What the policy knows of a server.
    pub fn policy_server(&self, name: &str) -> policy::Server {
        self.upstreams.policy_server(name)
    }

    /// The executions that wait for a human, at most sixteen.
    pub fn waiting(&self) -> &suspended::Waiting {
        &self.waiting
    }

    /// The questions that wait for a human.
    pub fn open_questions(&self) -> Vec<asking::OpenQuestion> {
        self.askers.open(&self.config.project)
    }

    /// Answers one of them.
    ///
    /// # Errors
    /// Nothing was answered, and why.
    pub fn answer_question(&self, decision: asking::Decision) -> Result<(), String> {
        self.askers.answer(decision)
    }

    pub(crate) fn seal(&self) -> &seal::Seal {
        self.seal
            .get_or_init(|| seal::Seal::of_folder(&self.config.state))
    }

    /// The tools known now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.upstreams.catalog()
    }

    /// All that was learned of results until now, which [`Gateway::signature`] then knows too.
    pub async fn recall_results(&self) -> Arc<catalog::Observations> {
        self.learning.up_to_date().await
    }

    /// One line that says what a tool takes and gives, by what is known of its results.
    pub fn signature(&self, tool: &Tool, language: catalog::Language) -> String {
        tool.signature(language, self.learning.known().of(tool))
    }

    /// Every configured server and how it is.
    pub fn health(&self) -> Vec<Health> {
        self.upstreams.health()
    }

    /// Servers whose tools cannot be used now, each with why.
    pub fn unavailable(&self) -> Vec<(String, String)> {
        self.upstreams.unavailable()
    }

    /// Waits until every server is listed or has failed, but not past `deadline`.
    pub async fn settled(&self, deadline: Instant) {
        self.upstreams.settled(deadline).await;
    }

    /// Ends the servers: input closed, then SIGTERM, then SIGKILL.
    pub async fn stop(&self) {
        // Their connections have ended, and so they end.
        self.tasks.close();
        let _ = tokio::time::timeout(LAST_RECORDS, self.tasks.wait()).await;
        self.pools.stop();
        self.sessions.forget_all();
        self.learning.finish().await;
        self.upstreams.stop().await;
        if let Err(error) = self.index.store(&self.catalog()) {
            tracing::debug!(%error, "the index cannot be kept for the next start");
        }
        self.recorder.record(Event::GatewayEnded {
            process: std::process::id(),
        });
    }

    /// Interpreters found, and why each is or is not used.
    pub async fn python(&self) -> &[guest::python::Candidate] {
        self.python
            .get_or_init(|| async {
                let config = self.config.clone();
                let looked = tokio::task::spawn_blocking(move || {
                    let nobody = rustix::process::geteuid().is_root();
                    guest::python::find(
                        &config.python,
                        &config.path,
                        nobody,
                        Some(&config.state.join("python.json")),
                    )
                });
                looked
                    .await
                    .expect("looking for interpreters does not panic")
            })
            .await
    }

    pub(crate) fn workspaces(&self) -> &Path {
        &self.config.workspaces
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// What a mutex holds. A panic while it was held leaves it as it was, which all of ours bear.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What makes a word that goes with `count` a plural.
pub(crate) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// A name for something long, or for something that is not to be shown.
fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Puts events in the journal, and says once when that is not possible: state that cannot be
/// written is a warning, not a failure. What is counted from events is counted on their way there.
#[derive(Debug, Clone)]
pub(crate) struct Recorder(Arc<Recording>);

#[derive(Debug)]
struct Recording {
    journal: Journal,
    usage: Arc<usage::Usage>,
    warned: AtomicBool,
}

impl Recorder {
    fn new(journal: Journal, usage: Arc<usage::Usage>) -> Recorder {
        Recorder(Arc::new(Recording {
            journal,
            usage,
            warned: AtomicBool::new(false),
        }))
    }

    pub(crate) fn usage(&self) -> &Arc<usage::Usage> {
        &self.0.usage
    }

    pub(crate) fn record(&self, event: Event) {
        self.0.usage.observe(SystemTime::now(), &event);
        self.warn_once(self.0.journal.record(event));
    }

    /// Puts in an event that need not be in the file before the next one, or [`Recorder::flush`].
    pub(crate) fn append(&self, event: Event) {
        self.0.usage.observe(SystemTime::now(), &event);
        self.warn_once(self.0.journal.append(event));
    }

    pub(crate) fn flush(&self) {
        self.warn_once(self.0.journal.flush());
    }

    fn warn_once(&self, outcome: Result<(), journal::Error>) {
        if let Err(error) = outcome
            && !self.0.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!("{error}; going on without it");
        }
    }
}

/// A path without links, as far as it exists: a guest with a root of its own has none of them.
fn really(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), _, _) => real,
        (Err(_), Some(folder), Some(name)) => really(folder).join(name),
        _ => path.to_owned(),
    }
}
