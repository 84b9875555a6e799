//! The phrases a sonographer says, by what they are about.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rand::Rng;
use rand::seq::SliceRandom;

use super::grammar::{self, Phrasing};
use crate::SimulateError;
use crate::rng::stream;

/// Label of phrases about no plane in particular: the search, and what floats by.
pub const BACKGROUND: &str = "background";
/// Label of phrases about the picture that do not say what it shows.
pub const VAGUE: &str = "vague";
/// Label of talk that has nothing to do with the picture.
pub const CHAT: &str = "chat";
/// Label, in phrase files, of what other people say; it counts as [`CHAT`].
pub const CHAT_OTHER: &str = "chat-other";

const BUILT_IN: &str = include_str!("../../../../data/narration/grammar.txt");
const BUILT_IN_NAME: &str = "data/narration/grammar.txt (built in)";

/// A part of a study's subjects that is held out together: which one, out of how many.
pub type Fold = (usize, usize);

/// Phrasings by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrases {
    origin: String,
    labels: BTreeMap<String, Vec<Phrasing>>,
}

impl Phrases {
    /// The phrases of a CSV file (`label,text`, each row a phrasing of its own), or those of the built-in grammar, with
    /// at least one for each of the labels `needed` ([`Topics::labels`](super::Topics::labels)). `vague` and `chat-other`
    /// may be missing.
    ///
    /// # Errors
    /// A file that cannot be read, is no CSV with the columns `label,text`, has an empty cell or lacks a label.
    pub fn load(path: Option<&Path>, needed: &[String]) -> Result<Self, SimulateError> {
        let phrases = match path {
            None => Self::built_in(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| SimulateError::Io {
                    doing: "reading",
                    path: path.to_owned(),
                    source,
                })?;
                Self::parse_csv(&path.display().to_string(), &text)?
            }
        };
        let missing: Vec<&str> =
            needed.iter().map(String::as_str).filter(|label| phrases.of(label).is_empty()).collect();
        if missing.is_empty() {
            return Ok(phrases);
        }
        Err(fault(phrases.origin, format!("phrases labelled {}", missing.join(", ")), "none".to_owned()))
    }

    fn built_in() -> Self {
        let labels = grammar::parse(BUILT_IN).expect("a test parses the built-in grammar");
        Self { origin: BUILT_IN_NAME.to_owned(), labels }
    }

    /// Phrasings with a label; none for an unknown one.
    pub fn of(&self, label: &str) -> &[Phrasing] {
        self.labels.get(label).map_or(&[], Vec::as_slice)
    }

    /// Those that recordings of a fold may say: of the phrasings of each of `planes` a share that no other fold has, and
    /// all of the rest. Which are whose follows from the seed.
    ///
    /// # Errors
    /// A plane with fewer phrasings than there are folds.
    pub fn in_fold(&self, planes: &[String], (index, count): Fold, seed: u64) -> Result<Self, SimulateError> {
        let mut part = self.clone();
        // a text that a file gives to two planes is in the same fold for both
        let mut fold_of: HashMap<&str, usize> = HashMap::new();
        for plane in planes {
            let mut phrasings: Vec<&Phrasing> = self.of(plane).iter().collect();
            phrasings.sort_by_key(|phrasing| mean_length(phrasing));
            let rng = &mut stream(seed, &format!("fold of {plane}"), 0);
            let mut shift = 0;
            for (i, phrasing) in phrasings.into_iter().enumerate() {
                // dealt out by length, a round at a time: every fold can say something short and something long
                if i % count == 0 {
                    shift = rng.random_range(0..count);
                }
                fold_of.entry(&phrasing.texts[0]).or_insert((i + shift) % count);
            }
            let kept = part.labels.get_mut(plane).expect("every plane has phrases");
            kept.retain(|phrasing| fold_of[phrasing.texts[0].as_str()] == index);
            if kept.is_empty() {
                let expected = format!("at least {count} phrasings of {plane}, one for each fold");
                let hint = "too few; speech.hold_out.phrasings = false lets folds share them".to_owned();
                return Err(fault(self.origin.clone(), expected, hint));
            }
        }
        Ok(part)
    }

    /// At most `texts` texts to every label but small talk, each a phrasing of its own: of phrasings in a drawn order the first ones,
    /// a text of each, and further texts of the same where there are too few. Which they are follows from the seed.
    pub fn repertoire(&self, texts: usize, seed: u64) -> Self {
        let mut part = self.clone();
        for (label, phrasings) in
            part.labels.iter_mut().filter(|(label, _)| ![CHAT, CHAT_OTHER].contains(&label.as_str()))
        {
            let rng = &mut stream(seed, &format!("repertoire of {label}"), 0);
            let mut drawn: Vec<Phrasing> = std::mem::take(phrasings);
            drawn.shuffle(rng);
            drawn.iter_mut().for_each(|phrasing| phrasing.texts.shuffle(rng));
            let longest = drawn.iter().map(|phrasing| phrasing.texts.len()).max().unwrap_or(0);
            let rounds = (0..longest).flat_map(|round| drawn.iter().map(move |of| (round, of)));
            let kept = rounds.filter_map(|(round, of)| {
                let text = of.texts.get(round)?.clone();
                let id = if round == 0 { of.id.clone() } else { format!("{}-{}", of.id, round + 1) };
                Some(Phrasing { id, texts: vec![text] })
            });
            *phrasings = kept.take(texts).collect();
        }
        part
    }

    fn parse_csv(origin: &str, text: &str) -> Result<Self, SimulateError> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let unreadable = |error: csv::Error| {
            fault(origin.to_owned(), "a CSV table in UTF-8".to_owned(), error.to_string())
        };
        let header = reader.headers().map_err(unreadable)?.clone();
        if header != vec!["label", "text"] {
            let found = header.iter().collect::<Vec<_>>().join(",");
            return Err(fault(origin.to_owned(), "the columns label,text".to_owned(), found));
        }
        let mut phrases = Self::none_of(origin.to_owned());
        for row in reader.records() {
            let row = row.map_err(unreadable)?;
            let (label, text) = (row[0].trim(), row[1].trim());
            if label.is_empty() || text.is_empty() {
                let line = row.position().map_or(0, csv::Position::line);
                return Err(fault(
                    format!("{origin}, line {line}"),
                    "a label and a text".to_owned(),
                    "an empty cell".to_owned(),
                ));
            }
            phrases.add(label, text);
        }
        Ok(phrases)
    }

    /// No phrases yet, of a file.
    pub(super) fn none_of(origin: String) -> Self {
        Self { origin, labels: BTreeMap::new() }
    }

    /// Adds a text as a phrasing of its own, unless the label has it.
    pub(super) fn add(&mut self, label: &str, text: &str) {
        let phrasings = self.labels.entry(label.to_owned()).or_default();
        if phrasings.iter().all(|known| known.texts[0] != text) {
            let id = format!("{label}/{}", phrasings.len() + 1);
            phrasings.push(Phrasing { id, texts: vec![text.to_owned()] });
        }
    }
}

fn mean_length(phrasing: &Phrasing) -> usize {
    phrasing.texts.iter().map(String::len).sum::<usize>() / phrasing.texts.len()
}

pub(super) fn fault(origin: String, expected: String, found: String) -> SimulateError {
    SimulateError::Phrases { origin, expected, found }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::anatomy::PLANE_NAMES;

    /// The 13 planes of the method, whichever of them can be drawn so far.
    const PLANES: [&str; 13] = [
        "3VT", "4CH", "abdomen", "femur", "BrainTv", "kidneys", "LVOT", "lips", "profile", "RVOT", "BrainTc",
        "SpineCor", "SpineSag",
    ];

    fn planes() -> Vec<String> {
        PLANES.map(str::to_owned).to_vec()
    }

    fn texts<'a>(phrases: &'a Phrases, label: &str) -> HashSet<&'a str> {
        phrases.of(label).iter().flat_map(|phrasing| &phrasing.texts).map(String::as_str).collect()
    }

    #[test]
    fn the_built_in_phrases_are_hundreds_to_a_label() {
        grammar::parse(BUILT_IN).unwrap();
        let phrases = Phrases::load(None, &planes()).unwrap();
        for name in PLANE_NAMES {
            assert!(PLANES.contains(&name), "{name} has no phrases");
        }
        for plane in PLANES {
            let count = texts(&phrases, plane).len();
            println!("{plane}: {} phrasings, {count} texts", phrases.of(plane).len());
            assert!(count >= 300, "{plane}: {count}");
            assert!(phrases.of(plane).len() >= 12, "{plane}: {}", phrases.of(plane).len());
        }
        for label in [BACKGROUND, VAGUE, CHAT, CHAT_OTHER] {
            let count = texts(&phrases, label).len();
            println!("{label}: {} phrasings, {count} texts", phrases.of(label).len());
            assert!(count >= 200, "{label}: {count}");
        }
    }

    #[test]
    fn a_repertoire_is_a_few_texts_of_different_phrasings_and_leaves_small_talk() {
        let all = Phrases::load(None, &planes()).unwrap();
        let few = all.repertoire(4, 7);
        assert_eq!(few, all.repertoire(4, 7));
        assert_ne!(few, all.repertoire(4, 8));
        for label in PLANES.into_iter().chain([BACKGROUND, VAGUE]) {
            assert_eq!((few.of(label).len(), texts(&few, label).len()), (4, 4), "{label}");
            assert!(texts(&few, label).is_subset(&texts(&all, label)), "{label}");
            let of: HashSet<&str> = few.of(label).iter().map(|phrasing| phrasing.id.as_str()).collect();
            assert_eq!(of.len(), 4, "{label}: of different phrasings");
        }
        assert_eq!((few.of(CHAT), few.of(CHAT_OTHER)), (all.of(CHAT), all.of(CHAT_OTHER)));
        let (many, whole) = (all.repertoire(100_000, 7), texts(&all, "femur"));
        assert_eq!(texts(&many, "femur"), whole, "there are no more");
        assert_eq!(many.of("femur").len(), whole.len());
    }

    #[test]
    fn no_text_has_two_labels_and_planes_share_words() {
        let phrases = Phrases::load(None, &planes()).unwrap();
        let mut label_of = HashMap::new();
        for label in PLANES.into_iter().chain([BACKGROUND, VAGUE, CHAT, CHAT_OTHER]) {
            for text in texts(&phrases, label) {
                assert_eq!(label_of.insert(text, label), None, "{text}");
                assert!(!text.contains(['{', '}', '$', '|']) && !text.contains("  "), "{text}");
            }
        }
        let planes_with = |word: &str| {
            let has = |plane: &&str| {
                texts(&phrases, plane)
                    .iter()
                    .any(|text| text.split(|c: char| !c.is_alphanumeric()).any(|w| w == word))
            };
            PLANES.iter().filter(|plane| has(plane)).count()
        };
        for (word, least) in
            [("heart", 4), ("spine", 5), ("head", 3), ("measure", 4), ("left", 5), ("aorta", 3)]
        {
            assert!(planes_with(word) >= least, "{word}: {} planes", planes_with(word));
        }
    }

    #[test]
    fn folds_share_no_phrasing_of_a_plane_and_each_can_be_short_and_long() {
        let phrases = Phrases::load(None, &planes()).unwrap();
        for count in [2, 3, 5] {
            let folds: Vec<Phrases> =
                (0..count).map(|index| phrases.in_fold(&planes(), (index, count), 9).unwrap()).collect();
            for plane in PLANES {
                let parts: Vec<HashSet<&str>> = folds.iter().map(|fold| texts(fold, plane)).collect();
                let all: HashSet<&str> = parts.iter().flatten().copied().collect();
                assert_eq!(parts.iter().map(HashSet::len).sum::<usize>(), all.len());
                assert_eq!(all, texts(&phrases, plane));
                // five folds of sixteen phrasings have three each
                for part in parts.iter().filter(|_| count < 5) {
                    let lengths = || part.iter().map(|text| text.len());
                    assert!(lengths().min().unwrap() <= 30 && lengths().max().unwrap() >= 60, "{plane}");
                }
            }
            assert_eq!(folds[0].of(CHAT), phrases.of(CHAT));
            assert_eq!(folds[0], phrases.in_fold(&planes(), (0, count), 9).unwrap());
            assert_ne!(folds[0], phrases.in_fold(&planes(), (0, count), 10).unwrap());
        }
        let message = phrases.in_fold(&planes(), (0, 40), 9).unwrap_err().to_string();
        assert!(message.contains("at least 40 phrasings") && message.contains("hold_out"), "{message}");
    }

    #[test]
    fn a_file_of_one_s_own_serves_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.csv");
        std::fs::write(&path, "label,text\nelbow,an elbow\nelbow,an elbow\nbackground,hm\nchat,hello\n")
            .unwrap();
        let phrases = Phrases::load(Some(&path), &["elbow".to_owned()]).unwrap();
        assert_eq!(
            phrases.of("elbow"),
            [Phrasing { id: "elbow/1".to_owned(), texts: vec!["an elbow".to_owned()] }]
        );
        assert!(phrases.of(VAGUE).is_empty());
    }

    #[test]
    fn faults_are_named() {
        let message = |text| Phrases::parse_csv("my.csv", text).unwrap_err().to_string();
        assert!(message("plane,words\n4CH,hello\n").contains("found plane,words"));
        assert!(message("label,text\n4CH,\n").contains("my.csv, line 2"));
        assert!(message("label,text\n4CH,a,b\n").contains("my.csv"));
        let missing = Phrases::load(None, &["elbow".to_owned()]).unwrap_err().to_string();
        assert!(missing.contains("elbow"), "{missing}");
    }
}
