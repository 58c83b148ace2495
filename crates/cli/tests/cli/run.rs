//! `toolmill run`, and the journal it leaves.

use serde_json::json;

use crate::place::{LANGUAGES, Place, fake, tier_here};

#[test]
fn a_program_calls_tools_filters_in_place_and_returns_its_value() {
    let place = Place::with_fake();
    let python = "
total = 0
page = 0
while page is not None:
    answer = tools.fake.list_records(page=page, size=400)
    total += sum(1 for r in answer['records'] if r['id'] % 2 == 0)
    page = answer['next_page']
print('pages read')
total
";
    let typescript = "
interface Page { records: { id: number }[]; next_page: number | null }
let total: number = 0;
let page: number | null = 0;
while (page !== null) {
    const answer: Page = await tools.fake.list_records({ page, size: 400 });
    total += answer.records.filter(r => r.id % 2 === 0).length;
    page = answer.next_page ?? null;
}
console.log('pages read');
return total;
";
    for (language, code) in [("python", python), ("typescript", typescript)] {
        let (exit, json) = place.run(language, code);
        assert_eq!(exit, 0, "{json:#}");
        assert_eq!(json["value"], 500, "{json:#}");
        assert_eq!(json["stdout"], "pages read\n");
        assert_eq!(json["calls"].as_array().unwrap().len(), 3);
        assert_eq!(json["calls"][0]["tool"], "fake.list_records");
        assert_eq!(json["tier"], tier_here());
    }
}

#[test]
fn calls_of_one_program_run_at_the_same_time() {
    let place = Place::with_fake();
    // `meet` answers only once fifty calls wait in it together.
    let python = "
import asyncio
met = await asyncio.gather(*[tools.fake.meet(parties=50) for _ in range(50)])
len([m for m in met if m == 'met'])
";
    let threads = "
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(50) as pool:
    met = list(pool.map(lambda _: tools.fake.meet(parties=50), range(50)))
met.count('met')
";
    let typescript = "
const met = await Promise.all(Array.from({ length: 50 }, () => tools.fake.meet({ parties: 50 })));
met.filter(m => m === 'met').length
";
    for (language, code) in [
        ("python", python),
        ("python", threads),
        ("javascript", typescript),
    ] {
        assert_eq!(place.value(language, code), 50, "{language}: {code}");
    }
}

/// A guest that writes a thousand calls before it reads one reply must not stop a host that writes
/// replies before it reads the next call.
#[test]
fn a_thousand_large_calls_at_once_do_not_deadlock() {
    let place = Place::with_fake();
    let python = "
import asyncio
text = 'x' * 20000
got = await asyncio.gather(*[tools.fake.echo(text=text) for _ in range(1000)])
sum(map(len, got))
";
    let javascript = "
const text = 'x'.repeat(20000);
const got = await Promise.all(Array.from({ length: 1000 }, () => tools.fake.echo({ text })));
got.reduce((sum, part) => sum + part.length, 0)
";
    assert_eq!(place.value("python", python), 20_000_000);
    assert_eq!(place.value("javascript", javascript), 20_000_000);
}

#[test]
fn a_failing_call_raises_an_error_that_programs_catch() {
    let place = Place::with_fake();
    let python = "
try:
    tools.fake.fail(message='no such thing')
except ToolError as e:
    caught = [e.tool, e.server, e.code, e.retryable, str(e)]
caught
";
    let javascript = "
let caught;
try { await tools.fake.fail({ message: 'no such thing' }); }
catch (e) { caught = [e.tool, e.server, e.code, e.retryable, e.message]; if (!(e instanceof ToolError)) throw e; }
caught
";
    for (language, code) in [("python", python), ("javascript", javascript)] {
        assert_eq!(
            place.value(language, code),
            json!([
                "fake.fail",
                "fake",
                "tool_error",
                false,
                "fake.fail answered: no such thing"
            ]),
            "{language}"
        );
    }
    for language in LANGUAGES {
        let (exit, error) = place.error(
            language,
            &await_in(
                language,
                "tools.fake.fail",
                r#"message="gone""#,
                r#"{message: "gone"}"#,
            ),
        );
        assert_eq!(
            (exit, error["code"].as_str()),
            (1, Some("tool_error")),
            "{language}: {error:#}"
        );
        assert_eq!(error["line"], 2, "{error:#}");
    }
}

/// One call on line 2, in the words of a language.
fn await_in(language: &str, path: &str, python: &str, javascript: &str) -> String {
    match language {
        "python" => format!("\n{path}({python})"),
        _ => format!("\nawait {path}({javascript})"),
    }
}

#[test]
fn unknown_tools_and_wrong_arguments_say_what_exists_instead() {
    let place = Place::with_fake();
    let check = |path: &str, python: &str, javascript: &str, code: &str, said: &str| {
        for language in LANGUAGES {
            let (exit, error) =
                place.error(language, &await_in(language, path, python, javascript));
            assert_eq!(exit, 1);
            assert_eq!(error["code"], code, "{language}: {error:#}");
            let text = error.to_string();
            assert!(text.contains(said), "{language}: {text}");
        }
    };
    check(
        "tools.fake.ecko",
        r#"text="a""#,
        r#"{text: "a"}"#,
        "unknown_tool",
        "tools.fake.echo",
    );
    check(
        "tools.fale.echo",
        r#"text="a""#,
        r#"{text: "a"}"#,
        "unknown_tool",
        "fake",
    );
    check(
        "tools.fake.echo",
        r#"txt="a""#,
        r#"{txt: "a"}"#,
        "unknown_parameter",
        "text",
    );
    check("tools.fake.add", "a=1", "{a: 1}", "missing_argument", "b");
    check("tools.fake.add", "1, 2", "1, 2", "ambiguous_argument", "a");
}

#[test]
fn syntax_errors_have_their_place_in_the_agents_own_source() {
    let place = Place::with_fake();
    let (exit, error) = place.error("python", "x = 1\ny = (2 +\nz = 3\n");
    assert_eq!(
        (exit, error["code"].as_str()),
        (1, Some("syntax")),
        "{error:#}"
    );
    let (_, error) = place.error(
        "typescript",
        "interface A {\n  b: number\n}\nconst a: any = {b: 1}\na.c.d",
    );
    assert_eq!(
        (error["code"].as_str(), error["line"].as_u64()),
        (Some("exception"), Some(5)),
        "{error:#}"
    );
    let (_, error) = place.error("python", "def f():\n    return undefined_thing\n\nf()");
    assert_eq!(
        (error["code"].as_str(), error["line"].as_u64()),
        (Some("undefined_name"), Some(2)),
        "{error:#}"
    );
}

#[test]
fn the_language_is_found_when_nobody_says_it() {
    let place = Place::with_fake();
    let (_, json) = place.run_with(&[], "import math\nmath.floor(2.5)");
    assert_eq!(
        (json["language"].as_str(), json["value"].as_u64()),
        (Some("python"), Some(2)),
        "{json:#}"
    );
    let (_, json) = place.run_with(&[], "const x: number = Math.floor(2.5); x");
    assert_eq!(
        (json["language"].as_str(), json["value"].as_u64()),
        (Some("typescript"), Some(2)),
        "{json:#}"
    );
}

#[test]
fn digits_beyond_a_double_survive_both_ways() {
    let place = Place::with_fake();
    // As text: this test's own JSON parser would lose them.
    let printed = |name: &str, code: &str| {
        place.write(&format!("work/{name}"), code);
        String::from_utf8(place.output(&["run", name]).stdout).unwrap()
    };
    let python = "tools.fake.structured(value={'id': 12345678901234567890123})['id'] + 1";
    assert_eq!(printed("a.py", python), "12345678901234567890124\n");
    let javascript =
        "(await tools.fake.structured({value: {id: 12345678901234567890123n}})).id + 1n";
    assert_eq!(printed("a.js", javascript), "12345678901234567890124\n");
}

#[test]
fn programs_of_one_session_share_a_workspace_and_strangers_do_not() {
    let place = Place::with_fake();
    let (_, first) = place.run_with(
        &["--session", "s_abc", "--language", "python"],
        "open('note.txt', 'w').write('kept')",
    );
    assert_eq!(first["ok"], true, "{first:#}");
    let (_, second) = place.run_with(
        &["--session", "s_abc", "--language", "python"],
        "open('note.txt').read()",
    );
    assert_eq!(second["value"], "kept");
    let (_, stranger) = place.run("python", "import os\nos.listdir('.')");
    assert_eq!(stranger["value"], json!([]));
    let (exit, _) = {
        let output = place.output(&["run", "--session", "../../etc", "-"]);
        (output.status.code().unwrap(), output)
    };
    assert_eq!(exit, 2);
}

#[test]
fn the_journal_tells_what_an_execution_did_and_holds_no_payload() {
    let place = Place::with_fake();
    let (_, json) = place.run("python", "tools.fake.echo(text='a-payload-in-the-argument')\ntools.fake.write(key='k', value='v')\n'a-payload-in-the-value'");
    let id = json["execution"].as_str().unwrap();
    let output = place.output(&["trace", id, "--json"]);
    let trace = String::from_utf8(output.stdout).unwrap();
    let events: Vec<serde_json::Value> = trace
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "execution_started",
            "guest_confirmed",
            "call_started",
            "call_ended",
            "call_started",
            "call_ended",
            "execution_ended"
        ]
    );
    assert_eq!(events[2]["tool"], "echo");
    assert_eq!(events[6]["outcome"], "ok");
    assert!(!place.every_file().contains("a-payload"));
    let human = String::from_utf8(place.output(&["trace", "last"]).stdout).unwrap();
    assert!(human.contains("call 2 sent: fake.write"), "{human}");
    let unknown = place.output(&["trace", "x_nothing"]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[test]
fn bad_usage_and_bad_settings_have_their_own_exit_codes() {
    let place = Place::new("[upstream.fake]\ncomand = \"x\"\n");
    let output = place.output(&["run", "-"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("did you mean `command`"), "{stderr}");
    let place = Place::with_fake();
    for arguments in [
        &["run"][..],
        &["run", "--language", "cobol", "-"],
        &["run", "--timeout", "-1", "-"],
        &["frobnicate"],
    ] {
        assert_eq!(
            place.output(arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    assert_eq!(
        place.output(&["run", "no/such/file.py"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_dead_server_fails_its_own_calls_only() {
    let place = Place::new(&[fake("alive", &[]), fake("dead", &["--die-on-start"])].concat());
    assert_eq!(
        place.value("python", "tools.alive.echo(text='here')"),
        "here"
    );
    let (exit, error) = place.error("python", "tools.dead.echo(text='here')");
    assert!(exit == 1 || exit == 5, "{error:#}");
    assert!(
        error["message"].as_str().unwrap().contains("dead"),
        "{error:#}"
    );
}

#[test]
fn json_of_an_error_has_its_place_its_hint_and_the_line_to_paste() {
    let place = Place::with_fake();
    for (language, code, expected) in [
        (
            "python",
            "n = 1\ntools.fake.list_records(page=n, sise=3)",
            json!({
                "code": "unknown_parameter", "line": 2, "column": 33,
                "message": "list_records has no parameter \"sise\"; did you mean \"size\"?",
                "fix": "tools.fake.list_records(page=n, size=3)", "hint": null,
            }),
        ),
        (
            "typescript",
            "const n = 1;\nawait tools.fake.list_records({page: n, sise: 3});",
            json!({
                "code": "unknown_parameter", "line": 2, "column": 41,
                "message": "list_records has no parameter \"sise\"; did you mean \"size\"?",
                "fix": "tools.fake.list_records({page: n, size: 3})", "hint": null,
            }),
        ),
        (
            "python",
            "store('a', {1, 2})",
            json!({
                "code": "invalid_argument", "line": 1, "column": 1,
                "message": "TypeError: store: value is of type set, which JSON does not have",
                "fix": null, "hint": "pass a list: list(…) or sorted(…)",
            }),
        ),
        (
            "typescript",
            "json.dumps(1)",
            json!({
                "code": "undefined_name", "line": 1, "column": 1,
                "message": "ReferenceError: json is not defined",
                "fix": "JSON.stringify", "hint": "in JavaScript it is JSON.stringify(…)",
            }),
        ),
    ] {
        assert_eq!(place.error(language, code), (1, expected), "{code}");
    }
}

#[test]
fn a_server_that_dies_or_babbles_in_mid_call_ends_the_call_with_an_error() {
    let may_die = "[rules]\n\"fake.die\" = \"allow\"\n";
    let place = Place::new(&(fake("fake", &[]) + may_die));
    for (tool, arguments) in [("die", ""), ("malformed", "")] {
        let (exit, json) = place.run(
            "python",
            &format!("try:\n    tools.fake.{tool}({arguments})\nexcept ToolError as e:\n    r = e.code\nr"),
        );
        assert_eq!(exit, 0, "{tool}: {json:#}");
        assert!(
            ["upstream_down", "protocol"].contains(&json["value"].as_str().unwrap()),
            "{tool}: {json:#}"
        );
    }
}

#[test]
fn a_hundred_megabytes_pass_and_more_than_the_limit_is_an_error() {
    let place = Place::with_fake();
    assert_eq!(
        place.value("python", "len(tools.fake.big(bytes=100_000_000))"),
        100_000_000
    );
    let (exit, json) = place.run(
        "javascript",
        "try { await tools.fake.big({bytes: 150000000}); } catch (e) { return e.code }",
    );
    assert_eq!(
        (exit, json["value"].as_str()),
        (0, Some("limit_output")),
        "{json:#}"
    );
}
