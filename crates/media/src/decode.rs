//! Packets in, frames out: one decoder, with every refusal counted.
#![allow(unsafe_code)] // reading two fields that the wrapper does not expose

use video_rs::ffmpeg::codec::{self, decoder, threading};
use video_rs::ffmpeg::util::error::EAGAIN;
use video_rs::ffmpeg::{Error as AvError, Frame};

use crate::input::{PacketSource, Step, codec_name};
use crate::{Losses, MediaError};

/// A broken decoder that answers errors without end while it is drained is left after this many.
const MAX_ERRORS_AT_END: u32 = 256;

/// A decoder fed from one stream of a file.
pub(crate) struct StreamDecoder {
    pub source: PacketSource,
    decoder: decoder::Opened,
    draining: bool,
    errors_at_end: u32,
    pub losses: Losses,
}

impl StreamDecoder {
    /// Opens the decoder of the chosen stream. `threads` is FFmpeg's count of frame threads, at least 1.
    ///
    /// # Errors
    /// [`MediaError::NoDecoder`] where FFmpeg has none for this codec or it refuses the stream's parameters.
    pub fn open(source: PacketSource, kind: &'static str, threads: usize) -> Result<Self, MediaError> {
        let stream = source.input.context.stream(source.stream).expect("the source's own stream");
        let parameters = stream.parameters();
        let id = parameters.id();
        let no_decoder = |cause: String| MediaError::NoDecoder {
            path: source.input.path.clone(),
            kind,
            codec: codec_name(id),
            cause,
        };
        let codec = decoder::find(id).ok_or_else(|| no_decoder("unknown to this FFmpeg".into()))?;
        let mut context =
            codec::Context::from_parameters(parameters).map_err(|error| no_decoder(error.to_string()))?;
        let kind = if threads > 1 { threading::Type::Frame } else { threading::Type::None };
        context.set_threading(threading::Config { kind, count: threads.max(1), ..Default::default() });
        let mut decoder = context.decoder();
        // without it FFmpeg cannot turn samples to skip (priming, padding) into times
        decoder.set_packet_time_base(stream.time_base());
        let decoder = decoder.open_as(codec).map_err(|error| no_decoder(error.to_string()))?;
        Ok(Self { source, decoder, draining: false, errors_at_end: 0, losses: Losses::default() })
    }

    /// Decodes the next frame into `frame`; false at the end of the stream.
    pub fn receive(&mut self, frame: &mut Frame) -> bool {
        loop {
            match self.decoder.receive_frame(frame) {
                Ok(()) => return true,
                Err(AvError::Other { errno }) if errno == EAGAIN => self.feed(),
                Err(AvError::Eof) => return false,
                Err(_) => {
                    self.losses.refused_packets += 1;
                    self.errors_at_end += u32::from(self.draining);
                    if self.errors_at_end > MAX_ERRORS_AT_END {
                        return false;
                    }
                }
            }
        }
    }

    fn feed(&mut self) {
        match self.source.advance() {
            Step::Packet => {
                if self.decoder.send_packet(&self.source.packet).is_err() {
                    self.losses.refused_packets += 1;
                }
            }
            Step::End => self.drain(),
            Step::Fault(cause) => {
                self.losses.read_fault = Some(cause);
                self.drain();
            }
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        // an error here means that it is draining already
        let _ = self.decoder.send_eof();
    }

    /// Forgets all that was fed, after a seek.
    pub fn flush(&mut self) {
        self.decoder.flush();
        self.draining = false;
        self.errors_at_end = 0;
    }

    /// Compares where the stream ended with where the container says it does, allowing for `tolerance_secs`.
    pub fn close(&mut self, reached_secs: Option<f64>, tolerance_secs: f64) {
        self.losses.reached_secs = reached_secs;
        let (Some(end), Some(reached)) = (self.source.stated_end, reached_secs) else { return };
        let reached = if end.of_stream { reached } else { reached.max(self.source.reached_secs) };
        if end.secs - reached > tolerance_secs {
            self.losses.expected_secs = Some(end.secs);
        }
    }

    /// Why a stream gave nothing at all, in words.
    pub fn cause_of_nothing(&self) -> String {
        let refused = self.losses.refused_packets;
        if let Some(fault) = &self.losses.read_fault {
            return fault.clone();
        }
        match (self.source.input.complaint, refused) {
            (Some(complaint), _) => complaint.to_owned(),
            (None, 0) => "the stream holds no packets".into(),
            (None, _) => format!("the decoder refused all of its {refused} packets"),
        }
    }
}

/// The presentation time of a frame in ticks: its own, or the best FFmpeg can tell from the packets.
pub(crate) fn frame_ticks(frame: &Frame) -> Option<i64> {
    frame.pts().or_else(|| frame.timestamp())
}

/// How long the frame is shown, in ticks; 0 where the file does not say.
pub(crate) fn duration_ticks(frame: &Frame) -> i64 {
    frame.packet().duration.max(0)
}

/// The numbers of an FFmpeg enum or struct field that the wrapper hides.
pub(crate) fn raw_format(frame: &Frame) -> i32 {
    // SAFETY: the frame is valid for as long as the borrow.
    unsafe { (*frame.as_ptr()).format }
}
