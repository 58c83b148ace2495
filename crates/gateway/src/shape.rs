//! What a result looks like, in a few words: names and types, never values.

use serde_json::Value;

/// Members of an object that are named; the others are counted.
const MEMBERS: usize = 4;
/// Levels that are described; below them everything is `…`.
const DEPTH: usize = 3;

/// The shape of a value: `[{number: int, title: str, +21}] ×30`.
pub(crate) fn shape(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("{} ×{}", describe(value, DEPTH), items.len()),
        other => describe(other, DEPTH),
    }
}

fn describe(value: &Value, depth: usize) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(number) if number.is_f64() => "float".into(),
        Value::Number(_) => "int".into(),
        Value::String(_) => "str".into(),
        Value::Array(items) if items.is_empty() => "[]".into(),
        Value::Object(members) if members.is_empty() => "{}".into(),
        _ if depth == 0 => "…".into(),
        Value::Array(items) => format!("[{}]", describe(&items[0], depth - 1)),
        Value::Object(members) => {
            let mut shown: Vec<String> = members
                .iter()
                .take(MEMBERS)
                .map(|(name, member)| format!("{}: {}", plain(name), describe(member, depth - 1)))
                .collect();
            if members.len() > MEMBERS {
                shown.push(format!("+{}", members.len() - MEMBERS));
            }
            format!("{{{}}}", shown.join(", "))
        }
    }
}

/// A member's name, which may be anything, short and on one line.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn shapes_name_types_and_never_values() {
        let check = |json: &str, expected: &str| {
            assert_eq!(shape(&serde_json::from_str(json).unwrap()), expected);
        };
        check(
            r#"[{"number":1,"title":"x","open":true,"score":0.5,"e":1,"f":2}]"#,
            "[{number: int, title: str, open: bool, score: float, +2}] ×1",
        );
        check("[]", "[] ×0");
        check(r#"{"a":{"b":{"c":{"d":1}}}}"#, "{a: {b: {c: …}}}");
        check(r#"{"a\nb":null}"#, "{ab: null}");
        check("\"secret\"", "str");
    }
}
