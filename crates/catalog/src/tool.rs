//! One tool, as its upstream described it.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::index::name_hash;
use crate::members;
use crate::observed::Observed;
use crate::plain;
use crate::schema::{Fields, Kind, MOST_STEPS, kinds, resolved, unwrapped};
use crate::signature::{self, Language};
use crate::snapshot::content_hash;
use crate::validate::Validator;

/// What of a description is kept for search and display. The whole of it stays in [`Tool::raw`].
const DESCRIPTION_BYTES: usize = 8 * 1024;

/// MCP asks for at most 128 characters.
const LONGEST_NAME_BYTES: usize = 256;

const SUMMARY_CHARS: usize = 110;

/// A tool as its upstream described it.
#[derive(Debug)]
pub struct Tool {
    server: Arc<str>,
    facts: Facts,
    path: Box<str>,
    raw: Box<RawValue>,
    read: OnceLock<Box<Read>>,
}

/// What of a tool is read when it is first asked for: most tools of a large catalog never are, and take
/// no room for it.
#[derive(Debug, Default)]
struct Read {
    description: OnceLock<String>,
    schemas: OnceLock<Schemas>,
    validator: OnceLock<Validator>,
    contract: OnceLock<String>,
}

/// What is known of a listed tool that can be called.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) name: Box<str>,
    /// See [`name_hash`].
    pub(crate) name_hash: u32,
    /// See [`content_hash`].
    pub(crate) content_hash: u64,
    read_only_hint: Option<bool>,
    destructive_hint: Option<bool>,
}

#[derive(Debug)]
struct Schemas {
    input: Value,
    output: Option<Value>,
}

/// The members of a listed tool that are looked at, as they are written; those that may be wrong are
/// decoded one by one.
#[derive(Default)]
struct Listed<'a> {
    name: Option<&'a str>,
    description: Option<&'a str>,
    input_schema: Option<&'a str>,
    output_schema: Option<&'a str>,
    annotations: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotations {
    read_only_hint: Option<bool>,
    destructive_hint: Option<bool>,
}

impl<'a> Listed<'a> {
    fn parse(raw: &'a RawValue) -> Result<Listed<'a>, String> {
        if !raw.get().trim_start().starts_with('{') {
            return Err("a listed tool is not an object".to_owned());
        }
        match Listed::found(raw.get()) {
            Some(listed) => Ok(listed),
            None => Listed::parsed(raw.get())
                .map_err(|error| format!("a listed tool is malformed: {error}")),
        }
    }

    /// `None` where it takes a parser to read a name, or to say what is wrong.
    fn found(text: &'a str) -> Option<Listed<'a>> {
        let mut listed = Listed::default();
        let mut is_twice = false;
        members::each(text, |name, value| {
            let member = match name {
                "name" => &mut listed.name,
                "description" => &mut listed.description,
                "inputSchema" => &mut listed.input_schema,
                "outputSchema" => &mut listed.output_schema,
                "annotations" => &mut listed.annotations,
                _ => return,
            };
            is_twice |= member.replace(value).is_some();
        })?;
        let not_null = |member: Option<&'a str>| member.filter(|value| *value != "null");
        (!is_twice).then_some(Listed {
            name: not_null(listed.name),
            description: not_null(listed.description),
            input_schema: not_null(listed.input_schema),
            output_schema: not_null(listed.output_schema),
            annotations: not_null(listed.annotations),
        })
    }

    fn parsed(text: &'a str) -> serde_json::Result<Listed<'a>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Parsed<'a> {
            #[serde(borrow)]
            name: Option<&'a RawValue>,
            description: Option<&'a RawValue>,
            input_schema: Option<&'a RawValue>,
            output_schema: Option<&'a RawValue>,
            annotations: Option<&'a RawValue>,
        }
        let parsed: Parsed = serde_json::from_str(text)?;
        Ok(Listed {
            name: parsed.name.map(RawValue::get),
            description: parsed.description.map(RawValue::get),
            input_schema: parsed.input_schema.map(RawValue::get),
            output_schema: parsed.output_schema.map(RawValue::get),
            annotations: parsed.annotations.map(RawValue::get),
        })
    }
}

impl Facts {
    /// The reason is given when the tool cannot be called.
    pub(crate) fn of(raw: &RawValue) -> Result<Facts, String> {
        let listed = Listed::parse(raw)?;
        let name: Option<Box<str>> = decoded(listed.name);
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err("a listed tool has no name".to_owned());
        };
        if name.len() > LONGEST_NAME_BYTES {
            let shown = plain::quoted(&name);
            return Err(format!(
                "the name of tool {shown} exceeds {LONGEST_NAME_BYTES} bytes"
            ));
        }
        let Some(_) = listed.input_schema.filter(|schema| schema.starts_with('{')) else {
            let shown = plain::quoted(&name);
            return Err(format!("tool {shown} has no inputSchema object"));
        };
        let annotations: Annotations = decoded(listed.annotations).unwrap_or_default();
        Ok(Facts {
            name_hash: name_hash(&name),
            content_hash: content_hash([raw.get().as_bytes()]),
            name,
            read_only_hint: annotations.read_only_hint,
            destructive_hint: annotations.destructive_hint,
        })
    }
}

/// What [`Tool::effects`] says of a tool that a server marks destructive.
pub const DESTROYS: &str = "DESTROYS";

impl Tool {
    /// `facts` are those of `raw`, `path` is its address within the catalog.
    pub(crate) fn new(server: &Arc<str>, facts: Facts, path: String, raw: Box<RawValue>) -> Tool {
        Tool {
            server: Arc::clone(server),
            facts,
            path: path.into(),
            raw,
            read: OnceLock::new(),
        }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The name that the settings give the tool's server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The raw name, as the upstream wants it in `tools/call`.
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// The tool's address in programs, without the leading `tools.`: two identifiers joined by a
    /// dot, unique in the catalog.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole tool as it was listed, every member kept.
    pub fn raw(&self) -> &RawValue {
        &self.raw
    }

    /// The description as the upstream wrote it, cut after 8 KiB. Not yet fit to be shown.
    pub fn description(&self) -> &str {
        let description = &self.read().description;
        description.get_or_init(|| self.texts().0)
    }

    /// The description and the schema of the arguments, which are read once for the index and are
    /// not kept for it.
    pub(crate) fn texts(&self) -> (String, Option<&str>) {
        let listed = self.listed();
        let mut description: String = decoded(listed.description).unwrap_or_default();
        description.truncate(description.floor_char_boundary(DESCRIPTION_BYTES));
        description.shrink_to_fit();
        (description, listed.input_schema)
    }

    /// The schema of the arguments. One nested too deep to be read counts as empty: it accepts all.
    pub fn input_schema(&self) -> &Value {
        &self.schemas().input
    }

    /// The schema of the structured result, if the upstream promises one.
    pub fn output_schema(&self) -> Option<&Value> {
        self.schemas().output.as_ref()
    }

    /// The rules for the arguments, from the schema as it was listed.
    pub(crate) fn validator(&self) -> &Validator {
        self.read().validator.get_or_init(|| {
            let schema = self.listed().input_schema.unwrap_or("{}");
            Validator::new(schema)
        })
    }

    pub fn read_only_hint(&self) -> Option<bool> {
        self.facts.read_only_hint
    }

    pub fn destructive_hint(&self) -> Option<bool> {
        self.facts.destructive_hint
    }

    /// One line that says what the tool takes and gives, as the search answer shows it. What it gives is
    /// what its results were `observed` to be, if it does not say so itself.
    pub fn signature(&self, language: Language, observed: Option<&Observed>) -> String {
        signature::of_tool(
            &self.path,
            self.input_schema(),
            self.output_schema(),
            observed.filter(|_| !self.describes_result()),
            language,
        )
    }

    /// Whether the tool says what its results are like. A sole member that is a string does not: so
    /// servers wrap whatever they have as text.
    pub fn describes_result(&self) -> bool {
        let Some(root) = self.output_schema() else {
            return false;
        };
        let mut steps = MOST_STEPS;
        let Some(schema) = resolved(root, unwrapped(root)) else {
            return false;
        };
        match kinds(root, schema)[..] {
            [] | [Kind::String] => ["enum", "const", "anyOf", "oneOf"]
                .iter()
                .any(|keyword| schema.get(keyword).is_some()),
            [Kind::Object] => match &Fields::of(root, schema, &mut steps).all[..] {
                [] => false,
                [only] => only.schema.is_some_and(|only| {
                    resolved(root, only).is_some_and(|only| kinds(root, only) != [Kind::String])
                }),
                _ => true,
            },
            _ => true,
        }
    }

    /// What identifies the tool as one that takes and gives the same: a hash of its name and schemas.
    pub fn contract(&self) -> &str {
        self.read().contract.get_or_init(|| {
            let listed = self.listed();
            let schema = |schema: Option<&str>| schema.unwrap_or_default().to_owned();
            let parts = [
                self.name().to_owned(),
                schema(listed.input_schema),
                schema(listed.output_schema),
            ];
            let mut hash = Sha256::new();
            for part in &parts {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            let digest = hash.finalize();
            digest[..16]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        })
    }

    /// The first sentence of the description, on one line of at most 110 characters.
    pub fn summary(&self) -> String {
        plain::line(plain::first_sentence(self.description()).0, SUMMARY_CHARS)
    }

    /// What a model that reads sentences is given of the tool: its name as words, and the beginning of
    /// its description.
    pub fn sentence(&self) -> String {
        const DESCRIPTION_BYTES: usize = 2_000;
        let end = self.description().floor_char_boundary(DESCRIPTION_BYTES);
        let name = self.name().replace(['_', '-', '.', '/'], " ");
        format!("{name}: {}", &self.description()[..end])
    }

    /// The word that warns of a tool that changes things. The server's own word is believed here,
    /// where it is only shown.
    pub fn effects(&self) -> Option<&'static str> {
        match (self.facts.read_only_hint, self.facts.destructive_hint) {
            (Some(true), _) => None,
            (_, Some(true)) => Some(DESTROYS),
            _ => Some("WRITES"),
        }
    }

    fn read(&self) -> &Read {
        self.read.get_or_init(Box::default)
    }

    fn listed(&self) -> Listed<'_> {
        Listed::parse(&self.raw).expect("it was parsed when the tool was made")
    }

    fn schemas(&self) -> &Schemas {
        self.read().schemas.get_or_init(|| {
            let listed = self.listed();
            Schemas {
                input: decoded(listed.input_schema).unwrap_or_else(|| Value::Object(Map::new())),
                output: decoded(listed.output_schema).filter(Value::is_object),
            }
        })
    }
}

fn decoded<'a, T: Deserialize<'a>>(member: Option<&'a str>) -> Option<T> {
    member.and_then(|member| serde_json::from_str(member).ok())
}
