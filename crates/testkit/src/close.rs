//! Comparing floats.

/// |a - b| relative to the larger of |a|, |b| and `floor`; 0 for equal values, infinite where one is not finite.
pub fn relative_difference(a: f64, b: f64, floor: f64) -> f64 {
    if a == b {
        return 0.0;
    }
    let difference = (a - b).abs() / a.abs().max(b.abs()).max(floor);
    if difference.is_nan() { f64::INFINITY } else { difference }
}

/// Panics unless `found` is within `tolerance` of `expected`, relative to the larger magnitude (of 1e-12 at least).
#[track_caller]
pub fn assert_close(found: impl Into<f64>, expected: impl Into<f64>, tolerance: f64) {
    let (found, expected) = (found.into(), expected.into());
    let difference = relative_difference(found, expected, 1e-12);
    assert!(
        difference <= tolerance,
        "found {found}, expected {expected}: relative difference {difference:e}"
    );
}

/// Panics unless every value is within `tolerance` of its counterpart, relative to the largest magnitude of all that is
/// expected: the measure for tensors, in which small values are sums of large ones.
#[track_caller]
pub fn assert_all_close<T: Copy + Into<f64>>(found: &[T], expected: &[T], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "number of values");
    let largest = expected.iter().map(|value| (*value).into().abs()).fold(1e-12, f64::max);
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let (found, expected): (f64, f64) = ((*found).into(), (*expected).into());
        let difference = relative_difference(found, expected, largest);
        assert!(
            difference <= tolerance,
            "value {i}: found {found}, expected {expected}; {difference:e} of the largest magnitude {largest}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_never_close() {
        assert_eq!(relative_difference(f64::NAN, 1.0, 1e-12), f64::INFINITY);
        assert_eq!(relative_difference(f64::NAN, f64::NAN, 1e-12), f64::INFINITY);
        assert_eq!(relative_difference(f64::INFINITY, f64::INFINITY, 1e-12), 0.0);
    }

    #[test]
    #[should_panic(expected = "value 1")]
    fn the_value_that_differs_is_named() {
        assert_all_close(&[1.0, 2.0], &[1.0, 2.1], 1e-3);
    }
}
