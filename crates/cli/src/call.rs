//! `toolmill call`: one tool, without a program around it.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use gateway::suspended::Suspended;
use gateway::{ErrorCode, Face, Gateway, Raise, Session};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::args::{Call, Source};
use crate::host::{self, ExitWith, eprint_foreign, print_foreign};
use crate::{asking, exit, init};

/// Longest arguments, as for a program.
const ARGUMENTS_BYTES: u64 = 1 << 20;

pub(crate) fn run(source: &Source, call: Call) -> Result<ExitCode> {
    let arguments = arguments(&call).context(ExitWith(exit::USAGE))?;
    host::with_gateway(source, async move |started| {
        let gateway = &started.gateway;
        let session = Session::open(gateway, Face::CommandLine);
        let cancel = CancellationToken::new();
        let human = asking::Human::here(call.yes);
        let suspended = human.map(|_| Suspended::new(gateway.waiting()));
        let answer = gateway::call_tool(
            gateway,
            &session,
            &call.tool,
            &arguments,
            call.raw,
            suspended.clone(),
            &cancel,
        );
        let answer = asking::answered(human, suspended, answer);
        let answer = tokio::select! {
            answer = host::settled(gateway, false, answer) => answer,
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(exit::INTERRUPTED)),
        };
        match answer {
            Ok(value) => {
                // A text is shown as it is, as `run` does.
                let text = serde_json::from_str::<String>(&value).unwrap_or(value);
                print_foreign(&format!("{text}\n"))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(raised) => {
                let code = code(gateway, &call.tool, &raised);
                report(&raised, &call.tool, code);
                if started.settings.upstreams.is_empty() {
                    eprint!("{}", host::no_servers(started));
                }
                Ok(ExitCode::from(code))
            }
        }
    })
}

fn arguments(call: &Call) -> Result<Box<RawValue>> {
    let text = match call.arguments.as_deref() {
        None => return Ok(RawValue::from_string("{}".to_owned())?),
        Some("-") => {
            let mut text = String::new();
            let mut input = std::io::stdin().lock().take(ARGUMENTS_BYTES + 1);
            input.read_to_string(&mut text).context("standard input")?;
            if text.len() as u64 > ARGUMENTS_BYTES {
                bail!("the arguments are longer than {ARGUMENTS_BYTES} bytes");
            }
            text
        }
        Some(text) => text.to_owned(),
    };
    let example = format!(
        "write them as one JSON object: toolmill call {} '{{\"name\": \"value\"}}'",
        init::shell_word(call.tool.as_ref())
    );
    RawValue::from_string(text.trim().to_owned())
        .map_err(|error| anyhow!("the arguments are not JSON: {error}; {example}"))
}

fn code(gateway: &Gateway, path: &str, raised: &Raise) -> u8 {
    match raised.code {
        // A server that cannot be reached and was never listed has no tools we know.
        ErrorCode::UnknownTool if is_down(gateway, path) => exit::NO_SETTINGS_OR_UPSTREAM,
        ErrorCode::UnknownTool
        | ErrorCode::UnknownParameter
        | ErrorCode::MissingArgument
        | ErrorCode::AmbiguousArgument
        | ErrorCode::InvalidArgument => exit::USAGE,
        ErrorCode::UpstreamDown | ErrorCode::LoginNeeded => exit::NO_SETTINGS_OR_UPSTREAM,
        ErrorCode::Cancelled => exit::INTERRUPTED,
        code if code.is_limit() => exit::LIMIT,
        _ => exit::PROGRAM_FAILED,
    }
}

/// Whether the server in a path is one whose tools cannot be used now.
fn is_down(gateway: &Gateway, path: &str) -> bool {
    let path = path.trim();
    let path = path.strip_prefix("tools.").unwrap_or(path);
    let same = |one: char, other: char| one == other || (one == '_' && "-.".contains(other));
    gateway.unavailable().iter().any(|(name, _)| {
        path.get(..name.len()).is_some_and(|head| {
            head.chars()
                .zip(name.chars())
                .all(|(one, other)| same(one, other))
        }) && path[name.len()..].starts_with('.')
    })
}

fn report(raised: &Raise, path: &str, code: u8) {
    let message = raised.message.trim_end();
    eprint_foreign(&format!("error {}: {message}\n", raised.code));
    if let Some(fix) = &raised.fix {
        eprint_foreign(&format!("in a program: {fix}\n"));
    }
    if let Some(signature) = &raised.signature {
        eprint_foreign(&format!("signature: {signature}\n"));
    }
    let next = match (code, &raised.tool, &raised.server) {
        (exit::NO_SETTINGS_OR_UPSTREAM, ..) => "toolmill list".to_owned(),
        (exit::USAGE, Some(tool), Some(server)) => {
            let name = tool.split_once('.').map_or(&tool[..], |(_, name)| name);
            format!("toolmill search --server {server} --detail full --limit 1 {name}")
        }
        _ if raised.code == ErrorCode::ApprovalNeeded => {
            "the same with --yes, or at a terminal".to_owned()
        }
        (exit::USAGE, ..) => {
            let words = path
                .rsplit('.')
                .next()
                .unwrap_or(path)
                .replace(['_', '-'], " ");
            format!("toolmill search {}", init::shell_word(words.as_ref()))
        }
        _ => return,
    };
    eprint_foreign(&format!("next: {next}\n"));
}
