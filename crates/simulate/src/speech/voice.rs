//! The people who speak: one voice to a sonographer.

use crate::rng::{between, stream};

/// How a sonographer speaks, in espeak-ng's terms.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Voice {
    /// language and variant
    pub name: String,
    /// 0 to 99
    pub pitch: u32,
    /// words a minute
    pub words_per_minute: u32,
}

/// Accents and throats that espeak-ng brings along. (Plain `en-gb` leaves the throat out: 1.51.)
const NAMES: [&str; 12] = [
    "en-gb-x-rp+f2",
    "en-us+m3",
    "en-gb-scotland+f4",
    "en-gb-x-rp+m7",
    "en-us+f3",
    "en-gb-scotland+m1",
    "en-gb-x-gbcwmd+f1",
    "en-us+m8",
    "en-029+f5",
    "en-gb-x-gbclan+m4",
    "en-gb-x-rp+f3",
    "en-gb-scotland+m6",
];

impl Voice {
    /// The voice of sonographer `index` of the study with this seed.
    pub fn draw(seed: u64, index: usize) -> Self {
        let rng = &mut stream(seed, "voice", index);
        Self {
            name: NAMES[index % NAMES.len()].to_owned(),
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

    #[test]
    fn every_voice_exists_and_sounds_different() {
        let synthesiser = Synthesiser::new(Path::new("espeak-ng")).unwrap();
        let speech: HashSet<Vec<u32>> = NAMES
            .iter()
            .map(|&name| {
                let voice = Voice { name: name.to_owned(), pitch: 50, words_per_minute: 160 };
                let clip = synthesiser.speak(&voice, "hello there").unwrap();
                clip.samples.iter().map(|sample| sample.to_bits()).collect()
            })
            .collect();
        assert_eq!(speech.len(), NAMES.len());
    }
}
