//! The sound of a recording: speech in a room with mains hum, a fan and the beeps of the machine.
//!
//! Levels: speech has an RMS of `level_dbfs` while it lasts (plus what each utterance is louder or softer); hum and
//! fan together lie `speech_to_noise_db` under it; a beep's RMS lies 8 dB under it. Rooms are shared by many
//! recordings, so that the noise tells a room, not a recording.

use std::f64::consts::TAU;

use rand::Rng;

use super::script::{Script, Utterance};
use super::{SAMPLE_RATE_HZ, amplitude};
use crate::config::SpeechConfig;
use crate::rng::{Stream, between, between_secs, stream};

/// Examination rooms of a study.
const ROOMS: usize = 3;
const RATE: f64 = SAMPLE_RATE_HZ as f64;
/// A whole number of periods of the mains (50 Hz) fits into this many samples.
const HUM_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 50;
const BEEP_SECS: f64 = 0.09;
const BEEP_DB: f64 = -8.0;

/// A room's noise, unit variance.
#[derive(Debug, Clone)]
struct Room {
    hum: Vec<f32>,
    /// share of the power that is hum
    hum_share: f32,
    /// pole of the fan's spectrum
    fan_pole: f32,
    beep_hz: f64,
}

impl Room {
    fn draw(seed: u64, index: usize) -> Self {
        let rng = &mut stream(seed, "room", index);
        let harmonics: Vec<(f64, f64, f64)> = [1.0, 2.0, 3.0, 4.0, 6.0]
            .map(|n| (n, between_secs(rng, 0.3, 1.0) / n, between_secs(rng, 0.0, TAU)))
            .to_vec();
        let power: f64 = harmonics.iter().map(|(_, a, _)| a * a / 2.0).sum();
        let hum_at = |i: usize| {
            let turn = TAU * i as f64 / HUM_SAMPLES as f64;
            (harmonics.iter().map(|(n, a, phase)| a * (n * turn + phase).sin()).sum::<f64>() / power.sqrt())
                as f32
        };
        Self {
            hum: (0..HUM_SAMPLES).map(hum_at).collect(),
            hum_share: between(rng, 0.2, 0.5),
            fan_pole: between(rng, 0.7, 0.92),
            beep_hz: between_secs(rng, 1100.0, 2200.0),
        }
    }
}

/// The sound of one recording, made piece by piece.
pub struct Soundtrack<'a> {
    utterances: &'a [Utterance],
    room: Room,
    beeps: Vec<f64>,
    speech_level: f32,
    noise_level: f32,
    beep_level: f32,
    position: u64,
    fan: f32,
    noise: Stream,
}

impl<'a> Soundtrack<'a> {
    /// The sound for a script of a recording of `seconds`.
    pub fn new(script: &'a Script, config: &SpeechConfig, seconds: f64, seed: u64, recording: usize) -> Self {
        let mut rng = stream(seed, "sound", recording);
        let room = Room::draw(seed, rng.random_range(0..ROOMS));
        let count = (config.beeps_per_minute * seconds / 60.0 + rng.random::<f64>()) as usize;
        let beeps = (0..count).map(|_| between_secs(&mut rng, 0.0, seconds)).collect();
        let speech_level = amplitude(config.level_dbfs);
        Self {
            utterances: &script.utterances,
            room,
            beeps,
            speech_level,
            noise_level: amplitude(config.level_dbfs - config.speech_to_noise_db),
            beep_level: amplitude(config.level_dbfs + BEEP_DB) * std::f32::consts::SQRT_2,
            position: 0,
            fan: 0.0,
            noise: rng,
        }
    }

    /// The next `count` samples, full scale -1..1, in place of what is in `out`.
    pub fn next(&mut self, count: usize, out: &mut Vec<f32>) {
        out.clear();
        for i in 0..count as u64 {
            let hum = self.room.hum[((self.position + i) % HUM_SAMPLES as u64) as usize];
            out.push(self.noise_level * (self.room.hum_share.sqrt() * hum + self.next_fan()));
        }
        self.add_speech(out);
        self.add_beeps(out);
        for sample in out.iter_mut() {
            *sample = sample.clamp(-1.0, 1.0);
        }
        self.position += count as u64;
    }

    /// White noise through a one-pole low pass, scaled to the fan's share of the noise.
    fn next_fan(&mut self) -> f32 {
        let pole = self.room.fan_pole;
        // uniform over -1..1 has a variance of 1/3
        let white = between(&mut self.noise, -1.0, 1.0) * 3_f32.sqrt();
        self.fan = pole * self.fan + (1.0 - pole) * white;
        let unit = ((1.0 + pole) / (1.0 - pole)).sqrt();
        // a little of the white noise stays: microphones hiss
        (1.0 - self.room.hum_share).sqrt() * (0.95 * unit * self.fan + 0.1 * white)
    }

    fn add_speech(&self, out: &mut [f32]) {
        for utterance in self.utterances {
            let first = (utterance.start_secs * RATE).round() as i64 - self.position as i64;
            let (skip_out, skip_in) = (first.max(0) as usize, (-first).max(0) as usize);
            if skip_out >= out.len() || skip_in >= utterance.clip.samples.len() {
                continue;
            }
            let level = self.speech_level * amplitude(f64::from(utterance.loudness_db));
            for (out, sample) in out[skip_out..].iter_mut().zip(&utterance.clip.samples[skip_in..]) {
                *out += level * sample;
            }
        }
    }

    fn add_beeps(&self, out: &mut [f32]) {
        for &beep in &self.beeps {
            for (i, out) in out.iter_mut().enumerate() {
                let since = (self.position + i as u64) as f64 / RATE - beep;
                if (0.0..BEEP_SECS).contains(&since) {
                    let ramp = (since.min(BEEP_SECS - since) / 0.005).min(1.0);
                    *out += self.beep_level * (ramp * (TAU * self.room.beep_hz * since).sin()) as f32;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::speech::Clip;

    fn rms_db(samples: &[f32]) -> f64 {
        let power = samples.iter().map(|s| f64::from(s * s)).sum::<f64>() / samples.len() as f64;
        10.0 * power.log10()
    }

    fn script() -> Script {
        let samples = (0..SAMPLE_RATE_HZ * 2).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let utterance = Utterance {
            start_secs: 1.0,
            end_secs: 3.0,
            label: "chat".to_owned(),
            text: String::new(),
            visit: None,
            lag_secs: None,
            clip: Arc::new(Clip { samples }),
            loudness_db: 0.0,
        };
        Script { utterances: vec![utterance] }
    }

    #[test]
    fn levels_are_as_documented() {
        let config = SpeechConfig { beeps_per_minute: 0.0, ..SpeechConfig::default() };
        let script = script();
        for recording in 0..6 {
            let mut sound = Soundtrack::new(&script, &config, 10.0, 4, recording);
            let mut all = Vec::new();
            sound.next(10 * SAMPLE_RATE_HZ as usize, &mut all);
            let second = SAMPLE_RATE_HZ as usize;
            let (speech, noise) = (rms_db(&all[second..3 * second]), rms_db(&all[4 * second..]));
            assert!((speech + 24.0).abs() < 0.5, "speech {speech}");
            assert!((noise + 46.0).abs() < 1.0, "noise {noise}");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_sound() {
        let (script, config) = (script(), SpeechConfig { beeps_per_minute: 30.0, ..SpeechConfig::default() });
        let total = 5 * SAMPLE_RATE_HZ as usize;
        let mut whole = Vec::new();
        Soundtrack::new(&script, &config, 5.0, 4, 1).next(total, &mut whole);
        let (mut sound, mut pieces, mut piece) =
            (Soundtrack::new(&script, &config, 5.0, 4, 1), Vec::new(), Vec::new());
        while pieces.len() < total {
            sound.next((total - pieces.len()).min(1471), &mut piece);
            pieces.extend_from_slice(&piece);
        }
        assert!(whole == pieces);
    }
}
