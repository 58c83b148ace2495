//! BERT's forward pass over one sentence.
//!
//! Token, position and type embeddings; then layers of self-attention and a feed-forward part, each
//! added to what went in and normalised after it; then the mean over all tokens, at length one. A
//! sentence is never padded, so there is no mask: each token attends to each.
//!
//! The pass is one function of the processor's instructions ([`Simd`]), into which all of this file
//! and `matrix.rs` is inlined; what is not inlined would be compiled for the oldest processor.

use fearless_simd::{Level, Simd, dispatch};

use crate::matrix::{Left, Right, add_product};

/// A model's weights, in the order in which they are read.
pub(crate) struct Encoder {
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) epsilon: f32,
    /// A row a word of the vocabulary.
    pub(crate) words: Vec<f32>,
    /// A row a position, each with the embedding of type 0 added, the only type that there is
    /// in a single sentence.
    pub(crate) positions: Vec<f32>,
    pub(crate) norm: Norm,
    pub(crate) layers: Vec<Layer>,
}

pub(crate) struct Layer {
    /// Queries, keys and values in one product, one after another in each row.
    pub(crate) attention: Linear,
    pub(crate) attention_output: Linear,
    pub(crate) attention_norm: Norm,
    pub(crate) intermediate: Linear,
    pub(crate) output: Linear,
    pub(crate) output_norm: Norm,
}

pub(crate) struct Linear {
    pub(crate) weight: Right,
    pub(crate) bias: Vec<f32>,
}

pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Encoder {
    /// The sentence's vector, of length one, or all zeros where its numbers have left the range of
    /// an `f32`. There is a word and a position for each of the tokens.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Vec<f32> {
        dispatch!(Level::new(), simd => self.pass(simd, tokens))
    }

    #[inline(always)]
    fn pass<S: Simd>(&self, simd: S, tokens: &[u32]) -> Vec<f32> {
        let hidden = self.hidden;
        let mut state = Vec::with_capacity(tokens.len() * hidden);
        for (token, position) in tokens.iter().zip(self.positions.chunks_exact(hidden)) {
            let word = &self.words[*token as usize * hidden..][..hidden];
            state.extend(word.iter().zip(position).map(|(a, b)| a + b));
        }
        self.norm.apply(&mut state, self.epsilon);

        for layer in &self.layers {
            let mut projected = vec![0.0; tokens.len() * 3 * hidden];
            layer.attention.add(simd, &state, &mut projected);
            let mixed = self.attend(simd, &projected);
            layer.attention_output.add(simd, &mixed, &mut state);
            layer.attention_norm.apply(&mut state, self.epsilon);

            let mut inner = vec![0.0; tokens.len() * layer.intermediate.bias.len()];
            layer.intermediate.add(simd, &state, &mut inner);
            gelu(&mut inner);
            layer.output.add(simd, &inner, &mut state);
            layer.output_norm.apply(&mut state, self.epsilon);
        }

        let mut mean = vec![0.0; hidden];
        for token in state.chunks_exact(hidden) {
            add(&mut mean, token);
        }
        let length = sum(&mean, |value| value * value).sqrt();
        if !(length.is_normal() && length.is_finite()) {
            return vec![0.0; hidden];
        }
        for value in &mut mean {
            *value /= length;
        }
        mean
    }

    /// What each token takes from the values of all, by its query and their keys.
    #[inline(always)]
    fn attend<S: Simd>(&self, simd: S, projected: &[f32]) -> Vec<f32> {
        let hidden = self.hidden;
        let size = hidden / self.heads;
        let stride = 3 * hidden;
        let tokens = projected.len() / stride;
        let scale = 1.0 / (size as f32).sqrt();
        let mut mixed = vec![0.0; tokens * hidden];
        let mut weights = vec![0.0; tokens * tokens];
        let mut part = vec![0.0; tokens * size];
        for head in (0..hidden).step_by(size) {
            let queries = Left::new(tokens, size, |token| token * stride + head, projected);
            let keys = Right::of_columns(
                size,
                tokens,
                |token| token * stride + hidden + head,
                projected,
            );
            weights.fill(0.0);
            add_product(simd, &queries, &keys, &mut weights);
            for row in weights.chunks_exact_mut(tokens) {
                softmax(row, scale);
            }
            let weights = Left::new(tokens, tokens, |token| token * tokens, &weights);
            let values = Right::of_rows(
                tokens,
                size,
                |token| token * stride + 2 * hidden + head,
                projected,
            );
            part.fill(0.0);
            add_product(simd, &weights, &values, &mut part);
            for (to, from) in mixed.chunks_exact_mut(hidden).zip(part.chunks_exact(size)) {
                to[head..head + size].copy_from_slice(from);
            }
        }
        mixed
    }
}

impl Linear {
    /// Adds what becomes of each row to the row of the same place in `out`.
    #[inline(always)]
    fn add<S: Simd>(&self, simd: S, rows: &[f32], out: &mut [f32]) {
        let depth = self.weight.depth();
        let left = Left::new(rows.len() / depth, depth, |row| row * depth, rows);
        for row in out.chunks_exact_mut(self.bias.len()) {
            add(row, &self.bias);
        }
        add_product(simd, &left, &self.weight, out);
    }
}

impl Norm {
    #[inline(always)]
    fn apply(&self, rows: &mut [f32], epsilon: f32) {
        let size = self.weight.len();
        for row in rows.chunks_exact_mut(size) {
            let mean = sum(row, |value| value) / size as f32;
            let variance = sum(row, |value| (value - mean) * (value - mean)) / size as f32;
            let scale = 1.0 / (variance + epsilon).sqrt();
            for ((value, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                *value = (*value - mean) * scale * weight + bias;
            }
        }
    }
}

#[inline(always)]
fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// A sum in eight lanes: one running sum has an order that no compiler may change.
#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += of(*value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += of(*value);
    }
    lanes.iter().sum()
}

#[inline(always)]
fn softmax(row: &mut [f32], scale: f32) {
    // In lanes as `sum` is.
    let (chunks, rest) = row.as_chunks::<8>();
    let mut lanes = [f32::NEG_INFINITY; 8];
    for chunk in chunks.iter().map(|chunk| &chunk[..]).chain([rest]) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(*value);
        }
    }
    let largest = lanes.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in &mut *row {
        *value = exp((*value - largest) * scale);
    }
    let scale = 1.0 / sum(row, |value| value);
    for value in row {
        *value *= scale;
    }
}

/// `x` times the share of a normal distribution that lies below it.
///
/// The error function is Abramowitz and Stegun's 7.1.26, which errs by 1.5e-7 at most.
#[inline(always)]
fn gelu(values: &mut [f32]) {
    for value in values {
        let x = value.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + 0.327_591_1 * x);
        let series = t
            * (0.254_829_6
                + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
        let beyond = series * exp(-x * x);
        // erf is odd: what lies beyond |x| is taken from one side or from the other.
        let twice_below = if *value < 0.0 { beyond } else { 2.0 - beyond };
        *value *= 0.5 * twice_below;
    }
}

/// The exponential without a branch or a table, so that loops over it become vector code.
///
/// A power of two, put together from bits, times a Taylor series over half an octave. What
/// is too small or too large for it is taken to its ends, which are 1.6e-38 and 1.7e38.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Added to a small number, it leaves the nearest integer in the last bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has so few bits that its multiples are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let octaves = rounded - ROUND;
    let r = x - octaves * LN_2_HIGH - octaves * LN_2_LOW;
    let series = 1.0
        + r * (1.0
            + r * (1.0 / 2.0
                + r * (1.0 / 6.0
                    + r * (1.0 / 24.0
                        + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0)))))));
    series * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_the_libraries() {
        for step in -8_700..8_800 {
            let x = step as f32 / 100.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "{x}: {error}");
        }
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn gelu_is_the_published_one() {
        // Recorded from Python's math.erf.
        for (x, expected) in [
            (-6.0, -5.919_526e-9),
            (-3.0, -0.004_049_694),
            (-1.0, -0.158_655_25),
            (-0.01, -0.004_960_11),
            (0.0, 0.0),
            (0.5, 0.345_731_23),
            (2.0, 1.954_499_7),
            (10.0, 10.0),
        ] {
            let mut values = [x];
            gelu(&mut values);
            assert!((values[0] - expected).abs() < 4e-7, "{x}: {}", values[0]);
        }
    }
}
