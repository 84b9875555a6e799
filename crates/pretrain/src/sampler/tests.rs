use std::collections::BTreeMap;

use super::*;
use crate::Negatives;

/// Two recordings of 10 and 8 two-second intervals of 20 frames; every third interval is silent.
fn fragments() -> Vec<Fragment> {
    let of = |recording: usize, count: usize| {
        (0..count).map(move |index| Fragment {
            recording,
            index,
            start_secs: 2.0 * index as f64,
            end_secs: 2.0 * (index + 1) as f64,
            frames: 20 * index..20 * (index + 1),
            audible: true,
            voiced_share: if index % 3 == 2 { 0.0 } else { 1.0 },
            voiced: index % 3 != 2,
        })
    };
    of(0, 10).chain(of(1, 8)).collect()
}

fn pairs(window_secs: f64) -> PairConfig {
    PairConfig { window_secs, ..PairConfig::default() }
}

fn sampler(window_secs: f64) -> Sampler {
    Sampler::new(fragments(), &pairs(window_secs), Pool::Voiced, 7)
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
    let sampler = Sampler::new(short, &pairs(2.5), Pool::Voiced, 7);
    assert_eq!((sampler.paired(), sampler.without_negative()), (0, 1));
    assert!(sampler.pairs(0, 4, 2).is_empty());
}

#[test]
fn easy_negatives_come_from_another_recording_of_the_batch() {
    let config = PairConfig { negatives: crate::Negatives::Easy, ..pairs(2.5) };
    let sampler = Sampler::new(fragments(), &config, Pool::Voiced, 7);
    for step in 0..100 {
        let batch = sampler.pairs(step, 6, 2);
        for pair in &batch {
            assert_ne!(pair.negative_recording, pair.recording);
            let of_batch = |other: &&Pair| {
                other.recording == pair.negative_recording && other.speech_secs == pair.negative_secs
            };
            let several = batch.iter().any(|other| other.recording != pair.recording);
            assert!(!several || batch.iter().any(|other| of_batch(&other)));
        }
    }
    let alone = fragments().into_iter().filter(|fragment| fragment.recording == 0).collect();
    assert_eq!(Sampler::new(alone, &config, Pool::Voiced, 7).paired(), 0, "no other recording");
}

#[test]
fn a_batch_of_few_recordings_shares_them_evenly_and_all_get_their_turn() {
    let config = PairConfig { recordings_per_batch: 1, ..pairs(2.5) };
    let sampler = Sampler::new(fragments(), &config, Pool::Voiced, 7);
    let mut seen = BTreeMap::new();
    for step in 0..40 {
        let batch = sampler.pairs(step, 4, 1);
        assert!(batch.iter().all(|pair| pair.recording == batch[0].recording) && batch.len() == 4);
        let mut intervals: Vec<usize> = batch.iter().map(|pair| pair.interval).collect();
        intervals.sort_unstable();
        intervals.dedup();
        assert_eq!(intervals.len(), 4, "no interval twice");
        *seen.entry(batch[0].recording).or_insert(0) += 1;
        assert_eq!(batch, sampler.pairs(step, 4, 1));
    }
    assert_eq!(seen, BTreeMap::from([(0, 20), (1, 20)]));
    let two = PairConfig { recordings_per_batch: 2, ..config };
    let batch = Sampler::new(fragments(), &two, Pool::Voiced, 7).pairs(3, 8, 1);
    assert_eq!(batch.iter().filter(|pair| pair.recording == 0).count(), 4);
}

#[test]
fn lag_and_jitter_move_the_speech_with_the_frame() {
    let config = PairConfig { lag_secs: 0.7, positive_jitter_secs: Some(0.25), ..pairs(0.6) };
    let sampler = Sampler::new(fragments(), &config, Pool::Voiced, 7);
    let mut farthest: f64 = 0.0;
    for pair in (0..100).flat_map(|step| sampler.pairs(step, 4, 2)) {
        // twenty frames to two seconds
        let off = pair.speech_secs - 0.7 - (pair.frame as f64 + 0.5) * 0.1;
        farthest = farthest.max(off.abs());
        assert!((pair.negative_secs - pair.speech_secs).abs() >= 0.6);
    }
    assert!((0.2..=0.2501).contains(&farthest), "{farthest}");
}

#[test]
fn a_long_lag_leaves_out_intervals_that_have_no_room_for_a_negative() {
    let three: Vec<Fragment> = fragments().into_iter().take(3).collect();
    let late = |window_secs, lag_secs| {
        let config = PairConfig { lag_secs, positive_jitter_secs: Some(1.0), ..pairs(window_secs) };
        Sampler::new(three.clone(), &config, Pool::Audible, 7)
    };
    // three intervals of two seconds: nowhere 3.5 s from all of the speech, and nowhere anything of it where it lies outside
    assert_eq!([0.0, 8.0, -8.0].map(|lag| late(3.5, lag).paired()), [0, 0, 0]);
    for pair in (0..50).flat_map(|step| late(2.5, 1.5).pairs(step, 3, 2)) {
        assert!((pair.negative_secs - pair.speech_secs).abs() >= 2.5, "{pair:?}");
    }
}

/// Speech a second and a half after a voiced interval is less often voiced than speech in it: a negative that did not lag as well would be
/// told from a positive without a look at the frame.
#[test]
fn a_negative_lags_as_its_positive_does() {
    let config = PairConfig { lag_secs: 1.5, ..pairs(0.6) };
    let sampler = Sampler::new(fragments(), &config, Pool::Voiced, 7);
    let (mut positives, mut negatives) = (0, 0);
    for step in 0..400 {
        for pair in sampler.pairs(step, 4, 1) {
            let end = if pair.recording == 0 { 20.0 } else { 16.0 };
            let from = ((pair.negative_secs - 1.5) / 2.0) as usize;
            assert!(from % 3 != 2 && (1..5).contains(&from.abs_diff(pair.frame / 20)), "{pair:?}");
            assert!(
                (pair.negative_secs - pair.speech_secs).abs() >= 0.6 && pair.negative_secs < end,
                "{pair:?}"
            );
            let is_silent = |secs: f64| usize::from((secs / 2.0) as usize % 3 == 2);
            positives += is_silent(pair.speech_secs);
            negatives += is_silent(pair.negative_secs);
        }
    }
    assert!(
        positives > 300 && (0.8..1.25).contains(&(f64::from(negatives as u32) / f64::from(positives as u32))),
        "{positives}, {negatives}"
    );
}

#[test]
fn hard_negatives_lie_beyond_all_windows() {
    let config = PairConfig { speech_windows: 3, window_spread_secs: 1.0, neighbours: 6, ..pairs(1.0) };
    let sampler = Sampler::new(fragments(), &config, Pool::Voiced, 7);
    assert!(sampler.paired() > 0);
    for pair in (0..100).flat_map(|step| sampler.pairs(step, 4, 1)) {
        assert!((pair.negative_secs - pair.speech_secs).abs() >= 3.0);
    }
}

#[test]
fn without_pacing_silent_intervals_are_paired_too() {
    let sampler = Sampler::new(fragments(), &pairs(2.5), Pool::Audible, 7);
    assert_eq!((sampler.paired(), sampler.without_negative()), (18, 0));
    let drawn: Vec<Pair> = (0..60).flat_map(|step| sampler.pairs(step, 4, 1)).collect();
    let silent = |secs: f64| (secs / 2.0) as usize % 3 == 2;
    assert!(drawn.iter().any(|pair| silent(pair.speech_secs)));
    assert!(drawn.iter().any(|pair| silent(pair.negative_secs)), "or silence would tell a positive");
}

#[test]
fn transformed_frames_are_drawn_from_all_video() {
    let ranges = crate::AffineConfig::default();
    let copies: Vec<_> = (0..20).flat_map(|step| sampler(2.5).copies(step, &ranges)).collect();
    assert_eq!(copies.len(), 320);
    assert!(copies.iter().any(|copy| (copy.frame / 20) % 3 == 2), "silent intervals too");
    assert_eq!(sampler(2.5).copies(4, &ranges), sampler(2.5).copies(4, &ranges));
}

#[test]
fn clips_are_three_successive_intervals_in_a_known_order() {
    let sampler = sampler(2.5);
    assert_eq!(sampler.successive(), 8 + 6);
    let mut classes = [0; 6];
    for clip in (0..60).flat_map(|step| sampler.clips(step, 5)) {
        let intervals: Vec<usize> = clip.frames.chunks(4).map(|snippet| snippet[0] / 20).collect();
        let first = *intervals.iter().min().expect("three");
        let order: Vec<usize> = intervals.iter().map(|interval| interval - first).collect();
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        assert_eq!(orders[clip.class as usize], order[..]);
        assert!(clip.frames.chunks(4).all(|snippet| snippet.windows(2).all(|pair| pair[0] < pair[1])));
        classes[clip.class as usize] += 1;
    }
    assert!(classes.iter().all(|&count| count > 20), "{classes:?}");
}

#[test]
fn an_interval_stands_for_the_utterance_nearest_to_its_middle_and_for_what_was_seen_before_it() {
    let config = PairConfig {
        snap_to_utterance: true,
        snap_jitter_secs: 0.1,
        lag_secs: 1.5,
        negatives: Negatives::Batch,
        ..pairs(2.5)
    };
    let sampler = Sampler::new(fragments(), &config, Pool::Voiced, 7)
        .with_utterances(&[vec![3.0, 9.0, 10.6], vec![0.5]]);
    // of intervals of two seconds: the second and the fifth of one recording, the first of the other
    let said = |at: usize| match at {
        1 => Some(3.0),
        4 => Some(9.0),
        10 => Some(0.5),
        _ => None,
    };
    let mut heard = BTreeMap::new();
    for pair in (0..60).flat_map(|step| sampler.pairs(step, 8, 2)) {
        let start = sampler.fragments()[pair.interval].start_secs;
        let seen = pair.frame as f64 / 10.0;
        if let Some(said) = said(pair.interval) {
            assert!((pair.speech_secs - said).abs() <= 0.1, "{pair:?}");
            // what would be before the recording's start is seen in the interval itself
            let before = said - 1.5 - 1.0 < 0.0 && seen == start + 1.0;
            assert!(before || (seen - (said - 1.5)).abs() <= 1.1, "{pair:?}");
            *heard.entry(pair.interval).or_insert(0) += 1;
        } else {
            assert!((start..start + 2.0).contains(&seen), "{pair:?}");
            assert!((start + 1.5..start + 3.5).contains(&pair.speech_secs), "{pair:?}");
        }
    }
    assert_eq!(heard.len(), 3);
    let middle = sampler.middle(4);
    assert_eq!((middle.recording, middle.speech_secs), (0, 9.0));
    let wanted = [7.5 - 2.0 / 3.0, 7.5, 7.5 + 2.0 / 3.0];
    assert!(middle.frames.iter().zip(wanted).all(|(&frame, secs)| (frame as f64 / 10.0 - secs).abs() <= 0.1));
    assert_eq!(sampler.middle(3).speech_secs, 8.5);
    let mut settings = crate::PretrainConfig { pairs: config, ..Default::default() };
    settings.weights.cls = 0.0;
    settings.validate().expect("settings");
    settings.pairs.negatives = Negatives::Hard;
    assert!(settings.validate().is_err(), "a hard negative may not reach into the positive");
}
