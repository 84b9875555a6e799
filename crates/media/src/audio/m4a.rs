//! What symphonia does not know of AAC in MP4: whether it is more than AAC-LC, and how much of it is priming.
//!
//! symphonia 0.6 reads no edit lists (1024 samples of priming would be 21 ms late) and decodes HE-AAC to its core at half
//! the rate without a word, so FFmpeg's demuxer is asked.

use std::path::Path;

use video_rs::ffmpeg::codec::packet::side_data::Type as SideData;
use video_rs::ffmpeg::media;

use super::embedded::EmbeddedAudio;
use crate::MediaError;
use crate::input::{self, PacketSource, Step, known_time};

/// Samples to drop.
pub(super) struct Trim {
    /// Before the first sample.
    pub skip: u64,
    /// How many samples there are after that, where the container tells.
    pub valid: Option<u64>,
}

/// The trim of plain AAC-LC at `rate`; `None` where the sound is something else and FFmpeg has to decode it.
///
/// HE-AAC need not say what it is before its first frame (implicit signalling), so FFmpeg decodes one to tell.
pub(super) fn trim_of(path: &Path, rate: u32) -> Result<Option<Trim>, MediaError> {
    if EmbeddedAudio::open(path)?.is_none_or(|audio| audio.facts().sample_rate_hz != rate) {
        return Ok(None);
    }
    let input = input::open(path)?;
    let Some(index) = input.best_stream(media::Type::Audio) else { return Ok(None) };
    let stream = input.context.stream(index).expect("found above");
    let valid =
        known_time(stream.duration(), stream.time_base()).map(|secs| (secs * f64::from(rate)).round());
    let mut source = PacketSource::new(input, index);
    if !matches!(source.advance(), Step::Packet) {
        return Ok(None);
    }
    // the side data begins with the number of samples to skip, little endian
    let skip = source
        .packet
        .side_data()
        .find(|data| data.kind() == SideData::SkipSamples)
        .and_then(|data| data.data().first_chunk::<4>().copied())
        .map_or(0, u32::from_le_bytes);
    Ok(Some(Trim { skip: u64::from(skip), valid: valid.map(|samples| samples as u64) }))
}
