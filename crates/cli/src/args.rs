//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// One binary between an AI agent and its MCP servers.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  toolmill doctor                          check the sandbox and the servers
  toolmill search \"list issues\"            find tools
  echo 'tools.fs.list_directory(path=\".\")' | toolmill run -
  toolmill serve                           serve an agent over standard input and output"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Log to standard error: off, error, warn, info, debug or trace
    #[arg(
        long,
        global = true,
        default_value = "warn",
        value_name = "LEVEL",
        env = "TOOLMILL_LOG"
    )]
    pub(crate) log: tracing::level_filters::LevelFilter,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where settings come from.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Source {
    /// Read settings from this file alone
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Start servers that files in the working directory name without asking (for scripts)
    #[arg(long, global = true)]
    pub(crate) trust: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program in the sandbox; its calls go to the configured servers
    #[command(after_help = "Examples:
  toolmill run report.py
  toolmill run --json --timeout 5 report.ts
  echo '1 + 1' | toolmill run -

Exit codes: 0 ok, 1 the program failed, 2 usage, 3 a limit, 4 no sandbox, 5 no usable settings or server, 130 interrupted")]
    Run(Run),
    /// Serve an agent by MCP, over standard input and output or over HTTP
    #[command(after_help = "Examples:
  toolmill serve
  toolmill serve --http 127.0.0.1:8722")]
    Serve(Serve),
    /// List the servers and their tools
    Tools(Tools),
    /// Find tools
    #[command(after_help = "Examples:
  toolmill search \"create issue\" \"send message\"
  toolmill search --server github --detail full \"merge\"")]
    Search(Search),
    /// Try each layer of the sandbox, list interpreters and servers, and say how to mend what fails
    Doctor {
        #[arg(long)]
        json: bool,
    },
    /// Agree to the servers that files in the working directory name
    Trust(Trust),
    /// Show what one execution did
    Trace {
        /// An execution's id as `run --json` prints it, or `last`
        execution: String,
        #[arg(long)]
        json: bool,
    },
    /// Have every running gateway of yours read its settings again
    Reload,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// The program, or `-` for standard input
    pub(crate) file: PathBuf,
    /// python, typescript or javascript; by default from the file's name, then from the code
    #[arg(long)]
    pub(crate) language: Option<String>,
    /// Limit of the program's own time in seconds, calls not counted
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,
    /// Keep the workspace under this id (`s_` and letters or digits), or find it again from an earlier run
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// Print everything about the run as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Serve streamable HTTP on this loopback address instead
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) http: Option<std::net::SocketAddr>,
    /// Serve HTTP without a bearer token (test suites on loopback only)
    #[arg(long, requires = "http")]
    pub(crate) no_token: bool,
    /// Answer with values as structured content, for a caller that is itself a program
    #[arg(long)]
    pub(crate) structured: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tools {
    /// Only this server's
    pub(crate) server: Option<String>,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Search {
    /// One phrase a step of the task
    #[arg(required = true)]
    pub(crate) queries: Vec<String>,
    /// Only this server's tools
    #[arg(long)]
    pub(crate) server: Option<String>,
    #[arg(long, default_value = "signature", value_parser = ["name", "description", "signature", "full"])]
    pub(crate) detail: String,
    #[arg(long, default_value_t = 5)]
    pub(crate) limit: usize,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Trust {
    /// Servers to agree to; all that wait, by default
    pub(crate) names: Vec<String>,
    /// Agree without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Take an agreement back
    #[arg(long, value_name = "NAME", conflicts_with = "yes")]
    pub(crate) revoke: Option<String>,
}
