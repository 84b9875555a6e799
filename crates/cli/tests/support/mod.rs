//! A temporary folder with a tiny study, and the program called on it.
#![allow(dead_code)] // every test binary uses its own part

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sonovox_media::{FrameRate, RecordingFormat, RecordingWriter};

/// What a call said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The error of a call that must be refused: exit code 2, one line that begins with "error:", no panic.
    pub fn refused(self) -> String {
        assert_eq!(self.code, 2, "{}{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        let at = self.err.find("error: ").unwrap_or_else(|| panic!("no error line: {}", self.err));
        self.err[at..].to_owned()
    }
}

/// Calls the program.
pub fn sonovox(args: &[&str]) -> Said {
    let output =
        Command::new(env!("CARGO_BIN_EXE_sonovox")).args(args).env_remove("RUST_LOG").output().expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A temporary folder.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    pub fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// A study of two-second recordings with a silent sound track, each of a subject of its own.
    pub fn study(&self, recordings: &[&str]) -> PathBuf {
        let study = self.file("study");
        fs::create_dir(&study).expect("made");
        let mut rows = String::from("recording,subject,video\n");
        for name in recordings {
            write_video(&study.join(format!("{name}.mp4")));
            rows += &format!("{name},subject-{name},{name}.mp4\n");
        }
        let settings = "name = \"tiny\"\nplanes = [\"femur\", \"4CH\"]\ncrop = { x = 8, y = 8, width = 144, height = 104 }\n";
        fs::write(study.join("study.toml"), settings).expect("written");
        fs::write(study.join("recordings.csv"), rows).expect("written");
        study
    }
}

fn write_video(path: &Path) {
    let (width, height) = (160, 120);
    let format =
        RecordingFormat { width, height, frame_rate: FrameRate::whole(10), sample_rate_hz: Some(24_000) };
    let mut writer = RecordingWriter::create(path, &format).expect("a writer");
    for frame in 0..20 {
        let grey: Vec<u8> =
            (0..width * height).map(|at| ((at * 7919 + frame * 104_729) % 251) as u8).collect();
        writer.push_frame(&grey).expect("written");
        writer.push_audio(&[0.0; 2400]).expect("written");
    }
    writer.finish().expect("finished");
}
