//! The sound inside a video container, through FFmpeg, which trims priming and padding itself (skip-samples side data).

use std::path::{Path, PathBuf};

use video_rs::ffmpeg::{frame, media};

use super::{SANE_RATES_HZ, downmix};
use crate::decode::{StreamDecoder, frame_ticks};
use crate::input::{self, PacketSource};
use crate::probe::{AudioFacts, audio_facts};
use crate::{Losses, MediaError};

/// Block times that differ from the count of samples by less than this are rounding of the container's clock.
const JITTER_SECS: f64 = 0.005;

/// How far the last block may end before the end the container states.
const END_TOLERANCE_SECS: f64 = 0.2;

pub(super) struct EmbeddedAudio {
    decoder: StreamDecoder,
    frame: frame::Audio,
    pending: bool,
    ended: bool,
    facts: AudioFacts,
    clock: SampleClock,
}

impl EmbeddedAudio {
    /// Opens the best audio stream and decodes its first frame, which alone tells the true sample rate of HE-AAC.
    pub fn open(path: &Path) -> Result<Option<Self>, MediaError> {
        let input = input::open(path)?;
        let Some(index) = input.best_stream(media::Type::Audio) else { return Ok(None) };
        let mut facts = audio_facts(&input.context.stream(index).expect("found above"));
        let mut decoder = StreamDecoder::open(PacketSource::new(input, index), "audio", 1)?;
        let mut frame = frame::Audio::empty();
        if !receive(&mut decoder, &mut frame) {
            let losses = &decoder.losses;
            if losses.refused_packets == 0 && losses.read_fault.is_none() {
                return Ok(None);
            }
            let cause = decoder.cause_of_nothing();
            return Err(MediaError::NothingDecoded { path: path.to_owned(), what: "block of sound", cause });
        }
        facts.sample_rate_hz = frame.rate();
        if !SANE_RATES_HZ.contains(&facts.sample_rate_hz) {
            let cause =
                format!("expected a sample rate of 1 kHz to 1 MHz, found {} Hz", facts.sample_rate_hz);
            return Err(MediaError::Convert { path: path.to_owned(), what: "sound", cause });
        }
        let clock = SampleClock::new(&decoder, &facts, &frame);
        facts.start_secs = Some(clock.next_secs());
        Ok(Some(Self { decoder, frame, pending: true, ended: false, facts, clock }))
    }

    /// Puts the first sample at 0 s.
    pub fn starting_at_zero(mut self) -> Self {
        self.clock.shift_secs = self.clock.start_secs;
        self.facts.start_secs = Some(0.0);
        self
    }

    pub fn facts(&self) -> &AudioFacts {
        &self.facts
    }

    pub fn losses(&self) -> &Losses {
        &self.decoder.losses
    }

    pub fn next_block(&mut self, samples: &mut Vec<f32>) -> Result<Option<f64>, MediaError> {
        samples.clear();
        if self.ended {
            return Ok(None);
        }
        if !std::mem::take(&mut self.pending) && !receive(&mut self.decoder, &mut self.frame) {
            return self.finish();
        }
        let start_secs = self.clock.place(&self.frame);
        let checked = self.check_rate(start_secs).and_then(|()| self.mix(samples));
        checked.inspect_err(|_| self.ended = true)?;
        self.decoder.losses.delivered += 1;
        Ok(Some(start_secs))
    }

    fn path(&self) -> PathBuf {
        self.decoder.source.input.path.clone()
    }

    fn check_rate(&self, time_secs: f64) -> Result<(), MediaError> {
        let (expected_hz, found_hz) = (self.facts.sample_rate_hz, self.frame.rate());
        if expected_hz == found_hz {
            return Ok(());
        }
        Err(MediaError::RateChanged { path: self.path(), time_secs, expected_hz, found_hz })
    }

    fn mix(&self, samples: &mut Vec<f32>) -> Result<(), MediaError> {
        if downmix::mono(&self.frame, samples) {
            return Ok(());
        }
        let cause = "unknown sample format".into();
        Err(MediaError::Convert { path: self.path(), what: "sound", cause })
    }

    fn finish(&mut self) -> Result<Option<f64>, MediaError> {
        self.ended = true;
        self.decoder.close(Some(self.clock.true_next_secs()), END_TOLERANCE_SECS);
        if self.decoder.losses.is_incomplete() {
            let losses = Box::new(self.decoder.losses.clone());
            return Err(MediaError::Incomplete { path: self.path(), what: "sound", losses });
        }
        Ok(None)
    }
}

/// The next frame that holds samples.
fn receive(decoder: &mut StreamDecoder, frame: &mut frame::Audio) -> bool {
    while decoder.receive(frame) {
        if frame.samples() > 0 && frame.rate() > 0 {
            return true;
        }
    }
    false
}

/// Block times: counted in samples from an anchor, which moves only where the file jumps.
struct SampleClock {
    tick_secs: f64,
    rate_hz: f64,
    anchor_secs: f64,
    samples_since: u64,
    start_secs: f64,
    /// Taken off every time that is given out.
    shift_secs: f64,
}

impl SampleClock {
    fn new(decoder: &StreamDecoder, facts: &AudioFacts, first: &frame::Audio) -> Self {
        let tick_secs = decoder.source.tick_secs();
        let start_secs =
            frame_ticks(first).map(|ticks| ticks as f64 * tick_secs).or(facts.start_secs).unwrap_or(0.0);
        let rate_hz = f64::from(first.rate());
        Self { tick_secs, rate_hz, anchor_secs: start_secs, samples_since: 0, start_secs, shift_secs: 0.0 }
    }

    fn true_next_secs(&self) -> f64 {
        self.anchor_secs + self.samples_since as f64 / self.rate_hz
    }

    fn next_secs(&self) -> f64 {
        self.true_next_secs() - self.shift_secs
    }

    /// The start of this frame; moves on past it.
    fn place(&mut self, frame: &frame::Audio) -> f64 {
        if let Some(ticks) = frame_ticks(frame) {
            let stated = ticks as f64 * self.tick_secs;
            if (stated - self.true_next_secs()).abs() > JITTER_SECS.max(1.5 * self.tick_secs) {
                (self.anchor_secs, self.samples_since) = (stated, 0);
            }
        }
        let start_secs = self.next_secs();
        self.samples_since += frame.samples() as u64;
        start_secs
    }
}
