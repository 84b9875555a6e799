//! What stages leave on disk: a folder of safetensors files with a `manifest.json`.
//!
//! ```text
//! NAME.partial/   being written; begin.json says by what, so that it can be gone on with
//! NAME/           finished: manifest.json was written last, then the folder got its name
//! ```
//! A kill at any moment leaves one or the other. The manifest holds recordings and subjects by the names the user gave
//! them, and no path of the user's machine other than those of input artifacts, which are not part of the hash.
//!
//! A folder without a manifest is not an artifact. Files are read by position and not mapped into memory, so that a
//! truncated file is an error with its name and never a signal.

mod begin;
mod canonical;
pub mod clips;
mod error;
mod folders;
mod hash;
mod manifest;
mod open;
mod tensors;
mod writer;

pub use begin::Begin;
pub use canonical::canonical_json;
pub use error::ArtifactError;
pub use hash::{sha256_file, sha256_text};
pub use manifest::{Counts, FileEntry, InputRef, Manifest, RunFacts, Stage, TensorSpec};
pub use open::Artifact;
pub use tensors::{TensorBytes, read_header, write_file, write_tensors};
pub use writer::{ArtifactWriter, OnExisting};
