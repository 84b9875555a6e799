//! How precisely an encoder computes.

use candle_core::{Device, Result, bail};
use serde::{Deserialize, Serialize};

/// Number types of an encoder's maps and products. Parameters, statistics, sums, losses and the optimiser are f32 in
/// all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Maps of f32, full products. The only one on the CPU.
    #[default]
    F32,
    /// Maps of f32; convolutions round their factors to TF32 (10 bits of fraction). On a card only.
    Tf32,
    /// Maps of bf16 (7 bits of fraction): half the memory. On a card only.
    Bf16,
}

impl Precision {
    /// Stops where `device` cannot compute in this precision.
    ///
    /// # Errors
    /// On the CPU for anything but [`Precision::F32`].
    pub fn check(self, device: &Device) -> Result<()> {
        if self == Self::F32 || device.is_cuda() {
            return Ok(());
        }
        bail!(
            "precision {self} needs a CUDA device; on {} only f32 is computed (key run.precision of the recipe, --device)",
            crate::place::word(device)
        )
    }

    /// This precision where `device` has it, f32 elsewhere: a model that was trained on a card is also used without one.
    pub fn or_f32(self, device: &Device) -> Self {
        if self.check(device).is_ok() { self } else { Self::F32 }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        })
    }
}

impl std::str::FromStr for Precision {
    type Err = candle_core::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "f32" => Ok(Self::F32),
            "tf32" => Ok(Self::Tf32),
            "bf16" => Ok(Self::Bf16),
            _ => bail!("expected f32, tf32 or bf16, found {word:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::message;

    #[test]
    fn words_are_understood_and_written_back() {
        for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
        }
        assert!(message("f16".parse::<Precision>()).contains("f32, tf32 or bf16"));
    }

    #[test]
    fn the_cpu_computes_in_f32() {
        assert!(Precision::F32.check(&Device::Cpu).is_ok());
        for precision in [Precision::Tf32, Precision::Bf16] {
            let error = message(precision.check(&Device::Cpu));
            assert!(error.contains(&format!("precision {precision} needs a CUDA device")), "{error}");
            assert_eq!(precision.or_f32(&Device::Cpu), Precision::F32);
        }
    }
}
