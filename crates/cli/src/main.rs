//! The `toolmill` binary: which part this process plays, then one function per subcommand.

mod approvals;
mod args;
mod asking;
mod call;
mod client;
mod clients;
mod control;
mod demo;
mod doctor;
mod forget;
mod host;
mod init;
mod list;
mod policy;
mod results;
mod run;
mod sdk;
mod serve;
mod sessions;
mod settings;
mod tools;
mod trace;
mod trust;

use std::process::ExitCode;

use args::Command;
use clap::Parser;

/// Exit codes that scripts may rely on.
mod exit {
    pub(crate) const PROGRAM_FAILED: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const LIMIT: u8 = 3;
    pub(crate) const NO_SANDBOX: u8 = 4;
    pub(crate) const NO_SETTINGS_OR_UPSTREAM: u8 = 5;
    pub(crate) const INTERRUPTED: u8 = 130;
}

fn main() -> ExitCode {
    gateway::enter().unwrap_or_else(host)
}

fn host() -> ExitCode {
    let args = args::Args::parse();
    host::log(args.log);
    let outcome = match args.command {
        Command::Run(run) => run::run(&args.source, run),
        Command::Serve(serve) => serve::run(&args.source, serve),
        Command::Tools(tools) => tools::list(&args.source, tools),
        Command::List(list) => list::run(&args.source, list),
        Command::Call(call) => call::run(&args.source, call),
        Command::Init { path } => init::run(path.as_deref()),
        Command::Client { name } => client::run(&args.source, name),
        Command::Completions { shell } => host::completions(shell),
        Command::Search(search) => tools::search(&args.source, search),
        Command::Sdk(sdk) => sdk::run(&args.source, sdk),
        Command::Doctor { json } => {
            host::with_gateway_to_examine(&args.source, async move |started| {
                Ok(doctor::run(&started.gateway, &started.settings, &started.places, json).await)
            })
        }
        Command::Trust(trust) => host::trust(&args.source, &trust),
        Command::Policy(policy) => policy::run(&args.source, &policy),
        Command::Trace { execution, json } => trace::run(&execution, json),
        Command::Approvals { json } => approvals::run(json),
        Command::Sessions(sessions) => sessions::run(sessions),
        Command::Results(results) => results::run(&results),
        Command::Forget(forget) => forget::run(&forget),
        Command::Reload => host::reload(),
        Command::Demo(demo) => demo::run(&demo),
        Command::DemoGateway => demo::serve_gateway(),
        Command::DemoServer => demo::serve_server(),
    };
    outcome.unwrap_or_else(|error| {
        host::eprint_foreign(&format!("toolmill: {error:#}\n"));
        ExitCode::from(host::exit_code(&error))
    })
}
