//! What the encoders see: standardised frames and speech windows.

use candle_core::{Device, Result, Tensor};

/// Below this standard deviation (in grey levels of 255) a frame is flat: dividing by less would turn compression
/// noise into an image.
const FLAT_FRAME_STD: f32 = 1.0;

/// One frame to zero mean and unit variance (method.md: "zero mean and unit variance", Droste et al., IPMI 2019; per
/// frame is our reading, since it makes the encoder blind to a machine's overall gain).
///
/// `grey`: 0 to 255, any fraction. A flat frame becomes all zeros, not noise.
pub fn standardise_frame(grey: &mut [f32]) {
    let count = grey.len().max(1) as f64;
    let mean = grey.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let variance = grey.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    let (mean, scale) = (mean as f32, 1.0 / (variance.sqrt() as f32).max(FLAT_FRAME_STD));
    for value in grey {
        *value = (*value - mean) * scale;
    }
}

/// Frames as the encoder's input.
///
/// # Shapes
/// `grey`: `frames * height * width` values of 0 to 255; result: f32 `[frames, 1, height, width]`.
///
/// # Errors
/// When the length of `grey` is not a multiple of `height * width`.
pub fn frames(mut grey: Vec<f32>, height: usize, width: usize, device: &Device) -> Result<Tensor> {
    let area = height * width;
    if area == 0 || !grey.len().is_multiple_of(area) {
        candle_core::bail!("frames: {} values are no whole number of {height}x{width} frames", grey.len());
    }
    grey.chunks_exact_mut(area).for_each(standardise_frame);
    let count = grey.len() / area;
    Tensor::from_vec(grey, (count, 1, height, width), device)
}

/// Speech windows as the encoder's input: bands become the image's height, time its width.
///
/// # Shapes
/// `rows`: `windows * time * bands` values, a window's rows one after the other (as clips hold them); result: f32
/// `[windows, 1, bands, time]`.
///
/// # Errors
/// When the length of `rows` is not a multiple of `time * bands`.
pub fn speech(rows: Vec<f32>, time: usize, bands: usize, device: &Device) -> Result<Tensor> {
    let area = time * bands;
    if area == 0 || !rows.len().is_multiple_of(area) {
        candle_core::bail!("speech: {} values are no whole number of {time}x{bands} windows", rows.len());
    }
    let count = rows.len() / area;
    Tensor::from_vec(rows, (count, 1, time, bands), device)?.transpose(2, 3)?.contiguous()
}

/// Rows of log10 mel power as Whisper wants them: raised to at most 8 powers of ten below the window's loudest value, and
/// brought near -1 to 1 (openai/whisper, `log_mel_spectrogram` in `audio.py`).
pub fn whisper(log10_power: &mut [f32]) {
    let loudest = log10_power.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in log10_power {
        *value = (value.max(loudest - 8.0) + 4.0) / 4.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_standardised_each_by_itself() {
        let grey = vec![0.0, 100.0, 200.0, 100.0, 7.0, 7.0, 7.0, 7.0];
        let tensor = frames(grey, 2, 2, &Device::Cpu).expect("two frames");
        let values: Vec<f32> = tensor.flatten_all().and_then(|t| t.to_vec1()).expect("values");
        let root = 2f32.sqrt();
        for (found, expected) in values.iter().zip([-root, 0.0, root, 0.0, 0.0, 0.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{values:?}");
        }
        assert!(frames(vec![0.0; 7], 2, 2, &Device::Cpu).is_err());
    }

    #[test]
    fn a_whisper_window_is_floored_below_its_own_peak() {
        let mut rows = [-10.0, -9.0, -3.0, 0.0];
        whisper(&mut rows);
        assert_eq!(rows, [-1.0, -1.0, 0.25, 1.0]);
        let mut silent = [-10.0; 3];
        whisper(&mut silent);
        assert_eq!(silent, [-1.5; 3]);
    }

    #[test]
    fn speech_rows_become_columns() {
        let tensor = speech(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2, &Device::Cpu).expect("one window");
        assert_eq!(tensor.dims(), [1, 1, 2, 3]);
        let bands: Vec<Vec<f32>> =
            tensor.squeeze(0).and_then(|t| t.squeeze(0)).and_then(|t| t.to_vec2()).expect("2d");
        assert_eq!(bands, [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
    }
}
