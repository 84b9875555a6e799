//! Draws every built-in plane for a few subjects as PGM files, to look at: `sheet OUT_FOLDER [SUBJECTS]`.

use sonovox_simulate::{
    anatomy::{PLANE_NAMES, Subject, View, World},
    image::{Imager, Layout},
    rng,
};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let out = Path::new(&args[1]);
    let n: usize = args.get(2).map_or(3, |s| s.parse().unwrap());
    let (w, h) = (400, 300);
    let mut frame = vec![0u8; w * h];
    let mut count = 0;
    let start = std::time::Instant::now();
    for s in 0..n {
        let subject = Subject::draw(11, s);
        let layout = Layout::new(w, h, subject.depth_mm);
        let visits: Vec<usize> = (0..PLANE_NAMES.len()).collect();
        let world = World::build(&subject, &visits, 11, s);
        let mut imager = Imager::new(&layout, &subject, &mut rng::stream(11, "image", s));
        for (v, name) in PLANE_NAMES.iter().enumerate() {
            for (tag, off) in [("0", 0.0), ("near", 6.0), ("far", 26.0)] {
                let view = View { travel_mm: world.visited(v).travel_mm + off, ..View::default() };
                for _ in 0..4 {
                    imager.frame(&world, &view, &mut frame);
                    count += 1;
                }
                let mut pgm = format!("P5 {w} {h} 255\n").into_bytes();
                pgm.extend_from_slice(&frame);
                std::fs::write(out.join(format!("{name}_{s}_{tag}.pgm")), pgm)?;
            }
        }
    }
    eprintln!("{:.2} ms a frame", start.elapsed().as_secs_f64() * 1e3 / count as f64);
    Ok(())
}
