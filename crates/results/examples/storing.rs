//! How long it takes to keep a value: `storing [BYTES [TIMES]]` prints it as JSON, with the time of a
//! core that it takes beside it, which says the same whatever else the machine does.

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
    let (mut taken, mut of_core): (Vec<Duration>, Vec<Duration>) = (0..times)
        .map(|round| {
            // Another one each time: a value that is there already is not written.
            let value = format!("{round:09}").repeat(bytes / 9);
            let (begun, used) = (Instant::now(), core_time());
            results
                .keep(Content::Json, value.as_bytes())
                .expect("there is room");
            (begun.elapsed(), core_time() - used)
        })
        .unzip();
    taken.sort();
    of_core.sort();
    let at = |times: &[Duration], share: f64| {
        times[(share * (times.len() - 1) as f64) as usize].as_secs_f64() * 1e3
    };
    println!(
        "{{\"bytes\":{bytes},\"times\":{times},\"p50_ms\":{:.1},\"p95_ms\":{:.1},\"core_p50_ms\":{:.1}}}",
        at(&taken, 0.5),
        at(&taken, 0.95),
        at(&of_core, 0.5)
    );
}

/// How long this thread has run.
fn core_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.expect("its first number"))
}
