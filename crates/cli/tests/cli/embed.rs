//! The gateway as part of another program: the example `embed`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::place::Place;

#[test]
fn a_program_that_holds_the_gateway_runs_others_with_and_without_guests_that_wait() {
    let examples = Path::new(env!("CARGO_BIN_EXE_toolmill")).with_file_name("examples");
    let programs = [
        ("python", "tools.bench.echo(text='a')"),
        ("javascript", "await tools.bench.echo({text: 'a'})"),
        ("python", "1 / 0"),
    ];
    for mode in ["ready", "on-demand"] {
        let place = Place::new("");
        let mut embed = Command::new(examples.join("embed"))
            .args([&place.path("state"), Path::new(mode)])
            .arg(examples.join("fake_upstream"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = embed.stdin.take().unwrap();
        for (language, code) in programs {
            let order =
                json!({"language": language, "code": code, "runs": 5, "at_once": 2, "pause_ms": 1});
            writeln!(input, "{order}").unwrap();
        }
        // It answers what was asked, and ends with its input.
        drop(input);
        let output = embed.wait_with_output().unwrap();
        assert!(output.status.success());
        let outcomes: Vec<Value> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let values: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["value"]).collect();
        assert_eq!(values, [&json!("a"), &json!("a"), &Value::Null]);
        let error = outcomes[2]["error"].as_str().unwrap();
        assert_eq!(error, "ZeroDivisionError: division by zero");
        for outcome in &outcomes {
            assert_eq!(outcome["took_ns"].as_array().unwrap().len(), 5);
        }
    }
}
