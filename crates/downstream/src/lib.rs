//! Stages 3 and 4: what the representation is good for.
//!
//! [`planes`] detects standard planes, [`gaze`] predicts where the sonographer looks, [`probe`] reads planes off an encoder
//! as it is. Both start from a pretrained
//! encoder or a random one ([`EncoderChoice`]), fine-tune it with a small head on the training subjects, keep the
//! epoch that is best on the validation subjects and report on the test subjects; both leave an artifact with the
//! weights, `predictions.safetensors` and `metrics.json`, which their `evaluate` reads back.
//!
//! Labels and gaze points lie in memory, pixels are read from the clips as batches need them. Everything drawn is a
//! pure function of (seed, step), so on the CPU equal inputs give equal bytes, interrupted or not.

mod artifact_parts;
mod chance;
mod clips;
mod encoder;
mod error;
mod frame_set;
mod image;
mod inference;
mod label_share;
mod model_artifact;
mod stage;
mod tensor_file;

pub mod gaze;
pub mod planes;
pub mod probe;

pub use encoder::{EncoderChoice, EncoderOrigin, ImageNetFile};
pub use error::DownstreamError;
pub use frame_set::Tested;
pub use model_artifact::{EvaluationDetails, Provenance};
pub use stage::{EvalRequest, FinetuneRequest, Summary};
