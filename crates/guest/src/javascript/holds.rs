//! What an expression of a program held, as far as its text and the answers of its calls tell.
//!
//! Asked once a program has failed: the engine only says that something was undefined, and the agent
//! needs to know what there is instead.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use oxc::ast::AstKind;
use oxc::ast::ast::{
    Argument, BindingPattern, CallExpression, ChainElement, Expression, MemberExpression,
};
use oxc::semantic::NodeId;
use oxc::span::{GetSpan, Span};
use oxc::syntax::symbol::SymbolId;
use serde_json::Value;

use super::instead::nearest;
use super::names::{Names, text};
use super::promises::member_name;
use super::tree::Tree;
use super::value::is_identifier;

/// Keys of an object that are listed.
const MOST_KEYS: usize = 12;

const LONGEST_KEY_BYTES: usize = 60;

/// Steps after which it is no longer looked for where a value comes from.
const MOST_STEPS: usize = 40;

/// Of the answers of calls so much is kept.
const ANSWERS_BYTES: usize = 4 << 20;

/// The first answer of each tool that was called, as JSON.
#[derive(Default)]
pub(super) struct Answers {
    bodies: RefCell<HashMap<String, Vec<u8>>>,
    bytes: Cell<usize>,
}

impl Answers {
    pub(super) fn keep(&self, path: &str, body: Vec<u8>) {
        let bytes = self.bytes.get() + body.len();
        let mut bodies = self.bodies.borrow_mut();
        if bytes <= ANSWERS_BYTES && !bodies.contains_key(path) {
            bodies.insert(path.to_owned(), body);
            self.bytes.set(bytes);
        }
    }

    /// The answers that can be read.
    pub(super) fn read(&self) -> HashMap<String, Value> {
        let bodies = self.bodies.borrow();
        let read = bodies
            .iter()
            .filter_map(|(path, body)| Some((path.clone(), serde_json::from_slice(body).ok()?)));
        read.collect()
    }
}

pub(super) struct Holds<'n, 's, 'a> {
    source: &'n str,
    pub(super) names: &'n Names<'s, 'a>,
    pub(super) tree: Tree<'s, 'a>,
    answers: &'n HashMap<String, Value>,
}

/// A value, and the tool that it came from.
#[derive(Clone, Copy)]
struct Held<'v> {
    value: &'v Value,
    tool: &'v str,
}

/// What there is to say of an expression.
pub(super) struct Told {
    pub(super) span: Span,
    pub(super) hint: String,
    /// What to write in its place.
    pub(super) fix: Option<String>,
}

/// Members in which clients and servers wrap what a tool returns; a program has what is in them.
const WRAPPERS: &[&str] = &[
    "body",
    "content",
    "data",
    "output",
    "response",
    "result",
    "structuredContent",
];

/// A member of something, as it is written.
struct Read<'a> {
    object: &'a Expression<'a>,
    key: String,
    span: Span,
}

impl<'n, 's, 'a> Holds<'n, 's, 'a> {
    pub(super) fn new(
        source: &'n str,
        names: &'n Names<'s, 'a>,
        answers: &'n HashMap<String, Value>,
    ) -> Self {
        Holds {
            source,
            names,
            tree: names.tree,
            answers,
        }
    }

    /// What to say of the member `key` of something that is not there, in the expression at an
    /// offset.
    pub(super) fn absent(&self, offset: u32, key: &str) -> Option<Told> {
        let read = self.reads_at(offset).into_iter().find(|it| it.key == key)?;
        let absent = read.object.get_inner_expression();
        let text = self.shown(absent.span())?;
        let outer = read_of(absent)?;
        let held = self.value(outer.object, 0)?;
        if held.value.get(&outer.key).is_some_and(Value::is_null) {
            let source = &self.source[absent.span().end as usize..read.span.end as usize];
            return Some(Told {
                span: read.span,
                hint: format!("{text} is null in what {} returned", held.tool),
                fix: source.starts_with('.').then(|| format!("{text}?{source}")),
            });
        }
        let holder = self.shown(outer.object.span())?;
        let hint = format!("{text} is undefined: {}", described(&holder, held));
        if !WRAPPERS.contains(&outer.key.as_str()) {
            // Only a member that has what is read of it.
            let alike = held.value.as_object().and_then(|members| {
                let names = members.iter().filter(|(name, value)| {
                    is_identifier(name) && (!value.is_object() || value.get(key).is_some())
                });
                nearest(&outer.key, names.map(|(name, _)| name.as_str()))
            });
            return Some(Told {
                span: match alike {
                    Some(_) => absent.span(),
                    None => read.span,
                },
                hint,
                fix: alike.map(|name| format!("{holder}.{name}")),
            });
        }
        let (span, is_right) = match held.value.get(key) {
            Some(_) => (absent.span(), true),
            None => self.unwrapped(read.span),
        };
        Some(Told {
            span,
            hint: hint + "; results are parsed already, without an envelope",
            fix: is_right.then_some(holder),
        })
    }

    /// The whole of `JSON.parse(r.content[0].text)` around `r.content[0]`, and whether that is it.
    fn unwrapped(&self, span: Span) -> (Span, bool) {
        let nodes = self.tree.nodes;
        let mut found = (span, false);
        for node in nodes {
            match node.kind() {
                AstKind::StaticMemberExpression(member)
                    if member.object.span() == span && member.property.name == "text" =>
                {
                    found = (member.span, true);
                    let (whole, parent) = self.tree.outside(node.id());
                    if let AstKind::CallExpression(call) = nodes.kind(parent)
                        && self.is_parse(call)
                        && call.arguments.len() == 1
                        && call.arguments[0].span() == self.tree.span(whole)
                    {
                        found.0 = call.span;
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn is_parse(&self, call: &CallExpression<'a>) -> bool {
        read_of(&call.callee)
            .is_some_and(|read| read.key == "parse" && self.tree.is_global(read.object, "JSON"))
    }

    /// What to say of a call around an offset, of something that is no function: the engine's place
    /// is that of the last name before it was made, which may be in its arguments.
    pub(super) fn no_function(&self, offset: u32) -> Option<Told> {
        let mut calls: Vec<&CallExpression> = self
            .tree
            .nodes
            .iter()
            .filter_map(|node| match node.kind() {
                AstKind::CallExpression(call) => Some(call),
                _ => None,
            })
            .filter(|call| call.span.start <= offset && offset <= call.span.end)
            .collect();
        calls.sort_by_key(|call| call.span.end - call.span.start);
        calls.into_iter().find_map(|call| {
            let read = read_of(&call.callee)?;
            let held = self.value(read.object, 0)?;
            let is_of_lists = OF_LISTS.contains(&read.key.as_str());
            let is_there = match held.value {
                Value::Array(_) => is_of_lists,
                Value::String(_) => !ONLY_OF_LISTS.contains(&read.key.as_str()),
                Value::Object(_) => false,
                _ => true,
            };
            if is_there {
                return None;
            }
            let object = self.shown(read.object.span())?;
            let hint = format!("{object} has no {}(): ", read.key);
            Some(match is_of_lists {
                true => self.list_meant(read.object, held, hint),
                false => Told {
                    span: read.object.span(),
                    hint: hint + &described(&object, held),
                    fix: None,
                },
            })
        })
    }

    /// What to say of an expression that is taken for a list.
    fn list_meant(&self, expression: &Expression<'a>, held: Held, mut hint: String) -> Told {
        let shown = self.shown(expression.span());
        hint.push_str(&described(shown.as_deref().unwrap_or("it"), held));
        let members = held.value.as_object();
        let mut lists = members
            .into_iter()
            .flatten()
            .filter(|(_, value)| value.is_array())
            .filter(|(key, _)| is_identifier(key))
            .map(|(key, _)| format!("{}.{key}", self.operand(expression)));
        let list = lists.next();
        if let Some(list) = list.as_ref().filter(|_| shown.is_some()) {
            hint.push_str(&format!("; the list is {list}"));
        }
        Told {
            span: expression.span(),
            hint,
            // With another list in it, it may be that one.
            fix: list.filter(|_| lists.next().is_none()),
        }
    }

    /// What is taken for a list and is none, and what to say of it. The engine does not tell where.
    pub(super) fn no_list(&self) -> Option<Told> {
        self.tree.nodes.iter().find_map(|node| {
            let list = match node.kind() {
                AstKind::ForOfStatement(each) => &each.right,
                AstKind::SpreadElement(spread)
                    if !matches!(
                        self.tree.nodes.parent_kind(node.id()),
                        AstKind::ObjectExpression(_)
                    ) =>
                {
                    &spread.argument
                }
                AstKind::VariableDeclarator(variable)
                    if matches!(variable.id, BindingPattern::ArrayPattern(_)) =>
                {
                    variable.init.as_ref()?
                }
                _ => return None,
            };
            let held = self.value(list, 0).filter(|held| held.value.is_object())?;
            Some(self.list_meant(list, held, String::new()))
        })
    }

    /// What to say of `JSON.parse` of what is parsed already, on a line.
    pub(super) fn parsed(&self, line: Span) -> Option<Told> {
        self.tree.nodes.iter().find_map(|node| {
            let AstKind::CallExpression(call) = node.kind() else {
                return None;
            };
            let is_here = line.start <= call.span.start && call.span.start < line.end;
            if !is_here || !self.is_parse(call) {
                return None;
            }
            let parsed = call.arguments.first()?.as_expression()?;
            let held = self.value(parsed, 0)?;
            let object = self.shown(parsed.span());
            let described = described(object.as_deref().unwrap_or("it"), held);
            let Some(text) = held.value.as_str() else {
                return Some(Told {
                    span: call.span,
                    hint: format!("results are parsed already: {described}"),
                    fix: Some(self.text(parsed.span()).to_owned()),
                });
            };
            let fix = self.converted(parsed, text)?;
            Some(Told {
                span: parsed.span(),
                hint: format!("{described} in Python's notation, with single quotes"),
                fix: Some(fix),
            })
        })
    }

    pub(super) fn text(&self, span: Span) -> &'n str {
        &self.source[span.start as usize..span.end as usize]
    }

    /// The value that an answer gave an expression.
    pub(super) fn held_value(&self, expression: &Expression<'a>) -> Option<&'n Value> {
        self.value(expression, 0).map(|held| held.value)
    }

    /// The text that an expression holds, and the tool that returned it.
    pub(super) fn text_held(&self, expression: &Expression<'a>) -> Option<(&'n str, &'n str)> {
        let held = self.value(expression, 0)?;
        Some((held.tool, held.value.as_str()?))
    }

    /// The source of an expression, if it is short.
    pub(super) fn shown(&self, span: Span) -> Option<String> {
        const MOST: usize = 60;
        let text = &self.source[span.start as usize..span.end as usize];
        (text.len() <= MOST && !text.contains('\n')).then(|| text.to_owned())
    }

    /// The members read at an offset, the inner ones first.
    fn reads_at(&self, offset: u32) -> Vec<Read<'a>> {
        let mut found: Vec<Read> = self
            .tree
            .nodes
            .iter()
            .filter_map(|node| match node.kind() {
                AstKind::StaticMemberExpression(member) => Some(Read {
                    object: &member.object,
                    key: member.property.name.to_string(),
                    span: member.span,
                }),
                AstKind::ComputedMemberExpression(member) => Some(Read {
                    object: &member.object,
                    key: key_text(&member.expression)?,
                    span: member.span,
                }),
                _ => None,
            })
            .filter(|read| read.span.start <= offset && offset <= read.span.end)
            .collect();
        found.sort_by_key(|read| read.span.end - read.span.start);
        found
    }

    fn value(&self, expression: &Expression<'a>, steps: usize) -> Option<Held<'n>> {
        if steps == MOST_STEPS {
            return None;
        }
        let steps = steps + 1;
        match expression.get_inner_expression() {
            Expression::AwaitExpression(awaited) => self.value(&awaited.argument, steps),
            Expression::LogicalExpression(logical) => self.value(&logical.left, steps),
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::CallExpression(call) => self.value_of_call(call, steps),
                ChainElement::TSNonNullExpression(inner) => self.value(&inner.expression, steps),
                element => {
                    let member = element.as_member_expression()?;
                    member_of(self.value(member.object(), steps)?, &member_key(member)?)
                }
            },
            Expression::CallExpression(call) => self.value_of_call(call, steps),
            Expression::Identifier(name) => self.value_of_symbol(self.tree.symbol(name)?, steps),
            inner => {
                let read = read_of(inner)?;
                member_of(self.value(read.object, steps)?, &read.key)
            }
        }
    }

    fn value_of_call(&self, call: &CallExpression<'a>, steps: usize) -> Option<Held<'n>> {
        if let Some(tool) = self.names.tool_call(call) {
            let (tool, value) = self.answers.get_key_value(&tool.path?)?;
            return Some(Held { value, tool });
        }
        let member = call.callee.get_inner_expression().as_member_expression()?;
        let held = self.value(member.object(), steps)?;
        match member_name(member)? {
            "at" | "find" | "findLast" | "pop" | "shift" => item_of(held),
            "concat" | "filter" | "reverse" | "slice" | "sort" | "toReversed" | "toSorted"
                if held.value.is_array() =>
            {
                Some(held)
            }
            _ => None,
        }
    }

    fn value_of_symbol(&self, symbol: SymbolId, steps: usize) -> Option<Held<'n>> {
        let declaration = self.tree.scoping.symbol_declaration(symbol);
        match self.tree.nodes.kind(declaration) {
            AstKind::VariableDeclarator(variable) => {
                let held = match &variable.init {
                    Some(value) => self.value(value, steps)?,
                    None => self.value_from_elsewhere(declaration, symbol, steps)?,
                };
                part_of(held, &variable.id, symbol)
            }
            _ => {
                let parameter =
                    self.tree
                        .nodes
                        .ancestors_enumerated(declaration)
                        .find_map(|(id, node)| match node.kind() {
                            AstKind::FormalParameter(parameter) => Some((id, parameter)),
                            _ => None,
                        });
                let (id, pattern) = match self.tree.nodes.kind(declaration) {
                    AstKind::FormalParameter(parameter) => (declaration, &parameter.pattern),
                    _ => parameter.map(|(id, parameter)| (id, &parameter.pattern))?,
                };
                part_of(self.value_of_parameter(id, steps)?, pattern, symbol)
            }
        }
    }

    /// The value of a variable that is declared without one: of a loop, or assigned later.
    fn value_from_elsewhere(
        &self,
        declaration: NodeId,
        symbol: SymbolId,
        steps: usize,
    ) -> Option<Held<'n>> {
        let variables = self.tree.nodes.parent_id(declaration);
        if let AstKind::ForOfStatement(each) = self.tree.nodes.parent_kind(variables) {
            return item_of(self.value(&each.right, steps)?);
        }
        let mut references = self.tree.scoping.get_resolved_references(symbol);
        let write = references.find(|reference| reference.is_write())?;
        match self.tree.nodes.parent_kind(write.node_id()) {
            AstKind::AssignmentExpression(assignment) => self.value(&assignment.right, steps),
            _ => None,
        }
    }

    /// What a method of lists gives to its function.
    fn value_of_parameter(&self, parameter: NodeId, steps: usize) -> Option<Held<'n>> {
        let place = self.tree.span(parameter);
        let mut around = self.tree.nodes.ancestors_enumerated(parameter);
        let (function, parameters) = around.find_map(|(id, node)| match node.kind() {
            AstKind::Function(function) => Some((id, &function.params)),
            AstKind::ArrowFunctionExpression(function) => Some((id, &function.params)),
            _ => None,
        })?;
        let index = parameters.items.iter().position(|it| it.span == place)?;
        let (function, call) = self.tree.outside(function);
        let AstKind::CallExpression(call) = self.tree.nodes.kind(call) else {
            return None;
        };
        let first = call.arguments.first().and_then(Argument::as_expression)?;
        let member = call.callee.get_inner_expression().as_member_expression()?;
        let is_item = match member_name(member)? {
            "every" | "filter" | "find" | "findIndex" | "findLast" | "flatMap" | "forEach"
            | "map" | "some" => index == 0,
            "reduce" => index == 1,
            "sort" | "toSorted" => true,
            _ => false,
        };
        if !is_item || first.span() != self.tree.span(function) {
            return None;
        }
        item_of(self.value(member.object(), steps)?)
    }
}

/// Methods of lists.
const OF_LISTS: &[&str] = &[
    "at",
    "concat",
    "entries",
    "every",
    "fill",
    "filter",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
    "flat",
    "flatMap",
    "forEach",
    "includes",
    "indexOf",
    "join",
    "keys",
    "lastIndexOf",
    "map",
    "pop",
    "push",
    "reduce",
    "reduceRight",
    "reverse",
    "shift",
    "slice",
    "some",
    "sort",
    "splice",
    "toReversed",
    "toSorted",
    "toSpliced",
    "unshift",
    "values",
    "with",
];

/// Those of them that text lacks.
const ONLY_OF_LISTS: &[&str] = &[
    "entries",
    "every",
    "fill",
    "filter",
    "find",
    "findIndex",
    "flat",
    "flatMap",
    "forEach",
    "join",
    "keys",
    "map",
    "pop",
    "push",
    "reduce",
    "reverse",
    "shift",
    "some",
    "sort",
    "splice",
    "toSorted",
    "unshift",
    "values",
];

fn described(name: &str, held: Held) -> String {
    let keys = |members: &serde_json::Map<String, Value>| {
        let shown = members.keys().take(MOST_KEYS);
        // They are an upstream's text.
        let mut keys: Vec<String> = shown
            .map(
                |key| match is_identifier(key) && key.len() <= LONGEST_KEY_BYTES {
                    true => key.clone(),
                    false => format!(
                        "{:?}",
                        key.chars().take(LONGEST_KEY_BYTES).collect::<String>()
                    ),
                },
            )
            .collect();
        if members.len() > MOST_KEYS {
            keys.push("…".into());
        }
        keys.join(", ")
    };
    let what = match held.value {
        Value::Object(members) if members.is_empty() => "an empty object".into(),
        Value::Object(members) => format!("an object with {}", keys(members)),
        Value::Array(items) => match items.first() {
            Some(Value::Object(members)) => format!("a list of objects with {}", keys(members)),
            Some(_) => "a list".into(),
            None => "an empty list".into(),
        },
        Value::String(_) => "text".into(),
        Value::Number(_) => "a number".into(),
        Value::Bool(_) => "a boolean".into(),
        Value::Null => "null".into(),
    };
    format!("{name}, from {}, is {what}", held.tool)
}

fn member_of<'v>(held: Held<'v>, key: &str) -> Option<Held<'v>> {
    let value = match held.value {
        Value::Array(items) if key.bytes().all(|byte| byte.is_ascii_digit()) => items.first()?,
        value => value.get(key)?,
    };
    Some(Held { value, ..held })
}

fn item_of(held: Held) -> Option<Held> {
    let value = held.value.as_array()?.first()?;
    Some(Held { value, ..held })
}

/// The part of a value that a pattern binds to a name.
fn part_of<'v>(held: Held<'v>, pattern: &BindingPattern, symbol: SymbolId) -> Option<Held<'v>> {
    match pattern {
        BindingPattern::BindingIdentifier(name) => (name.symbol_id() == symbol).then_some(held),
        BindingPattern::ObjectPattern(pattern) => pattern.properties.iter().find_map(|property| {
            let key = property.key.static_name()?;
            part_of(member_of(held, &key)?, &property.value, symbol)
        }),
        BindingPattern::ArrayPattern(pattern) => pattern
            .elements
            .iter()
            .flatten()
            .find_map(|element| part_of(item_of(held)?, element, symbol)),
        BindingPattern::AssignmentPattern(pattern) => part_of(held, &pattern.left, symbol),
    }
}

pub(super) fn read_of<'e, 'a>(expression: &'e Expression<'a>) -> Option<ReadOf<'e, 'a>> {
    let member = expression.get_inner_expression().as_member_expression()?;
    Some(ReadOf {
        object: member.object().get_inner_expression(),
        key: member_key(member)?,
    })
}

pub(super) struct ReadOf<'e, 'a> {
    pub(super) object: &'e Expression<'a>,
    pub(super) key: String,
}

fn member_key(member: &MemberExpression) -> Option<String> {
    match member {
        MemberExpression::ComputedMemberExpression(member) => key_text(&member.expression),
        member => member_name(member).map(str::to_owned),
    }
}

/// A key that is written out.
fn key_text(expression: &Expression) -> Option<String> {
    match expression.get_inner_expression() {
        Expression::NumericLiteral(literal) => Some(literal.value.to_string()),
        inner => text(inner),
    }
}
