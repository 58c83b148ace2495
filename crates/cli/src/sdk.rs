//! `toolmill sdk`: the tools as declarations for editors and type checkers.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use crate::args::{Sdk, SdkLanguage, Source};
use crate::doctor::printable;
use crate::exit;
use crate::host::{self, print};

/// How long servers may take to be listed: a first `npx` or `uvx` downloads.
const WAIT: Duration = Duration::from_secs(60);

pub(crate) fn run(source: &Source, args: Sdk) -> Result<ExitCode> {
    host::with_gateway(source, async move |started| {
        let gateway = &started.gateway;
        let mut health = host::settled(gateway, false, async {
            let health = host::tried(gateway, WAIT).await;
            // One that has just connected is in the catalog a moment later.
            gateway.settled(Instant::now() + WAIT).await;
            health
        })
        .await;
        let catalog = gateway.catalog();
        if let Some(written) = &args.server {
            let known = catalog.server(written).map(|server| server.name());
            let wanted = known.unwrap_or(written);
            health.retain(|server| server.name == wanted);
            if health.is_empty() {
                eprintln!("toolmill: no server {written:?}; `toolmill list` names them");
                return Ok(ExitCode::from(exit::NO_SETTINGS_OR_UPSTREAM));
            }
        }
        if health.is_empty() {
            eprint!("{}", host::no_servers(started));
            return Ok(ExitCode::from(exit::NO_SETTINGS_OR_UPSTREAM));
        }
        for server in health.iter().filter(|server| server.state != "ready") {
            let reason = server.reason.as_deref().unwrap_or(server.state);
            eprintln!(
                "toolmill: {} is not ready: {}",
                server.name,
                printable(reason)
            );
        }
        for (server, reason) in catalog.rejected() {
            if health.iter().any(|shown| shown.name == server) {
                eprintln!("toolmill: left out of {server}: {reason}");
            }
        }
        // What was written when a server was up is better than nothing.
        if !health.iter().any(|server| server.state == "ready") {
            return Ok(ExitCode::from(exit::NO_SETTINGS_OR_UPSTREAM));
        }
        let observed = gateway.recall_results().await;
        let server = args.server.as_deref();
        let declarations = |language| match language {
            SdkLanguage::Python => catalog.python_stubs(server, Some(&observed)),
            SdkLanguage::Typescript => catalog.typescript_declarations(server, Some(&observed)),
        };
        match &args.out {
            None => {
                let language = args.language.unwrap_or(SdkLanguage::Python);
                print(&declarations(language))?;
            }
            Some(folder) => {
                let languages = match args.language {
                    Some(language) => vec![language],
                    None => vec![SdkLanguage::Python, SdkLanguage::Typescript],
                };
                for language in languages {
                    write(folder, language, &declarations(language))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn write(folder: &Path, language: SdkLanguage, text: &str) -> Result<()> {
    let file = folder.join(match language {
        SdkLanguage::Python => "tools.pyi",
        SdkLanguage::Typescript => "tools.d.ts",
    });
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, text))
        .with_context(|| format!("failed to write {}", file.display()))?;
    print(&format!("{}\n", file.display()))
}
