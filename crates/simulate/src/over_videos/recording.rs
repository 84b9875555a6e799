//! One joined recording: its script, its film, and what is true of it.

use std::path::Path;

use sonovox_media::{FrameRate, RecordingWriter};
use sonovox_study::PlaneSpan;

use super::picture::{Film, Video};
use super::reel::{Reel, Shot};
use crate::probe::PlaneVisit;
use crate::recording::{Cast, format_of};
use crate::speech::{Narrator, SAMPLE_RATE_HZ, Scan, Script, Soundtrack};
use crate::truth::{RecordingTruth, TrueSpan, TrueUtterance, TrueVideo, round_secs};
use crate::{SimulateConfig, SimulateError};

/// A recording before its words are found and its frames are read.
pub struct JoinedRecording<'a> {
    /// what it shall be
    pub config: &'a SimulateConfig,
    /// who is who; the subject is a group of patients
    pub cast: Cast,
    /// all videos of the study
    pub videos: &'a [Video],
    /// which of them when
    pub reel: &'a Reel,
}

impl JoinedRecording<'_> {
    fn secs(&self, frame: usize) -> f64 {
        FrameRate::whole(self.config.video.fps).time_of(frame as u64)
    }

    fn plane(&self, shot: &Shot) -> usize {
        self.videos[shot.video].row.plane
    }

    /// Who says what when. A video on the screen is a visit to its plane.
    ///
    /// # Errors
    /// Those of the narrator.
    pub fn script(&self, narrator: &Narrator<'_>) -> Result<Script, SimulateError> {
        let visit = |(visit, shot): (usize, &Shot)| PlaneVisit {
            visit,
            plane: self.plane(shot),
            start_secs: self.secs(shot.start),
            end_secs: self.secs(shot.end),
        };
        let visits: Vec<PlaneVisit> = self.reel.iter().enumerate().map(visit).collect();
        let Cast { recording, subject, sonographer, fold } = self.cast;
        narrator.script(&Scan {
            recording,
            subject,
            sonographer,
            fold: fold.map(|fold| (fold, self.config.folds)),
            visits: &visits,
            seconds: self.config.seconds,
        })
    }

    /// Planes, covering the recording.
    pub fn spans(&self) -> Vec<PlaneSpan> {
        let end = self.config.frames();
        let span = |shot: &Shot| PlaneSpan {
            start_secs: round_secs(self.secs(shot.start)),
            // rounding to frames must leave no frame of the last video without its label
            end_secs: if shot.end == end {
                self.config.seconds.max(self.secs(end))
            } else {
                round_secs(self.secs(shot.end))
            },
            plane: self.plane(shot),
        };
        self.reel.iter().map(span).collect()
    }

    /// Reads the frames, makes the sound and writes both; `on_frame` is called after each frame and stops the work with
    /// `false`. `true` is returned when the file is complete.
    ///
    /// # Errors
    /// A video that cannot be read; those of the writer.
    pub fn write_video(
        &self,
        script: &Script,
        path: &Path,
        on_frame: &mut dyn FnMut() -> bool,
    ) -> Result<bool, SimulateError> {
        let config = self.config;
        let mut writer = RecordingWriter::create(path, &format_of(config))?;
        let mut sound =
            Soundtrack::new(script, &config.speech, config.seconds, config.seed, self.cast.recording, &[]);
        let (mut samples, mut samples_done) = (Vec::new(), 0);
        for shot in self.reel {
            let film = Film::read(&self.videos[shot.video], shot, config)?;
            for index in shot.start..shot.end {
                writer.push_frame(film.at(self.secs(index - shot.start)))?;
                let samples_due = (self.secs(index + 1) * f64::from(SAMPLE_RATE_HZ)).round() as usize;
                sound.next(samples_due - samples_done, &mut samples);
                writer.push_audio(&samples)?;
                samples_done = samples_due;
                if !on_frame() {
                    return Ok(false);
                }
            }
        }
        writer.finish()?;
        Ok(true)
    }

    /// What is true of it.
    pub fn truth(&self, script: &Script) -> RecordingTruth {
        let name = |plane: usize| self.config.planes[plane].clone();
        let plane_of = |visit: usize| name(self.plane(&self.reel[visit]));
        let video_of = |shot: &Shot| {
            let video = &self.videos[shot.video];
            TrueVideo {
                start_secs: round_secs(self.secs(shot.start)),
                end_secs: round_secs(self.secs(shot.end)),
                video: video.row.name.clone(),
                patient: video.row.patient.clone(),
                from_secs: round_secs(shot.from_secs),
                repeats: shot.repeats(video, self.config),
            }
        };
        RecordingTruth {
            recording: self.cast.recording_id(),
            subject: self.cast.subject_id(),
            sonographer: format!("sonographer-{}", self.cast.sonographer + 1),
            patient: None,
            videos: self.reel.iter().map(video_of).collect(),
            plane_spans: self
                .spans()
                .into_iter()
                .map(|s| TrueSpan { start_secs: s.start_secs, end_secs: s.end_secs, plane: name(s.plane) })
                .collect(),
            freezes: Vec::new(),
            utterances: script
                .utterances
                .iter()
                .map(|u| TrueUtterance::of(script, u, u.visit.map(plane_of)))
                .collect(),
            voices_behind: script.behind.iter().map(|u| TrueUtterance::of(script, u, None)).collect(),
            centre_track: Vec::new(),
        }
    }
}
