//! Programs that take longer than a request: told to run, waited for, cancelled.

use serde_json::{Value, json};

use crate::http::{Legacy, Served, modern, modern_call, session_of};
use crate::place::{Agent, Place, fake, wait_until};

/// A program that prints, and waits for a second call of `meet`.
const MEETS: [(&str, &str); 2] = [
    (
        "python",
        "print('page 41')\ntools.fake.meet(parties=2)\n'met at last'",
    ),
    (
        "typescript",
        "console.log('page 41');\nawait tools.fake.meet({parties: 2});\nreturn 'met at last'",
    ),
];

fn connected(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

/// A program that is not to be waited for.
fn left(language: &str, code: &str) -> Value {
    json!({"language": language, "code": code, "wait_seconds": 0})
}

/// An answer with its seconds as `N s`, and without them in the status of a program that has ended.
fn timeless(text: &str) -> String {
    let (status, rest) = text.split_once('\n').unwrap_or((text, ""));
    let is_running = status.starts_with("running ");
    let facts: Vec<String> = status
        .split(" · ")
        .filter_map(|fact| {
            let seconds = fact.split(' ').next().unwrap_or_default();
            match (seconds.parse::<f64>(), is_running) {
                (Ok(_), true) if fact.contains(" s of ") => Some(fact.replacen(seconds, "N", 1)),
                (Ok(_), false) if fact.ends_with(" s") => None,
                _ => Some(fact.to_owned()),
            }
        })
        .collect();
    format!("{}\n{rest}", facts.join(" · "))
        .trim_end()
        .to_owned()
}

/// What `wait_execution` answers once it answers this; it fails with the last answer.
#[track_caller]
fn comes_to(agent: &mut Agent, id: &str, expected: &str) {
    let mut last = String::new();
    for _ in 0..6000 {
        let arguments = json!({"execution": id, "wait_seconds": 0.01});
        last = timeless(&agent.call("wait_execution", arguments).0);
        if last == expected {
            return;
        }
    }
    panic!("not in a minute:\n{expected}\nbut\n{last}");
}

#[test]
fn a_program_that_takes_long_is_told_to_run_and_waited_for() {
    for (language, code) in MEETS {
        let place = Place::with_fake();
        let mut agent = connected(&place);
        let (text, is_error) = agent.call("execute_code", left(language, code));
        assert!(!is_error);
        assert!(text.starts_with("running x1 · "), "{text}");
        let continued = r#"N s of 600 s · continue: wait_execution(execution="x1")"#;
        let expected = format!("running x1 · 1 call, 1 open · {continued}\n--- stdout\npage 41");
        comes_to(&mut agent, "x1", &expected);
        // Many wait at once.
        let waits: Vec<u64> = (0..5)
            .map(|_| {
                let wait = json!({"name": "wait_execution", "arguments": {"execution": "x1"}});
                agent.ask("tools/call", wait)
            })
            .collect();
        let second = agent.ask(
            "tools/call",
            json!({"name": "execute_code", "arguments": {"language": "python", "code": "tools.fake.meet(parties=2)"}}),
        );
        let mut answered = Vec::new();
        while answered.len() < waits.len() {
            let message = agent.next();
            let id = message["id"].as_u64().unwrap();
            if id != second {
                let text = message["result"]["content"][0]["text"].as_str().unwrap();
                assert_eq!(
                    timeless(text),
                    "ok x1 · 1 call\nmet at last\n--- stdout\npage 41"
                );
                answered.push(id);
            }
        }
        answered.sort_unstable();
        assert_eq!(answered, waits);
        // It may be asked for again.
        comes_to(
            &mut agent,
            "x1",
            "ok x1 · 1 call\nmet at last\n--- stdout\npage 41",
        );
    }
}

#[test]
fn a_request_is_answered_after_the_yield_time() {
    let place = Place::new(&format!(
        "{}[limits]\nyield_seconds = 1\n",
        fake("fake", &[])
    ));
    let mut agent = connected(&place);
    let (text, _) = agent.execute("python", MEETS[0].1);
    assert!(text.starts_with("running x1 · "), "{text}");
    let (text, _) = agent.call("wait_execution", json!({"execution": "x1"}));
    assert!(text.starts_with("running x1 · "), "{text}");
}

#[test]
fn a_program_that_was_left_is_cancelled_by_wait_execution_alone() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    agent.call("execute_code", left("python", MEETS[0].1));
    comes_to(
        &mut agent,
        "x1",
        "running x1 · 1 call, 1 open · N s of 600 s · continue: wait_execution(execution=\"x1\")\n--- stdout\npage 41",
    );
    // Who no longer waits ends nothing.
    let wait = json!({"name": "wait_execution", "arguments": {"execution": "x1"}});
    let id = agent.ask("tools/call", wait);
    agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    let (text, _) = agent.call(
        "wait_execution",
        json!({"execution": "x1", "wait_seconds": 0}),
    );
    assert!(text.starts_with("running x1 · "), "{text}");

    let cancel = json!({"execution": "x1", "cancel": true});
    let (text, is_error) = agent.call("wait_execution", cancel.clone());
    assert!(is_error);
    let expected = "error x1 cancelled\nthe run was cancelled: by wait_execution\nalready done: nothing that writes; 1 read\n--- stdout\npage 41";
    assert_eq!(timeless(&text), expected);
    let (text, _) = agent.call("wait_execution", cancel);
    assert_eq!(timeless(&text), expected);
    let (text, _) = agent.execute("python", "tools.fake.cancelled()['cancelled']");
    assert!(text.ends_with("\n1"), "{text}");
}

#[test]
fn ids_and_flags_are_read_as_models_write_them() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    agent.call("execute_code", left("python", MEETS[0].1));
    for id in [
        json!("x1"),
        json!(" x1 "),
        json!("X1"),
        json!("1"),
        json!(1),
    ] {
        let wait = json!({"execution": id, "wait_seconds": 0});
        let (text, _) = agent.call("wait_execution", wait);
        assert!(text.starts_with("running x1 · "), "{id}: {text}");
    }
    // An agent that was never told of it, or has forgotten, is told what runs.
    for (arguments, said) in [
        (
            json!({}),
            "error invalid_argument\nexecution is missing: name the one that an answer called running; x1 runs",
        ),
        (
            json!({"execution": "x7"}),
            "error unknown execution \"x7\"\nit is none of this session, or has ended and was answered; x1 runs",
        ),
        (
            json!({"execution": "x1", "cancel": "perhaps"}),
            "error invalid_argument\ncancel must be true or false; it is \"perhaps\"",
        ),
    ] {
        assert_eq!(
            agent.call("wait_execution", arguments),
            (said.to_owned(), true)
        );
    }
    for (on, runs) in [("True", "x1"), ("1", "x2"), ("yes", "x3")] {
        let on = serde_json::from_str(on).unwrap_or_else(|_| json!(on));
        let (text, is_error) =
            agent.call("wait_execution", json!({"execution": runs, "cancel": on}));
        assert!(
            is_error && text.starts_with(&format!("error {runs} cancelled\n")),
            "{on}: {text}"
        );
        agent.call("execute_code", left("python", MEETS[0].1));
    }
}

#[test]
fn the_total_limit_ends_a_program_that_was_left() {
    let place = Place::new(&format!(
        "{}[limits]\ntotal_seconds = 1\n",
        fake("fake", &[])
    ));
    let mut agent = connected(&place);
    agent.call("execute_code", left("python", MEETS[0].1));
    let (text, is_error) = agent.call("wait_execution", json!({"execution": "x1"}));
    assert!(is_error);
    assert_eq!(
        timeless(&text),
        "error x1 limit_time\nthe run took longer than 1 s, calls included\nalready done: nothing that writes; 1 read\n--- stdout\npage 41"
    );
}

#[test]
fn over_stdio_the_end_of_the_connection_ends_what_was_left() {
    let place = Place::new("");
    let log = place.path("tmp/methods");
    let settings = fake("fake", &["--log-methods", log.to_str().unwrap()]);
    place.write("config/toolmill/toolmill.toml", &settings);
    let mut agent = connected(&place);
    agent.call("execute_code", left("python", MEETS[0].1));
    let logged = |line: &str| {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.lines().any(|logged| logged == line)
    };
    wait_until("the call has arrived", || logged("tools/call meet"));
    agent.close();
    let trace = place.output(&["trace", "last", "--json"]);
    let trace = String::from_utf8(trace.stdout).unwrap();
    assert!(trace.contains(r#""event":"execution_left""#), "{trace}");
    let last = trace.lines().last().unwrap();
    assert!(
        last.contains(r#""event":"execution_ended""#) && last.contains(r#""outcome":"cancelled""#),
        "{trace}"
    );
}

#[test]
fn what_is_no_program_of_the_session_is_unknown() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    for (arguments, said) in [
        (json!({}), "execution is missing"),
        (json!({"execution": "x1"}), "error unknown execution \"x1\""),
        (
            json!({"execution": "x_0000000000000000"}),
            "error unknown execution \"x_0000000000000000\"",
        ),
        (
            json!({"execution": "x1", "wait_seconds": -1}),
            "wait_seconds must be 0 or more",
        ),
    ] {
        let (text, is_error) = agent.call("wait_execution", arguments);
        assert!(is_error && text.contains(said), "{text}");
    }
}

/// Calls a tool with these arguments: the text of the answer, and whether it is an error.
type Calls<'a> = Box<dyn Fn(&str, Value) -> (String, bool) + 'a>;

/// What a client of either era is answered over HTTP.
fn calls<'a>(served: &'a Served, era: &str) -> Calls<'a> {
    match era {
        "legacy" => {
            let client = Legacy::new(served);
            Box::new(move |name, arguments| {
                client.call(json!({"name": name, "arguments": arguments}))
            })
        }
        _ => Box::new(|name, arguments| {
            modern_call(served, json!({"name": name, "arguments": arguments}))
        }),
    }
}

/// Starts a program that waits for a second call of `meet`; its short id, and its session's id.
#[track_caller]
fn left_over_http(call: &Calls) -> (String, String) {
    let (text, is_error) = call("execute_code", left(MEETS[0].0, MEETS[0].1));
    assert!(!is_error && text.starts_with("running x1 · "), "{text}");
    let quoted: Vec<&str> = text.split('"').collect();
    let (id, session) = (quoted[1].to_owned(), quoted[3].to_owned());
    assert!(session.starts_with("s_"), "{text}");
    let continued =
        format!(r#" · continue: wait_execution(execution="{id}", session="{session}")"#);
    assert!(text.lines().next().unwrap().ends_with(&continued), "{text}");
    (id, session)
}

#[test]
fn over_http_a_program_is_named_by_its_session_too() {
    for era in ["legacy", "modern"] {
        let place = Place::with_fake();
        let served = Served::new(&place);
        let call = calls(&served, era);
        let (id, session) = left_over_http(&call);
        // Another client of the same user knows it by its session.
        let ask = json!({"execution": id, "session": session, "wait_seconds": 0});
        let other = calls(&served, "modern");
        let (text, _) = other("wait_execution", ask);
        assert!(text.starts_with("running x1 · "), "{text}");
        let (text, is_error) = other("wait_execution", json!({"execution": id}));
        assert!(is_error);
        assert_eq!(
            text,
            "error unknown execution \"x1\"\nname its session too, as the answer did that told of it: session=\"s_…\""
        );
        // A client that goes away while it waits ends nothing.
        let ask = json!({"execution": id, "session": session});
        let (request, body) = modern(
            &served,
            "tools/call",
            json!({"name": "wait_execution", "arguments": ask}),
        );
        drop(request.send(&body.to_string()));
        let (text, _) = call(
            "execute_code",
            json!({"language": "python", "code": "tools.fake.meet(parties=2)"}),
        );
        assert!(text.ends_with("\nmet"), "{text}");
        // A legacy client's session is its own without being named.
        let ask = match era {
            "legacy" => json!({"execution": id}),
            _ => ask,
        };
        let (text, is_error) = call("wait_execution", ask);
        assert!(!is_error, "{text}");
        assert_eq!(
            timeless(&text),
            format!("ok x1 · 1 call · session {session}\nmet at last\n--- stdout\npage 41")
        );
    }
}

/// The whole id of the first program of a session, as the journal has it.
fn whole_id(place: &Place, session: &str) -> String {
    let files = std::fs::read_dir(place.path("state/toolmill/journal")).unwrap();
    let lines: Vec<Value> = files
        .flat_map(|file| {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect::<Vec<Value>>()
        })
        .collect();
    let started = lines
        .iter()
        .find(|line| line["event"] == "execution_started" && line["session"] == session);
    started.unwrap()["execution"].as_str().unwrap().to_owned()
}

#[test]
fn over_http_a_stolen_id_neither_waits_nor_cancels() {
    for era in ["legacy", "modern"] {
        let place = Place::with_fake();
        let served = Served::new(&place);
        let owner = calls(&served, era);
        let (id, session) = left_over_http(&owner);
        let whole = whole_id(&place, &session);
        let owns = json!({"execution": whole, "session": session, "wait_seconds": 0});
        let (text, _) = owner("wait_execution", owns.clone());
        assert!(text.starts_with("running x1 · "), "{text}");

        // What the thief of an id is told, who has the token and a session of their own.
        let steals = |served: &Served| {
            for thief in ["legacy", "modern"] {
                let call = calls(served, thief);
                let own = json!({"language": "python", "code": "1"});
                let own = session_of(&call("execute_code", own).0);
                for mut ask in [
                    json!({"execution": whole, "wait_seconds": 0}),
                    json!({"execution": whole, "cancel": true}),
                    json!({"execution": whole, "session": "s_guessed", "cancel": true}),
                    json!({"execution": whole, "session": own, "cancel": true}),
                ] {
                    let (text, is_error) = call("wait_execution", ask.take());
                    let expected = format!("error unknown execution \"{whole}\"\n");
                    assert!(is_error && text.starts_with(&expected), "{thief}: {text}");
                }
            }
        };
        steals(&served);
        // Not cancelled: it gets as far as its call, and waits for that.
        loop {
            let (text, _) = owner("wait_execution", owns.clone());
            assert!(text.starts_with("running x1 · "), "{text}");
            if text.starts_with("running x1 · 1 call, 1 open · ") {
                break;
            }
        }

        // Killed: the session is taken up by who names it, and answers for what it ran.
        drop(owner);
        drop(served);
        let served = Served::new(&place);
        steals(&served);
        for again in ["legacy", "modern"] {
            let call = calls(&served, again);
            for id in [&whole, &id] {
                let ask = json!({"execution": id, "session": session});
                let (text, is_error) = call("wait_execution", ask);
                let expected = "error x1 interrupted · 1 call, 1 unknown · started ";
                assert!(is_error && text.starts_with(expected), "{text}");
            }
        }
        // A connection over standard input is no way to it.
        let mut agent = connected(&place);
        for ask in [json!({"execution": whole}), owns] {
            let (text, is_error) = agent.call("wait_execution", ask);
            let expected = "it is none of this session, or has ended and was answered";
            assert!(is_error && text.ends_with(expected), "{text}");
        }
    }
}

/// The share and the message of a notification of progress for this token.
#[track_caller]
fn progress_of(message: &Value, token: &str) -> (Option<f64>, String) {
    assert_eq!(message["method"], "notifications/progress", "{message:#}");
    let params = &message["params"];
    assert_eq!(params["progressToken"], token);
    let share = params["total"]
        .as_f64()
        .map(|total| params["progress"].as_f64().unwrap() / total);
    (
        share,
        params["message"].as_str().unwrap_or_default().to_owned(),
    )
}

#[test]
fn a_program_says_how_far_it_is_to_whoever_waits() {
    let programs = [
        (
            "python",
            "progress('page\\n41\\u202e', 0.4)\ntools.fake.meet(parties=2)\nprogress('all', 1)",
        ),
        (
            "typescript",
            "progress('page\\n41\\u202e', 0.4);\nawait tools.fake.meet({parties: 2});\nprogress('all', 1)",
        ),
    ];
    for (language, code) in programs {
        for era in ["legacy", "modern"] {
            let place = Place::with_fake();
            let mut agent = place.serve();
            if era == "modern" {
                agent.discover();
            } else {
                agent.initialize();
            }
            let with_token = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments, "_meta": {"progressToken": "t"}});
            let first = agent.ask(
                "tools/call",
                with_token("execute_code", json!({"language": language, "code": code})),
            );
            let message = agent.next();
            let (share, said) = progress_of(&message, "t");
            assert_eq!(said, "page 41");
            assert!((share.unwrap() - 0.4).abs() < 1e-9, "{message:#}");
            // Who asks later is told what was said last.
            let second = agent.ask(
                "tools/call",
                with_token("wait_execution", json!({"execution": "x1"})),
            );
            assert_eq!(progress_of(&agent.next(), "t").1, "page 41");
            comes_to(
                &mut agent,
                "x1",
                "running x1 · 1 call, 1 open · N s of 600 s · continue: wait_execution(execution=\"x1\")\nprogress: 40% page 41",
            );
            agent.ask("tools/call", json!({"name": "execute_code", "arguments": {"language": "python", "code": "tools.fake.meet(parties=2)"}}));
            let mut texts = Vec::new();
            while texts.len() < 2 {
                let message = agent.next();
                if message["id"] == first || message["id"] == second {
                    let text = message["result"]["content"][0]["text"].as_str().unwrap();
                    texts.push(timeless(text));
                }
            }
            // It is no call, and no value.
            let expected = "ok x1 · 1 call\n--- note\nvalue is empty; fake.meet returned str";
            for text in texts {
                assert!(text.starts_with(expected), "{text}");
            }
        }
    }
}

#[test]
fn progress_over_http_comes_with_the_answer() {
    let place = Place::with_fake();
    let served = Served::new(&place);
    let params = json!({
        "name": "execute_code",
        "arguments": {"language": "python", "code": "progress('half', 50)\ntools.fake.sleep(ms=50)"},
        "_meta": {"progressToken": "t"},
    });
    let (request, body) = modern(&served, "tools/call", params.clone());
    let legacy = Legacy::new(&served);
    let old = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params});
    for reply in [request.post(&body), legacy.request().post(&old)] {
        let first = reply.messages().next().unwrap();
        let (share, said) = progress_of(&first, "t");
        assert_eq!(
            (share.map(|share| (share * 100.0).round()), &said[..]),
            (Some(50.0), "half")
        );
        assert!(reply.text().0.ends_with("\nawake"));
    }
}

#[test]
fn progress_is_bounded_and_never_fails() {
    let programs = [
        (
            "python",
            "for wrong in [{}, None, float('nan'), 10**400, '\\ud800', 'x' * 10**6]: progress(wrong); progress('x', wrong)\n\
             for n in range(20000): progress(f'step {n}', n / 20000)\n'went on'",
        ),
        (
            "javascript",
            "for (const wrong of [{}, null, NaN, 10n, Symbol('s'), '\\ud800', 'x'.repeat(1e6)]) { progress(wrong); progress('x', wrong); }\n\
             for (let n = 0; n < 20000; n++) progress(`step ${n}`, n / 20000);\nreturn 'went on'",
        ),
    ];
    for (language, code) in programs {
        let place = Place::with_fake();
        let mut agent = connected(&place);
        let begun = std::time::Instant::now();
        let id = agent.ask(
            "tools/call",
            json!({"name": "execute_code", "arguments": {"language": language, "code": code}, "_meta": {"progressToken": "t"}}),
        );
        let mut last = 0.0;
        let mut told = 0;
        let answer = loop {
            let message = agent.next();
            if message["id"] == id {
                break message;
            }
            let (_, said) = progress_of(&message, "t");
            assert!(said.chars().count() <= 121, "{said}");
            let progress = message["params"]["progress"].as_f64().unwrap();
            assert!(progress > last, "it becomes more");
            last = progress;
            told += 1;
        };
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(timeless(text), "ok x1\nwent on");
        assert!(
            told <= 2 + begun.elapsed().as_millis() / 500,
            "{told} times"
        );
    }
}
