//! Sample rate conversion of a mono stream, by rubato's FFT resampler in f64.
//!
//! The resampler's own delay (half an FFT block) is cut off, so that a click at `x` seconds in the input lies at
//! `x` seconds in the output, and the output of `n` samples has exactly `round(n * to / from)`.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _, WindowFunction};

use crate::SpeechError;

/// Lowest sample rate accepted, in Hz.
pub const MIN_RATE_HZ: u32 = 1_000;
/// Highest sample rate accepted, in Hz.
pub const MAX_RATE_HZ: u32 = 768_000;

/// FFT blocks hold at least this many samples on the slower side. The transition band of the anti-aliasing filter
/// is about 27 / block of the slower Nyquist frequency, so this keeps the passband flat to .97 of it; larger
/// blocks only cost memory.
const MIN_BLOCK: usize = 2048;

/// Streaming sample rate converter for one channel.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    samples_in: u64,
    samples_out: u64,
    non_finite: u64,
    fft: Option<FftStage>,
}

/// The resampler proper; absent where both rates are equal.
struct FftStage {
    resampler: Fft<f64>,
    block_in: Vec<f64>,
    block_out: Vec<f64>,
    filled: usize,
    /// Output samples still to be thrown away: the filter's delay.
    to_skip: usize,
}

impl Resampler {
    /// A converter from `from_hz` to `to_hz`; equal rates pass samples through unchanged.
    ///
    /// # Errors
    /// [`SpeechError::SampleRate`] for a rate outside [`MIN_RATE_HZ`]..=[`MAX_RATE_HZ`].
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, SpeechError> {
        for found in [from_hz, to_hz] {
            if !(MIN_RATE_HZ..=MAX_RATE_HZ).contains(&found) {
                return Err(SpeechError::SampleRate { found });
            }
        }
        let fft = (from_hz != to_hz).then(|| FftStage::new(from_hz as usize, to_hz as usize));
        Ok(Self { from_hz, to_hz, samples_in: 0, samples_out: 0, non_finite: 0, fft })
    }

    /// Takes samples and appends to `out` those whose value is now known.
    ///
    /// A sample that is not finite is taken as 0 and counted in [`Resampler::non_finite`].
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let before = out.len();
        self.samples_in += samples.len() as u64;
        let mut non_finite = 0;
        let clean = samples.iter().map(|&sample| {
            let finite = sample.is_finite();
            non_finite += u64::from(!finite);
            if finite { sample } else { 0.0 }
        });
        match &mut self.fft {
            None => out.extend(clean),
            Some(stage) => clean.for_each(|sample| stage.push(f64::from(sample), out)),
        }
        self.non_finite += non_finite;
        self.samples_out += (out.len() - before) as u64;
    }

    /// Ends the stream: appends what is left, up to `round(samples taken * to_hz / from_hz)` in all.
    pub fn finish(mut self, out: &mut Vec<f32>) {
        let Some(stage) = &mut self.fft else { return };
        let start = out.len();
        let missing = (output_length(self.samples_in, self.from_hz, self.to_hz) - self.samples_out) as usize;
        while out.len() - start < missing {
            stage.flush_block(out);
        }
        out.truncate(start + missing);
    }

    /// Samples that were not finite and were taken as 0.
    pub fn non_finite(&self) -> u64 {
        self.non_finite
    }
}

/// `round(samples * to_hz / from_hz)`, halves upwards, in whole numbers.
fn output_length(samples: u64, from_hz: u32, to_hz: u32) -> u64 {
    let (from, to) = (u128::from(from_hz), u128::from(to_hz));
    ((2 * u128::from(samples) * to + from) / (2 * from)) as u64
}

impl FftStage {
    fn new(from_hz: usize, to_hz: usize) -> Self {
        let divisor = greatest_common_divisor(from_hz, to_hz);
        let unit_in = from_hz / divisor;
        // An even number of units makes half a block a whole number of samples on both sides: the delay is exact.
        let units = MIN_BLOCK.div_ceil(from_hz.min(to_hz) / divisor).next_multiple_of(2);
        let resampler = Fft::new_custom(
            from_hz,
            to_hz,
            units * unit_in,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .expect("rates and block size are positive");
        Self {
            block_in: vec![0.0; resampler.input_frames_next()],
            block_out: vec![0.0; resampler.output_frames_next()],
            filled: 0,
            to_skip: resampler.output_delay(),
            resampler,
        }
    }

    fn push(&mut self, sample: f64, out: &mut Vec<f32>) {
        self.block_in[self.filled] = sample;
        self.filled += 1;
        if self.filled == self.block_in.len() {
            self.flush_block(out);
        }
    }

    /// Converts the block as far as it is filled, silence after that.
    fn flush_block(&mut self, out: &mut Vec<f32>) {
        self.block_in[self.filled..].fill(0.0);
        self.filled = 0;
        let (frames_in, frames_out) = (self.block_in.len(), self.block_out.len());
        let input = SequentialSlice::new(&self.block_in, 1, frames_in).expect("one channel");
        let mut output = SequentialSlice::new_mut(&mut self.block_out, 1, frames_out).expect("one channel");
        self.resampler
            .process_into_buffer(&input, &mut output, Some(&Indexing::new()))
            .expect("both buffers hold a whole block");
        let skipped = self.to_skip.min(frames_out);
        self.to_skip -= skipped;
        out.extend(self.block_out[skipped..].iter().map(|&sample| sample as f32));
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
