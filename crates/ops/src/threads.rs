//! How many threads candle's own operations use.

/// What candle reads, once, when its first element-wise operation runs.
const CANDLE: &str = "CANDLE_NUM_THREADS";

/// Lets candle's element-wise operations run on `threads` threads, unless the environment says how many.
///
/// By itself candle takes one to a core, whatever rayon has, and they turn on the spot while they wait: a tenth of the processor time
/// of a training step of the small net on one thread, which is lost where the other core computes something else. To be called when
/// a program starts: once it has started threads, and where that cannot be told (elsewhere than on Linux), it changes nothing.
pub fn limit_candle_threads(threads: usize) {
    if std::env::var_os(CANDLE).is_some() || !has_one_thread() {
        return;
    }
    // SAFETY: there is no other thread that could read the environment meanwhile.
    #[allow(unsafe_code)]
    unsafe {
        std::env::set_var(CANDLE, threads.to_string());
    }
}

/// Whether this process is known to have no thread but the calling one.
fn has_one_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}
