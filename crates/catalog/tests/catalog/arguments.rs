//! What is said of arguments before they are sent.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use toolmill_catalog::{Argument, Arguments, Language, Position, Tool};

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
    match tool.check(&arguments, language) {
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
