//! Speech windows: another speed, another vocal tract, tilt, noise, another window beneath, blanked times and bands.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::SpeechAugmentation;

/// A factor of speed for each of `windows` windows, from `1 / (1 + range)` to `1 + range`.
pub fn draw_speeds(windows: usize, ranges: &SpeechAugmentation, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..windows).map(|_| (1.0 + ranges.speed).powf(rng.random_range(-1.0..1.0))).collect()
}

/// Changes windows of `time * bands` standardised dB each (a row's bands side by side).
pub fn change_speech(
    windows: &mut [f32],
    (time, bands): (usize, usize),
    ranges: &SpeechAugmentation,
    rng: &mut ChaCha8Rng,
) {
    let size = time * bands;
    // what is mixed in is a window as it was read, whatever became of that one
    let before = if ranges.mix_share > 0.0 { windows.to_vec() } else { Vec::new() };
    for window in windows.chunks_exact_mut(size) {
        if ranges.mix_share > 0.0 && rng.random_bool(ranges.mix_share) {
            let other = rng.random_range(0..before.len() / size) * size;
            mix(window, &before[other..other + size], ranges.mix_drop as f32);
        }
        if ranges.vocal_tract > 0.0 {
            let factor = (1.0 + ranges.vocal_tract).powf(rng.random_range(-1.0..1.0));
            window.chunks_exact_mut(bands).for_each(|row| stretch_bands(row, factor as f32));
        }
        tilt(window, bands, (ranges.tilt * rng.random_range(-1.0..1.0)) as f32);
        add_noise(window, ranges.noise * rng.random_range(0.0..1.0), rng);
        let rows = stretch(time, ranges.time_mask, rng);
        window[rows.start * bands..rows.end * bands].fill(0.0);
        let columns = stretch(bands, ranges.band_mask, rng);
        window.chunks_exact_mut(bands).for_each(|row| row[columns.clone()].fill(0.0));
    }
}

/// In decibels the louder of two sounds hides the other, nearly.
fn mix(window: &mut [f32], other: &[f32], drop: f32) {
    for (value, other) in window.iter_mut().zip(other) {
        *value = value.max(other - drop);
    }
}

/// Moves what is at band b to band `factor b`, linearly between bands; what would come from above the highest is the highest.
fn stretch_bands(row: &mut [f32], factor: f32) {
    let before: Vec<f32> = row.to_vec();
    let last = before.len() - 1;
    for (band, value) in row.iter_mut().enumerate() {
        let place = (band as f32 / factor).min(last as f32);
        let (left, share) = (place as usize, place.fract());
        *value = before[left] + (before[(left + 1).min(last)] - before[left]) * share;
    }
}

fn tilt(window: &mut [f32], bands: usize, by: f32) {
    let last = bands.saturating_sub(1).max(1) as f32;
    for row in window.chunks_exact_mut(bands) {
        row.iter_mut().enumerate().for_each(|(band, value)| *value += by * (2.0 * band as f32 / last - 1.0));
    }
}

/// Noise as a sum of twelve even draws less six: normal to within a few percent, and cheap.
fn add_noise(window: &mut [f32], deviation: f64, rng: &mut ChaCha8Rng) {
    if deviation > 0.0 {
        for value in window {
            let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum();
            *value += (deviation * (sum - 6.0)) as f32;
        }
    }
}

/// A stretch of up to `most` of `length`, anywhere inside.
fn stretch(length: usize, most: f64, rng: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let covered = (length as f64 * most * rng.random_range(0.0..1.0)) as usize;
    let start = rng.random_range(0..=length - covered);
    start..start + covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn changed(ranges: &SpeechAugmentation) -> Vec<f32> {
        let mut windows: Vec<f32> = (0..3 * 40).map(|at| 1.0 + (at / 40) as f32).collect();
        change_speech(&mut windows, (10, 4), ranges, &mut ChaCha8Rng::seed_from_u64(5));
        windows
    }

    #[test]
    fn a_longer_vocal_tract_moves_a_peak_down_and_keeps_the_lowest_band() {
        let mut row = [3.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0];
        stretch_bands(&mut row, 0.5);
        assert_eq!(row, [3.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let mut row = [3.0, 0.0, 8.0, 0.0, 1.0];
        stretch_bands(&mut row, 2.0);
        assert_eq!(row, [3.0, 1.5, 0.0, 4.0, 8.0]);
        let ranges = SpeechAugmentation { vocal_tract: 0.1, ..SpeechAugmentation::default() };
        assert!(ranges.is_on());
        let flat: Vec<f32> = (0..3 * 40).map(|at| 1.0 + (at / 40) as f32).collect();
        assert_eq!(changed(&ranges), flat, "a flat spectrum stays flat");
    }

    #[test]
    fn nothing_asked_for_changes_nothing() {
        assert_eq!(changed(&SpeechAugmentation::default())[79], 2.0);
        assert!(!SpeechAugmentation::default().is_on());
    }

    #[test]
    fn each_change_does_what_it_says() {
        let none = SpeechAugmentation::default();
        let tilted = changed(&SpeechAugmentation { tilt: 0.5, ..none });
        assert!((tilted[0] + tilted[3] - 2.0).abs() < 1e-6 && tilted[0] != tilted[3], "{:?}", &tilted[..4]);
        let mixed = changed(&SpeechAugmentation { mix_share: 1.0, mix_drop: 0.5, ..none });
        assert!(mixed.iter().enumerate().all(|(at, &value)| value >= 1.0 + (at / 40) as f32 && value <= 3.0));
        let masked = changed(&SpeechAugmentation { time_mask: 0.9, ..none });
        let blank = masked.chunks_exact(4).filter(|row| row.iter().all(|&value| value == 0.0)).count();
        assert!(blank > 0 && masked.chunks_exact(4).all(|row| row.iter().all(|&value| value == row[0])));
        let masked = changed(&SpeechAugmentation { band_mask: 0.9, ..none });
        assert!(masked.contains(&0.0) && (0..4).all(|band| masked[band] == masked[36 + band]));
        let noisy = changed(&SpeechAugmentation { noise: 0.5, ..none });
        let mean = noisy[..40].iter().sum::<f32>() / 40.0;
        assert!((mean - 1.0).abs() < 0.3 && noisy[0] != noisy[1], "{mean}");
    }

    #[test]
    fn speeds_fill_their_range() {
        let ranges = SpeechAugmentation { speed: 0.25, ..SpeechAugmentation::default() };
        let speeds = draw_speeds(400, &ranges, &mut ChaCha8Rng::seed_from_u64(1));
        let (least, most) = speeds.iter().fold((2.0, 0.0), |(l, m), &s| (f64::min(l, s), f64::max(m, s)));
        assert!((0.8..0.81).contains(&least) && (1.24..1.25).contains(&most), "{least} {most}");
    }
}
