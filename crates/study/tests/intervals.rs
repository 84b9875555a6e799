//! Tiling: regular and variable frame rates, gaps, container rounding, odd ends.

use sonovox_study::{Interval, intervals};

fn times(n: usize, step: f64, start: f64) -> Vec<f64> {
    (0..n).map(|i| start + i as f64 * step).collect()
}

fn tiles(frame_secs: &[f64], interval_secs: f64) -> Vec<Interval> {
    intervals(frame_secs, interval_secs).expect("times")
}

/// What holds of every tiling.
fn check(frame_secs: &[f64], interval_secs: f64) -> Vec<Interval> {
    let tiles = tiles(frame_secs, interval_secs);
    let covered: Vec<_> = tiles.iter().flat_map(|tile| tile.frames.clone()).collect();
    assert_eq!(covered, (0..frame_secs.len()).collect::<Vec<_>>(), "every frame in one tile, in order");
    for tile in &tiles {
        let start = frame_secs[0] + tile.index as f64 * interval_secs;
        assert_eq!(tile.start_secs, start);
        assert!(tile.end_secs > start && tile.end_secs <= start + interval_secs, "{tile:?}");
        for time in &frame_secs[tile.frames.clone()] {
            assert!((start - 1e-3..start + interval_secs).contains(time), "{time} in {tile:?}");
        }
    }
    assert!(tiles.windows(2).all(|pair| pair[0].index < pair[1].index));
    tiles
}

#[test]
fn sixty_frames_to_two_seconds() {
    let tiles = check(&times(150, 1.0 / 30.0, 0.0), 2.0);
    assert_eq!(tiles.iter().map(|tile| tile.frames.clone()).collect::<Vec<_>>(), [0..60, 60..120, 120..150]);
    assert_eq!((tiles[1].start_secs, tiles[1].end_secs), (2.0, 4.0));
    assert!((tiles[2].end_secs - 5.0).abs() < 1e-9, "the last one ends with the recording");
}

#[test]
fn rounded_times_stay_in_their_tile() {
    // Matroska rounds to 1 ms, ffprobe prints 6 digits, arithmetic has its own last bit
    for rounding in [1e3, 1e6, 90e3] {
        let secs: Vec<_> =
            times(1800, 1.0 / 30.0, 0.54).iter().map(|t| (t * rounding).round() / rounding).collect();
        let tiles = check(&secs, 2.0);
        assert!(tiles.iter().all(|tile| tile.frames.len() == 60), "rounded to 1/{rounding} s");
    }
}

#[test]
fn a_variable_rate_is_cut_by_time() {
    // 30/s for a second, 5/s for a second, 60/s for a second
    let secs = [times(30, 1.0 / 30.0, 0.0), times(5, 0.2, 1.0), times(60, 1.0 / 60.0, 2.0)].concat();
    let lengths: Vec<_> = check(&secs, 1.0).iter().map(|tile| tile.frames.len()).collect();
    assert_eq!(lengths, [30, 5, 60]);
}

#[test]
fn a_gap_leaves_its_tiles_out_and_keeps_the_numbers() {
    let secs = [times(25, 0.04, 10.0), times(25, 0.04, 14.5)].concat();
    let tiles = check(&secs, 1.0);
    let found: Vec<_> = tiles.iter().map(|tile| (tile.index, tile.frames.len())).collect();
    assert_eq!(found, [(0, 25), (4, 13), (5, 12)]);
    assert_eq!((tiles[1].start_secs, tiles[1].end_secs), (14.0, 15.0));
}

#[test]
fn short_recordings_are_one_tile() {
    let tiles = check(&times(27, 1.0 / 15.0, 0.0), 2.0);
    assert_eq!((tiles.len(), tiles[0].frames.clone()), (1, 0..27));
    assert!((tiles[0].end_secs - 1.8).abs() < 1e-9);
    let still = check(&[3.25], 2.0);
    assert_eq!((still[0].start_secs, still[0].end_secs), (3.25, 5.25));
    check(&[3.25, 3.25], 2.0);
    assert!(intervals(&[], 2.0).expect("nothing to cut").is_empty());
}

#[test]
fn the_start_may_be_negative() {
    let tiles = check(&times(100, 0.04, -1.5), 2.0);
    assert_eq!((tiles.len(), tiles[0].start_secs, tiles[1].start_secs), (2, -1.5, 0.5));
}

#[test]
fn times_that_cannot_be_tiled_are_refused() {
    let says = |secs: &[f64], interval| intervals(secs, interval).expect_err("refused").to_string();
    for interval in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
        assert!(says(&[0.0], interval).contains("expected an interval length above"), "{interval}");
    }
    assert!(says(&[0.0, f64::NAN], 1.0).contains("finite frame times, found NaN at frame 1"));
    let said = says(&[0.0, 1.0, 0.5], 1.0);
    assert!(said.contains("do not run backwards, found 0.5 s after 1 s at frame 2"), "{said}");
}
