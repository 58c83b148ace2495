//! The snapshot of all tools, and the lookup of one by what a program calls it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use crate::index::{Index, name_hash};
use crate::name::{self, folded, likeness};
use crate::plain;
use crate::search::{SearchOptions, SearchQuery};
use crate::snapshot::content_hash;
use crate::tool::{Facts, Tool};
use crate::words;

const MOST_NEAREST: usize = 3;
const MOST_SERVERS_NAMED: usize = 10;

/// Tools compared by spelling when a name is unknown: a program may miss as often as it likes.
const MOST_COMPARED: usize = 5_000;
const LONGEST_COMPARED_BYTES: usize = 128;

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
    folded: String,
    name_hash: u32,
    /// A number for all that is read from the server.
    content_hash: u64,
    /// Where the tools lie by folded name.
    variants: OnceLock<HashMap<String, Vec<usize>>>,
}

impl ServerTools {
    /// Tools of `known`, what the server listed before, are taken over where they are the same.
    fn new(server: Server, identifier: String, known: Option<&ServerTools>) -> ServerTools {
        let known = known.map_or(&[][..], |known| &known.tools);
        let known = known.iter().map(|tool| (mark(tool.raw()), tool));
        let known: HashMap<(usize, &[u8]), &Arc<Tool>> = known.collect();
        let listed = server.tools.into_iter().map(|raw| {
            let known = known.get(&mark(&raw)).copied();
            match known.filter(|tool| tool.raw().get() == raw.get()) {
                Some(tool) => (Some(tool), Ok(tool.facts().clone()), raw),
                None => (None, Facts::of(&raw), raw),
            }
        });
        let listed: Vec<_> = listed.collect();
        let mut seen = HashSet::with_capacity(listed.len());
        let is_new = listed.iter().map(|(_, facts, _)| {
            let facts = facts.as_ref();
            facts.is_ok_and(|facts| seen.insert(&*facts.name))
        });
        let is_new: Vec<bool> = is_new.collect();
        let mut usable = Vec::with_capacity(listed.len());
        let mut rejected = Vec::new();
        for ((known, facts, raw), is_new) in listed.into_iter().zip(is_new) {
            match facts {
                Ok(facts) if is_new => usable.push((known, facts, raw)),
                Ok(facts) => rejected.push(format!(
                    "tool {} is listed twice",
                    plain::quoted(&facts.name)
                )),
                Err(reason) => rejected.push(reason),
            }
        }
        let names: Vec<&str> = usable.iter().map(|(_, facts, _)| &*facts.name).collect();
        let identifiers = name::identifiers(&names).into_iter();
        let path = |tool: Cow<str>| [&identifier, ".", &*tool].concat();
        let paths: Vec<String> = identifiers.map(path).collect();
        let name: Arc<str> = Arc::from(&*server.name);
        let mut tools: Vec<Arc<Tool>> = usable
            .into_iter()
            .zip(paths)
            .map(|((known, facts, raw), path)| match known {
                Some(known) if known.path() == path => Arc::clone(known),
                _ => Arc::new(Tool::new(&name, facts, path, raw)),
            })
            .collect();
        tools.sort_by(|a, b| a.path().cmp(b.path()));
        let title = server.title.unwrap_or_default();
        let description = server.description.unwrap_or_default();
        let of_tools: Vec<u8> = tools
            .iter()
            .flat_map(|tool| tool.facts().content_hash.to_le_bytes())
            .collect();
        let texts = [&server.name, &title, &description].map(|text| text.as_bytes());
        ServerTools {
            folded: folded(&server.name),
            name_hash: name_hash(&server.name),
            content_hash: content_hash(texts.into_iter().chain([&of_tools[..]])),
            name: server.name,
            identifier,
            title,
            description,
            tools,
            rejected,
            variants: OnceLock::new(),
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

    pub(crate) fn content_hash(&self) -> u64 {
        self.content_hash
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

    fn variants(&self, folded: &str) -> impl Iterator<Item = &Arc<Tool>> {
        let variants = self.variants.get_or_init(|| {
            let mut variants: HashMap<String, Vec<usize>> = HashMap::new();
            for (at, tool) in self.tools.iter().enumerate() {
                variants
                    .entry(name::folded(tool.name()))
                    .or_default()
                    .push(at);
            }
            variants
        });
        let found = variants.get(folded).map_or(&[][..], Vec::as_slice);
        found.iter().map(|&at| &self.tools[at])
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
    /// By server, a number for its name, see [`name_hash`]: a sentence with a full stop looks like a path.
    names: Vec<u32>,
    tools: usize,
    index: OnceLock<Index>,
    /// The SDK of all servers in each language, once somebody wanted it.
    pub(crate) python: OnceLock<String>,
    pub(crate) typescript: OnceLock<String>,
}

impl Catalog {
    /// Tools that cannot be used are left out, see [`Catalog::rejected`]; of servers that share a
    /// name, only the last one counts.
    pub fn new(servers: Vec<Server>) -> Catalog {
        let servers: BTreeMap<String, Listing> = servers
            .into_iter()
            .map(|server| (server.name.clone(), Listing::New(server)))
            .collect();
        Catalog::assembled(assemble(servers))
    }

    /// The snapshot in which `server` takes the place of the server of that name, or joins.
    ///
    /// Tools of the others are shared, and those of this one that have not changed. A new server
    /// whose name maps to the same identifier as another's changes the paths of both.
    pub fn replace(&self, server: Server) -> Catalog {
        // By the numbers of their names: to look at a thousand servers takes longer than all else.
        let hash = name_hash(&server.name);
        let mut present = (0..self.servers.len()).filter(|&at| self.names[at] == hash);
        let present = present.find(|&at| self.servers[at].name == server.name);
        let next = match present {
            Some(at) => {
                let mut servers = self.servers.clone();
                let known = &self.servers[at];
                let listed = ServerTools::new(server, known.identifier.clone(), Some(known));
                let tools = self.tools - known.tools.len() + listed.tools.len();
                servers[at] = Arc::new(listed);
                Catalog {
                    servers,
                    names: self.names.clone(),
                    tools,
                    ..Catalog::default()
                }
            }
            None => {
                let known = self.servers.iter().map(Arc::clone).map(Listing::Known);
                let mut servers: BTreeMap<String, Listing> = known
                    .map(|listing| (listing.name().to_owned(), listing))
                    .collect();
                servers.insert(server.name.clone(), Listing::New(server));
                Catalog::assembled(assemble(servers))
            }
        };
        // An index that nobody has asked for is not kept up.
        if let Some(index) = self.index.get() {
            let mut index = index.clone();
            index.follow(&self.servers, &next.servers);
            let _ = next.index.set(index);
        }
        next
    }

    fn assembled(servers: Vec<Arc<ServerTools>>) -> Catalog {
        Catalog {
            tools: servers.iter().map(|server| server.tools.len()).sum(),
            names: servers.iter().map(|server| server.name_hash).collect(),
            servers,
            ..Catalog::default()
        }
    }

    /// All tools, by path.
    pub fn tools(&self) -> impl Iterator<Item = &Arc<Tool>> {
        self.servers.iter().flat_map(|server| server.tools.iter())
    }

    pub fn len(&self) -> usize {
        self.tools
    }

    pub fn is_empty(&self) -> bool {
        self.tools == 0
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
        self.find(path).map_err(|several| {
            let path = bare(path);
            match several[..] {
                [] => self.unknown(path),
                _ => UnknownTool {
                    path: path.to_owned(),
                    nearest: paths(several.into_iter()),
                    reason: Reason::Ambiguous,
                },
            }
        })
    }

    /// The one tool meant by `path`, or all that may be meant.
    pub(crate) fn find(&self, path: &str) -> Result<&Arc<Tool>, Vec<&Arc<Tool>>> {
        if let Some(tool) = self.exact(path.trim()).or_else(|| self.exact(bare(path))) {
            return Ok(tool);
        }
        let variants = self.variants_of(bare(path));
        match variants[..] {
            [tool] => Ok(tool),
            _ => Err(variants),
        }
    }

    fn exact(&self, path: &str) -> Option<&Arc<Tool>> {
        let (server, _) = path.split_once('.')?;
        let by_identifier = |known: &Arc<ServerTools>| known.identifier.as_str().cmp(server);
        let server = self.servers.binary_search_by(by_identifier).ok()?;
        let tools = &self.servers[server].tools;
        let tool = tools.binary_search_by(|tool| tool.path().cmp(path)).ok()?;
        Some(&tools[tool])
    }

    /// The tools whose raw names are `path`, else those of which `path` is a variant.
    fn variants_of(&self, path: &str) -> Vec<&Arc<Tool>> {
        /// Raw names may contain dots, so that each may be the one between server and tool.
        const MOST_DOTS: usize = 8;
        const LONGEST_PATH_BYTES: usize = 1024;

        if path.len() > LONGEST_PATH_BYTES {
            return Vec::new();
        }
        let mut found: Vec<&Arc<Tool>> = Vec::new();
        for (dot, _) in path.match_indices('.').take(MOST_DOTS) {
            let (server, tool) = (folded(&path[..dot]), folded(&path[dot + 1..]));
            let hash = name_hash(&path[..dot]);
            let servers = self.names.iter().zip(&self.servers);
            let servers = servers.filter(|(name, known)| **name == hash && known.folded == server);
            found.extend(servers.flat_map(|(_, server)| server.variants(&tool)));
        }
        found.sort_unstable_by_key(|tool| tool.path());
        found.dedup_by_key(|tool| tool.path());
        let is_raw = |tool: &&Arc<Tool>| {
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
        let (alike, reason) = match self.server_at(server) {
            Some(at) => (Some(&*self.servers[at]), Reason::Unknown),
            None => {
                let names = self.servers.iter().take(MOST_SERVERS_NAMED);
                let names = names.map(|server| server.identifier.clone()).collect();
                let more = self.servers.len().saturating_sub(MOST_SERVERS_NAMED);
                let alike = self.servers_alike(server).next();
                (alike, Reason::NoServer { names, more })
            }
        };
        let mut nearest = alike.map_or(Vec::new(), |server| nearest_of(&server.tools, tool));
        if nearest.is_empty() {
            nearest = self.nearest(tool);
        }
        // A tool of that very name is another server's.
        let name = folded(plain::head(tool, LONGEST_COMPARED_BYTES));
        let same = self.servers().flat_map(|server| server.variants(&name));
        for path in paths(same) {
            if !nearest.contains(&path) {
                nearest.insert(0, path);
                nearest.truncate(MOST_NEAREST);
            }
        }
        UnknownTool {
            path: path.to_owned(),
            nearest,
            reason,
        }
    }

    /// The one tool that an unknown path can only mean: its name has the same words, whatever their
    /// order and server, or is a letter in five away, and that of no other near one is.
    pub fn meant(&self, unknown: &UnknownTool) -> Option<&Arc<Tool>> {
        if matches!(unknown.reason, Reason::Ambiguous) {
            return None;
        }
        let (server, written) = unknown.path.rsplit_once('.').unwrap_or(("", &unknown.path));
        let servers_words = words::list(plain::head(server, LONGEST_COMPARED_BYTES));
        // The words in some order, without those of the server, which many tools are named after;
        // and the letters.
        let read = |name: &str| {
            let name = plain::head(name, LONGEST_COMPARED_BYTES);
            let mut words = words::list(name);
            words.sort_unstable();
            if words.iter().any(|word| !servers_words.contains(word)) {
                words.retain(|word| !servers_words.contains(word));
            }
            (words, folded(name).chars().collect::<Vec<char>>())
        };
        let (wanted, letters) = read(written);
        let most = letters.len() / 5;
        let mut meant = unknown
            .nearest
            .iter()
            .filter_map(|path| self.exact(bare(path)))
            .filter(|tool| {
                let (words, found) = read(tool.name());
                // `github_get_issue` for `github.get_issue`.
                let joined = || read(tool.path()).0 == wanted;
                words == wanted || joined() || name::distance(&letters, &found, most) <= most
            });
        match (meant.next(), meant.next()) {
            (Some(tool), None) => Some(tool),
            _ => None,
        }
    }

    /// The servers whose names are spelled like `written`, the most alike first.
    pub(crate) fn servers_alike(&self, written: &str) -> impl Iterator<Item = &ServerTools> {
        let written = plain::head(written, LONGEST_COMPARED_BYTES);
        let mut alike: Vec<(f32, &ServerTools)> = self
            .servers()
            .take(MOST_COMPARED)
            .map(|server| (likeness(written, &server.identifier), server))
            .filter(|(likeness, _)| *likeness >= name::ALIKE)
            .collect();
        alike.sort_by(|a, b| b.0.total_cmp(&a.0));
        alike.into_iter().map(|(_, server)| server)
    }

    /// The servers whose name is spelled like `text` or a word of it.
    pub(crate) fn nearest_servers(&self, text: &str) -> Vec<&str> {
        /// Words of a phrase that are compared with every server's name.
        const MOST_WORDS: usize = 8;
        let mut found: Vec<&str> = Vec::new();
        let words = words::list(plain::head(text, LONGEST_COMPARED_BYTES));
        for word in [text]
            .into_iter()
            .chain(words.iter().map(String::as_str))
            .take(MOST_WORDS)
        {
            for server in self.servers_alike(word) {
                if found.len() < MOST_NEAREST && !found.contains(&server.identifier()) {
                    found.push(server.identifier());
                }
            }
        }
        found
    }

    /// The paths of the tools that `text` most probably means, for an answer that has nothing else.
    pub(crate) fn nearest(&self, text: &str) -> Vec<String> {
        let query = SearchQuery {
            limit: MOST_NEAREST,
            options: SearchOptions {
                collapse: false,
                ..SearchOptions::default()
            },
            ..SearchQuery::new(text)
        };
        let found = self.search(&query).hits;
        match found[..] {
            [] => nearest_of(self.tools(), text),
            _ => paths(found.iter().map(|hit| &hit.tool)),
        }
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

    /// Where in [`Catalog::tools`] a tool of this catalog lies.
    pub(crate) fn position(&self, tool: &Tool) -> Option<usize> {
        let (identifier, _) = tool.path().split_once('.')?;
        let at = self
            .servers
            .binary_search_by(|server| server.identifier.as_str().cmp(identifier))
            .ok()?;
        let (before, from) = self.servers.split_at(at);
        let within = from[0]
            .tools
            .binary_search_by(|known| known.path().cmp(tool.path()))
            .ok()?;
        let before: usize = before.iter().map(|server| server.tools.len()).sum();
        Some(before + within)
    }

    /// What has been read of all tools for search, as bytes that [`Catalog::restore`] takes at the next
    /// start. Does the reading if there was no search yet.
    pub fn snapshot(&self) -> Vec<u8> {
        self.index().encoded(&self.servers)
    }

    /// Makes search ready from the bytes of an earlier [`Catalog::snapshot`], as far as they are of the
    /// same listings and undamaged; the rest is read. Without effect once there was a search.
    pub fn restore(&self, snapshot: &[u8]) {
        self.index
            .get_or_init(|| Index::restored(&self.servers, snapshot));
    }

    pub(crate) fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(&self.servers))
    }
}

/// What a tool that is listed again has kept, and two tools of a server hardly ever share: where they
/// do, one of them is read again. To hash the whole of each would take longer than all else.
fn mark(raw: &RawValue) -> (usize, &[u8]) {
    const HEAD_BYTES: usize = 128;
    let bytes = raw.get().as_bytes();
    (bytes.len(), &bytes[..bytes.len().min(HEAD_BYTES)])
}

/// The servers of a snapshot, by identifier.
fn assemble(listings: BTreeMap<String, Listing>) -> Vec<Arc<ServerTools>> {
    let names: Vec<&str> = listings.keys().map(String::as_str).collect();
    let identifiers = name::identifiers(&names).into_iter();
    let identifiers: Vec<String> = identifiers.map(Cow::into_owned).collect();
    let mut servers: Vec<Arc<ServerTools>> = listings
        .into_values()
        .zip(identifiers)
        .map(|(listing, identifier)| match listing {
            Listing::Known(server) if server.identifier == identifier => server,
            Listing::Known(server) => {
                let rejected = server.rejected.clone();
                let moved = ServerTools::new(server.listed(), identifier, None);
                Arc::new(ServerTools { rejected, ..moved })
            }
            Listing::New(server) => Arc::new(ServerTools::new(server, identifier, None)),
        })
        .collect();
    servers.sort_by(|a, b| a.identifier.cmp(&b.identifier));
    servers
}

enum Listing {
    New(Server),
    Known(Arc<ServerTools>),
}

impl Listing {
    fn name(&self) -> &str {
        match self {
            Listing::New(server) => &server.name,
            Listing::Known(server) => &server.name,
        }
    }
}

/// The paths of those of `tools` whose names are spelled most like `text`.
fn nearest_of<'a>(tools: impl IntoIterator<Item = &'a Arc<Tool>>, text: &str) -> Vec<String> {
    let text = plain::head(text, LONGEST_COMPARED_BYTES);
    let mut alike: Vec<(f32, &Arc<Tool>)> = tools
        .into_iter()
        .take(MOST_COMPARED)
        .map(|tool| (likeness(text, tool.name()), tool))
        .filter(|(likeness, _)| *likeness >= name::ALIKE)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    paths(alike.into_iter().map(|(_, tool)| tool))
}

fn paths<'a>(tools: impl Iterator<Item = &'a Arc<Tool>>) -> Vec<String> {
    tools
        .take(MOST_NEAREST)
        .map(|tool| format!("tools.{}", tool.path()))
        .collect()
}

fn bare(path: &str) -> &str {
    let path = path.trim();
    path.strip_prefix("tools.").unwrap_or(path)
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
