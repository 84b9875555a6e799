//! Splitting recordings by subject, so that nobody is in training and in a held-out part at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{StudyError, fold_by_subject};

/// A part of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What the weights are fitted to.
    Train,
    /// What settings are chosen by.
    Validation,
    /// What results are reported on.
    Test,
}

impl Split {
    /// The word that stands for the part in recordings.csv.
    pub fn word(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }

    /// The part that a word stands for.
    pub fn from_word(word: &str) -> Option<Split> {
        [Split::Train, Split::Validation, Split::Test].into_iter().find(|part| part.word() == word)
    }
}

/// Shares of the subjects that are held out; training gets the rest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFractions {
    /// Share for validation, 0 to 1.
    pub validation: f64,
    /// Share for test, 0 to 1.
    pub test: f64,
}

/// A recording as a split sees it: whose it is, and where its study puts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SplitItem<'a> {
    /// Whose scan it is.
    pub subject: &'a str,
    /// The part that the study gives it.
    pub split: Option<Split>,
    /// The fold that the study gives it, from 0.
    pub fold: Option<u32>,
}

impl<'a> SplitItem<'a> {
    /// As a clips artifact keeps it: the part by its word.
    pub fn of(subject: &'a str, split: Option<&str>, fold: Option<u32>) -> Self {
        Self { subject, split: split.and_then(Split::from_word), fold }
    }
}

/// Recordings by the part that their subject is in, as places among the items that were split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitParts {
    /// To train on.
    pub train: Vec<usize>,
    /// To choose by.
    pub validation: Vec<usize>,
    /// To test on.
    pub test: Vec<usize>,
}

/// The recipe's `[split]` section: one split for the whole chain, so that no subject is trained on in one stage and
/// tested on in another. With `folds` it is one turn of a cross-validation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// Share of the subjects for validation, 0 to 1.
    pub validation: f64,
    /// Share of the subjects for test, 0 to 1; not used with `folds`.
    pub test: f64,
    /// Which subjects those are.
    pub seed: u64,
    /// Folds of the cross-validation, at least 2; 0 for none.
    pub folds: u32,
    /// The fold that is tested, from 0 to below `folds`.
    pub fold: u32,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { validation: 0.15, test: 0.25, seed: 0, folds: 0, fold: 0 }
    }
}

impl SplitConfig {
    /// Splits the subjects of `items`, one item to a recording.
    ///
    /// Without folds, as [`split_by_subject`]; folds that the study gives are then not looked at. With folds, the
    /// subjects of the tested fold ([`fold_by_subject`]) are for test, and validation gets its share of all subjects
    /// out of the other folds, as [`split_by_subject`] draws it.
    ///
    /// # Errors
    /// As [`split_by_subject`] and [`fold_by_subject`]; a tested fold that is not among the folds; with folds, a study
    /// that gives parts as well.
    pub fn split(&self, items: &[SplitItem<'_>]) -> Result<SubjectSplit, StudyError> {
        let Self { validation, test, seed, folds, fold } = *self;
        match folds {
            0 if fold == 0 => {
                let given: Vec<_> = items.iter().map(|item| (item.subject, item.split)).collect();
                split_by_subject(&given, SplitFractions { validation, test }, seed)
            }
            0 | 1 => Err(StudyError::BadFolds { folds, fold }),
            _ if fold >= folds => Err(StudyError::BadFolds { folds, fold }),
            _ => self.split_with_folds(items),
        }
    }

    /// The same, as places of the items in each part.
    ///
    /// # Errors
    /// As [`SplitConfig::split`].
    pub fn parts(&self, items: &[SplitItem<'_>]) -> Result<SplitParts, StudyError> {
        let by_subject = self.split(items)?;
        let of =
            |part| (0..items.len()).filter(|&at| by_subject.of(items[at].subject) == Some(part)).collect();
        Ok(SplitParts { train: of(Split::Train), validation: of(Split::Validation), test: of(Split::Test) })
    }

    fn split_with_folds(&self, items: &[SplitItem<'_>]) -> Result<SubjectSplit, StudyError> {
        let Self { validation, seed, folds, fold, .. } = *self;
        if let Some(item) = items.iter().find(|item| item.split.is_some()) {
            let message = format!(
                "subject `{}` has a part in the column `split` of its study; expected the column to be empty, or folds = 0",
                item.subject
            );
            return Err(StudyError::CannotFold { folds, message });
        }
        let test = 1.0 / f64::from(folds);
        SplitFractions { validation, test }.check()?;
        let fold_of = fold_by_subject(items, folds, seed)?;
        let tested = |subject| (fold_of[subject] == fold).then_some(Split::Test);
        let given: Vec<_> = items.iter().map(|item| (item.subject, tested(item.subject))).collect();
        split_by_subject(&given, SplitFractions { validation, test: 0.0 }, seed)
    }
}

impl SplitFractions {
    fn check(self) -> Result<(), StudyError> {
        let Self { validation, test } = self;
        let is_share = validation >= 0.0 && test >= 0.0 && validation + test < 1.0;
        if is_share { Ok(()) } else { Err(StudyError::BadFractions { validation, test }) }
    }
}

/// Which part each subject is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectSplit {
    by_subject: BTreeMap<String, Split>,
}

impl SubjectSplit {
    /// The part of a subject, `None` for one that was not split.
    pub fn of(&self, subject: &str) -> Option<Split> {
        self.by_subject.get(subject).copied()
    }

    /// All subjects with their parts, in order of their names.
    pub fn subjects(&self) -> impl Iterator<Item = (&str, Split)> {
        self.by_subject.iter().map(|(subject, part)| (subject.as_str(), *part))
    }

    /// How many subjects a part has.
    pub fn count(&self, part: Split) -> usize {
        self.by_subject.values().filter(|other| **other == part).count()
    }
}

/// Splits the subjects of `items` (subject and given part, one item to a recording, in any order).
///
/// Given parts are kept, for all recordings of the subject. The other subjects are put in an order that depends on
/// `seed` and their own names only, and fill test and then validation up to their rounded share of all subjects;
/// a part with a fraction above 0 gets at least one subject, and so does training. Adding a subject therefore moves
/// few others, and adding a recording of a known subject moves none.
///
/// # Errors
/// Fractions that are negative, not finite or leave nothing to training; a subject with two given parts; fewer
/// subjects than the parts need.
pub fn split_by_subject(
    items: &[(&str, Option<Split>)],
    fractions: SplitFractions,
    seed: u64,
) -> Result<SubjectSplit, StudyError> {
    let SplitFractions { validation, test } = fractions;
    fractions.check()?;
    let mut by_subject = given_parts(items)?;
    let total = items.iter().map(|(subject, _)| subject).collect::<BTreeSet<_>>().len();
    let mut free =
        items.iter().map(|(subject, _)| *subject).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    free.retain(|subject| !by_subject.contains_key(*subject));
    free.sort_by_cached_key(|subject| place_of(subject, seed));

    let given = |part| by_subject.values().filter(|other| **other == part).count();
    let needs_train = usize::from(given(Split::Train) == 0);
    let [want_test, want_validation] = [(test, Split::Test), (validation, Split::Validation)]
        .map(|(fraction, part)| Want { part, fraction, given: given(part), total });
    let (least_test, least_validation) = (want_test.least(), want_validation.least());
    if free.len() < needs_train + least_test + least_validation {
        return Err(too_few(total, free.len(), needs_train, &[want_validation, want_test]));
    }
    let spare = free.len() - needs_train;
    let n_test = want_test.rounded().min(spare - least_validation);
    let n_validation = want_validation.rounded().min(spare - n_test);
    for (i, subject) in free.into_iter().enumerate() {
        let part = match i {
            _ if i < n_test => Split::Test,
            _ if i < n_test + n_validation => Split::Validation,
            _ => Split::Train,
        };
        by_subject.insert(subject.to_string(), part);
    }
    Ok(SubjectSplit { by_subject })
}

/// How many more subjects a held-out part should get.
struct Want {
    part: Split,
    fraction: f64,
    given: usize,
    total: usize,
}

impl Want {
    /// At least this many: one where a share was asked and nobody was given.
    fn least(&self) -> usize {
        usize::from(self.fraction > 0.0 && self.given == 0)
    }

    fn rounded(&self) -> usize {
        let share = (self.fraction * self.total as f64).round() as usize;
        share.saturating_sub(self.given).max(self.least())
    }
}

fn given_parts(items: &[(&str, Option<Split>)]) -> Result<BTreeMap<String, Split>, StudyError> {
    let mut by_subject = BTreeMap::new();
    for (subject, part) in items.iter().filter_map(|(subject, part)| Some((*subject, (*part)?))) {
        let first = *by_subject.entry(subject.to_string()).or_insert(part);
        if first != part {
            return Err(StudyError::SubjectInTwoParts {
                place: "given split".into(),
                subject: subject.into(),
                first: first.word(),
                second: part.word(),
            });
        }
    }
    Ok(by_subject)
}

/// A place in a shuffled order that depends on the seed and the subject alone.
pub(crate) fn place_of(subject: &str, seed: u64) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(subject).finalize().into()
}

fn too_few(total: usize, free: usize, needs_train: usize, wants: &[Want]) -> StudyError {
    let mut parts = if needs_train > 0 { vec!["train".to_string()] } else { Vec::new() };
    let empty = wants.iter().filter(|want| want.least() > 0);
    parts.extend(empty.map(|want| format!("{} (fraction {})", want.part.word(), want.fraction)));
    let message = format!(
        "expected at least one subject each for {}, found {total} subject{} of which {free} {} no given split; add subjects, set a fraction to 0, or give parts in the column `split`",
        parts.join(", "),
        if total == 1 { "" } else { "s" },
        if free == 1 { "has" } else { "have" },
    );
    StudyError::TooFewSubjects { message }
}
