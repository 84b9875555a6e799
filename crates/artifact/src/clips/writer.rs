//! Writes a recording's clip as it is decoded: memory does not grow with its length.
//!
//! A safetensors file begins with its header, and the number of frames is known at the end only. So room for the
//! header is kept free at the start, frames follow as they come, the rest after them, and the header is written last
//! (padded with spaces, as the format allows).

use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use half::f16;
use serde_json::{Map, Value, json};

use crate::ArtifactError;
use crate::tensors::{rename, unfinished_name};

/// Room for the header with its length. Ours takes some 500 bytes.
const HEADER_BYTES: u64 = 4096;

/// A clip being written; it appears under its name in [`ClipWriter::finish`].
pub struct ClipWriter {
    file: BufWriter<File>,
    path: PathBuf,
    unfinished: PathBuf,
    height: usize,
    width: usize,
    frame_secs: Vec<f64>,
}

impl ClipWriter {
    /// Starts the file for frames of `height` x `width`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path, height: usize, width: usize) -> Result<Self, ArtifactError> {
        let unfinished = unfinished_name(path);
        let file = File::create(&unfinished).map_err(ArtifactError::io(&unfinished))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&[b' '; HEADER_BYTES as usize]).map_err(ArtifactError::io(&unfinished))?;
        Ok(Self { file, path: path.to_owned(), unfinished, height, width, frame_secs: Vec::new() })
    }

    /// Appends a frame of `height * width` grey values at `time_secs`.
    ///
    /// # Errors
    /// When the time is not finite or lies before that of the frame before; when it cannot be written.
    pub fn push_frame(&mut self, grey: &[u8], time_secs: f64) -> Result<(), ArtifactError> {
        assert_eq!(grey.len(), self.height * self.width, "a frame of another size");
        let before = self.frame_secs.last().copied().unwrap_or(f64::MIN);
        if !time_secs.is_finite() || time_secs < before {
            let what = format!("time of frame {}", self.frame_secs.len());
            let expected = format!("a number of seconds of at least {before}");
            return Err(ArtifactError::damaged(&self.path, what, expected, time_secs.to_string()));
        }
        self.frame_secs.push(time_secs);
        self.file.write_all(grey).map_err(ArtifactError::io(&self.unfinished))
    }

    /// Times of the frames so far.
    pub fn frame_secs(&self) -> &[f64] {
        &self.frame_secs
    }

    /// Appends the rest and completes the file, which then has its name. `log_mel` gives `voice.len()` rows of `bands` little-endian f16;
    /// `plane` has one value to a frame.
    ///
    /// # Errors
    /// When there is no frame, `log_mel` ends early or the file cannot be written.
    pub fn finish(
        mut self,
        log_mel: impl Read,
        bands: usize,
        voice: &[f16],
        gaze: &[[f32; 3]],
        plane: &[i16],
    ) -> Result<(), ArtifactError> {
        assert_eq!(plane.len(), self.frame_secs.len(), "one label to a frame");
        let (frames, rows) = (self.frame_secs.len(), voice.len());
        if frames == 0 {
            return Err(ArtifactError::damaged(&self.path, "frames", "at least one", "none"));
        }
        let mut header = Header::default();
        header.add("frames", "U8", &[frames, self.height, self.width], frames * self.height * self.width);
        header.add("frame_secs", "F64", &[frames], 8 * frames);
        header.add("log_mel", "F16", &[rows, bands], 2 * rows * bands);
        header.add("voice", "F16", &[rows], 2 * rows);
        header.add("gaze", "F32", &[gaze.len(), 3], 12 * gaze.len());
        header.add("plane", "I16", &[frames], 2 * frames);
        self.write_tail(log_mel, bands, voice, gaze, plane, &header.text())
            .map_err(ArtifactError::io(&self.unfinished))?;
        rename(&self.unfinished, &self.path)
    }

    fn write_tail(
        &mut self,
        log_mel: impl Read,
        bands: usize,
        voice: &[f16],
        gaze: &[[f32; 3]],
        plane: &[i16],
        header: &[u8],
    ) -> std::io::Result<()> {
        let file = &mut self.file;
        self.frame_secs.iter().try_for_each(|secs| file.write_all(&secs.to_le_bytes()))?;
        let expected = 2 * (voice.len() * bands) as u64;
        let copied = std::io::copy(&mut log_mel.take(expected), file)?;
        if copied != expected {
            let cause = format!("spectrogram of {expected} bytes ended after {copied}");
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, cause));
        }
        voice.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
        gaze.iter().flatten().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
        plane.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
        file.flush()?;
        let file = file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(header)?;
        file.sync_all()
    }
}

impl Drop for ClipWriter {
    fn drop(&mut self) {
        // after finish() the name is gone and there is nothing to remove
        let _ = fs::remove_file(&self.unfinished);
    }
}

#[derive(Default)]
struct Header {
    tensors: Map<String, Value>,
    end: usize,
}

impl Header {
    fn add(&mut self, name: &str, dtype: &str, shape: &[usize], bytes: usize) {
        let offsets = [self.end, self.end + bytes];
        self.end += bytes;
        self.tensors
            .insert(name.to_owned(), json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
    }

    /// Length and text, padded to the room that was kept.
    fn text(self) -> Vec<u8> {
        let mut bytes = (HEADER_BYTES - 8).to_le_bytes().to_vec();
        bytes.extend(Value::Object(self.tensors).to_string().into_bytes());
        assert!(bytes.len() <= HEADER_BYTES as usize, "the header fits the room kept for it");
        bytes.resize(HEADER_BYTES as usize, b' ');
        bytes
    }
}
