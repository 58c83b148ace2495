//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::client::Client;

/// One binary between an AI agent and its MCP servers.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  toolmill init                            write a settings file to start from
  toolmill list                            the servers, their state and their cost in tokens
  toolmill client                          what your agent has to be told
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
    /// List the servers: state, era, tools, estimated tokens, and why one cannot be used
    #[command(after_help = "Examples:
  toolmill list
  toolmill list --json | jq '.servers[] | select(.state != \"ready\")'

Exit codes: 0 a server is ready or none is configured, 5 none of those configured is ready")]
    List(List),
    /// List the servers and their tools
    #[command(after_help = "Examples:
  toolmill tools
  toolmill tools github
  toolmill tools --json | jq '.[].tools[].name'")]
    Tools(Tools),
    /// Call one tool, without a program
    #[command(after_help = "Examples:
  toolmill call github.get_issue '{\"owner\": \"o\", \"repo\": \"r\", \"issue_number\": 17}'
  echo '{\"path\": \".\"}' | toolmill call fs.list_directory -

Exit codes: 0 ok, 1 the tool failed, 2 usage, an unknown tool or wrong arguments, 3 a limit, 5 its server is down, 130 interrupted")]
    Call(Call),
    /// Find tools
    #[command(after_help = "Examples:
  toolmill search \"create issue\" \"send message\"
  toolmill search --server github --detail full \"merge\"
  toolmill search --explain --limit 3 \"close ticket\"   which word of which field counted what
  toolmill search --json \"create issue\" | jq '.[0].path'")]
    Search(Search),
    /// Write the tools as typed declarations, for editors and type checkers
    #[command(after_help = "Examples:
  toolmill sdk > tools.pyi
  toolmill sdk --language typescript --server github
  toolmill sdk --out types/                both tools.pyi and tools.d.ts")]
    Sdk(Sdk),
    /// Write a settings file in which everything is an example
    #[command(after_help = "Examples:
  toolmill init
  toolmill init --path ./toolmill.toml")]
    Init {
        /// Write this file, not the user's own
        #[arg(long, value_name = "FILE")]
        path: Option<PathBuf>,
    },
    /// Print what an agent has to be told to use this toolmill; without a name, the names
    #[command(after_help = "Examples:
  toolmill client claude-code
  toolmill client cursor > .cursor/mcp.json")]
    Client { name: Option<Client> },
    /// Print the script by which a shell completes our commands
    #[command(after_help = "Examples:
  toolmill completions bash > ~/.local/share/bash-completion/completions/toolmill
  toolmill completions zsh > ~/.zfunc/_toolmill
  toolmill completions fish > ~/.config/fish/completions/toolmill.fish")]
    Completions { shell: clap_complete::Shell },
    /// Try each layer of the sandbox, list interpreters and servers, and say how to mend what fails
    #[command(after_help = "Examples:
  toolmill doctor
  toolmill doctor --json | jq .servers")]
    Doctor {
        /// Print everything as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Agree to the servers that files in the working directory name
    #[command(after_help = "Examples:
  toolmill trust
  toolmill trust --yes github
  toolmill trust --revoke github")]
    Trust(Trust),
    /// Say of each tool whether its calls are allowed, ask a human first or are denied, and why
    #[command(after_help = "Examples:
  toolmill policy
  toolmill policy github.delete_repo            every rule that fits, and which one decides
  toolmill policy --allow github.delete_repo    from now on without asking
  toolmill policy --forget github.delete_repo
  toolmill policy --json | jq '.tools[] | select(.policy != \"allow\")'")]
    Policy(Policy),
    /// Show what one execution did
    #[command(after_help = "Examples:
  toolmill trace last
  toolmill trace x_0f8kq2m4c6wtb1hz --json")]
    Trace {
        /// An execution's id as `run --json` prints it, or `last`
        execution: String,
        #[arg(long)]
        json: bool,
    },
    /// Answer what programs wait for: calls that need an approval, and what servers ask
    #[command(after_help = "Examples:
  toolmill approvals
  toolmill approvals --json | jq '.[].asks'

It asks at a terminal and wants one. Exit codes: 0 ok, 1 a gateway did not take the answer")]
    Approvals {
        /// Only list them, as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the sessions of agents and of `run --session`: files, results, stored values; or end some
    #[command(after_help = "Examples:
  toolmill sessions
  toolmill sessions --json | jq '.sessions[] | select(.state == \"kept\")'
  toolmill sessions rm s_0f8kq2m4c6wtb1hz
  toolmill sessions rm --unused

Exit codes: 0 ok, 1 one could not be ended, 2 usage")]
    Sessions(Sessions),
    /// List what sessions keep: values too large for an answer, files of results; or print one
    #[command(after_help = "Examples:
  toolmill results
  toolmill results r_9 --session s_0f8kq2m4c6wtb1hz
  toolmill results r_9 --at /items/0/name
  toolmill results r_9 --from 0 --to 100     elements, members, characters, or bytes of a file
  toolmill results r_3 > picture.png
  toolmill results r_9 --remove")]
    Results(Results),
    /// Drop what was learned of the results of a server, of a tool, or of all
    #[command(after_help = "Examples:
  toolmill forget
  toolmill forget github
  toolmill forget github.get_issue --json")]
    Forget(Forget),
    /// Have every running gateway of yours read its settings again
    #[command(after_help = "Example:
  toolmill reload")]
    Reload,
    /// See programs do the work of calls, on tools that this binary brings along, and what it saves
    #[command(after_help = "Examples:
  toolmill demo
  toolmill demo --json --language typescript")]
    Demo(Demo),
    /// The gateway of `toolmill demo`
    #[command(hide = true)]
    DemoGateway,
    /// The MCP server of `toolmill demo`
    #[command(hide = true)]
    DemoServer,
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
    /// Make only calls that a trusted server marks read-only, and list the others
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Approve every call that needs a human's approval
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Print everything about the run as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Sessions {
    /// Also those that have ended, with why
    #[arg(long)]
    pub(crate) all: bool,
    /// Print them as one JSON object, those that have ended among them
    #[arg(long)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) verb: Option<SessionVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionVerb {
    /// End sessions: their files, results and stored values are gone
    Rm {
        /// As `toolmill sessions` lists them
        #[arg(required_unless_present = "unused", value_name = "SESSION")]
        ids: Vec<String>,
        /// All that no process has open
        #[arg(long, conflicts_with = "ids")]
        unused: bool,
    },
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
pub(crate) struct List {
    /// How long servers may take to connect
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub(crate) wait: u64,
    /// Print it as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Call {
    /// The tool's path as `toolmill search` prints it, with or without `tools.`
    pub(crate) tool: String,
    /// Its arguments as a JSON object, or `-` for standard input; none by default
    #[arg(value_name = "JSON")]
    pub(crate) arguments: Option<String>,
    /// Approve the call if it needs a human's approval
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print the whole result, not the value in it
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Results {
    /// The handle of a result, as answers name it; lists them by default
    pub(crate) id: Option<String>,
    /// The session that keeps it; needed where several have one of this name
    #[arg(long, value_name = "SESSION")]
    pub(crate) session: Option<String>,
    /// A part of it, by JSON pointer
    #[arg(long, value_name = "POINTER", requires = "id")]
    pub(crate) at: Option<String>,
    /// The first element, member, character or byte to print
    #[arg(long, value_name = "N", requires = "id")]
    pub(crate) from: Option<u64>,
    /// Where to stop, before this one
    #[arg(long, value_name = "N", requires = "id")]
    pub(crate) to: Option<u64>,
    /// Remove it
    #[arg(long, requires = "id", conflicts_with_all = ["at", "from", "to", "json"])]
    pub(crate) remove: bool,
    /// Print the list, or a text, as JSON
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
    /// For each query
    #[arg(long, default_value_t = 5)]
    pub(crate) limit: usize,
    /// Say of each tool which word of which field counted what
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print a list of the tools found, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// Show only the program in this language
    #[arg(long, value_parser = ["python", "typescript"])]
    pub(crate) language: Option<String>,
    /// Print all figures as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Sdk {
    /// By default python; with --out both
    #[arg(long)]
    pub(crate) language: Option<SdkLanguage>,
    /// Only this server's tools
    #[arg(long)]
    pub(crate) server: Option<String>,
    /// Write tools.pyi and tools.d.ts into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum SdkLanguage {
    #[value(alias = "py")]
    Python,
    #[value(alias = "ts")]
    Typescript,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Forget {
    /// A server, or a tool by its path; everything by default
    #[arg(value_name = "SERVER|TOOL")]
    pub(crate) name: Option<String>,
    /// Print what was dropped as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Policy {
    /// Explain this tool
    #[arg(conflicts_with_all = ["allow", "forget"])]
    pub(crate) tool: Option<String>,
    /// Allow a tool for good, as long as its server's stanza and its description stay the same; asks at a terminal
    #[arg(long, value_name = "TOOL", conflicts_with = "json")]
    pub(crate) allow: Option<String>,
    /// Take back what was allowed for good
    #[arg(long, value_name = "TOOL", conflicts_with_all = ["json", "allow"])]
    pub(crate) forget: Option<String>,
    /// Print it as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
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
