"""Sends programs to one gateway and watches that nothing grows: see scripts/endurance."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

binary, runs = os.path.abspath(sys.argv[1]), int(sys.argv[2])


def family(pid):
    found = [pid]
    for one in found:
        for children in glob.glob(f"/proc/{one}/task/*/children"):
            try:
                found += map(int, open(children).read().split())
            except OSError:
                pass
    return found


def memory(pid):
    """What a process has to itself, in KiB, or all it has where only root may read that."""
    try:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    try:
        return int(open(f"/proc/{pid}/statm").read().split()[1]) * 4
    except OSError:
        return 0


def count(path):
    try:
        return len(os.listdir(path))
    except OSError:
        return 0


def look(gateway):
    # The gateway, its supervisor, its zygotes: guests come and go.
    lasting = family(gateway)
    return {
        "processes": len(lasting),
        "descriptors of the gateway": count(f"/proc/{gateway}/fd"),
        "KiB of the gateway": memory(gateway),
        "KiB of all": sum(map(memory, lasting)),
    }


with tempfile.TemporaryDirectory() as place:
    os.chmod(place, 0o755)
    for name in ("work", "config", "state", "run", "tmp"):
        os.mkdir(f"{place}/{name}")
    environment = {
        "PATH": os.environ["PATH"], "HOME": place, "TMPDIR": f"{place}/tmp", "XDG_CONFIG_HOME": f"{place}/config",
        "XDG_STATE_HOME": f"{place}/state", "XDG_RUNTIME_DIR": f"{place}/run",
    }
    gateway = subprocess.Popen(
        [binary, "serve", "--structured"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=f"{place}/work",
        env=environment,
    )
    identifier = 0

    def request(method, params):
        global identifier
        identifier += 1
        gateway.stdin.write(json.dumps({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}) + "\n")
        gateway.stdin.flush()
        while True:
            message = json.loads(gateway.stdout.readline())
            if message.get("id") == identifier:
                return message["result"]

    request("initialize", {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "endurance", "version": "1"},
    })
    begun = time.monotonic()
    samples = []
    files = None
    for number in range(runs):
        language, code = [("python", "{'sum': sum(range(%d))}"), ("javascript", "({sum: %d * 1})")][number % 2]
        result = request("tools/call", {"name": "execute_code", "arguments": {"language": language, "code": code % number}})
        expected = sum(range(number)) if language == "python" else number
        if result.get("structuredContent") != {"sum": expected}:
            sys.exit(f"run {number} answered {result}")
        if number % max(1, runs // 200) == 0:
            samples.append(look(gateway.pid))
        if number == runs // 10:
            files = sum(len(names) for _, _, names in os.walk(place))
    late_files = sum(len(names) for _, _, names in os.walk(place))
    gateway.stdin.close()
    gateway.wait()

tenth = max(1, len(samples) // 10)
# The first samples see pools and caches fill.
early, late = samples[tenth : 3 * tenth], samples[-2 * tenth :]
failed = False
print(f"{runs} runs in {time.monotonic() - begun:.0f} s, none wrong")
for name in samples[0]:
    first = sorted(one[name] for one in early)[len(early) // 2]
    last = sorted(one[name] for one in late)[len(late) // 2]
    # A little is the allocator's and the pool's; a leak of one byte in a hundred a run would be more.
    grown = last > first * 1.15 + 64
    failed = failed or grown
    print(f"{name}: {first} at first, {last} at last{', which has grown' if grown else ''}")
print(f"files: {files} after a tenth, {late_files} at last")
failed = failed or late_files > files + 20
sys.exit(1 if failed else 0)
