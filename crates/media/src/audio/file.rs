//! Separate sound files, through symphonia.
//!
//! Priming and padding: symphonia's MP3 and Vorbis decoders trim them; of an M4A it reads no edit list, so the figures
//! come from FFmpeg's demuxer ([`super::m4a`]). What symphonia refuses, or would decode to something else than FFmpeg
//! (HE-AAC), is not opened here: the caller goes on with FFmpeg.

use std::fs::File;
use std::path::{Path, PathBuf};

use symphonia::core::audio::{Channels, GenericAudioBufferRef, Position};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_AAC};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::{SANE_RATES_HZ, m4a};
use crate::input;
use crate::probe::AudioFacts;
use crate::{Losses, MediaError};

/// How far the decoded sound may end before the length that the file states.
const END_TOLERANCE_SECS: f64 = 0.2;

pub(super) struct SoundFile {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    track: u32,
    decoder: Box<dyn AudioDecoder>,
    facts: AudioFacts,
    /// The first block, decoded at opening.
    first: Option<Vec<f32>>,
    interleaved: Vec<f32>,
    /// Samples still to be dropped before the first.
    skip: u64,
    /// Samples still to be delivered, where the container tells.
    left: Option<u64>,
    /// Samples delivered or lost: the position of the next block.
    position: u64,
    ended: bool,
    losses: Losses,
}

impl SoundFile {
    /// `None` where FFmpeg has to do it.
    pub fn open(path: &Path) -> Result<Option<Self>, MediaError> {
        input::check_file(path)?;
        let Some(mut sound) = Self::probe(path)? else { return Ok(None) };
        let mut block = Vec::new();
        if !matches!(sound.decode_next(&mut block), Ok(true)) {
            return Ok(None);
        }
        sound.first = Some(block);
        Ok(Some(sound))
    }

    fn probe(path: &Path) -> Result<Option<Self>, MediaError> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let probe = symphonia::default::get_probe();
        let Ok(format) = probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        else {
            return Ok(None);
        };
        let Some(track) = format.default_track(TrackType::Audio) else { return Ok(None) };
        let Some(parameters) = track.codec_params.as_ref().and_then(|parameters| parameters.audio()) else {
            return Ok(None);
        };
        let options = AudioDecoderOptions::default().gapless(true);
        let Ok(decoder) = symphonia::default::get_codecs().make_audio_decoder(parameters, &options) else {
            return Ok(None);
        };
        let rate = decoder.codec_params().sample_rate.filter(|rate| SANE_RATES_HZ.contains(rate));
        let Some(rate) = rate else { return Ok(None) };
        let mut trim = m4a::Trim { skip: 0, valid: None };
        if parameters.codec == CODEC_ID_AAC {
            match m4a::trim_of(path, rate)? {
                Some(figures) => trim = figures,
                None => return Ok(None),
            }
        }
        let stated = trim.valid.or(track.num_frames);
        let facts = AudioFacts {
            codec: decoder.codec_info().short_name.to_owned(),
            sample_rate_hz: rate,
            channels: decoder.codec_params().channels.as_ref().map_or(0, Channels::count) as u32,
            start_secs: Some(0.0),
            duration_secs: stated.map(|frames| frames as f64 / f64::from(rate)),
        };
        let track = track.id;
        Ok(Some(Self {
            path: path.to_owned(),
            format,
            track,
            decoder,
            facts,
            first: None,
            interleaved: Vec::new(),
            skip: trim.skip,
            left: trim.valid,
            position: 0,
            ended: false,
            losses: Losses::default(),
        }))
    }

    pub fn facts(&self) -> &AudioFacts {
        &self.facts
    }

    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    pub fn next_block(&mut self, samples: &mut Vec<f32>) -> Result<Option<f64>, MediaError> {
        samples.clear();
        if self.ended {
            return Ok(None);
        }
        let more = match self.first.take() {
            Some(first) => {
                *samples = first;
                true
            }
            None => self.decode_next(samples).inspect_err(|_| self.ended = true)?,
        };
        if !more {
            return self.finish();
        }
        let start_secs = self.secs(self.position);
        self.position += samples.len() as u64;
        self.losses.delivered += 1;
        Ok(Some(start_secs))
    }

    fn secs(&self, samples: u64) -> f64 {
        samples as f64 / f64::from(self.facts.sample_rate_hz)
    }

    /// Decodes on to the next block that is not trimmed away; false at the end.
    fn decode_next(&mut self, samples: &mut Vec<f32>) -> Result<bool, MediaError> {
        while self.left != Some(0) {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(false),
                Err(error) => {
                    self.losses.read_fault = Some(format!("reading failed: {error}"));
                    return Ok(false);
                }
            };
            if packet.track_id != self.track {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(block) => {
                    check_rate(&self.path, &self.facts, &block, self.position)?;
                    mono(&block, &mut self.interleaved, samples);
                }
                Err(_) => {
                    // what it held is silence on the recording's clock: the next block starts after it
                    self.losses.refused_packets += 1;
                    self.position += packet.dur.get();
                    continue;
                }
            }
            self.trim(samples);
            if !samples.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn trim(&mut self, samples: &mut Vec<f32>) {
        let skipped = self.skip.min(samples.len() as u64);
        samples.drain(..skipped as usize);
        self.skip -= skipped;
        if let Some(left) = &mut self.left {
            samples.truncate((*left).min(samples.len() as u64) as usize);
            *left -= samples.len() as u64;
        }
    }

    fn finish(&mut self) -> Result<Option<f64>, MediaError> {
        self.ended = true;
        let reached = self.secs(self.position);
        self.losses.reached_secs = Some(reached);
        self.losses.expected_secs =
            self.facts.duration_secs.filter(|expected| expected - reached > END_TOLERANCE_SECS);
        if self.losses.is_incomplete() {
            let (path, losses) = (self.path.clone(), Box::new(self.losses.clone()));
            return Err(MediaError::Incomplete { path, what: "sound", losses });
        }
        Ok(None)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> MediaError {
    MediaError::Unreadable { path: path.to_owned(), cause: error.to_string() }
}

fn check_rate(
    path: &Path,
    facts: &AudioFacts,
    block: &GenericAudioBufferRef<'_>,
    position: u64,
) -> Result<(), MediaError> {
    let (expected_hz, found_hz) = (facts.sample_rate_hz, block.spec().rate());
    if expected_hz == found_hz {
        return Ok(());
    }
    let time_secs = position as f64 / f64::from(expected_hz);
    Err(MediaError::RateChanged { path: path.to_owned(), time_secs, expected_hz, found_hz })
}

/// Replaces `mono` by the mean of the block's channels without the subwoofer.
fn mono(block: &GenericAudioBufferRef<'_>, interleaved: &mut Vec<f32>, mono: &mut Vec<f32>) {
    let kept = kept_channels(block.spec().channels());
    let channels = block.spec().channels().count().max(1);
    block.copy_to_vec_interleaved::<f32>(interleaved);
    mono.clear();
    let scale = 1.0 / kept.len().max(1) as f64;
    mono.extend(interleaved.chunks_exact(channels).map(|frame| {
        let sum: f64 = kept.iter().map(|&channel| f64::from(frame[channel])).sum();
        (sum * scale) as f32
    }));
}

/// The channels that go into the mean: all but the subwoofers, or all if there is nothing else.
fn kept_channels(channels: &Channels) -> Vec<usize> {
    let all = channels.count();
    let low = Position::LFE1 | Position::LFE2;
    let kept: Vec<usize> = match channels {
        Channels::Positioned(positions) => {
            positions.iter().enumerate().filter(|(_, p)| !low.contains(*p)).map(|(i, _)| i).collect()
        }
        _ => (0..all).collect(),
    };
    if kept.is_empty() { (0..all).collect() } else { kept }
}
