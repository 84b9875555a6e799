//! Rounding, powers and logarithms of two without branches, so that compilers can vectorise them. Four digits: plenty
//! for grey values.

/// Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
const ROUNDER: f32 = 12_582_912.0;

/// The whole number nearest to `x`, |x| below 2^22.
#[inline]
pub fn round(x: f32) -> f32 {
    (x + ROUNDER) - ROUNDER
}

/// The whole number nearest to `x`, |x| below 2^22, as a number of 23 bits that wraps: good for sums modulo a power
/// of two.
#[inline]
pub fn rounded(x: f32) -> i32 {
    // the low bits of the sum are those of the whole number, in two's complement
    (x + ROUNDER).to_bits() as i32 & 0x007f_ffff
}

/// 2 to the power of `x`, relative error below 1e-4; `x` beyond +-126 is cut off.
#[inline]
pub fn exp2(x: f32) -> f32 {
    let x = x.clamp(-126.0, 126.0);
    let whole = round(x);
    // Taylor series of exp(part * ln 2) for |part| <= 1/2
    let part = (x - whole) * std::f32::consts::LN_2;
    let power = 1.0 + part * (1.0 + part * (0.5 + part * (1.0 / 6.0 + part * (1.0 / 24.0))));
    f32::from_bits(((whole as i32 + 127) << 23) as u32) * power
}

/// Logarithm of a positive, normal `x` to base 2, absolute error below 1e-3.
#[inline]
pub fn log2(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let m = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    // ln m = 2 artanh((m - 1) / (m + 1)), three terms of the series; the quotient is at most 1/3
    let q = (m - 1.0) / (m + 1.0);
    let q2 = q * q;
    exponent as f32 + 2.0 * std::f32::consts::LOG2_E * q * (1.0 + q2 * (1.0 / 3.0 + q2 * (0.2 + q2 / 7.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_rounds_and_repeats() {
        for (x, expected) in [(0.2, 0), (1.6, 2), (-0.7, 127), (128.3, 0), (-129.0, 127)] {
            assert_eq!(rounded(x) % 128, expected, "{x}");
        }
    }

    #[test]
    fn both_agree_with_the_exact_functions() {
        for i in -1000..1000 {
            let x = i as f32 * 0.0371;
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 1e-4, "{x}");
            let y = x.exp2();
            assert!((log2(y) - x).abs() < 1e-3, "{y}");
        }
    }
}
