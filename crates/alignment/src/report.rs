//! `metrics.json`: what the encoder knows about held-out speech.

use std::fmt;

use serde::Serialize;

/// All figures of one evaluation. What no truth was given for is absent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlignmentReport {
    /// Speech and the frame of the same moment among moments of all test recordings.
    pub retrieval: Retrieval,
    /// Does a high affinity mean that speech is about the picture?
    pub affinity: Option<Affinity>,
    /// Does a plane's picture go with that plane's words?
    pub phrases: Option<Phrases>,
    /// Does speech without content find its recording? Of the test recordings.
    pub shortcut: Shortcut,
    /// The same of training recordings, where the shortcut is learned.
    pub train_shortcut: Shortcut,
    /// The areas after every epoch of pretraining, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over_epochs: Vec<AfterEpoch>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The areas of the weights that an epoch left, over the moments and utterances of the whole report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AfterEpoch {
    /// Epochs done.
    pub epoch: u32,
    /// As [`Retrieval::alignment_auc`].
    pub alignment_auc: f64,
    /// As [`Affinity::auc`].
    pub affinity_auc: Option<f64>,
}

/// Retrieval among `pairs` moments.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Retrieval {
    /// Frames, and as many speech windows.
    pub pairs: usize,
    /// A frame asks for its speech.
    pub video_to_speech: Direction,
    /// Speech asks for its frame.
    pub speech_to_video: Direction,
    /// Mean over both of the share of wrong partners that rank behind the right one; chance 0.5.
    pub alignment_auc: f64,
}

/// One direction of retrieval.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Direction {
    /// Recall within 1, 5 and 10, as far as there are more candidates.
    pub recall: Vec<Recall>,
}

/// Recall within the first `k`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recall {
    /// Candidates that count as found.
    pub k: usize,
    /// Share of queries whose partner is among them.
    pub recall: f64,
    /// What chance would find.
    pub chance: f64,
}

/// Affinity (cosine of the frame and the speech of one moment) against the truth; chance 0.5.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Affinity {
    /// Utterances that name the plane on the screen.
    pub relevant: usize,
    /// Utterances that have nothing to do with the picture, while a plane is on the screen.
    pub unrelated: usize,
    /// Area under the curve of the relevant against these: the pictures are of the same kind, only the words differ.
    pub auc: Option<f64>,
    /// Utterances that have nothing to do with the picture, whatever is on the screen.
    pub unrelated_anywhere: usize,
    /// The same against those: what a pacing by affinity has to tell apart.
    pub auc_anywhere: Option<f64>,
}

/// Pictures of planes against words about planes, each from another recording than the other; chance 0.5 for areas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Phrases {
    /// Moments at which the plane on the screen is named.
    pub moments: usize,
    /// A frame's words about its own plane against those about others: mean area under the curve over frames.
    pub auc_video_to_speech: Option<f64>,
    /// Words' frames of their own plane against those of others: mean over words.
    pub auc_speech_to_video: Option<f64>,
    /// Share of frames whose nearest words are about their plane.
    pub first_video_to_speech: Option<f64>,
    /// Share of words whose nearest frame shows their plane.
    pub first_speech_to_video: Option<f64>,
    /// What chance would give for the two shares.
    pub first_chance: Option<f64>,
}

/// Recall of a recording among all from speech that can only tell whose recording it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Shortcut {
    /// From windows without a voice.
    pub silent: Option<Recall>,
    /// From small talk.
    pub unrelated: Option<Recall>,
}

impl fmt::Display for AlignmentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Retrieval { pairs, video_to_speech, speech_to_video, alignment_auc } = &self.retrieval;
        writeln!(
            f,
            "retrieval among {pairs} moments of test subjects: area {alignment_auc:.3} (chance 0.5)"
        )?;
        for (name, direction) in [("frame to speech", video_to_speech), ("speech to frame", speech_to_video)]
        {
            write!(f, "  {name:<16}")?;
            direction.recall.iter().try_for_each(|recall| write!(f, "  {recall}"))?;
            writeln!(f)?;
        }
        let shown =
            |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"));
        if let Some(Affinity { relevant, unrelated, auc, auc_anywhere, .. }) = &self.affinity {
            writeln!(
                f,
                "affinity of {relevant} relevant against {unrelated} unrelated utterances: area {} (on any picture {})",
                shown(*auc),
                shown(*auc_anywhere)
            )?;
        }
        if let Some(phrases) = &self.phrases {
            writeln!(
                f,
                "right plane's words against another's: area {} from frames, {} from words; first {} and {} (chance {})",
                shown(phrases.auc_video_to_speech),
                shown(phrases.auc_speech_to_video),
                shown(phrases.first_video_to_speech),
                shown(phrases.first_speech_to_video),
                shown(phrases.first_chance)
            )?;
        }
        for (name, shortcut) in [("test", &self.shortcut), ("training", &self.train_shortcut)] {
            for (kind, recall) in [("silence", &shortcut.silent), ("small talk", &shortcut.unrelated)] {
                if let Some(recall) = recall {
                    writeln!(f, "{name} recording found from {kind}: {recall}")?;
                }
            }
        }
        for AfterEpoch { epoch, alignment_auc, affinity_auc } in &self.over_epochs {
            let affinity = shown(*affinity_auc);
            writeln!(f, "after epoch {epoch:>3}: retrieval area {alignment_auc:.3}, affinity {affinity}")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

impl fmt::Display for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{} {:.3} (chance {:.3})", self.k, self.recall, self.chance)
    }
}
