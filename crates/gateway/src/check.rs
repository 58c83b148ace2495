//! What can be said of a program's calls before it runs.
//!
//! The guest reads the calls from the program's text, and the host binds them by the rules of a real
//! call. Only one that is certainly made and certainly fails keeps a program from running; what would
//! fail if it were reached is said beside the answer, and what is made at run time is left to the
//! call itself.

use catalog::{Argument, Arguments, Catalog, DESTROYS, Language, Position, Tool, Validation};
use protocol::{Check, ErrorCode, Place, ProgramError, Repeats, Written, WrittenCall};

use crate::call::code_of_argument;

/// Notes that a program's text may add to its answer.
const MOST_NOTES: usize = 5;

/// What came of looking at a program's calls.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Why the program would certainly fail: the first such call in its text.
    pub(crate) error: Option<ProgramError>,
    notes: Vec<Note>,
    /// What would fail if it were reached.
    failures: Vec<ProgramError>,
    /// Where calls begin that are made once, or with the same values each time.
    unvarying: Vec<Place>,
}

#[derive(Debug)]
struct Note {
    line: u32,
    text: String,
}

impl Findings {
    /// Looks at the calls that a program's text makes. `validation` is that of a server's calls;
    /// `may_come` says of a path that its tool may be there when it is called, though it is not in the
    /// catalog; `signature` is that of a tool in an error.
    pub(crate) fn of(
        check: &Check,
        catalog: &Catalog,
        language: Language,
        validation: impl Fn(&str) -> Validation,
        may_come: impl Fn(&str) -> bool,
        signature: impl Fn(&Tool) -> String,
    ) -> Findings {
        let mut findings = Findings::default();
        let mut called: Vec<&str> = Vec::new();
        for call in &check.calls {
            let named = call.named.iter().map(|(_, argument)| argument);
            let mut written = call.positional.iter().chain(named);
            if call.certain || (!call.open && written.all(|argument| argument.value.is_some())) {
                findings.unvarying.push(call.place);
            }
            // Looking for what else was meant takes time, so nothing is looked at in vain.
            let mut is_error = call.certain && findings.error.is_none();
            if !is_error && findings.notes.len() == MOST_NOTES {
                continue;
            }
            let failure = match catalog.resolve(&call.path) {
                Ok(tool) => {
                    let validation = validation(tool.server());
                    let mut failure = failure(call, tool, validation, language);
                    if let Some(error) = &mut failure {
                        error.signature = Some(signature(tool));
                    }
                    match &failure {
                        None => findings.warn_of_repetition(call, tool),
                        Some(_) => {
                            is_error = is_error && fails_anyway(call, tool, validation, language);
                        }
                    }
                    failure
                }
                // Not a tool of a server: `search_tools` and what else the runtime has.
                Err(_) if !call.path.contains('.') || may_come(&call.path) => None,
                Err(unknown) => {
                    let meant = catalog.meant(&unknown);
                    // A call of the same server before it may bring the tool, unless it is a slip.
                    is_error = is_error && (meant.is_some() || !called.contains(&server_of(call)));
                    Some(ProgramError {
                        fix: meant.and_then(|tool| tool.call_text(&arguments(call), language)),
                        ..placed(ErrorCode::UnknownTool, unknown.message(), call.place)
                    })
                }
            };
            called.push(server_of(call));
            if let Some(error) = failure {
                if is_error {
                    findings.error = Some(error);
                    continue;
                }
                let mut text = error.message.clone();
                if let Some(fix) = &error.fix {
                    let between = if text.ends_with('?') { "" } else { ";" };
                    text.push_str(&format!("{between} fix: {fix}"));
                }
                findings.note(call.place.line, text);
                findings.failures.push(error);
            }
        }
        findings
    }

    /// Whether a call would fail, now or if it were reached.
    pub(crate) fn has_errors(&self) -> bool {
        self.error.is_some() || !self.failures.is_empty()
    }

    /// A loop may be meant to call, and to delete; the agent is told, and the program runs.
    fn warn_of_repetition(&mut self, call: &WrittenCall, tool: &Tool) {
        let path = tool.path();
        if call.repeats == Repeats::Endless {
            let text = format!("{path} is called in a loop that nothing in its text ends");
            self.note(call.place.line, text);
        } else if call.repeats == Repeats::Each && tool.effects() == Some(DESTROYS) {
            self.note(
                call.place.line,
                format!("{path} DESTROYS, and is called in a loop"),
            );
        }
    }

    fn note(&mut self, line: u32, text: String) {
        if self.notes.len() < MOST_NOTES && !self.notes.iter().any(|note| note.text == text) {
            self.notes.push(Note { line, text });
        }
    }

    /// Gives the error of a call that was made the fix that stands for all its rounds. What a call was
    /// given is what it was given once: pasted over a call in a loop or a function, or over one that
    /// the text does not name, it would be given every time.
    pub(crate) fn refine(&self, error: &mut ProgramError) {
        // The guest's own errors of arguments have fixes in the program's words.
        let is_of_call = error.code == ErrorCode::UnknownTool || error.signature.is_some();
        // One that was found in the text stands there already.
        if error.fix.is_none() || !is_of_call || self.error.is_some() {
            return;
        }
        let failure = self.failures.iter().find(|failure| {
            (failure.line, failure.code) == (error.line, error.code) && failure.fix.is_some()
        });
        if let Some(failure) = failure {
            *error = failure.clone();
        } else if !self
            .unvarying
            .iter()
            .any(|place| (Some(place.line), Some(place.column)) == (error.line, error.column))
        {
            error.fix = None;
        }
    }

    /// The notes to be shown beside a program's answer. What became its error is not said twice.
    pub(crate) fn notes(&self, error: Option<&ProgramError>) -> impl Iterator<Item = String> {
        let failed = error.and_then(|error| error.line);
        self.notes
            .iter()
            .filter(move |note| Some(note.line) != failed)
            .map(|note| format!("line {}: {}", note.line, note.text))
    }
}

fn server_of<'a>(call: &'a WrittenCall) -> &'a str {
    call.path.split('.').next().unwrap_or(&call.path)
}

/// Why a call of `tool` fails, if all its arguments are there.
fn failure(
    call: &WrittenCall,
    tool: &Tool,
    validation: Validation,
    language: Language,
) -> Option<ProgramError> {
    let error = tool.check(&arguments(call), validation, language).err()?;
    let argument = match error.argument {
        Some(Position::Positional(index)) => call.positional.get(index),
        Some(Position::Named(index)) => call.named.get(index).map(|(_, argument)| argument),
        None => None,
    };
    Some(ProgramError {
        fix: error.fix,
        ..placed(
            code_of_argument(error.code),
            error.message,
            argument.map_or(call.place, |argument| argument.place),
        )
    })
}

/// Whether a call fails even if those of its arguments that may be absent are.
fn fails_anyway(
    call: &WrittenCall,
    tool: &Tool,
    validation: Validation,
    language: Language,
) -> bool {
    let mut arguments = Arguments {
        open: call.open,
        ..Arguments::default()
    };
    for written in &call.positional {
        if written.may_be_absent {
            arguments.open = true;
        } else {
            arguments.positional.push(argument(written));
        }
    }
    for (name, written) in &call.named {
        if written.may_be_absent {
            arguments.open = true;
        } else {
            arguments.named.push((name, argument(written)));
        }
    }
    tool.check(&arguments, validation, language).is_err()
}

fn arguments<'a>(call: &'a WrittenCall) -> Arguments<'a> {
    let named = call.named.iter();
    Arguments {
        positional: call.positional.iter().map(argument).collect(),
        named: named
            .map(|(name, written)| (name.as_str(), argument(written)))
            .collect(),
        open: call.open,
    }
}

fn argument<'a>(written: &'a Written) -> Argument<'a> {
    Argument {
        text: written.text.as_deref(),
        value: written.value,
    }
}

fn placed(code: ErrorCode, message: String, place: Place) -> ProgramError {
    ProgramError {
        line: Some(place.line),
        column: Some(place.column),
        end_column: (place.end_column > place.column).then_some(place.end_column),
        ..ProgramError::new(code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let tools = serde_json::json!([
            {"name": "get_issue", "annotations": {"readOnlyHint": true}, "inputSchema": {
                "type": "object", "required": ["repo", "issue_number"], "properties": {
                    "repo": {"type": "string"}, "issue_number": {"type": "integer"}}}},
            {"name": "delete_branch", "annotations": {"destructiveHint": true}, "inputSchema": {
                "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
        ]);
        let tools: Vec<Box<serde_json::value::RawValue>> =
            serde_json::from_value(tools).expect("each is JSON");
        Catalog::new(vec![catalog::Server {
            name: "github".into(),
            tools,
            title: None,
            description: None,
        }])
    }

    /// What is found in a message of the guest, as lines.
    #[track_caller]
    fn check(calls: &str, expected: &[&str]) {
        let message = format!(r#"{{"calls":[{calls}]}}"#);
        let check: Check = serde_json::from_str(&message).unwrap();
        let found = Findings::of(
            &check,
            &catalog(),
            Language::Python,
            |_| Validation::Error,
            |path| path.starts_with("coming."),
            |tool| tool.signature(Language::Python, None),
        );
        let mut lines = Vec::new();
        if let Some(error) = &found.error {
            lines.push(format!(
                "{} at {}:{}: {}",
                error.code,
                error.line.unwrap(),
                error.column.unwrap(),
                error.message
            ));
            lines.extend(error.fix.iter().map(|fix| format!("fix: {fix}")));
        }
        lines.extend(found.notes(None));
        assert_eq!(lines, expected);
    }

    const PLACE: &str = r#""line":3,"column":5,"end_column":40"#;

    #[test]
    fn what_certainly_fails_is_an_error_at_its_argument() {
        let number = r#"["number",{"text":"n","line":3,"column":30,"end_column":38}]"#;
        let repo = r#"["repo",{"text":"name","line":3,"column":20,"end_column":29}]"#;
        let call = |certain: bool, path: &str, named: &str| {
            format!(r#"{{"path":"{path}",{PLACE},"certain":{certain},"named":[{named}]}}"#)
        };
        let renamed = format!("{repo},{number}");
        let wrong = "get_issue has no parameter \"number\"; did you mean \"issue_number\"?";
        let fix = "tools.github.get_issue(repo=name, issue_number=n)";
        check(
            &call(true, "github.get_issue", &renamed),
            &[
                &format!("unknown_parameter at 3:30: {wrong}"),
                &format!("fix: {fix}"),
            ],
        );
        // The same call where it may not be reached does not keep the program from running.
        check(
            &call(false, "github.get_issue", &renamed),
            &[&format!("line 3: {wrong} fix: {fix}")],
        );
        check(
            &call(true, "github.get_issue", repo),
            &["missing_argument at 3:5: get_issue needs \"issue_number\""],
        );
        let whole = format!(
            r#"{repo},["issue_number",{{"text":"n","line":3,"column":30,"end_column":38}}]"#
        );
        check(
            &call(true, "gitlab.get_isue", &whole),
            &[
                "unknown_tool at 3:5: no tool \"gitlab.get_isue\"; nearest: tools.github.get_issue; servers: github",
                &format!("fix: {fix}"),
            ],
        );
        check(&call(true, "coming.get_issue", &whole), &[]);
        check(&call(true, "search_tools", ""), &[]);
        check(&call(true, "github.get_issue", &whole), &[]);
        // The first is the error, the second is said beside it.
        check(
            &format!(
                "{},{}",
                call(true, "github.get_issue", repo),
                call(true, "github.nothing", "")
            ),
            &[
                "missing_argument at 3:5: get_issue needs \"issue_number\"",
                "line 3: no tool \"github.nothing\"",
            ],
        );
    }

    #[test]
    fn arguments_that_cannot_be_read_may_hold_what_is_missing() {
        check(
            &format!(r#"{{"path":"github.get_issue",{PLACE},"certain":true,"open":true}}"#),
            &[],
        );
    }

    #[test]
    fn an_argument_that_may_be_absent_makes_nothing_certain() {
        let call = |may_be_absent: bool| {
            format!(
                r#"{{"path":"github.get_issue",{PLACE},"certain":true,"named":[
                    ["repo",{{"text":"r",{PLACE}}}],["issue_number",{{"text":"n",{PLACE}}}],
                    ["colour",{{"text":"c","may_be_absent":{may_be_absent},{PLACE}}}]]}}"#
            )
        };
        let wrong = "get_issue has no parameter \"colour\"";
        check(
            &call(false),
            &[&format!("unknown_parameter at 3:5: {wrong}")],
        );
        check(&call(true), &[&format!("line 3: {wrong}")]);
    }

    #[test]
    fn loops_are_warned_of() {
        let call = |path: &str, name: &str, repeats: &str| {
            format!(
                r#"{{"path":"{path}",{PLACE},"certain":false,"repeats":"{repeats}","named":[
                    ["{name}",{{"text":"x",{PLACE}}}],["issue_number",{{"text":"y",{PLACE}}}]]}}"#
            )
        };
        check(&call("github.get_issue", "repo", "each"), &[]);
        check(
            &call("github.get_issue", "repo", "endless"),
            &["line 3: github.get_issue is called in a loop that nothing in its text ends"],
        );
        check(
            &format!(
                r#"{{"path":"github.delete_branch",{PLACE},"repeats":"each","named":[["name",{{{PLACE}}}]]}}"#
            ),
            &["line 3: github.delete_branch DESTROYS, and is called in a loop"],
        );
    }

    #[test]
    fn a_fix_in_a_loop_has_the_program_s_own_words() {
        let refined = |argument: &str| {
            let message = format!(
                r#"{{"calls":[{{"path":"github.get_issue",{PLACE},"repeats":"each","named":[
                    ["repo",{{"text":"r",{PLACE}}}],{argument}]}}]}}"#
            );
            let check: Check = serde_json::from_str(&message).unwrap();
            let found = Findings::of(
                &check,
                &catalog(),
                Language::Python,
                |_| Validation::Error,
                |_| false,
                |tool| tool.signature(Language::Python, None),
            );
            let mut error = ProgramError {
                line: Some(3),
                column: Some(5),
                fix: Some("tools.github.get_issue(repo=\"a\", issue_number=1)".into()),
                signature: Some("tools.github.get_issue(repo: str, issue_number: int)".into()),
                ..ProgramError::new(ErrorCode::UnknownParameter, "no parameter")
            };
            found.refine(&mut error);
            error.fix
        };
        assert_eq!(
            refined(&format!(r#"["number",{{"text":"n",{PLACE}}}]"#)).as_deref(),
            Some("tools.github.get_issue(repo=r, issue_number=n)")
        );
        // What is wrong shows only in the values: they are those of one round.
        assert_eq!(
            refined(&format!(r#"["issue_number",{{"text":"n",{PLACE}}}]"#)),
            None
        );
    }

    #[test]
    fn what_ended_the_program_is_not_said_twice() {
        let message = format!(r#"{{"calls":[{{"path":"github.nothing",{PLACE}}}]}}"#);
        let check: Check = serde_json::from_str(&message).unwrap();
        let found = Findings::of(
            &check,
            &catalog(),
            Language::Python,
            |_| Validation::Error,
            |_| false,
            |tool| tool.signature(Language::Python, None),
        );
        assert_eq!(found.notes(None).count(), 1);
        let at_call = ProgramError {
            line: Some(3),
            ..ProgramError::new(ErrorCode::UnknownTool, "no tool")
        };
        assert_eq!(found.notes(Some(&at_call)).count(), 0);
    }
}
