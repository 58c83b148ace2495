//! Binds the arguments that a program wrote to the parameters that a tool has.
//!
//! Programs are written by models from a one-line signature, so near misses are common. What can
//! only mean one thing is bound; for the rest the error says what was meant, with a line to paste.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::Json;
use crate::name::{ALIKE, folded, likeness};
use crate::plain;
use crate::schema::{Fields, MOST_STEPS, members, resolved};
use crate::signature::{Language, is_plain_parameter};
use crate::tool::Tool;
use crate::validate::put_right;

/// A longer value would make the fix longer than the program.
const LONGEST_FIX_VALUE: usize = 240;
const LONGEST_FIX: usize = 600;

/// One argument of a call, of which a program's text may not tell the value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Argument<'a> {
    /// Its source text, by which a fix writes it.
    pub text: Option<&'a str>,
    /// Absent when only a run can tell.
    pub value: Option<&'a RawValue>,
}

impl<'a> Argument<'a> {
    fn known(value: &'a RawValue) -> Argument<'a> {
        Argument {
            text: None,
            value: Some(value),
        }
    }

    /// Whether JavaScript leaves the argument out.
    fn is_undefined(&self) -> bool {
        self.value.is_none() && self.text == Some("undefined")
    }
}

/// The arguments of one call as a program has them.
#[derive(Clone, Debug, Default)]
pub struct Arguments<'a> {
    pub positional: Vec<Argument<'a>>,
    pub named: Vec<(&'a str, Argument<'a>)>,
    /// There may be more than these.
    pub open: bool,
}

impl<'a> Arguments<'a> {
    /// Those of a call that is made: all values are there.
    pub fn known(
        positional: &[&'a RawValue],
        named: &'a [(String, &'a RawValue)],
    ) -> Arguments<'a> {
        Arguments {
            positional: positional
                .iter()
                .map(|value| Argument::known(value))
                .collect(),
            named: named
                .iter()
                .map(|(name, value)| (name.as_str(), Argument::known(value)))
                .collect(),
            open: false,
        }
    }
}

/// Which argument of a call something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The index of a positional argument: this or a member of it.
    Positional(usize),
    /// The index of a named argument.
    Named(usize),
}

/// Why arguments could not be bound, and what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ArgumentError {
    pub code: ArgumentErrorCode,
    /// The argument that this is about, if it is about one.
    pub argument: Option<Position>,
    pub message: String,
    /// One line that can be pasted over the call and would be bound.
    pub fix: Option<String>,
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

/// What is done about arguments that are not as the tool's schema wants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// The call is refused.
    #[default]
    Error,
    /// The call is made, and its program is told.
    Warn,
    /// They are not looked at.
    Off,
}

impl Validation {
    pub const ALL: [Validation; 3] = [Validation::Error, Validation::Warn, Validation::Off];

    pub fn as_str(self) -> &'static str {
        match self {
            Validation::Error => "error",
            Validation::Warn => "warn",
            Validation::Off => "off",
        }
    }
}

/// Arguments that can be sent.
#[derive(Debug)]
pub struct BoundArguments {
    /// The `arguments` of the `tools/call`.
    pub json: Box<RawValue>,
    /// What the schema has against them, under [`Validation::Warn`].
    pub warning: Option<String>,
}

impl Tool {
    /// Binds what a program wrote to the tool's parameters, and validates it against their schema.
    ///
    /// Values are passed on byte for byte, but for an integer that Python writes as `3.0`. Variants of a name (`issueNumber` for `issue_number`)
    /// are accepted when only one parameter can be meant. One positional value is bound when it is
    /// an object made of parameters, or when only one parameter can be meant; never by order, since
    /// servers sort their schemas.
    pub fn bind(
        &self,
        positional: &[&RawValue],
        named: &[(String, &RawValue)],
        validation: Validation,
        language: Language,
    ) -> Result<BoundArguments, ArgumentError> {
        let arguments = Arguments::known(positional, named);
        let call = Call::new(self, validation, language);
        let (bound, warning) = call.bind(&arguments)?;
        let whole: Vec<Option<Box<RawValue>>> =
            bound.iter().map(|one| call.whole_number(one)).collect();
        let json =
            serde_json::value::to_raw_value(&Object(&bound, &whole)).expect("raw JSON serialises");
        Ok(BoundArguments { json, warning })
    }

    /// Whether a call that stands in a program's text can be bound, as far as the text tells: an
    /// error is what [`Tool::bind`] would certainly answer when the program made the call.
    pub fn check(
        &self,
        arguments: &Arguments,
        validation: Validation,
        language: Language,
    ) -> Result<(), ArgumentError> {
        let call = Call::new(self, validation, language);
        call.bind(arguments).map(drop)
    }

    /// A call of this tool with these arguments as one line to paste, if it can be bound and all of
    /// it is known and short enough to be read.
    pub fn call_text(&self, arguments: &Arguments, language: Language) -> Option<String> {
        if arguments.open {
            return None;
        }
        let call = Call::new(self, Validation::Error, language);
        let (bound, _) = call.bind(arguments).ok()?;
        call.fix(&bound)
    }
}

/// An argument with the name that was written for it.
#[derive(Clone)]
struct Written<'v> {
    name: Cow<'v, str>,
    argument: Argument<'v>,
    position: Position,
}

/// An argument with the parameter that it is for.
#[derive(Clone)]
struct Bound<'v> {
    parameter: Cow<'v, str>,
    argument: Argument<'v>,
    position: Position,
}

/// One call being bound.
struct Call<'a> {
    tool: &'a Tool,
    fields: Fields<'a>,
    validation: Validation,
    language: Language,
}

/// Which parameter a written name means.
enum Meaning<'a> {
    Parameter(&'a str),
    Several(Vec<&'a str>),
    Nothing,
}

impl<'a> Call<'a> {
    fn new(tool: &'a Tool, validation: Validation, language: Language) -> Call<'a> {
        let schema = tool.input_schema();
        Call {
            tool,
            fields: Fields::of(schema, schema, &mut MOST_STEPS.clone()),
            validation,
            language,
        }
    }

    /// The arguments with their parameters, and what the schema has against them if that is no error.
    fn bind<'v>(
        &'v self,
        arguments: &Arguments<'v>,
    ) -> Result<(Vec<Bound<'v>>, Option<String>), ArgumentError> {
        let named = arguments.named.iter().enumerate();
        let mut written: Vec<Written> = named
            .filter(|(_, (_, argument))| {
                self.language == Language::Python || !argument.is_undefined()
            })
            .map(|(at, &(name, argument))| Written {
                name: Cow::Borrowed(name),
                argument,
                position: Position::Named(at),
            })
            .collect();
        let open = self.place(&arguments.positional, arguments.open, &mut written)?;
        let mut bound = self.match_names(&written, open)?;
        self.leave_out_nulls(&mut bound);
        if !open {
            self.require(&bound)?;
        }
        let warning = self.validate(&bound, open)?;
        Ok((bound, warning))
    }

    /// Gives each positional value a name, and puts it before those `written` with one. Returns
    /// whether there may be arguments that are not there now.
    fn place<'v>(
        &self,
        positional: &[Argument<'v>],
        open: bool,
        written: &mut Vec<Written<'v>>,
    ) -> Result<bool, ArgumentError> {
        let &[argument] = positional else {
            return if positional.is_empty() {
                Ok(open)
            } else {
                Err(self.ambiguous(positional, open, written))
            };
        };
        // One that is not known may be an object of arguments, and what one that is known means
        // depends on all the others.
        let (Some(value), false) = (argument.value, open) else {
            return Ok(true);
        };
        let position = Position::Positional(0);
        let sole = self
            .sole_parameter()
            .filter(|parameter| !written.iter().any(|one| self.means(&one.name, parameter)));
        let as_sole = |sole: &'a str| Written {
            name: Cow::Owned(sole.to_owned()),
            argument,
            position,
        };
        match (members(value), sole) {
            (Some(members), Some(sole)) if self.is_value_of(sole, &members) => {
                written.insert(0, as_sole(sole));
            }
            // If some of its keys are no parameters, matching the names says which.
            (Some(members), _) => {
                let members = members.into_iter().map(|(name, value)| Written {
                    name: Cow::Owned(name),
                    argument: Argument::known(value),
                    position,
                });
                written.splice(0..0, members);
            }
            (None, Some(sole)) => written.insert(0, as_sole(sole)),
            (None, None) if self.fields.all.is_empty() && !self.fields.open => {
                let message = format!("{} takes no arguments", self.name());
                let fix = Some(format!("tools.{}()", self.tool.path()));
                let code = ArgumentErrorCode::InvalidArgument;
                return Err(self.error(code, Some(position), message, fix));
            }
            (None, None) => return Err(self.ambiguous(positional, open, written)),
        }
        Ok(open)
    }

    /// Replaces each written name by the parameter it means.
    fn match_names<'v>(
        &'v self,
        written: &[Written<'v>],
        open: bool,
    ) -> Result<Vec<Bound<'v>>, ArgumentError> {
        let mut bound: Vec<Bound> = Vec::with_capacity(written.len());
        for one in written {
            let name = &one.name;
            let parameter = match self.meaning(name) {
                Meaning::Parameter(parameter) => Cow::Borrowed(parameter),
                Meaning::Nothing if self.fields.open => name.clone(),
                Meaning::Nothing => return Err(self.unknown(one, written, open)),
                Meaning::Several(candidates) => {
                    let message = format!(
                        "{} has no parameter {}; it could be {}",
                        self.name(),
                        plain::quoted(name),
                        listed(&candidates, "or"),
                    );
                    let code = ArgumentErrorCode::AmbiguousArgument;
                    return Err(self.error(code, Some(one.position), message, None));
                }
            };
            if bound.iter().any(|earlier| earlier.parameter == parameter) {
                let message = format!(
                    "{} was given {} twice",
                    self.name(),
                    plain::quoted(&parameter)
                );
                let code = ArgumentErrorCode::InvalidArgument;
                return Err(self.error(code, Some(one.position), message, None));
            }
            bound.push(Bound {
                parameter,
                argument: one.argument,
                position: one.position,
            });
        }
        Ok(bound)
    }

    /// Leaves out what a program gives as `None` or `null` for a parameter that is not required and
    /// may not be null: it can only mean that there is nothing, as the first cursor of a loop.
    fn leave_out_nulls(&self, bound: &mut Vec<Bound>) {
        if self.validation != Validation::Error {
            return;
        }
        bound.retain(|one| {
            let is_null = one
                .argument
                .value
                .is_some_and(|value| value.get() == "null");
            let may_go = || {
                let field = self.fields.get(&one.parameter);
                field.is_some_and(|field| !field.required) && !self.is_accepted(one)
            };
            !(is_null && may_go())
        });
    }

    /// An integer that Python wrote as `3.0`, where the parameter can be nothing but an integer: many
    /// servers take only `3` for one.
    fn whole_number(&self, bound: &Bound) -> Option<Box<RawValue>> {
        let (whole, fraction) = bound.argument.value?.get().split_once('.')?;
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || fraction.is_empty() || fraction.bytes().any(|byte| byte != b'0') {
            return None;
        }
        let schema = self.fields.get(&bound.parameter)?.schema?;
        let root = self.tool.input_schema();
        let schema = resolved(root, schema)?;
        let alternatives = ["anyOf", "oneOf"]
            .iter()
            .find_map(|key| schema.get(*key)?.as_array());
        let kinds: Vec<&Value> = match alternatives {
            Some(alternatives) => alternatives
                .iter()
                .map(|one| resolved(root, one)?.get("type"))
                .collect::<Option<_>>()?,
            None => vec![schema.get("type")?],
        };
        let names = || {
            kinds.iter().flat_map(|kind| match kind {
                Value::Array(names) => names.as_slice(),
                name => std::slice::from_ref(*name),
            })
        };
        let is_integer =
            names().any(|name| name == "integer") && names().all(|name| name != "number");
        is_integer.then(|| RawValue::from_string(whole.to_owned()).expect("digits are JSON"))
    }

    fn require(&self, bound: &[Bound]) -> Result<(), ArgumentError> {
        let missing = self.missing(bound);
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("{} needs {}", self.name(), listed(&missing, "and"));
        Err(self.error(ArgumentErrorCode::MissingArgument, None, message, None))
    }

    fn validate(&self, bound: &[Bound], open: bool) -> Result<Option<String>, ArgumentError> {
        if self.validation == Validation::Off {
            return Ok(None);
        }
        let problems = self.tool.validator().problems(&value_of(bound, open));
        let Some(first) = problems.first() else {
            return Ok(None);
        };
        let said: Vec<String> = problems
            .iter()
            .map(|problem| match problem.path() {
                whole if whole.is_empty() => format!("{}: {}", self.name(), problem.rule),
                path => format!("{path}: {}", problem.rule),
            })
            .collect();
        let message = said.join("; ");
        if self.validation == Validation::Warn {
            return Ok(Some(message));
        }
        let concerned = bound
            .iter()
            .find(|one| Some(&*one.parameter) == first.member());
        let code = ArgumentErrorCode::InvalidArgument;
        let fix = if open { None } else { self.fix(bound) };
        Err(self.error(code, concerned.map(|one| one.position), message, fix))
    }

    fn missing(&self, bound: &[Bound]) -> Vec<&'a str> {
        self.fields
            .required()
            .map(|field| field.name)
            .filter(|name| !bound.iter().any(|given| given.parameter == *name))
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

    fn unknown(&self, unknown: &Written, written: &[Written], open: bool) -> ArgumentError {
        let name = &unknown.name;
        let meant = self.meant(written);
        let mut message = format!("{} has no parameter {}", self.name(), plain::quoted(name));
        let at = written.iter().position(|one| one.name == *name);
        if let Some(meant) = at.and_then(|at| meant[at]) {
            message.push_str(&format!("; did you mean {}?", plain::quoted(meant)));
        }
        let fix = if open {
            None
        } else {
            self.without_wrapping(written)
                .or_else(|| self.as_members(written))
                .or_else(|| self.renamed(written, &meant))
        };
        let code = ArgumentErrorCode::UnknownParameter;
        self.error(code, Some(unknown.position), message, fix)
    }

    /// The parameters that written names were probably meant for: those that they are, then those
    /// that are most like them, then the only one that is missing for the only one that is left.
    fn meant(&self, written: &[Written]) -> Vec<Option<&'a str>> {
        /// A filter that is taken for another answers something else.
        const CLOSE: f32 = 0.6;
        /// Pairs of names that are compared at most.
        const MOST_PAIRS: usize = 4_000;
        let mut meant: Vec<Option<&'a str>> = written
            .iter()
            .map(|one| match self.meaning(&one.name) {
                Meaning::Parameter(parameter) => Some(parameter),
                _ => None,
            })
            .collect();
        if written.len() * self.fields.all.len() > MOST_PAIRS {
            return meant;
        }
        let mut alike: Vec<(f32, usize, &'a str)> = Vec::new();
        for (at, one) in written.iter().enumerate() {
            if meant[at].is_none() {
                let fields = self.fields.all.iter();
                alike.extend(fields.filter_map(|field| {
                    let likeness = likeness(&one.name, field.name);
                    let least = if field.required { ALIKE } else { CLOSE };
                    (likeness >= least).then_some((likeness, at, field.name))
                }));
            }
        }
        // Of equals the first: required ones come first.
        alike.sort_by(|one, other| other.0.total_cmp(&one.0));
        for (_, at, parameter) in alike {
            if meant[at].is_none() && !meant.contains(&Some(parameter)) {
                meant[at] = Some(parameter);
            }
        }
        // Words for the same: `from` for `source`.
        for (at, one) in written.iter().enumerate() {
            if meant[at].is_none() {
                let mut same = self
                    .fields
                    .all
                    .iter()
                    .map(|field| field.name)
                    .filter(|name| !meant.contains(&Some(name)) && means_the_same(&one.name, name));
                if let (Some(parameter), None) = (same.next(), same.next()) {
                    meant[at] = Some(parameter);
                }
            }
        }
        let mut left = (0..written.len()).filter(|at| meant[*at].is_none());
        let mut missing = self
            .fields
            .required()
            .map(|field| field.name)
            .filter(|name| !meant.contains(&Some(name)));
        if let (Some(at), None, Some(parameter), None) =
            (left.next(), left.next(), missing.next(), missing.next())
        {
            meant[at] = Some(parameter);
        }
        meant
    }

    /// The call with the names that were meant, without what asks for nothing: a switch that is off.
    /// What else the tool does not have may be what the call is about.
    fn renamed(&self, written: &[Written], meant: &[Option<&'a str>]) -> Option<String> {
        let mut bound = Vec::with_capacity(written.len());
        for (one, meant) in written.iter().zip(meant) {
            match meant {
                Some(parameter) => bound.push(Bound {
                    parameter: Cow::Borrowed(parameter),
                    argument: one.argument,
                    position: one.position,
                }),
                None if matches!(one.argument.value?.get(), "false" | "null") => {}
                None => return None,
            }
        }
        self.fix(&bound)
    }

    /// The call without the object that all its arguments were put in.
    fn without_wrapping(&self, written: &[Written]) -> Option<String> {
        const WRAPPINGS: [&str; 7] = [
            "args",
            "arguments",
            "data",
            "input",
            "kwargs",
            "parameters",
            "params",
        ];
        let [only] = written else { return None };
        if !WRAPPINGS.contains(&&*only.name) {
            return None;
        }
        self.of_object(only.argument.value?)
    }

    /// The call with the members of an object as its arguments, if all of them are parameters.
    fn of_object(&self, object: &RawValue) -> Option<String> {
        let members: Vec<Written> = members(object)?
            .into_iter()
            .map(|(name, value)| Written {
                name: Cow::Owned(name),
                argument: Argument::known(value),
                position: Position::Positional(0),
            })
            .collect();
        self.fix(&self.match_names(&members, false).ok()?)
    }

    /// The call with its arguments as the members of what its only parameter is, or is a list of.
    fn as_members(&self, written: &[Written]) -> Option<String> {
        let parameter = self.sole_parameter()?;
        let root = self.tool.input_schema();
        let schema = resolved(root, self.fields.get(parameter)?.schema?)?;
        let object = schema.get("items").unwrap_or(schema);
        let fields = Fields::of(root, object, &mut MOST_STEPS.clone());
        if !written.iter().all(|one| fields.get(&one.name).is_some()) {
            return None;
        }
        let members: Option<Vec<String>> = written
            .iter()
            .map(|one| {
                let name = serde_json::to_string(&one.name).expect("a string serialises");
                Some(format!("{name}:{}", one.argument.value?.get()))
            })
            .collect();
        let object = format!("{{{}}}", members?.join(","));
        [object.clone(), format!("[{object}]")]
            .into_iter()
            .find_map(|json| {
                let value = RawValue::from_string(json).ok()?;
                let bound = Bound {
                    parameter: Cow::Borrowed(parameter),
                    argument: Argument::known(&value),
                    position: Position::Positional(0),
                };
                self.is_accepted(&bound).then(|| self.fix(&[bound]))?
            })
    }

    /// Whether a parameter's value is one that its schema describes.
    fn is_accepted(&self, bound: &Bound) -> bool {
        let value = value_of(std::slice::from_ref(bound), true);
        self.tool.validator().problems(&value).is_empty()
    }

    /// Positional values that could mean several parameters. The fix names them, for the agent to
    /// check, which the order alone could not: those that are required in schema order, then those
    /// that only one other parameter accepts.
    fn ambiguous(&self, positional: &[Argument], open: bool, written: &[Written]) -> ArgumentError {
        let message = format!("{} takes its arguments by name", self.name());
        let fix = if open {
            None
        } else {
            self.of_json_text(positional, written)
                .or_else(|| self.named(positional, written))
        };
        let code = ArgumentErrorCode::AmbiguousArgument;
        self.error(code, Some(Position::Positional(0)), message, fix)
    }

    fn named(&self, positional: &[Argument], written: &[Written]) -> Option<String> {
        let mut bound = self.match_names(written, false).ok()?;
        let missing = self.missing(&bound);
        for (at, &argument) in positional.iter().enumerate() {
            let as_value_of = |parameter: &'a str| Bound {
                parameter: Cow::Borrowed(parameter),
                argument,
                position: Position::Positional(at),
            };
            let named = match missing.get(at) {
                Some(parameter) => as_value_of(parameter),
                None => {
                    argument.value?;
                    let free = self.fields.all.iter().filter(|field| {
                        !field.required && !bound.iter().any(|one| one.parameter == field.name)
                    });
                    let mut fitting = free
                        .map(|field| as_value_of(field.name))
                        .filter(|named| self.is_accepted(named));
                    match (fitting.next(), fitting.next()) {
                        (Some(only), None) => only,
                        _ => return None,
                    }
                }
            };
            bound.insert(at, named);
        }
        self.fix(&bound)
    }

    /// The call with the arguments that its only value holds as the text of their JSON.
    fn of_json_text(&self, positional: &[Argument], written: &[Written]) -> Option<String> {
        let ([argument], []) = (positional, written) else {
            return None;
        };
        let text: String = serde_json::from_str(argument.value?.get()).ok()?;
        self.of_object(serde_json::from_str(&text).ok()?)
    }

    /// The call as one line, with what is wrong in its values put right, if it would be accepted and
    /// is short enough to be read.
    fn fix(&self, bound: &[Bound]) -> Option<String> {
        let repeated = bound.iter().enumerate().any(|(at, one)| {
            let mut earlier = bound[..at].iter();
            earlier.any(|earlier| earlier.parameter == one.parameter)
        });
        if repeated || !self.missing(bound).is_empty() {
            return None;
        }
        let mut arguments = Vec::new();
        let mut unpacked = Vec::new();
        for (name, value) in self.accepted(bound)? {
            if value.len() > LONGEST_FIX_VALUE {
                return None;
            }
            let plain_name = is_plain_parameter(&name, self.language);
            if !plain_name && name.chars().any(plain::is_treacherous) {
                return None;
            }
            let quoted = serde_json::to_string(&name).expect("a string serialises");
            match self.language {
                Language::Python if plain_name => arguments.push(format!("{name}={value}")),
                Language::Python => unpacked.push(format!("{quoted}: {value}")),
                Language::TypeScript if plain_name && name == value => arguments.push(value),
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

    /// What each parameter is to be given, as it stands in the program where nothing is wrong with
    /// it; `None` if it is not certain what would be accepted.
    fn accepted(&self, bound: &[Bound]) -> Option<Vec<(String, String)>> {
        /// A value that is put right may be wrong in another way.
        const ROUNDS: usize = 4;
        let written = value_of(bound, false);
        let mut value = written.clone();
        if self.validation == Validation::Error {
            let validator = self.tool.validator();
            let mut rounds = 0;
            loop {
                let problems = validator.problems(&value);
                if problems.is_empty() {
                    break;
                }
                if rounds == ROUNDS {
                    return None;
                }
                rounds += 1;
                value = put_right(&value, &problems)?;
            }
        }
        let Json::Object { members, .. } = &value else {
            return None;
        };
        let accepted = members.iter().map(|(name, value)| {
            let text = value.text();
            let same = bound.iter().find(|one| {
                one.parameter == *name && written.get(name).is_some_and(|it| it.text() == text)
            });
            let shown = match same {
                Some(one) => as_written(one.argument, self.language),
                None => as_literal(&RawValue::from_string(text?).ok()?, self.language),
            };
            Some((name.to_string(), shown?))
        });
        accepted.collect()
    }

    fn error(
        &self,
        code: ArgumentErrorCode,
        argument: Option<Position>,
        message: String,
        fix: Option<String>,
    ) -> ArgumentError {
        ArgumentError {
            code,
            argument,
            message,
            fix,
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

/// Whether two names of parameters are in general use for the same. (The parameters of the POSIX
/// utilities, of HTTP clients, of mail headers and of SQL interfaces.)
fn means_the_same(one: &str, other: &str) -> bool {
    const SAME: [&[&str]; 9] = [
        &["from", "src", "source", "origin", "old_path"],
        &["to", "dst", "dest", "destination", "target", "new_path"],
        &["to", "recipient", "recipients", "email", "address"],
        &["body", "content", "contents", "text", "message"],
        &[
            "path",
            "file",
            "filename",
            "filepath",
            "file_path",
            "directory",
            "dir",
            "folder",
        ],
        &[
            "query",
            "sql",
            "statement",
            "q",
            "search",
            "keywords",
            "term",
        ],
        &[
            "limit",
            "count",
            "max",
            "max_count",
            "max_results",
            "per_page",
            "page_size",
            "n",
        ],
        &["title", "name", "subject", "summary", "label"],
        &["offset", "start", "skip", "begin"],
    ];
    let (one, other) = (folded(one), folded(other));
    SAME.iter().any(|group| {
        let is_in = |name: &str| group.iter().any(|word| folded(word) == name);
        is_in(&one) && is_in(&other)
    })
}

/// The arguments as one value, of which only what is known matters.
fn value_of<'v>(bound: &'v [Bound], open: bool) -> Json<'v> {
    let members = bound.iter().map(|one| {
        let value = one.argument.value.map(RawValue::get);
        let value = value.map_or(Json::Unknown, Json::parse);
        (Cow::Borrowed(&*one.parameter), value)
    });
    Json::Object {
        members: members.collect(),
        open,
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

/// The arguments as JSON. One whose value is not known is left out.
struct Object<'a>(&'a [Bound<'a>], &'a [Option<Box<RawValue>>]);

impl Serialize for Object<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (bound, whole) in self.0.iter().zip(self.1) {
            if let Some(value) = whole.as_deref().or(bound.argument.value) {
                map.serialize_entry(&bound.parameter, value)?;
            }
        }
        map.end()
    }
}

/// An argument as it stands in the program, else its value; `None` if it cannot be pasted safely.
fn as_written(argument: Argument, language: Language) -> Option<String> {
    let Some(text) = argument.text else {
        return as_literal(argument.value?, language);
    };
    if text.chars().any(plain::is_treacherous) {
        return None;
    }
    // An assignment may stand alone in a call, not behind a name.
    let assigns = language == Language::Python && argument.value.is_none() && text.contains(":=");
    Some(if assigns {
        format!("({text})")
    } else {
        text.to_owned()
    })
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
