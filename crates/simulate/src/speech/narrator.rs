//! From a plan to a script: voices for the people, words for the slots, and each clip exactly as long as its slot.

use std::collections::HashSet;
use std::sync::Arc;

use rand::Rng;
use rand::seq::IndexedRandom;

use super::clip::Clip;
use super::espeak::{Synthesiser, expected_secs};
use super::phrases::{BACKGROUND, CHAT, CHAT_OTHER, Fold, Phrases, VAGUE};
use super::plan::{About, Plan, PlanSource, Slot};
use super::recorded::Recorded;
use super::script::{Script, Utterance};
use super::stretch::stretched;
use super::topics::Topics;
use super::voice::{ESPEAK_VOICES, Role, Speaker, Voice, Voices};
use super::{SAMPLE_RATE_HZ, voice};
use crate::config::Narration;
use crate::probe::PlaneVisit;
use crate::rng::{Stream, between, stream};
use crate::{SimulateConfig, SimulateError};

/// A text fits a slot if it would usually take this much longer or shorter (logarithm); the pace makes up for it.
const FIT: f64 = 0.12;
/// Nobody speaks faster or slower than their usual pace by more than this factor, where there are words enough.
const PACE: (f64, f64) = (0.8, 1.25);
/// From one utterance to the next, espeak's pitch changes by this much to either side, of 99.
const PITCH: f32 = 4.0;

/// Gives recordings their words and voices. Made once a study, shared by its threads.
pub struct Narrator<'a> {
    config: &'a SimulateConfig,
    topics: Topics,
    phrases: Phrases,
    source: Source,
    names: Vec<String>,
}

/// Where voices come from.
enum Source {
    Espeak(Synthesiser),
    Recorded(Recorded),
}

/// What a script is written for.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// index of the recording
    pub recording: usize,
    /// index of the subject
    pub subject: usize,
    /// index of the sonographer
    pub sonographer: usize,
    /// the part of the subjects that this one is held out with, and how many parts there are
    pub fold: Option<Fold>,
    /// when which plane is on the screen
    pub visits: &'a [PlaneVisit],
    /// length of the recording
    pub seconds: f64,
}

/// A text that somebody can say.
struct Choice<'a> {
    phrasing: &'a str,
    text: &'a str,
    /// at the usual pace
    seconds: f64,
}

impl<'a> Narrator<'a> {
    /// Reads the phrases and makes sure of the voices.
    ///
    /// # Errors
    /// No espeak-ng, phrases or recorded phrases that cannot be used.
    pub fn new(config: &'a SimulateConfig) -> Result<Self, SimulateError> {
        let speech = &config.speech;
        let topics = Topics::of(config)?;
        let (source, phrases, names) = match &speech.recorded {
            Some(folder) => {
                let (recorded, phrases) = Recorded::open(folder, &topics.labels())?;
                let names = recorded.voices();
                (Source::Recorded(recorded), phrases, names)
            }
            None => {
                let phrases = Phrases::load(speech.phrases.as_deref(), &topics.labels())?;
                let names = ESPEAK_VOICES.map(str::to_owned).to_vec();
                (Source::Espeak(Synthesiser::new(&speech.espeak)?), phrases, names)
            }
        };
        let phrases = match speech.repertoire {
            Some(texts) => phrases.repertoire(texts, config.seed),
            None => phrases,
        };
        Ok(Self { config, topics, phrases, source, names })
    }

    /// Writes the script of a recording.
    ///
    /// # Errors
    /// Fewer voices or phrasings than folds that are to share none; those of the synthesiser and of recorded files.
    pub fn script(&self, scan: &Scan<'_>) -> Result<Script, SimulateError> {
        let (seed, hold_out) = (self.config.seed, &self.config.speech.hold_out);
        let voices = Voices::new(&self.names, scan.fold.filter(|_| hold_out.voices), seed);
        if voices.is_empty() {
            let count = scan.fold.map_or(0, |fold| fold.1);
            return Err(SimulateError::BadConfig {
                key: "speech.hold_out.voices",
                expected: format!("at least {count} voices, one for each fold, or false"),
                found: format!("{} voices", self.names.len()),
            });
        }
        let phrases = match scan.fold.filter(|_| hold_out.phrasings) {
            Some(fold) => &self.phrases.in_fold(&self.config.planes, fold, seed)?,
            None => &self.phrases,
        };
        let speakers = voices.cast(scan.recording, scan.subject, scan.sonographer).to_vec();
        let words = Words { narrator: self, phrases, speakers: &speakers, scan };
        let plan = words.plan(&mut stream(seed, "script", scan.recording));
        let planes = self.spoken_planes(scan);
        let label_of = |about: About| match about {
            About::Visit { is_vague: true, .. } => VAGUE,
            About::Visit { visit, .. } => self.topics.name(planes[visit]),
            About::Search => BACKGROUND,
            About::Chat => CHAT,
        };
        let mut said = HashSet::new();
        let mut say = |slots: &[Slot], purpose| -> Result<Vec<Utterance>, SimulateError> {
            let slots = slots.iter().enumerate();
            slots.map(|(i, slot)| words.say(slot, label_of(slot.about), (purpose, i), &mut said)).collect()
        };
        let (utterances, behind) = (say(&plan.slots, "words")?, say(&plan.behind, "words behind")?);
        Ok(Script { utterances, behind, speakers })
    }

    /// The plane whose words are said on each visit. Scrambled, it is drawn for each visit from all planes alike, the
    /// visited one not left out: only then do the words say nothing at all about the picture.
    fn spoken_planes(&self, scan: &Scan<'_>) -> Vec<usize> {
        let rng = &mut stream(self.config.seed, "scrambled", scan.recording);
        let spoken = |visit: &PlaneVisit| match self.config.speech.narration {
            Narration::Matched => visit.plane,
            Narration::Scrambled => *self.topics.planes().choose(rng).expect("a study has planes"),
        };
        scan.visits.iter().map(spoken).collect()
    }
}

/// Words for one recording.
struct Words<'a> {
    narrator: &'a Narrator<'a>,
    /// what recordings of the fold may say
    phrases: &'a Phrases,
    speakers: &'a [Speaker],
    scan: &'a Scan<'a>,
}

impl Words<'_> {
    fn plan(&self, rng: &mut Stream) -> Plan {
        let topics = &self.narrator.topics;
        let labels = topics.labels();
        let labels: Vec<&str> = labels.iter().map(String::as_str).chain([VAGUE]).collect();
        let source = PlanSource {
            config: &self.narrator.config.speech,
            visits: self.scan.visits,
            seconds: self.scan.seconds,
            lengths: [self.lengths(&self.speakers[0], &labels), self.lengths(&self.speakers[1], &[CHAT])],
            can_search: topics.has_search(),
            can_be_vague: !self.phrases.of(VAGUE).is_empty(),
            others: self.speakers.len() - 1,
        };
        source.draw(rng)
    }

    /// The lengths that something with any of the labels can have in a voice, at a pace within [`PACE`]: from the longest of
    /// their shortest to the shortest of their longest. Where that is no range (a few recorded phrases to a label, shared
    /// out among folds), a single length between them, and clips are stretched to it.
    fn lengths(&self, speaker: &Speaker, labels: &[&str]) -> (f64, f64) {
        let (mut low, mut high) = (0.0_f64, f64::INFINITY);
        for label in labels {
            let seconds: Vec<f64> = self.choices(speaker, label).map(|choice| choice.seconds).collect();
            let longest = seconds.iter().copied().max_by(f64::total_cmp);
            let shortest = seconds.iter().copied().min_by(f64::total_cmp);
            if let (Some(shortest), Some(longest)) = (shortest, longest) {
                (low, high) = (low.max(shortest), high.min(longest));
            }
        }
        let (low, high) = (low * PACE.0, high * PACE.1);
        if low < high { (low, high) } else { (f64::midpoint(low, high), f64::midpoint(low, high)) }
    }

    /// What somebody can say with a label.
    fn choices<'s>(&'s self, speaker: &'s Speaker, label: &'s str) -> impl Iterator<Item = Choice<'s>> {
        let label = match label {
            CHAT if speaker.role == Role::Other && !self.phrases.of(CHAT_OTHER).is_empty() => CHAT_OTHER,
            label => label,
        };
        let all = self.phrases.of(label).iter();
        let texts = all.flat_map(|phrasing| phrasing.texts.iter().map(move |text| (&phrasing.id, text)));
        texts.filter_map(move |(phrasing, text)| {
            let seconds = self.narrator.source.usual_secs(&speaker.voice, label, text)?;
            Some(Choice { phrasing, text, seconds })
        })
    }

    /// Finds words for a slot and says them. Each slot has a stream of its own, so that what is said in one changes
    /// nothing in another.
    fn say(
        &self,
        slot: &Slot,
        label: &str,
        (purpose, index): (&str, usize),
        said: &mut HashSet<String>,
    ) -> Result<Utterance, SimulateError> {
        let speaker = &self.speakers[slot.speaker];
        let rng = &mut stream(self.narrator.config.seed, purpose, self.scan.recording << 16 | index);
        let samples = |secs: f64| (secs * f64::from(SAMPLE_RATE_HZ)).round() as usize;
        let length = samples(slot.end_secs) - samples(slot.start_secs);
        let wanted = slot.end_secs - slot.start_secs;
        let voice = voice::Voice {
            pitch: (speaker.voice.pitch as f32 + between(rng, -PITCH, PITCH)).clamp(0.0, 99.0) as u32,
            ..speaker.voice.clone()
        };
        let choices: Vec<Choice<'_>> = self.choices(speaker, label).collect();
        let choice = choose(&choices, wanted, said, rng);
        let clip = self.narrator.source.say(&voice, label, choice, wanted)?;
        said.insert(choice.text.to_owned());
        Ok(Utterance {
            start_secs: slot.start_secs,
            end_secs: slot.end_secs,
            speaker: slot.speaker,
            label: label.to_owned(),
            text: choice.text.to_owned(),
            phrasing: choice.phrasing.to_owned(),
            visit: match slot.about {
                About::Visit { visit, .. } => Some(visit),
                About::Search | About::Chat => None,
            },
            lag_secs: slot.lag_secs,
            clip: Arc::new(Clip::levelled(stretched(&clip.samples, length))),
            loudness_db: slot.loudness_db,
            distance_db: slot.distance_db,
        })
    }
}

/// A text that takes about as long as wanted and was not said yet, each phrasing as likely as the next however many
/// texts it has; failing that, the text whose length is nearest.
fn choose<'c>(
    choices: &'c [Choice<'c>],
    wanted: f64,
    said: &HashSet<String>,
    rng: &mut Stream,
) -> &'c Choice<'c> {
    let misfit = |choice: &&Choice<'_>| (choice.seconds / wanted).ln().abs();
    let is_new = |choice: &&Choice<'_>| !said.contains(choice.text);
    let fitting: Vec<&Choice<'_>> =
        choices.iter().filter(|choice| misfit(choice) <= FIT && is_new(choice)).collect();
    let mut phrasings: Vec<&str> = fitting.iter().map(|choice| choice.phrasing).collect();
    phrasings.dedup();
    if let Some(&phrasing) = phrasings.choose(rng) {
        let texts: Vec<&Choice<'_>> =
            fitting.into_iter().filter(|choice| choice.phrasing == phrasing).collect();
        return texts[rng.random_range(0..texts.len())];
    }
    let nearest = |choices: &mut dyn Iterator<Item = &'c Choice<'c>>| {
        choices.min_by(|a, b| misfit(a).total_cmp(&misfit(b)))
    };
    let new = nearest(&mut choices.iter().filter(is_new)).filter(|choice| misfit(choice) <= 2.0 * FIT);
    new.or_else(|| nearest(&mut choices.iter())).expect("every label has phrases")
}

impl Source {
    /// How long a voice usually takes for a text; `None` where it cannot say it.
    fn usual_secs(&self, voice: &Voice, label: &str, text: &str) -> Option<f64> {
        match self {
            Self::Espeak(_) => Some(expected_secs(text, f64::from(voice.words_per_minute))),
            Self::Recorded(recorded) => recorded.seconds(&voice.name, label, text),
        }
    }

    /// Says a text, as nearly in `wanted` seconds as the voice itself can.
    fn say(
        &self,
        voice: &Voice,
        label: &str,
        choice: &Choice<'_>,
        wanted: f64,
    ) -> Result<Clip, SimulateError> {
        match self {
            Self::Espeak(synthesiser) => {
                let pace = (choice.seconds / wanted).clamp(PACE.0, PACE.1);
                let words_per_minute = (f64::from(voice.words_per_minute) * pace).round() as u32;
                synthesiser.speak(&Voice { words_per_minute, ..voice.clone() }, choice.text)
            }
            Self::Recorded(recorded) => recorded.clip(&voice.name, label, choice.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::seq::SliceRandom;
    use sonovox_testkit::shared_data;

    use super::*;
    use crate::SpeechConfig;
    use crate::anatomy::PLANE_NAMES;

    const SECONDS: f64 = 90.0;

    fn config(narration: Narration) -> SimulateConfig {
        let planes = PLANE_NAMES.map(str::to_owned).to_vec();
        SimulateConfig {
            planes,
            speech: SpeechConfig { narration, ..SpeechConfig::default() },
            ..SimulateConfig::default()
        }
    }

    /// Visits of 5 s to the planes in turn.
    fn visits() -> Vec<PlaneVisit> {
        (0..12)
            .map(|visit| {
                let start_secs = 2.0 + 7.3 * visit as f64;
                PlaneVisit {
                    visit,
                    plane: visit * 2 % PLANE_NAMES.len(),
                    start_secs,
                    end_secs: start_secs + 4.5,
                }
            })
            .collect()
    }

    fn script(config: &SimulateConfig, recording: usize, fold: Option<Fold>) -> Script {
        let visits = visits();
        let scan = Scan {
            recording,
            subject: recording / 2,
            sonographer: recording % 3,
            fold,
            visits: &visits,
            seconds: SECONDS,
        };
        Narrator::new(config).unwrap().script(&scan).unwrap()
    }

    #[test]
    fn clips_are_as_long_as_their_slots_and_level() {
        let script = script(&config(Narration::Matched), 0, None);
        assert!(script.utterances.len() > 12);
        for utterance in script.utterances.iter().chain(&script.behind) {
            assert!((utterance.clip.seconds() - utterance.seconds()).abs() < 1e-4);
            let power: f32 = utterance.clip.samples.iter().map(|s| s * s).sum();
            assert!((power / utterance.clip.samples.len() as f32 - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn matched_words_are_about_the_visit() {
        let visits = visits();
        for recording in 0..2 {
            for utterance in script(&config(Narration::Matched), recording, None).utterances {
                match utterance.visit {
                    Some(visit) => assert!(
                        [PLANE_NAMES[visits[visit].plane], VAGUE].contains(&utterance.label.as_str()),
                        "{utterance:?}"
                    ),
                    None => assert!([BACKGROUND, CHAT].contains(&utterance.label.as_str()), "{utterance:?}"),
                }
                assert!(utterance.phrasing.starts_with(&utterance.label), "{utterance:?}");
            }
        }
    }

    /// Everything of an utterance that a scrambled narration must keep.
    fn kept(utterance: &Utterance) -> (u64, u64, usize, Option<usize>, Option<u64>, u32, u32) {
        let Utterance { start_secs, end_secs, speaker, visit, lag_secs, loudness_db, distance_db, .. } =
            utterance;
        (
            start_secs.to_bits(),
            end_secs.to_bits(),
            *speaker,
            *visit,
            lag_secs.map(f64::to_bits),
            loudness_db.to_bits(),
            distance_db.to_bits(),
        )
    }

    fn assert_only_the_words_differ(matched: &Script, scrambled: &Script) -> (usize, usize) {
        assert_eq!(matched.speakers, scrambled.speakers);
        assert_eq!(matched.utterances.len(), scrambled.utterances.len());
        let (mut mentions, mut same_plane) = (0, 0);
        for (a, b) in matched.utterances.iter().zip(&scrambled.utterances) {
            assert_eq!(kept(a), kept(b));
            assert_eq!(a.clip.samples.len(), b.clip.samples.len());
            if a.visit.is_none() || a.label == VAGUE {
                assert_eq!((&a.text, &a.label, &a.clip), (&b.text, &b.label, &b.clip));
            } else {
                assert!(PLANE_NAMES.contains(&b.label.as_str()), "{}", b.label);
                mentions += 1;
                same_plane += usize::from(a.label == b.label);
            }
        }
        (mentions, same_plane)
    }

    #[test]
    fn scrambled_narration_changes_the_words_about_planes_and_nothing_else() {
        let (mut mentions, mut same) = (0, 0);
        for recording in 0..6 {
            let (matched, scrambled) = [Narration::Matched, Narration::Scrambled]
                .map(|narration| script(&config(narration), recording, None))
                .into();
            let (more, more_same) = assert_only_the_words_differ(&matched, &scrambled);
            (mentions, same) = (mentions + more, same + more_same);
        }
        let (share, chance) = (same as f64 / mentions as f64, 1.0 / PLANE_NAMES.len() as f64);
        println!("{mentions} utterances about planes, {share:.3} of them still right, chance {chance:.3}");
        assert!(mentions > 40 && (share - chance).abs() < 0.2, "{share}");
    }

    #[test]
    fn recordings_of_different_folds_share_no_phrasing_of_a_plane_and_no_voice() {
        let config = config(Narration::Matched);
        let said = |fold| -> (HashSet<String>, HashSet<String>) {
            let scripts: Vec<Script> =
                (0..4).map(|recording| script(&config, recording, Some((fold, 3)))).collect();
            let utterances = scripts.iter().flat_map(|script| &script.utterances);
            let about_planes = utterances.filter(|u| PLANE_NAMES.contains(&u.label.as_str()));
            let voices = scripts.iter().flat_map(|script| &script.speakers);
            (
                about_planes.flat_map(|u| [u.text.clone(), u.phrasing.clone()]).collect(),
                voices.map(|speaker| speaker.voice.name.clone()).collect(),
            )
        };
        let folds = [said(0), said(1), said(2)];
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            assert!(folds[a].0.is_disjoint(&folds[b].0));
            assert!(folds[a].1.is_disjoint(&folds[b].1));
        }
    }

    /// Between-group sum of squares: how far the labels' means lie apart.
    fn spread_of_means(values: &[f64], labels: &[&str]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mut groups: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for (value, label) in values.iter().zip(labels) {
            let group = groups.entry(label).or_default();
            *group = (group.0 + value - mean, group.1 + 1.0);
        }
        groups.values().map(|(sum, count)| sum * sum / count).sum()
    }

    /// Share of random relabellings whose means lie at least as far apart.
    fn permutation_p(values: &[f64], labels: &[&str]) -> f64 {
        let found = spread_of_means(values, labels);
        let (mut rng, mut labels) = (stream(1, "permutations", 0), labels.to_vec());
        let as_far = (0..1000).filter(|_| {
            labels.shuffle(&mut rng);
            spread_of_means(values, &labels) >= found
        });
        as_far.count() as f64 / 1000.0
    }

    #[test]
    fn loudness_length_and_pauses_do_not_tell_the_plane() {
        let (visits, config) = (visits(), config(Narration::Matched));
        let scripts: Vec<Script> = (0..12).map(|recording| script(&config, recording, None)).collect();
        let mut planes = Vec::new();
        let mut figures: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for script in &scripts {
            for (i, utterance) in script.utterances.iter().enumerate() {
                let Some(visit) = utterance.visit else { continue };
                planes.push(PLANE_NAMES[visits[visit].plane]);
                let before = if i == 0 { 0.0 } else { script.utterances[i - 1].end_secs };
                let after = script.utterances.get(i + 1).map_or(SECONDS, |next| next.start_secs);
                let peak = utterance.clip.samples.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
                for (name, value) in [
                    ("loudness", f64::from(utterance.loudness_db)),
                    ("distance", f64::from(utterance.distance_db)),
                    ("length", utterance.seconds()),
                    ("pause before", utterance.start_secs - before),
                    ("pause after", after - utterance.end_secs),
                    ("peak", f64::from(peak)),
                ] {
                    figures.entry(name).or_default().push(value);
                }
            }
        }
        for (name, values) in figures {
            let p = permutation_p(&values, &planes);
            println!("{name}: {} utterances, p = {p:.3}", values.len());
            assert!(p > 0.01, "{name} differs between planes: p = {p}");
        }
        // the test can fail
        let told: Vec<f64> = planes.iter().map(|plane| plane.len() as f64).collect();
        assert!(permutation_p(&told, &planes) < 0.01);
    }

    #[test]
    fn nobody_hurries_to_fit_a_plane_in() {
        // every plane has words of every length: the letters a second differ no more between planes than their words do
        let mut pace: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let config = config(Narration::Scrambled);
        for recording in 0..8 {
            for utterance in script(&config, recording, Some((recording % 3, 3))).utterances {
                let usual = expected_secs(&utterance.text, 165.0);
                pace.entry(utterance.label.clone()).or_default().push((usual / utterance.seconds()).ln());
            }
        }
        for (label, paces) in pace {
            let mean = paces.iter().sum::<f64>() / paces.len() as f64;
            println!("{label}: {} utterances, mean pace {:.3}", paces.len(), mean.exp());
            // the voices of 145 to 185 words a minute leave +-12 %
            assert!(mean.abs() < 0.15, "{label}: {mean}");
        }
    }

    #[test]
    fn recorded_phrases_take_the_place_of_espeak() {
        let Some(folder) = shared_data("narration") else { return };
        let mut matched = config(Narration::Matched);
        matched.speech.recorded = Some(folder);
        matched.speech.espeak = "/no/such/program".into();
        let mut scrambled = matched.clone();
        scrambled.speech.narration = Narration::Scrambled;
        for recording in 0..2 {
            let fold = Some((recording, 3));
            let (a, b) = (script(&matched, recording, fold), script(&scrambled, recording, fold));
            assert_only_the_words_differ(&a, &b);
            assert!(a.utterances.len() > 8);
            for utterance in &a.utterances {
                assert!((utterance.clip.seconds() - utterance.seconds()).abs() < 1e-4);
                assert!(a.speakers[utterance.speaker].voice.name.contains('_'), "a voice of the folder");
            }
        }
    }
}
