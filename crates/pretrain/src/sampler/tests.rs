use std::collections::BTreeMap;

use super::*;

/// Two recordings of 10 and 8 two-second intervals of 20 frames; every third interval is silent.
fn fragments() -> Vec<Fragment> {
    let of = |recording: usize, count: usize| {
        (0..count).map(move |index| Fragment {
            recording,
            index,
            start_secs: 2.0 * index as f64,
            end_secs: 2.0 * (index + 1) as f64,
            frames: 20 * index..20 * (index + 1),
            voiced: index % 3 != 2,
        })
    };
    of(0, 10).chain(of(1, 8)).collect()
}

fn sampler(window_secs: f64) -> Sampler {
    Sampler::new(fragments(), window_secs, 5, 7)
}

#[test]
fn positives_share_the_interval_and_negatives_are_near_but_apart() {
    let sampler = sampler(2.5);
    for step in 0..200 {
        for pair in sampler.pairs(step, 4, 2) {
            let interval = pair.frame / 20;
            assert!(interval % 3 != 2, "a silent interval gives no pair");
            assert_eq!((pair.speech_secs / 2.0) as usize, interval);
            let negative = (pair.negative_secs / 2.0) as usize;
            let delta = negative.abs_diff(interval);
            assert!((1..5).contains(&delta), "delta {delta}");
            assert!((pair.negative_secs - pair.speech_secs).abs() >= 2.5);
            assert!(negative % 3 != 2, "voiced neighbours exist, so the negative is voiced");
            assert!(pair.negative_secs < if pair.recording == 0 { 20.0 } else { 16.0 });
        }
    }
}

#[test]
fn both_signs_and_all_deltas_occur() {
    let sampler = sampler(0.6);
    let mut deltas = BTreeMap::new();
    for step in 0..500 {
        for pair in sampler.pairs(step, 4, 2) {
            let delta = (pair.negative_secs / 2.0).floor() - (pair.frame / 20) as f64;
            *deltas.entry(delta as i32).or_insert(0) += 1;
        }
    }
    assert_eq!(deltas.keys().copied().collect::<Vec<_>>(), [-4, -3, -2, -1, 1, 2, 3, 4]);
}

#[test]
fn a_pass_uses_every_voiced_interval_once_and_steps_are_repeatable() {
    let sampler = sampler(2.5);
    assert_eq!((sampler.paired(), sampler.ordered(), sampler.without_negative()), (13, 18, 0));
    let mut seen = BTreeMap::new();
    // 13 steps of 4 intervals are 4 passes over 13
    for step in 0..13 {
        for pair in sampler.pairs(step, 4, 1) {
            *seen.entry((pair.recording, pair.frame / 20)).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 13);
    assert!(seen.values().all(|&count| count == 4), "{seen:?}");
    assert_eq!(sampler.pairs(5, 4, 2), sampler.pairs(5, 4, 2));
    assert_ne!(sampler.pairs(5, 4, 2), sampler.pairs(6, 4, 2));
    assert_eq!(sampler.tuples(9, 3), sampler.tuples(9, 3));
}

#[test]
fn frame_order_uses_silent_video_too() {
    let sampler = sampler(2.5);
    let silent =
        (0..60).flat_map(|step| sampler.tuples(step, 3)).any(|tuple| (tuple.frames[0] / 20) % 3 == 2);
    assert!(silent);
}

#[test]
fn a_recording_too_short_for_a_hard_negative_gives_no_pairs() {
    let mut short = fragments();
    short.truncate(1);
    let sampler = Sampler::new(short, 2.5, 5, 7);
    assert_eq!((sampler.paired(), sampler.without_negative()), (0, 1));
    assert!(sampler.pairs(0, 4, 2).is_empty());
}
