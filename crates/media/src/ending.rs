//! Where a recording should end, by its container, so that one that breaks off earlier is known.
//!
//! MP4, MOV and AVI state the length of every stream, Matroska and WebM that of the file, a GIF ends in a mark of its own.
//! MPEG program and transport streams state nothing: one that was cut off is a shorter recording, whose last frame may be
//! damaged.
#![allow(unsafe_code)] // fields of FFmpeg's format context that the wrapper does not expose

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

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

/// The last byte of a GIF (GIF89a specification, section 27).
const GIF_TRAILER: u8 = 0x3b;

/// Whether the file is a GIF that does not end as a GIF does; FFmpeg takes any end for the end.
pub(crate) fn is_cut_gif(input: &Input) -> bool {
    if input.context.format().name() != "gif" {
        return false;
    }
    let mut tail = [0; 16];
    let read = File::open(&input.path).and_then(|mut file| {
        file.seek(SeekFrom::End(-(tail.len() as i64)))?;
        file.read_exact(&mut tail)
    });
    // some writers pad with zeros
    read.is_ok() && tail.iter().rev().find(|byte| **byte != 0) != Some(&GIF_TRAILER)
}
