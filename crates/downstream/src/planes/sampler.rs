//! Class-balanced batches.
//!
//! Droste et al., IPMI 2019: all classes equally often; where one class is the background, one background image to
//! each plane image. Within a class every frame is used once before any is used again.

use crate::chance::{Passes, Stream};

/// The class that stands for "no plane", by name.
pub const BACKGROUND: &str = "background";

/// Draws the frames of a batch, a pure function of (seed, step).
pub struct ClassSampler {
    /// Frames (places in the caller's list) of each class to draw from, the background apart.
    classes: Vec<Vec<usize>>,
    background: Vec<usize>,
    seed: u64,
}

impl ClassSampler {
    /// A sampler over frames of which `labels` gives the class. Classes without frames are not drawn.
    pub fn new(labels: &[usize], background: Option<usize>, seed: u64) -> Self {
        let mut classes = vec![Vec::new(); labels.iter().max().map_or(0, |&most| most + 1)];
        for (frame, &label) in labels.iter().enumerate() {
            classes[label].push(frame);
        }
        let background =
            background.and_then(|class| classes.get_mut(class)).map(std::mem::take).unwrap_or_default();
        classes.retain(|frames| !frames.is_empty());
        Self { classes, background, seed }
    }

    /// Number of classes with frames, the background included.
    pub fn classes(&self) -> usize {
        self.classes.len() + usize::from(!self.background.is_empty())
    }

    /// The frames of batch `step`.
    pub fn batch(&self, step: u64, size: usize) -> Vec<usize> {
        let (start, end) = (step * size as u64, (step + 1) * size as u64);
        if self.background.is_empty() {
            return self.planes(start, end);
        }
        // even places are background, odd ones planes
        let mut background =
            self.frames_of(&self.background, 0, start.div_ceil(2), end.div_ceil(2)).into_iter();
        let mut planes = self.planes(start / 2, end / 2).into_iter();
        (start..end)
            .filter_map(|place| if place % 2 == 0 { background.next() } else { planes.next() })
            .collect()
    }

    /// Places `start..end` of the endless row of plane frames: pass after pass over the classes, in an order that
    /// changes from pass to pass. Pass number n uses the n-th frame of every class.
    fn planes(&self, start: u64, end: u64) -> Vec<usize> {
        let count = self.classes.len() as u64;
        let order = Passes { size: self.classes.len(), seed: self.seed, stream: Stream::ClassOrder, row: 0 };
        let drawn = order.entries(start..end);
        (start..end)
            .zip(drawn)
            .map(|(place, class)| {
                let pass = place / count;
                self.frames_of(&self.classes[class], class as u64 + 1, pass, pass + 1)[0]
            })
            .collect()
    }

    fn frames_of(&self, frames: &[usize], row: u64, start: u64, end: u64) -> Vec<usize> {
        let passes = Passes { size: frames.len(), seed: self.seed, stream: Stream::FrameOrder, row };
        passes.entries(start..end).into_iter().map(|at| frames[at]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class 0: 3 frames, class 1: 50, class 2: none, class 3: 11, class 4: 200.
    fn labels() -> Vec<usize> {
        [(0, 3), (1, 50), (3, 11), (4, 200)].iter().flat_map(|&(class, count)| vec![class; count]).collect()
    }

    fn shares(sampler: &ClassSampler, steps: u64, size: usize) -> Vec<usize> {
        let mut counts = vec![0; 5];
        for frame in (0..steps).flat_map(|step| sampler.batch(step, size)) {
            counts[labels()[frame]] += 1;
        }
        counts
    }

    #[test]
    fn classes_come_equally_often() {
        let sampler = ClassSampler::new(&labels(), None, 1);
        assert_eq!(sampler.classes(), 4);
        assert_eq!(shares(&sampler, 64, 16), [256, 256, 0, 256, 256]);
        let odd = shares(&sampler, 10, 7);
        assert!([0, 1, 3, 4].iter().all(|&class| (17..=18).contains(&odd[class])), "70 images: {odd:?}");
    }

    #[test]
    fn one_background_to_each_plane() {
        let sampler = ClassSampler::new(&labels(), Some(4), 1);
        assert_eq!(sampler.classes(), 4);
        assert_eq!(shares(&sampler, 60, 16), [160, 160, 0, 160, 480]);
        for step in 0..9 {
            let batch = sampler.batch(step, 5);
            assert_eq!(batch.len(), 5, "odd batches too");
            assert_eq!(batch, sampler.batch(step, 5));
        }
        assert_eq!(
            ClassSampler::new(&labels(), Some(2), 1).batch(0, 8).len(),
            8,
            "a background without frames"
        );
    }

    #[test]
    fn a_class_uses_all_its_frames_before_any_again() {
        let sampler = ClassSampler::new(&labels(), None, 9);
        let drawn: Vec<usize> = (0..50).flat_map(|step| sampler.batch(step, 4)).collect();
        let mut of_class: Vec<usize> = drawn.into_iter().filter(|&frame| labels()[frame] == 1).collect();
        assert_eq!(of_class.len(), 50);
        of_class.sort_unstable();
        assert_eq!(of_class, (3..53).collect::<Vec<_>>());
    }
}
