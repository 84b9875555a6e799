//! Small artifacts to try things on.
#![allow(dead_code)] // each test file uses some of it

use std::path::{Path, PathBuf};

use safetensors::Dtype;
use serde_json::json;
use sonovox_artifact::{
    Artifact, ArtifactError, ArtifactWriter, Begin, Counts, InputRef, OnExisting, RunFacts, Stage,
    TensorBytes, write_tensors,
};

/// A temporary folder with the place of an artifact in it.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub fn partial(&self) -> PathBuf {
        self.folder.path().join("out.partial")
    }

    pub fn replaced(&self) -> PathBuf {
        self.folder.path().join("out.replaced")
    }

    pub fn create(&self, begin: Begin, existing: OnExisting) -> Result<ArtifactWriter, ArtifactError> {
        ArtifactWriter::create(&self.out(), begin, existing)
    }
}

pub fn begin() -> Begin {
    Begin {
        stage: Stage::Pretrain,
        config: json!({"net": {"width": 8, "rate": 0.1}, "epochs": 3}),
        seed: 7,
        inputs: vec![InputRef {
            stage: "clips".into(),
            path: "/somewhere/clips".into(),
            hash: "c0ffee".into(),
        }],
    }
}

pub fn write_weights(dir: &Path, name: &str, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor =
        TensorBytes { name: "weight", dtype: Dtype::F32, shape: vec![1, values.len()], bytes: &bytes };
    write_tensors(&dir.join(name), &[tensor]).expect("written");
}

pub fn finish(writer: ArtifactWriter) -> Artifact {
    let run = RunFacts { device: "cpu".into(), threads: 2, wall_secs: 1.5 };
    writer.finish(Counts::default(), json!({"best": 3}), run).expect("finished")
}

/// A finished artifact with a weights file and a metrics file.
pub fn make(place: &Place, existing: OnExisting) -> Artifact {
    let writer = place.create(begin(), existing).expect("begun");
    write_weights(writer.dir(), "encoder.safetensors", &[1.0, 2.0]);
    std::fs::write(writer.dir().join("metrics.json"), "{}\n").expect("written");
    finish(writer)
}

pub fn message<T>(result: Result<T, ArtifactError>) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in `{message}`");
    }
    assert!(!message.contains('\n'), "one line: {message}");
}
