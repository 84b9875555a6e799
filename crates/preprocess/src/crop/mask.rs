//! Binary images: the few operations of mathematical morphology that crop finding needs.
//!
//! Dilation and erosion are by a disc, through the exact squared Euclidean distance transform
//! (Felzenszwalb and Huttenlocher 2012, "Distance transforms of sampled functions"), so that their cost
//! does not depend on the radius.

/// A binary image, row by row; `width * height` values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Pixels to a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row-major pixels.
    pub bits: Vec<bool>,
}

impl Mask {
    /// A mask from a function of the pixel's index.
    pub fn from_fn(width: usize, height: usize, is_set: impl Fn(usize) -> bool) -> Mask {
        Mask { width, height, bits: (0..width * height).map(is_set).collect() }
    }

    /// Number of pixels set.
    pub fn area(&self) -> usize {
        self.bits.iter().filter(|b| **b).count()
    }

    /// Pixels that lie within `radius` of a set pixel.
    pub fn dilate(&self, radius: f32) -> Mask {
        let limit = radius * radius;
        let distance = distance_squared(self);
        Mask::from_fn(self.width, self.height, |i| distance[i] <= limit)
    }

    /// Pixels farther than `radius` from every unset pixel. Beyond the image's edge nothing is unset, so a
    /// region that runs off the image keeps its edge there.
    pub fn erode(&self, radius: f32) -> Mask {
        let limit = radius * radius;
        let inverse = Mask::from_fn(self.width, self.height, |i| !self.bits[i]);
        let distance = distance_squared(&inverse);
        Mask::from_fn(self.width, self.height, |i| distance[i] > limit)
    }

    /// Closing: fills gaps narrower than twice the radius.
    pub fn close(&self, radius: f32) -> Mask {
        self.dilate(radius).erode(radius)
    }

    /// Opening: drops what is thinner than twice the radius.
    pub fn open(&self, radius: f32) -> Mask {
        self.erode(radius).dilate(radius)
    }

    /// All 8-connected regions in the order of their first pixel, each as indices into [`Mask::bits`].
    pub fn components(&self) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.bits.len()];
        let mut found = Vec::new();
        for start in 0..self.bits.len() {
            if self.bits[start] && !seen[start] {
                found.push(self.flood(start, &mut seen));
            }
        }
        found
    }

    fn flood(&self, start: usize, seen: &mut [bool]) -> Vec<usize> {
        let (w, h) = (self.width, self.height);
        let mut pixels = vec![start];
        seen[start] = true;
        let mut next = 0;
        while next < pixels.len() {
            let (x, y) = (pixels[next] % w, pixels[next] / w);
            for ny in y.saturating_sub(1)..=(y + 1).min(h - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(w - 1) {
                    let n = ny * w + nx;
                    if self.bits[n] && !seen[n] {
                        seen[n] = true;
                        pixels.push(n);
                    }
                }
            }
            next += 1;
        }
        pixels
    }
}

/// Squared distance of every pixel to the nearest set pixel; `f32::MAX / 4` where there is none.
fn distance_squared(mask: &Mask) -> Vec<f32> {
    let (w, h) = (mask.width, mask.height);
    let far = f32::MAX / 4.0;
    let mut grid: Vec<f32> = mask.bits.iter().map(|b| if *b { 0.0 } else { far }).collect();
    let mut line = Vec::with_capacity(w.max(h));
    let mut scratch = Envelope::default();
    for x in 0..w {
        line.clear();
        line.extend((0..h).map(|y| grid[y * w + x]));
        scratch.transform(&mut line);
        for (y, d) in line.iter().enumerate() {
            grid[y * w + x] = *d;
        }
    }
    for row in grid.chunks_exact_mut(w.max(1)) {
        scratch.transform(row);
    }
    grid
}

/// Lower envelope of the parabolas of one line, kept between lines to save allocations.
#[derive(Default)]
struct Envelope {
    /// Vertices of the parabolas on the envelope.
    vertex: Vec<usize>,
    /// Where each of them begins to be the lowest.
    begin: Vec<f64>,
    values: Vec<f32>,
}

impl Envelope {
    fn transform(&mut self, line: &mut [f32]) {
        self.values.clear();
        self.values.extend_from_slice(line);
        self.vertex.clear();
        self.begin.clear();
        for q in 0..line.len() {
            let mut from = f64::NEG_INFINITY;
            while let Some(&v) = self.vertex.last() {
                from = self.crossing(v, q);
                if from > self.begin[self.begin.len() - 1] {
                    break;
                }
                self.vertex.pop();
                self.begin.pop();
                from = f64::NEG_INFINITY;
            }
            self.vertex.push(q);
            self.begin.push(from);
        }
        let mut k = 0;
        for (q, out) in line.iter_mut().enumerate() {
            while k + 1 < self.vertex.len() && self.begin[k + 1] < q as f64 {
                k += 1;
            }
            let d = q as f32 - self.vertex[k] as f32;
            *out = (d * d + self.values[self.vertex[k]]).min(f32::MAX / 4.0);
        }
    }

    /// Abscissa from which the parabola at `q` is lower than the one at `v < q`.
    fn crossing(&self, v: usize, q: usize) -> f64 {
        let (fv, fq) = (f64::from(self.values[v]), f64::from(self.values[q]));
        let (v, q) = (v as f64, q as f64);
        ((fq + q * q) - (fv + v * v)) / (2.0 * (q - v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rows: &[&str]) -> Mask {
        let text: Vec<u8> = rows.concat().into_bytes();
        Mask::from_fn(rows[0].len(), rows.len(), |i| text[i] == b'#')
    }

    /// Every distance by brute force.
    fn slow_distance(mask: &Mask) -> Vec<f32> {
        let w = mask.width as i64;
        let set: Vec<i64> = (0..mask.bits.len() as i64).filter(|i| mask.bits[*i as usize]).collect();
        let one = |i: i64| set.iter().map(|s| (i % w - s % w).pow(2) + (i / w - s / w).pow(2)).min();
        (0..mask.bits.len() as i64).map(|i| one(i).map_or(f32::MAX / 4.0, |d| d as f32)).collect()
    }

    #[test]
    fn distances_are_those_of_brute_force() {
        let mut state = 7_u32;
        for (w, h) in [(1, 1), (1, 9), (17, 1), (23, 14), (40, 31)] {
            for threshold in [1 << 31, 1 << 29, 1 << 25] {
                let bits: Vec<bool> = (0..w * h)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        state < threshold
                    })
                    .collect();
                let mask = Mask { width: w, height: h, bits };
                assert_eq!(distance_squared(&mask), slow_distance(&mask), "{w} x {h}");
            }
        }
    }

    #[test]
    fn closing_fills_a_gap_and_opening_drops_a_line() {
        let gap = parse(&["##.##", "##.##", "##.##"]);
        assert_eq!(gap.close(1.0).area(), 15);
        let line = parse(&[".....", "#####", "....."]);
        assert_eq!(line.open(1.0).area(), 0);
    }

    #[test]
    fn components_are_8_connected() {
        let mask = parse(&["#..#.", ".#..#", "....."]);
        assert_eq!(mask.components(), [vec![0, 6], vec![3, 9]]);
    }
}
