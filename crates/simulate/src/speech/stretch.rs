//! Longer or shorter speech at the same pitch: waveform similarity overlap-add (WSOLA; Verhelst and Roelands, ICASSP
//! 1993). Frames are laid down at even steps; each is taken from where the input, near its due place, goes on most
//! like what the frame before would have gone on with.

use super::SAMPLE_RATE_HZ;

/// Step between frames of the output: 15 ms; a frame is two steps long.
const HOP: usize = SAMPLE_RATE_HZ as usize * 15 / 1000;
/// How far from its due place a frame may be taken: 7.5 ms, a period of the lowest voice.
const REACH: usize = HOP / 2;
/// Every how many samples two stretches are compared.
const STRIDE: usize = 3;

/// `samples` made exactly `length` samples long. Equal lengths come back as they are.
pub fn stretched(samples: &[f32], length: usize) -> Vec<f32> {
    if length == samples.len() {
        return samples.to_vec();
    }
    let at = |i: usize| samples.get(i).copied().unwrap_or(0.0);
    let ratio = samples.len() as f64 / length as f64;
    let mut out = vec![0.0; length + 2 * HOP];
    let mut source = 0;
    for frame in 0..=length / HOP {
        let to = frame * HOP;
        if frame > 0 {
            let due = (to as f64 * ratio).round() as usize;
            source = most_alike(samples, source + HOP, due);
        }
        for i in 0..2 * HOP {
            // the first frame has nothing to fade in from
            let is_rise = i < HOP && frame > 0;
            let weight = if is_rise {
                ramp(i)
            } else if i < HOP {
                1.0
            } else {
                ramp(2 * HOP - i)
            };
            out[to + i] += weight * at(source + i);
        }
    }
    out.truncate(length);
    out
}

/// Rising half of a Hann window: two of them, a step apart, add up to 1.
fn ramp(i: usize) -> f32 {
    let turn = std::f32::consts::PI * i as f32 / HOP as f32;
    0.5 - 0.5 * turn.cos()
}

/// The place within [`REACH`] of `due` where the input is most like the input at `natural`, by normalised correlation.
fn most_alike(samples: &[f32], natural: usize, due: usize) -> usize {
    let end = samples.len();
    if natural + HOP > end || due + REACH + HOP > end {
        return due;
    }
    let target = &samples[natural..natural + HOP];
    let likeness = |place: usize| {
        let (mut product, mut power) = (0.0_f32, 1e-6_f32);
        for (a, b) in target.iter().zip(&samples[place..]).step_by(STRIDE) {
            product += a * b;
            power += b * b;
        }
        product / power.sqrt()
    };
    (due.saturating_sub(REACH)..due + REACH)
        .map(|place| (place, likeness(place)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(due, |best| best.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, count: usize) -> Vec<f32> {
        (0..count).map(|i| (std::f64::consts::TAU * hz * i as f64 / 22_050.0).sin() as f32).collect()
    }

    /// Upward crossings of zero a second.
    fn pitch(samples: &[f32]) -> f64 {
        let crossings = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        crossings as f64 * 22_050.0 / samples.len() as f64
    }

    #[test]
    fn length_is_exact_and_pitch_and_level_stay() {
        let tone = tone(180.0, 22_050);
        for length in [15_000, 20_001, 22_049, 22_050, 26_000, 31_000] {
            let out = stretched(&tone, length);
            assert_eq!(out.len(), length);
            assert!((pitch(&out) - 180.0).abs() < 4.0, "{length}: {}", pitch(&out));
            // the last frame may lean over the end of the input
            let body = &out[HOP..length - 4 * HOP];
            let power = body.iter().map(|s| s * s).sum::<f32>() / body.len() as f32;
            assert!((power - 0.5).abs() < 0.05, "{length}: {power}");
        }
    }

    #[test]
    fn clips_shorter_than_a_frame_do_no_harm() {
        assert_eq!(stretched(&[1.0; 40], 55).len(), 55);
        assert_eq!(stretched(&[1.0; 400], 300).len(), 300);
    }
}
