//! Text to speech: espeak-ng called as a program, a call to a phrase (about 10 ms each).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::clip::Clip;
use super::{SAMPLE_RATE_HZ, voice::Voice};
use crate::SimulateError;

/// Words a minute at which the figures of [`expected_secs`] were measured.
const USUAL_RATE: f64 = 160.0;

/// How long a text takes at a rate, seconds. Fitted to 57 phrases of 1 to 16 words at 130 to 220 words a minute
/// (espeak-ng 1.51): right to 10 % (standard deviation).
pub fn expected_secs(text: &str, words_per_minute: f64) -> f64 {
    (0.107 + 0.0526 * text.len() as f64) * USUAL_RATE / words_per_minute
}

/// Speaks. Shared by the threads of a run.
pub struct Synthesiser {
    program: PathBuf,
}

impl Synthesiser {
    /// Makes sure that the program can be started.
    ///
    /// # Errors
    /// A program that is not there.
    pub fn new(program: &Path) -> Result<Self, SimulateError> {
        Command::new(program).arg("--version").output().map_err(|error| missing(program, &error))?;
        Ok(Self { program: program.to_owned() })
    }

    /// Says a text with a voice.
    ///
    /// # Errors
    /// A program that cannot be started, fails (unknown voice), or gives something that is no speech.
    pub fn speak(&self, voice: &Voice, text: &str) -> Result<Clip, SimulateError> {
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
        let samples: Vec<f32> = samples.into_iter().map(f32::from).collect();
        Clip::trimmed(&samples).ok_or_else(|| fault("speech", "silence".to_owned()))
    }
}

fn missing(program: &Path, error: &std::io::Error) -> SimulateError {
    SimulateError::NoSynthesiser { program: program.to_owned(), cause: error.to_string() }
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
    fn a_missing_program_says_how_to_install_it() {
        let error = Synthesiser::new(Path::new("/no/such/espeak-ng")).err().unwrap().to_string();
        assert!(error.contains("apt-get install espeak-ng"), "{error}");
    }

    #[test]
    fn speaks_about_as_long_as_expected() {
        let synthesiser = Synthesiser::new(Path::new("espeak-ng")).unwrap();
        let voice = Voice { name: "en-gb-x-rp+f2".to_owned(), pitch: 50, words_per_minute: 170 };
        for text in ["femur length", "there is the four chamber view with the heart beating away"] {
            let seconds = synthesiser.speak(&voice, text).unwrap().seconds();
            assert!((seconds / expected_secs(text, 170.0) - 1.0).abs() < 0.25, "{text}: {seconds} s");
        }
        let unknown = Voice { name: "zz-unknown".to_owned(), ..voice };
        let message = synthesiser.speak(&unknown, "hello").unwrap_err().to_string();
        assert!(message.contains("zz-unknown"), "{message}");
    }
}
