/// What can be wrong with settings of this crate; signals of any length and content are accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpeechError {
    /// A field of a spectrogram or voice detector setting is out of range.
    #[error("{field}: expected {expected}, found {found}")]
    Setting {
        /// The field, with the table it stands in: `log-mel.n_fft`.
        field: String,
        /// The range that is accepted.
        expected: String,
        /// The value that was given.
        found: String,
    },
    /// A name that is none of the known kinds.
    #[error("{what}: expected one of {expected}, found {found:?}")]
    UnknownKind {
        /// What the name was to choose.
        what: &'static str,
        /// The known names.
        expected: &'static str,
        /// The name that was given.
        found: String,
    },
    /// A sample rate outside of what the resampler is built for.
    #[error("sample rate: expected {min} to {max} Hz, found {found} Hz", min = crate::MIN_RATE_HZ, max = crate::MAX_RATE_HZ)]
    SampleRate {
        /// The rate that was given, in Hz.
        found: u32,
    },
}

impl SpeechError {
    /// A [`SpeechError::Setting`] from parts that print themselves.
    pub(crate) fn setting(
        table: &str,
        field: &str,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Setting {
            field: format!("{table}.{field}"),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}
