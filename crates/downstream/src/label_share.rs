//! Fewer labels: a share of the labelled training frames, as if the others had never been labelled.
//!
//! What is drawn are spans, not frames. A frame is nearly a copy of the one before it, so that every tenth frame of all
//! visits says almost as much as all of them: it would be a tenth of the work of labelling on paper only. A span is a
//! visit, the stretch of training frames of one recording that follow each other with the same plane; a stretch longer
//! than [`LONGEST_SPAN_SECS`] (background, or a study without planes) is cut into pieces of that length.
//!
//! Each plane's spans are shuffled by the seed and taken from the front until their frames are as near to the share as
//! whole spans allow, one at least. So with the same seed every method sees the same labels, and the labels of a smaller
//! share are among those of a larger one.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use crate::chance::{Stream, generator};
use crate::clips::FrameAt;
use crate::frame_set::FrameSet;

/// Longest span, in seconds: about as long as a sonographer stays on a plane.
const LONGEST_SPAN_SECS: f64 = 10.0;

/// The check of a setting `label_share`: name, expectation, value, whether it holds.
pub(crate) fn check(share: f64) -> (&'static str, &'static str, f64, bool) {
    ("label_share", "above 0 and at most 1", share, share > 0.0 && share <= 1.0)
}

/// What a draw used and left, counted in spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpanCounts {
    pub used: u64,
    pub left_out: u64,
}

/// A run of frames `start..end` of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn frames(self) -> usize {
        self.end - self.start
    }
}

/// Keeps `share` (above 0, at most 1) of the frames of `set`, stratified by the plane that `planes` gives each of them
/// (-1 where there is none); the others are counted as left out.
pub(crate) fn draw<T>(set: FrameSet<T>, planes: &[i16], share: f64, seed: u64) -> (FrameSet<T>, SpanCounts) {
    let (kept, counts) = kept(&set.frames, planes, share, seed);
    (set.only(&kept, format!("training frames whose label is not used (label_share {share})")), counts)
}

/// The places of the frames that [`draw`] keeps, in their order.
pub(crate) fn places(frames: &[FrameAt], planes: &[i16], share: f64, seed: u64) -> Vec<usize> {
    let (kept, _) = kept(frames, planes, share, seed);
    (0..frames.len()).filter(|&at| kept[at]).collect()
}

fn kept(frames: &[FrameAt], planes: &[i16], share: f64, seed: u64) -> (Vec<bool>, SpanCounts) {
    let mut by_plane: BTreeMap<i16, Vec<Span>> = BTreeMap::new();
    for span in spans(frames, planes) {
        by_plane.entry(planes[span.start]).or_default().push(span);
    }
    let mut keep = vec![false; frames.len()];
    let mut counts = SpanCounts::default();
    for (plane, mut spans) in by_plane {
        // shuffled even where all are used, so that shares differ in nothing but their length
        spans.shuffle(&mut generator(seed, Stream::LabelShare, (i64::from(plane) + 1) as u64));
        let used = prefix(&spans, share);
        spans[..used].iter().for_each(|span| keep[span.start..span.end].fill(true));
        counts.used += used as u64;
        counts.left_out += (spans.len() - used) as u64;
    }
    (keep, counts)
}

/// How many spans from the front come nearest to `share` of all their frames; one at least.
fn prefix(spans: &[Span], share: f64) -> usize {
    let all: usize = spans.iter().map(|span| span.frames()).sum();
    let wanted = share * all as f64;
    let (mut used, mut frames) = (0, 0);
    for span in spans {
        // the next span is taken where it brings the sum nearer
        if used > 0 && frames as f64 + span.frames() as f64 / 2.0 > wanted {
            break;
        }
        used += 1;
        frames += span.frames();
    }
    used
}

fn spans(frames: &[FrameAt], planes: &[i16]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for at in 0..frames.len() {
        match spans.last_mut() {
            Some(span) if belongs(&frames[span.start], planes[span.start], &frames[at], planes[at]) => {
                span.end = at + 1;
            }
            _ => spans.push(Span { start: at, end: at + 1 }),
        }
    }
    spans
}

fn belongs(first: &FrameAt, plane: i16, frame: &FrameAt, own: i16) -> bool {
    first.recording == frame.recording && plane == own && frame.secs - first.secs < LONGEST_SPAN_SECS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty recordings of 60 s at 2 frames a second: plane 0 for 4 s, background (2) for 20 s, plane 1 for 6 s, the rest
    /// without a plane.
    fn study() -> (FrameSet<usize>, Vec<i16>) {
        let (mut set, mut planes) = (FrameSet::empty(), Vec::new());
        for recording in 0..20 {
            for frame in 0..120 {
                let plane = match frame {
                    0..8 => 0,
                    8..48 => 2,
                    48..60 => 1,
                    _ => -1,
                };
                set.push(FrameAt { recording, frame, secs: frame as f64 / 2.0 }, planes.len());
                planes.push(plane);
            }
        }
        (set, planes)
    }

    fn drawn(share: f64, seed: u64) -> (Vec<usize>, SpanCounts, u64) {
        let (set, planes) = study();
        let (set, counts) = draw(set, &planes, share, seed);
        assert_eq!(set.frames.len(), set.truth.len());
        let left_out = set.left_out.values().sum();
        (set.truth, counts, left_out)
    }

    fn by_plane(kept: &[usize]) -> BTreeMap<i16, usize> {
        let (_, planes) = study();
        let mut counts = BTreeMap::new();
        kept.iter().for_each(|&at| *counts.entry(planes[at]).or_insert(0) += 1);
        counts
    }

    #[test]
    fn every_plane_keeps_its_share_in_whole_spans() {
        let (kept, counts, left_out) = drawn(0.1, 1);
        // 2 of 20 visits of each plane; background in 40 pieces of 10 s, the rest in 60
        assert_eq!(by_plane(&kept), BTreeMap::from([(-1, 120), (0, 16), (1, 24), (2, 80)]));
        assert_eq!(counts, SpanCounts { used: 2 + 2 + 4 + 6, left_out: 18 + 18 + 36 + 54 });
        assert_eq!(kept.len() as u64 + left_out, 2400);
        // whole visits: every frame of plane 0 that is kept is kept with its seven neighbours
        let (_, planes) = study();
        let starts: Vec<_> = kept.iter().filter(|&&at| planes[at] == 0 && at % 120 == 0).collect();
        assert_eq!(starts.len(), 2);
        assert!(starts.iter().all(|&&start| (start..start + 8).all(|at| kept.contains(&at))));
    }

    #[test]
    fn one_span_at_least_and_all_at_one() {
        let (kept, counts, _) = drawn(0.001, 1);
        assert_eq!(by_plane(&kept), BTreeMap::from([(-1, 20), (0, 8), (1, 12), (2, 20)]));
        assert_eq!(counts.used, 4);
        let (kept, counts, left_out) = drawn(1.0, 1);
        assert_eq!((kept.len(), counts.left_out, left_out), (2400, 0, 0));
    }

    #[test]
    fn a_seed_draws_the_same_again_and_smaller_shares_lie_within_larger() {
        let (small, ..) = drawn(0.1, 7);
        assert_eq!(small, drawn(0.1, 7).0);
        assert_ne!(small, drawn(0.1, 8).0);
        let (large, ..) = drawn(0.35, 7);
        assert!(small.iter().all(|at| large.contains(at)));
        assert!(small.windows(2).all(|pair| pair[0] < pair[1]), "in the recordings' order");
    }
}
