//! Opening a file with FFmpeg, choosing its streams, and reading packets without swallowing errors.
#![allow(unsafe_code)] // FFmpeg's structs; the wrapper's `input` panics on paths that are not UTF-8

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, ptr};

use video_rs::ffmpeg::{Dictionary, Error as AvError, Packet, Rational, ffi, format, media};

use crate::ending::{self, StatedEnd};
use crate::{MediaError, log};

/// What a packet or file that is shorter than it should be means.
const CUT_OFF: &str = "the file is cut off";

/// A demuxer that finds nothing readable this many times in a row has lost its way.
const MAX_BAD_READS: u32 = 1000;

/// An open file and its path.
pub(crate) struct Input {
    pub path: PathBuf,
    pub context: format::context::Input,
    /// What FFmpeg complained of while it looked for the streams, although it opened the file.
    pub complaint: Option<&'static str>,
}

/// One step of reading.
pub(crate) enum Step {
    /// A packet of the chosen stream lies in the source.
    Packet,
    /// The file is read through.
    End,
    /// Reading broke off; the words say why.
    Fault(String),
}

/// Opens a file and reads enough of it to know its streams.
///
/// # Errors
/// A file that does not exist, is no regular file, is empty, may not be read, or is not media: each its own error.
pub(crate) fn open(path: &Path) -> Result<Input, MediaError> {
    log::silence();
    check_file(path)?;
    let url = url_of(path)?;
    log::take_cause();
    // SAFETY: `url` outlives the call; on success `context` is a valid, exclusively owned format context and is
    // handed to the wrapper at once, which closes it; on failure FFmpeg has freed it. `options` is owned here and
    // handed back to be freed.
    unsafe {
        let mut options = Dictionary::new();
        // a playlist dressed up as a video must not reach out to the network
        options.set("protocol_whitelist", "file");
        let mut options = options.disown();
        let mut context = ptr::null_mut();
        let code = ffi::avformat_open_input(&mut context, url.as_ptr(), ptr::null(), &mut options);
        drop(Dictionary::own(options));
        if code < 0 {
            return Err(not_media(path, code));
        }
        let mut context = format::context::Input::wrap(context);
        let code = ffi::avformat_find_stream_info(context.as_mut_ptr(), ptr::null_mut());
        if code < 0 {
            return Err(not_media(path, code));
        }
        Ok(Input { path: path.to_owned(), context, complaint: log::take_cause() })
    }
}

pub(crate) fn check_file(path: &Path) -> Result<(), MediaError> {
    let path_buf = || path.to_owned();
    let unreadable =
        |error: std::io::Error| MediaError::Unreadable { path: path_buf(), cause: error.to_string() };
    let facts = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => MediaError::NoSuchFile { path: path_buf() },
        _ => unreadable(error),
    })?;
    if !facts.is_file() {
        return Err(MediaError::NotAFile { path: path_buf() });
    }
    if facts.len() == 0 {
        return Err(MediaError::Empty { path: path_buf() });
    }
    fs::File::open(path).map(drop).map_err(unreadable)
}

/// The path as FFmpeg's `file:` URL, so that a colon in a name is not taken for a protocol.
pub(crate) fn url_of(path: &Path) -> Result<CString, MediaError> {
    let mut bytes = b"file:".to_vec();
    bytes.extend_from_slice(path.as_os_str().as_bytes());
    CString::new(bytes).map_err(|_| MediaError::Unreadable {
        path: path.to_owned(),
        cause: "its name holds a NUL character".into(),
    })
}

fn not_media(path: &Path, code: i32) -> MediaError {
    let cause = match log::take_cause() {
        Some(cause) => cause.to_owned(),
        None => AvError::from(code).to_string().to_lowercase(),
    };
    MediaError::NotMedia { path: path.to_owned(), cause }
}

impl Input {
    /// The index of the stream of this kind that a player would choose; cover pictures are not video.
    pub fn best_stream(&self, kind: media::Type) -> Option<usize> {
        let is_cover = |stream: &video_rs::ffmpeg::Stream| {
            stream.disposition().contains(format::stream::Disposition::ATTACHED_PIC)
        };
        let best = self.context.streams().best(kind).filter(|stream| !is_cover(stream));
        let any = || self.context.streams().find(|s| s.parameters().medium() == kind && !is_cover(s));
        best.or_else(any).map(|stream| stream.index())
    }

    /// The kinds and codecs of all streams, for messages: "audio (mp3)".
    pub fn describe_streams(&self) -> String {
        let words: Vec<String> = self
            .context
            .streams()
            .map(|stream| {
                let parameters = stream.parameters();
                let kind = format!("{:?}", parameters.medium()).to_lowercase();
                format!("{kind} ({})", codec_name(parameters.id()))
            })
            .collect();
        if words.is_empty() { "no stream at all".into() } else { words.join(", ") }
    }
}

/// FFmpeg's name of a codec, e.g. `h264`.
pub(crate) fn codec_name(id: video_rs::ffmpeg::codec::Id) -> String {
    id.name().to_owned()
}

/// `None` where FFmpeg has no value.
pub(crate) fn known_time(value: i64, base: Rational) -> Option<f64> {
    (value != ffi::AV_NOPTS_VALUE).then(|| value as f64 * seconds_per_tick(base))
}

/// Length of a tick in seconds; 0 for a time base with no denominator.
pub(crate) fn seconds_per_tick(base: Rational) -> f64 {
    if base.denominator() == 0 { 0.0 } else { f64::from(base.numerator()) / f64::from(base.denominator()) }
}

/// The packets of one stream of a file.
pub(crate) struct PacketSource {
    pub input: Input,
    pub stream: usize,
    pub packet: Packet,
    /// Where the packets seen so far end, over all streams read, seconds.
    pub reached_secs: f64,
    /// Where the container says that the file (or the stream) ends, seconds, and whether that is the stream's own.
    pub stated_end: Option<StatedEnd>,
    /// The last packet is shorter than its container says.
    last_is_cut: bool,
    /// A place could not be read, and reading went on behind it.
    damage: Option<String>,
}

impl PacketSource {
    /// Chooses one stream; the others are skipped in the demuxer, unless they are needed to know where the file ends.
    pub fn new(mut input: Input, stream: usize) -> Self {
        let stated_end = ending::stated_end(&input, stream);
        let skip_others = stated_end.is_none_or(|end| end.of_stream);
        for index in 0..input.context.nb_streams() as usize {
            let wanted = index == stream || !skip_others;
            let discard =
                if wanted { ffi::AVDiscard::AVDISCARD_DEFAULT } else { ffi::AVDiscard::AVDISCARD_ALL };
            // SAFETY: `index` is below the number of streams of a context that is owned here.
            unsafe { (**(*input.context.as_mut_ptr()).streams.add(index)).discard = discard };
        }
        let packet = Packet::empty();
        Self {
            input,
            stream,
            packet,
            reached_secs: f64::NEG_INFINITY,
            stated_end,
            last_is_cut: false,
            damage: None,
        }
    }

    /// Reads on to the next packet of the chosen stream, over damaged places if need be.
    pub fn advance(&mut self) -> Step {
        log::take_cause();
        let mut bad_reads = 0;
        loop {
            // FFmpeg overwrites a packet without letting go of the data that it held
            self.packet = Packet::empty();
            match self.packet.read(&mut self.input.context) {
                Ok(()) => {}
                Err(AvError::Eof) => return self.end(),
                Err(AvError::InvalidData) if bad_reads < MAX_BAD_READS => {
                    bad_reads += 1;
                    self.damage = Some(fault(AvError::InvalidData));
                    continue;
                }
                Err(error) => return Step::Fault(fault(error)),
            }
            self.note_reached();
            if self.packet.stream() == self.stream {
                self.last_is_cut = self.packet.is_corrupt();
                return Step::Packet;
            }
        }
    }

    /// End of file; FFmpeg reports an end also where the file could not be read on.
    fn end(&self) -> Step {
        // SAFETY: the context is open; `pb` is null for formats that do their own reading.
        let error = unsafe {
            let io = (*self.input.context.as_ptr()).pb;
            if io.is_null() { 0 } else { (*io).error }
        };
        if error < 0 && AvError::from(error) != AvError::Eof {
            return Step::Fault(fault(AvError::from(error)));
        }
        match log::take_cause().map(str::to_owned).or_else(|| self.damage.clone()) {
            Some(cause) => Step::Fault(cause),
            None if self.last_is_cut || ending::is_cut(&self.input) => Step::Fault(CUT_OFF.into()),
            None => Step::End,
        }
    }

    fn note_reached(&mut self) {
        let Some(stream) = self.input.context.stream(self.packet.stream()) else { return };
        let Some(pts) = self.packet.pts().or_else(|| self.packet.dts()) else { return };
        let end =
            pts.saturating_add(self.packet.duration().max(0)) as f64 * seconds_per_tick(stream.time_base());
        self.reached_secs = self.reached_secs.max(end);
    }

    /// Seconds per tick of the chosen stream.
    pub fn tick_secs(&self) -> f64 {
        self.input.context.stream(self.stream).map_or(0.0, |stream| seconds_per_tick(stream.time_base()))
    }
}

fn fault(error: AvError) -> String {
    log::take_cause().map_or_else(|| format!("reading failed: {error}").to_lowercase(), str::to_owned)
}
