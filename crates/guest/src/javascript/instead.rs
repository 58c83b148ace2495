//! What to write in place of what is no JavaScript, or is called otherwise in it.

use oxc::ast::AstKind;
use oxc::ast::ast::{
    Argument, AssignmentTarget, CallExpression, Expression, ForStatementLeft, IdentifierReference,
    StringLiteral,
};
use oxc::semantic::NodeId;
use oxc::span::{GetSpan, Span};
use serde_json::Value;

use super::holds::{Holds, Told, read_of};
use super::promises::member_name;

/// Variables through which it is looked for what an expression is.
const MOST_NAMES: usize = 8;

/// What a value is, as far as the text or an answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    List,
    Plain,
    Map,
    Set,
    Other,
}

/// Methods and functions of JavaScript that are often spelt in another way.
const METHODS: &[&str] = &[
    "charAt",
    "charCodeAt",
    "concat",
    "endsWith",
    "entries",
    "every",
    "filter",
    "find",
    "findIndex",
    "findLast",
    "flat",
    "flatMap",
    "forEach",
    "fromEntries",
    "getDate",
    "getDay",
    "getFullYear",
    "getHours",
    "getMinutes",
    "getMonth",
    "getTime",
    "getUTCDate",
    "getUTCDay",
    "getUTCFullYear",
    "getUTCHours",
    "getUTCMinutes",
    "getUTCMonth",
    "hasOwn",
    "includes",
    "indexOf",
    "isArray",
    "isInteger",
    "join",
    "keys",
    "lastIndexOf",
    "localeCompare",
    "map",
    "match",
    "matchAll",
    "padEnd",
    "padStart",
    "parseFloat",
    "parseInt",
    "push",
    "reduce",
    "repeat",
    "replace",
    "replaceAll",
    "reverse",
    "slice",
    "some",
    "sort",
    "splice",
    "split",
    "startsWith",
    "stringify",
    "substring",
    "toFixed",
    "toISOString",
    "toLowerCase",
    "toReversed",
    "toSorted",
    "toString",
    "toUpperCase",
    "trim",
    "trimEnd",
    "trimStart",
    "unshift",
    "values",
];

/// Methods of other languages that are one of JavaScript's by another name, for each number of
/// arguments.
const RENAMED: &[(&str, &str)] = &[
    ("add", "push"),
    ("append", "push"),
    ("casefold", "toLowerCase"),
    ("contains", "includes"),
    ("downcase", "toLowerCase"),
    ("index", "indexOf"),
    ("ljust", "padEnd"),
    ("lower", "toLowerCase"),
    ("lstrip", "trimStart"),
    ("rfind", "lastIndexOf"),
    ("rindex", "lastIndexOf"),
    ("rjust", "padStart"),
    ("rstrip", "trimEnd"),
    ("strip", "trim"),
    ("toLower", "toLowerCase"),
    ("toUpper", "toUpperCase"),
    ("upcase", "toUpperCase"),
    ("upper", "toUpperCase"),
];

/// Globals that may be meant by a name that is spelt a little otherwise.
const GLOBALS: &[&str] = &[
    "Array",
    "BigInt",
    "Boolean",
    "Date",
    "Error",
    "Infinity",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "RegExp",
    "Set",
    "String",
    "console",
    "isNaN",
    "null",
    "parseFloat",
    "parseInt",
    "tools",
    "undefined",
];

/// Compares by value, whatever the values are: `sort()` alone compares as text.
const COMPARER: &str = "(a, b) => (a < b ? -1 : a > b ? 1 : 0)";

impl<'a> Holds<'_, '_, 'a> {
    /// What to write for a name that is not there, which stands at an offset.
    pub(super) fn undefined(&self, offset: u32, name: &str) -> Option<Told> {
        let (id, reference) = self.reference(offset, name)?;
        let (child, parent) = self.tree.outside(id);
        let span = self.tree.span(child);
        match self.tree.nodes.kind(parent) {
            AstKind::CallExpression(call) if call.callee.span() == span => {
                if let Some(told) = self.function_of_python(call, name) {
                    return Some(told);
                }
            }
            AstKind::StaticMemberExpression(member) => {
                let fix = match (name, member.property.name.as_str()) {
                    ("json", "loads") => Some("JSON.parse".to_owned()),
                    ("json", "dumps") => Some("JSON.stringify".to_owned()),
                    _ => None,
                };
                if fix.is_some() {
                    return Some(Told {
                        span: member.span,
                        hint: format!("in JavaScript it is {}(…)", fix.as_deref()?),
                        fix,
                    });
                }
            }
            _ => {}
        }
        if super::failure::python_name(name).is_some() {
            return None;
        }
        if let Some(word) = self.declared_by(reference, parent) {
            return Some(Told {
                span: reference.span,
                hint: format!("declare it: {word} {name}"),
                fix: Some(format!("{word} {name}")),
            });
        }
        let near = self.near_name(id, name)?;
        Some(Told {
            span: reference.span,
            hint: format!("{name} is not declared: {near} is"),
            fix: Some(near),
        })
    }

    fn reference(&self, offset: u32, name: &str) -> Option<(NodeId, &'a IdentifierReference<'a>)> {
        let mut found: Vec<_> = self
            .tree
            .nodes
            .iter()
            .filter_map(|node| match node.kind() {
                AstKind::IdentifierReference(it) if it.name == name => Some((node.id(), it)),
                _ => None,
            })
            .collect();
        found.sort_by_key(|(_, it)| it.span.start.abs_diff(offset));
        found.into_iter().next()
    }

    /// The word that is missing before a name that is assigned to and declared nowhere.
    fn declared_by(
        &self,
        reference: &IdentifierReference<'a>,
        parent: NodeId,
    ) -> Option<&'static str> {
        let nodes = self.tree.nodes;
        let is_loop_variable = |left: &ForStatementLeft, around: Span| -> Option<&'static str> {
            let is_it = left.span() == reference.span && self.is_only_in(reference, around);
            is_it.then_some("const")
        };
        match nodes.kind(parent) {
            AstKind::ForOfStatement(each) => is_loop_variable(&each.left, each.span),
            AstKind::ForInStatement(each) => is_loop_variable(&each.left, each.span),
            AstKind::AssignmentExpression(assignment)
                if assignment.operator.is_assign() && assignment.left.span() == reference.span =>
            {
                let statement = nodes.parent_id(parent);
                let is_it = match nodes.kind(statement) {
                    AstKind::ForStatement(each) => self.is_only_in(reference, each.span),
                    AstKind::ExpressionStatement(_) => {
                        matches!(nodes.parent_kind(statement), AstKind::Program(_))
                    }
                    _ => false,
                };
                is_it.then_some("let")
            }
            _ => None,
        }
    }

    /// Whether a name that is declared nowhere stands in one place only.
    fn is_only_in(&self, reference: &IdentifierReference<'a>, place: Span) -> bool {
        let known = self.tree.scoping.root_unresolved_references();
        known.get(reference.name.as_str()).is_some_and(|all| {
            all.iter().all(|it| {
                let node = self.tree.scoping.get_reference(*it).node_id();
                place.contains_inclusive(self.tree.span(node))
            })
        })
    }

    /// The only name that can be seen from a place and is nearly another.
    fn near_name(&self, id: NodeId, name: &str) -> Option<String> {
        let scoping = self.tree.scoping;
        let scope = self.tree.nodes.get_node(id).scope_id();
        let declared = scoping
            .scope_ancestors(scope)
            .flat_map(|scope| scoping.iter_bindings_in(scope))
            .map(|symbol| scoping.symbol_name(symbol));
        nearest(name, declared.chain(GLOBALS.iter().copied()))
    }

    /// A call of one of Python's built-in functions.
    fn function_of_python(&self, call: &CallExpression<'a>, name: &str) -> Option<Told> {
        let arguments: Vec<&Expression<'a>> = call
            .arguments
            .iter()
            .map(Argument::as_expression)
            .collect::<Option<_>>()?;
        let text = |index: usize| arguments.get(index).map(|it| self.text(it.span()));
        let operand = |index: usize| arguments.get(index).map(|it| self.operand(it));
        let part = |index: usize| arguments.get(index).map(|it| self.part(it));
        let first = arguments.first()?;
        // What a dict is walked through by.
        let listed = || match self.type_of(first, 0) {
            Some(Type::Plain) => format!("Object.keys({})", self.text(first.span())),
            _ => format!("[...{}]", self.text(first.span())),
        };
        let fix = match (name, arguments.len()) {
            ("len", 1) => match self.type_of(first, 0) {
                Some(Type::Plain) => format!("{}.length", listed()),
                Some(Type::Map | Type::Set) => format!("{}.size", operand(0)?),
                _ => format!("{}.length", operand(0)?),
            },
            ("sorted", 1) => format!("{}.sort({COMPARER})", listed()),
            ("sorted", 2) if self.is_keyword(arguments[1], "reverse") => {
                format!("{}.sort({COMPARER}).reverse()", listed())
            }
            ("reversed", 1) => format!("{}.reverse()", listed()),
            ("sum", 1) => format!("{}.reduce((sum, value) => sum + value, 0)", listed()),
            ("max" | "min", 1) => format!("Math.{name}(...{})", text(0)?),
            ("max" | "min", _) => {
                let span = Span::new(first.span().start, arguments.last()?.span().end);
                format!("Math.{name}({})", self.text(span))
            }
            ("abs" | "round", 1) => format!("Math.{name}({})", text(0)?),
            ("round", 2) => format!("Number({}.toFixed({}))", operand(0)?, text(1)?),
            ("int", 1) => format!("Math.trunc(Number({}))", text(0)?),
            ("bool", 1) => format!("Boolean({})", text(0)?),
            ("list" | "tuple", 1) => listed(),
            ("set", 1) => format!("new Set({})", text(0)?),
            ("enumerate", 1) => format!("{}.entries()", listed()),
            ("range", 1) => format!("[...Array({}).keys()]", text(0)?),
            ("range", 2) => format!(
                "Array.from({{ length: Math.max(0, {} - {}) }}, (_, i) => {} + i)",
                part(1)?,
                part(0)?,
                part(0)?
            ),
            ("any", 1) => format!("{}.some(Boolean)", listed()),
            ("all", 1) => format!("{}.every(Boolean)", listed()),
            ("map" | "filter", 2) => {
                format!("[...{}].{name}((x) => {}(x))", text(1)?, operand(0)?)
            }
            ("type", 1) => format!("typeof {}", operand(0)?),
            _ => return None,
        };
        Some(Told {
            span: call.span,
            hint: format!("{name}(…) is Python's; this is it in JavaScript"),
            fix: Some(fix),
        })
    }

    /// Whether an argument is `name=True` of Python's.
    fn is_keyword(&self, argument: &Expression<'a>, name: &str) -> bool {
        let text: String = self.text(argument.span()).split_whitespace().collect();
        [format!("{name}=True"), format!("{name}=true")].contains(&text)
    }

    /// The arguments of a tool's call that are written by name, as in Python.
    pub(super) fn keyword_arguments(&self) -> Option<Told> {
        self.tree.nodes.iter().find_map(|node| {
            let AstKind::CallExpression(call) = node.kind() else {
                return None;
            };
            let mut members = Vec::new();
            let mut is_declared = true;
            for argument in &call.arguments {
                let Argument::AssignmentExpression(assignment) = argument else {
                    return None;
                };
                let AssignmentTarget::AssignmentTargetIdentifier(name) = &assignment.left else {
                    return None;
                };
                if !assignment.operator.is_assign() {
                    return None;
                }
                is_declared &= self.tree.symbol(name).is_some();
                let value = self.text(assignment.right.span());
                members.push(format!("{}: {value}", name.name));
            }
            if members.is_empty() || is_declared || self.names.tool_call(call)?.skipped > 0 {
                return None;
            }
            let (first, last) = (call.arguments.first()?, call.arguments.last()?);
            Some(Told {
                span: Span::new(first.span().start, last.span().end),
                hint: "arguments are the members of one object".into(),
                fix: Some(format!("{{ {} }}", members.join(", "))),
            })
        })
    }

    /// What to write for a call around an offset, of a method that is another language's.
    pub(super) fn no_method(&self, offset: u32) -> Option<Told> {
        let mut calls: Vec<(bool, u32, &CallExpression)> = self
            .tree
            .nodes
            .iter()
            .filter_map(|node| match node.kind() {
                AstKind::CallExpression(call) => Some(call),
                _ => None,
            })
            .filter(|call| call.span.start <= offset && offset <= call.span.end)
            .filter_map(|call| {
                let property = self.property(call)?;
                let is_there = property.start <= offset && offset < property.end;
                Some((!is_there, call.span.end - call.span.start, call))
            })
            .collect();
        calls.sort_by_key(|(is_elsewhere, length, _)| (*is_elsewhere, *length));
        let told = calls.iter().find_map(|(.., call)| self.method(call));
        told.or_else(|| {
            let (is_elsewhere, _, call) = calls.first()?;
            if *is_elsewhere {
                return None;
            }
            let callee = self.shown(call.callee.span())?;
            Some(Told {
                span: call.callee.span(),
                hint: format!("{callee} is no function"),
                fix: None,
            })
        })
    }

    /// Where the name of a called method is.
    fn property(&self, call: &CallExpression<'a>) -> Option<Span> {
        match call.callee.get_inner_expression() {
            Expression::StaticMemberExpression(member) => Some(member.property.span),
            _ => None,
        }
    }

    fn method(&self, call: &CallExpression<'a>) -> Option<Told> {
        let property = self.property(call)?;
        let read = read_of(&call.callee)?;
        let name = read.key.as_str();
        let object = read.object;
        let arguments: Vec<&Expression<'a>> = call
            .arguments
            .iter()
            .map(Argument::as_expression)
            .collect::<Option<_>>()?;
        let shown = self.shown(object.span()).unwrap_or_else(|| "it".into());
        let type_of = self.type_of(object, 0);
        let operand = self.operand(object);
        let text = |index: usize| arguments.get(index).map(|it| self.text(it.span()));
        let whole = |fix: String| {
            Some(Told {
                span: call.span,
                hint: format!("{shown} has no {name}()"),
                fix: Some(fix),
            })
        };
        let renamed = |to: &str| {
            Some(Told {
                span: property,
                hint: format!("{shown} has no {name}(): in JavaScript it is {to}()"),
                fix: Some(to.to_owned()),
            })
        };
        let is_plain = matches!(type_of, None | Some(Type::Plain));
        match (name, arguments.len()) {
            ("items" | "iteritems", 0) if is_plain => {
                return whole(format!("Object.entries({})", self.text(object.span())));
            }
            ("keys" | "values" | "entries", 0) if is_plain => {
                return whole(format!("Object.{name}({})", self.text(object.span())));
            }
            ("items", 0) if type_of == Some(Type::Map) => return renamed("entries"),
            ("length" | "size" | "len" | "count", 0) => {
                let fix = match type_of {
                    Some(Type::Map | Type::Set) => format!("{operand}.size"),
                    Some(Type::Plain) => {
                        format!("Object.keys({}).length", self.text(object.span()))
                    }
                    _ => format!("{operand}.length"),
                };
                return whole(fix);
            }
            ("get", 1) if is_plain => return whole(format!("{operand}[{}]", text(0)?)),
            ("get", 2) if is_plain => {
                return whole(format!(
                    "({operand}[{}] ?? {})",
                    text(0)?,
                    self.part(arguments[1])
                ));
            }
            ("has" | "has_key", 1) if is_plain => {
                return whole(format!(
                    "Object.hasOwn({}, {})",
                    self.text(object.span()),
                    text(0)?
                ));
            }
            ("set", 2) if type_of == Some(Type::Plain) => {
                return whole(format!("({operand}[{}] = {})", text(0)?, text(1)?));
            }
            ("extend", 1) => return whole(format!("{operand}.push(...{})", text(0)?)),
            ("insert", 2) => {
                return whole(format!("{operand}.splice({}, 0, {})", text(0)?, text(1)?));
            }
            ("splitlines", 0) => return whole(format!("{operand}.trimEnd().split(/\\r?\\n/)")),
            ("isdigit" | "isnumeric", 0) => {
                return whole(format!("/^\\d+$/.test({})", self.text(object.span())));
            }
            ("zfill", 1) => return whole(format!("{operand}.padStart({}, \"0\")", text(0)?)),
            ("copy", 0) if type_of == Some(Type::List) => return renamed("slice"),
            ("push" | "append", 1) if type_of == Some(Type::Set) => return renamed("add"),
            ("join", 1) if type_of == Some(Type::Text) => {
                return whole(format!(
                    "{}.join({})",
                    self.operand(arguments[0]),
                    self.text(object.span())
                ));
            }
            ("find", 1) if type_of == Some(Type::Text) => return renamed("indexOf"),
            ("removesuffix" | "removeprefix", 1) => {
                let pattern = match arguments[0].get_inner_expression() {
                    Expression::StringLiteral(literal) => escaped(literal)?,
                    _ => return None,
                };
                return whole(match name {
                    "removesuffix" => format!("{operand}.replace(/{pattern}$/, \"\")"),
                    _ => format!("{operand}.replace(/^{pattern}/, \"\")"),
                });
            }
            // Those of text and of lists.
            ("map" | "filter" | "some" | "every" | "find" | "reduce" | "sort" | "join", _)
                if matches!(type_of, Some(Type::Set | Type::Map)) =>
            {
                return Some(Told {
                    span: object.span(),
                    hint: format!("{shown} has no {name}(): a list of what is in it has"),
                    fix: Some(format!("[...{}]", self.text(object.span()))),
                });
            }
            ("lstrip" | "rstrip" | "strip", 1..) => return None,
            ("add", _) if type_of != Some(Type::List) => return None,
            _ => {}
        }
        if let Some((_, to)) = RENAMED.iter().find(|(from, _)| *from == name) {
            return renamed(to);
        }
        if METHODS.contains(&name) {
            return None;
        }
        let to = nearest(name, METHODS.iter().copied())?;
        renamed(&to)
    }

    /// What to write for an object that is walked through, on a line first.
    pub(super) fn no_entries(&self, line: Span) -> Option<Told> {
        let mut loops: Vec<_> = self
            .tree
            .nodes
            .iter()
            .filter_map(|node| match node.kind() {
                AstKind::ForOfStatement(each) => Some(each),
                _ => None,
            })
            .collect();
        loops.sort_by_key(|each| !(line.start <= each.span.start && each.span.start < line.end));
        loops.into_iter().find_map(|each| {
            if self.type_of(&each.right, 0) != Some(Type::Plain) {
                return None;
            }
            let object = self.text(each.right.span());
            let ForStatementLeft::VariableDeclaration(variables) = &each.left else {
                return None;
            };
            let pattern = &variables.declarations.first()?.id;
            let fix = match pattern.get_binding_identifier() {
                None if pattern.is_array_pattern() => Some(format!("Object.entries({object})")),
                None => None,
                Some(name) => {
                    // As in Python, which walks through the keys of a dict.
                    let indexed = format!("{object}[{}]", name.name);
                    let body = self.text(each.body.span());
                    body.contains(&indexed)
                        .then(|| format!("Object.keys({object})"))
                }
            };
            Some(Told {
                span: each.right.span(),
                hint: format!(
                    "{} is an object, not a list: walk through its Object.entries(…), \
                     Object.keys(…) or Object.values(…)",
                    self.shown(each.right.span()).unwrap_or_else(|| "it".into())
                ),
                fix,
            })
        })
    }

    /// What to say of a member of a character of a text that a tool returned, which is never meant.
    pub(super) fn indexed_text(&self) -> Option<Told> {
        self.tree.nodes.iter().find_map(|node| {
            let AstKind::StaticMemberExpression(member) = node.kind() else {
                return None;
            };
            let indexed = read_of(&member.object)?;
            if !indexed.key.bytes().all(|byte| byte.is_ascii_digit())
                || matches!(member.property.name.as_str(), "length")
                || matches!(self.tree.nodes.parent_kind(node.id()), AstKind::CallExpression(call)
                    if call.callee.span() == member.span)
            {
                return None;
            }
            let (tool, text) = self.text_held(indexed.object)?;
            let shown = self.shown(indexed.object.span())?;
            let fix = self.parse_of(indexed.object, text);
            Some(Told {
                span: indexed.object.span(),
                hint: format!(
                    "{shown}, from {tool}, is text, so {} is undefined: {}",
                    self.shown(member.span)?,
                    match fix {
                        Some(_) => "parse it first",
                        None => "take what is meant out of it, by a regular expression for one",
                    }
                ),
                fix,
            })
        })
    }

    /// `JSON.parse` of a text in JSON or, where it becomes JSON by other quotes, in Python's
    /// notation.
    fn parse_of(&self, expression: &Expression<'a>, text: &str) -> Option<String> {
        if is_composite(text) {
            return Some(format!("JSON.parse({})", self.text(expression.span())));
        }
        let converted = self.converted(expression, text)?;
        Some(format!("JSON.parse({converted})"))
    }

    /// A text in Python's notation with the quotes of JSON.
    pub(super) fn converted(&self, expression: &Expression<'a>, text: &str) -> Option<String> {
        let is_certain = !text.contains(['"', '\\']) && is_composite(&text.replace('\'', "\""));
        is_certain.then(|| format!("{}.replaceAll(\"'\", '\"')", self.operand(expression)))
    }

    /// The source of an expression, as something may stand behind it.
    pub(super) fn operand(&self, expression: &Expression<'a>) -> String {
        let text = self.text(expression.span());
        match expression {
            Expression::Identifier(_)
            | Expression::StaticMemberExpression(_)
            | Expression::ComputedMemberExpression(_)
            | Expression::CallExpression(_)
            | Expression::ArrayExpression(_)
            | Expression::StringLiteral(_)
            | Expression::TemplateLiteral(_)
            | Expression::ParenthesizedExpression(_) => text.to_owned(),
            _ => format!("({text})"),
        }
    }

    /// The source of an expression, as an operand of an operator.
    fn part(&self, expression: &Expression<'a>) -> String {
        match expression {
            Expression::NumericLiteral(_)
            | Expression::BooleanLiteral(_)
            | Expression::NullLiteral(_) => self.text(expression.span()).to_owned(),
            _ => self.operand(expression),
        }
    }

    fn type_of(&self, expression: &Expression<'a>, names: usize) -> Option<Type> {
        if names == MOST_NAMES {
            return None;
        }
        if let Some(value) = self.held_value(expression) {
            return Some(match value {
                Value::String(_) => Type::Text,
                Value::Array(_) => Type::List,
                Value::Object(_) => Type::Plain,
                _ => Type::Other,
            });
        }
        Some(match expression.get_inner_expression() {
            Expression::StringLiteral(_) | Expression::TemplateLiteral(_) => Type::Text,
            Expression::ArrayExpression(_) => Type::List,
            Expression::ObjectExpression(_) => Type::Plain,
            Expression::NewExpression(made) => match () {
                () if self.tree.is_global(&made.callee, "Map") => Type::Map,
                () if self.tree.is_global(&made.callee, "Set") => Type::Set,
                () if self.tree.is_global(&made.callee, "Array") => Type::List,
                () => Type::Other,
            },
            Expression::CallExpression(call) => {
                let member = call.callee.get_inner_expression().as_member_expression()?;
                match member_name(member)? {
                    "fromEntries" | "groupBy" => Type::Plain,
                    "keys" | "values" | "entries"
                        if self.tree.is_global(member.object(), "Object") =>
                    {
                        Type::List
                    }
                    "split" | "map" | "flatMap" | "filter" | "sort" | "toSorted" => Type::List,
                    "trim" | "toLowerCase" | "toUpperCase" | "join" | "replace" | "replaceAll" => {
                        Type::Text
                    }
                    _ => return None,
                }
            }
            Expression::Identifier(name) => {
                let declaration = self
                    .tree
                    .scoping
                    .symbol_declaration(self.tree.symbol(name)?);
                match self.tree.nodes.kind(declaration) {
                    AstKind::VariableDeclarator(variable)
                        if variable.id.is_binding_identifier() =>
                    {
                        self.type_of(variable.init.as_ref()?, names + 1)?
                    }
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

fn is_composite(text: &str) -> bool {
    matches!(
        serde_json::from_str(text),
        Ok(Value::Array(_) | Value::Object(_))
    )
}

/// A text as a regular expression that matches it.
fn escaped(literal: &StringLiteral) -> Option<String> {
    let mut pattern = String::new();
    for char in literal.value.chars() {
        match char {
            char if char.is_control() => return None,
            '\\' | '^' | '$' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|'
            | '/' => pattern.extend(['\\', char]),
            char => pattern.push(char),
        }
    }
    (!pattern.is_empty()).then_some(pattern)
}

/// The only one of some names that is nearly another: with other capitals or underscores, or with a
/// slip.
pub(super) fn nearest<'t>(name: &str, known: impl Iterator<Item = &'t str>) -> Option<String> {
    const LONGEST: usize = 40;
    if name.len() > LONGEST {
        return None;
    }
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let sought = plain(name);
    let most = match name.len() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    let mut near: Vec<(usize, &str)> = known
        .filter(|other| other.len() <= LONGEST && *other != name)
        .map(|other| (slips(&sought, &plain(other)), other))
        .filter(|(slips, _)| *slips <= most)
        .collect();
    near.sort_unstable();
    near.dedup();
    match near[..] {
        [(_, only)] => Some(only.to_owned()),
        [(least, first), (next, _), ..] if least < next => Some(first.to_owned()),
        _ => None,
    }
}

/// How many letters are to be put in, left out, changed or swapped with the next to come from one
/// word to another.
fn slips(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let changed = last[column] + usize::from(letter != other);
            let mut least = changed.min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && from[row - 1] == *other && *letter == to[column - 1] {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[to.len()]
}
