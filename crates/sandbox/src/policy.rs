//! Which system calls a guest may make: policy as data.
//!
//! Everything not named here answers EPERM. An entry whose caller cannot be guessed names it, or
//! says why it is harmless. Paths are Landlock's business, so calls that take a path and that
//! Landlock does not govern (chmod, utime, link, xattr, mount …) are not here.

use libc::*;

/// What a system call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Allow,
    /// Success without effect: for calls whose failure breaks honest programs and whose effect
    /// nobody may have.
    Pretend,
    Errno(i32),
    Kill,
}

/// When an allowed call is allowed; otherwise it answers EPERM.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition {
    Always,
    /// The low half of an argument that the kernel reads as an `int`.
    OneOf {
        argument: u32,
        values: &'static [u32],
    },
    /// Not all of these bits of the low half are set.
    NotAll {
        argument: u32,
        mask: u32,
    },
    /// All 64 bits of an argument that the kernel reads as a `long` or a pointer.
    Whole {
        argument: u32,
        value: u32,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) number: i64,
    pub(crate) condition: Condition,
    pub(crate) answer: Answer,
}

const fn allow(number: i64) -> Rule {
    Rule {
        number,
        condition: Condition::Always,
        answer: Answer::Allow,
    }
}
const fn when(number: i64, condition: Condition) -> Rule {
    Rule {
        number,
        condition,
        answer: Answer::Allow,
    }
}
const fn answer(number: i64, answer: Answer) -> Rule {
    Rule {
        number,
        condition: Condition::Always,
        answer,
    }
}

/// glibc's pthread_create asks for exactly these; anything else is a process or a namespace.
const THREAD: u32 = (CLONE_VM
    | CLONE_FS
    | CLONE_FILES
    | CLONE_SIGHAND
    | CLONE_THREAD
    | CLONE_SYSVSEM
    | CLONE_SETTLS
    | CLONE_PARENT_SETTID
    | CLONE_CHILD_CLEARTID) as u32;

const WRITE_AND_EXEC: u32 = (PROT_WRITE | PROT_EXEC) as u32;
const EXEC: u32 = PROT_EXEC as u32;

/// A CPython whose extension modules are loaded on demand from its read-only library folders.
pub(crate) const PYTHON: &[Rule] = &[
    // The frames, files of the workspace and of the library, pipes.
    allow(SYS_read),
    allow(SYS_write),
    allow(SYS_recvfrom),
    // To whom it is connected only: a datagram with an address would reach any socket of the host's
    // file system that everybody may write to, which no file rule governs.
    when(
        SYS_sendto,
        Condition::Whole {
            argument: 4,
            value: 0,
        },
    ),
    allow(SYS_futex),
    allow(SYS_openat),
    allow(SYS_close),
    allow(SYS_lseek),
    allow(SYS_fstat),
    allow(SYS_newfstatat),
    allow(SYS_statx),
    allow(SYS_readv),
    allow(SYS_writev),
    allow(SYS_pread64),
    allow(SYS_pwrite64),
    allow(SYS_getdents64),
    allow(SYS_readlinkat),
    allow(SYS_faccessat),
    allow(SYS_faccessat2),
    allow(SYS_getcwd),
    allow(SYS_chdir),
    allow(SYS_fchdir),
    allow(SYS_mkdirat),
    allow(SYS_unlinkat),
    allow(SYS_renameat),
    allow(SYS_renameat2),
    allow(SYS_ftruncate),
    allow(SYS_fsync),
    allow(SYS_fdatasync),
    allow(SYS_flock),
    allow(SYS_umask),
    allow(SYS_fstatfs),
    allow(SYS_copy_file_range), // shutil.copyfile
    allow(SYS_sendfile),        // shutil.copyfile on CPython before 3.14
    allow(SYS_fadvise64),
    // shutil.copy and tarfile set modes and times, and fail when they cannot. Landlock governs
    // neither, so a guest with its user's uid would reach that user's files: nothing is done.
    answer(SYS_fchmod, Answer::Pretend),
    answer(SYS_fchmodat, Answer::Pretend),
    answer(SYS_utimensat, Answer::Pretend),
    // A guest's workspace is known only when it has a program. Rules can only be made tighter.
    allow(SYS_landlock_add_rule),
    allow(SYS_landlock_restrict_self),
    // Memory. A file of the library may be mapped executable (lazily imported extension modules);
    // nothing may be writable and executable, or become executable.
    when(
        SYS_mmap,
        Condition::NotAll {
            argument: 2,
            mask: WRITE_AND_EXEC,
        },
    ),
    when(
        SYS_mprotect,
        Condition::NotAll {
            argument: 2,
            mask: EXEC,
        },
    ),
    allow(SYS_munmap),
    allow(SYS_mremap),
    allow(SYS_madvise),
    allow(SYS_brk),
    // Threads, their start and their end.
    when(
        SYS_clone,
        Condition::Whole {
            argument: 0,
            value: THREAD,
        },
    ),
    answer(SYS_clone3, Answer::Errno(ENOSYS)), // its flags are behind a pointer; glibc falls back to clone
    allow(SYS_set_robust_list),
    allow(SYS_rseq),
    allow(SYS_set_tid_address),
    allow(SYS_sched_yield),
    allow(SYS_sched_getaffinity), // os.cpu_count
    allow(SYS_exit),
    allow(SYS_exit_group),
    when(
        SYS_prctl,
        Condition::OneOf {
            argument: 0,
            values: &[PR_SET_NAME as u32, PR_GET_NAME as u32],
        },
    ),
    // Waiting and time.
    allow(SYS_ppoll),
    allow(SYS_pselect6),
    allow(SYS_epoll_create1),
    allow(SYS_epoll_ctl),
    allow(SYS_epoll_pwait),
    allow(SYS_eventfd2),
    allow(SYS_pipe2),
    allow(SYS_nanosleep),
    allow(SYS_clock_nanosleep),
    allow(SYS_clock_gettime),
    allow(SYS_clock_getres),
    allow(SYS_gettimeofday),
    allow(SYS_setitimer), // signal.setitimer; signals only this process
    allow(SYS_getitimer),
    allow(SYS_times),
    allow(SYS_restart_syscall),
    // asyncio wakes itself through a socket pair. No socket can be made that leads out.
    when(
        SYS_socketpair,
        Condition::OneOf {
            argument: 0,
            values: &[AF_UNIX as u32],
        },
    ),
    allow(SYS_shutdown),
    // What a socket object asks about itself; other options filter packets or open the peer.
    when(
        SYS_getsockopt,
        Condition::OneOf {
            argument: 2,
            values: &[
                SO_ERROR as u32,
                SO_TYPE as u32,
                SO_DOMAIN as u32,
                SO_PROTOCOL as u32,
            ],
        },
    ),
    allow(SYS_getsockname),
    allow(SYS_getpeername),
    // F_SETOWN and F_SETSIG would send signals to other processes of the same user.
    when(
        SYS_fcntl,
        Condition::OneOf {
            argument: 1,
            values: &[
                F_DUPFD as u32,
                F_DUPFD_CLOEXEC as u32,
                F_GETFD as u32,
                F_SETFD as u32,
                F_GETFL as u32,
                F_SETFL as u32,
                F_GETLK as u32,
                F_SETLK as u32,
                F_SETLKW as u32,
            ],
        },
    ),
    when(
        SYS_ioctl,
        Condition::OneOf {
            argument: 1,
            values: &[
                FIONBIO as u32,
                FIOCLEX as u32,
                FIONCLEX as u32,
                FIONREAD as u32,
            ],
        },
    ),
    allow(SYS_dup),
    allow(SYS_dup3),
    // Signals to itself only.
    allow(SYS_rt_sigaction),
    allow(SYS_rt_sigprocmask),
    allow(SYS_rt_sigreturn),
    allow(SYS_sigaltstack),
    // Questions about itself.
    allow(SYS_getpid),
    allow(SYS_gettid),
    allow(SYS_getppid),
    allow(SYS_getuid),
    allow(SYS_geteuid),
    allow(SYS_getgid),
    allow(SYS_getegid),
    allow(SYS_getrusage),
    allow(SYS_uname),
    allow(SYS_sysinfo),
    allow(SYS_getrandom),
    // pthread_getattr_np reads the stack limit; a limit to set would be behind the third argument.
    when(
        SYS_prlimit64,
        Condition::Whole {
            argument: 2,
            value: 0,
        },
    ),
    // Older names of calls above, which CPython and glibc still use on this architecture.
    #[cfg(target_arch = "x86_64")]
    allow(SYS_open),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_stat),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_lstat),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_access),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_readlink),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_mkdir),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_rmdir),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_unlink),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_rename),
    #[cfg(target_arch = "x86_64")]
    answer(SYS_chmod, Answer::Pretend),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_poll),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_select),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_epoll_wait),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_pipe),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_dup2),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_alarm),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_time),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_getdents),
];

/// QuickJS in our own binary: one thread, no files, no code made at run time.
pub(crate) const JAVASCRIPT: &[Rule] = &[
    allow(SYS_read),
    allow(SYS_write),
    allow(SYS_recvfrom),
    when(
        SYS_sendto,
        Condition::Whole {
            argument: 4,
            value: 0,
        },
    ),
    allow(SYS_readv),
    allow(SYS_writev),
    allow(SYS_ppoll),
    #[cfg(target_arch = "x86_64")]
    allow(SYS_poll),
    when(
        SYS_mmap,
        Condition::NotAll {
            argument: 2,
            mask: EXEC,
        },
    ),
    when(
        SYS_mprotect,
        Condition::NotAll {
            argument: 2,
            mask: EXEC,
        },
    ),
    allow(SYS_munmap),
    allow(SYS_mremap),
    allow(SYS_madvise),
    allow(SYS_brk),
    answer(SYS_clone3, Answer::Errno(ENOSYS)),
    allow(SYS_futex),
    allow(SYS_sched_yield),
    allow(SYS_nanosleep),
    allow(SYS_clock_nanosleep),
    allow(SYS_clock_gettime),
    allow(SYS_gettimeofday),
    allow(SYS_getrandom),
    allow(SYS_rt_sigaction),
    allow(SYS_rt_sigprocmask),
    allow(SYS_rt_sigreturn),
    allow(SYS_sigaltstack),
    allow(SYS_close),
    allow(SYS_exit),
    allow(SYS_exit_group),
    allow(SYS_restart_syscall),
];
