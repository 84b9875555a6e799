//! One test to an input that a study is refused for, with what the message must name.

use sonovox_study::{PlaneList, Split, Study, StudyError};
use sonovox_testkit::TinyStudy;

fn valid() -> TinyStudy {
    TinyStudy::three_recordings()
}

const HEADER: &str = "recording,subject,video,audio,audio_offset_secs,gaze,planes,split\n";

fn with_rows(rows: &str) -> TinyStudy {
    valid().with("recordings.csv", format!("{HEADER}{rows}"))
}

#[track_caller]
fn assert_says(result: Result<impl std::fmt::Debug, StudyError>, parts: &[&str]) {
    let message = result.expect_err("refused").to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in `{message}`");
    }
    assert!(!message.contains('\n'), "one line: {message}");
}

#[track_caller]
fn assert_open_says(study: &TinyStudy, parts: &[&str]) {
    assert_says(Study::open(study.root()), parts);
}

/// What the tables of recording r1 say.
#[track_caller]
fn assert_r1_says(study: &TinyStudy, parts: &[&str]) {
    let study = Study::open(study.root()).expect("only a recording is at fault");
    let r1 = &study.recordings[0];
    let tables = study.planes_of(r1).map(|_| ()).and_then(|()| study.gaze_of(r1).map(|_| ()));
    assert_says(tables, parts);
}

#[test]
fn no_such_folder() {
    assert_says(Study::open(&valid().path("absent")), &["absent: no such folder"]);
}

#[test]
fn a_file_in_place_of_a_folder() {
    assert_says(
        Study::open(&valid().path("study.toml")),
        &["study.toml: expected a study folder", "found a file"],
    );
}

#[test]
fn an_empty_folder() {
    let said = ["expected study.toml with recordings.csv, or videos (mp4, ", "found neither"];
    assert_open_says(&TinyStudy::empty(), &said);
    assert_open_says(&TinyStudy::empty().with("notes.txt", "none of them a video"), &said);
}

#[test]
fn half_a_study() {
    assert_open_says(&valid().without("recordings.csv"), &["expected recordings.csv beside study.toml"]);
    assert_open_says(&valid().without("study.toml"), &["expected study.toml beside recordings.csv"]);
}

#[test]
fn unknown_key() {
    let study = valid().with("study.toml", "name = \"tiny\"\n\nplane = [\"A\"]\n");
    assert_open_says(&study, &["study.toml, line 3: unknown key `plane`", "name, simulated, planes, crop"]);
    let study = valid().with("study.toml", "[crop]\nx = 1\ny = 1\nwidth = 5\nhigh = 5\n");
    assert_open_says(&study, &["study.toml, line 5: unknown key `high`", "x, y, width, height"]);
    let study = valid().with("study.toml", "crop = { x = 1, y = 1, width = 5, height = 5, z = 0 }");
    assert_open_says(&study, &["study.toml, line 1: unknown key `z`"]);
}

#[test]
fn settings_that_do_not_parse() {
    assert_open_says(
        &valid().with("study.toml", "name = \"tiny\"\nplanes = [\"A\"\n"),
        &["study.toml, line "],
    );
    assert_open_says(
        &valid().with("study.toml", "planes = []\nname = 3\n"),
        &["study.toml, line 2:", "expected a string"],
    );
    assert_open_says(&valid().with("study.toml", [0xff, 0x00]), &["study.toml"]);
}

#[test]
fn empty_name() {
    assert_open_says(&valid().with("study.toml", "name = \" \"\n"), &["study.toml, line 1: expected a name"]);
}

#[test]
fn planes_that_are_no_list_of_names() {
    let planes = |list: &str| valid().with("study.toml", format!("planes = {list}\n"));
    assert_open_says(&planes("[\"A\", \"B\", \"A\"]"), &["study.toml, line 1: plane `A` is listed twice"]);
    assert_open_says(&planes("[\"A\", \"\"]"), &["found one that is empty"]);
    assert_open_says(&planes("[\" A\"]"), &["starts or ends with a space: ` A`"]);
    assert_open_says(&planes("[\"A\\nB\"]"), &["control character: `A\\nB`"]);
}

#[test]
fn a_crop_that_is_no_rectangle() {
    let crop = |text: &str| valid().with("study.toml", format!("name = \"t\"\n{text}\n"));
    assert_open_says(
        &crop("crop = { x = 0, y = 0, width = 0, height = 5 }"),
        &["study.toml, line 2: expected a crop of at least 1 x 1", "found 0 x 5"],
    );
    assert_open_says(
        &crop("crop = { x = -1, y = 0, width = 5, height = 5 }"),
        &["study.toml, line 2:", "-1"],
    );
    assert_open_says(
        &crop("crop = { x = 0, y = 0, width = 5 }"),
        &["study.toml, line 2:", "missing field `height`"],
    );
}

#[test]
fn no_recordings_below_the_header() {
    assert_open_says(&with_rows(""), &["recordings.csv: expected at least one recording"]);
    assert_open_says(&with_rows("\n,,,,,,,\n"), &["recordings.csv: expected at least one recording"]);
}

#[test]
fn an_empty_table() {
    assert_open_says(
        &valid().with("recordings.csv", ""),
        &["expected a column `recording`, found no header"],
    );
}

#[test]
fn missing_column() {
    let study = valid().with("recordings.csv", "recording,video\nr1,a.mp4\n");
    assert_open_says(&study, &["recordings.csv: expected a column `subject`, found recording, video"]);
    let study = valid().with("recordings.csv", "recording;subject;video\nr1;s1;a.mp4\n");
    assert_open_says(&study, &["recordings.csv: unknown column `recording;subject;video`"]);
}

#[test]
fn unknown_column() {
    let study = valid().with("recordings.csv", "recording,subject,video,spilt\nr1,s1,a.mp4,test\n");
    assert_open_says(&study, &["recordings.csv: unknown column `spilt`", "audio_offset_secs"]);
}

#[test]
fn repeated_column() {
    let study = valid().with("recordings.csv", "recording,subject,video,video\nr1,s1,a.mp4,b.mp4\n");
    assert_open_says(&study, &["recordings.csv: column `video` stands twice"]);
}

#[test]
fn a_row_of_another_length() {
    assert_open_says(&with_rows("r1,s1,a.mp4,,,,,\nr2,s1,a.mp4\n"), &["line 3: expected 8 cells", "found 3"]);
    assert_open_says(&with_rows("r1,s1,a.mp4,,,,,,\n"), &["line 2: expected 8 cells", "found 9"]);
}

#[test]
fn a_table_in_another_encoding() {
    let latin1 = [HEADER.as_bytes(), b"gr\xf6\xdfe,s1,a.mp4,,,,,\n"].concat();
    assert_open_says(&valid().with("recordings.csv", latin1), &["recordings.csv, line 2", "UTF-8"]);
    let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_open_says(&valid().with("recordings.csv", utf16), &["recordings.csv"]);
}

#[test]
fn recording_listed_twice() {
    let study = with_rows("r1,s1,a.mp4,,,,,\nr2,s1,b.mp4,,,,,\nr1,s2,c.mp4,,,,,\n");
    assert_open_says(&study, &["recordings.csv, line 4: recording `r1` is listed twice, first in line 2"]);
}

#[test]
fn empty_recording_subject_or_video() {
    for (row, column) in [(",s1,a.mp4", "recording"), ("r1, ,a.mp4", "subject"), ("r1,s1,", "video")] {
        let study = with_rows(&format!("{row},,,,,\n"));
        assert_open_says(&study, &["line 2", &format!("column `{column}`"), "found an empty cell"]);
    }
}

#[test]
fn names_that_cannot_be_written_again() {
    assert_open_says(
        &with_rows("\"r\n1\",s1,a.mp4,,,,,\n"),
        &["column `recording`", "without control characters"],
    );
    let long = "x".repeat(1001);
    assert_open_says(
        &with_rows(&format!("r1,{long},a.mp4,,,,,\n")),
        &["column `subject`", "at most 1000 bytes"],
    );
}

#[test]
fn bad_number() {
    for offset in ["half", "nan", "inf", "0,5", "1e999"] {
        let study = with_rows(&format!("r1,s1,a.mp4,a.wav,\"{offset}\",,,\n"));
        assert_open_says(&study, &["line 2: column `audio_offset_secs`: expected a finite number", offset]);
    }
}

#[test]
fn an_offset_of_nothing() {
    let study = with_rows("r1,s1,a.mp4,,0.5,,,\n");
    assert_open_says(&study, &["line 2: column `audio_offset_secs`", "no audio file", "0.5"]);
}

#[test]
fn an_unknown_part_of_the_split() {
    let study = with_rows("r1,s1,a.mp4,,,,,val\n");
    assert_open_says(&study, &["line 2: column `split`: expected train, validation, test", "found `val`"]);
}

#[test]
fn subject_on_both_sides_of_a_given_split() {
    let study = with_rows("r1,s1,a.mp4,,,,,train\nr2,s2,b.mp4,,,,,test\nr3,s1,c.mp4,,,,,test\n");
    assert_open_says(&study, &["recordings.csv, lines 2 and 4: subject `s1` is in `test` and in `train`"]);
}

#[test]
fn a_fold_that_is_no_whole_number() {
    for fold in ["-1", "1.5", "one", "99999999999"] {
        let study =
            valid().with("recordings.csv", format!("recording,subject,video,fold\nr1,s1,a.mp4,{fold}\n"));
        let found = format!("found `{fold}`");
        assert_open_says(&study, &["line 2: column `fold`: expected a whole number from 0", &found]);
    }
}

#[test]
fn subject_in_two_folds() {
    let rows = "recording,subject,video,fold\nr1,s1,a.mp4,0\nr2,s2,b.mp4,1\nr4,s1,d.mp4,\nr3,s1,c.mp4,1\n";
    assert_open_says(
        &valid().with("recordings.csv", rows),
        &["recordings.csv, lines 2 and 5: subject `s1` is in fold 1 and in fold 0"],
    );
}

#[test]
fn files_that_are_missing_empty_or_folders() {
    let check =
        |study: &TinyStudy, i: usize| Study::open(study.root()).expect("open").recordings[i].check_files();
    assert_says(
        check(&valid().without("videos/r1.mp4"), 0),
        &["recording `r1`: video file", "r1.mp4: no such file"],
    );
    assert_says(
        check(&valid().with("videos/r1.mp4", ""), 0),
        &["recording `r1`", "r1.mp4: the file is empty"],
    );
    assert_says(check(&valid().without("audio/r2.wav"), 1), &["recording `r2`: audio file", "no such file"]);
    assert_says(check(&valid().without("gaze/r1.csv"), 0), &["recording `r1`: gaze file", "no such file"]);
    assert_says(
        check(&valid().without("planes/r1.csv"), 0),
        &["recording `r1`: planes file", "no such file"],
    );
    assert_says(
        check(&with_rows("r1,s1,videos,,,,,\n"), 0),
        &["recording `r1`: video file", "expected a file"],
    );
    check(&valid(), 0).expect("all there");
    // the others are none the worse for it
    check(&valid().without("videos/r1.mp4"), 2).expect("all there");
}

#[test]
fn plane_not_in_the_list() {
    let study = valid().with("planes/r1.csv", "start_secs,end_secs,plane\n0,1,A\n1,2,C\n");
    assert_r1_says(&study, &["planes/r1.csv, line 3: plane `C` is not in study.toml; its planes are A, B"]);
    let study = study.with("study.toml", "");
    assert_r1_says(&study, &["line 2: plane `A` is not in study.toml; its planes are none"]);
}

#[test]
fn overlapping_plane_rows() {
    let study = valid().with("planes/r1.csv", "start_secs,end_secs,plane\n5,6,A\n0,2,A\n1.5,3,B\n");
    let said = ["planes/r1.csv, line 4: the row from 1.5 s overlaps the one in line 3, which ends at 2 s"];
    assert_r1_says(&study, &said);
    let study = valid().with("planes/r1.csv", "start_secs,end_secs,plane\n0,10,A\n2,3,B\n5,6,B\n");
    assert_r1_says(&study, &["line 3: the row from 2 s overlaps the one in line 2"]);
}

#[test]
fn plane_rows_that_take_no_time() {
    for (start, end) in [("1", "1"), ("2", "1")] {
        let study = valid().with("planes/r1.csv", format!("start_secs,end_secs,plane\n{start},{end},A\n"));
        assert_r1_says(
            &study,
            &[
                "line 2: expected end_secs after start_secs",
                &format!("start_secs {start} and end_secs {end}"),
            ],
        );
    }
}

#[test]
fn plane_rows_without_numbers() {
    let study = valid().with("planes/r1.csv", "start_secs,end_secs,plane\nNaN,1,A\n");
    assert_r1_says(
        &study,
        &["planes/r1.csv, line 2: column `start_secs`: expected a finite number", "`NaN`"],
    );
    let study = valid().with("planes/r1.csv", "start_secs,end_secs,plane\n0,,A\n");
    assert_r1_says(&study, &["line 2: column `end_secs`: expected a number, found an empty cell"]);
    let study = valid().with("planes/r1.csv", "start_secs,end_secs,label\n0,1,A\n");
    assert_r1_says(&study, &["planes/r1.csv: expected a column `plane`, found start_secs, end_secs, label"]);
}

#[test]
fn gaze_outside_the_frame() {
    for (x, y, axis) in [("1.01", "0.5", "x"), ("0.5", "-0.1", "y")] {
        let study = valid().with("gaze/r1.csv", format!("time_secs,x,y,valid\n0,{x},{y},1\n"));
        assert_r1_says(&study, &["gaze/r1.csv, line 2", &format!("column `{axis}`: expected 0 to 1")]);
    }
}

#[test]
fn gaze_that_runs_backwards() {
    let study = valid().with("gaze/r1.csv", "time_secs,x,y,valid\n0.2,0,0,1\n0.2,1,1,1\n0.1,0,0,0\n");
    assert_r1_says(&study, &["gaze/r1.csv, line 4: gaze runs backwards", "at least 0.2, found 0.1"]);
}

#[test]
fn gaze_without_numbers() {
    let gaze = |row: &str| valid().with("gaze/r1.csv", format!("time_secs,x,y,valid\n{row}\n"));
    assert_r1_says(&gaze("nan,0.5,0.5,1"), &["line 2: column `time_secs`: expected a finite number"]);
    assert_r1_says(&gaze("nan,0.5,0.5,0"), &["line 2: column `time_secs`"]);
    assert_r1_says(&gaze("0,nan,0.5,1"), &["line 2: column `x`: expected a finite number", "`nan`"]);
    assert_r1_says(&gaze("0,0.5,,1"), &["line 2: column `y`", "empty cell"]);
    assert_r1_says(
        &gaze("0,0.5,up,0"),
        &["line 2: column `y`: expected a number, nan or an empty cell", "`up`"],
    );
    assert_r1_says(
        &gaze("0,0.5,0.5,yes"),
        &["line 2: column `valid`: expected 1, 0, true or false", "`yes`"],
    );
    assert_r1_says(&gaze("0,0.5,0.5,"), &["line 2: column `valid`: expected 1 or 0, found an empty cell"]);
    let study = valid().with("gaze/r1.csv", "time_secs,x,y\n0,0.5,0.5\n");
    assert_r1_says(&study, &["gaze/r1.csv: expected a column `valid`"]);
}

#[test]
fn a_table_that_is_not_there() {
    assert_r1_says(&valid().without("gaze/r1.csv"), &["gaze/r1.csv: No such file"]);
}

#[test]
fn studies_that_would_not_be_read_back_are_not_written() {
    let written = |edit: &dyn Fn(&mut Study)| {
        let folder = valid();
        let mut study = Study::open(folder.root()).expect("valid");
        edit(&mut study);
        study.root = folder.path("new");
        study.write()
    };
    assert_says(
        written(&|s| s.recordings[1].id = "r1".into()),
        &["study `tiny`: recording `r1` is listed twice"],
    );
    assert_says(
        written(&|s| s.recordings[1].subject = " s".into()),
        &["the name ` s` starts or ends with a space"],
    );
    assert_says(written(&|s| s.recordings.clear()), &["study `tiny`: no recordings"]);
    assert_says(written(&|s| s.name = String::new()), &["the name `` is empty"]);
    assert_says(
        written(&|s| {
            (s.recordings[0].split, s.recordings[1].split) = (Some(Split::Train), Some(Split::Test));
        }),
        &["study `tiny`: subject `s1` is in `test` and in `train`"],
    );
    assert_says(
        written(&|s| (s.recordings[0].fold, s.recordings[1].fold) = (Some(0), Some(1))),
        &["study `tiny`: subject `s1` is in fold 1 and in fold 0"],
    );
    PlaneList::new(vec!["A".into(), "A".into()]).expect_err("twice");
}
