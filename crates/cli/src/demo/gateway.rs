//! The gateway of the demo: as `toolmill serve`, but its one server is this binary's own, and
//! nobody's settings are read.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use gateway::server::{Reader, serve_stdio};
use gateway::{Config, Configured, Gateway, Limits, Stanza, Transport, Validation};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::exit;
use crate::host::ExitWith;
use crate::settings::{DEPTH, Places};

/// The name under which programs find the server's tools: `tools.demo`.
const SERVER: &str = "demo";
const PATIENCE: Duration = Duration::from_secs(10);

/// `toolmill demo-gateway`: serves until its standard input ends.
pub(crate) fn serve() -> Result<ExitCode> {
    // Before this process has a second thread.
    let supervisor = sandbox::Supervisor::start().context(ExitWith(exit::NO_SANDBOX))?;
    let config = config()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let gateway = Gateway::start(config, supervisor).await;
        // What an agent is told at its start names the tools, which must not depend on who is faster.
        gateway.settled(Instant::now() + PATIENCE).await;
        let served = serve_stdio(gateway.clone(), Reader::Model, CancellationToken::new()).await;
        gateway.stop().await;
        served
    });
    // A blocking read of standard input cannot be cancelled; the process ends without it.
    runtime.shutdown_background();
    served.map_err(|error| anyhow!("the demo could not be served: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

fn config() -> Result<Config> {
    let places = Places::from_environment()?;
    let ourselves = std::env::current_exe()?
        .into_os_string()
        .into_string()
        .map_err(|path| anyhow!("{} is not UTF-8", path.display()))?;
    let server = Stanza::new(
        SERVER,
        Transport::Stdio {
            command: ourselves,
            args: vec!["demo-server".to_owned()],
            env: vec![(DEPTH.to_owned(), "1".to_owned())],
            cwd: None,
        },
    );
    Ok(Config {
        upstreams: vec![Configured {
            stanza: server,
            blocked: None,
            validation: Validation::default(),
            trusted: false,
            own: true,
            hash: String::new(),
        }],
        rules: gateway::policy::Rules::default(),
        limits: Limits::default(),
        workspaces: places.workspaces(),
        project: places.working_directory,
        // It shows the same to everybody.
        usage: false,
        learn: false,
        model: None,
        state: places.state_dir,
        python: Vec::new(),
        require: sandbox::Tier::Strict,
        path: std::env::var_os("PATH").unwrap_or_default(),
    })
}
