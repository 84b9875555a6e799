//! Differentiable layers, losses and optimisers that candle lacks or is slow at.
//!
//! candle supplies tensors, files and the gradient of ordinary expressions; the operations of this crate carry
//! their own forward and backward kernels. Both kinds mix freely in one expression. Two rules for callers:
//!
//! - call [`backward`] instead of `Tensor::backward` (which stops with an error at the first of our operations);
//! - wrap evaluation in [`no_grad`], so that nothing is kept for a backward pass that never comes.
//!
//! What takes time is a `tracing` span of level trace, named `operation: part`; `examples/train_step.rs` of the crate
//! `model` adds them up.
//!
//! Everything here is deterministic: sums are split by shape and never by thread, so results are the same bits for
//! any number of threads.

mod autograd;
mod batch_norm;
mod contrastive;
mod conv;
mod cross_entropy;
#[cfg(feature = "cuda")]
mod cuda;
mod element;
mod gemm;
mod info_nce;
mod inputs;
mod memory;
mod params;
mod place;
mod pool;
mod precision;
mod relu6;
mod rows;
mod scalar_loss;
mod scratch;
mod se;
mod simd;
mod softmax_kl;
mod squeeze_excite;
mod threads;

pub mod optim;

#[cfg(test)]
mod testing;

pub use autograd::{backward, no_grad};
pub use batch_norm::{BatchNorm2d, Fuse, Mode};
pub use contrastive::paper_contrastive;
pub use conv::{Conv2dSpec, conv2d, conv2d_norm, slow_convolutions};
pub use cross_entropy::cross_entropy;
pub use info_nce::info_nce;
pub use memory::keep_freed_memory;
pub use params::{Init, ParamStore, Scope};
pub use place::{Place, describe_device, peak_device_bytes};
pub use pool::{global_avg_pool, max_pool2d};
pub use precision::Precision;
pub use relu6::relu6;
pub use se::se_scale_add_relu;
pub use softmax_kl::softmax_kl;
pub use squeeze_excite::SqueezeExcite;
pub use threads::limit_candle_threads;
