//! The little of JSON Schema that naming parameters and drawing signatures takes.

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
pub(crate) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let mut schema = schema;
    for _ in 0..DEPTH {
        match schema.get("$ref") {
            None => return Some(schema),
            Some(reference) => {
                let reference = reference
                    .as_str()
                    .filter(|text| text.len() <= LONGEST_REFERENCE)?;
                schema = root.pointer(reference.strip_prefix('#')?)?;
            }
        }
    }
    None
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
