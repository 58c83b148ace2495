//! The snapshot of all tools, and the lookup of one by what a program calls it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use crate::name::{self, folded, likeness};
use crate::plain;
use crate::search::Index;
use crate::tool::{Listed, Tool};

const MOST_NEAREST: usize = 3;
const MOST_SERVERS_NAMED: usize = 10;

/// Tools compared by spelling when a name is unknown: a program may miss as often as it likes.
const MOST_COMPARED: usize = 5_000;

/// What a server listed: the input of a [`Catalog`].
pub struct Server {
    /// The name that the settings give it.
    pub name: String,
    pub tools: Vec<Box<RawValue>>,
    pub title: Option<String>,
    pub description: Option<String>,
}

/// A server in a catalog, with those of its tools that can be used.
#[derive(Debug)]
pub struct ServerTools {
    name: String,
    identifier: String,
    title: String,
    description: String,
    tools: Vec<Arc<Tool>>,
    rejected: Vec<String>,
}

impl ServerTools {
    fn new(server: Server, identifier: String) -> ServerTools {
        let mut names: Vec<String> = Vec::new();
        let mut raws: Vec<Box<RawValue>> = Vec::new();
        let mut rejected = Vec::new();
        let mut seen = HashSet::new();
        for raw in server.tools {
            let name = Listed::parse(&raw).and_then(|listed| listed.usable_name());
            match name {
                Ok(name) if seen.insert(name.clone()) => {
                    names.push(name);
                    raws.push(raw);
                }
                Ok(name) => rejected.push(format!("tool {} is listed twice", plain::quoted(&name))),
                Err(reason) => rejected.push(reason),
            }
        }
        let identifiers = name::identifiers(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut tools: Vec<Arc<Tool>> = names
            .into_iter()
            .zip(raws)
            .zip(identifiers)
            .map(|((name, raw), tool)| {
                Arc::new(Tool::new(
                    &server.name,
                    name,
                    format!("{identifier}.{tool}"),
                    raw,
                ))
            })
            .collect();
        tools.sort_by(|a, b| a.path().cmp(b.path()));
        ServerTools {
            name: server.name,
            identifier,
            title: server.title.unwrap_or_default(),
            description: server.description.unwrap_or_default(),
            tools,
            rejected,
        }
    }

    /// The name that the settings give the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's part of its tools' paths.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    pub fn description(&self) -> &str {
        &self.description
    }

    /// The usable tools, by path.
    pub fn tools(&self) -> &[Arc<Tool>] {
        &self.tools
    }

    /// What the server listed, as if listed again.
    fn listed(&self) -> Server {
        Server {
            name: self.name.clone(),
            tools: self
                .tools
                .iter()
                .map(|tool| tool.raw().to_owned())
                .collect(),
            title: Some(self.title.clone()),
            description: Some(self.description.clone()),
        }
    }
}

/// An immutable snapshot of all tools of all servers.
///
/// Servers and tools are ordered by path, whatever the order in which they were listed. Distinct
/// pairs of a server's name and a tool's raw name have distinct paths.
#[derive(Debug, Default)]
pub struct Catalog {
    servers: Vec<Arc<ServerTools>>,
    /// The tools of all servers, in order of their paths.
    tools: Vec<Arc<Tool>>,
    /// Where in `tools` those of each server lie.
    ranges: Vec<Range<usize>>,
    index: OnceLock<Index>,
    variants: OnceLock<HashMap<String, Vec<usize>>>,
}

impl Catalog {
    /// Tools that cannot be used are left out, see [`Catalog::rejected`]; of servers that share a
    /// name, only the last one counts.
    pub fn new(servers: Vec<Server>) -> Catalog {
        let servers: BTreeMap<String, Listing> = servers
            .into_iter()
            .map(|server| (server.name.clone(), Listing::New(server)))
            .collect();
        Catalog::assemble(servers)
    }

    /// The snapshot in which `server` takes the place of the server of that name, or joins.
    ///
    /// Tools of the others are shared. A new server whose name maps to the same identifier as
    /// another's changes the paths of both.
    pub fn replace(&self, server: Server) -> Catalog {
        let mut servers: BTreeMap<String, Listing> = self
            .servers
            .iter()
            .map(|server| (server.name.clone(), Listing::Known(Arc::clone(server))))
            .collect();
        servers.insert(server.name.clone(), Listing::New(server));
        Catalog::assemble(servers)
    }

    fn assemble(listings: BTreeMap<String, Listing>) -> Catalog {
        let names: Vec<&str> = listings.keys().map(String::as_str).collect();
        let identifiers = name::identifiers(&names);
        let mut servers: Vec<Arc<ServerTools>> = listings
            .into_values()
            .zip(identifiers)
            .map(|(listing, identifier)| match listing {
                Listing::Known(server) if server.identifier == identifier => server,
                Listing::Known(server) => {
                    let rejected = server.rejected.clone();
                    let moved = ServerTools::new(server.listed(), identifier);
                    Arc::new(ServerTools { rejected, ..moved })
                }
                Listing::New(server) => Arc::new(ServerTools::new(server, identifier)),
            })
            .collect();
        servers.sort_by(|a, b| a.identifier.cmp(&b.identifier));

        let mut tools: Vec<Arc<Tool>> = Vec::new();
        let mut ranges = Vec::new();
        for server in &servers {
            let start = tools.len();
            tools.extend(server.tools.iter().cloned());
            ranges.push(start..tools.len());
        }
        Catalog {
            servers,
            tools,
            ranges,
            index: OnceLock::new(),
            variants: OnceLock::new(),
        }
    }

    /// All tools, by path.
    pub fn tools(&self) -> impl Iterator<Item = &Arc<Tool>> {
        self.tools.iter()
    }

    pub fn len(&self) -> usize {
        self.tools.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// All servers, by identifier; also those without a usable tool.
    pub fn servers(&self) -> impl Iterator<Item = &ServerTools> {
        self.servers.iter().map(|server| &**server)
    }

    /// What was left out: the server's name and the reason.
    pub fn rejected(&self) -> impl Iterator<Item = (&str, &str)> {
        self.servers.iter().flat_map(|server| {
            server
                .rejected
                .iter()
                .map(|reason| (server.name.as_str(), reason.as_str()))
        })
    }

    /// The server that an agent means: by identifier, by name, or by a variant of one of them.
    pub fn server(&self, written: &str) -> Option<&ServerTools> {
        self.server_at(written).map(|at| &*self.servers[at])
    }

    fn server_at(&self, written: &str) -> Option<usize> {
        let position = |matches: &dyn Fn(&ServerTools) -> bool| {
            self.servers.iter().position(|server| matches(server))
        };
        let written_folded = folded(written);
        position(&|server| server.identifier == written)
            .or_else(|| position(&|server| server.name == written))
            .or_else(|| {
                let mut alike = (0..self.servers.len())
                    .filter(|&at| folded(&self.servers[at].name) == written_folded);
                alike
                    .next()
                    .filter(|_| !written_folded.is_empty() && alike.next().is_none())
            })
    }

    /// The tool that a program or an agent means by `path`.
    ///
    /// Accepted are paths with and without `tools.`, raw names (`my-server.create-issue`) and
    /// variants in snake, camel and kebab case, the exact ones first.
    pub fn resolve(&self, path: &str) -> Result<&Arc<Tool>, UnknownTool> {
        self.find(path)
            .map(|at| &self.tools[at])
            .map_err(|several| {
                let path = bare(path);
                match several[..] {
                    [] => self.unknown(path),
                    _ => UnknownTool {
                        path: path.to_owned(),
                        nearest: self.paths(several.into_iter()),
                        reason: Reason::Ambiguous,
                    },
                }
            })
    }

    /// The one tool meant by `path`, or all that may be meant.
    pub(crate) fn find(&self, path: &str) -> Result<usize, Vec<usize>> {
        let exact = |path: &str| {
            self.tools
                .binary_search_by(|tool| tool.path().cmp(path))
                .ok()
        };
        if let Some(at) = exact(path.trim()).or_else(|| exact(bare(path))) {
            return Ok(at);
        }
        let variants = self.variants_of(bare(path));
        match variants[..] {
            [at] => Ok(at),
            _ => Err(variants),
        }
    }

    /// The tools whose raw names are `path`, else those of which `path` is a variant.
    fn variants_of(&self, path: &str) -> Vec<usize> {
        /// Raw names may contain dots, so that each may be the one between server and tool.
        const MOST_DOTS: usize = 8;
        const LONGEST_PATH_BYTES: usize = 1024;

        let variants = self.variants.get_or_init(|| {
            let mut variants: HashMap<String, Vec<usize>> = HashMap::new();
            for (at, tool) in self.tools.iter().enumerate() {
                variants
                    .entry(variant_key(tool.server(), tool.name()))
                    .or_default()
                    .push(at);
            }
            variants
        });
        if path.len() > LONGEST_PATH_BYTES {
            return Vec::new();
        }
        let mut found: Vec<usize> = path
            .match_indices('.')
            .take(MOST_DOTS)
            .map(|(dot, _)| variant_key(&path[..dot], &path[dot + 1..]))
            .filter_map(|key| variants.get(&key))
            .flatten()
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup();
        let is_raw = |&at: &usize| {
            let tool = &self.tools[at];
            path.strip_prefix(tool.server())
                .and_then(|rest| rest.strip_prefix('.'))
                == Some(tool.name())
        };
        if found.iter().any(is_raw) {
            found.retain(is_raw);
        }
        found
    }

    fn unknown(&self, path: &str) -> UnknownTool {
        let (server, tool) = path.split_once('.').unwrap_or(("", path));
        let (nearest, reason) = match self.server_at(server) {
            Some(at) => (
                self.nearest_in(self.ranges[at].clone(), tool),
                Reason::Unknown,
            ),
            None => {
                let names = self.servers.iter().take(MOST_SERVERS_NAMED);
                let names = names.map(|server| server.identifier.clone()).collect();
                let more = self.servers.len().saturating_sub(MOST_SERVERS_NAMED);
                let alike = self.server_alike(server).map(|at| self.ranges[at].clone());
                let nearest = alike.map_or(Vec::new(), |tools| self.nearest_in(tools, tool));
                let nearest = if nearest.is_empty() {
                    self.nearest(tool)
                } else {
                    nearest
                };
                (nearest, Reason::NoServer { names, more })
            }
        };
        UnknownTool {
            path: path.to_owned(),
            nearest,
            reason,
        }
    }

    /// The server whose name is spelled most like `written`, if any is alike.
    fn server_alike(&self, written: &str) -> Option<usize> {
        (0..self.servers.len().min(MOST_COMPARED))
            .map(|at| (likeness(written, &self.servers[at].identifier), at))
            .filter(|(likeness, _)| *likeness >= name::ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
            .map(|(_, at)| at)
    }

    /// The paths of the tools that `text` most probably means, for an answer that has nothing else.
    pub(crate) fn nearest(&self, text: &str) -> Vec<String> {
        let (found, _) = self.index().ranked(text, 0..self.tools.len(), MOST_NEAREST);
        match found[..] {
            [] => self.nearest_in(0..self.tools.len(), text),
            _ => self.paths(found.into_iter().map(|(at, _)| at)),
        }
    }

    fn nearest_in(&self, range: Range<usize>, text: &str) -> Vec<String> {
        let text = plain::head(text, 128);
        let mut alike: Vec<(f32, usize)> = range
            .take(MOST_COMPARED)
            .map(|at| (likeness(text, self.tools[at].name()), at))
            .filter(|(likeness, _)| *likeness >= name::ALIKE)
            .collect();
        alike.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.paths(alike.into_iter().map(|(_, at)| at))
    }

    fn paths(&self, tools: impl Iterator<Item = usize>) -> Vec<String> {
        tools
            .take(MOST_NEAREST)
            .map(|at| format!("tools.{}", self.tools[at].path()))
            .collect()
    }

    /// The servers with their numbers of tools, the largest first: `atlassian 98, mongodb 27, …+3`.
    pub fn inventory(&self, max_chars: usize) -> String {
        let mut servers: Vec<&ServerTools> = self.servers().collect();
        servers.sort_by(|a, b| {
            b.tools
                .len()
                .cmp(&a.tools.len())
                .then_with(|| a.identifier.cmp(&b.identifier))
        });
        let entries: Vec<String> = servers
            .iter()
            .map(|server| format!("{} {}", server.identifier, server.tools.len()))
            .collect();
        plain::list(&entries, max_chars)
    }

    pub(crate) fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(self.servers()))
    }

    /// Where the tools of `server` lie, or all of them.
    pub(crate) fn range(&self, server: Option<&str>) -> Range<usize> {
        match server {
            None => 0..self.tools.len(),
            Some(server) => self
                .server_at(server)
                .map_or(0..0, |at| self.ranges[at].clone()),
        }
    }

    pub(crate) fn tool_at(&self, at: usize) -> &Arc<Tool> {
        &self.tools[at]
    }
}

enum Listing {
    New(Server),
    Known(Arc<ServerTools>),
}

fn bare(path: &str) -> &str {
    let path = path.trim();
    path.strip_prefix("tools.").unwrap_or(path)
}

fn variant_key(server: &str, tool: &str) -> String {
    format!("{}.{}", folded(server), folded(tool))
}

/// A path that leads to no tool, or to more than one.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.message())]
pub struct UnknownTool {
    /// The path as it was written, without `tools.`.
    pub path: String,
    /// At most three paths, with `tools.`, that may have been meant.
    pub nearest: Vec<String>,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Unknown,
    Ambiguous,
    NoServer { names: Vec<String>, more: usize },
}

impl UnknownTool {
    /// What is wrong and what there is instead, on one line.
    pub fn message(&self) -> String {
        let path = plain::quoted(&self.path);
        let nearest = self.nearest.join(", ");
        match &self.reason {
            Reason::Ambiguous => format!("{path} could be any of: {nearest}"),
            Reason::Unknown if self.nearest.is_empty() => format!("no tool {path}"),
            Reason::Unknown => format!("no tool {path}; nearest: {nearest}"),
            Reason::NoServer { names, more } => {
                let mut message = format!("no tool {path}");
                if !self.nearest.is_empty() {
                    message.push_str(&format!("; nearest: {nearest}"));
                }
                let rest = if *more > 0 {
                    format!(", …+{more}")
                } else {
                    String::new()
                };
                match names[..] {
                    [] => message.push_str("; no server has tools"),
                    _ => message.push_str(&format!("; servers: {}{rest}", names.join(", "))),
                }
                message
            }
        }
    }
}
