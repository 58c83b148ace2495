//! Signatures: one line that says what a tool takes and gives.

use std::fmt::Write as _;

use serde_json::Value;

use crate::name::PYTHON_KEYWORDS;
use crate::observed::Observed;
use crate::plain;
use crate::schema::{
    Field, Fields, Items, Kind, MOST_STEPS, Shape, kinds, resolved, said, shape, step, unwrapped,
};

/// The language of a program, which decides the words for types and the form of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    Python,
    TypeScript,
}

impl Language {
    /// The language's word for values of a kind.
    pub(crate) fn word(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Language::Python, Kind::String) => "str",
            (Language::Python, Kind::Integer) => "int",
            (Language::Python, Kind::Number) => "float",
            (Language::Python, Kind::Boolean) => "bool",
            (Language::Python, Kind::Object) => "dict",
            (Language::Python, Kind::Null) => "None",
            (Language::TypeScript, Kind::String) => "string",
            (Language::TypeScript, Kind::Integer | Kind::Number) => "number",
            (Language::TypeScript, Kind::Boolean) => "boolean",
            (Language::TypeScript, Kind::Object) => "object",
            (Language::TypeScript, Kind::Null) => "null",
            (_, Kind::Array | Kind::Unknown) => "any",
        }
    }
}

/// How many required and optional parameters are shown. An answer of five hits is to stay below
/// 1,000 bytes, and `detail: full` shows the rest.
const MOST_REQUIRED: usize = 24;
const MOST_OPTIONAL: usize = 4;

/// How many members of an object are shown, by how deep it lies.
const MOST_MEMBERS: &[usize] = &[4, 4, 2, 0];

/// The same for what results were observed to be, which is all that is known of them: the first that is
/// short enough. A list takes a level.
const MOST_OBSERVED: [&[usize]; 4] = [
    &[12, 12, 12, 4],
    &[10, 10, 6, 0],
    &[8, 8, 4, 0],
    MOST_MEMBERS,
];
const OBSERVED_CHARS: usize = 240;

/// The media type by which a schema says that a string holds JSON.
pub(crate) const JSON_MEDIA_TYPE: &str = "application/json";

const MOST_ENUM_VALUES: usize = 6;
const MOST_ALTERNATIVES: usize = 4;

/// Variants of a union or values of an enum that are looked at, shown or not.
const MOST_LOOKED_AT: usize = 64;

const LONGEST_NAME: usize = 64;
const LONGEST_LITERAL: usize = 40;

/// A signature longer than this is drawn without members of objects and values of enums.
const TOO_LONG_CHARS: usize = 1_000;

pub(crate) fn of_tool(
    path: &str,
    input: &Value,
    output: Option<&Value>,
    observed: Option<&Observed>,
    language: Language,
) -> String {
    let observed = observed.map(|observed| {
        let result = of_result(&observed.shape.schema(), language);
        (result, observed.results)
    });
    let draw = |fine: bool| {
        let mut drawing = Drawing {
            root: input,
            language,
            fine,
            most_members: MOST_MEMBERS,
            observed: false,
            steps: MOST_STEPS,
        };
        let fields = Fields::of(input, input, &mut drawing.steps);
        let parameters = drawing.parameters(&fields);
        let mut signature = match language {
            Language::TypeScript if !parameters.is_empty() => {
                format!("tools.{path}({{{parameters}}})")
            }
            _ => format!("tools.{path}({parameters})"),
        };
        let promised = output.map(|output| {
            let mut drawing = Drawing {
                root: output,
                ..drawing
            };
            drawing.type_of(unwrapped(output), 0).shown(language)
        });
        let _ = match (&observed, promised) {
            // What was promised and kept is no news.
            (Some((seen, results)), promised) if promised.as_ref() != Some(seen) => {
                write!(signature, " -> {seen} observed ×{results}")
            }
            (_, Some(promised)) => write!(signature, " -> {promised}"),
            (_, None) => Ok(()),
        };
        signature
    };
    Some(draw(true))
        .filter(|signature| signature.len() <= TOO_LONG_CHARS)
        .unwrap_or_else(|| draw(false))
}

/// The type of a result by a schema that was made from results, as much of it as is short.
pub(crate) fn of_result(schema: &Value, language: Language) -> String {
    let draw = |fine: bool, most_members: &'static [usize]| {
        let mut drawing = Drawing {
            root: schema,
            language,
            fine,
            most_members,
            observed: true,
            steps: MOST_STEPS,
        };
        drawing.type_of(schema, 0).shown(language)
    };
    MOST_OBSERVED
        .iter()
        .map(|most_members| draw(true, most_members))
        .find(|drawn| drawn.chars().count() <= OBSERVED_CHARS)
        .unwrap_or_else(|| draw(false, MOST_MEMBERS))
}

/// A name as it can be written for a parameter, quoted where the language has no other way.
pub(crate) fn parameter_name(name: &str, language: Language) -> String {
    if is_plain_parameter(name, language) {
        name.to_owned()
    } else {
        literal(&Value::from(plain::line(name, LONGEST_NAME)))
    }
}

/// Whether `name` can be written bare: as a Python keyword argument or a JavaScript property.
pub(crate) fn is_plain_parameter(name: &str, language: Language) -> bool {
    let identifier = name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    identifier && (language == Language::TypeScript || !PYTHON_KEYWORDS.contains(&name))
}

fn literal(value: &Value) -> String {
    serde_json::to_string(value).expect("a JSON value serialises")
}

/// A value of an enum in the language, if it is short and shows what it is.
fn drawn(value: &Value, language: Language) -> Option<String> {
    match (value, language) {
        (Value::String(text), _) => {
            let plain = !text.chars().any(plain::is_treacherous);
            (plain && text.chars().count() <= LONGEST_LITERAL).then(|| literal(value))
        }
        (Value::Bool(true), Language::Python) => Some("True".to_owned()),
        (Value::Bool(false), Language::Python) => Some("False".to_owned()),
        (Value::Bool(_) | Value::Number(_), _) => Some(literal(value)),
        _ => None,
    }
}

/// A type as alternatives in words, `null` apart because it is drawn differently.
#[derive(Default)]
struct Type {
    alternatives: Vec<String>,
    nullable: bool,
}

impl Type {
    fn word(word: impl Into<String>) -> Type {
        Type {
            alternatives: vec![word.into()],
            nullable: false,
        }
    }

    fn add(&mut self, other: Type) {
        self.nullable |= other.nullable;
        for word in other.alternatives {
            if !self.alternatives.contains(&word) {
                self.alternatives.push(word);
            }
        }
    }

    fn shown(&self, language: Language) -> String {
        let null = language.word(Kind::Null);
        let (words, nullable) = (&self.alternatives, self.nullable);
        if words.iter().any(|word| word == "any") {
            return "any".to_owned();
        }
        match (words.len(), nullable) {
            (0, true) => null.to_owned(),
            (0, false) => "any".to_owned(),
            (1, true) if language == Language::Python => format!("{}?", words[0]),
            (_, true) => format!("{}|{null}", words.join("|")),
            (_, false) => words.join("|"),
        }
    }
}

struct Drawing<'a> {
    root: &'a Value,
    language: Language,
    /// Whether members of objects and values of enums are drawn.
    fine: bool,
    /// By how deep an object lies.
    most_members: &'static [usize],
    /// Whether the schema was made from results.
    observed: bool,
    steps: usize,
}

impl<'a> Drawing<'a> {
    fn parameters(&mut self, fields: &Fields<'a>) -> String {
        let (required, optional): (Vec<_>, Vec<_>) = fields.all.iter().partition(|f| f.required);
        let mut parts: Vec<String> = Vec::new();
        let shown = required.iter().take(MOST_REQUIRED);
        parts.extend(shown.map(|field| self.field(field, 1)));
        if required.len() > MOST_REQUIRED {
            parts.push(format!("+{} required", required.len() - MOST_REQUIRED));
        }
        // Replacing a last one by `+1 optional` would save nothing.
        let most = if optional.len() == MOST_OPTIONAL + 1 {
            optional.len()
        } else {
            MOST_OPTIONAL
        };
        parts.extend(optional.iter().take(most).map(|field| self.field(field, 1)));
        if optional.len() > most {
            parts.push(format!("+{} optional", optional.len() - most));
        }
        if fields.open {
            parts.push("...".to_owned());
        }
        parts.join(", ")
    }

    fn field(&mut self, field: &Field<'a>, depth: usize) -> String {
        let name = parameter_name(field.name, self.language);
        let mut kind = field
            .schema
            .map_or_else(Type::default, |schema| self.type_of(schema, depth));
        // For a member that may be left out, null rarely says more than leaving it out.
        kind.nullable &= field.required || kind.alternatives.is_empty();
        let optional = if field.required { "" } else { "?" };
        format!("{name}{optional}: {}", kind.shown(self.language))
    }

    fn type_of(&mut self, schema: &'a Value, depth: usize) -> Type {
        let Some(schema) = resolved(self.root, schema).filter(|_| step(&mut self.steps)) else {
            return Type::default();
        };
        let mut kind = match shape(self.root, schema) {
            Shape::Values(values) => self.literals(values, schema, depth),
            // What all variants have in common says more than their differences.
            Shape::Union(_) if said(self.root, schema, "properties").is_some() => {
                self.object(schema, depth)
            }
            Shape::Union(variants) => self.union(variants, depth),
            Shape::Kinds(kinds) => self.by_kind(&kinds, schema, depth),
        };
        if !kind.alternatives.is_empty() {
            kind.nullable |= said(self.root, schema, "nullable") == Some(&Value::Bool(true));
        }
        kind
    }

    fn union(&mut self, variants: &'a [Value], depth: usize) -> Type {
        let mut kind = Type::default();
        // A variant deep inside variants is one level down too: nesting must end.
        if depth + 1 >= self.most_members.len() + 2 {
            return kind;
        }
        for variant in variants.iter().take(MOST_LOOKED_AT) {
            let variant = self.type_of(variant, depth + usize::from(!self.observed));
            if variant.alternatives.is_empty() && !variant.nullable {
                return Type::default();
            }
            kind.add(variant);
        }
        let all = kind.alternatives.len() + variants.len().saturating_sub(MOST_LOOKED_AT);
        let more = all.saturating_sub(MOST_ALTERNATIVES);
        let all_literals = kind.alternatives.iter().all(|word| word.starts_with('"'));
        if more > 0 && !(all_literals && all <= MOST_ENUM_VALUES) {
            kind.alternatives.truncate(MOST_ALTERNATIVES);
            kind.alternatives.push(format!("+{more}"));
        }
        kind
    }

    /// The values of an enum, or its type when they are too many or too long to be shown.
    fn literals(&mut self, values: &'a [Value], schema: &'a Value, depth: usize) -> Type {
        let looked_at = &values[..values.len().min(MOST_LOOKED_AT)];
        let nullable = looked_at.contains(&Value::Null);
        let few = values.len() <= MOST_ENUM_VALUES + usize::from(nullable);
        let literals = looked_at.iter().filter(|value| !value.is_null());
        let shown: Option<Vec<String>> = if self.fine && few {
            literals.map(|value| drawn(value, self.language)).collect()
        } else {
            None
        };
        match shown {
            Some(alternatives) => Type {
                alternatives,
                nullable,
            },
            None if said(self.root, schema, "type").is_some() => {
                let mut kind = self.by_kind(&kinds(self.root, schema), schema, depth);
                kind.nullable |= nullable;
                kind
            }
            None => {
                let strings = looked_at
                    .iter()
                    .all(|value| value.is_string() || value.is_null());
                let kind = if strings { Kind::String } else { Kind::Unknown };
                let word = self.language.word(kind);
                Type {
                    alternatives: vec![word.to_owned()],
                    nullable,
                }
            }
        }
    }

    fn by_kind(&mut self, kinds: &[Kind], schema: &'a Value, depth: usize) -> Type {
        let mut drawn = Type::default();
        for &kind in kinds {
            drawn.add(self.of_kind(kind, schema, depth));
        }
        drawn
    }

    fn of_kind(&mut self, kind: Kind, schema: &'a Value, depth: usize) -> Type {
        match kind {
            Kind::Null => Type {
                alternatives: Vec::new(),
                nullable: true,
            },
            Kind::Array => {
                if said(self.root, schema, "maxItems").and_then(Value::as_u64) == Some(0) {
                    return Type::word("[]");
                }
                let schema = Items::of(self.root, schema);
                let items = if depth < self.most_members.len() {
                    let mut items = Type::default();
                    let all = schema
                        .first
                        .iter()
                        .take(MOST_LOOKED_AT)
                        .chain(schema.others);
                    for item in all {
                        let item = self.type_of(item, depth + 1);
                        if item.alternatives.is_empty() && !item.nullable {
                            items = Type::default();
                            break;
                        }
                        items.add(item);
                    }
                    items.shown(self.language)
                } else {
                    "any".to_owned()
                };
                Type::word(format!("[{items}]"))
            }
            Kind::Object => self.object(schema, depth),
            Kind::String => Type::word(self.string(schema, depth)),
            kind => Type::word(self.language.word(kind)),
        }
    }

    fn string(&mut self, schema: &'a Value, depth: usize) -> String {
        let word = self.language.word(Kind::String);
        let holds = said(self.root, schema, "contentMediaType").and_then(Value::as_str);
        match said(self.root, schema, "contentSchema") {
            Some(inner) if holds == Some(JSON_MEDIA_TYPE) && depth < self.most_members.len() => {
                let inner = self.type_of(inner, depth).shown(self.language);
                format!("{word} of JSON {inner}")
            }
            _ => word.to_owned(),
        }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Type {
        let most = if self.fine {
            self.most_members.get(depth).copied().unwrap_or(0)
        } else {
            0
        };
        if said(self.root, schema, "maxProperties").and_then(Value::as_u64) == Some(0) {
            return Type::word("{}");
        }
        if most == 0 {
            return Type::word(self.language.word(Kind::Object));
        }
        let fields = Fields::of(self.root, schema, &mut self.steps);
        if fields.all.is_empty() {
            let values = said(self.root, schema, "additionalProperties")
                .filter(|values| values.is_object())
                .or_else(|| {
                    let by_pattern = said(self.root, schema, "patternProperties")?.as_object()?;
                    by_pattern.values().next().filter(|_| by_pattern.len() == 1)
                });
            let values = values.map(|values| self.type_of(values, depth + 1).shown(self.language));
            return Type::word(match values {
                Some(values) if values != "any" => {
                    format!("{{{}: {values}}}", self.language.word(Kind::String))
                }
                _ => self.language.word(Kind::Object).to_owned(),
            });
        }
        let most = if fields.all.len() == most + 1 {
            most + 1
        } else {
            most
        };
        let mut parts: Vec<String> = fields
            .all
            .iter()
            .take(most)
            .map(|field| self.field(field, depth + 1))
            .collect();
        if fields.all.len() > most {
            parts.push(format!("+{}", fields.all.len() - most));
        }
        // A schema that is written says it by habit; one that was observed saw them.
        if self.observed && fields.open {
            parts.push("...".to_owned());
        }
        Type::word(format!("{{{}}}", parts.join(", ")))
    }
}
