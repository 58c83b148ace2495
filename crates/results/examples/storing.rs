//! How long it takes to keep a value: `storing [BYTES [TIMES]]` prints it as JSON.

use std::time::{Duration, Instant};

use toolmill_results::{Content, Quota, Results};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: usize| {
        let argument = arguments.next();
        argument.map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let bytes = number(10_000_000);
    let times = number(40);
    let folder = tempfile::tempdir().expect("a folder");
    let results = Results::of_session(folder.path(), "s_storing", Quota::default());
    let mut taken: Vec<Duration> = (0..times)
        .map(|round| {
            // Another one each time: a value that is there already is not written.
            let value = format!("{round:09}").repeat(bytes / 9);
            let begun = Instant::now();
            results
                .keep(Content::Json, value.as_bytes())
                .expect("there is room");
            begun.elapsed()
        })
        .collect();
    taken.sort();
    let at = |share: f64| taken[(share * (times - 1) as f64) as usize].as_secs_f64() * 1e3;
    println!(
        "{{\"bytes\":{bytes},\"times\":{times},\"p50_ms\":{:.1},\"p95_ms\":{:.1}}}",
        at(0.5),
        at(0.95)
    );
}
