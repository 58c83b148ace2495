//! Measures the search of a catalog: `speed CORPUS QUERIES` prints one JSON object.
//!
//! CORPUS holds tools as `scale.py` of the discovery benchmark makes them, QUERIES its judged queries.
//! Everything runs on one thread. A time is the median of several runs of the same thing, which other
//! load on the machine disturbs least; percentiles are over queries, of the medians of their runs,
//! after a round that is not counted.

mod corpus;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use toolmill_catalog::{Catalog, SearchQuery, SearchRequest, Server, Signals, answer};

/// How often the catalog is built, and each query run.
const BUILDS: usize = 5;
const RUNS: usize = 7;

/// How many servers get a changed tool, one after the other.
const UPDATES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(corpus), Some(queries)) = (arguments.next(), arguments.next()) else {
        return Err("usage: speed CORPUS QUERIES".into());
    };
    let (listed, _) = corpus::read(corpus.as_ref())?;
    let queries = queries_of(&queries)?;
    let misspelt: Vec<String> = queries.iter().map(|query| with_typo(query)).collect();
    let load_before = load()?;

    let (mut read, mut indexed, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    let mut catalog = Catalog::default();
    let mut snapshot = Vec::new();
    for _ in 0..BUILDS {
        let servers = listed.iter().map(again).collect();
        catalog = timed(&mut read, || Catalog::new(servers));
        timed(&mut indexed, || catalog.restore(&[]));
        snapshot = catalog.snapshot();
        let servers = listed.iter().map(again).collect();
        timed(&mut warm, || {
            let catalog = Catalog::new(servers);
            catalog.restore(&snapshot);
            black_box(catalog.search(&SearchQuery::new("create an issue")));
            catalog
        });
    }
    let mut updates = Vec::new();
    let mut changed = Catalog::default();
    for (at, server) in listed
        .iter()
        .step_by(listed.len().div_ceil(UPDATES))
        .enumerate()
    {
        let mut server = again(server);
        server.tools[0] = redescribed(&server.tools[0])?;
        let before = if at == 0 { &catalog } else { &changed };
        changed = timed(&mut updates, || before.replace(server));
    }
    let mut answers: Vec<f64> = queries
        .iter()
        .map(|query| answered(&catalog, query))
        .collect();
    let report = json!({
        "tools": catalog.len(),
        "servers": listed.len(),
        "queries": queries.len(),
        "catalog_ms": median(&mut read),
        "index_build_s": median(&mut indexed) / 1e3,
        "one_tool_update_ms": {"n": updates.len(), "p50": median(&mut updates), "max": share(&mut updates, 1.0)},
        "snapshot_bytes": snapshot.len(),
        "warm_start_ms": median(&mut warm),
        "builds": BUILDS,
        "query_us": times(&catalog, &queries),
        "query_with_typo_us": times(&catalog, &misspelt),
        "runs_of_each_query": RUNS,
        "answer_bytes": {"p50": median(&mut answers), "p95": share(&mut answers, 0.95)},
        "load_average": [load_before, load()?],
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// Runs a step and appends how many milliseconds it took.
fn timed<T>(times: &mut Vec<f64>, step: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let made = step();
    times.push(begun.elapsed().as_secs_f64() * 1e3);
    made
}

/// The time of each query as the gateway's agent asks it, in microseconds.
fn times(catalog: &Catalog, queries: &[String]) -> Value {
    let mut all: Vec<f64> = queries
        .iter()
        .map(|text| {
            let mut runs = Vec::new();
            for _ in 0..=RUNS {
                timed(&mut runs, || {
                    black_box(catalog.search(&SearchQuery::new(text)))
                });
            }
            median(&mut runs[1..]) * 1e3
        })
        .collect();
    json!({"p50": median(&mut all), "p99": share(&mut all, 0.99), "max": share(&mut all, 1.0)})
}

fn answered(catalog: &Catalog, query: &str) -> f64 {
    let request = SearchRequest {
        queries: vec![query.to_owned()],
        ..SearchRequest::default()
    };
    answer(catalog, &request, Signals::default(), &[])
        .text
        .len() as f64
}

fn queries_of(path: &str) -> Result<Vec<String>, Box<dyn Error>> {
    #[derive(Deserialize)]
    struct Judged {
        query: String,
    }
    std::fs::read_to_string(path)?
        .lines()
        .map(|line| Ok(serde_json::from_str::<Judged>(line)?.query))
        .collect()
}

/// The query with two letters of its longest word exchanged.
fn with_typo(query: &str) -> String {
    let longest = query
        .split(' ')
        .filter(|word| word.len() >= 5 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        .max_by_key(|word| word.len());
    let Some(word) = longest else {
        return query.to_owned();
    };
    let mut letters: Vec<char> = word.chars().collect();
    letters.swap(2, 3);
    query.replacen(word, &letters.into_iter().collect::<String>(), 1)
}

fn again(server: &Server) -> Server {
    Server {
        name: server.name.clone(),
        tools: server.tools.clone(),
        title: server.title.clone(),
        description: server.description.clone(),
    }
}

fn redescribed(tool: &RawValue) -> Result<Box<RawValue>, Box<dyn Error>> {
    let mut tool: Value = serde_json::from_str(tool.get())?;
    tool["description"] = Value::from("Says something else than before, in words that are new.");
    Ok(to_raw_value(&tool)?)
}

fn median(values: &mut [f64]) -> f64 {
    share(values, 0.5)
}

/// The value that this share of all does not exceed.
fn share(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    let value = values[rank.clamp(1, values.len()) - 1];
    (value * 1e3).round() / 1e3
}

/// The load average of the last minute.
fn load() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    let first = text.split(' ').next().unwrap_or_default();
    Ok(first.parse()?)
}
