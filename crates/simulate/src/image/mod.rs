//! From tissue to a frame of the machine's screen: speckle, attenuation and shadows, log compression, scan
//! conversion, and the panel and text around the fan.

pub mod bmode;
mod fast;
mod font;
mod kernel;
mod layout;
mod machine;
mod scan;
mod scatter;
mod screen;

pub use layout::Layout;
pub use machine::{Machine, Setting};
pub use screen::{Patient, Screen, draw_text};

use crate::anatomy::tissue::Tissue;
use crate::anatomy::{Subject, View, World};
use crate::probe::Freeze;
use crate::rng::Stream;

/// Makes the frames of one recording; holds the buffers of one frame for each setting of the machine.
pub struct Imager {
    eyes: Vec<Eye>,
    layouts: Vec<Layout>,
    /// the setting and the moment of the last frame
    last: Option<(usize, f64)>,
}

/// What draws at one depth and gain.
struct Eye {
    screen: Screen,
    scan: scan::ScanMap,
    bmode: bmode::BMode,
    tissue: Tissue,
    polar: Vec<u8>,
}

impl Imager {
    /// An imager for a machine that is set for `subject`; `rng` gives scatterers and noise.
    pub fn new(machine: &Machine, subject: &Subject, patient: &Patient, rng: &mut Stream) -> Self {
        let eye = |setting: &Setting| {
            let grid = setting.layout.grid();
            Eye {
                screen: Screen::new(setting, subject, patient),
                scan: scan::ScanMap::new(&setting.layout, &grid),
                tissue: Tissue::for_grid(&grid),
                polar: vec![0; grid.points()],
                // the same stream for all: the body's scatterers stay when the depth is changed
                bmode: bmode::BMode::new(grid, subject, setting.gain_db, &mut rng.clone()),
            }
        };
        Self {
            eyes: machine.settings.iter().map(eye).collect(),
            layouts: machine.settings.iter().map(|setting| setting.layout.clone()).collect(),
            last: None,
        }
    }

    /// Pixels of a frame.
    pub fn pixels(&self) -> usize {
        self.layouts[0].width * self.layouts[0].height
    }

    /// The whole screen as grey values `[height, width]` at a view of a body, under one of the machine's settings.
    ///
    /// Frames follow each other: the machine averages a little over time, so that calls must be in order of time. The
    /// view of a frozen picture is that of the moment it was frozen.
    pub fn frame(
        &mut self,
        world: &World,
        view: &View,
        setting: usize,
        freeze: Option<&Freeze>,
        out: &mut [u8],
    ) {
        let eye = &mut self.eyes[setting];
        let is_new_setting = self.last.is_none_or(|(last, _)| last != setting);
        if is_new_setting || self.last.is_none_or(|(_, moment)| moment != view.time_secs) {
            if is_new_setting {
                eye.bmode.restart();
            }
            world.cut(view, eye.bmode.grid(), &mut eye.tissue);
            eye.bmode.frame(&eye.tissue, view, &mut eye.polar);
        }
        self.last = Some((setting, view.time_secs));
        eye.screen.copy_to(out);
        eye.scan.convert(&eye.polar, out);
        if let Some(freeze) = freeze {
            screen::mark_frozen(&self.layouts[setting], freeze, out);
        }
    }
}
