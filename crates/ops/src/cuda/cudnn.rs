//! What is kept of cuDNN between calls: a handle, chosen algorithms and the workspace; and a convolution's descriptors.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::cuda_backend::DeviceId;
use candle_core::cuda_backend::cudarc::cudnn::{
    ConvDescriptor, Cudnn, CudnnError, FilterDescriptor, TensorDescriptor, sys,
};
use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use candle_core::{Error, Result};

use super::conv::{ConvDims, Math};
use super::element::MapElement;
use super::launch::Gpu;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Forward,
    Input,
    Weight,
}

/// What an algorithm is chosen by, once a process and thread.
pub(super) type Key = (Direction, &'static str, Math, ConvDims);
/// An algorithm and the bytes of workspace that it wants; none where cuDNN has none.
pub(super) type Plans<A> = HashMap<Key, Option<(A, usize)>>;

/// What is kept for one device by one thread: cuDNN handles must not be shared.
#[derive(Default)]
pub(super) struct State {
    cudnn: Option<Arc<Cudnn>>,
    pub(super) forward: Plans<sys::cudnnConvolutionFwdAlgo_t>,
    pub(super) input: Plans<sys::cudnnConvolutionBwdDataAlgo_t>,
    pub(super) weight: Plans<sys::cudnnConvolutionBwdFilterAlgo_t>,
    /// The largest that was needed so far. Convolutions of one stream run one after the other.
    pub(super) workspace: Option<CudaSlice<u8>>,
}

thread_local! {
    static STATES: RefCell<HashMap<DeviceId, State>> = RefCell::default();
}

/// Runs one convolution with the thread's handle; an error names it and all sizes. Gives what `run` gives: whether
/// cuDNN did it.
pub(super) fn with_cudnn(
    gpu: &Gpu,
    name: &str,
    d: ConvDims,
    run: impl FnOnce(&Arc<Cudnn>, &mut State) -> Result<bool>,
) -> Result<bool> {
    STATES.with_borrow_mut(|states| {
        let state = states.entry(gpu.device.id()).or_default();
        let cudnn = match &state.cudnn {
            Some(cudnn) => cudnn.clone(),
            None => {
                let cudnn = Cudnn::new(gpu.stream().clone()).map_err(Error::wrap)?;
                state.cudnn.insert(cudnn).clone()
            }
        };
        run(&cudnn, state).map_err(|e| Error::Msg(format!("{name}: cuDNN: {e} ({d:?})")))
    })
}

/// The plan for `key`, made on its first use.
///
/// # Errors
/// When cuDNN fails for another reason than that it has no such algorithm.
pub(super) fn cached<A: Copy>(
    plans: &mut Plans<A>,
    key: Key,
    plan: impl FnOnce() -> std::result::Result<(A, usize), CudnnError>,
) -> Result<Option<(A, usize)>> {
    use std::collections::hash_map::Entry;
    match plans.entry(key) {
        Entry::Occupied(entry) => Ok(*entry.get()),
        Entry::Vacant(entry) => {
            let plan = match plan() {
                Ok(plan) => Some(plan),
                Err(e) => no_algorithm(&key, e)?,
            };
            Ok(*entry.insert(plan))
        }
    }
}

/// What came of a launch: whether cuDNN did it. Where it turns out to have no such algorithm, `plans` remembers that.
pub(super) fn launched<A>(
    plans: &mut Plans<A>,
    key: Key,
    result: std::result::Result<(), CudnnError>,
) -> Result<bool> {
    if let Err(e) = result {
        plans.insert(key, no_algorithm(&key, e)?);
        return Ok(false);
    }
    Ok(true)
}

static WITHOUT_ALGORITHM: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes a convolution that cuDNN cannot do; any other error is passed on.
fn no_algorithm<A>((direction, name, math, d): &Key, error: CudnnError) -> Result<Option<A>> {
    // 2000 and up: parameters it does not take (together); 3000 and up: what it does not support
    if !matches!(error.0 as u32 / 1000, 2 | 3) {
        return Err(Error::wrap(error));
    }
    let note = format!("{direction:?} in {name} ({math:?}): cuDNN says {error:?} ({d:?})");
    WITHOUT_ALGORITHM.lock().unwrap_or_else(PoisonError::into_inner).insert(note);
    Ok(None)
}

/// The convolutions that cuDNN could not do since the process began.
pub(crate) fn without_algorithm() -> Vec<String> {
    WITHOUT_ALGORITHM.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

/// At least `bytes` of scratch memory, or none where none is wanted.
pub(super) fn workspace<'a>(
    gpu: &Gpu,
    kept: &'a mut Option<CudaSlice<u8>>,
    bytes: usize,
) -> Result<Option<&'a mut CudaSlice<u8>>> {
    if bytes > 0 && kept.as_ref().is_none_or(|kept| kept.len() < bytes) {
        // Given back first, so that the two are never held together.
        *kept = None;
        *kept = Some(gpu.array(bytes)?);
    }
    Ok(kept.as_mut().filter(|_| bytes > 0))
}

/// cuDNN's view of one convolution. f32 is the type of its sums.
pub(super) struct Descriptors<T> {
    pub(super) conv: ConvDescriptor<f32>,
    pub(super) x: TensorDescriptor<T>,
    pub(super) w: FilterDescriptor<T>,
    pub(super) y: TensorDescriptor<T>,
}

impl<T: MapElement> Descriptors<T> {
    pub(super) fn new(cudnn: &Arc<Cudnn>, math: Math, d: ConvDims) -> Result<Self> {
        use sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        use sys::cudnnMathType_t::{CUDNN_DEFAULT_MATH, CUDNN_FMA_MATH, CUDNN_TENSOR_OP_MATH};
        use sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
        let int = |n: usize| i32::try_from(n).map_err(|_| Error::Msg(format!("{n} is too large for cuDNN")));
        // the order of dimensions is N, C, H, W whatever the format
        let dims =
            |n: [usize; 4]| -> Result<[i32; 4]> { Ok([int(n[0])?, int(n[1])?, int(n[2])?, int(n[3])?]) };
        let twice = |n: usize| int(n).map(|n| [n, n]);
        let mut conv = cudnn
            .create_conv2d::<f32>(
                twice(d.padding)?,
                twice(d.stride)?,
                twice(d.dilation)?,
                CUDNN_CROSS_CORRELATION,
            )
            .map_err(Error::wrap)?;
        conv.set_group_count(int(d.groups)?).map_err(Error::wrap)?;
        let math = match (T::NAME, math) {
            ("bf16", _) => CUDNN_TENSOR_OP_MATH,
            (_, Math::Tf32) => CUDNN_DEFAULT_MATH,
            (_, Math::Full) => CUDNN_FMA_MATH,
        };
        conv.set_math_type(math).map_err(Error::wrap)?;
        let x = dims([d.images, d.channels, d.height, d.width])?;
        let w = dims([d.outputs, d.channels / d.groups, d.kernel_h, d.kernel_w])?;
        let y = dims([d.images, d.outputs, d.out_height, d.out_width])?;
        Ok(Self {
            conv,
            x: cudnn.create_4d_tensor(CUDNN_TENSOR_NHWC, x).map_err(Error::wrap)?,
            w: cudnn.create_4d_filter(CUDNN_TENSOR_NHWC, w).map_err(Error::wrap)?,
            y: cudnn.create_4d_tensor(CUDNN_TENSOR_NHWC, y).map_err(Error::wrap)?,
        })
    }
}
