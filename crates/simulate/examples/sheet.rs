//! Draws every standard plane for a few subjects as PGM files to look at:
//! `cargo run --release -p sonovox-simulate --example sheet OUT_FOLDER [SUBJECTS [TILT_DEGREES]]`.

use std::path::Path;
use std::time::Instant;

use sonovox_simulate::VideoConfig;
use sonovox_simulate::anatomy::planes::target;
use sonovox_simulate::anatomy::{PLANE_NAMES, Subject, World};
use sonovox_simulate::image::{Imager, Machine, Patient};
use sonovox_simulate::probe::Aim;
use sonovox_simulate::rng::stream;

const SEED: u64 = 11;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let out = Path::new(args.get(1).ok_or("expected a folder to write to")?);
    let subjects = args.get(2).map_or(Ok(3), |count| count.parse())?;
    let tilt: f32 = args.get(3).map_or(Ok(0.0), |tilt| tilt.parse())?;
    std::fs::create_dir_all(out)?;
    let video = VideoConfig { width: 512, height: 384, fps: 30 };
    for index in 0..subjects {
        let subject = Subject::draw(SEED, index);
        let world = World::build(&subject, SEED, index);
        let rng = &mut stream(SEED, "sheet", index);
        let machine = Machine::draw(&video, &subject, &[], rng);
        let patient = Patient::of(SEED, index);
        let mut imager = Imager::new(&machine, &subject, &patient, rng);
        let mut frame = vec![0; imager.pixels()];
        let start = Instant::now();
        for (plane, name) in PLANE_NAMES.iter().enumerate() {
            let target = target(plane, &world.fetus.landmarks, rng).tilted(tilt.to_radians(), 0.8, 0.0);
            let aim = Aim::at(&target, &world, 1.0, None, subject.depth_mm, rng);
            for i in 0..4 {
                imager.frame(&world, &aim.view(f64::from(i) / 30.0), 0, None, &mut frame);
            }
            let mut pgm = format!("P5 {} {} 255\n", video.width, video.height).into_bytes();
            pgm.extend_from_slice(&frame);
            std::fs::write(out.join(format!("{index}_{plane:02}_{name}.pgm")), pgm)?;
        }
        let frames = 4 * PLANE_NAMES.len() as u32;
        println!("{:.2} ms a frame", (start.elapsed() / frames).as_secs_f64() * 1e3);
    }
    Ok(())
}
