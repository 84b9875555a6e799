//! Spectrograms against librosa on real speech: values in dB after `power_to_db(ref=1.0, top_db=80)`, which is what
//! the training input is made of (before standardisation). See golden/log_mel.py.

mod support;

use sonovox_speech::{
    Levels, LogMelConfig, PaperConfig, SpectrogramConfig, WhisperMelConfig, spectrogram_db,
};
use sonovox_testkit::{Golden, shared_data};
use support::{golden, max_difference, read_wav};

/// Largest difference to librosa that is accepted anywhere, in dB.
const TOLERANCE_DB: f32 = 2e-5;

/// The config that golden/log_mel.py wrote down as `[rate, n_fft, window, hop, n_mels, every, rows]`.
fn config_of(settings: &[usize]) -> SpectrogramConfig {
    let rate = settings[0] as f64;
    let (n_fft, window_secs, hop_secs) = (settings[1], settings[2] as f64 / rate, settings[3] as f64 / rate);
    let (sample_rate_hz, n_mels) = (settings[0] as u32, settings[4]);
    match n_mels {
        0 => SpectrogramConfig::Paper(PaperConfig {
            sample_rate_hz,
            n_fft,
            window_secs,
            hop_secs,
            top_db: 80.0,
        }),
        _ => SpectrogramConfig::LogMel(LogMelConfig {
            sample_rate_hz,
            n_fft,
            window_secs,
            hop_secs,
            n_mels,
            top_db: 80.0,
        }),
    }
}

/// The whole numbers of a golden tensor.
fn whole(file: &Golden, name: &str) -> Vec<usize> {
    file.tensor(name).values.iter().map(|&value| value as usize).collect()
}

fn floored(samples: &[f32], config: &SpectrogramConfig) -> sonovox_speech::Spectrogram {
    let mut spectrogram = spectrogram_db(samples, config).expect("valid settings");
    spectrogram.floor(config.top_db().expect("a floor"));
    spectrogram
}

#[test]
fn rows_are_librosas_for_every_setting() {
    let file = Golden::open(golden("log_mel.safetensors"));
    let (rate, clip) = read_wav(&golden("speech_24k.wav"));
    assert_eq!(rate, 24_000);
    for name in ["default", "odd_window", "full_window", "rate_16k", "paper"] {
        let settings = whole(&file, &format!("{name}.settings"));
        let (every, rows) = (settings[5], settings[6]);
        let made = floored(&clip, &config_of(&settings));
        assert_eq!(made.n_rows(), rows, "{name}: rows");
        let kept: Vec<f32> = (0..rows).step_by(every).flat_map(|t| made.row(t).to_vec()).collect();
        let difference = max_difference(&kept, &file.tensor(name).to_f32());
        println!("{name}: {difference:e} dB");
        assert!(difference <= TOLERANCE_DB, "{name}: {difference} dB away from librosa");
    }
}

#[test]
fn the_defaults_are_the_golden_settings() {
    let file = Golden::open(golden("log_mel.safetensors"));
    assert_eq!(config_of(&whole(&file, "default.settings")), SpectrogramConfig::default());
    assert_eq!(config_of(&whole(&file, "paper.settings")), "paper".parse().expect("a kind"));
    let paper: SpectrogramConfig = "paper".parse().expect("a kind");
    assert_eq!((paper.n_bands(), paper.window_length(), paper.hop_length()), (256, 240, 120));
}

#[test]
fn signals_shorter_than_a_window_are_librosas_too() {
    let file = Golden::open(golden("log_mel.safetensors"));
    let (_, clip) = read_wav(&golden("speech_24k.wav"));
    for length in [1, 100, 239, 240, 500, 1024] {
        let made = floored(&clip[6000..6000 + length], &SpectrogramConfig::default());
        let expected = file.tensor(&format!("short_{length}"));
        assert_eq!((made.n_rows(), made.n_bands), (expected.shape[0], expected.shape[1]), "{length} samples");
        let difference = max_difference(&made.values, &expected.to_f32());
        assert!(difference <= TOLERANCE_DB, "{length} samples: {difference} dB away from librosa");
    }
}

#[test]
fn every_clip_of_the_shared_speech_is_librosas() {
    let Some(speech) = shared_data("speech") else { return };
    let file = Golden::open(golden("shared_log_mel.safetensors"));
    let clips: Vec<String> = file.names().into_iter().filter(|name| name.ends_with(".wav")).collect();
    assert_eq!(clips.len(), 37);
    let mut worst = 0.0f32;
    for clip in clips {
        let (_, samples) = read_wav(&speech.join(&clip));
        let made = floored(&samples, &SpectrogramConfig::default());
        let places = whole(&file, &format!("{clip}.rows"));
        let (rows, places) = places.split_last().expect("a count of rows");
        assert_eq!(made.n_rows(), *rows, "{clip}: rows");
        let kept: Vec<f32> = places.iter().flat_map(|&t| made.row(t).to_vec()).collect();
        let difference = max_difference(&kept, &file.tensor(&clip).to_f32());
        assert!(difference <= TOLERANCE_DB, "{clip}: {difference} dB away from librosa");
        worst = worst.max(difference);
    }
    println!("worst of all clips: {worst:e} dB");
}

/// Rows for a published Whisper, against transformers' feature extractor (golden/whisper_mel.py): log10 power as it is kept,
/// floored and scaled by the window as `sonovox_model::input::whisper` does.
#[test]
fn whisper_rows_are_those_of_its_feature_extractor() {
    let file = Golden::open(golden("whisper_mel.safetensors"));
    let (rate, clip) = read_wav(&golden("words_16k.wav"));
    for n_mels in [80, 128] {
        let config = SpectrogramConfig::Whisper(WhisperMelConfig { n_mels });
        config.validate().expect("Whisper's own");
        assert_eq!((rate, config.window_length(), config.hop_length()), (16_000, 400, 160));
        let mut made = spectrogram_db(&clip, &config).expect("valid settings");
        Levels::LOG10.apply(&mut made.values);
        let loudest = made.values.iter().copied().fold(f32::MIN, f32::max);
        made.values.iter_mut().for_each(|value| *value = (value.max(loudest - 8.0) + 4.0) / 4.0);
        let expected = file.tensor(&format!("mel_{n_mels}"));
        let every = whole(&file, "every")[0];
        // Whisper mirrors the signal at its ends where silence lies here: the first two rows see that, and at the end of the
        // clip the feature extractor has silence too
        let kept: Vec<f32> =
            (0..made.n_rows()).skip(2).step_by(every).flat_map(|t| made.row(t).to_vec()).collect();
        assert_eq!(kept.len(), expected.values.len(), "{n_mels} bands");
        let difference = max_difference(&kept, &expected.to_f32());
        println!("{n_mels} bands: {difference:e}");
        assert!(difference <= 2e-5, "{n_mels} bands: {difference} away from transformers");
    }
}
