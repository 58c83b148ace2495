//! The calls of tools that a program's text makes, for the host to check before any of it runs.
//!
//! Arguments are formed as `calls.rs` forms them at run time: one plain object is the named
//! arguments, anything else is positional, and what is `undefined` is not there.

use std::collections::HashSet;

use oxc::ast::AstKind;
use oxc::ast::ast::{
    Argument, ArrayExpressionElement, Expression, LogicalOperator, NumericLiteral,
    ObjectExpression, ObjectPropertyKind, PropertyKind, UnaryOperator,
};
use oxc::span::{GetSpan, Span};
use protocol::message::Place;
use protocol::{Check, Repeats, Written, WrittenCall, message};
use serde_json::value::RawValue;

use super::certain::Certainty;
use super::names::{Names, text};
use super::source::long_digits;
use super::value::{write_number, write_string};

/// Of a longer argument a fix would not be one line.
const LONGEST_TEXT: usize = 240;

/// Of a longer argument the value is left to the call itself.
const LONGEST_LITERAL_BYTES: usize = 4096;

/// The body of a [`protocol::Kind::Check`]; nothing if the text makes no calls that can be read.
pub(super) fn check(source: &str, names: &Names, mut certainty: Certainty) -> Option<Vec<u8>> {
    let places = Places::of(source);
    let reaches_globals = source.contains("globalThis");
    let calls: Vec<Call> = names
        .tree
        .nodes
        .iter()
        .filter_map(|node| match node.kind() {
            AstKind::CallExpression(call) => {
                let tool = names.tool_call(call)?;
                let mut read = Call {
                    path: tool.path?,
                    place: places.place(call.span),
                    // By this name a program can put its own `tools` in place of ours.
                    certain: !reaches_globals && certainty.is_certain(node.id()),
                    repeats: certainty.repeats(node.id()),
                    ..Call::default()
                };
                let arguments = call.arguments.get(tool.skipped..)?;
                read.arguments(&places, names, arguments)?;
                Some(read)
            }
            _ => None,
        })
        .take(Check::MOST_CALLS)
        .collect();
    if calls.is_empty() {
        return None;
    }
    let calls = calls.iter().map(Call::written).collect();
    Some(message::encode(&Check { calls }))
}

#[derive(Default)]
struct Call {
    path: String,
    positional: Vec<Value>,
    named: Vec<(String, Value)>,
    open: bool,
    place: Place,
    certain: bool,
    repeats: Repeats,
}

struct Value {
    text: Option<String>,
    json: Option<Box<RawValue>>,
    may_be_absent: bool,
    place: Place,
}

impl Value {
    fn written(&self) -> Written<'_> {
        Written {
            text: self.text.clone(),
            value: self.json.as_deref(),
            may_be_absent: self.may_be_absent,
            place: self.place,
        }
    }
}

impl Call {
    fn written(&self) -> WrittenCall<'_> {
        let named = self.named.iter();
        WrittenCall {
            path: self.path.clone(),
            positional: self.positional.iter().map(Value::written).collect(),
            named: named
                .map(|(name, value)| (name.clone(), value.written()))
                .collect(),
            open: self.open,
            place: self.place,
            certain: self.certain,
            repeats: self.repeats,
        }
    }

    /// Reads the arguments; nothing if what they are cannot be told.
    fn arguments<'a>(
        &mut self,
        places: &Places,
        names: &Names<'_, 'a>,
        arguments: &[Argument<'a>],
    ) -> Option<()> {
        let mut given = Vec::new();
        for argument in arguments {
            let Some(expression) = argument.as_expression() else {
                self.open = true;
                return Some(());
            };
            given.push(expression);
        }
        while given.last().is_some_and(|last| is_undefined(names, last)) {
            given.pop();
        }
        match given[..] {
            [only] => match only.get_inner_expression() {
                Expression::ObjectExpression(object) => self.members(places, names, object)?,
                inner if is_scalar(inner) => self.positional(places, names, &given),
                _ => self.open = true,
            },
            // Without the last, the first might be alone.
            [.., last] if !is_value(names, last) => self.open = true,
            _ => self.positional(places, names, &given),
        }
        Some(())
    }

    fn positional<'a>(
        &mut self,
        places: &Places,
        names: &Names<'_, 'a>,
        given: &[&Expression<'a>],
    ) {
        let values = given.iter().map(|expression| {
            let mut value = places.value(names, expression, expression.span());
            // In its place is `null`.
            value.may_be_absent = false;
            if is_undefined(names, expression) {
                value.json = Some(RawValue::NULL.to_owned());
            }
            value
        });
        self.positional.extend(values);
    }

    /// The members of the one object of a call; nothing if it is no plain one.
    fn members<'a>(
        &mut self,
        places: &Places,
        names: &Names<'_, 'a>,
        object: &ObjectExpression<'a>,
    ) -> Option<()> {
        for property in &object.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else {
                self.may_be_replaced();
                continue;
            };
            let name = match property.computed {
                true => property.key.as_expression().and_then(text),
                false => property.key.static_name().map(|name| name.into_owned()),
            };
            let Some(name) = name else {
                self.may_be_replaced();
                continue;
            };
            // It would be the object's prototype.
            if name == "__proto__" && !property.computed && !property.shorthand {
                return None;
            }
            self.named.retain(|(known, _)| *known != name);
            if is_undefined(names, &property.value) {
                continue;
            }
            let value = match property.kind {
                PropertyKind::Init => places.value(names, &property.value, property.span),
                // What a getter returns.
                PropertyKind::Get | PropertyKind::Set => Value {
                    text: None,
                    json: None,
                    may_be_absent: true,
                    place: places.place(property.span),
                },
            };
            self.named.push((name, value));
        }
        Some(())
    }

    /// After members that cannot be read, those before may be there with other values.
    fn may_be_replaced(&mut self) {
        self.open = true;
        for (_, value) in &mut self.named {
            value.json = None;
            value.may_be_absent = true;
        }
    }
}

/// The lines of a source.
struct Places<'s> {
    source: &'s str,
    starts: Vec<usize>,
}

impl<'s> Places<'s> {
    fn of(source: &'s str) -> Self {
        let ends = source.match_indices('\n').map(|(at, _)| at + 1);
        Places {
            source,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    fn place(&self, span: Span) -> Place {
        let (start, end) = (span.start as usize, span.end as usize);
        let line = self.starts.partition_point(|known| *known <= start);
        let line_start = self.starts[line - 1];
        let column = self.source[line_start..start].chars().count() as u32 + 1;
        let first = self.source[start..end].lines().next().unwrap_or_default();
        Place {
            line: line as u32,
            column,
            end_column: column + first.chars().count() as u32,
        }
    }

    fn value<'a>(&self, names: &Names<'_, 'a>, expression: &Expression<'a>, whole: Span) -> Value {
        let span = expression.span();
        let source = &self.source[span.start as usize..span.end as usize];
        let is_short = !source.contains('\n') && source.chars().nth(LONGEST_TEXT).is_none();
        let mut json = Vec::new();
        let is_literal = source.len() <= LONGEST_LITERAL_BYTES
            && write_literal(names, expression, &mut json) == Some(true);
        let json = is_literal.then(|| {
            let json = String::from_utf8(json).expect("every piece is UTF-8");
            RawValue::from_string(json).expect("JSON was written")
        });
        Value {
            text: is_short.then(|| source.to_owned()),
            may_be_absent: json.is_none() && !is_value(names, expression),
            json,
            place: self.place(whole),
        }
    }
}

fn is_undefined<'a>(names: &Names<'_, 'a>, expression: &Expression<'a>) -> bool {
    match expression.get_inner_expression() {
        Expression::UnaryExpression(unary) => {
            unary.operator == UnaryOperator::Void && unary.argument.is_number_value(0.0)
        }
        inner => names.tree.is_global(inner, "undefined"),
    }
}

/// Whether an expression is surely not `undefined`.
fn is_value<'a>(names: &Names<'_, 'a>, expression: &Expression<'a>) -> bool {
    match expression.get_inner_expression() {
        Expression::ObjectExpression(_) | Expression::ArrayExpression(_) => true,
        Expression::ConditionalExpression(choice) => {
            is_value(names, &choice.consequent) && is_value(names, &choice.alternate)
        }
        Expression::LogicalExpression(logical) => {
            is_value(names, &logical.right)
                && (logical.operator != LogicalOperator::And || is_value(names, &logical.left))
        }
        Expression::Identifier(name) => names.tree.constant(name).is_some_and(|symbol| {
            let declaration = names.tree.scoping.symbol_declaration(symbol);
            match names.tree.nodes.kind(declaration) {
                // A name that is bound to itself is no value.
                AstKind::VariableDeclarator(variable) => {
                    variable.id.is_binding_identifier()
                        && variable.init.as_ref().is_some_and(|init| {
                            matches!(init.get_inner_expression(), Expression::ObjectExpression(_))
                                || is_scalar(init)
                        })
                }
                _ => false,
            }
        }),
        inner => is_scalar(inner),
    }
}

/// Whether an expression is surely neither `undefined` nor a plain object.
fn is_scalar(expression: &Expression) -> bool {
    match expression.get_inner_expression() {
        Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BigIntLiteral(_)
        | Expression::StringLiteral(_)
        | Expression::RegExpLiteral(_)
        | Expression::TemplateLiteral(_)
        | Expression::ArrayExpression(_)
        | Expression::BinaryExpression(_)
        | Expression::UpdateExpression(_) => true,
        Expression::UnaryExpression(unary) => unary.operator != UnaryOperator::Void,
        _ => false,
    }
}

/// Writes the JSON of a literal; false, and nothing written, for `undefined`. Nothing is returned
/// for what is no literal.
fn write_literal<'a>(
    names: &Names<'_, 'a>,
    expression: &Expression<'a>,
    out: &mut Vec<u8>,
) -> Option<bool> {
    if is_undefined(names, expression) {
        return Some(false);
    }
    let inner = expression.get_inner_expression();
    match inner {
        Expression::NullLiteral(_) => out.extend(b"null"),
        Expression::BooleanLiteral(literal) => out.extend(literal.value.to_string().bytes()),
        Expression::StringLiteral(_) | Expression::TemplateLiteral(_) => {
            write_string(out, &text(inner)?);
        }
        Expression::UnaryExpression(unary) if unary.operator == UnaryOperator::UnaryNegation => {
            match unary.argument.get_inner_expression() {
                Expression::NumericLiteral(literal) => {
                    write_finite(out, literal, true)?;
                }
                Expression::BigIntLiteral(literal) => {
                    if literal.value != "0" {
                        out.push(b'-');
                    }
                    out.extend(literal.value.bytes());
                }
                _ => return None,
            }
        }
        Expression::NumericLiteral(literal) => write_finite(out, literal, false)?,
        Expression::BigIntLiteral(literal) => out.extend(literal.value.bytes()),
        Expression::ArrayExpression(array) => {
            out.push(b'[');
            for (index, element) in array.elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let written = match element {
                    ArrayExpressionElement::Elision(_) => false,
                    element => write_literal(names, element.as_expression()?, out)?,
                };
                if !written {
                    out.extend(b"null");
                }
            }
            out.push(b']');
        }
        Expression::ObjectExpression(object) => write_object(names, object, out)?,
        _ => return None,
    }
    Some(true)
}

fn write_object<'a>(
    names: &Names<'_, 'a>,
    object: &ObjectExpression<'a>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut known = HashSet::new();
    let mut first = true;
    out.push(b'{');
    for property in &object.properties {
        let property = property.as_property()?;
        let name = property.key.static_name()?;
        let is_plain = property.kind == PropertyKind::Init && !property.computed;
        if !is_plain || name == "__proto__" || !known.insert(name.clone()) {
            return None;
        }
        let before = out.len();
        if !first {
            out.push(b',');
        }
        write_string(out, &name);
        out.push(b':');
        match write_literal(names, &property.value, out)? {
            true => first = false,
            false => out.truncate(before),
        }
    }
    out.push(b'}');
    Some(())
}

fn write_finite(out: &mut Vec<u8>, literal: &NumericLiteral, negative: bool) -> Option<()> {
    if let Some(digits) = long_digits(literal) {
        if negative {
            out.push(b'-');
        }
        out.extend(digits.bytes());
        return Some(());
    }
    let number = if negative {
        -literal.value
    } else {
        literal.value
    };
    number.is_finite().then(|| write_number(out, number))
}
