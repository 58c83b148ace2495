//! Gateways that are killed at random points of long runs: what the next one answers is the truth.
//!
//! The server records on its own disk which calls it has executed, and that is what the answers are
//! held against. `KILLS` says how often, `KILL_SEED` repeats a choice of programs and points.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::http::{Served, modern_call};
use crate::place::{Place, fake, family_of, wait_until, wait_until_gone};

/// As many tools as a program calls, each once.
const MOST_CALLS: u64 = 48;
/// Calls that a program makes together, if it does.
const TOGETHER: u64 = 8;

/// Numbers that look random and come again with their seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A program that calls `calls` tools, one after the other or some together.
fn program(language: &str, calls: u64, together: u64) -> String {
    match (language, together) {
        ("python", 1) => {
            format!("for n in range({calls}): call_tool(f'fake.dummy_{{n:04}}')\n'all'")
        }
        ("python", _) => format!(
            "import asyncio\nfor begin in range(0, {calls}, {together}):\n    \
             await asyncio.gather(*[tools['fake'][f'dummy_{{n:04}}']() for n in range(begin, min(begin + {together}, {calls}))])\n'all'"
        ),
        _ => format!(
            "const all = Array.from({{length: {calls}}}, (_, n) => 'fake.dummy_' + String(n).padStart(4, '0'));\n\
             for (let begin = 0; begin < {calls}; begin += {together})\n  \
             await Promise.all(all.slice(begin, begin + {together}).map(path => call_tool(path)));\n'all'"
        ),
    }
}

/// The tools whose calls a server has executed; it has executed none twice.
fn executed(record: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(record).unwrap_or_default();
    let mut tools = BTreeSet::new();
    for line in text.lines() {
        let call: serde_json::Value = serde_json::from_str(line).unwrap();
        let tool = call["tool"].as_str().unwrap().to_owned();
        assert!(tools.insert(tool), "executed twice: {line}");
    }
    tools
}

/// The tools that a line of an answer names.
fn named(answer: &str, label: &str) -> BTreeSet<String> {
    let line = answer.lines().find_map(|line| line.strip_prefix(label));
    line.unwrap_or_default()
        .split(" · ")
        .filter_map(|part| part.strip_prefix("fake."))
        .map(|part| part.split(' ').next().unwrap().to_owned())
        .collect()
}

/// What is told of a program must be what its server knows of it.
fn is_true(answer: &str, record: &Path, calls: u64, together: u64) -> Result<bool, String> {
    let executed = executed(record);
    let done = named(answer, "already done: ");
    let unknown = named(answer, "sent, outcome unknown: ");
    let status = answer.lines().next().unwrap_or_default();
    let has_ended = status.contains(" · ended: ok · ");
    let all = done.len() + unknown.len();
    let checks = [
        (
            status.starts_with("error x1 interrupted · "),
            "the status is not one of an interruption",
        ),
        (
            done.is_subset(&executed),
            "a call is said to be done that was not",
        ),
        (
            executed
                .iter()
                .all(|tool| done.contains(tool) || unknown.contains(tool)),
            "a call is not mentioned that was done",
        ),
        (done.is_disjoint(&unknown), "a call is both"),
        (
            unknown.len() as u64 <= together,
            "more calls are unknown than were under way",
        ),
        (
            !has_ended || (done == executed && all as u64 == calls),
            "it has ended, and not all calls are done",
        ),
        (
            status.contains(&format!(" · {all} call")),
            "the number of calls is wrong",
        ),
        (!answer.contains("failed: "), "no call failed"),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        None => Ok(has_ended),
        Some((_, what)) => Err(format!("{what}:\n{answer}\nexecuted: {executed:?}")),
    }
}

/// Kills as many gateways, each while a program of its runs or soon after, and asks the next one.
fn kill(times: u64, seed: u64) -> (u64, u64) {
    let mut random = Random(seed);
    let place = Place::new("");
    let mut last: Option<(String, u64, u64)> = None;
    let (mut asked, mut had_ended) = (0, 0);
    for time in 0..=times {
        let record = |time: u64| place.path(&format!("tmp/record-{time}"));
        let pause = random.below(6);
        let settings = fake(
            "fake",
            &[
                "--tools",
                &MOST_CALLS.to_string(),
                "--pause",
                &pause.to_string(),
                "--record",
                record(time).to_str().unwrap(),
            ],
        );
        place.write("config/toolmill/toolmill.toml", &settings);
        let mut agent = place.serve();
        agent.initialize();
        if let Some((what, calls, together)) = last.take() {
            let (answer, is_error) = agent.call("wait_execution", json!({"execution": "x1"}));
            assert!(is_error, "{answer}");
            let told = is_true(&answer, &record(time - 1), calls, together);
            asked += 1;
            match told {
                Ok(ended) => had_ended += u64::from(ended),
                Err(wrong) => panic!("seed {seed}, kill {time}: {what}\n{wrong}"),
            }
        }
        if time == times {
            break;
        }
        let language = ["python", "javascript"][random.below(2) as usize];
        let together = [1, TOGETHER][random.below(2) as usize];
        let calls = 1 + random.below(MOST_CALLS);
        let code = program(language, calls, together);
        let arguments = json!({"language": language, "code": code, "wait_seconds": 0});
        let (text, _) = agent.call("execute_code", arguments);
        assert!(text.starts_with("running x1 · "), "{text}");
        // At a point of time, or of its calls.
        let point = random.below(calls + 8);
        let moment = Duration::from_micros(random.below(20_000));
        let what = if random.below(4) == 0 {
            std::thread::sleep(moment * 30);
            format!(
                "{language}, {calls} calls, {together} together, after {:?}",
                moment * 30
            )
        } else {
            let reached = |lines: u64| {
                let text = std::fs::read(record(time)).unwrap_or_default();
                text.iter().filter(|byte| **byte == b'\n').count() as u64 >= lines
            };
            wait_until("so many calls", || reached(point.min(calls)));
            // After the last call a program soon ends.
            let moment = if point > calls {
                moment * 10
            } else {
                moment / 4
            };
            std::thread::sleep(moment);
            format!("{language}, {calls} calls, {together} together, {moment:?} after {point}")
        };
        let family = family_of(agent.child.id());
        agent.child.kill().unwrap();
        agent.child.wait().unwrap();
        // Nobody executes anything more.
        wait_until_gone(&family);
        last = Some((what, calls, together));
    }
    (asked, had_ended)
}

#[test]
fn whatever_is_answered_after_a_kill_is_true() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let kills: u64 = number("KILLS").unwrap_or(20);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed: u64 = number("KILL_SEED").unwrap_or(now.unwrap().as_nanos() as u64);
    // As they mostly wait, several at once.
    let workers = 4.min(kills);
    let ended = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|worker| {
                let times = kills / workers + u64::from(worker < kills % workers);
                scope.spawn(move || kill(times, seed.wrapping_add(worker)))
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("what was wrong is said above"))
            .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    });
    assert_eq!(ended.0, kills);
    println!(
        "{kills} kills, seed {seed}: every answer is true; {} programs had ended",
        ended.1
    );
}

#[test]
fn over_http_the_session_tells_what_became_of_it() {
    let place = Place::new("");
    let record = place.path("tmp/record");
    let options = ["--tools", "9", "--record", record.to_str().unwrap()];
    place.write("config/toolmill/toolmill.toml", &fake("fake", &options));
    let served = Served::new(&place);
    let code = "call_tool('fake.dummy_0003')\ntools.fake.write(key='planted-key', value='planted-value')\ntry: tools.fake.fail(message='no')\nexcept ToolError: pass\ntools.fake.meet(parties=2)";
    let arguments = json!({"language": "python", "code": code, "wait_seconds": 0});
    let call = json!({"name": "execute_code", "arguments": arguments});
    let (text, _) = modern_call(&served, call);
    let session = text.split('"').nth(3).unwrap().to_owned();
    wait_until("the last call has arrived", || {
        std::fs::read_to_string(&record).is_ok_and(|text| text.contains("\"meet\""))
    });
    let wait = |served: &Served, id: &str| {
        let arguments = json!({"execution": id, "session": session, "wait_seconds": 0});
        let (text, is_error) = modern_call(
            served,
            json!({"name": "wait_execution", "arguments": arguments}),
        );
        (text, is_error)
    };
    // Another gateway of the same user does not know it, and does not say that it ended.
    let beside = Served::new(&place);
    let (text, is_error) = wait(&beside, "x1");
    assert!(is_error && text.contains("unknown execution"), "{text}");
    assert!(wait(&served, "x1").0.starts_with("running x1 · "));
    drop(served);
    for _ in 0..2 {
        let (text, is_error) = wait(&beside, "x1");
        assert!(is_error);
        let (status, rest) = text.split_once('\n').unwrap();
        let status = status.split(" · started ").next().unwrap();
        assert_eq!(status, "error x1 interrupted · 4 calls, 1 unknown");
        assert_eq!(
            rest,
            "its gateway ended while it ran; its value and what it printed are lost\n\
             already done: fake.dummy_0003 (read) · fake.write (wrote; do not repeat)\n\
             failed: fake.fail\n\
             sent, outcome unknown: fake.meet (may have been done; check before repeating)"
        );
    }
    assert!(wait(&beside, "x2").0.contains("unknown execution"));
    assert!(!place.every_file().contains("planted"));
}
