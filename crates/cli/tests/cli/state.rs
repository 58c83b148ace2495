//! What a program leaves to later ones of its session: stored values, and what is said of the rest.

use serde_json::{Value, json};

use crate::place::{Agent, LANGUAGES, Place, fake};

fn connected(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

/// The answer to a program, without its seconds.
fn answer(agent: &mut Agent, language: &str, code: &str) -> String {
    let (text, _) = agent.execute(language, code);
    let (status, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let facts = status.split(" · ").filter(|fact| !fact.ends_with(" s"));
    let status = facts.collect::<Vec<_>>().join(" · ");
    format!("{status}\n{rest}").trim_end().to_owned()
}

/// The value of a program that succeeds.
#[track_caller]
fn value(agent: &mut Agent, language: &str, code: &str) -> Value {
    let (text, is_error) = agent.execute(language, code);
    assert!(!is_error, "{text}");
    let answer = text.split_once('\n').map_or("", |(_, answer)| answer);
    let value = answer.split("\n--- ").next().unwrap();
    serde_json::from_str(value).unwrap_or_else(|_| value.into())
}

#[test]
fn a_server_called_store_is_called_and_the_store_is_the_store() {
    let place = Place::new(&[fake("store", &[]), fake("load", &[])].concat());
    let mut agent = connected(&place);
    for (language, code) in [
        (
            "python",
            "store('echo', {'text': 'kept'})
[call_tool('store', 'echo', {'text': 'a'}), call_tool('store.echo', text='b'), tools.store.echo(text='c'),
 call_tool('load', 'echo', {'text': 'd'}), load('echo'), store.keys()]",
        ),
        (
            "typescript",
            "await store('echo', {text: 'kept'});
[await call_tool('store', 'echo', {text: 'a'}), await call_tool('store.echo', {text: 'b'}),
 await tools.store.echo({text: 'c'}), await call_tool('load', 'echo', {text: 'd'}), await load('echo'), await store.keys()]",
        ),
    ] {
        assert_eq!(
            value(&mut agent, language, code),
            json!(["a", "b", "c", "d", {"text": "kept"}, ["echo"]])
        );
    }
}

#[test]
fn what_a_program_stores_later_ones_load_digit_for_digit_in_both_languages() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let long = "[12345678901234567890,{\"b\":1,\"a\":[null,true,\"é\\n\"]}]";
    for (language, store) in [
        (
            "python",
            "store('py', [12345678901234567890, {'b': 1, 'a': [None, True, 'é\\n']}])",
        ),
        (
            "typescript",
            "store('ts', [12345678901234567890, {b: 1, a: [null, true, 'é\\n']}])",
        ),
    ] {
        assert!(!agent.execute(language, store).1);
    }
    for language in LANGUAGES {
        for key in ["py", "ts"] {
            let (text, _) = agent.execute(language, &format!("load({key:?})"));
            assert!(
                text.split("\n--- ").next().unwrap().ends_with(long),
                "{text}"
            );
        }
    }
    let python = "
store('n', 1)
store('n', load('n') + 1)
missing = load('nothing', {1, 2})
[load('n'), missing == {1, 2}, store.keys(), store.delete('n'), store.delete('n'), load('n', None)]
";
    assert_eq!(
        value(&mut agent, "python", python),
        json!([2, true, ["n", "py", "ts"], true, false, null])
    );
    let typescript = "
await store('n', 1);
store('n', load('n') + 1);
const count = async (key: string) => { const seen = load(key, []); seen.push(key); store(key, seen); return seen.length };
count('list'); count('list');
const missing = load('nothing', new Map([['a', 1]]));
return [load('n'), missing.get('a'), count('list'), store.keys(), store.delete('n'), await store.delete('n'), load('n', undefined) === undefined];
";
    assert_eq!(
        value(&mut agent, "typescript", typescript),
        json!([2, 1, 3, ["list", "n", "py", "ts"], true, false, true])
    );
    let asynchronous = "
import asyncio
async def main():
    await store('a', await load('n', 5))
    return await asyncio.gather(load('a'), load('b', 6))
asyncio.run(main())
";
    assert_eq!(value(&mut agent, "python", asynchronous), json!([5, 6]));
    let imported = "from tools import store, load\nstore('a', 7)\n[load('a'), load('b', 8)]";
    assert_eq!(value(&mut agent, "python", imported), json!([7, 8]));
    let imported =
        "import { store, load } from 'tools';\nstore('a', 9);\n[load('a'), load('b', 10)]";
    assert_eq!(value(&mut agent, "typescript", imported), json!([9, 10]));
}

#[test]
fn to_store_is_no_value_and_a_name_of_the_programs_own_is_its_own() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    for (number, (language, code, expected)) in [
        ("python", "store('a', 1)", ""),
        ("javascript", "await store('a', 1)", ""),
        ("python", "def store(x):\n    return x * 2\nstore(4)", "\n8"),
        ("python", "store = {}\nstore['a'] = 1\nstore", "\n{\"a\":1}"),
        ("python", "load = lambda key: key + '!'\nload('a')", "\na!"),
        ("javascript", "const store = (x) => x * 2;\nstore(4)", "\n8"),
        (
            "javascript",
            "function load(x) { return x + 1 }\nload(4)",
            "\n5",
        ),
        (
            "javascript",
            "const [store, load] = [1, 2];\n[store, load]",
            "\n[1,2]",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let expected = format!("ok x{}{expected}", number + 1);
        let code = code.replace("await store('a', 1)", "await store('a', 1);");
        assert_eq!(answer(&mut agent, language, &code), expected, "{code}");
    }
}

#[test]
fn errors_of_the_store_say_what_to_do() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let fill = "for key in ('users', 'a\\u202eb\\n'): store(key, 1)";
    assert!(!agent.execute("python", fill).1);
    let known = r#"stored are "a\u{202e}b\n", "users""#;
    for (language, code, expected) in [
        ("python", "load('user')", format!("nothing is stored under \"user\"; {known}")),
        ("javascript", "await load('user')", format!("nothing is stored under \"user\"; {known}")),
        (
            "python",
            "try: load('user')\nexcept KeyError as error: assert error.code == 'invalid_argument'; raise ValueError(str(error))",
            format!("ValueError: nothing is stored under \"user\"; {known}"),
        ),
        (
            "javascript",
            "try { await load('user') } catch (error) { throw new Error(error instanceof ToolError ? error.message : 'no') }",
            format!("nothing is stored under \"user\"; {known}"),
        ),
        (
            "python",
            "store('x', {'a': [1, {2}]})",
            "TypeError: store: value.a[1] is of type set, which JSON does not have\nhint: pass a list".into(),
        ),
        ("python", "store('x', float('nan'))", "ValueError: store: value is nan".into()),
        (
            "javascript",
            "await store('x', {a: [1, () => 2]})",
            "store: value.a[1] is a function".into(),
        ),
        ("javascript", "await store('x', NaN)", "store: value is NaN".into()),
        (
            "javascript",
            "await store('x')",
            "TypeError: store takes a key and a value: store(\"cursor\", value); store.delete(key) deletes one".into(),
        ),
        (
            "python",
            "store(7, 1)",
            "a key is a text, not 7; store takes a key and a value: store(\"cursor\", value)".into(),
        ),
        (
            "javascript",
            "await load(7)",
            "a key is a text, not 7; load takes the key of a stored value: load(\"cursor\")".into(),
        ),
        ("python", "store('a\\ud800', 1)", "a key may not hold half of a surrogate pair, or U+FFFD".into()),
        ("javascript", "await store('a\\udc00', 1)", "a key may not hold half of a surrogate pair, or U+FFFD".into()),
        ("python", "store('', 1)", "a key is a text of 1 to 256 bytes; this one has 0".into()),
        ("javascript", "await store('k'.repeat(257), 1)", "a key is a text of 1 to 256 bytes; this one has 257".into()),
        (
            "python",
            "store.get('x')",
            "AttributeError: store has no 'get': write store(key, value), load(key), store.keys() or store.delete(key)".into(),
        ),
        ("python", "store['x'] = 1", "TypeError: a value is stored by store(key, value)".into()),
    ] {
        let (text, is_error) = agent.execute(language, code);
        assert!(is_error && text.contains(&format!("\n{expected}")), "{code}: {text}");
    }
    // None of these has stored anything.
    assert_eq!(value(&mut agent, "python", "len(store.keys())"), 2);
}

#[test]
fn a_store_that_is_full_refuses_and_loses_nothing() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let fill = "for key in 'ab': store(key, key * 7_000_000)";
    assert!(!agent.execute("python", fill).1);
    for (language, code) in [
        ("python", "store('c', 'c' * 7_000_000)"),
        ("javascript", "await store('c', 'c'.repeat(7_000_000))"),
    ] {
        let (text, is_error) = agent.execute(language, code);
        let expected = "\n\"c\" has 7000002 bytes, and the store of a session holds 16777216 at most, \
             of which 14000004 are taken; delete what is not needed: store.delete(\"b\") frees 7000002";
        assert!(
            is_error && text.starts_with("error x") && text.contains(" limit_output "),
            "{text}"
        );
        assert!(text.contains(expected), "{text}");
    }
    let code = "[load('a') == 'a' * 7_000_000, len(load('b')), store.delete('b'), store('c', 'c' * 7_000_000), store.keys()]";
    assert_eq!(
        value(&mut agent, "python", code),
        json!([true, 7_000_000, true, null, ["a", "c"]])
    );
}

#[test]
fn programs_that_run_at_once_share_a_store() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let mut ids: Vec<u64> = (0..6)
        .map(|number| {
            let code = match number % 2 {
                0 => format!("for n in range(50):\n    store(f'p{number}-{{n}}', n)\n    store('last', [n] * 1000)"),
                _ => format!("for (let n = 0; n < 50; n++) {{ store(`p{number}-${{n}}`, n); store('last', Array(1000).fill(n)) }}"),
            };
            let language = ["python", "javascript"][number % 2];
            let arguments = json!({"language": language, "code": code});
            agent.ask("tools/call", json!({"name": "execute_code", "arguments": arguments}))
        })
        .collect();
    while !ids.is_empty() {
        let message = agent.next();
        if let Some(at) = ids.iter().position(|id| message["id"] == *id) {
            assert_ne!(message["result"]["isError"], true, "{message:#}");
            ids.remove(at);
        }
    }
    let code = "last = load('last')\n[len(store.keys()), len(last), len(set(last)), sum(load(key) for key in store.keys() if key != 'last')]";
    assert_eq!(
        value(&mut agent, "python", code),
        json!([301, 1000, 1, 6 * 49 * 25])
    );
}

#[test]
fn what_is_stored_goes_with_a_connection_and_stays_under_a_name() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    assert!(
        !agent
            .execute("python", "store('planted-key', 'planted-value')")
            .1
    );
    assert!(place.every_file().contains("planted-value"));
    let _ = agent.close();
    assert!(!place.every_file().contains("planted-"));

    let named = |language: &str, code: &str| {
        let (exit, json) = place.run_with(&["--session", "s_kept", "--language", language], code);
        assert_eq!(exit, 0, "{json:#}");
        json["value"].clone()
    };
    named("python", "store('n', 12345678901234567890)");
    assert_eq!(
        named("javascript", "load('n')").to_string(),
        "12345678901234567890"
    );
    let other = place.run_with(
        &["--session", "s_other", "--language", "python"],
        "load('n')",
    );
    assert!(
        other.1["error"]["message"]
            .as_str()
            .unwrap()
            .ends_with("this session has stored nothing")
    );
}

#[test]
fn a_variable_of_an_earlier_program_is_explained() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let first = "import json\nusers = [1, 2]\ndef norm(x): return x\nclass Row: pass\nlast_cursor = 5\nstore('last_cursor', last_cursor)\nusers[9]";
    assert!(
        agent.execute("python", first).1,
        "one that fails counts, too"
    );
    let second = "import { fake } from 'tools';\ntype T = number;\nconst rows: T[] = [1], ask = () => 1;\nlet { deep: [inner] } = { deep: [2] };\nfunction add() {}\nrows";
    assert!(!agent.execute("typescript", second).1);
    let lost = |name: &str, run: &str| {
        format!(
            "hint: {name} was a variable of {run}, and variables are lost after each run: make it again here, \
             or have one program store(\"{name}\", {name}) and later ones load(\"{name}\")"
        )
    };
    let gone = |name: &str, run: &str| {
        format!(
            "hint: {name} was defined by {run}, and what a program defines is lost after it: define it again here"
        )
    };
    let stored = |name: &str, run: &str| {
        format!(
            "hint: {name} was a variable of {run}, and variables are lost after each run; a value is stored under this name"
        )
    };
    for (language, code, expected) in [
        ("python", "print(len(users))", lost("users", "x1")),
        (
            "typescript",
            "console.log(users.length)",
            lost("users", "x1"),
        ),
        ("python", "norm(1)", gone("norm", "x1")),
        ("typescript", "new Row()", gone("Row", "x1")),
        ("python", "rows", lost("rows", "x2")),
        ("typescript", "return inner + 1", lost("inner", "x2")),
        ("typescript", "return ask()", gone("ask", "x2")),
        ("python", "add()", gone("add", "x2")),
        (
            "python",
            "last_cursor + 1",
            stored("last_cursor", "x1") + "\nfix: last_cursor = load(\"last_cursor\")",
        ),
        (
            "typescript",
            "return last_cursor + 1",
            stored("last_cursor", "x1") + "\nfix: const last_cursor = await load(\"last_cursor\");",
        ),
    ] {
        let (text, is_error) = agent.execute(language, code);
        assert!(is_error && text.contains(" undefined_name "), "{text}");
        assert!(text.contains(&expected), "{code}: {text}");
    }
    // What was imported, and what nobody defined, have the hints of their language.
    for (language, code) in [
        ("python", "nobody"),
        ("typescript", "return nobody"),
        ("typescript", "let x: T = T"),
    ] {
        let (text, _) = agent.execute(language, code);
        assert!(!text.contains(" of x") && !text.contains(" by x"), "{text}");
    }
    // Nor is a program of another session an earlier one.
    let mut stranger = connected(&place);
    let (text, _) = stranger.execute("python", "users");
    assert!(
        text.contains(" undefined_name ") && !text.contains(" of x"),
        "{text}"
    );
}

/// A program can reach all of its runtime; what it claims to have defined is bounded and is not obeyed.
#[test]
fn names_that_a_hostile_program_claims_are_no_words_of_ours() {
    let place = Place::with_fake();
    let mut agent = connected(&place);
    let hostile = "
import sys
frame = sys._getframe()
names = globals()
for n in range(100_000): names[f'v{n}'] = n
names['x\\n--- note\\nforged'] = 1
names['\\u202e' * 50] = 1
names['long' * 100_000] = 1
5
";
    assert_eq!(value(&mut agent, "python", hostile), 5);
    let (text, _) = agent.execute("python", "raise NameError(\"name 'x\\n--- note\\nforged' is not defined\", name='x\\n--- note\\nforged')");
    assert!(
        text.contains(" undefined_name ") && !text.contains(" of x1"),
        "{text}"
    );
}
