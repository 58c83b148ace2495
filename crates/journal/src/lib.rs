//! What happened, as events in one append-only file a day.
//!
//! An event names things and counts things; it never holds an argument, a result, a header, an
//! environment value or a line from an upstream, so the journal can be shown to anybody who may see
//! which tools were used. [`Journal::record`] has written the event when it returns: a gateway that
//! is killed loses nothing it has acknowledged. [`Journal::append`] leaves the writing to the next
//! event that is recorded, or to [`Journal::flush`], so that what happens together is one write.
//! Several gateways append to one file; a write is of whole lines.
//!
//! Every line carries the schema version; a line of a newer one is reported, not guessed at.

mod past;
mod time;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use past::{Past, PastCall, Wanted, past};

/// Version of a line's schema.
const VERSION: u32 = 1;

/// Lines that wait to be written are, at this size, written at once.
const PENDING_BYTES: usize = 64 << 10;

/// One thing that happened. Ids are the full ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    GatewayStarted {
        version: String,
        process: u32,
    },
    GatewayEnded {
        process: u32,
    },
    UpstreamChanged {
        server: String,
        state: String,
    },
    SessionOpened {
        session: String,
        face: String,
    },
    SessionEnded {
        session: String,
    },
    Searched {
        /// Absent before the connection's first program.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        queries: u32,
        hits: u32,
        duration_us: u64,
    },
    ExecutionStarted {
        execution: String,
        session: String,
        language: String,
        code_bytes: u64,
        /// The folder that the gateway was started in, as a hash.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<String>,
    },
    /// The sandbox has been confirmed; the program is about to be sent.
    GuestConfirmed {
        execution: String,
        tier: String,
        start_us: u64,
    },
    /// Written before the call is sent: what may have run is known even after a crash.
    CallStarted {
        execution: String,
        call: u32,
        server: String,
        tool: String,
        bytes: u64,
        /// It may have changed something.
        #[serde(default)]
        writes: bool,
    },
    /// A call was not sent, by a rule, a quota, a dry run, or as nobody could be asked.
    CallRefused {
        execution: String,
        server: String,
        tool: String,
        reason: String,
    },
    /// A human is asked whether a call may be sent.
    ApprovalAsked {
        execution: String,
        server: String,
        tool: String,
        bytes: u64,
    },
    ApprovalAnswered {
        execution: String,
        server: String,
        tool: String,
        outcome: String,
        waited_us: u64,
    },
    /// `outcome` is `ok` or an error code.
    CallEnded {
        execution: String,
        call: u32,
        outcome: String,
        bytes: u64,
        duration_us: u64,
    },
    /// Calls of a failed run were taken up, not made again.
    CallsTakenUp {
        execution: String,
        of: String,
        calls: u32,
    },
    /// The agent was told that it runs; from then on it outlives its request.
    ExecutionLeft {
        execution: String,
        session: String,
        /// The number of its short id, which means something within the session.
        short: u32,
        /// How the agent reached the gateway.
        face: String,
        /// The folder that the gateway was started in, as a hash.
        project: String,
        /// The gateway's process, so that a later one can tell whether it is still there.
        gateway: String,
    },
    ExecutionEnded {
        execution: String,
        outcome: String,
        calls: u32,
        duration_us: u64,
        guest_us: u64,
        peak_memory_bytes: u64,
        answer_bytes: u64,
    },
}

impl Event {
    /// The execution this event belongs to, if it belongs to one.
    pub fn execution(&self) -> Option<&str> {
        match self {
            Event::ExecutionStarted { execution, .. }
            | Event::GuestConfirmed { execution, .. }
            | Event::CallStarted { execution, .. }
            | Event::CallRefused { execution, .. }
            | Event::ApprovalAsked { execution, .. }
            | Event::ApprovalAnswered { execution, .. }
            | Event::CallEnded { execution, .. }
            | Event::CallsTakenUp { execution, .. }
            | Event::ExecutionLeft { execution, .. }
            | Event::ExecutionEnded { execution, .. } => Some(execution),
            _ => None,
        }
    }
}

impl Entry {
    /// When it happened; `None` for a time that was not written here.
    pub fn time(&self) -> Option<SystemTime> {
        time::parse(&self.at)
    }
}

/// An event with its time, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "v")]
    version: u32,
    /// RFC 3339, UTC, microseconds.
    pub at: String,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Error)]
pub enum Error {
    #[error("the journal {} cannot be written: {error}", path.display())]
    Write {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("the journal {} cannot be read: {error}", path.display())]
    Read {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{}, line {line}, is of schema version {found}; this toolmill reads up to {VERSION}", path.display())]
    Newer {
        path: PathBuf,
        line: usize,
        found: u32,
    },
    #[error("no execution {0} in the journal")]
    Unknown(String),
}

/// Where events go.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    /// Held for one event, or while the pending ones are written.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The open file and the day it is for.
    today: Option<(String, File)>,
    /// Lines that are not written yet, all of one day.
    pending: Vec<u8>,
    pending_day: String,
    clock: time::Clock,
}

impl Journal {
    /// A journal in `folder`, which is made at the first event, for its user alone.
    pub fn new(folder: impl Into<PathBuf>) -> Journal {
        Journal {
            folder: folder.into(),
            state: Mutex::default(),
        }
    }

    /// Appends an event. It is in the file, though not yet on the disk, when this returns, and so
    /// are all that were appended before it.
    ///
    /// # Errors
    /// The file cannot be written. The caller says so once and goes on: state that cannot be
    /// written is no reason to fail a run.
    pub fn record(&self, event: Event) -> Result<(), Error> {
        let mut state = self.state();
        state.append(&self.folder, event)?;
        state.write(&self.folder)
    }

    /// Appends an event that need not be in the file before the next one is recorded.
    ///
    /// # Errors
    /// As of [`Journal::record`], when there is much to write already.
    pub fn append(&self, event: Event) -> Result<(), Error> {
        let mut state = self.state();
        state.append(&self.folder, event)?;
        match state.pending.len() < PENDING_BYTES {
            true => Ok(()),
            false => state.write(&self.folder),
        }
    }

    /// Writes what was appended.
    ///
    /// # Errors
    /// As of [`Journal::record`].
    pub fn flush(&self) -> Result<(), Error> {
        self.state().write(&self.folder)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn append(&mut self, folder: &Path, event: Event) -> Result<(), Error> {
        let at = self.clock.rfc3339(SystemTime::now());
        if self.pending_day != at[..10] {
            self.write(folder)?;
            self.pending_day = at[..10].to_owned();
        }
        let entry = Entry {
            version: VERSION,
            at,
            event,
        };
        serde_json::to_writer(&mut self.pending, &entry)
            .expect("events have string keys and no failing serializers");
        self.pending.push(b'\n');
        Ok(())
    }

    /// Writes the pending lines. What cannot be written is dropped, or it would grow without end.
    fn write(&mut self, folder: &Path) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let day = &self.pending_day;
        let path = folder.join(format!("{day}.jsonl"));
        let fail = |error| Error::Write {
            path: path.clone(),
            error,
        };
        let pending = std::mem::take(&mut self.pending);
        if self.today.as_ref().is_none_or(|(open, _)| open != day) {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(fail)?;
            let file = File::options()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)
                .map_err(fail)?;
            self.today = Some((day.clone(), file));
        }
        let (_, file) = self.today.as_mut().expect("just opened");
        file.write_all(&pending).map_err(fail)?;
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }
}

/// Everything the journal in `folder` knows of one execution, in the order it happened. `wanted` is
/// a whole id, or `last` for the latest execution of all.
///
/// # Errors
/// No such execution; an unreadable file; a line of a newer schema. A line that a crash cut short
/// is passed over.
pub fn trace(folder: &Path, wanted: &str) -> Result<Vec<Entry>, Error> {
    let days = days(folder)?;
    let mut wanted = wanted.to_owned();
    let mut entries = Vec::new();
    // An execution may run past midnight, so its events may lie in two files.
    for path in days.iter().rev() {
        let day = read_day(path)?;
        if wanted == "last"
            && let Some(latest) = day.iter().rev().find_map(|entry| entry.event.execution())
        {
            wanted = latest.to_owned();
        }
        let found: Vec<Entry> = day
            .into_iter()
            .filter(|entry| entry.event.execution() == Some(&wanted))
            .collect();
        let begins = found
            .iter()
            .any(|entry| matches!(entry.event, Event::ExecutionStarted { .. }));
        entries.splice(0..0, found);
        if begins {
            return Ok(entries);
        }
    }
    if entries.is_empty() {
        Err(Error::Unknown(wanted))
    } else {
        Ok(entries)
    }
}

/// Hands over what the journal in `folder` has of the days since `since`, the latest day first and each
/// day in its order, until `most_bytes` have been read.
///
/// Lines that cannot be read are passed over: who asks for this can do without.
///
/// # Errors
/// The folder cannot be read. One that is not there is empty.
pub fn recent(
    folder: &Path,
    since: SystemTime,
    most_bytes: u64,
    mut each: impl FnMut(Entry),
) -> Result<(), Error> {
    let oldest = format!("{}.jsonl", &time::Clock::default().rfc3339(since)[..10]);
    let mut left = most_bytes;
    for path in days(folder)?.iter().rev() {
        let name = path.file_name().unwrap_or_default();
        if *name.to_string_lossy() < *oldest || left == 0 {
            break;
        }
        let Ok(file) = File::open(path) else { continue };
        for line in BufReader::new(file.take(left)).split(b'\n') {
            let Ok(line) = line else { break };
            left = left.saturating_sub(line.len() as u64 + 1);
            if let Ok(entry) = serde_json::from_slice(&line) {
                each(entry);
            }
        }
    }
    Ok(())
}

/// The files of the days, the earliest first.
fn days(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut days: Vec<PathBuf> = match std::fs::read_dir(folder) {
        Ok(found) => found.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            return Err(Error::Read {
                path: folder.to_owned(),
                error,
            });
        }
    };
    days.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    days.sort();
    Ok(days)
}

fn read_day(path: &Path) -> Result<Vec<Entry>, Error> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    let read = |error| Error::Read {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(read)?;
    let mut entries = Vec::new();
    for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.map_err(read)?;
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) => entries.push(entry),
            Err(_) => {
                if let Ok(Versioned { v }) = serde_json::from_slice(&line)
                    && v > VERSION
                {
                    return Err(Error::Newer {
                        path: path.to_owned(),
                        line: index + 1,
                        found: v,
                    });
                }
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(execution: &str) -> Event {
        Event::ExecutionStarted {
            execution: execution.into(),
            session: "s_1".into(),
            language: "python".into(),
            code_bytes: 3,
            project: None,
        }
    }

    #[test]
    fn a_trace_is_one_execution_in_order_and_survives_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        journal.record(started("x_a")).unwrap();
        journal.record(started("x_b")).unwrap();
        let call = Event::CallStarted {
            execution: "x_a".into(),
            call: 1,
            server: "fs".into(),
            tool: "read".into(),
            bytes: 2,
            writes: false,
        };
        journal.record(call.clone()).unwrap();
        let file = std::fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let mut torn = std::fs::read(&file).unwrap();
        torn.extend_from_slice(b"{\"v\":1,\"at\":\"20");
        std::fs::write(&file, torn).unwrap();
        let trace = |wanted: &str| -> Vec<Event> {
            super::trace(folder.path(), wanted)
                .unwrap()
                .into_iter()
                .map(|entry| entry.event)
                .collect()
        };
        assert_eq!(trace("x_a"), [started("x_a"), call]);
        assert_eq!(trace("x_b"), [started("x_b")]);
        assert_eq!(trace("last").len(), 2);
        assert!(matches!(
            super::trace(folder.path(), "x_c"),
            Err(Error::Unknown(_))
        ));
    }

    #[test]
    fn what_was_appended_is_written_with_what_is_recorded_or_when_it_is_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        let known = || super::trace(folder.path(), "x_a").map_or(0, |entries| entries.len());
        journal.append(started("x_a")).unwrap();
        assert_eq!(known(), 0);
        journal.record(started("x_a")).unwrap();
        assert_eq!(known(), 2);
        journal.append(started("x_a")).unwrap();
        journal.flush().unwrap();
        assert_eq!(known(), 3);
        for _ in 0..1000 {
            journal.append(started("x_a")).unwrap();
        }
        assert!(known() > 500, "much is not kept back");
    }

    #[test]
    fn an_execution_past_midnight_is_found_whole() {
        let folder = tempfile::tempdir().unwrap();
        let line = |at: &str, event: Event| {
            let entry = Entry {
                version: VERSION,
                at: at.into(),
                event,
            };
            format!("{}\n", serde_json::to_string(&entry).unwrap())
        };
        let ended = Event::CallEnded {
            execution: "x_a".into(),
            call: 1,
            outcome: "ok".into(),
            bytes: 0,
            duration_us: 1,
        };
        std::fs::write(
            folder.path().join("2026-01-01.jsonl"),
            line("2026-01-01T23:59:59Z", started("x_a")),
        )
        .unwrap();
        std::fs::write(
            folder.path().join("2026-01-02.jsonl"),
            line("2026-01-02T00:00:00Z", ended),
        )
        .unwrap();
        assert_eq!(super::trace(folder.path(), "x_a").unwrap().len(), 2);
    }

    #[test]
    fn recent_entries_come_by_day_within_bounds() {
        let folder = tempfile::tempdir().unwrap();
        for (day, execution) in [(1, "x_old"), (2, "x_a"), (3, "x_b")] {
            let entry = Entry {
                version: VERSION,
                at: format!("2026-01-0{day}T00:00:00.000000Z"),
                event: started(execution),
            };
            let line = serde_json::to_string(&entry).unwrap();
            let text = format!("{line}\nno line of ours\n{line}\n{{\"v\":1,");
            std::fs::write(folder.path().join(format!("2026-01-0{day}.jsonl")), text).unwrap();
        }
        let found = |since: &str, most_bytes: u64| {
            let mut found = Vec::new();
            let since = time::parse(since).unwrap();
            recent(folder.path(), since, most_bytes, |entry| {
                assert!(entry.time().unwrap() >= since);
                found.push(entry.event.execution().unwrap().to_owned());
            })
            .unwrap();
            found
        };
        let since = "2026-01-02T00:00:00.000000Z";
        assert_eq!(found(since, 1 << 20), ["x_b", "x_b", "x_a", "x_a"]);
        assert_eq!(found(since, 150), ["x_b"]);
        assert!(recent(&folder.path().join("none"), SystemTime::now(), 9, |_| ()).is_ok());
    }

    #[test]
    fn a_newer_line_is_named_and_not_guessed_at() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("2026-01-01.jsonl"),
            "{\"v\":2,\"what\":1}\n",
        )
        .unwrap();
        assert!(matches!(
            super::trace(folder.path(), "x_a"),
            Err(Error::Newer {
                line: 1,
                found: 2,
                ..
            })
        ));
    }
}
