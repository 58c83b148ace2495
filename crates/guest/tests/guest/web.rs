//! What programs find of the web's global scope, held against Node's answers.
//!
//! `scripts/node-answers` records the answers in web.json.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::javascript::{HOST, check, shown};

/// Expressions whose answers are meant to differ: ours, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        r#"'use strict', (() => { try { 'use strict'; new URL('http://a').origin = 'x'; return 'kept' } catch (e) { return e.name } })()"#,
        r#""TypeError""#,
        r#"programs are strict, and Node's recorded answer is a sloppy script's"#,
    ),
    (
        r#"URL('http://a')"#,
        r#"TypeError: class constructors must be invoked with 'new'"#,
        r#"the engine's own words"#,
    ),
    (
        r#"new TextDecoder('windows-1252').decode(new Uint8Array([0x80, 0x99, 0x93]))"#,
        r#""€™“""#,
        r#"Node 20 decodes Latin-1 by mistake; this is the standard's answer"#,
    ),
    (
        r#"queueMicrotask(1) === undefined || 1"#,
        r#"TypeError: not a function"#,
        r#"the engine's own words"#,
    ),
    (
        r#"new Intl.NumberFormat('de-DE').format(1234.5)"#,
        r#""1,234.5""#,
        r#"every locale resolves to en-US, and says so"#,
    ),
    (
        r#"new Intl.NumberFormat('de-DE').resolvedOptions().locale"#,
        r#""en-US""#,
        r#"every locale resolves to en-US, and says so"#,
    ),
    (
        r#"new Date(Date.UTC(2024, 0, 5, 15, 4, 9, 87)).toLocaleDateString('en-US', {timeZone: 'Nowhere/City'})"#,
        r#"RangeError: timeZone "Nowhere/City" is not known here: programs have "UTC", which is also their own"#,
        r#"the guest knows UTC only, and says so rather than answer wrongly"#,
    ),
    (
        r#"new Date(Date.UTC(2024, 0, 5, 15, 4, 9, 87)).toLocaleDateString('en-US', {timeZone: 'America/New_York'})"#,
        r#"RangeError: timeZone "America/New_York" is not known here: programs have "UTC", which is also their own"#,
        r#"the guest knows UTC only, and says so rather than answer wrongly"#,
    ),
    (
        r#"new Date(Date.UTC(2024, 0, 5, 15, 4, 9, 87)).toLocaleDateString('en-GB')"#,
        r#""1/5/2024""#,
        r#"every locale resolves to en-US, and says so"#,
    ),
    (
        r#"new Intl.DateTimeFormat('en-US', {hour: 'numeric'}).formatToParts(new Date(Date.UTC(2024, 0, 5, 15, 4, 9, 87)))"#,
        r#"[{"type":"hour","value":"3"},{"type":"literal","value":" "},{"type":"dayPeriod","value":"PM"}]"#,
        r#"Node has U+202F before PM in parts, though not in what format() answers"#,
    ),
    (
        r#"Date.prototype.toLocaleString.call({})"#,
        r#"TypeError: this is not a Date object."#,
        r#"names no object, which may be anything"#,
    ),
    (
        r#"Intl.PluralRules()"#,
        r#"TypeError: class constructors must be invoked with 'new'"#,
        r#"the engine's own words"#,
    ),
    (
        r#"new Intl.RelativeTimeFormat('en').resolvedOptions()"#,
        r#"{"locale":"en-US","style":"long","numeric":"always","numberingSystem":"latn"}"#,
        r#"every locale resolves to en-US, and says so"#,
    ),
    (
        r#"typeof Intl.Collator.prototype.compare"#,
        r#"TypeError: private class field '#compare' does not exist"#,
        r#"the engine's own words"#,
    ),
];

/// The same for what programs print.
const PRINTED_DIFFERENCES: &[(&str, [&str; 2], &str)] = &[
    (
        r#"console.log('%s is %d years and %i, %f, %j %o %O %%', 'Bob', 42.5, 42.9, 1.5, {a: 1}, [1], {b: 2}); console.log('%c styled', 'color: red'); console.log('a', 1, null, undefined, true)"#,
        [
            "Bob is 42.5 years and 42, 1.5, {\"a\":1} [ 1 ] { b: 2 } %\n styled\na 1 null undefined true\n",
            "",
        ],
        "%o shows no hidden members, which only cost tokens",
    ),
    (
        r#"console.log({u: new URLSearchParams('a=1'), s: new AbortController().signal})"#,
        [
            "{ u: URLSearchParams { 'a' => '1' }, s: AbortSignal { aborted: false } }\n",
            "",
        ],
        "lines are 76 columns wide, whatever is on them",
    ),
];

fn recorded() -> Value {
    serde_json::from_str(include_str!("web.json")).unwrap()
}

#[test]
fn expressions_have_the_answers_of_node() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (subject, known) in recorded()["expressions"].as_object().unwrap() {
        let asks: Vec<_> = known
            .as_object()
            .unwrap()
            .keys()
            .map(|expression| format!("async () => ({expression})"))
            .collect();
        let code = include_str!("web.js").replace("EXPRESSIONS", &asks.join(",\n"));
        let run = HOST.run("javascript", &code);
        let answers: Vec<String> = match &run.done.value {
            Some(value) => serde_json::from_str(value.get()).unwrap(),
            None => panic!("{subject}: {}", shown(&run.done)),
        };
        for ((expression, node), answer) in known.as_object().unwrap().iter().zip(&answers) {
            count += 1;
            let meant = DIFFERENCES
                .iter()
                .find(|(known, ..)| known == expression)
                .map_or(node.as_str().unwrap(), |(_, ours, _)| {
                    assert_ne!(node, ours, "{expression} does not differ");
                    ours
                });
            if answer != meant {
                wrong.push(format!("{subject}: {expression}\n  {meant}\n  {answer}"));
            }
        }
    }
    assert!(count >= 150);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_difference_is_of_an_expression() {
    let recorded = recorded();
    let expressions = recorded["expressions"].as_object().unwrap();
    for (expression, _, reason) in DIFFERENCES {
        assert!(!reason.is_empty());
        assert!(
            expressions
                .values()
                .any(|known| known.get(expression).is_some()),
            "{expression}"
        );
    }
    for (program, _, reason) in PRINTED_DIFFERENCES {
        assert!(!reason.is_empty());
        assert!(recorded["console"].get(program).is_some(), "{program}");
    }
}

/// Not a test: what [`the_console_prints_as_node_does`] runs in a process of its own.
#[test]
#[ignore = "prints"]
fn printing_program() {
    let mark = "console.log('----'); console.error('----');";
    let code = std::env::var("PROGRAM").unwrap();
    check(&format!("{mark}{code};{mark}"), "no value");
}

#[test]
fn the_console_prints_as_node_does() {
    let mut wrong = BTreeMap::new();
    for (program, node) in recorded()["console"].as_object().unwrap() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "web::printing_program",
                "--ignored",
                "--nocapture",
            ])
            .env("PROGRAM", program)
            .output()
            .unwrap();
        let between = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            let text = text.split("----\n").nth(1);
            text.unwrap_or("the program failed").to_owned()
        };
        let printed = [between(output.stdout), between(output.stderr)];
        let node = [&node[0], &node[1]].map(|text| text.as_str().unwrap());
        let meant = PRINTED_DIFFERENCES
            .iter()
            .find(|(known, ..)| known == program)
            .map_or(node, |(_, ours, _)| *ours);
        if printed != meant {
            wrong.insert(program.clone(), (meant.map(str::to_owned), printed));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What needs no answer of Node's.
#[test]
fn shims_are_made_when_they_are_touched_and_can_be_replaced() {
    check(
        "globalThis.URL = 5; Intl = {a: 1}; return [URL, Intl, typeof TextEncoder, 'crypto' in globalThis]",
        r#"[5,{"a":1},"function",true]"#,
    );
    // Each alone, in a program of its own.
    for (code, expected) in [
        ("new URL('http://a').host", r#""a""#),
        ("new URLSearchParams('a=1').get('a')", r#""1""#),
        ("new TextEncoder().encode('é').length", "2"),
        ("new TextDecoder().encoding", r#""utf-8""#),
        ("crypto.randomUUID().length", "36"),
        ("performance.now() < 10000", "true"),
        ("AbortSignal.abort().aborted", "true"),
        ("new Event('e').type", r#""e""#),
        ("structuredClone([1])", "[1]"),
        ("'a'.localeCompare('B')", "-1"),
        ("(1234).toLocaleString()", r#""1,234""#),
        ("new Date(0).toLocaleDateString()", r#""1/1/1970""#),
        ("new Intl.PluralRules().select(1)", r#""one""#),
    ] {
        check(&format!("return {code}"), expected);
    }
}

#[test]
fn a_shims_errors_stand_where_the_program_called() {
    check(
        "const a = 1;\nnew URL('nope')",
        "exception 2:5 TypeError: Invalid URL",
    );
    check(
        "new Intl.DateTimeFormat('en', {timeZone: 'Europe/Berlin'})",
        "exception 1:5 RangeError: timeZone \"Europe/Berlin\" is not known here: programs have \"UTC\", which is also their own",
    );
}

#[test]
fn values_of_shims_become_json() {
    check(
        "return [new URL('http://a/b'), new TextEncoder().encode('a'), AbortSignal.timeout(60_000).aborted]",
        r#"["http://a/b",[97],false]"#,
    );
}

#[test]
fn shims_survive_replaced_builtins_or_fail_alone() {
    check(
        "const data = {a: [new Map([[1, 2]])]};
for (const type of [Array, Map, String, Number]) {
    for (const name of Object.getOwnPropertyNames(type.prototype)) {
        if (name !== 'constructor' && name !== 'length') try { type.prototype[name] = () => 'replaced' } catch {}
    }
}
Array.prototype[Symbol.iterator] = null;
let failed;
try { failed = new Intl.NumberFormat('en').format(1) } catch (error) { failed = error.name }
return [structuredClone(data), typeof failed, await tools.test.echo({a: 1})]",
        r#"[{"a":[{"1":2}]},"string",{"a":1}]"#,
    );
}
