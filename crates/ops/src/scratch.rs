//! Working memory that a thread keeps from call to call, so that kernels do not ask the system for it every time.

use std::cell::RefCell;

use crate::element::Element;

/// Bytes to a cache line: what buffers are aligned to.
const LINE: usize = 64;

thread_local! {
    /// Buffers not in use. A kernel holds at most a few at a time, so there are never more than that.
    static FREE: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `len` numbers of unspecified value, aligned to a cache line.
pub(crate) fn with<T: Element, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    let words = (len * size_of::<T>() + LINE).div_ceil(size_of::<u64>());
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < words {
        buffer.resize(words, 0);
    }
    if cfg!(test) {
        // not a number, of either type
        buffer.fill(!0);
    }
    let skipped = buffer.as_ptr().align_offset(LINE);
    // SAFETY: the buffer has room for `len` numbers behind its first line boundary; `T` is f32 or f64, for which every
    // bit pattern is a value, and a line boundary is aligned for both; `buffer` is not touched while `f` runs.
    #[allow(unsafe_code)]
    let result = f(unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().add(skipped).cast(), len) });
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

/// A pointer that several threads write through, each to places of its own.
pub(crate) struct Shared<T>(*mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: whoever makes tasks from it promises that they write to different places.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr())
    }

    pub fn get(self) -> *mut T {
        self.0
    }
}
