//! Who says what when: a plane is spoken of some time after it is found, sometimes before, sometimes not at all;
//! small talk and words about the search fill in until the wanted share of time is spoken.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::phrases::{BACKGROUND, CHAT, Phrases};
use super::synth::Clip;
use crate::SimulateError;
use crate::anatomy::PLANE_NAMES;
use crate::config::{LagConfig, Narration, SpeechConfig};
use crate::probe::PlaneVisit;
use crate::rng::{Stream, between, between_secs};

/// Shortest pause between two utterances, seconds.
const PAUSE_SECS: f64 = 0.3;
/// Loudness varies from one utterance to the next by this much to either side, dB.
const LOUDNESS_DB: f32 = 1.5;
/// Attempts at finding a place for one utterance, and utterances in a row that may find none.
const TRIES: usize = 24;
const FAILURES: usize = 12;

/// Something said.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// on the recording's clock
    pub start_secs: f64,
    /// on the recording's clock
    pub end_secs: f64,
    /// what the words are about: a plane, `background`, `chat`
    pub label: String,
    /// the words
    pub text: String,
    /// the visit that gave rise to it
    pub visit: Option<usize>,
    /// for the first mention of a visit: from finding the plane to speaking; negative when early
    pub lag_secs: Option<f64>,
    /// how it sounds
    pub clip: Arc<Clip>,
    /// louder or softer than usual
    pub loudness_db: f32,
}

/// All that is said in one recording, in order of time, never two at once.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// in order of time
    pub utterances: Vec<Utterance>,
}

impl Script {
    /// Seconds of speech with a label that `wanted` accepts.
    pub fn spoken_secs(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        self.utterances.iter().filter(|u| wanted(&u.label)).map(|u| u.end_secs - u.start_secs).sum()
    }
}

/// What a script is made from.
pub struct ScriptSource<'a> {
    /// shares, lags, matched or scrambled
    pub config: &'a SpeechConfig,
    /// the words
    pub phrases: &'a Phrases,
    /// planes of the study
    pub planes: &'a [usize],
    /// when which plane is on the screen
    pub visits: &'a [PlaneVisit],
    /// length of the recording
    pub seconds: f64,
}

impl ScriptSource<'_> {
    /// Writes a script; `speak` gives the sound of a text.
    ///
    /// # Errors
    /// Those of `speak`.
    pub fn write<S>(&self, rng: &mut Stream, speak: S) -> Result<Script, SimulateError>
    where
        S: FnMut(&str) -> Result<Arc<Clip>, SimulateError>,
    {
        let mut writer =
            Writer { source: self, script: Script::default(), bags: BTreeMap::new(), speak, rng };
        writer.mention_visits()?;
        writer.fill()?;
        writer.script.utterances.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
        Ok(writer.script)
    }

    fn related_target_secs(&self) -> f64 {
        self.seconds * (1.0 - self.config.silence_share) * (1.0 - self.config.chat_share)
    }

    fn chat_target_secs(&self) -> f64 {
        self.seconds * (1.0 - self.config.silence_share) * self.config.chat_share
    }
}

struct Writer<'a, S> {
    source: &'a ScriptSource<'a>,
    script: Script,
    /// phrases of a label that were not said yet
    bags: BTreeMap<String, Vec<String>>,
    speak: S,
    rng: &'a mut Stream,
}

/// An utterance that looks for its place.
struct Draft {
    label: String,
    text: String,
    visit: Option<usize>,
    clip: Arc<Clip>,
}

impl<S: FnMut(&str) -> Result<Arc<Clip>, SimulateError>> Writer<'_, S> {
    /// First mentions: each visit at its lag.
    fn mention_visits(&mut self) -> Result<(), SimulateError> {
        let mut visits = self.source.visits.to_vec();
        visits.shuffle(self.rng);
        for visit in visits {
            let is_mentioned = self.rng.random_bool(self.source.config.mention_share);
            if !is_mentioned || self.related_secs() >= self.source.related_target_secs() {
                continue;
            }
            let label = self.plane_label(&visit);
            let draft = self.draft(label, Some(visit.visit))?;
            let place = (0..TRIES).find_map(|_| {
                let lag = draw_lag(&self.source.config.lag, self.rng);
                let start = visit.start_secs + lag;
                (start <= visit.end_secs && self.is_free(start, &draft.clip)).then_some((start, lag))
            });
            if let Some((start, lag)) = place {
                self.place(draft, start, Some(lag));
            }
        }
        Ok(())
    }

    /// Whatever is still missing: second mentions, words about the search, small talk.
    fn fill(&mut self) -> Result<(), SimulateError> {
        let mut failures = 0;
        while failures < FAILURES {
            let missing_related = self.source.related_target_secs() - self.related_secs();
            let missing_chat =
                self.source.chat_target_secs() - self.script.spoken_secs(|label| label == CHAT);
            // half an utterance short is as near as half an utterance over
            if missing_related.max(missing_chat) < 1.2 {
                break;
            }
            let is_placed =
                if missing_chat > missing_related { self.add_chat()? } else { self.add_related()? };
            failures = if is_placed { 0 } else { failures + 1 };
        }
        Ok(())
    }

    fn add_chat(&mut self) -> Result<bool, SimulateError> {
        let draft = self.draft(CHAT.to_owned(), None)?;
        let latest = self.source.seconds - draft.clip.seconds();
        Ok(self.place_within(draft, |rng| Some(between_secs(rng, 0.0, latest))))
    }

    fn add_related(&mut self) -> Result<bool, SimulateError> {
        let is_about_search = self.rng.random_bool(0.35);
        let visits = self.source.visits;
        let visit = visits.choose(self.rng).filter(|_| !is_about_search);
        match visit {
            Some(&visit) => {
                let label = self.plane_label(&visit);
                let draft = self.draft(label, Some(visit.visit))?;
                let first = visit.start_secs + 0.5;
                Ok(self.place_within(draft, |rng| Some(between_secs(rng, first, visit.end_secs.max(first)))))
            }
            None => {
                let draft = self.draft(BACKGROUND.to_owned(), None)?;
                let latest = self.source.seconds - draft.clip.seconds();
                Ok(self.place_within(draft, |rng| {
                    let start = between_secs(rng, 0.0, latest);
                    let is_held = visits.iter().any(|v| (v.start_secs..v.end_secs).contains(&start));
                    (!is_held).then_some(start)
                }))
            }
        }
    }

    /// The plane whose words are said on a visit.
    fn plane_label(&mut self, visit: &PlaneVisit) -> String {
        let plane = match self.source.config.narration {
            Narration::Matched => visit.plane,
            Narration::Scrambled => *self.source.planes.choose(self.rng).expect("a study has planes"),
        };
        PLANE_NAMES[plane].to_owned()
    }

    /// Takes the next phrase of a label; all are said before one is repeated.
    fn draft(&mut self, label: String, visit: Option<usize>) -> Result<Draft, SimulateError> {
        let bag = self.bags.entry(label.clone()).or_default();
        if bag.is_empty() {
            bag.extend_from_slice(self.source.phrases.of(&label));
            bag.shuffle(self.rng);
        }
        let text = bag.pop().expect("every label has phrases");
        let clip = (self.speak)(&text)?;
        Ok(Draft { label, text, visit, clip })
    }

    fn place_within(&mut self, draft: Draft, mut draw: impl FnMut(&mut Stream) -> Option<f64>) -> bool {
        let start = (0..TRIES).find_map(|_| draw(self.rng).filter(|&start| self.is_free(start, &draft.clip)));
        start.map(|start| self.place(draft, start, None)).is_some()
    }

    fn place(&mut self, draft: Draft, start_secs: f64, lag_secs: Option<f64>) {
        let Draft { label, text, visit, clip } = draft;
        let end_secs = start_secs + clip.seconds();
        let loudness_db = between(self.rng, -LOUDNESS_DB, LOUDNESS_DB);
        self.script.utterances.push(Utterance {
            start_secs,
            end_secs,
            label,
            text,
            visit,
            lag_secs,
            clip,
            loudness_db,
        });
    }

    fn is_free(&self, start: f64, clip: &Clip) -> bool {
        let end = start + clip.seconds();
        let clashes = |u: &Utterance| start < u.end_secs + PAUSE_SECS && u.start_secs < end + PAUSE_SECS;
        start >= 0.0 && end <= self.source.seconds && !self.script.utterances.iter().any(clashes)
    }

    fn related_secs(&self) -> f64 {
        self.script.spoken_secs(|label| label != CHAT)
    }
}

fn draw_lag(lag: &LagConfig, rng: &mut Stream) -> f64 {
    if rng.random_bool(lag.early_share) {
        -between_secs(rng, 0.0, lag.early_max_secs)
    } else {
        between_secs(rng, lag.min_secs, lag.max_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;
    use crate::speech::SAMPLE_RATE_HZ;

    const SECONDS: f64 = 60.0;

    /// Eight visits of 5 s; speech is noise of 2.5 s.
    fn scripts(config: &SpeechConfig, count: usize) -> Vec<Script> {
        let planes = [0, 1, 2, 3];
        let names = PLANE_NAMES.map(str::to_owned);
        let phrases = Phrases::load(None, &names).unwrap();
        let visits: Vec<PlaneVisit> = (0..8)
            .map(|visit| {
                let start_secs = 2.0 + 7.0 * visit as f64;
                PlaneVisit { visit, plane: visit % 4, start_secs, end_secs: start_secs + 5.0 }
            })
            .collect();
        let clip = Arc::new(Clip { samples: vec![1.0; SAMPLE_RATE_HZ as usize * 5 / 2] });
        let source =
            ScriptSource { config, phrases: &phrases, planes: &planes, visits: &visits, seconds: SECONDS };
        (0..count).map(|i| source.write(&mut stream(5, "script", i), |_| Ok(clip.clone())).unwrap()).collect()
    }

    #[test]
    fn shares_of_silence_and_chat_come_out_as_asked() {
        let config = SpeechConfig::default();
        let scripts = scripts(&config, 40);
        let mean = |secs: &dyn Fn(&Script) -> f64| scripts.iter().map(secs).sum::<f64>() / 40.0;
        let spoken = mean(&|s| s.spoken_secs(|_| true));
        let chat = mean(&|s| s.spoken_secs(|label| label == CHAT));
        assert!((spoken / SECONDS - 0.5).abs() < 0.07, "{}", spoken / SECONDS);
        assert!((chat / spoken - 0.33).abs() < 0.07, "{}", chat / spoken);
        for script in &scripts {
            assert!(script.utterances.windows(2).all(|pair| pair[0].end_secs < pair[1].start_secs));
        }
    }

    #[test]
    fn lags_follow_their_distribution() {
        let config = SpeechConfig::default();
        let lags: Vec<f64> = scripts(&config, 60)
            .iter()
            .flat_map(|s| s.utterances.iter().filter_map(|u| u.lag_secs))
            .collect();
        assert!(lags.len() > 200);
        assert!(lags.iter().all(|lag| (-1.5..=3.0).contains(lag)));
        let late: Vec<f64> = lags.iter().copied().filter(|lag| *lag >= 0.0).collect();
        let early_share = 1.0 - late.len() as f64 / lags.len() as f64;
        assert!((early_share - 0.15).abs() < 0.06, "{early_share}");
        let mean = late.iter().sum::<f64>() / late.len() as f64;
        assert!((mean - 1.5).abs() < 0.25, "{mean}");
    }

    #[test]
    fn matched_words_fit_the_visit_and_scrambled_ones_do_not() {
        let agreement = |narration| {
            let config = SpeechConfig { narration, ..SpeechConfig::default() };
            let scripts = scripts(&config, 40);
            let mentions: Vec<_> =
                scripts.iter().flat_map(|s| s.utterances.iter().filter(|u| u.visit.is_some())).collect();
            let fits = mentions.iter().filter(|u| u.label == PLANE_NAMES[u.visit.unwrap() % 4]).count();
            fits as f64 / mentions.len() as f64
        };
        assert!((agreement(Narration::Matched) - 1.0).abs() < 1e-9);
        assert!((agreement(Narration::Scrambled) - 0.25).abs() < 0.1);
    }

    #[test]
    fn silence_can_be_complete() {
        let config = SpeechConfig { silence_share: 1.0, ..SpeechConfig::default() };
        assert!(scripts(&config, 3).iter().all(|s| s.utterances.is_empty()));
    }
}
