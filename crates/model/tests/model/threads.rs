//! Training gives the same bytes with any number of threads. candle and rayon read that number once, so every count has
//! a process of its own: this test calls itself.

use std::collections::BTreeMap;
use std::process::Command;

use candle_core::{DType, Device, Result, Tensor};
use sonovox_model::{EncoderConfig, Fusion, FusionConfig, Preset, Projection, ProjectionConfig};
use sonovox_ops::optim::{Optimizer, Sgd, SgdConfig, clip_scale, global_norm};
use sonovox_ops::{Mode, ParamStore, backward, cross_entropy, info_nce, no_grad};

use crate::support::{device, fill, fresh};

/// Where a process that was called puts the parameters.
const TO: &str = "SONOVOX_TEST_PARAMETERS";

/// Both streams of pretraining for some steps, and an evaluation.
fn train() -> Result<BTreeMap<String, Tensor>> {
    let config = EncoderConfig::new(Preset::Small);
    let ((video, video_store), (speech, speech_store)) =
        (fresh(&config, DType::F32), fresh(&config.with_dilated(true), DType::F32));
    let store = ParamStore::new(2, DType::F32, device());
    let (projection, width) = (ProjectionConfig::default(), config.features());
    let of_video = Projection::new(&projection, width, &store.scope().pp("video"))?;
    let of_speech = Projection::new(&projection, width, &store.scope().pp("speech"))?;
    let fusion = Fusion::new(&FusionConfig::default(), projection.embedding, &store.scope().pp("fusion"))?;
    let stores = [("video", &video_store), ("speech", &speech_store), ("heads", &store)];
    let params: Vec<_> = stores
        .iter()
        .flat_map(|(of, store)| {
            store.params().into_iter().map(move |(name, var)| (format!("{of}.{name}"), var))
        })
        .collect();
    let mut sgd = Sgd::new(params.clone(), SgdConfig::default())?;
    let (frames, sounds) =
        (fill::image([6, 1, 81, 112], DType::F32), fill::image([6, 1, 64, 97], DType::F32));
    let labels = Tensor::new(&[0u32, 1, 1, 0, 1, 0], device())?;
    let temperature = Tensor::new(2.0f32, device())?;
    for _ in 0..3 {
        let z_video = of_video.forward(&video.forward(&frames, Mode::Train)?.pooled, Mode::Train)?;
        let z_speech = of_speech.forward(&speech.forward(&sounds, Mode::Train)?.pooled, Mode::Train)?;
        let pairs = cross_entropy(&fusion.forward(&z_video, &z_speech)?, &labels)?;
        let loss = (info_nce(&z_video, &z_speech, None, &temperature)? + pairs)?;
        let grads = backward(&loss)?;
        sgd.step(&grads, 1e-2, clip_scale(global_norm(&params, &grads)?, 1.0))?;
    }
    let mut all = BTreeMap::new();
    for (of, store) in stores {
        all.extend(store.to_tensors().into_iter().map(|(name, tensor)| (format!("{of}.{name}"), tensor)));
    }
    all.insert("evaluation".into(), no_grad(|| video.forward(&frames, Mode::Eval))?.pooled);
    Ok(all)
}

#[test]
fn training_gives_the_same_bytes_with_any_number_of_threads() {
    if let Ok(path) = std::env::var(TO) {
        let all = train().expect("training");
        candle_core::safetensors::save(&all.into_iter().collect(), path).expect("a file");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let run = |threads: &str| {
        let path = dir.path().join(threads);
        let name = "threads::training_gives_the_same_bytes_with_any_number_of_threads";
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", name, "--quiet"])
            .env(TO, &path)
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .expect("a process");
        assert!(output.status.success(), "{threads} threads: {}", String::from_utf8_lossy(&output.stdout));
        let all = candle_core::safetensors::load(&path, &Device::Cpu).expect("parameters");
        let bytes = |t: &Tensor| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("f32");
        all.into_iter().map(|(name, t)| (name, bytes(&t))).collect::<BTreeMap<_, _>>()
    };
    let one = run("1");
    assert!(one.len() > 100, "{}", one.len());
    for threads in ["2", "3"] {
        let other = run(threads);
        for (name, expected) in &one {
            let same = other[name].iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same && other[name].len() == expected.len(), "{name} differs with {threads} threads");
        }
    }
}
