//! Which planes are visited in which order, and when.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::SimulateConfig;
use crate::rng::{Stream, between_secs, stream};

/// The plan of one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Visits {
    /// plane of each visit, index into [`crate::anatomy::PLANE_NAMES`]
    pub planes: Vec<usize>,
    /// when the probe arrives and leaves
    pub holds: Vec<(f64, f64)>,
    /// length of the recording
    pub seconds: f64,
}

impl Visits {
    /// Plans a recording: all planes in the order that the sonographer is used to, changed here and there as the
    /// fetus allows, then again as long as there is time.
    pub fn plan(config: &SimulateConfig, planes: &[usize], recording: usize, sonographer: usize) -> Self {
        let habit = &mut stream(config.seed, "habit", sonographer);
        let rng = &mut stream(config.seed, "visits", recording);
        let held_secs = (1.0 - config.background_share) * config.seconds;
        // some linger, some hurry
        let usual_secs = config.hold_secs * between_secs(habit, 0.8, 1.2);
        let count = ((held_secs / usual_secs).round() as usize).max(planes.len());
        let order = order(planes, count, habit, rng);
        let holds_share: Vec<f64> = (0..count).map(|_| between_secs(rng, 0.6, 1.4)).collect();
        // the way in and the way out are shorter than those between
        let ways_share: Vec<f64> = (0..=count)
            .map(|way| between_secs(rng, 0.6, 1.5) * if way == 0 || way == count { 0.55 } else { 1.0 })
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
fn order(planes: &[usize], count: usize, habit: &mut Stream, rng: &mut Stream) -> Vec<usize> {
    let mut usual = planes.to_vec();
    usual.shuffle(habit);
    let mut order: Vec<usize> = Vec::with_capacity(count + planes.len());
    while order.len() < count {
        let mut round = usual.clone();
        for _ in 0..planes.len() / 2 {
            round.swap(rng.random_range(0..planes.len()), rng.random_range(0..planes.len()));
        }
        if order.last() == round.first() {
            let last = round.len() - 1;
            round.swap(0, last);
        }
        order.extend(round);
    }
    order.truncate(count);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plane_is_visited_and_none_twice_in_a_row() {
        let planes: Vec<usize> = (0..13).collect();
        for seed in 0..20 {
            let config = SimulateConfig { seed, ..SimulateConfig::default() };
            let visits = Visits::plan(&config, &planes, 3, 1);
            assert!(planes.iter().all(|plane| visits.planes.contains(plane)));
            assert!(visits.planes.windows(2).all(|pair| pair[0] != pair[1]));
            assert!(visits.holds.windows(2).all(|pair| pair[0].1 < pair[1].0));
            let held: f64 = visits.holds.iter().map(|hold| hold.1 - hold.0).sum();
            assert!((held / config.seconds - (1.0 - config.background_share)).abs() < 1e-6);
        }
    }
}
