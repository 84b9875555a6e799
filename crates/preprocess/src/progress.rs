//! What a run tells while it works.

/// Something that happened; recordings are told by their place in the study.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// All recordings were looked at; the work begins.
    Checked {
        /// Recordings that will be worked on.
        usable: usize,
        /// Recordings that cannot be used.
        failed: usize,
        /// Frames to be decoded, so far as the containers tell.
        expected_frames: u64,
    },
    /// Work on a recording began.
    Started {
        /// Place in the study.
        index: usize,
        /// Its name.
        recording: String,
        /// Frames to be decoded, where the container tells.
        expected_frames: Option<u64>,
    },
    /// Frames decoded of a recording so far.
    Frames {
        /// Place in the study.
        index: usize,
        /// Number of frames.
        decoded: u64,
    },
    /// A recording is done.
    Finished {
        /// Place in the study.
        index: usize,
        /// Its name.
        recording: String,
        /// Whether an earlier session had done it.
        reused: bool,
    },
    /// A recording cannot be used; the others go on.
    Failed {
        /// Place in the study.
        index: usize,
        /// Its name.
        recording: String,
        /// Why.
        cause: String,
    },
}
