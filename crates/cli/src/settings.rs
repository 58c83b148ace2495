//! What the operator wants, read from files into one immutable value.
//!
//! Nothing else reads files or variables for settings. A file that cannot be understood is an error
//! and changes nothing; a server that cannot be started as described is blocked, with the reason,
//! and everything else works. No error, warning or reason holds a value that might be a secret.

mod document;
mod rules;
mod template;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use gateway::policy::Rules;
use gateway::{Configured, Limits, Stanza, Transport, Validation};
use sandbox::Tier;

use crate::trust;
use document::Table;
pub(crate) use template::Template;

/// Set for every server we start. A toolmill that finds it was started by a toolmill as one of its
/// servers, which would go on without end.
pub(crate) const DEPTH: &str = "TOOLMILL_DEPTH";

/// What servers get of our own environment, so that `npx` and the like work; no secret is there.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];
const FILE_BYTES: u64 = 1 << 20;
const NAME_CHARACTERS: usize = 64;

/// The settings of one run. A reload makes new ones, or keeps these.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// By name.
    pub(crate) upstreams: Vec<Configured>,
    /// Which calls may pass.
    pub(crate) rules: Rules,
    pub(crate) limits: Limits,
    /// Interpreters to try first.
    pub(crate) python: Vec<PathBuf>,
    /// The least that must stand around a program.
    pub(crate) require: Tier,
    /// Whether a search prefers what was of use before.
    pub(crate) search_usage: Option<bool>,
    /// Whether it is learned what results are like.
    pub(crate) learn: Option<bool>,
    /// The folder of a sentence model by which a search also goes.
    pub(crate) search_model: Option<PathBuf>,
    /// Absent also when its variable is not set: HTTP must then not be served without one.
    pub(crate) http_token: Option<String>,
    /// The files these come from; the first wins.
    pub(crate) sources: Vec<PathBuf>,
    /// Where files were looked for.
    pub(crate) looked_for: Vec<PathBuf>,
    /// Why there are none, for the doctor: everybody else ends there.
    pub(crate) fault: Option<String>,
    pub(crate) warnings: Vec<String>,
    /// Servers that wait for a human to agree to them.
    pub(crate) untrusted: Vec<trust::Request>,
}

impl Settings {
    /// What is left when the files cannot be used.
    pub(crate) fn unusable(error: &anyhow::Error) -> Settings {
        Settings {
            fault: Some(format!("{error:#}")),
            ..Settings::default()
        }
    }
}

/// The folders of this run.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) working_directory: PathBuf,
    pub(crate) config_dir: PathBuf,
    pub(crate) state_dir: PathBuf,
    /// Where running gateways are reached.
    pub(crate) runtime_dir: PathBuf,
}

impl Places {
    /// By the XDG variables, else below the home directory.
    ///
    /// # Errors
    /// There is no working directory, or no home.
    pub(crate) fn from_environment() -> Result<Places> {
        let working_directory = std::env::current_dir()
            .context("the working directory is gone; change to one that exists")?;
        // The specification has relative ones ignored.
        let folder = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let below_home = |path: &str| {
            std::env::home_dir()
                .filter(|home| home.is_absolute())
                .map(|home| home.join(path))
                .context("this user has no home directory; set HOME")
        };
        let config = folder("XDG_CONFIG_HOME").map_or_else(|| below_home(".config"), Ok)?;
        let state = folder("XDG_STATE_HOME").map_or_else(|| below_home(".local/state"), Ok)?;
        let state_dir = state.join("toolmill");
        Ok(Places {
            working_directory,
            config_dir: config.join("toolmill"),
            runtime_dir: folder("XDG_RUNTIME_DIR")
                .map_or_else(|| state_dir.join("run"), |folder| folder.join("toolmill")),
            state_dir,
        })
    }

    /// The folder of all workspaces. Guests of root run as nobody, who must be able to pass through
    /// every folder above theirs, and root's home is closed.
    pub(crate) fn workspaces(&self) -> PathBuf {
        if rustix::process::geteuid().is_root() {
            std::env::temp_dir().join("toolmill-workspaces-0")
        } else {
            self.state_dir.join("workspaces")
        }
    }
}

/// A place where settings may be.
struct Source {
    path: PathBuf,
    format: Format,
    /// Whether the operator wrote it. The others come with a project, from anyone.
    own: bool,
    /// Where its servers are started that do not say it.
    starts_in: PathBuf,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Toolmill,
    /// The `mcpServers` of Claude and others. A server there may ask for what only they know, so
    /// what can be ignored is, with a warning.
    Claude,
}

/// A server as a file describes it.
struct Server {
    name: String,
    file: PathBuf,
    own: bool,
    starts_in: PathBuf,
    written: Written,
    max_in_flight: Option<u64>,
    validation: Validation,
    /// Whether what it says of its tools may loosen the policy.
    trusted: bool,
    /// Why it cannot be used, whatever the environment.
    fault: Option<String>,
    /// How to be rid of it: `[upstream.github] from FILE`.
    place: String,
}

/// How a file says a server is reached.
#[derive(Debug)]
pub(crate) enum Written {
    Command {
        command: Template,
        args: Vec<Template>,
        env: Vec<(String, Template)>,
        cwd: Option<Template>,
    },
    Address {
        url: Template,
        headers: Vec<(String, Template)>,
    },
}

/// Reads the settings: those of `explicit` alone, else those of the project over the user's.
///
/// # Errors
/// A file that cannot be read or understood, with its name, line and key.
pub(crate) fn load(
    explicit: Option<&Path>,
    places: &Places,
    trust: &trust::Store,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings> {
    // A shell's own variable may be another folder than the one that we are in.
    let here = places.working_directory.to_str().map(str::to_owned);
    let environment = &|name: &str| match name {
        "PWD" => here.clone(),
        name => environment(name),
    };
    let sources = sources(explicit, places, environment);
    let mut settings = Settings {
        looked_for: sources.iter().map(|source| source.path.clone()).collect(),
        warnings: trust.trouble().map(str::to_owned).into_iter().collect(),
        ..Settings::default()
    };
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    // What comes first wins, so it is read last.
    for source in sources.iter().rev() {
        let path = source.path.display();
        let text = read(&source.path).with_context(|| format!("{path} cannot be read"))?;
        let Some(text) = text else {
            if explicit.is_some() {
                return Err(anyhow!("{path} does not exist; it was named by --config"));
            }
            continue;
        };
        let found = match source.format {
            Format::Toolmill => settings.read_toolmill(source, &text, environment)?,
            Format::Claude => settings.read_claude(source, &text)?,
        };
        for server in found {
            let name = server.name.clone();
            let own = servers
                .get(&name)
                .filter(|present| present.own && !server.own);
            let mut request = trust::Request::new(&name, &server.file, &server.written);
            if own.is_some() && !trust.agreed(&request.hash) {
                // Nobody but its user takes a server away.
                settings.warnings.push(format!(
                    "{path} also names {name}; yours is used. To use the project's instead: toolmill trust {name}"
                ));
                request.replaces_own = true;
                settings.untrusted.push(request);
            } else if let Some(hidden) = servers.insert(name.clone(), server) {
                let warning = format!("{path} also names {name}, so {} is ignored", hidden.place);
                settings.warnings.push(warning);
            }
        }
        settings.sources.insert(0, source.path.clone());
    }
    for server in servers.into_values() {
        settings.configure(&server, trust, environment, &places.working_directory);
    }
    Ok(settings)
}

fn sources(
    explicit: Option<&Path>,
    places: &Places,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Vec<Source> {
    let source = |path: PathBuf, own| Source {
        format: match path.extension() {
            Some(extension) if extension == "json" => Format::Claude,
            _ => Format::Toolmill,
        },
        starts_in: folder_of(&path).to_owned(),
        path,
        own,
    };
    let here = &places.working_directory;
    if let Some(path) = explicit {
        return vec![source(here.join(path), true)];
    }
    let mut user = source(places.config_dir.join("toolmill.toml"), true);
    // Not where the agent works: what `python -m` and `npx` find there would run without being trusted.
    let home = environment("HOME").map(PathBuf::from);
    if let Some(home) = home.filter(|home| home.is_absolute() && home.is_dir()) {
        user.starts_in = home;
    }
    let project = source(here.join("toolmill.toml"), false);
    let claude = source(here.join(".mcp.json"), false);
    if same_file(&user.path, &project.path) {
        return vec![claude, user];
    }
    vec![project, claude, user]
}

impl Settings {
    fn read_toolmill(
        &mut self,
        source: &Source,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<Server>> {
        let root = Table::from_toml(&source.path, text)?;
        root.only(&[
            "policy", "rules", "upstream", "limits", "sandbox", "search", "results", "python",
            "http",
        ])?;
        rules::read(&mut self.rules, source, &root, &mut self.warnings)?;
        if let Some(limits) = root.table("limits")? {
            self.read_limits(source, &limits)?;
        }
        if let Some(sandbox) = root.table("sandbox")? {
            self.read_sandbox(source, &sandbox)?;
        }
        if let Some(search) = root.table("search")? {
            search.only(&["usage", "model"])?;
            self.search_usage = search.flag("usage")?.or(self.search_usage);
            match search.text("model")? {
                Some(model) if source.own => {
                    self.search_model = Some(folder_of(&source.path).join(model));
                }
                Some(_) => self.warnings.push(format!(
                    "`model` in [search] in {} is ignored: a project does not decide which files \
                     are read; move it to your own toolmill.toml, or start with --config",
                    source.path.display()
                )),
                None => {}
            }
        }
        if let Some(results) = root.table("results")? {
            results.only(&["learn"])?;
            // A project may keep results from being learned from, and not the other way round.
            let learn = results.flag("learn")?;
            self.learn = learn.filter(|learn| source.own || !learn).or(self.learn);
        }
        let python = root.table("python")?;
        let http = root.table("http")?;
        if let Some(python) = &python {
            python.only(&["path"])?;
        }
        if let Some(http) = &http {
            http.only(&["token"])?;
        }
        if source.own {
            if let Some(python) = python {
                let folder = folder_of(&source.path);
                let paths = python.texts("path")?;
                self.python = paths.into_iter().map(|path| folder.join(path)).collect();
            }
            if let Some(http) = http {
                self.read_token(&http, environment)?;
            }
        } else {
            for (name, table) in [("python", python), ("http", http)] {
                if table.is_some() {
                    self.warnings.push(format!(
                        "[{name}] in {} is ignored: a project does not decide it; \
                         move it to your own toolmill.toml, or start with --config",
                        source.path.display()
                    ));
                }
            }
        }
        let Some(upstreams) = root.table("upstream")? else {
            return Ok(Vec::new());
        };
        let mut servers = Vec::new();
        for name in upstreams.keys() {
            if !is_name(name) {
                return Err(upstreams.error(name, &bad_name(name)));
            }
            let table = upstreams.table(name)?.expect("one of its keys");
            table.only(&[
                "command",
                "args",
                "env",
                "cwd",
                "url",
                "headers",
                "max_in_flight",
                "validate",
                "trust",
            ])?;
            servers.push(Server {
                name: name.to_owned(),
                file: source.path.clone(),
                own: source.own,
                starts_in: source.starts_in.clone(),
                written: self.read_server(name, &table, Format::Toolmill)?,
                max_in_flight: table.number("max_in_flight")?,
                validation: read_validation(&table)?,
                trusted: rules::trusts(source, &table, &mut self.warnings)?,
                fault: None,
                place: format!("[upstream.{name}] from {}", source.path.display()),
            });
        }
        Ok(servers)
    }

    fn read_sandbox(&mut self, source: &Source, sandbox: &Table) -> Result<()> {
        sandbox.only(&["require"])?;
        let require = match sandbox.text("require")? {
            None => return Ok(()),
            Some("strict") => Tier::Strict,
            Some("full") => Tier::Full,
            Some(other) => {
                let problem =
                    format!("`require` in [sandbox] must be \"strict\" or \"full\", not {other:?}");
                return Err(sandbox.error("require", &problem));
            }
        };
        // A project may ask for more than its user, never for less.
        self.require = if source.own {
            require
        } else {
            self.require.max(require)
        };
        Ok(())
    }

    fn read_claude(&mut self, source: &Source, text: &str) -> Result<Vec<Server>> {
        let root = Table::from_json(&source.path, text)?;
        let Some(found) = root.table("mcpServers")? else {
            return Ok(Vec::new());
        };
        let mut servers = Vec::new();
        for name in found.keys() {
            if !is_name(name) {
                let warning = found.error(name, &bad_name(name));
                self.warnings
                    .push(format!("{warning}; this server is left out"));
                continue;
            }
            let table = found.table(name)?.expect("one of its keys");
            let known = ["type", "command", "args", "env", "cwd", "url", "headers"];
            for unknown in table.unknown(&known) {
                self.warnings.push(format!("{unknown} (ignored)"));
            }
            let fault = match table.text("type")? {
                None | Some("stdio" | "http" | "streamable-http" | "streamableHttp") => None,
                Some(other) => Some(format!(
                    "its type `{}` is not supported; use stdio or http",
                    document::shown(other)
                )),
            };
            servers.push(Server {
                name: name.to_owned(),
                file: source.path.clone(),
                own: source.own,
                starts_in: source.starts_in.clone(),
                written: self.read_server(name, &table, Format::Claude)?,
                max_in_flight: None,
                validation: Validation::default(),
                trusted: false,
                fault,
                place: format!("\"{name}\" from {}", source.path.display()),
            });
        }
        Ok(servers)
    }

    fn read_server(&mut self, name: &str, table: &Table, format: Format) -> Result<Written> {
        let place = table.place();
        let template = |text: &str| Template::new(text.to_owned());
        let misplaced = |keys: &[&str], theirs: &str, ours: &str| {
            // Some clients write an empty `env` beside every `url`.
            let found = keys.iter().find(|key| table.has(key));
            match found.filter(|_| format == Format::Toolmill) {
                None => Ok(()),
                Some(key) => {
                    let message = format!("`{key}`{place} belongs to a {theirs}, not to a {ours}");
                    Err(table.error(key, &message))
                }
            }
        };
        match (table.text("command")?, table.text("url")?) {
            (Some(""), _) => Err(table.error("command", &format!("`command`{place} is empty"))),
            (Some(command), None) => {
                misplaced(&["headers"], "`url`", "`command`")?;
                Ok(Written::Command {
                    command: template(command),
                    args: table.texts("args")?.into_iter().map(template).collect(),
                    env: self.read_pairs(name, table, "env", format)?,
                    cwd: table.text("cwd")?.map(template),
                })
            }
            (None, Some(url)) => {
                misplaced(&["args", "env", "cwd"], "`command`", "`url`")?;
                Ok(Written::Address {
                    url: template(url),
                    headers: self.read_pairs(name, table, "headers", format)?,
                })
            }
            (Some(_), Some(_)) => {
                let message = format!("both `command` and `url`{place}; keep one");
                Err(table.error("url", &message))
            }
            (None, None) => {
                let message = format!("neither `command` nor `url`{place}; add one");
                Err(table.error("", &message))
            }
        }
    }

    /// Variables or headers. A secret belongs in a variable: files are shared, copied and committed.
    fn read_pairs(
        &mut self,
        server: &str,
        table: &Table,
        key: &str,
        format: Format,
    ) -> Result<Vec<(String, Template)>> {
        let Some(pairs) = table.table(key)? else {
            return Ok(Vec::new());
        };
        let mut read = Vec::new();
        for name in pairs.keys() {
            let value = pairs.text(name)?.expect("one of its keys");
            let value = Template::new(value.to_owned());
            if names_a_secret(name) && value.is_literal() {
                let reference = match name.to_ascii_lowercase().as_str() {
                    _ if key == "env" => format!("${{{name}}}"),
                    "authorization" => format!("Bearer ${{{}}}", variable(server, "TOKEN")),
                    _ => format!("${{{}}}", variable(server, name)),
                };
                let name_shown = document::shown(name);
                let message = format!(
                    "`{name_shown}`{} holds a secret; put the secret into a variable and write \"{}\"",
                    pairs.place(),
                    document::shown(&reference)
                );
                let error = pairs.error(name, &message);
                match format {
                    Format::Toolmill => return Err(error),
                    Format::Claude => self.warnings.push(error.to_string()),
                }
            }
            read.push((name.to_owned(), value));
        }
        Ok(read)
    }

    /// Limits of the operator's hold; those of a project can only be tighter.
    fn read_limits(&mut self, source: &Source, table: &Table) -> Result<()> {
        table.only(&LIMITS.map(|limit| limit.key))?;
        for limit in &LIMITS {
            let Some(value) = table.number(limit.key)? else {
                continue;
            };
            let present = (limit.get)(&self.limits);
            if source.own || value < present {
                (limit.set)(&mut self.limits, value);
            } else if value > present {
                self.warnings.push(format!(
                    "`{}` in {} stays at {present}: a project cannot raise a limit; \
                     raise it in your own toolmill.toml",
                    limit.key,
                    source.path.display()
                ));
            }
        }
        Ok(())
    }

    fn read_token(
        &mut self,
        table: &Table,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<()> {
        let Some(token) = table.text("token")? else {
            return Ok(());
        };
        let token = Template::new(token.to_owned());
        if token.is_literal() {
            let message = "`token` in [http] holds a secret; put the secret into a variable \
                           and write \"${TOOLMILL_TOKEN}\"";
            return Err(table.error("token", message));
        }
        match token.expand(environment) {
            Ok(token) => self.http_token = Some(token).filter(|token| !token.is_empty()),
            Err(reason) => {
                let warning = table.error("token", &format!("`token` in [http]: {reason}"));
                self.warnings.push(warning.to_string());
            }
        }
        Ok(())
    }

    /// Decides whether a server can be started, and with what.
    fn configure(
        &mut self,
        server: &Server,
        trust: &trust::Store,
        environment: &dyn Fn(&str) -> Option<String>,
        working_directory: &Path,
    ) {
        let folder = folder_of(&server.file);
        let expanded = server
            .written
            .transport(
                folder,
                &server.starts_in,
                environment,
                &|text: &Template| text.expand(environment),
            )
            .and_then(check_url);
        let ourselves = expanded
            .as_ref()
            .is_ok_and(|transport| is_ourselves(transport, working_directory));
        let request = trust::Request::new(&server.name, &server.file, &server.written);
        let hash = if server.written.names("PWD") {
            // Elsewhere it is another one.
            trust::hash_in(&request.hash, working_directory)
        } else {
            request.hash.clone()
        };
        let asks = !server.own && !trust.agreed(&request.hash);
        let blocked = if ourselves {
            Some(format!("this is toolmill itself; remove {}", server.place))
        } else if let Some(fault) = &server.fault {
            Some(fault.clone())
        } else if asks {
            let reason = request.reason();
            self.untrusted.push(request);
            Some(reason)
        } else {
            expanded.as_ref().err().cloned()
        };
        let transport = match (&blocked, expanded) {
            (None, Ok(transport)) => transport,
            // It is never started. What is kept of it is what the file shows anyway.
            _ => server
                .written
                .transport(
                    folder,
                    &server.starts_in,
                    &|_: &str| None,
                    &|text: &Template| Ok(text.source().to_owned()),
                )
                .expect("nothing is looked up"),
        };
        let mut stanza = Stanza::new(&server.name, transport);
        if let Some(calls) = server.max_in_flight {
            stanza.max_in_flight = calls as usize;
        }
        self.upstreams.push(Configured {
            stanza,
            blocked,
            validation: server.validation,
            trusted: server.trusted,
            own: server.own,
            hash,
        });
    }
}

/// What is to be done about arguments that do not fit the server's schemas.
fn read_validation(table: &Table) -> Result<Validation> {
    let Some(written) = table.text("validate")? else {
        return Ok(Validation::default());
    };
    let known = Validation::ALL
        .into_iter()
        .find(|one| one.as_str() == written);
    known.ok_or_else(|| {
        let problem = format!(
            "`validate`{} must be \"error\", \"warn\" or \"off\", not \"{}\"",
            table.place(),
            document::shown(written)
        );
        table.error("validate", &problem)
    })
}

impl Written {
    /// Whether it needs a variable of the environment.
    fn names(&self, variable: &str) -> bool {
        let (texts, pairs): (Vec<&Template>, _) = match self {
            Written::Command {
                command,
                args,
                env,
                cwd,
            } => (
                std::iter::once(command).chain(args).chain(cwd).collect(),
                env,
            ),
            Written::Address { url, headers } => (vec![url], headers),
        };
        let values = pairs.iter().map(|(_, value)| value);
        let mut texts = texts.into_iter().chain(values);
        texts.any(|text| text.source().contains(&format!("${{{variable}")))
    }

    /// As the connection needs it: each text through `text`, the environment complete, the working
    /// directory from `folder`, which is the file's, or else `starts_in`.
    fn transport(
        &self,
        folder: &Path,
        starts_in: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        text: &dyn Fn(&Template) -> Result<String, String>,
    ) -> Result<Transport, String> {
        let pairs = |pairs: &[(String, Template)]| {
            pairs
                .iter()
                .map(|(name, value)| Ok((name.clone(), text(value)?)))
                .collect::<Result<Vec<_>, String>>()
        };
        Ok(match self {
            Written::Command {
                command,
                args,
                env,
                cwd,
            } => {
                let inherited = INHERITED
                    .into_iter()
                    .filter_map(|name| Some((name.to_owned(), environment(name)?)));
                let mut complete: BTreeMap<String, String> = inherited.collect();
                complete.extend(pairs(env)?);
                complete.insert(DEPTH.to_owned(), "1".to_owned());
                Transport::Stdio {
                    command: text(command)?,
                    args: args.iter().map(text).collect::<Result<_, _>>()?,
                    env: complete.into_iter().collect(),
                    cwd: Some(match cwd {
                        Some(cwd) => folder.join(text(cwd)?),
                        None => starts_in.to_owned(),
                    }),
                }
            }
            Written::Address { url, headers } => Transport::Http {
                url: text(url)?,
                headers: pairs(headers)?,
            },
        })
    }
}

/// One key of `[limits]`.
struct Limit {
    key: &'static str,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

const LIMITS: [Limit; 15] = [
    Limit {
        key: "timeout_seconds",
        get: |limits| limits.guest_time.as_secs(),
        set: |limits, seconds| limits.guest_time = Duration::from_secs(seconds),
    },
    Limit {
        key: "total_seconds",
        get: |limits| limits.total_time.as_secs(),
        set: |limits, seconds| limits.total_time = Duration::from_secs(seconds),
    },
    Limit {
        key: "yield_seconds",
        get: |limits| limits.yield_time.as_secs(),
        set: |limits, seconds| limits.yield_time = Duration::from_secs(seconds),
    },
    Limit {
        key: "call_seconds",
        get: |limits| limits.call_time.as_secs(),
        set: |limits, seconds| limits.call_time = Duration::from_secs(seconds),
    },
    Limit {
        key: "memory_mib",
        get: |limits| limits.memory_bytes >> 20,
        set: |limits, mib| limits.memory_bytes = mib << 20,
    },
    Limit {
        key: "threads",
        get: |limits| limits.threads.into(),
        set: |limits, threads| limits.threads = threads as u32,
    },
    Limit {
        key: "calls",
        get: |limits| limits.calls.into(),
        set: |limits, calls| limits.calls = calls as u32,
    },
    Limit {
        key: "call_mib",
        get: |limits| limits.call_bytes >> 20,
        set: |limits, mib| limits.call_bytes = mib << 20,
    },
    Limit {
        key: "in_flight",
        get: |limits| limits.in_flight.into(),
        set: |limits, calls| limits.in_flight = calls as u32,
    },
    Limit {
        key: "workspace_mib",
        get: |limits| limits.workspace_bytes >> 20,
        set: |limits, mib| limits.workspace_bytes = mib << 20,
    },
    Limit {
        key: "workspace_entries",
        get: |limits| limits.workspace_entries,
        set: |limits, entries| limits.workspace_entries = entries,
    },
    Limit {
        key: "executions",
        get: |limits| limits.executions as u64,
        set: |limits, executions| limits.executions = executions as usize,
    },
    Limit {
        key: "sessions",
        get: |limits| limits.sessions as u64,
        set: |limits, sessions| limits.sessions = sessions as usize,
    },
    Limit {
        key: "session_hours",
        get: |limits| limits.session_age.as_secs() / 3600,
        set: |limits, hours| limits.session_age = Duration::from_secs(hours * 3600),
    },
    Limit {
        key: "session_mib",
        get: |limits| limits.session_bytes >> 20,
        set: |limits, mib| limits.session_bytes = mib << 20,
    },
];

/// The text of a file that may be absent.
///
/// # Errors
/// It is not a regular file (a pipe would keep us waiting), too large for settings, or not text.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !kind.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let mut file = fs::File::open(path)?.take(FILE_BYTES + 1);
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    let text = String::from_utf8(bytes);
    text.map(Some)
        .map_err(|_| io::Error::other("it is not text in UTF-8"))
}

/// Whether what bears this name is probably a secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace('-', "_");
    // These say where a secret is, not what it is.
    let is_place = ["_FILE", "_PATH", "_URL"]
        .iter()
        .any(|end| name.ends_with(end));
    // MAX_TOKENS and TOKENIZERS_PARALLELISM are about the tokens of language models.
    let name = name.replace("TOKENS", "").replace("TOKENIZER", "");
    let words = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "API_KEY",
        "APIKEY",
        "PRIVATE_KEY",
        "AUTHORIZATION",
        "COOKIE",
    ];
    !is_place && words.iter().any(|word| name.contains(word))
}

fn is_name(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    (1..=NAME_CHARACTERS).contains(&name.len())
        && name.chars().all(allowed)
        // It must not look like an option in `toolmill trust NAME`.
        && !name.starts_with('-')
}

fn bad_name(name: &str) -> String {
    format!(
        "`{}` cannot be the name of a server; use 1 to {NAME_CHARACTERS} letters, digits, \
         `_`, `.` and `-`, and no `-` first",
        document::shown(name)
    )
}

/// A variable to propose for a server's secret.
fn variable(server: &str, what: &str) -> String {
    let letter = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' => letter.to_ascii_uppercase(),
        _ => '_',
    };
    format!("{server}_{what}").chars().map(letter).collect()
}

fn check_url(transport: Transport) -> Result<Transport, String> {
    match &transport {
        Transport::Http { url, .. }
            if !url.starts_with("https://") && !url.starts_with("http://") =>
        {
            Err("its url must begin with https:// or http://".to_owned())
        }
        _ => Ok(transport),
    }
}

/// Whether a server's command is this binary. `claude mcp add` writes toolmill into the very
/// `.mcp.json` that toolmill reads.
fn is_ourselves(transport: &Transport, working_directory: &Path) -> bool {
    let Transport::Stdio {
        command, env, cwd, ..
    } = transport
    else {
        return false;
    };
    let folder = cwd.as_deref().unwrap_or(working_directory);
    let found = if command.contains('/') {
        Some(folder.join(command))
    } else {
        let path = env.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or("", |(_, value)| value);
        std::env::split_paths(path)
            .map(|entry| folder.join(entry).join(command))
            .find(|candidate| is_executable(candidate))
    };
    let ourselves = std::env::current_exe();
    found.is_some_and(|found| ourselves.is_ok_and(|ourselves| same_file(&found, &ourselves)))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o111 != 0)
}

/// Whether two paths lead to one file, through whatever links.
fn same_file(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().expect("a file below the working directory")
}

#[cfg(test)]
mod tests;
