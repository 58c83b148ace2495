//! The typed SDK: what every tool takes and gives, as declarations that editors and type checkers
//! read.
//!
//! The types of all tools are read once, by the [`Shape`] that search answers are drawn from, into
//! a form that is the same for both languages and in which every type that needs a name has one;
//! `python` and `typescript` only write it down. Neither the order of listing nor which server is asked
//! for changes a name. What cannot be typed, because a reference leads nowhere or a bound is met, is
//! `Any` or `unknown`, with the reason in a comment. What a tool gives that does not say it has the type
//! that its results were observed to have, with how many they were in a comment.

mod python;
#[cfg(test)]
mod tests;
mod typescript;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::answer::counted;
use crate::catalog::{Catalog, ServerTools};
use crate::name::{self, pascal};
use crate::observed::Observations;
use crate::plain;
use crate::schema::{
    Fields, Items, Kind, MOST_STEPS, Shape, kinds, referred, resolved, said, shape, step, unwrapped,
};
use crate::tool::Tool;

/// What a tool's declarations may take. The recorded ones take less than 30 KB each.
const LONGEST_TOOL_BYTES: usize = 512 * 1024;

/// How deep types are read, and how many named ones a tool may have.
const MOST_DEPTH: usize = 24;
const MOST_DECLARED: usize = 200;

/// Enums with more values are shown as their type.
const MOST_VALUES: usize = 400;
const LONGEST_VALUE_BYTES: usize = 256;

/// Values of which the meaning is told.
const MOST_MEANINGS: usize = 20;

/// Elements of an array, or patterns of names, that have types of their own.
const MOST_TUPLE: usize = 32;

/// A member with a longer name is left out.
const LONGEST_MEMBER_BYTES: usize = 256;

/// Type names are cut here; those that then are the same are told apart by a hash.
const LONGEST_TYPE_NAME: usize = 100;

/// Where the places of a result begin.
const RESULT: &str = "Result";

const DESCRIPTION_CHARS: usize = 2_000;
const MEMBER_CHARS: usize = 500;
const DEFAULT_CHARS: usize = 80;
const MOST_REASONS: usize = 5;

/// What the descriptions of one tool's members may take together.
const DOCS_CHARS: usize = 64 * 1024;

/// Capitalised names that the SDK itself, or the languages' own libraries, have for types.
const TAKEN: [&str; 36] = [
    "Any",
    "Array",
    "AsyncIterator",
    "Callable",
    "Concatenate",
    "Error",
    "Exception",
    "False",
    "Forms",
    "Generic",
    "Iterator",
    "IteratorReturnResult",
    "IteratorYieldResult",
    "Kept",
    "Literal",
    "None",
    "NotRequired",
    "ParamSpec",
    "Promise",
    "PromiseFulfilledResult",
    "PromiseLike",
    "PromiseRejectedResult",
    "PromiseSettledResult",
    "RawResult",
    "ReadableStreamReadDoneResult",
    "ReadableStreamReadResult",
    "ReadableStreamReadValueResult",
    "Symbol",
    "ToolError",
    "Tools",
    "True",
    "TypeAlias",
    "TypeVar",
    "TypedDict",
    "Unpack",
    "WithForms",
];

impl Catalog {
    /// The tools as a Python stub file (`.pyi`), for Python 3.11 and newer: those of `server`, which
    /// may be written as for [`Catalog::server`], or of all. What was `observed` of results are the
    /// types of those that no tool describes.
    pub fn python_stubs(&self, server: Option<&str>, observed: Option<&Observations>) -> String {
        let seen = Seen::of(self, observed);
        let write = || python::stubs(&Sdk::of(self, server, &seen));
        match (server, observed) {
            (None, None) => self.python.get_or_init(write).clone(),
            _ => write(),
        }
    }

    /// The tools as TypeScript declarations (`.d.ts`): those of `server`, or of all, as in
    /// [`Catalog::python_stubs`].
    pub fn typescript_declarations(
        &self,
        server: Option<&str>,
        observed: Option<&Observations>,
    ) -> String {
        let seen = Seen::of(self, observed);
        let write = || typescript::declarations(&Sdk::of(self, server, &seen));
        match (server, observed) {
            (None, None) => self.typescript.get_or_init(write).clone(),
            _ => write(),
        }
    }
}

/// By tool's path, the schema of what its results were observed to be, and of how many.
#[derive(Default)]
struct Seen(HashMap<String, (Value, u32)>);

impl Seen {
    fn of(catalog: &Catalog, observed: Option<&Observations>) -> Seen {
        let Some(observed) = observed else {
            return Seen::default();
        };
        let seen = catalog.tools().filter_map(|tool| {
            let observed = observed.of(tool)?;
            let schema = observed.shape.schema();
            Some((tool.path().to_owned(), (schema, observed.results)))
        });
        Seen(seen.collect())
    }
}

struct Sdk<'a> {
    servers: Vec<ServerTypes<'a>>,
}

struct ServerTypes<'a> {
    server: &'a ServerTools,
    /// The name of the server's own type.
    class: String,
    tools: Vec<ToolTypes<'a>>,
}

struct ToolTypes<'a> {
    tool: &'a Tool,
    /// The types that have names. The first is that of the arguments.
    declared: Vec<Declared<'a>>,
    /// `None` when the tool promises nothing, and nothing was observed.
    result: Option<Type<'a>>,
    /// Of how many results the type of the result was learned.
    observed: Option<u32>,
    /// Where something is not typed, and why.
    untyped: Vec<String>,
}

struct Declared<'a> {
    /// Where in the tool's schemas it was found: `Args.filter`, `Result#/$defs/Label`.
    place: String,
    name: String,
    description: Option<&'a str>,
    body: Body<'a>,
    /// Whether a type mentions it.
    mentioned: bool,
}

enum Body<'a> {
    Members {
        members: Vec<Member<'a>>,
        /// The type of members that are not declared, if there may be some.
        others: Option<Type<'a>>,
    },
    /// Another name for a type that contains itself.
    Alias(Type<'a>),
}

struct Member<'a> {
    name: &'a str,
    required: bool,
    value: Type<'a>,
    description: Option<&'a str>,
    default: Option<&'a Value>,
    format: Option<&'a str>,
    /// What its values mean, where the schema says it of each.
    meanings: Vec<(&'a Value, &'a str)>,
}

#[derive(Clone, PartialEq)]
enum Type<'a> {
    Any,
    /// Null, boolean, integer, number or string.
    Plain(Kind),
    Literal(&'a Value),
    List(Box<Type<'a>>),
    /// A list whose first elements have types of their own.
    Tuple {
        first: Vec<Type<'a>>,
        /// How many of them are there at least.
        least: usize,
        others: Option<Box<Type<'a>>>,
    },
    /// An object used as a map from strings.
    Map(Box<Type<'a>>),
    /// The index of a declared type.
    Named(usize),
    /// Distinct alternatives, none of them a union or `Any`; none at all means no value.
    Union(Vec<Type<'a>>),
}

impl<'a> Sdk<'a> {
    fn of(catalog: &'a Catalog, server: Option<&str>, seen: &'a Seen) -> Sdk<'a> {
        let mut servers: Vec<ServerTypes> = catalog
            .servers()
            .map(|server| ServerTypes {
                server,
                class: String::new(),
                tools: server
                    .tools()
                    .iter()
                    .map(|tool| ToolTypes::of(tool, seen))
                    .collect(),
            })
            .collect();
        give_names(&mut servers);
        if let Some(written) = server {
            let wanted = catalog.server(written).map(ServerTools::identifier);
            servers.retain(|types| Some(types.server.identifier()) == wanted);
        }
        Sdk { servers }
    }

    fn totals(&self) -> String {
        let tools = self.servers.iter().map(|server| server.tools.len()).sum();
        format!(
            "{} on {}",
            counted(tools, "tool"),
            counted(self.servers.len(), "server")
        )
    }
}

/// Names are given over all servers, so that no two types share one in any selection.
fn give_names(servers: &mut [ServerTypes]) {
    /// Between a tool's path and a place in its schemas; neither an identifier nor a path holds it.
    const BETWEEN: char = ' ';
    let mut keys: Vec<String> = Vec::new();
    let mut taken: HashSet<String> = TAKEN.iter().map(|&name| name.to_owned()).collect();
    for types in servers.iter() {
        // A class that has the name of an attribute hides it.
        taken.insert(types.server.identifier().to_owned());
        keys.push(types.server.identifier().to_owned());
        for tool in &types.tools {
            let path = tool.tool.path();
            let places = tool.declared.iter().map(|declared| &declared.place);
            keys.extend(places.map(|place| format!("{path}{BETWEEN}{place}")));
        }
    }
    let fit = |key: &str| match key.split_once(BETWEEN) {
        None if pascal(key) == key => format!("{key}Tools"),
        None => type_name(pascal(key)),
        Some((path, place)) => {
            let (side, below) = place
                .split_once('#')
                .map_or((place, ""), |(side, reference)| {
                    (side, reference.rsplit('/').next().unwrap_or_default())
                });
            type_name(pascal(path) + &pascal(side) + &pascal(below))
        }
    };
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut names = name::told_apart(&keys, taken, fit).into_iter();
    let mut next = || names.next().expect("there is a name for each key");
    for types in servers {
        types.class = next();
        for declared in types.tools.iter_mut().flat_map(|tool| &mut tool.declared) {
            declared.name = next();
        }
    }
}

fn type_name(mut name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name.truncate(LONGEST_TYPE_NAME);
    name
}

impl<'a> ToolTypes<'a> {
    fn of(tool: &'a Tool, seen: &'a Seen) -> ToolTypes<'a> {
        let input = tool.input_schema();
        let mut reading = Reading {
            root: input,
            null_says_nothing: false,
            declared: Vec::new(),
            finished: HashMap::new(),
            open: Vec::new(),
            structure: 0,
            steps: MOST_STEPS,
            untyped: Vec::new(),
        };
        reading.arguments(input);
        let seen = seen.0.get(tool.path());
        let result = match (seen, tool.output_schema()) {
            (Some((schema, _)), _) => {
                reading.root = schema;
                reading.null_says_nothing = true;
                Some(reading.value(schema, RESULT))
            }
            (None, Some(output)) => {
                reading.root = output;
                Some(reading.value(unwrapped(output), RESULT))
            }
            (None, None) => None,
        };
        ToolTypes {
            tool,
            declared: reading.declared,
            result,
            observed: seen.map(|(_, results)| *results),
            untyped: reading.untyped,
        }
    }

    /// The same tool without its types, for when they would be too long to be of use.
    fn without_types(&self) -> ToolTypes<'a> {
        let arguments = Declared {
            place: String::new(),
            name: self.declared[0].name.clone(),
            description: None,
            body: Body::Members {
                members: Vec::new(),
                others: Some(Type::Any),
            },
            mentioned: false,
        };
        ToolTypes {
            tool: self.tool,
            declared: vec![arguments],
            result: None,
            observed: None,
            untyped: vec![format!(
                "everything: the declarations would exceed {LONGEST_TOOL_BYTES} bytes"
            )],
        }
    }

    fn arguments(&self) -> (&[Member<'a>], Option<&Type<'a>>) {
        match &self.declared[0].body {
            Body::Members { members, others } => (members, others.as_ref()),
            Body::Alias(_) => unreachable!("arguments are members"),
        }
    }

    /// The lines of prose about the tool that both languages have.
    fn prose(&self) -> Vec<String> {
        let mut lines = plain::lines(self.tool.description(), DESCRIPTION_CHARS);
        lines.extend(self.tool.effects().map(str::to_owned));
        lines
    }

    /// The lines of comment beside the method: how its result is known, and what is not typed, why.
    fn comments(&self) -> impl Iterator<Item = String> {
        let observed = self.observed;
        let observed = observed.map(|results| format!("result: observed ×{results}"));
        let untyped = self.untyped.iter();
        let untyped = untyped.map(|reason| format!("not typed: {reason}"));
        observed.into_iter().chain(untyped)
    }

    /// The types and the method that `write` makes of the tool, or of the tool without its types
    /// when they are too long.
    fn bounded(&self, write: impl Fn(&ToolTypes) -> (String, String)) -> (String, String) {
        let (types, method) = write(self);
        if types.len() + method.len() <= LONGEST_TOOL_BYTES {
            (types, method)
        } else {
            write(&self.without_types())
        }
    }
}

impl Member<'_> {
    /// What is known of the member besides its type, on one line.
    fn description(&self, docs: &mut usize) -> String {
        let mut about = self.description.unwrap_or("").to_owned();
        for (at, (value, meaning)) in self.meanings.iter().enumerate() {
            about.push_str(if at > 0 { "; " } else { " " });
            about.push_str(&format!("{value}: {meaning}"));
        }
        let line = plain::line(&about, MEMBER_CHARS.min(*docs));
        *docs -= line.chars().count().min(*docs);
        line
    }

    /// The name of a format that says more than the type.
    fn format(&self) -> Option<String> {
        let format = self.format.filter(|format| format.len() <= DEFAULT_CHARS)?;
        Some(plain::line(format, DEFAULT_CHARS)).filter(|format| !format.is_empty())
    }

    /// The default as JSON, unless it is long; null says no more than leaving the member out.
    fn default(&self) -> Option<String> {
        let default = self.default.filter(|default| !default.is_null())?;
        let text = serde_json::to_string(default).expect("a JSON value serialises");
        (text.chars().count() <= DEFAULT_CHARS).then(|| plain::line(&text, DEFAULT_CHARS))
    }
}

/// The reading of one tool's schemas.
struct Reading<'a> {
    root: &'a Value,
    /// Where nothing but null was observed, type checkers are not to refuse everything else.
    null_says_nothing: bool,
    declared: Vec<Declared<'a>>,
    /// What has been read, by where it lies: references lead to the same place many times.
    finished: HashMap<*const Value, Type<'a>>,
    /// What is being read, from the outside in.
    open: Vec<Open>,
    /// How many lists, maps and objects lie around what is being read.
    structure: usize,
    steps: usize,
    untyped: Vec<String>,
}

struct Open {
    schema: *const Value,
    structure: usize,
    /// The declared type that stands for it, once it is found to contain itself.
    named: Option<usize>,
}

const TOO_LARGE: &str = "the schema is too large";

impl<'a> Reading<'a> {
    fn arguments(&mut self, input: &'a Value) {
        let at = self.declare("Args".to_owned(), text(input, "description"));
        // A schema that refers to the whole of itself means the arguments.
        self.finished.insert(input, Type::Named(at));
        let fields = Fields::of(input, input, &mut self.steps);
        self.members_of(fields, input, at);
    }

    /// The type of a schema; one which no value satisfies is not typed.
    fn value(&mut self, schema: &'a Value, place: &str) -> Type<'a> {
        match self.read(schema, place) {
            Type::Union(none) if none.is_empty() => {
                self.any(place, "it contains nothing but itself")
            }
            Type::Plain(Kind::Null) if self.null_says_nothing => Type::Any,
            some => some,
        }
    }

    fn read(&mut self, schema: &'a Value, place: &str) -> Type<'a> {
        let Some((schema, reference)) = referred(self.root, schema) else {
            return self.any(place, "its reference leads nowhere in the schema");
        };
        if !step(&mut self.steps) {
            return self.any(place, TOO_LARGE);
        }
        let address: *const Value = schema;
        if let Some(known) = self.finished.get(&address) {
            let known = known.clone();
            self.steps = self.steps.saturating_sub(known.size());
            self.mention(&known);
            return known;
        }
        let side = place.split(['.', '#']).next().unwrap_or_default();
        let referred_place = reference.map(|reference| format!("{side}{reference}"));
        let place = referred_place.as_deref().unwrap_or(place);
        if let Some(at) = self.open.iter().position(|open| open.schema == address) {
            // With no structure between it and itself, a type adds nothing to itself.
            if self.open[at].structure == self.structure {
                return Type::Union(Vec::new());
            }
            let named = match self.open[at].named {
                Some(named) => Some(named),
                None if self.declared.len() < MOST_DECLARED => {
                    Some(self.declare(place.to_owned(), None))
                }
                None => None,
            };
            self.open[at].named = named;
            return match named {
                Some(named) => {
                    self.declared[named].mentioned = true;
                    Type::Named(named)
                }
                None => self.any(place, "the tool has too many types"),
            };
        }
        if self.open.len() == MOST_DEPTH {
            return self.any(place, "it lies too deep");
        }
        self.open.push(Open {
            schema: address,
            structure: self.structure,
            named: None,
        });
        let mut found = self.by_shape(schema, place);
        let open = self.open.pop().expect("it was pushed above");
        if let Some(named) = open.named.filter(|&named| found != Type::Named(named)) {
            self.declared[named].description = text(schema, "description");
            self.declared[named].body = Body::Alias(found);
            found = Type::Named(named);
        }
        self.finished.insert(address, found.clone());
        found
    }

    fn by_shape(&mut self, schema: &'a Value, place: &str) -> Type<'a> {
        let found = match shape(self.root, schema) {
            Shape::Values(values) => self.literals(values).unwrap_or_else(|| {
                let nullable = values.contains(&Value::Null);
                match self.by_kind(schema, nullable, place) {
                    Type::Any if values.iter().all(Value::is_string) => Type::Plain(Kind::String),
                    kind => kind,
                }
            }),
            Shape::Union(variants) => self
                .variants_of_object(schema, variants, place)
                .unwrap_or_else(|| self.union(schema, variants, place)),
            Shape::Kinds(_) => self.by_kind(schema, false, place),
        };
        if found == Type::Any || said(self.root, schema, "nullable") != Some(&Value::Bool(true)) {
            return found;
        }
        let mut union = Vec::new();
        add(&mut union, found);
        add(&mut union, Type::Plain(Kind::Null));
        one_or_union(union)
    }

    fn union(&mut self, schema: &'a Value, variants: &'a [Value], place: &str) -> Type<'a> {
        // What stands beside the variants says what they have in common.
        if said(self.root, schema, "properties").is_some() {
            return self.by_kind(schema, false, place);
        }
        let several = variants.len() > 1;
        let mut union = Vec::new();
        for (at, variant) in variants.iter().enumerate() {
            let option = format!("{place}.Option{}", at + 1);
            let nested = if several { &option } else { place };
            match self.read(variant, nested) {
                // What stands beside the variants may say more than they do.
                Type::Any => return self.by_kind(schema, false, place),
                variant => add(&mut union, variant),
            }
            if union.len() > MOST_VALUES {
                return self.any(place, "it has too many alternatives");
            }
        }
        one_or_union(union)
    }

    /// The types of an object which has members in any case and others by variant; `None` if it is
    /// no such object.
    fn variants_of_object(
        &mut self,
        schema: &'a Value,
        variants: &'a [Value],
        place: &str,
    ) -> Option<Type<'a>> {
        said(self.root, schema, "properties")?;
        let declares = |variant: &'a Value| {
            let variant = resolved(self.root, variant)?;
            said(self.root, variant, "properties")
        };
        let all = variants.iter().all(|variant| declares(variant).is_some());
        if !all || self.declared.len() + variants.len() > MOST_DECLARED {
            return None;
        }
        let mut union = Vec::new();
        for (at, variant) in variants.iter().enumerate() {
            let fields = Fields::of_variant(self.root, schema, variant, &mut self.steps);
            let option = format!("{place}.Option{}", at + 1);
            let about = text(variant, "description").or_else(|| text(schema, "description"));
            let named = self.declare(option, about);
            self.declared[named].mentioned = true;
            self.members_of(fields, schema, named);
            add(&mut union, Type::Named(named));
        }
        Some(one_or_union(union))
    }

    /// Enums are taken as they are, or not at all.
    fn literals(&mut self, values: &'a [Value]) -> Option<Type<'a>> {
        if values.len() > MOST_VALUES || self.steps < values.len() {
            return None;
        }
        self.steps -= values.len();
        let mut union = Vec::new();
        for value in values {
            add(
                &mut union,
                match value {
                    Value::Null => Type::Plain(Kind::Null),
                    Value::Bool(_) => Type::Literal(value),
                    Value::Number(number) if number.is_f64() => Type::Plain(Kind::Number),
                    Value::Number(_) => Type::Literal(value),
                    Value::String(text) if text.len() <= LONGEST_VALUE_BYTES => {
                        Type::Literal(value)
                    }
                    Value::String(_) | Value::Array(_) | Value::Object(_) => return None,
                },
            );
        }
        Some(one_or_union(union))
    }

    fn by_kind(&mut self, schema: &'a Value, nullable: bool, place: &str) -> Type<'a> {
        let kinds = kinds(self.root, schema);
        let alone = kinds.len() == 1 && !nullable;
        let mut union = Vec::new();
        for kind in &kinds {
            let alternative = match kind {
                Kind::Array => self.array(schema, place),
                Kind::Object => self.object(schema, alone, place),
                Kind::Unknown => return self.any(place, "its type is none of JSON Schema"),
                plain => Type::Plain(*plain),
            };
            add(&mut union, alternative);
        }
        if union.is_empty() {
            return Type::Any;
        }
        if nullable {
            add(&mut union, Type::Plain(Kind::Null));
        }
        one_or_union(union)
    }

    fn array(&mut self, schema: &'a Value, place: &str) -> Type<'a> {
        let items = Items::of(self.root, schema);
        let others = items
            .others
            .map(|others| self.inside(others, &format!("{place}.Item")));
        if items.first.len() > MOST_TUPLE {
            let any = self.any(place, "it has too many elements of their own");
            return Type::List(Box::new(any));
        }
        if items.first.is_empty() {
            return Type::List(Box::new(others.unwrap_or(Type::Any)));
        }
        let least = said(self.root, schema, "minItems").and_then(Value::as_u64);
        let first: Vec<Type> = (1..)
            .zip(items.first)
            .map(|(at, item)| self.inside(item, &format!("{place}.Item{at}")))
            .collect();
        Type::Tuple {
            least: least.map_or(0, |least| first.len().min(least as usize)),
            others: (!items.closed).then(|| Box::new(others.unwrap_or(Type::Any))),
            first,
        }
    }

    /// The type of members that an object does not declare, if it says that there may be some.
    fn others(&mut self, schema: &'a Value, place: &str) -> Option<Type<'a>> {
        let mut schemas: Vec<&Value> = Vec::new();
        let by_pattern = said(self.root, schema, "patternProperties").and_then(Value::as_object);
        schemas.extend(
            by_pattern
                .into_iter()
                .flat_map(|by_pattern| by_pattern.values()),
        );
        let additional = said(self.root, schema, "additionalProperties");
        schemas.extend(additional.filter(|additional| **additional != Value::Bool(false)));
        let several = schemas.len() > 1;
        let mut union = Vec::new();
        for (at, values) in schemas.into_iter().take(MOST_TUPLE).enumerate() {
            let number = if several {
                (at + 1).to_string()
            } else {
                String::new()
            };
            match self.inside(values, &format!("{place}.Value{number}")) {
                Type::Any => return Some(Type::Any),
                values => add(&mut union, values),
            }
        }
        (!union.is_empty()).then(|| one_or_union(union))
    }

    /// `alone` is whether the schema allows nothing but objects.
    fn object(&mut self, schema: &'a Value, alone: bool, place: &str) -> Type<'a> {
        let fields = Fields::of(self.root, schema, &mut self.steps);
        if fields.all.is_empty() {
            let values = self.others(schema, place).unwrap_or(Type::Any);
            return Type::Map(Box::new(values));
        }
        if self.declared.len() == MOST_DECLARED {
            self.any(place, "the tool has too many types");
            return Type::Map(Box::new(Type::Any));
        }
        let at = self.declare(place.to_owned(), text(schema, "description"));
        self.declared[at].mentioned = true;
        if alone && let Some(open) = self.open.last_mut() {
            open.named = Some(at);
        }
        self.members_of(fields, schema, at);
        Type::Named(at)
    }

    fn members_of(&mut self, fields: Fields<'a>, schema: &'a Value, at: usize) {
        let place = self.declared[at].place.clone();
        let mut members = Vec::with_capacity(fields.all.len());
        let mut others = if fields.open {
            Some(self.others(schema, &place).unwrap_or(Type::Any))
        } else {
            None
        };
        if self.steps == 0 {
            self.any(&place, TOO_LARGE);
        }
        for field in fields.all {
            if field.name.len() > LONGEST_MEMBER_BYTES {
                let name = plain::line(field.name, 40);
                self.any(
                    &format!("{place}.{name}"),
                    "its name is too long to be declared",
                );
                others = Some(Type::Any);
                continue;
            }
            let value = match field.schema {
                Some(schema) => self.inside(schema, &format!("{place}.{}", segment(field.name))),
                None => Type::Any,
            };
            let about = |keyword| {
                let own = field.schema.and_then(|schema| schema.get(keyword));
                own.or_else(|| said(self.root, resolved(self.root, field.schema?)?, keyword))
            };
            members.push(Member {
                name: field.name,
                required: field.required,
                value,
                description: about("description").and_then(Value::as_str),
                default: about("default"),
                format: about("format").and_then(Value::as_str),
                meanings: field
                    .schema
                    .map_or_else(Vec::new, |schema| self.meanings(schema)),
            });
        }
        self.declared[at].body = Body::Members { members, others };
    }

    /// What the values of a schema, or of its elements, mean: a union of constants says it of each.
    fn meanings(&self, schema: &'a Value) -> Vec<(&'a Value, &'a str)> {
        let of = |schema: &'a Value| -> Vec<(&'a Value, &'a str)> {
            let Some(schema) = resolved(self.root, schema) else {
                return Vec::new();
            };
            let Shape::Union(variants) = shape(self.root, schema) else {
                return Vec::new();
            };
            let meaning = |variant: &'a Value| {
                let meaning = text(variant, "description").or_else(|| text(variant, "title"))?;
                Some((variant.get("const")?, meaning))
            };
            variants
                .iter()
                .filter_map(meaning)
                .take(MOST_MEANINGS)
                .collect()
        };
        let own = of(schema);
        let items = schema.get("items").filter(|_| own.is_empty());
        items.map_or(own, of)
    }

    /// The type of a schema inside a list, a map or an object.
    fn inside(&mut self, schema: &'a Value, place: &str) -> Type<'a> {
        self.structure += 1;
        let value = self.value(schema, place);
        self.structure -= 1;
        value
    }

    fn declare(&mut self, place: String, description: Option<&'a str>) -> usize {
        self.declared.push(Declared {
            place,
            name: String::new(),
            description,
            body: Body::Alias(Type::Any),
            mentioned: false,
        });
        self.declared.len() - 1
    }

    fn mention(&mut self, value: &Type<'a>) {
        match value {
            Type::Named(at) => self.declared[*at].mentioned = true,
            Type::List(value) | Type::Map(value) => self.mention(value),
            Type::Tuple { first, others, .. } => {
                first.iter().for_each(|value| self.mention(value));
                others.iter().for_each(|value| self.mention(value));
            }
            Type::Union(alternatives) => alternatives.iter().for_each(|value| self.mention(value)),
            Type::Any | Type::Plain(_) | Type::Literal(_) => {}
        }
    }

    /// Notes why what stands at `place` is not typed.
    fn any(&mut self, place: &str, reason: &str) -> Type<'a> {
        if self.untyped.len() < MOST_REASONS {
            let note = format!("{}: {reason}", plain::line(place, 120));
            if !self.untyped.contains(&note) {
                self.untyped.push(note);
            }
        } else if self.untyped.len() == MOST_REASONS {
            self.untyped.push("and more".to_owned());
        }
        Type::Any
    }
}

impl Type<'_> {
    /// About how much it takes to write it.
    fn size(&self) -> usize {
        match self {
            Type::List(value) | Type::Map(value) => 1 + value.size(),
            Type::Tuple { first, others, .. } => {
                let others = others.as_ref().map_or(0, |others| others.size());
                1 + others + first.iter().map(Type::size).sum::<usize>()
            }
            Type::Union(alternatives) => alternatives.iter().map(Type::size).sum(),
            _ => 1,
        }
    }
}

/// Adds an alternative, or the alternatives of a union, to those of another.
fn add<'a>(union: &mut Vec<Type<'a>>, alternative: Type<'a>) {
    match alternative {
        Type::Union(alternatives) => alternatives.into_iter().for_each(|other| add(union, other)),
        other if union.contains(&other) => {}
        other => union.push(other),
    }
}

fn one_or_union(mut union: Vec<Type>) -> Type {
    match union.len() {
        1 => union.remove(0),
        _ => Type::Union(union),
    }
}

/// The part that a member has in the names of the types below it.
fn segment(name: &str) -> &str {
    if name.contains(|c: char| c.is_ascii_alphanumeric()) {
        name
    } else {
        "Member"
    }
}

fn text<'a>(schema: &'a Value, keyword: &str) -> Option<&'a str> {
    schema.get(keyword).and_then(Value::as_str)
}
