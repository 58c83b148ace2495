//! A tiny model of made-up numbers, written by these tests, against the vectors that
//! `scripts/embedding-reference` has recorded for it; and folders that are not what they should be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use toolmill_embedding::{Error, Model};

#[derive(Deserialize)]
struct Fixture {
    config: Value,
    words: Vec<String>,
    tensors: Vec<(String, Vec<usize>)>,
    cases: BTreeMap<String, BTreeMap<String, Answer>>,
}

#[derive(Deserialize)]
struct Answer {
    tokens: Vec<String>,
    vector: Vec<f32>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("tiny.json")).unwrap()
}

/// The numbers of all tensors in their order, from the generator that the reference has too.
fn numbers() -> Vec<f32> {
    let mut state = 1_u64;
    let mut numbers = Vec::new();
    for (name, shape) in fixture().tensors {
        let around = if name.ends_with("LayerNorm.weight") {
            1.0
        } else {
            0.0
        };
        for _ in 0..shape.iter().product() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            numbers.push((state >> 40) as f32 / 8_388_608.0 - 1.0 + around);
        }
    }
    numbers
}

/// The parts of a model file.
struct Weights {
    header: BTreeMap<String, Value>,
    data: Vec<u8>,
}

impl Weights {
    fn new<const N: usize>(dtype: &str, encode: impl Fn(f32) -> [u8; N]) -> Self {
        let mut header = BTreeMap::from([("__metadata__".to_owned(), json!({"format": "pt"}))]);
        let mut end = 0;
        for (name, shape) in fixture().tensors {
            let begin = end;
            end += shape.iter().product::<usize>() * N;
            let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]});
            header.insert(name, entry);
        }
        let data = numbers().into_iter().flat_map(encode).collect();
        Self { header, data }
    }

    fn bytes(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.header).unwrap();
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], &header, &self.data].concat()
    }

    fn entry(&mut self, name: &str) -> &mut Value {
        self.header.get_mut(name).unwrap()
    }
}

fn single() -> Weights {
    Weights::new("F32", f32::to_le_bytes)
}

const WEIGHTS: &str = "model.safetensors";
const QUERY: &str = "encoder.layer.1.attention.self.query.weight";
const POSITIONS: &str = "embeddings.position_embeddings.weight";
const WORDS: &str = "embeddings.word_embeddings.weight";

/// A folder with the tiny model.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixture = fixture();
    let file = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    file(
        "1_Pooling/config.json",
        br#"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}"#,
    );
    file("config.json", fixture.config.to_string().as_bytes());
    file("vocab.txt", (fixture.words.join("\n") + "\n").as_bytes());
    file(WEIGHTS, &single().bytes());
    folder
}

fn assert_near(vector: &[f32], expected: &[f32], of: &str) {
    assert_eq!(vector.len(), expected.len(), "{of:?}");
    for (number, expected) in vector.iter().zip(expected) {
        assert!(
            (number - expected).abs() < 3e-6,
            "{of:?}: {vector:?}, and the reference has {expected:?}"
        );
    }
}

#[test]
fn tokens_and_vectors_are_those_of_the_reference() {
    let (folder, fixture) = (folder(), fixture());
    let model = Model::open(folder.path()).unwrap();
    assert_eq!(model.dimensions(), 8);
    for (text, answer) in fixture.cases.values().flatten() {
        let tokens = model.tokens(text);
        let words: Vec<&String> = tokens
            .iter()
            .map(|id| &fixture.words[*id as usize])
            .collect();
        assert_eq!(words, answer.tokens.iter().collect::<Vec<_>>(), "{text:?}");
        assert_near(&model.embed(text), &answer.vector, text);
    }
}

#[test]
fn a_vocabulary_inside_the_tokenizer_is_the_same_vocabulary() {
    let (folder, fixture) = (folder(), fixture());
    let lines = Model::open(folder.path()).unwrap();
    fs::remove_file(folder.path().join("vocab.txt")).unwrap();
    let ids: BTreeMap<&String, usize> = fixture.words.iter().zip(0..).collect();
    let tokenizer = json!({"version": "1.0", "model": {"type": "WordPiece", "vocab": ids}});
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let inside = Model::open(folder.path()).unwrap();
    assert_eq!(inside.fingerprint(), lines.fingerprint());
    assert_eq!(inside.embed("sending files"), lines.embed("sending files"));
}

/// Numbers of half the size are those that they stand for.
#[test]
fn half_precision() {
    // An IEEE half holds these exactly, and none of them is so small that it has no leading one.
    let tenth_bit = |number: f32| (number * 1024.0).trunc() / 1024.0;
    let to_half = |number: f32| {
        let bits = tenth_bit(number).to_bits();
        let magnitude = match bits & 0x7fff_ffff {
            0 => 0,
            magnitude => (magnitude >> 13) - (112 << 10),
        };
        ((bits >> 31 << 15 | magnitude) as u16).to_le_bytes()
    };
    let upper = |number: f32| f32::from_bits(number.to_bits() >> 16 << 16);
    let to_brain = |number: f32| ((number.to_bits() >> 16) as u16).to_le_bytes();
    for (halves, singles) in [
        (
            Weights::new("F16", to_half),
            Weights::new("F32", |number| tenth_bit(number).to_le_bytes()),
        ),
        (
            Weights::new("BF16", to_brain),
            Weights::new("F32", |number| upper(number).to_le_bytes()),
        ),
    ] {
        let [halves, singles] = [halves, singles].map(|weights| {
            let folder = folder();
            fs::write(folder.path().join(WEIGHTS), weights.bytes()).unwrap();
            Model::open(folder.path()).unwrap()
        });
        assert_eq!(
            halves.embed("send a message"),
            singles.embed("send a message")
        );
        assert_ne!(halves.fingerprint(), singles.fingerprint());
    }
}

#[test]
fn a_fingerprint_changes_with_what_decides_on_vectors() {
    let folder = folder();
    let fingerprint = || Model::open(folder.path()).unwrap().fingerprint().to_owned();
    let first = fingerprint();
    assert_eq!(first.len(), 64);
    assert_eq!(fingerprint(), first);

    let mut weights = single();
    weights.data[0] ^= 1;
    fs::write(folder.path().join(WEIGHTS), weights.bytes()).unwrap();
    let second = fingerprint();
    assert_ne!(second, first);

    let limit = folder.path().join("sentence_bert_config.json");
    fs::write(limit, r#"{"max_seq_length": 5}"#).unwrap();
    assert_ne!(fingerprint(), second);
    let model = Model::open(folder.path()).unwrap();
    assert_eq!(model.tokens("the file the file the file").len(), 5);
}

#[test]
fn threads_share_a_model() {
    let folder = folder();
    let model = Model::open(folder.path()).unwrap();
    let expected = model.embed("unwanted files");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(model.embed("unwanted files"), expected));
        }
    });
}

#[test]
fn any_text_has_a_vector_of_length_one() {
    let folder = folder();
    let model = Model::open(folder.path()).unwrap();
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    for chars in all.chunks(997) {
        let text: String = chars.iter().collect();
        let vector = model.embed(&text);
        let square: f32 = vector.iter().map(|number| number * number).sum();
        assert!((square - 1.0).abs() < 1e-5, "{:?}..: {square}", chars[0]);
    }
}

#[test]
fn a_text_is_read_no_further_than_it_counts() {
    let folder = folder();
    let model = Model::open(folder.path()).unwrap();
    for filler in [" ", "\u{301}", "\0"] {
        let within = model.tokens(&(filler.repeat(2_000) + "the"));
        let beyond = model.tokens(&(filler.repeat(3_000) + "the"));
        assert_eq!((within.len(), beyond.len()), (3, 2), "{filler:?}");
    }
}

#[test]
fn absurd_weights_are_like_nothing() {
    let folder = folder();
    let mut weights = single();
    for number in weights.data.chunks_exact_mut(4) {
        number.copy_from_slice(&f32::MAX.to_le_bytes());
    }
    fs::write(folder.path().join(WEIGHTS), weights.bytes()).unwrap();
    let model = Model::open(folder.path()).unwrap();
    assert_eq!(model.embed("the"), [0.0; 8]);
}

/// Spoils a folder and says what the error must say.
#[track_caller]
fn refused(spoil: impl FnOnce(&Path), kind: impl Fn(&Error) -> bool, says: &str) {
    let folder = folder();
    spoil(folder.path());
    let error = Model::open(folder.path()).err().expect("an error");
    assert!(kind(&error), "{error:?}");
    let message = error.to_string();
    assert!(message.contains(says), "{message}");
    assert!(
        message.contains(folder.path().to_str().unwrap()),
        "{message}"
    );
}

/// Spoils the weights' header or numbers.
#[track_caller]
fn refused_weights(spoil: impl FnOnce(&mut Weights), kind: impl Fn(&Error) -> bool, says: &str) {
    let mut weights = single();
    spoil(&mut weights);
    refused_file(&weights.bytes(), kind, says);
}

#[track_caller]
fn refused_file(bytes: &[u8], kind: impl Fn(&Error) -> bool, says: &str) {
    refused(
        |folder| fs::write(folder.join(WEIGHTS), bytes).unwrap(),
        kind,
        says,
    );
}

/// Replaces one value in a configuration.
#[track_caller]
fn refused_config(name: &str, value: Value, says: &str) {
    refused(
        |folder| {
            let mut config = fixture().config;
            config[name] = value;
            fs::write(folder.join("config.json"), config.to_string()).unwrap();
        },
        |error| matches!(error, Error::Unsupported { .. }),
        says,
    );
}

#[test]
fn folders_that_lack_a_file() {
    for file in ["config.json", WEIGHTS, "1_Pooling/config.json"] {
        refused(
            |folder| fs::remove_file(folder.join(file)).unwrap(),
            |error| matches!(error, Error::Read { .. }),
            &format!("{file} cannot be read"),
        );
    }
    refused(
        |folder| fs::remove_file(folder.join("vocab.txt")).unwrap(),
        |error| matches!(error, Error::Read { .. }),
        "tokenizer.json cannot be read",
    );
    refused(
        |folder| {
            fs::remove_file(folder.join(WEIGHTS)).unwrap();
            fs::create_dir(folder.join(WEIGHTS)).unwrap();
        },
        |error| matches!(error, Error::Read { .. }),
        "it is not a file",
    );
}

#[test]
fn files_that_are_too_large() {
    for file in ["config.json", "vocab.txt", WEIGHTS] {
        refused(
            // Sparse.
            |folder| {
                let file = fs::File::create(folder.join(file)).unwrap();
                file.set_len(3 << 30).unwrap();
            },
            |error| matches!(error, Error::TooLarge { .. }),
            "has 3221225472 bytes",
        );
    }
}

#[test]
fn models_of_another_kind() {
    refused_config(
        "model_type",
        json!("distilbert"),
        "its type is \"distilbert\"",
    );
    refused_config("model_type", json!(""), "its type is \"\"");
    refused_config("hidden_act", json!("relu"), "hidden_act is \"relu\"");
    refused_config(
        "position_embedding_type",
        json!("relative_key"),
        "relative_key",
    );
    refused_config("hidden_size", json!(0), "hidden_size 0");
    refused_config(
        "hidden_size",
        json!(1_u64 << 60),
        "hidden_size 1152921504606846976",
    );
    refused_config(
        "num_hidden_layers",
        json!(1_000_000),
        "num_hidden_layers 1000000",
    );
    refused_config("vocab_size", json!(u64::MAX), "vocab_size");
    refused_config("num_attention_heads", json!(3), "heads do not divide");
    refused_config("layer_norm_eps", json!(-1.0), "layer_norm_eps");
    refused_config("max_position_embeddings", json!(2), "reads 2 tokens");
    for (file, content, says) in [
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode_cls_token": true}"#,
            "pooling_mode_cls_token",
        ),
        ("1_Pooling/config.json", "{}", "not the mean alone"),
        (
            "modules.json",
            r#"[{"type": "sentence_transformers.models.Dense"}]"#,
            "models.Dense",
        ),
        (
            "tokenizer_config.json",
            r#"{"do_lower_case": false}"#,
            "do_lower_case is false",
        ),
        (
            "sentence_bert_config.json",
            r#"{"max_seq_length": 0}"#,
            "reads 0 tokens",
        ),
    ] {
        refused(
            |folder| fs::write(folder.join(file), content).unwrap(),
            |error| matches!(error, Error::Unsupported { .. }),
            says,
        );
    }
    for content in [
        "",
        "[",
        "1",
        r#"{"model_type": "bert"}"#,
        &"[".repeat(1 << 20),
    ] {
        refused(
            |folder| fs::write(folder.join("config.json"), content).unwrap(),
            |error| matches!(error, Error::Syntax { .. }),
            "config.json is not the JSON",
        );
    }
}

#[test]
fn vocabularies_that_do_not_fit() {
    let words = fixture().words;
    for (content, says) in [
        (b"[PAD]\n[UNK]\n[CLS]\nthe\n".to_vec(), "it has no [SEP]"),
        (Vec::new(), "it has no [UNK]"),
        (
            (words.join("\n") + "\nmore").into_bytes(),
            "\"more\" is number 59 of 59",
        ),
        (b"[UNK]\n[CLS]\n[SEP]\n\xff".to_vec(), "invalid utf-8"),
    ] {
        refused(
            |folder| fs::write(folder.join("vocab.txt"), content).unwrap(),
            |error| matches!(error, Error::Vocabulary { .. }),
            says,
        );
    }
}

#[test]
fn corrupt_headers() {
    let corrupt = |error: &Error| matches!(error, Error::Header { .. });
    let whole = single().bytes();
    let length = |length: u64| [&length.to_le_bytes(), &whole[8..]].concat();
    refused_file(b"", corrupt, "the file has 0 bytes");
    refused_file(&whole[..7], corrupt, "the file has 7 bytes");
    refused_file(&whole[..100], corrupt, "and 92 follow");
    refused_file(&length(1 << 63), corrupt, "9223372036854775808 bytes");
    refused_file(&length(u64::MAX), corrupt, "18446744073709551615 bytes");
    refused_file(&length(1 << 20), corrupt, "1048576 bytes, and");
    refused_file(&length(0), corrupt, "EOF");
    refused_file(&length(9), corrupt, "EOF");
    refused_file(
        &[&2_u64.to_le_bytes()[..], b"[]"].concat(),
        corrupt,
        "invalid type",
    );
    let deep = "[".repeat(100_000);
    refused_file(
        &[&100_000_u64.to_le_bytes()[..], deep.as_bytes()].concat(),
        corrupt,
        "expected a map",
    );
    refused_file(&whole[..whole.len() - 1], corrupt, "lies at");
    refused_file(
        &[&whole[..], b"more"].concat(),
        corrupt,
        "its tensors end at",
    );

    for offsets in [
        json!([0, 256]),
        json!([4, 260]),
        json!([256, 0]),
        json!([u64::MAX, u64::MAX]),
        json!([0, u64::MAX]),
        json!([-1, 255]),
        json!([0.5, 256]),
        json!([0]),
        json!([0, 256, 512]),
        json!("0"),
    ] {
        refused_weights(
            |weights| weights.entry(QUERY)["data_offsets"] = offsets,
            corrupt,
            "tensor",
        );
    }
    for shape in [
        json!([8, -8]),
        json!([8.5, 8]),
        json!(64),
        json!([1e300, 8]),
    ] {
        refused_weights(
            |weights| weights.entry(QUERY)["shape"] = shape,
            corrupt,
            "tensor",
        );
    }
    refused_weights(
        |weights| {
            weights.header.insert("empty".into(), json!({}));
        },
        corrupt,
        "missing field",
    );
    // The file ends where it should, and one tensor has the half of another.
    refused_weights(
        |weights| {
            let (words, positions) = (59 * 8 * 4, 24 * 8 * 4);
            weights.entry(WORDS)["data_offsets"] = json!([0, words - 4]);
            weights.entry(POSITIONS)["data_offsets"] = json!([words - 4, words + positions]);
        },
        corrupt,
        "bytes and needs",
    );
}

#[test]
fn tensors_that_do_not_fit() {
    for dtype in ["F64", "I8", "F8_E4M3", "", "f32"] {
        refused_weights(
            |weights| weights.entry(QUERY)["dtype"] = json!(dtype),
            |error| matches!(error, Error::Dtype { .. }),
            &format!("is of type {dtype};"),
        );
    }
    for shape in [
        json!([64]),
        json!([8, 8, 1]),
        json!([4, 16]),
        json!([]),
        json!([u64::MAX, u64::MAX]),
        json!([1_u64 << 62, 4]),
    ] {
        refused_weights(
            |weights| weights.entry(QUERY)["shape"] = shape,
            |error| matches!(error, Error::Shape { .. }),
            "where config.json asks for [8, 8]",
        );
    }
    refused_weights(
        |weights| {
            let entry = weights.header.remove(QUERY).unwrap();
            weights.header.insert("another".to_owned(), entry);
        },
        |error| matches!(error, Error::MissingTensor { .. }),
        "has no tensor encoder.layer.1.attention.self.query.weight",
    );
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        refused_weights(
            |weights| weights.data[400..404].copy_from_slice(&number.to_le_bytes()),
            |error| matches!(error, Error::NotFinite { .. }),
            "tensor embeddings.word_embeddings.weight",
        );
    }
}

/// What is beside the model's own tensors is of no interest.
#[test]
fn other_tensors_are_passed_over() {
    let (folder, mut weights) = (folder(), single());
    let expected = Model::open(folder.path()).unwrap().embed("the");
    let end = weights.data.len();
    let ids = json!({"dtype": "I64", "shape": [1, 3], "data_offsets": [end, end + 24]});
    weights
        .header
        .insert("embeddings.position_ids".to_owned(), ids);
    weights.data.extend([0xff; 24]);
    fs::write(folder.path().join(WEIGHTS), weights.bytes()).unwrap();
    assert_eq!(Model::open(folder.path()).unwrap().embed("the"), expected);
}

/// Each byte of the header in turn, and each length of the file: an error, or a model that works.
#[test]
fn no_damage_panics() {
    let (folder, whole) = (folder(), single().bytes());
    let header = whole.len() - single().data.len();
    let file = folder.path().join(WEIGHTS);
    for at in 0..header {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&file, &bytes).unwrap();
        if let Ok(model) = Model::open(folder.path()) {
            assert!(model.embed("the").iter().all(|number| number.is_finite()));
        }
    }
    for length in (0..whole.len()).step_by(31) {
        fs::write(&file, &whole[..length]).unwrap();
        assert!(Model::open(folder.path()).is_err(), "{length}");
    }
}
