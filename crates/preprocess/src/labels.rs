//! Gaze and planes, carried over to the cropped frames.

use std::collections::BTreeMap;

use sonovox_study::{CropRect, GazeSample, PlaneSpan, plane_at};

use crate::sound::Stretch;

/// What was left out, by cause.
pub(crate) type LeftOut = BTreeMap<String, u64>;

/// Adds to a cause, which appears only where something was left out.
pub(crate) fn leave_out(left_out: &mut LeftOut, cause: &str, count: u64) {
    if count > 0 {
        *left_out.entry(cause.to_owned()).or_default() += count;
    }
}

/// Gaze samples (seconds after the first frame, x and y as shares of the cropped frame) that are valid, look into the
/// crop and fall into the stretch; the others are counted. `frame` is the size of the full frame in pixels.
pub(crate) fn gaze_in_crop(
    samples: &[GazeSample],
    frame: (u32, u32),
    crop: CropRect,
    stretch: Stretch,
    left_out: &mut LeftOut,
) -> Vec<[f32; 3]> {
    let (mut unseen, mut outside_time, mut outside_crop) = (0, 0, 0);
    let mut kept = Vec::new();
    for sample in samples {
        let x = share(sample.x, frame.0, crop.x, crop.width);
        let y = share(sample.y, frame.1, crop.y, crop.height);
        if !sample.valid {
            unseen += 1;
        } else if sample.time_secs < stretch.start_secs || sample.time_secs >= stretch.end_secs {
            outside_time += 1;
        } else if !((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y)) {
            outside_crop += 1;
        } else {
            kept.push([(sample.time_secs - stretch.start_secs) as f32, x as f32, y as f32]);
        }
    }
    leave_out(left_out, "gaze samples that are not valid", unseen);
    leave_out(left_out, "gaze samples outside of the video's time", outside_time);
    leave_out(left_out, "gaze samples outside of the crop", outside_crop);
    kept
}

/// A share of the full frame's side as a share of the crop's.
fn share(of_full: f32, full: u32, from: u32, size: u32) -> f64 {
    (f64::from(of_full) * f64::from(full) - f64::from(from)) / f64::from(size)
}

/// The plane of every frame, -1 where it has none. A span that is too short or too far out to meet a frame is counted.
pub(crate) fn plane_of_frames(spans: &[PlaneSpan], frame_secs: &[f64], left_out: &mut LeftOut) -> Vec<i16> {
    let meets_a_frame = |span: &&PlaneSpan| {
        let first = frame_secs.partition_point(|secs| *secs < span.start_secs);
        frame_secs.get(first).is_some_and(|secs| *secs < span.end_secs)
    };
    let met = spans.iter().filter(meets_a_frame).count();
    leave_out(left_out, "plane rows without a frame", (spans.len() - met) as u64);
    // the study holds at most i16::MAX planes
    frame_secs.iter().map(|secs| plane_at(spans, *secs).map_or(-1, |plane| plane as i16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRETCH: Stretch = Stretch { start_secs: 10.0, end_secs: 12.0 };

    fn sample(time_secs: f64, x: f32, y: f32, valid: bool) -> GazeSample {
        GazeSample { time_secs, x, y, valid }
    }

    #[test]
    fn gaze_moves_into_the_crop_and_the_rest_is_counted() {
        let crop = CropRect { x: 100, y: 50, width: 200, height: 100 };
        let samples = [
            sample(9.9, 0.5, 0.5, true),
            sample(10.0, 0.25, 0.25, true),
            sample(10.5, 0.5, 0.5, true),
            sample(11.0, 0.75, 0.75, true),
            sample(11.1, 0.76, 0.5, true),
            sample(11.2, f32::NAN, f32::NAN, false),
            sample(12.0, 0.5, 0.5, true),
        ];
        let mut left_out = LeftOut::new();
        let kept = gaze_in_crop(&samples, (400, 200), crop, STRETCH, &mut left_out);
        assert_eq!(kept, [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [1.0, 1.0, 1.0]]);
        let counts: Vec<(&str, u64)> =
            left_out.iter().map(|(cause, count)| (cause.as_str(), *count)).collect();
        let expected = [
            ("gaze samples outside of the crop", 1),
            ("gaze samples outside of the video's time", 2),
            ("gaze samples that are not valid", 1),
        ];
        assert_eq!(counts, expected);
    }

    #[test]
    fn frames_take_the_plane_of_their_moment() {
        let span = |start_secs, end_secs, plane| PlaneSpan { start_secs, end_secs, plane };
        let spans = [span(0.1, 0.3, 2), span(0.3, 0.31, 0), span(0.42, 0.48, 1), span(7.0, 8.0, 1)];
        let mut left_out = LeftOut::new();
        let planes = plane_of_frames(&spans, &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5], &mut left_out);
        assert_eq!(planes, [-1, 2, 2, 0, -1, -1]);
        assert_eq!(left_out["plane rows without a frame"], 2);
    }
}
