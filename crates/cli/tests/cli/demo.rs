//! `toolmill demo`, and the MCP server inside the binary.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::place::{Agent, Place};

fn demo(place: &Place, options: &[&str]) -> Value {
    let output = place.output(&[&["demo", "--json"], options].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A client of the demo's server, which has its settings from nobody.
fn client(place: &Place) -> Agent {
    Agent::start(place.command(&["demo-server"]))
}

fn call(client: &mut Agent, tool: &str, arguments: Value) -> Value {
    let mut answer = client.request("tools/call", json!({"name": tool, "arguments": arguments}));
    answer["result"].take()
}

#[test]
fn the_demo_answers_what_its_own_server_holds_for_a_fiftieth_of_the_tokens_or_less() {
    // Settings that cannot be used are none of the demo's business.
    let place = Place::new("[upstream.broken]\ncomand = \"x\"\n");
    let report = demo(&place, &[]);
    assert_eq!(report["python_unavailable"], Value::Null, "{report:#}");
    let [python, typescript] = &report["programs"].as_array().unwrap()[..] else {
        panic!("{report:#}");
    };

    let mut client = client(&place);
    client.initialize();
    let mut room: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for page in 0..50 {
        let listed = call(&mut client, "list_files", json!({"page": page}));
        for file in listed["structuredContent"]["files"].as_array().unwrap() {
            let bytes = file["size_bytes"].as_u64().unwrap();
            if file["kind"] == "log" && bytes > 10_000_000 {
                let owner = file["owner"].as_str().unwrap().to_owned();
                let (files, sum) = room.entry(owner).or_default();
                (*files, *sum) = (*files + 1, *sum + bytes);
            }
        }
    }
    let mut most: Vec<_> = room.into_iter().collect();
    most.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
    let expected: Vec<Value> = most[..5]
        .iter()
        .map(|(owner, (files, bytes))| json!({"owner": owner, "files": files, "bytes": bytes}))
        .collect();
    assert_eq!(python["value"], Value::from(expected));
    // A machine without Python sees the same work done.
    let without = demo(&place, &["--language", "typescript"]);
    assert_eq!(without["programs"][0]["language"], "typescript");
    assert_eq!(without["programs"][0]["value"], python["value"]);
    assert_eq!(without["programs"][1]["value"], typescript["value"]);
    assert_eq!(
        without["tokens"]["called_directly"],
        report["tokens"]["called_directly"]
    );

    let found = call(
        &mut client,
        "find_contacts",
        json!({"company": "Halden Marine"}),
    );
    let contacts = found["structuredContent"]["contacts"].as_array().unwrap();
    let mut waiting = Vec::new();
    for contact in contacts {
        let listed = call(
            &mut client,
            "list_notes",
            json!({"contact_id": contact["id"]}),
        );
        let notes = listed["structuredContent"]["notes"].as_array().unwrap();
        let open = notes.iter().filter(|note| note["open"] == true).count();
        if open > 0 {
            waiting.push(json!({"name": contact["name"], "open": open}));
        }
    }
    let body: Vec<String> = waiting
        .iter()
        .map(|one| format!("{}: {} open", one["name"].as_str().unwrap(), one["open"]))
        .collect();
    assert_eq!(
        typescript["value"],
        json!({
            "contacts": contacts.len(),
            "waiting": waiting,
            "pipeline": {"deals": 37, "value_eur": 1_284_500},
            "exported": "demo.flaky_export answered: the archive is out of order (503); try again tomorrow",
            "mail": {"id": "m1", "bytes": body.join("\n").len()},
        })
    );
    // The slow tool alone takes a second.
    assert!(typescript["duration_ms"].as_f64().unwrap() >= 1000.0);

    // What was counted is what the programs did.
    let calls = contacts.len() + 4;
    assert!(python["answer"].as_str().unwrap().contains("· 50 calls ·"));
    let said = format!("· {calls} calls, 1 failed (caught) ·");
    assert!(typescript["answer"].as_str().unwrap().contains(&said));
    assert_eq!(report["calls"], 50 + calls);
    assert_eq!(
        report["round_trips"],
        json!({"called_directly": 54, "toolmill": 3})
    );
    for (way, parts) in [
        (
            "called_directly",
            &["definitions", "arguments", "results"][..],
        ),
        ("toolmill", &["definitions", "arguments", "code", "answers"]),
    ] {
        let tokens = &report["tokens"][way];
        let counts = parts.iter().map(|part| tokens[part].as_u64().unwrap());
        assert_eq!(tokens["total"], counts.clone().sum::<u64>(), "{way}");
        assert!(counts.clone().all(|count| count > 0), "{way}");
        assert_eq!(tokens.as_object().unwrap().len(), parts.len() + 1, "{way}");
    }
    let ratio = report["tokens"]["ratio"].as_f64().unwrap();
    assert!(ratio > 50.0, "{ratio}");
}

#[test]
fn people_are_shown_one_language_within_eighty_columns() {
    let place = Place::new("");
    let output = place
        .command(&["demo", "--language", "typescript"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('\x1b'), "{line}");
    }
    for said in [
        "search_tools(",
        "tools.demo.list_files(",
        "await tools.demo.flaky_export()",
        "1 failed (caught)",
        "called directly",
        "times fewer tokens",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("Python"), "{text}");
    // An execution like any other, of which the journal keeps no payload.
    let trace = String::from_utf8(place.output(&["trace", "last"]).stdout).unwrap();
    assert!(trace.contains("demo.send_email"), "{trace}");
    assert!(!place.every_file().contains("team@office.example"));
    assert_eq!(
        place.output(&["demo", "--language", "cobol"]).status.code(),
        Some(2)
    );
}

#[test]
fn the_demos_server_speaks_both_eras() {
    let place = Place::new("");
    let check = |client: &mut Agent, modern: bool| {
        let listed = client.request("tools/list", json!({}));
        let tools = listed["result"]["tools"].as_array().unwrap();
        assert_eq!(tools.len(), 9);
        for tool in tools {
            assert!(tool["annotations"]["readOnlyHint"].is_boolean(), "{tool}");
            assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
        }
        let failed = call(client, "flaky_export", json!({}));
        assert_eq!(failed["isError"], true, "{failed}");
        let contact = call(client, "get_contact", json!({"id": "c007"}));
        let text = contact["content"][0]["text"].as_str().unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(text).unwrap(),
            contact["structuredContent"]
        );
        for result in [&listed["result"], &failed, &contact] {
            assert_eq!(result["resultType"] == "complete", modern, "{result}");
        }
        let wrong = json!({"name": "get_contact", "arguments": {"id": 7}});
        assert_eq!(client.request("tools/call", wrong)["error"]["code"], -32602);
        assert_eq!(
            client.request("no/such", json!({}))["error"]["code"],
            -32601
        );
    };
    let mut legacy = client(&place);
    let hello = legacy.initialize();
    assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(legacy.request("ping", json!({}))["result"], json!({}));
    check(&mut legacy, false);
    let mut modern = client(&place);
    let discovered = modern.discover();
    assert_eq!(
        discovered["result"]["supportedVersions"],
        json!(["2026-07-28"])
    );
    check(&mut modern, true);
    // It ends with its input.
    modern.hang_up();
    assert!(modern.child.wait().unwrap().success());
}
