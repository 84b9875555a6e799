"""Writes the files that tests/log_mel.rs compares with, from librosa.

    python log_mel.py [PATH TO THE SHARED DATA FOLDER speech]

Needs librosa 0.11, scipy, numpy and safetensors. Writes, beside itself:

- speech_24k.wav: LJSpeech LJ001-0002 (public domain), resampled to 24 kHz. Made once; kept if it is there.
- log_mel.safetensors: for every setting in SETTINGS the values in dB of that clip, `[T, n_bands]` f32:
  `librosa.power_to_db(S, ref=1.0, top_db=80)` of the mel power `S` (of `abs(stft)**2` for "paper").
- shared_log_mel.safetensors: the default setting on every clip of ljspeech32 and librivox5, samples taken as they
  stand (whatever their rate): rows at 16 places, and the count of rows.
"""

import sys
from pathlib import Path

import librosa
import numpy as np
import scipy.io.wavfile
import scipy.signal
from safetensors.numpy import save_file

HERE = Path(__file__).parent
SHARED = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "../../../../../shared/data/speech"
CLIP = HERE / "speech_24k.wav"
ROWS_OF_A_SHARED_CLIP = 16

# name: sample rate, n_fft, window, hop (samples), mel bands (0: linear bins), every how many rows are kept
SETTINGS = {
    "default": (24000, 1024, 600, 240, 128, 1),
    "odd_window": (24000, 1024, 601, 240, 80, 4),
    "full_window": (24000, 512, 512, 128, 40, 4),
    "rate_16k": (16000, 512, 400, 160, 80, 4),
    "paper": (24000, 510, 240, 120, 0, 4),
}


def spectrogram_db(samples, setting):
    rate, n_fft, window, hop, n_mels, _ = setting
    stft = dict(n_fft=n_fft, win_length=window, hop_length=hop, window="hann", center=True, pad_mode="constant")
    if n_mels:
        power = librosa.feature.melspectrogram(y=samples, sr=rate, n_mels=n_mels, **stft)
    else:
        power = np.abs(librosa.stft(samples, **stft)) ** 2
    return np.ascontiguousarray(librosa.power_to_db(power, ref=1.0, top_db=80.0).T.astype(np.float32))


def read(path):
    _, samples = scipy.io.wavfile.read(path)
    assert samples.dtype == np.int16 and samples.ndim == 1, path
    return samples.astype(np.float32) / 32768.0


def make_clip():
    _, samples = scipy.io.wavfile.read(SHARED / "ljspeech32/LJ001-0002.wav")
    resampled = scipy.signal.resample_poly(samples.astype(np.float64), 160, 147)
    scipy.io.wavfile.write(CLIP, 24000, np.clip(np.round(resampled), -32768, 32767).astype(np.int16))


def main():
    if not CLIP.exists():
        make_clip()
    clip = read(CLIP)
    values = {}
    for name, setting in SETTINGS.items():
        rows = spectrogram_db(clip, setting)
        values[name] = rows[:: setting[-1]].copy()
        values[f"{name}.settings"] = np.array((*setting, len(rows)), dtype=np.int32)
    # the short ends: fewer samples than a window, than a hop, and a single one
    for length in (1, 100, 239, 240, 500, 1024):
        values[f"short_{length}"] = spectrogram_db(clip[6000 : 6000 + length], SETTINGS["default"])
    save_file(values, HERE / "log_mel.safetensors")

    shared = {}
    for path in sorted([*SHARED.glob("ljspeech32/*.wav"), *SHARED.glob("librivox5/*.wav")]):
        rows = spectrogram_db(read(path), SETTINGS["default"])
        places = np.linspace(0, len(rows) - 1, ROWS_OF_A_SHARED_CLIP).round().astype(np.int32)
        name = path.relative_to(SHARED).as_posix()
        shared[name] = rows[places].copy()
        shared[f"{name}.rows"] = np.append(places, np.int32(len(rows)))
    save_file(shared, HERE / "shared_log_mel.safetensors")


main()
