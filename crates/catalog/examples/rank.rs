//! Ranks tools for the scorer of the discovery benchmark.
//!
//! Reads the pool that `TOOLSEARCH_CORPUS` names, then answers one job a line: `{"query_id", "pool",
//! "query"}` becomes `{"query_id", "pool", "ranked", "ms"}`. The time to build the index, on the first
//! search, goes to standard error.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use toolmill_catalog::{Catalog, SearchQuery, Server};

#[derive(Deserialize)]
struct Entry {
    id: String,
    server: String,
    name: String,
    description: String,
    input_schema: Box<RawValue>,
    server_title: Option<String>,
    server_description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a RawValue,
}

#[derive(Deserialize)]
struct Job {
    query_id: String,
    pool: String,
    query: String,
}

#[derive(Serialize)]
struct Ranking<'a> {
    query_id: String,
    pool: String,
    ranked: Vec<&'a str>,
    ms: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    let mut ids: HashMap<(String, String), String> = HashMap::new();
    for line in std::fs::read_to_string(std::env::var("TOOLSEARCH_CORPUS")?)?.lines() {
        let entry: Entry = serde_json::from_str(line)?;
        ids.insert((entry.server.clone(), entry.name.clone()), entry.id);
        let server = servers
            .entry(entry.server)
            .or_insert_with_key(|name| Server {
                name: name.clone(),
                tools: Vec::new(),
                title: entry.server_title,
                description: entry.server_description,
            });
        server.tools.push(to_raw_value(&Listed {
            name: &entry.name,
            description: &entry.description,
            input_schema: &entry.input_schema,
        })?);
    }
    let start = Instant::now();
    let catalog = Catalog::new(servers.into_values().collect());
    let snapshot = start.elapsed();
    let rank = |text: &str| {
        catalog.search(&SearchQuery {
            text,
            server: None,
            limit: 20,
            offset: 0,
        })
    };
    rank("");
    eprintln!(
        "{} tools: snapshot {snapshot:?}, with index {:?}",
        catalog.len(),
        start.elapsed()
    );
    if catalog.rejected().next().is_some() {
        eprintln!("rejected: {:?}", catalog.rejected().collect::<Vec<_>>());
    }

    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let start = Instant::now();
        let result = rank(&job.query);
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let ranked = result
            .hits
            .iter()
            .map(|hit| ids[&(hit.tool.server().to_owned(), hit.tool.name().to_owned())].as_str())
            .collect();
        let ranking = Ranking {
            query_id: job.query_id,
            pool: job.pool,
            ranked,
            ms,
        };
        writeln!(out, "{}", serde_json::to_string(&ranking)?)?;
        out.flush()?;
    }
    Ok(())
}
