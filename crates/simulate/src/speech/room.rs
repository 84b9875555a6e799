//! The sound of a recording: speech in a room with hum, fans, reverberation, the machine's beeps and keys, and people
//! behind the curtain.
//!
//! Levels: speech has an RMS of `level_dbfs` while it lasts (plus what each utterance is louder or softer); hum and
//! fans together lie `speech_to_noise_db` under it; a beep's RMS lies 8 dB under it; clicks and bumps peak between 10 dB
//! under it and 4 dB over it, and speech itself peaks some 12 dB over its RMS.
//!
//! A clinic has few rooms, and recordings share them: noise and reverberation tell a room, not a recording. The steady
//! noise goes up and down by 3 dB within every recording (fans, the machine's own cooling, a coat over the microphone), so
//! that its level does not either. Nothing here depends on what is on the screen but the freeze key.

use rand::Rng;

use super::noise::{Noise, RoomNoise};
use super::reverb::Reverb;
use super::script::{Script, Utterance};
use super::{SAMPLE_RATE_HZ, amplitude};
use crate::config::SpeechConfig;
use crate::rng::{Stream, between_secs, stream};

/// Examination rooms of a study.
const ROOMS: usize = 4;
const RATE: f64 = SAMPLE_RATE_HZ as f64;
/// RMS of a beep against speech.
const BEEP_DB: f64 = -8.0;
/// Peaks of keys and bumps against the RMS of speech.
const PEAK_DB: (f64, f64) = (-10.0, 4.0);
/// The steady noise goes up and down by this much, dB, as the sum of sines of these periods.
const SWELL_DB: f64 = 3.0;
const SWELL_PERIODS_SECS: [f64; 3] = [13.0, 23.0, 41.0];
/// Its level is set anew every so many samples: 20 ms.
const SWELL_SAMPLES: u64 = SAMPLE_RATE_HZ as u64 / 50;
/// A key may be the first of several.
const KEYS_IN_A_ROW: std::ops::RangeInclusive<usize> = 3..=9;

/// A sound that comes and goes.
#[derive(Debug, Clone, Copy)]
struct Event {
    start: i64,
    noise: Noise,
    variant: usize,
    level: f32,
}

/// The sound of one recording, made piece by piece.
pub struct Soundtrack<'a> {
    script: &'a Script,
    room: RoomNoise,
    reverb: Reverb,
    events: Vec<Event>,
    speech_level: f32,
    /// mean level of the steady noise, and where in their periods its swells begin
    noise_db: f64,
    swells: [f64; 3],
    noise_level: f32,
    /// of direct sound and of reverberation; together they keep the level
    direct: f32,
    reverberant: f32,
    position: u64,
    air: f32,
    noise: Stream,
    /// what the walls hear of the piece in work
    sent: Vec<f32>,
}

impl<'a> Soundtrack<'a> {
    /// The sound for a script of a recording of `seconds`. At each of `freezes`, in seconds, the freeze key is pressed:
    /// a click and a short beep.
    pub fn new(
        script: &'a Script,
        config: &SpeechConfig,
        seconds: f64,
        seed: u64,
        recording: usize,
        freezes: &[f64],
    ) -> Self {
        let mut rng = stream(seed, "sound", recording);
        let index = rng.random_range(0..ROOMS);
        let reverberant = amplitude(config.reverberation_db);
        let direct = 1.0 / (1.0 + reverberant * reverberant).sqrt();
        let mut events = draw_events(config, seconds, &mut rng);
        events.extend(freezes.iter().enumerate().flat_map(|(i, &freeze)| freeze_events(config, freeze, i)));
        Self {
            script,
            room: RoomNoise::draw(seed, index),
            reverb: Reverb::draw(&mut stream(seed, "walls", index)),
            events,
            speech_level: amplitude(config.level_dbfs),
            noise_db: config.level_dbfs - config.speech_to_noise_db,
            swells: SWELL_PERIODS_SECS.map(|_| rng.random()),
            noise_level: 0.0,
            direct,
            reverberant: direct * reverberant,
            position: 0,
            air: 0.0,
            noise: rng,
            sent: Vec::new(),
        }
    }

    /// The next `count` samples, full scale -1..1, in place of what is in `out`. The same samples come out whatever the
    /// sizes of the pieces.
    pub fn next(&mut self, count: usize, out: &mut Vec<f32>) {
        out.clear();
        out.resize(count, 0.0);
        self.sent.clear();
        self.sent.resize(count, 0.0);
        let script = self.script;
        for utterance in script.utterances.iter().chain(&script.behind) {
            self.add_utterance(utterance, out);
        }
        self.add_events(out);
        for (i, (out, sent)) in out.iter_mut().zip(&self.sent).enumerate() {
            let sample = self.position + i as u64;
            if sample.is_multiple_of(SWELL_SAMPLES) {
                self.noise_level = swell(self.noise_db, &self.swells, sample as f64 / RATE);
            }
            let steady = self.room.steady(sample, &mut self.air, &mut self.noise);
            let sound = *out + self.reverberant * self.reverb.next(*sent) + self.noise_level * steady;
            *out = sound.clamp(-1.0, 1.0);
        }
        self.position += count as u64;
    }

    fn add_utterance(&mut self, utterance: &Utterance, out: &mut [f32]) {
        let start = (utterance.start_secs * RATE).round() as i64;
        let level = self.speech_level * amplitude(f64::from(utterance.loudness_db));
        // the walls hear a voice as loud from near the microphone as from far
        let sent = self.speech_level * amplitude(f64::from(utterance.loudness_db - utterance.distance_db));
        let position = self.position as i64;
        add(&utterance.clip.samples, start - position, self.direct * level, out);
        add(&utterance.clip.samples, start - position, sent, &mut self.sent);
    }

    fn add_events(&mut self, out: &mut [f32]) {
        let position = self.position as i64;
        for event in &self.events {
            let sound = self.room.sound(event.noise, event.variant);
            add(sound, event.start - position, self.direct * event.level, out);
            add(sound, event.start - position, event.level, &mut self.sent);
        }
    }
}

/// Factor of the steady noise at a time.
fn swell(mean_db: f64, phases: &[f64; 3], secs: f64) -> f32 {
    let sines = SWELL_PERIODS_SECS.iter().zip(phases);
    let sum: f64 = sines.map(|(period, phase)| (std::f64::consts::TAU * (secs / period + phase)).sin()).sum();
    amplitude(mean_db + SWELL_DB * sum / 3.0)
}

/// Adds a sound that begins at sample `start` of `out`, before it or after its end.
fn add(sound: &[f32], start: i64, level: f32, out: &mut [f32]) {
    let (skip_out, skip_in) = (start.max(0) as usize, (-start).max(0) as usize);
    if skip_out >= out.len() || skip_in >= sound.len() {
        return;
    }
    for (out, sample) in out[skip_out..].iter_mut().zip(&sound[skip_in..]) {
        *out += level * sample;
    }
}

/// Beeps, keys and bumps at any time.
fn draw_events(config: &SpeechConfig, seconds: f64, rng: &mut Stream) -> Vec<Event> {
    let mut events = Vec::new();
    let count =
        |per_minute: f64, rng: &mut Stream| (per_minute * seconds / 60.0 + rng.random::<f64>()) as usize;
    for _ in 0..count(config.beeps_per_minute, rng) {
        let secs = between_secs(rng, 0.0, seconds);
        events.push(Event::new(secs, Noise::Beep, 0, config.level_dbfs + BEEP_DB + 3.0));
    }
    for _ in 0..count(config.keys_per_minute, rng) {
        let (mut secs, level) = (between_secs(rng, 0.0, seconds), peak_level(config, rng));
        let keys = if rng.random_bool(0.3) { rng.random_range(KEYS_IN_A_ROW) } else { 1 };
        for _ in 0..keys {
            events.push(Event::new(secs, Noise::Click, rng.random_range(0..8), level));
            secs += between_secs(rng, 0.09, 0.22);
        }
    }
    for _ in 0..count(config.bumps_per_minute, rng) {
        let secs = between_secs(rng, 0.0, seconds);
        events.push(Event::new(secs, Noise::Bump, rng.random_range(0..8), peak_level(config, rng)));
    }
    events
}

fn peak_level(config: &SpeechConfig, rng: &mut Stream) -> f64 {
    config.level_dbfs + between_secs(rng, PEAK_DB.0, PEAK_DB.1)
}

fn freeze_events(config: &SpeechConfig, secs: f64, index: usize) -> [Event; 2] {
    [
        Event::new(secs, Noise::Click, index, config.level_dbfs),
        Event::new(secs + 0.04, Noise::ShortBeep, 0, config.level_dbfs + BEEP_DB + 3.0),
    ]
}

impl Event {
    fn new(secs: f64, noise: Noise, variant: usize, level_db: f64) -> Self {
        Self { start: (secs * RATE).round() as i64, noise, variant, level: amplitude(level_db) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::speech::Clip;

    fn rms_db(samples: &[f32]) -> f64 {
        let power = samples.iter().map(|s| f64::from(s * s)).sum::<f64>() / samples.len() as f64;
        10.0 * power.log10()
    }

    fn utterance(start_secs: f64) -> Utterance {
        // noise: a tone would meet its own echoes in step
        let mut rng = stream(1, "test", 0);
        let samples =
            (0..SAMPLE_RATE_HZ * 2).map(|_| if rng.random_bool(0.5) { 1.0 } else { -1.0 }).collect();
        Utterance {
            start_secs,
            end_secs: start_secs + 2.0,
            speaker: 0,
            label: "chat".to_owned(),
            text: String::new(),
            phrasing: String::new(),
            visit: None,
            lag_secs: None,
            clip: Arc::new(Clip { samples }),
            loudness_db: 0.0,
            distance_db: 0.0,
        }
    }

    fn script() -> Script {
        Script { utterances: vec![utterance(1.0)], ..Script::default() }
    }

    fn quiet() -> SpeechConfig {
        SpeechConfig {
            beeps_per_minute: 0.0,
            keys_per_minute: 0.0,
            bumps_per_minute: 0.0,
            ..SpeechConfig::default()
        }
    }

    fn sound(
        script: &Script,
        config: &SpeechConfig,
        seconds: u32,
        recording: usize,
        freezes: &[f64],
    ) -> Vec<f32> {
        let mut all = Vec::new();
        Soundtrack::new(script, config, f64::from(seconds), 4, recording, freezes)
            .next((seconds * SAMPLE_RATE_HZ) as usize, &mut all);
        all
    }

    #[test]
    fn levels_are_as_documented() {
        for recording in 0..6 {
            let all = sound(&script(), &quiet(), 120, recording, &[]);
            let second = SAMPLE_RATE_HZ as usize;
            let (speech, noise) = (rms_db(&all[second..3 * second]), rms_db(&all[4 * second..]));
            assert!((speech + 24.0).abs() < 1.0, "speech {speech}");
            assert!((noise + 46.0).abs() < 1.0, "noise {noise}");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_sound() {
        let script = Script { behind: vec![utterance(2.2)], ..script() };
        let config = SpeechConfig {
            beeps_per_minute: 30.0,
            keys_per_minute: 60.0,
            bumps_per_minute: 30.0,
            ..SpeechConfig::default()
        };
        let whole = sound(&script, &config, 5, 1, &[0.5, 4.99]);
        let mut track = Soundtrack::new(&script, &config, 5.0, 4, 1, &[0.5, 4.99]);
        let (mut pieces, mut piece) = (Vec::new(), Vec::new());
        let mut sizes = [1471, 1, 7, 5000].into_iter().cycle();
        while pieces.len() < whole.len() {
            track.next((whole.len() - pieces.len()).min(sizes.next().unwrap()), &mut piece);
            pieces.extend_from_slice(&piece);
        }
        assert!(whole == pieces);
    }

    #[test]
    fn a_freeze_is_heard_where_it_is() {
        let (with, without) = (
            sound(&Script::default(), &quiet(), 4, 2, &[1.5]),
            sound(&Script::default(), &quiet(), 4, 2, &[]),
        );
        let differs: Vec<usize> = (0..with.len()).filter(|&i| (with[i] - without[i]).abs() > 1e-3).collect();
        let (first, last) = (differs[0] as f64 / RATE, differs[differs.len() - 1] as f64 / RATE);
        assert!((first - 1.5).abs() < 0.005 && (1.59..1.9).contains(&last), "{first} to {last}");
    }

    #[test]
    fn rooms_are_shared() {
        let config = quiet();
        let hums: std::collections::HashSet<Vec<u32>> = (0..40)
            .map(|recording| {
                let script = Script::default();
                let track = Soundtrack::new(&script, &config, 1.0, 4, recording, &[]);
                track.room.sound(Noise::Bump, 0).iter().map(|s| s.to_bits()).collect()
            })
            .collect();
        assert_eq!(hums.len(), ROOMS);
    }
}
