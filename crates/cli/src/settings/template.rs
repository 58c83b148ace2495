//! Text from a settings file in which `${VAR}` and `${VAR:-default}` stand for variables.

use std::fmt;

/// Parsed text. Its source is what a human agrees to; its expansion is used and shown to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    source: String,
    parts: Vec<Part>,
    /// Why the source is not a template: it can be shown, but not expanded.
    fault: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable {
        name: String,
        default: Option<String>,
    },
}

impl Template {
    pub(crate) fn new(source: String) -> Template {
        let (parts, fault) = match parse(&source) {
            Ok(parts) => (parts, None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        Template {
            source,
            parts,
            fault,
        }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The names of its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether all that matters of it is in the file: it refers to nothing, or brings its own
    /// default along.
    pub(crate) fn is_literal(&self) -> bool {
        let brings_default = self.parts.iter().any(
            |part| matches!(part, Part::Variable { default: Some(text), .. } if !text.is_empty()),
        );
        brings_default || (self.variables().next().is_none() && !self.source.is_empty())
    }

    /// The text with its variables' values.
    ///
    /// # Errors
    /// Names the variable that is not set, or the part that is no variable; shows no value.
    pub(crate) fn expand(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, String> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                // As in a shell, a default also stands in for an empty value.
                Part::Variable {
                    name,
                    default: Some(default),
                } => match environment(name).filter(|value| !value.is_empty()) {
                    Some(value) => text.push_str(&value),
                    None => text.push_str(default),
                },
                Part::Variable {
                    name,
                    default: None,
                } => {
                    let missing = || {
                        format!(
                            "the variable {name} is not set; set it where toolmill is started, \
                             or write ${{{name}:-default}}"
                        )
                    };
                    text.push_str(&environment(name).ok_or_else(missing)?);
                }
            }
        }
        Ok(text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)
    }
}

fn parse(source: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        // What follows an unclosed `${` may be a secret, so it is not repeated.
        let (inside, behind) = after
            .split_once('}')
            .ok_or("a `${` has no `}`; variables are written ${NAME} or ${NAME:-default}")?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (inside, None),
        };
        let mut letters = name.chars();
        let is_name = letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_name {
            return Err(format!(
                "`${{{}}}` names no variable; variables are written ${{NAME}} or ${{NAME:-default}}",
                super::document::shown(name)
            ));
        }
        parts.push(Part::Variable {
            name: name.to_owned(),
            default,
        });
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_once() {
        let environment = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${A}".to_owned()),
            _ => None,
        };
        let check = |source: &str, expected: Result<&str, &str>| {
            let expanded = Template::new(source.to_owned()).expand(&environment);
            let expanded = expanded.as_deref().map_err(String::as_str);
            assert_eq!(expanded, expected, "{source}");
        };
        check("", Ok(""));
        check("plain $A $$ } {", Ok("plain $A $$ } {"));
        check("x${A}y${A}", Ok("x1y1"));
        check("${NOT_SET:-d}", Ok("d"));
        check("${NOT_SET:-}", Ok(""));
        check("${EMPTY}|${EMPTY:-d}", Ok("|d"));
        check("${NESTED}", Ok("${A}"));
        check(
            "x${NOT_SET}",
            Err(
                "the variable NOT_SET is not set; set it where toolmill is started, \
                 or write ${NOT_SET:-default}",
            ),
        );
        check(
            "${A",
            Err("a `${` has no `}`; variables are written ${NAME} or ${NAME:-default}"),
        );
        check(
            "${env:A}",
            Err("`${env:A}` names no variable; variables are written ${NAME} or ${NAME:-default}"),
        );
    }

    #[test]
    fn a_default_is_as_literal_as_text() {
        for (source, literal) in [
            ("", false),
            ("abc", true),
            ("${A}", false),
            ("Bearer ${A}", false),
            ("${A:-}", false),
            ("${A:-abc}", true),
        ] {
            let template = Template::new(source.to_owned());
            assert_eq!(template.is_literal(), literal, "{source}");
        }
    }
}
