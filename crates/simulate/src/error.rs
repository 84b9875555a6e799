//! What can go wrong in stage 0.

use std::path::PathBuf;

/// A study could not be simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// a value of the config is out of its limits
    #[error("simulate config: `{key}`: expected {expected}, found {found}")]
    BadConfig {
        /// the key, with its table
        key: &'static str,
        /// what it may be
        expected: String,
        /// what it is
        found: String,
    },
    /// the output exists
    #[error("{}: expected no such file or folder, found one; --overwrite replaces it", path.display())]
    OutputExists {
        /// the output
        path: PathBuf,
    },
    /// overwriting was asked for, but what is there is no study
    #[error("{}: expected a study (a folder with study.toml) to overwrite, found something else; remove it by hand if it may go", path.display())]
    NotAStudy {
        /// the output
        path: PathBuf,
    },
    /// the speech synthesiser is not there
    #[error(
        "speech synthesiser `{}` cannot be started ({cause}); install it with `apt-get install espeak-ng` (scripts/justw does), \
         or set speech.espeak to where it is",
        program.display()
    )]
    NoSynthesiser {
        /// what was called
        program: PathBuf,
        /// what the system said
        cause: String,
    },
    /// the speech synthesiser did not give speech
    #[error("speech synthesiser `{}`, voice {voice}, text \"{text}\": expected {expected}, found {found}", program.display())]
    Synthesis {
        /// what was called
        program: PathBuf,
        /// voice asked for
        voice: String,
        /// text asked for
        text: String,
        /// what it should give
        expected: String,
        /// what it gave
        found: String,
    },
    /// the phrases cannot be used
    #[error("phrases {origin}: expected {expected}, found {found}")]
    Phrases {
        /// file, and line where known
        origin: String,
        /// what should be there
        expected: String,
        /// what is there
        found: String,
    },
    /// real videos, or the table that lists them, cannot be used
    #[error("{}: expected {expected}, found {found}", path.display())]
    Videos {
        /// the video or table
        path: PathBuf,
        /// what should be there
        expected: String,
        /// what is there
        found: String,
    },
    /// a file or folder cannot be written, renamed or removed
    #[error("{doing} {} failed: {source}", path.display())]
    Io {
        /// what was being done
        doing: &'static str,
        /// to what
        path: PathBuf,
        /// why not
        source: std::io::Error,
    },
    /// a recording could not be written
    #[error(transparent)]
    Media(Box<sonovox_media::MediaError>),
    /// the study's tables could not be written
    #[error(transparent)]
    Study(Box<sonovox_study::StudyError>),
}

// boxed: both are large and rare
impl From<sonovox_media::MediaError> for SimulateError {
    fn from(error: sonovox_media::MediaError) -> Self {
        Self::Media(Box::new(error))
    }
}

impl From<sonovox_study::StudyError> for SimulateError {
    fn from(error: sonovox_study::StudyError) -> Self {
        Self::Study(Box::new(error))
    }
}
