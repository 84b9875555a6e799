//! What is put on an encoder: one head to a file.

pub(crate) mod affine;
pub(crate) mod cluster;
pub(crate) mod co_attention;
pub(crate) mod fusion;
pub(crate) mod gaze;
mod layers;
pub(crate) mod order;
pub(crate) mod plane;
pub(crate) mod projection;
pub(crate) mod temporal_graph;
