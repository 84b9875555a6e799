//! Frames out of real videos: all of one size and rate.

use sonovox_media::{CropRect, FrameSpec, VideoReader, probe};

use super::manifest::Row;
use super::reel::Shot;
use crate::side_by_side::side_by_side;
use crate::{SimulateConfig, SimulateError};

/// Rate of a video of a single frame that does not say its own, frames a second.
const STILL_RATE: f64 = 25.0;

/// A real video.
#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    /// as the manifest has it
    pub row: Row,
    /// of the file
    pub facts: FileFacts,
    /// when its first frame is shown, on its own clock
    pub first_secs: f64,
    /// from its first frame to the end of its last
    pub seconds: f64,
    /// its frames
    pub frames: usize,
}

/// What a file says of itself: what a guess at the label can go by without looking at the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct FileFacts {
    /// FFmpeg's name of the container
    pub container: String,
    /// FFmpeg's name of the codec
    pub codec: String,
    /// pixels
    pub width: u32,
    /// pixels
    pub height: u32,
    /// its size
    pub bytes: u64,
    /// whether there is a sound track in it
    pub has_sound: bool,
}

/// Reads every video through once, on all cores: what is broken is found before anything is made of it.
///
/// # Errors
/// The first video that cannot be read from its first frame to its last.
pub fn read_through(rows: &[Row], config: &SimulateConfig) -> Result<Vec<Video>, SimulateError> {
    side_by_side(
        rows,
        |row, goes_on| {
            if !goes_on() {
                return Ok(None);
            }
            read_row(row, config).map(Some)
        },
        &mut || {},
    )
}

fn read_row(row: &Row, config: &SimulateConfig) -> Result<Video, SimulateError> {
    let whole = FrameSpec { crop: None, height: 16, width: 16 };
    let mut reader = VideoReader::open(&row.path, &whole, 1)?;
    let (mut frame, mut times) = (vec![0; 16 * 16], Vec::new());
    while let Some(time_secs) = reader.next_frame(&mut frame)? {
        times.push(time_secs);
    }
    let (first_secs, last_secs) = (times[0], times[times.len() - 1]);
    let frame_secs = match times.len() {
        1 => 1.0 / reader.facts().avg_frame_rate.unwrap_or(STILL_RATE),
        count => (last_secs - first_secs) / (count - 1) as f64,
    };
    let file = probe(&row.path)?;
    let bytes = std::fs::metadata(&row.path)
        .map_err(|source| SimulateError::Io { doing: "reading", path: row.path.clone(), source })?
        .len();
    let video = Video {
        row: row.clone(),
        facts: FileFacts {
            container: file.container,
            codec: reader.facts().codec.clone(),
            width: reader.facts().width,
            height: reader.facts().height,
            bytes,
            has_sound: file.audio.is_some(),
        },
        first_secs,
        seconds: last_secs - first_secs + frame_secs,
        frames: times.len(),
    };
    let CropRect { width, height, .. } = video.crop(config);
    if width < 8 || height < 8 {
        let found = format!("{} x {}", video.facts.width, video.facts.height);
        return Err(SimulateError::Videos {
            path: row.path.clone(),
            expected: "a picture of which 8 x 8 pixels can be kept".to_owned(),
            found,
        });
    }
    Ok(video)
}

impl Video {
    /// The part of the picture that is kept: about its middle, as large as `centre_share` allows, in the shape of the
    /// recording's frames. Nothing is padded: bars would tell the shape of the file.
    pub fn crop(&self, config: &SimulateConfig) -> CropRect {
        let (width, height) = (f64::from(self.facts.width), f64::from(self.facts.height));
        let aspect = f64::from(config.video.width) / f64::from(config.video.height);
        let share = config.over_videos.centre_share;
        let kept = |side: f64, whole: f64| ((side * share).floor() as u32).min(whole as u32);
        let (width_kept, height_kept) =
            (kept(width.min(height * aspect), width), kept(height.min(width / aspect), height));
        CropRect {
            x: (self.facts.width - width_kept) / 2,
            y: (self.facts.height - height_kept) / 2,
            width: width_kept,
            height: height_kept,
        }
    }

    /// A video that does not exist, for tests of plans.
    #[cfg(test)]
    pub fn made_up(plane: usize, seconds: f64) -> Self {
        let row = Row {
            name: String::new(),
            path: "none".into(),
            plane,
            patient: String::new(),
            probe: String::new(),
        };
        let facts = FileFacts {
            container: String::new(),
            codec: String::new(),
            width: 100,
            height: 100,
            bytes: 1,
            has_sound: false,
        };
        Self { row, facts, first_secs: 0.0, seconds, frames: 10 }
    }
}

/// The frames of a video while it is on the screen.
pub struct Film {
    /// seconds after the video's first frame, rising; picture `[height, width]`
    frames: Vec<(f64, Vec<u8>)>,
    from_secs: f64,
    seconds: f64,
}

impl Film {
    /// Reads what a shot shows of a video. Memory holds no more than that, and of a video that is shorter all of it.
    ///
    /// # Errors
    /// A video that could be read before and now cannot.
    pub fn read(video: &Video, shot: &Shot, config: &SimulateConfig) -> Result<Self, SimulateError> {
        let (width, height) = (config.video.width, config.video.height);
        let spec = FrameSpec { crop: Some(video.crop(config)), height, width };
        let shown_secs = (shot.end - shot.start) as f64 / f64::from(config.video.fps);
        let is_repeated = shot.repeats(video, config);
        let mut reader = VideoReader::open(&video.row.path, &spec, 1)?;
        let mut picture = vec![0; width as usize * height as usize];
        let mut frames: Vec<(f64, Vec<u8>)> = Vec::new();
        while let Some(time_secs) = reader.next_frame(&mut picture)? {
            let secs = time_secs - video.first_secs;
            if !is_repeated && secs > shot.from_secs + shown_secs {
                break;
            }
            // of those before the shot the last one is on the screen when it begins
            if !is_repeated && secs <= shot.from_secs {
                frames.clear();
            }
            frames.push((secs, picture.clone()));
        }
        Ok(Self { frames, from_secs: shot.from_secs, seconds: video.seconds })
    }

    /// The picture `secs` after the shot began; a video that has ended begins anew.
    pub fn at(&self, secs: f64) -> &[u8] {
        let secs = (self.from_secs + secs) % self.seconds;
        let after = self.frames.partition_point(|(time, _)| *time <= secs + 1e-9);
        &self.frames[after.saturating_sub(1)].1
    }
}

impl Shot {
    /// Whether the video begins anew before it is taken off the screen.
    pub fn repeats(&self, video: &Video, config: &SimulateConfig) -> bool {
        let shown_secs = (self.end - self.start) as f64 / f64::from(config.video.fps);
        self.from_secs + shown_secs > video.seconds
    }
}
