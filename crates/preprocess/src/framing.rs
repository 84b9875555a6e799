//! Which part of the picture of one recording is kept, and which of its frames.

use std::path::Path;

use sonovox_media::sample_frames;
use sonovox_study::CropRect;

use crate::config::FrameConfig;
use crate::crop::{self, Basis, CropError, Found};
use crate::error::{RecordingError, WorkError};

/// Frames looked at to find the ultrasound image, and their longer side.
const SAMPLED_FRAMES: usize = 28;
const SAMPLED_SIDE: u32 = 512;

/// Finds the ultrasound image of a video whose frames are `frame` pixels large, and notes what a reader should know.
pub(crate) fn find_crop(
    path: &Path,
    frame: (u32, u32),
    config: &FrameConfig,
    notes: &mut Vec<String>,
) -> Result<CropRect, WorkError> {
    let samples = sample_frames(path, SAMPLED_FRAMES, SAMPLED_SIDE)?;
    let no_crop = |source| RecordingError::Crop { path: path.to_owned(), source };
    let first = samples.first().ok_or_else(|| no_crop(CropError::NoFrames))?;
    let size = (first.width, first.height);
    // a picture that changes its size is refused later, when all of it is read
    let same_size = samples.iter().filter(|s| (s.width, s.height) == size);
    let views: Vec<&[u8]> = same_size.map(|sample| sample.pixels.as_slice()).collect();
    let aspect = f64::from(config.width) / f64::from(config.height);
    let found = crop::find(&views, size.0 as usize, size.1 as usize, aspect).map_err(no_crop)?;
    if found.basis == Basis::Light {
        notes.push("nothing moves in the video: the crop was found by brightness".to_owned());
    }
    if found.holds_graphics {
        notes.push("burnt-in graphics lie inside of the crop".to_owned());
    }
    Ok(in_full_frame(found, size, frame))
}

/// The found rectangle in pixels of the full frame, rounded inwards.
fn in_full_frame(found: Found, sampled: (u32, u32), frame: (u32, u32)) -> CropRect {
    let side = |from: usize, size: usize, sampled: u32, full: u32| {
        let (from, to) = (from as u64, (from + size) as u64);
        let (full, sampled) = (u64::from(full), u64::from(sampled));
        let first = (from * full).div_ceil(sampled);
        let last = (to * full / sampled).max(first + 1);
        (first as u32, (last - first) as u32)
    };
    let (x, width) = side(found.x, found.width, sampled.0, frame.0);
    let (y, height) = side(found.y, found.height, sampled.1, frame.1);
    CropRect { x, y, width, height }
}

/// Decides frame by frame which are kept; the first always is.
pub(crate) struct FrameChoice {
    every: u64,
    max_frames_per_sec: Option<f64>,
    seen: u64,
    first_secs: f64,
    /// Which of the slots of `1 / max_frames_per_sec` after the first frame the last kept one fell into.
    slot: f64,
}

impl FrameChoice {
    pub fn new(config: &FrameConfig) -> Self {
        let every = u64::from(config.every);
        let max_frames_per_sec = config.max_frames_per_sec;
        Self { every, max_frames_per_sec, seen: 0, first_secs: 0.0, slot: f64::NEG_INFINITY }
    }

    /// Whether the next frame, shown at `secs`, is kept.
    pub fn keeps(&mut self, secs: f64) -> bool {
        let nth = self.seen;
        self.seen += 1;
        if nth == 0 {
            self.first_secs = secs;
        }
        if !nth.is_multiple_of(self.every) {
            return false;
        }
        let Some(rate) = self.max_frames_per_sec else { return true };
        // a frame that is a millionth of a slot early belongs to the slot: times are rounded ticks
        let slot = ((secs - self.first_secs) * rate + 1e-6).floor();
        let is_new = slot > self.slot;
        if is_new {
            self.slot = slot;
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(every: u32, max_frames_per_sec: Option<f64>, times: impl Iterator<Item = f64>) -> Vec<usize> {
        let config = FrameConfig { every, max_frames_per_sec, ..Default::default() };
        let mut choice = FrameChoice::new(&config);
        times.enumerate().filter(|(_, secs)| choice.keeps(*secs)).map(|(i, _)| i).collect()
    }

    #[test]
    fn every_nth_and_the_rate_limit() {
        let at_30 = |n: u32| (0..n).map(|i| 7.0 + f64::from(i) / 30.0);
        assert_eq!(kept(1, None, at_30(4)), [0, 1, 2, 3]);
        assert_eq!(kept(3, None, at_30(8)), [0, 3, 6]);
        assert_eq!(kept(1, Some(10.0), at_30(10)), [0, 3, 6, 9]);
        assert_eq!(kept(2, Some(10.0), at_30(10)), [0, 4, 6]);
        assert_eq!(kept(1, Some(60.0), at_30(3)), [0, 1, 2]);
    }

    #[test]
    fn a_rectangle_is_scaled_inwards() {
        let found = Found { x: 1, y: 2, width: 3, height: 4, basis: Basis::Motion, holds_graphics: false };
        let full = in_full_frame(found, (10, 10), (25, 20));
        assert_eq!(full, CropRect { x: 3, y: 4, width: 7, height: 8 });
        assert_eq!(in_full_frame(found, (10, 10), (10, 10)), CropRect { x: 1, y: 2, width: 3, height: 4 });
    }
}
