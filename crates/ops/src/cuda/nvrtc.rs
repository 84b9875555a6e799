//! Compiles a `*.cu` source for the card that is there, once a process and card, and keeps its kernels.
//!
//! Machine code, not PTX: PTX of a newer NVRTC is refused by an older driver of the same major version. The sources
//! include our own headers only, so NVRTC needs no CUDA toolkit beside it.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{CudaContext, CudaFunction, CudaModule};
use candle_core::cuda_backend::cudarc::nvrtc::{Ptx, result as nvrtc, sys};
use candle_core::{Error, Result, bail};

/// One `*.cu` file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// The file's name, for messages.
    pub(crate) name: &'static str,
    /// Its text, by `include_str!`.
    pub(crate) text: &'static str,
}

/// What the sources include.
const HEADERS: [(&CStr, &str); 4] = [
    (c"common.cuh", include_str!("common.cuh")),
    (c"columns.cuh", include_str!("columns.cuh")),
    (c"rows.cuh", include_str!("rows.cuh")),
    (c"matmul.cuh", include_str!("matmul.cuh")),
];

/// `scripts/compile-kernels` has the same list.
const OPTIONS: [&str; 1] = ["--std=c++17"];

/// By the card's number: all of candle's devices on one card share its primary context.
#[derive(Default)]
struct Cache {
    modules: HashMap<(usize, &'static str), Arc<CudaModule>>,
    functions: HashMap<(usize, String), CudaFunction>,
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// The kernel `entry` of `source`. Entry points have one name in the whole crate.
///
/// # Errors
/// When the source does not compile (the message holds the compiler's log), or has no such entry point.
pub(crate) fn function(context: &Arc<CudaContext>, source: Source, entry: &str) -> Result<CudaFunction> {
    let card = context.ordinal();
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(function) = cache.functions.get(&(card, entry.to_string())) {
        return Ok(function.clone());
    }
    let module = match cache.modules.get(&(card, source.name)) {
        Some(module) => module.clone(),
        None => {
            let code = compile(source, &architecture(context)?)?;
            let module = context.load_module(Ptx::from_binary(code)).map_err(|e| {
                Error::Msg(format!("{}: the driver refuses the compiled code: {e}", source.name))
            })?;
            cache.modules.insert((card, source.name), module.clone());
            module
        }
    };
    let function = module
        .load_function(entry)
        .map_err(|e| Error::Msg(format!("{}: no kernel {entry}: {e}", source.name)))?;
    cache.functions.insert((card, entry.to_string()), function.clone());
    Ok(function)
}

fn architecture(context: &CudaContext) -> Result<String> {
    let (major, minor) = context.compute_capability().map_err(Error::wrap)?;
    if major < 8 {
        bail!("CUDA: expected a card of compute capability 8.0 or more, found {major}.{minor}");
    }
    Ok(format!("--gpu-architecture=sm_{major}{minor}"))
}

/// A program that is destroyed at the end.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the handle came from nvrtcCreateProgram and is used by nobody else. A failure has no consequence.
        #[allow(unsafe_code)]
        let _ = unsafe { nvrtc::destroy_program(self.0) };
    }
}

fn compile(source: Source, architecture: &str) -> Result<Vec<u8>> {
    let fail = |what: &str, why: String| Error::Msg(format!("{}: NVRTC: {what}: {why}", source.name));
    let c_string =
        |text: &str| CString::new(text).map_err(|e| fail("a zero byte in the source", e.to_string()));
    let (text, name) = (c_string(source.text)?, c_string(source.name)?);
    let headers = HEADERS.iter().map(|(_, text)| c_string(text)).collect::<Result<Vec<_>>>()?;
    let header_texts: Vec<*const c_char> = headers.iter().map(|h| h.as_ptr()).collect();
    let header_names: Vec<*const c_char> = HEADERS.iter().map(|(name, _)| name.as_ptr()).collect();
    let mut program = Program(ptr::null_mut());
    // SAFETY: every pointer is a zero-terminated string that outlives the call; NVRTC copies them.
    #[allow(unsafe_code)]
    let created = unsafe {
        sys::nvrtcCreateProgram(
            &mut program.0,
            text.as_ptr(),
            name.as_ptr(),
            HEADERS.len() as i32,
            header_texts.as_ptr(),
            header_names.as_ptr(),
        )
    };
    created.result().map_err(|e| fail("cannot begin", e.to_string()))?;
    let options: Vec<&str> = OPTIONS.into_iter().chain([architecture]).collect();
    // SAFETY: the program is alive.
    #[allow(unsafe_code)]
    let compiled = unsafe { nvrtc::compile_program(program.0, &options) };
    if let Err(e) = compiled {
        return Err(fail(&format!("{e} with {options:?}"), log(&program)));
    }
    let mut size = 0;
    // SAFETY: the program is alive and compiled for a real architecture, so there is machine code; the buffer has the
    // size that NVRTC asks for.
    #[allow(unsafe_code)]
    let code = unsafe {
        sys::nvrtcGetCUBINSize(program.0, &mut size)
            .result()
            .map_err(|e| fail("size of the code", e.to_string()))?;
        let mut code = vec![0u8; size];
        sys::nvrtcGetCUBIN(program.0, code.as_mut_ptr().cast())
            .result()
            .map_err(|e| fail("the code", e.to_string()))?;
        code
    };
    Ok(code)
}

/// What the compiler said.
fn log(program: &Program) -> String {
    // SAFETY: the program is alive; the log ends with a zero byte.
    #[allow(unsafe_code)]
    let log = unsafe { nvrtc::get_program_log(program.0) };
    match log {
        Ok(bytes) => {
            let bytes: Vec<u8> = bytes.into_iter().map(|b| b as u8).take_while(|&b| b != 0).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Err(e) => format!("(no log: {e})"),
    }
}
