//! Floor and standardisation of a whole recording's spectrogram, over rows that were spooled somewhere.
//!
//! Both need the recording to have ended: the floor lies `top_db` below the loudest value of all rows (librosa's
//! `power_to_db(top_db=...)`), and mean and standard deviation are those of the floored values. So:
//!
//! 1. while rows are made: [`PeakLevel::observe`] each row;
//! 2. over the spooled rows: [`LevelStats::observe`] each row that real audio lies under;
//! 3. over the spooled rows again: [`Levels::apply`] to every row.
//!
//! Rows of padding (before audio starts, after it ends) are to be left out of the second pass only: they would pull the
//! mean down by as much as they are many. They are never the peak, because silence is the least value there is.

use crate::MIN_POWER_DB;

/// A standard deviation below this many dB is taken as this: the rows of a silent recording become zeros, and
/// rounding noise is not blown up to unit variance.
pub const SILENT_STD_DB: f64 = 1e-3;

/// First pass: the loudest value.
#[derive(Debug, Clone, Copy)]
pub struct PeakLevel {
    max_db: f32,
}

impl Default for PeakLevel {
    fn default() -> Self {
        Self { max_db: MIN_POWER_DB }
    }
}

impl PeakLevel {
    /// Takes values in dB, any number of rows at once.
    pub fn observe(&mut self, values_db: &[f32]) {
        self.max_db = values_db.iter().copied().fold(self.max_db, f32::max);
    }

    /// The loudest value seen, in dB; [`MIN_POWER_DB`] before any.
    pub fn max_db(&self) -> f32 {
        self.max_db
    }

    /// The floor that lies `top_db` below the loudest value, in dB.
    pub fn floor_db(&self, top_db: f32) -> f32 {
        self.max_db - top_db
    }
}

/// Second pass: mean and standard deviation of the floored values.
#[derive(Debug, Clone)]
pub struct LevelStats {
    floor_db: f32,
    count: u64,
    /// Sums of the height over the floor and of its square; the shift keeps the difference of squares exact.
    sum: f64,
    sum_of_squares: f64,
}

impl LevelStats {
    /// Statistics of values raised to at least `floor_db`.
    pub fn new(floor_db: f32) -> Self {
        Self { floor_db, count: 0, sum: 0.0, sum_of_squares: 0.0 }
    }

    /// Takes values in dB (not floored yet), any number of rows at once.
    pub fn observe(&mut self, values_db: &[f32]) {
        for &value in values_db {
            let height = f64::from(value.max(self.floor_db)) - f64::from(self.floor_db);
            self.sum += height;
            self.sum_of_squares += height * height;
        }
        self.count += values_db.len() as u64;
    }

    /// The levels of all values seen; without any, those that turn silence into zeros.
    pub fn finish(&self) -> Levels {
        if self.count == 0 {
            let silence = self.floor_db.max(MIN_POWER_DB);
            return Levels { floor_db: self.floor_db, mean_db: f64::from(silence), std_db: 0.0 };
        }
        let count = self.count as f64;
        let mean_height = self.sum / count;
        let variance = (self.sum_of_squares / count - mean_height * mean_height).max(0.0);
        Levels {
            floor_db: self.floor_db,
            mean_db: f64::from(self.floor_db) + mean_height,
            std_db: variance.sqrt(),
        }
    }
}

/// Third pass: what a recording's values are floored and standardised with.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Levels {
    /// Values below are raised to this, in dB.
    pub floor_db: f32,
    /// Mean of the floored values, in dB.
    pub mean_db: f64,
    /// Standard deviation (population) of the floored values, in dB; [`SILENT_STD_DB`] is divided by at least.
    pub std_db: f64,
}

impl Levels {
    /// What makes log10 of the power of values in dB, with no floor but the least value there is.
    pub const LOG10: Levels = Levels { floor_db: MIN_POWER_DB, mean_db: 0.0, std_db: 10.0 };

    /// Turns values in dB into floored, standardised ones: zero mean and unit variance over the observed rows.
    pub fn apply(&self, values: &mut [f32]) {
        let scale = 1.0 / self.std_db.max(SILENT_STD_DB);
        for value in values {
            *value = ((f64::from(value.max(self.floor_db)) - self.mean_db) * scale) as f32;
        }
    }
}
