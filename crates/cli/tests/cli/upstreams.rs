//! Real servers, as people install them: tasks an agent is given, written as a model writes them, in
//! each language and through both doors, `run` and `serve`.
//!
//! `just upstreams` installs the servers and runs these; a plain `cargo test` passes them over.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};

use crate::place::Place;

/// What an agent is asked to do. In the programs `$PLACE` stands for the folder of the test.
struct Task {
    servers: &'static [&'static str],
    python: &'static str,
    typescript: &'static str,
    javascript: &'static str,
    value: Value,
    /// Files the program must have written, with their content.
    leaves: &'static [(&'static str, &'static str)],
}

impl Task {
    /// Runs each program in a place of its own through each door.
    fn check(&self) {
        let programs = [
            ("python", self.python),
            ("typescript", self.typescript),
            ("javascript", self.javascript),
        ];
        for (language, code) in programs {
            for (door, value) in [("run", by_run as Door), ("serve", by_serve)] {
                let context = format!("{language} by {door}");
                let place = furnished(self.servers);
                let folder = place.path("tree").parent().unwrap().to_owned();
                let code = code.replace("$PLACE", folder.to_str().unwrap());
                assert_eq!(value(&place, language, &code), self.value, "{context}");
                for (file, content) in self.leaves {
                    let found = std::fs::read_to_string(place.path(file)).unwrap();
                    assert_eq!(found, *content, "{file}, {context}");
                }
            }
        }
    }
}

/// A program's value, by one of the two ways to run it.
type Door = fn(&Place, &str, &str) -> Value;

fn by_run(place: &Place, language: &str, code: &str) -> Value {
    place.value(language, code)
}

fn by_serve(place: &Place, language: &str, code: &str) -> Value {
    let mut agent = place.serve();
    agent.initialize();
    let (text, is_error) = agent.execute(language, code);
    assert!(!is_error && text.starts_with("ok "), "{text}");
    let (_status, answer) = text.split_once('\n').unwrap();
    let value = answer.split("\n--- ").next().unwrap();
    serde_json::from_str(value).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A program of a real server, as npm or pip installed it.
fn installed(program: &str) -> PathBuf {
    let folder = std::env::var_os("TOOLMILL_UPSTREAMS")
        .expect("TOOLMILL_UPSTREAMS must name a folder of real servers; run `just upstreams`");
    let path = Path::new(&folder).join(program);
    assert!(
        path.exists(),
        "{} is missing; run `just upstreams`",
        path.display()
    );
    path
}

/// A place with these servers, a directory tree and a git repository.
fn furnished(servers: &[&str]) -> Place {
    let place = Place::new("");
    for (file, content) in [
        (
            "orders/2026-01.csv",
            "region,amount\nnorth,120\nsouth,80\nnorth,15\n",
        ),
        (
            "orders/2026-02.csv",
            "region,amount\nsouth,90\nwest,40\nnorth,225\n",
        ),
        ("orders/archive/2025-12.csv", "region,amount\nwest,60\n"),
        ("notes/todo.md", "- count the orders\n"),
    ] {
        let path = place.path("tree").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let repository = place.path("repository");
    std::fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "-q", "-b", "main"], "");
    for (day, author, lines) in [(1, "Ada", 3), (2, "Grace", 1), (3, "Ada", 2)] {
        let content = "line\n".repeat(lines);
        std::fs::write(repository.join(format!("{day}.txt")), content).unwrap();
        git(&repository, &["add", "."], "");
        git(
            &repository,
            &["commit", "-q", "-m", &format!("Day {day}")],
            &format!("{author} 2026-03-0{day}T12:00:00+0000"),
        );
    }
    // Some of their tools are marked destructive, and nobody is here to be asked.
    let rules = "[rules]\n\"*\" = \"allow\"\n".to_owned();
    let stanzas = servers.iter().map(|name| stanza(name, &place));
    let settings: String = std::iter::once(rules).chain(stanzas).collect();
    place.write("config/toolmill/toolmill.toml", &settings);
    place
}

/// Runs git without the settings of the user; `by` is a name and a date.
fn git(repository: &Path, arguments: &[&str], by: &str) {
    let (name, date) = by.split_once(' ').unwrap_or_default();
    let mut command = Command::new("git");
    command
        .args(arguments)
        .current_dir(repository)
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), name)
            .env(format!("GIT_{role}_EMAIL"), "someone@example.org")
            .env(format!("GIT_{role}_DATE"), date);
    }
    assert!(command.status().unwrap().success(), "git {arguments:?}");
}

/// The settings of a real server over standard input and output.
fn stanza(name: &str, place: &Place) -> String {
    let local = |file: &str| place.path(file).to_str().unwrap().to_owned();
    let (program, arguments) = match name {
        "files" => (
            "node_modules/.bin/mcp-server-filesystem",
            vec![local("tree")],
        ),
        "memory" => ("node_modules/.bin/mcp-server-memory", vec![]),
        "everything" => ("node_modules/.bin/mcp-server-everything", vec![]),
        "thinking" => ("node_modules/.bin/mcp-server-sequential-thinking", vec![]),
        "git" => (
            "venv/bin/mcp-server-git",
            vec!["--repository".into(), local("repository")],
        ),
        "time" => ("venv/bin/mcp-server-time", vec![]),
        "sqlite" => (
            "venv-sqlite/bin/mcp-server-sqlite",
            vec!["--db-path".into(), local("test.db")],
        ),
        other => panic!("no server is called {other}"),
    };
    let env = match name {
        "memory" => format!(
            "env = {{ MEMORY_FILE_PATH = {:?} }}\n",
            local("graph.jsonl")
        ),
        _ => String::new(),
    };
    format!(
        "[upstream.{name}]\ncommand = {:?}\nargs = {arguments:?}\n{env}",
        installed(program)
    )
}

/// `server-everything` over streamable HTTP; ends when dropped.
struct HttpServer {
    child: Child,
    port: u16,
    /// Kept open, or the server would fail when it logs.
    _stderr: BufReader<ChildStderr>,
}

impl HttpServer {
    fn start() -> HttpServer {
        // The server cannot say which port it was given, so one is chosen that is free now.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = Command::new(installed("node_modules/.bin/mcp-server-everything"))
            .arg("streamableHttp")
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("listening on port") {
            let length = stderr.read_line(&mut said).unwrap();
            assert!(length > 0, "the server ended: {said}");
        }
        HttpServer {
            child,
            port,
            _stderr: stderr,
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs real servers: just upstreams"]
fn files_are_found_read_filtered_grouped_and_summarised() {
    Task {
        servers: &["files"],
        python: r#"
import json

root = "$PLACE/tree"

def walk(nodes, folder):
    for node in nodes:
        path = f"{folder}/{node['name']}"
        if node["type"] == "directory":
            yield from walk(node["children"], path)
        else:
            yield path

tree = json.loads(tools.files.directory_tree(path=root)["content"])
totals = {}
for path in walk(tree, root):
    if not path.endswith(".csv"):
        continue
    text = tools.files.read_text_file(path=path)["content"]
    for line in text.splitlines()[1:]:
        region, amount = line.split(",")
        if int(amount) >= 50:
            totals[region] = totals.get(region, 0) + int(amount)

report = "".join(f"{region} {total}\n" for region, total in sorted(totals.items()))
tools.files.write_file(path=f"{root}/summary.txt", content=report)
totals
"#,
        typescript: r#"
interface Entry { name: string; type: "file" | "directory"; children?: Entry[] }

const root = "$PLACE/tree";
const files: string[] = [];
function walk(entries: Entry[], folder: string): void {
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.type === "directory") walk(entry.children ?? [], path);
    else files.push(path);
  }
}

const { content } = await tools.files.directory_tree({ path: root });
walk(JSON.parse(content) as Entry[], root);

const totals: Record<string, number> = {};
for (const path of files.filter(f => f.endsWith(".csv"))) {
  const text: string = (await tools.files.read_text_file({ path })).content;
  for (const line of text.trim().split("\n").slice(1)) {
    const [region, amount] = line.split(",");
    if (Number(amount) >= 50) totals[region] = (totals[region] ?? 0) + Number(amount);
  }
}

const report = Object.entries(totals).sort().map(([r, t]) => `${r} ${t}\n`).join("");
await tools.files.write_file({ path: `${root}/summary.txt`, content: report });
return totals;
"#,
        javascript: r#"
const root = "$PLACE/tree";
const found = await tools.files.search_files({ path: root, pattern: "**/*.csv" });
const paths = found.content.split("\n");
const texts = await Promise.all(paths.map(async path => (await tools.files.readTextFile({ path })).content));

const totals = {};
texts
  .flatMap(text => text.trim().split("\n").slice(1))
  .map(line => line.split(","))
  .filter(([, amount]) => amount >= 50)
  .forEach(([region, amount]) => { totals[region] = (totals[region] || 0) + Number(amount); });

const report = Object.keys(totals).sort().map(r => `${r} ${totals[r]}\n`).join("");
await tools.files.writeFile({ path: root + "/summary.txt", content: report });
totals
"#,
        value: json!({"north": 345, "south": 170, "west": 60}),
        leaves: &[("tree/summary.txt", "north 345\nsouth 170\nwest 60\n")],
    }
    .check();
}

#[test]
#[ignore = "needs real servers: just upstreams"]
fn a_git_log_is_read_and_each_commit_is_looked_into() {
    Task {
        servers: &["git"],
        python: r#"
import asyncio, re

repo = "$PLACE/repository"
log = tools.git.git_log(repo_path=repo, max_count=20)
commits = re.findall(r"Commit: (\w+)\nAuthor: (.*)\nDate: (\S+).*\nMessage: (.*)", log)
shown = await asyncio.gather(*[tools.git.git_show(repo_path=repo, revision=c[0]) for c in commits])

added = {}
for (_, author, _, _), diff in zip(commits, shown):
    lines = [l for l in diff.splitlines() if l.startswith("+") and not l.startswith("+++")]
    added[author] = added.get(author, 0) + len(lines)
{"added": added, "log": [f"{date} {message}" for _, _, date, message in commits]}
"#,
        typescript: r#"
const repo_path = "$PLACE/repository";
const log: string = await tools.git.git_log({ repo_path, max_count: 20 });
const commits = [...log.matchAll(/Commit: (\w+)\nAuthor: (.*)\nDate: (\S+).*\nMessage: (.*)/g)]
  .map(([, sha, author, date, message]) => ({ sha, author, date, message }));

const added: Record<string, number> = {};
for (const { sha, author } of commits) {
  const diff: string = await tools.git.git_show({ repo_path, revision: sha });
  added[author] = (added[author] ?? 0) + diff.split("\n").filter(l => /^\+(?!\+\+)/.test(l)).length;
}
({ added, log: commits.map(c => `${c.date} ${c.message}`) })
"#,
        javascript: r#"
const repo_path = "$PLACE/repository";
const log = await tools.git.gitLog({ repo_path });
const field = (block, name) => block.match(new RegExp(`^${name}: (.*)$`, "m"))[1];
const commits = log.split(/^(?=Commit: )/m).filter(block => block.startsWith("Commit: "));
const diffs = await Promise.all(
  commits.map(c => tools.git.gitShow({ repo_path, revision: field(c, "Commit") })));

const added = {};
commits.forEach((c, i) => {
  const lines = diffs[i].split("\n").filter(l => l.startsWith("+") && !l.startsWith("+++"));
  added[field(c, "Author")] = (added[field(c, "Author")] || 0) + lines.length;
});
return { added, log: commits.map(c => `${field(c, "Date").slice(0, 10)} ${field(c, "Message")}`) };
"#,
        value: json!({
            "added": {"Ada": 5, "Grace": 1},
            "log": ["2026-03-03 Day 3", "2026-03-02 Day 2", "2026-03-01 Day 1"],
        }),
        leaves: &[],
    }
    .check();
}

#[test]
#[ignore = "needs real servers: just upstreams"]
fn a_table_is_created_filled_and_queried() {
    Task {
        servers: &["sqlite"],
        // The server answers with the text of a Python list.
        python: r#"
import ast

tools.sqlite.create_table(query="CREATE TABLE books (title TEXT, year INTEGER, copies INTEGER)")
for title, year, copies in [("Emma", 1815, 3), ("Middlemarch", 1871, 2), ("Silas Marner", 1861, 4)]:
    tools.sqlite.write_query(query=f"INSERT INTO books VALUES ('{title}', {year}, {copies})")
rows = tools.sqlite.read_query(query="SELECT title, copies FROM books WHERE year > 1850 ORDER BY year")
rows = ast.literal_eval(rows)
{"rows": rows, "copies": sum(r["copies"] for r in rows)}
"#,
        typescript: r#"
type Row = { title: string; copies: number };

await tools.sqlite.create_table({ query: "CREATE TABLE books (title TEXT, year INTEGER, copies INTEGER)" });
await tools.sqlite.write_query({
  query: "INSERT INTO books VALUES ('Emma', 1815, 3), ('Middlemarch', 1871, 2), ('Silas Marner', 1861, 4)",
});
const answer: string = await tools.sqlite.read_query({
  query: "SELECT title, copies FROM books WHERE year > 1850 ORDER BY year",
});
const rows: Row[] = JSON.parse(answer.replace(/'/g, '"'));
({ rows, copies: rows.reduce((sum, row) => sum + row.copies, 0) })
"#,
        javascript: r#"
const books = [["Emma", 1815, 3], ["Middlemarch", 1871, 2], ["Silas Marner", 1861, 4]];
await tools.sqlite.createTable({ query: "CREATE TABLE books (title TEXT, year INTEGER, copies INTEGER)" });
const values = books.map(([title, year, copies]) => `('${title}', ${year}, ${copies})`).join(", ");
await tools.sqlite.writeQuery({ query: `INSERT INTO books VALUES ${values}` });
const answer = await tools.sqlite.readQuery({
  query: "SELECT title, copies FROM books WHERE year > 1850 ORDER BY year",
});
const rows = JSON.parse(answer.replaceAll("'", '"'));
return { rows, copies: rows.map(r => r.copies).reduce((a, b) => a + b) };
"#,
        value: json!({
            "rows": [{"title": "Silas Marner", "copies": 4}, {"title": "Middlemarch", "copies": 2}],
            "copies": 6,
        }),
        leaves: &[],
    }
    .check();
}

#[test]
#[ignore = "needs real servers: just upstreams"]
fn times_are_converted() {
    Task {
        servers: &["time"],
        // None of these zones has summer time.
        python: r#"
result = {}
for zone in ["Asia/Tokyo", "Asia/Kolkata", "UTC"]:
    r = tools.time.convert_time(source_timezone="Asia/Dubai", time="14:30", target_timezone=zone)
    result[zone] = [r["target"]["datetime"][11:], r["time_difference"], r["target"]["is_dst"]]
"#,
        typescript: r#"
const zones: string[] = ["Asia/Tokyo", "Asia/Kolkata", "UTC"];
const result: Record<string, [string, string, boolean]> = {};
for (const target_timezone of zones) {
  const { target, time_difference } = await tools.time.convert_time({
    source_timezone: "Asia/Dubai", time: "14:30", target_timezone,
  });
  result[target_timezone] = [target.datetime.split("T")[1], time_difference, target.is_dst];
}
return result;
"#,
        javascript: r#"
const zones = ["Asia/Tokyo", "Asia/Kolkata", "UTC"];
const converted = await Promise.all(zones.map(zone => tools.time.convertTime({
  source_timezone: "Asia/Dubai", time: "14:30", target_timezone: zone,
})));
Object.fromEntries(converted.map(({ target, time_difference }) =>
  [target.timezone, [target.datetime.slice(11), time_difference, target.is_dst]]))
"#,
        value: json!({
            "Asia/Tokyo": ["19:30:00+09:00", "+5.0h", false],
            "Asia/Kolkata": ["16:00:00+05:30", "+1.5h", false],
            "UTC": ["10:30:00+00:00", "-4.0h", false],
        }),
        leaves: &[],
    }
    .check();
}

#[test]
#[ignore = "needs real servers: just upstreams"]
fn a_graph_of_memories_is_made_and_read() {
    Task {
        servers: &["memory"],
        python: r#"
people = {"Ada": "wrote the notes", "Charles": "built the engine"}
tools.memory.create_entities(entities=[
    {"name": name, "entityType": "person", "observations": [did]} for name, did in people.items()
])
tools.memory.create_relations(relations=[{"from": "Ada", "to": "Charles", "relationType": "helps"}])
tools.memory.add_observations(observations=[{"entityName": "Ada", "contents": ["likes horses"]}])

graph = tools.memory.read_graph()
found = tools.memory.search_nodes(query="engine")
{
    "people": {e["name"]: e["observations"] for e in graph["entities"]},
    "relations": graph["relations"],
    "found": [e["name"] for e in found["entities"]],
}
"#,
        typescript: r#"
interface Entity { name: string; entityType: string; observations: string[] }

const entities: Entity[] = [
  { name: "Ada", entityType: "person", observations: ["wrote the notes"] },
  { name: "Charles", entityType: "person", observations: ["built the engine"] },
];
await tools.memory.create_entities({ entities });
await tools.memory.create_relations({ relations: [{ from: "Ada", to: "Charles", relationType: "helps" }] });
await tools.memory.add_observations({ observations: [{ entityName: "Ada", contents: ["likes horses"] }] });

const graph = await tools.memory.read_graph({});
const found = await tools.memory.search_nodes({ query: "engine" });
return {
  people: Object.fromEntries(graph.entities.map((e: Entity) => [e.name, e.observations])),
  relations: graph.relations,
  found: found.entities.map((e: Entity) => e.name),
};
"#,
        javascript: r#"
await tools.memory.createEntities({ entities: [
  { name: "Ada", entityType: "person", observations: ["wrote the notes", "likes horses"] },
  { name: "Charles", entityType: "person", observations: ["built the engine"] },
] });
await tools.memory.createRelations({ relations: [{ from: "Ada", to: "Charles", relationType: "helps" }] });

const [graph, found] = await Promise.all([
  tools.memory.readGraph(),
  tools.memory.searchNodes({ query: "engine" }),
]);
const people = {};
for (const { name, observations } of graph.entities) people[name] = observations;
({ people, relations: graph.relations, found: found.entities.map(e => e.name) })
"#,
        value: json!({
            "people": {"Ada": ["wrote the notes", "likes horses"], "Charles": ["built the engine"]},
            "relations": [{"from": "Ada", "to": "Charles", "relationType": "helps"}],
            "found": ["Charles"],
        }),
        leaves: &[],
    }
    .check();
}

#[test]
#[ignore = "needs real servers: just upstreams"]
fn failing_calls_are_caught_as_tool_errors() {
    Task {
        servers: &["files", "time"],
        python: r#"
caught = {}
for name, call in {
    "missing": lambda: tools.files.read_text_file(path="$PLACE/tree/none.txt"),
    "outside": lambda: tools.files.list_directory(path="/etc"),
    "zone": lambda: tools.time.get_current_time(timezone="Mars/Olympus"),
}.items():
    try:
        call()
    except ToolError as e:
        words = ["ENOENT", "Access denied", "Invalid timezone"]
        caught[name] = [e.code, e.tool, [w for w in words if w in str(e)]]
caught
"#,
        typescript: r#"
const calls: Record<string, () => Promise<unknown>> = {
  missing: () => tools.files.read_text_file({ path: "$PLACE/tree/none.txt" }),
  outside: () => tools.files.list_directory({ path: "/etc" }),
  zone: () => tools.time.get_current_time({ timezone: "Mars/Olympus" }),
};
const words = ["ENOENT", "Access denied", "Invalid timezone"];
const caught: Record<string, unknown[]> = {};
for (const [name, call] of Object.entries(calls)) {
  try {
    await call();
  } catch (e) {
    if (!(e instanceof ToolError)) throw e;
    caught[name] = [e.code, e.tool, words.filter(w => e.message.includes(w))];
  }
}
return caught;
"#,
        javascript: r#"
const [missing, outside, zone] = (await Promise.allSettled([
  tools.files.readTextFile({ path: "$PLACE/tree/none.txt" }),
  tools.files.listDirectory({ path: "/etc" }),
  tools.time.getCurrentTime({ timezone: "Mars/Olympus" }),
])).map(({ reason: e }) => [
  e.code, e.tool, ["ENOENT", "Access denied", "Invalid timezone"].filter(w => e.message.includes(w)),
]);
({ missing, outside, zone })
"#,
        value: json!({
            "missing": ["tool_error", "files.read_text_file", ["ENOENT"]],
            "outside": ["tool_error", "files.list_directory", ["Access denied"]],
            "zone": ["tool_error", "time.get_current_time", ["Invalid timezone"]],
        }),
        leaves: &[],
    }
    .check();
}

#[test]
#[ignore = "needs real servers: just upstreams"]
fn one_program_joins_five_servers() {
    Task {
        servers: &["files", "git", "memory", "sqlite", "time"],
        python: r#"
import ast, re

tools.sqlite.create_table(query="CREATE TABLE commits (author TEXT, at TEXT)")
log = tools.git.git_log(repo_path="$PLACE/repository")
for author, at in re.findall(r"Author: (.*)\nDate: \S+ (\d\d:\d\d)", log):
    tokyo = tools.time.convert_time(source_timezone="UTC", time=at, target_timezone="Asia/Tokyo")
    at = tokyo["target"]["datetime"][11:16]
    tools.sqlite.write_query(query=f"INSERT INTO commits VALUES ('{author}', '{at}')")

rows = ast.literal_eval(tools.sqlite.read_query(
    query="SELECT author, count(*) AS n, max(at) AS at FROM commits GROUP BY author ORDER BY author"))
lines = [f"{r['author']}: {r['n']}, last at {r['at']}" for r in rows]
tools.memory.create_entities(entities=[
    {"name": r["author"], "entityType": "author", "observations": [line]}
    for r, line in zip(rows, lines)
])
tools.files.write_file(path="$PLACE/tree/authors.txt", content="\n".join(lines) + "\n")
[e["observations"][0] for e in tools.memory.read_graph()["entities"]]
"#,
        typescript: r#"
await tools.sqlite.create_table({ query: "CREATE TABLE commits (author TEXT, at TEXT)" });
const log: string = await tools.git.git_log({ repo_path: "$PLACE/repository" });
for (const [, author, time] of log.matchAll(/Author: (.*)\nDate: \S+ (\d\d:\d\d)/g)) {
  const tokyo = await tools.time.convert_time({
    source_timezone: "UTC", time, target_timezone: "Asia/Tokyo",
  });
  const at = tokyo.target.datetime.slice(11, 16);
  await tools.sqlite.write_query({ query: `INSERT INTO commits VALUES ('${author}', '${at}')` });
}

const answer: string = await tools.sqlite.read_query({
  query: "SELECT author, count(*) AS n, max(at) AS at FROM commits GROUP BY author ORDER BY author",
});
const rows: { author: string; n: number; at: string }[] = JSON.parse(answer.replaceAll("'", '"'));
const line = (r: typeof rows[number]) => `${r.author}: ${r.n}, last at ${r.at}`;
await tools.memory.create_entities({
  entities: rows.map(r => ({ name: r.author, entityType: "author", observations: [line(r)] })),
});
await tools.files.write_file({
  path: "$PLACE/tree/authors.txt",
  content: rows.map(r => line(r) + "\n").join(""),
});
return (await tools.memory.read_graph({})).entities.map((e: any) => e.observations[0]);
"#,
        javascript: r#"
const { files, git, memory, sqlite, time } = tools;
await sqlite.createTable({ query: "CREATE TABLE commits (author TEXT, at TEXT)" });
const log = await git.gitLog({ repo_path: "$PLACE/repository" });
const commits = await Promise.all(
  [...log.matchAll(/Author: (.*)\nDate: \S+ (\d\d:\d\d)/g)].map(async ([, author, at]) => {
    const tokyo = await time.convertTime({
      source_timezone: "UTC", time: at, target_timezone: "Asia/Tokyo",
    });
    return `('${author}', '${tokyo.target.datetime.slice(11, 16)}')`;
  }));
await sqlite.writeQuery({ query: "INSERT INTO commits VALUES " + commits.join(", ") });

const rows = JSON.parse((await sqlite.readQuery({
  query: "SELECT author, count(*) AS n, max(at) AS at FROM commits GROUP BY author ORDER BY author",
})).replaceAll("'", '"'));
const entities = rows.map(r => ({
  name: r.author,
  entityType: "author",
  observations: [`${r.author}: ${r.n}, last at ${r.at}`],
}));
await memory.createEntities({ entities });
const content = entities.map(e => e.observations[0] + "\n").join("");
await files.writeFile({ path: "$PLACE/tree/authors.txt", content });
const graph = await memory.readGraph();
graph.entities.map(e => e.observations[0])
"#,
        value: json!(["Ada: 2, last at 21:00", "Grace: 1, last at 21:00"]),
        leaves: &[(
            "tree/authors.txt",
            "Ada: 2, last at 21:00\nGrace: 1, last at 21:00\n",
        )],
    }
    .check();
}

/// Fifty waits of a second each can only end within ten when they run at the same time.
#[test]
#[ignore = "needs real servers: just upstreams"]
fn fifty_calls_run_at_once_over_pipes_and_over_http() {
    let python = r#"
import asyncio, time

echoes = await asyncio.gather(*[tools.everything.echo(message=f"n{i}") for i in range(50)])
begun = time.monotonic()
waits = await asyncio.gather(*[
    tools.everything.trigger_long_running_operation(duration=1, steps=1) for _ in range(50)
])
{
    "in_order": echoes == [f"Echo: n{i}" for i in range(50)],
    "waits": len(waits),
    "said": waits[0],
    "at_once": time.monotonic() - begun < 10,
}
"#;
    let typescript = r#"
const numbers: number[] = Array.from({ length: 50 }, (_, i) => i);
const echoes: string[] = await Promise.all(numbers.map(i => tools.everything.echo({ message: `n${i}` })));
const begun = Date.now();
const waits: string[] = await Promise.all(
  numbers.map(() => tools.everything.trigger_long_running_operation({ duration: 1, steps: 1 })));
return {
  in_order: echoes.every((echo, i) => echo === `Echo: n${i}`),
  waits: waits.length,
  said: waits[0],
  at_once: Date.now() - begun < 10000,
};
"#;
    let javascript = r#"
const echoes = [];
for (let i = 0; i < 50; i++) echoes.push(tools.everything.echo({ message: "n" + i }));
const texts = await Promise.all(echoes);
const begun = Date.now();
const waits = await Promise.all(new Array(50).fill(0).map(
  () => tools.everything.triggerLongRunningOperation({ duration: 1, steps: 1 })));
({
  in_order: texts.join() === texts.map((_, i) => "Echo: n" + i).join(),
  waits: waits.length,
  said: waits[0],
  at_once: Date.now() - begun < 10000,
})
"#;
    let expected = json!({
        "in_order": true,
        "waits": 50,
        "said": "Long running operation completed. Duration: 1 seconds, Steps: 1.",
        "at_once": true,
    });
    Task {
        servers: &["everything"],
        python,
        typescript,
        javascript,
        value: expected.clone(),
        leaves: &[],
    }
    .check();
    let server = HttpServer::start();
    let settings = format!(
        "[upstream.everything]\nurl = \"http://127.0.0.1:{}/mcp\"\n",
        server.port
    );
    for (language, code) in [
        ("python", python),
        ("typescript", typescript),
        ("javascript", javascript),
    ] {
        for door in [by_run, by_serve] {
            let place = Place::new(&settings);
            assert_eq!(
                door(&place, language, code),
                expected,
                "{language} over HTTP"
            );
        }
    }
}

#[test]
#[ignore = "needs real servers: just upstreams"]
fn search_finds_the_tools_that_the_tasks_use() {
    let place = furnished(&["everything", "files", "git", "memory", "sqlite", "time"]);
    // Waits for every server, which a search does not; what they list is remembered.
    assert!(place.output(&["tools"]).status.success());
    let mut agent = place.serve();
    agent.initialize();
    for (query, path) in [
        (
            "tree of the files in a folder",
            "tools.files.directory_tree(path: str",
        ),
        ("read a file", "tools.files.read_text_file(path: str"),
        (
            "write a file",
            "tools.files.write_file(path: str, content: str)",
        ),
        ("commit history", "tools.git.git_log(repo_path: str"),
        ("run SQL select", "tools.sqlite.read_query(query: str)"),
        ("create table", "tools.sqlite.create_table(query: str)"),
        (
            "convert time between time zones",
            "tools.time.convert_time(",
        ),
        (
            "create entities in knowledge graph",
            "tools.memory.create_entities(",
        ),
        (
            "add two numbers",
            "tools.everything.get_sum(a: float, b: float)",
        ),
    ] {
        let (text, is_error) = agent.call("search_tools", json!({"queries": [query], "limit": 5}));
        assert!(!is_error && text.contains(path), "{query}: {text}");
        assert!(!text.contains("not searched"), "{text}");
    }
}

/// Of the servers whose tools are recorded in `catalogs`, those that work without a network.
#[test]
#[ignore = "needs real servers: just upstreams"]
fn results_of_real_servers_are_learned() {
    let servers = [
        "everything",
        "files",
        "git",
        "memory",
        "sqlite",
        "thinking",
        "time",
    ];
    let place = furnished(&servers);
    let folder = place.path("tree").parent().unwrap().to_owned();
    place.write("tree/planted.json", r#"{"planted": 1}"#);
    let code = r#"
tree, repo = "$PLACE/tree", "$PLACE/repository"
t = tools
calls = [
    lambda: t.everything.echo(message="planted"),
    lambda: t.everything.get_annotated_message(messageType="success"),
    lambda: t.everything.get_env(),
    lambda: t.everything.get_resource_links(count=2),
    lambda: t.everything.get_resource_reference(resourceType="Text", resourceId=1),
    lambda: t.everything.get_structured_content(location="Chicago"),
    lambda: t.everything.get_sum(a=1, b=2),
    lambda: t.everything.get_tiny_image(),
    lambda: t.everything.trigger_long_running_operation(duration=0.1, steps=1),
    lambda: t.files.create_directory(path=tree + "/planted"),
    lambda: t.files.directory_tree(path=tree),
    lambda: t.files.get_file_info(path=tree + "/notes/todo.md"),
    lambda: t.files.list_allowed_directories(),
    lambda: t.files.list_directory(path=tree),
    lambda: t.files.list_directory_with_sizes(path=tree),
    lambda: t.files.read_multiple_files(paths=[tree + "/notes/todo.md"]),
    lambda: t.files.read_text_file(path=tree + "/notes/todo.md"),
    lambda: t.files.search_files(path=tree, pattern="**/*.md"),
    lambda: t.files.read_text_file(path=tree + "/planted.json"),
    lambda: t.git.git_branch(repo_path=repo, branch_type="local"),
    lambda: t.git.git_create_branch(repo_path=repo, branch_name="planted"),
    lambda: t.git.git_diff(repo_path=repo, target="planted"),
    lambda: t.git.git_diff_staged(repo_path=repo),
    lambda: t.git.git_diff_unstaged(repo_path=repo),
    lambda: t.git.git_log(repo_path=repo),
    lambda: t.git.git_show(repo_path=repo, revision="HEAD"),
    lambda: t.git.git_status(repo_path=repo),
    lambda: t.memory.create_entities(entities=[{"name": "planted", "entityType": "planted", "observations": ["planted"]}]),
    lambda: t.memory.read_graph(),
    lambda: t.sqlite.create_table(query="CREATE TABLE planted (planted TEXT, id INTEGER)"),
    lambda: t.sqlite.write_query(query="INSERT INTO planted VALUES ('planted', 1)"),
    lambda: t.sqlite.read_query(query="SELECT * FROM planted"),
    lambda: t.sqlite.list_tables(),
    lambda: t.sqlite.describe_table(table_name="planted"),
    lambda: t.sqlite.append_insight(insight="planted"),
    lambda: t.thinking.sequentialthinking(thought="planted", nextThoughtNeeded=False, thoughtNumber=1, totalThoughts=1),
    lambda: t.time.get_current_time(timezone="Asia/Tokyo"),
]
failed = []
for call in calls:
    try:
        call()
    except ToolError as error:
        failed.append(str(error))
failed
"#;
    let code = code.replace("$PLACE", folder.to_str().unwrap());
    assert_eq!(by_run(&place, "python", &code), json!([]));
    let output = place.output(&["tools"]);
    let listed = String::from_utf8(output.stdout).unwrap();
    let learned: Vec<String> = listed
        .lines()
        .filter(|line| line.contains(" observed ×"))
        .map(|line| {
            let (call, result) = line.trim().split_once('(').unwrap();
            let (_, result) = result.rsplit_once(") -> ").unwrap();
            format!("{call} -> {result}")
        })
        .collect();
    insta::assert_snapshot!(learned.join("\n"), @"
    tools.everything.echo -> str observed ×1
    tools.everything.get_annotated_message -> str observed ×1
    tools.everything.get_env -> {PATH: str, ...} observed ×1
    tools.everything.get_resource_links -> [str|{name: str, uri: str, description: str, mimeType: str, type: str}] observed ×1
    tools.everything.get_resource_reference -> [str|{type: str, resource: {uri: str, mimeType: str, text: str}}] observed ×1
    tools.everything.get_sum -> str observed ×1
    tools.everything.trigger_long_running_operation -> str observed ×1
    tools.files.directory_tree -> {content: str of JSON [{name: str, type: str, children?: [dict]}]} observed ×1
    tools.git.git_branch -> str observed ×1
    tools.git.git_create_branch -> str observed ×1
    tools.git.git_diff -> str observed ×1
    tools.git.git_diff_staged -> str observed ×1
    tools.git.git_diff_unstaged -> str observed ×1
    tools.git.git_log -> str observed ×1
    tools.git.git_show -> str observed ×1
    tools.git.git_status -> str observed ×1
    tools.sqlite.append_insight -> str observed ×1
    tools.sqlite.create_table -> str observed ×1
    tools.sqlite.describe_table -> str observed ×1
    tools.sqlite.list_tables -> str observed ×1
    tools.sqlite.read_query -> str observed ×1
    tools.sqlite.write_query -> str observed ×1
    ");
    let kept: String = std::fs::read_dir(place.path("state/toolmill/observed"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(!kept.contains("planted"), "{kept}");
}
