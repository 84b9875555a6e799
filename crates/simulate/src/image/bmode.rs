//! The brightness image on the beam lines.
//!
//! Speckle: the echo amplitude times complex white noise, blurred by the point spread of the beam (constant along
//! the line, widening away from the focus across it); its magnitude is the envelope. Where many scatterers fall into
//! one resolution cell the envelope is Rayleigh distributed (mean over standard deviation 1.91; Wagner et al., IEEE
//! Trans. Sonics Ultrason. 30:156, 1983), which the tests check. Shadows and enhancement come from the
//! attenuation summed along each line against a depth gain that assumes soft tissue.

use rand::Rng;

use super::fast;
use super::kernel::Kernel;
use super::scatter::Scatterers;
use crate::anatomy::View;
use crate::anatomy::subject::Subject;
use crate::anatomy::tissue::{SOFT_LOSS, Tissue};
use crate::geometry::{Quat, Vec3, vec2};
use crate::grid::PolarGrid;
use crate::rng::Stream;

/// Standard deviation of the pulse along the line, mm.
const AXIAL_SIGMA_MM: f32 = 0.34;
/// Standard deviation of the beam across the line at the focus, mm.
const LATERAL_SIGMA_MM: f32 = 0.5;
/// Focus, share of the depth.
const FOCUS: f32 = 0.55;
/// Grey value of soft tissue (0 dB) at gain 0.
const TISSUE_GREY: f32 = 116.0;
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
    row_gain: Vec<f32>,
}

impl BMode {
    /// For a grid, a subject and a gain.
    pub fn new(grid: PolarGrid, subject: &Subject, gain_db: f32, rng: &mut Stream) -> Self {
        let zeros = || [vec![0.0; grid.points()], vec![0.0; grid.points()]];
        let mut bmode = Self {
            scatterers: Scatterers::draw(rng),
            noise: rng.clone(),
            across: (0..grid.samples).map(|sample| across_kernel(&grid, sample, subject.blur)).collect(),
            along: Kernel::gaussian(AXIAL_SIGMA_MM * subject.blur / grid.sample_step_mm()),
            gain_db,
            grey_per_db: 255.0 / subject.dynamic_range_db,
            field: zeros(),
            blurred: zeros(),
            row: [vec![0.0; grid.lines], vec![0.0; grid.lines]],
            shown: vec![0.0; grid.points()],
            is_first: true,
            row_gain: vec![1.0; grid.samples],
            grid,
        };
        bmode.calibrate();
        bmode
    }

    /// Sets the gain along depth on an even phantom, as a maker does: lines lie closer than scatterers near the probe and
    /// farther apart below, and so add up differently.
    fn calibrate(&mut self) {
        let mut phantom = Tissue::for_grid(&self.grid);
        phantom.loss_db_per_mm.fill(SOFT_LOSS);
        let turn = Quat::from_rotation_x(0.7) * Quat::from_rotation_y(0.4);
        self.echo_field(&phantom, &View::new(0.0, Vec3::ZERO, turn));
        self.spread();
        let lines = self.grid.lines;
        let power: Vec<f32> = (0..self.grid.samples)
            .map(|sample| {
                let row = sample * lines + lines / 8..(sample + 1) * lines - lines / 8;
                let echoes = self.blurred[0][row.clone()].iter().zip(&self.blurred[1][row.clone()]);
                echoes.map(|(re, im)| re * re + im * im).sum::<f32>() / row.len() as f32
            })
            .collect();
        // speckle makes a single row uncertain
        let reach = self.grid.samples / 12;
        for (sample, gain) in self.row_gain.iter_mut().enumerate() {
            let near = &power[sample.saturating_sub(reach)..(sample + reach + 1).min(power.len())];
            // both components have unit variance at 0 dB: the mean power is 2
            *gain = (2.0 * near.len() as f32 / near.iter().sum::<f32>()).sqrt();
        }
    }

    /// The beam lines.
    pub fn grid(&self) -> &PolarGrid {
        &self.grid
    }

    /// Forgets the image before: the next one is averaged with nothing.
    pub fn restart(&mut self) {
        self.is_first = true;
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
        let mut lost_db = vec![0.0_f32; lines];
        let mut amplitudes = vec![0.0_f32; lines];
        let apex = view.to_body(vec2(0.0, -self.grid.radius_mm));
        let beams: Vec<Vec3> = self.grid.directions().iter().map(|&d| view.direction(d)).collect();
        for sample in 0..self.grid.samples {
            let range = sample * lines..(sample + 1) * lines;
            let (echo, loss) = (&tissue.echo_db[range.clone()], &tissue.loss_db_per_mm[range.clone()]);
            for (((amplitude, lost_db), echo), loss) in
                amplitudes.iter_mut().zip(&mut lost_db).zip(echo).zip(loss)
            {
                *lost_db += (loss - SOFT_LOSS) * step_mm;
                *amplitude = decibels_to_amplitude(echo - *lost_db);
            }
            let [re, im] = &mut self.row;
            let distance = self.grid.radius_mm + self.grid.depth_of(sample);
            self.scatterers.row(apex, distance, &beams, view.normal, &amplitudes, [re, im]);
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
            let gain = self.row_gain[sample];
            let range = sample * lines..(sample + 1) * lines;
            let noise = self.scatterers.run(start + sample * lines, lines);
            let echoes = self.blurred[0][range.clone()].iter().zip(&self.blurred[1][range.clone()]);
            for ((shown, (re, im)), [n0, n1]) in self.shown[range.clone()].iter_mut().zip(echoes).zip(noise) {
                let (re, im) = (gain * re + floor * n0, gain * im + floor * n1);
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
    use crate::geometry::vec3;
    use crate::image::layout::Layout;
    use crate::rng::stream;

    /// A probe that has slid across its plane; oblique, so that no plane of cells lies in the scan plane.
    fn view(travel_mm: f32) -> View {
        let turn = Quat::from_rotation_x(0.5) * Quat::from_rotation_y(0.3);
        View::new(0.0, turn * vec3(0.0, -50.0, travel_mm), turn)
    }

    fn uniform(echo_db: f32) -> (BMode, Tissue) {
        let grid = Layout::new(640, 480, 100.0).grid();
        let subject = Subject::draw(1, 0);
        let mut tissue = Tissue::for_grid(&grid);
        tissue.echo_db.fill(echo_db);
        tissue.loss_db_per_mm.fill(SOFT_LOSS);
        (BMode::new(grid, &subject, 0.0, &mut stream(1, "image", 0)), tissue)
    }

    #[test]
    fn uniform_tissue_gives_fully_developed_speckle() {
        let (mut bmode, tissue) = uniform(0.0);
        bmode.echo_field(&tissue, &view(0.0));
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
        bmode.frame(&tissue, &view(0.0), &mut out);
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
            bmode.frame(&tissue, &view(travel_mm), &mut out);
            // off the edges and the haze under the face, which are the same everywhere
            let (lines, deep) = (bmode.grid.lines, bmode.grid.samples / 2);
            let rows = out.chunks_exact(lines).skip(deep);
            rows.flat_map(|row| &row[lines / 4..lines * 3 / 4]).copied().map(f64::from).collect::<Vec<_>>()
        };
        let (a, b, c) = (image(0.0), image(0.1), image(5.0));
        assert!(correlation(&a, &b) > 0.65, "{}", correlation(&a, &b));
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
