//! The servers behind us, and the catalog of what they offer.
//!
//! Each server has its own connection task (crate `upstream`) and one small task here that puts
//! what it lists into the catalog. The catalog is an immutable value, replaced whole: a program
//! keeps the one it started with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use catalog::{Catalog, Validation};
use journal::Event;
use tokio::sync::watch;
use tokio::time::Instant;
use upstream::{Cache, Launch, Launched, Listing, Stanza, State, Upstream};

use crate::Recorder;
use crate::lock;
use crate::policy::Server;
use crate::turns::ServerProcess;

/// A server that settings name.
#[derive(Debug, Clone)]
pub struct Configured {
    pub stanza: Stanza,
    /// Why it must not be started yet, and what to type: `not trusted yet: toolmill trust`.
    pub blocked: Option<String>,
    /// What is done about arguments that do not fit what the server says of its tools.
    pub validation: Validation,
    /// Whether what it says of its tools may loosen the policy.
    pub trusted: bool,
    /// Whether the user's own files name it, and not a project's.
    pub own: bool,
    /// Of its stanza as it is written: what a human allowed for good is allowed to that one.
    pub hash: String,
}

/// A server as an operator or an agent is shown it.
#[derive(Debug, Clone)]
pub struct Health {
    pub name: String,
    /// `ready`, `connecting`, `failed` or `blocked`.
    pub state: &'static str,
    /// `legacy` or `modern`, once known.
    pub era: Option<upstream::Era>,
    pub tools: usize,
    /// Why it is not ready, and what to do.
    pub reason: Option<String>,
    /// The end of what it wrote to stderr, for the operator only.
    pub last_words: Option<String>,
}

pub(crate) struct Upstreams {
    running: RwLock<BTreeMap<String, Running>>,
    catalog: watch::Sender<Arc<Catalog>>,
    /// Held while a new catalog is built from the present one, so that no server's news is lost.
    building: Mutex<()>,
    supervisor: Arc<sandbox::Supervisor>,
    cache: Arc<Cache>,
    recorder: Recorder,
}

struct Running {
    configured: Configured,
    /// [`Transport::digest`](upstream::Transport::digest) of the stanza.
    digest: Arc<str>,
    /// None while blocked.
    upstream: Option<Upstream>,
    process: Arc<ServerProcess>,
}

impl Upstreams {
    pub(crate) fn new(
        supervisor: Arc<sandbox::Supervisor>,
        cache: Cache,
        recorder: Recorder,
    ) -> Arc<Upstreams> {
        Arc::new(Upstreams {
            running: RwLock::default(),
            catalog: watch::Sender::new(Arc::new(Catalog::new(Vec::new()))),
            building: Mutex::new(()),
            supervisor,
            cache: Arc::new(cache),
            recorder,
        })
    }

    /// Makes the running servers the configured ones: starts what is new, stops what is gone or
    /// changed, leaves the rest alone.
    pub(crate) async fn configure(self: &Arc<Self>, wanted: Vec<Configured>) {
        let mut gone = Vec::new();
        {
            let mut running = self.running.write().expect("no panics under this lock");
            let mut wanted: BTreeMap<String, Configured> = wanted
                .into_iter()
                .map(|one| (one.stanza.name.clone(), one))
                .collect();
            running.retain(|name, present| {
                let kept = wanted
                    .get(name)
                    .is_some_and(|new| same(new, &present.configured));
                match wanted.get(name).filter(|_| kept) {
                    Some(new) => {
                        present.configured.validation = new.validation;
                        present.configured.trusted = new.trusted;
                        present.configured.hash = new.hash.clone();
                        wanted.remove(name);
                    }
                    None => gone.push(present.upstream.take()),
                }
                kept
            });
            if !gone.is_empty() {
                self.list_only(&running);
            }
            for (name, configured) in wanted {
                let process = Arc::new(ServerProcess::default());
                let upstream = configured.blocked.is_none().then(|| {
                    let launch = Supervised {
                        supervisor: self.supervisor.clone(),
                        process: process.clone(),
                    };
                    Upstream::start(
                        configured.stanza.clone(),
                        Arc::new(launch),
                        self.cache.clone(),
                    )
                });
                if let Some(upstream) = &upstream {
                    self.follow(&name, upstream);
                }
                running.insert(
                    name,
                    Running {
                        digest: configured.stanza.transport.digest().into(),
                        configured,
                        upstream,
                        process,
                    },
                );
            }
        }
        for upstream in gone.into_iter().flatten() {
            upstream.stop().await;
        }
    }

    /// Keeps the catalog at what the server lists. The task ends with the server's handle.
    fn follow(self: &Arc<Self>, name: &str, upstream: &Upstream) {
        let mut status = upstream.status();
        let mut shown: Option<Arc<Listing>> = status.borrow_and_update().listing.clone();
        self.list(name, shown.as_deref());
        let (this, name) = (Arc::downgrade(self), name.to_owned());
        tokio::spawn(async move {
            let mut state = "";
            loop {
                let (listing, now) = {
                    let status = status.borrow_and_update();
                    (status.listing.clone(), state_name(&status.state))
                };
                let Some(this) = this.upgrade() else { return };
                if now == "stopped" {
                    return;
                }
                if !same_listing(&shown, &listing) {
                    this.list(&name, listing.as_deref());
                    shown = listing;
                }
                if now != state {
                    state = now;
                    this.recorder.record(Event::UpstreamChanged {
                        server: name.clone(),
                        state: now.into(),
                    });
                }
                drop(this);
                if status.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Replaces one server's tools in the catalog.
    fn list(&self, name: &str, listing: Option<&Listing>) {
        let _building = lock(&self.building);
        let present = self.catalog.borrow().clone();
        if listing.is_none() && present.servers().all(|server| server.name() != name) {
            return;
        }
        let next = present.replace(server(name, listing));
        self.catalog.send_replace(Arc::new(next));
    }

    /// Replaces the catalog by what these servers list: of those that have gone nothing is left.
    fn list_only(&self, running: &BTreeMap<String, Running>) {
        let _building = lock(&self.building);
        let listed = running.iter().filter_map(|(name, one)| {
            let listing = one.upstream.as_ref()?.status().borrow().listing.clone()?;
            Some(server(name, Some(&listing)))
        });
        self.catalog
            .send_replace(Arc::new(Catalog::new(listed.collect())));
    }

    /// The catalog now, and each that follows.
    pub(crate) fn catalogs(&self) -> watch::Receiver<Arc<Catalog>> {
        self.catalog.subscribe()
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.borrow().clone()
    }

    /// A server, its process, and what tells its stanza from others.
    pub(crate) fn get(&self, name: &str) -> Option<(Upstream, Arc<ServerProcess>, Arc<str>)> {
        let running = self.running.read().expect("no panics under this lock");
        let server = running.get(name)?;
        Some((
            server.upstream.clone()?,
            server.process.clone(),
            server.digest.clone(),
        ))
    }

    /// What tells a server's stanza from others; nothing of one that is not configured.
    pub(crate) fn digest(&self, name: &str) -> Arc<str> {
        let running = self.running.read().expect("no panics under this lock");
        running
            .get(name)
            .map_or_else(|| "".into(), |one| one.digest.clone())
    }

    /// By server's name, what tells its stanza from others.
    pub(crate) fn digests(&self) -> BTreeMap<String, String> {
        let running = self.running.read().expect("no panics under this lock");
        running
            .iter()
            .map(|(name, one)| (name.clone(), one.digest.to_string()))
            .collect()
    }

    /// What is done about wrong arguments for a server.
    pub(crate) fn validation(&self, name: &str) -> Validation {
        let running = self.running.read().expect("no panics under this lock");
        running
            .get(name)
            .map_or_else(Validation::default, |one| one.configured.validation)
    }

    /// What the policy needs to know of a server.
    pub(crate) fn policy_server(&self, name: &str) -> Server {
        let running = self.running.read().expect("no panics under this lock");
        running
            .get(name)
            .map_or_else(Server::default, |one| Server {
                trusted: one.configured.trusted,
                own: one.configured.own,
                hash: one.configured.hash.clone(),
            })
    }

    /// Waits until every server that has never been listed is listed or has failed, or until then.
    pub(crate) async fn settled(&self, deadline: Instant) {
        let waiting: Vec<_> = {
            let running = self.running.read().expect("no panics under this lock");
            running
                .values()
                .filter_map(|one| Some(one.upstream.as_ref()?.status()))
                .collect()
        };
        for mut status in waiting {
            let listed = status.wait_for(|status| {
                status.listing.is_some() || !matches!(status.state, State::Connecting)
            });
            if tokio::time::timeout_at(deadline, listed).await.is_err() {
                return;
            }
        }
        // The followers put the news into the catalog; let them run.
        let mut catalog = self.catalog.subscribe();
        let listed = |catalog: &Arc<Catalog>| {
            self.health().iter().all(|server| {
                server.state != "ready"
                    || catalog.servers().any(|known| known.name() == server.name)
            })
        };
        let _ = tokio::time::timeout_at(
            deadline.min(Instant::now() + Duration::from_secs(1)),
            catalog.wait_for(listed),
        )
        .await;
    }

    /// Every configured server, by name.
    pub(crate) fn health(&self) -> Vec<Health> {
        let running = self.running.read().expect("no panics under this lock");
        running
            .iter()
            .map(|(name, one)| {
                let mut health = Health {
                    name: name.clone(),
                    state: "blocked",
                    era: None,
                    tools: 0,
                    reason: one.configured.blocked.clone(),
                    last_words: None,
                };
                if let Some(upstream) = &one.upstream {
                    let status = upstream.status();
                    let status = status.borrow();
                    health.state = state_name(&status.state);
                    health.tools = status
                        .listing
                        .as_ref()
                        .map_or(0, |listing| listing.tools.len());
                    health.era = status.listing.as_ref().map(|listing| listing.era);
                    if let State::Failed {
                        reason,
                        last_words,
                        retry_in,
                        ..
                    } = &status.state
                    {
                        health.reason = Some(format!(
                            "{reason}; tried again within {:.0} s",
                            retry_in.as_secs_f64().ceil()
                        ));
                        health.last_words = (!last_words.as_str().is_empty())
                            .then(|| last_words.as_str().to_owned());
                    }
                }
                health
            })
            .collect()
    }

    /// Whether a tool that is not in a program's catalog may be there when it is called: in the newest
    /// catalog, from a server whose list is an older one or is not in the catalog yet, or from one that
    /// is down and may come back.
    pub(crate) fn may_bring(&self, path: &str) -> bool {
        let newest = self.catalog();
        if newest.resolve(path).is_ok() {
            return true;
        }
        let server = path.split('.').next().unwrap_or(path);
        self.health().iter().any(|health| match health.state {
            "ready" => !newest.servers().any(|known| known.name() == health.name),
            "connecting" => true,
            _ => catalog::is_same_name(&health.name, server),
        })
    }

    /// Servers whose tools cannot be used now, each with why, for the last line of a search.
    pub(crate) fn unavailable(&self) -> Vec<(String, String)> {
        self.health()
            .into_iter()
            .filter_map(|server| match server.state {
                "ready" => None,
                "connecting" if server.tools > 0 => None,
                "connecting" => Some((server.name, "connecting".to_owned())),
                _ => Some((
                    server.name,
                    server.reason.unwrap_or_else(|| server.state.to_owned()),
                )),
            })
            .collect()
    }

    pub(crate) async fn stop(&self) {
        let running =
            std::mem::take(&mut *self.running.write().expect("no panics under this lock"));
        let mut stops = tokio::task::JoinSet::new();
        for upstream in running.into_values().filter_map(|one| one.upstream) {
            stops.spawn(async move { upstream.stop().await });
        }
        while stops.join_next().await.is_some() {}
    }
}

fn server(name: &str, listing: Option<&Listing>) -> catalog::Server {
    catalog::Server {
        name: name.to_owned(),
        tools: listing
            .map(|listing| listing.tools.clone())
            .unwrap_or_default(),
        title: listing.and_then(|listing| listing.title.clone()),
        description: listing.and_then(|listing| listing.instructions.clone()),
    }
}

fn state_name(state: &State) -> &'static str {
    match state {
        State::Connecting => "connecting",
        State::Ready { .. } => "ready",
        State::Failed { .. } => "failed",
        State::Stopped => "stopped",
    }
}

fn same_listing(one: &Option<Arc<Listing>>, other: &Option<Arc<Listing>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

/// Whether a stanza is unchanged, so that its server keeps running. How its calls are validated does
/// not concern the server.
fn same(one: &Configured, other: &Configured) -> bool {
    one.stanza == other.stanza && one.blocked == other.blocked
}

/// Starts a server through the sandbox's supervisor.
struct Supervised {
    supervisor: Arc<sandbox::Supervisor>,
    process: Arc<ServerProcess>,
}

impl Launch for Supervised {
    fn launch(
        &self,
        command: &str,
        args: &[String],
        env: &[(String, String)],
        cwd: Option<&std::path::Path>,
    ) -> std::io::Result<Launched> {
        let server = self.supervisor.start_server(command, args, env, cwd)?;
        self.process.has_started(server.pid, &server.stdin);
        Ok(Launched {
            stdin: server.stdin,
            stdout: server.stdout,
            stderr: server.stderr,
            lifeline: server.lifeline,
        })
    }
}
