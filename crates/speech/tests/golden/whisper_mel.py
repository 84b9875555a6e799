"""Writes whisper_mel.safetensors, what ../log_mel.rs compares Whisper's rows with: transformers' WhisperFeatureExtractor.

    python whisper_mel.py

Needs transformers, numpy and safetensors. Of words_16k.wav, with 80 and 128 bands: every EVERY-th row from the third on to
the end of the clip, `[T, n_mels]` f32, floored and scaled over the 30 s that the extractor fills up with silence.
"""

import wave
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from transformers import WhisperFeatureExtractor

HERE = Path(__file__).parent
EVERY = 4


def main():
    with wave.open(str(HERE / "words_16k.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).astype(np.float32) / 32768
    rows = 1 + len(samples) // 160
    assert rows < 3000
    out = {"every": np.array([EVERY], dtype=np.int64)}
    for n_mels in (80, 128):
        extractor = WhisperFeatureExtractor(feature_size=n_mels)
        mel = extractor(samples, sampling_rate=16000, return_tensors="np")["input_features"][0]
        out[f"mel_{n_mels}"] = np.ascontiguousarray(mel.T[2:rows:EVERY].astype(np.float32))
        print(n_mels, out[f"mel_{n_mels}"].shape, mel.min(), mel.max())
    save_file(out, HERE / "whisper_mel.safetensors")


if __name__ == "__main__":
    main()
