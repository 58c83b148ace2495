//! A program that makes one short call after another: it, this process and the server take turns, and
//! only one of the three ever runs.
//!
//! A scheduler that sees an idle core wakes each of them there, and a wake-up across cores costs
//! several times what the call does. So while one program takes turns, and nothing else is going on,
//! the three keep to the core on which the server last ran. A call that takes longer, a second one at
//! the same time, a second program, a pause or the program's end: each sets all of them free again.
//! Following the server alone, without holding it, does not do: it is woken on the idle core, too.
//! `bench/run --only calls` shows the difference.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A call that takes longer is no turn: waiting for it costs more than being woken.
const SHORT: Duration = Duration::from_millis(1);
/// So many turns in a row before anything is done, and between two looks at where the server is.
const TURNS: u32 = 16;

/// The process of a stdio server, if it has one now.
#[derive(Debug, Default)]
pub(crate) struct ServerProcess {
    /// What its command started.
    leader: AtomicI32,
    /// Who reads our requests: the leader, or what a launcher like `npx` has started in turn.
    reader: AtomicI32,
}

impl ServerProcess {
    pub(crate) fn has_started(&self, pid: Pid) {
        self.reader.store(0, Ordering::Relaxed);
        self.leader
            .store(pid.as_raw_nonzero().get(), Ordering::Relaxed);
    }

    /// Who reads our requests, if it is known.
    fn reader(&self) -> Option<Pid> {
        let mut reader = self.reader.load(Ordering::Relaxed);
        if reader == 0 {
            reader = deepest_reader(self.leader.load(Ordering::Relaxed))?;
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

/// Lets every thread of a process run on these cores: one that was started while the process was
/// held has inherited that.
fn free(process: Pid, cores: &CpuSet) {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        let id = thread.file_name().to_str().and_then(|id| id.parse().ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            let _ = sched_setaffinity(Some(id), cores);
        }
    }
}

/// The last in a line of processes, each started by the one before, that share a standard input.
fn deepest_reader(leader: i32) -> Option<i32> {
    const DEEPEST: usize = 8;
    let input = |pid: i32| std::fs::read_link(format!("/proc/{pid}/fd/0")).ok();
    let pipe = input(leader)?;
    let mut reader = leader;
    for _ in 0..DEEPEST {
        let children = std::fs::read_to_string(format!("/proc/{reader}/task/{reader}/children"));
        let below = children
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .find(|pid| input(*pid).as_ref() == Some(&pipe));
        match below {
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
        self.since_tick += 1;
        self.in_a_row += 1;
        if self.in_a_row.is_multiple_of(TURNS) {
            match server.and_then(|server| server.reader()) {
                Some(reader) if alone() => self.hold(reader),
                _ => self.broken(),
            }
        }
    }

    /// Something else is going on.
    pub(crate) fn broken(&mut self) {
        self.in_a_row = 0;
        // It is a matter of speed alone: who has ended has no place.
        if let Some(held) = self.held.take() {
            free(self.guest, &held.ours);
            let _ = sched_setaffinity(None, &held.ours);
            for (server, home) in held.servers {
                free(server, &home);
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
            if ours.count() < 2 || !ours.is_set(core) {
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
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&server);
        let process = Arc::new(ServerProcess::default());
        process.has_started(pid);
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
        let found = loop {
            let found = deepest_reader(pid);
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
