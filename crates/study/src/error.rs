//! What can be wrong with a study: each message names the file (and line), what was expected and what was found.

use std::path::PathBuf;

/// A fault in a study folder, in a file of it, or in how it is asked to be split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The study folder does not exist.
    #[error("{}: no such folder", path.display())]
    NoFolder {
        /// The folder asked for.
        path: PathBuf,
    },
    /// The path names a file where a folder is needed.
    #[error("{}: expected a study folder or a folder of recordings, found a file", path.display())]
    NotAFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// A folder with neither a study.toml nor a video in it.
    #[error("{}: expected study.toml with recordings.csv, or videos ({extensions}), found neither", path.display())]
    NoRecordings {
        /// The folder asked for.
        path: PathBuf,
        /// The file name extensions looked for.
        extensions: String,
    },
    /// One of study.toml and recordings.csv without the other.
    #[error("{}: expected {missing} beside {found}, found none", path.display())]
    HalfAStudy {
        /// The study folder.
        path: PathBuf,
        /// The file that is there.
        found: &'static str,
        /// The file that is not.
        missing: &'static str,
    },
    /// recordings.csv has a header and no rows.
    #[error("{}: expected at least one recording, found none below the header", path.display())]
    EmptyTable {
        /// The table.
        path: PathBuf,
    },
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file name that is not UTF-8 cannot become a recording's name.
    #[error("{}: expected a file name in UTF-8, which becomes the recording's name; rename the file", path.display())]
    FileNameNotUtf8 {
        /// The file.
        path: PathBuf,
    },

    /// study.toml does not parse, or a value in it is not what it should be.
    #[error("{}, line {line}: {message}", path.display())]
    BadSettings {
        /// study.toml.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Expected and found.
        message: String,
    },
    /// study.toml has a key that means nothing.
    #[error("{}, line {line}: unknown key `{key}`; known keys are {known}", path.display())]
    UnknownKey {
        /// study.toml.
        path: PathBuf,
        /// Line of the key, from 1.
        line: usize,
        /// The key found.
        key: String,
        /// The keys that are known there.
        known: String,
    },

    /// A CSV file that is not UTF-8 text or not CSV.
    #[error("{}, line {line}: {message}", path.display())]
    BadCsv {
        /// The table.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: u64,
        /// What the reader said.
        message: String,
    },
    /// A column that must be there is not.
    #[error("{}: expected a column `{column}`, found {found}", path.display())]
    MissingColumn {
        /// The table.
        path: PathBuf,
        /// The column that is missing.
        column: String,
        /// The columns that are there.
        found: String,
    },
    /// A column that means nothing in recordings.csv: most often a mistyped one.
    #[error("{}: unknown column `{column}`; known columns are {known}", path.display())]
    UnknownColumn {
        /// The table.
        path: PathBuf,
        /// The column found.
        column: String,
        /// The columns that are known.
        known: String,
    },
    /// The header names a column twice.
    #[error("{}: column `{column}` stands twice in the header", path.display())]
    RepeatedColumn {
        /// The table.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A row that is longer or shorter than the header.
    #[error("{}, line {line}: expected {expected} cells as in the header, found {found}", path.display())]
    RowLength {
        /// The table.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Cells in the header.
        expected: usize,
        /// Cells in the row.
        found: usize,
    },
    /// A cell that must hold something is empty.
    #[error("{}, line {line}: column `{column}`: expected {expected}, found an empty cell", path.display())]
    EmptyCell {
        /// The table.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The cell's column.
        column: String,
        /// What belongs there.
        expected: String,
    },
    /// A cell that does not hold what its column needs.
    #[error("{}, line {line}: column `{column}`: expected {expected}, found `{found}`", path.display())]
    BadCell {
        /// The table.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The cell's column.
        column: String,
        /// What belongs there.
        expected: String,
        /// What stands there.
        found: String,
    },

    /// Two rows of recordings.csv have the same recording name.
    #[error("{}, line {line}: recording `{recording}` is listed twice, first in line {first_line}", path.display())]
    RecordingTwice {
        /// recordings.csv.
        path: PathBuf,
        /// Line of the second row.
        line: u64,
        /// Line of the first row.
        first_line: u64,
        /// The name.
        recording: String,
    },
    /// A study to be written, or a list to be split, has a subject in two parts of the split.
    #[error(
        "{place}: subject `{subject}` is in `{second}` and in `{first}`; all recordings of a subject belong to one part of the split"
    )]
    SubjectInTwoParts {
        /// The file and lines, or what was to be split.
        place: String,
        /// The subject.
        subject: String,
        /// The part of the earlier row.
        first: &'static str,
        /// The part of the later row.
        second: &'static str,
    },

    /// A study, read or to be written, or a list to be split, has a subject in two folds.
    #[error(
        "{place}: subject `{subject}` is in fold {second} and in fold {first}; all recordings of a subject belong to one fold"
    )]
    SubjectInTwoFolds {
        /// The file and lines, or what was to be split.
        place: String,
        /// The subject.
        subject: String,
        /// The fold of the earlier row.
        first: u32,
        /// The fold of the later row.
        second: u32,
    },

    /// A recording's video, sound, gaze or plane file does not exist.
    #[error("recording `{recording}`: {kind} file {}: no such file", path.display())]
    NoFile {
        /// The recording.
        recording: String,
        /// `video`, `audio`, `gaze` or `planes`.
        kind: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A recording's file is a folder, or something else that is not a file.
    #[error("recording `{recording}`: {kind} file {}: expected a file, found a folder or device", path.display())]
    NotAFile {
        /// The recording.
        recording: String,
        /// `video`, `audio`, `gaze` or `planes`.
        kind: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// A recording's file has no bytes in it.
    #[error("recording `{recording}`: {kind} file {}: the file is empty (0 bytes)", path.display())]
    EmptyFile {
        /// The recording.
        recording: String,
        /// `video`, `audio`, `gaze` or `planes`.
        kind: &'static str,
        /// The file.
        path: PathBuf,
    },

    /// A plane label that study.toml does not list.
    #[error("{}, line {line}: plane `{found}` is not in study.toml; its planes are {known}", path.display())]
    UnknownPlane {
        /// The plane table.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The label found.
        found: String,
        /// The labels of study.toml.
        known: String,
    },
    /// A plane row that ends before it starts, or takes no time.
    #[error(
        "{}, line {line}: expected end_secs after start_secs, found start_secs {start_secs} and end_secs {end_secs}",
        path.display()
    )]
    BackwardSpan {
        /// The plane table.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Start, seconds.
        start_secs: f64,
        /// End, seconds.
        end_secs: f64,
    },
    /// Two plane rows cover the same time.
    #[error(
        "{}, line {line}: the row from {start_secs} s overlaps the one in line {other_line}, which ends at {other_end_secs} s; a moment has one plane",
        path.display()
    )]
    OverlappingSpans {
        /// The plane table.
        path: PathBuf,
        /// Line of the later row.
        line: u64,
        /// Start of the later row, seconds.
        start_secs: f64,
        /// Line of the earlier row.
        other_line: u64,
        /// End of the earlier row, seconds.
        other_end_secs: f64,
    },
    /// A valid gaze sample outside the frame.
    #[error(
        "{}, line {line}: column `{axis}`: expected 0 to 1 (share of the full video frame) in a valid sample, found {found}",
        path.display()
    )]
    GazeOutside {
        /// The gaze table.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// `x` or `y`.
        axis: &'static str,
        /// The value found.
        found: f64,
    },
    /// Gaze times that run backwards.
    #[error("{}, line {line}: gaze runs backwards: expected time_secs of at least {previous_secs}, found {time_secs}", path.display())]
    GazeBackwards {
        /// The gaze table.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Time of the row, seconds.
        time_secs: f64,
        /// Time of the row before, seconds.
        previous_secs: f64,
    },

    /// A study that would not be read back is not written.
    #[error("study `{study}`: {message}")]
    CannotWrite {
        /// The study's name.
        study: String,
        /// What is wrong with it.
        message: String,
    },
    /// Fractions of a split that leave nothing for training, or are no fractions.
    #[error(
        "expected fractions for validation and test of at least 0 that sum to less than 1, found {validation} and {test}"
    )]
    BadFractions {
        /// Fraction for validation.
        validation: f64,
        /// Fraction for test.
        test: f64,
    },
    /// A number of folds that is none, or a tested fold that is not among them.
    #[error(
        "[split]: expected folds = 0 (none) with fold = 0, or folds of at least 2 with a fold from 0 to below it, found folds = {folds} and fold = {fold}"
    )]
    BadFolds {
        /// Number of folds.
        folds: u32,
        /// The fold to be tested.
        fold: u32,
    },
    /// The subjects cannot be put into the folds asked for.
    #[error("cannot make {folds} folds: {message}")]
    CannotFold {
        /// Number of folds.
        folds: u32,
        /// What was expected, what was found, and what to do.
        message: String,
    },
    /// Not enough subjects to give every asked part of the split one.
    #[error("too few subjects to split: {message}")]
    TooFewSubjects {
        /// Which part stays empty, how many subjects there are, and what to do.
        message: String,
    },
    /// Frame times or an interval length that cannot be tiled.
    #[error("cannot cut intervals: expected {expected}, found {found}")]
    BadIntervals {
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
}

impl StudyError {
    /// For `map_err` on file operations.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> StudyError + '_ {
        move |source| StudyError::Io { path: path.to_path_buf(), source }
    }
}
