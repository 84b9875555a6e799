//! What an operation can be called with: devices and number types that have a kernel.

use candle_core::{DType, Device, Result, Tensor, bail};

/// Stops on tensors that are not all f32 or all f64 on one device that has kernels; the message names the operation
/// and what was found.
pub(crate) fn check_inputs(name: &str, tensors: &[&Tensor]) -> Result<()> {
    one_device(name, tensors)?;
    one_type(name, tensors, &[DType::F32, DType::F64])
}

/// The same for an operation on maps with parameters (or gates) beside them. Maps on a card may also be bf16; what lies
/// beside those is f32.
pub(crate) fn check_maps(name: &str, maps: &[&Tensor], params: &[&Tensor]) -> Result<()> {
    let map = maps[0];
    if map.dtype() != DType::BF16 || !map.device().is_cuda() {
        return check_inputs(name, &[maps, params].concat());
    }
    one_device(name, &[maps, params].concat())?;
    one_type(name, maps, &[DType::BF16])?;
    match params.iter().find(|t| t.dtype() != DType::F32) {
        None => Ok(()),
        Some(other) => bail!(
            "{name}: expected f32 beside maps of bf16, found {} beside {}",
            described(other),
            described(map)
        ),
    }
}

fn one_device(name: &str, tensors: &[&Tensor]) -> Result<()> {
    let first = tensors[0];
    for t in tensors {
        let has_kernel = match t.device() {
            Device::Cpu => true,
            Device::Cuda(_) => cfg!(feature = "cuda"),
            Device::Metal(_) => false,
        };
        if !has_kernel {
            bail!("{name}: has no kernel for this device ({})", described(t));
        }
        if !t.device().same_device(first.device()) {
            bail!("{name}: expected one device, found {} and {}", described(first), described(t));
        }
    }
    Ok(())
}

fn one_type(name: &str, tensors: &[&Tensor], known: &[DType]) -> Result<()> {
    let first = tensors[0];
    for t in tensors {
        if !known.contains(&t.dtype()) {
            bail!("{name}: expected dtype f32 or f64, found {}", described(t));
        }
        if t.dtype() != first.dtype() {
            bail!("{name}: expected one dtype, found {} and {}", described(first), described(t));
        }
    }
    Ok(())
}

/// Type, shape and place, for messages.
fn described(t: &Tensor) -> String {
    format!("{:?} of shape {:?} on {}", t.dtype(), t.dims(), crate::place::word(t.device()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::message;

    fn zeros(dims: (usize, usize), dtype: DType) -> Tensor {
        Tensor::zeros(dims, dtype, &Device::Cpu).unwrap()
    }

    #[test]
    fn messages_name_the_operation_and_both_tensors() {
        let (single, double) = (zeros((2, 3), DType::F32), zeros((4, 5), DType::F64));
        assert!(check_inputs("op", &[&single, &single]).is_ok());
        let error = message(check_inputs("op", &[&single, &double]));
        assert!(
            error.starts_with(
                "op: expected one dtype, found F32 of shape [2, 3] on cpu and F64 of shape [4, 5] on cpu"
            ),
            "{error}"
        );
        let error = message(check_inputs("op", &[&zeros((1, 2), DType::U32)]));
        assert!(
            error.starts_with("op: expected dtype f32 or f64, found U32 of shape [1, 2] on cpu"),
            "{error}"
        );
    }

    #[test]
    fn bf16_is_for_maps_on_a_card() {
        let half = zeros((2, 3), DType::BF16);
        let error = message(check_maps("op", &[&half], &[&zeros((1, 3), DType::F32)]));
        assert!(
            error.contains("op: expected dtype f32 or f64, found BF16 of shape [2, 3] on cpu"),
            "{error}"
        );
    }
}
