//! Recipes: one TOML file to an experiment, a section to a stage.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sonovox_alignment::AlignmentConfig;
use sonovox_downstream::{gaze::GazeConfig, planes::PlanesConfig, probe::ProbeConfig};
use sonovox_pretrain::PretrainConfig;
use sonovox_report::CompareConfig;
use sonovox_study::SplitConfig;

use crate::args::{Common, Turn};

#[cfg(feature = "media")]
use {sonovox_preprocess::PreprocessConfig, sonovox_simulate::SimulateConfig};

/// Sections of stages that this build leaves out are passed over.
#[cfg(not(feature = "media"))]
type PreprocessConfig = toml::Table;
#[cfg(not(feature = "media"))]
type SimulateConfig = toml::Table;

/// A whole experiment; every key has a default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Seed of everything random.
    pub seed: u64,
    /// Which subjects are held out, for all stages alike.
    pub split: SplitConfig,
    /// Stage 0.
    pub simulate: SimulateConfig,
    /// Stage 1.
    pub preprocess: PreprocessConfig,
    /// Stage 2.
    pub pretrain: PretrainConfig,
    /// Evaluation of stage 2.
    pub alignment: AlignmentConfig,
    /// Stage 3.
    pub planes: PlanesConfig,
    /// Stage 3 without training.
    pub probe: ProbeConfig,
    /// Stage 4.
    pub gaze: GazeConfig,
    /// The comparison of methods.
    pub compare: CompareConfig,
}

impl Recipe {
    /// The recipe that the command line asks for: the file, then every `--method` in order, then `--set`, then `--seed`.
    pub fn resolve(common: &Common) -> Result<Self> {
        let mut table = toml::Table::try_from(Self::default()).context("the default recipe")?;
        if let Some(simulate) = table.get_mut("simulate").and_then(toml::Value::as_table_mut) {
            simulate.remove("seed");
        }
        if let Some(path) = &common.recipe {
            merge(&mut table, read(path)?);
        }
        for path in &common.method {
            merge(&mut table, read_method(path)?);
        }
        for assignment in &common.set {
            merge(&mut table, parse_assignment(assignment)?);
        }
        if let Some(seed) = common.seed {
            table.insert("seed".to_owned(), toml::Value::try_from(seed).context("--seed")?);
        }
        share_seed(&mut table);
        let recipe: Self = match table.try_into() {
            Ok(recipe) => recipe,
            Err(error) => bail!("{}: {}", origin(common), error.to_string().trim_end()),
        };
        Ok(recipe)
    }

    /// The recipe for the turn of its cross-validation that the command line asks for.
    pub fn with_turn(mut self, turn: &Turn) -> Result<Self> {
        let Some(fold) = turn.fold else { return Ok(self) };
        // without folds, `--fold 0` would otherwise quietly train on another split than was meant
        if self.split.folds == 0 {
            bail!(
                "--fold {fold}: expected a recipe with split.folds (or --set split.folds=3), found folds = 0"
            );
        }
        self.split.fold = fold;
        Ok(self)
    }
}

/// The simulation has a seed of its own, so that one study can be trained on with several seeds; where nobody gave
/// it one, it has the recipe's.
fn share_seed(table: &mut toml::Table) {
    let seed = table.get("seed").cloned().unwrap_or(toml::Value::Integer(0));
    let simulate = table.entry("simulate").or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(simulate) = simulate.as_table_mut() {
        simulate.entry("seed").or_insert(seed);
    }
}

fn origin(common: &Common) -> String {
    let file = common.recipe.as_ref().map_or_else(|| "recipe".to_owned(), |path| path.display().to_string());
    let methods = common.method.iter().map(|path| format!("--method {}", path.display()));
    let set = common.set.iter().map(|assignment| format!("--set {assignment}"));
    let over: Vec<String> = methods.chain(set).collect();
    if over.is_empty() { file } else { format!("{file} with {}", over.join(" ")) }
}

fn read(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    match toml::from_str(&text) {
        Ok(table) => Ok(table),
        Err(error) => bail!("{}: {}", path.display(), error.to_string().trim_end()),
    }
}

/// A method says how to pretrain and nothing else: with a seed, a split or a study of its own it could not be compared.
fn read_method(path: &Path) -> Result<toml::Table> {
    let table = read(path)?;
    if let Some(key) = table.keys().find(|key| *key != "pretrain") {
        bail!("{}: a method has a [pretrain] section and nothing else, found `{key}`", path.display());
    }
    Ok(table)
}

/// Lays `over` on `table`, section by section, so that a recipe says only what differs from the defaults. A section
/// of another `kind` (an optimiser, a schedule) replaces the old one whole: their keys are not the same.
fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new))
                if new.get("kind").is_none_or(|kind| old.get("kind") == Some(kind)) =>
            {
                merge(old, new);
            }
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// `a.b.c=value` as a table; a value that is no TOML is a string.
fn parse_assignment(assignment: &str) -> Result<toml::Table> {
    let Some((key, value)) = assignment.split_once('=') else {
        bail!("--set {assignment}: expected KEY=VALUE, as in pretrain.run.epochs=5");
    };
    let table = toml::from_str(&format!("{key} = {value}"))
        .or_else(|_| toml::from_str(&format!("{key} = {}", toml::Value::String(value.to_owned()))));
    table.with_context(|| format!("--set {assignment}: expected KEY=VALUE, as in pretrain.run.epochs=5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(recipe: Option<&str>, set: &[&str]) -> Common {
        Common {
            recipe: recipe.map(Into::into),
            method: Vec::new(),
            set: set.iter().map(ToString::to_string).collect(),
            seed: None,
            overwrite: false,
            resume: false,
        }
    }

    #[test]
    fn set_overrides_one_key_and_keeps_the_others() {
        let set = ["pretrain.run.epochs=3", "pretrain.contrastive=paper", "pretrain.run.schedule.warmup=0.2"];
        let recipe = Recipe::resolve(&common(None, &set));
        let recipe = recipe.expect("the keys exist");
        assert_eq!(recipe.pretrain.run.epochs, 3);
        assert_eq!(recipe.pretrain.contrastive, sonovox_pretrain::Contrastive::Paper);
        assert_eq!(recipe.pretrain.pairs, PretrainConfig::default().pairs);
        assert_eq!(recipe.pretrain.run.schedule, sonovox_train::Schedule::Cosine { warmup: 0.2, floor: 0.0 });
    }

    fn with_methods(recipe: &str, methods: &[&str], set: &[&str]) -> Result<Recipe> {
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/recipes");
        let of = |name: &&str| recipes.join("methods").join(name);
        let method = methods.iter().map(of).collect();
        let path = recipes.join(recipe);
        Recipe::resolve(&Common { method, ..common(path.to_str(), set) })
    }

    #[test]
    fn a_method_is_laid_over_a_recipe_and_set_over_both() {
        let recipe =
            with_methods("study.toml", &["order.toml"], &["pretrain.weights.affine=0.5"]).expect("recipe");
        let study = with_methods("study.toml", &[], &[]).expect("recipe");
        let weights = &recipe.pretrain.weights;
        assert_eq!((weights.cls, weights.cont, weights.ord, weights.affine), (0.0, 0.0, 1.0, 0.5));
        assert_eq!(recipe.pretrain.run, study.pretrain.run);
        assert_eq!((recipe.seed, &recipe.split), (study.seed, &study.split));
        let twice = with_methods("study.toml", &["order.toml", "order-affine.toml"], &[]).expect("recipe");
        assert_eq!((twice.pretrain.weights.ord, twice.pretrain.weights.affine), (1.0, 1.0));
    }

    #[test]
    fn a_method_that_is_more_than_pretraining_is_refused() {
        let said = with_methods("study.toml", &["../tiny.toml"], &[]).expect_err("refused").to_string();
        assert!(said.contains("tiny.toml") && said.contains("nothing else"), "{said}");
    }

    #[test]
    fn ours_with_graded_pacing_is_ours_but_for_the_pacing() {
        let of = |method| with_methods("compare.toml", &[method], &[]).expect("recipe").pretrain;
        let (ours, graded) = (of("ours.toml"), of("ours-graded.toml"));
        assert_ne!(ours.pacing, graded.pacing);
        assert_eq!(PretrainConfig { pacing: ours.pacing.clone(), ..graded }, ours);
    }

    /// A method changes nothing of what makes a comparison fair: network, optimiser, number of steps.
    #[test]
    fn every_shipped_method_fits_every_study_and_changes_the_method_alone() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/recipes/methods");
        let mut seen = 0;
        for entry in std::fs::read_dir(dir).expect("methods") {
            let name = entry.expect("entry").file_name().into_string().expect("a name of ours");
            let comparisons = ["compare.toml", "compare-lung.toml", "compare-full.toml"];
            for study in
                ["default.toml", "study.toml", "demo.toml", "tiny.toml"].into_iter().chain(comparisons)
            {
                let plain = with_methods(study, &[], &[]).expect("recipe").pretrain;
                let recipe = with_methods(study, &[&name], &[]).expect("a method of ours").pretrain;
                recipe.validate().expect("settings");
                assert_eq!((recipe.encoder, recipe.run), (plain.encoder, plain.run), "{name}");
                assert_eq!(recipe.voiced_intervals, plain.voiced_intervals, "{name}");
                // where methods are compared they see as many pairs, too
                if comparisons.contains(&study) && recipe.weights.needs_pairs() {
                    assert_eq!(recipe.pairs.groups, plain.pairs.groups, "{name} on {study}");
                }
            }
            seen += 1;
        }
        assert_eq!(seen, 11);
    }

    /// A rate that is to fall after the run is over never falls.
    #[test]
    fn every_shipped_schedule_ends_within_its_run() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/recipes");
        for entry in std::fs::read_dir(dir).expect("recipes") {
            let path = entry.expect("entry").path();
            if path.is_file() {
                let recipe = Recipe::resolve(&common(path.to_str(), &[])).expect("a recipe of ours");
                for run in [&recipe.pretrain.run, &recipe.planes.run, &recipe.gaze.run] {
                    if let sonovox_train::Schedule::Step { epochs, .. } = &run.schedule {
                        assert!(epochs.iter().all(|at| *at < run.epochs), "{}: {epochs:?}", path.display());
                    }
                }
            }
        }
    }

    #[test]
    fn the_fold_of_the_command_line_needs_folds() {
        let folded =
            || Recipe::resolve(&common(None, &["split.folds=3", "split.fold=2"])).expect("the keys exist");
        let fold_at = |fold| folded().with_turn(&Turn { fold }).expect("folds").split.fold;
        assert_eq!((fold_at(None), fold_at(Some(1))), (2, 1));
        let plain = Recipe::resolve(&common(None, &[])).expect("the defaults");
        let said = plain.with_turn(&Turn { fold: Some(0) }).expect_err("refused").to_string();
        assert!(said.contains("--fold 0") && said.contains("split.folds"), "{said}");
    }

    #[test]
    fn another_kind_replaces_the_section() {
        let set = ["pretrain.run.schedule={kind=\"step\", epochs=[1], factor=0.1}"];
        let recipe = Recipe::resolve(&common(None, &set)).expect("a whole section");
        let step = sonovox_train::Schedule::Step { epochs: vec![1], factor: 0.1 };
        assert_eq!(recipe.pretrain.run.schedule, step);
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        for (set, named) in
            [("pretrain.epoch=3", "epoch"), ("pertrain.epochs=3", "pertrain"), ("seed.x=1", "seed")]
        {
            let error = Recipe::resolve(&common(None, &[set])).expect_err("refused").to_string();
            assert!(error.contains(named), "{error}");
        }
        assert!(Recipe::resolve(&common(None, &["nothing"])).is_err());
        let error = Recipe::resolve(&common(Some("no/such.toml"), &[])).expect_err("refused");
        assert!(format!("{error:#}").contains("no/such.toml"), "{error:#}");
    }

    #[test]
    fn the_default_recipe_spells_out_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/recipes/default.toml");
        let shipped = std::fs::read_to_string(&path).expect("a recipe of ours");
        let keys = shipped.split_once("\n\n").expect("a comment, then the keys").1;
        let defaults = Recipe::resolve(&common(None, &[])).expect("the defaults");
        assert_eq!(keys, toml::to_string(&defaults).expect("plain data"), "`sonovox recipe` writes it anew");
    }

    #[test]
    fn every_shipped_recipe_is_understood() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/recipes");
        let mut seen = 0;
        for entry in std::fs::read_dir(dir).expect("recipes") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                continue;
            }
            let recipe = Recipe::resolve(&common(path.to_str(), &[])).expect("a recipe of ours");
            #[cfg(feature = "media")]
            recipe.simulate.check().expect("its study can be made");
            #[cfg(not(feature = "media"))]
            drop(recipe);
            seen += 1;
        }
        assert!(seen >= 3, "{seen} recipes");
    }
}
