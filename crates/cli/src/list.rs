//! `toolmill list`: the servers, how they are, and what listing their tools would cost a model.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use gateway::{Catalog, Health, Tool};
use serde::Serialize;
use tokio::time::Instant;

use crate::args::{List, Source};
use crate::clients::{self, Direct};
use crate::doctor::printable;
use crate::exit;
use crate::host::{self, Started, print};

/// Version of the JSON form.
const SCHEMA: u32 = 1;
/// There is no tokenizer in this process; for JSON the usual ones come to about this.
const BYTES_A_TOKEN: usize = 4;
const HEADER: [&str; 6] = ["NAME", "STATE", "ERA", "TOOLS", "~TOKENS", "REASON"];

#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    servers: Vec<Server>,
    tokens_estimated: usize,
    looked_for: Vec<String>,
    path: String,
}

#[derive(Debug, Serialize)]
struct Server {
    name: String,
    state: &'static str,
    era: Option<String>,
    tools: usize,
    /// Of the tools' names, descriptions and input schemas, as a client that lists them sends them.
    tokens_estimated: usize,
    reason: Option<String>,
    /// Clients that start it themselves as well.
    also_in: Vec<Direct>,
}

pub(crate) fn run(source: &Source, args: List) -> Result<ExitCode> {
    host::with_gateway(source, async move |started| {
        let patience = Duration::from_secs(args.wait);
        let gateway = &started.gateway;
        let health = host::settled(gateway, args.json, async {
            let health = host::tried(gateway, patience).await;
            // One that has just connected is in the catalog a moment later.
            gateway
                .settled(Instant::now() + Duration::from_secs(1))
                .await;
            health
        })
        .await;
        let report = report(started, health, patience);
        if args.json {
            print(&format!("{}\n", serde_json::to_string(&report)?))?;
        } else if report.servers.is_empty() {
            print(&host::no_servers(started))?;
        } else {
            print(&report.text(host::terminal_width(), host::colours(&std::io::stdout())))?;
        }
        let any_ready = report.servers.iter().any(|server| server.state == "ready");
        Ok(if any_ready || report.servers.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(exit::NO_SETTINGS_OR_UPSTREAM)
        })
    })
}

fn report(started: &Started, health: Vec<Health>, patience: Duration) -> Report {
    let catalog = started.gateway.catalog();
    let mut direct = clients::direct(&started.settings, &started.places);
    let servers: Vec<Server> = health
        .into_iter()
        .map(|server| Server {
            tokens_estimated: tokens(&catalog, &server.name),
            also_in: direct.remove(&server.name).unwrap_or_default(),
            era: server.era.map(|era| format!("{era:?}").to_lowercase()),
            tools: server.tools,
            reason: match server.state {
                "connecting" => Some(format!(
                    "not connected after {} s, which a first npx or uvx may need to download; next: toolmill list --wait 60",
                    patience.as_secs()
                )),
                _ => server.reason,
            },
            state: server.state,
            name: server.name,
        })
        .collect();
    Report {
        schema: SCHEMA,
        tokens_estimated: servers.iter().map(|server| server.tokens_estimated).sum(),
        servers,
        looked_for: started
            .settings
            .looked_for
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        path: std::env::var_os("PATH")
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    }
}

fn tokens(catalog: &Catalog, server: &str) -> usize {
    let definition = |tool: &Tool| {
        serde_json::json!({
            "name": tool.name(),
            "description": tool.description(),
            "inputSchema": tool.input_schema(),
        })
        .to_string()
        .len()
    };
    let bytes: usize = catalog
        .tools()
        .filter(|tool| tool.server() == server)
        .map(|tool| definition(tool))
        .sum();
    bytes.div_ceil(BYTES_A_TOKEN)
}

impl Report {
    fn text(&self, width: Option<usize>, colours: bool) -> String {
        let mut rows = vec![HEADER.map(str::to_owned)];
        for server in &self.servers {
            rows.push([
                printable(&server.name),
                server.state.to_owned(),
                server.era.clone().unwrap_or_else(|| "-".to_owned()),
                server.tools.to_string(),
                match server.tokens_estimated {
                    0 => "-".to_owned(),
                    tokens => format!("~{}", thousands(tokens)),
                },
                printable(server.reason.as_deref().unwrap_or_default()),
            ]);
        }
        let mut text = table(&rows, width, |row, cell| match &row[1][..] {
            "ready" if colours => format!("\x1b[32m{cell}\x1b[0m"),
            "failed" | "blocked" if colours => format!("\x1b[31m{cell}\x1b[0m"),
            "connecting" if colours => format!("\x1b[33m{cell}\x1b[0m"),
            _ => cell,
        });
        // What was cut off may be the next step.
        for row in &rows[1..] {
            if !row[5].is_empty() && !text.contains(&row[5]) {
                text.push_str(&format!("{}: {}\n", row[0], row[5]));
            }
        }
        let tools: usize = self.servers.iter().map(|server| server.tools).sum();
        let count = |number: usize, noun: &str| {
            let plural = if number == 1 { "" } else { "s" };
            format!("{} {noun}{plural}", thousands(number))
        };
        text.push_str(&format!(
            "{} of {}; ~{} tokens if a client listed them all,\nestimated at {BYTES_A_TOKEN} bytes a token\n",
            count(tools, "tool"),
            count(self.servers.len(), "server"),
            thousands(self.tokens_estimated)
        ));
        for server in &self.servers {
            for direct in &server.also_in {
                text.push_str(&format!(
                    "note: {} is {}\n",
                    printable(&server.name),
                    printable(&direct.sentence())
                ));
            }
        }
        if self.servers.iter().any(|server| server.state == "failed") {
            text.push_str("next: toolmill doctor    shows what a failed server said last\n");
        }
        text
    }
}

/// Columns as wide as their cells; the last is cut where the terminal ends. Numbers go to the right.
pub(crate) fn table<const N: usize>(
    rows: &[[String; N]],
    width: Option<usize>,
    paint: impl Fn(&[String; N], String) -> String,
) -> String {
    let mut widths = BTreeMap::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let widest: &mut usize = widths.entry(column).or_default();
            *widest = (*widest).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        let mut used = 0;
        for (column, cell) in row.iter().enumerate() {
            let wide = widths[&column];
            let shown = match column {
                3 | 4 => format!("{cell:>wide$}"),
                _ if column + 1 == N => cut(cell, width.map(|width| width.saturating_sub(used))),
                _ => format!("{cell:wide$}"),
            };
            used += wide + 2;
            line.push_str(&if column == 1 {
                paint(row, shown)
            } else {
                shown
            });
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cut(cell: &str, room: Option<usize>) -> String {
    match room {
        Some(room) if cell.chars().count() > room => {
            let mut shown: String = cell.chars().take(room.saturating_sub(1)).collect();
            shown.push('…');
            shown
        }
        _ => cell.to_owned(),
    }
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let server = |name: &str, state, tools, reason: Option<&str>| Server {
            name: name.to_owned(),
            state,
            era: (state == "ready").then(|| "legacy".to_owned()),
            tools,
            tokens_estimated: tools * 1234,
            reason: reason.map(str::to_owned),
            also_in: Vec::new(),
        };
        Report {
            schema: SCHEMA,
            servers: vec![
                server("files", "ready", 12, None),
                server(
                    "git",
                    "failed",
                    0,
                    Some("`npx` is not on the PATH; install Node.js\x1b[2K"),
                ),
            ],
            tokens_estimated: 12 * 1234,
            looked_for: Vec::new(),
            path: String::new(),
        }
    }

    #[test]
    fn a_table_fits_the_terminal_and_is_whole_elsewhere() {
        insta::assert_snapshot!(report().text(Some(60), false), @r"
        NAME   STATE   ERA     TOOLS  ~TOKENS  REASON
        files  ready   legacy     12  ~14,808
        git    failed  -           0        -  `npx` is not on the …
        git: `npx` is not on the PATH; install Node.js\u{1b}[2K
        12 tools of 2 servers; ~14,808 tokens if a client listed them all,
        estimated at 4 bytes a token
        next: toolmill doctor    shows what a failed server said last
        ");
        insta::assert_snapshot!(report().text(None, false), @r"
        NAME   STATE   ERA     TOOLS  ~TOKENS  REASON
        files  ready   legacy     12  ~14,808
        git    failed  -           0        -  `npx` is not on the PATH; install Node.js\u{1b}[2K
        12 tools of 2 servers; ~14,808 tokens if a client listed them all,
        estimated at 4 bytes a token
        next: toolmill doctor    shows what a failed server said last
        ");
        assert!(report().text(None, true).contains("\x1b[32mready "));
    }
}
