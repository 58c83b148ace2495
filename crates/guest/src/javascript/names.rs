//! Which expressions of a program are tools, as far as its text tells.
//!
//! The rules are those of `prelude.js`: what stands here as a tool is one there. A name stands for
//! a tool if it is bound once and never assigned to.

use std::collections::HashMap;

use oxc::ast::AstKind;
use oxc::ast::ast::{
    BindingPattern, CallExpression, ChainElement, Expression, IdentifierReference,
    ImportDeclaration, ImportDeclarationSpecifier, MemberExpression, ObjectPattern,
};
use oxc::syntax::symbol::SymbolId;

use super::tree::Tree;

/// What an expression of the SDK is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    /// What an import of `tools` has.
    Sdk,
    /// `tools` itself, or what stands behind it after `depth` names; without a path if one of these
    /// is made at run time.
    Tool {
        path: Option<String>,
        depth: usize,
    },
    /// `tools.server.tool.raw` or `.keep`: the same tool, its result in another form.
    Form {
        path: Option<String>,
    },
    CallTool,
    SearchTools,
    /// `store`, `load` or a method of the first.
    Stored,
    Require,
}

/// A call of a tool.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ToolCall {
    /// Without `tools.`; absent if it is made at run time, or if it is no path of the catalog.
    pub(super) path: Option<String>,
    /// Arguments before those of the tool.
    pub(super) skipped: usize,
}

/// The names of one program.
pub(super) struct Names<'s, 'a> {
    pub(super) tree: Tree<'s, 'a>,
    symbols: HashMap<SymbolId, Meaning>,
}

/// Whether a text may call tools.
pub(super) fn may_call_tools(source: &str) -> bool {
    ["tool", "Tool", "store", "load("]
        .iter()
        .any(|word| source.contains(word))
}

impl<'s, 'a> Names<'s, 'a> {
    pub(super) fn new(tree: Tree<'s, 'a>) -> Self {
        let mut names = Names {
            tree,
            symbols: HashMap::new(),
        };
        for node in tree.nodes {
            match node.kind() {
                AstKind::VariableDeclarator(variable) => {
                    if let Some(value) = &variable.init
                        && let Some(meaning) = names.meaning(value)
                    {
                        names.bind(&variable.id, &meaning);
                    }
                }
                AstKind::ImportDeclaration(import) => names.import(import),
                _ => {}
            }
        }
        names
    }

    /// The call of a tool that an expression is.
    pub(super) fn tool_call(&self, call: &CallExpression<'a>) -> Option<ToolCall> {
        let first = || {
            call.arguments
                .first()
                .and_then(|first| first.as_expression())
        };
        let (path, skipped) = match self.meaning(&call.callee)? {
            Meaning::Tool { path, depth } if depth > 0 => (path, 0),
            Meaning::Form { path } => (path, 0),
            Meaning::CallTool => (first().and_then(text), 1),
            Meaning::SearchTools | Meaning::Stored => (None, 0),
            Meaning::Sdk | Meaning::Tool { .. } | Meaning::Require => return None,
        };
        Some(ToolCall { path, skipped })
    }

    /// Whether an expression is a tool, not its call.
    pub(super) fn is_tool(&self, expression: &Expression<'a>) -> bool {
        match self.meaning(expression) {
            Some(Meaning::Tool { depth, .. }) => depth >= 2,
            Some(Meaning::Form { .. }) => true,
            _ => false,
        }
    }

    fn meaning(&self, expression: &Expression<'a>) -> Option<Meaning> {
        match expression.get_inner_expression() {
            Expression::Identifier(name) => {
                let known = self
                    .tree
                    .constant(name)
                    .and_then(|symbol| self.symbols.get(&symbol));
                known.cloned().or_else(|| self.meaning_of_global(name))
            }
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::CallExpression(call) => self.meaning_of_call(call),
                ChainElement::TSNonNullExpression(inner) => self.meaning(&inner.expression),
                element => self.meaning_of_member(element.as_member_expression()?),
            },
            Expression::CallExpression(call) => self.meaning_of_call(call),
            Expression::AwaitExpression(awaited) => match awaited.argument.get_inner_expression() {
                Expression::ImportExpression(import) => {
                    is_sdk(&text(&import.source)?).then_some(Meaning::Sdk)
                }
                _ => self.meaning(&awaited.argument),
            },
            inner => self.meaning_of_member(inner.as_member_expression()?),
        }
    }

    fn meaning_of_global(&self, name: &IdentifierReference) -> Option<Meaning> {
        let meaning = match name.name.as_str() {
            "tools" => Meaning::Tool {
                path: Some(String::new()),
                depth: 0,
            },
            "call_tool" | "callTool" => Meaning::CallTool,
            "search_tools" => Meaning::SearchTools,
            "store" | "load" => Meaning::Stored,
            "require" => Meaning::Require,
            _ => return None,
        };
        self.tree.is_global_name(name).then_some(meaning)
    }

    fn meaning_of_call(&self, call: &CallExpression<'a>) -> Option<Meaning> {
        if self.meaning(&call.callee)? != Meaning::Require {
            return None;
        }
        let module = text(call.arguments.first()?.as_expression()?)?;
        is_sdk(&module).then_some(Meaning::Sdk)
    }

    fn meaning_of_member(&self, member: &MemberExpression<'a>) -> Option<Meaning> {
        let object = self.meaning(member.object())?;
        match member {
            MemberExpression::PrivateFieldExpression(_) => None,
            MemberExpression::StaticMemberExpression(member) => {
                member_of(&object, Some(member.property.name.as_str()))
            }
            MemberExpression::ComputedMemberExpression(member) => {
                member_of(&object, text(&member.expression).as_deref())
            }
        }
    }

    fn import(&mut self, import: &ImportDeclaration<'a>) {
        if !is_sdk(&import.source.value) {
            return;
        }
        for specifier in import.specifiers.iter().flatten() {
            let meaning = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(specifier) => {
                    member_of(&Meaning::Sdk, Some(&specifier.imported.name()))
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(_)
                | ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => Some(Meaning::Sdk),
            };
            if let Some(meaning) = meaning {
                self.symbols.insert(specifier.local().symbol_id(), meaning);
            }
        }
    }

    fn bind(&mut self, pattern: &BindingPattern<'a>, meaning: &Meaning) {
        match pattern {
            BindingPattern::BindingIdentifier(name) => {
                self.symbols.insert(name.symbol_id(), meaning.clone());
            }
            BindingPattern::ObjectPattern(pattern) => self.bind_members(pattern, meaning),
            BindingPattern::ArrayPattern(_) | BindingPattern::AssignmentPattern(_) => {}
        }
    }

    fn bind_members(&mut self, pattern: &ObjectPattern<'a>, meaning: &Meaning) {
        for property in &pattern.properties {
            let name = match property.computed {
                false => property.key.static_name().map(|name| name.into_owned()),
                true => property.key.as_expression().and_then(text),
            };
            if let Some(member) = member_of(meaning, name.as_deref()) {
                self.bind(&property.value, &member);
            }
        }
    }
}

fn is_sdk(module: &str) -> bool {
    matches!(module, "tools" | "toolmill")
}

/// A member of a part of the SDK; its name is absent if it is made at run time.
fn member_of(object: &Meaning, name: Option<&str>) -> Option<Meaning> {
    match object {
        Meaning::Sdk => match name? {
            "default" | "tools" => Some(Meaning::Tool {
                path: Some(String::new()),
                depth: 0,
            }),
            "call_tool" | "callTool" => Some(Meaning::CallTool),
            "search_tools" => Some(Meaning::SearchTools),
            "ToolError" => None,
            name => member_of(
                &Meaning::Tool {
                    path: Some(String::new()),
                    depth: 0,
                },
                Some(name),
            ),
        },
        Meaning::Tool { path, depth } => match name {
            Some("then" | "toJSON" | "constructor") => None,
            Some("raw" | "keep") if *depth >= 2 => Some(Meaning::Form { path: path.clone() }),
            Some(name) => Some(Meaning::Tool {
                path: path.as_ref().map(|path| match path.as_str() {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                }),
                depth: depth + 1,
            }),
            None => Some(Meaning::Tool {
                path: None,
                depth: depth + 1,
            }),
        },
        Meaning::Stored => matches!(name, Some("keys" | "delete")).then_some(Meaning::Stored),
        _ => None,
    }
}

/// The text that an expression is written as.
pub(super) fn text(expression: &Expression) -> Option<String> {
    match expression.get_inner_expression() {
        Expression::StringLiteral(literal) if !literal.lone_surrogates => {
            Some(literal.value.to_string())
        }
        Expression::TemplateLiteral(template) => match &template.quasis[..] {
            [only] if !only.lone_surrogates => only.value.cooked.map(|text| text.to_string()),
            _ => None,
        },
        _ => None,
    }
}
