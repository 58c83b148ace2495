//! What is measured. Each scene stands alone; floors are measured in turn with what they bound, so
//! that a noisy moment falls on both.

use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Deserialize;
use serde_json::{Value, json};
use toolmill_bench::{PAGE_RECORDS, PAGES, query, top_ten};

use crate::agent::{Agent, Place, Program};
use crate::embedded::Embedded;
use crate::floor::{self, Bare, Rmcp};
use crate::memory::{self, Memory, Peak};
use crate::programs::{self, JAVASCRIPT, LANGUAGES, PYTHON, TYPESCRIPT};
use crate::report::Report;

const ECHOES: usize = 1000;
const PARALLEL: usize = 100;
const PARALLEL_MS: u64 = 50;
const IN_FLIGHT: usize = 32;
const TEN_MB: usize = 10_000_000;
const HUNDRED_MB: usize = 100_000_000;
/// How long a waiting run waits: long enough to look at all of them meanwhile.
const WAITING_MS: u64 = 3000;
const TOOLS: [usize; 4] = [30, 500, 2000, 10_000];
/// As many as the 17 recorded real servers have.
const REAL_TOOLS: usize = 316;

pub(crate) struct Bench {
    pub(crate) toolmill: PathBuf,
    pub(crate) upstream: PathBuf,
    /// An earlier toolmill, to tell what has been added to a call since.
    pub(crate) against: Option<PathBuf>,
    /// The gateway inside another program: an example of the product's, built beside it.
    pub(crate) embed: PathBuf,
    /// With 30 tools.
    pub(crate) place: Place,
    /// The interpreter that guests run in.
    pub(crate) python: PathBuf,
    pub(crate) sizes: Sizes,
    pub(crate) report: Report,
}

/// How often each kind of thing is measured, and how long.
pub(crate) struct Sizes {
    pub(crate) mode: &'static str,
    /// Trivial programs and single calls.
    small: usize,
    /// What takes a tenth of a second.
    medium: usize,
    /// The same, by each of two whose difference is small.
    pairs: usize,
    /// Starts.
    starts: usize,
    /// What takes a second.
    large: usize,
    load: Duration,
    idle: Duration,
}

impl Sizes {
    pub(crate) const FULL: Sizes = Sizes {
        mode: "full, idle means 60 s after the last run",
        small: 500,
        medium: 20,
        pairs: 100,
        starts: 500,
        large: 5,
        load: Duration::from_secs(10),
        idle: Duration::from_secs(60),
    };
    pub(crate) const QUICK: Sizes = Sizes {
        mode: "QUICK: fewer repetitions, and idle means 5 s after the last run; not for comparisons",
        small: 40,
        medium: 5,
        pairs: 25,
        starts: 20,
        large: 2,
        load: Duration::from_secs(3),
        idle: Duration::from_secs(5),
    };
}

/// Runs each of several things in turn, `warm_up` times unmeasured and then `n` times.
fn in_turn<const K: usize>(
    warm_up: usize,
    n: usize,
    mut once: impl FnMut(usize) -> Result<Duration>,
) -> Result<[Vec<Duration>; K]> {
    let mut times = [const { Vec::new() }; K];
    for round in 0..warm_up + n {
        for (index, times) in times.iter_mut().enumerate() {
            let time = once(index)?;
            if round >= warm_up {
                times.push(time);
            }
        }
    }
    Ok(times)
}

/// What a call takes beyond what it takes with another toolmill: pairs of runs, one after the other,
/// so that a machine which is now fast and now slow is so for both.
pub(crate) fn against(bench: &mut Bench) -> Result<()> {
    let Some(other) = &bench.against else {
        return Ok(());
    };
    let other = Place::new(other, &bench.upstream, bench.place.tools)?;
    let rounds = bench.sizes.pairs;
    for (cores, times) in [
        (
            "one core",
            on_one_core(|| pairs(&other, &bench.place, rounds))?,
        ),
        ("all cores", pairs(&other, &bench.place, rounds)?),
    ] {
        for (language, pair) in LANGUAGES.iter().zip(times.chunks(2)) {
            let added: Vec<f64> = std::iter::zip(&pair[0], &pair[1])
                .map(|(before, now)| {
                    (now.as_secs_f64() - before.as_secs_f64()) * 1e6 / ECHOES as f64
                })
                .collect();
            let name = format!("{cores}: 1,000 echoes in turn, {language}");
            bench
                .report
                .times(&format!("{name}, the other"), 2, &pair[0]);
            bench.report.times(&name, 2, &pair[1]);
            let median = bench
                .report
                .add(&format!("{name}: added to a call"), "µs", 2, &added);
            bench.report.gate(
                &name,
                median,
                20.0,
                "µs",
                "median of pairs of runs, more than the other",
            );
        }
    }
    Ok(())
}

/// A thousand calls in turn in each of [`LANGUAGES`], by each of two.
fn pairs(one: &Place, other: &Place, n: usize) -> Result<[Vec<Duration>; 4]> {
    let mut agents = [one.ready()?, other.ready()?];
    let programs = LANGUAGES.map(|language| programs::echoes(language, ECHOES));
    in_turn(2, n, |index| {
        Ok(agents[index % 2].run(&programs[index / 2])?.took)
    })
}

/// The trivial program in each language.
pub(crate) fn warm(bench: &mut Bench) -> Result<()> {
    let mut agent = bench.place.ready()?;
    let mut python = Command::new(&bench.python);
    python.args(["-I", "-S", "-c", "pass"]);
    let mut nothing = Command::new("/bin/true");
    let trivial = [JAVASCRIPT, TYPESCRIPT, PYTHON].map(programs::trivial);
    let [spawned, bare, javascript, typescript, in_python] =
        in_turn(5, bench.sizes.small, |index| match index {
            0 => floor::process(&mut nothing),
            1 => floor::process(&mut python),
            _ => Ok(agent.run(&trivial[index - 2])?.took),
        })?;
    let report = &mut bench.report;
    report.times("floor: start /bin/true and wait for it", 5, &spawned);
    let bare = report.times("floor: bare python3 -I -S -c pass", 5, &bare);
    let javascript = report.times("warm trivial program, javascript", 5, &javascript);
    report.times("warm trivial program, typescript", 5, &typescript);
    let python = report.times("warm trivial program, python", 5, &in_python);
    report.gate(
        "warm trivial javascript program",
        javascript,
        5.0,
        "ms",
        "fixed",
    );
    report.gate(
        "warm trivial python program",
        python,
        bare + 20.0,
        "ms",
        format!("bare python {bare:.1} ms + 20 ms"),
    );
    Ok(())
}

/// One call, and a thousand in turn.
pub(crate) fn calls(bench: &mut Bench) -> Result<()> {
    let mut agent = bench.place.ready()?;
    let mut bare = Bare::connect(&bench.place)?;
    let rmcp = Rmcp::connect(&bench.place)?;
    let one = LANGUAGES.map(programs::one_echo);
    let [floor, stock, javascript, python] = in_turn(5, bench.sizes.small, |index| match index {
        0 => bare.echoes(1),
        1 => rmcp.echoes(1),
        _ => Ok(agent.run(&one[index - 2])?.took),
    })?;
    let report = &mut bench.report;
    report.times("floor: one echo, lines over pipes", 5, &floor);
    report.times("floor: one echo, bare rmcp client", 5, &stock);
    report.times("program of one echo, javascript", 5, &javascript);
    report.times("program of one echo, python", 5, &python);

    let [floor, stock, javascript, python] = thousand(&bench.place, bench.sizes.medium)?;
    report.times("floor: 1,000 echoes in turn, lines over pipes", 2, &floor);
    let floor = report.times("floor: 1,000 echoes in turn, bare rmcp client", 2, &stock);
    for (language, times) in LANGUAGES.iter().zip([javascript, python]) {
        let median = report.times(&format!("1,000 echoes in turn, {language}"), 2, &times);
        report.gate(
            &format!("1,000 echoes in turn, {language}, against bare rmcp"),
            median / floor,
            4.0,
            "x",
            format!("{median:.1} ms against {floor:.1} ms"),
        );
        let limit = if language == &PYTHON { 60.0 } else { 45.0 };
        beyond_the_floor(report, "a call in turn", language, (median, floor), limit);
    }

    // Whether two processes that take turns share a core is the scheduler's luck, and worth more
    // than the work they do. On one core there is no luck.
    let [floor, stock, javascript, python] =
        on_one_core(|| thousand(&bench.place, bench.sizes.medium))?;
    report.times("one core: floor: 1,000 echoes, lines over pipes", 2, &floor);
    let floor = report.times("one core: floor: 1,000 echoes, bare rmcp client", 2, &stock);
    for (language, times) in LANGUAGES.iter().zip([javascript, python]) {
        let median = report.times(&format!("one core: 1,000 echoes, {language}"), 2, &times);
        report.note(format!("{:.2} x bare rmcp", median / floor));
    }
    Ok(())
}

/// What each of [`ECHOES`] calls takes between a program and the host, which a bare client has not.
fn beyond_the_floor(
    report: &mut Report,
    what: &str,
    language: &str,
    (median, floor): (f64, f64),
    limit: f64,
) {
    report.gate(
        &format!("{what}, {language}: between program and host"),
        (median - floor) * 1e3 / ECHOES as f64,
        limit,
        "µs",
        "what bare rmcp takes for the same calls is taken off",
    );
}

/// A thousand calls in turn: lines over pipes, bare rmcp, and each of [`LANGUAGES`].
fn thousand(place: &Place, n: usize) -> Result<[Vec<Duration>; 4]> {
    let mut agent = place.ready()?;
    let mut bare = Bare::connect(place)?;
    let rmcp = Rmcp::connect(place)?;
    let programs = LANGUAGES.map(|language| programs::echoes(language, ECHOES));
    in_turn(2, n, |index| match index {
        0 => bare.echoes(ECHOES),
        1 => rmcp.echoes(ECHOES),
        _ => Ok(agent.run(&programs[index - 2])?.took),
    })
}

/// Has this thread, and every process it starts meanwhile, run on one core only.
fn on_one_core<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let all = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    one.set(
        (0..CpuSet::MAX_CPU)
            .find(|core| all.is_set(*core))
            .context("a core")?,
    );
    sched_setaffinity(None, &one)?;
    let outcome = body();
    sched_setaffinity(None, &all)?;
    outcome
}

/// Calls that wait, all at once.
pub(crate) fn parallel(bench: &mut Bench) -> Result<()> {
    let mut agent = bench.place.ready()?;
    let rmcp = Rmcp::connect(&bench.place)?;
    let all = LANGUAGES.map(|language| programs::sleeps(language, PARALLEL, PARALLEL_MS));
    let [stock, javascript, python] = in_turn(2, bench.sizes.medium, |index| match index {
        0 => rmcp.sleeps(PARALLEL, PARALLEL_MS),
        _ => Ok(agent.run(&all[index - 1])?.took),
    })?;
    let report = &mut bench.report;
    report.times(
        "floor: 100 parallel 50 ms calls, bare rmcp client",
        2,
        &stock,
    );
    for (language, times) in LANGUAGES.iter().zip([javascript, python]) {
        let name = format!("100 parallel 50 ms calls, {language}");
        let median = report.times(&name, 2, &times);
        report.gate(&name, median, 120.0, "ms", "fixed");
    }

    let all = LANGUAGES.map(|language| programs::echoes_at_once(language, ECHOES));
    let [stock, javascript, python] = in_turn(2, bench.sizes.medium, |index| match index {
        0 => rmcp.echoes_at_once(ECHOES),
        _ => Ok(agent.run(&all[index - 1])?.took),
    })?;
    let report = &mut bench.report;
    let name = "floor: 1,000 echoes at once, bare rmcp client";
    let floor = report.times(name, 2, &stock);
    for (language, times) in LANGUAGES.iter().zip([javascript, python]) {
        let name = format!("1,000 echoes at once, {language}");
        let median = report.times(&name, 2, &times);
        beyond_the_floor(
            report,
            "a call of 1,000 at once",
            language,
            (median, floor),
            10.0,
        );
    }
    Ok(())
}

/// Between two runs that are to find a guest waiting, or nothing else going on: long enough to prepare
/// the guest that follows.
const BREATH: Duration = Duration::from_millis(6);

/// What a run takes where nothing but the gateway is measured: no MCP, no agent's process.
pub(crate) fn inside(bench: &mut Bench) -> Result<()> {
    let n = bench.sizes.small;
    let mut floor = floor::Waiting::start()?;
    let [floor] = in_turn(10, n, |_| {
        sleep(BREATH);
        floor.round_trip()
    })?;
    bench.report.times(
        "floor: a byte to a process that waits, and back",
        10,
        &floor,
    );
    let limits = [(JAVASCRIPT, 0.2, 1.0, 1500.0), (PYTHON, 0.4, 4.0, 400.0)];
    for (mode, name) in [
        ("ready", "inside: pooled, job to result"),
        ("on-demand", "inside: forked on demand, job to result"),
    ] {
        let mut embedded = Embedded::start(&bench.embed, &bench.place, mode)?;
        for (language, pooled, on_demand, per_second) in limits {
            let program = programs::trivial(language);
            embedded.run(&program, 20, 1, BREATH)?;
            let (took, _) = embedded.run(&program, n, 1, BREATH)?;
            let name = format!("{name}, {language}");
            let median = bench.report.times(&name, 20, &took);
            let limit = if mode == "ready" { pooled } else { on_demand };
            bench.report.gate(&name, median, limit, "ms", "fixed");
            if mode == "ready" {
                embedded.run(&program, n, IN_FLIGHT / 2, Duration::ZERO)?;
                let (took, whole) = embedded.run(&program, 8 * n, IN_FLIGHT / 2, Duration::ZERO)?;
                let rate = took.len() as f64 / whole.as_secs_f64();
                let name = format!("inside: runs a second, 16 at once, {language}");
                bench.report.add(&name, "per s", n, &[rate]);
                bench.report.note(format!("{} runs", took.len()));
                let name = format!("inside: a run's share of both cores, {language}");
                let limit = 1000.0 / per_second;
                bench.report.gate(
                    &name,
                    1000.0 / rate,
                    limit,
                    "ms",
                    format!("{per_second} runs/s"),
                );
            }
        }
    }
    Ok(())
}

/// From the start of `toolmill serve` to the first program's value.
pub(crate) fn cold(bench: &mut Bench) -> Result<()> {
    let place = &bench.place;
    let trivial = [JAVASCRIPT, TYPESCRIPT, PYTHON].map(programs::trivial);
    let start = |program: &Program| {
        let begun = Instant::now();
        let mut agent = place.serve()?;
        agent.initialize()?;
        agent.run(program)?;
        Ok(begun.elapsed())
    };
    let [initialized, javascript, typescript, python] =
        in_turn(1, bench.sizes.starts, |index| match index {
            0 => {
                let begun = Instant::now();
                place.serve()?.initialize()?;
                Ok(begun.elapsed())
            }
            _ => start(&trivial[index - 1]),
        })?;
    let report = &mut bench.report;
    report.times("cold: start to initialized", 1, &initialized);
    let median = report.times("cold: start to 1+1, javascript", 1, &javascript);
    report.gate(
        "cold: start to 1+1, javascript",
        median,
        30.0,
        "ms",
        "fixed",
    );
    report.times("cold: start to 1+1, typescript", 1, &typescript);
    let median = report.times("cold: start to 1+1, python", 1, &python);
    report.gate("cold: start to 1+1, python", median, 120.0, "ms", "fixed");
    let [javascript, python] = in_turn(0, bench.sizes.large, |index| {
        place.forget()?;
        start(&trivial[index * 2])
    })?;
    report.times("first start ever to 1+1, javascript", 0, &javascript);
    report.times("first start ever to 1+1, python", 0, &python);
    Ok(())
}

/// Large results, reduced to a small answer.
pub(crate) fn data(bench: &mut Bench) -> Result<()> {
    let place = &bench.place;
    let report = &mut bench.report;
    let mut agent = place.ready()?;
    let mut bare = Bare::connect(place)?;

    let programs = LANGUAGES.map(programs::pages);
    let mut answer_bytes = [(0, 0); 2];
    let [transport, parsed, javascript, python] =
        in_turn(1, bench.sizes.medium, |index| match index {
            0 => pages_floor(&mut bare, false),
            1 => pages_floor(&mut bare, true),
            _ => {
                let answer = agent.run(&programs[index - 2])?;
                answer_bytes[index - 2] = (answer.text.len(), answer.bytes);
                Ok(answer.took)
            }
        })?;
    report.times(
        "floor: 50 pages of 204 kB in turn, transport alone",
        1,
        &transport,
    );
    report.times("floor: 50 pages, parsed and reduced in Rust", 1, &parsed);
    for ((language, times), (text, line)) in
        LANGUAGES.iter().zip([javascript, python]).zip(answer_bytes)
    {
        let name = format!("50 pages, 50,000 records to a top ten, {language}");
        let median = report.times(&name, 1, &times);
        report.note(format!("{text} bytes to the model, {line} the whole line"));
        report.gate(&name, median, 400.0, "ms", "fixed");
        report.gate(
            &format!("{name}, to the model"),
            text as f64,
            1024.0,
            "bytes",
            "fixed",
        );
    }

    let programs = LANGUAGES.map(|language| programs::big_json(language, TEN_MB));
    let [transport, parsed, javascript, python] =
        in_turn(1, bench.sizes.medium, |index| match index {
            0 => big_floor(&mut bare, TEN_MB, false),
            1 => big_floor(&mut bare, TEN_MB, true),
            _ => Ok(agent.run(&programs[index - 2])?.took),
        })?;
    report.times("floor: one 10 MB result, transport alone", 1, &transport);
    report.times(
        "floor: one 10 MB result, parsed and reduced in Rust",
        1,
        &parsed,
    );
    for (language, times) in LANGUAGES.iter().zip([javascript, python]) {
        let name = format!("one 10 MB result, parsed and reduced, {language}");
        let median = report.times(&name, 1, &times);
        report.gate(&name, median, 300.0, "ms", "fixed");
    }
    idle(
        report,
        &agent,
        "after 50 pages and 10 MB results",
        bench.sizes.idle,
    )?;

    // In a gateway of its own each time, as what was resident at most is remembered for good; so
    // each time the server makes the result anew, which counts.
    let mut transport = Vec::new();
    for _ in 0..bench.sizes.large {
        let mut bare = Bare::connect(place)?;
        let begun = Instant::now();
        bare.call("big_lines", &json!({ "bytes": HUNDRED_MB }))?;
        transport.push(begun.elapsed());
    }
    report.times("floor: one 100 MB result, transport alone", 0, &transport);
    for language in LANGUAGES {
        let program = programs::big_lines(language, HUNDRED_MB);
        let mut times = Vec::new();
        let (mut peaks, mut resident) = (Vec::new(), Vec::new());
        for _ in 0..bench.sizes.large {
            let mut agent = place.ready()?;
            let peak = Peak::watch(agent.pid());
            let answer = agent.run(&program);
            peaks.push(peak.most());
            times.push(answer?.took);
            resident.push(memory::most_resident(agent.pid())?);
        }
        report.times(
            &format!("one 100 MB result, counted, {language}"),
            0,
            &times,
        );
        report.add(
            &format!("100 MB result: gateway process, PSS at most, {language}"),
            "MiB",
            0,
            &peaks,
        );
        report.note("looked at every 10 ms");
        report.add(
            &format!("100 MB result: gateway process, VmHWM, {language}"),
            "MiB",
            0,
            &resident,
        );
    }
    Ok(())
}

#[derive(Deserialize)]
struct Row {
    customer: String,
    amount: usize,
    active: bool,
}

fn top(rows: &[Row]) -> Value {
    let mut sums = std::collections::HashMap::new();
    for row in rows.iter().filter(|row| row.active) {
        *sums.entry(row.customer.as_str()).or_insert(0) += row.amount;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    sums.truncate(10);
    json!(sums)
}

fn pages_floor(bare: &mut Bare, parse: bool) -> Result<Duration> {
    let begun = Instant::now();
    let mut rows: Vec<Row> = Vec::new();
    for page in 0..PAGES {
        let line = bare.call("list_records", &json!({ "page": page }))?;
        if parse {
            // A tree first, as a client of a library has it.
            let mut answer: Value = serde_json::from_slice(line)?;
            let records = answer["result"]["structuredContent"]["records"].take();
            rows.extend(serde_json::from_value::<Vec<Row>>(records)?);
        }
    }
    if parse {
        ensure!(
            top(&rows) == top_ten(PAGES * PAGE_RECORDS),
            "the same top ten"
        );
    }
    Ok(begun.elapsed())
}

fn big_floor(bare: &mut Bare, bytes: usize, parse: bool) -> Result<Duration> {
    let begun = Instant::now();
    let line = bare.call("big_json", &json!({ "bytes": bytes }))?;
    if parse {
        let answer: Value = serde_json::from_slice(line)?;
        let text = answer["result"]["content"][0]["text"].as_str();
        let records: Value = serde_json::from_str(text.context("a text")?)?;
        let rows: Vec<Row> = serde_json::from_value(records)?;
        ensure!(top(&rows) == top_ten(rows.len()), "the same top ten");
    }
    Ok(begun.elapsed())
}

/// Many programs at once.
pub(crate) fn load(bench: &mut Bench) -> Result<()> {
    let report = &mut bench.report;
    let mut agent = bench.place.ready()?;
    for (name, program) in [
        ("trivial", programs::trivial as fn(&'static str) -> Program),
        ("one echo", programs::one_echo),
    ] {
        for language in LANGUAGES {
            let program = program(language);
            agent.load(&program, IN_FLIGHT, bench.sizes.load / 10)?;
            let (took, whole) = agent.load(&program, IN_FLIGHT, bench.sizes.load)?;
            let per_second = took.len() as f64 / whole.as_secs_f64();
            report.add(
                &format!("32 in flight, {name}, {language}"),
                "per s",
                1,
                &[per_second],
            );
            report.note(format!("over {:.1} s", whole.as_secs_f64()));
            report.times(&format!("32 in flight, {name}, {language}, each"), 1, &took);
        }
    }
    Ok(())
}

/// Loops, bombs and floods beside an honest neighbour: when each ends, and what the neighbour feels.
pub(crate) fn hostile(bench: &mut Bench) -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(3);
    /// A neighbour's run is measured at least so often, alone and beside each hostile program.
    const RUNS: usize = 500;
    const LATE_MS: f64 = 100.0;
    let mut agent = bench.place.ready()?;
    // The first program of a language waits for its zygote, which is no matter of the limit.
    for language in LANGUAGES {
        agent.run(&programs::one_echo(language))?;
    }
    for language in LANGUAGES {
        let honest = programs::one_echo(language);
        let [alone] = in_turn(20, RUNS, |_| Ok(agent.run(&honest)?.took))?;
        let name = format!("neighbour alone, one echo, {language}");
        bench.report.times(&name, 20, &alone);
        let normal = worst(&alone);
        for attack in &programs::HOSTILE {
            let what = format!("{}, {}", attack.name, attack.language);
            let (mut late, mut beside) = (Vec::new(), Vec::new());
            // One that passes another limit than time may end at once.
            while late.len() < 3 || (beside.len() < RUNS && late.len() < 200) {
                let (ended, runs) = agent.beside(attack, LIMIT, &honest)?;
                late.push(ended);
                beside.extend(runs);
            }
            let report = &mut bench.report;
            report.times(&format!("{what}: from its start to its error"), 0, &late);
            let after = worst(&late) - LIMIT.as_secs_f64() * 1e3;
            // The time of calls is not the program's own.
            if !attack.errors.contains(&"limit_calls") {
                report.gate(
                    &format!("{what}: late"),
                    after.max(0.0),
                    LATE_MS,
                    "ms",
                    "after its limit of 3 s",
                );
            }
            report.times(&format!("neighbour beside {what}, {language}"), 0, &beside);
            report.gate(
                &format!("neighbour beside {what}, {language}: p99"),
                worst(&beside),
                normal * 2.0,
                "ms",
                format!("2 x {normal:.2} ms alone"),
            );
        }
    }
    Ok(())
}

/// The 99th percentile, in ms, by the nearest rank.
fn worst(times: &[Duration]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort();
    let rank = (sorted.len() as f64 * 0.99).ceil() as usize;
    sorted[rank.max(1) - 1].as_secs_f64() * 1e3
}

/// Notes what a gateway takes once it has had nothing to do for a while.
fn idle(report: &mut Report, agent: &Agent, when: &str, wait: Duration) -> Result<Memory> {
    sleep(wait);
    let memory = memory::of(&agent.family())?;
    report.add(
        &format!("idle PSS, {when}"),
        "MiB",
        0,
        &[memory.without_upstreams],
    );
    report.note(format!(
        "without the upstream; {:.2} with it; gateway process {:.2}; {} processes; {} s after the last run",
        memory.whole,
        memory.gateway,
        memory.processes,
        wait.as_secs()
    ));
    Ok(memory)
}

/// What a gateway takes when it is idle, and what each waiting run adds.
pub(crate) fn memory(bench: &mut Bench) -> Result<()> {
    let report = &mut bench.report;
    let place = Place::new(&bench.toolmill, &bench.upstream, REAL_TOOLS)?;
    let mut agent = place.ready()?;
    let before = idle(report, &agent, "started, nothing run", bench.sizes.idle)?;
    report.gate(
        "idle PSS before the first Python program",
        before.without_upstreams,
        20.0,
        "MiB",
        "fixed",
    );
    for language in LANGUAGES {
        for _ in 0..20 {
            agent.run(&programs::trivial(language))?;
            agent.run(&programs::one_echo(language))?;
        }
    }
    let after = idle(report, &agent, "after 80 small programs", bench.sizes.idle)?;
    report.gate(
        "idle PSS after programs in both languages",
        after.without_upstreams,
        50.0,
        "MiB",
        "fixed",
    );
    for (language, most) in LANGUAGES.into_iter().zip([1.0, 4.0]) {
        let program = programs::waiting(language, WAITING_MS);
        for (count, why) in [
            (4 * report.cores(), "as many as run at once by default"),
            (IN_FLIGHT, "those beyond four a core wait for a place"),
        ] {
            let before = memory::of(&agent.family())?;
            let begun = Instant::now();
            agent.begin(&program, count)?;
            sleep(Duration::from_millis(WAITING_MS / 2));
            let meanwhile = memory::of(&agent.family())?;
            agent.finish(&program, count)?;
            let whole = begun.elapsed().as_secs_f64();
            let each = (meanwhile.without_upstreams - before.without_upstreams) / count as f64;
            report.add(
                &format!("{count} waiting runs, {language}, PSS each"),
                "MiB",
                0,
                &[each],
            );
            report.gate(
                &format!("{count} waiting runs, {language}, PSS each"),
                each,
                most,
                "MiB",
                "fixed",
            );
            report.note(format!(
                "{why}; {} processes more; all done after {whole:.2} s, ideally {:.1}",
                meanwhile.processes.saturating_sub(before.processes),
                WAITING_MS as f64 / 1e3
            ));
        }
    }
    Ok(())
}

/// The same work beside more and more tools.
pub(crate) fn tools(bench: &mut Bench) -> Result<()> {
    let mut idles = Vec::new();
    for count in TOOLS {
        let place = Place::new(&bench.toolmill, &bench.upstream, count)?;
        let report = &mut bench.report;
        let mut listed = 0;
        let [floor, first, kept] = in_turn(0, bench.sizes.large, |index| {
            if index == 1 {
                place.forget()?;
            }
            let begun = Instant::now();
            if index == 0 {
                let mut bare = Bare::connect(&place)?;
                listed = bare.request("tools/list", &json!({}))?.len();
            } else {
                let mut agent = place.serve()?;
                agent.initialize()?;
                agent.search(&query(0))?;
            }
            Ok(begun.elapsed())
        })?;
        report.times(
            &format!("{count} tools: floor: start the upstream and list"),
            0,
            &floor,
        );
        report.note(format!("{listed} bytes"));
        report.times(
            &format!("{count} tools: first start ever to a search's answer"),
            0,
            &first,
        );
        report.times(
            &format!("{count} tools: start to a search's answer"),
            0,
            &kept,
        );

        let mut agent = place.ready()?;
        let small = bench.sizes.small;
        let (mut round, mut bytes) = (0, 0);
        // A new query each time, and then one that has just been answered.
        let [new, again] = in_turn(5, small, |index| {
            round += 1 - index;
            let answer = agent.search(&query(round))?;
            bytes = bytes.max(answer.text.len());
            Ok(answer.took)
        })?;
        report.times(&format!("{count} tools: search, a new query"), 5, &new);
        report.note(format!("{bytes} bytes to the model at most"));
        report.times(&format!("{count} tools: search, the same again"), 5, &again);
        // Guests wait, as in every gateway that has been used.
        for language in LANGUAGES {
            agent.run(&programs::trivial(language))?;
        }
        let memory = idle(report, &agent, &format!("{count} tools"), bench.sizes.idle)?;
        idles.push((count, memory.without_upstreams));
    }
    if let [(few, least), .., (many, most)] = idles[..] {
        let kib = (most - least) * 1024.0 / (many - few) as f64;
        bench.report.add("idle PSS a tool", "KiB", 0, &[kib]);
        let between = format!("between {few} and {many} tools");
        bench.report.note(between.clone());
        bench
            .report
            .gate("idle PSS a tool", kib, 8.0, "KiB", between);
    }
    side_by_side(bench)
}

/// Between two programs of different gateways, so that none is measured while another prepares the
/// guests that follow: an agent thinks longer than that.
const PAUSE: Duration = Duration::from_millis(15);

/// The same programs with few tools and with many, in turn, so that nothing but the number differs.
fn side_by_side(bench: &mut Bench) -> Result<()> {
    let places = TOOLS
        .iter()
        .map(|count| Place::new(&bench.toolmill, &bench.upstream, *count))
        .collect::<Result<Vec<_>>>()?;
    let mut agents = places
        .iter()
        .map(Place::ready)
        .collect::<Result<Vec<_>>>()?;
    let programs = [
        (
            "warm trivial program, javascript",
            programs::trivial(JAVASCRIPT),
        ),
        ("warm trivial program, python", programs::trivial(PYTHON)),
        (
            "program of one echo, javascript",
            programs::one_echo(JAVASCRIPT),
        ),
        ("program of one echo, python", programs::one_echo(PYTHON)),
    ];
    for (name, program) in programs {
        let times: [Vec<Duration>; TOOLS.len()] = in_turn(10, bench.sizes.small, |index| {
            sleep(PAUSE);
            Ok(agents[index].run(&program)?.took)
        })?;
        let report = &mut bench.report;
        let medians: Vec<f64> = TOOLS
            .iter()
            .zip(&times)
            .map(|(count, times)| report.times(&format!("{count} tools: {name}"), 10, times))
            .collect();
        if let [few, .., many] = medians[..] {
            report.gate(
                &format!("{name}, many tools against few"),
                many / few,
                1.1,
                "x",
                format!("{many:.2} ms against {few:.2} ms"),
            );
        }
    }
    Ok(())
}

/// Runs a second beside few tools and beside many.
pub(crate) fn throughput(bench: &mut Bench) -> Result<()> {
    let [least, .., most] = TOOLS;
    let places = [least, most].map(|count| Place::new(&bench.toolmill, &bench.upstream, count));
    let [few, many] = places;
    let (few, many) = (few?, many?);
    let (mut few, mut many) = (few.ready()?, many.ready()?);
    for language in LANGUAGES {
        let program = programs::trivial(language);
        let mut rates = [Vec::new(), Vec::new()];
        // In turn, and each twice in a row, so that neither always follows the other.
        for index in [0, 1, 1, 0, 0, 1, 1, 0].repeat(3) {
            let agent = if index == 0 { &mut few } else { &mut many };
            let (took, whole) = agent.load(&program, IN_FLIGHT, bench.sizes.load / 4)?;
            rates[index].push(took.len() as f64 / whole.as_secs_f64());
        }
        let [few, many] = [(least, &rates[0]), (most, &rates[1])].map(|(count, rates)| {
            let name = format!("{count} tools: 32 in flight, trivial, {language}");
            bench.report.add(&name, "per s", 0, rates)
        });
        bench.report.gate(
            &format!("32 in flight, trivial, {language}: few tools against many"),
            few / many,
            1.1,
            "x",
            format!("{few:.0} runs a second against {many:.0}"),
        );
    }
    Ok(())
}
