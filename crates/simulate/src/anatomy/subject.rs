//! What stays the same over all recordings of one subject: sizes, the mother's build, how the machine is set for her.

use crate::geometry::smoothstep;
use crate::rng::{Stream, between, normal, sign, stream};

/// One pregnancy. Lengths in millimetres.
///
/// Sizes follow the gestational age by straight lines through rounded 50th percentiles of common growth charts
/// (Hadlock et al., Radiology 152:497, 1984, is the usual one), with 5 % spread between subjects.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// 18 to 22 weeks
    pub gestational_weeks: f32,
    /// biparietal diameter: 42 mm at 18 weeks, 54 mm at 22
    pub biparietal_mm: f32,
    /// occipitofrontal diameter: the cephalic index 0.78 gives it
    pub occipitofrontal_mm: f32,
    /// diameter of the abdomen: circumference 125 mm at 18 weeks, 174 mm at 22
    pub abdomen_mm: f32,
    /// femur length: 27 mm at 18 weeks, 39 mm at 22
    pub femur_mm: f32,
    /// beats a second, 110 to 160 a minute
    pub heart_rate_hz: f32,
    /// shape of inner organs: a factor for each, around 1
    pub organ_factors: [f32; 6],
    /// the fetus lies head to the mother's left
    pub is_mirrored: bool,
    /// thickness of the mother's wall from skin to womb
    pub wall_mm: f32,
    /// attenuation of that wall beyond what the machine makes up for, dB
    pub wall_loss_db: f32,
    /// how dark the surroundings of the fetus are: 0 tissue to 1 plenty of fluid
    pub fluid: f32,
    /// scan depth chosen for her
    pub depth_mm: f32,
    /// receive gain, dB
    pub gain_db: f32,
    /// displayed range, dB
    pub dynamic_range_db: f32,
    /// resolution: width of the point spread relative to the default
    pub blur: f32,
}

impl Subject {
    /// Subject `index` of the study with this seed.
    pub fn draw(seed: u64, index: usize) -> Self {
        let rng = &mut stream(seed, "subject", index);
        let gestational_weeks = between(rng, 18.0, 22.0);
        let age = (gestational_weeks - 18.0) / 4.0;
        let spread = |rng: &mut Stream| 1.0 + 0.05 * normal(rng).clamp(-2.0, 2.0);
        let biparietal_mm = (42.0 + 12.0 * age) * spread(rng);
        let wall_mm = between(rng, 13.0, 24.0);
        Self {
            gestational_weeks,
            biparietal_mm,
            occipitofrontal_mm: biparietal_mm / (0.78 * spread(rng)),
            abdomen_mm: (125.0 + 49.0 * age) / std::f32::consts::PI * spread(rng),
            femur_mm: (27.0 + 12.0 * age) * spread(rng),
            heart_rate_hz: between(rng, 110.0, 160.0) / 60.0,
            organ_factors: std::array::from_fn(|_| between(rng, 0.82, 1.2)),
            is_mirrored: sign(rng) < 0.0,
            wall_mm,
            wall_loss_db: 6.0 * smoothstep(13.0, 24.0, wall_mm) + between(rng, -1.0, 1.0),
            fluid: between(rng, 0.1, 1.0),
            depth_mm: between(rng, 88.0, 104.0),
            gain_db: between(rng, -2.5, 3.5),
            dynamic_range_db: between(rng, 48.0, 60.0),
            blur: between(rng, 0.85, 1.25),
        }
    }
}
