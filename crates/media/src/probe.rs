//! What a file says of itself. Nothing is decoded but the little that FFmpeg needs to know the streams.

use std::path::Path;

use video_rs::ffmpeg::codec::packet::side_data::Type as SideData;
use video_rs::ffmpeg::{Rational, Stream, ffi, media};

use crate::input::{self, codec_name, known_time};
use crate::{MediaError, Orientation};

/// A file and the two streams a player would choose.
#[derive(Clone, Debug)]
pub struct MediaFacts {
    /// FFmpeg's name of the container, e.g. `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Length of the longest stream, seconds.
    pub duration_secs: Option<f64>,
    /// The video stream; a cover picture is none.
    pub video: Option<VideoFacts>,
    /// The audio stream.
    pub audio: Option<AudioFacts>,
}

/// A video stream as its container describes it.
#[derive(Clone, Debug)]
pub struct VideoFacts {
    /// FFmpeg's name of the codec, e.g. `h264`.
    pub codec: String,
    /// Width in pixels as shown (after turning).
    pub width: u32,
    /// Height in pixels as shown (after turning).
    pub height: u32,
    /// How the stored picture is turned and mirrored to be shown.
    pub orientation: Orientation,
    /// Shape of a pixel, width / height. It is not applied: frames are resized to the size asked for from the
    /// pixels as they are stored. `None` where the file does not say.
    pub pixel_aspect: Option<f64>,
    /// Frames per second on average, where known. Frame times need not be regular.
    pub avg_frame_rate: Option<f64>,
    /// When the first frame is shown, seconds on the recording's clock.
    pub start_secs: Option<f64>,
    /// Length, seconds.
    pub duration_secs: Option<f64>,
    /// How many frames the container says that it holds; with an edit list, not all need be shown.
    pub stated_frames: Option<u64>,
}

/// An audio stream as its container describes it.
#[derive(Clone, Debug)]
pub struct AudioFacts {
    /// FFmpeg's name of the codec, e.g. `aac`.
    pub codec: String,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Number of channels.
    pub channels: u32,
    /// When the first sample sounds, seconds on the recording's clock.
    pub start_secs: Option<f64>,
    /// Length, seconds.
    pub duration_secs: Option<f64>,
}

/// Reads a file's facts.
///
/// # Errors
/// A file that is missing, empty or not media. A file without video or without audio is not an error here.
pub fn probe(path: &Path) -> Result<MediaFacts, MediaError> {
    let input = input::open(path)?;
    let stream = |kind| input.best_stream(kind).and_then(|index| input.context.stream(index));
    Ok(MediaFacts {
        container: input.context.format().name().to_owned(),
        duration_secs: known_time(input.context.duration(), Rational::new(1, ffi::AV_TIME_BASE)),
        video: stream(media::Type::Video).map(|stream| video_facts(&stream)),
        audio: stream(media::Type::Audio).map(|stream| audio_facts(&stream)),
    })
}

pub(crate) fn video_facts(stream: &Stream) -> VideoFacts {
    let orientation = stream
        .side_data()
        .find(|data| data.kind() == SideData::DisplayMatrix)
        .map_or(Orientation::default(), |data| Orientation::from_side_data(data.data()));
    let stored = parameters::picture(stream);
    let (width, height) = orientation.turn_size(stored.size);
    VideoFacts {
        codec: codec_name(stream.parameters().id()),
        width,
        height,
        orientation,
        pixel_aspect: ratio(stored.pixel_aspect),
        avg_frame_rate: ratio(stream.avg_frame_rate()),
        start_secs: known_time(stream.start_time(), stream.time_base()),
        duration_secs: known_time(stream.duration(), stream.time_base()),
        stated_frames: u64::try_from(stream.frames()).ok().filter(|&frames| frames > 0),
    }
}

pub(crate) fn audio_facts(stream: &Stream) -> AudioFacts {
    let sound = parameters::sound(stream);
    AudioFacts {
        codec: codec_name(stream.parameters().id()),
        sample_rate_hz: sound.sample_rate_hz,
        channels: sound.channels,
        start_secs: known_time(stream.start_time(), stream.time_base()),
        duration_secs: known_time(stream.duration(), stream.time_base()),
    }
}

/// A ratio that is known and positive.
fn ratio(value: Rational) -> Option<f64> {
    let (over, under) = (value.numerator(), value.denominator());
    (over > 0 && under > 0).then(|| f64::from(over) / f64::from(under))
}

/// Fields of FFmpeg's codec parameters that the wrapper does not expose.
pub(crate) mod parameters {
    #![allow(unsafe_code)] // see above

    use video_rs::ffmpeg::{Rational, Stream};

    pub(crate) struct Picture {
        pub size: (u32, u32),
        pub pixel_aspect: Rational,
    }

    pub(crate) struct Sound {
        pub sample_rate_hz: u32,
        pub channels: u32,
    }

    pub(crate) fn picture(stream: &Stream) -> Picture {
        let parameters = stream.parameters();
        // SAFETY: the parameters belong to the stream and live as long as `parameters`.
        let raw = unsafe { &*parameters.as_ptr() };
        let positive = |value: i32| u32::try_from(value).unwrap_or(0);
        Picture {
            size: (positive(raw.width), positive(raw.height)),
            pixel_aspect: Rational::from(raw.sample_aspect_ratio),
        }
    }

    pub(crate) fn sound(stream: &Stream) -> Sound {
        let parameters = stream.parameters();
        // SAFETY: as above.
        let raw = unsafe { &*parameters.as_ptr() };
        let positive = |value: i32| u32::try_from(value).unwrap_or(0);
        Sound { sample_rate_hz: positive(raw.sample_rate), channels: positive(raw.ch_layout.nb_channels) }
    }
}
