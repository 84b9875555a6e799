//! Means over folds and seeds.

use std::fmt;

/// Mean and spread of a figure over cells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Mean of those that are there.
    pub mean: f64,
    /// Their sample standard deviation (n - 1); 0 for a single one.
    pub std: f64,
    /// How many there are.
    pub count: usize,
}

impl Spread {
    /// Of `values`; `None` where there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
        (count > 0).then_some(Self { mean, std, count })
    }
}

impl fmt::Display for Spread {
    /// `72.6 ± 1.7`, with as many decimals as the formatter is asked for (1), and the sign where it is asked for; of a single figure
    /// `72.6`: it has no spread that anybody knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(1);
        if f.sign_plus() {
            write!(f, "{:+.decimals$}", self.mean)?;
        } else {
            write!(f, "{:.decimals$}", self.mean)?;
        }
        if self.count > 1 { write!(f, " ± {:.decimals$}", self.std) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        let found = Spread::of(&[1.0, 2.0, 4.0]).expect("values");
        assert!((found.mean - 7.0 / 3.0).abs() < 1e-12 && (found.std - (7.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(format!("{found:.2}"), "2.33 ± 1.53");
        assert_eq!(Spread::of(&[3.0]), Some(Spread { mean: 3.0, std: 0.0, count: 1 }));
        assert_eq!(format!("{:+}", Spread::of(&[3.0]).expect("a value")), "+3.0");
        assert_eq!(Spread::of(&[]), None);
    }
}
