//! Settings of the evaluation: the recipe's `[alignment]` section.

use serde::{Deserialize, Serialize};

use crate::AlignmentError;

/// The whole section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlignmentConfig {
    /// Most pairs of a frame and its speech that retrieval looks among, spread evenly over the test recordings.
    pub most_pairs: usize,
    /// Most utterances of each kind (about the picture, not about it) that affinities are taken of, spread evenly.
    pub most_utterances: usize,
    /// Most training recordings that are looked at for the shortcut.
    pub train_recordings: usize,
    /// How many windows of a recording the shortcut's recall is a mean over.
    pub rounds: usize,
    /// Report figures even where the encoder was pretrained on test subjects.
    pub allow_seen_subjects: bool,
}

impl Default for AlignmentConfig {
    fn default() -> Self {
        Self {
            most_pairs: 256,
            most_utterances: 512,
            train_recordings: 64,
            rounds: 4,
            allow_seen_subjects: false,
        }
    }
}

impl AlignmentConfig {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// Names the first setting that is wrong, what it must be and what it is.
    pub fn validate(&self) -> Result<(), AlignmentError> {
        let checks = [
            ("most_pairs", "at least 2", self.most_pairs, self.most_pairs >= 2),
            ("most_utterances", "at least 2", self.most_utterances, self.most_utterances >= 2),
            ("rounds", "at least 1", self.rounds, self.rounds >= 1),
        ];
        match checks.into_iter().find(|(.., holds)| !holds) {
            Some((setting, expected, found, _)) => Err(AlignmentError::Setting { setting, expected, found }),
            None => Ok(()),
        }
    }
}
