//! One task after the other: the right programs, the direct calls, and the programs with mistakes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tiktoken::CoreBpe;

use crate::mend;
use crate::peer::{self, Peer};
use crate::place::Place;
use crate::task::{Kind, Server, Task, Wrong, same, split};

/// How often a time is measured; the median is kept.
const TIMES: usize = 3;
/// How many fixes in a row an agent follows.
const ROUNDS: usize = 5;

#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) ask: String,
    pub(crate) python: Program,
    pub(crate) typescript: Program,
    pub(crate) direct: Direct,
    /// What is wrong with a right program or with the direct calls.
    pub(crate) failures: Vec<String>,
    pub(crate) wrong: Vec<Mistake>,
}

/// What a program costs through toolmill.
#[derive(Serialize, Default)]
pub(crate) struct Program {
    /// Definitions, instructions, a search with its answer, the program with its answer, and what the
    /// model then says.
    pub(crate) tokens: usize,
    /// Without definitions and instructions.
    pub(crate) work: usize,
    pub(crate) calls: usize,
    pub(crate) turns: usize,
    pub(crate) seconds: f64,
}

/// What the same costs by direct calls.
#[derive(Serialize, Default)]
pub(crate) struct Direct {
    /// With the definitions of the servers concerned.
    pub(crate) tokens_needed: usize,
    /// With the definitions of every configured server.
    pub(crate) tokens_all: usize,
    /// Without definitions.
    pub(crate) work: usize,
    pub(crate) calls: usize,
    pub(crate) turns: usize,
    pub(crate) seconds: f64,
}

#[derive(Serialize)]
pub(crate) struct Mistake {
    pub(crate) mistake: String,
    pub(crate) from: String,
    pub(crate) language: String,
    pub(crate) ending: Ending,
    pub(crate) rounds: usize,
    /// What the gateway answered last.
    pub(crate) answer: String,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ending {
    /// The value came out right at once.
    Repaired,
    /// It came out right after fixes were pasted.
    Mended,
    Unmended,
}

impl Measured {
    /// The dearer of the two programs.
    pub(crate) fn toolmill(&self) -> &Program {
        if self.python.tokens < self.typescript.tokens {
            &self.typescript
        } else {
            &self.python
        }
    }
}

pub(crate) struct Bench {
    place: Place,
    gateway: Peer,
    servers: BTreeMap<Server, Peer>,
    tokens: CoreBpe,
    /// Of toolmill's own tools and instructions.
    definitions: usize,
}

impl Bench {
    pub(crate) fn new(place: Place, tasks: &[Task]) -> Result<Bench> {
        place.reset(&tasks[0])?;
        let gateway = place.gateway()?;
        let mut servers = BTreeMap::new();
        for server in Server::ALL {
            servers.insert(server, place.server(server)?);
        }
        let tokens = tiktoken::encoding::o200k_base();
        Ok(Bench {
            definitions: tokens.count(&gateway.instructions)
                + tokens.count(&peer::shown(&gateway.tools)),
            place,
            gateway,
            servers,
            tokens,
        })
    }

    pub(crate) fn measure(&mut self, task: &Task) -> Result<Measured> {
        let mut failures = Vec::new();
        let mut programs = Vec::new();
        for (language, code) in task.programs() {
            programs.push(self.program(task, language, code).unwrap_or_else(|error| {
                failures.push(format!("{language}: {error:#}"));
                Program::default()
            }));
        }
        let direct = self.direct(task).unwrap_or_else(|error| {
            failures.push(format!("direct calls: {error:#}"));
            Direct::default()
        });
        let mut wrong = Vec::new();
        for mistake in &task.wrong {
            wrong.push(self.wrong(task, mistake)?);
        }
        let [python, typescript] = programs.try_into().ok().context("two programs")?;
        Ok(Measured {
            name: task.name.clone(),
            kind: task.kind,
            ask: task.ask.clone(),
            python,
            typescript,
            direct,
            failures,
            wrong,
        })
    }

    fn begin(&mut self, task: &Task) -> Result<()> {
        self.place.reset(task)?;
        if task.writes_to_office() {
            self.place.renew_office()?;
            let office = self.place.server(Server::Office)?;
            self.servers.insert(Server::Office, office);
        }
        Ok(())
    }

    /// Runs a right program as an agent does: a search, then the program.
    fn program(&mut self, task: &Task, language: &str, code: &str) -> Result<Program> {
        let search = json!({"queries": task.search});
        let execute = json!({"code": self.place.fill(code), "language": language});
        let mut program = Program {
            turns: 2,
            ..Program::default()
        };
        let mut took = Vec::new();
        for _ in 0..TIMES {
            self.begin(task)?;
            let begun = Instant::now();
            let found = peer::text_of(&self.gateway.call("search_tools", &search)?);
            let answer = peer::text_of(&self.gateway.call("execute_code", &execute)?);
            took.push(begun.elapsed());
            self.check(task, &answer)?;
            if let Some(unknown) = unfound(code, &found) {
                anyhow::bail!("the search does not show {unknown}:\n{found}");
            }
            program.calls = calls_in(&answer);
            program.work = self.count_call("search_tools", &search)
                + self.count(&found)
                + self.count_call("execute_code", &execute)
                + self.count(&answer)
                + self.final_answer(task)?;
            program.tokens = self.definitions + program.work;
        }
        program.seconds = median(took);
        Ok(program)
    }

    /// Makes the direct calls, those of one turn at the same time.
    fn direct(&mut self, task: &Task) -> Result<Direct> {
        let definitions = |servers: &[Server]| -> usize {
            let listed = servers.iter().map(|server| &self.servers[server].tools);
            listed
                .map(|tools| self.tokens.count(&peer::shown(tools)))
                .sum()
        };
        let (needed, all) = (definitions(&task.servers), definitions(&Server::ALL));
        let turns = task.turns()?;
        let mut direct = Direct {
            turns: turns.len(),
            calls: turns.iter().map(Vec::len).sum(),
            ..Direct::default()
        };
        let mut took = Vec::new();
        for time in 0..TIMES {
            self.begin(task)?;
            let begun = Instant::now();
            let mut exchanged = Vec::new();
            // What is written in one turn is written in order, so that its state is known.
            let batches = turns.iter().flat_map(|turn| match task.kind {
                Kind::Write => turn.chunks(1),
                _ => turn.chunks(turn.len()),
            });
            for turn in batches {
                let mut asked: BTreeMap<Server, Vec<u64>> = BTreeMap::new();
                for call in turn {
                    ensure!(
                        task.servers.contains(&call.server),
                        "{} is not among the servers",
                        call.server.name()
                    );
                    let arguments = self.place.filled(&call.arguments)?;
                    let params = json!({"name": call.tool, "arguments": arguments});
                    let server = self
                        .servers
                        .get_mut(&call.server)
                        .context("every server runs")?;
                    asked
                        .entry(call.server)
                        .or_default()
                        .push(server.ask("tools/call", &params)?);
                    exchanged.push(params.to_string());
                }
                for (server, ids) in asked {
                    let peer = self.servers.get_mut(&server).context("every server runs")?;
                    let results = peer.answers(&ids)?;
                    let calls = turn.iter().filter(|call| call.server == server);
                    for (call, result) in calls.zip(results) {
                        let text = peer::text_of(&result);
                        let failed = result["isError"] == true;
                        ensure!(
                            failed == call.fails,
                            "{} {} answered {text}",
                            call.tool,
                            call.arguments
                        );
                        exchanged.push(text);
                    }
                }
            }
            took.push(begun.elapsed());
            self.check_state_directly(task)?;
            if time == 0 {
                let exchanged: usize = exchanged.iter().map(|text| self.count(text)).sum();
                direct.work = exchanged + self.final_answer(task)?;
                direct.tokens_needed = needed + direct.work;
                direct.tokens_all = all + direct.work;
            }
        }
        direct.seconds = median(took);
        Ok(direct)
    }

    /// Runs a wrong program, then what each error makes of it.
    fn wrong(&mut self, task: &Task, wrong: &Wrong) -> Result<Mistake> {
        self.begin(task)?;
        let mut code = self.place.fill(&wrong.code);
        let mut rounds = 0;
        let (ending, answer) = loop {
            let execute = json!({"code": code, "language": wrong.language});
            let answer = peer::text_of(&self.gateway.call("execute_code", &execute)?);
            if self.check(task, &answer).is_ok() {
                let ending = if rounds == 0 {
                    Ending::Repaired
                } else {
                    Ending::Mended
                };
                break (ending, answer);
            }
            match mend::mended(&code, &answer) {
                Some(mended) if rounds < ROUNDS && mended != code => code = mended,
                _ => break (Ending::Unmended, answer),
            }
            rounds += 1;
        };
        Ok(Mistake {
            mistake: wrong.mistake.clone(),
            from: wrong.from.clone(),
            language: wrong.language.clone(),
            ending,
            rounds,
            answer: self.place.shown(&answer),
        })
    }

    /// Whether an answer has the value of the task, and the state is as it must be.
    fn check(&mut self, task: &Task, answer: &str) -> Result<()> {
        ensure!(answer.starts_with("ok "), "{answer}");
        let expected = self.place.filled(&task.value()?)?;
        let value = value_in(answer);
        let right = match &expected {
            // A text is answered as it is.
            Value::String(text) => value == text,
            _ => serde_json::from_str(value).is_ok_and(|value| same(&value, &expected)),
        };
        ensure!(right, "the value is not {expected}: {answer}");
        for after in &task.after {
            // The office of the gateway is not that of the direct calls.
            let arguments = self.place.filled(&after.call.with.clone().into())?;
            let code = format!("return await tools.{}({arguments});", after.call.tool);
            let execute = json!({"code": code, "language": "javascript"});
            let answer = peer::text_of(&self.gateway.call("execute_code", &execute)?);
            let expected = self.place.filled(&after.value()?)?;
            let found = value_in(&answer);
            let right = match &expected {
                Value::String(text) => found == text,
                _ => serde_json::from_str(found).is_ok_and(|found| same(&found, &expected)),
            };
            ensure!(
                right,
                "afterwards {} is not {expected}: {answer}",
                after.call.tool
            );
        }
        Ok(())
    }

    fn check_state_directly(&mut self, task: &Task) -> Result<()> {
        for after in &task.after {
            let (server, tool) = split(&after.call.tool)?;
            let arguments = self.place.filled(&after.call.with.clone().into())?;
            let server = self.servers.get_mut(&server).context("every server runs")?;
            let found = peer::value_of(&server.call(tool, &arguments)?);
            let expected = self.place.filled(&after.value()?)?;
            ensure!(
                same(&found, &expected),
                "afterwards {} is {found}, not {expected}",
                after.call.tool
            );
        }
        Ok(())
    }

    fn count(&self, text: &str) -> usize {
        self.tokens.count(&self.place.shown(text))
    }

    fn count_call(&self, tool: &str, arguments: &Value) -> usize {
        self.count(&json!({"name": tool, "arguments": arguments}).to_string())
    }

    /// What the model says in the end, either way.
    fn final_answer(&self, task: &Task) -> Result<usize> {
        Ok(self.count(&task.value()?.to_string()))
    }
}

/// The value in an answer, or what was printed when there is no value.
pub(crate) fn value_in(answer: &str) -> &str {
    let rest = answer.split_once('\n').map_or("", |(_, rest)| rest);
    let printed = rest.strip_prefix("--- stdout\n");
    let end = |text: &str| {
        ["\n--- stdout\n", "\n--- note\n"]
            .iter()
            .filter_map(|section| text.find(section))
            .min()
            .unwrap_or(text.len())
    };
    let value = printed.unwrap_or(rest);
    let value = &value[..end(value)];
    if printed.is_some() {
        value.trim_end()
    } else {
        value
    }
}

/// How many calls an answer says that its program made.
fn calls_in(answer: &str) -> usize {
    answer
        .lines()
        .next()
        .into_iter()
        .flat_map(|status| status.split(" · "))
        .find_map(|fact| fact.split_once(" call"))
        .and_then(|(count, _)| count.replace(',', "").parse().ok())
        .unwrap_or(0)
}

/// A tool that the program calls and that the search does not show.
fn unfound<'a>(code: &'a str, found: &str) -> Option<&'a str> {
    code.match_indices("tools.")
        .map(|(at, _)| {
            let path = &code[at..];
            let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
            &path[..path.find(|c| !is_path(c)).unwrap_or(path.len())]
        })
        .find(|path| !found.contains(path))
}

pub(crate) fn median(mut took: Vec<Duration>) -> f64 {
    took.sort();
    took[took.len() / 2].as_secs_f64()
}
