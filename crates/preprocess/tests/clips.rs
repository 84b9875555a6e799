//! From recordings made here to clips: frames, clock, crop, gaze, labels, sound.

mod support;

use half::f16;
use sonovox_preprocess::{CropMode, FrameConfig, PreprocessConfig};
use sonovox_study::{
    CropRect, GazeSample, PlaneList, PlaneSpan, SeparateAudio, Split, write_gaze, write_planes,
};
use support::{
    Scene, Screen, brightness, bursts, frame_mean, loud_times, row_means, small, write_video, write_wav,
};

#[test]
fn frames_come_in_order_with_their_times() {
    let mut scene = Scene::new();
    scene.add_plain("a", 25);
    let (summary, clips) = scene.clips(&small());
    let clip = clips.reader(0).unwrap();
    let secs = clip.frame_secs().unwrap();
    assert_eq!(secs.len(), 25);
    for (t, secs) in secs.iter().enumerate() {
        assert!((secs - t as f64 / 10.0).abs() < 1e-3, "frame {t} at {secs} s");
        let mean = frame_mean(&clip, t);
        assert!(
            (mean - f64::from(brightness(t))).abs() < 2.5,
            "frame {t}: {mean}, expected {}",
            brightness(t)
        );
    }
    let header = &summary.recordings[0];
    assert_eq!((header.frames, header.crop), (25, [0, 0, 64, 48]));
    assert!((header.seconds - 2.5).abs() < 1e-3, "{header:?}");
    // one row at every hop, the first and the last moment included
    assert_eq!((header.rows, clip.mel_frames()), (251, 251));
    assert_eq!(clip.n_bands(), 128);
    assert!(header.has_audio);
    assert_eq!(clips.details.recordings, summary.recordings);
    clips.artifact.verify().unwrap();
}

#[test]
fn frames_are_thinned_out() {
    let mut scene = Scene::new();
    scene.add_plain("a", 25);
    let frame = FrameConfig { every: 2, max_frames_per_sec: Some(2.5), ..small().frame };
    let (summary, clips) = scene.clips(&PreprocessConfig { frame, ..small() });
    let secs = clips.reader(0).unwrap().frame_secs().unwrap();
    assert_eq!(secs.iter().map(|s| (s * 10.0).round() as u32).collect::<Vec<_>>(), [0, 4, 8, 12, 16, 20, 24]);
    assert_eq!(summary.recordings[0].left_out["frames not chosen"], 18);
    // the sound still lasts as long as the video
    assert_eq!(summary.recordings[0].rows, 251);
}

#[test]
fn the_study_s_rectangle_is_cut_exactly() {
    let mut scene = Scene::new();
    let video = scene.add("a");
    // bright inside of the rectangle, dark outside
    let inside = |x: usize, y: usize| (16..48).contains(&x) && (8..40).contains(&y);
    write_video(&video, (64, 48), 5, None, |x, y, _| if inside(x, y) { 200 } else { 20 });
    scene.study.crop = Some(CropRect { x: 16, y: 8, width: 32, height: 32 });
    let config = PreprocessConfig { crop: CropMode::Auto, ..small() };
    let (summary, clips) = scene.clips(&config);
    assert_eq!(summary.recordings[0].crop, [16, 8, 32, 32]);
    let clip = clips.reader(0).unwrap();
    let mut pixels = vec![0; 12 * 16];
    clip.read_frame(2, &mut pixels).unwrap();
    assert!(pixels.iter().all(|p| p.abs_diff(200) < 12), "{pixels:?}");
}

#[test]
fn a_rectangle_outside_of_the_frame_is_a_line_of_its_own() {
    let mut scene = Scene::new();
    scene.add_plain("a", 4);
    scene.study.crop = Some(CropRect { x: 40, y: 0, width: 32, height: 32 });
    let error = scene.run(&PreprocessConfig { crop: CropMode::Auto, ..small() }).unwrap_err().to_string();
    assert!(error.contains("a: ") && error.contains("x=40") && error.contains("64x48"), "{error}");
}

#[test]
fn the_image_is_found_and_nothing_is_made_up() {
    let mut scene = Scene::new();
    let mut screen = Screen::with_fan(12);
    screen.write_text(4, 4, 110, 4);
    let (fan, flat) = (scene.add("fan"), scene.add("flat"));
    write_video(&fan, (480, 360), 12, None, |x, y, t| screen.frames[t][y * 480 + x]);
    write_video(&flat, (64, 48), 12, None, |_, _, _| 90);
    let (summary, clips) = scene.clips(&PreprocessConfig { crop: CropMode::Auto, ..small() });
    let [x, y, width, height] = summary.recordings[0].crop.map(f64::from);
    for corner in [(x, y), (x + width, y), (x, y + height), (x + width, y + height)] {
        assert!(
            screen.fan().holds(corner.0, corner.1, 0.0),
            "{corner:?} of {:?}",
            summary.recordings[0].crop
        );
    }
    assert!(width * height > 26_000.0);
    assert_eq!(clips.details.failed.len(), 1);
    let cause = &clips.details.failed[0].cause;
    assert!(
        cause.contains("flat.mp4") && cause.contains("study.toml") && cause.contains("crop = \"none\""),
        "{cause}"
    );
}

#[test]
fn gaze_and_planes_follow_the_crop_and_the_clock() {
    let mut scene = Scene::new();
    scene.add_plain("a", 20);
    let (gaze, planes) = (scene.folder.path().join("gaze.csv"), scene.folder.path().join("planes.csv"));
    scene.study.planes = PlaneList::new(vec!["4CH".into(), "3VT".into()]).unwrap();
    scene.study.crop = Some(CropRect { x: 16, y: 12, width: 32, height: 24 });
    let sample = |time_secs, x, y, valid| GazeSample { time_secs, x, y, valid };
    let samples = [
        sample(0.05, 0.5, 0.5, true),
        sample(0.5, 0.25, 0.75, true),
        sample(0.6, 0.1, 0.5, true),
        sample(0.7, f32::NAN, 0.0, false),
        sample(3.0, 0.5, 0.5, true),
    ];
    write_gaze(&gaze, &samples).unwrap();
    let spans = [
        PlaneSpan { start_secs: 0.25, end_secs: 0.55, plane: 1 },
        PlaneSpan { start_secs: 1.0, end_secs: 1.1, plane: 0 },
    ];
    write_planes(&planes, &spans, &scene.study.planes).unwrap();
    let recording = &mut scene.study.recordings[0];
    (recording.gaze, recording.planes) = (Some(gaze), Some(planes));
    (recording.split, recording.fold) = (Some(Split::Test), Some(2));
    let (summary, clips) = scene.clips(&PreprocessConfig { crop: CropMode::Auto, ..small() });
    let clip = clips.reader(0).unwrap();
    let found = clip.gaze().unwrap();
    let expected = [(0.05, 0.5, 0.5), (0.5, 0.0, 1.0)];
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.0 - expected.0).abs() < 1e-6, "{found:?}");
        assert!((found.1 - expected.1).abs() + (found.2 - expected.2).abs() < 1e-6, "{found:?}");
    }
    let mut expected = vec![-1_i16; 20];
    expected[3..6].fill(1);
    expected[10] = 0;
    assert_eq!(clip.plane().unwrap(), expected);
    let header = &summary.recordings[0];
    assert_eq!((header.gaze_samples, header.labelled_frames), (2, 4));
    assert_eq!((header.split.as_deref(), header.fold), (Some("test"), Some(2)));
    assert_eq!(header.left_out["gaze samples outside of the crop"], 1);
    assert_eq!(header.left_out["gaze samples that are not valid"], 1);
    assert_eq!(header.left_out["gaze samples outside of the video's time"], 1);
    assert_eq!(clips.details.planes, ["4CH", "3VT"]);
}

#[test]
fn sound_inside_the_video_keeps_its_time() {
    let mut scene = Scene::new();
    let video = scene.add("a");
    write_video(&video, (64, 48), 30, Some(&bursts(3.0, &[0.5, 1.2, 2.6])), |_, _, t| brightness(t));
    let (_, clips) = scene.clips(&small());
    let times = loud_times(&clips.reader(0).unwrap());
    assert_eq!(times.len(), 3, "{times:?}");
    for (found, expected) in times.iter().zip([0.51, 1.21, 2.61]) {
        assert!((found - expected).abs() < 0.015, "a burst at {found} s, expected {expected} s");
    }
}

#[test]
fn separate_sound_lies_at_its_offset_and_the_video_s_own_is_not_used() {
    for (offset_secs, expected) in [(0.25, vec![0.76, 1.46]), (-0.4, vec![0.11, 0.81]), (1.5, vec![2.01])] {
        let mut scene = Scene::new();
        let video = scene.add("a");
        write_video(&video, (64, 48), 25, Some(&bursts(2.5, &[0.3])), |_, _, t| brightness(t));
        let path = scene.folder.path().join("audio/a.wav");
        write_wav(&path, &bursts(2.0, &[0.5, 1.2]));
        scene.study.recordings[0].audio = Some(SeparateAudio { path, offset_secs });
        let (summary, clips) = scene.clips(&small());
        let clip = clips.reader(0).unwrap();
        let times = loud_times(&clip);
        assert_eq!(times.len(), expected.len(), "offset {offset_secs}: {times:?}");
        for (found, expected) in times.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 0.011,
                "offset {offset_secs}: {found} s, expected {expected} s"
            );
        }
        // trimmed before the first frame or after the last, padded elsewhere
        assert_eq!(clip.mel_frames(), 251);
        let left_out = summary.recordings[0].left_out.get("ms of sound outside of the video").copied();
        let expected = [(-0.4, Some(400)), (1.5, Some(1000))].iter().find(|(at, _)| *at == offset_secs);
        assert_eq!(left_out, expected.and_then(|(_, count)| *count));
    }
}

#[test]
fn without_sound_and_with_a_silent_track_all_is_unvoiced() {
    let mut scene = Scene::new();
    let (none, silent) = (scene.add("none"), scene.add("silent"));
    write_video(&none, (64, 48), 12, None, |_, _, t| brightness(t));
    write_video(&silent, (64, 48), 12, Some(&[0.0; 19_200]), |_, _, t| brightness(t));
    let (summary, clips) = scene.clips(&small());
    for (i, note) in ["there is no sound", "the sound is silent"].into_iter().enumerate() {
        let (clip, header) = (clips.reader(i).unwrap(), &summary.recordings[i]);
        assert_eq!(header.notes, [note]);
        assert!(!header.has_audio && header.voiced_share == 0.0);
        assert_eq!((clip.frames(), clip.mel_frames()), (12, 121));
        assert!(clip.voice().unwrap().iter().all(|v| *v == f16::ZERO));
        assert!(row_means(&clip).iter().all(|m| *m == 0.0));
    }
}

#[test]
fn rows_are_standardised_and_padding_does_not_shift_them() {
    let mut scene = Scene::new();
    let video = scene.add("a");
    write_video(&video, (64, 48), 40, None, |_, _, t| brightness(t));
    let path = scene.folder.path().join("a.wav");
    let hiss: Vec<f32> = (0..16_000).map(|i| (support::noise(i, 3, 1) - 0.5) as f32 * 0.2).collect();
    write_wav(&path, &hiss);
    scene.study.recordings[0].audio = Some(SeparateAudio { path, offset_secs: 1.0 });
    let (_, clips) = scene.clips(&small());
    let clip = clips.reader(0).unwrap();
    // one second of four has sound: mean 0 and variance 1 are those of that second
    let mut values = vec![f16::ZERO; 98 * 128];
    clip.read_mel(101..199, &mut values).unwrap();
    let values: Vec<f64> = values.iter().map(|v| f64::from(v.to_f32())).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.1, "mean {mean}, variance {variance}");
    let means = row_means(&clip);
    assert!(
        means[0] < -2.0 && means[..90].iter().all(|m| *m == means[0]),
        "silence lies at the floor: {means:?}"
    );
}

#[test]
fn the_paper_s_spectrogram_and_the_other_detector() {
    let mut scene = Scene::new();
    scene.add_plain("a", 10);
    let (spectrogram, voice) = ("paper".parse().unwrap(), "energy".parse().unwrap());
    let (_, clips) = scene.clips(&PreprocessConfig { spectrogram, voice, ..small() });
    let clip = clips.reader(0).unwrap();
    assert_eq!((clip.n_bands(), clip.mel_frames()), (256, 201));
    let facts = &clips.details.spectrogram;
    assert_eq!((facts.kind.as_str(), facts.hop_secs, facts.n_fft), ("paper", 0.005, 510));
    assert_eq!(clips.details.voice_detector, "energy");
}

/// Rows for Whisper are no levels of the recording: log10 of the power, down to -10 where there is silence.
#[test]
fn rows_for_whisper_are_kept_as_log10() {
    let mut scene = Scene::new();
    let (sounding, mute) = (scene.add("sounding"), scene.add("mute"));
    let sound = bursts(2.0, &[0.5]);
    write_video(&sounding, (64, 48), 20, Some(&sound), |_, _, _| 90);
    write_video(&mute, (64, 48), 20, None, |_, _, _| 90);
    let spectrogram = "whisper".parse().unwrap();
    let (_, clips) = scene.clips(&PreprocessConfig { spectrogram, ..small() });
    let facts = &clips.details.spectrogram;
    assert_eq!((facts.kind.as_str(), facts.sample_rate_hz, facts.n_bands), ("whisper", 16_000, 80));
    let rows = |index: usize| {
        let clip = clips.reader(index).unwrap();
        let mut rows = vec![f16::ZERO; clip.mel_frames() * 80];
        clip.read_mel(0..clip.mel_frames(), &mut rows).unwrap();
        rows.into_iter().map(f32::from).collect::<Vec<_>>()
    };
    let heard = rows(0);
    let (least, most) = heard.iter().fold((f32::MAX, f32::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    assert!(least >= -10.0 && most > -2.0 && most < 4.0, "{least} to {most}");
    let silent = rows(1);
    assert_eq!(silent.len(), 201 * 80);
    assert!(silent.iter().all(|&value| value == -10.0), "nothing is heard: the least power there is");
    let units: Vec<_> = clips.artifact.manifest.files.values().flat_map(|file| &file.tensors).collect();
    let mel = units.iter().find(|tensor| tensor.name == "log_mel").unwrap();
    assert_eq!(mel.unit, "log10 of the power");
}
