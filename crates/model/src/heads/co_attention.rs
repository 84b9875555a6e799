//! Are this frame and this speech in step? Tokens of each stream attend to the other's, both are pooled, one logit.
//!
//! After Cheng et al., "Look, Listen and Attend" (ACM MM 2020, arXiv 2008.05789): co-attention between the streams, pooling, one
//! logit of being synchronous. Ours: one attention layer of one head with the residual, tokens of 128, the image's tokens are
//! the places of the last map, the speech's tokens its columns (mean over bands).

use candle_core::{D, DType, Module, Result, Tensor, bail};
use candle_nn::ops::softmax;
use candle_transformers::models::with_tracing::Linear;
use serde::{Deserialize, Serialize};
use sonovox_ops::{Init, Scope};

use super::layers::{LOGIT_INIT, check_map, he, linear, linear_no_bias};

/// Sizes of the co-attention head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoAttentionConfig {
    /// Width of a token.
    pub width: usize,
}

impl Default for CoAttentionConfig {
    fn default() -> Self {
        Self { width: 128 }
    }
}

/// Judge of whether a frame and speech belong together.
pub struct CoAttention {
    channels: usize,
    width: usize,
    dtype: DType,
    video: Stream,
    speech: Stream,
    fc1: Linear,
    fc2: Linear,
}

/// How one stream makes its tokens, asks the other and answers it.
struct Stream {
    token: Linear,
    query: Linear,
    key: Linear,
    value: Linear,
}

impl Stream {
    fn new(scope: &Scope, channels: usize, width: usize) -> Result<Self> {
        let within = |name: &str| linear(&scope.pp(name), width, width, Init::UniformFanIn);
        Ok(Self {
            token: linear(&scope.pp("token"), channels, width, he(channels))?,
            query: within("query")?,
            // no bias: it adds the same to all that a token asks, and the softmax takes it out again
            key: linear_no_bias(&scope.pp("key"), width, width, Init::UniformFanIn)?,
            value: within("value")?,
        })
    }
}

impl CoAttention {
    /// Makes `video`, `speech`, `fc1` and `fc2` in `scope`, for maps of `channels` channels.
    ///
    /// # Errors
    /// When names are taken.
    pub fn new(config: &CoAttentionConfig, channels: usize, scope: &Scope) -> Result<Self> {
        let width = config.width;
        Ok(Self {
            channels,
            width,
            dtype: scope.dtype(),
            video: Stream::new(&scope.pp("video"), channels, width)?,
            speech: Stream::new(&scope.pp("speech"), channels, width)?,
            fc1: linear(&scope.pp("fc1"), 2 * width, width, he(2 * width))?,
            fc2: linear(&scope.pp("fc2"), width, 1, LOGIT_INIT)?,
        })
    }

    /// Logits `[B]` from maps of frames `[B, H, W, C]` and of speech `[B V, bands, time, C]`, a pair's `V` windows one after the
    /// other: above 0 where they belong together.
    ///
    /// # Errors
    /// When shapes are not these.
    pub fn forward(&self, video: &Tensor, speech: &Tensor) -> Result<Tensor> {
        let (video, speech) = self.tokens(video, speech)?;
        let looked = self.attend(&self.video, &video, &self.speech, &speech)?.1;
        let listened = self.attend(&self.speech, &speech, &self.video, &video)?.1;
        let pooled = Tensor::cat(&[(video + looked)?.mean(1)?, (speech + listened)?.mean(1)?], 1)?;
        self.fc2.forward(&self.fc1.forward(&pooled)?.relu()?)?.squeeze(1)
    }

    /// Where in the image the speech looks: `[B, H, W]`, sum 1, the mean over the speech's tokens.
    ///
    /// # Errors
    /// When shapes are not those of [`CoAttention::forward`].
    pub fn heat_map(&self, video: &Tensor, speech: &Tensor) -> Result<Tensor> {
        let (count, height, width, _) = video.dims4()?;
        let (video, speech) = self.tokens(video, speech)?;
        let weights = self.attend(&self.speech, &speech, &self.video, &video)?.0;
        weights.mean(1)?.reshape((count, height, width))
    }

    /// Tokens `[B, N, width]` of both streams.
    fn tokens(&self, video: &Tensor, speech: &Tensor) -> Result<(Tensor, Tensor)> {
        check_map("co-attention", video, self.channels)?;
        check_map("co-attention", speech, self.channels)?;
        let (count, windows) = (video.dim(0)?, speech.dim(0)?);
        if !windows.is_multiple_of(count) {
            bail!("co-attention: {windows} speech windows are no whole number to each of {count} frames");
        }
        let of = |x: Tensor, stream: &Stream| {
            // an encoder of bf16 gives maps of bf16; heads compute in the type of their parameters
            let x = x.to_dtype(self.dtype)?;
            let tokens = x.elem_count() / self.channels;
            let x = stream.token.forward(&x.reshape((tokens, self.channels))?)?.relu()?;
            x.reshape((count, tokens / count, self.width))
        };
        Ok((of(video.clone(), &self.video)?, of(speech.mean(1)?, &self.speech)?))
    }

    /// Weights `[B, N, M]` and what `N` tokens that ask get from `M` that answer, `[B, N, width]`.
    fn attend(
        &self,
        asking: &Stream,
        from: &Tensor,
        answering: &Stream,
        to: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let project = |layer: &Linear, x: &Tensor| {
            let dims = x.dims3()?;
            layer.forward(&x.reshape((dims.0 * dims.1, self.width))?)?.reshape(dims)
        };
        let query = (project(&asking.query, from)? / (self.width as f64).sqrt())?;
        let key = project(&answering.key, to)?.transpose(1, 2)?.contiguous()?;
        let weights = softmax(&query.matmul(&key)?, D::Minus1)?;
        let got = weights.matmul(&project(&answering.value, to)?)?;
        Ok((weights, got))
    }
}
