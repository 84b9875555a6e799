//! A few whole frames spread over a recording, for finding where in the picture the ultrasound lies.

use std::path::Path;

use video_rs::ffmpeg::frame;

use crate::decode::{StreamDecoder, frame_ticks};
use crate::ending::likely_end;
use crate::input::{PacketSource, Step};
use crate::scale::GreyScaler;
use crate::video_reader::{convert_error, open_source, open_stream};
use crate::{CropRect, FrameSpec, MediaError, Orientation, VideoReader};

/// A grey picture and when it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct GreyFrame {
    /// Seconds on the recording's clock.
    pub time_secs: f64,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `[height, width]`, 0 black to 255 white.
    pub pixels: Vec<u8>,
}

/// Reads up to `count` frames spread evenly over the file, the whole picture, its longer side at most `max_side`.
///
/// It seeks where the file allows: each sample is the keyframe before its place or, where no keyframe lies between two
/// samples, the frame at its place, decoded on from the sample before; so no frame is decoded twice. A file that cannot
/// be sought in is read through, with never more than `2 * count` small frames in memory. Shorter files give fewer
/// frames; a damaged one gives those that could be read. Frames come in order of time.
///
/// # Errors
/// As [`VideoReader::open`]; `count` or `max_side` of zero is a bug of the caller's and panics.
pub fn sample_frames(path: &Path, count: usize, max_side: u32) -> Result<Vec<GreyFrame>, MediaError> {
    assert!(count > 0 && max_side > 0, "sample_frames wants at least one frame of at least one pixel");
    match sample_by_seeking(path, count, max_side)? {
        // fewer than half: the file is short, or its index is not what it seems
        frames if frames.len() * 2 > count => Ok(frames),
        _ => sample_by_reading(path, count, max_side),
    }
}

/// The size with the longer side at most `max_side`, never enlarged.
fn fitted(width: u32, height: u32, max_side: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= max_side {
        return (width, height);
    }
    let side = |side: u32| {
        let scaled = (u64::from(side) * u64::from(max_side) + u64::from(longer) / 2) / u64::from(longer);
        (scaled as u32).max(1)
    };
    (side(width), side(height))
}

fn sample_by_seeking(path: &Path, count: usize, max_side: u32) -> Result<Vec<GreyFrame>, MediaError> {
    let (decoder, facts) = open_stream(path, 1)?;
    let (scout, _) = open_source(path)?;
    let end = likely_end(&scout.input, scout.stream);
    let (Some(start), Some(end)) = (facts.start_secs, end) else { return Ok(Vec::new()) };
    let mut sampler = Sampler {
        decoder,
        scout,
        frame: frame::Video::empty(),
        orientation: facts.orientation,
        scaler: None,
        max_side,
    };
    let mut frames: Vec<GreyFrame> = Vec::new();
    for i in 0..count {
        let wanted = start + (end - start) * (i as f64 + 0.5) / count as f64;
        let last = frames.last().map(|frame| frame.time_secs);
        frames.extend(sampler.frame_near(wanted, last)?);
    }
    Ok(frames)
}

/// Reads through the file and keeps every `stride`-th frame, doubling the stride whenever twice `count` are kept.
fn sample_by_reading(path: &Path, count: usize, max_side: u32) -> Result<Vec<GreyFrame>, MediaError> {
    let (width, height) = {
        let probe = VideoReader::open(path, &FrameSpec { crop: None, height: 1, width: 1 }, 1)?;
        fitted(probe.facts().width, probe.facts().height, max_side)
    };
    let mut reader = VideoReader::open(path, &FrameSpec { crop: None, height, width }, 1)?;
    let mut pixels = vec![0; width as usize * height as usize];
    let (mut kept, mut stride, mut index) = (Vec::new(), 1_usize, 0_usize);
    while let Some(time_secs) = next_or_end(&mut reader, &mut pixels)? {
        if index.is_multiple_of(stride) {
            kept.push(GreyFrame { time_secs, width, height, pixels: pixels.clone() });
        }
        index += 1;
        if kept.len() == 2 * count {
            let mut nth = 0;
            kept.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            stride *= 2;
        }
    }
    Ok(spread(kept, count))
}

/// The next frame; a file that breaks off simply ends here, the reader of the whole file reports it.
fn next_or_end(reader: &mut VideoReader, pixels: &mut [u8]) -> Result<Option<f64>, MediaError> {
    match reader.next_frame(pixels) {
        Err(MediaError::Incomplete { .. }) => Ok(None),
        other => other,
    }
}

/// `count` of the frames, evenly spread.
fn spread(frames: Vec<GreyFrame>, count: usize) -> Vec<GreyFrame> {
    let total = frames.len();
    let is_picked = |i: usize| (i * count) / total != ((i + 1) * count) / total;
    if total <= count {
        return frames;
    }
    frames.into_iter().enumerate().filter(|(i, _)| is_picked(*i)).map(|(_, frame)| frame).collect()
}

struct Sampler {
    decoder: StreamDecoder,
    /// Finds keyframes ahead of the decoder, without decoding.
    scout: PacketSource,
    frame: frame::Video,
    orientation: Orientation,
    /// Made when the first frame tells the true size.
    scaler: Option<SizedScaler>,
    max_side: u32,
}

struct SizedScaler {
    scaler: GreyScaler,
    /// The stored size it was made for.
    stored: (u32, u32),
    /// Width and height of what it makes.
    size: (u32, u32),
}

impl Sampler {
    /// A frame after `last` for the place `wanted`: the keyframe before it, if it lies after `last`, else the frame there.
    fn frame_near(&mut self, wanted: f64, last: Option<f64>) -> Result<Option<GreyFrame>, MediaError> {
        let keyframe = self.keyframe_before(wanted);
        let jump = keyframe.filter(|&keyframe| last.is_none_or(|last| keyframe > last));
        if let Some(keyframe) = jump {
            if !seek(&mut self.decoder.source, wanted) {
                return Ok(None);
            }
            self.decoder.flush();
            return self.decode_to(keyframe, last);
        }
        self.decode_to(wanted, last)
    }

    /// The time of the last keyframe at or before `wanted`, by the demuxer alone.
    fn keyframe_before(&mut self, wanted: f64) -> Option<f64> {
        if !seek(&mut self.scout, wanted) {
            return None;
        }
        while let Step::Packet = self.scout.advance() {
            let time = self.scout.packet.pts().map(|ticks| ticks as f64 * self.scout.tick_secs())?;
            if self.scout.packet.is_key() {
                return Some(time);
            }
            if time > wanted {
                break;
            }
        }
        None
    }

    /// The first undamaged frame at or after `wanted`, decoding on from where the decoder is.
    fn decode_to(&mut self, wanted: f64, last: Option<f64>) -> Result<Option<GreyFrame>, MediaError> {
        let tick_secs = self.decoder.source.tick_secs();
        while self.decoder.receive(&mut self.frame) {
            let Some(ticks) = frame_ticks(&self.frame) else { continue };
            let time_secs = ticks as f64 * tick_secs;
            let damaged = self.frame.is_corrupt() || self.frame.has_decode_errors();
            if time_secs >= wanted && last.is_none_or(|last| time_secs > last) && !damaged {
                return self.grey(time_secs).map(Some);
            }
        }
        Ok(None)
    }

    fn grey(&mut self, time_secs: f64) -> Result<GreyFrame, MediaError> {
        let path = self.decoder.source.input.path.clone();
        let failed = |error| convert_error(&path, error);
        let stored = (self.frame.width(), self.frame.height());
        if self.scaler.as_ref().is_none_or(|made| made.stored != stored) {
            let shown = self.orientation.turn_size(stored);
            let size = fitted(shown.0, shown.1, self.max_side);
            let whole = CropRect { x: 0, y: 0, width: shown.0, height: shown.1 };
            let scaler = GreyScaler::new(whole, stored, self.orientation, size).map_err(failed)?;
            self.scaler = Some(SizedScaler { scaler, stored, size });
        }
        let SizedScaler { scaler, size: (width, height), .. } = self.scaler.as_mut().expect("just made");
        let mut pixels = vec![0; *width as usize * *height as usize];
        scaler.convert(&self.frame, &mut pixels).map_err(failed)?;
        Ok(GreyFrame { time_secs, width: *width, height: *height, pixels })
    }
}

/// Goes to the last keyframe at or before a time. The upper bound matters: without it FFmpeg may jump forward.
fn seek(source: &mut PacketSource, time_secs: f64) -> bool {
    let micros = (time_secs * 1e6).round() as i64;
    source.input.context.seek(micros, ..micros).is_ok()
}
