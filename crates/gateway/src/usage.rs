//! What was of use before: how often each tool was called with success in this project, a call counting
//! ever less as it ages.
//!
//! It is counted from the journal's own events, those of earlier gateways and those of this one alike,
//! so there is no second record that could differ. A search uses it to put the tool that one works with
//! before its like; it never hides one.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use catalog::Catalog;
use journal::Event;

use crate::lock;

/// After this time a call counts half.
const HALF_LIFE: Duration = Duration::from_secs(14 * DAY);
/// Older events count a tenth at most, and the journal is read no further back.
const OLDEST: Duration = Duration::from_secs(45 * DAY);
const DAY: u64 = 24 * 60 * 60;
/// What of the journal is read at most, the latest days first.
const MOST_BYTES: u64 = 32 << 20;
/// Tools that are counted; a project uses far fewer.
const MOST_TOOLS: usize = 4096;

/// Counts what the tools of one project were used for.
#[derive(Debug)]
pub(crate) struct Usage {
    /// The folder that the gateway was started in, as a hash.
    project: String,
    /// When this gateway began to count; what was before is in the journal.
    since: SystemTime,
    /// Held for one event, or while the counts are read.
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    tools: HashMap<Named, Count>,
    /// Executions of this project.
    ours: HashSet<String>,
    /// Calls that have begun, by execution and number.
    open: HashMap<(String, u32), Named>,
}

/// A server's name and a tool's raw name.
type Named = (String, String);

#[derive(Debug)]
struct Count {
    calls: f32,
    at: SystemTime,
}

impl Usage {
    pub(crate) fn new(project: String) -> Usage {
        Usage {
            project,
            since: SystemTime::now(),
            counts: Mutex::default(),
        }
    }

    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// Counts what the journal in `folder` has of the time before this gateway. Blocks while it reads.
    pub(crate) fn recall(&self, folder: &Path) {
        let started = self.since;
        let since = started.checked_sub(OLDEST).unwrap_or(started);
        // In a state of its own: what this gateway does meanwhile has the same execution's names.
        let earlier = Usage::new(self.project.clone());
        let read = journal::recent(folder, since, MOST_BYTES, |entry| {
            if let Some(at) = entry.time().filter(|at| *at < started) {
                earlier.observe(at, &entry.event);
            }
        });
        if let Err(error) = read {
            tracing::debug!(%error, "earlier use of tools is not known");
        }
        let earlier = earlier
            .counts
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut counts = self.counts();
        for (tool, count) in earlier.tools {
            counts.add(tool, count.calls, count.at);
        }
    }

    /// Takes note of an event of the journal.
    pub(crate) fn observe(&self, at: SystemTime, event: &Event) {
        match event {
            Event::ExecutionStarted {
                execution, project, ..
            } if project.as_ref() == Some(&self.project) => {
                self.counts().ours.insert(execution.clone());
            }
            Event::CallStarted {
                execution,
                call,
                server,
                tool,
                ..
            } => {
                let mut counts = self.counts();
                if counts.ours.contains(execution) {
                    let tool = (server.clone(), tool.clone());
                    counts.open.insert((execution.clone(), *call), tool);
                }
            }
            Event::CallEnded {
                execution,
                call,
                outcome,
                ..
            } => {
                let mut counts = self.counts();
                if let Some(tool) = counts.open.remove(&(execution.clone(), *call))
                    && outcome == "ok"
                {
                    counts.add(tool, 1.0, at);
                }
            }
            Event::ExecutionEnded { execution, .. } => {
                self.counts().ours.remove(execution);
            }
            _ => {}
        }
    }

    /// How much each tool of a catalog was used, by its path.
    pub(crate) fn of(&self, catalog: &Catalog, now: SystemTime) -> HashMap<String, f32> {
        let counts = self.counts();
        let used = counts.tools.iter().filter_map(|((server, tool), count)| {
            let tool = catalog.resolve(&format!("{server}.{tool}")).ok()?;
            Some((tool.path().to_owned(), count.calls * decay(count.at, now)))
        });
        used.collect()
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        lock(&self.counts)
    }
}

impl Counts {
    fn add(&mut self, tool: Named, calls: f32, at: SystemTime) {
        if self.tools.len() >= MOST_TOOLS && !self.tools.contains_key(&tool) {
            return;
        }
        let count = self.tools.entry(tool).or_insert(Count { calls: 0.0, at });
        let latest = count.at.max(at);
        count.calls = count.calls * decay(count.at, latest) + calls * decay(at, latest);
        count.at = latest;
    }
}

/// What is left of a call after a while.
fn decay(from: SystemTime, to: SystemTime) -> f32 {
    let age = to.duration_since(from).unwrap_or_default();
    (-age.as_secs_f32() / HALF_LIFE.as_secs_f32()).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(count * DAY)
    }

    fn call(usage: &Usage, day: u64, project: &str, tool: &str, outcome: &str) {
        let execution = format!("x_{day}{project}{tool}{outcome}");
        let at = days(day);
        usage.observe(
            at,
            &Event::ExecutionStarted {
                execution: execution.clone(),
                session: "s_1".into(),
                language: "python".into(),
                code_bytes: 1,
                project: Some(project.into()),
            },
        );
        usage.observe(
            at,
            &Event::CallStarted {
                execution: execution.clone(),
                call: 1,
                server: "files".into(),
                tool: tool.into(),
                bytes: 2,
                writes: false,
            },
        );
        usage.observe(
            at,
            &Event::CallEnded {
                execution,
                call: 1,
                outcome: outcome.into(),
                bytes: 2,
                duration_us: 1,
            },
        );
    }

    #[test]
    fn successful_calls_of_this_project_count_and_fade() {
        let usage = Usage::new("here".into());
        for day in [100, 114] {
            call(&usage, day, "here", "read", "ok");
        }
        call(&usage, 114, "here", "write", "tool_error");
        call(&usage, 114, "elsewhere", "write", "ok");
        let tools = ["read", "write"].map(|name| {
            serde_json::value::to_raw_value(
                &serde_json::json!({"name": name, "inputSchema": {"type": "object"}}),
            )
            .unwrap()
        });
        let catalog = Catalog::new(vec![catalog::Server {
            name: "files".into(),
            tools: tools.into(),
            title: None,
            description: None,
        }]);
        let used = usage.of(&catalog, days(128));
        assert_eq!(used.len(), 1);
        // One call is four weeks old, one is two.
        assert!((used["files.read"] - 0.75).abs() < 1e-3, "{used:?}");
    }
}
