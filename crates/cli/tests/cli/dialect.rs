//! Programs as models write them: each answers with what a careful reader expects, or with an error
//! that names what is wrong, and never with something else.
//!
//! The programs and what is expected are in `tests/dialect`, one file a language.

use std::fmt;
use std::path::Path;

use serde_json::Value;

use crate::place::{Place, complaints};

#[derive(Debug, Default)]
struct Program {
    title: String,
    language: String,
    code: String,
    outcome: Outcome,
    /// The code of the error in which the program ends instead.
    error: Option<String>,
}

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    value: Value,
    stdout: String,
    notes: Vec<String>,
}

#[test]
fn javascript_means_what_a_careful_reader_expects() {
    check("javascript", 120);
}

#[test]
fn python_means_what_a_careful_reader_expects() {
    check("python", 140);
}

fn check(language: &str, least: usize) {
    let programs = programs(language);
    assert!(programs.len() >= least, "{} programs", programs.len());
    let place = Place::with_fake();
    let wrong = complaints(&programs, |program| program.complaint(&place));
    assert!(
        wrong.is_empty(),
        "{} of {} programs:\n{}",
        wrong.len(),
        programs.len(),
        wrong.join("\n")
    );
}

impl Program {
    /// What is wrong with how it runs.
    fn complaint(&self, place: &Place) -> Option<String> {
        let (_, report) = place.run(&self.language, &self.code);
        let error = report["error"]["code"].as_str();
        let outcome = Outcome {
            value: report["value"].clone(),
            stdout: report["stdout"].as_str().unwrap().to_owned(),
            notes: serde_json::from_value(report["notes"].clone()).unwrap_or_default(),
        };
        let is_right = match &self.error {
            Some(expected) => error == Some(expected),
            None => error.is_none() && same(&outcome, &self.outcome),
        };
        let found = match error {
            Some(code) => format!("!! {code}\n{:#}\n", report["error"]),
            None => outcome.to_string(),
        };
        (!is_right).then(|| format!("## {}\n{found}", self.title))
    }
}

impl fmt::Display for Outcome {
    /// As in the file of programs.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if !self.value.is_null() {
            writeln!(f, "=> {}", self.value)?;
        }
        for line in self.stdout.lines() {
            writeln!(f, ">> {line}")?;
        }
        for note in &self.notes {
            writeln!(f, "-- {note}")?;
        }
        Ok(())
    }
}

/// Numbers are the same if they are equal: `3` and `3.0`.
fn same(one: &Outcome, other: &Outcome) -> bool {
    fn equal(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(a, b)| equal(a, b))
            }
            (Value::Object(one), Value::Object(other)) => {
                one.len() == other.len()
                    && one
                        .iter()
                        .all(|(name, value)| other.get(name).is_some_and(|it| equal(value, it)))
            }
            _ => one == other,
        }
    }
    equal(&one.value, &other.value) && one.stdout == other.stdout && one.notes == other.notes
}

fn programs(language: &str) -> Vec<Program> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dialect")
        .join(language)
        .with_extension("md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut programs: Vec<Program> = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ").filter(|_| !in_code) {
            programs.push(Program {
                title: title.to_owned(),
                ..Program::default()
            });
            continue;
        }
        let Some(program) = programs.last_mut() else {
            continue;
        };
        if let Some(language) = line.strip_prefix("```") {
            in_code = !in_code;
            if in_code {
                program.language = match language {
                    "js" => "javascript",
                    "ts" => "typescript",
                    other => other,
                }
                .to_owned();
            }
        } else if in_code {
            program.code.push_str(line);
            program.code.push('\n');
        } else if let Some((mark, rest)) = line.split_once(' ') {
            match mark {
                "=>" => program.outcome.value = serde_json::from_str(rest).unwrap(),
                ">>" => program.outcome.stdout.push_str(&format!("{rest}\n")),
                "--" => program.outcome.notes.push(rest.to_owned()),
                "!!" => program.error = Some(rest.to_owned()),
                _ => panic!("{}: {line}", program.title),
            }
        }
    }
    programs
}
