//! What of a stream could not be read, by cause.

use std::fmt;

/// Counts of what was lost while a stream was read. All zero and `None` for a sound file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Losses {
    /// Video frames delivered, or audio blocks.
    pub delivered: u64,
    /// Packets the decoder refused; what they held is gone.
    pub refused_packets: u64,
    /// Frames delivered although the decoder marked them as damaged (missing parts concealed).
    pub damaged_frames: u64,
    /// Frames left out because their time did not lie after the frame before.
    pub disordered_frames: u64,
    /// Frames without any time in the file; theirs was continued from the frame before.
    pub guessed_times: u64,
    /// Why reading stopped before the end of the file.
    pub read_fault: Option<String>,
    /// Where the last delivered frame or block ends, seconds.
    pub reached_secs: Option<f64>,
    /// Where the container says that the stream ends, seconds; set only where it lies clearly after `reached_secs`.
    pub expected_secs: Option<f64>,
}

impl Losses {
    /// Whether something that the file should hold was not delivered.
    pub fn is_incomplete(&self) -> bool {
        self.refused_packets > 0 || self.read_fault.is_some() || self.expected_secs.is_some()
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reached_secs, self.expected_secs) {
            (Some(reached), Some(expected)) => write!(f, "read up to {reached:.3} s of {expected:.3} s")?,
            (Some(reached), None) => write!(f, "read up to {reached:.3} s")?,
            (None, _) => write!(f, "nothing was read")?,
        }
        if let Some(fault) = &self.read_fault {
            write!(f, "; {fault}")?;
        }
        let counts = [
            (self.refused_packets, "packets could not be decoded"),
            (self.damaged_frames, "frames are damaged"),
            (self.disordered_frames, "frames out of order were left out"),
            (self.guessed_times, "frames have no time in the file"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "; {count} {what}")?;
        }
        Ok(())
    }
}
