//! What changes while the gateway runs, and how it ends.

use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::place::{Agent, Place, fake, family_of, wait_until, wait_until_gone};

/// Much longer than ending takes, much shorter than anything that was not told to end would last.
const BOUND: Duration = Duration::from_secs(25);

fn connected(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

fn lines_of(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// How often a server has been started and spoken to.
fn starts(log: &Path) -> usize {
    let first = |line: &&String| line.starts_with("server/discover");
    lines_of(log).iter().filter(first).count()
}

/// Asks for a program's run and returns the request's id.
fn ask_to_run(agent: &mut Agent, language: &str, code: &str) -> u64 {
    let arguments = json!({"language": language, "code": code});
    agent.ask(
        "tools/call",
        json!({"name": "execute_code", "arguments": arguments}),
    )
}

/// The text of the next answer, with its id.
fn next_text(agent: &mut Agent) -> (u64, String) {
    let answer = agent.next();
    let text = &answer["result"]["content"][0]["text"];
    (
        answer["id"]
            .as_u64()
            .unwrap_or_else(|| panic!("{answer:#}")),
        text.as_str()
            .unwrap_or_else(|| panic!("{answer:#}"))
            .to_owned(),
    )
}

/// A place with servers that log what they are sent, each described as `name` and options.
struct Watched(Place);

impl Watched {
    fn new(servers: &[(&str, &[&str])]) -> Watched {
        let watched = Watched(Place::new(""));
        watched.name_servers(servers);
        watched
    }

    fn log(&self, name: &str) -> std::path::PathBuf {
        self.0.path(&format!("tmp/{name}"))
    }

    fn name_servers(&self, servers: &[(&str, &[&str])]) {
        let stanza = |(name, options): &(&str, &[&str])| {
            let log = self.log(name);
            fake(
                name,
                &[&["--log-methods", log.to_str().unwrap()], *options].concat(),
            )
        };
        let text: String = servers.iter().map(stanza).collect();
        self.0.write("config/toolmill/toolmill.toml", &text);
    }
}

fn echo(agent: &mut Agent, server: &str) -> (String, bool) {
    agent.execute("python", &format!("tools.{server}.echo(text='here')"))
}

#[test]
fn reload_starts_and_stops_only_what_changed() {
    let watched = Watched::new(&[("same", &[]), ("changed", &[]), ("gone", &[])]);
    let place = &watched.0;
    let mut agent = connected(place);
    for server in ["same", "changed", "gone"] {
        let (text, is_error) = echo(&mut agent, server);
        assert!(!is_error, "{text}");
    }
    // A call that is open across the reload.
    let met = ask_to_run(&mut agent, "javascript", "tools.same.meet({parties: 2})");
    wait_until("the call has arrived", || {
        lines_of(&watched.log("same")).contains(&"tools/call meet".to_owned())
    });

    watched.name_servers(&[("same", &[]), ("changed", &["--name", "x"]), ("added", &[])]);
    let reloaded = place.output(&["reload"]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    assert_eq!(
        String::from_utf8(reloaded.stdout).unwrap(),
        format!("gateway {}: 3 servers\n", agent.child.id())
    );
    let (text, is_error) = agent.execute(
        "python",
        "[tools.same.meet(parties=2), tools.changed.echo(text='here'), tools.added.echo(text='here')]",
    );
    assert!(
        !is_error && text.ends_with(r#"["met","here","here"]"#),
        "{text}"
    );
    let (text, is_error) = echo(&mut agent, "gone");
    assert!(is_error && text.contains("unknown_tool"), "{text}");
    assert_eq!(starts(&watched.log("same")), 1);
    assert_eq!(starts(&watched.log("changed")), 2);
    assert_eq!(starts(&watched.log("gone")), 1);
    assert_eq!(starts(&watched.log("added")), 1);
    let (text, _) = agent.call("search_tools", json!({}));
    assert!(text.contains("added ") && !text.contains("gone"), "{text}");
    // `request` has passed over the answer to the first call, which is there or `meet` had not met.
    assert!(met > 0);
}

#[test]
fn a_hangup_means_reload() {
    let watched = Watched::new(&[("same", &[])]);
    let mut agent = connected(&watched.0);
    assert!(!echo(&mut agent, "same").1);
    watched.name_servers(&[("same", &[]), ("added", &[])]);
    signal(agent.child.id(), Signal::HUP);
    wait_until("the new server is started", || {
        starts(&watched.log("added")) == 1
    });
    let (text, is_error) = echo(&mut agent, "added");
    assert!(!is_error, "{text}");
    assert_eq!(starts(&watched.log("same")), 1);
}

#[test]
fn settings_that_are_not_understood_change_nothing() {
    let watched = Watched::new(&[("same", &[]), ("also", &[])]);
    let place = &watched.0;
    let mut agent = connected(place);
    assert!(!echo(&mut agent, "same").1 && !echo(&mut agent, "also").1);
    // The first half of it would be fine by itself.
    let broken = format!("{}[upstream.bad]\ncomand = \"x\"\n", fake("added", &[]));
    place.write("config/toolmill/toolmill.toml", &broken);

    let reloaded = place.output(&["reload"]);
    assert_eq!(reloaded.status.code(), Some(5), "{reloaded:?}");
    let said = String::from_utf8(reloaded.stderr).unwrap();
    let kept = format!("gateway {} keeps its settings: ", agent.child.id());
    assert!(
        said.starts_with(&kept) && said.contains("toolmill.toml") && said.contains("`command`"),
        "{said}"
    );

    signal(agent.child.id(), Signal::HUP);
    let stderr = agent.child.stderr.take().unwrap();
    let logged = std::io::BufReader::new(stderr)
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("the settings stay as they were"))
        .expect("it says so");
    assert!(logged.contains("`command`"), "{logged}");

    for server in ["same", "also"] {
        let (text, is_error) = echo(&mut agent, server);
        assert!(!is_error, "{text}");
        assert_eq!(starts(&watched.log(server)), 1);
    }
    let (text, _) = agent.call("search_tools", json!({}));
    assert!(!text.contains("added"), "{text}");
}

#[test]
fn reload_without_a_gateway_says_so() {
    let output = Place::with_fake().output(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"no gateway is running\n");
}

/// The settings of a server that ends neither by its input nor alone: it has started a process
/// which has left its group.
fn with_grandchild(name: &str) -> String {
    let program =
        Path::new(env!("CARGO_BIN_EXE_toolmill")).with_file_name("examples/fake_upstream");
    let line = format!(
        "(setsid sleep 100000 &); trap '' TERM; {} --linger & exec {} --linger",
        program.display(),
        program.display()
    );
    format!("[upstream.{name}]\ncommand = \"/bin/sh\"\nargs = [\"-c\", {line:?}]\n")
}

fn named(family: &[u32], name: &str) -> Vec<u32> {
    let has = |pid: &&u32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(name))
    };
    family.iter().filter(has).copied().collect()
}

#[test]
fn a_closed_input_ends_everything_grandchildren_included() {
    let place = Place::new(&[with_grandchild("parent"), fake("plain", &[])].concat());
    let mut agent = connected(&place);
    for server in ["parent", "plain"] {
        let (text, is_error) = echo(&mut agent, server);
        assert!(!is_error, "{text}");
    }
    ask_to_run(&mut agent, "javascript", "for (;;) {}");
    let mut family = Vec::new();
    wait_until("the grandchild and the guest run", || {
        family = family_of(agent.child.id());
        let guests = named(&family, "toolmill-launcher");
        // The zygote and its guest.
        named(&family, "sleep").len() == 1 && guests.len() == 2
    });
    let begun = Instant::now();
    agent.close();
    wait_until_gone(&family);
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}

/// As from a script: `printf '…' | toolmill serve`.
#[test]
fn what_was_asked_before_the_input_closed_is_answered() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let asked = [
        ask_to_run(&mut agent, "python", "tools.fake.echo(text='here')"),
        ask_to_run(&mut agent, "javascript", "'here'"),
    ];
    agent.hang_up();
    let mut answered = Vec::new();
    for _ in asked {
        let (id, text) = next_text(&mut agent);
        assert!(text.ends_with("\nhere"), "{text}");
        answered.push(id);
    }
    answered.sort_unstable();
    assert_eq!(answered, asked);
    agent.child.wait().unwrap();
}

#[test]
fn a_signal_ends_what_runs_after_a_while() {
    for ending in [Signal::TERM, Signal::INT] {
        let place = Place::new(&fake("stubborn", &["--linger"]));
        let mut agent = connected(&place);
        assert!(!echo(&mut agent, "stubborn").1);
        ask_to_run(&mut agent, "python", "while True: pass");
        let mut family = Vec::new();
        wait_until("the guest runs", || {
            family = family_of(agent.child.id());
            family.len() >= 4
        });
        let begun = Instant::now();
        signal(agent.child.id(), ending);
        let status = agent.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{ending:?}: {status}");
        wait_until_gone(&family);
        assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    }
}

#[test]
fn without_its_supervisor_the_gateway_runs_no_program_and_says_why() {
    let place = Place::new(&fake("fake", &[]));
    let mut agent = connected(&place);
    assert!(!echo(&mut agent, "fake").1);
    let running = ask_to_run(&mut agent, "javascript", "for (;;) {}");
    let mut guest = Vec::new();
    wait_until("the guest runs", || {
        guest = named(&family_of(agent.child.id()), "toolmill-launcher");
        guest.len() == 2
    });
    let supervisor = named(&family_of(agent.child.id()), "toolmill-supervisor");
    assert_eq!(supervisor.len(), 1);
    signal(supervisor[0], Signal::KILL);
    let (id, text) = next_text(&mut agent);
    assert_eq!(id, running);
    let is_sandbox = |text: &str| text.lines().next().unwrap().contains(" sandbox");
    // It may have been met at any moment of its start.
    assert!(is_sandbox(&text), "{text}");
    wait_until_gone(&guest);
    for language in ["python", "javascript"] {
        // One that waited for a program may not have ended yet, and ends with it.
        wait_until("the gateway says why", || {
            let (text, is_error) = agent.execute(language, "1 + 1");
            assert!(is_error && is_sandbox(&text), "{text}");
            text.contains("the supervisor has gone; start toolmill again")
        });
    }
    let begun = Instant::now();
    agent.close();
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}

#[test]
fn a_lost_zygote_takes_its_guests_with_it_and_is_replaced() {
    for (language, name, endless) in [
        // What only a zygote's command line holds: other interpreters are asked what they are.
        (
            "python",
            "posix._exit(1)",
            "tools.fake.echo(text='')\nwhile True: pass",
        ),
        (
            "javascript",
            "toolmill-launcher",
            "await tools.fake.echo({text: ''}); for (;;) {}",
        ),
    ] {
        let watched = Watched::new(&[("fake", &[])]);
        let mut agent = connected(&watched.0);
        let processes = |agent: &Agent| named(&family_of(agent.child.id()), name);
        // Without a language, so that nobody may try the other one once it has run.
        let running = agent.ask(
            "tools/call",
            json!({"name": "execute_code", "arguments": {"code": endless}}),
        );
        wait_until("the program runs", || {
            lines_of(&watched.log("fake")).contains(&"tools/call echo".to_owned())
        });
        let lost = processes(&agent);
        assert_eq!(lost.len(), 2, "the zygote and its guest");
        // A guest is the child of its zygote.
        let is_parent = |pid: &&u32| {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            !children.unwrap().is_empty()
        };
        let zygote = *lost.iter().find(is_parent).unwrap();
        signal(zygote, Signal::KILL);
        let (id, text) = next_text(&mut agent);
        assert_eq!(id, running);
        assert!(text.lines().next().unwrap().contains(" sandbox"), "{text}");
        assert!(text.contains("run the program again"), "{text}");
        let calls = lines_of(&watched.log("fake"));
        let echoed = calls.iter().filter(|line| *line == "tools/call echo");
        assert_eq!(echoed.count(), 1, "{calls:?}");
        wait_until_gone(&lost);
        // Those that wait for a program go with it, too.
        for _ in 0..2 {
            let (text, is_error) = agent.execute(language, "1 + 1");
            assert!(!is_error && text.ends_with("\n2"), "{text}");
            let mut waiting = Vec::new();
            wait_until("guests wait", || {
                waiting = processes(&agent);
                waiting.len() >= 3
            });
            for pid in &waiting {
                // The first of them may end the others.
                let _ = kill_process(Pid::from_raw(*pid as i32).unwrap(), Signal::KILL);
            }
            wait_until_gone(&waiting);
        }
        agent.close();
    }
}

#[test]
fn each_program_finds_everything_new() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    // What one leaves behind in its process, and what it draws.
    let python = "
import asyncio, builtins, json, random, sys, tempfile, uuid
left = [name for name in ('left', 'changed') if hasattr(builtins, name) or hasattr(json, name)]
builtins.left = json.changed = True
json.loads = sys.modules['re'] = None
[left, random.random(), str(uuid.uuid4()), next(tempfile._get_candidate_names())]";
    let javascript = "
const left = ['left' in globalThis, 'changed' in Array.prototype];
globalThis.left = 1;
Array.prototype.changed = 1;
JSON.parse = Math.floor = null;
[left.filter((x) => x), Math.random(), Math.random(), new Map().size]";
    for (language, code, distinct) in [("python", python, 3), ("javascript", javascript, 2)] {
        let mut drawn = std::collections::BTreeSet::new();
        const RUNS: usize = 8;
        for _ in 0..RUNS {
            let (text, is_error) = agent.execute(language, code);
            assert!(!is_error, "{text}");
            let value: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            assert_eq!(value[0], json!([]), "{text}");
            drawn.extend(
                value.as_array().unwrap()[1..=distinct]
                    .iter()
                    .map(Value::to_string),
            );
        }
        assert_eq!(drawn.len(), RUNS * distinct, "{drawn:?}");
    }
    agent.close();
}

#[test]
fn programs_that_wait_for_a_call_keep_nobody_from_running() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    // One more than run at once, each of which waits for all the others.
    let cores = std::thread::available_parallelism().unwrap().get();
    let parties = 4 * cores + 1;
    let code = format!("await tools.fake.meet({{parties: {parties}}})");
    let mut asked: Vec<u64> = (0..parties)
        .map(|_| ask_to_run(&mut agent, "javascript", &code))
        .collect();
    while !asked.is_empty() {
        let (id, text) = next_text(&mut agent);
        assert!(text.ends_with("\nmet"), "{text}");
        asked.retain(|one| *one != id);
    }
    agent.close();
}

#[test]
fn programs_beyond_the_limit_wait_and_those_beyond_the_queue_are_refused_at_once() {
    const WAITING: usize = 64;
    let watched = Watched::new(&[("fake", &[])]);
    let place = &watched.0;
    let path = "config/toolmill/toolmill.toml";
    let servers = std::fs::read_to_string(place.path(path)).unwrap();
    place.write(path, &format!("[limits]\nexecutions = 1\n{servers}"));
    let mut agent = connected(place);
    assert!(!echo(&mut agent, "fake").1);
    let code = "tools.fake.meet({parties: 2})";
    let holder = ask_to_run(&mut agent, "javascript", code);
    wait_until("the one place is taken", || {
        lines_of(&watched.log("fake")).contains(&"tools/call meet".to_owned())
    });
    let waiting: Vec<u64> = (0..=WAITING)
        .map(|_| ask_to_run(&mut agent, "javascript", code))
        .collect();
    // Nobody else can be answered while the place is taken.
    let (refused, text) = next_text(&mut agent);
    assert!(waiting.contains(&refused), "{text}");
    assert!(text.lines().next().unwrap().contains(" busy"), "{text}");
    assert!(text.contains("64 runs are waiting already"), "{text}");

    let cancel = |agent: &mut Agent, id: u64| {
        let params = json!({"requestId": id});
        agent.send(
            &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}),
        );
    };
    // Who gives up while waiting makes room in the queue at once.
    let given_up: Vec<u64> = waiting
        .iter()
        .copied()
        .filter(|id| *id != refused)
        .take(WAITING - 2)
        .collect();
    for id in &given_up {
        cancel(&mut agent, *id);
    }
    let late = ask_to_run(&mut agent, "javascript", "'late'");
    cancel(&mut agent, holder);
    let mut met = 0;
    loop {
        let answer: Value = agent.next();
        let text = answer["result"]["content"][0]["text"].to_string();
        let id = answer["id"].as_u64().unwrap();
        if id == late {
            assert!(text.contains("\\nlate"), "{answer:#}");
            break;
        }
        // An answer to a request that was cancelled is allowed, and says so.
        if id == holder || given_up.contains(&id) {
            assert!(text.contains("cancelled"), "{answer:#}");
        } else {
            assert!(text.contains("met"), "{answer:#}");
            met += 1;
        }
    }
    assert_eq!(met, 2);
}
