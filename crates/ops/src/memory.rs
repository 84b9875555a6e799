//! Vectors that are about to be filled.

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
    values
}
