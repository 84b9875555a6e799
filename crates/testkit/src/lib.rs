//! What tests of several crates share: where the shared data lies, tiny studies without media, comparing floats, golden
//! tensors. A dev-dependency only, so it may panic: in a test that is the message.

mod close;
mod golden;
mod shared;
mod tiny_study;

pub use close::{assert_all_close, assert_close, relative_difference};
pub use golden::{Golden, GoldenTensor};
pub use shared::shared_data;
pub use tiny_study::TinyStudy;
