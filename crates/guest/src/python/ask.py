# Asked of an interpreter before it is used: what it is, and what it must be able to read.
import json
import os
import sys

answer = {"version": list(sys.version_info[:3]), "implementation": sys.implementation.name, "missing": None}
for module in ("_ast", "_ctypes", "_json", "_socket", "_thread", "gc", "select"):
    try:
        __import__(module)
    except ImportError:
        answer["missing"] = module.strip("_")
        break
if not hasattr(os, "pidfd_open"):
    answer["missing"] = "os.pidfd_open"
library = [os.path.realpath(folder) for folder in sys.path if os.path.isdir(folder)]
# Loading every extension module shows where the shared libraries are which they need.
for folder in library:
    for name in os.listdir(folder):
        if name.endswith(".so") and not name.startswith(("_test", "_xx", "xx", "_tkinter", "readline")):
            try:
                __import__(name.partition(".")[0])
            except BaseException:
                pass
with open("/proc/self/maps") as maps:
    mapped = {os.path.realpath(line.split(None, 5)[5].strip()) for line in maps if ".so" in line}
# The interpreter's own library is loaded before anything is locked; its folder may be a whole installation.
own = {path for path in mapped if os.path.basename(path).startswith("libpython")}
mapped -= own
shared = {os.path.dirname(path) for path in mapped if not path.startswith(tuple(library))}
answer["readable"] = library + sorted(shared)
answer["needs"] = [os.path.realpath(sys.executable), *sorted(own)]
# The loader, by the name that the executable gives it: ELF's program header PT_INTERP.
with open(sys.executable, "rb") as file:
    head = file.read(64 << 10)


def number(at, length):
    return int.from_bytes(head[at:at + length], sys.byteorder)


table, entry, count = number(32, 8), number(54, 2), number(56, 2)
for header in range(table, table + entry * count, entry or 1):
    if number(header, 4) == 3:
        start = number(header + 8, 8)
        answer["needs"].append(os.fsdecode(head[start:start + number(header + 32, 8)].rstrip(b"\0")))
print(json.dumps(answer))
