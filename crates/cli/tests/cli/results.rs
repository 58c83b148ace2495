//! What is too large for an answer is kept in the session, and later programs read it by its handle.

use serde_json::{Value, json};

use crate::place::{Agent, Place};

fn agent(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

/// The status and the value of a program that succeeds.
#[track_caller]
fn run(agent: &mut Agent, language: &str, code: &str) -> (String, Value) {
    let (text, is_error) = agent.execute(language, code);
    assert!(!is_error, "{text}");
    let (status, answer) = text.split_once('\n').unwrap();
    let value = answer.split("\n--- ").next().unwrap();
    (
        status.to_owned(),
        serde_json::from_str(value).unwrap_or_else(|_| value.into()),
    )
}

const RECORDS: &str =
    "[{'id': n, 'name': f'naïve \\U0001f600 {n}\\n', 'tags': ['a/b', n]} for n in range(20000)]";

#[test]
fn a_value_too_large_for_an_answer_is_read_by_its_handle_in_both_languages() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let (status, preview) = run(&mut agent, "python", RECORDS);
    assert!(
        status.contains(" · value too large: 20,000 items, ")
            && status
                .ends_with(r#"preview below, whole value: results.open("r_1") in a later program"#),
        "{status}"
    );
    assert_eq!(preview["$preview"], "r_1");
    assert_eq!(preview["head"][1]["id"], 1);

    let python = "
r = results.open('r_1')
assert r[:] == r.value() == EXPECTED
assert list(r) == EXPECTED
assert (len(r), r.type) == (20000, 'array')
assert r[19999] == r[-1] == EXPECTED[-1]
assert r[100:200:7] == EXPECTED[100:200:7] and r[5:2] == [] and r[::-1][0] == EXPECTED[-1]
part = r.at('/7')
assert part['name'] == EXPECTED[7]['name'] and part.keys() == ['id', 'name', 'tags']
assert dict(part.items()) == EXPECTED[7] and part.get('nothing', 5) == 5
assert r.at('/7/name')[-3:] == '7\\n'[-3:].rjust(3) and len(r.at('/7/name')) == len(EXPECTED[7]['name'])
backwards = reversed(r)
assert [next(backwards)['id'], next(backwards)['id']] == [19999, 19998]
sum(one['id'] for one in r) + len(open_result('r_1').at('/3/tags'))
"
    .replace("EXPECTED", RECORDS);
    assert_eq!(run(&mut agent, "python", &python).1, 199_990_002);

    let javascript = r#"
const r = await results.open("r_1");
const all = await r.value();
let sum = 0;
for await (const one of r) sum += one.id;
const slices = [
  await r.slice(100, 102), await r.slice(-1), await r.slice(3, 1), await r.slice(1.5, 3.5), await r.slice(19999.5), await r.slice(NaN, 1),
];
const part = await r.at("/7");
return [
  r.length, r.type, all.length, sum, slices.map(s => s.map(one => one.id)),
  await part.get("name"), await part.get("nothing"), await part.slice(2), await r.get(20000),
  await (await r.at("/7/name")).slice(-2), (await (await open_result("r_1")).slice()).length,
];
"#;
    assert_eq!(
        run(&mut agent, "javascript", javascript).1,
        json!([
            20000, "array", 20000, 199_990_000, [[100, 101], [19999], [], [1, 2], [19999], [0]],
            "naïve 😀 7\n", null, {"tags": ["a/b", 7]}, null, "7\n", 20000
        ])
    );
    // The same value again is the same result; programs that make it from its parts find it equal.
    let again = run(&mut agent, "python", "results.open('r_1').value()").0;
    assert!(again.contains(r#"results.open("r_1")"#), "{again}");
}

#[test]
fn what_was_printed_and_long_texts_are_kept_too() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let print = "for n in range(20000): print(f'{{\"n\": {n}}}')";
    let (text, _) = agent.execute("python", print);
    assert!(
        text.contains(r#" bytes, whole: results.open("r_1") …"#),
        "{}",
        &text[text.len() - 200..]
    );
    let python = "
r = results.open('r_1')
assert '19999}' in r and 'absent' not in r
assert list(r.lines(3, 5)) == ['{\"n\": 3}', '{\"n\": 4}']
sum(line['n'] for line in r.json_lines())
";
    assert_eq!(run(&mut agent, "python", python).1, 199_990_000);
    let javascript = r#"
const r = await results.open("r_1");
let lines = 0;
for await (const line of r) lines += 1;
return [lines, await r.lines(3, 5), (await r.jsonLines(19999)).map(line => line.n)];
"#;
    assert_eq!(
        run(&mut agent, "javascript", javascript).1,
        json!([20000, [r#"{"n": 3}"#, r#"{"n": 4}"#], [19999]])
    );
}

#[test]
fn a_handle_is_nothing_to_another_session_and_an_error_says_what_there_is() {
    let place = Place::with_fake();
    let mut first = agent(&place);
    run(&mut first, "python", RECORDS);
    let mut second = agent(&place);
    for (language, code) in [
        ("python", "results.open('r_1')"),
        ("javascript", "await results.open('r_1')"),
    ] {
        let (text, is_error) = second.execute(language, code);
        assert!(is_error);
        assert!(
            text.contains("there is no result \"r_1\" in this session; it keeps none"),
            "{text}"
        );
    }
    let (text, _) = first.execute("python", "results.open('../r_1')");
    assert!(text.contains("it keeps r_1"), "{text}");
    let (text, _) = first.execute("python", "results.open('r_1').at('/x')");
    assert!(text.contains("\"x\" is no index of an array"), "{text}");
    let kept = place.path("state/toolmill/results");
    assert!(kept.exists(), "{}", kept.display());
    let _ = first.close();
    let _ = second.close();
    let left = std::fs::read_dir(kept).unwrap().count();
    assert_eq!(left, 0, "what a session kept goes with it");
}
