//! The words of the field and the study folder a user prepares.
//!
//! A **study** is a set of **recordings** (one narrated ultrasound scan each) of **subjects**, with an optional
//! gaze track and optional standard-plane labels to a recording. [`Study::open`] reads and validates a study
//! folder (`study.toml` and `recordings.csv`) or takes a bare folder of videos; [`Study::write`] leaves one.
//! The format, for people, is `data/README.md`.
//!
//! All times are seconds on the recording's own clock: the container's presentation time, what `ffprobe` prints
//! as `pts_time`, not moved to zero.
//!
//! Faults of the study as a whole are errors of [`Study::open`]. Faults of one recording (a missing video, a plane
//! that is not in the list, gaze that runs backwards) are errors of [`Recording::check_files`],
//! [`Study::planes_of`] and [`Study::gaze_of`], so that one bad recording need not stop the others.

mod bare;
mod error;
mod folds;
mod gaze;
mod intervals;
mod planes;
mod recordings;
mod settings;
mod split;
mod study;
mod table;

pub use bare::VIDEO_EXTENSIONS;
pub use error::StudyError;
pub use folds::fold_by_subject;
pub use gaze::{GazeSample, read_gaze, write_gaze};
pub use intervals::{Interval, intervals};
pub use planes::{PlaneList, PlaneSpan, plane_at, read_planes, write_planes};
pub use recordings::{Recording, SeparateAudio};
pub use settings::CropRect;
pub use split::{Split, SplitConfig, SplitFractions, SplitItem, SplitParts, SubjectSplit, split_by_subject};
pub use study::Study;
