//! Values are kept within a quota, and their parts are what serde reads there.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use toolmill_results::{
    Content, Error, MediaType, Quota, Results, Slice, remove_unfinished, sessions, sweep,
};

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
    assert_eq!(before.keep(Content::Json, b"[1,2]").unwrap().id(), "r_1");
    assert_eq!(before.keep(Content::Json, b"[1,2]").unwrap().id(), "r_1");
    assert_eq!(before.keep(Content::Json, b"[1,3]").unwrap().id(), "r_2");
    let after = results(&folder, Quota::default());
    assert_eq!(ids(&after), ["r_1", "r_2"]);
    assert_eq!(after.open("r_2").unwrap().bytes(0..100).unwrap(), b"[1,3]");
    assert_eq!(after.keep(Content::Json, b"[1,2]").unwrap().id(), "r_1");
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
        kept.keep(Content::Json, value.as_bytes()).unwrap();
    }
    assert_eq!(ids(&kept), ["r_2", "r_3"]);
    assert!(matches!(kept.open("r_1").unwrap_err(), Error::Gone { .. }));
    assert!(matches!(
        kept.open("r_4").unwrap_err(),
        Error::Unknown { .. }
    ));
    kept.keep(Content::Json, b"4").unwrap();
    kept.keep(Content::Json, b"5").unwrap();
    assert_eq!(ids(&kept), ["r_3", "r_4", "r_5"]);
    let error = kept.keep(Content::Json, b"\"1234567890\"").unwrap_err();
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
    assert_eq!(after.keep(Content::Json, b"6").unwrap().id(), "r_6");
}

#[test]
fn what_a_running_program_made_or_opened_stays_and_who_went_says_for_which_limit() {
    let folder = tempfile::tempdir().unwrap();
    let quota = Quota {
        bytes: 10,
        values: 3,
        ..Quota::default()
    };
    let kept = results(&folder, quota);
    for value in ["1", "2", "3"] {
        kept.keep(Content::Json, value.as_bytes()).unwrap();
    }
    let hold = kept.hold();
    kept.open("r_1").unwrap();
    kept.keep(Content::Json, b"4").unwrap();
    assert_eq!(ids(&kept), ["r_1", "r_3", "r_4"]);
    kept.keep(Content::Json, b"55").unwrap();
    let error = kept.keep(Content::Json, b"6").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no room: programs that still run made or opened all that a session may keep, 3 results or 0 MB; make fewer in one program"
    );
    assert_eq!(ids(&kept), ["r_1", "r_4", "r_5"]);
    let second = kept.hold();
    drop(hold);
    kept.keep(Content::Json, b"6").unwrap();
    assert_eq!(ids(&kept), ["r_4", "r_5", "r_6"]);
    drop(second);
    kept.keep(Content::Json, b"123456789").unwrap();
    assert_eq!(ids(&kept), ["r_6", "r_7"]);
    for (id, says) in [
        ("r_1", "a session keeps 3 results, and the oldest go first"),
        (
            "r_4",
            "a session keeps 0 MB of results, and the oldest go first",
        ),
    ] {
        let error = kept.open(id).unwrap_err().to_string();
        assert_eq!(error, format!("{id} is no longer kept: {says}"));
    }
    let after = results(&folder, quota);
    assert_eq!(
        after.open("r_1").unwrap_err().to_string(),
        "r_1 is no longer kept: a session keeps 3 results and 0 MB for 24 h, and the oldest go first"
    );
}

#[test]
fn what_a_process_that_was_ended_has_begun_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    kept.keep(Content::Json, b"1").unwrap();
    let of_session = folder.path().join("s1");
    for name in ["draft-0-1.unfinished", "next.7-0.unfinished"] {
        fs::write(of_session.join(name), "x").unwrap();
    }
    remove_unfinished(&of_session);
    remove_unfinished(&folder.path().join("none"));
    let names = fs::read_dir(&of_session).unwrap();
    assert_eq!(names.count(), 2, "the value and the next number");
    assert_eq!(ids(&kept), ["r_1"]);
}

#[test]
fn what_is_kept_again_is_as_new_and_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let quota = Quota {
        values: 2,
        ..Quota::default()
    };
    let kept = results(&folder, quota);
    for value in ["1", "2", "1", "3"] {
        kept.keep(Content::Json, value.as_bytes()).unwrap();
    }
    assert_eq!(ids(&kept), ["r_1", "r_3"]);
    // Somebody else has removed its file.
    for entry in fs::read_dir(folder.path().join("s1")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let again = kept.keep(Content::Json, b"1").unwrap();
    let part = kept.open(&again.id()).unwrap();
    assert_eq!(part.part("").unwrap().json(10).unwrap(), b"1");
}

#[test]
fn what_is_too_old_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let quota = Quota {
        age: Duration::ZERO,
        ..Quota::default()
    };
    let kept = results(&folder, quota);
    kept.keep(Content::Json, b"1").unwrap();
    assert!(matches!(kept.open("r_1").unwrap_err(), Error::Gone { .. }));
    assert_eq!(ids(&kept), [""; 0]);
    let nobody = |_: &str| false;
    sweep(folder.path(), Duration::from_secs(3600), nobody);
    assert!(folder.path().join("s1").exists());
    sweep(folder.path(), Duration::ZERO, |session| session == "s1");
    assert!(folder.path().join("s1").exists(), "it is spared");
    sweep(folder.path(), Duration::ZERO, nobody);
    assert!(!folder.path().join("s1").exists());
}

#[test]
fn a_handle_is_read_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    kept.keep(Content::Json, b"1").unwrap();
    for id in [
        "",
        "r_",
        "1",
        "r_0",
        "r_-1",
        "r_1/../r_1",
        "r_99999999999",
        "r_01",
        "r_+1",
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
        let id = kept.keep(Content::Json, json.as_bytes()).unwrap().id();
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
                .slice(from..to, u64::MAX, u64::MAX)
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
                .slice(from as u64..from as u64 + 3, 100, u64::MAX)
                .unwrap();
            let found: String = serde_json::from_slice(&slice.json).unwrap();
            let expected: String = text[from..text.len().min(from + 3)].iter().collect();
            assert_eq!(found, expected);
        }
        let lines = stored
            .part("/text")
            .unwrap()
            .lines(0..100, 1000, u64::MAX)
            .unwrap();
        let lines: Vec<String> = serde_json::from_slice(&lines.json).unwrap();
        assert_eq!(lines, ["a", "b\\", "c", "", "😀\u{0}d"]);
        let members = stored
            .part("")
            .unwrap()
            .slice(1..3, 1000, u64::MAX)
            .unwrap();
        let members: Value = serde_json::from_slice(&members.json).unwrap();
        assert_eq!(members, json!({"": value[""], "text": value["text"]}));
    }
}

#[test]
fn a_slice_is_bounded_and_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    let value = mixed();
    kept.keep(Content::Json, value.to_string().as_bytes())
        .unwrap();
    let stored = kept.open("r_1").unwrap();
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let part = stored.part("/items").unwrap();
        let slice = part.slice(from..u64::MAX, 4096, u64::MAX).unwrap();
        assert!(slice.json.len() <= 4096);
        all.extend(serde_json::from_slice::<Vec<Value>>(&slice.json).unwrap());
        from = slice.end;
        if slice.is_last {
            break;
        }
    }
    assert_eq!(&Value::from(all), &value["items"]);
    // One element is given whole, or nothing ever would be.
    let one = stored.part("").unwrap().slice(0..9, 10, u64::MAX).unwrap();
    assert_eq!((one.end, one.is_last), (1, false));
    let error = stored.part("/items").unwrap().json(100).unwrap_err();
    assert!(matches!(error, Error::Larger { most: 100, .. }));
    // One that is larger than it may be is measured, and not loaded; nor is it when others are before it.
    let id = kept
        .keep(
            Content::Json,
            br#"["a",{"b":"0123456789"},"c\r\n0123456789\r\nd"]"#,
        )
        .unwrap()
        .id();
    let stored = kept.open(&id).unwrap();
    let large = |slice: Result<Slice, Error>| match slice.unwrap_err() {
        Error::Larger { bytes, most, .. } => (bytes, most),
        error => panic!("{error}"),
    };
    let (all, object, text) = (
        stored.part("").unwrap(),
        stored.part("/1").unwrap(),
        stored.part("/2").unwrap(),
    );
    assert_eq!(
        all.slice(0..9, 100, 10).unwrap().json,
        br#"["a",{"b":"0123456789"},"c\r\n0123456789\r\nd"]"#
    );
    assert_eq!(all.slice(0..9, 10, 10).unwrap().json, br#"["a"]"#);
    assert_eq!(large(all.slice(1..9, 100, 17)), (18, 17));
    assert_eq!(large(object.slice(0..1, 100, 15)), (16, 15));
    assert_eq!(object.slice(0..1, 100, 16).unwrap().end, 1);
    assert_eq!(text.lines(0..9, 8, 3).unwrap().json, br#"["c"]"#);
    assert_eq!(large(text.lines(1..9, 100, 11)), (12, 11));
    assert_eq!(text.lines(1..9, 9, 12).unwrap().json, br#"["0123456789"]"#);
    assert_eq!(text.lines(2..9, 9, 3).unwrap().json, br#"["d"]"#);
}

#[test]
fn members_of_a_large_object_are_found_however_often_and_however_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    // Longer than a reading buffer; a name of each kind is there twice, and one is there in vain.
    let mut json = String::from(r#"{"é\"/~":0,"twice":0,"half\ud800":0,"": 0"#);
    for n in 0..20_000 {
        json.push_str(&format!(r#", "k{n}" : {{"n": [{n}, "{n}"]}}"#));
    }
    json.push_str(r#","\u00e9\u0022\/~":[1],"tw\u0069ce":1,"" : 1}"#);
    let value: Value = serde_json::from_str(&json.replace("\\ud800", "")).unwrap();
    kept.keep(Content::Json, json.as_bytes()).unwrap();
    kept.keep(
        Content::Json,
        format!("[{json}, {{\"in\": {json}}}]").as_bytes(),
    )
    .unwrap();
    let pointers = [
        "/k0",
        "/k19999/n/1",
        "/k777/n",
        "/é\"~1~0",
        "/é\"~1~0/0",
        "/twice",
        "/",
    ];
    for (id, place) in [("r_1", ""), ("r_2", "/0"), ("r_2", "/1/in")] {
        // The first look goes through the object, the others know it.
        for _ in 0..2 {
            let stored = kept.open(id).unwrap();
            for pointer in pointers {
                let part = stored.part(&format!("{place}{pointer}")).unwrap();
                let found: Value = serde_json::from_slice(&part.json(100).unwrap()).unwrap();
                assert_eq!(
                    Some(&found),
                    value.pointer(pointer),
                    "{id} {place}{pointer}"
                );
            }
            for none in ["k20000", "half", "é"] {
                let error = stored.part(&format!("{place}/{none}")).unwrap_err();
                let says = format!("there is no member {none:?}");
                assert!(error.to_string().ends_with(&says), "{error}");
            }
        }
    }
}

#[test]
fn half_a_surrogate_pair_is_one_character_and_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    for (text, length, lines) in [
        (r"a\ud800\nb\nc\ud800\u0041", 8, 3),
        (r"\ud83d\ude00", 1, 1),
        (r"\uD83D\uDE00\uDC00", 2, 1),
        (r"\ud83d", 1, 1),
        (r"\ud83dx", 2, 1),
        (r"\ud83d\ud83d\ude00", 2, 1),
        (r"\ud83d\\udc00", 7, 1),
        (r"\ud83d\u12ab\r\n", 4, 1),
    ] {
        // Wherever a buffer ends.
        for before in [0, (64 << 10) - 8, (64 << 10) - 5, (64 << 10) - 2] {
            let json = format!("\"{}{text}\"", "x".repeat(before));
            let id = kept.keep(Content::Json, json.as_bytes()).unwrap().id();
            let stored = kept.open(&id).unwrap();
            let part = stored.part("").unwrap();
            let found = part.outline().unwrap().length.unwrap() - before as u64;
            let slice = part.lines(0..9, u64::MAX, u64::MAX).unwrap();
            assert_eq!(
                (found, slice.end),
                (length, lines),
                "{text} behind {before}"
            );
            let all = part.slice(0..u64::MAX, 1 << 10, u64::MAX).unwrap();
            assert!(json.as_bytes().starts_with(&all.json[..all.json.len() - 1]));
        }
    }
}

#[test]
fn a_pointer_that_leads_nowhere_says_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    kept.keep(Content::Json, br#"{"a":[1,2],"s":"x"}"#).unwrap();
    let stored = kept.open("r_1").unwrap();
    for (pointer, reason) in [
        ("a", "a pointer begins with / and has at most 64 steps"),
        ("/b", "there is no member \"b\""),
        ("/a/2", "the array has 2 elements"),
        ("/a/x", "\"x\" is no index of an array"),
        ("/a/-1", "\"-1\" is no index of an array"),
        ("/a/01", "\"01\" is no index of an array"),
        ("/a/+1", "\"+1\" is no index of an array"),
        ("/a/", "\"\" is no index of an array"),
        ("/s/0", "\"0\" is asked of a string"),
    ] {
        let error = stored.part(pointer).unwrap_err().to_string();
        assert_eq!(error, format!("r_1 has nothing at {pointer:?}: {reason}"));
    }
    let number = stored.part("/a/0").unwrap();
    for (error, what) in [
        (number.slice(0..1, 10, u64::MAX).unwrap_err(), "parts"),
        (number.lines(0..1, 10, u64::MAX).unwrap_err(), "lines"),
    ] {
        assert_eq!(
            error.to_string(),
            format!("r_1 has nothing at \"/a/0\": a value of type number has no {what}")
        );
    }
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
        let id = kept
            .keep(Content::Json, format!("{at}").as_bytes())
            .unwrap()
            .id();
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
            part.slice(0..1000, u64::MAX, u64::MAX)?;
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

#[test]
fn a_file_is_kept_as_its_bytes_and_apart_from_a_value_of_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let media = |said: &str| Content::Media(MediaType::parse(said));
    let before = results(&folder, Quota::default());
    let bytes = b"\x89PNG\r\n\x00\xff";
    assert_eq!(before.keep(media("image/png"), bytes).unwrap().id(), "r_1");
    assert_eq!(before.keep(media("image/PNG"), bytes).unwrap().id(), "r_1");
    assert_eq!(before.keep(media("audio/wav"), bytes).unwrap().id(), "r_2");
    assert_eq!(before.keep(Content::Json, b"1").unwrap().id(), "r_3");
    assert_eq!(before.keep(media("a/b"), b"1").unwrap().id(), "r_4");
    let after = results(&folder, Quota::default());
    let kinds: Vec<_> = after
        .list()
        .unwrap()
        .iter()
        .map(|kept| kept.content.kind())
        .collect();
    assert_eq!(kinds, [Some("image"), Some("audio"), None, Some("file")]);
    let stored = after.open("r_1").unwrap();
    assert_eq!(stored.bytes(1..4).unwrap(), b"PNG");
    assert_eq!(
        stored.part("").unwrap_err().to_string(),
        "r_1 has nothing at \"\": it has no parts, it is of type image"
    );
    assert!(after.forget("r_1").unwrap());
    assert!(!after.forget("r_1").unwrap());
    assert!(matches!(after.open("r_1").unwrap_err(), Error::Gone { .. }));
    assert_eq!(sessions(folder.path()).unwrap(), ["s1"]);
}

#[test]
fn a_text_is_kept_while_it_is_written_however_it_is_cut() {
    let text: Vec<u8> = "naïve 😀 \u{1}\"\\\n"
        .bytes()
        .chain(*b"\xff\xe2\x82 \xf0\x9f\x98")
        .cycle()
        .take(997)
        .collect();
    let expected = serde_json::to_vec(&String::from_utf8_lossy(&text)).unwrap();
    for step in [1, 2, 3, 5, 97, 997] {
        let folder = tempfile::tempdir().unwrap();
        let kept = results(&folder, Quota::default());
        let mut draft = kept.begin_text().unwrap();
        for more in text.chunks(step) {
            draft.write(more).unwrap();
        }
        assert_eq!(kept.list().unwrap(), [], "it is no value yet");
        let id = kept.finish_text(draft).unwrap().id();
        let stored = kept.open(&id).unwrap();
        let written = stored.bytes(0..1 << 20).unwrap();
        assert_eq!(written, expected, "in pieces of {step}");
        assert_eq!(kept.keep(Content::Json, &expected).unwrap().id(), id);
        drop(kept.begin_text().unwrap());
        let names = fs::read_dir(folder.path().join("s1")).unwrap();
        assert_eq!(names.count(), 2, "the value and the next number");
    }
    let folder = tempfile::tempdir().unwrap();
    let quota = Quota {
        bytes: 10,
        ..Quota::default()
    };
    let kept = results(&folder, quota);
    let mut draft = kept.begin_text().unwrap();
    assert!(matches!(
        draft.write(b"0123456789").unwrap_err(),
        Error::TooLarge {
            bytes: 11,
            most: 10
        }
    ));
}

#[test]
fn characters_are_counted_and_sliced_across_buffers_and_escapes() {
    // Longer than a reading buffer, with characters of all lengths at its edge.
    let piece = "aé€😀\"\\\u{7}";
    let text: String = "x"
        .chars()
        .chain(piece.chars().cycle().take(200_000))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let kept = results(&folder, Quota::default());
    let json = serde_json::to_vec(&text).unwrap();
    let id = kept.keep(Content::Json, &json).unwrap().id();
    let stored = kept.open(&id).unwrap();
    let part = stored.part("").unwrap();
    let outline = part.outline().unwrap();
    assert_eq!(
        (outline.length, outline.bytes),
        (Some(200_001), json.len() as u64)
    );
    let characters: Vec<char> = text.chars().collect();
    for (from, to) in [
        (0, 1),
        (7, 9),
        (65_530, 65_545),
        (131_000, 131_100),
        (199_999, 300_000),
    ] {
        let slice = part.slice(from..to, u64::MAX, u64::MAX).unwrap();
        let end = (to as usize).min(characters.len());
        let expected: String = characters[from as usize..end].iter().collect();
        let found: String = serde_json::from_slice(&slice.json).unwrap();
        assert_eq!((found, slice.end), (expected, end as u64), "{from}..{to}");
    }
    for most in [1, 2, 3, 7, 64, 65_536] {
        let mut found = String::new();
        let mut from = if most < 64 { 199_900 } else { 0 };
        let expected: String = characters[from as usize..].iter().collect();
        loop {
            let slice = part.slice(from..u64::MAX, most, u64::MAX).unwrap();
            // One that is escaped by six bytes, and the quotes.
            assert!(slice.json.len() as u64 <= most.max(8));
            let more: String = serde_json::from_slice(&slice.json).unwrap();
            found.push_str(&more);
            from = slice.end;
            if slice.is_last {
                break;
            }
        }
        assert!(found == expected, "in slices of {most} bytes");
    }
}
