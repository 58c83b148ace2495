//! 120 attacks on the sandbox, in both languages, both tiers, as root and as an ordinary user.
//!
//! The attacks are data: the tables beside this file, one a theme. An item has cases; a case of
//! `python` or `javascript` is a program that an agent sends, and either its value says what each of
//! its attempts `met`, or the run ends with an `error`. A case of `calls` is a list of system calls,
//! `[name, call, argument…]`: Python makes them through ctypes, and since JavaScript has none, the
//! native attacker of the sandbox crate makes them under JavaScript's policy. What is expected is
//! exact; `|` stands between answers of different kernels and interpreters; `full` is what the full
//! tier expects instead.
//!
//! `outside` is the positive control: a program that must succeed outside the sandbox, `goes on`
//! when the attack itself must still run there after a second, or for calls what they meet there.
//! `skip` needs a `reason`; an item without a case in a language is not applicable there and needs
//! one too. A case that is an existing test names it as `elsewhere`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::place::{Agent, Place, family_of, tier_here, under, wait_until_gone};

const TABLES: [&str; 8] = [
    include_str!("resources.toml"),
    include_str!("files.toml"),
    include_str!("network.toml"),
    include_str!("processes.toml"),
    include_str!("kernel.toml"),
    include_str!("information.toml"),
    include_str!("protocol.toml"),
    include_str!("programs.toml"),
];
const PRELUDE: &str = include_str!("prelude.py");
/// A program's own time where a case does not say.
const SECONDS: f64 = 0.7;
/// In the environment of a server of the gateway.
const SECRET: &str = "canary-5f2c77ab91";
const USER: u32 = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    theme: String,
    item: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    number: u32,
    name: String,
    /// Why it is not applicable at all.
    reason: Option<String>,
    #[serde(default)]
    python: Vec<Case>,
    #[serde(default)]
    javascript: Vec<Case>,
    #[serde(default)]
    calls: Vec<Calls>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    program: Option<String>,
    /// A program too large for the table.
    generated: Option<String>,
    #[serde(default)]
    met: Met,
    full: Option<Met>,
    /// The code of the error that ends the run.
    error: Option<String>,
    /// In the full tier it is its attempts that meet something, and not the run that ends.
    full_met: Option<Met>,
    timeout: Option<f64>,
    outside: Option<String>,
    outside_met: Option<Met>,
    reason: Option<String>,
    elsewhere: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Calls {
    calls: Vec<Vec<Value>>,
    #[serde(default)]
    met: Met,
    python: Option<Met>,
    javascript: Option<Met>,
    outside: Option<String>,
    /// Whether only root, with all its capabilities, can make them outside.
    #[serde(default)]
    privileged: bool,
    #[serde(rename = "control_note")]
    _control_note: Option<String>,
    reason: Option<String>,
}

/// What attempts meet: all of them, or each by its name.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Met {
    All(String),
    Each(BTreeMap<String, String>),
}

impl Default for Met {
    fn default() -> Met {
        Met::All("EPERM".to_owned())
    }
}

impl Met {
    fn is_skip(&self) -> bool {
        matches!(self, Met::All(all) if all == "skip")
    }

    /// What of this was not met.
    fn unmet(&self, attempts: &BTreeMap<String, String>) -> Vec<String> {
        if attempts.is_empty() {
            return vec!["nothing was attempted".to_owned()];
        }
        let mut unmet = Vec::new();
        for (attempt, outcome) in attempts {
            let expected = match self {
                Met::All(all) => all,
                Met::Each(each) => each.get(attempt).map_or("nothing at all", String::as_str),
            };
            if !expected.split('|').any(|one| one == outcome) {
                unmet.push(format!("{attempt} met {outcome}, expected {expected}"));
            }
        }
        if let Met::Each(each) = self {
            let missing = each.keys().filter(|name| !attempts.contains_key(*name));
            unmet.extend(missing.map(|name| format!("{name} was not attempted")));
        }
        unmet
    }
}

fn items() -> Vec<(String, Item)> {
    let mut items = Vec::new();
    for text in TABLES {
        let table: Table = toml::from_str(text).unwrap();
        for item in table.item {
            items.push((table.theme.clone(), item));
        }
    }
    items
}

impl Item {
    fn cases(&self, language: &str) -> &[Case] {
        match language {
            "python" => &self.python,
            _ => &self.javascript,
        }
    }

    /// Its calls, as a language makes them, with what they must meet.
    fn calls_in(&self, language: &str) -> Vec<(&Calls, Met)> {
        let all = self.calls.iter().map(|calls| {
            let own = match language {
                "python" => &calls.python,
                _ => &calls.javascript,
            };
            (calls, own.clone().unwrap_or_else(|| calls.met.clone()))
        });
        all.filter(|(_, met)| !met.is_skip()).collect()
    }

    /// Why it is not applicable in a language, when it is not.
    fn not_applicable(&self, language: &str) -> Option<&str> {
        let cases = self.cases(language);
        let runs = |case: &Case| case.elsewhere.is_some() || case.text().is_some();
        if cases.iter().any(runs) || !self.calls_in(language).is_empty() {
            return None;
        }
        let reasons = cases.iter().find_map(|case| case.reason.as_deref());
        let of_calls = self.calls.iter().find_map(|calls| calls.reason.as_deref());
        Some(
            reasons
                .or(of_calls)
                .or(self.reason.as_deref())
                .unwrap_or_else(|| panic!("item {} has no case in {language}", self.number)),
        )
    }
}

impl Case {
    fn text(&self) -> Option<String> {
        match (&self.program, self.generated.as_deref()) {
            (Some(program), None) => Some(program.clone()),
            (None, Some("nested parentheses")) => {
                Some(format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000)))
            }
            (None, None) => None,
            _ => panic!("a case has a program, or the name of a generated one"),
        }
    }
}

impl Calls {
    /// For the attacker, with names that are unique in the whole table.
    fn attempts(&self, number: u32) -> Vec<Value> {
        let attempt = |call: &Vec<Value>| {
            let name = call[0].as_str().unwrap();
            json!({"name": format!("{number}/{name}"), "call": call[1], "arguments": call[2..]})
        };
        self.calls.iter().map(attempt).collect()
    }

    /// For Python.
    fn program(&self) -> String {
        let mut program = String::new();
        for call in &self.calls {
            let number = match &call[1] {
                Value::Number(number) => number.to_string(),
                name => format!("NUMBERS[{name}]"),
            };
            let arguments: String = call[2..].iter().map(|word| format!(", {word}")).collect();
            writeln!(
                program,
                "attempt({}, lambda: call({number}{arguments}))",
                call[0]
            )
            .unwrap();
        }
        program
    }
}

fn attacker() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_toolmill")).with_file_name("examples/attacker");
    assert!(
        path.exists(),
        "{} is missing; build it with: cargo build -p toolmill-sandbox --examples",
        path.display()
    );
    path
}

/// What calls met, made by the native attacker.
fn attacked(mut attacker: Command, attempts: &[Value]) -> BTreeMap<String, String> {
    let mut child = attacker
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = serde_json::to_vec(attempts).unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
}

/// The definitions before each Python program.
fn prelude(canary: &Path, port: u16) -> String {
    let mut numbers = Command::new(attacker());
    let numbers = numbers.arg("numbers").output().unwrap().stdout;
    let reversed: String = SECRET.chars().rev().collect();
    format!(
        "{PRELUDE}\nNUMBERS = {}\nCANARY = {canary:?}\nPORT = {port}\nREVERSED = {reversed:?}\n",
        String::from_utf8(numbers).unwrap()
    )
}

/// One way of running: a tier and a user.
struct Column {
    tier: &'static str,
    user: Option<u32>,
}

impl Column {
    fn name(&self) -> String {
        let user = match self.user {
            None => "as root",
            Some(_) => "as an ordinary user",
        };
        format!("{}, {user}", self.tier)
    }

    /// A command that runs a program of the place in this column.
    fn command(&self, place: &Place, program: &Path, arguments: &[&str]) -> Command {
        let mut inner = place.command(&[]);
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        if let Some(user) = self.user {
            words.extend(["setpriv", "--clear-groups"].map(Into::into));
            words.push(format!("--reuid={user}").into());
            words.push(format!("--regid={user}").into());
        }
        // As in a container whose profile has no namespaces. The attacker is told its tier.
        if self.tier == "strict" && !program.ends_with("attacker") {
            words.push(place.path("deny_syscall").into());
            words.extend(["clone3", "38"].map(Into::into));
        }
        words.push(program.into());
        words.extend(arguments.iter().map(Into::into));
        inner.env("TMPDIR", place.path("tmp"));
        inner.env("TOOLMILL_TEST_SECRET", SECRET);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env_clear();
        command.current_dir(inner.get_current_dir().unwrap());
        command.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command
    }

    /// Makes every attack of the table, and looks after each whether host and sibling are well.
    fn run(&self) -> usize {
        let place = Place::new("");
        for (program, name) in [
            (PathBuf::from(env!("CARGO_BIN_EXE_toolmill")), "toolmill"),
            (attacker(), "attacker"),
            (attacker().with_file_name("deny_syscall"), "deny_syscall"),
            (attacker().with_file_name("fake_upstream"), "fake_upstream"),
        ] {
            // Where an ordinary user may execute it, wherever this was built.
            std::fs::copy(program, place.path(name)).unwrap();
        }
        let server = place.path("fake_upstream");
        let settings = format!(
            "[limits]\nmemory_mib = 256\ncalls = 300\nyield_seconds = 500\n\
             [upstream.fake]\ncommand = {server:?}\nenv = {{ SECRET = \"${{TOOLMILL_TEST_SECRET}}\" }}\n"
        );
        place.write("config/toolmill/toolmill.toml", &settings);
        place.write("canary", "unharmed");
        if let Some(user) = self.user {
            crate::faults::give(&place.path(""), user);
        } else {
            use std::os::unix::fs::PermissionsExt;
            for folder in ["", "tmp"] {
                let open = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(place.path(folder), open).unwrap();
            }
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let prelude = prelude(&place.path("canary"), port);

        let mounts = std::fs::read("/proc/self/mountinfo").unwrap();
        let files = listing(&place.path(""));
        let toolmill = place.path("toolmill");
        let mut agent = Agent::start(self.command(&place, &toolmill, &["serve", "--structured"]));
        agent.initialize();
        let tier = self.tier_of(&place);
        assert_eq!(tier, self.tier, "{}", self.name());
        for _ in 0..3 {
            for language in ["python", "javascript"] {
                self.sibling(&mut agent, language, "before any attack");
            }
        }
        let family = family_of(agent.child.id());
        let descriptors = descriptors_of(&family);

        let mut held = 0;
        let mut unmet = Vec::new();
        for (_, item) in items() {
            for language in ["python", "javascript"] {
                for case in item.cases(language) {
                    let Some(text) = case.text() else { continue };
                    let about = format!("{} ({language}, {})", item.number, self.name());
                    let code = match language {
                        "python" => format!("{prelude}{text}\nmet if met else None"),
                        _ => text,
                    };
                    let found = self.unmet(&mut agent, language, case, &code);
                    unmet.extend(found.into_iter().map(|what| format!("{about}: {what}")));
                    if case.error.as_deref() == Some("limit_workspace") {
                        clean(&mut agent, &about);
                    }
                    self.sibling(&mut agent, language, &about);
                    held += 1;
                }
            }
            for (calls, met) in item.calls_in("python") {
                let about = format!("{} (python, {})", item.number, self.name());
                let code = format!("{prelude}{}\nmet", calls.program());
                let (value, error) = execute(&mut agent, "python", &code, SECONDS * 5.0);
                let found = match attempts_in(&value) {
                    Some(attempts) => met.unmet(&attempts),
                    None => vec![format!("no attempts in {value} {error}")],
                };
                unmet.extend(found.into_iter().map(|what| format!("{about}: {what}")));
                self.sibling(&mut agent, "python", &about);
                held += 1;
            }
        }
        held += self.native(&place, &mut unmet);
        assert!(unmet.is_empty(), "\n{}", unmet.join("\n"));

        let left = family_of(agent.child.id());
        // Guests that wait, 16 a language at most, and what each of them holds.
        assert!(left.len() <= family.len() + 32, "{}: {left:?}", self.name());
        let most = descriptors + 32 * 10;
        assert!(descriptors_of(&left) <= most, "{}", self.name());
        agent.close();
        wait_until_gone(&left);
        assert_eq!(
            std::fs::read_to_string(place.path("canary")).unwrap(),
            "unharmed"
        );
        let now = std::fs::read("/proc/self/mountinfo").unwrap();
        assert_eq!(
            String::from_utf8_lossy(&mounts),
            String::from_utf8_lossy(&now),
            "{}",
            self.name()
        );
        assert_eq!(files, listing(&place.path("")), "{}", self.name());
        held
    }

    fn tier_of(&self, place: &Place) -> String {
        let toolmill = place.path("toolmill");
        let command = self.command(
            place,
            &toolmill,
            &["run", "--json", "--language", "js", "-"],
        );
        let (_, json) = crate::place::run(command, "1");
        json["tier"].as_str().unwrap_or("none").to_owned()
    }

    /// What a case did not meet.
    fn unmet(&self, agent: &mut Agent, language: &str, case: &Case, code: &str) -> Vec<String> {
        let by_time = case
            .error
            .as_ref()
            .is_some_and(|error| error.contains("limit_time"));
        let seconds = case.timeout.unwrap_or(if by_time { SECONDS } else { 20.0 });
        let (value, error) = execute(agent, language, code, seconds);
        let full = self.tier == "full";
        let met = match (&case.full_met, &case.full) {
            (Some(met), _) if full => Some(met),
            (_, Some(met)) if full => Some(met),
            _ if case.error.is_some() => None,
            _ => Some(&case.met),
        };
        match (met, attempts_in(&value)) {
            (Some(met), Some(attempts)) => met.unmet(&attempts),
            (Some(_), None) => vec![format!("no attempts in {value} {error}")],
            (None, _) => {
                let expected = case.error.as_deref().unwrap_or_default();
                let found = error.split_whitespace().nth(2).unwrap_or("no error");
                if expected.split('|').any(|one| one == found) {
                    Vec::new()
                } else {
                    vec![format!("{found}, expected {expected}: {value} {error}")]
                }
            }
        }
    }

    /// A program of the same language is answered as ever.
    fn sibling(&self, agent: &mut Agent, language: &str, after: &str) {
        let code = match language {
            "python" => "{'said': tools.fake.echo(text='well')}",
            _ => "({said: await tools.fake.echo({text: 'well'})})",
        };
        let (value, error) = execute(agent, language, code, 20.0);
        assert_eq!(value["said"], "well", "after {after}: {error}");
    }

    /// The calls, under JavaScript's policy.
    fn native(&self, place: &Place, unmet: &mut Vec<String>) -> usize {
        let items = items();
        let mut attempts = Vec::new();
        for (_, item) in &items {
            for (calls, _) in item.calls_in("javascript") {
                attempts.extend(calls.attempts(item.number));
            }
        }
        let folder = place.path("tmp/attacker");
        let words = [self.tier, "javascript", folder.to_str().unwrap()];
        let met = attacked(
            self.command(place, &place.path("attacker"), &words),
            &attempts,
        );
        let mut held = 0;
        for (_, item) in &items {
            for (calls, expected) in item.calls_in("javascript") {
                let about = format!("{} (javascript, {})", item.number, self.name());
                let found = calls.attempts(item.number).into_iter().map(|attempt| {
                    let name = attempt["name"].as_str().unwrap();
                    let short = name.split_once('/').unwrap().1.to_owned();
                    (short, met[name].clone())
                });
                let found = expected.unmet(&found.collect());
                unmet.extend(found.into_iter().map(|what| format!("{about}: {what}")));
                held += 1;
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
        held
    }
}

/// Runs a program; its value, and its error's text, empty when there is none.
fn execute(agent: &mut Agent, language: &str, code: &str, seconds: f64) -> (Value, String) {
    let arguments = json!({"language": language, "code": code, "timeout_seconds": seconds});
    let answer = agent.request(
        "tools/call",
        json!({"name": "execute_code", "arguments": arguments}),
    );
    let result = &answer["result"];
    let error = match result["isError"] == true {
        true => result["content"][0]["text"].as_str().unwrap_or_default(),
        false => "",
    };
    (result["structuredContent"].clone(), error.to_owned())
}

/// Deletes what an attack has left in the workspace, as a program may.
fn clean(agent: &mut Agent, about: &str) {
    let code =
        "import os\nfor entry in os.scandir():\n    os.unlink(entry)\n{'left': len(os.listdir())}";
    let (value, error) = execute(agent, "python", code, 30.0);
    assert_eq!(value["left"], 0, "{about}: {error}");
}

/// The attempts that a value tells of.
fn attempts_in(value: &Value) -> Option<BTreeMap<String, String>> {
    serde_json::from_value(value.clone()).ok()
}

/// Every path of a place but those that runs are meant to leave: journal, sessions, caches.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if ["state", "run", "toolmill-workspaces-0"]
                .iter()
                .any(|own| path.ends_with(own))
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path.clone());
            }
            paths.push(path);
        }
    }
    paths.sort();
    paths
}

fn descriptors_of(processes: &[u32]) -> usize {
    let count = |pid: &u32| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    processes.iter().map(count).sum()
}

#[test]
fn every_attack_is_held_in_every_tier_as_root_and_as_a_user() {
    let root = rustix::process::geteuid().is_root();
    let namespaces = tier_here() == "full";
    let setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    let mut columns = Vec::new();
    for tier in ["strict", "full"] {
        for user in [None, Some(USER)] {
            let column = Column { tier, user };
            // Whoever is not root is the ordinary user already.
            let user = user.filter(|_| root);
            if tier == "full" && !namespaces {
                eprintln!("not run: {}: this machine has no namespaces", column.name());
            } else if column.user.is_some() != (user.is_some() || !root) {
                eprintln!("not run: {}: only root can be root", column.name());
            } else if user.is_some() && !setpriv {
                eprintln!("not run: {}: setpriv is missing", column.name());
            } else {
                columns.push(Column { tier, user });
            }
        }
    }
    assert!(!columns.is_empty());
    std::thread::scope(|scope| {
        let runs: Vec<_> = columns
            .iter()
            .map(|column| (column.name(), scope.spawn(|| column.run())))
            .collect();
        for (name, run) in runs {
            match run.join() {
                Ok(held) => println!("{name}: {held} cases held"),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
}

#[test]
fn every_attack_has_its_effect_outside() {
    let place = Place::new("");
    place.write("canary", "unharmed");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let prelude = prelude(&place.path("canary"), listener.local_addr().unwrap().port());
    let node = Command::new("node").arg("--version").output().is_ok();
    let all_powerful = rustix::thread::capabilities(None).is_ok_and(|sets| {
        sets.effective
            .contains(rustix::thread::CapabilitySet::SYS_MODULE)
    });
    let (mut effective, mut not_run, mut without) = (0, Vec::new(), Vec::new());
    let mut found = |about: &str, unmet: Vec<String>| {
        without.extend(unmet.into_iter().map(|what| format!("{about}: {what}")));
    };
    for (_, item) in items() {
        for (language, case) in [("python", &item.python), ("javascript", &item.javascript)]
            .into_iter()
            .flat_map(|(language, cases)| cases.iter().map(move |case| (language, case)))
        {
            let about = format!("{} ({language}), outside", item.number);
            let Some(text) = case.text() else { continue };
            let outside = case
                .outside
                .as_deref()
                .unwrap_or_else(|| panic!("{about}: none"));
            if outside == "skip" {
                assert!(case.reason.is_some(), "{about}: no reason");
                continue;
            }
            if language == "javascript" && !node {
                not_run.push(item.number);
                continue;
            }
            let goes_on = outside == "goes on";
            let body = if goes_on { &text } else { outside };
            match control(&place, language, &prelude, body, goes_on) {
                Ok(met) if met.is_empty() => {}
                Ok(met) => {
                    let all = Met::All("nothing".to_owned());
                    found(
                        &about,
                        case.outside_met.as_ref().unwrap_or(&all).unmet(&met),
                    );
                }
                Err(problem) => found(&about, vec![problem]),
            }
            effective += 1;
        }
        for calls in &item.calls {
            let about = format!("{} (calls), outside", item.number);
            let outside = calls.outside.as_deref().unwrap_or("nothing");
            if outside == "skip" {
                assert!(calls.reason.is_some(), "{about}: no reason");
                continue;
            }
            if calls.privileged && !all_powerful {
                not_run.push(item.number);
                continue;
            }
            let mut command = Command::new(attacker());
            command
                .args(["none", "javascript", "/"])
                .current_dir(place.path("work"));
            let met = attacked(command, &calls.attempts(item.number));
            found(&about, Met::All(outside.to_owned()).unmet(&met));
            effective += 1;
        }
    }
    println!("{effective} controls had their effect; not run here: {not_run:?}");
    assert!(without.is_empty(), "\n{}", without.join("\n"));
    assert!(effective > 60);
}

/// Runs a control; what its attempts met, if it made any.
///
/// # Errors
/// It did not do what it should.
fn control(
    place: &Place,
    language: &str,
    prelude: &str,
    body: &str,
    goes_on: bool,
) -> Result<BTreeMap<String, String>, String> {
    let folder = tempfile::tempdir_in(place.path("tmp")).unwrap();
    let mut command = match language {
        "python" => {
            let mut command = Command::new("python3");
            let end = "\nimport json, sys\nsys.stderr.write(json.dumps(met))";
            command.args(["-I", "-c", &format!("{prelude}{body}{end}")]);
            command
        }
        _ => {
            let mut command = Command::new("node");
            command.args(["--input-type=module", "-e", body]);
            command
        }
    };
    let stderr = if goes_on {
        Stdio::null()
    } else {
        Stdio::piped()
    };
    let mut child = command
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .unwrap();
    if goes_on {
        std::thread::sleep(Duration::from_secs(1));
        let ended = child.try_wait().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        return match ended {
            None => Ok(BTreeMap::new()),
            Some(status) => Err(format!("it ended: {status}")),
        };
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {said}", output.status));
    }
    match language {
        "python" => serde_json::from_str(&said).map_err(|error| format!("{error}: {said}")),
        _ => Ok(BTreeMap::new()),
    }
}

/// System calls that answer something else than EPERM when every argument is -1: those of the
/// policies, restated by name so that a change there is a change here. Calls that are allowed only
/// with certain arguments are items of the table.
#[cfg(target_arch = "x86_64")]
mod answering {
    pub(super) const BOTH: &[u32] = &[
        0, 1, 3, 7, 11, 12, 13, 14, 15, 19, 20, 24, 25, 28, 35, 45, 60, 96, 131, 202, 219, 228,
        230, 231, 271, 318, 435,
    ];
    /// The kernel answers these two, of tracing user code, past every filter: only its own
    /// trampoline may make them, and anybody else gets SIGILL or ENXIO.
    pub(super) const KERNEL: &[u32] = &[335, 336];
    pub(super) const PYTHON: &[u32] = &[
        2, 4, 5, 6, 8, 17, 18, 21, 22, 23, 32, 33, 36, 37, 38, 39, 40, 48, 51, 52, 63, 73, 74, 75,
        77, 78, 79, 80, 81, 82, 83, 84, 87, 89, 90, 91, 95, 98, 99, 100, 102, 104, 107, 108, 110,
        138, 186, 201, 204, 217, 218, 221, 229, 232, 233, 257, 258, 262, 263, 264, 267, 268, 269,
        270, 273, 280, 281, 290, 291, 292, 293, 316, 326, 332, 334, 439, 445, 446,
    ];
}

#[cfg(target_arch = "x86_64")]
#[test]
fn only_the_listed_system_calls_answer() {
    const X32: i64 = 0x4000_0000;
    let numbers = (0..=600)
        .chain(1024..=1100)
        .chain([1 << 20, i64::from(i32::MAX), -1]);
    let x32 = (X32..X32 + 8).chain(X32 + 512..X32 + 548);
    let all = [-1i64; 6];
    let attempts: Vec<Value> = numbers
        .chain(x32)
        .map(|number| json!({"name": number.to_string(), "call": number, "arguments": all}))
        .collect();
    let place = Place::new("");
    let folder = place.path("tmp/attacker");
    let tiers = if tier_here() == "full" {
        &["strict", "full"][..]
    } else {
        &["strict"]
    };
    for tier in tiers {
        for language in ["javascript", "python"] {
            let mut command = Command::new(attacker());
            command
                .args([tier, language])
                .arg(&folder)
                .env("TMPDIR", place.path("tmp"));
            let met = attacked(command, &attempts);
            assert_eq!(met.len(), attempts.len());
            for (number, outcome) in met {
                let number: i64 = number.parse().unwrap();
                let listed = |list: &[u32]| list.iter().any(|one| i64::from(*one) == number);
                let may_answer = listed(answering::BOTH)
                    || listed(answering::KERNEL)
                    || (language == "python" && listed(answering::PYTHON));
                let is_x32 = (X32..X32 + 1024).contains(&number);
                let held = match outcome.as_str() {
                    "SIGSYS" => is_x32 || number == -1 || number == i64::from(i32::MAX),
                    "EPERM" => !is_x32 && !may_answer,
                    _ => may_answer,
                };
                assert!(held, "{tier}, {language}: call {number} met {outcome}");
            }
        }
    }
}

/// Every cell of the table, as Markdown.
fn document() -> String {
    let mut text = String::from(
        "# Attacks\n\n\
         What a hostile program tries, and where a test shows that it is held: 120 attacks in both languages, in both\n\
         tiers (S strict, F full) as root (r) and as an ordinary user (u). Each is made through the built binary, on the\n\
         path of an agent's program; system calls that JavaScript cannot make are made by a native attacker under its\n\
         policy. Exact outcomes and positive controls are in `crates/cli/tests/cli/attacks/*.toml`, and\n\
         `cargo test --test cli -- attacks` runs them all. A number leads to the reason why an attack does not apply.\n\n\
         This file is generated: `UPDATE_DOCS=1 cargo test --test cli -- attacks::the_table` writes it.\n",
    );
    let mut reasons: Vec<String> = Vec::new();
    let (mut held, mut own, mut not) = (0, 0, 0);
    let mut theme = String::new();
    for (of, item) in items() {
        if of != theme {
            theme = of;
            write!(
                text,
                "\n## {theme}\n\n\
                 | | Attack | Python Sr | Su | Fr | Fu | JavaScript Sr | Su | Fr | Fu |\n\
                 |---|---|---|---|---|---|---|---|---|---|\n"
            )
            .unwrap();
        }
        write!(text, "| {} | {} |", item.number, item.name).unwrap();
        for language in ["python", "javascript"] {
            let elsewhere = |case: &Case| case.elsewhere.is_some();
            let cell = match item.not_applicable(language) {
                None if item.cases(language).iter().any(elsewhere) => {
                    own += 4;
                    "own test".to_owned()
                }
                None => {
                    held += 4;
                    "held".to_owned()
                }
                Some(reason) => {
                    not += 4;
                    let index = reasons.iter().position(|known| known == reason);
                    let index = index.unwrap_or_else(|| {
                        reasons.push(reason.to_owned());
                        reasons.len() - 1
                    });
                    format!("n/a ({})", index + 1)
                }
            };
            write!(text, "{}", format!(" {cell} |").repeat(4)).unwrap();
        }
        text.push('\n');
    }
    write!(
        text,
        "\n{held} cells held here, {own} by tests of their own, {not} not applicable.\n\n\
         ## Not applicable\n\n"
    )
    .unwrap();
    for (index, reason) in reasons.iter().enumerate() {
        writeln!(text, "{}. {reason}.", index + 1).unwrap();
    }
    text.push_str(
        "\n## Tests of their own\n\nThese need more than one program; they run in the tier that the machine allows, as the user who tests:\n\n",
    );
    for (_, item) in items() {
        let elsewhere = item.python.iter().chain(&item.javascript);
        let mut tests: Vec<&str> = elsewhere
            .filter_map(|case| case.elsewhere.as_deref())
            .collect();
        tests.dedup();
        for test in tests {
            writeln!(text, "- {}: `{test}`", item.number).unwrap();
        }
    }
    text
}

#[test]
fn the_table_has_every_item_once_and_is_the_one_in_the_docs() {
    let numbers: Vec<u32> = items().iter().map(|(_, item)| item.number).collect();
    assert_eq!(numbers, (1..=120).collect::<Vec<u32>>());
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (_, item) in items() {
        for case in item.python.iter().chain(&item.javascript) {
            let Some(elsewhere) = &case.elsewhere else {
                continue;
            };
            let Some((file, test)) = elsewhere.split_once(": ") else {
                assert!(here.join("../..").join(elsewhere).exists(), "{elsewhere}");
                continue;
            };
            let source = std::fs::read_to_string(here.join("tests/cli").join(file)).unwrap();
            assert!(source.contains(&format!("fn {test}()")), "{elsewhere}");
        }
    }
    let path = here.join("../../docs/attacks.md");
    let text = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/attacks.md is not the table; write it with: UPDATE_DOCS=1 cargo test --test cli -- attacks::the_table"
    );
}

#[test]
fn a_thousand_runs_in_flight_leave_nothing() {
    const RUNS: usize = 1000;
    let place = Place::new(&format!(
        "[limits]\nexecutions = {RUNS}\ncall_seconds = 500\nyield_seconds = 500\n{}max_in_flight = {RUNS}\n",
        crate::place::fake("fake", &[])
    ));
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap();
    let inner = place.command(&["serve", "--structured"]);
    // Each run has a few descriptors in the gateway.
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 20000 && exec \"$0\" \"$@\""]);
    let mut agent = Agent::start(under(shell, &inner));
    agent.initialize();
    for (round, language) in ["python", "javascript"].into_iter().enumerate() {
        let code = match language {
            "python" => "{'said': tools.fake.meet(parties=PARTIES)}",
            _ => "({said: await tools.fake.meet({parties: PARTIES})})",
        };
        // The server answers nobody before all have called: all are in flight at once.
        let code = code.replace("PARTIES", &(RUNS * (round + 1)).to_string());
        let arguments = json!({"language": language, "code": code});
        let mut waiting: std::collections::BTreeSet<u64> = (0..RUNS)
            .map(|_| {
                let params = json!({"name": "execute_code", "arguments": arguments});
                agent.ask("tools/call", params)
            })
            .collect();
        while !waiting.is_empty() {
            let message = agent.next();
            let Some(id) = message["id"].as_u64() else {
                continue;
            };
            assert!(waiting.remove(&id));
            let said = message["result"]["content"][0]["text"].as_str();
            if said.is_some_and(|said| said.contains(" busy\n")) {
                // So many were starting; those that have started wait for their call meanwhile.
                std::thread::sleep(Duration::from_millis(2));
                let params = json!({"name": "execute_code", "arguments": arguments});
                waiting.insert(agent.ask("tools/call", params));
                continue;
            }
            assert_ne!(message["result"]["isError"], true, "{language}: {message}");
        }
        let family = family_of(agent.child.id());
        assert!(family.len() < 60, "{language}: {} are left", family.len());
    }
    let family = family_of(agent.child.id());
    agent.close();
    wait_until_gone(&family);
    assert_eq!(mounts, std::fs::read("/proc/self/mountinfo").unwrap());
}
