//! `toolmill run`: one program, from a file or standard input.

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use gateway::execute::{self, Execution, Language, Request};
use gateway::show::Shown;
use gateway::suspended::Suspended;
use gateway::{Face, Session, output};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::args::{Run, Source};
use crate::host::{self, ExitWith, eprint_foreign, print_foreign};
use crate::{asking, exit};

/// Longest program, as for agents.
const CODE_BYTES: u64 = 1 << 20;

pub(crate) fn run(source: &Source, run: Run) -> Result<ExitCode> {
    let mut request = request(&run).context(ExitWith(exit::USAGE))?;
    let human = asking::Human::here(run.yes);
    host::with_gateway(source, async move |started| {
        let session = match &run.session {
            None => Session::open(&started.gateway, Face::CommandLine),
            Some(id) => Session::named(&started.gateway, id).map_err(|error| anyhow!(error))?,
        };
        let cancel = CancellationToken::new();
        request.suspended = human.map(|_| Suspended::new(started.gateway.waiting()));
        let suspended = request.suspended.clone();
        let execution = execute::execute(&started.gateway, &session, request, &cancel);
        let execution = tokio::select! {
            execution = asking::answered(human, suspended, execution) => execution,
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(exit::INTERRUPTED)),
        };
        if run.json {
            print_foreign(&format!("{}\n", as_json(&execution)))?;
        } else {
            show(&execution)?;
            for file in &execution.shown {
                eprint_foreign(&where_shown(file, run.session.as_deref()));
            }
        }
        Ok(ExitCode::from(code(&execution)))
    })
}

fn request(run: &Run) -> Result<Request> {
    let language = match &run.language {
        Some(name) => Some(Language::parse(name).ok_or_else(|| {
            anyhow!("unknown language {name:?}; use python, typescript or javascript")
        })?),
        None => run
            .file
            .extension()
            .and_then(|extension| extension.to_str())
            .and_then(|extension| match extension {
                "py" => Some(Language::Python),
                "ts" | "mts" => Some(Language::TypeScript),
                "js" | "mjs" => Some(Language::JavaScript),
                _ => None,
            }),
    };
    if let Some(session) = &run.session
        && !session
            .strip_prefix("s_")
            .is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        bail!("{session:?} is not a session's id; `run --json` prints it as `session`");
    }
    let own_time = match run.timeout {
        None => None,
        Some(seconds) => Some(
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|time| !time.is_zero())
                .ok_or_else(|| anyhow!("--timeout must be a number of seconds above 0"))?,
        ),
    };
    Ok(Request {
        code: code_of(run)?,
        language,
        own_time,
        dry_run: run.dry_run,
        suspended: None,
    })
}

fn code_of(run: &Run) -> Result<String> {
    let mut bytes = Vec::new();
    let from = run.file.display();
    if run.file.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(CODE_BYTES + 1)
            .read_to_end(&mut bytes)
            .context("standard input")?;
    } else {
        let file =
            std::fs::File::open(&run.file).with_context(|| format!("{from} cannot be read"))?;
        file.take(CODE_BYTES + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("{from} cannot be read"))?;
    }
    if bytes.len() as u64 > CODE_BYTES {
        bail!("the program is longer than {CODE_BYTES} bytes");
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("{from} is not UTF-8"))
}

fn code(execution: &Execution) -> u8 {
    use gateway::ErrorCode::*;
    match &execution.done.error {
        None => 0,
        Some(error) if error.code.is_limit() => exit::LIMIT,
        Some(error) => match error.code {
            Sandbox => exit::NO_SANDBOX,
            UpstreamDown => exit::NO_SETTINGS_OR_UPSTREAM,
            Cancelled => exit::INTERRUPTED,
            _ => exit::PROGRAM_FAILED,
        },
    }
}

/// For people: what it printed and its value on standard output, all else on standard error.
fn show(execution: &Execution) -> Result<()> {
    print_foreign(&execution.stdout.text())?;
    eprint_foreign(&execution.stderr.text());
    if execution.done.error.is_some() {
        let answer = output::answer(execution, &output::Style::default());
        // The printed part has just been shown whole.
        let error = answer.text.split("\n--- std").next().unwrap_or_default();
        eprint_foreign(&format!("{error}\n"));
        let code = execution.done.error.as_ref().map(|error| error.code);
        if code == Some(gateway::ErrorCode::ApprovalNeeded) {
            eprintln!("next: the same with --yes, or at a terminal");
        }
        return Ok(());
    }
    for note in &execution.done.notes {
        eprint_foreign(&format!("note: {note}\n"));
    }
    if let Some(text) = output::would_call(execution, usize::MAX) {
        eprint_foreign(&text);
    }
    if let Some(value) = &execution.done.value {
        let text =
            serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned());
        print_foreign(&format!("{text}\n"))?;
    }
    Ok(())
}

/// What a person is told of a file that the program showed.
fn where_shown(file: &Shown, session: Option<&str>) -> String {
    let Shown {
        id,
        mime_type,
        bytes,
        ..
    } = file;
    let next = match session {
        Some(session) => format!("toolmill results {id} --session {session} > FILE"),
        None => "run it with --session s_NAME, which keeps it".to_owned(),
    };
    format!("shown: {mime_type}, {bytes} bytes; next: {next}\n")
}

fn as_json(execution: &Execution) -> Value {
    let done = &execution.done;
    json!({
        "ok": done.error.is_none(),
        "value": done.value,
        "stdout": execution.stdout.text(),
        "stderr": execution.stderr.text(),
        "error": done.error.as_ref().map(|error| json!({
            "code": error.code,
            "message": error.message,
            "line": error.line,
            "column": error.column,
            "hint": error.hint,
            "fix": error.fix,
        })),
        "notes": done.notes,
        "would_call": execution.dry_run.as_ref().map(|dry_run| json!({
            "calls": dry_run.calls,
            "count": dry_run.count,
        })),
        "shown": execution.shown.iter().map(|file| json!({
            "id": file.id,
            "mimeType": file.mime_type,
            "bytes": file.bytes,
        })).collect::<Vec<_>>(),
        "calls": execution.calls.iter().map(|call| json!({
            "tool": call.tool,
            "ok": call.outcome.is_ok(),
            "ms": call.duration.as_secs_f64() * 1e3,
            "bytes": call.bytes,
        })).collect::<Vec<_>>(),
        "language": execution.language.as_str(),
        "duration_ms": execution.duration.as_secs_f64() * 1e3,
        "tier": execution.tier.map(sandbox::Tier::as_str),
        "execution": execution.id,
        "session": execution.session,
    })
}
