//! Grey pictures against the ffmpeg program's `crop,scale=flags=area,format=gray`, over pixel formats, sizes, crops and
//! turns.

mod common;

use std::path::{Path, PathBuf};

use sonovox_media::{CropRect, FrameSpec, MediaError, Orientation, VideoReader};

/// Grey levels by which a pixel may differ: rounding of one resize.
const LEVELS: u8 = 1;

const WIDTH: usize = 57;
const HEIGHT: usize = 43;

/// Frames of 321x241 (odd, so that chroma planes are rounded up), 5 of them, coded without loss.
fn recording(folder: &Path, name: &str, coding: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let source =
        ["-f", "lavfi", "-i", "testsrc2=size=322x242:rate=10:duration=0.5,format=yuv444p,crop=321:241"];
    common::ffmpeg(&[&source[..], coding, &[path.to_str().unwrap()]].concat());
    path
}

/// All frames as the ffmpeg program gives them.
fn judge(path: &Path, filter: &str) -> Vec<u8> {
    let path = path.to_str().unwrap();
    common::ffmpeg(&[
        "-i",
        path,
        "-vf",
        filter,
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-",
    ])
}

fn read(path: &Path, crop: Option<CropRect>, width: usize, height: usize) -> Vec<u8> {
    let spec = FrameSpec { crop, height: height as u32, width: width as u32 };
    let mut reader = VideoReader::open(path, &spec, 1).unwrap();
    let mut frame = vec![0; width * height];
    let mut all = Vec::new();
    while reader.next_frame(&mut frame).unwrap().is_some() {
        all.extend_from_slice(&frame);
    }
    all
}

fn assert_close(what: &str, expected: &[u8], found: &[u8]) {
    assert_eq!(expected.len(), found.len(), "{what}: bytes");
    assert!(!found.is_empty(), "{what}: no frames");
    let worst = expected.iter().zip(found).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst <= LEVELS, "{what}: differs by {worst} grey levels");
}

fn scale_filter(crop: Option<CropRect>, before: &str) -> String {
    let crop =
        crop.map_or(String::new(), |c| format!("crop={}:{}:{}:{}:exact=1,", c.width, c.height, c.x, c.y));
    format!("{before}{crop}scale={WIDTH}:{HEIGHT}:flags=area,format=gray")
}

/// No crop, an even one, an odd one, and one in the far corner.
const CROPS: [Option<CropRect>; 4] = [
    None,
    Some(CropRect { x: 40, y: 30, width: 200, height: 160 }),
    Some(CropRect { x: 41, y: 33, width: 199, height: 155 }),
    Some(CropRect { x: 222, y: 140, width: 99, height: 101 }),
];

#[test]
fn every_pixel_format_is_grey_and_cropped_as_ffmpeg_does() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // (file, coding, what the judge does first where pixels have no bytes of their own: we go over grey then, too)
    let cases: [(&str, &[&str], &str); 14] = [
        ("420.mkv", &["-c:v", "ffv1", "-pix_fmt", "yuv420p"], ""),
        ("420pc.avi", &["-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj420p"], ""),
        ("422.mkv", &["-c:v", "ffv1", "-pix_fmt", "yuv422p"], ""),
        ("444.mkv", &["-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p"], ""),
        ("10bit.mkv", &["-c:v", "ffv1", "-pix_fmt", "yuv420p10le"], ""),
        (
            "10bit_pc.mkv",
            &["-c:v", "ffv1", "-vf", "scale=out_range=pc", "-pix_fmt", "yuv420p10le", "-color_range", "pc"],
            "",
        ),
        ("grey.mkv", &["-c:v", "ffv1", "-pix_fmt", "gray"], ""),
        ("grey16.mkv", &["-c:v", "ffv1", "-pix_fmt", "gray16le"], ""),
        ("rgb.nut", &["-c:v", "rawvideo", "-pix_fmt", "rgb24"], ""),
        ("bgra.mkv", &["-c:v", "ffv1", "-pix_fmt", "bgra"], ""),
        ("gbrp.mkv", &["-c:v", "ffv1", "-pix_fmt", "gbrp"], ""),
        ("nv12.nut", &["-c:v", "rawvideo", "-pix_fmt", "nv12"], ""),
        ("yuyv.nut", &["-c:v", "rawvideo", "-pix_fmt", "yuyv422"], "format=gray,"),
        ("mono.nut", &["-c:v", "rawvideo", "-pix_fmt", "monob"], "format=gray,"),
    ];
    for (name, coding, before) in cases {
        let path = recording(folder.path(), name, coding);
        for crop in CROPS {
            let expected = judge(&path, &scale_filter(crop, before));
            assert_close(&format!("{name} {crop:?}"), &expected, &read(&path, crop, WIDTH, HEIGHT));
        }
    }
}

#[test]
fn palettes_are_grey_as_ffmpeg_has_them() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, coding) in [("a.gif", &[][..]), ("pal8.avi", &["-c:v", "rawvideo", "-pix_fmt", "pal8"][..])] {
        let path = recording(folder.path(), name, coding);
        for crop in CROPS {
            let expected = judge(&path, &scale_filter(crop, ""));
            assert_close(&format!("{name} {crop:?}"), &expected, &read(&path, crop, WIDTH, HEIGHT));
        }
    }
}

#[test]
fn limited_range_is_widened_and_full_range_kept() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (range, code) in [("tv", "yuv420p"), ("pc", "yuvj420p")] {
        let path = folder.path().join(format!("{range}.mkv"));
        // black and white halves
        let source = "color=black:size=64x64:rate=10:duration=0.3,drawbox=x=32:w=32:h=64:color=white:t=fill";
        let filter = format!("scale=out_range={range}");
        let coding = ["-vf", &filter, "-c:v", "libx264", "-qp", "0", "-pix_fmt", code, "-color_range", range];
        common::ffmpeg(&[&["-f", "lavfi", "-i", source][..], &coding, &[path.to_str().unwrap()]].concat());
        let frames = read(&path, None, 2, 1);
        assert_eq!(frames, [0, 255].repeat(3), "{range}");
    }
}

#[test]
fn turned_pictures_are_shown_upright() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let plain =
        recording(folder.path(), "plain.mp4", &["-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p"]);
    for angle in ["90", "180", "270"] {
        let path = folder.path().join(format!("turned{angle}.mp4"));
        let tag = format!("rotate={angle}");
        let plain = plain.to_str().unwrap();
        common::ffmpeg(&["-i", plain, "-c", "copy", "-metadata:s:v:0", &tag, path.to_str().unwrap()]);
        let facts = sonovox_media::probe(&path).unwrap().video.unwrap();
        assert_ne!(facts.orientation, Orientation::default(), "the file should be turned by {angle}");
        assert_eq!((facts.width, facts.height), if angle == "180" { (321, 241) } else { (241, 321) });
        for crop in [None, Some(CropRect { x: 11, y: 20, width: 101, height: 150 })] {
            let expected = judge(&path, &scale_filter(crop, ""));
            assert_close(&format!("{angle} {crop:?}"), &expected, &read(&path, crop, WIDTH, HEIGHT));
        }
    }
}

#[test]
fn interlaced_frames_show_their_first_field() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, mode, top_first) in [("tff.mpg", "interleave_top", 1), ("bff.mpg", "interleave_bottom", 0)] {
        let path = folder.path().join(name);
        let filter = format!("tinterlace={mode},setfield={}", if top_first == 1 { "tff" } else { "bff" });
        let source = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=50:duration=0.4"];
        let coding = ["-vf", &filter, "-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ildct+ilme"];
        common::ffmpeg(&[&source[..], &coding, &[path.to_str().unwrap()]].concat());
        let expected = first_fields(&judge(&path, "format=gray"), 160, 120, top_first);
        assert_close(name, &expected, &read(&path, None, 160, 120));
    }
}

/// Every line of the second field replaced by the mean of its neighbours, one pixel at a time.
fn first_fields(frames: &[u8], width: usize, height: usize, second_starts_at: usize) -> Vec<u8> {
    let mut out = frames.to_vec();
    for frame in out.chunks_exact_mut(width * height) {
        for y in (second_starts_at..height).step_by(2) {
            for x in 0..width {
                let at = |y: usize| u32::from(frame[y * width + x]);
                let mean = match (y > 0, y + 1 < height) {
                    (true, true) => (at(y - 1) + at(y + 1)).div_ceil(2),
                    (true, false) => at(y - 1),
                    (false, _) => at(y + 1),
                };
                frame[y * width + x] = mean as u8;
            }
        }
    }
    out
}

#[test]
fn threads_do_not_change_a_frame() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mp4");
    let source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4"];
    common::ffmpeg(&[&source[..], &["-c:v", "libx264", path.to_str().unwrap()]].concat());
    let read = |threads| {
        let spec = FrameSpec { crop: None, height: 24, width: 32 };
        let mut reader = VideoReader::open(&path, &spec, threads).unwrap();
        let mut frame = vec![0; 24 * 32];
        let mut all = Vec::new();
        while let Some(time) = reader.next_frame(&mut frame).unwrap() {
            all.push((time.to_bits(), frame.clone()));
        }
        all
    };
    let one = read(1);
    assert_eq!(one.len(), 100);
    assert!(one == read(3) && one == read(0));
}

#[test]
fn a_crop_outside_the_frame_names_both_sizes() {
    if !common::have_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), "a.mkv", &["-c:v", "ffv1"]);
    for (x, y, width, height) in [(300, 0, 22, 10), (0, 240, 10, 2), (0, 0, 0, 10), (u32::MAX, 0, 2, 2)] {
        let spec = FrameSpec { crop: Some(CropRect { x, y, width, height }), height: 8, width: 8 };
        let error = VideoReader::open(&path, &spec, 1).err().expect("an error");
        assert!(matches!(error, MediaError::CropOutside { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.contains("321x241") && message.contains(&format!("width={width} height={height}")),
            "{message}"
        );
    }
    let spec = FrameSpec { crop: None, height: 0, width: 8 };
    assert!(matches!(VideoReader::open(&path, &spec, 1), Err(MediaError::BadFrameSize { .. })));
    let mut reader = VideoReader::open(&path, &FrameSpec { crop: None, height: 8, width: 8 }, 1).unwrap();
    assert!(matches!(
        reader.next_frame(&mut [0; 63]),
        Err(MediaError::BadBuffer { expected: 64, found: 63 })
    ));
}
