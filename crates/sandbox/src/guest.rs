//! One guest process, seen from the host.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};

use crate::lockdown::{filters_of_self, status_field};
use crate::{Error, Tier, Zygote, launcher};

/// A guest process, forked from its zygote. It has no program yet. Dropping it kills it.
#[derive(Debug)]
pub struct Guest {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    /// The host's end of the frames.
    pub channel: Option<UnixStream>,
    /// What the guest prints.
    pub stdout: Option<OwnedFd>,
    pub stderr: Option<OwnedFd>,
    /// Says how the process ended.
    pub lifeline: Option<UnixStream>,
    /// A zygote that is replaced lives until its last guest has ended.
    pub(crate) zygote: Arc<Zygote>,
    /// In the full tier, the first namespace that it has in common with this process.
    pub(crate) shared: std::io::Result<Option<&'static str>>,
}

/// More than there mostly is in a `/proc/PID/status`, which is then read at once.
const STATUS_BYTES: usize = 4 << 10;

/// The clock tick of `/proc`.
const TICK_MS: u64 = 10;

/// What a guest uses, from `/proc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    pub threads: u32,
    /// Memory that is really there.
    pub resident_bytes: u64,
    /// User and system time so far, in the clock ticks of `/proc` (10 ms).
    pub cpu: Duration,
}

impl Guest {
    /// Looks at a guest that says it is locked down, from outside.
    ///
    /// # Errors
    /// [`Error::NotConfined`] names the first layer that is missing. Kill the guest and send nothing.
    pub fn confirm(&self) -> Result<(), Error> {
        let missing = |layer: &'static str, found: &str| Error::NotConfined {
            layer,
            found: found.to_owned(),
        };
        let unreadable = |error: std::io::Error| missing("status", &error.to_string());
        let path = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        let mut file = File::open(path).map_err(unreadable)?;
        let mut status = vec![0; STATUS_BYTES];
        let length = file.read(&mut status).map_err(unreadable)?;
        status.truncate(length);
        if length == STATUS_BYTES {
            file.read_to_end(&mut status).map_err(unreadable)?;
        }
        let status = String::from_utf8_lossy(&status);
        let field = |name| status_field(&status, name).unwrap_or("nothing");
        let expect = |layer: &'static str, name: &str, wanted: &str| {
            let found = status_field(&status, name).unwrap_or("nothing");
            if found == wanted {
                Ok(())
            } else {
                Err(missing(layer, found))
            }
        };
        expect("no_new_privileges", "NoNewPrivs", "1")?;
        expect("system_call_filter", "Seccomp", "2")?;
        let own =
            filters_of_self().map_err(|error| missing("system_call_filter", &error.to_string()))?;
        if let Some(filters) = status_field(&status, "Seccomp_filters")
            && filters.parse::<u32>().ok() != Some(own + 1)
        {
            return Err(missing("system_call_filter", filters));
        }
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            expect("no_capabilities", set, "0000000000000000")?;
        }
        let host = rustix::process::geteuid();
        let wanted = if host.is_root() {
            launcher::NOBODY
        } else {
            host.as_raw()
        };
        if field("Uid")
            .split_whitespace()
            .any(|uid| uid.parse() != Ok(wanted))
        {
            return Err(missing("unprivileged_uid", field("Uid")));
        }
        let tier = self.tier();
        if host.is_root() || tier == Tier::Full {
            expect("bounding_set", "CapBnd", "0000000000000000")?;
        }
        match &self.shared {
            Ok(None) => {}
            Ok(Some(name)) => return Err(missing("namespaces", name)),
            Err(error) => return Err(missing("namespaces", &error.to_string())),
        }
        if host.is_root() {
            expect("no_groups", "Groups", "")?;
            if field("Gid")
                .split_whitespace()
                .any(|gid| gid.parse() != Ok(launcher::NOBODY))
            {
                return Err(missing("unprivileged_gid", field("Gid")));
            }
        }
        expect("threads", "Threads", "1")?;
        // The kernel gives the files, though not the folder, of a process nobody may look into to root.
        let owner = file
            .metadata()
            .map_err(|error| missing("non_dumpable", &error.to_string()))?
            .uid();
        if owner == wanted && wanted != 0 {
            return Err(missing(
                "non_dumpable",
                "a process its own user may look into",
            ));
        }
        Ok(())
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// What stands around it.
    pub fn tier(&self) -> Tier {
        self.zygote.tier()
    }

    /// Whether the process has ended.
    pub fn has_ended(&self) -> bool {
        let mut polled = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ended| ended > 0)
    }

    /// Ends the process now, whatever it does. Harmless when it has ended.
    pub fn kill(&self) {
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Reads what the process uses.
    pub fn meter(&self) -> Meter {
        Meter {
            pid: self.pid,
            stat: format!("/proc/{}/stat", self.pid.as_raw_nonzero()),
        }
    }
}

/// Reads what one process uses. Reads nothing once it has ended.
#[derive(Debug, Clone)]
pub struct Meter {
    pid: Pid,
    stat: String,
}

impl Meter {
    /// The CPU time of [`Meter::read`] alone, which takes a twentieth of the time.
    pub fn cpu(&self) -> Duration {
        let mut clock = 0;
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: both calls write to what they are given, and only if it is what they say.
        let read = unsafe {
            libc::clock_getcpuclockid(self.pid.as_raw_nonzero().get(), &raw mut clock) == 0
                && libc::clock_gettime(clock, &raw mut time) == 0
        };
        match read {
            true => Duration::from_millis(
                (time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000) / TICK_MS * TICK_MS,
            ),
            false => Duration::ZERO,
        }
    }

    pub fn read(&self) -> Resources {
        // One read: it is longest with 52 numbers of 20 digits, and looked at while the guest waits.
        let mut stat = [0; 2048];
        let read = File::open(&self.stat).and_then(|mut file| file.read(&mut stat));
        let stat = String::from_utf8_lossy(&stat[..read.unwrap_or(0)]);
        // The name, in parentheses, may hold anything; the fields after it count from 3.
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = after_name.split(' ').collect();
        let number = |index: usize| {
            fields
                .get(index - 3)
                .and_then(|field| field.parse::<u64>().ok())
                .unwrap_or(0)
        };
        Resources {
            threads: number(20) as u32,
            resident_bytes: number(24) * rustix::param::page_size() as u64,
            cpu: Duration::from_millis((number(14) + number(15)) * TICK_MS),
        }
    }

    /// Whether all threads of it wait for something. One that is ready to run does not wait, though it
    /// may not have computed for a while.
    pub fn is_asleep(&self) -> bool {
        let tasks = std::fs::read_dir(self.stat.replace("/stat", "/task"));
        tasks.into_iter().flatten().flatten().all(|task| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            !state.starts_with(['R', 'D'])
        })
    }

    /// Lets all threads of it step back for good: whoever has the usual priority runs first. Those
    /// that they start do the same.
    pub fn step_back(&self) {
        const PRIORITY: i32 = 10;
        let tasks = std::fs::read_dir(self.stat.replace("/stat", "/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let id = task.file_name().to_str().and_then(|id| id.parse().ok());
            if let Some(thread) = id.and_then(rustix::process::Pid::from_raw) {
                // One that has just ended needs nothing.
                let _ = rustix::process::setpriority_process(Some(thread), PRIORITY);
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.kill();
    }
}
