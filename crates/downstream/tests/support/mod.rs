//! Clips without media: bright shapes on noise, made through the artifact crate's own writers.
#![allow(dead_code, reason = "every test file uses a part")]

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use half::f16;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use sonovox_artifact::clips::{ClipHeader, ClipWriter, ClipsDetails, SpectrogramFacts};
use sonovox_artifact::{ArtifactWriter, Begin, Counts, OnExisting, RunFacts, Stage};
use sonovox_model::{Encoder, EncoderConfig, Preset};
use sonovox_ops::ParamStore;
use sonovox_train::{Evaluation, Monitor};

pub const HEIGHT: usize = 48;
pub const WIDTH: usize = 64;
pub const PLANES: [&str; 4] = ["across", "down", "disc", "background"];
pub const BACKGROUND: usize = 3;

/// What a made study is like.
#[derive(Clone)]
pub struct Made {
    pub subjects: usize,
    pub frames: usize,
    /// The plane of a frame that shows `shape`.
    pub label: fn(shape: usize, rng: &mut ChaCha8Rng) -> i16,
    pub gaze: bool,
    /// Frames for which every picture is held.
    pub hold: usize,
    pub seed: u64,
    pub prefix: &'static str,
    /// Folds that the study gives, subjects in turn; 0 for none.
    pub folds: usize,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            subjects: 10,
            frames: 96,
            label: |shape, _| shape as i16,
            gaze: true,
            hold: 1,
            seed: 1,
            prefix: "s",
            folds: 0,
        }
    }
}

/// Writes a clips artifact: a recording to each subject, a shape at a random place in every frame, gaze on it.
pub fn make_clips(out: &Path, made: &Made) -> PathBuf {
    let begin = Begin { stage: Stage::Clips, config: json!({}), seed: made.seed, inputs: vec![] };
    let writer = ArtifactWriter::create(out, begin, OnExisting::Refuse).expect("a fresh folder");
    let recordings = (0..made.subjects).map(|subject| recording(writer.dir(), subject, made)).collect();
    let details = ClipsDetails {
        study: "shapes".into(),
        simulated: true,
        planes: PLANES.map(str::to_owned).into(),
        height: HEIGHT as u32,
        width: WIDTH as u32,
        spectrogram: SpectrogramFacts {
            kind: "log-mel".into(),
            sample_rate_hz: 24000,
            hop_secs: 0.01,
            window_secs: 0.025,
            n_fft: 1024,
            n_bands: 2,
        },
        voice_detector: "energy".into(),
        recordings,
        failed: vec![],
    };
    writer.finish(Counts::default(), json!(details), RunFacts::default()).expect("written").path
}

fn recording(dir: &Path, subject: usize, made: &Made) -> ClipHeader {
    let name = format!("{}{subject}", made.prefix);
    let file = format!("{name}.safetensors");
    let mut rng = ChaCha8Rng::seed_from_u64(made.seed * 1000 + subject as u64);
    let mut clip = ClipWriter::create(&dir.join(&file), HEIGHT, WIDTH).expect("clip");
    let (mut plane, mut gaze) = (Vec::new(), Vec::new());
    let (mut shape, mut x, mut y, mut picture) = (0, 0.0, 0.0, Vec::new());
    for frame in 0..made.frames {
        if frame % made.hold == 0 {
            shape = rng.random_range(0..PLANES.len());
            (x, y) = (rng.random_range(12.0..52.0f32), rng.random_range(10.0..38.0f32));
            picture = drawn(shape, (x, y), &mut rng);
        }
        clip.push_frame(&picture, 2.0 + frame as f64 / 30.0).expect("frame");
        plane.push((made.label)(shape, &mut rng));
        // no gaze where there is nothing to see
        for sample in 0..if made.gaze && shape != BACKGROUND { 3 } else { 0 } {
            let (dx, dy) = (rng.random_range(-1.5..1.5f32), rng.random_range(-1.5..1.5f32));
            let after_first = frame as f32 / 30.0 + (sample as f32 - 1.0) / 90.0;
            gaze.push([after_first, (x + dx) / WIDTH as f32, (y + dy) / HEIGHT as f32]);
        }
    }
    let labelled = plane.iter().filter(|&&plane| plane >= 0).count() as u64;
    clip.finish(&[0u8; 40][..], 2, &[f16::ZERO; 10], &gaze, &plane).expect("clip");
    ClipHeader {
        recording: name.clone(),
        subject: name,
        file,
        frames: made.frames as u64,
        rows: 10,
        labelled_frames: labelled,
        gaze_samples: gaze.len() as u64,
        fold: (made.folds > 0).then(|| (subject % made.folds) as u32),
        ..ClipHeader::default()
    }
}

/// Noise, and on it a bar across, a bar down, a disc or nothing.
fn drawn(shape: usize, (x, y): (f32, f32), rng: &mut ChaCha8Rng) -> Vec<u8> {
    let inside = |column: usize, row: usize| {
        let (dx, dy) = ((column as f32 - x).abs(), (row as f32 - y).abs());
        match shape {
            0 => dx < 10.0 && dy < 2.5,
            1 => dx < 2.5 && dy < 10.0,
            2 => dx * dx + dy * dy < 30.0,
            _ => false,
        }
    };
    (0..HEIGHT * WIDTH)
        .map(|at| rng.random_range(0..80) + if inside(at % WIDTH, at / WIDTH) { 150 } else { 0 })
        .collect()
}

/// A pretrain artifact with a tiny encoder that has seen `train_subjects`.
pub fn make_encoder(out: &Path, train_subjects: &[&str]) -> PathBuf {
    make_encoder_chosen_by(out, train_subjects, &[])
}

/// The same, its epoch chosen by `validation_subjects`.
pub fn make_encoder_chosen_by(out: &Path, train_subjects: &[&str], validation_subjects: &[&str]) -> PathBuf {
    let begin = Begin { stage: Stage::Pretrain, config: json!({}), seed: 5, inputs: vec![] };
    let writer = ArtifactWriter::create(out, begin, OnExisting::Refuse).expect("a fresh folder");
    let store = ParamStore::new(5, DType::F32, &Device::Cpu);
    let config = EncoderConfig::new(Preset::Tiny);
    Encoder::new(&config, &store.scope()).expect("an encoder");
    store.save(writer.dir().join("encoder.safetensors")).expect("weights");
    let details = json!({
        "encoder": config, "frame": [HEIGHT, WIDTH], "train_subjects": train_subjects,
        "validation_subjects": validation_subjects,
    });
    writer.finish(Counts::default(), details, RunFacts::default()).expect("written").path
}

/// Stops a run after some steps.
pub struct StopAfter(pub u64, pub u64);

impl Monitor for StopAfter {
    fn step(&mut self, done: u64, _of: u64, _means: &[(String, f64)]) {
        self.1 = done;
    }
    fn epoch(&mut self, _epoch: u32, _train: &[(String, f64)], _held_out: &Evaluation) {}
    fn interrupted(&self) -> bool {
        self.1 >= self.0
    }
}

/// `metrics.json` of an artifact.
pub fn metrics(artifact: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(artifact.join("metrics.json")).expect("metrics.json");
    serde_json::from_str(&text).expect("JSON")
}

pub fn manifest(artifact: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(artifact.join("manifest.json")).expect("manifest.json");
    serde_json::from_str(&text).expect("JSON")
}

/// Panics unless both artifacts hold the same bytes in `files` and have the same hash.
pub fn assert_same(a: &Path, b: &Path, stage: Stage, files: &[&str]) {
    for file in files {
        assert_eq!(
            std::fs::read(a.join(file)).expect("file"),
            std::fs::read(b.join(file)).expect("file"),
            "{file}"
        );
    }
    let hash = |path: &Path| sonovox_artifact::Artifact::open(path, stage).expect("artifact").hash();
    assert_eq!(hash(a), hash(b));
}
