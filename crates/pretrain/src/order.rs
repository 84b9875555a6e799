//! Frame order as a 12-way label (paper, L_ord): four frames have 24 orders, and forward and backward count as one.

use rand::Rng;
use rand::seq::SliceRandom;

/// Number of classes: 4! / 2.
pub const ORDERS: usize = 12;
/// Frames to a tuple.
pub const FRAMES: usize = 4;

/// The class of an order, 0 to 11. `order[i]` is the place in time (0 to 3) of the frame shown i-th.
///
/// Of an order and its reversal the one whose first frame is earlier than its last is canonical; canonical orders
/// are numbered lexicographically.
pub fn class(order: [usize; FRAMES]) -> u32 {
    let canonical = if order[0] < order[3] { order } else { [order[3], order[2], order[1], order[0]] };
    let rank = canonical_orders().position(|known| known == canonical);
    u32::try_from(rank.expect("order is a permutation of 0..4")).expect("below 12")
}

fn canonical_orders() -> impl Iterator<Item = [usize; FRAMES]> {
    (0..256usize)
        .map(|code| [code >> 6 & 3, code >> 4 & 3, code >> 2 & 3, code & 3])
        .filter(|order| order[0] < order[3] && (0..FRAMES).all(|place| order.contains(&place)))
}

/// Four frames of an interval in a random order: frame offsets as shown, and the order's class.
///
/// One frame is drawn from each quarter of the interval, so that neighbours in time are apart; `frames` must be at
/// least 4.
pub fn draw(frames: usize, rng: &mut impl Rng) -> ([usize; FRAMES], u32) {
    assert!(frames >= FRAMES, "an interval of {frames} frames has no order");
    let in_time: [usize; FRAMES] = std::array::from_fn(|quarter| {
        rng.random_range(quarter * frames / FRAMES..(quarter + 1) * frames / FRAMES)
    });
    let mut order = [0, 1, 2, 3];
    order.shuffle(rng);
    (order.map(|place| in_time[place]), class(order))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn there_are_twelve_classes_and_reversal_keeps_the_class() {
        let mut seen = [0; ORDERS];
        for code in 0..256usize {
            let order = [code >> 6 & 3, code >> 4 & 3, code >> 2 & 3, code & 3];
            if (0..FRAMES).all(|place| order.contains(&place)) {
                let mut back = order;
                back.reverse();
                assert_eq!(class(order), class(back));
                seen[class(order) as usize] += 1;
            }
        }
        assert_eq!(seen, [2; ORDERS]);
        assert_eq!(class([0, 1, 2, 3]), 0);
    }

    #[test]
    fn drawn_frames_match_their_class() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; ORDERS];
        for _ in 0..2400 {
            let (shown, label) = draw(60, &mut rng);
            let mut sorted = shown;
            sorted.sort_unstable();
            let order = shown.map(|frame| sorted.iter().position(|&s| s == frame).expect("shown"));
            assert_eq!(class(order), label);
            assert!((0..FRAMES).all(|quarter| sorted[quarter] / 15 == quarter));
            counts[label as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (140..260).contains(&count)), "{counts:?}");
    }
}
