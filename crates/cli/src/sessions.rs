//! `toolmill sessions`: what sessions there are, what each holds, and their end.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use gateway::{Gateway, KeptSession, KeptSessions, SessionError};
use serde_json::{Value, json};

use crate::args::{SessionVerb, Sessions};
use crate::control::{self, Outcome, Request};
use crate::doctor::printable;
use crate::exit;
use crate::host::{self, print};
use crate::list::table;
use crate::settings::Places;

/// Of the object that `--json` prints.
const SCHEMA: u32 = 1;
const HEADER: [&str; 6] = ["SESSION", "STATE", "BY", "RUNS", "BYTES", "USED"];
/// What is said later of a session that a person ended.
const REMOVED: &str = "it was removed by `toolmill sessions rm`";

pub(crate) fn run(sessions: Sessions) -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let kept = KeptSessions::new(&places.state_dir, &places.workspaces());
    match sessions.verb {
        None => list(&kept.list(), &sessions),
        Some(SessionVerb::Rm { ids, unused }) => remove(&kept, &places, ids, unused),
    }
}

fn list(all: &[KeptSession], how: &Sessions) -> Result<ExitCode> {
    if how.json {
        let sessions: Vec<Value> = all.iter().rev().map(as_json).collect();
        let report = json!({ "schema": SCHEMA, "sessions": sessions });
        print(&format!("{report}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let shown: Vec<&KeptSession> = all
        .iter()
        .rev()
        .filter(|session| how.all || session.ended.is_none())
        .collect();
    if shown.is_empty() {
        print("no session is kept; `toolmill run --session s_NAME` begins one, and agents do\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(shown.iter().map(|session| row(session)));
    let colours = host::colours(&std::io::stdout());
    let mut text = table(&rows, host::terminal_width(), |row, cell| {
        match colours && row[1] == "open" {
            true => format!("\x1b[32m{cell}\x1b[0m"),
            false => cell,
        }
    });
    let bytes: u64 = shown.iter().map(|session| bytes_of(session)).sum();
    text.push_str(&format!(
        "{} session{}, {}; toolmill sessions rm SESSION ends one\n",
        shown.len(),
        if shown.len() == 1 { "" } else { "s" },
        size(bytes)
    ));
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn state(session: &KeptSession) -> &'static str {
    match (&session.ended, session.open_in) {
        (Some(_), _) => "ended",
        (None, Some(_)) => "open",
        (None, None) => "kept",
    }
}

fn bytes_of(session: &KeptSession) -> u64 {
    session.workspace_bytes + session.results_bytes + session.store_bytes
}

fn row(session: &KeptSession) -> [String; 6] {
    let mut used = format!("{} ago", age(session.used));
    match &session.ended {
        Some(why) => used.push_str(&format!(": {}", printable(why))),
        None => {
            let parts = [
                ("files", session.workspace_bytes),
                ("results", session.results_bytes),
                ("stored", session.store_bytes),
            ];
            let held: Vec<String> = parts
                .iter()
                .filter(|(_, bytes)| *bytes > 0)
                .map(|(what, bytes)| format!("{what} {}", size(*bytes)))
                .collect();
            let held = if held.is_empty() {
                String::new()
            } else {
                format!("; {}", held.join(", "))
            };
            used.push_str(&format!(", opened {} ago{held}", age(session.opened)));
        }
    }
    [
        printable(&session.id),
        state(session).to_owned(),
        printable(&session.face),
        session.executions.to_string(),
        size(bytes_of(session)),
        used,
    ]
}

fn as_json(session: &KeptSession) -> Value {
    let seconds = |time: SystemTime| {
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs()
    };
    json!({
        "id": session.id,
        "state": state(session),
        "face": session.face,
        "process": session.open_in,
        "opened": seconds(session.opened),
        "used": seconds(session.used),
        "executions": session.executions,
        "files": session.workspace_files,
        "workspace_bytes": session.workspace_bytes,
        "results": session.results,
        "results_bytes": session.results_bytes,
        "stored": session.stored,
        "store_bytes": session.store_bytes,
        "ended": session.ended,
    })
}

fn age(since: SystemTime) -> String {
    let seconds = since.elapsed().unwrap_or_default().as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn remove(
    kept: &KeptSessions,
    places: &Places,
    mut ids: Vec<String>,
    unused: bool,
) -> Result<ExitCode> {
    if unused {
        let there = kept.list().into_iter();
        ids = there
            .filter(|session| session.ended.is_none())
            .map(|session| session.id)
            .collect();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut code = ExitCode::SUCCESS;
    for id in ids {
        match runtime.block_on(end(kept, places, &id)) {
            Ok(()) => print(&format!("{id} is ended\n"))?,
            // It is in use, then, which was not asked for.
            Err(_) if unused => {}
            Err(reason) => {
                eprintln!("toolmill: {}", printable(&reason));
                code = ExitCode::from(exit::PROGRAM_FAILED);
            }
        }
    }
    Ok(code)
}

/// Ends a session, by the gateway that has it open if one has.
async fn end(kept: &KeptSessions, places: &Places, id: &str) -> Result<(), String> {
    let process = match kept.end(id, REMOVED) {
        Ok(()) => return Ok(()),
        Err(SessionError::InUse { process, .. }) => process,
        Err(error @ SessionError::Unknown { .. }) => {
            return Err(format!("{error}; next: toolmill sessions"));
        }
        Err(error) => return Err(error.to_string()),
    };
    let request = Request::EndSession(id.to_owned());
    match control::ask_process(&places.runtime_dir, process, &request).await {
        Some(outcome) => outcome.map(drop),
        None => Err(format!(
            "session {id} is open in process {process}, and ends or is closed with it"
        )),
    }
}

/// What a gateway does that is asked to end a session of its own.
pub(crate) fn end_here(gateway: &Gateway, id: &str) -> Outcome {
    gateway
        .end_session(id, REMOVED)
        .map(|()| format!("{id} is ended"))
}
