//! Sessions that outlive a connection or a process: how long they are kept, how many, and how large.
//!
//! A session's record and its stored values, its workspace and its results lie in folders of their
//! own; here they are one thing. All gateways of a user share them, and what one has open no other
//! ends. A session that is in use is never ended.

use std::collections::HashMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use results::{Quota, Results};
use sandbox::{Usage, Workspace};
use sessions::{Ended, Error, Opened, Opener};

use crate::session::CALLS;
use crate::{Face, Gateway, Limits, Session, lock};

/// How long who comes back is told what became of a session, and of how many.
const TOLD: Duration = Duration::from_secs(7 * 86_400);
const TOLD_OF: usize = 1000;
/// How long a workspace or results are left that belong to no session.
const LEFT: Duration = Duration::from_secs(7 * 86_400);
/// A session over HTTP that nobody uses is closed after this, and opened again when it is named.
const IDLE: Duration = Duration::from_secs(3600);
/// How often what is kept is looked through, whatever happens.
const BETWEEN: Duration = Duration::from_secs(600);
/// What is kept is looked through once programs have kept this part more of what all sessions may hold;
const GROWN: u64 = 16;
/// and so long after the last look, or so many times as long as that took, once one may have left files.
const BETWEEN_FILES: Duration = Duration::from_secs(60);
const TIMES_LONGER: u32 = 50;
/// Names a file whose time is that of the last look.
const LOOKED: &str = "looked-through";
/// What is counted of a workspace; a hostile one may be larger.
const COUNTED: Usage = Usage {
    bytes: 4 << 30,
    entries: 1 << 18,
};

/// Where sessions lie.
#[derive(Debug, Clone)]
pub struct KeptSessions {
    sessions: PathBuf,
    workspaces: PathBuf,
    results: PathBuf,
}

/// A session that is kept, or was.
#[derive(Debug, Clone)]
pub struct KeptSession {
    pub id: String,
    /// How its caller reached us.
    pub face: String,
    pub opened: SystemTime,
    pub used: SystemTime,
    pub executions: u32,
    /// The process that has it open.
    pub open_in: Option<u32>,
    /// Why it is no longer there, and what went with it.
    pub ended: Option<String>,
    pub workspace_bytes: u64,
    pub workspace_files: u64,
    pub results: u64,
    pub results_bytes: u64,
    /// Results that no handle names: those kept for `resume`, and those that are being written.
    pub other_results_bytes: u64,
    pub stored: u64,
    pub store_bytes: u64,
}

impl KeptSession {
    fn bytes(&self) -> u64 {
        self.workspace_bytes + self.results_bytes + self.other_results_bytes + self.store_bytes
    }
}

impl KeptSessions {
    /// Those of the user whose state is in `state`, with their workspaces in `workspaces`.
    pub fn new(state: &Path, workspaces: &Path) -> KeptSessions {
        KeptSessions {
            sessions: state.join("sessions"),
            workspaces: workspaces.to_owned(),
            results: state.join("results"),
        }
    }

    /// The least recently used first.
    pub fn list(&self) -> Vec<KeptSession> {
        sessions::list(&self.sessions)
            .into_iter()
            .map(|kept| self.measured(kept))
            .collect()
    }

    /// Ends a session that no process has open.
    ///
    /// # Errors
    /// There is none of this name, it has ended before, or a process has it open.
    pub fn end(&self, id: &str, why: &str) -> Result<(), Error> {
        let kept = sessions::list(&self.sessions)
            .into_iter()
            .find(|kept| kept.id == id)
            .ok_or_else(|| Error::Unknown { id: id.to_owned() })?;
        if let Some(ended) = kept.record.ended {
            let id = id.to_owned();
            return Err(Error::Ended { id, ended });
        }
        let opened = sessions::seize(&self.sessions, id)?;
        let kept = self.measured(kept);
        opened
            .end(Ended {
                at: sessions::now(),
                why: why.to_owned(),
                files: kept.workspace_files,
                results: kept.results,
                stored: kept.stored,
            })
            .map_err(|error| Error::Io {
                id: id.to_owned(),
                error,
            })?;
        // What cannot be removed now belongs to no session that is there, and is swept.
        let _ = std::fs::remove_dir_all(self.workspaces.join(id));
        let _ = std::fs::remove_dir_all(self.results.join(id));
        Ok(())
    }

    pub(crate) fn begin(&self, id: &str, opener: Opener) -> Result<Opened, Error> {
        Opened::begin(&self.sessions, id, opener)
    }

    pub(crate) fn results(&self) -> &Path {
        &self.results
    }

    pub(crate) fn store_folder(&self, id: &str) -> PathBuf {
        self.sessions.join(id).join(sessions::STORE)
    }

    fn measured(&self, kept: sessions::Kept) -> KeptSession {
        let none = Usage {
            bytes: 0,
            entries: 0,
        };
        // To open one would make it.
        let workspace = match self.workspaces.join(&kept.id).is_dir() {
            true => Workspace::open(&self.workspaces, &kept.id)
                .map_or(none, |workspace| workspace.usage(COUNTED)),
            false => none,
        };
        let results = Results::of_session(&self.results, &kept.id, Quota::default())
            .list()
            .unwrap_or_default();
        let results_bytes = results.iter().map(|one| one.bytes).sum();
        let folder = self.results.join(&kept.id);
        let all = results::bytes_in(&folder) + results::bytes_in(&folder.join(CALLS));
        KeptSession {
            face: kept.record.face,
            opened: SystemTime::UNIX_EPOCH + Duration::from_secs(kept.record.opened),
            used: kept.used,
            executions: kept.executions,
            open_in: kept.is_open.then_some(kept.record.process),
            ended: kept.record.ended.as_ref().map(Ended::text),
            workspace_bytes: workspace.bytes,
            workspace_files: workspace.entries,
            results: results.len() as u64,
            results_bytes,
            other_results_bytes: all.saturating_sub(results_bytes),
            stored: kept.stored_values,
            store_bytes: kept.stored_bytes,
            id: kept.id,
        }
    }

    /// Whether nobody has looked through what is kept for a while.
    fn is_due(&self) -> bool {
        let looked = std::fs::metadata(self.sessions.join(LOOKED)).and_then(|file| file.modified());
        looked.map_or(true, |looked| {
            looked.elapsed().is_ok_and(|since| since >= BETWEEN)
        })
    }

    /// Ends what is too old, too many or too large, the least recently used first, and removes what is
    /// left of sessions that are no more. `close` closes one that this process has open and nobody
    /// uses. Returns how many there are then.
    fn look_through(&self, limits: &Limits, close: impl Fn(&str) -> bool) -> usize {
        let spare = |id: &str| sessions::exists(&self.sessions, id);
        sandbox::sweep(&self.workspaces, LEFT, spare);
        results::sweep(&self.results, LEFT, spare);
        // Where nothing was kept yet there is no folder, and nothing to do.
        let _ = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.sessions.join(LOOKED));
        let all = sessions::list(&self.sessions);
        let (gone, mut there): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|kept| kept.record.ended.is_some());
        self.forget(&gone);
        let end = |id: &str, is_open: bool, why: &str| {
            (!is_open || close(id)) && self.end(id, why).is_ok()
        };
        let age = limits.session_age;
        let old = unused_for(age);
        there.retain(|kept| {
            let unused = kept.used.elapsed().unwrap_or_default();
            unused < age || !end(&kept.id, kept.is_open, &old)
        });
        let mut too_many = there.len().saturating_sub(limits.sessions);
        let many = format!("there were more than {} sessions", limits.sessions);
        there.retain(|kept| {
            let goes = too_many > 0 && end(&kept.id, kept.is_open, &many);
            too_many -= usize::from(goes);
            !goes
        });
        let measured: Vec<KeptSession> =
            there.into_iter().map(|kept| self.measured(kept)).collect();
        let mut bytes: u64 = measured.iter().map(KeptSession::bytes).sum();
        let mut count = measured.len();
        let large = format!(
            "all sessions together held more than {} MiB",
            limits.session_bytes >> 20
        );
        for kept in measured.iter().filter(|kept| kept.bytes() > 0) {
            if bytes > limits.session_bytes && end(&kept.id, kept.open_in.is_some(), &large) {
                bytes -= kept.bytes();
                count -= 1;
            }
        }
        count
    }

    /// Removes the records of sessions that ended long ago, and the oldest of too many.
    fn forget(&self, ended: &[sessions::Kept]) {
        let surplus = ended.len().saturating_sub(TOLD_OF);
        for (index, kept) in ended.iter().enumerate() {
            let at = kept.record.ended.as_ref().map_or(0, |ended| ended.at);
            let is_old = sessions::now().saturating_sub(at) >= TOLD.as_secs();
            if (index < surplus || is_old)
                && let Ok(opened) = sessions::seize(&self.sessions, &kept.id)
            {
                let _ = opened.remove();
            }
        }
    }
}

/// Why one has ended that nobody used.
fn unused_for(age: Duration) -> String {
    format!("it was not used for {}", spelt(age))
}

/// A duration as people say it.
fn spelt(duration: Duration) -> String {
    let hours = duration.as_secs() / 3600;
    match (hours / 24, hours % 24, hours) {
        (1, 0, _) => "a day".to_owned(),
        (days, 0, _) if days > 0 => format!("{days} days"),
        (_, _, 1) => "an hour".to_owned(),
        (_, _, 0) => format!("{} s", duration.as_secs()),
        (_, _, hours) => format!("{hours} hours"),
    }
}

/// Sessions by id, with when each was last named.
type Open = Mutex<HashMap<String, (Arc<Session>, Instant)>>;

/// The sessions of callers over HTTP, who name them by id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Arc<Open>,
    /// About how many are kept, open or not.
    count: Arc<AtomicUsize>,
    is_looking: Arc<AtomicBool>,
    /// Bytes that were kept since the last look began.
    grown: Arc<AtomicU64>,
    /// When the next look is due for files that programs may have left; none before the first look.
    next_for_files: Arc<Mutex<Option<Instant>>>,
    warned: AtomicBool,
}

/// Whether nobody but the registry has a session, and no program of it runs.
fn is_idle(session: &Arc<Session>) -> bool {
    Arc::strong_count(session) == 1 && !session.executions().any_runs()
}

/// Takes a session out that is open and that nobody uses.
fn close(open: &Open, id: &str) -> bool {
    let mut open = lock(open);
    let goes = open.get(id).is_some_and(|(session, _)| is_idle(session));
    if goes {
        open.remove(id);
    }
    goes
}

impl Sessions {
    /// Opens a session for a caller who showed `secret`.
    ///
    /// # Errors
    /// As many as there may be are in use.
    pub(crate) fn open(
        &self,
        gateway: &Gateway,
        secret: Option<&str>,
    ) -> Result<Arc<Session>, String> {
        let most = gateway.config.limits.sessions;
        {
            let mut open = lock(&self.open);
            open.retain(|_, (session, used)| !is_idle(session) || used.elapsed() < IDLE);
            let in_use = open.values().filter(|(session, _)| !is_idle(session));
            if in_use.count() >= most {
                return Err(format!(
                    "{most} sessions are in use, and there may be no more; try again when one has ended, or name a session that an answer named"
                ));
            }
        }
        let session = Session::begin(gateway, Face::Http, secret);
        lock(&self.open).insert(session.id().to_owned(), (session.clone(), Instant::now()));
        if self.count.fetch_add(1, Ordering::Relaxed) >= most {
            self.look_through(gateway);
        }
        Ok(session)
    }

    /// The session of this name, for a caller who showed `secret`.
    ///
    /// # Errors
    /// There is none for this caller, whether because there is none or because it is somebody else's;
    /// or it has ended, or another gateway has it open.
    pub(crate) fn get(
        &self,
        gateway: &Gateway,
        id: &str,
        secret: Option<&str>,
    ) -> Result<Arc<Session>, String> {
        let mut open = lock(&self.open);
        // All callers of one gateway have shown the same secret.
        if let Some((session, used)) = open.get_mut(id) {
            *used = Instant::now();
            return Ok(session.clone());
        }
        let opener = Opener {
            face: Face::Http.as_str(),
            secret,
        };
        let age = gateway.config.limits.session_age;
        let taken_up = || {
            let kept = Opened::take_up(&gateway.kept().sessions, id, opener)?;
            if kept.last_used().elapsed().unwrap_or_default() < age {
                return Ok(kept);
            }
            // It has not been looked at since it became too old.
            drop(kept);
            gateway.kept().end(id, &unused_for(age))?;
            Opened::take_up(&gateway.kept().sessions, id, opener)
        };
        let kept = match taken_up() {
            Ok(kept) => kept,
            Err(Error::Unknown { .. }) => return Err(unknown(id)),
            Err(error) => return Err(format!("{error}. Leave `session` out to begin a new one")),
        };
        let session = Session::new(gateway, Face::Http, id.to_owned(), Some(kept));
        open.insert(id.to_owned(), (session.clone(), Instant::now()));
        Ok(session)
    }

    /// Looks through what is kept, in the background, unless that is being done.
    pub(crate) fn look_through(&self, gateway: &Gateway) {
        if self.is_looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (kept, limits) = (gateway.kept().clone(), gateway.config.limits.clone());
        let (open, count, is_looking) = (
            self.open.clone(),
            self.count.clone(),
            self.is_looking.clone(),
        );
        let (grown, next) = (self.grown.clone(), self.next_for_files.clone());
        // Ends by itself: it waits for nothing but the file system, and looks again only at as much as
        // was kept meanwhile.
        tokio::task::spawn_blocking(move || {
            loop {
                let begun = Instant::now();
                grown.store(0, Ordering::Relaxed);
                let left = kept.look_through(&limits, |id| close(&open, id));
                count.store(left, Ordering::Relaxed);
                let pause = BETWEEN_FILES.max(begun.elapsed() * TIMES_LONGER);
                *lock(&next) = Some(Instant::now() + pause);
                if grown.load(Ordering::Relaxed) < (limits.session_bytes / GROWN).max(1) {
                    break;
                }
            }
            is_looking.store(false, Ordering::Release);
        });
    }

    /// To be called when a program of a session has ended and its answer is made: looks through what is
    /// kept where all of it may have come to be too large.
    pub(crate) fn has_run(&self, gateway: &Gateway, session: &Session) {
        let more = session.take_written();
        let grown = self.grown.fetch_add(more, Ordering::Relaxed) + more;
        let is_due = || {
            let next = *lock(&self.next_for_files);
            next.is_none_or(|next| next <= Instant::now())
        };
        let share = (gateway.config.limits.session_bytes / GROWN).max(1);
        if (more > 0 && grown >= share) || (session.has_workspace() && is_due()) {
            self.look_through(gateway);
        }
    }

    /// As [`Sessions::look_through`], if nobody has for a while.
    pub(crate) fn look_through_if_due(&self, gateway: &Gateway) {
        if gateway.kept().is_due() {
            self.look_through(gateway);
        }
    }

    /// Says once that sessions cannot be kept: they work, until their end.
    pub(crate) fn warn(&self, error: &Error) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!("{error}; it will be gone when it ends");
        }
    }

    pub(crate) fn forget_all(&self) {
        lock(&self.open).clear();
    }
}

/// What a caller is told of a session that is not there, or not theirs.
pub(crate) fn unknown(id: &str) -> String {
    let id: String = id.chars().take(40).collect();
    format!("unknown session {id:?}; leave `session` out, or use one that an answer named")
}

impl Gateway {
    /// Ends a session of this gateway that nobody uses.
    ///
    /// # Errors
    /// Who uses it, or that it is not one of this gateway.
    pub fn end_session(&self, id: &str, why: &str) -> Result<(), String> {
        if !close(&self.sessions.open, id) {
            let is_known = lock(&self.sessions.open).contains_key(id);
            return Err(match is_known {
                true => format!(
                    "session {id} is in use: a program of it runs, or its client is connected"
                ),
                false => format!(
                    "session {id} belongs to a client that is connected, and ends with the connection"
                ),
            });
        }
        self.kept().end(id, why).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        _folder: tempfile::TempDir,
        kept: KeptSessions,
    }

    impl Place {
        fn new() -> Place {
            let folder = tempfile::tempdir().unwrap();
            let kept = KeptSessions::new(folder.path(), &folder.path().join("workspaces"));
            Place {
                _folder: folder,
                kept,
            }
        }

        /// A session last used so many hours ago, with so many bytes of results.
        fn session(&self, id: &str, hours: u64, bytes: usize) -> Opened {
            let opener = Opener {
                face: "http",
                secret: None,
            };
            let opened = self.kept.begin(id, opener).unwrap();
            if bytes > 0 {
                Results::of_session(&self.kept.results, id, Quota::default())
                    .keep(results::Content::Json, &vec![b'1'; bytes])
                    .unwrap();
            }
            opened.used(1).unwrap();
            let used = std::fs::File::options()
                .write(true)
                .open(self.kept.sessions.join(id).join("used"))
                .unwrap();
            used.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600))
                .unwrap();
            opened
        }

        fn there(&self) -> Vec<String> {
            let there = self.kept.list().into_iter();
            there
                .filter(|kept| kept.ended.is_none())
                .map(|kept| kept.id)
                .collect()
        }
    }

    fn limits(sessions: usize, hours: u64, mib: u64) -> Limits {
        Limits {
            sessions,
            session_age: Duration::from_secs(hours * 3600),
            session_bytes: mib << 20,
            ..Limits::default()
        }
    }

    #[test]
    fn the_least_recently_used_go_first_and_never_one_that_is_open() {
        let place = Place::new();
        let in_use = place.session("s_inUse", 9, 2 << 20);
        for (id, hours) in [("s_a", 8), ("s_b", 7), ("s_c", 1), ("s_d", 0)] {
            drop(place.session(id, hours, 1 << 20));
        }
        let look = |limits: &Limits| place.kept.look_through(limits, |_| false);
        assert_eq!(look(&limits(5, 24, 6)), 5);
        assert_eq!(look(&limits(5, 8, 6)), 4);
        assert_eq!(place.there(), ["s_inUse", "s_b", "s_c", "s_d"]);
        assert_eq!(look(&limits(3, 24, 6)), 3);
        assert_eq!(place.there(), ["s_inUse", "s_c", "s_d"]);
        assert_eq!(look(&limits(3, 24, 3)), 2);
        assert_eq!(place.there(), ["s_inUse", "s_d"]);
        assert_eq!(look(&limits(1, 1, 0)), 1);
        assert_eq!(place.there(), ["s_inUse"]);
        drop(in_use);
        let why: Vec<String> = place
            .kept
            .list()
            .into_iter()
            .filter_map(|kept| kept.ended)
            .collect();
        let gone = "; gone with it: 1 result";
        assert_eq!(
            why,
            [
                format!("it was not used for 8 hours{gone}"),
                format!("there were more than 3 sessions{gone}"),
                format!("all sessions together held more than 3 MiB{gone}"),
                format!("there were more than 1 sessions{gone}"),
            ]
        );
        let left = std::fs::read_dir(&place.kept.results).unwrap().count();
        assert_eq!(left, 1, "the results of those that ended are gone");
    }

    #[test]
    fn what_is_kept_for_resume_and_what_is_being_written_count_too() {
        let place = Place::new();
        for (id, hours) in [("s_a", 3), ("s_b", 2), ("s_c", 1)] {
            drop(place.session(id, hours, 1 << 20));
        }
        let folder = |id: &str| place.kept.results.join(id);
        let calls = Results::of_session(&folder("s_a"), CALLS, Quota::default());
        let kept = calls.keep(results::Content::Json, &vec![b'2'; 1 << 20]);
        kept.unwrap();
        // Of a process that was killed.
        std::fs::write(folder("s_b").join("draft-0-1.unfinished"), vec![0; 1 << 20]).unwrap();
        let bytes = |kept: Vec<KeptSession>| -> Vec<(u64, u64)> {
            kept.iter()
                .map(|one| (one.results_bytes >> 20, one.other_results_bytes))
                .collect()
        };
        assert_eq!(
            bytes(place.kept.list()),
            [(1, 1 << 20), (1, 1 << 20), (1, 0)]
        );
        assert_eq!(place.kept.look_through(&limits(9, 24, 5), |_| false), 3);
        assert_eq!(place.kept.look_through(&limits(9, 24, 4), |_| false), 2);
        assert_eq!(place.there(), ["s_b", "s_c"]);
        assert_eq!(place.kept.look_through(&limits(9, 24, 2), |_| false), 1);
        assert_eq!(place.there(), ["s_c"]);
    }

    #[test]
    fn what_is_told_of_ended_sessions_is_bounded() {
        let place = Place::new();
        for number in 0..5 {
            place
                .session(&format!("s_{number}"), 10 - number, 0)
                .end(Ended {
                    at: if number == 3 { 0 } else { sessions::now() },
                    why: String::new(),
                    files: 0,
                    results: 0,
                    stored: 0,
                })
                .unwrap();
        }
        place.kept.look_through(&limits(9, 99, 9), |_| false);
        let left: Vec<String> = place.kept.list().into_iter().map(|kept| kept.id).collect();
        assert_eq!(left, ["s_0", "s_1", "s_2", "s_4"]);
    }
}
