//! The speech of one recording: decoded block by block, laid on the video's clock, resampled, and turned into
//! spectrogram rows and voice activity. Memory does not grow with its length.

use std::io::{self, Read};
use std::path::Path;

use half::f16;
use sonovox_media::{AudioReader, MediaError};
use sonovox_speech::{
    Resampler, SpectrogramConfig, SpectrogramStream, SpeechError, VOICED_FROM, VoiceStream,
};

use crate::cancel::Cancel;
use crate::error::{RecordingError, WorkError};
use crate::spool::{RowShape, Spool, SpooledRows};
use crate::timeline::Timeline;
use crate::{Incomplete, PreprocessConfig, PreprocessError};

/// A track whose loudest sample is below this (-80 dB of full scale) is silent: dither and codecs reach -90 dB.
const SILENT_BELOW: f32 = 1e-4;

/// The stretch of the recording's clock that the frames cover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    /// Time of the first frame, seconds.
    pub start_secs: f64,
    /// End of the last frame, seconds.
    pub end_secs: f64,
}

/// The sound of a recording, ready to be written into its clip.
pub(crate) struct Sound {
    /// One value to a row, 0 to 1.
    voice: Vec<f16>,
    /// The rows; `None` where nothing is heard: all `silence`.
    rows: Option<SpooledRows>,
    n_bands: usize,
    silence: f16,
    /// What was left out, by cause.
    pub left_out: Vec<(&'static str, u64)>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl Sound {
    /// Nothing heard: as many rows as the stretch is long, all silent and unvoiced.
    pub fn silence(stretch: Stretch, spectrogram: &SpectrogramConfig, note: &str) -> Self {
        let rate = f64::from(spectrogram.sample_rate_hz());
        let samples = ((stretch.end_secs - stretch.start_secs) * rate).round().max(0.0) as u64;
        let voice = vec![f16::ZERO; spectrogram.rows_of(samples) as usize];
        let notes = vec![note.to_owned()];
        let silence = f16::from_f32(spectrogram.silence());
        Self { voice, rows: None, n_bands: spectrogram.n_bands(), silence, left_out: Vec::new(), notes }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.voice.len()
    }

    /// Whether anything is heard.
    pub fn is_heard(&self) -> bool {
        self.rows.is_some()
    }

    /// Share of the rows with a voice.
    pub fn voiced_share(&self) -> f64 {
        let voiced = self.voice.iter().filter(|value| value.to_f32() >= VOICED_FROM).count();
        voiced as f64 / self.voice.len().max(1) as f64
    }

    /// The voice values, and the levelled rows as little-endian f16.
    pub fn into_parts(self) -> io::Result<(Vec<f16>, Box<dyn Read>)> {
        let bytes = self.voice.len() * self.n_bands * 2;
        let rows: Box<dyn Read> = match self.rows {
            None => Box::new(Repeated::new(self.silence).take(bytes as u64)),
            Some(rows) => Box::new(rows.levelled()?),
        };
        Ok((self.voice, rows))
    }
}

/// One value without end, as little-endian f16.
struct Repeated {
    bytes: [u8; 2],
    given: usize,
}

impl Repeated {
    fn new(value: f16) -> Self {
        Self { bytes: value.to_le_bytes(), given: 0 }
    }
}

impl Read for Repeated {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        for byte in &mut *out {
            *byte = self.bytes[self.given % 2];
            self.given += 1;
        }
        Ok(out.len())
    }
}

/// Reads all of `audio`, whose own clock starts at `offset_secs` of the recording's, into rows over `stretch`. The rows
/// wait in an unnamed file in `spool_dir`.
pub(crate) fn hear(
    mut audio: AudioReader,
    path: &Path,
    offset_secs: f64,
    stretch: Stretch,
    config: &PreprocessConfig,
    spool_dir: &Path,
    cancel: &Cancel,
) -> Result<Sound, WorkError> {
    let io_fault = |source| PreprocessError::Io { path: spool_dir.to_owned(), source };
    let rate = audio.facts().sample_rate_hz;
    let mut timeline = Timeline::new(rate, stretch.start_secs, stretch.end_secs);
    let mut ear = Ear::new(rate, config, Spool::create(spool_dir).map_err(io_fault)?)
        .map_err(|source| RecordingError::Speech { path: path.to_owned(), source })?;
    let mut notes = Vec::new();
    let mut block = Vec::new();
    loop {
        cancel.check()?;
        match audio.next_block(&mut block) {
            Ok(Some(secs)) => timeline.lay(secs + offset_secs, &block, &mut |samples| ear.take(samples)),
            Ok(None) => break,
            Err(error) => {
                notes.push(format!("sound {}", tolerate(error, config.incomplete)?));
                break;
            }
        }
    }
    timeline.finish(&mut |samples| ear.take(samples));
    let millis = |samples: u64| samples * 1000 / u64::from(rate);
    let mut left_out = vec![
        ("ms of sound outside of the video", millis(timeline.outside)),
        ("ms of sound that overlaps", millis(timeline.overlapping)),
        ("sound samples that are no numbers", ear.resampler.non_finite()),
        ("sound packets that could not be decoded", audio.losses().refused_packets),
    ];
    left_out.retain(|(_, count)| *count > 0);
    if ear.loudest < SILENT_BELOW {
        let mut silence = Sound::silence(stretch, &config.spectrogram, "the sound is silent");
        silence.notes.extend(notes);
        return Ok(Sound { left_out, ..silence });
    }
    let (voice, rows) = ear.finish(&timeline, &config.spectrogram).map_err(io_fault)?;
    let (n_bands, silence) = (config.spectrogram.n_bands(), f16::from_f32(config.spectrogram.silence()));
    Ok(Sound { voice, rows: Some(rows), n_bands, silence, left_out, notes })
}

/// A note on a stream that is not all there, where it may be kept.
pub(crate) fn tolerate(error: MediaError, policy: Incomplete) -> Result<String, WorkError> {
    let MediaError::Incomplete { losses, .. } = &error else { return Err(error.into()) };
    let breaks_off = losses.read_fault.is_some() || losses.expected_secs.is_some();
    if breaks_off && policy == Incomplete::Refuse {
        return Err(error.into());
    }
    Ok(format!("could not be read to its end: {losses}"))
}

/// Turns the signal, at the recording's rate, into rows and voice values.
struct Ear {
    resampler: Resampler,
    spectrogram: SpectrogramStream,
    voice: VoiceStream,
    spool: Spool,
    voices: Vec<f32>,
    /// Absolute value of the loudest sample.
    loudest: f32,
    /// Buffers of one block: samples at the working rate, and rows.
    samples: Vec<f32>,
    rows: Vec<f32>,
}

impl Ear {
    fn new(rate_hz: u32, config: &PreprocessConfig, spool: Spool) -> Result<Self, SpeechError> {
        let working_hz = config.spectrogram.sample_rate_hz();
        Ok(Self {
            resampler: Resampler::new(rate_hz, working_hz)?,
            spectrogram: SpectrogramStream::new(&config.spectrogram)?,
            voice: config.voice.stream(working_hz, config.spectrogram.hop_length())?,
            spool,
            voices: Vec::new(),
            loudest: 0.0,
            samples: Vec::new(),
            rows: Vec::new(),
        })
    }

    fn take(&mut self, samples: &[f32]) {
        // `max` passes over NaN, which the resampler takes as 0 as well
        let finite = samples.iter().filter(|sample| sample.is_finite());
        self.loudest = finite.fold(self.loudest, |loudest, sample| loudest.max(sample.abs()));
        self.samples.clear();
        self.resampler.push(samples, &mut self.samples);
        self.rows.clear();
        self.spectrogram.push(&self.samples, &mut self.rows);
        self.spool.push(&self.rows);
        self.voice.push(&self.samples, &mut self.voices);
    }

    fn finish(self, timeline: &Timeline, config: &SpectrogramConfig) -> io::Result<(Vec<f16>, SpooledRows)> {
        let Self {
            resampler, mut spectrogram, mut voice, mut spool, mut voices, mut samples, mut rows, ..
        } = self;
        samples.clear();
        resampler.finish(&mut samples);
        rows.clear();
        spectrogram.push(&samples, &mut rows);
        spectrogram.finish(&mut rows);
        spool.push(&rows);
        voice.push(&samples, &mut voices);
        voice.finish(&mut voices);
        let shape = RowShape { rows: voices.len(), n_bands: config.n_bands(), hop_secs: config.hop_secs() };
        let rows = spool.finish(shape, config.top_db(), timeline.coverage())?;
        Ok((voices.into_iter().map(f16::from_f32).collect(), rows))
    }
}
