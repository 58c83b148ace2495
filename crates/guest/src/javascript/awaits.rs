//! Puts in the `await`s that a program forgot.
//!
//! A call of a tool, or of a function of the program's own that returns a promise, has the value it
//! will have once it is awaited, unless its promise comes to a place where promises are waited for:
//! concurrency stays where the program asks for it. To await what is no promise changes nothing, so
//! that one `await` too many does no harm. Where the language allows none, the call's promise stays
//! and is guarded (`prelude.js`); where not even the guard would notice, the program is refused.

use std::collections::{BTreeSet, HashSet};

use oxc::ast::AstKind;
use oxc::ast::ast::{
    AssignmentExpression, AssignmentTarget, CallExpression, Expression, MemberExpression,
    UnaryOperator,
};
use oxc::semantic::NodeId;
use oxc::span::{GetSpan, Span};
use oxc::syntax::operator::BinaryOperator;
use protocol::{ErrorCode, ProgramError};

use super::edits::Edits;
use super::flow::{Carried, Flow};
use super::kept;
use super::names::Names;
use super::promises::{Kind, Promises, member_name};
use super::source::{line_of, mark};
use super::tree::{Tree, function_id, is_callee, is_wrapper};

/// Repairs that are told one by one.
const MOST_TOLD: usize = 4;

/// Array methods that take what their function returns for an answer at once.
const ASKING: &[&str] = &[
    "every",
    "filter",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
    "some",
    "sort",
    "toSorted",
];

/// What was put in.
#[derive(Default)]
pub(super) struct Repaired {
    pub(super) note: Option<String>,
    /// The calls that are awaited now.
    pub(super) awaited: HashSet<NodeId>,
}

/// Puts in what is missing, beside the `return`s that are in `edits` already.
///
/// # Errors
/// A promise that would be taken for a value, where no `await` can be put in.
pub(super) fn repair(
    source: &str,
    names: &Names,
    edits: &mut Edits,
) -> Result<Repaired, Box<ProgramError>> {
    let tree = names.tree;
    let mut repairs = Repairs {
        source,
        tree,
        promises: Promises::new(names),
        flow: Flow::new(tree),
        returned: edits.starts().collect(),
        begun: edits.starts().collect(),
        edits,
        told: Vec::new(),
        awaits: Vec::new(),
        awaited: HashSet::new(),
        statements: HashSet::new(),
    };
    for node in tree.nodes {
        match node.kind() {
            AstKind::ExpressionStatement(statement) => {
                repairs.statements.insert(statement.span.start);
            }
            AstKind::AwaitExpression(awaited) => {
                let function = repairs.tree.function_around(node.id());
                repairs.awaits.push((awaited.span.start, function));
            }
            _ => {}
        }
    }
    for node in tree.nodes {
        if let AstKind::CallExpression(call) = node.kind() {
            repairs.call(node.id(), call)?;
        }
    }
    repairs.awaits.sort_unstable_by_key(|(at, _)| *at);
    for node in tree.nodes {
        if let AstKind::AssignmentExpression(assignment) = node.kind() {
            repairs.sum(node.id(), assignment);
        }
    }
    Ok(Repaired {
        note: repairs.note(),
        awaited: repairs.awaited,
    })
}

struct Repairs<'n, 's, 'a, 'e> {
    source: &'e str,
    tree: Tree<'s, 'a>,
    promises: Promises<'n, 's, 'a>,
    flow: Flow<'s, 'a>,
    edits: &'e mut Edits,
    /// Where statements begin whose value is the program's.
    returned: HashSet<u32>,
    /// Where something is put in.
    begun: BTreeSet<u32>,
    /// Where each repair is, and what it is.
    told: Vec<(u32, String)>,
    /// Where `await`s are, the program's own and those put in, and in which functions.
    awaits: Vec<(u32, Option<NodeId>)>,
    awaited: HashSet<NodeId>,
    /// Where expression statements begin.
    statements: HashSet<u32>,
}

impl<'a> Repairs<'_, '_, 'a, '_> {
    fn call(&mut self, id: NodeId, call: &CallExpression<'a>) -> Result<(), Box<ProgramError>> {
        if let Some(member) = call.callee.get_inner_expression().as_member_expression()
            && let Some(name) = member_name(member)
            && let Some(callback) = call
                .arguments
                .first()
                .and_then(|first| first.as_expression())
        {
            if ASKING.contains(&name)
                && !self.promises.is_method(name)
                // What a member of some name is, is a guess.
                && (callback.as_member_expression().is_none() || self.promises.names.is_tool(callback))
                && self.promises.of_callback(callback).is_some()
            {
                if !self.ask(id, name, call, member) {
                    return Err(self.asked(name, member, callback));
                }
                return Ok(());
            }
            if name == "forEach" && self.promises.of_callback(callback).is_some() {
                self.each(id, call, member);
                return Ok(());
            }
            if matches!(name, "reduce" | "reduceRight")
                && self.promises.of_callback(callback).is_some()
            {
                self.accumulator(callback);
            }
        }
        let Some(kind) = self.promises.of_call(call) else {
            self.await_what_is_tried(id, call);
            return Ok(());
        };
        if kept::is_kept(self.source, self.tree, id) {
            return Ok(());
        }
        if !self.can_await(id) {
            let is_sure = call
                .callee
                .get_inner_expression()
                .as_member_expression()
                .is_none()
                || self.promises.names.tool_call(call).is_some();
            return match is_sure && self.is_taken_for_a_value(id) {
                true => Err(self.taken(call)),
                false => Ok(()),
            };
        }
        let (whole, parent) = self.around(id);
        let is_awaited = match self.tree.nodes.kind(parent) {
            // Of an array, `await` waits for nothing.
            AstKind::AwaitExpression(_) => {
                if kind == Kind::Many {
                    self.wrap_all(whole, call, false);
                }
                return Ok(());
            }
            AstKind::ReturnStatement(_) if kind == Kind::One => !self.is_tried(parent),
            AstKind::ReturnStatement(_) if !self.is_tried(parent) => self.is_at_top(parent),
            AstKind::ArrowFunctionExpression(_) => kind == Kind::One,
            AstKind::ExportDefaultDeclaration(_) => true,
            // The value of the program.
            AstKind::ExpressionStatement(statement)
                if self.returned.contains(&statement.span.start) =>
            {
                !self.is_tried(parent)
            }
            AstKind::ExpressionStatement(_) => kept::is_endless(self.tree, call),
            _ => {
                let carried = match kind {
                    Kind::One => Carried::Promise,
                    Kind::Many => Carried::Holder,
                };
                self.flow.is_awaited(id, carried) || self.is_settled_at_the_end(id)
            }
        };
        if !is_awaited {
            match kind {
                Kind::One => self.wrap(id, whole, call),
                Kind::Many => self.wrap_all(whole, call, true),
            }
        }
        Ok(())
    }

    /// A call with the optional chain that it ends, and what that stands in.
    fn around(&self, id: NodeId) -> (NodeId, NodeId) {
        let (_, parent) = self.tree.outside(id);
        match self.tree.nodes.kind(parent) {
            AstKind::ChainExpression(_) => (parent, self.tree.outside(parent).1),
            _ => (id, parent),
        }
    }

    /// Whether `await` may stand where a node is.
    fn can_await(&self, id: NodeId) -> bool {
        for (id, node) in self.tree.nodes.ancestors_enumerated(id) {
            match node.kind() {
                AstKind::Program(_) => return true,
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) => {
                    return self.tree.is_async(id);
                }
                AstKind::FormalParameters(_)
                | AstKind::PropertyDefinition(_)
                | AstKind::AccessorProperty(_)
                | AstKind::StaticBlock(_)
                | AstKind::TSModuleBlock(_)
                | AstKind::TSEnumDeclaration(_)
                | AstKind::Decorator(_) => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether a statement is in the program itself, not in a function of its.
    fn is_at_top(&self, id: NodeId) -> bool {
        !self.tree.nodes.ancestor_kinds(id).any(|kind| {
            matches!(
                kind,
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
            )
        })
    }

    /// Whether a statement is in a `try` of its function, which is left before a promise settles.
    fn is_tried(&self, id: NodeId) -> bool {
        for kind in self.tree.nodes.ancestor_kinds(id) {
            match kind {
                AstKind::TryStatement(_) => return true,
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether a call is in an array or object that is the program's value, in which promises are
    /// waited for.
    fn is_settled_at_the_end(&self, id: NodeId) -> bool {
        for (id, node) in self.tree.nodes.ancestors_enumerated(id) {
            match node.kind() {
                AstKind::ArrayExpression(_)
                | AstKind::ObjectExpression(_)
                | AstKind::ObjectProperty(_) => {}
                AstKind::ReturnStatement(_) => return self.is_at_top(id) && !self.is_tried(id),
                AstKind::ExpressionStatement(statement) => {
                    return self.returned.contains(&statement.span.start) && !self.is_tried(id);
                }
                kind if is_wrapper(kind) => {}
                _ => return false,
            }
        }
        false
    }

    /// Whether a promise stands where no guard would notice that it is one.
    fn is_taken_for_a_value(&self, id: NodeId) -> bool {
        let (child, parent) = self.tree.outside(id);
        let within = |part: &Expression| part.span().contains_inclusive(self.tree.span(child));
        match self.tree.nodes.kind(parent) {
            AstKind::IfStatement(choice) => within(&choice.test),
            AstKind::ConditionalExpression(choice) => within(&choice.test),
            AstKind::LogicalExpression(logical) => within(&logical.left),
            AstKind::WhileStatement(it) => within(&it.test),
            AstKind::DoWhileStatement(it) => within(&it.test),
            AstKind::ForStatement(it) => it.test.as_ref().is_some_and(within),
            AstKind::SwitchStatement(switch) => within(&switch.discriminant),
            AstKind::UnaryExpression(unary) => {
                matches!(
                    unary.operator,
                    UnaryOperator::LogicalNot | UnaryOperator::Typeof
                )
            }
            AstKind::BinaryExpression(binary) => matches!(
                binary.operator,
                BinaryOperator::Equality
                    | BinaryOperator::Inequality
                    | BinaryOperator::StrictEquality
                    | BinaryOperator::StrictInequality
            ),
            AstKind::SpreadElement(_) => matches!(
                self.tree.nodes.parent_kind(parent),
                AstKind::ObjectExpression(_)
            ),
            _ => false,
        }
    }

    /// Puts `await` before a call.
    fn wrap(&mut self, id: NodeId, whole: NodeId, call: &CallExpression<'a>) {
        let span = self.tree.span(whole);
        let (child, parent) = self.tree.outside(whole);
        let needs_parentheses = match self.tree.nodes.kind(parent) {
            AstKind::StaticMemberExpression(_)
            | AstKind::PrivateFieldExpression(_)
            | AstKind::TaggedTemplateExpression(_) => true,
            AstKind::ComputedMemberExpression(member) => member
                .object
                .span()
                .contains_inclusive(self.tree.span(child)),
            AstKind::CallExpression(outer) => is_callee(outer, self.tree.span(child)),
            AstKind::BinaryExpression(binary) => binary.operator == BinaryOperator::Exponential,
            _ => false,
        };
        if needs_parentheses {
            // An optional call that ends here would no longer end what comes after it.
            if call.optional || self.text(call.callee.span()).contains("?.") {
                return;
            }
            self.open(span.start, "(await ");
            self.edits.insert(span.end, ")");
        } else {
            self.open(span.start, "await ");
        }
        self.awaits
            .push((span.start, self.tree.function_around(id)));
        self.awaited.insert(id);
        let text = format!("await added before {}", self.shown(call));
        self.tell(call.span, text);
    }

    /// Puts `await` before what a `try` returns that may be a promise: else it is left before that
    /// settles.
    fn await_what_is_tried(&mut self, id: NodeId, call: &CallExpression<'a>) {
        let (_, parent) = self.tree.outside(id);
        let is_unknown = match call.callee.get_inner_expression() {
            Expression::Identifier(name) => self
                .tree
                .symbol(name)
                .is_some_and(|symbol| self.tree.function_of_symbol(symbol).is_none()),
            _ => false,
        };
        if is_unknown
            && matches!(self.tree.nodes.kind(parent), AstKind::ReturnStatement(_))
            && self.is_tried(parent)
            && self.can_await(id)
        {
            self.open(call.span.start, "await ");
        }
    }

    /// Puts `Promise.all` around an array of promises, and `await` before it.
    fn wrap_all(&mut self, whole: NodeId, call: &CallExpression<'a>, with_await: bool) {
        let span = self.tree.span(whole);
        let is_flat = matches!(
            call.callee
                .get_inner_expression()
                .as_member_expression()
                .and_then(member_name),
            Some("flatMap")
        );
        self.open(
            span.start,
            if with_await {
                "(await __all("
            } else {
                "__all("
            },
        );
        self.edits.insert(
            span.end,
            match (with_await, is_flat) {
                (true, true) => ")).flat()",
                (true, false) => "))",
                (false, true) => ").then((__all) => __all.flat())",
                (false, false) => ")",
            },
        );
        self.awaits
            .push((span.start, self.tree.function_around(whole)));
        let text = format!("await Promise.all added around {}", self.shown(call));
        self.tell(call.span, text);
    }

    /// Makes `forEach` wait for each of its calls in turn.
    fn each(&mut self, id: NodeId, call: &CallExpression<'a>, member: &MemberExpression<'a>) {
        let (_, parent) = self.tree.outside(id);
        let word = match self.tree.nodes.kind(parent) {
            AstKind::AwaitExpression(_) => "__each(",
            AstKind::ExpressionStatement(_) if self.can_await(id) => "await __each(",
            _ => return,
        };
        let object = member.object().span();
        self.open(object.start, word);
        let first = call.arguments[0].span();
        self.edits.replace(Span::new(object.end, first.start), ", ");
        self.awaits
            .push((object.start, self.tree.function_around(id)));
        self.tell(call.span, "forEach waits for each call in turn".into());
    }

    /// Makes a method such as `filter` wait for what its function answers, where that can be.
    fn ask(
        &mut self,
        id: NodeId,
        name: &str,
        call: &CallExpression<'a>,
        member: &MemberExpression<'a>,
    ) -> bool {
        let object = member.object().span();
        let is_plain = !matches!(name, "sort" | "toSorted")
            && !call.optional
            && !self.text(call.callee.span()).contains("?.")
            && matches!(call.callee, Expression::StaticMemberExpression(_));
        if !is_plain || !self.can_await(id) {
            return false;
        }
        self.open(object.start, "(await __asked(");
        let first = call.arguments[0].span();
        let between = Span::new(object.end, first.start);
        self.edits.replace(between, format!(", {name:?}, "));
        self.edits.insert(call.span.end, ")");
        self.awaits
            .push((object.start, self.tree.function_around(id)));
        self.tell(
            call.span,
            format!("{name} waits for what its function answers"),
        );
        true
    }

    /// Puts `await` before what an async function of `reduce` has got so far.
    fn accumulator(&mut self, callback: &Expression<'a>) {
        let Some(function) = function_id(callback) else {
            return;
        };
        let parameters = match self.tree.nodes.kind(function) {
            _ if !self.tree.is_async(function) => return,
            AstKind::Function(it) => &it.params,
            AstKind::ArrowFunctionExpression(it) => &it.params,
            _ => return,
        };
        let Some(name) = parameters
            .items
            .first()
            .and_then(|first| first.pattern.get_binding_identifier())
        else {
            return;
        };
        let symbol = name.symbol_id();
        if self.flow.is_symbol_awaited(symbol, Carried::Promise) {
            return;
        }
        let references: Vec<NodeId> = self
            .tree
            .scoping
            .get_resolved_references(symbol)
            .map(|reference| reference.node_id())
            .collect();
        let can_repair = |reference: &NodeId| {
            let kind = self.tree.nodes.parent_kind(*reference);
            let is_shorthand =
                matches!(kind, AstKind::ObjectProperty(property) if property.shorthand);
            self.can_await(*reference) && !is_shorthand
        };
        if !self.tree.is_constant(symbol) || !references.iter().all(can_repair) {
            return;
        }
        for reference in &references {
            let span = self.tree.span(*reference);
            self.open(span.start, "(await ");
            self.edits.insert(span.end, ")");
            self.awaits.push((span.start, Some(function)));
        }
        if let Some(first) = references.first() {
            let text = format!("await added before {}", name.name);
            self.tell(self.tree.span(*first), text);
        }
    }

    /// Makes a sum such as `total += await …` read the total after it has waited, since other calls
    /// may have added to it meanwhile.
    fn sum(&mut self, id: NodeId, assignment: &AssignmentExpression<'a>) {
        let function = self.tree.function_around(id);
        let right = assignment.right.span();
        if assignment.operator.is_assign()
            || assignment.operator.is_logical()
            || function.is_none()
            || !self.waits_within(right, function)
            // What is put into the target would be lost.
            || self
                .begun
                .range(assignment.span.start..right.start)
                .next()
                .is_some()
        {
            return;
        }
        let target = match &assignment.left {
            AssignmentTarget::AssignmentTargetIdentifier(name) => {
                // One of the function's own is nobody else's.
                if self.tree.symbol(name).is_some_and(|symbol| {
                    let declared = self.tree.scoping.symbol_declaration(symbol);
                    self.tree.function_around(declared) == function
                }) {
                    return;
                }
                name.span
            }
            target
                if let Some(member) = target.as_member_expression()
                    && is_simple(member.object())
                    && (!member.is_computed() || is_simple_key(member)) =>
            {
                member.span()
            }
            _ => return,
        };
        let operator = assignment.operator.as_str();
        let text = self.text(target).to_owned();
        let begin = Span::new(assignment.span.start, right.start);
        let mut word = format!("((__sum) => {text} {operator} __sum)(");
        if self.may_continue_a_line(begin.start) {
            word.insert_str(0, "0,");
        }
        self.edits.replace(begin, word);
        self.edits.insert(right.end, ")");
        let text = format!("{text} is read after the await");
        self.tell(assignment.span, text);
    }

    /// Whether there is an `await` of a function in a part of it.
    fn waits_within(&self, part: Span, function: Option<NodeId>) -> bool {
        let from = self.awaits.partition_point(|(at, _)| *at < part.start);
        self.awaits[from..]
            .iter()
            .take_while(|(at, _)| *at < part.end)
            .any(|(_, known)| *known == function)
    }

    fn text(&self, span: Span) -> &str {
        &self.source[span.start as usize..span.end as usize]
    }

    /// Whether a parenthesis put in here would be taken for a call of what the line before ends with.
    fn may_continue_a_line(&self, offset: u32) -> bool {
        self.statements.contains(&offset) && !self.begun.contains(&offset)
    }

    /// Puts in the beginning of something.
    fn open(&mut self, offset: u32, word: &'static str) {
        if word.starts_with('(') && self.may_continue_a_line(offset) {
            self.edits.insert(offset, "0,");
        }
        self.edits.insert(offset, word);
        self.begun.insert(offset);
    }

    /// A call as a note names it.
    fn shown(&self, call: &CallExpression<'a>) -> String {
        const MOST: usize = 50;
        if function_id(&call.callee).is_some() {
            return "the function that is called here".into();
        }
        let whole = self.text(call.span);
        let begin = match whole.split_once('(') {
            Some((begin, _)) if !begin.trim().is_empty() => begin,
            _ => self.text(call.callee.span()),
        };
        let begin: String = begin.lines().map(str::trim).collect();
        let begin = match begin.char_indices().nth_back(MOST) {
            Some((at, _)) => format!("...{}", &begin[at..]),
            None => begin,
        };
        format!("{begin}(...)")
    }

    fn tell(&mut self, span: Span, text: String) {
        self.told.push((span.start, text));
    }

    fn note(&mut self) -> Option<String> {
        let line = |at: u32| line_of(self.source, at as usize);
        self.told.sort_by_key(|(at, _)| *at);
        let mut known = HashSet::new();
        self.told
            .retain(|(at, text)| known.insert((line(*at), text.clone())));
        let more = self.told.len().saturating_sub(MOST_TOLD);
        let mut told: Vec<String> = self
            .told
            .iter()
            .take(MOST_TOLD)
            .map(|(at, text)| format!("line {}: {text}", line_of(self.source, *at as usize)))
            .collect();
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }

    fn refused(&self, span: Span, message: String, hint: String) -> Box<ProgramError> {
        let mut error = ProgramError {
            hint: Some(hint),
            ..ProgramError::new(ErrorCode::NotAwaited, message)
        };
        mark(
            &mut error,
            self.source,
            span.start as usize,
            span.end as usize,
        );
        Box::new(error)
    }

    /// The error for a method that would take a promise for an answer.
    fn asked(
        &self,
        name: &str,
        member: &MemberExpression<'a>,
        callback: &Expression<'a>,
    ) -> Box<ProgramError> {
        let object = self.text(member.object().span());
        let object = if object.len() > 40 || object.contains('\n') {
            "list"
        } else {
            object
        };
        let message = match name {
            "sort" | "toSorted" => {
                format!("{name} cannot wait: its function returns a promise, not a number")
            }
            _ => {
                format!("{name} cannot wait: its function returns a promise, which is always true")
            }
        };
        let hint = format!(
            "get the answers first: const answers = await Promise.all({object}.map(…)), then {name} by them"
        );
        self.refused(callback.span(), message, hint)
    }

    fn taken(&self, call: &CallExpression<'a>) -> Box<ProgramError> {
        self.refused(
            call.span,
            format!(
                "{} returns a promise, which is used as a value here",
                self.shown(call)
            ),
            "make the function around it async, and put await before the call and before the \
             function's own calls"
                .into(),
        )
    }
}

/// An expression that may be evaluated twice.
fn is_simple(expression: &Expression) -> bool {
    match expression.get_inner_expression() {
        Expression::Identifier(_) | Expression::ThisExpression(_) => true,
        Expression::StaticMemberExpression(member) => is_simple(&member.object),
        _ => false,
    }
}

fn is_simple_key(member: &MemberExpression) -> bool {
    match member {
        MemberExpression::ComputedMemberExpression(member) => {
            is_simple(&member.expression) || member.expression.is_literal()
        }
        _ => false,
    }
}
