//! Changing one frame: where its pixels come from ([`Warp`]) and how bright they are ([`Tone`]).

mod tone;
mod warp;

pub use tone::Tone;
pub use warp::{Crop, Warp, warp};

/// Height and width of a frame in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// Pixels.
    pub fn area(self) -> usize {
        self.height * self.width
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}
