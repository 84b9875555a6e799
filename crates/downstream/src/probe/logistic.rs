//! Multinomial logistic regression, fitted by L-BFGS with balanced classes and an L2 penalty.
//!
//! Minimised over weights `W` `[F, K]` and biases `b` `[K]`, with rows `x_i` `[F]` of class `y_i`:
//!
//! ```text
//! J(W, b) = sum_i c(y_i) * -log softmax(x_i W + b)[y_i] / sum_i c(y_i) + l2 / 2 * |W|^2,   c(k) = N / (K N_k)
//! ```
//!
//! The biases are not penalised, and the weights `c` make every class count alike (scikit-learn's
//! `class_weight="balanced"`); its `C` is `1 / (N l2)`. Everything is f64. L-BFGS (Liu and Nocedal 1989) with the line
//! search of More and Thuente is the crate argmin's.

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use candle_core::{DType, Device, Result, Tensor};

/// Corrections that L-BFGS remembers: SciPy's number.
const MEMORY: usize = 10;
/// The fit has converged where the gradient is shorter than this.
const GRADIENT_TOLERANCE: f64 = 1e-6;

/// What a fit found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    /// `[F + 1, K]`: a row of K weights to each feature, then the biases.
    pub parameters: Vec<f64>,
    /// Length of the objective's gradient there; not near 0 where the iterations ran out.
    pub gradient_norm: f64,
}

/// Rows with their classes, every class with at least one row.
pub(crate) struct Logistic {
    /// f64 `[N, F]`.
    rows: Tensor,
    /// f64 `[F, N]`.
    transposed: Tensor,
    classes: Vec<usize>,
    /// Number of classes.
    count: usize,
    /// `c(y_i) / sum c`, one to a row.
    weights: Vec<f64>,
}

/// Cost and gradient at some parameters.
#[derive(Clone, Default)]
struct Evaluated {
    at: Vec<f64>,
    cost: f64,
    gradient: Vec<f64>,
}

impl Logistic {
    /// A problem of `rows` (`N * F` values) with classes `0..count`.
    ///
    /// # Panics
    /// When a class has no row.
    pub fn new(rows: &[f64], classes: &[usize], count: usize) -> Result<Self> {
        let n = classes.len();
        let rows = Tensor::from_slice(rows, (n, rows.len() / n), &Device::Cpu)?;
        let mut sizes = vec![0usize; count];
        classes.iter().for_each(|&class| sizes[class] += 1);
        assert!(sizes.iter().all(|&size| size > 0), "a class without rows: {sizes:?}");
        // c(y_i) = N / (K N_k) sums to N over all rows
        let weights = classes.iter().map(|&class| 1.0 / (count * sizes[class]) as f64).collect();
        let transposed = rows.t()?.contiguous()?;
        Ok(Self { rows, transposed, classes: classes.to_vec(), count, weights })
    }

    /// Number of parameters: `(F + 1) * K`.
    pub fn parameters(&self) -> usize {
        (self.transposed.dims()[0] + 1) * self.count
    }

    /// Minimises the objective from `start` in at most `max_iterations` iterations.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn fit(&self, l2: f64, start: Vec<f64>, max_iterations: u64) -> Result<Fitted> {
        let problem = Penalised { of: self, l2, last: RefCell::default(), best: RefCell::default() };
        let best = self.evaluate(&start, l2)?;
        problem.best.replace(best);
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(GRADIENT_TOLERANCE)
            .and_then(|solver| solver.with_tolerance_cost(f64::EPSILON))
            .expect("tolerances above 0");
        // near the minimum, where costs differ by rounding only, the line search gives up with an error: the best point
        // seen is the answer there, and `gradient_norm` says how good it is
        let run =
            Executor::new(&problem, solver).configure(|state| state.param(start).max_iters(max_iterations));
        if let Err(error) = run.timer(false).run()
            && error.downcast_ref::<candle_core::Error>().is_some()
        {
            candle_core::bail!("logistic regression: {error}");
        }
        let best = problem.best.into_inner();
        let gradient_norm = best.gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        Ok(Fitted { parameters: best.at, gradient_norm })
    }

    fn evaluate(&self, parameters: &[f64], l2: f64) -> Result<Evaluated> {
        let (features, count) = (self.transposed.dims()[0], self.count);
        let mut logits = logits(&self.rows, parameters, count)?;
        let mut cost = 0.0;
        for ((row, &class), &weight) in logits.chunks_exact_mut(count).zip(&self.classes).zip(&self.weights) {
            let log_sum = to_log_softmax(row);
            debug_assert!(log_sum.is_finite(), "{log_sum}");
            cost -= weight * row[class];
            // the gradient at the logits: weight * (softmax - one-hot)
            row.iter_mut().for_each(|value| *value = weight * value.exp());
            row[class] -= weight;
        }
        let mut gradient = vec![0.0; parameters.len()];
        let (of_weights, of_biases) = gradient.split_at_mut(features * count);
        for row in logits.chunks_exact(count) {
            of_biases.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let residual = Tensor::from_vec(logits, (self.classes.len(), count), &Device::Cpu)?;
        let products: Vec<f64> = self.transposed.matmul(&residual)?.flatten_all()?.to_vec1()?;
        for ((gradient, product), weight) in of_weights.iter_mut().zip(products).zip(parameters) {
            *gradient = product + l2 * weight;
            cost += l2 / 2.0 * weight * weight;
        }
        Ok(Evaluated { at: parameters.to_vec(), cost, gradient })
    }
}

/// Logits (`N * K` values) of f64 rows `[N, F]` under parameters `[F + 1, K]`.
pub(crate) fn logits(rows: &Tensor, parameters: &[f64], count: usize) -> Result<Vec<f64>> {
    debug_assert_eq!(rows.dtype(), DType::F64);
    let features = rows.dims()[1];
    let (weights, biases) = parameters.split_at(features * count);
    let weights = Tensor::from_slice(weights, (features, count), &Device::Cpu)?;
    let mut logits: Vec<f64> = rows.matmul(&weights)?.flatten_all()?.to_vec1()?;
    for row in logits.chunks_exact_mut(count) {
        row.iter_mut().zip(biases).for_each(|(value, bias)| *value += bias);
    }
    Ok(logits)
}

/// Turns logits into log-softmax in place; gives the log of the sum that was taken off.
fn to_log_softmax(row: &mut [f64]) -> f64 {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = top + row.iter().map(|value| (value - top).exp()).sum::<f64>().ln();
    row.iter_mut().for_each(|value| *value -= log_sum);
    log_sum
}

/// The objective with its penalty, as argmin sees it. argmin asks for cost and gradient apart and forgets everything where
/// its line search gives up, so both come from one evaluation and the best one is kept.
struct Penalised<'a> {
    of: &'a Logistic,
    l2: f64,
    last: RefCell<Evaluated>,
    best: RefCell<Evaluated>,
}

impl Penalised<'_> {
    fn at(&self, parameters: &[f64]) -> std::result::Result<Evaluated, Error> {
        if self.last.borrow().at != parameters {
            let evaluated = self.of.evaluate(parameters, self.l2)?;
            if evaluated.cost < self.best.borrow().cost {
                self.best.replace(evaluated.clone());
            }
            self.last.replace(evaluated);
        }
        Ok(self.last.borrow().clone())
    }
}

impl CostFunction for &Penalised<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> std::result::Result<f64, Error> {
        Ok(self.at(parameters)?.cost)
    }
}

impl Gradient for &Penalised<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> std::result::Result<Vec<f64>, Error> {
        Ok(self.at(parameters)?.gradient)
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// 60 rows of 4 features in 3 classes of 40, 15 and 5, with means that differ by about their spread.
    fn example() -> (Vec<f64>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let classes: Vec<usize> = [vec![0; 40], vec![1; 15], vec![2; 5]].concat();
        let row = |&class: &usize| {
            let centre = [class as f64, -(class as f64), 0.5 * class as f64 * class as f64, 0.0];
            centre.map(|mean| mean + rng.random_range(-1.5..1.5))
        };
        (classes.iter().flat_map(row).collect(), classes)
    }

    /// The objective by its formula, a row and a class at a time.
    fn slow_cost(rows: &[f64], classes: &[usize], count: usize, l2: f64, parameters: &[f64]) -> f64 {
        let features = rows.len() / classes.len();
        let balance = |class| {
            let size = classes.iter().filter(|&&c| c == class).count();
            classes.len() as f64 / (count * size) as f64
        };
        let (mut sum, mut total) = (0.0, 0.0);
        for (i, &class) in classes.iter().enumerate() {
            let score = |k: usize| {
                (0..features).map(|f| rows[i * features + f] * parameters[f * count + k]).sum::<f64>()
                    + parameters[features * count + k]
            };
            let sum_exp: f64 = (0..count).map(|k| score(k).exp()).sum();
            sum -= balance(class) * (score(class).exp() / sum_exp).ln();
            total += balance(class);
        }
        let square: f64 = parameters[..features * count].iter().map(|w| w * w).sum();
        sum / total + l2 / 2.0 * square
    }

    #[test]
    fn cost_and_gradient_are_those_of_the_formula() {
        let (rows, classes) = example();
        let problem = Logistic::new(&rows, &classes, 3).expect("a problem");
        let at: Vec<f64> = (0..problem.parameters()).map(|i| (i as f64 * 0.7).sin() * 0.4).collect();
        let cost = |at: &[f64]| slow_cost(&rows, &classes, 3, 0.3, at);
        let found = problem.evaluate(&at, 0.3).expect("evaluated");
        assert!((found.cost - cost(&at)).abs() < 1e-12);
        for i in 0..at.len() {
            let moved = |by: f64| {
                let mut moved = at.clone();
                moved[i] += by;
                cost(&moved)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((found.gradient[i] - slope).abs() < 1e-8, "{i}: {} and {slope}", found.gradient[i]);
        }
    }

    #[test]
    fn the_minimum_is_where_plain_descent_ends() {
        let (rows, classes) = example();
        let problem = Logistic::new(&rows, &classes, 3).expect("a problem");
        for l2 in [0.03, 0.3, 10.0] {
            let fitted = problem.fit(l2, vec![0.0; problem.parameters()], 500).expect("fitted");
            assert!(fitted.gradient_norm < 1e-5, "{l2}: {}", fitted.gradient_norm);
            let mut slow = vec![0.0; problem.parameters()];
            for _ in 0..20_000 {
                let gradient = problem.evaluate(&slow, l2).expect("evaluated").gradient;
                slow.iter_mut().zip(gradient).for_each(|(p, g)| *p -= 0.15 * g);
            }
            let cost = |at: &[f64]| slow_cost(&rows, &classes, 3, l2, at);
            let (found, expected) = (cost(&fitted.parameters), cost(&slow));
            assert!((found - expected).abs() < 1e-6, "{l2}: {found} and {expected}");
        }
    }

    /// One feature, 1 in class 1 and -1 in class 0: by symmetry `W = [-a, a]`, `b = 0`, and the cost
    /// `log(1 + exp(-2 a)) + l2 a^2` is stationary where `l2 a (1 + exp(2 a)) = 1`.
    #[test]
    fn two_classes_have_a_closed_form() {
        let rows = [1.0, 1.0, 1.0, -1.0, -1.0, -1.0];
        let problem = Logistic::new(&rows, &[1, 1, 1, 0, 0, 0], 2).expect("a problem");
        for l2 in [1e-3, 0.1, 1.0] {
            let (mut low, mut high) = (0.0f64, 20.0f64);
            for _ in 0..200 {
                let a = (low + high) / 2.0;
                if l2 * a * (1.0 + (2.0 * a).exp()) < 1.0 { low = a } else { high = a }
            }
            let found = problem.fit(l2, vec![0.0; 4], 500).expect("fitted").parameters;
            for (found, expected) in found.iter().zip([-low, low, 0.0, 0.0]) {
                assert!((found - expected).abs() < 1e-4, "{l2}: {found} and {expected}");
            }
        }
    }

    #[test]
    fn balance_gives_a_rare_class_as_much_as_a_common_one() {
        // the feature says nothing: all classes are equally likely, however many rows they have
        let rows = [0.0; 20];
        let classes: Vec<usize> = (0..20).map(|i| usize::from(i == 0)).collect();
        let problem = Logistic::new(&rows, &classes, 2).expect("a problem");
        let found = problem.fit(0.1, vec![0.0, 0.0, 1.0, -1.0], 100).expect("fitted").parameters;
        assert!((found[2] - found[3]).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let mut row = [1e4, -1e4, 0.0];
        to_log_softmax(&mut row);
        assert!(row[0].abs() < 1e-12 && row.iter().all(|value| value.is_finite()));
    }
}
