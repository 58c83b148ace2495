//! What is found in a program's text keeps it from running, or is said beside its answer.

use crate::place::Place;

/// The answer to a program, without how long it took.
#[track_caller]
fn answer(place: &Place, language: &str, code: &str) -> String {
    let mut agent = place.serve();
    agent.initialize();
    let (text, _) = agent.execute(language, code);
    let (status, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let facts = status.split(" · ");
    let facts: Vec<&str> = facts.filter(|fact| !fact.ends_with(" s")).collect();
    format!("{}\n{rest}", facts.join(" · "))
}

#[test]
fn a_program_that_would_fail_halfway_runs_not_at_all() {
    let place = Place::with_fake();
    let python = "
from pathlib import Path
Path('begun').write_text('yes')
tools.fake.add(a=1, b=2)
print('begun')
n = 2
tools.fake.list_records(page=n, sise=3)
";
    insta::assert_snapshot!(answer(&place, "python", python), @r#"
    error x1 unknown_parameter · line 7, column 33
      7 | tools.fake.list_records(page=n, sise=3)
        |                                 ^^^^^^
    list_records has no parameter "sise"; did you mean "size"?
    fix: tools.fake.list_records(page=n, size=3)
    signature: tools.fake.list_records(page?: int, size?: int)
    "#);
    let javascript = "
await tools.fake.add({ a: 1, b: 2 });
console.log('begun');
const n = 2;
await tools.fake.list_records({ page: n, sise: 3 });
";
    insta::assert_snapshot!(answer(&place, "javascript", javascript), @r#"
    error x1 unknown_parameter · line 5, column 42
      5 | await tools.fake.list_records({ page: n, sise: 3 });
        |                                          ^^^^^^^
    list_records has no parameter "sise"; did you mean "size"?
    fix: tools.fake.list_records({page: n, size: 3})
    signature: tools.fake.list_records({page?: number, size?: number})
    "#);
    let typescript = "
interface Page { records: unknown[] }
const page: Page = await tools.fake.list_record({ page: 0, size: 2 });
return page.records.length;
";
    insta::assert_snapshot!(answer(&place, "typescript", typescript), @r#"
    error x1 unknown_tool · line 3, column 26
      3 | const page: Page = await tools.fake.list_record({ page: 0, size: 2 });
        |                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    no tool "fake.list_record"; nearest: tools.fake.list_records
    fix: tools.fake.list_records({page: 0, size: 2})
    "#);
}

#[test]
fn a_call_that_may_not_be_made_keeps_no_program_from_running() {
    let place = Place::with_fake();
    let python = "
if 1 > 2:
    tools.fake.list_records(sise=3)
for _ in []:
    tools.fake.nothing()
try:
    tools.fake.list_records(sise=3)
except ToolError as e:
    code = e.code
code
";
    insta::assert_snapshot!(answer(&place, "python", python), @r#"
    ok x1
    unknown_parameter
    --- note
    line 3: list_records has no parameter "sise"; did you mean "size"? fix: tools.fake.list_records(size=3)
    line 5: no tool "fake.nothing"
    "#);
    let javascript = "
if (1 > 2) await tools.fake.list_records({ sise: 3 });
for (const _ of []) await tools.fake.nothing();
const code = await tools.fake.list_records({ sise: 3 }).catch(e => e.code);
code
";
    insta::assert_snapshot!(answer(&place, "javascript", javascript), @r#"
    ok x1
    unknown_parameter
    --- note
    line 2: list_records has no parameter "sise"; did you mean "size"? fix: tools.fake.list_records({size: 3})
    line 3: no tool "fake.nothing"
    "#);
}

#[test]
fn a_loop_that_nothing_ends_is_warned_of() {
    let place = Place::with_fake();
    let python = "
n = 3
while True:
    tools.fake.echo(text='x')
    n = 3 / n - 1
";
    insta::assert_snapshot!(answer(&place, "python", python), @r#"
    error x1 exception · line 5, column 9
      5 |     n = 3 / n - 1
        |         ^^^^^
    ZeroDivisionError: float division by zero
    already done: nothing that writes; 2 reads
    resume: with resume="x1" the corrected program repeats none of these
    --- note
    line 4: fake.echo is called in a loop that nothing in its text ends
    "#);
    let javascript = "
const left = ['a', 'b'];
for (;;) {
    await tools.fake.echo({ text: 'x' });
    left.pop().trim();
}
";
    insta::assert_snapshot!(answer(&place, "javascript", javascript), @r#"
    error x1 exception · line 5, column 10
      5 |     left.pop().trim();
        |          ^
    TypeError: cannot read property 'trim' of undefined
    already done: nothing that writes; 3 reads
    resume: with resume="x1" the corrected program repeats none of these
    --- note
    line 4: fake.echo is called in a loop that nothing in its text ends
    "#);
}

#[test]
fn what_would_have_run_is_not_refused() {
    let place = Place::with_fake();
    for (language, code, value) in [
        (
            "python",
            "opts = {'size': 2}\nlen(tools.fake.list_records(**{'page': 0, 'size': 'many', **opts})['records'])",
            "2",
        ),
        (
            "python",
            "import contextlib\nwith contextlib.suppress(Exception), open(tools.fake.nothing()) as f:\n    pass\n'ran'",
            "ran",
        ),
        (
            "python",
            "from sys import exit as stop\nprint('ran')\nstop()\ntools.fake.nothing()",
            "--- stdout\nran",
        ),
        (
            "python",
            "class Done(SystemExit): pass\ndef finish(): raise Done(0)\nprint('ran')\nfinish()\ntools.fake.nothing()",
            "--- stdout\nran",
        ),
        (
            "javascript",
            "globalThis.tools = { fake: { nothing: () => 7 } };\ntools.fake.nothing()",
            "7",
        ),
    ] {
        let text = answer(&place, language, code);
        let (status, rest) = text.split_once('\n').unwrap();
        assert!(status.starts_with("ok"), "{code}: {text}");
        assert_eq!(rest.split("\n--- note").next(), Some(value), "{code}");
    }
}

#[test]
fn a_tool_that_an_earlier_call_may_bring_is_looked_for_when_it_is_called() {
    let place = Place::with_fake();
    let python = "
tools.fake.add(a=1, b=2)
tools.fake.quite_another_thing()
";
    let text = answer(&place, "python", python);
    assert!(
        text.contains("already done: nothing that writes; 1 read"),
        "{text}"
    );
}
