//! How many blocks and threads a kernel gets. `tests/cuda_host/geometry.py` has the same numbers.
//!
//! The splits of a reduction are part of its result (they fix the order of additions), so they follow from the shape
//! and constants, never from the card.

use candle_core::cuda_backend::cudarc::driver::LaunchConfig;

/// Threads of a block; `MAX_THREADS` in `common.cuh`.
pub(crate) const THREADS: usize = 256;
/// Rows that a thread works on at least, so that what belongs to a channel is not loaded for a single pixel.
const ROWS_TO_A_THREAD: usize = 4;
/// Blocks of a pass at most: several for every multiprocessor there is.
const PASS_BLOCKS: usize = 8192;
/// Blocks of a reduction, roughly: one wave, and few enough partial sums for the second stage.
const SUM_BLOCKS: usize = 1024;
/// The most blocks along y and z.
const MOST: usize = 65535;

/// Maps as a batch of images, each `rows` pixels of `channels` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MapDims {
    /// Number of images.
    pub(crate) images: usize,
    /// Height times width.
    pub(crate) rows: usize,
    /// Number of channels.
    pub(crate) channels: usize,
}

impl MapDims {
    /// Values in all.
    pub(crate) fn len(&self) -> usize {
        self.images * self.rows * self.channels
    }

    /// The same values as one image, for operations that do not tell images apart.
    pub(crate) fn flat(self) -> Self {
        Self { images: 1, rows: self.images * self.rows, channels: self.channels }
    }
}

fn config(grid: (usize, usize, usize), block: (usize, usize)) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (grid.0 as u32, grid.1 as u32, grid.2 as u32),
        block_dim: (block.0 as u32, block.1 as u32, 1),
        shared_mem_bytes: 0,
    }
}

/// Threads along channels and along rows, and the blocks that the channels take.
fn block(channels: usize, width: usize) -> (usize, usize, usize) {
    let columns = channels.div_ceil(width);
    let x = columns.next_power_of_two().min(32);
    (x, THREADS / x, columns.div_ceil(x))
}

/// A pass over the rows of every image, images along z.
pub(crate) fn pixels(dims: MapDims, width: usize) -> LaunchConfig {
    let (x, y, blocks) = block(dims.channels, width);
    let deep = dims.images.min(MOST);
    let most = (PASS_BLOCKS / (blocks * deep)).max(1);
    config((blocks, dims.rows.div_ceil(ROWS_TO_A_THREAD * y).min(most).min(MOST), deep), (x, y))
}

/// The first stage of sums over the rows of every image, images along y and splits along z; the number of splits too.
pub(crate) fn sums(dims: MapDims, width: usize) -> (LaunchConfig, usize) {
    let (x, y, blocks) = block(dims.channels, width);
    let splits = (SUM_BLOCKS / (blocks * dims.images)).max(1).min(dims.rows.div_ceil(ROWS_TO_A_THREAD * y));
    (config((blocks, dims.images.min(MOST), splits), (x, y)), splits)
}

/// The second stage: a thread to a channel, images along y. As many threads share the `count` addends of a channel as
/// leaves about four to each.
pub(crate) fn combine(channels: usize, images: usize, count: usize) -> LaunchConfig {
    let y = count.div_ceil(4).next_power_of_two().min(32);
    let x = THREADS / y;
    config((channels.div_ceil(x), images.min(MOST), 1), (x, y))
}

/// A pass over single values.
pub(crate) fn flat(count: usize) -> LaunchConfig {
    config((count.div_ceil(THREADS).min(PASS_BLOCKS), 1, 1), (THREADS, 1))
}

/// One block to each of `count` rows of `len` values; no more threads than values, but at least a warp.
pub(crate) fn rows(count: usize, len: usize) -> LaunchConfig {
    config((count.min(PASS_BLOCKS), 1, 1), (len.next_power_of_two().clamp(32, THREADS), 1))
}

/// One block.
pub(crate) fn single() -> LaunchConfig {
    config((1, 1, 1), (THREADS, 1))
}

/// Tiles of 16 x 16 (`TILE` in `matmul.cuh`) over a matrix.
pub(crate) fn tiles(rows: usize, columns: usize) -> LaunchConfig {
    config((columns.div_ceil(16).min(MOST), rows.div_ceil(16).min(MOST), 1), (16, 16))
}
