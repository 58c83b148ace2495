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
    /// The latest with this short id among those that agents of `face` were told of, for work in the
    /// folder with the hash `project`.
    Short {
        number: u32,
        face: &'a str,
        project: &'a str,
    },
}

/// The program that is wanted, if an agent was ever told of it and `of_gateway` takes its gateway's
/// process.
///
/// # Errors
/// As of [`crate::trace`].
pub fn past(
    folder: &Path,
    wanted: Wanted,
    of_gateway: impl Fn(&str) -> bool,
) -> Result<Option<Past>, Error> {
    let days = days(folder)?;
    let fits = |event: &Event| match event {
        Event::ExecutionLeft {
            execution,
            short,
            face,
            project,
            gateway,
            ..
        } => {
            let is_it = match wanted {
                Wanted::Id(id) => execution == id,
                Wanted::Short {
                    number,
                    face: wanted_face,
                    project: wanted_project,
                } => *short == number && face == wanted_face && project == wanted_project,
            };
            is_it && of_gateway(gateway)
        }
        _ => false,
    };
    let mut left = None;
    for path in days.iter().rev().take(DAYS) {
        left = read_day(path)?
            .into_iter()
            .rev()
            .find(|entry| fits(&entry.event));
        if left.is_some() {
            break;
        }
    }
    let Some(Entry {
        event:
            Event::ExecutionLeft {
                execution,
                session,
                short,
                gateway,
                ..
            },
        at,
        ..
    }) = left
    else {
        return Ok(None);
    };
    let entries = crate::trace(folder, &execution)?;
    let mut past = Past {
        execution,
        session,
        short,
        started: at,
        gateway,
        calls: Vec::new(),
        ended: None,
    };
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

    fn left(execution: &str, number: u32, face: &str, gateway: &str) -> Event {
        Event::ExecutionLeft {
            execution: execution.into(),
            session: "s_1".into(),
            short: number,
            face: face.into(),
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
            left("x_a", 1, "stdio", "dead"),
            left("x_b", 1, "stdio", "dead"),
            call("x_b", 2),
            call("x_b", 1),
            call_ended("x_b", 2),
            left("x_c", 1, "stdio", "alive"),
            left("x_d", 1, "http", "dead"),
            call("x_d", 1),
            // An end without a beginning is of no call.
            call_ended("x_d", 7),
            left("x_e", 2, "stdio", "dead"),
        ] {
            journal.record(event).unwrap();
        }
        let find = |wanted| {
            let past = past(folder.path(), wanted, |gateway| gateway == "dead").unwrap();
            past.map(|past| {
                let calls: Vec<_> = past
                    .calls
                    .into_iter()
                    .map(|call| (call.number, call.outcome))
                    .collect();
                (past.execution, calls)
            })
        };
        let short = |number, face| Wanted::Short {
            number,
            face,
            project: "p",
        };
        let ok = Some("ok".to_owned());
        let b = Some(("x_b".to_owned(), vec![(1, None), (2, ok)]));
        assert_eq!(find(short(1, "stdio")), b);
        assert_eq!(find(Wanted::Id("x_b")), b);
        assert_eq!(
            find(Wanted::Id("x_d")),
            Some(("x_d".into(), vec![(1, None)]))
        );
        assert_eq!(find(Wanted::Id("x_c")), None, "its gateway is there");
        assert_eq!(find(Wanted::Id("x_f")), None);
        assert_eq!(find(short(3, "stdio")), None);
        let elsewhere = Wanted::Short {
            number: 1,
            face: "stdio",
            project: "q",
        };
        assert_eq!(find(elsewhere), None);
    }
}
