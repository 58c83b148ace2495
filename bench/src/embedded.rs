//! A program with the gateway in it, in the place of an agent and `toolmill serve`.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::{Place, Program};
use toolmill_bench::lines::Lines;

/// The product's example `embed`. Ends it when dropped.
pub(crate) struct Embedded {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<ChildStdout>,
    _state: tempfile::TempDir,
}

#[derive(Deserialize)]
struct Outcome {
    value: Value,
    error: Option<String>,
    took_ns: Vec<u64>,
    whole_ns: u64,
}

impl Embedded {
    /// With guests prepared before they are asked for (`ready`), or not (`on-demand`).
    pub(crate) fn start(embed: &Path, place: &Place, mode: &str) -> Result<Embedded> {
        let state = tempfile::tempdir()?;
        let upstream = place.upstream();
        let mut child = std::process::Command::new(embed)
            .arg(state.path())
            .arg(mode)
            .arg(upstream.get_program())
            .args(upstream.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", embed.display()))?;
        Ok(Embedded {
            input: child.stdin.take(),
            output: Lines::new(child.stdout.take().context("a pipe")?),
            child,
            _state: state,
        })
    }

    /// Runs a program so often, so many of them at once, each after a pause: what each took, and all.
    pub(crate) fn run(
        &mut self,
        program: &Program,
        runs: usize,
        at_once: usize,
        pause: Duration,
    ) -> Result<(Vec<Duration>, Duration)> {
        let order = json!({
            "language": program.language,
            "code": program.code,
            "runs": runs,
            "at_once": at_once,
            "pause_ms": pause.as_millis() as u64,
        });
        let input = self.input.as_mut().context("its input is open")?;
        writeln!(input, "{order}")?;
        let outcome: Outcome = serde_json::from_slice(self.output.next()?)?;
        ensure!(
            outcome.error.is_none() && outcome.value == program.value,
            "{} came to {} {:?}",
            program.code,
            outcome.value,
            outcome.error
        );
        let took = outcome.took_ns.into_iter().map(Duration::from_nanos);
        Ok((took.collect(), Duration::from_nanos(outcome.whole_ns)))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // It ends with its input, and its guests and servers with it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
