//! Which pairs are trained on when: affinity-aware self-paced learning.

use serde::{Deserialize, Serialize};

use super::Check;

/// How pairs are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PacingKind {
    /// All intervals, silent ones included.
    None,
    /// Those of high affinity by the voiced share, all alike (paper).
    TwoLevel,
    /// The same, each weighted by its affinity (ours).
    Graded,
}

/// What an affinity is compared on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Its rank among all, 0 to 1.
    Rank,
    /// The cosine itself.
    Cosine,
}

/// What an interval's affinity is before it was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Nothing: it is let in until it is known.
    Unseen,
    /// Its voiced share.
    VoicedShare,
}

/// How pairs are let in. All keys but `kind` are of graded pacing.
///
/// A cosine and a voiced share are on different scales, and a cosine's spread changes over the run. So the default forgets the
/// voiced share (`start`), gathers affinities before they have a say (`warmup`) and compares ranks (`scale`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PacingConfig {
    /// Which scheme.
    pub kind: PacingKind,
    /// Share of an interval's affinity that stays when it is seen again, 0 to 1 (moving average).
    pub memory: f64,
    /// What affinities are before they are seen.
    pub start: Start,
    /// What they are compared on.
    pub scale: Scale,
    /// Share of the run in which affinities are gathered and all weights are 1.
    pub warmup: f64,
    /// Share of the intervals that the pace lets in after the warm-up.
    pub first_share: f64,
    /// Share that it lets in at the end (1: all voiced ones; what is unrelated for certain can stay outside).
    pub last_share: f64,
    /// Share of the run at which it has opened to `last_share`.
    pub open_at: f64,
    /// Width s of `sigmoid((a - q) / s)`, in units of the scale.
    pub softness: f64,
}

impl Default for PacingConfig {
    fn default() -> Self {
        Self {
            kind: PacingKind::TwoLevel,
            memory: 0.9,
            start: Start::Unseen,
            scale: Scale::Rank,
            warmup: 0.2,
            first_share: 0.5,
            last_share: 1.0,
            open_at: 0.9,
            softness: 0.1,
        }
    }
}

impl PacingConfig {
    pub(super) fn checks(&self) -> Vec<Check> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        vec![
            ("pacing.memory", "0 or more and below 1", self.memory, (0.0..1.0).contains(&self.memory)),
            ("pacing.warmup", "0 to 1", self.warmup, share(self.warmup)),
            ("pacing.first_share", "0 to 1", self.first_share, share(self.first_share)),
            ("pacing.last_share", "pacing.first_share to 1", self.last_share, {
                share(self.last_share) && self.last_share >= self.first_share
            }),
            (
                "pacing.open_at",
                "pacing.warmup to 1",
                self.open_at,
                share(self.open_at) && self.open_at >= self.warmup,
            ),
            ("pacing.softness", "above 0", self.softness, self.softness > 0.0),
        ]
    }
}
