//! A plain MCP client: what an agent has without toolmill, and how it talks to toolmill.

use std::io::Write;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use toolmill_bench::lines::Lines;

/// A server at the other end of two pipes. Ended when dropped.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: Lines<ChildStdout>,
    last_id: u64,
    pub(crate) instructions: String,
    /// As listed.
    pub(crate) tools: Vec<Value>,
}

impl Peer {
    /// Starts a server, shakes hands and lists its tools.
    pub(crate) fn start(command: &mut Command) -> Result<Peer> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let mut peer = Peer {
            input: child.stdin.take().context("a pipe")?,
            output: Lines::new(child.stdout.take().context("a pipe")?),
            child,
            last_id: 0,
            instructions: String::new(),
            tools: Vec::new(),
        };
        let hello = peer.request(
            "initialize",
            &json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "bench", "version": "1"},
            }),
        )?;
        peer.instructions = hello["instructions"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        peer.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        let mut listed = peer.request("tools/list", &json!({}))?;
        peer.tools = serde_json::from_value(listed["tools"].take())?;
        Ok(peer)
    }

    /// Calls a tool and waits for its result.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Result<Value> {
        self.request("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// Asks for a call; `answers` brings its result.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Result<u64> {
        self.last_id += 1;
        let id = self.last_id;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        Ok(id)
    }

    /// The results of what was asked for, in the order of `ids`.
    pub(crate) fn answers(&mut self, ids: &[u64]) -> Result<Vec<Value>> {
        let mut results: Vec<Option<Value>> = vec![None; ids.len()];
        while results.iter().any(Option::is_none) {
            let mut message: Value = serde_json::from_slice(self.output.next()?)?;
            let Some(at) = ids.iter().position(|id| message["id"] == *id) else {
                continue;
            };
            if let Some(error) = message.get("error") {
                bail!("answered {error}");
            }
            results[at] = Some(message["result"].take());
        }
        Ok(results.into_iter().flatten().collect())
    }

    fn request(&mut self, method: &str, params: &Value) -> Result<Value> {
        let id = self.ask(method, params)?;
        Ok(self.answers(&[id])?.remove(0))
    }

    fn write(&mut self, message: &Value) -> Result<()> {
        self.input
            .write_all(format!("{message}\n").as_bytes())
            .context("the server has ended")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What of listed tools a model is shown.
pub(crate) fn shown(tools: &[Value]) -> String {
    let shown: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "name": tool["name"],
                "description": tool["description"],
                "inputSchema": tool["inputSchema"],
            })
        })
        .collect();
    Value::from(shown).to_string()
}

/// What of a result a model reads.
pub(crate) fn text_of(result: &Value) -> String {
    result["content"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|block| block["text"].as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What of a result a program gets.
pub(crate) fn value_of(result: &Value) -> Value {
    match &result["structuredContent"] {
        Value::Null => text_of(result).into(),
        value => value.clone(),
    }
}
