//! Where to compute.

use std::fmt;
use std::str::FromStr;

use candle_core::{Device, DeviceLocation, Error, Result};

/// The CPU, or one of the machine's CUDA cards: `cpu`, `cuda` (the first card) or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The CPU.
    #[default]
    Cpu,
    /// The card of this number, counted from 0 as CUDA_VISIBLE_DEVICES shows them.
    Cuda(usize),
}

impl Place {
    /// The device, ready to compute on.
    ///
    /// # Errors
    /// When this build has no CUDA side (the message says how to build one), or there is no such card.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(card) => open_card(card).map_err(|e| Error::Msg(format!("device {self}: {e}"))),
        }
    }
}

#[cfg(feature = "cuda")]
fn open_card(card: usize) -> Result<Device> {
    crate::cuda::device::open(card)
}

#[cfg(not(feature = "cuda"))]
fn open_card(_: usize) -> Result<Device> {
    candle_core::bail!(
        "this program was built without CUDA; build it with `cargo build --release --package sonovox \
         --no-default-features --features cuda` on a machine that has it (docs/gpu.md)"
    )
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let card = match word {
            "cpu" => return Ok(Self::Cpu),
            "cuda" => Some(0),
            _ => word.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
        };
        let Some(card) = card else {
            candle_core::bail!("expected cpu, cuda or cuda:N, found {word:?}");
        };
        Ok(Self::Cuda(card))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(card) => write!(f, "cuda:{card}"),
        }
    }
}

/// `cpu`, or `cuda:0`.
pub(crate) fn word(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => Place::Cpu.to_string(),
        DeviceLocation::Cuda { gpu_id } => Place::Cuda(gpu_id).to_string(),
        DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

/// A device for a report: `cpu`, or `cuda:0` and the card's name.
pub fn describe_device(device: &Device) -> String {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(card) = device
        && let Ok(name) = card.cuda_stream().context().name()
    {
        return format!("{} ({name})", word(device));
    }
    word(device)
}

/// The most memory that tensors on a card took at once since the process began, in bytes; none elsewhere.
pub fn peak_device_bytes(device: &Device) -> Option<u64> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(card) => crate::cuda::device::peak_bytes(card),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::message;

    #[test]
    fn words_are_understood_and_written_back() {
        for (word, place) in [("cpu", Place::Cpu), ("cuda:0", Place::Cuda(0)), ("cuda:3", Place::Cuda(3))] {
            assert_eq!(word.parse::<Place>().unwrap(), place);
            assert_eq!(place.to_string(), word);
        }
        assert_eq!("cuda".parse::<Place>().unwrap(), Place::Cuda(0));
        for word in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            let error = message(word.parse::<Place>());
            assert!(error.contains("cpu, cuda or cuda:N") && error.contains(word), "{error}");
        }
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert!(matches!(Place::Cpu.open(), Ok(Device::Cpu)));
        assert_eq!(describe_device(&Device::Cpu), "cpu");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_build_without_cuda_says_how_to_get_one() {
        let error = message(Place::Cuda(1).open());
        assert!(error.starts_with("device cuda:1: ") && error.contains("--features cuda"), "{error}");
    }
}
