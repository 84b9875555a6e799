//! The methods that are compared: recipes of `[pretrain]` laid over the comparison's own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sonovox_artifact::InputRef;
use sonovox_pretrain::PretrainConfig;
use sonovox_report::{IMAGENET, IMAGENET_RANDOM, Method, RANDOM};

use crate::args::Common;
use crate::recipe::Recipe;

/// A method with its recipe.
pub struct Found {
    /// What the plan knows of it.
    pub method: Method,
    /// How to pretrain.
    pub pretrain: PretrainConfig,
    /// Networks from files that it starts from or listens with.
    pub published: Vec<InputRef>,
}

/// The methods that the recipe names, in its order; all of its folder, by name, where it names none.
pub fn find(recipe: &Recipe, common: &Common) -> Result<Vec<Found>> {
    let dir = &recipe.compare.methods_dir;
    let names = if recipe.compare.methods.is_empty() { all_of(dir)? } else { recipe.compare.methods.clone() };
    let mut found = Vec::new();
    for name in names.into_iter().filter(|name| name != RANDOM) {
        if [IMAGENET, IMAGENET_RANDOM].contains(&name.as_str()) {
            bail!("compare.methods: {name} is a baseline, which compare.imagenet adds by itself");
        }
        let path = dir.join(format!("{name}.toml"));
        let mut common = common.clone();
        common.method.push(path.clone());
        let pretrain = Recipe::resolve(&common)?.pretrain;
        pretrain.validate().with_context(|| path.display().to_string())?;
        let method = Method::pretraining(name, hears(&pretrain), compares(&pretrain));
        let published = sonovox_pretrain::published_inputs(&pretrain)?;
        found.push(Found { method, pretrain, published });
    }
    if found.is_empty() {
        bail!("{}: expected recipes of methods, found none", dir.display());
    }
    Ok(found)
}

fn all_of(dir: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    let paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let is_recipe = |path: &&PathBuf| path.extension().is_some_and(|end| end == "toml");
    let name = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = paths.iter().filter(is_recipe).filter_map(name).collect();
    names.sort();
    Ok(names)
}

/// Whether a weighted loss sees speech.
fn hears(pretrain: &PretrainConfig) -> bool {
    pretrain.weights.hears()
}

/// Whether a weighted loss compares frames with speech.
fn compares(pretrain: &PretrainConfig) -> bool {
    pretrain.weights.compares()
}
