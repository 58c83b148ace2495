//! Whether programs beat direct calls, and whether the hints of errors mend wrong programs: measured
//! over real servers, without a model. `bench/tasks/README.md` says how.

mod guess;
mod measure;
mod mend;
mod peer;
mod place;
mod table;
mod task;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;

use measure::{Bench, Ending, Measured};
use place::Place;

/// Of the wrong programs, how many must come right.
const MENDED: f64 = 0.9;
/// Of the programs that follow a learned signature, how many must be right.
const KNOWN: f64 = 0.9;

struct Args {
    toolmill: PathBuf,
    upstreams: PathBuf,
    tasks: PathBuf,
    json: Option<PathBuf>,
    only: Vec<String>,
    /// Measure only what is learned of results.
    guesses_only: bool,
}

impl Args {
    fn parse() -> Result<Args> {
        let (mut toolmill, mut upstreams, mut tasks) = (None, None, None);
        let (mut json, mut only, mut guesses_only) = (None, Vec::new(), false);
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            if arg == "--guesses" {
                guesses_only = true;
                continue;
            }
            let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--binary" => toolmill = Some(PathBuf::from(value()?).canonicalize()?),
                "--upstreams" => upstreams = Some(PathBuf::from(value()?).canonicalize()?),
                "--tasks" => tasks = Some(PathBuf::from(value()?).canonicalize()?),
                "--json" => json = Some(value()?.into()),
                "--only" => only.extend(value()?.split(',').map(str::to_owned)),
                other => bail!("unknown option {other}; see bench/tasks/README.md"),
            }
        }
        Ok(Args {
            toolmill: toolmill.context("--binary names the toolmill to measure")?,
            upstreams: upstreams.context("--upstreams names the folder of the real servers")?,
            tasks: tasks.context("--tasks names the folder of the tasks")?,
            json,
            only,
            guesses_only,
        })
    }
}

fn main() -> Result<ExitCode> {
    let args = Args::parse()?;
    let measured = if args.guesses_only {
        Vec::new()
    } else {
        measured(&args)?
    };
    let guessed = if args.only.is_empty() {
        let place = Place::that_learns(&args.toolmill, &args.upstreams, &args.tasks)?;
        guess::measure(&place, &args.tasks, &tiktoken::encoding::o200k_base())?
    } else {
        Vec::new()
    };
    if let Some(path) = &args.json {
        let report = json!({
            "schema": 2, "encoding": "o200k_base", "tasks": measured, "guesses": guessed,
        });
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n")
            .with_context(|| path.display().to_string())?;
    }
    if !measured.is_empty() {
        print!("{}", table::table(&measured));
    }
    print!("{}", table::guesses(&guessed));
    let knows = guess::right(&guessed, 1) as f64 >= KNOWN * guessed.len() as f64;
    Ok(if knows && passed(&measured) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn measured(args: &Args) -> Result<Vec<Measured>> {
    let tasks = task::load(&args.tasks, &args.only)?;
    let place = Place::new(&args.toolmill, &args.upstreams, &args.tasks)?;
    let mut bench = Bench::new(place, &tasks)?;
    let mut measured = Vec::new();
    for task in &tasks {
        eprintln!("-- {}", task.name);
        let one = bench.measure(task).with_context(|| task.name.clone())?;
        for failure in &one.failures {
            eprintln!("{failure}");
        }
        for wrong in &one.wrong {
            if wrong.ending == Ending::Unmended {
                eprintln!("not mended: {}\n{}", wrong.mistake, wrong.answer);
            }
        }
        measured.push(one);
    }
    Ok(measured)
}

fn passed(tasks: &[Measured]) -> bool {
    let wrong: Vec<_> = tasks.iter().flat_map(|task| &task.wrong).collect();
    let right = wrong
        .iter()
        .filter(|wrong| wrong.ending != Ending::Unmended)
        .count();
    tasks.iter().all(|task| task.failures.is_empty()) && right as f64 >= MENDED * wrong.len() as f64
}
