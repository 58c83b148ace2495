//! The SDK as a Python stub file.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::{
    Body, DOCS_CHARS, Declared, MEMBER_CHARS, Member, Sdk, ServerTypes, ToolTypes, Type, add,
    one_or_union,
};
use crate::name::{folded, identifier};
use crate::plain;
use crate::schema::Kind;
use crate::signature::{Language, is_plain_parameter};

/// A longer line of parameters is broken.
const LINE_CHARS: usize = 100;

/// The words that types are made of, with the module that has each: a class in which one of them is
/// the name of something else has to say which is meant.
const WORDS: [(&str, &str); 10] = [
    ("Any", "typing"),
    ("Literal", "typing"),
    ("NotRequired", "typing"),
    ("Unpack", "typing"),
    ("bool", "builtins"),
    ("dict", "builtins"),
    ("float", "builtins"),
    ("int", "builtins"),
    ("list", "builtins"),
    ("str", "builtins"),
];

/// Names that the stub file itself defines or uses.
const OWN: [&str; 25] = [
    "Callable",
    "Concatenate",
    "Generic",
    "Iterator",
    "Kept",
    "ParamSpec",
    "ToolError",
    "TypeVar",
    "_Parameters",
    "_Results",
    "_Store",
    "_Tool",
    "_Value",
    "Tools",
    "TypeAlias",
    "TypedDict",
    "call_tool",
    "load",
    "open_result",
    "results",
    "search_tools",
    "show",
    "store",
    "tools",
    "builtins",
];

const HEAD: &str = r#"
# In a program a call waits and gives the value; where an awaitable is expected (await,
# asyncio.gather and the like) it gives one.

import builtins
import typing
from collections.abc import Callable, Iterator
from typing import (
    Any, Concatenate, Generic, Literal, NotRequired, ParamSpec, TypeAlias, TypedDict, TypeVar, Unpack,
)  # fmt: skip

_Parameters = ParamSpec("_Parameters")
_Value = TypeVar("_Value")

class ToolError(Exception):
    """A call that failed."""

    message: str
    code: str
    tool: str | None
    server: str | None
    retryable: bool
    fix: str | None
    signature: str | None

class Kept:
    """Something that is kept in the session, by handle: read as the list, dict, str or bytes that it is.

    Among the arguments of a tool it stands for what it holds: a value for itself, a file for its Base64.
    """

    id: str
    type: str
    length: int | None
    bytes: int
    mime_type: str | None
    uri: str | None
    def value(self) -> Any: ...
    def at(self, pointer: str) -> Kept: ...
    def get(self, key: str, default: Any = None) -> Any: ...
    def keys(self) -> list[str]: ...
    def values(self) -> Iterator[Any]: ...
    def items(self) -> Iterator[tuple[str, Any]]: ...
    def lines(self, start: int = 0, stop: int | None = None) -> Iterator[str]: ...
    def json_lines(self, start: int = 0, stop: int | None = None) -> Iterator[Any]: ...
    def base64(self) -> str: ...
    def data_url(self) -> Any: ...
    def save(self, path: str) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: Any) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __contains__(self, key: Any) -> bool: ...

class _Tool(Generic[_Parameters, _Value]):
    def __call__(self, *args: _Parameters.args, **named: _Parameters.kwargs) -> _Value: ...
    def raw(self, *args: _Parameters.args, **named: _Parameters.kwargs) -> dict[str, Any]:
        """All that the server sent."""
    def keep(self, *args: _Parameters.args, **named: _Parameters.kwargs) -> Kept:
        """A handle of the result, which stays in the session."""

def __forms__(method: Callable[Concatenate[Any, _Parameters], _Value]) -> _Tool[_Parameters, _Value]: ...

class _Results:
    @staticmethod
    def open(id: str) -> Kept:
        """Opens what is kept in the session: results.open("r_9")."""

results: _Results

def open_result(id: str) -> Kept: ...

class _Store:
    def __call__(self, key: str, value: Any) -> None:
        """Keeps a value for later programs of the session."""
    def keys(self) -> list[str]: ...
    def delete(self, key: str) -> bool: ...

store: _Store

def load(key: str, default: Any = ...) -> Any:
    """What is stored under a key; else the default, if there is one."""

def show(*things: Any, mime_type: str | None = None) -> None:
    """Shows images and other files to the agent; anything else is printed."""

def call_tool(path: str, arguments: dict[str, Any] = ..., /, **named: Any) -> Any:
    """Calls a tool by its path, "server.tool"."""

def search_tools(*queries: str) -> str:
    """Finds tools, one phrase a step of the task."""
"#;

pub(super) fn stubs(sdk: &Sdk) -> String {
    let mut out = format!(
        "# {}, written by `toolmill sdk`.\n{}",
        sdk.totals(),
        HEAD.trim_start_matches('\n')
    );
    for server in &sdk.servers {
        push_server(&mut out, server);
    }
    out.push_str("\nclass Tools:\n");
    if sdk.servers.is_empty() {
        out.push_str("    ...\n");
    }
    for types in &sdk.servers {
        let _ = writeln!(out, "    {}: {}", types.server.identifier(), types.class);
    }
    out.push_str("\ntools: Tools\n");
    // What `import tools` and `from tools import github` find.
    for types in &sdk.servers {
        let name = types.server.identifier();
        if !OWN.contains(&name) && name != "typing" && !is_word(name) {
            let _ = writeln!(out, "{name}: {}", types.class);
        }
    }
    out
}

fn push_server(out: &mut String, types: &ServerTypes) {
    let names: HashSet<&str> = types.tools.iter().map(|tool| method(tool)).collect();
    let written: Vec<(String, String)> = types
        .tools
        .iter()
        .map(|tool| {
            tool.bounded(|tool| {
                let mut writer = Writer::new(tool, &names);
                (writer.classes(), writer.method())
            })
        })
        .collect();
    out.extend(written.iter().map(|(classes, _)| classes.as_str()));
    let _ = writeln!(out, "\nclass {}:", types.class);
    let about = plain::line(
        &format!("{} {}", types.server.title(), types.server.description()),
        MEMBER_CHARS,
    );
    if !about.is_empty() {
        push_docstring(out, "    ", std::slice::from_ref(&about));
    } else if written.is_empty() {
        out.push_str("    ...\n");
    }
    let methods = written
        .iter()
        .map(|(_, method)| method.as_str())
        .collect::<String>();
    // The blank line between methods comes before each; the first needs one only after prose.
    out.push_str(if about.is_empty() {
        methods.trim_start_matches('\n')
    } else {
        &methods
    });
}

fn method<'a>(types: &ToolTypes<'a>) -> &'a str {
    let path = types.tool.path();
    path.split_once('.').map_or(path, |(_, tool)| tool)
}

fn is_word(name: &str) -> bool {
    WORDS.iter().any(|(word, _)| *word == name)
}

/// Writes down one tool.
struct Writer<'t, 'a> {
    types: &'t ToolTypes<'a>,
    /// Names of the server's class, among which the methods' types are read.
    hidden: &'t HashSet<&'a str>,
    /// What its members' descriptions may still take.
    docs: usize,
    /// Parameters by the names that are written for them.
    keywords: Vec<(&'t Member<'a>, String)>,
    /// Parameters for which no name can be written.
    others: Vec<&'t Member<'a>>,
}

impl<'t, 'a> Writer<'t, 'a> {
    fn new(types: &'t ToolTypes<'a>, hidden: &'t HashSet<&'a str>) -> Writer<'t, 'a> {
        let (members, _) = types.arguments();
        let mut alike: HashMap<String, usize> = HashMap::new();
        for member in members {
            *alike.entry(folded(member.name)).or_default() += 1;
        }
        let mut keywords = Vec::new();
        let mut others = Vec::new();
        for member in members {
            match keyword(member.name, &alike) {
                Some(keyword) => keywords.push((member, keyword)),
                None => others.push(member),
            }
        }
        Writer {
            types,
            hidden,
            docs: DOCS_CHARS,
            keywords,
            others,
        }
    }

    /// The classes that the method mentions.
    fn classes(&mut self) -> String {
        let mut out = String::new();
        for (at, declared) in self.types.declared.iter().enumerate() {
            let arguments = at == 0;
            match &declared.body {
                _ if arguments && !declared.mentioned => {}
                Body::Members { members, .. } => {
                    let members: Vec<&Member> = members.iter().collect();
                    self.push_class(&mut out, &declared.name, declared, &members);
                }
                Body::Alias(value) => {
                    let value = self.type_of(value, false);
                    let _ = writeln!(out, "\n{}: TypeAlias = {value}", declared.name);
                }
            }
        }
        let (_, open) = self.types.arguments();
        if !self.others.is_empty() && open.is_none() {
            let name = self.others_name();
            let others = self.others.clone();
            self.push_class(&mut out, &name, &self.types.declared[0], &others);
        }
        out
    }

    /// The name for the type of the parameters that only `**` can give. Its last letter is no
    /// capital, nor does an underscore and a hash follow, so no other type has it.
    fn others_name(&self) -> String {
        format!("{}_others", self.types.declared[0].name)
    }

    fn push_class(
        &mut self,
        out: &mut String,
        name: &str,
        declared: &Declared,
        members: &[&Member<'a>],
    ) {
        let about = plain::line(
            declared.description.unwrap_or(""),
            MEMBER_CHARS.min(self.docs),
        );
        self.docs -= about.chars().count().min(self.docs);
        let as_class = members
            .iter()
            .all(|member| is_attribute(member.name) && !is_word(member.name));
        if !as_class {
            out.push('\n');
            if !about.is_empty() {
                let _ = writeln!(out, "# {about}");
            }
            let _ = writeln!(out, "{name} = TypedDict({name:?}, {{");
            for member in members {
                let described = self.described(member, None);
                if !described.is_empty() {
                    let _ = writeln!(out, "    # {described}");
                }
                let value = self.member_type(member);
                let _ = writeln!(out, "    {}: {value},", string(member.name));
            }
            out.push_str("})\n");
            return;
        }
        let _ = writeln!(out, "\nclass {name}(TypedDict):");
        if !about.is_empty() {
            push_docstring(out, "    ", &[about]);
        } else if members.is_empty() {
            out.push_str("    ...\n");
        }
        for member in members {
            let value = self.member_type(member);
            let _ = writeln!(out, "    {}: {value}", member.name);
            let described = self.described(member, None);
            if !described.is_empty() {
                push_docstring(out, "    ", &[described]);
            }
        }
    }

    fn member_type(&self, member: &Member) -> String {
        let value = self.type_of(&member.value, false);
        if member.required {
            value
        } else {
            format!("NotRequired[{value}]")
        }
    }

    fn method(&mut self) -> String {
        let name = method(self.types);
        let parameters = self.parameters();
        let result = match &self.types.result {
            Some(result) => self.type_of(result, true),
            None => self.word("Any"),
        };
        let line = format!("    def {name}({}) -> {result}:", parameters.join(", "));
        let mut out = "\n    @__forms__\n".to_owned();
        if line.chars().count() <= LINE_CHARS {
            out.push_str(&line);
        } else {
            let _ = writeln!(out, "    def {name}(");
            for parameter in parameters {
                let _ = writeln!(out, "        {parameter},");
            }
            let _ = write!(out, "    ) -> {result}:");
        }
        out.push('\n');
        let prose = self.prose();
        if prose.is_empty() {
            out.push_str("        ...\n");
        } else {
            push_docstring(&mut out, "        ", &prose);
        }
        for comment in self.types.comments() {
            let _ = writeln!(out, "        # {comment}");
        }
        out
    }

    fn parameters(&self) -> Vec<String> {
        let (members, open) = self.types.arguments();
        // One value without a name can only mean one parameter, as [`Tool::bind`] has it.
        let required = members.iter().filter(|member| member.required).count();
        let sole = |member: &Member| match required {
            1 => member.required,
            _ => members.len() == 1,
        };
        let mut parameters = vec!["self".to_owned()];
        let (first, rest): (Vec<_>, Vec<_>) =
            self.keywords.iter().partition(|(member, _)| sole(member));
        for (at, (member, keyword)) in first.iter().chain(&rest).enumerate() {
            if at == first.len() {
                parameters.push("*".to_owned());
            }
            let default = if member.required { "" } else { " = ..." };
            let value = self.type_of(&member.value, true);
            parameters.push(format!("{keyword}: {value}{default}"));
        }
        // Type checkers allow no keyword that such a type does not name.
        if let Some(others) = open {
            // A keyword that cannot be written has a type of its own.
            let value = if self.others.is_empty() {
                self.type_of(others, true)
            } else {
                self.word("Any")
            };
            parameters.push(format!("**others: {value}"));
        } else if !self.others.is_empty() {
            let unpack = self.word("Unpack");
            parameters.push(format!("**others: {unpack}[{}]", self.others_name()));
        }
        parameters
    }

    /// The lines of the docstring.
    fn prose(&mut self) -> Vec<String> {
        let mut lines = self.types.prose();
        let mut parameters = Vec::new();
        for (member, keyword) in self.keywords.clone() {
            let described = self.described(member, Some(&keyword));
            if !described.is_empty() {
                parameters.push(format!("{keyword}: {described}"));
            }
        }
        for member in self.others.clone() {
            let described = self.described(member, None);
            let name = plain::quoted(member.name);
            parameters.push(
                format!("**{{{name}: ...}}: {described}")
                    .trim_end()
                    .to_owned(),
            );
        }
        if !lines.is_empty() && !parameters.is_empty() {
            lines.push(String::new());
        }
        lines.extend(parameters);
        lines
    }

    /// What is said of a member: under which name it is sent, when `keyword` is another, its
    /// description and its default.
    fn described(&mut self, member: &Member, keyword: Option<&str>) -> String {
        let mut parts = Vec::new();
        if keyword.is_some_and(|keyword| keyword != member.name) {
            parts.push(format!("(sent as {})", plain::quoted(member.name)));
        }
        parts.push(member.description(&mut self.docs));
        parts.extend(member.format().map(|format| format!("(format {format})")));
        if let Some(default) = member.default() {
            parts.push(format!("(default {default})"));
        }
        parts.retain(|part| !part.is_empty());
        parts.join(" ")
    }

    /// A type, as it is written `in_class` of the server or among the other types.
    fn type_of(&self, value: &Type, in_class: bool) -> String {
        let word = |name: &str| {
            if in_class {
                self.word(name)
            } else {
                name.to_owned()
            }
        };
        match value {
            Type::Any => word("Any"),
            Type::Plain(kind) => word(Language::Python.word(*kind)),
            Type::Literal(value) => format!("{}[{}]", word("Literal"), literal(value)),
            Type::List(items) => format!("{}[{}]", word("list"), self.type_of(items, in_class)),
            // Programs write and get lists, which no tuple takes.
            Type::Tuple { first, others, .. } => {
                let mut union = Vec::new();
                for item in first.iter().chain(others.as_deref()) {
                    add(&mut union, item.clone());
                }
                let items = if union.contains(&Type::Any) {
                    Type::Any
                } else {
                    one_or_union(union)
                };
                self.type_of(&Type::List(Box::new(items)), in_class)
            }
            Type::Map(values) => format!(
                "{}[{}, {}]",
                word("dict"),
                word("str"),
                self.type_of(values, in_class)
            ),
            Type::Named(at) => self.types.declared[*at].name.clone(),
            Type::Union(alternatives) if alternatives.is_empty() => word("Any"),
            Type::Union(alternatives) => {
                let literals: Vec<String> = alternatives
                    .iter()
                    .filter_map(|alternative| match alternative {
                        Type::Literal(value) => Some(literal(value)),
                        _ => None,
                    })
                    .collect();
                let mut parts = Vec::new();
                if !literals.is_empty() {
                    parts.push(format!("{}[{}]", word("Literal"), literals.join(", ")));
                }
                let null = Type::Plain(Kind::Null);
                let others = alternatives
                    .iter()
                    .filter(|other| **other != null && !matches!(other, Type::Literal(_)));
                parts.extend(others.map(|other| self.type_of(other, in_class)));
                parts.extend(alternatives.contains(&null).then(|| word("None")));
                parts.join(" | ")
            }
        }
    }

    /// A word of the language inside the server's class.
    fn word(&self, name: &str) -> String {
        let module = WORDS.iter().find(|(word, _)| *word == name);
        match module {
            Some((_, module)) if self.hidden.contains(name) => format!("{module}.{name}"),
            _ => name.to_owned(),
        }
    }
}

/// The keyword by which a parameter can be given: its name, or a variant of it that
/// [`Tool::bind`](crate::Tool::bind) takes for nothing else. `alike` counts the names by what their
/// variants have in common.
fn keyword(name: &str, alike: &HashMap<String, usize>) -> Option<String> {
    if is_attribute(name) && name != "self" {
        return Some(name.to_owned());
    }
    let mut variant = identifier(name);
    if variant == "self" {
        variant.push('_');
    }
    let common = folded(name);
    let only_it =
        !common.is_empty() && folded(&variant) == common && alike.get(&common) == Some(&1);
    (only_it && is_attribute(&variant)).then_some(variant)
}

/// Whether a name can be written in a class and means itself there.
fn is_attribute(name: &str) -> bool {
    is_plain_parameter(name, Language::Python) && !name.starts_with("__")
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    }
}

/// A string literal in which what cannot be seen is escaped.
fn string(text: &str) -> String {
    let json = serde_json::to_string(text).expect("a string serialises");
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match u32::from(c) {
            _ if !plain::is_treacherous(c) => out.push(c),
            code @ ..=0xffff => {
                let _ = write!(out, "\\u{code:04x}");
            }
            code => {
                let _ = write!(out, "\\U{code:08x}");
            }
        }
    }
    out
}

fn push_docstring(out: &mut String, indent: &str, lines: &[String]) {
    let _ = write!(out, "{indent}\"\"\"");
    match lines {
        [line] => {
            let mut line = escaped(line);
            if line.ends_with('"') {
                line.insert(line.len() - 1, '\\');
            }
            out.push_str(&line);
        }
        lines => {
            for (at, line) in lines.iter().enumerate() {
                let indent = if at == 0 || line.is_empty() {
                    ""
                } else {
                    indent
                };
                let _ = writeln!(out, "{indent}{}", escaped(line));
            }
            out.push_str(indent);
        }
    }
    out.push_str("\"\"\"\n");
}

/// A plain line in which nothing is an escape and no two quotes follow each other.
fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' || (c == '"' && chars.peek() == Some(&'"')) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
