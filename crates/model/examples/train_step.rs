//! Time and memory of one training step (or one evaluation pass) of an encoder; the PyTorch side of the comparison is
//! scripts/peers/train_step_torch.py on the CPU and scripts/peers/train_step_torch_cuda.py on a card, with the same
//! arguments and the same line of JSON on standard output.
//!
//!     cargo run --release -p sonovox-model --example train_step -- NET BATCH HEIGHT WIDTH THREADS STEPS MODE
//!     cargo run --release -p sonovox-model --example train_step -- half 4 224 288 2 10 train
//!
//! Device (cpu, cuda, cuda:N) and precision (f32, tf32, bf16) may follow, as in `... train cuda bf16`, in a build with
//! the feature `cuda`. On a card every step is timed from an idle card to an idle card.
//!
//! With a word more, `profile`, every operation's share of a step follows on standard error: milliseconds and calls by
//! operation and part, from the `tracing` spans of `sonovox-ops`.
//!
//! A training step is forward, cross-entropy of the pooled features, backward, and SGD with momentum and weight decay.
//! The first step is left out: it pays for first use of memory. On a card the first three are, and the first also for
//! compiling kernels.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Result, Tensor, bail};
use sonovox_model::{Encoder, EncoderConfig, Preset};
use sonovox_ops::optim::{Optimizer, Sgd, SgdConfig};
use sonovox_ops::{
    Mode, ParamStore, Place, Precision, backward, cross_entropy, describe_device, keep_freed_memory, no_grad,
    peak_device_bytes, slow_convolutions,
};
use tracing::field::{Field, Visit};
use tracing::span;

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
    place: Place,
    precision: Precision,
    profile: bool,
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
    keep_freed_memory();
    let profile = Profile::default();
    let device = job.place.open()?;
    // as the program computes: on a thread of a pool, which hands nothing over
    let pool = rayon::ThreadPoolBuilder::new().build().map_err(candle_core::Error::wrap)?;
    let (mut millis, pipelined) = pool.install(|| measure(&job, &device, &profile))?;
    if job.profile {
        profile.print(job.steps);
    }
    millis.sort_by(f64::total_cmp);
    for note in slow_convolutions() {
        eprintln!("computed by a slow kernel: {note}");
    }
    let Job { net, batch, height, width, threads, steps, mode, precision, .. } = job;
    let (best, median) = (millis[0], millis[millis.len() / 2]);
    let peak = peak_mib()?;
    let on_device = peak_device_bytes(&device).map_or("null".to_owned(), |b| (b >> 20).to_string());
    let pipelined = pipelined.map_or("null".to_owned(), |ms| format!("{ms:.2}"));
    let device = describe_device(&device);
    println!(
        r#"{{"system": "sonovox", "net": "{net}", "batch": {batch}, "height": {height}, "width": {width}, "threads": {threads}, "mode": "{mode}", "steps": {steps}, "best_ms": {best:.1}, "median_ms": {median:.1}, "peak_mib": {peak}, "device": "{device}", "precision": "{precision}", "device_peak_mib": {on_device}, "pipelined_ms": {pipelined}}}"#
    );
    Ok(())
}

const USAGE: &str =
    "expected arguments: NET BATCH HEIGHT WIDTH THREADS STEPS train|eval [DEVICE [PRECISION]] [profile]";

fn parse(mut args: Vec<String>) -> Result<Job> {
    let profile = args.last().is_some_and(|word| word == "profile");
    args.truncate(args.len() - usize::from(profile));
    let mut more = args.split_off(args.len().min(7)).into_iter();
    let place = more.next().map_or(Ok(Place::Cpu), |word| word.parse())?;
    let precision = more.next().map_or(Ok(Precision::F32), |word| word.parse())?;
    if let Some(word) = more.next() {
        bail!("{USAGE}, found {word} after the precision");
    }
    let Ok([net, batch, height, width, threads, steps, mode]) = <[String; 7]>::try_from(args) else {
        bail!("{USAGE}");
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
    Ok(Job { net, batch, height, width, threads, steps, mode, place, precision, profile })
}

/// Milliseconds of every step but the first ones; and on a card, of a step when the host may queue steps ahead.
fn measure(job: &Job, device: &Device, profile: &Profile) -> Result<(Vec<f64>, Option<f64>)> {
    let preset = match job.net.as_str() {
        "full" => Preset::Full,
        "half" => Preset::Half,
        "small" => Preset::Small,
        other => bail!("expected full, half or small, found {other}"),
    };
    let store = ParamStore::new(1, DType::F32, device).with_precision(job.precision)?;
    let encoder = Encoder::new(&EncoderConfig::new(preset), &store.scope())?;
    let x = Tensor::randn(0f32, 1.0, (job.batch, 1, job.height, job.width), &Device::Cpu)?;
    let x = x.to_device(device)?;
    let labels = Tensor::arange(0u32, job.batch as u32, device)?;
    let mut sgd = Sgd::new(store.params(), SgdConfig::default())?;
    let mut one = || -> Result<()> {
        if job.mode == "train" {
            let pooled = encoder.forward(&x, Mode::Train)?.pooled;
            let loss = cross_entropy(&pooled, &labels)?;
            sgd.step(&backward(&loss)?, 1e-3, 1.0)
        } else {
            no_grad(|| encoder.forward(&x, Mode::Eval)).map(|_| ())
        }
    };
    let mut millis = Vec::with_capacity(job.steps);
    let warm = if device.is_cuda() { 3 } else { 1 };
    for step in 0..job.steps + warm {
        if step == warm && job.profile {
            let set = tracing::subscriber::set_global_default(profile.clone());
            set.expect("the first subscriber");
        }
        device.synchronize()?;
        let start = Instant::now();
        one()?;
        device.synchronize()?;
        if step >= warm {
            millis.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    if !device.is_cuda() {
        return Ok((millis, None));
    }
    let start = Instant::now();
    for _ in 0..job.steps {
        one()?;
    }
    device.synchronize()?;
    Ok((millis, Some(start.elapsed().as_secs_f64() * 1e3 / job.steps as f64)))
}

/// Adds up the time inside of spans, by name and part. Spans are entered by the thread that starts an operation.
#[derive(Clone, Default)]
struct Profile(Arc<Mutex<Spans>>);

#[derive(Default)]
struct Spans {
    names: Vec<String>,
    entered: Vec<(usize, Instant)>,
    /// Time and calls.
    totals: BTreeMap<String, (Duration, usize)>,
}

impl Profile {
    fn print(&self, steps: usize) {
        let spans = self.0.lock().expect("one thread");
        let mut totals: Vec<_> = spans.totals.iter().collect();
        totals.sort_by_key(|(_, (time, _))| std::cmp::Reverse(*time));
        eprintln!("{:45} {:>9} {:>7}", "operation", "ms/step", "calls");
        for (name, (time, calls)) in totals {
            eprintln!("{name:45} {:9.2} {:7}", time.as_secs_f64() * 1e3 / steps as f64, calls / steps);
        }
    }
}

impl tracing::Subscriber for Profile {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("sonovox_ops")
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut name = Name(span.metadata().name().to_owned());
        span.record(&mut name);
        let mut spans = self.0.lock().expect("one thread");
        let at = spans.names.iter().position(|known| *known == name.0).unwrap_or(spans.names.len());
        if at == spans.names.len() {
            spans.names.push(name.0);
        }
        span::Id::from_u64(at as u64 + 1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, id: &span::Id) {
        self.0.lock().expect("one thread").entered.push((id.into_u64() as usize - 1, Instant::now()));
    }

    fn exit(&self, _: &span::Id) {
        let mut spans = self.0.lock().expect("one thread");
        let Some((at, since)) = spans.entered.pop() else { return };
        let name = spans.names[at].clone();
        let total = spans.totals.entry(name).or_default();
        total.0 += since.elapsed();
        total.1 += 1;
    }
}

/// A span's name with its part.
struct Name(String);

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "part" {
            self.0 = format!("{}: {value}", self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
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
