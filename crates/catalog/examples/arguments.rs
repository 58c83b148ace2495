//! What is said of arguments, and how long it takes: `scripts/sdk-gates` asks.
//!
//!     arguments check               reads lines of {"schema": …, "arguments": …}, writes what is wrong
//!     arguments speed CATALOGS LINES  lines of {"server", "tool", "arguments"}, for recorded catalogs

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use toolmill_catalog::{Catalog, Language, Server, Tool, Validation};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check(),
        ["speed", catalogs, lines] => speed(Path::new(catalogs), Path::new(lines)),
        _ => panic!("arguments check | arguments speed CATALOGS LINES"),
    }
}

#[derive(Deserialize)]
struct Case {
    schema: Box<RawValue>,
    arguments: Box<RawValue>,
}

fn check() {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("lines of UTF-8");
        let case: Case = serde_json::from_str(&line).expect("a case");
        let tool = json!({"name": "f", "inputSchema": case.schema});
        let catalog = Catalog::new(vec![server("x", vec![to_raw_value(&tool).unwrap()])]);
        let tool = catalog.tools().next().expect("a usable tool");
        let said = match bound(tool, &case.arguments) {
            Ok(()) => json!({"ok": true}),
            Err(error) => json!({
                "ok": false,
                "code": error.code.as_str(),
                "message": error.message,
                "fix": error.fix,
            }),
        };
        println!("{said}");
    }
}

fn bound(tool: &Tool, arguments: &RawValue) -> Result<(), toolmill_catalog::ArgumentError> {
    let named = named(arguments);
    let bound = tool.bind(&[], &named, Validation::Error, Language::Python)?;
    black_box(bound);
    Ok(())
}

fn named(arguments: &RawValue) -> Vec<(String, &RawValue)> {
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(arguments.get()).expect("an object of arguments");
    members.into_iter().collect()
}

#[derive(Deserialize)]
struct Line {
    server: String,
    tool: String,
    arguments: Box<RawValue>,
}

/// Milliseconds, or microseconds, with the digits that mean something.
fn shown(time: Duration, unit: f64) -> f64 {
    (time.as_secs_f64() * unit * 100.0).round() / 100.0
}

fn speed(catalogs: &Path, lines: &Path) {
    const ROUNDS: usize = 30;
    let lines: Vec<Line> = std::fs::read_to_string(lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let catalog = recorded(catalogs);
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        (times[times.len() / 2], times[times.len() * 95 / 100])
    };
    // Binding without validation is what a call costs anyway, reading the arguments into a tree is
    // the least that any look at them costs.
    let (mut off, mut on, mut floor, mut first) = (vec![], vec![], vec![], vec![]);
    for line in &lines {
        let tool = catalog
            .tools()
            .find(|tool| tool.server() == line.server && tool.name() == line.tool)
            .expect("a recorded tool");
        let named = named(&line.arguments);
        let timed = |validation| {
            best(|| {
                let begun = Instant::now();
                for _ in 0..ROUNDS {
                    let bound = tool.bind(&[], &named, validation, Language::Python);
                    black_box(bound.expect("valid arguments"));
                }
                begun.elapsed() / ROUNDS as u32
            })
        };
        tool.input_schema();
        off.push(timed(Validation::Off));
        let begun = Instant::now();
        bound(tool, &line.arguments).expect("valid arguments");
        first.push(begun.elapsed());
        on.push(timed(Validation::Error));
        floor.push(best(|| {
            let begun = Instant::now();
            for _ in 0..ROUNDS {
                black_box(serde_json::from_str::<Value>(line.arguments.get()).unwrap());
            }
            begun.elapsed() / ROUNDS as u32
        }));
    }
    let mut validation: Vec<Duration> = on
        .iter()
        .zip(&off)
        .map(|(on, off)| on.saturating_sub(*off))
        .collect();

    let mut signatures: Vec<Duration> = catalog
        .tools()
        .map(|tool| {
            best(|| {
                let begun = Instant::now();
                black_box(tool.signature(Language::Python, None));
                begun.elapsed()
            })
        })
        .collect();
    let (signature, _) = median(&mut signatures);
    let slowest = signatures.last().copied().unwrap_or_default();

    let written = |catalog: &Catalog| {
        let begun = Instant::now();
        black_box((
            catalog.python_stubs(None, None),
            catalog.typescript_declarations(None, None),
        ));
        begun.elapsed()
    };
    let cold = best(|| written(&recorded(catalogs)));
    let warm = best(|| {
        written(&catalog);
        written(&catalog)
    });
    let parsing = best(|| {
        let begun = Instant::now();
        for tool in catalog.tools() {
            black_box(serde_json::from_str::<Value>(tool.raw().get()).unwrap());
        }
        begun.elapsed()
    });
    let bytes =
        catalog.python_stubs(None, None).len() + catalog.typescript_declarations(None, None).len();

    let (p50, p95) = median(&mut validation);
    let (floor, _) = median(&mut floor);
    let (first, first_p95) = median(&mut first);
    let report = json!({
        "tools": catalog.len(),
        "validation_us": {
            "p50": shown(p50, 1e6), "p95": shown(p95, 1e6), "floor_parsing": shown(floor, 1e6),
            "first_call_p50": shown(first, 1e6), "first_call_p95": shown(first_p95, 1e6),
        },
        "sdk_ms": {
            "both_cold": shown(cold, 1e3), "both_warm": shown(warm, 1e3),
            "floor_parsing": shown(parsing, 1e3), "bytes": bytes,
        },
        "signature_us": {"p50": shown(signature, 1e6), "slowest": shown(slowest, 1e6)},
    });
    println!("{report:#}");
}

/// The least of several times: what else the machine does only adds to them.
fn best(time: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(time)
        .take(9)
        .min()
        .expect("there are nine")
}

fn recorded(folder: &Path) -> Catalog {
    #[derive(Deserialize)]
    struct File {
        name: String,
        tools_list_pages: Vec<Page>,
    }
    #[derive(Deserialize)]
    struct Page {
        result: Tools,
    }
    #[derive(Deserialize)]
    struct Tools {
        tools: Vec<Box<RawValue>>,
    }
    let mut servers = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let pages = file.tools_list_pages.into_iter();
            servers.push(server(
                &file.name,
                pages.flat_map(|page| page.result.tools).collect(),
            ));
        }
    }
    Catalog::new(servers)
}

fn server(name: &str, tools: Vec<Box<RawValue>>) -> Server {
    Server {
        name: name.to_owned(),
        tools,
        title: None,
        description: None,
    }
}
