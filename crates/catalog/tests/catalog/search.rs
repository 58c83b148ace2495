//! Search as its callers rely on it: what is found first, what changes leave as it was, and that no
//! server and no query can break it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use toolmill_catalog::{
    Catalog, SearchOptions, SearchQuery, SearchRequest, SearchResult, Server, Signals, answer,
};

use crate::{Hostile, server, tool};

fn described(name: &str, description: &str) -> Value {
    json!({"name": name, "description": description, "inputSchema": {}})
}

fn catalog(servers: &[(&str, Value)]) -> Catalog {
    let servers = servers
        .iter()
        .map(|(name, tools)| server(name, tools.clone()));
    Catalog::new(servers.collect())
}

fn paths(result: &SearchResult) -> Vec<&str> {
    result.hits.iter().map(|hit| hit.tool.path()).collect()
}

/// Checks the paths found, the best first.
#[track_caller]
fn check(catalog: &Catalog, text: &str, expected: &[&str]) {
    assert_eq!(
        paths(&catalog.search(&SearchQuery::new(text))),
        expected,
        "{text}"
    );
}

/// All that a search says, for comparison.
fn outcome(catalog: &Catalog, text: &str, options: SearchOptions) -> String {
    let result = catalog.search(&SearchQuery {
        limit: 30,
        options,
        ..SearchQuery::new(text)
    });
    let mut out = format!("{text:?}: {} {:?}\n", result.matches, result.repairs);
    for hit in &result.hits {
        let twins: Vec<&str> = hit.twins.iter().map(|twin| twin.path()).collect();
        out += &format!("{} {:x} {twins:?}\n", hit.tool.path(), hit.score.to_bits());
    }
    out
}

const QUERIES: [&str; 8] = [
    "create issue",
    "list files in a folder",
    "messgae of the user",
    "pr",
    "list_files",
    "s1.list_files",
    "delete",
    "搜索 🦀",
];

/// A small server, different at each call.
fn some_server(random: &mut Hostile, name: &str) -> Server {
    const WORDS: [&str; 12] = [
        "create", "list", "delete", "issue", "files", "folder", "message", "messages", "user",
        "搜索", "request", "pull",
    ];
    let mut words = |most: usize| -> Vec<&str> {
        (0..1 + random.below(most))
            .map(|_| WORDS[random.below(WORDS.len())])
            .collect()
    };
    let tools: BTreeMap<String, Value> = (0..words(5).len() - 1)
        .map(|_| {
            let name = words(2).join("_");
            let described = tool(
                &name,
                &words(12).join(" "),
                json!({words(1)[0]: {"description": words(3).join(" ")}}),
                &[],
            );
            (name, described)
        })
        .collect();
    Server {
        title: Some(words(2).join(" ")).filter(|title| title.len() > 12),
        ..server(name, json!(tools.into_values().collect::<Vec<_>>()))
    }
}

fn again(server: &Server) -> Server {
    Server {
        name: server.name.clone(),
        tools: server.tools.clone(),
        title: server.title.clone(),
        description: server.description.clone(),
    }
}

#[test]
fn a_catalog_that_followed_changes_answers_as_one_built_afresh() {
    let mut random = Hostile(3);
    for _ in 0..12 {
        let mut listed: BTreeMap<String, Server> = BTreeMap::new();
        let mut followed = Catalog::new(Vec::new());
        let mut snapshot = followed.snapshot();
        for _ in 0..40 {
            let name = ["s1", "s2", "s-2", "s3"][random.below(4)];
            let mut new = some_server(&mut random, name);
            // Mostly one tool goes, comes or changes, as servers do it.
            if let Some(known) = listed.get(name)
                && random.below(3) > 0
            {
                let mut tools = known.tools.clone();
                if !tools.is_empty() {
                    tools.remove(random.below(tools.len()));
                }
                tools.extend(new.tools.pop());
                new = Server {
                    tools,
                    ..again(known)
                };
            }
            listed.insert(name.to_owned(), again(&new));
            followed = followed.replace(new);
            let fresh = Catalog::new(listed.values().map(again).collect());
            let restored = Catalog::new(listed.values().map(again).collect());
            restored.restore(&snapshot);
            for text in QUERIES {
                let expected = outcome(&fresh, text, SearchOptions::default());
                assert_eq!(outcome(&followed, text, SearchOptions::default()), expected);
                assert_eq!(outcome(&restored, text, SearchOptions::default()), expected);
            }
            let expected = fresh.snapshot();
            assert_eq!(followed.snapshot(), expected);
            assert_eq!(restored.snapshot(), expected);
            if random.below(4) == 0 {
                // What was restored follows changes as well.
                followed = restored;
            }
            if random.below(4) == 0 {
                snapshot = followed.snapshot();
            }
        }
    }
}

#[test]
fn what_damaged_snapshots_hold_is_read_afresh() {
    let mut random = Hostile(4);
    let listed = ["a", "b", "c"].map(|name| some_server(&mut random, name));
    let fresh = Catalog::new(listed.iter().map(again).collect());
    let bytes = fresh.snapshot();
    let restored = |bytes: &[u8]| {
        let restored = Catalog::new(listed.iter().map(again).collect());
        restored.restore(bytes);
        restored
    };
    let outcomes =
        |catalog: &Catalog| QUERIES.map(|text| outcome(catalog, text, SearchOptions::default()));
    let expected = outcomes(&fresh);
    for length in 0..bytes.len() {
        assert_eq!(outcomes(&restored(&bytes[..length])), expected);
    }
    for (at, change) in (0..bytes.len()).zip([1, 0x80, 0xff].into_iter().cycle()) {
        let mut bytes = bytes.clone();
        bytes[at] ^= change;
        assert_eq!(outcomes(&restored(&bytes)), expected);
    }
}

#[test]
fn whoever_repeats_a_word_does_not_win() {
    let parameters: serde_json::Map<_, _> = (0..100)
        .map(|at| {
            (
                format!("invoice{at}"),
                json!({"description": "invoice ".repeat(20)}),
            )
        })
        .collect();
    let mut tools = vec![
        described("create_invoice", "Create one for a customer."),
        described("a_thousand_times", &"invoice ".repeat(1_000)),
        described("short", "invoice invoice invoice invoice"),
        json!({"name": "parameters", "inputSchema": {"properties": parameters}}),
        described(&"invoice_".repeat(30), "Does nothing."),
    ];
    tools.extend((0..20).map(|at| described(&format!("other{at}"), "Something else.")));
    let catalog = catalog(&[
        ("shop", json!(tools)),
        ("invoice", json!([described("x", "y")])),
    ]);
    let best = |text: &str| paths(&catalog.search(&SearchQuery::new(text)))[0].to_owned();
    assert_eq!(best("create invoice"), "shop.create_invoice");
    // The name that is nothing but the word may be as good as the one that says it once, not better.
    let score = |text: &str, path: &str| {
        let query = SearchQuery {
            limit: 50,
            ..SearchQuery::new(text)
        };
        let result = catalog.search(&query);
        let hit = result.hits.iter().find(|hit| hit.tool.path() == path);
        hit.expect("it contains the word").score
    };
    for stuffed in ["shop.a_thousand_times", "shop.short", "shop.parameters"] {
        assert!(
            score("invoice", "shop.create_invoice") > score("invoice", stuffed),
            "{stuffed}"
        );
    }
}

#[test]
fn what_is_named_exactly_comes_first() {
    let listed = json!([
        described("list", ""),
        described("list_files", "List the list of list lists."),
        described("do_it", "Runs."),
    ]);
    let catalog = catalog(&[("b", listed.clone()), ("a", listed)]);
    let first = |text: &str| {
        let options = SearchOptions {
            collapse: false,
            ..SearchOptions::default()
        };
        let query = SearchQuery {
            limit: 2,
            options,
            ..SearchQuery::new(text)
        };
        paths(&catalog.search(&query)).join(" ")
    };
    assert_eq!(first("list"), "a.list b.list");
    assert_eq!(first("List-Files"), "a.list_files b.list_files");
    assert_eq!(first("b.listFiles"), "b.list_files a.list_files");
    assert_eq!(first("do it"), "a.do_it b.do_it");
}

#[test]
fn misspelt_words_are_read_as_known_ones_unless_they_are_names() {
    let catalog = catalog(&[(
        "tracker",
        json!([
            described("create_issue", "Open a new issue in a repository."),
            described("search_reddit", "Search posts."),
            described("redis_get", "Get a value."),
        ]),
    )]);
    let read = |text: &str| {
        let result = catalog.search(&SearchQuery::new(text));
        let repairs = result.repairs.iter();
        let read: Vec<String> = repairs
            .map(|repair| format!("{}={}", repair.written, repair.read.join("|")))
            .collect();
        format!("{} {}", result.matches, read.join(" "))
    };
    insta::assert_snapshot!(read("creat isue"), @"1 isue=issue");
    insta::assert_snapshot!(read("repositroy"), @"1 repositroy=repository");
    insta::assert_snapshot!(read("redit posts"), @"2 redit=reddit|redis");
    // What is quoted, capitalised, short or like nothing is meant as it is.
    insta::assert_snapshot!(read(r#""isue" Isue 'repositroy of'"#), @"0");
    insta::assert_snapshot!(read("iss xyzzy"), @"0");
    let off = SearchOptions {
        repair: false,
        ..SearchOptions::default()
    };
    let query = SearchQuery {
        options: off,
        ..SearchQuery::new("isue")
    };
    assert_eq!(catalog.search(&query).matches, 0);
    // The two readings are told apart by the rest of the query.
    check(
        &catalog,
        "redit posts",
        &["tracker.search_reddit", "tracker.redis_get"],
    );
}

#[test]
fn other_words_count_less_than_those_of_the_query() {
    let catalog = catalog(&[(
        "hub",
        json!([
            described("github_pull_request_merge", "Merge."),
            described("remove_page", "Remove a page."),
            described("delete_page", "Delete a page."),
            described("kubernetes_pods", "Pods."),
            described("weather", "Weather."),
        ]),
    )]);
    check(
        &catalog,
        "delete page",
        &["hub.delete_page", "hub.remove_page"],
    );
    check(&catalog, "merge pr", &["hub.github_pull_request_merge"]);
    check(&catalog, "gh", &["hub.github_pull_request_merge"]);
    check(&catalog, "k8s", &["hub.kubernetes_pods"]);
    check(&catalog, "météo", &["hub.weather"]);
    check(&catalog, "天气", &["hub.weather"]);
    let off = SearchOptions {
        tables: false,
        ..SearchOptions::default()
    };
    for text in ["gh", "k8s", "météo", "天气"] {
        let query = SearchQuery {
            options: off,
            ..SearchQuery::new(text)
        };
        assert_eq!(catalog.search(&query).matches, 0, "{text}");
    }
}

#[test]
fn twins_of_other_servers_are_one_hit() {
    let text = "Create a new issue in a repository of the user.";
    let twin = |name: &str| {
        json!([
            described(name, text),
            described("other", "Create other things.")
        ])
    };
    let mut servers = vec![
        ("github", twin("create_issue")),
        ("github-two", twin("github-create-issue")),
        ("octo", twin("createIssue")),
        (
            "tracker",
            json!([described(
                "create_issue",
                "Report a defect to the team in charge."
            )]),
        ),
    ];
    let found = catalog(&servers);
    let result = found.search(&SearchQuery::new("create issue"));
    let lines: Vec<String> = result
        .hits
        .iter()
        .map(|hit| {
            let twins: Vec<&str> = hit.twins.iter().map(|twin| twin.path()).collect();
            format!("{} [{}]", hit.tool.path(), twins.join(" "))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    github.create_issue [octo.createIssue github_two.github_create_issue]
    tracker.create_issue []
    github.other [github_two.other octo.other]
    ");
    let request = SearchRequest {
        queries: vec!["create issue".to_owned()],
        limit: 1,
        ..SearchRequest::default()
    };
    insta::assert_snapshot!(answer(&found, &request, Signals::default(), &[]).text, @r"
    1 of 7 matches, 7 tools on 4 servers
    tools.github.create_issue(...)
      Create a new issue in a repository of the user. WRITES
      also on: tools.octo.createIssue, tools.github_two.github_create_issue
    ");
    // Pages fit together whatever their length.
    servers.extend((0..9).map(|at| {
        (
            ["p", "q", "r", "t", "u", "v", "w", "x", "y"][at],
            twin("create_issue"),
        )
    }));
    let many = catalog(&servers);
    let page = |offset: usize, limit: usize| {
        let query = SearchQuery {
            offset,
            limit,
            ..SearchQuery::new("create issue")
        };
        many.search(&query)
            .hits
            .iter()
            .map(|hit| hit.tool.path().to_owned())
            .collect::<Vec<_>>()
    };
    let all = page(0, 100);
    for length in 1..4 {
        let pages: Vec<String> = (0..all.len())
            .step_by(length)
            .flat_map(|at| page(at, length))
            .collect();
        assert_eq!(pages, all);
    }
}

#[test]
fn an_explanation_adds_up_to_the_score() {
    let mut random = Hostile(5);
    let mut servers = || ["s1", "s2", "s3"].map(|name| some_server(&mut random, name));
    let mut catalog = Catalog::new(servers().into());
    // The documents of what is replaced are numbered in no order.
    for server in [servers(), servers()].into_iter().flatten() {
        catalog.search(&SearchQuery::new("create"));
        catalog = catalog.replace(server);
    }
    let used = HashMap::from([("s1.create".to_owned(), 3.0), ("s2.list".to_owned(), 1.0)]);
    for text in QUERIES {
        let query = SearchQuery {
            used: Some(&used),
            ..SearchQuery::new(text)
        };
        for hit in catalog.search(&query).hits {
            let why = catalog.explain(&query, &hit);
            let parts: f32 = why.parts.iter().map(|part| part.score).sum();
            let sum = parts + why.server + why.use_before;
            assert!(
                (sum - hit.score).abs() < 0.001,
                "{text}: {sum} is not {}",
                hit.score
            );
        }
    }
}

#[test]
fn use_in_the_past_adds_a_tenth_at_most() {
    let servers = [
        (
            "a",
            json!([
                described("send", "Send a message to a person."),
                described("send_message", "Send a message.")
            ]),
        ),
        (
            "b",
            json!([described("send_message", "Deliver some message.")]),
        ),
    ];
    let catalog = catalog(&servers);
    let hits = |used: &HashMap<String, f32>| {
        let query = SearchQuery {
            used: Some(used),
            ..SearchQuery::new("send message now")
        };
        let found = catalog.search(&query).hits;
        found
            .iter()
            .map(|hit| (hit.tool.path().to_owned(), hit.score))
            .collect::<Vec<_>>()
    };
    let before = hits(&HashMap::new());
    for calls in [0.5, 1e3, f32::INFINITY, f32::NAN, -1.0] {
        let used = HashMap::from([(before[1].0.clone(), calls), ("gone.tool".to_owned(), 1.0)]);
        let after = hits(&used);
        let score = after
            .iter()
            .find(|hit| hit.0 == before[1].0)
            .expect("it is still found")
            .1;
        assert!(
            (before[1].1..=before[1].1 * 1.1 + 0.001).contains(&score),
            "{calls}: {score}"
        );
    }
}

#[test]
fn a_miss_names_tools_and_servers_that_are_near() {
    let catalog = catalog(&[(
        "jira-cloud",
        json!([described("create_issue", "Open one.")]),
    )]);
    let request = |text: &str| SearchRequest {
        queries: vec![text.to_owned()],
        ..SearchRequest::default()
    };
    let said = |text: &str| answer(&catalog, &request(text), Signals::default(), &[]).text;
    insta::assert_snapshot!(said("Crete_Isue"), @"0 matches, 1 tool on 1 server; nearest names: tools.jira_cloud.create_issue");
    insta::assert_snapshot!(said("Jra_Clud"), @"0 matches, 1 tool on 1 server; nearest servers: jira_cloud");
    insta::assert_snapshot!(said("isue opne"), @r#"
    1 of 1 match ("isue opne" read as "issue one|open"), 1 tool on 1 server
    tools.jira_cloud.create_issue(...)
      Open one. WRITES
    "#);
}

#[test]
fn no_text_breaks_search_and_its_order_is_stable() {
    let huge = "a\u{301}b\u{202e}ع 10 ".repeat(1 << 19);
    let mut hostile = Hostile(6);
    let mut tools = vec![
        described("huge", &huge),
        described("getIssue", ""),
        described("get_issue", ""),
        described("GET-ISSUE", ""),
        described("get.issue", ""),
        described("عدد_القضايا", "\u{202e}reversed\u{202c}"),
        described("🦀🦀", "\u{300}\u{301}\u{302}"),
        described("ﬁle\u{fe0f}", &"é".repeat(100)),
    ];
    tools.extend((0..60).map(|at| described(&format!("{}{at}", hostile.name()), &hostile.name())));
    let mut reversed = tools.clone();
    reversed.reverse();
    let one = catalog(&[("x", json!(tools)), ("y", json!(tools))]);
    let other = catalog(&[("y", json!(reversed)), ("x", json!(reversed))]);
    let mut queries: Vec<String> = [
        "getissue",
        "GET ISSUE",
        "🦀🦀",
        "",
        " . ",
        "x.get_issue",
        "عدد",
        "\"'`",
        "İ ŉ ǰ",
        "file",
    ]
    .map(str::to_owned)
    .into();
    queries.extend([
        huge,
        "word ".repeat(1 << 16),
        "x".repeat(1 << 20),
        "\u{301}".repeat(1 << 16),
    ]);
    // Every character of the first planes, in phrases.
    let characters: Vec<char> = (0..0x3_0000)
        .step_by(7)
        .filter_map(char::from_u32)
        .collect();
    queries.extend(characters.chunks(500).map(|chars| chars.iter().collect()));
    queries.extend((0..300).map(|_| format!("{} {}", hostile.name(), hostile.name())));
    for text in &queries {
        for collapse in [true, false] {
            let options = SearchOptions {
                collapse,
                ..SearchOptions::default()
            };
            assert_eq!(outcome(&one, text, options), outcome(&other, text, options));
        }
        let query = SearchQuery {
            offset: usize::MAX,
            limit: usize::MAX,
            ..SearchQuery::new(text)
        };
        assert!(one.search(&query).hits.is_empty());
        let query = SearchQuery {
            limit: 0,
            ..SearchQuery::new(text)
        };
        assert!(one.search(&query).hits.is_empty());
        let query = SearchQuery {
            server: Some("x"),
            limit: 500,
            ..SearchQuery::new(text)
        };
        let found = one.search(&query);
        assert!(found.hits.iter().all(|hit| hit.tool.server() == "x"));
        assert!(found.hits.len() <= found.matches);
    }
}

#[test]
fn what_is_meant_counts_as_much_as_words_and_finds_what_they_do_not() {
    let catalog = Catalog::new(vec![
        server(
            "one",
            json!([
                described("send_mail", "Sends an electronic letter."),
                described("open_door", "Opens a door."),
            ]),
        ),
        server(
            "two",
            json!([described("weather", "Tells how warm it will be.")]),
        ),
    ]);
    let paths: Vec<&str> = catalog.tools().map(|tool| tool.path()).collect();
    assert_eq!(paths, ["one.open_door", "one.send_mail", "two.weather"]);
    let found = |text: &str, server: Option<&str>, likeness: Option<&[f32]>| -> Vec<String> {
        let query = SearchQuery {
            server,
            likeness,
            ..SearchQuery::new(text)
        };
        let result = catalog.search(&query);
        for hit in &result.hits {
            let why = catalog.explain(&query, hit);
            let parts: f32 = why.parts.iter().map(|part| part.score).sum();
            let sum = parts + why.server + why.use_before + why.meaning;
            assert!((sum - hit.score).abs() < 1e-3, "{why:?}");
        }
        assert!(result.matches >= result.hits.len());
        result
            .hits
            .iter()
            .map(|hit| hit.tool.path().to_owned())
            .collect()
    };
    // No word of it is in any tool.
    assert!(found("temperature tomorrow", None, None).is_empty());
    let meant = [0.0, 0.1, 0.7];
    assert_eq!(
        found("temperature tomorrow", None, Some(&meant))[0],
        "two.weather"
    );
    // Words and meaning together come before either.
    let meant = [0.6, 0.5, -0.2];
    assert_eq!(
        found("send letter", None, Some(&meant)),
        ["one.send_mail", "one.open_door"]
    );
    // A filter holds, a name comes first, and what does not fit the catalog is left out.
    assert_eq!(
        found("letter", Some("two"), Some(&[0.1, 0.2, 0.3])),
        ["two.weather"]
    );
    assert_eq!(
        found("send_mail", None, Some(&[0.9, 0.0, 0.9]))[0],
        "one.send_mail"
    );
    assert_eq!(found("letter", None, Some(&[0.1, 0.2])), ["one.send_mail"]);
    assert!(found("nothing", None, Some(&[f32::NAN; 3])).len() <= 3);
}
