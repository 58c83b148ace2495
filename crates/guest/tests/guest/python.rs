//! Programs in Python, run by a real interpreter that is locked down by an empty table.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use protocol::{
    Call, Check, Checked, Decoder, Done, ErrorCode, Failed, Form, Job, Kind, Limits, Message,
    Place, ProgramError, Raise, Ready, Repeats, Written, WrittenCall, frames, message,
};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use toolmill_guest::python::{Interpreter, RUNTIME, arguments, find};

/// The first usable interpreter; `TOOLMILL_TEST_PYTHON` names one to prefer, so that the tables
/// below can be run on each version.
pub(crate) fn interpreter() -> Option<&'static Interpreter> {
    static FOUND: OnceLock<Option<Interpreter>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let preferred: Vec<PathBuf> = std::env::var_os("TOOLMILL_TEST_PYTHON")
            .map(PathBuf::from)
            .into_iter()
            .collect();
        let path = std::env::var_os("PATH").unwrap_or_default();
        find(&preferred, &path, false, None)
            .into_iter()
            .find_map(|candidate| candidate.outcome.ok())
    });
    if found.is_none() {
        println!("skipped: no python3 ≥ 3.9 found");
    }
    found.as_ref()
}

/// What a guest is told.
struct Setting {
    in_flight: u32,
    message_bytes: u64,
    threads: u32,
    /// What the host says of the calls in the program's text.
    checked: Checked,
}

const USUAL: Setting = Setting {
    in_flight: 256,
    message_bytes: 64 << 20,
    threads: 64,
    checked: Checked { error: None },
};

/// What a host saw of a program.
struct Run {
    done: Done,
    /// The body of its check, if it asked for one.
    check: Option<Vec<u8>>,
    /// Path and named arguments of each call.
    calls: Vec<String>,
    most_open: usize,
    stdout: String,
}

impl Run {
    /// Value, or error and its line, in one line.
    fn outcome(&self) -> String {
        match (&self.done.value, &self.done.error) {
            (Some(value), None) => value.get().to_owned(),
            (None, None) => "nothing".to_owned(),
            (None, Some(error)) => {
                let line = error.line.map_or("?".into(), |line| line.to_string());
                format!("{} {line}: {}", error.code, error.message)
            }
            (Some(_), Some(_)) => "both a value and an error".to_owned(),
        }
    }

    fn hint(&self) -> &str {
        let error = self.done.error.as_ref().expect("an error");
        error.hint.as_deref().unwrap_or("")
    }
}

/// A zygote, or its guest, over its channel, and a server `test` for it: `echo` answers with its named arguments,
/// else its positional ones; `fail` raises; `together` waits until as many calls as `of` says are
/// open, and then answers each with its `id`, the last first; `zeros` answers with a long string.
struct Guest {
    process: Child,
    channel: UnixStream,
    decoder: Decoder,
    /// A guest's control socket, lifeline and standard output.
    zygote: Option<(UnixStream, UnixStream, std::io::PipeReader)>,
}

impl Guest {
    fn start(interpreter: &Interpreter) -> Guest {
        let (channel, theirs) = UnixStream::pair().unwrap();
        // A guest that hangs fails its test.
        channel
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        // The shell makes descriptor 3 of the channel, as the launcher does.
        let process = Command::new("/bin/sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 </dev/null"])
            .args(arguments(&interpreter.path))
            .env_clear()
            .current_dir(workspace())
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut guest = Guest {
            process,
            channel,
            decoder: Decoder::new(Limits::default()),
            zygote: None,
        };
        guest.send(Kind::Runtime, 0, RUNTIME.as_bytes());
        guest
    }

    /// Has the zygote, once it is locked down, fork its guest.
    fn fork(mut self) -> Guest {
        let (channel, theirs) = UnixStream::pair().unwrap();
        channel
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let (stdout, stdout_write) = std::io::pipe().unwrap();
        let (lifeline, lifeline_theirs) = UnixStream::pair().unwrap();
        let passed = [
            stdout_write.as_fd(),
            stdout_write.as_fd(),
            theirs.as_fd(),
            lifeline_theirs.as_fd(),
        ];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        rights.push(SendAncillaryMessage::ScmRights(&passed));
        let request = [IoSlice::new(b"F")];
        sendmsg(&self.channel, &request, &mut rights, SendFlags::empty()).unwrap();
        let zygote = std::mem::replace(&mut self.channel, channel);
        self.zygote = Some((zygote, lifeline, stdout));
        self.decoder = Decoder::new(Limits::default());
        self
    }

    /// What the guest printed, and that it and its zygote ended well.
    fn end(mut self) -> String {
        let (zygote, mut lifeline, mut pipe) = self.zygote.take().expect("a guest");
        let mut messages = [0; 10];
        lifeline.read_exact(&mut messages).unwrap();
        assert_eq!((messages[0], messages[5]), (1, 3), "started, then ended");
        assert_eq!(messages[6..], [0; 4], "with exit code 0");
        drop(zygote);
        assert!(self.process.wait().unwrap().success());
        let mut stdout = String::new();
        pipe.read_to_string(&mut stdout).unwrap();
        stdout
    }

    fn send(&mut self, kind: Kind, id: u32, body: &[u8]) {
        for (header, chunk) in frames(kind, id, body) {
            self.channel.write_all(&[&header, chunk].concat()).unwrap();
        }
    }

    fn receive(&mut self) -> Option<Message> {
        let mut buffer = [0; 65536];
        loop {
            if let Some(message) = self.decoder.next().unwrap() {
                return Some(message);
            }
            match self.channel.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.decoder.push(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the guest hangs: {error}"),
            }
        }
    }

    fn serve(mut self, checked: &Checked) -> Run {
        let (mut calls, mut open, mut most_open) = (Vec::new(), Vec::new(), 0);
        let mut check = None;
        let done = loop {
            let message = self.receive().expect("a guest says how it ended");
            if message.kind == Kind::Done {
                break message::decode(&message.body).unwrap();
            }
            if message.kind == Kind::Check {
                assert!(check.is_none() && calls.is_empty(), "once, before it runs");
                check = Some(message.body);
                self.send(Kind::Checked, 0, &message::encode(checked));
                continue;
            }
            assert_eq!(message.kind, Kind::Call);
            let call: Call = message::decode(&message.body).unwrap();
            let named: HashMap<&str, &str> = call
                .named
                .0
                .iter()
                .map(|(name, value)| (name.as_str(), value.get()))
                .collect();
            let arguments: Vec<String> = match call.named.0.as_slice() {
                [] => call
                    .positional
                    .iter()
                    .map(|value| value.get().to_owned())
                    .collect(),
                named => named
                    .iter()
                    .map(|(name, value)| format!("{name:?}:{}", value.get()))
                    .collect(),
            };
            let form = match call.form {
                Form::Value => "",
                Form::Whole => ".whole",
                Form::Raw => ".raw",
                Form::Keep => ".keep",
            };
            calls.push(format!("{}{form}({})", call.path, arguments.join(",")));
            most_open = most_open.max(open.len() + 1);
            match call.path.as_str() {
                "test.fail" => {
                    let raise = Raise {
                        code: ErrorCode::ToolError,
                        message: "Not Found".into(),
                        tool: Some("test.fail".into()),
                        server: Some("test".into()),
                        retryable: true,
                        fix: Some("tools.test.echo()".into()),
                        signature: None,
                    };
                    self.send(Kind::Raise, message.id, &message::encode(&raise));
                }
                "test.together" => {
                    open.push((message.id, named["id"].to_owned()));
                    if open.len() == named["of"].parse::<usize>().unwrap() {
                        for (id, answer) in std::mem::take(&mut open).into_iter().rev() {
                            self.send(Kind::Return, id, answer.as_bytes());
                        }
                    }
                }
                "test.zeros" => {
                    let count = named["count"].parse().unwrap();
                    let answer = format!("\"{}\"", "0".repeat(count));
                    self.send(Kind::Return, message.id, answer.as_bytes());
                }
                _ if call.named.0.is_empty() => {
                    let answer = format!("[{}]", arguments.join(","));
                    self.send(Kind::Return, message.id, answer.as_bytes());
                }
                _ => {
                    let answer = format!("{{{}}}", arguments.join(","));
                    self.send(Kind::Return, message.id, answer.as_bytes());
                }
            }
        };
        // It waits to be ended.
        self.channel.shutdown(Shutdown::Write).unwrap();
        assert!(self.receive().is_none(), "nothing follows Done");
        Run {
            done,
            check,
            calls,
            most_open,
            stdout: self.end(),
        }
    }
}

fn workspace() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-workspace");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run_in(setting: &Setting, interpreter: &Interpreter, code: &str) -> Run {
    let mut guest = Guest::start(interpreter);
    let nothing = br#"{"steps":[],"probes":[]}"#;
    for _of in ["zygote", "guest"] {
        guest.send(Kind::Lockdown, 0, nothing);
    }
    assert_eq!(guest.receive().unwrap().kind, Kind::Ready);
    let mut guest = guest.fork();
    assert_eq!(guest.receive().unwrap().kind, Kind::Ready);
    // A program must not notice that another went its way before it.
    for kind in [Kind::WarmUp, Kind::Lockdown] {
        guest.send(kind, 0, nothing);
        assert_eq!(guest.receive().unwrap().kind, Kind::Ready);
    }
    let job = Job {
        language: "python".into(),
        code: code.into(),
        in_flight: setting.in_flight,
        message_bytes: setting.message_bytes,
        threads: setting.threads,
        mark: "mark:".into(),
    };
    guest.send(Kind::Job, 0, &message::encode(&job));
    guest.serve(&setting.checked)
}

/// Runs each program and compares its outcome; expectations that end in `…` are beginnings.
fn check(table: &[(&str, &str)]) {
    let Some(interpreter) = interpreter() else {
        return;
    };
    for (code, expected) in table {
        let outcome = run_in(&USUAL, interpreter, code).outcome();
        let same = match expected.strip_suffix('…') {
            Some(start) => outcome.starts_with(start),
            None => outcome == *expected,
        };
        assert!(
            same,
            "\n{code}\n  expected: {expected}\n  outcome:  {outcome}"
        );
    }
}

fn run(code: &str) -> Option<Run> {
    interpreter().map(|interpreter| run_in(&USUAL, interpreter, code))
}

/// Runs a program that must hold `open` calls at once, and compares its value.
fn check_together(open: usize, table: &[(&str, &str)]) {
    for (code, expected) in table {
        let Some(run) = run(code) else { return };
        assert_eq!(run.outcome(), *expected, "{code}");
        assert_eq!(run.most_open, open, "{code}");
    }
}

#[test]
fn the_value_is_found_by_rule() {
    check(&[
        ("1 + 1", "2"),
        ("", "nothing"),
        ("x = 1", "nothing"),
        ("'a text'", "\"a text\""),
        ("return {'a': 1}", "{\"a\":1}"),
        ("return\n1", "null"),
        ("if False:\n    return 1\n2", "2"),
        (
            "x: int = 5\ndef f():\n    return x\nfor i in [1, 2]:\n    if i == 2:\n        return f() + i",
            "7",
        ),
        (
            "from __future__ import annotations\nimport os\nwith open(os.devnull) as f:\n    return f.read()",
            "\"\"",
        ),
        ("try:\n    return 1\nexcept:\n    return 2", "1"),
        (
            "n = 0\ndef bump():\n    global n\n    n += 1\nbump()\nreturn [n for _ in range(2)]",
            "[1,1]",
        ),
        (
            "if 1 > 2:\n    'a'\nelif 2 > 1:\n    'b'\nelse:\n    'c'",
            "\"b\"",
        ),
        (
            "try:\n    1 / 0\nexcept ZeroDivisionError:\n    'caught'",
            "\"caught\"",
        ),
        ("if __name__ == '__main__':\n    5", "5"),
        ("result = 3\nprint(4)", "3"),
        ("result = 3\n4", "4"),
        ("result = 3\nNone", "null"),
        ("print(4)", "nothing"),
        ("import pprint\npprint.pprint(4)", "nothing"),
        ("def main():\n    return 7", "7"),
        ("X = 2\ndef only(a=1):\n    return a + X", "3"),
        (
            "async def main():\n    return tools.test.echo(x=1)",
            "{\"x\":1}",
        ),
        ("def f(a):\n    return a", "nothing"),
        ("def f(): return 1\ndef g(): return 2", "nothing"),
        ("def main(): return 1\nprint(main())", "nothing"),
        ("import asyncio\nasync def m(): return 5\nm()", "5"),
        (
            "from os import *\nreturn 1",
            "syntax 1: `import *` and a top-level return…",
        ),
        ("raise SystemExit", "nothing"),
        ("import sys\nsys.exit(3)", "exception 2: SystemExit: 3"),
        ("exit()", "nothing"),
    ]);
    if let Some(run) = run("def main():\n    return 7") {
        assert_eq!(
            run.done.notes,
            ["main() was called, since the program only defines it"]
        );
    }
    if let Some(run) = run("result = 3\nNone") {
        assert_eq!(run.done.notes.len(), 1);
    }
}

#[test]
fn values_become_json() {
    check(&[
        ("12345678901234567890123", "12345678901234567890123"),
        ("10 ** 5000 == int('1' + '0' * 5000)", "true"),
        (
            "{1: 2, None: 3, True: 4, 1.5: 5}",
            "{\"1\":4,\"null\":3,\"1.5\":5}",
        ),
        ("{(1, 2): 3}", "{\"(1, 2)\":3}"),
        (
            "({3, 1, 2}, frozenset('b'), range(2), (i for i in 'xy'))",
            "[[1,2,3],[\"b\"],[0,1],[\"x\",\"y\"]]",
        ),
        ("{1, 'a'}", "[1,\"a\"]"),
        (
            "import itertools\nitertools.count()",
            "exception ?: TypeError: value has more than 1,000,000 items",
        ),
        (
            "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: tuple = ()\n[P(1)]",
            "[{\"x\":1,\"y\":[]}]",
        ),
        (
            "import datetime, decimal, enum\nclass E(enum.Enum):\n    A = 'a'\n[datetime.datetime(2024, 1, 2, 3), datetime.date(2024, 1, 2), decimal.Decimal('1.50'), E.A]",
            "[\"2024-01-02T03:00:00\",\"2024-01-02\",1.50,\"a\"]",
        ),
        ("[b'hi', bytearray(b'ho')]", "[\"hi\",\"ho\"]"),
        (
            "{'a': [b'\\xff']}",
            "exception ?: TypeError: value.a[0] is bytes that are not UTF-8 text",
        ),
        (
            "{'rows': [1.0, float('nan'), -float('inf')]}",
            "{\"rows\":[1.0,null,null]}",
        ),
        ("'a\\ud800b'", "\"a\u{fffd}b\""),
        ("'\\ud83d\\ude00'", "\"😀\""),
        (
            "x = []\nx.append({'x': x})\nx",
            "exception ?: TypeError: value[0].x contains itself",
        ),
        (
            "x = []\nfor _ in range(150):\n    x = [x]\nx",
            "exception ?: TypeError: value[0][0]…",
        ),
        ("x = []\nfor _ in range(90):\n    x = [x]\nlen([x])", "1"),
        (
            "{'a b': object()}",
            "exception ?: TypeError: value['a b'] is of type object, which JSON does not have",
        ),
        (
            "tools.test",
            "exception ?: TypeError: value is the tool <tool test>, not its result",
        ),
        (
            "def g():\n    yield 1\n    yield 1 / 0\ng()",
            "exception 3: ZeroDivisionError: division by zero",
        ),
    ]);
    if let Some(run) = run("{'rows': [1.0, float('nan')]}") {
        assert_eq!(run.done.notes, ["value.rows[1] was nan and became null"]);
    }
}

#[test]
fn paths_below_tools_are_calls() {
    let Some(run) = run("import toolmill, copy, tools.deep as deep\n\
        from tools import test, ToolError as E\n\
        from tools.test import echo\n\
        from toolmill import tools as t\n\
        tools.test.echo(1, [2], x='y')\n\
        tools['my-server']['x.y'](z=10**20)\n\
        call_tool('test.echo', {'a': 1}, b=2)\n\
        call_tool('tools.test.echo')\n\
        tools.test.echo.raw()\n\
        search_tools('find it')\n\
        t.search_tools('again')\n\
        echo(c=3)\n\
        copy.deepcopy(test.echo)(d=4)\n\
        deep.er()\n\
        [repr(test.echo), E is ToolError, hasattr(tools, '__wrapped__'), hasattr(tools, 'x'), {echo: 1}[test.echo]]")
    else {
        return;
    };
    assert_eq!(run.outcome(), "[\"<tool test.echo>\",true,false,true,1]");
    assert_eq!(
        run.calls,
        [
            "test.echo(\"x\":\"y\")",
            "my-server.x.y(\"z\":100000000000000000000)",
            "test.echo(\"a\":1,\"b\":2)",
            "test.echo()",
            "test.echo.raw()",
            "search_tools(\"find it\")",
            "search_tools(\"again\")",
            "test.echo(\"c\":3)",
            "test.echo(\"d\":4)",
            "deep.er()",
        ]
    );
    check(&[
        (
            "for t in tools: pass",
            "exception 1: TypeError: 'Root' object is not iterable",
        ),
        (
            "tools.test.echo[0]",
            "exception 1: TypeError: <tool test.echo> is a tool, not its result: call it first",
        ),
        ("tools()", "exception 1: TypeError: tools is no tool…"),
    ]);
}

/// A call as the host hears of it, in one line: `line:column-end path(name@column-end text = value)`.
fn written(call: &WrittenCall) -> String {
    let at = |place: Place, of: u32| {
        let line = if place.line == of {
            String::new()
        } else {
            format!("{}:", place.line)
        };
        format!("{line}{}-{}", place.column, place.end_column)
    };
    let argument = |name: &str, argument: &Written| {
        let mut line = format!("{name}@{}", at(argument.place, call.place.line));
        if let Some(text) = &argument.text {
            line += &format!(" {text}");
        }
        if let Some(value) = argument.value {
            line += &format!(" = {}", value.get());
        }
        line
    };
    let positional = call.positional.iter().map(|value| argument("", value));
    let named = call.named.iter().map(|(name, value)| argument(name, value));
    let more = call.open.then(|| "...".to_owned());
    let arguments: Vec<String> = positional.chain(named).chain(more).collect();
    let certain = if call.certain { " certain" } else { "" };
    let repeats = match call.repeats {
        Repeats::No => "",
        Repeats::Each => " each",
        Repeats::Endless => " endless",
    };
    let place = at(call.place, 0);
    format!(
        "{place} {}({}){certain}{repeats}",
        call.path,
        arguments.join(", ")
    )
}

/// Compares what a program's text is said to call; nothing stands for no question at all.
fn check_written(table: &[(&str, &[&str])]) {
    for (code, expected) in table {
        let Some(run) = run(code) else { return };
        let calls: Vec<String> = match &run.check {
            Some(body) => {
                let check: Check = message::decode(body).unwrap();
                assert!(!check.calls.is_empty(), "{code}");
                check.calls.iter().map(written).collect()
            }
            None => Vec::new(),
        };
        assert_eq!(calls, *expected, "\n{code}");
    }
}

#[test]
fn the_calls_in_the_text_are_told_before_anything_runs() {
    check_written(&[
        ("1 + 1", &[]),
        ("'tools'", &[]),
        ("search_tools('find it')\ntools.search_tools('again')", &[]),
        ("raise tools.ToolError('mine')", &[]),
        ("import toolmill as t\nt.a.b()", &["2:1-8 a.b() certain"]),
        (
            "tools.a.b(x=1, y='ä', z = [1.5, -2, None, (True,)], w={'k': 10**2})",
            &[
                "1:1-68 a.b(x@11-14 1 = 1, y@16-21 'ä' = \"ä\", z@23-51 [1.5, -2, None, (True,)] = [1.5,-2,null,[true]], w@53-67 {'k': 10**2}) certain",
            ],
        ),
        (
            "'ü'; r = tools['my-server']['x.y'](1, n)['k']",
            &["1:10-41 my-server.x.y(@36-37 1 = 1, @39-40 n) certain"],
        ),
        (
            "tools.a.b(\n    x=123456789012345678901234567890,\n    text=\"\"\"one\ntwo\"\"\",\n    inf=1e999,\n)",
            &[
                "1:1-11 a.b(x@2:5-37 123456789012345678901234567890 = 123456789012345678901234567890, text@3:5-16 = \"one\\ntwo\", inf@5:5-14 1e999) certain",
            ],
        ),
        (
            "tools.a.b(*xs)\ntools.a.b(1, *xs, 2)\ntools.a.b(**{'x': 1, 'y': n})\ntools.a.b(z=1, **more)\ntools.a.b(**{'x': 1, **more})",
            &[
                "1:1-15 a.b(...) certain",
                "2:1-21 a.b(@11-12 1 = 1, ...) certain",
                "3:1-30 a.b(x@14-20 1 = 1, y@22-28 n) certain",
                "4:1-23 a.b(z@11-14 1 = 1, ...) certain",
                "5:1-30 a.b(...) certain",
            ],
        ),
        (
            "call_tool('a.b', {'x': 1})\ncall_tool('tools.a.b', y=2)\ntools.call_tool('a.b', args)\ncall_tool(name, {})\ncall_tool('a.b', 1, 2)",
            &[
                "1:1-27 a.b(x@19-25 1 = 1) certain",
                "2:1-28 a.b(y@24-27 2 = 2) certain",
                "3:1-29 a.b(...) certain",
                "5:1-23 a.b(@18-19 1 = 1, @21-22 2 = 2) certain",
            ],
        ),
        (
            "tools.a.b.raw(x=1)\ntools.a.raw(x=1)\ntools.a.b['raw']()\ntools.a.b.raw.raw()",
            &[
                "1:1-19 a.b(x@15-18 1 = 1) certain",
                "2:1-17 a.raw(x@13-16 1 = 1) certain",
                "3:1-19 a.b.raw() certain",
                "4:1-20 a.b.raw() certain",
            ],
        ),
        // The places within an f-string are known from Python 3.12 on.
        ("x = f'{1}' + str(tools.a.b())", &["1:18-29 a.b() certain"]),
        // Names that stand for tools, and those that may stand for something else.
        (
            "from tools import github as gh, call_tool as ct\nfrom tools.slack import post\nimport tools.fs as fs, toolmill\nf = g = gh.list\nh: object = f\ngh.get()\npost()\nfs.read()\nf(); g.raw(); h()\nct('x.y')\ntoolmill.tools.z.w()\n(k := tools.a.b)(1)\nk()",
            &[
                "6:1-9 github.get() certain",
                "7:1-7 slack.post() certain",
                "8:1-10 fs.read() certain",
                "9:1-4 github.list() certain",
                "9:6-13 github.list() certain",
                "9:15-18 github.list() certain",
                "10:1-10 x.y() certain",
                "11:1-21 z.w() certain",
                "13:1-4 a.b() certain",
            ],
        ),
        (
            "import tools\ndef f():\n    import tools\n    return tools.a.b()\nf()",
            &["4:12-23 a.b() certain"],
        ),
        (
            "class tools:\n    class a:\n        b = print\ntools.a.b()",
            &[],
        ),
        ("def f(tools):\n    return tools.get()\nf({}.copy)\n", &[]),
        ("f = tools.a.b\nf = print\nf()", &[]),
        ("for f in [tools.a.b]:\n    f()", &[]),
        (
            "with tools.a.b() as call_tool:\n    call_tool('a.b')",
            &["1:6-17 a.b() certain"],
        ),
        ("getattr(tools, 'a').b()\ntools['a' + 'b'].c()", &[]),
        ("def f():\n    open = tools.fs.open\nopen('x')", &[]),
        ("a = a.b\na()\ntools", &[]),
    ]);
}

#[test]
fn a_call_is_certain_only_where_nothing_can_prevent_or_catch_it() {
    // Whether the call of `a.b` in it is certain.
    let table: &[(bool, &str)] = &[
        (true, "tools.a.b() or 5"),
        (true, "tools.a.b()\nif x:\n    exit()"),
        (true, "x = [y for y in tools.a.b()]"),
        (true, "for x in tools.a.b():\n    pass"),
        (true, "with tools.a.b() as x:\n    pass"),
        (true, "if tools.a.b():\n    pass"),
        (true, "print(f'{tools.a.b()}')"),
        (true, "return {'x': tools.a.b()}"),
        (true, "print(tools.a.b(), file=None)"),
        (true, "if __name__ == '__main__':\n    tools.a.b()"),
        (true, "def main():\n    tools.a.b()\nmain()"),
        (
            true,
            "def main():\n    return tools.a.b()\nif __name__ == '__main__':\n    main()",
        ),
        (true, "def main():\n    return tools.a.b()"),
        (
            true,
            "async def main():\n    return await tools.a.b()\nawait main()",
        ),
        (
            true,
            "async def main():\n    return await tools.a.b()\nmain()",
        ),
        (
            true,
            "async def main():\n    return await tools.a.b()\nreturn main()",
        ),
        (
            true,
            "import asyncio\nasync def main():\n    return await tools.a.b()\nasyncio.run(main())",
        ),
        (
            true,
            "import asyncio\nasync def main():\n    return tools.a.b()\nasyncio.get_event_loop().run_until_complete(main())",
        ),
        (
            true,
            "import asyncio\nawait asyncio.gather(tools.a.b(), *[tools.a.c()])",
        ),
        (
            true,
            "import asyncio\nasync def one():\n    return tools.a.b()\nasync def main():\n    r = await asyncio.gather(one(), one())\n    return r\nasyncio.run(main())",
        ),
        (
            true,
            "import asyncio\nr = tools.a.b()\nprint(r)\nasync def f(): pass\nawait f()",
        ),
        (
            true,
            "def inner():\n    return tools.a.b()\ndef outer():\n    if x:\n        pass\n    return inner()\nouter()",
        ),
        (
            true,
            "def f():\n    def g():\n        return 1\n    return tools.a.b()\nf()",
        ),
        (false, "if x:\n    tools.a.b()"),
        (false, "if x:\n    pass\nelse:\n    tools.a.b()"),
        (false, "x = tools.a.b() if x else 1"),
        (false, "x and tools.a.b()"),
        (false, "1 < x < tools.a.b()"),
        (false, "for x in []:\n    tools.a.b()"),
        (false, "while x:\n    tools.a.b()"),
        (false, "while tools.a.b():\n    break"),
        (false, "try:\n    tools.a.b()\nexcept ToolError:\n    pass"),
        (false, "try:\n    x\nexcept NameError:\n    tools.a.b()"),
        (false, "with x:\n    tools.a.b()"),
        (
            false,
            "import contextlib\nwith contextlib.suppress(ToolError):\n    tools.a.b()",
        ),
        (false, "assert tools.a.b()"),
        (false, "lambda: tools.a.b()"),
        (false, "[tools.a.b() for _ in x]"),
        (false, "sorted(x, key=lambda y: tools.a.b())"),
        (false, "if x:\n    return 1\ntools.a.b()"),
        (false, "return 1\ntools.a.b()"),
        (
            false,
            "def f():\n    if x:\n        return 1\n    tools.a.b()\nf()",
        ),
        (
            false,
            "def f():\n    for y in x:\n        if y:\n            raise KeyError\n    tools.a.b()\nf()",
        ),
        (false, "import sys\nif x:\n    sys.exit()\ntools.a.b()"),
        (
            false,
            "import sys\ndef end():\n    sys.exit()\nend()\ntools.a.b()",
        ),
        (
            false,
            "def f():\n    while True:\n        pass\n    tools.a.b()\nf",
        ),
        (false, "def f():\n    tools.a.b()\nf"),
        (false, "def f():\n    tools.a.b()\nif x:\n    f()"),
        (
            false,
            "def f():\n    tools.a.b()\ntry:\n    f()\nexcept ToolError:\n    pass",
        ),
        (false, "def f():\n    yield tools.a.b()\nf()\n0"),
        (
            false,
            "import functools\n@functools.cache\ndef f():\n    tools.a.b()\nf()",
        ),
        (false, "def f():\n    tools.a.b()\ndef f():\n    pass\nf()"),
        (
            false,
            "class A:\n    def f(self):\n        tools.a.b()\nA().f()",
        ),
        (
            false,
            "class A:\n    def list(self):\n        tools.a.b()\nlist()",
        ),
        (false, "async def f():\n    tools.a.b()\nf()\n0"),
        (false, "async def f():\n    tools.a.b()\nx = [f()]\n0"),
        (
            false,
            "import asyncio\nawait asyncio.gather(tools.a.b(), return_exceptions=True)",
        ),
        (
            false,
            "import asyncio\nawait asyncio.gather(tools.a.b(), **{})",
        ),
        (
            false,
            "import asyncio\nawait asyncio.wait([tools.a.b()])\n0",
        ),
        (
            false,
            "import asyncio\nt = asyncio.create_task(tools.a.b())\nawait t",
        ),
        (
            false,
            "import asyncio\nt = tools.a.b()\ntry:\n    await t\nexcept ToolError:\n    pass",
        ),
        (false, "result = 1\ndef main():\n    tools.a.b()"),
        (false, "def main(n):\n    tools.a.b()"),
        (false, "exec('x = 1')\ntools.a.b()"),
        (false, "from os import *\ntools.a.b()"),
    ];
    for (expected, code) in table {
        let Some(run) = run(code) else { return };
        let body = run.check.unwrap_or_else(|| panic!("a check of\n{code}"));
        let check: Check = message::decode(&body).unwrap();
        let call = check.calls.iter().find(|call| call.path == "a.b");
        assert_eq!(call.unwrap().certain, *expected, "\n{code}");
    }
}

#[test]
fn a_call_in_a_loop_repeats() {
    use Repeats::{Each, Endless, No};
    let table: &[(Repeats, &str)] = &[
        (No, "for x in tools.a.b():\n    pass"),
        (No, "for x in []:\n    pass\nelse:\n    tools.a.b()"),
        (Each, "for x in []:\n    tools.a.b()"),
        (Each, "while x:\n    tools.a.b()"),
        (Each, "while tools.a.b():\n    break"),
        (Each, "[tools.a.b() for x in y]"),
        (Each, "{x: 1 for x in y if tools.a.b()}"),
        (No, "[x for x in tools.a.b()]"),
        (Each, "while True:\n    tools.a.b()\n    if 1: break"),
        (
            Each,
            "def f():\n    while True:\n        try:\n            tools.a.b()\n        except ToolError:\n            raise\nf",
        ),
        (
            Each,
            "def f():\n    while 1:\n        if tools.a.b():\n            return 1\nf",
        ),
        (
            Each,
            "def f():\n    while True:\n        yield tools.a.b()\nf",
        ),
        (
            Each,
            "try:\n    while True:\n        tools.a.b(next(iter([])))\nexcept StopIteration:\n    pass",
        ),
        (Each, "while True:\n    tools.a.b()\n    exit()"),
        (Endless, "def f():\n    while True:\n        tools.a.b()\nf"),
        (
            Each,
            "def f():\n    while True:\n        tools.a.b()\ndef g(f):\n    f.cancel()\nf",
        ),
        (
            Endless,
            "def f():\n    while 1:\n        for x in tools.a.b():\n            break\nf",
        ),
        (
            Endless,
            "def f():\n    while True:\n        for x in y:\n            tools.a.b()\nf",
        ),
        (
            Each,
            "def f():\n    for x in y:\n        while True:\n            break\n        tools.a.b()\nf",
        ),
        (No, "for x in []:\n    def f():\n        tools.a.b()"),
        (
            Each,
            "def f():\n    while True:\n        [tools.a.b() for x in y]\n        if x: return\nf",
        ),
    ];
    for (expected, code) in table {
        let Some(run) = run(code) else { return };
        let body = run.check.unwrap_or_else(|| panic!("a check of\n{code}"));
        let check: Check = message::decode(&body).unwrap();
        assert_eq!(check.calls[0].repeats, *expected, "\n{code}");
    }
}

#[test]
fn a_program_that_would_fail_does_not_begin() {
    let Some(interpreter) = interpreter() else {
        return;
    };
    let error = ProgramError {
        line: Some(4),
        column: Some(1),
        fix: Some("tools.test.echo(x=1)".into()),
        ..ProgramError::new(ErrorCode::UnknownTool, "there is no tool test.ecko")
    };
    let refusing = Setting {
        checked: Checked {
            error: Some(error.clone()),
        },
        ..USUAL
    };
    let code = "Here:\n```\nprint('it runs')\ntools.test.ecko(x=1)\n```";
    let run = run_in(&refusing, interpreter, code);
    assert_eq!(run.done.error, Some(error));
    assert_eq!(
        run.done.notes,
        ["text around the fenced program was ignored"]
    );
    assert!(run.calls.is_empty() && run.stdout.is_empty());
    let run = run_in(&refusing, interpreter, "print('no calls')");
    assert_eq!(run.stdout, "no calls\n");
    // What cannot be compiled says so itself.
    let run = run_in(&refusing, interpreter, "tools.test.echo()\nbreak");
    assert_eq!(run.done.error.unwrap().code, ErrorCode::Syntax);
}

#[test]
fn a_text_of_many_or_deep_calls_is_read_as_far_as_it_goes() {
    let Some(many) = run(&"tools.test.echo(x=1)\n".repeat(300)) else {
        return;
    };
    let told: Check = message::decode(many.check.as_deref().unwrap()).unwrap();
    assert_eq!(told.calls.len(), Check::MOST_CALLS);
    assert_eq!(many.calls.len(), 300);
    let deep = format!("len(tools.test.echo({}1))", "1 + ".repeat(800));
    let long = format!("tools.test.echo(x='{}')['x'][:3]", "x".repeat(20_000));
    check(&[(&deep, "1"), (&long, "\"xxx\"")]);
    check_written(&[
        (&long, &["1:1-20022 test.echo(x@17-20021) certain"]),
        (&format!("tools.test.echo({})", "1, ".repeat(101)), &[]),
    ]);
}

#[test]
fn failing_calls_raise_tool_errors() {
    check(&[
        (
            "try:\n    tools.test.fail()\nexcept ToolError as e:\n    r = [e.tool, e.server, e.code, e.retryable, e.message, str(e), e.fix, e.signature]\nr",
            "[\"test.fail\",\"test\",\"tool_error\",true,\"Not Found\",\"Not Found\",\"tools.test.echo()\",null]",
        ),
        (
            "x = 1\ntools.test.fail(\n    x=2)",
            "tool_error 2: Not Found",
        ),
        (
            "import asyncio\nasync def f():\n    await tools.test.fail()\nawait asyncio.gather(f())",
            "tool_error 3: Not Found",
        ),
        (
            "import asyncio\nawait asyncio.gather(tools.test.echo(x=1), tools.test.fail(), return_exceptions=True)",
            "[{\"x\":1},{\"error\":\"ToolError: Not Found\"}]",
        ),
    ]);
    if let Some(run) = run("tools.test.fail()") {
        let error = run.done.error.unwrap();
        assert_eq!(error.fix.as_deref(), Some("tools.test.echo()"));
    }
}

#[test]
fn arguments_that_are_not_json_are_refused_before_they_are_sent() {
    let plain = "from dataclasses import dataclass\nimport datetime, decimal, enum\n\
        @dataclass\nclass P:\n    x: int\n\
        class E(enum.Enum):\n    A = 'a'\n\
        tools.test.echo(a=(1, 2), b=datetime.date(2024, 1, 2), c=decimal.Decimal('1.50'), d=P(1), e=E.A, f=10**30)\n0";
    if let Some(run) = run(plain) {
        assert_eq!(
            run.calls,
            [
                "test.echo(\"a\":[1,2],\"b\":\"2024-01-02\",\"c\":1.50,\"d\":{\"x\":1},\"e\":\"a\",\"f\":1000000000000000000000000000000)"
            ]
        );
    }
    let table = [
        (
            "tools.test.echo(items=[0, 1, 2, {3}])",
            "invalid_argument 1: TypeError: test.echo: args.items[3] is of type set, which JSON does not have",
            "list",
        ),
        (
            "tools.test.echo({'x': b'1'})",
            "invalid_argument 1: TypeError: test.echo: args[0].x is bytes, which JSON does not have",
            "base64",
        ),
        (
            "tools.test.echo(x=float('nan'))",
            "invalid_argument 1: ValueError: test.echo: args.x is nan, which JSON does not have",
            "None",
        ),
        (
            "tools.test.echo(x={(1, 2): 3})",
            "invalid_argument 1: TypeError: test.echo: args.x has a tuple for a key",
            "strings",
        ),
        (
            "tools.test.echo(x=tools.test.echo)",
            "invalid_argument 1: TypeError: test.echo: args.x is the tool <tool test.echo>, not its result",
            "call",
        ),
        (
            "tools.test.echo(x=(i for i in 'ab'))",
            "invalid_argument 1: TypeError: test.echo: args.x is of type generator, which JSON does not have",
            "list",
        ),
    ];
    for (code, expected, hint) in table {
        let Some(run) = run(code) else { return };
        assert_eq!(run.outcome(), expected);
        assert!(run.hint().contains(hint), "{code}: {}", run.hint());
        assert!(run.calls.is_empty(), "{code}");
    }
    check(&[(
        "try:\n    tools.test.echo(x={1})\nexcept TypeError:\n    'caught'",
        "\"caught\"",
    )]);
}

#[test]
fn position_decides_whether_a_call_blocks() {
    check(&[
        ("await tools.test.echo(x=1)", "{\"x\":1}"),
        ("r = await tools.test.echo(x=1)\nreturn r['x']", "1"),
        (
            "import asyncio\nasync def main():\n    return await tools.test.echo(x=1)\nasyncio.run(main())",
            "{\"x\":1}",
        ),
        (
            "import asyncio\ndef main():\n    return tools.test.echo(x=1)\nasyncio.run(main())",
            "{\"x\":1}",
        ),
        (
            "async def main():\n    r = tools.test.echo(x=1)\n    return r['x']\nawait main()",
            "1",
        ),
        // A plain call, then gather over others.
        (
            "import asyncio\nids = tools.test.echo(n=2)['n']\nawait asyncio.gather(*[tools.test.echo(i=i) for i in range(ids)])",
            "[{\"i\":0},{\"i\":1}]",
        ),
        // A plain helper, from code that awaits.
        (
            "def size(): return tools.test.echo(x=2)['x']\nasync def main():\n    n = size()\n    return (await tools.test.echo(n=n))['n']\nawait main()",
            "2",
        ),
        ("x = await 5\nx", "5"),
        (
            "async def main():\n    return await len('abc')\nawait main()",
            "3",
        ),
        (
            "out = []\nasync for x in tools.test.echo(5, 6):\n    out.append(x)\nout",
            "[5,6]",
        ),
        ("[x async for x in tools.test.echo(5, 6)]", "[5,6]"),
        (
            "import asyncio\nawait asyncio.gather(1, tools.test.echo(x=1), asyncio.sleep(0, 3))",
            "[1,{\"x\":1},3]",
        ),
        (
            "import asyncio\nt = tools.test.echo(x=1)\na = await t\nb = await t\na == b",
            "true",
        ),
        (
            "import asyncio\nasync def one(t):\n    return await t\nawait one(tools.test.echo(x=1))",
            "{\"x\":1}",
        ),
        (
            "import asyncio\nawait asyncio.wait_for(tools.test.echo(x=1), 60)",
            "{\"x\":1}",
        ),
        // One name used both ways.
        (
            "r = tools.test.echo(x=1)\nn = r['x'] + len(r)\nr = tools.test.echo(x=n)\nr = await r\nr",
            "{\"x\":2}",
        ),
        (
            "import asyncio\nasync def m(): return 3\nx = await m()\nx + asyncio.run(m())",
            "6",
        ),
        (
            "import asyncio\nasync def m(): return 3\nx = await m()\nx + asyncio.get_event_loop().run_until_complete(m())",
            "6",
        ),
        (
            "import asyncio\nasync def bad():\n    raise ValueError('x')\nawait asyncio.gather(bad(), bad())",
            "exception 3: ValueError: x",
        ),
        (
            "import asyncio\nsearch_tools('async jobs')",
            "[\"async jobs\"]",
        ),
        ("'await'", "\"await\""),
    ]);
    let Some(waited) = run("def f():\n    return await tools.test.echo(x=1)\nf()") else {
        return;
    };
    assert_eq!(waited.outcome(), "{\"x\":1}");
    assert_eq!(
        waited.done.notes,
        ["line 2: await outside an async function waited there"]
    );
    let turns = run("import asyncio\ndef fetch(i):\n    return tools.test.echo(i=i)\nawait asyncio.gather(*[fetch(i) for i in range(2)])").unwrap();
    assert_eq!(turns.outcome(), "[{\"i\":0},{\"i\":1}]");
    assert_eq!(turns.done.notes.len(), 1, "{:?}", turns.done.notes);
    assert!(turns.done.notes[0].starts_with("line 4: fetch() ran one after another"));
}

#[test]
fn calls_in_awaiting_positions_are_open_together() {
    check_together(
        3,
        &[
            (
                "import asyncio\nawait asyncio.gather(*[tools.test.together(of=3, id=i) for i in range(3)])",
                "[0,1,2]",
            ),
            (
                "import asyncio\ntasks = []\nfor i in range(3):\n    tasks.append(tools.test.together(of=3, id=i))\nawait asyncio.gather(*tasks)",
                "[0,1,2]",
            ),
            (
                "import asyncio\nasync def one(i):\n    return await tools.test.together(of=3, id=i)\nawait asyncio.gather(*map(one, range(3)))",
                "[0,1,2]",
            ),
            (
                "import asyncio\nawait asyncio.gather(*map(lambda i: tools.test.together(of=3, id=i), range(3)))",
                "[0,1,2]",
            ),
            (
                "import asyncio\nget = tools.test.together\nawait asyncio.gather(*(get(of=3, id=i) for i in range(3)))",
                "[0,1,2]",
            ),
            (
                "import asyncio, functools\nget = functools.partial(tools.test.together, of=3)\nawait asyncio.gather(*[get(id=i) for i in range(3)])",
                "[0,1,2]",
            ),
            (
                "from asyncio import gather as all_of\nfrom tools import test\nawait all_of(test.together(of=3, id=0), test.together(of=3, id=1), call_tool('test.together', {'of': 3, 'id': 2}))",
                "[0,1,2]",
            ),
            (
                "import asyncio\ntasks = [asyncio.create_task(tools.test.together(of=3, id=i)) for i in range(3)]\nout = []\nfor t in tasks:\n    out.append(await t)\nout",
                "[0,1,2]",
            ),
            (
                "tasks = [tools.test.together(of=3, id=i) for i in range(3)]\nout = []\nfor t in tasks:\n    out.append(await t)\nout",
                "[0,1,2]",
            ),
            (
                "calls = {k: tools.test.together(of=3, id=k) for k in 'abc'}\n{k: await call for k, call in calls.items()}",
                "{\"a\":\"a\",\"b\":\"b\",\"c\":\"c\"}",
            ),
            (
                "import asyncio\na, b = tools.test.together(of=3, id=1), tools.test.together(of=3, id=2)\nc = tools.test.together(of=3, id=3)\nawait asyncio.gather(a, b, c)",
                "[1,2,3]",
            ),
            (
                "import asyncio\ndone, left = await asyncio.wait([tools.test.together(of=3, id=i) for i in range(3)])\nsorted(d.result() for d in done)",
                "[0,1,2]",
            ),
            (
                "import asyncio\nout = []\nfor next_one in asyncio.as_completed([tools.test.together(of=3, id=i) for i in range(3)]):\n    out.append(await next_one)\nsorted(out)",
                "[0,1,2]",
            ),
            (
                "import asyncio\nloop = asyncio.get_event_loop()\nloop.run_until_complete(asyncio.gather(*[tools.test.together(of=3, id=i) for i in range(3)]))",
                "[0,1,2]",
            ),
            (
                "import asyncio\nasync def main():\n    sem = asyncio.Semaphore(3)\n    async def one(i):\n        async with sem:\n            return await tools.test.together(of=3, id=i)\n    return await asyncio.gather(*[one(i) for i in range(6)])\nasyncio.run(main())",
                "[0,1,2,3,4,5]",
            ),
            (
                "import asyncio\nawait asyncio.gather(*[asyncio.to_thread(tools.test.together, of=3, id=i) for i in range(3)])",
                "[0,1,2]",
            ),
            (
                "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(3) as pool:\n    r = list(pool.map(lambda i: tools.test.together(of=3, id=i), range(9)))\nr",
                "[0,1,2,3,4,5,6,7,8]",
            ),
            // A thread and a coroutine that blocks share the channel with the loop.
            (
                "import asyncio, threading\nout = []\nt = threading.Thread(target=lambda: out.append(tools.test.together(of=3, id=1)))\nt.start()\nasync def blocked():\n    await asyncio.sleep(0)\n    r = tools.test.together(of=3, id=2)\n    return r\nr = await asyncio.gather(tools.test.together(of=3, id=3), blocked())\nt.join()\n[out, r]",
                "[[1],[3,2]]",
            ),
        ],
    );
    if interpreter().is_some_and(|interpreter| interpreter.version >= (3, 11, 0)) {
        check_together(
            2,
            &[(
                "import asyncio\nasync with asyncio.TaskGroup() as g:\n    a = g.create_task(tools.test.together(of=2, id=1))\n    b = g.create_task(tools.test.together(of=2, id=2))\n[a.result(), b.result()]",
                "[1,2]",
            )],
        );
    }
}

#[test]
fn calls_are_sent_when_they_are_begun_and_by_the_end_of_their_comprehension() {
    // Descriptor 3 is the channel: it can be read once the host has heard all three, though
    // nothing here waits for an answer yet.
    let program = |begin: &str| {
        format!(
            "import asyncio, select\n{begin}\nanswered = bool(select.select([3], [], [], 10)[0])\n[answered, await asyncio.gather(*tasks)]"
        )
    };
    for begin in [
        "tasks = [tools.test.together(of=3, id=i) for i in range(3)]",
        "begun = {i: tools.test.together(of=3, id=i) for i in range(3)}\ntasks = begun.values()",
        "tasks = []\nfor i in range(3):\n    tasks.append(tools.test.together(of=3, id=i))",
        "a = tools.test.together(of=3, id=0)\nb = tools.test.together(of=3, id=1)\nc = tools.test.together(of=3, id=2)\ntasks = [a, b, c]",
    ] {
        check_together(3, &[(&program(begin), "[true,[0,1,2]]")]);
    }
}

#[test]
fn more_calls_than_may_be_open_wait_their_turn() {
    let Some(interpreter) = interpreter() else {
        return;
    };
    let narrow = Setting {
        in_flight: 4,
        ..USUAL
    };
    for code in [
        "import asyncio\nlen(await asyncio.gather(*[tools.test.together(of=4, id=i) for i in range(40)]))",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(16) as pool:\n    r = list(pool.map(lambda i: tools.test.together(of=4, id=i), range(40)))\nlen(r)",
    ] {
        let run = run_in(&narrow, interpreter, code);
        assert_eq!(run.outcome(), "40", "{code}");
        assert_eq!(run.most_open, 4, "{code}");
    }
}

#[test]
fn what_was_begun_is_waited_for() {
    let failed = "tool_error ?: test.fail, begun and never awaited, failed: Not Found";
    check(&[
        (
            "import asyncio\nasync def main():\n    t = asyncio.create_task(tools.test.fail())\n    return 1\nasyncio.run(main())",
            failed,
        ),
        (
            "import asyncio\nasync def main():\n    asyncio.gather(tools.test.fail())\n    return 1\nasyncio.run(main())",
            "tool_error 3: Not Found",
        ),
        (
            "import asyncio\nt = tools.test.fail()\nx = 5\nif x > 6:\n    await t\nx",
            failed,
        ),
        (
            "import asyncio\nt = asyncio.create_task(tools.test.fail())\ntry:\n    await t\nexcept ToolError:\n    r = 'caught'\nr",
            "\"caught\"",
        ),
        (
            "import asyncio\ntry:\n    await asyncio.gather(tools.test.echo(), tools.test.fail())\nexcept ToolError:\n    r = 'caught'\nr",
            "\"caught\"",
        ),
        (
            "import threading\nresult = []\nthreading.Thread(target=lambda: result.append(tools.test.echo(x=1))).start()\nprint()",
            "[{\"x\":1}]",
        ),
    ]);
    if let Some(run) = run(
        "import asyncio\nasync def main():\n    asyncio.create_task(tools.test.echo(x=1))\n    return 1\nasyncio.run(main())",
    ) {
        assert_eq!((run.outcome().as_str(), run.calls.len()), ("1", 1));
    }
}

#[test]
fn one_thread_too_many_is_an_error() {
    let Some(interpreter) = interpreter() else {
        return;
    };
    let few = Setting {
        threads: 8,
        ..USUAL
    };
    let code = "import threading\nend = threading.Event()\ntry:\n    for n in range(100):\n        threading.Thread(target=end.wait).start()\nfinally:\n    end.set()";
    let run = run_in(&few, interpreter, code);
    assert_eq!(
        run.outcome(),
        "limit_threads 5: RuntimeError: can't start new thread: the limit is 8 threads"
    );
    assert!(run.hint().contains("max_workers"));
}

#[test]
fn errors_name_their_place_and_what_to_do() {
    let table = [
        ("x = (\n", "syntax 1: …", ""),
        (
            "def f():\n    return {}['k']\nf()",
            "exception 2: KeyError: 'k'",
            "",
        ),
        (
            "fooo = 1\nfoo",
            "undefined_name 2: NameError: name 'foo' is not defined",
            "'fooo'",
        ),
        (
            "x = null",
            "undefined_name 1: NameError: name 'null' is not defined",
            "None",
        ),
        (
            "import requests",
            "import 1: ModuleNotFoundError: No module named 'requests'",
            "standard library",
        ),
        (
            "import numpy.linalg",
            "import 1: ModuleNotFoundError: No module named 'numpy'",
            "lists and dicts",
        ),
        (
            "from json import nope",
            "import 1: ImportError: cannot import name 'nope' from 'json'",
            "",
        ),
        (
            "input('name? ')",
            "exception 1: EOFError: EOF when reading a line",
            "write the values",
        ),
        (
            "def f(): f()\nf()",
            "exception 1: RecursionError: maximum recursion depth exceeded…",
            "loop",
        ),
        (
            "x = ' ' * (1 << 60)",
            "limit_memory 1: the program needed more memory than its limit",
            "one page",
        ),
        (
            "import resource\nresource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))\nkept = []\nwhile True:\n    kept.append('x' * 1000 + str(len(kept)))",
            "limit_memory 5: the program needed more memory than its limit",
            "one page",
        ),
        (
            "import os\nos.system('ls')",
            "exception 2: PermissionError: [Errno 1] Operation not permitted",
            "processes",
        ),
        (
            "raise PermissionError(13, 'Permission denied', '/etc/passwd')",
            "exception 1: PermissionError: [Errno 13] Permission denied: '/etc/passwd'",
            "current directory",
        ),
        (
            "import os\ndef fork(): raise PermissionError(1, 'Operation not permitted')\nos.fork = fork\nos.fork()",
            "exception 2: PermissionError: …",
            "processes",
        ),
        (
            "import subprocess\nsubprocess.run(['/nonexistent'])",
            "exception 2: FileNotFoundError: …",
            "processes",
        ),
        (
            "import socket\nsocket.create_connection(('127.0.0.1', 1))",
            "exception 2: …",
            "no network",
        ),
        (
            "raise ToolError('mine', 'no such code')",
            "tool_error 1: mine",
            "",
        ),
        (
            "class E(Exception):\n    code, hint = 404, 5\nraise E('x')",
            "exception 3: E: x",
            "",
        ),
        (
            "raise KeyboardInterrupt",
            "exception 1: KeyboardInterrupt",
            "",
        ),
        (
            "class Bad(Exception):\n    def __str__(self): raise ValueError\nraise Bad",
            "exception 3: Bad",
            "",
        ),
        (
            "import os\nopen(os.getcwd() + '/nothing')",
            "exception 2: FileNotFoundError: [Errno 2] No such file or directory: 'nothing'",
            "",
        ),
        ("x = 1\n\0", "syntax…", ""),
    ];
    for (code, expected, hint) in table {
        check(&[(code, expected)]);
        let Some(run) = run(code) else { return };
        assert!(run.hint().contains(hint), "{code}: {}", run.hint());
    }
    let sum = |terms: usize| format!("async def f(): pass\n{}1", "1 + ".repeat(terms));
    check(&[
        (&sum(800), "801"),
        (&sum(8000), "syntax ?: the program is nested too deeply"),
    ]);
}

/// A program with a mistake, what its error says, a part of the hint, and the outcome once the fix
/// has taken the place of the marked text; no outcome where there is no fix.
fn check_hints(table: &[(&str, &str, &str, Option<&str>)]) {
    for (code, expected, hint, fixed) in table {
        let Some(first) = run(code) else { return };
        let outcome = first.outcome();
        let same = match expected.strip_suffix('…') {
            Some(start) => outcome.starts_with(start),
            None => outcome == *expected,
        };
        assert!(same, "\n{code}\n{outcome}");
        let error = first.done.error.expect("an error");
        let said = error.hint.as_deref().unwrap_or("");
        assert!(
            said.contains(hint) && said.is_empty() == hint.is_empty(),
            "\n{code}\n{said}"
        );
        let Some(fix) = &error.fix else {
            assert_eq!(None, *fixed, "\n{code}");
            continue;
        };
        let code = if fix.starts_with("import ") || fix.starts_with("from ") {
            format!("{fix}\n{code}")
        } else {
            let mut lines: Vec<String> = code.split('\n').map(str::to_owned).collect();
            let line = &mut lines[error.line.unwrap() as usize - 1];
            let characters: Vec<char> = line.chars().collect();
            let (start, end) = (error.column.unwrap() - 1, error.end_column.unwrap() - 1);
            *line = characters[..start as usize].iter().collect::<String>()
                + fix
                + &characters[end as usize..].iter().collect::<String>();
            lines.join("\n")
        };
        let again = run(&code).expect("an interpreter").outcome();
        assert_eq!(Some(again.as_str()), *fixed, "\n{code}");
    }
}

#[test]
fn words_of_other_languages_are_answered_with_pythons() {
    check_hints(&[
        (
            "x = {'a': null}\nx",
            "undefined_name 1: NameError: name 'null' is not defined",
            "write None",
            Some("{\"a\":null}"),
        ),
        (
            "[true]",
            "undefined_name 1: …",
            "write True",
            Some("[true]"),
        ),
        (
            "x = {a: 1}\nx",
            "undefined_name 1: …",
            "with quotes",
            Some("{\"a\":1}"),
        ),
        (
            "console.log(1 + 1)",
            "undefined_name 1: …",
            "print(…)",
            Some("nothing"),
        ),
        (
            "JSON.stringify([1])",
            "undefined_name 1: …",
            "json.dumps",
            Some("\"[1]\""),
        ),
        (
            "x = Math.max(1, 2)\nx",
            "undefined_name 1: …",
            "max(…)",
            Some("2"),
        ),
        (
            "await Promise.all([])",
            "undefined_name 1: …",
            "asyncio.gather",
            None,
        ),
        (
            "mcp__test__echo(x=1)",
            "undefined_name 1: …",
            "",
            Some("{\"x\":1}"),
        ),
        (
            "github.list_issues(a=1)",
            "undefined_name 1: …",
            "tools.github",
            None,
        ),
        (
            "for row in earlier_rows:\n    pass",
            "undefined_name 1: …",
            "earlier ones",
            None,
        ),
        (
            "string.digits",
            "undefined_name 1: …",
            "import string",
            Some("\"0123456789\""),
        ),
        (
            "xs = [1, 2]\nn = xs.length\nn",
            "exception 2: AttributeError…",
            "len(",
            Some("2"),
        ),
        (
            "xs = []\nxs.push(3)\nxs",
            "exception 2: AttributeError…",
            ".append(",
            Some("[3]"),
        ),
        (
            "'Ab'.toLowerCase()",
            "exception 1: AttributeError…",
            ".lower(",
            Some("\"ab\""),
        ),
        (
            "[1].map(str)",
            "exception 1: AttributeError…",
            "list(map(x, xs))",
            Some("[\"1\"]"),
        ),
        (
            "x = 1\nx == 1 && x == 1",
            "syntax 2: invalid syntax",
            "`and`",
            Some("true"),
        ),
        (
            "x = 1\nx === 1 || x !== 2",
            "syntax 2: invalid syntax",
            "`or`",
            Some("true"),
        ),
        (
            "def f(x):\n    return !x\nf(0)",
            "syntax 2: invalid syntax",
            "`not`",
            Some("true"),
        ),
        (
            "def f():\n    const x = 1\n    return x\nf()",
            "syntax 2: invalid syntax",
            "without a keyword",
            Some("1"),
        ),
        (
            "i = 0\nif True:\n    i++\ni",
            "syntax 3: invalid syntax",
            "+= 1",
            Some("1"),
        ),
        (
            "def f(x):\n    if x:\n        return 1\n    else if x == 0:\n        return 2\nf(0)",
            "syntax 4: …",
            "`elif`",
            Some("2"),
        ),
        (
            "// a comment\ndef f():\n    return 1\nf()",
            "syntax 1: invalid syntax",
            "begins with #",
            Some("1"),
        ),
        (
            "def f(xs):\n    return list(map(x => x + 1, xs))\nf([1])",
            "syntax 2: …",
            "lambda",
            Some("[2]"),
        ),
    ]);
}

#[test]
fn a_text_that_cannot_be_read_is_answered_with_what_to_write() {
    check_hints(&[
        (
            "x = “quoted”\nx",
            "syntax 1: invalid character…",
            "straight",
            Some("\"quoted\""),
        ),
        (
            "!pip install pandas\n1",
            "syntax 1: invalid syntax",
            "no shell",
            None,
        ),
        (
            "<code>\n1\n</code>",
            "syntax 1: invalid syntax",
            "tags",
            None,
        ),
        (
            "x = 1\\nx",
            "syntax 1: unexpected character…",
            "real line breaks",
            None,
        ),
        ("x = 'a\nb'", "syntax 1: unterminated…", "\"\"\"", None),
        (
            "x = 1\n  y = 2\ny",
            "syntax 2: unexpected indent",
            "further right",
            Some("2"),
        ),
        (
            "if 1:\nx = 2",
            "syntax 2: expected an indented block…",
            "four a level",
            None,
        ),
        (
            "if 1:\n\tx = 1\n        y = 2",
            "syntax 3: …",
            "no tabs",
            None,
        ),
        (
            "if 1:\n        x = 1\n    y = 2",
            "syntax 3: unindent…",
            "same spaces",
            None,
        ),
        (
            "print 'a', 2",
            "syntax 1: Missing parentheses…",
            "is called",
            Some("nothing"),
        ),
    ]);
    if interpreter().is_some_and(|interpreter| interpreter.version < (3, 12, 0)) {
        check_hints(&[(
            "d = {'k': 'v'}\nf\"it is {d[\"k\"]}!\"",
            "syntax 2: f-string…",
            "own quotes",
            Some("\"it is v!\""),
        )]);
    }
}

#[test]
fn results_taken_for_something_else_are_described() {
    check_hints(&[
        (
            "issue = tools.test.echo(title='t', number=1)\nissue.title",
            "exception 2: AttributeError: 'dict' object has no attribute 'title'",
            "by key",
            Some("\"t\""),
        ),
        (
            "issues = [tools.test.echo(user={'login': 'ada'})]\n[i.user['login'] for i in issues]",
            "exception 2: AttributeError…",
            "by key",
            Some("[\"ada\"]"),
        ),
        (
            "r = tools.test.echo(created_at=1)\nr.createdAt",
            "exception 2: AttributeError…",
            "by key",
            Some("1"),
        ),
        (
            "r = tools.test.echo(a=1, b=2)\nr.content[0].text",
            "exception 2: AttributeError…",
            "it is a dict with the keys a, b; a tool's result is already its value",
            Some("{\"a\":1,\"b\":2}"),
        ),
        (
            "r = tools.test.echo(1, 2)\nr.content",
            "exception 2: AttributeError…",
            "a list of 2 items",
            Some("[1,2]"),
        ),
        (
            "r = tools.test.echo(title='t', body='b')\nr['titel']",
            "exception 2: KeyError: 'titel'",
            "r is a dict with the keys title, body; did you mean 'title'?",
            Some("\"t\""),
        ),
        (
            "r = tools.test.echo(html_url='u')\nr['htmlUrl']",
            "exception 2: KeyError: 'htmlUrl'",
            "html_url",
            Some("\"u\""),
        ),
        (
            "r = tools.test.echo(x={'a': [{'n': 1}]})\nr['x']['a'][0]['m']",
            "exception 2: KeyError: 'm'",
            "r['x']['a'][0] is a dict with the keys n",
            None,
        ),
        (
            "rows = tools.test.echo({'n': 1}, {'n': 2})\n[row['m'] for row in rows]",
            "exception 2: KeyError: 'm'",
            "row is a dict with the keys n",
            None,
        ),
        (
            "r = tools.test.echo({'n': 1}, {'n': 2})\n[x['n'] for x in r['items']]",
            "exception 2: TypeError: list indices must be integers or slices, not str",
            "r is a list of 2 dicts with the keys n",
            Some("[1,2]"),
        ),
        (
            "r = tools.test.echo('a', 'b')\nr['name']",
            "exception 2: TypeError…",
            "a list of 2 items, the first the text 'a'",
            None,
        ),
        (
            "r = tools.test.echo(rows=[{'n': 1}], total=1)\nout = []\nfor x in r:\n    out.append(x['n'])\nout",
            "exception 3: TypeError: string indices must be integers…",
            "gives its keys; r is a dict with the keys rows, total",
            Some("[1]"),
        ),
        (
            "text = tools.test.zeros(count=3)\ntext['a']",
            "exception 2: TypeError: string indices must be integers…",
            "text is text, not JSON: '000'",
            None,
        ),
        (
            "import json\nr = tools.test.echo(x=1)\njson.loads(r)",
            "exception 3: TypeError…",
            "parsed already",
            Some("{\"x\":1}"),
        ),
        (
            "import json\njson.loads('# Title')",
            "exception 2: JSONDecodeError…",
            "not JSON: '# Title'",
            None,
        ),
        (
            "r = tools.test.echo(user=None)\nr['user']['login']",
            "exception 2: TypeError: 'NoneType' object is not subscriptable",
            "r['user'] is None",
            None,
        ),
        (
            "r = tools.test.echo(1)\nr[1]",
            "exception 2: IndexError…",
            "r has 1 items",
            None,
        ),
    ]);
}

#[test]
fn slips_of_syntax_have_fixes() {
    check_hints(&[
        (
            "n = {'a': 1}\nif n:\n    n['a']++\nn",
            "syntax 3: invalid syntax",
            "+= 1",
            Some("{\"a\":2}"),
        ),
        (
            "try:\n    1 / 0\nexcept ZeroDivisionError, error:\n    str(error)",
            "syntax 3: …",
            "except … as …",
            Some("\"division by zero\""),
        ),
        (
            "try:\n    1 / 0\nexcept KeyError, ZeroDivisionError:\n    2",
            "syntax 3: …",
            "in parentheses",
            Some("2"),
        ),
        (
            "x = 1\nif x = 1:\n    x = 'one'\nx",
            "syntax 2: …",
            "`==` compares",
            Some("\"one\""),
        ),
        (
            "n = 0\nfor c in 'abc'.upper()  # each\n    n += 1\nn",
            "syntax 2: …",
            "ends with a colon",
            Some("3"),
        ),
        (
            "if 0:\n    1\nelse\n    2",
            "syntax 3: …",
            "ends with a colon",
            Some("2"),
        ),
        (
            "tools.test.echo(id: 'x', n: [1, 2][0:1])",
            "syntax 1: …",
            "named with `=`",
            Some("{\"id\":\"x\",\"n\":[1]}"),
        ),
        (
            "x = 3\nd = {'a': `${x} of {y}`}\nd",
            "syntax 2: …",
            "f\"",
            Some("{\"a\":\"3 of {y}\"}"),
        ),
        (
            "x = 'a'\n!('b' in x)",
            "syntax 2: invalid syntax",
            "`not`",
            Some("true"),
        ),
        (
            "x = 2\ny = x > 1 ? 'many' : 'one'\ny",
            "syntax 2: invalid syntax",
            "a if x else b",
            Some("\"many\""),
        ),
        (
            "x = sorted([2, 1]\nx",
            "syntax 1: '(' was never closed",
            "in pairs",
            Some("[1,2]"),
        ),
        (
            "x = sorted([2, 1]))\nx",
            "syntax 1: unmatched ')'",
            "in pairs",
            Some("[1,2]"),
        ),
    ]);
    if interpreter().is_some_and(|interpreter| interpreter.version < (3, 12, 0)) {
        check_hints(&[(
            "d = {'k': 1}\nx = [f\"{d[\"k\"]}\"][0], d[\"k\"]\nx",
            "syntax 2: f-string…",
            "own quotes",
            Some("[\"1\",1]"),
        )]);
    }
}

#[test]
fn a_program_that_is_indented_as_a_whole_runs_as_it_is_meant() {
    check(&[
        ("    x = 1\n    x + 1", "2"),
        ("\n  def f():\n    return 1\n  f()\n", "1"),
        ("  x = '''a\nb'''\n  x", "\"a\\nb\""),
        ("  x = 1\n  y = (\n", "syntax 1: unexpected indent"),
        (
            "  x = 1\n  x['a']",
            "exception 2: TypeError: 'int' object is not subscriptable",
        ),
    ]);
}

#[test]
fn names_and_methods_of_others_have_fixes() {
    check_hints(&[
        (
            "limits = [1]\nlimtis",
            "undefined_name 2: …",
            "'limits'",
            Some("[1]"),
        ),
        ("row = 1\nrows", "undefined_name 2: …", "'row'", None),
        (
            "try:\n    raise ToolError('no')\nexcept ToolException as error:\n    str(error)",
            "undefined_name 3: …",
            "raises ToolError",
            Some("\"no\""),
        ),
        (
            "try:\n    raise ToolError('no')\nexcept ToolError as error:\n    x = error.msg\nx",
            "exception 4: …",
            ".message",
            Some("\"no\""),
        ),
        (
            "try:\n    1 / 0\nexcept Exception as error:\n    x = error.message\nx",
            "exception 4: …",
            "str(error)",
            Some("\"division by zero\""),
        ),
        (
            "Counter('aab')['a']",
            "undefined_name 1: …",
            "collections",
            Some("2"),
        ),
        (
            "d = {'a': 1}\nnot d.has_key('b')",
            "exception 2: …",
            "x in xs",
            Some("true"),
        ),
        (
            "d = {'a': 1}\n[k for k, v in d.iteritems()]",
            "exception 2: …",
            ".items(",
            Some("[\"a\"]"),
        ),
        (
            "list(xrange(2))",
            "undefined_name 1: …",
            "range",
            Some("[0,1]"),
        ),
        (
            "'abc'.includes('b')",
            "exception 1: …",
            "x in xs",
            Some("true"),
        ),
        (
            "xs = [1, 2, 3]\nxs.filter(lambda x: x > 1)",
            "exception 2: …",
            "filter(",
            Some("[2,3]"),
        ),
        (
            "xs = ['a', 1]\nxs.join('-')",
            "exception 2: …",
            "join(",
            Some("\"a-1\""),
        ),
        (
            "'abc'.substring(1)",
            "exception 1: …",
            "xs[x:]",
            Some("\"bc\""),
        ),
        (
            "n = 1.256\nn.toFixed(2)",
            "exception 2: …",
            "format",
            Some("\"1.26\""),
        ),
        (
            "d = {'b': 1}\nObject.entries(d)",
            "undefined_name 2: …",
            "items()",
            Some("[[\"b\",1]]"),
        ),
        (
            "'a'.startwith('a')",
            "exception 1: …",
            "startswith",
            Some("true"),
        ),
    ]);
}

#[test]
fn results_taken_for_something_else_have_fixes() {
    check_hints(&[
        (
            "tools.test.echo(content='a\\nb').splitlines()",
            "exception 1: …",
            "the keys content",
            Some("[\"a\",\"b\"]"),
        ),
        (
            "tools.test.echo(id=1)['data']['id']",
            "exception 1: KeyError: 'data'",
            "already its value",
            Some("1"),
        ),
        (
            "tools.test.echo(rows=[1, 2], rest=[])[0]",
            "exception 1: KeyError: 0",
            "the keys rows, rest",
            Some("1"),
        ),
        (
            "tools.test.echo(rows=[{'n': 1}], more=['a'])[0]['n']",
            "exception 1: KeyError: 0",
            "the keys rows, more",
            Some("1"),
        ),
        (
            "[e for e in tools.test.echo(rows=[{'n': 1}], more=['a']) if e['n'] == 1]",
            "exception 1: …",
            "gives its keys",
            Some("[{\"n\":1}]"),
        ),
        (
            "note = tools.test.echo(open=True, date=1)\nnote['is_open']",
            "exception 2: …",
            "'open'",
            Some("true"),
        ),
        (
            "r = tools.test.echo(timezone='z', datetime='d', is_dst=False)\nr['time']",
            "exception 2: …",
            "'datetime'",
            Some("\"d\""),
        ),
        (
            "text = \"[{'n': 800}]\"\ntext[0]['n']",
            "exception 2: …",
            "Python's notation",
            Some("800"),
        ),
        (
            "text = \"[{'n': 800}]\"\njson.loads(text)[0]['n']",
            "exception 2: JSONDecodeError…",
            "Python's notation",
            Some("800"),
        ),
        (
            "text = '{\"n\": true}'\ntext['n']",
            "exception 2: …",
            "is JSON",
            Some("true"),
        ),
        (
            "text = '{\"n\": 1}\\n{\"n\": 2}'\njson.loads(text)",
            "exception 2: JSONDecodeError…",
            "each line",
            Some("[{\"n\":1},{\"n\":2}]"),
        ),
        (
            "json.loads(str(tools.test.echo(content='[1]')))",
            "exception 1: JSONDecodeError…",
            "not JSON",
            Some("[1]"),
        ),
        (
            "r = tools.test.echo(id=1),\nr['id']",
            "exception 2: …",
            "r[0]",
            Some("1"),
        ),
        (
            "d = {'abc': 2}\n[v for k, v in d]",
            "exception 2: …",
            ".items()",
            Some("[2]"),
        ),
        (
            "len(tools.test.echo)",
            "exception 1: …",
            "is called",
            Some("0"),
        ),
        (
            "tools.test.echo({id: 'x'})",
            "invalid_argument 1: …",
            "strings for keys",
            Some("{\"id\":\"x\"}"),
        ),
        (
            "tools.test.echo(a=(x for x in 'ab'))",
            "invalid_argument 1: …",
            "pass a list",
            Some("{\"a\":[\"a\",\"b\"]}"),
        ),
        (
            "tools.test.echo(a=[{'b': {'c'}}])",
            "invalid_argument 1: …",
            "pass a list",
            Some("{\"a\":[{\"b\":[\"c\"]}]}"),
        ),
    ]);
}

#[test]
fn texts_and_numbers_have_fixes() {
    check_hints(&[
        (
            "int('52.44')",
            "exception 1: …",
            "float(text)",
            Some("52.44"),
        ),
        (
            "s = '1,234'\nint(s)",
            "exception 2: …",
            "thousands",
            Some("1234"),
        ),
        (
            "n = 4\nlen(n)",
            "exception 2: …",
            "a number already",
            Some("4"),
        ),
        (
            "n = '4'\nt = 1\nt += n\nt",
            "exception 3: …",
            "do not add up",
            Some("5"),
        ),
        (
            "n = '4.5'\nn > 4",
            "exception 2: …",
            "int(text)",
            Some("true"),
        ),
        (
            "n = 1\nn + ' item'",
            "exception 2: …",
            "do not add up",
            Some("\"1 item\""),
        ),
        (
            "x = []\nfor i in 2:\n    x.append(i)\nx",
            "exception 2: …",
            "range(n)",
            Some("[0,1]"),
        ),
        (
            "xs = [1, 2]\n','.join(xs)",
            "exception 2: …",
            "map(str, xs)",
            Some("\"1,2\""),
        ),
    ]);
}

#[test]
fn slips_of_the_language_are_explained() {
    check_hints(&[
        (
            "list = [1]\nlist('ab')",
            "exception 2: TypeError: 'list' object is not callable",
            "binds list",
            None,
        ),
        (
            "n = 0\ndef f():\n    n += 1\nf()",
            "exception 3: UnboundLocalError…",
            "global n",
            None,
        ),
        (
            "def f(a, b=1): pass\nf(1, c=2)",
            "exception 2: TypeError…",
            "f(a, b=1)",
            None,
        ),
        (
            "'n: ' + 1",
            "exception 1: TypeError…",
            "f\"",
            Some("\"n: 1\""),
        ),
        (
            "sorted([1, None])",
            "exception 1: TypeError…",
            "some are None",
            None,
        ),
        (
            "{x for x in [{}]}",
            "exception 1: TypeError: unhashable type: 'dict'",
            "field of it",
            None,
        ),
        (
            "import datetime\nx = datetime.fromtimestamp(0, datetime.timezone.utc)\nx.year",
            "exception 2: AttributeError…",
            "",
            Some("1970"),
        ),
        (
            "import asyncio\nasync def f(): return [1]\nxs = [f]\ng = xs[0]()\ng[0]",
            "not_awaited 5: TypeError: 'coroutine' object is not subscriptable",
            "await",
            None,
        ),
        (
            "import asyncio\nasync def f(): pass\nxs = [f]\nxs[0]()\n1",
            "not_awaited ?: RuntimeError: f() was called and never awaited, so nothing in it ran",
            "await",
            None,
        ),
        (
            "import pandas as pd",
            "import 1: …",
            "lists and dicts",
            None,
        ),
        ("import yaml", "import 1: …", "json", None),
        (
            "open('/home/user/clients.csv')",
            "exception 1: FileNotFoundError…",
            "current directory",
            None,
        ),
    ]);
}

#[test]
fn a_module_that_is_not_imported_is_there_all_the_same() {
    check(&[
        ("json.loads('[1]')", "[1]"),
        (
            "def f(x):\n    return re.sub('a', 'b', x)\nf('aa')",
            "\"bb\"",
        ),
        ("async def f(): pass\nasyncio.run(f())", "null"),
        ("json", "undefined_name ?: …"),
        (
            "print(time)",
            "undefined_name 1: NameError: name 'time' is not defined",
        ),
        ("if not json: pass", "undefined_name 1: …"),
        ("random + 1", "undefined_name 1: …"),
        ("io = 5\nio", "5"),
    ]);
    if let Some(run) = run("math.floor(math.pi) + len(json.dumps(1))") {
        assert_eq!(run.done.notes, ["added: import math, json"]);
    }
}

#[test]
fn columns_count_characters() {
    let Some(run) = run("ä = 'ö'; x = ä + ä.x") else {
        return;
    };
    let error = run.done.error.unwrap();
    let columns = (error.column, error.end_column);
    if interpreter().unwrap().version >= (3, 11, 0) {
        assert_eq!(columns, (Some(18), Some(21)));
    } else {
        assert_eq!(columns, (None, None));
    }
    let error = run_syntax_error("x = 1\nyy = = 2");
    assert_eq!((error.line, error.column), (Some(2), Some(6)));
}

fn run_syntax_error(code: &str) -> protocol::ProgramError {
    let error = run(code).unwrap().done.error.unwrap();
    assert_eq!(error.code, ErrorCode::Syntax);
    error
}

#[test]
fn one_fence_is_stripped_and_lines_keep_their_numbers() {
    check(&[
        ("```python\nx = 1\nx\n```", "1"),
        (
            "Here:\n```py\n1 / 0\n```\nDone.",
            "exception 3: ZeroDivisionError: division by zero",
        ),
        (
            "```\n1\n```\n```\n2\n```",
            "syntax 4: two fenced programs; send one",
        ),
        ("'''\n```\n'''\n3", "3"),
        ("\u{feff}4", "4"),
        (
            "python\n1 / 0",
            "exception 2: ZeroDivisionError: division by zero",
        ),
    ]);
    if let Some(run) = run("Here:\n```py\n1\n```") {
        assert_eq!(
            run.done.notes,
            ["text around the fenced program was ignored"]
        );
    }
}

#[test]
fn long_messages_cross_in_pieces_and_too_long_ones_are_errors() {
    let Some(interpreter) = interpreter() else {
        return;
    };
    let long = run("tools.test.echo(text='x' * 10_000_000)['text']").unwrap();
    assert_eq!(long.outcome().len(), 10_000_002);
    check(&[
        ("len(tools.test.zeros(count=10_000_000))", "10000000"),
        (
            "import asyncio\n[len(r) for r in await asyncio.gather(tools.test.zeros(count=3_000_000), tools.test.echo(1), tools.test.zeros(count=3_000_000))]",
            "[3000000,1,3000000]",
        ),
    ]);
    let small = Setting {
        message_bytes: 1 << 20,
        ..USUAL
    };
    let run = run_in(
        &small,
        interpreter,
        "try:\n    tools.test.echo(x='x' * 2_000_000)\nexcept ToolError as e:\n    r = [e.code, e.message]\nr",
    );
    assert!(run.calls.is_empty());
    assert!(run.outcome().starts_with("[\"invalid_argument\",\"the arguments of test.echo are 2.0 MB, over the limit of 1.0 MB"), "{}", run.outcome());
    let run = run_in(&small, interpreter, "['é' * 1_000_000]");
    assert_eq!(
        run.outcome(),
        "limit_output ?: ValueError: the value is 2.0 MB, over the limit of 1.0 MB"
    );
    assert!(run.hint().contains("filter"));
}

#[test]
fn a_program_sees_its_workspace_and_nothing_of_its_host() {
    let Some(run) = run(
        "import os\nprint('out \\ud800')\nprint(end='no newline')\n[dict(os.environ), os.getcwd(), __name__]",
    ) else {
        return;
    };
    assert_eq!(
        run.outcome(),
        format!(
            "[{{}},{:?},\"__main__\"]",
            workspace().display().to_string()
        )
    );
    assert_eq!(run.stdout, "out ?\nno newline");
}

#[test]
fn a_program_that_breaks_its_runtime_breaks_only_itself() {
    check(&[
        (
            "import json, struct, sys\njson.dumps = json.loads = struct.pack = None\nsys.modules.clear()\ntools.test.echo(x=1)",
            "{\"x\":1}",
        ),
        (
            "import builtins\ndel builtins.tools, builtins.print\n{1}",
            "[1]",
        ),
    ]);
}

#[test]
fn a_failed_step_ends_the_guest_before_it_gets_a_program() {
    let Some(interpreter) = interpreter() else {
        return;
    };
    // System call -1 does not exist.
    let mut guest = Guest::start(interpreter);
    let step = br#"{"steps":[{"name":"first","number":-1,"arguments":[]}],"probes":[]}"#;
    guest.send(Kind::Lockdown, 0, step);
    guest.send(Kind::Lockdown, 0, step);
    let message = guest.receive().unwrap();
    assert_eq!(message.kind, Kind::Failed);
    let failed: Failed = message::decode(&message.body).unwrap();
    assert_eq!((failed.step.as_str(), failed.errno), ("first", 38));
    assert!(guest.receive().is_none());
    assert!(!guest.process.wait().unwrap().success());

    let mut guest = Guest::start(interpreter);
    let probe = br#"{"steps":[],"probes":[{"name":"only","number":-1,"arguments":[{"bytes":{"hex":"00","patches":[]}}],"errnos":[38]}]}"#;
    guest.send(Kind::Lockdown, 0, probe);
    guest.send(Kind::Lockdown, 0, probe);
    let ready: Ready = message::decode(&guest.receive().unwrap().body).unwrap();
    assert_eq!(ready.probes, [("only".to_owned(), 38)]);
    drop(guest.channel);
    assert!(
        guest.process.wait().unwrap().success(),
        "a zygote does not outlive its host"
    );
}

#[test]
fn interpreters_are_found_with_reasons() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interpreters");
    let _ = std::fs::remove_dir_all(&folder);
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let program = |name: &str, content: &[u8]| {
        std::fs::write(bin.join(name), content).unwrap();
        std::fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    };
    program("python3", b"#!/bin/sh\nexec python3\n");
    program("python3.9", b"not an executable");
    program("python3.12-config", b"");
    std::os::unix::fs::symlink("nowhere", bin.join("python3.10")).unwrap();
    std::os::unix::fs::symlink("/bin/true", bin.join("python3.11")).unwrap();
    let missing = folder.join("missing");
    let path = OsString::from(&bin);
    let cache = folder.join("cache.json");

    let reasons = |as_nobody: bool| -> Vec<(String, String)> {
        find(
            std::slice::from_ref(&missing),
            &path,
            as_nobody,
            Some(&cache),
        )
        .into_iter()
        .filter(|candidate| candidate.path.starts_with(&folder))
        .map(|candidate| {
            let name = candidate.path.file_name().unwrap().to_string_lossy().into();
            (name, candidate.outcome.unwrap_err())
        })
        .collect()
    };
    let expect = |found: Vec<(String, String)>, expected: &[(&str, &str)]| {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((name, reason), (expected, start)) in found.iter().zip(expected) {
            assert_eq!(name, expected);
            assert!(reason.starts_with(start), "{name} {reason}");
        }
    };
    expect(
        reasons(false),
        &[
            ("missing", "cannot be used: No such file"),
            ("python3", "is a script"),
            ("python3.11", "does not run"),
            ("python3.10", "cannot be used: No such file"),
            ("python3.9", "cannot be executed"),
        ],
    );
    std::fs::set_permissions(&bin, PermissionsExt::from_mode(0o700)).unwrap();
    let closed = reasons(true);
    assert!(
        closed
            .last()
            .unwrap()
            .1
            .ends_with("may not be entered by nobody"),
        "{closed:?}"
    );

    let Some(interpreter) = interpreter() else {
        return;
    };
    let configured = [interpreter.path.clone()];
    let ask = || find(&configured, &OsString::new(), false, Some(&cache)).remove(0);
    assert_eq!(ask().outcome.as_ref(), Ok(interpreter));
    let remembered = std::fs::read_to_string(&cache).unwrap();
    assert!(remembered.contains(interpreter.path.to_str().unwrap()));
    assert_eq!(ask().outcome.as_ref(), Ok(interpreter), "from the cache");
    assert!(interpreter.readable.iter().all(|path| path.exists()));
    assert!(
        interpreter
            .readable
            .iter()
            .any(|path| path.join("os.py").exists())
    );
}
