//! Search as agents, programs and scripts meet it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::place::{Agent, Place, fake};

/// What `toolmill search` prints.
fn search(place: &Place, arguments: &[&str]) -> String {
    let output = place.output(&[&["search"], arguments].concat());
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    said
}

fn rows(place: &Place, arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&search(place, &[&["--json"], arguments].concat())).unwrap()
}

#[test]
fn a_program_gets_what_it_finds_as_a_list() {
    let place = Place::with_fake();
    for (language, program) in [
        (
            "python",
            "rows = search_tools('add numbers', limit=1)\n[rows[0]['path'], call_tool(rows[0]['path'], a=1, b=2)]",
        ),
        (
            "javascript",
            "const rows = await search_tools({queries: ['add numbers'], limit: 1}); [rows[0].path, await call_tool(rows[0].path, {a: 1, b: 2})]",
        ),
    ] {
        let value = place.value(language, program);
        assert_eq!(value[0], "tools.fake.add", "{language}");
        assert_eq!(value[1]["sum"], 3.0, "{language}");
    }
    let value = place.value("python", "search_tools(['add numbers', 'write key'])");
    let found = value.as_array().unwrap();
    let queries: Vec<&Value> = found.iter().map(|row| &row["query"]).collect();
    assert!(queries.contains(&&json!("add numbers")) && queries.contains(&&json!("write key")));
    for row in found {
        let signature = row["signature"].as_str().unwrap();
        assert!(
            signature.starts_with(row["path"].as_str().unwrap()),
            "{row}"
        );
        assert!(
            row["description"].is_string() && row["score"].is_f64(),
            "{row}"
        );
    }
    let (_, error) = place.error("python", "search_tools('x', server='nowhere')");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("no server \"nowhere\""), "{message}");
    let (_, error) = place.error("python", "search_tools()");
    assert_eq!(error["code"], "invalid_argument");
}

#[test]
fn tools_that_ask_or_are_denied_are_marked_wherever_they_are_found() {
    let settings = format!("{}[rules]\n\"fake.write\" = \"deny\"\n", fake("fake", &[]));
    let place = Place::new(&settings);
    // What a tool's line ends with, or nothing.
    let mark = |text: &str, path: &str| {
        let line = text.lines().find(|line| {
            let rest = line.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['(', ' ']))
        });
        let line = line.unwrap_or_else(|| panic!("no {path}: {text}"));
        line.split_once(" · ").map(|(_, mark)| mark.to_owned())
    };
    let (asks, denied) = (Some("asks".to_owned()), Some("denied".to_owned()));
    let expected = [
        ("erase", "tools.fake.erase", asks),
        ("write", "tools.fake.write", denied),
        ("echo", "tools.fake.echo", None),
    ];
    let mut agent = place.serve();
    agent.initialize();
    for (query, path, wanted) in &expected {
        for detail in ["name", "description", "signature", "full"] {
            let arguments = json!({"queries": [query], "detail": detail, "limit": 20});
            let (text, _) = agent.call("search_tools", arguments);
            assert_eq!(&mark(&text, path), wanted, "{detail}: {text}");
        }
        let text = search(&place, &["--limit", "20", query]);
        assert_eq!(&mark(&text, path), wanted, "{text}");
        let of_path = |rows: &[Value]| {
            let row = rows.iter().find(|row| row["path"] == *path).unwrap();
            row.get("policy")
                .map(|said| said.as_str().unwrap().to_owned())
        };
        let found = rows(&place, &["--limit", "20", query]);
        assert_eq!(&of_path(&found), wanted);
        for (language, code) in [
            ("python", format!("search_tools('{query}', limit=20)")),
            (
                "typescript",
                format!("return await search_tools('{query}', {{limit: 20}})"),
            ),
        ] {
            let found = place.value(language, &code);
            assert_eq!(&of_path(found.as_array().unwrap()), wanted, "{language}");
        }
    }
    // What the rules are now, not what they were.
    place.write("config/toolmill/toolmill.toml", &fake("fake", &[]));
    assert!(place.output(&["reload"]).status.success());
    let (text, _) = agent.call("search_tools", json!({"queries": ["write"], "limit": 20}));
    assert_eq!(mark(&text, "tools.fake.write"), None, "{text}");
}

#[test]
fn a_score_is_explained_as_the_sum_that_it_is() {
    let place = Place::with_fake();
    let text = search(&place, &["--explain", "--limit", "1", "add numbers"]);
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("score: "))
        .expect("an explanation");
    let (score, sum) = line.split_once(" = ").unwrap();
    let parts: f64 = sum
        .split(" + ")
        .map(|part| part.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    // Each is rounded to two digits.
    assert!(
        (parts - score.parse::<f64>().unwrap()).abs() < 0.1,
        "{line}"
    );
    assert!(line.contains("name \"add\""), "{line}");
    let rows = rows(&place, &["--explain", "--limit", "1", "add numbers"]);
    assert!(rows[0]["why"].as_str().unwrap().contains("name \"add\""));
}

#[test]
fn tools_that_were_of_use_in_this_folder_come_before_their_like() {
    // The same tools twice: nothing tells them apart but which were used.
    let place = Place::new(&[fake("one", &[]), fake("two", &[])].concat());
    let first = |place: &Place| rows(place, &["--limit", "1", "--explain", "echo text"])[0].clone();
    let before = first(&place);
    assert_eq!(before["path"], "tools.one.echo");
    assert_eq!(before["also_on"], json!(["tools.two.echo"]));
    assert!(!before["why"].as_str().unwrap().contains("use before"));

    let calls = "for i in range(3): tools.two.echo(text='x')\n1";
    assert_eq!(place.value("python", calls), json!(1));
    // A failed call is no use.
    place.error("python", "tools.one.fail()");
    let after = first(&place);
    assert_eq!(after["path"], "tools.two.echo");
    assert!(after["why"].as_str().unwrap().contains(" + use before "));

    // In one gateway, a search knows what its agent has just called.
    let mut agent = place.serve();
    agent.initialize();
    let (_, failed) = agent.execute("python", "for i in range(9): tools.one.echo(text='x')\n1");
    assert!(!failed);
    let (text, _) = agent.call(
        "search_tools",
        json!({"queries": ["echo text"], "limit": 1}),
    );
    assert!(text.contains("\ntools.one.echo("), "{text}");
    agent.close();

    // Elsewhere, and where it is switched off, nothing has been used.
    std::fs::create_dir(place.path("work/elsewhere")).unwrap();
    let mut elsewhere = place.command(&["search", "--json", "--limit", "1", "echo text"]);
    let output = elsewhere
        .current_dir(place.path("work/elsewhere"))
        .output()
        .unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows[0]["path"], "tools.one.echo");
    place.write(
        "config/toolmill/toolmill.toml",
        &[
            fake("one", &[]),
            fake("two", &[]),
            "[search]\nusage = false\n".into(),
        ]
        .concat(),
    );
    let off = first(&place);
    assert!(
        !off["why"].as_str().unwrap().contains("use before"),
        "{off}"
    );
}

#[test]
fn the_index_is_kept_for_the_next_start_and_a_broken_one_is_made_anew() {
    let place = Place::with_fake();
    let folder = place.path("state/toolmill/index");
    let found = search(&place, &["add numbers"]);
    let files = || -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(&folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let [file] = &files()[..] else {
        panic!("one file: {:?}", files());
    };
    let whole = std::fs::read(file).unwrap();
    assert_eq!(search(&place, &["add numbers"]), found);
    for broken in [&whole[..whole.len() / 2], b"", b"no index at all"] {
        std::fs::write(file, broken).unwrap();
        assert_eq!(search(&place, &["add numbers"]), found);
        assert_eq!(std::fs::read(file).unwrap(), whole, "made anew");
    }
    assert_eq!(files().len(), 1);
}

/// Writes a sentence model of the right form, whose numbers mean nothing.
fn write_model(folder: &Path) {
    let form: Value =
        serde_json::from_str(include_str!("../../../embedding/tests/tiny.json")).unwrap();
    let (mut header, mut numbers) = (serde_json::Map::new(), Vec::new());
    for tensor in form["tensors"].as_array().unwrap() {
        let shape = tensor[1].as_array().unwrap();
        let count: u64 = shape.iter().map(|size| size.as_u64().unwrap()).product();
        let begin = numbers.len() * 4;
        numbers.extend((0..count).map(|at| ((begin as u64 + at) as f32 * 0.7).sin()));
        let entry =
            json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, numbers.len() * 4]});
        header.insert(tensor[0].as_str().unwrap().into(), entry);
    }
    let header = Value::from(header).to_string();
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend(header.bytes());
    weights.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    let words = form["words"].as_array().unwrap().iter();
    let words: Vec<&str> = words.map(|word| word.as_str().unwrap()).collect();
    std::fs::create_dir_all(folder.join("1_Pooling")).unwrap();
    let pooling = json!({"pooling_mode_mean_tokens": true});
    std::fs::write(folder.join("1_Pooling/config.json"), pooling.to_string()).unwrap();
    std::fs::write(folder.join("config.json"), form["config"].to_string()).unwrap();
    std::fs::write(folder.join("vocab.txt"), words.join("\n")).unwrap();
    std::fs::write(folder.join("model.safetensors"), weights).unwrap();
}

/// What a search answers once the model is no longer on its way.
fn searched(agent: &mut Agent) -> String {
    let begun = Instant::now();
    loop {
        let arguments = json!({"queries": ["send a message"], "detail": "full"});
        let (text, _) = agent.call("search_tools", arguments);
        let last = text.trim_end().lines().last().unwrap_or_default();
        let waits = last.contains("being opened") || last.contains("has read");
        if !waits {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_model_that_the_user_names_counts_once_it_has_read_the_tools() {
    let settings = [fake("fake", &[]), "[search]\nmodel = \"model\"\n".into()].concat();
    let place = Place::new(&settings);
    let folder = place.path("config/toolmill/model");
    write_model(&folder);
    let ask = |place: &Place| {
        let mut agent = place.serve();
        agent.initialize();
        let text = searched(&mut agent);
        agent.close();
        text
    };
    let text = ask(&place);
    assert!(
        text.contains("meaning ") && !text.contains("by words alone"),
        "{text}"
    );
    let vectors = || {
        std::fs::read_dir(place.path("state/toolmill/vectors"))
            .unwrap()
            .count()
    };
    assert_eq!(vectors(), 1);

    // What has been read is not read again, and searches the same.
    assert_eq!(ask(&place), text);
    assert_eq!(vectors(), 1);

    std::fs::write(folder.join("model.safetensors"), b"cut off").unwrap();
    let text = ask(&place);
    let last = text.trim_end().lines().last().unwrap();
    assert!(
        last.starts_with("by words alone: search.model cannot be used: the header of "),
        "{text}"
    );
    assert!(
        text.contains("tools.fake.") && !text.contains("meaning "),
        "{text}"
    );
}
