//! A client of `toolmill serve`, in a place of its own.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use toolmill_bench::lines::Lines;

/// Folders of one user whose only settings name the benchmark's upstream.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    toolmill: PathBuf,
    upstream: PathBuf,
    pub(crate) tools: usize,
}

impl Place {
    pub(crate) fn new(toolmill: &Path, upstream: &Path, tools: usize) -> Result<Place> {
        let place = Place {
            folder: tempfile::tempdir()?,
            toolmill: toolmill.to_owned(),
            upstream: upstream.to_owned(),
            tools,
        };
        for name in ["work", "config/toolmill", "state", "run"] {
            std::fs::create_dir_all(place.folder.path().join(name))?;
        }
        let settings = format!(
            "[upstream.bench]\ncommand = {upstream:?}\nargs = [\"--tools\", \"{tools}\"]\n"
        );
        let file = place.folder.path().join("config/toolmill/toolmill.toml");
        std::fs::write(file, settings)?;
        Ok(place)
    }

    /// Forgets what earlier gateways found out: listings, interpreters.
    pub(crate) fn forget(&self) -> Result<()> {
        let state = self.folder.path().join("state");
        std::fs::remove_dir_all(&state)?;
        Ok(std::fs::create_dir(state)?)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.toolmill);
        let folder = self.folder.path();
        command
            .args(arguments)
            .current_dir(folder.join("work"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("XDG_RUNTIME_DIR", folder.join("run"));
        command
    }

    /// The same server as the gateway starts, for a floor.
    pub(crate) fn upstream(&self) -> Command {
        let mut command = Command::new(&self.upstream);
        command.args(["--tools", &self.tools.to_string()]);
        command
    }

    pub(crate) fn serve(&self) -> Result<Agent> {
        let mut child = self
            .command(&["serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start toolmill serve")?;
        Ok(Agent {
            input: child.stdin.take().context("a pipe")?,
            output: Lines::new(child.stdout.take().context("a pipe")?),
            child,
            next_id: 1,
        })
    }

    /// A gateway that has shaken hands and knows its upstream's tools.
    pub(crate) fn ready(&self) -> Result<Agent> {
        let mut agent = self.serve()?;
        agent.initialize()?;
        agent.search("echo")?;
        Ok(agent)
    }
}

/// An agent at one end of `toolmill serve`. Ends the gateway when dropped.
pub(crate) struct Agent {
    child: Child,
    input: ChildStdin,
    output: Lines<ChildStdout>,
    next_id: u64,
}

/// A tool's answer and how long it took from the first byte asked to the last byte answered.
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) took: Duration,
    /// The whole line.
    pub(crate) bytes: usize,
}

impl Agent {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn initialize(&mut self) -> Result<()> {
        let id = self.ask(
            "initialize",
            &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}),
        )?;
        let (answered, _, _) = self.next_answer()?;
        ensure!(answered == id, "the answer to initialize came first");
        writeln!(
            self.input,
            "{}",
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
        )?;
        Ok(())
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        let mut line =
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        line.push('\n');
        self.input
            .write_all(line.as_bytes())
            .context("the gateway has closed its input")?;
        Ok(id)
    }

    /// The next answer's id, the answer, and its length; notifications are passed over.
    fn next_answer(&mut self) -> Result<(u64, Value, usize)> {
        loop {
            let line = self.output.next()?;
            let mut message: Value = serde_json::from_slice(line)?;
            let bytes = line.len();
            if let Some(id) = message["id"].as_u64() {
                if let Some(error) = message.get("error") {
                    bail!("the gateway answered {error}");
                }
                return Ok((id, message["result"].take(), bytes));
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Result<Answer> {
        let begun = Instant::now();
        let id = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))?;
        let (answered, result, bytes) = self.next_answer()?;
        let took = begun.elapsed();
        ensure!(answered == id, "an answer to something else");
        Ok(Answer {
            text: text_of(&result)?,
            took,
            bytes,
        })
    }

    pub(crate) fn search(&mut self, query: &str) -> Result<Answer> {
        let answer = self.call("search_tools", &json!({"queries": [query]}))?;
        ensure!(
            answer.text.contains("tools.bench."),
            "nothing was found for {query:?}: {}",
            answer.text
        );
        Ok(answer)
    }

    /// Runs a program that must have this value.
    pub(crate) fn run(&mut self, program: &Program) -> Result<Answer> {
        let answer = self.call("execute_code", &program.arguments())?;
        program.check(&answer.text)?;
        Ok(answer)
    }

    /// Asks for many runs at once and returns when all are on their way.
    pub(crate) fn begin(&mut self, program: &Program, count: usize) -> Result<()> {
        for _ in 0..count {
            self.ask(
                "tools/call",
                &json!({"name": "execute_code", "arguments": program.arguments()}),
            )?;
        }
        Ok(())
    }

    /// Reads the answers to as many runs.
    pub(crate) fn finish(&mut self, program: &Program, count: usize) -> Result<()> {
        for _ in 0..count {
            let (_, result, _) = self.next_answer()?;
            program.check(&text_of(&result)?)?;
        }
        Ok(())
    }

    /// Keeps `width` runs in flight for a while; returns each run's duration and the whole.
    pub(crate) fn load(
        &mut self,
        program: &Program,
        width: usize,
        period: Duration,
    ) -> Result<(Vec<Duration>, Duration)> {
        let arguments = json!({"name": "execute_code", "arguments": program.arguments()});
        let begun = Instant::now();
        let mut asked = std::collections::HashMap::new();
        let mut took = Vec::new();
        for _ in 0..width {
            asked.insert(self.ask("tools/call", &arguments)?, Instant::now());
        }
        while !asked.is_empty() {
            let (id, result, _) = self.next_answer()?;
            let begin = asked.remove(&id).context("an answer to nothing")?;
            took.push(begin.elapsed());
            program.check(&text_of(&result)?)?;
            if begun.elapsed() < period {
                asked.insert(self.ask("tools/call", &arguments)?, Instant::now());
            }
        }
        Ok((took, begun.elapsed()))
    }

    /// Runs a program that must end with this error, after `limit` of its own time at most, and beside
    /// it one honest program after the other. Returns how long the hostile one took, and each of the
    /// others.
    pub(crate) fn beside(
        &mut self,
        hostile: &Hostile,
        limit: Duration,
        honest: &Program,
    ) -> Result<(Duration, Vec<Duration>)> {
        let arguments = json!({
            "language": hostile.language, "code": hostile.code, "timeout_seconds": limit.as_secs_f64(),
        });
        let params = json!({"name": "execute_code", "arguments": arguments});
        let begun = Instant::now();
        let attack = self.ask("tools/call", &params)?;
        let mut took = Vec::new();
        loop {
            let asked = Instant::now();
            let params = json!({"name": "execute_code", "arguments": honest.arguments()});
            let run = self.ask("tools/call", &params)?;
            let mut ended = None;
            loop {
                let (id, result, _) = self.next_answer()?;
                if id == attack {
                    ended = Some(begun.elapsed());
                    let text = result["content"][0]["text"].as_str().unwrap_or_default();
                    let error = text.split_whitespace().nth(2).unwrap_or_default();
                    ensure!(
                        result["isError"] == true && hostile.errors.contains(&error),
                        "{} ended with {text}",
                        hostile.name
                    );
                } else {
                    ensure!(id == run, "an answer to something else");
                    honest.check(&text_of(&result)?)?;
                    took.push(asked.elapsed());
                    break;
                }
            }
            if let Some(ended) = ended {
                return Ok((ended, took));
            }
        }
    }

    /// The gateway's process, and then every process below it.
    pub(crate) fn family(&self) -> Vec<u32> {
        let mut family = vec![self.pid()];
        let mut seen: HashSet<u32> = family.iter().copied().collect();
        let mut index = 0;
        while let Some(pid) = family.get(index) {
            index += 1;
            for task in std::fs::read_dir(format!("/proc/{pid}/task"))
                .into_iter()
                .flatten()
                .flatten()
            {
                let children =
                    std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
                let children = children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse().ok());
                family.extend(children.filter(|pid| seen.insert(*pid)));
            }
        }
        family
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Its supervisor and every guest and upstream end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text_of(result: &Value) -> Result<String> {
    let text = result["content"][0]["text"]
        .as_str()
        .with_context(|| format!("an answer without text: {result}"))?;
    ensure!(result["isError"] != true, "{text}");
    Ok(text.to_owned())
}

/// A program and the value it must have.
pub(crate) struct Program {
    pub(crate) language: &'static str,
    pub(crate) code: String,
    pub(crate) value: Value,
}

/// A program that must be ended.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) language: &'static str,
    pub(crate) code: &'static str,
    /// The codes of the errors that may end it.
    pub(crate) errors: &'static [&'static str],
}

impl Program {
    pub(crate) fn new(
        language: &'static str,
        code: impl Into<String>,
        value: impl Into<Value>,
    ) -> Program {
        Program {
            language,
            code: code.into(),
            value: value.into(),
        }
    }

    fn arguments(&self) -> Value {
        json!({"language": self.language, "code": self.code})
    }

    /// A quick wrong answer is no measurement.
    fn check(&self, answer: &str) -> Result<()> {
        let value = answer.split_once('\n').map_or("", |(_, value)| value);
        let value = value.split("\n--- ").next().unwrap_or_default();
        let same = match self.value.as_str() {
            // A text is answered as it is.
            Some(text) => value == text,
            None => serde_json::from_str::<Value>(value).is_ok_and(|value| value == self.value),
        };
        ensure!(
            same,
            "{} program with the value {} answered {answer}",
            self.language,
            self.value
        );
        Ok(())
    }
}
