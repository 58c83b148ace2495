# Tries what no program may do, by the system calls themselves; its value says what each one met.
import ctypes
import errno
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
met = {}


def attempt(name, act):
    """What an act met: the name of its error, or "nothing", which is an attack that succeeded."""
    try:
        act()
        met[name] = "nothing"
    except OSError as error:
        met[name] = errno.errorcode.get(error.errno, "an error")
    except BaseException as error:
        met[name] = type(error).__name__


def call(number, *arguments):
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    ctypes.set_errno(0)
    if libc.syscall(ctypes.c_long(number), *words) == -1:
        raise OSError(ctypes.get_errno(), "")


def write(path):
    with open(path, "w") as file:
        file.write("x")


here = os.getcwd()
for path in ("/", "/etc/passwd", "/etc/shadow", "/proc/self/environ", "/proc/1/root", "/root", "/home", "/dev/mem",
             "/sys/kernel", "/var/run/docker.sock", os.path.dirname(here)):
    attempt(f"read {path}" if path != os.path.dirname(here) else "read other workspaces", lambda: os.close(os.open(path, os.O_RDONLY)))
for path in ("/tmp/toolmill-doctor", "/dev/shm/toolmill-doctor", "/var/tmp/toolmill-doctor", here + "/../toolmill-doctor"):
    attempt(f"write {path if path.startswith('/dev') or '..' not in path else 'above the workspace'}", lambda: write(path))
attempt("a link that leads out", lambda: (os.symlink("/etc/passwd", "out"), os.close(os.open("out", os.O_RDONLY))))
attempt("fork", os.fork)
attempt("execute a program", lambda: os.execv("/bin/sh", ["sh", "-c", "true"]))
attempt("a signal to its parent", lambda: os.kill(os.getppid(), 0))
attempt("a signal to all", lambda: os.kill(-1, 0))
attempt("become root", lambda: os.setuid(0))
attempt("raise a limit", lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (1 << 16, 1 << 16)))

# Numbers by architecture: x86_64, then those that aarch64 and others share.
numbers = {
    "socket inet": ((41, 198), (2, 1, 0)),
    "socket inet6": ((41, 198), (10, 2, 0)),
    "socket unix": ((41, 198), (1, 1, 0)),
    "socket netlink": ((41, 198), (16, 3, 0)),
    "socket packet": ((41, 198), (17, 3, 0)),
    "socket vsock": ((41, 198), (40, 1, 0)),
    "clone a process": ((56, 220), (17, 0, 0, 0, 0)),
    "unshare namespaces": ((272, 97), (0x10000000,)),
    "setns": ((308, 268), (0, 0)),
    "mount": ((165, 40), (0, 0, 0, 0, 0)),
    "umount2": ((166, 39), (0, 2)),
    "pivot_root": ((155, 41), (0, 0)),
    "chroot": ((161, 51), (0,)),
    "ptrace": ((101, 117), (0, 0, 0, 0)),
    "process_vm_readv": ((310, 270), (1, 0, 0, 0, 0, 0)),
    "pidfd_open": ((434, 434), (1, 0)),
    "pidfd_getfd": ((438, 438), (0, 0, 0)),
    "bpf": ((321, 280), (0, 0, 0)),
    "perf_event_open": ((298, 241), (0, 0, -1, -1, 0)),
    "io_uring_setup": ((425, 425), (1, 0)),
    "userfaultfd": ((323, 282), (0,)),
    "keyctl": ((250, 219), (0, 0, 0, 0, 0)),
    "add_key": ((248, 217), (0, 0, 0, 0, 0)),
    "memfd_create": ((319, 279), (0, 0)),
    "kexec_load": ((246, 104), (0, 0, 0, 0)),
    "init_module": ((175, 105), (0, 0, 0)),
    "open_by_handle_at": ((304, 265), (0, 0, 0)),
    "fanotify_init": ((300, 262), (0, 0)),
    "seccomp": ((317, 277), (1, 0, 0)),
    "personality": ((135, 92), (0xFFFFFFFF,)),
    "set no dumping": (((157, 167)), (4, 1, 0, 0, 0)),
    "quotactl": ((179, 60), (0, 0, 0, 0)),
    "reboot": ((169, 142), (0, 0, 0, 0)),
    "sethostname": ((170, 161), (0, 0)),
    "settimeofday": ((164, 170), (0, 0)),
    "shmget": ((29, 194), (0, 4096, 0o1600)),
    "msgget": ((68, 186), (0, 0o1600)),
    "mq_open": ((240, 180), (0, 0, 0, 0)),
    "linkat": ((265, 37), (-100, 0, -100, 0, 0)),
    "mknodat": ((259, 33), (-100, 0, 0o20666, 0x101)),
    "memory that is written and executed": ((9, 222), (0, 4096, 7, 0x22, -1, 0)),
}
which = 0 if platform.machine() in ("x86_64", "AMD64") else 1
for name, (number, arguments) in numbers.items():
    attempt(name, lambda: call(number[which], *arguments))
met
