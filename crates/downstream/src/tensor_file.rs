//! A safetensors file of an artifact, written and described in one place.

use half::f16;
use safetensors::Dtype;
use sonovox_artifact::{ArtifactError, ArtifactWriter, TensorBytes, TensorSpec, write_tensors};

/// Tensors to write, each with its axes and unit.
#[derive(Default)]
pub(crate) struct TensorFile {
    tensors: Vec<(TensorSpec, Dtype, Vec<u8>)>,
}

impl TensorFile {
    pub fn u32(
        self,
        name: &str,
        unit: &str,
        axes: &[(&str, usize)],
        values: impl IntoIterator<Item = u32>,
    ) -> Self {
        self.add(name, unit, axes, Dtype::U32, values.into_iter().flat_map(u32::to_le_bytes).collect())
    }

    pub fn f64(
        self,
        name: &str,
        unit: &str,
        axes: &[(&str, usize)],
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        self.add(name, unit, axes, Dtype::F64, values.into_iter().flat_map(f64::to_le_bytes).collect())
    }

    pub fn f32(
        self,
        name: &str,
        unit: &str,
        axes: &[(&str, usize)],
        values: impl IntoIterator<Item = f32>,
    ) -> Self {
        self.add(name, unit, axes, Dtype::F32, values.into_iter().flat_map(f32::to_le_bytes).collect())
    }

    pub fn f16(
        self,
        name: &str,
        unit: &str,
        axes: &[(&str, usize)],
        values: impl IntoIterator<Item = f16>,
    ) -> Self {
        self.add(name, unit, axes, Dtype::F16, values.into_iter().flat_map(f16::to_le_bytes).collect())
    }

    fn add(mut self, name: &str, unit: &str, axes: &[(&str, usize)], dtype: Dtype, bytes: Vec<u8>) -> Self {
        let spec = TensorSpec {
            name: name.to_owned(),
            dtype: format!("{dtype:?}"),
            axes: axes.iter().map(|&(axis, length)| (axis.to_owned(), length as u64)).collect(),
            unit: unit.to_owned(),
        };
        self.tensors.push((spec, dtype, bytes));
        self
    }

    /// Writes the file `name` of the artifact.
    pub fn write(self, writer: &mut ArtifactWriter, name: &str) -> Result<(), ArtifactError> {
        let tensors: Vec<TensorBytes> = self
            .tensors
            .iter()
            .map(|(spec, dtype, bytes)| TensorBytes {
                name: &spec.name,
                dtype: *dtype,
                shape: spec.axes.iter().map(|&(_, length)| length as usize).collect(),
                bytes,
            })
            .collect();
        write_tensors(&writer.dir().join(name), &tensors)?;
        writer.describe(name, self.tensors.into_iter().map(|(spec, ..)| spec).collect());
        Ok(())
    }
}
