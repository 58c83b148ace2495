//! Whether a promise comes to a place where it is waited for.
//!
//! A promise flows from where it is made through arrays, objects and names; what reaches `await`,
//! `then` or `Promise.all` on that way was meant to be a promise.

use std::collections::{HashMap, HashSet};

use oxc::ast::AstKind;
use oxc::ast::ast::{
    Argument, AssignmentTarget, BindingPattern, CallExpression, Expression, ForStatementLeft,
    FormalParameters,
};
use oxc::semantic::NodeId;
use oxc::span::GetSpan;
use oxc::syntax::symbol::SymbolId;

use super::promises::member_name;
use super::tree::{Tree, function_id, is_callee};

/// What is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Carried {
    /// The promise itself.
    Promise,
    /// Something with promises in it.
    Holder,
}

pub(super) struct Flow<'s, 'a> {
    tree: Tree<'s, 'a>,
    /// Names of members that are waited for somewhere.
    members: HashSet<&'a str>,
    symbols: HashMap<(SymbolId, Carried), bool>,
    depth: usize,
}

/// Steps after which a promise is no longer followed: what nobody wrote must not use up the stack.
const MOST_STEPS: usize = 300;

impl<'s, 'a> Flow<'s, 'a> {
    pub(super) fn new(tree: Tree<'s, 'a>) -> Self {
        let mut flow = Flow {
            tree,
            members: HashSet::new(),
            symbols: HashMap::new(),
            depth: 0,
        };
        for node in tree.nodes {
            if let AstKind::StaticMemberExpression(member) = node.kind() {
                let (child, parent) = tree.outside(node.id());
                if flow.is_waited_for(child, parent) {
                    flow.members.insert(member.property.name.as_str());
                }
            }
        }
        flow
    }

    /// Whether an expression is the operand of `await`, or has its `then` called.
    fn is_waited_for(&self, child: NodeId, parent: NodeId) -> bool {
        match self.tree.nodes.kind(parent) {
            AstKind::AwaitExpression(_) => true,
            AstKind::StaticMemberExpression(member) => {
                matches!(member.property.name.as_str(), "then" | "catch" | "finally")
                    && self.is_within(child, &member.object)
            }
            _ => false,
        }
    }

    fn is_within(&self, child: NodeId, part: &impl GetSpan) -> bool {
        part.span().contains_inclusive(self.tree.span(child))
    }

    /// Whether the value of an expression is waited for.
    pub(super) fn is_awaited(&mut self, expression: NodeId, carried: Carried) -> bool {
        if self.depth == MOST_STEPS {
            return false;
        }
        self.depth += 1;
        let awaited = self.comes_to_await(expression, carried);
        self.depth -= 1;
        awaited
    }

    fn comes_to_await(&mut self, expression: NodeId, carried: Carried) -> bool {
        let (child, parent) = self.tree.outside(expression);
        if carried == Carried::Promise && self.is_waited_for(child, parent) {
            return true;
        }
        let kind = self.tree.nodes.kind(parent);
        match kind {
            AstKind::ChainExpression(_) | AstKind::SequenceExpression(_) => {
                self.is_awaited(parent, carried)
            }
            AstKind::ConditionalExpression(choice) => {
                !self.is_within(child, &choice.test) && self.is_awaited(parent, carried)
            }
            AstKind::LogicalExpression(logical) => {
                self.is_within(child, &logical.right) && self.is_awaited(parent, carried)
            }
            AstKind::ArrayExpression(_) | AstKind::ObjectExpression(_) => {
                self.is_awaited(parent, Carried::Holder)
            }
            AstKind::SpreadElement(_) => {
                carried == Carried::Holder && self.is_awaited(parent, carried)
            }
            AstKind::ObjectProperty(property) => {
                let name = property.key.static_name();
                name.is_some_and(|name| self.members.contains(&*name))
                    || self.is_awaited(parent, Carried::Holder)
            }
            AstKind::StaticMemberExpression(member) if self.is_within(child, &member.object) => {
                carried == Carried::Holder && self.is_member_awaited(parent)
            }
            AstKind::ComputedMemberExpression(member) if self.is_within(child, &member.object) => {
                carried == Carried::Holder && self.is_element_awaited(parent)
            }
            AstKind::CallExpression(call) if !is_callee(call, self.tree.span(child)) => {
                self.is_argument_awaited(parent, call, child, carried)
            }
            AstKind::NewExpression(made) => {
                let is_collection = ["Array", "Map", "Set"]
                    .iter()
                    .any(|name| self.tree.is_global(&made.callee, name));
                is_collection && self.is_awaited(parent, Carried::Holder)
            }
            AstKind::VariableDeclarator(variable) => self.is_bound_awaited(&variable.id, carried),
            AstKind::AssignmentExpression(assignment)
                if self.is_within(child, &assignment.right)
                    && (assignment.operator.is_assign() || assignment.operator.is_logical()) =>
            {
                self.is_assigned_awaited(&assignment.left, carried)
                    || self.is_awaited(parent, carried)
            }
            AstKind::ForOfStatement(each) if self.is_within(child, &each.right) => {
                if each.r#await {
                    return true;
                }
                match &each.left {
                    ForStatementLeft::VariableDeclaration(variables)
                        if carried == Carried::Holder =>
                    {
                        variables
                            .declarations
                            .iter()
                            .any(|variable| self.is_part_awaited(&variable.id))
                    }
                    _ => false,
                }
            }
            AstKind::YieldExpression(_) => true,
            AstKind::UnaryExpression(unary) => unary.operator.is_void(),
            // What a callback of `map` returns is in what `map` returns.
            AstKind::ArrowFunctionExpression(_) => self.is_mapped_awaited(parent),
            AstKind::ReturnStatement(_) => {
                let around = self.tree.nodes.ancestors_enumerated(parent);
                let function = around
                    .map(|(id, node)| (id, node.kind()))
                    .find(|(_, kind)| {
                        matches!(
                            kind,
                            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
                        )
                    });
                function.is_some_and(|(function, _)| self.is_mapped_awaited(function))
            }
            _ => false,
        }
    }

    fn is_mapped_awaited(&mut self, function: NodeId) -> bool {
        let (function, call) = self.tree.outside(function);
        match self.tree.nodes.kind(call) {
            AstKind::CallExpression(it) if !is_callee(it, self.tree.span(function)) => {
                let callee = it.callee.get_inner_expression().as_member_expression();
                matches!(
                    callee.and_then(member_name),
                    Some("map" | "flatMap" | "from")
                ) && self.is_awaited(call, Carried::Holder)
            }
            _ => false,
        }
    }

    /// Whether what is in something is waited for, or is something with it in.
    fn is_element_awaited(&mut self, element: NodeId) -> bool {
        self.is_awaited(element, Carried::Promise) || self.is_awaited(element, Carried::Holder)
    }

    /// The same for a member by name: a method of collections, or an element.
    fn is_member_awaited(&mut self, member: NodeId) -> bool {
        let (callee, call) = self.tree.outside(member);
        if let AstKind::CallExpression(it) = self.tree.nodes.kind(call)
            && is_callee(it, self.tree.span(callee))
        {
            let callback = it.arguments.first().and_then(Argument::as_expression);
            return callback.is_some_and(|callback| self.is_parameter_awaited(callback, None))
                || self.is_element_awaited(call);
        }
        self.is_element_awaited(member)
    }

    fn is_argument_awaited(
        &mut self,
        id: NodeId,
        call: &CallExpression<'a>,
        child: NodeId,
        carried: Carried,
    ) -> bool {
        let callee = call.callee.get_inner_expression();
        if let Some(member) = callee.as_member_expression()
            && let Some(name) = member_name(member)
        {
            if self.tree.is_global(member.object(), "Promise") {
                return match carried {
                    Carried::Holder => true,
                    Carried::Promise => name == "resolve" && self.is_awaited(id, carried),
                };
            }
            let is_built_in = ["Object", "Array"]
                .iter()
                .any(|global| self.tree.is_global(member.object(), global));
            if is_built_in {
                return carried == Carried::Holder && self.is_awaited(id, carried);
            }
            if matches!(name, "push" | "unshift" | "set" | "add" | "splice" | "fill") {
                return self.is_held_awaited(member.object());
            }
            if name == "concat" {
                return self.is_awaited(id, Carried::Holder);
            }
        }
        let index = call
            .arguments
            .iter()
            .position(|argument| self.is_within(child, argument));
        index.is_some_and(|index| self.is_parameter_awaited(callee, Some(index)))
    }

    /// Whether a parameter of a function of the program's own is waited for: the one with this
    /// index, else any.
    fn is_parameter_awaited(&mut self, function: &Expression<'a>, index: Option<usize>) -> bool {
        let function = match function.get_inner_expression() {
            Expression::Identifier(name) => self
                .tree
                .constant(name)
                .and_then(|symbol| self.tree.function_of_symbol(symbol)),
            inner => function_id(inner),
        };
        let Some(function) = function else {
            return false;
        };
        let parameters: &FormalParameters = match self.tree.nodes.kind(function) {
            AstKind::Function(function) => &function.params,
            AstKind::ArrowFunctionExpression(function) => &function.params,
            _ => return false,
        };
        match index {
            Some(index) => parameters
                .items
                .get(index)
                .is_some_and(|parameter| self.is_part_awaited(&parameter.pattern)),
            None => parameters
                .items
                .iter()
                .any(|parameter| self.is_part_awaited(&parameter.pattern)),
        }
    }

    /// Whether something that holds what is put into it is waited for.
    fn is_held_awaited(&mut self, holder: &Expression<'a>) -> bool {
        match holder.get_inner_expression() {
            Expression::Identifier(name) => self
                .tree
                .symbol(name)
                .is_some_and(|symbol| self.is_symbol_awaited(symbol, Carried::Holder)),
            Expression::StaticMemberExpression(member) => {
                self.members.contains(member.property.name.as_str())
                    || self.is_held_awaited(&member.object)
            }
            Expression::ComputedMemberExpression(member) => self.is_held_awaited(&member.object),
            _ => false,
        }
    }

    /// Whether a name that a value is bound to is waited for.
    fn is_bound_awaited(&mut self, pattern: &BindingPattern<'a>, carried: Carried) -> bool {
        match pattern {
            BindingPattern::BindingIdentifier(name) => {
                self.is_symbol_awaited(name.symbol_id(), carried)
            }
            _ => carried == Carried::Holder && self.is_part_awaited(pattern),
        }
    }

    /// Whether a name that a part of a value is bound to is waited for.
    fn is_part_awaited(&mut self, pattern: &BindingPattern<'a>) -> bool {
        pattern.get_binding_identifiers().into_iter().any(|name| {
            self.is_symbol_awaited(name.symbol_id(), Carried::Promise)
                || self.is_symbol_awaited(name.symbol_id(), Carried::Holder)
        })
    }

    fn is_assigned_awaited(&mut self, target: &AssignmentTarget<'a>, carried: Carried) -> bool {
        match target {
            AssignmentTarget::AssignmentTargetIdentifier(name) => self
                .tree
                .symbol(name)
                .is_some_and(|symbol| self.is_symbol_awaited(symbol, carried)),
            AssignmentTarget::StaticMemberExpression(member) => {
                self.members.contains(member.property.name.as_str())
                    || self.is_held_awaited(&member.object)
            }
            AssignmentTarget::ComputedMemberExpression(member) => {
                self.is_held_awaited(&member.object)
            }
            _ => false,
        }
    }

    pub(super) fn is_symbol_awaited(&mut self, symbol: SymbolId, carried: Carried) -> bool {
        if let Some(known) = self.symbols.get(&(symbol, carried)) {
            return *known;
        }
        // Until it is known: what only comes to itself is waited for nowhere.
        self.symbols.insert((symbol, carried), false);
        let references: Vec<NodeId> = self
            .tree
            .scoping
            .get_resolved_references(symbol)
            .filter(|reference| reference.is_read())
            .map(|reference| reference.node_id())
            .collect();
        let awaited = references
            .into_iter()
            .any(|reference| self.is_awaited(reference, carried));
        self.symbols.insert((symbol, carried), awaited);
        awaited
    }
}
