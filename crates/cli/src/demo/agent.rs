//! The demo's agent: an MCP client of a gateway, as small as one can be.
//!
//! It sees of the gateway what any agent sees, so what it counts is what an agent would pay.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::exit;
use crate::host::ExitWith;

/// A connection to a gateway that was started for it.
pub(super) struct Agent {
    gateway: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last_id: u64,
    /// What the gateway puts into an agent's system prompt.
    pub(super) instructions: String,
    pub(super) tools: Vec<Value>,
}

/// One call of one of the gateway's tools.
pub(super) struct Called {
    /// The name and the arguments, as sent.
    pub(super) request: Value,
    /// What the agent reads.
    pub(super) answer: String,
    pub(super) failed: bool,
    pub(super) took: Duration,
}

impl Agent {
    /// Starts this binary again as a gateway with the demo's server behind it, and shakes hands.
    pub(super) fn start() -> Result<Agent> {
        let ourselves = std::env::current_exe().context("this binary cannot be found")?;
        let mut gateway = Command::new(ourselves)
            .arg("demo-gateway")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the gateway cannot be started")?;
        let mut agent = Agent {
            input: gateway.stdin.take().expect("its input is a pipe"),
            output: BufReader::new(gateway.stdout.take().expect("its output is a pipe")),
            gateway,
            last_id: 0,
            instructions: String::new(),
            tools: Vec::new(),
        };
        let hello = agent.request(
            "initialize",
            &json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "toolmill-demo", "version": env!("CARGO_PKG_VERSION")},
            }),
        )?;
        agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        agent.instructions = hello["instructions"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let mut listed = agent.request("tools/list", &json!({}))?;
        agent.tools = serde_json::from_value(listed["tools"].take())?;
        Ok(agent)
    }

    /// Calls a tool of the gateway's.
    pub(super) fn call(&mut self, tool: &str, arguments: Value) -> Result<Called> {
        let request = json!({"name": tool, "arguments": arguments});
        let begun = Instant::now();
        let result = self.request("tools/call", &request)?;
        let took = begun.elapsed();
        let answer = result["content"][0]["text"]
            .as_str()
            .with_context(|| format!("{tool} answered without a text"))?;
        Ok(Called {
            request,
            answer: answer.to_owned(),
            failed: result["isError"] == true,
            took,
        })
    }

    /// Hangs up and waits until the gateway has ended with all it started.
    pub(super) fn close(mut self) -> Result<()> {
        drop(self.input);
        self.gateway.wait().context("the gateway's end")?;
        Ok(())
    }

    fn request(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line)? == 0 {
                return Err(self.ended());
            }
            let mut message: Value = serde_json::from_str(&line)?;
            if message["id"] != id {
                continue;
            }
            if let Some(error) = message.get("error") {
                bail!("{method} failed: {error}");
            }
            return Ok(message["result"].take());
        }
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        match writeln!(self.input, "{message}") {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(self.ended()),
            other => Ok(other?),
        }
    }

    /// Why there is no answer. The gateway has said on standard error what was wrong.
    fn ended(&mut self) -> anyhow::Error {
        let error = anyhow!("the gateway has ended");
        match self.gateway.wait().map(|status| status.code()) {
            Ok(Some(code)) if code == i32::from(exit::NO_SANDBOX) => {
                error.context(ExitWith(exit::NO_SANDBOX))
            }
            _ => error,
        }
    }
}
