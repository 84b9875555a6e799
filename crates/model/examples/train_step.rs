//! Time and memory of one training step (or one evaluation pass) of an encoder; the PyTorch side of the comparison is
//! scripts/peers/train_step_torch.py, with the same arguments and the same line of JSON on standard output.
//!
//!     cargo run --release -p sonovox-model --example train_step -- NET BATCH HEIGHT WIDTH THREADS STEPS MODE
//!     cargo run --release -p sonovox-model --example train_step -- half 4 224 288 2 10 train
//!
//! A training step is forward, cross-entropy of the pooled features, backward, and SGD with momentum and weight decay.
//! The first step is left out: it pays for first use of memory.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor, bail};
use sonovox_model::{EncoderConfig, Preset, SeResNext};
use sonovox_ops::optim::{Optimizer, Sgd, SgdConfig};
use sonovox_ops::{Mode, ParamStore, backward, cross_entropy, no_grad};

/// Read by rayon and by candle, once, at the first parallel operation.
const THREADS: &str = "RAYON_NUM_THREADS";

struct Job {
    net: String,
    batch: usize,
    height: usize,
    width: usize,
    threads: String,
    steps: usize,
    mode: String,
}

fn main() -> Result<()> {
    let job = parse(std::env::args().skip(1).collect())?;
    if std::env::var(THREADS).ok().as_ref() != Some(&job.threads) {
        let program = std::env::current_exe()?;
        return Err(Command::new(program)
            .args(std::env::args().skip(1))
            .env(THREADS, &job.threads)
            .exec()
            .into());
    }
    let mut millis = measure(&job)?;
    millis.sort_by(f64::total_cmp);
    let Job { net, batch, height, width, threads, steps, mode } = job;
    let (best, median) = (millis[0], millis[millis.len() / 2]);
    let peak = peak_mib()?;
    println!(
        r#"{{"system": "sonovox", "net": "{net}", "batch": {batch}, "height": {height}, "width": {width}, "threads": {threads}, "mode": "{mode}", "steps": {steps}, "best_ms": {best:.1}, "median_ms": {median:.1}, "peak_mib": {peak}}}"#
    );
    Ok(())
}

fn parse(args: Vec<String>) -> Result<Job> {
    let Ok([net, batch, height, width, threads, steps, mode]) = <[String; 7]>::try_from(args) else {
        bail!("expected arguments: NET BATCH HEIGHT WIDTH THREADS STEPS train|eval");
    };
    let number = |text: &str| match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => bail!("expected a positive number, found {text}"),
    };
    if mode != "train" && mode != "eval" {
        bail!("expected train or eval, found {mode}");
    }
    number(&threads)?;
    let [batch, height, width, steps] = [number(&batch)?, number(&height)?, number(&width)?, number(&steps)?];
    Ok(Job { net, batch, height, width, threads, steps, mode })
}

/// Milliseconds of every step but the first.
fn measure(job: &Job) -> Result<Vec<f64>> {
    let preset = match job.net.as_str() {
        "full" => Preset::Full,
        "half" => Preset::Half,
        "small" => Preset::Small,
        other => bail!("expected full, half or small, found {other}"),
    };
    let store = ParamStore::new(1, DType::F32, &Device::Cpu);
    let encoder = SeResNext::new(&EncoderConfig::new(preset), &store.scope())?;
    let x = Tensor::randn(0f32, 1.0, (job.batch, 1, job.height, job.width), &Device::Cpu)?;
    let labels = Tensor::arange(0u32, job.batch as u32, &Device::Cpu)?;
    let mut sgd = Sgd::new(store.params(), SgdConfig::default())?;
    let mut millis = Vec::with_capacity(job.steps);
    for step in 0..=job.steps {
        let start = Instant::now();
        if job.mode == "train" {
            let pooled = encoder.forward(&x, Mode::Train)?.pooled;
            let loss = cross_entropy(&pooled, &labels)?;
            sgd.step(&backward(&loss)?, 1e-3, 1.0)?;
        } else {
            no_grad(|| encoder.forward(&x, Mode::Eval))?;
        }
        if step > 0 {
            millis.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(millis)
}

/// Largest resident size of this process so far, MiB.
fn peak_mib() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok());
    match kib {
        Some(kib) => Ok(kib / 1024),
        None => bail!("/proc/self/status: expected a line VmHWM"),
    }
}
