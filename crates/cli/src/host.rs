//! What the subcommands share: log, settings, a running gateway, and which exit code an error means.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use gateway::{Config, Gateway};
use tracing::level_filters::LevelFilter;

use crate::args::{Source, Trust};
use crate::settings::{self, Places, Settings};
use crate::{control, exit, trust};

/// A gateway with what it was started from.
pub(crate) struct Started {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) settings: Settings,
    pub(crate) places: Places,
}

/// An error whose exit code is not the general one.
#[derive(Debug)]
pub(crate) struct ExitWith(pub(crate) u8);

impl std::fmt::Display for ExitWith {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self.0 {
            exit::NO_SANDBOX => "no sandbox",
            exit::NO_SETTINGS_OR_UPSTREAM => "no usable settings",
            _ => "wrong usage",
        })
    }
}

impl std::error::Error for ExitWith {}

pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    error
        .downcast_ref::<ExitWith>()
        .map_or(exit::PROGRAM_FAILED, |exit| exit.0)
}

/// Logs to standard error; standard output belongs to MCP and to programs.
///
/// Only our own targets: rmcp logs whole messages at debug level.
pub(crate) fn log(level: LevelFilter) {
    use tracing_subscriber::prelude::*;
    let ours = tracing_subscriber::filter::filter_fn(move |about| {
        *about.level() <= level && about.target().starts_with("toolmill")
    });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_filter(ours);
    tracing_subscriber::registry().with(lines).init();
}

/// The lockdown of the guest that is this binary, in the protocol's words.
pub(crate) fn lock_down(table: &[u8]) -> Result<guest::Ready, guest::Failed> {
    match sandbox::apply(table) {
        Ok(probes) => Ok(guest::Ready { probes }),
        Err(sandbox::LockdownError::Step { step, errno }) => Err(guest::Failed {
            step,
            errno,
            message: std::io::Error::from_raw_os_error(errno).to_string(),
        }),
        Err(other) => Err(guest::Failed {
            step: "lockdown_table".into(),
            errno: 0,
            message: other.to_string(),
        }),
    }
}

pub(crate) fn settings(source: &Source) -> Result<(Settings, Places)> {
    let places = Places::from_environment()?;
    let settings = load(source, &places)?;
    Ok((settings, places))
}

fn load(source: &Source, places: &Places) -> Result<Settings> {
    let mut store = trust::Store::open(&places.state_dir);
    if source.trust {
        store = store.with_everything();
    }
    let settings = settings::load(source.config.as_deref(), places, &store, &|name| {
        std::env::var(name).ok()
    })
    .map_err(|error| error.context(ExitWith(exit::NO_SETTINGS_OR_UPSTREAM)))?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    Ok(settings)
}

/// `toolmill trust`.
pub(crate) fn trust(source: &Source, args: &Trust) -> Result<ExitCode> {
    let (settings, places) = settings(source)?;
    let mut store = trust::Store::open(&places.state_dir);
    match &args.revoke {
        Some(name) => trust::revoke(&mut store, name)?,
        None => trust::run(&mut store, &settings.untrusted, &args.names, args.yes)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the gateway, lets `body` use it, and ends it.
///
/// The supervisor comes first: it must be started before this process has a second thread.
pub(crate) fn with_gateway<F>(source: &Source, body: F) -> Result<ExitCode>
where
    F: AsyncFnOnce(&Started) -> Result<ExitCode>,
{
    let supervisor = supervisor()?;
    let (settings, places) = settings(source)?;
    run_gateway(supervisor, settings, places, body)
}

/// As [`with_gateway`], but settings that cannot be loaded are part of what `body` is to look at.
pub(crate) fn with_gateway_to_examine<F>(source: &Source, body: F) -> Result<ExitCode>
where
    F: AsyncFnOnce(&Started) -> Result<ExitCode>,
{
    let supervisor = supervisor()?;
    let places = Places::from_environment()?;
    let settings = load(source, &places).unwrap_or_else(|error| Settings::unusable(&error));
    run_gateway(supervisor, settings, places, body)
}

fn supervisor() -> Result<sandbox::Supervisor> {
    sandbox::Supervisor::start().context(ExitWith(exit::NO_SANDBOX))
}

fn run_gateway<F>(
    supervisor: sandbox::Supervisor,
    settings: Settings,
    places: Places,
    body: F,
) -> Result<ExitCode>
where
    F: AsyncFnOnce(&Started) -> Result<ExitCode>,
{
    let config = config(&settings, &places);
    // One thread for everything that waits: a hop between cores costs more than the work.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let gateway = Gateway::start(config, supervisor).await;
        let started = Started {
            gateway,
            settings,
            places,
        };
        let outcome = body(&started).await;
        started.gateway.stop().await;
        outcome
    });
    // A blocking read of standard input cannot be cancelled; the process ends without it.
    runtime.shutdown_background();
    outcome
}

fn config(settings: &Settings, places: &Places) -> Config {
    Config {
        upstreams: settings.upstreams.clone(),
        limits: settings.limits.clone(),
        state: places.state_dir.clone(),
        workspaces: places.workspaces(),
        python: settings.python.clone(),
        path: std::env::var_os("PATH").unwrap_or_default(),
    }
}

/// Reads the settings again and has a gateway take up its new servers; on any error nothing changes.
pub(crate) async fn take_up(
    gateway: &Gateway,
    source: &Source,
    places: &Places,
) -> Result<String, String> {
    let settings = load(source, places).map_err(|error| format!("{error:#}"))?;
    let servers = settings.upstreams.len();
    gateway.reconfigure(settings.upstreams).await;
    Ok(format!("{servers} servers"))
}

/// `toolmill reload`.
pub(crate) fn reload() -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answers = runtime.block_on(control::reload_all(&places.runtime_dir));
    if answers.is_empty() {
        print("no gateway is running\n")?;
    }
    let mut code = ExitCode::SUCCESS;
    for (process, answer) in answers {
        match answer {
            Ok(answer) => print(&format!("gateway {process}: {answer}\n"))?,
            Err(error) => {
                eprintln!("gateway {process} keeps its settings: {error}");
                code = ExitCode::from(exit::NO_SETTINGS_OR_UPSTREAM);
            }
        }
    }
    Ok(code)
}

/// Prints to standard output; a reader that has gone is no error of ours.
pub(crate) fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}
