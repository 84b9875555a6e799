//! Frames with their true times, and PCM, out of any recording; and recordings out of frames and PCM.
//!
//! - [`probe`]: what a file says of itself, without decoding it through.
//! - [`VideoReader`]: grey frames, cropped and area-resized, one at a time with the time each is shown.
//! - [`sample_frames`]: a few whole frames spread over a file, for finding the crop.
//! - [`AudioReader`]: mono PCM in blocks with start times, from the sound inside a video or from a file of its own.
//! - [`RecordingWriter`]: MP4 (H.264 + AAC) from grey frames and mono PCM.
//!
//! All times are seconds on the recording's own clock: the container's presentation time, exactly what ffprobe
//! prints as `pts_time`, not shifted to zero. Every reader works through a file once with memory that does not
//! depend on its length. What could not be read is never silent: the good part is delivered, then one
//! [`MediaError::Incomplete`] says what is missing, and [`Losses`] holds the counts.
//!
//! FFmpeg (through `video-rs`, its one binding) reads everything inside a video container; symphonia reads
//! separate audio files. FFmpeg's own log is silenced; the tags of a container (titles, patient names) and the
//! picture are never part of an error or a log line.

mod audio;
mod decode;
mod ending;
mod error;
mod input;
mod log;
mod losses;
mod orientation;
mod probe;
mod sample;
mod scale;
mod video_reader;
mod writer;

pub use audio::AudioReader;
pub use error::MediaError;
pub use losses::Losses;
pub use orientation::Orientation;
pub use probe::{AudioFacts, MediaFacts, VideoFacts, probe};
pub use sample::{GreyFrame, sample_frames};
pub use sonovox_study::CropRect;
pub use video_reader::{FrameSpec, VideoReader};
pub use writer::{FrameRate, RecordingFormat, RecordingWriter};

#[cfg(test)]
mod tests {
    /// Readers and writers move to worker threads.
    #[test]
    fn readers_and_writers_can_be_sent_to_threads() {
        fn assert_send<T: Send>() {}
        assert_send::<crate::VideoReader>();
        assert_send::<crate::AudioReader>();
        assert_send::<crate::RecordingWriter>();
        assert_send::<crate::MediaError>();
    }
}
