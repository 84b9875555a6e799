//! The tables of the results, each from the gathered figures.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cell::{Kind, Method, Narration, percent};
use crate::gather::{Figure, Gathered, OwnedFigure, at, probe_at};
use crate::markdown::Table;
use crate::{Spread, paper};

/// Shown where no cell has the figure yet.
const MISSING: &str = "missing";
/// Shown where a method cannot have the figure.
const NONE: &str = "–";

/// Which protocol detects planes.
#[derive(Clone, Copy, PartialEq)]
pub enum Protocol {
    /// Logistic regression on the frozen encoder.
    Probe,
    /// The encoder is trained on.
    Finetuning,
}

impl Protocol {
    /// The cell and the figure of a macro score at a label share.
    fn figure<'a>(self, share: f64, score: &'a str) -> (Kind, OwnedFigure<'a>) {
        match self {
            Self::Probe => (Kind::Probe, Box::new(probe_at(share, score))),
            Self::Finetuning => {
                let pointer = format!("/macro/{score}");
                (Kind::Planes(share), Box::new(move |value: &Value| at(&pointer)(value)))
            }
        }
    }
}

/// Planes by label share: F1 with its spread, and precision and recall.
pub fn planes(gathered: &Gathered, protocol: Protocol) -> String {
    let shares = &gathered.plan().label_shares;
    let head = shares.iter().map(|&share| format!("F1 (P / R), {} % of labels", percent(share)));
    let mut table = Table::new(["method".to_owned()].into_iter().chain(head));
    each_row(
        gathered,
        |method, narration| {
            let of = |share: f64| {
                let spread = |score: &str| {
                    let (kind, figure) = protocol.figure(share, score);
                    gathered.spread(&method.name, narration, kind, &|value| figure(value).map(|v| 100.0 * v))
                };
                match (spread("f1"), spread("precision"), spread("recall")) {
                    (Some(f1), Some(p), Some(r)) => {
                        format!("{f1:.1} ({:.0} / {:.0}){}", p.mean, r.mean, incomplete(gathered, &f1))
                    }
                    _ => MISSING.to_owned(),
                }
            };
            Some(shares.iter().map(|&share| of(share)).collect())
        },
        &mut table,
    );
    table.text()
}

/// Gaze, with the static map and the uniform one.
pub fn gaze(gathered: &Gathered) -> String {
    const SCORES: [&str; 5] = ["kl", "nss", "auc_judd", "cc", "sim"];
    let mut table = Table::new(["method", "KL (lower)", "NSS", "AUC", "CC", "SIM"]);
    let cells = |method: &str, narration, who: &str| {
        let shown = |score: &str| {
            let pointer = format!("/{who}/{score}");
            show(gathered, (method, narration), Kind::Gaze, &at(&pointer), 2)
        };
        SCORES.iter().map(|score| shown(score)).collect::<Vec<String>>()
    };
    each_row(gathered, |method, narration| Some(cells(&method.name, narration, "model")), &mut table);
    for (name, who) in [("static map", "static"), ("uniform map", "uniform")] {
        // the same in every method's cells, as they test the same frames
        table.row([vec![name.to_owned()], cells(crate::RANDOM, Narration::Matched, who)].concat());
    }
    table.text()
}

/// What the encoders know of held-out speech.
pub fn speech(gathered: &Gathered) -> String {
    let of_recall = |direction: &'static str, k: u64, what: &'static str| -> OwnedFigure<'static> {
        Box::new(move |value| {
            let all = value["retrieval"][direction]["recall"].as_array()?;
            all.iter().find(|recall| recall["k"] == k)?[what].as_f64()
        })
    };
    let recall = |direction: &'static str, k: u64| of_recall(direction, k, "recall");
    let pointer = |pointer: &'static str| -> OwnedFigure<'static> { Box::new(at(pointer)) };
    let columns = [
        ("R@1 v→s", recall("video_to_speech", 1)),
        ("R@1 s→v", recall("speech_to_video", 1)),
        ("R@10 v→s", recall("video_to_speech", 10)),
        ("R@10 s→v", recall("speech_to_video", 10)),
        ("alignment", pointer("/retrieval/alignment_auc")),
        ("affinity", pointer("/affinity/auc")),
        ("affinity, any picture", pointer("/affinity/auc_anywhere")),
        ("right words", pointer("/phrases/auc_video_to_speech")),
        ("right words first v→s", pointer("/phrases/first_video_to_speech")),
        ("right plane first s→v", pointer("/phrases/first_speech_to_video")),
        ("recording from small talk", pointer("/train_shortcut/unrelated/recall")),
        ("from silence", pointer("/train_shortcut/silent/recall")),
    ];
    let mut table = Table::new(["method"].into_iter().chain(columns.iter().map(|(name, _)| *name)));
    each_row(
        gathered,
        |method, narration| {
            let shown =
                |figure: Figure<'_>| show(gathered, (&method.name, narration), Kind::Alignment, figure, 2);
            method.compares.then(|| columns.iter().map(|(_, figure)| shown(figure)).collect())
        },
        &mut table,
    );
    // the same for all methods, as they are asked the same
    let of_any = |figure: Figure<'_>| {
        let spreads = gathered.plan().rows().into_iter().filter_map(|(method, narration)| {
            gathered.spread(&method.name, narration, Kind::Alignment, figure)
        });
        spreads.map(|spread| spread.mean).next()
    };
    let chance = |pointer: &str| of_any(&at(pointer));
    let shown = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.2}"));
    let [first, tenth] = [1, 10].map(|k| shown(of_any(&of_recall("video_to_speech", k, "chance"))));
    let half = || "0.50".to_owned();
    table.row(vec![
        "chance".to_owned(),
        first.clone(),
        first,
        tenth.clone(),
        tenth,
        half(),
        half(),
        half(),
        half(),
        shown(chance("/phrases/first_chance")),
        shown(chance("/phrases/first_chance")),
        shown(chance("/train_shortcut/unrelated/chance")),
        shown(chance("/train_shortcut/silent/chance")),
    ]);
    table.text()
}

/// The differences that the comparison is about: `a` minus `b` in F1, turn by turn.
pub fn differences(gathered: &Gathered, subject: &str, steps: &[String]) -> String {
    let methods = &gathered.plan().methods;
    let mut rows = Vec::new();
    for method in methods.iter().filter(|method| method.hears) {
        rows.push(Difference::of_narration(&method.name));
    }
    let known: Vec<&Method> =
        steps.iter().filter_map(|step| methods.iter().find(|method| method.name == *step)).collect();
    for pair in known.windows(2) {
        rows.push(Difference::of_methods(&pair[1].title, pair[1], pair[0]));
    }
    rows.extend(against_others(gathered, subject));
    table_of_differences(gathered, &rows, &|_| true)
}

/// The differences between the method that the others are held against and the others, its scrambled control among them, over the
/// folds on which it was not developed.
pub fn differences_elsewhere(gathered: &Gathered, subject: &str, developed_on: &[u32]) -> String {
    let rows = [vec![Difference::of_narration(subject)], against_others(gathered, subject)].concat();
    table_of_differences(gathered, &rows, &|fold| !developed_on.contains(&fold))
}

/// What is subtracted from what.
#[derive(Clone)]
struct Difference {
    name: String,
    a: (String, Narration),
    b: (String, Narration),
}

impl Difference {
    fn of_narration(method: &str) -> Self {
        Self {
            name: format!("{method}: matched − scrambled"),
            a: (method.to_owned(), Narration::Matched),
            b: (method.to_owned(), Narration::Scrambled),
        }
    }

    fn of_methods(called: &str, a: &Method, b: &Method) -> Self {
        Self {
            name: format!("{called} − {}", b.title),
            a: (a.name.clone(), Narration::Matched),
            b: (b.name.clone(), Narration::Matched),
        }
    }
}

fn against_others(gathered: &Gathered, subject: &str) -> Vec<Difference> {
    let methods = &gathered.plan().methods;
    let Some(own) = methods.iter().find(|method| method.name == subject) else { return Vec::new() };
    let others = methods.iter().filter(|method| method.name != subject);
    others.map(|other| Difference::of_methods(subject, own, other)).collect()
}

fn table_of_differences(gathered: &Gathered, rows: &[Difference], is_asked: &dyn Fn(u32) -> bool) -> String {
    let shares = &gathered.plan().label_shares;
    let columns: Vec<(Protocol, f64)> = [Protocol::Probe, Protocol::Finetuning]
        .into_iter()
        .flat_map(|protocol| shares.iter().map(move |&share| (protocol, share)))
        .collect();
    let head = columns.iter().map(|&(protocol, share)| {
        let name = if protocol == Protocol::Probe { "probe" } else { "fine-tuned" };
        format!("{name}, {} %", percent(share))
    });
    let mut table = Table::new(["F1 of".to_owned()].into_iter().chain(head));
    for Difference { name, a, b } in rows {
        let cells = columns.iter().map(|&(protocol, share)| {
            let (kind, figure) = protocol.figure(share, "f1");
            let f1 = |value: &Value| figure(value).map(|v| 100.0 * v);
            difference(&gathered.differences((&a.0, a.1), (&b.0, b.1), kind, &f1, is_asked))
        });
        table.row([name.clone()].into_iter().chain(cells).collect());
    }
    table.text()
}

/// Mean difference with its spread, and in how many turns it is above 0.
fn difference(values: &[f64]) -> String {
    let Some(spread) = Spread::of(values) else { return MISSING.to_owned() };
    let above = values.iter().filter(|value| **value > 0.0).count();
    format!("{spread:+.1} ({above}/{})", spread.count)
}

/// Alarms of the last epoch of pretraining, and in how many turns each was raised.
pub fn alarms(gathered: &Gathered) -> String {
    let mut table = Table::new(["method", "turns", "raised in the last epoch"]);
    each_row(
        gathered,
        |method, narration| {
            let turns: Vec<&[String]> = gathered.alarms(&method.name, narration).collect();
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            turns.iter().copied().flatten().for_each(|name| *counts.entry(name).or_default() += 1);
            let named: Vec<String> = counts.iter().map(|(name, count)| format!("`{name}` {count}")).collect();
            let raised = match (turns.len(), named.len()) {
                (0, _) => MISSING.to_owned(),
                (_, 0) => "none".to_owned(),
                _ => named.join(", "),
            };
            method.pretrains.then(|| vec![turns.len().to_string(), raised])
        },
        &mut table,
    );
    table.text()
}

/// The published plane detection.
pub fn paper_planes() -> String {
    let mut table = Table::new(["pretraining", "F1", "precision", "recall"]);
    for (name, [precision, recall, f1]) in paper::PLANES {
        let shown = |(mean, std): (f64, f64)| format!("{mean:.1} ± {std:.1}");
        table.row(vec![name.to_owned(), shown(f1), shown(precision), shown(recall)]);
    }
    table.text()
}

/// The published gaze prediction.
pub fn paper_gaze() -> String {
    let mut table = Table::new(["pretraining", "KL (lower)", "NSS", "AUC", "CC", "SIM"]);
    for (name, scores) in paper::GAZE {
        table.row([name.to_owned()].into_iter().chain(scores.map(|score| format!("{score:.2}"))).collect());
    }
    table.text()
}

/// The published ablation.
pub fn paper_ablation() -> String {
    let mut table = Table::new(["losses", "F1", "gaze KL"]);
    for (name, f1, kl) in paper::ABLATION {
        table.row(vec![name.to_owned(), format!("{f1:.1}"), format!("{kl:.2}")]);
    }
    table.text()
}

/// A row to each method and narration; none where `cells` gives none.
fn each_row(
    gathered: &Gathered,
    cells: impl Fn(&Method, Narration) -> Option<Vec<String>>,
    table: &mut Table,
) {
    for (method, narration) in gathered.plan().rows() {
        let name = match narration {
            Narration::Matched => method.title.clone(),
            Narration::Scrambled => format!("{}, scrambled", method.title),
        };
        if let Some(cells) = cells(method, narration) {
            table.row([vec![name], cells].concat());
        }
    }
}

/// The mean of a figure with its spread; "missing" where cells are, a dash where they are all there and none has it.
fn show(
    gathered: &Gathered,
    row: (&str, Narration),
    kind: Kind,
    figure: Figure<'_>,
    decimals: usize,
) -> String {
    match gathered.spread(row.0, row.1, kind, figure) {
        Some(spread) => format!("{spread:.decimals$}{}", incomplete(gathered, &spread)),
        None if gathered.is_complete(row.0, row.1, kind) => NONE.to_owned(),
        None => MISSING.to_owned(),
    }
}

/// ` [2]` where only two turns are there.
fn incomplete(gathered: &Gathered, spread: &Spread) -> String {
    if spread.count == gathered.plan().turns().len() { String::new() } else { format!(" [{}]", spread.count) }
}
