//! What is heard in an examination room besides speech: mains hum and fans all the time, and now and then the machine's
//! beeps, keys, chairs and doors.

use std::f64::consts::TAU;

use super::SAMPLE_RATE_HZ;
use crate::rng::{Stream, between, between_secs, stream};

const RATE: f64 = SAMPLE_RATE_HZ as f64;
/// One second: every tone of a whole number of hertz fits into it.
const LOOP_SAMPLES: usize = SAMPLE_RATE_HZ as usize;

/// Kinds of sounds that come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// the machine has something to say
    Beep,
    /// the machine stores or freezes a picture
    ShortBeep,
    /// a key is pressed
    Click,
    /// chair, door, something put down
    Bump,
}

/// A room: its steady noise, and what its things sound like.
#[derive(Debug, Clone)]
pub struct RoomNoise {
    /// hum and fan blades, unit variance, a second long
    tones: Vec<f32>,
    /// share of the power that is tones
    tone_share: f32,
    /// pole of the rush of air
    air_pole: f32,
    beep: Vec<f32>,
    short_beep: Vec<f32>,
    clicks: Vec<Vec<f32>>,
    bumps: Vec<Vec<f32>>,
}

impl RoomNoise {
    /// The things of room `index`.
    pub fn draw(seed: u64, index: usize) -> Self {
        let rng = &mut stream(seed, "room", index);
        let tones = draw_tones(rng);
        let tone_share = between(rng, 0.2, 0.5);
        let air_pole = between(rng, 0.7, 0.92);
        let beep_hz = between_secs(rng, 1100.0, 2200.0);
        Self {
            tones,
            tone_share,
            air_pole,
            beep: tone(beep_hz, 0.09),
            short_beep: tone(beep_hz * 1.25, 0.05),
            clicks: (0..4).map(|_| draw_click(rng)).collect(),
            bumps: (0..3).map(|_| draw_bump(rng)).collect(),
        }
    }

    /// One of the sounds that this kind of noise has here; peaks at 1.
    pub fn sound(&self, noise: Noise, variant: usize) -> &[f32] {
        match noise {
            Noise::Beep => &self.beep,
            Noise::ShortBeep => &self.short_beep,
            Noise::Click => &self.clicks[variant % self.clicks.len()],
            Noise::Bump => &self.bumps[variant % self.bumps.len()],
        }
    }

    /// The steady noise at a sample of the recording, unit variance. `air` is the state of the rush of air.
    pub fn steady(&self, sample: u64, air: &mut f32, rng: &mut Stream) -> f32 {
        let pole = self.air_pole;
        // uniform over -1..1 has a variance of 1/3
        let white = between(rng, -1.0, 1.0) * 3_f32.sqrt();
        *air = pole * *air + (1.0 - pole) * white;
        let unit = ((1.0 + pole) / (1.0 - pole)).sqrt();
        let tones = self.tones[(sample % LOOP_SAMPLES as u64) as usize];
        // a little of the white noise stays: microphones hiss
        self.tone_share.sqrt() * tones + (1.0 - self.tone_share).sqrt() * (0.95 * unit * *air + 0.1 * white)
    }
}

/// Mains hum (50 Hz and harmonics) and the blades of two fans.
fn draw_tones(rng: &mut Stream) -> Vec<f32> {
    let mut parts: Vec<(f64, f64, f64)> = [1.0, 2.0, 3.0, 4.0, 6.0]
        .map(|n| (50.0 * n, between_secs(rng, 0.3, 1.0) / n, between_secs(rng, 0.0, TAU)))
        .to_vec();
    for _ in 0..2 {
        let blades_hz = between_secs(rng, 80.0, 320.0).round();
        parts.push((blades_hz, between_secs(rng, 0.1, 0.4), between_secs(rng, 0.0, TAU)));
        parts.push((2.0 * blades_hz, between_secs(rng, 0.02, 0.15), between_secs(rng, 0.0, TAU)));
    }
    let at = |i: usize| {
        let secs = i as f64 / RATE;
        parts.iter().map(|(hz, size, phase)| size * (TAU * hz * secs + phase).sin()).sum::<f64>()
    };
    let samples: Vec<f64> = (0..LOOP_SAMPLES).map(at).collect();
    // two parts may have the same frequency: measured, not added up
    let power = samples.iter().map(|s| s * s).sum::<f64>() / LOOP_SAMPLES as f64;
    samples.into_iter().map(|s| (s / power.sqrt()) as f32).collect()
}

fn tone(hz: f64, secs: f64) -> Vec<f32> {
    let at = |i: usize| {
        let since = i as f64 / RATE;
        let ramp = (since.min(secs - since) / 0.005).clamp(0.0, 1.0);
        (ramp * (TAU * hz * since).sin()) as f32
    };
    (0..(secs * RATE) as usize).map(at).collect()
}

/// A key goes down and comes up: two short rings of a plastic case.
fn draw_click(rng: &mut Stream) -> Vec<f32> {
    let mut samples = vec![0.0; (0.09 * RATE) as usize];
    let up_secs = between_secs(rng, 0.04, 0.07);
    for (start, size) in [(0.0, 1.0), (up_secs, between_secs(rng, 0.3, 0.6))] {
        let (hz, decay) = (between_secs(rng, 1800.0, 4500.0), between_secs(rng, 0.001, 0.003));
        ring(&mut samples, start, size, hz, decay, 0.6, rng);
    }
    peak_one(samples)
}

/// Something heavy and soft, with a rattle.
fn draw_bump(rng: &mut Stream) -> Vec<f32> {
    let mut samples = vec![0.0; (0.5 * RATE) as usize];
    for _ in 0..3 {
        let (start, size) = (between_secs(rng, 0.0, 0.06), between_secs(rng, 0.5, 1.0));
        let (hz, decay) = (between_secs(rng, 55.0, 160.0), between_secs(rng, 0.02, 0.06));
        ring(&mut samples, start, size, hz, decay, 0.15, rng);
    }
    let (start, hz) = (between_secs(rng, 0.02, 0.2), between_secs(rng, 500.0, 1500.0));
    ring(&mut samples, start, 0.25, hz, 0.008, 0.7, rng);
    peak_one(samples)
}

/// Adds a decaying tone, `noise` of which is noise.
fn ring(samples: &mut [f32], start: f64, size: f64, hz: f64, decay: f64, noise: f64, rng: &mut Stream) {
    for (i, sample) in samples[(start * RATE) as usize..].iter_mut().enumerate() {
        let since = i as f64 / RATE;
        let tone = (1.0 - noise) * (TAU * hz * since).sin() + noise * between_secs(rng, -1.0, 1.0);
        *sample += (size * tone * (-since / decay).exp()) as f32;
    }
}

fn peak_one(mut samples: Vec<f32>) -> Vec<f32> {
    let peak = samples.iter().fold(f32::MIN_POSITIVE, |peak, sample| peak.max(sample.abs()));
    samples.iter_mut().for_each(|sample| *sample /= peak);
    samples
}
