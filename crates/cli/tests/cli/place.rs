//! A place of its own for each test: home, settings, working directory; and what runs there.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// The settings stanza of a fake server.
pub(crate) fn fake(name: &str, options: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_toolmill"))
        .with_file_name("examples")
        .join("fake_upstream");
    let arguments: Vec<String> = options.iter().map(|option| format!("{option:?}")).collect();
    format!(
        "[upstream.{name}]\ncommand = {program:?}\nargs = [{}]\n",
        arguments.join(", ")
    )
}

/// The tier that this machine allows, found out without toolmill: `unshare` of util-linux makes the
/// same namespaces.
pub(crate) fn tier_here() -> &'static str {
    let all = ["user", "mount", "pid", "fork", "net", "ipc", "uts"].map(|name| format!("--{name}"));
    let mut unshare = Command::new("unshare");
    unshare
        .args(all)
        .args(["--map-root-user", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
    match unshare.output() {
        Ok(output) if output.status.success() => "full",
        _ => "strict",
    }
}

/// Looks at each of many things, as many at once as there are cores; what is wrong with them.
pub(crate) fn complaints<T: Sync>(
    things: &[T],
    complaint: impl Fn(&T) -> Option<String> + Sync,
) -> Vec<String> {
    let left = Mutex::new(things.iter());
    let look = || -> Vec<String> {
        let next = || left.lock().unwrap().next();
        std::iter::from_fn(next).filter_map(&complaint).collect()
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        let looking: Vec<_> = (0..cores).map(|_| scope.spawn(look)).collect();
        let found = looking.into_iter().flat_map(|one| one.join().unwrap());
        found.collect()
    })
}

impl Place {
    /// A place whose user has these settings.
    pub(crate) fn new(settings: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder };
        for name in ["work", "config/toolmill", "state", "run", "tmp"] {
            std::fs::create_dir_all(place.path(name)).unwrap();
        }
        place.write("config/toolmill/toolmill.toml", settings);
        place
    }

    /// A place with one fake server, `fake`.
    pub(crate) fn with_fake() -> Place {
        Place::new(&fake("fake", &[]))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toolmill"));
        command
            .args(arguments)
            .current_dir(self.path("work"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_RUNTIME_DIR", self.path("run"));
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a program and returns its exit code and what `run --json` says of it.
    pub(crate) fn run(&self, language: &str, code: &str) -> (i32, Value) {
        self.run_with(&["--language", language], code)
    }

    pub(crate) fn run_with(&self, options: &[&str], code: &str) -> (i32, Value) {
        run(
            self.command(&[&["run", "--json"], options, &["-"]].concat()),
            code,
        )
    }

    /// The value of a program that must succeed.
    pub(crate) fn value(&self, language: &str, code: &str) -> Value {
        let (exit, json) = self.run(language, code);
        assert_eq!(exit, 0, "{json:#}");
        json["value"].clone()
    }

    /// The error of a program that must fail, with its exit code.
    pub(crate) fn error(&self, language: &str, code: &str) -> (i32, Value) {
        let (exit, json) = self.run(language, code);
        assert_eq!(json["ok"], false, "{json:#}");
        (exit, json["error"].clone())
    }

    pub(crate) fn serve(&self) -> Agent {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, options: &[&str]) -> Agent {
        Agent::start(self.command(&[options, &["serve"]].concat()))
    }

    /// Everything any file below the place holds, as one text, for tests that look for secrets.
    pub(crate) fn every_file(&self) -> String {
        fn collect(folder: &Path, text: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    collect(&path, text);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    text.push_str(&String::from_utf8_lossy(&bytes));
                }
            }
        }
        let mut text = String::new();
        collect(&self.path("state"), &mut text);
        collect(&self.path("run"), &mut text);
        text
    }
}

/// Runs `run --json -` on a program and returns the exit code and what it says.
pub(crate) fn run(mut command: Command, code: &str) -> (i32, Value) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(code.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code().unwrap(), json)
}

/// The command that has `wrapper` execute `inner` where and as `inner` would be executed.
pub(crate) fn under(mut wrapper: Command, inner: &Command) -> Command {
    wrapper
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(inner.get_current_dir().expect("a place's command has one"))
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    wrapper
}

/// Puts into a request's parameters what each has in the modern era.
pub(crate) fn modern(params: &mut Value) {
    let meta = &mut params["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "1"});
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
}

/// Executes a command at a pseudo terminal; its first arguments are the dialogue, the
/// columns, and the seconds after which it is answered.
const TERMINAL: &str = "import fcntl, json, os, pty, struct, sys, termios, time
dialogue = [(text.encode(), answer.encode()) for text, answer in json.loads(sys.argv[1])]
shown, seen = b'', 0
begin, begins = os.pipe()
pid, fd = pty.fork()
if pid == 0:
    os.read(begin, 1)
    os.execv(sys.argv[4], sys.argv[4:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[2]), 0, 0))
if dialogue and not dialogue[0][0]:
    os.write(fd, dialogue.pop(0)[1])
os.write(begins, b'.')
while True:
    try:
        part = os.read(fd, 65536)
    except OSError:
        break
    if not part:
        break
    shown += part
    if dialogue and dialogue[0][0] in shown[seen:]:
        seen = len(shown)
        time.sleep(float(sys.argv[3]))
        os.write(fd, dialogue.pop(0)[1])
sys.stdout.buffer.write(shown)
if dialogue:
    sys.exit(f'nobody said {dialogue[0][0]} after {shown[seen:]}')
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

/// A command at a terminal of so many columns, at which somebody waits for a text and types an answer to
/// it, after having thought so long, again and again; the answer to an empty text is typed before the
/// command begins. What is shown there is its standard output.
pub(crate) fn at_terminal(
    inner: &Command,
    columns: u16,
    thinks: Duration,
    dialogue: &[(&str, &str)],
) -> Command {
    let mut python = Command::new("python3");
    let dialogue = json!(dialogue).to_string();
    let (columns, thinks) = (columns.to_string(), thinks.as_secs().to_string());
    python.args(["-c", TERMINAL, &dialogue, &columns, &thinks]);
    under(python, inner)
}

/// An agent connected to `toolmill serve` over its standard streams.
pub(crate) struct Agent {
    pub(crate) child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next_id: u64,
    modern: bool,
    /// What the client says it can do.
    pub(crate) capabilities: Value,
}

impl Agent {
    pub(crate) fn start(mut serve: Command) -> Agent {
        let mut child = serve
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Agent {
            child,
            input,
            output,
            next_id: 1,
            modern: false,
            capabilities: json!({}),
        }
    }

    /// Shakes hands in the legacy era and returns the server's answer.
    pub(crate) fn initialize(&mut self) -> Value {
        let answer = self.request(
            "initialize",
            json!({"protocolVersion": "2025-06-18", "capabilities": self.capabilities, "clientInfo": {"name": "test", "version": "1"}}),
        );
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        answer
    }

    /// Speaks the modern era from now on and returns the answer to `server/discover`.
    pub(crate) fn discover(&mut self) -> Value {
        self.modern = true;
        self.request("server/discover", json!({}))
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let input = self
            .input
            .as_mut()
            .expect("the agent has not closed its end");
        writeln!(input, "{message}").unwrap();
        input.flush().unwrap();
    }

    /// Sends a request and returns its id.
    pub(crate) fn ask(&mut self, method: &str, mut params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        if self.modern {
            modern(&mut params);
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
                self.capabilities.clone();
        }
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Value {
        let mut line = String::new();
        let length = self.output.read_line(&mut line).unwrap();
        assert!(length > 0, "the gateway closed its end");
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a request and returns its answer; other messages are passed over.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Calls a tool and returns its text and whether it is an error.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> (String, bool) {
        let answer = self.request("tools/call", json!({"name": tool, "arguments": arguments}));
        let result = &answer["result"];
        let content = result["content"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer:#}"));
        assert_eq!(content.len(), 1, "one text block: {answer:#}");
        assert!(result.get("structuredContent").is_none(), "{answer:#}");
        (
            content[0]["text"].as_str().unwrap().to_owned(),
            result["isError"] == true,
        )
    }

    pub(crate) fn execute(&mut self, language: &str, code: &str) -> (String, bool) {
        self.call("execute_code", json!({"language": language, "code": code}))
    }

    /// Closes the agent's end.
    pub(crate) fn hang_up(&mut self) {
        drop(self.input.take());
    }

    /// Closes the agent's end and returns what the gateway wrote to its standard error.
    pub(crate) fn close(mut self) -> String {
        use std::io::Read;
        self.hang_up();
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        self.child.wait().unwrap();
        stderr
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Languages a test goes through; TypeScript stands for JavaScript too, which the guest treats alike.
pub(crate) const LANGUAGES: [&str; 2] = ["python", "typescript"];

/// Every process below `pid`, and itself.
pub(crate) fn family_of(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut index = 0;
    while index < family.len() {
        for task in std::fs::read_dir(format!("/proc/{}/task", family[index]))
            .into_iter()
            .flatten()
            .flatten()
        {
            let children =
                std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
        index += 1;
    }
    family
}

/// Waits until none of these processes is left; fails when some are after half a minute.
pub(crate) fn wait_until_gone(processes: &[u32]) {
    let alive = |pid: &&u32| {
        // A zombie nobody has waited for yet has ended.
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    let mut left: Vec<&u32> = Vec::new();
    for _ in 0..3000 {
        left = processes.iter().filter(alive).collect();
        if left.is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("still there: {left:?}");
}

/// Waits until something is so; fails when it is not after a minute.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("not after a minute: {what}");
}
