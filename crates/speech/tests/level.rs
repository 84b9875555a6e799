//! Floor and standardisation: against the plain formulas, over spooled rows, with padding, and without sound.

mod support;

use sonovox_speech::{LevelStats, MIN_POWER_DB, PeakLevel, Spectrogram, SpectrogramConfig, spectrogram_db};
use support::{golden, read_wav};

const TOP_DB: f32 = 80.0;

fn speech() -> Spectrogram {
    let (_, samples) = read_wav(&golden("speech_24k.wav"));
    spectrogram_db(&samples, &SpectrogramConfig::default()).expect("valid settings")
}

fn mean_and_std(values: &[f32]) -> (f64, f64) {
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance.sqrt())
}

#[test]
fn standardised_speech_has_zero_mean_and_unit_variance() {
    let mut spectrogram = speech();
    let mut floored = speech();
    floored.floor(TOP_DB);
    let (mean, std) = mean_and_std(&floored.values);
    let levels = spectrogram.standardise(TOP_DB, |_| true);
    assert!((levels.mean_db - mean).abs() < 1e-6 && (levels.std_db - std).abs() < 1e-6, "{levels:?}");
    let (mean, std) = mean_and_std(&spectrogram.values);
    assert!(mean.abs() < 1e-6 && (std - 1.0).abs() < 1e-6, "mean {mean}, deviation {std}");
}

/// The three passes over rows in pieces are the whole-slice call.
#[test]
fn passes_over_pieces_are_the_whole() {
    let raw = speech();
    let mut whole = raw.clone();
    whole.standardise(TOP_DB, |_| true);
    let mut peak = PeakLevel::default();
    raw.values.chunks(1000).for_each(|piece| peak.observe(piece));
    let mut stats = LevelStats::new(peak.floor_db(TOP_DB));
    raw.values.chunks(777).for_each(|piece| stats.observe(piece));
    let levels = stats.finish();
    let mut values = raw.values;
    values.chunks_mut(555).for_each(|piece| levels.apply(piece));
    assert_eq!(values, whole.values);
}

#[test]
fn padding_rows_do_not_count() {
    let speech = speech();
    let mut padded = Spectrogram { n_bands: 128, values: vec![MIN_POWER_DB; 500 * 128] };
    padded.values.extend(&speech.values);
    let mut alone = speech.clone();
    let expected = alone.standardise(TOP_DB, |_| true);
    assert_eq!(padded.standardise(TOP_DB, |t| t >= 500), expected);
    assert_eq!(padded.values[500 * 128..], alone.values);
    // and the padding sits at the floor
    let floor = (f64::from(expected.floor_db) - expected.mean_db) / expected.std_db;
    assert!(padded.values[..500 * 128].iter().all(|&x| x == floor as f32));
}

#[test]
fn recordings_without_sound_become_zeros() {
    let config = SpectrogramConfig::default();
    let mut silent = spectrogram_db(&[0.0; 24_000], &config).expect("valid settings");
    assert!(silent.values.iter().all(|&x| x == MIN_POWER_DB));
    silent.standardise(TOP_DB, |_| true);
    assert!(silent.values.iter().all(|&x| x == 0.0));

    // nothing but padding
    let mut padding = Spectrogram { n_bands: 2, values: vec![MIN_POWER_DB; 8] };
    padding.standardise(TOP_DB, |_| false);
    assert_eq!(padding.values, [0.0; 8]);

    let mut empty = spectrogram_db(&[], &config).expect("valid settings");
    let levels = empty.standardise(TOP_DB, |_| true);
    assert_eq!(empty.n_rows(), 0);
    assert!(levels.mean_db.is_finite() && levels.std_db == 0.0);
}

#[test]
fn a_constant_level_is_not_blown_up() {
    let mut constant = Spectrogram { n_bands: 4, values: vec![-37.123_456; 4000] };
    constant.values[17] += 1e-5;
    constant.standardise(TOP_DB, |_| true);
    assert!(constant.values.iter().all(|x| x.abs() < 0.1), "{:?}", &constant.values[16..19]);
}
