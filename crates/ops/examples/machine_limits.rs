//! What bounds a network on this machine: multiply-adds in registers and the bandwidth of caches and memory.
//!
//!     cargo run --release -p sonovox-ops --example machine_limits -- [THREADS...]
//!
//! Without arguments: one thread and all. Prints JSON; called by scripts/bench-train, explained in docs/performance.md.
//!
//! - `fma_gmac_per_sec`: fused multiply-adds of f32 without a load or store, in the widest registers there are. No
//!   matrix product can be faster.
//! - `read`: every byte of a set once. `copy`: memcpy, which passes by the caches where the set is large. `scale`: an
//!   elementwise operation with ordinary stores, what a layer does. The last two count bytes read and bytes written.
//!
//! All are the best of several windows, since other programs can only slow them down.

#![allow(unsafe_code)] // calls into code for instruction sets that were asked for first

use std::fs;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_millis(30);
const WINDOWS: usize = 10;
const FMA_ROUNDS: usize = 10_000;

fn main() {
    let limits: Vec<_> = thread_counts().into_iter().map(limits).collect();
    println!("{{\"isa\": \"{}\", \"limits\": [\n  {}\n]}}", Isa::best().name(), limits.join(",\n  "));
}

fn thread_counts() -> Vec<usize> {
    let asked: Vec<usize> = std::env::args()
        .skip(1)
        .map(|word| match word.parse() {
            Ok(n) if n > 0 => n,
            _ => panic!("expected numbers of threads, found {word}"),
        })
        .collect();
    let all = thread::available_parallelism().map_or(1, usize::from);
    match (asked.is_empty(), all) {
        (false, _) => asked,
        (true, 1) => vec![1],
        (true, all) => vec![1, all],
    }
}

fn limits(threads: usize) -> String {
    let isa = Isa::best();
    let fma = rate(threads, isa.multiply_adds(FMA_ROUNDS), || {
        || {
            black_box(isa.fma(FMA_ROUNDS));
        }
    });
    let levels: Vec<_> =
        working_sets(threads).into_iter().map(|(name, set)| level(name, set, threads)).collect();
    format!(
        r#"{{"threads": {threads}, "fma_gmac_per_sec": {fma:.2}, "bandwidth": {{{}}}}}"#,
        levels.join(", ")
    )
}

/// Bytes of a thread's set that lie in the second level, the third, and in neither.
fn working_sets(threads: usize) -> [(&'static str, usize); 3] {
    let (l2, l3) = (cache(2).unwrap_or(1 << 20), cache(3).unwrap_or(32 << 20));
    // Half of each, so that what else runs does not push it out; never as little as the level before holds.
    [("l2", l2 / 2), ("l3", (l3 / 2 / threads).max(2 * l2)), ("memory", (8 * l3 / threads).max(4 * l3))]
}

/// Bytes of the first core's cache, as Linux tells them.
fn cache(level: usize) -> Option<usize> {
    (0..8).find_map(|index| {
        let read = |name| {
            let text =
                fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{name}")).ok()?;
            Some(text.trim().to_owned())
        };
        let holds_data = read("type")? != "Instruction";
        let here = holds_data && read("level")? == level.to_string();
        here.then(|| Some(read("size")?.strip_suffix('K')?.parse::<usize>().ok()? * 1024))?
    })
}

fn level(name: &str, set: usize, threads: usize) -> String {
    let (isa, bytes) = (Isa::best(), set as f64);
    let buffer = || vec![1f32; set / size_of::<f32>()];
    let read = rate(threads, bytes, || {
        let numbers = buffer();
        move || {
            black_box(isa.read(black_box(&numbers)));
        }
    });
    let over_halves = |work: fn(Isa, &[f32], &mut [f32])| {
        rate(threads, bytes, || {
            let mut numbers = buffer();
            move || {
                let (from, to) = numbers.split_at_mut(set / size_of::<f32>() / 2);
                work(isa, black_box(from), black_box(to));
            }
        })
    };
    let copy = over_halves(|_, from, to| to.copy_from_slice(from));
    let scale = over_halves(Isa::scale);
    let kib = set / 1024;
    format!(
        r#""{name}": {{"kib_a_thread": {kib}, "read_gb_per_sec": {read:.1}, "copy_gb_per_sec": {copy:.1}, "scale_gb_per_sec": {scale:.1}}}"#
    )
}

/// Thousand millions of units a second that `threads` threads do together; `make` makes a thread's task, of which every
/// call does `units`.
fn rate<F: FnMut()>(threads: usize, units: f64, make: impl Fn() -> F + Sync) -> f64 {
    let calls = calls_a_window(make());
    let barrier = Barrier::new(threads);
    let windows: Vec<Vec<(Instant, Instant)>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| worker(make(), calls, &barrier))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker's panic is ours")).collect()
    });
    let best = (0..WINDOWS)
        .map(|window| {
            let start = windows.iter().map(|times| times[window].0).min().expect("a thread");
            let end = windows.iter().map(|times| times[window].1).max().expect("a thread");
            end - start
        })
        .min()
        .expect("a window");
    (threads * calls) as f64 * units / best.as_secs_f64() / 1e9
}

/// The first call pays for first use of memory; the second one is timed.
fn calls_a_window(mut task: impl FnMut()) -> usize {
    task();
    let start = Instant::now();
    task();
    (WINDOW.as_secs_f64() / start.elapsed().as_secs_f64().max(1e-7)).ceil() as usize
}

fn worker(mut task: impl FnMut(), calls: usize, barrier: &Barrier) -> Vec<(Instant, Instant)> {
    task();
    let window = |_| {
        barrier.wait();
        let start = Instant::now();
        for _ in 0..calls {
            task();
        }
        (start, Instant::now())
    };
    (0..WINDOWS).map(window).collect()
}

/// The sets that sonovox-ops has kernels for.
#[derive(Clone, Copy)]
enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
            if avx2 && std::is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if avx2 {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Multiply-adds in `rounds` of [`Isa::fma`].
    fn multiply_adds(self, rounds: usize) -> f64 {
        let numbers = match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::SUMS * 16,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::SUMS * 8,
            Self::Portable => PORTABLE_SUMS,
        };
        (numbers * rounds) as f64
    }

    fn fma(self, rounds: usize) -> f32 {
        match self {
            // SAFETY: `Isa::best` names only what the machine has; so in all that follows.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { x86::fma_avx512(rounds) },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::fma_avx2(rounds) },
            Self::Portable => fma_portable(rounds),
        }
    }

    fn read(self, numbers: &[f32]) -> u32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { x86::read_avx512(numbers) },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::read_avx2(numbers) },
            Self::Portable => read(numbers),
        }
    }

    fn scale(self, from: &[f32], to: &mut [f32]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { x86::scale_avx512(from, to) },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::scale_avx2(from, to) },
            Self::Portable => scale(from, to),
        }
    }
}

const PORTABLE_SUMS: usize = 64;

fn fma_portable(rounds: usize) -> f32 {
    let (factor, addend) = (black_box(0.5f32), black_box(1.0f32));
    let mut sums: [f32; PORTABLE_SUMS] = std::array::from_fn(|i| black_box(i as f32));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = *sum * factor + addend;
        }
    }
    sums.iter().sum()
}

/// Whole numbers are added, since the compiler may do that in any order and so in several registers.
#[inline(always)]
fn read(numbers: &[f32]) -> u32 {
    numbers.iter().fold(0, |sum: u32, number| sum.wrapping_add(number.to_bits()))
}

#[inline(always)]
fn scale(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from * 0.5;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// Sums that do not wait for each other: more than latency times units of any core of today (4 x 2), and few
    /// enough to stay in registers beside factor and addend (24 of AVX-512 did not).
    pub(super) const SUMS: usize = 12;

    #[target_feature(enable = "avx512f")]
    pub(super) fn fma_avx512(rounds: usize) -> f32 {
        let (factor, addend) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
        // different starts, or one sum would do for all
        let mut sums: [__m512; SUMS] = std::array::from_fn(|i| _mm512_set1_ps(black_box(i as f32)));
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, addend);
            }
        }
        sums.into_iter().map(|sum| _mm512_reduce_add_ps(sum)).sum()
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn fma_avx2(rounds: usize) -> f32 {
        let (factor, addend) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
        let mut sums: [__m256; SUMS] = std::array::from_fn(|i| _mm256_set1_ps(black_box(i as f32)));
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, addend);
            }
        }
        sums.into_iter().map(|sum| _mm256_cvtss_f32(sum)).sum()
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn read_avx512(numbers: &[f32]) -> u32 {
        super::read(numbers)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn read_avx2(numbers: &[f32]) -> u32 {
        super::read(numbers)
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn scale_avx512(from: &[f32], to: &mut [f32]) {
        super::scale(from, to);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn scale_avx2(from: &[f32], to: &mut [f32]) {
        super::scale(from, to);
    }
}
