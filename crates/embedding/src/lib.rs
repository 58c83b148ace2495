//! Sentences as vectors, from a model folder on this machine.
//!
//! The folder is one that the user names, of a BERT sentence encoder such as all-MiniLM-L6-v2 as
//! sentence-transformers lays it out. Nothing is ever fetched. Sentences that mean the same have
//! vectors whose product is near one; what is done with that is left to others.
//!
//! The forward pass is our own. It is a few products of matrices, and the runtimes that could do it
//! add a hundred crates and more (candle, tract) or a prebuilt C++ library (ort) to a program that
//! needs one kind of model. Two small crates are used instead, which need no others:
//!
//! - `fearless_simd`, because the instructions that every x86-64 processor has take three times as
//!   long (a text of 111 tokens: 125 ms, and 41 ms with AVX2, by `examples/vectors`). Choosing better
//!   ones at run time, as well as calling `matrixmultiply`, takes unsafe code, which is not written
//!   here;
//! - `unicode-properties`, because BERT's tokenizer asks for categories of characters that the
//!   standard library lacks.
//!
//! Folders are hostile until read: each size is bounded and checked before memory is asked for, and
//! what is wrong is an [`enum@Error`] with the file and the tensor. A model holds its weights once, as
//! `f32` and laid out for the products; while it is opened, one matrix is there twice. It has no
//! locks and no state: any number of threads may [`Model::embed`] at the same time.
//!
//! Vectors of one model and text differ in their last digits between kinds of processor.

mod encoder;
mod matrix;
mod tensors;
mod tokenizer;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use thiserror::Error;

use encoder::{Encoder, Layer, Linear, Norm};
use matrix::Right;
use tensors::Tensors;
use tokenizer::Tokenizer;

/// Counts up when vectors of the same folder change, so that none of before are compared with them.
const VERSION: u8 = 1;

/// Configurations and vocabularies; `tokenizer.json` is the largest, with half a MB here and 9 MB in
/// multilingual models.
const TEXT_BYTES: u64 = 32 << 20;
/// Tokens of a text where the model does not say, and the most where it does: attention takes the
/// square of them.
const TOKENS: usize = 256;
const MOST_TOKENS: usize = 512;

#[derive(Debug, Error)]
pub enum Error {
    #[error(
        "{} cannot be read: {error}; a model's folder holds config.json, vocab.txt or \
         tokenizer.json, model.safetensors and 1_Pooling/config.json", path.display()
    )]
    Read {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{} has {bytes} bytes, of which at most {limit} are read", path.display())]
    TooLarge {
        path: PathBuf,
        bytes: u64,
        limit: u64,
    },
    #[error("{} is not the JSON that was expected: {error}", path.display())]
    Syntax {
        path: PathBuf,
        error: serde_json::Error,
    },
    #[error(
        "{} describes a model that is not supported: {reason}; use an uncased BERT sentence \
         encoder such as all-MiniLM-L6-v2", path.display()
    )]
    Unsupported { path: PathBuf, reason: String },
    #[error("the vocabulary {} cannot be used: {reason}", path.display())]
    Vocabulary { path: PathBuf, reason: String },
    #[error("the header of {} is corrupt: {reason}; copy the file again", path.display())]
    Header { path: PathBuf, reason: String },
    #[error(
        "{} has no tensor {tensor}, which config.json asks for; use the files of one model",
        path.display()
    )]
    MissingTensor { path: PathBuf, tensor: String },
    #[error("tensor {tensor} of {} is of type {dtype}; F32, F16 and BF16 are read", path.display())]
    Dtype {
        path: PathBuf,
        tensor: String,
        dtype: String,
    },
    #[error(
        "tensor {tensor} of {} has the shape {found:?}, where config.json asks for {expected:?}; \
         use the files of one model", path.display()
    )]
    Shape {
        path: PathBuf,
        tensor: String,
        found: Vec<u64>,
        expected: Vec<usize>,
    },
    #[error(
        "tensor {tensor} of {} holds infinities or what is not a number; copy the file again",
        path.display()
    )]
    NotFinite { path: PathBuf, tensor: String },
}

/// A model that turns sentences into vectors.
pub struct Model {
    tokenizer: Tokenizer,
    encoder: Encoder,
    limit: usize,
    fingerprint: String,
}

/// What `config.json` says of any model.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    model_type: String,
}

/// What it says of BERT.
#[derive(Deserialize)]
struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    type_vocab_size: usize,
    layer_norm_eps: f32,
    hidden_act: String,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

impl Model {
    /// Reads a model's folder, as sentence-transformers lays it out.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let mut digest = Sha256::new();
        digest.update([VERSION]);
        let config = config(folder, &mut digest)?;
        let limit = limit(folder, &config, &mut digest)?;
        uncased(folder)?;
        mean_pooling(folder)?;
        let tokenizer = vocabulary(folder, &config, &mut digest)?;
        let tensors = Tensors::read(
            &folder.join("model.safetensors"),
            &shapes(&config),
            &mut digest,
        )?;
        Ok(Self {
            tokenizer,
            encoder: encoder(&config, tensors)?,
            limit,
            fingerprint: digest
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        })
    }

    /// How many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.encoder.hidden
    }

    /// The text's vector, of length one. Of a long text, its first [`Model::tokens`] count.
    ///
    /// Weights that are finite and absurd can take the numbers out of an `f32`'s range. The vector
    /// is all zeros then, which is like nothing.
    pub fn embed(&self, text: &str) -> Vec<f32> {
        self.encoder.embed(&self.tokens(text))
    }

    /// The word pieces that are read of a text, `[CLS]` and `[SEP]` included: 256 at most, or what
    /// the model says.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.tokenizer.tokens(text, self.limit)
    }

    /// A digest, in hexadecimal, of all that decides on vectors: those of equal ones may be compared.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Opens a regular file and says how large it is.
fn open(path: &Path, limit: u64) -> Result<(File, u64), Error> {
    let unreadable = |error| Error::Read {
        path: path.to_owned(),
        error,
    };
    // Before it is opened: opening a pipe waits for who writes to it.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let file = File::open(path).map_err(unreadable)?;
    if metadata.len() > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            bytes: metadata.len(),
            limit,
        });
    }
    Ok((file, metadata.len()))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let (file, size) = open(path, TEXT_BYTES)?;
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(TEXT_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::Read {
            path: path.to_owned(),
            error,
        })?;
    Ok(bytes)
}

fn parsed<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Syntax {
        path: path.to_owned(),
        error,
    })
}

/// What a file says that a folder may do without.
fn optional<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Error> {
    match bytes(path) {
        Ok(bytes) => parsed(path, &bytes),
        Err(Error::Read { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(T::default())
        }
        Err(error) => Err(error),
    }
}

fn unsupported(path: &Path, reason: impl Into<String>) -> Error {
    Error::Unsupported {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

fn config(folder: &Path, digest: &mut Sha256) -> Result<Config, Error> {
    let path = &folder.join("config.json");
    let text = bytes(path)?;
    digest.update((text.len() as u64).to_le_bytes());
    digest.update(&text);
    let Kind { model_type } = parsed(path, &text)?;
    if model_type != "bert" {
        return Err(unsupported(path, format!("its type is {model_type:?}")));
    }
    let config: Config = parsed(path, &text)?;
    // What is in bounds can be multiplied without a thought.
    for (name, value, most) in [
        ("hidden_size", config.hidden_size, 1 << 12),
        ("num_hidden_layers", config.num_hidden_layers, 1 << 6),
        ("num_attention_heads", config.num_attention_heads, 1 << 8),
        ("intermediate_size", config.intermediate_size, 1 << 14),
        (
            "max_position_embeddings",
            config.max_position_embeddings,
            1 << 16,
        ),
        ("vocab_size", config.vocab_size, 1 << 20),
        ("type_vocab_size", config.type_vocab_size, 1 << 8),
    ] {
        if !(1..=most).contains(&value) {
            return Err(unsupported(
                path,
                format!("{name} {value} is not in 1..={most}"),
            ));
        }
    }
    if !config
        .hidden_size
        .is_multiple_of(config.num_attention_heads)
    {
        return Err(unsupported(path, "its heads do not divide its hidden size"));
    }
    if !(config.layer_norm_eps > 0.0 && config.layer_norm_eps < 1.0) {
        return Err(unsupported(path, "layer_norm_eps is not between 0 and 1"));
    }
    if config.hidden_act != "gelu" {
        return Err(unsupported(
            path,
            format!("hidden_act is {:?}", config.hidden_act),
        ));
    }
    match config.position_embedding_type.as_deref() {
        None | Some("absolute") => Ok(config),
        Some(other) => Err(unsupported(path, format!("its positions are {other:?}"))),
    }
}

/// How many tokens of a text are read.
fn limit(folder: &Path, config: &Config, digest: &mut Sha256) -> Result<usize, Error> {
    #[derive(Deserialize, Default)]
    struct Sentence {
        #[serde(default)]
        max_seq_length: Option<usize>,
    }
    let path = &folder.join("sentence_bert_config.json");
    let Sentence { max_seq_length } = optional(path)?;
    let limit = max_seq_length
        .unwrap_or(TOKENS)
        .min(MOST_TOKENS)
        .min(config.max_position_embeddings);
    if limit < 3 {
        return Err(unsupported(
            path,
            format!("it reads {limit} tokens of a text"),
        ));
    }
    digest.update((limit as u64).to_le_bytes());
    Ok(limit)
}

fn uncased(folder: &Path) -> Result<(), Error> {
    #[derive(Deserialize, Default)]
    struct Letters {
        do_lower_case: Option<bool>,
        strip_accents: Option<bool>,
        tokenize_chinese_chars: Option<bool>,
    }
    let path = &folder.join("tokenizer_config.json");
    let letters: Letters = optional(path)?;
    for (name, value) in [
        ("do_lower_case", letters.do_lower_case),
        ("strip_accents", letters.strip_accents),
        ("tokenize_chinese_chars", letters.tokenize_chinese_chars),
    ] {
        if value == Some(false) {
            return Err(unsupported(path, format!("{name} is false")));
        }
    }
    Ok(())
}

fn mean_pooling(folder: &Path) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Module {
        #[serde(rename = "type")]
        kind: String,
    }
    let path = &folder.join("modules.json");
    for Module { kind } in optional::<Vec<Module>>(path)? {
        if !["Transformer", "Pooling", "Normalize"]
            .iter()
            .any(|known| kind.ends_with(known))
        {
            return Err(unsupported(path, format!("it has a part of type {kind:?}")));
        }
    }

    let path = &folder.join("1_Pooling/config.json");
    let modes: HashMap<String, serde_json::Value> = parsed(path, &bytes(path)?)?;
    let mut chosen: Vec<&str> = modes
        .iter()
        .filter(|(name, value)| name.starts_with("pooling_mode_") && **value == true)
        .map(|(name, _)| name.as_str())
        .collect();
    chosen.sort_unstable();
    if chosen != ["pooling_mode_mean_tokens"] {
        return Err(unsupported(
            path,
            format!("its pooling is {chosen:?}, not the mean alone"),
        ));
    }
    Ok(())
}

/// The tokenizer with the words of `vocab.txt`, one a line, or those inside `tokenizer.json`.
fn vocabulary(folder: &Path, config: &Config, digest: &mut Sha256) -> Result<Tokenizer, Error> {
    #[derive(Deserialize)]
    struct Whole {
        model: Words,
    }
    #[derive(Deserialize)]
    struct Words {
        vocab: HashMap<String, u32>,
    }
    let path = &folder.join("vocab.txt");
    let unusable = |path: &Path, reason: String| Error::Vocabulary {
        path: path.to_owned(),
        reason,
    };
    let (path, words) = match bytes(path) {
        Ok(text) => {
            let text = String::from_utf8(text)
                .map_err(|error| unusable(path, error.utf8_error().to_string()))?;
            let words = text.lines().map(str::to_owned).zip(0..).collect();
            (path, words)
        }
        Err(Error::Read { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            let path = &folder.join("tokenizer.json");
            let whole: Whole = parsed(path, &bytes(path)?)?;
            let mut words: Vec<(String, u32)> = whole.model.vocab.into_iter().collect();
            words.sort_by(|(a_word, a), (b_word, b)| (a, a_word).cmp(&(b, b_word)));
            (&path.clone(), words)
        }
        Err(error) => return Err(error),
    };
    for (word, id) in &words {
        if *id as usize >= config.vocab_size {
            return Err(unusable(
                path,
                format!(
                    "{word:?} is number {id} of {}, as config.json has it",
                    config.vocab_size
                ),
            ));
        }
        digest.update((word.len() as u64).to_le_bytes());
        digest.update(word);
        digest.update(id.to_le_bytes());
    }
    Tokenizer::new(words.iter().map(|(word, id)| (word.as_str(), *id)))
        .map_err(|special| unusable(path, format!("it has no {special}")))
}

const WORDS: &str = "embeddings.word_embeddings.weight";
const POSITIONS: &str = "embeddings.position_embeddings.weight";
const TYPES: &str = "embeddings.token_type_embeddings.weight";
const NORM: &str = "embeddings.LayerNorm";

/// The tensors that a model of this configuration has. What a file has beside is not read.
fn shapes(config: &Config) -> BTreeMap<String, Vec<usize>> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let mut shapes = BTreeMap::from([
        (WORDS.to_owned(), vec![config.vocab_size, hidden]),
        (
            POSITIONS.to_owned(),
            vec![config.max_position_embeddings, hidden],
        ),
        (TYPES.to_owned(), vec![config.type_vocab_size, hidden]),
        (format!("{NORM}.weight"), vec![hidden]),
        (format!("{NORM}.bias"), vec![hidden]),
    ]);
    for layer in 0..config.num_hidden_layers {
        for (part, rows, columns) in [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ] {
            shapes.insert(
                format!("encoder.layer.{layer}.{part}.weight"),
                vec![rows, columns],
            );
            shapes.insert(format!("encoder.layer.{layer}.{part}.bias"), vec![rows]);
        }
        for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
            shapes.insert(format!("encoder.layer.{layer}.{part}.weight"), vec![hidden]);
            shapes.insert(format!("encoder.layer.{layer}.{part}.bias"), vec![hidden]);
        }
    }
    shapes
}

fn encoder(config: &Config, mut tensors: Tensors) -> Result<Encoder, Error> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let mut positions = tensors.take(POSITIONS)?;
    let types = tensors.take(TYPES)?;
    for position in positions.chunks_exact_mut(hidden) {
        for (number, of_type) in position.iter_mut().zip(&types) {
            *number += of_type;
        }
    }
    let words = tensors.take(WORDS)?;
    let norm = norm(&mut tensors, NORM)?;
    let mut layers = Vec::with_capacity(config.num_hidden_layers);
    for layer in 0..config.num_hidden_layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let three = [
            name("attention.self.query"),
            name("attention.self.key"),
            name("attention.self.value"),
        ];
        layers.push(Layer {
            attention: linear(&mut tensors, &three, hidden)?,
            attention_output: linear(&mut tensors, &[name("attention.output.dense")], hidden)?,
            attention_norm: self::norm(&mut tensors, &name("attention.output.LayerNorm"))?,
            intermediate: linear(&mut tensors, &[name("intermediate.dense")], hidden)?,
            output: linear(&mut tensors, &[name("output.dense")], inner)?,
            output_norm: self::norm(&mut tensors, &name("output.LayerNorm"))?,
        });
    }
    Ok(Encoder {
        hidden,
        heads: config.num_attention_heads,
        epsilon: config.layer_norm_eps,
        words,
        positions,
        norm,
        layers,
    })
}

/// Parts that read the same rows, as one.
fn linear(tensors: &mut Tensors, parts: &[String], depth: usize) -> Result<Linear, Error> {
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    for part in parts {
        weight.extend(tensors.take(&format!("{part}.weight"))?);
        bias.extend(tensors.take(&format!("{part}.bias"))?);
    }
    // A row of the file's matrix is a column of the product's.
    let weight = Right::of_columns(depth, bias.len(), |column| column * depth, &weight);
    Ok(Linear { weight, bias })
}

fn norm(tensors: &mut Tensors, name: &str) -> Result<Norm, Error> {
    Ok(Norm {
        weight: tensors.take(&format!("{name}.weight"))?,
        bias: tensors.take(&format!("{name}.bias"))?,
    })
}
