//! Makes a study: `study OUT_FOLDER [CONFIG.toml]`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let config = match args.get(2) {
        Some(path) => toml::from_str(&std::fs::read_to_string(path)?)?,
        None => sonovox_simulate::SimulateConfig::default(),
    };
    let start = std::time::Instant::now();
    let summary = sonovox_simulate::run(&config, Path::new(&args[1]), true, &mut |_, _| {})?;
    println!("{summary:#?}\n{:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
