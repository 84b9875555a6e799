//! Random changes of what a training batch is made of: functions of (seed, step), like every draw.

mod frames;
mod speech;

pub use frames::change_frames;
pub use speech::{change_speech, draw_speeds};
