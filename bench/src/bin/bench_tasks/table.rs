//! What was measured, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::measure::{Ending, Measured};

/// A line for each task, then kinds, totals and the wrong programs.
pub(crate) fn table(tasks: &[Measured]) -> String {
    let mut text = format!(
        "{:<34} {:<9} {:>8} {:>9} {:>9}  {:<8} {:>7} {:>6} {:>13}\n",
        "task", "kind", "toolmill", "direct", "all six", "cheaper", "calls", "turns", "seconds"
    );
    for task in tasks {
        let (toolmill, direct) = (task.toolmill(), &task.direct);
        let _ = writeln!(
            text,
            "{:<34} {:<9} {:>8} {:>9} {:>9}  {:<8} {:>7} {:>6} {:>13}{}",
            task.name,
            kind(task),
            toolmill.tokens,
            direct.tokens_needed,
            direct.tokens_all,
            cheaper(task),
            format!("{}:{}", toolmill.calls, direct.calls),
            format!("{}:{}", toolmill.turns, direct.turns),
            format!("{:.2}:{:.2}", toolmill.seconds, direct.seconds),
            if task.failures.is_empty() { "" } else { "  FAILED" },
        );
    }
    let mut kinds: BTreeMap<_, Vec<&Measured>> = BTreeMap::new();
    for task in tasks {
        kinds.entry(task.kind).or_default().push(task);
    }
    let _ = writeln!(
        text,
        "\n{:<34} {:<9} {:>8} {:>9} {:>9}  {:<8} {:>7} {:>6}\n",
        "medians of", "tasks", "toolmill", "direct", "all six", "", "", "turns"
    );
    for tasks in kinds.values() {
        text += &medians(&kind(tasks[0]), tasks);
    }
    let every: Vec<&Measured> = tasks.iter().collect();
    text += &medians("all", &every);
    let sum = |figure: fn(&Measured) -> usize| tasks.iter().map(figure).sum::<usize>();
    let _ = writeln!(
        text,
        "{:<34} {:<9} {:>8} {:>9} {:>9}",
        "total",
        tasks.len(),
        sum(|task| task.toolmill().tokens),
        sum(|task| task.direct.tokens_needed),
        sum(|task| task.direct.tokens_all),
    );
    let wins = |which: &str| tasks.iter().filter(|task| cheaper(task) == which).count();
    let _ = writeln!(
        text,
        "\ncheaper: toolmill {}, direct calls {}, direct calls only when no other server is listed {}",
        wins("toolmill"),
        wins("direct"),
        wins("needed"),
    );
    text + &mistakes(tasks)
}

fn kind(task: &Measured) -> String {
    serde_json::to_value(task.kind)
        .ok()
        .and_then(|kind| kind.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Which way costs fewer tokens: `needed` is direct calls, as long as only the servers concerned are
/// listed.
pub(crate) fn cheaper(task: &Measured) -> &'static str {
    let toolmill = task.toolmill().tokens;
    if toolmill <= task.direct.tokens_needed {
        "toolmill"
    } else if toolmill <= task.direct.tokens_all {
        "needed"
    } else {
        "direct"
    }
}

fn medians(name: &str, tasks: &[&Measured]) -> String {
    let median = |figure: fn(&Measured) -> usize| {
        let mut figures: Vec<usize> = tasks.iter().map(|task| figure(task)).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    };
    format!(
        "{name:<34} {:<9} {:>8} {:>9} {:>9}  {:<8} {:>7} {:>6}\n",
        tasks.len(),
        median(|task| task.toolmill().tokens),
        median(|task| task.direct.tokens_needed),
        median(|task| task.direct.tokens_all),
        "",
        "",
        format!(
            "{}:{}",
            median(|task| task.toolmill().turns),
            median(|task| task.direct.turns)
        ),
    )
}

/// How many of the wrong programs ended in which way, and which were not mended.
fn mistakes(tasks: &[Measured]) -> String {
    let count = |ending: Ending| {
        tasks
            .iter()
            .flat_map(|task| &task.wrong)
            .filter(|wrong| wrong.ending == ending)
            .count()
    };
    let mut text = format!(
        "\nwrong programs: {} mended by the fix of an error, {} repaired by the dialect, {} not mended\n",
        count(Ending::Mended),
        count(Ending::Repaired),
        count(Ending::Unmended),
    );
    for task in tasks {
        for wrong in &task.wrong {
            if wrong.ending == Ending::Unmended {
                let _ = writeln!(
                    text,
                    "  {} ({}, after {} fixes): {}",
                    task.name, wrong.language, wrong.rounds, wrong.mistake
                );
            }
        }
    }
    text
}
