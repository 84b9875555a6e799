//! Where the sonographer looks: fixations on the structures that matter, quick jumps between them, a tracker that is
//! a little unsteady and loses the eyes in blinks.

use rand::Rng;
use sonovox_study::GazeSample;

use crate::anatomy::planes::Landmark;
use crate::config::GazeConfig;
use crate::geometry::{Vec2, Vec3, vec2, vec3};
use crate::image::Machine;
use crate::probe::{PlaneVisit, ProbePath};
use crate::rng::{Stream, between, between_secs, normal};

/// Duration of a saccade: 20 ms and about 2 ms a degree; a screen is about 35 degrees wide.
const SACCADE_SECS: (f64, f64) = (0.020, 0.070);
/// How far the middle of a fixation is off the middle of the structure, standard deviation, mm.
const AIM_MM: f32 = 1.6;
/// A plane that comes up draws the eyes this long before it is found.
const AHEAD_SECS: f64 = 0.4;
/// A landmark that is searched for is seen coming from this far off the picture.
const SOUGHT_MM: f32 = 22.0;

/// What gaze is made from.
pub struct GazeSource<'a> {
    /// rate, noise, blinks
    pub config: &'a GazeConfig,
    /// planes with what is looked at on them, and how they move on the screen
    pub path: &'a ProbePath,
    /// when which plane is on the screen
    pub visits: &'a [PlaneVisit],
    /// from millimetres to the video frame
    pub machine: &'a Machine,
    /// length of the recording
    pub seconds: f64,
}

/// What a fixation rests on.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// a spot of the body: the eyes go along with it
    Body(Vec3),
    /// a spot of the screen, probe coordinates, mm
    Screen(Vec2),
}

impl GazeSource<'_> {
    /// Samples of the whole recording in order of time; those that are not valid hold zeros.
    pub fn samples(&self, rng: &mut Stream) -> Vec<GazeSample> {
        let count = (self.seconds * self.config.rate_hz).ceil() as usize;
        let mut samples = Vec::with_capacity(count);
        let mut from = Target::Screen(vec2(0.0, 50.0));
        let mut fixation = self.next_fixation(0.0, from, rng);
        let mut blink_until = 0.0;
        for i in 0..count {
            let time_secs = i as f64 / self.config.rate_hz;
            while time_secs >= fixation.end_secs {
                from = fixation.target;
                fixation = self.next_fixation(time_secs, from, rng);
            }
            if rng.random_bool((self.config.blinks_per_minute / 60.0 / self.config.rate_hz).min(1.0)) {
                blink_until = time_secs + between_secs(rng, 0.1, 0.3);
            }
            let noise = vec2(normal(rng), normal(rng)) * self.config.noise as f32;
            let at = self.on_screen(time_secs, fixation.place(time_secs, from, self), noise);
            let valid = time_secs >= blink_until && [at.x, at.y].iter().all(|v| (0.0..=1.0).contains(v));
            let at = if valid { at } else { Vec2::default() };
            samples.push(GazeSample { time_secs, x: at.x, y: at.y, valid });
        }
        samples
    }

    /// The structure of interest of a visit on the screen, 0..1 of the video frame.
    pub fn centre_of(&self, visit: &PlaneVisit, time_secs: f64) -> Vec2 {
        let landmark = self.path.targets[visit.visit].landmarks[0].at;
        let (view, _) = self.path.shown(time_secs);
        self.machine.layout(time_secs).relative(view.to_probe(landmark))
    }

    fn on_screen(&self, time_secs: f64, point_mm: Vec2, noise: Vec2) -> Vec2 {
        let layout = self.machine.layout(time_secs);
        let at = layout.relative(point_mm);
        // noise is a share of the width in both directions
        vec2(at.x + noise.x, at.y + noise.y * layout.width as f32 / layout.height as f32)
    }

    fn next_fixation(&self, start_secs: f64, from: Target, rng: &mut Stream) -> Fixation {
        // log-normal about 0.3 s, as in reading a picture
        let lasts = f64::from((0.45 * normal(rng)).exp()) * 0.32;
        let saccade_secs = between_secs(rng, SACCADE_SECS.0, SACCADE_SECS.1);
        let target = match self.looked_at(start_secs) {
            Some(landmarks) => {
                let spot = pick(landmarks, rng).at;
                Target::Body(spot + scatter(rng) * AIM_MM)
            }
            None => self.wander(start_secs, from, rng),
        };
        Fixation {
            start_secs,
            saccade_secs,
            end_secs: start_secs + saccade_secs + lasts.clamp(0.1, 1.2),
            target,
        }
    }

    fn looked_at(&self, time_secs: f64) -> Option<&[Landmark]> {
        let visit = self
            .visits
            .iter()
            .find(|visit| (visit.start_secs - AHEAD_SECS..visit.end_secs).contains(&time_secs))?;
        Some(&self.path.targets[visit.visit].landmarks)
    }

    /// Searching: the landmarks of the plane that comes next, as far as they are near the picture, or anywhere about
    /// the middle.
    fn wander(&self, time_secs: f64, from: Target, rng: &mut Stream) -> Target {
        let next = self.visits.iter().find(|visit| visit.start_secs > time_secs);
        let (view, _) = self.path.shown(time_secs);
        let sought = next.map(|visit| pick(&self.path.targets[visit.visit].landmarks, rng).at);
        match sought {
            Some(at) if view.off_plane_mm(at).abs() < SOUGHT_MM && rng.random_bool(0.7) => {
                Target::Body(at + scatter(rng) * (3.0 * AIM_MM))
            }
            _ => {
                let last = self.place_of(from, time_secs);
                let middle = vec2(0.0, 48.0);
                let next = (last + middle) * 0.5 + vec2(normal(rng) * 10.0, normal(rng) * 9.0);
                Target::Screen(vec2(next.x.clamp(-34.0, 34.0), next.y.clamp(18.0, 80.0)))
            }
        }
    }

    fn place_of(&self, target: Target, time_secs: f64) -> Vec2 {
        let (view, _) = self.path.shown(time_secs);
        match target {
            Target::Body(point) => view.to_probe(point),
            Target::Screen(point) => point,
        }
    }
}

struct Fixation {
    start_secs: f64,
    saccade_secs: f64,
    end_secs: f64,
    target: Target,
}

impl Fixation {
    /// Where the eyes point, probe coordinates, mm: on the way during the saccade, then on the target.
    fn place(&self, time_secs: f64, from: Target, source: &GazeSource<'_>) -> Vec2 {
        let part = ((time_secs - self.start_secs) / self.saccade_secs).clamp(0.0, 1.0);
        let (start, end) = (source.place_of(from, time_secs), source.place_of(self.target, time_secs));
        // minimum jerk
        let way = part.powi(3) * (10.0 - 15.0 * part + 6.0 * part * part);
        start + (end - start) * way as f32
    }
}

fn scatter(rng: &mut Stream) -> Vec3 {
    vec3(normal(rng), normal(rng), normal(rng))
}

fn pick<'a>(landmarks: &'a [Landmark], rng: &mut Stream) -> &'a Landmark {
    let total: f32 = landmarks.iter().map(|landmark| landmark.weight).sum();
    let mut rest = between(rng, 0.0, total);
    for landmark in landmarks {
        rest -= landmark.weight;
        if rest < 0.0 {
            return landmark;
        }
    }
    landmarks.last().expect("a group has landmarks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimulateConfig;
    use crate::anatomy::{Subject, World};
    use crate::probe::Visits;
    use crate::rng::stream;

    struct Scene {
        config: SimulateConfig,
        path: ProbePath,
        visits: Vec<PlaneVisit>,
        machine: Machine,
    }

    impl Scene {
        fn new() -> Self {
            let config = SimulateConfig { seconds: 90.0, ..SimulateConfig::default() };
            let subject = Subject::draw(9, 0);
            let planned = Visits::plan(&config, &[0, 1, 2, 3, 4, 8, 12], 0, 0);
            let world = World::build(&subject, 9, 0);
            let path = ProbePath::plan(&planned, &subject, &world, 9, 0);
            let visits = path.spans(&planned);
            let machine = Machine::draw(&config.video, &subject, &visits, &mut stream(9, "machine", 0));
            Self { config, path, visits, machine }
        }

        fn source<'a>(&'a self, visits: &'a [PlaneVisit]) -> GazeSource<'a> {
            let Self { config, path, machine, .. } = self;
            GazeSource { config: &config.gaze, path, visits, machine, seconds: config.seconds }
        }
    }

    #[test]
    fn while_a_plane_is_held_gaze_rests_on_its_landmarks() {
        let scene = Scene::new();
        let (mut held, mut near) = (0, 0);
        let source = scene.source(&scene.visits);
        for sample in source.samples(&mut stream(9, "gaze", 0)).iter().filter(|sample| sample.valid) {
            let on =
                scene.visits.iter().find(|v| (v.start_secs + 0.5..v.end_secs).contains(&sample.time_secs));
            let Some(visit) = on else { continue };
            let layout = scene.machine.layout(sample.time_secs);
            let at =
                layout.millimetres(vec2(sample.x * layout.width as f32, sample.y * layout.height as f32));
            let (view, _) = scene.path.shown(sample.time_secs);
            let landmarks = &scene.path.targets[visit.visit].landmarks;
            let nearest =
                landmarks.iter().map(|l| (view.to_probe(l.at) - at).length()).fold(f32::INFINITY, f32::min);
            held += 1;
            near += usize::from(nearest < 5.0);
        }
        assert!(held > 1000 && near * 10 > held * 8, "{near} of {held} within 5 mm");
    }

    #[test]
    fn fixations_last_as_long_as_people_fixate() {
        let mut rng = stream(2, "gaze", 0);
        let scene = Scene::new();
        let source = scene.source(&[]);
        let lasting: Vec<f64> = (0..500)
            .map(|_| source.next_fixation(0.0, Target::Screen(vec2(0.0, 50.0)), &mut rng))
            .map(|fixation| fixation.end_secs - fixation.saccade_secs)
            .collect();
        let mean = lasting.iter().sum::<f64>() / 500.0;
        assert!((0.28..0.45).contains(&mean), "{mean}");
        assert!(lasting.iter().all(|secs| (0.0999..=1.2001).contains(secs)));
    }
}
