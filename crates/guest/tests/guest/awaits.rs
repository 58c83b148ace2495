//! Forgotten `await`s in JavaScript: where one is put in, where none may be, and what the guard says
//! of a promise that is used as a value.

use crate::javascript::{HOST, check, shown};

/// A program whose `await`s are put in, with its value and the note's text.
fn repaired(code: &str, value: &str, note: &str) {
    check(code, &format!("{value} // {note}"));
}

fn checked_typescript(code: &str, expected: &str) {
    let run = HOST.run("typescript", code);
    assert_eq!(shown(&run.done), expected, "{code}");
}

#[test]
fn an_await_is_put_where_a_value_is_needed() {
    let note = "line 1: await added before tools.test.echo(...)";
    for (code, value) in [
        ("tools.test.echo({a: 1}).a + 1", "2"),
        ("tools.test.echo({a: 1})['a'] + 1", "2"),
        ("tools.test.echo({a: 2}).a ** 2 + 1", "5"),
        ("`${tools.test.echo({a: 1}).a}`", "\"1\""),
        ("const r = tools.test.echo({a: 1}); r.a", "1"),
        ("let r; r = tools.test.echo({a: 1}); r.a", "1"),
        ("const {a} = tools.test.echo({a: 1}); a", "1"),
        ("({...tools.test.echo({a: 1})})", "{\"a\":1}"),
        ("tools.test.echo({a: 1})?.a?.b ?? 7", "7"),
        ("const r = true && tools.test.echo({a: 1}); r.a", "1"),
        ("const r = (tools.test.echo({a: 1})); r.a", "1"),
        ("const o = {}; o.r = tools.test.echo({a: 1}); o.r.a", "1"),
        ("const f = async () => tools.test.echo({a: 1}).a; f()", "1"),
        ("const l = []; l.push(tools.test.echo({a: 1})); l[0].a", "1"),
        (
            "JSON.stringify(tools.test.echo({a: 1}))",
            "\"{\\\"a\\\":1}\"",
        ),
        (
            "try { return tools.test.echo({a: 1}) } finally { 2 }",
            "{\"a\":1}",
        ),
    ] {
        repaired(code, value, note);
    }
    checked_typescript(
        "const r = (tools.test.echo({a: 1}) as any).a! + <number>tools.test.echo({a: 2})!.a; r",
        &format!("3 // {note}"),
    );
}

/// A parenthesis at the beginning of a line is no call of what the line before ends with.
#[test]
fn lines_without_semicolons_stay_apart() {
    repaired(
        "const a = 1\ntools.test.echo({b: []}).b.push(2)\nif (a) tools.test.echo({b: []}).b.pop()\na",
        "1",
        "line 2: await added before tools.test.echo(...); line 3: await added before tools.test.echo(...)",
    );
    repaired(
        "const a = [1]\n;[2].map(async x => x)\na.map(async x => tools.test.echo({x})).length",
        "1",
        "line 2: await Promise.all added around [2].map(...); line 3: await Promise.all added around a.map(...)",
    );
    repaired(
        "let n = 0\nconst add = async x => {\n  n\n  n += (await tools.test.echo({x})).x\n}\nawait Promise.all([1, 2].map(add))\nn",
        "3",
        "line 4: n is read after the await",
    );
}

/// What is waited for later is not waited for at once: `hold` answers only when all are there.
#[test]
fn promises_that_are_waited_for_run_together() {
    let hold = "tools.test.hold({until: 2})";
    for code in [
        "const a = H, b = H; [await a, await b]",
        "const a = H, b = H; await Promise.all([a, b])",
        "const l = [H, H]; await Promise.all(l)",
        "const l = []; l.push(H); l.push(H); await Promise.all(l)",
        "const l = []; for (const x of [1, 2]) { const p = H; l.push(p) } await Promise.all(l)",
        "const l = [H, H]; const out = []; for (const p of l) out.push(await p); out",
        "const l = [H, H]; const out = []; for await (const r of l) out.push(r); out",
        "const l = []; l[0] = H; l[1] = H; [await l[0], await l[1]]",
        "const o = {a: H}; o.b = H; Object.values({a: await o.a, b: await o.b})",
        "const o = {a: H, b: H}; await Promise.all(Object.values(o))",
        "const o = {a: H, b: H}; await Promise.all(Object.keys(o).map(k => o[k]))",
        "const m = new Map([['a', H], ['b', H]]); await Promise.all([...m.values()])",
        "const jobs = [1, 2].map(() => H); (await Promise.all(jobs)).concat()",
        "const jobs = [1, 2].map(() => H); await Promise.all(jobs.map(p => p.then(r => r)))",
        "const jobs = [1, 2].map(() => H); await Promise.all(jobs.map(async p => await p))",
        "const f = async () => { const r = await H; return r }; const a = f(), b = f(); [await a, await b]",
        "const twice = async (p, q) => [await p, await q]; await twice(H, H)",
        "let a; a = H; const b = H; const q = a; [await q, await b]",
        "const pick = true ? H : 1; const b = H; [await pick, await b]",
        "const a = H; const g = async () => await a; await Promise.all([g(), H])",
        "class C { start() { this.p = H } async end() { return await this.p } }\nconst c = new C(); c.start(); await Promise.all([c.end(), H])",
        "function* g() { yield H; yield H }\nawait Promise.all(g())",
        "const a = H; const b = H; await a.then(x => b.then(y => [x, y]))",
        "[H, H]",
    ] {
        let code = code.replace('H', hold);
        let run = HOST.run("javascript", &code);
        let shown = shown(&run.done);
        assert!(
            ["[1,2]", "[3,4]"].contains(&shown.as_str()),
            "{code}: {shown}"
        );
    }
}

#[test]
fn arrays_of_promises_are_waited_for_as_one() {
    let note = "line 1: await Promise.all added around [1, 2].map(...)";
    for code in [
        "const l = [1, 2].map(() => tools.test.hold({until: 2})); l.join()",
        "[1, 2].map(() => tools.test.hold({until: 2})).join()",
        "const l = await [1, 2].map(() => tools.test.hold({until: 2})); l.join()",
        "const one = async () => tools.test.hold({until: 2}); const l = [1, 2].map(one); l.join()",
        "let l = []; l = [1, 2].map(() => tools.test.hold({until: 2})); `${l}`",
    ] {
        repaired(code, "\"1,2\"", note);
    }
    repaired(
        "const l = [[1], [2]].map(g => g.map(() => tools.test.hold({until: 2}))); l.flat().join()",
        "\"1,2\"",
        "line 1: await Promise.all added around [[1], [2]].map(...)",
    );
    repaired(
        "(await [1].flatMap(async x => [x, (await tools.test.echo({x})).x])).length",
        "2",
        "line 1: await Promise.all added around [1].flatMap(...)",
    );
}

#[test]
fn for_each_waits_for_each_call() {
    repaired(
        "const out = []; new Map([['a', 1]]).forEach(async (v, k) => { out.push(k, (await tools.test.echo({v})).v) }); out",
        "[\"a\",1]",
        "line 1: forEach waits for each call in turn",
    );
    check(
        "const out = []; [1].forEach(x => { out.push(x) }); tools; out",
        "[1]",
    );
}

#[test]
fn what_asks_an_async_function_waits_for_its_answers() {
    for (method, value) in [
        ("filter", "[2,3]"),
        ("find", "2"),
        ("findIndex", "1"),
        ("findLast", "3"),
        ("some", "true"),
        ("every", "false"),
    ] {
        repaired(
            &format!(
                "const l = [1, 2, 3];\nl.{method}(async n => (await tools.test.echo({{n}})).n > 1)"
            ),
            value,
            &format!("line 2: {method} waits for what its function answers"),
        );
    }
    repaired(
        "const asked = [];\nconst is = async n => { asked.push(n); await tools.test.echo({n}); return n === 2 };\n\
         const found = await [1, 2, 3].some(is);\n[found, asked, [1, 2].filter(is).map(n => n + 1)]",
        "[true,[1,2,1,2],[3]]",
        "line 3: some waits for what its function answers; line 4: filter waits for what its function answers",
    );
}

#[test]
fn a_constant_that_is_assigned_to_is_a_variable() {
    let note = "line 1: n is declared by let, since it is assigned to";
    for code in [
        "const n = 1;\nn = 2;\nn",
        "const n = 1;\nn++;\nn",
        "const [n] = [1];\n[1].forEach(() => { n += 1 });\nn",
    ] {
        check(code, &format!("2 // {note}"));
        checked_typescript(code, &format!("2 // {note}"));
    }
    check("const n = 1;\n{ let n = 2; n = 3 }\nn", "1");
}

#[test]
fn what_cannot_wait_is_refused_before_anything_runs() {
    for (code, error) in [
        (
            "const o = {f(l) { return l.filter(async x => (await tools.test.echo({x})).x) }}; o.f([1])",
            "1:35-76 filter cannot wait: its function returns a promise, which is always true",
        ),
        (
            "const is = async x => x; tools; const o = {f(l) { return l.some(is) }}; o.f([1])",
            "1:65-67 some cannot wait: its function returns a promise, which is always true",
        ),
        (
            "[1].sort((a, b) => tools.test.echo({a, b}))",
            "1:10-43 sort cannot wait: its function returns a promise, not a number",
        ),
        (
            "const o = {f(x) { return tools.test.echo({x}) ? 1 : 2 }}; o.f(1)",
            "1:26-46 tools.test.echo(...) returns a promise, which is used as a value here",
        ),
        (
            "const o = {f(x) { return {...tools.test.echo({x})} }}; o.f(1)",
            "1:30-50 tools.test.echo(...) returns a promise, which is used as a value here",
        ),
    ] {
        check(code, &format!("not_awaited {error}"));
    }
    // A method of that name which is the program's own may wait.
    check(
        "const repo = {async find(f) { return await f(1) }}; await repo.find(async x => (await tools.test.echo({x})).x)",
        "1",
    );
}

#[test]
fn a_promise_used_as_a_value_is_an_error_that_names_its_call() {
    let error = |column: &str, what: &str, use_: &str| {
        format!("not_awaited 1:{column} {what} was {use_} before it was awaited")
    };
    let call = "the promise of tools.test.echo(…)";
    for (use_, column, expected) in [
        ("p.a", "41", "asked for 'a'"),
        ("p.map(x => x)", "41", "asked for 'map'"),
        ("`${p}`", "43", "used as a value"),
        ("p + 1", "41", "used as a value"),
        ("[...p]", "45", "used as a list"),
        ("const [a] = p", "53", "used as a list"),
        ("for (const x of p) x", "57", "used as a list"),
        ("JSON.stringify({p})", "46", "used as a value"),
        ("new Date(p)", "41", "used as a value"),
    ] {
        let code = format!("const o = {{get() {{ const p = H(); {use_} }}}}; o.get()")
            .replace('H', "tools.test.echo");
        let run = HOST.run("javascript", &code);
        let found = shown(&run.done);
        let (place, text) = found.split_once(' ').unwrap().1.split_once(' ').unwrap();
        assert!(place.starts_with("1:"), "{code}: {found}");
        assert_eq!(
            format!("not_awaited 1:{column} {text}"),
            error(column, call, expected),
            "{code}"
        );
    }
    check(
        "tools; const f = async () => 1; const o = {g() { return f().x }}; o.g()",
        "not_awaited 1:57 a promise was asked for 'x' before it was awaited",
    );
    check(
        "tools; const p = Promise.resolve(1);
         return [p instanceof Promise, p instanceof Object, Object.prototype.toString.call(p), [p].flat().length,
            [].concat(p).length, Object.keys(p), p.hasOwnProperty('a'), typeof p, 'a' in p, Promise.prototype.x === undefined]",
        "[true,true,\"[object Promise]\",1,1,[],false,\"object\",false,true]",
    );
}

/// What is put in twice would not be a program.
#[test]
fn repairs_of_one_place_go_together() {
    repaired(
        "const r = await [1, 2].reduce(async (acc, n) => { acc.sum += (await tools.test.echo({n})).n; return acc }, {sum: 0}); r.sum",
        "3",
        "line 1: await added before acc",
    );
    repaired(
        "const s = {n: 0}; const f = async n => { s.n += (await tools.test.echo({n})).n + (s.n += 1) }; await f(1); s.n",
        "3",
        "line 1: s.n is read after the await",
    );
    repaired(
        "tools.test.echo({l: [1]}).l.forEach(async n => { tools.test.echo({n}).n.toFixed() }); 1",
        "1",
        "line 1: forEach waits for each call in turn; line 1: await added before tools.test.echo(...)",
    );
    repaired(
        "const o = {async list() { return [1] }}; o.list().map(async n => tools.test.echo({n}).n).join()",
        "\"1\"",
        "line 1: await Promise.all added around o.list(...); line 1: await added before o.list(...); line 1: await added before tools.test.echo(...)",
    );
}

#[test]
fn a_program_without_tools_is_left_alone() {
    check(
        "const out = []; (async () => { await null; out.push(1) })(); out.push(2); const later = async () => 3; out.push(typeof later()); [...out]",
        "[2,\"object\"]",
    );
}

#[test]
fn a_long_way_of_names_and_functions_is_no_danger() {
    let names: String = (1..5000)
        .map(|n| format!("const a{n} = a{};", n - 1))
        .collect();
    check(
        &format!("const a0 = tools.test.echo({{x: 1}});{names} a4999.x"),
        "1 // line 1: await added before tools.test.echo(...)",
    );
    let functions: String = (1..3000)
        .map(|n| format!("function f{n}() {{ return f{}() }}", n - 1))
        .collect();
    check(
        &format!(
            "function f0() {{ return tools.test.echo({{x: 1}}) }} {functions} await f50().then(r => r.x)"
        ),
        "1",
    );
}

#[test]
fn a_function_that_awaits_is_made_async() {
    let note = "line 1: the function is async, since it awaits; line 2: await added before f(...)";
    for function in [
        "function f() { const r = await tools.test.echo({a: 1}); return r.a }",
        "const f = () => (await tools.test.echo({a: 1})).a;",
        "const f = function () { return (await tools.test.echo({a: 1})).a };",
    ] {
        repaired(&format!("{function}\nconst r = f(); r + 1"), "2", note);
    }
    repaired(
        "class C { static one() { return (await tools.test.echo({a: 1})).a } two() { return (await tools.test.echo({a: 2})).a } }\nC.one() + new C().two()",
        "3",
        "line 1: the function is async, since it awaits; line 2: await added before C.one(...); line 2: await added before new C(...)",
    );
    repaired(
        "[1, 2].map(n => { const r = await tools.test.echo({n}); return r.n }).join()",
        "\"1,2\"",
        "line 1: the function is async, since it awaits; line 1: await Promise.all added around [1, 2].map(...)",
    );
    checked_typescript(
        "const f = (n: number): number => { const r = await tools.test.echo({n}); return r.n };\n`${f(1)}`",
        "\"1\" // line 1: the function is async, since it awaits; line 2: await added before f(...)",
    );
    repaired(
        "[1, 2].filter(n => await tools.test.echo({n}))",
        "[1,2]",
        "line 1: the function is async, since it awaits; line 1: filter waits for what its function answers",
    );
    for (code, value) in [
        (
            "function f(n) { return tools.test.echo({n}).n }\nf(1) + 1",
            "2",
        ),
        ("const f = n => tools.test.echo({n}).n;\nf(1) + 1", "2"),
        (
            "const f = n => tools.test.echo({n}).n;\n[1].map(f)[0] + 1",
            "2",
        ),
        (
            "const f = n => { const r = tools.test.echo({n}); return r.n };\nconst g = n => f(n) + 1; g(1)",
            "2",
        ),
        (
            "const out = []; [2].forEach(n => { const r = tools.test.echo({n}); out.push(r.n) });\nout[0]",
            "2",
        ),
        ("const f = n => tools.test.echo({n}) ? 2 : 1;\nf(1)", "2"),
        (
            "const r = (() => { return {...tools.test.echo({n: 2})} })();\nr.n",
            "2",
        ),
        (
            "const load = async n => tools.test.echo({n}); const out = []; [2].forEach(n => { out.push(load(n)) });\nout[0].n",
            "2",
        ),
    ] {
        let run = HOST.run("javascript", code);
        let shown = shown(&run.done);
        let found = shown.split_once(" // ").unwrap();
        assert_eq!(found.0, value, "{code}: {shown}");
        assert!(
            found
                .1
                .starts_with("line 1: the function is async, since it awaits"),
            "{shown}"
        );
    }
    for refused in [
        "function* g() { yield await tools.test.echo({}) }",
        "class C { constructor() { await tools.test.echo({}) } }",
        "class C { get a() { return await tools.test.echo({}) } }",
        "function f(a = await tools.test.echo({})) {}",
        "const f = () => { await 1 }; // no tools",
    ] {
        let run = HOST.run("javascript", refused);
        let shown = shown(&run.done);
        assert!(
            shown.starts_with("syntax 1:") || refused.ends_with("tools"),
            "{refused}: {shown}"
        );
    }
}
