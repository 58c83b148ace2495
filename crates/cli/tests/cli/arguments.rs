//! Arguments on their way to a server: validated against its schema, and sent as they are.

use serde_json::{Value, json};

use crate::place::{LANGUAGES, Place, fake};

/// A place with the server `x`, whose one tool `f` takes `n`, an integer, and writes down its calls.
fn place(settings: &str) -> Place {
    let options = ["--catalog", "tools.json", "--record", "calls"];
    let place = Place::new(&(fake("x", &options) + "cwd = \"${PWD}\"\n" + settings));
    let tools = json!([{
        "name": "f",
        "inputSchema": {
            "type": "object",
            "properties": {
                "n": {"type": "integer"},
                "state": {"enum": ["open", "closed"]},
                "filter": {"type": "object", "properties": {"labels": {"type": "array", "items": {"type": "string"}}}},
            },
            "required": ["n"],
        },
    }]);
    place.write("work/tools.json", &tools.to_string());
    place
}

/// The calls that reached the server.
fn calls(place: &Place) -> String {
    std::fs::read_to_string(place.path("work/calls")).unwrap_or_default()
}

#[test]
fn arguments_that_do_not_fit_the_schema_are_refused_before_they_are_sent() {
    let place = place("");
    for (python, javascript, message, fix) in [
        (
            "n='17'",
            "{n: '17'}",
            "n: must be an integer, is the string \"17\"",
            ["tools.x.f(n=17)", "tools.x.f({n: 17})"],
        ),
        (
            "n=1, state='opened'",
            "{n: 1, state: 'opened'}",
            "state: must be one of \"open\", \"closed\"; is \"opened\"; did you mean \"open\"?",
            [
                "tools.x.f(n=1, state=\"open\")",
                "tools.x.f({n: 1, state: \"open\"})",
            ],
        ),
        (
            "n=1, filter={'labels': ['a', 7]}",
            "{n: 1, filter: {labels: ['a', 7]}}",
            "filter.labels[1]: must be a string, is the number 7",
            [
                "tools.x.f(n=1, filter={\"labels\": [\"a\", \"7\"]})",
                "tools.x.f({n: 1, filter: {\"labels\": [\"a\", \"7\"]}})",
            ],
        ),
    ] {
        let python = format!(
            "try:\n    tools.x.f({python})\nexcept ToolError as e:\n    said = [e.code, str(e), e.fix]\nsaid"
        );
        let javascript = format!(
            "let said;\ntry {{ await tools.x.f({javascript}); }}\ncatch (e) {{ said = [e.code, e.message, e.fix]; }}\nsaid"
        );
        for ((language, code), fix) in LANGUAGES.into_iter().zip([python, javascript]).zip(fix) {
            let said = place.value(language, &code);
            assert_eq!(said, json!(["invalid_argument", message, fix]));
        }
    }
    assert_eq!(calls(&place), "");
}

#[test]
fn a_server_whose_schema_is_wrong_gets_the_call_and_the_agent_a_note() {
    let sent = "{\"tool\":\"f\",\"arguments\":{\"n\":\"17\"}}\n";
    let code = "[tools.x.f(n=n) for n in ['17', '17']]";
    let warned = place("validate = \"warn\"\n");
    let (exit, json) = warned.run("python", code);
    assert_eq!(exit, 0, "{json:#}");
    assert_eq!(
        json["notes"],
        json!([
            "x.f was sent: n: must be an integer, is the string \"17\"; so were 1 more calls like it"
        ])
    );
    assert_eq!(calls(&warned), sent.repeat(2));
    let unseen = place("validate = \"off\"\n");
    let (exit, json) = unseen.run("python", code);
    assert_eq!((exit, &json["notes"]), (0, &json!([])), "{json:#}");
    assert_eq!(calls(&unseen), sent.repeat(2));
}

#[test]
fn every_digit_of_an_integer_reaches_the_server() {
    let place = place("");
    let number = "123456789012345678901234567890";
    for (language, code) in LANGUAGES.into_iter().zip([
        format!("tools.x.f(n={number})"),
        format!("await tools.x.f({{n: {number}n}})"),
    ]) {
        assert_eq!(place.value(language, &code), Value::from("f"));
    }
    let sent = format!("{{\"tool\":\"f\",\"arguments\":{{\"n\":{number}}}}}\n");
    assert_eq!(calls(&place), sent.repeat(2));
}
