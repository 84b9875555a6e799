//! One named piece of anatomy and how the scan plane cuts it.

use super::tissue::{Material, Tissue};
use super::view::View;
use crate::geometry::{Placement, Vec2, smoothstep, vec2};
use crate::image::grid::PolarGrid;

/// Outline in the plane, mm.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outline {
    /// half axes along and across `angle_rad`
    Ellipse { centre: Vec2, along_mm: f32, across_mm: f32, angle_rad: f32 },
    /// a rod with round ends
    Rod { from: Vec2, to: Vec2, radius_mm: f32 },
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

/// A piece of anatomy: an outline in its plane that closes to both sides along the travel of the probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    outline: Outline,
    fill: Option<Material>,
    wall: Option<(Material, f32)>,
    edge_mm: f32,
    travel_mm: f32,
    reach_mm: f32,
    closing: f32,
    pulse: Option<Pulse>,
}

/// Backscatter that a wall loses where it lies along the beam instead of across it, dB.
const OBLIQUE_DROP_DB: f32 = 21.0;

impl Structure {
    fn new(outline: Outline) -> Self {
        Self {
            outline,
            fill: None,
            wall: None,
            edge_mm: 0.6,
            travel_mm: 0.0,
            reach_mm: 8.0,
            closing: 2.0,
            pulse: None,
        }
    }

    /// An ellipse with the given half axes.
    pub fn ellipse(x: f32, y: f32, along_mm: f32, across_mm: f32, angle_deg: f32) -> Self {
        let angle_rad = angle_deg.to_radians();
        Self::new(Outline::Ellipse { centre: vec2(x, y), along_mm, across_mm, angle_rad })
    }

    /// A rod of radius `radius_mm` between two points.
    pub fn rod(from: Vec2, to: Vec2, radius_mm: f32) -> Self {
        Self::new(Outline::Rod { from, to, radius_mm })
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

    /// Middle and half length along the travel of the probe, from the plane that it is drawn in.
    pub fn along_travel(mut self, centre_mm: f32, reach_mm: f32) -> Self {
        self.travel_mm = centre_mm;
        self.reach_mm = reach_mm;
        self
    }

    /// Keeps its size over most of its reach, as a trunk or a limb does, instead of closing like a ball.
    pub fn tubular(mut self) -> Self {
        self.closing = 6.0;
        self
    }

    /// Lets it beat.
    pub fn pulsing(mut self, pulse: Pulse) -> Self {
        self.pulse = Some(pulse);
        self
    }

    /// The same piece in body coordinates.
    pub fn placed(&self, placement: &Placement, travel_mm: f32) -> Self {
        let outline = match self.outline {
            Outline::Ellipse { centre, along_mm, across_mm, angle_rad } => Outline::Ellipse {
                centre: placement.point(centre),
                along_mm,
                across_mm,
                angle_rad: placement.angle(angle_rad),
            },
            Outline::Rod { from, to, radius_mm } => {
                Outline::Rod { from: placement.point(from), to: placement.point(to), radius_mm }
            }
        };
        Self { outline, travel_mm: self.travel_mm + travel_mm, ..self.clone() }
    }

    /// First and last travel of the probe at which it can be seen, mm.
    pub fn travel_range_mm(&self) -> (f32, f32) {
        (self.travel_mm - self.reach_mm, self.travel_mm + self.reach_mm)
    }

    /// Size of the cut at a travel and a time relative to its largest; `None` off its ends.
    fn scale(&self, view: &View) -> Option<f32> {
        let off = ((view.travel_mm - self.travel_mm) / self.reach_mm).abs();
        if off >= 1.0 {
            return None;
        }
        let beat = self.pulse.map_or(0.0, |p| {
            let phase = f64::from(p.rate_hz) * view.time_secs + f64::from(p.phase);
            p.amount * (std::f64::consts::TAU * phase).sin() as f32
        });
        Some((1.0 - off.powf(self.closing)).powf(1.0 / self.closing) * (1.0 + beat))
    }

    /// Draws the cut over what is already in `tissue`.
    pub fn paint(&self, view: &View, grid: &PolarGrid, tissue: &mut Tissue) {
        let Some(scale) = self.scale(view) else { return };
        let (centre, reach) = self.outline.bounds(scale);
        let margin = self.edge_mm + self.wall.map_or(0.0, |(_, thickness)| thickness);
        let Some(window) = grid.window(view.to_probe(centre), reach + margin) else { return };
        let cut = self.outline.cut(scale);
        for sample in window.first_sample..window.end_sample {
            for line in window.first_line..window.end_line {
                let index = sample * grid.lines + line;
                let point = vec2(tissue.x_mm[index], tissue.y_mm[index]);
                let (distance, normal) = cut.distance(point);
                if distance > margin {
                    continue;
                }
                self.paint_point(index, distance, normal, view.beam(grid.directions()[line]), tissue);
            }
        }
    }

    #[inline]
    fn paint_point(&self, index: usize, distance_mm: f32, normal: Vec2, beam: Vec2, tissue: &mut Tissue) {
        if let Some(fill) = &self.fill {
            let cover = smoothstep(self.edge_mm, -self.edge_mm, distance_mm);
            tissue.cover(index, fill, cover, 0.0);
        }
        if let Some((wall, thickness)) = &self.wall {
            let cover = smoothstep(self.edge_mm, -self.edge_mm, distance_mm.abs() - thickness / 2.0);
            let across = normal.dot(beam).abs() / normal.length().max(1e-6);
            tissue.cover(index, wall, cover, -OBLIQUE_DROP_DB * (1.0 - across * across));
        }
    }
}

impl Outline {
    /// Middle and radius of a disc that holds the cut.
    fn bounds(&self, scale: f32) -> (Vec2, f32) {
        match *self {
            Outline::Ellipse { centre, along_mm, across_mm, .. } => (centre, along_mm.max(across_mm) * scale),
            Outline::Rod { from, to, radius_mm } => {
                ((from + to) * 0.5, ((to - from).length() / 2.0 + radius_mm) * scale)
            }
        }
    }

    fn cut(&self, scale: f32) -> Cut {
        match *self {
            Outline::Ellipse { centre, along_mm, across_mm, angle_rad } => {
                let (sin, cos) = angle_rad.sin_cos();
                let (along, across) = ((along_mm * scale).max(0.05), (across_mm * scale).max(0.05));
                Cut::Ellipse { centre, sin, cos, per_along: 1.0 / along, per_across: 1.0 / across }
            }
            Outline::Rod { from, to, radius_mm } => {
                let middle = (from + to) * 0.5;
                let half = (to - from) * (0.5 * scale);
                let per_length_squared = 1.0 / half.dot(half).max(1e-6);
                Cut::Rod { middle, half, per_length_squared, radius_mm: radius_mm * scale }
            }
        }
    }
}

/// An outline at one scale, with what does not depend on the point worked out.
enum Cut {
    Ellipse { centre: Vec2, sin: f32, cos: f32, per_along: f32, per_across: f32 },
    Rod { middle: Vec2, half: Vec2, per_length_squared: f32, radius_mm: f32 },
}

impl Cut {
    /// Signed distance to the border (negative inside; first order near the border for ellipses) and a normal of
    /// any length.
    #[inline]
    fn distance(&self, point: Vec2) -> (f32, Vec2) {
        match *self {
            Cut::Ellipse { centre, sin, cos, per_along, per_across } => {
                let d = point - centre;
                let u = (cos * d.x + sin * d.y) * per_along;
                let v = (cos * d.y - sin * d.x) * per_across;
                let (gu, gv) = (u * per_along, v * per_across);
                let radius = (u * u + v * v).sqrt();
                let slope = (gu * gu + gv * gv).sqrt().max(1e-6);
                (radius * (radius - 1.0) / slope, vec2(cos * gu - sin * gv, sin * gu + cos * gv))
            }
            Cut::Rod { middle, half, per_length_squared, radius_mm } => {
                let d = point - middle;
                let along = (d.dot(half) * per_length_squared).clamp(-1.0, 1.0);
                let off = d - half * along;
                (off.length() - radius_mm, vec2(-half.y, half.x))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_zero_on_the_border_and_negative_inside() {
        let ellipse = Structure::ellipse(2.0, 30.0, 10.0, 5.0, 30.0).outline.cut(1.0);
        let axis = vec2(1.0, 0.0).rotated(30_f32.to_radians());
        let (on, normal) = ellipse.distance(vec2(2.0, 30.0) + axis * 10.0);
        assert!(on.abs() < 1e-3 && normal.dot(axis) > 0.0);
        let (outside, _) = ellipse.distance(vec2(2.0, 30.0) + axis * 11.0);
        assert!((outside - 1.0).abs() < 0.15, "{outside}");
        assert!(ellipse.distance(vec2(2.1, 30.0)).0 < -0.1);

        let rod = Structure::rod(vec2(0.0, 0.0), vec2(10.0, 0.0), 2.0).outline.cut(1.0);
        assert!((rod.distance(vec2(5.0, 5.0)).0 - 3.0).abs() < 1e-5);
        assert!((rod.distance(vec2(14.0, 0.0)).0 - 2.0).abs() < 1e-5);
    }

    #[test]
    fn a_ball_closes_towards_its_ends_and_a_tube_does_not() {
        let at = |s: &Structure, travel_mm| s.scale(&View { travel_mm, ..View::default() });
        let ball = Structure::ellipse(0.0, 0.0, 5.0, 5.0, 0.0).along_travel(0.0, 10.0);
        let tube = ball.clone().tubular();
        assert_eq!(at(&ball, 0.0), Some(1.0));
        assert!((at(&ball, 6.0).unwrap() - 0.8).abs() < 1e-5);
        assert!(at(&tube, 6.0).unwrap() > 0.98);
        assert_eq!(at(&tube, 10.0), None);
    }
}
