//! A native program that attacks the sandbox from inside, by single system calls.
//!
//! It is to JavaScript's policy what `ctypes` is to Python's: QuickJS gives a program no system call,
//! so this stands for a program that has broken out of it. It starts supervisor, zygote and guests
//! as toolmill does, with the same tables, and each attempt is made in a guest of its own.
//!
//! `attacker full|strict|none javascript|python FOLDER` reads attempts as a JSON list from standard
//! input and prints, as a JSON object, what each met: `nothing` when it succeeded, else the name of
//! the error or of the signal that ended the process. With `none` there is no sandbox: the positive
//! control. `attacker numbers` prints the numbers of the calls known by name.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toolmill_sandbox::{
    Calls, Exit, Files, LIFELINE_BYTES, Lockdown, ProcessLimits, Program, Role, Supervisor, Tier,
    Zygote, landlock_abi, serve_forks,
};

/// One system call.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Attempt {
    name: String,
    /// A name of [`CALLS`], a number, or one of the acts that are none: `int80`, `vsyscall`.
    call: Call,
    #[serde(default)]
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Call {
    Number(i64),
    Name(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Argument {
    Number(i64),
    /// A pointer to this text and a NUL.
    Text(String),
    /// A pointer to these bytes.
    Bytes(Vec<u8>),
}

macro_rules! calls {
    ($($name:ident)*) => {
        &[$((stringify!($name), libc::$name)),*]
    };
}

/// Names of system calls that attempts may use, without the prefix.
const CALLS: &[(&str, i64)] = calls!(
    SYS_acct SYS_add_key SYS_adjtimex SYS_bind SYS_bpf SYS_capset SYS_chown SYS_chroot SYS_clone SYS_clone3 SYS_connect
    SYS_copy_file_range SYS_delete_module SYS_execve SYS_execveat SYS_fallocate SYS_fanotify_init SYS_fchown
    SYS_fcntl SYS_finit_module SYS_fork SYS_fsconfig SYS_fsmount SYS_fsopen SYS_fspick SYS_getpid SYS_getppid
    SYS_getxattr SYS_init_module SYS_inotify_init1 SYS_io_setup SYS_io_uring_setup SYS_ioctl SYS_ioperm SYS_iopl
    SYS_kcmp SYS_kexec_file_load SYS_kexec_load SYS_keyctl SYS_kill SYS_landlock_create_ruleset SYS_lchown SYS_link
    SYS_linkat SYS_listen SYS_lookup_dcookie SYS_mbind SYS_memfd_create SYS_memfd_secret SYS_migrate_pages SYS_mknod
    SYS_mknodat SYS_mlock SYS_mlockall SYS_mmap SYS_modify_ldt SYS_mount SYS_mount_setattr SYS_move_mount
    SYS_mprotect SYS_mq_open SYS_msgget SYS_name_to_handle_at SYS_nfsservctl SYS_open_by_handle_at SYS_open_tree
    SYS_open SYS_openat SYS_openat2 SYS_perf_event_open SYS_personality SYS_pidfd_getfd SYS_pidfd_open
    SYS_pidfd_send_signal SYS_pivot_root SYS_pkey_alloc SYS_pkey_mprotect SYS_prctl SYS_prlimit64
    SYS_process_madvise SYS_process_vm_readv SYS_process_vm_writev SYS_ptrace SYS_quotactl SYS_readlink SYS_reboot
    SYS_remap_file_pages SYS_request_key SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_sched_setaffinity
    SYS_sched_setattr SYS_sched_setscheduler SYS_seccomp SYS_semget SYS_sendmmsg SYS_sendmsg SYS_setdomainname
    SYS_setfsuid SYS_setgid SYS_setgroups SYS_sethostname SYS_setns SYS_setpgid SYS_setpriority SYS_setresuid
    SYS_setreuid SYS_setrlimit SYS_setsid SYS_setsockopt SYS_settimeofday SYS_setuid SYS_setxattr SYS_shmget
    SYS_signalfd4 SYS_socket SYS_socketpair SYS_statfs SYS_swapon SYS_symlink SYS_symlinkat SYS_sync SYS_syslog
    SYS_tgkill SYS_timer_create SYS_timerfd_create SYS_tkill SYS_truncate SYS_umount2 SYS_unshare SYS_uselib
    SYS_userfaultfd SYS_ustat SYS_utimensat SYS_vfork SYS_vhangup SYS_vmsplice SYS_arch_prctl SYS_recvmsg
);

fn main() {
    if let Role::Zygote(channel, _) = toolmill_sandbox::enter() {
        return zygote(channel);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["numbers"] {
        let numbers: BTreeMap<&str, i64> = CALLS
            .iter()
            .map(|(name, number)| (name.trim_start_matches("SYS_"), *number))
            .collect();
        println!("{}", serde_json::json!(numbers));
        return;
    }
    let [tier, language, folder] = &arguments[..] else {
        panic!("attacker full|strict|none javascript|python FOLDER");
    };
    let calls = match &language[..] {
        "javascript" => Calls::JavaScript,
        "python" => Calls::Python,
        other => panic!("no language {other}"),
    };
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .expect("attempts");
    let attempts: Vec<Attempt> = serde_json::from_str(&text).expect("a list of attempts");
    let met = match &tier[..] {
        "none" => attempts.iter().map(uncontained).collect(),
        "full" => contained(Tier::Full, calls, Path::new(folder), &attempts),
        "strict" => contained(Tier::Strict, calls, Path::new(folder), &attempts),
        other => panic!("no tier {other}"),
    };
    let met: BTreeMap<&str, String> = attempts
        .iter()
        .map(|attempt| &attempt.name[..])
        .zip(met)
        .collect();
    println!("{}", serde_json::json!(met));
}

/// Makes each attempt in a guest.
fn contained(tier: Tier, calls: Calls, folder: &Path, attempts: &[Attempt]) -> Vec<String> {
    let limits = ProcessLimits {
        memory_bytes: 64 << 20,
        address_space_bytes: 1 << 30,
        cpu_seconds: 10,
        file_bytes: 1 << 20,
        descriptors: 64,
    };
    let supervisor = Supervisor::start().expect("a supervisor");
    let abi = landlock_abi().expect("Landlock");
    toolmill_sandbox::prepare_workspaces(folder).expect("workspaces");
    let files = Files::default();
    let program = Program::Own;
    let zygote = Zygote::start(&supervisor, tier, &program, &files, folder, limits);
    let zygote = Arc::new(zygote.expect("a zygote"));
    let lockdown = Lockdown::of_zygote(abi, &files);
    locked(&mut &zygote.control, &lockdown);
    let lockdown = Lockdown::of_guest(zygote.number_inside(), abi, &files, calls, &limits);
    attempts
        .iter()
        .map(|attempt| {
            let mut guest = zygote.fork().expect("a guest");
            let channel = guest.channel.take().expect("its channel");
            let lifeline = guest.lifeline.take().expect("its lifeline");
            // An attempt must not hang: none of them waits.
            channel
                .set_read_timeout(Some(Duration::from_secs(10)))
                .expect("a time limit");
            locked(&mut &channel, &lockdown);
            guest.confirm().expect("a guest that is confined");
            send(&mut &channel, &serde_json::to_vec(attempt).expect("JSON"));
            match receive(&mut &channel) {
                Some(met) => String::from_utf8(met).expect("a name"),
                None => end_of(lifeline),
            }
        })
        .collect()
}

fn locked(channel: &mut &UnixStream, lockdown: &Lockdown) {
    send(channel, &lockdown.encode());
    let met = receive(channel).expect("what the probes met");
    let met: Vec<(String, i32)> = serde_json::from_slice(&met)
        .unwrap_or_else(|_| panic!("not locked down: {}", String::from_utf8_lossy(&met)));
    lockdown.check_probes(&met).expect("probes that fail");
}

fn end_of(mut lifeline: UnixStream) -> String {
    let mut message = [0; LIFELINE_BYTES];
    lifeline.read_exact(&mut message).expect("how it ended");
    match Exit::from_lifeline(&message) {
        Exit::Signal(signal) => signal_name(signal),
        Exit::Code(code) => format!("exit {code}"),
        Exit::Unknown => "unknown".to_owned(),
    }
}

/// The zygote, and in its forks the guest.
fn zygote(mut channel: UnixStream) {
    answer_table(&mut channel);
    let Some(mut channel) = serve_forks(channel) else {
        return;
    };
    answer_table(&mut channel);
    let attempt = receive(&mut channel).expect("an attempt");
    let attempt: Attempt = serde_json::from_slice(&attempt).expect("JSON");
    let met = perform(&attempt);
    send(&mut channel, met.as_bytes());
}

fn answer_table(channel: &mut UnixStream) {
    let table = receive(channel).expect("a table");
    match Lockdown::decode(&table).and_then(|table| table.apply()) {
        Ok(met) => send(channel, &serde_json::to_vec(&met).expect("JSON")),
        Err(error) => {
            send(channel, error.to_string().as_bytes());
            std::process::exit(70)
        }
    }
}

/// Makes an attempt in a child without a sandbox, ten seconds long at most.
fn uncontained(attempt: &Attempt) -> String {
    let (mut read, mut write) = std::io::pipe().expect("a pipe");
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork"),
        0 => {
            // SAFETY: these calls take plain numbers.
            unsafe {
                libc::alarm(10);
                // Of whatever it starts nothing is to be left.
                libc::setpgid(0, 0);
            }
            let met = perform(attempt);
            let _ = write.write_all(met.as_bytes());
            // SAFETY: ends this process and no other.
            unsafe { libc::_exit(0) }
        }
        child => {
            drop(write);
            let mut status = 0;
            // SAFETY: the kernel writes one int.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            // SAFETY: ends what the child started in its own group.
            unsafe { libc::kill(-child, libc::SIGKILL) };
            let mut met = String::new();
            read.read_to_string(&mut met).expect("a pipe");
            if libc::WIFSIGNALED(status) {
                signal_name(libc::WTERMSIG(status))
            } else {
                met
            }
        }
    }
}

fn perform(attempt: &Attempt) -> String {
    let number = match &attempt.call {
        Call::Number(number) => *number,
        Call::Name(name) if name == "int80" => return errno_name(int80()),
        Call::Name(name) if name == "vsyscall" => return errno_name(vsyscall()),
        Call::Name(name) => {
            let found = CALLS
                .iter()
                .find(|(known, _)| known.trim_start_matches("SYS_") == name);
            found.unwrap_or_else(|| panic!("no call {name}")).1
        }
    };
    let texts: Vec<Vec<u8>> = attempt
        .arguments
        .iter()
        .map(|argument| match argument {
            Argument::Number(_) => Vec::new(),
            Argument::Text(text) => CString::new(&text[..]).expect("text").into_bytes_with_nul(),
            Argument::Bytes(bytes) => bytes.clone(),
        })
        .collect();
    let mut words = [0i64; 6];
    for ((word, argument), text) in words.iter_mut().zip(&attempt.arguments).zip(&texts) {
        *word = match argument {
            Argument::Number(number) => *number,
            _ => text.as_ptr() as i64,
        };
    }
    // SAFETY: none; whatever the call does to this process is what is to be found out.
    let result = unsafe {
        libc::syscall(
            number, words[0], words[1], words[2], words[3], words[4], words[5],
        )
    };
    if result == -1 {
        errno_name(
            std::io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or_default(),
        )
    } else if result == 0
        && matches!(&attempt.call, Call::Name(name) if ["fork", "vfork", "clone"].contains(&&name[..]))
    {
        // The child of an attempt that succeeded.
        // SAFETY: ends this process and no other.
        unsafe { libc::_exit(0) }
    } else {
        "nothing".to_owned()
    }
}

/// `getpid` by the entry of 32-bit programs, whose numbers mean other calls.
#[cfg(target_arch = "x86_64")]
fn int80() -> i32 {
    let result: i64;
    // SAFETY: 20 is getpid there; it touches no memory.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20i64 => result, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    if result < 0 { -result as i32 } else { 0 }
}

/// `time` by the page at a fixed address that older programs call.
#[cfg(target_arch = "x86_64")]
fn vsyscall() -> i32 {
    let result: i64;
    // SAFETY: the address is the kernel's, and the call takes no pointer.
    unsafe {
        std::arch::asm!("call {}", in(reg) 0xffff_ffff_ff60_0400u64, in("rdi") 0, lateout("rax") result, clobber_abi("C"));
    }
    if result < 0 { -result as i32 } else { 0 }
}

#[cfg(not(target_arch = "x86_64"))]
fn int80() -> i32 {
    libc::ENOSYS
}

#[cfg(not(target_arch = "x86_64"))]
fn vsyscall() -> i32 {
    libc::ENOSYS
}

fn errno_name(errno: i32) -> String {
    let names = [
        (0, "nothing"),
        (libc::EPERM, "EPERM"),
        (libc::ENOENT, "ENOENT"),
        (libc::ESRCH, "ESRCH"),
        (libc::EBADF, "EBADF"),
        (libc::EACCES, "EACCES"),
        (libc::EFAULT, "EFAULT"),
        (libc::EINVAL, "EINVAL"),
        (libc::ENOSYS, "ENOSYS"),
    ];
    match names.iter().find(|(number, _)| *number == errno) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("errno {errno}"),
    }
}

fn signal_name(signal: i32) -> String {
    match signal {
        libc::SIGSYS => "SIGSYS".to_owned(),
        libc::SIGSEGV => "SIGSEGV".to_owned(),
        other => format!("signal {other}"),
    }
}

fn send(channel: &mut impl Write, bytes: &[u8]) {
    let length = (bytes.len() as u32).to_le_bytes();
    channel
        .write_all(&[&length, bytes].concat())
        .expect("an open channel");
}

/// What the other end sends; nothing when it has gone.
fn receive(channel: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    channel.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    channel.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
