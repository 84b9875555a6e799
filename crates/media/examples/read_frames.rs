//! Reads a recording through, for measuring: `read_frames FILE WIDTH HEIGHT [THREADS]` prints frames and last time.
//!
//! Compare its CPU seconds with those of `ffmpeg -i FILE -vf scale=WIDTH:HEIGHT:flags=area,format=gray -f null -`.

use std::path::Path;

use sonovox_media::{FrameSpec, MediaError, VideoReader};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments.get(i).and_then(|word| word.parse::<u32>().ok());
    let (Some(path), Some(width), Some(height)) = (arguments.first(), number(1), number(2)) else {
        eprintln!("usage: read_frames FILE WIDTH HEIGHT [THREADS]");
        std::process::exit(2);
    };
    let spec = FrameSpec { crop: None, height, width };
    if let Err(error) = read(Path::new(path), &spec, number(3).unwrap_or(1) as usize) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn read(path: &Path, spec: &FrameSpec, threads: usize) -> Result<(), MediaError> {
    let mut reader = VideoReader::open(path, spec, threads)?;
    let mut frame = vec![0; spec.width as usize * spec.height as usize];
    let mut last_secs = 0.0;
    while let Some(time_secs) = reader.next_frame(&mut frame)? {
        last_secs = time_secs;
    }
    println!("{} frames, the last at {last_secs:.3} s", reader.losses().delivered);
    Ok(())
}
