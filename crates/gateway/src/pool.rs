//! Guests that wait for their program: one zygote a runtime, and a few of its forks, locked down and
//! confirmed.
//!
//! A guest runs one program. While a gateway serves an agent, the next guest is prepared while the
//! agent thinks; for a gateway of one program none is prepared that nobody asked for. The pool deepens
//! when it is found empty and shrinks when nobody comes.

use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::{Duration, Instant};

use protocol::{Decoder, Kind, Message};
use sandbox::{Calls, Files, Guest, Lockdown, Program, Supervisor, Tier, Workspace, Zygote};

use crate::guests::{self, ReadyGuest, Refused, START, SUPERVISOR_GONE};
use crate::limits::Limits;
use crate::lock;

/// A runtime that programs run in.
#[derive(Debug, Clone)]
pub(crate) enum Runtime {
    JavaScript,
    Python(guest::python::Interpreter),
}

impl Runtime {
    fn program(&self) -> Program {
        match self {
            Runtime::JavaScript => Program::Own,
            Runtime::Python(interpreter) => Program::Interpreter {
                arguments: guest::python::arguments(&interpreter.path),
                needs: interpreter.needs.clone(),
            },
        }
    }

    fn files(&self) -> Files {
        match self {
            Runtime::JavaScript => Files::default(),
            Runtime::Python(interpreter) => Files {
                read: interpreter.readable.clone(),
                workspace: true,
            },
        }
    }

    fn calls(&self) -> Calls {
        match self {
            Runtime::JavaScript => Calls::JavaScript,
            Runtime::Python(_) => Calls::Python,
        }
    }

    /// Guests that wait when nothing is known of the demand.
    fn depth(&self) -> usize {
        match self {
            Runtime::JavaScript => 4,
            Runtime::Python(_) => 2,
        }
    }
}

/// Guests that wait at most.
const DEEPEST: usize = 16;
/// After this long without a program one guest is left to wait.
const IDLE: Duration = Duration::from_secs(20);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// A zygote is replaced after so long, or so many forks: its guests share the layout of their address
/// space and the seed of their hashes.
const AGE: Duration = Duration::from_secs(30 * 60);
const FORKS: u32 = 10_000;

/// What all pools of a gateway share.
pub(crate) struct Host {
    pub(crate) supervisor: Arc<Supervisor>,
    /// The folder of all workspaces.
    pub(crate) workspaces: PathBuf,
    pub(crate) limits: Limits,
    /// The least that must stand around a program.
    pub(crate) require: Tier,
    /// Why a zygote last had less than the full tier.
    pub(crate) lower: Mutex<Option<String>>,
    /// Whether more programs are expected after the first.
    pub(crate) expects_more: AtomicBool,
}

impl Host {
    fn expects_more(&self) -> bool {
        self.expects_more.load(Ordering::Relaxed)
    }

    fn lower(&self) -> MutexGuard<'_, Option<String>> {
        lock(&self.lower)
    }
}

/// The pools of a gateway, each made when first asked for.
pub(crate) struct Pools {
    host: Arc<Host>,
    javascript: OnceLock<Arc<Pool>>,
    python: OnceLock<Arc<Pool>>,
}

impl Pools {
    pub(crate) fn new(host: Host) -> Pools {
        Pools {
            host: Arc::new(host),
            javascript: OnceLock::new(),
            python: OnceLock::new(),
        }
    }

    /// From now on guests are kept ready. To be called before there is a program.
    pub(crate) fn expect_more(&self) {
        self.host.expects_more.store(true, Ordering::Relaxed);
    }

    /// Why programs last had less than the full tier around them, if they had.
    pub(crate) fn lower(&self) -> Option<String> {
        self.host.lower().clone()
    }

    /// Ends the guests that wait; none are prepared any more.
    pub(crate) fn stop(&self) {
        self.host.expects_more.store(false, Ordering::Relaxed);
        for pool in [&self.javascript, &self.python] {
            if let Some(pool) = pool.get() {
                pool.waiting().guests.clear();
            }
        }
    }

    pub(crate) fn javascript(&self) -> Arc<Pool> {
        self.javascript
            .get_or_init(|| Pool::new(self.host.clone(), Runtime::JavaScript))
            .clone()
    }

    /// The pool of the one interpreter that a gateway uses.
    pub(crate) fn python(&self, interpreter: &guest::python::Interpreter) -> Arc<Pool> {
        self.python
            .get_or_init(|| Pool::new(self.host.clone(), Runtime::Python(interpreter.clone())))
            .clone()
    }
}

/// The guests of one runtime.
pub(crate) struct Pool {
    host: Arc<Host>,
    runtime: Runtime,
    zygote: tokio::sync::Mutex<Option<Parent>>,
    waiting: Mutex<Waiting>,
    filling: AtomicBool,
}

/// When a guest's program comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Somebody waits for it.
    Now,
    /// There is time to prepare what is not necessary.
    Later,
}

struct Parent {
    zygote: Arc<Zygote>,
    /// What each of its guests does before it is given anything.
    lockdown: Arc<Lockdown>,
    born: Instant,
    forks: u32,
}

struct Waiting {
    guests: VecDeque<ReadyGuest>,
    depth: usize,
    last_asked: Instant,
    /// Where the last program ran.
    last_in: Option<Workspace>,
    /// Whether the one before it ran there, too.
    again: bool,
}

impl Waiting {
    /// To be called once a program.
    fn asked(&mut self, workspace: Option<&Workspace>) {
        self.last_asked = Instant::now();
        self.again = self.last_in.as_ref() == workspace;
        if !self.again {
            self.last_in = workspace.cloned();
        }
    }

    /// Where the next program most likely runs: there, where the last two did.
    fn expected_in(&self) -> Option<Workspace> {
        self.last_in.clone().filter(|_| self.again)
    }

    /// A guest that is in this workspace already, or else in none yet.
    fn take(&mut self, workspace: Option<&Workspace>) -> Option<ReadyGuest> {
        while let Some(found) = self
            .guests
            .iter()
            .position(|guest| workspace.is_some_and(|workspace| guest.is_in(workspace)))
            .or_else(|| self.guests.iter().position(|guest| guest.is_nowhere()))
        {
            // One that has ended while it waited is passed over.
            let guest = self.guests.remove(found)?;
            if !guest.has_ended() {
                return Some(guest);
            }
        }
        self.depth = (self.depth + 1).min(DEEPEST);
        // One that waits for another workspace makes room for one that may go anywhere.
        self.guests.pop_front();
        None
    }
}

impl Pool {
    pub(crate) fn new(host: Arc<Host>, runtime: Runtime) -> Arc<Pool> {
        let pool = Arc::new(Pool {
            zygote: tokio::sync::Mutex::default(),
            waiting: Mutex::new(Waiting {
                guests: VecDeque::new(),
                depth: runtime.depth(),
                last_asked: Instant::now(),
                last_in: None,
                again: false,
            }),
            filling: AtomicBool::new(false),
            host,
            runtime,
        });
        if pool.host.expects_more() {
            tokio::spawn(keep(Arc::downgrade(&pool)));
        }
        pool
    }

    /// A guest for one program.
    ///
    /// # Errors
    /// A named step of the sandbox failed. No program has been sent anywhere.
    pub(crate) async fn take(
        self: &Arc<Self>,
        workspace: Option<&Workspace>,
    ) -> Result<ReadyGuest, String> {
        self.waiting().asked(workspace);
        loop {
            let waiting = self.waiting().take(workspace);
            let mut guest = match waiting {
                Some(guest) => guest,
                None => self.now().await?,
            };
            match workspace {
                Some(workspace) if !guest.is_in(workspace) => match guest.enter(workspace).await {
                    Ok(()) => return Ok(guest),
                    // It had waited, and ended just now; the next one has not.
                    Err(Refused::Gone(_)) => {}
                    Err(Refused::Other(reason)) => return Err(reason),
                },
                _ => return Ok(guest),
            }
        }
    }

    async fn now(&self) -> Result<ReadyGuest, String> {
        let asked = self.another(For::Now).await;
        match asked {
            // A zygote that has gone is replaced once.
            Err(Refused::Gone(_)) => self.another(For::Now).await.map_err(Refused::into_reason),
            other => other.map_err(Refused::into_reason),
        }
    }

    /// To be called when a program has ended: prepares guests for those to come.
    pub(crate) fn refill(self: &Arc<Self>) {
        if !self.host.expects_more() || self.filling.swap(true, Ordering::AcqRel) {
            return;
        }
        let pool = self.clone();
        tokio::spawn(async move {
            // The program's answer comes first.
            tokio::task::yield_now().await;
            while let Some(when) = pool.wants() {
                let Ok(mut guest) = pool.another(when).await else {
                    // The next program meets the same, and is told.
                    break;
                };
                let workspace = pool.waiting().expected_in();
                if let Some(workspace) = workspace
                    && guest.enter(&workspace).await.is_err()
                {
                    break;
                }
                pool.waiting().guests.push_back(guest);
            }
            pool.filling.store(false, Ordering::Release);
        });
    }

    /// When the guest will be asked for that is missing, if one is: soon where none waits.
    fn wants(&self) -> Option<For> {
        let waiting = self.waiting();
        (waiting.guests.len() < waiting.depth).then_some(if waiting.guests.is_empty() {
            For::Now
        } else {
            For::Later
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    /// Forks a guest, from a new zygote if there is none.
    async fn another(&self, when: For) -> Result<ReadyGuest, Refused> {
        let (zygote, lockdown, is_first) = {
            let mut parent = self.zygote.lock().await;
            let parent = match &mut *parent {
                Some(parent) => parent,
                none => none.insert(self.start().await.map_err(Refused::Other)?),
            };
            parent.forks += 1;
            (
                parent.zygote.clone(),
                parent.lockdown.clone(),
                parent.forks == 1,
            )
        };
        let asked = zygote.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&asked, &lockdown, when))
            .await
            .expect("preparing a guest does not panic");
        // Not before: the zygote would load the first of it while somebody waits for the fork.
        if is_first && self.host.expects_more() {
            zygote.preload();
        }
        match prepared {
            Ok((guest, channel, spent)) => {
                ReadyGuest::new(guest, channel, spent, &self.host.limits)
                    .map_err(|error| Refused::Other(error.to_string()))
            }
            Err(Refused::Gone(error)) => {
                let mut parent = self.zygote.lock().await;
                if parent
                    .as_ref()
                    .is_some_and(|parent| Arc::ptr_eq(&parent.zygote, &zygote))
                {
                    *parent = None;
                }
                Err(Refused::Gone(error))
            }
            Err(other) => Err(other),
        }
    }

    async fn start(&self) -> Result<Parent, String> {
        let (host, runtime) = (self.host.clone(), self.runtime.clone());
        let (zygote, lockdown) = tokio::task::spawn_blocking(move || start(&host, &runtime))
            .await
            .expect("starting a zygote does not panic")?;
        Ok(Parent {
            zygote: Arc::new(zygote),
            lockdown: Arc::new(lockdown),
            born: Instant::now(),
            forks: 0,
        })
    }

    /// Replaces a zygote that is old, and lets guests go that nobody comes for.
    async fn look(self: &Arc<Self>) {
        {
            let mut waiting = self.waiting();
            if waiting.last_asked.elapsed() > IDLE {
                waiting.depth = 1;
                waiting.guests.truncate(1);
            } else if waiting.depth < self.runtime.depth() {
                waiting.depth = self.runtime.depth();
            }
        }
        let mut parent = self.zygote.lock().await;
        let old = parent
            .as_ref()
            .is_some_and(|parent| parent.born.elapsed() > AGE || parent.forks > FORKS);
        if old && let Ok(young) = self.start().await {
            *parent = Some(young);
            drop(parent);
            self.waiting().guests.clear();
            self.refill();
        }
    }
}

/// Looks after a pool as long as there is one.
async fn keep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.look().await;
    }
}

/// Starts a zygote in the highest tier that the machine allows and the settings accept. Blocks.
fn start(host: &Host, runtime: &Runtime) -> Result<(Zygote, Lockdown), String> {
    let abi = guests::landlock_abi()?;
    sandbox::prepare_workspaces(&host.workspaces).map_err(|error| error.to_string())?;
    let reason = match start_in(Tier::Full, abi, host, runtime) {
        Err(reason) => reason,
        started => return started,
    };
    if host.require == Tier::Full {
        return Err(format!(
            "{reason}; the settings require the full tier (sandbox.require), so the strict one is \
             not tried"
        ));
    }
    *host.lower() = Some(reason);
    start_in(Tier::Strict, abi, host, runtime)
}

/// Starts a zygote and waits until it is locked down; also gives what each of its guests does then.
/// Blocks.
fn start_in(
    tier: Tier,
    abi: u32,
    host: &Host,
    runtime: &Runtime,
) -> Result<(Zygote, Lockdown), String> {
    let (files, limits) = (runtime.files(), host.limits.of_process());
    let mut zygote = Zygote::start(
        &host.supervisor,
        tier,
        &runtime.program(),
        &files,
        &host.workspaces,
        limits,
    )
    .map_err(|error| error.to_string())?;
    let lockdown = Lockdown::of_zygote(abi, &files);
    let number = zygote.number_inside();
    let of_guests = Lockdown::of_guest(number, abi, &files, runtime.calls(), &limits);
    let mut channel = &zygote.control;
    // One that has gone already may have said why: what it said is read either way.
    if let Runtime::Python(_) = runtime {
        let _ = send(
            &mut channel,
            Kind::Runtime,
            guest::python::RUNTIME.as_bytes(),
        );
    }
    for table in [&lockdown, &of_guests] {
        let _ = send(&mut channel, Kind::Lockdown, &table.encode());
    }
    match next(&mut channel)? {
        Some(answer) => guests::check(&lockdown, &answer)?,
        None => {
            let words = zygote.stderr.take().map(last_line).unwrap_or_default();
            return Err(if words.is_empty() {
                SUPERVISOR_GONE.to_owned()
            } else {
                format!("an interpreter ended before it was locked down{words}")
            });
        }
    }
    Ok((zygote, of_guests))
}

/// Forks a guest and waits until it is locked down and confirmed; also gives the CPU time it has used
/// so far. Blocks.
fn prepare(
    zygote: &Arc<Zygote>,
    lockdown: &Lockdown,
    when: For,
) -> Result<(Guest, std::os::unix::net::UnixStream, Duration), Refused> {
    let mut guest = zygote.fork().map_err(|error| {
        let reason = error.to_string();
        if error.is_of_this_process() {
            Refused::Other(reason)
        } else {
            Refused::Gone(reason)
        }
    })?;
    let channel = guest
        .channel
        .take()
        .ok_or_else(|| Refused::Other("a guest without a channel".into()))?;
    match next(&mut &channel).map_err(Refused::Other)? {
        Some(answer) => guests::check(lockdown, &answer).map_err(Refused::Other)?,
        None => {
            return Err(Refused::Gone(
                "a guest ended before it was locked down".into(),
            ));
        }
    }
    guest
        .confirm()
        .map_err(|error| Refused::Other(error.to_string()))?;
    if when == For::Later {
        let _ = send(&mut &channel, Kind::WarmUp, &Lockdown::rehearsal().encode());
        match next(&mut &channel).map_err(Refused::Other)? {
            Some(Message {
                kind: Kind::Ready, ..
            }) => {}
            _ => return Err(Refused::Gone("a guest ended while it warmed up".into())),
        }
    }
    let spent = guest.meter().cpu();
    Ok((guest, channel, spent))
}

fn send(channel: &mut impl std::io::Write, kind: Kind, body: &[u8]) -> std::io::Result<()> {
    channel.write_all(&framed(kind, body))
}

fn framed(kind: Kind, body: &[u8]) -> Vec<u8> {
    protocol::frames(kind, 0, body)
        .flat_map(|(header, chunk)| [&header[..], chunk].concat())
        .collect()
}

/// The next message of a process that is being started; none if it has ended.
fn next(channel: &mut &std::os::unix::net::UnixStream) -> Result<Option<Message>, String> {
    let fault = |error: std::io::Error| error.to_string();
    channel.set_read_timeout(Some(START)).map_err(fault)?;
    let mut decoder = Decoder::new(protocol::Limits::default());
    let mut buffer = [0; 4 << 10];
    loop {
        match decoder.next() {
            Ok(Some(message)) => return Ok(Some(message)),
            Ok(None) => {}
            Err(violation) => return Err(format!("a guest sent {violation}")),
        }
        match channel.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => decoder.push(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Err(format!(
                    "a guest was not ready within {} s",
                    START.as_secs()
                ));
            }
            Err(_) => return Ok(None),
        }
    }
}

/// The last line of what an interpreter wrote to stderr, to say why it ended while it was still ours.
fn last_line(stderr: OwnedFd) -> String {
    let mut text = Vec::new();
    // It has ended, and so has the pipe; what it wrote is bounded by the pipe.
    let _ = std::fs::File::from(stderr)
        .take(64 << 10)
        .read_to_end(&mut text);
    match String::from_utf8_lossy(&text)
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
    {
        Some(line) => format!(": {line}"),
        None => String::new(),
    }
}
