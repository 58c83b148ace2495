//! Measures the released binary end to end, as an agent meets it, with its default settings.

mod agent;
mod embedded;
mod floor;
mod memory;
mod programs;
mod report;
mod scenes;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use agent::Place;
use report::Report;
use scenes::{Bench, Sizes};

type Scene = fn(&mut Bench) -> Result<()>;

/// Every scene in the order in which they run; those with gates come first.
const SCENES: [(&str, Scene); 12] = [
    ("against", scenes::against),
    ("warm", scenes::warm),
    ("calls", scenes::calls),
    ("parallel", scenes::parallel),
    ("inside", scenes::inside),
    ("cold", scenes::cold),
    ("data", scenes::data),
    ("load", scenes::load),
    ("hostile", scenes::hostile),
    ("memory", scenes::memory),
    ("tools", scenes::tools),
    ("throughput", scenes::throughput),
];

struct Args {
    toolmill: PathBuf,
    upstream: PathBuf,
    against: Option<PathBuf>,
    json: Option<PathBuf>,
    quick: bool,
    only: Vec<String>,
}

impl Args {
    fn parse() -> Result<Args> {
        let mut parsed = Args {
            toolmill: PathBuf::new(),
            upstream: std::env::current_exe()?.with_file_name("bench_upstream"),
            against: None,
            json: None,
            quick: false,
            only: Vec::new(),
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--binary" => parsed.toolmill = PathBuf::from(value()?).canonicalize()?,
                "--against" => parsed.against = Some(PathBuf::from(value()?).canonicalize()?),
                "--json" => parsed.json = Some(value()?.into()),
                "--only" => parsed.only = value()?.split(',').map(str::to_owned).collect(),
                "--quick" => parsed.quick = true,
                other => bail!("unknown option {other}; see bench/README.md"),
            }
        }
        if let Some(unknown) = parsed
            .only
            .iter()
            .find(|name| SCENES.iter().all(|(scene, _)| scene != name))
        {
            bail!(
                "no scene {unknown}; there are {:?}",
                SCENES.map(|(name, _)| name)
            );
        }
        if parsed.toolmill.as_os_str().is_empty() {
            bail!("--binary names the toolmill to measure; bench/run does");
        }
        Ok(parsed)
    }
}

fn main() -> Result<ExitCode> {
    let args = Args::parse()?;
    let place = Place::new(&args.toolmill, &args.upstream, 30)?;
    let (python, described) = interpreter(&place)?;
    let sizes = if args.quick {
        Sizes::QUICK
    } else {
        Sizes::FULL
    };
    let report = Report::new(sizes.mode, &args.toolmill, described)?;
    let mut bench = Bench {
        embed: args.toolmill.with_file_name("examples").join("embed"),
        toolmill: args.toolmill,
        upstream: args.upstream,
        against: args.against,
        place,
        python,
        sizes,
        report,
    };
    let mut failed = Vec::new();
    for (name, scene) in SCENES {
        if args.only.is_empty() || args.only.iter().any(|only| only == name) {
            eprintln!("-- {name}");
            // The figures of the other scenes are worth having all the same.
            if let Err(error) = scene(&mut bench) {
                eprintln!("{name} ended early: {error:#}");
                failed.push(format!("{name}: {error:#}"));
            }
        }
    }
    bench.report.finish(failed);
    if let Some(path) = args.json {
        std::fs::write(&path, serde_json::to_string_pretty(&bench.report)? + "\n")
            .with_context(|| path.display().to_string())?;
    }
    print!("{}", bench.report.table());
    Ok(if bench.report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The interpreter that the gateway itself would use, and what it is.
fn interpreter(place: &Place) -> Result<(PathBuf, String)> {
    let output = place.command(&["doctor", "--json"]).output()?;
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "toolmill doctor: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let path = report["interpreters"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|check| check["verdict"] == "ok")
        .and_then(|check| check["name"].as_str())
        .context("toolmill doctor names no usable interpreter")?;
    let version = Command::new(path).arg("--version").output()?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    Ok((path.into(), format!("{path}, {version}")))
}
