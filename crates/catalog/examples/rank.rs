//! Ranks tools for the scorer of the discovery benchmark.
//!
//! Reads the pool that `TOOLSEARCH_CORPUS` names, then answers one job a line: `{"query_id", "pool",
//! "query"}` becomes `{"query_id", "pool", "ranked", "ms"}`. Single tools are ranked, twins apart.
//! `--no-tables` leaves out synonyms, abbreviations and translations, `--no-repair` the repair of
//! typing mistakes. With `--model FOLDER` the sentence model in it counts as well, which first has to
//! read all tools of the pool, a few dozen a second.

mod corpus;

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use embedding::Model;
use serde::{Deserialize, Serialize};
use toolmill_catalog::{Catalog, SearchOptions, SearchQuery};

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
    let mut options = SearchOptions {
        collapse: false,
        ..SearchOptions::default()
    };
    let mut model = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--model" => {
                let folder = arguments.next().ok_or("--model takes a folder")?;
                model = Some(Model::open(folder.as_ref())?);
            }
            "--no-tables" => options.tables = false,
            "--no-repair" => options.repair = false,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let (servers, ids) = corpus::read(std::env::var("TOOLSEARCH_CORPUS")?.as_ref())?;
    let catalog = Catalog::new(servers);
    let vectors: Option<Vec<Vec<f32>>> = model.as_ref().map(|model| {
        let sentences = catalog.tools().map(|tool| tool.sentence());
        sentences.map(|sentence| model.embed(&sentence)).collect()
    });
    let likeness = |text: &str| -> Option<Vec<f32>> {
        let (model, vectors) = (model.as_ref()?, vectors.as_ref()?);
        let wanted = model.embed(text);
        let product = |vector: &Vec<f32>| vector.iter().zip(&wanted).map(|(a, b)| a * b).sum();
        Some(vectors.iter().map(product).collect())
    };
    let rank = |text: &str| {
        catalog.search(&SearchQuery {
            limit: 20,
            options,
            likeness: likeness(text).as_deref(),
            ..SearchQuery::new(text)
        })
    };
    rank("the first search builds the index");

    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let start = Instant::now();
        let result = rank(&job.query);
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let ranking = Ranking {
            query_id: job.query_id,
            pool: job.pool,
            ranked: result
                .hits
                .iter()
                .map(|hit| (hit.tool.server().to_owned(), hit.tool.name().to_owned()))
                .map(|tool| ids[&tool].as_str())
                .collect(),
            ms,
        };
        writeln!(out, "{}", serde_json::to_string(&ranking)?)?;
        out.flush()?;
    }
    Ok(())
}
