//! What the demo's work costs a model in tokens, with and without toolmill.
//!
//! Both sides are counted by one rule: of a definition what clients show to models (name,
//! description, input schema), of a call its name and arguments, of a result its text; each once,
//! though a model reads all that came before again on every later round trip.
//!
//! What direct calls would have cost is not taken from the gateway, which keeps no payload: the
//! same calls are made again here, in the order of the programs, against the server's own function.
//! The tokenizer (o200k) is loaded here and nowhere else.

use serde_json::{Value, json};
use tiktoken::CoreBpe;

use super::agent::{Agent, Called};
use super::server::{self, Office};

/// Tokens of one way to do the work.
#[derive(Default)]
pub(super) struct Cost {
    pub(super) definitions: usize,
    /// Of calls; without the code.
    pub(super) arguments: usize,
    pub(super) code: usize,
    /// Of the server's tools.
    pub(super) results: usize,
    /// Of the gateway's tools.
    pub(super) answers: usize,
    /// Times that the model is asked to go on. Calls that need nothing of one another share one.
    pub(super) round_trips: usize,
}

impl Cost {
    pub(super) fn total(&self) -> usize {
        self.definitions + self.arguments + self.code + self.results + self.answers
    }
}

/// The two ways, and how many calls the programs made.
pub(super) struct Costs {
    pub(super) direct: Cost,
    pub(super) toolmill: Cost,
    pub(super) calls: usize,
}

/// Counts what the agent sent and got, and what it would have without toolmill.
pub(super) fn count(agent: &Agent, search: &Called, programs: &[(Replay, &Called)]) -> Costs {
    let tokens = tiktoken::encoding::o200k_base();
    let mut toolmill = Cost {
        definitions: tokens.count(&agent.instructions) + tokens.count(&shown(&agent.tools)),
        arguments: tokens.count(&search.request.to_string()),
        answers: tokens.count(&search.answer),
        round_trips: 1,
        ..Cost::default()
    };
    let mut direct = Direct {
        tokens: &tokens,
        office: Office::default(),
        calls: 0,
        cost: Cost {
            definitions: tokens.count(&shown(&server::definitions())),
            ..Cost::default()
        },
    };
    for (replay, called) in programs {
        toolmill.code += tokens.count(&called.request.to_string());
        toolmill.answers += tokens.count(&called.answer);
        toolmill.round_trips += 1;
        replay(&mut direct);
    }
    Costs {
        direct: direct.cost,
        toolmill,
        calls: direct.calls,
    }
}

/// What of listed tools a model is shown.
fn shown(tools: &[Value]) -> String {
    let shown: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "name": tool["name"],
                "description": tool["description"],
                "inputSchema": tool["inputSchema"],
            })
        })
        .collect();
    Value::from(shown).to_string()
}

/// Makes the calls of one program.
pub(super) type Replay = fn(&mut Direct);

/// A model that calls the tools itself.
pub(super) struct Direct<'a> {
    tokens: &'a CoreBpe,
    office: Office,
    calls: usize,
    cost: Cost,
}

impl Direct<'_> {
    fn round_trip(&mut self) {
        self.cost.round_trips += 1;
    }

    /// Makes a call within the present round trip; a failed one yields null.
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let outcome = self
            .office
            .call(tool, arguments)
            .expect("the programs call what there is");
        let request = json!({"name": tool, "arguments": arguments}).to_string();
        self.calls += 1;
        self.cost.arguments += self.tokens.count(&request);
        self.cost.results += self.tokens.count(&outcome.text);
        serde_json::from_str(&outcome.text).unwrap_or_default()
    }
}

/// The calls of `owners.py`.
pub(super) fn owners(direct: &mut Direct) {
    let mut page = json!(0);
    while !page.is_null() {
        direct.round_trip();
        page = direct.call("list_files", &json!({"page": page}))["next_page"].take();
    }
}

/// The calls of `letters.ts`.
pub(super) fn letters(direct: &mut Direct) {
    direct.round_trip();
    let found = direct.call("find_contacts", &json!({"company": "Halden Marine"}));
    let contacts = found["contacts"].as_array().expect("a list of contacts");
    direct.round_trip();
    direct.call("slow_report", &json!({"seconds": 1}));
    let mut waiting = Vec::new();
    for contact in contacts {
        let listed = direct.call("list_notes", &json!({"contact_id": contact["id"]}));
        let notes = listed["notes"].as_array().expect("a list of notes");
        let open = notes.iter().filter(|note| note["open"] == true).count();
        if open > 0 {
            let name = contact["name"].as_str().expect("contacts have names");
            waiting.push(format!("{name}: {open} open"));
        }
    }
    direct.round_trip();
    direct.call("flaky_export", &json!({}));
    direct.round_trip();
    let mail = json!({
        "to": "team@office.example",
        "subject": format!("{} of {} wait for an answer", waiting.len(), contacts.len()),
        "body": waiting.join("\n"),
    });
    direct.call("send_email", &mail);
}
