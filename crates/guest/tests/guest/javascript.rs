//! Programs in JavaScript and TypeScript.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use protocol::{
    Call, Check, Checked, Decoder, Done, ErrorCode, Failed, Job, Kind, Limits, Message,
    ProgramError, Raise, Ready, frames, message,
};
use toolmill_guest::javascript;

/// A host of one program, with a server `test`:
///
/// `echo` answers with its arguments, `json` with the text in `json`, `fail` raises what it is
/// given, `hold` answers when as many calls as `until` says are held. A program whose text has a
/// call of `gone` may not run.
pub(super) struct Host {
    in_flight: u32,
    memory_bytes: usize,
}

/// What a host saw of a program.
pub(super) struct Run {
    pub(super) done: Done,
    /// The body of its `Check`, if it sent one.
    pub(super) check: Option<String>,
    pub(super) calls: Vec<String>,
    most_open: usize,
}

pub(super) const HOST: Host = Host {
    in_flight: 256,
    memory_bytes: 64 << 20,
};

impl Host {
    pub(super) fn run(&self, language: &str, code: &str) -> Run {
        let (host, guest) = UnixStream::pair().unwrap();
        let memory_bytes = self.memory_bytes;
        let guest = thread::Builder::new()
            .stack_size(16 << 20)
            .spawn(move || {
                let lock_down = |steps: &[u8]| -> javascript::LockDown {
                    assert_eq!(steps, b"steps");
                    Box::new(|| Ok(Ready { probes: vec![] }))
                };
                // This thread is its own only guest.
                javascript::run(guest, memory_bytes, lock_down, Some)
            })
            .unwrap();
        let job = Job {
            language: language.into(),
            code: code.into(),
            in_flight: self.in_flight,
            message_bytes: 8 << 20,
            threads: 1,
            mark: "mark:".into(),
        };
        let mut peer = Peer::new(host);
        peer.lock_down();
        // A program must not notice that another went its way before it.
        peer.send(Kind::WarmUp, 0, b"");
        assert_eq!(peer.receive().unwrap().kind, Kind::Ready);
        peer.send(Kind::Job, 0, &message::encode(&job));
        let run = peer.serve();
        // It waits to be ended.
        peer.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(guest.join().unwrap(), ExitCode::SUCCESS);
        run
    }
}

struct Peer {
    stream: UnixStream,
    decoder: Decoder,
}

impl Peer {
    fn new(stream: UnixStream) -> Peer {
        // A program that waits for what never comes fails its test, which does not hang.
        stream
            .set_read_timeout(Some(Duration::from_secs(100)))
            .unwrap();
        Peer {
            stream,
            decoder: Decoder::new(Limits::default()),
        }
    }

    /// Has the zygote and its guest locked down.
    fn lock_down(&mut self) {
        for _of in ["zygote", "guest"] {
            self.send(Kind::Lockdown, 0, b"steps");
        }
        for _of in ["zygote", "guest"] {
            assert_eq!(self.receive().unwrap().kind, Kind::Ready);
        }
    }

    fn send(&mut self, kind: Kind, id: u32, body: &[u8]) {
        for (header, chunk) in frames(kind, id, body) {
            self.stream.write_all(&[&header, chunk].concat()).unwrap();
        }
    }

    fn receive(&mut self) -> Option<Message> {
        let mut buffer = [0; 65536];
        loop {
            if let Some(message) = self.decoder.next().unwrap() {
                return Some(message);
            }
            match self.stream.read(&mut buffer).unwrap() {
                0 => return None,
                count => self.decoder.push(&buffer[..count]),
            }
        }
    }

    fn serve(&mut self) -> Run {
        let (mut calls, mut most_open, mut held) = (Vec::new(), 0, Vec::new());
        let mut check = None;
        loop {
            let message = self.receive().expect("a guest says how it ended");
            if message.kind == Kind::Done {
                let done = message::decode(&message.body).unwrap();
                return Run {
                    done,
                    check,
                    calls,
                    most_open,
                };
            }
            if message.kind == Kind::Check {
                assert!(check.is_none() && calls.is_empty());
                let read: Check = message::decode(&message.body).unwrap();
                let gone = read.calls.iter().find(|call| call.path == "test.gone");
                let error = gone.map(|call| ProgramError {
                    line: Some(call.place.line),
                    column: Some(call.place.column),
                    ..ProgramError::new(ErrorCode::UnknownTool, "there is no tool test.gone")
                });
                self.send(
                    Kind::Checked,
                    message.id,
                    &message::encode(&Checked { error }),
                );
                check = Some(String::from_utf8(message.body).unwrap());
                continue;
            }
            assert_eq!(message.kind, Kind::Call);
            calls.push(String::from_utf8(message.body.clone()).unwrap());
            let call: Call = message::decode(&message.body).unwrap();
            let named = |name: &str| {
                let member = call.named.0.iter().find(|(known, _)| known == name);
                member.map(|(_, json)| json.get())
            };
            most_open = most_open.max(held.len() + 1);
            match call.path.as_str() {
                "test.echo" => {
                    let members: Vec<_> = call
                        .named
                        .0
                        .iter()
                        .map(|(name, json)| format!("{name:?}:{json}"))
                        .collect();
                    let answer = format!("{{{}}}", members.join(","));
                    self.send(Kind::Return, message.id, answer.as_bytes());
                }
                "test.json" => {
                    let text: String = serde_json::from_str(named("json").unwrap()).unwrap();
                    self.send(Kind::Return, message.id, text.as_bytes());
                }
                "test.hold" => {
                    held.push(message.id);
                    if held.len() >= named("until").unwrap().parse::<usize>().unwrap() {
                        // The last comes first, so that nobody relies on the order of answers.
                        for id in held.drain(..).rev() {
                            self.send(Kind::Return, id, id.to_string().as_bytes());
                        }
                    }
                }
                "test.fail" => {
                    let raise = Raise {
                        code: ErrorCode::ToolError,
                        message: "test.fail answered: no".into(),
                        tool: Some("test.fail".into()),
                        server: Some("test".into()),
                        retryable: false,
                        fix: Some("tools.test.echo({})".into()),
                        signature: Some("tools.test.fail()".into()),
                    };
                    self.send(Kind::Raise, message.id, &message::encode(&raise));
                }
                _ => self.send(Kind::Return, message.id, b"null"),
            }
        }
    }
}

/// A run as a line: the value, or the error with its place; then the notes.
pub(super) fn shown(done: &Done) -> String {
    let mut shown = match (&done.value, &done.error) {
        (Some(value), None) => value.get().to_owned(),
        (None, None) => "no value".into(),
        (value, Some(error)) => {
            assert!(value.is_none());
            let place = |number: Option<u32>| number.map_or("-".into(), |n| n.to_string());
            let end = error
                .end_column
                .map_or(String::new(), |end| format!("-{end}"));
            format!(
                "{} {}:{}{end} {}",
                error.code,
                place(error.line),
                place(error.column),
                error.message
            )
        }
    };
    for note in &done.notes {
        shown.push_str(&format!(" // {note}"));
    }
    shown
}

pub(super) fn check(code: &str, expected: &str) {
    let run = HOST.run("javascript", code);
    assert_eq!(shown(&run.done), expected, "{code}");
}

fn check_typescript(code: &str, expected: &str) {
    let run = HOST.run("typescript", code);
    assert_eq!(shown(&run.done), expected, "{code}");
}

fn error_of(code: &str) -> ProgramError {
    HOST.run("javascript", code)
        .done
        .error
        .expect("the program fails")
}

#[test]
fn the_value_is_what_is_returned_else_the_last_expression() {
    check("return 1; 2", "1");
    check("const a = 1;\na + 1", "2");
    check("if (true) { const a = 1; a + 1 } else { 5 }", "2");
    check("try { null.x; 1 } catch (error) { 2 } finally { 3 }", "2");
    check("label: { 5 }", "5");
    check("({ a: 1 })", r#"{"a":1}"#);
    check("'hello'", r#""hello""#);
    check("#!/usr/bin/env node\n'use strict';\n1 // one", "1");
    check("const a = 1", "no value");
    check("for (const a of [1, 2]) a", "no value");
    check("double(2);\nfunction double(a) { return a * 2 }", "4");
    check("export default [1]", "[1]");
    check("export const a = 1; export { a as b }; a", "1");
    check("", "no value");
}

#[test]
fn a_call_that_only_shows_is_no_value_and_result_is_one() {
    check("const result = [1]; console.error('shown')", "[1]");
    check("console.error('shown')", "no value");
    check("let result = 1; for (;;) break", "1");
    check("function result() {}\nfor (;;) break", "no value");
    check(
        "let result = 1; void 0",
        "no value // the last expression has no value; end with `return result` to give that of \
         the variable",
    );
}

#[test]
fn a_program_of_definitions_calls_main() {
    let called = |name: &str| format!(" // the program only defines, so {name} was called");
    let check =
        |code: &str, value: &str, name: &str| check(code, &(value.to_owned() + &called(name)));
    check("async function main() { return 7 }", "7", "main");
    check(
        "const a = 2; const run = async (n = a) => n * 2",
        "4",
        "run",
    );
    check("export default async () => 8", "8", "the default export");
    check(
        "class A {} function main() { return 1 } function other() {}",
        "1",
        "main",
    );
    self::check("function f() { return 1 } const data = f()", "no value");
    self::check("function f(a) { return 1 }", "no value");
    self::check("function f() {} function g() {}", "no value");
}

#[test]
fn values_become_json() {
    check(
        "return [1, -0, 1.5, 1e21, 1e-7, 2n ** 70n, null, undefined, 'ü\\n', true, ,]",
        r#"[1,0,1.5,1e21,1e-7,1180591620717411303424,null,null,"ü\n",true,null]"#,
    );
    check(
        "return {date: new Date(0), map: new Map([['a', 1]]), pairs: new Map([[[], 1]]), set: new Set([1]),
            error: new TypeError('bad'), bytes: new Uint8Array([1, 2]), pattern: /x/g, gone: undefined}",
        r#"{"date":"1970-01-01T00:00:00.000Z","map":{"a":1},"pairs":[[[],1]],"set":[1],"error":{"name":"TypeError","message":"bad"},"bytes":[1,2],"pattern":"/x/g"}"#,
    );
    check("return undefined", "no value");
    check(
        "return {a: [NaN, Infinity]}",
        r#"{"a":[null,null]} // value.a[0] is NaN, which JSON lacks: null is in its place"#,
    );
    check("return {toJSON() { return 4 }}", "4");
    check(
        "return new class { a = 1; toJSON() { return [this.a] } }",
        "[1]",
    );
    check("return new Proxy([1, {a: 2}], {})", r#"[1,{"a":2}]"#);
    check(
        "return ['\\ud800', {['\\ud800']: 1}]",
        "[\"\u{fffd}\",{\"\u{fffd}\":1}]",
    );
}

#[test]
fn values_that_are_no_data_are_named() {
    check(
        "return {items: [1, {callback() {}}]}",
        "exception -:- value.items[1].callback is a function",
    );
    check(
        "return {'a b': Symbol('x')}",
        "exception -:- value[\"a b\"] is a symbol",
    );
    check(
        "const v = {a: {}}; v.a.b = [v.a]; return v",
        "exception -:- value.a.b[0] is a cycle: it is value.a again",
    );
    check(
        "return tools.test.echo",
        "exception -:- value is the tool tools.test.echo, which was not called",
    );
    check(
        "let v = []; for (let i = 0; i < 600; i++) v = [v]; return v",
        "exception -:- value is nested deeper than 512 levels",
    );
    check(
        "return {get a() { throw new Error('got') }}",
        "exception 1:29 got",
    );
    check(
        "return 'x'.repeat(9e6)",
        "limit_output -:- the program's value is longer than the limit of 8388608 bytes",
    );
}

#[test]
fn promises_in_the_value_are_waited_for() {
    check(
        "return {a: tools.test.hold({until: 2}), b: [tools.test.hold({until: 2})],
            c: new Map([['k', Promise.resolve(4)]]), d: Promise.resolve({e: Promise.resolve(new Set([Promise.resolve(1)]))})}",
        r#"{"a":1,"b":[2],"c":{"k":4},"d":{"e":[1]}}"#,
    );
    check(
        "const out = []; const push = async x => { out.push(await tools.test.echo({x})) };
         for (const x of [1, 2]) new Promise(() => { push(x) }); out",
        r#"[{"x":1},{"x":2}]"#,
    );
    check("return new Promise(done => setTimeout(done, 1, 5))", "5");
    check(
        "return {a: new Promise(() => {})}",
        "exception -:- value.a is a promise that can never settle",
    );
    check(
        "await new Promise(() => {})",
        "exception -:- the program waits for a promise that can never settle",
    );
    check(
        "return [tools.test.fail()]",
        "tool_error 1:9 test.fail answered: no",
    );
}

#[test]
fn calls_carry_their_arguments_as_written() {
    let run = HOST.run(
        "javascript",
        "await tools.test.echo({a: 1, b: {c: [new Date(0), 12345678901234567890n]}, gone: undefined});
         await tools['my-server']['x.y'](1, undefined, 'z', undefined);
         await tools.test.echo([{a: 1}]);
         await tools.test.echo();
         await tools.test.echo.raw({a: 1});
         await call_tool('test.echo', {a: 1});
         await callTool('test.echo', {a: 1}, 2);
         await search_tools('send mail', {limit: 1});
         return 1",
    );
    assert_eq!(shown(&run.done), "1");
    assert_eq!(
        run.calls,
        [
            r#"{"path":"test.echo","positional":[],"named":{"a":1,"b":{"c":["1970-01-01T00:00:00.000Z",12345678901234567890]}},"form":"value"}"#,
            r#"{"path":"my-server.x.y","positional":[1,null,"z"],"named":{},"form":"value"}"#,
            r#"{"path":"test.echo","positional":[[{"a":1}]],"named":{},"form":"value"}"#,
            r#"{"path":"test.echo","positional":[],"named":{},"form":"value"}"#,
            r#"{"path":"test.echo","positional":[],"named":{"a":1},"form":"raw"}"#,
            r#"{"path":"test.echo","positional":[],"named":{"a":1},"form":"value"}"#,
            r#"{"path":"test.echo","positional":[{"a":1},2],"named":{},"form":"value"}"#,
            r#"{"path":"search_tools","positional":["send mail",{"limit":1}],"named":{},"form":"value"}"#,
        ]
    );
}

#[test]
fn arguments_that_are_no_data_are_refused_before_anything_is_sent() {
    for (argument, what) in [
        ("{a: {b: [1, () => 1]}}", "a.b[1] is a function"),
        ("{a: NaN}", "a is NaN"),
        (
            "{a: tools.test.hold}",
            "a is the tool tools.test.hold, which was not called",
        ),
        (
            "{a: Promise.resolve(1)}",
            "a is a promise: put await before it",
        ),
        ("1, [-Infinity]", "argument 2[0] is -Infinity"),
        (
            "{a: 'x'.repeat(9e6)}",
            "the arguments are longer than the 8388608 bytes one call can carry",
        ),
    ] {
        let call = format!("  await tools.test.echo({argument})");
        let run = HOST.run("javascript", &call);
        let expected = format!("invalid_argument 1:9 tools.test.echo: {what}");
        assert_eq!(shown(&run.done), expected);
        assert_eq!(run.calls, [""; 0]);
        let caught = format!(
            "try {{ {call} }} catch (error) {{ return error instanceof TypeError && error.code }}"
        );
        check(&caught, r#""invalid_argument""#);
    }
}

#[test]
fn calls_run_in_parallel_within_the_window() {
    let host = Host {
        in_flight: 3,
        ..HOST
    };
    let run = host.run(
        "javascript",
        "const calls = Array.from({length: 9}, () => tools.test.hold({until: 3}));
         return await Promise.all(calls)",
    );
    assert_eq!(shown(&run.done), "[1,2,3,4,5,6,7,8,9]");
    assert_eq!((run.calls.len(), run.most_open), (9, 3));
}

#[test]
fn a_failed_call_is_an_error_to_catch() {
    check(
        "try { await tools.test.fail() } catch (error) {
            const {code, message, tool, server, retryable, fix} = error;
            return [error instanceof ToolError, error instanceof Error, String(error), code, message, tool, server, retryable, fix]
         }",
        r#"[true,true,"ToolError: test.fail answered: no","tool_error","test.fail answered: no","test.fail","test",false,"tools.test.echo({})"]"#,
    );
    check(
        "const all = await Promise.allSettled([tools.test.fail(), tools.test.echo({a: 1})]);
         return all.map(one => one.status)",
        r#"["rejected","fulfilled"]"#,
    );
}

#[test]
fn an_uncaught_failure_is_placed_at_its_call() {
    let error = error_of(
        "const id = 1;\nconst r = await tools.test.fail({id: String(id), list: [id].map(x => x)});",
    );
    assert_eq!(
        error,
        ProgramError {
            code: ErrorCode::ToolError,
            message: "test.fail answered: no".into(),
            line: Some(2),
            column: Some(17),
            end_column: None,
            hint: None,
            fix: Some("tools.test.echo({})".into()),
            signature: Some("tools.test.fail()".into()),
            name: None,
        }
    );
    check(
        "const {fail} = tools.test;\nawait Promise.all([1].map(x => fail({x: String(x)})))",
        "tool_error 2:32 test.fail answered: no",
    );
    check(
        "try { await tools.test.fail() } catch (cause) { throw new Error('gave up', {cause}) }",
        "exception 1:59 gave up (cause: test.fail answered: no)",
    );
}

#[test]
fn what_nobody_awaits_still_fails_the_program() {
    check(
        "new Promise(done => { tools.test.fail() });\n1",
        "tool_error 1:23 test.fail was called without await, and failed: test.fail answered: no",
    );
    check(
        "async function work() { await tools.test.fail() }\nnew Promise(() => { work() });\n1",
        "tool_error 1:31 test.fail was called without await, and failed: test.fail answered: no",
    );
    check(
        "Promise.reject(new Error('lost'));\n1",
        "exception 1:20 a promise that nothing awaits was rejected: lost",
    );
    check(
        "const p = Promise.reject(1); await null; p.catch(() => {}); 2",
        "2",
    );
    let run = HOST.run(
        "javascript",
        "for (let i = 0; i < 5; i++) new Promise(() => { tools.test.echo({i}) });\n1",
    );
    assert_eq!((shown(&run.done).as_str(), run.calls.len()), ("1", 5));
}

#[test]
fn tools_are_imported_by_every_spelling() {
    check(
        "import { test as t, ToolError, search_tools } from 'tools';
import all, { call_tool } from \"toolmill\";
import * as space from 'tools';
const { test, tools: again } = require('tools');
const dynamic = await import('toolmill');
return [typeof ToolError, await t.echo({a: 1}), await all.test.echo({a: 2}), await space.test.echo({a: 3}), await test.echo({a: 4}),
    await again.test.echo({a: 5}), await dynamic.test.echo({a: 6}), await dynamic.default.test.echo({a: 7}), await call_tool('test.echo', {a: 8})]",
        r#"["function",{"a":1},{"a":2},{"a":3},{"a":4},{"a":5},{"a":6},{"a":7},{"a":8}]"#,
    );
    check_typescript(
        "import type { X } from './types';\nimport { Y } from './types';\nimport { test, type Z } from 'tools';\nconst y: Y = 1; return await test.echo({y})",
        r#"{"y":1}"#,
    );
}

#[test]
fn other_modules_are_refused_with_what_to_use_instead() {
    check(
        "const a = 1;\nimport fs from 'node:fs';",
        "import 2:16-25 there is no module \"node:fs\"",
    );
    check(
        "const a = 1;\n  require('axios')",
        "import 2:3 there is no module \"axios\"",
    );
    check(
        "await import('lodash')",
        "import 1:7 there is no module \"lodash\"",
    );
    check(
        "export * from './other'",
        "import 1:15-24 there is no module \"./other\"",
    );
    check(
        "try { require('fs') } catch (error) { return error.code }",
        r#""import""#,
    );
    let hint = |code: &str| error_of(code).hint.unwrap();
    assert_eq!(
        hint("import fs from 'node:fs/promises'"),
        "programs have no files: call a tool of a file server instead (search_tools finds one)"
    );
    assert_eq!(
        hint("require('axios')"),
        "programs have no network: call a tool instead (search_tools finds one)"
    );
    assert!(hint("import _ from 'lodash'").starts_with("programs have no packages"));
}

#[test]
fn names_that_are_not_there_get_a_hint() {
    let hint = |code: &str| error_of(code).hint.unwrap();
    check(
        "const a = 1;\n  missing(a);",
        "undefined_name 2:3-10 ReferenceError: missing is not defined",
    );
    assert_eq!(
        hint("await fetch('https://example.org')"),
        "programs have no network: call a tool instead (search_tools finds one)"
    );
    assert!(hint("process.env.HOME").contains("environment"));
    assert!(hint("Buffer.from('')").contains("Uint8Array"));
    assert_eq!(
        hint("x + 1"),
        "declare it (const x = …); a tool is called by tools.server.tool({…})"
    );
}

#[test]
fn errors_have_the_place_in_the_agents_source() {
    check(
        "const a = 1;\nconst b = (a;",
        "syntax 2:13-14 Expected `,` or `)` but found `;`",
    );
    check(
        "const a = 1;\nconst a = 2;",
        "syntax 1:7-8 Identifier `a` has already been declared",
    );
    check(
        "const a = {b: 1};\n  a.b.c.d",
        "exception 2:3 TypeError: cannot read property 'd' of undefined",
    );
    check(
        "const text = 'äöü'; text.x.y",
        "exception 1:21 TypeError: cannot read property 'y' of undefined",
    );
    check(
        "import { test }\n  from 'tools'; test.then.x",
        "exception 2:17 TypeError: cannot read property 'x' of undefined",
    );
    check(
        "function f() {\n  return f() + 1\n}\nf()",
        "exception 2:10 RangeError: Maximum call stack size exceeded",
    );
    check(
        "class Bad extends Error {}\n  throw new Bad('mine')",
        "exception 2:13 mine",
    );
    check(
        "setTimeout(() => { throw new RangeError('late') });\nawait new Promise(done => setTimeout(done, 9999))",
        "exception 1:30 RangeError: late",
    );
    check(
        "throw {a: [1, 'x']}",
        "exception -:- thrown: { a: [ 1, 'x' ] }",
    );
    check("if (", "syntax 1:5 Unexpected token");
    check_typescript(
        "const f = async => x;\nawait",
        "syntax 2:6 Unexpected token",
    );
    check("/(/", "syntax -:- expecting ')'");
    assert_eq!(
        error_of("return <div className='a'>{1}</div>")
            .hint
            .unwrap(),
        "JSX is not supported: build strings or objects"
    );
}

#[test]
fn typescript_loses_its_types_and_keeps_its_places() {
    check_typescript(
        "enum Color { Red, Green = 'g' }
namespace Space { export const v = 3 }
class Point { constructor(private readonly x: number, public y = 2) {} get() { return this.x } }
abstract class Shape { abstract area(): number; declare name: string }
function over(a: string): string; function over(a: any) { return a }
const id = <T,>(value: T): T => value;
const kept = { a: 1 } satisfies Record<string, number>;
type Kept = typeof kept;
[Color.Red, Color.Green, Space.v, new Point(4).get(), new Point(1).y, id<number>(5)!, kept as Kept, over('o'), <any>3]",
        r#"[0,"g",3,4,2,5,{"a":1},"o",3]"#,
    );
    let head =
        "interface Issue {\n  title: string;\n}\ntype Id = number | string;\n\nconst id: Id = 1;\n";
    check_typescript(
        &format!("{head}const n: number = (id as any).x.y;"),
        "exception 7:20 TypeError: cannot read property 'y' of undefined",
    );
    check_typescript(
        &format!("{head}  await tools.test.fail({{id}} as {{id: Id}});"),
        "tool_error 7:9 test.fail answered: no",
    );
    check_typescript(
        &format!("{head}missing<Id>(id);"),
        "undefined_name 7:1-8 ReferenceError: missing is not defined",
    );
    check_typescript(
        &format!("{head}const b: = 1;"),
        "syntax 7:10-11 Unexpected token",
    );
    check(
        "const n: number = 1; n",
        "1 // ran as TypeScript, since the program has types",
    );
}

#[test]
fn one_code_fence_is_stripped() {
    check("```js\nconst x = 1\nx + 1\n```", "2");
    check(
        "```\ntools.then.x",
        "exception 2:1 TypeError: cannot read property 'x' of undefined",
    );
    check(
        "Here it is:\n\n```javascript\ntools.then.x\n```\nDone.",
        "exception 4:1 TypeError: cannot read property 'x' of undefined // the text around the code fence was left out",
    );
    check("const text = '\\n```\\n'; text.length", "5");
    check(
        "```js\n1\n```\n```js\n2\n```",
        "syntax 4:1 more than one code fence",
    );
}

#[test]
fn integers_beyond_2_53_keep_their_digits() {
    check(
        r#"return await tools.test.json({json: '[9007199254740991, 9007199254740992, -12345678901234567890, 1e20, 0.12345678901234567890, "9007199254740993", {"__proto__": 18446744073709551615, "a\\n": [ ]}]'})"#,
        r#"[9007199254740991,9007199254740992,-12345678901234567890,100000000000000000000,0.12345678901234568,"9007199254740993",{"__proto__":18446744073709551615,"a\n":[]}]"#,
    );
    check(
        "const {id} = await tools.test.json({json: '{\"id\": 9007199254740993}'}); return [typeof id, await tools.test.echo({id})]",
        r#"["bigint",{"id":9007199254740993}]"#,
    );
    check(
        "const {id} = await tools.test.json({json: '{\"id\": 9007199254740991}'}); return typeof id",
        r#""number""#,
    );
}

#[test]
fn deep_json_is_an_error_and_no_crash() {
    let nested = |depth: usize| {
        format!(
            "const r = await tools.test.json({{json: '['.repeat({depth}) + ']'.repeat({depth})}}); 1"
        )
    };
    check(&nested(512), "1");
    check(
        &nested(513),
        "exception 1:17 RangeError: the result is nested deeper than 512 levels",
    );
    check(
        &nested(100_000),
        "exception 1:17 RangeError: the result is nested deeper than 512 levels",
    );
    check(&format!("{}1{}", "(".repeat(1000), ")".repeat(1000)), "1");
    check(
        &"(".repeat(20_000),
        "syntax 1:1001 brackets nested deeper than 1000",
    );
}

#[test]
fn replaced_builtins_do_not_reach_the_runtime() {
    let run = HOST.run(
        "javascript",
        "Object.prototype.toJSON = () => 'replaced';
Object.defineProperty(Object.prototype, 'a', {set() { throw 1 }, configurable: true});
Object.defineProperty(Array.prototype, '0', {set() { throw 1 }, configurable: true});
for (const name of ['get', 'set', 'value', 'ownKeys', 'apply', 'writable']) Object.prototype[name] = () => 'replaced';
const map = new Map([['k', 1]]), set = new Set([2]), settled = Promise.resolve(3);
for (const type of [Array, Map, Set, Promise, Function, String, Date, WeakMap, Number, BigInt]) {
    for (const name of Object.getOwnPropertyNames(type.prototype)) {
        if (name !== 'constructor' && name !== 'length') try { type.prototype[name] = () => 'replaced' } catch {}
    }
}
Array.prototype[Symbol.iterator] = String.prototype[Symbol.iterator] = null;
JSON.parse = JSON.stringify = Reflect.apply = Object.defineProperty = Array.isArray = null;
globalThis.BigInt = globalThis.Promise = globalThis.Error = globalThis.tools.test;
console.error([1, map], 'x');
let caught;
try { await tools.test.fail() } catch (error) { caught = [error.code, error.tool] }
return [await tools.test.json({json: '{\"a\": [1], \"id\": 12345678901234567890}'}), await tools.test.echo({q: {a: [1]}}), map, set, settled, new Date(0), caught]",
    );
    assert_eq!(
        shown(&run.done),
        r#"[{"a":[1],"id":12345678901234567890},{"q":{"a":[1]}},{"k":1},[2],3,"1970-01-01T00:00:00.000Z",["tool_error","test.fail"]]"#
    );
}

#[test]
fn tools_is_no_thenable_and_no_object_of_data() {
    check(
        "const t = await tools.test; return [typeof t, `${t.echo}`, 'then' in tools, JSON.stringify({tools}) ?? null, Object.keys(tools), tools[Symbol.iterator] === undefined]",
        r#"["function","tools.test.echo",false,"{}",[],true]"#,
    );
    check(
        "tools.x = 1",
        "exception 1:1 TypeError: tools cannot be changed",
    );
    check(
        "return tools",
        "exception -:- value is tools itself, not what a tool returned",
    );
    check(
        "for (const server of tools) 1",
        "exception 1:22 TypeError: value is not iterable",
    );
}

#[test]
fn timers_run_in_their_order() {
    check(
        "const out = [];
setTimeout(() => out.push('later'), 20);
setTimeout(x => out.push(x), 0, 'soon');
setImmediate(() => out.push('immediate'));
queueMicrotask(() => out.push('microtask'));
clearTimeout(setTimeout(() => out.push('never'), 0));
out.push('now');
let count = 0;
await new Promise(done => { const timer = setInterval(() => { if (++count === 3) { clearInterval(timer); done() } }, 1) });
await new Promise(done => setTimeout(done, 30));
return [out, count]",
        r#"[["now","microtask","soon","immediate","later"],3]"#,
    );
    check(
        "setTimeout(() => {}, 60_000); const a = 1",
        "no value // the program ended while a timer was set, which did not run",
    );
    // Answers come through although a timer is always due.
    check(
        "let on = true; const spin = () => on && setImmediate(spin); spin(); const r = await tools.test.echo({a: 1}); on = false; return r",
        r#"{"a":1}"#,
    );
}

#[test]
fn structured_clone_copies_data() {
    check(
        "const o = {d: new Date(5), m: new Map([[1, {b: 2}]]), s: new Set([1]), a: [1, , 3], b: new Uint8Array([7])}; o.self = o;
const c = structuredClone(o);
return [c !== o, c.self === c, c.d, [...c.m], [...c.s], c.a.length, 1 in c.a, c.b[0], c.m.get(1) !== o.m.get(1)]",
        r#"[true,true,"1970-01-01T00:00:00.005Z",[[1,{"b":2}]],[1],3,false,7,true]"#,
    );
    check(
        "try { structuredClone({f() {}}) } catch (error) { return [error.name, error.message] }",
        r#"["DataCloneError","f() {} could not be cloned."]"#,
    );
}

#[test]
fn limits_of_the_engine_are_errors() {
    let host = Host {
        memory_bytes: 16 << 20,
        ..HOST
    };
    let run = host.run(
        "javascript",
        "const all = []; for (;;) all.push(new Array(1000).fill(0.5))",
    );
    assert_eq!(
        shown(&run.done),
        "limit_memory -:- the program needs more than its 16 MiB of memory"
    );
    let run = host.run(
        "javascript",
        "try { 'x'.repeat(1e8) } catch (error) {} return 'goes on'",
    );
    assert_eq!(shown(&run.done), r#""goes on""#);
    check(
        "try { (function f() { f() })() } catch (error) { return [error instanceof RangeError, error.message] }",
        r#"[true,"Maximum call stack size exceeded"]"#,
    );
}

#[test]
fn things_are_shown_as_people_read_them() {
    let thrown = |code: &str| error_of(&format!("throw [{code}]")).message;
    for (code, text) in [
        (
            "1, -0, 10n, 'a', \"it's\", null, undefined, true",
            r#"1, -0, 10n, 'a', "it's", null, undefined, true"#,
        ),
        (
            "() => 1, function f() {}, class C {}, tools, tools.a.b",
            "[Function: (anonymous)], [Function: f], [class C], [tools], [tool a.b]",
        ),
        (
            "new Map([['k', [1]]]), new Set([1]), new Date(0), /x/g",
            "Map(1) { 'k' => [ 1 ] }, Set(1) { 1 }, 1970-01-01T00:00:00.000Z, /x/g",
        ),
        (
            "new class P { x = 1 }, new TypeError('bad'), Promise.resolve(1)",
            "P { x: 1 }, TypeError: bad, Promise { <fulfilled> }",
        ),
        (
            "{get a() { return 1 }, [Symbol('s')]: {}, 'b c': []}",
            "{ a: [Getter], 'b c': [], [Symbol(s)]: {} }",
        ),
    ] {
        assert_eq!(
            thrown(code),
            format!("thrown: [ {text} ]").replace("[  ]", "[]")
        );
    }
    assert_eq!(
        thrown("{id: 1, name: 'a name that is long'}, {id: 2, name: 'another name that is long'}"),
        "thrown: [\n  { id: 1, name: 'a name that is long' },\n  { id: 2, name: 'another name that is long' }\n]"
    );
    assert_eq!(
        error_of("const o = {a: {}}; o.a.o = o; throw o").message,
        "thrown: { a: { o: [Circular] } }"
    );
    assert!(thrown("...Array(200).keys()").ends_with("97, 98, 99, … 100 more\n]"));
}

/// Not a test: what [`console_writes_whole_lines`] runs in a process of its own.
#[test]
#[ignore = "prints"]
fn console_program() {
    check(
        "console.log('%s: %d items', 'list', 2, {a: 1}); console.info('a', ['b']); console.warn('careful'); console.log()",
        "no value",
    );
}

#[test]
fn console_writes_whole_lines() {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args([
            "--exact",
            "javascript::console_program",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    assert!(output.status.success());
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(
        out.contains("list: 2 items { a: 1 }\na [ 'b' ]\n\n"),
        "{out}"
    );
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("careful\n"), "{err}");
}

#[test]
fn a_guest_without_lockdown_runs_nothing() {
    let (host, guest) = UnixStream::pair().unwrap();
    let guest = thread::spawn(move || {
        let lock_down = |_: &[u8]| -> javascript::LockDown {
            Box::new(|| {
                Err(Failed {
                    step: "seccomp".into(),
                    errno: 1,
                    message: "not permitted".into(),
                })
            })
        };
        javascript::run(guest, 64 << 20, lock_down, Some)
    });
    let mut peer = Peer::new(host);
    peer.send(Kind::Lockdown, 0, b"steps");
    peer.send(Kind::Lockdown, 0, b"steps");
    let message = peer.receive().unwrap();
    assert_eq!(message.kind, Kind::Failed);
    assert_eq!(
        message::decode::<Failed>(&message.body).unwrap().step,
        "seccomp"
    );
    assert!(peer.receive().is_none());
    guest.join().unwrap();
}

#[test]
fn a_host_that_is_gone_or_wrong_ends_the_guest() {
    let guest_of = |say: fn(&mut Peer)| {
        let (host, guest) = UnixStream::pair().unwrap();
        let guest = thread::spawn(move || {
            let lock_down =
                |_: &[u8]| -> javascript::LockDown { Box::new(|| Ok(Ready { probes: vec![] })) };
            javascript::run(guest, 64 << 20, lock_down, Some)
        });
        let mut peer = Peer::new(host);
        say(&mut peer);
        drop(peer);
        assert_eq!(guest.join().unwrap(), ExitCode::FAILURE);
    };
    guest_of(|_| {});
    guest_of(|peer| peer.send(Kind::Job, 0, b"{}"));
    guest_of(|peer| {
        peer.lock_down();
        peer.send(Kind::Job, 0, b"no job");
    });
    // The answer of a call that was never made.
    guest_of(|peer| {
        peer.lock_down();
        let job = Job {
            language: "javascript".into(),
            code: "await tools.test.echo({})".into(),
            in_flight: 1,
            message_bytes: 1 << 20,
            threads: 1,
            mark: "mark:".into(),
        };
        peer.send(Kind::Job, 0, &message::encode(&job));
        peer.send(Kind::Return, 77, b"null");
    });
}
