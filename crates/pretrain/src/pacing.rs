//! Affinity-aware self-paced learning: which pairs are trained on, and how much each counts.
//!
//! `two-level` (Jiao et al., MICCAI 2020): intervals of high affinity by the voiced share, all alike. `graded` (ours): interval
//! i has an affinity a_i, the moving average of the cosines of its frames and speech, `a <- m a + (1 - m) cos`, and a pair of it
//! the weight `w = sigmoid((a_i - q_t) / s)`. q_t is the quantile of all affinities that leaves the share p_t of them above it,
//! and p_t grows from `first_share` after the warm-up to `last_share` at `open_at`.
//!
//! On the scale of ranks a_i is replaced by its rank among all known affinities, 0 to 1, and q_t = 1 - p_t: nothing depends on
//! how wide cosines spread, which changes over a run (first-findings.md, 5). Weights are plain numbers: no gradient flows to
//! them. Affinities are read before a step and learned after it, and saved with the checkpoint.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use sonovox_train::TrainError;

use crate::sampler::Fragment;
use crate::{PacingConfig, PacingKind, Scale, Start};

/// Bins of a histogram.
const BINS: usize = 10;
const STATE: &str = "affinity";

/// The affinities of all intervals, and the pace.
pub struct Pace {
    config: PacingConfig,
    /// By interval; not a number where it is not known.
    affinity: Vec<f64>,
}

impl Pace {
    /// At the start of a run.
    pub fn new(config: &PacingConfig, fragments: &[Fragment]) -> Self {
        let start = |fragment: &Fragment| match config.start {
            Start::VoicedShare if fragment.voiced => fragment.voiced_share,
            _ => f64::NAN,
        };
        Self { config: config.clone(), affinity: fragments.iter().map(start).collect() }
    }

    /// Share of the intervals that the pace lets in at `progress` (share of the run, 0 to 1); 1 during the warm-up.
    pub fn open_share(&self, progress: f64) -> f64 {
        let PacingConfig { warmup, first_share, last_share, open_at, .. } = self.config;
        if progress < warmup {
            return 1.0;
        }
        let way = if open_at > warmup { (progress - warmup) / (open_at - warmup) } else { 1.0 };
        first_share + (last_share - first_share) * way.min(1.0)
    }

    /// Weights of pairs of `intervals`, 0 to 1; `None` where all count alike.
    pub fn weights(&self, intervals: &[usize], progress: f64) -> Option<Vec<f64>> {
        if self.config.kind != PacingKind::Graded || progress < self.config.warmup {
            return None;
        }
        let known = self.known();
        let border = 1.0 - self.open_share(progress);
        let quantile = quantile(&known, border);
        let weight = |&interval: &usize| {
            let affinity = self.affinity[interval];
            if affinity.is_nan() {
                // nothing is known against it
                return 1.0;
            }
            let above = match self.config.scale {
                Scale::Rank => rank(&known, affinity) - border,
                Scale::Cosine => affinity - quantile,
            };
            1.0 / (1.0 + (-above / self.config.softness).exp())
        };
        Some(intervals.iter().map(weight).collect())
    }

    /// Takes in the cosines of pairs of `intervals`, one after the other.
    pub fn learn(&mut self, intervals: &[usize], cosines: &[f64]) {
        let memory = self.config.memory;
        for (&interval, &cosine) in intervals.iter().zip(cosines) {
            let affinity = &mut self.affinity[interval];
            *affinity = if affinity.is_nan() { cosine } else { memory * *affinity + (1.0 - memory) * cosine };
        }
    }

    /// Pace, counts and histograms of affinities (-1 to 1) and of weights (0 to 1), for the event log.
    pub fn report(&self, progress: f64) -> Vec<(String, f64)> {
        let known: Vec<usize> = (0..self.affinity.len()).filter(|&at| !self.affinity[at].is_nan()).collect();
        let weights = self.weights(&known, progress).unwrap_or_else(|| vec![1.0; known.len()]);
        let affinities: Vec<f64> = known.iter().map(|&at| self.affinity[at]).collect();
        let mut values = vec![
            ("open_share".to_owned(), self.open_share(progress)),
            ("known_intervals".to_owned(), known.len() as f64),
            ("weight_sum".to_owned(), weights.iter().sum()),
        ];
        values.extend(histogram("affinity", &affinities, (-1.0, 1.0)));
        values.extend(histogram("weight", &weights, (0.0, 1.0)));
        values
    }

    /// Whether affinities are kept at all.
    pub fn is_graded(&self) -> bool {
        self.config.kind == PacingKind::Graded
    }

    /// What a checkpoint keeps.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        if !self.is_graded() {
            return Ok(BTreeMap::new());
        }
        Ok(BTreeMap::from([(STATE.to_owned(), Tensor::new(self.affinity.as_slice(), &Device::Cpu)?)]))
    }

    /// Takes back what [`Pace::state`] gave.
    ///
    /// # Errors
    /// When there are not as many affinities as intervals.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        if !self.is_graded() {
            return Ok(());
        }
        let found = state.get(STATE).map(Tensor::to_vec1::<f64>).transpose()?.unwrap_or_default();
        if found.len() != self.affinity.len() {
            let (expected, found) = (self.affinity.len(), found.len());
            let cause = format!("the checkpoint: expected {expected} affinities of intervals, found {found}");
            return Err(TrainError::Task(cause.into()));
        }
        self.affinity = found;
        Ok(())
    }

    /// Known affinities, sorted.
    fn known(&self) -> Vec<f64> {
        let mut known: Vec<f64> = self.affinity.iter().copied().filter(|a| !a.is_nan()).collect();
        known.sort_by(f64::total_cmp);
        known
    }
}

/// Rank of a value among sorted ones, 0 to 1; equal values share the mean of their ranks. A single value has the rank 1.
fn rank(sorted: &[f64], value: f64) -> f64 {
    let below = sorted.partition_point(|&other| other < value);
    let upto = sorted.partition_point(|&other| other <= value);
    let last = sorted.len().saturating_sub(1);
    if last == 0 { 1.0 } else { (below + upto).saturating_sub(1) as f64 / 2.0 / last as f64 }
}

/// The value below which the share `share` of sorted ones lies, linearly between them.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let place = share * (sorted.len() - 1) as f64;
    let (left, right) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    left + (right - left) * place.fract()
}

fn histogram(name: &str, values: &[f64], (least, most): (f64, f64)) -> Vec<(String, f64)> {
    let mut counts = [0u64; BINS];
    for value in values {
        let bin = ((value - least) / (most - least) * BINS as f64).floor().max(0.0) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    counts.iter().enumerate().map(|(bin, &count)| (format!("{name}_bin_{bin}"), count as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(config: PacingConfig, affinities: &[f64]) -> Pace {
        Pace { config, affinity: affinities.to_vec() }
    }

    fn graded(scale: Scale) -> PacingConfig {
        PacingConfig { kind: PacingKind::Graded, scale, ..PacingConfig::default() }
    }

    #[test]
    fn the_pace_opens_from_first_to_last_share() {
        let pace = pace(PacingConfig { last_share: 0.9, ..graded(Scale::Rank) }, &[]);
        let shares = [0.0, 0.19, 0.2, 0.55, 0.9, 1.0].map(|progress| pace.open_share(progress));
        for (found, expected) in shares.into_iter().zip([1.0, 1.0, 0.5, 0.7, 0.9, 0.9]) {
            assert!((found - expected).abs() < 1e-12, "{shares:?}");
        }
    }

    #[test]
    fn ranks_do_not_see_how_wide_cosines_spread_and_cosines_do() {
        let (narrow, wide) = ([0.10, 0.11, 0.12, 0.13, f64::NAN], [-0.8, -0.2, 0.3, 0.9, f64::NAN]);
        let weights = |scale, affinities: &[f64]| {
            pace(graded(scale), affinities).weights(&[0, 1, 2, 3, 4], 0.2).expect("weights")
        };
        assert_eq!(weights(Scale::Rank, &narrow), weights(Scale::Rank, &wide));
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        // ranks 0, 1/3, 2/3, 1 about a border of 1/2
        for (found, expected) in
            weights(Scale::Rank, &wide).into_iter().zip([-5.0, -5.0 / 3.0, 5.0 / 3.0, 5.0])
        {
            assert!((found - sigmoid(expected)).abs() < 1e-12);
        }
        assert_eq!(weights(Scale::Rank, &wide)[4], 1.0, "an interval that was not seen");
        // the median of the cosines is 0.05
        let cosine = weights(Scale::Cosine, &wide);
        assert!((cosine[2] - sigmoid(2.5)).abs() < 1e-12 && (cosine[0] - sigmoid(-8.5)).abs() < 1e-12);
        let flat = weights(Scale::Cosine, &narrow);
        assert!(flat[3] - flat[0] < 0.08, "{flat:?}");
    }

    #[test]
    fn weights_wait_for_the_warm_up_and_other_schemes_have_none() {
        let affinities = [0.1, 0.5];
        assert_eq!(pace(graded(Scale::Rank), &affinities).weights(&[0, 1], 0.1), None);
        let two_level = PacingConfig::default();
        assert_eq!(pace(two_level, &affinities).weights(&[0, 1], 0.9), None);
    }

    #[test]
    fn affinities_are_moving_averages_that_a_checkpoint_keeps() {
        let mut one = pace(graded(Scale::Rank), &[f64::NAN, f64::NAN, f64::NAN]);
        one.learn(&[2, 0, 2], &[0.5, -0.25, 0.3]);
        assert!((one.affinity[2] - (0.9 * 0.5 + 0.1 * 0.3)).abs() < 1e-15);
        assert!(one.affinity[0] == -0.25 && one.affinity[1].is_nan());
        let mut other = pace(graded(Scale::Rank), &[f64::NAN; 3]);
        other.load_state(&one.state().expect("state")).expect("fits");
        assert_eq!(other.affinity[2].to_bits(), one.affinity[2].to_bits());
        let error = pace(graded(Scale::Rank), &[0.0; 4]).load_state(&one.state().expect("state"));
        assert!(error.expect_err("refused").to_string().contains("expected 4 affinities"));
    }

    #[test]
    fn the_report_counts_every_known_interval_once() {
        let report = pace(graded(Scale::Rank), &[-1.0, 0.05, 1.0, f64::NAN]).report(0.2);
        let of = |name: &str| report.iter().find(|(known, _)| known == name).expect("a value").1;
        let bins = |name: &str| (0..BINS).map(|bin| of(&format!("{name}_bin_{bin}"))).sum::<f64>();
        assert_eq!((of("known_intervals"), bins("affinity"), bins("weight")), (3.0, 3.0, 3.0));
        assert_eq!((of("affinity_bin_0"), of("affinity_bin_5"), of("affinity_bin_9")), (1.0, 1.0, 1.0));
    }
}
