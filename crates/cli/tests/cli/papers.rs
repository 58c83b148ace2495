//! What README.md and docs/ show is run: each fenced block of theirs, as a reader would run it.
//!
//! Lines of shell go to a shell in which `toolmill` is the built binary and has one fake server, `fake`.
//! A block without a language is what the shell block before it printed. Programs run with a fake
//! server behind each name that follows `tools.` in them. Settings are read by `toolmill trust`, which
//! starts no server. Any other block fails the test, by its file and line.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::place::{Place, fake, under};

/// A line of the papers which cannot be run as it is.
struct Stand {
    written: &'static str,
    why: &'static str,
    /// What is run for it, in the same shell; `$tests` is the binary of these tests.
    run: &'static str,
}

const STANDS: &[Stand] = &[
    Stand {
        written: "cargo run --release -- demo",
        why: "cargo would build, from the network; what it would then start is here",
        run: "toolmill demo",
    },
    Stand {
        written: "cargo test",
        why: "this test would run itself; that it is among what cargo starts can be shown",
        run: r#""$tests" --list | grep '^papers::.*: test$' >/dev/null"#,
    },
    Stand {
        written: "toolmill serve --http 127.0.0.1:8722",
        why: "the port may be another's, and it serves until it is ended",
        run: r#"coproc toolmill serve --http 127.0.0.1:0 2>&1
            served=$COPROC_PID
            grep --max-count 1 'serving http://127.0.0.1:' <&"${COPROC[0]}"
            kill "$served"
            wait "$served""#,
    },
];

/// A fenced block.
struct Block {
    /// `README.md:13 (sh)`
    name: String,
    language: String,
    text: String,
}

#[test]
fn every_block_of_the_papers_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md")];
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    files.extend(
        docs.map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
    );
    let mut failed = Vec::new();
    let mut used = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        let text = std::fs::read_to_string(&file).unwrap();
        failed.extend(failures(&name, &text, &mut used));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    for stand in STANDS {
        assert!(
            used.contains(&stand.written),
            "no paper has the line any more: {}",
            stand.written
        );
    }
}

#[test]
fn a_block_that_is_wrong_or_that_nothing_claims_fails_by_name() {
    let block = |language: &str, text: &str| format!("```{language}\n{text}\n```\n");
    let check = |document: &str, expected: &[&str]| {
        let failed = failures("P.md", document, &mut Vec::new());
        assert_eq!(failed.len(), expected.len(), "{document}{failed:#?}");
        for (failed, expected) in failed.iter().zip(expected) {
            assert!(
                failed.contains(expected),
                "{expected:?} is not in {failed:?}"
            );
        }
    };
    check(&block("rust", "1"), &["P.md:1 (rust): nothing claims"]);
    check(
        &block("sh", "toolmill list\nnpx -y server"),
        &["P.md:1 (sh): nothing claims the line `npx -y server`"],
    );
    check(
        &block("sh", "toolmill call fake.nothing"),
        &["unknown_tool"],
    );
    check(&block("", "printed by nobody"), &["no shell block"]);
    let echo = block(
        "sh",
        "# aloud\ntoolmill call fake.echo '{\"text\": \"1,000 hi\"}'",
    );
    check(&[&echo[..], &block("", "1,001 hi")].concat(), &[]);
    check(
        &[&echo[..], &block("", "1,100 hi")].concat(),
        &["P.md:5 (): `1,100 hi` is not printed"],
    );
    check(&block("toml", "[upstream.a]\ncommand = \"x\""), &[]);
    check(
        &block("toml", "[upstream.a]\ncomand = \"x\""),
        &["P.md:1 (toml)"],
    );
    let mcp = r#"{"mcpServers": {"a": {"command": "x"}}}"#;
    check(&block("json", mcp), &[]);
    check(&block("json", &mcp[1..]), &["P.md:1 (json)"]);
    check(&block("typescript", "await tools.a.add({a: 1, b: 2})"), &[]);
    check(
        &block("typescript", "await tools.a.add({a: 1})"),
        &["missing_argument"],
    );
    check(&block("python", "[]"), &["gives nothing"]);
    check(
        &block("python", "tools.a.add if False else 1"),
        &["calls nothing"],
    );
    check("text\n  ```sh\n  toolmill list\n", &["has no end"]);
}

/// What is wrong with the blocks of a paper. The lines that were stood for go to `used`.
fn failures(name: &str, text: &str, used: &mut Vec<&'static str>) -> Vec<String> {
    let blocks = match blocks(name, text) {
        Ok(blocks) => blocks,
        Err(error) => return vec![error],
    };
    let mut printed = None;
    let mut failed = Vec::new();
    for block in blocks {
        let outcome = match &block.language[..] {
            "sh" | "bash" => shell(&block.text, used).map(|output| printed = Some(output)),
            "" | "text" => is_printed(&block.text, printed.as_deref()),
            "python" | "typescript" => program(&block.language, &block.text),
            "toml" => settings("toolmill.toml", &block.text),
            "json" => settings("mcp.json", &block.text),
            _ => Err("nothing claims a block of this language".to_owned()),
        };
        failed.extend(
            outcome
                .err()
                .map(|error| format!("{}: {error}", block.name)),
        );
    }
    failed
}

fn blocks(name: &str, text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let start = line.trim_start();
        let Some(language) = start.strip_prefix("```") else {
            continue;
        };
        let (indent, language) = (line.len() - start.len(), language.trim().to_owned());
        let name = format!("{name}:{number} ({language})");
        let mut text = String::new();
        loop {
            let Some((line, _)) = lines.next() else {
                return Err(format!("{name}: it has no end"));
            };
            if line.trim() == "```" {
                break;
            }
            text.push_str(line.get(indent..).unwrap_or_default());
            text.push('\n');
        }
        blocks.push(Block {
            name,
            language,
            text,
        });
    }
    Ok(blocks)
}

/// Runs lines of shell and returns what they print.
fn shell(text: &str, used: &mut Vec<&'static str>) -> Result<String, String> {
    let mut script = String::new();
    for line in text.lines().map(str::trim) {
        let words = line
            .split_once(" #")
            .map_or(line, |(words, _)| words.trim());
        if let Some(stand) = STANDS.iter().find(|stand| stand.written == words) {
            used.push(stand.written);
            script.push_str(&format!("# {}\n{}\n", stand.why, stand.run));
        } else if line.is_empty() || line.starts_with('#') || line.starts_with("toolmill ") {
            script.push_str(&format!("{line}\n"));
        } else {
            return Err(format!("nothing claims the line `{line}`"));
        }
    }
    let place = Place::with_fake();
    std::fs::create_dir(place.path("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_toolmill"), place.path("bin/toolmill")).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut bash = Command::new("timeout");
    bash.args(["120", "bash", "-euo", "pipefail", "-c", &script]);
    let mut bash = under(bash, &place.command(&[]));
    bash.env("PATH", format!("{}:{path}", place.path("bin").display()))
        .env("tests", std::env::current_exe().unwrap());
    let output = bash.output().unwrap();
    if !output.status.success() {
        return Err(shown(&output));
    }
    Ok(String::from_utf8(output.stdout).unwrap())
}

/// Whether each line was printed, in this order.
fn is_printed(text: &str, printed: Option<&str>) -> Result<(), String> {
    let printed = printed.ok_or("no shell block that could have printed it comes before it")?;
    let mut rest = printed.lines();
    for line in text.lines() {
        if !rest.any(|printed| is_alike(line, printed)) {
            return Err(format!("`{line}` is not printed, or too early:\n{printed}"));
        }
    }
    Ok(())
}

/// Whether two lines have the same words, and numbers that differ by a hundredth at most: an answer
/// tells how long it took, and so a token more or less.
fn is_alike(one: &str, other: &str) -> bool {
    let number = |word: &str| word.replace(',', "").parse::<f64>().ok();
    let (one, other): (Vec<&str>, Vec<&str>) = (
        one.split_whitespace().collect(),
        other.split_whitespace().collect(),
    );
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            *one == other
                || number(one)
                    .zip(number(other))
                    .is_some_and(|(one, other)| (one - other).abs() <= other.abs() / 100.0)
        })
}

/// Runs a program, which has to give something, and to make calls where it names servers.
fn program(language: &str, text: &str) -> Result<(), String> {
    let mut servers: Vec<&str> = text
        .split("tools.")
        .skip(1)
        .filter_map(|rest| rest.split('.').next())
        .collect();
    servers.sort_unstable();
    servers.dedup();
    let stanzas: Vec<String> = servers.iter().map(|name| fake(name, &[])).collect();
    let (exit, report) = Place::new(&stanzas.concat()).run(language, text);
    let value = &report["value"];
    if exit != 0 {
        return Err(format!("{report:#}"));
    }
    if [Value::Null, json!([]), json!({}), json!("")].contains(value) {
        return Err(format!("it gives nothing: {report:#}"));
    }
    if !servers.is_empty() && report["calls"] == json!([]) {
        return Err(format!("it calls nothing: {report:#}"));
    }
    Ok(())
}

/// Whether settings are read; the same with an error in them must not be.
fn settings(file: &str, text: &str) -> Result<(), String> {
    let place = Place::new("");
    let read = |text: &str| {
        place.write(&format!("work/{file}"), text);
        let mut command = place.command(&["trust", "--config", file]);
        for part in text.split("${").skip(1) {
            let name = part.split(['}', ':']).next().unwrap_or_default();
            command.env(name, "given");
        }
        command.output().unwrap()
    };
    let output = read(text);
    if !output.status.success() {
        return Err(shown(&output));
    }
    let output = read(&format!("{text}\nnonsense = 1\n"));
    if output.status.code() != Some(5) {
        return Err(format!("nonsense is not noticed: {}", shown(&output)));
    }
    Ok(())
}

fn shown(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
