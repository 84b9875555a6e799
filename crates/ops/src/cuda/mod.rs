//! The same operations on NVIDIA cards: own kernels compiled by NVRTC at run time, convolutions by cuDNN.
//!
//! Maps are NHWC of f32, f64 or bf16; sums, statistics, parameters and their gradients are f32 (f64 beside f64 maps).
//! The wrappers take contiguous views and plain dimensions that the caller has checked, and return fresh slices. Beside
//! each operation stands its `on_card.rs`, which goes from tensors to views, and records the backward pass.
//! Everything is queued on the device's one stream; nothing waits for the card. Kernels add in an order that follows
//! from the shape alone.

pub(crate) mod device;
pub(crate) mod element;
pub(crate) mod geometry;
pub(crate) mod launch;
pub(crate) mod nvrtc;
pub(crate) mod scalar_loss;
pub(crate) mod storage;

pub(crate) mod conv;
mod cudnn;
pub(crate) mod elementwise;

#[path = "../batch_norm/cuda.rs"]
pub(crate) mod batch_norm;
#[path = "../contrastive/cuda.rs"]
pub(crate) mod contrastive;
#[path = "../conv/direct_cuda.rs"]
pub(crate) mod conv_direct;
#[path = "../cross_entropy/cuda.rs"]
pub(crate) mod cross_entropy;
#[path = "../info_nce/cuda.rs"]
pub(crate) mod info_nce;
#[path = "../optim/cuda.rs"]
pub(crate) mod optim;
#[path = "../pool/cuda.rs"]
pub(crate) mod pool;
#[path = "../se/cuda.rs"]
pub(crate) mod se;
#[path = "../se/batch_norm_cuda.rs"]
pub(crate) mod se_batch_norm;
#[path = "../softmax_kl/cuda.rs"]
pub(crate) mod softmax_kl;

pub(crate) use element::{MapElement, Param, by_map_type};
pub(crate) use launch::Gpu;
pub(crate) use storage::{dense, gpu, lend};

#[cfg(test)]
mod tests;
