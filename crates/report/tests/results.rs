//! The page of results against figures that were written by hand.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sonovox_report::{
    Baseline, BaselineRow, Cell, CompareConfig, Gathered, Kind, Method, Narration, Notes, Pictures, Plan,
    write_figures, write_results,
};

fn planes(f1: f64) -> Value {
    json!({"macro": {"precision": f1 + 0.104, "recall": f1 - 0.096, "f1": f1}})
}

/// Of a cell, its `metrics.json`: F1 grows with seed and fold, and `ours` is ten points above all others.
fn metrics(cell: &Cell) -> Value {
    let best = cell.method == "ours" && cell.narration == Narration::Matched;
    let f1 = 0.4 + 0.02 * f64::from(cell.fold) + 0.01 * cell.seed as f64 + if best { 0.1 } else { 0.0 };
    match cell.kind {
        Kind::Pretrain => Value::Null,
        Kind::Planes(share) => planes(f1 * share.max(0.5)),
        Kind::Gaze => {
            let scores = |kl: f64| json!({"kl": kl, "nss": 1.0, "auc_judd": 0.9, "cc": 0.2, "sim": 0.1});
            json!({"model": scores(3.0), "static": scores(3.5), "uniform": scores(4.0)})
        }
        Kind::Probe => {
            let probe = |stage: u64, share: f64, validation: f64, f1: f64| {
                let scores = &planes(f1)["macro"];
                json!({"stage": stage, "label_share": share, "validation_f1": validation, "macro": scores})
            };
            // the first stage has the better test figure, the second is better on the validation subjects
            json!({"probes": [probe(3, 1.0, 0.2, 0.99), probe(4, 1.0, 0.3, f1), probe(4, 0.1, 0.1, f1 * 0.4)]})
        }
        Kind::Alignment => {
            let recall = json!({"recall": [{"k": 1, "recall": 0.25, "chance": 0.01}]});
            json!({
                "retrieval": {"video_to_speech": recall, "speech_to_video": recall, "alignment_auc": 0.75},
                "affinity": {"auc": 0.8125, "auc_anywhere": null},
                "phrases": null,
                "train_shortcut": {"unrelated": {"recall": 0.5, "chance": 0.125}, "silent": null},
            })
        }
    }
}

fn fill(root: &Path, plan: &Plan) {
    for cell in plan.cells() {
        let dir = cell.path(root);
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join("metrics.json"), metrics(&cell).to_string()).expect("written");
        // training has a value of the same name, which is no held-out one
        let epoch = |epoch: u64, area: f64| {
            let train = json!({"event": "train", "step": epoch, "epoch": epoch, "alignment_auc": 9.0});
            let held_out = json!({"event": "held_out", "step": epoch, "epoch": epoch, "alignment_auc": area});
            format!("{train}\n{held_out}\n")
        };
        // an alarm of the first epoch that is over, and one of the last where the words are wrong
        let alarm = |epoch: u32, name: &str| {
            json!({"event": "alarm", "step": epoch, "epoch": epoch, name: 0.5}).to_string()
        };
        let mut log = [epoch(0, 0.5), alarm(0, "clamped_pairs") + "\n", epoch(1, 0.625)].concat();
        if cell.narration == Narration::Scrambled {
            log += &alarm(1, "chance_cont");
        }
        fs::write(dir.join("events.jsonl"), log).expect("written");
    }
}

fn page(root: &Path, plan: &Plan, is_done: impl Fn(&Cell) -> bool) -> String {
    page_of(root, plan, is_done, Pictures::Simulated)
}

fn page_of(root: &Path, plan: &Plan, is_done: impl Fn(&Cell) -> bool, pictures: Pictures) -> String {
    let gathered = Gathered::read(plan.clone(), root, is_done).expect("figures");
    let config = CompareConfig::default();
    let figures = write_figures(&gathered, &config, &root.join("figures")).expect("drawn");
    let steps = ["ours", "nobody", "order"].map(str::to_owned).to_vec();
    let (sizes, developed_on) = (vec!["small".into()], vec![0]);
    let notes = Notes { sizes, subject: "ours".into(), steps, developed_on, figures, pictures };
    write_results(&root.join("results.md"), &gathered, &notes).expect("written");
    fs::read_to_string(root.join("results.md")).expect("a page")
}

fn plan() -> Plan {
    let config =
        CompareConfig { seeds: vec![1, 2], label_shares: vec![1.0, 0.1], ..CompareConfig::default() };
    let method = |name: &str, speech| Method::pretraining(name, speech, speech);
    Plan::new(&config, vec![method("order", false), method("ours", true)], 2)
}

#[track_caller]
fn must_have(page: &str, cells: &[&str]) {
    let has = |line: &&str| {
        let found: Vec<&str> = line.split('|').map(str::trim).collect();
        found.windows(cells.len()).any(|window| window == cells)
    };
    assert!(page.lines().any(|line| has(&line)), "{cells:?} in\n{page}");
}

#[test]
fn means_spreads_and_differences_are_those_of_the_cells() {
    let dir = tempfile::tempdir().expect("a folder");
    fill(dir.path(), &plan());
    let page = page(dir.path(), &plan(), |_| true);
    // F1 of ours: 51, 52, 53, 54: mean 52.5, standard deviation sqrt(5/3)
    must_have(&page, &["ours", "52.5 ± 1.3 (63 / 43)", "21.0 ± 0.5 (31 / 11)"]);
    must_have(&page, &["ours, scrambled", "42.5 ± 1.3 (53 / 33)", "17.0 ± 0.5 (27 / 7)"]);
    must_have(&page, &["ours: matched − scrambled", "+10.0 ± 0.0 (4/4)", "+4.0 ± 0.0 (4/4)"]);
    must_have(&page, &["ours − random", "+10.0 ± 0.0 (4/4)"]);
    // what is not run is passed over
    must_have(&page, &["order − ours", "-10.0 ± 0.0 (0/4)", "-4.0 ± 0.0 (0/4)"]);
    must_have(&page, &["static map", "3.50 ± 0.00", "1.00 ± 0.00"]);
    must_have(
        &page,
        &["ours", "0.25 ± 0.00", "0.25 ± 0.00", "–", "–", "0.75 ± 0.00", "0.81 ± 0.00", "–", "–"],
    );
    let elsewhere = page.split("## Differences on the other folds").nth(1).expect("the section");
    let elsewhere = elsewhere.split("\n## ").next().expect("its text");
    must_have(elsewhere, &["ours: matched − scrambled", "+10.0 ± 0.0 (2/2)", "+4.0 ± 0.0 (2/2)"]);
    must_have(elsewhere, &["ours − random", "+10.0 ± 0.0 (2/2)"]);
    assert!(!elsewhere.contains("order − ours"), "{elsewhere}");
    must_have(&page, &["ours", "4", "none"]);
    must_have(&page, &["ours, scrambled", "4", "`chance_cont` 4"]);
    assert!(!page.contains("missing") && page.contains("nothing clinical follows from it"), "{page}");
    assert!(page.contains("other data"), "{page}");
    let figure = fs::read_to_string(dir.path().join("figures/alignment.svg")).expect("a figure");
    assert!(figure.contains("ours, scrambled [4]") && !figure.contains("order"), "{figure}");
}

#[test]
fn what_is_not_done_is_missing_and_never_invented() {
    let dir = tempfile::tempdir().expect("a folder");
    fill(dir.path(), &plan());
    // only the first turn, and of ours no fine-tuning at all
    let is_done = |cell: &Cell| {
        (cell.seed, cell.fold) == (1, 0) && !(cell.method == "ours" && matches!(cell.kind, Kind::Planes(_)))
    };
    let page = page(dir.path(), &plan(), is_done);
    must_have(&page, &["random", "41.0 (51 / 31) [1]"]);
    must_have(&page, &["ours", "missing", "missing"]);
    must_have(&page, &["order", "1", "none"]);
    must_have(&page, &["ours − order", "+10.0 (1/1)", "+4.0 (1/1)", "missing", "missing"]);
    let total = plan().cells().len();
    let done = 4 + 5 + 4 + 4;
    assert!(page.contains(&format!("**{} of {total} cells are missing**", total - done)), "{page}");
}

#[test]
fn real_images_without_gaze_stand_beside_a_guess_and_not_beside_published_figures() {
    let dir = tempfile::tempdir().expect("a folder");
    let plan = Plan { gaze: false, ..plan() };
    fill(dir.path(), &plan);
    let figures = |value: f64| vec![value, value + 0.1];
    let row = BaselineRow {
        name: "nearest file".into(),
        precision: figures(0.5),
        recall: figures(0.6),
        f1: figures(0.5),
        f1_by_video: figures(0.7),
    };
    let baseline = Baseline { what: "Made up.".into(), videos: String::new(), rows: vec![row] };
    let real = |baseline| page_of(dir.path(), &plan, |_| true, Pictures::Real { baseline });
    let page = real(Some(baseline));
    must_have(&page, &["nearest file", "55.0 ± 7.1 (55 / 65)", "75.0 ± 7.1"]);
    for words in [
        "The images are real, the speech is not",
        "confounded",
        "Nothing clinical follows from it",
        "Made up.",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for words in ["Gaze", "static map", "published", "missing"] {
        assert!(!page.contains(words), "{words}: {page}");
    }
    assert!(real(None).contains("**missing**: scripts/measure-metadata"));
}

#[test]
fn what_would_count_twice_is_refused() {
    let of = |change: &dyn Fn(&mut CompareConfig)| {
        let mut config = CompareConfig::default();
        change(&mut config);
        config.validate().expect_err("refused").to_string()
    };
    assert_eq!(
        of(&|config| config.seeds = vec![3, 1, 3]),
        "[compare] seeds must be different numbers, found 3 twice"
    );
    let shares = of(&|config| config.label_shares = vec![0.1, 1.0, 0.1]);
    assert_eq!(shares, "[compare] label_shares must be different shares, found 0.1 twice");
    let methods = of(&|config| config.methods = vec!["a".into(), "a".into()]);
    assert_eq!(methods, "[compare] methods must be different names, found a twice");
}
