//! What the harnesses and their upstream share: the data that programs reduce, the tools, and reading lines.

pub mod lines;

use std::fmt::Write as _;

/// Records on one page of `list_records`.
pub const PAGE_RECORDS: usize = 1000;
/// Pages of `list_records`.
pub const PAGES: usize = 50;
/// Different customers among the records.
pub const CUSTOMERS: usize = 200;
/// Length of one line of `big_lines`, with its end.
pub const LINE_BYTES: usize = 100;

/// One row of a table that is the same in every run.
pub struct Record {
    pub id: usize,
    pub customer: usize,
    pub amount: usize,
    pub active: bool,
}

impl Record {
    pub fn number(id: usize) -> Record {
        Record {
            id,
            customer: id * 7919 % CUSTOMERS,
            amount: id * 37 % 1009,
            active: id.is_multiple_of(3),
        }
    }

    fn write(&self, json: &mut String) {
        let Record {
            id,
            customer,
            amount,
            active,
        } = self;
        write!(
            json,
            r#"{{"id":{id},"customer":"customer {customer:03}","amount":{amount},"active":{active},"note":"as agreed by phone"}}"#
        )
        .expect("a string takes everything");
    }
}

/// Records `begin..end` as a JSON array.
pub fn records(begin: usize, end: usize) -> String {
    let mut json = String::with_capacity((end - begin) * 110);
    json.push('[');
    for id in begin..end {
        if id > begin {
            json.push(',');
        }
        Record::number(id).write(&mut json);
    }
    json.push(']');
    json
}

/// As many records as fit in an array of about this many bytes.
pub fn records_in(bytes: usize) -> usize {
    bytes / 95
}

/// The ten customers who bought most among active records `0..count`, as `[name, sum]`.
pub fn top_ten(count: usize) -> serde_json::Value {
    let mut sums = vec![0; CUSTOMERS];
    for record in (0..count)
        .map(Record::number)
        .filter(|record| record.active)
    {
        sums[record.customer] += record.amount;
    }
    let mut sums: Vec<(String, usize)> = sums
        .into_iter()
        .enumerate()
        .map(|(customer, sum)| (format!("customer {customer:03}"), sum))
        .collect();
    sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sums.truncate(10);
    serde_json::json!(sums)
}

const SERVICES: [&str; 20] = [
    "billing",
    "crm",
    "calendar",
    "mail",
    "chat",
    "wiki",
    "tickets",
    "storage",
    "payroll",
    "fleet",
    "sensors",
    "catalog",
    "shipping",
    "contracts",
    "surveys",
    "warehouse",
    "hiring",
    "travel",
    "support",
    "forms",
];
const VERBS: [&str; 20] = [
    "create",
    "list",
    "get",
    "update",
    "delete",
    "search",
    "archive",
    "assign",
    "export",
    "import",
    "approve",
    "reject",
    "merge",
    "split",
    "publish",
    "schedule",
    "cancel",
    "duplicate",
    "rename",
    "restore",
];
const NOUNS: [&str; 25] = [
    "invoice",
    "customer",
    "event",
    "message",
    "channel",
    "page",
    "ticket",
    "file",
    "payslip",
    "vehicle",
    "reading",
    "product",
    "parcel",
    "contract",
    "answer",
    "pallet",
    "candidate",
    "booking",
    "comment",
    "template",
    "report",
    "label",
    "team",
    "project",
    "attachment",
];
/// How many tools [`dummy_tool`] can name.
pub const MOST_DUMMIES: usize = SERVICES.len() * VERBS.len() * NOUNS.len();

/// What somebody might look for among them; each number has words of its own.
pub fn query(number: usize) -> String {
    let service = SERVICES[number % SERVICES.len()];
    let noun = NOUNS[number * 7 / SERVICES.len() % NOUNS.len()];
    let verb = VERBS[number * 3 % VERBS.len()];
    format!("{verb} {noun} in {service}")
}

/// A tool of a service as services describe them, about 770 bytes of JSON.
pub fn dummy_tool(number: usize) -> serde_json::Value {
    assert!(number < MOST_DUMMIES);
    // Neighbours differ in all three words, so that any number of tools has many of each.
    let service = SERVICES[number % SERVICES.len()];
    let noun = NOUNS[(number / SERVICES.len() + number) % NOUNS.len()];
    let verb =
        VERBS[(number / (SERVICES.len() * NOUNS.len()) + number / SERVICES.len()) % VERBS.len()];
    serde_json::json!({
        "name": format!("{service}_{verb}_{noun}_{number}"),
        "description": format!(
            "{verb} a {noun} in {service}. Works on the {noun} named by its id, within the workspace the account belongs to, and returns its new state. Fails when the {noun} is locked by someone else."
        ),
        "inputSchema": {
            "type": "object",
            "properties": {
                "id": { "type": "string", "description": format!("Id of the {noun}, as a list of them shows it") },
                "workspace": { "type": "string", "description": "Workspace to look in; the account's own by default" },
                "fields": { "type": "array", "items": { "type": "string" }, "description": "Names of the members to return" },
                "dry_run": { "type": "boolean", "description": "Only say what would be done" },
            },
            "required": ["id"],
        },
        "annotations": { "readOnlyHint": true },
    })
}
