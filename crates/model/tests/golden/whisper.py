"""A tiny random Whisper as Hugging Face keeps one, and what its encoder makes of noise, for ../model/whisper.rs.

    python whisper.py

Needs transformers and torch. Writes whisper_tiny/model.safetensors and config.json, and whisper.safetensors: the encoder's
positions for 40 rows (as many as it takes), and for 22 rows, by a model of 11 positions with the same weights (transformers
takes no shorter windows). float32, with the exact GELU, and as `tanh.*` with the form that candle has.
"""

import pathlib

import fill
import torch
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperForConditionalGeneration
from transformers.models.whisper.modeling_whisper import WhisperEncoder

HERE = pathlib.Path(__file__).resolve().parent
ROWS, SHORT = 40, 22
EXACT = torch.nn.functional.gelu


def config(rows, activation="gelu"):
    return WhisperConfig(
        vocab_size=24, num_mel_bins=6, d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=64, max_source_positions=rows // 2,
        max_target_positions=8, activation_function=activation, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=3, suppress_tokens=None, begin_suppress_tokens=None,
    )


def main():
    torch.manual_seed(7)
    model = WhisperForConditionalGeneration(config(ROWS)).eval()
    # transformers starts at a spread of 0.02, with which a layer changes next to nothing
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "embed_positions" not in name:
                tensor.copy_(fill.parameter(name.replace("layer_norm", "norm"), tuple(tensor.shape)) * (1 if tensor.ndim == 1 else 0.7))
    model.save_pretrained(HERE / "whisper_tiny", safe_serialization=True)
    (HERE / "whisper_tiny" / "generation_config.json").unlink(missing_ok=True)
    out = {}
    for key, activation in (("exact", "gelu"), ("tanh", "gelu_pytorch_tanh")):
        for rows in (ROWS, SHORT):
            encoder = WhisperEncoder(config(rows, activation)).eval()
            state = {k: v for k, v in model.model.encoder.state_dict().items() if k != "embed_positions.weight"}
            assert encoder.load_state_dict(state, strict=False).missing_keys == ["embed_positions.weight"]
            x = fill.image("input", (2, 6, rows)).float()
            # transformers takes its activation function behind the convolutions from nowhere but here
            torch.nn.functional.gelu = EXACT if key == "exact" else lambda x, approximate="tanh": EXACT(x, approximate=approximate)
            with torch.no_grad():
                out[f"{key}.{rows}"] = encoder(x).last_hidden_state.contiguous()
    save_file(out, HERE / "whisper.safetensors")
    for rows in (ROWS, SHORT):
        a, b = out[f"exact.{rows}"].mean(1), out[f"tanh.{rows}"].mean(1)
        print(rows, tuple(a.shape), "tanh for exact, pooled:", float((a - b).abs().max() / a.abs().max()))


if __name__ == "__main__":
    main()
