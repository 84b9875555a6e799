//! Seeded chance: every draw is a pure function of (seed, stream, number), so that a resumed run draws what the
//! interrupted one would have drawn.

use std::ops::Range;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// What a draw is for: draws of different streams are independent of each other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Order of the classes in the plane sampler.
    ClassOrder = 1,
    /// Order of the frames in a pass.
    FrameOrder = 2,
    /// Augmentation of one image of one batch.
    Augmentation = 3,
    /// Which labels are used.
    LabelShare = 4,
}

/// The generator of draw `number` of `stream`.
pub(crate) fn generator(seed: u64, stream: Stream, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((stream as u64) << 56 | number);
    rng
}

/// The generator for the augmentation of image `slot` of batch `step`.
pub(crate) fn of_image(seed: u64, step: u64, slot: usize) -> ChaCha8Rng {
    const SLOTS: u64 = 1 << 16;
    generator(seed, Stream::Augmentation, step * SLOTS + slot as u64 % SLOTS)
}

/// An endless row of shuffled passes over `0..size`: every entry comes once before any comes again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passes {
    pub size: usize,
    pub seed: u64,
    pub stream: Stream,
    /// Tells rows of one stream apart (the class, say); below 2^24.
    pub row: u64,
}

impl Passes {
    /// The entries at `places` of the row; none where `size` is 0.
    pub(crate) fn entries(&self, places: Range<u64>) -> Vec<usize> {
        let size = self.size as u64;
        let mut entries = Vec::new();
        let mut at = places.start;
        while size > 0 && at < places.end {
            let pass = at / size;
            let end = places.end.min((pass + 1) * size);
            let shuffled = self.pass(pass);
            entries.extend_from_slice(&shuffled[(at - pass * size) as usize..(end - pass * size) as usize]);
            at = end;
        }
        entries
    }

    fn pass(&self, number: u64) -> Vec<usize> {
        let mut shuffled: Vec<usize> = (0..self.size).collect();
        shuffled.shuffle(&mut generator(self.seed, self.stream, self.row << 32 | number));
        shuffled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_use_every_entry_once_and_pieces_agree_with_the_whole() {
        let passes = Passes { size: 7, seed: 3, stream: Stream::FrameOrder, row: 2 };
        let whole = passes.entries(0..21);
        for pass in whole.chunks(7) {
            let mut sorted = pass.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..7).collect::<Vec<_>>());
        }
        assert_ne!(whole[..7], whole[7..14]);
        let pieces: Vec<usize> = (0..7).flat_map(|piece| passes.entries(piece * 3..piece * 3 + 3)).collect();
        assert_eq!(pieces, whole);
        assert_ne!(Passes { row: 3, ..passes }.entries(0..21), whole);
        assert!(Passes { size: 0, ..passes }.entries(0..4).is_empty());
    }
}
