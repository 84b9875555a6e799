//! How well the voice detectors find real speech between pauses, with what a scan room adds. Word times come from a forced
//! aligner; rows within 30 ms of a word's beginning or end are not judged.
//!
//! Run with `--nocapture` to see the figures. The thresholds are a few hundredths under what was measured: a detector that is
//! always or never voiced, or off by 0.1 s, fails them.

mod support;

use std::path::PathBuf;

use sonovox_speech::VoiceDetector;
use sonovox_testkit::shared_data;
use support::scenes::{HOP, RATE_HZ, Scene, clean, score};
use support::{golden, noise};

/// A room, what it adds to clean speech, and the least accuracy of energy and of earshot on the shared clips and on the
/// committed one (which has longer pauses: false alarms weigh more).
struct Room {
    name: &'static str,
    add: fn(Scene) -> Scene,
    shared: [f64; 2],
    committed: [f64; 2],
}

#[rustfmt::skip]
const ROOMS: [Room; 12] = [
    Room { name: "muted pauses", add: |s| s, shared: [0.92, 0.97], committed: [0.92, 0.97] },
    Room { name: "quiet room", add: |s| s.with_white_noise(30.0), shared: [0.95, 0.97], committed: [0.95, 0.97] },
    Room { name: "white noise 20 dB", add: |s| s.with_white_noise(20.0), shared: [0.97, 0.96], committed: [0.95, 0.96] },
    Room { name: "white noise 10 dB", add: |s| s.with_white_noise(10.0), shared: [0.96, 0.93], committed: [0.95, 0.94] },
    Room { name: "white noise 5 dB", add: |s| s.with_white_noise(5.0), shared: [0.92, 0.93], committed: [0.95, 0.90] },
    Room { name: "white noise 0 dB", add: |s| s.with_white_noise(0.0), shared: [0.81, 0.92], committed: [0.93, 0.85] },
    Room { name: "fan 10 dB", add: |s| s.with_fan(10.0), shared: [0.96, 0.96], committed: [0.96, 0.96] },
    Room { name: "fan 0 dB", add: |s| s.with_fan(0.0), shared: [0.93, 0.95], committed: [0.95, 0.94] },
    Room { name: "hum 10 dB", add: |s| s.with_white_noise(30.0).with_hum(10.0), shared: [0.96, 0.97], committed: [0.95, 0.97] },
    Room { name: "hum 0 dB", add: |s| s.with_white_noise(30.0).with_hum(0.0), shared: [0.96, 0.97], committed: [0.95, 0.97] },
    Room { name: "beeps", add: |s| s.with_white_noise(30.0).with_beeps(6.0), shared: [0.88, 0.97], committed: [0.76, 0.97] },
    Room { name: "hum, beeps, noise", add: |s| s.with_white_noise(15.0).with_hum(10.0).with_beeps(6.0), shared: [0.90, 0.94], committed: [0.77, 0.94] },
];

fn detector(kind: &str) -> VoiceDetector {
    kind.parse().expect("a kind")
}

/// Judges both detectors in every room.
fn judge(clips: &[PathBuf], least: fn(&Room) -> [f64; 2]) {
    let speech = clean(clips);
    let mut failures = Vec::new();
    for room in &ROOMS {
        let scene = (room.add)(speech.clone());
        for (kind, least) in ["energy", "earshot"].into_iter().zip(least(room)) {
            let found = score(&scene, &detector(kind), 0);
            println!(
                "{:18} {kind:8} accuracy {:.3}, hits {:.3}, false alarms {:.3}",
                room.name, found.accuracy, found.hits, found.false_alarms
            );
            if found.accuracy < least {
                failures.push(format!("{kind} in {}: {found:?}, expected at least {least}", room.name));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn speech_is_found_in_the_committed_clip() {
    judge(&[golden("words_16k.wav")], |room| room.committed);
}

#[test]
fn speech_is_found_in_the_shared_clips() {
    if let Some(clips) = shared_clips() {
        judge(&clips, |room| room.shared);
    }
}

fn shared_clips() -> Option<Vec<PathBuf>> {
    let folder = shared_data("speech")?.join("librivox5");
    let entries = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut clips: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "wav")).collect();
    clips.sort();
    assert_eq!(clips.len(), 5);
    Some(clips)
}

#[test]
fn values_are_not_late() {
    let clips = shared_clips().unwrap_or_else(|| vec![golden("words_16k.wav")]);
    let scene = clean(&clips).with_white_noise(25.0);
    for kind in ["energy", "earshot"] {
        let at = |shift| score(&scene, &detector(kind), shift).accuracy;
        for shift in [-6, 6] {
            assert!(at(0) > at(shift), "{kind}: {} at 0, {} moved by {shift} rows", at(0), at(shift));
        }
    }
}

#[test]
fn speech_at_the_very_start_is_found() {
    let pause = 2 * RATE_HZ as usize;
    for kind in ["energy", "earshot"] {
        let mut scene = clean(&[golden("words_16k.wav")]).with_white_noise(30.0);
        // begin in the middle of the first word
        let first = scene.is_speech.iter().position(|&speech| speech).expect("speech") + 5;
        scene.samples.drain(..first * HOP);
        scene.is_speech.drain(..first);
        assert!(first * HOP > pause);
        let voice = detector(kind).detect(&scene.samples, RATE_HZ, HOP).expect("valid settings");
        let share = voice[..50].iter().filter(|&&v| v >= 0.5).count();
        assert!(share >= 40, "{kind}: {share} of the first 50 rows");
    }
}

/// Share of voiced rows in 20 s of what a room adds, without any speech; it is as loud as it would be beside a clip.
fn voiced_share(kind: &str, add: fn(Scene) -> Scene) -> f64 {
    let mut speech = clean(&[golden("words_16k.wav")]);
    speech.samples.resize(20 * RATE_HZ as usize, 0.0);
    let mixed = add(speech.clone());
    let room: Vec<f32> =
        mixed.samples.iter().zip(&speech.samples).map(|(mix, speech)| mix - speech).collect();
    let voice = detector(kind).detect(&room, RATE_HZ, HOP).expect("valid settings");
    voice.iter().filter(|&&v| v >= 0.5).count() as f64 / voice.len() as f64
}

#[test]
fn what_is_not_speech_is_not_voiced() {
    let most = |room: &str, add: fn(Scene) -> Scene, energy: f64, earshot: f64| {
        for (kind, most) in [("energy", energy), ("earshot", earshot)] {
            let share = voiced_share(kind, add);
            println!("{room:18} {kind:8} voiced share {share:.3}");
            assert!(share <= most, "{kind} in {room}: voiced share {share}, expected at most {most}");
        }
    };
    most("digital silence", |s| s, 0.0, 0.0);
    most("white noise", |s| s.with_white_noise(10.0), 0.01, 0.01);
    most("fan", |s| s.with_fan(10.0), 0.02, 0.01);
    most("hum", |s| s.with_hum(10.0), 0.01, 0.01);
    most("hum and noise", |s| s.with_white_noise(30.0).with_hum(0.0), 0.02, 0.01);
    // an energy detector hears every beep: 0.12 s and the hangover out of 1.7 s
    most("beeps", |s| s.with_white_noise(30.0).with_beeps(6.0), 0.25, 0.05);
}

#[test]
fn any_input_gives_values_between_0_and_1() {
    let loud: Vec<f32> = noise(5, 30_000).iter().map(|x| 100.0 * x).collect();
    let mut broken = noise(6, 30_000);
    broken[5000] = f32::NAN;
    broken[9000] = f32::INFINITY;
    for (name, samples) in [("loud", loud), ("not finite", broken), ("constant", vec![1.0; 30_000])] {
        for kind in ["energy", "earshot"] {
            let voice = detector(kind).detect(&samples, RATE_HZ, HOP).expect("valid settings");
            assert!(voice.iter().all(|v| (0.0..=1.0).contains(v)), "{kind}, {name}");
        }
    }
}
