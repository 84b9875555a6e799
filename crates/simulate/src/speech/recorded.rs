//! Recorded phrases in place of synthesised ones: a folder of sound files and one CSV.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};
use sonovox_media::AudioReader;

use super::SAMPLE_RATE_HZ;
use super::clip::Clip;
use super::phrases::{CHAT_OTHER, Phrases, VAGUE, fault};
use crate::SimulateError;

/// Columns that the CSV must have; others are passed over.
const COLUMNS: [&str; 4] = ["file", "label", "voice", "text"];

/// A folder of recorded phrases. Every text counts as a phrasing: with five to a plane, say, each of three folds has one or
/// two of them while `speech.hold_out.phrasings` is on. Their sound is read when it is wanted, so that memory does not grow with the folder.
pub struct Recorded {
    rows: Vec<Row>,
    /// by voice, label, text
    row_of: HashMap<(String, String, String), usize>,
}

struct Row {
    origin: String,
    file: PathBuf,
    label: String,
    voice: String,
    text: String,
    /// without the silence around it
    seconds: f64,
}

impl Recorded {
    /// Reads the folder's one CSV and listens through every file of a label that is wanted: those `needed`
    /// ([`Topics::labels`](super::Topics::labels)), and `vague` and `chat-other` where they are. Also gives the texts by
    /// label.
    ///
    /// # Errors
    /// No CSV or several, columns missing, an empty cell, a sound file that cannot be read or is silent (with the line
    /// that names it), labels that a voice lacks (one error for all).
    pub fn open(folder: &Path, needed: &[String]) -> Result<(Self, Phrases), SimulateError> {
        let table = the_csv(folder)?;
        let wanted: BTreeSet<&str> = needed.iter().map(String::as_str).chain([VAGUE, CHAT_OTHER]).collect();
        let mut rows = read_table(&table, folder)?;
        rows.retain(|row| wanted.contains(row.label.as_str()));
        check_labels(&table, &rows, needed)?;
        measure(&mut rows)?;
        let mut phrases = Phrases::none_of(table.display().to_string());
        let mut row_of = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            phrases.add(&row.label, &row.text);
            row_of.entry((row.voice.clone(), row.label.clone(), row.text.clone())).or_insert(index);
        }
        Ok((Self { rows, row_of }, phrases))
    }

    /// Names of the voices, in alphabetical order.
    pub fn voices(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.rows.iter().map(|row| row.voice.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// How long a voice takes for a text, seconds; `None` where it does not say it.
    pub fn seconds(&self, voice: &str, label: &str, text: &str) -> Option<f64> {
        self.row(voice, label, text).map(|row| row.seconds)
    }

    /// The sound of a text that a voice says.
    ///
    /// # Errors
    /// A file that has become unreadable since [`Recorded::open`].
    pub fn clip(&self, voice: &str, label: &str, text: &str) -> Result<Clip, SimulateError> {
        let row = self.row(voice, label, text).expect("only what a voice says is asked for");
        read_clip(row)
    }

    fn row(&self, voice: &str, label: &str, text: &str) -> Option<&Row> {
        let key = (voice.to_owned(), label.to_owned(), text.to_owned());
        self.row_of.get(&key).map(|&index| &self.rows[index])
    }
}

fn the_csv(folder: &Path) -> Result<PathBuf, SimulateError> {
    let io = |source| SimulateError::Io { doing: "reading", path: folder.to_owned(), source };
    let mut tables = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            tables.push(path);
        }
    }
    match tables.as_slice() {
        [table] => Ok(table.clone()),
        _ => {
            let expected = format!("one CSV with the columns {}", COLUMNS.join(","));
            Err(fault(folder.display().to_string(), expected, format!("{} CSV files", tables.len())))
        }
    }
}

fn read_table(table: &Path, folder: &Path) -> Result<Vec<Row>, SimulateError> {
    let origin = table.display().to_string();
    let unreadable =
        |error: csv::Error| fault(origin.clone(), "a CSV table in UTF-8".to_owned(), error.to_string());
    let mut reader = csv::Reader::from_path(table).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    let mut places = [0; 4];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = header.iter().position(|column| column.trim() == name).ok_or_else(|| {
            let found = header.iter().collect::<Vec<_>>().join(",");
            fault(origin.clone(), format!("the columns {}", COLUMNS.join(",")), found)
        })?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let origin = format!("{origin}, line {line}");
        let cells = places.map(|place| record[place].trim().to_owned());
        if let Some(empty) = cells.iter().position(String::is_empty) {
            return Err(fault(origin, format!("a {}", COLUMNS[empty]), "an empty cell".to_owned()));
        }
        let [file, label, voice, text] = cells;
        rows.push(Row { origin, file: folder.join(file), label, voice, text, seconds: 0.0 });
    }
    Ok(rows)
}

/// Every voice must be able to say something about everything: a voice that cannot would tell the plane.
fn check_labels(table: &Path, rows: &[Row], needed: &[String]) -> Result<(), SimulateError> {
    let mut labels_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        labels_of.entry(&row.voice).or_default().insert(&row.label);
    }
    let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
    let missing: Vec<String> = labels_of
        .iter()
        .filter_map(|(voice, labels)| {
            let missing: Vec<&str> = needed.iter().copied().filter(|label| !labels.contains(label)).collect();
            (!missing.is_empty()).then(|| format!("{voice} lacks {}", missing.join(", ")))
        })
        .collect();
    if missing.is_empty() && !labels_of.is_empty() {
        return Ok(());
    }
    let expected = format!("of every voice a phrase labelled {}", needed.join(", "));
    let found = if labels_of.is_empty() { "none of them".to_owned() } else { missing.join("; ") };
    Err(fault(table.display().to_string(), expected, found))
}

/// Sets every row's length, on all cores; the first fault in the order of the rows is returned.
fn measure(rows: &mut [Row]) -> Result<(), SimulateError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let shared: &[Row] = rows;
    let mut measured: Vec<(usize, Result<f64, SimulateError>)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(row) = shared.get(index) else { break done };
                done.push((index, read_clip(row).map(|clip| clip.seconds())));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    measured.sort_by_key(|(index, _)| *index);
    for (index, seconds) in measured {
        rows[index].seconds = seconds?;
    }
    Ok(())
}

fn read_clip(row: &Row) -> Result<Clip, SimulateError> {
    let unusable = |expected: &str, found: String| {
        fault(format!("{} ({})", row.origin, row.file.display()), expected.to_owned(), found)
    };
    let unreadable = |error: sonovox_media::MediaError| unusable("a sound file", error.to_string());
    let mut reader = AudioReader::open_file(&row.file).map_err(unreadable)?;
    let rate_hz = reader.facts().sample_rate_hz;
    let (mut samples, mut block) = (Vec::new(), Vec::new());
    while reader.next_block(&mut block).map_err(unreadable)?.is_some() {
        samples.extend_from_slice(&block);
    }
    let samples = resampled(&samples, rate_hz);
    Clip::trimmed(&samples).ok_or_else(|| unusable("speech", "silence".to_owned()))
}

/// A whole clip at [`SAMPLE_RATE_HZ`].
fn resampled(samples: &[f32], from_hz: u32) -> Vec<f32> {
    if from_hz == SAMPLE_RATE_HZ || samples.is_empty() {
        return samples.to_vec();
    }
    let (from, to) = (from_hz as usize, SAMPLE_RATE_HZ as usize);
    let window = WindowFunction::BlackmanHarris2;
    let mut fft = Fft::<f32>::new_custom(from, to, 2048, 1, 1, window, FixedSync::Both)
        .expect("sonovox_media gives sane rates");
    let mut out = vec![0.0; fft.process_all_needed_output_len(samples.len())];
    let capacity = out.len();
    let input = SequentialSlice::new(samples, 1, samples.len()).expect("one channel");
    let mut output = SequentialSlice::new_mut(&mut out, 1, capacity).expect("one channel");
    let (_, written) = fft
        .process_all_into_buffer(&input, &mut output, samples.len(), None)
        .expect("buffers are large enough");
    out.truncate(written);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "file,label,voice,speed,text\n";

    /// A second of a tone with silence around it, 16-bit WAV at 24 kHz.
    fn write_tone(path: &Path, hz: f64) {
        let sample = |i: u32| match i {
            6_000..30_000 => (8000.0 * (std::f64::consts::TAU * hz * f64::from(i) / 24_000.0).sin()) as i16,
            _ => 0,
        };
        let data: Vec<u8> = (0..36_000).flat_map(|i| sample(i).to_le_bytes()).collect();
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + data.len() as u32).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        bytes.extend(24_000_u32.to_le_bytes());
        bytes.extend(48_000_u32.to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        std::fs::write(path, bytes).unwrap();
    }

    fn folder(rows: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write_tone(&folder.path().join("a.wav"), 440.0);
        std::fs::write(folder.path().join("phrases.csv"), format!("{HEADER}{rows}")).unwrap();
        folder
    }

    const COMPLETE: &str = "a.wav,elbow,ann,1,an elbow\na.wav,background,ann,1,hm\na.wav,chat,ann,1,hello\n";

    fn needed() -> Vec<String> {
        ["elbow", "background", "chat"].map(str::to_owned).to_vec()
    }

    fn open(rows: &str) -> Result<(Recorded, Phrases), SimulateError> {
        Recorded::open(folder(rows).path(), &needed())
    }

    #[test]
    fn files_are_decoded_resampled_trimmed_and_level() {
        let folder =
            folder(&format!("{COMPLETE}missing.wav,lung,ann,1,labels of no use here are passed over\n"));
        let (recorded, phrases) = Recorded::open(folder.path(), &needed()).unwrap();
        assert_eq!((recorded.voices(), phrases.of("elbow").len()), (vec!["ann".to_owned()], 1));
        let clip = recorded.clip("ann", "elbow", "an elbow").unwrap();
        assert!((clip.seconds() - 1.0).abs() < 0.01, "{clip:?}");
        assert_eq!(recorded.seconds("ann", "elbow", "an elbow"), Some(clip.seconds()));
        assert_eq!(recorded.seconds("ann", "elbow", "hello"), None);
        let power = clip.samples.iter().map(|s| s * s).sum::<f32>() / clip.samples.len() as f32;
        assert!((power - 1.0).abs() < 1e-3);
        let crossings = clip.samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!((crossings as f64 / clip.seconds() - 440.0).abs() < 4.0, "{crossings}");
    }

    #[test]
    fn faults_name_the_file_and_the_line() {
        let message = |rows: &str| open(rows).err().unwrap().to_string();
        let gone = message(&COMPLETE.replacen("a.wav", "b.wav", 1));
        assert!(gone.contains("line 2") && gone.contains("b.wav"), "{gone}");
        let empty = message(&COMPLETE.replacen("hello", " ", 1));
        assert!(empty.contains("line 4") && empty.contains("a text"), "{empty}");
        let lacking = message(&format!("{COMPLETE}a.wav,chat,bob,1,hello\n"));
        assert!(lacking.contains("bob lacks elbow, background"), "{lacking}");
        assert!(message("").contains("none of them"));
        let bare = tempfile::tempdir().unwrap();
        let message = Recorded::open(bare.path(), &[]).err().unwrap().to_string();
        assert!(message.contains("0 CSV files"), "{message}");
        std::fs::write(bare.path().join("a.csv"), "file,label,text\n").unwrap();
        let message = Recorded::open(bare.path(), &[]).err().unwrap().to_string();
        assert!(message.contains("found file,label,text"), "{message}");
    }
}
