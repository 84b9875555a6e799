//! Pretraining as the engine sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use sonovox_ops::{Mode, ParamStore};
use sonovox_train::{Evaluation, Losses, Report, Task, TrainError};

use super::parts::Side;
use crate::alarms::Alarms;
use crate::batch::{Batch, Plan, Source};
use crate::clusters::Clusters;
use crate::evaluate::HeldOut;
use crate::networks::Networks;
use crate::objective::{Moment, Objective};
use crate::pacing::Pace;
use crate::published::Published;
use crate::sampler::Sampler;
use crate::shortcut::Shortcut;
use crate::{Curriculum, Phase, PretrainConfig, PretrainError};

/// Networks, losses, and where batches come from.
pub(super) struct Pretraining {
    networks: Networks,
    objective: Objective,
    source: Arc<Source>,
    held_out: HeldOut,
    /// `None` where no loss compares frames with speech.
    shortcut: Option<Shortcut>,
    pace: Pace,
    /// `None` where no loss has clusters for labels.
    clusters: Option<Clusters>,
    alarms: Alarms,
    steps_per_epoch: u64,
    curriculum: Curriculum,
    epochs: u32,
}

impl Pretraining {
    pub(super) fn new(
        config: &PretrainConfig,
        store: &ParamStore,
        seed: u64,
        train: Side,
        held_out: Side,
        published: Published,
        device: &Device,
    ) -> Result<Self, PretrainError> {
        let plan = Plan::new(config);
        // by the voiced intervals whatever the losses and the pacing, so that methods take the same number of steps
        let pass = match train.sampler.voiced_paired() {
            0 => train.sampler.ordered().div_ceil(config.order_intervals),
            voiced => voiced.div_ceil(config.voiced_intervals),
        };
        let (of_held_out, batches) = held_out_plan(config, &plan, &held_out.sampler);
        let objective = Objective::new(config);
        let steps_per_epoch = config.steps_per_epoch.unwrap_or(pass.max(1) as u64);
        let plan = plan.over(config.curriculum, steps_per_epoch * u64::from(config.run.epochs));
        let watch = || Shortcut::new(train.library.clone(), &train.sampler, config.pairs.neighbours, device);
        Ok(Self {
            networks: published.networks(config, store)?,
            objective,
            shortcut: config.weights.compares().then(watch),
            clusters: Clusters::new(config, train.sampler.fragments().len(), seed),
            pace: Pace::new(&config.pacing, train.sampler.fragments()),
            alarms: Alarms::new(config.smallest_temperature),
            source: Arc::new(train.source(plan, device)),
            held_out: HeldOut::new(held_out.source(of_held_out, device), batches, config.pairs.groups),
            steps_per_epoch,
            curriculum: config.curriculum,
            epochs: config.run.epochs,
        })
    }

    /// What the alarms of all epochs say.
    pub(super) fn alarms(&self) -> Vec<String> {
        self.alarms.summary()
    }

    /// Share of the run that is done after `steps`.
    fn progress(&self, steps: u64) -> f64 {
        steps as f64 / (self.steps_per_epoch * u64::from(self.epochs)) as f64
    }
}

/// How the held-out part is drawn, and how many batches of it: of distinct intervals where it has fewer than a training
/// batch.
fn held_out_plan(config: &PretrainConfig, plan: &Plan, sampler: &Sampler) -> (Plan, u64) {
    let paired = sampler.paired();
    let voiced = config.voiced_intervals.min(paired.max(1));
    let wanted = config.eval_pairs.div_ceil(voiced * config.pairs.groups);
    let intervals = if plan.intervals > 0 { voiced } else { 0 };
    let available = if plan.intervals > 0 { paired / voiced } else { wanted };
    (Plan { intervals, ..plan.clone().unchanged() }, wanted.min(available.max(1)) as u64)
}

impl Task for Pretraining {
    type Source = Source;

    fn source(&self) -> Arc<Source> {
        self.source.clone()
    }

    fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    fn losses(&mut self, batch: Batch) -> Result<Losses, TrainError> {
        let progress = self.progress(batch.step);
        let intervals = batch.pairs.as_ref().map_or(&[][..], |pairs| &pairs.intervals);
        let weights = self.pace.weights(intervals, progress);
        let clusters = match &mut self.clusters {
            None => None,
            Some(clusters) => {
                clusters.renew(progress, &self.networks, &self.source)?;
                clusters.targets(intervals, self.source.sampler().by_recording(), progress)
            }
        };
        let moment =
            Moment { mode: Mode::Train, progress, weights: weights.as_deref(), clusters: clusters.as_ref() };
        let mut computed = self.objective.losses(&self.networks, &batch, moment)?;
        if let Some(z) = &computed.embeddings {
            self.pace.learn(intervals, &z.cosines);
        }
        if let Some(weights) = weights.filter(|weights| !weights.is_empty()) {
            computed.parts.push(("pace_weight", weights.iter().sum::<f64>() / weights.len() as f64));
        }
        Ok(Losses { total: computed.total, parts: computed.parts })
    }

    fn evaluate(&mut self, epoch: u32) -> Result<Evaluation, TrainError> {
        let mut found = self.held_out.evaluate(&self.networks, &self.objective)?;
        // no choice among networks of which one stream is not trained yet
        let trained = self.progress((u64::from(epoch) + 1) * self.steps_per_epoch);
        if self.curriculum.phase(trained) != Phase::Joint {
            found.score = None;
        }
        if let Some(shortcut) = &self.shortcut {
            found.values.extend(shortcut.values(&self.networks, &self.objective)?);
        }
        Ok(found)
    }

    fn report(&mut self, epoch: u32, train: &[(String, f64)], held_out: &Evaluation) -> Vec<Report> {
        let mut reports = Vec::new();
        if self.pace.is_graded() {
            let done = (u64::from(epoch) + 1) * self.steps_per_epoch;
            reports.push(("pacing", self.pace.report(self.progress(done))));
        }
        if let Some(clusters) = &self.clusters {
            reports.push(("clusters", clusters.report(self.source.sampler().by_recording())));
        }
        let raised = self.alarms.look(train, &held_out.values);
        if !raised.is_empty() {
            reports.push(("alarm", raised));
        }
        reports
    }

    fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let mut state = self.alarms.state()?;
        state.extend(self.pace.state()?);
        if let Some(clusters) = &self.clusters {
            state.extend(clusters.state()?);
        }
        Ok(state)
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        self.alarms.load_state(state)?;
        self.pace.load_state(state)?;
        self.clusters.as_mut().map_or(Ok(()), |clusters| clusters.load_state(state))
    }
}
