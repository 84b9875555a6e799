//! The MP4 file that packets are written to.
#![allow(unsafe_code)] // the wrapper's `output_as` panics on paths that are not UTF-8

use std::path::Path;
use std::ptr;

use video_rs::ffmpeg::codec::encoder;
use video_rs::ffmpeg::{
    Dictionary, Error as AvError, Packet, Rational, codec, ffi, format, util::error::EAGAIN,
};

use super::Failure;
use crate::{MediaError, input};

pub(super) struct Output {
    context: format::context::Output,
}

impl Output {
    pub fn create(path: &Path) -> Result<Self, MediaError> {
        let url = input::url_of(path)?;
        let failed = |code: i32| Failure::new("creating the file", AvError::from(code)).at(path);
        // SAFETY: the strings outlive the calls; a context that was allocated is handed to the wrapper at once, which
        // closes the file (a null `pb` is allowed) and frees the context on every path.
        unsafe {
            let mut context = ptr::null_mut();
            let code =
                ffi::avformat_alloc_output_context2(&mut context, ptr::null(), c"mp4".as_ptr(), url.as_ptr());
            if code < 0 {
                return Err(failed(code));
            }
            let mut context = format::context::Output::wrap(context);
            let raw = &mut *context.as_mut_ptr();
            raw.flags |= ffi::AVFMT_FLAG_BITEXACT;
            let code = ffi::avio_open(&mut raw.pb, url.as_ptr(), ffi::AVIO_FLAG_WRITE);
            if code < 0 {
                return Err(failed(code));
            }
            Ok(Self { context })
        }
    }

    /// Adds a stream for an opened encoder and returns its index.
    pub fn add_stream(
        &mut self,
        codec: video_rs::ffmpeg::Codec,
        parameters: codec::Parameters,
        time_base: Rational,
    ) -> Result<usize, Failure> {
        let mut stream =
            self.context.add_stream(codec).map_err(|error| Failure::new("adding a stream", error))?;
        stream.set_parameters(parameters);
        stream.set_time_base(time_base);
        Ok(stream.index())
    }

    pub fn set_frame_rate(&mut self, stream: usize, rate: Rational) {
        if let Some(mut stream) = self.context.stream_mut(stream) {
            stream.set_avg_frame_rate(rate);
        }
    }

    pub fn write_header(&mut self) -> Result<(), Failure> {
        let mut options = Dictionary::new();
        options.set("movflags", "+faststart");
        match self.context.write_header_with(options) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::new("writing the header", error)),
        }
    }

    /// Writes all packets that an encoder has ready. `duration` is the length of a packet in `time_base`, for encoders
    /// that do not say.
    pub fn write_ready(
        &mut self,
        encoder: &mut encoder::Encoder,
        stream: usize,
        time_base: Rational,
        duration: i64,
    ) -> Result<(), Failure> {
        let mut packet = Packet::empty();
        loop {
            match encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(AvError::Eof) => return Ok(()),
                Err(AvError::Other { errno }) if errno == EAGAIN => return Ok(()),
                Err(error) => return Err(Failure::new("encoding", error)),
            }
            packet.set_stream(stream);
            if packet.duration() == 0 {
                packet.set_duration(duration);
            }
            let stream_base = self.context.stream(stream).expect("added above").time_base();
            packet.rescale_ts(time_base, stream_base);
            packet
                .write_interleaved(&mut self.context)
                .map_err(|error| Failure::new("writing a packet", error))?;
        }
    }

    pub fn write_trailer(&mut self) -> Result<(), Failure> {
        self.context.write_trailer().map_err(|error| Failure::new("writing the index", error))?;
        // SAFETY: `pb` was opened by `create`. What the muxer could not write is kept as its error.
        let code = unsafe {
            let io = (*self.context.as_mut_ptr()).pb;
            ffi::avio_flush(io);
            (*io).error
        };
        if code < 0 { Err(Failure::new("writing the file", AvError::from(code))) } else { Ok(()) }
    }
}
