//! Detection metrics against scikit-learn, and without cases.

use serde_json::Value;
use sonovox_metrics::Confusion;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|x| x.as_f64().expect("a number")).collect()
}

#[test]
fn scores_are_scikit_learns() {
    let cases: Value = serde_json::from_str(include_str!("golden/confusion.json")).expect("JSON");
    for (name, case) in cases.as_object().expect("cases") {
        let mut confusion = Confusion::new(case["classes"].as_u64().expect("a count") as usize);
        let labels = |key: &str| numbers(&case[key]).into_iter().map(|label| label as usize);
        labels("truth")
            .zip(labels("predicted"))
            .for_each(|(truth, predicted)| confusion.add(truth, predicted));

        let scores = confusion.per_class();
        let close = |what: &str, found: Vec<f64>, expected: Vec<f64>| {
            assert_eq!(found.len(), expected.len(), "{name}: {what}");
            let far = found.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 1e-12);
            assert!(!far, "{name}: {what} is {found:?}, scikit-learn's {expected:?}");
        };
        close("precision", scores.iter().map(|c| c.precision).collect(), numbers(&case["precision"]));
        close("recall", scores.iter().map(|c| c.recall).collect(), numbers(&case["recall"]));
        close("F1", scores.iter().map(|c| c.f1).collect(), numbers(&case["f1"]));
        close("support", scores.iter().map(|c| c.support as f64).collect(), numbers(&case["support"]));
        let mean = confusion.macro_average();
        close("macro", vec![mean.precision, mean.recall, mean.f1], numbers(&case["macro"]));
        close("accuracy", vec![confusion.accuracy()], numbers(&serde_json::json!([case["accuracy"]])));
        for (row, expected) in confusion.rows().iter().zip(case["confusion"].as_array().expect("rows")) {
            close("confusion", row.iter().map(|&count| count as f64).collect(), numbers(expected));
        }
        assert_eq!(confusion.total(), labels("truth").count() as u64);
    }
}

#[test]
fn no_cases_score_zero() {
    for classes in [0, 3] {
        let empty = Confusion::new(classes);
        assert_eq!(
            (empty.accuracy(), empty.macro_f1(), empty.macro_precision(), empty.macro_recall()),
            (0.0, 0.0, 0.0, 0.0)
        );
        assert_eq!(empty.per_class().len(), classes);
    }
}

#[test]
#[should_panic(expected = "1 called 3 among 3 classes")]
fn a_class_that_is_none_is_a_bug() {
    Confusion::new(3).add(1, 3);
}
