//! `toolmill approvals`: what programs wait for, answered by a human at a terminal.
//!
//! It asks every gateway of this user. It wants a terminal, so that what an agent pipes into it is no
//! answer; an agent that may start a terminal of its own under this user is not kept out by that.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use gateway::asking::{Decision, OpenQuestion, line};
use serde::Serialize;

use crate::asking::{self, Human, Talk, Terminal};
use crate::control::{self, Request};
use crate::exit;
use crate::host::print;
use crate::settings::Places;

/// A question, and the gateway that has it.
#[derive(Serialize)]
struct Found {
    gateway: u32,
    #[serde(flatten)]
    open: OpenQuestion,
}

pub(crate) fn run(json: bool) -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let look = || runtime.block_on(open_questions(&places));
    let (mut questions, mut code) = look();
    if json {
        print(&format!("{}\n", visible(&questions)?))?;
        return Ok(code);
    }
    if questions.is_empty() {
        print("no program waits for a human\n")?;
        return Ok(code);
    }
    if Human::here(false).is_none() {
        bail!(
            "{} for a human, and there is no terminal here to ask one; \
             type `toolmill approvals` at a terminal, or list them with --json",
            count(questions.len())
        );
    }
    let mut terminal = Terminal { may_leave: true };
    let mut seen = Vec::new();
    while let Some(at) = questions
        .iter()
        .position(|found| !seen.contains(&(found.open.execution.clone(), found.open.number)))
    {
        let Found { gateway, open } = questions.swap_remove(at);
        seen.push((open.execution.clone(), open.number));
        terminal.say(&heading(gateway, &open));
        let Some(replies) = asking::ask(&mut terminal, &open.asks) else {
            terminal.say("it stays open\n");
            continue;
        };
        let decision = Decision {
            execution: open.execution,
            number: open.number,
            replies,
        };
        let decided = runtime.block_on(control::ask_process(
            &places.runtime_dir,
            gateway,
            &Request::Decide(decision),
        ));
        match decided.unwrap_or_else(|| Err("its gateway has ended".to_owned())) {
            Ok(_) => terminal.say("answered\n"),
            Err(error) => {
                terminal.say(&format!("not answered: {}\n", line(&error, 400)));
                code = ExitCode::from(exit::PROGRAM_FAILED);
            }
        }
        // More may have been asked meanwhile.
        questions = look().0;
    }
    Ok(code)
}

fn count(questions: usize) -> String {
    match questions {
        1 => "1 program waits".to_owned(),
        more => format!("{more} programs wait"),
    }
}

fn heading(gateway: u32, open: &OpenQuestion) -> String {
    let left = Duration::from_secs(open.seconds_left).as_secs();
    format!(
        "\nprogram {} in {} (gateway {gateway}) waits, for {} min {} s more\n",
        line(&open.short, 20),
        line(&open.project, 200),
        left / 60,
        left % 60
    )
}

/// The questions of all gateways, those first that have the least time left.
async fn open_questions(places: &Places) -> (Vec<Found>, ExitCode) {
    let mut code = ExitCode::SUCCESS;
    let mut questions = Vec::new();
    for (gateway, answer) in control::ask_all(&places.runtime_dir, &Request::Approvals).await {
        let read = answer.and_then(|answer| {
            serde_json::from_str::<Vec<OpenQuestion>>(&answer)
                .map_err(|error| format!("its answer cannot be read: {error}"))
        });
        match read {
            Ok(open) => questions.extend(open.into_iter().map(|open| Found { gateway, open })),
            Err(error) => {
                eprintln!("gateway {gateway}: {}", line(&error, 400));
                code = ExitCode::from(exit::PROGRAM_FAILED);
            }
        }
    }
    questions.sort_by_key(|found| found.open.seconds_left);
    (questions, code)
}

/// JSON in which nothing hides: what a terminal would obey or not show is an escape.
fn visible(questions: &[Found]) -> Result<String> {
    let mut json = String::new();
    for c in serde_json::to_string(questions)?.chars() {
        if c.is_ascii() && !c.is_control() || !crate::trust::is_hidden(c) {
            json.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                json.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    Ok(json)
}
