//! What the tests of this crate share: reading 16-bit WAV files and golden files, made signals, block cuts.
#![allow(dead_code)] // every test binary uses its own part of this

pub mod scenes;

use std::fs;
use std::path::{Path, PathBuf};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A file beside the golden scripts.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A mono 16-bit PCM WAV file: rate in Hz, samples in -1..1.
pub fn read_wav(path: &Path) -> (u32, Vec<f32>) {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let u16_at = |i: usize| u16::from_le_bytes([bytes[i], bytes[i + 1]]);
    let u32_at = |i: usize| u32::from_le_bytes(bytes[i..i + 4].try_into().expect("four bytes"));
    let mut at = 12;
    let mut rate = 0;
    loop {
        let (id, length) = (&bytes[at..at + 4], u32_at(at + 4) as usize);
        if id == b"fmt " {
            let (format, channels, bits) = (u16_at(at + 8), u16_at(at + 10), u16_at(at + 22));
            assert_eq!((format, channels, bits), (1, 1, 16), "{}: mono 16-bit PCM", path.display());
            rate = u32_at(at + 12);
        }
        if id == b"data" {
            let samples = bytes[at + 8..at + 8 + length].chunks_exact(2);
            return (rate, samples.map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32768.0).collect());
        }
        at += 8 + length.next_multiple_of(2);
    }
}

/// White noise of unit variance, the same for every call with that seed.
pub fn noise(seed: u64, samples: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
    (0..samples).map(|_| normal()).collect()
}

/// A sine of amplitude 1.
pub fn sine(hz: f64, rate_hz: f64, samples: usize) -> Vec<f32> {
    (0..samples).map(|i| (std::f64::consts::TAU * hz * i as f64 / rate_hz).sin() as f32).collect()
}

/// Cuts a signal into blocks of chance lengths from 0 to `longest`.
pub fn blocks(signal: &[f32], longest: usize, seed: u64) -> Vec<&[f32]> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut rest, mut blocks) = (signal, Vec::new());
    while !rest.is_empty() {
        let (block, after) = rest.split_at(rng.random_range(0..=longest).min(rest.len()));
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// Largest absolute difference.
pub fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "values to compare");
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
