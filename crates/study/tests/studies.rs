//! Studies that are read, whatever editor wrote them, and written to be read again.

use std::path::Path;

use sonovox_study::{
    CropRect, GazeSample, PlaneSpan, Split, Study, plane_at, read_gaze, write_gaze, write_planes,
};
use sonovox_testkit::TinyStudy;

fn ids(study: &Study) -> Vec<&str> {
    study.recordings.iter().map(|recording| recording.id.as_str()).collect()
}

#[test]
fn a_study_is_read() {
    let folder = TinyStudy::three_recordings();
    let study = Study::open(folder.root()).expect("valid");
    assert_eq!((study.name.as_str(), study.simulated, study.crop), ("tiny", false, None));
    assert_eq!(study.planes.names(), ["A", "B"]);
    assert_eq!(
        (study.planes.index("B"), study.planes.index("C"), study.planes.name(1)),
        (Some(1), None, "B")
    );
    assert_eq!(ids(&study), ["r1", "r2", "r3"]);
    let [r1, r2, r3] = &study.recordings[..] else { panic!("three recordings") };
    assert_eq!((r1.video.clone(), r1.subject.as_str()), (folder.path("videos/r1.mp4"), "s1"));
    let audio = r2.audio.as_ref().expect("separate audio");
    assert_eq!((audio.path.clone(), audio.offset_secs), (folder.path("audio/r2.wav"), -0.25));
    assert_eq!(
        (r3.subject.as_str(), &r3.audio, &r3.gaze, &r3.planes, r3.split),
        ("s2", &None, &None, &None, None)
    );

    let spans = study.planes_of(r1).expect("valid");
    assert_eq!(spans[1], PlaneSpan { start_secs: 0.5, end_secs: 1.0, plane: 1 });
    let gaze = study.gaze_of(r1).expect("valid");
    assert_eq!(gaze[2], GazeSample { time_secs: 1.0, x: 0.25, y: 0.75, valid: true });
    assert!(!gaze[1].valid && gaze[1].x.is_nan());
    assert!(study.planes_of(r3).expect("none").is_empty() && study.gaze_of(r3).expect("none").is_empty());
}

#[test]
fn what_editors_do_to_a_file_does_no_harm() {
    let plain = "recording,subject,video,split\nr1,s 1,videos/a b.mp4,test\nr2,s2,\"videos/c,d.mp4\",\n";
    let variants = [
        plain.to_owned(),
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{}", plain.replace('\n', "\r\n")),
        plain.trim_end().to_owned(),
        plain.replace("r1,s 1,", "  r1 ,\ts 1  , ").replace("recording,subject", "recording, subject "),
        plain.replace('\n', "\n\n"),
        format!("{plain},,,\n,,,\n"),
        "split,video,subject,recording\ntest,videos/a b.mp4,s 1,r1\n,\"videos/c,d.mp4\",s2,r2\n".to_owned(),
    ];
    for (i, text) in variants.iter().enumerate() {
        let folder =
            TinyStudy::empty().with("study.toml", "\u{feff}name = \"t\"\r\n").with("recordings.csv", text);
        let study = Study::open(folder.root()).unwrap_or_else(|error| panic!("variant {i}: {error}"));
        let [r1, r2] = &study.recordings[..] else {
            panic!("variant {i}: {} recordings", study.recordings.len())
        };
        assert_eq!(
            (r1.id.as_str(), r1.subject.as_str(), r1.split),
            ("r1", "s 1", Some(Split::Test)),
            "variant {i}"
        );
        assert_eq!(r1.video, folder.path("videos/a b.mp4"), "variant {i}");
        assert_eq!((r2.video.clone(), r2.split), (folder.path("videos/c,d.mp4"), None), "variant {i}");
    }
}

#[test]
fn tables_may_have_more_columns_and_rows_in_any_order() {
    let folder = TinyStudy::three_recordings()
        .with(
            "planes/r1.csv",
            "note,plane,end_secs,start_secs\nlate,B,3,2\n\"early, clear\",A,1,-1\nmiddle,A,2,1",
        )
        .with("gaze/r1.csv", "\u{feff}time_secs,pupil_mm,x,y,valid\r\n0,3.1, 0 , 1 ,TRUE\r\n0,,-7,NaN,False");
    let study = Study::open(folder.root()).expect("valid");
    let spans = study.planes_of(&study.recordings[0]).expect("valid");
    assert_eq!(spans.iter().map(|span| span.start_secs).collect::<Vec<_>>(), [-1.0, 1.0, 2.0]);
    let gaze = study.gaze_of(&study.recordings[0]).expect("valid");
    assert_eq!(gaze[0], GazeSample { time_secs: 0.0, x: 0.0, y: 1.0, valid: true });
    assert_eq!((gaze[1].x, gaze[1].valid), (-7.0, false));
}

#[test]
fn settings_have_defaults() {
    let folder = TinyStudy::three_recordings().with("study.toml", "");
    let study = Study::open(folder.root()).expect("valid");
    assert_eq!(study.name, folder.root().file_name().expect("a name").to_string_lossy());
    assert!(study.planes.is_empty() && study.crop.is_none());
    let text = "simulated = true\ncrop = { x = 1, y = 2, width = 3, height = 4 }";
    let study = Study::open(folder.with("study.toml", text).root()).expect("valid");
    assert!(study.simulated);
    assert_eq!(study.crop, Some(CropRect { x: 1, y: 2, width: 3, height: 4 }));
}

#[test]
fn a_video_may_serve_two_recordings() {
    let rows = "recording,subject,video,audio\nr1,s1,a.mp4,x.wav\nr2,s2,a.mp4,y.wav\n";
    let folder = TinyStudy::three_recordings().with("recordings.csv", rows);
    let study = Study::open(folder.root()).expect("valid");
    assert_eq!(study.recordings[0].video, study.recordings[1].video);
    assert_eq!(study.recordings[0].audio.as_ref().expect("audio").offset_secs, 0.0);
}

#[test]
fn absolute_paths_stay_what_they_are() {
    let elsewhere = std::env::temp_dir().join("elsewhere.mp4");
    let rows = format!("recording,subject,video\nr1,s1,{}\n", elsewhere.display());
    let folder = TinyStudy::three_recordings().with("recordings.csv", rows);
    assert_eq!(Study::open(folder.root()).expect("valid").recordings[0].video, elsewhere);
}

#[test]
fn a_bare_folder_is_a_study_of_its_videos() {
    let folder = TinyStudy::empty()
        .with("b.MP4", "x")
        .with("a/2.avi", "")
        .with("a/1.mkv", "x")
        .with("a/1.mp4", "x")
        .with("notes.txt", "x")
        .with("a/speech.wav", "x")
        .with(".hidden.mp4", "x")
        .with(".cache/c.mp4", "x");
    let study = Study::open(folder.root()).expect("videos");
    assert_eq!(ids(&study), ["a/1.mkv", "a/1.mp4", "a/2.avi", "b.MP4"]);
    assert!(study.recordings.iter().all(|r| r.subject == r.id && r.split.is_none() && r.audio.is_none()));
    assert_eq!(study.passed_over, [folder.path("a/speech.wav"), folder.path("notes.txt")]);
    assert!(study.planes.is_empty());
    study.recordings[2].check_files().expect_err("an empty video is that recording's fault");
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    let (folder, other) = (TinyStudy::empty().with("a.mp4", "x"), TinyStudy::empty().with("b.mp4", "x"));
    std::os::unix::fs::symlink(folder.root(), folder.path("circle")).expect("linked");
    std::os::unix::fs::symlink(other.root(), folder.path("more")).expect("linked");
    assert_eq!(ids(&Study::open(folder.root()).expect("videos")), ["a.mp4", "more/b.mp4"]);
}

#[cfg(unix)]
#[test]
fn a_file_name_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let folder = TinyStudy::empty().with("a.mp4", "x");
    let odd = folder.root().join(std::ffi::OsStr::from_bytes(b"gr\xf6\xdfe.mp4"));
    std::fs::write(&odd, "x").expect("written");
    let message = Study::open(folder.root()).expect_err("refused").to_string();
    assert!(message.contains("expected a file name in UTF-8"), "{message}");
}

#[test]
fn a_study_that_is_written_reads_back_equal() {
    let folder = TinyStudy::three_recordings();
    let mut study = Study::open(folder.root()).expect("valid");
    study.root = folder.path("new/study");
    study.simulated = true;
    study.crop = Some(CropRect { x: 0, y: 315, width: 400, height: 225 });
    for recording in &mut study.recordings {
        recording.id = format!("{}, \"the\" größe", recording.id);
        recording.video = study.root.join("videos").join(&recording.id);
        recording.split = Some(if recording.subject == "s1" { Split::Validation } else { Split::Train });
        recording.fold = Some(if recording.subject == "s1" { 0 } else { 12 });
    }
    study.recordings[1].audio.as_mut().expect("audio").offset_secs = 0.1 + 0.2;
    study.write().expect("written");
    assert_eq!(Study::open(&study.root).expect("read back"), study);
    let text = std::fs::read_to_string(study.root.join("recordings.csv")).expect("read");
    assert!(
        !text.contains(&study.root.display().to_string()),
        "paths below the study are relative to it: {text}"
    );
}

#[test]
fn a_study_written_through_a_relative_path_reads_back() {
    let folder = TinyStudy::three_recordings();
    let mut study = Study::open(folder.root()).expect("valid");
    study.root = folder.path("other");
    study.write().expect("written");
    // the videos lie outside of the new folder, so their paths are written whole
    assert_eq!(
        Study::open(&study.root).expect("read back").recordings[0].video,
        folder.path("videos/r1.mp4")
    );
    assert!(folder.path("other").is_absolute());
}

#[test]
fn tables_that_are_written_read_back_equal() {
    let folder = TinyStudy::three_recordings();
    let study = Study::open(folder.root()).expect("valid");
    let samples: Vec<_> = (0..90)
        .map(|i| GazeSample { time_secs: f64::from(i) / 90.0, x: i as f32 / 90.0, y: 0.1, valid: i % 7 > 0 })
        .collect();
    let path = folder.path("deep/er/gaze.csv");
    write_gaze(&path, &samples).expect("written");
    assert_eq!(read_gaze(&path).expect("read"), samples);

    let mut recording = study.recordings[0].clone();
    let spans = [(0.1 + 0.2, 1.0 / 3.0, 1), (0.5, 7.25, 0)].map(|(start_secs, end_secs, plane)| PlaneSpan {
        start_secs,
        end_secs,
        plane,
    });
    let path = folder.path("deep/er/planes.csv");
    write_planes(&path, &spans, &study.planes).expect("written");
    recording.planes = Some(path);
    assert_eq!(study.planes_of(&recording).expect("read"), spans);
}

#[test]
fn a_moment_has_the_plane_of_its_span() {
    let span = |start_secs, end_secs, plane| PlaneSpan { start_secs, end_secs, plane };
    let spans = [span(-1.0, 1.0, 3), span(1.0, 2.0, 4), span(5.0, 6.0, 5)];
    let at = [-1.1, -1.0, 0.999, 1.0, 2.0, 4.9, 5.0, 6.0].map(|secs| plane_at(&spans, secs));
    assert_eq!(at, [None, Some(3), Some(3), Some(4), None, None, Some(5), None]);
    assert_eq!(plane_at(&[], 0.0), None);
}

#[test]
fn the_study_format_page_shows_a_study_that_opens() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/README.md");
    let page = std::fs::read_to_string(page).expect("data/README.md");
    let mut folder = TinyStudy::empty();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        // a fenced block below a line "`FILE`:" is that file
        let Some(name) = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:")) else { continue };
        let block = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
        let content: Vec<_> = block.take_while(|line| !line.starts_with("```")).collect();
        folder = folder.with(name, content.join("\n"));
    }
    let study = Study::open(folder.root()).expect("the example is valid");
    assert_eq!((study.recordings.len(), study.planes.len()), (3, 3));
    for recording in &study.recordings {
        study.gaze_of(recording).expect("valid");
        study.planes_of(recording).expect("valid");
    }
    assert!(
        study.recordings.iter().any(|r| r.gaze.is_some())
            && study.recordings.iter().any(|r| r.planes.is_some())
    );
}
