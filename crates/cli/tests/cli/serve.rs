//! `toolmill serve` over standard input and output, as agents of both eras meet it.

use insta::assert_snapshot;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::place::{Agent, Place, fake, family_of, wait_until_gone};

/// An answer without its duration, which differs from run to run.
fn timeless(text: &str) -> String {
    let (status, rest) = text.split_once('\n').unwrap_or((text, ""));
    let facts: Vec<&str> = status
        .split(" · ")
        .filter(|fact| {
            fact.strip_suffix(" s")
                .is_none_or(|number| number.parse::<f64>().is_err())
        })
        .collect();
    format!("{}\n{rest}", facts.join(" · "))
        .trim_end()
        .to_owned()
}

fn connected(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

#[test]
fn the_listed_tools_are_the_same_bytes_whatever_stands_behind() {
    let list = |place: &Place, modern: bool| {
        let mut agent = place.serve();
        if modern {
            agent.discover()
        } else {
            agent.initialize()
        };
        agent.request("tools/list", json!({}))["result"].clone()
    };
    let none = Place::new("");
    let fake = Place::with_fake();
    let dead = Place::new(&fake_dead());
    let legacy = list(&none, false);
    assert_eq!(list(&fake, false).to_string(), legacy.to_string());
    assert_eq!(list(&dead, false).to_string(), legacy.to_string());
    assert_eq!(
        list(&fake, false).to_string(),
        legacy.to_string(),
        "a second start"
    );
    let modern = list(&none, true);
    assert_eq!(list(&fake, true).to_string(), modern.to_string());
    assert_eq!(modern["tools"].to_string(), legacy["tools"].to_string());
    let names: Vec<&Value> = legacy["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| &tool["name"])
        .collect();
    assert_eq!(names, ["search_tools", "execute_code", "wait_execution"]);
    // As clients show them to a model, and with all that is listed beside it.
    let tokens = tiktoken::encoding::o200k_base().count(&legacy["tools"].to_string());
    assert!((300..=1000).contains(&tokens), "{tokens} tokens");
}

fn fake_dead() -> String {
    fake("dead", &["--die-on-start"])
}

#[test]
fn instructions_begin_with_the_inventory_and_do_not_change_with_connections() {
    let place = Place::with_fake();
    let mut agent = place.serve();
    let first = agent.initialize()["result"]["instructions"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        first.lines().next().unwrap().chars().count() <= 300,
        "{first}"
    );
    assert!(
        first.contains("fake") && first.contains("execute_code"),
        "{first}"
    );
    // Once the listing is cached, it is counted from the first moment on.
    agent.call("search_tools", json!({"queries": ["echo"]}));
    // Ended in order, so that what it learnt is kept.
    agent.close();
    let again = |place: &Place| {
        let mut agent = place.serve();
        agent.initialize()["result"]["instructions"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let cached = again(&place);
    assert!(cached.starts_with("Gateway to "), "{cached}");
    assert!(
        cached
            .lines()
            .next()
            .unwrap()
            .contains(" tools of 1 servers: fake "),
        "{cached}"
    );
    assert_eq!(cached, again(&place));
    assert!(cached.chars().count() <= 1900);
}

#[test]
fn results_are_one_text_with_the_status_first() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let (text, is_error) = agent.execute("python", "tools.fake.add(a=1, b=2)");
    assert!(!is_error);
    assert_snapshot!(timeless(&text), @r#"
    ok x1 · 1 call
    {"sum":3.0}
    "#);
    let code = "
try:
    tools.fake.fail(message='no')
except ToolError:
    pass
print('scanned 60 files')
{'files': 60}
";
    assert_snapshot!(timeless(&agent.execute("python", code).0), @r#"
    ok x2 · 1 call, 1 failed (caught)
    {"files":60}
    --- stdout
    scanned 60 files
    "#);
    assert_snapshot!(timeless(&agent.execute("typescript", "const names: string[] = ['a']; names.join()").0), @r"
    ok x3
    a
    ");
    assert_snapshot!(timeless(&agent.execute("python", "x = 1").0), @"ok x4");
}

#[test]
fn errors_show_the_place_the_remedy_and_what_has_been_done() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let (text, is_error) = agent.execute(
        "python",
        "tools.fake.write(key='a', value='b')\ntools.fake.echo(text='x')\ntools.fake.echo(text='y')\nwrong = {'txt': 'z'}\nr = tools.fake.echo(**wrong)",
    );
    assert!(is_error);
    assert_snapshot!(timeless(&text), @r#"
    error x1 unknown_parameter · line 5, column 5
      5 | r = tools.fake.echo(**wrong)
        |     ^^^^^^^^^^^^^^^^^^^^^^^^
    echo has no parameter "txt"; did you mean "text"?
    fix: tools.fake.echo(text="z")
    signature: tools.fake.echo(text: str) -> str observed ×2
    already done: fake.write(key="a", value="b") -> "written" (wrote; do not repeat) · fake.echo ×2 (read)
    resume: with resume="x1" the corrected program repeats none of these
    "#);
    let (text, _) = agent.execute(
        "python",
        "print('checking 997')\ntools.fake.echo(text='x')\ntools.fake.fail(message='Not Found')",
    );
    assert_snapshot!(timeless(&text), @r#"
    error x2 tool_error · line 3, column 1
      3 | tools.fake.fail(message='Not Found')
        | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    fake.fail answered: Not Found (not retryable)
    already done: nothing that writes; 2 reads
    resume: with resume="x2" the corrected program repeats none of these
    --- stdout
    checking 997
    "#);
}

#[test]
fn a_value_over_the_budget_is_a_preview_of_valid_json() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let (text, is_error) = agent.execute(
        "python",
        "[{'id': i, 'name': 'n' * 20} for i in range(50000)]",
    );
    assert!(!is_error);
    let (status, preview) = text.split_once('\n').unwrap();
    assert!(
        status.contains("value too large: 50,000 items, "),
        "{status}"
    );
    let preview: Value = serde_json::from_str(preview).unwrap();
    assert_eq!(
        (&preview["$preview"], preview["length"].as_u64()),
        (&json!("r_1"), Some(50000))
    );
    assert_eq!(preview["tail"][0]["id"], 49999);
    assert!(text.len() <= 36_000);
    for code in [
        "'ab\\n' * 100000",
        "{str(i): 'x' * 100 for i in range(5000)}",
        "10 ** 4000 * 10 ** 4000",
    ] {
        let (text, is_error) = agent.execute(
            "python",
            &format!("import sys\nsys.set_int_max_str_digits(0)\n{code}"),
        );
        assert!(
            !is_error && text.len() <= 36_000,
            "{code}: {} bytes",
            text.len()
        );
        // A number of 8,000 digits is shown whole.
        let (status, value) = text.split_once('\n').unwrap();
        assert!(
            serde_json::from_str::<&RawValue>(value).is_ok(),
            "{code}: {value}"
        );
        let is_number = code.starts_with("10 **");
        assert_ne!(status.contains("value too large"), is_number, "{status}");
    }
    let (text, _) = agent.call(
        "execute_code",
        json!({"language": "python", "code": "list(range(1000))", "max_output_tokens": 200}),
    );
    assert!(text.len() <= 800, "{text}");
}

#[test]
fn search_answers_all_queries_in_one_text() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let (text, is_error) = agent.call(
        "search_tools",
        json!({"queries": ["add numbers"], "limit": 1}),
    );
    assert!(!is_error);
    assert!(
        text.contains("tools.fake.add(a: float, b: float)"),
        "{text}"
    );
    let (text, _) = agent.call(
        "search_tools",
        json!({"queries": ["add numbers", "write key"], "limit": 1, "language": "typescript"}),
    );
    assert!(
        text.contains("\"add numbers\": ") && text.contains("\"write key\": "),
        "{text}"
    );
    assert!(
        text.contains("a: number") && text.contains("WRITES"),
        "{text}"
    );
    let (text, _) = agent.call("search_tools", json!({}));
    assert!(
        text.contains(" tools on 1 server") && text.contains("fake "),
        "{text}"
    );
}

#[test]
fn dead_and_slow_servers_are_named_and_hold_up_nobody() {
    let place = Place::new(
        &[
            fake("alive", &[]),
            fake_dead(),
            fake("silent", &["--silent"]),
        ]
        .concat(),
    );
    let mut agent = connected(&place);
    let (text, _) = agent.execute("python", "tools.alive.echo(text='here')");
    assert!(text.ends_with("\nhere"), "{text}");
    let (text, _) = agent.call("search_tools", json!({"queries": ["echo"]}));
    assert!(text.contains("tools.alive.echo"), "{text}");
    let last = text.trim_end().lines().last().unwrap();
    assert!(
        last.starts_with("not searched: dead (") && last.contains("silent (connecting)"),
        "{text}"
    );
}

#[test]
fn a_catalog_path_called_as_a_tool_says_where_it_belongs() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    agent.call("search_tools", json!({}));
    let (text, is_error) = agent.call("fake.echo", json!({"text": "x"}));
    assert!(is_error);
    assert_snapshot!(text, @"call it inside execute_code: tools.fake.echo(text: str)");
    for (arguments, said) in [
        (json!({}), "code is missing"),
        (
            json!({"code": "1", "language": "cobol"}),
            "language must be",
        ),
        (
            json!({"code": "1", "timeout_seconds": -1}),
            "timeout_seconds must be",
        ),
        (
            json!({"code": "1", "session": "s_0000000000000000"}),
            "unknown session",
        ),
    ] {
        let (text, is_error) = agent.call("execute_code", arguments);
        assert!(is_error && text.contains(said), "{text}");
    }
}

#[test]
fn the_modern_era_is_served_alike() {
    let place = Place::with_fake();
    let mut agent = place.serve();
    let discovered = agent.discover();
    assert!(
        discovered["result"]["supportedVersions"]
            .to_string()
            .contains("2026-07-28"),
        "{discovered:#}"
    );
    let answer = agent.request(
        "tools/call",
        json!({"name": "execute_code", "arguments": {"language": "python", "code": "tools.fake.echo(text='new')"}}),
    );
    assert_eq!(answer["result"]["resultType"], "complete", "{answer:#}");
    assert!(
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .ends_with("\nnew")
    );
}

#[test]
fn a_cancelled_request_ends_the_program_and_its_calls() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let id = agent.ask(
        "tools/call",
        json!({"name": "execute_code", "arguments": {"language": "python", "code": "tools.fake.meet(parties=2)"}}),
    );
    // The call is known to have arrived when the server says so.
    let arrived = "
import time
while tools.fake.meeting()['arrived'] < 1: time.sleep(0.01)
'arrived'
";
    assert!(agent.execute("python", arrived).0.ends_with("arrived"));
    agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    let cancelled = "
import time
while tools.fake.cancelled()['cancelled'] < 1: time.sleep(0.01)
'cancelled'
";
    let (text, is_error) = agent.execute("python", cancelled);
    assert!(!is_error && text.ends_with("cancelled"), "{text}");
}

#[test]
fn nothing_is_left_when_the_gateway_is_killed() {
    let place = Place::new(&[fake("stubborn", &["--linger"])].concat());
    let mut agent = connected(&place);
    let (text, _) = agent.execute("python", "tools.stubborn.echo(text='up')");
    assert!(text.ends_with("\nup"), "{text}");
    agent.ask("tools/call", json!({"name": "execute_code", "arguments": {"language": "javascript", "code": "for (;;) {}"}}));
    let (text, _) = agent.execute("python", "'beside it'");
    assert!(text.ends_with("beside it"), "{text}");
    let family = family_of(agent.child.id());
    assert!(
        family.len() >= 4,
        "gateway, supervisor, server and guest: {family:?}"
    );
    agent.child.kill().unwrap();
    wait_until_gone(&family[1..]);
}

#[test]
fn secrets_appear_in_no_log_and_no_file() {
    let place = Place::new(&format!(
        "{}env = {{ PLANTED = \"${{PLANTED}}\" }}\n",
        fake("fake", &[])
    ));
    let secret = "planted-7f3a9c";
    let mut command = place.command(&[
        "--log",
        "trace",
        "run",
        "--json",
        "--language",
        "python",
        "-",
    ]);
    command
        .env("PLANTED", secret)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(
        &mut child.stdin.take().unwrap(),
        format!("s = tools.fake.secret_env(name='PLANTED')\ntools.fake.echo(text='{secret}')\ntry: tools.fake.fail(message=s)\nexcept ToolError: pass\ns").as_bytes(),
    )
    .unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(stdout["value"], secret, "{stdout:#}");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!log.is_empty(), "the trace level logs something");
    assert!(!log.contains(secret), "{log}");
    assert!(!place.every_file().contains(secret));
}

#[test]
fn a_program_that_is_far_too_long_is_answered() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let (text, is_error) = agent.execute("python", &"#".repeat(20 << 20));
    assert!(is_error && text.contains("at most 1048576"), "{text}");
}

#[test]
fn an_empty_value_tells_what_the_tools_returned() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let code = "[r for r in tools.fake.big_json(records=30)['records'] if r.get('Name') == 'x']";
    let (text, _) = agent.execute("python", code);
    let note = text
        .split("--- note\n")
        .nth(1)
        .unwrap_or_else(|| panic!("{text}"));
    assert!(
        note.starts_with("value is empty; fake.big_json returned {records: [{id: int, "),
        "{note}"
    );
    let (text, _) = agent.execute("python", "tools.fake.echo(text='secret')\nNone");
    assert!(
        text.contains("fake.echo returned str") && !text.contains("secret"),
        "{text}"
    );
    let (text, _) = agent.execute("python", "[]");
    assert!(!text.contains("note"), "no call, nothing to tell: {text}");
}

#[test]
fn a_caller_that_is_a_program_gets_the_value_itself() {
    let place = Place::with_fake();
    let mut agent = Agent::start(place.command(&["serve", "--structured"]));
    agent.initialize();
    let mut execute = |code: &str| {
        let arguments = json!({"language": "python", "code": code});
        agent.request(
            "tools/call",
            json!({"name": "execute_code", "arguments": arguments}),
        )["result"]
            .clone()
    };
    let result = execute("[{'id': i} for i in range(20000)]");
    assert_eq!(
        result["structuredContent"].as_array().unwrap().len(),
        20000,
        "no budget for programs"
    );
    assert_eq!(result["content"], json!([]));
    let result = execute("1 / 0");
    assert_eq!(result["isError"], true);
    assert!(
        result["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("ZeroDivisionError"),
        "{result:#}"
    );
    let result = execute("'x' * 9_000_000");
    assert!(
        result["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("limit_output"),
        "{result:#}"
    );
}
