//! A program that makes one short call after another: it, this process and the server take turns, and
//! only one of the three ever runs.
//!
//! A scheduler that sees an idle core wakes each of them there, and a wake-up across cores costs
//! several times what the call does. So while one program takes turns, and nothing else is going on,
//! the three keep to the core on which the server last ran. A call that takes longer, a second one at
//! the same time, a second program, a pause or the program's end: each sets all of them free again.
//! Following the server alone, without holding it, does not do: it is woken on the idle core, too.
//! `bench/run --only calls` shows the difference.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A call that takes longer is no turn: waiting for it costs more than being woken.
const SHORT: Duration = Duration::from_millis(1);
/// So many turns in a row before anything is done, and between two looks at where the server is.
const TURNS: u32 = 16;
/// How far down a line of processes is followed.
const DEEPEST: usize = 8;

/// The process of a stdio server, if it has one now.
#[derive(Debug, Default)]
pub(crate) struct ServerProcess {
    /// What its command started.
    leader: AtomicI32,
    /// The pipe of its requests, by which a process is known to be this server's and not another's
    /// that was given the same number.
    pipe: AtomicU64,
    /// Who reads our requests: the leader, or what a launcher like `npx` has started in turn.
    reader: AtomicI32,
}

impl ServerProcess {
    /// Takes a new process, with our end of its standard input.
    pub(crate) fn has_started(&self, pid: Pid, stdin: impl AsFd) {
        let pipe = rustix::fs::fstat(stdin).map_or(0, |found| found.st_ino);
        self.pipe.store(pipe, Ordering::Relaxed);
        self.reader.store(0, Ordering::Relaxed);
        self.leader
            .store(pid.as_raw_nonzero().get(), Ordering::Relaxed);
    }

    /// Who reads our requests, if it is known.
    fn reader(&self) -> Option<Pid> {
        let pipe = self.pipe.load(Ordering::Relaxed);
        let mut reader = self.reader.load(Ordering::Relaxed);
        if reader == 0 || !reads(reader, pipe) {
            reader = deepest_reader(self.leader.load(Ordering::Relaxed), pipe)?;
            self.reader.store(reader, Ordering::Relaxed);
        }
        Pid::from_raw(reader)
    }
}

/// The core on which a process last ran.
fn core_of(process: Pid) -> Option<usize> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the fields after it count from 3, and the core is
    // number 39.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(36)?.parse().ok()
}

/// Lets every thread of a process, and what it has started, run on these cores if it keeps to `held`:
/// who was started by one who was held has inherited that.
fn free(process: i32, held: &CpuSet, cores: &CpuSet, depth: usize) {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        let Some(id) = thread.file_name().to_str().and_then(|id| id.parse().ok()) else {
            continue;
        };
        let thread = Pid::from_raw(id);
        if sched_getaffinity(thread).is_ok_and(|present| present == *held) {
            let _ = sched_setaffinity(thread, cores);
        }
        if depth < DEEPEST {
            for child in children(process, id) {
                free(child, held, cores, depth + 1);
            }
        }
    }
}

/// What a thread of a process has started.
fn children(process: i32, thread: i32) -> impl Iterator<Item = i32> {
    let listed = std::fs::read_to_string(format!("/proc/{process}/task/{thread}/children"));
    let pids: Vec<i32> = listed
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect();
    pids.into_iter()
}

/// Whether this pipe is a process's standard input.
fn reads(process: i32, pipe: u64) -> bool {
    std::fs::read_link(format!("/proc/{process}/fd/0"))
        .is_ok_and(|input| input.as_os_str() == format!("pipe:[{pipe}]").as_str())
}

/// The last in a line of processes, each started by the one before, that share a standard input.
fn deepest_reader(leader: i32, pipe: u64) -> Option<i32> {
    if !reads(leader, pipe) {
        return None;
    }
    let mut reader = leader;
    for _ in 0..DEEPEST {
        match children(reader, reader).find(|pid| reads(*pid, pipe)) {
            Some(pid) => reader = pid,
            None => break,
        }
    }
    Some(reader)
}

/// The turns that one program takes. Dropping it lets all who took part run anywhere again.
#[derive(Debug)]
pub(crate) struct Turns {
    guest: Pid,
    in_a_row: u32,
    since_tick: u32,
    held: Option<Held>,
}

/// Who keeps to a core, and where each was at home before.
#[derive(Debug)]
struct Held {
    core: CpuSet,
    ours: CpuSet,
    servers: Vec<(Pid, CpuSet)>,
}

impl Turns {
    pub(crate) fn new(guest: Pid) -> Turns {
        Turns {
            guest,
            in_a_row: 0,
            since_tick: 0,
            held: None,
        }
    }

    /// A call has ended, while no other was open, after `took`. `alone` says whether this is the only
    /// program that runs.
    pub(crate) fn taken(
        &mut self,
        took: Duration,
        server: Option<&Arc<ServerProcess>>,
        alone: impl Fn() -> bool,
    ) {
        if took > SHORT {
            return self.broken();
        }
        if self.held.is_some() && !alone() {
            return self.broken();
        }
        self.since_tick += 1;
        self.in_a_row += 1;
        if self.in_a_row.is_multiple_of(TURNS) && !self.holds(server) {
            match server.and_then(|server| server.reader()) {
                Some(reader) if alone() => self.hold(reader),
                _ => self.broken(),
            }
        }
    }

    /// Whether nothing is to be done: the server keeps to the core already, or there is only one.
    fn holds(&self, server: Option<&Arc<ServerProcess>>) -> bool {
        let Some(held) = &self.held else {
            return sched_getaffinity(None).is_ok_and(|ours| ours.count() < 2);
        };
        let reader = server.and_then(|server| Pid::from_raw(server.reader.load(Ordering::Relaxed)));
        held.servers.iter().any(|(held, _)| Some(*held) == reader)
    }

    /// Something else is going on.
    pub(crate) fn broken(&mut self) {
        self.in_a_row = 0;
        // It is a matter of speed alone: who has ended has no place.
        if let Some(held) = self.held.take() {
            let number = |process: Pid| process.as_raw_nonzero().get();
            free(number(self.guest), &held.core, &held.ours, 0);
            let _ = sched_setaffinity(None, &held.ours);
            for (server, home) in held.servers {
                free(number(server), &held.core, &home, 0);
            }
        }
    }

    /// To be called now and then: a program that has stopped to take turns may compute anywhere.
    pub(crate) fn tick(&mut self) {
        if self.since_tick < TURNS {
            self.broken();
        }
        self.since_tick = 0;
    }

    fn hold(&mut self, server: Pid) {
        if self.held.is_none() {
            let (Ok(ours), Some(core)) = (sched_getaffinity(None), core_of(server)) else {
                return;
            };
            if !ours.is_set(core) {
                return;
            }
            let mut only = CpuSet::new();
            only.set(core);
            let _ = sched_setaffinity(Some(self.guest), &only);
            let _ = sched_setaffinity(None, &only);
            self.held = Some(Held {
                core: only,
                ours,
                servers: Vec::new(),
            });
        }
        if let Some(held) = &mut self.held
            && held.servers.iter().all(|(present, _)| *present != server)
            && let Ok(home) = sched_getaffinity(Some(server))
            && sched_setaffinity(Some(server), &held.core).is_ok()
        {
            held.servers.push((server, home));
        }
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.broken();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores() -> CpuSet {
        sched_getaffinity(None).unwrap()
    }

    #[test]
    fn short_calls_in_a_row_share_the_servers_core_until_something_else_goes_on() {
        let home = cores();
        if home.count() < 2 {
            eprintln!("not run: there is one core only");
            return;
        }
        let mut server = std::process::Command::new("sleep")
            .arg("60")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&server);
        let process = Arc::new(ServerProcess::default());
        process.has_started(pid, server.stdin.as_ref().unwrap());
        let mut guest = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let guest_pid = Pid::from_child(&guest);
        let mut turns = Turns::new(guest_pid);
        let short = Duration::from_micros(50);
        let row = |turns: &mut Turns| {
            for _ in 0..TURNS {
                turns.taken(short, Some(&process), || true);
            }
        };
        row(&mut turns);
        let kept = cores();
        assert_eq!(kept.count(), 1);
        assert_eq!(sched_getaffinity(Some(pid)).unwrap(), kept);
        assert_eq!(sched_getaffinity(Some(guest_pid)).unwrap(), kept);
        // A long call, a second call at once, a second program, a pause: each ends it.
        turns.taken(SHORT * 2, Some(&process), || true);
        assert_eq!(cores(), home);
        row(&mut turns);
        turns.broken();
        assert_eq!(cores(), home);
        for _ in 0..TURNS {
            turns.taken(short, Some(&process), || false);
        }
        assert_eq!(cores(), home);
        row(&mut turns);
        turns.tick();
        assert_eq!(cores().count(), 1);
        turns.tick();
        assert_eq!(cores(), home);
        row(&mut turns);
        drop(turns);
        assert_eq!(cores(), home);
        for process in [guest_pid, pid] {
            assert_eq!(sched_getaffinity(Some(process)).unwrap(), home);
        }
        for child in [&mut server, &mut guest] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn the_process_that_reads_is_found_behind_its_launchers() {
        // A shell that stays and starts what does the work, as npx does.
        let mut launcher = std::process::Command::new("sh")
            .args(["-c", "sleep 60; true"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = launcher.id() as i32;
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        let process = ServerProcess::default();
        let found = loop {
            process.has_started(Pid::from_child(&launcher), launcher.stdin.as_ref().unwrap());
            let found = process.reader().map(|reader| reader.as_raw_nonzero().get());
            if found != Some(pid) || std::time::Instant::now() > deadline {
                break found.unwrap();
            }
            std::thread::yield_now();
        };
        let name = std::fs::read_to_string(format!("/proc/{found}/comm")).unwrap();
        assert_ne!(found, pid);
        rustix::process::kill_process(Pid::from_raw(found).unwrap(), rustix::process::Signal::KILL)
            .unwrap();
        launcher.wait().unwrap();
        assert!(["sleep\n", "sh\n"].contains(&name.as_str()), "{name}");
    }
}
