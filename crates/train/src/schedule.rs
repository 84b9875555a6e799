//! Learning-rate schedules.

use serde::{Deserialize, Serialize};

/// How the learning rate moves over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Multiplied by `factor` at the start of each of `epochs` (counted from 0).
    ///
    /// The paper's pretraining ("divided by 10 every 20 epochs") is `epochs = [20, 40, 60], factor = 0.1`.
    Step {
        /// Epochs at whose start the rate is multiplied.
        epochs: Vec<u32>,
        /// The multiplier, above 0.
        factor: f64,
    },
    /// A linear warm-up over the first `warmup` share of all steps, then half a cosine down to `floor` times the
    /// base rate (Loshchilov and Hutter, SGDR, ICLR 2017, without restarts).
    Cosine {
        /// Share of all steps, 0 to 1.
        #[serde(default)]
        warmup: f64,
        /// Share of the base rate that is left at the end, 0 to 1.
        #[serde(default)]
        floor: f64,
    },
}

impl Schedule {
    /// Factor on the base learning rate at `step` of `steps_per_epoch * epochs`.
    pub fn factor(&self, step: u64, steps_per_epoch: u64, epochs: u32) -> f64 {
        match self {
            Self::Step { epochs: at, factor } => {
                let epoch = step / steps_per_epoch.max(1);
                let passed = at.iter().filter(|&&start| u64::from(start) <= epoch).count();
                factor.powi(i32::try_from(passed).unwrap_or(i32::MAX))
            }
            Self::Cosine { warmup, floor } => {
                let total = (steps_per_epoch * u64::from(epochs)).max(1) as f64;
                let warmup_steps = (warmup * total).round();
                let at = step as f64;
                if at < warmup_steps {
                    return (at + 1.0) / warmup_steps;
                }
                let share = (at - warmup_steps) / (total - warmup_steps).max(1.0);
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_steps_divide_by_ten_every_twenty_epochs() {
        let paper = Schedule::Step { epochs: vec![20, 40, 60], factor: 0.1 };
        let at = |epoch: u64| 1e-3 * paper.factor(epoch * 100 + 99, 100, 80);
        for (epoch, rate) in [(0, 1e-3), (19, 1e-3), (20, 1e-4), (39, 1e-4), (40, 1e-5), (79, 1e-6)] {
            assert!((at(epoch) - rate).abs() < 1e-12 * rate.max(1e-3), "epoch {epoch}: {}", at(epoch));
        }
    }

    #[test]
    fn cosine_warms_up_then_falls_to_its_floor() {
        let cosine = Schedule::Cosine { warmup: 0.1, floor: 0.01 };
        let rates: Vec<f64> = (0..1000).map(|step| cosine.factor(step, 100, 10)).collect();
        assert!((rates[0] - 0.01).abs() < 1e-12 && (rates[99] - 1.0).abs() < 1e-12);
        assert!((rates[100] - 1.0).abs() < 1e-12);
        assert!((rates[550] - 0.505).abs() < 1e-9, "half way: {}", rates[550]);
        assert!(rates[100..].windows(2).all(|pair| pair[1] < pair[0]));
        assert!(rates[999] > 0.01 && rates[999] < 0.0101);
    }
}
