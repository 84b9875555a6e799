//! Folds of a cross-validation by subject: each subject is tested once, and never beside recordings of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::split::place_of;
use crate::{SplitItem, StudyError};

/// The fold of each subject of `items` (one item to a recording, in any order), from 0 to below `folds`.
///
/// Where the study gives folds they stand, and they must be the folds asked for: every subject has one and none is
/// empty. Elsewhere the subjects are put in an order that depends on `seed` and their own names only and cut into
/// `folds` runs whose lengths differ by at most one: adding a subject moves few others into another fold, and adding a
/// recording of a known subject moves none.
///
/// # Errors
/// A subject in two folds; given folds for some subjects only, or others than 0 to below `folds`; fewer subjects than
/// folds.
pub fn fold_by_subject(
    items: &[SplitItem<'_>],
    folds: u32,
    seed: u64,
) -> Result<BTreeMap<String, u32>, StudyError> {
    let given = given_folds(items)?;
    let mut subjects: Vec<_> =
        items.iter().map(|item| item.subject).collect::<BTreeSet<_>>().into_iter().collect();
    let fault = |message| Err(StudyError::CannotFold { folds, message });
    if !given.is_empty() {
        return match given_fault(&given, &subjects, folds) {
            Some(message) => fault(message),
            None => Ok(given),
        };
    }
    let count = subjects.len();
    if count < folds as usize {
        return fault(format!("expected at least one subject to a fold, found {count} in all"));
    }
    subjects.sort_by_cached_key(|subject| place_of(subject, seed));
    // below `folds`, as the place is below the count
    let fold_at = |place: usize| (place * folds as usize / count) as u32;
    Ok(subjects.iter().enumerate().map(|(place, subject)| ((*subject).to_owned(), fold_at(place))).collect())
}

fn given_folds(items: &[SplitItem<'_>]) -> Result<BTreeMap<String, u32>, StudyError> {
    let mut given = BTreeMap::new();
    for (subject, fold) in items.iter().filter_map(|item| Some((item.subject, item.fold?))) {
        let first = *given.entry(subject.to_owned()).or_insert(fold);
        if first != fold {
            return Err(StudyError::SubjectInTwoFolds {
                place: "given folds".into(),
                subject: subject.into(),
                first,
                second: fold,
            });
        }
    }
    Ok(given)
}

/// What keeps the folds that a study gives from being the folds asked for.
fn given_fault(given: &BTreeMap<String, u32>, subjects: &[&str], folds: u32) -> Option<String> {
    if let Some(subject) = subjects.iter().find(|subject| !given.contains_key(**subject)) {
        return Some(format!(
            "expected a fold for every subject in the column `fold` of their study, found none for `{subject}`"
        ));
    }
    let found: BTreeSet<u32> = given.values().copied().collect();
    if found.iter().copied().eq(0..folds) {
        return None;
    }
    let found = found.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let last = folds - 1;
    Some(format!(
        "expected the folds 0 to {last} in the column `fold` of the study, found {found}; set split.folds to what \
         the study has"
    ))
}
