//! What was measured, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::guess::{self, Guessed};
use crate::measure::{Ending, Measured};

/// A line for each task, then kinds, totals and the wrong programs.
pub(crate) fn table(tasks: &[Measured]) -> String {
    let mut text = format!(
        "{:<31} {:<9} {:>8} {:>10} {:>10} {:>16} {:>7} {:>6} {:>11}\n",
        "task", "kind", "toolmill", "direct", "all six", "work", "calls", "turns", "ms"
    );
    for task in tasks {
        let (toolmill, direct) = (task.toolmill(), &task.direct);
        if !task.failures.is_empty() {
            let _ = writeln!(text, "{:<31} {:<9} failed", task.name, kind(task));
            continue;
        }
        let ms = |seconds: f64| (seconds * 1e3).round();
        let _ = writeln!(
            text,
            "{:<31} {:<9} {:>8} {:>10} {:>10} {:>16} {:>7} {:>6} {:>11}",
            task.name,
            kind(task),
            toolmill.tokens,
            marked(direct.tokens_needed, toolmill.tokens),
            marked(direct.tokens_all, toolmill.tokens),
            format!("{}:{}", toolmill.work, marked(direct.work, toolmill.work)),
            format!("{}:{}", toolmill.calls, direct.calls),
            format!("{}:{}", toolmill.turns, direct.turns),
            format!("{}:{}", ms(toolmill.seconds), ms(direct.seconds)),
        );
    }
    text += "* cheaper than toolmill\n";
    let done: Vec<&Measured> = tasks
        .iter()
        .filter(|task| task.failures.is_empty())
        .collect();
    if !done.is_empty() {
        text += &summary(&done);
    }
    text + &mistakes(tasks)
}

/// What was learned of results, and what it was good for.
pub(crate) fn guesses(guessed: &[Guessed]) -> String {
    if guessed.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nprograms for tools that do not say what they give: {} of {} right before, {} after one run\n",
        guess::right(guessed, 0),
        guessed.len(),
        guess::right(guessed, 1),
    );
    for one in guessed {
        let [before, after] = &one.programs;
        let said = |result: &Option<String>| result.clone().unwrap_or("-".to_owned());
        let _ = writeln!(
            text,
            "  {} {}>{}  {} > {}  search {} > {} tokens",
            one.tool,
            mark(before.is_right),
            mark(after.is_right),
            said(&before.result),
            said(&after.result),
            before.search,
            after.search,
        );
    }
    text
}

fn mark(is_right: bool) -> &'static str {
    if is_right { "right" } else { "wrong" }
}

/// Direct calls' tokens, with a mark where they are fewer than toolmill's.
fn marked(direct: usize, toolmill: usize) -> String {
    let mark = if direct < toolmill { "*" } else { " " };
    format!("{direct}{mark}")
}

fn kind(task: &Measured) -> String {
    let kind = serde_json::to_value(task.kind).unwrap_or_default();
    kind.as_str().unwrap_or_default().to_owned()
}

fn summary(tasks: &[&Measured]) -> String {
    let mut kinds: BTreeMap<_, Vec<&Measured>> = BTreeMap::new();
    for task in tasks {
        kinds.entry(task.kind).or_default().push(task);
    }
    let mut text = format!(
        "\n{:<31} {:<9} {:>8} {:>10} {:>10} {:>16} {:>6}   direct calls cheaper\n",
        "medians of", "tasks", "toolmill", "direct", "all six", "work", "turns"
    );
    for tasks in kinds.values() {
        text += &medians(&kind(tasks[0]), tasks);
    }
    text += &medians("all", tasks);
    let sum = |figure: fn(&Measured) -> usize| tasks.iter().map(|task| figure(task)).sum::<usize>();
    let _ = writeln!(
        text,
        "{:<31} {:<9} {:>8} {:>9}  {:>9}  {:>15}",
        "total",
        tasks.len(),
        sum(|task| task.toolmill().tokens),
        sum(|task| task.direct.tokens_needed),
        sum(|task| task.direct.tokens_all),
        format!(
            "{}:{}",
            sum(|task| task.toolmill().work),
            sum(|task| task.direct.work)
        ),
    );
    text
}

/// A line of medians, and in how many tasks direct calls cost fewer tokens: `direct`, `all six`, `work`.
fn medians(name: &str, tasks: &[&Measured]) -> String {
    let median = |figure: fn(&Measured) -> usize| {
        let mut figures: Vec<usize> = tasks.iter().map(|task| figure(task)).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    };
    let cheaper = |is: fn(&Measured) -> bool| tasks.iter().filter(|task| is(task)).count();
    format!(
        "{name:<31} {:<9} {:>8} {:>9}  {:>9}  {:>15}  {:>6}   {} / {} / {}\n",
        tasks.len(),
        median(|task| task.toolmill().tokens),
        median(|task| task.direct.tokens_needed),
        median(|task| task.direct.tokens_all),
        format!(
            "{}:{}",
            median(|task| task.toolmill().work),
            median(|task| task.direct.work)
        ),
        format!(
            "{}:{}",
            median(|task| task.toolmill().turns),
            median(|task| task.direct.turns)
        ),
        cheaper(|task| task.direct.tokens_needed < task.toolmill().tokens),
        cheaper(|task| task.direct.tokens_all < task.toolmill().tokens),
        cheaper(|task| task.direct.work < task.toolmill().work),
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
        "\nwrong programs: {} mended by the fixes of errors, {} repaired by the dialect, {} not mended\n",
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
