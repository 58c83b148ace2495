//! The catalog as the gateway uses it, on small servers made by hand.

mod arguments;
mod observed;
mod search;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use toolmill_catalog::{
    Catalog, Detail, Language, SearchQuery, SearchRequest, Server, Signals, Tool, Validation,
    answer,
};

fn server(name: &str, tools: Value) -> Server {
    let Value::Array(tools) = tools else {
        panic!("tools are listed")
    };
    Server {
        name: name.to_owned(),
        tools: tools
            .iter()
            .map(|tool| to_raw_value(tool).unwrap())
            .collect(),
        title: None,
        description: None,
    }
}

/// A tool that takes what `properties` describe.
fn tool(name: &str, description: &str, properties: Value, required: &[&str]) -> Value {
    json!({
        "name": name,
        "description": description,
        "inputSchema": {"type": "object", "properties": properties, "required": required},
    })
}

fn the_tool(input: Value, output: Option<Value>) -> Arc<Tool> {
    let mut listed = json!({"name": "do_it", "inputSchema": input});
    if let Some(output) = output {
        listed["outputSchema"] = output;
    }
    let catalog = Catalog::new(vec![server("x", json!([listed]))]);
    catalog.tools().next().expect("the tool is usable").clone()
}

fn small_catalog() -> Catalog {
    let text = json!({"type": "string"});
    let mut tracker = server(
        "tracker",
        json!([
            tool(
                "create_issue",
                "Open a new issue in a repository. Labels must exist.",
                json!({
                    "owner": text, "repo": text, "title": text, "body": text,
                    "labels": {"type": "array", "items": text},
                }),
                &["owner", "repo", "title"],
            ),
            tool(
                "get_issue",
                "Show one issue",
                json!({"owner": text, "repo": text, "issue_number": {"type": "integer"}}),
                &["owner", "repo", "issue_number"],
            ),
            tool(
                "delete-branch",
                "Delete a branch",
                json!({"branch": text}),
                &["branch"]
            ),
        ]),
    );
    tracker.tools[2] = to_raw_value(&json!({
        "name": "delete-branch",
        "description": "Delete a branch.\nThere is no way back.",
        "inputSchema": {"type": "object", "properties": {"branch": text}, "required": ["branch"]},
        "annotations": {"destructiveHint": true},
    }))
    .unwrap();
    let files = server(
        "my-files",
        json!([
            {
                "name": "readText",
                "description": "Reads a text file\u{202e} of the\tworkspace",
                "inputSchema": {"type": "object", "properties": {"path": text}, "required": ["path"]},
                "outputSchema": {"type": "object", "properties": {"content": text}, "required": ["content"]},
                "annotations": {"readOnlyHint": true},
            },
            tool("list", "", json!({}), &[]),
        ]),
    );
    Catalog::new(vec![tracker, files])
}

#[test]
fn a_signature_shows_types_in_the_words_of_the_language() {
    let input = json!({
        "type": "object",
        "properties": {
            "labels": {"type": "array", "items": {"type": "string"}},
            "page": {"type": "integer"},
            "ratio": {"type": "number"},
            "state": {"enum": ["open", "closed"]},
            "assignee": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": null},
            "parent": {"type": ["string", "null"]},
            "from": {"type": "string"},
            "start-date": {"type": "string"},
            "dry": {"type": "boolean"},
            "title": {"type": "string"},
        },
        "required": ["title", "parent", "from"],
    });
    let output = json!({
        "type": "object",
        "properties": {
            "number": {"type": "integer"}, "url": {"type": "string"},
            "a": {}, "b": {}, "c": {}, "d": {},
        },
        "required": ["number", "url"],
    });
    let tool = the_tool(input, Some(output));
    insta::assert_snapshot!(tool.signature(Language::Python, None), @r#"tools.x.do_it(parent: str?, "from": str, title: str, labels?: [str], page?: int, ratio?: float, state?: "open"|"closed", +3 optional) -> {number: int, url: str, a?: any, b?: any, +2}"#);
    insta::assert_snapshot!(tool.signature(Language::TypeScript, None), @r#"tools.x.do_it({parent: string|null, from: string, title: string, labels?: [string], page?: number, ratio?: number, state?: "open"|"closed", +3 optional}) -> {number: number, url: string, a?: any, b?: any, +2}"#);
}

#[test]
fn a_signature_draws_each_kind_of_schema() {
    #[track_caller]
    fn check(schema: Value, expected: &str) {
        let tool = the_tool(
            json!({
                "type": "object",
                "properties": {"p": schema},
                "required": ["p"],
                "$defs": {
                    "Point": {
                        "type": "object",
                        "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
                        "required": ["x", "y"],
                    },
                    "Tree": {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
                    "Loop": {"$ref": "#/$defs/Loop"},
                },
            }),
            None,
        );
        let signature = tool.signature(Language::Python, None);
        assert_eq!(signature, format!("tools.x.do_it(p: {expected})"));
    }
    check(json!({}), "any");
    check(json!(true), "any");
    check(json!({"type": "string", "nullable": true}), "str?");
    check(
        json!({"items": [{"type": "number"}, {"type": "string"}], "additionalItems": false}),
        "[float|str]",
    );
    check(
        json!({"prefixItems": [{"type": "number"}], "items": {"type": "null"}}),
        "[float?]",
    );
    check(
        json!({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": false}),
        "{str: int}",
    );
    check(
        json!({"allOf": [{"enum": ["a", "b"]}, {"type": "string"}]}),
        "\"a\"|\"b\"",
    );
    check(
        json!({"$ref": "#/$defs/Point", "required": ["y"], "properties": {"z": {"type": "integer"}}}),
        "{x: float, y: float, z?: int}",
    );
    check(
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]}),
        "{a?: str}",
    );
    check(json!({"type": "string", "format": "uuid"}), "str");
    check(json!({"type": "array"}), "[any]");
    check(json!({"type": "object"}), "dict");
    check(
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        "{str: int}",
    );
    check(json!({"const": "page"}), r#""page""#);
    check(json!({"enum": ["a", null]}), r#""a"?"#);
    check(json!({"enum": [1, true]}), "1|True");
    check(json!({"enum": ["a", "b", "c", "d", "e", "f", "g"]}), "str");
    check(json!({"type": ["boolean", "string"]}), "bool|str");
    check(
        json!({"type": ["boolean", "string", "null"]}),
        "bool|str|None",
    );
    check(
        json!({"oneOf": [{"$ref": "#/$defs/Point"}, {"type": "string"}]}),
        "{x: float, y: float}|str",
    );
    check(
        json!({"allOf": [{"$ref": "#/$defs/Point"}, {"properties": {"z": {}}}]}),
        "{x: float, y: float, z?: any}",
    );
    check(json!({"anyOf": [{"type": "string"}, {}]}), "any");
    check(json!({"$ref": "#/$defs/Tree"}), "{children?: [dict]}");
    check(json!({"$ref": "#/$defs/Loop"}), "any");
    check(json!({"$ref": "https://example.org/schema"}), "any");
    check(json!({"$ref": 7}), "any");
    check(json!({"enum": ["\u{202e}evil"]}), "str");
    check(
        json!({"type": "nonsense", "properties": 3, "required": "x"}),
        "any",
    );
}

#[test]
fn a_signature_leaves_out_what_would_make_it_long() {
    let optional = |count: usize, length: usize| {
        let names = (0..count).map(|at| format!("{}{at}", "p".repeat(length)));
        let properties: serde_json::Map<_, _> = names
            .map(|name| (name, json!({"type": "string"})))
            .collect();
        the_tool(json!({"type": "object", "properties": properties}), None)
            .signature(Language::Python, None)
    };
    insta::assert_snapshot!(optional(5, 1), @"tools.x.do_it(p0?: str, p1?: str, p2?: str, p3?: str, p4?: str)");
    insta::assert_snapshot!(optional(7, 1), @"tools.x.do_it(p0?: str, p1?: str, p2?: str, p3?: str, +3 optional)");
    insta::assert_snapshot!(optional(9, 30), @"tools.x.do_it(pppppppppppppppppppppppppppppp0?: str, pppppppppppppppppppppppppppppp1?: str, pppppppppppppppppppppppppppppp2?: str, pppppppppppppppppppppppppppppp3?: str, +5 optional)");
    insta::assert_snapshot!(the_tool(json!({"type": "object"}), None).signature(Language::Python, None), @"tools.x.do_it(...)");
    insta::assert_snapshot!(
        the_tool(json!({"properties": {"a": {}}, "additionalProperties": true}), None).signature(Language::TypeScript, None),
        @"tools.x.do_it({a?: any, ...})"
    );
    let wrapped =
        json!({"properties": {"result": {"type": "array", "items": {"type": "integer"}}}});
    insta::assert_snapshot!(
        the_tool(json!({"type": "object", "properties": {}}), Some(wrapped)).signature(Language::Python, None),
        @"tools.x.do_it() -> [int]"
    );
}

#[test]
fn summaries_are_one_plain_sentence_and_effects_are_named() {
    let catalog = small_catalog();
    let summaries: Vec<String> = catalog
        .tools()
        .map(|tool| {
            format!(
                "{} | {} | {:?}",
                tool.path(),
                tool.summary(),
                tool.effects()
            )
        })
        .collect();
    insta::assert_snapshot!(summaries.join("\n"), @r#"
    my_files.list |  | Some("WRITES")
    my_files.readText | Reads a text file of the workspace | None
    tracker.create_issue | Open a new issue in a repository. | Some("WRITES")
    tracker.delete_branch | Delete a branch. | Some("DESTROYS")
    tracker.get_issue | Show one issue | Some("WRITES")
    "#);
}

#[test]
fn paths_resolve_as_programs_write_them() {
    let catalog = small_catalog();
    #[track_caller]
    fn check(catalog: &Catalog, written: &str, expected: &str) {
        let found = match catalog.resolve(written) {
            Ok(tool) => tool.path().to_owned(),
            Err(unknown) => unknown.message(),
        };
        assert_eq!(found, expected);
    }
    for written in [
        "tracker.delete_branch",
        "tools.tracker.delete_branch",
        "tracker.delete-branch",
        "tracker.deleteBranch",
        " Tracker.DeleteBranch ",
    ] {
        check(&catalog, written, "tracker.delete_branch");
    }
    check(&catalog, "my-files.readText", "my_files.readText");
    check(&catalog, "myFiles.read_text", "my_files.readText");
    check(
        &catalog,
        "tracker.make_issue",
        r#"no tool "tracker.make_issue"; nearest: tools.tracker.create_issue, tools.tracker.get_issue"#,
    );
    check(
        &catalog,
        "tools.trakcer.get_issue",
        r#"no tool "trakcer.get_issue"; nearest: tools.tracker.get_issue, tools.tracker.create_issue; servers: my_files, tracker"#,
    );
    check(
        &catalog,
        "create_issue",
        r#"no tool "create_issue"; nearest: tools.tracker.create_issue, tools.tracker.get_issue; servers: my_files, tracker"#,
    );
    check(&catalog, "", r#"no tool ""; servers: my_files, tracker"#);
    check(
        &Catalog::new(Vec::new()),
        "a.b",
        r#"no tool "a.b"; no server has tools"#,
    );
}

#[test]
fn an_unknown_path_means_a_tool_only_when_no_other_is_as_near() {
    let catalog = small_catalog();
    #[track_caller]
    fn check(catalog: &Catalog, written: &str, expected: Option<&str>) {
        let unknown = catalog.resolve(written).unwrap_err();
        assert_eq!(catalog.meant(&unknown).map(|tool| tool.path()), expected);
    }
    check(&catalog, "trakcer.get_issue", Some("tracker.get_issue"));
    check(&catalog, "tracker.get_isue", Some("tracker.get_issue"));
    check(
        &catalog,
        "tracker.issue_create",
        Some("tracker.create_issue"),
    );
    check(
        &catalog,
        "my_files.delete_branch",
        Some("tracker.delete_branch"),
    );
    check(&catalog, "create_issue", Some("tracker.create_issue"));
    check(
        &catalog,
        "tracker_create_issue",
        Some("tracker.create_issue"),
    );
    check(&catalog, "tracker.readText", Some("my_files.readText"));
    let tools =
        json!([{"name": "git_log", "inputSchema": {}}, {"name": "git_status", "inputSchema": {}}]);
    check(
        &Catalog::new(vec![server("git", tools)]),
        "git.log",
        Some("git.git_log"),
    );
    // Near enough to be named, not to be written in its place.
    check(&catalog, "tracker.make_issue", None);
    check(&catalog, "tracker.close_issue", None);
    check(&catalog, "", None);
    let two =
        ["a", "b"].map(|name| server(name, json!([{"name": "get_issue", "inputSchema": {}}])));
    check(&Catalog::new(two.into()), "c.get_isue", None);
}

#[test]
fn a_path_that_could_mean_two_tools_names_both() {
    let input = json!({"type": "object"});
    let tools = ["a-b", "a.b", "aB"].map(|name| json!({"name": name, "inputSchema": input}));
    let catalog = Catalog::new(vec![server("s", json!(tools))]);
    assert_eq!(catalog.resolve("s.a-b").unwrap().name(), "a-b");
    assert_eq!(catalog.resolve("s.a.b").unwrap().name(), "a.b");
    assert_eq!(catalog.resolve("s.aB").unwrap().name(), "aB");
    insta::assert_snapshot!(catalog.resolve("s.a_b").unwrap_err(), @r#""s.a_b" could be any of: tools.s.aB, tools.s.a_b_37c255, tools.s.a_b_498a3f"#);
}

#[track_caller]
fn bound(tool: &Tool, positional: &[&str], named: &[(&str, &str)], language: Language) -> String {
    let raw = |json: &str| RawValue::from_string(json.to_owned()).expect("the test writes JSON");
    let positional: Vec<Box<RawValue>> = positional.iter().map(|json| raw(json)).collect();
    let named: Vec<(String, Box<RawValue>)> = named
        .iter()
        .map(|(name, json)| (name.to_string(), raw(json)))
        .collect();
    let positional: Vec<&RawValue> = positional.iter().map(|value| &**value).collect();
    let named: Vec<(String, &RawValue)> = named
        .iter()
        .map(|(name, value)| (name.clone(), &**value))
        .collect();
    match tool.bind(&positional, &named, Validation::Error, language) {
        Ok(arguments) => arguments.json.get().to_owned(),
        Err(error) => {
            let fix = error
                .fix
                .map(|fix| format!("\nfix: {fix}"))
                .unwrap_or_default();
            format!("{}: {}{fix}", error.code.as_str(), error.message)
        }
    }
}

#[test]
fn a_fix_is_the_call_that_was_meant() {
    let text = json!({"type": "string"});
    let observation = json!({"type": "object", "required": ["entityName", "contents"], "properties": {
        "entityName": text, "contents": {"type": "array", "items": text}}});
    let object = |required: &[&str], properties: serde_json::Value| json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false});
    let catalog = Catalog::new(vec![server(
        "s",
        json!([
            {"name": "observe", "inputSchema": object(&["observations"], json!({
                "observations": {"type": "array", "items": observation}}))},
            {"name": "mail", "inputSchema": object(&["to", "subject", "body"], json!({
                "to": text, "subject": text, "body": text, "cc": {"type": "array", "items": text}}))},
            {"name": "convert", "inputSchema": object(&["source_timezone", "time", "target_timezone"], json!({
                "source_timezone": text, "time": text, "target_timezone": text}))},
            {"name": "log", "inputSchema": object(&["repo_path"], json!({
                "repo_path": text, "max_count": {"type": "integer"}, "since": text, "until": text,
                "page": {"type": ["boolean", "null"]}}))},
            {"name": "move", "inputSchema": object(&["source", "destination"], json!({
                "source": text, "destination": text}))},
        ]),
    )]);
    #[track_caller]
    fn check(
        catalog: &Catalog,
        tool: &str,
        positional: &[&str],
        named: &[(&str, &str)],
        expected: &str,
    ) {
        let tool = catalog.resolve(&format!("s.{tool}")).unwrap();
        let found = bound(tool, positional, named, Language::Python);
        let fix = found.lines().find_map(|line| line.strip_prefix("fix: "));
        assert_eq!(fix.unwrap_or(&found), expected, "{found}");
    }
    let all = r#"{"to":"a","subject":"b","body":"c"}"#;
    // The only name left is meant for the only parameter left.
    check(
        &catalog,
        "mail",
        &[],
        &[("to", r#""a""#), ("subject", r#""b""#), ("text", r#""c""#)],
        r#"tools.s.mail(to="a", subject="b", body="c")"#,
    );
    check(
        &catalog,
        "convert",
        &[],
        &[
            ("source_tz", r#""a""#),
            ("time", r#""b""#),
            ("target_tz", r#""c""#),
        ],
        r#"tools.s.convert(source_timezone="a", time="b", target_timezone="c")"#,
    );
    check(
        &catalog,
        "mail",
        &[],
        &[("arguments", all)],
        r#"tools.s.mail(to="a", subject="b", body="c")"#,
    );
    check(
        &catalog,
        "mail",
        &[&serde_json::to_string(all).unwrap()],
        &[],
        r#"tools.s.mail(to="a", subject="b", body="c")"#,
    );
    check(
        &catalog,
        "move",
        &[],
        &[("to", r#""b""#), ("from", r#""a""#)],
        r#"tools.s.move(destination="b", source="a")"#,
    );
    // What means nothing is left out once nothing is missing.
    check(
        &catalog,
        "log",
        &[],
        &[("repo_path", r#""a""#), ("short", "false")],
        r#"tools.s.log(repo_path="a")"#,
    );
    check(
        &catalog,
        "mail",
        &[],
        &[("to", r#""a""#), ("urgent", "true")],
        "unknown_parameter: mail has no parameter \"urgent\"",
    );
    // By position: what is required in order, then what only one parameter accepts.
    check(
        &catalog,
        "log",
        &[r#""a""#, "5"],
        &[],
        r#"tools.s.log(repo_path="a", max_count=5)"#,
    );
    check(
        &catalog,
        "log",
        &[r#""a""#, r#""b""#],
        &[],
        "ambiguous_argument: log takes its arguments by name",
    );
    // Nothing for what need not be there is left out, but for what may be null.
    check(
        &catalog,
        "log",
        &[],
        &[
            ("repo_path", r#""a""#),
            ("max_count", "null"),
            ("page", "null"),
        ],
        r#"{"repo_path":"a","page":null}"#,
    );
    check(
        &catalog,
        "mail",
        &[],
        &[("to", "null"), ("subject", r#""b""#), ("body", r#""c""#)],
        "invalid_argument: to: must be a string, is null",
    );
    let observed = r#"tools.s.observe(observations=[{"entityName": "a", "contents": ["b"]}])"#;
    for observations in [
        r#"{"entityName":"a","contents":["b"]}"#,
        r#"[{"entity_name":"a","contents":["b"]}]"#,
        r#"[{"entityName":"a","observations":["b"]}]"#,
        r#"[{"entityName":"a","contents":"b"}]"#,
        r#"[{"entity_name":"a","CONTENTS":["b"]}]"#,
        r#""[{\"entityName\":\"a\",\"contents\":[\"b\"]}]""#,
    ] {
        check(
            &catalog,
            "observe",
            &[],
            &[("observations", observations)],
            observed,
        );
    }
    check(
        &catalog,
        "observe",
        &[],
        &[("entityName", r#""a""#), ("contents", r#"["b"]"#)],
        observed,
    );
    check(
        &catalog,
        "observe",
        &[],
        &[("entity", r#""a""#), ("text", r#"["b"]"#)],
        "unknown_parameter: observe has no parameter \"entity\"",
    );
}

#[test]
fn arguments_are_bound_when_they_can_mean_one_thing() {
    let catalog = small_catalog();
    let check = |path: &str, positional: &[&str], named: &[(&str, &str)], expected: &str| {
        let tool = catalog.resolve(path).unwrap();
        assert_eq!(bound(tool, positional, named, Language::Python), expected);
    };
    // Numbers keep their digits, parameters the order in which they were written.
    check(
        "tracker.get_issue",
        &[],
        &[
            ("issueNumber", "12345678901234567890.00"),
            ("repo", r#""r""#),
            ("owner", r#""o""#),
        ],
        r#"{"issue_number":12345678901234567890,"repo":"r","owner":"o"}"#,
    );
    check(
        "tracker.get_issue",
        &[r#"{"owner":"o","repo":"r","issue-number":1}"#],
        &[],
        r#"{"owner":"o","repo":"r","issue_number":1}"#,
    );
    check(
        "tracker.get_issue",
        &[r#"{"owner":"o","repo":"r"}"#],
        &[("issue_number", "1")],
        r#"{"owner":"o","repo":"r","issue_number":1}"#,
    );
    check(
        "tracker.delete_branch",
        &[r#""main""#],
        &[],
        r#"{"branch":"main"}"#,
    );
    check("my_files.list", &["{}"], &[], "{}");
    check("my_files.list", &[], &[], "{}");
}

#[test]
fn arguments_that_cannot_be_bound_say_what_to_write() {
    let catalog = small_catalog();
    let check = |path: &str, positional: &[&str], named: &[(&str, &str)]| {
        let tool = catalog.resolve(path).unwrap();
        bound(tool, positional, named, Language::Python)
    };
    let (owner, repo) = (("owner", r#""o""#), ("repo", r#""r""#));
    insta::assert_snapshot!(check("tracker.get_issue", &[], &[owner, repo, ("number", "17")]), @r#"
    unknown_parameter: get_issue has no parameter "number"; did you mean "issue_number"?
    fix: tools.tracker.get_issue(owner="o", repo="r", issue_number=17)
    "#);
    insta::assert_snapshot!(check("tracker.get_issue", &[], &[owner, repo, ("colour", "17")]), @r#"
    unknown_parameter: get_issue has no parameter "colour"; did you mean "issue_number"?
    fix: tools.tracker.get_issue(owner="o", repo="r", issue_number=17)
    "#);
    // The fix would not run without the repository, so there is none.
    insta::assert_snapshot!(check("tracker.get_issue", &[], &[owner, ("number", "17")]), @r#"unknown_parameter: get_issue has no parameter "number"; did you mean "issue_number"?"#);
    insta::assert_snapshot!(check("tracker.get_issue", &[], &[owner]), @r#"missing_argument: get_issue needs "repo" and "issue_number""#);
    insta::assert_snapshot!(check("tracker.get_issue", &[r#""o""#, r#""r""#, "17"], &[]), @r#"
    ambiguous_argument: get_issue takes its arguments by name
    fix: tools.tracker.get_issue(owner="o", repo="r", issue_number=17)
    "#);
    insta::assert_snapshot!(check("tracker.get_issue", &[r#""o""#], &[]), @"ambiguous_argument: get_issue takes its arguments by name");
    insta::assert_snapshot!(check("tracker.get_issue", &["17"], &[owner, repo]), @r#"
    ambiguous_argument: get_issue takes its arguments by name
    fix: tools.tracker.get_issue(issue_number=17, owner="o", repo="r")
    "#);
    insta::assert_snapshot!(check("tracker.delete_branch", &[r#"{"brunch":"main"}"#], &[]), @r#"
    unknown_parameter: delete_branch has no parameter "brunch"; did you mean "branch"?
    fix: tools.tracker.delete_branch(branch="main")
    "#);
    insta::assert_snapshot!(check("tracker.delete_branch", &[r#""a""#], &[("branch", r#""b""#)]), @"ambiguous_argument: delete_branch takes its arguments by name");
    insta::assert_snapshot!(check("tracker.delete_branch", &[], &[("branch", "1"), ("Branch", "2")]), @r#"invalid_argument: delete_branch was given "branch" twice"#);
    insta::assert_snapshot!(check("my_files.list", &["1"], &[]), @r#"
    invalid_argument: list takes no arguments
    fix: tools.my_files.list()
    "#);
    insta::assert_snapshot!(check("my_files.list", &[], &[("path", "1")]), @r#"unknown_parameter: list has no parameter "path""#);
}

#[test]
fn a_fix_is_written_in_the_language_of_the_program() {
    let tool = the_tool(
        json!({"properties": {"from": {}, "max-results": {}, "options": {}}, "additionalProperties": false}),
        None,
    );
    let check = |language: Language, options: &str| {
        let named = [
            ("from_", r#""a\u0000\ud83d\ude00""#),
            ("max_result", "12345678901234567890"),
            ("options", options),
        ];
        bound(&tool, &[], &named, language)
    };
    insta::assert_snapshot!(check(Language::Python, r#"{"deep":[true, null],"n":1.50}"#), @r#"
    unknown_parameter: do_it has no parameter "max_result"; did you mean "max-results"?
    fix: tools.x.do_it(options={"deep": [True, None], "n": 1.50}, **{"from": "a\u0000😀", "max-results": 12345678901234567890})
    "#);
    insta::assert_snapshot!(check(Language::TypeScript, r#"{"deep":[true, null],"n":1.50}"#), @r#"
    unknown_parameter: do_it has no parameter "max_result"; did you mean "max-results"?
    fix: tools.x.do_it({from: "a\u0000😀", "max-results": 12345678901234567890n, options: {"deep": [true, null], "n": 1.50}})
    "#);
    // A value too long to be read again, and one that would not read as it runs.
    insta::assert_snapshot!(check(Language::Python, &format!("[{}1]", "1,".repeat(150))), @r#"unknown_parameter: do_it has no parameter "max_result"; did you mean "max-results"?"#);
    insta::assert_snapshot!(check(Language::Python, "\"\u{202e}\""), @r#"unknown_parameter: do_it has no parameter "max_result"; did you mean "max-results"?"#);
}

#[test]
fn an_object_is_all_arguments_or_one_of_them() {
    let closed =
        json!({"properties": {"filter": {"type": "object"}, "limit": {}}, "required": ["filter"]});
    let open = json!({"type": "object"});
    #[track_caller]
    fn check(schema: &Value, value: &str, expected: &str) {
        let tool = the_tool(schema.clone(), None);
        assert_eq!(bound(&tool, &[value], &[], Language::TypeScript), expected);
    }
    check(
        &closed,
        r#"{"filter":{},"limit":1}"#,
        r#"{"filter":{},"limit":1}"#,
    );
    check(
        &closed,
        r#"{"status":"new"}"#,
        r#"{"filter":{"status":"new"}}"#,
    );
    check(&closed, "{}", r#"{"filter":{}}"#);
    check(
        &closed,
        r#"{"limit":1}"#,
        r#"missing_argument: do_it needs "filter""#,
    );
    check(
        &closed,
        r#"{"filter":{},"limits":1}"#,
        "unknown_parameter: do_it has no parameter \"limits\"; did you mean \"limit\"?\nfix: tools.x.do_it({filter: {}, limit: 1})",
    );
    check(&open, r#"{"anything":1}"#, r#"{"anything":1}"#);
    check(
        &open,
        "1",
        "ambiguous_argument: do_it takes its arguments by name",
    );
}

#[test]
fn two_parameters_of_one_meaning_are_both_named() {
    let tool = the_tool(json!({"properties": {"user_id": {}, "userId": {}}}), None);
    assert_eq!(
        bound(&tool, &[], &[("userId", "1")], Language::Python),
        r#"{"userId":1}"#
    );
    insta::assert_snapshot!(bound(&tool, &[], &[("user-id", "1")], Language::Python), @r#"ambiguous_argument: do_it has no parameter "user-id"; it could be "user_id" or "userId""#);
}

#[test]
fn search_answers_as_the_surface_says() {
    let catalog = small_catalog();
    let unavailable = [(
        "chat".to_owned(),
        "login needed: toolmill login chat".to_owned(),
    )];
    let ask = |queries: &[&str], request: SearchRequest| {
        let queries = queries.iter().map(|text| text.to_string()).collect();
        answer(
            &catalog,
            &SearchRequest { queries, ..request },
            Signals::default(),
            &unavailable,
        )
        .text
    };
    let plain = SearchRequest::default;
    insta::assert_snapshot!(ask(&[], plain()), @r#"
    5 tools on 2 servers: tracker 3, my_files 2
    not available: chat (login needed: toolmill login chat)
    "#);
    insta::assert_snapshot!(ask(&["open an issue"], plain()), @r#"
    2 of 2 matches, 5 tools on 2 servers
    tools.tracker.create_issue(owner: str, repo: str, title: str, body?: str, labels?: [str])
      Open a new issue in a repository. WRITES
    tools.tracker.get_issue(owner: str, repo: str, issue_number: int)
      Show one issue WRITES
    not searched: chat (login needed: toolmill login chat)
    "#);
    insta::assert_snapshot!(ask(&["reading files", "create issue", "issue labels", "lsit"], SearchRequest { limit: 2, ..plain() }), @r#"
    "reading files": 2 of 3 matches, 5 tools on 2 servers
    tools.my_files.readText(path: str) -> {content: str}
      Reads a text file of the workspace
    tools.my_files.list()
      WRITES
    "create issue": 2 of 2 matches
    tools.tracker.create_issue(owner: str, repo: str, title: str, body?: str, labels?: [str])
      Open a new issue in a repository. WRITES
    tools.tracker.get_issue(owner: str, repo: str, issue_number: int)
      Show one issue WRITES
    "issue labels": 2 of 2 matches
    tools.tracker.create_issue (above)
    tools.tracker.get_issue (above)
    "lsit": 1 of 1 match ("lsit" read as "list")
    tools.my_files.list (above)
    not searched: chat (login needed: toolmill login chat)
    "#);
    insta::assert_snapshot!(ask(&["issue"], SearchRequest { limit: 1, offset: 1, detail: Detail::Name, ..plain() }), @r#"
    2-2 of 2 matches, 5 tools on 2 servers
    tools.tracker.create_issue
    not searched: chat (login needed: toolmill login chat)
    "#);
    insta::assert_snapshot!(ask(&["read"], SearchRequest { detail: Detail::Full, language: Language::TypeScript, ..plain() }), @r#"
    2 of 2 matches, 5 tools on 2 servers
    tools.my_files.readText({path: string}) -> {content: string}
      Reads a text file of the workspace
      input: {"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}
      output: {"type":"object","properties":{"content":{"type":"string"}},"required":["content"]}
      score: 3.06 = name "read" 1.67 + first sentence "read" 0.88 + server 0.51
    tools.tracker.get_issue({owner: string, repo: string, issue_number: number})
      Show one issue WRITES
      input: {"type":"object","properties":{"owner":{"type":"string"},"repo":{"type":"string"},"issue_number":{"type":"integer"}},"required":["owner","repo","issue_number"]}
      score: 0.56 = name "read" as "get" 0.47 + server 0.09
    not searched: chat (login needed: toolmill login chat)
    "#);
    insta::assert_snapshot!(ask(&["issue"], SearchRequest { server: Some("myFiles".to_owned()), ..plain() }), @r#"
    0 matches, 2 tools on my_files; nearest names: tools.tracker.get_issue, tools.tracker.create_issue
    not searched: chat (login needed: toolmill login chat)
    "#);
    insta::assert_snapshot!(ask(&[], SearchRequest { server: Some("my-files".to_owned()), ..plain() }), @r#"
    2 tools on my_files: tools.my_files.list, tools.my_files.readText
    not available: chat (login needed: toolmill login chat)
    "#);
    insta::assert_snapshot!(ask(&["issue"], SearchRequest { server: Some("mail".to_owned()), ..plain() }), @r#"
    no server "mail"; 5 tools on 2 servers: tracker 3, my_files 2
    not available: chat (login needed: toolmill login chat)
    "#);
    insta::assert_snapshot!(answer(&Catalog::new(Vec::new()), &plain(), Signals::default(), &[]).text, @"0 tools on 0 servers");
}

#[test]
fn search_ranks_names_first_and_is_stable() {
    let catalog = small_catalog();
    #[track_caller]
    fn check(catalog: &Catalog, text: &str, expected: &[&str]) {
        let query = SearchQuery {
            limit: 2,
            ..SearchQuery::new(text)
        };
        let result = catalog.search(&query);
        let found: Vec<&str> = result.hits.iter().map(|hit| hit.tool.path()).collect();
        assert_eq!(found, expected, "{text}");
    }
    check(
        &catalog,
        "get issue",
        &["tracker.get_issue", "tracker.create_issue"],
    );
    check(
        &catalog,
        "tools.tracker.create_issue",
        &["tracker.create_issue", "tracker.get_issue"],
    );
    check(&catalog, "list", &["my_files.list"]);
    check(
        &catalog,
        "the branches that were deleted",
        &["tracker.delete_branch"],
    );
    check(&catalog, "ＤÉLETE", &["tracker.delete_branch"]);
    check(&catalog, "", &[]);
    check(&catalog, "of the", &["my_files.readText"]);
}

#[test]
fn the_inventory_counts_what_does_not_fit() {
    let servers = (1..=4).map(|count| {
        let tools: Vec<Value> = (0..count)
            .map(|at| json!({"name": format!("t{at}"), "inputSchema": {}}))
            .collect();
        server(&format!("server{count}"), json!(tools))
    });
    let catalog = Catalog::new(servers.collect());
    assert_eq!(
        catalog.inventory(100),
        "server4 4, server3 3, server2 2, server1 1"
    );
    assert_eq!(catalog.inventory(32), "server4 4, server3 3, …+2");
    assert_eq!(catalog.inventory(0), "…+4");
}

#[test]
fn unusable_tools_are_left_out_and_reported() {
    let catalog = Catalog::new(vec![server(
        "s",
        json!([
            {"name": "ok", "inputSchema": {}, "description": 7, "annotations": "odd", "outputSchema": []},
            {"name": "ok", "inputSchema": {"type": "object"}},
            {"inputSchema": {}},
            {"name": "", "inputSchema": {}},
            {"name": "no\nschema"},
            {"name": "wrong", "inputSchema": []},
            "text",
            {"name": "long".repeat(100), "inputSchema": {}},
        ]),
    )]);
    assert_eq!(catalog.len(), 1);
    let reasons: Vec<&str> = catalog.rejected().map(|(_, reason)| reason).collect();
    insta::assert_snapshot!(reasons.join("\n"), @r#"
    tool "ok" is listed twice
    a listed tool has no name
    a listed tool has no name
    tool "no schema" has no inputSchema object
    tool "wrong" has no inputSchema object
    a listed tool is not an object
    the name of tool "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong…" exceeds 256 bytes
    "#);
}

#[test]
fn a_replaced_server_leaves_the_others_shared() {
    let before = small_catalog();
    let after = before.replace(server(
        "my-files",
        json!([tool("write", "", json!({}), &[])]),
    ));
    let paths: Vec<&str> = after.tools().map(|tool| tool.path()).collect();
    insta::assert_snapshot!(paths.join(" "), @"my_files.write tracker.create_issue tracker.delete_branch tracker.get_issue");
    let (old, new) = (
        before.resolve("tracker.get_issue"),
        after.resolve("tracker.get_issue"),
    );
    assert!(Arc::ptr_eq(old.unwrap(), new.unwrap()));
    // A server that maps to the same identifier moves both, back again when it goes.
    let crowded = after.replace(server(
        "my.files",
        json!([tool("write", "", json!({}), &[])]),
    ));
    let identifiers: Vec<&str> = crowded
        .servers()
        .map(|server| server.identifier())
        .collect();
    insta::assert_snapshot!(identifiers.join(" "), @"my_files_3bc705 my_files_a8cd2a tracker");
    assert_eq!(
        crowded.resolve("my-files.write").unwrap().server(),
        "my-files"
    );
    assert_eq!(
        crowded.resolve("my.files.write").unwrap().server(),
        "my.files"
    );
}

/// A small generator of what a hostile server might list; the same on every run.
struct Hostile(u64);

impl Hostile {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn name(&mut self) -> String {
        const PIECES: [&str; 24] = [
            "a", "B", "_", "-", ".", "__", "\"", "\n", "\u{202e}", "class", "raw", "then", "é",
            "搜", "索", "🦀", "0", " ", "]", "#", "\\", "tools", "\0", "ﬁ",
        ];
        (0..1 + self.below(4))
            .map(|_| PIECES[self.below(PIECES.len())])
            .collect()
    }

    fn schema(&mut self, depth: usize) -> Value {
        if depth == 0 {
            return [
                json!({"$ref": "#"}),
                json!({}),
                json!(null),
                json!({"type": "string"}),
            ][self.below(4)]
            .clone();
        }
        let (name, other) = (self.name(), self.name());
        match self.below(7) {
            0 => {
                json!({"properties": {name: self.schema(depth - 1), other: self.schema(depth - 1)}})
            }
            1 => json!({"allOf": [{"$ref": "#"}, self.schema(depth - 1), {"$ref": "#"}]}),
            2 => json!({"anyOf": [{"$ref": "#"}, self.schema(depth - 1), {"$ref": "#"}]}),
            3 => json!({"items": self.schema(depth - 1), "type": ["array", "null"]}),
            4 => json!({"enum": [name, null, 1, {}], "required": [other, 3]}),
            5 => json!({"additionalProperties": self.schema(depth - 1), "type": "object"}),
            _ => {
                json!({"type": "object", "properties": {name: {"$ref": "#"}}, "required": [other]})
            }
        }
    }
}

/// What is shown when arguments that suit hardly any tool are bound.
fn refusal(tool: &Tool) -> String {
    let value = to_raw_value(&json!({"a": 1})).unwrap();
    let (named, positional) = ([("A".to_owned(), &*value)], [&*value]);
    tool.bind(&positional, &named, Validation::Error, Language::Python)
        .map_or_else(
            |error| [error.message, error.fix.unwrap_or_default()].concat(),
            |_| String::new(),
        )
}

#[test]
fn distinct_names_have_distinct_paths_in_any_order() {
    let mut hostile = Hostile(1);
    for _ in 0..20 {
        let servers: HashSet<String> = (0..6).map(|_| hostile.name()).collect();
        let pairs: Vec<(String, Vec<String>)> = servers
            .into_iter()
            .map(|server| (server, (0..60).map(|_| hostile.name()).collect()))
            .collect();
        let catalog_of = |reversed: bool| {
            let mut servers: Vec<Server> = pairs
                .iter()
                .map(|(name, tools)| {
                    let mut tools: Vec<Value> = tools
                        .iter()
                        .map(|name| json!({"name": name, "inputSchema": {}}))
                        .collect();
                    if reversed {
                        tools.reverse();
                    }
                    server(name, json!(tools))
                })
                .collect();
            if reversed {
                servers.reverse();
            }
            Catalog::new(servers)
        };
        let (catalog, reversed) = (catalog_of(false), catalog_of(true));
        let mut paths = HashSet::new();
        for (tool, again) in catalog.tools().zip(reversed.tools()) {
            assert!(paths.insert(tool.path()), "{} twice", tool.path());
            assert_eq!((tool.path(), tool.name()), (again.path(), again.name()));
            assert_eq!(catalog.resolve(tool.path()).unwrap().name(), tool.name());
            let parts: Vec<&str> = tool.path().split('.').collect();
            for part in &parts {
                assert!(
                    part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
                    "{part}"
                );
                assert!(
                    !part.starts_with("__") && !part.starts_with(|c: char| c.is_ascii_digit()),
                    "{part}"
                );
                assert!(!["class", "raw", "then"].contains(part), "{part}");
            }
            assert_eq!(parts.len(), 2);
        }
        let distinct: HashSet<(&String, &String)> = pairs
            .iter()
            .flat_map(|(server, tools)| tools.iter().map(move |tool| (server, tool)))
            .collect();
        assert_eq!(paths.len(), distinct.len());
    }
}

#[test]
fn hostile_servers_are_shown_on_plain_bounded_lines() {
    let mut hostile = Hostile(2);
    for _ in 0..300 {
        let listed = json!({
            "name": hostile.name(),
            "description": (0..hostile.below(60)).map(|_| hostile.name()).collect::<String>(),
            "inputSchema": {
                "properties": {
                    hostile.name(): hostile.schema(4), hostile.name(): hostile.schema(4),
                },
                "allOf": [hostile.schema(3)],
            },
            "outputSchema": hostile.schema(5),
        });
        let catalog = Catalog::new(vec![server(&hostile.name(), json!([listed]))]);
        let tool = catalog.tools().next().expect("the tool is usable");
        let shown = [
            tool.signature(Language::Python, None),
            tool.signature(Language::TypeScript, None),
            tool.summary(),
            refusal(tool),
            catalog
                .resolve(&hostile.name())
                .map_or_else(|unknown| unknown.message(), |tool| tool.path().to_owned()),
        ];
        for line in shown {
            assert!(line.len() < 6_000, "{} bytes", line.len());
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{line:?}"
            );
        }
        let request = SearchRequest {
            queries: vec![hostile.name(), tool.name().to_owned()],
            ..SearchRequest::default()
        };
        for detail in [
            Detail::Name,
            Detail::Description,
            Detail::Signature,
            Detail::Full,
        ] {
            let text = answer(
                &catalog,
                &SearchRequest {
                    detail,
                    ..request.clone()
                },
                Signals::default(),
                &[],
            )
            .text;
            assert!(
                !text.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'),
                "{text:?}"
            );
        }
    }
}

#[test]
fn sizes_that_a_hostile_server_chooses_are_bounded() {
    let deep = format!(
        r#"{}{{}}{}"#,
        r#"{"properties":{"a":"#.repeat(5_000),
        "}}".repeat(5_000)
    );
    let wide: serde_json::Map<String, Value> = (0..20_000)
        .map(|at| {
            (
                format!("parameter{at}"),
                json!({"allOf": vec![json!({"$ref": "#"}); 5]}),
            )
        })
        .collect();
    let required: Vec<&String> = wide.keys().collect();
    let mut hostile = server(
        "big",
        json!([
            {"name": "wide", "inputSchema": {"properties": wide, "required": required}},
            {"name": "wordy", "description": "ß word. ".repeat(1 << 17), "inputSchema": {}},
        ]),
    );
    let deep = format!(r#"{{"name":"deep","inputSchema":{deep}}}"#);
    hostile.tools.push(RawValue::from_string(deep).unwrap());
    let catalog = Catalog::new(vec![hostile]);
    assert_eq!(catalog.len(), 3);
    for tool in catalog.tools() {
        assert!(tool.signature(Language::Python, None).len() < 6_000);
        assert!(refusal(tool).len() < 6_000);
    }
    let text = "word ".repeat(1 << 17);
    let request = SearchRequest {
        queries: vec![text; 3],
        limit: usize::MAX,
        detail: Detail::Full,
        ..SearchRequest::default()
    };
    assert!(
        answer(&catalog, &request, Signals::default(), &[])
            .text
            .len()
            < 60_000
    );
    assert!(catalog.resolve(&"a.".repeat(1 << 17)).is_err());
}
