//! What one agent's connection, or one explicit handle, owns.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use journal::Event;
use results::{Quota, Results};
use sandbox::{Usage, Workspace};
use sessions::{Opened, Opener, Store, StoreQuota};

use crate::earlier::Earlier;
use crate::executions::Executions;
use crate::id::{self, Short};
use crate::resume::Resumable;
use crate::{Gateway, Limits, Recorder, lock};

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
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Face::Stdio => "stdio",
            Face::Http => "http",
            Face::CommandLine => "command line",
            Face::Embedded => "embedded",
        }
    }
}

/// How many times its limits, of bytes and of files, a workspace may hold that a run has filled faster
/// than it was counted; a program may still run there, to delete.
const OVERSHOOT: (u64, u64) = (4, 64);

/// The folder, within that of a session's results, of the calls of failed runs.
pub(crate) const CALLS: &str = "calls";
const CALLS_QUOTA: Quota = Quota {
    bytes: 128 << 20,
    values: 32,
    age: Duration::from_secs(24 * 3600),
};

/// A session. Its programs share one workspace and number their executions together.
#[derive(Debug)]
pub struct Session {
    id: String,
    /// What is on disk of it; nothing where that cannot be written.
    kept: Mutex<Option<Opened>>,
    /// Values that its programs stored.
    store: Arc<Store>,
    /// What its last programs defined.
    earlier: Earlier,
    workspaces: std::path::PathBuf,
    /// Set once it has a workspace.
    has_workspace: AtomicBool,
    /// Set while the workspace may hold more than it may: after a run that ended for it, or when an
    /// earlier process has left it.
    may_be_over: AtomicBool,
    /// How many there have been.
    executions: AtomicU32,
    live: Executions,
    resumable: Resumable,
    /// Values that were too large for an answer.
    results: Arc<Results>,
    /// Whether workspace and results outlive the session, for a caller who may name it again.
    outlives: bool,
    recorder: Recorder,
}

impl Session {
    /// Opens a session of its own, which goes when it is dropped.
    pub fn open(gateway: &Gateway, face: Face) -> Arc<Session> {
        Session::begin(gateway, face, None)
    }

    /// Opens the session of this name, which stays when it is dropped, or goes on with it.
    ///
    /// # Errors
    /// Another process has it open, or it cannot be kept.
    pub fn named(gateway: &Gateway, id: &str) -> Result<Arc<Session>, String> {
        let opener = Opener {
            face: Face::CommandLine.as_str(),
            secret: None,
        };
        let kept = gateway.kept().begin(id, opener);
        let mut session = Session::make(
            gateway,
            Face::CommandLine,
            id.to_owned(),
            Some(kept.map_err(|error| error.to_string())?),
        );
        session.outlives = true;
        Ok(Arc::new(session))
    }

    /// Opens a new session; one of a caller over HTTP stays, for whoever names it and shows `secret`.
    pub(crate) fn begin(gateway: &Gateway, face: Face, secret: Option<&str>) -> Arc<Session> {
        let id = id::fresh('s');
        let opener = Opener {
            face: face.as_str(),
            secret,
        };
        let kept = gateway.kept().begin(&id, opener);
        let kept = kept.inspect_err(|error| gateway.sessions.warn(error)).ok();
        Session::new(gateway, face, id, kept)
    }

    pub(crate) fn new(
        gateway: &Gateway,
        face: Face,
        id: String,
        kept: Option<Opened>,
    ) -> Arc<Session> {
        Arc::new(Session::make(gateway, face, id, kept))
    }

    fn make(gateway: &Gateway, face: Face, id: String, kept: Option<Opened>) -> Session {
        let executions = kept.as_ref().map_or(0, Opened::executions);
        let outlives = face == Face::Http && kept.is_some();
        let calls = gateway.kept().results().join(&id);
        if kept.is_some() {
            // Nobody else has it open.
            results::remove_unfinished(&calls);
            results::remove_unfinished(&calls.join(CALLS));
        }
        let resumable = Resumable::new(Results::of_session(&calls, CALLS, CALLS_QUOTA));
        let store = gateway.kept().store_folder(&id);
        let session = Session {
            results: Arc::new(Results::of_session(
                gateway.kept().results(),
                &id,
                Quota::default(),
            )),
            store: Arc::new(Store::new(store, StoreQuota::default())),
            earlier: Earlier::default(),
            id,
            kept: Mutex::new(kept),
            workspaces: gateway.workspaces().to_owned(),
            has_workspace: AtomicBool::new(false),
            may_be_over: AtomicBool::new(executions > 0),
            executions: AtomicU32::new(executions),
            live: Executions::default(),
            resumable,
            outlives,
            recorder: gateway.recorder().clone(),
        };
        session.recorder.record(Event::SessionOpened {
            session: session.id.clone(),
            face: face.as_str().into(),
        });
        session
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The values that were too large for an answer.
    pub(crate) fn results(&self) -> &Arc<Results> {
        &self.results
    }

    /// The values that its programs stored.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What its last programs defined.
    pub(crate) fn earlier(&self) -> &Earlier {
        &self.earlier
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Opened>> {
        lock(&self.kept)
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

    /// Its failed programs whose calls may be taken up.
    pub(crate) fn resumable(&self) -> &Resumable {
        &self.resumable
    }

    /// The number of the latest execution; 0 before the first.
    pub(crate) fn latest_execution(&self) -> u32 {
        self.executions.load(Ordering::Relaxed)
    }

    /// Its programs that run, or have ended and may still be asked for.
    pub(crate) fn executions(&self) -> &Executions {
        &self.live
    }

    /// How many bytes of results and stored values it keeps more than when this was asked last.
    pub(crate) fn take_written(&self) -> u64 {
        self.results.take_written() + self.resumable.take_written() + self.store.take_written()
    }

    /// Whether a program of its may have left files.
    pub(crate) fn has_workspace(&self) -> bool {
        self.has_workspace.load(Ordering::Relaxed)
    }

    /// Id and short id of a new execution.
    pub(crate) fn next_execution(&self) -> (String, Short) {
        let number = self.executions.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(kept) = &*self.kept() {
            // A number that cannot be written is counted again after the next start.
            let _ = kept.used(number);
        }
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
            if let Some(kept) = self.kept().take() {
                let _ = kept.remove();
            }
        }
        self.recorder.record(Event::SessionEnded {
            session: std::mem::take(&mut self.id),
        });
    }
}
