//! Who says something when, and about what: everything of a script but the words.
//!
//! The plan knows nothing of words or labels, so that nothing of it (times, lengths, pauses, loudness, who) can tell
//! one plane from another, and a scrambled narration has the same plan as the matched one. A visit to a plane is spoken
//! of some time after the plane is found, sometimes before, often not at all, sometimes several times; words about the
//! search and small talk fill in until the wanted shares of time are spoken.

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::config::{LagConfig, SpeechConfig};
use crate::probe::PlaneVisit;
use crate::rng::{Stream, between, between_secs, normal};

/// Shortest pause between two utterances, seconds.
const PAUSE_SECS: f64 = 0.3;
/// Loudness varies from one utterance to the next by this much to either side, dB.
const LOUDNESS_DB: f32 = 1.5;
/// The sonographer's distance from the microphone changes slowly; its level by this much to either side, dB.
const DISTANCE_DB: f64 = 2.0;
/// Others sit further away, dB.
const OTHERS_DB: f32 = -3.0;
/// Voices from the corridor or behind a curtain, dB.
const BEHIND_DB: (f32, f32) = (-32.0, -26.0);
/// Length of an utterance: median, and standard deviation of its logarithm. Phrases of a sonographer are short.
const LENGTH_MEDIAN_SECS: f64 = 2.0;
const LENGTH_SPREAD: f32 = 0.45;
/// Attempts at finding a place for one utterance, and utterances of a kind in a row that may find none.
const TRIES: usize = 40;
const FAILURES: usize = 12;
/// What is missing of a share may be this much of an utterance.
const ENOUGH: f64 = 0.5 * LENGTH_MEDIAN_SECS;

/// What an utterance is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// a visit to a plane, by its place among the visits
    Visit {
        /// which
        visit: usize,
        /// whether the words say what it is
        is_vague: bool,
    },
    /// the way between planes
    Search,
    /// nothing in the picture
    Chat,
}

/// Room for an utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// on the recording's clock
    pub start_secs: f64,
    /// on the recording's clock
    pub end_secs: f64,
    /// 0 for the sonographer, else one of the others
    pub speaker: usize,
    /// subject of the talk
    pub about: About,
    /// for the first mention of a visit: from finding the plane to speaking; negative when early
    pub lag_secs: Option<f64>,
    /// louder or softer than usual
    pub loudness_db: f32,
    /// of it, what distance makes: the room's reverberation is as loud from near and far
    pub distance_db: f32,
}

/// A plan of one recording.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// in order of time, never two at once
    pub slots: Vec<Slot>,
    /// hardly to be heard, from behind a curtain, at any time
    pub behind: Vec<Slot>,
}

/// What a plan is made from.
pub struct PlanSource<'a> {
    /// shares and lags
    pub config: &'a SpeechConfig,
    /// when a plane is on the screen
    pub visits: &'a [PlaneVisit],
    /// length of the recording
    pub seconds: f64,
    /// shortest and longest utterance of the sonographer and of others
    pub lengths: [(f64, f64); 2],
    /// whether there are words that say nothing in particular
    pub can_be_vague: bool,
    /// whether the way between planes is spoken of
    pub can_search: bool,
    /// people besides the sonographer
    pub others: usize,
}

impl PlanSource<'_> {
    /// Draws a plan.
    pub fn draw(&self, rng: &mut Stream) -> Plan {
        let walk = Walk::draw(rng);
        let mut planner = Planner { source: self, slots: Vec::new(), mentioned: Vec::new(), walk, rng };
        planner.mention_visits();
        planner.fill();
        let behind = planner.behind();
        let mut slots = planner.slots;
        slots.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
        Plan { slots, behind }
    }

    fn spoken_target_secs(&self) -> f64 {
        self.seconds * (1.0 - self.config.silence_share)
    }
}

/// Slow change of distance: three sines of unrelated periods, alike in all recordings but for their phases.
struct Walk([(f64, f64); 3]);

impl Walk {
    fn draw(rng: &mut Stream) -> Self {
        Self([37.0, 61.0, 97.0].map(|period| (1.0 / period, between_secs(rng, 0.0, 1.0))))
    }

    fn db(&self, secs: f64) -> f32 {
        let sum: f64 =
            self.0.iter().map(|(rate, phase)| (std::f64::consts::TAU * (rate * secs + phase)).sin()).sum();
        (DISTANCE_DB * sum / 3.0) as f32
    }
}

struct Planner<'a> {
    source: &'a PlanSource<'a>,
    slots: Vec<Slot>,
    /// visits that are spoken of
    mentioned: Vec<usize>,
    walk: Walk,
    rng: &'a mut Stream,
}

/// Three kinds of talk, each with its share.
#[derive(Clone, Copy)]
enum Kind {
    Mention,
    Search,
    Chat,
}

impl Planner<'_> {
    /// First mentions: the wanted share of the visits, each at its lag.
    fn mention_visits(&mut self) {
        let config = self.source.config;
        if self.missing_secs(Kind::Mention) <= 0.0 {
            return;
        }
        let mut visits: Vec<usize> = (0..self.source.visits.len()).collect();
        visits.shuffle(self.rng);
        // rounded up or down by chance: the share is right on average even with few visits
        let count = (config.mention_share * visits.len() as f64 + self.rng.random::<f64>()) as usize;
        for visit in visits {
            if self.mentioned.len() == count {
                break;
            }
            let found_secs = self.source.visits[visit].start_secs;
            let length = self.draw_length(0);
            let place = (0..TRIES).find_map(|_| {
                let lag = draw_lag(&config.lag, self.rng);
                self.is_free(found_secs + lag, length).then_some(lag)
            });
            // where others leave no room, another visit is spoken of
            if let Some(lag) = place {
                let about = self.about(visit);
                self.place(0, about, found_secs + lag, length, Some(lag));
                self.mentioned.push(visit);
            }
        }
    }

    /// Whatever is still missing: further mentions, words about the search, small talk.
    fn fill(&mut self) {
        let mut failures = [0; 3];
        loop {
            // related talk that finds no place as one kind is made up for by the other
            let related = self.missing_secs(Kind::Mention) + self.missing_secs(Kind::Search);
            let missing = |kind: Kind| match kind {
                Kind::Mention if failures[1] >= FAILURES => related,
                Kind::Search if failures[0] >= FAILURES => related,
                _ => self.missing_secs(kind),
            };
            let next = [Kind::Mention, Kind::Search, Kind::Chat]
                .into_iter()
                .filter(|&kind| failures[kind as usize] < FAILURES)
                .filter(|kind| self.source.can_search || !matches!(kind, Kind::Search))
                .map(|kind| (kind, missing(kind)))
                .filter(|(_, missing)| *missing >= ENOUGH)
                .max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((kind, _)) = next else { break };
            let is_placed = self.add(kind);
            failures[kind as usize] = if is_placed { 0 } else { failures[kind as usize] + 1 };
        }
    }

    fn add(&mut self, kind: Kind) -> bool {
        match kind {
            Kind::Mention => {
                let Some(&visit) = self.mentioned.choose(self.rng) else { return false };
                let PlaneVisit { start_secs, end_secs, .. } = self.source.visits[visit];
                let late = self.source.config.lag.max_secs;
                let about = self.about(visit);
                let length = self.draw_length(0);
                // not before it was first spoken of: that would be another lag than the one in the truth
                let first = self.first_mention(visit).unwrap_or(start_secs);
                let last = end_secs.max(first) + 0.25 * late;
                self.find(0, about, length, |rng| Some(between_secs(rng, first, last)))
            }
            Kind::Search => {
                let (length, visits) = (self.draw_length(0), self.source.visits);
                let latest = (self.source.seconds - length).max(0.0);
                self.find(0, About::Search, length, |rng| {
                    let start = between_secs(rng, 0.0, latest);
                    let is_held = visits.iter().any(|v| (v.start_secs..v.end_secs).contains(&start));
                    (!is_held).then_some(start)
                })
            }
            Kind::Chat => {
                let is_other = self.rng.random_bool(self.source.config.other_share) && self.source.others > 0;
                let speaker = if is_other { 1 + self.rng.random_range(0..self.source.others) } else { 0 };
                let length = self.draw_length(speaker);
                let latest = (self.source.seconds - length).max(0.0);
                self.find(speaker, About::Chat, length, |rng| Some(between_secs(rng, 0.0, latest)))
            }
        }
    }

    /// Voices from elsewhere: whenever, over anything.
    fn behind(&mut self) -> Vec<Slot> {
        let wanted = self.source.config.voices_behind_per_minute * self.source.seconds / 60.0;
        let count = (wanted + self.rng.random::<f64>()) as usize;
        let mut behind: Vec<Slot> = (0..count)
            .map(|_| {
                let length = self.draw_length(1);
                let start_secs = between_secs(self.rng, 0.0, (self.source.seconds - length).max(0.0));
                let speaker = self.rng.random_range(1..=self.source.others.max(1));
                let level = between(self.rng, BEHIND_DB.0, BEHIND_DB.1);
                Slot {
                    start_secs,
                    end_secs: start_secs + length,
                    speaker,
                    about: About::Chat,
                    lag_secs: None,
                    loudness_db: level,
                    distance_db: 0.5 * level,
                }
            })
            .collect();
        behind.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
        behind
    }

    fn about(&mut self, visit: usize) -> About {
        let vague_share = if self.source.can_be_vague { self.source.config.vague_share } else { 0.0 };
        About::Visit { visit, is_vague: self.rng.random_bool(vague_share) }
    }

    fn first_mention(&self, visit: usize) -> Option<f64> {
        let is_of_it = |slot: &&Slot| matches!(slot.about, About::Visit { visit: of, .. } if of == visit);
        self.slots.iter().filter(is_of_it).map(|slot| slot.start_secs).min_by(f64::total_cmp)
    }

    /// Seconds of a kind of talk that are still to be spoken.
    fn missing_secs(&self, kind: Kind) -> f64 {
        let config = self.source.config;
        let spoken = self.source.spoken_target_secs();
        let related = spoken * (1.0 - config.chat_share);
        let search_share = if self.source.can_search { config.search_share } else { 0.0 };
        let (target, is_of_kind): (f64, fn(&About) -> bool) = match kind {
            Kind::Mention => (related * (1.0 - search_share), |about| matches!(about, About::Visit { .. })),
            Kind::Search => (related * search_share, |about| *about == About::Search),
            Kind::Chat => (spoken * config.chat_share, |about| *about == About::Chat),
        };
        let said = self.slots.iter().filter(|slot| is_of_kind(&slot.about));
        target - said.map(|slot| slot.end_secs - slot.start_secs).sum::<f64>()
    }

    /// A length for something that speaker `speaker` says.
    fn draw_length(&mut self, speaker: usize) -> f64 {
        let (low, high) = self.source.lengths[speaker.min(1)];
        let drawn = (0..TRIES)
            .map(|_| LENGTH_MEDIAN_SECS * f64::from(LENGTH_SPREAD * normal(self.rng)).exp())
            .find(|length| (low..=high).contains(length));
        let length = drawn.unwrap_or_else(|| between_secs(self.rng, low, high));
        length.min(0.5 * self.source.seconds)
    }

    fn find(
        &mut self,
        speaker: usize,
        about: About,
        length: f64,
        mut draw: impl FnMut(&mut Stream) -> Option<f64>,
    ) -> bool {
        let start = (0..TRIES).find_map(|_| draw(self.rng).filter(|&start| self.is_free(start, length)));
        start.map(|start| self.place(speaker, about, start, length, None)).is_some()
    }

    fn place(&mut self, speaker: usize, about: About, start_secs: f64, length: f64, lag_secs: Option<f64>) {
        let distance_db = if speaker == 0 { self.walk.db(start_secs) } else { OTHERS_DB };
        let loudness_db = distance_db + between(self.rng, -LOUDNESS_DB, LOUDNESS_DB);
        let end_secs = start_secs + length;
        self.slots.push(Slot { start_secs, end_secs, speaker, about, lag_secs, loudness_db, distance_db });
    }

    fn is_free(&self, start: f64, length: f64) -> bool {
        let end = start + length;
        let clashes = |slot: &Slot| start < slot.end_secs + PAUSE_SECS && slot.start_secs < end + PAUSE_SECS;
        start >= 0.0 && end <= self.source.seconds && !self.slots.iter().any(clashes)
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

    const SECONDS: f64 = 120.0;

    /// Sixteen visits of 4.5 s.
    fn visits() -> Vec<PlaneVisit> {
        (0..16)
            .map(|visit| {
                let start_secs = 2.0 + 7.3 * visit as f64;
                PlaneVisit { visit, plane: visit % 4, start_secs, end_secs: start_secs + 4.5 }
            })
            .collect()
    }

    fn plans(config: &SpeechConfig, count: usize) -> Vec<Plan> {
        let visits = visits();
        let source = PlanSource {
            config,
            visits: &visits,
            seconds: SECONDS,
            lengths: [(0.7, 4.2), (0.5, 3.0)],
            can_be_vague: true,
            can_search: true,
            others: 2,
        };
        (0..count).map(|i| source.draw(&mut stream(5, "script", i))).collect()
    }

    fn share_of(plans: &[Plan], wanted: impl Fn(&Slot) -> bool) -> f64 {
        let slots = plans.iter().flat_map(|plan| &plan.slots).filter(|slot| wanted(slot));
        slots.map(|slot| slot.end_secs - slot.start_secs).sum::<f64>() / (plans.len() as f64 * SECONDS)
    }

    #[test]
    fn shares_come_out_as_asked() {
        for (silence, chat, search, other) in
            [(0.5, 0.33, 0.3, 0.25), (0.6, 0.2, 0.4, 0.5), (0.5, 0.0, 0.4, 0.0)]
        {
            let config = SpeechConfig {
                silence_share: silence,
                chat_share: chat,
                search_share: search,
                other_share: other,
                ..SpeechConfig::default()
            };
            let plans = plans(&config, 60);
            let spoken = share_of(&plans, |_| true);
            let chatted = share_of(&plans, |slot| slot.about == About::Chat);
            let searched = share_of(&plans, |slot| slot.about == About::Search);
            let by_others = share_of(&plans, |slot| slot.speaker > 0);
            println!("spoken {spoken:.3}, chat {chatted:.3}, search {searched:.3}, others {by_others:.3}");
            assert!((1.0 - spoken - silence).abs() < 0.02, "{spoken}");
            assert!((chatted / spoken - chat).abs() < 0.02, "{}", chatted / spoken);
            assert!((searched / (spoken - chatted) - search).abs() < 0.05, "{searched}");
            // others are a share of the talk, and a little shorter of breath
            assert!((by_others / chatted.max(1e-9) - other).abs() < 0.1 || chat == 0.0, "{by_others}");
        }
    }

    #[test]
    fn nobody_speaks_over_another() {
        for plan in plans(&SpeechConfig::default(), 40) {
            assert!(plan.slots.windows(2).all(|pair| pair[0].end_secs + 0.29 < pair[1].start_secs));
            assert!(plan.slots.iter().all(|slot| slot.start_secs >= 0.0 && slot.end_secs <= SECONDS));
        }
    }

    #[test]
    fn lags_and_mentions_follow_the_recipe() {
        let plans = plans(&SpeechConfig::default(), 100);
        let lags: Vec<f64> =
            plans.iter().flat_map(|plan| plan.slots.iter().filter_map(|slot| slot.lag_secs)).collect();
        let mentioned = lags.len() as f64 / (100.0 * 16.0);
        assert!((mentioned - 0.7).abs() < 0.02, "{mentioned}");
        assert!(lags.iter().all(|lag| (-1.5..=4.0).contains(lag)));
        let late: Vec<f64> = lags.iter().copied().filter(|lag| *lag >= 0.0).collect();
        let early_share = 1.0 - late.len() as f64 / lags.len() as f64;
        let mean = late.iter().sum::<f64>() / late.len() as f64;
        println!("mentioned {mentioned:.3}, early {early_share:.3}, mean late lag {mean:.2} s");
        assert!((early_share - 0.15).abs() < 0.04, "{early_share}");
        assert!((mean - 2.0).abs() < 0.2, "{mean}");
        let about = |visit: usize| move |slot: &&Slot| matches!(slot.about, About::Visit { visit: v, .. } if v == visit);
        let times = |plan: &Plan, visit| plan.slots.iter().filter(about(visit)).count();
        let several =
            plans.iter().flat_map(|plan| (0..16).map(|visit| times(plan, visit))).filter(|n| *n > 1).count();
        assert!(several > 100, "{several} visits spoken of more than once");
        let vague = plans.iter().flat_map(|plan| &plan.slots).filter_map(|slot| match slot.about {
            About::Visit { is_vague, .. } => Some(f64::from(u8::from(is_vague))),
            About::Search | About::Chat => None,
        });
        let vague: Vec<f64> = vague.collect();
        let share = vague.iter().sum::<f64>() / vague.len() as f64;
        assert!((share - 0.25).abs() < 0.03, "{share}");
    }

    #[test]
    fn a_visit_is_not_spoken_of_before_its_first_mention() {
        for plan in plans(&SpeechConfig::default(), 40) {
            for visit in 0..16 {
                let first = plan
                    .slots
                    .iter()
                    .find(|s| matches!(s.about, About::Visit { visit: v, .. } if v == visit));
                assert!(first.is_none_or(|slot| slot.lag_secs.is_some()));
            }
        }
    }

    #[test]
    fn silence_can_be_complete() {
        let config = SpeechConfig { silence_share: 1.0, ..SpeechConfig::default() };
        assert!(plans(&config, 3).iter().all(|plan| plan.slots.is_empty()));
    }
}
