//! The text that `search_tools` answers with.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::catalog::{Catalog, ServerTools};
use crate::observed::{Observations, Observed};
use crate::phrase::Repair;
use crate::plain;
use crate::search::{Explanation, Hit, SearchQuery};
use crate::signature::Language;
use crate::tool::Tool;
use crate::words;

const MOST_QUERIES: usize = 16;
const MOST_HITS: usize = 50;
const INVENTORY_CHARS: usize = 1_500;
const SERVER_TOOLS_CHARS: usize = 4_000;
const UNAVAILABLE_CHARS: usize = 1_000;
const DESCRIPTION_CHARS: usize = 2_000;
const TWINS_CHARS: usize = 160;

/// Terms of the sum that a score is.
const MOST_TERMS: usize = 24;

/// What of one schema is shown: the recorded ones have a median of 700 bytes and a few 20,000.
const SCHEMA_BYTES: usize = 12_000;

/// How much is said about each hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Its path.
    Name,
    /// Its path and description.
    Description,
    /// Its signature and the first sentence of its description.
    #[default]
    Signature,
    /// Everything: signature, description, schemas, score.
    Full,
}

/// The arguments of `search_tools`.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// One phrase a step of the task; none asks for the inventory.
    pub queries: Vec<String>,
    pub server: Option<String>,
    pub detail: Detail,
    pub language: Language,
    /// The number of hits for each query.
    pub limit: usize,
    /// How many of the best hits of each query to skip.
    pub offset: usize,
    /// Each hit says why it has its score, as with [`Detail::Full`].
    pub explain: bool,
}

impl Default for SearchRequest {
    fn default() -> SearchRequest {
        SearchRequest {
            queries: Vec::new(),
            server: None,
            detail: Detail::default(),
            language: Language::default(),
            limit: 5,
            offset: 0,
            explain: false,
        }
    }
}

impl SearchRequest {
    fn query<'a>(
        &self,
        text: &'a str,
        server: Option<&'a str>,
        signals: Signals<'a>,
    ) -> SearchQuery<'a> {
        SearchQuery {
            server,
            limit: self.limit.clamp(1, MOST_HITS),
            offset: self.offset,
            used: signals.used,
            likeness: signals
                .likeness
                .and_then(|likeness| likeness.get(text))
                .map(Vec::as_slice),
            ..SearchQuery::new(text)
        }
    }
}

/// What is known beside the catalog: what puts some tools before others, and what they returned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals<'a> {
    /// As [`SearchQuery::used`] has it.
    pub used: Option<&'a HashMap<String, f32>>,
    /// By query, as [`SearchQuery::likeness`] has it.
    pub likeness: Option<&'a HashMap<String, Vec<f32>>>,
    /// What results were like; it puts no tool before another.
    pub observed: Option<&'a Observations>,
    /// What becomes of calls.
    pub policy: Option<Policy<'a>>,
}

/// Says in a word what becomes of a tool's calls, when they do not simply pass.
#[derive(Clone, Copy)]
pub struct Policy<'a>(pub &'a dyn Fn(&Arc<Tool>) -> Option<&'static str>);

impl std::fmt::Debug for Policy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Policy")
    }
}

impl<'a> Signals<'a> {
    fn of_results(&self, tool: &Tool) -> Option<&'a Observed> {
        self.observed.and_then(|observed| observed.of(tool))
    }

    fn of_policy(&self, tool: &Arc<Tool>) -> Option<&'static str> {
        self.policy.and_then(|policy| policy.0(tool))
    }
}

/// One hit as data, for programs and scripts.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The query that found it.
    pub query: String,
    /// What a program calls.
    pub path: String,
    /// The server's name in the settings.
    pub server: String,
    pub signature: String,
    /// The first sentence of the description; with [`Detail::Full`] all of it.
    pub description: String,
    /// `WRITES` or `DESTROYS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<&'static str>,
    /// What becomes of its calls, when they do not simply pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'static str>,
    /// Paths of tools of other servers that do the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_on: Vec<String>,
    pub score: f32,
    /// Why it has this score, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The hits of [`answer`] as data: those of each query in turn, the best first.
///
/// # Errors
/// There is no such server; the text says which there are.
pub fn rows(
    catalog: &Catalog,
    request: &SearchRequest,
    signals: Signals,
) -> Result<Vec<Row>, String> {
    let server = server_of(catalog, request)?.map(ServerTools::identifier);
    let queries = request.queries.iter().take(MOST_QUERIES);
    let found = queries.flat_map(|text| {
        let query = request.query(text, server, signals);
        let hits = catalog.search(&query).hits;
        hits.into_iter().map(move |hit| Row {
            query: text.clone(),
            path: format!("tools.{}", hit.tool.path()),
            server: hit.tool.server().to_owned(),
            signature: hit
                .tool
                .signature(request.language, signals.of_results(&hit.tool)),
            description: match request.detail {
                Detail::Full => plain::line(hit.tool.description(), DESCRIPTION_CHARS),
                _ => hit.tool.summary(),
            },
            effects: hit.tool.effects(),
            policy: signals.of_policy(&hit.tool),
            also_on: twins(&hit),
            score: hit.score,
            why: request.explain.then(|| sum(&catalog.explain(&query, &hit))),
        })
    });
    Ok(found.collect())
}

/// The server that is asked for, if one is.
fn server_of<'a>(
    catalog: &'a Catalog,
    request: &SearchRequest,
) -> Result<Option<&'a ServerTools>, String> {
    let Some(written) = request.server.as_deref() else {
        return Ok(None);
    };
    catalog.server(written).map(Some).ok_or_else(|| {
        format!(
            "no server {}; {}",
            plain::quoted(written),
            inventory(catalog)
        )
    })
}

fn twins(hit: &Hit) -> Vec<String> {
    let paths = hit
        .twins
        .iter()
        .map(|twin| format!("tools.{}", twin.path()));
    paths.collect()
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The answer to a model.
    pub text: String,
    /// Hits shown, over all queries.
    pub hits: usize,
}

impl From<String> for Found {
    fn from(text: String) -> Found {
        Found { text, hits: 0 }
    }
}

/// Answers `search_tools`. `unavailable` names the servers whose tools are not in the catalog, each
/// with the reason, which may name the command that helps.
pub fn answer(
    catalog: &Catalog,
    request: &SearchRequest,
    signals: Signals,
    unavailable: &[(String, String)],
) -> Found {
    let server = match server_of(catalog, request) {
        Ok(server) => server,
        Err(mut text) => {
            text.push('\n');
            push_unavailable(&mut text, "not available", unavailable);
            return text.into();
        }
    };
    let mut out = String::new();
    if request.queries.is_empty() {
        match server {
            None => out.push_str(&inventory(catalog)),
            Some(server) => push_server(&mut out, server),
        }
        out.push('\n');
        push_unavailable(&mut out, "not available", unavailable);
        return out.into();
    }
    let mut hits = Hits {
        catalog,
        request,
        server,
        signals,
        shown: HashSet::new(),
        count: 0,
        out,
    };
    for (at, text) in request.queries.iter().take(MOST_QUERIES).enumerate() {
        if request.queries.len() > 1 {
            let _ = write!(hits.out, "{}: ", plain::quoted(text));
        }
        hits.push_query(text, at == 0);
    }
    let (mut out, hits) = (hits.out, hits.count);
    if request.queries.len() > MOST_QUERIES {
        let _ = writeln!(out, "only the first {MOST_QUERIES} queries were answered");
    }
    push_unavailable(&mut out, "not searched", unavailable);
    Found { text: out, hits }
}

/// The answer to several queries, in which no tool is described twice.
struct Hits<'a> {
    catalog: &'a Catalog,
    request: &'a SearchRequest,
    server: Option<&'a ServerTools>,
    signals: Signals<'a>,
    shown: HashSet<String>,
    count: usize,
    out: String,
}

impl Hits<'_> {
    /// One line of counts, to which the first adds what was searched, then the hits.
    fn push_query(&mut self, text: &str, first: bool) {
        let offset = self.request.offset;
        let server = self.server.map(ServerTools::identifier);
        let query = self.request.query(text, server, self.signals);
        let result = self.catalog.search(&query);
        let (count, matches) = (result.hits.len(), result.matches);
        self.count += count;
        let noun = if matches == 1 { "match" } else { "matches" };
        let _ = match (count, matches) {
            (_, 0) => write!(self.out, "0 matches"),
            (0, _) => write!(self.out, "none after {offset} of {matches} {noun}"),
            _ if offset == 0 => write!(self.out, "{count} of {matches} {noun}"),
            _ => write!(
                self.out,
                "{}-{} of {matches} {noun}",
                offset + 1,
                offset + count
            ),
        };
        push_repairs(&mut self.out, &result.repairs);
        if first {
            let searched = self.server.map_or_else(|| totals(self.catalog), totals_of);
            let _ = write!(self.out, ", {searched}");
        }
        if matches == 0 {
            let nearest = self.catalog.nearest(text);
            if !nearest.is_empty() {
                let _ = write!(self.out, "; nearest names: {}", nearest.join(", "));
            }
            let servers = self.catalog.nearest_servers(text);
            if !servers.is_empty() {
                let _ = write!(self.out, "; nearest servers: {}", servers.join(", "));
            }
        }
        self.out.push('\n');
        for hit in result.hits {
            if self.shown.insert(hit.tool.path().to_owned()) {
                push_hit(&mut self.out, &hit, self.request, self.signals);
                if self.request.explain || self.request.detail == Detail::Full {
                    let why = self.catalog.explain(&query, &hit);
                    let _ = writeln!(self.out, "  score: {:.2} = {}", hit.score, sum(&why));
                }
            } else {
                let _ = writeln!(self.out, "tools.{} (above)", hit.tool.path());
            }
        }
    }
}

fn push_hit(out: &mut String, hit: &Hit, request: &SearchRequest, signals: Signals) {
    let tool = &*hit.tool;
    let observed = signals.of_results(tool);
    let policy = signals.of_policy(&hit.tool);
    let mark = policy.map_or_else(String::new, |policy| format!(" · {policy}"));
    match request.detail {
        Detail::Name => {
            let _ = writeln!(out, "tools.{}{mark}", tool.path());
        }
        Detail::Description => {
            let _ = writeln!(out, "tools.{}{mark}", tool.path());
            push_indented(
                out,
                tool,
                &plain::line(tool.description(), DESCRIPTION_CHARS),
            );
        }
        Detail::Signature => {
            let _ = writeln!(out, "{}{mark}", tool.signature(request.language, observed));
            push_indented(out, tool, &tool.summary());
        }
        Detail::Full => {
            let _ = writeln!(out, "{}{mark}", tool.signature(request.language, observed));
            push_indented(
                out,
                tool,
                &plain::line(tool.description(), DESCRIPTION_CHARS),
            );
            let _ = writeln!(out, "  input: {}", schema(tool.input_schema()));
            if let Some(output) = tool.output_schema() {
                let _ = writeln!(out, "  output: {}", schema(output));
            }
            if let Some(observed) = observed {
                let seen = schema(&observed.shape.schema());
                let _ = writeln!(out, "  observed ×{}: {seen}", observed.results);
            }
        }
    }
    if !hit.twins.is_empty() {
        let _ = writeln!(out, "  also on: {}", plain::list(&twins(hit), TWINS_CHARS));
    }
}

/// Says which words were read as others: `("isue" read as "issue")`.
fn push_repairs(out: &mut String, repairs: &[Repair]) {
    if repairs.is_empty() {
        return;
    }
    let written: Vec<&str> = repairs.iter().map(|repair| &*repair.written).collect();
    let read: Vec<String> = repairs.iter().map(|repair| repair.read.join("|")).collect();
    let (written, read) = (plain::quoted(&written.join(" ")), read.join(" "));
    let _ = write!(out, " ({written} read as {})", plain::quoted(&read));
}

/// A score as the sum that it is: `name "issue" 1.20 + server 0.31`.
fn sum(why: &Explanation) -> String {
    let mut terms: Vec<String> = why
        .parts
        .iter()
        .map(|part| {
            let word = plain::quoted(&part.word);
            let read = if words::stem(&part.word) == part.read {
                String::new()
            } else {
                format!(" as {}", plain::quoted(&part.read))
            };
            format!("{} {word}{read} {:.2}", part.field, part.score)
        })
        .collect();
    for (name, share) in [
        ("server", why.server),
        ("meaning", why.meaning),
        ("use before", why.use_before),
    ] {
        if share > 0.0 {
            terms.push(format!("{name} {share:.2}"));
        }
    }
    let more = terms.len().saturating_sub(MOST_TERMS);
    terms.truncate(MOST_TERMS);
    if more > 0 {
        terms.push(format!("{more} more"));
    }
    if terms.is_empty() {
        terms.push("its name".to_owned());
    }
    terms.join(" + ")
}

fn push_indented(out: &mut String, tool: &Tool, text: &str) {
    let words: Vec<&str> = [text]
        .into_iter()
        .filter(|text| !text.is_empty())
        .chain(tool.effects())
        .collect();
    if !words.is_empty() {
        let _ = writeln!(out, "  {}", words.join(" "));
    }
}

/// A schema as compact JSON, in which escapes stand for characters that would not be seen.
fn schema(schema: &Value) -> String {
    let text = serde_json::to_string(schema).expect("a JSON value serialises");
    let mut out = String::new();
    for c in plain::head(&text, SCHEMA_BYTES).chars() {
        if plain::is_treacherous(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    if text.len() > SCHEMA_BYTES {
        let _ = write!(out, "… ({} bytes in all)", text.len());
    }
    out
}

fn inventory(catalog: &Catalog) -> String {
    if catalog.servers().next().is_none() {
        return totals(catalog);
    }
    format!(
        "{}: {}",
        totals(catalog),
        catalog.inventory(INVENTORY_CHARS)
    )
}

fn push_server(out: &mut String, server: &ServerTools) {
    out.push_str(&totals_of(server));
    let names: Vec<String> = server
        .tools()
        .iter()
        .map(|tool| format!("tools.{}", tool.path()))
        .collect();
    if !names.is_empty() {
        let _ = write!(out, ": {}", plain::list(&names, SERVER_TOOLS_CHARS));
    }
}

fn totals(catalog: &Catalog) -> String {
    format!(
        "{} on {}",
        counted(catalog.len(), "tool"),
        counted(catalog.servers().count(), "server")
    )
}

fn totals_of(server: &ServerTools) -> String {
    format!(
        "{} on {}",
        counted(server.tools().len(), "tool"),
        server.identifier()
    )
}

pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn push_unavailable(out: &mut String, label: &str, unavailable: &[(String, String)]) {
    if unavailable.is_empty() {
        return;
    }
    let servers: Vec<String> = unavailable
        .iter()
        .map(|(server, reason)| {
            format!("{} ({})", plain::line(server, 80), plain::line(reason, 200))
        })
        .collect();
    let _ = writeln!(out, "{label}: {}", plain::list(&servers, UNAVAILABLE_CHARS));
}
