//! What servers, programs and files say at a terminal: it obeys none of it, and a pipe gets all of it.

use std::time::Duration;

use serde_json::json;

use crate::place::{Place, at_terminal};

/// A title, a colour, a control of one character, a reversal, a deletion and a bell.
const HOSTILE: &str = "V\u{1b}]0;PWNED\u{7}\u{1b}[31mRED\u{9b}X\u{202e}\u{7f}\r!\n\te\u{301}nd";
const SHOWN: &str = r"V\u{1b}]0;PWNED\u{7}\u{1b}[31mRED\u{9b}X\u{202e}\u{7f}\r!";
/// What follows it, as a terminal ends lines.
const REST: &str = "\r\n\te\u{301}nd";

/// What a command shows at a terminal.
fn shown(place: &Place, arguments: &[&str]) -> String {
    let command = place.command(arguments);
    let output = at_terminal(&command, 200, Duration::ZERO, &[])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_terminal_obeys_nothing_that_others_say() {
    let place = Place::with_fake();
    let arguments = json!({"text": HOSTILE}).to_string();
    let failing = json!({"message": HOSTILE}).to_string();
    let text = json!(HOSTILE).to_string();
    let programs = [
        ("value.py", format!("tools.fake.echo(text={text})")),
        ("error.py", format!("tools.fake.fail(message={text})")),
        ("raised.ts", format!("throw new Error({text})")),
        ("printed.py", format!("print({text})")),
        (
            "stderr.py",
            format!("import sys\nprint({text}, file=sys.stderr)"),
        ),
        ("keep.py", format!("tools.fake.echo.keep(text={text})")),
    ];
    for (name, code) in &programs {
        place.write(&format!("work/{name}"), code);
    }
    let cases: &[&[&str]] = &[
        &["call", "fake.echo", &arguments],
        &["call", "fake.fail", &failing],
        &["call", HOSTILE],
        &["run", "value.py"],
        &["run", "error.py"],
        &["run", "raised.ts"],
        &["run", "printed.py"],
        &["run", "stderr.py"],
        &["run", HOSTILE],
        &["run", "--session", "s_kept", "keep.py"],
        &["results", "r_1"],
        &["results", "r_1", "--json"],
        &["forget", HOSTILE],
        &["trace", HOSTILE],
    ];
    for arguments in cases {
        let shown = shown(&place, arguments);
        let hidden = |letter: char| letter.is_control() && !"\r\n\t".contains(letter);
        assert!(
            !shown.contains(|letter| hidden(letter) || letter == '\u{202e}')
                && !shown.contains("\r!"),
            "{arguments:?}: {shown:?}"
        );
        let is_kept = arguments.contains(&"keep.py");
        assert!(
            is_kept || shown.contains("PWNED"),
            "{arguments:?}: {shown:?}"
        );
    }
    let whole = format!("{SHOWN}{REST}");
    assert_eq!(shown(&place, &["run", "value.py"]), format!("{whole}\r\n"));
    assert_eq!(
        shown(&place, &["call", "fake.echo", &arguments]),
        format!("{whole}\r\n")
    );
    // Whoever reads a pipe asked for the bytes.
    for arguments in [
        &["run", "value.py"][..],
        &["run", "printed.py"],
        &["call", "fake.echo", &arguments],
    ] {
        let output = place.output(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, format!("{HOSTILE}\n"), "{arguments:?}");
    }
}
