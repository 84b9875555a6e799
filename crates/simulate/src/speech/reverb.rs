//! What the walls of a small room give back: a few early reflections, then four damped combs in parallel and two
//! all-passes in a row (Schroeder, "Natural Sounding Artificial Reverberation", J. Audio Eng. Soc. 10, 1962; damping in
//! the loop after Moorer, Computer Music J. 3, 1979).

use super::SAMPLE_RATE_HZ;
use crate::rng::{Stream, between};

const RATE: f32 = SAMPLE_RATE_HZ as f32;
/// Comb delays, ms, without common factors; a room's size scales them.
const COMB_MS: [f32; 4] = [29.7, 37.1, 41.1, 43.7];
const ALL_PASS_MS: [f32; 2] = [5.0, 1.7];
const ALL_PASS_GAIN: f32 = 0.7;
/// Below this a reflection is nothing: numbers that went on shrinking would be slow to add.
const NOTHING: f32 = 1e-12;

/// A ring of samples.
#[derive(Debug, Clone)]
struct Delay {
    samples: Vec<f32>,
    at: usize,
}

impl Delay {
    fn new(ms: f32) -> Self {
        Self { samples: vec![0.0; ((ms * RATE / 1000.0) as usize).max(1)], at: 0 }
    }

    fn oldest(&self) -> f32 {
        self.samples[self.at]
    }

    fn push(&mut self, sample: f32) {
        self.samples[self.at] = if sample.abs() < NOTHING { 0.0 } else { sample };
        self.at = if self.at + 1 == self.samples.len() { 0 } else { self.at + 1 };
    }
}

/// A room's reverberation, without the direct sound; as loud as what goes in, as far as that is noise-like.
#[derive(Debug, Clone)]
pub struct Reverb {
    early: [(Delay, f32); 3],
    combs: [(Delay, f32); 4],
    lows: [f32; 4],
    damping: f32,
    passes: [Delay; 2],
    gain: f32,
}

impl Reverb {
    /// An examination room of some size: 60 dB down after 0.3 to 0.5 s.
    pub fn draw(rng: &mut Stream) -> Self {
        let decay_secs = between(rng, 0.3, 0.5);
        let size = between(rng, 0.7, 1.0);
        let early = [0; 3].map(|_| (Delay::new(between(rng, 3.0, 17.0)), between(rng, 0.3, 0.6)));
        let combs = COMB_MS.map(|ms| {
            let delay = Delay::new(ms * size);
            let loops = decay_secs * RATE / delay.samples.len() as f32;
            (delay, 0.001_f32.powf(1.0 / loops))
        });
        let passes = ALL_PASS_MS.map(Delay::new);
        let damping = between(rng, 0.25, 0.5);
        let mut reverb = Self { early, combs, lows: [0.0; 4], damping, passes, gain: 1.0 };
        let mut trial = reverb.clone();
        let energy: f32 =
            (0..SAMPLE_RATE_HZ).map(|i| trial.next(if i == 0 { 1.0 } else { 0.0 }).powi(2)).sum();
        reverb.gain = 1.0 / energy.sqrt();
        reverb
    }

    /// What comes back while `sample` goes out.
    pub fn next(&mut self, sample: f32) -> f32 {
        let mut early = 0.0;
        for (delay, share) in &mut self.early {
            early += *share * delay.oldest();
            delay.push(sample);
        }
        let mut late = 0.0;
        for ((delay, feedback), low) in self.combs.iter_mut().zip(&mut self.lows) {
            let out = delay.oldest();
            // the walls take more of the highs each time
            *low = (1.0 - self.damping) * out + self.damping * *low;
            if low.abs() < NOTHING {
                *low = 0.0;
            }
            delay.push(0.25 * sample + *feedback * *low);
            late += out;
        }
        for delay in &mut self.passes {
            let old = delay.oldest();
            let into = late + ALL_PASS_GAIN * old;
            late = old - ALL_PASS_GAIN * into;
            delay.push(into);
        }
        self.gain * (early + late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    #[test]
    fn rooms_are_as_loud_as_what_goes_in_and_fall_silent() {
        for room in 0..8 {
            let mut reverb = Reverb::draw(&mut stream(3, "room", room));
            let sounds: Vec<f32> =
                (0..2 * SAMPLE_RATE_HZ).map(|i| reverb.next(if i == 0 { 1.0 } else { 0.0 })).collect();
            let energy = |from: f32, to: f32| {
                sounds[(from * RATE) as usize..(to * RATE) as usize].iter().map(|s| s * s).sum::<f32>()
            };
            assert!((energy(0.0, 2.0) - 1.0).abs() < 0.01);
            assert!(energy(0.0, 0.002) == 0.0, "the direct sound is not part of it");
            // damping shortens what the loops alone would give
            assert!(energy(0.5, 2.0) < 1e-4, "{}", energy(0.5, 2.0));
            assert!(energy(0.1, 2.0) > 1e-3, "{}", energy(0.1, 2.0));
            assert_eq!(sounds.last(), Some(&0.0));
        }
    }
}
