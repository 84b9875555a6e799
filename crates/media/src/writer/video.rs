//! Grey frames to H.264 packets.

use video_rs::ffmpeg::codec::{self, encoder, threading};
use video_rs::ffmpeg::{Dictionary, Rational, color, format::Pixel, frame};

use super::output::Output;
use super::{Failure, FrameRate, RecordingFormat};

/// Constant quality: ultrasound speckle stays within a few grey levels.
const CRF: &str = "20";

/// Two seconds between keyframes keep seeking cheap.
const KEYFRAME_SECS: u32 = 2;

pub(super) struct VideoEncoder {
    encoder: encoder::Encoder,
    stream: usize,
    time_base: Rational,
    width: u32,
    height: u32,
    frames: u64,
}

impl VideoEncoder {
    pub fn open(output: &mut Output, format: &RecordingFormat) -> Result<Self, Failure> {
        let FrameRate { frames, seconds } = format.frame_rate;
        let (rate, time_base) =
            (Rational(frames as i32, seconds as i32), Rational(seconds as i32, frames as i32));
        let codec = encoder::find_by_name("libx264")
            .ok_or_else(|| Failure("this FFmpeg was built without libx264".into()))?;
        let failed = |error| Failure::new("opening the H.264 encoder", error);
        let mut context = codec::Context::new_with_codec(codec);
        context.set_threading(threading::Config { count: 1, ..Default::default() });
        context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let mut video = context.encoder().video().map_err(failed)?;
        video.set_width(format.width);
        video.set_height(format.height);
        video.set_format(Pixel::YUV420P);
        video.set_color_range(color::Range::MPEG);
        video.set_time_base(time_base);
        video.set_frame_rate(Some(rate));
        video.set_gop((frames * KEYFRAME_SECS).div_ceil(seconds).max(1));
        let options: Dictionary = [("preset", "superfast"), ("crf", CRF)].iter().collect();
        let opened = video.open_as_with(codec, options).map_err(failed)?;
        let stream = output.add_stream(codec, codec::Parameters::from(&opened.0), time_base)?;
        output.set_frame_rate(stream, rate);
        let encoder = opened.0.0;
        Ok(Self { encoder, stream, time_base, width: format.width, height: format.height, frames: 0 })
    }

    pub fn frame_bytes(&self) -> usize {
        self.width as usize * self.height as usize
    }

    pub fn frames(&self) -> u64 {
        self.frames
    }

    pub fn push(&mut self, grey: &[u8], output: &mut Output) -> Result<(), Failure> {
        let mut picture = frame::Video::new(Pixel::YUV420P, self.width, self.height);
        if picture.planes() != 3 {
            return Err(Failure("out of memory for a frame".into()));
        }
        let stride = picture.stride(0);
        let luma = picture.data_mut(0).chunks_exact_mut(stride);
        for (to, from) in luma.zip(grey.chunks_exact(self.width as usize)) {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = limited(from));
        }
        picture.data_mut(1).fill(128);
        picture.data_mut(2).fill(128);
        picture.set_color_range(color::Range::MPEG);
        picture.set_pts(Some(self.frames as i64));
        self.frames += 1;
        self.encoder.send_frame(&picture).map_err(|error| Failure::new("encoding a frame", error))?;
        output.write_ready(&mut self.encoder, self.stream, self.time_base, 1)
    }

    pub fn finish(&mut self, output: &mut Output) -> Result<(), Failure> {
        self.encoder.send_eof().map_err(|error| Failure::new("ending the video", error))?;
        output.write_ready(&mut self.encoder, self.stream, self.time_base, 1)
    }
}

/// Grey level 0..255 as limited-range luma 16..235, rounded (ITU-R BT.601).
fn limited(grey: u8) -> u8 {
    (16 + (u32::from(grey) * 219 + 127) / 255) as u8
}
