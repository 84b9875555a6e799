//! Tiling a recording into intervals, the unit that pairs are sampled from ("60 consecutive frames, 2 s", Jiao et
//! al. 2020, section 2). Intervals are cut by time and not by counting frames, so that a variable frame rate or a
//! gap in the video does not stretch them against the speech.

use std::ops::Range;

use crate::StudyError;

/// One tile of a recording that has frames in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// Its place in the tiling, from 0. Two intervals lie `(a - b) * interval_secs` apart; a number is missing where a
    /// gap left a tile without frames.
    pub index: usize,
    /// Start, seconds on the recording's clock: first frame time + index * interval_secs.
    pub start_secs: f64,
    /// End, seconds on the recording's clock; that of the last interval is the recording's own end (its last frame
    /// shown as long as the frames usually are) where that comes earlier.
    pub end_secs: f64,
    /// The frames shown first in it, at least one. Their number tells how much of the tile the video covers.
    pub frames: Range<usize>,
}

/// How far a frame may lie before a tile's start and still belong to it, seconds: containers round times to their
/// time base (Matroska: to 1 ms), and the sixtieth frame at 30/s must not fall back into the tile before.
const ROUNDING_SECS: f64 = 0.5e-3;

/// Cuts a recording into tiles of `interval_secs` from its first frame on and gives those with frames in them.
///
/// `frame_secs` holds the frame times in order, seconds.
///
/// # Errors
/// An interval length that is not above 0, frame times that are not finite or run backwards.
pub fn intervals(frame_secs: &[f64], interval_secs: f64) -> Result<Vec<Interval>, StudyError> {
    check(frame_secs, interval_secs)?;
    let Some((&first, &last)) = frame_secs.first().zip(frame_secs.last()) else { return Ok(Vec::new()) };
    // A lone frame says nothing of how long it is shown: it gets its whole tile.
    let recording_end = last + usual_step(frame_secs).unwrap_or(interval_secs);
    let tile_of = |time: f64| ((time - first + ROUNDING_SECS) / interval_secs) as usize;

    let mut tiles = Vec::new();
    let mut start = 0;
    for run in frame_secs.chunk_by(|a, b| tile_of(*a) == tile_of(*b)) {
        let index = tile_of(run[0]);
        let frames = start..start + run.len();
        start = frames.end;
        let start_secs = first + index as f64 * interval_secs;
        let end_secs = (start_secs + interval_secs).min(recording_end);
        tiles.push(Interval { index, start_secs, end_secs, frames });
    }
    Ok(tiles)
}

fn check(frame_secs: &[f64], interval_secs: f64) -> Result<(), StudyError> {
    let bad = |expected, found| Err(StudyError::BadIntervals { expected, found });
    if !(interval_secs.is_finite() && interval_secs > 2.0 * ROUNDING_SECS) {
        return bad("an interval length above 0.001 s", format!("{interval_secs}"));
    }
    if let Some(i) = frame_secs.iter().position(|time| !time.is_finite()) {
        return bad("finite frame times", format!("{} at frame {i}", frame_secs[i]));
    }
    match frame_secs.windows(2).position(|pair| pair[1] < pair[0]) {
        Some(i) => bad(
            "frame times that do not run backwards",
            format!("{} s after {} s at frame {}", frame_secs[i + 1], frame_secs[i], i + 1),
        ),
        None => Ok(()),
    }
}

/// The median time from a frame to the next later one; `None` where no frame is later than another.
fn usual_step(frame_secs: &[f64]) -> Option<f64> {
    let steps = frame_secs.windows(2).map(|pair| pair[1] - pair[0]);
    let mut steps = steps.filter(|step| *step > ROUNDING_SECS).collect::<Vec<_>>();
    let middle = steps.len() / 2;
    (!steps.is_empty()).then(|| *steps.select_nth_unstable_by(middle, f64::total_cmp).1)
}
