//! A study folder in a temporary place, written as text, for tests that need no real media.

use std::path::{Path, PathBuf};

/// A temporary study folder that is removed when it is dropped.
pub struct TinyStudy {
    folder: tempfile::TempDir,
}

impl TinyStudy {
    /// An empty folder.
    pub fn empty() -> TinyStudy {
        TinyStudy { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A valid study with planes A and B and three recordings of two subjects: r1 (s1) with gaze and planes, r2 (s1)
    /// with separate audio, r3 (s2) bare. The media files hold a few bytes and are no media.
    pub fn three_recordings() -> TinyStudy {
        TinyStudy::empty()
            .with("study.toml", "name = \"tiny\"\nplanes = [\"A\", \"B\"]\n")
            .with(
                "recordings.csv",
                "recording,subject,video,audio,audio_offset_secs,gaze,planes,split\n\
                 r1,s1,videos/r1.mp4,,,gaze/r1.csv,planes/r1.csv,\n\
                 r2,s1,videos/r2.mp4,audio/r2.wav,-0.25,,,\n\
                 r3,s2,videos/r3.mp4,,,,,\n",
            )
            .with("videos/r1.mp4", "r1")
            .with("videos/r2.mp4", "r2")
            .with("videos/r3.mp4", "r3")
            .with("audio/r2.wav", "r2")
            .with("gaze/r1.csv", "time_secs,x,y,valid\n0.0,0.5,0.5,1\n0.5,,,0\n1.0,0.25,0.75,1\n")
            .with("planes/r1.csv", "start_secs,end_secs,plane\n0.0,0.5,A\n0.5,1.0,B\n")
    }

    /// Writes (or replaces) a file below the folder, with the folders above it.
    pub fn with(self, name: &str, content: impl AsRef<[u8]>) -> TinyStudy {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a path below the folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// Removes a file below the folder.
    pub fn without(self, name: &str) -> TinyStudy {
        std::fs::remove_file(self.path(name)).expect("a file to remove");
        self
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }
}
