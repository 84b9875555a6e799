//! Where a recording should end, by its container, so that one that breaks off earlier is known.
//!
//! MP4, MOV and AVI state the length of every stream, Matroska and WebM that of the file, a GIF ends in a mark of its own, a
//! fragmented MP4 in a whole box.
//! MPEG program and transport streams state nothing: one that was cut off is a shorter recording, whose last frame may be
//! damaged.
#![allow(unsafe_code)] // fields of FFmpeg's format context that the wrapper does not expose

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use video_rs::ffmpeg::{Rational, ffi};

use crate::input::{Input, known_time};

/// The end of a recording as its container states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatedEnd {
    /// Seconds on the recording's clock.
    pub secs: f64,
    /// It holds for the chosen stream; else for the longest stream of the file.
    pub of_stream: bool,
}

/// The stream's own duration where the container has one, else the file's, unless FFmpeg only estimated it.
pub(crate) fn stated_end(input: &Input, index: usize) -> Option<StatedEnd> {
    let stream = input.context.stream(index)?;
    let file = file_length(input);
    if !file.stated {
        return None;
    }
    let start = known_time(stream.start_time(), stream.time_base()).unwrap_or(0.0);
    if let Some(duration) = known_time(stream.duration(), stream.time_base()) {
        return Some(StatedEnd { secs: start + duration, of_stream: true });
    }
    // writers of Matroska disagree whether a late start counts: the earlier end is the safe one
    Some(StatedEnd { secs: file.start_secs.min(0.0) + file.secs?, of_stream: false })
}

/// Where the stream ends, stated or estimated, for choosing places in it.
pub(crate) fn likely_end(input: &Input, index: usize) -> Option<f64> {
    let file = file_length(input);
    stated_end(input, index).map(|end| end.secs).or_else(|| Some(file.start_secs + file.secs?))
}

struct FileLength {
    start_secs: f64,
    secs: Option<f64>,
    /// By the container; else FFmpeg's estimate from the last packets or the bit rate.
    stated: bool,
}

fn file_length(input: &Input) -> FileLength {
    // SAFETY: fields of an open context.
    let (method, start) = unsafe {
        let context = &*input.context.as_ptr();
        (context.duration_estimation_method, context.start_time)
    };
    let micros = Rational::new(1, ffi::AV_TIME_BASE);
    FileLength {
        start_secs: known_time(start, micros).unwrap_or(0.0),
        secs: known_time(input.context.duration(), micros),
        stated: method == ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_STREAM,
    }
}

/// Whether the file breaks off in a way that FFmpeg takes for its end.
pub(crate) fn is_cut(input: &Input) -> bool {
    let format = input.context.format();
    let is_cut = match format.name() {
        "gif" => is_cut_gif,
        names if names.split(',').any(|name| name == "mp4") => is_cut_fragment,
        _ => return false,
    };
    File::open(&input.path).and_then(is_cut).unwrap_or(false)
}

/// The last byte of a GIF (GIF89a specification, section 27).
const GIF_TRAILER: u8 = 0x3b;

fn is_cut_gif(mut file: File) -> io::Result<bool> {
    let mut tail = [0; 16];
    file.seek(SeekFrom::End(-(tail.len() as i64)))?;
    file.read_exact(&mut tail)?;
    // some writers pad with zeros
    Ok(tail.iter().rev().find(|byte| **byte != 0) != Some(&GIF_TRAILER))
}

/// Whether the last box of a fragmented MP4 (ISO/IEC 14496-12, section 8.8) lies partly behind the end of the file. Such
/// a file states no length but that of its fragments so far, and FFmpeg is silent where the cut falls between two samples.
fn is_cut_fragment(mut file: File) -> io::Result<bool> {
    let end = file.seek(SeekFrom::End(0))?;
    let (mut at, mut fragmented) = (0, false);
    while at < end {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; 16];
        let read = file.by_ref().take(16).read(&mut header)?;
        let (size, name) = (u32::from_be_bytes(header[..4].try_into().expect("four bytes")), &header[4..8]);
        fragmented |= name == b"moof";
        let size = match size {
            // up to the end of the file, wherever that is
            0 => return Ok(false),
            1 => u64::from_be_bytes(header[8..].try_into().expect("eight bytes")),
            size => u64::from(size),
        };
        if read < 8 || size < 8 {
            return Ok(fragmented);
        }
        at = at.saturating_add(size);
    }
    Ok(fragmented && at > end)
}
