//! Whether the second program is right where the first had to guess what a tool gives.
//!
//! No model is asked: of the programs that one may write, in the order of how plausible they are, the
//! first is taken whose names the signature shows, and the first of all when it shows nothing.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tiktoken::CoreBpe;

use crate::measure::value_in;
use crate::peer::{self, Peer};
use crate::place::Place;
use crate::task::same;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guesses {
    guess: Vec<Guess>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guess {
    ask: String,
    search: String,
    tool: String,
    language: String,
    /// JSON of the right value.
    value: String,
    programs: Vec<Program>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    /// What a signature shows to somebody who writes this program.
    shows: Vec<String>,
    code: String,
}

#[derive(Serialize)]
pub(crate) struct Guessed {
    pub(crate) ask: String,
    pub(crate) tool: String,
    /// Before anything was learned, and after the first program.
    pub(crate) programs: [Tried; 2],
}

#[derive(Serialize)]
pub(crate) struct Tried {
    /// What the signature says of the result.
    pub(crate) result: Option<String>,
    pub(crate) is_right: bool,
    /// Tokens of the search's answer.
    pub(crate) search: usize,
}

pub(crate) fn measure(place: &Place, tasks: &Path, tokens: &CoreBpe) -> Result<Vec<Guessed>> {
    let file = tasks.join("guesses/programs.toml");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let Guesses { guess: guesses } = toml::from_str(&text)?;
    place.restore()?;
    let mut gateway = place.gateway()?;
    let mut guessed = Vec::new();
    for guess in guesses {
        place.forget()?;
        let mut attempt = || attempt(&mut gateway, place, &guess, tokens);
        guessed.push(Guessed {
            programs: [attempt()?, attempt()?],
            ask: guess.ask,
            tool: guess.tool,
        });
    }
    Ok(guessed)
}

fn attempt(gateway: &mut Peer, place: &Place, guess: &Guess, tokens: &CoreBpe) -> Result<Tried> {
    let search = json!({"queries": [guess.search], "language": guess.language});
    let found = peer::text_of(&gateway.call("search_tools", &search)?);
    let wanted = format!("tools.{}(", guess.tool);
    let line = found.lines().find(|line| line.starts_with(&wanted));
    let line = line.with_context(|| format!("{} is not found: {found}", guess.tool))?;
    let result = line
        .rsplit_once(") -> ")
        .map(|(_, result)| result.to_owned());
    let likeliest = guess.programs.first().context("a program")?;
    let program = result
        .as_deref()
        .and_then(|result| guess.programs.iter().find(|one| one.is_shown_by(result)))
        .unwrap_or(likeliest);
    let execute = json!({"code": place.fill(&program.code), "language": guess.language});
    let answer = peer::text_of(&gateway.call("execute_code", &execute)?);
    let expected: Value = serde_json::from_str(&guess.value)?;
    let value = value_in(&answer);
    let is_right = answer.starts_with("ok ")
        && match &expected {
            Value::String(text) => value == text,
            _ => serde_json::from_str(value).is_ok_and(|value| same(&value, &expected)),
        };
    Ok(Tried {
        result,
        is_right,
        search: tokens.count(&place.shown(&found)),
    })
}

impl Program {
    /// Names as whole words, anything else as it stands.
    fn is_shown_by(&self, result: &str) -> bool {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.shows.iter().all(|shown| {
            if shown.chars().all(is_of_name) {
                result.split(|c| !is_of_name(c)).any(|word| word == shown)
            } else {
                result.contains(shown.as_str())
            }
        })
    }
}

/// How many programs were right, before and after.
pub(crate) fn right(guessed: &[Guessed], time: usize) -> usize {
    let right = guessed.iter().filter(|one| one.programs[time].is_right);
    right.count()
}
