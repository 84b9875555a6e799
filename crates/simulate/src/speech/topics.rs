//! What there is to speak of: the planes that pictures show, and whether the way between them is spoken of.

use super::phrases::{BACKGROUND, CHAT};
use crate::anatomy::PLANE_NAMES;
use crate::{SimulateConfig, SimulateError};

/// The topics of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// by the number that [`crate::probe::PlaneVisit`] gives a plane
    names: Vec<String>,
    /// numbers of the study's planes
    planes: Vec<usize>,
    /// whether there is a search to speak of
    has_search: bool,
}

impl Topics {
    /// Of drawn scans: visits count planes as [`PLANE_NAMES`] does, and between planes there is a search. Of real videos:
    /// visits count them as the config does, and one video follows on another.
    ///
    /// # Errors
    /// Planes that cannot be drawn.
    pub fn of(config: &SimulateConfig) -> Result<Self, SimulateError> {
        if config.over_videos.folder.is_some() {
            let planes = (0..config.planes.len()).collect();
            return Ok(Self { names: config.planes.clone(), planes, has_search: false });
        }
        let names = PLANE_NAMES.map(str::to_owned).to_vec();
        Ok(Self { names, planes: config.plane_indices()?, has_search: true })
    }

    /// Name of a plane by its number.
    pub fn name(&self, plane: usize) -> &str {
        &self.names[plane]
    }

    /// Numbers of the planes that the study shows.
    pub fn planes(&self) -> &[usize] {
        &self.planes
    }

    /// Whether the way between planes is spoken of.
    pub fn has_search(&self) -> bool {
        self.has_search
    }

    /// Labels that there must be phrases for.
    pub fn labels(&self) -> Vec<String> {
        let planes = self.planes.iter().map(|&plane| self.names[plane].as_str());
        let search = self.has_search.then_some(BACKGROUND);
        planes.chain(search).chain([CHAT]).map(str::to_owned).collect()
    }
}
