//! The same operations on NVIDIA cards: own kernels compiled by NVRTC at run time, convolutions by cuDNN.
//!
//! Maps are NHWC of f32, f64 or bf16; sums, statistics, parameters and their gradients are f32 (f64 beside f64 maps).
//! The wrappers take contiguous views and plain dimensions that the caller has checked, and return fresh slices.
//! Everything is queued on the device's one stream; nothing waits for the card. Kernels add in an order that follows
//! from the shape alone.

#![expect(dead_code, reason = "the operations do not call their CUDA side yet")]

pub(crate) mod element;
pub(crate) mod geometry;
pub(crate) mod launch;
pub(crate) mod nvrtc;
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

pub(crate) use element::{MapElement, Param};
pub(crate) use launch::Gpu;

#[cfg(test)]
mod tests;
