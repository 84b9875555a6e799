//! kill -9 at many moments: what is left is an artifact or can be resumed to the very same one.

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sonovox_artifact::{Artifact, ArtifactError, ArtifactWriter, Begin, OnExisting, Stage};
use support::{Place, begin, finish, write_weights};

const OUT: &str = "SONOVOX_KILL_TEST_OUT";
const MODE: &str = "SONOVOX_KILL_TEST_MODE";
const FILES: usize = 12;

fn new_run() -> Begin {
    Begin { seed: 99, ..begin() }
}

/// Writes what is not there yet.
fn write_artifact(out: &Path, existing: OnExisting) -> Result<Artifact, ArtifactError> {
    let mut writer = ArtifactWriter::create(out, new_run(), existing)?;
    writer.exclude_from_hash("events");
    for i in 0..FILES {
        let name = format!("w{i}.safetensors");
        if !writer.dir().join(&name).exists() {
            write_weights(writer.dir(), &name, &vec![i as f32; 50_000]);
        }
    }
    std::fs::write(writer.dir().join("events.jsonl"), format!("{:?}", Instant::now())).expect("written");
    Ok(finish(writer))
}

/// Not a test of its own: the process that the others kill.
#[test]
fn child() {
    let (Some(out), Some(mode)) = (std::env::var_os(OUT), std::env::var_os(MODE)) else { return };
    let existing = if mode == "overwrite" { OnExisting::Overwrite } else { OnExisting::Resume };
    match write_artifact(Path::new(&out), existing) {
        Ok(_) | Err(ArtifactError::AlreadyFinished { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

fn spawn(out: &Path, mode: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "child", "--nocapture"]).env(OUT, out).env(MODE, mode);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a child")
}

/// Kills runs later and later until one ends by itself, then one that starts from where the last was killed.
fn kill_until_done(place: &Place, mut mode: &'static str, check: impl Fn()) -> usize {
    let mut kills = 0;
    // steps that grow: some 40 kills, however fast the machine is
    let mut wait = Duration::from_millis(2);
    loop {
        let mut child = spawn(&place.out(), mode);
        std::thread::sleep(wait);
        wait = wait.mul_f64(1.15);
        if child.try_wait().expect("asked").is_some() {
            let ended = child.wait_with_output().expect("ended");
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            return kills;
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        kills += 1;
        check();
        if place.partial().join("begin.json").exists() {
            // the overwriting run has begun: from now on it is that one which is to be finished
            mode = "resume";
        }
    }
}

fn undisturbed() -> String {
    write_artifact(&Place::new().out(), OnExisting::Refuse).expect("finished").hash()
}

#[test]
fn a_run_killed_again_and_again_ends_in_the_same_artifact() {
    let place = Place::new();
    let kills = kill_until_done(&place, "resume", || {
        if place.out().exists() {
            Artifact::open(&place.out(), Stage::Pretrain).expect("whole").verify().expect("whole");
        }
    });
    assert!(kills > 0, "no run was killed");
    let artifact = Artifact::open(&place.out(), Stage::Pretrain).expect("whole");
    artifact.verify().expect("whole");
    assert_eq!(artifact.hash(), undisturbed());
    assert!(!place.partial().exists());
}

#[test]
fn an_artifact_is_there_throughout_a_killed_overwrite() {
    let place = Place::new();
    let old = support::make(&place, OnExisting::Refuse).hash();
    let new = undisturbed();
    kill_until_done(&place, "overwrite", || match Artifact::open(&place.out(), Stage::Pretrain) {
        Ok(found) => {
            found.verify().expect("whole");
            assert!([&old, &new].contains(&&found.hash()));
        }
        // between the two renames the new one lies complete in the working folder
        Err(_) => assert!(place.partial().join("manifest.json").exists()),
    });
    assert_eq!(Artifact::open(&place.out(), Stage::Pretrain).expect("whole").hash(), new);
    assert!(!place.partial().exists() && !place.replaced().exists());
}
