//! Where results lie: memory that is about to be filled, and memory that was freed.

use crate::element::Element;

/// A vector of `len` numbers whose values are not set: every caller writes all of them before anybody reads.
pub(crate) fn unset<T: Element>(len: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(len);
    // SAFETY: the capacity is there, `T` is f32 or f64, for which every bit pattern is a value, and callers write before
    // they read. Zeros would cost a pass over memory for each result of an operation.
    #[allow(unsafe_code, clippy::uninit_vec)]
    unsafe {
        values.set_len(len);
    }
    if cfg!(test) {
        values.fill(T::from_f64(f64::NAN));
    }
    values
}

/// Makes glibc's allocator keep what was freed instead of handing it back to the system; elsewhere it does nothing.
///
/// A training step frees and asks for the same memory again and again, and every page that comes fresh from the system
/// is cleared by it first: a seventh of a step's time. The largest amount in use does not change. All threads share one heap: those
/// of other threads than the first are of pieces of 64 MiB, which go back whole, and in which a large net's blocks do not fit (5 % of
/// a step of the full net). To be called once, when a program starts that trains or evaluates, before it starts threads.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets three numbers of the allocator, under its own lock.
    #[allow(unsafe_code)]
    unsafe {
        // no block is mapped by itself (those go back when they are freed), and the end of the heap stays
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
