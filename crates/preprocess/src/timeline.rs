//! Lays blocks of sound on the video's clock: one signal without holes, from the first frame to the end of the last.
//!
//! What sounds before the first frame or after the last is dropped; where nothing sounds (a late start, a gap in the
//! timestamps, an early end) there is silence; what overlaps sound that is already laid is dropped. All of it is counted.

use std::ops::Range;

/// Silence is laid in pieces of this many samples.
const PIECE: usize = 8192;

/// The sound of one recording being laid out, at its own sample rate.
#[derive(Debug)]
pub(crate) struct Timeline {
    sample_rate_hz: f64,
    start_secs: f64,
    /// Samples from the first frame to the end of the last.
    total: u64,
    /// Samples laid so far.
    laid: u64,
    /// Where there is sound, in samples, in order and not touching.
    sound: Vec<Range<u64>>,
    /// Samples left out because they lie before the first frame or after the last.
    pub outside: u64,
    /// Samples left out because others already sound at their time.
    pub overlapping: u64,
}

impl Timeline {
    /// A timeline from `start_secs` to `end_secs`.
    pub fn new(sample_rate_hz: u32, start_secs: f64, end_secs: f64) -> Self {
        let sample_rate_hz = f64::from(sample_rate_hz);
        let total = ((end_secs - start_secs) * sample_rate_hz).round().max(0.0) as u64;
        Self { sample_rate_hz, start_secs, total, laid: 0, sound: Vec::new(), outside: 0, overlapping: 0 }
    }

    /// Lays a block whose first sample sounds at `block_secs`, and gives what becomes of it to `sink` in order.
    pub fn lay(&mut self, block_secs: f64, samples: &[f32], sink: &mut impl FnMut(&[f32])) {
        let at = ((block_secs - self.start_secs) * self.sample_rate_hz).round() as i64;
        // a sample more or less is rounding of the block's time, not a gap
        let at =
            if (at - self.laid as i64).abs() <= 1 && !self.sound.is_empty() { self.laid as i64 } else { at };
        let before_start = at.min(0).unsigned_abs().min(samples.len() as u64);
        let at = at.max(0) as u64;
        self.outside += before_start;
        let samples = &samples[before_start as usize..];
        if samples.is_empty() {
            return;
        }
        self.silence_up_to(at.min(self.total), sink);
        let already = (self.laid.saturating_sub(at)).min(samples.len() as u64);
        let samples = &samples[already as usize..];
        let fits = (self.total - self.laid).min(samples.len() as u64);
        let is_past_end = at + already >= self.total;
        if is_past_end {
            self.outside += already;
        } else {
            self.overlapping += already;
        }
        self.outside += samples.len() as u64 - fits;
        if fits > 0 {
            self.note_sound(self.laid..self.laid + fits);
            sink(&samples[..fits as usize]);
            self.laid += fits;
        }
    }

    /// Fills up with silence to the end of the last frame.
    pub fn finish(&mut self, sink: &mut impl FnMut(&[f32])) {
        self.silence_up_to(self.total, sink);
    }

    /// Whether a time, in seconds after the first frame, has sound under it.
    pub fn coverage(&self) -> Coverage<'_> {
        Coverage { sample_rate_hz: self.sample_rate_hz, sound: &self.sound, next: 0 }
    }

    fn silence_up_to(&mut self, end: u64, sink: &mut impl FnMut(&[f32])) {
        let silence = [0.0; PIECE];
        while self.laid < end {
            let count = (end - self.laid).min(PIECE as u64);
            sink(&silence[..count as usize]);
            self.laid += count;
        }
    }

    fn note_sound(&mut self, range: Range<u64>) {
        match self.sound.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.sound.push(range),
        }
    }
}

/// Asks a [`Timeline`] about rising times.
pub(crate) struct Coverage<'a> {
    sample_rate_hz: f64,
    sound: &'a [Range<u64>],
    next: usize,
}

impl Coverage<'_> {
    /// Whether sound lies under this time, in seconds after the first frame; times must not fall.
    pub fn at(&mut self, secs: f64) -> bool {
        let sample = (secs * self.sample_rate_hz) as u64;
        while self.sound.get(self.next).is_some_and(|range| range.end <= sample) {
            self.next += 1;
        }
        self.sound.get(self.next).is_some_and(|range| range.contains(&sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lays blocks on a timeline of 10 Hz and gives the signal.
    fn lay(start: f64, end: f64, blocks: &[(f64, &[f32])]) -> (Vec<f32>, Timeline) {
        let mut timeline = Timeline::new(10, start, end);
        let mut signal = Vec::new();
        let mut sink = |samples: &[f32]| signal.extend_from_slice(samples);
        for (at, samples) in blocks {
            timeline.lay(*at, samples, &mut sink);
        }
        timeline.finish(&mut sink);
        (signal, timeline)
    }

    #[test]
    fn early_sound_is_trimmed_and_the_end_filled() {
        let (signal, timeline) = lay(5.0, 6.0, &[(4.8, &[1.0, 2.0, 3.0, 4.0]), (5.2, &[5.0])]);
        assert_eq!(signal, [3.0, 4.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!((timeline.outside, timeline.overlapping), (2, 0));
        assert_eq!(timeline.sound, vec![0..3; 1]);
    }

    #[test]
    fn a_late_start_and_a_gap_are_silent() {
        let (signal, timeline) = lay(0.0, 1.0, &[(0.3, &[1.0, 2.0]), (0.7, &[3.0])]);
        assert_eq!(signal, [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0]);
        assert_eq!(timeline.sound, [3..5, 7..8]);
        let mut coverage = timeline.coverage();
        let heard: Vec<bool> = (0..10).map(|t| coverage.at(f64::from(t) * 0.1 + 0.01)).collect();
        assert_eq!(heard, [false, false, false, true, true, false, false, true, false, false]);
    }

    #[test]
    fn what_lies_past_the_end_is_left_out() {
        let (signal, timeline) = lay(0.0, 0.4, &[(0.2, &[1.0, 2.0, 3.0]), (0.5, &[4.0, 5.0]), (9.0, &[6.0])]);
        assert_eq!(signal, [0.0, 0.0, 1.0, 2.0]);
        assert_eq!((timeline.outside, timeline.overlapping), (4, 0));
    }

    #[test]
    fn all_of_it_early_or_late_leaves_silence() {
        let (signal, timeline) = lay(5.0, 5.3, &[(1.0, &[1.0, 2.0]), (7.0, &[3.0])]);
        assert_eq!(signal, [0.0; 3]);
        assert_eq!(timeline.outside, 3);
        assert!(timeline.sound.is_empty());
    }

    #[test]
    fn overlap_is_dropped_and_a_sample_of_jitter_is_not_a_gap() {
        let (signal, timeline) = lay(0.0, 0.8, &[(0.0, &[1.0, 2.0, 3.0]), (0.1, &[9.0, 9.0, 4.0])]);
        assert_eq!(signal, [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(timeline.overlapping, 2);
        let (signal, timeline) = lay(0.0, 0.5, &[(0.0, &[1.0, 2.0]), (0.3, &[3.0]), (0.2, &[4.0])]);
        assert_eq!(signal, [1.0, 2.0, 3.0, 4.0, 0.0]);
        assert_eq!((timeline.outside, timeline.overlapping), (0, 0));
    }

    #[test]
    fn the_length_does_not_depend_on_the_sound() {
        let (signal, _) = lay(0.0, 3000.0, &[]);
        assert_eq!(signal.len(), 30_000);
    }
}
