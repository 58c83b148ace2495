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
/// that has a description of its own. A reference beside which something is said of the value is not
/// followed: it is one of the schema's [`parts`].
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
        let alone = || !ASSERTIONS.iter().any(|beside| schema.get(beside).is_some());
        let all = schema.get("allOf");
        if schema.get("$ref").is_some() && (ignores_siblings(root) || (alone() && all.is_none())) {
            let (target, reference) = target(root, schema)?;
            schema = target;
            last = Some(reference);
        } else if let [only] = array(schema, "allOf")
            && schema.get("$ref").is_none()
            && alone()
        {
            schema = only;
        } else {
            return Some((schema, last));
        }
    }
    None
}

/// Where a schema's `$ref` leads, with the reference.
fn target<'a>(root: &'a Value, schema: &'a Value) -> Option<(&'a Value, &'a str)> {
    let reference = schema
        .get("$ref")?
        .as_str()
        .filter(|text| text.len() <= LONGEST_REFERENCE)?;
    let pointer = percent_decoded(reference.strip_prefix('#')?)?;
    Some((root.pointer(&pointer)?, reference))
}

/// Whether the document is of a draft in which a `$ref` stands alone.
fn ignores_siblings(root: &Value) -> bool {
    let draft = root.get("$schema").and_then(Value::as_str);
    draft.is_some_and(|draft| draft.contains("/draft-0"))
}

/// The part of a URI that is a JSON pointer; `None` if it is malformed.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            (digit()? * 16 + digit()?) as u8
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

/// Keywords that say more about a value than an `allOf` or a `$ref` beside them.
const ASSERTIONS: [&str; 12] = [
    "type",
    "const",
    "enum",
    "anyOf",
    "oneOf",
    "properties",
    "patternProperties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "nullable",
];

/// The schemas that a value has to fit besides what `schema` itself says.
fn parts<'a>(root: &'a Value, schema: &'a Value) -> impl Iterator<Item = &'a Value> {
    let beside = target(root, schema).map(|(target, _)| target);
    array(schema, "allOf")
        .iter()
        .chain(beside.filter(|_| !ignores_siblings(root)))
}

/// Parts of parts that are looked at for one keyword.
const MOST_PARTS: usize = 64;

/// A keyword of a schema, or of one of its parts.
pub(crate) fn said<'a>(root: &'a Value, schema: &'a Value, keyword: &str) -> Option<&'a Value> {
    first_of(root, schema, DEPTH, &mut MOST_PARTS.clone(), &|schema| {
        schema.get(keyword)
    })
}

/// What `find` finds in a schema, or in the first of its parts in which it finds something.
fn first_of<'a, T>(
    root: &'a Value,
    schema: &'a Value,
    depth: usize,
    steps: &mut usize,
    find: &impl Fn(&'a Value) -> Option<T>,
) -> Option<T> {
    if let Some(found) = find(schema) {
        return Some(found);
    }
    if depth == 0 {
        return None;
    }
    for part in parts(root, schema) {
        if !step(steps) {
            return None;
        }
        let found =
            resolved(root, part).and_then(|part| first_of(root, part, depth - 1, steps, find));
        if found.is_some() {
            return found;
        }
    }
    None
}

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
pub(crate) fn shape<'a>(root: &'a Value, schema: &'a Value) -> Shape<'a> {
    let outright = |schema: &'a Value| {
        if let Some(value) = schema.get("const") {
            return Some(Shape::Values(std::slice::from_ref(value)));
        }
        ["enum", "anyOf", "oneOf"].into_iter().find_map(|keyword| {
            match (keyword, array(schema, keyword)) {
                (_, []) => None,
                ("enum", values) => Some(Shape::Values(values)),
                (_, variants) => Some(Shape::Union(variants)),
            }
        })
    };
    first_of(root, schema, DEPTH, &mut MOST_PARTS.clone(), &outright)
        .unwrap_or_else(|| Shape::Kinds(kinds(root, schema)))
}

/// The kinds that `type` names, or that other keywords imply, in a schema and all its parts.
pub(crate) fn kinds(root: &Value, schema: &Value) -> Vec<Kind> {
    let mut kinds = kinds_of(root, schema, DEPTH, &mut MOST_PARTS.clone());
    let nullable = said(root, schema, "nullable") == Some(&Value::Bool(true));
    if nullable && !kinds.is_empty() && !kinds.contains(&Kind::Null) {
        kinds.push(Kind::Null);
    }
    kinds
}

fn kinds_of(root: &Value, schema: &Value, depth: usize, steps: &mut usize) -> Vec<Kind> {
    let has = |keyword| schema.get(keyword).is_some();
    let mut kinds = match schema.get("type") {
        Some(Value::String(name)) => vec![kind(name)],
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .take(MOST_KINDS)
            .map(kind)
            .collect(),
        _ if has("properties") || has("patternProperties") || has("additionalProperties") => {
            vec![Kind::Object]
        }
        _ if has("items") || has("prefixItems") => vec![Kind::Array],
        _ => Vec::new(),
    };
    if depth == 0 {
        return kinds;
    }
    for part in parts(root, schema) {
        if !step(steps) {
            break;
        }
        let Some(part) = resolved(root, part) else {
            continue;
        };
        let others = kinds_of(root, part, depth - 1, steps);
        let common = |kind: &Kind| match kind {
            Kind::Number if others.contains(&Kind::Number) => Some(Kind::Number),
            Kind::Number if others.contains(&Kind::Integer) => Some(Kind::Integer),
            Kind::Integer if others.contains(&Kind::Number) => Some(Kind::Integer),
            kind => others.contains(kind).then_some(*kind),
        };
        if kinds.is_empty() {
            kinds = others;
        } else if !others.is_empty() {
            let both: Vec<Kind> = kinds.iter().filter_map(common).collect();
            // What contradicts itself is as its beginning says.
            if !both.is_empty() {
                kinds = both;
            }
        }
    }
    kinds
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

/// What a schema says of the elements of an array.
pub(crate) struct Items<'a> {
    /// Those of the first ones, each its own.
    pub(crate) first: &'a [Value],
    /// That of the others; absent when nothing is said of them.
    pub(crate) others: Option<&'a Value>,
    /// Whether there are no others.
    pub(crate) closed: bool,
}

impl<'a> Items<'a> {
    pub(crate) fn of(root: &'a Value, schema: &'a Value) -> Items<'a> {
        let items = said(root, schema, "items");
        let prefix = said(root, schema, "prefixItems").and_then(Value::as_array);
        let (first, others) = match (prefix, items) {
            (Some(first), others) => (&first[..], others.filter(|others| !others.is_array())),
            // So the drafts up to 07 say it.
            (None, Some(Value::Array(first))) => {
                (&first[..], said(root, schema, "additionalItems"))
            }
            (None, others) => (&[][..], others),
        };
        Items {
            first,
            others: others.filter(|others| others.is_object()),
            closed: others == Some(&Value::Bool(false)),
        }
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
        parts.fields()
    }

    /// The members of a schema in one of the variants of its union.
    pub(crate) fn of_variant(
        root: &'a Value,
        schema: &'a Value,
        variant: &'a Value,
        steps: &mut usize,
    ) -> Fields<'a> {
        let mut parts = Parts::default();
        // What it says of a member is more than what is said of all.
        parts.collect(root, variant, DEPTH, steps);
        parts.decided = true;
        parts.collect(root, schema, DEPTH, steps);
        parts.fields()
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
    /// Which variants a value fits is known, so that unions say nothing more.
    decided: bool,
}

impl<'a> Parts<'a> {
    fn fields(mut self) -> Fields<'a> {
        let parts = &mut self;
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
        for &name in &parts.required {
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
        let unions = ["anyOf", "oneOf"].map(|keyword| array(schema, keyword));
        let adds = || {
            unions
                .iter()
                .any(|variants| variants.iter().any(adds_members))
        };
        self.open |= (!self.decided && adds())
            || ["if", "patternProperties", "dependentSchemas"]
                .iter()
                .any(|keyword| schema.get(keyword).is_some())
            || schema
                .get("additionalProperties")
                .is_some_and(|allowed| *allowed != Value::Bool(false));
        for part in parts(root, schema) {
            if *steps == 0 {
                break;
            }
            self.collect(root, part, depth - 1, steps);
        }
    }
}

/// Whether a variant may have members of its own: one that only asks for some has none.
fn adds_members(variant: &Value) -> bool {
    const ASKS: [&str; 5] = ["required", "not", "title", "description", "type"];
    variant.as_object().is_none_or(|variant| {
        variant
            .keys()
            .any(|keyword| !ASKS.contains(&keyword.as_str()))
    })
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
