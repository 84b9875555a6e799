//! Where what is under test computes.

use std::sync::OnceLock;

use candle_core::Device;
use sonovox_ops::Place;

/// The CPU, or what SONOVOX_TEST_DEVICE says (`just test-cuda`).
pub fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let word = std::env::var("SONOVOX_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
        word.parse().and_then(Place::open).expect("the device of SONOVOX_TEST_DEVICE")
    })
}
