//! What is said of arguments before they are sent.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use toolmill_catalog::{Argument, Arguments, Language, Position, Tool, Validation};

use crate::the_tool;

/// An argument as a program's text has it: its text, and its value where it is a literal.
type Written<'a> = (&'a str, Option<&'a str>);

/// What the static check says, with the position of the argument that it is about.
fn checked(
    tool: &Tool,
    positional: &[Written],
    named: &[(&str, Written)],
    open: bool,
    language: Language,
) -> String {
    let values: Vec<Option<Box<RawValue>>> = positional
        .iter()
        .chain(named.iter().map(|(_, written)| written))
        .map(|(_, json)| json.map(|json| RawValue::from_string(json.to_owned()).unwrap()))
        .collect();
    let mut values = values.iter().map(Option::as_deref);
    let mut argument = |text| Argument {
        text: Some(text),
        value: values.next().unwrap(),
    };
    let arguments = Arguments {
        positional: positional.iter().map(|(text, _)| argument(text)).collect(),
        named: named
            .iter()
            .map(|(name, (text, _))| (*name, argument(text)))
            .collect(),
        open,
    };
    match tool.check(&arguments, Validation::Error, language) {
        Ok(()) => String::new(),
        Err(error) => {
            let at = match error.argument {
                Some(Position::Positional(at)) => format!(" at {at}"),
                Some(Position::Named(at)) => format!(" at {}", named[at].0),
                None => String::new(),
            };
            let fix = error.fix.map(|fix| format!("\n{fix}")).unwrap_or_default();
            format!("{}{at}: {}{fix}", error.code.as_str(), error.message)
        }
    }
}

fn issue() -> Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "properties": {
            "owner": text, "repo": text, "issue_number": {"type": "integer"}, "in": text,
        },
        "required": ["owner", "repo", "issue_number"],
    })
}

#[test]
fn a_call_in_the_text_is_refused_only_for_what_is_certain() {
    let tool = the_tool(issue(), None);
    let one = the_tool(
        json!({"properties": {"path": {"type": "string"}, "head": {}}, "required": ["path"]}),
        None,
    );
    let none = the_tool(json!({"properties": {}}), None);
    let open = the_tool(json!({"type": "object"}), None);
    #[track_caller]
    fn check(tool: &Tool, positional: &[Written], named: &[(&str, Written)], expected: &str) {
        let found = checked(tool, positional, named, false, Language::Python);
        assert_eq!(found, expected);
    }
    let (owner, repo) = (("owner", ("owner", None)), ("repo", ("parts[1]", None)));
    let number = ("issue_number", ("17", Some("17")));
    check(&tool, &[], &[owner, repo, number], "");
    check(
        &tool,
        &[],
        &[owner, repo, ("number", ("n", None))],
        "unknown_parameter at number: do_it has no parameter \"number\"; did you mean \"issue_number\"?\n\
         tools.x.do_it(owner=owner, repo=parts[1], issue_number=n)",
    );
    check(
        &tool,
        &[],
        &[owner, number],
        r#"missing_argument: do_it needs "repo""#,
    );
    check(
        &tool,
        &[],
        &[owner, repo, number, ("colour", ("c", None))],
        r#"unknown_parameter at colour: do_it has no parameter "colour""#,
    );
    check(
        &tool,
        &[],
        &[owner, repo, number, ("issueNumber", ("n", None))],
        r#"invalid_argument at issueNumber: do_it was given "issue_number" twice"#,
    );
    check(
        &tool,
        &[("owner", None), ("'r'", Some("\"r\"")), ("n := 1", None)],
        &[],
        "ambiguous_argument at 0: do_it takes its arguments by name\n\
         tools.x.do_it(owner=owner, repo='r', issue_number=(n := 1))",
    );
    // It may be an object of all of them.
    check(&tool, &[("fields", None)], &[], "");
    check(
        &tool,
        &[("fields", None)],
        &[("colour", ("c", None))],
        r#"unknown_parameter at colour: do_it has no parameter "colour""#,
    );
    check(
        &one,
        &[("fields", None)],
        &[("heat", ("1", Some("1")))],
        r#"unknown_parameter at heat: do_it has no parameter "heat"; did you mean "head"?"#,
    );
    check(&one, &[("p", None)], &[], "");
    check(&one, &[("'a'", Some("\"a\""))], &[], "");
    check(
        &one,
        &[("{'pth': 'a'}", Some(r#"{"pth":"a"}"#))],
        &[("head", ("k", None))],
        "unknown_parameter at 0: do_it has no parameter \"pth\"; did you mean \"path\"?\n\
         tools.x.do_it(path=\"a\", head=k)",
    );
    check(&none, &[("x", None)], &[], "");
    check(
        &none,
        &[("1", Some("1"))],
        &[],
        "invalid_argument at 0: do_it takes no arguments\ntools.x.do_it()",
    );
    check(&open, &[], &[("anything", ("x", None))], "");
}

#[test]
fn what_cannot_be_read_may_be_what_is_missing() {
    let tool = the_tool(issue(), None);
    let one = the_tool(json!({"properties": {"path": {}}}), None);
    #[track_caller]
    fn check(tool: &Tool, positional: &[Written], named: &[(&str, Written)], expected: &str) {
        let found = checked(tool, positional, named, true, Language::TypeScript);
        assert_eq!(found, expected);
    }
    check(&tool, &[], &[], "");
    check(&tool, &[], &[("owner", ("o", None))], "");
    check(&tool, &[("1", Some("1"))], &[], "");
    check(
        &tool,
        &[],
        &[("number", ("n", None))],
        r#"unknown_parameter at number: do_it has no parameter "number"; did you mean "issue_number"?"#,
    );
    check(
        &one,
        &[],
        &[("pth", ("p", None))],
        r#"unknown_parameter at pth: do_it has no parameter "pth"; did you mean "path"?"#,
    );
    check(
        &tool,
        &[("a", None), ("b", None)],
        &[],
        "ambiguous_argument at 0: do_it takes its arguments by name",
    );
}

#[test]
fn an_undefined_argument_is_none_in_javascript() {
    let tool = the_tool(json!({"properties": {"a": {}}, "required": ["a"]}), None);
    let undefined = ("undefined", None);
    let check = |name: &str, language| checked(&tool, &[], &[(name, undefined)], false, language);
    assert_eq!(
        check("a", Language::TypeScript),
        r#"missing_argument: do_it needs "a""#
    );
    assert_eq!(
        check("b", Language::TypeScript),
        r#"missing_argument: do_it needs "a""#
    );
    assert_eq!(check("a", Language::Python), "");
}

/// What is said when a value is given for the parameter `p` of this schema: nothing, or the message
/// and the fix. The schema's `$defs` are `defs`.
#[track_caller]
fn refused(schema: &Value, value: &str) -> String {
    let input = json!({
        "type": "object",
        "properties": {"p": schema, "q": {"type": "string"}},
        "required": ["p"],
        "$defs": {
            "Tree": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
                "required": ["name"],
                "additionalProperties": false,
            },
            "Loop": {"$ref": "#/$defs/Loop"},
        },
    });
    said(&the_tool(input, None), value)
}

fn said(tool: &Tool, value: &str) -> String {
    let value = RawValue::from_string(value.to_owned()).unwrap();
    let named = [("p".to_owned(), &*value)];
    match tool.bind(&[], &named, Validation::Error, Language::Python) {
        Ok(bound) => {
            assert_eq!(bound.json.get(), format!(r#"{{"p":{value}}}"#));
            String::new()
        }
        Err(error) => {
            assert_eq!(error.code.as_str(), "invalid_argument");
            let fix = error.fix.map(|fix| format!("\n{fix}")).unwrap_or_default();
            error.message + &fix
        }
    }
}

#[test]
fn an_integer_that_is_written_with_a_fraction_of_nothing_is_sent_without() {
    let integer = json!({"type": "integer"});
    let optional = json!({"anyOf": [{"type": "integer"}, {"type": "null"}]});
    for (schema, value, sent) in [
        (&integer, "3.0", "3"),
        (
            &integer,
            "-12345678901234567890.000",
            "-12345678901234567890",
        ),
        (&optional, "3.0", "3"),
        (&json!({"type": ["integer", "null"]}), "3.0", "3"),
        (&integer, "3", "3"),
        (&json!({"type": "number"}), "3.0", "3.0"),
        (&json!({"type": ["integer", "number"]}), "3.0", "3.0"),
        (&json!({"anyOf": [{"type": "integer"}, {}]}), "3.0", "3.0"),
        (&json!({}), "3.0", "3.0"),
        (&json!({"type": "integer", "minimum": 0}), "3.0", "3"),
    ] {
        let input = json!({"type": "object", "properties": {"p": schema}, "required": ["p"]});
        let given = RawValue::from_string(value.to_owned()).unwrap();
        let named = [("p".to_owned(), &*given)];
        let tool = the_tool(input, None);
        let bound = tool.bind(&[], &named, Validation::Error, Language::Python);
        let bound = bound.unwrap_or_else(|error| panic!("{schema} {value}: {error}"));
        assert_eq!(bound.json.get(), format!(r#"{{"p":{sent}}}"#), "{schema}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_the_right_one_where_that_is_certain() {
    #[track_caller]
    fn check(schema: Value, value: &str, expected: &str) {
        assert_eq!(refused(&schema, value), expected, "{schema} {value}");
    }
    let kind = |name: &str| json!({"type": name});
    let labels = json!({"type": "array", "items": {"type": "string"}});
    check(kind("integer"), "12345678901234567890123", "");
    check(
        kind("integer"),
        "\"17\"",
        "p: must be an integer, is the string \"17\"\ntools.x.do_it(p=17)",
    );
    check(
        kind("integer"),
        "\"12345678901234567890123\"",
        "p: must be an integer, is the string \"12345678901234567890123\"\n\
         tools.x.do_it(p=12345678901234567890123)",
    );
    check(
        kind("integer"),
        "\"017\"",
        "p: must be an integer, is the string \"017\"",
    );
    check(
        kind("integer"),
        "1.5",
        "p: must be an integer, is the number 1.5",
    );
    check(
        kind("string"),
        "1.50",
        "p: must be a string, is the number 1.50\ntools.x.do_it(p=\"1.50\")",
    );
    check(
        kind("boolean"),
        "\"False\"",
        "p: must be true or false, is the string \"False\"\ntools.x.do_it(p=False)",
    );
    check(
        labels.clone(),
        "\"bug\"",
        "p: must be an array, is the string \"bug\"\ntools.x.do_it(p=[\"bug\"])",
    );
    check(
        labels.clone(),
        "\"bug, ui\"",
        "p: must be an array, is the string \"bug, ui\"\ntools.x.do_it(p=[\"bug\", \"ui\"])",
    );
    check(
        labels.clone(),
        "\"slow, but right\"",
        "p: must be an array, is the string \"slow, but right\"\ntools.x.do_it(p=[\"slow, but right\"])",
    );
    check(
        labels.clone(),
        "[\"bug\", 7]",
        "p[1]: must be a string, is the number 7\ntools.x.do_it(p=[\"bug\", \"7\"])",
    );
    check(
        labels.clone(),
        "7",
        "p: must be an array, is the number 7\ntools.x.do_it(p=[\"7\"])",
    );
    check(labels, "{}", "p: must be an array, is an object");
    check(
        json!({"type": "array", "items": {"type": "object"}}),
        r#""[{\"a\":1}]""#,
        "p: must be an array, is the string \"[{\\\"a\\\":1}]\"\ntools.x.do_it(p=[{\"a\": 1}])",
    );
    check(
        kind("object"),
        r#""{\"n\": 1e2}""#,
        "p: must be an object, is the string \"{\\\"n\\\": 1e2}\"\ntools.x.do_it(p={\"n\": 1e2})",
    );
    check(
        json!({"type": ["string", "integer", "null"]}),
        "[]",
        "p: must be a string, an integer or null, is an empty array",
    );
    check(json!({"type": "string", "nullable": true}), "null", "");
    // A required one cannot be left out.
    check(kind("string"), "null", "p: must be a string, is null");
}

#[test]
fn what_is_null_is_left_out_where_that_is_allowed() {
    let tool = the_tool(
        json!({"properties": {"p": {"type": "string"}, "q": {"type": "integer"}}}),
        None,
    );
    let null = RawValue::from_string("null".to_owned()).unwrap();
    let named = [("p".to_owned(), &*null)];
    let sent = |validation| {
        let bound = tool.bind(&[], &named, validation, Language::Python);
        bound.unwrap().json.get().to_owned()
    };
    assert_eq!(sent(Validation::Error), "{}");
    // Where the schema is not believed, what was written is sent.
    assert_eq!(sent(Validation::Warn), r#"{"p":null}"#);
    assert_eq!(sent(Validation::Off), r#"{"p":null}"#);
}

#[test]
fn each_rule_is_named_where_it_is_broken() {
    #[track_caller]
    fn check(schema: Value, value: &str, expected: &str) {
        assert_eq!(refused(&schema, value), expected, "{schema} {value}");
    }
    let state = json!({"enum": ["open", "closed", "all"]});
    check(
        state.clone(),
        "\"opened\"",
        "p: must be one of \"open\", \"closed\", \"all\"; is \"opened\"; did you mean \"open\"?\n\
         tools.x.do_it(p=\"open\")",
    );
    check(
        state.clone(),
        "\"OPEN\"",
        "p: must be one of \"open\", \"closed\", \"all\"; is \"OPEN\"; did you mean \"open\"?\n\
         tools.x.do_it(p=\"open\")",
    );
    check(
        state,
        "\"zebra\"",
        "p: must be one of \"open\", \"closed\", \"all\"; is \"zebra\"",
    );
    check(
        json!({"enum": (1..=20).collect::<Vec<_>>()}),
        "0",
        "p: must be one of 1, 2, 3, 4, 5, 6, 7, 8, …+12; is 0",
    );
    check(
        json!({"const": 5}),
        "\"5\"",
        "p: must be 5; is \"5\"\ntools.x.do_it(p=5)",
    );
    check(
        json!({"minimum": 1, "maximum": 100}),
        "1000",
        "p: must be at most 100, is 1000",
    );
    check(
        json!({"exclusiveMinimum": 9007199254740992_u64}),
        "9007199254740992",
        "p: must be greater than 9007199254740992, is 9007199254740992",
    );
    check(
        json!({"exclusiveMinimum": 9007199254740992_u64}),
        "9007199254740993",
        "",
    );
    check(
        json!({"minimum": 0, "exclusiveMinimum": true}),
        "0",
        "p: must be greater than 0, is 0",
    );
    check(
        json!({"multipleOf": 0.1}),
        "0.25",
        "p: must be a multiple of 0.1, is the number 0.25",
    );
    check(json!({"multipleOf": 0.1}), "0.3", "");
    check(
        json!({"minLength": 3}),
        "\"😀é\"",
        "p: must have at least 3 characters, has 2",
    );
    check(
        json!({"pattern": "^[a-z]+$"}),
        "\"A\"",
        "p: must match ^[a-z]+$, is the string \"A\"",
    );
    // An engine whose time grows with the text alone has no look-around.
    check(json!({"pattern": "^(?=a)"}), "\"b\"", "");
    check(json!({"format": "email"}), "\"b\"", "");
    check(
        json!({"maxItems": 1}),
        "[1, 2]",
        "p: must have at most 1 element, has 2",
    );
    check(
        json!({"uniqueItems": true}),
        "[{\"a\": 1}, {\"a\": 1.0}]",
        "p: must have each element once, [1] is there before",
    );
    check(
        json!({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}),
        "[\"a\", 1, \"b\"]",
        "p[2]: must be an integer, is the string \"b\"",
    );
    check(
        json!({"items": [{"type": "string"}], "additionalItems": false}),
        "[\"a\", 1]",
        "p[1]: is not allowed",
    );
    check(
        json!({"contains": {"const": 1}}),
        "[2]",
        "p: lacks an element that must be in it",
    );
    check(
        json!({"required": ["a", "b"], "minProperties": 1}),
        "{}",
        "p: needs \"a\" and \"b\"; p: must have at least 1 member, has 0",
    );
    check(
        json!({"properties": {"status": {}}, "additionalProperties": false}),
        "{\"statuss\": 1}",
        "p.statuss: there is no such member; did you mean \"status\"?\ntools.x.do_it(p={\"status\": 1})",
    );
    check(
        json!({"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": {"type": "string"}}),
        "{\"x-a\": 1, \"x b\": 2}",
        "p[\"x b\"]: must be a string, is the number 2\ntools.x.do_it(p={\"x-a\": 1, \"x b\": \"2\"})",
    );
    check(
        json!({"propertyNames": {"maxLength": 1}}),
        "{\"ab\": 1}",
        "p: must not have a member \"ab\"",
    );
    check(
        json!({"dependentRequired": {"a": ["b"]}}),
        "{\"a\": 1}",
        "p: needs \"b\" when \"a\" is given",
    );
    check(
        json!({"if": {"properties": {"kind": {"const": "file"}}, "required": ["kind"]}, "then": {"required": ["path"]}, "else": {"required": ["url"]}}),
        "{\"kind\": \"file\"}",
        "p: needs \"path\"",
    );
    check(
        json!({"not": {"type": "string"}}),
        "\"a\"",
        "p: is what it must not be: the string \"a\"",
    );
    check(
        json!({"oneOf": [{"type": "integer"}, {"minimum": 2}]}),
        "3",
        "p: fits 2 of the forms of which it must fit one",
    );
    check(
        json!({"$ref": "#/$defs/Tree"}),
        "{\"name\": \"a\", \"below\": [{\"name\": \"b\", \"below\": [{}]}]}",
        "p.below[0].below[0]: needs \"name\"",
    );
    check(json!({"$ref": "#/$defs/Loop"}), "1", "");
    check(json!({"$ref": "https://example.org/schema"}), "1", "");
}

#[test]
fn of_a_union_the_variant_that_was_meant_is_named() {
    #[track_caller]
    fn check(schema: Value, value: &str, expected: &str) {
        assert_eq!(refused(&schema, value), expected, "{schema} {value}");
    }
    check(
        json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        "\"17\"",
        "p: must be an integer or null, is the string \"17\"\ntools.x.do_it(p=17)",
    );
    check(
        json!({"anyOf": [{"const": "a"}, {"const": "b"}, {"enum": ["beta", null]}]}),
        "\"c\"",
        "p: must be one of \"a\", \"b\", \"beta\", null; is \"c\"",
    );
    check(
        json!({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}),
        "[1]",
        "p[0]: must be a string, is the number 1\ntools.x.do_it(p=[\"1\"])",
    );
    let shapes = json!({"oneOf": [
        {"properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}}, "required": ["kind", "radius"]},
        {"properties": {"kind": {"const": "square"}, "side": {"type": "number"}}, "required": ["kind", "side"]},
    ]});
    check(
        shapes.clone(),
        "{\"kind\": \"square\", \"side\": \"2\"}",
        "p.side: must be a number, is the string \"2\"\ntools.x.do_it(p={\"kind\": \"square\", \"side\": 2})",
    );
    check(
        shapes,
        "{}",
        "p: fits none of the 2 forms that it may have; in the nearest, needs \"kind\" and \"radius\"",
    );
}

#[test]
fn a_malformed_schema_refuses_nothing() {
    for schema in [
        json!({"type": "strange"}),
        json!({"type": 7, "enum": "a", "const": null, "pattern": 1, "required": "x"}),
        json!({"pattern": "("}),
        json!({"minimum": "1", "minLength": -1, "multipleOf": 0, "items": 5}),
        json!({"properties": [], "anyOf": {}, "not": 1, "if": "x", "dependentRequired": [1]}),
        json!({"$ref": 1}),
        json!({"$ref": "#/$defs/%zz"}),
    ] {
        let value = if schema.get("const").is_some() {
            "null"
        } else {
            "1"
        };
        assert_eq!(refused(&schema, value), "", "{schema}");
    }
}

#[test]
fn hostile_schemas_and_values_end_soon() {
    // Each level looks at the next one several times.
    let mut wide = json!({"type": "string"});
    for _ in 0..40 {
        wide = json!({"anyOf": [wide, {"allOf": [{"$ref": "#"}]}, {"not": {"$ref": "#"}}]});
    }
    assert_eq!(
        said(&the_tool(json!({"properties": {"p": wide}}), None), "1"),
        ""
    );
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let items = json!({"items": {"$ref": "#/$defs/Deep"}});
    let input = json!({"properties": {"p": items}, "$defs": {"Deep": items}});
    assert_eq!(said(&the_tool(input, None), &deep), "");
    let long = format!("[{}1]", "1,".repeat(200_000));
    let unique = json!({"uniqueItems": true});
    assert_eq!(
        refused(&unique, &long),
        "p: must have each element once, [1] is there before"
    );
    assert_eq!(
        refused(
            &json!({"pattern": "^(a+)+$"}),
            &format!("\"{}!\"", "a".repeat(30))
        ),
        "p: must match ^(a+)+$, is the string \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""
    );
}

#[test]
fn literals_in_the_text_are_validated_and_the_fix_keeps_the_rest() {
    let tool = the_tool(issue(), None);
    let found = checked(
        &tool,
        &[],
        &[
            ("owner", ("owner", None)),
            ("repo", ("names[0]", None)),
            ("issueNumber", ("'17'", Some("\"17\""))),
        ],
        false,
        Language::Python,
    );
    assert_eq!(
        found,
        "invalid_argument at issueNumber: issue_number: must be an integer, is the string \"17\"\n\
         tools.x.do_it(owner=owner, repo=names[0], issue_number=17)"
    );
    let found = checked(
        &tool,
        &[],
        &[("repo", ("7", Some("7")))],
        true,
        Language::TypeScript,
    );
    assert_eq!(
        found,
        "invalid_argument at repo: repo: must be a string, is the number 7"
    );
    // What may be there decides.
    let either = the_tool(
        json!({
            "properties": {"a": {}, "b": {}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        }),
        None,
    );
    let a = ("a", ("1", Some("1")));
    let b = ("b", ("x", None));
    let check =
        |named: &[(&str, Written)], open| checked(&either, &[], named, open, Language::TypeScript);
    assert_eq!(check(&[a, b], false), "");
    assert_eq!(check(&[a], true), "");
    assert_eq!(
        check(&[a, ("b", ("2", Some("2")))], true),
        "invalid_argument: do_it: fits 2 of the forms of which it must fit one"
    );
}

#[test]
fn a_server_whose_schema_is_wrong_can_be_called_all_the_same() {
    let tool = the_tool(json!({"properties": {"p": {"type": "integer"}}}), None);
    let value = RawValue::from_string("\"17\"".to_owned()).unwrap();
    let named = [("p".to_owned(), &*value)];
    let bind = |validation| {
        let bound = tool
            .bind(&[], &named, validation, Language::Python)
            .unwrap();
        (bound.json.get().to_owned(), bound.warning)
    };
    let sent = r#"{"p":"17"}"#.to_owned();
    assert_eq!(bind(Validation::Off), (sent.clone(), None));
    assert_eq!(
        bind(Validation::Warn),
        (
            sent,
            Some("p: must be an integer, is the string \"17\"".to_owned())
        )
    );
}
