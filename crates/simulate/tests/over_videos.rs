//! Studies over real videos: on videos of one grey each, so that every frame of a recording says which video it is from, and
//! on the real ones where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sonovox_media::{AudioReader, FrameRate, FrameSpec, RecordingFormat, RecordingWriter, VideoReader};
use sonovox_simulate::{
    LagConfig, Narration, OverVideosConfig, SimulateConfig, SimulateError, SpeechConfig, VideoConfig, run,
};
use sonovox_study::{Study, plane_at};
use sonovox_testkit::shared_data;

const SECONDS: f64 = 16.0;
const LABELS: [&str; 3] = ["healthy", "white", "other white"];
const PLANES: [&str; 2] = ["A", "B"];
const VIDEOS: usize = 18;

/// Of one grey; sizes, lengths and rates differ.
fn write_video(path: &Path, index: usize) {
    let (width, height) = (64 + 8 * (index as u32 % 3), 64);
    let frame_rate = FrameRate::whole(5 + index as u32 % 7);
    let format = RecordingFormat { width, height, frame_rate, sample_rate_hz: None };
    let mut writer = RecordingWriter::create(path, &format).unwrap();
    for _ in 0..10 + 4 * index {
        writer.push_frame(&vec![grey_of(index); (width * height) as usize]).unwrap();
    }
    writer.finish().unwrap();
}

fn grey_of(index: usize) -> u8 {
    30 + 11 * index as u8
}

/// A second of a tone, 16-bit WAV at 24 kHz.
fn write_tone(path: &Path, hz: f64) {
    let sample = |i: u32| (8000.0 * (std::f64::consts::TAU * hz * f64::from(i) / 24_000.0).sin()) as i16;
    let data: Vec<u8> = (0..24_000).flat_map(|i| sample(i).to_le_bytes()).collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(24_000_u32.to_le_bytes());
    bytes.extend(48_000_u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

/// A folder with videos, phrases and room for studies. Patients have one or two videos; of the eighteen videos six show A.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(place.file("videos/unsure")).unwrap();
        std::fs::create_dir(place.file("phrases")).unwrap();
        let mut manifest = String::from("path,label,probe,patient\n");
        for index in 0..VIDEOS {
            let name = format!("v{index:02}.mp4");
            write_video(&place.file("videos").join(&name), index);
            // four patients to a label, two of them with two videos
            let (label, patient) = (LABELS[index % 3], format!("{}-{}", index % 3, index / 3 * 2 / 3));
            manifest += &format!("{name},{label},convex,p{patient}\n");
        }
        manifest += "unsure/gone.mp4,whatever,convex,p1\n";
        std::fs::write(place.file("videos/manifest.csv"), manifest).unwrap();
        let mut rows = String::from("file,label,voice,speed,seconds,text\n");
        for (voice, hz) in [("ann", 300.0), ("bob", 150.0), ("eve", 450.0), ("tom", 120.0)] {
            write_tone(&place.file(&format!("phrases/{voice}.wav")), hz);
            for label in ["A", "B", "chat"] {
                for text in 0..3 {
                    rows += &format!("{voice}.wav,{label},{voice},1,1,{label} {text}\n");
                }
            }
        }
        std::fs::write(place.file("phrases/phrases.csv"), rows).unwrap();
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> SimulateConfig {
        let labels = [("healthy", "A"), ("white", "B"), ("other white", "B")];
        SimulateConfig {
            name: "greys".to_owned(),
            recordings: 8,
            subjects: 4,
            folds: 2,
            seconds: SECONDS,
            hold_secs: 3.0,
            planes: PLANES.map(str::to_owned).to_vec(),
            video: VideoConfig { width: 160, height: 160, fps: 10 },
            speech: SpeechConfig {
                recorded: Some(self.file("phrases")),
                lag: LagConfig { max_secs: 2.0, ..LagConfig::default() },
                mention_share: 1.0,
                ..SpeechConfig::default()
            },
            over_videos: OverVideosConfig {
                folder: Some(self.file("videos")),
                leave_out: vec!["unsure".to_owned()],
                labels: labels.map(|(label, plane)| (label.to_owned(), plane.to_owned())).into(),
                ..OverVideosConfig::default()
            },
            ..SimulateConfig::default()
        }
    }

    fn make(&self, config: &SimulateConfig, name: &str) -> Made {
        let out = self.file(name);
        let summary = run(config, &out, false, &mut |_, _| {}).unwrap();
        println!("{summary}");
        Made {
            study: Study::open(&out).unwrap(),
            truth: serde_json::from_slice(&std::fs::read(out.join("truth.json")).unwrap()).unwrap(),
            videos: rows_of(&out.join("videos.csv")),
        }
    }

    fn fails(&self, config: &SimulateConfig) -> String {
        let out = self.file("failed");
        let said = run(config, &out, false, &mut |_, _| {}).unwrap_err().to_string();
        let left = std::fs::read_dir(self.0.path()).unwrap();
        let left: Vec<_> = left
            .map(|entry| entry.unwrap().file_name())
            .filter(|n| n.to_string_lossy().contains("failed"))
            .collect();
        assert!(left.is_empty(), "{left:?} is left behind");
        assert!(!said.contains('\n'), "{said}");
        said
    }
}

struct Made {
    study: Study,
    truth: Value,
    videos: Vec<BTreeMap<String, String>>,
}

impl Made {
    fn recordings(&self) -> &[Value] {
        self.truth["recordings"].as_array().unwrap()
    }
}

fn rows_of(table: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(table).unwrap().deserialize().map(Result::unwrap).collect()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap()
}

/// Nobody is trained and tested on: every patient is in one subject, every subject in one fold.
fn assert_patients_stay_together(made: &Made) {
    let subject_of: BTreeMap<&str, (&str, Option<u32>)> =
        made.study.recordings.iter().map(|r| (r.id.as_str(), (r.subject.as_str(), r.fold))).collect();
    let (mut patients, mut subjects) = (BTreeMap::new(), BTreeMap::new());
    for recording in made.recordings() {
        let (subject, fold) = subject_of[recording["recording"].as_str().unwrap()];
        assert_eq!(recording["subject"], subject);
        assert_eq!(*subjects.entry(subject).or_insert(fold), fold);
        for video in recording["videos"].as_array().unwrap() {
            let patient = video["patient"].as_str().unwrap().to_owned();
            assert_eq!(*patients.entry(patient).or_insert(subject), subject, "a patient of two subjects");
        }
    }
    for row in &made.videos {
        let fold: u32 = row["fold"].parse().unwrap();
        assert_eq!(patients.get(&row["patient"]).copied().unwrap_or(&row["subject"]), row["subject"]);
        assert_eq!(subjects[row["subject"].as_str()], Some(fold));
    }
}

#[test]
fn frames_labels_and_truth_agree_and_no_patient_is_on_two_sides() {
    let place = Place::new();
    let made = place.make(&place.config(), "study");
    assert_eq!((made.study.name.as_str(), made.study.simulated), ("greys", true));
    assert_eq!(made.study.planes.names(), PLANES);
    assert_eq!((made.study.recordings.len(), made.videos.len()), (8, VIDEOS));
    assert_patients_stay_together(&made);
    let crop = made.study.crop.unwrap();
    assert_eq!((crop.x, crop.y, crop.width, crop.height), (0, 0, 160, 160));
    let plane_of: BTreeMap<&str, &str> =
        made.videos.iter().map(|row| (row["video"].as_str(), row["plane"].as_str())).collect();
    assert_eq!(plane_of.values().filter(|plane| **plane == "A").count(), 6);
    for (recording, truth) in made.study.recordings.iter().zip(made.recordings()) {
        recording.check_files().unwrap();
        assert!(recording.gaze.is_none());
        let spans = made.study.planes_of(recording).unwrap();
        assert_eq!((spans[0].start_secs, spans[spans.len() - 1].end_secs), (0.0, SECONDS));
        assert!(spans.windows(2).all(|pair| pair[0].end_secs == pair[1].start_secs));
        assert_eq!(spans.iter().map(|span| span.plane).collect::<BTreeSet<_>>().len(), 2, "several labels");
        assert_frames(&recording.video, truth, |secs| plane_at(&spans, secs).unwrap(), &plane_of);
        for utterance in truth["utterances"].as_array().unwrap() {
            let label = utterance["label"].as_str().unwrap();
            match utterance["visited_plane"].as_str() {
                Some(visited) => assert_eq!(label, visited),
                None => assert_eq!(label, "chat"),
            }
            let Some(lag) = utterance["lag_secs"].as_f64() else { continue };
            let found = number(utterance, "start_secs") - lag;
            let span =
                spans.iter().find(|span| (span.start_secs - found).abs() < 1e-3).expect("a video begins");
            assert_eq!(PLANES[span.plane], label);
        }
    }
}

/// Every frame is the grey of the video that the truth names, and has that video's label.
fn assert_frames(
    path: &Path,
    truth: &Value,
    plane_at: impl Fn(f64) -> usize,
    plane_of: &BTreeMap<&str, &str>,
) {
    let mut reader = VideoReader::open(path, &FrameSpec { crop: None, height: 4, width: 4 }, 1).unwrap();
    let (mut frame, mut count) = ([0; 16], 0);
    while let Some(secs) = reader.next_frame(&mut frame).unwrap() {
        let shown = |video: &&Value| {
            (number(video, "start_secs") - 1e-6..number(video, "end_secs") - 1e-6).contains(&secs)
        };
        let video = truth["videos"].as_array().unwrap().iter().find(shown).expect("a video at every time");
        let name = video["video"].as_str().unwrap();
        let grey = grey_of(name[1..3].parse().unwrap());
        assert!(
            frame.iter().all(|&pixel| pixel.abs_diff(grey) <= 3),
            "{secs} s: {frame:?}, expected {grey} of {name}"
        );
        assert_eq!(PLANES[plane_at(secs)], plane_of[name], "{secs} s");
        count += 1;
    }
    assert_eq!(count, 160);
}

#[test]
fn scrambled_words_change_nothing_but_the_words() {
    let place = Place::new();
    let config = place.config();
    let matched = place.make(&config, "matched");
    let speech = SpeechConfig { narration: Narration::Scrambled, ..config.speech.clone() };
    let scrambled = place.make(&SimulateConfig { speech, ..config }, "scrambled");
    let (mut mentions, mut same) = (0, 0);
    for (a, b) in matched.recordings().iter().zip(scrambled.recordings()) {
        for key in ["recording", "subject", "sonographer", "videos", "plane_spans"] {
            assert_eq!(a[key], b[key]);
        }
        let (a, b) = (a["utterances"].as_array().unwrap(), b["utterances"].as_array().unwrap());
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            for key in [
                "start_secs",
                "end_secs",
                "voice",
                "role",
                "visited_plane",
                "lag_secs",
                "loudness_db",
                "related",
            ] {
                assert_eq!(a[key], b[key], "{key}");
            }
            if a["visited_plane"].is_null() {
                assert_eq!(a["text"], b["text"]);
            } else {
                mentions += 1;
                same += usize::from(a["label"] == b["label"]);
            }
        }
    }
    // drawn from all planes alike: were the right one left out, the words would still tell it (by what they never say)
    let share = f64::from(same as u32) / f64::from(mentions);
    assert!(mentions > 20 && (0.25..0.75).contains(&share), "{same} of {mentions}");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let place = Place::new();
    let config = SimulateConfig { recordings: 4, ..place.config() };
    let (first, again) = (place.make(&config, "first"), place.make(&config, "again"));
    let other = place.make(&SimulateConfig { seed: 2, ..config }, "other");
    for name in ["study.toml", "truth.json", "videos.csv"] {
        assert_eq!(
            std::fs::read(first.study.root.join(name)).unwrap(),
            std::fs::read(again.study.root.join(name)).unwrap()
        );
    }
    for ((a, b), c) in first.study.recordings.iter().zip(&again.study.recordings).zip(&other.study.recordings)
    {
        let bytes = |path: &Path| std::fs::read(path).unwrap();
        assert!(bytes(&a.video) == bytes(&b.video), "{} differs", a.id);
        assert!(bytes(&a.video) != bytes(&c.video));
    }
}

#[test]
fn what_cannot_be_used_is_one_clear_error() {
    let place = Place::new();
    let config = place.config();
    let video = place.file("videos/v07.mp4");
    let whole = std::fs::read(&video).unwrap();
    for broken in [&whole[..whole.len() / 2], b"not a video", b""] {
        std::fs::write(&video, broken).unwrap();
        let said = place.fails(&config);
        assert!(said.contains("v07.mp4"), "{said}");
    }
    std::fs::remove_file(&video).unwrap();
    assert!(place.fails(&config).contains("v07.mp4"));
    std::fs::write(&video, &whole).unwrap();

    let manifest = place.file("videos/manifest.csv");
    let rows = std::fs::read_to_string(&manifest).unwrap();
    let spoilt = |from: &str, to: &str| {
        std::fs::write(&manifest, rows.replacen(from, to, 1)).unwrap();
        place.fails(&config)
    };
    let said = spoilt("v03.mp4,healthy", "v03.mp4,odd");
    assert!(said.contains("manifest.csv") && said.contains("line 5") && said.contains("`odd`"), "{said}");
    let said = spoilt("patient", "person");
    assert!(said.contains("expected the columns path,label,patient"), "{said}");
    let said = spoilt("v03.mp4", " ");
    assert!(said.contains("a path in line 5"), "{said}");
    std::fs::remove_file(&manifest).unwrap();
    assert!(place.fails(&config).contains("manifest.csv: expected a table of the videos"));
    std::fs::write(&manifest, &rows).unwrap();

    let with = |change: fn(&mut SimulateConfig)| {
        let mut config = place.config();
        change(&mut config);
        place.fails(&config)
    };
    assert!(with(|config| config.planes.push("C".into())).contains("phrases.csv"), "no phrases of C");
    let said = with(|config| drop(config.over_videos.labels.insert("white".into(), "D".into())));
    assert!(said.contains("over_videos.labels") && said.contains("white = D"), "{said}");
    let said = with(|config| (config.subjects, config.recordings, config.folds) = (8, 8, 8));
    assert!(said.contains("at least 8 patients of A"), "{said}");
    let said = with(|config| config.seconds = 5.0);
    assert!(said.contains("`seconds`: expected 6 to 36000"), "{said}");
}

#[test]
fn refuses_to_replace_what_it_should_not() {
    let place = Place::new();
    std::fs::write(place.file("letters.txt"), "dear").unwrap();
    let refused = run(&place.config(), place.0.path(), true, &mut |_, _| {}).unwrap_err();
    assert!(matches!(refused, SimulateError::NotAStudy { .. }));
    assert!(place.file("letters.txt").exists());
}

/// The lung study at a smaller size: its videos are real files of four codecs and many sizes.
#[test]
fn real_videos_and_recorded_phrases_make_a_study() {
    let (Some(videos), Some(phrases)) = (shared_data("lung_pocus"), shared_data("narration")) else { return };
    let planes = ["lung-regular", "lung-consolidation", "lung-covid"];
    let labels = [
        ("regular", planes[0]),
        ("Bacterial pneumonia", planes[1]),
        ("Viral pneumonia", planes[1]),
        ("COVID-19", planes[2]),
    ];
    let config = SimulateConfig {
        recordings: 10,
        subjects: 10,
        folds: 5,
        seconds: 30.0,
        hold_secs: 6.0,
        planes: planes.map(str::to_owned).to_vec(),
        video: VideoConfig { width: 160, height: 160, fps: 8 },
        speech: SpeechConfig {
            recorded: Some(phrases),
            hold_out: sonovox_simulate::HoldOutConfig { phrasings: false, voices: true },
            ..SpeechConfig::default()
        },
        over_videos: OverVideosConfig {
            folder: Some(videos),
            leave_out: vec!["label_uncertain".to_owned()],
            labels: labels.map(|(label, plane)| (label.to_owned(), plane.to_owned())).into(),
            ..OverVideosConfig::default()
        },
        ..SimulateConfig::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("lung");
    let summary = run(&config, &out, false, &mut |_, _| {}).unwrap();
    println!("{summary}");
    let made = Made {
        study: Study::open(&out).unwrap(),
        truth: serde_json::from_slice(&std::fs::read(out.join("truth.json")).unwrap()).unwrap(),
        videos: rows_of(&out.join("videos.csv")),
    };
    assert_patients_stay_together(&made);
    let used = summary.videos.unwrap();
    assert_eq!((used.videos, used.left_out, used.nameless), (123, 1, 0));
    assert_eq!(used.planes.iter().map(|plane| plane.groups_without).collect::<Vec<_>>(), [0, 0, 1]);
    let mut voices: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for (recording, truth) in made.study.recordings.iter().zip(made.recordings()) {
        let spans = made.study.planes_of(recording).unwrap();
        assert!(spans.iter().map(|span| span.plane).collect::<BTreeSet<_>>().len() >= 2);
        for utterance in truth["utterances"].as_array().unwrap() {
            voices.entry(recording.fold.unwrap()).or_default().insert(utterance["voice"].as_str().unwrap());
        }
        let mut sound = AudioReader::open_embedded(&recording.video).unwrap().expect("sound");
        let (mut block, mut loudest) = (Vec::new(), 0.0_f32);
        while sound.next_block(&mut block).unwrap().is_some() {
            loudest = block.iter().fold(loudest, |loudest, sample| loudest.max(sample.abs()));
        }
        assert!((0.05..1.0).contains(&loudest), "{loudest}");
    }
    let all: Vec<&str> = voices.values().flatten().copied().collect();
    assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "a voice in two folds: {voices:?}");
    let spoken = summary.speech_secs / summary.seconds;
    assert!((0.35..0.6).contains(&spoken), "{spoken}");
}
