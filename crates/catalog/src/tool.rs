//! One tool, as its upstream described it.

use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::plain;
use crate::signature::{self, Language};

/// What of a description is kept for search and display. The whole of it stays in [`Tool::raw`].
const DESCRIPTION_BYTES: usize = 8 * 1024;

/// MCP asks for at most 128 characters.
const LONGEST_NAME_BYTES: usize = 256;

const SUMMARY_CHARS: usize = 110;

/// A tool as its upstream described it.
#[derive(Debug)]
pub struct Tool {
    server: String,
    name: String,
    path: String,
    raw: Box<RawValue>,
    description: String,
    read_only_hint: Option<bool>,
    destructive_hint: Option<bool>,
    schemas: OnceLock<Schemas>,
}

#[derive(Debug)]
struct Schemas {
    input: Value,
    output: Option<Value>,
}

/// The members of a listed tool that are looked at; those that may be wrong are decoded one by one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    description: Option<&'a RawValue>,
    pub(crate) input_schema: Option<&'a RawValue>,
    output_schema: Option<&'a RawValue>,
    annotations: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotations {
    read_only_hint: Option<bool>,
    destructive_hint: Option<bool>,
}

impl<'a> Listed<'a> {
    pub(crate) fn parse(raw: &'a RawValue) -> Result<Listed<'a>, String> {
        if !raw.get().trim_start().starts_with('{') {
            return Err("a listed tool is not an object".to_owned());
        }
        serde_json::from_str(raw.get())
            .map_err(|error| format!("a listed tool is malformed: {error}"))
    }

    /// The tool's raw name, once it is certain that the tool can be called.
    pub(crate) fn usable_name(&self) -> Result<String, String> {
        let name: Option<String> = self
            .name
            .and_then(|name| serde_json::from_str(name.get()).ok());
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err("a listed tool has no name".to_owned());
        };
        let shown = plain::quoted(&name);
        if name.len() > LONGEST_NAME_BYTES {
            return Err(format!(
                "the name of tool {shown} exceeds {LONGEST_NAME_BYTES} bytes"
            ));
        }
        match self.input_schema {
            Some(schema) if schema.get().starts_with('{') => Ok(name),
            _ => Err(format!("tool {shown} has no inputSchema object")),
        }
    }
}

impl Tool {
    /// `name` is the usable name of `raw`, `path` its address within the catalog.
    pub(crate) fn new(server: &str, name: String, path: String, raw: Box<RawValue>) -> Tool {
        let listed = Listed::parse(&raw).expect("only tools with a usable name are made");
        let annotations: Annotations = decoded(listed.annotations).unwrap_or_default();
        let mut description: String = decoded(listed.description).unwrap_or_default();
        description.truncate(description.floor_char_boundary(DESCRIPTION_BYTES));
        description.shrink_to_fit();
        Tool {
            server: server.to_owned(),
            name,
            path,
            description,
            read_only_hint: annotations.read_only_hint,
            destructive_hint: annotations.destructive_hint,
            raw,
            schemas: OnceLock::new(),
        }
    }

    /// The name that the settings give the tool's server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The raw name, as the upstream wants it in `tools/call`.
    pub fn name(&self) -> &str {
        &self.name
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
        &self.description
    }

    /// The schema of the arguments. One nested too deep to be read counts as empty: it accepts all.
    pub fn input_schema(&self) -> &Value {
        &self.schemas().input
    }

    /// The schema of the structured result, if the upstream promises one.
    pub fn output_schema(&self) -> Option<&Value> {
        self.schemas().output.as_ref()
    }

    pub fn read_only_hint(&self) -> Option<bool> {
        self.read_only_hint
    }

    pub fn destructive_hint(&self) -> Option<bool> {
        self.destructive_hint
    }

    /// One line that says what the tool takes and gives, as the search answer shows it.
    pub fn signature(&self, language: Language) -> String {
        signature::of_tool(
            &self.path,
            self.input_schema(),
            self.output_schema(),
            language,
        )
    }

    /// The first sentence of the description, on one line of at most 110 characters.
    pub fn summary(&self) -> String {
        plain::line(plain::first_sentence(&self.description).0, SUMMARY_CHARS)
    }

    /// The word that warns of a tool that changes things. The server's own word is believed here,
    /// where it is only shown.
    pub fn effects(&self) -> Option<&'static str> {
        match (self.read_only_hint, self.destructive_hint) {
            (Some(true), _) => None,
            (_, Some(true)) => Some("DESTROYS"),
            _ => Some("WRITES"),
        }
    }

    /// Schemas are decoded when first asked for: most tools of a large catalog never are.
    fn schemas(&self) -> &Schemas {
        self.schemas.get_or_init(|| {
            let listed = Listed::parse(&self.raw).expect("it was parsed when the tool was made");
            Schemas {
                input: decoded(listed.input_schema).unwrap_or_else(|| Value::Object(Map::new())),
                output: decoded(listed.output_schema).filter(Value::is_object),
            }
        })
    }
}

fn decoded<'a, T: Deserialize<'a>>(member: Option<&'a RawValue>) -> Option<T> {
    member.and_then(|member| serde_json::from_str(member.get()).ok())
}
