//! Something to look at before a study is made: every plane for a few subjects on one sheet, and a short film.

use std::fs;
use std::path::{Path, PathBuf};

use crate::anatomy::planes::target;
use crate::anatomy::{PLANE_NAMES, Subject, World};
use crate::image::{Imager, Machine, Patient, draw_text};
use crate::probe::Aim;
use crate::recording::{Cast, RecordingPlan};
use crate::rng::stream;
use crate::speech::Narrator;
use crate::{SimulateConfig, SimulateError, VideoConfig};

/// Subjects on the sheet.
const SUBJECTS: usize = 3;
/// Planes to a row of the sheet.
const PLANES_A_ROW: usize = 2;
/// Pixels of a picture on the sheet.
const TILE: (usize, usize) = (400, 300);
/// Frames before the one that is kept: the machine averages over a few.
const WARM_UP: u32 = 4;
/// Longest film.
const FILM_SECS: f64 = 60.0;
/// Pictures of the film's strip, and how many lie side by side.
const STRIP: (usize, usize) = (30, 6);

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// every plane for three subjects
    pub sheet: PathBuf,
    /// the first recording of the study, its first minute at most, with sound
    pub film: PathBuf,
    /// pictures of the film with what they are labelled
    pub strip: PathBuf,
}

/// Draws the sheet, the film and its strip into the folder `out`, which may exist.
///
/// # Errors
/// A config out of its limits, what speech needs, and the operating system's.
pub fn preview(config: &SimulateConfig, out: &Path) -> Result<Preview, SimulateError> {
    config.check()?;
    if let Some(folder) = &config.over_videos.folder {
        let expected = "none: a preview shows drawn scans".to_owned();
        let found = folder.display().to_string();
        return Err(SimulateError::BadConfig { key: "over_videos.folder", expected, found });
    }
    fs::create_dir_all(out).map_err(io("making", out))?;
    let made =
        Preview { sheet: out.join("planes.png"), film: out.join("film.mp4"), strip: out.join("film.png") };
    sheet(config.seed).write(&made.sheet)?;
    film(config, &made)?;
    Ok(made)
}

/// Pictures side by side in rows.
struct Sheet {
    columns: usize,
    width: usize,
    grey: Vec<u8>,
}

impl Sheet {
    fn new(pictures: usize, columns: usize) -> Self {
        let width = columns * TILE.0;
        Self { columns, width, grey: vec![0; width * TILE.1 * pictures.div_ceil(columns)] }
    }

    /// Puts in a picture `[height, width]` of the tile's size and writes a title into it.
    fn put(&mut self, place: usize, picture: &[u8], title: &str) {
        let mut picture = picture.to_vec();
        draw_text(&mut picture, TILE.0, TILE.0 / 6, TILE.1 - 20, 2, &title.to_uppercase());
        let (left, top) = (place % self.columns * TILE.0, place / self.columns * TILE.1);
        for (row, line) in picture.chunks_exact(TILE.0).enumerate() {
            let start = (top + row) * self.width + left;
            self.grey[start..start + TILE.0].copy_from_slice(line);
        }
    }

    fn write(&self, path: &Path) -> Result<(), SimulateError> {
        let file = fs::File::create(path).map_err(io("writing", path))?;
        let height = self.grey.len() / self.width;
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), self.width as u32, height as u32);
        encoder.set_color(png::ColorType::Grayscale);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.grey));
        written.map_err(|error| io("writing", path)(std::io::Error::other(error)))
    }
}

fn sheet(seed: u64) -> Sheet {
    let video = VideoConfig { width: TILE.0 as u32, height: TILE.1 as u32, fps: 30 };
    let columns = SUBJECTS * PLANES_A_ROW;
    let mut sheet = Sheet::new(PLANE_NAMES.len() * SUBJECTS, columns);
    for index in 0..SUBJECTS {
        let subject = Subject::draw(seed, index);
        let world = World::build(&subject, seed, index);
        let rng = &mut stream(seed, "preview", index);
        let machine = Machine::draw(&video, &subject, &[], rng);
        let mut imager = Imager::new(&machine, &subject, &Patient::of(seed, index), rng);
        let mut frame = vec![0; imager.pixels()];
        for (plane, name) in PLANE_NAMES.iter().enumerate() {
            let target = target(plane, &world.fetus.landmarks, rng);
            let aim = Aim::at(&target, &world, 1.0, None, subject.depth_mm, rng);
            for moment in 0..WARM_UP {
                imager.frame(&world, &aim.view(f64::from(moment) / 30.0), 0, None, &mut frame);
            }
            sheet.put(plane * SUBJECTS + index, &frame, name);
        }
    }
    sheet
}

fn film(config: &SimulateConfig, made: &Preview) -> Result<(), SimulateError> {
    let narrator = Narrator::new(config)?;
    let cast = Cast { recording: 0, subject: 0, sonographer: 0, fold: None };
    let video = VideoConfig { width: TILE.0 as u32, height: TILE.1 as u32, ..config.video.clone() };
    let config = SimulateConfig { video, ..config.clone() };
    let plan = RecordingPlan::new(&config, cast, &narrator)?;
    let (spans, frames) =
        (plan.spans(), (FILM_SECS.min(config.seconds) * f64::from(config.video.fps)) as usize);
    let mut strip = Sheet::new(STRIP.0, STRIP.1);
    let mut done = 0;
    plan.write_video(&made.film, |frame| {
        let place = done * STRIP.0 / frames;
        if place < STRIP.0 && (done == 0 || (done - 1) * STRIP.0 / frames != place) {
            let time_secs = done as f64 / f64::from(config.video.fps);
            let span = spans.iter().find(|span| (span.start_secs..span.end_secs).contains(&time_secs));
            let name =
                span.map_or("", |span| config.planes.get(span.plane).map_or("background", String::as_str));
            strip.put(place, frame, name);
        }
        done += 1;
        done < frames
    })?;
    strip.write(&made.strip)
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SimulateError {
    let path = path.to_owned();
    move |source| SimulateError::Io { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sheet_shows_every_plane_and_no_two_alike() {
        let sheet = sheet(1);
        let tile = |place: usize| -> Vec<u8> {
            let (left, top) = (place % sheet.columns * TILE.0, place / sheet.columns * TILE.1);
            (top..top + TILE.1)
                .flat_map(|row| &sheet.grey[row * sheet.width + left..][..TILE.0])
                .copied()
                .collect()
        };
        let tiles: Vec<Vec<u8>> = (0..PLANE_NAMES.len() * SUBJECTS).map(tile).collect();
        for (place, a) in tiles.iter().enumerate() {
            let lit = a.iter().filter(|grey| **grey > 60).count();
            assert!(lit > 4000, "picture {place}: {lit} bright pixels");
            assert!(tiles[..place].iter().all(|b| a != b));
        }
    }
}
