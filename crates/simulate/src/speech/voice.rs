//! The people who speak, and which of the voices there are is whose.

use rand::seq::SliceRandom;

use super::phrases::Fold;
use crate::rng::{between, stream};

/// How somebody speaks. For espeak-ng in its terms; of a recorded voice only the name counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Voice {
    /// language and variant, or the recorded voice's name
    pub name: String,
    /// 0 to 99
    pub pitch: u32,
    /// words a minute
    pub words_per_minute: u32,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// who scans
    Sonographer,
    /// the mother, somebody with her, a student
    Other,
}

/// Somebody in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// who
    pub role: Role,
    /// how
    pub voice: Voice,
}

/// Students and colleagues who come in: few to a clinic, so that they tell no recording from another.
const VISITORS: usize = 6;

/// Accents and throats that espeak-ng brings along and that can be understood, women and men in turn. (Plain `en-gb`
/// leaves the throat out: 1.51; `mike` and `michael` are one, whispering and robots are left out.)
pub const ESPEAK_VOICES: [&str; 48] = [
    "en-gb-x-rp+f2",
    "en-gb-x-rp+m7",
    "en-gb-scotland+f4",
    "en-gb-scotland+m1",
    "en-gb-x-gbcwmd+f1",
    "en-gb-x-gbclan+m4",
    "en-gb-x-rp+f3",
    "en-gb-scotland+m6",
    "en-029+f5",
    "en-us+m3",
    "en-us+f3",
    "en-us+m8",
    "en-gb-x-gbclan+f2",
    "en-gb-x-gbcwmd+m2",
    "en-gb-x-rp+Alicia",
    "en-gb-x-rp+Andy",
    "en-gb-x-gbclan+Annie",
    "en-gb-x-gbclan+Gene",
    "en-gb-scotland+belinda",
    "en-gb-scotland+rob",
    "en-gb-x-gbcwmd+linda",
    "en-gb-x-gbcwmd+max",
    "en-gb-x-rp+steph",
    "en-gb-x-rp+Lee",
    "en-029+aunty",
    "en-029+paul",
    "en-gb-x-rp+f5",
    "en-gb-x-rp+m2",
    "en-gb-x-gbclan+f4",
    "en-gb-x-gbclan+Jacky",
    "en-gb-scotland+shelby",
    "en-gb-scotland+travis",
    "en-gb-x-gbcwmd+f3",
    "en-gb-x-gbcwmd+michael",
    "en-us-nyc+f2",
    "en-us-nyc+m5",
    "en-gb-x-rp+linda",
    "en-gb-x-rp+quincy",
    "en-gb-x-gbclan+steph",
    "en-gb-x-gbclan+zac",
    "en-gb-scotland+Alicia",
    "en-gb-scotland+john",
    "en-gb-x-gbcwmd+Annie",
    "en-gb-x-gbcwmd+sandro",
    "en-029+f2",
    "en-029+m4",
    "en-gb-x-rp+belinda",
    "en-gb-x-rp+robert",
];

/// The voices of a study, or of one of its folds, in the order in which they are handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voices {
    names: Vec<String>,
    seed: u64,
}

impl Voices {
    /// All of `names`, or those that a fold alone has. Which are whose follows from the seed. Empty where there are
    /// fewer names than folds.
    pub fn new(names: &[String], fold: Option<Fold>, seed: u64) -> Self {
        let mut names = names.to_vec();
        names.shuffle(&mut stream(seed, "voices", 0));
        if let Some((index, count)) = fold {
            let mut place = 0;
            names.retain(|_| {
                place += 1;
                (place - 1) % count == index
            });
        }
        Self { names, seed }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Who can be heard in a recording: the sonographer, the mother (one voice to a subject) and somebody else, all with
    /// different voices as far as there are enough. Two sonographers have the same voice only where there are more
    /// sonographers than voices, and then at another pitch and pace.
    pub fn cast(&self, recording: usize, subject: usize, sonographer: usize) -> [Speaker; 3] {
        let own = sonographer % self.len();
        // counted from the other end, so that the few sonographers of a small study are seldom someone's mother
        let far = |place: usize| self.len() - 1 - place % self.len();
        let mother = self.other_than(&[own], far(subject));
        let visitor = self.other_than(&[own, mother], far(subject + 1 + recording % VISITORS));
        [
            Speaker { role: Role::Sonographer, voice: self.draw("voice", sonographer, own) },
            Speaker { role: Role::Other, voice: self.draw("mother", subject, mother) },
            Speaker { role: Role::Other, voice: self.draw("visitor", recording % VISITORS, visitor) },
        ]
    }

    fn other_than(&self, taken: &[usize], wanted: usize) -> usize {
        let count = self.len();
        (0..count).map(|step| (wanted + step) % count).find(|at| !taken.contains(at)).unwrap_or(wanted)
    }

    fn draw(&self, purpose: &str, index: usize, name: usize) -> Voice {
        let rng = &mut stream(self.seed, purpose, index);
        Voice {
            name: self.names[name].clone(),
            pitch: between(rng, 32.0, 62.0) as u32,
            words_per_minute: between(rng, 145.0, 185.0) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;
    use crate::speech::Synthesiser;

    fn names() -> Vec<String> {
        ESPEAK_VOICES.map(str::to_owned).to_vec()
    }

    #[test]
    fn every_voice_exists_and_sounds_different() {
        let synthesiser = Synthesiser::new(Path::new("espeak-ng")).unwrap();
        let speech: HashSet<Vec<u32>> = ESPEAK_VOICES
            .iter()
            .map(|&name| {
                let voice = Voice { name: name.to_owned(), pitch: 50, words_per_minute: 160 };
                let clip = synthesiser.speak(&voice, "hello there").unwrap();
                clip.samples.iter().map(|sample| sample.to_bits()).collect()
            })
            .collect();
        assert_eq!(speech.len(), ESPEAK_VOICES.len());
    }

    #[test]
    fn folds_share_no_voice_and_people_in_a_room_differ() {
        let mut seen = HashSet::new();
        for index in 0..3 {
            let voices = Voices::new(&names(), Some((index, 3)), 4);
            assert_eq!(voices.len(), 16);
            assert!(voices.names.iter().all(|name| seen.insert(name.clone())));
            for recording in 0..40 {
                let cast = voices.cast(recording, recording / 2, recording % 5);
                let different: HashSet<&str> = cast.iter().map(|s| s.voice.name.as_str()).collect();
                assert_eq!(different.len(), 3);
            }
        }
        assert!(Voices::new(&names()[..2], Some((2, 3)), 4).is_empty());
    }

    #[test]
    fn a_sonographer_keeps_the_voice_and_a_subject_the_mother_s() {
        let voices = Voices::new(&names(), None, 4);
        let [first, mother, _] = voices.cast(0, 3, 1);
        let [again, same_mother, _] = voices.cast(9, 3, 1);
        assert_eq!((first, mother), (again, same_mother));
    }
}
