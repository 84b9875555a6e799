//! The frames that somebody looked at.

use rayon::prelude::*;
use sonovox_artifact::ArtifactError;
use sonovox_artifact::clips::ClipReader;

use crate::clips::{Clips, FrameAt};
use crate::frame_set::{FrameSet, Wanted};

/// Gaze points of a frame, at least one: `[x, y]` as shares of the frame's width and height.
pub(crate) type Points = Vec<[f32; 2]>;

/// Frames with their gaze points.
pub(crate) type WatchedFrames = FrameSet<Points>;

/// What gaze prediction needs.
pub(crate) const WANTED: Wanted = Wanted {
    what: "frames with gaze",
    hint: "; give the study gaze CSVs (column `gaze` of recordings.csv) with valid points inside the crop",
};

/// Every `every_nth` frame of `recordings` that has gaze and is not frozen.
pub(crate) fn find(
    clips: &Clips,
    recordings: &[usize],
    every_nth: usize,
) -> Result<WatchedFrames, ArtifactError> {
    // a recording's frames are read one after the other, recordings side by side
    let parts: Vec<WatchedFrames> = recordings
        .par_iter()
        .map(|&recording| in_recording(clips.reader(recording), recording, every_nth))
        .collect::<Result<_, _>>()?;
    let mut all = FrameSet::empty();
    parts.into_iter().for_each(|part| all.append(part));
    Ok(all)
}

fn in_recording(
    reader: &ClipReader,
    recording: usize,
    every_nth: usize,
) -> Result<WatchedFrames, ArtifactError> {
    let mut found = FrameSet::empty();
    let (frame_secs, gaze) = (reader.frame_secs()?, reader.gaze()?);
    let half = half_interval(&frame_secs);
    let area = reader.height() * reader.width();
    let (mut grey, mut kept_before) = (vec![0; area], Vec::new());
    let (mut unwatched, mut frozen) = (0, 0);
    for frame in (0..frame_secs.len()).step_by(every_nth) {
        let secs = frame_secs[frame];
        let points = points_around(&gaze, secs, half);
        if points.is_empty() {
            unwatched += 1;
            continue;
        }
        reader.read_frame(frame, &mut grey)?;
        if grey == kept_before {
            frozen += 1;
            continue;
        }
        kept_before.clone_from(&grey);
        found.push(FrameAt { recording, frame, secs }, points);
    }
    let between = frame_secs.len() - frame_secs.len().div_ceil(every_nth);
    found.leave_out(format!("frames whose number is no multiple of {every_nth}"), between as u64);
    found.leave_out("frames without gaze", unwatched);
    found.leave_out("frozen frames, equal to the one before", frozen);
    Ok(found)
}

/// Half the median time from a frame to the next; 0 for a single frame.
fn half_interval(frame_secs: &[f64]) -> f64 {
    let mut steps: Vec<f64> = frame_secs.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).map_or(0.0, |step| step / 2.0)
}

/// Gaze points from `half` before `secs` to `half` after it (the end excluded, so that none belongs to two frames).
fn points_around(gaze: &[(f64, f32, f32)], secs: f64, half: f64) -> Points {
    let first = gaze.partition_point(|sample| sample.0 < secs - half);
    let during = gaze[first..].iter().take_while(|sample| sample.0 < secs + half);
    during.map(|&(_, x, y)| [x, y]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_90_hz_tracker_gives_three_points_to_a_frame_and_none_twice() {
        let gaze: Vec<(f64, f32, f32)> =
            (0..900).map(|i| (f64::from(i) / 90.0 + 0.001, i as f32, 0.5)).collect();
        let frame_secs: Vec<f64> = (0..300).map(|i| f64::from(i) / 30.0).collect();
        let half = half_interval(&frame_secs);
        assert!((half - 1.0 / 60.0).abs() < 1e-9);
        let around: Vec<Points> = frame_secs.iter().map(|&secs| points_around(&gaze, secs, half)).collect();
        assert!(around[1..299].iter().all(|points| points.len() == 3));
        let seen: Vec<f32> = around.into_iter().flatten().map(|point| point[0]).collect();
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "each sample once");
    }

    #[test]
    fn a_gap_in_the_video_does_not_widen_the_window() {
        let frame_secs = [0.0, 0.1, 0.2, 5.0, 5.1];
        assert!((half_interval(&frame_secs) - 0.05).abs() < 1e-9);
        assert_eq!(half_interval(&[1.0]), 0.0);
        assert!(points_around(&[(1.0, 0.5, 0.5)], 0.2, 0.05).is_empty());
    }
}
