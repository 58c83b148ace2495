//! Where the tasks are done: the state, the settings, the gateway and the servers beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::peer::Peer;
use crate::task::{PLACE, Server, Task};

/// How long six servers may take to start on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the model reads in place of the folder, whose own name differs each time.
const SHOWN_PLACE: &str = "/home/ada";

pub(crate) struct Place {
    folder: tempfile::TempDir,
    toolmill: PathBuf,
    /// Where `scripts/upstreams` has put the servers.
    upstreams: PathBuf,
    /// How often the office was started afresh.
    offices: u32,
    /// The server that says nothing of its results, where it is learned what they are like.
    tracker: Option<PathBuf>,
}

impl Place {
    /// Where nothing is learned of results: the same is measured whatever was done before.
    pub(crate) fn new(toolmill: &Path, upstreams: &Path, tasks: &Path) -> Result<Place> {
        Place::with(toolmill, upstreams, tasks, None)
    }

    /// Where it is learned what results are like.
    pub(crate) fn that_learns(toolmill: &Path, upstreams: &Path, tasks: &Path) -> Result<Place> {
        Place::with(
            toolmill,
            upstreams,
            tasks,
            Some(tasks.join("guesses/tracker.py")),
        )
    }

    fn with(
        toolmill: &Path,
        upstreams: &Path,
        tasks: &Path,
        tracker: Option<PathBuf>,
    ) -> Result<Place> {
        let place = Place {
            folder: tempfile::tempdir()?,
            toolmill: toolmill.to_owned(),
            upstreams: upstreams.to_owned(),
            offices: 0,
            tracker,
        };
        for name in [
            "world",
            "desk/tree",
            "work",
            "config/toolmill",
            "state",
            "run",
        ] {
            fs::create_dir_all(place.path(name))?;
        }
        let world = Command::new("python3")
            .args(["-I".as_ref(), tasks.join("world.py").as_os_str()])
            .arg(place.path("world"))
            .status()
            .context("python3 makes the world")?;
        ensure!(world.success(), "world.py failed");
        // A gateway does not start its own binary, and knows it by its file.
        fs::copy(toolmill, place.path("office"))?;
        place.write_settings()?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn desk(&self) -> String {
        self.path("desk").to_string_lossy().into_owned()
    }

    /// A task's text with the folder of its state.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace(PLACE, &self.desk())
    }

    /// A text as it is counted: the same wherever it was measured.
    pub(crate) fn shown(&self, text: &str) -> String {
        text.replace(&self.desk(), SHOWN_PLACE)
    }

    /// Puts everything back to how a task begins.
    pub(crate) fn reset(&self, task: &Task) -> Result<()> {
        self.restore()?;
        for (name, content) in &task.files {
            let path = self.path("desk").join(name);
            fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            fs::write(path, self.fill(content))?;
        }
        Ok(())
    }

    /// Puts the world back.
    pub(crate) fn restore(&self) -> Result<()> {
        let (world, desk) = (self.path("world"), self.path("desk"));
        // The file server does not start again, so its folder itself stays.
        empty(&desk.join("tree"))?;
        if desk.join("repository").exists() {
            fs::remove_dir_all(desk.join("repository"))?;
        }
        copy(&world, &desk)
    }

    /// Program, arguments and environment of a server.
    fn command_of(&self, server: Server) -> (PathBuf, Vec<String>, BTreeMap<&str, String>) {
        let desk = |name: &str| self.path("desk").join(name).to_string_lossy().into_owned();
        let (program, arguments) = match server {
            Server::Files => (
                "node_modules/.bin/mcp-server-filesystem",
                vec![desk("tree")],
            ),
            Server::Git => (
                "venv/bin/mcp-server-git",
                vec!["--repository".to_owned(), desk("repository")],
            ),
            Server::Memory => ("node_modules/.bin/mcp-server-memory", vec![]),
            Server::Office => ("", vec!["demo-server".to_owned()]),
            Server::Sqlite => (
                "venv-sqlite/bin/mcp-server-sqlite",
                vec!["--db-path".to_owned(), desk("shop.db")],
            ),
            Server::Time => ("venv/bin/mcp-server-time", vec![]),
        };
        let mut environment = BTreeMap::new();
        if server == Server::Memory {
            environment.insert("MEMORY_FILE_PATH", desk("graph.jsonl"));
        }
        if server == Server::Office {
            // A changed stanza has a reload start the server again.
            environment.insert("OFFICE", self.offices.to_string());
            return (self.path("office"), arguments, environment);
        }
        (self.upstreams.join(program), arguments, environment)
    }

    fn write_settings(&self) -> Result<()> {
        // What programs called before must not order what the next search shows, and nobody is here to be
        // asked.
        let mut settings = "[rules]\n\"*\" = \"allow\"\n[search]\nusage = false\n".to_owned();
        match &self.tracker {
            None => settings += "[results]\nlearn = false\n",
            Some(tracker) => {
                settings += &format!(
                    "[upstream.tracker]\ncommand = \"python3\"\nargs = [\"-I\", {tracker:?}]\n"
                );
            }
        }
        for server in Server::ALL {
            let (program, arguments, environment) = self.command_of(server);
            settings += &format!(
                "[upstream.{}]\ncommand = {program:?}\nargs = {arguments:?}\n",
                server.name()
            );
            for (name, value) in environment {
                settings += &format!("env.{name} = {value:?}\n");
            }
        }
        fs::write(self.path("config/toolmill/toolmill.toml"), settings)?;
        Ok(())
    }

    fn toolmill(&self, argument: &str) -> Command {
        let mut command = Command::new(&self.toolmill);
        command
            .arg(argument)
            .current_dir(self.path("work"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_RUNTIME_DIR", self.path("run"));
        command
    }

    /// A gateway that has been used before: it knows the tools of every server when it starts.
    pub(crate) fn gateway(&self) -> Result<Peer> {
        drop(self.ready_gateway()?);
        self.ready_gateway()
    }

    fn ready_gateway(&self) -> Result<Peer> {
        let mut gateway = Peer::start(&mut self.toolmill("serve"))?;
        let begun = Instant::now();
        loop {
            // Each search waits a while for servers that still connect.
            let result = gateway.call("search_tools", &json!({"queries": ["anything"]}))?;
            let text = crate::peer::text_of(&result);
            if !text.contains("not searched:") {
                return Ok(gateway);
            }
            ensure!(begun.elapsed() < PATIENCE, "{text}");
        }
    }

    /// A server for direct calls, in the same folder as the gateway's.
    pub(crate) fn server(&self, server: Server) -> Result<Peer> {
        let (program, arguments, environment) = self.command_of(server);
        let mut command = Command::new(program);
        command.args(arguments).envs(environment);
        Peer::start(&mut command)
    }

    /// Has the gateway start an office in which nothing was written yet.
    pub(crate) fn renew_office(&mut self) -> Result<()> {
        self.offices += 1;
        self.write_settings()?;
        self.has_done("reload")
    }

    /// Drops what was learned of results.
    pub(crate) fn forget(&self) -> Result<()> {
        self.has_done("forget")
    }

    fn has_done(&self, command: &str) -> Result<()> {
        let output = self.toolmill(command).output()?;
        ensure!(
            output.status.success(),
            "toolmill {command}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// A value with the folder of the state filled in.
    pub(crate) fn filled(&self, value: &Value) -> Result<Value> {
        Ok(serde_json::from_str(&self.fill(&value.to_string()))?)
    }
}

fn empty(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
