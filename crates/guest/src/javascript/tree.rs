//! A program's syntax tree with the way up from each of its nodes.

use std::collections::HashSet;

use oxc::ast::AstKind;
use oxc::ast::ast::{BindingPattern, CallExpression, Expression, IdentifierReference};
use oxc::semantic::{AstNodes, NodeId, Scoping, Semantic};
use oxc::span::{GetSpan, Span};
use oxc::syntax::symbol::SymbolId;

#[derive(Clone, Copy)]
pub(super) struct Tree<'s, 'a> {
    pub(super) nodes: &'s AstNodes<'a>,
    pub(super) scoping: &'s Scoping,
    /// Functions that are made async.
    made_async: &'s HashSet<NodeId>,
}

impl<'s, 'a> Tree<'s, 'a> {
    /// To be made of an analysis that has kept its nodes.
    pub(super) fn of(semantic: &'s Semantic<'a>, made_async: &'s HashSet<NodeId>) -> Self {
        Tree {
            nodes: semantic.nodes(),
            scoping: semantic.scoping(),
            made_async,
        }
    }

    /// Whether a node is a function that may await.
    pub(super) fn is_async(self, function: NodeId) -> bool {
        match self.nodes.kind(function) {
            AstKind::Function(it) if it.r#async => true,
            AstKind::ArrowFunctionExpression(it) if it.r#async => true,
            _ => self.made_async.contains(&function),
        }
    }

    pub(super) fn span(self, node: NodeId) -> Span {
        self.nodes.kind(node).span()
    }

    /// The function that a node stands in.
    pub(super) fn function_around(self, id: NodeId) -> Option<NodeId> {
        let mut around = self.nodes.ancestors_enumerated(id);
        let is_function = |kind| {
            matches!(
                kind,
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
            )
        };
        around
            .find(|(_, node)| is_function(node.kind()))
            .map(|(id, _)| id)
    }

    /// An expression with the parentheses and types around it, and what it stands in.
    pub(super) fn outside(self, expression: NodeId) -> (NodeId, NodeId) {
        let mut child = expression;
        loop {
            let parent = self.nodes.parent_id(child);
            if !is_wrapper(self.nodes.kind(parent)) {
                return (child, parent);
            }
            child = parent;
        }
    }

    pub(super) fn symbol(self, name: &IdentifierReference) -> Option<SymbolId> {
        let reference = name.reference_id.get()?;
        self.scoping.get_reference(reference).symbol_id()
    }

    /// The variable that an expression names, if it always has the value it is bound to.
    pub(super) fn constant(self, name: &IdentifierReference) -> Option<SymbolId> {
        self.symbol(name).filter(|symbol| self.is_constant(*symbol))
    }

    pub(super) fn is_constant(self, symbol: SymbolId) -> bool {
        !is_assigned(self.scoping, symbol) && self.scoping.symbol_redeclarations(symbol).is_empty()
    }

    /// Whether an expression is the built-in of this name.
    pub(super) fn is_global(self, expression: &Expression, name: &str) -> bool {
        match expression.get_inner_expression() {
            Expression::Identifier(known) => known.name == name && self.is_global_name(known),
            _ => false,
        }
    }

    /// Whether a name is one of the global scope that the program never assigns to.
    pub(super) fn is_global_name(self, name: &IdentifierReference) -> bool {
        if let Some(symbol) = self.symbol(name) {
            return self.is_declared_only(symbol);
        }
        let known = self.scoping.root_unresolved_references();
        known.get(name.name.as_str()).is_some_and(|references| {
            references
                .iter()
                .all(|reference| !self.scoping.get_reference(*reference).is_write())
        })
    }

    /// `declare const tools: any`, which TypeScript forgets.
    fn is_declared_only(self, symbol: SymbolId) -> bool {
        let declaration = self.scoping.symbol_declaration(symbol);
        matches!(
            self.nodes.parent_kind(declaration),
            AstKind::VariableDeclaration(variables) if variables.declare
        )
    }

    /// The name of a function, if it always stands for it.
    pub(super) fn symbol_of_function(self, function: NodeId) -> Option<SymbolId> {
        let symbol = match self.nodes.kind(function) {
            AstKind::Function(function) if function.is_declaration() => {
                function.id.as_ref()?.symbol_id()
            }
            _ => {
                let (_, parent) = self.outside(function);
                match self.nodes.kind(parent) {
                    AstKind::VariableDeclarator(variable) => match &variable.id {
                        BindingPattern::BindingIdentifier(name) => name.symbol_id(),
                        _ => return None,
                    },
                    _ => return None,
                }
            }
        };
        self.is_constant(symbol).then_some(symbol)
    }

    /// The function that a name always stands for.
    pub(super) fn function_of_symbol(self, symbol: SymbolId) -> Option<NodeId> {
        if !self.is_constant(symbol) {
            return None;
        }
        let declaration = self.scoping.symbol_declaration(symbol);
        match self.nodes.kind(declaration) {
            AstKind::Function(_) => Some(declaration),
            AstKind::VariableDeclarator(variable) if variable.id.is_binding_identifier() => {
                function_id(variable.init.as_ref()?)
            }
            _ => None,
        }
    }
}

/// Whether a variable is assigned to; one declared by `const` may be (it becomes one by `let`).
pub(super) fn is_assigned(scoping: &Scoping, symbol: SymbolId) -> bool {
    let mut references = scoping.get_resolved_references(symbol);
    references.any(|reference| reference.is_write())
}

/// The node of a function that an expression is.
pub(super) fn function_id(expression: &Expression) -> Option<NodeId> {
    match expression.get_inner_expression() {
        Expression::ArrowFunctionExpression(function) => Some(function.node_id.get()),
        Expression::FunctionExpression(function) => Some(function.node_id.get()),
        _ => None,
    }
}

/// Whether an expression is what a call calls.
pub(super) fn is_callee(call: &CallExpression, expression: Span) -> bool {
    call.callee.span().contains_inclusive(expression)
}

/// What stands around an expression without doing anything.
pub(super) fn is_wrapper(kind: AstKind) -> bool {
    matches!(
        kind,
        AstKind::ParenthesizedExpression(_)
            | AstKind::TSAsExpression(_)
            | AstKind::TSSatisfiesExpression(_)
            | AstKind::TSNonNullExpression(_)
            | AstKind::TSTypeAssertion(_)
            | AstKind::TSInstantiationExpression(_)
    )
}
