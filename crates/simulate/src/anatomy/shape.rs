//! Pieces of anatomy as solids in the body, and how a scan plane cuts them.
//!
//! Two solids make everything: an ellipsoid (or barrel: an ellipsoid with one blunt axis) and a tube with round ends.
//! Both are cut in closed form: along a beam their implicit functions are polynomials of the range, so that a row of
//! the grid needs no more than a few products a point.

use super::tissue::{Material, Tissue};
use super::view::View;
use crate::geometry::{Frame, Vec3, smoothstep, vec2, vec3};
use crate::grid::{MAX_LINES, PolarGrid, Window};

/// A solid, millimetres of the body.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Solid {
    /// half axes along three unit vectors; blunt: the third coordinate counts with its fourth power
    Ellipsoid { centre: Vec3, axes: [Vec3; 3], half_mm: Vec3, is_blunt: bool },
    /// round ends, radius changes evenly from one to the other
    Tube { from: Vec3, to: Vec3, radii_mm: (f32, f32) },
}

/// Rhythmic change of size: `1 + amount * sin(2 pi (rate * t + phase))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pulse {
    /// relative change of every length
    pub amount: f32,
    /// beats a second
    pub rate_hz: f32,
    /// part of a beat
    pub phase: f32,
}

impl Pulse {
    fn factor(&self, time_secs: f64) -> f32 {
        let turns = f64::from(self.rate_hz) * time_secs + f64::from(self.phase);
        1.0 + self.amount * (std::f64::consts::TAU * turns).sin() as f32
    }
}

/// A piece of anatomy: a solid, what fills it and what bounds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Structure {
    solid: Solid,
    fill: Option<Material>,
    wall: Option<(Material, f32)>,
    edge_mm: f32,
    pulse: Option<Pulse>,
}

/// Backscatter that a wall loses where it lies along the beam instead of across it, dB.
const OBLIQUE_DROP_DB: f32 = 20.0;
/// Thickness of the slice that the beam sees, mm: a sheet that lies in the plane fills only part of it.
const SLICE_MM: f32 = 2.6;

impl Structure {
    fn new(solid: Solid) -> Self {
        Self { solid, fill: None, wall: None, edge_mm: 0.5, pulse: None }
    }

    /// An ellipsoid with half axes along those of `frame`; all lengths in the frame's units.
    pub fn ellipsoid(frame: &Frame, centre: Vec3, half: Vec3) -> Self {
        Self::new(Solid::Ellipsoid {
            centre: frame.point(centre),
            axes: frame.axes,
            half_mm: half * frame.scale,
            is_blunt: false,
        })
    }

    /// An ellipsoid that keeps its width over most of its third axis, as a trunk does.
    pub fn barrel(frame: &Frame, centre: Vec3, half: Vec3) -> Self {
        match Self::ellipsoid(frame, centre, half).solid {
            Solid::Ellipsoid { centre, axes, half_mm, .. } => {
                Self::new(Solid::Ellipsoid { centre, axes, half_mm, is_blunt: true })
            }
            tube @ Solid::Tube { .. } => Self::new(tube),
        }
    }

    /// A tube between two points of `frame` with the radii at its ends, in the frame's units.
    pub fn tube(frame: &Frame, from: Vec3, to: Vec3, radii: (f32, f32)) -> Self {
        let radii_mm = (radii.0 * frame.scale, radii.1 * frame.scale);
        Self::new(Solid::Tube { from: frame.point(from), to: frame.point(to), radii_mm })
    }

    /// What is inside.
    pub fn filled(mut self, material: Material) -> Self {
        self.fill = Some(material);
        self
    }

    /// What it is bounded by; brightest where the beam meets it at a right angle.
    pub fn walled(mut self, material: Material, thickness_mm: f32) -> Self {
        self.wall = Some((material, thickness_mm));
        self
    }

    /// How gradual the border is.
    pub fn edge(mut self, edge_mm: f32) -> Self {
        self.edge_mm = edge_mm;
        self
    }

    /// Lets it beat.
    pub fn pulsing(mut self, pulse: Pulse) -> Self {
        self.pulse = Some(pulse);
        self
    }

    fn margin_mm(&self) -> f32 {
        self.edge_mm + self.wall.map_or(0.0, |(_, thickness)| thickness)
    }

    /// Draws the cut over what is already in `tissue`.
    pub fn paint(&self, view: &View, grid: &PolarGrid, tissue: &mut Tissue) {
        let factor = self.pulse.map_or(1.0, |pulse| pulse.factor(view.time_secs));
        let Some(window) = self.solid.window(factor, self.margin_mm(), view, grid) else { return };
        let mut row = Row { share: self.solid.share_of_slice(view), ..Row::default() };
        match self.solid {
            Solid::Ellipsoid { centre, axes, half_mm, is_blunt } => {
                let cut = EllipsoidCut::new(centre, axes, half_mm * factor, view, grid, &window);
                self.paint_rows(&window, grid, tissue, &mut row, |range, row| {
                    if is_blunt { cut.row::<true>(range, row) } else { cut.row::<false>(range, row) }
                });
            }
            Solid::Tube { from, to, radii_mm } => {
                let radii = (radii_mm.0 * factor, radii_mm.1 * factor);
                let cut = TubeCut::new(from, to, radii, view, grid, &window);
                self.paint_rows(&window, grid, tissue, &mut row, |range, row| cut.row(range, row));
            }
        }
    }

    fn paint_rows(
        &self,
        window: &Window,
        grid: &PolarGrid,
        tissue: &mut Tissue,
        row: &mut Row,
        measure: impl Fn(f32, &mut Row),
    ) {
        for sample in window.first_sample..window.end_sample {
            measure(grid.radius_mm + grid.depth_of(sample), row);
            let start = sample * grid.lines;
            let points = start + window.first_line..start + window.end_line;
            if let Some(fill) = &self.fill {
                self.cover_row(row, points.clone(), tissue, fill);
            }
            if let Some((wall, thickness_mm)) = &self.wall {
                self.wall_row(row, points, tissue, wall, *thickness_mm);
            }
        }
    }

    fn cover_row(&self, row: &Row, points: std::ops::Range<usize>, tissue: &mut Tissue, fill: &Material) {
        let (echo, loss) = (&mut tissue.echo_db[points.clone()], &mut tissue.loss_db_per_mm[points.clone()]);
        for (((echo, loss), grain), distance) in
            echo.iter_mut().zip(loss).zip(&tissue.grain[points]).zip(&row.distance_mm)
        {
            let cover = row.share * smoothstep(self.edge_mm, -self.edge_mm, *distance);
            *echo += cover * (fill.echo_db + fill.grain_db * grain - *echo);
            *loss += cover * (fill.loss_db_per_mm - *loss);
        }
    }

    fn wall_row(
        &self,
        row: &Row,
        points: std::ops::Range<usize>,
        tissue: &mut Tissue,
        wall: &Material,
        thickness_mm: f32,
    ) {
        let (echo, loss) = (&mut tissue.echo_db[points.clone()], &mut tissue.loss_db_per_mm[points.clone()]);
        for ((((echo, loss), grain), distance), facing) in
            echo.iter_mut().zip(loss).zip(&tissue.grain[points]).zip(&row.distance_mm).zip(&row.facing)
        {
            let cover = smoothstep(self.edge_mm, -self.edge_mm, distance.abs() - 0.5 * thickness_mm);
            let drop = OBLIQUE_DROP_DB * (1.0 - facing);
            *echo += cover * (wall.echo_db - drop + wall.grain_db * grain - *echo);
            *loss += cover * (wall.loss_db_per_mm - *loss);
        }
    }
}

impl Solid {
    /// How much of the slice's thickness a thin sheet fills where it lies in the plane; all for what is not thin.
    fn share_of_slice(&self, view: &View) -> f32 {
        match *self {
            Solid::Ellipsoid { axes, half_mm, .. } => {
                let normal = axes.map(|axis| axis.dot(view.normal));
                let chord = 2.0 / (Vec3::from(normal) / half_mm).length();
                (chord / SLICE_MM).min(1.0)
            }
            // a bone or a vessel wall outshines what shares the slice with it
            Solid::Tube { .. } => 1.0,
        }
    }

    /// The part of the grid that the cut may touch; `None` where there is none.
    fn window(&self, factor: f32, margin_mm: f32, view: &View, grid: &PolarGrid) -> Option<Window> {
        let (centre, radius) = match *self {
            Solid::Ellipsoid { centre, axes, half_mm, is_blunt } => {
                // the smallest ellipsoid of these axes that holds a blunt one is larger by the root of 5/4
                let half = half_mm * if is_blunt { 1.118 * factor } else { factor };
                let across = vec3(
                    half.x * axes[0].dot(view.normal),
                    half.y * axes[1].dot(view.normal),
                    half.z * axes[2].dot(view.normal),
                );
                let (reach, off) = (across.length(), view.off_plane_mm(centre));
                if off.abs() >= reach + margin_mm {
                    return None;
                }
                let part = (off / reach).clamp(-1.0, 1.0);
                let toward = axes[0] * (half.x * across.x)
                    + axes[1] * (half.y * across.y)
                    + axes[2] * (half.z * across.z);
                let middle = centre - toward * (part / reach);
                (middle, half.max_element() * (1.0 - part * part).sqrt() + margin_mm)
            }
            Solid::Tube { from, to, radii_mm } => {
                let thick = radii_mm.0.max(radii_mm.1) * factor + margin_mm;
                let (a, b) = (view.off_plane_mm(from), view.off_plane_mm(to));
                if a.min(b) > thick || a.max(b) < -thick {
                    return None;
                }
                // the stretch of the axis that is near enough to the plane
                let (first, last) = if (a - b).abs() < 1e-3 {
                    (0.0, 1.0)
                } else {
                    let (s, t) = ((a - thick) / (a - b), (a + thick) / (a - b));
                    (s.min(t).clamp(0.0, 1.0), s.max(t).clamp(0.0, 1.0))
                };
                let (p, q) = (from.lerp(to, first), from.lerp(to, last));
                ((p + q) * 0.5, (p - q).length() * 0.5 + thick)
            }
        };
        grid.window(view.to_probe(centre), radius)
    }
}

/// What is known of the points of a row of the window.
struct Row {
    /// part of the slice that is filled
    share: f32,
    /// signed distance to the border in space, negative inside, right to first order near the border
    distance_mm: [f32; MAX_LINES],
    /// squared cosine between the border's normal and the beam
    facing: [f32; MAX_LINES],
}

impl Default for Row {
    fn default() -> Self {
        Self { share: 1.0, distance_mm: [0.0; MAX_LINES], facing: [0.0; MAX_LINES] }
    }
}

/// An ellipsoid in its own unit coordinates `p = start + range * slope[line]`.
struct EllipsoidCut {
    count: usize,
    start: Vec3,
    per_half: Vec3,
    slope: [[f32; MAX_LINES]; 3],
}

impl EllipsoidCut {
    fn new(
        centre: Vec3,
        axes: [Vec3; 3],
        half_mm: Vec3,
        view: &View,
        grid: &PolarGrid,
        window: &Window,
    ) -> Self {
        let per_half = half_mm.max(Vec3::splat(0.05)).recip();
        let apex = view.to_body(vec2(0.0, -grid.radius_mm)) - centre;
        let own = |d: Vec3| vec3(axes[0].dot(d), axes[1].dot(d), axes[2].dot(d)) * per_half;
        let (start, across, along) = (own(apex), own(view.lateral), own(view.axial));
        let mut slope = [[0.0; MAX_LINES]; 3];
        let count = window.end_line - window.first_line;
        for (i, direction) in grid.directions()[window.first_line..window.end_line].iter().enumerate() {
            let way = across * direction.x + along * direction.y;
            (slope[0][i], slope[1][i], slope[2][i]) = (way.x, way.y, way.z);
        }
        Self { count, start, per_half, slope }
    }

    fn row<const BLUNT: bool>(&self, range: f32, row: &mut Row) {
        let [sx, sy, sz] = &self.slope;
        let lines = sx[..self.count].iter().zip(&sy[..self.count]).zip(&sz[..self.count]);
        for ((distance, facing), ((sx, sy), sz)) in row.distance_mm.iter_mut().zip(&mut row.facing).zip(lines)
        {
            let (x, y, z) = (self.start.x + range * sx, self.start.y + range * sy, self.start.z + range * sz);
            let steep = if BLUNT { 2.0 * z * z * z } else { z };
            let value = x * x + y * y + if BLUNT { z * z * z * z } else { z * z } - 1.0;
            let (gx, gy, gz) = (x * self.per_half.x, y * self.per_half.y, steep * self.per_half.z);
            let slope_squared = gx * gx + gy * gy + gz * gz + 1e-9;
            let along = x * sx + y * sy + steep * sz;
            *distance = 0.5 * value / slope_squared.sqrt();
            *facing = along * along / slope_squared;
        }
    }
}

/// A tube, by the products of its axis with the beams.
struct TubeCut {
    count: usize,
    radii: (f32, f32),
    length_squared: f32,
    start_squared: f32,
    start_along: f32,
    /// start and axis times the beam's direction
    beam_start: [f32; MAX_LINES],
    beam_axis: [f32; MAX_LINES],
}

impl TubeCut {
    fn new(from: Vec3, to: Vec3, radii: (f32, f32), view: &View, grid: &PolarGrid, window: &Window) -> Self {
        let start = view.to_body(vec2(0.0, -grid.radius_mm)) - from;
        let axis = to - from;
        let (mut beam_start, mut beam_axis) = ([0.0; MAX_LINES], [0.0; MAX_LINES]);
        let count = window.end_line - window.first_line;
        for (i, &direction) in grid.directions()[window.first_line..window.end_line].iter().enumerate() {
            let beam = view.direction(direction);
            (beam_start[i], beam_axis[i]) = (start.dot(beam), axis.dot(beam));
        }
        Self {
            count,
            radii,
            length_squared: axis.length_squared().max(1e-6),
            start_squared: start.length_squared(),
            start_along: start.dot(axis),
            beam_start,
            beam_axis,
        }
    }

    fn row(&self, range: f32, row: &mut Row) {
        let per_length = 1.0 / self.length_squared;
        let lines = self.beam_start[..self.count].iter().zip(&self.beam_axis[..self.count]);
        for ((distance, facing), (beam_start, beam_axis)) in
            row.distance_mm.iter_mut().zip(&mut row.facing).zip(lines)
        {
            let squared = self.start_squared + range * (2.0 * beam_start + range);
            let along = self.start_along + range * beam_axis;
            let part = (along * per_length).clamp(0.0, 1.0);
            let off_squared = (squared + part * (part * self.length_squared - 2.0 * along)).max(1e-6);
            let off_beam = beam_start + range - part * beam_axis;
            *distance = off_squared.sqrt() - (self.radii.0 + part * (self.radii.1 - self.radii.0));
            *facing = (off_beam * off_beam / off_squared).min(1.0);
        }
    }
}

/// A vessel through the given points and radii: `wall` first for its whole course, then `lumen`, so that no wall is
/// left inside where two pieces meet. Lengths in the frame's units, but for the wall's thickness.
pub fn vessel(
    frame: &Frame,
    course: &[(Vec3, f32)],
    lumen: Material,
    wall: Material,
    wall_mm: f32,
) -> Vec<Structure> {
    let pieces =
        || course.windows(2).map(|pair| Structure::tube(frame, pair[0].0, pair[1].0, (pair[0].1, pair[1].1)));
    let walls = pieces().map(|piece| piece.walled(wall, wall_mm));
    walls.chain(pieces().map(|piece| piece.filled(lumen).edge(0.35))).collect()
}

/// A chain of solid tubes of one radius: bones, cords, midline echoes.
pub fn chain(frame: &Frame, course: &[Vec3], radius: f32, material: Material) -> Vec<Structure> {
    course
        .windows(2)
        .map(|pair| Structure::tube(frame, pair[0], pair[1], (radius, radius)).filled(material).edge(0.4))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anatomy::tissue::{BONE, FLUID};
    use crate::geometry::Quat;
    use crate::image::Layout;

    /// Every point's echo against the exact solid, for oblique planes.
    fn agrees(structure: &Structure, is_inside: impl Fn(Vec3) -> f32) {
        let grid = Layout::new(400, 300, 100.0).grid();
        for turn in [Quat::IDENTITY, Quat::from_rotation_x(0.6) * Quat::from_rotation_y(1.1)] {
            let view = View::new(0.0, turn * vec3(4.0, -50.0, 1.0), turn);
            let mut tissue = Tissue::for_grid(&grid);
            structure.paint(&view, &grid, &mut tissue);
            let mut inside = 0;
            for sample in 0..grid.samples {
                for (line, &direction) in grid.directions().iter().enumerate() {
                    let distance = is_inside(view.to_body(grid.point(sample, direction)));
                    let echo = tissue.echo_db[sample * grid.lines + line];
                    if distance < -0.6 {
                        inside += 1;
                        assert!((echo - BONE.echo_db).abs() < 1e-3, "{echo} at {distance}");
                    } else if distance > 0.6 {
                        assert_eq!(echo, 0.0, "at {distance}");
                    }
                }
            }
            assert!(inside > 300, "{inside}");
        }
    }

    const SOLID: Material = Material { grain_db: 0.0, ..BONE };

    #[test]
    fn cuts_of_a_ball_and_a_tube_are_those_of_the_solids() {
        let frame = Frame::body(1.0);
        let ball = Structure::ellipsoid(&frame, vec3(1.0, 2.0, 0.5), Vec3::splat(14.0)).filled(SOLID);
        agrees(&ball, |p| (p - vec3(1.0, 2.0, 0.5)).length() - 14.0);
        let (from, to) = (vec3(-12.0, 5.0, -9.0), vec3(15.0, -4.0, 8.0));
        let tube = Structure::tube(&frame, from, to, (7.0, 7.0)).filled(SOLID);
        agrees(&tube, |p| {
            let part = ((p - from).dot(to - from) / (to - from).length_squared()).clamp(0.0, 1.0);
            (p - from.lerp(to, part)).length() - 7.0
        });
    }

    #[test]
    fn a_barrel_is_wide_to_near_its_ends() {
        let barrel = Structure::barrel(&Frame::body(1.0), Vec3::ZERO, vec3(20.0, 20.0, 40.0)).filled(SOLID);
        agrees(&barrel, |p| {
            let value = (p.x * p.x + p.y * p.y) / 400.0 + (p.z / 40.0).powi(4) - 1.0;
            // far from exact, but of the right sign and more than a millimetre a hundredth
            if value.abs() < 0.12 { 0.0 } else { value * 10.0 }
        });
    }

    #[test]
    fn no_wall_is_left_inside_a_bent_vessel() {
        let grid = Layout::new(400, 300, 100.0).grid();
        let course =
            [(vec3(-20.0, 50.0, 0.0), 5.0), (vec3(0.0, 40.0, 0.0), 5.0), (vec3(20.0, 50.0, 0.0), 5.0)];
        let parts = vessel(&Frame::body(1.0), &course, FLUID, SOLID, 0.8);
        let view = View::new(0.0, Vec3::ZERO, Quat::IDENTITY);
        let mut tissue = Tissue::for_grid(&grid);
        parts.iter().for_each(|part| part.paint(&view, &grid, &mut tissue));
        let sample = (40.0 / grid.sample_step_mm()) as usize;
        for off in -10_i32..=10 {
            let index = (sample as i32 + off) as usize * grid.lines + grid.lines / 2;
            assert!((tissue.echo_db[index] - FLUID.echo_db).abs() < 0.5, "{}", tissue.echo_db[index]);
        }
    }
}
