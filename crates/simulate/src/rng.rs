//! Chance: one independent stream for each purpose and item, so that adding a draw in one place changes nothing
//! elsewhere, and so that recordings can be made in any order and on any number of threads.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generator used everywhere in the simulation.
pub type Stream = ChaCha8Rng;

/// The stream of item `index` of `purpose` ("probe", "gaze", …) under the study's `seed`.
pub fn stream(seed: u64, purpose: &str, index: usize) -> Stream {
    // FNV-1a: fixed for all platforms and versions, unlike std's hasher
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in purpose.bytes().chain((index as u64).to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(hash);
    rng
}

/// Uniform between two ends; equal ends are allowed and give that value.
pub fn between(rng: &mut Stream, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// [`between`] for times in seconds.
pub fn between_secs(rng: &mut Stream, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// -1 or 1.
pub fn sign(rng: &mut Stream) -> f32 {
    if rng.random_bool(0.5) { 1.0 } else { -1.0 }
}

/// Standard normal deviate (Box-Muller, one of the pair).
pub fn normal(rng: &mut Stream) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_purpose_and_index_and_repeat() {
        let draw = |purpose, index| stream(7, purpose, index).random::<u64>();
        assert_eq!(draw("gaze", 1), draw("gaze", 1));
        assert_ne!(draw("gaze", 1), draw("gaze", 2));
        assert_ne!(draw("gaze", 1), draw("probe", 1));
    }

    #[test]
    fn normal_has_unit_variance() {
        let mut rng = stream(1, "normal", 0);
        let draws: Vec<f32> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f32>() / draws.len() as f32;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
