//! Vector registers: one trait over AVX-512, AVX2 and plain Rust, and the choice between them at run time.
//!
//! A kernel is written once, generic over [`Lanes`], as a [`Kernel`] whose functions are all `#[inline(always)]`;
//! [`Element::run`](crate::element::Element::run) calls it inside a function compiled for the best instruction set of
//! the machine. So the released binary needs no `target-cpu=native`.
//!
//! Sums inside a kernel run over the same terms in the same order whatever the width, and both x86 sets fuse multiply
//! and add, so AVX2 and AVX-512 give the same bits. Plain Rust rounds twice and differs in the last bits.

#![allow(unsafe_code)] // registers and pointers

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::element::Element;

use portable::Portable;

/// A register of `N` numbers.
///
/// # Safety
/// Every function needs the instruction set that the type stands for; pointers have to be good for `N` elements
/// (one, where it says so).
pub(crate) trait Lanes: Copy {
    /// What a lane holds.
    type Elem: Element;
    /// What [`Lanes::permute`] is told.
    type Index: Copy;
    /// Lanes.
    const N: usize;
    /// Rows of a matrix-product tile two registers wide that leaves none unused.
    const TILE_ROWS: usize;

    /// The same number in every lane.
    unsafe fn splat(value: Self::Elem) -> Self;
    /// `N` numbers from memory.
    unsafe fn load(from: *const Self::Elem) -> Self;
    /// `N` numbers to memory.
    unsafe fn store(self, to: *mut Self::Elem);
    /// `self * factor + addend`.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// The larger number of each lane; `self` where it is not a number, so that a ReLU lets it through.
    unsafe fn max(self, other: Self) -> Self;
    /// Tells `permute` that lane i takes what lane `from(i)` held.
    unsafe fn index(from: impl Fn(usize) -> usize) -> Self::Index;
    /// Moves numbers between lanes.
    unsafe fn permute(self, index: Self::Index) -> Self;
}

/// Work that is compiled once for every instruction set.
pub(crate) trait Kernel<T: Element> {
    /// What it gives.
    type Output;

    /// The work; has to be `#[inline(always)]`, and all it calls too.
    ///
    /// # Safety
    /// The machine has to have the instruction set of `V`.
    unsafe fn run<V: Lanes<Elem = T>>(self) -> Self::Output;
}

/// Instruction sets that there are kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// All that this machine has, best first.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
            if avx2 && std::is_x86_feature_detected!("avx512f") {
                found.push(Self::Avx512);
            }
            if avx2 {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Portable);
        found
    }

    /// The best of this machine.
    pub fn best() -> Self {
        static BEST: std::sync::OnceLock<Isa> = std::sync::OnceLock::new();
        #[cfg(test)]
        if let Some(isa) = FORCED.get() {
            return isa;
        }
        *BEST.get_or_init(|| Self::available()[0])
    }
}

#[cfg(test)]
thread_local! {
    /// What tests want to see used on this thread instead of the best; only work that stays on it listens.
    pub(crate) static FORCED: std::cell::Cell<Option<Isa>> = const { std::cell::Cell::new(None) };
}

/// Runs a kernel of f32 with the best instruction set.
pub(crate) fn run_f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    match Isa::best() {
        // SAFETY: `Isa::best` names only what the machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { x86::avx512(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { x86::avx2(kernel) },
        // SAFETY: plain Rust runs everywhere.
        Isa::Portable => unsafe { kernel.run::<Portable<f32, 8>>() },
    }
}

/// Runs a kernel of f64: plain Rust, compiled for AVX2 where the machine has it.
pub(crate) fn run_f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    match Isa::best() {
        // SAFETY: `Isa::best` names only what the machine has; plain Rust runs everywhere.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx2 => unsafe { x86::avx2_f64(kernel) },
        // SAFETY: plain Rust runs everywhere.
        Isa::Portable => unsafe { kernel.run::<Portable<f64, 4>>() },
    }
}

/// Functions of plain loops over slices, compiled once for every instruction set and chosen between at each call.
macro_rules! vectorised {
    ($($(#[$doc:meta])* fn $name:ident<$t:ident>($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? $body:block)*) => {$(
        $(#[$doc])*
        #[allow(unsafe_code)]
        fn $name<$t: $crate::element::Element>($($arg: $ty),*) $(-> $out)? {
            #[inline(always)]
            fn body<$t: $crate::element::Element>($($arg: $ty),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            fn avx512<$t: $crate::element::Element>($($arg: $ty),*) $(-> $out)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2<$t: $crate::element::Element>($($arg: $ty),*) $(-> $out)? {
                body($($arg),*)
            }

            match $crate::simd::Isa::best() {
                // SAFETY: `Isa::best` names only what the machine has.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Isa::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Isa::Avx2 => unsafe { avx2($($arg),*) },
                $crate::simd::Isa::Portable => body($($arg),*),
            }
        }
    )*};
}
pub(crate) use vectorised;
