//! From tissue to a frame of the machine's screen: speckle, attenuation and shadows, log compression, scan
//! conversion, and the panel and text around the fan.

pub mod bmode;
mod fast;
mod font;
pub mod grid;
mod kernel;
mod layout;
mod scan;
mod scatter;
mod screen;
pub mod texture;

pub use layout::Layout;
pub use screen::Screen;

use crate::anatomy::tissue::Tissue;
use crate::anatomy::{Subject, View, World};
use crate::rng::Stream;

/// Makes the frames of one recording; holds the buffers of one frame.
pub struct Imager {
    screen: Screen,
    scan: scan::ScanMap,
    bmode: bmode::BMode,
    tissue: Tissue,
    polar: Vec<u8>,
}

impl Imager {
    /// An imager for `layout`, with the machine set for `subject`; `rng` gives scatterers and noise.
    pub fn new(layout: &Layout, subject: &Subject, rng: &mut Stream) -> Self {
        let grid = layout.grid();
        Self {
            screen: Screen::new(layout, subject),
            scan: scan::ScanMap::new(layout, &grid),
            tissue: Tissue::for_grid(&grid),
            polar: vec![0; grid.points()],
            bmode: bmode::BMode::new(grid, subject, rng),
        }
    }

    /// The whole screen as grey values `[height, width]` at a view of a body.
    ///
    /// Frames follow each other: the machine averages a little over time, so that calls must be in order of time.
    pub fn frame(&mut self, world: &World, view: &View, out: &mut [u8]) {
        world.cut(view, self.bmode.grid(), &mut self.tissue);
        self.bmode.frame(&self.tissue, view, &mut self.polar);
        self.screen.copy_to(out);
        self.scan.convert(&self.polar, out);
    }
}
