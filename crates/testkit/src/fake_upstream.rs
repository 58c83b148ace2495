//! An MCP server which speaks both eras and misbehaves on request.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::str::FromStr;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::tracker;

/// How long a tool waits for something that may never come, so that no test hangs for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// A thousand processes may take minutes to come together on a slow machine.
const PATIENCE_OF_A_MEETING: Duration = Duration::from_secs(500);
const LEGACY_VERSION: &str = "2025-11-25";
const MODERN_VERSION: &str = "2026-07-28";
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// Which protocol eras the server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eras {
    Legacy,
    Modern,
    #[default]
    Both,
}

impl FromStr for Eras {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "legacy" => Ok(Self::Legacy),
            "modern" => Ok(Self::Modern),
            "both" => Ok(Self::Both),
            other => Err(format!("no such era: {other}")),
        }
    }
}

/// How the server behaves; on the command line each field is an option of the same name.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub name: Option<String>,
    pub era: Eras,
    /// Dummy tools beside the table's.
    pub tools: usize,
    /// The tools of an issue tracker instead of the table's.
    pub tracker: bool,
    /// Tools on one page of `tools/list`; all on one page if unset.
    pub page: Option<usize>,
    pub delay_start: Duration,
    pub die_on_start: bool,
    /// Reads everything and never writes.
    pub silent: bool,
    /// Does not answer `server/discover`, as legacy servers may not.
    pub ignore_discover: bool,
    /// Exits when the first message is not `initialize`, as some legacy servers do.
    pub exit_on_discover: bool,
    /// Prints to stdout what does not belong there, before the first message.
    pub banner: bool,
    /// Goes on when stdin ends.
    pub linger: bool,
    /// Appends a line for every message received: the method, and for calls the tool.
    pub log_methods: Option<PathBuf>,
    /// A file with a JSON array of tools, which are listed in place of the table's. A call of one
    /// answers with its name.
    pub catalog: Option<PathBuf>,
    /// Appends a line for every call: the tool and its arguments, each byte of them.
    pub record: Option<PathBuf>,
    /// How long a dummy tool takes, or one of the catalog's.
    pub pause: Duration,
}

impl Options {
    /// # Panics
    ///
    /// When an option is unknown or lacks its value.
    pub fn from_args(args: impl IntoIterator<Item = String>) -> Self {
        fn value<T: FromStr>(option: &str, args: &mut impl Iterator<Item = String>) -> T
        where
            T::Err: std::fmt::Debug,
        {
            let value = args
                .next()
                .unwrap_or_else(|| panic!("{option} needs a value"));
            value
                .parse()
                .unwrap_or_else(|error| panic!("{option} {value}: {error:?}"))
        }
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(option) = args.next() {
            match option.as_str() {
                "--name" => options.name = Some(value(&option, &mut args)),
                "--era" => options.era = value(&option, &mut args),
                "--tools" => options.tools = value(&option, &mut args),
                "--tracker" => options.tracker = true,
                "--page" => options.page = Some(value(&option, &mut args)),
                "--delay-start" => {
                    options.delay_start = Duration::from_millis(value(&option, &mut args));
                }
                "--die-on-start" => options.die_on_start = true,
                "--silent" => options.silent = true,
                "--ignore-discover" => options.ignore_discover = true,
                "--exit-on-discover" => options.exit_on_discover = true,
                "--banner" => options.banner = true,
                "--linger" => options.linger = true,
                "--catalog" => options.catalog = Some(value(&option, &mut args)),
                "--record" => options.record = Some(value(&option, &mut args)),
                "--pause" => options.pause = Duration::from_millis(value(&option, &mut args)),
                "--log-methods" => options.log_methods = Some(value(&option, &mut args)),
                other => panic!("the fake upstream has no option {other}"),
            }
        }
        options
    }
}

/// Serves on stdin and stdout until stdin ends.
pub fn serve_stdio(options: Options) {
    thread::sleep(options.delay_start);
    if options.banner {
        println!("Fake upstream v1.0 listening on stdio\n{{\"level\":\"info\",\"msg\":\"ready\"}}");
    }
    if options.die_on_start {
        eprintln!("the fake upstream was told to die on start");
        process::exit(3);
    }
    let output: Output = Arc::new(|line| {
        let mut stdout = io::stdout().lock();
        // A closed stdout means that the client is gone, and stdin says so, too.
        let _ = stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.write_all(b"\n"));
        let _ = stdout.flush();
    });
    let linger = options.linger;
    let server = FakeUpstream::new(options);
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        server.receive(&line, &output);
    }
    if linger {
        loop {
            thread::sleep(PATIENCE);
        }
    }
}

/// Where the lines go which a message causes.
pub type Output = Arc<dyn Fn(&str) + Send + Sync>;

/// The server without its standard streams, for tests that put it behind another transport.
pub struct FakeUpstream(Arc<Server>);

struct Server {
    options: Options,
    log: Option<Mutex<File>>,
    record: Option<Mutex<File>>,
    catalog: Option<Vec<Box<RawValue>>>,
    state: Mutex<State>,
    /// Signalled when `State::meeting` or `State::together` changes.
    meeting_changed: Condvar,
}

#[derive(Default)]
struct State {
    added_tools: usize,
    /// A tool that says of itself now that it destroys.
    turned: Option<String>,
    writes: Vec<(String, String)>,
    /// Keys of writes that were refused as the server was busy.
    refused: Vec<String>,
    cancelled: usize,
    sleeping: usize,
    most_sleeping: usize,
    meeting: usize,
    /// Calls of `together` that have arrived.
    together: usize,
    subscriptions: Vec<(Value, Output)>,
    /// Where legacy clients hear about changes.
    announce: Option<Output>,
    /// Requests to the client which wait for its answer.
    asked: HashMap<String, Sender<String>>,
    /// Calls of `elicit` that have begun; one that is sent again has not begun again.
    elicited: usize,
}

#[derive(Deserialize)]
struct Message {
    id: Option<Value>,
    method: Option<String>,
    params: Option<Params>,
}

#[derive(Deserialize, Default)]
struct Params {
    name: Option<String>,
    arguments: Option<Box<RawValue>>,
    cursor: Option<String>,
    #[serde(rename = "_meta", default)]
    meta: BTreeMap<String, Value>,
    notifications: Option<Value>,
    #[serde(rename = "inputResponses")]
    input_responses: Option<Value>,
    #[serde(rename = "requestState")]
    request_state: Option<String>,
}

impl Params {
    fn modern(&self) -> bool {
        self.meta
            .contains_key("io.modelcontextprotocol/protocolVersion")
    }
}

impl FakeUpstream {
    pub fn new(options: Options) -> Self {
        let log = options.log_methods.as_deref().map(appending);
        let record = options.record.as_deref().map(appending);
        let catalog = options.catalog.as_ref().map(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
                panic!("{}: {error}", path.display());
            });
            serde_json::from_str(&text).expect("a JSON array of tools")
        });
        Self(Arc::new(Server {
            options,
            log,
            record,
            catalog,
            state: Mutex::default(),
            meeting_changed: Condvar::new(),
        }))
    }

    /// Takes one message. Calls run in threads of their own and may answer after this returned.
    pub fn receive(&self, line: &str, output: &Output) {
        let Ok(message) = serde_json::from_str::<Message>(line) else {
            return;
        };
        let server = &self.0;
        server.log(&message);
        if server.options.silent {
            return;
        }
        match (message.id, message.method) {
            (Some(id), Some(method)) => {
                server.request(&id, &method, message.params.unwrap_or_default(), output);
            }
            (None, Some(method)) if method == "notifications/cancelled" => {
                server.state().cancelled += 1;
            }
            (Some(id), None) => {
                let waiting = id.as_str().and_then(|id| server.state().asked.remove(id));
                if let Some(waiting) = waiting {
                    let _ = waiting.send(line.to_owned());
                }
            }
            (None, _) => {}
        }
    }
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no tool panics while it holds the state")
    }

    fn log(&self, message: &Message) {
        let Some(log) = &self.log else { return };
        let method = message.method.as_deref().unwrap_or("(answer)");
        let tool = message
            .params
            .as_ref()
            .and_then(|params| params.name.as_deref())
            .unwrap_or("");
        let line = format!("{method} {tool}").trim_end().to_owned() + "\n";
        log.lock()
            .expect("writing does not panic")
            .write_all(line.as_bytes())
            .expect("a writable log");
    }

    fn request(self: &Arc<Self>, id: &Value, method: &str, params: Params, output: &Output) {
        let modern = params.modern();
        let knows_modern = self.options.era != Eras::Legacy;
        let knows_legacy = self.options.era != Eras::Modern;
        let reply = match method {
            "server/discover" if self.options.exit_on_discover => process::exit(4),
            "server/discover" if self.options.ignore_discover => return,
            "server/discover" if knows_modern => Reply::result(&self.discovery()),
            "initialize" if knows_legacy => {
                self.state().announce = Some(output.clone());
                Reply::result(&self.initialization())
            }
            "ping" if knows_legacy => Reply::result(&json!({})),
            "tools/list" => Reply::result(&self.page(params.cursor.as_deref())),
            "tools/call" if !modern && !knows_legacy => Reply::Rpc(
                -32602,
                "a request of 2026-07-28 must name its version".to_owned(),
            ),
            "tools/call" => {
                let (server, id, output) = (self.clone(), id.clone(), output.clone());
                thread::spawn(move || {
                    let reply = server.call(&params, &id, &output);
                    reply.send(&id, modern, &output);
                });
                return;
            }
            "subscriptions/listen" if knows_modern => {
                self.state()
                    .subscriptions
                    .push((id.clone(), output.clone()));
                output(
                    &json!({
                        "jsonrpc": "2.0",
                        "method": "notifications/subscriptions/acknowledged",
                        "params": {
                            "_meta": { SUBSCRIPTION_ID: id },
                            "notifications": params.notifications,
                        },
                    })
                    .to_string(),
                );
                return;
            }
            _ => Reply::Rpc(-32601, format!("method not found: {method}")),
        };
        reply.send(id, modern, output);
    }

    fn info(&self) -> Value {
        let name = self.options.name.as_deref().unwrap_or("fake");
        json!({ "name": name, "title": "Fake upstream", "version": "1.0.0" })
    }

    fn initialization(&self) -> Value {
        json!({
            "protocolVersion": LEGACY_VERSION,
            "capabilities": { "tools": { "listChanged": true } },
            "serverInfo": self.info(),
            "instructions": "Call echo to hear yourself.",
        })
    }

    fn discovery(&self) -> Value {
        json!({
            "supportedVersions": [MODERN_VERSION],
            "capabilities": { "tools": { "listChanged": true } },
            "instructions": "Call echo to hear yourself.",
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": { "io.modelcontextprotocol/serverInfo": self.info() },
        })
    }

    fn tools(&self) -> &'static [Tool] {
        if self.options.tracker {
            tracker::TOOLS
        } else {
            TOOLS
        }
    }

    fn page(&self, cursor: Option<&str>) -> Page {
        let (added, turned) = {
            let state = self.state();
            (state.added_tools, state.turned.clone())
        };
        let raw = |tool: Value| to_raw_value(&tool).expect("plain JSON");
        let table = self.tools().iter().map(|tool| {
            let mut described = tool.describe();
            if turned.as_deref() == Some(tool.name) {
                described["annotations"]["destructiveHint"] = true.into();
                described["description"] = "Destroys everything by now.".into();
            }
            raw(described)
        });
        let own = self.catalog.clone().unwrap_or_else(|| table.collect());
        let dummies = (0..self.options.tools).map(|n| raw(dummy("dummy", n)));
        let all: Vec<Box<RawValue>> = own
            .into_iter()
            .chain(dummies)
            .chain((0..added).map(|n| raw(dummy("added", n))))
            .collect();
        let begin = cursor
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(0)
            .min(all.len());
        let end = self
            .options
            .page
            .map_or(all.len(), |page| (begin + page).min(all.len()));
        Page {
            tools: all[begin..end].to_vec(),
            ttl_ms: 0,
            cache_scope: "private",
            next_cursor: (end < all.len()).then(|| end.to_string()),
        }
    }

    fn call(self: &Arc<Self>, params: &Params, id: &Value, output: &Output) -> Reply {
        let name = params.name.as_deref().unwrap_or("");
        let written = params.arguments.as_deref().map_or("{}", RawValue::get);
        if let Some(record) = &self.record {
            let line = format!("{{\"tool\":{},\"arguments\":{written}}}\n", json!(name));
            record
                .lock()
                .expect("writing does not panic")
                .write_all(line.as_bytes())
                .expect("a writable record");
        }
        if name.starts_with("dummy_") || name.starts_with("added_") {
            thread::sleep(self.options.pause);
            return Reply::text(name);
        }
        if self.catalog.is_some() {
            thread::sleep(self.options.pause);
            return Reply::text(name);
        }
        let arguments = &serde_json::from_str(written).unwrap_or_default();
        match self.tools().iter().find(|tool| tool.name == name) {
            Some(tool) => (tool.run)(&Call {
                server: self,
                params,
                arguments,
                id,
                output,
            })
            .unwrap_or_else(|problem| Reply::Rpc(-32602, problem)),
            None => Reply::Rpc(-32602, format!("unknown tool: {name}")),
        }
    }
}

fn appending(path: &Path) -> Mutex<File> {
    let file = File::options().create(true).append(true).open(path);
    Mutex::new(file.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// A page of `tools/list`, of which tools keep their bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    tools: Vec<Box<RawValue>>,
    ttl_ms: u32,
    cache_scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Arguments, or the members of one, each as its own bytes.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Arguments(HashMap<String, Box<RawValue>>);

/// What a tool gets.
pub(crate) struct Call<'a> {
    server: &'a Arc<Server>,
    params: &'a Params,
    arguments: &'a Arguments,
    id: &'a Value,
    output: &'a Output,
}

impl Call<'_> {
    fn raw(&self, name: &str) -> Result<&RawValue, String> {
        self.arguments
            .0
            .get(name)
            .map(|value| &**value)
            .ok_or_else(|| format!("`{name}` is missing"))
    }

    pub(crate) fn get<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<T, String> {
        serde_json::from_str(self.raw(name)?.get()).map_err(|error| format!("`{name}`: {error}"))
    }

    pub(crate) fn get_or<T: for<'de> Deserialize<'de>>(
        &self,
        name: &str,
        default: T,
    ) -> Result<T, String> {
        if self.arguments.0.contains_key(name) {
            self.get(name)
        } else {
            Ok(default)
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.server.state()
    }

    /// Sends the client a request and waits for its whole answer.
    fn ask(&self, id: String, method: &str, params: &Value) -> Result<String, String> {
        let (answer, answered) = mpsc::channel();
        self.state().asked.insert(id.clone(), answer);
        (self.output)(
            &json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string(),
        );
        answered
            .recv_timeout(PATIENCE)
            .map_err(|_| "no answer".to_owned())
    }

    /// Asks, and takes the question back once somebody calls `meet`.
    fn withdraw(&self, id: &str, question: &Value) -> Reply {
        let send = |message: Value| (self.output)(&message.to_string());
        send(
            json!({ "jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": question }),
        );
        let changed = &self.server.meeting_changed;
        let (state, waited) = changed
            .wait_timeout_while(self.state(), PATIENCE, |state| state.meeting == 0)
            .expect("no tool panics while it holds the state");
        drop(state);
        if waited.timed_out() {
            return Reply::error("nobody met");
        }
        let params = json!({ "requestId": id });
        send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }));
        Reply::text("withdrawn")
    }

    /// Asks the human behind the client as its era does, `rounds` times, and returns each answer.
    fn elicit(&self) -> Result<Reply, String> {
        let rounds: usize = self.get_or("rounds", 1)?;
        let mut question = json!({ "message": self.get_or("message", "Sure?".to_owned())? });
        match self.get_or("url", String::new())? {
            url if url.is_empty() => {
                question["requestedSchema"] = self.get_or(
                    "schema",
                    json!({ "type": "object", "properties": { "sure": { "type": "boolean" } } }),
                )?;
            }
            url => {
                question["mode"] = "url".into();
                question["url"] = url.into();
                question["elicitationId"] = "visit-1".into();
            }
        }
        if !self.params.modern() {
            let begun = {
                let mut state = self.state();
                state.elicited += 1;
                state.elicited
            };
            if self.get_or("withdrawn", false)? {
                return Ok(self.withdraw(&format!("elicit-{begun}"), &question));
            }
            let mut answers = Vec::new();
            for round in 0..rounds {
                let id = format!("elicit-{begun}-{round}");
                let answer = self.ask(id, "elicitation/create", &question)?;
                let answer: Value = serde_json::from_str(&answer).expect("a message");
                answers.push(answer.get("result").unwrap_or(&answer["error"]).clone());
            }
            return Ok(Reply::structured(&json!({ "answers": answers })));
        }
        // What was answered before travels with the client.
        let mut answers: Vec<Value> =
            match (&self.params.request_state, &self.params.input_responses) {
                (Some(state), Some(responses)) => {
                    let mut answers: Vec<Value> =
                        serde_json::from_str(state).map_err(|_| "a state that is not ours")?;
                    answers.push(responses["human"].clone());
                    answers
                }
                (None, None) => {
                    self.state().elicited += 1;
                    Vec::new()
                }
                _ => return Err("a state without answers, or answers without a state".to_owned()),
            };
        if answers.len() >= rounds {
            return Ok(Reply::structured(
                &json!({ "answers": std::mem::take(&mut answers) }),
            ));
        }
        Ok(Reply::result(&json!({
            "resultType": "input_required",
            "inputRequests": {
                "human": { "method": "elicitation/create", "params": question },
            },
            "requestState": json!(answers).to_string(),
        })))
    }
}

/// How a request ends.
pub(crate) enum Reply {
    Result(Box<RawValue>),
    Rpc(i32, String),
    /// An error of JSON-RPC with all that it has.
    Error(Value),
    /// A line as it is, whether or not it makes sense.
    Line(String),
}

impl Reply {
    fn result(result: &impl Serialize) -> Self {
        Self::Result(to_raw_value(result).expect("plain JSON"))
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::result(&json!({ "content": [{ "type": "text", "text": text }] }))
    }

    pub(crate) fn error(text: &str) -> Self {
        Self::result(&json!({ "content": [{ "type": "text", "text": text }], "isError": true }))
    }

    /// Structured content with its text form, as the specification recommends.
    fn structured(value: &impl Serialize) -> Self {
        #[derive(Serialize)]
        struct Structured<'a> {
            content: [Value; 1],
            #[serde(rename = "structuredContent")]
            structured_content: &'a RawValue,
        }
        let value = to_raw_value(value).expect("plain JSON");
        let content = [json!({ "type": "text", "text": value.get() })];
        Self::result(&Structured {
            content,
            structured_content: &value,
        })
    }

    fn send(self, id: &Value, modern: bool, output: &Output) {
        let line = match self {
            // Results of the modern era say what kind they are.
            Self::Result(result) if modern && !result.get().contains("\"resultType\"") => {
                let members = result.get().trim_start_matches('{');
                let comma = if members == "}" { "" } else { "," };
                format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete"{comma}{members}}}"#
                )
            }
            Self::Result(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
            Self::Rpc(code, message) => {
                return Self::Error(json!({ "code": code, "message": message }))
                    .send(id, modern, output);
            }
            Self::Error(error) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#),
            Self::Line(line) => line,
        };
        output(&line);
    }
}

pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// Arguments as `name: type`, those with `?` optional; `any` is any JSON, `[string]` a list,
    /// `a|b` one of these strings.
    pub(crate) arguments: &'static str,
    pub(crate) hints: Hints,
    pub(crate) run: fn(&Call<'_>) -> Result<Reply, String>,
}

/// What a tool does to the world, as its annotations say.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Hints {
    ReadOnly,
    Writes,
    Destroys,
}

impl Tool {
    fn describe(&self) -> Value {
        let mut properties = json!({});
        let mut required = Vec::new();
        for argument in self.arguments.split_terminator(", ") {
            let (name, kind) = argument.split_once(": ").expect("`name: type`");
            let (name, optional) = name
                .strip_suffix('?')
                .map_or((name, false), |name| (name, true));
            if !optional {
                required.push(name);
            }
            let item = kind
                .strip_prefix('[')
                .and_then(|kind| kind.strip_suffix(']'));
            properties[name] = if kind == "any" {
                json!({})
            } else if let Some(item) = item {
                json!({ "type": "array", "items": { "type": item } })
            } else if kind.contains('|') {
                json!({ "type": "string", "enum": kind.split('|').collect::<Vec<_>>() })
            } else {
                json!({ "type": kind })
            };
        }
        json!({
            "name": self.name,
            "description": self.description,
            "inputSchema": { "type": "object", "properties": properties, "required": required },
            "annotations": {
                "readOnlyHint": self.hints == Hints::ReadOnly,
                "destructiveHint": self.hints == Hints::Destroys,
            },
            // Members no library knows, which a gateway must not lose or reorder.
            "x-unknown": { "zebra": 1, "apple": 12345678901234567890u64 },
        })
    }
}

fn dummy(kind: &str, n: usize) -> Value {
    json!({
        "name": format!("{kind}_{n:04}"),
        "description": format!("Returns its own name ({kind} tool {n})."),
        "inputSchema": { "type": "object" },
        "annotations": { "readOnlyHint": true },
    })
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "echo",
        description: "Returns its text.",
        arguments: "text: string",
        hints: Hints::ReadOnly,
        run: |call| Ok(Reply::text(&call.get::<String>("text")?)),
    },
    Tool {
        name: "echo_json",
        description: "Returns a JSON value as text.",
        arguments: "value: any",
        hints: Hints::ReadOnly,
        run: |call| Ok(Reply::text(call.raw("value")?.get())),
    },
    Tool {
        name: "structured",
        description: "Returns a JSON value as structured content.",
        arguments: "value: any",
        hints: Hints::ReadOnly,
        run: |call| Ok(Reply::structured(&call.raw("value")?)),
    },
    Tool {
        name: "add",
        description: "Adds two numbers.",
        arguments: "a: number, b: number",
        hints: Hints::ReadOnly,
        run: |call| {
            Ok(Reply::structured(
                &json!({ "sum": call.get::<f64>("a")? + call.get::<f64>("b")? }),
            ))
        },
    },
    Tool {
        name: "sleep",
        description: "Answers after a while; other calls go on meanwhile.",
        arguments: "ms: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            let mut state = call.state();
            state.sleeping += 1;
            state.most_sleeping = state.most_sleeping.max(state.sleeping);
            drop(state);
            thread::sleep(Duration::from_millis(call.get("ms")?));
            call.state().sleeping -= 1;
            Ok(Reply::text("awake"))
        },
    },
    Tool {
        name: "overlap",
        description: "Returns how many calls of sleep ran at the same time at most.",
        arguments: "",
        hints: Hints::ReadOnly,
        run: |call| {
            let most = call.state().most_sleeping;
            Ok(Reply::structured(&json!({ "most": most })))
        },
    },
    Tool {
        name: "meet",
        description: "Answers once as many calls as this are waiting here together.",
        arguments: "parties: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            let parties: usize = call.get("parties")?;
            let mut state = call.state();
            state.meeting += 1;
            call.server.meeting_changed.notify_all();
            let (state, waited) = call
                .server
                .meeting_changed
                .wait_timeout_while(state, PATIENCE_OF_A_MEETING, |state| {
                    state.meeting < parties
                })
                .expect("no tool panics while it holds the state");
            drop(state);
            Ok(if waited.timed_out() {
                Reply::error("the others never came")
            } else {
                Reply::text("met")
            })
        },
    },
    Tool {
        name: "meeting",
        description: "Returns how many calls of meet have arrived.",
        arguments: "",
        hints: Hints::ReadOnly,
        run: |call| {
            let arrived = call.state().meeting;
            Ok(Reply::structured(&json!({ "arrived": arrived })))
        },
    },
    Tool {
        name: "together",
        description: "Returns its id once this many calls of it are open at the same time.",
        arguments: "of: integer, id: any",
        hints: Hints::ReadOnly,
        run: |call| {
            let of = call.get::<usize>("of")?.max(1);
            let id = call.raw("id")?;
            let mut state = call.state();
            state.together += 1;
            // Those that come fill one company after the other.
            let whole = state.together.div_ceil(of) * of;
            call.server.meeting_changed.notify_all();
            let (state, waited) = call
                .server
                .meeting_changed
                .wait_timeout_while(state, PATIENCE, |state| state.together < whole)
                .expect("no tool panics while it holds the state");
            drop(state);
            Ok(if waited.timed_out() {
                Reply::error("the others never came")
            } else {
                Reply::structured(&BTreeMap::from([("id", id)]))
            })
        },
    },
    Tool {
        name: "cancelled",
        description: "Returns how many cancellations have arrived.",
        arguments: "",
        hints: Hints::ReadOnly,
        run: |call| {
            let cancelled = call.state().cancelled;
            Ok(Reply::structured(&json!({ "cancelled": cancelled })))
        },
    },
    Tool {
        name: "fail",
        description: "Fails as tools fail, by a result that says so.",
        arguments: "message: string",
        hints: Hints::ReadOnly,
        run: |call| Ok(Reply::error(&call.get::<String>("message")?)),
    },
    Tool {
        name: "rpc_error",
        description: "Fails by an error of JSON-RPC.",
        arguments: "message?: string, code?: integer, data?: any",
        hints: Hints::ReadOnly,
        run: |call| {
            let code = call.get_or("code", -32050)?;
            let message = call.get_or("message", "told to fail".to_owned())?;
            Ok(match call.get_or("data", Value::Null)? {
                Value::Null => Reply::Rpc(code, message),
                data => Reply::Error(json!({ "code": code, "message": message, "data": data })),
            })
        },
    },
    Tool {
        name: "big",
        description: "Returns a text of this many bytes.",
        arguments: "bytes: integer",
        hints: Hints::ReadOnly,
        run: |call| Ok(Reply::text(&"x".repeat(call.get("bytes")?))),
    },
    Tool {
        name: "lines",
        description: "Returns a text of so many lines of 100 bytes that are numbered.",
        arguments: "lines: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            let lines: usize = call.get("lines")?;
            let mut text = String::with_capacity(lines.saturating_mul(100).min(1 << 28));
            for line in 0..lines {
                text.push_str(&format!("{line:099}\n"));
            }
            Ok(Reply::text(&text))
        },
    },
    Tool {
        name: "oversized",
        description: "Returns a text of this many bytes in a line whose id comes last.",
        arguments: "bytes: integer, id?: boolean",
        hints: Hints::ReadOnly,
        run: |call| {
            let text = "x".repeat(call.get("bytes")?);
            let id = if call.get_or("id", true)? {
                format!(r#","id":{}"#, call.id)
            } else {
                String::new()
            };
            Ok(Reply::Line(format!(
                r#"{{"result":{{"content":[{{"type":"text","text":"{text}"}}]}},"jsonrpc":"2.0"{id}}}"#
            )))
        },
    },
    Tool {
        name: "big_json",
        description: "Returns this many records as structured content.",
        arguments: "records: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            Ok(Reply::structured(
                &json!({ "records": records(0, call.get("records")?) }),
            ))
        },
    },
    Tool {
        name: "blocks",
        description: "Returns these blocks as its content.",
        arguments: "content: any",
        hints: Hints::ReadOnly,
        run: |call| {
            let content = call.raw("content")?;
            Ok(Reply::result(&BTreeMap::from([("content", content)])))
        },
    },
    Tool {
        name: "list_records",
        description: "Returns one page of 1,000 records, and the number of the next page.",
        arguments: "page?: integer, size?: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            let size = call.get_or("size", 50_usize)?.max(1);
            let page: usize = call.get_or("page", 0)?;
            let begin = page.saturating_mul(size).min(1000);
            let end = begin.saturating_add(size).min(1000);
            let next = (end < 1000).then_some(page + 1);
            Ok(Reply::structured(
                &json!({ "records": records(begin, end), "next_page": next }),
            ))
        },
    },
    Tool {
        name: "secret_env",
        description: "Returns the value of an environment variable of the server.",
        arguments: "name: string",
        hints: Hints::ReadOnly,
        run: |call| {
            let value = std::env::var(call.get::<String>("name")?).unwrap_or_default();
            Ok(Reply::text(&value))
        },
    },
    Tool {
        name: "write",
        description: "Records a key and its value; a second time it records them twice.",
        arguments: "key: string, value: string",
        hints: Hints::Writes,
        run: |call| {
            let entry: (String, String) = (call.get("key")?, call.get("value")?);
            let mut state = call.state();
            // Some are not done the first time, of some nobody hears that they were.
            if entry.1 == "busy" && !state.refused.contains(&entry.0) {
                state.refused.push(entry.0);
                return Ok(Reply::error("busy, try again"));
            }
            let value = entry.1.clone();
            state.writes.push(entry);
            drop(state);
            if value == "slow" {
                thread::sleep(Duration::from_millis(300));
            }
            if value == "late" {
                return Ok(Reply::Rpc(-32001, "timed out waiting for the store".into()));
            }
            Ok(Reply::text("written"))
        },
    },
    Tool {
        name: "erase",
        description: "Forgets everything that was written.",
        arguments: "",
        hints: Hints::Destroys,
        run: |call| {
            call.state().writes.clear();
            Ok(Reply::text("erased"))
        },
    },
    Tool {
        name: "read_log",
        description: "Returns everything that was written, in order.",
        arguments: "",
        hints: Hints::ReadOnly,
        run: |call| {
            let writes = call.state().writes.clone();
            let writes: Vec<_> = writes
                .iter()
                .map(|(key, value)| json!({ "key": key, "value": value }))
                .collect();
            Ok(Reply::structured(&json!({ "writes": writes })))
        },
    },
    Tool {
        name: "change_tools",
        description: "Adds a tool, or marks one as destructive, and announces it.",
        arguments: "destroys?: string",
        hints: Hints::Writes,
        run: |call| {
            let destroys: String = call.get_or("destroys", String::new())?;
            let mut state = call.state();
            if destroys.is_empty() {
                state.added_tools += 1;
            } else {
                state.turned = Some(destroys);
            }
            let method = "notifications/tools/list_changed";
            if let Some(announce) = &state.announce {
                announce(&json!({ "jsonrpc": "2.0", "method": method }).to_string());
            }
            for (id, output) in &state.subscriptions {
                let params = json!({ "_meta": { SUBSCRIPTION_ID: id } });
                output(
                    &json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string(),
                );
            }
            Ok(Reply::text("changed"))
        },
    },
    Tool {
        name: "ask",
        description: "Sends the client a request and returns the client's whole answer.",
        arguments: "method: string, params?: any",
        hints: Hints::ReadOnly,
        run: |call| {
            let method: String = call.get("method")?;
            let params: Value = call.get_or("params", json!({}))?;
            let answer = call.ask(format!("ask-{}", call.id), &method, &params)?;
            Ok(Reply::text(&answer))
        },
    },
    Tool {
        name: "elicit",
        description: "Asks the human behind the client, and returns each answer.",
        arguments: "message?: string, schema?: any, url?: string, rounds?: integer, withdrawn?: boolean, id?: any",
        hints: Hints::ReadOnly,
        run: |call| call.elicit(),
    },
    Tool {
        name: "elicited",
        description: "Returns how many calls of elicit have begun.",
        arguments: "",
        hints: Hints::ReadOnly,
        run: |call| {
            let elicited = call.state().elicited;
            Ok(Reply::structured(&json!({ "elicited": elicited })))
        },
    },
    Tool {
        name: "input_required",
        description: "Asks for input in the way of revision 2026-07-28.",
        arguments: "",
        hints: Hints::ReadOnly,
        run: |_| {
            Ok(Reply::result(
                &json!({ "resultType": "input_required", "inputRequests": {} }),
            ))
        },
    },
    Tool {
        name: "noise",
        description: "Prints to stdout what does not belong there before it answers.",
        arguments: "",
        hints: Hints::ReadOnly,
        run: |call| {
            (call.output)("debug: noise was called");
            Ok(Reply::text("done"))
        },
    },
    Tool {
        name: "chatter",
        description: "Writes this many bytes to stderr before it answers.",
        arguments: "bytes: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            eprintln!("{}", "e".repeat(call.get("bytes")?));
            Ok(Reply::text("done"))
        },
    },
    Tool {
        name: "malformed",
        description: "Answers with a line that is not JSON, with or without a readable id.",
        arguments: "id?: boolean",
        hints: Hints::ReadOnly,
        run: |call| {
            let id = if call.get_or("id", true)? {
                format!(r#""id":{},"#, call.id)
            } else {
                String::new()
            };
            Ok(Reply::Line(format!(
                r#"{{"jsonrpc":"2.0",{id}"result":{{"content":[}}"#
            )))
        },
    },
    Tool {
        name: "die",
        description: "Ends the server instead of answering.",
        arguments: "",
        hints: Hints::Destroys,
        run: |_| {
            eprintln!("the fake upstream was told to die");
            process::exit(5)
        },
    },
];

/// Records `begin..end` of a table that is the same every time.
fn records(begin: usize, end: usize) -> Vec<Value> {
    const CITIES: [&str; 5] = ["Graz", "Lyon", "Porto", "Turku", "Gdańsk"];
    (begin..end)
        .map(|n| {
            json!({
                "id": n,
                "name": format!("Record {n}"),
                "city": CITIES[n % CITIES.len()],
                "amount": n * 37 % 1001,
                "active": n % 3 == 0,
            })
        })
        .collect()
}
