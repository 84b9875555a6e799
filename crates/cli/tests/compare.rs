//! The whole comparison on a study of seconds: run in pieces, kept, refused where settings differ, written down.
#![cfg(feature = "media")]

mod support;

use std::fs;
use std::time::SystemTime;

use sonovox_testkit::shared_data;
use support::{Folder, sonovox};

const RECIPE: &str = r#"
[split]
validation = 0.34
folds = 2
[simulate]
recordings = 6
subjects = 6
folds = 2
sonographers = 2
seconds = 16.0
planes = ["femur", "BrainTv"]
hold_secs = 3.0
video = { width = 208, height = 160, fps = 5 }
[preprocess]
spectrogram = { kind = "log-mel", n_mels = 32, hop_secs = 0.02 }
frame = { height = 40, width = 48 }
[pretrain]
encoder = "tiny"
voiced_intervals = 4
order_intervals = 2
steps_per_epoch = 2
eval_pairs = 8
pairs = { window_secs = 1.0, groups = 1 }
run = { epochs = 2 }
[planes]
encoder = "tiny"
every_nth_frame = 2
epoch_images = 16
batch = 8
run = { epochs = 1 }
[probe]
encoder = "tiny"
every_nth_frame = 2
l2_values = 3
max_iterations = 20
[gaze]
encoder = "tiny"
every_nth_frame = 4
epoch_images = 16
batch = 8
run = { epochs = 1 }
[compare]
seeds = [4]
label_shares = [1.0, 0.2]
subject = "words"
curves = ["words"]
snapshots = true
"#;

/// Cells of random, ImageNet, order, words and scrambled words in two turns.
const CELLS: usize = 2 * (4 + 4 + 5 + 6 + 6);

/// Weights as timm's users have them, of the recipe's own network.
const TIMM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/golden/tiny_timm.safetensors");

struct Comparison {
    folder: Folder,
}

impl Comparison {
    fn new() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.file("methods")).expect("made");
        let order = "[pretrain]\nweights = { cls = 0.0, cont = 0.0, ord = 1.0 }\n";
        let words = "[pretrain]\nweights = { cls = 0.0, cont = 1.0, ord = 0.0 }\n";
        fs::write(folder.file("methods/order.toml"), order).expect("written");
        fs::write(folder.file("methods/words.toml"), words).expect("written");
        fs::write(folder.file("recipe.toml"), RECIPE).expect("written");
        Self { folder }
    }

    /// Calls `sonovox compare`; what it says, and its exit code.
    fn call(&self, more: &[&str]) -> support::Said {
        let at = |name: &str| self.folder.path(name);
        let methods = format!("compare.methods_dir={:?}", at("methods"));
        let imagenet = format!("compare.imagenet={TIMM:?}");
        let paths = [at("recipe.toml"), at("out"), at("docs/results.md")];
        let [recipe, out, results] = &paths;
        let own = [
            "compare",
            "--recipe",
            recipe,
            "--out",
            out,
            "--results",
            results,
            "--set",
            &methods,
            "--set",
            &imagenet,
        ];
        sonovox(&[&own, more].concat())
    }

    fn page(&self) -> String {
        fs::read_to_string(self.folder.file("docs/results.md")).expect("a page")
    }

    /// The weights of a cell's encoder.
    fn weights(&self, cell: &str) -> Vec<u8> {
        let file = self.folder.file("out").join(cell).join("encoder.safetensors");
        fs::read(file).expect("weights")
    }

    fn made(&self, cell: &str) -> SystemTime {
        let manifest = self.folder.file("out").join(cell).join("manifest.json");
        fs::metadata(manifest).and_then(|facts| facts.modified()).expect("an artifact")
    }
}

#[test]
fn a_comparison_is_made_in_pieces_and_written_down() {
    let comparison = Comparison::new();
    let said = comparison.call(&["--hours", "0"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let page = comparison.page();
    assert!(page.contains(&format!("**{CELLS} of {CELLS} cells are missing**")), "{page}");
    assert!(page.contains("nothing clinical follows from it"), "{page}");
    assert!(
        page.lines().any(|line| line.starts_with("| words, scrambled") && line.contains("missing")),
        "{page}"
    );

    let said = comparison.call(&["--only", "order"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let first = comparison.made("matched/order/fold-0-seed-4/planes-20");
    assert!(!comparison.folder.has("out/data/scrambled"), "nothing of it was asked for");

    let said = comparison.call(&["--jobs", "3"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(comparison.made("matched/order/fold-0-seed-4/planes-20"), first, "kept");
    let page = comparison.page();
    assert!(page.contains(&format!("All {CELLS} cells are done")), "{page}");
    assert!(!page.contains("missing"), "{page}");
    for row in [
        "| random ",
        "| ImageNet (supervised, SE-ResNeXt, tiny) ",
        "| order ",
        "| words ",
        "| words, scrambled ",
        "| static map ",
        "| words − order ",
        "| chance ",
    ] {
        assert!(page.contains(row), "{row}: {page}");
    }
    let figure = fs::read_to_string(comparison.folder.file("docs/figures/alignment.svg")).expect("a figure");
    assert!(figure.contains("words, scrambled") && figure.contains("alignment_auc"), "{figure}");
    assert!(comparison.folder.has("docs/figures/labels.svg"));
    let figure = fs::read_to_string(comparison.folder.file("docs/figures/affinity.svg")).expect("a figure");
    assert!(figure.contains("words, scrambled") && figure.contains("relevant against unrelated"), "{figure}");
    let kept =
        |method: &str| format!("out/matched/{method}/fold-0-seed-4/pretrain/snapshots/epoch-002.safetensors");
    assert!(comparison.folder.has(&kept("words")) && !comparison.folder.has(&kept("order")));

    pieces(&comparison);
}

/// Recordings of another length have the tables of the study as it was: only the clips tell.
#[test]
fn clips_are_made_anew_with_their_study() {
    let comparison = Comparison::new();
    let few = ["--only", "random", "--set", "compare.label_shares=[1.0]", "--set", "compare.gaze=false"];
    let longer = ["--set", "simulate.seconds=17.0"];
    let frames = || {
        let manifest = comparison.folder.file("out/data/matched/clips/manifest.json");
        let manifest = fs::read_to_string(manifest).expect("clips");
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
        manifest["details"]["recordings"][0]["frames"].as_u64().expect("a number")
    };
    assert_eq!(comparison.call(&few).code, 0);
    let before = frames();
    let said = comparison.call(&[&few[..], &longer].concat()).refused();
    assert!(said.contains("matched/clips: expected no clips"), "{said}");
    assert_eq!(frames(), before, "nothing is lost");
    let said = comparison.call(&[&few[..], &longer, &["--overwrite"]].concat());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(frames() > before);
}

/// Two processes at once, from nothing: one makes the data, both make cells, none is in the other's way.
#[test]
fn two_processes_fill_one_folder() {
    let comparison = Comparison::new();
    let few = ["--only", "random", "--set", "compare.label_shares=[1.0]", "--set", "compare.gaze=false"];
    std::thread::scope(|scope| {
        let calls = [(); 2].map(|()| scope.spawn(|| comparison.call(&few)));
        for call in calls {
            let said = call.join().expect("called");
            assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        }
    });
    for cell in
        ["fold-0-seed-4/probe", "fold-0-seed-4/planes-100", "fold-1-seed-4/probe", "fold-1-seed-4/planes-100"]
    {
        comparison.made(&format!("matched/random/{cell}"));
    }
}

#[test]
fn without_the_imagenet_file_its_rows_are_left_out_and_the_page_says_so() {
    let comparison = Comparison::new();
    let said = comparison.call(&["--hours", "0", "--set", "compare.imagenet=no/such.safetensors"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let page = comparison.page();
    assert!(page.contains("ImageNet start: left out, `no/such.safetensors` is not there."), "{page}");
    assert!(!page.contains("supervised"), "{page}");
    // a file that is there and is no such file is a mistake, not a gap
    let recipe = comparison.folder.path("recipe.toml");
    let said = comparison.call(&["--set", &format!("compare.imagenet={recipe:?}")]).refused();
    assert!(said.contains("recipe.toml") && said.contains("safetensors"), "{said}");
}

/// The methods as they are shipped, from clips to figures: both narrations, alignment by whatever a method was trained to compare.
#[test]
fn every_shipped_method_is_run() {
    let comparison = Comparison::new();
    let methods = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/recipes/methods");
    let methods_dir = format!("compare.methods_dir={:?}", methods.to_str().expect("UTF-8"));
    let said = comparison.call(&[
        "--set",
        &methods_dir,
        "--set",
        "compare.imagenet=none.safetensors",
        "--set",
        "compare.subject=ours",
        "--set",
        "compare.label_shares=[1.0]",
        "--set",
        "compare.gaze=false",
        "--set",
        "split.folds=0",
        "--set",
        "split.test=0.34",
        "--set",
        "pretrain.pairs.groups=2",
        "--set",
        "pretrain.voiced_intervals=8",
        "--set",
        "pretrain.graph.clips=2",
        "--set",
        "pretrain.clusters.count=3",
        "--set",
        "pretrain.run.epochs=3",
    ]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let page = comparison.page();
    assert!(page.contains("cells are done") && !page.contains("missing"), "{page}");
    let speech = page.split("## Speech").nth(1).expect("the section");
    for method in
        ["correspondence", "classification", "paper", "co-attention", "ours", "ours-graded, scrambled"]
    {
        let row = speech.lines().find(|line| line.starts_with(&format!("| {method} "))).expect(method);
        // alignment is the fifth figure
        let alignment = row.split('|').nth(6).map(str::trim).expect("a cell");
        assert!(alignment.parse::<f64>().is_ok_and(f64::is_finite), "{method}: {row}");
    }
}

/// ImageNet's weights are of another network: its own random start stands beside them.
#[test]
fn another_network_comes_with_its_random_twin() {
    let Some(weights) = shared_data("weights") else { return };
    let comparison = Comparison::new();
    let file = weights.join("efficientnet_lite0_imagenet.safetensors");
    let imagenet = format!("compare.imagenet={file:?}");
    let few = ["--set", "compare.label_shares=[1.0]", "--set", "split.folds=0", "--set", "split.test=0.34"];
    let own = ["--set", &imagenet, "--only", "imagenet", "--only", "imagenet-random"];
    let said = comparison.call(&[&few[..], &own[..]].concat());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let page = comparison.page();
    for row in ["| ImageNet (supervised, EfficientNet-Lite0) ", "| random (EfficientNet-Lite0) "] {
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(row)).collect();
        assert_eq!(rows.len(), 3, "probe, fine-tuned, gaze: {page}");
        assert!(rows.iter().all(|row| !row.contains("missing")), "{rows:?}");
    }
    for (method, from) in [("imagenet", "imagenet"), ("imagenet-random", "random")] {
        let cell = format!("out/matched/{method}/fold-0-seed-4/planes-100/manifest.json");
        let manifest = fs::read_to_string(comparison.folder.file(&cell)).expect("a manifest");
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
        assert_eq!(manifest["details"]["encoder"]["from"], from);
        assert_eq!(manifest["details"]["encoder"]["config"]["preset"], "efficientnet-lite0");
    }
}

/// A lost cell is made again, what was made of it too; other settings are not mixed in.
fn pieces(comparison: &Comparison) {
    let alone = "matched/words/fold-1-seed-4/pretrain";
    let side_by_side = comparison.weights(alone);
    fs::remove_dir_all(comparison.folder.file("out").join(alone)).expect("removed");
    let said = comparison.call(&["--jobs", "1"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(comparison.weights(alone) == side_by_side, "the same bytes, made alone or beside others");

    // another process has it: everything else is made, and what is left is counted
    let order = comparison.folder.file("out/matched/order/fold-0-seed-4/pretrain");
    let (kept, partial) = (order.with_extension("kept"), order.with_extension("partial"));
    fs::rename(&order, &kept).expect("moved");
    fs::create_dir(&partial).expect("made");
    let lock = fs::File::create(partial.join(".lock")).expect("made");
    lock.lock().expect("locked");
    let said = comparison.call(&[]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("5 cells are left to another process"), "{}{}", said.out, said.err);
    drop(lock);
    fs::remove_dir_all(&partial).expect("removed");
    fs::rename(&kept, &order).expect("moved");

    let cell = "scrambled/words/fold-1-seed-4/gaze";
    fs::remove_dir_all(comparison.folder.file("out").join(cell)).expect("removed");
    let said = comparison.call(&["--list", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.out.contains(&format!("{} of {CELLS} cells done, 0 of other settings", CELLS - 1)),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("gaze 1/2")
            && said.out.contains("missing: 1 cells, about 0.00 hours, 1 side by side\n"),
        "{}",
        said.out
    );
    assert!(!comparison.folder.has(&format!("out/{cell}")), "a list runs nothing");

    let page = comparison.page();
    let other = ["--set", "gaze.epoch_images=8"];
    let said = comparison.call(&other).refused();
    assert!(said.contains("was made with other settings ([gaze])"), "{said}");
    assert_eq!(comparison.page(), page, "what is refused leaves the page as it is");
    // what is made of a pretraining of other settings is not what is asked for either
    let said = comparison.call(&["--list", "--set", "pretrain.run.epochs=3"]);
    let baselines = 2 * (4 + 4);
    assert!(
        said.out.contains(&format!("{baselines} of {CELLS} cells done, {} of other", CELLS - baselines)),
        "{}",
        said.out
    );
    let manifest = comparison.folder.file("out/matched/order/fold-0-seed-4/gaze/manifest.json");
    let whole = fs::read(&manifest).expect("a manifest");
    fs::write(&manifest, "{\"config\": ").expect("written");
    let said = comparison.call(&["--hours", "0"]).refused();
    assert!(said.contains("gaze/manifest.json: expected JSON"), "{said}");
    assert_eq!(comparison.page(), page, "a cell that cannot be read is no missing one");
    fs::write(&manifest, whole).expect("written");
    let said = comparison.call(&["--seed", "3"]).refused();
    assert!(said.contains("compare.seeds"), "{said}");
    let said = comparison.call(&["--hours", "inf"]).refused();
    assert!(said.contains("--hours must be 0 to 87600, found inf"), "{said}");
    let said = comparison.call(&["--set", "compare.subject=nobody"]).refused();
    assert!(
        said.contains(
            "subject must be a method of the comparison (random, imagenet, order, words), found nobody"
        ),
        "{said}"
    );
    let said = comparison.call(&["--only", "nobody"]).refused();
    assert!(said.contains("expected a method of the comparison (random, imagenet, order, words)"), "{said}");
    let said = comparison.call(&["--set", "gaze.encoder=small"]).refused();
    assert!(
        said.contains("gaze.encoder must be the net of the random encoder") && said.contains("found small"),
        "{said}"
    );

    let planes = comparison.made("matched/words/fold-0-seed-4/planes-100");
    let said = comparison.call(&[&other[..], &["--overwrite"]].concat());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(
        comparison.made("matched/words/fold-0-seed-4/planes-100"),
        planes,
        "only what differs is made anew"
    );
    assert!(comparison.page().contains(&format!("All {CELLS} cells are done")));
}
