//! Figures, as JSON for machines and as a table for people.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Report {
    about: About,
    figures: Vec<Figure>,
    gates: Vec<Gate>,
    /// Scenes that could not be measured to their end, each with why.
    failed: Vec<String>,
}

/// What was measured, where, and how.
#[derive(Serialize)]
struct About {
    date: String,
    mode: &'static str,
    binary: String,
    binary_bytes: u64,
    version: String,
    commit: String,
    settings: &'static str,
    python: String,
    rustc: String,
    kernel: String,
    processor: String,
    cores: usize,
    load_before: String,
    load_after: String,
    load_most: f64,
}

/// One figure: the distribution of what was measured `n` times.
#[derive(Serialize)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    n: usize,
    warm_up: usize,
    median: f64,
    p99: f64,
    min: f64,
    max: f64,
    /// Runnable processes, averaged over the last minute, when this was measured.
    load: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A figure that must not be greater than its limit.
#[derive(Serialize)]
pub(crate) struct Gate {
    name: String,
    figure: f64,
    limit: f64,
    unit: &'static str,
    passed: bool,
    /// How the limit was come by.
    how: String,
}

impl Report {
    pub(crate) fn new(mode: &'static str, binary: &Path, python: String) -> Result<Report> {
        Ok(Report {
            about: About {
                date: said("date", &["-u", "+%FT%TZ"]),
                mode,
                binary_bytes: fs::metadata(binary)?.len(),
                version: said(&binary.to_string_lossy(), &["--version"]),
                binary: binary.display().to_string(),
                commit: said(
                    "git",
                    &[
                        "-C",
                        env!("CARGO_MANIFEST_DIR"),
                        "describe",
                        "--always",
                        "--dirty",
                        "--abbrev=12",
                    ],
                ),
                settings: "defaults; one stdio upstream, nothing else in the settings file",
                python,
                rustc: said("rustc", &["--version"]),
                kernel: said("uname", &["-sr"]),
                processor: fs::read_to_string("/proc/cpuinfo")?
                    .lines()
                    .find_map(|line| line.strip_prefix("model name"))
                    .map_or("unknown".into(), |name| {
                        name.trim_start_matches(['\t', ' ', ':']).into()
                    }),
                cores: std::thread::available_parallelism()?.get(),
                load_before: loads(),
                load_after: String::new(),
                load_most: 0.0,
            },
            figures: Vec::new(),
            gates: Vec::new(),
            failed: Vec::new(),
        })
    }

    /// Adds durations, in ms; returns their median.
    pub(crate) fn times(&mut self, name: &str, warm_up: usize, times: &[Duration]) -> f64 {
        let times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        self.add(name, "ms", warm_up, &times)
    }

    /// Adds what was measured; returns its median.
    pub(crate) fn add(
        &mut self,
        name: &str,
        unit: &'static str,
        warm_up: usize,
        all: &[f64],
    ) -> f64 {
        let mut sorted = all.to_vec();
        sorted.sort_by(f64::total_cmp);
        // The nearest rank: of fewer than a hundred, the 99th percentile is the greatest.
        let rank = |share: f64| sorted[((sorted.len() as f64 * share).ceil() as usize).max(1) - 1];
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        let load = loads()
            .split(' ')
            .next()
            .and_then(|load| load.parse().ok())
            .unwrap_or(0.0);
        self.about.load_most = self.about.load_most.max(load);
        self.figures.push(Figure {
            name: name.to_owned(),
            unit,
            n: sorted.len(),
            warm_up,
            median,
            p99: rank(0.99),
            min: rank(0.0),
            max: rank(1.0),
            load,
            note: None,
        });
        eprintln!("{}", self.figures[self.figures.len() - 1].line());
        median
    }

    /// Says something about the figure added last.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        if let Some(figure) = self.figures.last_mut() {
            figure.note = Some(note.into());
        }
    }

    pub(crate) fn gate(
        &mut self,
        name: &str,
        figure: f64,
        limit: f64,
        unit: &'static str,
        how: impl Into<String>,
    ) {
        self.gates.push(Gate {
            name: name.to_owned(),
            figure,
            limit,
            unit,
            passed: figure <= limit,
            how: how.into(),
        });
        eprintln!("{}", self.gates[self.gates.len() - 1].line());
    }

    pub(crate) fn finish(&mut self, failed: Vec<String>) {
        self.about.load_after = loads();
        self.failed = failed;
    }

    pub(crate) fn passed(&self) -> bool {
        self.failed.is_empty() && self.gates.iter().all(|gate| gate.passed)
    }

    pub(crate) fn cores(&self) -> usize {
        self.about.cores
    }

    pub(crate) fn table(&self) -> String {
        let about = &self.about;
        let mut text = format!(
            "{} {} ({} bytes, commit {}), {}\nmode: {}\nsettings: {}\npython: {}\n{} cores, {}, {}\nload average: {} before, {} after, {:.2} at most\n\n",
            about.version,
            about.date,
            about.binary_bytes,
            about.commit,
            about.rustc,
            about.mode,
            about.settings,
            about.python,
            about.cores,
            about.processor,
            about.kernel,
            about.load_before,
            about.load_after,
            about.load_most,
        );
        writeln!(
            text,
            "{:<58} {:>10} {:>10} {:>10} {:<6} {:>5} {:>5} {:>6}",
            "", "median", "p99", "min", "", "n", "warm", "load"
        )
        .expect("a string takes everything");
        for figure in &self.figures {
            text.push_str(&figure.line());
            text.push('\n');
        }
        text.push('\n');
        for gate in &self.gates {
            text.push_str(&gate.line());
            text.push('\n');
        }
        for failed in &self.failed {
            writeln!(text, "ended early: {failed}").expect("a string takes everything");
        }
        text
    }
}

impl Figure {
    fn line(&self) -> String {
        let note = self
            .note
            .as_ref()
            .map_or(String::new(), |note| format!("  {note}"));
        format!(
            "{:<58} {:>10.3} {:>10.3} {:>10.3} {:<6} {:>5} {:>5} {:>6.2}{note}",
            self.name, self.median, self.p99, self.min, self.unit, self.n, self.warm_up, self.load
        )
    }
}

impl Gate {
    fn line(&self) -> String {
        format!(
            "{} {:<53} {:>10.3} {:<3} gate {:.3} ({})",
            if self.passed { "pass" } else { "FAIL" },
            self.name,
            self.figure,
            self.unit,
            self.limit,
            self.how
        )
    }
}

fn loads() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.splitn(4, ' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The first line that a command prints.
fn said(command: &str, arguments: &[&str]) -> String {
    Command::new(command)
        .args(arguments)
        .output()
        .ok()
        .and_then(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().next().map(str::to_owned)
        })
        .unwrap_or_else(|| "unknown".into())
}
