//! How much memory processes take: PSS, which shares pages out among those who map them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};

const MIB: f64 = (1 << 20) as f64;

/// What a gateway and everything it started take, in MiB.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) gateway: f64,
    /// All but the upstreams: the gateway, its supervisor, its guests.
    pub(crate) without_upstreams: f64,
    pub(crate) whole: f64,
    pub(crate) processes: usize,
}

/// # Errors
/// A process cannot be looked at: half a sum would be worse than none.
pub(crate) fn of(family: &[u32]) -> Result<Memory> {
    let mut memory = Memory::default();
    for (index, pid) in family.iter().enumerate() {
        let Some(pss) = pss(*pid)? else { continue };
        memory.processes += 1;
        memory.whole += pss;
        if index == 0 {
            memory.gateway = pss;
        }
        if !is_upstream(*pid) {
            memory.without_upstreams += pss;
        }
    }
    Ok(memory)
}

/// PSS in MiB, or nothing for a process that has ended.
fn pss(pid: u32) -> Result<Option<f64>> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error)
            if error.raw_os_error() == Some(3) || error.kind() == std::io::ErrorKind::NotFound =>
        {
            return Ok(None);
        }
        Err(error) => bail!("{path}: {error}; processes that refuse to be looked at want root"),
    };
    kib_after(&text, "Pss:")
        .map(|kib| Some(kib * 1024.0 / MIB))
        .with_context(|| format!("{path} without Pss"))
}

fn is_upstream(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|name| name.starts_with("bench_upstream"))
}

fn kib_after(text: &str, key: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(key))?
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()
}

/// The most a process has had resident since its start, in MiB.
pub(crate) fn most_resident(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kib_after(&text, "VmHWM:")
        .map(|kib| kib * 1024.0 / MIB)
        .context("a status without VmHWM")
}

/// Looks at one process every 10 ms, from another thread.
pub(crate) struct Peak {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl Peak {
    pub(crate) fn watch(pid: u32) -> Peak {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let stop = stop.clone();
            std::thread::spawn(move || {
                let mut most = 0.0_f64;
                while !stop.load(Ordering::Relaxed) {
                    most = most.max(pss(pid).ok().flatten().unwrap_or(0.0));
                    std::thread::sleep(Duration::from_millis(10));
                }
                most
            })
        };
        Peak { stop, thread }
    }

    /// The most that was seen, in MiB.
    pub(crate) fn most(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("looking does not panic")
    }
}
