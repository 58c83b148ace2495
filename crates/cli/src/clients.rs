//! Servers that a client starts itself and we start too: their tools reach the agent twice.
//!
//! The files of clients are theirs. They are read within bounds, and what cannot be understood there
//! is passed over.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use gateway::Transport;
use serde::Serialize;
use serde_json::Value;

use crate::settings::{Places, Settings, Template};

/// `~/.claude.json` holds histories as well.
const FILE_BYTES: u64 = 16 << 20;

/// Where a client is told to start a server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Direct {
    pub(crate) client: &'static str,
    pub(crate) file: PathBuf,
    /// Whether we have it from that very file.
    shared: bool,
}

impl Direct {
    /// What follows `NAME is`.
    pub(crate) fn sentence(&self) -> String {
        let Direct { client, file, .. } = self;
        let mend = if self.shared {
            "move it from there to your own toolmill.toml"
        } else {
            "remove it there"
        };
        format!(
            "also configured directly in {client} ({}): its tools reach the agent twice; {mend}",
            file.display()
        )
    }
}

/// A client's file, and the way to the table of its servers.
struct Known {
    client: &'static str,
    file: PathBuf,
    /// Each is a way that some versions or scopes use.
    tables: Vec<Vec<String>>,
}

/// The servers behind us that a client starts as well, by name.
pub(crate) fn direct(settings: &Settings, places: &Places) -> BTreeMap<String, Vec<Direct>> {
    let home = std::env::home_dir();
    let mut found: BTreeMap<String, Vec<Direct>> = BTreeMap::new();
    for known in known(home.as_deref(), &places.working_directory) {
        let Some(root) = parsed(&known.file) else {
            continue;
        };
        let theirs: Vec<&Value> = known
            .tables
            .iter()
            .filter_map(|way| way.iter().try_fold(&root, |table, key| table.get(key)))
            .filter_map(Value::as_object)
            .flat_map(|servers| servers.values())
            .collect();
        // One that is blocked reaches nobody through us.
        for ours in settings
            .upstreams
            .iter()
            .filter(|one| one.blocked.is_none())
        {
            let transport = &ours.stanza.transport;
            if theirs.iter().any(|theirs| is_same(transport, theirs)) {
                found
                    .entry(ours.stanza.name.clone())
                    .or_default()
                    .push(Direct {
                        client: known.client,
                        file: known.file.clone(),
                        shared: settings.sources.contains(&known.file),
                    });
            }
        }
    }
    found
}

fn known(home: Option<&Path>, here: &Path) -> Vec<Known> {
    let way = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let one = |client, file, keys: &[&str]| Known {
        client,
        file,
        tables: vec![way(keys)],
    };
    let mut known = vec![
        one("Claude Code", here.join(".mcp.json"), &["mcpServers"]),
        one("Cursor", here.join(".cursor/mcp.json"), &["mcpServers"]),
        one("VS Code", here.join(".vscode/mcp.json"), &["servers"]),
    ];
    if let Some(home) = home {
        let folder = here.to_string_lossy();
        known.push(Known {
            client: "Claude Code",
            file: home.join(".claude.json"),
            tables: vec![
                way(&["mcpServers"]),
                way(&["projects", &folder, "mcpServers"]),
            ],
        });
        known.push(one(
            "Cursor",
            home.join(".cursor/mcp.json"),
            &["mcpServers"],
        ));
        known.push(one(
            "Codex",
            home.join(".codex/config.toml"),
            &["mcp_servers"],
        ));
    }
    // A home that is the working directory has some of them twice.
    known.sort_by(|one, other| one.file.cmp(&other.file));
    known.dedup_by(|one, other| one.file == other.file);
    known
}

fn parsed(file: &Path) -> Option<Value> {
    // A pipe would keep us waiting.
    if !std::fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let mut reader = File::open(file).ok()?.take(FILE_BYTES + 1);
    reader.read_to_string(&mut text).ok()?;
    if text.len() as u64 > FILE_BYTES {
        return None;
    }
    if file
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        return toml::from_str(&text).ok();
    }
    serde_json::from_str(&text)
        .or_else(|_| serde_json::from_str(&without_comments(&text)))
        .ok()
}

/// JSON out of the JSON with comments and last commas that editors write.
fn without_comments(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '"' => {
                json.push(letter);
                while let Some(letter) = rest.next() {
                    json.push(letter);
                    match letter {
                        '\\' => json.extend(rest.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if rest.peek() == Some(&'/') => {
                rest.by_ref().find(|letter| *letter == '\n');
            }
            '/' if rest.peek() == Some(&'*') => {
                rest.next();
                let mut last = ' ';
                rest.by_ref()
                    .find(|letter| std::mem::replace(&mut last, *letter) == '*' && *letter == '/');
            }
            '}' | ']' => {
                let kept = json.trim_end();
                if kept.ends_with(',') {
                    json.truncate(kept.len() - 1);
                }
                json.push(letter);
            }
            _ => json.push(letter),
        }
    }
    json
}

/// Whether a client's stanza leads to the same server as ours: by command and arguments, or address.
fn is_same(ours: &Transport, theirs: &Value) -> bool {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match ours {
        Transport::Stdio { command, args, .. } => {
            let Some(their_command) = theirs.get("command").and_then(text) else {
                return false;
            };
            let their_args: Option<Vec<String>> = match theirs.get("args") {
                None => Some(Vec::new()),
                Some(args) => args
                    .as_array()
                    .and_then(|args| args.iter().map(text).collect()),
            };
            their_args.is_some_and(|their_args| {
                same_command(command, &their_command)
                    && their_args.len() == args.len()
                    && args
                        .iter()
                        .zip(&their_args)
                        .all(|(one, other)| same_text(one, other))
            })
        }
        Transport::Http { url, .. } => ["url", "serverUrl"].iter().any(|key| {
            theirs.get(*key).and_then(text).is_some_and(|theirs| {
                same_text(url.trim_end_matches('/'), theirs.trim_end_matches('/'))
            })
        }),
    }
}

/// `npx` is also `/usr/bin/npx`, but two programs at two places are two.
fn same_command(ours: &str, theirs: &str) -> bool {
    let name = |command: &str| command.rsplit('/').next().map(str::to_owned);
    let bare = !ours.contains('/') || !theirs.contains('/');
    same_text(ours, theirs) || (bare && name(ours) == name(theirs))
}

fn same_text(ours: &str, theirs: &str) -> bool {
    ours == theirs
        || Template::new(theirs.to_owned())
            .expand(&|name| std::env::var(name).ok())
            .is_ok_and(|theirs| ours == theirs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_is_the_same_by_what_is_started_or_reached() {
        let stdio = |command: &str, args: &[&str]| Transport::Stdio {
            command: command.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: Vec::new(),
            cwd: None,
        };
        let http = Transport::Http {
            url: "https://example.org/mcp/".to_owned(),
            headers: Vec::new(),
        };
        let npx = stdio("npx", &["-y", "server"]);
        for (ours, theirs, expected) in [
            (
                &npx,
                json!({"command": "npx", "args": ["-y", "server"]}),
                true,
            ),
            (
                &npx,
                json!({"command": "/usr/bin/npx", "args": ["-y", "server"]}),
                true,
            ),
            (
                &npx,
                json!({"command": "npx", "args": ["-y", "${NO_SUCH_VARIABLE:-server}"]}),
                true,
            ),
            (
                &npx,
                json!({"command": "npx", "args": ["-y", "other"]}),
                false,
            ),
            (&npx, json!({"command": "npx"}), false),
            (&npx, json!({"command": ["npx"], "args": {}}), false),
            (&npx, json!("npx"), false),
            (
                &stdio("/a/server", &[]),
                json!({"command": "/b/server"}),
                false,
            ),
            (&http, json!({"url": "https://example.org/mcp"}), true),
            (
                &http,
                json!({"type": "http", "url": "https://example.org/other"}),
                false,
            ),
        ] {
            assert_eq!(is_same(ours, &theirs), expected, "{theirs}");
        }
    }

    #[test]
    fn comments_and_last_commas_are_passed_over() {
        let text = r#"{ // a "comment"
            "a": ["//", "/*", "\"", ], /* and
            ** another **/ "b": {"c": 1,},
        }"#;
        let value: Value = serde_json::from_str(&without_comments(text)).unwrap();
        assert_eq!(value, json!({"a": ["//", "/*", "\""], "b": {"c": 1}}));
    }
}
