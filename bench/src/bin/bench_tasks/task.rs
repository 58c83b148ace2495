//! The tasks, one file each; `bench/tasks/README.md` explains the format.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Stands in a task for the folder that holds its state.
pub(crate) const PLACE: &str = "$PLACE";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    /// The file's name.
    #[serde(skip)]
    pub(crate) name: String,
    /// What the agent is asked to do.
    pub(crate) ask: String,
    pub(crate) kind: Kind,
    /// The servers whose definitions direct calls need.
    pub(crate) servers: Vec<Server>,
    /// The phrases that an agent searches for.
    pub(crate) search: Vec<String>,
    /// JSON of the value that a right program has.
    value: String,
    /// The shortest way by direct calls, turn by turn.
    pub(crate) direct: Vec<Vec<Calls>>,
    pub(crate) python: String,
    pub(crate) typescript: String,
    /// Files beside those of the world, by their path in it.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Calls that show that the state is as it must be afterwards.
    #[serde(default)]
    pub(crate) after: Vec<After>,
    #[serde(default)]
    pub(crate) wrong: Vec<Wrong>,
}

#[derive(Deserialize, Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Single,
    Filter,
    Aggregate,
    Join,
    Pages,
    Large,
    Dates,
    Recovery,
    Write,
}

#[derive(Deserialize, Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Server {
    Files,
    Git,
    Memory,
    Office,
    Sqlite,
    Time,
}

impl Server {
    pub(crate) const ALL: [Server; 6] = [
        Server::Files,
        Server::Git,
        Server::Memory,
        Server::Office,
        Server::Sqlite,
        Server::Time,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Server::Files => "files",
            Server::Git => "git",
            Server::Memory => "memory",
            Server::Office => "office",
            Server::Sqlite => "sqlite",
            Server::Time => "time",
        }
    }

    fn named(name: &str) -> Option<Server> {
        Server::ALL.into_iter().find(|server| server.name() == name)
    }
}

/// One call, or one for each of some values.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(crate) struct Calls {
    /// `server.tool`.
    pub(crate) tool: String,
    #[serde(default)]
    pub(crate) with: Map<String, Value>,
    /// A parameter and its values, each of which makes a call.
    #[serde(default)]
    each: Map<String, Value>,
    /// Each of these calls needs the answer to the one before.
    #[serde(default)]
    in_turn: bool,
    /// The server refuses it, as the task has it.
    #[serde(default)]
    pub(crate) fails: bool,
}

/// One call of a server's tool.
pub(crate) struct Call {
    pub(crate) server: Server,
    pub(crate) tool: String,
    pub(crate) arguments: Value,
    pub(crate) fails: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    #[serde(flatten)]
    pub(crate) call: Checked,
    /// JSON of what a program gets from this call.
    pub(crate) value: String,
}

#[derive(Deserialize)]
pub(crate) struct Checked {
    pub(crate) tool: String,
    #[serde(default)]
    pub(crate) with: Map<String, Value>,
}

/// A program with a mistake.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wrong {
    pub(crate) mistake: String,
    /// Where such a mistake was seen, or `written before its hint`.
    pub(crate) from: String,
    pub(crate) language: String,
    pub(crate) code: String,
}

impl Task {
    pub(crate) fn value(&self) -> Result<Value> {
        json_of(&self.value)
    }

    /// The direct calls, a list for each turn of the model.
    pub(crate) fn turns(&self) -> Result<Vec<Vec<Call>>> {
        let mut turns = Vec::new();
        for turn in &self.direct {
            let mut together = Vec::new();
            for calls in turn {
                let expanded = calls.expand()?;
                if calls.in_turn {
                    turns.extend(expanded.into_iter().map(|call| vec![call]));
                } else {
                    together.extend(expanded);
                }
            }
            if !together.is_empty() {
                turns.push(together);
            }
        }
        Ok(turns)
    }

    /// Whether it changes what the office keeps in its memory.
    pub(crate) fn writes_to_office(&self) -> bool {
        self.direct
            .iter()
            .flatten()
            .any(|calls| ["office.send_email", "office.add_note"].contains(&calls.tool.as_str()))
    }

    /// Its right programs, with their language.
    pub(crate) fn programs(&self) -> [(&'static str, &str); 2] {
        [("python", &self.python), ("typescript", &self.typescript)]
    }
}

impl Calls {
    fn expand(&self) -> Result<Vec<Call>> {
        let call = |arguments: Map<String, Value>| {
            let (server, tool) = split(&self.tool)?;
            Ok(Call {
                server,
                tool: tool.to_owned(),
                arguments: arguments.into(),
                fails: self.fails,
            })
        };
        ensure!(self.each.len() < 2, "`each` names one parameter");
        let Some((parameter, values)) = self.each.iter().next() else {
            return Ok(vec![call(self.with.clone())?]);
        };
        let values = values.as_array().context("`each` lists values")?;
        values
            .iter()
            .map(|value| {
                let mut arguments = self.with.clone();
                arguments.insert(parameter.clone(), value.clone());
                call(arguments)
            })
            .collect()
    }
}

impl After {
    pub(crate) fn value(&self) -> Result<Value> {
        json_of(&self.value)
    }
}

/// The server and the tool of a path.
pub(crate) fn split(path: &str) -> Result<(Server, &str)> {
    path.split_once('.')
        .and_then(|(server, tool)| Some((Server::named(server)?, tool)))
        .with_context(|| format!("no server has a tool {path}"))
}

/// Two values are the same whether a number is written as 2 or as 2.0.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

fn json_of(text: &str) -> Result<Value> {
    serde_json::from_str(text).with_context(|| format!("{text} is not JSON"))
}

/// All tasks of a folder in the order of their names, or those whose name begins as one of `only`.
pub(crate) fn load(folder: &Path, only: &[String]) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if !only.is_empty() && !only.iter().any(|only| name.starts_with(only.as_str())) {
            continue;
        }
        let mut task: Task = toml::from_str(&std::fs::read_to_string(&path)?)
            .with_context(|| path.display().to_string())?;
        task.name = name.into_owned();
        tasks.push(task);
    }
    tasks.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(!tasks.is_empty(), "no task in {}", folder.display());
    Ok(tasks)
}
