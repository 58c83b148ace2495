//! The process that starts every other process, and outlives the gateway long enough to end them.
//!
//! It is this binary again, executed with an empty environment before the gateway has a second
//! thread. It has one thread itself, so that the kernel's "die with your parent" means the process,
//! and it is the subreaper of everything below it, so that a server's grandchildren are found even
//! when they have left their process group.
//!
//! The host asks for a process with one message on the control socket. The host closing its end of
//! the process's [`lifeline`], for whatever reason including its own death, ends the process and its
//! group: a zygote's with all its guests by SIGKILL at once, a server's by SIGTERM and [`GRACE`]
//! later by SIGKILL.
//!
//! The host's death also closes the control socket; the supervisor then ends all that is left below
//! it and itself.

use std::convert::Infallible;
use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::launcher::{self, CHANNEL, ORDERS, StepError};
use crate::lifeline::{self, Started};
use crate::namespaces::{self, Tier};

/// How long a server's process group has between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(2);

/// Longest request: arguments and environment of one process, as JSON.
const REQUEST_BYTES: usize = 160 << 10;

/// Name under which this binary is executed as supervisor and as launcher; argument zero.
pub(crate) const SUPERVISOR: &str = "toolmill-supervisor";
pub(crate) const LAUNCHER: &str = "toolmill-launcher";

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// Descriptors: standard input, output, error, channel, orders, lifeline.
    Zygote { tier: Tier },
    /// Descriptors: standard input, output, error, lifeline.
    Server {
        command: String,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
        directory: Option<PathBuf>,
    },
}

/// The host's end: asks for processes. Cheap to share; dropping the last one ends all of them.
#[derive(Debug)]
pub struct Supervisor {
    control: OwnedFd,
}

/// A server's process: its ends of the pipes, and the lifeline whose closing ends it.
#[derive(Debug)]
pub struct Server {
    /// The process that was started, which leads a group of its own.
    pub pid: Pid,
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    pub lifeline: OwnedFd,
}

impl Supervisor {
    /// Starts the supervisor.
    ///
    /// # Errors
    /// [`Error::Threads`] when this process has more than one thread: what is inherited must be known.
    pub fn start() -> Result<Supervisor, Error> {
        let threads = std::fs::read_dir("/proc/self/task")
            .map_err(|error| Error::Step {
                step: "proc",
                error,
            })?
            .count();
        if threads != 1 {
            return Err(Error::Threads(threads));
        }
        let (ours, theirs) = seqpacket().map_err(|error| Error::Step {
            step: "control_socket",
            error: error.into(),
        })?;
        Command::new("/proc/self/exe")
            .arg0(SUPERVISOR)
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| Error::Step {
                step: "supervisor",
                error,
            })?;
        Ok(Supervisor { control: ours })
    }

    /// Starts a server in a process group of its own. Blocks for about a millisecond.
    ///
    /// # Errors
    /// The command cannot be executed, for the reason the kernel gave.
    pub fn start_server(
        &self,
        command: &str,
        arguments: &[String],
        environment: &[(String, String)],
        directory: Option<&Path>,
    ) -> std::io::Result<Server> {
        let (stdin_read, stdin_write) = pipe()?;
        let (stdout_read, stdout_write) = pipe()?;
        let (stderr_read, stderr_write) = pipe()?;
        let request = Request::Server {
            command: command.to_owned(),
            arguments: arguments.to_vec(),
            environment: environment.to_vec(),
            directory: directory.map(Path::to_owned),
        };
        let started = self.request(
            &request,
            &[
                stdin_read.as_fd(),
                stdout_write.as_fd(),
                stderr_write.as_fd(),
            ],
        )?;
        Ok(Server {
            pid: started.pid,
            stdin: stdin_write,
            stdout: stdout_read,
            stderr: stderr_read,
            lifeline: started.lifeline.into(),
        })
    }

    /// Starts the launcher of a zygote.
    pub(crate) fn start_zygote(
        &self,
        tier: Tier,
        descriptors: &[BorrowedFd],
    ) -> std::io::Result<Started> {
        self.request(&Request::Zygote { tier }, descriptors)
    }

    fn request(&self, request: &Request, descriptors: &[BorrowedFd]) -> std::io::Result<Started> {
        let bytes = serde_json::to_vec(request)?;
        if bytes.len() > REQUEST_BYTES {
            return Err(std::io::Error::other(
                "arguments and environment of more than 160 KiB",
            ));
        }
        lifeline::ask(self.control.as_fd(), &bytes, descriptors)
    }
}

fn pipe() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
}

fn seqpacket() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// A process below the supervisor.
struct Child {
    pid: Pid,
    zygote: bool,
    lifeline: UnixStream,
    /// Set once its end has been asked for: when SIGTERM turns into SIGKILL.
    kill_at: Option<Instant>,
}

/// The supervisor's whole life.
pub(crate) fn run() -> ! {
    // A terminal's Ctrl-C goes to the whole group: ending things in order is the host's decision.
    let _ = rustix::process::setsid();
    // SAFETY: prctl with these arguments touches no memory.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    let Ok(child_ended) = child_signals() else {
        std::process::exit(70)
    };
    // SAFETY: standard input is the control socket and nobody else uses it.
    let control = unsafe { BorrowedFd::borrow_raw(0) };
    let mut children: Vec<Child> = Vec::new();
    let mut host_lives = true;
    let mut buffer = vec![0; REQUEST_BYTES];

    while host_lives || !children.is_empty() {
        let next_kill = children.iter().filter_map(|child| child.kill_at).min();
        let timeout = next_kill.map(|at| {
            let wait = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            rustix::event::Timespec {
                tv_sec: wait.as_secs() as i64,
                tv_nsec: wait.subsec_nanos().into(),
            }
        });
        let mut polled = vec![PollFd::new(&child_ended, PollFlags::IN)];
        polled.extend(
            children
                .iter()
                .filter(|child| child.kill_at.is_none())
                .map(|child| PollFd::new(&child.lifeline, PollFlags::IN)),
        );
        if host_lives {
            polled.push(PollFd::from_borrowed_fd(control, PollFlags::IN));
        }
        let _ = poll(&mut polled, timeout.as_ref());
        let request_waits =
            host_lives && polled.last().is_some_and(|last| !last.revents().is_empty());
        drop(polled);

        drain(&child_ended);
        reap(&mut children);
        for child in &mut children {
            end_if_abandoned(child);
        }
        if request_waits {
            match lifeline::receive(control, &mut buffer) {
                Ok((length, descriptors)) if length > 0 => {
                    children.extend(start(&buffer[..length], descriptors));
                }
                _ => host_lives = false,
            }
        }
    }
    sweep();
    std::process::exit(0)
}

fn child_signals() -> std::io::Result<OwnedFd> {
    // SAFETY: the set is initialised before it is used, and there is one thread to mask it in.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        let descriptor = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if descriptor < 0 {
            Err(std::io::Error::last_os_error())
        } else {
            Ok(OwnedFd::from_raw_fd(descriptor))
        }
    }
}

fn drain(signals: &OwnedFd) {
    let mut buffer = [0; 1024];
    while matches!(rustix::io::read(signals, &mut buffer), Ok(length) if length > 0) {}
}

/// Collects what has ended, orphans included, and says so on the lifelines.
fn reap(children: &mut Vec<Child>) {
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        let Some(index) = children.iter().position(|child| child.pid == pid) else {
            continue;
        };
        let child = children.swap_remove(index);
        // What a server started and left behind in its group, and a zygote's guests.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        lifeline::tell_ended(&child.lifeline, status.as_raw());
    }
}

/// Ends a child whose host has closed its lifeline, gently first where that means something.
fn end_if_abandoned(child: &mut Child) {
    match child.kill_at {
        Some(at) if Instant::now() >= at => {
            let _ = rustix::process::kill_process_group(child.pid, Signal::KILL);
            // It may hang in the kernel; ask again later rather than at once.
            child.kill_at = Some(Instant::now() + GRACE);
        }
        Some(_) => {}
        None => {
            // The host never writes here, so there is either nothing or the end.
            let mut byte = [0];
            let _ = child.lifeline.set_nonblocking(true);
            if matches!(child.lifeline.read(&mut byte), Ok(0)) {
                let (signal, grace) = if child.zygote {
                    (Signal::KILL, Duration::ZERO)
                } else {
                    (Signal::TERM, GRACE)
                };
                let _ = rustix::process::kill_process_group(child.pid, signal);
                child.kill_at = Some(Instant::now() + grace);
            }
        }
    }
}

/// Starts what a request asks for and answers on its lifeline.
fn start(request: &[u8], mut descriptors: Vec<OwnedFd>) -> Option<Child> {
    let lifeline = UnixStream::from(descriptors.pop()?);
    let request: Result<Request, _> = serde_json::from_slice(request);
    let (outcome, zygote) = match request {
        Ok(Request::Zygote { tier }) => (start_zygote(tier, descriptors), true),
        Ok(Request::Server {
            command,
            arguments,
            environment,
            directory,
        }) => (
            start_server(&command, &arguments, environment, directory, descriptors),
            false,
        ),
        Err(error) => (Err(std::io::Error::other(error)), false),
    };
    match outcome {
        Ok(pid) => {
            lifeline::tell_started(&lifeline, pid)?;
            Some(Child {
                pid,
                zygote,
                lifeline,
                kill_at: None,
            })
        }
        Err(error) => {
            lifeline::tell_refused(&lifeline, &error);
            None
        }
    }
}

fn start_zygote(tier: Tier, descriptors: Vec<OwnedFd>) -> std::io::Result<Pid> {
    let mut places: Vec<OwnedFd> = Vec::with_capacity(PLACES.len());
    let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
    for descriptor in descriptors.into_iter().chain([own]) {
        // Above every number they are moved to, so that no move closes another's source.
        places.push(rustix::io::fcntl_dupfd_cloexec(descriptor, 64)?);
    }
    if places.len() != PLACES.len() {
        return Err(std::io::Error::other("five descriptors make a zygote"));
    }
    let (go_read, go_write) = pipe()?;
    let go_read = rustix::io::fcntl_dupfd_cloexec(go_read, 64)?;
    let is_root = rustix::process::geteuid().is_root();
    match namespaces::fork(tier)? {
        None => {
            drop(go_write);
            let error = become_launcher(tier, is_root, &places, &go_read);
            launcher::report(&error);
            // SAFETY: ends this process, whose memory is a copy of the supervisor's.
            unsafe { libc::_exit(70) }
        }
        Some(child) => {
            let identified = match tier {
                Tier::Full => namespaces::identify(child),
                Tier::Strict => Ok(()),
            };
            let errno = match identified {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
            };
            // One that has ended meanwhile has said why on its channel.
            let _ = rustix::io::write(&go_write, &errno.to_ne_bytes());
            Ok(child)
        }
    }
}

/// Where the launcher finds what the supervisor hands it.
const PLACES: [i32; 6] = [0, 1, 2, CHANNEL, ORDERS, launcher::SUPERVISOR];

/// In the forked child: executes this binary as launcher. Returns only the step that failed.
fn become_launcher(tier: Tier, is_root: bool, places: &[OwnedFd], go: &OwnedFd) -> StepError {
    let executed = || -> Result<Infallible, StepError> {
        for (descriptor, number) in places.iter().zip(PLACES) {
            // SAFETY: dup2 touches no memory, and nothing in this process owns these numbers.
            if unsafe { libc::dup2(descriptor.as_raw_fd(), number) } < 0 {
                return Err(("descriptors", std::io::Error::last_os_error()));
            }
        }
        let fail = |step| move |error: rustix::io::Errno| (step, error.into());
        let mut errno = [0; 4];
        let told = rustix::io::read(go, &mut errno).map_err(fail("identity"))?;
        match i32::from_ne_bytes(errno) {
            _ if told < errno.len() => return Err(("identity", lifeline::lost())),
            0 => {}
            errno => return Err(("identity", std::io::Error::from_raw_os_error(errno))),
        }
        // So that what ends one ends all of its guests.
        rustix::process::setpgid(None, None).map_err(fail("process_group"))?;
        if tier == Tier::Full {
            namespaces::keep_capabilities(is_root)?;
        }
        // What the supervisor has set for itself.
        // SAFETY: the set is initialised before it is used, and there is one thread.
        unsafe {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        }
        let name = CString::new(LAUNCHER).expect("a name without NUL");
        let (words, nothing) = ([name.as_ptr(), std::ptr::null()], [std::ptr::null()]);
        // SAFETY: both arrays end in NULL and point to strings that live until the call returns.
        unsafe { libc::execve(c"/proc/self/exe".as_ptr(), words.as_ptr(), nothing.as_ptr()) };
        Err(("launcher", std::io::Error::last_os_error()))
    };
    match executed() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn start_server(
    command: &str,
    arguments: &[String],
    environment: Vec<(String, String)>,
    directory: Option<PathBuf>,
    descriptors: Vec<OwnedFd>,
) -> std::io::Result<Pid> {
    let [stdin, stdout, stderr]: [OwnedFd; 3] = descriptors
        .try_into()
        .map_err(|_| std::io::Error::other("three descriptors make a server"))?;
    let mut process = Command::new(command);
    process
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    if let Some(directory) = directory {
        process.current_dir(directory);
    }
    spawn(process.process_group(0))
}

fn spawn(command: &mut Command) -> std::io::Result<Pid> {
    // The handle is not kept: `reap` waits for every child, and a handle waits for none on drop.
    let id = command.spawn()?.id();
    Pid::from_raw(id as i32).ok_or_else(|| std::io::Error::other("a process without a number"))
}

/// Ends what is left below the supervisor: each KILL hands the victim's own children to us, so this
/// goes on until there is nobody.
fn sweep() {
    let task = format!("/proc/self/task/{}/children", std::process::id());
    loop {
        let children = std::fs::read_to_string(&task).unwrap_or_default();
        let pids: Vec<Pid> = children
            .split_whitespace()
            .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
            .collect();
        for pid in &pids {
            let _ = rustix::process::kill_process(*pid, Signal::KILL);
        }
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
