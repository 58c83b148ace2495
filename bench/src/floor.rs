//! What the same work costs without a gateway, measured in the same run.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService};
use serde_json::{Map, Value, json};

use crate::agent::Place;
use toolmill_bench::lines::Lines;

/// From start to end of a process.
pub(crate) fn process(command: &mut Command) -> Result<Duration> {
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(begun.elapsed())
}

/// A client that writes lines and reads lines: what the transport itself costs.
pub(crate) struct Bare {
    child: Child,
    input: ChildStdin,
    output: Lines<ChildStdout>,
}

impl Bare {
    pub(crate) fn connect(place: &Place) -> Result<Bare> {
        let mut child = place
            .upstream()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut bare = Bare {
            input: child.stdin.take().context("a pipe")?,
            output: Lines::new(child.stdout.take().context("a pipe")?),
            child,
        };
        bare.request("initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}))?;
        Ok(bare)
    }

    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Result<&[u8]> {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        self.input.write_all((line + "\n").as_bytes())?;
        self.output.next()
    }

    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Result<&[u8]> {
        self.request("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// As many calls of `echo`, one after another.
    pub(crate) fn echoes(&mut self, count: usize) -> Result<Duration> {
        let begun = Instant::now();
        for number in 0..count {
            let text = format!("m{number}");
            let line = self.call("echo", &json!({ "text": text }))?;
            let answer: Value = serde_json::from_slice(line)?;
            let same = answer["result"]["content"][0]["text"] == text;
            ensure!(same, "the echo of {text}");
        }
        Ok(begun.elapsed())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client as rmcp makes one, on a runtime of one thread like the gateway's.
pub(crate) struct Rmcp {
    runtime: tokio::runtime::Runtime,
    client: RunningService<RoleClient, ()>,
    _child: tokio::process::Child,
}

impl Rmcp {
    pub(crate) fn connect(place: &Place) -> Result<Rmcp> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (client, child) = runtime.block_on(async {
            let mut child = tokio::process::Command::from(place.upstream())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            let output = child.stdout.take().context("a pipe")?;
            let input = child.stdin.take().context("a pipe")?;
            anyhow::Ok((().serve((output, input)).await?, child))
        })?;
        Ok(Rmcp {
            runtime,
            client,
            _child: child,
        })
    }

    /// As many calls of `echo`, one after another.
    pub(crate) fn echoes(&self, count: usize) -> Result<Duration> {
        self.runtime.block_on(async {
            let begun = Instant::now();
            for number in 0..count {
                let text = format!("m{number}");
                let arguments = Map::from_iter([("text".to_owned(), json!(text))]);
                let call = CallToolRequestParams::new("echo").with_arguments(arguments);
                let result = self.client.peer().call_tool(call).await?;
                let same = result.content[0]
                    .as_text()
                    .is_some_and(|it| it.text == text);
                ensure!(same, "the echo of {text}");
            }
            Ok(begun.elapsed())
        })
    }

    /// As many calls of `echo`, all at once.
    pub(crate) fn echoes_at_once(&self, count: usize) -> Result<Duration> {
        self.runtime.block_on(async {
            let begun = Instant::now();
            let mut calls = tokio::task::JoinSet::new();
            for number in 0..count {
                let peer = self.client.peer().clone();
                let arguments = Map::from_iter([("text".to_owned(), json!(format!("m{number}")))]);
                let call = CallToolRequestParams::new("echo").with_arguments(arguments);
                calls.spawn(async move { peer.call_tool(call).await.map(drop) });
            }
            while let Some(ended) = calls.join_next().await {
                ended??;
            }
            Ok(begun.elapsed())
        })
    }

    /// Calls of `sleep`, all at once.
    pub(crate) fn sleeps(&self, count: usize, ms: u64) -> Result<Duration> {
        self.runtime.block_on(async {
            let begun = Instant::now();
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..count {
                let peer = self.client.peer().clone();
                let arguments = Map::from_iter([("ms".to_owned(), json!(ms))]);
                let call = CallToolRequestParams::new("sleep").with_arguments(arguments);
                calls.spawn(async move { peer.call_tool(call).await.map(drop) });
            }
            while let Some(ended) = calls.join_next().await {
                ended??;
            }
            Ok(begun.elapsed())
        })
    }
}

/// A process that waits for a byte and sends it back.
pub(crate) struct Waiting {
    child: Child,
    channel: std::os::unix::net::UnixStream,
}

impl Waiting {
    pub(crate) fn start() -> Result<Waiting> {
        let (channel, theirs) = std::os::unix::net::UnixStream::pair()?;
        let output = std::os::fd::OwnedFd::from(theirs.try_clone()?);
        // Without buffers: each byte is read, and written, by itself.
        let child = Command::new("/bin/dd")
            .args(["bs=1", "status=none"])
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(Stdio::from(output))
            .spawn()?;
        Ok(Waiting { child, channel })
    }

    pub(crate) fn round_trip(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        self.channel.write_all(b"x")?;
        self.channel.read_exact(&mut [0])?;
        Ok(begun.elapsed())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
