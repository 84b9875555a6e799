//! Every operation gives on a card what it gives on the CPU in f64, backward too: in f64, f32, TF32 and bf16.
//!
//! Without a card, and in a build without the feature `cuda`, the comparison itself is still tested: f32 on the CPU
//! against f64 on the CPU. `just test-cuda` runs this where there is a card.

mod graph;
mod losses;
mod maps;
mod optimisers;
mod support;
