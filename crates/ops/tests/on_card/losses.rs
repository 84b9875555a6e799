//! Losses, and what they refuse.

use candle_core::{DType, Device, Result, Tensor};
use sonovox_ops::{cross_entropy, info_nce, paper_contrastive, softmax_kl};

use crate::support::{Kind, Way, card, random, same_everywhere};

fn scaled(seed: u64, dims: &[usize], by: f64) -> (Kind, Tensor) {
    (Kind::Param, (random(seed, dims) * by).expect("values"))
}

/// Rows that are distributions, with some zeros.
fn distributions(b: usize, n: usize, way: &Way) -> Result<Tensor> {
    let heights = random(7, (b, n)).relu()?;
    let heights = (heights + 1e-3)?;
    let shares = heights.broadcast_div(&heights.sum_keepdim(1)?)?;
    shares.to_dtype(way.params)?.to_device(&way.device)
}

#[test]
fn kl_of_a_softmax() {
    for (b, n) in [(1, 1), (3, 7), (32, 1008), (5, 4033)] {
        let inputs = [scaled(1, &[b, n], 8.0)];
        same_everywhere(&format!("softmax_kl {b}x{n}"), &Way::of_numbers(), &inputs, |way, vars| {
            // one place: the loss is 0 whatever the logit, so something to compare is added
            softmax_kl(&vars[0], &distributions(b, n, way)?)? + vars[0].mean_all()?
        });
    }
}

#[test]
fn cross_entropy_of_logits() {
    for (b, n) in [(1, 2), (7, 12), (64, 2048)] {
        let labels: Vec<u32> = (0..b).map(|i| (i * 7 % n) as u32).collect();
        let inputs = [scaled(1, &[b, n], 8.0)];
        same_everywhere(&format!("cross_entropy {b}x{n}"), &Way::of_numbers(), &inputs, |way, vars| {
            cross_entropy(&vars[0], &Tensor::new(labels.as_slice(), &way.device)?)
        });
    }
}

#[test]
fn contrast_of_two_views() {
    for (b, d, h) in [(2, 5, 1), (7, 33, 3), (64, 128, 1), (65, 31, 0)] {
        let mut inputs = vec![scaled(1, &[b, d], 2.0), scaled(2, &[b, d], 2.0), scaled(3, &[1], 2.0)];
        inputs.extend((h > 0).then(|| scaled(4, &[b, h, d], 2.0)));
        same_everywhere(&format!("info_nce {b}x{d}, {h} hard"), &Way::of_numbers(), &inputs, |_, vars| {
            info_nce(&vars[0], &vars[1], vars.get(3).map(|v| v.as_tensor()), &vars[2])
        });
    }
}

#[test]
fn contrast_as_the_paper_has_it() {
    for (b, d) in [(2, 3), (7, 33), (32, 128)] {
        let inputs = [scaled(1, &[b, d], 0.5), scaled(2, &[b, d], 0.5), scaled(3, &[b, d], 0.5)];
        same_everywhere(&format!("paper_contrastive {b}x{d}"), &Way::of_numbers(), &inputs, |_, vars| {
            Ok(paper_contrastive(&vars[0], &vars[1], &vars[2], 0.05)?.0)
        });
        let counts: Vec<usize> = std::iter::once(Device::Cpu)
            .chain(card())
            .map(|device| {
                let on = |(_, t): &(Kind, Tensor)| t.to_device(&device).expect("there");
                let [v, s, hard] = [on(&inputs[0]), on(&inputs[1]), on(&inputs[2])];
                paper_contrastive(&v, &s, &hard, 0.05).expect("a loss").1
            })
            .collect();
        assert!(counts.iter().all(|&count| count == counts[0]), "{counts:?}");
    }
}

#[test]
fn bad_targets_and_mixed_devices_are_refused_on_a_card_too() {
    let Some(card) = card() else { return };
    let logits = random(1, (3, 4)).to_device(&card).expect("there");
    let labels = Tensor::new(&[0u32, 9, 1], &card).expect("labels");
    let error = cross_entropy(&logits, &labels).expect_err("9 is no class").to_string();
    assert!(error.contains("cross_entropy: expected labels below 4") && error.contains("row 1"), "{error}");
    let error = softmax_kl(&logits, &logits).expect_err("no distribution").to_string();
    assert!(error.contains("softmax_kl: expected a distribution") && error.contains("row 0"), "{error}");
    let here = Tensor::zeros((3, 4), DType::F64, &Device::Cpu).expect("zeros");
    let error = softmax_kl(&logits, &here).expect_err("two devices").to_string();
    for part in ["softmax_kl: expected one device", "[3, 4] on cuda:0", "[3, 4] on cpu"] {
        assert!(error.contains(part), "{error}");
    }
}
