//! Programs that attack: each ends with a clear error, and nothing else notices.

use serde_json::Value;

use crate::place::{Place, family_of, wait_until_gone};

/// Runs a hostile program and returns exit code and error.
fn attack(language: &str, options: &[&str], code: &str) -> (i32, Value) {
    let place = Place::with_fake();
    let (exit, json) = place.run_with(&[&["--language", language], options].concat(), code);
    assert_eq!(json["ok"], false, "{json:#}");
    (exit, json["error"].clone())
}

fn check_limit(language: &str, options: &[&str], code: &str, expected: &str) {
    let (exit, error) = attack(language, options, code);
    assert_eq!(
        (exit, error["code"].as_str()),
        (3, Some(expected)),
        "{language} {code}: {error:#}"
    );
}

#[test]
fn endless_loops_end_at_their_limit() {
    let short = &["--timeout", "0.5"];
    check_limit("python", short, "while True: pass", "limit_time");
    check_limit(
        "python",
        short,
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        "limit_time",
    );
    check_limit(
        "python",
        short,
        "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
        "limit_time",
    );
    check_limit("python", short, "import time\ntime.sleep(60)", "limit_time");
    check_limit("javascript", short, "for (;;) {}", "limit_time");
    check_limit(
        "javascript",
        short,
        "for (;;) { try { for (;;) {} } catch {} }",
        "limit_time",
    );
    check_limit(
        "javascript",
        short,
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "limit_time",
    );
    check_limit(
        "typescript",
        short,
        "await new Promise(r => setTimeout(r, 60000))",
        "limit_time",
    );
}

#[test]
fn memory_bombs_end_at_their_limit() {
    check_limit("python", &[], "x = bytearray(4 << 30)", "limit_memory");
    check_limit(
        "python",
        &[],
        "x = []\nwhile True: x.append('y' * 100000 + str(len(x)))",
        "limit_memory",
    );
    check_limit(
        "javascript",
        &[],
        "const x = []; for (;;) x.push('y'.repeat(100000) + x.length)",
        "limit_memory",
    );
    check_limit(
        "javascript",
        &[],
        "const x = []; for (;;) x.push(new Array(1000).fill(x.length))",
        "limit_memory",
    );
}

#[test]
fn thread_bombs_are_refused_or_ended() {
    let polite = "
import threading, time
started = 0
try:
    for _ in range(1000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError as e:
    raise SystemExit(f'refused after {started}: {e}')
";
    let (_, error) = attack("python", &[], polite);
    assert!(
        error["message"].as_str().unwrap().contains("limit"),
        "{error:#}"
    );
    // Past the runtime's own count, the watchdog's.
    let rude = "
import ctypes, time
libc = ctypes.CDLL(None)
body = libc.sleep
for _ in range(500):
    t = ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(t), None, ctypes.cast(body, ctypes.c_void_p), ctypes.c_void_p(60))
time.sleep(20)
";
    let (exit, error) = attack("python", &["--timeout", "15"], rude);
    assert_eq!(exit, 3, "{error:#}");
    assert!(
        ["limit_threads", "limit_memory"].contains(&error["code"].as_str().unwrap()),
        "{error:#}"
    );
}

/// What Python can reach of the system, and what it must meet there.
#[test]
fn python_meets_the_boundary_wherever_it_turns() {
    let place = Place::with_fake();
    let probe = "
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def met(f):
    try:
        r = f()
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))
    except BaseException as e:
        return type(e).__name__
    return 'REACHED ' + repr(r)
def call(number, *args):
    r = libc.syscall(number, *args)
    if r == -1:
        raise OSError(ctypes.get_errno(), 'x')
    return r
{
  'passwd': met(lambda: open('/etc/passwd').read()),
  'root listing': met(lambda: os.listdir('/')),
  'own environ': met(lambda: open('/proc/self/environ').read()),
  'parent environ': met(lambda: open(f'/proc/{os.getppid()}/environ').read()),
  'write outside': met(lambda: open('/tmp/toolmill-test', 'w')),
  'parent folder': met(lambda: os.listdir('..')),
  'inet': met(lambda: socket.socket(socket.AF_INET)),
  'unix': met(lambda: socket.socket(socket.AF_UNIX)),
  'netlink': met(lambda: socket.socket(16, 3)),
  'fork': met(os.fork),
  'vfork': met(lambda: call(58)),
  'exec': met(lambda: os.execv('/bin/true', ['true'])),
  'kill': met(lambda: os.kill(os.getppid(), 0)),
  'kill all': met(lambda: os.kill(-1, 0)),
  'ptrace': met(lambda: call(101, 0, 0, 0, 0)),
  'unshare': met(lambda: call(272, 0x10000000)),
  'mount': met(lambda: call(165, 0, 0, 0, 0, 0)),
  'bpf': met(lambda: call(321, 0, 0, 0)),
  'io_uring': met(lambda: call(425, 1, 0)),
  'userfaultfd': met(lambda: call(323, 0)),
  'perf': met(lambda: call(298, 0, 0, -1, -1, 0)),
  'keyctl': met(lambda: call(250, 0, 0, 0)),
  'memfd': met(lambda: call(319, b'x', 0)),
  'setuid': met(lambda: os.setuid(0)),
  'raise limit': met(lambda: call(160, 7, (ctypes.c_ulong * 2)(4096, 4096))),
  'symlink': met(lambda: os.symlink('/etc', 'link')),
  'hard link': met(lambda: (open('f', 'w').close(), os.link('f', 'g'))),
  'mknod': met(lambda: os.mknod('dev')),
  'chroot': met(lambda: os.chroot('.')),
  'rwx': met(lambda: __import__('mmap').mmap(-1, 4096, prot=7)),
}
";
    let met = place.value("python", probe);
    for (attempt, outcome) in met.as_object().unwrap() {
        let outcome = outcome.as_str().unwrap();
        assert!(
            // In a root of its own what is outside is not there, or cannot be written.
            ["EPERM", "EACCES", "ENOSYS", "ENOENT", "EROFS"].contains(&outcome),
            "{attempt}: {outcome}"
        );
    }
    assert_eq!(met.as_object().unwrap().len(), 30);
    assert_eq!(
        place.value("python", "import os\ndict(os.environ)"),
        serde_json::json!({})
    );
    assert_eq!(
        place.value("python", "import os\nopen('own.txt', 'w').write('x')\n[open('own.txt').read(), os.path.basename(os.getcwd())[:2]]"),
        serde_json::json!(["x", "s_"]),
        "the workspace is its own"
    );
}

#[test]
fn folders_too_deep_to_count_end_the_run() {
    let place = Place::new(&format!(
        "[limits]\nworkspace_mib = 1\n{}",
        crate::place::fake("fake", &[])
    ));
    let code = "
import os, time
for _ in range(20):
    os.mkdir('d' * 250)
    os.chdir('d' * 250)
while True:
    open(str(time.time_ns()), 'w').write('x' * 500_000)
    time.sleep(0.01)";
    let (exit, report) = place.run("python", code);
    assert_eq!(exit, 3, "{report:#}");
    assert_eq!(report["error"]["code"], "limit_workspace", "{report:#}");
}

#[test]
fn one_session_has_no_way_into_the_workspace_of_another() {
    let place = Place::with_fake();
    let run = |session: &str, code: &str| {
        let options = ["--language", "python", "--session", session];
        let (exit, report) = place.run_with(&options, code);
        assert_eq!(exit, 0, "{report:#}");
        report["value"].clone()
    };
    let write = "import os\nopen('secret', 'w').write('x')\nos.getcwd()";
    let there = run("s_one000000000", write);
    let there = there.as_str().unwrap();
    let code = format!(
        "
import errno, os
def met(attempt):
    try:
        return repr(attempt())
    except OSError as error:
        return errno.errorcode[error.errno]
os.makedirs('sub', exist_ok=True)
[met(attempt) for attempt in (
    lambda: open({there:?} + '/secret').read(),
    lambda: open({there:?} + '/new', 'w'),
    lambda: os.listdir({there:?}),
    lambda: os.listdir('..'),
    lambda: open('../' + os.path.basename({there:?}) + '/secret').read(),
    lambda: os.rename('sub', {there:?} + '/sub'),
    lambda: os.rmdir({there:?}),
    lambda: os.chdir({there:?}) or os.listdir('.'),
)]"
    );
    let met = run("s_two000000000", &code);
    let met = met.as_array().unwrap();
    assert_eq!(met.len(), 8);
    for outcome in met {
        assert!(
            ["EACCES", "EXDEV"].contains(&outcome.as_str().unwrap()),
            "{met:?}"
        );
    }
    assert_eq!(run("s_one000000000", "open('secret').read()"), "x");
}

#[test]
fn javascript_has_no_way_to_turn() {
    let place = Place::with_fake();
    let names = "['require', 'process', 'fetch', 'XMLHttpRequest', 'Deno', 'Bun', 'os', 'std', 'WebAssembly', 'Worker'].filter(n => { try { return typeof globalThis[n] !== 'undefined' && n !== 'require' } catch { return false } })";
    assert_eq!(place.value("javascript", names), serde_json::json!([]));
    for code in [
        "import fs from 'fs'; fs.readFileSync('/etc/passwd')",
        "const { readFileSync } = require('node:fs'); readFileSync('/etc/passwd')",
        "await import('/etc/passwd')",
        "await import('os')",
    ] {
        let (exit, error) = place.error("javascript", code);
        assert_eq!(
            (exit, error["code"].as_str()),
            (1, Some("import")),
            "{code}: {error:#}"
        );
    }
    let (_, error) = place.error("javascript", "await fetch('http://127.0.0.1/')");
    assert_eq!(error["code"], "undefined_name", "{error:#}");
    let escape = "(function(){}).constructor('return typeof globalThis.process')()";
    assert_eq!(place.value("javascript", escape), "undefined");
}

#[test]
fn floods_of_output_are_cut_or_ended_and_never_fill_anything() {
    let place = Place::with_fake();
    for (language, code) in [
        ("python", "for i in range(400000): print('line', i)\n'done'"),
        (
            "javascript",
            "for (let i = 0; i < 400000; i++) console.log('line', i); 'done'",
        ),
    ] {
        let (exit, json) = place.run(language, code);
        assert_eq!(
            (exit, json["value"].as_str()),
            (0, Some("done")),
            "{language}"
        );
        let stdout = json["stdout"].as_str().unwrap();
        assert!(stdout.len() < 1_200_000, "{language}: {}", stdout.len());
        assert!(
            stdout.starts_with("line 0\n") && stdout.ends_with("line 399999\n"),
            "{language}"
        );
        assert!(stdout.contains("bytes not shown"), "{language}");
    }
    check_limit(
        "python",
        &["--timeout", "20"],
        "while True: print('x' * 65536)",
        "limit_output",
    );
    check_limit(
        "python",
        &["--timeout", "20"],
        "import sys\nwhile True: sys.stderr.write('x' * 65536)",
        "limit_output",
    );
    check_limit(
        "javascript",
        &["--timeout", "20"],
        "const x = 'x'.repeat(65536); for (;;) console.error(x)",
        "limit_output",
    );
}

/// A program that writes its own frames to the channel.
#[test]
fn forged_frames_end_the_run_or_count_as_what_they_are() {
    let place = Place::with_fake();
    let forge = |bytes: &str| {
        let code = format!("import os, struct, time\nos.write(3, {bytes})\ntime.sleep(20)");
        let (exit, json) = place.run("python", &code);
        (exit, json["error"].clone(), json["value"].clone())
    };
    for bytes in [
        "struct.pack('<IBBI', 0xffffffff, 3, 0, 1)",
        "struct.pack('<IBBI', 9 << 20, 3, 0, 1)",
        "struct.pack('<IBBI', 0, 99, 0, 1)",
        "struct.pack('<IBBI', 0, 3, 255, 1)",
        "struct.pack('<IBBI', 3, 3, 0, 1) + b'abc'",
        "struct.pack('<IBBI', 2, 2, 0, 1) + b'{}'",
        "struct.pack('<IBBI', 3, 4, 0, 1) + b'\\xff\\xfe\\xfd'",
        "b''.join(struct.pack('<IBBI', 0, 3, 1, i) for i in range(1000))",
    ] {
        let (exit, error, _) = forge(bytes);
        assert_eq!(
            (exit, error["code"].as_str()),
            (1, Some("protocol")),
            "{bytes}: {error:#}"
        );
    }
    // A forged result is a result: the program is free to lie about itself.
    let (exit, _, value) = forge("struct.pack('<IBBI', 11, 4, 0, 1) + b'{\"value\":7}'");
    assert_eq!((exit, value.as_u64()), (0, Some(7)));
    // A forged call is a call, and meets what calls meet.
    let (_, error, _) = forge(
        "(lambda b: b''.join(struct.pack('<IBBI', len(b), 3, 0, i) + b for i in range(300)))(b'{\"path\":\"fake.meet\",\"named\":{\"parties\":1000}}')",
    );
    assert_eq!(
        error["code"], "protocol",
        "more calls than may be open: {error:#}"
    );
}

#[test]
fn a_program_that_closes_its_channel_or_dies_is_named() {
    let place = Place::with_fake();
    for code in [
        "import os\nos.close(3)\nos._exit(0)",
        "import os\nos._exit(7)",
        "import ctypes\nctypes.string_at(0)",
    ] {
        let (exit, error) = place.error("python", code);
        assert_eq!(
            (exit, error["code"].as_str()),
            (1, Some("exception")),
            "{code}: {error:#}"
        );
    }
}

#[test]
fn a_program_that_computes_for_long_lets_the_others_run_first() {
    let place = Place::with_fake();
    let mut agent = place.serve();
    agent.initialize();
    let code = "import threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\nwhile True: pass";
    let arguments = serde_json::json!({"language": "python", "code": code, "timeout_seconds": 3});
    let params = serde_json::json!({"name": "execute_code", "arguments": arguments});
    let id = agent.ask("tools/call", params);
    let nice = |pid: u32, thread: &str| -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        fields.split(' ').nth(16)?.parse().ok()
    };
    let threads = |pid: u32| -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
        let tasks = tasks.into_iter().flatten().flatten();
        tasks
            .map(|task| task.file_name().into_string().unwrap())
            .collect()
    };
    // Both its threads; nobody else.
    let begun = std::time::Instant::now();
    loop {
        let low: Vec<u32> = family_of(agent.child.id())
            .into_iter()
            .filter(|pid| {
                threads(*pid)
                    .iter()
                    .any(|thread| nice(*pid, thread) == Some(10))
            })
            .collect();
        // They step back one after the other.
        if let [guest] = low[..]
            && threads(guest)
                .iter()
                .all(|thread| nice(guest, thread) == Some(10))
        {
            break;
        }
        assert!(
            low.len() <= 1 && begun.elapsed().as_secs() < 60,
            "{low:?}: {:?}",
            low.iter().map(|pid| threads(*pid)).collect::<Vec<_>>()
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    while agent.next()["id"].as_u64() != Some(id) {}
}

#[test]
fn a_neighbour_is_unaffected_and_nothing_survives_the_end() {
    let place = Place::with_fake();
    let mut agent = place.serve();
    agent.initialize();
    let hostile = [
        ("python", "while True: pass"),
        ("javascript", "for (;;) {}"),
        ("python", "x = []\nwhile True: x.append('y' * 1000000)"),
    ];
    let ids: Vec<u64> = hostile
        .iter()
        .map(|(language, code)| {
            agent.ask(
                "tools/call",
                serde_json::json!({"name": "execute_code", "arguments": {"language": language, "code": code, "timeout_seconds": 3}}),
            )
        })
        .collect();
    let neighbour =
        serde_json::json!({"language": "python", "code": "tools.fake.echo(text='well')"});
    let neighbour = agent.ask(
        "tools/call",
        serde_json::json!({"name": "execute_code", "arguments": neighbour}),
    );
    // Which answer comes first depends on how fast this machine is.
    let mut waiting = ids;
    waiting.push(neighbour);
    while !waiting.is_empty() {
        let message = agent.next();
        let id = message["id"].as_u64().unwrap();
        waiting.retain(|waiting| *waiting != id);
        let text = message["result"]["content"][0]["text"].as_str().unwrap();
        if id == neighbour {
            assert!(
                text.starts_with("ok x") && text.ends_with("\nwell"),
                "{text}"
            );
        } else {
            assert!(text.starts_with("error x"), "{text}");
            assert!(text.contains(" limit_"), "{text}");
        }
    }
    let family = family_of(agent.child.id());
    assert!(family.len() >= 3, "the gateway, its supervisor, the server");
    agent.close();
    wait_until_gone(&family);
}
