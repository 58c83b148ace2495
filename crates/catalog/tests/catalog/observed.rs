//! What is learned of results: shapes, how they join, and which names stay.

use serde_json::{Value, json};
use toolmill_catalog::{Catalog, FieldWords, Language, Observations, Observed, Server, Shape};

/// The shape of results of different calls.
fn learned(results: &[&str]) -> Shape {
    let mut shape = Shape::default();
    for (call, result) in results.iter().enumerate() {
        shape.join(&Shape::of(result, call as u32));
    }
    shape
}

fn catalog(tools: Value) -> Catalog {
    Catalog::new(vec![Server {
        name: "x".into(),
        tools: serde_json::from_value(tools).expect("each is JSON"),
        title: None,
        description: None,
    }])
}

/// Words that a server has published beside the general ones.
fn words() -> FieldWords {
    let catalog = catalog(json!([
        {"name": "adjust_flux", "inputSchema": {"type": "object", "properties": {
            "warpCore": {"properties": {"nacelle": {"enum": ["port", "starboard"]}}}}}}
    ]));
    FieldWords::of(catalog.server("x").unwrap())
}

#[test]
fn shapes_are_of_kinds_and_names() {
    #[track_caller]
    fn check(results: &[&str], expected: &str) {
        assert_eq!(learned(results).words(Language::Python), expected);
    }
    check(&["1"], "int");
    check(&["1", "1.5"], "float");
    check(&["null", "\"a\""], "str?");
    check(&["true", "\"a\"", "3"], "bool|int|str");
    check(&["[]"], "[]");
    check(&["[]", "[1]"], "[int]");
    check(&["[1, null]"], "[int?]");
    check(&["{}"], "{}");
    check(
        &[
            r#"{"id": 1, "name": "a"}"#,
            r#"{"name": "b", "id": 2, "note": null}"#,
        ],
        "{id: int, name: str, note?: None}",
    );
    check(
        &[r#"[{"id": 1, "tags": ["a"]}, {"id": null, "tags": []}]"#],
        "[{id: int?, tags: [str]}]",
    );
    // A name that is a keyword of Python is written as a key.
    check(&[r#"{"from": 1}"#], r#"{"from": int}"#);
    check(&[r#"{"not an identifier": 1, "b": "x"}"#], "{str: int|str}");
    check(
        &[r#"{"items": [{"id": 1, "owner": {"id": 1, "login": "a"}}], "total": 1}"#],
        "{items: [{id: int, owner: {id: int, login: str}}], total: int}",
    );
    check(
        &[r#""{\"id\": 1, \"ok\": true}""#],
        "str of JSON {id: int, ok: bool}",
    );
    check(&[r#""{\"id\": 1}""#, "\"no\""], "str");
    check(
        &[r#"{"content": "[{\"name\": \"a\"}]"}"#],
        "{content: str of JSON [{name: str}]}",
    );
    assert_eq!(
        learned(&["[1, 2.5]", "null"]).words(Language::TypeScript),
        "[number]|null"
    );
}

#[test]
fn a_format_stays_while_every_string_has_it() {
    #[track_caller]
    fn check(results: &[&str], expected: Value) {
        let results: Vec<String> = results.iter().map(|text| json!(text).to_string()).collect();
        let results: Vec<&str> = results.iter().map(String::as_str).collect();
        let schema = learned(&results).schema();
        assert_eq!(
            schema.get("format").unwrap_or(&Value::Null),
            &expected,
            "{results:?}"
        );
    }
    check(&["2026-02-28"], json!("date"));
    check(&["2026-13-28"], Value::Null);
    check(
        &["2026-02-28T10:00:00Z", "2026-02-28t23:59:60.123+02:00"],
        json!("date-time"),
    );
    for wrong in [
        "2026-02-28T10:00:00",
        "2026-02-28T24:00:00Z",
        "2026-02-28T10:00:00.Z",
        "2026-02-28T10:00",
    ] {
        check(&[wrong], Value::Null);
    }
    check(
        &["https://example.org/a?b=c", "s3+x://bucket"],
        json!("uri"),
    );
    check(&["https://example.org/a b"], Value::Null);
    check(&["://x"], Value::Null);
    check(&["0b6f3c1e-9d1a-4b7e-8a53-0f1e2d3c4b5a"], json!("uuid"));
    check(
        &["2026-02-28", "0b6f3c1e-9d1a-4b7e-8a53-0f1e2d3c4b5a"],
        Value::Null,
    );
    check(&["2026-02-28", ""], Value::Null);
    check(&["é"], Value::Null);
}

#[test]
fn names_that_may_be_values_do_not_stay() {
    let words = words();
    #[track_caller]
    fn check(words: &FieldWords, results: &[&str], expected: &str) {
        let discreet = learned(results).discreet(words);
        assert_eq!(discreet.words(Language::Python), expected);
        let kept = serde_json::to_string(&discreet).unwrap();
        let back: Shape = serde_json::from_str(&kept).unwrap();
        assert_eq!(back.words(Language::Python), expected, "{kept}");
        for name in ["alice", "bob", "zorblax", "quux"] {
            assert_eq!(kept.contains(name), expected.contains(name), "{kept}");
        }
    }
    // General words, and those of the server's own list, stay from the first result on.
    check(
        &words,
        &[r#"{"html_url": "x", "createdAt": 1, "warpFlux": 2, "nacelles": 3}"#],
        "{html_url: str, createdAt: int, warpFlux: int, nacelles: int}",
    );
    // What a server gives as values of a parameter is no name of one.
    check(&words, &[r#"{"id": 1, "starboard": 1}"#], "{id: int, ...}");
    // Names of people, of which there is no other.
    check(&words, &[r#"{"alice": 1, "bob": 2}"#], "{str: int}");
    check(
        &words,
        &[r#"{"alice": {"id": 1}, "bob": {"id": 2, "name": "x"}}"#],
        "{str: {id: int, name?: str}}",
    );
    // Of results that were read in part it is not known what was absent.
    let cut = [r#"{"id": 1, "alice": "x"#, r#"{"id": 1, "bob": "x"#];
    let cut: Vec<&str> = cut.into_iter().cycle().take(8).collect();
    check(&words, &cut, "{id: int, ...}");
    let days = [r#"{"alice": 1}"#; 20];
    check(&words, &days, "{str: int}");
    // Beside a known name they must all have come back from three different calls.
    check(
        &words,
        &[r#"{"total": 3, "alice": 1, "bob": 2}"#],
        "{total: int, ...}",
    );
    let record = r#"{"id": 3, "zorblax": true, "quux": "x"}"#;
    check(&words, &[record, record], "{id: int, ...}");
    check(
        &words,
        &[record, record, record],
        "{id: int, zorblax: bool, quux: str}",
    );
    check(
        &words,
        &[
            record,
            record,
            record,
            r#"{"id": 3, "zorblax": true, "alice": 1}"#,
        ],
        "{id: int, ...}",
    );
    // Elements of one list came from one call.
    check(
        &words,
        &[r#"[{"id": 1, "alice": 1}, {"id": 2, "alice": 2}, {"id": 3, "alice": 3}]"#],
        "[{id: int, ...}]",
    );
    check(
        &words,
        &[r#"{"id": 3, "user_1042": 1}"#; 3],
        "{id: int, ...}",
    );
    check(
        &words,
        &[r#"{"text": "{\"alice\": 3}"}"#],
        "{text: str of JSON {str: int}}",
    );
}

#[test]
fn the_same_call_again_proves_nothing() {
    let record = r#"{"id": 3, "zorblax": true}"#;
    let mut shape = Shape::default();
    for _ in 0..20 {
        shape.join(&Shape::of(record, 7));
    }
    assert_eq!(
        shape.discreet(&words()).words(Language::Python),
        "{id: int, ...}"
    );
}

#[test]
fn a_result_that_breaks_off_proves_no_absence() {
    let whole = r#"[{"id":1,"name":"a"},{"id":2,"na"#;
    assert_eq!(
        learned(&[whole]).words(Language::Python),
        "[{id: int, name: str}]"
    );
    let text = json!(r#"[{"id":1,"name":"é\ud83d\ude00 b"},{"id":2,"na"#).to_string();
    for end in text.len() - 12..text.len() {
        let Some(cut) = text.get(..end) else { continue };
        assert!(
            learned(&[cut])
                .words(Language::Python)
                .starts_with("str of JSON [{id: int, name: str"),
            "{cut}"
        );
    }
    assert_eq!(
        learned(&["\"just a long text"]).words(Language::Python),
        "str"
    );
}

#[test]
fn hostile_results_stay_small() {
    let keys: Vec<String> = (0..10_000)
        .map(|key| format!("\"k{key}\":{{\"v\":{key}}}"))
        .collect();
    let keys = format!("{{{}}}", keys.join(","));
    assert_eq!(learned(&[&keys]).words(Language::Python), "{str: {v: int}}");

    let deep = format!("{}1{}", "{\"a\":[".repeat(25), "]}".repeat(25));
    assert_eq!(
        learned(&[&deep]).words(Language::Python),
        "{a: [{a: [dict]}]}"
    );
    let deeper = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(learned(&[&deeper]).words(Language::Python), "[[[[[any]]]]]");

    // Every element is another thing at every place.
    let things = [
        "1",
        "1.5",
        "null",
        "true",
        "\"s\"",
        "[1]",
        "[\"x\"]",
        "{\"id\":1}",
        "{\"id\":[2]}",
    ];
    let nested: Vec<String> = (0..2_000)
        .map(|at| {
            format!(
                "{{\"name\":{},\"v{}\":{}}}",
                things[at % 9],
                at % 40,
                things[at % 7]
            )
        })
        .collect();
    let nested = format!("[{}]", nested.join(","));
    let shape = learned(&[&nested, "null", "{}", "3"]);
    assert!(serde_json::to_string(&shape).unwrap().len() < 2_000);
    assert!(shape.words(Language::Python).len() < 300);

    // 20 names on each of five levels: more places than are kept.
    let mut wide = "1".to_owned();
    for _ in 0..3 {
        let members: Vec<String> = (0..20).map(|at| format!("\"m{at}\":{wide}")).collect();
        wide = format!("{{{}}}", members.join(","));
    }
    assert!(serde_json::to_string(&learned(&[&wide])).unwrap().len() < 60_000);

    for broken in [
        "",
        "{",
        "nope",
        "[1,",
        "{\"a\"",
        "\"\\",
        "\u{0}",
        "[1}",
        "{\"a\":1}}",
    ] {
        learned(&[broken]).words(Language::Python);
    }
    assert_eq!(
        learned(&["{\"a\\u0007\\nb\\u202e\":1}"]).words(Language::Python),
        "{str: int}"
    );
}

/// A generator of small numbers that gives the same ones every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.roll(if depth == 0 { 7 } else { 11 }) {
            0 => Value::Null,
            1 => json!(self.roll(2) == 0),
            2 => json!(self.roll(9)),
            3 => json!(1.5),
            4 => json!("2026-02-28"),
            5 => json!("text"),
            6 => json!(self.value(0).to_string()),
            7 => (0..self.roll(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                // Now and then more names than a record has, or one that is none.
                let names = if self.roll(12) == 0 { 40 } else { self.roll(5) };
                let members = (0..names).map(|at| {
                    let name = match self.roll(30) {
                        0 => "no name".to_owned(),
                        _ if names > 5 => format!("n{at}"),
                        name => format!("k{}", name % 6),
                    };
                    (name, self.value(depth - 1))
                });
                Value::Object(members.collect::<Vec<_>>().into_iter().collect())
            }
        }
    }
}

#[test]
fn joining_does_not_depend_on_order_or_repetition() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let words = words();
    for round in 0..2_000 {
        let mut shape = || {
            let depth = dice.roll(4);
            let text = dice.value(depth).to_string();
            // Whole ones, and some that break off.
            let end = if dice.roll(4) == 0 {
                dice.roll(text.len() as u64 + 1) as usize
            } else {
                text.len()
            };
            let shape = Shape::of(&text[..end], dice.roll(32) as u32);
            if dice.roll(3) == 0 {
                shape.discreet(&words)
            } else {
                shape
            }
        };
        let [a, b, c] = [shape(), shape(), shape()];
        let joined = |one: &Shape, other: &Shape| {
            let mut joined = one.clone();
            joined.join(other);
            joined
        };
        assert_eq!(joined(&a, &b), joined(&b, &a), "{round}: commutative");
        assert_eq!(
            joined(&joined(&a, &b), &c),
            joined(&a, &joined(&b, &c)),
            "{round}: associative"
        );
        assert_eq!(joined(&a, &a), a, "{round}: idempotent");
        assert_eq!(
            joined(&joined(&a, &b), &b),
            joined(&a, &b),
            "{round}: absorbing"
        );
    }
}

#[test]
fn only_tools_that_do_not_say_it_are_shown_as_observed() {
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let text = json!({"type": "string"});
    let cases = [
        ("none", None, true),
        ("empty", Some(object(json!({}))), true),
        ("anything", Some(json!({})), true),
        ("wrapped_text", Some(object(json!({"result": text}))), true),
        ("content", Some(object(json!({"content": text}))), true),
        (
            "number",
            Some(object(json!({"count": {"type": "integer"}}))),
            false,
        ),
        ("two", Some(object(json!({"a": text, "b": text}))), false),
        (
            "wrapped_list",
            Some(object(json!({"result": {"type": "array", "items": text}}))),
            false,
        ),
        (
            "choice",
            Some(object(json!({"result": {"enum": ["a", "b"]}}))),
            false,
        ),
        (
            "reference",
            Some(
                json!({"$ref": "#/$defs/A", "$defs": {"A": object(json!({"a": text, "b": text}))}}),
            ),
            false,
        ),
    ];
    let tools: Vec<Value> = cases
        .iter()
        .map(|(name, output, _)| {
            let mut tool =
                json!({"name": name, "inputSchema": {"type": "object", "properties": {}}});
            if let Some(output) = output {
                tool["outputSchema"] = output.clone();
            }
            tool
        })
        .collect();
    let catalog = catalog(Value::Array(tools));
    let mut observations = Observations::default();
    for tool in catalog.tools() {
        let shape = Shape::of(r#"{"id": 1, "name": "a"}"#, 0);
        observations.insert(
            "x",
            tool.contract().to_owned(),
            Observed { shape, results: 3 },
        );
    }
    for (name, _, observed) in &cases {
        let tool = catalog.resolve(&format!("x.{name}")).unwrap();
        let signature = tool.signature(Language::Python, observations.of(tool));
        let shown = signature.ends_with("() -> {id: int, name: str} observed ×3");
        assert_eq!(shown, *observed, "{signature}");
    }
    // What was promised and kept is not said to be observed.
    let promised = catalog.resolve("x.wrapped_text").unwrap();
    let shape = Shape::of("\"a\"", 0);
    let observed = Observed { shape, results: 1 };
    let signature = promised.signature(Language::Python, Some(&observed));
    assert!(signature.ends_with("() -> str"), "{signature}");
}
