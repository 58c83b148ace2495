//! `toolmill trace`: what one execution did, from the journal.

use std::process::ExitCode;

use anyhow::Result;
use journal::{Entry, Event};

use crate::host::{print_foreign, terminal_width};
use crate::settings::Places;

pub(crate) fn run(execution: &str, json: bool) -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let entries = journal::trace(&places.state_dir.join("journal"), execution)?;
    let mut text = String::new();
    for entry in &entries {
        text.push_str(&if json {
            serde_json::to_string(entry)?
        } else {
            folded(&line(entry), terminal_width())
        });
        text.push('\n');
    }
    print_foreign(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// A line that goes on below, where the terminal ends. Nothing of it is left out.
fn folded(line: &str, width: Option<usize>) -> String {
    const INDENT: &str = "    ";
    let Some(width) = width.filter(|width| *width > 2 * INDENT.len()) else {
        return line.to_owned();
    };
    let mut text = String::new();
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let long = word.trim_end().chars().count();
        if used > INDENT.len() && used + long > width {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(INDENT);
            used = INDENT.len();
        }
        text.push_str(word);
        used += word.chars().count();
    }
    text
}

fn line(Entry { at, event, .. }: &Entry) -> String {
    let ms = |us: &u64| *us as f64 / 1e3;
    let what = match event {
        Event::ExecutionStarted {
            execution,
            session,
            language,
            code_bytes,
            project: _,
        } => {
            format!("{execution} started: {language}, {code_bytes} bytes, session {session}")
        }
        Event::GuestConfirmed { tier, start_us, .. } => {
            format!("guest confirmed: tier {tier}, {:.1} ms", ms(start_us))
        }
        Event::CallStarted {
            call,
            server,
            tool,
            bytes,
            ..
        } => {
            format!("call {call} sent: {server}.{tool}, {bytes} bytes")
        }
        Event::CallRefused {
            server,
            tool,
            reason,
            ..
        } => format!("not sent: {server}.{tool}: {reason}"),
        Event::ApprovalAsked {
            server,
            tool,
            bytes,
            ..
        } => format!("asked: {server}.{tool}, {bytes} bytes"),
        Event::ApprovalAnswered {
            server,
            tool,
            outcome,
            waited_us,
            ..
        } => format!(
            "answered: {server}.{tool}: {outcome}, {:.1} ms",
            ms(waited_us)
        ),
        Event::CallEnded {
            call,
            outcome,
            bytes,
            duration_us,
            ..
        } => {
            format!(
                "call {call} ended: {outcome}, {bytes} bytes, {:.1} ms",
                ms(duration_us)
            )
        }
        Event::ExecutionEnded {
            outcome,
            calls,
            duration_us,
            guest_us,
            peak_memory_bytes,
            ..
        } => format!(
            "ended: {outcome}, {calls} calls, {:.1} ms of which {:.1} ms its own, {} KiB",
            ms(duration_us),
            ms(guest_us),
            peak_memory_bytes / 1024
        ),
        Event::ExecutionLeft { .. } => "the agent was told that it runs".to_owned(),
        Event::CallsTakenUp { of, calls, .. } => {
            format!("took up {calls} calls of {of}, which were not made again")
        }
        other => format!("{other:?}"),
    };
    format!("{at}  {what}")
}
