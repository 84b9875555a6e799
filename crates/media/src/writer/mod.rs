//! Writes a recording: MP4 with H.264 video (libx264, yuv420p) and mono AAC sound.
//!
//! Same frames and samples in, same bytes out: one encoder thread, FFmpeg's bitexact flags (no dates, no version of the
//! muxer), fixed settings. The index is moved to the front of the file at the end (faststart).

mod output;
mod sound;
mod video;

use std::path::{Path, PathBuf};

use output::Output;
use sound::SoundEncoder;
use video::VideoEncoder;

use crate::MediaError;

/// Frames per second as a ratio: 30000/1001 is not 29.97.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRate {
    /// Frames ...
    pub frames: u32,
    /// ... in this many seconds.
    pub seconds: u32,
}

impl FrameRate {
    /// A whole number of frames per second.
    pub const fn whole(frames_per_sec: u32) -> Self {
        Self { frames: frames_per_sec, seconds: 1 }
    }

    /// Time of frame `index`, seconds.
    pub fn time_of(self, index: u64) -> f64 {
        index as f64 * f64::from(self.seconds) / f64::from(self.frames)
    }
}

/// What a recording shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingFormat {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: FrameRate,
    /// Sample rate of the sound, one that AAC knows (8000 to 96000 Hz); `None` for a silent film.
    pub sample_rate_hz: Option<u32>,
}

/// Writes one recording. Both streams start at 0 s.
///
/// Push frames and sound roughly in step: what one stream is ahead of the other (up to 10 s) waits in memory.
/// A writer that is dropped before [`RecordingWriter::finish`] takes its file away.
pub struct RecordingWriter {
    path: PathBuf,
    output: Option<Output>,
    video: VideoEncoder,
    sound: Option<SoundEncoder>,
}

impl RecordingWriter {
    /// Creates (or replaces) the file.
    ///
    /// # Errors
    /// An odd or zero size, a frame or sample rate that cannot be written, a path that cannot be written to, an FFmpeg
    /// without libx264.
    pub fn create(path: &Path, format: &RecordingFormat) -> Result<Self, MediaError> {
        check(format)?;
        crate::log::silence();
        let failed = |error: Failure| error.at(path);
        let mut output = Output::create(path)?;
        let opened = (|| {
            let video = VideoEncoder::open(&mut output, format)?;
            let sound =
                format.sample_rate_hz.map(|rate| SoundEncoder::open(&mut output, rate)).transpose()?;
            output.write_header()?;
            Ok((video, sound))
        })();
        match opened {
            Ok((video, sound)) => Ok(Self { path: path.to_owned(), output: Some(output), video, sound }),
            Err(error) => {
                drop(output);
                // nothing of use is in it
                let _ = std::fs::remove_file(path);
                Err(failed(error))
            }
        }
    }

    /// Appends a frame: `[height, width]` grey levels, 0 black to 255 white.
    ///
    /// # Errors
    /// A buffer of the wrong length; a failing encoder or disk.
    pub fn push_frame(&mut self, grey: &[u8]) -> Result<(), MediaError> {
        let expected = self.video.frame_bytes();
        if grey.len() != expected {
            return Err(MediaError::BadBuffer { expected, found: grey.len() });
        }
        let output = self.output.as_mut().expect("open until finish");
        self.video.push(grey, output).map_err(|error| error.at(&self.path))
    }

    /// Appends mono samples, full scale -1..1, any number of them.
    ///
    /// # Errors
    /// A recording without sound; a failing encoder or disk.
    pub fn push_audio(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        let Some(sound) = &mut self.sound else {
            let found = format!("{} samples", samples.len());
            return Err(MediaError::BadFormat { expected: "no sound (sample_rate_hz is None)", found });
        };
        let output = self.output.as_mut().expect("open until finish");
        sound.push(samples, output).map_err(|error| error.at(&self.path))
    }

    /// Frames pushed so far.
    pub fn frames(&self) -> u64 {
        self.video.frames()
    }

    /// Writes what waits in the encoders and the index.
    ///
    /// # Errors
    /// A failing encoder or disk; the file is taken away then.
    pub fn finish(mut self) -> Result<(), MediaError> {
        self.finish_output().map_err(|error| error.at(&self.path))?;
        self.output = None; // closed; keeps `drop` from taking the file away
        Ok(())
    }

    fn finish_output(&mut self) -> Result<(), Failure> {
        let output = self.output.as_mut().expect("open until finish");
        self.video.finish(output)?;
        if let Some(sound) = &mut self.sound {
            sound.finish(output)?;
        }
        output.write_trailer()
    }
}

impl Drop for RecordingWriter {
    fn drop(&mut self) {
        if self.output.take().is_some() {
            // an MP4 without its index is of no use to anyone
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Sample rates with an index of their own in AAC (ISO/IEC 14496-3, table 1.18).
const AAC_RATES: [u32; 12] =
    [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000];

fn check(format: &RecordingFormat) -> Result<(), MediaError> {
    let RecordingFormat { width, height, frame_rate, sample_rate_hz } = *format;
    let bad = |expected, found| Err(MediaError::BadFormat { expected, found });
    let fits = |side: u32| (2..=16384).contains(&side) && side.is_multiple_of(2);
    if !fits(width) || !fits(height) {
        return bad("an even width and height of 2 to 16384", format!("{width}x{height}"));
    }
    let FrameRate { frames, seconds } = frame_rate;
    if frames == 0 || seconds == 0 || frames > 1_000_000 || seconds > 1_000_000 {
        return bad("a frame rate of 1/1000000 to 1000000", format!("{frames}/{seconds}"));
    }
    match sample_rate_hz.filter(|rate| !AAC_RATES.contains(rate)) {
        Some(rate) => bad("a sample rate that AAC knows (8000 to 96000 Hz)", format!("{rate} Hz")),
        None => Ok(()),
    }
}

/// A failed call into FFmpeg, in words, before the path is known.
pub(crate) struct Failure(String);

impl Failure {
    fn new(doing: &str, error: video_rs::ffmpeg::Error) -> Self {
        Self(format!("{doing} failed: {error}"))
    }

    fn at(self, path: &Path) -> MediaError {
        MediaError::Write { path: path.to_owned(), cause: self.0 }
    }
}
