//! sonovox-preprocess

pub mod crop;
