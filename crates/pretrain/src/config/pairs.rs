//! How pairs of frame and speech are drawn.

use serde::{Deserialize, Serialize};

use super::Check;

/// Where negatives come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Negatives {
    /// A nearby interval of the same recording (paper).
    Hard,
    /// Another recording of the batch: audio-visual correspondence.
    Easy,
    /// None of its own: a pair is contrasted with the other pairs of the batch, and no more speech is heard for it.
    Batch,
}

/// How several speech windows of an interval become one similarity to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// That of the window that is most alike.
    Max,
    /// The mean over the windows, each weighted by the softmax of its similarity.
    Attention,
}

/// How pairs are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairConfig {
    /// Length of an interval T in seconds (paper: 60 frames at 30 frames/s).
    pub interval_secs: f64,
    /// Length of the speech window in seconds (paper: 0.6; 2.5 is what trained, first-findings.md).
    pub window_secs: f64,
    /// Sampling groups to an interval, K in the paper.
    pub groups: usize,
    /// Hard negatives come from intervals nearer than this many (paper: |delta| < D, D = 5).
    pub neighbours: usize,
    /// Share of voiced time from which on an interval is of high affinity, 0 to 1.
    pub voiced_share: f64,
    /// Where negatives come from.
    pub negatives: Negatives,
    /// Speech windows to a pair; the paper has one. Several let a loss find the words that narration says early or late.
    pub speech_windows: usize,
    /// The first window's centre lies this much before the drawn time of speech, the last one's as much after it, the
    /// others evenly between; in seconds, without meaning for one window.
    pub window_spread_secs: f64,
    /// How several windows are joined.
    pub join: Join,
    /// Temperature of the softmax over windows, for `join = "attention"`.
    pub window_temperature: f64,
    /// Speech is drawn this much later than the frame's interval: narration lags behind what is seen. In seconds, either sign.
    pub lag_secs: f64,
    /// Speech is drawn at most this far from the frame (plus the lag), in seconds; absent: anywhere in the frame's interval,
    /// as in the paper.
    pub positive_jitter_secs: Option<f64>,
    /// An interval stands for the utterance nearest to its middle, where one is nearer than half a window: its pairs hear that one
    /// whole, and not the halves of two, and see frames from half an interval before to half an interval after `lag_secs` before its
    /// middle, be they of this interval or of another. Needs `negatives = "batch"`.
    pub snap_to_utterance: bool,
    /// A window lies at most this far from the middle of its utterance, in seconds.
    pub snap_jitter_secs: f64,
    /// A batch draws its intervals from this many recordings, as many of each, so that negatives share the voice and the room;
    /// 0: from all of them, each interval by itself.
    pub recordings_per_batch: usize,
}

impl Default for PairConfig {
    fn default() -> Self {
        Self {
            interval_secs: 2.0,
            window_secs: 2.5,
            groups: 2,
            neighbours: 5,
            voiced_share: 0.5,
            negatives: Negatives::Hard,
            speech_windows: 1,
            window_spread_secs: 1.5,
            join: Join::Max,
            window_temperature: 0.1,
            lag_secs: 0.0,
            positive_jitter_secs: None,
            snap_to_utterance: false,
            snap_jitter_secs: 0.3,
            recordings_per_batch: 0,
        }
    }
}

impl PairConfig {
    /// Where the windows' centres lie about the drawn time of speech, in seconds.
    pub fn window_offsets(&self) -> Vec<f64> {
        let last = self.speech_windows.saturating_sub(1);
        let place =
            |window: usize| (2.0 * window as f64 / last.max(1) as f64 - 1.0) * self.window_spread_secs;
        if last == 0 { vec![0.0] } else { (0..=last).map(place).collect() }
    }

    /// Length of what all windows of a pair cover, in seconds.
    pub fn span_secs(&self) -> f64 {
        let offsets = self.window_offsets();
        self.window_secs + offsets[offsets.len() - 1] - offsets[0]
    }

    pub(super) fn checks(&self, voiced_intervals: usize) -> Vec<Check> {
        let per_batch = self.recordings_per_batch;
        vec![
            ("pairs.interval_secs", "above 0", self.interval_secs, self.interval_secs > 0.0),
            ("pairs.window_secs", "above 0", self.window_secs, self.window_secs > 0.0),
            ("pairs.groups", "at least 1", self.groups as f64, self.groups >= 1),
            (
                "pairs.neighbours",
                "at least 2 (|delta| is below it)",
                self.neighbours as f64,
                self.neighbours >= 2,
            ),
            ("pairs.voiced_share", "0 to 1", self.voiced_share, (0.0..=1.0).contains(&self.voiced_share)),
            ("pairs.speech_windows", "at least 1", self.speech_windows as f64, self.speech_windows >= 1),
            ("pairs.window_spread_secs", "above 0", self.window_spread_secs, self.window_spread_secs > 0.0),
            ("pairs.window_temperature", "above 0", self.window_temperature, self.window_temperature > 0.0),
            ("pairs.lag_secs", "a number", self.lag_secs, self.lag_secs.is_finite()),
            ("pairs.positive_jitter_secs", "0 or more", self.positive_jitter_secs.unwrap_or(0.0), {
                self.positive_jitter_secs.is_none_or(|jitter| (0.0..f64::INFINITY).contains(&jitter))
            }),
            (
                "pairs.snap_jitter_secs",
                "0 or more",
                self.snap_jitter_secs,
                (0.0..f64::INFINITY).contains(&self.snap_jitter_secs),
            ),
            (
                "pairs.snap_to_utterance",
                "false (0) where negatives are not \"batch\": a hard negative's window may not reach into the positive's",
                f64::from(u8::from(self.snap_to_utterance)),
                !self.snap_to_utterance || self.negatives == Negatives::Batch,
            ),
            (
                "pairs.recordings_per_batch",
                "0 or a divisor of voiced_intervals",
                per_batch as f64,
                per_batch == 0 || voiced_intervals.is_multiple_of(per_batch),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_lie_evenly_about_the_time_of_speech() {
        let with = |speech_windows, window_spread_secs| PairConfig {
            speech_windows,
            window_spread_secs,
            window_secs: 2.0,
            ..PairConfig::default()
        };
        assert_eq!((with(1, 3.0).window_offsets(), with(1, 3.0).span_secs()), (vec![0.0], 2.0));
        assert_eq!(with(2, 3.0).window_offsets(), [-3.0, 3.0]);
        assert_eq!((with(3, 1.5).window_offsets(), with(3, 1.5).span_secs()), (vec![-1.5, 0.0, 1.5], 5.0));
    }
}
