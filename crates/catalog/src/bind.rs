//! Binds the arguments that a program wrote to the parameters that a tool has.
//!
//! Programs are written by models from a one-line signature, so near misses are common. What can
//! only mean one thing is bound; for the rest the error says what was meant, with a line to paste.

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::name::{ALIKE, folded, likeness};
use crate::plain;
use crate::schema::{Fields, MOST_STEPS, members, resolved};
use crate::signature::{Language, is_plain_parameter};
use crate::tool::Tool;

/// A longer value would make the fix longer than the program.
const LONGEST_FIX_VALUE: usize = 60;
const LONGEST_FIX: usize = 300;

/// Why arguments could not be bound, and what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ArgumentError {
    pub code: ArgumentErrorCode,
    /// The parameter, or the name written for one, that this is about.
    pub parameter: Option<String>,
    pub message: String,
    /// One line that can be pasted over the call and would be bound.
    pub fix: Option<String>,
    pub signature: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentErrorCode {
    UnknownParameter,
    MissingArgument,
    AmbiguousArgument,
    InvalidArgument,
}

impl ArgumentErrorCode {
    pub fn as_str(self) -> &'static str {
        match self {
            ArgumentErrorCode::UnknownParameter => "unknown_parameter",
            ArgumentErrorCode::MissingArgument => "missing_argument",
            ArgumentErrorCode::AmbiguousArgument => "ambiguous_argument",
            ArgumentErrorCode::InvalidArgument => "invalid_argument",
        }
    }
}

impl Tool {
    /// Binds what a program wrote to the tool's parameters: the `arguments` of the `tools/call`.
    ///
    /// Values are passed on byte for byte. Variants of a name (`issueNumber` for `issue_number`)
    /// are accepted when only one parameter can be meant. One positional value is bound when it is
    /// an object made of parameters, or when only one parameter can be meant; never by order, since
    /// servers sort their schemas.
    pub fn bind(
        &self,
        positional: &[&RawValue],
        named: &[(String, &RawValue)],
        language: Language,
    ) -> Result<Box<RawValue>, ArgumentError> {
        let schema = self.input_schema();
        let fields = Fields::of(schema, schema, &mut MOST_STEPS.clone());
        let call = Call {
            tool: self,
            fields,
            language,
        };
        let mut written: Vec<(String, &RawValue)> = named.to_vec();
        call.place(positional, &mut written)?;
        let bound = call.match_names(&written)?;
        call.require(&bound)?;
        Ok(serde_json::value::to_raw_value(&Arguments(&bound)).expect("raw JSON serialises"))
    }
}

type Bound<'a> = (&'a str, &'a RawValue);

/// One call being bound.
struct Call<'a> {
    tool: &'a Tool,
    fields: Fields<'a>,
    language: Language,
}

/// Which parameter a written name means.
enum Meaning<'a> {
    Parameter(&'a str),
    Several(Vec<&'a str>),
    Nothing,
}

impl<'a> Call<'a> {
    /// Gives each positional value a name, and puts it before those `written` with one.
    fn place<'v>(
        &self,
        positional: &[&'v RawValue],
        written: &mut Vec<(String, &'v RawValue)>,
    ) -> Result<(), ArgumentError> {
        let &[value] = positional else {
            return if positional.is_empty() {
                Ok(())
            } else {
                Err(self.ambiguous(positional, written))
            };
        };
        let sole = self
            .sole_parameter()
            .filter(|parameter| !written.iter().any(|(name, _)| self.means(name, parameter)));
        match (members(value), sole) {
            (Some(members), Some(sole)) if self.is_value_of(sole, &members) => {
                written.insert(0, (sole.to_owned(), value));
            }
            // If some of its keys are no parameters, matching the names says which.
            (Some(members), _) => {
                written.splice(0..0, members);
            }
            (None, Some(sole)) => written.insert(0, (sole.to_owned(), value)),
            (None, None) if self.fields.all.is_empty() && !self.fields.open => {
                let message = format!("{} takes no arguments", self.name());
                let fix = Some(format!("tools.{}()", self.tool.path()));
                return Err(self.error(ArgumentErrorCode::InvalidArgument, None, message, fix));
            }
            (None, None) => return Err(self.ambiguous(positional, written)),
        }
        Ok(())
    }

    /// Replaces each written name by the parameter it means.
    fn match_names<'v>(
        &'v self,
        written: &'v [(String, &'v RawValue)],
    ) -> Result<Vec<Bound<'v>>, ArgumentError> {
        let mut bound: Vec<Bound> = Vec::with_capacity(written.len());
        for (name, value) in written {
            let parameter = match self.meaning(name) {
                Meaning::Parameter(parameter) => parameter,
                Meaning::Nothing if self.fields.open => name,
                Meaning::Nothing => return Err(self.unknown(name, written)),
                Meaning::Several(candidates) => {
                    let message = format!(
                        "{} has no parameter {}; it could be {}",
                        self.name(),
                        plain::quoted(name),
                        listed(&candidates, "or"),
                    );
                    let code = ArgumentErrorCode::AmbiguousArgument;
                    return Err(self.error(code, Some(name), message, None));
                }
            };
            if bound.iter().any(|(earlier, _)| *earlier == parameter) {
                let message = format!(
                    "{} was given {} twice",
                    self.name(),
                    plain::quoted(parameter)
                );
                let code = ArgumentErrorCode::InvalidArgument;
                return Err(self.error(code, Some(parameter), message, None));
            }
            bound.push((parameter, value));
        }
        Ok(bound)
    }

    fn require(&self, bound: &[Bound]) -> Result<(), ArgumentError> {
        let missing = self.missing(bound);
        let Some(&first) = missing.first() else {
            return Ok(());
        };
        let message = format!("{} needs {}", self.name(), listed(&missing, "and"));
        Err(self.error(
            ArgumentErrorCode::MissingArgument,
            Some(first),
            message,
            None,
        ))
    }

    fn missing(&self, bound: &[Bound]) -> Vec<&'a str> {
        self.fields
            .required()
            .map(|field| field.name)
            .filter(|name| !bound.iter().any(|(given, _)| given == name))
            .collect()
    }

    fn meaning(&self, written: &str) -> Meaning<'a> {
        if let Some(field) = self.fields.get(written) {
            return Meaning::Parameter(field.name);
        }
        let folded_name = folded(written);
        let variants: Vec<&str> = self
            .fields
            .all
            .iter()
            .map(|field| field.name)
            .filter(|name| !folded_name.is_empty() && folded(name) == folded_name)
            .collect();
        match variants[..] {
            [] => Meaning::Nothing,
            [one] => Meaning::Parameter(one),
            _ => Meaning::Several(variants),
        }
    }

    fn means(&self, written: &str, parameter: &str) -> bool {
        matches!(self.meaning(written), Meaning::Parameter(meant) if meant == parameter)
    }

    /// The parameter that a value without a name can only mean.
    fn sole_parameter(&self) -> Option<&'a str> {
        let mut required = self.fields.required();
        match (required.next(), required.next(), &self.fields.all[..]) {
            (Some(field), None, _) | (None, None, [field]) => Some(field.name),
            _ => None,
        }
    }

    /// Whether an object with these members is meant as the value of `parameter`, the only one it
    /// could be, rather than as all the arguments.
    fn is_value_of(&self, parameter: &str, members: &[(String, &RawValue)]) -> bool {
        let is_known =
            |(name, _): &(String, &RawValue)| !matches!(self.meaning(name), Meaning::Nothing);
        let all_arguments = match members {
            [] => self.fields.required().next().is_none(),
            _ => {
                members.iter().all(is_known)
                    || members.iter().any(|(name, _)| self.means(name, parameter))
            }
        };
        !all_arguments && self.may_be_object(parameter)
    }

    /// Whether the parameter's schema leaves room for an object.
    fn may_be_object(&self, parameter: &str) -> bool {
        let schema = self.fields.get(parameter).and_then(|field| field.schema);
        let kind = schema
            .and_then(|schema| resolved(self.tool.input_schema(), schema))
            .and_then(|schema| schema.get("type"));
        match kind {
            Some(Value::String(name)) => name == "object",
            Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
            _ => true,
        }
    }

    fn unknown(&self, name: &str, written: &[(String, &RawValue)]) -> ArgumentError {
        let unmet = |parameter: &str| !written.iter().any(|(name, _)| self.means(name, parameter));
        let nearest = self
            .fields
            .all
            .iter()
            .filter(|field| unmet(field.name))
            .map(|field| (likeness(name, field.name), field.name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            // The first of equals: required ones come first.
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
            .map(|(_, parameter)| parameter);
        let mut message = format!("{} has no parameter {}", self.name(), plain::quoted(name));
        if let Some(nearest) = nearest {
            message.push_str(&format!("; did you mean {}?", plain::quoted(nearest)));
        }
        let fix = nearest.and_then(|nearest| {
            let renamed: Vec<Bound> = written
                .iter()
                .map(|(written, value)| {
                    let meant = if written == name {
                        Meaning::Parameter(nearest)
                    } else {
                        self.meaning(written)
                    };
                    match meant {
                        Meaning::Parameter(parameter) => Some((parameter, *value)),
                        _ => None,
                    }
                })
                .collect::<Option<_>>()?;
            self.fix(&renamed)
        });
        self.error(
            ArgumentErrorCode::UnknownParameter,
            Some(name),
            message,
            fix,
        )
    }

    /// Positional values that could mean several parameters: the fix names them in schema order,
    /// for the agent to check, which the order alone could not.
    fn ambiguous(
        &self,
        positional: &[&RawValue],
        written: &[(String, &RawValue)],
    ) -> ArgumentError {
        let message = format!("{} takes its arguments by name", self.name());
        let fix = self.match_names(written).ok().and_then(|mut bound| {
            let free = self.missing(&bound);
            if free.len() != positional.len() {
                return None;
            }
            bound.splice(0..0, free.into_iter().zip(positional.iter().copied()));
            self.fix(&bound)
        });
        self.error(ArgumentErrorCode::AmbiguousArgument, None, message, fix)
    }

    /// The call as one line, if it would be bound and is short enough to be read.
    fn fix(&self, bound: &[Bound]) -> Option<String> {
        let repeated = bound
            .iter()
            .enumerate()
            .any(|(at, (name, _))| bound[..at].iter().any(|(earlier, _)| earlier == name));
        if repeated || !self.missing(bound).is_empty() {
            return None;
        }
        let mut arguments = Vec::new();
        let mut unpacked = Vec::new();
        for (name, value) in bound {
            let value =
                as_literal(value, self.language).filter(|text| text.len() <= LONGEST_FIX_VALUE)?;
            let plain_name = is_plain_parameter(name, self.language);
            if !plain_name && name.chars().any(plain::is_treacherous) {
                return None;
            }
            let quoted = serde_json::to_string(name).expect("a string serialises");
            match self.language {
                Language::Python if plain_name => arguments.push(format!("{name}={value}")),
                Language::Python => unpacked.push(format!("{quoted}: {value}")),
                Language::TypeScript if plain_name => arguments.push(format!("{name}: {value}")),
                Language::TypeScript => arguments.push(format!("{quoted}: {value}")),
            }
        }
        if !unpacked.is_empty() {
            arguments.push(format!("**{{{}}}", unpacked.join(", ")));
        }
        let arguments = arguments.join(", ");
        let path = self.tool.path();
        let fix = match self.language {
            Language::TypeScript if !arguments.is_empty() => {
                format!("tools.{path}({{{arguments}}})")
            }
            _ => format!("tools.{path}({arguments})"),
        };
        (fix.len() <= LONGEST_FIX).then_some(fix)
    }

    fn error(
        &self,
        code: ArgumentErrorCode,
        parameter: Option<&str>,
        message: String,
        fix: Option<String>,
    ) -> ArgumentError {
        ArgumentError {
            code,
            parameter: parameter.map(str::to_owned),
            message,
            fix,
            signature: self.tool.signature(self.language),
        }
    }

    /// The tool's name within its server, as programs write it.
    fn name(&self) -> &str {
        self.tool
            .path()
            .rsplit('.')
            .next()
            .expect("a path has parts")
    }
}

/// `"a", "b" and "c"`, at most six of them.
fn listed(names: &[&str], last: &str) -> String {
    const MOST: usize = 6;
    let mut parts: Vec<String> = names
        .iter()
        .take(MOST)
        .map(|name| plain::quoted(name))
        .collect();
    if names.len() > MOST {
        parts.push(format!("{} more", names.len() - MOST));
    }
    match parts.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => parts.concat(),
    }
}

struct Arguments<'a>(&'a [Bound<'a>]);

impl Serialize for Arguments<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A JSON value as a literal of the language, digits kept; `None` if it cannot be pasted safely.
fn as_literal(value: &RawValue, language: Language) -> Option<String> {
    /// Integers of up to this many digits are exact in JavaScript.
    const EXACT_DIGITS: usize = 15;

    // Escapes shrink, so a source twice too long cannot become short enough by much.
    if value.get().len() > 8 * LONGEST_FIX_VALUE {
        return None;
    }
    let mut out = String::new();
    let mut rest = value.get();
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '"' => {
                let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let text = strings.next()?.ok()?;
                if text
                    .chars()
                    .any(|c| plain::is_treacherous(c) && !c.is_ascii_control())
                {
                    return None;
                }
                out.push_str(&serde_json::to_string(&text).ok()?);
                strings.byte_offset()
            }
            _ if c.is_ascii_alphabetic() => {
                let len = rest
                    .find(|c: char| !c.is_ascii_alphabetic())
                    .unwrap_or(rest.len());
                out.push_str(match (language, &rest[..len]) {
                    (Language::Python, "true") => "True",
                    (Language::Python, "false") => "False",
                    (Language::Python, "null") => "None",
                    (_, word) => word,
                });
                len
            }
            '-' | '0'..='9' => {
                let number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
                let len = rest.find(|c| !number(c)).unwrap_or(rest.len());
                let digits = &rest[..len];
                out.push_str(digits);
                let integer = digits.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                if language == Language::TypeScript && integer && len > EXACT_DIGITS {
                    out.push('n');
                }
                len
            }
            ',' | ':' => {
                out.push(c);
                out.push(' ');
                1
            }
            _ if c.is_whitespace() => c.len_utf8(),
            _ => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[len..];
    }
    Some(out)
}
