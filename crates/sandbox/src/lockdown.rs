//! The steps by which a guest gives up its rights: tables, made by the host, run by the guest.
//!
//! There are three: what all guests of a zygote share, run by the zygote; what each of them gives up
//! by itself; and, for those that may use files, the choice of one workspace, which is known only
//! when there is a program. A step is a named system call. JavaScript runs a table through [`apply`];
//! Python runs the same rows through one `ctypes` call and decides nothing. Each probe is a call that
//! must fail, with one of the listed errors, if the steps took effect. The host trusts none of this
//! alone: it also looks at the guest from outside ([`crate::Guest::confirm`]) before it sends a
//! program.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::launcher::CHANNEL;
use crate::{ProcessLimits, Workspace, bpf, policy, workspace};

/// A whole lockdown, as it crosses to the guest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lockdown {
    steps: Vec<Step>,
    probes: Vec<Probe>,
}

/// One system call that must succeed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    name: String,
    number: i64,
    arguments: Vec<Argument>,
    /// What must be, in hexadecimal digits, where its last pointer points once it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaves: Option<String>,
    /// What it must return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    returns: Option<i64>,
}

/// One system call that must fail.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Probe {
    name: String,
    number: i64,
    arguments: Vec<Argument>,
    errnos: Vec<i32>,
    /// The step it comes after, by index; absent, it comes after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<usize>,
}

/// What a guest passes for an argument.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Argument {
    Number(i64),
    /// A pointer to these bytes.
    Bytes {
        /// In hexadecimal digits.
        hex: String,
        /// Where in them a value goes that only the guest knows.
        patches: Vec<Patch>,
    },
    /// What an earlier step returned.
    Result(usize),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Patch {
    /// The low four bytes of what an earlier step returned.
    Result { at: usize, step: usize },
    /// A pointer to these bytes, in hexadecimal digits.
    Pointer { at: usize, hex: String },
}

/// Why a guest is not locked down. It must run nothing.
#[derive(Debug, Clone, Error)]
pub enum Error {
    #[error("the lockdown table is not readable: {0}")]
    Table(String),
    #[error("step {step} failed: {}", std::io::Error::from_raw_os_error(*errno))]
    Step { step: String, errno: i32 },
    #[error("step {step} failed: it had no effect")]
    NoEffect { step: String },
    #[error("the probe {probe} met {}", if *errno == 0 { "no resistance".into() } else { std::io::Error::from_raw_os_error(*errno).to_string() })]
    Probe { probe: String, errno: i32 },
}

// Landlock's ABI: include/uapi/linux/landlock.h.
const LANDLOCK_CREATE_RULESET: i64 = 444;
const LANDLOCK_ADD_RULE: i64 = 445;
const LANDLOCK_RESTRICT_SELF: i64 = 446;
const RULE_PATH_BENEATH: i64 = 1;
const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;

/// The version of Landlock this kernel has, or why it has none.
///
/// # Errors
/// ENOSYS: not built in; EOPNOTSUPP: built in, switched off at boot.
pub fn landlock_abi() -> std::io::Result<u32> {
    const CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: with this flag the call reads no memory and makes no descriptor.
    let version = unsafe {
        libc::syscall(
            LANDLOCK_CREATE_RULESET,
            std::ptr::null::<u8>(),
            0usize,
            CREATE_RULESET_VERSION,
        )
    };
    if version < 0 {
        Err(std::io::Error::last_os_error())
    } else {
        Ok(version as u32)
    }
}

/// What the file-system layer of a guest lets it reach.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Folders and files it may read below.
    pub read: Vec<PathBuf>,
    /// Whether it may write: a zygote's guests in the folder of all workspaces, which is its current
    /// directory, and each of them in one of these.
    pub workspace: bool,
}

/// Where a guest keeps the file rules to which its workspace is to be added.
const RULES: i64 = 9;

/// Which allow-list of system calls a guest gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    Python,
    JavaScript,
}

impl Lockdown {
    /// What a zygote gives up for all its guests, after the launcher.
    pub fn of_zygote(landlock_abi: u32, files: &Files) -> Lockdown {
        let mut steps = vec![
            Step::prctl("non_dumpable", libc::PR_SET_DUMPABLE, 0),
            Step::prctl("no_new_privileges", libc::PR_SET_NO_NEW_PRIVS, 1),
        ];
        let rules = Argument::Result(landlock_rules(&mut steps, landlock_abi, &files.read));
        if files.workspace {
            landlock_rule(
                &mut steps,
                &rules,
                Path::new("."),
                workspace_rights(landlock_abi),
            );
        }
        landlock_restrict(&mut steps, rules);
        // struct __user_cap_header_struct { version 3, pid 0 } and two empty data sets.
        steps.push(Step::new(
            "no_capabilities",
            libc::SYS_capset,
            [
                Argument::bytes(&[0x2008_0522u32.to_ne_bytes(), [0; 4]].concat()),
                Argument::bytes(&[0; 24]),
            ],
        ));
        // No filter answers yet, so it is the file rules that this meets.
        Lockdown {
            steps,
            probes: vec![open_outside("open_outside_unfiltered")],
        }
    }

    /// What a guest gives up by itself, after it was forked from `zygote`, by the number that it knows
    /// that process by ([`crate::Zygote::number_inside`]).
    pub fn of_guest(
        zygote: Pid,
        landlock_abi: u32,
        files: &Files,
        calls: Calls,
        limits: &ProcessLimits,
    ) -> Lockdown {
        let mut steps = vec![Step::new(
            "close_descriptors",
            libc::SYS_close_range,
            [
                Argument::Number((CHANNEL + 1).into()),
                Argument::Number(u32::MAX.into()),
                Argument::Number(0),
            ],
        )];
        // The descriptors it was forked with begin there.
        let mut descriptors = Probe::new(
            "descriptors",
            libc::SYS_fcntl,
            [
                Argument::Number((CHANNEL + 1).into()),
                Argument::Number(libc::F_GETFD.into()),
            ],
            &[libc::EBADF],
        );
        descriptors.after = Some(0);

        // A fork does not inherit it.
        steps.push(Step::prctl(
            "die_with_parent",
            libc::PR_SET_PDEATHSIG,
            libc::SIGKILL.into(),
        ));
        steps.push(
            Step::new(
                "die_with_parent",
                libc::SYS_prctl,
                [
                    Argument::Number(libc::PR_GET_PDEATHSIG.into()),
                    Argument::bytes(&[0; 4]),
                ],
            )
            .leaving(&libc::SIGKILL.to_ne_bytes()),
        );
        // It may have died before that; then somebody else is the parent, and never ends this one.
        let zygote = i64::from(zygote.as_raw_nonzero().get());
        steps.push(Step::new("die_with_parent", libc::SYS_getppid, []).returning(zygote));
        // Those that count for one guest and not for all of a zygote.
        for (name, resource, most) in [
            ("limit_descriptors", libc::RLIMIT_NOFILE, limits.descriptors),
            ("limit_cpu", libc::RLIMIT_CPU, limits.cpu_seconds),
        ] {
            let allowed = [most; 2].map(u64::to_ne_bytes).concat();
            let limit = |new: Argument, old: Argument| {
                let resource = Argument::Number(resource.into());
                let words = [Argument::Number(0), resource, new, old];
                Step::new(name, libc::SYS_prlimit64, words)
            };
            steps.push(limit(Argument::bytes(&allowed), Argument::Number(0)));
            steps.push(limit(Argument::Number(0), Argument::bytes(&[0; 16])).leaving(&allowed));
        }

        if files.workspace {
            let rules = landlock_rules(&mut steps, landlock_abi, &files.read);
            steps.push(Step::new(
                "landlock_keep",
                libc::SYS_dup3,
                [
                    Argument::Result(rules),
                    Argument::Number(RULES),
                    Argument::Number(libc::O_CLOEXEC.into()),
                ],
            ));
            steps.push(Step::close("landlock_close", Argument::Result(rules)));
        } else {
            // Nothing more to forbid, but a domain of its own, apart from its siblings'.
            let rules = landlock_rules(&mut steps, landlock_abi, &[]);
            landlock_restrict(&mut steps, Argument::Result(rules));
        }

        let filter = bpf::compile(match calls {
            Calls::Python => policy::PYTHON,
            Calls::JavaScript => policy::JAVASCRIPT,
        });
        // struct sock_fprog { unsigned short len; struct sock_filter *filter }
        let mut program = [0; 16];
        program[..2].copy_from_slice(&((filter.len() / 8) as u16).to_ne_bytes());
        steps.push(Step::new(
            "system_call_filter",
            libc::SYS_seccomp,
            [
                Argument::Number(libc::SECCOMP_SET_MODE_FILTER.into()),
                Argument::Number(0),
                Argument::Bytes {
                    hex: hex(&program),
                    patches: vec![Patch::Pointer {
                        at: 8,
                        hex: hex(&filter),
                    }],
                },
            ],
        ));
        let mut all = vec![descriptors];
        all.extend(probes());
        Lockdown { steps, probes: all }
    }

    /// Leaves a guest that may use files one workspace, and makes that its current directory.
    pub fn of_workspace(landlock_abi: u32, workspace: &Workspace) -> Lockdown {
        let rules = Argument::Number(RULES);
        let mut steps = vec![Step::new(
            "workspace",
            libc::SYS_chdir,
            [Argument::path(workspace.path())],
        )];
        landlock_rule(
            &mut steps,
            &rules,
            Path::new("."),
            workspace_rights(landlock_abi),
        );
        landlock_restrict(&mut steps, rules);
        let folder = workspace.path().parent().unwrap_or(Path::new("/"));
        let other = Probe::new(
            "open_other_workspace",
            libc::SYS_openat,
            [
                Argument::Number(libc::AT_FDCWD.into()),
                Argument::path(&folder.join(workspace::OTHER)),
                Argument::Number((libc::O_RDONLY | libc::O_CLOEXEC).into()),
                Argument::Number(0),
            ],
            &[libc::EACCES],
        );
        Lockdown {
            steps,
            probes: vec![other],
        }
    }

    /// Steps and probes that change nothing: what a guest has done once it does faster.
    pub fn rehearsal() -> Lockdown {
        let here = Argument::path(Path::new("."));
        let nothing = [
            Argument::Number(libc::AT_FDCWD.into()),
            Argument::path(Path::new("")),
            Argument::Number(libc::O_RDONLY.into()),
            Argument::Number(0),
        ];
        Lockdown {
            steps: vec![Step::new("rehearsal", libc::SYS_chdir, [here])],
            probes: vec![Probe::new(
                "rehearsal",
                libc::SYS_openat,
                nothing,
                &[libc::ENOENT],
            )],
        }
    }

    /// The table as bytes for the guest.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self)
            .expect("a lockdown table has string keys and no failing serializers")
    }

    /// A table that was [encoded](Lockdown::encode).
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn decode(table: &[u8]) -> Result<Lockdown, Error> {
        serde_json::from_slice(table).map_err(|error| Error::Table(error.to_string()))
    }

    /// Runs the table in this process, then its probes; returns what each probe met.
    ///
    /// # Errors
    /// The table makes no sense, or a step fails: the caller must end without running anything.
    pub fn apply(&self) -> Result<Vec<(String, i32)>, Error> {
        let mut results = Vec::with_capacity(self.steps.len());
        let mut met = Vec::with_capacity(self.probes.len());
        let probe = |after, results: &[i64], met: &mut Vec<(String, i32)>| {
            for probe in self.probes.iter().filter(|probe| probe.after == after) {
                let (outcome, _) = call(probe.number, &probe.arguments, results)?;
                met.push((probe.name.clone(), outcome.err().unwrap_or(0)));
            }
            Ok(())
        };
        for (index, step) in self.steps.iter().enumerate() {
            let (outcome, left) = call(step.number, &step.arguments, &results)?;
            let name = || step.name.clone();
            let result = outcome.map_err(|errno| Error::Step {
                step: name(),
                errno,
            })?;
            results.push(result);
            let leaves_else = step
                .leaves
                .as_ref()
                .is_some_and(|leaves| *leaves != hex(&left));
            let returns_else = step.returns.is_some_and(|returns| returns != result);
            if leaves_else || returns_else {
                return Err(Error::NoEffect { step: name() });
            }
            probe(Some(index), &results, &mut met)?;
        }
        probe(None, &results, &mut met)?;
        Ok(met)
    }

    /// Whether what a guest says its probes met is what they must meet.
    ///
    /// # Errors
    /// The first probe that is missing or met something else.
    pub fn check_probes(&self, met: &[(String, i32)]) -> Result<(), Error> {
        for (index, probe) in self.probes.iter().enumerate() {
            match met.get(index) {
                Some((name, errno)) if *name == probe.name && probe.errnos.contains(errno) => {}
                Some((_, errno)) => {
                    return Err(Error::Probe {
                        probe: probe.name.clone(),
                        errno: *errno,
                    });
                }
                None => {
                    return Err(Error::Probe {
                        probe: probe.name.clone(),
                        errno: 0,
                    });
                }
            }
        }
        Ok(())
    }
}

/// The rights over files that this version of Landlock can govern.
fn file_rights(abi: u32) -> u64 {
    let mut rights: u64 = (1 << 13) - 1;
    if abi >= 2 {
        rights |= REFER;
    }
    if abi >= 3 {
        rights |= TRUNCATE;
    }
    if abi >= 5 {
        rights |= 1 << 15; // ioctl on devices
    }
    rights
}

fn workspace_rights(abi: u32) -> u64 {
    let mut rights =
        READ_FILE | READ_DIR | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG;
    rights |= file_rights(abi) & (REFER | TRUNCATE);
    debug_assert_eq!(rights & EXECUTE, 0);
    rights
}

/// Makes a set of rules that lets one read below these paths; the step whose result it is.
fn landlock_rules(steps: &mut Vec<Step>, abi: u32, read: &[PathBuf]) -> usize {
    // Everything this kernel can govern is governed: later versions add network and scopes.
    let network_rights: u64 = if abi >= 4 { 0b11 } else { 0 };
    let scopes: u64 = if abi >= 6 { 0b11 } else { 0 };
    let attributes = [file_rights(abi), network_rights, scopes]
        .map(u64::to_ne_bytes)
        .concat();
    // An older kernel refuses a structure longer than the one it knows.
    let known_bytes = match abi {
        ..4 => 8,
        4..6 => 16,
        _ => 24,
    };
    let rules = steps.len();
    steps.push(Step::new(
        "landlock_ruleset",
        LANDLOCK_CREATE_RULESET,
        [
            Argument::bytes(&attributes[..known_bytes]),
            Argument::Number(known_bytes as i64),
            Argument::Number(0),
        ],
    ));
    for path in read {
        let rights = if path.is_dir() {
            READ_FILE | READ_DIR
        } else {
            READ_FILE
        };
        landlock_rule(steps, &Argument::Result(rules), path, rights);
    }
    rules
}

fn landlock_restrict(steps: &mut Vec<Step>, rules: Argument) {
    steps.push(Step::new(
        "landlock_restrict",
        LANDLOCK_RESTRICT_SELF,
        [rules.clone(), Argument::Number(0)],
    ));
    steps.push(Step::close("landlock_close", rules));
}

fn landlock_rule(steps: &mut Vec<Step>, rules: &Argument, path: &Path, rights: u64) {
    let opened = steps.len();
    steps.push(Step::new(
        "landlock_open",
        libc::SYS_openat,
        [
            Argument::Number(libc::AT_FDCWD.into()),
            Argument::path(path),
            Argument::Number((libc::O_PATH | libc::O_CLOEXEC).into()),
            Argument::Number(0),
        ],
    ));
    // struct landlock_path_beneath_attr { u64 allowed_access; i32 parent_fd } packed
    let mut rule = [0; 12];
    rule[..8].copy_from_slice(&rights.to_ne_bytes());
    steps.push(Step::new(
        "landlock_rule",
        LANDLOCK_ADD_RULE,
        [
            rules.clone(),
            Argument::Number(RULE_PATH_BENEATH),
            Argument::Bytes {
                hex: hex(&rule),
                patches: vec![Patch::Result {
                    at: 8,
                    step: opened,
                }],
            },
            Argument::Number(0),
        ],
    ));
    steps.push(Step::close("landlock_close_path", Argument::Result(opened)));
}

/// One attempt at each thing the boundary is for: a file outside, a socket, a new program, a new
/// process, a signal to others.
fn probes() -> [Probe; 5] {
    let socket = [libc::AF_INET, libc::SOCK_STREAM, 0].map(|word| Argument::Number(word.into()));
    let nothing = || Argument::Number(0);
    [
        open_outside("open_outside"),
        Probe::new("socket", libc::SYS_socket, socket, &[libc::EPERM]),
        Probe::new(
            "execve",
            libc::SYS_execve,
            [Argument::path(Path::new("/")), nothing(), nothing()],
            &[libc::EPERM],
        ),
        // Signal 0 sends nothing; it asks whether one could.
        Probe::new(
            "kill",
            libc::SYS_kill,
            [Argument::Number(1), nothing()],
            &[libc::EPERM],
        ),
        Probe::new(
            "seccomp",
            libc::SYS_seccomp,
            [Argument::Number(-1), nothing(), nothing()],
            &[libc::EPERM],
        ),
    ]
}

fn open_outside(name: &str) -> Probe {
    Probe::new(
        name,
        libc::SYS_openat,
        [
            Argument::Number(libc::AT_FDCWD.into()),
            Argument::path(Path::new("/")),
            Argument::Number((libc::O_RDONLY | libc::O_CLOEXEC).into()),
            Argument::Number(0),
        ],
        &[libc::EACCES, libc::EPERM],
    )
}

impl Probe {
    fn new<const N: usize>(
        name: &str,
        number: i64,
        arguments: [Argument; N],
        errnos: &[i32],
    ) -> Probe {
        Probe {
            name: name.to_owned(),
            number,
            arguments: arguments.into(),
            errnos: errnos.to_vec(),
            after: None,
        }
    }
}

impl Step {
    fn new<const N: usize>(name: &str, number: i64, arguments: [Argument; N]) -> Step {
        Step {
            name: name.to_owned(),
            number,
            arguments: arguments.into(),
            leaves: None,
            returns: None,
        }
    }

    fn prctl(name: &str, option: i32, value: i64) -> Step {
        let words = [option.into(), value, 0, 0, 0].map(Argument::Number);
        Step::new(name, libc::SYS_prctl, words)
    }

    fn close(name: &str, descriptor: Argument) -> Step {
        Step::new(name, libc::SYS_close, [descriptor])
    }

    fn returning(mut self, result: i64) -> Step {
        self.returns = Some(result);
        self
    }

    fn leaving(mut self, memory: &[u8]) -> Step {
        self.leaves = Some(hex(memory));
        self
    }
}

impl Argument {
    fn bytes(bytes: &[u8]) -> Argument {
        Argument::Bytes {
            hex: hex(bytes),
            patches: Vec::new(),
        }
    }

    fn path(path: &Path) -> Argument {
        use std::os::unix::ffi::OsStrExt;
        Argument::bytes(&[path.as_os_str().as_bytes(), b"\0"].concat())
    }
}

/// What a system call returned, or its error, and what is then where its last pointer points.
type Outcome = (Result<i64, i32>, Vec<u8>);

fn call(number: i64, arguments: &[Argument], results: &[i64]) -> Result<Outcome, Error> {
    let table_error = |what: &str| Error::Table(what.to_owned());
    // Everything pointed to lives here until the call has returned.
    let mut memory: Vec<Vec<u8>> = Vec::new();
    let mut words = [0i64; 6];
    if arguments.len() > words.len() {
        return Err(table_error("more than six arguments"));
    }
    let result_of = |step: usize| {
        results
            .get(step)
            .copied()
            .ok_or(table_error("a result before its step"))
    };
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = match argument {
            Argument::Number(number) => *number,
            Argument::Result(step) => result_of(*step)?,
            Argument::Bytes { hex, patches } => {
                let mut bytes = unhex(hex).ok_or(table_error("a bad digit"))?;
                for patch in patches {
                    let (at, value) = match patch {
                        Patch::Result { at, step } => {
                            (*at, (result_of(*step)? as i32).to_ne_bytes().to_vec())
                        }
                        Patch::Pointer { at, hex } => {
                            memory.push(unhex(hex).ok_or(table_error("a bad digit"))?);
                            let target = memory.last().expect("just pushed").as_ptr() as usize;
                            (*at, target.to_ne_bytes().to_vec())
                        }
                    };
                    bytes
                        .get_mut(at..at + value.len())
                        .ok_or(table_error("a patch outside its bytes"))?
                        .copy_from_slice(&value);
                }
                memory.push(bytes);
                memory.last().expect("just pushed").as_ptr() as i64
            }
        };
    }
    // SAFETY: the table comes from our own host over our own channel, before anything hostile runs;
    // its pointers are to `memory`, whose buffers outlive the call and do not move when the outer
    // vector grows; the kernel writes no more there than the table has room for.
    let result = unsafe {
        libc::syscall(
            number, words[0], words[1], words[2], words[3], words[4], words[5],
        )
    };
    let outcome = if result == -1 {
        Err(std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO))
    } else {
        Ok(result)
    };
    Ok((outcome, memory.pop().unwrap_or_default()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// The number of seccomp filters on this process, so that a guest can be checked to have one more.
pub(crate) fn filters_of_self() -> std::io::Result<u32> {
    /// This process never adds one.
    static OURS: OnceLock<u32> = OnceLock::new();
    if let Some(ours) = OURS.get() {
        return Ok(*ours);
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let ours = status_field(&status, "Seccomp_filters")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    Ok(*OURS.get_or_init(|| ours))
}

/// One field of `/proc/PID/status`.
pub(crate) fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_round_trip_and_bad_ones_are_refused() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }

    #[test]
    fn a_hostile_table_is_an_error() {
        for table in [
            &b"{}"[..],
            b"\xff",
            br#"{"steps":[{"name":"x","number":39,"arguments":[{"result":5}]}],"probes":[]}"#,
            br#"{"steps":[{"name":"x","number":39,"arguments":[{"bytes":{"hex":"00","patches":[{"pointer":{"at":0,"hex":"00"}}]}}]}],"probes":[]}"#,
        ] {
            assert!(matches!(
 Lockdown::decode(table).and_then(|table| table.apply()), Err(Error::Table(_))));
        }
    }

    #[test]
    fn probes_must_all_be_met_as_listed() {
        let limits = ProcessLimits {
            memory_bytes: 0,
            address_space_bytes: 0,
            cpu_seconds: 0,
            file_bytes: 0,
            descriptors: 0,
        };
        let lockdown = Lockdown::of_guest(
            rustix::process::getpid(),
            1,
            &Files::default(),
            Calls::JavaScript,
            &limits,
        );
        let good: Vec<(String, i32)> = lockdown
            .probes
            .iter()
            .map(|probe| (probe.name.clone(), probe.errnos[0]))
            .collect();
        assert!(lockdown.check_probes(&good).is_ok());
        assert!(lockdown.check_probes(&good[1..]).is_err(), "one missing");
        let mut crossed = good.clone();
        crossed[1].1 = 0;
        assert!(matches!(
            lockdown.check_probes(&crossed),
            Err(Error::Probe { errno: 0, .. })
        ));
    }
}
