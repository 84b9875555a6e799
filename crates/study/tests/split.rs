//! Splits by subject.

use Split::{Test, Train, Validation};
use sonovox_study::{Split, SplitFractions, StudyError, SubjectSplit, split_by_subject};

fn fractions(validation: f64, test: f64) -> SplitFractions {
    SplitFractions { validation, test }
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("subject {i}")).collect()
}

fn split(names: &[String], validation: f64, test: f64, seed: u64) -> Result<SubjectSplit, StudyError> {
    let items: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    split_by_subject(&items, fractions(validation, test), seed)
}

fn counts(split: &SubjectSplit) -> [usize; 3] {
    [Train, Validation, Test].map(|part| split.count(part))
}

#[test]
fn parts_get_their_share() {
    assert_eq!(counts(&split(&names(100), 0.15, 0.25, 0).expect("enough")), [60, 15, 25]);
    assert_eq!(counts(&split(&names(78), 0.15, 0.25, 0).expect("enough")), [46, 12, 20]);
    assert_eq!(counts(&split(&names(10), 0.0, 0.3, 0).expect("enough")), [7, 0, 3]);
    assert_eq!(counts(&split(&names(4), 0.0, 0.0, 0).expect("enough")), [4, 0, 0]);
}

#[test]
fn every_part_that_is_asked_for_gets_a_subject() {
    for n in 3..12 {
        for (validation, test) in [(0.01, 0.01), (0.5, 0.49), (0.01, 0.98), (0.98, 0.01), (0.15, 0.25)] {
            let counts = counts(&split(&names(n), validation, test, 1).expect("enough"));
            assert!(
                counts.iter().all(|count| *count > 0),
                "{n} subjects at {validation}, {test}: {counts:?}"
            );
            assert_eq!(counts.iter().sum::<usize>(), n);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_split_in_any_order() {
    let names = names(30);
    let mut shuffled = names.clone();
    shuffled.reverse();
    shuffled.extend(names[..5].to_vec());
    let one = split(&names, 0.2, 0.2, 7).expect("enough");
    assert_eq!(one, split(&shuffled, 0.2, 0.2, 7).expect("enough"));
    assert_ne!(one, split(&names, 0.2, 0.2, 8).expect("enough"));
    // pinned: a split must not change with a new version of the program, or test subjects would have been trained on
    let test: Vec<_> = one.subjects().filter(|(_, part)| *part == Test).map(|(name, _)| name).collect();
    assert_eq!(test, PINNED);
}

/// The first six of Python's `sorted(names, key=lambda s: sha256(struct.pack("<Q", 7) + s.encode()).digest())`.
const PINNED: [&str; 6] = ["subject 0", "subject 16", "subject 18", "subject 23", "subject 4", "subject 8"];

#[test]
fn a_new_subject_moves_few_others() {
    let (before, after) = (names(50), names(51));
    let (before, after) =
        (split(&before, 0.2, 0.2, 3).expect("enough"), split(&after, 0.2, 0.2, 3).expect("enough"));
    let moved = before.subjects().filter(|(name, part)| after.of(name) != Some(*part)).count();
    assert!(moved <= 3, "{moved} subjects moved");
}

#[test]
fn given_parts_are_kept() {
    let names = names(20);
    let mut items: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    items[3].1 = Some(Test);
    items[4].1 = Some(Train);
    // another recording of subject 3, without a part of its own
    items.push(("subject 3", None));
    for seed in 0..20 {
        let split = split_by_subject(&items, fractions(0.2, 0.2), seed).expect("enough");
        assert_eq!((split.of("subject 3"), split.of("subject 4")), (Some(Test), Some(Train)));
        assert_eq!(counts(&split), [12, 4, 4], "given subjects count towards their part");
        assert_eq!(split.of("nobody"), None);
    }
}

#[test]
fn a_split_that_is_given_whole_is_taken_whole() {
    let items = [("a", Some(Train)), ("b", Some(Test)), ("c", Some(Validation)), ("b", Some(Test))];
    let split = split_by_subject(&items, fractions(0.9, 0.05), 0).expect("given");
    assert_eq!(split.subjects().collect::<Vec<_>>(), [("a", Train), ("b", Test), ("c", Validation)]);
    // nobody was asked for validation, and one is given: that is no fault
    split_by_subject(&items, fractions(0.0, 0.0), 0).expect("given");
}

#[test]
fn too_few_subjects_are_refused_with_what_is_missing() {
    let says = |items: &[(&str, Option<Split>)], validation, test| {
        split_by_subject(items, fractions(validation, test), 0).expect_err("refused").to_string()
    };
    let said = says(&[("a", None), ("b", None), ("b", None)], 0.15, 0.25);
    assert!(
        said.contains(
            "at least one subject each for train, validation (fraction 0.15), test (fraction 0.25)"
        ),
        "{said}"
    );
    assert!(
        said.contains("found 2 subjects of which 2 have no given split")
            && said.contains("set a fraction to 0"),
        "{said}"
    );
    let said = says(&[("a", Some(Train)), ("b", Some(Test))], 0.15, 0.25);
    assert!(said.contains("each for validation (fraction 0.15), found 2 subjects of which 0"), "{said}");
    let said = says(&[("a", Some(Test))], 0.0, 0.25);
    assert!(said.contains("each for train, found 1 subject of which 0"), "{said}");
    let said = says(&[], 0.0, 0.0);
    assert!(said.contains("found 0 subjects"), "{said}");
}

#[test]
fn a_subject_in_two_parts_is_refused() {
    let items = [("a", Some(Train)), ("b", None), ("a", Some(Validation))];
    let said = split_by_subject(&items, fractions(0.1, 0.1), 0).expect_err("refused").to_string();
    assert!(said.contains("subject `a` is in `validation` and in `train`"), "{said}");
}

#[test]
fn fractions_must_leave_something_for_training() {
    for (validation, test) in [(0.5, 0.5), (-0.1, 0.2), (1.0, 0.0), (f64::NAN, 0.1), (0.1, f64::INFINITY)] {
        let said = split(&names(10), validation, test, 0).expect_err("refused").to_string();
        assert!(said.contains("sum to less than 1, found"), "{said}");
    }
}
