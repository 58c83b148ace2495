//! The subcommands that people type: `list`, `init`, `client`, `call`, `sdk`, `completions`, and the
//! next step that each names when something is missing.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::place::{Place, fake};

/// Exit code, standard output, standard error.
fn said(output: Output) -> (i32, String, String) {
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn list(place: &Place) -> (i32, Value) {
    let (exit, stdout, stderr) = said(place.output(&["list", "--json"]));
    let report = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    (exit, report)
}

#[test]
fn list_shows_state_tools_cost_and_reason_of_each_server() {
    let settings = [fake("alive", &[]), fake("dead", &["--die-on-start"])].concat();
    let place = Place::new(&settings);
    let (exit, stdout, stderr) = said(place.output(&["list"]));
    assert_eq!((exit, &stderr[..]), (0, ""), "{stdout}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(
        lines[0].starts_with("NAME   STATE   ERA") && lines[0].ends_with("~TOKENS  REASON"),
        "{stdout}"
    );
    assert!(lines[1].starts_with("alive  ready   "), "{stdout}");
    assert!(lines[2].starts_with("dead   failed  "), "{stdout}");
    assert!(stdout.contains("estimated at 4 bytes a token"), "{stdout}");
    assert!(stdout.contains("next: toolmill doctor"), "{stdout}");

    let (exit, report) = list(&place);
    assert_eq!(exit, 0);
    let alive = &report["servers"][0];
    assert_eq!(alive["state"], "ready");
    assert!(alive["tools"].as_u64().unwrap() > 3 && alive["era"].is_string());
    let cost = alive["tokens_estimated"].as_u64().unwrap();
    // The estimate is of what a client would be sent.
    let (_, tools, _) = said(place.output(&["tools", "alive", "--json"]));
    let tools: Value = serde_json::from_str(&tools).unwrap();
    let bytes: usize = tools[0]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| {
            json!({
                "name": tool["name"],
                "description": tool["description"].as_str().unwrap_or_default(),
                "inputSchema": tool["inputSchema"],
            })
            .to_string()
            .len()
        })
        .sum();
    assert_eq!(cost, bytes.div_ceil(4) as u64);
    assert_eq!(report["tokens_estimated"], cost);
    assert_eq!(report["servers"][1]["tools"], 0);

    let place = Place::new(&fake("dead", &["--die-on-start"]));
    assert_eq!(list(&place).0, 5);
}

#[test]
fn a_server_that_still_connects_is_listed_as_that() {
    let place = Place::new(&fake("slow", &["--silent"]));
    let (exit, stdout, _) = said(place.output(&["list", "--wait", "0"]));
    assert_eq!(exit, 5);
    assert!(stdout.contains("slow  connecting"), "{stdout}");
    assert!(stdout.contains("next: toolmill list --wait 60"), "{stdout}");
}

#[test]
fn a_missing_command_is_told_with_the_path_and_the_next_step() {
    let place = Place::new("[upstream.files]\ncommand = \"npx\"\nargs = [\"-y\", \"server\"]\n");
    let mut command = place.command(&["list"]);
    let (exit, stdout, _) = said(command.env("PATH", "/nowhere:/else").output().unwrap());
    assert_eq!(exit, 5);
    assert!(
        stdout.contains(
            "`npx` is not on the PATH this toolmill was given (PATH=/nowhere:/else): \
             install Node.js, or write an absolute path as `command`"
        ),
        "{stdout}"
    );
}

#[test]
fn without_servers_every_verb_names_the_files_the_path_and_the_next_command() {
    let place = Place::new("");
    std::fs::remove_file(place.path("config/toolmill/toolmill.toml")).unwrap();
    let file = place.path("config/toolmill/toolmill.toml");
    for (arguments, exit) in [
        (&["list"][..], 0),
        (&["tools"], 0),
        (&["search", "x"], 0),
        (&["call", "a.b"], 2),
        (&["sdk"], 5),
    ] {
        let (code, stdout, stderr) = said(place.output(arguments));
        let all = stdout + &stderr;
        assert_eq!(code, exit, "{arguments:?}: {all}");
        for part in [
            "no servers are configured",
            file.to_str().unwrap(),
            "/work/.mcp.json (not there)",
            "PATH: ",
            "next: toolmill init",
        ] {
            assert!(all.contains(part), "{arguments:?} lacks {part}: {all}");
        }
    }
    let (_, report) = list(&place);
    assert_eq!(report["servers"], json!([]));
    assert_eq!(report["looked_for"].as_array().unwrap().len(), 3);

    // Once there is a file, the next step is to write into it.
    assert_eq!(place.output(&["init"]).status.code(), Some(0));
    let (_, stdout, _) = said(place.output(&["list"]));
    let next = format!(
        "next: add an [upstream.NAME] with `command` or `url` to {}",
        file.display()
    );
    assert!(stdout.contains(&next), "{stdout}");
}

#[test]
fn init_writes_a_file_that_loads_and_never_overwrites_one() {
    let place = Place::new("");
    let file = place.path("config/toolmill/toolmill.toml");
    let (exit, _, stderr) = said(place.output(&["init"]));
    assert_eq!(exit, 1);
    assert!(
        stderr.contains("exists and is left as it is") && stderr.contains("--path"),
        "{stderr}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");

    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    let (exit, stdout, stderr) = said(place.output(&["init"]));
    assert_eq!(exit, 0, "{stderr}");
    assert!(
        stdout.starts_with(&format!("wrote {}\n", file.display())),
        "{stdout}"
    );
    let (exit, report) = list(&place);
    assert_eq!((exit, &report["servers"]), (0, &json!([])));

    let (exit, stdout, _) = said(place.output(&["init", "--path", "own dir/t.toml"]));
    assert_eq!(exit, 0);
    assert!(
        stdout.contains(&format!(
            "toolmill list --config '{}'",
            place.path("work/own dir/t.toml").display()
        )),
        "{stdout}"
    );
    let listed = place.output(&["list", "--config", "own dir/t.toml"]);
    assert_eq!(listed.status.code(), Some(0));
}

#[test]
fn what_clients_are_told_is_in_their_format_and_starts_this_binary() {
    let place = Place::with_fake();
    let printed = |arguments: &[&str]| {
        let (exit, stdout, stderr) = said(place.output(arguments));
        assert_eq!(exit, 0, "{stderr}");
        stdout
    };
    let ours = std::fs::canonicalize(env!("CARGO_BIN_EXE_toolmill")).unwrap();
    let ours = ours.to_str().unwrap();
    let names = printed(&["client"]);
    for name in ["claude-code", "cursor", "vscode", "codex", "opencode"] {
        assert!(names.contains(name), "{names}");
    }
    assert_eq!(
        printed(&["client", "claude-code"]),
        format!("claude mcp add --scope user toolmill -- {ours} serve\n")
    );
    let stanza = json!({"command": ours, "args": ["serve"]});
    let cursor: Value = serde_json::from_str(&printed(&["client", "cursor"])).unwrap();
    assert_eq!(cursor, json!({"mcpServers": {"toolmill": stanza}}));
    let vscode: Value = serde_json::from_str(&printed(&["client", "vscode"])).unwrap();
    assert_eq!(
        vscode,
        json!({"servers": {"toolmill": {"type": "stdio", "command": ours, "args": ["serve"]}}})
    );
    assert_eq!(
        printed(&["client", "codex"]),
        format!("[mcp_servers.toolmill]\ncommand = {ours:?}\nargs = [\"serve\"]\n")
    );
    let opencode: Value = serde_json::from_str(&printed(&["client", "opencode"])).unwrap();
    assert_eq!(
        opencode["mcp"],
        json!({"toolmill": {"type": "local", "command": [ours, "serve"], "enabled": true}})
    );

    // Settings named on the command line are named to the client as well, from any folder.
    let cursor: Value =
        serde_json::from_str(&printed(&["client", "cursor", "--config", "a.toml"])).unwrap();
    assert_eq!(
        cursor["mcpServers"]["toolmill"]["args"],
        json!(["--config", place.path("work/a.toml"), "serve"])
    );
    assert_eq!(place.output(&["client", "netscape"]).status.code(), Some(2));
}

#[test]
fn call_takes_the_path_of_a_programs_calls() {
    let place = Place::with_fake();
    let check = |arguments: &[&str], expected: &str| {
        let (exit, stdout, stderr) = said(place.output(&[&["call"], arguments].concat()));
        assert_eq!(
            (exit, &stdout[..]),
            (0, expected),
            "{arguments:?}: {stderr}"
        );
        assert_eq!(stderr, "", "nothing is shown where there is no terminal");
    };
    check(&["fake.echo", r#"{"text": "hi"}"#], "hi\n");
    check(&["tools.fake.echo", r#""hi""#], "hi\n");
    check(
        &[
            "fake.structured",
            r#"{"value": {"id": 12345678901234567890123}}"#,
        ],
        "{\"id\": 12345678901234567890123}\n",
    );
    let (_, raw, _) = said(place.output(&["call", "fake.echo", r#"{"text":"hi"}"#, "--raw"]));
    let raw: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(raw["content"][0]["text"], "hi");

    let mut child = place
        .command(&["call", "fake.echo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"{\"text\": \"a-payload-through-a-pipe\"}\n")
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"a-payload-through-a-pipe\n");

    // It is in the journal as what it was, without what was said.
    let (_, trace, _) = said(place.output(&["trace", "last", "--json"]));
    let events: Vec<Value> = trace
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
            "call_started",
            "call_ended",
            "execution_ended"
        ]
    );
    assert_eq!(events[0]["language"], "call");
    assert!(!place.every_file().contains("a-payload"));
}

#[test]
fn call_says_what_is_wrong_and_what_to_type_next() {
    let place = Place::new(&[fake("fake", &[]), fake("dead", &["--die-on-start"])].concat());
    let check = |arguments: &[&str], expected: i32, parts: &[&str]| {
        let (exit, stdout, stderr) = said(place.output(&[&["call"], arguments].concat()));
        assert_eq!(
            (exit, &stdout[..]),
            (expected, ""),
            "{arguments:?}: {stderr}"
        );
        for part in parts {
            assert!(
                stderr.contains(part),
                "{arguments:?} lacks {part}: {stderr}"
            );
        }
    };
    check(
        &["fake.fail", r#"{"message": "no such thing"}"#],
        1,
        &["error tool_error: fake.fail answered: no such thing"],
    );
    check(
        &["fake.ecko", "{}"],
        2,
        &[
            "unknown_tool",
            "tools.fake.echo",
            "next: toolmill search ecko",
        ],
    );
    check(
        &["fake.echo", r#"{"txt": "a"}"#],
        2,
        &[
            "unknown_parameter",
            "signature: tools.fake.echo(",
            "next: toolmill search --server fake --detail full --limit 1 echo",
        ],
    );
    check(
        &["fake.add", r#"{"a": 1}"#],
        2,
        &["missing_argument", "signature: "],
    );
    check(
        &["fake.echo", r#"{"text": "a", "text": "b"}"#],
        2,
        &["invalid_argument"],
    );
    check(
        &["fake.echo", "text=a"],
        2,
        &[
            "not JSON",
            "toolmill call fake.echo '{\"name\": \"value\"}'",
        ],
    );
    check(
        &["dead.echo", r#"{"text": "a"}"#],
        5,
        &["dead", "next: toolmill list"],
    );
    // Known from before, but gone now.
    let (exit, _, stderr) = said(place.output(&["call", "--yes", "fake.die", "{}"]));
    assert_eq!(exit, 5, "{stderr}");
}

#[test]
fn sdk_prints_a_language_or_writes_a_folder_of_both() {
    let settings = [
        fake("fake", &[]),
        fake("other-one", &["--tools", "2"]),
        fake("dead", &["--die-on-start"]),
    ];
    let place = Place::new(&settings.concat());
    let sdk = |arguments: &[&str]| {
        let (exit, stdout, stderr) = said(place.output(&[&["sdk"], arguments].concat()));
        assert_eq!(exit, 0, "{arguments:?}: {stderr}");
        (stdout, stderr)
    };
    let (python, stderr) = sdk(&[]);
    assert!(
        stderr.starts_with("toolmill: dead is not ready: ") && stderr.lines().count() == 1,
        "{stderr}"
    );
    let counted = format!(
        " {} tools on 2 servers, written by `toolmill sdk`.\n",
        tool_count(&place)
    );
    assert!(python.starts_with(&format!("#{counted}")), "{python}");
    for part in [
        "class Fake:\n",
        "class OtherOne:\n",
        "    def echo(self, text: str) -> Any:\n        \"\"\"Returns its text.\"\"\"\n",
        "    def dummy_0001(self",
    ] {
        assert!(python.contains(part), "{part}: {python}");
    }
    assert_eq!(sdk(&["--language", "python"]).0, python);
    assert_eq!(sdk(&["--language", "py"]).0, python);
    let (typescript, _) = sdk(&["--language", "typescript"]);
    assert!(
        typescript.starts_with(&format!("//{counted}")),
        "{typescript}"
    );
    for part in [
        "interface FakeEchoArgs {\n  text: string;\n}\n",
        "  other_one: {\n",
    ] {
        assert!(typescript.contains(part), "{part}: {typescript}");
    }

    // One server's, by the name in the settings or in programs; what ails another is not told.
    for name in ["other-one", "other_one"] {
        let (one, stderr) = sdk(&["--server", name]);
        assert_eq!(stderr, "");
        assert!(
            one.contains("on 1 server,") && one.contains("class OtherOne:"),
            "{one}"
        );
        assert!(!one.contains("class Fake:"), "{one}");
    }

    let (written, _) = sdk(&["--out", "new/types"]);
    assert_eq!(written, "new/types/tools.pyi\nnew/types/tools.d.ts\n");
    let read = |name: &str| std::fs::read_to_string(place.path("work").join(name)).unwrap();
    assert_eq!(read("new/types/tools.pyi"), python);
    assert_eq!(read("new/types/tools.d.ts"), typescript);
    let (written, _) = sdk(&["--out", "one", "--language", "ts", "--server", "fake"]);
    assert_eq!(written, "one/tools.d.ts\n");
    assert!(!read("one/tools.d.ts").contains("other_one"));
    assert!(!place.path("work/one/tools.pyi").exists());
    let parsed = std::process::Command::new("python3")
        .args(["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"])
        .arg(place.path("work/new/types/tools.pyi"))
        .output()
        .unwrap();
    assert!(parsed.status.success(), "{parsed:?}");
}

/// Of all servers that are ready.
fn tool_count(place: &Place) -> u64 {
    let (_, report) = list(place);
    let servers = report["servers"].as_array().unwrap();
    servers
        .iter()
        .map(|server| server["tools"].as_u64().unwrap())
        .sum()
}

#[test]
fn sdk_says_what_is_missing_and_leaves_what_was_written() {
    let place = Place::new(&[fake("fake", &[]), fake("dead", &["--die-on-start"])].concat());
    let check = |arguments: &[&str], expected: i32, part: &str| {
        let (exit, stdout, stderr) = said(place.output(&[&["sdk"], arguments].concat()));
        assert_eq!(
            (exit, &stdout[..]),
            (expected, ""),
            "{arguments:?}: {stderr}"
        );
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    };
    check(
        &["--server", "nope"],
        5,
        "toolmill: no server \"nope\"; `toolmill list` names them\n",
    );
    check(&["--language", "cobol"], 2, "python, typescript");
    std::fs::create_dir(place.path("work/types")).unwrap();
    place.write("work/types/tools.pyi", "of yesterday");
    check(
        &["--server", "dead", "--out", "types"],
        5,
        "toolmill: dead is not ready: ",
    );
    let kept = std::fs::read_to_string(place.path("work/types/tools.pyi")).unwrap();
    assert_eq!(kept, "of yesterday");
    check(
        &["--out", "types/tools.pyi"],
        1,
        "failed to write types/tools.pyi/tools.pyi",
    );
}

#[test]
fn servers_that_a_client_starts_as_well_are_named() {
    let place = Place::with_fake();
    let (_, report) = list(&place);
    assert_eq!(report["servers"][0]["also_in"], json!([]));

    let text = std::fs::read_to_string(place.path("config/toolmill/toolmill.toml")).unwrap();
    let settings: Value = toml_of(&text);
    let stanza = &settings["upstream"]["fake"];
    std::fs::create_dir_all(place.path(".codex")).unwrap();
    std::fs::create_dir_all(place.path("work/.vscode")).unwrap();
    std::fs::create_dir_all(place.path(".cursor")).unwrap();
    place.write(
        ".claude.json",
        &json!({"numStartups": 3, "mcpServers": {"mine": stanza}}).to_string(),
    );
    place.write(
        "work/.vscode/mcp.json",
        &format!("// mine\n{{\"servers\": {{\"x\": {stanza},}},}}"),
    );
    place.write(".cursor/mcp.json", "{ broken");
    place.write(
        ".codex/config.toml",
        &text.replace("upstream.fake", "mcp_servers.fake"),
    );
    let (_, report) = list(&place);
    let mut clients: Vec<&str> = report["servers"][0]["also_in"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["client"].as_str().unwrap())
        .collect();
    clients.sort_unstable();
    assert_eq!(clients, ["Claude Code", "Codex", "VS Code"]);
    let sentence = format!(
        "also configured directly in Claude Code ({}): its tools reach the agent twice; remove it there",
        place.path(".claude.json").display()
    );
    for verb in ["list", "doctor"] {
        let (_, stdout, _) = said(place.output(&[verb]));
        assert!(stdout.contains(&sentence), "{verb}: {stdout}");
    }
}

/// The fake server's stanza: its strings and lists are JSON as well.
fn toml_of(text: &str) -> Value {
    let mut stanza = json!({});
    for line in text.lines().filter(|line| line.contains(" = ")) {
        let (key, value) = line.split_once(" = ").unwrap();
        stanza[key] = serde_json::from_str(value).unwrap();
    }
    json!({"upstream": {"fake": stanza}})
}

#[test]
fn shells_complete_our_commands_and_every_help_has_an_example() {
    let place = Place::new("");
    for shell in ["bash", "zsh", "fish"] {
        let (exit, script, _) = said(place.output(&["completions", shell]));
        assert_eq!(exit, 0);
        assert!(
            script.contains("completions") && script.contains("doctor"),
            "{shell}"
        );
    }
    let (_, help, _) = said(place.output(&["--help"]));
    assert!(help.contains("Examples:"));
    let commands = help
        .split("Commands:\n")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .unwrap();
    let mut seen = 0;
    for name in commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
    {
        let (_, help, _) = said(place.output(&[name, "--help"]));
        assert!(
            help.contains("Example") && help.contains(&format!("toolmill {name}")),
            "{name}: {help}"
        );
        seen += 1;
    }
    assert!(seen >= 12, "{commands}");
}

/// On a terminal of 60 columns: a table that fits, colours, and progress while servers connect.
#[test]
fn a_terminal_gets_a_table_that_fits_colours_and_progress() {
    let place = Place::new(
        &[
            fake("slow", &["--delay-start", "1500"]),
            "[upstream.lost]\ncommand = \"no-such-command\"\n".to_owned(),
        ]
        .concat(),
    );
    let on_terminal = |verb: &str, no_colour: bool| {
        let mut command =
            crate::place::at_terminal(&place.command(&[verb]), 60, std::time::Duration::ZERO, &[]);
        command.env("TERM", "xterm");
        if no_colour {
            command.env("NO_COLOR", "1");
        }
        said(command.output().unwrap())
    };
    let (_, shown, stderr) = on_terminal("list", false);
    assert!(shown.contains("waiting for slow"), "{shown:?}{stderr}");
    assert!(shown.contains("\x1b[31mfailed"), "{shown:?}");
    let (_, plain, _) = on_terminal("list", true);
    assert!(!plain.contains("\x1b[31m"), "{plain:?}");
    let table: Vec<&str> = plain
        .lines()
        .skip_while(|line| !line.contains("NAME"))
        .skip(1)
        .take(2)
        .collect();
    let lost = table[0].trim_end();
    assert!(
        lost.ends_with('…') && lost.chars().count() == 60,
        "{plain:?}"
    );
    let (_, shown, stderr) = on_terminal("sdk", false);
    assert!(shown.contains("waiting for slow"), "{shown:?}{stderr}");
    assert!(shown.contains("class Slow:"), "{shown:?}");
}
