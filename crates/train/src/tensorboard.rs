//! Scalars as a TensorBoard event file.
//!
//! The file is a TFRecord: length (u64 LE), masked CRC32C of the length, payload, masked CRC32C of the payload; the
//! payload is a protobuf `Event { wall_time = 1: double, step = 2: int64, file_version = 3: string, summary = 5 }`
//! with `Summary.Value { tag = 1: string, simple_value = 2: float }`
//! (tensorflow/core/util/event.proto and framework/summary.proto).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::TrainError;

/// Constant of TensorFlow's `crc32c::Mask`.
const CRC_MASK_DELTA: u32 = 0xa282_ead8;

/// A writer of scalar events.
pub struct TensorBoard {
    file: BufWriter<File>,
    path: PathBuf,
}

impl TensorBoard {
    /// Opens a new event file in `dir`; earlier files of the run stay beside it, as TensorBoard expects.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(dir: &Path) -> Result<Self, TrainError> {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
        let path = dir.join(format!("events.out.tfevents.{micros:017}.sonovox"));
        let file = File::create_new(&path).map_err(TrainError::io(&path))?;
        let mut writer = Self { file: BufWriter::new(file), path };
        let mut event = wall_time();
        bytes_field(&mut event, 3, b"brain.Event:2");
        writer.record(&event)?;
        Ok(writer)
    }

    /// Writes `scalars` (tag and value) at `step`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn scalars(&mut self, step: u64, scalars: &[(String, f64)]) -> Result<(), TrainError> {
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            let mut entry = Vec::new();
            bytes_field(&mut entry, 1, tag.as_bytes());
            entry.push(2 << 3 | 5);
            entry.extend((*value as f32).to_le_bytes());
            bytes_field(&mut summary, 1, &entry);
        }
        let mut event = wall_time();
        event.push(2 << 3);
        varint(&mut event, step);
        bytes_field(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Hands what was written to the operating system, so that a viewer sees it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> Result<(), TrainError> {
        self.file.flush().map_err(TrainError::io(&self.path))
    }

    fn record(&mut self, payload: &[u8]) -> Result<(), TrainError> {
        let length = (payload.len() as u64).to_le_bytes();
        let parts: [&[u8]; 4] =
            [&length, &masked_crc(&length).to_le_bytes(), payload, &masked_crc(payload).to_le_bytes()];
        for part in parts {
            self.file.write_all(part).map_err(TrainError::io(&self.path))?;
        }
        Ok(())
    }
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(CRC_MASK_DELTA)
}

fn wall_time() -> Vec<u8> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    let mut event = vec![1 << 3 | 1];
    event.extend(seconds.to_le_bytes());
    event
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes_field(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_tensorflows_framing() {
        // 32 zero bytes: a test vector of RFC 3720, B.4
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        let dir = tempfile::tempdir().expect("temp dir");
        let mut board = TensorBoard::create(dir.path()).expect("create");
        board.scalars(300, &[("loss/total".into(), 0.5)]).expect("write");
        board.flush().expect("flush");
        let file = std::fs::read_dir(dir.path()).expect("dir").next().expect("one file").expect("entry");
        let bytes = std::fs::read(file.path()).expect("read");
        let mut at = 0;
        let mut payloads = Vec::new();
        while at < bytes.len() {
            let length = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8")) as usize;
            let crc = |from: usize| u32::from_le_bytes(bytes[from..from + 4].try_into().expect("4"));
            assert_eq!(crc(at + 8), masked_crc(&bytes[at..at + 8]));
            assert_eq!(crc(at + 12 + length), masked_crc(&bytes[at + 12..at + 12 + length]));
            payloads.push(bytes[at + 12..at + 12 + length].to_vec());
            at += 16 + length;
        }
        assert_eq!(payloads.len(), 2);
        assert!(payloads[0].ends_with(b"brain.Event:2"));
        // step 300 as a varint, then the summary with tag and value
        assert_eq!(payloads[1][9..12], [0x10, 0xac, 0x02]);
        assert!(payloads[1].windows(10).any(|w| w == b"loss/total"));
        assert!(payloads[1].ends_with(&0.5f32.to_le_bytes()));
    }
}
