//! Products of matrices, which are nearly all of the time that a text takes.
//!
//! Both sides are laid out beforehand in the order in which [`add_product`] reads them, so that its
//! inner loop walks two slices from front to back: no index, no bounds check, no stride.

use fearless_simd::{Simd, SimdBase, f32x8};

/// Rows and columns of the piece of the result that is kept in registers: 12 of AVX2's 16 hold it,
/// two the columns and one a row's value.
const ROWS: usize = 6;
const COLUMNS: usize = 16;
/// How much of a panel is met by all blocks before the next part of it is: 16 KB, half of the
/// smallest first-level cache that there is.
const SLICE: usize = 256;

/// The left side of a product: blocks of [`ROWS`] rows, interleaved.
pub(crate) struct Left {
    rows: usize,
    depth: usize,
    blocks: Vec<[f32; ROWS]>,
}

impl Left {
    #[inline(always)]
    pub(crate) fn new(
        rows: usize,
        depth: usize,
        row: impl Fn(usize) -> usize,
        values: &[f32],
    ) -> Self {
        let mut blocks = vec![[0.0; ROWS]; rows.div_ceil(ROWS) * depth];
        for at in 0..rows {
            let block = &mut blocks[at / ROWS * depth..][..depth];
            let from = &values[row(at)..][..depth];
            for (to, value) in block.iter_mut().zip(from) {
                to[at % ROWS] = *value;
            }
        }
        Self {
            rows,
            depth,
            blocks,
        }
    }
}

/// The right side of a product: panels of [`COLUMNS`] columns, each row of a panel in one piece.
pub(crate) struct Right {
    columns: usize,
    depth: usize,
    panels: Vec<[f32; COLUMNS]>,
}

impl Right {
    /// Of columns that lie in one piece each, beginning where `column` says.
    #[inline(always)]
    pub(crate) fn of_columns(
        depth: usize,
        columns: usize,
        column: impl Fn(usize) -> usize,
        values: &[f32],
    ) -> Self {
        let mut panels = vec![[0.0; COLUMNS]; columns.div_ceil(COLUMNS) * depth];
        for at in 0..columns {
            let panel = &mut panels[at / COLUMNS * depth..][..depth];
            let from = &values[column(at)..][..depth];
            for (to, value) in panel.iter_mut().zip(from) {
                to[at % COLUMNS] = *value;
            }
        }
        Self {
            columns,
            depth,
            panels,
        }
    }

    /// Of rows that lie in one piece each, beginning where `row` says.
    #[inline(always)]
    pub(crate) fn of_rows(
        depth: usize,
        columns: usize,
        row: impl Fn(usize) -> usize,
        values: &[f32],
    ) -> Self {
        let mut panels = vec![[0.0; COLUMNS]; columns.div_ceil(COLUMNS) * depth];
        for at in 0..depth {
            let pieces = values[row(at)..][..columns].chunks(COLUMNS);
            for (panel, piece) in panels.chunks_exact_mut(depth).zip(pieces) {
                panel[at][..piece.len()].copy_from_slice(piece);
            }
        }
        Self {
            columns,
            depth,
            panels,
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }
}

/// Adds the product to `out`, row after row.
///
/// A panel meets all blocks before the next panel is read: for a short text, reading the weights
/// from memory is what takes the time, and so they are read once.
#[inline(always)]
pub(crate) fn add_product<S: Simd>(simd: S, left: &Left, right: &Right, out: &mut [f32]) {
    let depth = left.depth;
    assert!(depth == right.depth && out.len() == left.rows * right.columns);
    for (p, panel) in right.panels.chunks_exact(depth).enumerate() {
        let first = p * COLUMNS;
        let width = COLUMNS.min(right.columns - first);
        for (s, panel) in panel.chunks(SLICE).enumerate() {
            for (b, block) in left.blocks.chunks_exact(depth).enumerate() {
                let piece = piece(simd, &block[s * SLICE..], panel);
                let rows = &mut out[b * ROWS * right.columns..];
                for (row, sums) in rows.chunks_exact_mut(right.columns).zip(&piece) {
                    for (to, sum) in row[first..first + width].iter_mut().zip(sums) {
                        *to += sum;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn piece<S: Simd>(
    simd: S,
    block: &[[f32; ROWS]],
    panel: &[[f32; COLUMNS]],
) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[f32x8::splat(simd, 0.0); 2]; ROWS];
    for (rows, columns) in block.iter().zip(panel) {
        let low = f32x8::from_slice(simd, &columns[..8]);
        let high = f32x8::from_slice(simd, &columns[8..]);
        for (sums, row) in sums.iter_mut().zip(rows) {
            let row = f32x8::splat(simd, *row);
            sums[0] = simd.mul_add_f32x8(row, low, sums[0]);
            sums[1] = simd.mul_add_f32x8(row, high, sums[1]);
        }
    }
    let mut piece = [[0.0; COLUMNS]; ROWS];
    for (to, [low, high]) in piece.iter_mut().zip(sums) {
        low.store_slice(&mut to[..8]);
        high.store_slice(&mut to[8..]);
    }
    piece
}
