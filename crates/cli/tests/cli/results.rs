//! What is too large for an answer is kept in the session, and later programs read it by its handle.

use serde_json::{Value, json};

use crate::place::{Agent, Place};

fn agent(place: &Place) -> Agent {
    let mut agent = place.serve();
    agent.initialize();
    agent
}

/// The status and the value of a program that succeeds.
#[track_caller]
fn run(agent: &mut Agent, language: &str, code: &str) -> (String, Value) {
    let (text, is_error) = agent.execute(language, code);
    assert!(!is_error, "{text}");
    let (status, answer) = text.split_once('\n').unwrap();
    let value = answer.split("\n--- ").next().unwrap();
    (
        status.to_owned(),
        serde_json::from_str(value).unwrap_or_else(|_| value.into()),
    )
}

const RECORDS: &str =
    "[{'id': n, 'name': f'naïve \\U0001f600 {n}\\n', 'tags': ['a/b', n]} for n in range(20000)]";

#[test]
fn a_value_too_large_for_an_answer_is_read_by_its_handle_in_both_languages() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let (status, preview) = run(&mut agent, "python", RECORDS);
    assert!(
        status.contains(" · value too large: 20,000 items, ")
            && status
                .ends_with(r#"preview below, whole value: results.open("r_1") in a later program"#),
        "{status}"
    );
    assert_eq!(preview["$preview"], "r_1");
    assert_eq!(preview["head"][1]["id"], 1);

    let python = "
r = results.open('r_1')
assert r[:] == r.value() == EXPECTED
assert list(r) == EXPECTED
assert (len(r), r.type) == (20000, 'array')
assert r[19999] == r[-1] == EXPECTED[-1]
assert r[100:200:7] == EXPECTED[100:200:7] and r[5:2] == [] and r[::-1][0] == EXPECTED[-1]
part = r.at('/7')
assert part['name'] == EXPECTED[7]['name'] and part.keys() == ['id', 'name', 'tags']
assert dict(part.items()) == EXPECTED[7] and part.get('nothing', 5) == 5
assert r.at('/7/name')[-3:] == '7\\n'[-3:].rjust(3) and len(r.at('/7/name')) == len(EXPECTED[7]['name'])
backwards = reversed(r)
assert [next(backwards)['id'], next(backwards)['id']] == [19999, 19998]
sum(one['id'] for one in r) + len(open_result('r_1').at('/3/tags'))
"
    .replace("EXPECTED", RECORDS);
    assert_eq!(run(&mut agent, "python", &python).1, 199_990_002);

    let javascript = r#"
const r = await results.open("r_1");
const all = await r.value();
let sum = 0;
for await (const one of r) sum += one.id;
const slices = [
  await r.slice(100, 102), await r.slice(-1), await r.slice(3, 1), await r.slice(1.5, 3.5), await r.slice(19999.5), await r.slice(NaN, 1),
];
const part = await r.at("/7");
return [
  r.length, r.type, all.length, sum, slices.map(s => s.map(one => one.id)),
  await part.get("name"), await part.get("nothing"), await part.slice(2), await r.get(20000),
  await (await r.at("/7/name")).slice(-2), (await (await open_result("r_1")).slice()).length,
];
"#;
    assert_eq!(
        run(&mut agent, "javascript", javascript).1,
        json!([
            20000, "array", 20000, 199_990_000, [[100, 101], [19999], [], [1, 2], [19999], [0]],
            "naïve 😀 7\n", null, {"tags": ["a/b", 7]}, null, "7\n", 20000
        ])
    );
    // The same value again is the same result; programs that make it from its parts find it equal.
    let again = run(&mut agent, "python", "results.open('r_1').value()").0;
    assert!(again.contains(r#"results.open("r_1")"#), "{again}");
}

#[test]
fn a_preview_says_what_is_in_the_value() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let python =
        "[{'id': n, 'tags': ['a'], **({'score': .5} if n % 2 else {})} for n in range(20000)]";
    let typescript = "[...Array(20000).keys()].map(n => n % 2 ? {id: n, tags: ['a'], score: .5} : {id: n, tags: ['a']})";
    for (language, code, item) in [
        (
            "python",
            python,
            json!({"id": "int", "tags": ["str"], "score": "float?"}),
        ),
        (
            "typescript",
            typescript,
            json!({"id": "number", "tags": ["string"], "score": "number?"}),
        ),
    ] {
        let (_, preview) = run(&mut agent, language, code);
        assert_eq!(preview["item"], item, "{language}");
    }
    // Where the elements are unlike one another, or there is nothing to say, it says less.
    let mixed = "[n if n % 2 else {'a': n} for n in range(50000)]";
    assert_eq!(run(&mut agent, "python", mixed).1["item"], "dict|int");
    let one =
        "{'total': 9, 'rows': [[n, None] for n in range(50000)], 'text': 'x' * 400, 'empty': []}";
    assert_eq!(
        run(&mut agent, "python", one).1["shown"],
        json!({
            "total": 9,
            "rows": {"$preview": true, "type": "array", "length": 50000, "item": ["int?"]},
            "text": {"$preview": true, "type": "text", "bytes": 400, "head": "x".repeat(200)},
            "empty": [],
        })
    );
    // A text is shown line by line, of one long line both ends.
    let lines = "'\\r\\n'.join(f'line {n} é' for n in range(20000))";
    let (status, preview) = run(&mut agent, "python", lines);
    assert!(
        status.contains(" · value too large: 20,000 lines, "),
        "{status}"
    );
    let ends = ["head", "tail"].map(|end| preview[end].as_array().unwrap());
    assert_eq!(
        (&ends[0][0], &ends[0][1]),
        (&json!("line 0 é"), &json!("line 1 é"))
    );
    assert_eq!(ends[1].last().unwrap(), "line 19999 é");
    assert!(
        ends[0].len() > 500 && ends[1].len() > 400,
        "{}, {}",
        ends[0].len(),
        ends[1].len()
    );
    let (_, preview) = run(&mut agent, "python", "'ü' * 60000 + 'end'");
    let cut = "ü".repeat(900);
    assert_eq!(preview["head"], json!([format!("{cut}…")]));
    assert_eq!(preview["tail"], json!([format!("…{}end", "ü".repeat(898))]));
}

#[test]
fn what_was_printed_and_long_texts_are_kept_too() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let print = "for n in range(20000): print(f'{{\"n\": {n}}}')";
    let (text, _) = agent.execute("python", print);
    assert!(
        text.contains(r#" bytes, whole: results.open("r_1") …"#),
        "{}",
        &text[text.len() - 200..]
    );
    let python = "
r = results.open('r_1')
assert '19999}' in r and 'absent' not in r
assert list(r.lines(3, 5)) == ['{\"n\": 3}', '{\"n\": 4}']
sum(line['n'] for line in r.json_lines())
";
    assert_eq!(run(&mut agent, "python", python).1, 199_990_000);
    let javascript = r#"
const r = await results.open("r_1");
let lines = 0;
for await (const line of r) lines += 1;
return [lines, await r.lines(3, 5), (await r.jsonLines(19999)).map(line => line.n)];
"#;
    assert_eq!(
        run(&mut agent, "javascript", javascript).1,
        json!([20000, [r#"{"n": 3}"#, r#"{"n": 4}"#], [19999]])
    );
}

#[test]
fn a_handle_is_nothing_to_another_session_and_an_error_says_what_there_is() {
    let place = Place::with_fake();
    let mut first = agent(&place);
    run(&mut first, "python", RECORDS);
    let mut second = agent(&place);
    for (language, code) in [
        ("python", "results.open('r_1')"),
        ("javascript", "await results.open('r_1')"),
    ] {
        let (text, is_error) = second.execute(language, code);
        assert!(is_error);
        assert!(
            text.contains("there is no result \"r_1\" in this session; it keeps none"),
            "{text}"
        );
    }
    let (text, _) = first.execute("python", "results.open('../r_1')");
    assert!(text.contains("it keeps r_1"), "{text}");
    let (text, _) = first.execute("python", "results.open('r_1').at('/x')");
    assert!(text.contains("\"x\" is no index of an array"), "{text}");
    let kept = place.path("state/toolmill/results");
    assert!(kept.exists(), "{}", kept.display());
    let _ = first.close();
    let _ = second.close();
    let left = std::fs::read_dir(kept).unwrap().count();
    assert_eq!(left, 0, "what a session kept goes with it");
}

#[test]
fn the_result_of_one_call_is_kept_without_passing_through_the_program() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    // More than a program may hold: the value never gets there.
    let python = "
kept = tools.fake.big_json.keep(records=2000)
assert (kept.id, kept.type, kept.length) == ('r_1', 'object', 1), kept
records = kept.at('/records')
assert len(records) == 2000 and records[1999]['name'] == 'Record 1999'
both = await asyncio.gather(tools.fake.big_json.keep(records=2000), tools.fake.echo.keep(text='a'))
assert [one.id for one in both] == ['r_1', 'r_2'] and both[1].value() == 'a'
try:
    tools.fake.fail.keep(message='no')
except ToolError as error:
    assert error.message == 'fake.fail answered: no', error.message
kept
";
    let (_, value) = run(&mut agent, "python", python);
    assert_eq!(value["$handle"], "r_1");
    assert_eq!(
        (&value["type"], &value["length"]),
        (&json!("object"), &json!(1))
    );
    let javascript = r#"
const kept = await tools.fake.big_json.keep({ records: 2000 });
const records = await kept.at("/records");
const keep = tools.fake.echo.keep;
const other = await keep({ text: "b" });
return [kept, records.length, (await records.get(7)).name, await other.value(), `${other}`];
"#;
    let (_, value) = run(&mut agent, "javascript", javascript);
    assert_eq!(value[0]["$handle"], "r_1");
    assert_eq!(
        value.as_array().unwrap()[1..],
        [
            json!(2000),
            json!("Record 7"),
            json!("b"),
            json!("<result r_3>")
        ]
    );
    // What is kept is found by the next program, and a handle is the value among arguments.
    let (_, value) = run(
        &mut agent,
        "python",
        "tools.fake.echo_json(value={'n': [results.open('r_1').at('/records/5/name'), 1]})",
    );
    assert_eq!(value, json!({"n": ["Record 5", 1]}));
    let (_, value) = run(
        &mut agent,
        "javascript",
        "const r = await results.open('r_1'); const said = await tools.fake.echo_json({ value: { n: [await r.at('/records/5/name'), r] } }); [said.n[0], said.n[1].records.length]",
    );
    assert_eq!(value, json!(["Record 5", 2000]));
}

/// A picture of one pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The answer to `execute_code`, block by block.
#[track_caller]
fn blocks(agent: &mut Agent, language: &str, code: &str) -> (Value, bool) {
    let arguments = json!({"language": language, "code": code});
    let answer = agent.request(
        "tools/call",
        json!({"name": "execute_code", "arguments": arguments}),
    );
    let result = &answer["result"];
    (result["content"].clone(), result["isError"] == true)
}

#[test]
fn files_in_results_are_handles_that_are_read_passed_on_and_shown() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let content = json!([
        {"type": "text", "text": "Here it is"},
        {"type": "image", "data": PNG, "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "file:///a.pdf", "mimeType": "application/pdf", "blob": "JVBERi0="}},
        {"type": "resource", "resource": {"uri": "file:///a.txt", "mimeType": "text/plain", "text": "words"}},
        {"type": "audio", "data": "not Base64!", "mimeType": "audio/wav"},
    ]);
    let python = format!(
        "
import base64, json
words, image, pdf, text, wrong = tools.fake.blocks(content=json.loads({content:?}))
assert words == 'Here it is' and text['resource']['text'] == 'words' and wrong['data'] == 'not Base64!'
assert (image.id, image.type, image.mime_type, len(image)) == ('r_1', 'image', 'image/png', 70)
whole = base64.b64decode({PNG:?})
assert image.value() == bytes(image) == image[:] == whole and image[1:4] == b'PNG' and image[-1] == whole[-1]
assert image['data'] == {PNG:?} and image['mimeType'] == 'image/png' and 'data' in image
assert (pdf.type, pdf.uri, pdf.value()) == ('file', 'file:///a.pdf', b'%PDF-')
assert tools.fake.echo(text=image) == {PNG:?}
assert tools.fake.echo(text=pdf.data_url()) == str(pdf.data_url()) == 'data:application/pdf;base64,JVBERi0='
raw = tools.fake.blocks.raw(content=[{{'type': 'image', 'data': {PNG:?}, 'mimeType': 'image/png'}}])
assert raw['content'][0]['data'] == {PNG:?}
kept = tools.fake.blocks.keep(content=json.loads({content:?}))
assert kept[1]['$handle'] == 'r_1' and kept[0] == 'Here it is'
image.save('one.png')
assert open('one.png', 'rb').read() == whole
tools.fake.blocks(content=[{{'type': 'image', 'data': {PNG:?}, 'mimeType': 'image/png'}}])
",
        content = content.to_string(),
    );
    let (text, is_error) = agent.execute("python", &python);
    assert!(!is_error, "{text}");
    assert!(
        text.contains(r#"{"$handle":"r_1","type":"image","mimeType":"image/png","bytes":70}"#)
            && text.ends_with("--- note\nto see it: show(\"r_1\") in a program"),
        "{text}"
    );
    let javascript = format!(
        "
const [words, image, pdf, text, wrong] = await tools.fake.blocks({{ content: {content} }});
const whole = Uint8Array.fromBase64({PNG:?});
const raw = await tools.fake.blocks.raw({{ content: [{{ type: 'image', data: {PNG:?}, mimeType: 'image/png' }}] }});
const alone = await tools.fake.blocks({{ content: [{{ type: 'image', data: {PNG:?}, mimeType: 'image/png' }}] }});
const same = (bytes) => bytes instanceof Uint8Array && bytes.toHex() === whole.toHex();
return [
  words, text.resource.text, wrong.data, image.id, image.type, image.mimeType, image.length,
  same(await image.value()), (await image.slice(1, 4)).toHex(), same(await alone.slice()),
  await tools.fake.echo({{ text: image }}) === {PNG:?},
  await tools.fake.echo({{ text: pdf.dataUrl() }}), await pdf.dataUrl(), await pdf.base64(), pdf.uri,
  raw.content[0].data === {PNG:?}, alone,
];
"
    );
    let (_, value) = run(&mut agent, "javascript", &javascript);
    let url = "data:application/pdf;base64,JVBERi0=";
    assert_eq!(
        value,
        json!([
            "Here it is", "words", "not Base64!", "r_1", "image", "image/png", 70,
            true, "504e47", true, true, url, url, "JVBERi0=", "file:///a.pdf", true,
            {"$handle": "r_1", "type": "image", "mimeType": "image/png", "bytes": 70},
        ])
    );
}

#[test]
fn what_programs_knew_of_a_files_block_leads_to_the_file_still() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let content = json!([
        {"type": "image", "data": PNG, "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "file:///a.pdf", "mimeType": "application/pdf", "blob": "JVBERi0="}},
    ]);
    let javascript = format!(
        "
const [image, pdf] = await tools.fake.blocks({{ content: {content} }});
const kept = await tools.fake.echo.keep({{ text: 'a' }});
const {{ uri, mimeType, blob }} = pdf.resource;
const echo = async (text) => await tools.fake.echo({{ text }});
return [await echo(image.data) === {PNG:?}, await echo(blob), uri, mimeType, image.resource ?? null, kept.data ?? null];
"
    );
    let (_, value) = run(&mut agent, "javascript", &javascript);
    assert_eq!(
        value,
        json!([
            true,
            "JVBERi0=",
            "file:///a.pdf",
            "application/pdf",
            null,
            null
        ])
    );
    let python = format!(
        "
import json
image, pdf = tools.fake.blocks(content=json.loads({content:?}))
kept = tools.fake.structured.keep(value=[1, 2])
json.loads(json.dumps([image, {{'kept': kept, 'url': pdf.data_url()}}]))
",
        content = content.to_string(),
    );
    let (_, value) = run(&mut agent, "python", &python);
    assert_eq!(
        value,
        json!([
            {"$handle": "r_1", "type": "image", "mimeType": "image/png", "bytes": 70},
            {"kept": {"$handle": "r_4", "type": "array", "length": 2, "bytes": 5}, "url": "data:application/pdf;base64,JVBERi0="},
        ])
    );
}

#[test]
fn threads_show_together_what_fits_one_answer() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let threads = |count: usize| {
        format!(
            "
import threading
refused = []
def one(n):
    try:
        show(bytes([n]), mime_type='image/png')
    except ToolError as error:
        refused.append(error.code)
threads = [threading.Thread(target=one, args=(n,)) for n in range({count})]
for thread in threads: thread.start()
for thread in threads: thread.join()
refused"
        )
    };
    for (count, refused) in [
        (4, "[]"),
        (
            8,
            r#"["limit_output","limit_output","limit_output","limit_output"]"#,
        ),
    ] {
        let (content, is_error) = blocks(&mut agent, "python", &threads(count));
        assert!(!is_error, "{content:#}");
        let text = content[0]["text"].as_str().unwrap();
        let value: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(value.to_string(), refused, "{text}");
        let shown: std::collections::BTreeSet<&str> = content.as_array().unwrap()[1..]
            .iter()
            .map(|block| block["data"].as_str().unwrap())
            .collect();
        assert_eq!(shown.len(), 4, "{content:#}");
    }
}

#[test]
fn of_more_files_than_can_be_kept_the_first_are_and_the_rest_is_told() {
    let note = "\n--- note\nfake.blocks returned 1,200 files at once, of which the first 500 are kept; ask it for fewer";
    let expected = json!([
        1200, 500, "r_1", "MA==", "NDk5", 700,
        {"type": "image", "mimeType": "image/png", "left_out": "the first 500 files of a result are kept"},
    ]);
    for (language, code) in [
        (
            "python",
            "import base64\nof = lambda i: base64.b64encode(str(i).encode()).decode()\n\
             all = tools.fake.blocks(content=[{'type': 'image', 'data': of(i), 'mimeType': 'image/png'} for i in range(1200)])\n\
             kept = [one for one in all if type(one) is not dict]\nrest = [one for one in all if type(one) is dict]\n\
             [len(all), len(kept), kept[0].id, kept[0]['data'], kept[499]['data'], len(rest), rest[0]]",
        ),
        (
            "javascript",
            "const all = await tools.fake.blocks({content: Array.from({length: 1200}, (_, i) => ({type: 'image', data: btoa(`${i}`), mimeType: 'image/png'}))});\n\
             const rest = all.filter((one) => one.left_out !== undefined); const kept = all.slice(0, 500);\n\
             return [all.length, all.length - rest.length, kept[0].id, await kept[0].base64(), await kept[499].base64(), rest.length, rest[0]]",
        ),
    ] {
        let place = Place::with_fake();
        let (text, is_error) = agent(&place).execute(language, code);
        let (_, answer) = text.split_once('\n').unwrap();
        let value = answer.split("\n--- ").next().unwrap();
        assert!(!is_error && text.ends_with(note), "{text}");
        assert_eq!(serde_json::from_str::<Value>(value).unwrap(), expected);
    }
}

#[test]
fn what_is_shown_stands_beside_the_answer_as_blocks_of_its_kind() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let get = format!(
        "tools.fake.blocks({{\"content\": [
            {{\"type\": \"image\", \"data\": {PNG:?}, \"mimeType\": \"image/png\"}},
            {{\"type\": \"audio\", \"data\": \"AAEC\", \"mimeType\": \"audio/wav\"}},
            {{\"type\": \"resource\", \"resource\": {{\"uri\": \"a:b\", \"blob\": \"AAEC\"}}}},
            {{\"type\": \"resource\", \"resource\": {{\"uri\": \"a:c\", \"text\": \"some words\"}}}}]}})"
    );
    let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    for (language, code) in [
        (
            "python",
            format!("parts = {get}\nshow(parts)\nshow(parts[0])\n'seen'"),
        ),
        (
            "typescript",
            format!("const parts = await {get};\nshow(parts);\nawait show(parts[0]);\n'seen'"),
        ),
    ] {
        let (content, is_error) = blocks(&mut agent, language, &code);
        assert!(!is_error, "{content:#}");
        let text = content[0]["text"].as_str().unwrap();
        assert!(text.contains("\nseen\n--- stdout\nsome words"), "{text}");
        assert_eq!(content[1], image);
        assert_eq!(
            content[2],
            json!({"type": "audio", "data": "AAEC", "mimeType": "audio/wav"})
        );
        let resource = &content[3]["resource"];
        assert_eq!(
            (&resource["blob"], &resource["mimeType"]),
            (&json!("AAEC"), &json!("application/octet-stream"))
        );
        assert!(
            resource["uri"]
                .as_str()
                .unwrap()
                .starts_with("toolmill://results/s_")
        );
        assert_eq!(
            content.as_array().unwrap().len(),
            4,
            "nothing is shown twice"
        );
    }
    // By its handle, and a file of the workspace.
    let (content, _) = blocks(&mut agent, "javascript", "await show('r_1')");
    assert_eq!(content[1], image);
    let file = "results.open('r_1').save('x.png'); show('x.png'); show(b'\\0\\1\\2', mime_type='audio/wav'); show('only text')";
    let (content, _) = blocks(&mut agent, "python", file);
    assert_eq!(
        (&content[1], content[2]["type"].as_str()),
        (&image, Some("audio"))
    );
    assert!(content[0]["text"].as_str().unwrap().contains("only text"));
    // A text is shown as it is, by the end of its file's name.
    let texts =
        "open('n.csv', 'w').write('a,é'); show('n.csv'); show(b'# b', mime_type='text/markdown')";
    let (content, _) = blocks(&mut agent, "python", texts);
    for (at, words, mime_type) in [(1, "a,é", "text/csv"), (2, "# b", "text/markdown")] {
        let resource = &content[at]["resource"];
        assert_eq!(
            (&resource["text"], &resource["mimeType"]),
            (&json!(words), &json!(mime_type)),
            "{content:#}"
        );
    }
    // What is too much is refused, and what was shown before is there.
    for (language, code) in [
        (
            "python",
            "for n in range(5): show(bytes([n]), mime_type='image/png')",
        ),
        (
            "python",
            "open('large.png', 'wb').write(bytes(3 << 20)); show('large.png'); show(b'1', mime_type='image/png')",
        ),
    ] {
        let (content, is_error) = blocks(&mut agent, language, code);
        let text = content[0]["text"].as_str().unwrap();
        assert!(
            is_error
                && text.contains(
                    "is too much to show: an answer shows 4 files of together 3145728 bytes"
                ),
            "{text}"
        );
        assert!(content[1]["type"] == "image", "{text}");
    }
    for (code, says) in [
        (
            "results.open('r_99')",
            "there is no result \"r_99\" in this session",
        ),
        (
            "show(b'1')",
            "say what the bytes are: show(content, mime_type=\"image/png\")",
        ),
        (
            "tools.show(id=tools.fake.echo.keep(text='a').id)",
            "is a value, not a file: print what is wanted of it",
        ),
        (
            "open('l.png', 'wb').write(bytes((3 << 20) + 1)); show('l.png')",
            "at most 3,145,728 can be shown",
        ),
    ] {
        let (text, is_error) = agent.execute("python", code);
        assert!(is_error && text.contains(says), "{code}: {text}");
    }
}

#[test]
fn what_a_server_says_is_never_taken_for_a_handle() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    run(
        &mut agent,
        "python",
        "tools.fake.echo.keep(text='secret').id",
    );
    for (language, code) in [
        (
            "python",
            "tools.fake.echo_json(value=tools.fake.echo_json(value={'$handle': 'r_1', 'type': 'string'}))",
        ),
        (
            "javascript",
            "const said = await tools.fake.echo_json({ value: { $handle: 'r_1', type: 'string' } }); await tools.fake.echo_json({ value: said })",
        ),
    ] {
        let (_, value) = run(&mut agent, language, code);
        assert_eq!(value, json!({"$handle": "r_1", "type": "string"}));
    }
    for said in ["=r_1", "h_0000000000000000=r_1"] {
        let code = format!("tools.fake.echo(text=tools.fake.echo(text={said:?}))");
        assert_eq!(run(&mut agent, "python", &code).1, *said);
    }
    // As the name of a member a handle is nothing.
    let (text, is_error) = agent.execute(
        "python",
        "r = tools.fake.echo_json.keep(value=[5]); tools.fake.echo_json(value={r.as_argument(): 1})",
    );
    assert!(
        is_error && text.contains("a handle stands for a value, not for a name"),
        "{text}"
    );
}

#[test]
fn all_that_was_printed_is_kept_however_much_it_is() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    // Twice what is held in memory.
    let line = "naïve 😀 ".repeat(100);
    let whole: String = (0..2000).map(|n| format!("{line}{n}\n")).collect();
    assert!(whole.len() > 2 << 20);
    for (language, code, is_wrong) in [
        (
            "python",
            "for n in range(2000): print('naïve 😀 ' * 100 + str(n))",
            false,
        ),
        (
            "javascript",
            "for (let n = 0; n < 2000; n++) console.log('naïve 😀 '.repeat(100) + n)",
            false,
        ),
        (
            "python",
            "for n in range(2000): print('naïve 😀 ' * 100 + str(n))\nraise ValueError('after all')",
            true,
        ),
    ] {
        let (text, is_error) = agent.execute(language, code);
        assert_eq!(is_error, is_wrong, "{text}");
        let (_, stdout) = text.split_once("--- stdout\n").unwrap();
        let (head, rest) = stdout.split_once("\n… ").unwrap();
        let (missing, tail) = rest.split_once(" …\n").unwrap();
        let tail = tail.split("\n---").next().unwrap();
        assert!(
            whole.starts_with(head) && whole.trim_end().ends_with(tail),
            "{text}"
        );
        let missing_bytes = whole.len() - head.len() - tail.len() - 1;
        assert_eq!(
            missing,
            format!("{missing_bytes} bytes, whole: results.open(\"r_1\")")
        );
    }
    let python = "
r = results.open('r_1')
whole = ''.join(r[n:n + 500000] for n in range(0, len(r), 500000))
assert whole == ''.join('naïve 😀 ' * 100 + str(n) + '\\n' for n in range(2000))
[sum(1 for _ in r.lines()), r[-5:-1]]";
    assert_eq!(run(&mut agent, "python", python).1, json!([2000, "1999"]));
}

/// What a resource's read answers with.
fn read(agent: &mut Agent, uri: &str) -> Result<Value, String> {
    let answer = agent.request("resources/read", json!({"uri": uri}));
    match answer["result"]["contents"].as_array() {
        Some(contents) => Ok(contents.clone().into()),
        None => Err(answer["error"]["message"].as_str().unwrap().to_owned()),
    }
}

#[test]
fn results_are_resources_of_their_session_in_both_eras() {
    for modern in [false, true] {
        let place = Place::with_fake();
        let mut agent = place.serve();
        let hello = if modern {
            agent.discover()
        } else {
            agent.initialize()
        };
        let result = &hello["result"];
        assert_eq!(result["capabilities"]["resources"], json!({}), "{hello:#}");
        let listed = agent.request("resources/list", json!({}));
        assert_eq!(listed["result"]["resources"], json!([]));
        let unknown = read(&mut agent, "toolmill://results/r_1").unwrap_err();
        assert_eq!(unknown, "there is no result \"r_1\" in this session");
        run(&mut agent, "python", RECORDS);
        run(
            &mut agent,
            "python",
            &format!(
                "len(tools.fake.blocks(content=[{{'type': 'image', 'data': {PNG:?}, 'mimeType': 'image/png'}}]))"
            ),
        );
        let listed = agent.request("resources/list", json!({}));
        let listed = &listed["result"]["resources"];
        assert_eq!(
            listed[0],
            json!({"uri": "toolmill://results/r_2", "name": "r_2", "mimeType": "image/png", "size": 70})
        );
        assert_eq!(listed[1]["uri"], "toolmill://results/r_1");
        let templates = agent.request("resources/templates/list", json!({}));
        assert_eq!(
            templates["result"]["resourceTemplates"][0]["uriTemplate"],
            "toolmill://results/{id}{?from,to,at}"
        );
        let image = read(&mut agent, "toolmill://results/r_2").unwrap();
        assert_eq!(
            image,
            json!([{"uri": "toolmill://results/r_2", "mimeType": "image/png", "blob": PNG}])
        );
        let one = read(&mut agent, "toolmill://results/r_1?at=/7&to=1").unwrap();
        assert_eq!(one[0]["text"], r#"{"id":7}"#);
        assert_eq!(one[1]["uri"], Value::Null, "it is not cut: {one:#}");
        // All of it, read on as it says.
        let size = listed[1]["size"].as_u64().unwrap();
        let mut uri = format!("toolmill://results/r_1?from=0&to={size}");
        let mut whole = String::new();
        loop {
            let contents = read(&mut agent, &uri).unwrap();
            whole.push_str(contents[0]["text"].as_str().unwrap());
            let Some(next) = contents[1]["uri"].as_str() else {
                break;
            };
            assert!(contents[1]["text"].as_str().unwrap().starts_with("cut: "));
            uri = next.to_owned();
        }
        let value: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(value.as_array().unwrap().len(), 20_000);
        assert_eq!(whole.len() as u64, size);
        // Without an end it is no more than an answer has.
        let contents = read(&mut agent, "toolmill://results/r_1").unwrap();
        assert!(contents[0]["text"].as_str().unwrap().len() <= 36_000);
        assert!(
            contents[1]["uri"]
                .as_str()
                .unwrap()
                .starts_with("toolmill://results/r_1?from=3")
        );
        for (uri, says) in [
            (
                "toolmill://results/../r_1",
                "there is no result \"r_1\" in this session",
            ),
            (
                "toolmill://results/r_9",
                "there is no result \"r_9\" in this session; it keeps r_2, r_1",
            ),
            (
                "file:///etc/passwd",
                "there is no resource file:///etc/passwd; they are toolmill://results/{id}{?from,to,at}, where {id} is a handle (r_9) that execute_code answered with",
            ),
            (
                "toolmill://results/r_1?from=x",
                "from must be a whole number, is \"x\"",
            ),
        ] {
            assert_eq!(read(&mut agent, uri).unwrap_err(), says);
        }
        // Another connection, even with the stolen id of this session.
        let mut thief = place.serve();
        thief.initialize();
        let session = std::fs::read_dir(place.path("state/toolmill/results"))
            .unwrap()
            .next()
            .unwrap();
        let session = session.unwrap().file_name().into_string().unwrap();
        let own = format!("toolmill://results/{session}/r_2");
        assert_eq!(read(&mut agent, &own).unwrap()[0]["blob"], PNG);
        for uri in [own.as_str(), "toolmill://results/r_2"] {
            for opened in [false, true] {
                if opened {
                    thief.execute("python", "1");
                }
                let refused = read(&mut thief, uri).unwrap_err();
                assert!(
                    refused.starts_with("there is no result \"r_2\" in this session"),
                    "{refused}"
                );
            }
        }
    }
}

#[test]
fn lines_count_from_the_end_and_characters_are_read_by_number_in_both_languages() {
    let place = Place::with_fake();
    let mut agent = agent(&place);
    let (text, _) = agent.execute(
        "python",
        "tools.fake.echo.keep(text='\\n'.join(f'l😀{n}' for n in range(10)))\n1",
    );
    assert!(text.contains("\n1"), "{text}");
    let expected = r#"[["l😀8","l😀9"],["l😀0"],["l😀7"],[],"😀",39]"#;
    for (language, code) in [
        (
            "python",
            "r = results.open('r_1')\n[list(r.lines(-2)), list(r.lines(0, -9)), list(r.lines(-3, -2)), list(r.lines(5, -6)), r[1], len(r)]",
        ),
        (
            "typescript",
            "const r = await results.open('r_1');\n[await r.lines(-2), await r.lines(0, -9), await r.lines(-3, -2), await r.lines(5, -6), await r.get(1), r.length]",
        ),
    ] {
        let (text, is_error) = agent.execute(language, code);
        let found = text.lines().skip(1).collect::<String>();
        let found: Value = serde_json::from_str(&found).unwrap_or_else(|_| panic!("{text}"));
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert!(!is_error && found == expected, "{text}");
    }
}

#[test]
fn a_program_keeps_the_handles_it_holds_and_what_a_killed_one_left_goes() {
    let place = Place::with_fake();
    let session = &["--language", "python", "--session", "s_held"];
    let code = "import base64
def file(n):
    return tools.fake.blocks(content=[{'type': 'image', 'data': base64.b64encode(b'%d' % n).decode(), 'mimeType': 'image/png'}])
first = file(0)
for n in range(1, 1002): last = file(n)
[first.value().decode(), last['type']]";
    let (_, json) = place.run_with(session, code);
    assert_eq!(json["value"], json!(["0", "image"]), "{json:#}");
    let folder = place.path("state").join("toolmill/results/s_held");
    let left = folder.join("draft-0-1.unfinished");
    std::fs::write(&left, "x").unwrap();
    // Later ones may go again, and say why.
    let (_, json) = place.run_with(
        session,
        "r = tools.fake.echo.keep(text='new')\nresults.open('r_1')",
    );
    let message = json["error"]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "r_1 is no longer kept: a session keeps 1000 results, and the oldest go first"
    );
    assert!(!left.exists());
}

#[test]
fn half_a_surrogate_pair_in_a_text_does_not_stand_in_the_way_of_the_rest() {
    let place = Place::with_fake();
    for (language, code) in [
        ("python", r"'a\ud800b' + 'x' * 100_000"),
        ("typescript", r"'a\ud800b' + 'x'.repeat(100_000)"),
        (
            "python",
            r"tools.fake.structured.keep(value={'at': 'a\ud800b'})",
        ),
    ] {
        let mut agent = agent(&place);
        let (text, is_error) = agent.execute(language, code);
        assert!(!is_error, "{text}");
        let uri = match code.contains("keep") {
            true => "toolmill://results/r_1?at=/at",
            false => "toolmill://results/r_1?at=&from=0&to=3",
        };
        assert_eq!(read(&mut agent, uri).unwrap()[0]["text"], "a\u{fffd}b");
        agent.close();
    }
}

#[test]
fn a_person_lists_prints_and_removes_what_sessions_keep() {
    let place = Place::with_fake();
    let text = |arguments: &[&str]| {
        let output = place.output(&[&["results"], arguments].concat());
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), stdout, stderr)
    };
    let (exit, said, _) = text(&[]);
    assert!(
        exit == 0 && said.starts_with("no results are kept"),
        "{said}"
    );
    let image = format!(
        "tools.fake.blocks(content=[{{'type': 'image', 'data': {PNG:?}, 'mimeType': 'image/png'}}])"
    );
    let code = format!(
        "tools.fake.big_json.keep(records=3); tools.fake.echo.keep(text='näh\\nb'); {image}; 1"
    );
    assert_eq!(
        place
            .run_with(&["--language", "python", "--session", "s_one"], &code)
            .0,
        0
    );
    assert_eq!(
        place
            .run_with(&["--language", "python", "--session", "s_two"], &image)
            .0,
        0
    );
    let (_, said, _) = text(&[]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "SESSION  RESULT  TYPE       BYTES  AGE");
    assert!(lines[1].starts_with("s_one    r_1     json "), "{said}");
    assert!(
        lines[3].starts_with("s_one    r_3     image/png     70  0 s") || lines[3].contains(" s"),
        "{said}"
    );
    assert_eq!(
        lines[5],
        "next: toolmill results r_1 --session s_two    prints it"
    );
    let (_, said, _) = text(&["--session", "s_two", "--json"]);
    let listed: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (
            &listed[0]["id"],
            &listed[0]["bytes"],
            listed.as_array().unwrap().len()
        ),
        (&json!("r_1"), &json!(70), 1)
    );
    for (arguments, expected) in [
        (&["r_2"][..], "näh\nb"),
        (&["r_2", "--from", "1", "--to", "3"], "äh"),
        (&["r_2", "--json"], "\"näh\\nb\"\n"),
        (
            &["r_1", "--session", "s_one", "--at", "/records/2/name"],
            "Record 2",
        ),
        (
            &["r_1", "--session", "s_one", "--at", "/records/2/active"],
            "false\n",
        ),
        (
            &[
                "r_1",
                "--session",
                "s_one",
                "--at",
                "/records/1",
                "--to",
                "1",
            ],
            "{\"id\":1}\n",
        ),
    ] {
        let (exit, said, stderr) = text(arguments);
        assert_eq!(
            (exit, said.as_str()),
            (0, expected),
            "{arguments:?}: {stderr}"
        );
    }
    let output = place.output(&["results", "r_3", "--from", "1", "--to", "4"]);
    assert_eq!(output.stdout, b"PNG");
    for (arguments, code, says) in [
        (
            &["r_1"][..],
            2,
            "2 sessions keep a result \"r_1\": s_one, s_two; next: toolmill results r_1 --session s_one",
        ),
        (
            &["r_9"],
            1,
            "no session keeps a result \"r_9\"; next: toolmill results ",
        ),
        (
            &["r_9", "--session", "s_one"],
            1,
            "there is no result \"r_9\" in this session; it keeps r_3, r_2, r_1; next: toolmill results --session s_one ",
        ),
        (
            &["--session", "s_none"],
            2,
            "no session \"s_none\" keeps results; next: toolmill results ",
        ),
        (
            &["r_3", "--at", "/x"],
            1,
            "r_3 is a file (image/png) and has no parts: leave --at out",
        ),
        (&["r_2", "--at", "/x"], 1, "\"x\" is asked of a string"),
        (
            &[
                "r_1",
                "--session",
                "s_one",
                "--at",
                "/records/1/id",
                "--from",
                "0",
            ],
            1,
            "r_1 has nothing at \"/records/1/id\": a value of type number has no parts",
        ),
        (&["--remove"], 2, "<ID>"),
    ] {
        let (exit, _, stderr) = text(arguments);
        assert!(
            exit == code && stderr.contains(says),
            "{arguments:?}: {exit} {stderr}"
        );
    }
    // One that is there and keeps nothing.
    place.run_with(&["--language", "python", "--session", "s_three"], "1");
    let (exit, said, stderr) = text(&["--session", "s_three", "--json"]);
    assert_eq!((exit, said.as_str()), (0, "[]\n"), "{stderr}");
    let (_, said, _) = text(&["r_3", "--remove"]);
    assert_eq!(said, "removed r_3 of session s_one\n");
    let (exit, _, stderr) = text(&["r_3", "--session", "s_one", "--remove"]);
    assert!(
        exit == 1 && stderr.contains("session s_one keeps no r_3"),
        "{stderr}"
    );
    // What was removed is gone for the programs of its session, too.
    let (_, json) = place.run_with(
        &["--language", "python", "--session", "s_one"],
        "results.open('r_3')",
    );
    assert!(
        json["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("r_3 is no longer kept"),
        "{json:#}"
    );
}

#[test]
fn a_caller_that_is_a_program_gets_what_is_too_large_by_handle_and_what_is_shown_beside_the_value()
{
    let place = Place::with_fake();
    let mut agent = Agent::start(place.command(&["serve", "--structured"]));
    agent.initialize();
    let mut answer = |code: &str| {
        let arguments = json!({"language": "python", "code": code});
        let params = json!({"name": "execute_code", "arguments": arguments});
        agent.request("tools/call", params)["result"].clone()
    };
    let result = answer("'x' * (9 << 20)");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(
        text.ends_with("; it is kept: results.open(\"r_1\") in a later program"),
        "{text}"
    );
    let show = "show(b'\\0\\1\\2', mime_type='image/png'); len(results.open('r_1'))";
    let result = answer(&format!("{show}\nresult = len(results.open('r_1'))"));
    assert_eq!(result["structuredContent"], 9 << 20);
    assert_eq!(
        result["content"],
        json!([{"type": "image", "data": "AAEC", "mimeType": "image/png"}])
    );
}
