//! The form that a server wants a human to fill in: an object of plain values.
//!
//! A form is the server's words. Its names and titles are for whoever shows it to make fit; what the
//! human says is checked here, whichever way it comes.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest answer to a form.
const ANSWER_BYTES: usize = 64 << 10;

#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// In the server's order.
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub required: bool,
    /// What the server proposes.
    pub default: Option<Value>,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Text {
        format: Option<String>,
        least: u64,
        most: Option<u64>,
    },
    Number {
        whole: bool,
        least: Option<f64>,
        most: Option<f64>,
    },
    YesNo,
    One(Vec<Choice>),
    Many {
        choices: Vec<Choice>,
        least: u64,
        most: Option<u64>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    /// The value, where the server gives no other.
    pub title: String,
}

#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    required: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Property {
    #[serde(rename = "type")]
    kind: String,
    title: Option<String>,
    description: Option<String>,
    default: Option<Value>,
    format: Option<String>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    items: Option<Choices>,
    #[serde(flatten)]
    choices: Choices,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Choices {
    #[serde(rename = "enum")]
    values: Option<Vec<String>>,
    enum_names: Option<Vec<String>>,
    #[serde(alias = "anyOf")]
    one_of: Option<Vec<Titled>>,
}

#[derive(Deserialize)]
struct Titled {
    #[serde(rename = "const")]
    value: String,
    title: Option<String>,
}

impl Choices {
    fn read(self) -> Option<Vec<Choice>> {
        if let Some(titled) = self.one_of {
            let choice = |Titled { value, title }: Titled| Choice {
                title: title.unwrap_or_else(|| value.clone()),
                value,
            };
            return Some(titled.into_iter().map(choice).collect());
        }
        let titles = self.enum_names.unwrap_or_default();
        let choice = |(at, value): (usize, String)| Choice {
            title: titles.get(at).unwrap_or(&value).clone(),
            value,
        };
        Some(self.values?.into_iter().enumerate().map(choice).collect())
    }
}

impl Form {
    /// Reads a `requestedSchema`.
    ///
    /// # Errors
    /// It is not one of MCP's flat forms.
    pub fn read(schema: &str) -> Result<Form, String> {
        let Schema {
            properties,
            required,
        } = serde_json::from_str(schema).map_err(|error| error.to_string())?;
        let fields = properties.into_iter().map(|(name, property)| {
            let property: Property =
                serde_json::from_value(property).map_err(|error| format!("{name:?}: {error}"))?;
            let kind = match &*property.kind {
                "boolean" => Kind::YesNo,
                "number" | "integer" => Kind::Number {
                    whole: property.kind == "integer",
                    least: property.minimum,
                    most: property.maximum,
                },
                "string" => match property.choices.read() {
                    Some(choices) => Kind::One(choices),
                    None => Kind::Text {
                        format: property.format,
                        least: property.min_length.unwrap_or(0),
                        most: property.max_length,
                    },
                },
                "array" => Kind::Many {
                    choices: property
                        .items
                        .and_then(Choices::read)
                        .ok_or_else(|| format!("{name:?} is a list of no choices"))?,
                    least: property.min_items.unwrap_or(0),
                    most: property.max_items,
                },
                other => return Err(format!("{name:?} is of type {other:?}")),
            };
            Ok(Field {
                required: required.contains(&name),
                name,
                title: property.title,
                description: property.description,
                default: property.default,
                kind,
            })
        });
        Ok(Form {
            fields: fields.collect::<Result<_, String>>()?,
        })
    }

    /// Whether this is an answer to the form.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, answer: &Value) -> Result<(), String> {
        let Value::Object(members) = answer else {
            return Err("it is not an object".to_owned());
        };
        if answer.to_string().len() > ANSWER_BYTES {
            return Err(format!("it has more than {ANSWER_BYTES} bytes"));
        }
        for (name, value) in members {
            let field = self.fields.iter().find(|field| field.name == *name);
            let field = field.ok_or_else(|| format!("{name:?} is none of its fields"))?;
            field
                .check(value)
                .map_err(|problem| format!("{name:?} {problem}"))?;
        }
        match self
            .fields
            .iter()
            .find(|field| field.required && !members.contains_key(&field.name))
        {
            Some(missing) => Err(format!("{:?} is missing", missing.name)),
            None => Ok(()),
        }
    }
}

impl Field {
    /// What a human types, as the field's value; nothing typed is no value.
    ///
    /// # Errors
    /// What the human has to type instead.
    pub fn value(&self, typed: &str) -> Result<Option<Value>, String> {
        let typed = typed.trim();
        if typed.is_empty() {
            return match self.required {
                true => Err("it is required".to_owned()),
                false => Ok(None),
            };
        }
        let value = match &self.kind {
            Kind::Text { .. } => Value::from(typed),
            Kind::Number { .. } => serde_json::from_str(typed)
                .ok()
                .filter(Value::is_number)
                .ok_or("it is not a number")?,
            Kind::YesNo => match &*typed.to_lowercase() {
                "y" | "yes" | "true" => Value::Bool(true),
                "n" | "no" | "false" => Value::Bool(false),
                _ => return Err("type y or n".to_owned()),
            },
            Kind::One(choices) => picked(choices, typed)?.into(),
            Kind::Many { choices, .. } => typed
                .split([',', ' '])
                .filter(|number| !number.is_empty())
                .map(|number| picked(choices, number).map(Value::from))
                .collect::<Result<Value, _>>()?,
        };
        self.check(&value)?;
        Ok(Some(value))
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let between = |count: u64, least: u64, most: Option<u64>, of: &str| {
            if count < least {
                return Err(format!("has {count} {of}; at least {least}"));
            }
            match most.filter(|most| count > *most) {
                Some(most) => Err(format!("has {count} {of}; at most {most}")),
                None => Ok(()),
            }
        };
        match &self.kind {
            Kind::YesNo if value.is_boolean() => Ok(()),
            Kind::YesNo => Err("is neither true nor false".to_owned()),
            Kind::Number { whole, least, most } => {
                let number = value.as_f64().ok_or("is not a number")?;
                if *whole && number.fract() != 0.0 {
                    return Err("is not a whole number".to_owned());
                }
                if least.is_some_and(|least| number < least) {
                    return Err(format!("is less than {}", least.unwrap_or_default()));
                }
                if most.is_some_and(|most| number > most) {
                    return Err(format!("is more than {}", most.unwrap_or_default()));
                }
                Ok(())
            }
            Kind::Text {
                format,
                least,
                most,
            } => {
                let text = value.as_str().ok_or("is not a text")?;
                between(text.chars().count() as u64, *least, *most, "characters")?;
                match format {
                    Some(format) if !has_format(text, format) => {
                        Err(format!("is not of the form {format:?}"))
                    }
                    _ => Ok(()),
                }
            }
            Kind::One(choices) => is_choice(choices, value),
            Kind::Many {
                choices,
                least,
                most,
            } => {
                let values = value.as_array().ok_or("is not a list")?;
                between(values.len() as u64, *least, *most, "choices")?;
                values
                    .iter()
                    .try_for_each(|value| is_choice(choices, value))
            }
        }
    }
}

/// The value of the choice with this number, from 1.
fn picked<'a>(choices: &'a [Choice], number: &str) -> Result<&'a str, String> {
    number
        .parse::<usize>()
        .ok()
        .and_then(|number| choices.get(number.checked_sub(1)?))
        .map(|choice| &*choice.value)
        .ok_or_else(|| format!("type a number from 1 to {}", choices.len()))
}

fn is_choice(choices: &[Choice], value: &Value) -> Result<(), String> {
    match choices.iter().any(|choice| *value == *choice.value) {
        true => Ok(()),
        false => Err("is none of its choices".to_owned()),
    }
}

/// Whether a text may be of a format. What is not certain passes: the server checks too.
fn has_format(text: &str, format: &str) -> bool {
    let digits = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text
                .bytes()
                .zip(pattern.bytes())
                .all(|(byte, wanted)| match wanted {
                    b'0' => byte.is_ascii_digit(),
                    wanted => byte == wanted,
                })
    };
    match format {
        "email" => text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        }),
        "uri" => text.split_once(':').is_some_and(|(scheme, rest)| {
            !rest.is_empty()
                && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        }),
        "date" => digits(text, "0000-00-00"),
        "date-time" => text
            .get(..19)
            .is_some_and(|start| digits(&start.replace([' ', 't'], "T"), "0000-00-00T00:00:00")),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Form {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 2, "maxLength": 4 },
                "mail": { "type": "string", "format": "email" },
                "when": { "type": "string", "format": "date" },
                "age": { "type": "integer", "minimum": 0, "maximum": 150 },
                "sure": { "type": "boolean", "default": false },
                "colour": { "type": "string", "enum": ["r", "g"], "enumNames": ["Red", "Green"] },
                "size": { "type": "string", "oneOf": [{ "const": "s", "title": "Small" }, { "const": "l" }] },
                "tags": { "type": "array", "minItems": 1, "maxItems": 2, "items": { "type": "string", "enum": ["a", "b", "c"] } },
                "ways": { "type": "array", "items": { "anyOf": [{ "const": "up", "title": "Up" }] } },
            },
            "required": ["name", "sure"],
        });
        Form::read(&schema.to_string()).unwrap()
    }

    #[test]
    fn forms_are_read_in_their_order() {
        let form = form();
        let names: Vec<&str> = form.fields.iter().map(|field| &field.name[..]).collect();
        assert_eq!(
            names,
            [
                "name", "mail", "when", "age", "sure", "colour", "size", "tags", "ways"
            ]
        );
        let choice = |value: &str, title: &str| Choice {
            value: value.to_owned(),
            title: title.to_owned(),
        };
        assert_eq!(form.fields[4].default, Some(json!(false)));
        assert_eq!(
            form.fields[5].kind,
            Kind::One(vec![choice("r", "Red"), choice("g", "Green")])
        );
        assert_eq!(
            form.fields[6].kind,
            Kind::One(vec![choice("s", "Small"), choice("l", "l")])
        );
        for (schema, problem) in [
            (r#"{"properties":[]}"#, "invalid type"),
            (
                r#"{"properties":{"a":{"type":"object"}}}"#,
                r#""a" is of type "object""#,
            ),
            (
                r#"{"properties":{"a":{"type":"array"}}}"#,
                r#""a" is a list of no choices"#,
            ),
            (r#"{"properties":{"a":1}}"#, r#""a": invalid type"#),
        ] {
            let error = Form::read(schema).unwrap_err();
            assert!(error.starts_with(problem), "{schema}: {error}");
        }
    }

    #[test]
    fn answers_are_checked() {
        for (answer, problem) in [
            (json!({"name": "Ada", "sure": true}), None),
            (
                json!({"name": "Ada", "sure": true, "age": 3.0, "tags": ["a"], "mail": "a@b"}),
                None,
            ),
            (json!([]), Some("it is not an object")),
            (json!({"name": "Ada"}), Some(r#""sure" is missing"#)),
            (
                json!({"name": "Ada", "sure": true, "x": 1}),
                Some(r#""x" is none of its fields"#),
            ),
            (
                json!({"name": "A", "sure": true}),
                Some(r#""name" has 1 characters; at least 2"#),
            ),
            (
                json!({"name": "Ada L", "sure": true}),
                Some(r#""name" has 5 characters; at most 4"#),
            ),
            (
                json!({"name": "Ada", "sure": "yes"}),
                Some(r#""sure" is neither true nor false"#),
            ),
            (
                json!({"name": "Ada", "sure": true, "age": 1.5}),
                Some(r#""age" is not a whole number"#),
            ),
            (
                json!({"name": "Ada", "sure": true, "age": -1}),
                Some(r#""age" is less than 0"#),
            ),
            (
                json!({"name": "Ada", "sure": true, "mail": "ada"}),
                Some(r#""mail" is not of the form "email""#),
            ),
            (
                json!({"name": "Ada", "sure": true, "when": "May 1"}),
                Some(r#""when" is not of the form "date""#),
            ),
            (
                json!({"name": "Ada", "sure": true, "colour": "Red"}),
                Some(r#""colour" is none of its choices"#),
            ),
            (
                json!({"name": "Ada", "sure": true, "tags": []}),
                Some(r#""tags" has 0 choices; at least 1"#),
            ),
            (
                json!({"name": "Ada", "sure": true, "tags": ["d"]}),
                Some(r#""tags" is none of its choices"#),
            ),
            (
                json!({"name": "Ada", "sure": true, "mail": "x".repeat(ANSWER_BYTES)}),
                Some("it has more than 65536 bytes"),
            ),
        ] {
            assert_eq!(form().check(&answer).err().as_deref(), problem, "{answer}");
        }
    }

    #[test]
    fn what_is_typed_becomes_a_value_or_is_asked_again() {
        let form = form();
        for (field, typed, value) in [
            ("name", " Ada\n", Ok(Some(json!("Ada")))),
            ("name", "", Err("it is required")),
            ("mail", "", Ok(None)),
            ("age", "41", Ok(Some(json!(41)))),
            ("age", "forty", Err("it is not a number")),
            ("sure", "Y", Ok(Some(json!(true)))),
            ("sure", "perhaps", Err("type y or n")),
            ("colour", "2", Ok(Some(json!("g")))),
            ("colour", "g", Err("type a number from 1 to 2")),
            ("colour", "0", Err("type a number from 1 to 2")),
            ("tags", "1, 3", Ok(Some(json!(["a", "c"])))),
            ("tags", "1 2 3", Err("has 3 choices; at most 2")),
        ] {
            let found = form.fields.iter().find(|it| it.name == field).unwrap();
            let value = value.map_err(str::to_owned);
            assert_eq!(found.value(typed), value, "{field} {typed}");
        }
    }
}
