//! A human at this terminal is asked what a program, a call or a server waits for.
//!
//! What programs and servers wrote is shown as [`asking::line`] makes it, and cut into pieces that
//! each begin behind our own indentation: however a terminal breaks lines, none begins with a word
//! that is not ours.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

use gateway::asking;
use gateway::form::{Field, Form, Kind};
use gateway::suspended::{Ask, Elicitation, ParkedCall, Reply, Suspended, Wanted};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value};

/// Of so many calls each is asked about by itself; of more, their numbers are asked for.
const FEW: usize = 8;
/// How often a field is asked for again when what was typed does not fit.
const TRIES: usize = 5;
const NAME: usize = 120;
const LONG: usize = 4_000;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Human {
    /// Whoever wrote `--yes`, to every call.
    Yes,
    /// Whoever sits here.
    Terminal,
}

impl Human {
    /// None where nobody can be asked: standard input or error is no terminal.
    pub(crate) fn here(yes: bool) -> Option<Human> {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        match (yes, terminal) {
            (true, _) => Some(Human::Yes),
            (false, true) => Some(Human::Terminal),
            (false, false) => None,
        }
    }
}

/// Waits for `work`, and has its questions answered meanwhile.
pub(crate) async fn answered<T>(
    human: Option<Human>,
    suspended: Option<Arc<Suspended>>,
    work: impl Future<Output = T>,
) -> T {
    let (Some(human), Some(suspended)) = (human, suspended) else {
        return work.await;
    };
    let answering = async {
        let mut questions = suspended.question();
        loop {
            let question = match questions.wait_for(Option::is_some).await {
                Ok(question) => question.clone(),
                Err(_) => None,
            };
            let Some(question) = question else {
                return std::future::pending().await;
            };
            let replies = match human {
                Human::Yes => approve(&question.asks),
                Human::Terminal => {
                    let shown = question.clone();
                    // Abandoned when the work ends: the process ends with it.
                    let mut terminal = Terminal { may_leave: false };
                    tokio::task::spawn_blocking(move || ask(&mut terminal, &shown.asks))
                        .await
                        .ok()
                        .flatten()
                        .unwrap_or_default()
                }
            };
            // One that has been answered meanwhile, or has had its time, needs no answer.
            let _ = suspended.answer(question.number, replies);
        }
    };
    tokio::select! {
        outcome = work => outcome,
        () = answering => unreachable!("questions are answered for ever"),
    }
}

/// Allows every call, and says so.
fn approve(asks: &[Ask]) -> Vec<(usize, Reply)> {
    let mut tools: BTreeMap<&str, usize> = BTreeMap::new();
    let mut replies = Vec::new();
    for (at, ask) in asks.iter().enumerate() {
        if let Ask::Approval(call) = ask {
            *tools.entry(&call.tool).or_default() += 1;
            replies.push((at, Reply::Allow { always: false }));
        }
    }
    let tools: Vec<String> = tools
        .iter()
        .map(|(tool, count)| format!("{} ×{count}", asking::line(tool, NAME)))
        .collect();
    if !tools.is_empty() {
        eprintln!("approved by --yes: {}", tools.join(", "));
    }
    replies
}

/// Where a human reads and types.
pub(crate) trait Talk {
    /// How many letters a line holds.
    fn width(&self) -> usize;
    /// Whether a question may be left open for later.
    fn may_leave(&self) -> bool;
    fn say(&mut self, text: &str);
    /// What is typed after a prompt; nothing when there is no more.
    fn read(&mut self, prompt: &str) -> Option<String>;
}

pub(crate) struct Terminal {
    pub(crate) may_leave: bool,
}

impl Talk for Terminal {
    fn width(&self) -> usize {
        rustix::termios::tcgetwinsize(std::io::stderr())
            .ok()
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width > 0)
            .unwrap_or(80)
    }

    fn may_leave(&self) -> bool {
        self.may_leave
    }

    fn say(&mut self, text: &str) {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    fn read(&mut self, prompt: &str) -> Option<String> {
        let mut line = String::new();
        // What was typed before the question was there is no answer to it.
        let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
        let mut error = std::io::stderr().lock();
        error.write_all(prompt.as_bytes()).ok()?;
        error.flush().ok()?;
        match std::io::stdin().lock().read_line(&mut line) {
            Ok(1..) => Some(line.trim().to_owned()),
            Ok(0) | Err(_) => None,
        }
    }
}

/// Asks all of a question. What cannot be read is no; none when the human leaves the question open.
pub(crate) fn ask(talk: &mut dyn Talk, asks: &[Ask]) -> Option<Vec<(usize, Reply)>> {
    let mut replies = Vec::new();
    let calls: Vec<(usize, &ParkedCall)> = asks
        .iter()
        .enumerate()
        .filter_map(|(at, ask)| match ask {
            Ask::Approval(call) => Some((at, call)),
            Ask::Elicitation(_) => None,
        })
        .collect();
    if !calls.is_empty() {
        replies.extend(approvals(talk, &calls)?);
    }
    for (at, ask) in asks.iter().enumerate() {
        if let Ask::Elicitation(elicitation) = ask {
            replies.push((at, elicit(talk, elicitation)?));
        }
    }
    Some(replies)
}

fn approvals(talk: &mut dyn Talk, calls: &[(usize, &ParkedCall)]) -> Option<Vec<(usize, Reply)>> {
    talk.say(&match calls.len() {
        1 => "\nthis call waits for your approval; nothing is sent before it:\n".to_owned(),
        count => {
            format!("\nthese {count} calls wait for your approval; nothing is sent before it:\n")
        }
    });
    for (number, (_, call)) in calls.iter().enumerate() {
        let text = shown(number + 1, call, talk.width());
        talk.say(&text);
    }
    let allow = |always| Reply::Allow { always };
    let many = calls.len() > 1;
    let prompt = match many {
        false => "send it? [y]es, [a]lways from now on, [N]o",
        true => "send them? [y]es, all of them, [s]ome of them, [N]o, none",
    };
    let answer = choose(talk, prompt)?;
    Some(match &answer[..] {
        "y" | "yes" => calls.iter().map(|(at, _)| (*at, allow(false))).collect(),
        "a" | "always" if !many => vec![(calls[0].0, allow(true))],
        "s" | "some" if many => some(talk, calls)?,
        _ => Vec::new(),
    })
}

/// What a human chooses, in lower case; none when the question is left open.
fn choose(talk: &mut dyn Talk, prompt: &str) -> Option<String> {
    let may_leave = talk.may_leave();
    let leave = match may_leave {
        true => ", [q]uit and leave it open",
        false => "",
    };
    let chosen = talk.read(&format!("{prompt}{leave}: "))?.to_lowercase();
    (!may_leave || !matches!(&chosen[..], "q" | "quit")).then_some(chosen)
}

/// Asks which of many calls may be sent.
fn some(talk: &mut dyn Talk, calls: &[(usize, &ParkedCall)]) -> Option<Vec<(usize, Reply)>> {
    if calls.len() <= FEW {
        let mut replies = Vec::new();
        for (number, (at, call)) in calls.iter().enumerate() {
            let tool = asking::line(&call.tool, NAME);
            let prompt = format!(
                "{}. {tool}: [y]es, [a]lways from now on, [N]o: ",
                number + 1
            );
            match &talk.read(&prompt)?.to_lowercase()[..] {
                "y" | "yes" => replies.push((*at, Reply::Allow { always: false })),
                "a" | "always" => replies.push((*at, Reply::Allow { always: true })),
                _ => {}
            }
        }
        return Some(replies);
    }
    for _ in 0..TRIES {
        let typed = talk.read("numbers of the calls to send, such as 1 3-5: ")?;
        match asking::numbers(&typed, calls.len()) {
            Ok(numbers) => {
                let chosen = numbers.iter().map(|number| calls[number - 1]);
                let tools: std::collections::BTreeSet<&str> =
                    chosen.clone().map(|(_, call)| &call.tool[..]).collect();
                let always = !tools.is_empty() && {
                    let tools: Vec<String> =
                        tools.iter().map(|tool| asking::line(tool, NAME)).collect();
                    let prompt = format!(
                        "never ask again for {}? [y]es, [N]o, only these calls: ",
                        tools.join(", ")
                    );
                    matches!(&talk.read(&prompt)?.to_lowercase()[..], "y" | "yes")
                };
                return Some(
                    chosen
                        .map(|(at, _)| (at, Reply::Allow { always }))
                        .collect(),
                );
            }
            Err(problem) => talk.say(&format!("{problem}\n")),
        }
    }
    Some(Vec::new())
}

/// A call as a person reads it.
fn shown(number: usize, call: &ParkedCall, width: usize) -> String {
    let name = |text: &str| asking::line(text, NAME);
    let mut text = block(
        &format!("  {number}. "),
        &format!("{} of server {}", name(&call.tool), name(&call.server)),
        width,
    );
    text += &block("     sends: ", &call.arguments, width);
    if let Some(whole) = &call.whole {
        let cut = format!("(cut; all {} bytes are kept as {whole})", call.bytes);
        text += &block("            ", &cut, width);
    }
    for (line, code) in &call.lines {
        text += &block(&format!("     line {line}: "), code, width);
    }
    text + &block("     asked because: ", &call.reason, width)
}

/// Somebody's text behind a label of ours, as many lines as it takes, each behind as many blanks.
pub(crate) fn block(label: &str, text: &str, width: usize) -> String {
    let indent = label.chars().count();
    let room = width.saturating_sub(indent + 1).max(20);
    let mut block = label.to_owned();
    let mut used = 0;
    for c in asking::line(text, LONG).chars() {
        // Many letters beyond these take two places.
        let places = if c >= '\u{1100}' { 2 } else { 1 };
        if used + places > room {
            block.push('\n');
            block.extend(std::iter::repeat_n(' ', indent));
            used = 0;
        }
        block.push(c);
        used += places;
    }
    block + "\n"
}

/// Asks what a server wants to know.
fn elicit(talk: &mut dyn Talk, elicitation: &Elicitation) -> Option<Reply> {
    let width = talk.width();
    talk.say(&format!(
        "\nserver {} asks, in the middle of a call; these are its words:\n",
        asking::line(&elicitation.server, NAME)
    ));
    for words in asking::server_words(&elicitation.message) {
        talk.say(&block("  > ", &words, width));
    }
    match &elicitation.wanted {
        Wanted::Visit { url } => {
            talk.say(&block("  it wants you to visit: ", url, width));
            talk.say(&block("  which is a page of: ", &asking::host(url), width));
            let prompt = "go there in your browser, then: [y]es, done, [d]ecline, [N]o answer";
            Some(match &choose(talk, prompt)?[..] {
                "y" | "yes" => Reply::Accept(to_raw_value(&Map::new()).expect("an object is JSON")),
                "d" | "decline" => Reply::Decline,
                _ => Reply::Cancel,
            })
        }
        Wanted::Form(schema) => {
            let Ok(form) = Form::read(schema.get()) else {
                talk.say("its form cannot be shown here; declined\n");
                return Some(Reply::Decline);
            };
            let prompt = format!(
                "fill in its form of {} field{}, which is sent to it? [y]es, [d]ecline, [N]o answer",
                form.fields.len(),
                if form.fields.len() == 1 { "" } else { "s" }
            );
            match &choose(talk, &prompt)?[..] {
                "y" | "yes" => {}
                "d" | "decline" => return Some(Reply::Decline),
                _ => return Some(Reply::Cancel),
            }
            let mut values = Map::new();
            for field in &form.fields {
                match fill_in(talk, field)? {
                    Filled::With(value) => {
                        values.insert(field.name.clone(), value);
                    }
                    Filled::Left => {}
                    Filled::GivenUp => return Some(Reply::Cancel),
                }
            }
            let values = to_raw_value(&values).expect("an object is JSON");
            Some(Reply::Accept(values))
        }
    }
}

enum Filled {
    With(Value),
    Left,
    GivenUp,
}

fn fill_in(talk: &mut dyn Talk, field: &Field) -> Option<Filled> {
    let width = talk.width();
    let title = field.title.as_ref().unwrap_or(&field.name);
    talk.say(&block("  field: ", title, width));
    if field.title.is_some() {
        talk.say(&block("    named: ", &field.name, width));
    }
    if let Some(description) = &field.description {
        talk.say(&block("    its words: ", description, width));
    }
    let choices = match &field.kind {
        Kind::One(choices) | Kind::Many { choices, .. } => &choices[..],
        _ => &[],
    };
    for (at, choice) in choices.iter().enumerate() {
        talk.say(&block(&format!("    {}. ", at + 1), &choice.title, width));
    }
    if let Some(default) = &field.default {
        talk.say(&block("    it proposes: ", &default.to_string(), width));
    }
    let wanted = match &field.kind {
        Kind::Text {
            format: Some(format),
            ..
        } => format!("text, {}", asking::line(format, 20)),
        Kind::Text { .. } => "text".to_owned(),
        Kind::Number { whole: true, .. } => "whole number".to_owned(),
        Kind::Number { .. } => "number".to_owned(),
        Kind::YesNo => "y or n".to_owned(),
        Kind::One(_) => "a number from above".to_owned(),
        Kind::Many { .. } => "numbers from above".to_owned(),
    };
    let empty = match (&field.default, field.required) {
        (Some(_), _) => ", empty for what it proposes",
        (None, true) => ", required",
        (None, false) => ", may be empty",
    };
    for _ in 0..TRIES {
        let typed = talk.read(&format!("    {wanted}{empty}: "))?;
        if typed.is_empty()
            && let Some(default) = &field.default
        {
            return Some(Filled::With(default.clone()));
        }
        match field.value(&typed) {
            Ok(Some(value)) => return Some(Filled::With(value)),
            Ok(None) => return Some(Filled::Left),
            Err(problem) => talk.say(&format!("    {problem}\n")),
        }
    }
    Some(Filled::GivenUp)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    /// A human who types these, and what they read.
    struct Scripted {
        typed: Vec<&'static str>,
        read: String,
    }

    impl Talk for Scripted {
        fn width(&self) -> usize {
            60
        }

        fn may_leave(&self) -> bool {
            true
        }

        fn say(&mut self, text: &str) {
            self.read.push_str(text);
        }

        fn read(&mut self, prompt: &str) -> Option<String> {
            self.read.push_str(prompt);
            if self.typed.is_empty() {
                return None;
            }
            let typed = self.typed.remove(0);
            self.read.push_str(&format!("{typed}⏎\n"));
            Some(typed.to_owned())
        }
    }

    fn call(tool: &str, arguments: &str) -> Ask {
        Ask::Approval(ParkedCall {
            number: 1,
            server: "github".into(),
            tool: tool.into(),
            arguments: arguments.into(),
            brief: arguments.into(),
            bytes: arguments.len() as u64,
            whole: None,
            lines: vec![(2, "tools.github.x()".into())],
            reason: "its server marks it destructive".into(),
        })
    }

    fn form(schema: Value) -> Ask {
        Ask::Elicitation(Elicitation {
            server: "crm".into(),
            message: "Who?\n\u{1b}[2Jsend it? [y]es".into(),
            wanted: Wanted::Form(RawValue::from_string(schema.to_string()).unwrap()),
        })
    }

    /// The replies as text, and what was read.
    fn asked(asks: &[Ask], typed: &[&'static str]) -> (String, String) {
        let mut scripted = Scripted {
            typed: typed.to_vec(),
            read: String::new(),
        };
        let replies = ask(&mut scripted, asks).map_or_else(
            || "left open".to_owned(),
            |replies| serde_json::to_string(&replies).unwrap(),
        );
        (replies, scripted.read)
    }

    #[test]
    fn calls_are_allowed_by_a_clear_yes_alone() {
        let one = [call("github.x", "{}")];
        let two = [call("github.x", "{}"), call("github.y", "{}")];
        let nine: Vec<Ask> = (0..9).map(|_| call("github.x", "{}")).collect();
        const ONCE: &str = r#"{"allow":{"always":false}}"#;
        const ALWAYS: &str = r#"{"allow":{"always":true}}"#;
        for (asks, typed, expected) in [
            (&one[..], &["y"][..], &[(0, ONCE)][..]),
            (&one, &["A"], &[(0, ALWAYS)]),
            (&one, &[""], &[]),
            (&one, &["sure"], &[]),
            (&one, &["s"], &[]),
            (&two, &["a"], &[]),
            (&two, &["yes"], &[(0, ONCE), (1, ONCE)]),
            (&two, &["s", "n", "y"], &[(1, ONCE)]),
            (&two, &["s", "a", ""], &[(0, ALWAYS)]),
            (&nine, &["s", "1, 3", "n"], &[(0, ONCE), (2, ONCE)]),
            (
                &nine,
                &["s", "10", "two", "2-3", "y"],
                &[(1, ALWAYS), (2, ALWAYS)],
            ),
            (&nine, &["s", ""], &[]),
            (&nine, &["s", "x", "x", "x", "x", "x"], &[]),
        ] {
            let replies: Vec<String> = expected
                .iter()
                .map(|(at, reply)| format!("[{at},{reply}]"))
                .collect();
            let expected = format!("[{}]", replies.join(","));
            assert_eq!(asked(asks, typed).0, expected, "{typed:?}");
        }
        for (asks, typed) in [
            (&one[..], &["q"][..]),
            (&one, &[]),
            (&two, &["s", "y"]),
            (&nine, &["s", "1"]),
        ] {
            assert_eq!(asked(asks, typed).0, "left open", "{typed:?}");
        }
    }

    #[test]
    fn a_form_is_filled_in_field_by_field() {
        let schema = serde_json::json!({"type": "object", "required": ["name", "size"], "properties": {
            "name": {"type": "string", "title": "Name\n", "minLength": 2},
            "age": {"type": "integer"},
            "size": {"type": "string", "enum": ["s", "l"]},
            "sure": {"type": "boolean", "default": true},
        }});
        let asks = [form(schema)];
        let (replies, read) = asked(&asks, &["y", "", "A", "Ada L", "", "2", ""]);
        assert_eq!(
            replies,
            r#"[[0,{"accept":{"name":"Ada L","size":"l","sure":true}}]]"#
        );
        insta::assert_snapshot!(read, @r#"
    server crm asks, in the middle of a call; these are its words:
      > Who?
      > \u001b[2Jsend it? [y]es
    fill in its form of 4 fields, which is sent to it? [y]es, [d]ecline, [N]o answer, [q]uit and leave it open: y⏎
      field: Name\u000a
        named: name
        text, required: ⏎
        it is required
        text, required: A⏎
        has 1 characters; at least 2
        text, required: Ada L⏎
      field: age
        whole number, may be empty: ⏎
      field: size
        1. s
        2. l
        a number from above, required: 2⏎
      field: sure
        it proposes: true
        y or n, empty for what it proposes: ⏎
    "#);
        for (typed, expected) in [
            (&["d"][..], r#"[[0,"decline"]]"#),
            (&[""], r#"[[0,"cancel"]]"#),
            (&["q"], "left open"),
            (&["y", "", "", "", "", ""], r#"[[0,"cancel"]]"#),
            (&["y", "Ada"], "left open"),
        ] {
            assert_eq!(asked(&asks, typed).0, expected, "{typed:?}");
        }
    }

    #[test]
    fn no_line_begins_with_what_is_not_ours() {
        let arguments = format!(
            r#"{{"text": "{}\n2. github.read of server github\u202e 漢字{}"}}"#,
            " ".repeat(200),
            "xy".repeat(100)
        );
        let (_, read) = asked(&[call("github.x\n2. github.y", &arguments)], &["n"]);
        insta::assert_snapshot!(read, @r#"
    this call waits for your approval; nothing is sent before it:
      1. github.x\u000a2. github.y of server github
         sends: {"text": " ⟨200 blanks⟩ \n2. github.read of s
                erver github\u202e 漢字xyxyxyxyxyxyxyxyxyxyxyxy
                xyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyx
                yxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxy
                xyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyx
                yxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxy"}
         line 2: tools.github.x()
         asked because: its server marks it destructive
    send it? [y]es, [a]lways from now on, [N]o, [q]uit and leave it open: n⏎
    "#);
        assert!(read.lines().all(|line| line.chars().count() < 130));
    }
}
