//! What stays the same over all recordings of one subject: sizes, the mother's build, how the machine is set for her.

use crate::geometry::smoothstep;
use crate::rng::{Stream, between, normal, sign, stream};

/// Thickness of the skull, mm.
pub const SKULL_MM: f32 = 1.6;

/// One pregnancy. Lengths in millimetres.
///
/// Medians of the four measures follow the gestational age by the regressions of Hadlock et al. (Estimating fetal age:
/// computer-assisted analysis of multiple fetal growth parameters, Radiology 152:497-501, 1984); subjects spread about
/// them with a standard deviation of 4 %.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// 18 to 22 weeks
    pub gestational_weeks: f32,
    /// biparietal diameter, outer to inner
    pub biparietal_mm: f32,
    /// head circumference
    pub head_circumference_mm: f32,
    /// abdominal circumference
    pub abdominal_circumference_mm: f32,
    /// femur length
    pub femur_mm: f32,
    /// beats a second, 110 to 160 a minute
    pub heart_rate_hz: f32,
    /// size of inner organs: a factor for each, around 1
    pub organ_factors: [f32; 8],
    /// the fetus lies the other way round: what is seen is mirrored
    pub is_mirrored: bool,
    /// thickness of the mother's wall from skin to womb
    pub wall_mm: f32,
    /// attenuation of that wall beyond what the machine makes up for, dB
    pub wall_loss_db: f32,
    /// amniotic fluid: 0 little, 1 plenty
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

/// Medians by gestational age in weeks, millimetres.
pub mod growth {
    /// Biparietal diameter, outer to inner border of the skull.
    pub fn biparietal_mm(weeks: f32) -> f32 {
        10.0 * (-3.08 + 0.41 * weeks - 0.000_061_061 * weeks.powi(3))
    }

    /// Head circumference.
    pub fn head_circumference_mm(weeks: f32) -> f32 {
        10.0 * (-11.48 + 1.56 * weeks - 0.000_254_8 * weeks.powi(3))
    }

    /// Abdominal circumference.
    pub fn abdominal_circumference_mm(weeks: f32) -> f32 {
        10.0 * (-13.3 + 1.61 * weeks - 0.009_98 * weeks.powi(2))
    }

    /// Femur length.
    pub fn femur_mm(weeks: f32) -> f32 {
        10.0 * (-3.91 + 0.427 * weeks - 0.003_4 * weeks.powi(2))
    }
}

impl Subject {
    /// Subject `index` of the study with this seed.
    pub fn draw(seed: u64, index: usize) -> Self {
        let rng = &mut stream(seed, "subject", index);
        let weeks = between(rng, 18.0, 22.0);
        let spread = |rng: &mut Stream| 1.0 + 0.04 * normal(rng).clamp(-2.5, 2.5);
        let wall_mm = between(rng, 10.0, 20.0);
        // the head grows as one: its two measures spread together, its shape a little
        let head = spread(rng);
        Self {
            gestational_weeks: weeks,
            biparietal_mm: growth::biparietal_mm(weeks) * head * (1.0 + 0.5 * (spread(rng) - 1.0)),
            head_circumference_mm: growth::head_circumference_mm(weeks) * head,
            abdominal_circumference_mm: growth::abdominal_circumference_mm(weeks) * spread(rng),
            femur_mm: growth::femur_mm(weeks) * spread(rng),
            heart_rate_hz: between(rng, 110.0, 160.0) / 60.0,
            organ_factors: std::array::from_fn(|_| between(rng, 0.82, 1.2)),
            is_mirrored: sign(rng) < 0.0,
            wall_mm,
            wall_loss_db: 6.0 * smoothstep(10.0, 20.0, wall_mm) + between(rng, -1.0, 1.0),
            fluid: between(rng, 0.0, 1.0),
            depth_mm: between(rng, 72.0, 88.0),
            gain_db: between(rng, -2.5, 3.5),
            dynamic_range_db: between(rng, 48.0, 60.0),
            blur: between(rng, 0.85, 1.25),
        }
    }

    /// Half of the head from side to side, outer borders of the skull.
    pub fn head_half_width_mm(&self) -> f32 {
        // outer to inner leaves out one wall
        0.5 * (self.biparietal_mm + SKULL_MM)
    }

    /// Half of the head from front to back. The circumference is 1.62 times the sum of both diameters (Hadlock).
    pub fn head_half_length_mm(&self) -> f32 {
        0.5 * (self.head_circumference_mm / 1.62) - self.head_half_width_mm()
    }

    /// Radius of the abdomen at the level of its circumference.
    pub fn abdomen_radius_mm(&self) -> f32 {
        self.abdominal_circumference_mm / std::f32::consts::TAU
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_at_twenty_weeks_are_those_of_the_chart() {
        // Hadlock's table: 4.6 (BPD), 17.7 (HC), 14.9 (AC), 3.3 cm (FL) within a millimetre or two
        for (found, table) in [
            (growth::biparietal_mm(20.0), 46.0),
            (growth::head_circumference_mm(20.0), 177.0),
            (growth::abdominal_circumference_mm(20.0), 149.0),
            (growth::femur_mm(20.0), 33.0),
        ] {
            assert!((found - table).abs() < 1.5, "{found} {table}");
        }
    }

    #[test]
    fn heads_have_the_usual_shape() {
        // cephalic index of Hadlock et al. 1981: 78.3 +- 4.4 %
        let indices: Vec<f32> = (0..200)
            .map(|i| Subject::draw(3, i))
            .map(|s| s.head_half_width_mm() / s.head_half_length_mm())
            .collect();
        let mean = indices.iter().sum::<f32>() / 200.0;
        assert!((0.74..0.82).contains(&mean), "{mean}");
        assert!(indices.iter().all(|index| (0.64..0.95).contains(index)), "{indices:?}");
    }
}
