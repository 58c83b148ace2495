//! Values are kept within a quota, and their parts are what serde reads there.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use toolmill_results::{Error, Quota, Results, sweep};

fn results(folder: &tempfile::TempDir, quota: Quota) -> Results {
    Results::of_session(folder.path(), "s1", quota)
}

fn ids(results: &Results) -> Vec<String> {
    results
        .list()
        .unwrap()
        .iter()
        .map(|kept| kept.id())
        .collect()
}

#[test]
fn a_value_is_kept_once_and_its_handle_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let before = results(&folder, Quota::default());
    assert_eq!(before.list().unwrap(), []);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    assert_eq!(before.keep(b"[1,2]").unwrap().id(), "r_1");
    assert_eq!(before.keep(b"[1,2]").unwrap().id(), "r_1");
    assert_eq!(before.keep(b"[1,3]").unwrap().id(), "r_2");
    let after = results(&folder, Quota::default());
    assert_eq!(ids(&after), ["r_1", "r_2"]);
    assert_eq!(after.open("r_2").unwrap().bytes(0..100).unwrap(), b"[1,3]");
    assert_eq!(after.keep(b"[1,2]").unwrap().id(), "r_1");
    // Another session knows nothing of it.
    let other = Results::of_session(folder.path(), "s2", Quota::default());
    assert_eq!(
        other.open("r_1").unwrap_err().to_string(),
        "there is no result \"r_1\" in this session; it keeps none"
    );
}

#[test]
fn the_oldest_go_first_and_their_numbers_are_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let quota = Quota {
        bytes: 10,
        values: 3,
        ..Quota::default()
    };
    let kept = results(&folder, quota);
    for value in ["1111", "2222", "3333"] {
        kept.keep(value.as_bytes()).unwrap();
    }
    assert_eq!(ids(&kept), ["r_2", "r_3"]);
    assert!(matches!(kept.open("r_1").unwrap_err(), Error::Gone { .. }));
    assert!(matches!(
        kept.open("r_4").unwrap_err(),
        Error::Unknown { .. }
    ));
    kept.keep(b"4").unwrap();
    kept.keep(b"5").unwrap();
    assert_eq!(ids(&kept), ["r_3", "r_4", "r_5"]);
    let error = kept.keep(b"\"1234567890\"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the result has 12 bytes, more than the 10 that a session may keep"
    );
    assert_eq!(ids(&kept), ["r_3", "r_4", "r_5"], "nothing is lost for it");
    for entry in fs::read_dir(folder.path().join("s1")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            fs::remove_file(path).unwrap();
        }
    }
    let after = results(&folder, quota);
    assert_eq!(after.keep(b"6").unwrap().id(), "r_6");
}

#[test]
fn what_is_too_old_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let quota = Quota {
        age: Duration::ZERO,
        ..Quota::default()
    };
    let kept = results(&folder, quota);
    kept.keep(b"1").unwrap();
    assert!(matches!(kept.open("r_1").unwrap_err(), Error::Gone { .. }));
    assert_eq!(ids(&kept), [""; 0]);
    sweep(folder.path(), Duration::from_secs(3600));
    assert!(folder.path().join("s1").exists());
    sweep(folder.path(), Duration::ZERO);
    assert!(!folder.path().join("s1").exists());
}

#[test]
fn a_handle_is_read_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    kept.keep(b"1").unwrap();
    for id in [
        "",
        "r_",
        "1",
        "r_0",
        "r_-1",
        "r_1/../r_1",
        "r_99999999999",
        "R_1",
    ] {
        assert!(matches!(kept.open(id), Err(Error::Unknown { .. })), "{id}");
    }
}

/// A value in which every kind of text and nesting occurs, longer than a buffer.
fn mixed() -> Value {
    let items: Vec<Value> = (0..1200)
        .map(|n| {
            json!({"id": n, "name": format!("\u{1f600} \\\"{n}\" é\n"), "deep": [[n], {"a/b~c": [null, true, -1.5e300]}]})
        })
        .collect();
    json!({"items": items, "": {"x": 1}, "text": "a\r\nb\\\nc\n\n😀\u{0}d", "empty": [], "nothing": {}})
}

#[test]
fn parts_are_those_that_serde_finds() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    let value = mixed();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let ascii: String = value
        .to_string()
        .chars()
        .flat_map(|c| {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            match c.is_ascii() {
                true => vec![c],
                false => units
                    .flat_map(|u| format!("\\u{u:04x}").chars().collect::<Vec<_>>())
                    .collect(),
            }
        })
        .collect();
    for json in [value.to_string(), pretty, ascii] {
        let id = kept.keep(json.as_bytes()).unwrap().id();
        let stored = kept.open(&id).unwrap();
        for pointer in [
            "",
            "/items",
            "/items/0",
            "/items/1199/deep/1/a~1b~0c/2",
            "/items/750/name",
            "/",
            "//x",
            "/text",
            "/empty",
            "/nothing",
            "/items/17/deep/0",
        ] {
            let expected = value.pointer(pointer).unwrap();
            let part = stored.part(pointer).unwrap();
            let found: Value = serde_json::from_slice(&part.json(u64::MAX).unwrap()).unwrap();
            assert_eq!(&found, expected, "{pointer}");
            let outline = part.outline().unwrap();
            let length = match expected {
                Value::Array(items) => Some(items.len()),
                Value::Object(members) => Some(members.len()),
                Value::String(text) => Some(text.chars().count()),
                _ => None,
            };
            assert_eq!(
                outline.length,
                length.map(|length| length as u64),
                "{pointer}"
            );
        }
        // In any order, so that known places are met and missed.
        for (from, to) in [
            (1190, 5000),
            (0, 3),
            (1000, 1001),
            (1001, 1100),
            (5, 5),
            (1200, 1201),
            (7, 2),
        ] {
            let slice = stored
                .part("/items")
                .unwrap()
                .slice(from..to, u64::MAX)
                .unwrap();
            let found: Value = serde_json::from_slice(&slice.json).unwrap();
            let items = value["items"].as_array().unwrap();
            let end = (to as usize).min(items.len());
            let expected = items.get(from as usize..end).unwrap_or_default();
            assert_eq!(found.as_array().unwrap(), expected, "{from}..{to}");
        }
        let text: Vec<char> = value["text"].as_str().unwrap().chars().collect();
        for from in 0..text.len() {
            let slice = stored
                .part("/text")
                .unwrap()
                .slice(from as u64..from as u64 + 3, 100)
                .unwrap();
            let found: String = serde_json::from_slice(&slice.json).unwrap();
            let expected: String = text[from..text.len().min(from + 3)].iter().collect();
            assert_eq!(found, expected);
        }
        let lines = stored.part("/text").unwrap().lines(0..100, 1000).unwrap();
        let lines: Vec<String> = serde_json::from_slice(&lines.json).unwrap();
        assert_eq!(lines, ["a", "b\\", "c", "", "😀\u{0}d"]);
        let members = stored.part("").unwrap().slice(1..3, 1000).unwrap();
        let members: Value = serde_json::from_slice(&members.json).unwrap();
        assert_eq!(members, json!({"": value[""], "text": value["text"]}));
    }
}

#[test]
fn a_slice_is_bounded_and_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    let value = mixed();
    kept.keep(value.to_string().as_bytes()).unwrap();
    let stored = kept.open("r_1").unwrap();
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let part = stored.part("/items").unwrap();
        let slice = part.slice(from..u64::MAX, 4096).unwrap();
        assert!(slice.json.len() <= 4096);
        all.extend(serde_json::from_slice::<Vec<Value>>(&slice.json).unwrap());
        from = slice.end;
        if slice.is_last {
            break;
        }
    }
    assert_eq!(&Value::from(all), &value["items"]);
    // One element is given whole, or nothing ever would be.
    let one = stored.part("").unwrap().slice(0..9, 10).unwrap();
    assert_eq!((one.end, one.is_last), (1, false));
    let error = stored.part("/items").unwrap().json(100).unwrap_err();
    assert!(matches!(error, Error::TooLarge { most: 100, .. }));
}

#[test]
fn a_pointer_that_leads_nowhere_says_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    kept.keep(br#"{"a":[1,2],"s":"x"}"#).unwrap();
    let stored = kept.open("r_1").unwrap();
    for (pointer, reason) in [
        ("a", "a pointer begins with / and has at most 64 steps"),
        ("/b", "there is no member \"b\""),
        ("/a/2", "the array has 2 elements"),
        ("/a/x", "\"x\" is no index of an array"),
        ("/a/-1", "\"-1\" is no index of an array"),
        ("/s/0", "\"0\" is asked of a string"),
    ] {
        let error = stored.part(pointer).unwrap_err().to_string();
        assert_eq!(error, format!("r_1 has nothing at {pointer:?}: {reason}"));
    }
    let error = stored.part("/a/0").unwrap().slice(0..1, 10).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("a value of type number has no parts")
    );
}

#[test]
fn a_damaged_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    let whole = mixed().to_string();
    for (at, damage) in [
        "",
        "{",
        "[1,",
        "[1 2",
        "{\"a\"",
        "\"abc",
        "\"\\u12",
        "]",
        "{\"items\":[{\"a\":",
    ]
    .into_iter()
    .chain([&whole[..whole.len() / 2]])
    .enumerate()
    {
        let id = kept.keep(format!("{at}").as_bytes()).unwrap().id();
        let file = fs::read_dir(folder.path().join("s1"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(&format!("{}-", at + 1))
            })
            .unwrap();
        fs::write(file, damage).unwrap();
        let stored = kept.open(&id).unwrap();
        let outcome = stored.part("").and_then(|part| {
            part.outline()?;
            part.slice(0..1000, u64::MAX)?;
            part.json(u64::MAX)
        });
        match outcome {
            Err(Error::Damaged { .. }) => {}
            // Not everything is looked at: a comma may be missing.
            Ok(_) if damage == "[1 2" => panic!("{damage}"),
            other => panic!("{damage}: {other:?}"),
        }
    }
}
