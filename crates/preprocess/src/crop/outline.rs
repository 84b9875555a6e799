//! From what moves to the region of the ultrasound image.
//!
//! A fan (or the rectangle of a linear probe) is convex but for the arc at the top where the probe's face
//! bulges into it, and it is the largest thing that flickers like speckle. Shadows are black and still, so the
//! region is the convex hull of what moves, which lies inside the fan however much of it is in shadow; the
//! dark cap above the probe's face is carved off again column by column.

use super::activity::Activity;
use super::mask::Mask;

/// Gaps up to twice this share of the longer side are closed before regions are told apart.
const CLOSE_SHARE: f32 = 0.012;
/// ... and in a still picture, where dark tissue does not count, up to twice this share.
const CLOSE_SHARE_STILL: f32 = 0.03;
/// What is thinner than twice this share of the longer side (text, rulers, cursors) is no image.
const OPEN_SHARE: f32 = 0.02;
/// The cap above the probe's face is at most this share of the region's height.
const CAP_SHARE: f32 = 0.15;

/// Where a still picture is brighter than its background by this many grey levels, there may be an image.
const STILL_LEVELS: u8 = 12;

/// Region of what moves at least `threshold` grey levels a pair. `None` where nothing large enough does.
pub fn of_motion(activity: &Activity, threshold: f32) -> Option<Mask> {
    let live = Mask::from_fn(activity.width, activity.height, |i| activity.change[i] >= threshold);
    // speckle's change is of the order of its brightness; that of a camera picture is not
    let score = |i: usize| (activity.change[i] / (f32::from(activity.median[i]) + 8.0)).min(0.5);
    region(&live, CLOSE_SHARE, score)
}

/// Region of what is brighter than the background, for a picture in which nothing moves.
pub fn of_light(activity: &Activity) -> Option<Mask> {
    let background = border_level(activity);
    let lit = Mask::from_fn(activity.width, activity.height, |i| {
        activity.median[i].abs_diff(background) >= STILL_LEVELS
    });
    region(&lit, CLOSE_SHARE_STILL, |_| 1.0)
}

/// The commonest grey level along the picture's border.
fn border_level(activity: &Activity) -> u8 {
    let (w, h) = (activity.width, activity.height);
    let mut counts = [0_u32; 256];
    let ends = (0..w).flat_map(|x| [x, (h - 1) * w + x]);
    for i in ends.chain((0..h).flat_map(|y| [y * w, y * w + w - 1])) {
        counts[usize::from(activity.median[i])] += 1;
    }
    (0..=255).max_by_key(|level| counts[usize::from(*level)]).unwrap_or(0)
}

/// The hull of the component with the highest score. Panels beside it and pieces that a shadow cut off it are left
/// out: a piece of the image is a smaller crop, a piece of a panel would be a leak.
fn region(pixels: &Mask, close_share: f32, score: impl Fn(usize) -> f32) -> Option<Mask> {
    let side = pixels.width.max(pixels.height) as f32;
    let solid = pixels.close((close_share * side).max(1.0)).open((OPEN_SHARE * side).max(1.0));
    let components = solid.components();
    let total = |component: &[usize]| component.iter().map(|i| score(*i)).sum::<f32>();
    let image = components.iter().max_by(|a, b| total(a).total_cmp(&total(b)))?;
    let mut fan = Mask::from_fn(pixels.width, pixels.height, |_| false);
    for i in image {
        fan.bits[*i] = true;
    }
    let mut hull = convex_hull(&fan);
    carve_cap(&mut hull, &fan);
    Some(hull)
}

/// Convex hull of the set pixels: the convex envelope of every row's first, the concave one of its last.
fn convex_hull(mask: &Mask) -> Mask {
    let mut left = Vec::new();
    let mut right = Vec::new();
    for (y, row) in mask.bits.chunks_exact(mask.width).enumerate() {
        if let (Some(l), Some(r)) = (row.iter().position(|b| *b), row.iter().rposition(|b| *b)) {
            left.push((y as f64, l as f64));
            right.push((y as f64, -(r as f64)));
        }
    }
    let mut hull = Mask::from_fn(mask.width, mask.height, |_| false);
    let (left, right) = (convex_envelope(&left), convex_envelope(&right));
    for ((y, l), (_, r)) in left.iter().zip(&right) {
        let row = &mut hull.bits[*y as usize * mask.width..][..mask.width];
        row[l.ceil() as usize..=(-r).floor() as usize].fill(true);
    }
    hull
}

/// The convex envelope from below of points with rising abscissae, at every whole abscissa between them.
fn convex_envelope(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for &p in points {
        while let [.., a, b] = corners[..] {
            if (b.1 - a.1) * (p.0 - a.0) < (p.1 - a.1) * (b.0 - a.0) {
                break;
            }
            corners.pop();
        }
        corners.push(p);
    }
    let mut line = Vec::new();
    for pair in corners.windows(2) {
        let steps = pair[1].0 - pair[0].0;
        let slope = (pair[1].1 - pair[0].1) / steps;
        line.extend((0..steps as usize).map(|k| (pair[0].0 + k as f64, pair[0].1 + slope * k as f64)));
    }
    line.extend(corners.last());
    line
}

/// Takes off the hull what lies above the probe's face: above a column's first moving pixel, as far as that
/// is not so deep that it must be a shadow.
fn carve_cap(hull: &mut Mask, fan: &Mask) {
    let (w, h) = (hull.width, hull.height);
    let rows: Vec<usize> = (0..h).filter(|y| hull.bits[y * w..][..w].contains(&true)).collect();
    let cap = (CAP_SHARE * rows.len() as f32) as usize;
    for x in 0..w {
        let Some(top) = (0..h).find(|y| hull.bits[y * w + x]) else { continue };
        let first = (top..h).find(|y| fan.bits[y * w + x]).unwrap_or(top + cap);
        for y in top..first.min(top + cap).min(h) {
            hull.bits[y * w + x] = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hull_of_a_triangle_with_a_notch_is_the_triangle() {
        let inside = |x: usize, y: usize| y <= 20 && x + y >= 20 && x <= 20 + y;
        let notch = |x: usize, y: usize| (15..=18).contains(&x) && y >= 14;
        let mask = Mask::from_fn(41, 24, |i| inside(i % 41, i / 41) && !notch(i % 41, i / 41));
        let hull = convex_hull(&mask);
        assert_eq!(hull, Mask::from_fn(41, 24, |i| i / 41 <= 20 && inside(i % 41, i / 41)));
    }

    #[test]
    fn the_cap_is_carved_and_a_shadow_is_not() {
        // a square whose top is missing by 3 rows in columns 5..10 (the probe) and by all in 15..18 (a shadow)
        let set = |x: usize, y: usize| match x {
            5..10 => y >= 3,
            15..18 => false,
            _ => true,
        };
        let fan = Mask::from_fn(30, 30, |i| set(i % 30, i / 30));
        let mut hull = Mask::from_fn(30, 30, |_| true);
        carve_cap(&mut hull, &fan);
        assert!(!hull.bits[2 * 30 + 7] && hull.bits[3 * 30 + 7]);
        assert!(hull.bits[10 * 30 + 16], "the shadow stays");
        assert!(hull.bits[0]);
    }
}
