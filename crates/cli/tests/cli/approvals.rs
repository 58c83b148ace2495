//! Humans are asked: through the agent's client in both eras, or at a terminal.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Legacy, Served, modern};
use crate::place::{Agent, Place, at_terminal, fake};

/// Makes this many writes together and returns what became of each.
fn writes(language: &str, count: usize) -> String {
    match language {
        "python" => format!(
            "import asyncio
async def one(n):
    try:
        return await tools.fake.write(key=f'k{{n}}', value='v')
    except ToolError as error:
        return error.code
await asyncio.gather(*[one(n) for n in range({count})])"
        ),
        _ => format!(
            "const one = async n => {{
  try {{ return await tools.fake.write({{key: `k${{n}}`, value: 'v'}}); }}
  catch (error) {{ return error.code; }}
}};
await Promise.all(Array.from({{length: {count}}}, (_, n) => one(n)))"
        ),
    }
}

/// A place where `write` and `add` of the fake server ask.
fn asks() -> Place {
    let rules = "[rules]\n\"fake.write\" = \"ask\"\n\"fake.add\" = \"ask\"\n";
    Place::new(&(fake("fake", &[]) + rules))
}

/// A client whose human can be asked.
fn client(place: &Place, modern: bool) -> Agent {
    let mut agent = place.serve();
    agent.capabilities = json!({"elicitation": {"form": {}, "url": {}}});
    match modern {
        true => agent.discover(),
        false => agent.initialize(),
    };
    agent
}

fn allow(content: Value) -> Value {
    json!({"action": "accept", "content": content})
}

/// The text of an answer; it fails on anything else.
fn text(answer: &Value) -> String {
    let text = answer["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{answer:#}")).to_owned()
}

/// The last line of an answer: the value.
fn value(answer: &Value) -> Value {
    let text = text(answer);
    let last = text.lines().last().unwrap();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{text}"))
}

fn program(language: &str, code: &str) -> Value {
    json!({"name": "execute_code", "arguments": {"language": language, "code": code}})
}

/// Calls a tool; each dialog is answered by `human`, in the way of the client's era. The dialogs come
/// with the answer.
fn call(agent: &mut Agent, params: Value, human: &dyn Fn(&Value) -> Value) -> (Value, Vec<Value>) {
    let mut dialogs = Vec::new();
    let mut id = agent.ask("tools/call", params.clone());
    loop {
        let message = agent.next();
        if message["method"] == "elicitation/create" {
            let result = human(&message["params"]);
            dialogs.push(message["params"].clone());
            agent.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}));
        } else if message["id"] == id && message["result"]["resultType"] == "input_required" {
            let mut again = params.clone();
            again["requestState"] = message["result"]["requestState"].clone();
            for (key, request) in message["result"]["inputRequests"].as_object().unwrap() {
                assert_eq!(request["method"], "elicitation/create");
                again["inputResponses"][key] = human(&request["params"]);
                dialogs.push(request["params"].clone());
            }
            id = agent.ask("tools/call", again);
        } else if message["id"] == id {
            return (message, dialogs);
        }
    }
}

/// The keys that the fake server has recorded, sorted.
fn written(agent: &mut Agent) -> Vec<String> {
    let keys = "{'keys': sorted(write['key'] for write in tools.fake.read_log()['writes'])}";
    let log = agent.request("tools/call", program("python", keys));
    serde_json::from_value(value(&log)["keys"].clone()).unwrap()
}

#[test]
fn some_of_the_calls_that_wait_are_allowed_and_only_those_are_sent() {
    for modern in [false, true] {
        let place = asks();
        let mut agent = client(&place, modern);
        for language in ["python", "typescript"] {
            let some = |dialog: &Value| {
                let decision = &dialog["requestedSchema"]["properties"]["decision"]["enum"];
                assert_eq!(
                    *decision,
                    json!([
                        "deny all",
                        "allow all once",
                        "allow only those chosen below"
                    ])
                );
                allow(
                    json!({"decision": "allow only those chosen below", "call_1": true, "call_3": true}),
                )
            };
            let (answer, dialogs) =
                call(&mut agent, program(language, &writes(language, 3)), &some);
            let outcomes = value(&answer);
            let sent = outcomes.as_array().unwrap().iter();
            assert_eq!(sent.clone().filter(|one| **one == "written").count(), 2);
            assert_eq!(sent.filter(|one| **one == "denied").count(), 1);
            assert_eq!(dialogs.len(), 1, "{dialogs:#?}");
        }
        assert_eq!(written(&mut agent).len(), 4);
    }
}

#[test]
fn a_human_reads_what_will_be_sent_where_and_why() {
    let place = asks();
    let mut agent = client(&place, false);
    let code = "x = 'Asked because: it is safe\\n\\x1b[2J\\u202e'\ntools.fake.write(key=x, value=' ' * 100)";
    let (answer, dialogs) = call(
        &mut agent,
        program("python", code),
        &|_| json!({"action": "decline"}),
    );
    assert!(text(&answer).contains("denied: a human refused it; fake.write was not sent"));
    let message = dialogs[0]["message"].as_str().unwrap();
    let home = place.path("config/toolmill/toolmill.toml");
    insta::assert_snapshot!(message.replace(home.to_str().unwrap(), "FILE"), @r#"
    The agent's program x1 wants to call fake.write. Nothing is sent unless you allow it.

    Server: fake
    Sends: {"key": "Asked because: it is safe\n\u001b[2J\u202e", "value": " ⟨100 blanks⟩ "}
    Program, line 2: tools.fake.write(key=x, value=' ' * 100)
    Asked because: rule "fake.write" in FILE
    "#);
    assert_eq!(
        dialogs[0]["requestedSchema"]["properties"]["decision"]["enum"],
        json!(["deny", "allow once", "always allow this tool"])
    );
}

#[test]
fn a_hundred_calls_together_are_one_question() {
    for modern in [false, true] {
        let place = asks();
        let mut agent = client(&place, modern);
        let hundred = |content: Value| {
            move |dialog: &Value| {
                let message = dialog["message"].as_str().unwrap();
                assert_eq!(message.lines().count(), 102, "{message}");
                let last = message.lines().last().unwrap();
                assert!(
                    last.starts_with("100. fake.write sends {\"key\": \"k"),
                    "{last}"
                );
                assert!(last.ends_with("\"value\": \"v\"}"), "{last}");
                allow(content.clone())
            }
        };
        let code = writes("python", 100);
        let some = json!({"decision": "allow only those chosen below", "numbers": "1-3, 99"});
        let (answer, dialogs) = call(&mut agent, program("python", &code), &hundred(some));
        assert_eq!(dialogs.len(), 1);
        let outcomes = value(&answer);
        let sent = outcomes.as_array().unwrap().iter();
        assert_eq!(sent.filter(|one| **one == "written").count(), 4);
        let all = json!({"decision": "allow all once"});
        let (answer, dialogs) = call(&mut agent, program("python", &code), &hundred(all));
        assert_eq!(dialogs.len(), 1);
        assert_eq!(value(&answer), json!(vec!["written"; 100]));
        assert_eq!(written(&mut agent).len(), 104);
    }
}

#[test]
fn what_is_no_clear_yes_sends_nothing() {
    for modern in [false, true] {
        let place = asks();
        let mut agent = client(&place, modern);
        for answer in [
            json!({"action": "decline"}),
            json!({"action": "cancel"}),
            json!({"action": "accept"}),
            allow(json!({})),
            allow(json!({"decision": "allow all"})),
            allow(json!({"decision": "deny all", "call_1": true, "call_2": true})),
            allow(json!({"decision": "allow only those chosen below"})),
        ] {
            let code = writes("typescript", 2);
            let params = program("typescript", &code);
            let (told, _) = call(&mut agent, params, &|_| answer.clone());
            assert_eq!(value(&told), json!(["denied", "denied"]), "{answer}");
        }
        assert!(written(&mut agent).is_empty());
    }
}

#[test]
fn a_tool_that_is_allowed_for_good_is_not_asked_about_again() {
    let place = asks();
    let mut agent = client(&place, false);
    let always = |_: &Value| allow(json!({"decision": "always allow this tool"}));
    let code = "tools.fake.write(key='a', value='v')";
    assert_eq!(
        call(&mut agent, program("python", code), &always).1.len(),
        1
    );
    assert_eq!(
        call(&mut agent, program("python", code), &always).1.len(),
        0
    );
    assert_eq!(written(&mut agent), ["a", "a"]);
    // Nor is another agent of this user.
    let mut other = client(&place, true);
    assert_eq!(
        call(&mut other, program("python", code), &always).1.len(),
        0
    );
}

#[test]
fn a_repeated_request_never_starts_a_program() {
    let place = Place::new(&(fake("fake", &[]) + "[rules]\n\"fake.add\" = \"ask\"\n"));
    let mut agent = client(&place, true);
    // The server counts how often the program has begun.
    let code = "tools.fake.write(key='begun', value='v')\ntools.fake.add(a=1, b=2)";
    let params = program("python", code);
    let asked = agent.request("tools/call", params.clone());
    let state = asked["result"]["requestState"].as_str().unwrap().to_owned();
    assert_eq!(asked["result"]["resultType"], "input_required");
    let with = |state: Value, answers: Value| {
        let mut again = params.clone();
        again["requestState"] = state;
        again["inputResponses"] = answers;
        again
    };
    let yes = json!({"approvals": allow(json!({"decision": "allow once"}))});

    // Without an answer, or with one to something else, the same question is asked again.
    for answers in [
        Value::Null,
        json!({}),
        json!({"server_0": {"action": "accept"}}),
    ] {
        let mut again = with(json!(state), answers.clone());
        if answers.is_null() {
            again.as_object_mut().unwrap().remove("inputResponses");
        }
        let told = agent.request("tools/call", again);
        assert_eq!(told["result"]["resultType"], "input_required", "{told:#}");
        assert_eq!(
            told["result"]["inputRequests"],
            asked["result"]["inputRequests"]
        );
    }
    // Whatever is wrong with it, it is refused.
    let last = if state.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{last}", &state[..state.len() - 1]);
    let mut other_code = with(json!(state), yes.clone());
    other_code["arguments"]["code"] = "tools.fake.write(key='begun', value='v')".into();
    let mut other_tool = with(json!(state), yes.clone());
    other_tool["name"] = "wait_execution".into();
    let mut without_state = with(Value::Null, yes.clone());
    without_state
        .as_object_mut()
        .unwrap()
        .remove("requestState");
    for (wrong, said) in [
        (
            with(json!(changed), yes.clone()),
            "its requestState is none that this gateway gave",
        ),
        (
            with(json!(""), yes.clone()),
            "its requestState is none that this gateway gave",
        ),
        (
            other_code,
            "it is not the request that the question was an answer to",
        ),
        (
            other_tool,
            "it is not the request that the question was an answer to",
        ),
        (
            without_state,
            "an answer came without the requestState of its question",
        ),
    ] {
        let told = agent.request("tools/call", wrong);
        assert_eq!(told["result"]["isError"], true, "{told:#}");
        assert!(text(&told).contains(said), "{told:#}");
        assert!(
            text(&told).contains("nothing was run by this request"),
            "{told:#}"
        );
    }
    // Another agent of the same user has not been asked this.
    let mut stranger = client(&place, true);
    let told = stranger.request("tools/call", with(json!(state), yes.clone()));
    assert_eq!(told["result"]["isError"], true, "{told:#}");
    drop(stranger);

    // A client may have built the request anew, with its members in another order.
    let mut anew = with(json!(state), yes.clone());
    anew["arguments"] = json!({"code": code, "language": "python"});
    // Many times at once, and afterwards: each is told what the one program came to.
    let ids: Vec<u64> = (0..8)
        .map(|n| match n % 2 {
            0 => anew.clone(),
            _ => with(json!(state), yes.clone()),
        })
        .map(|again| agent.ask("tools/call", again))
        .collect();
    for _ in &ids {
        let told = agent.next();
        assert!(ids.contains(&told["id"].as_u64().unwrap()));
        assert_eq!(value(&told), json!({"sum": 3.0}), "{told:#}");
    }
    let no = json!({"approvals": {"action": "decline"}});
    for answers in [yes, no] {
        let told = agent.request("tools/call", with(json!(state), answers));
        assert_eq!(value(&told), json!({"sum": 3.0}), "{told:#}");
    }
    assert_eq!(written(&mut agent), ["begun"]);
}

#[test]
fn after_a_restart_an_answer_starts_nothing_either() {
    let place = Place::new(&(fake("fake", &[]) + "[rules]\n\"fake.add\" = \"ask\"\n"));
    let record = place.path("record");
    place.write(
        "config/toolmill/toolmill.toml",
        &(fake("fake", &["--record", record.to_str().unwrap()])
            + "[rules]\n\"fake.add\" = \"ask\"\n"),
    );
    let code = "tools.fake.write(key='begun', value='v')\ntools.fake.add(a=1, b=2)";
    let mut again = program("python", code);
    let mut agent = client(&place, true);
    let asked = agent.request("tools/call", again.clone());
    agent.child.kill().unwrap();
    drop(agent);
    again["requestState"] = asked["result"]["requestState"].clone();
    again["inputResponses"] = json!({"approvals": allow(json!({"decision": "allow once"}))});
    let mut agent = client(&place, true);
    let told = agent.request("tools/call", again);
    assert_eq!(told["result"]["isError"], true, "{told:#}");
    assert!(text(&told).starts_with("error x1 interrupted"), "{told:#}");
    agent.request(
        "tools/call",
        program("python", "tools.fake.echo(text='after')"),
    );
    let record = std::fs::read_to_string(record).unwrap();
    let tools: Vec<Value> = record
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["tool"].clone())
        .collect();
    assert_eq!(tools, ["write", "echo"]);
}

#[test]
fn a_client_that_leaves_while_its_human_is_asked_takes_nothing_back() {
    let place = asks();
    let mut agent = client(&place, false);
    let code = "tools.fake.write(key='a', value='v')";
    let id = agent.ask("tools/call", program("python", code));
    let dialog = agent.next();
    assert_eq!(dialog["method"], "elicitation/create");
    agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    let closed = agent.next();
    assert_eq!(closed["method"], "notifications/cancelled");
    assert_eq!(closed["params"]["requestId"], dialog["id"]);
    // The program waits still, and whoever waits for it is asked.
    let wait = json!({"name": "wait_execution", "arguments": {"execution": "x1"}});
    let yes = |_: &Value| allow(json!({"decision": "allow once"}));
    let (answer, dialogs) = call(&mut agent, wait, &yes);
    assert_eq!(
        dialogs,
        [dialog["params"].clone()].map(|mut params| {
            params["_meta"] = dialogs[0]["_meta"].clone();
            params
        })
    );
    assert!(text(&answer).ends_with("\nwritten"), "{answer:#}");
    assert_eq!(written(&mut agent), ["a"]);
}

#[test]
fn a_dialog_that_nobody_answers_holds_no_request_up() {
    let place = asks();
    let mut agent = client(&place, false);
    let code = "tools.fake.write(key='a', value='v')";
    let mut params = program("python", code);
    params["arguments"]["wait_seconds"] = 0.into();
    let answer = agent.request("tools/call", params);
    assert!(text(&answer).starts_with("running x1 · "), "{answer:#}");
    let mut dialogs = Vec::new();
    let mut wait = |agent: &mut Agent, seconds: u64| {
        let arguments = json!({"execution": "x1", "wait_seconds": seconds});
        let params = json!({"name": "wait_execution", "arguments": arguments});
        let id = agent.ask("tools/call", params);
        loop {
            let message = agent.next();
            if message["method"] == "elicitation/create" {
                dialogs.push(message["id"].clone());
            } else if message["id"] == id {
                return (text(&message), dialogs.clone());
            }
        }
    };
    let waits = "running x1 · waiting for approval of 1 call (fake.write) · ";
    let dialog = loop {
        let (told, dialogs) = wait(&mut agent, 1);
        assert!(told.starts_with("running x1 · "), "{told}");
        if let [dialog] = &dialogs[..] {
            assert!(told.starts_with(waits), "{told}");
            break dialog.clone();
        }
    };
    // The dialog is open still, and no other is opened beside it.
    for seconds in [0, 1] {
        let (told, dialogs) = wait(&mut agent, seconds);
        assert!(told.starts_with(waits), "{told}");
        assert_eq!(dialogs.len(), 1);
    }
    let yes = allow(json!({"decision": "allow once"}));
    agent.send(&json!({"jsonrpc": "2.0", "id": dialog, "result": yes}));
    let (told, dialogs) = wait(&mut agent, 45);
    assert!(told.ends_with("\nwritten"), "{told}");
    assert_eq!(dialogs.len(), 1);
    assert_eq!(written(&mut agent), ["a"]);
}

#[test]
fn what_a_human_has_allowed_is_sent_while_a_server_waits_for_its_answer() {
    let code = "import asyncio
async def writes():
    await tools.fake.write(key='a', value='v')
    return await tools.fake.meet(parties=2)
await asyncio.gather(writes(), tools.fake.elicit())";
    let yes = allow(json!({"decision": "allow once"}));
    let sure = allow(json!({"sure": true}));
    let done = json!(["met", {"answers": [sure]}]);
    let meet = program("python", "tools.fake.meet(parties=2)");
    let place = asks();

    let mut agent = client(&place, false);
    let id = agent.ask("tools/call", program("python", code));
    let approval = agent.next();
    agent.send(&json!({"jsonrpc": "2.0", "id": approval["id"], "result": yes}));
    let form = agent.next();
    let message = form["params"]["message"].as_str().unwrap();
    assert!(message.starts_with("Server fake asks you"), "{message}");
    let met = agent.request("tools/call", meet.clone());
    assert_eq!(text(&met).lines().last(), Some("met"));
    // When its client cannot show the second dialog, only that is waited for.
    let error = json!({"code": -32603, "message": "no window"});
    agent.send(&json!({"jsonrpc": "2.0", "id": form["id"], "error": error}));
    let answer = agent.next();
    assert_eq!(answer["id"], id, "{answer:#}");
    let told = text(&answer);
    assert!(
        told.contains(" · waiting for a human's answer to fake · "),
        "{told}"
    );
    let wait = json!({"name": "wait_execution", "arguments": {"execution": "x1"}});
    let (answer, dialogs) = call(&mut agent, wait, &|_| sure.clone());
    assert_eq!((value(&answer), dialogs.len()), (done.clone(), 1));
    assert_eq!(written(&mut agent), ["a"]);
    agent.close();

    let mut agent = client(&place, true);
    let params = program("python", code);
    let asked = agent.request("tools/call", params.clone());
    let again = |asked: &Value, answers: Value| {
        let mut again = params.clone();
        again["requestState"] = asked["result"]["requestState"].clone();
        again["inputResponses"] = answers;
        again
    };
    let half = again(&asked, json!({"approvals": yes}));
    let rest = agent.request("tools/call", half);
    let keys = rest["result"]["inputRequests"].as_object().unwrap();
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["server_0"]);
    assert_eq!(
        text(&agent.request("tools/call", meet)).lines().last(),
        Some("met")
    );
    let last = again(&rest, json!({"server_0": sure}));
    assert_eq!(value(&agent.request("tools/call", last)), done);
}

/// Answers at a terminal what programs wait for, and returns what is read there and whether that went well.
fn approvals(place: &Place, dialogue: &[(&str, &str)]) -> (String, bool) {
    let command = place.command(&["approvals"]);
    let output = at_terminal(&command, 80, Duration::ZERO, dialogue).output();
    let output = output.unwrap();
    let read = String::from_utf8(output.stdout).unwrap();
    (read.replace("\r\n", "\n"), output.status.success())
}

/// How the prompts end that a question begins with, and that follow it.
const BEGIN: &str = "[q]uit and leave it open: ";
const EACH: &str = "[N]o: ";

#[test]
fn a_client_without_dialogs_is_told_and_a_human_answers_at_a_terminal() {
    let place = asks();
    let mut agent = place.serve();
    agent.initialize();
    let (told, is_error) = agent.execute("python", &writes("python", 3));
    assert!(!is_error, "{told}");
    assert!(
        told.starts_with("running x1 · waiting for approval of 3 calls (fake.write ×3) · a human answers with: toolmill approvals · "),
        "{told}"
    );
    assert!(
        told.ends_with(" · continue: wait_execution(execution=\"x1\")"),
        "{told}"
    );
    // It is not told the same again at once.
    let (told, _) = agent.call(
        "wait_execution",
        json!({"execution": "x1", "wait_seconds": 0.1}),
    );
    assert!(
        told.starts_with("running x1 · waiting for approval of 3 calls"),
        "{told}"
    );

    let listed = place.output(&["approvals", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed[0]["gateway"], agent.child.id());
    assert_eq!(listed[0]["short"], "x1");
    assert_eq!(listed[0]["asks"].as_array().unwrap().len(), 3);
    assert_eq!(listed[0]["asks"][0]["approval"]["tool"], "fake.write");

    // What is piped into it is no human's word.
    let mut piped = place.command(&["approvals"]);
    let mut piped = piped
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    piped.stdin.take().unwrap().write_all(b"y\ny\ny\n").unwrap();
    let piped = piped.wait_with_output().unwrap();
    assert_eq!(piped.status.code(), Some(1));
    let said = String::from_utf8(piped.stderr).unwrap();
    assert!(
        said.contains("there is no terminal here to ask one"),
        "{said}"
    );

    // Left open, it stays so.
    let (read, _) = approvals(&place, &[(BEGIN, "q\n")]);
    assert!(read.contains("it stays open"), "{read}");
    let (read, success) = approvals(
        &place,
        &[(BEGIN, "s\n"), (EACH, "y\n"), (EACH, "n\n"), (EACH, "y\n")],
    );
    assert!(
        success && read.contains("these 3 calls wait for your approval"),
        "{read}"
    );
    assert!(read.ends_with("answered\n"), "{read}");
    let (told, _) = agent.call("wait_execution", json!({"execution": "x1"}));
    let outcomes: Vec<String> = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(
        outcomes.iter().filter(|one| *one == "written").count(),
        2,
        "{told}"
    );
    assert_eq!(written(&mut agent).len(), 2);

    let (read, success) = approvals(&place, &[]);
    assert!(
        success && read == "no program waits for a human\n",
        "{read}"
    );
}

#[test]
fn what_was_typed_before_a_question_is_no_answer_to_it() {
    let place = asks();
    let mut agent = place.serve();
    agent.initialize();
    let (told, _) = agent.execute("python", &writes("python", 1));
    assert!(
        told.starts_with("running x1 · waiting for approval of 1 call"),
        "{told}"
    );
    let (read, success) = approvals(&place, &[("", "y\n"), (BEGIN, "n\n")]);
    assert!(success && read.ends_with("answered\n"), "{read}");
    let (told, _) = agent.call("wait_execution", json!({"execution": "x1"}));
    assert!(told.ends_with("[\"denied\"]"), "{told}");
    assert_eq!(written(&mut agent), Vec::<String>::new());
}

#[test]
fn calls_with_large_arguments_are_asked_about_as_any() {
    let place = asks();
    let code = "import asyncio
await asyncio.gather(*[tools.fake.write(key=f'k{n}', value=chr(0xe9) * 300_000) for n in range(3)])";
    for modern in [false, true] {
        let mut agent = client(&place, modern);
        let yes = |dialog: &Value| {
            // A human reads it, and it fits what carries it.
            assert!(dialog["message"].as_str().unwrap().chars().count() < 20_000);
            allow(json!({"decision": "allow all once"}))
        };
        let (told, dialogs) = call(&mut agent, program("python", code), &yes);
        assert_eq!(value(&told), json!(["written", "written", "written"]));
        assert_eq!(dialogs.len(), 1);
        assert_eq!(written(&mut agent), ["k0", "k1", "k2"]);
        agent.close();
    }
    let mut agent = place.serve();
    agent.initialize();
    let (told, _) = agent.execute("python", code);
    assert!(
        told.starts_with("running x1 · waiting for approval of 3 calls"),
        "{told}"
    );
    let (read, success) = approvals(&place, &[(BEGIN, "y\n")]);
    assert!(success && read.ends_with("answered\n"), "{read}");
    let (told, _) = agent.call("wait_execution", json!({"execution": "x1"}));
    let outcomes: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(outcomes, json!(["written", "written", "written"]), "{told}");
}

#[test]
fn of_many_calls_every_argument_is_seen_and_how_much_there_is() {
    let place = asks();
    let mut agent = client(&place, false);
    let code = "import asyncio
await asyncio.gather(*[tools.fake.write(key='A' * 5000, value=f'/etc/passwd{n}') for n in range(9)], return_exceptions=True)";
    let (_, dialogs) = call(
        &mut agent,
        program("python", code),
        &|_| json!({"action": "decline"}),
    );
    let message = dialogs[0]["message"].as_str().unwrap();
    for number in 1..=9 {
        let line = message.lines().nth(number + 1).unwrap();
        assert!(
            line.contains(r#" …(4820 characters are not shown)… "#),
            "{line}"
        );
        let of = format!(
            r#""value": "/etc/passwd{}"}} (shown in part; all 5033 bytes are kept as r_"#,
            number - 1
        );
        assert!(line.contains(&of), "{line}");
    }
}

#[test]
fn a_server_that_takes_its_question_back_lets_the_program_go_on() {
    let place = Place::new(&fake("fake", &["--era", "legacy"]));
    let mut agent = place.serve();
    agent.initialize();
    let (told, _) = agent.execute("python", "tools.fake.elicit(withdrawn=True)");
    assert!(
        told.starts_with("running x1 · 1 call, 1 open · waiting for a human's answer to fake"),
        "{told}"
    );
    // Only now, when it has been asked, does the server take it back.
    assert_eq!(
        agent
            .execute("python", "tools.fake.meet(parties=1)")
            .0
            .lines()
            .last(),
        Some("met")
    );
    let (told, _) = agent.call("wait_execution", json!({"execution": "x1"}));
    assert!(told.ends_with("\nwithdrawn"), "{told}");
    assert_eq!(approvals(&place, &[]).0, "no program waits for a human\n");
}

#[test]
fn a_server_that_asks_reaches_the_human_in_every_era() {
    for of_server in ["legacy", "modern"] {
        for modern in [false, true] {
            let place = Place::new(&fake("fake", &["--era", of_server]));
            let mut agent = client(&place, modern);
            for (language, code) in [
                (
                    "python",
                    "import asyncio\nawait asyncio.gather(tools.fake.elicit(rounds=2), tools.fake.elicit(message='Really?'))",
                ),
                (
                    "typescript",
                    "await Promise.all([tools.fake.elicit({rounds: 2}), tools.fake.elicit({message: 'Really?'})])",
                ),
            ] {
                let answer = |dialog: &Value| {
                    let message = dialog["message"].as_str().unwrap();
                    assert!(message.starts_with("Server fake asks you something, in the middle of a call of the agent's program x"), "{message}");
                    allow(json!({"sure": message.contains("> Sure?")}))
                };
                let (told, dialogs) = call(&mut agent, program(language, code), &answer);
                let accepted = |sure: bool| json!({"action": "accept", "content": {"sure": sure}});
                assert_eq!(
                    value(&told),
                    json!([{"answers": [accepted(true), accepted(true)]}, {"answers": [accepted(false)]}]),
                    "{of_server} {modern}"
                );
                assert_eq!(dialogs.len(), 3);
            }
            for (answer, expected) in [
                (json!({"action": "decline"}), "decline"),
                (json!({"action": "cancel"}), "cancel"),
                // What does not fit the server's form is not passed on.
                (allow(json!({"sure": "yes"})), "cancel"),
                (allow(json!({"sure": true, "more": 1})), "cancel"),
            ] {
                let params = program("python", "tools.fake.elicit()");
                let (told, _) = call(&mut agent, params, &|_| answer.clone());
                assert_eq!(
                    value(&told),
                    json!({"answers": [{"action": expected}]}),
                    "{answer}"
                );
            }
            let visit =
                "tools.fake.elicit(message='Log in', url='https://github.com@evil.example/x')";
            let done = |_: &Value| json!({"action": "accept"});
            let (told, dialogs) = call(&mut agent, program("python", visit), &done);
            assert_eq!(value(&told), json!({"answers": [{"action": "accept"}]}));
            assert_eq!(dialogs[0]["mode"], "url");
            assert_eq!(dialogs[0]["url"], "https://github.com@evil.example/x");
            let message = dialogs[0]["message"].as_str().unwrap();
            assert!(
                message.contains("which is a page of evil.example"),
                "{message}"
            );
            // What is written into the address stays in it.
            let hidden = "tools.fake.elicit(url='HTTPS:evil.example/\\u202e a\\nb')";
            let (_, dialogs) = call(&mut agent, program("python", hidden), &done);
            assert_eq!(dialogs[0]["url"], "https://evil.example/%E2%80%AE%20ab");
            // A form that cannot be read, or whose names could deceive, is declined: it is no sign that
            // nobody can be asked.
            for field in [
                json!({"a": {"type": "object", "properties": {}}}),
                json!({"a": {"type": "string", "format": "password"}}),
                json!({"May it\nbe sent?": {"type": "boolean"}}),
            ] {
                let schema = json!({"schema": {"type": "object", "properties": field}});
                let code = format!(
                    "import json\ntools.fake.elicit(**json.loads({}))",
                    json!(schema.to_string())
                );
                let (told, dialogs) = call(&mut agent, program("python", &code), &done);
                assert_eq!(
                    value(&told),
                    json!({"answers": [{"action": "decline"}]}),
                    "{field}"
                );
                assert!(dialogs.is_empty());
            }
            // Nobody is sent to what is no page.
            let script = "tools.fake.elicit(url='javascript:alert(1)')";
            let (told, dialogs) = call(&mut agent, program("python", script), &done);
            assert_eq!(value(&told), json!({"answers": [{"action": "decline"}]}));
            assert!(dialogs.is_empty());
        }
    }
}

#[test]
fn a_call_before_which_the_user_has_to_visit_a_page_says_whose_move_it_is() {
    let place = Place::with_fake();
    for (era, language) in [(false, "python"), (true, "typescript")] {
        let mut agent = client(&place, era);
        let mut fails = |message: &str, data: Value| {
            let arguments = json!({"code": -32042, "message": message, "data": data});
            let code = match language {
                "python" => format!(
                    "import json\ntools.fake.rpc_error(**json.loads({}))",
                    json!(arguments.to_string())
                ),
                _ => format!("await tools.fake.rpc_error({arguments})"),
            };
            let (text, is_error) = agent.execute(language, &code);
            assert!(is_error, "{text}");
            let said = text.split_once("fake.rpc_error: ");
            let (_, text) = said.unwrap_or_else(|| panic!("{text}"));
            text.lines()
                .take_while(|line| !line.starts_with("already done"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let visit = |url: &str, message: &str| json!({"mode": "url", "elicitationId": "1", "url": url, "message": message});
        let pages = [
            visit(
                "https://a.example/go?id=1&to=b",
                "So that files can be read",
            ),
            visit(
                "https://github.com@evil.example/\u{202e}a b",
                "one\ntwo\u{1b}[0m",
            ),
            visit("javascript:alert(1)", ""),
            visit("https://a.example/4", ""),
            visit("https://a.example/5", ""),
        ];
        assert_eq!(
            fails("Connect\nfirst", json!({"elicitations": pages})),
            r#"the server has done nothing: the user has to visit a page first. Show them the address, and make the call again when they have been there. Server fake says: "Connect\u000afirst"
  https://a.example/go?id=1&to=b (a page of a.example): "So that files can be read"
  https://github.com@evil.example/%E2%80%AEa%20b (a page of evil.example): "one\u000atwo\u001b[0m"
  an address that is no page of the web, and is not shown
  and 2 more"#
        );
        // The number alone says nothing: others use it too.
        assert_eq!(
            fails("pay", json!({"challenge": 1})),
            "the server answered with error -32042: pay (not retryable)"
        );
    }
    let caught = "try:\n    tools.fake.rpc_error(code=-32042, data={'elicitations': [{'url': 'https://a.example/'}]})\nexcept ToolError as error:\n    print(error.code)";
    let (text, _) = client(&place, false).execute("python", caught);
    assert!(text.ends_with("login_needed"), "{text}");
}

#[test]
fn a_servers_form_is_filled_in_at_a_terminal() {
    let place = Place::with_fake();
    let mut agent = place.serve();
    agent.initialize();
    let schema = "{'type': 'object', 'properties': {'name': {'type': 'string', 'title': 'Your name'}, 'age': {'type': 'integer'}}, 'required': ['name']}";
    let (told, _) = agent.execute(
        "python",
        &format!("tools.fake.elicit(message='Who?', schema={schema})"),
    );
    assert!(told.starts_with("running x1 · 1 call, 1 open · waiting for a human's answer to fake · a human answers with: toolmill approvals · "), "{told}");
    let (read, _) = approvals(
        &place,
        &[
            (BEGIN, "y\n"),
            ("text, required: ", "\n"),
            ("text, required: ", "Ada\n"),
            ("number, may be empty: ", "old\n"),
            ("number, may be empty: ", "41\n"),
        ],
    );
    assert!(
        read.contains(
            "server fake asks, in the middle of a call; these are its words:\n  > Who?\n"
        ),
        "{read}"
    );
    assert!(
        read.contains("it is required") && read.contains("it is not a number"),
        "{read}"
    );
    let (told, _) = agent.call("wait_execution", json!({"execution": "x1"}));
    assert!(
        told.ends_with(r#"{"answers":[{"action":"accept","content":{"name":"Ada","age":41}}]}"#),
        "{told}"
    );
}

#[test]
fn over_http_humans_are_asked_in_both_eras() {
    let place = asks();
    let served = Served::new(&place);
    let code = "tools.fake.write(key='http', value='v')";
    let yes = json!({"action": "accept", "content": {"decision": "allow once"}});

    let legacy = Legacy::with(&served, json!({"elicitation": {}}));
    let body = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": program("python", code)});
    let mut stream = BufReader::new(legacy.request().send(&body.to_string()));
    let mut asked = 0;
    let answer = loop {
        let mut line = String::new();
        assert_ne!(
            stream.read_line(&mut line).unwrap(),
            0,
            "the stream has ended"
        );
        let Some(message) = line
            .strip_prefix("data:")
            .and_then(|data| serde_json::from_str::<Value>(data.trim()).ok())
        else {
            continue;
        };
        if message["method"] == "elicitation/create" {
            asked += 1;
            let reply = json!({"jsonrpc": "2.0", "id": message["id"], "result": yes});
            assert_eq!(legacy.request().post(&reply).status, 202);
        } else if message["id"] == 2 {
            break message;
        }
    };
    assert!(text(&answer).ends_with("\nwritten"), "{answer:#}");
    assert_eq!(asked, 1);

    let post = |params: Value| {
        let (request, mut body) = modern(&served, "tools/call", params);
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"elicitation": {}});
        request.post(&body).message()
    };
    let mut again = program("python", code);
    let asked = post(again.clone());
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked:#}");
    again["requestState"] = asked["result"]["requestState"].clone();
    again["inputResponses"] = json!({"approvals": yes});
    for _ in 0..2 {
        let told = post(again.clone());
        assert!(text(&told).ends_with("\nwritten"), "{told:#}");
    }
    let log = post(program("python", "tools.fake.read_log()"));
    assert_eq!(value(&log)["writes"].as_array().unwrap().len(), 2);
}
