//! Functions that await although they are not async: they are made async.

use std::collections::HashSet;

use oxc::ast::AstKind;
use oxc::ast::ast::{MethodDefinitionKind, PropertyKind};
use oxc::diagnostics::OxcDiagnostic;
use oxc::semantic::{AstNodes, NodeId};
use oxc::span::GetSpan;

use super::source::line_of;

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
        if awaits && let Some((function, at)) = function_around(nodes, node.id())? {
            if made.functions.insert(function) && made.note.is_none() {
                let line = line_of(source, at as usize);
                made.note = Some(format!(
                    "line {line}: the function is async, since it awaits"
                ));
            }
            made.at.push(at);
        }
    }
    made.at.sort_unstable();
    made.at.dedup();
    Some(made)
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
