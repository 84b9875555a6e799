//! The page of results.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::gather::Gathered;
use crate::tables::{self, Protocol};
use crate::{Baseline, ReportError, paper};

/// What the page says beside its tables.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// What the cells are: study, network, epochs. A line each.
    pub sizes: Vec<String>,
    /// The method that the others are held against.
    pub subject: String,
    /// Methods of an ablation, each held against the one before it.
    pub steps: Vec<String>,
    /// Folds on whose test subjects that method's settings were chosen.
    pub developed_on: Vec<u32>,
    /// Figures to show: what each shows, and its path from the page.
    pub figures: Vec<(String, String)>,
    /// Whose pictures were learned on.
    pub pictures: Pictures,
}

/// Whose pictures were learned on, and so what can be claimed.
#[derive(Clone, Debug, Default)]
pub enum Pictures {
    /// Drawn ones.
    #[default]
    Simulated,
    /// Real ones under which speech was laid.
    Real {
        /// How well labels are guessed without a look at the picture, where that was measured.
        baseline: Option<Baseline>,
    },
}

const SIMULATED: &str = "Everything here is learned and tested on simulated\nscans with simulated narration. It shows whether a method can use what is said; **nothing clinical follows from it**.";

const REAL: &str = "**The images are real, the speech is not**: spoken phrases\nwere synthesised and laid under joined videos by us (docs/over-videos.md). The labels are confounded with where a video comes from, so that\na high figure need not be one of looking at the lung. **Nothing clinical follows from it**; it shows whether the order of methods that simulated\nscans give holds on real speckle.";

/// Writes the page `path` from what has been gathered.
///
/// # Errors
/// When it cannot be written.
pub fn write_results(path: &Path, gathered: &Gathered, notes: &Notes) -> Result<(), ReportError> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(ReportError::io(dir))?;
    }
    // whole or not at all: several processes may fill one folder of cells
    let half = path.with_extension("md.partial");
    fs::write(&half, page(gathered, notes)).map_err(ReportError::io(&half))?;
    fs::rename(&half, path).map_err(ReportError::io(path))
}

fn page(gathered: &Gathered, notes: &Notes) -> String {
    let turns = gathered.plan().turns().len();
    let (folds, seeds) = (gathered.plan().folds, gathered.plan().seeds.len());
    let (title, claim) = match notes.pictures {
        Pictures::Simulated => ("Results", SIMULATED),
        Pictures::Real { .. } => ("Results on real images", REAL),
    };
    let mut page = format!(
        "# {title}\n\nWritten by `sonovox compare` from the cells that are done; do not edit. {claim}\n\n\
         Mean ± standard deviation over folds by subject ({folds}) and seeds ({seeds}), {turns} turns in all; `[n]` where only n are \
         done.\nA fold's subjects are the same with every seed, so that the turns are {folds} sets of test subjects. The same seed gives every method \
         the same labels.\nFew labels are few to train on: epochs and penalties are chosen by all labels of the validation subjects. *Scrambled*: pretrained on the same voices at the same \
         times, saying\nanother plane's words; a gain that is there as well has nothing to do with what is said.\n\n"
    );
    for line in &notes.sizes {
        page += &format!("- {line}\n");
    }
    page += "- Why methods come out as they do, and what was tried: docs/method.md.\n";
    page += &missing(gathered);
    let mut section = |title: &str, words: &str, table: String| {
        page += &format!("\n## {title}\n\n{words}\n\n{table}");
    };
    section(
        "Planes, frozen probe",
        "Macro F1, precision and recall in percent. Logistic regression on the pooled last map; nothing of the encoder is \
         trained (the\nnormalisation of a random one has seen no data).",
        tables::planes(gathered, Protocol::Probe),
    );
    section(
        "Planes, fine-tuned",
        "Macro F1, precision and recall in percent. Encoder and head are trained on the labels.",
        tables::planes(gathered, Protocol::Finetuning),
    );
    section(
        "Differences",
        "In points of F1, turn by turn, with the number of turns above 0: what does not depend on how hard a fold is.",
        tables::differences(gathered, &notes.subject, &notes.steps),
    );
    if !notes.developed_on.is_empty() {
        let folds: Vec<String> = notes.developed_on.iter().map(ToString::to_string).collect();
        section(
            "Differences on the other folds",
            &format!(
                "The settings of {} were chosen by figures of test subjects of fold {}. The same differences without it: subjects that \
                 nothing was\nchosen by.",
                notes.subject,
                folds.join(", ")
            ),
            tables::differences_elsewhere(gathered, &notes.subject, &notes.developed_on),
        );
    }
    if gathered.plan().gaze {
        section(
            "Gaze, fine-tuned",
            "With all gaze that there is: shares of the labels are shares of labelled planes. The static map is the mean of the training \
             targets: a\nmodel that is no better has not learned to look at the image.",
            tables::gaze(gathered),
        );
    }
    section(
        "Speech",
        "On held-out subjects. Recall of the right moment among all (v→s: a frame asks for its speech); *alignment*: the same \
         as an area\nunder the curve; *affinity*: does the similarity tell utterances that name the plane on the screen from small \
         talk over a plane, or over\nany picture; *right words*: a plane's picture against words about its own and about \
         other planes, from other recordings (an area), and how\noften the right plane is first among all (recall at 1 by relevance). The last \
         two are the shortcut, on training recordings: speech\nwithout content must not find its recording. Similarity is what was trained \
         to compare: a cosine, or the logit of L_cls or L_sync.",
        tables::speech(gathered),
    );
    section(
        "Alarms",
        "What pretraining itself warned of in its last epoch (docs/method.md, \"What is watched\"), with the number of turns.",
        tables::alarms(gathered),
    );
    match &notes.pictures {
        Pictures::Simulated => section(
            "The published figures: other data",
            &format!(
                "{}. Real scans, larger nets, all labels: orders can be compared, numbers cannot.",
                paper::SOURCE
            ),
            [tables::paper_planes(), tables::paper_gaze(), tables::paper_ablation()].join("\n"),
        ),
        Pictures::Real { baseline } => section(
            "Without a look at the picture",
            &words_of(baseline.as_ref()),
            table_of(baseline.as_ref()),
        ),
    }
    for (caption, file) in &notes.figures {
        page += &format!("\n![{caption}]({file})\n\n{caption}\n");
    }
    page
}

/// What the baseline is.
fn words_of(baseline: Option<&Baseline>) -> String {
    let why = "The label guessed by the facts of a file (size, rate, length, codec, ...), fitted and tested on the same folds: what a \
               detector must\nbeat before its figure says that it looks at the image.";
    baseline.map_or_else(|| why.to_owned(), |baseline| format!("{why} {}", baseline.what))
}

fn table_of(baseline: Option<&Baseline>) -> String {
    baseline.map_or_else(
        || "**missing**: scripts/measure-metadata has not been run on this study.\n".to_owned(),
        Baseline::table,
    )
}

/// One line to each kind of missing cell and method.
fn missing(gathered: &Gathered) -> String {
    let total = gathered.plan().cells().len();
    let missing = gathered.missing();
    if missing.is_empty() {
        return format!("- All {total} cells are done.\n");
    }
    let mut by_row: BTreeMap<String, usize> = BTreeMap::new();
    for cell in missing {
        *by_row.entry(format!("{} ({})", cell.method, cell.narration)).or_default() += 1;
    }
    let rows: Vec<String> = by_row.iter().map(|(row, count)| format!("{row} {count}")).collect();
    format!("- **{} of {total} cells are missing**: {}.\n", missing.len(), rows.join(", "))
}
