//! `toolmill demo`: the main job, on tools that this binary brings along.
//!
//! Three processes, all of this binary: this one plays the agent; `demo-gateway` is the gateway it
//! talks to over MCP, with the sandbox; `demo-server` is the MCP server behind that. So what is
//! shown and counted is what an agent sends and gets, and the tokenizer is in no gateway.

mod agent;
mod cost;
mod gateway;
mod server;

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::args::Demo;
use crate::exit;
use crate::host::{ExitWith, print};
use agent::{Agent, Called};
use cost::{Costs, Replay};

pub(crate) use gateway::serve as serve_gateway;
pub(crate) use server::serve as serve_server;

const COLUMNS: usize = 80;
const INDENT: &str = "  ";
const QUERIES: [&str; 4] = [
    "list files",
    "contacts of a company",
    "notes about a contact",
    "send an email",
];

/// A program that an agent might write.
struct Program {
    language: &'static str,
    /// The language's name for people.
    name: &'static str,
    title: &'static str,
    code: &'static str,
    replay: Replay,
}

const OWNERS: Program = Program {
    language: "python",
    name: "Python",
    title: "A Python program: 50 pages of files, five lines of answer",
    code: include_str!("owners.py"),
    replay: cost::owners,
};
/// The same for machines without Python.
const OWNERS_IN_TYPESCRIPT: Program = Program {
    language: "typescript",
    name: "TypeScript",
    title: "A TypeScript program: 50 pages of files, five lines of answer",
    code: include_str!("owners.ts"),
    replay: cost::owners,
};
const LETTERS: Program = Program {
    language: "typescript",
    name: "TypeScript",
    title: "A TypeScript program: calls in parallel, one that fails, one email",
    code: include_str!("letters.ts"),
    replay: cost::letters,
};

pub(crate) fn run(args: &Demo) -> Result<ExitCode> {
    sandbox::landlock_abi()
        .context("the demo's programs run in a sandbox of Linux 5.13 or later with Landlock")
        .context(ExitWith(exit::NO_SANDBOX))?;
    let mut agent = Agent::start()?;
    let page = Page::new(args.json);
    page.text(
        "This binary holds a small MCP server: 50,000 files, 400 customer contacts, mail, \
         a slow tool and one that fails. Here it plays the agent, too: all that follows \
         crosses real pipes, and the programs run in the sandbox.",
    )?;

    page.heading("The agent searches for tools")?;
    let search = agent.call("search_tools", json!({"queries": QUERIES}))?;
    page.quote(&format!("search_tools({})\n", search.request["arguments"]))?;
    page.quote(&search.answer)?;

    let mut programs = VecDeque::from(match args.language.as_deref() {
        Some("python") => vec![OWNERS],
        Some(_) => vec![OWNERS_IN_TYPESCRIPT, LETTERS],
        None => vec![OWNERS, LETTERS],
    });
    let mut ran: Vec<(Program, Called)> = Vec::new();
    let mut unavailable = None;
    while let Some(program) = programs.pop_front() {
        page.heading(program.title)?;
        page.quote(program.code)?;
        let arguments = json!({"language": program.language, "code": program.code});
        let called = agent.call("execute_code", arguments)?;
        match cannot_run(&called.answer) {
            Some(reason) if program.language == "python" && args.language.is_none() => {
                page.text(&format!("\n{}", without_python(reason)))?;
                unavailable = Some(reason.to_owned());
                programs.push_front(OWNERS_IN_TYPESCRIPT);
            }
            Some(reason) => {
                return Err(
                    anyhow!("{reason}; see `toolmill doctor`").context(ExitWith(exit::NO_SANDBOX))
                );
            }
            None if called.failed => bail!("a program of the demo failed:\n{}", called.answer),
            None => {
                page.quote(&format!("\n{}", called.answer))?;
                ran.push((program, called));
            }
        }
    }

    let replays: Vec<(Replay, &Called)> = ran
        .iter()
        .map(|(program, called)| (program.replay, called))
        .collect();
    let costs = cost::count(&agent, &search, &replays);
    agent.close()?;
    page.heading("What this costs the model, in tokens (o200k)")?;
    page.lines(&table(&costs, &ran))?;
    if args.json {
        let report = report(&search, &ran, unavailable.as_deref(), &costs);
        print(&format!("{report:#}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Why a program could not even be started, if that is what an answer says.
fn cannot_run(answer: &str) -> Option<&str> {
    let (status, rest) = answer.split_once('\n')?;
    let mut words = status.split(' ');
    let sandbox = words.next() == Some("error") && words.nth(1) == Some("sandbox");
    sandbox.then(|| rest.lines().next().unwrap_or_default())
}

fn without_python(reason: &str) -> String {
    format!(
        "Python programs cannot run on this machine: {reason}; `toolmill doctor` says more. The same \
         work in TypeScript, which needs nothing but this binary:"
    )
}

/// The value in an answer: what follows its first line, up to the next section.
fn value_of(answer: &str) -> Value {
    let value = answer.split_once('\n').map_or("", |(_, value)| value);
    let value = value.split("\n--- ").next().unwrap_or_default();
    serde_json::from_str(value).unwrap_or_else(|_| value.into())
}

fn table(costs: &Costs, ran: &[(Program, Called)]) -> String {
    let (direct, toolmill) = (&costs.direct, &costs.toolmill);
    let mut text = format!("{:<14}{:>16}{:>16}\n", "", "called directly", "toolmill");
    for (name, direct, toolmill) in [
        ("definitions", direct.definitions, toolmill.definitions),
        ("arguments", direct.arguments, toolmill.arguments),
        ("code", direct.code, toolmill.code),
        ("results", direct.results, toolmill.results),
        ("answers", direct.answers, toolmill.answers),
        ("total", direct.total(), toolmill.total()),
        ("round trips", direct.round_trips, toolmill.round_trips),
    ] {
        let shown = |count| match count {
            0 => "-".to_owned(),
            count => thousands(count),
        };
        text.push_str(&format!(
            "{name:<14}{:>16}{:>16}\n",
            shown(direct),
            shown(toolmill)
        ));
    }
    let times: Vec<String> = ran
        .iter()
        .map(|(program, called)| format!("{} {:.1} s", program.name, called.took.as_secs_f64()))
        .collect();
    let remark = format!(
        "{} times fewer tokens for the same {} calls of tools. Time: {}. Each token is counted \
         once here, though on every round trip a model reads again all that came before.",
        thousands(direct.total() / toolmill.total().max(1)),
        costs.calls,
        times.join(", ")
    );
    text + "\n" + &wrapped(&remark, "", "")
}

fn report(
    search: &Called,
    ran: &[(Program, Called)],
    unavailable: Option<&str>,
    costs: &Costs,
) -> Value {
    let (direct, toolmill) = (&costs.direct, &costs.toolmill);
    let programs: Vec<Value> = ran
        .iter()
        .map(|(program, called)| {
            json!({
                "language": program.language,
                "code": program.code,
                "answer": called.answer,
                "value": value_of(&called.answer),
                "duration_ms": called.took.as_secs_f64() * 1e3,
            })
        })
        .collect();
    json!({
        "schema": 1,
        "search": {
            "queries": QUERIES,
            "answer": search.answer,
            "duration_ms": search.took.as_secs_f64() * 1e3,
        },
        "programs": programs,
        "python_unavailable": unavailable,
        "calls": costs.calls,
        "tokens": {
            "encoding": "o200k_base",
            "called_directly": {
                "definitions": direct.definitions,
                "arguments": direct.arguments,
                "results": direct.results,
                "total": direct.total(),
            },
            "toolmill": {
                "definitions": toolmill.definitions,
                "arguments": toolmill.arguments,
                "code": toolmill.code,
                "answers": toolmill.answers,
                "total": toolmill.total(),
            },
            "ratio": direct.total() as f64 / toolmill.total().max(1) as f64,
        },
        "round_trips": {
            "called_directly": direct.round_trips,
            "toolmill": toolmill.round_trips,
        },
    })
}

/// What a person is shown, as it happens; nothing when the figures are for a program.
struct Page {
    silent: bool,
    bold: bool,
}

impl Page {
    fn new(silent: bool) -> Page {
        let colour = io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Page {
            silent,
            bold: colour,
        }
    }

    fn heading(&self, words: &str) -> Result<()> {
        if self.bold {
            self.lines(&format!("\n\x1b[1m{words}\x1b[0m\n\n"))
        } else {
            self.lines(&format!("\n{words}\n\n"))
        }
    }

    fn text(&self, words: &str) -> Result<()> {
        self.lines(&wrapped(words, "", ""))
    }

    /// What crosses to or from the agent.
    fn quote(&self, text: &str) -> Result<()> {
        self.lines(&wrapped(text, INDENT, "      "))
    }

    fn lines(&self, text: &str) -> Result<()> {
        if self.silent { Ok(()) } else { print(text) }
    }
}

/// A text within the columns: each line begins with `indent`, what is left of it with `hanging`.
fn wrapped(text: &str, indent: &str, hanging: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let (mut indent, mut rest) = (indent, line);
        loop {
            let room = COLUMNS - indent.len();
            let Some((end, _)) = rest.char_indices().nth(room) else {
                out.push_str(format!("{indent}{rest}").trim_end());
                out.push('\n');
                break;
            };
            // JSON between members, prose between words; the indentation of code is no such place.
            let between = if line.starts_with(['{', '[']) {
                rest[..end].rfind(',').map(|comma| comma + 1)
            } else {
                rest[..end].rfind(' ')
            };
            let begin = rest.len() - rest.trim_start().len();
            let at = between.filter(|at| *at > begin).unwrap_or(end);
            out.push_str(format!("{indent}{}", &rest[..at]).trim_end());
            out.push('\n');
            (indent, rest) = (hanging, rest[at..].trim_start());
        }
    }
    out
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_python_is_told_so_in_one_place() {
        let answer = "error x1 sandbox\nno usable python3 was found; /usr/bin/python3: is Python 3.6, older than 3.9\nhint: write the program in TypeScript";
        let reason = cannot_run(answer).unwrap();
        insta::assert_snapshot!(wrapped(&without_python(reason), "", ""), @r"
        Python programs cannot run on this machine: no usable python3 was found;
        /usr/bin/python3: is Python 3.6, older than 3.9; `toolmill doctor` says more.
        The same work in TypeScript, which needs nothing but this binary:
        ");
        assert_eq!(cannot_run("error x1 exception · line 1\nboom"), None);
        assert_eq!(cannot_run("ok x1\nsandbox"), None);
    }

    #[test]
    fn lines_are_wrapped_between_words_and_long_words_anywhere() {
        let check = |text: &str, expected: &[usize]| {
            let shown = wrapped(text, "  ", "    ");
            let lengths: Vec<usize> = shown.lines().map(|line| line.chars().count()).collect();
            assert_eq!(lengths, expected, "{shown}");
        };
        check("", &[]);
        check("a\n\nb", &[3, 0, 3]);
        check(&"ü".repeat(78), &[80]);
        check(&"ü".repeat(79), &[80, 5]);
        check(&format!("{} {}", "a".repeat(77), "b"), &[79, 5]);
        check(&format!("{} {}", "a".repeat(78), "b"), &[80, 5]);
        check(&format!("    {}", "a".repeat(80)), &[80, 10]);
        let list = format!("[\"{}\",\"{}\"]", "a a".repeat(20), "b c".repeat(7));
        check(&list, &[66, 28]);
    }

    #[test]
    fn a_value_is_what_stands_between_status_and_sections() {
        let check = |answer: &str, expected: Value| assert_eq!(value_of(answer), expected);
        check("ok x1 · 2 calls\n{\"a\":[1]}", json!({"a": [1]}));
        check("ok x1\n[1]\n--- note\nline 1: await added", json!([1]));
        check("ok x1\nplain words", json!("plain words"));
        check("ok x1", json!(""));
    }
}
