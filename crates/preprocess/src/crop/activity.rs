//! What moves: how much every pixel changes between frames that are spread over the recording.
//!
//! Inside the ultrasound image everything changes (speckle decorrelates, the probe moves); outside it nearly
//! nothing does: background, logos, text and rulers stand still. A clock ticks and a cursor sweeps over a
//! waveform, but each of their pixels changes in few of the pairs, so the largest changes are left out.

/// Share of the frame pairs, those with the largest change, that a pixel's activity leaves out.
const TRIMMED_SHARE: f64 = 0.25;

/// A pair of frames counts where its mean change is at least this share of a lively pair's.
const FROZEN_SHARE: f32 = 0.25;

/// Per-pixel facts of a stack of frames.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Pixels to a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Trimmed mean of the absolute change between successive frames, in grey levels.
    pub change: Vec<f32>,
    /// Median over the frames, in grey levels.
    pub median: Vec<u8>,
}

impl Activity {
    /// Measures `frames` (each `width * height` grey levels, in order of time; at least one).
    pub fn measure(frames: &[&[u8]], width: usize, height: usize) -> Activity {
        let pairs = lively_pairs(frames);
        let keep = ((pairs.len() as f64 * (1.0 - TRIMMED_SHARE)) as usize).max(1);
        let mut change = vec![0.0; width * height];
        let mut median = vec![0; width * height];
        let mut values = Vec::with_capacity(frames.len());
        for i in 0..width * height {
            values.clear();
            values.extend(frames.iter().map(|f| f[i]));
            let middle = values.len() / 2;
            median[i] = *values.select_nth_unstable(middle).1;
            values.clear();
            values.extend(pairs.iter().map(|&p| frames[p][i].abs_diff(frames[p + 1][i])));
            if values.len() > keep {
                values.select_nth_unstable(keep);
            }
            let sum: u32 = values.iter().take(keep).map(|v| u32::from(*v)).sum();
            change[i] = sum as f32 / keep as f32;
        }
        Activity { width, height, change, median }
    }

    /// The value below which `share` of the pixels' change lies.
    pub fn quantile(&self, share: f64) -> f32 {
        let mut sorted = self.change.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        sorted[((sorted.len() - 1) as f64 * share) as usize]
    }

    /// Change of a typical dark pixel: what the capture itself adds. `None` where too little is dark.
    pub fn noise_of_the_dark(&self) -> Option<f32> {
        let darkest = *self.median.iter().min()?;
        let limit = darkest.saturating_add(4).min(24);
        let mut dark: Vec<f32> = (self.median.iter().zip(&self.change))
            .filter(|(level, _)| **level <= limit)
            .map(|(_, change)| *change)
            .collect();
        if dark.len() * 20 < self.median.len() {
            return None;
        }
        let middle = dark.len() / 2;
        Some(*dark.select_nth_unstable_by(middle, f32::total_cmp).1)
    }
}

/// Indices `p` of the pairs `(p, p + 1)` between which the picture moved: frozen stretches say nothing.
fn lively_pairs(frames: &[&[u8]]) -> Vec<usize> {
    let means: Vec<f32> = frames.windows(2).map(|pair| mean_change(pair[0], pair[1])).collect();
    let mut sorted = means.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let lively = sorted.get(sorted.len() * 3 / 4).copied().unwrap_or(0.0);
    (0..means.len()).filter(|p| means[*p] >= FROZEN_SHARE * lively).collect()
}

fn mean_change(a: &[u8], b: &[u8]) -> f32 {
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f32 / a.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweeping_cursor_is_not_activity_and_speckle_is() {
        // column 0..8: a cursor visits one column to a frame; column 8..16: every pixel flickers
        let frames: Vec<Vec<u8>> =
            (0..8_usize)
                .map(|t| {
                    (0..16)
                        .map(|x| {
                            if x < 8 { u8::from(x == t) * 200 } else { 90 + ((x * 7 + t * 13) % 5) as u8 * 4 }
                        })
                        .collect()
                })
                .collect();
        let views: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let activity = Activity::measure(&views, 16, 1);
        assert!(activity.change[..8].iter().all(|c| *c == 0.0), "{:?}", activity.change);
        assert!(activity.change[8..].iter().all(|c| *c > 2.0), "{:?}", activity.change);
        assert_eq!(activity.median[3], 0);
    }

    #[test]
    fn frozen_stretches_do_not_count() {
        let mut frames = vec![vec![10_u8; 4]; 40];
        for (t, frame) in frames.iter_mut().enumerate().take(12) {
            frame[1] = 50 + 20 * (t % 2) as u8;
        }
        let views: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let activity = Activity::measure(&views, 4, 1);
        assert!(activity.change[1] >= 19.0, "{:?}", activity.change);
        assert_eq!(activity.change[0], 0.0);
    }

    #[test]
    fn one_frame_has_no_change() {
        let activity = Activity::measure(&[&[1, 2, 3]], 3, 1);
        assert_eq!(activity.change, [0.0; 3]);
        assert_eq!(activity.median, [1, 2, 3]);
    }
}
