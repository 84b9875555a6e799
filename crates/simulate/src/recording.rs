//! One recording: everything about it decided first, then drawn and written frame by frame.

use std::path::Path;

use sonovox_media::{FrameRate, RecordingFormat, RecordingWriter};
use sonovox_study::{GazeSample, PlaneSpan};

use crate::anatomy::{PLANE_NAMES, Subject, World};
use crate::gaze::GazeSource;
use crate::geometry::Vec2;
use crate::image::{Imager, Machine, Patient};
use crate::probe::{PlaneVisit, ProbePath, Visits};
use crate::rng::stream;
use crate::speech::{Narrator, SAMPLE_RATE_HZ, Scan, Script, Soundtrack};
use crate::truth::{
    RecordingTruth, TrueCentre, TrueFreeze, TruePatient, TrueSpan, TrueUtterance, round_secs,
};
use crate::{SimulateConfig, SimulateError};

/// Samples a second of the true track of the structure of interest.
const CENTRE_RATE_HZ: f64 = 10.0;

/// Who is who in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cast {
    /// index of the recording
    pub recording: usize,
    /// index of the subject
    pub subject: usize,
    /// index of the sonographer
    pub sonographer: usize,
    /// fold of a cross-validation that the subject is in, where the study has folds
    pub fold: Option<usize>,
}

impl Cast {
    /// Id in recordings.csv.
    pub fn recording_id(&self) -> String {
        format!("scan-{:03}", self.recording + 1)
    }

    /// Id in recordings.csv.
    pub fn subject_id(&self) -> String {
        format!("subject-{:03}", self.subject + 1)
    }
}

/// A recording before it is drawn.
pub struct RecordingPlan<'a> {
    config: &'a SimulateConfig,
    /// who is who
    pub cast: Cast,
    subject: Subject,
    machine: Machine,
    world: World,
    path: ProbePath,
    /// planes as they can be seen
    pub visits: Vec<PlaneVisit>,
    /// what is said
    pub script: Script,
    /// where the sonographer looks
    pub gaze: Vec<GazeSample>,
    centres: Vec<TrueCentre>,
}

impl<'a> RecordingPlan<'a> {
    /// Decides everything; the only thing that can fail is speech.
    ///
    /// # Errors
    /// Those of the narrator.
    pub fn new(
        config: &'a SimulateConfig,
        cast: Cast,
        narrator: &Narrator<'_>,
    ) -> Result<Self, SimulateError> {
        let (seed, recording) = (config.seed, cast.recording);
        let planes = config.plane_indices()?;
        let subject = Subject::draw(seed, cast.subject);
        let planned = Visits::plan(config, &planes, recording, cast.sonographer);
        let world = World::build(&subject, seed, recording);
        let path = ProbePath::plan(&planned, &subject, &world, seed, recording);
        let visits = path.spans(&planned);
        let machine =
            Machine::draw(&config.video, &subject, &visits, &mut stream(seed, "machine", recording));

        let seconds = config.seconds;
        let Cast { subject: subject_index, sonographer, .. } = cast;
        let script = narrator.script(&Scan {
            recording,
            subject: subject_index,
            sonographer,
            fold: cast.fold.map(|fold| (fold, config.folds)),
            visits: &visits,
            seconds,
        })?;

        let source =
            GazeSource { config: &config.gaze, path: &path, visits: &visits, machine: &machine, seconds };
        let gaze = source.samples(&mut stream(seed, "gaze", recording)).into_iter().map(rounded).collect();
        let centres = centre_track(&source);
        Ok(Self { config, cast, subject, machine, world, path, visits, script, gaze, centres })
    }

    /// Planes and background, covering the recording. Planes count as in the config, background comes after them.
    pub fn spans(&self) -> Vec<PlaneSpan> {
        let background = self.config.planes.len();
        let plane_number = |plane: usize| {
            let name = PLANE_NAMES[plane];
            self.config
                .planes
                .iter()
                .position(|known| known == name)
                .expect("visits are to planes of the config")
        };
        let mut spans = Vec::new();
        let mut clock = 0.0;
        for visit in &self.visits {
            let (start_secs, end_secs) = (round_secs(visit.start_secs), round_secs(visit.end_secs));
            if start_secs > clock {
                spans.push(PlaneSpan { start_secs: clock, end_secs: start_secs, plane: background });
            }
            spans.push(PlaneSpan { start_secs, end_secs, plane: plane_number(visit.plane) });
            clock = end_secs;
        }
        if clock < self.config.seconds {
            spans.push(PlaneSpan { start_secs: clock, end_secs: self.config.seconds, plane: background });
        }
        spans
    }

    /// Draws the frames, makes the sound and writes both; `on_frame` is called after each frame `[height, width]` and
    /// stops the work with `false`; what was drawn until then is a film that plays. `true` is returned when the file is complete.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_video(
        &self,
        path: &Path,
        mut on_frame: impl FnMut(&[u8]) -> bool,
    ) -> Result<bool, SimulateError> {
        let config = self.config;
        let rate = FrameRate::whole(config.video.fps);
        let mut writer = RecordingWriter::create(path, &format_of(config))?;
        let mut rng = stream(config.seed, "image", self.cast.recording);
        let patient = Patient::of(config.seed, self.cast.subject);
        let mut imager = Imager::new(&self.machine, &self.subject, &patient, &mut rng);
        let pressed: Vec<f64> = self.path.freezes.iter().map(|freeze| freeze.start_secs).collect();
        let mut sound = Soundtrack::new(
            &self.script,
            &config.speech,
            config.seconds,
            config.seed,
            self.cast.recording,
            &pressed,
        );
        let (mut frame, mut samples) = (vec![0; imager.pixels()], Vec::new());
        let mut samples_done = 0;
        for index in 0..config.frames() as u64 {
            let time_secs = rate.time_of(index);
            let (view, freeze) = self.path.shown(time_secs);
            imager.frame(&self.world, &view, self.machine.setting(time_secs), freeze, &mut frame);
            writer.push_frame(&frame)?;
            let samples_due = (rate.time_of(index + 1) * f64::from(SAMPLE_RATE_HZ)).round() as usize;
            sound.next(samples_due - samples_done, &mut samples);
            writer.push_audio(&samples)?;
            samples_done = samples_due;
            if !on_frame(&frame) {
                writer.finish()?;
                return Ok(false);
            }
        }
        writer.finish()?;
        Ok(true)
    }

    /// What is true of it.
    pub fn truth(&self) -> RecordingTruth {
        let names =
            |plane: usize| self.config.planes.get(plane).map_or("background", String::as_str).to_owned();
        let plane_of = |visit: usize| PLANE_NAMES[self.visits[visit].plane].to_owned();
        let patient = Patient::of(self.config.seed, self.cast.subject);
        RecordingTruth {
            recording: self.cast.recording_id(),
            subject: self.cast.subject_id(),
            sonographer: format!("sonographer-{}", self.cast.sonographer + 1),
            patient: Some(TruePatient { name: patient.name, number: patient.number }),
            videos: Vec::new(),
            freezes: self
                .path
                .freezes
                .iter()
                .map(|freeze| TrueFreeze {
                    start_secs: round_secs(freeze.start_secs),
                    end_secs: round_secs(freeze.end_secs),
                    calipers: freeze.calipers.is_some(),
                })
                .collect(),
            plane_spans: self
                .spans()
                .into_iter()
                .map(|s| TrueSpan { start_secs: s.start_secs, end_secs: s.end_secs, plane: names(s.plane) })
                .collect(),
            utterances: self
                .script
                .utterances
                .iter()
                .map(|u| TrueUtterance::of(&self.script, u, u.visit.map(plane_of)))
                .collect(),
            voices_behind: self
                .script
                .behind
                .iter()
                .map(|u| TrueUtterance::of(&self.script, u, None))
                .collect(),
            centre_track: self.centres.clone(),
        }
    }
}

fn rounded(sample: GazeSample) -> GazeSample {
    // a hundred-thousandth of the frame is far below the tracker's noise
    let share = |v: f32| (v * 1e5).round() / 1e5;
    GazeSample { time_secs: round_secs(sample.time_secs), x: share(sample.x), y: share(sample.y), ..sample }
}

fn centre_track(source: &GazeSource<'_>) -> Vec<TrueCentre> {
    let at = |visit: &PlaneVisit, time_secs: f64| {
        let Vec2 { x, y } = source.centre_of(visit, time_secs);
        TrueCentre { time_secs: round_secs(time_secs), x, y }
    };
    source
        .visits
        .iter()
        .flat_map(|visit| {
            let first = (visit.start_secs * CENTRE_RATE_HZ).ceil() as u64;
            (first..)
                .map(|i| i as f64 / CENTRE_RATE_HZ)
                .take_while(|&time_secs| time_secs < visit.end_secs)
                .map(move |time_secs| at(visit, time_secs))
        })
        .collect()
}
/// What the file of a recording holds: the picture of the config, and sound.
pub(crate) fn format_of(config: &SimulateConfig) -> RecordingFormat {
    RecordingFormat {
        width: config.video.width,
        height: config.video.height,
        frame_rate: FrameRate::whole(config.video.fps),
        sample_rate_hz: Some(SAMPLE_RATE_HZ),
    }
}
