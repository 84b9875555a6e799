//! Spectrogram rows that wait in a temporary file until the recording's levels are known, so that memory does not grow
//! with its length: 128 bands every 10 ms are 184 MB an hour.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use half::f16;
use sonovox_speech::{LevelStats, Levels, PeakLevel};

use crate::timeline::Coverage;

/// Rows that are read back at a time.
const ROWS_AT_A_TIME: usize = 256;
const BUFFER_BYTES: usize = 1 << 18;

/// Takes rows in dB while they are made.
pub(crate) struct Spool {
    file: BufWriter<File>,
    bytes: Vec<u8>,
    peak: PeakLevel,
    /// The first fault; rows come through callbacks that cannot fail, so it is told at the end.
    fault: Option<io::Error>,
}

impl Spool {
    /// A spool in an unnamed file in `dir`, which is gone when the program ends, however it ends.
    pub fn create(dir: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(dir)?);
        Ok(Self { file, bytes: Vec::new(), peak: PeakLevel::default(), fault: None })
    }

    /// Appends rows, any number of them.
    pub fn push(&mut self, rows: &[f32]) {
        self.peak.observe(rows);
        self.bytes.clear();
        self.bytes.extend(rows.iter().flat_map(|value| value.to_le_bytes()));
        if let Err(error) = self.file.write_all(&self.bytes) {
            self.fault.get_or_insert(error);
        }
    }

    /// Ends the rows, `n_bands` values each and `hop_secs` apart: their levels are those of the rows that lie over
    /// sound, with a floor `top_db` below the loudest value; without one, rows become log10 of the power.
    pub fn finish(
        self,
        shape: RowShape,
        top_db: Option<f32>,
        coverage: Coverage<'_>,
    ) -> io::Result<SpooledRows> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let mut rows = SpooledRows { file, shape, levels: Levels::LOG10 };
        if let Some(top_db) = top_db {
            rows.levels = rows.measure(self.peak.floor_db(top_db), coverage)?;
        }
        Ok(rows)
    }
}

/// Form of a spectrogram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowShape {
    /// Number of rows.
    pub rows: usize,
    /// Values to a row.
    pub n_bands: usize,
    /// Time between rows, seconds.
    pub hop_secs: f64,
}

/// Rows in dB on disk with the levels to bring them to.
pub(crate) struct SpooledRows {
    file: File,
    shape: RowShape,
    levels: Levels,
}

impl SpooledRows {
    fn measure(&mut self, floor_db: f32, mut coverage: Coverage<'_>) -> io::Result<Levels> {
        let RowShape { rows, n_bands, hop_secs } = self.shape;
        let mut stats = LevelStats::new(floor_db);
        let mut file = self.rewound()?;
        let mut row = vec![0.0; n_bands];
        for t in 0..rows {
            read_values(&mut file, &mut row)?;
            if coverage.at(t as f64 * hop_secs) {
                stats.observe(&row);
            }
        }
        Ok(stats.finish())
    }

    /// The levelled rows as little-endian f16.
    pub fn levelled(mut self) -> io::Result<impl Read> {
        let file = self.rewound()?;
        let left = self.shape.rows * self.shape.n_bands;
        let values = vec![0.0; ROWS_AT_A_TIME * self.shape.n_bands];
        Ok(LevelledRows { file, levels: self.levels, values, left, ready: Vec::new(), given: 0 })
    }

    fn rewound(&mut self) -> io::Result<BufReader<File>> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, file))
    }
}

/// Reads little-endian f32 until `values` is full.
fn read_values(file: &mut impl Read, values: &mut [f32]) -> io::Result<()> {
    let mut bytes = [0; 4];
    for value in values {
        file.read_exact(&mut bytes)?;
        *value = f32::from_le_bytes(bytes);
    }
    Ok(())
}

/// The third pass, as a stream of bytes.
struct LevelledRows {
    file: BufReader<File>,
    levels: Levels,
    values: Vec<f32>,
    /// Values not yet read from the file.
    left: usize,
    /// Bytes of the last values read, of which `given` were handed out.
    ready: Vec<u8>,
    given: usize,
}

impl LevelledRows {
    fn refill(&mut self) -> io::Result<()> {
        let count = self.left.min(self.values.len());
        let values = &mut self.values[..count];
        read_values(&mut self.file, values)?;
        self.levels.apply(values);
        self.left -= count;
        self.given = 0;
        self.ready.clear();
        self.ready.extend(values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()));
        Ok(())
    }
}

impl Read for LevelledRows {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            self.refill()?;
        }
        let count = out.len().min(self.ready.len() - self.given);
        out[..count].copy_from_slice(&self.ready[self.given..][..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Timeline;
    use sonovox_speech::Spectrogram;

    /// Values of 700 rows of 5 bands, some of them far below the floor.
    fn rows() -> Vec<f32> {
        (0..3500_u32).map(|i| ((i * 7919) % 1000) as f32 * 0.13 - 100.0).collect()
    }

    #[test]
    fn the_rows_come_back_as_those_of_the_whole_spectrogram() {
        let mut whole = Spectrogram { n_bands: 5, values: rows() };
        let levels = whole.standardise(80.0, |t| (10..500).contains(&t));
        let expected: Vec<u8> = whole.values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();

        let mut timeline = Timeline::new(1000, 0.0, 7.0);
        timeline.lay(0.1, &[1.0; 4900], &mut |_| ());
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(dir.path()).unwrap();
        rows().chunks(60).for_each(|piece| spool.push(piece));
        let shape = RowShape { rows: 700, n_bands: 5, hop_secs: 0.01 };
        let spooled = spool.finish(shape, Some(80.0), timeline.coverage()).unwrap();
        assert_eq!(spooled.levels, levels);
        let mut found = Vec::new();
        spooled.levelled().unwrap().read_to_end(&mut found).unwrap();
        assert_eq!(found, expected);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file has no name");
    }
}
