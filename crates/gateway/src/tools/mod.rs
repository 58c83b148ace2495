//! The tools an agent sees: one file each, and what stands around them.

mod execute_code;
mod search_tools;
mod wait_execution;
pub(crate) mod watched;

use std::sync::Arc;

pub(crate) use search_tools::request as search_request;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::Gateway;
use crate::executions::Live;
use crate::output::Answer;
use crate::server::Agent;
use watched::{Told, Waiter};

/// Longest first line of the instructions: some clients show no more.
const INVENTORY_CHARACTERS: usize = 300;
/// Longest instructions of all.
const INSTRUCTIONS_CHARACTERS: usize = 1900;
/// Signatures follow the first line when all of them fit here, so that no search is needed.
const SIGNATURES_CHARACTERS: usize = 1500;

/// The definitions, written by hand: every byte of them is paid for by every agent in every session.
/// They never change with catalogs or upstreams, so that a client's prompt cache holds.
const DEFINITIONS: [&str; 3] = [
    search_tools::DEFINITION,
    execute_code::DEFINITION,
    wait_execution::DEFINITION,
];

/// The listed tools, as whatever type the caller lists.
pub(crate) fn listed<T: serde::de::DeserializeOwned>() -> Vec<T> {
    DEFINITIONS
        .iter()
        .map(|definition| {
            serde_json::from_str(definition).expect("the definitions are checked by a test")
        })
        .collect()
}

/// The program that a request waits for, once it does.
pub(crate) type WaitsFor = watch::Sender<Option<Arc<Live>>>;

/// Calls one of the tools. Whatever goes wrong is the answer's text: models do not read protocol
/// errors.
pub(crate) async fn call(
    agent: &Agent,
    name: &str,
    arguments: Map<String, Value>,
    waiter: &Waiter<'_>,
) -> Told {
    match name {
        "search_tools" => search_tools::call(agent, arguments).await.into(),
        "execute_code" => execute_code::call(agent, arguments, waiter).await,
        "wait_execution" => wait_execution::call(agent, arguments, waiter).await,
        other => not_a_tool(&agent.gateway, other).into(),
    }
}

/// A name that is not one of ours is most often an upstream's tool, called where programs cannot.
fn not_a_tool(gateway: &Gateway, name: &str) -> Answer {
    let text = match gateway.catalog().resolve(name) {
        Ok(tool) => format!(
            "call it inside execute_code: {}",
            gateway.signature(tool, catalog::Language::Python)
        ),
        Err(unknown) => format!(
            "there is no tool {name:?} here; use search_tools and execute_code. {}",
            unknown.message()
        ),
    };
    Answer::error(text)
}

/// What stands in an agent's system prompt: first line the inventory, for clients that show no more.
///
/// From settings and cached listings, never from who has connected when.
pub(crate) fn instructions(gateway: &Gateway) -> String {
    let catalog = gateway.catalog();
    let health = gateway.health();
    let unlisted: Vec<&str> = health
        .iter()
        .filter(|server| server.tools == 0)
        .map(|server| server.name.as_str())
        .collect();
    let mut text = if health.is_empty() {
        "Gateway to MCP servers, none of which is configured yet. execute_code still runs programs."
            .to_owned()
    } else {
        let listed = health.len() - unlisted.len();
        let use_them = "To use any of them: search_tools, then one execute_code program.";
        let names = catalog.inventory(INVENTORY_CHARACTERS.saturating_sub(60 + use_them.len()));
        match (listed, unlisted.is_empty()) {
            (0, _) => format!(
                "Gateway to these servers: {}. {use_them}",
                shortened(&unlisted.join(", "), 200)
            ),
            (_, true) => format!(
                "Gateway to {} tools of {listed} servers: {names}. {use_them}",
                catalog.len()
            ),
            (_, false) => format!(
                "Gateway to {} tools of {listed} servers: {names}; also {}. {use_them}",
                catalog.len(),
                shortened(&unlisted.join(", "), 60)
            ),
        }
    };
    let signatures: Vec<String> = catalog
        .tools()
        // Not what was learned: instructions are the same bytes at every start.
        .map(|tool| tool.signature(catalog::Language::Python, None))
        .take(100)
        .collect();
    let length: usize = signatures.iter().map(|signature| signature.len() + 1).sum();
    if !signatures.is_empty()
        && signatures.len() == catalog.len()
        && length <= SIGNATURES_CHARACTERS
    {
        text.push('\n');
        text.push_str(&signatures.join("\n"));
    }
    for server in health.iter().filter(|server| server.state == "blocked") {
        if let Some(reason) = &server.reason {
            text.push_str(&format!("\n{}: {}", server.name, shortened(reason, 160)));
        }
    }
    shortened(&text, INSTRUCTIONS_CHARACTERS)
}

fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters - 1).chain(['…']).collect()
}

/// A string argument under any of its names.
fn string<'a>(arguments: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| arguments.get(*name)?.as_str())
}

/// A number that may have been written as a string, under any of its names; none where nothing is said.
///
/// # Errors
/// What was given is no number.
fn number(arguments: &Map<String, Value>, names: &[&str]) -> Result<Option<f64>, String> {
    let mut given = names
        .iter()
        .filter_map(|name| Some((name, arguments.get(*name)?)));
    let Some((name, given)) = given.find(|(_, given)| !given.is_null()) else {
        return Ok(None);
    };
    let number = match given {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.map(Some).ok_or_else(|| {
        let shown = shortened(&given.to_string(), 40);
        format!("{name} must be a number; it is {shown}")
    })
}

/// Whether something is on that it may matter to have on, under any of its names; none where nothing is
/// said.
///
/// # Errors
/// What was given cannot be read, or says both. It never counts as off.
fn flag(arguments: &Map<String, Value>, names: &[&str]) -> Result<Option<bool>, String> {
    let mut said = None;
    let given = names
        .iter()
        .filter_map(|name| Some((name, arguments.get(*name)?)));
    for (name, given) in given.filter(|(_, given)| !given.is_null()) {
        let word = match given {
            Value::String(word) => word.trim().to_lowercase(),
            other => other.to_string(),
        };
        let on = match word.as_str() {
            "true" | "yes" | "on" | "1" | "1.0" => true,
            "false" | "no" | "off" | "0" | "0.0" => false,
            _ => {
                let shown = shortened(&given.to_string(), 40);
                return Err(format!("{name} must be true or false; it is {shown}"));
            }
        };
        if said.is_some_and(|before| before != on) {
            return Err(format!("{} is given as both true and false", names[0]));
        }
        said = Some(on);
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn a_flag_that_cannot_be_read_is_not_off() {
        let flag =
            |arguments: Value| super::flag(arguments.as_object().unwrap(), &["dry_run", "dryRun"]);
        for (on, words) in [
            (
                true,
                json!([true, 1, 1.0, "true", "True", " TRUE ", "yes", "on", "1"]),
            ),
            (false, json!([false, 0, "false", "False", "no", "OFF", "0"])),
        ] {
            for word in words.as_array().unwrap() {
                assert_eq!(flag(json!({"dry_run": word})), Ok(Some(on)), "{word}");
                assert_eq!(flag(json!({"dryRun": word})), Ok(Some(on)), "{word}");
            }
        }
        assert_eq!(flag(json!({})), Ok(None));
        assert_eq!(flag(json!({"dry_run": null})), Ok(None));
        assert_eq!(
            flag(json!({"dry_run": null, "dryRun": true})),
            Ok(Some(true))
        );
        for word in [
            json!(2),
            json!(-1),
            json!(""),
            json!("maybe"),
            json!([true]),
            json!({}),
        ] {
            let said = format!("dry_run must be true or false; it is {word}");
            assert_eq!(flag(json!({"dry_run": word})), Err(said));
        }
        assert_eq!(
            flag(json!({"dry_run": false, "dryRun": true})),
            Err("dry_run is given as both true and false".into())
        );
    }

    #[test]
    fn definitions_are_what_strict_clients_accept() {
        let tools = super::listed::<Value>();
        for tool in &tools {
            assert!(
                tool.get("outputSchema").is_none(),
                "an output schema would send every answer twice"
            );
            assert_eq!(tool["_meta"]["anthropic/alwaysLoad"], true);
            let properties = tool["inputSchema"]["properties"].as_object().unwrap();
            for (name, property) in properties {
                assert!(property.get("type").is_some(), "{name} has a type");
                for stripped in ["default", "minimum", "maximum"] {
                    assert!(
                        property.get(stripped).is_none(),
                        "Codex strips {stripped} from {name}"
                    );
                }
            }
        }
    }
}
