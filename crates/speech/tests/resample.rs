//! The resampler: times, lengths, passband, stopband.

mod support;

use sonovox_speech::{Resampler, SpeechError};
use support::sine;

const RATES_HZ: [u32; 8] = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000];
const TO_HZ: u32 = 24_000;

fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    let mut resampler = Resampler::new(from, to).expect("rates in range");
    let mut out = Vec::new();
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    out
}

/// Amplitude and phase (radians) of the component at `hz`, by projection with a Hann window.
fn component(samples: &[f32], hz: f64, rate_hz: f64) -> (f64, f64) {
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (i, &sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / samples.len() as f64).cos();
        let phase = std::f64::consts::TAU * hz * i as f64 / rate_hz;
        re += window * f64::from(sample) * phase.sin();
        im += window * f64::from(sample) * phase.cos();
        weight += window;
    }
    (2.0 * re.hypot(im) / weight, im.atan2(re))
}

fn decibels(amplitude: f64) -> f64 {
    20.0 * amplitude.max(1e-12).log10()
}

#[test]
fn lengths_are_rounded_ratios() {
    for from in RATES_HZ {
        for samples in [0usize, 1, 2, 3, 1000, 44_100, 44_101, 123_457] {
            let expected = (samples as f64 * f64::from(TO_HZ) / f64::from(from)).round() as usize;
            assert_eq!(resample(&vec![0.5; samples], from, TO_HZ).len(), expected, "{samples} at {from} Hz");
        }
    }
}

#[test]
fn a_click_stays_at_its_time() {
    for from in RATES_HZ {
        for at in [1000usize, 4321, 20_000] {
            let mut samples = vec![0.0; 30_000];
            samples[at] = 1.0;
            let out = resample(&samples, from, TO_HZ);
            // centre of gravity of the squares: finer than the loudest sample
            let energy: f64 = out.iter().map(|x| f64::from(x * x)).sum();
            let centre =
                out.iter().enumerate().map(|(i, x)| i as f64 * f64::from(x * x)).sum::<f64>() / energy;
            let expected = at as f64 * f64::from(TO_HZ) / f64::from(from);
            assert!((centre - expected).abs() < 0.01, "{from} Hz: click at {centre}, expected {expected}");
        }
    }
}

#[test]
fn passband_is_flat_and_in_phase() {
    for from in RATES_HZ {
        let nyquist = f64::from(from.min(TO_HZ)) / 2.0;
        for part in [0.01, 0.1, 0.5, 0.8, 0.9] {
            let hz = part * nyquist;
            let out = resample(&sine(hz, f64::from(from), 3 * from as usize), from, TO_HZ);
            let (amplitude, phase) = component(&out[12_000..60_000], hz, f64::from(TO_HZ));
            let expected = (std::f64::consts::TAU * hz * 0.5).rem_euclid(std::f64::consts::TAU);
            let off = (phase - expected + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
                - std::f64::consts::PI;
            assert!(decibels(amplitude).abs() < 0.1, "{from} Hz: {} dB at {hz} Hz", decibels(amplitude));
            let late = off / (std::f64::consts::TAU * hz) * f64::from(TO_HZ);
            assert!(late.abs() < 0.01, "{from} Hz: {hz} Hz lies {late} samples off");
        }
    }
}

/// What is above half the new rate, and the mirror images of what is below half the old one, must be gone.
#[test]
fn stopband_is_quiet() {
    for from in RATES_HZ {
        for part in [1.02, 1.1, 1.3, 1.7, 1.95] {
            let nyquist = f64::from(TO_HZ) / 2.0;
            let hz = part * nyquist;
            if hz < f64::from(from) / 2.0 {
                let out = resample(&sine(hz, f64::from(from), 2 * from as usize), from, TO_HZ);
                let rest = &out[6_000..42_000];
                let rms = (rest.iter().map(|x| f64::from(x * x)).sum::<f64>() / rest.len() as f64).sqrt();
                assert!(decibels(rms) < -80.0, "{from} Hz: {hz} Hz left at {} dB", decibels(rms));
            }
        }
        if from < TO_HZ {
            let hz = 0.45 * f64::from(from);
            let out = resample(&sine(hz, f64::from(from), 2 * from as usize), from, TO_HZ);
            let image = f64::from(from) - hz;
            let (amplitude, _) = component(&out[6_000..42_000], image, f64::from(TO_HZ));
            assert!(decibels(amplitude) < -80.0, "{from} Hz: image of {hz} Hz at {} dB", decibels(amplitude));
        }
    }
}

#[test]
fn equal_rates_pass_unchanged() {
    let samples = support::noise(3, 5000);
    assert_eq!(resample(&samples, TO_HZ, TO_HZ), samples);
}

#[test]
fn what_is_not_a_number_is_silence_and_counted() {
    for from in [TO_HZ, 48_000] {
        let mut samples = support::noise(3, 20_000);
        samples[100] = f32::NAN;
        samples[200] = f32::INFINITY;
        let mut resampler = Resampler::new(from, TO_HZ).expect("rates in range");
        let mut out = Vec::new();
        resampler.push(&samples, &mut out);
        assert_eq!(resampler.non_finite(), 2);
        resampler.finish(&mut out);
        assert!(out.iter().all(|x| x.is_finite()));
    }
}

#[test]
fn rates_out_of_range_are_refused() {
    for (from, to, found) in [(0, TO_HZ, 0), (TO_HZ, 999, 999), (768_001, TO_HZ, 768_001)] {
        assert_eq!(Resampler::new(from, to).err(), Some(SpeechError::SampleRate { found }));
    }
    // the slowest case: no common divisor
    assert_eq!(resample(&[0.1; 1000], 767_999, 1_000).len(), 1);
}
