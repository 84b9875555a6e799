//! One recording, from its files to its clip. Frames and sound pass through one after the other; what stays in memory
//! is a value to a frame and to a row.

use std::path::Path;

use sonovox_artifact::clips::{ClipHeader, ClipWriter};
use sonovox_media::{AudioReader, FrameSpec, Losses, VideoFacts, VideoReader};
use sonovox_study::{CropRect, Recording, Study};

use crate::cancel::Cancel;
use crate::config::{CropMode, PreprocessConfig};
use crate::error::{RecordingError, WorkError};
use crate::framing::{FrameChoice, find_crop};
use crate::labels::{LeftOut, gaze_in_crop, leave_out, plane_of_frames};
use crate::sound::{self, Sound, Stretch, tolerate};

/// A recording that lasts longer has broken timestamps; filling their gaps with silence would fill the disk.
const LIMIT_HOURS: u32 = 24;

/// Progress is told every so many frames.
const FRAMES_A_REPORT: u64 = 32;

/// Everything that the work on one recording needs.
pub(crate) struct Job<'a> {
    pub study: &'a Study,
    pub recording: &'a Recording,
    pub config: &'a PreprocessConfig,
    pub checked: Checked,
    /// The artifact's folder, and the clip's name inside it.
    pub dir: &'a Path,
    pub file: String,
    pub spool_dir: &'a Path,
    pub decode_threads: usize,
    pub cancel: &'a Cancel,
    /// Told the number of frames decoded so far.
    pub on_frames: &'a dyn Fn(u64),
}

impl Job<'_> {
    /// Makes the clip and says what is in it.
    pub fn run(&self) -> Result<ClipHeader, WorkError> {
        // small, and at fault more often than the video: read first
        let planes = self.study.planes_of(self.recording)?;
        let gaze = self.study.gaze_of(self.recording)?;
        let (mut left_out, mut notes) = (LeftOut::new(), Vec::new());
        let frames = self.frames(&mut left_out, &mut notes)?;
        let Frames { clip, crop, frame, stretch } = frames;
        let sound = self.sound(stretch)?;
        for (cause, count) in &sound.left_out {
            leave_out(&mut left_out, cause, *count);
        }
        notes.extend_from_slice(&sound.notes);
        let plane = plane_of_frames(&planes, clip.frame_secs(), &mut left_out);
        let gaze = gaze_in_crop(&gaze, frame, crop, stretch, &mut left_out);
        let header = ClipHeader {
            recording: self.recording.id.clone(),
            subject: self.recording.subject.clone(),
            split: self.recording.split.map(|split| split.word().to_owned()),
            fold: self.recording.fold,
            file: self.file.clone(),
            seconds: stretch.end_secs - stretch.start_secs,
            frames: clip.frame_secs().len() as u64,
            rows: sound.rows() as u64,
            voiced_share: sound.voiced_share(),
            gaze_samples: gaze.len() as u64,
            labelled_frames: plane.iter().filter(|plane| **plane >= 0).count() as u64,
            crop: [crop.x, crop.y, crop.width, crop.height],
            has_audio: sound.is_heard(),
            left_out,
            notes,
        };
        let (voice, rows) = sound.into_parts().map_err(|source| self.spool_fault(source))?;
        clip.finish(rows, self.config.spectrogram.n_bands(), &voice, &gaze, &plane)?;
        Ok(header)
    }

    fn spool_fault(&self, source: std::io::Error) -> crate::PreprocessError {
        crate::PreprocessError::Io { path: self.spool_dir.to_owned(), source }
    }

    fn frames(&self, left_out: &mut LeftOut, notes: &mut Vec<String>) -> Result<Frames, WorkError> {
        let path = &self.recording.video;
        let size = &self.config.frame;
        let crop = self.crop(notes)?;
        let spec = FrameSpec { crop, height: size.height, width: size.width };
        let mut video = VideoReader::open(path, &spec, self.decode_threads)?;
        let frame = (video.facts().width, video.facts().height);
        let clip_path = self.dir.join(&self.file);
        let mut clip = ClipWriter::create(&clip_path, size.height as usize, size.width as usize)?;
        let mut choice = FrameChoice::new(size);
        let mut pixels = vec![0; (size.height * size.width) as usize];
        let mut decoded = 0;
        loop {
            self.cancel.check()?;
            match video.next_frame(&mut pixels) {
                Ok(Some(secs)) if choice.keeps(secs) => clip.push_frame(&pixels, secs)?,
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    notes.push(format!("video {}", tolerate(error, self.config.incomplete)?));
                    break;
                }
            }
            decoded += 1;
            if decoded % FRAMES_A_REPORT == 0 {
                (self.on_frames)(decoded);
            }
        }
        (self.on_frames)(decoded);
        leave_out(left_out, "frames not chosen", decoded - clip.frame_secs().len() as u64);
        note_losses(video.losses(), left_out, notes);
        let stretch = stretch_of(path, clip.frame_secs(), video.losses(), video.facts())?;
        let whole = CropRect { x: 0, y: 0, width: frame.0, height: frame.1 };
        Ok(Frames { clip, crop: crop.unwrap_or(whole), frame, stretch })
    }

    /// The rectangle to keep; `None` for the whole frame.
    fn crop(&self, notes: &mut Vec<String>) -> Result<Option<CropRect>, WorkError> {
        match (self.config.crop, self.study.crop) {
            (CropMode::None, _) => Ok(None),
            (CropMode::Auto, Some(given)) => Ok(Some(given)),
            (CropMode::Auto, None) => {
                find_crop(&self.recording.video, self.checked.frame, &self.config.frame, notes).map(Some)
            }
        }
    }

    fn sound(&self, stretch: Stretch) -> Result<Sound, WorkError> {
        let config = self.config;
        let (audio, path, offset_secs) = match &self.recording.audio {
            Some(separate) => {
                (Some(AudioReader::open_file(&separate.path)?), &separate.path, separate.offset_secs)
            }
            None => (AudioReader::open_embedded(&self.recording.video)?, &self.recording.video, 0.0),
        };
        match audio {
            Some(audio) => {
                sound::hear(audio, path, offset_secs, stretch, config, self.spool_dir, self.cancel)
            }
            None => Ok(Sound::silence(stretch, &config.spectrogram, "there is no sound")),
        }
    }
}

/// The video part of a clip.
struct Frames {
    clip: ClipWriter,
    crop: CropRect,
    /// Size of the full frame in pixels.
    frame: (u32, u32),
    stretch: Stretch,
}

/// What a look at a recording's files tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    /// Size of the full frame in pixels.
    pub frame: (u32, u32),
    /// Frames to expect, where the container tells.
    pub expected_frames: Option<u64>,
}

/// Looks at a recording without decoding it through: its files, its gaze and planes, the first frame and the first
/// block of sound.
pub(crate) fn check(study: &Study, recording: &Recording, mode: CropMode) -> Result<Checked, RecordingError> {
    recording.check_files()?;
    study.planes_of(recording)?;
    study.gaze_of(recording)?;
    let crop = study.crop.filter(|_| mode == CropMode::Auto);
    let video = VideoReader::open(&recording.video, &FrameSpec { crop, height: 1, width: 1 }, 1)?;
    match &recording.audio {
        Some(separate) => drop(AudioReader::open_file(&separate.path)?),
        None => drop(AudioReader::open_embedded(&recording.video)?),
    }
    let facts = video.facts();
    let by_length = || Some((facts.duration_secs? * facts.avg_frame_rate?).round() as u64);
    let expected_frames = facts.stated_frames.or_else(by_length);
    Ok(Checked { frame: (facts.width, facts.height), expected_frames })
}

fn note_losses(losses: &Losses, left_out: &mut LeftOut, notes: &mut Vec<String>) {
    leave_out(left_out, "video packets that could not be decoded", losses.refused_packets);
    leave_out(left_out, "frames out of order", losses.disordered_frames);
    if losses.damaged_frames > 0 {
        notes.push(format!("{} frames are damaged", losses.damaged_frames));
    }
    if losses.guessed_times > 0 {
        notes
            .push(format!("{} frames have no time in the file; theirs were continued", losses.guessed_times));
    }
}

fn stretch_of(
    path: &Path,
    frame_secs: &[f64],
    losses: &Losses,
    facts: &VideoFacts,
) -> Result<Stretch, RecordingError> {
    // opening a video decodes its first frame, and the first frame is always chosen
    let (start_secs, last_secs) = (frame_secs[0], frame_secs[frame_secs.len() - 1]);
    let frame_length = facts.avg_frame_rate.map_or(0.04, f64::recip);
    let end_secs = losses.reached_secs.unwrap_or(last_secs + frame_length).max(last_secs);
    if end_secs - start_secs > f64::from(LIMIT_HOURS) * 3600.0 {
        return Err(RecordingError::TooLong {
            path: path.to_owned(),
            limit_hours: LIMIT_HOURS,
            start_secs,
            end_secs,
        });
    }
    Ok(Stretch { start_secs, end_secs })
}
