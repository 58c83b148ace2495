//! What the journal knows of a program whose gateway may have ended before it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Entry, Error, Event, days, read_day};

/// Days that are looked through for a short id.
const DAYS: usize = 3;

/// A program that an agent was told runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    pub execution: String,
    pub session: String,
    /// The number of its short id.
    pub short: u32,
    /// When it was started, as the journal writes times.
    pub started: String,
    /// How the agent reached its gateway, and the hash of the folder in which that worked.
    pub face: String,
    pub project: String,
    /// The process of its gateway.
    pub gateway: String,
    /// Calls that were recorded before they were sent, by number.
    pub calls: Vec<PastCall>,
    /// The outcome with which it ended, if it is known to have ended.
    pub ended: Option<String>,
}

/// A call of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastCall {
    pub number: u32,
    pub server: String,
    pub tool: String,
    pub writes: bool,
    /// `ok` or an error's code; absent where no end was recorded, so that nobody knows.
    pub outcome: Option<String>,
}

/// Which program is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// By its whole id.
    Id(&'a str),
    /// The latest with a short id of this number.
    Short(u32),
}

/// The program that is wanted, if an agent was ever told of it, among those that are `theirs` of whoever
/// asks; of its calls and of its end that knows nothing.
///
/// # Errors
/// As of [`crate::trace`].
pub fn past(
    folder: &Path,
    wanted: Wanted,
    theirs: impl Fn(&Past) -> bool,
) -> Result<Option<Past>, Error> {
    let days = days(folder)?;
    let find = |entry: Entry| {
        let Event::ExecutionLeft {
            execution,
            session,
            short,
            face,
            project,
            gateway,
        } = entry.event
        else {
            return None;
        };
        let is_it = match wanted {
            Wanted::Id(id) => execution == id,
            Wanted::Short(number) => short == number,
        };
        let past = Past {
            execution,
            session,
            short,
            started: entry.at,
            face,
            project,
            gateway,
            calls: Vec::new(),
            ended: None,
        };
        (is_it && theirs(&past)).then_some(past)
    };
    let mut left = None;
    for path in days.iter().rev().take(DAYS) {
        left = read_day(path)?.into_iter().rev().find_map(find);
        if left.is_some() {
            break;
        }
    }
    let Some(mut past) = left else {
        return Ok(None);
    };
    let entries = crate::trace(folder, &past.execution)?;
    let mut calls: BTreeMap<u32, PastCall> = BTreeMap::new();
    for Entry { at, event, .. } in entries {
        match event {
            Event::ExecutionStarted { .. } => past.started = at,
            Event::CallStarted {
                call,
                server,
                tool,
                writes,
                ..
            } => {
                calls.insert(
                    call,
                    PastCall {
                        number: call,
                        server,
                        tool,
                        writes,
                        outcome: None,
                    },
                );
            }
            Event::CallEnded { call, outcome, .. } => {
                if let Some(call) = calls.get_mut(&call) {
                    call.outcome = Some(outcome);
                }
            }
            Event::ExecutionEnded { outcome, .. } => past.ended = Some(outcome),
            _ => {}
        }
    }
    past.calls = calls.into_values().collect();
    Ok(Some(past))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Journal;

    fn left(execution: &str, number: u32, session: &str, gateway: &str) -> Event {
        Event::ExecutionLeft {
            execution: execution.into(),
            session: session.into(),
            short: number,
            face: "stdio".into(),
            project: "p".into(),
            gateway: gateway.into(),
        }
    }

    fn call(execution: &str, call: u32) -> Event {
        Event::CallStarted {
            execution: execution.into(),
            call,
            server: "fs".into(),
            tool: "write".into(),
            bytes: 2,
            writes: true,
        }
    }

    fn call_ended(execution: &str, call: u32) -> Event {
        Event::CallEnded {
            execution: execution.into(),
            call,
            outcome: "ok".into(),
            bytes: 2,
            duration_us: 3,
        }
    }

    #[test]
    fn the_latest_that_was_left_is_found_with_what_is_known_of_its_calls() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        for event in [
            left("x_a", 1, "s_1", "dead"),
            left("x_b", 1, "s_1", "dead"),
            call("x_b", 2),
            call("x_b", 1),
            call_ended("x_b", 2),
            left("x_c", 1, "s_1", "alive"),
            left("x_d", 1, "s_2", "dead"),
            call("x_d", 1),
            // An end without a beginning is of no call.
            call_ended("x_d", 7),
            left("x_e", 2, "s_1", "dead"),
        ] {
            journal.record(event).unwrap();
        }
        let find_of = |wanted, session: &str| {
            let theirs = |past: &Past| past.session == session && past.gateway == "dead";
            let past = past(folder.path(), wanted, theirs).unwrap();
            past.map(|past| {
                let calls: Vec<_> = past
                    .calls
                    .into_iter()
                    .map(|call| (call.number, call.outcome))
                    .collect();
                (past.execution, calls)
            })
        };
        let find = |wanted| find_of(wanted, "s_1");
        let ok = Some("ok".to_owned());
        let b = Some(("x_b".to_owned(), vec![(1, None), (2, ok)]));
        assert_eq!(find(Wanted::Short(1)), b);
        assert_eq!(find(Wanted::Id("x_b")), b);
        assert_eq!(find_of(Wanted::Id("x_b"), "s_2"), None);
        assert_eq!(
            find_of(Wanted::Short(1), "s_2"),
            Some(("x_d".into(), vec![(1, None)]))
        );
        assert_eq!(find(Wanted::Id("x_c")), None, "its gateway is there");
        assert_eq!(find(Wanted::Id("x_f")), None);
        assert_eq!(find(Wanted::Short(3)), None);
    }
}
