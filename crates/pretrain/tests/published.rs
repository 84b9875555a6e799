//! Networks that were trained elsewhere: a frozen Whisper as the speech stream, ImageNet weights as the video encoder's start,
//! and the second backbone in both streams.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sonovox_artifact::clips::ClipsArtifact;
use sonovox_artifact::{Artifact, Stage};
use sonovox_model::{ImageNetWeights, Preset, WhisperEncoder};
use sonovox_ops::{ParamStore, backward};
use sonovox_pretrain::{
    Aligner, Library, Moment, Networks, Objective, Plan, Pool, PretrainConfig, PretrainError, Sampler,
    Source, Summary, WhisperConfig, run,
};
use sonovox_train::{BatchSource, Keep, OptimizerConfig, Silent};
use support::{BANDS, SPLIT, Speech, request, write_clips, write_clips_of};

/// Width of the tiny Whisper.
const WIDTH: usize = 16;

fn config() -> PretrainConfig {
    let mut config = PretrainConfig { encoder: Preset::Tiny, eval_pairs: 16, ..PretrainConfig::default() };
    config.pairs.window_secs = 1.0;
    config.pairs.groups = 1;
    config.voiced_intervals = 8;
    config.order_intervals = 4;
    config.run.epochs = 1;
    config.run.keep = Keep::Last;
    config.run.optimizer = OptimizerConfig::AdamW { learning_rate: 5e-3, weight_decay: 0.01 };
    config
}

fn pretrain(clips: &Path, out: &Path, config: &PretrainConfig) -> Result<Summary, PretrainError> {
    run(&request(clips, out, config, &SPLIT), &mut Silent)
}

fn manifest(artifact: &Path) -> serde_json::Value {
    let text = fs::read_to_string(artifact.join("manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("JSON")
}

/// A folder with a Whisper of one layer whose weights are random.
fn write_whisper(folder: &Path, bands: usize, seed: u64) {
    fs::create_dir_all(folder).expect("a folder");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tensors = BTreeMap::new();
    let mut add = |name: &str, dims: &[usize], centre: f32| {
        let fan_in: usize = dims[1..].iter().product();
        let spread = (3.0 / fan_in.max(4) as f32).sqrt();
        let count = dims.iter().product();
        let values: Vec<f32> = (0..count).map(|_| centre + rng.random_range(-spread..spread)).collect();
        let tensor = Tensor::from_vec(values, dims, &Device::Cpu).expect("a tensor");
        tensors.insert(format!("model.encoder.{name}"), tensor);
    };
    add("conv1.weight", &[WIDTH, bands, 3], 0.0);
    add("conv1.bias", &[WIDTH], 0.0);
    add("conv2.weight", &[WIDTH, WIDTH, 3], 0.0);
    add("conv2.bias", &[WIDTH], 0.0);
    for (layer, has_bias) in [("q_proj", true), ("k_proj", false), ("v_proj", true), ("out_proj", true)] {
        add(&format!("layers.0.self_attn.{layer}.weight"), &[WIDTH, WIDTH], 0.0);
        if has_bias {
            add(&format!("layers.0.self_attn.{layer}.bias"), &[WIDTH], 0.0);
        }
    }
    for (layer, outputs, inputs) in [("fc1", 4 * WIDTH, WIDTH), ("fc2", WIDTH, 4 * WIDTH)] {
        add(&format!("layers.0.{layer}.weight"), &[outputs, inputs], 0.0);
        add(&format!("layers.0.{layer}.bias"), &[outputs], 0.0);
    }
    for norm in ["layers.0.self_attn_layer_norm", "layers.0.final_layer_norm", "layer_norm"] {
        add(&format!("{norm}.weight"), &[WIDTH], 1.0);
        add(&format!("{norm}.bias"), &[WIDTH], 0.0);
    }
    candle_core::safetensors::save(&tensors.into_iter().collect(), folder.join("model.safetensors"))
        .expect("a file");
    let config = serde_json::json!({
        "num_mel_bins": bands, "max_source_positions": 30, "d_model": WIDTH, "encoder_layers": 1,
        "encoder_attention_heads": 2, "encoder_ffn_dim": 4 * WIDTH, "activation_function": "gelu",
    });
    fs::write(folder.join("config.json"), config.to_string()).expect("a config");
}

struct Heard {
    dir: tempfile::TempDir,
    config: PretrainConfig,
}

impl Heard {
    /// Clips with rows for Whisper, and a Whisper of as many bands.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        write_clips_of("whisper", &dir.path().join("clips"), 8, 16, Speech::Matching);
        let weights = dir.path().join("whisper-random");
        write_whisper(&weights, BANDS, 3);
        let whisper = Some(WhisperConfig { weights, context_secs: 0.0 });
        Self { dir, config: PretrainConfig { whisper, ..config() } }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

#[test]
fn a_frozen_whisper_is_heard_and_not_learned() {
    let heard = Heard::new();
    let (out, again) = (heard.at("encoder"), heard.at("again"));
    pretrain(&heard.at("clips"), &out, &heard.config).expect("a run");
    pretrain(&heard.at("clips"), &again, &heard.config).expect("a run");
    for file in ["encoder.safetensors", "heads.safetensors"] {
        assert_eq!(
            fs::read(out.join(file)).expect("a file"),
            fs::read(again.join(file)).expect("a file"),
            "{file}"
        );
    }
    assert!(!out.join("speech.safetensors").exists(), "a frozen stream is named, not copied");
    let heads = candle_core::safetensors::load(out.join("heads.safetensors"), &Device::Cpu).expect("heads");
    assert_eq!(heads["speech_projection.fc1.weight"].dims(), [WIDTH, WIDTH]);
    let manifest = manifest(&out);
    assert_eq!(
        manifest["config"]["pretrain"]["whisper"]["weights"], "whisper-random",
        "no path of this machine"
    );
    let input = &manifest["inputs"][1];
    assert_eq!(input["stage"], "whisper");
    assert_eq!(input["path"], heard.at("whisper-random").display().to_string());

    let open = || {
        let encoder = Artifact::open(&out, Stage::Pretrain).expect("an artifact");
        let clips = ClipsArtifact::open(&heard.at("clips")).expect("clips");
        Aligner::open(&encoder, &clips, &[0, 1], &Device::Cpu)
    };
    let cosines =
        open().expect("reopened").similarity(&[(0, 3), (1, 20)], &[(0, 1.0), (1, 5.0)]).expect("cosines");
    assert!(
        cosines.iter().all(|cosine| cosine.abs() <= 1.0 + 1e-5) && cosines[0] != cosines[1],
        "{cosines:?}"
    );
    // other weights in its place are another speech stream
    write_whisper(&heard.at("whisper-random"), BANDS, 4);
    let error = open().err().expect("refused").to_string();
    assert!(error.contains("whisper-random") && error.contains("was trained beside"), "{error}");
    fs::remove_dir_all(heard.at("whisper-random")).expect("removed");
    assert!(open().err().expect("refused").to_string().contains("whisper-random"));
}

/// Everything in the store gets a gradient, and Whisper is not in it; with its projection alone it still tells topics apart.
#[test]
fn only_the_projection_learns_and_it_does() {
    let heard = Heard::new();
    let clips = ClipsArtifact::open(&heard.at("clips")).expect("clips");
    let config = &heard.config;
    let members: Vec<usize> = (0..8).collect();
    let (library, fragments, _) = Library::open(&clips, &members, &config.pairs).expect("library");
    let sampler = Sampler::new(fragments, &config.pairs, Pool::Voiced, 3);
    let source = Source::new(library.into(), sampler, Plan::new(config), Device::Cpu);
    let whisper = WhisperEncoder::open(heard.at("whisper-random"), 0.0, &Device::Cpu).expect("a Whisper");
    let store = ParamStore::new(5, DType::F32, &Device::Cpu);
    let networks = Networks::beside(config, &store, Some(whisper)).expect("networks");
    let objective = Objective::new(config);
    let optimizer = sonovox_ops::optim::AdamWConfig::default();
    let mut optimizer = sonovox_ops::optim::AdamW::new(store.params(), optimizer).expect("optimiser");
    let (mut first, mut last) = (0.0, 0.0);
    for step in 0..120 {
        let losses =
            objective.losses(&networks, &source.draw(step).expect("a batch"), Moment::TRAIN).expect("losses");
        let gradients = backward(&losses.total).expect("backward");
        if step == 0 {
            for (name, var) in store.params() {
                assert!(!name.starts_with("speech."), "{name}");
                assert!(gradients.get(&var).is_some(), "{name}: no gradient");
            }
        }
        sonovox_ops::optim::Optimizer::step(&mut optimizer, &gradients, 3e-3, 1.0).expect("step");
        let cont = losses.parts.iter().find(|(name, _)| *name == "loss_cont").expect("L_cont").1;
        let sum = if step < 10 { &mut first } else { &mut last };
        *sum += if (10..110).contains(&step) { 0.0 } else { cont / 10.0 };
    }
    assert!(last < 0.8 * first, "L_cont {first:.3} at first, {last:.3} at last");
}

#[test]
fn what_whisper_cannot_hear_is_refused() {
    let heard = Heard::new();
    let refused = |clips: &str, config: &PretrainConfig| {
        let error = pretrain(&heard.at(clips), &heard.at("none"), config).err().expect("refused").to_string();
        assert!(!heard.at("none").exists());
        error
    };
    write_clips(&heard.at("mel"), 4, 16, Speech::Matching);
    let error = refused("mel", &heard.config);
    assert!(error.contains("mel: expected a spectrogram of kind whisper with 32 bands"), "{error}");
    assert!(error.ends_with("found log-mel with 32"), "{error}");
    write_whisper(&heard.at("other"), 80, 3);
    let whisper = |weights, context_secs| Some(WhisperConfig { weights, context_secs });
    let with = |whisper| PretrainConfig { whisper, ..heard.config.clone() };
    let error = refused("clips", &with(whisper(heard.at("other"), 0.0)));
    assert!(error.contains("80 bands") && error.ends_with("found whisper with 32"), "{error}");
    let error = refused("clips", &with(whisper(heard.at("nowhere"), 0.0)));
    assert!(error.contains("nowhere"), "{error}");
    let error = refused("clips", &with(whisper(heard.at("whisper-random"), -1.0)));
    assert!(error.contains("whisper.context_secs must be 0 or more, found -1"), "{error}");
    let mut sync = heard.config.clone();
    sync.weights.sync = 1.0;
    let error = refused("clips", &sync);
    assert!(error.contains("weights.sync must be 0 with a Whisper speech stream"), "{error}");
}

#[test]
fn the_video_encoder_starts_from_imagenets_weights() {
    let dir = tempfile::tempdir().expect("dir");
    let at = |name: &str| dir.path().join(name);
    write_clips(&at("clips"), 4, 16, Speech::Matching);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden/tiny_timm.safetensors");
    let mut config = PretrainConfig { init: Some(file.clone()), steps_per_epoch: Some(1), ..config() };
    // as good as standing still
    config.run.optimizer = OptimizerConfig::AdamW { learning_rate: 1e-9, weight_decay: 0.0 };
    pretrain(&at("clips"), &at("encoder"), &config).expect("a run");
    let store = ParamStore::new(0, DType::F32, &Device::Cpu);
    let weights = ImageNetWeights::open(&file).and_then(ImageNetWeights::grey).expect("weights");
    sonovox_model::Encoder::new(&weights.config(), &store.scope()).expect("an encoder");
    weights.set(&store.scope(), &store).expect("set");
    let started = candle_core::safetensors::load(at("encoder").join("encoder.safetensors"), &Device::Cpu);
    let started = started.expect("an encoder");
    for (name, var) in store.params() {
        let apart = (&started[&name] - var.as_tensor()).and_then(|t| t.abs()?.max_all()?.to_scalar::<f32>());
        assert!(apart.expect("a number") < 1e-6, "{name}");
    }
    let manifest = manifest(&at("encoder"));
    assert_eq!(manifest["config"]["pretrain"]["init"], "tiny_timm.safetensors");
    assert_eq!(manifest["inputs"][1]["stage"], "imagenet");

    config.encoder = Preset::Small;
    let error = pretrain(&at("clips"), &at("other"), &config).err().expect("refused").to_string();
    let expected = "expected a SE-ResNeXt, small (pretrain.encoder), found SE-ResNeXt, tiny";
    assert!(error.contains("tiny_timm.safetensors") && error.contains(expected), "{error}");
}

#[test]
fn the_second_backbone_is_pretrained_in_both_streams() {
    let dir = tempfile::tempdir().expect("dir");
    let at = |name: &str| dir.path().join(name);
    write_clips(&at("clips"), 4, 16, Speech::Matching);
    let mut config =
        PretrainConfig { encoder: Preset::EfficientNetLite0, steps_per_epoch: Some(2), ..config() };
    config.weights.affine = 1.0;
    config.weights.sync = 1.0;
    config.pairs.window_secs = 2.0;
    let Summary::Finished { details, .. } = pretrain(&at("clips"), &at("encoder"), &config).expect("a run")
    else {
        panic!("interrupted")
    };
    assert_eq!(details.encoder.preset, Preset::EfficientNetLite0);
    let encoder = Artifact::open(&at("encoder"), Stage::Pretrain).expect("an artifact");
    let clips = ClipsArtifact::open(&at("clips")).expect("clips");
    let aligner = Aligner::open(&encoder, &clips, &[0], &Device::Cpu).expect("reopened");
    assert_eq!(aligner.similarity(&[(0, 3)], &[(0, 1.0)]).expect("a cosine").len(), 1);
}
