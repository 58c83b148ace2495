//! What the last programs of a session defined, so that a program that looks for it is told why it is
//! gone.
//!
//! Only names are kept. They are the guests' claims: bounded in number and length, and shown to their
//! own session alone.

use std::collections::VecDeque;
use std::sync::Mutex;

use protocol::{Defined, Done, ErrorCode};

use crate::execute::Language;
use crate::id::Short;
use crate::{Session, lock, store};

/// How many programs are remembered.
const PROGRAMS: usize = 20;
/// How many names of each, and how long one may be.
const NAMES: usize = 100;
const NAME_BYTES: usize = 64;

/// The names, the newest program first.
#[derive(Debug, Default)]
pub(crate) struct Earlier(Mutex<VecDeque<(Short, Defined)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Value,
    Function,
}

impl Earlier {
    fn remember(&self, program: Short, mut defined: Defined) {
        for names in [&mut defined.values, &mut defined.functions] {
            names.retain(|name| is_name(name));
            names.truncate(NAMES);
            names.shrink_to_fit();
        }
        if defined.is_empty() {
            return;
        }
        let mut programs = lock(&self.0);
        programs.truncate(PROGRAMS - 1);
        programs.push_front((program, defined));
    }

    /// The last program that defined a name, and as what.
    fn program_of(&self, name: &str) -> Option<(Short, What)> {
        let programs = lock(&self.0);
        programs.iter().find_map(|(program, defined)| {
            let is_among = |names: &[String]| names.iter().any(|known| known == name);
            if is_among(&defined.values) {
                return Some((*program, What::Value));
            }
            is_among(&defined.functions).then_some((*program, What::Function))
        })
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES
        && name
            .chars()
            .all(|char| char.is_alphanumeric() || char == '_' || char == '$')
}

/// To be called when a program has ended: remembers what it defined, and if it failed for a name that an
/// earlier one defined, or that a value is stored under, says so in its error.
pub(crate) async fn explain(
    session: &Session,
    program: Short,
    language: Language,
    done: &mut Done,
) {
    let defined = std::mem::take(&mut done.defined);
    if let Some(error) = &mut done.error
        && error.code == ErrorCode::UndefinedName
        && let Some(name) = error.name.take().filter(|name| is_name(name))
    {
        let was = session.earlier().program_of(&name);
        let is_stored = store::is_stored(session, &name).await;
        let lost = match was {
            Some((program, What::Value)) => {
                format!("{name} was a variable of {program}, and variables are lost after each run")
            }
            Some((program, What::Function)) => format!(
                "{name} was defined by {program}, and what a program defines is lost after it"
            ),
            None => String::new(),
        };
        let hint = match (was, is_stored) {
            (None, false) => None,
            (None, true) => Some(format!("a value is stored under \"{name}\"")),
            (Some(_), true) => Some(format!("{lost}; a value is stored under this name")),
            (Some((_, What::Value)), false) => Some(format!(
                "{lost}: make it again here, or have one program store(\"{name}\", {name}) and later ones load(\"{name}\")"
            )),
            (Some((_, What::Function)), false) => Some(format!("{lost}: define it again here")),
        };
        if hint.is_some() {
            error.hint = hint;
            error.fix = is_stored.then(|| match language {
                Language::Python => format!("{name} = load(\"{name}\")"),
                _ => format!("const {name} = await load(\"{name}\");"),
            });
        }
    }
    session.earlier().remember(program, defined);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined(values: &[&str], functions: &[&str]) -> Defined {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Defined {
            values: owned(values),
            functions: owned(functions),
        }
    }

    #[test]
    fn the_last_program_that_defined_a_name_is_found() {
        let earlier = Earlier::default();
        earlier.remember(Short('x', 1), defined(&["a", "b"], &["f"]));
        earlier.remember(Short('x', 2), defined(&["b"], &[]));
        earlier.remember(Short('x', 3), defined(&[], &[]));
        for (name, expected) in [
            ("a", Some((Short('x', 1), What::Value))),
            ("b", Some((Short('x', 2), What::Value))),
            ("f", Some((Short('x', 1), What::Function))),
            ("c", None),
        ] {
            assert_eq!(earlier.program_of(name), expected, "{name}");
        }
    }

    #[test]
    fn what_a_guest_claims_is_bounded() {
        let earlier = Earlier::default();
        let long = "n".repeat(NAME_BYTES + 1);
        let many: Vec<String> = (0..5000).map(|number| format!("v{number}")).collect();
        for number in 0..1000 {
            let mut claims = defined(&[&long, "a b", "\u{202e}", "x\n--- note"], &[]);
            claims.values.extend(many.clone());
            earlier.remember(Short('x', number), claims);
        }
        let programs = earlier.0.lock().unwrap();
        assert_eq!(programs.len(), PROGRAMS);
        let (program, newest) = &programs[0];
        assert_eq!((*program, newest.values.len()), (Short('x', 999), NAMES));
        assert_eq!(
            (newest.values.capacity(), &newest.values[0][..]),
            (NAMES, "v0")
        );
    }
}
