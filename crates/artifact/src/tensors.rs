//! safetensors files: whole ones written atomically, and headers read with every length checked.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Metadata, TensorView};
use safetensors::{Dtype, SafeTensorError};

use crate::{ArtifactError, TensorSpec};

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

/// How the name of a file ends while it is being written.
pub(crate) const UNFINISHED: &str = ".partial";

pub(crate) fn unfinished_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

/// Writes `tensors` into `path`, which appears only when it is complete. Equal tensors give equal bytes, in whatever
/// order they are listed.
///
/// # Errors
/// When a tensor's bytes do not fit its shape, two have one name, or the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &[TensorBytes<'_>]) -> Result<(), ArtifactError> {
    let refused = |found: String| {
        ArtifactError::damaged(path, "tensors to write", "bytes that fit their shapes", found)
    };
    let mut names = HashSet::new();
    let mut views = Vec::with_capacity(tensors.len());
    for TensorBytes { name, dtype, shape, bytes } in tensors {
        if !names.insert(name) {
            return Err(ArtifactError::damaged(
                path,
                "tensors to write",
                "one name each",
                format!("`{name}` twice"),
            ));
        }
        let view = TensorView::new(*dtype, shape.clone(), bytes);
        views.push((
            name,
            view.map_err(|_| refused(format!("`{name}` {dtype:?} {shape:?} of {} bytes", bytes.len())))?,
        ));
    }
    let unfinished = unfinished_name(path);
    // no metadata: it is a hash map, and with several keys the bytes would differ between runs
    safetensors::serialize_to_file(views, None, &unfinished).map_err(|error| match error {
        SafeTensorError::IoError(source) => ArtifactError::Io { path: unfinished.clone(), source },
        other => refused(other.to_string()),
    })?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(ArtifactError::io(&unfinished))?;
    rename(&unfinished, path)
}

/// Writes a file that appears under its name only when it is complete and on disk: a reader, or a kill at any moment,
/// finds the old one or the new one whole.
///
/// # Errors
/// When it cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    let unfinished = unfinished_name(path);
    let mut file = File::create(&unfinished).map_err(ArtifactError::io(&unfinished))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(ArtifactError::io(&unfinished))?;
    rename(&unfinished, path)
}

/// Renames, and makes that last through a loss of power.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), ArtifactError> {
    fs::rename(from, to).map_err(ArtifactError::io(to))?;
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(ArtifactError::io(folder))
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
    let damaged =
        |what: &str, expected: String, found: String| ArtifactError::damaged(path, what, expected, found);
    let length = file.metadata().map_err(ArtifactError::io(path))?.len();
    let mut size = [0; 8];
    if length < 8 {
        return Err(damaged(
            "length in bytes",
            "a safetensors file, at least 8".to_owned(),
            length.to_string(),
        ));
    }
    file.read_exact_at(&mut size, 0).map_err(ArtifactError::io(path))?;
    let header = u64::from_le_bytes(size);
    if header > LONGEST_HEADER || header > length - 8 {
        let most = LONGEST_HEADER.min(length - 8);
        return Err(damaged(
            "length of the safetensors header",
            format!("at most {most}"),
            header.to_string(),
        ));
    }
    let mut text = vec![0; usize::try_from(header).expect("at most 64 MiB")];
    file.read_exact_at(&mut text, 8).map_err(ArtifactError::io(path))?;
    let metadata: Metadata = serde_json::from_slice(&text)
        .map_err(|error| damaged("header", "a safetensors header".to_owned(), error.to_string()))?;
    let expected = 8 + header + metadata.data_len() as u64;
    if expected != length {
        return Err(damaged("length in bytes", expected.to_string(), length.to_string()));
    }
    Ok((metadata, 8 + header))
}

/// Names of the axes and unit of a tensor.
pub(crate) type Meaning = (&'static [&'static str], &'static str);

/// What the manifest says of the tensors of an open file: what `meaning` knows of a name, else what follows from the
/// number of axes in weights (PyTorch's order).
pub(crate) fn specs(
    file: &File,
    path: &Path,
    meaning: impl Fn(&str) -> Option<Meaning>,
) -> Result<Vec<TensorSpec>, ArtifactError> {
    let (header, _) = read_header(file, path)?;
    let spec = |name: String| {
        let info = header.info(&name).expect("a name of this header");
        let (axes, unit) = meaning(&name)
            .filter(|(axes, _)| axes.len() == info.shape.len())
            .unwrap_or_else(|| (axes_of_weights(info.shape.len()), ""));
        let axis = |i: usize| axes.get(i).map_or_else(|| format!("axis {i}"), |axis| (*axis).to_owned());
        let axes = info.shape.iter().enumerate().map(|(i, length)| (axis(i), *length as u64)).collect();
        TensorSpec { name, dtype: format!("{:?}", info.dtype), axes, unit: unit.to_owned() }
    };
    Ok(header.offset_keys().into_iter().map(spec).collect())
}

fn axes_of_weights(rank: usize) -> &'static [&'static str] {
    match rank {
        1 => &["channel"],
        2 => &["out", "in"],
        4 => &["out", "in", "height", "width"],
        _ => &[],
    }
}
