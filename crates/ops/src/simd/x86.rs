//! Registers of x86-64: AVX-512 (16 numbers) and AVX2 with fused multiply-add (8).

use std::arch::x86_64::*;

use super::{Kernel, Lanes, Portable};

/// Sixteen f32.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512);

/// Eight f32.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256);

#[target_feature(enable = "avx512f,avx2,fma")]
pub(super) unsafe fn avx512<K: Kernel<f32>>(kernel: K) -> K::Output {
    // SAFETY: this function is only called where these features are.
    unsafe { kernel.run::<Avx512>() }
}

#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2<K: Kernel<f32>>(kernel: K) -> K::Output {
    // SAFETY: this function is only called where these features are.
    unsafe { kernel.run::<Avx2>() }
}

#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2_f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    // SAFETY: plain Rust runs everywhere.
    unsafe { kernel.run::<Portable<f64, 4>>() }
}

// SAFETY of the calls below: the trait's contract, which is that of the intrinsics.
impl Lanes for Avx512 {
    type Elem = f32;
    type Index = __m512i;
    const N: usize = 16;
    const TILE_ROWS: usize = 12;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, addend.0)) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { Self(_mm512_max_ps(other.0, self.0)) }
    }

    #[inline(always)]
    unsafe fn index(from: impl Fn(usize) -> usize) -> __m512i {
        let lanes: [i32; 16] = std::array::from_fn(|i| from(i) as i32);
        unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
    }

    #[inline(always)]
    unsafe fn permute(self, index: __m512i) -> Self {
        unsafe { Self(_mm512_permutexvar_ps(index, self.0)) }
    }
}

// SAFETY of the calls below: the trait's contract, which is that of the intrinsics.
impl Lanes for Avx2 {
    type Elem = f32;
    type Index = __m256i;
    const N: usize = 8;
    const TILE_ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, addend.0)) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { Self(_mm256_max_ps(other.0, self.0)) }
    }

    #[inline(always)]
    unsafe fn index(from: impl Fn(usize) -> usize) -> __m256i {
        let lanes: [i32; 8] = std::array::from_fn(|i| from(i) as i32);
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }

    #[inline(always)]
    unsafe fn permute(self, index: __m256i) -> Self {
        unsafe { Self(_mm256_permutevar8x32_ps(self.0, index)) }
    }
}
