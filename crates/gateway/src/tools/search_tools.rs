//! `search_tools`: which tools do this?

use std::time::Duration;

use catalog::{Detail, Language, SearchRequest};
use journal::Event;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{number, string};
use crate::output::Answer;
use crate::server::Agent;

pub(super) const DEFINITION: &str = r#"{"name":"search_tools","description":"Find tools across all connected services (issues, chat, mail, files, databases, browsers, ...). Search before saying something cannot be done. Returns call paths with typed signatures for execute_code.","inputSchema":{"type":"object","properties":{"queries":{"type":"array","items":{"type":"string"},"description":"One short phrase per step of the task, e.g. [\"list open issues\", \"send message\"]. Empty: lists the servers."},"server":{"type":"string"},"detail":{"type":"string","enum":["name","description","signature","full"]},"language":{"type":"string","enum":["python","typescript"]},"limit":{"type":"integer"},"cursor":{"type":"string"}}},"annotations":{"readOnlyHint":true},"_meta":{"anthropic/alwaysLoad":true}}"#;

/// How long a search waits for servers that have never been listed.
const WAIT: Duration = Duration::from_secs(5);
/// More queries than this are one agent's mistake.
const QUERIES: usize = 32;

pub(super) async fn call(agent: &Agent, arguments: Map<String, Value>) -> Answer {
    let request = match request(&arguments) {
        Ok(request) => request,
        Err(text) => {
            return Answer::error(text);
        }
    };
    let gateway = &agent.gateway;
    gateway.settled(Instant::now() + WAIT).await;
    let begun = Instant::now();
    let found = crate::search(gateway, &request).await;
    let duration = begun.elapsed();
    // A search alone opens no session.
    let session = agent
        .opened_session()
        .map(|session| session.id().to_owned());
    gateway.recorder().record(Event::Searched {
        session,
        queries: request.queries.len() as u32,
        hits: found.hits as u32,
        duration_us: duration.as_micros() as u64,
    });
    Answer::text(found.text)
}

/// The arguments under all the names that models give them.
pub(crate) fn request(arguments: &Map<String, Value>) -> Result<SearchRequest, String> {
    let mut request = SearchRequest::default();
    for name in ["queries", "query", "q"] {
        match arguments.get(name) {
            Some(Value::String(query)) => request.queries.push(query.clone()),
            Some(Value::Array(queries)) => {
                for query in queries {
                    let query = query
                        .as_str()
                        .ok_or_else(|| format!("{name} must hold strings; it holds {query}"))?;
                    request.queries.push(query.to_owned());
                }
            }
            Some(Value::Null) | None => {}
            Some(other) => {
                return Err(format!(
                    "{name} must be a list of phrases, such as [\"list open issues\"]; it is {other}"
                ));
            }
        }
    }
    request.queries.retain(|query| !query.trim().is_empty());
    if request.queries.len() > QUERIES {
        return Err(format!(
            "{} queries at once; at most {QUERIES}",
            request.queries.len()
        ));
    }
    request.server = string(arguments, &["server"]).map(str::to_owned);
    if let Some(detail) = string(arguments, &["detail"]) {
        request.detail = match detail {
            "name" => Detail::Name,
            "description" => Detail::Description,
            "signature" => Detail::Signature,
            "full" => Detail::Full,
            other => {
                return Err(format!(
                    "detail must be name, description, signature or full; it is {other:?}"
                ));
            }
        };
    }
    if let Some(language) = string(arguments, &["language"]) {
        request.language = match crate::execute::Language::parse(language) {
            Some(crate::execute::Language::Python) => Language::Python,
            Some(_) => Language::TypeScript,
            None => {
                return Err(format!(
                    "language must be python or typescript; it is {language:?}"
                ));
            }
        };
    }
    if let Some(limit) = number(arguments, &["limit", "k"])? {
        request.limit = (limit as usize).clamp(1, 50);
    }
    if let Some(cursor) = arguments.get("cursor").filter(|cursor| !cursor.is_null()) {
        request.offset = cursor
            .as_str()
            .map_or_else(|| cursor.as_u64(), |text| text.parse().ok())
            .ok_or_else(|| format!("cursor must be one that an answer gave; it is {cursor}"))?
            as usize;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_taken_under_the_names_models_give_them() {
        let check = |arguments: Value| {
            let request = request(arguments.as_object().unwrap());
            request.map(|request| (request.queries, request.limit, request.offset))
        };
        let wanted = |queries: &[&str], limit, offset| {
            Ok((
                queries.iter().map(|q| (*q).to_owned()).collect(),
                limit,
                offset,
            ))
        };
        assert_eq!(
            check(serde_json::json!({"queries": ["a", "b"]})),
            wanted(&["a", "b"], 5, 0)
        );
        assert_eq!(
            check(serde_json::json!({"queries": "a", "k": "3"})),
            wanted(&["a"], 3, 0)
        );
        assert_eq!(
            check(serde_json::json!({"query": "a", "cursor": "10"})),
            wanted(&["a"], 5, 10)
        );
        assert_eq!(
            check(serde_json::json!({"queries": [" "], "limit": 1e9})),
            wanted(&[], 50, 0)
        );
        assert!(check(serde_json::json!({"queries": [1]})).is_err());
        assert!(check(serde_json::json!({"queries": {"a": 1}})).is_err());
        assert!(check(serde_json::json!({"detail": "all"})).is_err());
        assert!(check(serde_json::json!({"cursor": "x"})).is_err());
    }
}
