//! What results were like, as agents meet it in signatures; what of it is kept, and how it is forgotten.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::place::{Agent, Place, fake};

/// The line that a search shows of a tool.
fn signature(agent: &mut Agent, tool: &str, language: &str) -> String {
    let arguments = json!({"queries": [tool], "language": language});
    let (text, is_error) = agent.call("search_tools", arguments);
    assert!(!is_error, "{text}");
    line_of(&text, tool)
}

fn line_of(text: &str, tool: &str) -> String {
    let wanted = format!("tools.{tool}(");
    let line = text.lines().find(|line| line.starts_with(&wanted));
    line.unwrap_or_else(|| panic!("no {tool} in {text}"))
        .to_owned()
}

/// Runs a program that must succeed.
fn execute(agent: &mut Agent, code: &str) {
    let (text, is_error) = agent.execute("python", code);
    assert!(!is_error, "{text}");
}

fn agent(place: &Place) -> Agent {
    let mut agent = place.serve_with(&["--log", "trace"]);
    agent.initialize();
    agent
}

/// The files of what was learned.
fn files(place: &Place) -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(place.path("state/toolmill/observed")) else {
        return Vec::new();
    };
    let files = folder.map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect()
}

const RECORDS: &str =
    "{records: [{id: int, name: str, city: str, amount: int, active: bool}], next_page: int}";

#[test]
fn after_a_call_signatures_say_what_it_returned() {
    let place = Place::with_fake();
    // With what the first gateway has listed, which it waits for to find something.
    agent(&place).call("search_tools", json!({"queries": ["echo"]}));
    let mut one = place.serve();
    let instructions = one.initialize()["result"]["instructions"].clone();
    let before = "tools.fake.list_records(page?: int, size?: int)";
    assert_eq!(signature(&mut one, "fake.list_records", "python"), before);
    execute(&mut one, "len(tools.fake.list_records(page=0)['records'])");
    let python = format!("{before} -> {RECORDS} observed ×1");
    assert_eq!(signature(&mut one, "fake.list_records", "python"), python);
    let typescript = "tools.fake.list_records({page?: number, size?: number}) -> {records: [{id: number, name: string, city: string, amount: number, active: boolean}], next_page: number} observed ×1";
    assert_eq!(
        signature(&mut one, "fake.list_records", "typescript"),
        typescript
    );
    // In a program, in the errors of a call, and in the error of a text.
    let rows = "search_tools('list_records', limit=1)[0]['signature']";
    let (text, _) = one.execute("python", rows);
    assert!(text.contains(&python), "{text}");
    for wrong in [
        "tools.fake.list_records(nothing=1)",
        "given = dict(nothing=1)\ntools.fake.list_records(**given)",
    ] {
        let (text, is_error) = one.execute("python", wrong);
        assert!(
            is_error && text.contains(&format!("signature: {python}")),
            "{text}"
        );
    }
    let (text, _) = one.call(
        "search_tools",
        json!({"queries": ["list_records"], "detail": "full"}),
    );
    let full = text
        .lines()
        .find_map(|line| line.strip_prefix("  observed ×1: "))
        .unwrap();
    let schema: Value = serde_json::from_str(full).unwrap();
    assert_eq!(
        schema["properties"]["records"]["items"]["properties"]["active"]["type"],
        "boolean"
    );
    // The last page has no next one.
    execute(&mut one, "tools.fake.list_records(page=19)['next_page']");
    let python = python.replace(
        "next_page: int} observed ×1",
        "next_page: int?} observed ×2",
    );
    assert_eq!(signature(&mut one, "fake.list_records", "python"), python);
    one.close();

    // The next gateway knows it, and so does a person.
    let mut next = agent(&place);
    assert_eq!(signature(&mut next, "fake.list_records", "python"), python);
    // What an agent is told at its start is the same as ever.
    assert_eq!(
        place.serve().initialize()["result"]["instructions"],
        instructions
    );
    next.close();
    for arguments in [&["search", "list_records"][..], &["tools"]] {
        let output = place.output(arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(&python), "{said}");
    }
    // Another stanza is another server.
    place.write(
        "config/toolmill/toolmill.toml",
        &fake("fake", &["--tools", "40"]),
    );
    let mut other = agent(&place);
    assert_eq!(signature(&mut other, "fake.list_records", "python"), before);
}

#[test]
fn one_program_from_a_shell_is_learned_from() {
    let place = Place::with_fake();
    place.value(
        "typescript",
        "tools.fake.echo_json({value: {id: 1, title: 'a'}})",
    );
    let mut agent = agent(&place);
    assert_eq!(
        signature(&mut agent, "fake.echo_json", "python"),
        "tools.fake.echo_json(value: any) -> {id: int, title: str} observed ×1"
    );
}

#[test]
fn a_call_from_a_shell_teaches_and_the_sdk_has_what_was_learned() {
    let place = Place::with_fake();
    let output = |arguments: &[&str]| {
        let output = place.output(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let sdk = |language: &str| output(&["sdk", "--language", language]);
    for language in ["python", "typescript"] {
        assert!(!sdk(language).contains("observed ×"));
    }
    output(&["call", "fake.list_records", "{}"]);
    output(&["call", "fake.list_records", r#"{"page": 19}"#]);
    // A file is a handle in a program and is learned in neither; of all that a server sent it is not known what
    // a program has.
    let image = r#"{"content": [{"type": "text", "text": "a"}, {"type": "image", "data": "AA==", "mimeType": "image/png"}]}"#;
    output(&["call", "fake.blocks", image]);
    output(&["call", "--raw", "fake.echo", r#"{"text": "a"}"#]);
    let python = sdk("python");
    for part in [
        "\nclass FakeListRecordsResult(TypedDict):\n    records: list[FakeListRecordsResultRecordsItem]\n    next_page: int | None\n",
        "\nclass FakeListRecordsResultRecordsItem(TypedDict):\n    id: int\n    name: str\n    city: str\n    amount: int\n    active: bool\n",
        "(self, *, page: int = ..., size: int = ...) -> FakeListRecordsResult:\n",
        "        # result: observed ×2\n",
    ] {
        assert!(python.contains(part), "{part}: {python}");
    }
    let typescript = sdk("typescript");
    for part in [
        "\ninterface FakeListRecordsResult {\n  records: FakeListRecordsResultRecordsItem[];\n  next_page: number | null;\n}\n",
        "\ninterface FakeListRecordsResultRecordsItem {\n  id: number;\n  name: string;\n  city: string;\n  amount: number;\n  active: boolean;\n}\n",
        "(args?: FakeListRecordsArgs): Promise<FakeListRecordsResult>;\n",
        "    // result: observed ×2\n",
    ] {
        assert!(typescript.contains(part), "{part}: {typescript}");
    }
    for text in [&python, &typescript] {
        assert_eq!(text.matches("observed ×").count(), 1, "{text}");
    }
    // An agent's gateway knows it too.
    assert_eq!(
        signature(&mut agent(&place), "fake.list_records", "python"),
        format!(
            "tools.fake.list_records(page?: int, size?: int) -> {} observed ×2",
            RECORDS.replace("next_page: int", "next_page: int?")
        )
    );
}

/// What stands for values in the next test, in values and in names.
const PLANTED: [&str; 4] = ["mallory", "zq77", "4111-secret", "trent"];

#[test]
fn neither_values_nor_names_that_are_data_are_kept_or_shown() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let results = [
        // By person.
        r#"{"mallory": 3, "trent": 4}"#,
        r#"{"trent": 1}"#,
        r#"{"mallory": {"id": 1, "name": "mallory"}}"#,
        // Beside names of members, and not always there.
        r#"{"id": "zq77", "mallory": 1, "items": [{"trent": "4111-secret", "id": 5}]}"#,
        r#"{"id": "zq77", "trent": 1, "items": [{"mallory": "4111-secret", "id": 5}]}"#,
        r#"{"id": "zq77", "items": [{"zq77": null}, {"mallory": [1]}]}"#,
        // Identifiers of records, which come back.
        r#"{"id": 1, "user_zq77": true}"#,
        // As text, in text, and in no name at all.
        r#""4111-secret""#,
        r#"{"body": "{\"mallory\": \"4111-secret\"}"}"#,
        r#"{"mallory@example.org": 1, "4111-secret": 2}"#,
        r#"["https://zq77.example/mallory", "2026-01-01"]"#,
        // Enumerations and constants.
        r#"[{"state": "zq77"}, {"state": "zq77"}, {"state": "zq77"}]"#,
    ];
    let mut shown = BTreeSet::new();
    for result in results.iter().chain(&results) {
        execute(
            &mut agent,
            &format!("import json\ntools.fake.echo_json(value=json.loads({result:?}))\nNone"),
        );
        shown.insert(signature(&mut agent, "fake.echo_json", "python"));
        let detail = json!({"queries": ["fake.echo_json"], "detail": "full"});
        shown.insert(agent.call("search_tools", detail).0);
    }
    assert!(
        shown.iter().any(|shown| shown.contains("observed ×20")),
        "{shown:#?}"
    );
    let kept: Vec<String> = files(&place)
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].contains("\"results\":20"), "{}", kept[0]);
    let log = agent.close();
    for planted in PLANTED {
        for shown in &shown {
            assert!(!shown.contains(planted), "{shown}");
        }
        assert!(!kept[0].contains(planted), "{}", kept[0]);
        assert!(!log.contains(planted), "{log}");
        assert!(!place.every_file().contains(planted), "{planted}");
    }
}

#[test]
fn hostile_results_are_learned_in_little_room() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let json = |value: &str| format!("import json\ntools.fake.echo_json(value={value})\nNone");
    let results = [
        json("{f'key{n}': n for n in range(10_000)}"),
        json(
            "[[{f'v{n % 40}': [None, 1, 1.5, 'x', True, [1], {'id': n}][n % 7]} for n in range(900)]]",
        ),
        json("json.loads('{\"a\":[' * 25 + '1' + ']}' * 25)"),
        json("{'a\\u0007\\n\\u202e': 1, '': {}, '\\u0000': []}"),
        json(
            "{f'm{a}': {f'm{b}': {f'm{c}': 1 for c in range(20)} for b in range(20)} for a in range(20)}",
        ),
    ];
    for program in &results {
        execute(&mut agent, program);
        signature(&mut agent, "fake.echo_json", "python");
    }
    // A result of 10 MB, of which the beginning is looked at, and one that looks like JSON and is none.
    execute(
        &mut agent,
        "len(tools.fake.big_json(records=100_000)['records'])",
    );
    execute(&mut agent, "tools.fake.echo(text='{\"id\": 1')\nNone");
    assert_eq!(
        signature(&mut agent, "fake.big_json", "python"),
        "tools.fake.big_json(records: int) -> {records: [{id: int, name: str, city: str, amount: int, active: bool}], ...} observed ×1"
    );
    assert_eq!(
        signature(&mut agent, "fake.echo", "python"),
        "tools.fake.echo(text: str) -> str observed ×1"
    );
    let learned = signature(&mut agent, "fake.echo_json", "python");
    assert!(
        learned.ends_with(" observed ×5") && learned.len() < 500,
        "{learned}"
    );
    let kept = std::fs::read(&files(&place)[0]).unwrap();
    assert!(kept.len() < 100_000, "{} bytes", kept.len());
    assert_eq!(
        String::from_utf8(kept)
            .unwrap()
            .matches(char::is_control)
            .count(),
        0
    );
}

#[test]
fn a_tool_is_learned_from_20_results_and_no_more() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let many = |calls: usize, value: &str| {
        format!("for n in range({calls}):\n    tools.fake.echo_json(value={value})\nNone")
    };
    execute(&mut agent, &many(25, "{'id': n}"));
    let learned = "tools.fake.echo_json(value: any) -> {id: int} observed ×20";
    assert_eq!(signature(&mut agent, "fake.echo_json", "python"), learned);
    let kept = std::fs::read(&files(&place)[0]).unwrap();
    execute(&mut agent, &many(1, "{'name': 'x'}"));
    assert_eq!(signature(&mut agent, "fake.echo_json", "python"), learned);
    agent.close();
    assert_eq!(std::fs::read(&files(&place)[0]).unwrap(), kept);
    // Not by the next gateway either; and of large results there are fewer.
    let mut agent = self::agent(&place);
    execute(&mut agent, &many(1, "{'name': 'x'}"));
    assert_eq!(signature(&mut agent, "fake.echo_json", "python"), learned);
    execute(
        &mut agent,
        "for n in range(9):\n    tools.fake.big(bytes=1_000_000)\nNone",
    );
    assert_eq!(
        signature(&mut agent, "fake.big", "python"),
        "tools.fake.big(bytes: int) -> str observed ×8"
    );
}

#[test]
fn gateways_learn_together_and_forget_together() {
    let place = Place::with_fake();
    let (mut one, mut other) = (agent(&place), agent(&place));
    let call = |agent: &mut Agent, value: &str| {
        execute(agent, &format!("tools.fake.echo_json(value={value})\nNone"));
    };
    call(&mut one, "{'id': 1, 'name': 'a'}");
    call(&mut other, "{'id': None, 'title': 'b'}");
    signature(&mut one, "fake.echo_json", "python");
    signature(&mut other, "fake.echo_json", "python");
    let both =
        "tools.fake.echo_json(value: any) -> {id: int?, name?: str, title?: str} observed ×2";
    for agent in [&mut one, &mut other] {
        assert_eq!(signature(agent, "fake.echo_json", "python"), both);
    }
    call(&mut one, "{'id': 1, 'name': 'a'}");
    execute(&mut one, "tools.fake.echo(text='a')");
    assert_eq!(
        signature(&mut one, "fake.echo_json", "python"),
        both.replace("×2", "×3")
    );

    let forget = |arguments: &[&str]| {
        let output = place.output(&[&["forget"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        forget(&["fake.nothing"]),
        "nothing was learned of fake.nothing\n"
    );
    assert_eq!(
        forget(&["tools.fake.echoJson"]),
        "forgot what results of fake.echo_json are like (observed ×3)\n"
    );
    for agent in [&mut one, &mut other] {
        assert_eq!(
            signature(agent, "fake.echo_json", "python"),
            "tools.fake.echo_json(value: any)"
        );
        assert_eq!(
            signature(agent, "fake.echo", "python"),
            "tools.fake.echo(text: str) -> str observed ×1"
        );
    }
    // What was learned before does not come back with what is learned anew.
    call(&mut other, "{'id': 1}");
    assert_eq!(
        signature(&mut other, "fake.echo_json", "python"),
        "tools.fake.echo_json(value: any) -> {id: int} observed ×1"
    );
    let forgotten: Value = serde_json::from_str(&forget(&["fake", "--json"])).unwrap();
    assert_eq!(
        forgotten,
        json!({"results": [
            {"server": "fake", "tool": "echo", "results": 1},
            {"server": "fake", "tool": "echo_json", "results": 1},
        ]})
    );
    assert_eq!(files(&place), Vec::<PathBuf>::new());
    assert_eq!(forget(&[]), "nothing was learned yet\n");
    for agent in [&mut one, &mut other] {
        assert_eq!(
            signature(agent, "fake.echo", "python"),
            "tools.fake.echo(text: str)"
        );
    }
}

#[test]
fn what_was_forgotten_stays_so_when_another_gateway_has_learned_since() {
    let place = Place::with_fake();
    let (mut one, mut other) = (agent(&place), agent(&place));
    let call = |agent: &mut Agent, value: &str| {
        execute(agent, &format!("tools.fake.echo_json(value={value})\nNone"));
        signature(agent, "fake.echo_json", "python")
    };
    // A name that few would share is kept once several calls have shown it.
    let mut learned = String::new();
    for number in 0..6 {
        learned = call(&mut one, &format!("{{'id': 1, 'zorkelname': {number}}}"));
    }
    assert!(learned.contains("zorkelname"), "{learned}");
    assert!(place.output(&["forget"]).status.success());
    // The file is there again before the first one looks.
    call(&mut other, "{'id': 1}");
    assert_eq!(files(&place).len(), 1);
    let said = signature(&mut one, "fake.echo_json", "python");
    assert_eq!(
        said,
        "tools.fake.echo_json(value: any) -> {id: int} observed ×1"
    );
    let said = call(&mut one, "{'id': 1}");
    assert!(said.ends_with("{id: int} observed ×2"), "{said}");
    let kept = std::fs::read_to_string(&files(&place)[0]).unwrap();
    assert!(!kept.contains("zorkelname"), "{kept}");
}

#[test]
fn learning_can_be_turned_off() {
    let off = "[results]\nlearn = false\n";
    let place = Place::new(&format!("{off}{}", fake("fake", &[])));
    // A project may not turn it on again.
    place.write("work/toolmill.toml", "[results]\nlearn = true\n");
    let mut agent = agent(&place);
    execute(&mut agent, "tools.fake.echo(text='a')");
    assert_eq!(
        signature(&mut agent, "fake.echo", "python"),
        "tools.fake.echo(text: str)"
    );
    agent.close();
    assert!(!place.path("state/toolmill/observed").exists());

    let place = Place::with_fake();
    place.write("work/toolmill.toml", off);
    let mut agent = self::agent(&place);
    execute(&mut agent, "tools.fake.echo(text='a')");
    assert_eq!(
        signature(&mut agent, "fake.echo", "python"),
        "tools.fake.echo(text: str)"
    );
}

#[test]
fn what_cannot_be_kept_is_a_warning_and_known_while_the_gateway_runs() {
    let place = Place::with_fake();
    std::fs::create_dir_all(place.path("state/toolmill")).unwrap();
    place.write("state/toolmill/observed", "not a folder");
    let mut agent = place.serve_with(&["--log", "warn"]);
    agent.initialize();
    for _ in 0..2 {
        execute(&mut agent, "tools.fake.echo(text='a')");
        signature(&mut agent, "fake.echo", "python");
    }
    assert_eq!(
        signature(&mut agent, "fake.echo", "python"),
        "tools.fake.echo(text: str) -> str observed ×2"
    );
    let log = agent.close();
    assert_eq!(
        log.matches("what results are like cannot be kept").count(),
        1,
        "{log}"
    );
}

#[test]
fn files_of_others_are_left_or_passed_over() {
    let place = Place::with_fake();
    let mut first = agent(&place);
    execute(&mut first, "tools.fake.echo(text='a')");
    first.close();
    let file = &files(&place)[0];
    // Of a later version: nothing is known of it, and it stays.
    let later = r#"{"schema":2,"novel":true}"#;
    std::fs::write(file, later).unwrap();
    let mut agent = agent(&place);
    execute(&mut agent, "tools.fake.echo(text='a')");
    assert_eq!(
        signature(&mut agent, "fake.echo", "python"),
        "tools.fake.echo(text: str) -> str observed ×1"
    );
    agent.close();
    assert_eq!(std::fs::read_to_string(file).unwrap(), later);
    // Damaged: as good as absent.
    std::fs::write(file, "{\"schema\":1,\"tools\":{\"x\":").unwrap();
    let mut agent = self::agent(&place);
    execute(&mut agent, "tools.fake.echo(text='a')");
    agent.close();
    assert!(
        std::fs::read_to_string(file)
            .unwrap()
            .contains("\"results\":1")
    );
}
