//! The machine's knobs: scan depth and gain, changed now and then, whatever is on the screen.

use rand::Rng;

use super::layout::Layout;
use crate::anatomy::Subject;
use crate::config::VideoConfig;
use crate::probe::PlaneVisit;
use crate::rng::{Stream, between};

/// Depths relative to the subject's usual one.
const DEPTH_FACTORS: [f32; 3] = [1.0, 0.88, 1.1];
/// Chance that a knob is turned on the way from one plane to the next. It does not depend on which planes these are:
/// the picture's scale must not tell what is shown.
const CHANGE_CHANCE: f64 = 0.2;

/// A depth and a gain, and what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// where things are on the screen
    pub layout: Layout,
    /// receive gain, dB
    pub gain_db: f32,
}

/// The settings of one recording and when each is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// the usual one first
    pub settings: Vec<Setting>,
    /// first moment and index into `settings`, in order of time, starting at 0
    changes: Vec<(f64, usize)>,
}

impl Machine {
    /// Draws the knobs of a recording whose planes are visited as given.
    pub fn draw(video: &VideoConfig, subject: &Subject, visits: &[PlaneVisit], rng: &mut Stream) -> Self {
        let settings: Vec<Setting> = DEPTH_FACTORS
            .iter()
            .map(|factor| Setting {
                layout: Layout::new(video.width as usize, video.height as usize, factor * subject.depth_mm),
                gain_db: subject.gain_db + between(rng, -1.5, 1.5),
            })
            .collect();
        let mut changes = vec![(0.0, 0)];
        for pair in visits.windows(2) {
            if rng.random_bool(CHANGE_CHANCE) {
                let time_secs = 0.5 * (pair[0].end_secs + pair[1].start_secs);
                changes.push((time_secs, rng.random_range(0..settings.len())));
            }
        }
        Self { settings, changes }
    }

    /// Index of the setting at a time.
    pub fn setting(&self, time_secs: f64) -> usize {
        let next = self.changes.partition_point(|change| change.0 <= time_secs);
        self.changes[next.saturating_sub(1)].1
    }

    /// Where things are on the screen at a time.
    pub fn layout(&self, time_secs: f64) -> &Layout {
        &self.settings[self.setting(time_secs)].layout
    }
}
