//! Registers of plain Rust, for machines without a set of ours and for f64.

use super::Lanes;
use crate::element::Element;

/// `N` numbers in an array, which the compiler turns into whatever registers there are.
#[derive(Clone, Copy)]
pub(crate) struct Portable<T, const N: usize>([T; N]);

impl<T: Element, const N: usize> Lanes for Portable<T, N> {
    type Elem = T;
    type Index = [u8; N];
    const N: usize = N;
    const TILE_ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: T) -> Self {
        Self([value; N])
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller's pointer is good for N elements.
        Self(unsafe { from.cast::<[T; N]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller's pointer is good for N elements.
        unsafe { to.cast::<[T; N]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + addend.0[i]))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| if other.0[i] > self.0[i] { other.0[i] } else { self.0[i] }))
    }

    #[inline(always)]
    unsafe fn index(from: impl Fn(usize) -> usize) -> [u8; N] {
        std::array::from_fn(|i| from(i) as u8)
    }

    #[inline(always)]
    unsafe fn permute(self, index: [u8; N]) -> Self {
        Self(index.map(|i| self.0[i as usize % N]))
    }
}
