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
mod tests;
