//! Whether a program surely comes to a call, whether the call's failure surely ends it, and whether
//! the call stands in a loop.
//!
//! All three are read off the way from the call up to the program. What is not known here to be
//! sure is not.

use std::collections::{HashMap, HashSet};

use oxc::ast::AstKind;
use oxc::ast::ast::{
    ArrowFunctionExpression, BreakStatement, CallExpression, Class, ContinueStatement, Expression,
    Function, ReturnStatement, ThrowStatement, YieldExpression,
};
use oxc::ast_visit::Visit;
use oxc::semantic::NodeId;
use oxc::span::{GetSpan, Span};
use oxc::syntax::scope::ScopeFlags;
use protocol::Repeats;

use super::tree::{Tree, is_callee, is_wrapper};

/// Methods that call a function once for each of something.
const EACH: &[&str] = &[
    "every",
    "filter",
    "find",
    "findIndex",
    "findLast",
    "flatMap",
    "forEach",
    "from",
    "map",
    "reduce",
    "reduceRight",
    "some",
];

/// Functions that call each other in a row, which are followed.
const MOST_CALLERS: usize = 100;

pub(super) struct Certainty<'n, 's, 'a> {
    tree: Tree<'s, 'a>,
    /// The function that is called after the program's last line.
    entry_point: Option<&'n str>,
    /// Calls before which an `await` was put in.
    awaited: &'n HashSet<NodeId>,
    /// For lists of statements, the end of the first after which the rest may not be reached.
    ends: HashMap<NodeId, u32>,
    /// Functions that are surely called, and those that may not be.
    called: HashMap<NodeId, bool>,
    depth: usize,
    /// Loops without an end in their text, and those with one.
    endless: HashMap<NodeId, bool>,
}

impl<'n, 's, 'a> Certainty<'n, 's, 'a> {
    pub(super) fn new(
        tree: Tree<'s, 'a>,
        entry_point: Option<&'n str>,
        awaited: &'n HashSet<NodeId>,
    ) -> Self {
        let mut certainty = Certainty {
            tree,
            entry_point,
            awaited,
            ends: HashMap::new(),
            called: HashMap::new(),
            depth: 0,
            endless: HashMap::new(),
        };
        for node in tree.nodes {
            if let AstKind::ReturnStatement(_) | AstKind::ThrowStatement(_) = node.kind() {
                certainty.end_lists_around(node.id());
            }
        }
        certainty
    }

    /// Notes for each list of statements around a `return` or `throw` that it may end there. Nodes
    /// come in the order of the text, so what is noted first stands first.
    fn end_lists_around(&mut self, jump: NodeId) {
        let mut end = self.tree.nodes.kind(jump).span().end;
        for (id, node) in self.tree.nodes.ancestors_enumerated(jump) {
            match node.kind() {
                AstKind::Program(_)
                | AstKind::BlockStatement(_)
                | AstKind::FunctionBody(_)
                | AstKind::StaticBlock(_)
                | AstKind::SwitchCase(_) => {
                    if self.ends.contains_key(&id) {
                        return;
                    }
                    self.ends.insert(id, end);
                }
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) => return,
                _ => {}
            }
            end = node.span().end;
        }
    }

    /// Whether the program makes a call, unless it fails before, and ends with its failure.
    pub(super) fn is_certain(&mut self, call: NodeId) -> bool {
        self.ends_the_program(call) && self.is_reached(call)
    }

    /// Whether nothing catches the failure of a call of a tool or of a function of the program's,
    /// as far as its promise goes: it is awaited, returned or left alone.
    fn ends_the_program(&self, call: NodeId) -> bool {
        let nodes = self.tree.nodes;
        if self.awaited.contains(&call) {
            return true;
        }
        let (mut child, mut parent) = self.tree.outside(call);
        loop {
            match nodes.kind(parent) {
                AstKind::AwaitExpression(_)
                | AstKind::ExpressionStatement(_)
                | AstKind::ReturnStatement(_)
                | AstKind::ArrowFunctionExpression(_) => return true,
                AstKind::ArrayExpression(_) => {
                    let (array, call) = self.tree.outside(parent);
                    match nodes.kind(call) {
                        AstKind::CallExpression(all)
                            if self.is_promise_all(all)
                                && all.arguments_span().is_some_and(|arguments| {
                                    arguments.contains_inclusive(nodes.kind(array).span())
                                }) =>
                        {
                            (child, parent) = self.tree.outside(call);
                        }
                        _ => return false,
                    }
                }
                // `main().then(show)`: what fails is passed on.
                AstKind::StaticMemberExpression(member)
                    if member.property.name == "then"
                        && member
                            .object
                            .span()
                            .contains_inclusive(nodes.kind(child).span()) =>
                {
                    let (callee, call) = self.tree.outside(parent);
                    match nodes.kind(call) {
                        AstKind::CallExpression(then)
                            if then.arguments.len() == 1
                                && !then.arguments[0].is_spread()
                                && is_callee(then, nodes.kind(callee).span()) =>
                        {
                            (child, parent) = self.tree.outside(call);
                        }
                        _ => return false,
                    }
                }
                _ => return false,
            }
        }
    }

    fn is_promise_all(&self, call: &CallExpression<'a>) -> bool {
        match call.callee.get_inner_expression() {
            Expression::StaticMemberExpression(member) => {
                member.property.name == "all" && self.tree.is_global(&member.object, "Promise")
            }
            _ => false,
        }
    }

    /// Whether the program comes to a place, unless it fails before.
    fn is_reached(&mut self, place: NodeId) -> bool {
        let nodes = self.tree.nodes;
        let mut child = nodes.kind(place).span();
        for (id, node) in nodes.ancestors_enumerated(place) {
            let kind = node.kind();
            let within = |part: Span| part.contains_inclusive(child);
            let goes_on = match kind {
                AstKind::Program(_) => return !self.is_cut_off(id, child),
                AstKind::Function(function) => {
                    return !function.generator && self.is_called(id);
                }
                AstKind::ArrowFunctionExpression(_) => return self.is_called(id),
                AstKind::FunctionBody(_) | AstKind::BlockStatement(_) => {
                    !self.is_cut_off(id, child)
                }
                AstKind::IfStatement(choice) => within(choice.test.span()),
                AstKind::ConditionalExpression(choice) => within(choice.test.span()),
                AstKind::LogicalExpression(logical) => within(logical.left.span()),
                AstKind::SwitchStatement(switch) => within(switch.discriminant.span()),
                AstKind::ForStatement(counted) => counted
                    .init
                    .as_ref()
                    .is_some_and(|init| within(init.span())),
                AstKind::ForInStatement(each) => within(each.right.span()),
                AstKind::ForOfStatement(each) => within(each.right.span()),
                AstKind::AssignmentExpression(assignment) => !assignment.operator.is_logical(),
                AstKind::VariableDeclarator(variable) => variable
                    .init
                    .as_ref()
                    .is_some_and(|init| within(init.span())),
                AstKind::ExpressionStatement(_)
                | AstKind::VariableDeclaration(_)
                | AstKind::ReturnStatement(_)
                | AstKind::ThrowStatement(_)
                | AstKind::ExportDeclaration(_)
                | AstKind::ExportDefaultDeclaration(_)
                | AstKind::AwaitExpression(_)
                | AstKind::UnaryExpression(_)
                | AstKind::BinaryExpression(_)
                | AstKind::ArrayExpression(_)
                | AstKind::ObjectExpression(_)
                | AstKind::ObjectProperty(_)
                | AstKind::SpreadElement(_)
                | AstKind::TemplateLiteral(_)
                | AstKind::SequenceExpression(_)
                | AstKind::NewExpression(_)
                | AstKind::CallExpression(_)
                | AstKind::StaticMemberExpression(_)
                | AstKind::ComputedMemberExpression(_) => true,
                _ => is_wrapper(kind),
            };
            if !goes_on {
                return false;
            }
            child = kind.span();
        }
        false
    }

    /// Whether a `return` or `throw` may come before a place in a list of statements.
    fn is_cut_off(&self, list: NodeId, place: Span) -> bool {
        self.ends.get(&list).is_some_and(|end| *end <= place.start)
    }

    /// Whether a function is surely called, and its failure surely ends the program.
    fn is_called(&mut self, function: NodeId) -> bool {
        if let Some(called) = self.called.get(&function) {
            return *called;
        }
        // Until it is known: a function that only calls itself is not called. What nobody wrote must
        // not use up the stack.
        self.called.insert(function, false);
        if self.depth == MOST_CALLERS {
            return false;
        }
        self.depth += 1;
        let called = self.is_entry_point(function)
            || self
                .calls_of(function)
                .into_iter()
                .any(|call| self.is_certain(call));
        self.depth -= 1;
        self.called.insert(function, called);
        called
    }

    fn is_entry_point(&self, function: NodeId) -> bool {
        let Some(entry_point) = self.entry_point else {
            return false;
        };
        match self.tree.symbol_of_function(function) {
            Some(symbol) => {
                self.tree.scoping.symbol_name(symbol) == entry_point
                    && self.tree.scoping.get_root_binding(entry_point.into()) == Some(symbol)
            }
            None => {
                let (_, parent) = self.tree.outside(function);
                match self.tree.nodes.kind(parent) {
                    AstKind::ExportDefaultDeclaration(_) => entry_point == "__default",
                    AstKind::ExpressionStatement(_) => entry_point == "__value",
                    _ => false,
                }
            }
        }
    }

    /// The calls of a function, as far as they are by its own name or in its own place.
    fn calls_of(&self, function: NodeId) -> Vec<NodeId> {
        let nodes = self.tree.nodes;
        let calls = |callee: NodeId| {
            let (callee, parent) = self.tree.outside(callee);
            match nodes.kind(parent) {
                AstKind::CallExpression(call) if is_callee(call, nodes.kind(callee).span()) => {
                    Some(parent)
                }
                _ => None,
            }
        };
        match self.tree.symbol_of_function(function) {
            Some(symbol) => self
                .tree
                .scoping
                .get_resolved_references(symbol)
                .filter_map(|reference| calls(reference.node_id()))
                .collect(),
            None => calls(function).into_iter().collect(),
        }
    }

    /// Whether a place is in a loop of its function, callbacks of `map` and its like included.
    pub(super) fn repeats(&mut self, place: NodeId) -> Repeats {
        let nodes = self.tree.nodes;
        let mut child = nodes.kind(place).span();
        let mut found = Repeats::No;
        for (id, node) in nodes.ancestors_enumerated(place) {
            let kind = node.kind();
            let within = |part: Span| part.contains_inclusive(child);
            let unbounded = match kind {
                AstKind::WhileStatement(while_) => Some(is_true(&while_.test)),
                AstKind::DoWhileStatement(do_) => Some(is_true(&do_.test)),
                AstKind::ForStatement(for_) => {
                    let first = for_.init.as_ref().is_some_and(|init| within(init.span()));
                    (!first).then(|| for_.test.as_ref().is_none_or(is_true))
                }
                AstKind::ForInStatement(each) => within(each.body.span()).then_some(false),
                AstKind::ForOfStatement(each) => within(each.body.span()).then_some(false),
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) => {
                    match self.callback(id) {
                        Callback::Each => Some(false),
                        Callback::Once => None,
                        Callback::Unknown => return found,
                    }
                }
                _ => None,
            };
            match unbounded {
                Some(true) if self.is_endless(id) => return Repeats::Endless,
                Some(_) => found = Repeats::Each,
                None => {}
            }
            child = kind.span();
        }
        found
    }

    fn callback(&self, function: NodeId) -> Callback {
        let nodes = self.tree.nodes;
        let (function, parent) = self.tree.outside(function);
        let AstKind::CallExpression(call) = nodes.kind(parent) else {
            return Callback::Unknown;
        };
        if is_callee(call, nodes.kind(function).span()) {
            return Callback::Once;
        }
        match call.callee.get_inner_expression().get_member_expr() {
            Some(member)
                if member
                    .static_property_name()
                    .is_some_and(|name| EACH.contains(&name)) =>
            {
                Callback::Each
            }
            _ => Callback::Unknown,
        }
    }

    fn is_endless(&mut self, id: NodeId) -> bool {
        let nodes = self.tree.nodes;
        *self.endless.entry(id).or_insert_with(|| {
            let mut exits = Exits(false);
            match nodes.kind(id) {
                AstKind::WhileStatement(it) => exits.visit_statement(&it.body),
                AstKind::DoWhileStatement(it) => exits.visit_statement(&it.body),
                AstKind::ForStatement(it) => exits.visit_statement(&it.body),
                _ => return false,
            }
            !exits.0
        })
    }
}

/// How a function that is no declaration is used where it stands.
enum Callback {
    Each,
    Once,
    Unknown,
}

pub(super) fn is_true(test: &Expression) -> bool {
    match test.get_inner_expression() {
        Expression::BooleanLiteral(literal) => literal.value,
        Expression::NumericLiteral(literal) => literal.value != 0.0,
        _ => false,
    }
}

/// Whether a loop's body holds something that ends the loop.
pub(super) struct Exits(pub(super) bool);

impl<'a> Visit<'a> for Exits {
    fn visit_break_statement(&mut self, _: &BreakStatement<'a>) {
        self.0 = true;
    }
    fn visit_continue_statement(&mut self, jump: &ContinueStatement<'a>) {
        self.0 |= jump.label.is_some();
    }
    fn visit_return_statement(&mut self, _: &ReturnStatement<'a>) {
        self.0 = true;
    }
    fn visit_throw_statement(&mut self, _: &ThrowStatement<'a>) {
        self.0 = true;
    }
    fn visit_yield_expression(&mut self, _: &YieldExpression<'a>) {
        self.0 = true;
    }
    fn visit_function(&mut self, _: &Function<'a>, _: ScopeFlags) {}
    fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
    fn visit_class(&mut self, _: &Class<'a>) {}
}
