//! The names that a program defines at its top level, for who runs the next one.

use std::collections::HashSet;

use oxc::ast::ast::{BindingPattern, Declaration, Program, Statement};
use oxc::semantic::Scoping;
use protocol::Defined;

use super::source::parameters;

/// Those of a program; what it imports and what are only types are not among them.
pub(super) fn defined(program: &Program, scoping: &Scoping) -> Defined {
    let functions: HashSet<&str> = program.body.iter().flat_map(functions_of).collect();
    let mut defined = Defined::default();
    for symbol in scoping.iter_bindings_in(scoping.root_scope_id()) {
        let (name, flags) = (scoping.symbol_name(symbol), scoping.symbol_flags(symbol));
        let names = match flags {
            flags if flags.is_import() || !flags.is_value() => continue,
            flags if flags.is_function() || flags.is_class() || functions.contains(name) => {
                &mut defined.functions
            }
            _ => &mut defined.values,
        };
        if names.len() < Defined::MOST_NAMES {
            names.push(name.to_owned());
        }
    }
    defined
}

/// Names of `const f = () => …`.
fn functions_of<'p>(statement: &'p Statement) -> Vec<&'p str> {
    let declaration = match statement {
        Statement::ExportDeclaration(export) => Some(&export.declaration),
        statement => statement.as_declaration(),
    };
    let Some(Declaration::VariableDeclaration(variables)) = declaration else {
        return Vec::new();
    };
    variables
        .declarations
        .iter()
        .filter(|variable| {
            variable
                .init
                .as_ref()
                .is_some_and(|value| parameters(value).is_some())
        })
        .filter_map(|variable| match &variable.id {
            BindingPattern::BindingIdentifier(name) => Some(name.name.as_str()),
            _ => None,
        })
        .collect()
}
