//! The programs, each in the languages it is measured in, and the values they must have.

use serde_json::json;
use toolmill_bench::{LINE_BYTES, PAGE_RECORDS, PAGES, records_in, top_ten};

use crate::agent::{Hostile, Program};

pub(crate) const PYTHON: &str = "python";
pub(crate) const JAVASCRIPT: &str = "javascript";
pub(crate) const TYPESCRIPT: &str = "typescript";
/// JavaScript and TypeScript differ by one pass over the source, which the trivial program shows.
pub(crate) const LANGUAGES: [&str; 2] = [JAVASCRIPT, PYTHON];

pub(crate) fn trivial(language: &'static str) -> Program {
    let code = match language {
        TYPESCRIPT => "const one: number = 1; one + 1",
        _ => "1 + 1",
    };
    Program::new(language, code, 2)
}

pub(crate) fn one_echo(language: &'static str) -> Program {
    let code = match language {
        PYTHON => r#"tools.bench.echo(text="hello")"#,
        _ => r#"await tools.bench.echo({text: "hello"})"#,
    };
    Program::new(language, code, "hello")
}

/// As many calls of `echo`, one after another.
pub(crate) fn echoes(language: &'static str, count: usize) -> Program {
    let code = match language {
        PYTHON => format!(
            r#"same = 0
for i in range({count}):
    if tools.bench.echo(text="m" + str(i)) == "m" + str(i):
        same += 1
same"#
        ),
        _ => format!(
            r#"let same = 0;
for (let i = 0; i < {count}; i++) {{
  if (await tools.bench.echo({{text: "m" + i}}) === "m" + i) same++;
}}
same"#
        ),
    };
    Program::new(language, code, count)
}

/// As many calls of `echo`, all at once.
pub(crate) fn echoes_at_once(language: &'static str, count: usize) -> Program {
    let code = match language {
        PYTHON => format!(
            r#"import asyncio
r = await asyncio.gather(*[tools.bench.echo(text="m" + str(i)) for i in range({count})])
sum(1 for i in range({count}) if r[i] == "m" + str(i))"#
        ),
        _ => format!(
            r#"const r = await Promise.all([...Array({count}).keys()].map((i) => tools.bench.echo({{text: "m" + i}})));
r.filter((text, i) => text === "m" + i).length"#
        ),
    };
    Program::new(language, code, count)
}

/// Calls of `sleep`, all at once.
pub(crate) fn sleeps(language: &'static str, count: usize, ms: u64) -> Program {
    let code = match language {
        PYTHON => format!(
            "import asyncio\nr = await asyncio.gather(*[tools.bench.sleep(ms={ms}) for i in range({count})])\nlen(r)"
        ),
        _ => format!(
            "const r = await Promise.all([...Array({count}).keys()].map(() => tools.bench.sleep({{ms: {ms}}})));\nr.length"
        ),
    };
    Program::new(language, code, count)
}

/// Waits, and does nothing else.
pub(crate) fn waiting(language: &'static str, ms: u64) -> Program {
    let code = match language {
        PYTHON => format!("tools.bench.sleep(ms={ms})"),
        _ => format!("await tools.bench.sleep({{ms: {ms}}})"),
    };
    Program::new(language, code, "awake")
}

/// Every page, one after another: active records by customer, the ten greatest sums.
pub(crate) fn pages(language: &'static str) -> Program {
    let code = match language {
        PYTHON => {
            r#"sums, page = {}, 0
while page is not None:
    r = tools.bench.list_records(page=page)
    for x in r["records"]:
        if x["active"]:
            sums[x["customer"]] = sums.get(x["customer"], 0) + x["amount"]
    page = r["next_page"]
sorted(sums.items(), key=lambda s: (-s[1], s[0]))[:10]"#
        }
        _ => {
            r#"const sums = {};
let page = 0;
while (page !== null) {
  const r = await tools.bench.list_records({page});
  for (const x of r.records) if (x.active) sums[x.customer] = (sums[x.customer] ?? 0) + x.amount;
  page = r.next_page;
}
Object.entries(sums).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 10)"#
        }
    };
    Program::new(language, code, top_ten(PAGES * PAGE_RECORDS))
}

/// One result of about this many bytes of JSON text: the same sums.
pub(crate) fn big_json(language: &'static str, bytes: usize) -> Program {
    let code = match language {
        PYTHON => format!(
            r#"sums = {{}}
for x in tools.bench.big_json(bytes={bytes}):
    if x["active"]:
        sums[x["customer"]] = sums.get(x["customer"], 0) + x["amount"]
sorted(sums.items(), key=lambda s: (-s[1], s[0]))[:10]"#
        ),
        _ => format!(
            r#"const sums = {{}};
for (const x of await tools.bench.big_json({{bytes: {bytes}}})) if (x.active) sums[x.customer] = (sums[x.customer] ?? 0) + x.amount;
Object.entries(sums).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 10)"#
        ),
    };
    Program::new(language, code, top_ten(records_in(bytes)))
}

/// One result of as many bytes of plain text: its length and its lines.
pub(crate) fn big_lines(language: &'static str, bytes: usize) -> Program {
    let code = match language {
        PYTHON => {
            format!("text = tools.bench.big_lines(bytes={bytes})\n[len(text), text.count(\"\\n\")]")
        }
        _ => format!(
            "const text = await tools.bench.big_lines({{bytes: {bytes}}});\nlet lines = 0;\nfor (let at = text.indexOf(\"\\n\"); at >= 0; at = text.indexOf(\"\\n\", at + 1)) lines++;\n[text.length, lines]"
        ),
    };
    Program::new(language, code, json!([bytes, bytes / LINE_BYTES]))
}

const TIME: &[&str] = &["limit_time"];
// A slow machine meets the other limit first.
const MEMORY: &[&str] = &["limit_memory", "limit_time"];
const OUTPUT: &[&str] = &["limit_output"];

/// Loops, bombs and floods. Those of memory and output pass their own limit before that of time, or
/// after it on a slow machine.
pub(crate) const HOSTILE: [Hostile; 12] = [
    hostile("loop", PYTHON, "while True: pass", TIME),
    hostile("loop", JAVASCRIPT, "for (;;) {}", TIME),
    hostile(
        "loop that catches everything",
        PYTHON,
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        TIME,
    ),
    hostile(
        "loop that catches everything",
        JAVASCRIPT,
        "for (;;) { try { for (;;) {} } catch {} }",
        TIME,
    ),
    hostile(
        "regular expression",
        PYTHON,
        "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
        TIME,
    ),
    hostile(
        "regular expression",
        JAVASCRIPT,
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        TIME,
    ),
    hostile(
        "memory bomb",
        PYTHON,
        "x = []\nwhile True: x.append('y' * 100_000 + str(len(x)))",
        MEMORY,
    ),
    hostile(
        "memory bomb",
        JAVASCRIPT,
        "const x = []; for (;;) x.push(new Array(1000).fill(x.length))",
        MEMORY,
    ),
    hostile(
        "thread bomb",
        PYTHON,
        "import threading, time\nfor _ in range(1000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        &["limit_threads"],
    ),
    hostile(
        "output flood",
        PYTHON,
        "while True: print('x' * 65536)",
        OUTPUT,
    ),
    hostile(
        "output flood",
        JAVASCRIPT,
        "const x = 'x'.repeat(65536); for (;;) console.log(x)",
        OUTPUT,
    ),
    hostile(
        "call flood",
        JAVASCRIPT,
        "for (;;) await Promise.allSettled(Array.from({length: 256}, () => tools.bench.echo({text: 'x'})))",
        &["limit_time", "limit_calls"],
    ),
];

const fn hostile(
    name: &'static str,
    language: &'static str,
    code: &'static str,
    errors: &'static [&'static str],
) -> Hostile {
    Hostile {
        name,
        language,
        code,
        errors,
    }
}
