//! The little of JSON Schema that naming parameters and drawing types takes.

use std::collections::HashSet;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// How many `$ref` and `allOf` are followed one inside the other before a schema counts as unknown.
const DEPTH: usize = 8;

/// More members than this are neither bound nor drawn; the largest recorded tool has 44.
const MOST_FIELDS: usize = 2_000;

/// Schemas, members and requirements looked at for one signature or one binding. Generous for honest
/// schemas; `allOf` and `$ref` let hostile ones multiply.
pub(crate) const MOST_STEPS: usize = 20_000;

const LONGEST_REFERENCE: usize = 512;

/// Follows `$ref` within the document, `None` when it leads elsewhere, nowhere or round in circles.
///
/// An `allOf` of one schema with nothing beside it is a reference too: so some generators write one
/// that has a description of its own.
pub(crate) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    referred(root, schema).map(|(schema, _)| schema)
}

/// As [`resolved`], with the reference that led to the schema, if one did.
pub(crate) fn referred<'a>(
    root: &'a Value,
    schema: &'a Value,
) -> Option<(&'a Value, Option<&'a str>)> {
    let mut schema = schema;
    let mut last = None;
    for _ in 0..DEPTH {
        if let Some(reference) = schema.get("$ref") {
            let reference = reference
                .as_str()
                .filter(|text| text.len() <= LONGEST_REFERENCE)?;
            schema = root.pointer(reference.strip_prefix('#')?)?;
            last = Some(reference);
        } else if let [only] = array(schema, "allOf")
            && !ASSERTIONS.iter().any(|beside| schema.get(beside).is_some())
        {
            schema = only;
        } else {
            return Some((schema, last));
        }
    }
    None
}

/// Keywords that say more about a value than an `allOf` beside them.
const ASSERTIONS: [&str; 9] = [
    "type",
    "const",
    "enum",
    "anyOf",
    "oneOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
];

/// What a schema says a value is, one level deep. It is the only reading of types there is: search
/// answers, errors and the typed SDK draw from it, each as far down as it has room for.
pub(crate) enum Shape<'a> {
    /// One of these values; [`kinds`] may say their type.
    Values(&'a [Value]),
    /// What any of these schemas describe.
    Union(&'a [Value]),
    /// A value of any of these kinds; none when the schema does not say.
    Kinds(Vec<Kind>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
    /// A word that JSON Schema does not have.
    Unknown,
}

/// There are no more kinds than these; a longer `type` repeats itself.
const MOST_KINDS: usize = 7;

/// The shape of a schema in which references have been followed.
pub(crate) fn shape(schema: &Value) -> Shape<'_> {
    if let Some(value) = schema.get("const") {
        return Shape::Values(std::slice::from_ref(value));
    }
    let values = array(schema, "enum");
    if !values.is_empty() {
        return Shape::Values(values);
    }
    for keyword in ["anyOf", "oneOf"] {
        let variants = array(schema, keyword);
        if !variants.is_empty() && schema.get("properties").is_none() {
            return Shape::Union(variants);
        }
    }
    Shape::Kinds(kinds(schema))
}

/// The kinds that `type` names, or that other keywords imply.
pub(crate) fn kinds(schema: &Value) -> Vec<Kind> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![kind(name)],
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .take(MOST_KINDS)
            .map(kind)
            .collect(),
        _ if schema.get("properties").is_some() || schema.get("allOf").is_some() => {
            vec![Kind::Object]
        }
        _ if schema.get("items").is_some() => vec![Kind::Array],
        _ => Vec::new(),
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "null" => Kind::Null,
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer,
        "number" => Kind::Number,
        "string" => Kind::String,
        "array" => Kind::Array,
        "object" => Kind::Object,
        _ => Kind::Unknown,
    }
}

/// The schema of what a program receives: a sole member `result` is a wrapping that is undone.
pub(crate) fn unwrapped(output: &Value) -> &Value {
    match output.get("properties").and_then(Value::as_object) {
        Some(properties) if properties.len() == 1 => properties.get("result").unwrap_or(output),
        _ => output,
    }
}

/// The members that an object schema declares: those of a tool's input are its parameters.
pub(crate) struct Fields<'a> {
    /// Required ones first, otherwise in the order of the schema.
    pub(crate) all: Vec<Field<'a>>,
    /// Whether members that are not declared may be given too.
    pub(crate) open: bool,
}

pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    /// `None` when the member is required without being described.
    pub(crate) schema: Option<&'a Value>,
    pub(crate) required: bool,
}

impl<'a> Fields<'a> {
    /// `steps` is what may still be looked at; what lies beyond is as if it were not declared.
    pub(crate) fn of(root: &'a Value, schema: &'a Value, steps: &mut usize) -> Fields<'a> {
        let mut parts = Parts::default();
        parts.collect(root, schema, DEPTH, steps);
        let required: HashSet<&str> = parts.required.iter().copied().collect();
        let mut all: Vec<Field> = parts
            .properties
            .iter()
            .map(|&(name, schema)| Field {
                name,
                schema: Some(schema),
                required: required.contains(name),
            })
            .collect();
        for name in parts.required {
            if parts.described.insert(name) && all.len() < MOST_FIELDS {
                all.push(Field {
                    name,
                    schema: None,
                    required: true,
                });
            }
        }
        all.sort_by_key(|field| !field.required);
        Fields {
            all,
            open: parts.open || !parts.declares,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.all.iter().find(|field| field.name == name)
    }

    pub(crate) fn required(&self) -> impl Iterator<Item = &Field<'a>> {
        self.all.iter().filter(|field| field.required)
    }
}

/// What is collected from a schema and the schemas it is made of.
#[derive(Default)]
struct Parts<'a> {
    properties: Vec<(&'a str, &'a Value)>,
    described: HashSet<&'a str>,
    required: Vec<&'a str>,
    declares: bool,
    open: bool,
}

impl<'a> Parts<'a> {
    fn collect(&mut self, root: &'a Value, schema: &'a Value, depth: usize, steps: &mut usize) {
        let schema = resolved(root, schema).filter(|schema| schema.is_object() && depth > 0);
        let (Some(schema), true) = (schema, step(steps)) else {
            self.open = true;
            return;
        };
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            self.declares = true;
            for (name, property) in properties {
                if self.properties.len() == MOST_FIELDS || !step(steps) {
                    self.open = true;
                    break;
                }
                if self.described.insert(name) {
                    self.properties.push((name, property));
                }
            }
        }
        for name in array(schema, "required").iter().filter_map(Value::as_str) {
            if !step(steps) {
                break;
            }
            self.required.push(name);
        }
        // What these allow depends on the value, so nothing is certainly unknown.
        self.open |= [
            "anyOf",
            "oneOf",
            "if",
            "patternProperties",
            "dependentSchemas",
        ]
        .iter()
        .any(|keyword| schema.get(keyword).is_some())
            || schema
                .get("additionalProperties")
                .is_some_and(|allowed| *allowed != Value::Bool(false));
        for part in array(schema, "allOf") {
            if *steps == 0 {
                break;
            }
            self.collect(root, part, depth - 1, steps);
        }
    }
}

/// Takes one of the steps that are left, if any.
pub(crate) fn step(steps: &mut usize) -> bool {
    let left = *steps > 0;
    *steps = steps.saturating_sub(1);
    left
}

/// The elements of a keyword's array, none when it is something else.
pub(crate) fn array<'a>(schema: &'a Value, keyword: &str) -> &'a [Value] {
    schema
        .get(keyword)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The members of a JSON object, `None` if the value is something else.
pub(crate) fn members(value: &RawValue) -> Option<Vec<(String, &RawValue)>> {
    if !value.get().starts_with('{') {
        return None;
    }
    serde_json::from_str(value.get())
        .ok()
        .map(|Members(members)| members)
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
