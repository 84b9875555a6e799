//! Finds the inner rectangle of the ultrasound image, so that fan edge, burnt-in text, logos, rulers and
//! waveform panels never reach an artifact (method.md: "frames are cropped to the inner part of the fan, so
//! that the fan's edge cannot be used as a cue").
//!
//! From a few dozen grey frames spread over the recording: [`activity`] says what moves, [`outline`] makes the
//! region of it, a margin is taken off, burnt-in graphics are cut out, and [`rectangle`] finds the best upright
//! rectangle inside. A picture in which nothing moves is judged by brightness alone. Where nothing is found the
//! answer is an error with its cause, never the whole frame.

pub mod activity;
mod graphics;
pub mod mask;
mod outline;
mod rectangle;

use activity::Activity;
use mask::Mask;
use rectangle::Span;

/// Share of the longer side taken off all around, so that the blurred edge of the fan stays outside.
const MARGIN_SHARE: f32 = 0.012;
/// Change in grey levels, between frames spread over the recording, at which a pixel moves: a share of what
/// the liveliest pixels do, between two bounds.
const MOVES_SHARE: f32 = 0.08;
const MOVES_BETWEEN: (f32, f32) = (0.1, 0.5);
/// ... and this multiple of the change of the dark background, where the capture is noisy.
const MOVES_NOISE: f32 = 2.5;
/// Below this change of the liveliest pixels the picture stands still.
const STILL: f32 = 0.12;
/// What a pixel counts for at least beside one that moves much.
const BASE_WEIGHT: f32 = 0.2;
/// Burnt-in graphics are avoided as long as the rectangle keeps this share of its value.
const KEEP_BESIDE_GRAPHICS: f64 = 0.5;
/// The least share of the frame, and the least side of the samples, that a rectangle must have.
const LEAST_SHARE: f64 = 0.02;
const LEAST_SIDE: usize = 24;

/// How a rectangle was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// By what moves.
    Motion,
    /// By brightness: the picture stands still.
    Light,
}

/// A rectangle in pixels of the sampled frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// First column.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// What it was found by.
    pub basis: Basis,
    /// Burnt-in graphics could not be kept out without losing most of the image.
    pub holds_graphics: bool,
}

/// Why no rectangle was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CropError {
    /// There was nothing to look at.
    #[error("no frames to look for the ultrasound image in")]
    NoFrames,
    /// Every sampled frame is one flat grey.
    #[error(
        "expected an ultrasound image, found nothing that moves or stands out in {frames} sampled frames"
    )]
    Nothing {
        /// Number of frames.
        frames: usize,
    },
    /// What was found is too small to be the image.
    #[error(
        "expected an ultrasound image of at least {least_percent} % of the frame, found {width} x {height} of \
         {frame_width} x {frame_height} sampled pixels"
    )]
    TooSmall {
        /// Size found.
        width: usize,
        #[allow(missing_docs)]
        height: usize,
        /// Size of the sampled frames.
        frame_width: usize,
        #[allow(missing_docs)]
        frame_height: usize,
        /// The least share of the frame, in percent.
        least_percent: usize,
    },
}

/// Finds the inner rectangle of the ultrasound image in `frames`, each `width * height` grey levels, in order
/// of time and spread over the recording (24 to 32 of them, longer side about 512). `aspect` is the width over
/// the height of the recipe's frame, a gentle preference.
pub fn find(frames: &[&[u8]], width: usize, height: usize, aspect: f64) -> Result<Found, CropError> {
    if frames.is_empty() || width == 0 || height == 0 {
        return Err(CropError::NoFrames);
    }
    let activity = Activity::measure(frames, width, height);
    let liveliest = activity.quantile(0.95).max(activity.quantile(0.99) * 0.5);
    let moves = liveliest > STILL;
    let (region, basis) = if moves {
        (outline::of_motion(&activity, threshold(&activity, liveliest)), Basis::Motion)
    } else {
        (outline::of_light(&activity), Basis::Light)
    };
    let region = region.ok_or(CropError::Nothing { frames: frames.len() })?;
    let inner = with_margin(&region);
    let (span, holds_graphics) = inner_rectangle(&inner, &activity, moves, aspect)
        .ok_or(CropError::Nothing { frames: frames.len() })?;
    large_enough(span, width, height)?;
    Ok(Found { x: span.left, y: span.top, width: span.width(), height: span.height(), basis, holds_graphics })
}

fn threshold(activity: &Activity, liveliest: f32) -> f32 {
    let usual = (MOVES_SHARE * liveliest).clamp(MOVES_BETWEEN.0, MOVES_BETWEEN.1);
    let noise = activity.noise_of_the_dark().unwrap_or(0.0) * MOVES_NOISE;
    usual.max(noise.min(0.5 * liveliest))
}

/// Erosion by the margin, at the frame's own border as well.
fn with_margin(region: &Mask) -> Mask {
    let (w, h) = (region.width, region.height);
    let margin = (MARGIN_SHARE * w.max(h) as f32).max(1.5);
    let edge = margin.ceil() as usize;
    let mut inner = region.erode(margin);
    for (i, bit) in inner.bits.iter_mut().enumerate() {
        let (x, y) = (i % w, i / w);
        *bit &= x >= edge && y >= edge && x + edge < w && y + edge < h;
    }
    inner
}

/// The best rectangle without burnt-in graphics, or with them where they would cost most of it.
fn inner_rectangle(inner: &Mask, activity: &Activity, moves: bool, aspect: f64) -> Option<(Span, bool)> {
    let weight = weights(inner, activity);
    let (with, value_with) = rectangle::best(inner, &weight, aspect)?;
    if !moves {
        return Some((with, false)); // where all stands still, standing still does not tell text from image
    }
    let burnt_in = graphics::burnt_in(activity);
    let free = Mask::from_fn(inner.width, inner.height, |i| inner.bits[i] && !burnt_in.bits[i]);
    match rectangle::best(&free, &weight, aspect) {
        Some((span, value)) if value >= KEEP_BESIDE_GRAPHICS * value_with => Some((span, false)),
        _ => Some((with, true)),
    }
}

/// How much each pixel is worth: more where more of the image happens, so that of two rectangles in a dark fan
/// the one with the tissue wins.
fn weights(inner: &Mask, activity: &Activity) -> Vec<f32> {
    let mut inside: Vec<f32> =
        (inner.bits.iter().zip(&activity.change)).filter(|(bit, _)| **bit).map(|(_, c)| *c).collect();
    if inside.is_empty() {
        return vec![1.0; inner.bits.len()];
    }
    let at = inside.len() * 4 / 5;
    let lively = inside.select_nth_unstable_by(at, f32::total_cmp).1.max(0.1);
    activity.change.iter().map(|c| BASE_WEIGHT + (c / lively).min(1.0)).collect()
}

fn large_enough(span: Span, width: usize, height: usize) -> Result<(), CropError> {
    let share = (span.width() * span.height()) as f64 / (width * height) as f64;
    if share >= LEAST_SHARE && span.width().min(span.height()) >= LEAST_SIDE {
        return Ok(());
    }
    Err(CropError::TooSmall {
        width: span.width(),
        height: span.height(),
        frame_width: width,
        frame_height: height,
        least_percent: (LEAST_SHARE * 100.0) as usize,
    })
}
