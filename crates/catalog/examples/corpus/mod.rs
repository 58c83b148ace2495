//! The benchmark's tools, one JSON object a line, as what their servers list.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use toolmill_catalog::Server;

#[derive(Deserialize)]
struct Entry {
    id: String,
    server: String,
    name: String,
    description: String,
    input_schema: Box<RawValue>,
    server_title: Option<String>,
    server_description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a RawValue,
}

/// The identifiers that the benchmark gives tools, by server and name.
pub(crate) type Ids = HashMap<(String, String), String>;

pub(crate) fn read(corpus: &Path) -> Result<(Vec<Server>, Ids), Box<dyn Error>> {
    let mut ids = Ids::new();
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    for line in std::fs::read_to_string(corpus)?.lines() {
        let entry: Entry = serde_json::from_str(line)?;
        ids.insert((entry.server.clone(), entry.name.clone()), entry.id);
        let server = servers
            .entry(entry.server)
            .or_insert_with_key(|name| Server {
                name: name.clone(),
                tools: Vec::new(),
                title: entry.server_title,
                description: entry.server_description,
            });
        server.tools.push(to_raw_value(&Listed {
            name: &entry.name,
            description: &entry.description,
            input_schema: &entry.input_schema,
        })?);
    }
    Ok((servers.into_values().collect(), ids))
}
