//! Grey frames of a recording, one at a time, each with the time it is shown.

use std::path::Path;

use crate::CropRect;
use video_rs::ffmpeg::{Frame, frame, media};

use crate::decode::{StreamDecoder, duration_ticks, frame_ticks};
use crate::input::{self, PacketSource};
use crate::probe::{VideoFacts, video_facts};
use crate::scale::GreyScaler;
use crate::{Losses, MediaError};

/// Longest side of a frame that is asked for; more is a mistake, not an ultrasound video.
const MAX_SIDE: u32 = 16384;

/// How far the last frame may end before the end that the container states, beside two frames: rounding of coarse clocks.
const END_TOLERANCE_SECS: f64 = 0.05;

/// What the frames shall look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameSpec {
    /// The part of the shown (turned) picture to keep, in its pixels; `None` for all of it.
    pub crop: Option<CropRect>,
    /// Height of the frames in pixels.
    pub height: u32,
    /// Width of the frames in pixels.
    pub width: u32,
}

/// Reads a video from its first frame to its last.
///
/// A frame is grey (0 black, 255 white, limited range widened), turned as its display matrix says, cropped, and
/// area-resized from stored pixels without regard to their aspect ratio. Interlaced frames keep their first field only.
/// Frames that a container's edit list hides are not delivered.
pub struct VideoReader {
    decoder: StreamDecoder,
    frame: frame::Video,
    /// The frame in `frame` was decoded but not yet delivered.
    pending: bool,
    ended: bool,
    scaler: GreyScaler,
    facts: VideoFacts,
    stored_size: (u32, u32),
    frame_bytes: usize,
    clock: FrameClock,
}

impl VideoReader {
    /// Opens a recording and decodes its first frame, so that what cannot be read says so here.
    ///
    /// `threads` decode at once (FFmpeg's frame threads; 0 counts as 1): each holds a few pictures in memory.
    ///
    /// # Errors
    /// A file that is missing, empty, not media, without video, or of which no frame can be decoded; a crop outside of
    /// the frame; a size of zero.
    pub fn open(path: &Path, spec: &FrameSpec, threads: usize) -> Result<Self, MediaError> {
        check_size(spec)?;
        let (mut decoder, mut facts) = open_stream(path, threads)?;
        let mut frame = frame::Video::empty();
        if !decoder.receive(&mut frame) {
            let cause = decoder.cause_of_nothing();
            return Err(MediaError::NothingDecoded { path: path.to_owned(), what: "frame", cause });
        }
        // the decoder knows the size better than the container
        let stored_size = (frame.width(), frame.height());
        (facts.width, facts.height) = facts.orientation.turn_size(stored_size);
        let crop = checked_crop(path, spec.crop, &facts)?;
        let scaler = GreyScaler::new(crop, stored_size, facts.orientation, (spec.width, spec.height))
            .map_err(|error| convert_error(path, error))?;
        let clock = FrameClock::new(decoder.source.tick_secs(), &facts);
        Ok(Self {
            decoder,
            frame,
            pending: true,
            ended: false,
            scaler,
            facts,
            stored_size,
            frame_bytes: spec.width as usize * spec.height as usize,
            clock,
        })
    }

    /// What the container and the first frame say of the stream.
    pub fn facts(&self) -> &VideoFacts {
        &self.facts
    }

    /// What was lost so far; complete once [`VideoReader::next_frame`] has returned `None` or an error.
    pub fn losses(&self) -> &Losses {
        &self.decoder.losses
    }

    /// Reads the next frame into `out` (`[height, width]`, u8) and returns the time it is shown, in seconds.
    ///
    /// Times rise from frame to frame. `None` at the end, and after an error.
    ///
    /// # Errors
    /// [`MediaError::Incomplete`] once, after the last good frame, where the file does not hold all that it should;
    /// [`MediaError::SizeChanged`] where the picture changes its size; a buffer of the wrong length.
    pub fn next_frame(&mut self, out: &mut [u8]) -> Result<Option<f64>, MediaError> {
        if out.len() != self.frame_bytes {
            return Err(MediaError::BadBuffer { expected: self.frame_bytes, found: out.len() });
        }
        while !self.ended {
            if !std::mem::take(&mut self.pending) && !self.decoder.receive(&mut self.frame) {
                return self.finish();
            }
            let Some(time_secs) = self.clock.time_of(&self.frame, &mut self.decoder.losses) else { continue };
            self.deliver(time_secs, out).inspect_err(|_| self.ended = true)?;
            return Ok(Some(time_secs));
        }
        Ok(None)
    }

    fn deliver(&mut self, time_secs: f64, out: &mut [u8]) -> Result<(), MediaError> {
        let path = &self.decoder.source.input.path;
        let size = (self.frame.width(), self.frame.height());
        if size != self.stored_size {
            let (expected_width, expected_height) = self.stored_size;
            let (width, height) = size;
            let path = path.clone();
            return Err(MediaError::SizeChanged {
                path,
                time_secs,
                expected_width,
                expected_height,
                width,
                height,
            });
        }
        self.scaler.convert(&self.frame, out).map_err(|error| convert_error(path, error))?;
        self.decoder.losses.delivered += 1;
        let damaged = self.frame.is_corrupt() || self.frame.has_decode_errors();
        self.decoder.losses.damaged_frames += u64::from(damaged);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<f64>, MediaError> {
        self.ended = true;
        let tolerance = END_TOLERANCE_SECS + 2.0 * self.clock.frame_secs;
        self.decoder.close(self.clock.reached_secs, tolerance);
        if self.decoder.losses.is_incomplete() {
            let path = self.decoder.source.input.path.clone();
            return Err(MediaError::Incomplete {
                path,
                what: "video",
                losses: Box::new(self.decoder.losses.clone()),
            });
        }
        Ok(None)
    }
}

/// Opens a file to read the packets of its video stream.
pub(crate) fn open_source(path: &Path) -> Result<(PacketSource, VideoFacts), MediaError> {
    let input = input::open(path)?;
    let Some(index) = input.best_stream(media::Type::Video) else {
        return Err(MediaError::NoVideo { path: path.to_owned(), found: input.describe_streams() });
    };
    let facts = video_facts(&input.context.stream(index).expect("found above"));
    Ok((PacketSource::new(input, index), facts))
}

/// Opens the video stream of a file for decoding.
pub(crate) fn open_stream(path: &Path, threads: usize) -> Result<(StreamDecoder, VideoFacts), MediaError> {
    let (source, facts) = open_source(path)?;
    Ok((StreamDecoder::open(source, "video", threads)?, facts))
}

pub(crate) fn convert_error(path: &Path, error: video_rs::ffmpeg::Error) -> MediaError {
    MediaError::Convert { path: path.to_owned(), what: "picture", cause: error.to_string() }
}

fn check_size(spec: &FrameSpec) -> Result<(), MediaError> {
    let FrameSpec { width, height, .. } = *spec;
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(MediaError::BadFrameSize { width, height });
    }
    Ok(())
}

fn checked_crop(path: &Path, crop: Option<CropRect>, facts: &VideoFacts) -> Result<CropRect, MediaError> {
    let (frame_width, frame_height) = (facts.width, facts.height);
    let Some(CropRect { x, y, width, height }) = crop else {
        return Ok(CropRect { x: 0, y: 0, width: frame_width, height: frame_height });
    };
    let fits =
        |from: u32, size: u32, of: u32| size > 0 && from.checked_add(size).is_some_and(|end| end <= of);
    if fits(x, width, frame_width) && fits(y, height, frame_height) {
        return Ok(CropRect { x, y, width, height });
    }
    let path = path.to_owned();
    Err(MediaError::CropOutside { path, x, y, width, height, frame_width, frame_height })
}

/// Frame times out of presentation ticks.
struct FrameClock {
    tick_secs: f64,
    /// Usual length of a frame, seconds.
    frame_secs: f64,
    last_secs: Option<f64>,
    /// Where the last frame ends, seconds.
    reached_secs: Option<f64>,
    start_secs: f64,
}

impl FrameClock {
    fn new(tick_secs: f64, facts: &VideoFacts) -> Self {
        let frame_secs = facts.avg_frame_rate.map_or(0.04, f64::recip);
        let start_secs = facts.start_secs.unwrap_or(0.0);
        Self { tick_secs, frame_secs, last_secs: None, reached_secs: None, start_secs }
    }

    /// The time of a frame; `None` for a frame to leave out because it does not lie after the one before.
    fn time_of(&mut self, frame: &Frame, losses: &mut Losses) -> Option<f64> {
        let time = match frame_ticks(frame) {
            Some(ticks) => ticks as f64 * self.tick_secs,
            None => {
                losses.guessed_times += 1;
                self.reached_secs.unwrap_or(self.start_secs)
            }
        };
        if self.last_secs.is_some_and(|last| time <= last) {
            losses.disordered_frames += 1;
            return None;
        }
        self.last_secs = Some(time);
        let length = duration_ticks(frame) as f64 * self.tick_secs;
        self.reached_secs = Some(time + if length > 0.0 { length } else { self.frame_secs });
        Some(time)
    }
}
