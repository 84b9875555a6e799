//! The frames that have a plane.

use crate::DownstreamError;
use crate::clips::{Clips, FrameAt};
use crate::frame_set::{FrameSet, Wanted};

/// Frames with the place of their plane in the study's list.
pub(crate) type LabelledFrames = FrameSet<usize>;

/// What plane detection needs.
pub(crate) const WANTED: Wanted = Wanted {
    what: "frames with a plane",
    hint: "; give the study planes CSVs (column `planes` of recordings.csv), or use a smaller every_nth_frame",
};

/// Every `every_nth` frame of `recordings` that has a label.
pub(crate) fn find(
    clips: &Clips,
    recordings: &[usize],
    every_nth: usize,
) -> Result<LabelledFrames, DownstreamError> {
    let mut found = FrameSet::empty();
    let planes = clips.source.details.planes.len();
    let (mut between, mut unlabelled) = (0, 0);
    for &recording in recordings {
        let reader = clips.reader(recording);
        let frame_secs = reader.frame_secs()?;
        for (frame, (label, secs)) in reader.plane()?.into_iter().zip(frame_secs).enumerate() {
            match usize::try_from(label) {
                _ if frame % every_nth != 0 => between += 1,
                Ok(plane) if plane < planes => found.push(FrameAt { recording, frame, secs }, plane),
                Ok(_) => return Err(bad_label(clips, recording, frame, label)),
                Err(_) => unlabelled += 1,
            }
        }
    }
    found.leave_out(format!("frames whose number is no multiple of {every_nth}"), between);
    found.leave_out("frames without a plane", unlabelled);
    Ok(found)
}

/// Number of frames of each of `planes` planes.
pub(crate) fn support(labelled: &LabelledFrames, planes: usize) -> Vec<u64> {
    let mut support = vec![0; planes];
    labelled.truth.iter().for_each(|&plane| support[plane] += 1);
    support
}

/// Refuses training frames that are all of one plane.
pub(crate) fn must_differ(labelled: &LabelledFrames, clips: &Clips) -> Result<(), DownstreamError> {
    let first = labelled.truth[0];
    if labelled.truth.iter().any(|&plane| plane != first) {
        return Ok(());
    }
    let plane = clips.source.details.planes[first].clone();
    Err(DownstreamError::OnePlane { clips: clips.path().to_owned(), frames: labelled.frames.len(), plane })
}

fn bad_label(clips: &Clips, recording: usize, frame: usize, found: i16) -> DownstreamError {
    DownstreamError::BadLabel {
        clips: clips.path().to_owned(),
        recording: clips.source.details.recordings[recording].recording.clone(),
        frame,
        planes: clips.source.details.planes.len(),
        found,
    }
}
