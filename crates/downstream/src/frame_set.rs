//! Frames with what is known of them, found once; their pixels stay on disk.

use std::collections::BTreeMap;
use std::fmt;

use sonovox_artifact::Counts;
use sonovox_study::SplitParts;

use crate::DownstreamError;
use crate::clips::{Clips, FrameAt};
use crate::label_share::{self, SpanCounts};

/// Frames of some recordings, in the recordings' order.
pub(crate) struct FrameSet<T> {
    pub frames: Vec<FrameAt>,
    /// What is known of each frame: its plane, its gaze points.
    pub truth: Vec<T>,
    /// Frames left out, by cause.
    pub left_out: BTreeMap<String, u64>,
}

/// How many frames, and of how many recordings and subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Tested {
    /// Frames.
    pub frames: usize,
    /// Recordings they are of.
    pub recordings: usize,
    /// Subjects those are of.
    pub subjects: usize,
}

impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, recordings, subjects } = self;
        write!(f, "{frames} test frames of {recordings} recordings, {subjects} subjects")
    }
}

impl<T> FrameSet<T> {
    pub fn empty() -> Self {
        Self { frames: Vec::new(), truth: Vec::new(), left_out: BTreeMap::new() }
    }

    pub fn push(&mut self, frame: FrameAt, truth: T) {
        self.frames.push(frame);
        self.truth.push(truth);
    }

    pub fn leave_out(&mut self, cause: impl Into<String>, frames: u64) {
        if frames > 0 {
            *self.left_out.entry(cause.into()).or_insert(0) += frames;
        }
    }

    /// Appends the frames of later recordings.
    pub fn append(&mut self, later: Self) {
        self.frames.extend(later.frames);
        self.truth.extend(later.truth);
        later.left_out.into_iter().for_each(|(cause, frames)| self.leave_out(cause, frames));
    }

    /// Only the frames that `keep` marks; the others are left out for `cause`.
    pub fn only(self, keep: &[bool], cause: String) -> Self {
        let (before, mut kept) = (self.frames.len(), Self { left_out: self.left_out, ..Self::empty() });
        for ((frame, truth), _) in
            self.frames.into_iter().zip(self.truth).zip(keep).filter(|(_, keep)| **keep)
        {
            kept.push(frame, truth);
        }
        kept.leave_out(cause, (before - kept.frames.len()) as u64);
        kept
    }

    pub fn tested(&self, clips: &Clips) -> Tested {
        let mut recordings: Vec<usize> = self.frames.iter().map(|at| at.recording).collect();
        recordings.dedup();
        let subjects = clips.subjects(&recordings).len();
        Tested { frames: self.frames.len(), recordings: recordings.len(), subjects }
    }

    /// Refuses a set without frames; `whose` says of which recordings it is, `wanted` what and how to get it.
    pub fn must_have_frames(
        &self,
        clips: &Clips,
        whose: &str,
        wanted: &Wanted,
    ) -> Result<(), DownstreamError> {
        if !self.frames.is_empty() {
            return Ok(());
        }
        Err(DownstreamError::Nothing {
            clips: clips.path().to_owned(),
            expected: wanted.what,
            whose: whose.to_owned(),
            hint: wanted.hint,
        })
    }
}

/// Words for what a stage needs.
pub(crate) struct Wanted {
    pub what: &'static str,
    pub hint: &'static str,
}

/// The frames of each part of the split.
pub(crate) struct PartSets<T> {
    pub train: FrameSet<T>,
    pub validation: FrameSet<T>,
    pub test: FrameSet<T>,
    /// Spans of training frames, where only a share of the labels is used.
    pub spans: Option<SpanCounts>,
}

impl<T> PartSets<T> {
    /// Finds the frames of each part with `find`; refuses clips without any to train on or to test on.
    pub fn find(
        clips: &Clips,
        parts: &SplitParts,
        wanted: &Wanted,
        find: impl Fn(&[usize]) -> Result<FrameSet<T>, DownstreamError>,
    ) -> Result<Self, DownstreamError> {
        let found = Self {
            train: find(&parts.train)?,
            validation: find(&parts.validation)?,
            test: find(&parts.test)?,
            spans: None,
        };
        for (part, recordings, set) in
            [("training", &parts.train, &found.train), ("test", &parts.test, &found.test)]
        {
            let subjects = clips.subjects(recordings).len();
            set.must_have_frames(clips, &format!("the {subjects} {part} subjects"), wanted)?;
        }
        Ok(found)
    }

    /// Leaves only `share` of the labels to train on, as [`label_share::draw`] does; validation and test keep theirs.
    ///
    /// # Errors
    /// When a clip's planes cannot be read.
    pub fn with_label_share(self, clips: &Clips, share: f64, seed: u64) -> Result<Self, DownstreamError> {
        if share >= 1.0 {
            return Ok(self);
        }
        let planes = clips.planes_of(&self.train.frames)?;
        let (train, spans) = label_share::draw(self.train, &planes, share, seed);
        Ok(Self { train, spans: Some(spans), ..self })
    }

    /// What is used and left out.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (part, set) in [("train", &self.train), ("validation", &self.validation), ("test", &self.test)] {
            counts.used.insert(format!("{part}_frames"), set.frames.len() as u64);
            for (cause, frames) in &set.left_out {
                *counts.left_out.entry(cause.clone()).or_insert(0) += frames;
            }
        }
        if let Some(spans) = self.spans {
            counts.used.insert("train_spans".to_owned(), spans.used);
            let cause = "spans of training frames whose label is not used".to_owned();
            counts.left_out.insert(cause, spans.left_out);
        }
        counts
    }
}
