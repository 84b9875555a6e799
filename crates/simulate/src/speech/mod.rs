//! What is heard: phrases, voices, who says what when, and the room.
//!
//! From the top: [`Narrator`] plans a recording (`plan`: who speaks when about what), finds words (`phrases`, out of a
//! `grammar`) and voices (`voice`) for the plan and has them spoken (`espeak`, or `recorded`), each exactly as long as
//! planned (`stretch`). [`Soundtrack`] lets the [`Script`] sound in a room (`room`, `noise`, `reverb`).

mod clip;
mod espeak;
mod grammar;
mod narrator;
mod noise;
pub mod phrases;
mod plan;
mod recorded;
mod reverb;
pub mod room;
mod script;
mod stretch;
mod topics;
mod voice;

pub use clip::Clip;
pub use espeak::Synthesiser;
pub use grammar::Phrasing;
pub use narrator::{Narrator, Scan};
pub use phrases::{Fold, Phrases};
pub use room::Soundtrack;
pub use script::{Script, Utterance};
pub use topics::Topics;
pub use voice::{Role, Speaker, Voice};

/// Sample rate of the recordings: the rate at which espeak-ng speaks, so that nothing is resampled here.
pub const SAMPLE_RATE_HZ: u32 = 22_050;

/// Factor of a level in dB.
fn amplitude(db: f64) -> f32 {
    10_f64.powf(db / 20.0) as f32
}
