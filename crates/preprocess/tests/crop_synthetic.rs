//! The crop of drawn screens, where the true outline of the fan is known.

mod support;

use sonovox_preprocess::crop::{Basis, CropError, Found, find};
use support::{Screen, noise};

const ASPECT: f64 = 288.0 / 224.0;

fn crop_of(screen: &Screen) -> Found {
    find(&screen.views(), screen.width, screen.height, ASPECT).unwrap()
}

/// All four corners (and so, a sector being convex below its face, all of it) at least a pixel inside the fan.
fn assert_inside_fan(screen: &Screen, found: Found) {
    let fan = screen.fan();
    for y in found.y..found.y + found.height {
        for x in [found.x, found.x + found.width - 1, found.x + found.width / 2] {
            assert!(fan.holds(x as f64, y as f64, 1.0), "({x}, {y}) of {found:?} is not inside the fan");
        }
    }
}

/// The largest rectangle of this fan has about 37,000 pixels; the margin takes some.
fn assert_large(found: Found) {
    let area = found.width * found.height;
    assert!(area > 26_000, "{found:?} has only {area} pixels");
}

#[test]
fn a_fan_on_black() {
    let screen = Screen::with_fan(12);
    let found = crop_of(&screen);
    assert_inside_fan(&screen, found);
    assert_large(found);
    assert_eq!(found.basis, Basis::Motion);
    assert!(!found.holds_graphics);
}

#[test]
fn text_logo_ruler_and_clock_stay_outside() {
    let mut screen = Screen::with_fan(12);
    screen.write_text(4, 4, 110, 4);
    screen.write_text(4, 300, 90, 3);
    // a logo block, a ruler at the fan's side, a clock that ticks
    screen.paint(|x, y, t, _| match (x, y) {
        (400..470, 6..40) => Some(180),
        (455..460, 60..340) if y % 20 < 3 => Some(220),
        (380..470, 335..350) => Some(if (x / 6 + t) % 3 == 0 { 240 } else { 0 }),
        _ => None,
    });
    let found = crop_of(&screen);
    assert_inside_fan(&screen, found);
    assert_large(found);
}

#[test]
fn a_scrolling_waveform_below_stays_outside() {
    let mut screen = Screen::with_fan(12);
    let bottom = 318;
    screen.paint(move |x, y, t, _| {
        (y >= bottom - 6).then(|| {
            let trace = 340.0 + 14.0 * ((x + 37 * t) as f64 * 0.11).sin() * noise((x + 37 * t) / 9, 0, 0);
            if y >= bottom && (y as f64 - trace).abs() < 1.5 { 230 } else { 0 }
        })
    });
    let found = crop_of(&screen);
    assert!(found.y + found.height <= bottom - 6, "{found:?} reaches into the waveform");
    assert_inside_fan(&screen, found);
}

#[test]
fn a_camera_picture_beside_the_fan_is_not_taken() {
    // a face beside the fan: bright, smooth, moving a little, larger than the fan's inner rectangle
    let mut screen = Screen::with_fan(12);
    screen.width = 480;
    let wide = 900;
    let frames = screen.frames.iter().enumerate().map(|(t, frame)| {
        (0..wide * 360)
            .map(|i| match (i % wide, i / wide) {
                (x, y) if x < 480 => frame[y * 480 + x],
                (x, y) if x >= 500 && y >= 10 => {
                    let wave = ((x as f64 + 3.0 * (t as f64).sin()) * 0.02).sin() * (y as f64 * 0.015).cos();
                    (150.0 + 60.0 * wave + 3.0 * noise(x, y, t)) as u8
                }
                _ => 0,
            })
            .collect::<Vec<u8>>()
    });
    let frames: Vec<Vec<u8>> = frames.collect();
    let views: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let found = find(&views, wide, 360, ASPECT).unwrap();
    assert_inside_fan(&screen, found);
}

#[test]
fn text_inside_the_fan_is_avoided() {
    let mut screen = Screen::with_fan(12);
    screen.write_text(330, 200, 60, 2);
    let found = crop_of(&screen);
    assert!(found.x + found.width <= 330 || found.y >= 228, "{found:?} holds the text");
    assert!(!found.holds_graphics);
    assert_inside_fan(&screen, found);
}

#[test]
fn text_all_over_the_fan_is_told() {
    let mut screen = Screen::with_fan(12);
    for top in [90, 140, 190, 240, 290] {
        screen.write_text(120, top, 250, 1);
    }
    let found = crop_of(&screen);
    assert!(found.holds_graphics);
    assert_inside_fan(&screen, found);
}

#[test]
fn shadows_do_not_cut_the_fan() {
    let mut screen = Screen::with_fan(12);
    let fan = screen.fan();
    screen.paint(move |x, y, _, _| {
        let angle = (x as f64 - fan.apex.0).atan2(y as f64 - fan.apex.1);
        ((0.05..0.25).contains(&angle) && y > 90).then_some(0)
    });
    let found = crop_of(&screen);
    assert_inside_fan(&screen, found);
    assert_large(found);
}

#[test]
fn a_noisy_capture_is_not_all_image() {
    let mut screen = Screen::with_fan(12);
    screen.write_text(4, 4, 110, 4);
    screen.paint(|x, y, t, old| Some((f64::from(old) + 4.0 * noise(x, y, t + 1000)) as u8));
    let found = crop_of(&screen);
    assert_inside_fan(&screen, found);
    assert_large(found);
}

#[test]
fn a_frame_full_of_image_keeps_nearly_all() {
    let mut screen = Screen::with_fan(16);
    screen.paint(|x, y, t, _| Some((60.0 + 80.0 * noise(x / 3, y / 2, t)) as u8));
    let found = crop_of(&screen);
    assert!(found.width * found.height > 480 * 360 * 9 / 10, "{found:?}");
}

#[test]
fn a_still_phantom_is_found_by_its_light() {
    let mut screen = Screen::with_fan(1);
    screen.write_text(4, 4, 110, 4);
    let still = screen.frames[0].clone();
    screen.frames = vec![still; 12];
    let found = crop_of(&screen);
    assert_eq!(found.basis, Basis::Light);
    assert_inside_fan(&screen, found);
    assert_large(found);
}

#[test]
fn the_probe_of_a_light_theme_is_found_too() {
    let mut screen = Screen::with_fan(12);
    let fan = screen.fan();
    screen.paint(move |x, y, _, _| (!fan.holds(x as f64, y as f64, 0.0)).then_some(255));
    let found = crop_of(&screen);
    assert_inside_fan(&screen, found);
    assert_large(found);
}

#[test]
fn nothing_is_an_error_with_its_cause() {
    let flat = vec![40_u8; 64 * 48];
    let error = find(&[&flat, &flat], 64, 48, ASPECT).unwrap_err();
    assert_eq!(error, CropError::Nothing { frames: 2 });
    assert!(error.to_string().contains("2 sampled frames"), "{error}");
    assert_eq!(find(&[], 64, 48, ASPECT).unwrap_err(), CropError::NoFrames);
}

#[test]
fn a_postage_stamp_is_too_small() {
    let frames: Vec<Vec<u8>> = (0..16)
        .map(|t| {
            (0..480 * 360)
                .map(|i| match (i % 480, i / 480) {
                    (x @ 200..230, y @ 100..130) => (200.0 * noise(x, y, t)) as u8,
                    _ => 0,
                })
                .collect()
        })
        .collect();
    let views: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let error = find(&views, 480, 360, ASPECT).unwrap_err();
    assert!(matches!(error, CropError::TooSmall { frame_width: 480, .. }), "{error}");
}
