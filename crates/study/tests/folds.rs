//! Cross-validation by subject.

use std::collections::{BTreeMap, BTreeSet};

use sonovox_study::{Split, SplitConfig, SplitItem, StudyError, SubjectSplit, fold_by_subject};

const FOLDS: SplitConfig = SplitConfig { validation: 0.15, test: 0.25, seed: 7, folds: 3, fold: 0 };

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("subject {i}")).collect()
}

fn items(names: &[String]) -> Vec<SplitItem<'_>> {
    names.iter().map(|subject| SplitItem { subject, ..SplitItem::default() }).collect()
}

fn given(folds: &[(&'static str, Option<u32>)]) -> Vec<SplitItem<'static>> {
    folds.iter().map(|&(subject, fold)| SplitItem { subject, split: None, fold }).collect()
}

fn says(result: Result<SubjectSplit, StudyError>) -> String {
    result.expect_err("refused").to_string()
}

fn of_part(split: &SubjectSplit, part: Split) -> BTreeSet<&str> {
    split.subjects().filter(|(_, other)| *other == part).map(|(subject, _)| subject).collect()
}

#[test]
fn every_subject_is_tested_in_one_fold_and_trained_or_validated_on_in_the_others() {
    let names = names(20);
    let splits: Vec<_> =
        (0..3).map(|fold| SplitConfig { fold, ..FOLDS }.split(&items(&names)).expect("enough")).collect();
    let tested: Vec<_> = splits.iter().map(|split| of_part(split, Split::Test)).collect();
    assert_eq!(tested.iter().map(BTreeSet::len).collect::<Vec<_>>(), [7, 7, 6]);
    assert_eq!(tested.iter().flatten().collect::<BTreeSet<_>>().len(), 20);
    // validation is its share of all subjects, as without folds
    assert!(splits.iter().all(|split| split.count(Split::Validation) == 3));
}

#[test]
fn folds_differ_by_at_most_one_subject() {
    for n in 5..40 {
        for folds in [2, 3, 5] {
            let mut sizes = BTreeMap::new();
            let names = names(n);
            for fold in fold_by_subject(&items(&names), folds, 1).expect("enough").into_values() {
                *sizes.entry(fold).or_insert(0) += 1;
            }
            assert!(sizes.keys().copied().eq(0..folds), "{n} in {folds}: {sizes:?}");
            let (least, most) = (sizes.values().min(), sizes.values().max());
            assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{n}: {sizes:?}");
        }
    }
}

#[test]
fn folds_depend_on_names_and_seed_alone() {
    let names = names(30);
    let mut shuffled = items(&names);
    shuffled.reverse();
    shuffled.extend_from_slice(&items(&names)[..5]);
    let one = fold_by_subject(&items(&names), 3, 7).expect("enough");
    assert_eq!(one, fold_by_subject(&shuffled, 3, 7).expect("enough"));
    assert_ne!(one, fold_by_subject(&items(&names), 3, 8).expect("enough"));
    // pinned: folds must not change with a new version of the program, or test subjects would have been trained on.
    // The first ten of Python's `sorted(names, key=lambda s: sha256(struct.pack("<Q", 7) + s.encode()).digest())`.
    let first: Vec<_> = one.iter().filter(|(_, fold)| **fold == 0).map(|(name, _)| name.as_str()).collect();
    assert_eq!(first, PINNED);
}

const PINNED: [&str; 10] = [
    "subject 0",
    "subject 10",
    "subject 16",
    "subject 18",
    "subject 19",
    "subject 23",
    "subject 28",
    "subject 3",
    "subject 4",
    "subject 8",
];

#[test]
fn a_new_subject_moves_few_others() {
    let (before, after) = (names(50), names(51));
    let fold_of = |names: &[String]| fold_by_subject(&items(names), 5, 3).expect("enough");
    let (before, after) = (fold_of(&before), fold_of(&after));
    let moved = before.iter().filter(|(name, fold)| after[*name] != **fold).count();
    assert!(moved <= 4, "{moved} subjects moved, one to a boundary at most");
}

#[test]
fn given_folds_stand() {
    let study =
        given(&[("a", Some(1)), ("b", Some(0)), ("c", Some(2)), ("a", None), ("d", Some(1)), ("e", Some(0))]);
    for seed in 0..9 {
        let split = SplitConfig { seed, fold: 1, ..FOLDS }.split(&study).expect("given");
        assert_eq!(of_part(&split, Split::Test), BTreeSet::from(["a", "d"]));
        assert_eq!(split.count(Split::Validation), 1);
    }
    // without cross-validation they say nothing
    let plain = SplitConfig { folds: 0, ..FOLDS };
    let bare: Vec<_> = study.iter().map(|item| SplitItem { fold: None, ..*item }).collect();
    assert_eq!(plain.split(&study).expect("enough"), plain.split(&bare).expect("enough"));
}

#[test]
fn folds_that_contradict_the_study_are_refused() {
    let split = |study: &[_]| says(FOLDS.split(&given(study)));
    let said = split(&[("a", Some(0)), ("b", Some(1)), ("c", Some(3))]);
    assert!(said.contains("the folds 0 to 2") && said.contains("found 0, 1, 3; set split.folds"), "{said}");
    let said = split(&[("a", Some(0)), ("b", Some(1)), ("c", Some(1))]);
    assert!(said.contains("found 0, 1;"), "{said}");
    let said = split(&[("a", Some(0)), ("b", Some(1)), ("c", Some(2)), ("d", None)]);
    assert!(said.contains("a fold for every subject") && said.contains("none for `d`"), "{said}");
    let said = split(&[("a", Some(0)), ("b", Some(1)), ("c", Some(2)), ("a", Some(2))]);
    assert!(said.contains("subject `a` is in fold 2 and in fold 0"), "{said}");
    let mut both = given(&[("a", None), ("b", None), ("c", None), ("d", None)]);
    both[1].split = Some(Split::Train);
    let said = says(FOLDS.split(&both));
    assert!(said.contains("`b` has a part") && said.contains("folds = 0"), "{said}");
}

#[test]
fn folds_that_make_no_sense_are_refused() {
    let names = names(9);
    for (folds, fold) in [(0, 1), (1, 0), (3, 3)] {
        let said = says(SplitConfig { folds, fold, ..FOLDS }.split(&items(&names)));
        assert!(said.contains(&format!("found folds = {folds} and fold = {fold}")), "{said}");
    }
    let said = says(FOLDS.split(&items(&names[..2])));
    assert!(said.contains("cannot make 3 folds") && said.contains("found 2 in all"), "{said}");
    let said = says(SplitConfig { validation: 0.7, ..FOLDS }.split(&items(&names)));
    assert!(said.contains("sum to less than 1, found 0.7 and 0.33"), "{said}");
    // one fold for test, one of its subjects for validation, and nobody left
    let said = says(SplitConfig { folds: 2, ..FOLDS }.split(&items(&names[..2])));
    assert!(said.contains("too few subjects"), "{said}");
}
