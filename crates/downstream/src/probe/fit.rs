//! One probe: fitted to training rows, its penalty chosen on validation rows.

use candle_core::{Device, Tensor};
use sonovox_metrics::Confusion;

use super::config::ProbeConfig;
use super::features::{Features, Scale};
use super::logistic::{Logistic, logits};

/// Features of one stage with the planes of their frames.
pub(crate) struct Labelled<'a> {
    pub features: &'a Features,
    pub planes: &'a [usize],
}

/// A fitted probe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    pub scale: Scale,
    /// `[width + 1, classes]`, the biases last.
    pub parameters: Vec<f64>,
    /// The plane of each class: those with training rows.
    pub classes: Vec<usize>,
    /// The penalty chosen.
    pub l2: f64,
    /// Macro F1 on the validation rows; none where there are none.
    pub validation_f1: Option<f64>,
    /// Length of the objective's gradient at the end.
    pub gradient_norm: f64,
}

impl Probe {
    /// Fits a probe for each penalty to the rows of `train` at `places` and keeps the one with the best macro F1 on
    /// `validation` (the larger penalty of equals). Without validation rows it is the middle penalty.
    pub fn fit(
        config: &ProbeConfig,
        train: &Labelled<'_>,
        places: &[usize],
        validation: &Labelled<'_>,
        planes: usize,
    ) -> candle_core::Result<Self> {
        let mut rows = train.features.rows(places);
        let scale = Scale::of(&rows, train.features.width);
        scale.apply(&mut rows);
        let of_rows: Vec<usize> = places.iter().map(|&at| train.planes[at]).collect();
        let classes: Vec<usize> = (0..planes).filter(|plane| of_rows.contains(plane)).collect();
        let class = |plane: &usize| classes.binary_search(plane).expect("a class of its own rows");
        let problem = Logistic::new(&rows, &of_rows.iter().map(class).collect::<Vec<_>>(), classes.len())?;
        let judged =
            (!validation.planes.is_empty()).then(|| validation.features.tensor(&scale)).transpose()?;
        let mut penalties = config.penalties();
        if judged.is_none() {
            penalties = vec![penalties[penalties.len() / 2]];
        }
        let mut best: Option<Self> = None;
        let mut start = vec![0.0; problem.parameters()];
        for l2 in penalties {
            let fitted = problem.fit(l2, start, config.max_iterations)?;
            start = fitted.parameters.clone();
            let mut probe = Self {
                scale: scale.clone(),
                parameters: fitted.parameters,
                classes: classes.clone(),
                l2,
                validation_f1: None,
                gradient_norm: fitted.gradient_norm,
            };
            if let Some(rows) = &judged {
                let shares = probe.probabilities_of(rows, planes)?;
                probe.validation_f1 = Some(macro_f1(&shares, validation.planes, planes));
            }
            if best.as_ref().is_none_or(|best| probe.validation_f1 > best.validation_f1) {
                best = Some(probe);
            }
        }
        Ok(best.expect("at least one penalty"))
    }

    /// Probabilities `[frames, planes]`; 0 for a plane without training rows.
    pub fn probabilities(&self, features: &Features, planes: usize) -> candle_core::Result<Vec<f32>> {
        if features.values.is_empty() {
            return Ok(Vec::new());
        }
        self.probabilities_of(&features.tensor(&self.scale)?, planes)
    }

    fn probabilities_of(&self, rows: &Tensor, planes: usize) -> candle_core::Result<Vec<f32>> {
        debug_assert!(matches!(rows.device(), Device::Cpu));
        let mut probabilities = Vec::with_capacity(rows.dims()[0] * planes);
        for row in logits(rows, &self.parameters, self.classes.len())?.chunks_exact(self.classes.len()) {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|value| (value - top).exp()).sum();
            let mut shares = vec![0.0; planes];
            for (&plane, value) in self.classes.iter().zip(row) {
                shares[plane] = ((value - top).exp() / sum) as f32;
            }
            probabilities.extend(shares);
        }
        Ok(probabilities)
    }
}

fn macro_f1(probabilities: &[f32], truth: &[usize], planes: usize) -> f64 {
    let mut confusion = Confusion::new(planes);
    for (shares, &plane) in probabilities.chunks_exact(planes).zip(truth) {
        let best = (1..planes).fold(0, |best, at| if shares[at] > shares[best] { at } else { best });
        confusion.add(plane, best);
    }
    confusion.macro_f1()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Frames of three of four planes, told apart by the first two of ten features.
    fn made(frames: usize, seed: u64) -> (Features, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let planes: Vec<usize> = (0..frames).map(|_| [0, 1, 3][rng.random_range(0..3)]).collect();
        let values = planes.iter().flat_map(|&plane| {
            let means = [if plane == 1 { 3.0 } else { 0.0 }, if plane == 3 { 3.0 } else { 0.0 }];
            (0..10).map(|f| means.get(f).unwrap_or(&0.0) + rng.random_range(-1.0..1.0)).collect::<Vec<f64>>()
        });
        (Features { stage: 4, width: 10, values: values.collect() }, planes)
    }

    #[test]
    fn planes_are_found_and_one_without_rows_is_never_called() {
        let (train, validation, test) = (made(120, 1), made(60, 2), made(200, 3));
        let labelled = |(features, planes): &'_ (Features, Vec<usize>)| -> (Features, Vec<usize>) {
            (features.clone(), planes.clone())
        };
        let ((tf, tp), (vf, vp)) = (labelled(&train), labelled(&validation));
        let places: Vec<usize> = (0..120).collect();
        let fit = |validation: &Labelled<'_>| {
            let train = Labelled { features: &tf, planes: &tp };
            Probe::fit(&ProbeConfig::default(), &train, &places, validation, 4).expect("a probe")
        };
        let probe = fit(&Labelled { features: &vf, planes: &vp });
        assert_eq!(probe.classes, [0, 1, 3]);
        let shares = probe.probabilities(&test.0, 4).expect("probabilities");
        assert!(macro_f1(&shares, &test.1, 4) > 0.9);
        assert!(
            shares.chunks_exact(4).all(|row| row[2] == 0.0 && (row.iter().sum::<f32>() - 1.0).abs() < 1e-5)
        );
        let none = Features { stage: 4, width: 10, values: vec![] };
        let unjudged = fit(&Labelled { features: &none, planes: &[] });
        assert!(unjudged.validation_f1.is_none() && unjudged.l2 < 1e-1 && unjudged.l2 > 1e-4);
    }
}
