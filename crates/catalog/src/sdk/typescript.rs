//! The SDK as TypeScript declarations.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Body, DOCS_CHARS, MEMBER_CHARS, Member, RESULT, Sdk, ToolTypes, Type};
use crate::plain;
use crate::schema::Kind;
use crate::signature::{Language, is_plain_parameter};

const HEAD: &str = r#"
/** A call that failed. */
declare class ToolError extends Error {
  code: string;
  tool?: string;
  server?: string;
  retryable: boolean;
  fix?: string;
  signature?: string;
}

/**
 * Something that is kept in the session, by handle. Among the arguments of a tool it stands for what it
 * holds: a value for itself, a file for its Base64.
 */
interface Kept {
  readonly id: string;
  /** array, object, string, number, boolean or null; image, audio or file. */
  readonly type: string;
  readonly length: number | null;
  readonly bytes: number;
  readonly mimeType?: string;
  readonly uri?: string;
  value(): Promise<any>;
  at(pointer: string): Promise<Kept>;
  get(key: string | number): Promise<any>;
  slice(start?: number, end?: number): Promise<any>;
  lines(start?: number, end?: number): Promise<string[]>;
  jsonLines(start?: number, end?: number): Promise<any[]>;
  base64(): Promise<string>;
  dataUrl(): PromiseLike<string>;
  [Symbol.asyncIterator](): AsyncIterator<any>;
}

/** All that a server sent. */
interface RawResult {
  content: any[];
  structuredContent?: any;
  [key: string]: unknown;
}

/** A tool, whose result is also to be had as it was sent, or kept. */
type Forms<Tool> = Tool extends (...args: infer Args) => unknown
  ? Tool & { raw(...args: Args): Promise<RawResult>; keep(...args: Args): Promise<Kept> }
  : Tool;

type WithForms<Servers> = {
  [Server in keyof Servers]: { [Name in keyof Servers[Server]]: Forms<Servers[Server][Name]> };
};

/** Opens what is kept in the session, as results.open("r_9"). */
declare function open_result(id: string): Promise<Kept>;
declare const results: { open(id: string): Promise<Kept> };

/** Keeps a value for later programs of the session. */
declare const store: {
  (key: string, value: unknown): Promise<void>;
  keys: () => Promise<string[]>;
  delete: (key: string) => Promise<boolean>;
};

/** What is stored under a key; else the second argument, if there is one. */
declare function load(key: string, otherwise?: unknown): Promise<any>;

/** Shows images and other files to the agent; anything else is printed. */
declare function show(...things: unknown[]): Promise<void>;

/** Calls a tool by its path, "server.tool". */
declare function call_tool(path: string, args?: { [key: string]: unknown }): Promise<any>;

/** Finds tools, one phrase a step of the task. */
declare function search_tools(...queries: string[]): Promise<string>;
"#;

pub(super) fn declarations(sdk: &Sdk) -> String {
    let mut out = format!("// {}, written by `toolmill sdk`.\n{HEAD}", sdk.totals(),);
    let mut tools = String::new();
    for types in &sdk.servers {
        let about = plain::line(
            &format!("{} {}", types.server.title(), types.server.description()),
            MEMBER_CHARS,
        );
        push_doc(&mut tools, "  ", &[about]);
        let _ = writeln!(tools, "  {}: {{", types.server.identifier());
        for tool in &types.tools {
            let (declared, method) = tool.bounded(|tool| {
                let mut writer = Writer {
                    types: tool,
                    docs: DOCS_CHARS,
                    any: UNKNOWN,
                };
                (writer.declared(), writer.method())
            });
            out.push_str(&declared);
            tools.push_str(&method);
        }
        tools.push_str("  };\n");
    }
    let _ = write!(out, "\ndeclare const tools: WithForms<{{\n{tools}}}>;\n");
    out
}

/// What a schema leaves open has to be looked at first.
const UNKNOWN: &str = "unknown";

/// Writes down one tool.
struct Writer<'t, 'a> {
    types: &'t ToolTypes<'a>,
    /// What its members' descriptions may still take.
    docs: usize,
    /// The type of what has none.
    any: &'static str,
}

impl Writer<'_, '_> {
    /// Goes on with what the tool takes, or with what it gives: where nothing is promised, programs have to
    /// do without being told, which `unknown` would refuse.
    fn go_on_with(&mut self, is_result: bool) {
        let is_promised = self.types.result.is_some() && self.types.observed.is_none();
        self.any = if is_result && !is_promised {
            "any"
        } else {
            UNKNOWN
        };
    }

    /// The types that the method mentions.
    fn declared(&mut self) -> String {
        let mut out = String::new();
        for declared in &self.types.declared {
            self.go_on_with(declared.place.starts_with(RESULT));
            match &declared.body {
                Body::Members { members, others } => {
                    let said = others.as_ref().is_some_and(|others| *others != Type::Any);
                    if members.is_empty() && !said && !declared.mentioned {
                        continue;
                    }
                    out.push('\n');
                    let about = declared.description.unwrap_or("");
                    let about = plain::line(about, MEMBER_CHARS.min(self.docs));
                    self.docs -= about.chars().count().min(self.docs);
                    push_doc(&mut out, "", &[about]);
                    let _ = writeln!(out, "interface {} {{", declared.name);
                    for member in members {
                        self.push_member(&mut out, member);
                    }
                    if let Some(others) = others {
                        let value = self.index(members, others);
                        let _ = writeln!(out, "  [key: string]: {value};");
                    }
                    out.push_str("}\n");
                }
                Body::Alias(value) => {
                    let _ = writeln!(out, "\ntype {} = {};", declared.name, self.type_of(value));
                }
            }
        }
        out
    }

    /// The type that an index has: it has to take the declared members in.
    fn index(&self, members: &[Member], others: &Type) -> String {
        if *others == Type::Any {
            return self.type_of(others);
        }
        let mut parts = vec![self.type_of(others)];
        for member in members {
            let part = self.type_of(&member.value);
            if part == self.any {
                return part;
            }
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        if members.iter().any(|member| !member.required) {
            parts.push("undefined".to_owned());
        }
        parts.join(" | ")
    }

    fn push_member(&mut self, out: &mut String, member: &Member) {
        let mut lines = vec![member.description(&mut self.docs)];
        lines.extend(member.format().map(|format| format!("@format {format}")));
        lines.extend(
            member
                .default()
                .map(|default| format!("@default {default}")),
        );
        lines.retain(|line| !line.is_empty());
        push_doc(out, "  ", &lines);
        let name = if is_plain_parameter(member.name, Language::TypeScript) {
            member.name.to_owned()
        } else {
            string(member.name)
        };
        let optional = if member.required { "" } else { "?" };
        let _ = writeln!(out, "  {name}{optional}: {};", self.type_of(&member.value));
    }

    fn method(&mut self) -> String {
        let mut out = String::new();
        let path = self.types.tool.path();
        let name = path.split_once('.').map_or(path, |(_, tool)| tool);
        let (members, others) = self.types.arguments();
        let arguments = match (members, others) {
            ([], None) => String::new(),
            ([], Some(Type::Any)) => "args?: { [key: string]: unknown }".to_owned(),
            _ if members.iter().any(|member| member.required) => {
                format!("args: {}", self.types.declared[0].name)
            }
            _ => format!("args?: {}", self.types.declared[0].name),
        };
        self.go_on_with(true);
        let result = self.type_of(self.types.result.as_ref().unwrap_or(&Type::Any));
        for comment in self.types.comments() {
            let _ = writeln!(out, "    // {comment}");
        }
        push_doc(&mut out, "    ", &self.types.prose());
        let _ = writeln!(out, "    {name}({arguments}): Promise<{result}>;");
        out
    }

    fn list(&self, items: &Type) -> String {
        match items {
            Type::Union(alternatives) if !alternatives.is_empty() => {
                format!("({})[]", self.type_of(items))
            }
            _ => format!("{}[]", self.type_of(items)),
        }
    }

    fn type_of(&self, value: &Type) -> String {
        match value {
            Type::Any => self.any.to_owned(),
            Type::Plain(kind) => Language::TypeScript.word(*kind).to_owned(),
            Type::Literal(Value::String(text)) => string(text),
            Type::Literal(value) => value.to_string(),
            Type::List(items) => self.list(items),
            Type::Tuple {
                first,
                least,
                others,
            } => {
                let mut parts: Vec<String> = first
                    .iter()
                    .enumerate()
                    .map(|(at, item)| match (self.type_of(item), at < *least, item) {
                        (item, true, _) => item,
                        (item, false, Type::Union(_)) => format!("({item})?"),
                        (item, false, _) => format!("{item}?"),
                    })
                    .collect();
                parts.extend(
                    others
                        .iter()
                        .map(|others| format!("...{}", self.list(others))),
                );
                format!("[{}]", parts.join(", "))
            }
            Type::Map(values) => format!("{{ [key: string]: {} }}", self.type_of(values)),
            Type::Named(at) => self.types.declared[*at].name.clone(),
            Type::Union(alternatives) if alternatives.is_empty() => self.any.to_owned(),
            Type::Union(alternatives) => {
                let null = Type::Plain(Kind::Null);
                let (nulls, others): (Vec<&Type>, Vec<&Type>) =
                    alternatives.iter().partition(|value| **value == null);
                let mut parts: Vec<String> = Vec::new();
                for value in others.into_iter().chain(nulls) {
                    let part = self.type_of(value);
                    // Integers and numbers are the same.
                    if !parts.contains(&part) {
                        parts.push(part);
                    }
                }
                parts.join(" | ")
            }
        }
    }
}

/// A string literal in which what cannot be seen is escaped.
fn string(text: &str) -> String {
    let json = serde_json::to_string(text).expect("a string serialises");
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if plain::is_treacherous(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn push_doc(out: &mut String, indent: &str, lines: &[String]) {
    match lines {
        [] => {}
        [line] if line.is_empty() => {}
        [line] => {
            let _ = writeln!(out, "{indent}/** {} */", escaped(line));
        }
        lines => {
            let _ = writeln!(out, "{indent}/**");
            for line in lines {
                let _ = writeln!(
                    out,
                    "{}",
                    format!("{indent} * {}", escaped(line)).trim_end()
                );
            }
            let _ = writeln!(out, "{indent} */");
        }
    }
}

/// A plain line that does not end the comment it is in.
fn escaped(line: &str) -> String {
    line.replace("*/", "*\\/")
}
