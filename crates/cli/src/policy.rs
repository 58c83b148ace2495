//! `toolmill policy`: which tools may be called, and why.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use gateway::policy::{Considered, Decision, Quota, Rule, Verdict};
use gateway::remembered::Remembered;
use gateway::{Gateway, Tool};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::args::{Policy, Source};
use crate::doctor::printable;
use crate::host::{self, Started, print};
use crate::list::table;
use crate::{exit, settings::Places};

/// Version of the JSON form.
const SCHEMA: u32 = 1;
/// How long servers may take to be listed: a first `npx` or `uvx` downloads.
const WAIT: Duration = Duration::from_secs(60);
const HEADER: [&str; 3] = ["TOOL", "POLICY", "BECAUSE"];

pub(crate) fn run(source: &Source, args: &Policy) -> Result<ExitCode> {
    if let Some(tool) = &args.forget {
        return forget(source, path(tool));
    }
    host::with_gateway(source, async move |started| {
        let gateway = &started.gateway;
        host::settled(gateway, args.json, async {
            host::tried(gateway, WAIT).await;
            // One that has just connected is in the catalog a moment later.
            gateway.settled(Instant::now() + WAIT).await;
        })
        .await;
        if let Some(tool) = &args.allow {
            return allow(gateway, &resolve(gateway, path(tool))?);
        }
        if let Some(tool) = &args.tool {
            let tool = match resolve(gateway, path(tool)) {
                Ok(tool) => tool,
                Err(error) => {
                    eprintln!("toolmill: {error:#}");
                    return Ok(ExitCode::from(exit::USAGE));
                }
            };
            print(&if args.json {
                format!("{}\n", explained_json(gateway, &tool))
            } else {
                explained(gateway, &tool)
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        print(&if args.json {
            format!("{}\n", as_json(gateway))
        } else {
            as_text(started)
        })?;
        Ok(ExitCode::SUCCESS)
    })
}

/// A tool's path as programs write it, without `tools.`.
fn path(tool: &str) -> &str {
    tool.strip_prefix("tools.").unwrap_or(tool)
}

fn resolve(gateway: &Gateway, path: &str) -> Result<Arc<Tool>> {
    let catalog = gateway.catalog();
    let tool = catalog.resolve(path).cloned();
    tool.map_err(|unknown| anyhow!("{}", printable(&unknown.message())))
}

fn as_text(started: &Started) -> String {
    let gateway = &started.gateway;
    let catalog = gateway.catalog();
    let mut rows = vec![HEADER.map(str::to_owned)];
    for tool in catalog.tools() {
        let verdict = gateway.decide(tool);
        rows.push([
            printable(tool.path()),
            verdict.decision.as_str().to_owned(),
            printable(&because(&verdict)),
        ]);
    }
    let mut text = if rows.len() == 1 {
        host::no_servers(started)
    } else {
        let colours = host::colours(&std::io::stdout());
        table(&rows, host::terminal_width(), |row, cell| {
            let colour = match &row[1][..] {
                "ask" => 33,
                "deny" => 31,
                _ => return cell,
            };
            if colours {
                format!("\x1b[{colour}m{cell}\x1b[0m")
            } else {
                cell
            }
        })
    };
    for note in notes(gateway) {
        text.push_str(&format!("note: {}\n", printable(&note)));
    }
    if rows.len() > 1 {
        text.push_str("next: toolmill policy TOOL    shows every rule that fits one\n");
    }
    text
}

/// The reason, and how many calls a run may make.
fn because(verdict: &Verdict) -> String {
    let mut reason = verdict.reason.clone();
    for Quota { pattern, most, .. } in &verdict.quotas {
        reason.push_str(&format!("; at most {most} calls of {pattern} a run"));
    }
    reason
}

/// What concerns no tool that is listed now.
fn notes(gateway: &Gateway) -> Vec<String> {
    let catalog = gateway.catalog();
    let mut notes = Vec::new();
    for rule in gateway.idle_rules() {
        notes.push(format!("{rule} fits no tool that is listed now"));
    }
    match gateway.policy().remembered().all() {
        Err(error) => notes.push(error),
        Ok(allowed) => {
            for one in allowed {
                let decided = catalog.resolve(&one.tool).map(|tool| gateway.decide(tool));
                if !decided.is_ok_and(|verdict| verdict.remembered) {
                    notes.push(format!(
                        "{} was allowed for good, which has no effect now: it has changed, is not listed, or a \
                         rule decides; to forget it: toolmill policy --forget {}",
                        one.tool, one.tool
                    ));
                }
            }
        }
    }
    for (server, reason) in gateway.unavailable() {
        notes.push(format!("tools of {server} are not listed: {reason}"));
    }
    notes
}

fn explained(gateway: &Gateway, tool: &Arc<Tool>) -> String {
    let verdict = gateway.decide(tool);
    let mut text = format!(
        "{}: {}\n  because: {}\n  its server says: {}\n",
        printable(tool.path()),
        verdict.decision.as_str(),
        printable(&verdict.reason),
        marks(gateway, tool)
    );
    for considered in considered(gateway, tool) {
        text.push_str(&format!("  {}\n", printable(&sentence(&considered))));
    }
    text.push_str(match (verdict.decision, verdict.remembered) {
        (_, true) => "  allowed for good by a human; to take that back: toolmill policy --forget ",
        (Decision::Ask, _) => "  to allow it for good: toolmill policy --allow ",
        _ => return text,
    });
    text.push_str(&printable(tool.path()));
    text.push('\n');
    text
}

fn marks(gateway: &Gateway, tool: &Tool) -> String {
    let mark = |name: &str, value: Option<bool>| match value {
        Some(value) => format!("{name} {value}"),
        None => format!("nothing about {name}"),
    };
    let trusted = if gateway.policy_server(tool.server()).trusted {
        "trusted"
    } else {
        "not trusted, so this can only tighten"
    };
    format!(
        "{}, {} ({trusted})",
        mark("readOnlyHint", tool.read_only_hint()),
        mark("destructiveHint", tool.destructive_hint())
    )
}

fn considered(gateway: &Gateway, tool: &Tool) -> Vec<Considered> {
    let server = gateway.policy_server(tool.server());
    gateway.policy().rules().considered(tool, &server)
}

fn sentence(considered: &Considered) -> String {
    let rule = &considered.rule;
    let says = match (rule.decision, rule.max_calls) {
        (Some(decision), None) => decision.as_str().to_owned(),
        (Some(decision), Some(most)) => {
            format!("{}, at most {most} calls a run", decision.as_str())
        }
        (None, Some(most)) => format!("at most {most} calls a run"),
        (None, None) => "nothing that a project may say".to_owned(),
    };
    let place = match (rule.decision, considered.decides) {
        (None, _) => "",
        (_, true) => " (decides)",
        (_, false) => " (less specific, or a project's and not stricter)",
    };
    format!("{rule}: {says}{place}")
}

fn as_json(gateway: &Gateway) -> Value {
    let catalog = gateway.catalog();
    let tools: Vec<Value> = catalog
        .tools()
        .map(|tool| verdict_json(tool, &gateway.decide(tool)))
        .collect();
    json!({
        "schema": SCHEMA,
        "careful": gateway.policy().rules().careful,
        "tools": tools,
        "notes": notes(gateway),
    })
}

fn verdict_json(tool: &Tool, verdict: &Verdict) -> Value {
    let quotas = verdict.quotas.iter();
    json!({
        "tool": tool.path(),
        "server": tool.server(),
        "policy": verdict.decision.as_str(),
        "because": verdict.reason,
        "remembered": verdict.remembered,
        "max_calls": quotas
            .map(|quota| json!({"rule": quota.pattern, "calls": quota.most}))
            .collect::<Vec<_>>(),
    })
}

fn explained_json(gateway: &Gateway, tool: &Arc<Tool>) -> Value {
    let mut json = verdict_json(tool, &gateway.decide(tool));
    json["schema"] = SCHEMA.into();
    json["trusted"] = gateway.policy_server(tool.server()).trusted.into();
    json["read_only_hint"] = tool.read_only_hint().into();
    json["destructive_hint"] = tool.destructive_hint().into();
    let considered = considered(gateway, tool);
    json["rules"] = considered
        .iter()
        .map(|Considered { rule, decides }| {
            json!({
                "rule": rule.pattern.to_string(),
                "policy": rule.decision.map(Decision::as_str),
                "max_calls": rule.max_calls,
                "file": rule.file,
                "decides": decides,
            })
        })
        .collect();
    json
}

/// Allows a tool for good, if whoever sits here agrees.
fn allow(gateway: &Gateway, tool: &Arc<Tool>) -> Result<ExitCode> {
    let verdict = gateway.decide(tool);
    let shown = printable(tool.path());
    match verdict.decision {
        Decision::Allow => bail!("{shown} is allowed already: {}", printable(&verdict.reason)),
        Decision::Deny => bail!(
            "{shown} is denied, and only the settings change that: {}",
            printable(&verdict.reason)
        ),
        Decision::Ask => {}
    }
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        bail!(
            "there is no terminal to ask on; to allow {shown} without one, write \"{shown}\" = \"allow\" under \
             [rules] in toolmill.toml"
        );
    }
    print(&format!(
        "{}\n  {}\nallow every call of it from now on, until its server's stanza or what it says of itself \
         changes? [y/N] ",
        printable(&tool.signature(Default::default(), None)),
        printable(&tool.summary())
    ))?;
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if !matches!(line.trim(), "y" | "Y" | "yes") {
        print(&format!("{shown} stays as it is\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let server = gateway.policy_server(tool.server());
    gateway
        .policy()
        .remember(tool, &server)
        .map_err(Error::msg)?;
    print(&format!(
        "{shown} is allowed; to take that back: toolmill policy --forget {shown}\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Takes back what was allowed for good. Running gateways go by it at once.
fn forget(source: &Source, tool: &str) -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let forgotten = Remembered::new(&places.state_dir)
        .forget(tool)
        .map_err(Error::msg)?;
    if forgotten > 0 {
        print(&format!("{} is asked about again\n", printable(tool)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (settings, _) = host::settings(source)?;
    let rule: Option<&Rule> = settings
        .rules
        .rules
        .iter()
        .find(|rule| rule.pattern.to_string() == tool);
    match rule {
        Some(rule) => bail!(
            "{} stands in the settings: take it out there, then: toolmill reload",
            printable(&rule.to_string())
        ),
        None => bail!(
            "{} was not allowed for good; `toolmill policy` shows what decides about each tool",
            printable(tool)
        ),
    }
}
