//! Signs that a run fools itself, looked for after every epoch: logged, counted, and named in the summary.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use sonovox_train::TrainError;

/// A loss of at least this share of its chance level has learned nothing that shows.
const AT_CHANCE: f64 = 0.98;
/// Fewer directions than this, and embeddings have collapsed.
const LEAST_RANK: f64 = 2.0;
/// Below this spread all embeddings point the same way.
const LEAST_SPREAD: f64 = 0.02;
/// Above this share of clamped pairs Eq. 2 sends little gradient through its margins.
const MOST_CLAMPED: f64 = 0.25;
/// Standard errors above chance from which on a recall of the recording is no accident.
const STANDARD_ERRORS: f64 = 3.0;
/// Losses that train the embeddings of frames and speech.
const EMBEDDING_LOSSES: [&str; 2] = ["loss_cls", "loss_cont"];
const STATE: &str = "alarms";

/// Every alarm, and what it means.
const ALARMS: [(&str, &str); 18] = [
    ("collapse_video", "frames all get nearly the same embedding"),
    ("collapse_speech", "speech all gets nearly the same embedding"),
    ("chance_cls", "L_cls stays at its chance level in training"),
    ("chance_cont", "L_cont stays at its chance level in training"),
    ("chance_ord", "L_ord stays at its chance level in training"),
    ("chance_affine", "L_aff stays at its chance level in training"),
    ("chance_sync", "L_sync stays at its chance level in training"),
    ("chance_graph_intra", "the contrast within snippets stays at its chance level in training"),
    ("chance_graph_inter", "the contrast between snippets stays at its chance level in training"),
    ("chance_snippets", "snippet order stays at its chance level in training"),
    ("chance_video_views", "two frames of an interval are as far apart as any in training"),
    ("chance_speech_views", "two windows of an interval are as far apart as any in training"),
    ("chance_video_clusters", "video tells no cluster of speech in training"),
    ("chance_speech_clusters", "speech tells no cluster of video in training"),
    ("clamped_pairs", "more than a quarter of the pairs of Eq. 2 are clamped"),
    ("temperature_at_bound", "the temperature lies at its smallest value"),
    ("shortcut_silent", "silence finds its recording: room and machine are learned"),
    ("shortcut_unrelated", "unrelated speech finds its recording: the voice is learned"),
];

/// Which alarms were raised, in how many epochs.
pub struct Alarms {
    smallest_temperature: f64,
    epochs: [u64; ALARMS.len()],
    last: [bool; ALARMS.len()],
    looked: u64,
}

impl Alarms {
    /// Nothing raised yet.
    pub fn new(smallest_temperature: f64) -> Self {
        let (epochs, last) = ([0; ALARMS.len()], [false; ALARMS.len()]);
        Self { smallest_temperature, epochs, last, looked: 0 }
    }

    /// Looks at an epoch's means of training (`loss_X` beside `chance_X`, the level of networks that know nothing) and at its held-out
    /// values; gives what is raised, with the value that raised it.
    pub fn look(&mut self, train: &[(String, f64)], held_out: &[(String, f64)]) -> Vec<(String, f64)> {
        self.looked += 1;
        let mut raised = Vec::new();
        for (at, (name, _)) in ALARMS.iter().enumerate() {
            let value = self.value(name, train, held_out);
            self.last[at] = value.is_some();
            self.epochs[at] += u64::from(value.is_some());
            raised.extend(value.map(|value| ((*name).to_owned(), value)));
        }
        raised
    }

    /// The value that raises the alarm, if it is raised.
    fn value(&self, name: &str, train: &[(String, f64)], held_out: &[(String, f64)]) -> Option<f64> {
        let of = |values: &[(String, f64)], name: &str| {
            values.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
        };
        let (kind, what) = name.split_once('_')?;
        match (kind, what) {
            // embeddings that no loss has trained yet are alike, and need not stay so
            ("collapse", _) if !EMBEDDING_LOSSES.iter().any(|loss| of(train, loss).is_some()) => None,
            ("collapse", stream) => {
                let rank = of(held_out, &format!("effective_rank_{stream}"))?;
                let spread = of(held_out, &format!("spread_{stream}"))?;
                (rank < LEAST_RANK || spread < LEAST_SPREAD).then_some(rank)
            }
            ("chance", loss) => {
                let level = of(train, name)?;
                of(train, &format!("loss_{loss}")).filter(|mean| *mean >= AT_CHANCE * level)
            }
            ("clamped", _) => of(train, "clamped_share").filter(|share| *share > MOST_CLAMPED),
            ("temperature", _) => of(train, "temperature").filter(|t| *t <= 1.01 * self.smallest_temperature),
            (_, windows) => {
                let recall = of(held_out, &format!("train_recording_recall_{windows}"))?;
                let chance = of(held_out, &format!("chance_train_recording_recall_{windows}"))?;
                // as many queries as recordings
                let error = (chance * (1.0 - chance) * chance).sqrt();
                (recall > chance + STANDARD_ERRORS * error).then_some(recall)
            }
        }
    }

    /// A line to every alarm that was ever raised.
    pub fn summary(&self) -> Vec<String> {
        let line = |at: usize| {
            let ((name, meaning), epochs) = (ALARMS[at], self.epochs[at]);
            let last = if self.last[at] { ", in the last one too" } else { "" };
            (epochs > 0).then(|| format!("{name}: {meaning} ({epochs} of {} epochs{last})", self.looked))
        };
        (0..ALARMS.len()).filter_map(line).collect()
    }

    /// What a checkpoint keeps.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let mut values = vec![self.looked as f64];
        values.extend(self.epochs.iter().map(|&epochs| epochs as f64));
        values.extend(self.last.iter().map(|&last| f64::from(u8::from(last))));
        Ok(BTreeMap::from([(STATE.to_owned(), Tensor::new(values, &Device::Cpu)?)]))
    }

    /// Takes back what [`Alarms::state`] gave.
    ///
    /// # Errors
    /// When it is not that.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        let found = state.get(STATE).map(Tensor::to_vec1::<f64>).transpose()?.unwrap_or_default();
        if found.len() != 1 + 2 * ALARMS.len() {
            let cause =
                format!("the checkpoint: expected {} alarms, found {}", ALARMS.len(), found.len() / 2);
            return Err(TrainError::Task(cause.into()));
        }
        self.looked = found[0] as u64;
        let (epochs, last) = found[1..].split_at(ALARMS.len());
        self.epochs.iter_mut().zip(epochs).for_each(|(to, &from)| *to = from as u64);
        self.last.iter_mut().zip(last).for_each(|(to, &from)| *to = from == 1.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(of: &[(&str, f64)]) -> Values {
        of.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    }

    type Values = Vec<(String, f64)>;

    const LEAST_CHANCE: f64 = 1.0 / 32.0;

    /// An epoch in which nothing is wrong, as near to the limits as that can be.
    fn good() -> (Values, Values) {
        let mut train = values(&[("clamped_share", 0.25), ("temperature", 0.0102)]);
        let mut held_out = Vec::new();
        for (name, _) in ALARMS {
            if let Some(loss) = name.strip_prefix("chance_") {
                train.extend([(format!("loss_{loss}"), 0.97), (name.to_owned(), 1.0)]);
            }
            if let Some(stream) = name.strip_prefix("collapse_") {
                held_out
                    .extend([(format!("effective_rank_{stream}"), 2.0), (format!("spread_{stream}"), 0.02)]);
            }
            if let Some(windows) = name.strip_prefix("shortcut_") {
                let recall = format!("train_recording_recall_{windows}");
                held_out.extend([(format!("chance_{recall}"), LEAST_CHANCE), (recall, 0.122)]);
            }
        }
        (train, held_out)
    }

    fn set(values: &mut [(String, f64)], name: &str, to: f64) {
        values.iter_mut().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1 = to;
    }

    /// One sign at a time, a little beyond its limit: its alarm is raised and no other.
    #[test]
    fn every_alarm_is_raised_by_its_own_sign_alone() {
        let mut quiet = Alarms::new(0.01);
        let (train, held_out) = good();
        assert_eq!(quiet.look(&train, &held_out), []);
        assert!(quiet.summary().is_empty());
        for (name, _) in ALARMS {
            let (mut train, mut held_out) = good();
            let (kind, what) = name.split_once('_').expect("two words");
            let (values, sign, value) = match kind {
                "chance" => (&mut train, format!("loss_{what}"), 0.99),
                "collapse" => (&mut held_out, format!("effective_rank_{what}"), 1.9),
                "shortcut" => (&mut held_out, format!("train_recording_recall_{what}"), 0.126),
                "clamped" => (&mut train, "clamped_share".to_owned(), 0.26),
                _ => (&mut train, "temperature".to_owned(), 0.01),
            };
            set(values, &sign, value);
            let mut alarms = Alarms::new(0.01);
            assert_eq!(alarms.look(&train, &held_out), [(name.to_owned(), value)]);
            assert!(alarms.summary()[0].starts_with(&format!("{name}: ")), "{:?}", alarms.summary());
        }
    }

    #[test]
    fn a_small_spread_is_a_collapse_too_but_not_of_what_no_loss_has_trained() {
        let (mut train, mut held_out) = good();
        set(&mut held_out, "spread_speech", 0.019);
        assert_eq!(Alarms::new(0.01).look(&train, &held_out), [("collapse_speech".to_owned(), 2.0)]);
        train.retain(|(name, _)| !EMBEDDING_LOSSES.contains(&name.as_str()));
        assert_eq!(Alarms::new(0.01).look(&train, &held_out), []);
    }

    #[test]
    fn the_summary_counts_epochs() {
        let (train, held_out) = good();
        let mut bad = train.clone();
        set(&mut bad, "clamped_share", 0.5);
        let mut alarms = Alarms::new(0.01);
        for train in [&train, &bad, &train] {
            alarms.look(train, &held_out);
        }
        assert!(alarms.summary()[0].contains("1 of 3 epochs") && !alarms.summary()[0].contains("last"));
        alarms.look(&bad, &held_out);
        assert!(
            alarms.summary()[0].ends_with("(2 of 4 epochs, in the last one too)"),
            "{:?}",
            alarms.summary()
        );
    }

    #[test]
    fn a_checkpoint_keeps_them() {
        let mut one = Alarms::new(0.01);
        one.look(&values(&[("temperature", 0.01)]), &[]);
        assert_eq!(one.summary().len(), 1);
        let mut other = Alarms::new(0.01);
        other.load_state(&one.state().expect("state")).expect("fits");
        assert_eq!(one.summary(), other.summary());
        assert!(other.load_state(&BTreeMap::new()).is_err());
    }
}
