//! The clips artifact as these stages use it: split by subject, frames read by position when they are needed.

use std::path::Path;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use sonovox_artifact::ArtifactError;
use sonovox_artifact::clips::{ClipReader, ClipsArtifact};
use sonovox_model::input;
use sonovox_study::{SplitConfig, SplitItem, SplitParts};
use sonovox_train::TrainError;

use crate::DownstreamError;
use crate::image::{Size, Tone, Warp, warp};

/// A frame of a recording, without its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameAt {
    /// The recording's place in the clips artifact.
    pub recording: usize,
    /// The frame's place in the recording.
    pub frame: usize,
    /// Its time on the recording's clock.
    pub secs: f64,
}

/// An open clips artifact.
pub(crate) struct Clips {
    pub source: ClipsArtifact,
    readers: Vec<ClipReader>,
}

impl Clips {
    pub fn open(path: &Path) -> Result<Self, ArtifactError> {
        let source = ClipsArtifact::open(path)?;
        let readers =
            (0..source.details.recordings.len()).map(|at| source.reader(at)).collect::<Result<_, _>>()?;
        Ok(Self { source, readers })
    }

    pub fn path(&self) -> &Path {
        &self.source.artifact.path
    }

    pub fn size(&self) -> Size {
        Size { height: self.source.details.height as usize, width: self.source.details.width as usize }
    }

    pub fn reader(&self, recording: usize) -> &ClipReader {
        &self.readers[recording]
    }

    /// Names of all recordings, in the order that [`FrameAt::recording`] counts.
    pub fn recordings(&self) -> Vec<String> {
        self.source.details.recordings.iter().map(|clip| clip.recording.clone()).collect()
    }

    /// The split of all subjects, labelled or not: the same one that pretraining made of these clips.
    pub fn parts(&self, split: &SplitConfig) -> Result<SplitParts, DownstreamError> {
        let recordings = self.source.details.recordings.iter();
        let items: Vec<_> =
            recordings.map(|clip| SplitItem::of(&clip.subject, clip.split.as_deref(), clip.fold)).collect();
        Ok(split.parts(&items)?)
    }

    /// All recordings.
    pub fn all(&self) -> Vec<usize> {
        (0..self.readers.len()).collect()
    }

    /// The plane of each of `frames`, which lie together by recording; -1 where there is none.
    pub fn planes_of(&self, frames: &[FrameAt]) -> Result<Vec<i16>, ArtifactError> {
        let mut planes = Vec::with_capacity(frames.len());
        for of_recording in frames.chunk_by(|a, b| a.recording == b.recording) {
            let all = self.readers[of_recording[0].recording].plane()?;
            planes.extend(of_recording.iter().map(|at| all[at.frame]));
        }
        Ok(planes)
    }

    /// The subjects of `recordings`, sorted, each once.
    pub fn subjects(&self, recordings: &[usize]) -> Vec<String> {
        self.source.subjects(recordings)
    }

    /// Frames as the encoder's input f32 `[frames, 1, height, width]`, each standardised after its own change.
    pub fn images(
        &self,
        frames: &[FrameAt],
        change: impl Fn(usize) -> (Warp, Tone) + Sync,
        device: &Device,
    ) -> Result<Tensor, TrainError> {
        let size = self.size();
        let mut grey = vec![0.0; frames.len() * size.area()];
        grey.par_chunks_exact_mut(size.area()).enumerate().try_for_each(|(place, out)| {
            let mut bytes = vec![0; size.area()];
            let FrameAt { recording, frame, .. } = frames[place];
            self.readers[recording].read_frame(frame, &mut bytes).map_err(TrainError::task)?;
            let (map, tone) = change(place);
            warp(&bytes, size, &map, &tone, out);
            Ok::<_, TrainError>(())
        })?;
        Ok(input::frames(grey, size.height, size.width, device)?)
    }
}
