//! What JavaScript's errors teach: where the mistake is, and what there is instead.

use crate::javascript::{HOST, check, shown};

/// The error of a program as `place message`, and its hint.
fn error(language: &str, code: &str) -> (String, String) {
    let run = HOST.run(language, code);
    let error = run.done.error.unwrap_or_else(|| panic!("{code} runs"));
    let place = |number: Option<u32>| number.map_or("-".into(), |n| n.to_string());
    (
        format!(
            "{}:{} {}",
            place(error.line),
            place(error.column),
            error.message
        ),
        error.hint.unwrap_or_default(),
    )
}

fn hint(code: &str) -> String {
    error("javascript", code).1
}

/// A program with `r`, the answer of a tool.
fn after(json: &str, rest: &str) -> String {
    format!("const r = await tools.test.json({{json: {json:?}}});\n{rest}")
}

#[test]
fn what_a_result_lacks_is_said_with_what_it_has() {
    let issue = r#"{"number":3,"title":"Crash","user":{"login":"ada"},"assignee":null}"#;
    let has = "r, from test.json, is an object with number, title, user, assignee";
    let envelope = "; results are parsed already, without an envelope";
    for (rest, expected) in [
        ("r.author.login", format!("r.author is undefined: {has}")),
        (
            "r.data.title",
            format!("r.data is undefined: {has}{envelope}"),
        ),
        (
            "r.content[0].text",
            format!("r.content is undefined: {has}{envelope}"),
        ),
        (
            "JSON.parse(r.content[0].text)",
            format!("r.content is undefined: {has}{envelope}"),
        ),
        (
            "const { author } = r; r.result.items.length",
            format!("r.result is undefined: {has}{envelope}"),
        ),
        (
            "r.user.name.first",
            "r.user.name is undefined: r.user, from test.json, is an object with login".into(),
        ),
        (
            "const u = r.user; u.name.first",
            "u.name is undefined: u, from test.json, is an object with login".into(),
        ),
        (
            "const { user } = r; user.name.first",
            "user.name is undefined: user, from test.json, is an object with login".into(),
        ),
        (
            "r.assignee.login",
            "r.assignee is null in what test.json returned".into(),
        ),
        (
            "JSON.parse(r).title",
            format!("results are parsed already: {has}"),
        ),
        ("r.map(x => x)", format!("r has no map(): {has}")),
        ("for (const x of r) x", has.into()),
        ("const [first] = r; first", has.into()),
        ("const n = 1; n.x.y", String::new()),
    ] {
        let code = after(issue, rest);
        let (message, hint) = error("javascript", &code);
        assert_eq!(hint, expected, "{code}: {message}");
        assert!(message.starts_with("2:"), "{message}");
    }
}

#[test]
fn a_list_or_text_taken_for_something_else_is_said_to_be_one() {
    let page = r#"{"total":1,"items":[{"id":1,"tags":["a"]}]}"#;
    let has = "r, from test.json, is an object with total, items; the list is r.items";
    for (rest, expected) in [
        ("r.filter(x => x.id)", format!("r has no filter(): {has}")),
        ("[...r]", has.into()),
        (
            "r.items.map(x => x.owner.login)",
            "x.owner is undefined: x, from test.json, is an object with id, tags".into(),
        ),
        (
            "for (const item of r.items) item.owner.login",
            "item.owner is undefined: item, from test.json, is an object with id, tags".into(),
        ),
        (
            "r.items.sort((a, b) => a.tags.size.x - 1).length + r.items[0].tag.length",
            "r.items[0].tag is undefined: r.items[0], from test.json, is an object with id, tags".into(),
        ),
        (
            "r.items.toUpperCase()",
            "r.items has no toUpperCase(): r.items, from test.json, is a list of objects with id, tags".into(),
        ),
    ] {
        assert_eq!(hint(&after(page, rest)), expected, "{rest}");
    }
    // What an upstream calls its members is its own text.
    assert_eq!(
        hint(&after(
            &format!(r#"{{"a\nb":[1],"{}":2}}"#, "x".repeat(500)),
            "r.map(x => x)"
        )),
        format!(
            "r has no map(): r, from test.json, is an object with \"a\\nb\", \"{}\"",
            "x".repeat(60)
        )
    );
    assert_eq!(
        hint(&after(r#""[x]""#, "r.map(x => x)")),
        "r has no map(): r, from test.json, is text"
    );
    assert_eq!(
        hint("let r; r = await tools.test.json({json: '{\"a\":1}'});\nr.b.c"),
        "r.b is undefined: r, from test.json, is an object with a"
    );
    assert_eq!(
        error(
            "typescript",
            "interface A { b: any }\nconst r: A = await tools.test.json({json: '{\"a\":1}'});\n(r as A).b.c"
        ),
        (
            "3:1 TypeError: cannot read property 'c' of undefined".into(),
            "(r as A).b is undefined: r, from test.json, is an object with a".into()
        )
    );
}

#[test]
fn names_of_python_are_answered_with_those_of_javascript() {
    for (code, column, fix, expected) in [
        (
            "const a = True",
            11,
            Some("true"),
            "in JavaScript it is true",
        ),
        (
            "let a = [False]",
            10,
            Some("false"),
            "in JavaScript it is false",
        ),
        ("let a = None", 9, Some("null"), "in JavaScript it is null"),
        (
            "print('x')",
            1,
            Some("console.log"),
            "in JavaScript it is console.log(…)",
        ),
        ("str(1)", 1, Some("String"), "in JavaScript it is String(…)"),
        (
            "len([1])",
            1,
            Some("[1].length"),
            "len(…) is Python's; this is it in JavaScript",
        ),
        (
            "[1].map(len)",
            9,
            None,
            "in JavaScript it is list.length, and Object.keys(object).length",
        ),
        (
            "json.loads('1')",
            1,
            Some("JSON.parse"),
            "in JavaScript it is JSON.parse(…)",
        ),
    ] {
        let run = HOST.run("javascript", code);
        let error = run.done.error.unwrap();
        assert_eq!(
            (error.line, error.column),
            (Some(1), Some(column)),
            "{code}"
        );
        assert!(error.end_column > error.column);
        assert_eq!(error.hint.as_deref(), Some(expected), "{code}");
        assert_eq!(error.fix.as_deref(), fix, "{code}");
    }
}

#[test]
fn syntax_of_python_is_answered_with_that_of_javascript() {
    for (code, expected) in [
        (
            "const x = 1;\nif (x) { 1 }\nelif (x) { 2 }",
            "JavaScript writes `else if (…) { … }`",
        ),
        (
            "def f(x):\n  return x",
            "JavaScript writes `function name(…) { … }` or `(…) => …`",
        ),
        (
            "const a = 1;\nconst s = f\"{a} b\";",
            "an f-string is a template in JavaScript: `text ${value}`",
        ),
        (
            "const s = f'{a}'",
            "an f-string is a template in JavaScript: `text ${value}`",
        ),
        (
            "# count\nconst a = 1",
            "a comment of JavaScript begins with //",
        ),
        (
            "const a = “x”",
            "these are typographic quotation marks: write \" or ' instead",
        ),
        (
            "for x in [1]:\n  x",
            "blocks of JavaScript are in braces: `for (const x of list) { … }`",
        ),
        (
            "if (1) {}\nelse:\n  2",
            "blocks of JavaScript are in braces: `for (const x of list) { … }`",
        ),
        (
            "const a = 1, b = 2;\nif (a and b) { 1 }",
            "JavaScript writes &&, || and !, and compares by ===",
        ),
    ] {
        let (message, hint) = error("javascript", code);
        assert_eq!(hint, expected, "{code}: {message}");
        assert!(!message.starts_with('-'), "{message}");
    }
}

#[test]
fn a_program_that_ends_in_a_function_means_what_it_returns() {
    let note = "the program ends in a function, which was called";
    check(
        "async () => { return (await tools.test.echo({a: 1})).a }",
        &format!("1 // {note}"),
    );
    check(
        "const n = 2;\n(function () { return n })",
        &format!("2 // {note}"),
    );
    check("(a) => a", "exception -:- value is a function");
    let run = HOST.run("javascript", "async () => await tools.test.echo({})");
    assert!(run.check.unwrap().contains("\"certain\":true"));
}

#[test]
fn integers_written_with_more_digits_than_a_number_holds_keep_them() {
    let run = HOST.run(
        "javascript",
        "const r = await tools.test.json({json: '{\"id\": 9007199254740993}'});\n\
         [r.id === 9007199254740993, await tools.test.echo({id: 12345678901234567891}), 1000000000000000000 * 2, {9007199254740993: 1}]",
    );
    assert_eq!(
        shown(&run.done),
        "[true,{\"id\":12345678901234567891},2000000000000000000,{\"9007199254740992\":1}] \
         // line 2: 9007199254740993 keeps its digits, as a BigInt"
    );
    assert!(
        run.check
            .unwrap()
            .contains("\"value\":12345678901234567891")
    );
}

/// The program after the fixes of its errors.
fn mended(code: &str) -> String {
    let mut code = code.to_owned();
    for _ in 0..5 {
        let error = HOST.run("javascript", &code).done.error;
        let Some((error, fix)) = error.and_then(|error| Some((error.clone(), error.fix?))) else {
            break;
        };
        let mut lines: Vec<String> = code.lines().map(str::to_owned).collect();
        let line = &mut lines[error.line.unwrap() as usize - 1];
        let chars: Vec<char> = line.chars().collect();
        let start = error.column.unwrap() as usize - 1;
        let end = error.end_column.unwrap() as usize - 1;
        *line = chars[..start].iter().collect::<String>()
            + &fix
            + &chars[end..].iter().collect::<String>();
        code = lines.join("\n");
    }
    code
}

#[test]
fn what_is_written_as_in_python_is_mended_by_its_fixes() {
    let mut wrong = Vec::new();
    for (code, fixed, value) in [
        ("len({a: 1})", "Object.keys({a: 1}).length", "1"),
        (
            "const m = new Map([[1, 2]]); len(m)",
            "const m = new Map([[1, 2]]); m.size",
            "1",
        ),
        (
            "sorted([10, 9])",
            "[...[10, 9]].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))",
            "[9,10]",
        ),
        (
            "sum([1, 2])",
            "[...[1, 2]].reduce((sum, value) => sum + value, 0)",
            "3",
        ),
        ("max([1, 2])", "Math.max(...[1, 2])", "2"),
        ("min(1, 2)", "Math.min(1, 2)", "1"),
        ("round(1.255, 1)", "Number((1.255).toFixed(1))", "1.3"),
        ("int('7')", "Math.trunc(Number('7'))", "7"),
        (
            "range(2, 4)",
            "Array.from({ length: Math.max(0, 4 - 2) }, (_, i) => 2 + i)",
            "[2,3]",
        ),
        (
            "[...enumerate(['a'])]",
            "[...[...['a']].entries()]",
            "[[0,\"a\"]]",
        ),
        ("json.loads('[1]')", "JSON.parse('[1]')", "[1]"),
        ("n = 1; n += 1; n", "let n = 1; n += 1; n", "2"),
        (
            "let s = 0; for (n of [1, 2]) s += n; s",
            "let s = 0; for (const n of [1, 2]) s += n; s",
            "3",
        ),
        (
            "let s = 0; for (i = 0; i < 3; i++) s += i; s",
            "let s = 0; for (let i = 0; i < 3; i++) s += i; s",
            "3",
        ),
        ("const total = 1; totl", "const total = 1; total", "1"),
        (
            "const user_id = 1; userId",
            "const user_id = 1; user_id",
            "1",
        ),
        (
            "'a.b'.removesuffix('.b')",
            "'a.b'.replace(/\\.b$/, \"\")",
            "\"a\"",
        ),
        ("'ab'.startswith('a')", "'ab'.startsWith('a')", "true"),
        (
            "' a '.strip().upper()",
            "' a '.trim().toUpperCase()",
            "\"A\"",
        ),
        ("'ab'.toUppercase()", "'ab'.toUpperCase()", "\"AB\""),
        ("', '.join(['a', 'b'])", "['a', 'b'].join(', ')", "\"a, b\""),
        (
            "'a\\nb\\n'.splitlines()",
            "'a\\nb\\n'.trimEnd().split(/\\r?\\n/)",
            "[\"a\",\"b\"]",
        ),
        (
            "const l = []; l.append(1); l",
            "const l = []; l.push(1); l",
            "[1]",
        ),
        (
            "const l = [1]; l.extend([2]); l",
            "const l = [1]; l.push(...[2]); l",
            "[1,2]",
        ),
        ("[1, 2].length()", "[1, 2].length", "2"),
        (
            "const c = {a: 1}; c.items()",
            "const c = {a: 1}; Object.entries(c)",
            "[[\"a\",1]]",
        ),
        (
            "const c = {a: 1}; c.get('b', 0)",
            "const c = {a: 1}; (c['b'] ?? 0)",
            "0",
        ),
        (
            "const s = new Set([1]); s.map(n => n + 1)",
            "const s = new Set([1]); [...s].map(n => n + 1)",
            "[2]",
        ),
        (
            "const c = {a: 1}; let s = 0; for (const [k, n] of c) s += n; s",
            "const c = {a: 1}; let s = 0; for (const [k, n] of Object.entries(c)) s += n; s",
            "1",
        ),
        (
            "const c = {a: 1}; let s = 0; for (const k of c) s += c[k]; s",
            "const c = {a: 1}; let s = 0; for (const k of Object.keys(c)) s += c[k]; s",
            "1",
        ),
        (
            "const d = 7; f\"{d:02d} of {1.25:.1f} {{}}\"",
            "const d = 7; `${String(d).padStart(2, \"0\")} of ${(1.25).toFixed(1)} {}`",
            "\"07 of 1.3 {}\"",
        ),
        (
            "const a = 1, b = 0; (a and not b)",
            "const a = 1, b = 0; (a && !b)",
            "true",
        ),
        (
            "const a = null; (a is None)",
            "const a = null; (a === null)",
            "true",
        ),
        (
            "if (0) { 1 } elif (1) { 2 }",
            "if (0) { 1 } else if (1) { 2 }",
            "2",
        ),
        ("# one\n1", "// one\n1", "1"),
        ("const a = “x”; a", "const a = \"x\"; a", "\"x\""),
        (
            "const l = [n + 1 for n in [1, 2] if n > 1]; l",
            "const l = [...[1, 2]].filter((n) => n > 1).map((n) => n + 1); l",
            "[3]",
        ),
        (
            "(await tools.test.echo(id=\"a\", n=1)).n",
            "(await tools.test.echo({ id: \"a\", n: 1 })).n",
            "1",
        ),
    ] {
        let code = mended(code);
        if code != fixed || shown(&HOST.run("javascript", &code).done) != value {
            let ended = shown(&HOST.run("javascript", &code).done);
            wrong.push(format!("{code} // {ended}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn text_taken_for_rows_is_mended_by_its_fixes() {
    let python = r#""[{'n': 800}]""#;
    for (json, rest, fixed, value) in [
        (
            python,
            "JSON.parse(r)[0].n",
            "JSON.parse(r.replaceAll(\"'\", '\"'))[0].n",
            "800",
        ),
        (
            python,
            "r[0].n",
            "JSON.parse(r.replaceAll(\"'\", '\"'))[0].n",
            "800",
        ),
        (r#""[{\"n\": 800}]""#, "r[0].n", "JSON.parse(r)[0].n", "800"),
        (
            r#"{"user": {"email": "a"}}"#,
            "r.user_.email",
            "r.user.email",
            "\"a\"",
        ),
    ] {
        let rest_fixed = mended(&after(json, rest));
        assert_eq!(rest_fixed, after(json, fixed));
        check(&rest_fixed, value);
    }
    // Other quotes in it: it may be anything.
    let (message, hint) = error("javascript", &after(r#""[{'n': \"it's\"}]""#, "r[0].n"));
    assert_eq!(
        message,
        "2:1 a member of a character, which has none, is the program's value"
    );
    assert_eq!(
        hint,
        "r, from test.json, is text, so r[0].n is undefined: take what is meant out of it, by a \
         regular expression for one"
    );
}

/// A fix goes where the mark is.
#[test]
fn a_fix_in_place_of_the_mark_makes_the_program_run() {
    let json = r#"{"title":"Crash","assignee":null,"items":[{"id":1}]}"#;
    for (rest, fixed, value) in [
        ("r.data.title", "r.title", "\"Crash\""),
        (
            "JSON.parse(r.content[0].text).title",
            "r.title",
            "\"Crash\"",
        ),
        (
            "const t = r.content[0].text; t.title",
            "const t = r; t.title",
            "\"Crash\"",
        ),
        ("JSON.parse(r).title", "r.title", "\"Crash\""),
        ("r.assignee.login ?? 1", "r.assignee?.login ?? 1", "1"),
        ("r.map(x => x.id)", "r.items.map(x => x.id)", "[1]"),
        (
            "const l = []; for (const x of r) l.push(x.id); l",
            "const l = []; for (const x of r.items) l.push(x.id); l",
            "[1]",
        ),
        ("const [x] = r; x.id", "const [x] = r.items; x.id", "1"),
        ("[...r].length", "[...r.items].length", "1"),
        ("[r].concat(None)[1]", "[r].concat(null)[1]", "null"),
    ] {
        let run = HOST.run("javascript", &after(json, rest));
        let error = run.done.error.unwrap();
        assert_eq!(error.line, Some(2), "{rest}");
        let (start, end) = (
            error.column.unwrap() as usize - 1,
            error.end_column.unwrap() as usize - 1,
        );
        let applied = format!("{}{}{}", &rest[..start], error.fix.unwrap(), &rest[end..]);
        assert_eq!(applied, fixed);
        check(&after(json, &applied), value);
    }
}
