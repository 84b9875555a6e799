//! What a frame is made of: the acoustic properties of the body at every point of the beam grid.

use crate::grid::PolarGrid;

/// How a material looks to the probe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Material {
    /// backscatter relative to liver-like soft tissue, dB
    pub echo_db: f32,
    /// attenuation there and back, dB a millimetre of depth
    pub loss_db_per_mm: f32,
    /// how much the slow texture of the tissue modulates the backscatter, dB at one standard deviation
    pub grain_db: f32,
}

const fn material(echo_db: f32, loss_db_per_mm: f32, grain_db: f32) -> Material {
    Material { echo_db, loss_db_per_mm, grain_db }
}

/// Two-way attenuation of soft tissue, dB/mm: 0.5 dB/cm/MHz one way (the usual textbook figure) at 2.5 MHz, the
/// effective frequency of a harmonic-imaging path; the machine's depth gain undoes this much.
pub const SOFT_LOSS: f32 = 0.25;

/// Amniotic fluid, urine, cerebrospinal fluid.
pub const FLUID: Material = material(-45.0, 0.02, 0.0);
/// Blood in a chamber or a vessel: dark, not black.
pub const BLOOD: Material = material(-25.0, 0.08, 0.5);
/// Fetal brain: poor in echoes.
pub const BRAIN: Material = material(-9.0, 0.16, 2.0);
/// Thalami, cerebellar lobes, stem: poorer still.
pub const DARK_BRAIN: Material = material(-16.0, 0.16, 1.0);
/// Liver.
pub const LIVER: Material = material(-3.0, SOFT_LOSS, 1.5);
/// Fetal bowel: brighter and coarser than the liver.
pub const BOWEL: Material = material(0.0, SOFT_LOSS, 3.5);
/// Fetal lung, a little brighter than the liver.
pub const LUNG: Material = material(2.0, SOFT_LOSS, 1.5);
/// Thymus, a little darker than the lung.
pub const THYMUS: Material = material(-5.0, SOFT_LOSS, 1.5);
/// Kidney: darker than the liver.
pub const KIDNEY: Material = material(-12.0, 0.2, 2.0);
/// Heart muscle.
pub const MYOCARDIUM: Material = material(-8.0, SOFT_LOSS, 1.0);
/// Septum of the heart, met by the beam more squarely.
pub const SEPTUM: Material = material(-1.0, SOFT_LOSS, 1.0);
/// Limb and trunk muscle.
pub const MUSCLE: Material = material(-6.0, SOFT_LOSS, 2.0);
/// Cartilage between ossification centres: dark.
pub const CARTILAGE: Material = material(-12.0, SOFT_LOSS, 1.0);
/// Soft tissue of the face.
pub const FACE: Material = material(-3.0, SOFT_LOSS, 1.5);
/// Placenta: even and rather bright.
pub const PLACENTA: Material = material(1.0, SOFT_LOSS, 1.2);
/// Muscle of the womb.
pub const WOMB: Material = material(-8.0, SOFT_LOSS, 3.0);
/// Walls of vessels and sacs, valves.
pub const MEMBRANE: Material = material(8.0, SOFT_LOSS, 0.5);
/// Faint borders of organs.
pub const CAPSULE: Material = material(4.0, SOFT_LOSS, 0.5);
/// Skin against fluid.
pub const SKIN: Material = material(10.0, 0.3, 0.5);
/// Choroid plexus.
pub const PLEXUS: Material = material(4.0, SOFT_LOSS, 1.0);
/// The falx and other midline echoes, seen through the skull.
pub const FALX: Material = material(5.0, SOFT_LOSS, 1.0);
/// Fetal skull: thin enough to see through.
pub const SKULL: Material = material(22.0, 1.4, 1.0);
/// Ribs of this age are thin and let much through.
pub const RIB: Material = material(18.0, 2.0, 1.0);
/// Long bones, vertebrae, jaws: they throw shadows.
pub const BONE: Material = material(24.0, 6.0, 1.0);

/// Acoustic properties on a [`PolarGrid`], `[sample, line]`.
#[derive(Debug, Clone, Default)]
pub struct Tissue {
    /// slow texture, about zero mean and unit variance
    pub grain: Vec<f32>,
    /// backscatter, dB
    pub echo_db: Vec<f32>,
    /// attenuation, dB/mm there and back
    pub loss_db_per_mm: Vec<f32>,
}

impl Tissue {
    /// Arrays for a grid, all zero.
    pub fn for_grid(grid: &PolarGrid) -> Self {
        let zeros = || vec![0.0; grid.points()];
        Self { grain: zeros(), echo_db: zeros(), loss_db_per_mm: zeros() }
    }

    /// Covers point `index` with a material; `cover` is 0 (nothing) to 1 (all), `echo_offset_db` is added to its
    /// backscatter.
    #[inline]
    pub fn cover(&mut self, index: usize, material: &Material, cover: f32, echo_offset_db: f32) {
        let echo = material.echo_db + echo_offset_db + material.grain_db * self.grain[index];
        self.echo_db[index] += cover * (echo - self.echo_db[index]);
        self.loss_db_per_mm[index] += cover * (material.loss_db_per_mm - self.loss_db_per_mm[index]);
    }
}
