//! How the probe is moved: on a plane for a while, off to the next, with searching on the way; never quite still.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::SimulateConfig;
use crate::anatomy::{View, World};
use crate::geometry::vec2;
use crate::rng::{Stream, between, between_secs, sign, stream};

/// A frame shows a plane while the probe is no further off it than this, mm: structures are still whole.
pub const ON_PLANE_MM: f32 = 2.5;

/// How finely the ends of a plane's time on the screen are found: well under the shortest way between two planes.
const SPAN_STEP_SECS: f64 = 0.02;

/// Which planes are visited in which order, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Visits {
    /// built-in plane of each visit
    pub planes: Vec<usize>,
    /// when the probe arrives and leaves
    holds: Vec<(f64, f64)>,
    seconds: f64,
}

impl Visits {
    /// Plans a recording: all planes in random order, then again as long as there is time.
    pub fn plan(config: &SimulateConfig, planes: &[usize], recording: usize) -> Self {
        let rng = &mut stream(config.seed, "visits", recording);
        let held_secs = (1.0 - config.background_share) * config.seconds;
        let count = ((held_secs / config.hold_secs).round() as usize).max(planes.len());
        let order = order(planes, count, rng);
        let holds_share: Vec<f64> = (0..count).map(|_| between_secs(rng, 0.6, 1.4)).collect();
        // the way in and the way out are shorter than those between
        let ways_share: Vec<f64> = (0..=count)
            .map(|way| between_secs(rng, 0.7, 1.3) * if way == 0 || way == count { 0.55 } else { 1.0 })
            .collect();
        let hold_unit = held_secs / holds_share.iter().sum::<f64>();
        let way_unit = (config.seconds - held_secs) / ways_share.iter().sum::<f64>();
        let mut clock = 0.0;
        let holds = holds_share
            .iter()
            .zip(&ways_share)
            .map(|(hold, way)| {
                let start = clock + way * way_unit;
                clock = start + hold * hold_unit;
                (start, clock)
            })
            .collect();
        Self { planes: order, holds, seconds: config.seconds }
    }
}

/// `count` visits in rounds through all planes, none twice in a row.
fn order(planes: &[usize], count: usize, rng: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(count + planes.len());
    while order.len() < count {
        let mut round = planes.to_vec();
        round.shuffle(rng);
        if order.last() == round.first() {
            let last = round.len() - 1;
            round.swap(0, last);
        }
        order.extend(round);
    }
    order.truncate(count);
    order
}

/// The probe's path through a world.
#[derive(Debug, Clone)]
pub struct ProbePath {
    /// time and travel, in order of time
    stops: Vec<(f64, f32)>,
    sway: [Sway; 4],
    breath_phase: f64,
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

/// The mother's breathing moves everything up and down, mm and a second.
const BREATH_MM: f32 = 0.8;
const BREATH_HZ: f64 = 0.27;

impl ProbePath {
    /// The path for planned visits through the world that was built for them.
    pub fn plan(visits: &Visits, world: &World, seed: u64, recording: usize) -> Self {
        let rng = &mut stream(seed, "probe", recording);
        let first = world.groups.first().map_or(0.0, |group| group.travel_mm);
        let mut stops = vec![(0.0, first)];
        for (visit, &(start, end)) in visits.holds.iter().enumerate() {
            let plane = world.visited(visit).travel_mm;
            let (left_at, left) = *stops.last().expect("starts with one");
            stops.extend(search(left_at, left, start, plane, rng));
            stops.push((start, plane));
            stops.push((end, plane));
        }
        let last = world.groups.last().map_or(0.0, |group| group.travel_mm);
        stops.push((visits.seconds, last));
        Self {
            stops,
            sway: [
                Sway::draw(1.2, (0.9, 3.0), rng),
                Sway::draw(5.0, (3.0, 9.0), rng),
                Sway::draw(3.0, (3.0, 9.0), rng),
                Sway::draw(0.09, (3.0, 9.0), rng),
            ],
            breath_phase: rng.random(),
        }
    }

    /// Where the probe is at a time.
    pub fn view(&self, time_secs: f64) -> View {
        let [along, across, down, turn] = &self.sway;
        let breath = (std::f64::consts::TAU * (BREATH_HZ * time_secs + self.breath_phase)).sin() as f32;
        View {
            time_secs,
            travel_mm: self.travel(time_secs) + along.at(time_secs),
            shift_mm: vec2(across.at(time_secs), down.at(time_secs) + BREATH_MM * breath),
            angle_rad: turn.at(time_secs),
        }
    }

    fn travel(&self, time_secs: f64) -> f32 {
        let next = self.stops.partition_point(|stop| stop.0 <= time_secs).clamp(1, self.stops.len() - 1);
        let ((start, from), (end, to)) = (self.stops[next - 1], self.stops[next]);
        let part = ((time_secs - start) / (end - start).max(1e-9)).clamp(0.0, 1.0);
        // from rest to rest
        from + (to - from) * (0.5 - 0.5 * (std::f64::consts::PI * part).cos()) as f32
    }

    /// Times at which the planes are on the screen, one span a visit, from finding to leaving.
    pub fn spans(&self, visits: &Visits, world: &World) -> Vec<PlaneVisit> {
        visits
            .planes
            .iter()
            .zip(&visits.holds)
            .enumerate()
            .map(|(visit, (&plane, &(start, end)))| {
                let middle = 0.5 * (start + end);
                let at = world.visited(visit).travel_mm;
                let is_on = |time: f64| (self.view(time).travel_mm - at).abs() <= ON_PLANE_MM;
                let walk = |step: f64| {
                    (1_u32..)
                        .map(|i| middle + step * f64::from(i))
                        .find(|&time| !is_on(time) || !(0.0..visits.seconds).contains(&time))
                        .expect("the recording ends")
                        .clamp(0.0, visits.seconds)
                };
                let (found, left) = (walk(-SPAN_STEP_SECS) + SPAN_STEP_SECS, walk(SPAN_STEP_SECS));
                PlaneVisit { visit, plane, start_secs: found.clamp(0.0, middle), end_secs: left }
            })
            .collect()
    }
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

/// Stops between two planes: lingering on something else, and overshooting the target before settling on it.
fn search(left_at: f64, left: f32, start: f64, plane: f32, rng: &mut Stream) -> Vec<(f64, f32)> {
    let way = start - left_at;
    let time = |share: f64| left_at + share * way;
    let mut stops = Vec::new();
    if way < 1.0 {
        return stops;
    }
    let linger = left + (plane - left) * between(rng, 0.4, 0.6);
    let share = between_secs(rng, 0.3, 0.45);
    stops.push((time(share), linger));
    stops.push((time(share + 0.15), linger + between(rng, -2.0, 2.0)));
    if rng.random_bool(0.35) {
        stops.push((time(0.87), plane + sign(rng) * between(rng, 5.0, 9.0)));
    }
    stops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anatomy::Subject;

    fn path(seed: u64) -> (SimulateConfig, Visits, World, ProbePath) {
        let config = SimulateConfig { seed, ..SimulateConfig::default() };
        let visits = Visits::plan(&config, &[0, 1, 2, 3], 0);
        let world = World::build(&Subject::draw(seed, 0), &visits.planes, seed, 0);
        let path = ProbePath::plan(&visits, &world, seed, 0);
        (config, visits, world, path)
    }

    #[test]
    fn every_plane_is_visited_and_none_twice_in_a_row() {
        for seed in 0..20 {
            let (_, visits, ..) = path(seed);
            assert!((0..4).all(|plane| visits.planes.contains(&plane)));
            assert!(visits.planes.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn spans_follow_each_other_and_take_the_share_they_should() {
        for seed in 0..20 {
            let (config, visits, world, path) = path(seed);
            let spans = path.spans(&visits, &world);
            assert!(spans.windows(2).all(|pair| pair[0].end_secs <= pair[1].start_secs));
            assert!(spans.iter().all(|span| span.end_secs > span.start_secs + 1.0), "{spans:?}");
            let held: f64 = spans.iter().map(|span| span.end_secs - span.start_secs).sum();
            let share = held / config.seconds;
            assert!((0.55..0.8).contains(&share), "{share}");
        }
    }

    #[test]
    fn spans_stay_apart_however_hurried_the_scan() {
        for (background_share, hold_secs, seconds) in
            [(0.1, 1.0, 10.0), (0.9, 1.0, 10.0), (0.1, 1.0, 300.0), (0.9, 60.0, 30.0)]
        {
            let config = SimulateConfig { background_share, hold_secs, seconds, ..SimulateConfig::default() };
            config.check().unwrap();
            for recording in 0..10 {
                let visits = Visits::plan(&config, &[0, 1, 2, 3], recording);
                let world = World::build(&Subject::draw(1, 0), &visits.planes, 1, recording);
                let spans = ProbePath::plan(&visits, &world, 1, recording).spans(&visits, &world);
                assert!(spans.iter().all(|span| span.start_secs < span.end_secs && span.end_secs <= seconds));
                assert!(spans.windows(2).all(|pair| pair[0].end_secs < pair[1].start_secs), "{spans:?}");
            }
        }
    }

    #[test]
    fn the_probe_does_not_jump() {
        let (config, _, _, path) = path(3);
        let step = 1.0 / 60.0;
        for i in 0..(config.seconds / step) as u32 {
            let (a, b) = (path.view(f64::from(i) * step), path.view(f64::from(i + 1) * step));
            assert!((a.travel_mm - b.travel_mm).abs() < 4.0, "at {} s", a.time_secs);
            assert!((a.shift_mm - b.shift_mm).length() < 0.5);
        }
    }
}
