//! The probe's way through one recording: from plane to plane with search, near misses and overshoot between, never
//! quite still, and frozen now and then.

use rand::Rng;

use super::aim::Aim;
use super::schedule::Visits;
use crate::anatomy::planes::{PLANE_NAMES, Target, target};
use crate::anatomy::{Subject, View, World};
use crate::geometry::{Quat, Vec2, Vec3, vec2, vec3};
use crate::rng::{Stream, between, between_secs, normal, sign, stream};

/// A frame shows a plane while the scan plane is tilted against it by no more than this ...
pub const ON_PLANE_DEG: f32 = 10.0;
/// ... and is no further from its middle than this, mm.
pub const ON_PLANE_MM: f32 = 3.5;

/// How finely the ends of a plane's time on the screen are found: well under the shortest way between two planes.
const SPAN_STEP_SECS: f64 = 0.02;
/// The probe is kept outside the fetus at so many times a second.
const PUSH_RATE_HZ: f64 = 5.0;
/// Samples over which that correction is spread to either side.
const PUSH_REACH: usize = 2;
/// Planes are hit with an error of this standard deviation, degrees and mm; cut at twice that.
const MISS_DEG: f32 = 2.6;
const MISS_MM: f32 = 0.7;
/// The mother's breathing moves everything up and down, mm and a second.
const BREATH_MM: f32 = 0.8;
const BREATH_HZ: f64 = 0.27;

/// The probe's path through a world.
#[derive(Debug, Clone)]
pub struct ProbePath {
    keys: Vec<Key>,
    /// extra distance from the fetus, mm, [`PUSH_RATE_HZ`]
    push_mm: Vec<f32>,
    sway: [Sway; 6],
    breath_phase: f64,
    /// plane of each visit as it lies in the body
    pub targets: Vec<Target>,
    /// in order of time
    pub freezes: Vec<Freeze>,
}

/// Where the probe is at a time.
#[derive(Debug, Clone, Copy)]
struct Key {
    time_secs: f64,
    aim: Aim,
}

/// The picture stands still, as when something is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Freeze {
    /// the key is pressed
    pub start_secs: f64,
    /// the picture moves again
    pub end_secs: f64,
    /// marks of a measurement, probe mm; anywhere, whatever is shown, so that they tell nothing
    pub calipers: Option<[Vec2; 2]>,
}

/// A visit as it can be seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneVisit {
    /// index of the visit in the recording
    pub visit: usize,
    /// built-in plane
    pub plane: usize,
    /// the plane is found
    pub start_secs: f64,
    /// the plane is left
    pub end_secs: f64,
}

impl ProbePath {
    /// The path for planned visits through a world.
    pub fn plan(visits: &Visits, subject: &Subject, world: &World, seed: u64, recording: usize) -> Self {
        let rng = &mut stream(seed, "probe", recording);
        let mut planner = Planner { subject, world, keys: Vec::new(), freezes: Vec::new(), rng };
        let start = planner.distractor(None);
        planner.push(0.0, start);
        let mut targets = Vec::new();
        for (&plane, &(start, end)) in visits.planes.iter().zip(&visits.holds) {
            targets.push(planner.visit(plane, start, end));
        }
        let last = *planner.keys.last().expect("starts with one");
        let end = planner.distractor(Some(&last.aim));
        planner.push(visits.seconds, end);
        let Planner { keys, mut freezes, rng, .. } = planner;
        freezes.retain(|freeze| freeze.end_secs < visits.seconds);
        let sways = [
            (1.0, 0.9, 3.0),
            (1.6, 3.0, 9.0),
            (1.0, 3.0, 9.0),
            (0.03, 2.0, 7.0),
            (0.03, 2.0, 7.0),
            (0.04, 3.0, 9.0),
        ];
        let sway = sways.map(|(amount, low, high)| Sway::draw(amount, (low, high), rng));
        let mut path = Self { keys, push_mm: Vec::new(), sway, breath_phase: rng.random(), targets, freezes };
        path.push_mm = path.pushes(world, visits.seconds);
        path
    }

    /// Where the probe is at a time, whether or not the picture stands still.
    pub fn view(&self, time_secs: f64) -> View {
        let mut aim = self.aim(time_secs);
        let place = time_secs * PUSH_RATE_HZ;
        let at = (place as usize).min(self.push_mm.len() - 2);
        let part = (place - at as f64).clamp(0.0, 1.0) as f32;
        aim.standoff_mm += self.push_mm[at] + part * (self.push_mm[at + 1] - self.push_mm[at]);
        aim.view(time_secs)
    }

    /// What the picture shows at a time: while it stands still, the moment at which it was frozen.
    pub fn shown(&self, time_secs: f64) -> (View, Option<&Freeze>) {
        let freeze =
            self.freezes.iter().find(|freeze| (freeze.start_secs..freeze.end_secs).contains(&time_secs));
        (self.view(freeze.map_or(time_secs, |freeze| freeze.start_secs)), freeze)
    }

    fn aim(&self, time_secs: f64) -> Aim {
        let next = self.keys.partition_point(|key| key.time_secs <= time_secs).clamp(1, self.keys.len() - 1);
        let (from, to) = (&self.keys[next - 1], &self.keys[next]);
        let part = ((time_secs - from.time_secs) / (to.time_secs - from.time_secs).max(1e-9)).clamp(0.0, 1.0);
        // from rest to rest
        let part = (0.5 - 0.5 * (std::f64::consts::PI * part).cos()) as f32;
        let turn = from.aim.turn.slerp(to.aim.turn, part);
        let [across, along, down, tilt, rock, spin] = &self.sway;
        let breath = (std::f64::consts::TAU * (BREATH_HZ * time_secs + self.breath_phase)).sin() as f32;
        let sway = vec3(along.at(time_secs), down.at(time_secs) + BREATH_MM * breath, across.at(time_secs));
        let shake = Quat::from_rotation_x(tilt.at(time_secs))
            * Quat::from_rotation_y(rock.at(time_secs))
            * Quat::from_rotation_z(spin.at(time_secs));
        Aim {
            pivot: from.aim.pivot.lerp(to.aim.pivot, part) + turn * sway,
            turn: (turn * shake).normalize(),
            standoff_mm: from.aim.standoff_mm + part * (to.aim.standoff_mm - from.aim.standoff_mm),
        }
    }

    /// What keeps the probe outside, spread over time so that it does not jump.
    fn pushes(&self, world: &World, seconds: f64) -> Vec<f32> {
        let count = (seconds * PUSH_RATE_HZ).ceil() as usize + 2;
        let needed: Vec<f32> = (0..count).map(|i| self.aim(i as f64 / PUSH_RATE_HZ).push_mm(world)).collect();
        let window = |i: usize| i.saturating_sub(PUSH_REACH)..(i + PUSH_REACH + 1).min(count);
        let highest: Vec<f32> =
            (0..count).map(|i| needed[window(i)].iter().copied().fold(0.0, f32::max)).collect();
        // the mean of maxima over windows that all hold the point is never under what it needs
        (0..count).map(|i| highest[window(i)].iter().sum::<f32>() / window(i).len() as f32).collect()
    }

    /// Times at which the planes are on the screen, one span a visit, from finding to leaving.
    pub fn spans(&self, visits: &Visits) -> Vec<PlaneVisit> {
        let bounds = |visit: usize| {
            let before = visit.checked_sub(1).map_or(0.0, |before| visits.holds[before].1);
            let after = visits.holds.get(visit + 1).map_or(visits.seconds, |hold| hold.0);
            (before, after)
        };
        visits
            .planes
            .iter()
            .zip(&visits.holds)
            .enumerate()
            .map(|(visit, (&plane, &(start, end)))| {
                let (before, after) = bounds(visit);
                let (earliest, latest) = (0.5 * (before + start), 0.5 * (end + after));
                let walk = |from: f64, step: f64| {
                    (1_u32..)
                        .map(|i| from + step * f64::from(i))
                        .find(|&time| !self.is_on(visit, time) || !(earliest..latest).contains(&time))
                        .expect("the recording ends")
                        .clamp(earliest, latest)
                };
                let found = walk(start, -SPAN_STEP_SECS) + SPAN_STEP_SECS;
                PlaneVisit {
                    visit,
                    plane,
                    start_secs: found.clamp(0.0, start),
                    end_secs: walk(end, SPAN_STEP_SECS),
                }
            })
            .collect()
    }

    fn is_on(&self, visit: usize, time_secs: f64) -> bool {
        let (view, target) = (self.view(time_secs), &self.targets[visit]);
        let tilt = view.normal.dot(target.normal).abs().min(1.0).acos();
        tilt <= ON_PLANE_DEG.to_radians() && view.off_plane_mm(target.centre).abs() <= ON_PLANE_MM
    }
}

struct Planner<'a> {
    subject: &'a Subject,
    world: &'a World,
    keys: Vec<Key>,
    freezes: Vec<Freeze>,
    rng: &'a mut Stream,
}

impl Planner<'_> {
    fn push(&mut self, time_secs: f64, aim: Aim) {
        self.keys.push(Key { time_secs, aim });
    }

    /// On the way to a plane, on it, and what was measured there.
    fn visit(&mut self, plane: usize, start: f64, end: f64) -> Target {
        let last = *self.keys.last().expect("starts with one");
        let target = target(plane, &self.world.fetus.landmarks, self.rng);
        let aim = self.aim(&target, &last.aim);
        let way = start - last.time_secs;
        if way > 2.0 {
            let time = last.time_secs + way * between_secs(self.rng, 0.25, 0.45);
            let stop = self.distractor(Some(&last.aim));
            self.push(time, stop);
            let linger = way * between_secs(self.rng, 0.08, 0.2);
            let moved = jittered(&stop, 6.0, 2.0, self.rng);
            self.push(time + linger, moved);
            if self.rng.random_bool(0.5) {
                self.freeze(time + 0.1 * linger, (0.9 * linger).min(2.0));
            }
        }
        if way > 0.8 {
            // the plane is missed at first: tilted, or beside it
            let tilt = between(self.rng, 13.0, 30.0).to_radians();
            let about = between(self.rng, 0.0, std::f32::consts::TAU);
            let near = target.tilted(tilt, about, between(self.rng, 3.0, 9.0) * sign(self.rng));
            let miss = self.aim(&near, &aim);
            self.push(start - (0.2 * way).clamp(0.4, 1.6), miss);
        }
        for time in [start, end] {
            let hit = jittered(&aim, MISS_DEG, MISS_MM, self.rng);
            self.push(time, hit);
        }
        if self.rng.random_bool(0.6) {
            let held = end - start;
            let pressed = start + held * between_secs(self.rng, 0.4, 0.6);
            self.freeze(pressed, (0.35 * held).min(2.5));
        }
        target
    }

    fn aim(&mut self, target: &Target, from: &Aim) -> Aim {
        // an operator who keeps the marker to one side sees all planes from the same side, mostly
        let usual = if self.subject.is_mirrored { -1.0 } else { 1.0 };
        let facing = if self.rng.random_bool(0.2) { -usual } else { usual };
        Aim::at(target, self.world, facing, Some(from), self.subject.depth_mm, self.rng)
    }

    /// Somewhere that is no standard plane: one that is tilted beyond recognition, or limbs, cord and placenta cut
    /// anyhow.
    fn distractor(&mut self, from: Option<&Aim>) -> Aim {
        let rng = &mut *self.rng;
        let stray = if rng.random_bool(0.55) {
            let plane = rng.random_range(0..PLANE_NAMES.len());
            let near = target(plane, &self.world.fetus.landmarks, rng);
            let (tilt, about) = (between(rng, 24.0, 60.0), between(rng, 0.0, std::f32::consts::TAU));
            near.tilted(tilt.to_radians(), about, between(rng, 5.0, 16.0) * sign(rng))
        } else {
            let centre =
                vec3(between(rng, -32.0, 32.0), between(rng, -10.0, 36.0), between(rng, -45.0, 95.0));
            let across = vec3(normal(rng), normal(rng), normal(rng)).normalize_or(Vec3::Z);
            let inwards = vec3(0.0, 5.0, centre.z) - centre;
            let beam = (inwards - across * across.dot(inwards)).normalize_or(across.any_orthonormal_vector());
            Target {
                centre,
                normal: across,
                beam,
                swing_deg: 60.0,
                is_two_sided: false,
                landmarks: Vec::new(),
            }
        };
        Aim::at(&stray, self.world, sign(rng), from, self.subject.depth_mm, rng)
    }

    fn freeze(&mut self, start_secs: f64, lasts_secs: f64) {
        let rng = &mut *self.rng;
        let calipers = rng.random_bool(0.6).then(|| {
            let middle = vec2(between(rng, -14.0, 14.0), between(rng, 36.0, 62.0));
            let (sin, cos) = between(rng, 0.0, std::f32::consts::TAU).sin_cos();
            let half = vec2(cos, sin) * between(rng, 5.0, 24.0);
            [middle - half, middle + half]
        });
        self.freezes.push(Freeze { start_secs, end_secs: start_secs + lasts_secs, calipers });
    }
}

/// The same aim, missed by a little.
fn jittered(aim: &Aim, degrees: f32, mm: f32, rng: &mut Stream) -> Aim {
    let mut draw = |size: f32| size * normal(rng).clamp(-2.0, 2.0);
    let (tilt, rock) = (draw(degrees).to_radians(), draw(degrees).to_radians());
    let off = vec3(draw(1.5 * mm), draw(mm), draw(mm));
    Aim {
        pivot: aim.pivot + aim.turn * off,
        turn: (aim.turn * Quat::from_rotation_x(tilt) * Quat::from_rotation_y(rock)).normalize(),
        ..*aim
    }
}

/// Slow irregular motion: three sines of unrelated periods.
#[derive(Debug, Clone)]
struct Sway {
    amount: f32,
    waves: [(f64, f64); 3],
}

impl Sway {
    fn draw(amount: f32, period_secs: (f64, f64), rng: &mut Stream) -> Self {
        let waves = std::array::from_fn(|_| {
            (1.0 / between_secs(rng, period_secs.0, period_secs.1), between_secs(rng, 0.0, 1.0))
        });
        Self { amount, waves }
    }

    fn at(&self, time_secs: f64) -> f32 {
        let sum: f64 = self
            .waves
            .iter()
            .map(|(rate, phase)| (std::f64::consts::TAU * (rate * time_secs + phase)).sin())
            .sum();
        self.amount * sum as f32 / 3.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimulateConfig;

    fn path(config: &SimulateConfig, recording: usize) -> (Visits, ProbePath) {
        let planes: Vec<usize> = (0..PLANE_NAMES.len()).collect();
        let subject = Subject::draw(config.seed, recording);
        let visits = Visits::plan(config, &planes, recording, 0);
        let world = World::build(&subject, config.seed, recording);
        let path = ProbePath::plan(&visits, &subject, &world, config.seed, recording);
        (visits, path)
    }

    fn long(seed: u64) -> SimulateConfig {
        SimulateConfig { seed, seconds: 120.0, ..SimulateConfig::default() }
    }

    #[test]
    fn spans_follow_each_other_and_hold_the_planes_while_they_are_held() {
        for seed in 0..4 {
            let (visits, path) = path(&long(seed), 1);
            let spans = path.spans(&visits);
            assert!(spans.windows(2).all(|pair| pair[0].end_secs <= pair[1].start_secs));
            for (span, hold) in spans.iter().zip(&visits.holds) {
                assert!(
                    span.start_secs <= hold.0 + 1e-6 && span.end_secs >= hold.1 - 1e-6,
                    "{span:?} {hold:?}"
                );
                let on = (0..20).filter(|i| {
                    let part = f64::from(*i) / 19.0;
                    path.is_on(span.visit, hold.0 + part * (hold.1 - hold.0))
                });
                assert!(on.count() >= 19, "{span:?}");
            }
        }
    }

    #[test]
    fn spans_stay_apart_however_hurried_the_scan() {
        for (background_share, hold_secs, seconds) in
            [(0.1, 1.0, 28.0), (0.9, 1.0, 28.0), (0.1, 1.0, 200.0), (0.9, 60.0, 60.0)]
        {
            let config = SimulateConfig { background_share, hold_secs, seconds, ..SimulateConfig::default() };
            for recording in 0..3 {
                let (visits, path) = path(&config, recording);
                let spans = path.spans(&visits);
                assert!(spans.iter().all(|span| span.start_secs < span.end_secs && span.end_secs <= seconds));
                assert!(spans.windows(2).all(|pair| pair[0].end_secs <= pair[1].start_secs), "{spans:?}");
            }
        }
    }

    #[test]
    fn the_probe_does_not_jump() {
        let (visits, path) = path(&long(3), 0);
        let step = 1.0 / 60.0;
        for i in 0..(visits.seconds / step) as u32 {
            let (a, b) = (path.view(f64::from(i) * step), path.view(f64::from(i + 1) * step));
            assert!(
                (a.face - b.face).length() < 12.0,
                "{} mm at {} s",
                (a.face - b.face).length(),
                a.time_secs
            );
            assert!(a.normal.angle_between(b.normal) < 0.25, "at {} s", a.time_secs);
        }
    }

    #[test]
    fn a_frozen_picture_stands_still() {
        let (_, path) = path(&long(2), 0);
        assert!(path.freezes.len() > 4);
        for freeze in &path.freezes {
            let (a, _) = path.shown(freeze.start_secs + 0.01);
            let (b, shown) = path.shown(freeze.end_secs - 0.01);
            assert!(a == b && shown == Some(freeze));
        }
    }
}
