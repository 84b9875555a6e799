//! FFmpeg's log, silenced, but for the causes that its error codes do not tell.
//!
//! FFmpeg answers "invalid data" for nearly everything and says what is wrong only in its log. The callback here
//! prints nothing. It compares the *format string* of an error message, which is a constant of FFmpeg's source and
//! can therefore hold nothing out of the file, with a short list, and keeps our words for it.
#![allow(unsafe_code)] // a C callback

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Once;

use video_rs::ffmpeg::ffi;

/// Constant parts of FFmpeg's messages and what they mean to the owner of the file.
const CAUSES: [(&str, &str); 6] = [
    ("moov atom not found", "its index (moov) is missing: the recording was cut off or never finished"),
    ("contradictionary STSC and STCO", "its sample tables contradict each other (stsc, stco)"),
    ("partial file", "the file is cut off: a sample lies past its end"),
    ("File ended prematurely", "the file is cut off"),
    ("EBML header parsing failed", "its Matroska header is broken"),
    ("Packet corrupt", "a packet is cut off or damaged"),
];

thread_local! {
    static LAST_CAUSE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Silences FFmpeg for the whole process. Called before anything else of FFmpeg's.
pub(crate) fn silence() {
    static ONCE: Once = Once::new();
    // SAFETY: `keep_cause` has the signature FFmpeg asks for, lives as long as the process, does not unwind and
    // touches nothing but a thread-local.
    ONCE.call_once(|| unsafe { ffi::av_log_set_callback(Some(keep_cause)) });
}

/// The cause FFmpeg logged last on this thread, if it is one we know; forgets it.
pub(crate) fn take_cause() -> Option<&'static str> {
    LAST_CAUSE.take()
}

unsafe extern "C" fn keep_cause(
    _context: *mut c_void,
    level: c_int,
    format: *const c_char,
    #[cfg(all(target_arch = "x86_64", target_family = "unix"))] _arguments: *mut ffi::__va_list_tag,
    #[cfg(not(all(target_arch = "x86_64", target_family = "unix")))] _arguments: ffi::va_list,
) {
    if level > ffi::AV_LOG_WARNING || format.is_null() {
        return;
    }
    // SAFETY: FFmpeg passes its NUL-terminated format string, which outlives the call.
    let format = unsafe { CStr::from_ptr(format) }.to_string_lossy();
    if let Some((_, meaning)) = CAUSES.iter().find(|(part, _)| format.contains(part)) {
        // a thread that is being torn down has no cell any more: nothing to keep then
        let _ = LAST_CAUSE.try_with(|cause| cause.set(Some(meaning)));
    }
}
