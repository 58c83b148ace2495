//! Weights from a safetensors file: an 8-byte length, a header in JSON, then numbers.
//!
//! The file is hostile until read. The header is bounded and checked as a whole, against the shapes
//! that the model's configuration asks for, before any tensor has memory; then the numbers are read
//! once, front to back, through a small buffer, so that no second copy of them ever exists.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::Error;

/// The file of a large BERT has 1.3 GB.
const FILE_BYTES: u64 = 2 << 30;
/// A tensor takes about 110 bytes of it, and a layer has 16 tensors.
const HEADER_BYTES: u64 = 1 << 20;
/// A multiple of each number's size.
const BUFFER_BYTES: usize = 1 << 16;

pub(crate) struct Tensors {
    path: PathBuf,
    values: HashMap<String, Vec<f32>>,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// A number's format, of those that are converted.
#[derive(Clone, Copy)]
enum Format {
    F32,
    F16,
    Bf16,
}

impl Tensors {
    /// Reads those tensors of the file that are expected, and adds all of its bytes to the digest.
    pub(crate) fn read(
        path: &Path,
        expected: &BTreeMap<String, Vec<usize>>,
        digest: &mut Sha256,
    ) -> Result<Self, Error> {
        let (mut file, size) = crate::open(path, FILE_BYTES)?;
        let entries = header(path, &mut file, size, digest)?;
        let mut formats = HashMap::new();
        for (name, entry) in &entries {
            if let Some(shape) = expected.get(name) {
                formats.insert(name, format(path, name, shape, entry)?);
            }
        }
        if let Some(missing) = expected.keys().find(|name| !formats.contains_key(name)) {
            return Err(Error::MissingTensor {
                path: path.to_owned(),
                tensor: missing.clone(),
            });
        }

        let mut values = HashMap::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        for (name, entry) in &entries {
            let mut left = entry.data_offsets[1] - entry.data_offsets[0];
            let format = formats.get(name);
            let mut numbers = Vec::new();
            if let Some(format) = format {
                numbers.reserve_exact(left as usize / format.bytes());
            }
            while left > 0 {
                let bytes = &mut buffer[..left.min(BUFFER_BYTES as u64) as usize];
                file.read_exact(bytes).map_err(|error| Error::Read {
                    path: path.to_owned(),
                    error,
                })?;
                digest.update(&*bytes);
                left -= bytes.len() as u64;
                if let Some(format) = format {
                    format.convert(bytes, &mut numbers);
                }
            }
            if !numbers.iter().all(|number| number.is_finite()) {
                return Err(Error::NotFinite {
                    path: path.to_owned(),
                    tensor: name.clone(),
                });
            }
            if format.is_some() {
                values.insert(name.clone(), numbers);
            }
        }
        Ok(Self {
            path: path.to_owned(),
            values,
        })
    }

    /// Gives a tensor away; each has one place in the model.
    pub(crate) fn take(&mut self, name: &str) -> Result<Vec<f32>, Error> {
        self.values
            .remove(name)
            .ok_or_else(|| Error::MissingTensor {
                path: self.path.clone(),
                tensor: name.to_owned(),
            })
    }
}

/// The tensors in the order of their numbers, which fill the file without a gap.
fn header(
    path: &Path,
    file: &mut File,
    size: u64,
    digest: &mut Sha256,
) -> Result<Vec<(String, Entry)>, Error> {
    let corrupt = |reason: String| Error::Header {
        path: path.to_owned(),
        reason,
    };
    let unreadable = |error| Error::Read {
        path: path.to_owned(),
        error,
    };
    let Some(rest) = size.checked_sub(8) else {
        return Err(corrupt(format!("the file has {size} bytes")));
    };
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(unreadable)?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_BYTES {
        return Err(corrupt(format!(
            "it claims to have {length} bytes, of which at most {HEADER_BYTES} are read"
        )));
    }
    let Some(data) = rest.checked_sub(length) else {
        return Err(corrupt(format!(
            "it claims to have {length} bytes, and {rest} follow"
        )));
    };
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(unreadable)?;
    digest.update(length.to_le_bytes());
    digest.update(&text);

    let raw: HashMap<String, &RawValue> =
        serde_json::from_slice(&text).map_err(|error| corrupt(error.to_string()))?;
    let mut entries = Vec::with_capacity(raw.len());
    for (name, entry) in raw {
        if name == "__metadata__" {
            continue;
        }
        let entry: Entry = serde_json::from_str(entry.get())
            .map_err(|error| corrupt(format!("tensor {name:?}: {error}")))?;
        entries.push((name, entry));
    }
    entries.sort_by(|(a_name, a), (b_name, b)| {
        (a.data_offsets, a_name).cmp(&(b.data_offsets, b_name))
    });
    let mut end = 0;
    for (name, entry) in &entries {
        let [from, to] = entry.data_offsets;
        if from != end || to < from || to > data {
            return Err(corrupt(format!(
                "tensor {name:?} lies at {from}..{to} of {data} bytes, where one was to begin at {end}"
            )));
        }
        end = to;
    }
    if end != data {
        return Err(corrupt(format!(
            "its tensors end at {end}, and the file's numbers at {data}"
        )));
    }
    Ok(entries)
}

fn format(path: &Path, name: &str, shape: &[usize], entry: &Entry) -> Result<Format, Error> {
    let format = match entry.dtype.as_str() {
        "F32" => Format::F32,
        "F16" => Format::F16,
        "BF16" => Format::Bf16,
        _ => {
            return Err(Error::Dtype {
                path: path.to_owned(),
                tensor: name.to_owned(),
                dtype: entry.dtype.clone(),
            });
        }
    };
    let wrong = || Error::Shape {
        path: path.to_owned(),
        tensor: name.to_owned(),
        found: entry.shape.clone(),
        expected: shape.to_owned(),
    };
    if !entry
        .shape
        .iter()
        .copied()
        .eq(shape.iter().map(|side| *side as u64))
    {
        return Err(wrong());
    }
    let bytes = entry
        .shape
        .iter()
        .try_fold(format.bytes() as u64, |bytes, side| {
            bytes.checked_mul(*side)
        })
        .ok_or_else(wrong)?;
    let [from, to] = entry.data_offsets;
    if bytes != to - from {
        return Err(Error::Header {
            path: path.to_owned(),
            reason: format!("tensor {name:?} has {} bytes and needs {bytes}", to - from),
        });
    }
    Ok(format)
}

impl Format {
    fn bytes(self) -> usize {
        match self {
            Format::F32 => 4,
            Format::F16 | Format::Bf16 => 2,
        }
    }

    fn convert(self, bytes: &[u8], numbers: &mut Vec<f32>) {
        match self {
            Format::F32 => {
                let (words, _) = bytes.as_chunks();
                numbers.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
            }
            Format::F16 => {
                let (halves, _) = bytes.as_chunks();
                numbers.extend(
                    halves
                        .iter()
                        .map(|half| from_half(u16::from_le_bytes(*half))),
                );
            }
            // The upper half of an f32.
            Format::Bf16 => {
                let (halves, _) = bytes.as_chunks();
                numbers.extend(
                    halves
                        .iter()
                        .map(|half| f32::from_bits(u32::from(u16::from_le_bytes(*half)) << 16)),
                );
            }
        }
    }
}

/// From IEEE's 16 bits: a sign, 5 of exponent, 10 of fraction.
fn from_half(half: u16) -> f32 {
    let fraction = u32::from(half & 0x3ff);
    let magnitude = match u32::from(half >> 10 & 0x1f) {
        0 => fraction as f32 / 16_777_216.0,
        31 => f32::from_bits(0xff << 23 | fraction << 13),
        exponent => f32::from_bits((exponent + 127 - 15) << 23 | fraction << 13),
    };
    if half >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves() {
        for (half, expected) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(from_half(half), expected, "{half:#x}");
        }
        assert!(from_half(0x7e00).is_nan());
    }
}
