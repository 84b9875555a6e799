//! Text to speech: espeak-ng called as a program, each text and voice once a run.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use super::SAMPLE_RATE_HZ;
use super::voice::Voice;
use crate::SimulateError;

/// A spoken phrase, without the silence around it, at [`SAMPLE_RATE_HZ`] with an RMS of 1.
#[derive(PartialEq)]
pub struct Clip {
    /// mono samples
    pub samples: Vec<f32>,
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // not the samples: a failing test would print a hundred thousand numbers
        write!(f, "Clip({:.3} s)", self.seconds())
    }
}

impl Clip {
    /// Length, seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(SAMPLE_RATE_HZ)
    }
}

/// Speaks; keeps what was spoken. Shared by the threads of a run.
pub struct Synthesiser {
    program: PathBuf,
    /// one cell to a phrase, so that two threads that want the same one wait for one call
    spoken: Mutex<HashMap<(Voice, String), Cell>>,
}

type Cell = Arc<OnceLock<Arc<Clip>>>;

impl Synthesiser {
    /// Makes sure that the program can be started.
    ///
    /// # Errors
    /// A program that is not there.
    pub fn new(program: &Path) -> Result<Self, SimulateError> {
        Command::new(program).arg("--version").output().map_err(|error| missing(program, &error))?;
        Ok(Self { program: program.to_owned(), spoken: Mutex::default() })
    }

    /// Says a text with a voice.
    ///
    /// # Errors
    /// A program that cannot be started, fails (unknown voice), or gives something that is no speech.
    pub fn speak(&self, voice: &Voice, text: &str) -> Result<Arc<Clip>, SimulateError> {
        let cell = {
            let mut spoken = self.spoken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            spoken.entry((voice.clone(), text.to_owned())).or_default().clone()
        };
        if let Some(clip) = cell.get() {
            return Ok(clip.clone());
        }
        let clip = Arc::new(self.call(voice, text)?);
        Ok(cell.get_or_init(|| clip).clone())
    }

    /// Phrases spoken so far.
    pub fn phrases_spoken(&self) -> usize {
        self.spoken.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len()
    }

    fn call(&self, voice: &Voice, text: &str) -> Result<Clip, SimulateError> {
        let output = Command::new(&self.program)
            .args([
                "-v",
                &voice.name,
                "-p",
                &voice.pitch.to_string(),
                "-s",
                &voice.words_per_minute.to_string(),
            ])
            .args(["-z", "--stdout", "--", text])
            .output()
            .map_err(|error| missing(&self.program, &error))?;
        let fault = |expected: &str, found: String| SimulateError::Synthesis {
            program: self.program.clone(),
            voice: voice.name.clone(),
            text: text.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(fault("exit status 0", format!("{}: {words}", output.status)));
        }
        let samples = read_wav(&output.stdout)
            .map_err(|found| fault("16-bit mono WAV at 22050 Hz on its standard output", found))?;
        Clip::trimmed(&samples).ok_or_else(|| fault("speech", "silence".to_owned()))
    }
}

fn missing(program: &Path, error: &std::io::Error) -> SimulateError {
    SimulateError::NoSynthesiser { program: program.to_owned(), cause: error.to_string() }
}

impl Clip {
    /// Cuts the silence off both ends and sets the level; `None` for silence.
    fn trimmed(samples: &[i16]) -> Option<Self> {
        let peak = samples.iter().map(|s| s.unsigned_abs()).max()?;
        // 36 dB under the peak is breath and decay
        let threshold = (peak / 64).max(1);
        let first = samples.iter().position(|s| s.unsigned_abs() >= threshold)?;
        let last = samples.iter().rposition(|s| s.unsigned_abs() >= threshold)?;
        let kept: Vec<f32> = samples[first..=last].iter().map(|&s| f32::from(s)).collect();
        let power = kept.iter().map(|s| f64::from(s * s)).sum::<f64>() / kept.len() as f64;
        let per_rms = (1.0 / power.sqrt()) as f32;
        Some(Self { samples: kept.into_iter().map(|s| s * per_rms).collect() })
    }
}

/// Samples of a WAV stream; its sizes are not to be trusted, since it was written to a pipe.
fn read_wav(bytes: &[u8]) -> Result<Vec<i16>, String> {
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        return Err(format!("{} bytes that are no WAV", bytes.len()));
    }
    let mut rest = &bytes[12..];
    let mut has_format = false;
    while rest.len() >= 8 {
        let (id, size) = (&rest[..4], u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize);
        let body = &rest[8..rest.len().min(8 + size)];
        match id {
            b"fmt " => {
                check_format(body)?;
                has_format = true;
            }
            b"data" if has_format => {
                return Ok(body.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect());
            }
            _ => {}
        }
        // chunks are padded to an even length
        rest = &rest[rest.len().min(8 + size + size % 2)..];
    }
    Err("a WAV without sound".to_owned())
}

fn check_format(body: &[u8]) -> Result<(), String> {
    if body.len() < 16 {
        return Err("a WAV with a short header".to_owned());
    }
    let short = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
    let rate = u32::from_le_bytes([body[4], body[5], body[6], body[7]]);
    match (short(0), short(2), rate, short(14)) {
        (1, 1, SAMPLE_RATE_HZ, 16) => Ok(()),
        (kind, channels, rate, bits) => {
            Err(format!("WAV format {kind}, {channels} channels, {rate} Hz, {bits} bit"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(rate.to_le_bytes());
        bytes.extend((2 * rate).to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data\xff\xff\xff\x7f");
        bytes.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        bytes
    }

    #[test]
    fn reads_a_streamed_wav_and_refuses_other_things() {
        assert_eq!(read_wav(&wav(22_050, &[1, -2, 3])).unwrap(), [1, -2, 3]);
        assert!(read_wav(&wav(16_000, &[1])).unwrap_err().contains("16000 Hz"));
        assert!(read_wav(b"Error: no such voice").is_err());
        assert!(read_wav(&wav(22_050, &[])[..30]).is_err());
    }

    #[test]
    fn clips_are_trimmed_and_level() {
        let samples: Vec<i16> =
            [0, 0, 1].into_iter().chain((0..100).map(|i| 1000 - 20 * i)).chain([0; 9]).collect();
        let clip = Clip::trimmed(&samples).unwrap();
        let rms = (clip.samples.iter().map(|s| s * s).sum::<f32>() / clip.samples.len() as f32).sqrt();
        assert!((rms - 1.0).abs() < 1e-3);
        assert_eq!(clip.samples.len(), 100);
        assert_eq!(Clip::trimmed(&[0, 0]), None);
    }

    #[test]
    fn a_missing_program_says_how_to_install_it() {
        let error = Synthesiser::new(Path::new("/no/such/espeak-ng")).err().unwrap().to_string();
        assert!(error.contains("apt-get install espeak-ng"), "{error}");
    }

    #[test]
    fn speaks_and_remembers() {
        let synthesiser = Synthesiser::new(Path::new("espeak-ng")).unwrap();
        let voice = Voice::draw(1, 0);
        let first = synthesiser.speak(&voice, "there is the femur").unwrap();
        let again = synthesiser.speak(&voice, "there is the femur").unwrap();
        assert!(Arc::ptr_eq(&first, &again) && synthesiser.phrases_spoken() == 1);
        assert!((0.5..3.0).contains(&first.seconds()), "{}", first.seconds());
        let unknown = Voice { name: "zz-unknown".to_owned(), ..voice };
        let message = synthesiser.speak(&unknown, "hello").unwrap_err().to_string();
        assert!(message.contains("zz-unknown"), "{message}");
    }
}
