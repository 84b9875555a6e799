//! One cell: what it was made with, whether that is what is asked for now, and how it is made.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use candle_core::Device;
use serde_json::{Value, json};
use sonovox_artifact::OnExisting;
use sonovox_downstream::{EncoderChoice, FinetuneRequest, Summary, gaze, planes, probe};
use sonovox_pretrain::PretrainConfig;
use sonovox_report::{Cell, Kind, Narration, RANDOM};
use sonovox_study::SplitConfig;

use super::baselines::{Baseline, Baselines};
use super::data::Data;
use super::methods::Found;
use super::watch::{Quiet, Watch};
use crate::args::Compare;
use crate::recipe::Recipe;

/// What is at a cell's place.
pub enum State {
    /// The artifact that is asked for; it took this long, as far as its last session goes.
    Done {
        /// Wall time in seconds.
        wall_secs: f64,
    },
    /// An artifact of other settings.
    Stale {
        /// What differs.
        why: String,
    },
    /// Nothing, or an unfinished run.
    Missing,
}

/// All that cells are made of.
#[derive(Clone)]
pub struct Bench<'a> {
    args: &'a Compare,
    recipe: &'a Recipe,
    methods: &'a [Found],
    baselines: &'a Baselines,
    data: &'a Data,
    device: Device,
}

impl<'a> Bench<'a> {
    /// A bench on the CPU.
    pub fn new(
        args: &'a Compare,
        recipe: &'a Recipe,
        methods: &'a [Found],
        baselines: &'a Baselines,
        data: &'a Data,
    ) -> Self {
        Self { args, recipe, methods, baselines, data, device: Device::Cpu }
    }

    /// The same on another device.
    pub fn on(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// Studies and clips.
    pub fn data(&self) -> &Data {
        self.data
    }

    /// What the page says of the baselines.
    pub fn baselines_note(&self) -> &str {
        &self.baselines.note
    }

    /// Where a cell lies.
    pub fn path(&self, cell: &Cell) -> PathBuf {
        cell.path(&self.args.out)
    }

    /// Whether `cell` is made from what `other` leaves.
    pub fn needs(&self, cell: &Cell, other: &Cell) -> bool {
        other.kind == Kind::Pretrain && cell.kind != Kind::Pretrain && *other == cell.with(Kind::Pretrain)
    }

    /// What is at the cell's place. Settings, seed, clips and encoder are compared with those that are asked for; what they
    /// made is not read.
    pub fn state(&self, cell: &Cell) -> Result<State> {
        let Some(manifest) = self.manifest(&self.path(cell)) else { return Ok(State::Missing) };
        let expected = self.config(cell);
        for (key, value) in expected.as_object().into_iter().flatten() {
            if again(key, &manifest["config"][key]).as_ref() != Some(value) {
                return Ok(State::Stale { why: format!("[{key}]") });
            }
        }
        if cell.kind != Kind::Alignment && manifest["seed"] != json!(cell.seed) {
            return Ok(State::Stale { why: "seed".to_owned() });
        }
        for (stage, path) in self.inputs(cell) {
            let now = self.hash(&path)?;
            let then =
                manifest["inputs"].as_array().into_iter().flatten().find(|input| input["stage"] == stage);
            if now.is_none_or(|now| then.is_none_or(|then| then["hash"] != json!(now))) {
                return Ok(State::Stale { why: stage.to_owned() });
            }
        }
        Ok(State::Done { wall_secs: manifest["run"]["wall_secs"].as_f64().unwrap_or(0.0) })
    }

    /// Makes a cell; false where it was stopped at a checkpoint.
    pub fn make(&self, cell: &Cell, watch: &Watch) -> Result<bool> {
        let out = self.path(cell);
        if let Some(parent) = out.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let stale = matches!(self.state(cell)?, State::Stale { .. });
        let existing = if stale { OnExisting::Overwrite } else { OnExisting::Resume };
        match self.make_with(cell, out.clone(), existing, watch) {
            // an unfinished run of other settings: nobody can go on with it
            Err(error) if self.args.common.overwrite && is_of_other_settings(&error) => {
                self.make_with(cell, out, OnExisting::Overwrite, watch)
            }
            ended => ended,
        }
    }

    fn make_with(&self, cell: &Cell, out: PathBuf, existing: OnExisting, watch: &Watch) -> Result<bool> {
        let split = self.split(cell);
        let clips =
            self.data.clips(if cell.kind == Kind::Pretrain { cell.narration } else { Narration::Matched });
        let encoder = self.encoder(cell);
        let mut quiet = Quiet(watch);
        match cell.kind {
            Kind::Pretrain => {
                let request = sonovox_pretrain::Request {
                    clips: &clips,
                    out: &out,
                    config: &self.method(cell).pretrain,
                    split: &split,
                    seed: cell.seed,
                    device: self.device.clone(),
                    existing,
                    snapshots: self.recipe.compare.snapshots
                        && self.recipe.compare.curves.contains(&cell.method),
                };
                let summary = sonovox_pretrain::run(&request, &mut quiet)?;
                Ok(matches!(summary, sonovox_pretrain::Summary::Finished { .. }))
            }
            Kind::Alignment => {
                let EncoderChoice::Pretrained(encoder) = &encoder else {
                    unreachable!("a pretrained encoder")
                };
                let truth = self.data.truth();
                sonovox_alignment::evaluate(&sonovox_alignment::Request {
                    encoder,
                    clips: &clips,
                    truth: truth.is_file().then_some(truth.as_path()),
                    out: &out,
                    config: &self.recipe.alignment,
                    split: &split,
                    device: self.device.clone(),
                    existing,
                    over_epochs: !sonovox_train::snapshots::list(encoder)?.is_empty(),
                })?;
                Ok(true)
            }
            Kind::Probe => {
                let config = self.probe(cell);
                let request = self.finetune(&clips, &encoder, &out, &config, &split, cell, existing);
                Ok(finished(&probe::probe(&request)?))
            }
            Kind::Planes(share) => {
                let config = self.planes(cell, share);
                let request = self.finetune(&clips, &encoder, &out, &config, &split, cell, existing);
                Ok(finished(&planes::finetune(&request, &mut quiet)?))
            }
            Kind::Gaze => {
                let config = self.gaze(cell);
                let request = self.finetune(&clips, &encoder, &out, &config, &split, cell, existing);
                Ok(finished(&gaze::finetune(&request, &mut quiet)?))
            }
        }
    }

    fn finetune<'r, C>(
        &self,
        clips: &'r std::path::Path,
        encoder: &'r EncoderChoice,
        out: &'r std::path::Path,
        config: &'r C,
        split: &'r SplitConfig,
        cell: &Cell,
        existing: OnExisting,
    ) -> FinetuneRequest<'r, C> {
        FinetuneRequest {
            clips,
            encoder,
            out,
            config,
            split,
            seed: cell.seed,
            device: self.device.clone(),
            existing,
        }
    }

    /// The sections that a cell's manifest keeps.
    fn config(&self, cell: &Cell) -> Value {
        let split = self.split(cell);
        match cell.kind {
            Kind::Pretrain => json!({"pretrain": self.method(cell).pretrain, "split": split}),
            Kind::Alignment => json!({"alignment": self.recipe.alignment, "split": split}),
            Kind::Probe => json!({"probe": self.probe(cell), "split": split}),
            Kind::Planes(share) => json!({"planes": self.planes(cell, share), "split": split}),
            Kind::Gaze => json!({"gaze": self.gaze(cell), "split": split}),
        }
    }

    /// Artifacts that a cell is made from, by stage.
    fn inputs(&self, cell: &Cell) -> Vec<(&'static str, PathBuf)> {
        let clips = |narration| ("clips", self.data.clips(narration));
        match (cell.kind, self.encoder(cell)) {
            (Kind::Pretrain, _) => vec![clips(cell.narration)],
            (_, EncoderChoice::Random) => vec![clips(Narration::Matched)],
            (_, EncoderChoice::ImageNet(path)) => vec![clips(Narration::Matched), ("imagenet", path)],
            (_, EncoderChoice::Pretrained(path)) => vec![clips(Narration::Matched), ("pretrain", path)],
        }
    }

    fn encoder(&self, cell: &Cell) -> EncoderChoice {
        if cell.method == RANDOM {
            return EncoderChoice::Random;
        }
        if let Some(baseline) = self.baseline(cell) {
            return baseline.encoder.clone();
        }
        EncoderChoice::Pretrained(self.path(&cell.with(Kind::Pretrain)))
    }

    /// The baseline that a cell is of, where it has a network of its own.
    fn baseline(&self, cell: &Cell) -> Option<&Baseline> {
        self.baselines.all.iter().find(|baseline| baseline.method.name == cell.method)
    }

    fn method(&self, cell: &Cell) -> &Found {
        let found = self.methods.iter().find(|found| found.method.name == cell.method);
        found.expect("a cell of the plan")
    }

    fn split(&self, cell: &Cell) -> SplitConfig {
        let fold = if self.recipe.split.folds == 0 { self.recipe.split.fold } else { cell.fold };
        SplitConfig { fold, ..self.recipe.split }
    }

    fn planes(&self, cell: &Cell, label_share: f64) -> planes::PlanesConfig {
        let mut config = planes::PlanesConfig { label_share, ..self.recipe.planes.clone() };
        if let Some(baseline) = self.baseline(cell) {
            config.encoder = baseline.file.preset;
        }
        config
    }

    fn probe(&self, cell: &Cell) -> probe::ProbeConfig {
        let label_shares = self.recipe.compare.label_shares.clone();
        let mut config = probe::ProbeConfig { label_shares, ..self.recipe.probe.clone() };
        if let Some(baseline) = self.baseline(cell) {
            config.encoder = baseline.file.preset;
        }
        config
    }

    fn gaze(&self, cell: &Cell) -> gaze::GazeConfig {
        let mut config = self.recipe.gaze.clone();
        if let Some(baseline) = self.baseline(cell) {
            config.encoder = baseline.file.preset;
        }
        config
    }

    fn manifest(&self, artifact: &std::path::Path) -> Option<Value> {
        let text = std::fs::read(artifact.join("manifest.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The hash of a finished artifact, or of a baseline's file.
    fn hash(&self, artifact: &std::path::Path) -> Result<Option<String>> {
        let is_here =
            |choice: &EncoderChoice| matches!(choice, EncoderChoice::ImageNet(file) if file == artifact);
        if let Some(baseline) = self.baselines.all.iter().find(|baseline| is_here(&baseline.encoder)) {
            return Ok(Some(baseline.file.hash.clone()));
        }
        let Some(manifest) = self.manifest(artifact) else { return Ok(None) };
        let manifest: sonovox_artifact::Manifest = serde_json::from_value(manifest)?;
        Ok(Some(manifest.hash()))
    }

    /// Refuses a recipe in which the random encoder is another net than the pretrained ones.
    pub fn check(&self) -> Result<()> {
        let recipe = self.recipe;
        let gaze = recipe.compare.gaze.then_some(recipe.gaze.encoder);
        let nets: Vec<_> = [recipe.planes.encoder, recipe.probe.encoder].into_iter().chain(gaze).collect();
        ensure!(
            nets.iter().all(|net| *net == recipe.pretrain.encoder),
            "the random encoder must be the net of the pretrained ones: expected planes.encoder, gaze.encoder and \
             probe.encoder to be pretrain.encoder"
        );
        Ok(())
    }
}

/// A section of a manifest as a program of today writes it: a key that came with a later program has its default in an older one.
fn again(section: &str, found: &Value) -> Option<Value> {
    fn of<C: serde::de::DeserializeOwned + serde::Serialize>(found: &Value) -> Option<Value> {
        serde_json::to_value(serde_json::from_value::<C>(found.clone()).ok()?).ok()
    }
    match section {
        "pretrain" => of::<PretrainConfig>(found),
        "planes" => of::<planes::PlanesConfig>(found),
        "probe" => of::<probe::ProbeConfig>(found),
        "gaze" => of::<gaze::GazeConfig>(found),
        _ => Some(found.clone()),
    }
}

fn finished<R>(summary: &Summary<R>) -> bool {
    matches!(summary, Summary::Finished { .. })
}

fn is_of_other_settings(error: &anyhow::Error) -> bool {
    matches!(super::super::artifact_fault(error), Some(sonovox_artifact::ArtifactError::OtherRun { .. }))
}
