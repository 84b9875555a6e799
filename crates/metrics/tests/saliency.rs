//! Saliency metrics against pysaliency, against closed forms, and where the formulas leave them undefined.

use std::path::Path;

use sonovox_metrics::saliency::{auc_judd, cc, kl, nss, sim};
use sonovox_testkit::Golden;

const CASES: [&str; 11] = [
    "close",
    "far",
    "noise",
    "zeros",
    "ties",
    "negative",
    "same",
    "one_fixation",
    "repeated",
    "many",
    "flat_target",
];

/// KL, NSS, AUC-Judd, CC, SIM.
fn scores(target: &[f32], prediction: &[f32], fixations: &[usize]) -> [f64; 5] {
    [
        kl(target, prediction),
        nss(prediction, fixations),
        auc_judd(prediction, fixations),
        cc(target, prediction),
        sim(target, prediction),
    ]
}

#[test]
fn scores_are_pysaliencys() {
    let file = Golden::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/saliency.safetensors"));
    for case in CASES {
        let map = |name: &str| file.tensor(&format!("{case}.{name}")).to_f32();
        let fixations: Vec<usize> =
            file.tensor(&format!("{case}.fixations")).values.iter().map(|&cell| cell as usize).collect();
        let found = scores(&map("target"), &map("prediction"), &fixations);
        let expected = file.tensor(&format!("{case}.scores")).values;
        for ((name, found), expected) in ["KL", "NSS", "AUC", "CC", "SIM"].iter().zip(found).zip(expected) {
            // where pysaliency has no value (CC with a flat map), ours is 0
            let expected = if expected.is_nan() { 0.0 } else { expected };
            assert!((found - expected).abs() < 1e-9, "{case}: {name} is {found}, pysaliency's {expected}");
        }
    }
}

#[test]
fn equal_maps_score_best() {
    let map = [0.1, 0.2, 0.3, 0.4];
    assert!(kl(&map, &map).abs() < 1e-12);
    assert!((sim(&map, &map) - 1.0).abs() < 1e-12);
    assert!((cc(&map, &map) - 1.0).abs() < 1e-12);
    // densities, so a factor is nothing
    let ten = map.map(|value| 10.0 * value);
    assert!(kl(&map, &ten).abs() < 1e-6 && (sim(&ten, &map) - 1.0).abs() < 1e-6);
}

#[test]
fn small_maps_have_the_scores_of_the_formulas() {
    // Q = (1/2, 1/2, 0, 0), P = (1/4, 1/4, 1/4, 1/4)
    assert!((kl(&[1.0, 1.0, 0.0, 0.0], &[1.0; 4]) - 2f64.ln()).abs() < 1e-12);
    assert!((sim(&[1.0, 1.0, 0.0, 0.0], &[1.0; 4]) - 0.5).abs() < 1e-12);
    assert!((kl(&[1.0, 0.0], &[0.0, 1.0]) - (1.0 / 2.2204e-16f64).ln()).abs() < 1e-6);
    assert_eq!(sim(&[1.0, 0.0], &[0.0, 1.0]), 0.0);
    assert!((cc(&[1.0, 0.0], &[0.0, 1.0]) + 1.0).abs() < 1e-12);
    // mean 2.5, deviation sqrt(1.25)
    let expected = (1.5 / 1.25f64.sqrt() + 0.5 / 1.25f64.sqrt()) / 2.0;
    assert!((nss(&[1.0, 2.0, 3.0, 4.0], &[3, 2]) - expected).abs() < 1e-12);
}

#[test]
fn auc_is_the_area_under_the_points_of_the_fixations() {
    let map = [1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(auc_judd(&map, &[4]), 1.0);
    // one point at (2/4, 1)
    assert_eq!(auc_judd(&map, &[2]), 0.5 * 0.5 + 0.5);
    assert_eq!(auc_judd(&map, &[0]), 0.5);
    // points at (0, 1/2) and (1/3, 1)
    assert!((auc_judd(&map, &[4, 2]) - (1.0 / 3.0 * 0.75 + 2.0 / 3.0)).abs() < 1e-12);
    // a fixation ties with an unfixated cell: the straight line to (1/4, 1)
    assert!((auc_judd(&[1.0, 2.0, 3.0, 5.0, 5.0], &[4]) - (0.25 * 0.5 + 0.75)).abs() < 1e-12);
}

/// The mean over all places of one fixation is what the docs say of maps that have nothing to do with the fixations.
#[test]
fn auc_of_chance_is_what_the_docs_say() {
    let map: Vec<f32> = (0..200).map(|cell| cell as f32).collect();
    let one: f64 = (0..200).map(|cell| auc_judd(&map, &[cell])).sum::<f64>() / 200.0;
    assert!((one - 0.75).abs() < 1e-3, "{one}");
    let small = &map[..24];
    let mut three = Vec::new();
    for a in 0..24 {
        for b in 0..a {
            (0..b).for_each(|c| three.push(auc_judd(small, &[a, b, c])));
        }
    }
    let mean = three.iter().sum::<f64>() / three.len() as f64;
    assert!((mean - 0.625).abs() < 1e-9, "{mean}");
}

#[test]
fn flat_predictions_have_defined_scores() {
    let target: Vec<f32> = (0..1008).map(|cell| if cell == 17 { 1.0 } else { 0.001 }).collect();
    // 1/1008 is no float: the mean of such cells must still be exactly their value
    for flat in [vec![1.0 / 1008.0; 1008], vec![0.0; 1008], vec![-3.3; 1008], vec![f32::NAN; 1008]] {
        let [kl, nss, auc, cc, sim] = scores(&target, &flat, &[17, 18]);
        assert_eq!((nss, auc, cc), (0.0, 0.5, 0.0), "{}", flat[0]);
        assert!(kl > 0.0 && kl < 10.0, "KL {kl} for {}", flat[0]);
        assert!(sim > 0.0 && sim < 1.0, "SIM {sim} for {}", flat[0]);
        assert_eq!(cc, sonovox_metrics::saliency::cc(&flat, &flat));
    }
}

#[test]
fn missing_fixations_and_odd_maps_have_defined_scores() {
    let map = [0.1, 0.2, 0.3, 0.4];
    assert_eq!((nss(&map, &[]), auc_judd(&map, &[])), (0.0, 0.5));
    assert_eq!(auc_judd(&map, &[0, 1, 2, 3]), 0.5);
    // no mass in the target: uniform
    assert!((kl(&[0.0; 4], &[1.0; 4])).abs() < 1e-12);
    assert_eq!(scores(&[], &[], &[]), [0.0, 0.0, 0.5, 0.0, 0.0]);
    let odd = [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE];
    for prediction in [odd, [1e-30, 2e-30, 0.0, 0.0], [1e-45, 0.0, 0.0, 0.0]] {
        let all = scores(&map, &prediction, &[0, 3]);
        assert!(all.iter().all(|score| score.is_finite()), "{all:?} for {prediction:?}");
    }
}

#[test]
#[should_panic(expected = "fixation at cell 4 of a map of 4 cells")]
fn fixations_outside_of_the_map_are_a_bug() {
    nss(&[0.0; 4], &[4]);
}
