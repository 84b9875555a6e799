//! Recordings joined from real, labelled videos and narrated like drawn ones.
//!
//! ```text
//! manifest.csv ─▶ videos, each read through once ─▶ groups of patients ─▶ reels (which video when) ─▶ frames ─┐
//!                                                                          └▶ script (who says what when) ───┴▶ study
//! ```
//! A recording shows several videos of different labels, and so of different patients, in one voice: were a recording one
//! video, who speaks would tell the label. No patient may be trained and tested on, so **the subject of a recording is a
//! group of patients**: patients are dealt into groups first ([`groups`]), a group's recordings show its own patients alone,
//! and a split by subject is a split by patient.
//!
//! docs/over-videos.md says what still gives labels away.

mod groups;
mod manifest;
mod picture;
mod recording;
mod reel;
mod used;

use std::path::Path;

use sonovox_study::CropRect;

use crate::run::casts;
use crate::side_by_side::side_by_side;
use crate::speech::Narrator;
use crate::speech::phrases::CHAT;
use crate::truth::{NOTICE_OVER_VIDEOS, RecordingTruth};
use crate::writer::StudyWriter;
use crate::{SimulateConfig, SimulateError, SimulateSummary};
use recording::JoinedRecording;
pub use used::{PlaneShown, VideosUsed};

/// Makes a study of recordings joined from the videos of `folder` in the folder `out`.
///
/// Memory holds the frames of one video's time on the screen to a core. The same config, videos and phrases give the same
/// bytes on the same machine. `progress` is told of the frames done and the frames in all.
///
/// # Errors
/// Those of [`crate::run`]; a manifest that cannot be used; the first video that cannot be read from its first frame to its
/// last; a plane of fewer patients than there are folds.
pub fn run(
    config: &SimulateConfig,
    folder: &Path,
    out: &Path,
    overwrite: bool,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<SimulateSummary, SimulateError> {
    let writer = StudyWriter::create(config, config.planes.clone(), out, overwrite)?;
    let narrator = Narrator::new(config)?;
    let manifest = manifest::read(folder, config)?;
    let videos = picture::read_through(&manifest.rows, config)?;
    let casts = casts(config);
    let groups = groups::deal(&manifest.rows, config, &casts, &manifest.path)?;
    let reels = reel::plan(&videos, &groups, config, &casts);

    let recordings: Vec<JoinedRecording<'_>> = casts
        .iter()
        .zip(&reels)
        .map(|(&cast, reel)| JoinedRecording { config, cast, videos: &videos, reel })
        .collect();
    let (mut done, total) = (0, casts.len() * config.frames());
    progress(done, total);
    let made = side_by_side(
        &recordings,
        |recording, on_frame| {
            let script = recording.script(&narrator)?;
            writer.write_planes(&recording.cast, &recording.spans())?;
            let is_complete =
                recording.write_video(&script, &writer.video_path(&recording.cast), on_frame)?;
            Ok(is_complete.then(|| (recording.truth(&script), script.spoken_secs(|label| label == CHAT))))
        },
        &mut || {
            done += 1;
            progress(done, total);
        },
    )?;
    let (truth, chat): (Vec<RecordingTruth>, Vec<f64>) = made.into_iter().unzip();

    let used = VideosUsed::of(&manifest, &videos, &groups, &reels, config);
    writer.write_file("videos.csv", used::table(&videos, &groups, &reels, &casts, config).as_bytes())?;
    let crop = CropRect { x: 0, y: 0, width: config.video.width, height: config.video.height };
    let rows = casts.iter().map(|cast| writer.recording(cast, false)).collect();
    let summary = used::summary(config, &casts, &truth, chat.iter().sum(), used);
    // the whole frame: a search for the fan would find another rectangle in each recording
    writer.finish(NOTICE_OVER_VIDEOS, Some(crop), rows, truth)?;
    Ok(summary)
}
