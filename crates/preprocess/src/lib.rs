//! Stage 1: recordings to clips.
//!
//! [`run`] takes a study and leaves a clips artifact: for every recording its frames (cropped, grey, resized) with
//! their times, the speech as spectrogram rows with voice activity on the same clock, gaze in the cropped frame and a
//! plane label to a frame. Everything is continuous in time; what a training step looks at is cut when it is drawn.
//!
//! A recording passes through as a stream: peak memory depends neither on its length nor on how many there are. Several
//! are worked on side by side. A run can be stopped and gone on with: what is finished is not done again.

mod cancel;
mod config;
pub mod crop;
mod error;
mod framing;
mod labels;
mod pool;
mod progress;
mod recording;
mod resume;
mod sound;
mod spool;
mod stage;
mod summary;
mod timeline;

pub use cancel::Cancel;
pub use config::{CropMode, FrameConfig, Incomplete, PreprocessConfig};
pub use error::{PreprocessError, RecordingError};
pub use progress::Event;
pub use stage::{RunOptions, run};
pub use summary::Summary;
