//! Reads parts of a recording's clip by position.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::Dtype;

use crate::ArtifactError;
use crate::tensors::read_header;

/// A recording's clip. What lies in memory is its header and its frame times.
///
/// The file is opened for each read: a study of thousands of recordings needs no more file handles than readers at
/// work.
#[derive(Clone, Debug)]
pub struct ClipReader {
    path: PathBuf,
    starts: BTreeMap<&'static str, u64>,
    frames: usize,
    height: usize,
    width: usize,
    rows: usize,
    bands: usize,
    gaze: usize,
    first_secs: f64,
    hop_secs: f64,
}

impl ClipReader {
    /// Opens a clip whose spectrogram rows are `hop_secs` apart.
    ///
    /// # Errors
    /// When the file is no clip, or shorter or longer than its header says.
    pub fn open(path: &Path, hop_secs: f64) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(ArtifactError::io(path))?;
        let (header, data) = read_header(&file, path)?;
        let mut starts = BTreeMap::new();
        let mut shape = |name: &'static str, dtype: Dtype, rank: usize| {
            let wrong = |found: String| ArtifactError::Damaged {
                path: path.to_owned(),
                what: format!("tensor {name}"),
                expected: format!("{dtype:?} with {rank} axes"),
                found,
            };
            let info = header.info(name).ok_or_else(|| wrong("none".to_owned()))?;
            if info.dtype != dtype || info.shape.len() != rank {
                return Err(wrong(format!("{:?} {:?}", info.dtype, info.shape)));
            }
            starts.insert(name, data + info.data_offsets.0 as u64);
            Ok(info.shape.clone())
        };
        let frames = shape("frames", Dtype::U8, 3)?;
        let secs = shape("frame_secs", Dtype::F64, 1)?;
        let mel = shape("log_mel", Dtype::F16, 2)?;
        let voice = shape("voice", Dtype::F16, 1)?;
        let gaze = shape("gaze", Dtype::F32, 2)?;
        let plane = shape("plane", Dtype::I16, 1)?;
        let agree = secs[0] == frames[0]
            && plane[0] == frames[0]
            && voice[0] == mel[0]
            && gaze[1] == 3
            && frames[0] > 0;
        if !agree {
            return Err(ArtifactError::Damaged {
                path: path.to_owned(),
                what: "lengths of the tensors".to_owned(),
                expected: "at least one frame, a time and a label to each, a voice value to a row".to_owned(),
                found: format!(
                    "{} frames, {} times, {} labels, {} rows, {} voice values",
                    frames[0], secs[0], plane[0], mel[0], voice[0]
                ),
            });
        }
        let mut clip = Self {
            path: path.to_owned(),
            starts,
            frames: frames[0],
            height: frames[1],
            width: frames[2],
            rows: mel[0],
            bands: mel[1],
            gaze: gaze[0],
            first_secs: 0.0,
            hop_secs,
        };
        let mut first_secs = [0; 8];
        clip.read("frame_secs", 0, &mut first_secs)?;
        clip.first_secs = f64::from_le_bytes(first_secs);
        Ok(clip)
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Height of a frame.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of a frame.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of spectrogram rows.
    pub fn mel_frames(&self) -> usize {
        self.rows
    }

    /// Bands of a spectrogram row.
    pub fn n_bands(&self) -> usize {
        self.bands
    }

    /// Number of gaze samples.
    pub fn gaze_samples(&self) -> usize {
        self.gaze
    }

    /// Time of spectrogram row 0 on the recording's clock: that of the first frame.
    pub fn mel_start_secs(&self) -> f64 {
        self.first_secs
    }

    /// Seconds between two spectrogram rows.
    pub fn hop_secs(&self) -> f64 {
        self.hop_secs
    }

    /// Reads frame `index` into `grey` (`height * width` values).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_frame(&self, index: usize, grey: &mut [u8]) -> Result<(), ArtifactError> {
        let area = self.height * self.width;
        assert!(index < self.frames && grey.len() == area, "frame {index} of {}", self.frames);
        self.read("frames", index * area, grey)
    }

    /// Reads spectrogram rows into `values` (`rows.len() * n_bands`, band fastest).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_mel(&self, rows: Range<usize>, values: &mut [f16]) -> Result<(), ArtifactError> {
        assert!(
            rows.end <= self.rows && values.len() == rows.len() * self.bands,
            "rows {rows:?} of {}",
            self.rows
        );
        let mut bytes = vec![0; 2 * values.len()];
        self.read("log_mel", 2 * rows.start * self.bands, &mut bytes)?;
        for (value, pair) in values.iter_mut().zip(bytes.chunks_exact(2)) {
            *value = f16::from_le_bytes([pair[0], pair[1]]);
        }
        Ok(())
    }

    /// Times of all frames, in seconds on the recording's clock.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn frame_secs(&self) -> Result<Vec<f64>, ArtifactError> {
        self.all("frame_secs", self.frames, f64::from_le_bytes)
    }

    /// Voice value of all rows, 0 to 1.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn voice(&self) -> Result<Vec<f16>, ArtifactError> {
        self.all("voice", self.rows, f16::from_le_bytes)
    }

    /// Gaze samples: time on the recording's clock, x and y as shares of the cropped frame.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn gaze(&self) -> Result<Vec<(f64, f32, f32)>, ArtifactError> {
        let flat = self.all("gaze", 3 * self.gaze, f32::from_le_bytes)?;
        let sample = |s: &[f32]| (self.first_secs + f64::from(s[0]), s[1], s[2]);
        Ok(flat.chunks_exact(3).map(sample).collect())
    }

    /// Plane of all frames; -1 where there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn plane(&self) -> Result<Vec<i16>, ArtifactError> {
        self.all("plane", self.frames, i16::from_le_bytes)
    }

    fn all<T, const N: usize>(
        &self,
        name: &'static str,
        count: usize,
        from: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, ArtifactError> {
        let mut bytes = vec![0; N * count];
        self.read(name, 0, &mut bytes)?;
        Ok(bytes.as_chunks::<N>().0.iter().map(|chunk| from(*chunk)).collect())
    }

    fn read(&self, name: &'static str, offset: usize, bytes: &mut [u8]) -> Result<(), ArtifactError> {
        let file = File::open(&self.path).map_err(ArtifactError::io(&self.path))?;
        file.read_exact_at(bytes, self.starts[name] + offset as u64).map_err(ArtifactError::io(&self.path))
    }
}
