//! Servers that files of a project name: not started before a human has agreed to exactly that.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::json;

use crate::place::{Agent, Place, fake, family_of};

/// A place whose user has one server, `own`, and whose working directory names another, `theirs`.
struct Project {
    place: Place,
    /// Exists once `theirs` has been started and spoken to.
    log: PathBuf,
}

/// In which of the files of a working directory a server stands.
const FILES: [&str; 2] = ["toolmill.toml", ".mcp.json"];

impl Project {
    fn new(file: &str) -> Project {
        let place = Place::new(&fake("own", &[]));
        let log = place.path("methods");
        let project = Project { place, log };
        project.name_theirs(file, &[]);
        project
    }

    fn name_theirs(&self, file: &str, more_options: &[&str]) {
        let log = self.log.to_str().unwrap();
        let options = [&["--log-methods", log], more_options].concat();
        let text = match file {
            "toolmill.toml" => fake("theirs", &options),
            _ => {
                let program = Path::new(env!("CARGO_BIN_EXE_toolmill"))
                    .with_file_name("examples/fake_upstream");
                json!({"mcpServers": {"theirs": {"command": program, "args": options}}}).to_string()
            }
        };
        self.place.write(&format!("work/{file}"), &text);
    }

    /// Whether a program's call to `theirs` is answered.
    fn theirs_answers(&self, options: &[&str]) -> bool {
        let code = "tools.theirs.echo(text='here')";
        let options = [options, &["--language", "python"]].concat();
        self.place.run_with(&options, code).1["value"] == "here"
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn initialized(place: &Place, options: &[&str]) -> (Agent, String) {
    let mut agent = place.serve_with(options);
    let answer = agent.initialize();
    let instructions = answer["result"]["instructions"].as_str().unwrap();
    (agent, instructions.to_owned())
}

#[test]
fn a_server_of_a_project_file_is_shown_with_its_command_and_not_started() {
    for file in FILES {
        let project = Project::new(file);
        let place = &project.place;
        let shown = |text: &str| {
            assert!(text.contains("not trusted yet"), "{file}: {text}");
            assert!(text.contains("/examples/fake_upstream"), "{file}: {text}");
            assert!(text.contains("toolmill trust theirs"), "{file}: {text}");
        };
        // Longer than there is room for: what to type must be read all the same.
        project.name_theirs(file, &["--name", &"x".repeat(300)]);
        let listed = place.output(&["tools"]);
        shown(&stdout(&listed));
        assert!(stdout(&listed).contains("own: ready"), "{listed:?}");
        let json = place.output(&["tools", "theirs", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json[0]["state"], "blocked", "{json:#}");
        shown(json[0]["reason"].as_str().unwrap());
        let found = stdout(&place.output(&["search", "echo"]));
        assert!(found.contains("tools.own.echo"), "{found}");
        shown(found.lines().last().unwrap());

        let (mut agent, instructions) = initialized(place, &[]);
        shown(&instructions);
        let (text, _) = agent.call("search_tools", json!({"queries": ["echo"]}));
        shown(text.lines().last().unwrap());
        let (text, is_error) = agent.execute("python", "tools.own.echo(text='here')");
        assert!(!is_error && text.ends_with("\nhere"), "{text}");
        let (text, is_error) = agent.execute("python", "tools.theirs.echo(text='here')");
        assert!(is_error, "{text}");
        shown(&text);
        agent.close();

        assert!(!project.theirs_answers(&[]));
        assert!(!project.log.exists(), "{file}: it has been started");
    }
}

#[test]
fn nobody_to_ask_is_no_agreement() {
    let project = Project::new("toolmill.toml");
    let asked = project.place.output(&["trust"]);
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    let log = project.log.to_str().unwrap();
    assert!(stdout(&asked).contains(log), "the whole command: {asked:?}");
    assert!(
        stderr(&asked).contains("toolmill trust --yes theirs"),
        "{asked:?}"
    );
    let other = project.place.output(&["trust", "--yes", "other"]);
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    assert!(stderr(&other).contains("waiting: theirs"), "{other:?}");
    assert!(!project.theirs_answers(&[]));
    assert!(!project.log.exists());
}

#[test]
fn an_agreement_holds_for_one_command_and_until_it_is_taken_back() {
    for file in FILES {
        let project = Project::new(file);
        let trust = |arguments: &[&str]| {
            let output = project.place.output(&[&["trust"], arguments].concat());
            assert!(output.status.success(), "{file}: {output:?}");
        };
        trust(&["--yes", "theirs"]);
        assert!(project.theirs_answers(&[]), "{file}");
        assert!(project.theirs_answers(&[]), "{file}: it is remembered");

        project.name_theirs(file, &["--name", "changed"]);
        std::fs::remove_file(&project.log).unwrap();
        assert!(!project.theirs_answers(&[]), "{file}: another argument");
        assert!(!project.log.exists(), "{file}");
        project.name_theirs(file, &[]);
        assert!(
            project.theirs_answers(&[]),
            "{file}: what was agreed to again"
        );

        trust(&["--revoke", "theirs"]);
        std::fs::remove_file(&project.log).unwrap();
        assert!(!project.theirs_answers(&[]), "{file}: taken back");
        assert!(!project.log.exists(), "{file}");
    }
}

#[test]
fn the_same_file_in_another_folder_asks_again() {
    let project = Project::new("toolmill.toml");
    assert!(project.place.output(&["trust", "--yes"]).status.success());
    let other = project.place.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(
        project.place.path("work/toolmill.toml"),
        other.join("toolmill.toml"),
    )
    .unwrap();
    let listed = project
        .place
        .command(&["tools"])
        .current_dir(&other)
        .output()
        .unwrap();
    assert!(stdout(&listed).contains("theirs: blocked"), "{listed:?}");
    assert!(!project.log.exists());
}

#[test]
fn trust_on_the_command_line_is_for_once() {
    for file in FILES {
        let project = Project::new(file);
        assert!(project.theirs_answers(&["--trust"]), "{file}");
        std::fs::remove_file(&project.log).unwrap();
        assert!(!project.theirs_answers(&[]), "{file}");
        assert!(!project.log.exists(), "{file}");
        let (mut agent, instructions) = initialized(&project.place, &["--trust"]);
        assert!(!instructions.contains("not trusted"), "{instructions}");
        let (text, _) = agent.execute("python", "tools.theirs.echo(text='here')");
        assert!(text.ends_with("\nhere"), "{text}");
    }
}

#[test]
fn a_file_named_by_its_user_counts_as_agreed() {
    for file in FILES {
        let project = Project::new(file);
        assert!(project.theirs_answers(&["--config", file]), "{file}");
        let listed = stdout(&project.place.output(&["--config", file, "tools"]));
        // Its tools are in the cache by now; how it is is not.
        assert!(listed.contains("theirs: ready"), "{file}: {listed}");
        assert!(!listed.contains("own"), "that file alone: {listed}");
    }
}

/// `claude mcp add -s project` writes toolmill into the `.mcp.json` that toolmill reads.
#[test]
fn toolmill_is_not_its_own_upstream_by_whatever_name() {
    let toolmill = Path::new(env!("CARGO_BIN_EXE_toolmill"));
    let place = Place::new(&fake("own", &[]));
    let link = place.path("work/another-name");
    std::os::unix::fs::symlink(toolmill, &link).unwrap();
    let beside = toolmill.parent().unwrap();
    let servers = json!({"mcpServers": {
        "by_path": {"command": toolmill, "args": ["serve"]},
        "by_link": {"command": link, "args": ["serve"]},
        "by_relative_link": {"command": "./another-name", "args": ["serve"], "cwd": "."},
        "by_search": {"command": "toolmill", "args": ["serve"], "env": {"PATH": beside}},
    }});
    place.write("work/.mcp.json", &servers.to_string());
    for options in [&[][..], &["--trust"], &["--config", ".mcp.json"]] {
        let listed = stdout(&place.output(&[options, &["tools"]].concat()));
        for name in ["by_path", "by_link", "by_relative_link", "by_search"] {
            let refused =
                format!("{name}: blocked (this is toolmill itself; remove \"{name}\" from");
            assert!(listed.contains(&refused), "{options:?}: {listed}");
        }
    }
    let waiting = stdout(&place.output(&["trust", "--yes"]));
    assert!(waiting.starts_with("no server waits"), "{waiting}");
    assert_eq!(place.value("python", "tools.own.echo(text='here')"), "here");
}

/// A copy is another file; what it finds in its environment stops it.
#[test]
fn a_toolmill_started_by_a_toolmill_refuses_to_serve() {
    let place = Place::with_fake();
    let output = place
        .command(&["serve"])
        .env("TOOLMILL_DEPTH", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = stderr(&output);
    assert!(
        said.contains("started by another one as a server"),
        "{said}"
    );

    let copy = place.path("copy");
    std::fs::copy(env!("CARGO_BIN_EXE_toolmill"), &copy).unwrap();
    place.write(
        "config/toolmill/toolmill.toml",
        &format!(
            "{}[upstream.copy]\ncommand = {copy:?}\nargs = [\"serve\"]\n",
            fake("fake", &[])
        ),
    );
    let listed = stdout(&place.output(&["tools"]));
    assert!(listed.contains("copy: failed"), "{listed}");
    assert!(listed.contains("fake: ready"), "{listed}");
}

#[test]
fn servers_get_five_variables_their_own_and_the_depth_marker() {
    let place = Place::new(&format!(
        "{}env = {{ MINE = \"plain\", THEIR_KEY = \"${{GIVEN}}\", LANG = \"de_DE.UTF-8\" }}\n",
        fake("fake", &[])
    ));
    let mut serve = place.command(&["serve"]);
    serve
        .env("GIVEN", "given")
        .env("UNGIVEN", "a secret")
        .env("LD_LIBRARY_PATH", "/nowhere")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("TMPDIR", place.path("tmp"));
    let mut agent = Agent::start(serve);
    agent.initialize();
    let code = "
[tools.fake.secret_env(name=n) for n in ['MINE', 'THEIR_KEY', 'LANG', 'TZ', 'TOOLMILL_DEPTH', 'GIVEN', 'UNGIVEN', 'LD_LIBRARY_PATH', 'XDG_STATE_HOME']]
";
    let (text, _) = agent.execute("python", code);
    let expected = json!(["plain", "given", "de_DE.UTF-8", "UTC", "1", "", "", "", ""]);
    assert!(text.ends_with(&format!("\n{expected}")), "{text}");

    // The names nobody thought of.
    let server = family_of(agent.child.id())
        .into_iter()
        .find(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.contains("fake_upstream"))
        })
        .expect("the server runs");
    let environment = std::fs::read_to_string(format!("/proc/{server}/environ")).unwrap();
    let mut names: Vec<&str> = environment
        .split_terminator('\0')
        .map(|pair| pair.split('=').next().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "HOME",
            "LANG",
            "MINE",
            "PATH",
            "THEIR_KEY",
            "TMPDIR",
            "TOOLMILL_DEPTH",
            "TZ"
        ]
    );
}
