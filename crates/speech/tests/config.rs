//! Settings as they stand in recipes: defaults, round trips, and every refusal.

use sonovox_speech::{EnergyConfig, LogMelConfig, PaperConfig, SpectrogramConfig, VoiceDetector};

#[test]
fn recipes_say_only_what_differs() {
    let config: SpectrogramConfig = toml::from_str("kind = \"log-mel\"\nn_mels = 64\n").expect("valid");
    assert_eq!(config, SpectrogramConfig::LogMel(LogMelConfig { n_mels: 64, ..Default::default() }));
    let config: SpectrogramConfig = toml::from_str("kind = \"paper\"").expect("valid");
    assert_eq!(config, SpectrogramConfig::Paper(PaperConfig::default()));
    let voice: VoiceDetector = toml::from_str("kind = \"energy\"\nhangover_secs = 0.2\n").expect("valid");
    assert_eq!(voice, VoiceDetector::Energy(EnergyConfig { hangover_secs: 0.2, ..Default::default() }));
    let voice: VoiceDetector = toml::from_str("kind = \"earshot\"").expect("valid");
    assert_eq!(voice, "earshot".parse().expect("a kind"));
}

#[test]
fn configs_survive_json() {
    for kind in ["log-mel", "paper"] {
        let config: SpectrogramConfig = kind.parse().expect("a kind");
        assert_eq!(config.kind(), kind);
        config.validate().expect("defaults are valid");
        let json = serde_json::to_string(&config).expect("serialises");
        assert_eq!(serde_json::from_str::<SpectrogramConfig>(&json).expect("reads back"), config);
    }
    for kind in ["energy", "earshot"] {
        let config: VoiceDetector = kind.parse().expect("a kind");
        assert_eq!(config.kind(), kind);
        config.validate().expect("defaults are valid");
        let json = serde_json::to_string(&config).expect("serialises");
        assert_eq!(serde_json::from_str::<VoiceDetector>(&json).expect("reads back"), config);
    }
}

#[test]
fn unknown_keys_and_kinds_are_refused() {
    for (text, word) in [
        ("kind = \"log-mel\"\nn_mel = 64", "n_mel"),
        ("kind = \"paper\"\nn_mels = 64", "n_mels"),
        ("kind = \"mfcc\"", "mfcc"),
        ("n_mels = 64", "kind"),
    ] {
        let message = toml::from_str::<SpectrogramConfig>(text).expect_err(text).to_string();
        assert!(message.contains(word), "{message}");
    }
    for (text, word) in [
        ("kind = \"energy\"\nthreshold = 1", "threshold"),
        ("kind = \"earshot\"\nthreshold = 1", "threshold"),
    ] {
        let message = toml::from_str::<VoiceDetector>(text).expect_err(text).to_string();
        assert!(message.contains(word), "{message}");
    }
    let message = "mfcc".parse::<SpectrogramConfig>().expect_err("unknown").to_string();
    assert_eq!(message, "spectrogram: expected one of log-mel, paper, whisper, found \"mfcc\"");
    let message = "webrtc".parse::<VoiceDetector>().expect_err("unknown").to_string();
    assert_eq!(message, "voice detector: expected one of energy, earshot, found \"webrtc\"");
}

#[test]
fn log_mel_settings_out_of_range_are_refused() {
    let ok = LogMelConfig::default;
    for (config, message) in [
        (
            LogMelConfig { sample_rate_hz: 0, ..ok() },
            "log-mel.sample_rate_hz: expected 1000 to 768000, found 0",
        ),
        (LogMelConfig { n_fft: 1023, ..ok() }, "log-mel.n_fft: expected an even number"),
        (LogMelConfig { n_fft: 0, ..ok() }, "log-mel.n_fft"),
        (
            LogMelConfig { n_fft: 512, ..ok() },
            "log-mel.window_secs: expected 240 (the hop) to 512 (n_fft) samples",
        ),
        (LogMelConfig { window_secs: 0.009, ..ok() }, "log-mel.window_secs"),
        (LogMelConfig { window_secs: f64::NAN, ..ok() }, "log-mel.window_secs"),
        (LogMelConfig { hop_secs: 0.0, ..ok() }, "log-mel.hop_secs"),
        (LogMelConfig { hop_secs: f64::NAN, ..ok() }, "log-mel.hop_secs"),
        (LogMelConfig { hop_secs: -0.01, ..ok() }, "log-mel.hop_secs"),
        (
            LogMelConfig { sample_rate_hz: 22_050, ..ok() },
            "log-mel.hop_secs: expected a whole number of samples at 22050 Hz, found 0.01 (220.5 samples)",
        ),
        (LogMelConfig { n_mels: 0, ..ok() }, "log-mel.n_mels: expected 1 to 513"),
        (LogMelConfig { n_mels: 514, ..ok() }, "log-mel.n_mels: expected 1 to 513"),
        (
            LogMelConfig { n_mels: 400, ..ok() },
            "log-mel.n_mels: expected few enough that every band holds a bin",
        ),
        (LogMelConfig { top_db: 0.0, ..ok() }, "log-mel.top_db"),
        (LogMelConfig { top_db: f32::NAN, ..ok() }, "log-mel.top_db"),
    ] {
        let found = SpectrogramConfig::LogMel(config).validate().expect_err(message).to_string();
        assert!(found.starts_with(message), "expected {message}, found {found}");
    }
}

#[test]
fn voice_settings_out_of_range_are_refused() {
    let ok = EnergyConfig::default;
    for (config, field) in [
        (EnergyConfig { frame_secs: 0.0, ..ok() }, "frame_secs"),
        (EnergyConfig { low_hz: -1.0, ..ok() }, "low_hz"),
        (EnergyConfig { high_hz: 500.0, ..ok() }, "high_hz"),
        (EnergyConfig { delta_growth: 0.9, ..ok() }, "delta_growth"),
        (EnergyConfig { least_rise_db: -1.0, ..ok() }, "least_rise_db"),
        (EnergyConfig { lookahead_secs: f64::NAN, ..ok() }, "lookahead_secs"),
        (EnergyConfig { hangover_secs: 99.0, ..ok() }, "hangover_secs"),
        (EnergyConfig { silence_dbfs: 1.0, ..ok() }, "silence_dbfs"),
    ] {
        let found = VoiceDetector::Energy(config).validate().expect_err(field).to_string();
        assert!(found.starts_with(&format!("energy.{field}: expected ")), "{found}");
    }
    assert!(VoiceDetector::default().stream(24_000, 0).is_err());
    assert!("earshot".parse::<VoiceDetector>().expect("a kind").stream(0, 240).is_err());
}
