//! The demo's MCP server: files, a small customer list, mail, a tool that is slow and one that fails.
//!
//! A real server, in a process of its own, that speaks both eras over its standard streams. It is
//! written by hand, not with rmcp: [`Office::call`] must be a plain function, because the demo calls
//! it again in its own process to count what direct calls would have cost, and around that function
//! there is less protocol here than an rmcp handler would take, and no new dependency of `cli`.
//!
//! Every machine has the same data, made from a number. What is written is kept until the server ends.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

const FILES: u64 = 50_000;
const PAGE: u64 = 1_000;
const CONTACTS: u64 = 400;
const SLOWEST_SECONDS: f64 = 30.0;

const MODERN_VERSION: &str = "2026-07-28";
/// Revisions that begin with `initialize`, the newest first.
const LEGACY_VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
const INVALID_PARAMS: i32 = -32602;
const METHOD_NOT_FOUND: i32 = -32601;
const PARSE_ERROR: i32 = -32700;

/// `toolmill demo-server`: serves until its standard input ends.
pub(crate) fn serve() -> Result<ExitCode> {
    let office = Arc::new(Office::default());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let office = office.clone();
        // A slow tool keeps nobody waiting. The client bounds how many calls are open at once, and
        // what still runs when it hangs up ends with the process.
        thread::spawn(move || {
            if let Some(answer) = answer(&office, &line) {
                let mut stdout = io::stdout().lock();
                // A client that has gone has closed standard input too.
                let _ = writeln!(stdout, "{answer}").and_then(|()| stdout.flush());
            }
        });
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Message {
    id: Option<Value>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    params: Value,
}

/// The line that answers a message, if it is one that is answered.
fn answer(office: &Office, line: &str) -> Option<String> {
    let Ok(message) = serde_json::from_str::<Message>(line) else {
        let error = json!({"code": PARSE_ERROR, "message": "not a message of JSON-RPC"});
        return Some(json!({"jsonrpc": "2.0", "id": null, "error": error}).to_string());
    };
    let id = message.id?;
    let modern = message.params["_meta"]["io.modelcontextprotocol/protocolVersion"].is_string();
    Some(match result(office, &message.method, &message.params) {
        // Results of the modern era say that they are whole.
        Ok(result) if modern => format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete",{}}}"#,
            result.trim_start_matches('{')
        ),
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
        Err((code, message)) => {
            let error = json!({"code": code, "message": message});
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
        }
    })
}

/// The JSON of a method's result.
fn result(office: &Office, method: &str, params: &Value) -> Result<String, (i32, String)> {
    let about = json!({
        "name": "toolmill-demo",
        "title": "An office, made up",
        "version": env!("CARGO_PKG_VERSION"),
    });
    let result = match method {
        "initialize" => {
            let asked = LEGACY_VERSIONS
                .into_iter()
                .find(|version| params["protocolVersion"] == *version);
            json!({
                "protocolVersion": asked.unwrap_or(LEGACY_VERSIONS[0]),
                "capabilities": {"tools": {}},
                "serverInfo": about,
            })
        }
        "server/discover" => json!({
            "supportedVersions": [MODERN_VERSION],
            "capabilities": {"tools": {}},
            "ttlMs": 3_600_000,
            "cacheScope": "public",
            "_meta": {"io.modelcontextprotocol/serverInfo": about},
        }),
        "ping" => json!({}),
        "tools/list" => json!({
            "tools": TOOLS.iter().map(Tool::definition).collect::<Vec<_>>(),
            "ttlMs": 3_600_000,
            "cacheScope": "public",
        }),
        "tools/call" => {
            let name = params["name"].as_str().unwrap_or_default();
            let outcome = office
                .call(name, &params["arguments"])
                .map_err(|problem| (INVALID_PARAMS, problem))?;
            thread::sleep(outcome.takes);
            return Ok(outcome.result());
        }
        other => return Err((METHOD_NOT_FOUND, format!("method not found: {other}"))),
    };
    Ok(result.to_string())
}

/// What a tool answers.
pub(super) struct Outcome {
    /// JSON, or the words of a failure: what a model would read.
    pub(super) text: String,
    failed: bool,
    /// How long the tool is about it.
    takes: Duration,
}

impl Outcome {
    fn value(value: &Value) -> Outcome {
        Outcome {
            text: value.to_string(),
            failed: false,
            takes: Duration::ZERO,
        }
    }

    fn failure(words: String) -> Outcome {
        Outcome {
            text: words,
            failed: true,
            takes: Duration::ZERO,
        }
    }

    /// The `CallToolResult`: structured content with its text form, as the specification recommends.
    fn result(&self) -> String {
        let content = json!([{"type": "text", "text": self.text}]);
        if self.failed {
            format!(r#"{{"content":{content},"isError":true}}"#)
        } else {
            format!(
                r#"{{"content":{content},"structuredContent":{}}}"#,
                self.text
            )
        }
    }
}

/// The data and what was written to it.
#[derive(Default)]
pub(super) struct Office(Mutex<Written>);

#[derive(Default)]
struct Written {
    /// Each with the contact it is about.
    notes: Vec<(u64, Value)>,
    emails: Vec<Value>,
}

impl Office {
    /// Calls a tool.
    ///
    /// # Errors
    /// There is no such tool, or it does not take these arguments; in JSON-RPC an error, not a result.
    pub(super) fn call(&self, name: &str, arguments: &Value) -> Result<Outcome, String> {
        let tool = TOOLS
            .iter()
            .find(|tool| tool.name == name)
            .ok_or_else(|| format!("unknown tool: {name}"))?;
        (tool.run)(self, arguments)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0
            .lock()
            .expect("no tool panics while it holds what was written")
    }
}

/// The tools as `tools/list` has them.
pub(super) fn definitions() -> Vec<Value> {
    TOOLS.iter().map(Tool::definition).collect()
}

struct Tool {
    name: &'static str,
    description: &'static str,
    writes: bool,
    /// JSON of the input's properties.
    input: &'static str,
    required: &'static [&'static str],
    /// JSON of the output's properties, all of which are always there.
    output: &'static str,
    run: fn(&Office, &Value) -> Result<Outcome, String>,
}

impl Tool {
    fn definition(&self) -> Value {
        let properties = |text| -> Value { serde_json::from_str(text).expect("JSON of the table") };
        let output = properties(self.output);
        let present: Vec<&String> = output
            .as_object()
            .into_iter()
            .flat_map(|o| o.keys())
            .collect();
        json!({
            "name": self.name,
            "description": self.description,
            "inputSchema": {
                "type": "object",
                "properties": properties(self.input),
                "required": self.required,
                "additionalProperties": false,
            },
            "outputSchema": {"type": "object", "properties": output, "required": present},
            "annotations": {
                "readOnlyHint": !self.writes,
                "destructiveHint": false,
                "idempotentHint": !self.writes,
                "openWorldHint": false,
            },
        })
    }
}

const CONTACT: &str = r#"{"id":{"type":"string"},"name":{"type":"string"},"email":{"type":"string"},"company":{"type":"string"},"city":{"type":"string"}}"#;

const TOOLS: &[Tool] = &[
    Tool {
        name: "list_files",
        description: "List shared files, 1,000 a page: path, size_bytes, modified, owner, kind (log, csv, pdf, image, archive).",
        writes: false,
        input: r#"{"page":{"type":"integer","description":"From 0, the default"}}"#,
        required: &[],
        output: r#"{"files":{"type":"array","items":{"type":"object","properties":{"path":{"type":"string"},"size_bytes":{"type":"integer"},"modified":{"type":"string","format":"date-time"},"owner":{"type":"string"},"kind":{"type":"string","enum":["log","csv","pdf","image","archive"]}},"required":["path","size_bytes","modified","owner","kind"]}},"next_page":{"type":["integer","null"]}}"#,
        run: |_, arguments| {
            let page = match &arguments["page"] {
                Value::Null => 0,
                page => page
                    .as_u64()
                    .ok_or_else(|| format!("page must be a whole number from 0; it is {page}"))?,
            };
            let begin = page.saturating_mul(PAGE).min(FILES);
            let end = (begin + PAGE).min(FILES);
            let files: Vec<Value> = (begin..end).map(file).collect();
            let next = (end < FILES).then(|| page + 1);
            Ok(Outcome::value(&json!({"files": files, "next_page": next})))
        },
    },
    Tool {
        name: "find_contacts",
        description: "Find customer contacts by company, by city, or by both. Without either, all of them.",
        writes: false,
        input: r#"{"company":{"type":"string"},"city":{"type":"string"}}"#,
        required: &[],
        output: r#"{"contacts":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"},"email":{"type":"string"},"company":{"type":"string"},"city":{"type":"string"}},"required":["id","name","email","company","city"]}}}"#,
        run: |_, arguments| {
            let wanted = |contact: &Value, member: &str| {
                arguments[member].as_str().is_none_or(|wanted| {
                    contact[member]
                        .as_str()
                        .is_some_and(|is| is.eq_ignore_ascii_case(wanted))
                })
            };
            let contacts: Vec<Value> = (0..CONTACTS)
                .map(contact)
                .filter(|contact| wanted(contact, "company") && wanted(contact, "city"))
                .collect();
            Ok(Outcome::value(&json!({"contacts": contacts})))
        },
    },
    Tool {
        name: "get_contact",
        description: "Get one customer contact.",
        writes: false,
        input: r#"{"id":{"type":"string"}}"#,
        required: &["id"],
        output: CONTACT,
        run: |_, arguments| {
            let id = text(arguments, "id")?;
            Ok(match number_of(id) {
                Some(number) => Outcome::value(&contact(number)),
                None => no_contact(id),
            })
        },
    },
    Tool {
        name: "list_notes",
        description: "List the notes about a contact, oldest first. Those still open wait for an answer from us.",
        writes: false,
        input: r#"{"contact_id":{"type":"string"}}"#,
        required: &["contact_id"],
        output: r#"{"notes":{"type":"array","items":{"type":"object","properties":{"date":{"type":"string"},"open":{"type":"boolean"},"author":{"type":"string"},"text":{"type":"string"}},"required":["date","open","author","text"]}}}"#,
        run: |office, arguments| {
            let id = text(arguments, "contact_id")?;
            let Some(number) = number_of(id) else {
                return Ok(no_contact(id));
            };
            let mut notes = notes(number);
            let written = office.written();
            let added = written.notes.iter().filter(|(about, _)| *about == number);
            notes.extend(added.map(|(_, note)| note.clone()));
            Ok(Outcome::value(&json!({"notes": notes})))
        },
    },
    Tool {
        name: "add_note",
        description: "Add a note about a contact.",
        writes: true,
        input: r#"{"contact_id":{"type":"string"},"text":{"type":"string"}}"#,
        required: &["contact_id", "text"],
        output: r#"{"date":{"type":"string"},"open":{"type":"boolean"},"author":{"type":"string"},"text":{"type":"string"}}"#,
        run: |office, arguments| {
            let (id, text) = (text(arguments, "contact_id")?, text(arguments, "text")?);
            let Some(number) = number_of(id) else {
                return Ok(no_contact(id));
            };
            let note =
                json!({"date": "2026-01-05", "open": false, "author": "agent", "text": text});
            office.written().notes.push((number, note.clone()));
            Ok(Outcome::value(&note))
        },
    },
    Tool {
        name: "send_email",
        description: "Send an email (kept in this demo; nothing leaves the machine).",
        writes: true,
        input: r#"{"to":{"type":"string"},"subject":{"type":"string"},"body":{"type":"string"}}"#,
        required: &["to", "subject", "body"],
        output: r#"{"id":{"type":"string"},"bytes":{"type":"integer"}}"#,
        run: |office, arguments| {
            let (to, subject) = (text(arguments, "to")?, text(arguments, "subject")?);
            let body = text(arguments, "body")?;
            let mut written = office.written();
            let id = format!("m{}", written.emails.len() + 1);
            written
                .emails
                .push(json!({"id": id, "to": to, "subject": subject, "body": body}));
            Ok(Outcome::value(&json!({"id": id, "bytes": body.len()})))
        },
    },
    Tool {
        name: "sent_emails",
        description: "List the emails that were sent.",
        writes: false,
        input: "{}",
        required: &[],
        output: r#"{"emails":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"to":{"type":"string"},"subject":{"type":"string"},"body":{"type":"string"}},"required":["id","to","subject","body"]}}}"#,
        run: |office, _| Ok(Outcome::value(&json!({"emails": office.written().emails}))),
    },
    Tool {
        name: "slow_report",
        description: "Add up the sales pipeline, which takes as many seconds as it is given.",
        writes: false,
        input: r#"{"seconds":{"type":"number"}}"#,
        required: &["seconds"],
        output: r#"{"deals":{"type":"integer"},"value_eur":{"type":"integer"}}"#,
        run: |_, arguments| {
            let seconds = arguments["seconds"]
                .as_f64()
                .filter(|seconds| (0.0..=SLOWEST_SECONDS).contains(seconds))
                .ok_or_else(|| format!("seconds must be a number up to {SLOWEST_SECONDS}"))?;
            let mut outcome = Outcome::value(&json!({"deals": 37, "value_eur": 1_284_500}));
            outcome.takes = Duration::from_secs_f64(seconds);
            Ok(outcome)
        },
    },
    Tool {
        name: "flaky_export",
        description: "Export the customer contacts to the archive.",
        writes: true,
        input: "{}",
        required: &[],
        output: r#"{"exported":{"type":"integer"}}"#,
        run: |_, _| {
            Ok(Outcome::failure(
                "the archive is out of order (503); try again tomorrow".to_owned(),
            ))
        },
    },
];

fn text<'a>(arguments: &'a Value, name: &str) -> Result<&'a str, String> {
    arguments[name]
        .as_str()
        .ok_or_else(|| format!("{name} must be a string"))
}

fn no_contact(id: &str) -> Outcome {
    Outcome::failure(format!("there is no contact {id:?}"))
}

/// Numbers without a pattern, the same on every machine (SplitMix64).
struct Noise(u64);

impl Noise {
    fn of(kind: &[u8; 8], index: u64) -> Noise {
        let mut seed = Noise(u64::from_le_bytes(*kind));
        Noise(seed.next() ^ index.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

const PEOPLE: [&str; 16] = [
    "amara.okafor",
    "ben.castillo",
    "chiara.fontana",
    "dimitri.volkov",
    "elif.yildiz",
    "farah.haddad",
    "gustav.lindqvist",
    "hana.suzuki",
    "ines.carvalho",
    "jonas.weber",
    "katarzyna.nowak",
    "liam.gallagher",
    "mei.zhang",
    "noor.rahman",
    "oskar.jensen",
    "priya.sharma",
];
const PROJECTS: [&str; 8] = [
    "atlas",
    "borealis",
    "cascade",
    "driftwood",
    "ember",
    "foxglove",
    "granite",
    "horizon",
];
const SERVICES: [&str; 8] = [
    "billing-worker",
    "checkout-gateway",
    "image-resizer",
    "inventory-sync",
    "mail-relay",
    "report-builder",
    "search-indexer",
    "session-store",
];
const COMPANIES: [&str; 20] = [
    "Alder & Finch",
    "Bluepoint Foods",
    "Castellan Tools",
    "Dovetail Joinery",
    "Eastgate Labs",
    "Fenwick Textiles",
    "Gannet Air",
    "Halden Marine",
    "Ironbark Timber",
    "Juniper Clinics",
    "Kestrel Optics",
    "Larkspur Media",
    "Millrace Energy",
    "Nightjar Games",
    "Orchard Bank",
    "Pinnacle Rail",
    "Quarry Street",
    "Redwing Motors",
    "Saltmarsh Hotels",
    "Thornbury Glass",
];
const FIRST_NAMES: [&str; 20] = [
    "Ada", "Bruno", "Clara", "Dario", "Edith", "Felix", "Greta", "Hugo", "Iris", "Jakob", "Karin",
    "Leo", "Mira", "Nils", "Olga", "Pablo", "Rosa", "Stefan", "Tilda", "Viktor",
];
const LAST_NAMES: [&str; 20] = [
    "Abbott", "Berger", "Conti", "Duarte", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanov",
    "Jansen", "Keller", "Lopez", "Marino", "Novak", "Olsen", "Petit", "Rossi", "Santos", "Tanaka",
    "Vogel",
];
const CITIES: [&str; 6] = ["Bergen", "Graz", "Lyon", "Porto", "Turku", "Utrecht"];
const NOTES: [&str; 6] = [
    "Called about the delivery dates; wants them in writing before the next order.",
    "Asked for a quote on twice the usual quantity, and whether the price holds until spring.",
    "Was content with the last visit. Nothing to do.",
    "Two of the parts arrived damaged; sent photographs, would like replacements.",
    "Moved to another department and names a new person for invoices.",
    "Wants to know which of the machines can be rented instead of bought.",
];

/// One file: paths and sizes as shared drives have them, from a kilobyte to some tens of megabytes.
fn file(index: u64) -> Value {
    let mut noise = Noise::of(b"files   ", index);
    let (kind, ending) = match noise.below(10) {
        0..4 => ("log", "log"),
        4..6 => ("csv", "csv"),
        6..8 => ("pdf", "pdf"),
        8 => ("image", "png"),
        _ => ("archive", "tar.gz"),
    };
    let (month, day) = (1 + noise.below(12), 1 + noise.below(28));
    let (project, service) = (noise.pick(&PROJECTS), noise.pick(&SERVICES));
    let unit = 1000 << noise.below(16);
    // The lesser of two: some people keep more than others.
    let owner = noise.below(16).min(noise.below(16)) as usize;
    json!({
        "path": format!("/srv/shared/projects/{project}/releases/2025/{month:02}/{service}/{service}-{index:05}.{ending}"),
        "size_bytes": unit + noise.below(unit),
        "modified": format!("2025-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", noise.below(24), noise.below(60), noise.below(60)),
        "owner": PEOPLE[owner],
        "kind": kind,
    })
}

/// A contact's number from its id.
fn number_of(id: &str) -> Option<u64> {
    let number = id.strip_prefix('c')?.parse().ok()?;
    (number < CONTACTS).then_some(number)
}

fn contact(number: u64) -> Value {
    let mut noise = Noise::of(b"contacts", number);
    let (first, last) = (noise.pick(&FIRST_NAMES), noise.pick(&LAST_NAMES));
    let company = noise.pick(&COMPANIES);
    let domain: String = company
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    json!({
        "id": format!("c{number:03}"),
        "name": format!("{first} {last}"),
        "email": format!("{first}.{last}@{domain}.example").to_ascii_lowercase(),
        "company": company,
        "city": noise.pick(&CITIES),
    })
}

fn notes(contact: u64) -> Vec<Value> {
    let mut noise = Noise::of(b"notes   ", contact);
    let count = 2 + noise.below(5);
    (0..count)
        .map(|index| {
            json!({
                "date": format!("2025-{:02}-{:02}", 1 + 2 * index, 1 + noise.below(28)),
                "open": noise.below(4) == 0,
                "author": noise.pick(&PEOPLE),
                "text": noise.pick(&NOTES),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_the_same_on_every_machine() {
        insta::assert_snapshot!(file(49_999), @r#"{"path":"/srv/shared/projects/granite/releases/2025/10/mail-relay/mail-relay-49999.png","size_bytes":21082,"modified":"2025-10-05T06:12:19Z","owner":"ben.castillo","kind":"image"}"#);
        insta::assert_snapshot!(contact(7), @r#"{"id":"c007","name":"Viktor Conti","email":"viktor.conti@haldenmarine.example","company":"Halden Marine","city":"Lyon"}"#);
    }

    #[test]
    fn every_tool_answers_or_says_what_is_wrong() {
        let office = Office::default();
        let check = |tool: &str, arguments: Value| {
            let outcome = office.call(tool, &arguments)?;
            Ok::<_, String>((outcome.text, outcome.failed))
        };
        let (page, _) = check("list_files", json!({"page": 49})).unwrap();
        assert!((150_000..250_000).contains(&page.len()), "{}", page.len());
        assert!(page.ends_with(r#""next_page":null}"#));
        let beyond = check("list_files", json!({"page": u64::MAX})).unwrap().0;
        assert_eq!(beyond, r#"{"files":[],"next_page":null}"#);
        assert!(check("list_files", json!({"page": -1})).is_err());
        assert!(check("get_contact", json!({"id": "c400"})).unwrap().1);
        assert!(check("get_contact", json!({})).is_err());
        assert!(check("flaky_export", json!({})).unwrap().1);
        assert!(check("no_such_tool", json!({})).is_err());
        let note = json!({"contact_id": "c001", "text": "said hello"});
        check("add_note", note).unwrap();
        let notes = check("list_notes", json!({"contact_id": "c001"}))
            .unwrap()
            .0;
        assert!(notes.contains("said hello"), "{notes}");
        let mail = json!({"to": "a@b.example", "subject": "s", "body": "four"});
        let sent = check("send_email", mail).unwrap().0;
        assert_eq!(sent, r#"{"id":"m1","bytes":4}"#);
        let emails = check("sent_emails", json!({})).unwrap().0;
        assert!(emails.contains(r#""body":"four""#), "{emails}");
    }
}
