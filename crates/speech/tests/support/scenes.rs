//! Scenes with known speech: real clips with word times, laid between pauses and mixed with what a scan room adds.

use std::path::{Path, PathBuf};

use sonovox_speech::{Resampler, VoiceDetector};

use super::{noise, read_wav, sine};

/// Working rate, in Hz.
pub const RATE_HZ: u32 = 24_000;
/// Samples between rows.
pub const HOP: usize = 240;
/// Pause before, between and after clips, in seconds.
const PAUSE_SECS: f64 = 2.0;
/// Rows this near (in rows) to a beginning or end of speech are not judged: word times are that coarse.
const COLLAR_ROWS: usize = 3;

/// A signal at [`RATE_HZ`] and, for each row, whether somebody speaks there.
#[derive(Clone)]
pub struct Scene {
    pub samples: Vec<f32>,
    pub is_speech: Vec<bool>,
}

/// Speech from `path` (WAV) with the word times beside it (`.json` as pocketsphinx writes: `w`: [{b, d, t}]).
fn clip(path: &Path) -> (Vec<f32>, Vec<(f64, f64)>) {
    let (rate, samples) = read_wav(path);
    let mut resampler = Resampler::new(rate, RATE_HZ).expect("rates in range");
    let mut resampled = Vec::new();
    resampler.push(&samples, &mut resampled);
    resampler.finish(&mut resampled);
    let json = std::fs::read_to_string(path.with_extension("json")).expect("word times beside the clip");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let words =
        json["w"].as_array().expect("words").iter().filter(|word| {
            word["t"].as_str().expect("a word").starts_with(|c: char| c.is_ascii_alphabetic())
        });
    let time = |word: &serde_json::Value, key: &str| word[key].as_f64().expect("a time");
    let spans = words.map(|w| (time(w, "b"), time(w, "b") + time(w, "d"))).collect();
    (resampled, spans)
}

/// The clips one after the other, a pause of digital silence before, between and after.
pub fn clean(paths: &[PathBuf]) -> Scene {
    let pause = vec![0.0; (PAUSE_SECS * f64::from(RATE_HZ)) as usize];
    let (mut samples, mut spans) = (pause.clone(), Vec::new());
    for path in paths {
        let (speech, words) = clip(path);
        let start = samples.len() as f64 / f64::from(RATE_HZ);
        spans.extend(words.iter().map(|(begin, end)| (start + begin, start + end)));
        samples.extend(speech);
        samples.extend(&pause);
    }
    let hop_secs = HOP as f64 / f64::from(RATE_HZ);
    let spoken = |time: f64| spans.iter().any(|(begin, end)| (*begin..*end).contains(&time));
    let rows = 1 + samples.len() / HOP;
    let is_speech = (0..rows).map(|t| spoken(t as f64 * hop_secs)).collect();
    Scene { samples, is_speech }
}

impl Scene {
    /// RMS over the rows where somebody speaks.
    fn speech_rms(&self) -> f32 {
        let spoken = self.is_speech.iter().enumerate().filter(|(_, speech)| **speech);
        let spoken: Vec<f32> = spoken
            .flat_map(|(t, _)| self.samples[t * HOP..((t + 1) * HOP).min(self.samples.len())].to_vec())
            .collect();
        rms(&spoken)
    }

    /// Adds `what`, whose RMS becomes that of the speech less `snr_db`.
    pub fn with(mut self, what: &[f32], snr_db: f32) -> Self {
        let gain = self.speech_rms() / rms(what) * 10f32.powf(-snr_db / 20.0);
        self.samples.iter_mut().zip(what).for_each(|(sample, what)| *sample += gain * what);
        self
    }

    pub fn with_white_noise(self, snr_db: f32) -> Self {
        let white = noise(7, self.samples.len());
        self.with(&white, snr_db)
    }

    /// Noise that falls by 6 dB an octave: fans.
    pub fn with_fan(self, snr_db: f32) -> Self {
        let mut state = 0.0;
        let brown: Vec<f32> = noise(8, self.samples.len())
            .iter()
            .map(|white| {
                state = 0.99 * state + white;
                state
            })
            .collect();
        self.with(&brown, snr_db)
    }

    /// Mains hum: 50 Hz and three harmonics.
    pub fn with_hum(self, snr_db: f32) -> Self {
        let n = self.samples.len();
        let mut hum = vec![0.0; n];
        for (k, gain) in [(1.0, 1.0), (2.0, 0.5), (3.0, 0.3), (4.0, 0.1)] {
            let tone = sine(50.0 * k, f64::from(RATE_HZ), n);
            hum.iter_mut().zip(tone).for_each(|(sum, x)| *sum += gain * x);
        }
        self.with(&hum, snr_db)
    }

    /// A scanner's key clicks: 1.5 kHz for 0.12 s every 1.7 s, as loud as the speech less `snr_db` while they sound.
    pub fn with_beeps(mut self, snr_db: f32) -> Self {
        let gain = self.speech_rms() * 10f32.powf(-snr_db / 20.0) * std::f32::consts::SQRT_2;
        let (period, length) = ((1.7 * f64::from(RATE_HZ)) as usize, (0.12 * f64::from(RATE_HZ)) as usize);
        let beep = sine(1500.0, f64::from(RATE_HZ), length);
        for start in (0..self.samples.len()).step_by(period) {
            self.samples[start..].iter_mut().zip(&beep).for_each(|(sample, x)| *sample += gain * x);
        }
        self
    }
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|x| f64::from(x * x)).sum::<f64>() / samples.len() as f64).sqrt() as f32
}

/// How a detector did on a scene.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    /// Of all judged rows, those that are right.
    pub accuracy: f64,
    /// Of the rows with speech, those that are voiced.
    pub hits: f64,
    /// Of the rows without speech, those that are voiced.
    pub false_alarms: f64,
}

/// The score of `detector`, moved by `shift` rows (a detector whose latency is right does best at 0).
pub fn score(scene: &Scene, detector: &VoiceDetector, shift: isize) -> Score {
    let voice = detector.detect(&scene.samples, RATE_HZ, HOP).expect("valid settings");
    assert_eq!(voice.len(), scene.is_speech.len());
    let (mut right, mut hits, mut alarms, mut speech, mut rows) = (0, 0, 0, 0, 0);
    for t in 0..voice.len() {
        let Some(&value) = t.checked_add_signed(shift).and_then(|t| voice.get(t)) else { continue };
        let near = &scene.is_speech[t.saturating_sub(COLLAR_ROWS)..(t + COLLAR_ROWS + 1).min(voice.len())];
        if near.iter().any(|&x| x != scene.is_speech[t]) {
            continue;
        }
        let voiced = value >= sonovox_speech::VOICED_FROM;
        rows += 1;
        right += usize::from(voiced == scene.is_speech[t]);
        speech += usize::from(scene.is_speech[t]);
        hits += usize::from(voiced && scene.is_speech[t]);
        alarms += usize::from(voiced && !scene.is_speech[t]);
    }
    let part = |a: usize, b: usize| a as f64 / b.max(1) as f64;
    Score { accuracy: part(right, rows), hits: part(hits, speech), false_alarms: part(alarms, rows - speech) }
}
