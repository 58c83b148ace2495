//! An issue tracker as models know them, for programs as models write them.
//!
//! It remembers nothing: a call has the same answer however often and in whatever order it is made.

use serde_json::{Value, json};

use crate::fake_upstream::{Hints, Reply, Tool};

/// Issues of the only repository, which any owner and name mean.
const ISSUES: u64 = 12;

pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        name: "list_issues",
        description: "Lists issues of a repository, 30 a page unless told otherwise.",
        arguments: "owner: string, repo: string, state?: open|closed|all, labels?: [string], \
                    since?: string, per_page?: integer, page?: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            let state = call.get_or("state", "open".to_owned())?;
            let labels = call.get_or("labels", Vec::<String>::new())?;
            let per_page = call.get_or("per_page", 30_usize)?.clamp(1, 100);
            let page = call.get_or("page", 1_usize)?.max(1);
            let issues: Vec<Value> = (1..=ISSUES)
                .map(issue)
                .filter(|issue| state == "all" || issue["state"] == *state)
                .filter(|issue| {
                    let own = issue["labels"].as_array().expect("a list of labels");
                    labels.iter().all(|label| own.contains(&json!(label)))
                })
                .skip((page - 1).saturating_mul(per_page))
                .take(per_page)
                .collect();
            Ok(Reply::text(&json!(issues).to_string()))
        },
    },
    Tool {
        name: "get_issue",
        description: "Returns one issue of a repository.",
        arguments: "owner: string, repo: string, issue_number: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            let number: u64 = call.get("issue_number")?;
            Ok(if (1..=ISSUES).contains(&number) {
                Reply::text(&issue(number).to_string())
            } else {
                Reply::error("Not Found")
            })
        },
    },
    Tool {
        name: "search_issues",
        description: "Searches issues by a text in their title, and in their body if asked.",
        arguments: "query: string, in_body?: boolean, sort?: created|updated|comments, per_page?: integer",
        hints: Hints::ReadOnly,
        run: |call| {
            let query: String = call.get("query")?;
            let per_page = call.get_or("per_page", 30_usize)?.clamp(1, 100);
            let in_body = call.get_or("in_body", false)?;
            let has = |text: &Value| text.as_str().is_some_and(|text| text.contains(&query));
            let found: Vec<Value> = (1..=ISSUES)
                .map(issue)
                .filter(|issue| has(&issue["title"]) || in_body && has(&issue["body"]))
                .collect();
            let items = &found[..found.len().min(per_page)];
            Ok(Reply::text(
                &json!({ "total_count": found.len(), "items": items }).to_string(),
            ))
        },
    },
    Tool {
        name: "create_issue",
        description: "Creates an issue in a repository.",
        arguments: "owner: string, repo: string, title: string, body?: string, labels?: [string]",
        hints: Hints::Writes,
        run: |call| {
            let title: String = call.get("title")?;
            let body = call.get_or("body", String::new())?;
            let labels = call.get_or("labels", Vec::<String>::new())?;
            let created =
                json!({ "number": ISSUES + 1, "title": title, "body": body, "labels": labels });
            Ok(Reply::text(&created.to_string()))
        },
    },
    Tool {
        name: "add_comment",
        description: "Adds a comment to an issue.",
        arguments: "owner: string, repo: string, issue_number: integer, body: string",
        hints: Hints::Writes,
        run: |call| {
            let number: u64 = call.get("issue_number")?;
            let body: String = call.get("body")?;
            Ok(Reply::text(
                &json!({ "issue_number": number, "body": body }).to_string(),
            ))
        },
    },
    Tool {
        name: "get_user",
        description: "Returns a user by login.",
        arguments: "login: string",
        hints: Hints::ReadOnly,
        run: |call| {
            Ok(Reply::text(
                &user(&call.get::<String>("login")?).to_string(),
            ))
        },
    },
    Tool {
        name: "get_file",
        description: "Returns the text of a file of a repository.",
        arguments: "owner: string, repo: string, path: string",
        hints: Hints::ReadOnly,
        run: |call| {
            let path: String = call.get("path")?;
            Ok(Reply::text(&format!(
                "# {path}\n\nFirst line.\nSecond line.\n"
            )))
        },
    },
];

/// The issue of this number; even ones are closed. Ids are larger than a double holds exactly.
fn issue(number: u64) -> Value {
    let labels: &[&str] = if number.is_multiple_of(3) {
        &["bug"]
    } else {
        &[]
    };
    let closed = number.is_multiple_of(2);
    json!({
        "id": 9_007_199_254_740_993 + number * 2,
        "number": number,
        "title": format!("Crash in module {number}"),
        "state": if closed { "closed" } else { "open" },
        "labels": labels,
        "user": user(if closed { "grace" } else { "ada" }),
        "assignee": if closed { user("ada") } else { Value::Null },
        "comments": number - 1,
        "created_at": format!("2024-01-{number:02}T10:00:00Z"),
        "body": "It crashes.",
    })
}

fn user(login: &str) -> Value {
    json!({ "login": login, "html_url": format!("https://tracker.example/{login}") })
}
