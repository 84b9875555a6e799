//! What can be wrong with a recording. Every message names the file, and what was expected and found.

use std::path::PathBuf;

use crate::Losses;

/// A recording that cannot be read (or written), and why.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages say
pub enum MediaError {
    #[error("{}: no such file", path.display())]
    NoSuchFile { path: PathBuf },
    #[error("{}: is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("{}: the file is empty (0 bytes)", path.display())]
    Empty { path: PathBuf },
    #[error("{}: cannot be opened: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: String },
    #[error("{}: not a recording that can be read: {cause}", path.display())]
    NotMedia { path: PathBuf, cause: String },
    #[error("{}: expected a video stream, found {found}", path.display())]
    NoVideo { path: PathBuf, found: String },
    #[error("{}: expected an audio stream, found {found}", path.display())]
    NoAudio { path: PathBuf, found: String },
    #[error("{}: no decoder for its {kind} codec `{codec}`: {cause}", path.display())]
    NoDecoder { path: PathBuf, kind: &'static str, codec: String, cause: String },
    #[error("{}: not one {what} could be decoded: {cause}", path.display())]
    NothingDecoded { path: PathBuf, what: &'static str, cause: String },
    #[error(
        "{}: crop x={x} y={y} width={width} height={height} does not lie inside the frame of {frame_width}x{frame_height}",
        path.display()
    )]
    CropOutside {
        path: PathBuf,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        frame_width: u32,
        frame_height: u32,
    },
    #[error("expected a frame size of at least 1x1 and at most 16384x16384, found {width}x{height}")]
    BadFrameSize { width: u32, height: u32 },
    #[error("expected a frame buffer of {expected} bytes, found {found}")]
    BadBuffer { expected: usize, found: usize },
    #[error(
        "{}: the frame size changes at {time_secs:.3} s: expected {expected_width}x{expected_height}, found {width}x{height}",
        path.display()
    )]
    SizeChanged {
        path: PathBuf,
        time_secs: f64,
        expected_width: u32,
        expected_height: u32,
        width: u32,
        height: u32,
    },
    #[error(
        "{}: the sample rate changes at {time_secs:.3} s: expected {expected_hz} Hz, found {found_hz} Hz",
        path.display()
    )]
    RateChanged { path: PathBuf, time_secs: f64, expected_hz: u32, found_hz: u32 },
    #[error("{}: its {what} cannot be converted: {cause}", path.display())]
    Convert { path: PathBuf, what: &'static str, cause: String },
    #[error("{}: its {what} could not be read in full: {losses}", path.display())]
    Incomplete { path: PathBuf, what: &'static str, losses: Box<Losses> },
    #[error("{}: cannot be written: {cause}", path.display())]
    Write { path: PathBuf, cause: String },
    #[error("cannot write a recording: expected {expected}, found {found}")]
    BadFormat { expected: &'static str, found: String },
}
