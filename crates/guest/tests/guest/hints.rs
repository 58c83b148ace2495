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
            None,
            "in JavaScript it is list.length, and Object.keys(object).length",
        ),
        (
            "json.loads('1')",
            1,
            None,
            "results are parsed already; text is parsed by JSON.parse(…)",
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
