//! The clips artifact: one safetensors file to a recording, continuous in time.
//!
//! | tensor | type and axes | unit |
//! |---|---|---|
//! | `frames` | u8 [frame, height, width] | grey level |
//! | `frame_secs` | f64 [frame] | s, on the recording's clock |
//! | `log_mel` | f16 [row, band] | standardised dB; of the kind "whisper" log10 of the power |
//! | `voice` | f16 [row] | 0 (no speech) to 1 |
//! | `gaze` | f32 [sample, 3] | time in s after the first frame, x and y as shares of the cropped frame |
//! | `plane` | i16 [frame] | index into the study's planes, -1 where there is no label |
//!
//! Row t of `log_mel` and `voice` belongs to the time `frame_secs[0] + t * hop_secs`; without sound there are no rows.

mod details;
mod name;
mod reader;
mod writer;

pub use details::{ClipHeader, ClipsArtifact, ClipsDetails, FailedRecording, SpectrogramFacts};
pub use name::file_name;
pub use reader::ClipReader;
pub use writer::ClipWriter;

use crate::tensors::Meaning;

/// Axes and unit of a clip's tensor, as the manifest tells them.
pub(crate) fn meaning(tensor: &str) -> Option<Meaning> {
    Some(match tensor {
        "frames" => (&["frame", "height", "width"], "grey level, 0 to 255"),
        "frame_secs" => (&["frame"], "s"),
        "log_mel" => (&["row", "band"], "dB, standardised over the recording"),
        "voice" => (&["row"], "0 (no speech) to 1"),
        "gaze" => (&["sample", "time, x, y"], "s after the first frame; shares of the cropped frame"),
        "plane" => (&["frame"], "index into the planes, -1 without a label"),
        _ => return None,
    })
}
