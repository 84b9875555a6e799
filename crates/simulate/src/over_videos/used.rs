//! What was made of which videos, counted.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use serde::Serialize;

use super::groups::Group;
use super::manifest::Manifest;
use super::picture::Video;
use super::reel::Reel;
use crate::recording::Cast;
use crate::truth::RecordingTruth;
use crate::{SimulateConfig, SimulateSummary};

/// The real videos of a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VideosUsed {
    /// videos of the manifest that may be shown
    pub videos: usize,
    /// their patients
    pub patients: usize,
    /// videos left out because of their folder
    pub left_out: usize,
    /// videos that say no patient, each a patient of its own
    pub nameless: usize,
    /// videos that no recording shows
    pub never_shown: usize,
    /// times that a video was on the screen
    pub shots: usize,
    /// of these, the ones in which it began anew
    pub repeated_shots: usize,
    /// a line to each plane
    pub planes: Vec<PlaneShown>,
}

/// A plane of a study over videos.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaneShown {
    /// its name
    pub plane: String,
    /// videos of it
    pub videos: usize,
    /// their patients
    pub patients: usize,
    /// time on the screen
    pub shown_secs: f64,
    /// subjects (groups of patients) without it
    pub groups_without: usize,
}

impl VideosUsed {
    /// Counts.
    pub fn of(
        manifest: &Manifest,
        videos: &[Video],
        groups: &[Group],
        reels: &[Reel],
        config: &SimulateConfig,
    ) -> Self {
        let shown = shown_secs(reels, config.video.fps);
        let patients = |plane: Option<usize>| {
            let of = videos.iter().filter(|video| plane.is_none_or(|plane| video.row.plane == plane));
            of.map(|video| &video.row.patient).collect::<BTreeSet<_>>().len()
        };
        let of_plane = |(plane, name): (usize, &String)| PlaneShown {
            plane: name.clone(),
            videos: videos.iter().filter(|video| video.row.plane == plane).count(),
            patients: patients(Some(plane)),
            shown_secs: shown
                .iter()
                .filter(|(video, _)| videos[**video].row.plane == plane)
                .map(|(_, secs)| secs)
                .sum(),
            groups_without: groups.iter().filter(|group| !group.videos.contains_key(&plane)).count(),
        };
        let shots = || reels.iter().flatten();
        Self {
            videos: videos.len(),
            patients: patients(None),
            left_out: manifest.left_out,
            nameless: manifest.nameless,
            never_shown: videos.len() - shown.len(),
            shots: shots().count(),
            repeated_shots: shots().filter(|shot| shot.repeats(&videos[shot.video], config)).count(),
            planes: config.planes.iter().enumerate().map(of_plane).collect(),
        }
    }
}

impl fmt::Display for VideosUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} real videos of {} patients on the screen {} times ({} of them begun anew); {} never shown, {} left out, {} \
             without a patient's name",
            self.videos,
            self.patients,
            self.shots,
            self.repeated_shots,
            self.never_shown,
            self.left_out,
            self.nameless
        )?;
        for PlaneShown { plane, videos, patients, shown_secs, groups_without } in &self.planes {
            write!(f, "\n  {plane}: {videos} videos of {patients} patients, {shown_secs:.0} s")?;
            if *groups_without > 0 {
                write!(f, "; {groups_without} subjects without it")?;
            }
        }
        Ok(())
    }
}

/// Seconds on the screen of every video that was there.
fn shown_secs(reels: &[Reel], fps: u32) -> BTreeMap<usize, f64> {
    let mut shown = BTreeMap::new();
    for shot in reels.iter().flatten() {
        *shown.entry(shot.video).or_insert(0.0) += (shot.end - shot.start) as f64 / f64::from(fps);
    }
    shown
}

/// `videos.csv`: a row to each video with its patient, subject and fold, the facts of its file, and its time on the screen. What
/// names labels without a look at the picture is fitted and tested on this (scripts/measure-metadata).
pub fn table(
    videos: &[Video],
    groups: &[Group],
    reels: &[Reel],
    casts: &[Cast],
    config: &SimulateConfig,
) -> String {
    let shown = shown_secs(reels, config.video.fps);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "video",
        "plane",
        "patient",
        "subject",
        "fold",
        "shown_secs",
        "width",
        "height",
        "frames",
        "seconds",
        "frames_per_sec",
        "bytes",
        "container",
        "codec",
        "has_sound",
        "probe",
    ];
    writer.write_record(header).expect("memory takes all");
    for (index, video) in videos.iter().enumerate() {
        let group = groups.iter().position(|group| group.patients.contains(&video.row.patient));
        let group = group.expect("every patient is in a group");
        let cast = casts.iter().find(|cast| cast.subject == group).expect("every subject is scanned");
        let facts = &video.facts;
        let cells = [
            video.row.name.clone(),
            config.planes[video.row.plane].clone(),
            video.row.patient.clone(),
            cast.subject_id(),
            cast.fold.map_or(String::new(), |fold| fold.to_string()),
            format!("{:.3}", shown.get(&index).unwrap_or(&0.0)),
            facts.width.to_string(),
            facts.height.to_string(),
            video.frames.to_string(),
            format!("{:.4}", video.seconds),
            format!("{:.4}", video.frames as f64 / video.seconds),
            facts.bytes.to_string(),
            facts.container.clone(),
            facts.codec.clone(),
            u8::from(facts.has_sound).to_string(),
            video.row.probe.clone(),
        ];
        writer.write_record(&cells).expect("memory takes all");
    }
    String::from_utf8(writer.into_inner().expect("memory takes all")).expect("made of strings")
}

/// The summary of a study over videos.
pub fn summary(
    config: &SimulateConfig,
    casts: &[Cast],
    truth: &[RecordingTruth],
    chat_secs: f64,
    used: VideosUsed,
) -> SimulateSummary {
    let said = || truth.iter().flat_map(|truth| &truth.utterances);
    let distinct = |item: fn(&Cast) -> usize| casts.iter().map(item).collect::<HashSet<_>>().len();
    SimulateSummary {
        recordings: casts.len(),
        subjects: distinct(|cast| cast.subject),
        sonographers: distinct(|cast| cast.sonographer),
        planes: config.planes.len(),
        seconds: config.seconds * casts.len() as f64,
        frames: config.frames() * casts.len(),
        visits: used.shots,
        plane_secs: used.planes.iter().map(|plane| plane.shown_secs).sum(),
        speech_secs: said().map(|u| u.end_secs - u.start_secs).sum(),
        chat_secs,
        utterances: said().count(),
        phrases_spoken: said().map(|u| (&u.voice, &u.text)).collect::<HashSet<_>>().len(),
        gaze_samples: 0,
        videos: Some(used),
    }
}
