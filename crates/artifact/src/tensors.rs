//! safetensors files: whole ones written atomically, and headers read with every length checked.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorView};

use crate::ArtifactError;

/// A tensor's name, type, shape and little-endian bytes.
pub struct TensorBytes<'a> {
    /// Name inside the file.
    pub name: &'a str,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements, little endian, last axis fastest.
    pub bytes: &'a [u8],
}

/// Writes `tensors` into `path`, which appears only when it is complete. Equal tensors give equal bytes.
///
/// # Errors
/// When a tensor's bytes do not fit its shape or the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &[TensorBytes<'_>]) -> Result<(), ArtifactError> {
    let damaged = |cause: safetensors::SafeTensorError| ArtifactError::Damaged {
        path: path.to_owned(),
        what: "tensors to write".to_owned(),
        expected: "bytes that fit their shapes".to_owned(),
        found: cause.to_string(),
    };
    let mut views = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), tensor.bytes).map_err(damaged)?;
        views.push((tensor.name, view));
    }
    // no metadata: it is a hash map, and with several keys the bytes would differ between runs
    let bytes = safetensors::serialize(views, None).map_err(damaged)?;
    write_atomic(path, &bytes)
}

/// Writes a file that appears under its name only when it is complete and on disk.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".partial");
    let unfinished = std::path::PathBuf::from(unfinished);
    let mut file = File::create(&unfinished).map_err(ArtifactError::io(&unfinished))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(ArtifactError::io(&unfinished))?;
    fs::rename(&unfinished, path).map_err(ArtifactError::io(path))
}

/// Longest header that is read; a longer one is no file of ours.
const LONGEST_HEADER: u64 = 64 << 20;

/// Reads the header of an open safetensors file and checks it against the file's length.
///
/// Gives the header and the position at which the tensors' bytes begin.
///
/// # Errors
/// When the file is no safetensors file or is shorter or longer than its header says.
pub fn read_header(file: &File, path: &Path) -> Result<(Metadata, u64), ArtifactError> {
    let damaged = |what: &str, expected: String, found: String| ArtifactError::Damaged {
        path: path.to_owned(),
        what: what.to_owned(),
        expected,
        found,
    };
    let length = file.metadata().map_err(ArtifactError::io(path))?.len();
    let mut size = [0; 8];
    if length < 8 {
        return Err(damaged("length in bytes", "a safetensors file".to_owned(), length.to_string()));
    }
    file.read_exact_at(&mut size, 0).map_err(ArtifactError::io(path))?;
    let header = u64::from_le_bytes(size);
    if header > LONGEST_HEADER || header > length - 8 {
        return Err(damaged("header length", format!("at most {}", length - 8), header.to_string()));
    }
    let mut text = vec![0; usize::try_from(header).expect("at most 64 MiB")];
    file.read_exact_at(&mut text, 8).map_err(ArtifactError::io(path))?;
    let metadata: Metadata = serde_json::from_slice(&text)
        .map_err(|error| damaged("header", "a safetensors header".to_owned(), error.to_string()))?;
    let end = metadata.tensors().values().map(|tensor| tensor.data_offsets.1).max().unwrap_or(0);
    let expected = 8 + header + end as u64;
    if expected != length {
        return Err(damaged("length in bytes", expected.to_string(), length.to_string()));
    }
    Ok((metadata, 8 + header))
}
