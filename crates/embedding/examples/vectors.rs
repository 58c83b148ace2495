//! `vectors FOLDER`: a line of stdin is a text, a line of stdout its vector as a JSON array. What each
//! took goes to stderr: milliseconds and tokens.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use toolmill_embedding::Model;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: vectors FOLDER")?;
    let begun = Instant::now();
    let model = Model::open(Path::new(&folder))?;
    eprintln!("{:.3} ms open", milliseconds(begun));
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let begun = Instant::now();
        let vector = model.embed(&line);
        let took = milliseconds(begun);
        eprintln!("{took:.3} ms {} tokens", model.tokens(&line).len());
        serde_json::to_writer(&mut out, &vector)?;
        writeln!(out)?;
    }
    Ok(())
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}
