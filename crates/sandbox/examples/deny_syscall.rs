//! Runs a program below a filter that answers one system call in the kernel's place, for tests that
//! want to see what happens where a layer of the sandbox cannot be set up.
//!
//! `deny_syscall CALL ANSWER PROGRAM ARGUMENT…`, where CALL is a name, `NAME/I=VALUE` (only when the
//! low half of argument I is that) or `NAME/I!VALUE` (only when it is not), and ANSWER is an errno, 0
//! being success without effect.

use std::os::unix::process::CommandExt;
use std::process::Command;

const CALLS: [(&str, i64); 21] = [
    ("capset", libc::SYS_capset),
    ("chdir", libc::SYS_chdir),
    ("clone3", libc::SYS_clone3),
    ("close_range", libc::SYS_close_range),
    ("dup3", libc::SYS_dup3),
    ("landlock_add_rule", libc::SYS_landlock_add_rule),
    ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
    ("landlock_restrict_self", libc::SYS_landlock_restrict_self),
    ("mount", libc::SYS_mount),
    ("mount_setattr", libc::SYS_mount_setattr),
    ("move_mount", libc::SYS_move_mount),
    ("open_tree", libc::SYS_open_tree),
    ("pivot_root", libc::SYS_pivot_root),
    ("prctl", libc::SYS_prctl),
    ("prlimit64", libc::SYS_prlimit64),
    ("seccomp", libc::SYS_seccomp),
    ("setgroups", libc::SYS_setgroups),
    ("sethostname", libc::SYS_sethostname),
    ("setresgid", libc::SYS_setresgid),
    ("setresuid", libc::SYS_setresuid),
    ("umount2", libc::SYS_umount2),
];

/// Which system calls are answered.
struct Which {
    number: u32,
    argument: Option<Argument>,
}

struct Argument {
    index: u32,
    value: u32,
    /// Whether calls with this value are meant, or those without.
    equal: bool,
}

impl Which {
    fn parse(text: &str) -> Option<Which> {
        let (name, condition) = match text.split_once('/') {
            Some((name, condition)) => (name, Some(condition)),
            None => (text, None),
        };
        let (_, number) = CALLS.iter().find(|(known, _)| *known == name)?;
        let argument = match condition {
            None => None,
            Some(condition) => {
                let (index, value) = condition.split_once(['=', '!'])?;
                Some(Argument {
                    index: index.parse().ok()?,
                    value: value.parse().ok()?,
                    equal: condition.contains('='),
                })
            }
        };
        Some(Which {
            number: *number as u32,
            argument,
        })
    }

    fn filter(&self, errno: u32) -> Vec<libc::sock_filter> {
        let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
        let equals = |value, jt, jf| libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt,
            jf,
            k: value,
        };
        let answer = statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno);
        let allow = statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW);
        // Offsets in `struct seccomp_data`: the number is at 0, the arguments begin at 16.
        let mut filter = vec![load(0)];
        match &self.argument {
            None => filter.push(equals(self.number, 0, 1)),
            Some(argument) => {
                let (jt, jf) = if argument.equal { (0, 1) } else { (1, 0) };
                filter.extend([
                    equals(self.number, 0, 3),
                    load(16 + 8 * argument.index),
                    equals(argument.value, jt, jf),
                ]);
            }
        }
        filter.extend([answer, allow]);
        filter
    }
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [which, errno, program, rest @ ..] = &arguments[..] else {
        panic!("deny_syscall CALL ANSWER PROGRAM ARGUMENT…");
    };
    let which = Which::parse(which).expect("a known NAME, NAME/I=VALUE or NAME/I!VALUE");
    let filter = which.filter(errno.parse().expect("an errno, or 0"));
    let mut command = Command::new(program);
    command.args(rest);
    install(&filter).expect("an outer filter");
    panic!("{program}: {}", command.exec());
}

fn install(filter: &[libc::sock_filter]) -> std::io::Result<()> {
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_ptr().cast_mut(),
    };
    let load = || {
        // SAFETY: the structure and the filter it points to live until the call returns.
        let loaded = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                0,
                &raw const program,
            )
        };
        if loaded == 0 {
            Ok(())
        } else {
            Err(std::io::Error::last_os_error())
        }
    };
    // Root needs no promise not to gain privileges, and with one a test could not see it missing.
    load().or_else(|_| {
        // SAFETY: prctl with these arguments touches no memory.
        unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        load()
    })
}
