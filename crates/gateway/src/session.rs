//! What one agent's connection, or one explicit handle, owns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use journal::Event;
use results::{Quota, Results};
use sandbox::{Usage, Workspace};

use crate::executions::Executions;
use crate::id::{self, Short};
use crate::{Gateway, Limits, Recorder};

/// How an agent reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Stdio,
    Http,
    CommandLine,
    /// The gateway is part of the agent.
    Embedded,
}

impl Face {
    fn as_str(self) -> &'static str {
        match self {
            Face::Stdio => "stdio",
            Face::Http => "http",
            Face::CommandLine => "command line",
            Face::Embedded => "embedded",
        }
    }
}

/// Sessions that a caller over HTTP may name again, by id. Those not used for [`IDLE`], and the
/// least used beyond [`KEPT`], are forgotten when a new one is kept.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, (Arc<Session>, Instant)>>);

/// How long a session nobody uses is kept.
const IDLE: Duration = Duration::from_secs(3600);
/// How long a workspace is left that nobody has removed and nothing has changed.
pub(crate) const WORKSPACE_AGE: Duration = Duration::from_secs(7 * 86_400);
/// How many times its limits, of bytes and of files, a workspace may hold that a run has filled faster
/// than it was counted; a program may still run there, to delete.
const OVERSHOOT: (u64, u64) = (4, 64);
/// How many are kept.
const KEPT: usize = 256;

impl Sessions {
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Session>> {
        let mut kept = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let (session, used) = kept.get_mut(id)?;
        *used = Instant::now();
        Some(session.clone())
    }

    /// The first thing that `find` finds in a session.
    pub(crate) fn with<T>(&self, find: impl Fn(&Arc<Session>) -> Option<T>) -> Option<T> {
        let kept = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        kept.values().find_map(|(session, _)| find(session))
    }

    pub(crate) fn keep(&self, session: &Arc<Session>) {
        let mut kept = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        kept.retain(|_, (session, used)| used.elapsed() < IDLE || session.executions().any_runs());
        if kept.len() >= KEPT
            && let Some(oldest) = kept
                .iter()
                .filter(|(_, (session, _))| !session.executions().any_runs())
                .min_by_key(|(_, (_, used))| *used)
                .map(|(id, _)| id.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(session.id().to_owned(), (session.clone(), Instant::now()));
    }

    pub(crate) fn forget_all(&self) {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clear();
    }
}

/// A session. Its programs share one workspace and number their executions together.
#[derive(Debug)]
pub struct Session {
    id: String,
    workspaces: std::path::PathBuf,
    /// Set once it has a workspace.
    has_workspace: AtomicBool,
    /// Set while the workspace may hold more than it may: after a run that ended for it, or when an
    /// earlier process has left it.
    may_be_over: AtomicBool,
    /// How many there have been.
    executions: AtomicU32,
    live: Executions,
    /// Values that were too large for an answer.
    results: Arc<Results>,
    /// Whether workspace and results outlive the session, for a caller who may name it again.
    outlives: bool,
    recorder: Recorder,
}

impl Session {
    /// Opens a session. `id` takes up an earlier one's workspace; it must be a session's id.
    pub fn open(gateway: &Gateway, face: Face, id: Option<&str>) -> Arc<Session> {
        let outlives = id.is_some();
        let id = id.map_or_else(|| id::fresh('s'), str::to_owned);
        let session = Session {
            results: Arc::new(Results::of_session(
                &gateway.results_folder(),
                &id,
                Quota::default(),
            )),
            id,
            workspaces: gateway.workspaces().to_owned(),
            has_workspace: AtomicBool::new(false),
            may_be_over: AtomicBool::new(outlives),
            executions: AtomicU32::new(0),
            live: Executions::default(),
            outlives,
            recorder: gateway.recorder().clone(),
        };
        session.recorder.record(Event::SessionOpened {
            session: session.id.clone(),
            face: face.as_str().into(),
        });
        Arc::new(session)
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The values that were too large for an answer.
    pub(crate) fn results(&self) -> &Arc<Results> {
        &self.results
    }

    /// The folder this session's programs work in, made where it is missing: somebody may have
    /// removed it since the last program.
    pub(crate) fn workspace(&self) -> Result<Workspace, sandbox::Error> {
        let workspace = Workspace::open(&self.workspaces, &self.id)?;
        self.has_workspace.store(true, Ordering::Relaxed);
        Ok(workspace)
    }

    /// Raises the limits of the workspace to what it holds already, if that is more: a program may then
    /// delete in it, and must not add.
    pub(crate) async fn allow_what_is_there(&self, workspace: &Workspace, limits: &mut Limits) {
        if !self.may_be_over.load(Ordering::Relaxed) {
            return;
        }
        // What an earlier run could write before it was ended; a tree that is larger stays too large.
        let most = Usage {
            bytes: limits.workspace_bytes.saturating_mul(OVERSHOOT.0),
            entries: limits.workspace_entries.saturating_mul(OVERSHOOT.1),
        };
        let counted = workspace.clone();
        let found = tokio::task::spawn_blocking(move || counted.usage(most)).await;
        let Ok(found) = found else { return };
        let within =
            found.bytes <= limits.workspace_bytes && found.entries <= limits.workspace_entries;
        self.may_be_over.store(!within, Ordering::Relaxed);
        if found.bytes <= most.bytes && found.entries <= most.entries {
            limits.workspace_bytes = limits.workspace_bytes.max(found.bytes);
            limits.workspace_entries = limits.workspace_entries.max(found.entries);
        }
    }

    /// To be called when a program has ended because its workspace held too much.
    pub(crate) fn is_over(&self) {
        self.may_be_over.store(true, Ordering::Relaxed);
    }

    /// Its programs that run, or have ended and may still be asked for.
    pub(crate) fn executions(&self) -> &Executions {
        &self.live
    }

    /// Id and short id of a new execution.
    pub(crate) fn next_execution(&self) -> (String, Short) {
        let number = self.executions.fetch_add(1, Ordering::Relaxed) + 1;
        (id::fresh('x'), Short('x', number))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.has_workspace.load(Ordering::Relaxed)
            && !self.outlives
            && let Ok(workspace) = Workspace::open(&self.workspaces, &self.id)
        {
            // What cannot be removed now goes when old workspaces are swept at a start.
            let _ = workspace.remove();
        }
        if !self.outlives {
            self.results.clear();
        }
        self.recorder.record(Event::SessionEnded {
            session: std::mem::take(&mut self.id),
        });
    }
}
