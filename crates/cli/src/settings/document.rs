//! A settings file as tables whose keys are read one by one, whichever its format.
//!
//! Every error names the file, the line where the format tells it, the table and the key, and never
//! a value: a value may be a secret.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Error, Result, anyhow};

/// A table of a file. Each is checked by [`Table::only`], so that a misspelt key cannot pass for an
/// absent one.
#[derive(Debug)]
pub(super) struct Table {
    file: Arc<Path>,
    /// How a person finds it in the file: `[upstream.github]`. The file itself has no name.
    name: String,
    line: Option<usize>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    key: String,
    line: Option<usize>,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Text(String),
    Integer(i128),
    Flag(bool),
    List(Vec<Value>),
    Table(Vec<Entry>),
    /// What no setting is made of, by its name.
    Other(&'static str),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Flag(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

impl Table {
    pub(super) fn from_toml(file: &Path, text: &str) -> Result<Table> {
        let line = |at: usize| 1 + text[..at].matches('\n').count();
        match toml::de::DeTable::parse(text) {
            Ok(root) => Ok(Table::root(file, toml_entries(root.get_ref(), &line))),
            Err(error) => {
                let at = error.span().map(|span| line(span.start));
                Err(located(
                    file,
                    at,
                    &format!("this is not TOML: {}", error.message()),
                ))
            }
        }
    }

    pub(super) fn from_json(file: &Path, text: &str) -> Result<Table> {
        // Windows editors put a byte order mark there, which JSON does not allow.
        let text = text.trim_start_matches('\u{feff}');
        match serde_json::from_str(text) {
            Ok(serde_json::Value::Object(members)) => Ok(Table::root(file, json_entries(members))),
            Ok(_) => Err(located(file, None, "this is not a JSON object")),
            Err(error) => {
                let fault = match error.classify() {
                    serde_json::error::Category::Eof => "the file ends too early",
                    _ => "syntax error",
                };
                Err(located(
                    file,
                    Some(error.line()),
                    &format!("this is not JSON: {fault} in column {}", error.column()),
                ))
            }
        }
    }

    fn root(file: &Path, entries: Vec<Entry>) -> Table {
        Table {
            file: file.into(),
            name: String::new(),
            line: None,
            entries,
        }
    }

    /// # Errors
    /// A key that is none of `known`, with the nearest of them.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        self.unknown(known).into_iter().next().map_or(Ok(()), Err)
    }

    /// An error for each key that is none of `known`.
    pub(super) fn unknown(&self, known: &[&str]) -> Vec<Error> {
        let unknown = self.keys().filter(|key| !known.contains(key));
        unknown
            .map(|key| {
                let advice = match nearest(key, known) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("known keys: {}", known.join(", ")),
                };
                let message = format!("unknown key `{}`{}; {advice}", shown(key), self.place());
                self.error(key, &message)
            })
            .collect()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.keys().any(|present| present == key)
    }

    pub(super) fn is_table(&self, key: &str) -> bool {
        self.entry(key)
            .is_some_and(|entry| matches!(entry.value, Value::Table(_)))
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>> {
        self.read(key, "a string", |value| match value {
            Value::Text(text) => Ok(text.as_str()),
            other => Err(other.kind()),
        })
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.read(key, "true or false", |value| match value {
            Value::Flag(flag) => Ok(*flag),
            other => Err(other.kind()),
        })
    }

    /// A list of strings; an absent one is empty.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&str>> {
        let texts = self.read(key, "a list of strings", |value| match value {
            Value::List(list) => list
                .iter()
                .map(|item| match item {
                    Value::Text(text) => Ok(text.as_str()),
                    _ => Err("a list with other things in it"),
                })
                .collect(),
            other => Err(other.kind()),
        })?;
        Ok(texts.unwrap_or_default())
    }

    /// A whole number of at least 1.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>> {
        // Seconds of 31 years, mebibytes of a pebibyte: larger ones are slips, and overflow later.
        const MOST: i128 = 1_000_000_000;
        self.read(
            key,
            "a whole number from 1 to 1000000000",
            |value| match value {
                Value::Integer(number @ 1..=MOST) => Ok(*number as u64),
                Value::Integer(..=0) => Err("zero or less"),
                Value::Integer(_) => Err("more"),
                other => Err(other.kind()),
            },
        )
    }

    pub(super) fn table(&self, key: &str) -> Result<Option<Table>> {
        let entries = self.read(key, "a table", |value| match value {
            Value::Table(entries) => Ok(entries.clone()),
            other => Err(other.kind()),
        })?;
        Ok(entries.map(|entries| Table {
            file: self.file.clone(),
            name: match self.name.strip_suffix(']') {
                Some(name) => format!("{name}.{}]", shown(key)),
                None => format!("[{}]", shown(key)),
            },
            line: self.entry(key).and_then(|entry| entry.line),
            entries,
        }))
    }

    /// The keys, in the order of the alphabet.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let mut keys: Vec<&str> = self.entries.iter().map(|entry| &entry.key[..]).collect();
        keys.sort_unstable();
        keys.into_iter()
    }

    /// ` in [upstream.github]`, or nothing in the file's own table.
    pub(super) fn place(&self) -> String {
        match &self.name[..] {
            "" => String::new(),
            name => format!(" in {name}"),
        }
    }

    /// An error about one key, or, when it is absent, about this table: `FILE:LINE: message`.
    pub(super) fn error(&self, key: &str, message: &str) -> Error {
        let line = self.entry(key).map_or(self.line, |entry| entry.line);
        located(&self.file, line, message)
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of a key, if `read` can make something of it; else it says what the value is.
    fn read<'a, T>(
        &'a self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Result<T, &'static str>,
    ) -> Result<Option<T>> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        read(&entry.value).map(Some).map_err(|found| {
            let (key_shown, place) = (shown(key), self.place());
            let message = format!("`{key_shown}`{place} must be {wanted}, not {found}");
            self.error(key, &message)
        })
    }
}

fn toml_entries(table: &toml::de::DeTable<'_>, line: &dyn Fn(usize) -> usize) -> Vec<Entry> {
    table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            line: Some(line(key.span().start)),
            value: toml_value(value.get_ref(), line),
        })
        .collect()
}

fn toml_value(value: &toml::de::DeValue<'_>, line: &dyn Fn(usize) -> usize) -> Value {
    use toml::de::DeValue;
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number that large"), Value::Integer),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| toml_value(item.get_ref(), line))
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(toml_entries(table, line)),
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Other("a date"),
    }
}

fn json_entries(members: serde_json::Map<String, serde_json::Value>) -> Vec<Entry> {
    members
        .into_iter()
        .map(|(key, value)| Entry {
            key,
            line: None,
            value: json_value(value),
        })
        .collect()
}

fn json_value(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Number(number) => number
            .as_i128()
            .map_or(Value::Other("a fraction"), Value::Integer),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(json_value).collect()),
        serde_json::Value::Object(members) => Value::Table(json_entries(members)),
        serde_json::Value::Bool(flag) => Value::Flag(flag),
        serde_json::Value::Null => Value::Other("null"),
    }
}

fn located(file: &Path, line: Option<usize>, message: &str) -> Error {
    match line {
        Some(line) => anyhow!("{}:{line}: {message}", file.display()),
        None => anyhow!("{}: {message}", file.display()),
    }
}

/// A key as it may be printed: it comes from a file that a stranger may have written.
pub(super) fn shown(key: &str) -> String {
    key.escape_debug().take(80).collect()
}

/// The known key that was probably meant.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let whole = known
        .iter()
        .find(|known| key.len() >= 3 && (known.starts_with(key) || key.starts_with(*known)));
    if let Some(whole) = whole {
        return Some(whole);
    }
    let (distance, nearest) = known
        .iter()
        .map(|known| (edits(key, known), *known))
        .min()?;
    (distance <= 1 + nearest.len() / 4).then_some(nearest)
}

/// How many characters must be inserted, removed or replaced to make one word of the other.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    // A key may be as long as its file; what is this much longer is near to nothing.
    for (line, letter) in one.chars().take(100).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, known) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *known);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    *row.last().expect("one more than the letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_near() {
        let known = ["command", "args", "env", "cwd", "url", "headers"];
        for (key, expected) in [
            ("comand", Some("command")),
            ("Command", Some("command")),
            ("arg", Some("args")),
            ("arguments", None),
            ("header", Some("headers")),
            ("uri", Some("url")),
            ("environment", Some("env")),
            ("disabled", None),
            ("", None),
        ] {
            assert_eq!(nearest(key, &known), expected, "{key}");
        }
    }

    #[test]
    fn what_is_not_a_document_is_an_error_with_its_place() {
        let toml = |text| Table::from_toml(Path::new("f.toml"), text).unwrap_err();
        let json = |text| Table::from_json(Path::new("f.json"), text).unwrap_err();
        assert_eq!(
            toml("[a]\nb = \"never closed").to_string(),
            "f.toml:2: this is not TOML: invalid basic string, expected `\"`"
        );
        assert_eq!(
            toml("[a]\nx = 1\nx = 2").to_string(),
            "f.toml:3: this is not TOML: duplicate key"
        );
        assert_eq!(
            json("{\n\"a\": tok_123}").to_string(),
            "f.json:2: this is not JSON: syntax error in column 7"
        );
        assert_eq!(
            json("{").to_string(),
            "f.json:1: this is not JSON: the file ends too early in column 1"
        );
        assert_eq!(json("[]").to_string(), "f.json: this is not a JSON object");
        assert!(Table::from_json(Path::new("f"), "\u{feff}{}").is_ok());
    }
}
