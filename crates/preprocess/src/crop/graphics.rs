//! Burnt-in graphics over the image: text, calipers, focus marks. A stroke is bright, stands still and ends in a sharp
//! step, while a bright structure of the image either flickers or fades out into what flickers.

use super::activity::Activity;
use super::mask::Mask;

/// Least step between neighbouring pixels of the median frame, in grey levels.
const STEP_LEVELS: u8 = 48;
/// What the brighter side of the step changes at most, in grey levels: no more than what a codec adds. The dark side
/// may flicker, or be a shadow or the black beside the image, which stand still without being graphics.
const STANDS_LEVELS: f32 = 0.3;
/// Space around a stroke that belongs to it, as a share of the longer side.
const AROUND_SHARE: f32 = 0.012;

/// Pixels of burnt-in graphics with the space around them.
pub fn burnt_in(activity: &Activity) -> Mask {
    let (w, h) = (activity.width, activity.height);
    let is_step = |a: usize, b: usize| {
        let brighter = if activity.median[a] > activity.median[b] { a } else { b };
        activity.median[a].abs_diff(activity.median[b]) >= STEP_LEVELS
            && activity.change[brighter] <= STANDS_LEVELS
    };
    let steps =
        Mask::from_fn(w, h, |i| (i % w + 1 < w && is_step(i, i + 1)) || (i / w + 1 < h && is_step(i, i + w)));
    steps.dilate((AROUND_SHARE * w.max(h) as f32).max(1.5))
}
