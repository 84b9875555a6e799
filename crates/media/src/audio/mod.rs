//! Mono PCM out of the sound inside a video, or out of a sound file.

mod downmix;
mod embedded;
mod file;
mod m4a;

use std::path::Path;

use crate::{AudioFacts, Losses, MediaError};

/// Sample rates that are sound and not a broken header, hertz.
const SANE_RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=1_000_000;

/// Reads sound block by block as mono samples (full scale -1..1).
///
/// Mono is the mean of the channels; the subwoofer channel (LFE) is left out. Encoder priming and padding are trimmed.
/// A block starts where the one before ended, to the sample, unless the file says otherwise by more than a few
/// milliseconds: a gap or a jump shows as a later (or earlier) start of the next block.
pub struct AudioReader {
    source: Source,
}

enum Source {
    Embedded(Box<embedded::EmbeddedAudio>),
    File(Box<file::SoundFile>),
}

impl AudioReader {
    /// Opens the sound inside a video. `None` if there is no audio stream, or one without a single packet.
    ///
    /// # Errors
    /// A file that is missing, empty or not media; an audio stream of which nothing can be decoded.
    pub fn open_embedded(path: &Path) -> Result<Option<Self>, MediaError> {
        let audio = embedded::EmbeddedAudio::open(path)?;
        Ok(audio.map(|audio| Self { source: Source::Embedded(Box::new(audio)) }))
    }

    /// Opens a sound file. Its first sample lies at 0 s.
    ///
    /// symphonia decodes WAV, FLAC, MP3, OGG Vorbis, AIFF, CAF and AAC-LC in M4A. What it refuses (Opus, AC-3), and
    /// HE-AAC, of which it would silently give the core at half the rate, goes through FFmpeg.
    ///
    /// # Errors
    /// A file that is missing, empty, not media, without sound, or of which nothing can be decoded.
    pub fn open_file(path: &Path) -> Result<Self, MediaError> {
        if let Some(sound) = file::SoundFile::open(path)? {
            return Ok(Self { source: Source::File(Box::new(sound)) });
        }
        let audio = embedded::EmbeddedAudio::open(path)?;
        let no_audio = || MediaError::NoAudio { path: path.to_owned(), found: "none with any packet".into() };
        let audio = audio.ok_or_else(no_audio)?.starting_at_zero();
        Ok(Self { source: Source::Embedded(Box::new(audio)) })
    }

    /// What is known of the stream. `sample_rate_hz` is that of the samples delivered.
    pub fn facts(&self) -> &AudioFacts {
        match &self.source {
            Source::Embedded(audio) => audio.facts(),
            Source::File(sound) => sound.facts(),
        }
    }

    /// Which library decodes: `ffmpeg` or `symphonia`.
    pub fn library(&self) -> &'static str {
        match &self.source {
            Source::Embedded(_) => "ffmpeg",
            Source::File(_) => "symphonia",
        }
    }

    /// What was lost so far; complete once [`AudioReader::next_block`] has returned `None` or an error.
    pub fn losses(&self) -> &Losses {
        match &self.source {
            Source::Embedded(audio) => audio.losses(),
            Source::File(sound) => sound.losses(),
        }
    }

    /// Replaces the contents of `samples` by the next block and returns when its first sample sounds, in seconds.
    ///
    /// `None` at the end, and after an error.
    ///
    /// # Errors
    /// [`MediaError::Incomplete`] once, after the last good block, where the file does not hold all that it should;
    /// [`MediaError::RateChanged`] where the sample rate changes.
    pub fn next_block(&mut self, samples: &mut Vec<f32>) -> Result<Option<f64>, MediaError> {
        match &mut self.source {
            Source::Embedded(audio) => audio.next_block(samples),
            Source::File(sound) => sound.next_block(samples),
        }
    }
}
