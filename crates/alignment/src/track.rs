//! When something is to be seen and heard in a recording.

use half::f16;
use sonovox_artifact::ArtifactError;
use sonovox_artifact::clips::ClipReader;

/// Times of a recording's frames and of its voice.
pub struct Track {
    frame_secs: Vec<f64>,
    voice: Vec<f16>,
    start_secs: f64,
    hop_secs: f64,
}

impl Track {
    /// Reads the times of a clip.
    ///
    /// # Errors
    /// When the clip cannot be read.
    pub fn read(clip: &ClipReader) -> Result<Self, ArtifactError> {
        Ok(Self {
            frame_secs: clip.frame_secs()?,
            voice: clip.voice()?,
            start_secs: clip.mel_start_secs(),
            hop_secs: clip.hop_secs(),
        })
    }

    /// The frame nearest to `secs`.
    pub fn frame_at(&self, secs: f64) -> usize {
        let after = self.frame_secs.partition_point(|&time| time < secs);
        let near = after.saturating_sub(1)..(after + 1).min(self.frame_secs.len());
        let distance = |&frame: &usize| (self.frame_secs[frame] - secs).abs();
        near.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
    }

    /// Middles of the stretches of `step_secs` that tile the recording's sound.
    pub fn middles(&self, step_secs: f64) -> impl Iterator<Item = f64> + '_ {
        let tiles = (self.voice.len() as f64 * self.hop_secs / step_secs) as usize;
        (0..tiles).map(move |tile| self.start_secs + (tile as f64 + 0.5) * step_secs)
    }

    /// Share of the sound within `secs / 2` of `middle_secs` that is voiced, 0 to 1; 0 where there is no sound.
    pub fn voiced_share(&self, middle_secs: f64, secs: f64) -> f64 {
        let row = |at: f64| {
            (((at - self.start_secs) / self.hop_secs).round().max(0.0) as usize).min(self.voice.len())
        };
        let rows = &self.voice[row(middle_secs - secs / 2.0)..row(middle_secs + secs / 2.0)];
        let voiced = rows.iter().filter(|&&value| f32::from(value) >= 0.5).count();
        voiced as f64 / rows.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_frame_and_the_voiced_share_are_found() {
        let voice = (0..100).map(|row| if row < 50 { f16::ONE } else { f16::ZERO }).collect();
        let track = Track { frame_secs: vec![1.0, 1.2, 1.4, 4.0], voice, start_secs: 1.0, hop_secs: 0.1 };
        for (secs, frame) in [(0.0, 0), (1.09, 0), (1.11, 1), (2.6, 2), (2.8, 3), (99.0, 3)] {
            assert_eq!(track.frame_at(secs), frame, "{secs}");
        }
        assert_eq!(track.middles(2.0).collect::<Vec<_>>(), [2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(track.voiced_share(6.0, 2.0), 0.5);
        assert_eq!((track.voiced_share(3.0, 2.0), track.voiced_share(9.0, 2.0)), (1.0, 0.0));
        assert_eq!(track.voiced_share(500.0, 2.0), 0.0);
    }
}
