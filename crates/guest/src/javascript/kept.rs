//! Promises that are meant to be kept, or left alone.
//!
//! A function that keeps the promise of a call where it looks first (`cache[key] ??= tools.x(…)`) makes
//! the call once, however many ask at the same time. An `await` put in there would let each of them
//! find nothing and call again. And a function of the program's own that loops without an end is begun
//! to run beside the rest: to wait for it would be to wait for ever.

use oxc::ast::AstKind;
use oxc::ast::ast::{AssignmentTarget, CallExpression, Expression};
use oxc::ast_visit::Visit;
use oxc::semantic::NodeId;
use oxc::span::{GetSpan, Span};

use super::certain::{Exits, is_true};
use super::promises::member_name;
use super::tree::{Tree, function_id};

/// Whether a call's promise is kept where its function looked for it before.
pub(super) fn is_kept(source: &str, tree: Tree, call: NodeId) -> bool {
    let (child, parent) = tree.outside(call);
    let text = |span: Span| &source[span.start as usize..span.end as usize];
    let place = match tree.nodes.kind(parent) {
        AstKind::AssignmentExpression(assignment)
            if assignment.right.span().contains_inclusive(tree.span(child)) =>
        {
            if assignment.operator.is_logical() {
                return tree.function_around(parent).is_some();
            }
            match &assignment.left {
                _ if !assignment.operator.is_assign() => return false,
                AssignmentTarget::AssignmentTargetIdentifier(name) => text(name.span),
                target => match target.as_member_expression() {
                    Some(member) => text(member.span()),
                    None => return false,
                },
            }
        }
        // `promises.set(key, tools.x(…))` where `promises.has(key)` was asked.
        AstKind::CallExpression(outer) => {
            match outer.callee.get_inner_expression().as_member_expression() {
                Some(member) if member_name(member) == Some("set") => text(member.object().span()),
                _ => return false,
            }
        }
        // `const promise = tools.x(…)`, which is kept by its name later.
        AstKind::VariableDeclarator(variable) => {
            let Some(name) = variable.id.get_binding_identifier() else {
                return false;
            };
            return tree
                .scoping
                .get_resolved_references(name.symbol_id())
                .any(|reference| is_kept(source, tree, reference.node_id()));
        }
        _ => return false,
    };
    is_looked_at(source, tree, parent, place)
}

/// Whether a test of the function around `id` names a place.
fn is_looked_at(source: &str, tree: Tree, id: NodeId, place: &str) -> bool {
    let names = |test: &Expression| {
        let span = test.span();
        source[span.start as usize..span.end as usize].contains(place)
    };
    let Some(function) = tree.function_around(id) else {
        return false;
    };
    tree.nodes.iter().any(|node| {
        let is_test = match node.kind() {
            AstKind::IfStatement(choice) => names(&choice.test),
            AstKind::ConditionalExpression(choice) => names(&choice.test),
            AstKind::LogicalExpression(logical) => names(&logical.left),
            _ => false,
        };
        is_test && tree.function_around(node.id()) == Some(function)
    })
}

/// Whether a call begins what never ends by itself: `work()` or `work().catch(…)` of a function of the
/// program's own in which a loop has no end.
pub(super) fn is_endless(tree: Tree, call: &CallExpression) -> bool {
    let callee = call.callee.get_inner_expression();
    if let Some(member) = callee.as_member_expression()
        && matches!(member_name(member), Some("then" | "catch" | "finally"))
    {
        return match member.object().get_inner_expression() {
            Expression::CallExpression(inner) => is_endless(tree, inner),
            _ => false,
        };
    }
    let function = function_id(callee).or_else(|| match callee {
        Expression::Identifier(name) => tree
            .constant(name)
            .and_then(|symbol| tree.function_of_symbol(symbol)),
        _ => None,
    });
    let Some(function) = function else {
        return false;
    };
    let around = tree.span(function);
    tree.nodes.iter().any(|node| {
        let (is_forever, body) = match node.kind() {
            AstKind::WhileStatement(it) => (is_true(&it.test), &it.body),
            AstKind::DoWhileStatement(it) => (is_true(&it.test), &it.body),
            AstKind::ForStatement(it) => (it.test.as_ref().is_none_or(is_true), &it.body),
            _ => return false,
        };
        let is_own = || {
            around.contains_inclusive(node.kind().span())
                && tree.function_around(node.id()) == Some(function)
        };
        is_forever && is_own() && {
            let mut exits = Exits(false);
            exits.visit_statement(body);
            !exits.0
        }
    })
}
