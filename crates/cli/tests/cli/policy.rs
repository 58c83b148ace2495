//! Which calls may pass: rules, marks, approvals, quotas, dry runs. What a server was really called is
//! read from its own record.

use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};

use crate::place::{Agent, Place, at_terminal, fake};

/// A place whose server `fake` records what it is called, with more settings around its stanza.
struct Desk {
    place: Place,
}

impl Desk {
    fn new(before: &str, stanza: &str, after: &str) -> Desk {
        let desk = Desk {
            place: Place::new(""),
        };
        desk.settings(before, stanza, after);
        desk
    }

    fn settings(&self, before: &str, stanza: &str, after: &str) {
        let record = self.place.path("record");
        let server = fake("fake", &["--record", record.to_str().unwrap()]);
        let text = format!("{before}\n{server}{stanza}\n{after}\n");
        self.place.write("config/toolmill/toolmill.toml", &text);
    }

    /// What the server was called since the last look: tools with their arguments.
    fn called(&self) -> Vec<String> {
        let path = self.place.path("record");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        // It is appended to, by servers that still run too.
        if let Ok(file) = std::fs::File::options().write(true).open(&path) {
            file.set_len(0).unwrap();
        }
        let calls = text.lines().map(|line| {
            let call: Value = serde_json::from_str(line).unwrap();
            format!("{} {}", call["tool"].as_str().unwrap(), call["arguments"])
        });
        calls.collect()
    }

    /// What the journal says of the last execution, without times and ids.
    fn trace(&self) -> Vec<String> {
        let trace = said(&self.place.output(&["trace", "last"]));
        let lines = trace.1.lines().filter_map(|line| {
            let (_, what) = line.split_once("  ")?;
            let asked = ["not sent", "asked", "answered", "call"];
            let what = asked
                .iter()
                .any(|one| what.starts_with(one))
                .then_some(what)?;
            Some(what.split(", ").next().unwrap_or(what).to_owned())
        });
        lines.collect()
    }

    /// Runs a program with `--yes`: its value and how often it asked.
    fn approved(&self, language: &str, code: &str) -> (Value, Vec<String>) {
        self.place.write("work/program", code);
        let output =
            self.place
                .output(&["run", "--json", "--yes", "--language", language, "program"]);
        let (_, stdout, stderr) = said(&output);
        let json: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(json["ok"], true, "{json:#}");
        (
            json["value"].clone(),
            stderr.lines().map(str::to_owned).collect(),
        )
    }

    /// Runs a command at a terminal at which somebody waits for a text and types an answer to it, again
    /// and again; returns the exit code and what was shown.
    fn at_terminal(&self, arguments: &[&str], dialogue: &[(&str, &str)]) -> (i32, String) {
        let command = self.place.command(arguments);
        let output = at_terminal(&command, 200, Duration::ZERO, dialogue)
            .output()
            .unwrap();
        let (exit, shown, stderr) = said(&output);
        assert_eq!(stderr, "", "{shown}");
        (exit, shown.replace("\r\n", "\n"))
    }
}

fn said(output: &Output) -> (i32, String, String) {
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
    )
}

fn agent(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

#[test]
fn where_nobody_can_be_asked_a_destructive_call_is_not_sent_and_says_what_to_write() {
    let desk = Desk::new("", "", "");
    let needed = "fake.erase was not sent: it needs a human's approval (its server marks it destructive), and \
                  nobody can be asked here. A human allows it by the line \"fake.erase\" = \"allow\" under [rules] \
                  in toolmill.toml, or at a terminal by: toolmill policy --allow fake.erase";
    let (exit, error) = desk.place.error(
        "python",
        "tools.fake.write(key='a', value='1')\ntools.fake.erase()",
    );
    assert_eq!((exit, &error["code"]), (1, &json!("approval_needed")));
    assert_eq!(error["message"], needed);
    assert_eq!(desk.called(), [r#"write {"key":"a","value":"1"}"#]);
    assert_eq!(desk.trace()[2..], ["not sent: fake.erase: nobody_to_ask"]);
    for (language, code) in [
        (
            "python",
            "try:\n    tools.fake.erase()\nexcept ToolError as e:\n    r = [e.code, e.tool, e.server, e.retryable]\nr",
        ),
        (
            "typescript",
            "let r; try { await tools.fake.erase() } catch (e) { r = [e.code, e.tool, e.server, e.retryable] } r",
        ),
    ] {
        let value = desk.place.value(language, code);
        assert_eq!(
            value,
            json!(["approval_needed", "fake.erase", "fake", false])
        );
    }
    let (exit, _, stderr) = said(&desk.place.output(&["call", "fake.erase"]));
    assert_eq!(exit, 1);
    assert_eq!(
        stderr,
        format!("error approval_needed: {needed}\nnext: the same with --yes, or at a terminal\n")
    );
    assert_eq!(desk.called(), [""; 0]);
    // The line it names is what is missing, and --yes says it for one call.
    let (exit, stdout, stderr) = said(&desk.place.output(&["call", "fake.erase", "--yes"]));
    assert_eq!(
        (exit, &stdout[..], &stderr[..]),
        (0, "erased\n", "approved by --yes: fake.erase ×1\n")
    );
    desk.settings("", "", "[rules]\n\"fake.erase\" = \"allow\"");
    assert_eq!(desk.place.value("python", "tools.fake.erase()"), "erased");
    assert_eq!(desk.called(), ["erase {}", "erase {}"]);
}

#[test]
fn a_rule_that_denies_is_met_by_programs_calls_and_approvals_and_reloaded_while_they_run() {
    let rules = "[rules]\n\"fake.*\" = \"deny\"\n\"*.echo\" = \"allow\"\n";
    let desk = Desk::new("", "", rules);
    let file = desk.place.path("config/toolmill/toolmill.toml");
    let denied = format!(
        "denied: rule \"fake.*\" in {}; fake.write was not sent",
        file.display()
    );
    for (language, code) in [
        (
            "python",
            "try:\n    tools.fake.write(key='a', value='1')\nexcept ToolError as e:\n    r = [e.code, e.message]\nr + [tools.fake.echo(text='b')]",
        ),
        (
            "typescript",
            "let r; try { await tools.fake.write({key: 'a', value: '1'}) } catch (e) { r = [e.code, e.message] } [...r, await tools.fake.echo({text: 'b'})]",
        ),
    ] {
        let (value, asked) = desk.approved(language, code);
        assert_eq!(value, json!(["denied", denied, "b"]));
        assert_eq!(asked, [""; 0]);
    }
    let mut agent = agent(&desk.place);
    let write = "tools.fake.write(key='a', value='1')";
    let (text, is_error) = agent.execute("python", write);
    assert!(is_error && text.contains(&denied), "{text}");
    desk.settings(
        "",
        "",
        "[rules]\n\"fake.*\" = \"ask\"\n\"fake.write\" = \"allow\"\n",
    );
    let (exit, stdout, _) = said(&desk.place.output(&["reload"]));
    assert_eq!(
        (exit, stdout.ends_with(": 1 servers\n")),
        (0, true),
        "{stdout}"
    );
    let (text, is_error) = agent.execute("python", write);
    assert!(!is_error && text.ends_with("\nwritten"), "{text}");
    desk.settings("", "", "[rules]\n\"fake.*\" = \"no\"\n");
    let (exit, _, stderr) = said(&desk.place.output(&["reload"]));
    assert!(
        exit == 5
            && stderr
                .contains("rule \"fake.*\" must be \"allow\", \"ask\" or \"deny\", not \"no\""),
        "{stderr}"
    );
    assert!(!agent.execute("python", write).1);
}

#[test]
fn a_hundred_calls_that_ask_at_once_are_one_question_and_others_go_on_meanwhile() {
    let desk = Desk::new("", "", "[rules]\n\"fake.write\" = \"ask\"\n");
    for (language, code) in [
        (
            "python",
            "import asyncio
async def main():
    asking = [tools.fake.write(key=str(i), value='x') for i in range(100)]
    reading = [tools.fake.echo(text=str(i)) for i in range(20)]
    return len(await asyncio.gather(*asking, *reading))
await main()",
        ),
        (
            "typescript",
            "const asking = [...Array(100).keys()].map(i => tools.fake.write({key: `${i}`, value: 'x'}));
const reading = [...Array(20).keys()].map(i => tools.fake.echo({text: `${i}`}));
(await Promise.all([...asking, ...reading])).length",
        ),
    ] {
        let (value, asked) = desk.approved(language, code);
        assert_eq!(value, 120);
        assert_eq!(asked, ["approved by --yes: fake.write ×100"], "{language}");
        let called = desk.called();
        // What asks nothing was made before anybody was asked, and each call was made once.
        let (before, after) = called.split_at(20);
        assert!(before.iter().all(|call| call.starts_with("echo")), "{called:?}");
        let mut keys: Vec<&String> = after.iter().collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 100, "{called:?}");
        let trace = desk.trace();
        let count = |what: &str| trace.iter().filter(|line| **line == what).count();
        assert_eq!(count("asked: fake.write"), 100);
        assert_eq!(count("answered: fake.write: approved"), 100);
    }
    // One after the other they are as many questions.
    let (value, asked) = desk.approved(
        "python",
        "[tools.fake.write(key=str(i), value='x') for i in range(2)]",
    );
    assert_eq!(value, json!(["written", "written"]));
    assert_eq!(asked, ["approved by --yes: fake.write ×1"; 2]);
}

#[test]
fn a_human_at_a_terminal_sees_what_will_be_sent_and_allows_some_of_it() {
    let desk = Desk::new("", "", "[rules]\n\"fake.write\" = \"ask\"\n");
    let long = "y".repeat(5000);
    desk.place.write(
        "work/two.py",
        &format!(
            "import asyncio
calls = [
    tools.fake.write(key='one\\n  2. fake.echo\\x1b[2K\\u202e', value='v'),
    tools.fake.write(key='two', value='{long}'), tools.fake.write(key='three', value='v')]
await asyncio.gather(*calls, return_exceptions=True)
"
        ),
    );
    let (exit, shown) = desk.at_terminal(
        &["run", "--json", "two.py"],
        &[
            ("[N]o, none: ", "s\n"),
            ("1. fake.write: ", "\n"),
            ("2. fake.write: ", "y\n"),
            ("3. fake.write: ", "no\n"),
        ],
    );
    assert_eq!(exit, 0, "{shown}");
    let file = desk.place.path("config/toolmill/toolmill.toml");
    let because = format!("asked because: rule \"fake.write\" in {}", file.display());
    let head = "y".repeat(140);
    let tail = "y".repeat(40);
    let lines =
        "     line 3: tools.fake.write(key='one\\n  2. fake.echo\\x1b[2K\\u202e', value='v'),\n";
    let question = shown.split("send them?").next().unwrap();
    // A line that is too long goes on behind our own blanks.
    let question = question.replace(&format!("\n{}", " ".repeat(12)), "");
    assert!(
        question.contains(&format!(
            "these 3 calls wait for your approval; nothing is sent before it:
  1. fake.write of server fake
     sends: {{\"key\": \"one\\n  2. fake.echo\\u001b[2K\\u202e\", \"value\": \"v\"}}
{lines}"
        )),
        "{question}"
    );
    assert!(
        question.contains(&format!(
            "  2. fake.write of server fake
     sends: {{\"key\": \"two\", \"value\": \"{head}\" …(4820 characters are not shown)… \"{tail}\"}}\
(cut; all 5024 bytes are kept as r_1)\n"
        )),
        "{question}"
    );
    assert_eq!(question.matches(&because).count(), 3, "{question}");
    assert!(
        !question.contains('\u{1b}') && !question.contains('\u{202e}'),
        "{question}"
    );
    let called = desk.called();
    assert_eq!(
        called,
        [format!("write {{\"key\":\"two\",\"value\":\"{long}\"}}")]
    );
    let trace = desk.trace();
    assert!(
        trace.contains(&"answered: fake.write: denied".to_owned()),
        "{trace:?}"
    );
}

#[test]
fn what_nobody_approved_is_denied_and_the_program_goes_on() {
    let desk = Desk::new("policy = \"careful\"", "", "");
    for (language, code) in [
        (
            "python",
            "def t(f):\n    try:\n        return f()\n    except ToolError as e:\n        return [e.code, e.message]\nt(lambda: tools.fake.echo(text='a'))",
        ),
        (
            "typescript",
            "let r; try { r = await tools.fake.echo({text: 'a'}) } catch (e) { r = [e.code, e.message] } r",
        ),
    ] {
        desk.place.write("work/program", code);
        let arguments = ["run", "--language", language, "program"];
        let (exit, shown) = desk.at_terminal(&arguments, &[("[N]o: ", "n\n")]);
        assert_eq!(exit, 0, "{shown}");
        let denied = "\n[\"denied\",\"denied: not approved; fake.echo was not sent\"]\n";
        assert!(shown.ends_with(denied), "{shown}");
        assert!(shown.contains("the policy is careful, and no trusted server marks it read-only"));
        assert_eq!(desk.called(), [""; 0]);
    }
    let (exit, shown) = desk.at_terminal(
        &["call", "fake.echo", "{\"text\": \"a\"}"],
        &[("[N]o: ", "y\n")],
    );
    assert!(exit == 0 && shown.ends_with("\na\n"), "{shown}");
    // A careful policy trusts whom the settings trust.
    desk.settings("policy = \"careful\"", "trust = \"annotations\"", "");
    assert_eq!(desk.place.value("python", "tools.fake.echo(text='a')"), "a");
    let (_, error) = desk
        .place
        .error("python", "tools.fake.write(key='a', value='b')");
    assert_eq!(error["code"], "approval_needed");
}

#[test]
fn what_is_allowed_for_good_is_listed_bound_to_the_tool_and_forgotten() {
    let desk = Desk::new("", "", "");
    desk.place.write("work/erase.py", "tools.fake.erase()");
    let allow = [("[a]lways from now on, [N]o: ", "a\n")];
    let (exit, shown) = desk.at_terminal(&["run", "erase.py"], &allow);
    assert!(exit == 0 && shown.ends_with("erased\n"), "{shown}");
    assert_eq!(desk.place.value("python", "tools.fake.erase()"), "erased");
    let explained = |desk: &Desk| said(&desk.place.output(&["policy", "fake.erase"])).1;
    assert_eq!(
        explained(&desk),
        "fake.erase: allow
  because: allowed for good in an approval
  its server says: readOnlyHint false, destructiveHint true (not trusted, so this can only tighten)
  allowed for good by a human; to take that back: toolmill policy --forget fake.erase\n"
    );
    // Another stanza is another server.
    desk.settings("", "cwd = \"/\"", "");
    let asks = "fake.erase: ask
  because: its server marks it destructive
  its server says: readOnlyHint false, destructiveHint true (not trusted, so this can only tighten)
  to allow it for good: toolmill policy --allow fake.erase\n";
    assert_eq!(explained(&desk), asks);
    let (_, list, _) = said(&desk.place.output(&["policy"]));
    assert!(
        list.contains("note: fake.erase was allowed for good, which has no effect now"),
        "{list}"
    );
    desk.settings("", "", "");
    // A gateway that runs goes by it, and by its end.
    let mut agent = agent(&desk.place);
    assert!(!agent.execute("python", "tools.fake.erase()").1);
    let (exit, stdout, _) = said(
        &desk
            .place
            .output(&["policy", "--forget", "tools.fake.erase"]),
    );
    assert_eq!(
        (exit, &stdout[..]),
        (0, "fake.erase is asked about again\n")
    );
    let (told, _) = agent.execute("python", "tools.fake.erase()");
    let waits = "waiting for approval of 1 call (fake.erase)";
    assert!(told.contains(waits), "{told}");
    assert_eq!(explained(&desk), asks);
    let (exit, _, stderr) = said(&desk.place.output(&["policy", "--forget", "fake.erase"]));
    assert_eq!(
        (exit, &stderr[..]),
        (
            1,
            "toolmill: fake.erase was not allowed for good; `toolmill policy` shows what decides about each tool\n"
        )
    );
    // By the command that an error names, which wants a terminal.
    let (exit, _, stderr) = said(&desk.place.output(&["policy", "--allow", "fake.erase"]));
    assert!(
        exit == 1 && stderr.contains("there is no terminal to ask on"),
        "{stderr}"
    );
    let (exit, shown) =
        desk.at_terminal(&["policy", "--allow", "fake.erase"], &[("[y/N] ", "y\n")]);
    assert!(
        exit == 0 && shown.contains("fake.erase is allowed"),
        "{shown}"
    );
    assert!(!agent.execute("python", "tools.fake.erase()").1);
    // It never stands above a rule that denies.
    desk.settings("", "", "[rules]\n\"*.erase\" = \"deny\"");
    let (_, error) = desk.place.error("python", "tools.fake.erase()");
    assert_eq!(error["code"], "denied");
}

#[test]
fn policy_says_of_each_tool_what_decides() {
    let rules = "[rules]\n\"*.e*\" = \"ask\"\n\"fake.echo\" = { policy = \"allow\", max_calls = 3 }\n\"*.wri*\" = { max_calls = 5 }\n\"lost.*\" = \"deny\"\n";
    let desk = Desk::new("", "", rules);
    let file = desk
        .place
        .path("config/toolmill/toolmill.toml")
        .display()
        .to_string();
    desk.place.write(
        "work/toolmill.toml",
        "[rules]\n\"fake.echo_json\" = \"deny\"\n\"*\" = \"allow\"\n",
    );
    let theirs = desk.place.path("work/toolmill.toml").display().to_string();
    let (exit, list, stderr) = said(&desk.place.output(&["policy"]));
    assert_eq!(exit, 0, "{stderr}");
    assert!(
        stderr.contains("`*` = \"allow\" is ignored: a project cannot allow anything"),
        "{stderr}"
    );
    let row = |tool: &str| {
        let row = list
            .lines()
            .find(|line| line.starts_with(&format!("{tool} ")));
        let row = row.unwrap_or_else(|| panic!("{tool}: {list}"));
        let cells = row
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        cells.skip(1).collect::<Vec<_>>().join(" | ")
    };
    for (tool, expected) in [
        (
            "fake.echo",
            format!("allow | rule \"fake.echo\" in {file}; at most 3 calls of fake.echo a run"),
        ),
        (
            "fake.echo_json",
            format!("deny | rule \"fake.echo_json\" in {theirs}"),
        ),
        ("fake.erase", format!("ask | rule \"*.e*\" in {file}")),
        (
            "fake.write",
            "allow | nothing marks it destructive; at most 5 calls of *.wri* a run".into(),
        ),
        ("fake.die", "ask | its server marks it destructive".into()),
    ] {
        assert_eq!(row(tool), expected);
    }
    assert!(
        list.contains(&format!(
            "note: rule \"lost.*\" in {file} fits no tool that is listed now\n"
        )),
        "{list}"
    );
    let (_, json, _) = said(&desk.place.output(&["policy", "--json", "fake.echo_json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["policy"], &json["trusted"]),
        (&json!("deny"), &json!(false))
    );
    assert_eq!(json["rules"][0]["file"], theirs);
    let (_, json, _) = said(&desk.place.output(&["policy", "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    let tools = json["tools"].as_array().unwrap();
    assert!(
        tools
            .iter()
            .any(|tool| tool["tool"] == "fake.erase" && tool["policy"] == "ask")
    );
    let (exit, _, stderr) = said(&desk.place.output(&["policy", "fake.ecko"]));
    assert!(exit == 2 && stderr.contains("fake.echo"), "{stderr}");
    // At a terminal of 200 columns nothing is cut off or broken.
    let (_, shown) = desk.at_terminal(&["policy"], &[]);
    assert!(
        shown
            .lines()
            .all(|line| line.starts_with("note: ") || line.chars().count() < 220),
        "{shown}"
    );
}

#[test]
fn quotas_bound_the_calls_of_a_run() {
    let desk = Desk::new(
        "",
        "",
        "[rules]\n\"fake.write\" = { max_calls = 2 }\n\"*.wr*\" = { max_calls = 9 }\n",
    );
    for (language, code) in [
        (
            "python",
            "n = 0\ntry:\n    for i in range(5):\n        tools.fake.write(key=str(i), value='')\n        n += 1\nexcept ToolError as e:\n    r = [n, e.code, e.message]\nr",
        ),
        (
            "typescript",
            "let n = 0, r; try { for (let i = 0; i < 5; i++) { await tools.fake.write({key: `${i}`, value: ''}); n++ } } catch (e) { r = [n, e.code, e.message] } r",
        ),
    ] {
        let message = "this program has made 2 calls of fake.write, which is the most that the rules allow; fake.write was not sent";
        assert_eq!(
            desk.place.value(language, code),
            json!([2, "limit_calls", message])
        );
        assert_eq!(desk.called().len(), 2);
    }
}

#[test]
fn each_quota_counts_what_it_let_pass() {
    let quota = "[rules]\n\"fake.write\" = { max_calls = 4 }\n";
    let desk = Desk::new("", "", quota);
    // A project's own quota of the same words counts for itself.
    desk.place.write("work/toolmill.toml", quota);
    let writes = "n = 0\ntry:\n    for i in range(9):\n        tools.fake.write(key=str(i), value='')\n        n += 1\nexcept ToolError:\n    r = n\nr";
    assert_eq!(desk.place.value("python", writes), 4);
    // What one of them refuses is no call of the other.
    desk.place.write("work/toolmill.toml", "");
    desk.settings(
        "",
        "",
        "[rules]\n\"fake.write\" = { max_calls = 1 }\n\"fake.*\" = { max_calls = 3 }\n",
    );
    let mixed = "
codes = []
for i in range(2):
    try: tools.fake.write(key='a', value='')
    except ToolError as e: codes.append(e.code)
[codes, tools.fake.echo(text='b'), tools.fake.echo(text='c')]";
    let expected = json!([["limit_calls"], "b", "c"]);
    assert_eq!(desk.place.value("python", mixed), expected);
}

#[test]
fn a_rule_that_tightens_fits_every_spelling_of_a_name() {
    let desk = Desk::new(
        "",
        "",
        "[rules]\n\"Fake.echoJson\" = \"deny\"\n\"*.read-*\" = \"deny\"\n",
    );
    let code = "
codes = []
for call in (lambda: tools.fake.echo_json(value=1), lambda: tools.fake.echoJson(value=1), lambda: tools.fake.read_log()):
    try: codes.append(call())
    except ToolError as e: codes.append(e.code)
codes";
    assert_eq!(
        desk.place.value("python", code),
        json!(["denied", "denied", "denied"])
    );
    assert_eq!(desk.called(), [""; 0]);
}

#[test]
fn a_rule_that_protects_nothing_is_told_of_at_the_start() {
    let rules = "[rules]\n\"fake.nothing_*\" = \"deny\"\n\"fake.erase\" = \"ask\"\n\"fake.none\" = \"allow\"\n";
    let desk = Desk::new("", "", rules);
    let mut agent = agent(&desk.place);
    for _ in 0..2 {
        agent.call("search_tools", json!({"queries": ["erase"]}));
    }
    let stderr = agent.close();
    let warned: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("rule"))
        .collect();
    assert_eq!(warned.len(), 1, "{stderr}");
    let idle = warned[0].contains("rule \"fake.nothing_*\" in ")
        && warned[0].ends_with("fits no tool; the names to write: toolmill policy");
    assert!(idle, "{stderr}");
}

#[test]
fn a_tool_that_is_described_anew_is_decided_about_anew() {
    let desk = Desk::new("", "", "");
    // In the middle of a run.
    let code = "
import time
def turn(tool):
    tools.fake.change_tools(destroys=tool)
    while 'Destroys everything by now' not in str(search_tools(tool)):
        time.sleep(.01)
tools.fake.write(key='a', value='1')
turn('write')
try: tools.fake.write(key='b', value='2')
except ToolError as e: r = e.code
r";
    assert_eq!(desk.place.value("python", code), "approval_needed");
    let called = desk.called();
    assert!(
        !called.iter().any(|call| call.contains(r#""key":"b""#)),
        "{called:?}"
    );
    // Between the question and the answer: `--yes` says so as soon as nothing else goes on.
    let code = "
import asyncio, time
async def turn():
    await tools.fake.change_tools(destroys='erase')
    while 'Destroys everything by now' not in str(search_tools('erase')):
        time.sleep(.01)
r = await asyncio.gather(tools.fake.erase(), turn(), return_exceptions=True)
[r[0].code, r[0].message]";
    let (value, _) = desk.approved("python", code);
    let message = "denied: its server describes it in another way than when the program started; fake.erase was not sent";
    assert_eq!(value, json!(["denied", message]));
    assert!(!desk.called().iter().any(|call| call.starts_with("erase")));
}

#[test]
fn what_allows_a_users_server_does_not_allow_a_projects_of_that_name() {
    let desk = Desk::new("", "", "[rules]\n\"fake.*\" = \"allow\"\n");
    let record = desk.place.path("theirs");
    let options = ["--record", record.to_str().unwrap()];
    desk.place
        .write("work/toolmill.toml", &fake("fake", &options));
    // Theirs is not trusted, and does not take the place of the user's.
    let erases = "tools.fake.erase()";
    assert_eq!(desk.place.value("python", erases), "erased");
    assert_eq!(desk.called(), ["erase {}"]);
    let trusted = desk.place.output(&["trust", "--yes"]);
    let (exit, stdout, stderr) = said(&trusted);
    assert_eq!(exit, 0, "{stdout}{stderr}");
    let warning = "It would take the place of your own fake. Your rules that allow fake by name would not count for it.";
    assert!(
        format!("{stdout}{stderr}").contains(warning),
        "{stdout}{stderr}"
    );
    let (_, error) = desk.place.error("python", erases);
    assert_eq!(error["code"], "approval_needed");
    let reason = error["message"].as_str().unwrap();
    assert!(
        reason.contains("speaks of your own server of that name"),
        "{reason}"
    );
    assert!(!record.exists() || std::fs::read_to_string(record).unwrap().is_empty());
    assert_eq!(desk.called(), [""; 0]);
}

#[test]
fn calls_that_are_not_sent_count_against_the_limit_and_the_journal_ends_with_it() {
    let desk = Desk::new(
        "",
        "",
        "[rules]\n\"fake.echo\" = \"deny\"\n[limits]\ncalls = 5\n",
    );
    let message = "this program has made 5 calls, which is the limit";
    // A call that was sent, one that is denied, one that nobody can approve, two that cannot be.
    for (language, code) in [
        (
            "python",
            "r = []\ndef one(call):\n    try: r.append(call())\n    except ToolError as e: r.append([e.code, e.message][-(e.code == 'limit_calls')])\n\
             one(lambda: tools.fake.echo(text='a'))\none(lambda: tools.fake.write(key='a', value='1'))\n\
             one(lambda: tools.fake.erase())\none(lambda: call_tool('fake.nothing', {}))\none(lambda: call_tool('fake.write', {'key': 1}))\n\
             for i in range(20): one(lambda: tools.fake.echo(text='a'))\none(lambda: tools.fake.write(key='b', value='2'))\nr",
        ),
        (
            "typescript",
            "const r = []; const one = async (call) => { try { r.push(await call()) } catch (e) { r.push(e.code === 'limit_calls' ? e.message : e.code) } };\n\
             await one(() => tools.fake.echo({text: 'a'})); await one(() => tools.fake.write({key: 'a', value: '1'}));\n\
             await one(() => tools.fake.erase()); await one(() => call_tool('fake.nothing', {})); await one(() => call_tool('fake.write', {key: 1}));\n\
             for (let i = 0; i < 20; i++) await one(() => tools.fake.echo({text: 'a'})); await one(() => tools.fake.write({key: 'b', value: '2'})); return r",
        ),
    ] {
        let value = desk.place.value(language, code);
        let all = value.as_array().unwrap();
        let (first, rest) = all.split_at(5);
        assert_eq!(
            json!(first),
            json!([
                "denied",
                "written",
                "approval_needed",
                "unknown_tool",
                "missing_argument"
            ])
        );
        assert_eq!(rest.len(), 21);
        assert!(rest.iter().all(|one| one == message), "{rest:?}");
        assert_eq!(desk.called(), [r#"write {"key":"a","value":"1"}"#]);
        assert_eq!(
            desk.trace(),
            [
                "not sent: fake.echo: rule",
                "call 1 sent: fake.write",
                "call 1 ended: ok",
                "not sent: fake.erase: nobody_to_ask"
            ]
        );
    }
}

#[test]
fn a_dry_run_makes_only_calls_that_a_trusted_server_marks_read_only() {
    let desk = Desk::new(
        "",
        "trust = \"annotations\"",
        "[rules]\n\"fake.add\" = \"ask\"\n\"fake.meeting\" = \"deny\"\n",
    );
    let mut agent = agent(&desk.place);
    let mut dry_run = |language: &str, code: &str| {
        let arguments = json!({"language": language, "code": code, "dry_run": true});
        agent.call("execute_code", arguments)
    };
    for (language, code, nothing, listed) in [
        (
            "python",
            "a = tools.fake.echo(text='a')\nb = [tools.fake.write(key=k, value=a) for k in ['x', 'y\\n']]\ntools.fake.erase()\n[a, b, tools.fake.add(a=1, b=2)]",
            "None",
            "fake.write(key=\"x\", value=\"a\")\nfake.write(key=\"y\\n\", value=\"a\")\nfake.erase() (after asking)\nfake.add(a=1, b=2) (after asking)",
        ),
        (
            "typescript",
            "const a = await tools.fake.echo({text: 'a'}); const b = []; for (const k of ['x', 'y\\n']) b.push(await tools.fake.write({key: k, value: a})); await tools.fake.erase(); [a, b, await tools.fake.add({a: 1, b: 2})]",
            "null",
            "fake.write({key: \"x\", value: \"a\"})\nfake.write({key: \"y\\n\", value: \"a\"})\nfake.erase({}) (after asking)\nfake.add({a: 1, b: 2}) (after asking)",
        ),
    ] {
        let (text, is_error) = dry_run(language, code);
        let (status, rest) = text.split_once('\n').unwrap();
        assert!(
            !is_error && status.contains(" · dry run, 4 calls not made · 1 call"),
            "{text}"
        );
        assert_eq!(
            rest,
            format!(
                "[\"a\",[null,null],null]\n--- would call\n{listed}\nnone of these was made; each gave the program {nothing}, so what follows from them may differ"
            )
        );
        assert_eq!(desk.called(), [r#"echo {"text":"a"}"#]);
    }
    // A program that needs what was not made ends with its own error, and the list.
    let (text, is_error) = dry_run("python", "tools.fake.write(key='k', value='v')['id']");
    assert!(
        is_error && text.contains("dry run, 1 call not made"),
        "{text}"
    );
    assert!(
        text.contains("--- would call\nfake.write(key=\"k\", value=\"v\")\nnone of these"),
        "{text}"
    );
    // What is denied is denied.
    let (text, is_error) = dry_run("python", "tools.fake.meeting()");
    assert!(is_error && text.contains(" denied"), "{text}");
    let (text, _) = dry_run(
        "python",
        "for i in range(250):\n    tools.fake.write(key=str(i), value='v')",
    );
    assert!(
        text.contains("dry run, 250 calls not made") && text.contains("\n… 150 more\n"),
        "{text}"
    );
    assert_eq!(desk.called(), [""; 0]);
    // Whom nobody trusts is not called at all, and the way to change that is said.
    desk.settings("", "", "");
    desk.place
        .write("work/read.py", "tools.fake.echo(text='a')");
    let (exit, stdout, stderr) = said(&desk.place.output(&["run", "--dry-run", "read.py"]));
    assert_eq!((exit, &stdout[..]), (0, "null\n"));
    assert_eq!(
        stderr,
        "--- would call\nfake.echo(text=\"a\")\nnone of these was made; each gave the program None, so what follows from them may differ. Tools that only read are called in a dry run where their server is trusted: trust = \"annotations\" for fake\n"
    );
    let (_, json) = desk.place.run_with(
        &["--dry-run", "--language", "python"],
        "tools.fake.echo(text='a')",
    );
    assert_eq!(
        json["would_call"],
        json!({"count": 1, "calls": ["fake.echo(text=\"a\")"]})
    );
    assert_eq!(desk.called(), [""; 0]);
}

#[test]
fn the_clocks_stand_still_while_a_human_is_asked() {
    // The human takes longer than the whole run, and the call, may take.
    let desk = Desk::new(
        "",
        "",
        "[limits]\ntotal_seconds = 10\ncall_seconds = 10\ntimeout_seconds = 10\n",
    );
    desk.place.write("work/erase.py", "tools.fake.erase()");
    let command = desk.place.command(&["run", "erase.py"]);
    let thinks = Duration::from_secs(11);
    let mut slow = at_terminal(&command, 200, thinks, &[("[N]o: ", "y\n")]);
    let (exit, shown, _) = said(&slow.output().unwrap());
    assert!(exit == 0 && shown.ends_with("erased\r\n"), "{shown}");
}

#[test]
fn no_argument_is_in_the_journal_or_in_what_is_remembered() {
    let desk = Desk::new("", "", "[rules]\n\"fake.write\" = \"ask\"\n");
    desk.place.write(
        "work/write.py",
        "tools.fake.write(key='k3yhidden', value='v4luehidden')",
    );
    let (exit, _) = desk.at_terminal(&["run", "write.py"], &[("[N]o: ", "a\n")]);
    assert_eq!(exit, 0);
    let files = desk.place.every_file();
    assert!(
        files.contains("approval_asked") && files.contains("\"tool\": \"fake.write\""),
        "{files}"
    );
    assert!(!files.contains("hidden"), "{files}");
}
