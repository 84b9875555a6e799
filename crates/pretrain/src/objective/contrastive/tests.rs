use super::*;
use crate::objective::testing::{check_gradients, random, scalar, values, var};
use crate::{Join, PairConfig};

fn windows(join: Join) -> Windows {
    Windows::new(&PairConfig { join, ..PairConfig::default() })
}

const SMALLEST: f64 = 1e-4;

fn how(kind: Contrastive, windows: Windows) -> Contrast {
    Contrast { kind, windows, smallest_margin: SMALLEST }
}

/// Every pair has an interval to itself.
const INTERVALS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// InfoNCE of one window, term by term.
fn slow_info_nce(v: &Tensor, s: &Tensor, hard: &Tensor, scale: f64, weights: &[f64]) -> f64 {
    let (count, width) = v.dims2().expect("rows");
    let rows = |t: &Tensor| values(t).chunks(width).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let (v, s, hard) = (rows(v), rows(s), rows(hard));
    let cosine = |a: &[f64], b: &[f64]| {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        (scale * dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).exp()
    };
    let mut total = 0.0;
    for i in 0..count {
        let row: f64 = s.iter().map(|s| cosine(&v[i], s)).sum::<f64>() + cosine(&v[i], &hard[i]);
        let column: f64 = v.iter().map(|v| cosine(v, &s[i])).sum();
        let own = cosine(&v[i], &s[i]);
        total -= weights[i] * 0.5 * ((own / row).ln() + (own / column).ln());
    }
    total / weights.iter().sum::<f64>()
}

#[test]
fn weighted_and_joined_info_nce_are_the_definition() {
    let (v, s, hard) = (random(1, &[4, 6]), random(2, &[4, 1, 6]), random(3, &[4, 1, 6]));
    let log_inv = Tensor::new(&[5f64.ln()], v.device()).expect("temperature");
    let pairs = Pairs { video: &v, positive: &s, hard: Some(&hard), intervals: &INTERVALS[..4] };
    let value = |weights: Option<&[f64]>| {
        let (loss, clamped) =
            loss(how(Contrastive::InfoNce, windows(Join::Max)), &pairs, Some(&log_inv), weights)
                .expect("a loss");
        assert!(clamped.is_none());
        scalar(&loss)
    };
    let flat = |t: &Tensor| t.squeeze(1).expect("one window");
    let weights = [0.1, 1.0, 0.4, 0.8];
    assert!((value(None) - slow_info_nce(&v, &flat(&s), &flat(&hard), 5.0, &[1.0; 4])).abs() < 1e-12);
    assert!((value(Some(&[0.7; 4])) - value(None)).abs() < 1e-12, "equal weights change nothing");
    assert!(
        (value(Some(&weights)) - slow_info_nce(&v, &flat(&s), &flat(&hard), 5.0, &weights)).abs() < 1e-12
    );
    // a window twice is the window
    let (s2, hard2) = (s.repeat((1, 2, 1)).expect("twice"), hard.repeat((1, 2, 1)).expect("twice"));
    let twice = Pairs { video: &v, positive: &s2, hard: Some(&hard2), intervals: &INTERVALS[..4] };
    for join in [Join::Max, Join::Attention] {
        let (twice, _) =
            loss(how(Contrastive::InfoNce, windows(join)), &twice, Some(&log_inv), None).expect("a loss");
        assert!((scalar(&twice) - value(None)).abs() < 1e-12, "{join:?}");
    }
}

#[test]
fn pairs_of_one_interval_are_no_negatives_of_each_other() {
    let (v, s, hard) = (random(1, &[3, 6]), random(2, &[3, 1, 6]), random(3, &[3, 1, 6]));
    let log_inv = Tensor::new(&[5f64.ln()], v.device()).expect("temperature");
    let value = |v: &Tensor, s: &Tensor, hard: &Tensor, intervals: &[usize], weights: Option<&[f64]>| {
        let pairs = Pairs { video: v, positive: s, hard: Some(hard), intervals };
        scalar(
            &loss(how(Contrastive::InfoNce, windows(Join::Max)), &pairs, Some(&log_inv), weights)
                .expect("a loss")
                .0,
        )
    };
    // with pairs 0 and 1 of one interval, pair 0 costs what it costs in a batch without pair 1, and the other way round
    let without = |other: u32| {
        let rows = Tensor::new(&[1 - other, 2], v.device()).expect("rows");
        let of = |x: &Tensor| x.index_select(&rows, 0).expect("two pairs");
        value(&of(&v), &of(&s), &of(&hard), &[4, 9], Some(&[1.0, 0.0]))
    };
    let shared = |weights: &[f64]| value(&v, &s, &hard, &[4, 4, 9], Some(weights));
    assert!((shared(&[1.0, 0.0, 0.0]) - without(1)).abs() < 1e-12);
    assert!((shared(&[0.0, 1.0, 0.0]) - without(0)).abs() < 1e-12);
    let apart = value(&v, &s, &hard, &[4, 5, 9], Some(&[0.0, 0.0, 1.0]));
    assert!((shared(&[0.0, 0.0, 1.0]) - apart).abs() < 1e-12, "the third has both as negatives");
}

#[test]
fn the_chance_level_of_info_nce_is_that_of_equal_embeddings() {
    let log_inv = Tensor::new(&[5f64.ln()], &candle_core::Device::Cpu).expect("temperature");
    let of = |intervals: &[usize], has_hard: bool| {
        let video = Tensor::ones((intervals.len(), 4), log_inv.dtype(), log_inv.device()).expect("ones");
        let speech = video.unsqueeze(1).expect("one window");
        let hard = has_hard.then_some(&speech);
        let pairs = Pairs { video: &video, positive: &speech, hard, intervals };
        let (loss, _) = loss(how(Contrastive::InfoNce, windows(Join::Max)), &pairs, Some(&log_inv), None)
            .expect("a loss");
        (scalar(&loss), chance(intervals, has_hard))
    };
    for intervals in [&INTERVALS[..], &[4, 4, 9], &[1, 1, 2, 2, 3, 3]] {
        for has_hard in [false, true] {
            let (found, expected) = of(intervals, has_hard);
            assert!((found - expected).abs() < 1e-12, "{intervals:?}, {has_hard}: {found}, {expected}");
        }
    }
    assert!((chance(&INTERVALS, true) - (9f64.ln() + 8f64.ln()) / 2.0).abs() < 1e-12);
}

#[test]
fn gradients_are_difference_quotients_and_none_flows_into_an_unweighted_pair() {
    let (v, s, hard) = (var(1, &[3, 4]), var(2, &[3, 2, 4]), var(3, &[3, 2, 4]));
    let log_inv = var(4, &[1]);
    let pairs = Pairs { video: &v, positive: &s, hard: Some(&hard), intervals: &INTERVALS[..4] };
    let of = |weights: &[f64]| {
        let joined = windows(Join::Attention);
        Ok(loss(how(Contrastive::InfoNce, joined), &pairs, Some(&log_inv), Some(weights))?.0)
    };
    check_gradients(&[&v, &s, &hard, &log_inv], || of(&[0.2, 1.0, 0.5]));
    let gradients = sonovox_ops::backward(&of(&[0.0, 1.0, 0.5]).expect("a loss")).expect("backward");
    let hard = values(gradients.get(&hard).expect("a gradient"));
    assert!(hard[..8].iter().all(|&value| value == 0.0), "its hard negative is nobody else's: {hard:?}");
    assert!(hard[8..].iter().any(|&value| value != 0.0));
}

#[test]
fn weighted_eq_2_is_the_fused_one_at_equal_weights_and_counts_clamped_pairs() {
    let (v, s, hard) = (var(1, &[5, 6]), var(2, &[5, 6]), var(3, &[5, 6]));
    let (fused, clamped) = paper_contrastive(&v, &s, &hard, SMALLEST).expect("fused");
    let (weighted, counted) = paper(&v, &s, &hard, SMALLEST, Some(&[0.4; 5])).expect("weighted");
    assert!(clamped > 0 && clamped < 5, "the test needs both kinds of pairs, found {clamped} clamped");
    assert_eq!(clamped, counted);
    assert!((scalar(&fused) - scalar(&weighted)).abs() < 1e-10);
    check_gradients(&[&v, &s, &hard], || {
        Ok(paper(&v, &s, &hard, SMALLEST, Some(&[0.1, 0.9, 0.5, 1.0, 0.3]))?.0)
    });
}

#[test]
fn eq_2_without_a_negative_and_info_nce_without_a_temperature_are_refused() {
    let (v, s) = (random(1, &[2, 3]), random(2, &[2, 1, 3]));
    let pairs = Pairs { video: &v, positive: &s, hard: None, intervals: &INTERVALS[..4] };
    assert!(loss(how(Contrastive::Paper, windows(Join::Max)), &pairs, None, None).is_err());
    assert!(loss(how(Contrastive::InfoNce, windows(Join::Max)), &pairs, None, None).is_err());
}

#[test]
fn centring_takes_off_what_a_recordings_windows_share() {
    let (s, hard) = (random(1, &[5, 2, 3]), random(2, &[5, 2, 3]));
    // recording 7 gives intervals 1 and 2, recording 8 one interval twice, recording 9 one
    let (recordings, intervals) = ([7, 7, 8, 8, 9], [1, 2, 3, 3, 4]);
    let (centred, centred_hard) =
        centre_by_recording(&s, Some(&hard), &recordings, &intervals).expect("centred");
    let centred_hard = centred_hard.expect("as given");
    let (a, b) = (values(&centred), values(&centred_hard));
    for d in 0..3 {
        let sum: f64 = (0..4).map(|row| a[3 * row + d] + b[3 * row + d]).sum();
        assert!(sum.abs() < 1e-12, "the mean of recording 7 is zero");
    }
    assert_eq!(a[12..], values(&s)[12..], "others stay as they are");
    // a constant of the recording leaves no trace
    let voice = Tensor::new(&[[[5.0f64, -3.0, 2.0]], [[5.0, -3.0, 2.0]]], s.device()).expect("voice");
    let pad = Tensor::zeros((3, 1, 3), s.dtype(), s.device()).expect("zeros");
    let voice = Tensor::cat(&[&voice, &pad], 0).expect("voice");
    let spoken = (s.broadcast_add(&voice).expect("sum"), hard.broadcast_add(&voice).expect("sum"));
    let (again, _) =
        centre_by_recording(&spoken.0, Some(&spoken.1), &recordings, &intervals).expect("centred");
    assert!(values(&again).iter().zip(&a).all(|(x, y)| (x - y).abs() < 1e-12));
    let (x, y) = (var(1, &[4, 1, 2]), var(2, &[4, 1, 2]));
    check_gradients(&[&x, &y], || {
        let (p, n) = centre_by_recording(&x, Some(&y), &[0, 0, 1, 1], &[0, 1, 2, 3])?;
        p.sqr()?.sum_all()? + n.expect("given").powf(3.0)?.sum_all()?
    });
}

#[test]
fn eq_2_on_cosines_is_eq_2_on_unit_embeddings_whatever_their_length() {
    let (v, s, hard) = (random(1, &[5, 4]), random(2, &[5, 1, 4]), random(3, &[5, 1, 4]));
    let of = |kind, v: &Tensor, s: &Tensor, hard: &Tensor, weights: Option<&[f64]>| {
        let pairs = Pairs { video: v, positive: s, hard: Some(hard), intervals: &INTERVALS[..5] };
        let (loss, clamped) = loss(how(kind, windows(Join::Max)), &pairs, None, weights).expect("a loss");
        (scalar(&loss), clamped)
    };
    let [uv, us, uh] = [&v, &s, &hard].map(|z| unit(z).expect("unit"));
    let longer = (&s * 7.0).expect("longer");
    for weights in [None, Some(&[0.4, 1.0, 0.2, 0.9, 0.5][..])] {
        let expected = of(Contrastive::Paper, &uv, &us, &uh, weights);
        for s in [&s, &longer] {
            let found = of(Contrastive::PaperCosine, &v, s, &hard, weights);
            assert!((found.0 - expected.0).abs() < 1e-12 && found.1 == expected.1, "{found:?}, {expected:?}");
        }
        assert!((of(Contrastive::Paper, &v, &longer, &hard, weights).0 - expected.0).abs() > 0.1);
    }
    let (v, s, hard) = (var(1, &[5, 4]), var(2, &[5, 1, 4]), var(3, &[5, 1, 4]));
    let pairs = Pairs { video: &v, positive: &s, hard: Some(&hard), intervals: &INTERVALS[..5] };
    let how = how(Contrastive::PaperCosine, windows(Join::Max));
    check_gradients(&[&v, &s, &hard], || Ok(loss(how, &pairs, None, Some(&[0.1, 0.9, 0.5, 1.0, 0.3]))?.0));
}
