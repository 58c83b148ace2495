//! What the subcommands share: log, settings, a running gateway, and which exit code an error means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::CommandFactory;
use gateway::{Config, Gateway, Health};
use indicatif::{ProgressBar, ProgressStyle};
use tracing::level_filters::LevelFilter;

use crate::args::{Args, Source, Trust};
use crate::doctor::printable_text;
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
        .with_ansi(colours(&std::io::stderr()))
        .with_filter(ours);
    tracing_subscriber::registry().with(lines).init();
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
    raise_descriptors();
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

/// Takes as many descriptors as this process may have: each guest needs five of ours. The supervisor,
/// and so every server, has been started with what was usual.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // A limit that cannot be raised is met where a guest cannot be started.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}

/// How the servers are once each has connected or failed, or after `patience`.
///
/// A server whose tools are in the cache is settled enough for a program, but not for a person who
/// asks how it is, and one that fails is soon connecting again: so the first outcome of each is kept.
pub(crate) async fn tried(gateway: &Gateway, patience: Duration) -> Vec<Health> {
    let deadline = Instant::now() + patience;
    let mut outcomes: BTreeMap<String, Health> = BTreeMap::new();
    loop {
        let mut waiting = false;
        for health in gateway.health() {
            let known = outcomes.get(&health.name);
            if known.is_none_or(|known| known.state == "connecting") {
                waiting |= health.state == "connecting";
                outcomes.insert(health.name.clone(), health);
            }
        }
        if !waiting || Instant::now() > deadline {
            return outcomes.into_values().collect();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for what needs the servers; meanwhile tells a person at a terminal which ones connect.
pub(crate) async fn settled<T>(
    gateway: &Gateway,
    quiet: bool,
    waited: impl Future<Output = T>,
) -> T {
    /// What is over sooner needs no explanation.
    const UNNOTICED: Duration = Duration::from_millis(300);
    const TICK: Duration = Duration::from_millis(100);

    if quiet || !std::io::stderr().is_terminal() {
        return waited.await;
    }
    let mut waited = std::pin::pin!(waited);
    if let Ok(outcome) = tokio::time::timeout(UNNOTICED, &mut waited).await {
        return outcome;
    }
    let style = ProgressStyle::with_template("{spinner} {wide_msg}").expect("a template");
    let mut shown: Option<ProgressBar> = None;
    let outcome = loop {
        let health = gateway.health();
        let connecting: Vec<&str> = health
            .iter()
            .filter(|server| server.state == "connecting")
            .map(|server| &server.name[..])
            .collect();
        if connecting.is_empty() {
            if let Some(bar) = shown.take() {
                bar.finish_and_clear();
            }
        } else {
            let bar =
                shown.get_or_insert_with(|| ProgressBar::new_spinner().with_style(style.clone()));
            bar.set_message(format!(
                "{} of {} servers connected; waiting for {}",
                health
                    .iter()
                    .filter(|server| server.state == "ready")
                    .count(),
                health.len(),
                connecting.join(", ")
            ));
            bar.tick();
        }
        if let Ok(outcome) = tokio::time::timeout(TICK, &mut waited).await {
            break outcome;
        }
    };
    if let Some(bar) = shown {
        bar.finish_and_clear();
    }
    outcome
}

/// What a person who has no servers is told.
pub(crate) fn no_servers(started: &Started) -> String {
    let mut text = String::from("no servers are configured; looked for:\n");
    for file in &started.settings.looked_for {
        let found = if started.settings.sources.contains(file) {
            "names none"
        } else {
            "not there"
        };
        text.push_str(&format!("  {} ({found})\n", file.display()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    text.push_str(&format!("PATH: {}\n", path.to_string_lossy()));
    text.push_str(&match started.settings.sources.last() {
        Some(file) => format!(
            "next: add an [upstream.NAME] with `command` or `url` to {}\n",
            file.display()
        ),
        None => "next: toolmill init    writes a file of examples\n".to_owned(),
    });
    text
}

/// Whether to colour what goes there.
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// How wide the terminal is that standard output leads to, if it leads to one.
pub(crate) fn terminal_width() -> Option<usize> {
    const USUAL: usize = 80;
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let told = std::env::var("COLUMNS")
        .ok()
        .and_then(|width| width.parse().ok());
    let asked = || rustix::termios::tcgetwinsize(&stdout).ok();
    told.or_else(|| asked().map(|size| usize::from(size.ws_col)))
        .filter(|width| *width > 0)
        .or(Some(USUAL))
}

/// `toolmill completions`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "toolmill", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

fn config(settings: &Settings, places: &Places) -> Config {
    Config {
        upstreams: settings.upstreams.clone(),
        rules: settings.rules.clone(),
        limits: settings.limits.clone(),
        state: places.state_dir.clone(),
        workspaces: places.workspaces(),
        python: settings.python.clone(),
        project: places.working_directory.clone(),
        usage: settings.search_usage.unwrap_or(true),
        learn: settings.learn.unwrap_or(true),
        model: settings.search_model.clone(),
        require: settings.require,
        path: std::env::var_os("PATH").unwrap_or_default(),
    }
}

/// Reads the settings again and has a gateway take up its new servers; on any error nothing changes.
pub(crate) async fn take_up(
    gateway: &Arc<Gateway>,
    source: &Source,
    places: &Places,
) -> Result<String, String> {
    let settings = load(source, places).map_err(|error| format!("{error:#}"))?;
    let servers = settings.upstreams.len();
    gateway
        .reconfigure(settings.upstreams, settings.rules)
        .await;
    gateway.warn_of_idle_rules();
    Ok(format!("{servers} servers"))
}

/// `toolmill reload`.
pub(crate) fn reload() -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answers = runtime.block_on(control::ask_all(
        &places.runtime_dir,
        &control::Request::Reload,
    ));
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

/// What a server, a program or a file says, as this stream may have it: a terminal must not obey it, and
/// anything else gets it as it is.
pub(crate) fn foreign<'a>(text: &'a str, stream: &impl IsTerminal) -> Cow<'a, str> {
    match stream.is_terminal() {
        true => Cow::Owned(printable_text(text)),
        false => Cow::Borrowed(text),
    }
}

/// Prints what others say to standard output.
pub(crate) fn print_foreign(text: &str) -> Result<()> {
    print(&foreign(text, &std::io::stdout()))
}

/// Prints what others say to standard error.
pub(crate) fn eprint_foreign(text: &str) {
    eprint!("{}", foreign(text, &std::io::stderr()));
}

/// Prints to standard output; a reader that has gone is no error of ours.
pub(crate) fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}
