//! Draws every built-in plane for a few subjects, on the plane and off it, as PGM files to look at:
//! `cargo run --release -p sonovox-simulate --example sheet OUT_FOLDER [SUBJECTS]`.

use std::path::Path;

use sonovox_simulate::anatomy::{PLANE_NAMES, Subject, View, World};
use sonovox_simulate::image::{Imager, Layout};
use sonovox_simulate::rng::stream;

const SEED: u64 = 11;
const WIDTH: usize = 400;
const HEIGHT: usize = 300;
/// How far off the plane the probe is, mm.
const OFF_MM: [(&str, f32); 3] = [("on", 0.0), ("near", 6.0), ("far", 26.0)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let out = Path::new(args.get(1).ok_or("expected a folder to write to")?);
    let subjects = args.get(2).map_or(Ok(3), |count| count.parse())?;
    std::fs::create_dir_all(out)?;
    for subject in 0..subjects {
        draw_subject(subject, out)?;
    }
    Ok(())
}

fn draw_subject(index: usize, out: &Path) -> std::io::Result<()> {
    let subject = Subject::draw(SEED, index);
    let layout = Layout::new(WIDTH, HEIGHT, subject.depth_mm);
    let planes: Vec<usize> = (0..PLANE_NAMES.len()).collect();
    let world = World::build(&subject, &planes, SEED, index);
    let mut imager = Imager::new(&layout, &subject, &mut stream(SEED, "image", index));
    let mut frame = vec![0; WIDTH * HEIGHT];
    for (plane, name) in PLANE_NAMES.iter().enumerate() {
        for (word, off_mm) in OFF_MM {
            let view = View { travel_mm: world.visited(plane).travel_mm + off_mm, ..View::default() };
            // the machine averages over a few frames
            for _ in 0..4 {
                imager.frame(&world, &view, &mut frame);
            }
            let mut pgm = format!("P5 {WIDTH} {HEIGHT} 255\n").into_bytes();
            pgm.extend_from_slice(&frame);
            std::fs::write(out.join(format!("{name}_{index}_{word}.pgm")), pgm)?;
        }
    }
    Ok(())
}
