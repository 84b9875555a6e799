//! The clips of one part of the split, read by position: what lies in memory does not grow with their length.

use half::f16;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sonovox_artifact::clips::{ClipReader, ClipsArtifact};
use sonovox_model::input;
use sonovox_study::intervals;

use crate::sampler::Fragment;
use crate::{PairConfig, PretrainError};

/// Clips of the subjects of one part, with the geometry that all of them share.
pub struct Library {
    clips: Vec<ClipReader>,
    /// Middles of the utterances of each, in seconds.
    utterances: Vec<Vec<f64>>,
    height: usize,
    width: usize,
    bands: usize,
    hop_secs: f64,
    /// Spectrogram rows that a speech window covers.
    window_rows: usize,
    /// Columns of the speech image: `window_rows`, or what the paper resizes to.
    time: usize,
    /// Rows are log10 power, and every window is brought to its own level.
    whisper: bool,
}

/// A speech window to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Index of the recording.
    pub recording: usize,
    /// Its centre on the recording's clock.
    pub secs: f64,
    /// Seconds of speech to a second of window: above 1, speech comes out faster.
    pub speed: f64,
}

/// What became of the intervals of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalCounts {
    /// All intervals.
    pub intervals: u64,
    /// High affinity: pairs are drawn from these.
    pub voiced: u64,
    /// Recordings shorter than a speech window: no pairs, frame order only.
    pub recordings_shorter_than_window: u64,
}

impl Library {
    /// Opens the clips `members` (indices into the artifact's recordings) and cuts their intervals.
    ///
    /// # Errors
    /// When a clip cannot be read.
    pub fn open(
        artifact: &ClipsArtifact,
        members: &[usize],
        config: &PairConfig,
    ) -> Result<(Self, Vec<Fragment>, IntervalCounts), PretrainError> {
        let details = &artifact.details;
        let hop_secs = details.spectrogram.hop_secs;
        let window_rows = ((config.window_secs / hop_secs).round() as usize).max(1);
        let paper = details.spectrogram.kind == "paper";
        let mut library = Self {
            clips: Vec::with_capacity(members.len()),
            utterances: Vec::with_capacity(members.len()),
            height: details.height as usize,
            width: details.width as usize,
            bands: details.spectrogram.n_bands as usize,
            hop_secs,
            window_rows,
            // the paper's image is as wide as it is high (256 x 256)
            time: if paper { details.spectrogram.n_bands as usize } else { window_rows },
            whisper: details.spectrogram.kind == "whisper",
        };
        let (mut fragments, mut counts) = (Vec::new(), IntervalCounts::default());
        for &member in members {
            let clip = artifact.reader(member)?;
            let long_enough = clip.mel_frames() >= window_rows;
            counts.recordings_shorter_than_window += u64::from(!long_enough);
            let voice = clip.voice()?;
            for interval in intervals(&clip.frame_secs()?, config.interval_secs)? {
                let share = voiced_share(&voice, &clip, interval.start_secs, interval.end_secs);
                fragments.push(Fragment {
                    recording: library.clips.len(),
                    index: interval.index,
                    start_secs: interval.start_secs,
                    end_secs: interval.end_secs,
                    frames: interval.frames,
                    audible: long_enough,
                    voiced_share: share,
                    voiced: long_enough && share > 0.0 && share >= config.voiced_share,
                });
            }
            library.utterances.push(utterances(&voice, clip.mel_start_secs(), hop_secs));
            library.clips.push(clip);
        }
        counts.intervals = fragments.len() as u64;
        counts.voiced = fragments.iter().filter(|fragment| fragment.voiced).count() as u64;
        Ok((library, fragments, counts))
    }

    /// Middles of every recording's utterances on its clock, in their order.
    pub fn utterances(&self) -> &[Vec<f64>] {
        &self.utterances
    }

    /// Height of a frame.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of a frame.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bands of the speech image.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Columns of the speech image.
    pub fn time(&self) -> usize {
        self.time
    }

    /// Grey values of frames (recording, frame), one after the other.
    ///
    /// # Errors
    /// When a clip cannot be read.
    pub fn frames(&self, which: &[(usize, usize)]) -> Result<Vec<f32>, PretrainError> {
        let area = self.height * self.width;
        let mut grey = vec![0.0; which.len() * area];
        let read = |(out, &(recording, frame)): (&mut [f32], &(usize, usize))| {
            let mut bytes = vec![0; area];
            self.clips[recording].read_frame(frame, &mut bytes)?;
            for (value, byte) in out.iter_mut().zip(bytes) {
                *value = f32::from(byte);
            }
            Ok::<_, PretrainError>(())
        };
        grey.par_chunks_exact_mut(area).zip(which).try_for_each(read)?;
        Ok(grey)
    }

    /// Spectrogram rows of windows, one window after the other; a window that would reach past an end of the recording is
    /// moved inside.
    ///
    /// # Errors
    /// When a clip cannot be read.
    pub fn speech(&self, which: &[Window]) -> Result<Vec<f32>, PretrainError> {
        let size = self.time * self.bands;
        let mut rows = vec![0.0; which.len() * size];
        let read = |(out, window): (&mut [f32], &Window)| {
            resize_time(&self.window(&self.clips[window.recording], window)?, self.bands, out);
            if self.whisper {
                input::whisper(out);
            }
            Ok::<_, PretrainError>(())
        };
        rows.par_chunks_exact_mut(size).zip(which).try_for_each(read)?;
        Ok(rows)
    }

    fn window(&self, clip: &ClipReader, window: &Window) -> Result<Vec<f32>, PretrainError> {
        let rows = ((self.window_rows as f64 * window.speed).round() as usize).clamp(1, clip.mel_frames());
        let centre = (window.secs - clip.mel_start_secs()) / self.hop_secs;
        let last = clip.mel_frames() - rows;
        let start = (centre - rows as f64 / 2.0).round().clamp(0.0, last as f64) as usize;
        let mut halves = vec![f16::ZERO; rows * self.bands];
        clip.read_mel(start..start + rows, &mut halves)?;
        Ok(halves.into_iter().map(f32::from).collect())
    }
}

/// Share of the spectrogram rows between two times whose voice value is at least one half.
fn voiced_share(voice: &[f16], clip: &ClipReader, start_secs: f64, end_secs: f64) -> f64 {
    let row = |secs: f64| ((secs - clip.mel_start_secs()) / clip.hop_secs()).round().max(0.0) as usize;
    let rows = &voice[row(start_secs).min(voice.len())..row(end_secs).min(voice.len())];
    let voiced = rows.iter().filter(|&&value| f32::from(value) >= 0.5).count();
    if rows.is_empty() { 0.0 } else { voiced as f64 / rows.len() as f64 }
}

/// Middles of the stretches of voice: pauses below [`PAUSE_SECS`] are bridged, stretches below [`UTTERANCE_SECS`] are none.
fn utterances(voice: &[f16], start_secs: f64, hop_secs: f64) -> Vec<f64> {
    let voiced: Vec<usize> = (0..voice.len()).filter(|&row| f32::from(voice[row]) >= 0.5).collect();
    let secs = |rows: usize| rows as f64 * hop_secs;
    let stretches = voiced.chunk_by(|&a, &b| secs(b - a - 1) < PAUSE_SECS);
    let middle = |stretch: &[usize]| {
        let (first, last) = (stretch[0], stretch[stretch.len() - 1]);
        (secs(last + 1 - first) >= UTTERANCE_SECS).then(|| start_secs + secs(first + last + 1) / 2.0)
    };
    stretches.filter_map(middle).collect()
}

/// A pause this long ends an utterance: longer than the stops within words, shorter than the pause between sentences.
const PAUSE_SECS: f64 = 0.3;
/// Shorter sounds are coughs and keys that a voice detector takes for speech.
const UTTERANCE_SECS: f64 = 0.4;

/// Resizes rows along time to as many as `out` holds, linearly between row centres, ends held (what
/// `torch.nn.functional.interpolate(mode = "linear", align_corners = False)` does).
fn resize_time(rows: &[f32], bands: usize, out: &mut [f32]) {
    let (from, to) = (rows.len() / bands, out.len() / bands);
    if from == to {
        out.copy_from_slice(rows);
        return;
    }
    for (column, target) in out.chunks_exact_mut(bands).enumerate() {
        let place = ((column as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        let (left, share) = (place.floor() as usize, (place - place.floor()) as f32);
        let right = (left + 1).min(from - 1);
        let (left, right) = (&rows[left * bands..], &rows[right * bands..]);
        for ((value, &a), &b) in target.iter_mut().zip(left).zip(right) {
            *value = a + (b - a) * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utterances_end_at_pauses_and_are_not_clicks() {
        // at 0.1 s a row: half a second of voice with a stop in it, a pause, a click, a pause, voice to the end
        let voice: Vec<f16> =
            "00110110000100001111".chars().map(|c| f16::from_f32(f32::from(c == '1'))).collect();
        let found = utterances(&voice, 10.0, 0.1);
        let expected = [10.0 + 0.45, 10.0 + 1.8];
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        assert!(utterances(&[], 0.0, 0.1).is_empty());
    }

    #[test]
    fn time_is_resized_as_pytorch_does() {
        // torch.nn.functional.interpolate(torch.tensor([[[0., 1., 4.]]]), size=5, mode="linear")
        let mut out = [0.0; 5];
        resize_time(&[0.0, 1.0, 4.0], 1, &mut out);
        for (found, expected) in out.iter().zip([0.0, 0.4, 1.0, 2.8, 4.0]) {
            assert!((found - expected).abs() < 1e-6, "{out:?}");
        }
    }
}
