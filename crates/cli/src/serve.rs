//! `toolmill serve`: the agent's MCP server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use gateway::Gateway;
use gateway::server::Reader;

use crate::args::{Serve, Source};
use crate::control::{Outcome, Request};
use crate::host::Started;
use crate::settings::DEPTH;
use crate::{control, host, sessions};

pub(crate) fn run(source: &Source, serve: Serve) -> Result<ExitCode> {
    if std::env::var_os(DEPTH).is_some() {
        bail!(
            "this toolmill was started by another one as a server; remove it from that one's settings"
        );
    }
    let reading = source.clone();
    host::with_gateway(source, async move |started| {
        let shutdown = shutdown_on_signals()?;
        let gateway = started.gateway.clone();
        let take_up = {
            let (gateway, places) = (gateway.clone(), started.places.clone());
            move || {
                let (gateway, reading, places) = (gateway.clone(), reading.clone(), places.clone());
                async move { host::take_up(&gateway, &reading, &places).await }
            }
        };
        let carry_out = {
            let (gateway, take_up) = (gateway.clone(), take_up.clone());
            move |request| {
                let (gateway, take_up) = (gateway.clone(), take_up.clone());
                async move { carry_out(&gateway, take_up, request).await }
            }
        };
        let _control =
            control::listen(&started.places.runtime_dir, carry_out).inspect_err(|error| {
                tracing::warn!(
                    "commands such as `toolmill reload` and `toolmill approvals` will not reach this gateway: {error}"
                )
            });
        let reloads = tokio::spawn(reload_on_hangup(take_up));
        let reader = if serve.structured {
            Reader::Program
        } else {
            Reader::Model
        };
        let served = match serve.http {
            None => gateway::server::serve_stdio(gateway, reader, shutdown)
                .await
                .map_err(|error| anyhow!("the agent's connection could not be served: {error}")),
            Some(address) => serve_http(started, address, reader, serve.no_token, shutdown).await,
        };
        reloads.abort();
        served.map(|()| ExitCode::SUCCESS)
    })
}

/// Does what another of the user's commands asks of this gateway.
async fn carry_out<F>(gateway: &Gateway, take_up: impl Fn() -> F, request: Request) -> Outcome
where
    F: Future<Output = Outcome>,
{
    match request {
        Request::Reload => take_up().await.map(control::said).map_err(control::said),
        Request::EndSession(id) => sessions::end_here(gateway, &id),
        Request::Approvals => serde_json::to_string(&gateway.open_questions())
            .map_err(|error| format!("the questions cannot be written: {error}")),
        Request::Decide(decision) => gateway
            .answer_question(decision)
            .map(|()| "answered".to_owned()),
    }
}

async fn serve_http(
    started: &Started,
    address: SocketAddr,
    reader: Reader,
    no_token: bool,
    shutdown: CancellationToken,
) -> Result<()> {
    if !address.ip().is_loopback() {
        bail!(
            "{address} is not a loopback address; only those are served for now, such as 127.0.0.1:8722"
        );
    }
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be listened on"))?;
    let address = listener.local_addr()?;
    let token = if no_token {
        eprintln!(
            "toolmill: serving http://{address}/mcp WITHOUT a token: every process on this machine may use it"
        );
        None
    } else if let Some(token) = &started.settings.http_token {
        eprintln!("toolmill: serving http://{address}/mcp with the token that the settings name");
        Some(token.clone())
    } else {
        let file = started.places.state_dir.join("http-token");
        let token = kept_token(&file)?;
        eprintln!(
            "toolmill: serving http://{address}/mcp with the bearer token in {}",
            file.display()
        );
        Some(token)
    };
    gateway::server::serve_http(started.gateway.clone(), reader, listener, token, shutdown)
        .await
        .context("HTTP")
}

/// The token in `file`, made there at the first start, for its user alone.
fn kept_token(file: &Path) -> Result<String> {
    if let Ok(token) = std::fs::read_to_string(file) {
        let token = token.trim();
        if !token.is_empty() {
            return Ok(token.to_owned());
        }
    }
    let mut random = [0; 32];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    // Of two gateways that start at once the later one's token stands.
    files::replace(file, token.as_bytes())
        .with_context(|| format!("the token cannot be kept in {}", file.display()))?;
    Ok(std::fs::read_to_string(file)?)
}

fn shutdown_on_signals() -> Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    // Ends with the process: there is nothing to wait for.
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
    });
    Ok(shutdown)
}

/// SIGHUP means what `toolmill reload` means.
async fn reload_on_hangup<F>(take_up: impl Fn() -> F)
where
    F: Future<Output = Result<String, String>>,
{
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    while hangup.recv().await.is_some() {
        match take_up().await {
            Ok(answer) => tracing::info!("settings read again: {answer}"),
            Err(error) => tracing::error!("the settings stay as they were: {error}"),
        }
    }
}
