//! A program that holds the gateway itself, as an author of agents would: no MCP between.
//!
//! `bench/run --only inside` measures what a run takes here. Arguments: a folder for state, `ready` or
//! `on-demand` (whether guests are prepared before they are asked for), and a stdio server's command
//! with its arguments, known to programs as `bench`. Each line of standard input is an [`Order`]; each
//! is answered by a line with its [`Outcome`].

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use toolmill_gateway::execute::{Language, Request, execute};
use toolmill_gateway::{
    Config, Configured, Face, Gateway, Limits, Session, Stanza, Transport, Validation,
};

/// A program, and how it is to be run.
#[derive(Deserialize)]
struct Order {
    language: String,
    code: String,
    /// How often.
    runs: usize,
    /// How many of them at the same time.
    at_once: usize,
    /// Before each run.
    pause_ms: u64,
}

#[derive(Serialize)]
struct Outcome {
    /// What the last one came to.
    value: Option<Box<RawValue>>,
    error: Option<String>,
    /// Of each run, from the request to its value.
    took_ns: Vec<u64>,
    /// Of all of them.
    whole_ns: u64,
}

fn main() -> ExitCode {
    toolmill_gateway::enter().unwrap_or_else(host)
}

fn host() -> ExitCode {
    // It comes first: a process is forked before there is a second thread.
    let supervisor = sandbox::Supervisor::start().expect("the supervisor starts");
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .expect("STATE ready|on-demand COMMAND ARG…")
    };
    let state = PathBuf::from(next());
    let ready = next() == "ready";
    let command = next();
    let server = Transport::Stdio {
        command,
        args: arguments.collect(),
        env: Vec::new(),
        cwd: None,
    };
    let config = Config {
        upstreams: vec![Configured {
            stanza: Stanza::new("bench", server),
            blocked: None,
            validation: Validation::default(),
            trusted: false,
            own: true,
            hash: String::new(),
        }],
        rules: toolmill_gateway::policy::Rules::default(),
        limits: Limits::default(),
        workspaces: state.join("workspaces"),
        project: state.clone(),
        usage: true,
        learn: true,
        model: None,
        state,
        python: Vec::new(),
        path: std::env::var_os("PATH").unwrap_or_default(),
        require: sandbox::Tier::Strict,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let gateway = Gateway::start(config, supervisor).await;
        if ready {
            gateway.expect_more();
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        gateway.settled(deadline).await;
        let session = Session::open(&gateway, Face::Embedded);
        let mut orders = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = orders.next_line().await.expect("standard input is read") {
            let order = serde_json::from_str(&line).expect("a line is an order");
            let outcome = carry_out(&gateway, &session, &order).await;
            println!("{}", serde_json::to_string(&outcome).expect("it is JSON"));
        }
        drop(session);
        gateway.stop().await;
    });
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

async fn carry_out(gateway: &Arc<Gateway>, session: &Arc<Session>, order: &Order) -> Outcome {
    let mut outcome = Outcome {
        value: None,
        error: None,
        took_ns: Vec::new(),
        whole_ns: 0,
    };
    let begun = Instant::now();
    let mut running = JoinSet::new();
    let mut left = order.runs;
    loop {
        while left > 0 && running.len() < order.at_once {
            left -= 1;
            let (gateway, session) = (gateway.clone(), session.clone());
            let request = Request {
                code: order.code.clone(),
                language: Language::parse(&order.language),
                own_time: None,
                ..Request::default()
            };
            let pause = Duration::from_millis(order.pause_ms);
            running.spawn(async move {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                let begun = Instant::now();
                let cancel = CancellationToken::new();
                let execution = execute(&gateway, &session, request, &cancel).await;
                (begun.elapsed(), execution.done)
            });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let (took, done) = ended.expect("a run does not panic");
        outcome.took_ns.push(took.as_nanos() as u64);
        outcome.value = done.value;
        if let Some(error) = done.error {
            outcome.error = Some(error.message);
        }
    }
    outcome.whole_ns = begun.elapsed().as_nanos() as u64;
    outcome
}
