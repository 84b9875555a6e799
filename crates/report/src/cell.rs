//! The cells of the comparison: what there is to run, and where each lies.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::CompareConfig;

/// Name of the method without pretraining.
pub const RANDOM: &str = "random";
/// Name of the method that starts from supervised ImageNet weights.
pub const IMAGENET: &str = "imagenet";
/// Name of the random start of ImageNet's network, where that is another than the comparison's.
pub const IMAGENET_RANDOM: &str = "imagenet-random";

/// What the words of the training recordings have to do with their pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Narration {
    /// They are about the picture.
    Matched,
    /// They are another plane's, by the same voices at the same times: the control.
    Scrambled,
}

/// A way of pretraining, as far as the plan needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Name: the recipe's file without `.toml`, or that of a baseline ([`RANDOM`], [`IMAGENET`], [`IMAGENET_RANDOM`]).
    pub name: String,
    /// What it is called in tables.
    pub title: String,
    /// Whether it has a pretraining of its own; a baseline starts from chance or from a file.
    pub pretrains: bool,
    /// Whether a loss of it sees speech: then it is also run on scrambled narration.
    pub hears: bool,
    /// Whether a loss of it compares frames with speech: then that is looked at, too.
    pub compares: bool,
}

impl Method {
    /// A method of pretraining, called in tables what its file is called.
    pub fn pretraining(name: impl Into<String>, hears: bool, compares: bool) -> Self {
        let name = name.into();
        Self { title: name.clone(), name, pretrains: true, hears, compares }
    }

    /// A start without any pretraining of ours.
    pub fn baseline(name: &str, title: impl Into<String>) -> Self {
        Self { name: name.to_owned(), title: title.into(), pretrains: false, hears: false, compares: false }
    }
}

/// What a cell runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Stage 2.
    Pretrain,
    /// The frozen probe, with all label shares.
    Probe,
    /// Fine-tuning of a plane detector with this share of the labels.
    Planes(f64),
    /// Fine-tuning of a gaze predictor.
    Gaze,
    /// What the encoder knows of held-out speech.
    Alignment,
}

/// One cell: an artifact to make.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Name of the method.
    pub method: String,
    /// What the method was pretrained on.
    pub narration: Narration,
    /// The fold that is tested.
    pub fold: u32,
    /// The seed.
    pub seed: u64,
    /// What is run.
    pub kind: Kind,
}

impl Cell {
    /// Where its artifact lies below `root`.
    pub fn path(&self, root: &Path) -> PathBuf {
        let turn = format!("fold-{}-seed-{}", self.fold, self.seed);
        root.join(self.narration.to_string()).join(&self.method).join(turn).join(self.kind.to_string())
    }

    /// The cell of another kind that has all else in common.
    pub fn with(&self, kind: Kind) -> Self {
        Self { kind, ..self.clone() }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, narration, fold, seed, kind } = self;
        write!(f, "{method} ({narration}), fold {fold}, seed {seed}: {kind}")
    }
}

impl fmt::Display for Narration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Matched => "matched",
            Self::Scrambled => "scrambled",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pretrain => f.write_str("pretrain"),
            Self::Probe => f.write_str("probe"),
            // 0.02 as 2, 0.005 as 0.5
            Self::Planes(share) => write!(f, "planes-{}", percent(*share)),
            Self::Gaze => f.write_str("gaze"),
            Self::Alignment => f.write_str("alignment"),
        }
    }
}

/// A share in percent, without rounding noise.
pub(crate) fn percent(share: f64) -> f64 {
    (share * 1e5).round() / 1e3
}

/// All cells of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The methods in the tables' order.
    pub methods: Vec<Method>,
    /// Number of folds.
    pub folds: u32,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The label shares.
    pub label_shares: Vec<f64>,
    /// Whether gaze is predicted too.
    pub gaze: bool,
}

impl Plan {
    /// The plan for `methods` (the random encoder is put before them) over `folds` folds.
    pub fn new(config: &CompareConfig, methods: Vec<Method>, folds: u32) -> Self {
        let random = Method::baseline(RANDOM, RANDOM);
        let methods = [random].into_iter().chain(methods.into_iter().filter(|m| m.name != RANDOM)).collect();
        Self {
            methods,
            folds,
            seeds: config.seeds.clone(),
            label_shares: config.label_shares.clone(),
            gaze: config.gaze,
        }
    }

    /// Method and narration of every row of a table.
    pub fn rows(&self) -> Vec<(&Method, Narration)> {
        let narrations = |method: &Method| match method.hears {
            true => vec![Narration::Matched, Narration::Scrambled],
            false => vec![Narration::Matched],
        };
        self.methods
            .iter()
            .flat_map(|method| narrations(method).into_iter().map(move |n| (method, n)))
            .collect()
    }

    /// The kinds of cells that `method` has, in the order they are run.
    pub fn kinds(&self, method: &Method) -> Vec<Kind> {
        let mut kinds = Vec::new();
        if method.pretrains {
            kinds.push(Kind::Pretrain);
        }
        if method.compares {
            kinds.push(Kind::Alignment);
        }
        kinds.push(Kind::Probe);
        kinds.extend(self.label_shares.iter().map(|&share| Kind::Planes(share)));
        kinds.extend(self.gaze.then_some(Kind::Gaze));
        kinds
    }

    /// All cells in the order they are run: turn after turn (seed, then fold) over all methods, so that a comparison that is
    /// broken off has compared all of them.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (seed, fold) in self.turns() {
            for (method, narration) in self.rows() {
                for kind in self.kinds(method) {
                    cells.push(Cell { method: method.name.clone(), narration, fold, seed, kind });
                }
            }
        }
        cells
    }

    /// Names of the methods, as an error lists them.
    pub fn names(&self) -> String {
        self.methods.iter().map(|method| method.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Seed and fold of every turn.
    pub fn turns(&self) -> Vec<(u64, u32)> {
        self.seeds.iter().flat_map(|&seed| (0..self.folds).map(move |fold| (seed, fold))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str, hears: bool, compares: bool) -> Method {
        Method::pretraining(name, hears, compares)
    }

    #[test]
    fn only_what_hears_is_run_on_scrambled_words_and_random_is_not_pretrained() {
        let config = CompareConfig { seeds: vec![1, 2], ..CompareConfig::default() };
        let methods =
            vec![method("order", false, false), method("sync", true, false), method("ours", true, true)];
        let plan = Plan::new(&config, methods, 3);
        // random: 5 kinds; order: 6; sync: 6 twice; ours: 7 twice
        assert_eq!(plan.cells().len(), 6 * (5 + 6 + 12 + 14));
        let of = |name: &str, narration, kind| {
            plan.cells()
                .iter()
                .filter(|c| c.method == name && c.narration == narration && c.kind == kind)
                .count()
        };
        assert_eq!(of(RANDOM, Narration::Matched, Kind::Pretrain), 0);
        assert_eq!(of("order", Narration::Scrambled, Kind::Probe), 0);
        assert_eq!(of("sync", Narration::Scrambled, Kind::Probe), 6);
        assert_eq!(of("sync", Narration::Matched, Kind::Alignment), 0);
        assert_eq!(of("ours", Narration::Scrambled, Kind::Alignment), 6);
        let first: Vec<_> = plan.cells().into_iter().take(37).map(|cell| (cell.seed, cell.fold)).collect();
        assert!(first.iter().all(|turn| *turn == (1, 0)), "all methods before the next fold");
    }

    #[test]
    fn baselines_are_probed_and_fine_tuned_and_not_pretrained() {
        let config = CompareConfig { seeds: vec![1], label_shares: vec![1.0], ..CompareConfig::default() };
        let imagenet = Method::baseline(IMAGENET, "ImageNet (supervised, some net)");
        let plan = Plan::new(&config, vec![imagenet, method("order", false, false)], 1);
        let names: Vec<_> = plan.methods.iter().map(|method| method.name.as_str()).collect();
        assert_eq!(names, [RANDOM, IMAGENET, "order"]);
        let kinds: Vec<Kind> =
            plan.cells().into_iter().filter(|cell| cell.method == IMAGENET).map(|cell| cell.kind).collect();
        assert_eq!(kinds, [Kind::Probe, Kind::Planes(1.0), Kind::Gaze]);
    }

    #[test]
    fn a_study_without_gaze_has_no_gaze_cells() {
        let config = CompareConfig { gaze: false, ..CompareConfig::default() };
        let plan = Plan::new(&config, vec![method("ours", true, true)], 3);
        assert!(plan.cells().iter().all(|cell| cell.kind != Kind::Gaze));
        assert_eq!(plan.cells().len(), 6 * (4 + 6 + 6));
    }

    #[test]
    fn every_cell_has_a_folder_of_its_own() {
        let config = CompareConfig { label_shares: vec![1.0, 0.1, 0.02, 0.005], ..CompareConfig::default() };
        let plan = Plan::new(&config, vec![method("ours", true, true)], 2);
        let mut paths: Vec<_> = plan.cells().iter().map(|cell| cell.path(Path::new("root"))).collect();
        assert!(paths.contains(&PathBuf::from("root/scrambled/ours/fold-1-seed-2/planes-0.5")), "{paths:?}");
        assert!(paths.contains(&PathBuf::from("root/matched/random/fold-0-seed-1/planes-2")));
        let count = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), count);
    }
}
