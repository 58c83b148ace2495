//! The mistakes that models make most, and what the agent reads then.
//!
//! `mistakes.toml` holds them, each with the public thread it was seen in. A mistake is either
//! repaired, or answered by an error that says what to write instead; where the answer has a fix,
//! it is put in by machine and the program must run. What the agent reads is recorded: after a
//! change, `UPDATE_MISTAKES=1` writes it again, and the difference is read like code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use protocol::ErrorCode;
use serde::{Deserialize, Serialize};

use crate::place::{Agent, Place, fake};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mistake: Vec<Mistake>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    title: String,
    part: Part,
    language: String,
    /// A public thread in which a model made it.
    source: String,
    /// What that thread shows.
    shows: String,
    /// The program as a model writes it.
    code: String,
    /// What the agent should read in the end as the value, where the program has one at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    right: Option<String>,
    /// The mistake is none from this minor version of CPython 3 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_since: Option<u32>,
    reads: Reads,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Text,
    Calls,
    Arguments,
    Results,
    Language,
    Surroundings,
}

impl Part {
    const ALL: [Part; 6] = [
        Part::Text,
        Part::Calls,
        Part::Arguments,
        Part::Results,
        Part::Language,
        Part::Surroundings,
    ];

    fn heading(self) -> &'static str {
        match self {
            Part::Text => "The program's text",
            Part::Calls => "Which tool, and waiting for it",
            Part::Arguments => "Arguments",
            Part::Results => "Results",
            Part::Language => "The language",
            Part::Surroundings => "What is around a program",
        }
    }
}

/// What the agent reads, apart from ids, times, source lines and what was already done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Reads {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// What the first line says of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Reads {
    /// Whether this was recorded of what was read. A recorded text that ends in `…` goes on in any
    /// way: in words of the operating system, or for very long.
    fn is(&self, read: &Reads) -> bool {
        fn same(recorded: &mut Option<String>, read: &Option<String>) {
            if let (Some(beginning), Some(whole)) = (recorded.as_deref(), read)
                && beginning
                    .strip_suffix('…')
                    .is_some_and(|beginning| whole.starts_with(beginning))
            {
                recorded.clone_from(read);
            }
        }
        let mut recorded = self.clone();
        same(&mut recorded.message, &read.message);
        same(&mut recorded.value, &read.value);
        recorded == *read
    }
}

/// How a mistake is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// The program runs, and its value is the right one.
    Repaired,
    /// The error has a line to paste.
    Fix,
    /// The error says what to do.
    Hint,
    /// The error says only what happened.
    Error,
    /// The program runs, and its value is not the right one.
    Unnoticed,
}

impl Met {
    const ALL: [Met; 5] = [
        Met::Repaired,
        Met::Fix,
        Met::Hint,
        Met::Error,
        Met::Unnoticed,
    ];

    fn word(self) -> &'static str {
        match self {
            Met::Repaired => "repaired",
            Met::Fix => "answered with a fix",
            Met::Hint => "answered with a hint",
            Met::Error => "answered without a remedy",
            Met::Unnoticed => "unnoticed",
        }
    }
}

impl Mistake {
    fn met(&self) -> Met {
        match &self.reads {
            Reads { error: None, .. } if self.is_right(&self.reads) => Met::Repaired,
            Reads { about: Some(_), .. } => Met::Hint,
            Reads { error: None, .. } => Met::Unnoticed,
            Reads { fix: Some(_), .. } => Met::Fix,
            Reads { hint: Some(_), .. } => Met::Hint,
            // The nearest names and the signature are remedies like any hint.
            Reads {
                signature: Some(_), ..
            } => Met::Hint,
            Reads { message, .. }
                if message.as_ref().is_some_and(|it| it.contains("nearest: ")) =>
            {
                Met::Hint
            }
            Reads { .. } => Met::Error,
        }
    }

    /// Whether this answer holds what the program was meant to say.
    fn is_right(&self, reads: &Reads) -> bool {
        let right = self.right.as_deref();
        reads.error.is_none()
            && right.is_some()
            && [&reads.value, &reads.stdout]
                .iter()
                .any(|it| it.as_deref() == right)
    }
}

const HEAD: &str = "\
# The mistakes that models make most: `mistakes.rs` says how they are tested. `shows` is what the thread in `source`
# shows, `right` what the program was meant to say. What stands below `reads` is recorded:
# UPDATE_MISTAKES=1 cargo test --test cli -- mistakes::
# They call the issue tracker of `crates/testkit/src/tracker.rs`.

";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/mistakes.toml")
}

fn table() -> Table {
    toml::from_str(&std::fs::read_to_string(path()).unwrap())
        .unwrap_or_else(|error| panic!("mistakes.toml: {error}"))
}

/// An agent whose only server is the tracker, under the name that models know one by.
fn agent(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

fn place() -> Place {
    // What was learned would depend on which of them was made first.
    let settings = "[results]\nlearn = false\n";
    Place::new(&format!("{settings}{}", fake("github", &["--tracker"])))
}

#[test]
fn each_mistake_is_answered_as_recorded() {
    let place = place();
    let mut agent = agent(&place);
    let (minor, _) = agent.execute("python", "import sys; sys.version_info.minor");
    let minor: u32 = minor.lines().nth(1).unwrap().parse().unwrap();
    let mut table = table();
    let mut wrong = Vec::new();
    for mistake in &mut table.mistake {
        let (text, _) = agent.execute(&mistake.language, &mistake.code);
        let reads = Answer::read(&text).reads;
        if mistake.allowed_since.is_some_and(|since| minor >= since) {
            if !mistake.is_right(&reads) {
                wrong.push(format!("{}\n{text}", mistake.title));
            }
        } else if !mistake.reads.is(&reads) {
            wrong.push(format!(
                "{}\nrecorded: {:#?}\nread: {reads:#?}",
                mistake.title, mistake.reads
            ));
            mistake.reads = reads;
            if let Some(value) = &mut mistake.reads.value
                && let Some((end, _)) = value.char_indices().nth(200)
            {
                value.replace_range(end.., "…");
            }
        }
    }
    if std::env::var_os("UPDATE_MISTAKES").is_some() {
        let text = HEAD.to_owned() + &toml::to_string_pretty(&table).unwrap();
        std::fs::write(path(), text).unwrap();
        return;
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nIf this is better, write it down with: UPDATE_MISTAKES=1 cargo test --test cli -- mistakes::",
        wrong.join("\n\n")
    );
}

#[test]
fn each_fix_makes_its_program_run() {
    let place = place();
    let mut agent = agent(&place);
    let (mut fixed, mut wrong) = (0, Vec::new());
    for mistake in table().mistake {
        let mut code = mistake.code.clone();
        let (mut text, _) = agent.execute(&mistake.language, &code);
        // A fix may uncover the next mistake; that one has a fix, too.
        let mut fixes = 0;
        while let Answer {
            reads: Reads { fix: Some(fix), .. },
            place,
        } = Answer::read(&text)
            && fixes < 5
        {
            let Some(next) = place.and_then(|place| apply(&code, place, &fix)) else {
                break;
            };
            code = next;
            text = agent.execute(&mistake.language, &code).0;
            fixes += 1;
        }
        let reads = Answer::read(&text).reads;
        let right = mistake.right.is_none() || mistake.is_right(&reads);
        if (fixes > 0 || reads.fix.is_some()) && !(reads.error.is_none() && right) {
            wrong.push(format!("{}\n{code}\n{text}", mistake.title));
        }
        fixed += usize::from(fixes > 0);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(fixed > 0, "no answer has a fix");
}

#[test]
fn the_table_is_whole() {
    let table = table();
    assert!(table.mistake.len() >= 40, "{}", table.mistake.len());
    for language in ["python", "javascript"] {
        let of = |mistake: &&Mistake| mistake.language == language;
        assert!(table.mistake.iter().filter(of).count() >= 15, "{language}");
    }
    for (index, mistake) in table.mistake.iter().enumerate() {
        let same = |other: &Mistake| other.title == mistake.title || other.code == mistake.code;
        assert!(
            !table.mistake[..index].iter().any(same),
            "twice: {}",
            mistake.title
        );
        assert!(mistake.source.starts_with("https://"), "{}", mistake.title);
        assert!(!mistake.shows.is_empty(), "{}", mistake.title);
    }
}

/// Every code: what happened, and what to do.
const CODES: &[(ErrorCode, &str, &str)] = &[
    (
        ErrorCode::Syntax,
        "The text is no program of its language",
        "Correct the marked place; send one program and nothing around it",
    ),
    (
        ErrorCode::UnknownTool,
        "No server has a tool of this name",
        "Take one of the nearest names, or look with `search_tools`",
    ),
    (
        ErrorCode::UnknownParameter,
        "The tool has no parameter of this name",
        "Take the name that the message offers, or one of the signature",
    ),
    (
        ErrorCode::MissingArgument,
        "An argument that the tool requires is not there",
        "Add it; the signature has the types",
    ),
    (
        ErrorCode::InvalidArgument,
        "An argument's value is none that the tool's schema allows, or none that JSON can hold",
        "Pass a value of the type and range that the message names",
    ),
    (
        ErrorCode::AmbiguousArgument,
        "It is not clear which parameter an argument is for",
        "Pass arguments by name",
    ),
    (
        ErrorCode::NotAwaited,
        "A promise is used as if it were the result",
        "Write `await` before the call",
    ),
    (
        ErrorCode::UndefinedName,
        "The program uses a name that it does not define",
        "Define it in this program, or `load` what an earlier one has stored: variables of earlier runs are gone. \
         Tools are called by `tools.server.tool`",
    ),
    (
        ErrorCode::Import,
        "There is no such module",
        "Do without: there are Python's standard library and plain JavaScript; for services call tools",
    ),
    (
        ErrorCode::Exception,
        "The program raised an error and did not catch it",
        "Correct the program; do not repeat the writes that `already done` lists",
    ),
    (
        ErrorCode::ToolError,
        "The tool answered that it failed",
        "Change what the message complains of, or catch `ToolError`",
    ),
    (
        ErrorCode::UpstreamDown,
        "The server does not run, or its connection broke during the call",
        "Check what a write has done before repeating it; the user sees more with `toolmill doctor`",
    ),
    (
        ErrorCode::LoginNeeded,
        "The server refused access, or wants the user on one of its pages first",
        "Ask the user to log in, to visit the page that the error names, or to check the headers configured for it",
    ),
    (
        ErrorCode::ApprovalNeeded,
        "The call needs a human's approval, and nobody could be asked",
        "Tell the user the line that the message names",
    ),
    (
        ErrorCode::Denied,
        "A rule or a human forbids the call, or the program did what no program may",
        "Do without it",
    ),
    (
        ErrorCode::LimitTime,
        "The program used its own time up, or a tool did not answer in time",
        "Do less in one program, or raise `timeout_seconds`",
    ),
    (
        ErrorCode::LimitMemory,
        "The program used more memory than it may",
        "Work through the data in parts",
    ),
    (
        ErrorCode::LimitThreads,
        "The program had more threads than it may",
        "Start fewer; calls run in parallel by `asyncio.gather` too",
    ),
    (
        ErrorCode::LimitCalls,
        "The program made as many calls as it may",
        "End the loop; filter in the tool's arguments",
    ),
    (
        ErrorCode::LimitOutput,
        "The program printed, returned or received more than it may",
        "Return and ask for less: filter, count or slice",
    ),
    (
        ErrorCode::LimitWorkspace,
        "The program's files are larger or more than they may be",
        "Write less, and remove what is not needed",
    ),
    (
        ErrorCode::Busy,
        "As many programs run and wait as may",
        "Try again later",
    ),
    (
        ErrorCode::Sandbox,
        "The sandbox could not be set up, so nothing ran",
        "It is not the program's fault; the user sees why with `toolmill doctor`",
    ),
    (
        ErrorCode::Protocol,
        "A server or an interpreter sent what it may not",
        "Try another tool; the fault is the server's",
    ),
    (
        ErrorCode::Cancelled,
        "The run was cancelled",
        "Check what its writes have done before repeating them",
    ),
    (
        ErrorCode::Interrupted,
        "The gateway ended while the program ran",
        "Check what its writes have done before repeating them",
    ),
];

/// The codes and the mistakes, as Markdown.
fn document() -> String {
    let mut text = String::from(
        "# Errors\n\n\
         What an agent reads when its program cannot run or fails, and what it reads after the mistakes that models make\n\
         most. An error names its code, its place in the program and what happened; where there is one, a `hint` says what\n\
         to do instead, and a `fix` is a line to put in place of the call. `already done` lists the writes that were made\n\
         before.\n\n\
         This file is generated: `UPDATE_DOCS=1 cargo test --test cli -- mistakes::the_document` writes it.\n\n\
         ## Codes\n\n\
         The list is closed, and codes do not change.\n\n\
         | Code | What happened | What to do |\n|---|---|---|\n",
    );
    for (code, happened, remedy) in CODES {
        writeln!(text, "| `{code}` | {happened}. | {remedy}. |").unwrap();
    }
    let table = table();
    let of = |met: Met| table.mistake.iter().filter(|it| it.met() == met).count();
    let counts: Vec<String> = Met::ALL
        .into_iter()
        .filter(|met| of(*met) > 0)
        .map(|met| format!("{} {}", of(met), met.word()))
        .collect();
    write!(
        text,
        "\n## Mistakes\n\n\
         {} mistakes, each seen in a public thread:\n\
         {}.\n\
         *Repaired* means that the program runs and has the value that it was meant to have; *unnoticed*, that it runs and\n\
         has another. The programs are in `crates/cli/tests/cli/mistakes.toml`, and\n\
         `cargo test --test cli -- mistakes::` runs each, and again with its fix put in by machine.\n",
        table.mistake.len(),
        counts.join(", ")
    )
    .unwrap();
    for part in Part::ALL {
        write!(
            text,
            "\n### {}\n\n| Mistake | Language | Seen in | Met by |\n|---|---|---|---|\n",
            part.heading()
        )
        .unwrap();
        for mistake in table.mistake.iter().filter(|it| it.part == part) {
            let language = match &mistake.language[..] {
                "python" => "Python",
                _ => "JavaScript",
            };
            writeln!(
                text,
                "| {} | {language} | [{}]({}): {} | {} |",
                mistake.title.replace('|', "\\|"),
                thread(&mistake.source),
                mistake.source,
                mistake.shows.replace('|', "\\|"),
                mistake.lesson()
            )
            .unwrap();
        }
    }
    text
}

/// A thread's address as people write it: `owner/repository#7`, or the name of its site.
fn thread(source: &str) -> String {
    let parts: Vec<&str> = source.split('/').skip(2).collect();
    match parts[..] {
        ["github.com", owner, repository, "issues" | "pull", number] => {
            format!("{owner}/{repository}#{number}")
        }
        _ => parts[0].to_owned(),
    }
}

/// Text as code in a cell of a table.
fn code(text: &str) -> String {
    let text = text.replace('\n', " ").replace('|', "\\|");
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

impl Mistake {
    /// What the agent reads, for a cell of a table.
    fn lesson(&self) -> String {
        let reads = &self.reads;
        let mut lines = Vec::new();
        match &reads.error {
            Some(error) => lines.push(format!("`{error}`")),
            None => lines.push(self.met().word().to_owned()),
        }
        if let Some(minor) = self.allowed_since {
            lines.push(format!("(no mistake from Python 3.{minor} on)"));
        }
        let labelled = [
            ("", &reads.message),
            ("", &reads.about),
            ("hint: ", &reads.hint),
            ("fix: ", &reads.fix),
            ("signature: ", &reads.signature),
        ];
        for (label, words) in labelled {
            lines.extend(words.iter().map(|words| code(&format!("{label}{words}"))));
        }
        // What was observed of results is said whenever a value is empty.
        let notes = reads
            .notes
            .iter()
            .filter(|note| !note.starts_with("value is empty"));
        lines.extend(notes.map(|note| code(&format!("note: {note}"))));
        lines.join("<br>")
    }
}

#[test]
fn the_document_has_every_code_and_is_the_one_in_the_docs() {
    let described: Vec<ErrorCode> = CODES.iter().map(|(code, _, _)| *code).collect();
    assert_eq!(described, ErrorCode::ALL);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let text = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/errors.md is not the table; write it with: UPDATE_DOCS=1 cargo test --test cli -- mistakes::the_document"
    );
}

/// An answer as text, and the place that it marks.
struct Answer {
    reads: Reads,
    place: Option<Mark>,
}

/// Line, column and characters marked, in the program.
type Mark = (usize, usize, usize);

impl Answer {
    fn read(text: &str) -> Answer {
        let mut lines = text.lines().peekable();
        let status = lines.next().unwrap_or_default();
        let mut words = status.split_whitespace();
        let failed = match words.next() {
            Some("error") => true,
            Some("ok") => false,
            _ => panic!("no status: {text}"),
        };
        let mut reads = Reads::default();
        let mut place = None;
        if failed {
            reads.error = words.nth(1).map(str::to_owned);
            let number = |name: &str| -> Option<usize> {
                let rest = &status[status.find(name)? + name.len()..];
                rest.split([',', ' ']).next()?.parse().ok()
            };
            if let Some(line) = number(" · line ") {
                lines.next();
                let column = number(", column ").unwrap_or(1);
                let marks = lines.next_if(|line| line.trim_start().starts_with('|'));
                let width = marks.map_or(1, |marks| marks.matches('^').count());
                place = Some((line, column, width));
            }
        }
        if !failed {
            let of_run = |fact: &&str| fact.contains(" call") || fact.ends_with(" s");
            let about = status.split(" · ").skip(1).filter(|fact| !of_run(fact));
            reads.about = about.map(str::to_owned).reduce(|a, b| a + " · " + &b);
        }
        let mut body = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("--- ")) {
            let labels = [
                ("hint: ", &mut reads.hint),
                ("fix: ", &mut reads.fix),
                ("signature: ", &mut reads.signature),
                ("already done: ", &mut None),
                ("resume: ", &mut None),
            ];
            let labelled = labels
                .into_iter()
                .filter(|_| failed)
                .find_map(|(label, field)| Some((line.strip_prefix(label)?, field)));
            match labelled {
                Some((rest, field)) => *field = Some(rest.to_owned()),
                None => body.push(line),
            }
        }
        let body = (!body.is_empty()).then(|| body.join("\n"));
        if failed {
            reads.message = body;
        } else {
            reads.value = body;
        }
        while let Some(heading) = lines.next() {
            let mut section = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("--- ")) {
                section.push(line.to_owned());
            }
            match heading {
                "--- note" => reads.notes = section,
                "--- stdout" => reads.stdout = Some(section.join("\n")),
                other => panic!("a section that no test expects, {other}: {text}"),
            }
        }
        Answer { reads, place }
    }
}

/// The program with the fix put in: one that calls a tool, in place of the call around the mark;
/// another, in place of what is marked. The task bench does the same.
fn apply(code: &str, (line, column, width): Mark, fix: &str) -> Option<String> {
    let line_start: usize = code
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let in_line = |characters: usize| -> usize {
        let rest = code[line_start..].chars();
        rest.take(characters).map(char::len_utf8).sum()
    };
    let start = line_start + in_line(column - 1);
    let end = line_start + in_line(column - 1 + width);
    let call = fix.strip_prefix("await ").unwrap_or(fix);
    if !(call.starts_with("tools.") && call.ends_with(')')) {
        return Some(format!("{}{fix}{}", &code[..start], &code[end..]));
    }
    // The mark may begin with the call's `await`, which then stays.
    let start = start
        + if code[start..].starts_with("await ") {
            6
        } else {
            0
        };
    let (start, end) = calls(code)
        .into_iter()
        .filter(|(from, to)| (*from..*to).contains(&start))
        .min_by_key(|(from, to)| to - from)?;
    let awaited = code[..start].trim_end().ends_with("await");
    let fix = if awaited { call } else { fix };
    Some(format!("{}{fix}{}", &code[..start], &code[end..]))
}

/// Where calls begin and end in a program of either language, strings passed over.
fn calls(code: &str) -> Vec<(usize, usize)> {
    let bytes = code.as_bytes();
    let mut calls = Vec::new();
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            quote @ (b'"' | b'\'' | b'`') => {
                index += 1;
                while index < bytes.len() && bytes[index] != quote {
                    index += if bytes[index] == b'\\' { 2 } else { 1 };
                }
            }
            b'(' => {
                let name = code[..index]
                    .rfind(|c: char| !(c.is_alphanumeric() || "_$.".contains(c)))
                    .map_or(0, |before| {
                        before + code[before..].chars().next().map_or(1, char::len_utf8)
                    });
                open.push((name < index).then_some(name));
            }
            b')' => {
                if let Some(Some(start)) = open.pop() {
                    calls.push((start, index + 1));
                }
            }
            _ => {}
        }
        index += 1;
    }
    calls
}

#[test]
fn a_fix_goes_where_the_error_points() {
    let cases = [
        // The mark is the call.
        (
            "r = a.b(x=\"1)\")",
            (1, 5, 10),
            "tools.a.b(x=1)",
            "r = tools.a.b(x=1)",
        ),
        // The mark is where the call begins.
        (
            "\nlen(a.b(1))",
            (2, 5, 1),
            "tools.a.b(n=1)",
            "\nlen(tools.a.b(n=1))",
        ),
        // The mark is an argument.
        (
            "len(a.b(n=f))",
            (1, 9, 3),
            "tools.a.b(m=f)",
            "len(tools.a.b(m=f))",
        ),
        // The call is awaited already.
        (
            "f(await a.b(1))",
            (1, 3, 12),
            "await tools.a.b({n: 1})",
            "f(await tools.a.b({n: 1}))",
        ),
        // The fix calls no tool.
        (
            "é = x.title + 1",
            (1, 5, 7),
            "x[\"title\"]",
            "é = x[\"title\"] + 1",
        ),
        ("n = x.length", (1, 5, 8), "len(x)", "n = len(x)"),
    ];
    for (code, place, fix, expected) in cases {
        assert_eq!(apply(code, place, fix).as_deref(), Some(expected));
    }
}
