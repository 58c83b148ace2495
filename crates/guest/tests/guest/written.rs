//! What a JavaScript guest says of its program's calls before it runs them.

use protocol::{Check, Repeats, Written, message};

use crate::javascript::{HOST, shown};

/// The calls as lines: `path(arguments)`, then what else is said of them. An argument is its name,
/// `=` its value as JSON or `:` its text, and `?` if it may be absent.
fn read(language: &str, code: &str) -> Vec<String> {
    let run = HOST.run(language, code);
    let Some(check) = run.check else {
        return Vec::new();
    };
    let check: Check = message::decode(check.as_bytes()).unwrap();
    let argument = |written: &Written| {
        let absent = if written.may_be_absent { "?" } else { "" };
        match (written.value, &written.text) {
            (Some(json), _) => format!("={json}"),
            (None, Some(text)) => format!("{absent}: {text}"),
            (None, None) => absent.to_owned(),
        }
    };
    let calls = check.calls.iter().map(|call| {
        let positional = call.positional.iter().map(&argument);
        let named = call.named.iter();
        let named = named.map(|(name, written)| format!("{name}{}", argument(written)));
        let mut arguments: Vec<String> = positional.chain(named).collect();
        if call.open {
            arguments.push("...".into());
        }
        let mut line = format!("{}({})", call.path, arguments.join(", "));
        if call.certain {
            line.push_str(" certain");
        }
        match call.repeats {
            Repeats::No => {}
            Repeats::Each => line.push_str(" each"),
            Repeats::Endless => line.push_str(" endless"),
        }
        line
    });
    calls.collect()
}

fn check(code: &str, expected: &[&str]) {
    assert_eq!(read("javascript", code), expected, "{code}");
}

#[test]
fn calls_are_found_by_every_spelling() {
    for code in [
        "await tools.test.echo({a: 1})",
        "await tools['test'][`echo`]({a: 1})",
        "await call_tool('test.echo', {a: 1})",
        "await callTool('test.echo', {a: 1})",
        "await tools.test.echo.raw({a: 1})",
        "const test = tools.test; await test.echo({a: 1})",
        "const { test: { echo } } = tools; await echo({a: 1})",
        "const { echo: say } = tools['test']; await say({a: 1})",
        "let t; const u = tools; await u.test.echo({a: 1})",
        "import { test } from 'tools'; await test.echo({a: 1})",
        "import t, { call_tool as c } from 'toolmill'; await c('test.echo', {a: 1})",
        "import * as t from 'tools'; await t.default.test.echo({a: 1})",
        "const { test } = require('tools'); await test.echo({a: 1})",
        "const t = await import('tools'); await t.tools.test.echo({a: 1})",
    ] {
        check(code, &["test.echo(a=1) certain"]);
    }
    assert_eq!(
        read(
            "typescript",
            "declare const tools: any; const e = tools.test!.echo as (x: any) => any;
             await e({a: 1 as number} satisfies object)"
        ),
        ["test.echo(a=1) certain"]
    );
    check(
        "await tools.raw({}); await tools.a.raw({}); await tools.a.b.c.raw({})",
        &["raw() certain", "a.raw() certain", "a.b.c() certain"],
    );
}

#[test]
fn what_is_made_at_run_time_is_left_out() {
    for code in [
        "1",
        "// tools.test.echo()\n'tools.test.echo()'",
        "await search_tools('send mail')",
        "const name = 'echo'; await tools.test[name]({})",
        "const path = 'test.echo'; await call_tool(path, {})",
        "let t = tools.test; t = {echo() {}}; await t.echo({})",
        "for (const t of [tools.test]) await t.echo({})",
        "const run = async t => t.echo({}); await run(tools.test)",
        "const tools = {test: {echo() {}}}; tools.test.echo({})",
        "function call_tool() {} call_tool('test.echo')",
        "const { echo } = { echo() {}, tools }; echo()",
        "const { ...all } = tools; await all?.x",
        "typeof tools.then, tools.toJSON",
        "const t = await tools.test.then; tools.constructor",
    ] {
        check(code, &[]);
    }
}

#[test]
fn arguments_are_formed_as_at_run_time() {
    for (arguments, expected) in [
        ("", ""),
        ("undefined, void 0", ""),
        ("{}", ""),
        ("'x'", "=\"x\""),
        ("[1, , undefined]", "=[1,null,null]"),
        ("{a: 1}, 2", "={\"a\":1}, =2"),
        ("{a: 1}, undefined", "a=1"),
        ("undefined, 1", "=null, =1"),
        (
            "{'a-b': 1, 2: 0x10, ['c']: 1e3, d: 1_000.50}",
            "a-b=1, 2=16, c=1000, d=1000.5",
        ),
        (
            "{a: -1, b: -0, c: 1e21, d: 1e-7, e: -5n, f: 12345678901234567890n}",
            "a=-1, b=0, c=1e21, d=1e-7, e=-5, f=12345678901234567890",
        ),
        (
            "{a: null, b: true, c: `t\\n`, d: 'ü', e: {f: [{}], g: undefined, h: ''}}",
            r#"a=null, b=true, c="t\n", d="ü", e={"f":[{}],"h":""}"#,
        ),
        ("{a: undefined, b: void 0, c: 1, c: 2}", "c=2"),
        (
            "{a: 1 + 1, b: `${1}`, c: !1, d: [other], e: other}",
            "a: 1 + 1, b: `${1}`, c: !1, d: [other], e: other",
        ),
        ("{other, unset}", "other: other, unset?: unset"),
        (
            "{a: unset, b: unset.x, c: unset?.(), d: unset ?? 1, e: unset && 1}",
            "a?: unset, b?: unset.x, c?: unset?.(), d: unset ?? 1, e?: unset && 1",
        ),
        ("{a: 1, ...rest}", "a?: 1, ..."),
        ("{...rest, a: 1}", "a=1, ..."),
        ("{a: 1, [unset]: 2, b: 3}", "a?: 1, b=3, ..."),
        ("{get a() { return 1 }, b() {}}", "a?, b?: () {}"),
        ("{a: '\\ud800'}", "a: '\\ud800'"),
        ("{a: 1e999}", "a: 1e999"),
        (
            "{a: {__proto__: {}}, b: {c: 1, c: 2}}",
            "a: {__proto__: {}}, b: {c: 1, c: 2}",
        ),
        ("other", "..."),
        ("rest, 1", ": rest, =1"),
        ("1, unset", "..."),
        ("...rest", "..."),
        ("unset ? {a: 1} : {b: 1}", "..."),
        ("{a: [\n1]}", "a=[1]"),
        ("{a: unset\n  .b}", "a?"),
    ] {
        let code = format!(
            "const other = 1, rest = {{}}; let unset; function f() {{ return tools.test.echo({arguments}) }}\n1"
        );
        check(&code, &[&format!("test.echo({expected})")]);
    }
    // It has another prototype, so that it is no object of arguments.
    check("await tools.test.echo({__proto__: {a: 1}})", &[]);
    let long = "x".repeat(5000);
    check(
        &format!("tools.test.echo({{a: '{long}', b: 1}})"),
        &["test.echo(a, b=1) certain"],
    );
}

#[test]
fn places_count_characters_on_the_first_line() {
    let run = HOST.run(
        "javascript",
        "```js\nconst ü = 'ü', r = await tools.test\n  .echo({ text: 'ü', n: {\n    m: 1 } })\n```",
    );
    assert_eq!(
        run.check.unwrap(),
        r#"{"calls":[{"path":"test.echo","positional":[],"named":[["text",{"text":"'ü'","value":"ü","line":3,"column":11,"end_column":20}],["n",{"text":null,"value":{"m":1},"line":3,"column":22,"end_column":26}]],"open":false,"line":2,"column":26,"end_column":36,"certain":true,"repeats":"no"}]}"#
    );
}

#[test]
fn a_call_is_certain_only_if_it_is_made_and_its_failure_ends_the_program() {
    let e = "tools.test.echo()";
    for certain in [
        "await @",
        "@",
        "return @",
        "const r = (await @).x",
        "const [a] = [await @]; if (a) 1",
        "if (await @) 1",
        "for (const x of [await @]) x",
        "await Promise.all([@, 1])",
        "const [a] = await Promise.all([@])",
        "if (1) 2; await @",
        "for (const x of [1]) { if (x) break }; await @",
        "async function main() { await @ }\nawait main()",
        "async function main() { return @ }\nmain().then(r => r)",
        "const main = async () => { const r = await @; return r };\nawait main()",
        "const f = () => @; await f()",
        "(async () => { await @ })()",
        "await (async function () { return await @ })()",
        "async function main() { await @ }",
        "async function inner() { await @ } async function main() { return await inner() }",
        "export default async () => { await @ }",
        "{ await @ }",
        "console.log(`${await @}`, [await @])",
        "switch (await @) {}",
        "const f = x => { if (x) return 1; return 2 }; f(1); await @",
        "try { 1 } catch { 2 } await @",
        // An await is put in.
        "const r = @; r.x",
        "const Promise = {all() {}}; Promise.all([@])",
    ] {
        let code = certain.replace('@', e);
        for line in read("javascript", &code) {
            assert_eq!(line, "test.echo() certain", "{code}");
        }
        assert!(!read("javascript", &code).is_empty(), "{code}");
    }
    for uncertain in [
        "if (0) await @",
        "if (0) 1; else await @",
        "0 ? await @ : 1",
        "0 && await @",
        "1 || await @",
        "1 ?? await @",
        "let a; a ??= await @",
        "for (const x of []) await @",
        "while (0) { await @ }",
        "do { break; await @ } while (0)",
        "for (; 0; await @) 1",
        "switch (1) { case 2: await @ }",
        "try { await @ } catch {}",
        "try { 1 } catch { await @ }",
        "try { await @ } finally { }",
        "await @.catch(() => 1)",
        "await @.then(r => r, () => 1)",
        "const p = @; p.catch(() => 1)",
        "await Promise.allSettled([@])",
        "await Promise.any([@, 1])",
        "await Promise.race([@, 1])",
        "const all = [@]; await Promise.allSettled(all)",
        "if (0) return; await @",
        "if (1) { if (0) throw 1 } await @",
        "return 1; await @",
        "[].map(async x => await @)",
        "await Promise.all([].map(x => @))",
        "function f() { return @ }\n1",
        "async function main() { await @ }\nmain().catch(console.error)",
        "async function main() { await @ }\nif (0) main()",
        "async function main() { await @ }\ntry { await main() } catch {}",
        "let main = async () => { await @ }; main = () => 1; await main()",
        "async function main(x) { if (x) return 1; await @ }\nawait main(1)",
        "async function main() { await main(); await @ }\n1",
        "async function main() { await main(); await @ }\n1",
        "function* g() { yield @ }\n[...g()]",
        "class A { async m() { await @ } }\nawait new A().m()",
        "class A { static { @ } }",
        "const o = {}; o?.f(await @)",
        "function f(x = @) { return x }\nf(1)",
        "const { a = await @ } = {a: 1}",
        "a: { break a; await @ }",
        "const f = async () => { await @ }; [1].forEach(f)",
        "async function f() { await @ } const g = f; await g()",
    ] {
        let code = uncertain.replace('@', e);
        for line in read("javascript", &code) {
            assert!(line.starts_with("test.echo()"), "{code}");
            assert!(!line.contains("certain"), "{code}");
        }
        assert!(!read("javascript", &code).is_empty(), "{code}");
    }
}

#[test]
fn a_call_in_a_loop_is_said_to_be() {
    for (code, repeats) in [
        ("await @", ""),
        ("for (const x of [1]) await @", " each"),
        ("for (const x in {a: 1}) await @", " each"),
        ("for (let i = 0; i < 1; i++) await @", " each"),
        ("for (let i = 0; i < 1 && await @; i++) ;", " each"),
        ("let n = 0; while (n++ < 1) await @", " each"),
        ("do { await @ } while (false)", " each"),
        ("[1].forEach(async x => { await @ })", " each"),
        ("await Promise.all([1].map(x => @))", " each"),
        (
            "await Promise.all(Array.from({length: 1}, () => @))",
            " each",
        ),
        ("while (true) { await @; break }", " each"),
        ("for (;;) { if (await @) break }", " each"),
        (
            "async function f() { for (;;) { await @; return } }\nawait f()",
            " each",
        ),
        ("try { while (1) { await @; throw 1 } } catch {}", " each"),
        (
            "async function f() { while (true) { await @ } }\n1",
            " endless",
        ),
        (
            "async function f() { for (;;) { for (const x of []) { await @ } } }\n1",
            " endless",
        ),
        (
            "async function f() { do { await @ } while (true) }\n1",
            " endless",
        ),
        (
            "async function f() { for (;;) [1].map(x => { return @ }) }\n1",
            " endless",
        ),
        ("async function* f() { for (;;) yield await @ }\n1", " each"),
        (
            "async function f() { a: for (;;) { for (;;) { await @; continue a } } }\n1",
            " each",
        ),
        // A loop of another function.
        (
            "const f = async () => await @; for (const x of [1]) await f()",
            "",
        ),
        ("for (const x of [await @]) ;", " certain"),
    ] {
        let code = code.replace('@', "tools.test.echo()");
        let certain = if repeats.is_empty() {
            " certain"
        } else {
            repeats
        };
        let found = read("javascript", &code);
        let found: Vec<_> = found.iter().map(|line| line.as_str()).collect();
        assert!(
            found == [&format!("test.echo(){repeats}")]
                || found == [&format!("test.echo(){certain}")],
            "{code}: {found:?}"
        );
    }
}

#[test]
fn a_program_that_the_host_refuses_does_not_run() {
    let run = HOST.run(
        "javascript",
        "```\nawait tools.test.echo({});\nawait tools.test.gone({});\n```\nRun it.",
    );
    assert_eq!(
        shown(&run.done),
        "unknown_tool 3:7 there is no tool test.gone // the text around the code fence was left out"
    );
    assert!(run.calls.is_empty());
    // Only so many are sent.
    let many = "if (0) tools.test.echo();\n".repeat(201);
    assert_eq!(read("javascript", &many).len(), Check::MOST_CALLS);
}
