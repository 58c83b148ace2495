//! Which expressions of a program are promises, and which are arrays of them, as far as its text
//! tells.

use std::collections::HashMap;

use oxc::ast::AstKind;
use oxc::ast::ast::{
    AssignmentTarget, CallExpression, ChainElement, Expression, MemberExpression,
    MethodDefinitionKind, PropertyKey,
};
use oxc::semantic::NodeId;

use super::names::Names;
use super::tree::{Tree, function_id};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A promise.
    One,
    /// An array of promises.
    Many,
}

pub(super) struct Promises<'n, 's, 'a> {
    pub(super) names: &'n Names<'s, 'a>,
    tree: Tree<'s, 'a>,
    /// What functions return.
    returned: HashMap<NodeId, Option<Kind>>,
    /// The operands of the `return`s of functions.
    returns: HashMap<NodeId, Vec<&'a Expression<'a>>>,
    /// The functions that are members by a name, in whatever object.
    methods: HashMap<&'a str, Vec<NodeId>>,
    depth: usize,
}

/// Functions that return each other's promises in a row, which are followed: what nobody wrote must
/// not use up the stack.
const MOST_CALLEES: usize = 100;

impl<'n, 's, 'a> Promises<'n, 's, 'a> {
    pub(super) fn new(names: &'n Names<'s, 'a>) -> Self {
        let tree = names.tree;
        let mut promises = Promises {
            names,
            tree,
            returned: HashMap::new(),
            returns: HashMap::new(),
            methods: HashMap::new(),
            depth: 0,
        };
        for node in tree.nodes {
            match node.kind() {
                AstKind::ReturnStatement(jump) => {
                    if let (Some(value), Some(function)) =
                        (&jump.argument, promises.function_around(node.id()))
                    {
                        promises.returns.entry(function).or_default().push(value);
                    }
                }
                AstKind::MethodDefinition(method)
                    if method.kind == MethodDefinitionKind::Method =>
                {
                    promises.method(key_name(&method.key), method.value.node_id.get());
                }
                AstKind::ObjectProperty(property) => {
                    if let Some(function) = function_id(&property.value) {
                        promises.method(key_name(&property.key), function);
                    }
                }
                AstKind::PropertyDefinition(property) => {
                    if let Some(function) = property.value.as_ref().and_then(function_id) {
                        promises.method(key_name(&property.key), function);
                    }
                }
                AstKind::AssignmentExpression(assignment) => {
                    if let AssignmentTarget::StaticMemberExpression(member) = &assignment.left
                        && let Some(function) = function_id(&assignment.right)
                    {
                        promises.method(Some(member.property.name.as_str()), function);
                    }
                }
                _ => {}
            }
        }
        promises
    }

    fn method(&mut self, name: Option<&'a str>, function: NodeId) {
        if let Some(name) = name {
            self.methods.entry(name).or_default().push(function);
        }
    }

    /// The function whose body a node is in.
    fn function_around(&self, node: NodeId) -> Option<NodeId> {
        let mut around = self.tree.nodes.ancestors_enumerated(node);
        let function = around.find(|(_, node)| {
            matches!(
                node.kind(),
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
            )
        });
        function.map(|(id, _)| id)
    }

    /// What the value of an expression is.
    pub(super) fn of(&mut self, expression: &Expression<'a>) -> Option<Kind> {
        match expression.get_inner_expression() {
            Expression::CallExpression(call) => self.of_call(call),
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::CallExpression(call) => self.of_call(call),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn of_call(&mut self, call: &CallExpression<'a>) -> Option<Kind> {
        if self.names.tool_call(call).is_some() {
            return Some(Kind::One);
        }
        let callee = call.callee.get_inner_expression();
        if let Some(function) = function_id(callee) {
            return self.of_function(function);
        }
        if let Expression::Identifier(name) = callee {
            let function = self
                .tree
                .constant(name)
                .and_then(|symbol| self.tree.function_of_symbol(symbol));
            return self.of_function(function?);
        }
        let member = callee.as_member_expression()?;
        let name = member_name(member)?;
        if self.tree.is_global(member.object(), "Promise") {
            return matches!(name, "all" | "allSettled" | "any" | "race").then_some(Kind::One);
        }
        match name {
            "then" | "catch" | "finally" => {
                self.of(member.object()).filter(|kind| *kind == Kind::One)
            }
            "map" | "flatMap" => {
                let found = self.of_callback(call.arguments.first()?.as_expression()?);
                found.map(|_| Kind::Many).or_else(|| self.of_method(name))
            }
            "from" if self.tree.is_global(member.object(), "Array") => self
                .of_callback(call.arguments.get(1)?.as_expression()?)
                .map(|_| Kind::Many),
            "reduce" | "reduceRight" if !self.methods.contains_key(name) => {
                self.of_callback(call.arguments.first()?.as_expression()?)
            }
            "concat" | "slice" | "reverse" if self.of(member.object()) == Some(Kind::Many) => {
                Some(Kind::Many)
            }
            _ => self.of_method(name),
        }
    }

    /// What a method of the program's own returns, if all of its name return the same.
    fn of_method(&mut self, name: &str) -> Option<Kind> {
        let functions = self.methods.get(name)?.clone();
        let mut kinds = functions
            .into_iter()
            .map(|function| self.of_function(function));
        let first = kinds.next()??;
        kinds.all(|kind| kind == Some(first)).then_some(first)
    }

    /// Whether the program has members by a name, so that it may be no built-in's.
    pub(super) fn is_method(&self, name: &str) -> bool {
        self.methods.contains_key(name)
    }

    /// What a function returns that is given to another.
    pub(super) fn of_callback(&mut self, callback: &Expression<'a>) -> Option<Kind> {
        let callback = callback.get_inner_expression();
        if let Some(function) = function_id(callback) {
            return self.of_function(function);
        }
        if self.names.is_tool(callback) {
            return Some(Kind::One);
        }
        match callback {
            Expression::Identifier(name) => {
                let symbol = self.tree.constant(name)?;
                self.of_function(self.tree.function_of_symbol(symbol)?)
            }
            callback => self.of_method(member_name(callback.as_member_expression()?)?),
        }
    }

    pub(super) fn of_function(&mut self, function: NodeId) -> Option<Kind> {
        if let Some(known) = self.returned.get(&function) {
            return *known;
        }
        // Until it is known: a function that returns what it returns itself.
        self.returned.insert(function, None);
        if self.depth == MOST_CALLEES {
            return None;
        }
        self.depth += 1;
        let kind = match self.tree.nodes.kind(function) {
            AstKind::Function(it) if it.generator => None,
            _ if self.tree.is_async(function) => Some(Kind::One),
            AstKind::ArrowFunctionExpression(it) if let Some(value) = it.get_expression() => {
                self.settles(value)
            }
            _ => {
                let returns = self.returns.get(&function).cloned().unwrap_or_default();
                returns.into_iter().find_map(|value| self.settles(value))
            }
        };
        self.depth -= 1;
        self.returned.insert(function, kind);
        kind
    }

    /// What an expression is that a function returns. Nothing but promises has a `catch`.
    fn settles(&mut self, value: &Expression<'a>) -> Option<Kind> {
        match value.get_inner_expression() {
            Expression::ConditionalExpression(choice) => self
                .settles(&choice.consequent)
                .or_else(|| self.settles(&choice.alternate)),
            Expression::LogicalExpression(logical) => self.settles(&logical.right),
            Expression::CallExpression(call)
                if let Some(member) = call.callee.get_inner_expression().as_member_expression()
                    && matches!(member_name(member), Some("then" | "catch" | "finally")) =>
            {
                Some(Kind::One)
            }
            value => self.of(value),
        }
    }
}

/// The name of a member, if it is written out.
pub(super) fn member_name<'a>(member: &MemberExpression<'a>) -> Option<&'a str> {
    match member {
        MemberExpression::PrivateFieldExpression(member) => Some(member.field.name.as_str()),
        member => member.static_property_name(),
    }
}

/// The name of a member where it is defined.
fn key_name<'a>(key: &PropertyKey<'a>) -> Option<&'a str> {
    match key {
        PropertyKey::StaticIdentifier(name) => Some(name.name.as_str()),
        PropertyKey::PrivateIdentifier(name) => Some(name.name.as_str()),
        PropertyKey::StringLiteral(name) => Some(name.value.as_str()),
        _ => None,
    }
}
