//! Mono samples to AAC packets.

use video_rs::ffmpeg::codec::{self, encoder};
use video_rs::ffmpeg::format::{Sample, sample::Type};
use video_rs::ffmpeg::{ChannelLayout, Rational, frame};

use super::Failure;
use super::output::Output;

/// Plenty for one voice.
const BIT_RATE: usize = 96_000;

/// Samples in an AAC frame.
const FRAME_SAMPLES: usize = 1024;

pub(super) struct SoundEncoder {
    encoder: encoder::Encoder,
    stream: usize,
    time_base: Rational,
    rate: u32,
    /// Samples that do not fill a frame yet.
    waiting: Vec<f32>,
    sent: u64,
}

impl SoundEncoder {
    pub fn open(output: &mut Output, rate: u32) -> Result<Self, Failure> {
        let codec = encoder::find(codec::Id::AAC)
            .ok_or_else(|| Failure("this FFmpeg was built without an AAC encoder".into()))?;
        let failed = |error| Failure::new("opening the AAC encoder", error);
        let time_base = Rational(1, rate as i32);
        let mut context = codec::Context::new_with_codec(codec);
        context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let mut sound = context.encoder().audio().map_err(failed)?;
        sound.set_rate(rate as i32);
        sound.set_format(Sample::F32(Type::Planar));
        sound.set_channel_layout(ChannelLayout::MONO);
        sound.set_bit_rate(BIT_RATE);
        sound.set_time_base(time_base);
        let opened = sound.open_as(codec).map_err(failed)?;
        let stream = output.add_stream(codec, codec::Parameters::from(&opened.0), time_base)?;
        Ok(Self { encoder: opened.0.0, stream, time_base, rate, waiting: Vec::new(), sent: 0 })
    }

    pub fn push(&mut self, samples: &[f32], output: &mut Output) -> Result<(), Failure> {
        self.waiting.extend_from_slice(samples);
        let whole = self.waiting.len() / FRAME_SAMPLES * FRAME_SAMPLES;
        for start in (0..whole).step_by(FRAME_SAMPLES) {
            self.send(start, FRAME_SAMPLES, output)?;
        }
        self.waiting.drain(..whole);
        Ok(())
    }

    fn send(&mut self, start: usize, len: usize, output: &mut Output) -> Result<(), Failure> {
        let mut sound = frame::Audio::new(Sample::F32(Type::Planar), len, ChannelLayout::MONO);
        if sound.planes() != 1 {
            return Err(Failure("out of memory for a block of sound".into()));
        }
        sound.set_rate(self.rate);
        sound.plane_mut::<f32>(0).copy_from_slice(&self.waiting[start..start + len]);
        sound.set_pts(Some(self.sent as i64));
        self.sent += len as u64;
        self.encoder.send_frame(&sound).map_err(|error| Failure::new("encoding sound", error))?;
        output.write_ready(&mut self.encoder, self.stream, self.time_base, FRAME_SAMPLES as i64)
    }

    pub fn finish(&mut self, output: &mut Output) -> Result<(), Failure> {
        if !self.waiting.is_empty() {
            // the encoder pads its last frame itself and knows the true length
            self.send(0, self.waiting.len(), output)?;
            self.waiting.clear();
        }
        self.encoder.send_eof().map_err(|error| Failure::new("ending the sound", error))?;
        output.write_ready(&mut self.encoder, self.stream, self.time_base, FRAME_SAMPLES as i64)
    }
}
