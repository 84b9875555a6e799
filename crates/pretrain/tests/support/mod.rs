//! Clips made without media: moving images and "words" that go with them, or do not.
#![allow(dead_code)] // every test binary uses its own part

use std::path::Path;

use candle_core::Device;
use half::f16;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sonovox_artifact::clips::{ClipHeader, ClipWriter, ClipsDetails, SpectrogramFacts};
use sonovox_artifact::{ArtifactWriter, Begin, Counts, OnExisting, RunFacts, Stage};
use sonovox_model::Preset;
use sonovox_pretrain::{LossWeights, PretrainConfig, Request};
use sonovox_study::SplitConfig;
use sonovox_train::{Keep, OptimizerConfig};

/// Half of the subjects to train on, a quarter to choose by.
pub const SPLIT: SplitConfig = SplitConfig { validation: 0.25, test: 0.25, seed: 1, folds: 0, fold: 0 };

/// A tiny network on batches of eight pairs, with the losses of `weights`.
pub fn config(weights: LossWeights) -> PretrainConfig {
    let views = weights.needs_views();
    let mut config =
        PretrainConfig { encoder: Preset::Tiny, weights, eval_pairs: 64, ..PretrainConfig::default() };
    config.pairs.window_secs = 1.0;
    config.pairs.groups = if views { 2 } else { 1 };
    config.voiced_intervals = if views { 4 } else { 8 };
    config.order_intervals = 8;
    config.affine.frames = 8;
    config.graph.clips = 4;
    config.run.epochs = 1;
    config.run.keep = Keep::Last;
    config.run.optimizer = OptimizerConfig::AdamW { learning_rate: 5e-3, weight_decay: 0.01 };
    config
}

/// A run on the CPU into a place where nothing is.
pub fn request<'a>(
    clips: &'a Path,
    out: &'a Path,
    config: &'a PretrainConfig,
    split: &'a SplitConfig,
) -> Request<'a> {
    let (device, existing) = (Device::Cpu, OnExisting::Refuse);
    Request { clips, out, config, split, seed: 5, device, existing, snapshots: false }
}

pub const HEIGHT: usize = 32;
pub const WIDTH: usize = 40;
pub const BANDS: usize = 32;
pub const HOP_SECS: f64 = 0.04;
const FRAMES_PER_SEC: usize = 5;
/// A topic lasts one interval of the tests' recipes.
pub const TOPIC_SECS: usize = 2;
/// Bright stripes at eight heights, tones in eight bands.
const TOPICS: usize = 8;

/// What the speech of a recording has to do with its images.
#[derive(Clone, Copy, PartialEq)]
pub enum Speech {
    /// It names what is seen.
    Matching,
    /// It names topics drawn at random.
    Shuffled,
    /// It names what is seen in every other interval, the first among them, and a topic drawn at random in those between.
    HalfShuffled,
    /// There is none.
    Silent,
}

/// Writes a clips artifact of `recordings` recordings of `secs` seconds, each of a subject of its own.
pub fn write_clips(out: &Path, recordings: usize, secs: usize, speech: Speech) {
    write_clips_of("log-mel", out, recordings, secs, speech);
}

/// The same with a spectrogram that is said to be of another kind.
pub fn write_clips_of(kind: &str, out: &Path, recordings: usize, secs: usize, speech: Speech) {
    let begin = Begin { stage: Stage::Clips, config: serde_json::json!({}), seed: 0, inputs: Vec::new() };
    let writer = ArtifactWriter::create(out, begin, OnExisting::Refuse).expect("a fresh folder");
    let headers = (0..recordings).map(|index| write_clip(writer.dir(), index, secs, speech)).collect();
    let details = ClipsDetails {
        study: "topics".into(),
        simulated: true,
        planes: Vec::new(),
        height: HEIGHT as u32,
        width: WIDTH as u32,
        spectrogram: SpectrogramFacts {
            kind: kind.into(),
            sample_rate_hz: 24_000,
            hop_secs: HOP_SECS,
            window_secs: 0.08,
            n_fft: 2048,
            n_bands: BANDS as u32,
        },
        voice_detector: "none".into(),
        recordings: headers,
        failed: Vec::new(),
    };
    let details = serde_json::to_value(details).expect("plain data");
    writer.finish(Counts::default(), details, RunFacts::default()).expect("finished");
}

fn write_clip(dir: &Path, index: usize, secs: usize, speech: Speech) -> ClipHeader {
    let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
    let file = format!("r{index}.safetensors");
    let mut clip = ClipWriter::create(&dir.join(&file), HEIGHT, WIDTH).expect("a clip");
    let mut seen: Vec<usize> = (0..secs.div_ceil(TOPIC_SECS)).map(|at| (at + index) % TOPICS).collect();
    for at in (1..seen.len()).rev() {
        seen.swap(at, rng.random_range(0..=at));
    }
    for frame in 0..secs * FRAMES_PER_SEC {
        let topic = seen[frame / FRAMES_PER_SEC / TOPIC_SECS];
        clip.push_frame(&image(topic, frame, &mut rng), frame as f64 / FRAMES_PER_SEC as f64)
            .expect("written");
    }
    let rows = (secs as f64 / HOP_SECS) as usize;
    let mut mel = Vec::new();
    for row in 0..rows {
        let drawn = match speech {
            Speech::Shuffled => true,
            Speech::HalfShuffled => row / 50 % 2 == 1,
            Speech::Matching | Speech::Silent => false,
        };
        let topic = match drawn {
            true => ChaCha8Rng::seed_from_u64((index * 1000 + row / 50) as u64 + 77).random_range(0..TOPICS),
            false => seen[(row as f64 * HOP_SECS) as usize / TOPIC_SECS],
        };
        for band in 0..BANDS {
            let tone = if speech != Speech::Silent && band / 4 == topic { 2.0 } else { 0.0 };
            mel.extend(f16::from_f32(tone + rng.random_range(-0.5..0.5)).to_le_bytes());
        }
    }
    let voiced = if speech == Speech::Silent { f16::ZERO } else { f16::ONE };
    let labels = vec![-1; secs * FRAMES_PER_SEC];
    clip.finish(mel.as_slice(), BANDS, &vec![voiced; rows], &[], &labels).expect("finished");
    ClipHeader {
        recording: format!("r{index}"),
        subject: format!("s{index}"),
        file,
        seconds: secs as f64,
        frames: (secs * FRAMES_PER_SEC) as u64,
        rows: rows as u64,
        has_audio: speech != Speech::Silent,
        ..ClipHeader::default()
    }
}

/// A bright stripe at the topic's height, with a bar that moves from left to right through the topic.
fn image(topic: usize, frame: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let bar = frame % (FRAMES_PER_SEC * TOPIC_SECS) * WIDTH / (FRAMES_PER_SEC * TOPIC_SECS);
    let pixel = |at: usize| {
        let (row, column) = (at / WIDTH, at % WIDTH);
        let bright = row / 4 == topic || column.abs_diff(bar) < 2;
        if bright { 200 } else { 60 }
    };
    (0..HEIGHT * WIDTH).map(|at| pixel(at) + rng.random_range(0..30)).collect()
}
