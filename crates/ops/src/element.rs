//! The two number types of the kernels, and the way from candle's storage to slices and back.

use std::marker::PhantomData;

use candle_core::op::BackpropOp;
use candle_core::{
    CpuStorage, InplaceOp2, Layout, Result, Shape, Storage, StorageRef, Tensor, WithDType, bail,
};

pub(crate) use crate::inputs::check_inputs;

use crate::simd::{self, Kernel, Lanes};

/// `f32` for work, `f64` for checking gradients.
pub(crate) trait Element:
    WithDType + std::ops::Neg<Output = Self> + std::iter::Sum + Default + std::fmt::Debug
{
    /// The larger one, and `self` where it is not a number: `max(x, 0)` lets NaN through, as PyTorch's ReLU does. One
    /// instruction on x86, which the standard library's `max` is not.
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn exp_m1(self) -> Self;
    fn ln(self) -> Self;
    /// The values of a storage of this type.
    ///
    /// # Panics
    /// When the storage is of another type.
    fn slice_mut(storage: &mut CpuStorage) -> &mut [Self];
    fn from_usize(n: usize) -> Self {
        Self::from_f64(n as f64)
    }
    /// Runs a kernel with the best instruction set of the machine.
    fn run<K: Kernel<Self>>(kernel: K) -> K::Output;
    /// Numbers to a register of that set.
    fn lanes() -> usize {
        Self::run(Width).0
    }
    /// How many registers of outputs a kernel can sum side by side: two where there are 32 registers.
    fn registers_side_by_side() -> usize {
        Self::run(Width).1
    }
}

/// Asks for the size and number of registers.
struct Width;

#[allow(unsafe_code)]
impl<T: Element> Kernel<T> for Width {
    type Output = (usize, usize);

    #[inline(always)]
    unsafe fn run<V: Lanes<Elem = T>>(self) -> (usize, usize) {
        (V::N, if V::TILE_ROWS > 6 { 2 } else { 1 })
    }
}

impl Element for f32 {
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    fn slice_mut(storage: &mut CpuStorage) -> &mut [Self] {
        match storage {
            CpuStorage::F32(values) => values,
            _ => panic!("expected a storage of f32"),
        }
    }
    fn run<K: Kernel<f32>>(kernel: K) -> K::Output {
        simd::run_f32(kernel)
    }
    fn exp(self) -> Self {
        f32::exp(self)
    }
    fn exp_m1(self) -> Self {
        f32::exp_m1(self)
    }
    fn ln(self) -> Self {
        f32::ln(self)
    }
}

impl Element for f64 {
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn slice_mut(storage: &mut CpuStorage) -> &mut [Self] {
        match storage {
            CpuStorage::F64(values) => values,
            _ => panic!("expected a storage of f64"),
        }
    }
    fn run<K: Kernel<f64>>(kernel: K) -> K::Output {
        simd::run_f64(kernel)
    }
    fn exp(self) -> Self {
        f64::exp(self)
    }
    fn exp_m1(self) -> Self {
        f64::exp_m1(self)
    }
    fn ln(self) -> Self {
        f64::ln(self)
    }
}

/// Runs `$body` with `$t` bound to the Rust type of the tensor's dtype, or reports the dtype in `$name`'s name.
macro_rules! by_dtype {
    ($name:expr, $tensor:expr, $t:ident => $body:expr) => {
        match $tensor.dtype() {
            candle_core::DType::F32 => {
                type $t = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $t = f64;
                $body
            }
            other => candle_core::bail!("{}: expected dtype f32 or f64, found {:?}", $name, other),
        }
    };
}
pub(crate) use by_dtype;

/// Contiguous values of a CPU tensor, readable as a slice while this lives.
pub(crate) struct Values<'a, T> {
    guard: StorageRef<'a>,
    start: usize,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Element> std::ops::Deref for Values<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let Storage::Cpu(storage) = &*self.guard else { unreachable!("checked by values()") };
        let slice = T::cpu_storage_as_slice(storage).expect("checked by values()");
        &slice[self.start..self.start + self.len]
    }
}

/// Locks a contiguous tensor of the CPU for reading.
pub(crate) fn values<'a, T: Element>(name: &str, tensor: &'a Tensor) -> Result<Values<'a, T>> {
    if tensor.dtype() != T::DTYPE {
        bail!(
            "{name}: expected dtype {:?}, found {:?} of shape {:?}",
            T::DTYPE,
            tensor.dtype(),
            tensor.dims()
        );
    }
    let (guard, layout) = tensor.storage_and_layout();
    if !matches!(&*guard, Storage::Cpu(_)) {
        bail!("{name}: has no kernel for this device ({:?})", tensor.device().location());
    }
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{name}: expected a contiguous tensor, found strides {:?}", layout.stride());
    };
    Ok(Values { guard, start, len: end - start, element: PhantomData })
}

/// The same values without graph, laid out without gaps.
pub(crate) fn plain(tensor: &Tensor) -> Result<Tensor> {
    tensor.detach().contiguous()
}

/// A tensor without graph around a result.
pub(crate) fn tensor(data: Storage, shape: impl Into<Shape>) -> Tensor {
    Tensor::from_storage(data, shape, BackpropOp::none(), false)
}

/// A vector as candle keeps it.
pub(crate) fn storage<T: Element>(data: Vec<T>) -> Storage {
    Storage::Cpu(T::to_cpu_storage_owned(data))
}

/// A tensor without graph from a vector.
pub(crate) fn from_vec<T: Element>(data: Vec<T>, shape: impl Into<Shape>) -> Tensor {
    tensor(storage(data), shape)
}

/// A scalar tensor.
pub(crate) fn scalar<T: Element>(value: T) -> Storage {
    storage(vec![value])
}

struct AddInPlace;

impl InplaceOp2 for AddInPlace {
    fn name(&self) -> &'static str {
        "add-in-place"
    }

    fn cpu_fwd(&self, dst: &mut CpuStorage, dst_l: &Layout, src: &CpuStorage, src_l: &Layout) -> Result<()> {
        let (Some((d0, d1)), Some((s0, s1))) = (dst_l.contiguous_offsets(), src_l.contiguous_offsets())
        else {
            bail!("add-in-place: expected contiguous tensors");
        };
        match (dst, src) {
            (CpuStorage::F32(d), CpuStorage::F32(s)) => add(&mut d[d0..d1], &s[s0..s1]),
            (CpuStorage::F64(d), CpuStorage::F64(s)) => add(&mut d[d0..d1], &s[s0..s1]),
            _ => bail!("add-in-place: expected two tensors of f32 or f64"),
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        dst: &mut candle_core::CudaStorage,
        dst_l: &Layout,
        src: &candle_core::CudaStorage,
        src_l: &Layout,
    ) -> Result<()> {
        crate::cuda::elementwise::add_storage(dst, dst_l, src, src_l)
    }
}

fn add<T: Element>(dst: &mut [T], src: &[T]) {
    for (d, s) in dst.iter_mut().zip(src) {
        *d += *s;
    }
}

/// `dst += src`, for tensors of one shape of which `dst` is contiguous.
pub(crate) fn add_in_place(dst: &Tensor, src: &Tensor) -> Result<()> {
    dst.inplace_op2(&plain(src)?, &AddInPlace)
}
