//! Does speech tell its recording where it can tell nothing of the image? Watched on training recordings after every epoch.
//!
//! One frame is embedded of each of up to [`MOST`] recordings, and speech of the same recordings in which nothing is said of that
//! frame: windows of silent intervals, and voiced windows far away from it. Where such speech finds the frame of its own
//! recording more often than by chance, the networks have learned voice, room and machine (first-findings.md, 4).

use std::sync::Arc;

use candle_core::Device;
use rand::Rng;
use rand::seq::SliceRandom;
use sonovox_metrics::recall_at_k;
use sonovox_model::input;
use sonovox_ops::Mode;
use sonovox_train::TrainError;

use crate::library::{Library, Window};
use crate::networks::Networks;
use crate::objective::Objective;
use crate::sampler::{Fragment, Sampler, Stream};

/// Recordings that are looked at.
const MOST: usize = 64;
/// Fewer say nothing.
const LEAST: usize = 4;

/// What is looked at, the same after every epoch.
pub struct Shortcut {
    library: Arc<Library>,
    device: Device,
    silent: Vec<Probe>,
    unrelated: Vec<Probe>,
}

/// A frame, and speech of its recording that says nothing of it.
#[derive(Clone, Copy)]
struct Probe {
    recording: usize,
    frame: usize,
    secs: f64,
}

impl Shortcut {
    /// Draws the probes; intervals nearer than `neighbours` to the frame's are not unrelated.
    pub fn new(library: Arc<Library>, sampler: &Sampler, neighbours: usize, device: &Device) -> Self {
        let mut rng = sampler.rng(Stream::Probes, 0);
        let fragments: Vec<&Fragment> =
            sampler.fragments().iter().filter(|f| f.audible && !f.frames.is_empty()).collect();
        let mut recordings: Vec<&[&Fragment]> =
            fragments.chunk_by(|a, b| a.recording == b.recording).collect();
        recordings.shuffle(&mut rng);
        let (mut silent, mut unrelated) = (Vec::new(), Vec::new());
        for of_recording in recordings {
            let seen = of_recording[rng.random_range(0..of_recording.len())];
            let frame = rng.random_range(seen.frames.clone());
            let mut probe = |probes: &mut Vec<Probe>, fits: &dyn Fn(&Fragment) -> bool| {
                let heard: Vec<_> = of_recording.iter().filter(|f| fits(f)).collect();
                if !heard.is_empty() && probes.len() < MOST {
                    let heard = heard[rng.random_range(0..heard.len())];
                    let secs = (heard.start_secs + heard.end_secs) / 2.0;
                    probes.push(Probe { recording: seen.recording, frame, secs });
                }
            };
            probe(&mut silent, &|heard| heard.voiced_share == 0.0);
            let far = |heard: &Fragment| heard.index.abs_diff(seen.index) >= neighbours;
            probe(&mut unrelated, &|heard| heard.voiced && far(heard));
        }
        Self { library, device: device.clone(), silent, unrelated }
    }

    /// Recall of the recording among all that are looked at, from silent and from unrelated windows, each beside its chance
    /// level; nothing where fewer than four recordings have such windows.
    ///
    /// # Errors
    /// When a clip cannot be read or a tensor operation fails.
    pub fn values(
        &self,
        networks: &Networks,
        objective: &Objective,
    ) -> Result<Vec<(String, f64)>, TrainError> {
        let mut values = Vec::new();
        for (name, probes) in [("silent", &self.silent), ("unrelated", &self.unrelated)] {
            if probes.len() >= LEAST {
                let recall = self.recall(networks, objective, probes)?;
                values.push((format!("train_recording_recall_{name}"), recall));
                values.push((format!("chance_train_recording_recall_{name}"), 1.0 / probes.len() as f64));
                values.push((format!("train_recordings_{name}"), probes.len() as f64));
            }
        }
        Ok(values)
    }

    fn recall(
        &self,
        networks: &Networks,
        objective: &Objective,
        probes: &[Probe],
    ) -> Result<f64, TrainError> {
        let library = &self.library;
        let frames: Vec<_> = probes.iter().map(|probe| (probe.recording, probe.frame)).collect();
        let grey = library.frames(&frames).map_err(TrainError::task)?;
        let frames = input::frames(grey, library.height(), library.width(), &self.device)?;
        let window = |probe: &Probe| Window { recording: probe.recording, secs: probe.secs, speed: 1.0 };
        let windows: Vec<Window> = probes.iter().map(window).collect();
        let rows = library.speech(&windows).map_err(TrainError::task)?;
        let windows = input::speech(rows, library.time(), library.bands(), &self.device)?;
        let seen = networks.look(&[&frames], Mode::Eval)?.swap_remove(0);
        let video = objective.of_frames(networks, &seen)?;
        let heard = networks.hear(&windows, Mode::Eval)?;
        let speech = objective.of_speech(networks, &heard)?.unsqueeze(1)?;
        // speech asks: which of these frames is of my recording?
        let similarity = objective.similarity(networks, &video, &speech)?.t()?;
        let similarity: Vec<f32> = similarity.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1()?;
        Ok(recall_at_k(&similarity, probes.len(), 1))
    }
}
