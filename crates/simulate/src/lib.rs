//! Stage 0: virtual narrated ultrasound scans with known truth, written as a study folder.
//!
//! [`run`] takes a [`SimulateConfig`] and leaves a folder that `sonovox_study::Study::open` reads: MP4 videos with
//! sound, gaze and plane tables, and `truth.json` with what a real study would not know (evaluation only).
//!
//! The parts, each of which knows those above it only:
//! - [`geometry`] and [`grid`]: millimetres, and the beam lines on which a frame is made.
//! - [`anatomy`]: the body of a subject and what the scan plane cuts out of it ([`anatomy::World::cut`]).
//! - [`probe`]: how the probe is moved, and thereby which plane is on the screen when.
//! - [`image`]: tissue to a frame of the machine's screen ([`image::Imager::frame`]).
//! - [`speech`]: who says what when ([`speech::Script`]), in which voice, and how the room sounds.
//! - [`gaze`]: where the sonographer looks.
//! - `recording` and `writer`: one recording put together; the folder on disk.
//! - `over_videos`: recordings joined from real videos in place of drawn ones, narrated by the same [`speech`].
//!
//! docs/simulation.md says what is modelled, from which sources, and what is not. Nothing clinical follows from it.

pub mod anatomy;
mod config;
mod error;
pub mod gaze;
pub mod geometry;
pub mod grid;
pub mod image;
mod over_videos;
mod preview;
pub mod probe;
mod recording;
pub mod rng;
mod run;
mod side_by_side;
pub mod speech;
mod truth;
mod writer;

pub use config::{
    GazeConfig, HoldOutConfig, LagConfig, Narration, OverVideosConfig, SimulateConfig, SpeechConfig,
    VideoConfig,
};
pub use error::SimulateError;
pub use over_videos::{PlaneShown, VideosUsed};
pub use preview::{Preview, preview};
pub use run::{SimulateSummary, run};
