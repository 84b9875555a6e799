//! TCGL: contrast of nodes within and between snippets, and the snippets' order.
//!
//! Two views of a graph each drop a share of its edges and blank a share of its features. With u_i and v_i the two views of node
//! i, c the cosine and t the temperature:
//! `l(u_i) = -ln [ e^{c(u_i, v_i)/t} / ( sum_k e^{c(u_i, v_k)/t} + sum_{k != i} e^{c(u_i, u_k)/t} ) ]`,
//! `L = 1/2N sum_i (l(u_i) + l(v_i))`; beside it the 6-way cross-entropy of the snippets' order, read off the whole graph.
//!
//! Stated by the source (Liu et al., IEEE TIP 2022, arXiv 2112.03587): 3 snippets, graphs of 4 and 3 nodes, two views with edge
//! dropout 0.2 and feature mask 0.1, node contrast at temperature 0.5, 6 orders, weights 1/1/1. Ours: the form of the node
//! contrast (that of GRACE, Zhu et al. 2020, over all nodes of the batch), edges between neighbours in time, a mask of whole
//! features that is the same for all nodes of a view, and frames of a 2-D network as nodes.
//!
//! # Shapes
//! nodes `[N, D]`; chance level of the contrast ln(2N - 1), of the order ln 6.

use candle_core::{Device, Result, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sonovox_model::{SNIPPET_FRAMES, SNIPPET_ORDERS, SNIPPETS};

use super::weighted::log_sum_exp;
use super::windows::unit;
use crate::GraphConfig;

/// Far below any similarity: `e^x` of it is zero.
const NEVER: f64 = -1e30;

/// The contrast of two views of the same nodes.
///
/// # Errors
/// When shapes do not fit.
pub fn node_contrast(u: &Tensor, v: &Tensor, temperature: f64) -> Result<Tensor> {
    let count = u.dim(0)?;
    let (u, v) = (unit(u)?, unit(v)?);
    let of = |a: &Tensor, b: &Tensor| a.matmul(&b.t()?)? / temperature;
    let itself = (Tensor::eye(count, u.dtype(), u.device())? * NEVER)?;
    let twins = ((&u * &v)?.sum(1)? / temperature)?;
    let one_side = |own: &Tensor, other: &Tensor| {
        let all = Tensor::cat(&[of(own, other)?, (of(own, own)? + &itself)?], 1)?;
        log_sum_exp(&all)? - &twins
    };
    (one_side(&u, &v)? + one_side(&v, &u)?)?.mean_all()? * 0.5
}

/// The contrast of `nodes` nodes that are all equal.
pub fn chance(nodes: usize) -> f64 {
    ((2 * nodes).saturating_sub(1).max(1) as f64).ln()
}

/// The order's loss of an undecided head.
pub fn chance_order() -> f64 {
    (SNIPPET_ORDERS as f64).ln()
}

/// One view: what is left of edges and features.
pub struct View {
    /// Normalised adjacencies within snippets `[3 M, 4, 4]`.
    pub within: Tensor,
    /// Normalised adjacencies between snippets `[M, 3, 3]`.
    pub between: Tensor,
    /// 0 or 1 to every feature, `[1, C]`.
    pub mask: Tensor,
}

impl View {
    /// The whole graph of `clips` clips with `features` features.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn whole(clips: usize, features: usize, like: &Tensor) -> Result<Self> {
        let whole = GraphConfig { edge_dropout: 0.0, feature_mask: 0.0, ..GraphConfig::default() };
        Self::draw(clips, features, &whole, &mut ChaCha8Rng::seed_from_u64(0), like)
    }

    /// A random view; tensors are of the type and on the device of `like`.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn draw(
        clips: usize,
        features: usize,
        config: &GraphConfig,
        rng: &mut ChaCha8Rng,
        like: &Tensor,
    ) -> Result<Self> {
        let tensor = |values: Vec<f64>, dims: &[usize]| {
            Tensor::from_vec(values, dims, &Device::Cpu)?.to_dtype(like.dtype())?.to_device(like.device())
        };
        let mut graphs = |count: usize, nodes: usize| {
            let of = |_| chain(nodes, config.edge_dropout, rng);
            (0..count).flat_map(of).collect::<Vec<f64>>()
        };
        let within = graphs(clips * SNIPPETS, SNIPPET_FRAMES);
        let between = graphs(clips, SNIPPETS);
        let mask =
            (0..features).map(|_| f64::from(u8::from(!rng.random_bool(config.feature_mask)))).collect();
        Ok(Self {
            within: tensor(within, &[clips * SNIPPETS, SNIPPET_FRAMES, SNIPPET_FRAMES])?,
            between: tensor(between, &[clips, SNIPPETS, SNIPPETS])?,
            mask: tensor(mask, &[1, features])?,
        })
    }
}

/// The adjacency of a chain of nodes with itself, an edge dropped with probability `dropout`, normalised as
/// `D^-1/2 (A + I) D^-1/2` (Kipf and Welling 2017).
fn chain(nodes: usize, dropout: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut joined = vec![0.0; nodes * nodes];
    for node in 0..nodes {
        joined[node * nodes + node] = 1.0;
        if node + 1 < nodes && !rng.random_bool(dropout) {
            joined[node * nodes + node + 1] = 1.0;
            joined[(node + 1) * nodes + node] = 1.0;
        }
    }
    let degree: Vec<f64> = joined.chunks(nodes).map(|row| row.iter().sum()).collect();
    let normal = |(at, value): (usize, &f64)| value / (degree[at / nodes] * degree[at % nodes]).sqrt();
    joined.iter().enumerate().map(normal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::testing::{check_gradients, random, scalar, values, var};

    #[test]
    fn the_contrast_is_the_definition_and_symmetric() {
        let (u, v) = (random(1, &[4, 3]), random(2, &[4, 3]));
        let rows = |t: &Tensor| values(t).chunks(3).map(<[f64]>::to_vec).collect::<Vec<_>>();
        let e = |a: &[f64], b: &[f64]| {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt() / 0.5).exp()
        };
        let side = |own: &[Vec<f64>], other: &[Vec<f64>]| {
            let term = |i: usize| {
                let cross: f64 = other.iter().map(|o| e(&own[i], o)).sum();
                let same: f64 = (0..4).filter(|&k| k != i).map(|k| e(&own[i], &own[k])).sum();
                -(e(&own[i], &other[i]) / (cross + same)).ln()
            };
            (0..4).map(term).sum::<f64>() / 8.0
        };
        let expected = side(&rows(&u), &rows(&v)) + side(&rows(&v), &rows(&u));
        let found = scalar(&node_contrast(&u, &v, 0.5).expect("a loss"));
        assert!((found - expected).abs() < 1e-12);
        assert!((scalar(&node_contrast(&v, &u, 0.5).expect("a loss")) - expected).abs() < 1e-12);
        let same = Tensor::ones((4, 3), u.dtype(), u.device()).expect("ones");
        assert!((scalar(&node_contrast(&same, &same, 0.5).expect("a loss")) - chance(4)).abs() < 1e-12);
    }

    #[test]
    fn gradients_are_difference_quotients() {
        let (u, v) = (var(1, &[3, 4]), var(2, &[3, 4]));
        check_gradients(&[&u, &v], || node_contrast(&u, &v, 0.5));
    }

    #[test]
    fn a_view_drops_edges_and_features_and_the_whole_graph_none() {
        let like = random(1, &[1]);
        let whole = View::whole(2, 5, &like).expect("whole");
        assert_eq!(values(&whole.mask), [1.0; 5]);
        // middle nodes of a chain of four have three neighbours with themselves, ends two
        let row = &values(&whole.within)[..4];
        assert!((row[0] - 0.5).abs() < 1e-12 && (row[1] - 1.0 / 6f64.sqrt()).abs() < 1e-12 && row[2] == 0.0);
        let config = GraphConfig { edge_dropout: 0.5, feature_mask: 0.5, ..GraphConfig::default() };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let view = View::draw(40, 60, &config, &mut rng, &like).expect("view");
        let edges = values(&view.within).iter().filter(|&&value| value > 0.0).count();
        // 120 graphs: 480 nodes with themselves, 360 edges both ways of which half are left
        assert!((480 + 300..480 + 420).contains(&edges), "{edges}");
        let kept = values(&view.mask).iter().sum::<f64>();
        assert!((18.0..42.0).contains(&kept), "{kept}");
    }
}
