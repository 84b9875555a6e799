//! Every stream gives the same bytes however its input is cut into blocks.

mod support;

use sonovox_speech::{Resampler, SpectrogramConfig, SpectrogramStream, VoiceDetector, spectrogram_db};
use support::{blocks, golden, noise, read_wav};

/// Speech, silence and noise in one signal of about 4.5 s.
fn signal() -> Vec<f32> {
    let (_, mut samples) = read_wav(&golden("speech_24k.wav"));
    samples.extend(vec![0.0; 12_345]);
    samples.extend(noise(1, 50_000).iter().map(|x| 0.01 * x));
    samples
}

fn configs() -> [SpectrogramConfig; 2] {
    [SpectrogramConfig::default(), "paper".parse().expect("a kind")]
}

#[test]
fn spectrogram_rows_do_not_depend_on_the_blocks() {
    for config in configs() {
        // lengths around whole hops and the window, and one with everything in it
        for length in [1, 119, 120, 239, 240, 241, 599, 600, 601, 4800, signal().len()] {
            let samples = &signal()[..length];
            let whole = spectrogram_db(samples, &config).expect("valid settings").values;
            for (seed, longest) in [(1, 1), (2, 3), (3, 239), (4, 1000), (5, 100_000)] {
                if longest * 5000 < length {
                    continue; // single samples: short signals only
                }
                let mut rows = Vec::new();
                let mut stream = SpectrogramStream::new(&config).expect("valid settings");
                blocks(samples, longest, seed).iter().for_each(|block| stream.push(block, &mut rows));
                stream.finish(&mut rows);
                assert!(bits(&rows) == bits(&whole), "{length} samples in blocks up to {longest}");
            }
        }
    }
}

#[test]
fn spectrogram_has_the_rows_that_were_promised() {
    for config in configs() {
        for length in [0, 1, 119, 120, 239, 240, 241, 24_000] {
            let spectrogram = spectrogram_db(&vec![0.1; length], &config).expect("valid settings");
            assert_eq!(spectrogram.n_rows() as u64, config.rows_of(length as u64), "{length} samples");
        }
        assert_eq!(config.rows_of(0), 0);
        assert_eq!(config.rows_of(1), 1);
        assert_eq!(config.rows_of(24_000), 1 + 24_000 / config.hop_length() as u64);
    }
}

#[test]
fn spectrogram_makes_rows_as_soon_as_their_windows_are_full() {
    let config = SpectrogramConfig::default();
    let mut stream = SpectrogramStream::new(&config).expect("valid settings");
    let mut rows = Vec::new();
    stream.push(&vec![0.1; 24_000], &mut rows);
    // what is held back is half a window, not the recording
    assert_eq!(rows.len() / 128, 1 + (24_000 - 300) / 240);
}

#[test]
fn resampled_samples_do_not_depend_on_the_blocks() {
    for (from, to) in
        [(44_100, 24_000), (16_000, 24_000), (24_000, 16_000), (24_000, 24_000), (44_101, 24_000)]
    {
        let samples = signal();
        let whole = resample(&[&samples], from, to);
        for (seed, longest) in [(1, 17), (2, 1024), (3, 70_000)] {
            assert!(
                bits(&resample(&blocks(&samples, longest, seed), from, to)) == bits(&whole),
                "{from} to {to} Hz in blocks up to {longest}"
            );
        }
    }
}

#[test]
fn voice_values_do_not_depend_on_the_blocks() {
    for kind in ["energy", "earshot"] {
        let detector: VoiceDetector = kind.parse().expect("a kind");
        for length in [0, 1, 239, 240, 5000, signal().len()] {
            let samples = &signal()[..length];
            let whole = detector.detect(samples, 24_000, 240).expect("valid settings");
            assert_eq!(whole.len() as u64, SpectrogramConfig::default().rows_of(length as u64), "{kind}");
            for (seed, longest) in [(1, 17), (2, 1024), (3, 70_000)] {
                let mut stream = detector.stream(24_000, 240).expect("valid settings");
                let mut voice = Vec::new();
                blocks(samples, longest, seed).iter().for_each(|block| stream.push(block, &mut voice));
                stream.finish(&mut voice);
                assert!(bits(&voice) == bits(&whole), "{kind}: {length} samples in blocks up to {longest}");
            }
        }
    }
}

fn resample(blocks: &[&[f32]], from: u32, to: u32) -> Vec<f32> {
    let mut resampler = Resampler::new(from, to).expect("rates in range");
    let mut out = Vec::new();
    blocks.iter().for_each(|block| resampler.push(block, &mut out));
    resampler.finish(&mut out);
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
