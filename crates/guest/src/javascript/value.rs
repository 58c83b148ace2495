//! Values between JSON and the engine, both ways.
//!
//! Nothing here calls a function that the program could have replaced: text becomes values by the
//! engine's own parser, values become text by walking them. Integers that a JavaScript number
//! cannot hold come in as `BigInt` and go out digit for digit. Nesting is bounded both ways, since
//! both recurse.

use std::collections::HashMap;

use rquickjs::atom::PredefinedAtom;
use rquickjs::function::This;
use rquickjs::object::Property;
use rquickjs::{
    Array, Atom, Coerced, Ctx, Exception, Function, Object, Promise, Result, Type, Value,
};

use super::prelude::Prelude;

/// Containers inside containers, in both directions.
const MAX_DEPTH: usize = 512;

/// The largest integer that every number up to it has to itself: 2^53 − 1.
const MAX_SAFE_INTEGER: &[u8] = b"9007199254740991";

/// The value of JSON text.
///
/// # Errors
/// An exception: text that is no JSON, or nested too deeply.
pub(super) fn from_json<'js>(
    ctx: &Ctx<'js>,
    prelude: &Prelude<'js>,
    text: &[u8],
) -> Result<Value<'js>> {
    let outline = Outline::of(text);
    if outline.depth > MAX_DEPTH {
        let message = format!("the result is nested deeper than {MAX_DEPTH} levels");
        return Err(Exception::throw_range(ctx, &message));
    }
    if text.contains(&0) {
        return Err(Exception::throw_syntax(ctx, "the result is no JSON"));
    }
    if !outline.long_integers {
        return ctx.json_parse(text);
    }
    let mut reader = Reader {
        ctx,
        big_int: &prelude.big_int,
        text,
        at: 0,
    };
    let value = reader.value()?;
    reader.skip_space();
    match reader.at == text.len() {
        true => Ok(value),
        false => Err(reader.malformed()),
    }
}

/// What one pass over a text tells about it.
struct Outline {
    depth: usize,
    /// There are integers beyond what a number holds exactly.
    long_integers: bool,
}

impl Outline {
    fn of(text: &[u8]) -> Outline {
        let (mut depth, mut deepest, mut long_integers) = (0_usize, 0, false);
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            match byte {
                b'"' => at = string_end(text, at).saturating_sub(1),
                b'[' | b'{' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                b'-' | b'0'..=b'9' => {
                    let end = number_end(text, at);
                    long_integers |= is_long_integer(&text[at..end]);
                    at = end - 1;
                }
                _ => {}
            }
            at += 1;
        }
        Outline {
            depth: deepest,
            long_integers,
        }
    }
}

/// Offset after the string that begins at `start`.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Offset after the number that begins at `start`.
fn number_end(text: &[u8], start: usize) -> usize {
    text[start..]
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .map_or(text.len(), |length| start + length)
}

fn is_long_integer(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    digits.len() >= MAX_SAFE_INTEGER.len()
        && digits.iter().all(u8::is_ascii_digit)
        && (digits.len() > MAX_SAFE_INTEGER.len() || digits > MAX_SAFE_INTEGER)
}

/// Builds the values of a text with long integers; strings and other numbers are the engine's.
struct Reader<'a, 'js> {
    ctx: &'a Ctx<'js>,
    big_int: &'a Function<'js>,
    text: &'a [u8],
    at: usize,
}

impl<'js> Reader<'_, 'js> {
    fn value(&mut self) -> Result<Value<'js>> {
        self.skip_space();
        match self.text.get(self.at) {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                let end = string_end(self.text, self.at);
                self.leaf(end)
            }
            Some(b'-' | b'0'..=b'9') => {
                let end = number_end(self.text, self.at);
                let number = &self.text[self.at..end];
                if is_long_integer(number) {
                    self.at = end;
                    let digits = std::str::from_utf8(number).expect("digits");
                    self.big_int.call((digits,))
                } else {
                    self.leaf(end)
                }
            }
            Some(_) => {
                let word = self.text[self.at..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphabetic())
                    .count();
                self.leaf(self.at + word.max(1))
            }
            None => Err(self.malformed()),
        }
    }

    fn leaf(&mut self, end: usize) -> Result<Value<'js>> {
        let text = &self.text[self.at..end];
        self.at = end;
        self.ctx.json_parse(text)
    }

    fn object(&mut self) -> Result<Value<'js>> {
        let object = Object::new(self.ctx.clone())?;
        self.at += 1;
        if self.takes(b'}') {
            return Ok(object.into_value());
        }
        loop {
            self.skip_space();
            let end = string_end(self.text, self.at);
            let name = Atom::from_value(self.ctx.clone(), &self.leaf(end)?)?;
            if !self.takes(b':') {
                return Err(self.malformed());
            }
            define(&object, name, self.value()?)?;
            if self.takes(b'}') {
                return Ok(object.into_value());
            }
            if !self.takes(b',') {
                return Err(self.malformed());
            }
        }
    }

    fn array(&mut self) -> Result<Value<'js>> {
        let array = Array::new(self.ctx.clone())?;
        self.at += 1;
        if self.takes(b']') {
            return Ok(array.into_value());
        }
        for index in 0_u32.. {
            define(
                &array,
                Atom::from_u32(self.ctx.clone(), index)?,
                self.value()?,
            )?;
            if self.takes(b']') {
                break;
            }
            if !self.takes(b',') {
                return Err(self.malformed());
            }
        }
        Ok(array.into_value())
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn malformed(&self) -> rquickjs::Error {
        Exception::throw_syntax(self.ctx, &format!("no JSON at byte {}", self.at))
    }
}

/// Defines an own property: setting one would run a setter on a prototype.
fn define<'js>(object: &Object<'js>, name: Atom<'js>, value: Value<'js>) -> Result<()> {
    object.prop(
        name,
        Property::from(value).writable().enumerable().configurable(),
    )
}

/// Why a value has no JSON.
#[derive(Debug)]
pub(super) enum Refusal<'js> {
    /// What stands at this place cannot be carried: `items[3].callback`, "is a function".
    Unfit { place: String, what: String },
    /// The text would be longer than the limit.
    TooLong,
    /// A promise in the value was rejected with this.
    Rejected(Value<'js>),
    /// The engine threw, perhaps in a getter of the program's own.
    Thrown(rquickjs::Error),
}

impl From<rquickjs::Error> for Refusal<'_> {
    fn from(error: rquickjs::Error) -> Self {
        Refusal::Thrown(error)
    }
}

type Written<'js, T = ()> = std::result::Result<T, Refusal<'js>>;

/// Whose value is written, which decides about what JSON lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An argument: a promise or a number that is not finite is a mistake to report.
    Argument,
    /// The program's value: promises are waited for, a number that is not finite becomes `null`.
    Value,
}

/// A step from a container to what it holds.
#[derive(Debug)]
enum Step<'js> {
    Member(Atom<'js>),
    Item(u32),
}

/// Writes values as JSON.
pub(super) struct Writer<'a, 'js> {
    prelude: &'a Prelude<'js>,
    purpose: Purpose,
    limit_bytes: usize,
    out: Vec<u8>,
    /// What the outermost value is called in a place.
    root: String,
    /// The way to the value being written.
    path: Vec<Step<'js>>,
    /// The containers around the value being written, each with the length of its own path.
    around: Vec<(Object<'js>, usize)>,
    /// Members' names as they are written; rows of a table share them.
    names: HashMap<Atom<'js>, Vec<u8>>,
    /// Promises met that are still open, and where. What is written in their place is of no use.
    pub(super) open_promises: Vec<(String, Promise<'js>)>,
    /// Where the first number stood that is not finite.
    pub(super) not_finite: Option<String>,
}

impl<'a, 'js> Writer<'a, 'js> {
    pub(super) fn new(prelude: &'a Prelude<'js>, purpose: Purpose, limit_bytes: usize) -> Self {
        Writer {
            prelude,
            purpose,
            limit_bytes,
            out: Vec::new(),
            root: String::new(),
            path: Vec::new(),
            around: Vec::new(),
            names: HashMap::new(),
            open_promises: Vec::new(),
            not_finite: None,
        }
    }

    /// The text of one value, called `root` in places; `None` for `undefined`.
    ///
    /// # Errors
    /// The reason why it has none.
    pub(super) fn json(
        &mut self,
        root: impl Into<String>,
        value: &Value<'js>,
    ) -> Written<'js, Option<String>> {
        self.root = root.into();
        let written = self.value(value)?;
        let text = std::mem::take(&mut self.out);
        Ok(written.then(|| String::from_utf8(text).expect("every piece is UTF-8")))
    }

    /// Writes a value; false, and nothing written, for `undefined`.
    fn value(&mut self, value: &Value<'js>) -> Written<'js, bool> {
        if self.out.len() > self.limit_bytes {
            return Err(Refusal::TooLong);
        }
        match value.type_of() {
            Type::Undefined | Type::Uninitialized => return Ok(false),
            Type::Null => self.out.extend(b"null"),
            Type::Bool if value.as_bool() == Some(true) => self.out.extend(b"true"),
            Type::Bool => self.out.extend(b"false"),
            Type::Int | Type::Float => {
                self.number(value.as_number().expect("a number by its type"))?;
            }
            // A conversion of the engine's own: the program cannot get between.
            Type::BigInt => self.out.extend(value.get::<Coerced<String>>()?.0.bytes()),
            Type::String => {
                let text = self.prelude.text(value)?;
                write_string(&mut self.out, &text);
            }
            Type::Symbol => return Err(self.unfit("is a symbol")),
            Type::Function | Type::Constructor => {
                let what: String = self.prelude.describe_function.call((value.clone(),))?;
                return Err(self.unfit(what));
            }
            Type::Promise => return self.promise(value.as_promise().expect("by its type")),
            Type::Array => self.items(value.as_object().expect("by its type"))?,
            Type::Exception | Type::Proxy | Type::Object => {
                return self.object(value.as_object().expect("by its type"));
            }
            Type::Module | Type::Unknown => return Err(self.unfit("is internal")),
        }
        Ok(true)
    }

    fn number(&mut self, number: f64) -> Written<'js> {
        if !number.is_finite() {
            let name = match number {
                number if number.is_nan() => "NaN",
                number if number > 0.0 => "Infinity",
                _ => "-Infinity",
            };
            if self.purpose == Purpose::Argument {
                return Err(self.unfit(format!("is {name}")));
            }
            if self.not_finite.is_none() {
                self.not_finite = Some(format!("{} is {name}", self.place(self.path.len())));
            }
            self.out.extend(b"null");
        } else {
            write_number(&mut self.out, number);
        }
        Ok(())
    }

    fn promise(&mut self, promise: &Promise<'js>) -> Written<'js, bool> {
        if self.purpose == Purpose::Argument {
            return Err(self.unfit("is a promise: put await before it"));
        }
        match promise.result::<Value>() {
            // Deeper, so that no chain of promises outgrows the stack.
            Some(Ok(value)) => self.inside(promise, |writer| writer.value(&value)),
            Some(Err(_)) => Err(Refusal::Rejected(promise.ctx().catch())),
            None => {
                let place = self.place(self.path.len());
                self.open_promises.push((place, promise.clone()));
                self.out.extend(b"null");
                Ok(true)
            }
        }
    }

    fn object(&mut self, object: &Object<'js>) -> Written<'js, bool> {
        if !self.prelude.is_plain(object) {
            let plain: Value = self
                .prelude
                .plain
                .call((object.clone(), self.purpose == Purpose::Argument))?;
            if &plain != object.as_value() {
                return self.inside(object, |writer| writer.value(&plain));
            }
        }
        let start = self.out.len();
        match self.members(object)? {
            None => Ok(true),
            Some(to_json) => {
                self.out.truncate(start);
                let plain: Value = to_json.call((This(object.clone()), ""))?;
                self.inside(object, |writer| writer.value(&plain))
            }
        }
    }

    /// Writes the members of an object, or returns the `toJSON` among them. One that is inherited
    /// from `Object.prototype` is no intention of this object's.
    fn members(&mut self, object: &Object<'js>) -> Written<'js, Option<Function<'js>>> {
        self.inside(object, |writer| {
            writer.out.push(b'{');
            let mut first = true;
            for member in object.props::<Atom, Value>() {
                let (name, value) = member?;
                let before = writer.out.len();
                if !first {
                    writer.out.push(b',');
                }
                writer.name(&name)?;
                if let Some(function) = value.as_function()
                    && name
                        .to_js_string()?
                        .to_string()
                        .is_ok_and(|name| name == "toJSON")
                {
                    return Ok(Some(function.clone()));
                }
                if writer.step(Step::Member(name), &value)? {
                    first = false;
                } else {
                    writer.out.truncate(before);
                }
            }
            writer.out.push(b'}');
            Ok(None)
        })
    }

    fn name(&mut self, name: &Atom<'js>) -> Written<'js> {
        if let Some(written) = self.names.get(name) {
            self.out.extend(written);
            return Ok(());
        }
        let mut written = Vec::new();
        let text = self.prelude.text(&name.to_value()?)?;
        write_string(&mut written, &text);
        written.push(b':');
        self.out.extend(&written);
        // A map used as a dictionary has other names in every row.
        if self.names.len() < 1024 {
            self.names.insert(name.clone(), written);
        }
        Ok(())
    }

    fn items(&mut self, array: &Object<'js>) -> Written<'js> {
        self.inside(array, |writer| {
            let length: f64 = array.get(PredefinedAtom::Length)?;
            writer.out.push(b'[');
            for index in 0..length as u32 {
                if index > 0 {
                    writer.out.push(b',');
                }
                let value: Value = array.get(index)?;
                if !writer.step(Step::Item(index), &value)? {
                    writer.out.extend(b"null");
                }
            }
            writer.out.push(b']');
            Ok(())
        })
    }

    fn step(&mut self, step: Step<'js>, value: &Value<'js>) -> Written<'js, bool> {
        self.path.push(step);
        let written = self.value(value);
        self.path.pop();
        written
    }

    fn inside<T>(
        &mut self,
        container: &Object<'js>,
        write: impl FnOnce(&mut Self) -> Written<'js, T>,
    ) -> Written<'js, T> {
        if self.around.len() >= MAX_DEPTH {
            return Err(self.too_deep());
        }
        self.around.push((container.clone(), self.path.len()));
        let written = write(self);
        self.around.pop();
        written
    }

    /// A cycle is only looked for here: each of them gets too deep.
    fn too_deep(&self) -> Refusal<'js> {
        for (index, (inner, length)) in self.around.iter().enumerate() {
            let outer = self.around[..index]
                .iter()
                .find(|(outer, outer_length)| outer == inner && outer_length < length);
            if let Some((_, outer_length)) = outer {
                return Refusal::Unfit {
                    place: self.place(*length),
                    what: format!("is a cycle: it is {} again", self.place(*outer_length)),
                };
            }
        }
        Refusal::Unfit {
            place: self.root.clone(),
            what: format!("is nested deeper than {MAX_DEPTH} levels"),
        }
    }

    fn unfit(&self, what: impl Into<String>) -> Refusal<'js> {
        Refusal::Unfit {
            place: self.place(self.path.len()),
            what: what.into(),
        }
    }

    /// The first steps of the path, as a program would write them.
    fn place(&self, length: usize) -> String {
        let mut place = self.root.clone();
        for step in &self.path[..length] {
            match step {
                Step::Item(index) => place.push_str(&format!("[{index}]")),
                Step::Member(name) => {
                    let name = name
                        .to_value()
                        .and_then(|name| self.prelude.text(&name))
                        .unwrap_or_default();
                    if is_identifier(&name) {
                        place.push('.');
                        place.push_str(&name);
                    } else {
                        place.push_str(&format!("[{name:?}]"));
                    }
                }
            }
        }
        place
    }
}

/// Writes a number that is finite.
pub(super) fn write_number(out: &mut Vec<u8>, number: f64) {
    if number == 0.0 {
        out.push(b'0');
    } else if (1e-6..1e21).contains(&number.abs()) {
        out.extend(number.to_string().bytes());
    } else {
        out.extend(format!("{number:e}").bytes());
    }
}

pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("memory takes every string");
}

pub(super) fn is_identifier(name: &str) -> bool {
    name.starts_with(|char: char| char.is_alphabetic() || matches!(char, '_' | '$'))
        && name
            .chars()
            .all(|char| char.is_alphanumeric() || matches!(char, '_' | '$'))
}
