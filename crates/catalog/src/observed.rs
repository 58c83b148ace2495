//! What results of a tool were like: a shape that is learned from them, for tools that do not say it.
//!
//! A [`Shape`] holds kinds, members' names, whether they are always there and four formats, and never a
//! value. Shapes join: in whatever order, and however often, the same results give the same shape. It is
//! bounded by what it is made of: a place has each kind once, an object more than 32 names or one that
//! is no identifier is a map, and what lies deep is `any`.
//!
//! Names of members can be values too (`{"alice": 3}`). What is shown and kept is the
//! [discreet](Shape::discreet) shape, in which a name must have earned its place.

mod outline;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::catalog::ServerTools;
use crate::signature::{self, Language};
use crate::tool::Tool;
use crate::words;

/// Levels of objects and lists that are looked at.
const MOST_LEVELS: usize = 8;
/// An object with more names is a map.
const MOST_NAMES: usize = 32;
const LONGEST_NAME: usize = 64;
/// Places of a shape that is kept; deeper levels are given up for a larger one.
const MOST_PLACES: usize = 400;
/// How many different calls a name that nobody published must have come back from.
const CALLS_FOR_A_NAME: u32 = 3;
/// Calls that are told apart.
const MOST_CALLS: u32 = u32::BITS;

/// What values at one place were like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    #[serde(default, skip_serializing_if = "is_false")]
    null: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    boolean: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    integer: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    number: bool,
    /// Something that was not looked at.
    #[serde(default, skip_serializing_if = "is_false")]
    any: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Text>,
    /// What its elements were like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<Box<Shape>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Object>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Text {
    /// The format of every string that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
    /// What is in them, if each was JSON of an object or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Box<Shape>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    Date,
    DateTime,
    Uri,
    Uuid,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Object {
    Record(Record),
    /// Its names are data; this is what their values are like.
    Map(Box<Shape>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The calls that such an object came from, a bit each.
    #[serde(skip)]
    calls: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    members: BTreeMap<String, Member>,
    /// An object was seen whose members are all here, so that any other was absent from it.
    #[serde(default, skip_serializing_if = "is_false")]
    closed: bool,
    /// An object was seen with members that are not here because their names may be values.
    #[serde(default, skip_serializing_if = "is_false")]
    open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Member {
    /// Where in an object it was at the earliest.
    #[serde(default)]
    at: u16,
    /// An object was seen without it.
    #[serde(default, skip_serializing_if = "is_false")]
    absent: bool,
    /// The calls that it came back from, a bit each.
    #[serde(skip)]
    calls: u32,
    shape: Shape,
}

impl Shape {
    /// The shape of a value. `call` tells calls with other arguments apart, up to [`Observed::CALLS`].
    ///
    /// The text may be the beginning of a longer one: what it breaks off in is then not complete, and
    /// nothing is concluded from what is absent there.
    pub fn of(json: &str, call: u32) -> Shape {
        let mut shape = Shape::default();
        let read = look(json, &mut shape, call, MOST_LEVELS);
        if read.is_err_and(|error| error.is_eof())
            && let Some(text) = beginning(json)
        {
            shape.text = Some(Text::of_beginning(&text, call, MOST_LEVELS));
        }
        shape.bounded()
    }

    /// Takes in what another shape has: commutative, associative, and without effect the second time.
    pub fn join(&mut self, other: &Shape) {
        self.null |= other.null;
        self.boolean |= other.boolean;
        self.integer |= other.integer;
        self.number |= other.number;
        self.any |= other.any;
        self.text = match (self.text.take(), &other.text) {
            (Some(one), Some(other)) => Some(one.joined(other)),
            (one, other) => one.or_else(|| other.clone()),
        };
        match (&mut self.list, &other.list) {
            (Some(one), Some(other)) => one.join(other),
            (None, Some(other)) => self.list = Some(other.clone()),
            (_, None) => {}
        }
        self.object = match (self.object.take(), &other.object) {
            (Some(one), Some(other)) => Some(one.joined(other)),
            (one, other) => one.or_else(|| other.clone()),
        };
    }

    /// The shape without the names that may be values: those stay that are made of `known` words, and
    /// others only where all of an object's came back from several different calls, beside a known one.
    /// An object without a known name is a map.
    pub fn discreet(&self, known: &FieldWords) -> Shape {
        let mut shape = self.clone();
        if let Some(Text {
            json: Some(inner), ..
        }) = &mut shape.text
        {
            **inner = inner.discreet(known);
        }
        if let Some(items) = &mut shape.list {
            **items = items.discreet(known);
        }
        shape.object = shape.object.map(|object| match object {
            Object::Map(values) => Object::Map(Box::new(values.discreet(known))),
            Object::Record(record) => record.discreet(known),
        });
        shape
    }

    /// How many places it describes.
    fn places(&self) -> usize {
        let text = self.text.as_ref().and_then(|text| text.json.as_ref());
        let inner = text.map_or(0, |inner| inner.places());
        let items = self.list.as_ref().map_or(0, |items| items.places());
        let members = match &self.object {
            None => 0,
            Some(Object::Map(values)) => values.places(),
            Some(Object::Record(record)) => record
                .members
                .values()
                .map(|member| member.shape.places())
                .sum(),
        };
        1 + inner + items + members
    }

    /// The shape with as many of its levels as there is room for.
    #[must_use]
    pub fn bounded(self) -> Shape {
        let mut shape = self;
        let mut levels = MOST_LEVELS;
        while shape.places() > MOST_PLACES && levels > 0 {
            levels -= 1;
            shape.cut(levels);
        }
        shape
    }

    fn cut(&mut self, levels: usize) {
        let Some(below) = levels.checked_sub(1) else {
            if self.list.is_some() || self.object.is_some() {
                *self = Shape {
                    any: true,
                    ..Shape::default()
                };
            } else if let Some(text) = &mut self.text {
                text.json = None;
            }
            return;
        };
        if let Some(Text {
            json: Some(inner), ..
        }) = &mut self.text
        {
            inner.cut(below);
        }
        if let Some(items) = &mut self.list {
            items.cut(below);
        }
        match &mut self.object {
            None => {}
            Some(Object::Map(values)) => values.cut(below),
            Some(Object::Record(record)) => {
                for member in record.members.values_mut() {
                    member.shape.cut(below);
                }
            }
        }
    }

    /// The same as JSON Schema, as far as that has words for it.
    pub fn schema(&self) -> Value {
        let mut kinds: Vec<Value> = Vec::new();
        if self.any {
            return json!({});
        }
        for (seen, kind) in [
            (self.boolean, "boolean"),
            (self.integer && !self.number, "integer"),
            (self.number, "number"),
        ] {
            if seen {
                kinds.push(json!({"type": kind}));
            }
        }
        if let Some(text) = &self.text {
            let mut schema = json!({"type": "string"});
            if let Some(format) = text.format {
                schema["format"] = serde_json::to_value(format).expect("a unit variant");
            }
            if let Some(inner) = &text.json {
                schema["contentMediaType"] = signature::JSON_MEDIA_TYPE.into();
                schema["contentSchema"] = inner.schema();
            }
            kinds.push(schema);
        }
        if let Some(items) = &self.list {
            kinds.push(if **items == Shape::default() {
                json!({"type": "array", "maxItems": 0})
            } else {
                json!({"type": "array", "items": items.schema()})
            });
        }
        match &self.object {
            None => {}
            Some(Object::Map(values)) => {
                kinds.push(json!({"type": "object", "additionalProperties": values.schema()}));
            }
            Some(Object::Record(record)) => kinds.push(record.schema()),
        }
        if self.null {
            kinds.push(json!({"type": "null"}));
        }
        match kinds.len() {
            0 => json!({}),
            1 => kinds.remove(0),
            _ => json!({"anyOf": kinds}),
        }
    }

    /// The type in a language's words.
    pub fn words(&self, language: Language) -> String {
        signature::of_result(&self.schema(), language)
    }
}

impl Text {
    fn of(text: &str, call: u32, levels: usize) -> Text {
        let opens = text.trim_start().starts_with(['{', '[']);
        let json = levels.checked_sub(1).filter(|_| opens).and_then(|levels| {
            let mut inner = Shape::default();
            let read = look(text, &mut inner, call, levels);
            read.is_ok().then(|| Box::new(inner))
        });
        Text {
            format: Format::of(text),
            json,
        }
    }

    /// Of a string that goes on.
    fn of_beginning(text: &str, call: u32, levels: usize) -> Text {
        let mut inner = Shape::default();
        let read = look(text, &mut inner, call, levels - 1);
        let is_json = read.is_err_and(|error| error.is_eof())
            && (inner.list.is_some() || inner.object.is_some());
        Text {
            format: None,
            json: is_json.then(|| Box::new(inner)),
        }
    }

    fn joined(mut self, other: &Text) -> Text {
        self.format = self.format.filter(|_| self.format == other.format);
        self.json = match (self.json, &other.json) {
            (Some(mut one), Some(other)) => {
                one.join(other);
                Some(one)
            }
            _ => None,
        };
        self
    }
}

impl Format {
    fn of(text: &str) -> Option<Format> {
        /// No date and no identifier is longer, and the scheme of an address stands at its beginning.
        const LONGEST: usize = 2_048;
        let bytes = text.as_bytes();
        if bytes.len() > LONGEST {
            return None;
        }
        if is_uuid(bytes) {
            Some(Format::Uuid)
        } else if is_date(bytes) {
            Some(Format::Date)
        } else if is_date_time(bytes) {
            Some(Format::DateTime)
        } else if is_uri(text) {
            Some(Format::Uri)
        } else {
            None
        }
    }
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a text is of digits where a pattern has `0`, and like it elsewhere.
fn is_like(text: &[u8], pattern: &[u8]) -> bool {
    text.len() == pattern.len()
        && text.iter().zip(pattern).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            wanted => byte.eq_ignore_ascii_case(wanted),
        })
}

fn two_digits(text: &[u8]) -> u8 {
    (text[0] - b'0') * 10 + (text[1] - b'0')
}

fn is_date(text: &[u8]) -> bool {
    is_like(text, b"0000-00-00")
        && (1..=12).contains(&two_digits(&text[5..]))
        && (1..=31).contains(&two_digits(&text[8..]))
}

fn is_date_time(text: &[u8]) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else {
        return false;
    };
    let Some((time, rest)) = rest.split_at_checked(9) else {
        return false;
    };
    let within = |at: usize, most: u8| two_digits(&time[at..]) <= most;
    // Two digits are read only where there are some.
    let is_time = is_like(time, b"T00:00:00") && within(1, 23) && within(4, 59) && within(7, 60);
    if !is_date(date) || !is_time {
        return false;
    }
    let zone = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
            match digits.count() {
                0 => return false,
                digits => &fraction[digits..],
            }
        }
    };
    is_like(zone, b"Z") || is_like(zone, b"+00:00") || is_like(zone, b"-00:00")
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}

impl Object {
    fn joined(self, other: &Object) -> Object {
        match (self, other) {
            (Object::Record(mut one), Object::Record(other)) => {
                one.join(other);
                one.settled()
            }
            (Object::Record(record), Object::Map(values)) => {
                let mut of_all = record.values();
                of_all.join(values);
                Object::Map(Box::new(of_all))
            }
            (Object::Map(mut values), other) => {
                match other {
                    Object::Map(other) => values.join(other),
                    Object::Record(record) => values.join(&record.values()),
                }
                Object::Map(values)
            }
        }
    }
}

impl Record {
    fn join(&mut self, other: &Record) {
        for (name, member) in &mut self.members {
            match other.members.get(name) {
                Some(same) => {
                    member.at = member.at.min(same.at);
                    member.absent |= same.absent;
                    member.calls |= same.calls;
                    member.shape.join(&same.shape);
                }
                None => member.absent |= other.closed,
            }
        }
        for (name, member) in &other.members {
            self.members.entry(name.clone()).or_insert_with(|| Member {
                absent: member.absent | self.closed,
                ..member.clone()
            });
        }
        self.calls |= other.calls;
        self.closed |= other.closed;
        self.open |= other.open;
    }

    /// What its values were like, whatever their names.
    fn values(&self) -> Shape {
        let mut values = Shape::default();
        for member in self.members.values() {
            values.join(&member.shape);
        }
        values
    }

    fn settled(self) -> Object {
        let is_record =
            self.members.len() <= MOST_NAMES && self.members.keys().all(|name| is_identifier(name));
        if is_record {
            Object::Record(self)
        } else {
            Object::Map(Box::new(self.values()))
        }
    }

    fn discreet(mut self, known: &FieldWords) -> Object {
        for member in self.members.values_mut() {
            member.shape = member.shape.discreet(known);
        }
        let is_known = |name: &str| known.make(name);
        let (names, others): (Vec<_>, Vec<_>) =
            self.members.iter().partition(|(name, _)| is_known(name));
        if names.is_empty() && !others.is_empty() {
            return Object::Map(Box::new(self.values()));
        }
        let enough = self.calls.count_ones() >= CALLS_FOR_A_NAME;
        // Of an object that was read in part it is not known what was absent.
        let came_back = others.iter().all(|(name, member)| {
            enough && !member.absent && member.calls == self.calls && !is_numbered(name)
        });
        if !came_back {
            self.members.retain(|name, _| is_known(name));
            self.open = true;
            self.closed = false;
        }
        Object::Record(self)
    }

    fn schema(&self) -> Value {
        let all_known = self.closed && !self.open;
        if self.members.is_empty() && all_known {
            return json!({"type": "object", "maxProperties": 0});
        }
        let mut members: Vec<(&String, &Member)> = self.members.iter().collect();
        members.sort_by_key(|(name, member)| (member.at, *name));
        let properties: Map<String, Value> = members
            .iter()
            .map(|(name, member)| ((*name).clone(), member.shape.schema()))
            .collect();
        let required: Vec<&String> = members
            .iter()
            .filter(|(_, member)| !member.absent)
            .map(|(name, _)| *name)
            .collect();
        let mut schema = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema["additionalProperties"] = (!all_known).into();
        schema
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a name looks like one of many: `user_1042`, `deadbeef01`.
fn is_numbered(name: &str) -> bool {
    name.bytes().filter(u8::is_ascii_digit).count() > 1
}

/// Reads a value into `shape`. If the text is no JSON, or not all of it, what was read of it stays.
fn look(json: &str, shape: &mut Shape, call: u32, levels: usize) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let place = Place {
        shape,
        call: 1 << (call % MOST_CALLS),
        levels,
    };
    place.deserialize(&mut reader)?;
    reader.end()
}

/// The text of a string's literal that breaks off.
fn beginning(json: &str) -> Option<String> {
    /// An escape of two units, of which the first alone says nothing.
    const LONGEST_ESCAPE: usize = 12;
    let literal = json.trim_start().strip_prefix('"')?;
    (0..=LONGEST_ESCAPE.min(literal.len())).find_map(|cut| {
        let whole = literal.get(..literal.len() - cut)?;
        serde_json::from_str(&format!("\"{whole}\"")).ok()
    })
}

/// The place whose shape a value adds to. What has been read when a text breaks off has been added.
struct Place<'a> {
    shape: &'a mut Shape,
    call: u32,
    levels: usize,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.shape.null = true;
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.shape.boolean = true;
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.shape.integer = true;
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.shape.integer = true;
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.shape.number = true;
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let seen = Text::of(text, self.call.trailing_zeros(), self.levels);
        self.shape.text = Some(match self.shape.text.take() {
            Some(text) => text.joined(&seen),
            None => seen,
        });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some(levels) = self.levels.checked_sub(1) else {
            self.shape.any = true;
            while items.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let place = self.shape.list.get_or_insert_default();
        loop {
            // Each is read by itself and then joined, since it may be absent what the last one had.
            let mut item = Shape::default();
            let read = items.next_element_seed(Place {
                shape: &mut item,
                call: self.call,
                levels,
            });
            place.join(&item);
            if read?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some(levels) = self.levels.checked_sub(1) else {
            self.shape.any = true;
            while members
                .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
                .is_some()
            {}
            return Ok(());
        };
        let mut object = Object::Record(Record {
            calls: self.call,
            ..Record::default()
        });
        let mut at = 0_u16;
        let outcome = loop {
            let name = match members.next_key::<String>() {
                Ok(Some(name)) => name,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let mut value = Shape::default();
            let read = members.next_value_seed(Place {
                shape: &mut value,
                call: self.call,
                levels,
            });
            object.add(name, at, self.call, value);
            at = at.saturating_add(1);
            if let Err(error) = read {
                break Err(error);
            }
        };
        if let (Object::Record(record), Ok(())) = (&mut object, &outcome) {
            record.closed = true;
        }
        self.shape.object = Some(match self.shape.object.take() {
            Some(before) => before.joined(&object),
            None => object,
        });
        outcome
    }

    fn visit_newtype_struct<D: serde::Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(D::Error::custom("JSON has none"))
    }
}

impl Object {
    /// Adds a member that is read; an object becomes a map as soon as it must, so that there is never
    /// more of it than is kept.
    fn add(&mut self, name: String, at: u16, call: u32, shape: Shape) {
        match self {
            Object::Map(values) => values.join(&shape),
            Object::Record(record) => {
                // Of a name that is there twice a program has the last, and both are seen here.
                let member = record.members.entry(name).or_insert(Member {
                    at,
                    absent: false,
                    calls: call,
                    shape: Shape::default(),
                });
                member.shape.join(&shape);
                let record = std::mem::take(record);
                *self = record.settled();
            }
        }
    }
}

/// What is known of the results of one tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub shape: Shape,
    /// How many results it is learned from.
    pub results: u32,
}

impl Observed {
    /// The calls with other arguments that [`Shape::of`] tells apart.
    pub const CALLS: u32 = MOST_CALLS;
}

/// What is known of the results of many tools: by server's name, then by [contract](Tool::contract).
#[derive(Clone, Debug, Default)]
pub struct Observations(HashMap<String, HashMap<String, Arc<Observed>>>);

impl Observations {
    pub fn insert(&mut self, server: &str, contract: String, observed: Observed) {
        let tools = self.0.entry(server.to_owned()).or_default();
        tools.insert(contract, Arc::new(observed));
    }

    /// What results of a tool were like, if it does not say so itself.
    pub fn of(&self, tool: &Tool) -> Option<&Observed> {
        let tools = self.0.get(tool.server())?;
        let observed = tools.get(tool.contract())?;
        (!tool.describes_result()).then_some(&**observed)
    }
}

/// Words of which names of members are made: those of JSON in general, and those that a server has
/// published in its list of tools. What is made of them is no secret of a result.
#[derive(Clone, Debug, Default)]
pub struct FieldWords {
    published: HashSet<String>,
}

/// Words that property names of at least three of 841 public servers are made of, and others that
/// answers of web interfaces have in common. Names of people and places are not among them.
static GENERAL: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let words = include_str!("observed_words.txt").split_whitespace();
    words.map(words::stem).collect()
});

impl FieldWords {
    /// Those of a server: of the names of its tools and of the members in their schemas.
    pub fn of(server: &ServerTools) -> FieldWords {
        let mut published = HashSet::new();
        let mut publish = |name: &str| published.extend(parts(name).map(|part| words::stem(&part)));
        for tool in server.tools() {
            publish(tool.name());
            each_property(tool.input_schema(), &mut publish, MOST_LEVELS * 2);
            if let Some(output) = tool.output_schema() {
                each_property(output, &mut publish, MOST_LEVELS * 2);
            }
        }
        FieldWords { published }
    }

    fn make(&self, name: &str) -> bool {
        let mut parts = parts(name).peekable();
        parts.peek().is_some()
            && parts.all(|part| {
                // A letter alone is no word, and nobody's name.
                if part.len() == 1 {
                    return true;
                }
                let stem = words::stem(&part);
                GENERAL.contains(&stem) || self.published.contains(&stem)
            })
    }
}

/// The words of a name in lower case; digits belong to the letters before them.
fn parts(name: &str) -> impl Iterator<Item = String> {
    let mut parts: Vec<String> = Vec::new();
    let (mut before, mut upper) = ('_', false);
    let mut letters = name.chars().peekable();
    while let Some(c) = letters.next() {
        let begins = !before.is_alphanumeric()
            || (c.is_uppercase()
                && (!upper || letters.peek().is_some_and(|next| next.is_lowercase())));
        if c.is_alphanumeric() {
            if begins || parts.is_empty() {
                parts.push(String::new());
            }
            let part = parts.last_mut().expect("one was pushed");
            part.extend(c.to_lowercase());
        }
        (before, upper) = (c, c.is_uppercase());
    }
    parts.into_iter()
}

fn each_property(schema: &Value, emit: &mut impl FnMut(&str), levels: usize) {
    let Some(below) = levels.checked_sub(1) else {
        return;
    };
    match schema {
        Value::Object(members) => {
            for (keyword, value) in members {
                match value {
                    Value::Object(named) if keyword == "properties" => {
                        for (name, property) in named {
                            emit(name);
                            each_property(property, emit, below);
                        }
                    }
                    // Values that a server gives as examples are no names.
                    _ if ["default", "example", "examples", "enum", "const"]
                        .contains(&keyword.as_str()) => {}
                    value => each_property(value, emit, below),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                each_property(item, emit, below);
            }
        }
        _ => {}
    }
}
