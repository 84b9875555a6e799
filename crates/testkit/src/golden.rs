//! Golden tensors: values that a reference (librosa, PyTorch, timm) gave, in safetensors files beside the script that
//! made them.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

/// All tensors of a golden file.
pub struct Golden {
    path: String,
    bytes: Vec<u8>,
}

/// One golden tensor, in f64 whatever its type in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenTensor {
    /// Its shape, outermost axis first.
    pub shape: Vec<usize>,
    /// Its values, innermost axis fastest.
    pub values: Vec<f64>,
}

impl Golden {
    /// Reads a golden file; panics where it is not there or not safetensors.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> Golden {
        let path = path.as_ref();
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let golden = Golden { path: path.display().to_string(), bytes };
        golden.tensors();
        golden
    }

    /// The names of its tensors, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.tensors().names().into_iter().map(String::from).collect::<Vec<_>>();
        names.sort();
        names
    }

    /// The tensor `name`; panics where there is none, or where its type is no plain number.
    #[track_caller]
    pub fn tensor(&self, name: &str) -> GoldenTensor {
        let tensors = self.tensors();
        let Ok(view) = tensors.tensor(name) else {
            panic!("{}: no tensor `{name}` among {:?}", self.path, self.names());
        };
        let bytes = view.data();
        let values = match view.dtype() {
            Dtype::F64 => convert(bytes, f64::from_le_bytes),
            Dtype::F32 => convert(bytes, |b| f64::from(f32::from_le_bytes(b))),
            Dtype::I64 => convert(bytes, |b| i64::from_le_bytes(b) as f64),
            Dtype::I32 => convert(bytes, |b| f64::from(i32::from_le_bytes(b))),
            Dtype::U32 => convert(bytes, |b| f64::from(u32::from_le_bytes(b))),
            Dtype::U8 | Dtype::BOOL => convert(bytes, |[b]| f64::from(b)),
            other => panic!("{}: tensor `{name}` is {other:?}", self.path),
        };
        GoldenTensor { shape: view.shape().to_vec(), values }
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}

impl GoldenTensor {
    /// The values in f32.
    pub fn to_f32(&self) -> Vec<f32> {
        self.values.iter().map(|value| *value as f32).collect()
    }
}

fn convert<const N: usize>(bytes: &[u8], from: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|bytes| from(*bytes)).collect()
}
