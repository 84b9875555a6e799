//! InfoNCE on the card; what the kernels compute is said in `info_nce.cu`.

use candle_core::Result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};

use crate::cuda::geometry;
use crate::cuda::launch::{args, entry};
use crate::cuda::nvrtc::Source;
use crate::cuda::{Gpu, Param};

const SOURCE: Source = Source { name: "info_nce.cu", text: include_str!("info_nce.cu") };

/// The loss with all its gradients.
pub(crate) struct Loss<A> {
    /// One value.
    pub(crate) loss: CudaSlice<A>,
    /// One value: the gradient of the logarithm of the inverse temperature.
    pub(crate) dlog_inv_temperature: CudaSlice<A>,
    /// `[B, D]`.
    pub(crate) dvideo: CudaSlice<A>,
    /// `[B, D]`.
    pub(crate) dspeech: CudaSlice<A>,
    /// `[B, H, D]`, where there are hard negatives.
    pub(crate) dhard: Option<CudaSlice<A>>,
}

/// A matrix in memory: the steps from row to row and from column to column, in elements.
#[derive(Clone, Copy)]
struct Strides(usize, usize);

/// Rows of length 1 and what they were divided by.
struct Unit<A> {
    unit: CudaSlice<A>,
    norms: CudaSlice<A>,
    rows: usize,
    d: usize,
}

impl<A: Param> Unit<A> {
    fn new(gpu: &Gpu, z: &CudaView<A>, d: usize) -> Result<Self> {
        let rows = z.len() / d;
        let (mut unit, mut norms) = (gpu.array(z.len())?, gpu.array(rows)?);
        gpu.launch(
            SOURCE,
            &entry::<A>("info_nce_unit"),
            geometry::rows(rows, d),
            &args![gpu.write(&mut unit), gpu.write(&mut norms), gpu.read(z), rows, d],
        )?;
        Ok(Self { unit, norms, rows, d })
    }

    /// From the gradient of the unit rows to that of the rows they were made of.
    fn backward(&self, gpu: &Gpu, dunit: &CudaSlice<A>) -> Result<CudaSlice<A>> {
        let mut dz = gpu.array(dunit.len())?;
        gpu.launch(
            SOURCE,
            &entry::<A>("info_nce_unit_grad"),
            geometry::rows(self.rows, self.d),
            &args![
                gpu.write(&mut dz),
                gpu.read(dunit),
                gpu.read(&self.unit),
                gpu.read(&self.norms),
                self.rows,
                self.d
            ],
        )?;
        Ok(dz)
    }
}

/// The loss for `video` and `speech` `[b, d]` and `hard` `[b, h, d]` (`None` where h is 0).
///
/// # Errors
/// When memory runs out or a launch fails.
pub(crate) fn info_nce<A: Param>(
    gpu: &Gpu,
    video: &CudaView<A>,
    speech: &CudaView<A>,
    hard: Option<&CudaView<A>>,
    log_inv_temperature: &CudaView<A>,
    (b, d, h): (usize, usize, usize),
) -> Result<Loss<A>> {
    let log_t = log_inv_temperature;
    let width = b + h;
    let (v, s) = (Unit::new(gpu, video, d)?, Unit::new(gpu, speech, d)?);
    let hard = hard.map(|hard| Unit::new(gpu, hard, d)).transpose()?;
    // c [m, n] with rows c_row apart = exp(log_t) a b, summed over k
    let matmul = |c: &mut CudaSlice<A>,
                  c_row: usize,
                  a: (&CudaSlice<A>, Strides),
                  b: (&CudaSlice<A>, Strides),
                  m,
                  k,
                  n| {
        gpu.launch(
            SOURCE,
            &entry::<A>("info_nce_matmul"),
            geometry::tiles(m, n),
            &args![
                gpu.write(c),
                c_row,
                gpu.read(a.0),
                a.1.0,
                a.1.1,
                gpu.read(b.0),
                b.1.0,
                b.1.1,
                m,
                k,
                n,
                gpu.read(log_t)
            ],
        )
    };
    let mut logits = gpu.array(b * width)?;
    matmul(&mut logits, width, (&v.unit, Strides(d, 1)), (&s.unit, Strides(1, d)), b, d, b)?;
    if let Some(hard) = &hard {
        gpu.launch(
            SOURCE,
            &entry::<A>("info_nce_hard"),
            geometry::rows(b * h, d),
            &args![gpu.write(&mut logits), gpu.read(&v.unit), gpu.read(&hard.unit), gpu.read(log_t), b, h, d],
        )?;
    }
    let (mut norms, mut dlogits, mut partial) =
        (gpu.array::<A>(2 * b)?, gpu.array(b * width)?, gpu.array::<A>(2 * b)?);
    gpu.launch(
        SOURCE,
        &entry::<A>("info_nce_norms"),
        geometry::rows(2 * b, width),
        &args![gpu.write(&mut norms), gpu.read(&logits), b, width],
    )?;
    gpu.launch(
        SOURCE,
        &entry::<A>("info_nce_grad"),
        geometry::rows(b, width),
        &args![
            gpu.write(&mut dlogits),
            gpu.write(&mut partial),
            gpu.read(&logits),
            gpu.read(&norms),
            b,
            width
        ],
    )?;
    let (mut loss, mut dlog_t) = (gpu.array(1)?, gpu.array(1)?);
    gpu.launch(
        SOURCE,
        &entry::<A>("info_nce_total"),
        geometry::single(),
        &args![gpu.write(&mut loss), gpu.write(&mut dlog_t), gpu.read(&partial), b],
    )?;
    let (mut dv, mut ds) = (gpu.array(b * d)?, gpu.array(b * d)?);
    matmul(&mut dv, d, (&dlogits, Strides(width, 1)), (&s.unit, Strides(d, 1)), b, b, d)?;
    matmul(&mut ds, d, (&dlogits, Strides(1, width)), (&v.unit, Strides(d, 1)), b, b, d)?;
    let dhard = match &hard {
        Some(hard) => {
            let mut dunit = gpu.array(b * h * d)?;
            gpu.launch(
                SOURCE,
                &entry::<A>("info_nce_hard_grad"),
                geometry::rows(b, d),
                &args![
                    gpu.write(&mut dv),
                    gpu.write(&mut dunit),
                    gpu.read(&dlogits),
                    gpu.read(&v.unit),
                    gpu.read(&hard.unit),
                    gpu.read(log_t),
                    b,
                    h,
                    d
                ],
            )?;
            Some(hard.backward(gpu, &dunit)?)
        }
        None => None,
    };
    Ok(Loss {
        loss,
        dlog_inv_temperature: dlog_t,
        dvideo: v.backward(gpu, &dv)?,
        dspeech: s.backward(gpu, &ds)?,
        dhard,
    })
}
