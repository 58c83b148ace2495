//! What settings say about which calls may pass.

use std::path::Path;

use anyhow::Result;
use gateway::policy::{Decision, MOST_RULES, Pattern, Rule, Rules};

use super::Source;
use super::document::{Table, shown};

/// Reads `policy` and `[rules]` of a file. Those of a project can only tighten.
pub(super) fn read(
    rules: &mut Rules,
    source: &Source,
    root: &Table,
    warnings: &mut Vec<String>,
) -> Result<()> {
    match root.text("policy")? {
        None => {}
        Some("careful") => rules.careful = true,
        Some("default") if source.own => rules.careful = false,
        Some("default") => {}
        Some(other) => {
            let problem = format!(
                "`policy` must be \"default\" or \"careful\", not \"{}\"",
                shown(other)
            );
            return Err(root.error("policy", &problem));
        }
    }
    let Some(table) = root.table("rules")? else {
        return Ok(());
    };
    if table.keys().count() > MOST_RULES {
        return Err(table.error("", &format!("[rules] holds more than {MOST_RULES} rules")));
    }
    for key in table.keys() {
        let mut rule = rule(&table, key, &source.path, source.own)?;
        if !source.own && rule.decision == Some(Decision::Allow) {
            let warning = format!(
                "`{}` = \"allow\" is ignored: a project cannot allow anything; move it to your own toolmill.toml",
                shown(key)
            );
            warnings.push(table.error(key, &warning).to_string());
            if rule.max_calls.is_none() {
                continue;
            }
            rule.decision = None;
        }
        rules.rules.push(rule);
    }
    Ok(())
}

fn rule(table: &Table, key: &str, file: &Path, own: bool) -> Result<Rule> {
    let known = "\"allow\", \"ask\" or \"deny\"";
    let (written, max_calls) = if table.is_table(key) {
        let one = table.table(key)?.expect("one of its keys");
        // TOML reads `github.create_issue = "ask"` as a table in a table.
        if let Some(inner) = one.keys().next().filter(|_| Pattern::new(key).is_err()) {
            let problem = format!(
                "unknown key `{}`{}; the name of a rule stands in quotes: \"{}.{}\" = \"ask\"",
                shown(inner),
                one.place(),
                shown(key),
                shown(inner)
            );
            return Err(one.error(inner, &problem));
        }
        one.only(&["policy", "max_calls"])?;
        let max_calls = one.number("max_calls")?.map(|calls| calls as u32);
        (one.text("policy")?.map(str::to_owned), max_calls)
    } else {
        (table.text(key)?.map(str::to_owned), None)
    };
    let decision = match &written {
        None => None,
        Some(written) => {
            let decision = Decision::ALL
                .into_iter()
                .find(|one| one.as_str() == written);
            if decision.is_none() {
                let problem = format!(
                    "rule \"{}\" must be {known}, not \"{}\"",
                    shown(key),
                    shown(written)
                );
                return Err(table.error(key, &problem));
            }
            decision
        }
    };
    if decision.is_none() && max_calls.is_none() {
        let problem = format!("rule \"{}\" says nothing; give it {known}", shown(key));
        return Err(table.error(key, &problem));
    }
    let pattern = Pattern::new(key)
        .map_err(|reason| table.error(key, &format!("rule \"{}\" {reason}", shown(key))))?;
    Ok(Rule {
        pattern,
        decision,
        max_calls,
        file: file.to_owned(),
        own,
    })
}

/// Whether a server's stanza trusts what the server says of its tools. A project does not decide that.
pub(super) fn trusts(source: &Source, table: &Table, warnings: &mut Vec<String>) -> Result<bool> {
    match table.text("trust")? {
        None => Ok(false),
        Some("annotations") if source.own => Ok(true),
        Some("annotations") => {
            let warning = format!(
                "`trust`{} is ignored: a project does not decide whom you trust; move the stanza to your own toolmill.toml",
                table.place()
            );
            warnings.push(table.error("trust", &warning).to_string());
            Ok(false)
        }
        Some(other) => {
            let problem = format!(
                "`trust`{} must be \"annotations\", not \"{}\"",
                table.place(),
                shown(other)
            );
            Err(table.error("trust", &problem))
        }
    }
}
