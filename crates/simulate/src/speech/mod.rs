//! What is heard: phrases, voices, who says what when, and the room.

pub mod phrases;
pub mod room;
pub mod script;
pub mod synth;
pub mod voice;

pub use phrases::Phrases;
pub use room::Soundtrack;
pub use script::{Script, Utterance};
pub use synth::{Clip, Synthesiser};
pub use voice::Voice;

/// Sample rate of the recordings: the rate at which espeak-ng speaks, so that nothing is resampled here.
pub const SAMPLE_RATE_HZ: u32 = 22_050;

/// Factor of a level in dB.
fn amplitude(db: f64) -> f32 {
    10_f64.powf(db / 20.0) as f32
}
