//! Spherical k-means (Dhillon and Modha 2001): rows of length one, every centre the direction of its rows' mean.

use candle_core::{D, Device, Result, Tensor};
use rand::Rng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

/// Rounds of assignment at most; assignments stand still before it as a rule.
const MOST_ROUNDS: usize = 40;
/// Starts, of which the tightest is kept.
const STARTS: usize = 4;
/// Below this standard deviation a feature is off.
const LEAST_SPREAD: f64 = 1e-4;

/// Centres, and the scale of the features that they were found from.
pub struct Centres {
    /// One over the standard deviation of every feature.
    scale: Vec<f32>,
    /// `[count, width]`, rows of length one.
    centres: Tensor,
}

impl Centres {
    /// Finds `count` centres (as many as there are rows, where those are fewer) of `rows` of `width` features, and leaves the rows
    /// as [`Centres::scale`] makes them.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn find(rows: &mut [f32], width: usize, count: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        let total = rows.len() / width;
        let spread = |column: usize| {
            let values = || rows.iter().skip(column).step_by(width).map(|&value| f64::from(value));
            let mean = values().sum::<f64>() / total as f64;
            (values().map(|value| (value - mean).powi(2)).sum::<f64>() / total as f64).sqrt()
        };
        let scale: Vec<f32> =
            (0..width).map(|column| (1.0 / spread(column).max(LEAST_SPREAD)) as f32).collect();
        scale_rows(rows, &scale);
        let all = Tensor::from_slice(rows, (total, width), &Device::Cpu)?;
        let mut best: Option<(f64, Tensor)> = None;
        for _ in 0..STARTS {
            let found = start(rows, &all, width, count.min(total), rng)?;
            if best.as_ref().is_none_or(|(tightness, _)| found.0 > *tightness) {
                best = Some(found);
            }
        }
        Ok(Self { scale, centres: best.expect("a start").1 })
    }

    /// Brings rows to the scale of those that the centres were found from, and to length one.
    pub fn scale(&self, rows: &mut [f32]) {
        scale_rows(rows, &self.scale);
    }

    /// The centre that is most alike, of every scaled row.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn nearest(&self, rows: &[f32]) -> Result<Vec<u32>> {
        let width = self.scale.len();
        let rows = Tensor::from_slice(rows, (rows.len() / width, width), &Device::Cpu)?;
        rows.matmul(&self.centres.t()?)?.argmax(D::Minus1)?.to_vec1()
    }
}

fn scale_rows(rows: &mut [f32], scale: &[f32]) {
    for row in rows.chunks_exact_mut(scale.len()) {
        row.iter_mut().zip(scale).for_each(|(value, scale)| *value *= scale);
        to_unit(row);
    }
}

fn to_unit(row: &mut [f32]) {
    let length = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
}

/// One start from rows drawn by chance: the mean cosine of rows and their centres, and the centres.
fn start(
    rows: &[f32],
    all: &Tensor,
    width: usize,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Result<(f64, Tensor)> {
    let total = rows.len() / width;
    let row = |at: usize| &rows[at * width..(at + 1) * width];
    let mut centres: Vec<f32> =
        index::sample(rng, total, count).iter().flat_map(|at| row(at).to_vec()).collect();
    let mut before: Vec<u32> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let of = Tensor::from_slice(&centres, (count, width), &Device::Cpu)?;
        let nearest: Vec<u32> = all.matmul(&of.t()?)?.argmax(D::Minus1)?.to_vec1()?;
        if nearest == before {
            break;
        }
        centres.fill(0.0);
        let mut sizes = vec![0u64; count];
        for (at, &cluster) in nearest.iter().enumerate() {
            let centre = &mut centres[cluster as usize * width..][..width];
            centre.iter_mut().zip(row(at)).for_each(|(sum, value)| *sum += value);
            sizes[cluster as usize] += 1;
        }
        for (centre, size) in centres.chunks_exact_mut(width).zip(sizes) {
            if size == 0 {
                centre.copy_from_slice(row(rng.random_range(0..total)));
            }
            to_unit(centre);
        }
        before = nearest;
    }
    let centres = Tensor::from_slice(&centres, (count, width), &Device::Cpu)?;
    let cosines = all.matmul(&centres.t()?)?.max(D::Minus1)?.mean_all()?;
    Ok((f64::from(cosines.to_scalar::<f32>()?), centres))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// Rows about four directions, one after the other.
    fn rows(total: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let direction = |of: usize, column: usize| if column == of { 3.0 } else { 0.0 };
        (0..total)
            .flat_map(|at| (0..8).map(move |column| direction(at % 4, column)).collect::<Vec<f32>>())
            .map(|value| value + rng.random_range(-0.3..0.3))
            .collect()
    }

    #[test]
    fn directions_are_found_whatever_their_length() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut known = rows(200, &mut rng);
        // the noise columns would be brought to the same spread as the others
        known.iter_mut().enumerate().filter(|(at, _)| at % 8 >= 4).for_each(|(_, value)| *value = 0.0);
        let mut longer: Vec<f32> = known.iter().map(|value| 7.0 * value).collect();
        let centres = Centres::find(&mut known, 8, 4, &mut rng).expect("centres");
        let found = centres.nearest(&known).expect("clusters");
        for at in 0..200 {
            assert_eq!(found[at] == found[0], at % 4 == 0, "row {at}: {found:?}");
        }
        centres.scale(&mut longer);
        assert_eq!(centres.nearest(&longer).expect("clusters"), found);
    }

    #[test]
    fn equal_draws_give_equal_centres_and_few_rows_few_clusters() {
        let find = |total| {
            let mut rng = ChaCha8Rng::seed_from_u64(5);
            let mut rows = rows(total, &mut rng);
            let centres = Centres::find(&mut rows, 8, 6, &mut rng).expect("centres");
            centres.nearest(&rows).expect("clusters")
        };
        assert_eq!(find(50), find(50));
        let mut of_three = find(3);
        of_three.sort_unstable();
        assert_eq!(of_three, [0, 1, 2]);
        // nothing to tell rows of zeros apart by, and nothing to divide by
        let mut zeros = vec![0.0; 24];
        let centres = Centres::find(&mut zeros, 8, 2, &mut ChaCha8Rng::seed_from_u64(1)).expect("centres");
        assert_eq!(centres.nearest(&zeros).expect("clusters").len(), 3);
    }
}
