//! The brightness image on the beam lines.
//!
//! Speckle: the echo amplitude times complex white noise, blurred by the point spread of the beam (constant along
//! the line, widening away from the focus across it); its magnitude is the envelope. Where many scatterers fall into
//! one resolution cell the envelope is Rayleigh distributed (mean over standard deviation 1.91; Wagner et al., IEEE
//! Trans. Sonics Ultrason. 30:156, 1983), which the tests check. Shadows and enhancement come from the
//! attenuation summed along each line against a depth gain that assumes soft tissue.

use rand::Rng;

use super::fast;
use super::grid::PolarGrid;
use super::kernel::Kernel;
use super::scatter::{Scatterers, Slice};
use crate::anatomy::View;
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{SOFT_LOSS, Tissue};
use crate::rng::Stream;

/// Standard deviation of the pulse along the line, mm.
const AXIAL_SIGMA_MM: f32 = 0.34;
/// Standard deviation of the beam across the line at the focus, mm.
const LATERAL_SIGMA_MM: f32 = 0.5;
/// Focus, share of the depth.
const FOCUS: f32 = 0.55;
/// Grey value of soft tissue (0 dB) at gain 0.
const TISSUE_GREY: f32 = 104.0;
/// Receiver noise, dB under soft tissue at the face; the depth gain raises it.
const NOISE_DB: f32 = -47.0;
/// Reverberation near the face, dB, and the depth over which it falls by 1/e (power).
const HAZE_DB: f32 = -17.0;
const HAZE_MM: f32 = 5.5;
/// Weight of the previous image in the machine's averaging over time.
const PERSISTENCE: f32 = 0.35;

/// Makes brightness images `[sample, line]`.
pub struct BMode {
    grid: PolarGrid,
    scatterers: Scatterers,
    noise: Stream,
    across: Vec<Kernel>,
    along: Kernel,
    gain_db: f32,
    grey_per_db: f32,
    field: [Vec<f32>; 2],
    blurred: [Vec<f32>; 2],
    row: [Vec<f32>; 2],
    shown: Vec<f32>,
    is_first: bool,
}

impl BMode {
    /// For a grid and the settings of a subject.
    pub fn new(grid: PolarGrid, subject: &Subject, rng: &mut Stream) -> Self {
        let zeros = || [vec![0.0; grid.points()], vec![0.0; grid.points()]];
        Self {
            scatterers: Scatterers::draw(rng),
            noise: rng.clone(),
            across: (0..grid.samples).map(|sample| across_kernel(&grid, sample, subject.blur)).collect(),
            along: Kernel::gaussian(AXIAL_SIGMA_MM * subject.blur / grid.sample_step_mm()),
            gain_db: subject.gain_db,
            grey_per_db: 255.0 / subject.dynamic_range_db,
            field: zeros(),
            blurred: zeros(),
            row: [vec![0.0; grid.lines], vec![0.0; grid.lines]],
            shown: vec![0.0; grid.points()],
            is_first: true,
            grid,
        }
    }

    /// The beam lines.
    pub fn grid(&self) -> &PolarGrid {
        &self.grid
    }

    /// The next image, grey values of 0 to 255.
    pub fn frame(&mut self, tissue: &Tissue, view: &View, out: &mut [u8]) {
        self.echo_field(tissue, view);
        self.spread();
        self.compress(out);
    }

    /// Amplitude after attenuation and depth gain, times the scatterers, blurred across the lines.
    fn echo_field(&mut self, tissue: &Tissue, view: &View) {
        let (lines, step_mm) = (self.grid.lines, self.grid.sample_step_mm());
        let slice = Slice::at(view.travel_mm);
        let mut lost_db = vec![0.0_f32; lines];
        let mut amplitudes = vec![0.0_f32; lines];
        for sample in 0..self.grid.samples {
            let range = sample * lines..(sample + 1) * lines;
            let (echo, loss) = (&tissue.echo_db[range.clone()], &tissue.loss_db_per_mm[range.clone()]);
            for (((amplitude, lost_db), echo), loss) in
                amplitudes.iter_mut().zip(&mut lost_db).zip(echo).zip(loss)
            {
                *lost_db += (loss - SOFT_LOSS) * step_mm;
                *amplitude = decibels_to_amplitude(echo - *lost_db);
            }
            let places = tissue.x_mm[range.clone()].iter().zip(&tissue.y_mm[range.clone()]);
            let [re, im] = &mut self.row;
            for (((re, im), amplitude), (&x_mm, &y_mm)) in re.iter_mut().zip(im).zip(&amplitudes).zip(places)
            {
                let scatterer = self.scatterers.at(x_mm, y_mm, &slice);
                *re = amplitude * scatterer[0];
                *im = amplitude * scatterer[1];
            }
            for (row, field) in self.row.iter().zip(&mut self.field) {
                self.across[sample].smooth_row(row, &mut field[range.clone()]);
            }
        }
    }

    fn spread(&mut self) {
        for (field, blurred) in self.field.iter().zip(&mut self.blurred) {
            self.along.smooth_columns(field, blurred, self.grid.lines);
        }
    }

    /// Receiver noise, log compression and averaging over time.
    fn compress(&mut self, out: &mut [u8]) {
        let lines = self.grid.lines;
        let start = self.noise.random_range(0..1_usize << 16);
        let keep = if self.is_first { 0.0 } else { PERSISTENCE };
        for sample in 0..self.grid.samples {
            let depth_mm = self.grid.depth_of(sample);
            let noise = decibels_to_amplitude(NOISE_DB + SOFT_LOSS * depth_mm);
            let haze = decibels_to_amplitude(HAZE_DB - 4.34 * depth_mm / HAZE_MM);
            let floor = noise.hypot(haze);
            let range = sample * lines..(sample + 1) * lines;
            let noise = self.scatterers.run(start + sample * lines, lines);
            let echoes = self.blurred[0][range.clone()].iter().zip(&self.blurred[1][range.clone()]);
            for ((shown, (re, im)), [n0, n1]) in self.shown[range.clone()].iter_mut().zip(echoes).zip(noise) {
                let (re, im) = (re + floor * n0, im + floor * n1);
                // both components have unit variance at 0 dB: the mean power is 2
                let echo_db = 3.010_3 * fast::log2(0.5 * (re * re + im * im) + 1e-9);
                let grey = TISSUE_GREY + (echo_db + self.gain_db) * self.grey_per_db;
                *shown = keep * *shown + (1.0 - keep) * grey.clamp(0.0, 255.0);
            }
            for (out, shown) in out[range.clone()].iter_mut().zip(&self.shown[range]) {
                *out = (shown + 0.5) as u8;
            }
        }
        self.is_first = false;
    }
}

/// 10 to the power of `db / 20`.
#[inline]
fn decibels_to_amplitude(db: f32) -> f32 {
    fast::exp2(db * 0.166_096_4)
}

/// Beam width at a depth, in line steps.
fn across_kernel(grid: &PolarGrid, sample: usize, blur: f32) -> Kernel {
    let depth_mm = grid.depth_of(sample);
    let off_focus = (depth_mm / grid.depth_mm - FOCUS) / FOCUS;
    let sigma_mm = LATERAL_SIGMA_MM * blur * (1.0 + 0.9 * off_focus * off_focus);
    let line_step_mm = (grid.radius_mm + depth_mm) * 2.0 * grid.half_angle_rad / (grid.lines - 1) as f32;
    Kernel::gaussian((sigma_mm / line_step_mm).clamp(0.5, 2.4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::layout::Layout;
    use crate::rng::stream;

    fn uniform(echo_db: f32) -> (BMode, Tissue) {
        let grid = Layout::new(640, 480, 100.0).grid();
        let subject = Subject::draw(1, 0);
        let mut tissue = Tissue::for_grid(&grid);
        for sample in 0..grid.samples {
            for (line, &direction) in grid.directions().iter().enumerate() {
                let point = grid.point(sample, direction);
                let index = sample * grid.lines + line;
                (tissue.x_mm[index], tissue.y_mm[index]) = (point.x, point.y);
            }
        }
        tissue.echo_db.fill(echo_db);
        tissue.loss_db_per_mm.fill(SOFT_LOSS);
        (BMode::new(grid, &subject, &mut stream(1, "image", 0)), tissue)
    }

    #[test]
    fn uniform_tissue_gives_fully_developed_speckle() {
        let (mut bmode, tissue) = uniform(0.0);
        bmode.echo_field(&tissue, &View::default());
        bmode.spread();
        let envelope: Vec<f64> = (bmode.grid.lines * 100..bmode.grid.lines * 300)
            .map(|i| f64::from(bmode.blurred[0][i].hypot(bmode.blurred[1][i])))
            .collect();
        let mean = envelope.iter().sum::<f64>() / envelope.len() as f64;
        let variance = envelope.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / envelope.len() as f64;
        let ratio = mean / variance.sqrt();
        assert!((ratio - 1.91).abs() < 0.06, "mean over standard deviation {ratio}");
    }

    #[test]
    fn bone_throws_a_shadow_and_fluid_brightens_what_lies_behind() {
        let (mut bmode, mut tissue) = uniform(0.0);
        let lines = bmode.grid.lines;
        for sample in 100..120 {
            for line in 0..20 {
                tissue.loss_db_per_mm[sample * lines + line] = 7.0;
                tissue.loss_db_per_mm[sample * lines + lines - 1 - line] = 0.0;
            }
        }
        let mut out = vec![0; bmode.grid.points()];
        bmode.frame(&tissue, &View::default(), &mut out);
        let mean = |first: usize, end: usize| {
            let values = (200..300).flat_map(|s| (first..end).map(move |l| s * lines + l));
            let values: Vec<f32> = values.map(|i| f32::from(out[i])).collect();
            values.iter().sum::<f32>() / values.len() as f32
        };
        let (shadow, plain, behind) = (mean(5, 15), mean(60, lines - 60), mean(lines - 15, lines - 5));
        assert!(shadow < plain - 40.0 && behind > plain + 3.0, "{shadow} {plain} {behind}");
    }

    #[test]
    fn speckle_stays_with_a_still_probe_and_changes_when_it_slides() {
        let (mut bmode, tissue) = uniform(0.0);
        let mut image = |travel_mm| {
            let mut out = vec![0; bmode.grid.points()];
            bmode.is_first = true;
            bmode.frame(&tissue, &View { travel_mm, ..View::default() }, &mut out);
            out.into_iter().map(f64::from).collect::<Vec<_>>()
        };
        let (a, b, c) = (image(0.0), image(0.1), image(5.0));
        assert!(correlation(&a, &b) > 0.9, "{}", correlation(&a, &b));
        assert!(correlation(&a, &c).abs() < 0.3, "{}", correlation(&a, &c));
    }

    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let (ma, mb) = (mean(a), mean(b));
        let dot = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
            x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
        };
        dot(a, ma, b, mb) / (dot(a, ma, a, ma) * dot(b, mb, b, mb)).sqrt()
    }
}
