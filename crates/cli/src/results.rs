//! `toolmill results`: what sessions keep, for a person.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ::results::{Content, Kept, Quota, Stored};
use anyhow::{Context as _, Result, anyhow, bail};
use gateway::KeptSessions;
use serde_json::json;

use crate::args::Results;
use crate::doctor::printable;
use crate::exit;
use crate::host::{ExitWith, foreign, print, terminal_width};
use crate::list::table;
use crate::settings::Places;

/// What is read and printed at once.
const PIECE_BYTES: u64 = 1 << 20;
/// A media type may be longer than a terminal.
const TYPE_CHARACTERS: usize = 28;

pub(crate) fn run(args: &Results) -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let folder = places.state_dir.join("results");
    let sessions = match &args.session {
        Some(session) => vec![known(&places, &folder, session)?],
        None => ::results::sessions(&folder)?,
    };
    let Some(id) = &args.id else {
        return list(&folder, &sessions, args.json);
    };
    let session = session_of(&folder, sessions, id)?;
    let results = ::results::Results::of_session(&folder, &session, Quota::default());
    if args.remove {
        if !results.forget(id)? {
            bail!("session {session} keeps no {id}; next: toolmill results --session {session}");
        }
        print(&format!("removed {id} of session {session}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let stored = results.open(id).map_err(|error| {
        anyhow!("{error}; next: toolmill results --session {session}    lists what it keeps")
    })?;
    let range = args.from.unwrap_or(0)..args.to.unwrap_or(u64::MAX);
    let outcome = if stored.kept().content.kind().is_some() {
        file(&stored, args, &session, range)
    } else {
        value(&stored, args, range)
    };
    match outcome {
        // A reader that has gone is no error of ours.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome.map(|()| ExitCode::SUCCESS),
    }
}

/// A session's id, once it is known that there is one, whether or not it keeps something.
fn known(places: &Places, folder: &Path, session: &str) -> Result<String> {
    let is_there = || {
        let kept = KeptSessions::new(&places.state_dir, &places.workspaces());
        kept.list().iter().any(|kept| kept.id == session)
    };
    let keeps = ::results::sessions(folder)?
        .iter()
        .any(|kept| kept == session);
    if keeps || is_there() {
        return Ok(session.to_owned());
    }
    Err(anyhow!(
        "no session {session:?} keeps results; next: toolmill results    lists those that do"
    )
    .context(ExitWith(exit::USAGE)))
}

/// The one session that keeps a result of this name.
fn session_of(folder: &Path, sessions: Vec<String>, id: &str) -> Result<String> {
    let named = sessions.len() == 1;
    let mut having: Vec<String> = Vec::new();
    for session in sessions {
        let results = ::results::Results::of_session(folder, &session, Quota::default());
        if named || results.list()?.iter().any(|kept| kept.id() == id) {
            having.push(session);
        }
    }
    let problem = match &having[..] {
        [session] => return Ok(session.clone()),
        [] => {
            bail!("no session keeps a result {id:?}; next: toolmill results    lists what is kept")
        }
        [first, ..] => format!(
            "{} sessions keep a result {id:?}: {}; next: toolmill results {id} --session {first}",
            having.len(),
            having.join(", ")
        ),
    };
    Err(anyhow!(problem).context(ExitWith(exit::USAGE)))
}

fn list(folder: &Path, sessions: &[String], as_json: bool) -> Result<ExitCode> {
    let mut all: Vec<(&String, Kept)> = Vec::new();
    for session in sessions {
        let results = ::results::Results::of_session(folder, session, Quota::default());
        all.extend(results.list()?.into_iter().map(|kept| (session, kept)));
    }
    if as_json {
        let all: Vec<_> = all
            .iter()
            .map(|(session, kept)| {
                json!({
                    "session": session,
                    "id": kept.id(),
                    "type": type_of(kept),
                    "bytes": kept.bytes,
                    "age_seconds": age(kept).as_secs(),
                })
            })
            .collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some((session, kept)) = all.last() else {
        print(
            "no results are kept; programs' values that are too large for an answer are, for 24 h\n",
        )?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut rows = vec![["SESSION", "RESULT", "TYPE", "BYTES", "AGE"].map(str::to_owned)];
    for (session, kept) in &all {
        let kind: String = type_of(kept).chars().take(TYPE_CHARACTERS).collect();
        rows.push([
            printable(session),
            kept.id(),
            printable(&kind),
            kept.bytes.to_string(),
            short(age(kept)),
        ]);
    }
    let mut text = table(&rows, terminal_width(), |_, cell| cell);
    text.push_str(&format!(
        "next: toolmill results {} --session {}    prints it\n",
        kept.id(),
        printable(session)
    ));
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn type_of(kept: &Kept) -> &str {
    match &kept.content {
        Content::Json => "json",
        Content::Media(media) => media.as_str(),
    }
}

fn age(kept: &Kept) -> Duration {
    kept.since.elapsed().unwrap_or_default()
}

fn short(age: Duration) -> String {
    match age.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ ..3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// Prints bytes, which are nothing for a terminal.
fn file(stored: &Stored, args: &Results, session: &str, range: std::ops::Range<u64>) -> Result<()> {
    let kept = stored.kept();
    let id = kept.id();
    if args.at.is_some() {
        bail!(
            "{id} is a file ({}) and has no parts: leave --at out",
            type_of(kept)
        );
    }
    let mut stdout = std::io::stdout().lock();
    if stdout.is_terminal() && !type_of(kept).starts_with("text/") {
        bail!(
            "{id} is a file ({}) of {} bytes; next: toolmill results {id} --session {session} > FILE",
            type_of(kept),
            kept.bytes
        );
    }
    let mut at = range.start;
    while at < range.end.min(kept.bytes) {
        let bytes = stored.bytes(at..range.end.min(at + PIECE_BYTES))?;
        at += bytes.len() as u64;
        match stdout.is_terminal() {
            true => {
                let text = String::from_utf8_lossy(&bytes);
                stdout.write_all(foreign(&text, &stdout).as_bytes())?;
            }
            false => stdout.write_all(&bytes)?,
        }
    }
    stdout.flush()?;
    Ok(())
}

/// Prints a text as it is, anything else as JSON.
fn value(stored: &Stored, args: &Results, range: std::ops::Range<u64>) -> Result<()> {
    let part = stored.part(args.at.as_deref().unwrap_or_default())?;
    let mut stdout = std::io::stdout().lock();
    let is_sliced = args.from.is_some() || args.to.is_some();
    if part.kind() == "string" && !args.json {
        let mut at = range.start;
        loop {
            let slice = part.slice(at..range.end, PIECE_BYTES, u64::MAX)?;
            let text = slice.text().context("it is damaged")?;
            stdout.write_all(foreign(&text, &stdout).as_bytes())?;
            at = slice.end;
            if slice.is_last || at >= range.end {
                break;
            }
        }
        return Ok(stdout.flush()?);
    }
    let json = match is_sliced {
        true => part.slice(range, u64::MAX, u64::MAX)?.json,
        false => part.json(u64::MAX)?,
    };
    match stdout.is_terminal() {
        true => {
            let json = String::from_utf8_lossy(&json);
            stdout.write_all(foreign(&json, &stdout).as_bytes())?;
        }
        false => stdout.write_all(&json)?,
    }
    stdout.write_all(b"\n")?;
    Ok(stdout.flush()?)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
