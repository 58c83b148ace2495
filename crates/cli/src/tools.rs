//! `toolmill tools` and `toolmill search`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use gateway::{Catalog, Detail, Health, SearchRequest, Tool};
use serde_json::json;
use tokio::time::Instant;

use crate::args::{Search, Source, Tools};
use crate::host::print;
use crate::{exit, host};

/// How long servers may take to be listed: a first `npx` or `uvx` downloads.
const WAIT: Duration = Duration::from_secs(60);

pub(crate) fn list(source: &Source, args: Tools) -> Result<ExitCode> {
    host::with_gateway(source, async move |started| {
        let gateway = &started.gateway;
        let mut health = host::settled(gateway, args.json, async {
            let health = host::tried(gateway, WAIT).await;
            // One that has just connected is in the catalog a moment later.
            gateway.settled(Instant::now() + WAIT).await;
            health
        })
        .await;
        let catalog = gateway.catalog();
        if let Some(wanted) = &args.server {
            health.retain(|server| server.name == *wanted);
            if health.is_empty() {
                eprintln!("toolmill: no server {wanted:?}; `toolmill tools` lists them");
                return Ok(ExitCode::from(exit::NO_SETTINGS_OR_UPSTREAM));
            }
        }
        if args.json {
            let servers: Vec<_> = health
                .iter()
                .map(|server| {
                    json!({
                        "server": server.name,
                        "state": server.state,
                        "reason": server.reason,
                        "tools": tools_of(&catalog, server).map(|tool| tool.raw()).collect::<Vec<_>>(),
                    })
                })
                .collect();
            print(&format!("{}\n", serde_json::to_string(&servers)?))?;
            return Ok(ExitCode::SUCCESS);
        }
        started.gateway.recall_results().await;
        let mut text = String::new();
        if health.is_empty() {
            text.push_str(&host::no_servers(started));
        }
        for server in &health {
            text.push_str(&format!("{}\n", headline(server)));
            for tool in tools_of(&catalog, server) {
                text.push_str(&format!(
                    "  {}\n",
                    started.gateway.signature(tool, Default::default())
                ));
            }
        }
        print(&text)?;
        for (server, reason) in catalog.rejected() {
            eprintln!("left out: {server}: {reason}");
        }
        let any_ready = health.is_empty() || health.iter().any(|server| server.state == "ready");
        Ok(if any_ready {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(exit::NO_SETTINGS_OR_UPSTREAM)
        })
    })
}

fn tools_of<'a>(catalog: &'a Catalog, server: &'a Health) -> impl Iterator<Item = &'a Tool> {
    catalog
        .tools()
        .map(|tool| &**tool)
        .filter(|tool| tool.server() == server.name)
}

fn headline(server: &Health) -> String {
    let reason = server
        .reason
        .as_ref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    format!(
        "{}: {}{reason}, {} tools",
        server.name, server.state, server.tools
    )
}

pub(crate) fn search(source: &Source, args: Search) -> Result<ExitCode> {
    host::with_gateway(source, async move |started| {
        let listed = started.gateway.settled(Instant::now() + WAIT);
        host::settled(&started.gateway, args.json, listed).await;
        if started.settings.upstreams.is_empty() {
            eprint!("{}", host::no_servers(started));
        }
        let request = SearchRequest {
            queries: args.queries,
            server: args.server,
            detail: match args.detail.as_str() {
                "name" => Detail::Name,
                "description" => Detail::Description,
                "full" => Detail::Full,
                _ => Detail::Signature,
            },
            limit: args.limit,
            explain: args.explain,
            ..SearchRequest::default()
        };
        let text = if args.json {
            let rows = gateway::search_rows(&started.gateway, &request)
                .await
                .map_err(anyhow::Error::msg)?;
            format!("{}\n", serde_json::to_string(&rows)?)
        } else {
            gateway::search(&started.gateway, &request).await.text
        };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    })
}
