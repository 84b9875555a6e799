//! What several test files draw on.
#![allow(dead_code)] // every test binary uses its own part

/// A picture of an ultrasound machine's screen, drawn frame by frame: a fan of speckle, and what stands around it.
pub struct Screen {
    pub width: usize,
    pub height: usize,
    pub frames: Vec<Vec<u8>>,
    fan: Fan,
}

/// A sector: apex, inner and outer radius, half opening angle.
#[derive(Clone, Copy)]
pub struct Fan {
    pub apex: (f64, f64),
    pub radii: (f64, f64),
    pub half_angle: f64,
}

impl Fan {
    /// Whether a point lies at least `margin` pixels inside.
    pub fn holds(&self, x: f64, y: f64, margin: f64) -> bool {
        let (dx, dy) = (x - self.apex.0, y - self.apex.1);
        let r = dx.hypot(dy);
        let to_side = r * (self.half_angle - dx.atan2(dy).abs()).sin();
        r >= self.radii.0 + margin && r <= self.radii.1 - margin && to_side >= margin
    }
}

/// A value in 0..1 that depends on its arguments alone.
pub fn noise(x: usize, y: usize, t: usize) -> f64 {
    let mut h = (x as u64) << 40 ^ (y as u64) << 20 ^ t as u64;
    for _ in 0..3 {
        h = (h ^ (h >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    (h >> 40) as f64 / (1_u64 << 24) as f64
}

impl Screen {
    /// A black screen of 480 x 360 with a speckled fan, `count` frames.
    pub fn with_fan(count: usize) -> Screen {
        let fan = Fan { apex: (240.0, -40.0), radii: (75.0, 360.0), half_angle: 0.62 };
        let inside: Vec<bool> =
            (0..480 * 360).map(|i| fan.holds(f64::from(i % 480), f64::from(i / 480), 0.0)).collect();
        let mut screen = Screen { width: 480, height: 360, frames: vec![vec![0; 480 * 360]; count], fan };
        screen.paint(|x, y, t, _| {
            inside[y * 480 + x].then(|| (90.0 * (0.4 + 1.2 * noise(x / 2, y / 2, t))) as u8)
        });
        screen
    }

    pub fn fan(&self) -> Fan {
        self.fan
    }

    /// Sets each pixel for which `ink(x, y, frame, old)` gives a value.
    pub fn paint(&mut self, ink: impl Fn(usize, usize, usize, u8) -> Option<u8>) {
        for (t, frame) in self.frames.iter_mut().enumerate() {
            for (i, pixel) in frame.iter_mut().enumerate() {
                if let Some(value) = ink(i % self.width, i / self.width, t, *pixel) {
                    *pixel = value;
                }
            }
        }
    }

    /// Strokes like those of letters, `lines` lines of them in a box.
    pub fn write_text(&mut self, left: usize, top: usize, width: usize, lines: usize) {
        self.paint(move |x, y, _, _| {
            let inside = (left..left + width).contains(&x) && (top..top + 14 * lines).contains(&y);
            let (u, v) = ((x.wrapping_sub(left)) % 8, (y.wrapping_sub(top)) % 14);
            let stroke = v < 10 && (u < 2 || (v % 4 == 0 && u < 6));
            (inside && stroke).then_some(235)
        });
    }

    pub fn views(&self) -> Vec<&[u8]> {
        self.frames.iter().map(Vec::as_slice).collect()
    }
}

use std::path::{Path, PathBuf};

use half::f16;
use sonovox_artifact::clips::{ClipReader, ClipsArtifact};
use sonovox_media::{FrameRate, RecordingFormat, RecordingWriter};
use sonovox_preprocess::{CropMode, FrameConfig, PreprocessConfig, PreprocessError, RunOptions, Summary};
use sonovox_study::{Recording, Study};

/// Frames per second of the recordings made here.
pub const FPS: u32 = 10;
/// Sample rate of the recordings made here.
pub const RATE_HZ: u32 = 16_000;

/// Writes an MP4 of `count` frames whose pixels are `ink(x, y, frame)`.
pub fn write_video(
    path: &Path,
    (width, height): (u32, u32),
    count: usize,
    sound: Option<&[f32]>,
    ink: impl Fn(usize, usize, usize) -> u8,
) {
    let frame_rate = FrameRate::whole(FPS);
    let format = RecordingFormat { width, height, frame_rate, sample_rate_hz: sound.map(|_| RATE_HZ) };
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = RecordingWriter::create(path, &format).unwrap();
    let a_frame = (RATE_HZ / FPS) as usize;
    for t in 0..count {
        let frame: Vec<u8> =
            (0..(width * height) as usize).map(|i| ink(i % width as usize, i / width as usize, t)).collect();
        writer.push_frame(&frame).unwrap();
        if let Some(sound) = sound {
            let end = sound.len().min((t + 1) * a_frame);
            writer.push_audio(&sound[(t * a_frame).min(end)..end]).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// Silence of `secs` seconds with a short burst of noise at each of `bursts`.
pub fn bursts(secs: f64, bursts: &[f64]) -> Vec<f32> {
    let rate = f64::from(RATE_HZ);
    let mut sound = vec![0.0; (secs * rate) as usize];
    for at in bursts {
        let first = (at * rate) as usize;
        for (i, sample) in sound[first..].iter_mut().take(320).enumerate() {
            *sample = (noise(i, first, 7) - 0.5) as f32;
        }
    }
    sound
}

/// Writes a 16-bit mono WAV at [`RATE_HZ`].
pub fn write_wav(path: &Path, sound: &[f32]) {
    let data: Vec<u8> = sound.iter().flat_map(|s| ((s * 32767.0) as i16).to_le_bytes()).collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    for field in [16, 1 | 1 << 16, RATE_HZ, RATE_HZ * 2, 2 | 16 << 16] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A study of recordings named after their videos, in a folder that goes when it is dropped.
pub struct Scene {
    pub folder: tempfile::TempDir,
    pub study: Study,
}

impl Scene {
    pub fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let study = Study {
            root: folder.path().into(),
            name: "scene".into(),
            simulated: false,
            planes: Default::default(),
            crop: None,
            recordings: Vec::new(),
            passed_over: Vec::new(),
        };
        Scene { folder, study }
    }

    /// Adds a recording without writing its video, which shall lie at the path returned.
    pub fn add(&mut self, id: &str) -> PathBuf {
        let video = self.folder.path().join(format!("videos/{id}.mp4"));
        std::fs::create_dir_all(video.parent().unwrap()).unwrap();
        self.study.recordings.push(Recording {
            id: id.into(),
            subject: id.into(),
            video: video.clone(),
            audio: None,
            gaze: None,
            planes: None,
            split: None,
            fold: None,
        });
        video
    }

    /// Adds a plain recording: 64 x 48, `count` frames that get brighter, a burst of noise every half second.
    pub fn add_plain(&mut self, id: &str, count: usize) -> PathBuf {
        let video = self.add(id);
        let secs = count as f64 / f64::from(FPS);
        let every_half: Vec<f64> = (0..(2.0 * secs) as usize).map(|i| 0.2 + 0.5 * i as f64).collect();
        write_video(&video, (64, 48), count, Some(&bursts(secs, &every_half)), |_, _, t| brightness(t));
        video
    }

    pub fn out(&self) -> PathBuf {
        self.folder.path().join("clips")
    }

    pub fn run(&self, config: &PreprocessConfig) -> Result<Summary, PreprocessError> {
        self.run_with(config, &RunOptions::default())
    }

    pub fn run_with(
        &self,
        config: &PreprocessConfig,
        options: &RunOptions,
    ) -> Result<Summary, PreprocessError> {
        sonovox_preprocess::run(&self.study, config, &self.out(), options, &mut |_| ())
    }

    /// Runs and opens what it left.
    pub fn clips(&self, config: &PreprocessConfig) -> (Summary, ClipsArtifact) {
        let summary = self.run(config).unwrap();
        (summary, ClipsArtifact::open(&self.out()).unwrap())
    }
}

/// Grey level of frame `t` of a plain recording.
pub fn brightness(t: usize) -> u8 {
    40 + 4 * t as u8
}

/// Small frames, all of the picture.
pub fn small() -> PreprocessConfig {
    PreprocessConfig {
        frame: FrameConfig { height: 12, width: 16, ..Default::default() },
        crop: CropMode::None,
        jobs: 1,
        ..Default::default()
    }
}

/// Mean value of every row.
pub fn row_means(clip: &ClipReader) -> Vec<f32> {
    let mut values = vec![f16::ZERO; clip.mel_frames() * clip.n_bands()];
    clip.read_mel(0..clip.mel_frames(), &mut values).unwrap();
    let mean = |row: &[f16]| row.iter().map(|v| v.to_f32()).sum::<f32>() / row.len() as f32;
    values.chunks_exact(clip.n_bands()).map(mean).collect()
}

/// Times, in seconds after the first frame, at which the rows get loud: 20 ms bursts, so each is the middle of one.
pub fn loud_times(clip: &ClipReader) -> Vec<f64> {
    let means = row_means(clip);
    let middle = (means.iter().copied().fold(f32::MIN, f32::max)
        + means.iter().copied().fold(f32::MAX, f32::min))
        / 2.0;
    let loud: Vec<usize> = (0..means.len()).filter(|t| means[*t] > middle).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for t in loud {
        match groups.last_mut() {
            Some(group) if t - group[group.len() - 1] < 10 => group.push(t),
            _ => groups.push(vec![t]),
        }
    }
    let middle = |group: &Vec<usize>| group.iter().sum::<usize>() as f64 / group.len() as f64;
    groups.iter().map(|group| middle(group) * clip.hop_secs()).collect()
}

/// Mean grey level of a frame.
pub fn frame_mean(clip: &ClipReader, index: usize) -> f64 {
    let mut pixels = vec![0; clip.height() * clip.width()];
    clip.read_frame(index, &mut pixels).unwrap();
    pixels.iter().map(|p| f64::from(*p)).sum::<f64>() / pixels.len() as f64
}
