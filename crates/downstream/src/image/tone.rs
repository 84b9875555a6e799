//! Gamma and brightness as one table of 256 grey levels.

use rand::Rng;

/// What each grey level of a frame becomes, on the same scale of 0 to 255.
#[derive(Clone, Debug, PartialEq)]
pub struct Tone([f32; 256]);

impl Tone {
    /// Every level stays what it is.
    pub fn unchanged() -> Self {
        Self::new(1.0, 1.0)
    }

    /// `255 * brightness * (level / 255) ^ gamma`, no higher than 255.
    pub fn new(gamma: f64, brightness: f64) -> Self {
        Self(std::array::from_fn(|level| {
            let curved = 255.0 * brightness * (level as f64 / 255.0).powf(gamma);
            curved.clamp(0.0, 255.0) as f32
        }))
    }

    /// A tone whose gamma and brightness differ from 1 by at most these shares, uniformly.
    pub fn draw(gamma: f64, brightness: f64, rng: &mut impl Rng) -> Self {
        let mut around_one = |share: f64| 1.0 + share * rng.random_range(-1.0..=1.0);
        Self::new(around_one(gamma), around_one(brightness))
    }

    /// What `level` becomes.
    pub fn of(&self, level: u8) -> f32 {
        self.0[usize::from(level)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_is_exact_and_gamma_bends_between_fixed_ends() {
        let unchanged = Tone::unchanged();
        assert!((0..=255u8).all(|level| unchanged.of(level) == f32::from(level)));
        let darker = Tone::new(1.25, 1.0);
        assert_eq!((darker.of(0), darker.of(255)), (0.0, 255.0));
        assert!((1..255u8).all(|level| darker.of(level) < f32::from(level)));
        let brighter = Tone::new(1.0, 1.25);
        assert_eq!((brighter.of(100), brighter.of(250)), (125.0, 255.0));
    }
}
