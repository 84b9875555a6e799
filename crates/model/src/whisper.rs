//! The encoder of Whisper, frozen: speech features that were learned elsewhere.
//!
//! Radford et al. 2022 (arXiv 2212.04356); candle-transformers' `whisper` over a file as Hugging Face keeps it
//! (`model.safetensors` with `config.json` beside it). Its weights are in no [`sonovox_ops::ParamStore`]: no optimiser moves
//! them, no gradient is kept for them, and it has no batch normalisation. candle uses the tanh form of GELU where Whisper
//! was trained with the exact one; on a tiny random net the pooled features differ by 1e-4 of
//! their size (tests/golden/whisper.py).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use candle_core::safetensors::SliceSafetensors;
use candle_core::{DType, Device, Error, IndexOp, Result, Tensor, bail};
use candle_nn::VarBuilder;
use candle_transformers::models::whisper::{Config, model::AudioEncoder, model::Whisper};
use serde::Deserialize;
use sonovox_ops::no_grad;

/// Rows of the spectrogram to a second (hop of 160 samples at 16 kHz; openai/whisper, `audio.py`).
const ROWS_PER_SEC: f64 = 100.0;
/// Rows to a position of the encoder: its second convolution's stride.
const ROWS_PER_POSITION: usize = 2;
/// Silence lies this much below the loudest value of a window, in normalised units: 8 powers of ten, by 4 (`audio.py`).
const FLOOR: f64 = 2.0;
/// candle rebuilds the encoder's positions; how far those of a file may lie from them (float16 keeps 5e-4).
const POSITIONS_TOLERANCE: f32 = 2e-3;

/// A frozen speech encoder.
pub struct WhisperEncoder {
    /// candle's forward pass wants it mutable for a cache that the encoder does not have.
    network: Mutex<AudioEncoder>,
    n_mels: usize,
    width: usize,
    /// Most positions.
    positions: usize,
    /// Rows that a window is filled up to with silence; 0: windows are heard as they are.
    context_rows: usize,
}

/// What `config.json` says of the encoder.
#[derive(Deserialize)]
struct HubConfig {
    num_mel_bins: usize,
    max_source_positions: usize,
    d_model: usize,
    encoder_layers: usize,
    encoder_attention_heads: usize,
    encoder_ffn_dim: usize,
    activation_function: String,
}

impl WhisperEncoder {
    /// The weights and the config that `path` stands for: a folder with `model.safetensors`, or a file whose name ends
    /// in `.safetensors`; the config lies beside it.
    pub fn files(path: impl AsRef<Path>) -> (PathBuf, PathBuf) {
        let path = path.as_ref();
        let is_file = path.extension().is_some_and(|end| end == "safetensors");
        let weights = if is_file { path.to_owned() } else { path.join("model.safetensors") };
        let config = weights.with_file_name("config.json");
        (weights, config)
    }

    /// Reads the encoder of a Whisper model; the decoder is left where it is. `context_secs`: windows are filled up with silence
    /// to this length before they are encoded (Whisper was trained on 30 s); 0 leaves them as they are, at a fraction of
    /// the cost.
    ///
    /// # Errors
    /// When a file cannot be read, when the config is none of a Whisper that candle can compute, when the encoder's tensors are
    /// not exactly those of the config, and when the context is longer than the encoder's positions. Messages name the file.
    pub fn open(path: impl AsRef<Path>, context_secs: f64, device: &Device) -> Result<Self> {
        let (weights, config_path) = Self::files(path);
        let config = read_config(&config_path)?;
        let context_rows = (context_secs * ROWS_PER_SEC).round() as usize;
        let positions = config.max_source_positions;
        if context_rows.div_ceil(ROWS_PER_POSITION) > positions {
            bail!(
                "{}: expected a context of at most {} s, found {context_secs}",
                config_path.display(),
                positions as f64 * ROWS_PER_POSITION as f64 / ROWS_PER_SEC
            );
        }
        let tensors = encoder_tensors(&weights, &config, device)?;
        let network = build(tensors, &config, device).map_err(|error| {
            Error::Msg(format!("{}: does not fit {}: {error}", weights.display(), config_path.display()))
        })?;
        Ok(Self {
            network: Mutex::new(network),
            n_mels: config.num_mel_bins,
            width: config.d_model,
            positions,
            context_rows,
        })
    }

    /// Bands of the spectrogram that it wants.
    pub fn n_mels(&self) -> usize {
        self.n_mels
    }

    /// Width of its features.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Encodes windows of normalised log10-mel rows (`input::whisper`), without gradients.
    ///
    /// # Shapes
    /// `x`: f32 `[B, 1, n_mels, T]`; result: `[B, T / 2, width]` (rounded up), the positions that the window covers.
    ///
    /// # Errors
    /// When `x` has other axes or bands, or is longer than the encoder's positions.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let &[_, 1, n_mels, rows] = x.dims() else {
            bail!("Whisper: expected windows [B, 1, {}, T], found {:?}", self.n_mels, x.dims())
        };
        let most = self.positions * ROWS_PER_POSITION;
        if n_mels != self.n_mels || rows == 0 || rows > most {
            bail!(
                "Whisper: expected windows [B, 1, {}, T] of at most {most} rows, found {:?}",
                self.n_mels,
                x.dims()
            );
        }
        let x = self.filled_up(&x.i((.., 0))?)?;
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        let encoded = no_grad(|| network.forward(&x.detach(), true))?;
        Ok(encoded.narrow(1, 0, rows.div_ceil(ROWS_PER_POSITION))?.detach())
    }

    /// `[B, n_mels, T]` with silence behind it up to the context.
    fn filled_up(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, n_mels, rows) = x.dims3()?;
        let missing = self.context_rows.saturating_sub(rows);
        if missing == 0 {
            return x.contiguous();
        }
        let floor = (x.max_keepdim(2)?.max_keepdim(1)? - FLOOR)?;
        Tensor::cat(&[x, &floor.broadcast_as((batch, n_mels, missing))?.contiguous()?], 2)
    }
}

fn read_config(path: &Path) -> Result<HubConfig> {
    let origin = path.display();
    let text = std::fs::read(path).map_err(|e| Error::Msg(format!("{origin}: {e}")))?;
    let config: HubConfig = serde_json::from_slice(&text)
        .map_err(|e| Error::Msg(format!("{origin}: expected the config of a Whisper model: {e}")))?;
    if config.activation_function != "gelu" {
        bail!("{origin}: activation_function: expected gelu, found {}", config.activation_function);
    }
    if config.encoder_ffn_dim != 4 * config.d_model {
        bail!(
            "{origin}: encoder_ffn_dim: expected 4 x d_model = {}, found {}",
            4 * config.d_model,
            config.encoder_ffn_dim
        );
    }
    let heads = config.encoder_attention_heads;
    if heads == 0 || config.d_model < 4 || config.d_model % 2 == 1 || !config.d_model.is_multiple_of(heads) {
        bail!(
            "{origin}: expected an even d_model that splits into encoder_attention_heads, found {} and {heads}",
            config.d_model
        );
    }
    Ok(config)
}

/// The encoder's tensors in f32, by candle's names.
fn encoder_tensors(path: &Path, config: &HubConfig, device: &Device) -> Result<HashMap<String, Tensor>> {
    const POSITIONS: &str = "embed_positions.weight";
    let origin = path.display();
    let bytes = std::fs::read(path).map_err(|e| {
        Error::Msg(format!(
            "{origin}: {e} (a model in several files has to be saved as one model.safetensors)"
        ))
    })?;
    let file = SliceSafetensors::new(&bytes)
        .map_err(|e| Error::Msg(format!("{origin}: not a readable safetensors file: {e}")))?;
    let mut tensors = HashMap::new();
    let mut surplus = Vec::new();
    for (name, _) in file.tensors() {
        // WhisperModel saves `encoder.`, WhisperForConditionalGeneration `model.encoder.`
        let Some(rest) = name.strip_prefix("model.").unwrap_or(&name).strip_prefix("encoder.") else {
            continue;
        };
        let tensor = file.load(&name, device)?.to_dtype(DType::F32)?;
        if rest == POSITIONS {
            check_positions(&origin.to_string(), &tensor, config)?;
        } else if is_of_encoder(rest, config.encoder_layers) {
            tensors.insert(format!("model.encoder.{rest}"), tensor);
        } else {
            surplus.push(rest.to_owned());
        }
    }
    if tensors.is_empty() {
        bail!("{origin}: expected tensors named model.encoder.*, found none");
    }
    if !surplus.is_empty() {
        surplus.sort();
        bail!(
            "{origin}: expected an encoder of {} layers, found also {}",
            config.encoder_layers,
            surplus.join(", ")
        );
    }
    Ok(tensors)
}

fn is_of_encoder(name: &str, layers: usize) -> bool {
    const PARTS: [&str; 5] = ["self_attn.", "self_attn_layer_norm.", "fc1.", "fc2.", "final_layer_norm."];
    match name.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) {
        Some((layer, part)) => {
            layer.parse::<usize>().is_ok_and(|layer| layer < layers)
                && PARTS.iter().any(|known| part.starts_with(known))
        }
        None => ["conv1.", "conv2.", "layer_norm."].iter().any(|known| name.starts_with(known)),
    }
}

/// Refuses positions that are not the sinusoids that candle computes in their place.
fn check_positions(origin: &str, found: &Tensor, config: &HubConfig) -> Result<()> {
    let (count, width) = (config.max_source_positions, config.d_model);
    if found.dims() != [count, width] {
        bail!("{origin}: embed_positions.weight: expected [{count}, {width}], found {:?}", found.dims());
    }
    let half = width / 2;
    let rate = 10000f64.ln() / (half as f64 - 1.0);
    let value = |position: usize, i: usize| {
        let angle = position as f64 * (-rate * (i % half) as f64).exp();
        (if i < half { angle.sin() } else { angle.cos() }) as f32
    };
    let rows: Vec<Vec<f32>> = found.to_vec2()?;
    let apart = rows.iter().enumerate().flat_map(|(position, row)| {
        row.iter().enumerate().map(move |(i, found)| (found - value(position, i)).abs())
    });
    let worst = apart.fold(0.0, f32::max);
    if worst > POSITIONS_TOLERANCE {
        bail!(
            "{origin}: embed_positions.weight: expected Whisper's sinusoids, found values {worst} away from them"
        );
    }
    Ok(())
}

fn build(mut tensors: HashMap<String, Tensor>, config: &HubConfig, device: &Device) -> Result<AudioEncoder> {
    // candle makes an encoder only together with a decoder: one of no layers and a single token
    let width = config.d_model;
    for (name, dims) in [
        ("embed_tokens.weight", vec![1, width]),
        ("embed_positions.weight", vec![1, width]),
        ("layer_norm.weight", vec![width]),
        ("layer_norm.bias", vec![width]),
    ] {
        tensors.insert(format!("model.decoder.{name}"), Tensor::zeros(dims, DType::F32, device)?);
    }
    let candle = Config {
        num_mel_bins: config.num_mel_bins,
        max_source_positions: config.max_source_positions,
        d_model: width,
        encoder_attention_heads: config.encoder_attention_heads,
        encoder_layers: config.encoder_layers,
        vocab_size: 1,
        max_target_positions: 1,
        decoder_attention_heads: 1,
        decoder_layers: 0,
        suppress_tokens: Vec::new(),
    };
    let builder = VarBuilder::from_tensors(tensors, DType::F32, device);
    Ok(Whisper::load(&builder, candle)?.encoder)
}
