use std::fs;

use super::*;

/// A home and a project, with the files of both.
struct Desk {
    folder: tempfile::TempDir,
    places: Places,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let below = |path: &str| folder.path().join(path);
        let places = Places {
            working_directory: below("project"),
            config_dir: below("home"),
            state_dir: below("state"),
            runtime_dir: below("run"),
        };
        for path in ["project", "home"] {
            fs::create_dir(below(path)).unwrap();
        }
        for (path, text) in files {
            fs::write(below(path), text).unwrap();
        }
        Desk { folder, places }
    }

    fn load(&self, explicit: Option<&str>) -> Result<Settings, String> {
        let trust = trust::Store::open(&self.places.state_dir);
        load(explicit.map(Path::new), &self.places, &trust, &variable_of)
            .map_err(|error| self.anonymous(&format!("{error:#}")))
    }

    /// A message with the desk's folder cut out.
    fn anonymous(&self, message: &str) -> String {
        message.replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn warnings(&self) -> Vec<String> {
        let settings = self.load(None).unwrap();
        let warnings = settings.warnings.iter();
        warnings.map(|warning| self.anonymous(warning)).collect()
    }
}

fn variable_of(name: &str) -> Option<String> {
    match name {
        "PATH" => Some("/bin:/usr/bin".to_owned()),
        "HOME" => Some("/home/ada".to_owned()),
        "GITHUB_TOKEN" => Some("tok_123".to_owned()),
        "BIN" => Some("serve".to_owned()),
        "EDITOR" => Some("vi".to_owned()),
        _ => None,
    }
}

fn blocked(settings: &Settings) -> Vec<(&str, Option<&str>)> {
    let upstreams = settings.upstreams.iter();
    upstreams
        .map(|one| (&one.stanza.name[..], one.blocked.as_deref()))
        .collect()
}

#[test]
fn a_whole_file_is_read() {
    let desk = Desk::new(&[(
        "home/toolmill.toml",
        r#"
        [upstream.github]
        command = "/opt/${BIN}"
        args = ["--quiet", "${NOT_SET:-x}"]
        env = { GITHUB_TOKEN = "${GITHUB_TOKEN}", MAX_TOKENS = "5", TOOLMILL_DEPTH = "0" }
        cwd = "sub/${BIN}"
        max_in_flight = 3
        validate = "warn"

        [upstream."a.b"]
        url = "https://example.org/${BIN}"
        headers = { Authorization = "Bearer ${GITHUB_TOKEN}" }

        [limits]
        timeout_seconds = 1
        total_seconds = 2
        yield_seconds = 12
        call_seconds = 3
        memory_mib = 4
        threads = 5
        calls = 6
        call_mib = 7
        in_flight = 8
        workspace_mib = 9
        workspace_entries = 10
        executions = 11
        sessions = 12
        session_hours = 13
        session_mib = 14

        [sandbox]
        require = "full"

        [search]
        usage = false
        model = "models/minilm"

        [python]
        path = ["/usr/bin/python3.11", "venv/bin/python"]

        [http]
        token = "${GITHUB_TOKEN}"
        "#,
    )]);
    let settings = desk.load(None).unwrap();
    assert_eq!(settings.warnings, [""; 0]);
    assert_eq!(blocked(&settings), [("a.b", None), ("github", None)]);
    assert_eq!(settings.upstreams[1].stanza.max_in_flight, 3);
    let validation: Vec<Validation> = settings
        .upstreams
        .iter()
        .map(|one| one.validation)
        .collect();
    assert_eq!(validation, [Validation::Error, Validation::Warn]);
    let text = |text: &str| text.to_owned();
    assert!(
        settings.upstreams[0].stanza.transport
            == Transport::Http {
                url: text("https://example.org/serve"),
                headers: vec![(text("Authorization"), text("Bearer tok_123"))],
            }
    );
    let env = [
        ("GITHUB_TOKEN", "tok_123"),
        ("HOME", "/home/ada"),
        ("MAX_TOKENS", "5"),
        ("PATH", "/bin:/usr/bin"),
        ("TOOLMILL_DEPTH", "1"),
    ];
    assert!(
        settings.upstreams[1].stanza.transport
            == Transport::Stdio {
                command: text("/opt/serve"),
                args: vec![text("--quiet"), text("x")],
                env: env.map(|(name, value)| (text(name), text(value))).into(),
                cwd: Some(desk.places.config_dir.join("sub/serve")),
            }
    );
    let seconds = Duration::from_secs;
    assert_eq!(
        settings.limits,
        Limits {
            guest_time: seconds(1),
            total_time: seconds(2),
            yield_time: seconds(12),
            call_time: seconds(3),
            memory_bytes: 4 << 20,
            threads: 5,
            calls: 6,
            call_bytes: 7 << 20,
            in_flight: 8,
            workspace_bytes: 9 << 20,
            workspace_entries: 10,
            executions: 11,
            sessions: 12,
            session_age: seconds(13 * 3600),
            session_bytes: 14 << 20,
            ..Limits::default()
        }
    );
    let venv = desk.places.config_dir.join("venv/bin/python");
    assert_eq!(settings.python, [Path::new("/usr/bin/python3.11"), &venv]);
    assert_eq!(settings.require, sandbox::Tier::Full);
    assert_eq!(settings.search_usage, Some(false));
    let model = desk.places.config_dir.join("models/minilm");
    assert_eq!(settings.search_model, Some(model));
    assert_eq!(settings.http_token.as_deref(), Some("tok_123"));
    assert_eq!(
        settings.sources,
        [desk.places.config_dir.join("toolmill.toml")]
    );
    assert_eq!(settings.looked_for.len(), 3);
}

#[test]
fn a_project_s_rules_only_tighten_and_trust_nobody() {
    use gateway::policy::Decision;
    let desk = Desk::new(&[
        (
            "home/toolmill.toml",
            "policy = \"careful\"\n[rules]\n\"a.*\" = { policy = \"allow\", max_calls = 7 }\n\
             [upstream.mine]\ncommand = \"x\"\ntrust = \"annotations\"",
        ),
        (
            "project/toolmill.toml",
            "policy = \"default\"\n[rules]\n\"a.b\" = \"deny\"\n\"*\" = \"allow\"\n\
             [upstream.theirs]\ncommand = \"x\"\ntrust = \"annotations\"",
        ),
    ]);
    let settings = desk.load(None).unwrap();
    assert!(settings.rules.careful);
    let rules: Vec<_> = settings
        .rules
        .rules
        .iter()
        .map(|rule| {
            let pattern = rule.pattern.to_string();
            (pattern, rule.decision, rule.max_calls, rule.own)
        })
        .collect();
    let rule = |pattern: &str, decision, most, own| (pattern.to_owned(), decision, most, own);
    assert_eq!(
        rules,
        [
            rule("a.*", Some(Decision::Allow), Some(7), true),
            rule("a.b", Some(Decision::Deny), None, false),
        ]
    );
    let trusted = settings.upstreams.iter();
    let trusted: Vec<_> = trusted
        .map(|one| (&one.stanza.name[..], one.trusted))
        .collect();
    assert_eq!(trusted, [("mine", true), ("theirs", false)]);
    assert_eq!(
        desk.warnings(),
        [
            "project/toolmill.toml:4: `*` = \"allow\" is ignored: a project cannot allow anything; move it to your own toolmill.toml",
            "project/toolmill.toml:7: `trust` in [upstream.theirs] is ignored: a project does not decide whom you trust; move the stanza to your own toolmill.toml",
        ]
    );
}

#[test]
fn without_files_there_are_defaults() {
    let settings = Desk::new(&[]).load(None).unwrap();
    assert_eq!(settings.limits, Limits::default());
    assert!(settings.upstreams.is_empty() && settings.sources.is_empty());
    let names = settings
        .looked_for
        .iter()
        .map(|path| path.file_name().unwrap());
    let names: Vec<_> = names.map(|name| name.to_str().unwrap()).collect();
    assert_eq!(names, ["toolmill.toml", ".mcp.json", "toolmill.toml"]);
}

#[test]
fn errors_name_the_file_the_line_and_the_key() {
    let check = |text: &str, expected: &str| {
        let desk = Desk::new(&[("project/s.toml", text)]);
        let error = desk.load(Some("s.toml")).expect_err(text);
        assert_eq!(error, format!("project/s.toml{expected}"));
        assert!(!error.contains("tok_"), "a value is shown");
    };
    check(
        "[upstream.github]\ncomand = \"tok_1\"",
        ":2: unknown key `comand` in [upstream.github]; did you mean `command`?",
    );
    check(
        "\n[upstreams.github]\ncommand = \"x\"",
        ":2: unknown key `upstreams`; did you mean `upstream`?",
    );
    check(
        "[profiles]",
        ":1: unknown key `profiles`; known keys: policy, rules, upstream, limits, sandbox, search, results, python, http",
    );
    check(
        "[limits]\nmemory = 5",
        ":2: unknown key `memory` in [limits]; did you mean `memory_mib`?",
    );
    check(
        "[python]\npaths = []",
        ":2: unknown key `paths` in [python]; did you mean `path`?",
    );
    check(
        "[sandbox]\nrequire = \"none\"",
        ":2: `require` in [sandbox] must be \"strict\" or \"full\", not \"none\"",
    );
    check(
        "[search]\nusage = \"no\"",
        ":2: `usage` in [search] must be true or false, not a string",
    );
    check(
        "[http]\nport = 1",
        ":2: unknown key `port` in [http]; known keys: token",
    );
    for (value, found) in [
        ("0", "zero or less"),
        ("-5", "zero or less"),
        ("1000000001", "more"),
        (
            "99999999999999999999999999999999999999999",
            "a number that large",
        ),
        ("1.5", "a fraction"),
        ("\"5\"", "a string"),
        ("1979-05-27", "a date"),
        ("true", "true or false"),
    ] {
        check(
            &format!("[limits]\nthreads = {value}"),
            &format!(
                ":2: `threads` in [limits] must be a whole number from 1 to 1000000000, not {found}"
            ),
        );
    }
    check(
        "[upstream.x]\ncommand = \"x\"\nmax_in_flight = 0",
        ":3: `max_in_flight` in [upstream.x] must be a whole number from 1 to 1000000000, \
         not zero or less",
    );
    check(
        "[upstream.x]\ncommand = \"x\"\nvalidate = \"of\"",
        ":3: `validate` in [upstream.x] must be \"error\", \"warn\" or \"off\", not \"of\"",
    );
    check(
        "policy = \"strict\"",
        ":1: `policy` must be \"default\" or \"careful\", not \"strict\"",
    );
    check(
        "[upstream.x]\ncommand = \"x\"\ntrust = \"all\"",
        ":3: `trust` in [upstream.x] must be \"annotations\", not \"all\"",
    );
    for (rule, expected) in [
        (
            "\"a.b\" = \"no\"",
            ":2: rule \"a.b\" must be \"allow\", \"ask\" or \"deny\", not \"no\"",
        ),
        (
            "\"a.b\" = 1",
            ":2: `a.b` in [rules] must be a string, not an integer",
        ),
        (
            "\"a.b\" = {}",
            ":2: rule \"a.b\" says nothing; give it \"allow\", \"ask\" or \"deny\"",
        ),
        (
            "\"a.b\" = { polcy = \"ask\" }",
            ":2: unknown key `polcy` in [rules.a.b]; did you mean `policy`?",
        ),
        (
            "\"a.b\" = { max_calls = 0 }",
            ":2: `max_calls` in [rules.a.b] must be a whole number from 1 to 1000000000, not zero or less",
        ),
        (
            "a = \"ask\"",
            ":2: rule \"a\" must name a server and a tool: \"a.*\" means all tools of a",
        ),
        (
            "a.b = \"ask\"",
            ":2: unknown key `b` in [rules.a]; the name of a rule stands in quotes: \"a.b\" = \"ask\"",
        ),
    ] {
        check(&format!("[rules]\n{rule}"), expected);
    }
    check(
        "upstream = 5",
        ":1: `upstream` must be a table, not an integer",
    );
    check(
        "[upstream]\nx = \"tok_1\"",
        ":2: `x` in [upstream] must be a table, not a string",
    );
    check(
        "[upstream.x]\ncommand = [\"npx\", \"y\"]",
        ":2: `command` in [upstream.x] must be a string, not a list",
    );
    check(
        "[upstream.x]\ncommand = \"npx\"\nargs = \"tok_1\"",
        ":3: `args` in [upstream.x] must be a list of strings, not a string",
    );
    check(
        "[upstream.x]\ncommand = \"npx\"\nargs = [\"tok_1\", 5]",
        ":3: `args` in [upstream.x] must be a list of strings, not a list with other things in it",
    );
    check(
        "[upstream.x]\ncommand = \"npx\"\n[upstream.x.env]\nPORT = 80",
        ":4: `PORT` in [upstream.x.env] must be a string, not an integer",
    );
    check(
        "[upstream.x]\n",
        ":1: neither `command` nor `url` in [upstream.x]; add one",
    );
    check(
        "[upstream.x]\ncommand = \"x\"\nurl = \"https://x\"",
        ":3: both `command` and `url` in [upstream.x]; keep one",
    );
    check(
        "[upstream.x]\ncommand = \"\"",
        ":2: `command` in [upstream.x] is empty",
    );
    check(
        "[upstream.x]\nurl = \"https://x\"\nargs = []",
        ":3: `args` in [upstream.x] belongs to a `command`, not to a `url`",
    );
    check(
        "[upstream.x]\ncommand = \"x\"\nheaders = {}",
        ":3: `headers` in [upstream.x] belongs to a `url`, not to a `command`",
    );
    for name in ["a b", "", "-x", "grün", "x/y"] {
        check(
            &format!("[upstream.\"{name}\"]\ncommand = \"x\""),
            &format!(
                ":1: `{name}` cannot be the name of a server; use 1 to 64 letters, digits, \
                 `_`, `.` and `-`, and no `-` first"
            ),
        );
    }
    check(
        "[upstream.x]\ncommand = \"x\"\n[upstream.x.env]\nGITHUB_TOKEN = \"tok_1\"",
        ":4: `GITHUB_TOKEN` in [upstream.x.env] holds a secret; \
         put the secret into a variable and write \"${GITHUB_TOKEN}\"",
    );
    check(
        "[upstream.x]\ncommand = \"x\"\nenv = { API_KEY = \"${API_KEY:-tok_1}\" }",
        ":3: `API_KEY` in [upstream.x.env] holds a secret; \
         put the secret into a variable and write \"${API_KEY}\"",
    );
    check(
        "[upstream.my-api]\nurl = \"https://x\"\nheaders = { authorization = \"Bearer tok_1\" }",
        ":3: `authorization` in [upstream.my-api.headers] holds a secret; \
         put the secret into a variable and write \"Bearer ${MY_API_TOKEN}\"",
    );
    check(
        "[upstream.x]\nurl = \"https://x\"\nheaders = { x-api-key = \"tok_1\" }",
        ":3: `x-api-key` in [upstream.x.headers] holds a secret; \
         put the secret into a variable and write \"${X_X_API_KEY}\"",
    );
    check(
        "[http]\ntoken = \"tok_1\"",
        ":2: `token` in [http] holds a secret; \
         put the secret into a variable and write \"${TOOLMILL_TOKEN}\"",
    );
    check(
        "[upstream.x]\ncommand = sk_1",
        ":2: this is not TOML: string values must be quoted, expected literal string",
    );
    check(
        &format!("#{}", " ".repeat(1 << 20)),
        " cannot be read: it is larger than 1 MiB",
    );
}

#[test]
fn files_that_are_none_are_errors() {
    let desk = Desk::new(&[]);
    assert_eq!(
        desk.load(Some("s.toml")).unwrap_err(),
        "project/s.toml does not exist; it was named by --config"
    );
    fs::create_dir(desk.places.working_directory.join(".mcp.json")).unwrap();
    assert_eq!(
        desk.load(None).unwrap_err(),
        "project/.mcp.json cannot be read: it is not a regular file"
    );
    let desk = Desk::new(&[]);
    let file = desk.places.config_dir.join("toolmill.toml");
    fs::write(&file, b"a = \"\xff\"").unwrap();
    assert_eq!(
        desk.load(None).unwrap_err(),
        "home/toolmill.toml cannot be read: it is not text in UTF-8"
    );
}

#[test]
fn a_server_that_cannot_start_is_blocked_and_the_others_are_not() {
    let check = |stanza: &str, reason: &str| {
        let text = format!("[upstream.bad]\n{stanza}\n[upstream.good]\ncommand = \"x\"");
        let desk = Desk::new(&[("home/toolmill.toml", &text)]);
        let settings = desk.load(None).unwrap();
        let reasons: Vec<_> = blocked(&settings)
            .into_iter()
            .map(|(name, reason)| (name, reason.map(|reason| desk.anonymous(reason))))
            .collect();
        assert_eq!(
            reasons,
            [("bad", Some(reason.to_owned())), ("good", None)],
            "{stanza}"
        );
    };
    let missing = "the variable NOT_SET is not set; set it where toolmill is started, \
                   or write ${NOT_SET:-default}";
    check("command = \"${NOT_SET}\"", missing);
    check("command = \"x\"\nargs = [\"${NOT_SET}\"]", missing);
    check("command = \"x\"\nenv = { A = \"${NOT_SET}\" }", missing);
    check("command = \"x\"\ncwd = \"${NOT_SET}\"", missing);
    check("url = \"https://${NOT_SET}\"", missing);
    check(
        "url = \"https://x\"\nheaders = { A = \"${NOT_SET}\" }",
        missing,
    );
    check(
        "command = \"x\"\nargs = [\"${env:A}\"]",
        "`${env:A}` names no variable; variables are written ${NAME} or ${NAME:-default}",
    );
    check(
        "url = \"ftp://x\"",
        "its url must begin with https:// or http://",
    );
    let ourselves = std::env::current_exe().unwrap();
    let this = "this is toolmill itself; remove [upstream.bad] from home/toolmill.toml";
    check(&format!("command = \"{}\"", ourselves.display()), this);
    let (folder, name) = (
        ourselves.parent().unwrap(),
        ourselves.file_name().unwrap().to_str().unwrap(),
    );
    check(
        &format!(
            "command = \"{name}\"\nenv = {{ PATH = \"/bin:{}\" }}",
            folder.display()
        ),
        this,
    );
    check(
        &format!("command = \"./{name}\"\ncwd = \"{}\"", folder.display()),
        this,
    );
}

#[test]
fn a_link_to_ourselves_is_ourselves() {
    let desk = Desk::new(&[(
        "home/toolmill.toml",
        "[upstream.x]\ncommand = \"./link\"\ncwd = \".\"",
    )]);
    let link = desk.places.config_dir.join("link");
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), link).unwrap();
    let settings = desk.load(None).unwrap();
    assert!(
        blocked(&settings)[0]
            .1
            .unwrap()
            .starts_with("this is toolmill itself")
    );
}

#[test]
fn servers_of_a_project_wait_for_a_human() {
    let desk = Desk::new(&[
        ("home/toolmill.toml", "[upstream.own]\ncommand = \"x\""),
        (
            "project/.mcp.json",
            r#"{"mcpServers": {
                "git": {"command": "npx", "args": ["-y", "a b"], "env": {"A_TOKEN": "${NOT_SET}"}},
                "web": {"type": "http", "url": "https://example.org/mcp"}}}"#,
        ),
    ]);
    let settings = desk.load(None).unwrap();
    assert_eq!(
        blocked(&settings),
        [
            (
                "git",
                Some(
                    "not trusted yet; to allow it: toolmill trust git; it wants to use npx -y 'a b'"
                )
            ),
            ("own", None),
            (
                "web",
                Some(
                    "not trusted yet; to allow it: toolmill trust web; it wants to use https://example.org/mcp"
                )
            ),
        ]
    );
    assert_eq!(settings.untrusted[0].variables, ["A_TOKEN=${NOT_SET}"]);

    let mut trust = trust::Store::open(&desk.places.state_dir);
    for request in &settings.untrusted {
        trust.agree(request).unwrap();
    }
    let settings = desk.load(None).unwrap();
    assert!(settings.untrusted.is_empty());
    let found = blocked(&settings);
    assert!(
        found[0]
            .1
            .unwrap()
            .starts_with("the variable NOT_SET is not set")
    );
    assert_eq!(found[2], ("web", None));

    // The same words in another project are another request.
    fs::rename(
        desk.folder.path().join("project"),
        desk.folder.path().join("moved"),
    )
    .unwrap();
    let places = Places {
        working_directory: desk.folder.path().join("moved"),
        ..desk.places.clone()
    };
    let settings = load(None, &places, &trust, &variable_of).unwrap();
    assert_eq!(settings.untrusted.len(), 2);
    let everything = trust::Store::open(&places.state_dir).with_everything();
    let all = load(None, &places, &everything, &variable_of).unwrap();
    assert!(all.untrusted.is_empty());
    assert_eq!(blocked(&all)[2], ("web", None));
    // A file the operator names needs no agreement.
    let named = load(Some(Path::new(".mcp.json")), &places, &trust, &variable_of).unwrap();
    assert!(named.untrusted.is_empty());
    assert_eq!(named.looked_for, named.sources);
}

#[test]
fn a_server_starts_in_no_folder_that_is_not_its_own() {
    let desk = Desk::new(&[
        (
            "home/toolmill.toml",
            "[upstream.a]\ncommand = \"x\"\n[upstream.b]\ncommand = \"x\"\ncwd = \"${PWD}\"",
        ),
        (
            "project/.mcp.json",
            r#"{"mcpServers": {"c": {"command": "x"}}}"#,
        ),
    ]);
    let trust = trust::Store::open(&desk.places.state_dir).with_everything();
    let folder = |name: &str| desk.folder.path().join(name);
    let home = folder("user");
    fs::create_dir_all(&home).unwrap();
    fs::create_dir_all(folder("other")).unwrap();
    let another = "[upstream.c]\ncommand = \"x\"";
    fs::write(folder("other/toolmill.toml"), another).unwrap();
    let environment = |name: &str| match name {
        "HOME" => home.to_str().map(str::to_owned),
        // What a shell left there.
        "PWD" => Some("/elsewhere".to_owned()),
        _ => None,
    };
    let load = |explicit: Option<&str>, working_directory: &str| {
        let places = Places {
            working_directory: folder(working_directory),
            ..desk.places.clone()
        };
        let settings = load(explicit.map(Path::new), &places, &trust, &environment).unwrap();
        let servers = settings
            .upstreams
            .into_iter()
            .map(|one| match one.stanza.transport {
                Transport::Stdio { cwd, .. } => (one.stanza.name, cwd.unwrap(), one.hash),
                Transport::Http { .. } => unreachable!("they have commands"),
            });
        servers.collect::<Vec<_>>()
    };
    let here = load(None, "project");
    let folders: Vec<_> = here
        .iter()
        .map(|(name, cwd, _)| (&name[..], cwd.clone()))
        .collect();
    assert_eq!(
        folders,
        [
            ("a", home.clone()),
            ("b", folder("project")),
            ("c", folder("project"))
        ]
    );
    let named = load(Some("../other/toolmill.toml"), "project");
    assert_eq!(named[0].1, folder("project/../other"));
    // What was allowed for good to one that starts where we are is not allowed to it elsewhere.
    let there = load(None, "other");
    assert_eq!(here[0].2, there[0].2);
    assert_ne!(here[1].2, there[1].2);
}

#[test]
fn what_comes_first_wins_and_says_so() {
    let desk = Desk::new(&[
        ("home/toolmill.toml", "[upstream.x]\ncommand = \"home\""),
        (
            "project/.mcp.json",
            r#"{"mcpServers": {"x": {"command": "claude"}}}"#,
        ),
        (
            "project/toolmill.toml",
            "[upstream.x]\ncommand = \"project\"",
        ),
    ]);
    // Until its user agrees, a project does not take a server away.
    let settings = desk.load(None).unwrap();
    let command = |settings: &Settings| match &settings.upstreams[0].stanza.transport {
        Transport::Stdio { command, .. } => command.clone(),
        Transport::Http { .. } => unreachable!("it has a command"),
    };
    assert_eq!(
        (command(&settings).as_str(), settings.upstreams[0].own),
        ("home", true)
    );
    assert_eq!(
        desk.warnings(),
        ["project/.mcp.json", "project/toolmill.toml"].map(|file| format!(
            "{file} also names x; yours is used. To use the project's instead: toolmill trust x"
        ))
    );
    assert!(
        settings
            .untrusted
            .iter()
            .all(|request| request.replaces_own)
    );
    let mut trust = trust::Store::open(&desk.places.state_dir);
    for request in &settings.untrusted {
        trust.agree(request).unwrap();
    }
    let settings = desk.load(None).unwrap();
    assert_eq!(
        (command(&settings).as_str(), settings.upstreams[0].own),
        ("project", false)
    );
    assert_eq!(
        desk.warnings(),
        [
            "project/.mcp.json also names x, so [upstream.x] from home/toolmill.toml is ignored",
            "project/toolmill.toml also names x, so \"x\" from project/.mcp.json is ignored",
        ]
    );
    let sources: Vec<_> = settings.sources.iter().collect();
    let looked_for: Vec<_> = settings.looked_for.iter().collect();
    assert_eq!(sources, looked_for);
}

#[test]
fn a_project_can_require_more_of_the_sandbox_and_never_less() {
    let required = |own: &str, project: &str| {
        let text = |tier: &str| format!("[sandbox]\nrequire = \"{tier}\"");
        let desk = Desk::new(&[
            ("home/toolmill.toml", &text(own)),
            ("project/toolmill.toml", &text(project)),
        ]);
        desk.load(None).unwrap().require.as_str()
    };
    assert_eq!(required("strict", "full"), "full");
    assert_eq!(required("full", "strict"), "full");
    assert_eq!(required("strict", "strict"), "strict");
}

#[test]
fn a_project_can_tighten_limits_and_decides_nothing_else() {
    let desk = Desk::new(&[
        ("home/toolmill.toml", "[limits]\nthreads = 8\ncalls = 8"),
        (
            "project/toolmill.toml",
            "[limits]\nthreads = 4\ncalls = 9\n[python]\npath = [\"./evil\"]\n\
             [http]\ntoken = \"${GITHUB_TOKEN}\"",
        ),
    ]);
    let settings = desk.load(None).unwrap();
    assert_eq!((settings.limits.threads, settings.limits.calls), (4, 8));
    assert!(settings.python.is_empty() && settings.http_token.is_none());
    assert_eq!(
        desk.warnings(),
        [
            "`calls` in project/toolmill.toml stays at 8: a project cannot raise a limit; \
             raise it in your own toolmill.toml",
            "[python] in project/toolmill.toml is ignored: a project does not decide it; \
             move it to your own toolmill.toml, or start with --config",
            "[http] in project/toolmill.toml is ignored: a project does not decide it; \
             move it to your own toolmill.toml, or start with --config",
        ]
    );
    // In its own folder the user's file is not a project's.
    let places = Places {
        working_directory: desk.places.config_dir.clone(),
        ..desk.places.clone()
    };
    let trust = trust::Store::open(&places.state_dir);
    let settings = load(None, &places, &trust, &variable_of).unwrap();
    assert_eq!((settings.limits.threads, settings.sources.len()), (8, 1));
}

#[test]
fn another_program_s_file_is_taken_as_it_is() {
    let check = |text: &str, warnings: &[&str]| {
        let desk = Desk::new(&[("project/.mcp.json", text)]);
        assert_eq!(desk.warnings(), warnings, "{text}");
    };
    check("{}", &[]);
    check(r#"{"other": 1, "mcpServers": {}}"#, &[]);
    check(
        r#"{"mcpServers": {"x": {"url": "https://x", "env": {}, "timeout": 5}}}"#,
        &[
            "project/.mcp.json: unknown key `timeout` in [mcpServers.x]; \
             known keys: type, command, args, env, cwd, url, headers (ignored)",
        ],
    );
    check(
        r#"{"mcpServers": {"x": {"command": "x", "env": {"A_TOKEN": "tok_1"}}}}"#,
        &[
            "project/.mcp.json: `A_TOKEN` in [mcpServers.x.env] holds a secret; \
             put the secret into a variable and write \"${A_TOKEN}\"",
        ],
    );
    check(
        r#"{"mcpServers": {"My Server": {"command": "x"}}}"#,
        &[
            "project/.mcp.json: `My Server` cannot be the name of a server; use 1 to 64 letters, \
             digits, `_`, `.` and `-`, and no `-` first; this server is left out",
        ],
    );
}

#[test]
fn a_broken_file_of_another_program_is_an_error() {
    let check = |text: &str, expected: &str| {
        let desk = Desk::new(&[("project/.mcp.json", text)]);
        assert_eq!(
            desk.load(None).unwrap_err(),
            format!("project/.mcp.json{expected}")
        );
    };
    check(
        "{",
        ":1: this is not JSON: the file ends too early in column 1",
    );
    check(
        r#"{"mcpServers": []}"#,
        ": `mcpServers` must be a table, not a list",
    );
    check(
        r#"{"mcpServers": {"x": {}}}"#,
        ": neither `command` nor `url` in [mcpServers.x]; add one",
    );
    check(
        r#"{"mcpServers": {"x": {"command": "a", "url": "b"}}}"#,
        ": both `command` and `url` in [mcpServers.x]; keep one",
    );
    check(
        r#"{"mcpServers": {"x": {"command": null, "url": "b"}}}"#,
        ": `command` in [mcpServers.x] must be a string, not null",
    );
}

#[test]
fn a_transport_we_do_not_speak_blocks_its_server() {
    let desk = Desk::new(&[(
        "project/s.json",
        r#"{"mcpServers": {"x": {"type": "sse", "url": "https://x"}}}"#,
    )]);
    assert_eq!(
        blocked(&desk.load(Some("s.json")).unwrap()),
        [(
            "x",
            Some("its type `sse` is not supported; use stdio or http")
        )]
    );
}

#[test]
fn trust_that_cannot_be_read_is_a_warning() {
    let desk = Desk::new(&[]);
    fs::create_dir(&desk.places.state_dir).unwrap();
    fs::write(desk.places.state_dir.join("trust.json"), "{\"schema\":9}").unwrap();
    assert_eq!(
        desk.warnings(),
        [
            "state/trust.json is of schema version 9, and this toolmill reads up to 1; \
             it is left as it is: use the newer toolmill"
        ]
    );
}

#[test]
fn a_missing_token_is_a_warning() {
    let desk = Desk::new(&[("home/toolmill.toml", "[http]\ntoken = \"${NOT_SET}\"")]);
    assert_eq!(
        desk.warnings(),
        [
            "home/toolmill.toml:2: `token` in [http]: the variable NOT_SET is not set; \
             set it where toolmill is started, or write ${NOT_SET:-default}"
        ]
    );
    assert!(desk.load(None).unwrap().http_token.is_none());
}

#[test]
fn names_of_secrets_are_recognised() {
    for (name, secret) in [
        ("GITHUB_TOKEN", true),
        ("github_token", true),
        ("X-Auth-Token", true),
        ("OPENAI_API_KEY", true),
        ("APIKEY", true),
        ("x-api-key", true),
        ("Authorization", true),
        ("Proxy-Authorization", true),
        ("Cookie", true),
        ("DB_PASSWORD", true),
        ("PASSWD", true),
        ("CLIENT_SECRET", true),
        ("SSH_PRIVATE_KEY", true),
        ("GITHUB_TOKEN_FILE", false),
        ("PRIVATE_KEY_PATH", false),
        ("TOKEN_URL", false),
        ("MAX_TOKENS", false),
        ("TOKENIZERS_PARALLELISM", false),
        ("PATH", false),
        ("KEYBOARD", false),
    ] {
        assert_eq!(names_a_secret(name), secret, "{name}");
    }
}
