//! One cell: what it was made with, whether that is what is asked for now, and how it is made.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::Device;
use serde_json::{Value, json};
use sonovox_alignment::AlignmentConfig;
use sonovox_artifact::{ArtifactError, OnExisting, sha256_file};
use sonovox_downstream::{EncoderChoice, FinetuneRequest, Summary, gaze, planes, probe};
use sonovox_pretrain::PretrainConfig;
use sonovox_report::{Cell, Kind, Narration, RANDOM};
use sonovox_study::SplitConfig;

use super::baselines::{Baseline, Baselines};
use super::data::Data;
use super::methods::Found;
use super::queue::{Maker, State};
use super::watch::{Quiet, Watch};
use crate::args::Compare;
use crate::recipe::Recipe;

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

    /// Whether `error` comes of a run of other settings, which nobody can go on with.
    fn is_in_the_way(&self, cell: &Cell, error: &anyhow::Error) -> Result<bool> {
        Ok(match super::super::artifact_fault(error) {
            Some(ArtifactError::OtherRun { .. }) => true,
            // or of one that lacks what does not stand in its settings
            Some(ArtifactError::AlreadyFinished { .. }) => matches!(self.state(cell)?, State::Stale { .. }),
            _ => false,
        })
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
                    over_epochs: self.has_snapshots(cell)?,
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
        clips: &'r Path,
        encoder: &'r EncoderChoice,
        out: &'r Path,
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

    /// What a cell is made from, by stage, with its hash; `None` where it is not there.
    fn inputs(&self, cell: &Cell, encoder: &EncoderChoice) -> Result<Vec<(String, Option<String>)>> {
        let heard = if cell.kind == Kind::Pretrain { cell.narration } else { Narration::Matched };
        let mut inputs = vec![("clips".to_owned(), self.hash(&self.data.clips(heard))?)];
        match encoder {
            _ if cell.kind == Kind::Pretrain => {
                let published = &self.method(cell).published;
                inputs.extend(published.iter().map(|input| (input.stage.clone(), Some(input.hash.clone()))));
            }
            EncoderChoice::Random => {}
            EncoderChoice::ImageNet(_) => {
                let baseline = self.baseline(cell).expect("a file is a baseline's");
                inputs.push(("imagenet".to_owned(), Some(baseline.file.hash.clone())));
            }
            EncoderChoice::Pretrained(path) => inputs.push(("pretrain".to_owned(), self.hash(path)?)),
        }
        let truth = self.data.truth();
        if cell.kind == Kind::Alignment && truth.is_file() {
            inputs.push(("truth".to_owned(), Some(sha256_file(&truth)?)));
        }
        Ok(inputs)
    }

    /// Whether the pretraining of an alignment cell kept the weights of its epochs.
    fn has_snapshots(&self, cell: &Cell) -> Result<bool> {
        Ok(!sonovox_train::snapshots::list(&self.path(&cell.with(Kind::Pretrain)))?.is_empty())
    }

    /// Whether a finished alignment cell looked at the weights of every epoch.
    fn is_over_epochs(&self, cell: &Cell) -> Result<bool> {
        let metrics = json_file(&self.path(cell).join("metrics.json"))?;
        Ok(metrics
            .is_some_and(|metrics| metrics["over_epochs"].as_array().is_some_and(|all| !all.is_empty())))
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

    fn manifest(&self, artifact: &Path) -> Result<Option<Value>> {
        json_file(&artifact.join("manifest.json"))
    }

    /// The hash of a finished artifact.
    fn hash(&self, artifact: &Path) -> Result<Option<String>> {
        let Some(manifest) = self.manifest(artifact)? else { return Ok(None) };
        let manifest: sonovox_artifact::Manifest = serde_json::from_value(manifest)
            .with_context(|| artifact.join("manifest.json").display().to_string())?;
        Ok(Some(manifest.hash()))
    }

    /// Refuses a recipe, or a method of it, in which the random encoder is another net than the pretrained ones.
    pub fn check(&self) -> Result<()> {
        let recipe = self.recipe;
        let of = |name: &str, net| (name.to_owned(), net);
        let mut nets =
            vec![of("planes.encoder", recipe.planes.encoder), of("probe.encoder", recipe.probe.encoder)];
        nets.extend(recipe.compare.gaze.then(|| of("gaze.encoder", recipe.gaze.encoder)));
        for method in self.methods {
            nets.push((format!("pretrain.encoder of {}", method.method.name), method.pretrain.encoder));
        }
        let expected = recipe.pretrain.encoder;
        if let Some((setting, found)) = nets.into_iter().find(|(_, net)| *net != expected) {
            bail!(
                "{setting} must be the net of the random encoder and of all others: expected {} (pretrain.encoder), found {}",
                word(expected),
                word(found)
            );
        }
        Ok(())
    }
}

impl Maker for Bench<'_> {
    fn path(&self, cell: &Cell) -> PathBuf {
        cell.path(&self.args.out)
    }

    fn needs(&self, cell: &Cell, other: &Cell) -> bool {
        other.kind == Kind::Pretrain && cell.kind != Kind::Pretrain && *other == cell.with(Kind::Pretrain)
    }

    /// Settings, seed, clips and encoder are compared with those that are asked for; what they
    /// made is not read. What is made of a pretraining is no nearer to what is asked for than that is.
    fn state(&self, cell: &Cell) -> Result<State> {
        let encoder = self.encoder(cell);
        if cell.kind != Kind::Pretrain && matches!(encoder, EncoderChoice::Pretrained(_)) {
            match self.state(&cell.with(Kind::Pretrain))? {
                State::Done { .. } => {}
                State::Stale { .. } => return Ok(State::Stale { why: "pretrain".to_owned() }),
                State::Missing => return Ok(State::Missing),
            }
        }
        let Some(manifest) = self.manifest(&self.path(cell))? else { return Ok(State::Missing) };
        let expected = self.config(cell);
        for (key, value) in expected.as_object().into_iter().flatten() {
            if again(key, &manifest["config"][key]).as_ref() != Some(value) {
                return Ok(State::Stale { why: format!("[{key}]") });
            }
        }
        if cell.kind != Kind::Alignment && manifest["seed"] != json!(cell.seed) {
            return Ok(State::Stale { why: "seed".to_owned() });
        }
        for (stage, now) in self.inputs(cell, &encoder)? {
            let then =
                manifest["inputs"].as_array().into_iter().flatten().find(|input| input["stage"] == stage);
            if now.is_none_or(|now| then.is_none_or(|then| then["hash"] != json!(now))) {
                return Ok(State::Stale { why: stage });
            }
        }
        if cell.kind == Kind::Alignment && self.has_snapshots(cell)? && !self.is_over_epochs(cell)? {
            return Ok(State::Stale { why: "without its epochs".to_owned() });
        }
        Ok(State::Done { wall_secs: manifest["run"]["wall_secs"].as_f64().unwrap_or(0.0) })
    }

    fn make(&self, cell: &Cell, watch: &Watch) -> Result<bool> {
        let out = self.path(cell);
        if let Some(parent) = out.parent() {
            std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        // gone on with where that can be, even where it is to replace a cell of other settings
        match self.make_with(cell, out.clone(), OnExisting::Resume, watch) {
            Err(error) if self.args.common.overwrite && self.is_in_the_way(cell, &error)? => {
                self.make_with(cell, out, OnExisting::Overwrite, watch)
            }
            ended => ended,
        }
    }
}

/// As a recipe names it.
pub fn word(net: impl serde::Serialize) -> String {
    serde_json::to_value(net).expect("a word").as_str().unwrap_or_default().to_owned()
}

/// A JSON file; `None` where it is not there.
fn json_file(path: &Path) -> Result<Option<Value>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let value = serde_json::from_slice(&text);
    value.map(Some).with_context(|| format!("{}: expected JSON", path.display()))
}

/// A section of a manifest as a program of today writes it: a key that came with a later program has its default in an older one.
fn again(section: &str, found: &Value) -> Option<Value> {
    fn of<C: serde::de::DeserializeOwned + serde::Serialize>(found: &Value) -> Option<Value> {
        serde_json::to_value(serde_json::from_value::<C>(found.clone()).ok()?).ok()
    }
    match section {
        "split" => of::<SplitConfig>(found),
        "pretrain" => of::<PretrainConfig>(found),
        "alignment" => of::<AlignmentConfig>(found),
        "planes" => of::<planes::PlanesConfig>(found),
        "probe" => of::<probe::ProbeConfig>(found),
        "gaze" => of::<gaze::GazeConfig>(found),
        _ => Some(found.clone()),
    }
}

fn finished<R>(summary: &Summary<R>) -> bool {
    matches!(summary, Summary::Finished { .. })
}
