//! A corrected program takes up the calls of the one that failed: nothing is done twice. What was done
//! is what the server has recorded.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::http::{Legacy, Served, modern_call, session_of};
use crate::place::{Agent, Place, fake, wait_until};

/// A place with a server that records, and one that records and never answers. Both are trusted, so that
/// what they mark read-only only reads.
fn place() -> Place {
    place_with("trust = \"annotations\"\n")
}

/// One where both stanzas end so.
fn place_with(end: &str) -> Place {
    let place = Place::new("");
    let record = place.path("tmp/record");
    let never = place.path("tmp/never.json");
    place.write(
        "tmp/never.json",
        r#"[{"name":"send","inputSchema":{"type":"object","properties":{"to":{"type":"string"}},"required":["to"]}},
            {"name":"look","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]"#,
    );
    let record = record.to_str().unwrap();
    let slow = [
        "--catalog",
        never.to_str().unwrap(),
        "--pause",
        "600000",
        "--record",
        record,
    ];
    let settings = fake("fake", &["--record", record]) + end + &fake("slow", &slow) + end;
    place.write("config/toolmill/toolmill.toml", &settings);
    place
}

/// How often the servers were called, by tool and first argument.
fn called(place: &Place) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(place.path("tmp/record")).unwrap_or_default();
    let mut calls = BTreeMap::new();
    for line in text.lines() {
        let call: Value = serde_json::from_str(line).unwrap();
        let arguments = call["arguments"].as_object().unwrap();
        let first = arguments.values().next().map(Value::to_string);
        let name = format!(
            "{} {}",
            call["tool"].as_str().unwrap(),
            first.unwrap_or_default()
        );
        *calls
            .entry(name.replace('"', "").trim().to_owned())
            .or_default() += 1;
    }
    calls
}

fn agent(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

fn resumed(language: &str, code: &str, run: &str) -> Value {
    json!({"language": language, "code": code, "resume": run})
}

/// What follows the status, without the value.
fn note(text: &str) -> &str {
    text.split("--- note\n").nth(1).unwrap_or_default()
}

struct Case {
    what: &'static str,
    /// For each language the program that fails and the corrected one.
    python: (&'static str, &'static str),
    typescript: (&'static str, &'static str),
    /// Beginning of the status, the value, and the note of the second.
    expected: (&'static str, &'static str, &'static str),
    /// Calls of the servers in all.
    called: &'static [(&'static str, usize)],
}

const CASES: &[Case] = &[
    Case {
        what: "a loop that failed after it",
        python: (
            "ids = [tools.fake.echo(text=f'id{n}') for n in range(2)]\n\
             for id in ids: tools.fake.write(key=id, value='v')\n1 / 0",
            "ids = [tools.fake.echo(text=f'id{n}') for n in range(2)]\n\
             for id in ids: tools.fake.write(value='v', key=id)\n\
             tools.fake.write(key='last', value='v')\nids",
        ),
        typescript: (
            "const ids = [];\nfor (let n = 0; n < 2; n++) ids.push(await tools.fake.echo({text: `id${n}`}));\n\
             for (const id of ids) await tools.fake.write({key: id, value: 'v'});\nthrow new Error('no')",
            "const ids = [];\nfor (let n = 0; n < 2; n++) ids.push(await tools.fake.echo({text: `id${n}`}));\n\
             for (const id of ids) await tools.fake.write({value: 'v', key: id});\n\
             await tools.fake.write({key: 'last', value: 'v'});\nreturn ids",
        ),
        expected: (
            "ok x2 · 5 calls",
            r#"["id0","id1"]"#,
            "replayed 4 calls of x1; from call 5 on they were made",
        ),
        called: &[
            ("echo id0", 1),
            ("echo id1", 1),
            ("write id0", 1),
            ("write id1", 1),
            ("write last", 1),
        ],
    },
    Case {
        what: "one of several at once was wrong",
        python: (
            "import asyncio\nw = tools.fake.write\n\
             await asyncio.gather(w(key='a', value='v'), tools.fake.fail(message='no'), w(key='c', value='v'), w(key='d', value='v'))",
            "import asyncio\nw = tools.fake.write\n\
             await asyncio.gather(w(key='a', value='v'), w(key='b', value='v'), w(key='c', value='v'), w(key='d', value='v'))",
        ),
        typescript: (
            "const w = (key: string) => tools.fake.write({key, value: 'v'});\n\
             await Promise.all([w('a'), tools.fake.fail({message: 'no'}), w('c'), w('d')])",
            "const w = (key: string) => tools.fake.write({key, value: 'v'});\n\
             await Promise.all([w('a'), w('b'), w('c'), w('d')])",
        ),
        expected: (
            "ok x2 · 4 calls",
            r#"["written","written","written","written"]"#,
            "replayed 1 call of x1; from call 2 on they were made, but for 2 writes that x1 had done",
        ),
        called: &[
            ("fail no", 1),
            ("write a", 1),
            ("write b", 1),
            ("write c", 1),
            ("write d", 1),
        ],
    },
    Case {
        what: "a write was on its way when the program failed",
        python: (
            "import asyncio\nw = tools.fake.write\n\
             await asyncio.gather(w(key='a', value='slow'), tools.fake.fail(message='no'))",
            "tools.fake.write(key='a', value='slow')",
        ),
        typescript: (
            "await Promise.all([tools.fake.write({key: 'a', value: 'slow'}), tools.fake.fail({message: 'no'})])",
            "await tools.fake.write({key: 'a', value: 'slow'})",
        ),
        expected: ("ok x2 · 1 call", "written", "replayed 1 call of x1"),
        called: &[("fail no", 1), ("write a", 1)],
    },
    Case {
        what: "a read that failed is made again and ends nothing",
        python: (
            "tools.fake.echo(text='a')\ntry: tools.fake.fail(message='no')\nexcept ToolError: pass\n\
             tools.fake.echo(text='b')\n1 / 0",
            "tools.fake.echo(text='a')\ntry: tools.fake.fail(message='no')\nexcept ToolError: pass\n\
             tools.fake.echo(text='b')",
        ),
        typescript: (
            "await tools.fake.echo({text: 'a'});\nawait tools.fake.fail({message: 'no'}).catch(() => 0);\n\
             await tools.fake.echo({text: 'b'});\nthrow new Error('no')",
            "await tools.fake.echo({text: 'a'});\nawait tools.fake.fail({message: 'no'}).catch(() => 0);\n\
             await tools.fake.echo({text: 'b'})",
        ),
        expected: (
            "ok x2 · 3 calls, 1 failed (caught)",
            "b",
            "replayed 2 calls of x1",
        ),
        called: &[("echo a", 1), ("echo b", 1), ("fail no", 2)],
    },
    Case {
        what: "what was read before a write is read again after it",
        python: (
            "tools.fake.echo(text='r')\ntools.fake.write(key='w', value='v')\n1 / 0",
            "tools.fake.write(key='w', value='v')\ntools.fake.echo(text='r')",
        ),
        typescript: (
            "await tools.fake.echo({text: 'r'});\nawait tools.fake.write({key: 'w', value: 'v'});\nthrow new Error('no')",
            "await tools.fake.write({key: 'w', value: 'v'});\nawait tools.fake.echo({text: 'r'})",
        ),
        expected: (
            "ok x2 · 2 calls",
            "r",
            "replayed 1 call of x1; from call 2 on they were made",
        ),
        called: &[("echo r", 2), ("write w", 1)],
    },
    Case {
        what: "the same call twice is two calls",
        python: (
            "for n in range(2): tools.fake.write(key='k', value='v')\n1 / 0",
            "for n in range(3): tools.fake.write(key='k', value='v')\n'three'",
        ),
        typescript: (
            "for (let n = 0; n < 2; n++) await tools.fake.write({key: 'k', value: 'v'});\nthrow new Error('no')",
            "for (let n = 0; n < 3; n++) await tools.fake.write({key: 'k', value: 'v'});\nreturn 'three'",
        ),
        expected: (
            "ok x2 · 3 calls",
            "three",
            "replayed 2 calls of x1; from call 3 on they were made",
        ),
        called: &[("write k", 3)],
    },
    Case {
        what: "what the program itself tried again was done once",
        python: (
            "def send(key):\n    for n in range(3):\n        try: return tools.fake.write(key=key, value='busy')\n\
             \u{20}       except ToolError: pass\nsend('k')\n1 / 0",
            "def send(key):\n    for n in range(3):\n        try: return tools.fake.write(key=key, value='busy')\n\
             \u{20}       except ToolError: pass\nsend('k')",
        ),
        typescript: (
            "const send = async (key: string) => {\n  for (let n = 0; n < 3; n++) {\n\
             try { return await tools.fake.write({key, value: 'busy'}); } catch {}\n}\n};\n\
             await send('k');\nthrow new Error('no')",
            "const send = async (key: string) => {\n  for (let n = 0; n < 3; n++) {\n\
             try { return await tools.fake.write({key, value: 'busy'}); } catch {}\n}\n};\n\
             return await send('k')",
        ),
        expected: ("ok x2 · 1 call", "written", "replayed 1 call of x1"),
        called: &[("write k", 2)],
    },
    Case {
        what: "digits and shapes are those that the first run saw",
        python: (
            "tools.fake.structured(value={'z': 12345678901234567890, 'a': [1.50, None]})\n1 / 0",
            "tools.fake.structured(value={'z': 12345678901234567890, 'a': [1.50, None]})",
        ),
        typescript: (
            "await tools.fake.structured({value: {z: 12345678901234567890n, a: [1.5, null]}});\nthrow new Error('no')",
            "await tools.fake.structured({value: {z: 12345678901234567890n, a: [1.5, null]}})",
        ),
        expected: (
            "ok x2 · 1 call",
            r#"{"z":12345678901234567890,"a":[1.5,null]}"#,
            "replayed 1 call of x1",
        ),
        called: &[("structured {z:12345678901234567890,a:[1.5,null]}", 1)],
    },
];

#[test]
fn what_a_failed_program_did_is_not_done_again() {
    for case in CASES {
        for (language, (first, second)) in
            [("python", case.python), ("typescript", case.typescript)]
        {
            let place = place();
            let mut agent = agent(&place);
            let what = format!("{}, {language}", case.what);
            let (text, is_error) = agent.execute(language, first);
            assert!(is_error, "{what}: {text}");
            let hint = "\nresume: with resume=\"x1\" the corrected program repeats none of these";
            assert!(text.contains(hint), "{what}: {text}");
            let (text, is_error) = agent.call("execute_code", resumed(language, second, "x1"));
            assert!(!is_error, "{what}: {text}");
            let (status, value, said) = case.expected;
            assert!(
                text.starts_with(&format!("{status} · "))
                    || text.starts_with(&format!("{status}\n")),
                "{what}: {text}"
            );
            assert_eq!(text.lines().nth(1), Some(value), "{what}: {text}");
            assert_eq!(note(&text), said, "{what}: {text}");
            let expected = case
                .called
                .iter()
                .map(|(call, times)| ((*call).to_owned(), *times));
            assert_eq!(called(&place), expected.collect(), "{what}: {text}");
            // It has been brought to its end.
            let (text, is_error) = agent.call("execute_code", resumed(language, second, "x1"));
            assert!(
                is_error && text.contains("nothing of \"x1\" to resume"),
                "{what}: {text}"
            );
        }
    }
}

#[test]
fn a_write_of_which_nobody_knows_is_not_repeated() {
    let programs = [
        (
            "python",
            "tools.fake.write(key='a', value='v')\ntools.slow.send(to='ada')\n'sent'",
            "tools.fake.write(key='a', value='v')\n'left out'",
            "slow.send(to=\"ada\") was not made: x1 sent it and had no usable answer",
        ),
        (
            "typescript",
            "await tools.fake.write({key: 'a', value: 'v'});\nawait tools.slow.send({to: 'ada'});\nreturn 'sent'",
            "await tools.fake.write({key: 'a', value: 'v'});\nreturn 'left out'",
            "slow.send({to: \"ada\"}) was not made: x1 sent it and had no usable answer",
        ),
    ];
    for (language, code, without, refusal) in programs {
        let place = place();
        let mut agent = agent(&place);
        agent.call(
            "execute_code",
            json!({"language": language, "code": code, "wait_seconds": 0}),
        );
        wait_until("it is sent", || called(&place).contains_key("send ada"));
        let cancel = json!({"execution": "x1", "cancel": true});
        let (text, _) = agent.call("wait_execution", cancel);
        assert!(
            text.contains("-> no answer (may have been done; check before repeating)\nresume: with resume=\"x1\""),
            "{text}"
        );
        // The one that is taken up a second time is one that failed again.
        for run in ["x1", "x2"] {
            let (text, is_error) = agent.call("execute_code", resumed(language, code, run));
            let refusal = refusal.replace("x1", run);
            assert!(is_error && text.contains(" denied"), "{text}");
            assert!(text.contains(&refusal), "{text}");
            let once = BTreeMap::from([("send ada".to_owned(), 1), ("write a".to_owned(), 1)]);
            assert_eq!(called(&place), once, "{text}");
        }
        let (text, is_error) = agent.call("execute_code", resumed(language, without, "x3"));
        assert!(!is_error && text.contains("\nleft out\n"), "{text}");
        assert_eq!(called(&place)["write a"], 1);
        // A read of which nobody knows is made again.
        let look = if language == "python" {
            "tools.slow.look()"
        } else {
            "await tools.slow.look()"
        };
        for (run, arguments) in [("x5", json!({})), ("x6", json!({"resume": "x5"}))] {
            let mut call = json!({"language": language, "code": format!("{}\n{look}", without.lines().next().unwrap()), "wait_seconds": 0});
            call.as_object_mut()
                .unwrap()
                .extend(arguments.as_object().unwrap().clone());
            agent.call("execute_code", call);
            let times = if run == "x5" { 1 } else { 2 };
            wait_until("it looks", || called(&place).get("look") == Some(&times));
            agent.call("wait_execution", json!({"execution": run, "cancel": true}));
        }
        assert_eq!(called(&place)["write a"], 2, "once by x1, once by x5");
    }
}

#[test]
fn a_write_that_was_answered_by_an_error_of_the_protocol_may_have_been_done() {
    for (language, code, shown) in [
        (
            "python",
            "tools.fake.write(key='k', value='late')",
            "fake.write(key=\"k\", value=\"late\")",
        ),
        (
            "typescript",
            "await tools.fake.write({key: 'k', value: 'late'})",
            "fake.write({key: \"k\", value: \"late\"})",
        ),
    ] {
        let place = place();
        let mut agent = agent(&place);
        let (text, is_error) = agent.execute(language, code);
        // The program has caught what it always did.
        assert!(
            is_error && text.starts_with("error x1 tool_error"),
            "{text}"
        );
        let done = format!(
            "already done: {shown} -> no usable answer (may have been done; check before repeating)"
        );
        assert!(text.contains(&done), "{text}");
        let (text, is_error) = agent.call("execute_code", resumed(language, code, "x1"));
        let refused = format!("{shown} was not made: x1 sent it and had no usable answer");
        assert!(is_error && text.contains(&refused), "{text}");
        assert_eq!(called(&place)["write k"], 1);
    }
}

#[test]
fn writes_in_another_order_are_neither_repeated_nor_passed_over() {
    let place = place();
    let mut agent = agent(&place);
    let both = |one: &str, other: &str, end: &str| {
        format!(
            "tools.fake.write(key='{one}', value='v')\ntools.fake.write(key='{other}', value='v')\n{end}"
        )
    };
    agent.execute("python", &both("a", "b", "1 / 0"));
    let (text, is_error) = agent.call(
        "execute_code",
        resumed("python", &both("b", "a", "0"), "x1"),
    );
    assert!(is_error && text.contains(" denied"), "{text}");
    assert!(
        text.contains("fake.write(key=\"a\", value=\"v\") was not made: x1 did it before another write that this program has made first"),
        "{text}"
    );
    let once = BTreeMap::from([("write a".to_owned(), 1), ("write b".to_owned(), 1)]);
    assert_eq!(called(&place), once);
}

#[test]
fn what_a_second_failure_did_not_come_to_is_still_not_repeated() {
    let place = place();
    let mut agent = agent(&place);
    let write = |keys: &[&str], end: &str| {
        let lines: Vec<String> = keys
            .iter()
            .map(|key| format!("tools.fake.write(key='{key}', value='v')"))
            .collect();
        format!("tools.fake.echo(text='r')\n{}\n{end}", lines.join("\n"))
    };
    agent.execute("python", &write(&["a", "b"], "1 / 0"));
    let (text, _) = agent.call("execute_code", resumed("python", "1 / 0", "x1"));
    assert!(text.starts_with("error x2 exception"), "{text}");
    let (text, _) = agent.call(
        "execute_code",
        resumed("python", &write(&["a"], "1 / 0"), "x2"),
    );
    assert!(note(&text).starts_with("replayed 2 calls of x2"), "{text}");
    let code = write(&["a", "b", "c"], "'all'");
    let (text, is_error) = agent.call("execute_code", resumed("python", &code, "x3"));
    assert!(!is_error, "{text}");
    assert_eq!(
        note(&text),
        "replayed 3 calls of x3; from call 4 on they were made"
    );
    let once = ["echo r", "write a", "write b", "write c"].map(|call| (call.to_owned(), 1));
    assert_eq!(called(&place), BTreeMap::from(once));
}

#[test]
fn only_one_program_at_a_time_takes_a_run_up() {
    for (language, first, second, third) in [
        (
            "python",
            "tools.fake.write(key='old', value='v')\n1 / 0",
            "tools.fake.write(key='old', value='v')\ntools.fake.write(key='new', value='v')\ntools.slow.look()",
            "tools.fake.write(key='old', value='v')\n'done'",
        ),
        (
            "typescript",
            "await tools.fake.write({key: 'old', value: 'v'});\nthrow Error('no')",
            "await tools.fake.write({key: 'old', value: 'v'});\n\
             await tools.fake.write({key: 'new', value: 'v'});\nawait tools.slow.look()",
            "await tools.fake.write({key: 'old', value: 'v'});\nreturn 'done'",
        ),
    ] {
        let place = place();
        let mut agent = agent(&place);
        assert!(agent.execute(language, first).1);
        let mut arguments = resumed(language, second, "x1");
        arguments["wait_seconds"] = 0.into();
        let (text, _) = agent.call("execute_code", arguments);
        assert!(text.starts_with("running x2"), "{text}");
        let (text, is_error) = agent.call("execute_code", resumed(language, second, "x1"));
        assert!(is_error, "{text}");
        let taken = "x2 takes x1 up already: wait_execution(execution=\"x2\")";
        assert!(text.contains(taken), "{text}");
        wait_until("it looks", || called(&place).contains_key("look"));
        agent.call("wait_execution", json!({"execution": "x2", "cancel": true}));
        let (text, is_error) = agent.call("execute_code", resumed(language, third, "x2"));
        assert!(
            !is_error && note(&text) == "replayed 1 call of x2",
            "{text}"
        );
        let once = ["write old", "write new", "look"].map(|call| (call.to_owned(), 1));
        assert_eq!(called(&place), BTreeMap::from(once));
    }
}

#[test]
fn a_retry_that_fails_leaves_the_run_that_it_took_up_to_be_had() {
    let write = |language: &str, key: &str| match language {
        "python" => format!("tools.fake.write(key='{key}', value='v')\n"),
        _ => format!("await tools.fake.write({{key: '{key}', value: 'v'}});\n"),
    };
    for (language, fails, wrong, ends) in [
        ("python", "1 / 0", "(", "'done'"),
        ("typescript", "throw Error('no')", "(", "return 'done'"),
    ] {
        let place = place();
        let mut agent = agent(&place);
        let [a, b] = ["a", "b"].map(|key| write(language, key));
        assert!(agent.execute(language, &format!("{a}{fails}")).1);
        // What fails without a call changes nothing, nor does a dry run; each can be named.
        for (run, end, is_dry) in [
            ("x2", wrong, false),
            ("x3", fails, false),
            ("x4", fails, true),
        ] {
            let code = match run {
                "x3" => end.to_owned(),
                _ => format!("{a}{b}{end}"),
            };
            let mut arguments = resumed(language, &code, "x1");
            arguments["dry_run"] = is_dry.into();
            let (text, is_error) = agent.call("execute_code", arguments);
            assert!(
                is_error && text.starts_with(&format!("error {run} ")),
                "{text}"
            );
            let hint = format!("resume: with resume=\"{run}\"");
            assert!(text.contains(&hint), "{text}");
            if is_dry {
                let said = "replayed 1 call of x1; from call 2 on they are new";
                assert!(text.contains(said), "{text}");
            }
        }
        // The fifth has done something: whoever asks for an earlier one gets it, and is told.
        let code = format!("{a}{b}{fails}");
        let (text, _) = agent.call("execute_code", resumed(language, &code, "x4"));
        assert_eq!(
            note(&text),
            "replayed 1 call of x4; from call 2 on they were made"
        );
        let (text, is_error) = agent.call(
            "execute_code",
            resumed(language, &format!("{a}{b}{ends}"), "x1"),
        );
        assert!(!is_error, "{text}");
        assert_eq!(note(&text), "replayed 2 calls of x5, which took x1 up");
        for run in ["x1", "x3", "x5"] {
            let (text, is_error) = agent.call("execute_code", resumed(language, &code, run));
            let nothing = format!("nothing of \"{run}\" to resume");
            assert!(is_error && text.contains(&nothing), "{text}");
        }
        let once = ["write a", "write b"].map(|call| (call.to_owned(), 1));
        assert_eq!(called(&place), BTreeMap::from(once));
    }
}

#[test]
fn members_in_another_order_are_the_same_call() {
    for (language, first, second) in [
        (
            "python",
            "tools.fake.structured(value={'a': [{'b': 1, 'c': {'d': 2, 'e': 3}}]})\n1 / 0",
            "tools.fake.structured(value={'a': [{'c': {'e': 3, 'd': 2}, 'b': 1}]})\n'done'",
        ),
        (
            "typescript",
            "await tools.fake.structured({value: {a: [{b: 1, c: {d: 2, e: 3}}]}});\nthrow Error('no')",
            "await tools.fake.structured({value: {a: [{c: {e: 3, d: 2}, b: 1}]}});\nreturn 'done'",
        ),
    ] {
        let place = place();
        let mut agent = agent(&place);
        assert!(agent.execute(language, first).1);
        let (text, _) = agent.call("execute_code", resumed(language, second, "x1"));
        assert_eq!(note(&text), "replayed 1 call of x1", "{text}");
        assert_eq!(called(&place).into_values().sum::<usize>(), 1, "{text}");
    }
}

#[test]
fn a_mark_of_a_server_that_nobody_trusts_repeats_nothing() {
    for (language, first, second) in [
        (
            "python",
            "tools.fake.echo(text='a')\ntools.fake.write(key='k', value='v')\ntools.fake.echo(text='b')\n1 / 0",
            "tools.fake.echo(text='new')\ntools.fake.echo(text='b')\ntools.fake.write(key='k', value='v')\n\
             tools.fake.echo(text='a')",
        ),
        (
            "typescript",
            "await tools.fake.echo({text: 'a'});\nawait tools.fake.write({key: 'k', value: 'v'});\n\
             await tools.fake.echo({text: 'b'});\nthrow Error('no')",
            "await tools.fake.echo({text: 'new'});\nawait tools.fake.echo({text: 'b'});\n\
             await tools.fake.write({key: 'k', value: 'v'});\nreturn await tools.fake.echo({text: 'a'})",
        ),
    ] {
        let place = place_with("");
        let mut agent = agent(&place);
        assert!(agent.execute(language, first).1);
        let (text, is_error) = agent.call("execute_code", resumed(language, second, "x1"));
        assert!(!is_error && text.starts_with("ok x2 · 4 calls"), "{text}");
        assert_eq!(
            note(&text),
            "replayed 0 calls of x1; from call 1 on they were made, but for 1 write that x1 had done; \
             2 reads of untrusted servers replayed too: may be old"
        );
        let once = ["echo a", "echo b", "echo new", "write k"].map(|call| (call.to_owned(), 1));
        assert_eq!(called(&place), BTreeMap::from(once), "{text}");
    }
}

#[test]
fn what_another_server_did_is_not_taken_up() {
    let place = place();
    let mut agent = agent(&place);
    let code = |end: &str| {
        format!("tools.fake.echo(text='r')\ntools.fake.write(key='a', value='v')\n{end}")
    };
    let (text, _) = agent.execute("python", &code("1 / 0"));
    assert!(text.starts_with("error x1 exception"), "{text}");
    let path = place.path("config/toolmill/toolmill.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let other = fake(
        "fake",
        &[
            "--record",
            place.path("tmp/record").to_str().unwrap(),
            "--tools",
            "3",
        ],
    );
    let rest = &settings[settings.find("[upstream.slow]").unwrap()..];
    let trusted = "trust = \"annotations\"\n";
    place.write("config/toolmill/toolmill.toml", &(other + trusted + rest));
    assert!(place.output(&["reload"]).status.success());
    let (text, is_error) = agent.call("execute_code", resumed("python", &code("'done'"), "x1"));
    assert!(is_error, "{text}");
    let refused = "fake.write(key=\"a\", value=\"v\") was not made: x1 has done it on fake, whose settings name another \
                   server since. Leave it out, or run without `resume`";
    assert!(text.contains(refused), "{text}");
    assert_eq!(
        note(&text),
        "replayed 0 calls of x1; from call 1 on they were made"
    );
    let expected = [("echo r".to_owned(), 2), ("write a".to_owned(), 1)];
    assert_eq!(called(&place), BTreeMap::from(expected));
}

#[test]
fn there_is_not_always_something_to_resume() {
    let place = place();
    let mut agent = agent(&place);
    agent.execute("python", "tools.fake.write(key='a', value='v')");
    let (text, _) = agent.execute("python", "1 / 0");
    assert!(
        !text.contains("resume"),
        "no call, nothing to resume: {text}"
    );
    agent.call(
        "execute_code",
        json!({"language": "python", "code": "tools.slow.look()", "wait_seconds": 0}),
    );
    for (run, said) in [
        (
            "x1",
            "there is nothing of \"x1\" to resume: it is no program of this session, has succeeded",
        ),
        ("x2", "there is nothing of \"x2\" to resume"),
        ("x3", "x3 still runs: wait_execution(execution=\"x3\")"),
        ("x9", "there is nothing of \"x9\" to resume"),
        ("../x1", "there is nothing of \"../x1\" to resume"),
    ] {
        let (text, is_error) = agent.call("execute_code", resumed("python", "1", run));
        assert!(is_error && text.contains(said), "{text}");
    }
    assert_eq!(called(&place)["write a"], 1);
}

#[test]
fn what_was_meant_to_keep_from_doing_it_again_is_never_passed_over() {
    let place = place();
    let mut agent = agent(&place);
    let code = |end: &str| format!("tools.fake.write(key='a', value='v')\n{end}");
    assert!(agent.execute("python", &code("1 / 0")).1);
    for (name, given, said) in [
        (
            "resume",
            json!(["x1"]),
            "resume must name the run to take up, as in resume=\"x8\"; it is [\"x1\"]",
        ),
        ("resume", json!(true), "resume must name the run to take up"),
        (
            "Resume",
            json!("x1"),
            "there is no argument \"Resume\", and nothing was run: write resume",
        ),
        (
            "resume_from",
            json!("x1"),
            "there is no argument \"resume_from\", and nothing was run: write resume",
        ),
        (
            "dry_run",
            json!("maybe"),
            "dry_run must be true or false; it is \"maybe\"",
        ),
        (
            "dryrun",
            json!(true),
            "there is no argument \"dryrun\", and nothing was run: write dry_run",
        ),
    ] {
        let mut arguments = json!({"language": "python", "code": code("'done'")});
        arguments[name] = given;
        let (text, is_error) = agent.call("execute_code", arguments);
        assert!(
            is_error && text.starts_with("error invalid_argument\n"),
            "{text}"
        );
        assert!(text.contains(said), "{text}");
    }
    for (name, given) in [
        ("dry_run", json!(1)),
        ("dry_run", json!("True")),
        ("dryRun", json!(true)),
    ] {
        let mut arguments = json!({"language": "python", "code": code("'done'")});
        arguments[name] = given;
        let (text, is_error) = agent.call("execute_code", arguments);
        assert!(
            !is_error && text.contains("--- would call\nfake.write("),
            "{text}"
        );
    }
    let arguments = json!({"language": "python", "code": code("'done'"), "resume": 1, "more": "x"});
    let (text, is_error) = agent.call("execute_code", arguments);
    assert!(
        !is_error && note(&text) == "replayed 1 call of x1",
        "{text}"
    );
    assert_eq!(called(&place)["write a"], 1);
}

#[test]
fn over_http_a_run_is_taken_up_in_its_session_alone() {
    let place = place();
    let served = Served::new(&place);
    let legacy = Legacy::new(&served);
    let calls: [&dyn Fn(Value) -> (String, bool); 2] = [
        &|arguments| {
            modern_call(
                &served,
                json!({"name": "execute_code", "arguments": arguments}),
            )
        },
        &|arguments| legacy.call(json!({"name": "execute_code", "arguments": arguments})),
    ];
    for (index, call) in calls.into_iter().enumerate() {
        let code =
            |end: &str| format!("tools.fake.write(key='k{index}', value='planted-value')\n{end}");
        let (text, is_error) = call(json!({"language": "python", "code": code("1 / 0")}));
        assert!(is_error && text.contains("resume=\"x1\""), "{text}");
        let session = session_of(&text);
        let with = |session: Option<&str>| {
            let mut arguments = resumed("python", &code("'done'"), "x1");
            if let Some(session) = session {
                arguments["session"] = session.into();
            }
            modern_call(
                &served,
                json!({"name": "execute_code", "arguments": arguments}),
            )
        };
        let (text, is_error) = with(None);
        assert!(
            is_error && text.contains("nothing of \"x1\" to resume"),
            "another session: {text}"
        );
        let (text, is_error) = with(Some(&session));
        assert!(
            !is_error && note(&text) == "replayed 1 call of x1",
            "{text}"
        );
        assert_eq!(called(&place)[&format!("write k{index}")], 1);
    }
    // What is kept for this is a result; the journal has none of it.
    let journal = everything(&place.path("state/toolmill/journal"));
    assert!(
        journal.contains("calls_taken_up") && !journal.contains("planted"),
        "{journal}"
    );
}

fn everything(folder: &Path) -> String {
    std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|file| std::fs::read_to_string(file.path()).unwrap())
        .collect()
}

#[test]
fn what_is_kept_for_a_retry_goes_with_the_session() {
    let place = place();
    let mut agent = agent(&place);
    let (text, _) = agent.execute("python", "tools.fake.echo(text='planted-text')\n1 / 0");
    assert!(text.contains("resume=\"x1\""), "{text}");
    assert!(place.every_file().contains("planted-text"));
    // It is no result that programs see.
    let (text, _) = agent.execute("python", "results.open('r_1')");
    assert!(text.contains("it keeps none"), "{text}");
    agent.close();
    assert!(!place.every_file().contains("planted-text"));
}
