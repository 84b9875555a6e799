//! Words, voices and lengths of scripts.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use sonovox_testkit::shared_data;

use super::*;
use crate::SpeechConfig;
use crate::anatomy::PLANE_NAMES;

const SECONDS: f64 = 90.0;

fn config(narration: Narration) -> SimulateConfig {
    let planes = PLANE_NAMES.map(str::to_owned).to_vec();
    SimulateConfig {
        planes,
        speech: SpeechConfig { narration, ..SpeechConfig::default() },
        ..SimulateConfig::default()
    }
}

/// Visits of 5 s to the planes in turn.
fn visits() -> Vec<PlaneVisit> {
    (0..12)
        .map(|visit| {
            let start_secs = 2.0 + 7.3 * visit as f64;
            PlaneVisit { visit, plane: visit * 2 % PLANE_NAMES.len(), start_secs, end_secs: start_secs + 4.5 }
        })
        .collect()
}

fn script(config: &SimulateConfig, recording: usize, fold: Option<Fold>) -> Script {
    let visits = visits();
    let scan = Scan {
        recording,
        subject: recording / 2,
        sonographer: recording % 3,
        fold,
        visits: &visits,
        seconds: SECONDS,
    };
    Narrator::new(config).unwrap().script(&scan).unwrap()
}

#[test]
fn clips_are_as_long_as_their_slots_and_level() {
    let script = script(&config(Narration::Matched), 0, None);
    assert!(script.utterances.len() > 12);
    for utterance in script.utterances.iter().chain(&script.behind) {
        assert!((utterance.clip.seconds() - utterance.seconds()).abs() < 1e-4);
        let power: f32 = utterance.clip.samples.iter().map(|s| s * s).sum();
        assert!((power / utterance.clip.samples.len() as f32 - 1.0).abs() < 1e-3);
    }
}

#[test]
fn matched_words_are_about_the_visit() {
    let visits = visits();
    for recording in 0..2 {
        for utterance in script(&config(Narration::Matched), recording, None).utterances {
            match utterance.visit {
                Some(visit) => assert!(
                    [PLANE_NAMES[visits[visit].plane], VAGUE].contains(&utterance.label.as_str()),
                    "{utterance:?}"
                ),
                None => assert!([BACKGROUND, CHAT].contains(&utterance.label.as_str()), "{utterance:?}"),
            }
            assert!(utterance.phrasing.starts_with(&utterance.label), "{utterance:?}");
        }
    }
}

/// Everything of an utterance that a scrambled narration must keep.
fn kept(utterance: &Utterance) -> (u64, u64, usize, Option<usize>, Option<u64>, u32, u32) {
    let Utterance { start_secs, end_secs, speaker, visit, lag_secs, loudness_db, distance_db, .. } =
        utterance;
    (
        start_secs.to_bits(),
        end_secs.to_bits(),
        *speaker,
        *visit,
        lag_secs.map(f64::to_bits),
        loudness_db.to_bits(),
        distance_db.to_bits(),
    )
}

fn assert_only_the_words_differ(matched: &Script, scrambled: &Script) -> (usize, usize) {
    assert_eq!(matched.speakers, scrambled.speakers);
    assert_eq!(matched.utterances.len(), scrambled.utterances.len());
    let (mut mentions, mut same_plane) = (0, 0);
    for (a, b) in matched.utterances.iter().zip(&scrambled.utterances) {
        assert_eq!(kept(a), kept(b));
        assert_eq!(a.clip.samples.len(), b.clip.samples.len());
        if a.visit.is_none() || a.label == VAGUE {
            assert_eq!((&a.text, &a.label, &a.clip), (&b.text, &b.label, &b.clip));
        } else {
            assert!(PLANE_NAMES.contains(&b.label.as_str()), "{}", b.label);
            mentions += 1;
            same_plane += usize::from(a.label == b.label);
        }
    }
    (mentions, same_plane)
}

#[test]
fn scrambled_narration_changes_the_words_about_planes_and_nothing_else() {
    let (mut mentions, mut same) = (0, 0);
    for recording in 0..6 {
        let (matched, scrambled) = [Narration::Matched, Narration::Scrambled]
            .map(|narration| script(&config(narration), recording, None))
            .into();
        let (more, more_same) = assert_only_the_words_differ(&matched, &scrambled);
        (mentions, same) = (mentions + more, same + more_same);
    }
    let (share, chance) = (same as f64 / mentions as f64, 1.0 / PLANE_NAMES.len() as f64);
    println!("{mentions} utterances about planes, {share:.3} of them still right, chance {chance:.3}");
    assert!(mentions > 40 && (share - chance).abs() < 0.2, "{share}");
}

#[test]
fn recordings_of_different_folds_share_no_phrasing_of_a_plane_and_no_voice() {
    let config = config(Narration::Matched);
    let said = |fold| -> (HashSet<String>, HashSet<String>) {
        let scripts: Vec<Script> =
            (0..4).map(|recording| script(&config, recording, Some((fold, 3)))).collect();
        let utterances = scripts.iter().flat_map(|script| &script.utterances);
        let about_planes = utterances.filter(|u| PLANE_NAMES.contains(&u.label.as_str()));
        let voices = scripts.iter().flat_map(|script| &script.speakers);
        (
            about_planes.flat_map(|u| [u.text.clone(), u.phrasing.clone()]).collect(),
            voices.map(|speaker| speaker.voice.name.clone()).collect(),
        )
    };
    let folds = [said(0), said(1), said(2)];
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert!(folds[a].0.is_disjoint(&folds[b].0));
        assert!(folds[a].1.is_disjoint(&folds[b].1));
    }
}

/// Between-group sum of squares: how far the labels' means lie apart.
fn spread_of_means(values: &[f64], labels: &[&str]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let mut groups: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (value, label) in values.iter().zip(labels) {
        let group = groups.entry(label).or_default();
        *group = (group.0 + value - mean, group.1 + 1.0);
    }
    groups.values().map(|(sum, count)| sum * sum / count).sum()
}

/// Share of random relabellings whose means lie at least as far apart.
fn permutation_p(values: &[f64], labels: &[&str]) -> f64 {
    let found = spread_of_means(values, labels);
    let (mut rng, mut labels) = (stream(1, "permutations", 0), labels.to_vec());
    let as_far = (0..1000).filter(|_| {
        labels.shuffle(&mut rng);
        spread_of_means(values, &labels) >= found
    });
    as_far.count() as f64 / 1000.0
}

#[test]
fn loudness_length_and_pauses_do_not_tell_the_plane() {
    let (visits, config) = (visits(), config(Narration::Matched));
    let scripts: Vec<Script> = (0..12).map(|recording| script(&config, recording, None)).collect();
    let mut planes = Vec::new();
    let mut figures: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for script in &scripts {
        for (i, utterance) in script.utterances.iter().enumerate() {
            let Some(visit) = utterance.visit else { continue };
            planes.push(PLANE_NAMES[visits[visit].plane]);
            let before = if i == 0 { 0.0 } else { script.utterances[i - 1].end_secs };
            let after = script.utterances.get(i + 1).map_or(SECONDS, |next| next.start_secs);
            let peak = utterance.clip.samples.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
            for (name, value) in [
                ("loudness", f64::from(utterance.loudness_db)),
                ("distance", f64::from(utterance.distance_db)),
                ("length", utterance.seconds()),
                ("pause before", utterance.start_secs - before),
                ("pause after", after - utterance.end_secs),
                ("peak", f64::from(peak)),
            ] {
                figures.entry(name).or_default().push(value);
            }
        }
    }
    for (name, values) in figures {
        let p = permutation_p(&values, &planes);
        println!("{name}: {} utterances, p = {p:.3}", values.len());
        assert!(p > 0.01, "{name} differs between planes: p = {p}");
    }
    // the test can fail
    let told: Vec<f64> = planes.iter().map(|plane| plane.len() as f64).collect();
    assert!(permutation_p(&told, &planes) < 0.01);
}

#[test]
fn nobody_hurries_to_fit_a_plane_in() {
    // every plane has words of every length: the letters a second differ no more between planes than their words do
    let mut pace: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let config = config(Narration::Scrambled);
    for recording in 0..8 {
        for utterance in script(&config, recording, Some((recording % 3, 3))).utterances {
            let usual = expected_secs(&utterance.text, 165.0);
            pace.entry(utterance.label.clone()).or_default().push((usual / utterance.seconds()).ln());
        }
    }
    for (label, paces) in pace {
        let mean = paces.iter().sum::<f64>() / paces.len() as f64;
        println!("{label}: {} utterances, mean pace {:.3}", paces.len(), mean.exp());
        // the voices of 145 to 185 words a minute leave +-12 %
        assert!(mean.abs() < 0.15, "{label}: {mean}");
    }
}

#[test]
fn recorded_phrases_take_the_place_of_espeak() {
    let Some(folder) = shared_data("narration") else { return };
    let mut matched = config(Narration::Matched);
    matched.speech.recorded = Some(folder);
    matched.speech.espeak = "/no/such/program".into();
    let mut scrambled = matched.clone();
    scrambled.speech.narration = Narration::Scrambled;
    for recording in 0..2 {
        let fold = Some((recording, 3));
        let (a, b) = (script(&matched, recording, fold), script(&scrambled, recording, fold));
        assert_only_the_words_differ(&a, &b);
        assert!(a.utterances.len() > 8);
        for utterance in &a.utterances {
            assert!((utterance.clip.seconds() - utterance.seconds()).abs() < 1e-4);
            assert!(a.speakers[utterance.speaker].voice.name.contains('_'), "a voice of the folder");
        }
    }
}
