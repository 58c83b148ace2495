//! A human at this terminal is asked what a program or a call waits for.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

use gateway::suspended::{Ask, ParkedCall, Question, Reply, Suspended};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Human {
    /// Whoever wrote `--yes`, to everything.
    Yes,
    /// Whoever sits here.
    Terminal,
}

impl Human {
    /// None where nobody can be asked: standard input or error is no terminal.
    pub(crate) fn here(yes: bool) -> Option<Human> {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        match (yes, terminal) {
            (true, _) => Some(Human::Yes),
            (false, true) => Some(Human::Terminal),
            (false, false) => None,
        }
    }
}

/// Waits for `work`, and has its questions answered meanwhile.
pub(crate) async fn answered<T>(
    human: Option<Human>,
    suspended: Option<Arc<Suspended>>,
    work: impl Future<Output = T>,
) -> T {
    let (Some(human), Some(suspended)) = (human, suspended) else {
        return work.await;
    };
    let answering = async {
        let mut questions = suspended.question();
        loop {
            let question = match questions.wait_for(Option::is_some).await {
                Ok(question) => question.clone(),
                Err(_) => None,
            };
            let Some(question) = question else {
                return std::future::pending().await;
            };
            let replies = match human {
                Human::Yes => approve(&question),
                Human::Terminal => {
                    let shown = question.clone();
                    // Abandoned when the work ends: the process ends with it.
                    tokio::task::spawn_blocking(move || ask(&shown))
                        .await
                        .unwrap_or_default()
                }
            };
            // One that has been answered meanwhile, or has had its time, needs no answer.
            let _ = suspended.answer(question.number, replies);
        }
    };
    tokio::select! {
        outcome = work => outcome,
        () = answering => unreachable!("questions are answered for ever"),
    }
}

/// Allows every call, and says so.
fn approve(question: &Question) -> Vec<(usize, Reply)> {
    let mut tools: BTreeMap<&str, usize> = BTreeMap::new();
    let mut replies = Vec::new();
    for (at, ask) in question.asks.iter().enumerate() {
        if let Ask::Approval(call) = ask {
            *tools.entry(&call.tool).or_default() += 1;
            replies.push((at, Reply::Allow { always: false }));
        }
    }
    let tools: Vec<String> = tools
        .iter()
        .map(|(tool, count)| format!("{tool} ×{count}"))
        .collect();
    if !tools.is_empty() {
        eprintln!("approved by --yes: {}", tools.join(", "));
    }
    replies
}

/// Shows a question and reads the answer. What cannot be read is no.
fn ask(question: &Question) -> Vec<(usize, Reply)> {
    let calls: Vec<(usize, &ParkedCall)> = question
        .asks
        .iter()
        .enumerate()
        .filter_map(|(at, ask)| match ask {
            Ask::Approval(call) => Some((at, call)),
            Ask::Elicitation(_) => None,
        })
        .collect();
    if calls.is_empty() {
        return Vec::new();
    }
    let mut text = match calls.len() {
        1 => "\nthis call waits for your approval:\n".to_owned(),
        count => format!("\nthese {count} calls wait for your approval:\n"),
    };
    for (number, (_, call)) in calls.iter().enumerate() {
        text.push_str(&shown(number + 1, call));
    }
    let prompt = match calls.len() {
        1 => "send it? [y]es, [a]lways from now on, [N]o: ",
        _ => "send them? [y]es, all of them, [s]ome of them, [N]o, none: ",
    };
    let answer = read(&format!("{text}{prompt}"));
    let allow = |always| Reply::Allow { always };
    match (&answer[..], calls.len()) {
        ("y" | "yes", _) => calls.iter().map(|(at, _)| (*at, allow(false))).collect(),
        ("a" | "always", 1) => vec![(calls[0].0, allow(true))],
        ("s" | "some", 2..) => calls
            .iter()
            .enumerate()
            .filter_map(|(number, (at, call))| {
                let prompt = format!(
                    "{}. {}: [y]es, [a]lways from now on, [N]o: ",
                    number + 1,
                    call.tool
                );
                match &read(&prompt)[..] {
                    "y" | "yes" => Some((*at, allow(false))),
                    "a" | "always" => Some((*at, allow(true))),
                    _ => None,
                }
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A call as a person reads it; every text of it is one safe line.
fn shown(number: usize, call: &ParkedCall) -> String {
    let mut text = format!(
        "  {number}. {} of server {}\n       {}\n",
        call.tool, call.server, call.arguments
    );
    if let Some(whole) = &call.whole {
        text.push_str(&format!(
            "       cut; all {} bytes are kept as {whole}\n",
            call.bytes
        ));
    }
    for (line, code) in &call.lines {
        text.push_str(&format!("       line {line}: {code}\n"));
    }
    text.push_str(&format!("       asked because: {}\n", call.reason));
    text
}

fn read(prompt: &str) -> String {
    let mut line = String::new();
    let mut error = std::io::stderr().lock();
    let asked = error
        .write_all(prompt.as_bytes())
        .and_then(|()| error.flush());
    match asked.and_then(|()| std::io::stdin().lock().read_line(&mut line)) {
        Ok(_) => line.trim().to_lowercase(),
        Err(_) => String::new(),
    }
}
