//! The body of one recording: a fetus in a womb under the mother's wall, and what a scan plane cuts out of it.

use super::body::Fetus;
use super::mother::{Mother, wall_end_mm};
use super::subject::Subject;
use super::texture::Texture;
use super::tissue::Tissue;
use super::view::View;
use crate::grid::PolarGrid;
use crate::rng::stream;

/// The body of one recording.
#[derive(Debug, Clone)]
pub struct World {
    mother: Mother,
    /// the fetus as it lies in this recording
    pub fetus: Fetus,
    texture: Texture,
    /// how deep the mother's wall reaches, mm
    pub wall_end_mm: f32,
}

impl World {
    /// The body of `subject` in recording `recording` of the study with this seed: organs are the subject's, limbs,
    /// cord, placenta and the filling of organs are those of the day.
    pub fn build(subject: &Subject, seed: u64, recording: usize) -> Self {
        let rng = &mut stream(seed, "world", recording);
        Self {
            mother: Mother::draw(subject, rng),
            fetus: Fetus::draw(subject, rng),
            texture: Texture::draw(rng),
            wall_end_mm: wall_end_mm(subject),
        }
    }

    /// Fills `tissue` with what the view cuts.
    pub fn cut(&self, view: &View, grid: &PolarGrid, tissue: &mut Tissue) {
        self.texture.fill(view, grid, &mut tissue.grain);
        self.mother.paint_womb(view, grid, tissue);
        for structure in &self.fetus.structures {
            structure.paint(view, grid, tissue);
        }
        self.mother.paint_wall(view, grid, tissue);
    }
}
