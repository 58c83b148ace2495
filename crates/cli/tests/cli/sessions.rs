//! Sessions that are named again: over HTTP in both eras, by `run --session`, after a restart; their
//! end, and what a stranger learns of them.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::http::{Legacy, Served, execute, modern_call, session_of};
use crate::place::{Place, fake, wait_until};

const LEAVE: &str = "open('note', 'w').write('kept')\nstore('key', 'planted')\n'x' * 200_000";
const LOOK: &str = "[open('note').read(), load('key'), len(results.open('r_1'))]";
const FOUND: &str = "\n[\"kept\",\"planted\",200000]";

/// Leaves a file, a stored value and a result, in a session over HTTP.
fn leave(served: &Served) -> String {
    let (text, is_error) = modern_call(served, execute("python", LEAVE, None));
    assert!(!is_error, "{text}");
    session_of(&text)
}

fn look(served: &Served, session: &str) -> (String, bool) {
    modern_call(served, execute("python", LOOK, Some(session)))
}

#[track_caller]
fn finds(served: &Served, session: &str) {
    let (text, is_error) = look(served, session);
    assert!(!is_error && text.contains(FOUND), "{text}");
}

#[track_caller]
fn is_unknown((text, is_error): &(String, bool), session: &str) {
    let expected = format!(
        "error invalid_argument\nunknown session {session:?}; leave `session` out, or use one that an answer named"
    );
    assert!(*is_error && *text == expected, "{text}");
}

const SETTINGS: &str = "[http]\ntoken = \"${TOKEN}\"\n";

/// A gateway of the place that wants this token.
fn serve(place: &Place, token: &str) -> Served {
    let mut serve = place.command(&["serve", "--http", "127.0.0.1:0"]);
    serve.env("TOKEN", token);
    let mut served = Served::start(serve);
    served.token = Some(token.to_owned());
    served
}

/// Makes the last use of a session one of so many days ago.
fn age(place: &Place, session: &str, days: u64) {
    let used = place
        .path("state/toolmill/sessions")
        .join(session)
        .join("used");
    let file = std::fs::File::options().write(true).open(used).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400))
        .unwrap();
}

fn listed(place: &Place) -> Vec<Value> {
    let output = place.output(&["sessions", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], 1);
    report["sessions"].as_array().unwrap().clone()
}

fn state_of(place: &Place, session: &str) -> String {
    let found = listed(place).into_iter().find(|one| one["id"] == session);
    found.map_or("none".into(), |one| {
        one["state"].as_str().unwrap().to_owned()
    })
}

#[test]
fn a_session_is_taken_up_after_a_restart_by_the_same_caller_alone() {
    let place = Place::new(SETTINGS);
    let served = serve(&place, "first");
    let session = leave(&served);
    finds(&served, &session);
    // Killed: nothing could be put away.
    drop(served);

    let served = serve(&place, "first");
    let (text, is_error) = look(&served, &session);
    assert!(
        !is_error && text.starts_with("ok x3 ") && text.contains(FOUND),
        "{text}"
    );
    let (text, _) = Legacy::new(&served).call(execute("python", LOOK, Some(&session)));
    assert!(text.starts_with("ok x4 ") && text.contains(FOUND), "{text}");
    drop(served);

    // Who has another token is a stranger, and so is who needs none.
    let served = serve(&place, "second");
    is_unknown(&look(&served, &session), &session);
    drop(served);
    let served = Served::start(place.command(&["serve", "--http", "127.0.0.1:0", "--no-token"]));
    is_unknown(&look(&served, &session), &session);
    drop(served);
    finds(&serve(&place, "first"), &session);
    // What a token was is nowhere.
    let record = place
        .path("state/toolmill/sessions")
        .join(&session)
        .join("session.json");
    assert!(!std::fs::read_to_string(record).unwrap().contains("first"));
}

#[test]
fn two_gateways_do_not_open_one_session_at_once() {
    let place = Place::new(SETTINGS);
    let (first, second) = (serve(&place, "one"), serve(&place, "one"));
    let session = leave(&first);
    let (text, is_error) = look(&second, &session);
    let expected = format!(
        "error invalid_argument\nsession {session} is open in process {}. Leave `session` out to begin a new one",
        first.child.id()
    );
    assert!(is_error && text == expected, "{text}");
    drop(first);
    finds(&second, &session);
}

#[test]
fn a_stolen_id_opens_nothing() {
    let place = Place::with_fake();
    let served = Served::new(&place);
    let modern = leave(&served);
    let client = Legacy::new(&served);
    let legacy = session_of(&client.call(execute("python", LEAVE, None)).0);
    let mut own = place.serve();
    own.initialize();
    assert!(!own.execute("python", LEAVE).1);
    let stdio = listed(&place)
        .iter()
        .find(|one| one["face"] == "stdio")
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .unwrap();
    let (exit, _) = place.run_with(&["--session", "s_named", "--language", "python"], LEAVE);
    assert_eq!(exit, 0);

    // Over stdio nobody reaches another session, in either era.
    for discovers in [false, true] {
        let mut agent = place.serve();
        if discovers {
            agent.discover()
        } else {
            agent.initialize()
        };
        for session in [&modern, &legacy, &stdio, "s_named", "../sessions", ""] {
            let arguments = json!({"language": "python", "code": LOOK, "session": session});
            is_unknown(&agent.call("execute_code", arguments), session);
        }
        for (code, expected) in [
            ("load('key')", "this session has stored nothing"),
            ("open('note')", "No such file"),
            ("results.open('r_1')", "it keeps none"),
        ] {
            let (text, is_error) = agent.execute("python", code);
            assert!(is_error && text.contains(expected), "{text}");
        }
    }
    // Over HTTP nobody reaches one that was not opened there, in either era.
    for session in [&stdio, "s_named", "../sessions", ""] {
        is_unknown(&look(&served, session), session);
        is_unknown(
            &client.call(execute("python", LOOK, Some(session))),
            session,
        );
    }
    // Nor one of another gateway of another user, who has another state folder.
    let elsewhere = Place::with_fake();
    let other = Served::new(&elsewhere);
    is_unknown(&look(&other, &modern), &modern);
    // Each owner's is untouched.
    finds(&served, &modern);
    let (text, _) = client.call(execute("python", LOOK, None));
    assert!(text.contains(FOUND), "{text}");
    let (text, _) = own.execute("python", LOOK);
    assert!(text.contains(FOUND), "{text}");
}

#[test]
fn one_that_nobody_used_says_that_it_has_ended_and_what_is_gone() {
    let place = Place::new(SETTINGS);
    let served = serve(&place, "one");
    let (session, recent) = (leave(&served), leave(&served));
    drop(served);
    age(&place, &session, 8);
    age(&place, &recent, 6);
    let served = serve(&place, "one");
    let (text, is_error) = look(&served, &session);
    let expected = format!(
        "error invalid_argument\nsession {session} has ended: it was not used for 7 days; \
         gone with it: 1 file, 1 result, 1 stored value. Leave `session` out to begin a new one"
    );
    assert!(is_error && text == expected, "{text}");
    finds(&served, &recent);
    drop(served);
    is_unknown(&look(&serve(&place, "two"), &session), &session);
    assert!(!place.path("state/toolmill/results").join(&session).exists());
    assert_eq!(state_of(&place, &session), "ended");
}

#[test]
fn beyond_their_number_the_least_recently_used_end_and_never_one_in_use() {
    let place = Place::new("[limits]\nsessions = 3\n");
    let served = Served::new(&place);
    let client = Legacy::new(&served);
    let own = session_of(&client.call(execute("python", LEAVE, None)).0);
    let first = leave(&served);
    let mut later: Vec<String> = Vec::new();
    // It is looked through in the background.
    wait_until("the first has ended", || {
        later.push(leave(&served));
        state_of(&place, &first) == "ended"
    });
    let (text, is_error) = look(&served, &first);
    let expected = format!(
        "\nsession {first} has ended: there were more than 3 sessions; gone with it: 1 file, "
    );
    assert!(is_error && text.contains(&expected), "{text}");
    // That of a client that is connected is used by it, however long ago.
    let (text, _) = client.call(execute("python", LOOK, None));
    assert!(text.contains(FOUND), "{text}");
    assert_eq!(session_of(&text), own);
    finds(&served, later.last().unwrap());
    assert_eq!(
        place.output(&["sessions", "rm", &own]).status.code(),
        Some(1)
    );
    wait_until("there are three", || {
        leave(&served);
        let there = listed(&place)
            .into_iter()
            .filter(|one| one["state"] != "ended");
        there.count() <= 3
    });
}

#[test]
fn a_session_that_is_too_many_is_refused_while_all_are_in_use() {
    let place = Place::new("[limits]\nsessions = 2\n");
    let served = Served::new(&place);
    let clients = [
        Legacy::new(&served),
        Legacy::new(&served),
        Legacy::new(&served),
    ];
    let run = |client: &Legacy| client.call(execute("javascript", "1 + 1", None));
    assert!(!run(&clients[0]).1);
    assert!(!run(&clients[1]).1);
    let (text, is_error) = run(&clients[2]);
    assert!(
        is_error && text.contains("\n2 sessions are in use, and there may be no more"),
        "{text}"
    );
    assert!(!run(&clients[0]).1);
}

#[test]
fn beyond_their_size_sessions_end_at_the_next_start() {
    let place = Place::new(SETTINGS);
    let served = serve(&place, "one");
    let (first, second) = (leave(&served), leave(&served));
    let big = "open('big', 'wb').write(bytes(2_900_000))";
    assert!(!modern_call(&served, execute("python", big, Some(&second))).1);
    drop(served);
    age(&place, &first, 1);
    let settings = format!("{SETTINGS}[limits]\nsession_mib = 3\n");
    place.write("config/toolmill/toolmill.toml", &settings);
    let served = serve(&place, "one");
    wait_until("the older has ended", || {
        state_of(&place, &first) == "ended"
    });
    let (text, _) = look(&served, &first);
    assert!(
        text.contains("all sessions together held more than 3 MiB"),
        "{text}"
    );
    finds(&served, &second);
}

#[test]
fn beyond_their_size_sessions_end_while_the_gateway_runs() {
    let place = Place::new(&format!(
        "{SETTINGS}[limits]\nsession_mib = 3\n{}",
        fake("fake", &[])
    ));
    let served = serve(&place, "one");
    // What fails is kept to be resumed, and counts.
    let fails = "tools.fake.echo(text='y' * 3_000_000)\n1 / 0";
    let (text, is_error) = modern_call(&served, execute("python", fails, None));
    assert!(is_error && text.contains("resume=\"x1\""), "{text}");
    let first = session_of(&text);
    assert_eq!(state_of(&place, &first), "open");
    let second = leave(&served);
    wait_until("the older has ended", || {
        state_of(&place, &first) == "ended"
    });
    let (text, _) = look(&served, &first);
    assert!(
        text.contains("all sessions together held more than 3 MiB"),
        "{text}"
    );
    finds(&served, &second);
    assert!(!place.every_file().contains("yyyyyyyy"));
}

#[test]
fn people_see_and_end_sessions() {
    let place = Place::with_fake();
    let text = |output: std::process::Output| {
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, out, _) = text(place.output(&["sessions"]));
    assert_eq!(
        (code, out.contains("no session is kept")),
        (0, true),
        "{out}"
    );

    let (exit, json) = place.run_with(&["--session", "s_named", "--language", "python"], LEAVE);
    assert_eq!(exit, 0, "{json:#}");
    let served = Served::new(&place);
    let open = leave(&served);
    let mut agent = place.serve();
    agent.initialize();
    assert!(!agent.execute("python", "1").1);
    let found = listed(&place);
    let named = found.iter().find(|one| one["id"] == "s_named").unwrap();
    assert_eq!(named["state"], "kept");
    assert_eq!(named["face"], "command line");
    assert_eq!(named["executions"], 1);
    assert_eq!(
        (&named["files"], &named["results"], &named["stored"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert!(named["workspace_bytes"].as_u64().unwrap() >= 4);
    assert_eq!(named["results_bytes"], 0);
    assert!(named["store_bytes"].as_u64().unwrap() > 9);
    assert_eq!(
        (named["process"].clone(), named["ended"].clone()),
        (Value::Null, Value::Null)
    );
    assert_eq!(state_of(&place, &open), "open");
    let process = |face: &str| {
        let found = found.iter().find(|one| one["face"] == face).unwrap();
        (
            found["process"].clone(),
            found["id"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(process("http"), (json!(served.child.id()), open.clone()));
    let (of_stdio, stdio) = process("stdio");
    assert_eq!(of_stdio, agent.child.id());

    let (_, table, _) = text(place.output(&["sessions"]));
    let row = table
        .lines()
        .find(|line| line.starts_with("s_named "))
        .unwrap();
    let words: Vec<&str> = row.split_whitespace().take(7).collect();
    assert_eq!(
        words[..5],
        ["s_named", "kept", "command", "line", "1"],
        "{table}"
    );
    assert!(
        row.contains(" ago, opened ") && row.contains("; files ") && row.contains("stored "),
        "{row}"
    );
    let last = table.lines().last().unwrap();
    assert!(last.starts_with("3 sessions, "), "{last}");

    // One that is open is ended by its gateway, if nobody uses it.
    let (code, out, _) = text(place.output(&["sessions", "rm", &open, "s_named"]));
    assert_eq!(
        (code, out),
        (0, format!("{open} is ended\ns_named is ended\n"))
    );
    let (told, _) = look(&served, &open);
    assert!(
        told.contains("has ended: it was removed by `toolmill sessions rm`; gone with it: 1 file"),
        "{told}"
    );
    let (code, _, err) = text(place.output(&["sessions", "rm", &stdio, "s_none", "s_named"]));
    assert_eq!(code, 1);
    let expected = [
        format!("toolmill: session {stdio} belongs to a client that is connected, and ends with the connection"),
        "toolmill: there is no session \"s_none\"; next: toolmill sessions".into(),
        "toolmill: session s_named has ended: it was removed by `toolmill sessions rm`; gone with it: 1 file, 1 stored value".into(),
    ];
    assert_eq!(err.lines().collect::<Vec<_>>(), expected);
    let (_, out, _) = text(place.output(&["sessions", "--all"]));
    assert!(
        out.lines().any(|line| line.starts_with("s_named ")
            && line.contains(" ended ")
            && line.contains("ago: it was removed")),
        "{out}"
    );
    // A name that a person chose begins afresh.
    let (_, json) = place.run_with(
        &["--session", "s_named", "--language", "python"],
        "store.keys()",
    );
    assert_eq!(json["value"], json!([]), "{json:#}");
    let another = leave(&served);
    let (code, out, err) = text(place.output(&["sessions", "rm", "--unused"]));
    let mut ended: Vec<&str> = out
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    ended.sort();
    let mut expected = [another.as_str(), "s_named"];
    expected.sort();
    assert_eq!((code, ended, err.as_str()), (0, expected.to_vec(), ""));
    assert_eq!(state_of(&place, &stdio), "open");
    let output = place.output(&["sessions", "rm"]);
    assert_eq!(output.status.code(), Some(2));
    let folder: PathBuf = place.path("state/toolmill/results");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

/// State that cannot be written is a warning; a store that cannot is an error of who stores.
#[test]
fn without_a_place_to_keep_them_sessions_work_until_their_end() {
    let place = Place::with_fake();
    std::fs::create_dir_all(place.path("state/toolmill")).unwrap();
    place.write("state/toolmill/sessions", "in the way");
    let mut agent = place.serve();
    agent.initialize();
    let (text, is_error) = agent.execute(
        "python",
        "open('note', 'w').write('here')\nopen('note').read()",
    );
    assert!(!is_error && text.ends_with("\nhere"), "{text}");
    let (text, is_error) = agent.execute("python", "store('a', 1)");
    assert!(
        is_error && text.contains("failed to list a stored value: "),
        "{text}"
    );
    let said = agent.close();
    assert!(said.contains("cannot be kept: "), "{said}");
}
