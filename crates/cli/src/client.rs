//! `toolmill client`: what an agent has to be told, exactly, to start this toolmill.
//!
//! What is to be pasted or run goes to standard output, and where it belongs to standard error, so
//! that `toolmill client cursor > .cursor/mcp.json` makes a file.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::args::Source;
use crate::host::print;
use crate::init::shell_word;

/// An agent that can be told about us.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Client {
    /// Claude Code
    ClaudeCode,
    /// Cursor
    Cursor,
    /// VS Code with GitHub Copilot
    #[value(name = "vscode")]
    VsCode,
    /// Codex
    Codex,
    /// opencode
    #[value(name = "opencode")]
    OpenCode,
}

pub(crate) fn run(source: &Source, client: Option<Client>) -> Result<ExitCode> {
    let Some(client) = client else {
        let mut text = String::from("agents whose settings are known:\n");
        for client in Client::value_variants() {
            let known = client.to_possible_value().expect("none is skipped");
            let help = known.get_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            text.push_str(&format!("  {:12}  {help}\n", known.get_name()));
        }
        text.push_str("next: toolmill client NAME\n");
        text.push_str("any other: the command `toolmill serve`, over standard input and output\n");
        print(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    let command = own_command(source)?;
    let (what, place) = told(client, &command);
    eprintln!("{place}");
    print(&what)?;
    Ok(ExitCode::SUCCESS)
}

/// The words that start this toolmill with these settings from any folder.
fn own_command(source: &Source) -> Result<Vec<String>> {
    let text = |path: std::path::PathBuf| {
        path.into_os_string()
            .into_string()
            .map_err(|path| anyhow::anyhow!("{} is not UTF-8; move it", path.display()))
    };
    let program = text(std::env::current_exe().context("this program cannot be found")?)?;
    if program.ends_with(" (deleted)") {
        bail!("this program has been replaced since it was started; run the command again");
    }
    let mut command = vec![program];
    if let Some(config) = &source.config {
        let config = std::path::absolute(config).context("--config")?;
        command.extend(["--config".to_owned(), text(config)?]);
    }
    if source.trust {
        command.push("--trust".to_owned());
    }
    command.push("serve".to_owned());
    Ok(command)
}

/// What a client is to be told, and where.
fn told(client: Client, command: &[String]) -> (String, &'static str) {
    let (program, arguments) = command.split_first().expect("the program comes first");
    let line = || {
        let words: Vec<String> = command
            .iter()
            .map(|word| shell_word(word.as_ref()))
            .collect();
        words.join(" ")
    };
    let pretty = |value: Value| serde_json::to_string_pretty(&value).expect("JSON") + "\n";
    match client {
        Client::ClaudeCode => (
            format!("claude mcp add --scope user toolmill -- {}\n", line()),
            "run this; without `--scope user` it holds for the present folder only:",
        ),
        Client::Cursor => (
            pretty(json!({"mcpServers": {"toolmill": {"command": program, "args": arguments}}})),
            "put this into ~/.cursor/mcp.json, or .cursor/mcp.json for one project:",
        ),
        Client::VsCode => (
            pretty(json!({"servers": {"toolmill": {
                "type": "stdio", "command": program, "args": arguments,
            }}})),
            "put this into .vscode/mcp.json, or into what `MCP: Open User Configuration` opens:",
        ),
        Client::Codex => (
            toml::to_string(&json!({"mcp_servers": {"toolmill": {
                "command": program, "args": arguments,
            }}}))
            .expect("strings and tables are TOML"),
            "put this into ~/.codex/config.toml:",
        ),
        Client::OpenCode => (
            pretty(json!({
                "$schema": "https://opencode.ai/config.json",
                "mcp": {"toolmill": {"type": "local", "command": command, "enabled": true}},
            })),
            "put this into opencode.json, or ~/.config/opencode/opencode.json for all projects:",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_paths_stay_whole_in_every_format() {
        let command = ["/a b/it's \"toolmill\"", "--config", "/c\\d.toml", "serve"];
        let command = command.map(str::to_owned);
        for client in Client::value_variants() {
            let (what, _) = told(*client, &command);
            let rest = json!(command[1..]);
            match client {
                Client::ClaudeCode => assert_eq!(
                    what,
                    "claude mcp add --scope user toolmill -- '/a b/it'\\''s \"toolmill\"' --config '/c\\d.toml' serve\n"
                ),
                Client::Codex => {
                    let parsed: Value = toml::from_str(&what).unwrap();
                    let ours = &parsed["mcp_servers"]["toolmill"];
                    assert_eq!(
                        (&ours["command"], &ours["args"]),
                        (&json!(command[0]), &rest)
                    );
                }
                _ => {
                    let parsed: Value = serde_json::from_str(&what).unwrap();
                    match client {
                        Client::OpenCode => {
                            assert_eq!(parsed["mcp"]["toolmill"]["command"], json!(command));
                        }
                        _ => {
                            let key = if *client == Client::Cursor {
                                "mcpServers"
                            } else {
                                "servers"
                            };
                            let ours = &parsed[key]["toolmill"];
                            assert_eq!(
                                (&ours["command"], &ours["args"]),
                                (&json!(command[0]), &rest)
                            );
                        }
                    }
                }
            }
        }
    }
}
