//! What values were like, as JSON that is read beside them: `{"id":"int","tags":["str"],"score":"float?"}`.

use serde_json::{Map, Value, json};

use super::{Object, Record, Shape, Text};
use crate::signature::Language;

impl Shape {
    /// Kinds in a language's words where the values were: `["str"]` is a list of strings, `"float?"` a
    /// member that is not always there; one that is no scalar has the `?` at its name. As many levels as
    /// fit into so many bytes; below stands only that there is a list or an object.
    pub fn outline(&self, language: Language, most_bytes: usize) -> Value {
        let mut levels = super::MOST_LEVELS;
        loop {
            let outline = self.outlined(language, levels);
            if levels == 0 || outline.to_string().len() <= most_bytes {
                return outline;
            }
            levels -= 1;
        }
    }

    fn outlined(&self, language: Language, levels: usize) -> Value {
        let scalars = self.scalars();
        let is_scalar = scalars != Shape::default() && !scalars.is_null_alone();
        match (&self.list, &self.object, levels.checked_sub(1)) {
            (Some(items), None, Some(below)) if !is_scalar => {
                if **items == Shape::default() {
                    json!([])
                } else {
                    json!([items.outlined(language, below)])
                }
            }
            (None, Some(Object::Record(record)), Some(below)) if !is_scalar => {
                record.outlined(language, below)
            }
            (None, Some(Object::Map(values)), Some(below)) if !is_scalar => {
                json!({"…": values.outlined(language, below)})
            }
            _ => {
                let (list, object) = match language {
                    Language::Python => ("list", "dict"),
                    Language::TypeScript => ("array", "object"),
                };
                let mut words = Vec::new();
                if self.list.is_some() {
                    words.push(list.to_owned());
                }
                if self.object.is_some() {
                    words.push(object.to_owned());
                }
                if scalars != Shape::default() || words.is_empty() {
                    words.push(scalars.words(language));
                }
                words.join("|").into()
            }
        }
    }

    /// What is neither a list nor an object, whatever is in its strings.
    fn scalars(&self) -> Shape {
        Shape {
            list: None,
            object: None,
            text: self.text.as_ref().map(|_| Text {
                format: None,
                json: None,
            }),
            ..self.clone()
        }
    }

    fn is_null_alone(&self) -> bool {
        *self
            == Shape {
                null: true,
                ..Shape::default()
            }
    }
}

impl Record {
    fn outlined(&self, language: Language, levels: usize) -> Value {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|(name, member)| (member.at, *name));
        let members = members.into_iter().map(|(name, member)| {
            match member.shape.outlined(language, levels) {
                Value::String(words) if member.absent && !words.ends_with('?') => {
                    (name.clone(), format!("{words}?").into())
                }
                Value::String(words) => (name.clone(), words.into()),
                inner if member.absent || member.shape.null => (format!("{name}?"), inner),
                inner => (name.clone(), inner),
            }
        });
        Value::Object(members.collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_outlined() {
        for (values, python, typescript) in [
            ("[1, 2]", r#"["int"]"#, r#"["number"]"#),
            ("[]", "[]", "[]"),
            ("[1, null]", r#"["int?"]"#, r#"["number|null"]"#),
            (
                r#"[{"id": 1, "tags": ["x"], "score": 0.5}, {"id": 2, "tags": []}]"#,
                r#"[{"id":"int","tags":["str"],"score":"float?"}]"#,
                r#"[{"id":"number","tags":["string"],"score":"number?"}]"#,
            ),
            (
                r#"[{"a": [1]}, {"a": null}, {"b": {"c": true}, "a": []}]"#,
                r#"[{"a?":["int"],"b?":{"c":"bool"}}]"#,
                r#"[{"a?":["number"],"b?":{"c":"boolean"}}]"#,
            ),
            (
                r#"{"a": [1, {"b": 2}], "c": "2026-11-26"}"#,
                r#"{"a":["dict|int"],"c":"str"}"#,
                r#"{"a":["object|number"],"c":"string"}"#,
            ),
            (
                r#"{"2026-11-26": 1, "2026-11-27": 2.5}"#,
                r#"{"…":"float"}"#,
                r#"{"…":"number"}"#,
            ),
            // It breaks off.
            (
                r#"[{"id": 1, "text": "abc"}, {"id": 2, "te"#,
                r#"[{"id":"int","text":"str"}]"#,
                r#"[{"id":"number","text":"string"}]"#,
            ),
        ] {
            let shape = Shape::of(values, 0);
            let outline = |language| shape.outline(language, 1000).to_string();
            assert_eq!(outline(Language::Python), python, "{values}");
            assert_eq!(outline(Language::TypeScript), typescript, "{values}");
        }
    }

    #[test]
    fn an_outline_has_as_many_levels_as_there_is_room_for() {
        let shape = Shape::of(r#"{"a": {"b": {"c": [1]}}, "d": [{"e": 1}]}"#, 0);
        for (most, outline) in [
            (100, r#"{"a":{"b":{"c":["int"]}},"d":[{"e":"int"}]}"#),
            (42, r#"{"a":{"b":{"c":"list"}},"d":[{"e":"int"}]}"#),
            (35, r#"{"a":{"b":"dict"},"d":["dict"]}"#),
            (30, r#"{"a":"dict","d":"list"}"#),
            (0, r#""dict""#),
        ] {
            let found = shape.outline(Language::Python, most).to_string();
            assert_eq!(found, outline, "{most} bytes");
        }
    }
}
