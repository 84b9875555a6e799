//! Energy-based voice activity detection with a dynamic threshold and an adaptive scaling factor:
//! Sakhnov, Verteletskaya, Simak, "Approach for Energy-Based Voice Detector with Adaptive Scaling Factor", IAENG
//! International Journal of Computer Science 36:4, 2009 (the detector the MICCAI 2020 paper refers to).
//!
//! With the root mean square `E_j` of frame `j`, its running maximum `E_max` and minimum `E_min`:
//!
//! ```text
//! E_j      = sqrt(1/N sum x(i)^2)
//! E_max    = max(E_max, E_j)
//! E_min    = E_j, delta = 1                           where E_j < E_min
//! E_min    = E_min * delta, delta = delta * 1.0001    elsewhere: a minimum of long ago is let go
//! lambda   = (E_max - E_min) / E_max
//! T        = (1 - lambda) * E_max + lambda * E_min
//! speech   where E_j > T, and for the hangover after that
//! ```
//!
//! What the paper leaves open, or what recordings of an open room need beyond its telephone speech, is ours:
//!
//! - the frame length and the hangover's length; the hangover lies half before and half after the frames above the
//!   threshold, because soft beginnings are lost as often as soft ends;
//! - the band the energy is measured in: telephone speech, which the paper works on, has no more than 300 to 3400 Hz,
//!   and neither hum nor the hiss above counts (at 0 dB of white noise this turns .60 of rows right into .85);
//! - a look-ahead: the threshold of a frame knows the `lookahead_secs` after it, so that a recording may begin with
//!   speech (both delays are taken out of the values' times);
//! - a least distance of the threshold from the minimum: `T` lies between 0 dB (constant noise: `E_min = E_max`) and 6 dB
//!   (speech: `E_min` far below `E_max`) above `E_min`, and without a least distance the loudest frames of constant
//!   noise would be speech;
//! - a level below which a frame is digital silence: never speech, and moving neither extreme (the paper sets `E_min`
//!   to its initial value where `E_j = 0`), so that a muted stretch does not turn the noise after it into speech.
//!
//! What an energy detector cannot do: tell a beep, a slammed door or music from speech. Use `earshot` where there
//! are such.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::RowDetector;
use super::band::Band;
use super::threshold::DynamicThreshold;
use crate::SpeechError;

/// Settings of the energy-based detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnergyConfig {
    /// Length of a frame, centred on its row's time.
    pub frame_secs: f64,
    /// Energy is measured from this frequency on, in Hz.
    pub low_hz: f64,
    /// Energy is measured up to this frequency, in Hz.
    pub high_hz: f64,
    /// What delta grows by in 10 ms (the paper's 1.0001).
    pub delta_growth: f64,
    /// Least distance of the threshold from the running minimum, in dB.
    pub least_rise_db: f64,
    /// How much of the signal after a frame its threshold knows.
    pub lookahead_secs: f64,
    /// Speech reaches half of this to both sides of a frame above the threshold.
    pub hangover_secs: f64,
    /// Frames below this level, in dB of full scale (RMS), are digital silence.
    pub silence_dbfs: f64,
}

impl Default for EnergyConfig {
    fn default() -> Self {
        Self {
            frame_secs: 0.030,
            low_hz: 200.0,
            high_hz: 3400.0,
            delta_growth: 1.0001,
            least_rise_db: 5.0,
            lookahead_secs: 2.0,
            hangover_secs: 0.20,
            silence_dbfs: -80.0,
        }
    }
}

impl EnergyConfig {
    pub(super) fn validate(&self) -> Result<(), SpeechError> {
        let check = |field, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(SpeechError::setting("energy", field, format!("{low} to {high}"), value))
        };
        check("frame_secs", self.frame_secs, 0.005, 0.5)?;
        check("low_hz", self.low_hz, 0.0, 400.0)?;
        check("high_hz", self.high_hz, 1000.0, f64::from(crate::MAX_RATE_HZ))?;
        check("delta_growth", self.delta_growth, 1.0, 1.01)?;
        check("least_rise_db", self.least_rise_db, 0.0, 40.0)?;
        check("lookahead_secs", self.lookahead_secs, 0.0, 60.0)?;
        check("hangover_secs", self.hangover_secs, 0.0, 5.0)?;
        check("silence_dbfs", self.silence_dbfs, -200.0, 0.0)
    }
}

pub(super) struct EnergyStream {
    band: Band,
    threshold: DynamicThreshold,
    silence_rms: f64,
    half_frame: usize,
    hop_length: usize,
    lookahead_rows: usize,
    /// Rows of hangover to one side.
    hangover_rows: usize,
    /// Squares of the filtered signal from the next row's frame on.
    squares: VecDeque<f64>,
    /// Index of the first of them.
    first: u64,
    samples: u64,
    measured_rows: u64,
    /// Energies of rows that still wait for their look-ahead.
    waiting: VecDeque<f64>,
    decided_rows: usize,
    /// Rows since the last one above the threshold.
    quiet_rows: usize,
}

impl EnergyStream {
    /// For a config that was validated.
    pub(super) fn new(config: &EnergyConfig, sample_rate_hz: u32, hop_length: usize) -> Self {
        let rate = f64::from(sample_rate_hz);
        let hop_secs = hop_length as f64 / rate;
        let rows = |secs: f64| (secs / hop_secs).round() as usize;
        Self {
            band: Band::new(config.low_hz, config.high_hz, rate),
            threshold: DynamicThreshold::new(
                config.delta_growth.powf(hop_secs / 0.010),
                10f64.powf(config.least_rise_db / 20.0),
            ),
            silence_rms: 10f64.powf(config.silence_dbfs / 20.0),
            half_frame: ((config.frame_secs * rate / 2.0).round() as usize).max(1),
            hop_length,
            lookahead_rows: rows(config.lookahead_secs),
            hangover_rows: rows(config.hangover_secs / 2.0),
            squares: VecDeque::new(),
            first: 0,
            samples: 0,
            measured_rows: 0,
            waiting: VecDeque::new(),
            decided_rows: 0,
            quiet_rows: usize::MAX,
        }
    }

    /// Sample that the next row's frame is centred on.
    fn next_centre(&self) -> u64 {
        self.measured_rows * self.hop_length as u64
    }

    /// Measures the next row's frame and decides on the row that has seen its look-ahead by that.
    fn measure_row(&mut self, voice: &mut Vec<f32>) {
        let start = self.next_centre().saturating_sub(self.half_frame as u64);
        self.squares.drain(..((start - self.first) as usize).min(self.squares.len()));
        self.first = start;
        let count = self.squares.len().min(2 * self.half_frame);
        let sum: f64 = self.squares.range(..count).sum();
        let rms = (sum / count.max(1) as f64).sqrt();
        self.measured_rows += 1;
        if rms >= self.silence_rms {
            self.threshold.observe(rms);
        }
        self.waiting.push_back(rms);
        if self.waiting.len() > self.lookahead_rows {
            let rms = self.waiting.pop_front().expect("just filled");
            self.decide(rms, voice);
        }
    }

    /// Takes the next row's energy and emits the value of the row `hangover_rows` before it.
    fn decide(&mut self, rms: f64, voice: &mut Vec<f32>) {
        if rms >= self.silence_rms && rms > self.threshold.threshold() {
            self.quiet_rows = 0;
        } else {
            self.quiet_rows = self.quiet_rows.saturating_add(1);
        }
        self.decided_rows += 1;
        if self.decided_rows > self.hangover_rows {
            self.emit(voice);
        }
    }

    /// A row is speech where one up to `hangover_rows` before or after it was above the threshold.
    fn emit(&self, voice: &mut Vec<f32>) {
        voice.push(if self.quiet_rows <= 2 * self.hangover_rows { 1.0 } else { 0.0 });
    }
}

impl RowDetector for EnergyStream {
    fn push(&mut self, samples: &[f32], voice: &mut Vec<f32>) {
        for &sample in samples {
            let filtered = self.band.next(f64::from(sample));
            self.squares.push_back(filtered * filtered);
            self.samples += 1;
            if self.samples == self.next_centre() + self.half_frame as u64 {
                self.measure_row(voice);
            }
        }
    }

    fn finish(&mut self, voice: &mut Vec<f32>) {
        // frames that reach over the end are measured on the samples there are
        while self.samples > 0 && self.next_centre() <= self.samples {
            self.measure_row(voice);
        }
        while let Some(rms) = self.waiting.pop_front() {
            self.decide(rms, voice);
        }
        for _ in 0..self.hangover_rows.min(self.decided_rows) {
            self.quiet_rows = self.quiet_rows.saturating_add(1);
            self.emit(voice);
        }
    }
}
