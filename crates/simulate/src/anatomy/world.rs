//! The body of one recording: the visited planes and what lies between them, in a row along the probe's travel.

use super::clutter::{self, Clutter};
use super::mother::Mother;
use super::planes;
use super::structure::Structure;
use super::subject::Subject;
use super::tissue::Tissue;
use super::view::View;
use crate::geometry::{Placement, Vec2, vec2};
use crate::image::grid::PolarGrid;
use crate::rng::{Stream, between, sign, stream};

/// A spot that a sonographer looks at, in body coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landmark {
    /// where
    pub at: Vec2,
    /// share of the looks that it gets
    pub weight: f32,
}

/// A drawing in its own coordinates (mm, origin in its middle) before it is put into a body.
#[derive(Debug, Clone, Default)]
pub struct Drawing {
    /// painted in this order
    pub structures: Vec<Structure>,
    /// the structure of interest first
    pub landmarks: Vec<Landmark>,
}

/// A drawing in its place.
#[derive(Debug, Clone)]
pub struct Group {
    /// index into the built-in planes; `None` for what lies between
    pub plane: Option<usize>,
    /// where along the travel its plane lies, mm
    pub travel_mm: f32,
    /// painted in this order
    pub structures: Vec<Structure>,
    /// in body coordinates, the structure of interest first
    pub landmarks: Vec<Landmark>,
    first_mm: f32,
    last_mm: f32,
}

/// The body of one recording.
#[derive(Debug, Clone)]
pub struct World {
    mother: Mother,
    /// in the order of the travel
    pub groups: Vec<Group>,
}

/// Free travel between two groups, mm: from nearly touching to a little sweep through nothing in particular.
const GAP_MM: (f32, f32) = (1.0, 6.0);

impl World {
    /// The body that is scanned when `visits` (indices into the built-in planes) are looked for in this order.
    pub fn build(subject: &Subject, visits: &[usize], seed: u64, recording: usize) -> Self {
        let rng = &mut stream(seed, "world", recording);
        let mother = Mother::draw(subject, rng);
        let mut row = Row { groups: Vec::new(), end_mm: 0.0 };
        row.push_clutter(subject, rng);
        for &plane in visits {
            let drawing = planes::draw(plane, subject, rng);
            let placement = place(planes::turn_range_deg(plane), subject.is_mirrored, rng);
            row.push(Some(plane), drawing, subject, &placement, rng);
            row.push_clutter(subject, rng);
        }
        Self { mother, groups: row.groups }
    }

    /// The group of the `visit`-th visited plane.
    pub fn visited(&self, visit: usize) -> &Group {
        self.groups
            .iter()
            .filter(|group| group.plane.is_some())
            .nth(visit)
            .expect("a planned visit is in the world")
    }

    /// Fills `tissue` with what the view cuts.
    pub fn cut(&self, view: &View, grid: &PolarGrid, tissue: &mut Tissue) {
        self.mother.paint(view, grid, tissue);
        for group in self.groups.iter().filter(|group| group.is_seen_from(view.travel_mm)) {
            for structure in &group.structures {
                structure.paint(view, grid, tissue);
            }
        }
    }
}

impl Group {
    fn is_seen_from(&self, travel_mm: f32) -> bool {
        (self.first_mm..=self.last_mm).contains(&travel_mm)
    }
}

/// Where a drawing comes to lie: anywhere about the middle of the fan, so that the place on the screen says little.
fn place(turn_deg: (f32, f32), is_mirrored: bool, rng: &mut Stream) -> Placement {
    // baby turns between visits now and then
    let is_mirrored = is_mirrored ^ (between(rng, 0.0, 1.0) < 0.25);
    Placement {
        origin: vec2(between(rng, -12.0, 12.0), between(rng, 48.0, 62.0)),
        angle_rad: (between(rng, turn_deg.0, turn_deg.1) * sign(rng)).to_radians(),
        is_mirrored,
    }
}

struct Row {
    groups: Vec<Group>,
    end_mm: f32,
}

impl Row {
    fn push_clutter(&mut self, subject: &Subject, rng: &mut Stream) {
        let kind = Clutter::draw(rng);
        let drawing = clutter::draw(kind, subject, rng);
        let placement = place((0.0, 180.0), subject.is_mirrored, rng);
        self.push(None, drawing, subject, &placement, rng);
    }

    fn push(
        &mut self,
        plane: Option<usize>,
        mut drawing: Drawing,
        subject: &Subject,
        placement: &Placement,
        rng: &mut Stream,
    ) {
        // around everything alike: pools must not tell a plane from what is none
        drawing.structures.splice(0..0, clutter::pools(subject.fluid, rng));
        let ranges = || drawing.structures.iter().map(Structure::travel_range_mm);
        let before = -ranges().map(|range| range.0).fold(0.0, f32::min);
        let after = ranges().map(|range| range.1).fold(0.0, f32::max);
        let first_mm = self.end_mm + between(rng, GAP_MM.0, GAP_MM.1);
        let travel_mm = first_mm + before;
        self.end_mm = travel_mm + after;
        self.groups.push(Group {
            plane,
            travel_mm,
            structures: drawing.structures.iter().map(|s| s.placed(placement, travel_mm)).collect(),
            landmarks: drawing
                .landmarks
                .iter()
                .map(|landmark| Landmark { at: placement.point(landmark.at), ..*landmark })
                .collect(),
            first_mm,
            last_mm: self.end_mm,
        });
    }
}
