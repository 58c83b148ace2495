//! The steps by which a guest gives up its rights: one table, made by the host, run by the guest.
//!
//! A step is a named system call. The JavaScript guest runs the table through [`apply`]; the Python
//! guest runs the same rows through one `ctypes` call and decides nothing. After the last step the
//! guest probes itself: each probe is a call that must fail, with one of the listed errors. The
//! host trusts none of this alone: it also looks at the guest from outside
//! ([`crate::Guest::confirm`]) before it sends a program.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{bpf, policy};

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
    pub read: Vec<std::path::PathBuf>,
    /// Its current directory, if it may write there.
    pub workspace: bool,
}

/// Which allow-list of system calls a guest gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    Python,
    JavaScript,
}

impl Lockdown {
    /// The mandatory tier for a guest that has been started by the launcher.
    pub fn strict(landlock_abi: u32, files: &Files, calls: Calls) -> Lockdown {
        let mut steps = Vec::new();
        steps.push(Step::new(
            "non_dumpable",
            libc::SYS_prctl,
            [
                Argument::Number(libc::PR_SET_DUMPABLE.into()),
                Argument::Number(0),
                Argument::Number(0),
                Argument::Number(0),
                Argument::Number(0),
            ],
        ));
        steps.push(Step::new(
            "no_new_privileges",
            libc::SYS_prctl,
            [
                Argument::Number(libc::PR_SET_NO_NEW_PRIVS.into()),
                Argument::Number(1),
                Argument::Number(0),
                Argument::Number(0),
                Argument::Number(0),
            ],
        ));
        landlock_steps(&mut steps, landlock_abi, files);
        let mut probes = probes();
        if calls == Calls::JavaScript {
            // Its filter refuses every open, so only before that can the file rules be seen to hold.
            let mut early = probes[0].clone();
            early.name.push_str("_unfiltered");
            early.after = Some(steps.len() - 1);
            probes.insert(0, early);
        }
        // struct __user_cap_header_struct { version 3, pid 0 } and two empty data sets.
        steps.push(Step::new(
            "no_capabilities",
            libc::SYS_capset,
            [
                Argument::bytes(&[0x2008_0522u32.to_ne_bytes(), [0; 4]].concat()),
                Argument::bytes(&[0; 24]),
            ],
        ));
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
        Lockdown { steps, probes }
    }

    /// The table as bytes for the guest.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self)
            .expect("a lockdown table has string keys and no failing serializers")
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

fn landlock_steps(steps: &mut Vec<Step>, abi: u32, files: &Files) {
    // Everything this kernel can govern is governed: later versions add rights, network and scopes.
    let mut file_rights: u64 = (1 << 13) - 1;
    if abi >= 2 {
        file_rights |= REFER;
    }
    if abi >= 3 {
        file_rights |= TRUNCATE;
    }
    if abi >= 5 {
        file_rights |= 1 << 15; // ioctl on devices
    }
    let network_rights: u64 = if abi >= 4 { 0b11 } else { 0 };
    let scopes: u64 = if abi >= 6 { 0b11 } else { 0 };
    let attributes = [file_rights, network_rights, scopes]
        .map(u64::to_ne_bytes)
        .concat();
    // An older kernel refuses a structure longer than the one it knows.
    let known_bytes = match abi {
        ..4 => 8,
        4..6 => 16,
        _ => 24,
    };
    let ruleset = steps.len();
    steps.push(Step::new(
        "landlock_ruleset",
        LANDLOCK_CREATE_RULESET,
        [
            Argument::bytes(&attributes[..known_bytes]),
            Argument::Number(known_bytes as i64),
            Argument::Number(0),
        ],
    ));
    for path in &files.read {
        let rights = if path.is_dir() {
            READ_FILE | READ_DIR
        } else {
            READ_FILE
        };
        landlock_rule(steps, ruleset, path, rights);
    }
    if files.workspace {
        let mut rights =
            READ_FILE | READ_DIR | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG;
        rights |= file_rights & (REFER | TRUNCATE);
        debug_assert_eq!(rights & EXECUTE, 0);
        landlock_rule(steps, ruleset, Path::new("."), rights);
    }
    steps.push(Step::new(
        "landlock_restrict",
        LANDLOCK_RESTRICT_SELF,
        [Argument::Result(ruleset), Argument::Number(0)],
    ));
    steps.push(Step::new(
        "landlock_close",
        libc::SYS_close,
        [Argument::Result(ruleset)],
    ));
}

fn landlock_rule(steps: &mut Vec<Step>, ruleset: usize, path: &Path, rights: u64) {
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
            Argument::Result(ruleset),
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
    steps.push(Step::new(
        "landlock_close_path",
        libc::SYS_close,
        [Argument::Result(opened)],
    ));
}

/// One attempt at each thing the boundary is for: a file outside, a socket, a new program, a new
/// process, a signal to others.
fn probes() -> Vec<Probe> {
    let probe = |name: &str, number: i64, arguments: Vec<Argument>, errnos: &[i32]| Probe {
        name: name.to_owned(),
        number,
        arguments,
        errnos: errnos.to_vec(),
        after: None,
    };
    vec![
        probe(
            "open_outside",
            libc::SYS_openat,
            vec![
                Argument::Number(libc::AT_FDCWD.into()),
                Argument::path(Path::new("/")),
                Argument::Number((libc::O_RDONLY | libc::O_CLOEXEC).into()),
                Argument::Number(0),
            ],
            &[libc::EACCES, libc::EPERM],
        ),
        probe(
            "socket",
            libc::SYS_socket,
            vec![
                Argument::Number(libc::AF_INET.into()),
                Argument::Number(libc::SOCK_STREAM.into()),
                Argument::Number(0),
            ],
            &[libc::EPERM],
        ),
        probe(
            "execve",
            libc::SYS_execve,
            vec![
                Argument::path(Path::new("/")),
                Argument::Number(0),
                Argument::Number(0),
            ],
            &[libc::EPERM],
        ),
        // Signal 0 sends nothing; it asks whether one could.
        probe(
            "kill",
            libc::SYS_kill,
            vec![Argument::Number(1), Argument::Number(0)],
            &[libc::EPERM],
        ),
        probe(
            "seccomp",
            libc::SYS_seccomp,
            vec![
                Argument::Number(-1),
                Argument::Number(0),
                Argument::Number(0),
            ],
            &[libc::EPERM],
        ),
    ]
}

impl Step {
    fn new<const N: usize>(name: &str, number: i64, arguments: [Argument; N]) -> Step {
        Step {
            name: name.to_owned(),
            number,
            arguments: arguments.into(),
        }
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

/// Runs a lockdown table in this process, then its probes; returns what each probe met.
///
/// # Errors
/// The table cannot be read, or a step fails: the caller must end without running anything.
pub fn apply(table: &[u8]) -> Result<Vec<(String, i32)>, Error> {
    let table: Lockdown =
        serde_json::from_slice(table).map_err(|error| Error::Table(error.to_string()))?;
    let mut results = Vec::with_capacity(table.steps.len());
    let mut met = Vec::with_capacity(table.probes.len());
    let probe = |after, results: &[i64], met: &mut Vec<(String, i32)>| {
        for probe in table.probes.iter().filter(|probe| probe.after == after) {
            let outcome = call(probe.number, &probe.arguments, results)?;
            met.push((probe.name.clone(), outcome.err().unwrap_or(0)));
        }
        Ok(())
    };
    for (index, step) in table.steps.iter().enumerate() {
        match call(step.number, &step.arguments, &results)? {
            Ok(result) => results.push(result),
            Err(errno) => {
                return Err(Error::Step {
                    step: step.name.clone(),
                    errno,
                });
            }
        }
        probe(Some(index), &results, &mut met)?;
    }
    probe(None, &results, &mut met)?;
    Ok(met)
}

fn call(number: i64, arguments: &[Argument], results: &[i64]) -> Result<Result<i64, i32>, Error> {
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
    // vector grows.
    let result = unsafe {
        libc::syscall(
            number, words[0], words[1], words[2], words[3], words[4], words[5],
        )
    };
    if result == -1 {
        Ok(Err(std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO)))
    } else {
        Ok(Ok(result))
    }
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
    let status = std::fs::read_to_string("/proc/self/status")?;
    Ok(status_field(&status, "Seccomp_filters")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0))
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
            assert!(matches!(apply(table), Err(Error::Table(_))));
        }
    }

    #[test]
    fn probes_must_all_be_met_as_listed() {
        let lockdown = Lockdown::strict(1, &Files::default(), Calls::JavaScript);
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
