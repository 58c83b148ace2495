//! Functions that await although they are not async, or would have to: they are made async.
//!
//! A function that takes a call's promise for its value can only become right by waiting. It is made
//! async if all its uses are known, and each of them can wait for it.

use std::collections::HashSet;

use oxc::ast::AstKind;
use oxc::ast::ast::{Expression, MethodDefinitionKind, PropertyKind};
use oxc::diagnostics::OxcDiagnostic;
use oxc::semantic::{AstNodes, NodeId, Semantic};
use oxc::span::GetSpan;

use super::flow::{Carried, Flow};
use super::kept;
use super::names::Names;
use super::promises::member_name;
use super::source::line_of;
use super::tree::{Tree, is_callee};

/// Functions around each other that are made async for one call.
const MOST_IN_A_ROW: usize = 20;

/// What becomes async.
#[derive(Default)]
pub(super) struct MadeAsync {
    pub(super) functions: HashSet<NodeId>,
    /// Where the word goes.
    pub(super) at: Vec<u32>,
    pub(super) note: Option<String>,
}

/// Whether an error of the parser is about an `await` in a function that is not async.
pub(super) fn is_misplaced_await(error: &OxcDiagnostic) -> bool {
    error
        .message
        .starts_with("`await` is only allowed within async functions")
}

/// The functions to make async; nothing if one of them cannot be.
pub(super) fn of(source: &str, nodes: &AstNodes) -> Option<MadeAsync> {
    let mut made = MadeAsync::default();
    for node in nodes {
        let awaits = match node.kind() {
            AstKind::AwaitExpression(_) => true,
            AstKind::ForOfStatement(each) => each.r#await,
            _ => false,
        };
        if awaits && let Some(function) = function_around(nodes, node.id())? {
            made.add(source, function);
        }
    }
    Some(made)
}

impl MadeAsync {
    fn add(&mut self, source: &str, (function, at): (NodeId, u32)) {
        if self.functions.insert(function) {
            self.at.push(at);
            self.note.get_or_insert_with(|| {
                let line = line_of(source, at as usize);
                format!("line {line}: the function is async, since it awaits")
            });
        }
    }

    /// Adds the functions that need the value of a call, and can be waited for themselves.
    pub(super) fn add_needed<'a>(&mut self, source: &str, semantic: &Semantic<'a>) {
        let none = HashSet::new();
        let tree = Tree::of(semantic, &none);
        let names = Names::new(tree);
        let mut flow = Flow::new(tree);
        for node in tree.nodes {
            let AstKind::CallExpression(call) = node.kind() else {
                continue;
            };
            let Some(Some(function)) = function_around(tree.nodes, node.id()) else {
                continue;
            };
            let is_own = || match call.callee.get_inner_expression() {
                Expression::Identifier(name) => tree
                    .constant(name)
                    .and_then(|symbol| tree.function_of_symbol(symbol))
                    .is_some_and(|known| tree.is_async(known) || self.functions.contains(&known)),
                _ => false,
            };
            if self.functions.contains(&function.0)
                || !(names.tool_call(call).is_some() || is_own())
                || is_returned(tree, node.id())
                || kept::is_kept(source, tree, node.id())
                || flow.is_awaited(node.id(), Carried::Promise)
            {
                continue;
            }
            let mut needed = Vec::new();
            if self.can_be_async(tree, function, &mut needed) {
                for function in needed {
                    self.add(source, function);
                }
            }
        }
    }

    /// Whether a function can be made async, with those that then have to be.
    fn can_be_async(
        &self,
        tree: Tree,
        function: (NodeId, u32),
        needed: &mut Vec<(NodeId, u32)>,
    ) -> bool {
        if self.functions.contains(&function.0) || needed.contains(&function) {
            return true;
        }
        if needed.len() == MOST_IN_A_ROW {
            return false;
        }
        needed.push(function);
        let uses: Vec<NodeId> = match tree.symbol_of_function(function.0) {
            Some(symbol) => tree
                .scoping
                .get_resolved_references(symbol)
                .map(|reference| reference.node_id())
                .collect(),
            None => vec![function.0],
        };
        uses.into_iter().all(|used| {
            let Some(call) = waiting_call(tree, used) else {
                return false;
            };
            match function_around(tree.nodes, call) {
                None => false,
                Some(None) => true,
                Some(Some(outer)) => self.can_be_async(tree, outer, needed),
            }
        })
    }
}

/// The call of a function where it is used, if that can be waited for: it is called there, or given
/// to a method that calls it once for each of something.
fn waiting_call(tree: Tree, used: NodeId) -> Option<NodeId> {
    let (used, parent) = tree.outside(used);
    let AstKind::CallExpression(call) = tree.nodes.kind(parent) else {
        return None;
    };
    let span = tree.span(used);
    let member = call.callee.get_inner_expression().as_member_expression();
    let can_wait = is_callee(call, span)
        || matches!(
            member.and_then(member_name),
            Some("forEach" | "map" | "flatMap" | "every" | "filter" | "find" | "some")
        ) && call
            .arguments
            .first()
            .is_some_and(|first| first.span() == span);
    can_wait.then_some(parent)
}

/// Whether a call's promise is what its function returns.
fn is_returned(tree: Tree, call: NodeId) -> bool {
    matches!(
        tree.nodes.kind(tree.outside(call).1),
        AstKind::ReturnStatement(_) | AstKind::ArrowFunctionExpression(_)
    )
}

/// The function around an `await` and the offset of its beginning, if it is not async.
fn function_around(nodes: &AstNodes, id: NodeId) -> Option<Option<(NodeId, u32)>> {
    for (id, node) in nodes.ancestors_enumerated(id) {
        match node.kind() {
            AstKind::ArrowFunctionExpression(function) => {
                return Some((!function.r#async).then_some((id, function.span.start)));
            }
            AstKind::Function(function) if function.r#async => return Some(None),
            AstKind::Function(function) if function.generator => return None,
            AstKind::Function(function) => {
                let at = match nodes.parent_kind(id) {
                    AstKind::MethodDefinition(method) => {
                        (method.kind == MethodDefinitionKind::Method && !method.computed)
                            .then(|| method.key.span().start)?
                    }
                    AstKind::ObjectProperty(property) if property.method => {
                        (!property.computed).then(|| property.key.span().start)?
                    }
                    AstKind::ObjectProperty(property) if property.kind != PropertyKind::Init => {
                        return None;
                    }
                    _ => function.span.start,
                };
                return Some(Some((id, at)));
            }
            AstKind::FormalParameters(_)
            | AstKind::PropertyDefinition(_)
            | AstKind::AccessorProperty(_)
            | AstKind::StaticBlock(_)
            | AstKind::TSModuleBlock(_) => return None,
            _ => {}
        }
    }
    Some(None)
}
