//! Settings of stage 2: the recipe's `[pretrain]` section.

mod affine;
mod augmentation;
mod clusters;
mod curriculum;
mod losses;
mod pacing;
mod pairs;
mod published;
mod rivals;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sonovox_model::{EncoderConfig, FusionConfig, Preset, ProjectionConfig};
use sonovox_ops::Precision;
use sonovox_train::{Keep, OptimizerConfig, RunConfig, Schedule};

use crate::PretrainError;

pub use affine::AffineConfig;
pub use augmentation::{FrameAugmentation, SpeechAugmentation};
pub use clusters::ClusterConfig;
pub use curriculum::{Curriculum, Phase};
pub use losses::{Contrastive, LossWeights};
pub use pacing::{PacingConfig, PacingKind, Scale, Start};
pub use pairs::{Join, Negatives, PairConfig};
pub use published::WhisperConfig;
pub use rivals::{GraphConfig, SyncConfig};

/// A setting, what it must be, what it is, and whether it is that.
type Check = (&'static str, &'static str, f64, bool);

/// The whole section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PretrainConfig {
    /// Network of both encoders.
    pub encoder: Preset,
    /// Train in the dilated form (last two stages at stride 8): the paper's, and about four times the arithmetic.
    pub dilated: bool,
    /// From pooled features to the embeddings that L_cls and L_cont compare.
    pub projection: ProjectionConfig,
    /// From two embeddings to the logits of L_cls; `linear` is the paper's words read literally.
    pub fusion: FusionConfig,
    /// Where the video encoder starts from: a safetensors file of ImageNet weights of the same network (docs/method.md, "Other
    /// networks"); absent: from chance. Manifests name its last part, and hold path and hash among the inputs.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "published::last_part_of")]
    pub init: Option<PathBuf>,
    /// A frozen Whisper hears speech in place of an encoder that learns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whisper: Option<WhisperConfig>,
    /// Pair sampling.
    pub pairs: PairConfig,
    /// Which pairs are trained on when.
    pub pacing: PacingConfig,
    /// Which L_cont.
    pub contrastive: Contrastive,
    /// Smallest margin of Eq. 2, above which the logarithm is defined: at the default ln(1 - exp(-margin)) is -9 and its gradient 10^4.
    pub smallest_margin: f64,
    /// Temperature that InfoNCE starts from.
    pub temperature: f64,
    /// Temperature below which InfoNCE does not go: colder, one pair that fits by chance outweighs all others.
    pub smallest_temperature: f64,
    /// L_cont compares a speech embedding after the mean speech embedding of its recording within the batch is taken off: what a
    /// recording's windows have in common is its voice and its room. Needs `pairs.recordings_per_batch`.
    pub centre_by_recording: bool,
    /// Which stream is trained when.
    pub curriculum: Curriculum,
    /// Clusters of one stream as labels of the other.
    pub clusters: ClusterConfig,
    /// Temperature of L_views.
    pub views_temperature: f64,
    /// Weights of the losses.
    pub weights: LossWeights,
    /// Transforms of L_aff.
    pub affine: AffineConfig,
    /// Co-attention synchronisation.
    pub sync: SyncConfig,
    /// TCGL.
    pub graph: GraphConfig,
    /// Changes of speech in training.
    pub speech_augmentation: SpeechAugmentation,
    /// Changes of frames in training.
    pub frame_augmentation: FrameAugmentation,
    /// Voiced intervals to a batch; each gives `pairs.groups` pairs (paper: 32 pairs).
    pub voiced_intervals: usize,
    /// Intervals of any kind to a batch, for frame order; each gives one shuffled tuple.
    pub order_intervals: usize,
    /// Steps that make an epoch; by default one pass over the voiced intervals (over all, where none is voiced).
    pub steps_per_epoch: Option<u64>,
    /// Most pairs that the evaluation after every epoch looks at.
    pub eval_pairs: usize,
    /// Engine: epochs, optimiser, schedule, clipping.
    pub run: RunConfig,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        Self {
            encoder: Preset::Small,
            dilated: false,
            projection: ProjectionConfig::default(),
            fusion: FusionConfig::default(),
            init: None,
            whisper: None,
            pairs: PairConfig::default(),
            pacing: PacingConfig::default(),
            contrastive: Contrastive::InfoNce,
            smallest_margin: 1e-4,
            temperature: 0.1,
            smallest_temperature: 0.01,
            centre_by_recording: false,
            curriculum: Curriculum::default(),
            clusters: ClusterConfig::default(),
            views_temperature: 0.1,
            weights: LossWeights::default(),
            affine: AffineConfig::default(),
            sync: SyncConfig::default(),
            graph: GraphConfig::default(),
            speech_augmentation: SpeechAugmentation::default(),
            frame_augmentation: FrameAugmentation::default(),
            voiced_intervals: 16,
            order_intervals: 16,
            steps_per_epoch: None,
            eval_pairs: 256,
            run: RunConfig {
                epochs: 20,
                optimizer: OptimizerConfig::AdamW { learning_rate: 3e-3, weight_decay: 0.01 },
                schedule: Schedule::Cosine { warmup: 0.05, floor: 0.0 },
                clip_norm: 5.0,
                keep: Keep::Best,
                precision: Precision::F32,
                batches_ahead: 2,
                log_every_steps: 10,
                checkpoint_every_steps: 1000,
            },
        }
    }
}

impl PretrainConfig {
    /// The encoder's configuration; both streams are of one channel.
    pub fn encoder_config(&self) -> EncoderConfig {
        EncoderConfig { preset: self.encoder, in_channels: 1, dilated: self.dilated }
    }

    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the first setting that is wrong, what it must be and what it is.
    pub fn validate(&self) -> Result<(), PretrainError> {
        let checks = [
            self.pairs.checks(self.voiced_intervals),
            self.pacing.checks(),
            self.affine.checks(),
            self.curriculum.checks(
                self.weights.video_views + self.weights.ord + self.weights.affine,
                self.weights.cls + self.weights.sync,
            ),
            self.clusters
                .checks(self.weights.video_clusters + self.weights.speech_clusters, self.weights.cont),
            self.sync.checks(),
            self.graph.checks(),
            WhisperConfig::checks(self.whisper.as_ref(), self.weights.sync),
            self.speech_augmentation.checks(),
            self.frame_augmentation.checks(),
            self.own_checks(),
        ];
        for (setting, expected, found, holds) in checks.concat() {
            if !holds {
                return Err(PretrainError::Setting { setting, expected, found });
            }
        }
        Ok(self.run.validate()?)
    }

    fn own_checks(&self) -> Vec<Check> {
        let weights = self.weights.all();
        let coldest = self.smallest_temperature;
        let windows = self.pairs.speech_windows;
        let literal = self.contrastive.is_eq_2() && self.weights.cont > 0.0;
        let shared = self.pairs.recordings_per_batch;
        vec![
            ("smallest_margin", "above 0", self.smallest_margin, self.smallest_margin > 0.0),
            (
                "fusion.hidden",
                "at least 1",
                self.fusion.hidden.unwrap_or(1) as f64,
                self.fusion.hidden != Some(0),
            ),
            ("temperature", "above 0", self.temperature, self.temperature > 0.0),
            ("smallest_temperature", "above 0 and at most temperature", coldest, {
                coldest > 0.0 && coldest <= self.temperature
            }),
            (
                "pairs.speech_windows",
                "1 for contrastive = \"paper\" and \"paper-cosine\"",
                windows as f64,
                windows == 1 || !literal,
            ),
            (
                "pairs.recordings_per_batch",
                "above 0 and below voiced_intervals for centre_by_recording",
                shared as f64,
                !self.centre_by_recording || (shared > 0 && shared < self.voiced_intervals),
            ),
            ("views_temperature", "above 0", self.views_temperature, self.views_temperature > 0.0),
            (
                "pairs.groups",
                "2 for weights.video_views and weights.speech_views",
                self.pairs.groups as f64,
                { self.pairs.groups == 2 || !self.weights.needs_views() },
            ),
            (
                "weights.cls + weights.sync",
                "0 for pairs.negatives = \"batch\": they need a negative to every pair",
                self.weights.cls + self.weights.sync,
                self.pairs.negatives != Negatives::Batch || self.weights.cls + self.weights.sync == 0.0,
            ),
            (
                "weights.cont",
                "0 for contrastive = \"paper\" and \"paper-cosine\" with pairs.negatives = \"batch\": Eq. 2 needs a negative to every pair",
                self.weights.cont,
                self.pairs.negatives != Negatives::Batch || !literal,
            ),
            (
                "weights.cont",
                "above 0 for curriculum.speech_alone",
                self.weights.cont,
                self.curriculum.speech_alone == 0.0 || self.weights.cont > 0.0,
            ),
            ("voiced_intervals", "at least 2", self.voiced_intervals as f64, self.voiced_intervals >= 2),
            (
                "steps_per_epoch",
                "at least 1",
                self.steps_per_epoch.unwrap_or(1) as f64,
                self.steps_per_epoch != Some(0),
            ),
            ("order_intervals", "at least 1", self.order_intervals as f64, self.order_intervals >= 1),
            ("eval_pairs", "at least 2", self.eval_pairs as f64, self.eval_pairs >= 2),
            (
                "weights.speech_views",
                "not the only loss: nothing would train the video encoder",
                self.weights.speech_views,
                weights.iter().sum::<f64>() > self.weights.speech_views || self.weights.speech_views == 0.0,
            ),
            ("weights", "0 or more, and not all 0", weights.iter().sum(), {
                weights.iter().all(|&w| w >= 0.0 && w.is_finite()) && weights.iter().any(|&w| w > 0.0)
            }),
        ]
    }
}
