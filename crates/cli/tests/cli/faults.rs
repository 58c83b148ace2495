//! Machines on which a layer of the sandbox cannot be set up, or only seems to be: an outer filter
//! answers one system call in the kernel's place.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::place::{LANGUAGES, Place, fake, run, tier_here, under};

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// Success without effect.
const PRETEND: u32 = 0;

fn filter() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_toolmill")).with_file_name("examples/deny_syscall");
    assert!(
        program.exists(),
        "{} is missing; build it with: cargo build -p toolmill-sandbox --examples",
        program.display()
    );
    program
}

/// What `run --json` says of a program below a filter that gives `answer` to `call`. The program
/// would print, write a file and call a tool.
fn attempt(language: &str, call: &str, answer: u32) -> (i32, Value) {
    attempt_with("", language, call, answer)
}

fn attempt_with(settings: &str, language: &str, call: &str, answer: u32) -> (i32, Value) {
    let code = match language {
        "python" => {
            "print('I run')\nopen('file', 'w').write('x')\ntools.fake.write(key='k', value='v')"
        }
        _ => "console.log('I run'); await tools.fake.write({key: 'k', value: 'v'})",
    };
    let place = Place::new("");
    let log = place.path("methods");
    let server = fake("fake", &["--log-methods", log.to_str().unwrap()]);
    let settings = format!("{settings}\n{server}");
    place.write("config/toolmill/toolmill.toml", &settings);
    let mut outer = Command::new(filter());
    outer.args([call, &answer.to_string()]);
    let inner = place.command(&["run", "--json", "--language", language, "-"]);
    let (exit, json) = run(under(outer, &inner), code);
    if json["ok"] == false {
        assert_eq!(json["stdout"], "", "{json:#}");
        assert_eq!(json["calls"], serde_json::json!([]), "{json:#}");
        let methods = std::fs::read_to_string(log).unwrap_or_default();
        assert!(!methods.contains("tools/call"), "{methods}");
    }
    (exit, json)
}

/// Each answer to `call` must be met by an error that names what is missing, and nothing runs.
fn check(languages: &[&str], call: &str, answers: &[u32], named: &[&str]) {
    for language in languages {
        for answer in answers {
            let (exit, json) = attempt(language, call, *answer);
            let case = format!("{language}: {call} answers {answer}: {json:#}");
            assert_eq!(exit, 4, "{case}");
            assert_eq!(json["error"]["code"], "sandbox", "{case}");
            let message = json["error"]["message"].as_str().unwrap();
            assert!(named.iter().any(|name| message.contains(name)), "{case}");
        }
    }
}

const REFUSED: [u32; 2] = [EPERM, ENOSYS];
const ANY: [u32; 3] = [EPERM, ENOSYS, PRETEND];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn without_the_filter_above_it_the_program_does_all_that() {
    for language in LANGUAGES {
        // A call nobody makes: argument 0 of prctl is never that.
        let (exit, json) = attempt(language, "prctl/0=4294967295", EPERM);
        assert_eq!(exit, 0, "{json:#}");
        assert_eq!(json["stdout"], "I run\n");
        assert_eq!(json["calls"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn without_landlock_nothing_runs() {
    check(
        &LANGUAGES,
        "landlock_create_ruleset",
        &REFUSED,
        &["Landlock"],
    );
    // The question for its version is answered by the kernel, the rest is not.
    check(
        &LANGUAGES,
        "landlock_create_ruleset/1!0",
        &REFUSED,
        &["landlock_ruleset"],
    );
    // The descriptor it claims to have made is none of a ruleset.
    check(
        &LANGUAGES,
        "landlock_create_ruleset/1!0",
        &[PRETEND],
        &["landlock_rule", "landlock_restrict"],
    );
    // JavaScript has no rule: it may open nothing.
    check(
        &["python"],
        "landlock_add_rule",
        &REFUSED,
        &["landlock_rule"],
    );
    check(
        &LANGUAGES,
        "landlock_restrict_self",
        &REFUSED,
        &["landlock_restrict"],
    );
    check(
        &LANGUAGES,
        "landlock_restrict_self",
        &[PRETEND],
        &["open_outside"],
    );
}

#[test]
fn a_guest_that_was_not_left_one_workspace_runs_nothing() {
    // The descriptor of the rules that a guest completes when it has a program.
    let python = &["python"];
    check(python, "dup3/1=9", &REFUSED, &["landlock_keep"]);
    check(python, "dup3/1=9", &[PRETEND], &["landlock_rule"]);
    check(
        python,
        "landlock_add_rule/0=9",
        &REFUSED,
        &["landlock_rule"],
    );
    let restrict = "landlock_restrict_self/0=9";
    check(python, restrict, &REFUSED, &["landlock_restrict"]);
    check(python, restrict, &[PRETEND], &["open_other_workspace"]);
}

#[test]
fn without_a_system_call_filter_nothing_runs() {
    check(&LANGUAGES, "seccomp", &REFUSED, &["system_call_filter"]);
    check(
        &LANGUAGES,
        "seccomp",
        &[PRETEND],
        &["the probe socket met no resistance"],
    );
}

#[test]
fn without_the_promise_of_no_new_privileges_nothing_runs() {
    let call = "prctl/0=38";
    check(&LANGUAGES, call, &REFUSED, &["no_new_privileges"]);
    // An ordinary user's outer filter needs that promise itself, so there it is kept.
    if is_root() {
        // The kernel lets nobody else restrict himself.
        check(
            &LANGUAGES,
            call,
            &[PRETEND],
            &["landlock_restrict", "NoNewPrivs"],
        );
    }
}

#[test]
fn a_guest_that_others_may_look_into_runs_nothing() {
    let call = "prctl/0=4";
    check(&LANGUAGES, call, &REFUSED, &["non_dumpable"]);
    // The change of user makes a process of root's non-dumpable too, until it executes another.
    let languages: &[&str] = if is_root() { &["python"] } else { &LANGUAGES };
    check(languages, call, &[PRETEND], &["non_dumpable"]);
}

#[test]
fn without_giving_up_capabilities_nothing_runs() {
    // By then there are none, so that its pretended success is no lie.
    check(&LANGUAGES, "capset", &REFUSED, &["no_capabilities"]);
}

#[test]
fn without_limits_a_workspace_or_an_end_nothing_runs() {
    // Those that set a limit; reading one is answered by the kernel.
    check(&LANGUAGES, "prlimit64/2!0", &ANY, &["limit_address_space"]);
    check(&LANGUAGES, "close_range", &ANY, &["close_descriptors"]);
    // An interpreter is tried in a folder of its own before it is used.
    let named = ["workspace", "no usable python3"];
    check(&LANGUAGES, "chdir", &ANY, &named);
    check(&LANGUAGES, "prctl/0=1", &ANY, &["die_with_parent"]);
}

#[test]
fn a_guest_of_root_that_cannot_become_nobody_runs_nothing() {
    if !is_root() {
        eprintln!("not run: only root's guests change their user");
        return;
    }
    check(&LANGUAGES, "setresuid", &REFUSED, &["unprivileged_uid"]);
    // Python's files are opened for its rules first, by one whose capabilities are half gone.
    check(
        &LANGUAGES,
        "setresuid",
        &[PRETEND],
        &["unprivileged_uid", "landlock_open"],
    );
    check(&LANGUAGES, "setresgid", &ANY, &["unprivileged_gid"]);
    check(&LANGUAGES, "setgroups", &REFUSED, &["no_groups"]);
    check(&LANGUAGES, "prctl/0=24", &ANY, &["bounding_set"]);
}

/// What the full tier is made of: calls, the answers to try, and the names one of which must be said.
/// The refusal of clone3 is what Docker's default profile and a host without user namespaces do.
const FULL_TIER: [(&str, &[u32], &[&str]); 9] = [
    // With any other answer the C library itself can start no process.
    ("clone3", &[ENOSYS], &["namespaces"]),
    // Raises a capability over the execution of the launcher; without it no mount can be made.
    ("prctl/0=47", &REFUSED, &["keep_capabilities"]),
    ("prctl/0=47", &[PRETEND], &["bounding_set", "root_"]),
    (
        "open_tree",
        &ANY,
        &["root_tree", "root_rights", "root_mount"],
    ),
    ("mount_setattr", &ANY, &["root_rights"]),
    ("mount", &ANY, &["root_mount"]),
    ("move_mount", &ANY, &["root_attach"]),
    ("pivot_root", &ANY, &["root_pivot", "root_detach"]),
    ("umount2", &ANY, &["root_detach"]),
];

#[test]
fn where_the_full_tier_cannot_be_had_the_strict_one_is_used_or_nothing_runs() {
    if tier_here() != "full" {
        eprintln!("not run: this machine has no namespaces to give");
        return;
    }
    for language in LANGUAGES {
        let name = ("sethostname", &ANY[..], &["host_name"][..]);
        for (call, answers, named) in FULL_TIER.into_iter().chain([name]) {
            // JavaScript's root is empty.
            if language != "python" && ["open_tree", "move_mount"].contains(&call) {
                continue;
            }
            for answer in answers {
                let case = format!("{language}: {call} answers {answer}");
                let (exit, json) = attempt(language, call, *answer);
                assert_eq!(
                    (exit, &json["tier"]),
                    (0, &"strict".into()),
                    "{case}: {json:#}"
                );
                assert_eq!(json["stdout"], "I run\n", "{case}");

                let require = "[sandbox]\nrequire = \"full\"";
                let (exit, json) = attempt_with(require, language, call, *answer);
                assert_eq!(exit, 4, "{case}: {json:#}");
                let message = json["error"]["message"].as_str().unwrap();
                assert!(
                    named.iter().any(|name| message.contains(name)),
                    "{case}: {message}"
                );
                assert!(message.contains("sandbox.require"), "{case}: {message}");
                assert_eq!(
                    (&json["stdout"], &json["tier"]),
                    (&"".into(), &Value::Null),
                    "{case}"
                );
            }
        }
        let (exit, json) = attempt_with("[sandbox]\nrequire = \"full\"", language, "mount/0=1", 1);
        assert_eq!((exit, &json["tier"]), (0, &"full".into()), "{json:#}");
    }
}

#[test]
fn a_guest_of_the_full_tier_sees_no_other_process_and_a_root_of_its_own() {
    if tier_here() != "full" {
        eprintln!("not run: this machine has no namespaces to give");
        return;
    }
    let place = Place::with_fake();
    let seen = place.value(
        "python",
        "
import os
names = ['etc', 'home', 'proc', 'sys', 'dev', 'root', 'bin', 'sbin', 'boot', 'run']
def is_there(path):
    try:
        os.stat(path)
        return True
    except FileNotFoundError:
        return False
[os.getppid(), os.uname().nodename, [name for name in names if is_there('/' + name + '/.')],
 os.path.exists('/etc/passwd')]
",
    );
    assert_eq!(seen[0], 1);
    assert_eq!(seen[1], "toolmill");
    // The cache of library paths is below /etc, and nothing else of it.
    assert_eq!(seen[2], serde_json::json!(["etc"]));
    assert_eq!(seen[3], false);
}

/// `setpriv` of util-linux, by which these tests become somebody else.
fn setpriv() -> Option<Command> {
    if !is_root() {
        eprintln!("not run: only root can become somebody else");
        return None;
    }
    match Command::new("setpriv").arg("--version").output() {
        Ok(_) => Some(Command::new("setpriv")),
        Err(error) => {
            eprintln!("not run (1 test): setpriv of util-linux is missing: {error}");
            None
        }
    }
}

#[test]
fn groups_that_do_not_go_away_are_seen() {
    let Some(mut groups) = setpriv() else { return };
    groups.args(["--groups", "4"]).arg(filter());
    groups.args(["setgroups", "0"]);
    let place = Place::with_fake();
    let inner = place.command(&["run", "--json", "--language", "python", "-"]);
    let (exit, json) = run(under(groups, &inner), "print('I run')");
    assert_eq!(exit, 4, "{json:#}");
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.contains("no_groups"), "{message}");
    assert_eq!(json["stdout"], "");
}

#[test]
fn an_ordinary_user_has_the_same_sandbox() {
    const USER: u32 = 1000;
    let Some(_) = setpriv() else { return };
    let place = Place::with_fake();
    // Where the user may execute it, wherever this was built.
    let toolmill = place.path("toolmill");
    std::fs::copy(env!("CARGO_BIN_EXE_toolmill"), &toolmill).unwrap();
    let server = Path::new(env!("CARGO_BIN_EXE_toolmill")).with_file_name("examples/fake_upstream");
    std::fs::copy(server, place.path("fake_upstream")).unwrap();
    place.write(
        "config/toolmill/toolmill.toml",
        &format!(
            "[upstream.fake]\ncommand = {:?}\n",
            place.path("fake_upstream")
        ),
    );
    give(&place.path(""), USER);
    let as_user = |arguments: &[&str]| {
        let mut outer = setpriv().unwrap();
        outer.args([format!("--reuid={USER}"), format!("--regid={USER}")]);
        outer.arg("--clear-groups").arg(&toolmill).args(arguments);
        let inner = place.command(&[]);
        // `under` appends the program; this one stands in front of it.
        let mut command = outer;
        command
            .current_dir(inner.get_current_dir().unwrap())
            .env_clear()
            .envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command
    };
    let python = "
import os
open('mine', 'w').write('x')
[tools.fake.echo(text='here'), os.getuid(), os.getcwd(), open('mine').read()]
";
    let (exit, json) = run(
        as_user(&["run", "--json", "--language", "python", "-"]),
        python,
    );
    assert_eq!(exit, 0, "{json:#}");
    assert_eq!(json["tier"], tier_here());
    let value = json["value"].as_array().unwrap();
    assert_eq!((&value[0], &value[1]), (&"here".into(), &USER.into()));
    assert_eq!(value[3], "x");
    let workspaces = place.path("state/toolmill/workspaces");
    assert!(
        Path::new(value[2].as_str().unwrap()).starts_with(&workspaces),
        "{json:#}"
    );
    let typescript = "const said: string = await tools.fake.echo({text: 'here'}); said";
    let (exit, json) = run(
        as_user(&["run", "--json", "--language", "typescript", "-"]),
        typescript,
    );
    assert_eq!(
        (exit, json["value"].as_str()),
        (0, Some("here")),
        "{json:#}"
    );
    // Nothing in it is refused or missing for lack of root.
    let escape = "open('/etc/passwd').read()";
    let (exit, json) = run(
        as_user(&["run", "--json", "--language", "python", "-"]),
        escape,
    );
    assert_eq!(exit, 1, "{json:#}");
    let folder = std::fs::metadata(&workspaces).unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!((folder.uid(), folder.mode() & 0o777), (USER, 0o700));
}

/// Makes a folder and all in it a user's.
pub(crate) fn give(folder: &Path, user: u32) {
    std::os::unix::fs::chown(folder, Some(user), Some(user)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            give(&path, user);
        } else {
            std::os::unix::fs::chown(&path, Some(user), Some(user)).unwrap();
        }
    }
}
