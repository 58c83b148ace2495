"""The runtime of Python guests: locks the process down, forks, runs one program, serves its calls.

Executed in the zygote by the loader, with the sources of the rarely needed parts in SOURCES. Nothing
here is secret or trusted: the program can reach and change all of it, and the host believes no frame.

What the first program waits for is in this file, so it imports only C modules: `json`, `ctypes`,
`threading` and `os` would double that time. What later ones are spared is in PRELOADED.
"""
import _ast
import _ctypes
import _json
import _socket
import _thread
import builtins
import gc
import posix
import select
import sys

CHANNEL = 3
# On the zygote's control socket, and on a guest's lifeline.
FORK, PRELOAD = b"F", b"P"
STARTED, REFUSED, ENDED = 1, 2, 3
FAILED, READY, CALL, DONE, CHECK, PROGRESS = 1, 2, 3, 4, 5, 6
LOCKDOWN, JOB, RETURN, RAISE, WARM_UP, CHECKED, HANDLES = 16, 18, 19, 20, 21, 22, 23
HEADER_BYTES = 10
READ_BYTES = 1 << 14
CHUNK_BYTES = 1 << 20
# Frames that may be sent soon: so many wait at most.
UNSENT_FRAMES = 64
# Readers of JSON commonly stop at 128 levels, and ours add a few.
DEPTH = 100

_parts = {}
_compiled = {}


def compiled(name):
    if name not in _compiled:
        _compiled[name] = compile(SOURCES[name], "<toolmill>", "exec")
    return _compiled[name]


def part(name):
    """A rarely needed part of the runtime, executed when first asked for; it sees all names here."""
    if name not in _parts:
        module = type(sys)("<toolmill>")
        module.__dict__.update(globals())
        exec(compiled(name), module.__dict__)
        # Of threads that come together all get the first one's.
        _parts.setdefault(name, module)
    return _parts[name]


class _Scanning:
    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


_scan = _json.make_scanner(_Scanning)


def from_json(body):
    return _scan(str(body, "utf-8").strip(" \t\r\n"), 0)[0]


def _not_plain(value):
    raise TypeError


# What contains itself ends at the limit of recursion.
_encode = _json.make_encoder(None, _not_plain, _json.encode_basestring, None, ":", ",", False, False, False)


def plain_json(value):
    """JSON of plain data at C speed. Raises on anything else, without saying where it is."""
    text = "".join(_encode(value, 0))
    if len(text) <= DEPTH:
        return text
    level, depth = [value], 0
    while level:
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list, tuple))
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        depth += 1
        if depth > DEPTH:
            raise ValueError
    return text


def utf8(text):
    """A lone surrogate has no UTF-8 and no meaning for the host's JSON; it becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


class Call:
    """A call that has been sent; `answer` is the kind and the body of its reply."""

    __slots__ = ("path", "answer", "callbacks")

    def __init__(self, path):
        self.path = path
        self.answer = None
        self.callbacks = []


def frame_of(kind, more, id, body):
    return (len(body) | kind << 32 | more << 40 | id << 48).to_bytes(HEADER_BYTES, "little") + body


def header_of(data):
    """Length, kind, whether more of the message follows, and id, of the first bytes of a frame."""
    header = int.from_bytes(data[:HEADER_BYTES], "little")
    return header & 0xFFFFFFFF, header >> 32 & 0xFF, header >> 40 & 0xFF, header >> 48


class Channel:
    """The socket to the host, shared by all threads.

    Whoever waits for an answer reads the socket and hands the others theirs, so that no thread is
    needed for reading and a blocked coroutine holds up nobody. Writing never waits for reading: the
    host reads whatever it has to write.
    """

    def __init__(self):
        self.mutex = _thread.allocate_lock()  # guards everything here that the reader does not own
        self.sending = _thread.allocate_lock()  # held for one frame; guards the next two
        self.unsent = []  # frames of a burst that are not written yet
        self.has_spoken = False  # anything was written since the last read
        self.calls = {}
        self.last_id = 0
        self.free = 0  # calls that may be opened before one must be answered
        self.being_read = False
        self.waiting = {}  # the lock on which a thread sleeps: the call it waits for, None for a free one
        # The reader's.
        self.input = bytearray()
        self.read_bytes = READ_BYTES
        self.unfinished = {}
        self.inbox = []

    def send(self, kind, id, body, soon=False):
        """Sends a message; `soon`: of many that are sent in a row, all but the first may wait for `flush`."""
        if len(body) <= CHUNK_BYTES:
            self._write(frame_of(kind, False, id, body), soon)
            return
        for start in range(0, len(body), CHUNK_BYTES):
            more = start + CHUNK_BYTES < len(body)
            self._write(frame_of(kind, more, id, body[start : start + CHUNK_BYTES]))

    def _write(self, frame, soon=False):
        with self.sending:
            if self.unsent or soon:
                self.unsent.append(frame)
                if soon and self.has_spoken and len(self.unsent) < UNSENT_FRAMES:
                    return
                frame = b"".join(self.unsent)
                self.unsent.clear()
            self.has_spoken = True
            sent = posix.write(CHANNEL, frame)
            while sent < len(frame):
                sent += posix.write(CHANNEL, frame[sent:])

    def flush(self):
        """Writes what was to be sent soon. Who is about to wait for an answer does this first."""
        if self.unsent:
            self._write(b"")

    def receive(self):
        """Kind and body of the next message that is no answer to a call, before the program starts."""
        while not self.inbox:
            self.read()
        return self.inbox.pop(0)

    def read(self):
        """Reads once, and hands out the messages that are complete."""
        # The interpreter reserves all that is asked for, and gives back what did not come: little is
        # asked for until a long frame has begun.
        data = posix.read(CHANNEL, self.read_bytes)
        if not data:
            posix._exit(1)
        self.has_spoken = False
        if not self.input:
            length, kind, more, id = header_of(data)
            if not more and len(data) - HEADER_BYTES == length and id not in self.unfinished:
                # What comes most: one whole message.
                self.deliver(kind, id, data[HEADER_BYTES:])
                return
        self.input += data
        self.read_bytes = READ_BYTES
        start = 0
        try:
            while len(self.input) - start >= HEADER_BYTES:
                length, kind, more, id = header_of(self.input[start : start + HEADER_BYTES])
                end = start + HEADER_BYTES + length
                if len(self.input) < end:
                    self.read_bytes = min(max(end - len(self.input), READ_BYTES), 1 << 18)
                    return
                body = self.input[start + HEADER_BYTES : end]
                start = end
                if id in self.unfinished:
                    self.unfinished[id] += body
                elif more:
                    self.unfinished[id] = body
                if not more:
                    self.deliver(kind, id, self.unfinished.pop(id, body))
        finally:
            del self.input[:start]

    def deliver(self, kind, id, body):
        if kind not in (RETURN, RAISE, HANDLES):
            self.inbox.append((kind, body))
            return
        with self.mutex:
            call = self.calls.pop(id, None)
            if call is None:
                return
            call.answer = kind, body
            self.free += 1
            callbacks, call.callbacks = call.callbacks, ()
            if self.waiting:
                woken = [sleeper for sleeper, wanted in self.waiting.items() if wanted is call]
                woken += [sleeper for sleeper, wanted in self.waiting.items() if wanted is None][:1]
                self._wake(woken)
        for callback in callbacks:
            callback()

    def _wake(self, sleepers):
        for sleeper in sleepers:
            del self.waiting[sleeper]
            sleeper.release()

    def stop_reading(self):
        with self.mutex:
            self.being_read = False
            self._wake(list(self.waiting)[:1])

    def wait(self, wanted):
        """Returns when the call `wanted` is answered; for None, when one more could be opened."""
        self.flush()
        while True:
            with self.mutex:
                if self._ready(wanted):
                    return
                sleeper = None
                if self.being_read:
                    sleeper = _thread.allocate_lock()
                    sleeper.acquire()
                    self.waiting[sleeper] = wanted
                self.being_read = True
            if sleeper is None:
                try:
                    while not self._ready(wanted):
                        self.read()
                finally:
                    self.stop_reading()
            else:
                try:
                    sleeper.acquire()
                except BaseException:  # a signal handler of the program; what woke us may be meant for others
                    with self.mutex:
                        self.waiting.pop(sleeper, None)
                        self._wake(list(self.waiting)[:1])
                    raise

    def _ready(self, wanted):
        return self.free > 0 if wanted is None else wanted.answer is not None

    def open(self, path, body, soon):
        """Sends a call."""
        call = Call(path)
        while True:
            with self.mutex:
                if self.free > 0:
                    self.free -= 1
                    self.last_id += 1
                    id = self.last_id
                    self.calls[id] = call
                    break
            self.wait(None)
        self.send(CALL, id, body, soon)
        return call

    def when_answered(self, call, callback):
        with self.mutex:
            if call.answer is None:
                call.callbacks.append(callback)
                return
        callback()


class ToolError(Exception):
    """A call that failed: .tool .server .code .retryable .message, and .fix .signature if known."""

    def __init__(self, message="", code="tool_error", tool=None, server=None, retryable=False, fix=None, signature=None):
        super().__init__(message)
        self.message, self.code, self.tool, self.server = message, code, tool, server
        self.retryable, self.fix, self.signature = retryable, fix, signature


ToolError.__module__ = "tools"


def begin(path, positional, named, form, soon):
    """Sends a call, or raises what is wrong with its arguments."""
    try:
        text = plain_json({"path": path, "positional": positional, "named": named, "form": form})
    except Exception:
        text = part("values").call_json(path, positional, named, form)
    body = utf8(text)
    if len(body) > job["message_bytes"]:
        size, limit = len(body) / 1e6, job["message_bytes"] / 1e6
        message = f"the arguments of {path} are {size:.1f} MB, over the limit of {limit:.1f} MB for one call; send less, or in several calls"
        raise ToolError(message, "invalid_argument", path)
    return channel.open(path, body, soon)


# Path and value of the call answered last, if it is small: what a program did wrong with it is explained.
answered = []


def outcome(call):
    """What an answered call came to: its value and None, or None and its error."""
    kind, body = call.answer
    if kind == RETURN:
        value = from_json(body)
        answered[:] = (call.path, value) if len(body) <= READ_BYTES else ()
        return value, None
    if kind == HANDLES:
        answered.clear()
        return part("results").held(from_json(body)), None
    fields = from_json(body)
    fields["tool"] = fields.get("tool") or call.path
    return None, ToolError(**fields)


class Tool:
    """A path below `tools`. Attributes and items lengthen it; calling it calls the tool.

    It knows no catalog, so every path can be written; the host says which exist.
    """

    __slots__ = ("__path", "__form")
    __iter__ = None  # else __getitem__ makes every tool an endless sequence

    def __init__(self, path, form="value"):
        self.__path = path
        self.__form = form

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        if name in ("raw", "keep") and len(self.__path) > 1 and self.__form == "value":
            return Tool(self.__path, name)
        return Tool(self.__path + (name,))

    def __getitem__(self, name):
        if not isinstance(name, str):
            raise TypeError(f"{self!r} is a tool, not its result: call it first")
        return Tool(self.__path + (name,))

    def __call__(self, /, *positional, **named):
        call = start(self, positional, named)
        channel.wait(call)
        value, error = outcome(call)
        if error is not None:
            raise error
        return value

    def __repr__(self):
        return f"<tool {'.'.join(self.__path)}{f'.{self.__form}' * (self.__form != 'value')}>"

    def __eq__(self, other):
        return repr(self) == repr(other) if isinstance(other, Tool) else NotImplemented

    def __hash__(self):
        return hash(self.__path)

    def __reduce__(self):
        return type(self), (self.__path, self.__form)


class Root(Tool):
    """`tools` itself, which is also the module of that name."""

    __slots__ = ()
    __spec__ = type(sys.__spec__)("tools", None, is_package=True)
    __path__ = []
    __all__ = ["ToolError", "call_tool", "search_tools", "tools"]
    ToolError = ToolError


tools = Root.tools = Root(())


def start(tool, positional, named, soon=False):
    """Sends the call of a tool, whose answer is then waited for."""
    path, form = tool._Tool__path, tool._Tool__form
    if path == ("call_tool",):
        if not positional or not isinstance(positional[0], str):
            raise TypeError('call_tool takes the path first: call_tool("server.tool", {"name": value})')
        name, *positional = positional
        path = (name[6:] if name.startswith("tools.") else name,)
        if len(positional) == 1 and isinstance(positional[0], dict):
            named = {**positional.pop(), **named}
    elif not path:
        raise TypeError("tools is no tool: tools.server.tool(name=value)")
    return begin(".".join(path), positional, named, form, soon)


def progress(message="", done=None):
    """Says how far the program is, to whoever waits for it: progress("page 41", 0.4). It never fails."""
    if done is None and isinstance(message, (int, float)) and not isinstance(message, bool):
        message, done = "", message
    try:
        done = float(done)
        done = done if 0 <= done < 1e9 else None
    except (TypeError, ValueError, OverflowError):
        done = None
    text = plain_json({"message": str(message)[:500], "done": done})
    channel.send(PROGRESS, 0, utf8(text))


class Results:
    """What earlier programs of the session have left: `results.open("r_9")`."""

    __slots__ = ()

    @staticmethod
    def open(id):
        if not isinstance(id, str):
            raise TypeError(f'results.open takes a handle, as results.open("r_9"); it was given {id!r}')
        return part("results").Result(id)

    @staticmethod
    def show(*things, mime_type=None):
        """Shows images and other files to the agent; anything else is printed."""
        part("results").show(things, mime_type)


class Store:
    """What programs of the session leave for later ones: `store(key, value)`, `load(key)`."""

    __slots__ = ()

    def __call__(self, key, value):
        part("store").put(key, value)

    def keys(self):
        """What is stored, in order."""
        return part("store").keys()

    def delete(self, key):
        """Deletes what is stored under a key; whether there was something."""
        return part("store").delete(key)

    def __getattr__(self, name):
        raise AttributeError(f"store has no {name!r}: write store(key, value), load(key), store.keys() or store.delete(key)")

    def __getitem__(self, key):
        raise TypeError("a stored value is loaded by load(key)")

    def __setitem__(self, key, value):
        raise TypeError("a value is stored by store(key, value)")


def load(key, *default):
    """What is stored under a key; else the default, if there is one."""
    return part("store").get(key, default)


class Modules:
    """Finds `tools`, `tools.server` and `toolmill` when a program imports them."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in ("tools", "toolmill"):
            return type(sys.__spec__)(name, cls)
        return None

    @staticmethod
    def create_module(spec):
        module = tools
        for name in spec.name.split(".")[1:]:
            module = getattr(module, name)
        return module

    @staticmethod
    def exec_module(module):
        pass


# Modules that programs forget to import.
FORGOTTEN = (
    "json", "re", "math", "time", "datetime", "random", "asyncio", "collections", "itertools", "functools",
    "statistics", "os", "sys", "csv", "io", "base64", "textwrap", "uuid", "hashlib", "ast",
)  # fmt: skip
imported_after_all = []


class Unimported:
    """A module that the program did not import: its attributes are there, and nothing else of it."""

    __slots__ = ("__name",)

    def __init__(self, name):
        self.__name = name

    def __getattr__(self, attribute):
        module = __import__(self.__name)
        imported_after_all.append(self.__name)
        setattr(builtins, self.__name, module)
        return getattr(module, attribute)

    def undefined(self, *_):
        error = NameError(f"name {self.__name!r} is not defined")
        if hasattr(error, "name"):
            error.name = self.__name
        raise error


for _name in ("repr", "str", "bool", "eq", "hash", "call", "iter", "len", "getitem", "contains", "add", "format", "lt"):
    setattr(Unimported, f"__{_name}__", Unimported.undefined)


def defined_in(names):
    """Names that a program defined at its top level, by kind, of each as many as a host takes."""
    kinds = {"values": [], "functions": []}
    for name, value in list(names.items()):
        if name[:1] in ("_", "<") or isinstance(value, type(sys)):
            continue
        kind = kinds["functions" if isinstance(value, (type, type(part))) else "values"]
        if len(kind) < 100:
            kind.append(name)
    return kinds


def done(value, error, notes, names=()):
    """The body of a DONE; `names` are those of the program's module."""
    fields = {"notes": list(dict.fromkeys(notes))[:50]}
    if names:
        fields["defined"] = defined_in(names)
    if error is not None:
        fields["error"] = error
    text = plain_json(fields)
    if value is not None:
        text = '{"value":' + value + "," + text[1:]
    return utf8(text)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def end(value=None, error=None, notes=(), names=()):
    """Tells the host how the program ended, and ends."""
    body = done(value, error, notes, names)
    flush()
    channel.send(DONE, 0, body)
    # The end of a process takes longer than a small program does, and the host, which this message
    # wakes, would be woken to wait for it on the same core: so the host ends this process.
    posix.read(CHANNEL, 1)
    posix._exit(0)


class Long(_ctypes._SimpleCData):
    _type_ = "l"


class Byte(_ctypes._SimpleCData):
    _type_ = "B"


class Function(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = Long


_library = _ctypes.dlopen(None, 0)
_syscall = Function(_ctypes.dlsym(_library, "syscall"))
# M_ARENA_MAX: each further arena reserves 64 MiB of the address space that the host bounds.
Function(_ctypes.dlsym(_library, "mallopt"))(-8, 1)


class Lockdown:
    """A table of system calls of the host's, with its probes, ready to be made: what a zygote prepares,
    none of its guests has to."""

    def __init__(self, table):
        self.steps = [self.row(step) for step in table["steps"]]
        self.probes = {}
        for probe in table["probes"]:
            self.probes.setdefault(probe.get("after"), []).append(self.row(probe))

    def row(self, row):
        """A call: its words, what is to be put in from the results of earlier steps, what is to be found
        after it, and what is pointed to."""
        words, late, memory = [Long(row["number"])], [], []

        def pointer(content):
            memory.append((Byte * len(content)).from_buffer(content))
            return _ctypes.addressof(memory[-1])

        for argument in row["arguments"]:
            ((kind, value),) = argument.items()
            if kind == "result":
                late.append((len(words), None, value))
                value = 0
            elif kind != "number":
                content = bytearray.fromhex(value["hex"])
                for patch in value["patches"]:
                    ((kind, patch),) = patch.items()
                    if kind == "result":
                        late.append((content, patch["at"], patch["step"]))
                    else:
                        patched = pointer(bytearray.fromhex(patch["hex"])).to_bytes(8, sys.byteorder)
                        content[patch["at"] : patch["at"] + 8] = patched
                value = pointer(content)
            words.append(Long(value))
        leaves = bytes.fromhex(row["leaves"]) if "leaves" in row else None
        return row["name"], words, late, row.get("returns"), leaves, memory

    def run(self):
        """Makes the calls, with the probes between them; returns what the probes met."""
        results = []
        met = []

        def call(words, late):
            for where, at, step in late:
                if at is None:
                    words[where].value = results[step]
                else:
                    where[at : at + 4] = (results[step] & 0xFFFFFFFF).to_bytes(4, sys.byteorder)
            result = _syscall(*words)
            return result, _ctypes.get_errno() if result == -1 else 0

        def probe(after):
            for name, words, late, *_ in self.probes.get(after, ()):
                met.append([name, call(words, late)[1]])

        def failed(step, errno, message):
            channel.send(FAILED, 0, utf8(plain_json({"step": step, "errno": errno, "message": message})))
            posix._exit(1)

        for name, words, late, returns, leaves, memory in self.steps:
            result, errno = call(words, late)
            if errno:
                failed(name, errno, posix.strerror(errno))
            leaves_else = leaves is not None and bytes(memory[-1]) != leaves
            if leaves_else or returns not in (None, result):
                failed(name, 0, "it had no effect")
            results.append(result)
            probe(len(results) - 1)
        probe(None)
        return met


def confine(lockdown):
    """Locks this process down, and says what the probes met."""
    channel.send(READY, 0, utf8(plain_json({"probes": lockdown.run()})))


def lockdown_of(message):
    return Lockdown(body_of(LOCKDOWN, message))


def body_of(kind, message):
    """The body of a message that must be of this kind."""
    if message[0] != kind:
        posix._exit(1)
    return from_json(message[1])


def no_hooks(**hooks):
    """Stands for `os.register_at_fork`: nothing forks here but the zygote, and its guests need nothing of
    what modules do after a fork. There is one thread, which it still is, and random numbers begin anew
    in each guest. Their hooks would take longer than all the rest of a guest's start."""


posix.register_at_fork = no_hooks

# What a zygote loads while nobody waits, and every later guest finds loaded: the modules that programs
# import most, those first that take longest to load, and this runtime's own parts.
PRELOADED = (
    "ssl", "asyncio", "check", "rewrite", "bridge", "values", "wrap", "store", "explain", "hints", "syntax", "json", "re", "datetime",
    "collections", "difflib", "math", "statistics", "itertools", "functools", "typing", "dataclasses", "random", "csv", "textwrap", "time",
    "pathlib", "decimal", "string", "operator", "concurrent.futures", "traceback", "copy", "enum", "base64",
)  # fmt: skip


def preload(name):
    try:
        if name == "check":
            part(name)  # what most programs need; it keeps nothing of what may change
        elif name in SOURCES:
            compiled(name)
        elif name == "ssl":
            # Nobody can use it here, and importing it takes as long as the rest of asyncio.
            sys.modules["ssl"] = None
            try:
                __import__("asyncio")
            finally:
                del sys.modules["ssl"]
        else:
            __import__(name)
    except Exception:
        pass  # an interpreter that was built without it; a program that needs it is told


def serve_forks():
    """The zygote's life: forks a guest for each request and tells how each ended. It returns in guests,
    with the guest's channel in place of the control socket, and ends with the host."""
    control = _socket.socket(fileno=CHANNEL)
    poll = select.poll()
    poll.register(CHANNEL, select.POLLIN)
    guests = {}
    to_preload = []
    gc.freeze()
    while True:
        events = [descriptor for descriptor, _ in poll.poll(0 if to_preload else None)]
        for descriptor in events:
            if descriptor != CHANNEL:
                pid, lifeline = guests.pop(descriptor)
                poll.unregister(descriptor)
                tell(lifeline, ENDED, posix.waitpid(pid, 0)[1])
                posix.close(descriptor)
                posix.close(lifeline)
        if CHANNEL not in events:
            if not events and to_preload:
                preload(to_preload.pop(0))
                if not to_preload:
                    gc.collect()
                    gc.freeze()
            continue
        request, passed, *_ = control.recvmsg(1, _socket.CMSG_SPACE(16))
        if not request:
            posix._exit(0)
        if request == PRELOAD:
            to_preload = list(PRELOADED)
        if request != FORK:
            continue
        numbers = b"".join(data for _, _, data in passed)
        passed = [int.from_bytes(numbers[at : at + 4], sys.byteorder) for at in range(0, len(numbers), 4)]
        if len(passed) < 4:
            # There was no room for all of them; who asked notices that nobody holds the lifeline.
            for descriptor in passed:
                posix.close(descriptor)
            continue
        lifeline = passed[3]
        try:
            pid = posix.fork()
        except OSError as error:
            tell(lifeline, REFUSED, error.errno)
            for descriptor in passed:
                posix.close(descriptor)
            continue
        if pid == 0:
            control.detach()
            for descriptor, number in zip(passed, (1, 2, CHANNEL)):
                posix.dup2(descriptor, number)
            return
        for descriptor in passed[:3]:
            posix.close(descriptor)
        try:
            process = posix.pidfd_open(pid)
        except OSError as error:
            posix.kill(pid, 9)
            posix.waitpid(pid, 0)
            tell(lifeline, REFUSED, error.errno)
            posix.close(lifeline)
            continue
        tell(lifeline, STARTED, pid, process)
        guests[process] = pid, lifeline
        poll.register(process, select.POLLIN)


def tell(lifeline, tag, number, descriptor=None):
    """Says on a lifeline what became of a guest. Who asked may have gone."""
    socket = _socket.socket(fileno=lifeline)
    rights = []
    if descriptor is not None:
        rights.append((_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptor.to_bytes(4, sys.byteorder)))
    try:
        socket.sendmsg([bytes([tag]) + number.to_bytes(4, "little")], rights, _socket.MSG_NOSIGNAL)
    except OSError:
        pass
    socket.detach()


def warm_up():
    """Goes the way of a program once, before there is one: a page that a fork shares is copied when it
    is first written to, and it is better written to while nobody waits. The program is one that has
    nothing to ask the host."""

    def finish(value, error, notes, names):
        if error is not None or not reserve:
            posix._exit(1)  # where this fails, a program could
        done(value, error, notes, names)

    global job
    job = from_json(b'{"code":"[x + 1 for x in (1, 2)]","message_bytes":1048576}')
    run(job["code"], finish)
    notes = []
    if "check" in _parts:
        calls = "tools.server.tool(name='value', many=[1])"
        part("check").calls_of(parse(calls, notes), None).told(calls, ())
    flush()


def bound_threads():
    """Makes the start of one thread too many an error the program can read."""

    def bounded(start_thread):
        def start_new_thread(*arguments, **named):
            if _thread._count() + 1 >= job["threads"]:
                raise RuntimeError(f"can't start new thread: the limit is {job['threads']} threads")
            return start_thread(*arguments, **named)

        return start_new_thread

    for name in ("start_new_thread", "start_joinable_thread"):
        if hasattr(_thread, name):
            setattr(_thread, name, bounded(getattr(_thread, name)))


def no_shell(command):
    """`os.system` would answer with an exit status, which programs do not look at."""
    raise PermissionError(1, "Operation not permitted")


# Calls whose result is no answer, at the end of a program.
SHOWING = {"print", "pprint", "show", "progress", "store"}
NOTHING = object()


def parse(source, notes):
    """The program's syntax tree. One fence is stripped, with the places in the program kept."""
    word = source.partition("\n")[0].strip()
    if word in ("python", "python3", "py"):  # what is left of a fence
        source = source.replace(word, "", 1)
    try:
        return compile(source, "<program>", "exec", 0x400, True)  # ast.PyCF_ONLY_AST
    except ValueError:
        raise SyntaxError("the program holds a NUL or half a surrogate pair") from None
    except SyntaxError:
        lines = source.split("\n")
        fences = [index for index, line in enumerate(lines) if line.lstrip().startswith("```")]
        if not fences:
            return indented(source, notes)
        first, last = fences[0], fences[1] if len(fences) > 1 else len(lines)
        if len(fences) > 2:
            line = fences[2] + 1
            raise SyntaxError("two fenced programs; send one", ("<program>", line, 1, lines[line - 1]))
        if any(line.strip() for line in lines[:first] + lines[last + 1 :]):
            notes.append("text around the fenced program was ignored")
        return compile("\n" * (first + 1) + "\n".join(lines[first + 1 : last]), "<program>", "exec", 0x400, True)


def indented(source, notes):
    """The tree of a program of which every line is indented; another one's error is raised again."""
    if source.lstrip("\r\n")[:1] not in (" ", "\t"):
        raise
    try:
        tree = compile("if 1:\n" + source, "<program>", "exec", 0x400, True)
    except SyntaxError:
        tree = None
    if tree is None:
        raise
    tree.body[:1] = tree.body[0].body
    left = [tree]
    while left:
        node = left.pop()
        for field in node._fields:
            child = getattr(node, field, None)
            left += [one for one in (child if isinstance(child, list) else [child]) if isinstance(one, _ast.AST)]
        if hasattr(node, "lineno"):
            node.lineno -= 1
        if hasattr(node, "end_lineno"):
            node.end_lineno -= 1
    notes.append("the whole program was indented")
    return tree


def place_of(node):
    return {
        name: getattr(node, name, default)
        for name, default in (("lineno", 1), ("col_offset", 0), ("end_lineno", 1), ("end_col_offset", 0))
    }


def is_bound(name, tree):
    """Whether a program makes a name its own, wherever; an import from `tools` does not."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, _ast.ImportFrom) and (node.module or "").partition(".")[0] in ("tools", "toolmill"):
            continue
        if (getattr(node, "asname", None) or getattr(node, "name", None)) == name:
            return True
        if isinstance(node, _ast.Name) and node.id == name and isinstance(node.ctx, _ast.Store):
            return True
        for field in node._fields:
            child = getattr(node, field, None)
            left += [one for one in (child if isinstance(child, list) else [child]) if isinstance(one, _ast.AST)]
    return False


def keep_tails(body, tree):
    """Makes every last expression of a program bind `<value>`; whether the last statement has one."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, _ast.Expr):
        call = last.value.value if isinstance(last.value, _ast.Await) else last.value
        if isinstance(call, _ast.Call):
            called = call.func
            if isinstance(called, _ast.Name) and called.id in SHOWING:
                if called.id == "print" or not is_bound(called.id, tree):
                    return False
            if isinstance(called, _ast.Attribute) and called.attr in ("print", "pprint"):
                return False
        target = _ast.Name("<value>", _ast.Store(), **place_of(last))
        body[-1] = _ast.Assign([target], last.value, **place_of(last))
        return True
    bodies = []
    if isinstance(last, _ast.If):
        bodies = [last.body, last.orelse]
    elif isinstance(last, (_ast.With, _ast.AsyncWith)):
        bodies = [last.body]
    elif type(last).__name__ in ("Try", "TryStar"):
        bodies = [last.orelse or last.body] + [handler.body for handler in last.handlers]
    elif type(last).__name__ == "Match":
        bodies = [case.body for case in last.cases]
    return any([keep_tails(inner, tree) for inner in bodies])


def tail_of(body):
    """The last expression of a program, whose value is awaited if it can be."""
    last = body[-1] if body else None
    if isinstance(last, _ast.If) and is_main_guard(last.test):
        last = last.body[-1]
    return last.value if isinstance(last, _ast.Expr) else None


def is_main_guard(test):
    return (
        isinstance(test, _ast.Compare)
        and isinstance(test.left, _ast.Name)
        and test.left.id == "__name__"
        and isinstance(test.ops[0], _ast.Eq)
        and len(test.comparators) == 1
        and isinstance(test.comparators[0], _ast.Constant)
        and test.comparators[0].value == "__main__"
    )


def entry_point(body):
    """The function a program means to be called: it consists of nothing but definitions."""
    definitions = (_ast.Import, _ast.ImportFrom, _ast.ClassDef, _ast.Assign, _ast.AnnAssign)
    functions = {}
    for statement in body:
        if isinstance(statement, (_ast.FunctionDef, _ast.AsyncFunctionDef)):
            functions[statement.name] = statement.args
        elif not isinstance(statement, definitions):
            return None
    name = "main" if "main" in functions else next(iter(functions), None) if len(functions) == 1 else None
    if name is None:
        return None
    args = functions[name]
    needed = len(args.posonlyargs) + len(args.args) > len(args.defaults) or None in args.kw_defaults
    return None if needed else name


def top_level(body):
    """Whether a `return` stands outside every function."""
    return any(
        isinstance(statement, _ast.Return)
        or any(
            top_level(inner)
            for inner in [getattr(statement, field, None) or () for field in ("body", "orelse", "finalbody")]
            + [case.body for field in ("handlers", "cases") for case in getattr(statement, field, ())]
        )
        for statement in body
        if not isinstance(statement, (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef))
    )


class Program:
    """A program made ready to run, and the rules by which its value is found."""

    def __init__(self, source, notes):
        self.notes = notes
        tree = parse(source, notes)
        body = tree.body
        if body and isinstance(body[0], _ast.Expr) and isinstance(body[0].value, _ast.Constant):
            body = body[1:]
        self.entry_point = entry_point(body)
        self.bridge = None
        calls = part("check").calls_of(tree, self.entry_point) if "tool" in source else None
        begun = ()
        awaits = False
        if "async" in source or "await" in source:
            rewriting = part("rewrite").Rewriting(tree, notes)
            awaits = rewriting.module_awaits
            begun = rewriting.marked
            if rewriting.relevant:
                self.bridge = part("bridge")
        keep_tails(tree.body, tree)
        self.returns = top_level(tree.body)
        if self.returns:
            part("wrap").wrap(tree, awaits)
        self.code = compile(tree, "<program>", "exec", 0x2000 * awaits, True)  # PyCF_ALLOW_TOP_LEVEL_AWAIT
        told = calls.told(source, begun) if calls else []
        if told:
            channel.send(CHECK, 0, utf8(plain_json({"calls": told})))
            refusal = body_of(CHECKED, channel.receive()).get("error")
            if refusal:
                end(None, refusal, notes)
        # Dataclasses, enums and pickle look a class up in the module it is defined in.
        module = sys.modules["__main__"] = type(sys)("__main__")
        self.names = module.__dict__
        self.names["__builtins__"] = builtins

    def start(self):
        """Runs the module; what it returned, or a coroutine if it awaits."""
        returned = eval(self.code, self.names)
        return self.names.pop("<main>")() if self.returns else returned

    def value(self, returned):
        if self.returns and returned is not NOTHING:
            return returned
        if "<value>" in self.names:
            if self.names["<value>"] is None and self.names.get("result") is not None:
                self.notes.append("the last expression is None, and so is the value; `result` was not used")
            return self.names["<value>"]
        if "result" in self.names:
            return self.names["result"]
        if self.entry_point:
            self.notes.append(f"{self.entry_point}() was called, since the program only defines it")
            return self.names[self.entry_point]()
        return NOTHING

    def run(self):
        if self.bridge:
            return self.bridge.run_program(self)
        return self.value(self.start())

    def wait_for_the_rest(self):
        """Threads and calls which the program began and left; a failure of such a call is the program's."""
        if imported_after_all:
            self.notes.append(f"added: import {', '.join(imported_after_all)}")
        if _thread._count() and "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        if self.bridge:
            self.bridge.drain(self.notes)


def value_json(value, notes, message_bytes):
    try:
        text = plain_json(value)
    except Exception:
        text = part("values").value_json(value, notes)
    # The notes need a little room beside it. A character has at most four bytes.
    room = message_bytes - (1 << 16)
    size = len(text) if len(text) * 4 < room else len(utf8(text))
    if size > room:
        limit = job["message_bytes"] / 1e6
        error = ValueError(f"the value is {size / 1e6:.1f} MB, over the limit of {limit:.1f} MB")
        hint = "return only what is needed: filter, count or cut in the program"
        error._report = {"code": "limit_output", "hint": hint}
        raise error
    return text


def run(source, finish):
    """Runs a program. `finish` is given its value, its error, its notes and the names of its module: it is
    `end`, or what goes with a program of which nobody is told."""
    notes = []
    program = error = text = None
    value = NOTHING
    try:
        # A syntax tree is deeper than the program's own recursion: each `elif` and each `+` is a level.
        depth = sys.getrecursionlimit()
        sys.setrecursionlimit(5 * depth)
        try:
            program = Program(source, notes)
        finally:
            sys.setrecursionlimit(depth)
        value = program.run()
    except BaseException as raised:
        error = raised
    try:
        if program:
            program.wait_for_the_rest()
        if error is None and value is not NOTHING:
            text = value_json(value, notes, job["message_bytes"])
    except BaseException as raised:
        error = error or raised
    if error is None or isinstance(error, SystemExit) and error.code in (None, 0):
        names = program.names if program else ()
        try:
            return finish(text, None, notes, names)
        except MemoryError:
            reserve.clear()
            return finish(text, None, notes, names)
    reserve.clear()
    del value
    try:
        report = part("explain").report(error, program.names if program else {}, source)
    except BaseException:
        code = "limit_memory" if isinstance(error, MemoryError) else "exception"
        report = {"code": code, "message": type(error).__name__}
    return finish(None, report, notes, program.names if program else ())


if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)  # 64 bits are not the limit of an id, and time has its own limit
# Address space (untouched, so no memory) in which an error can be explained when there is none left.
reserve = [bytes(8 << 20)]
posix.environ.clear()  # CPython itself puts LC_CTYPE there
sys.stdout.reconfigure(line_buffering=True, errors="replace")
_thread.stack_size(512 << 10)
posix.system = no_shell
bound_threads()
builtins.exit = builtins.quit = sys.exit
for _name in FORGOTTEN:
    setattr(builtins, _name, Unimported(_name))
builtins.tools, builtins.ToolError = tools, ToolError
builtins.call_tool, builtins.search_tools = tools.call_tool, tools.search_tools
builtins.results, builtins.open_result, builtins.show = Results(), Results.open, Results.show
builtins.progress = progress
builtins.store, builtins.load = Store(), load
sys.modules["tools"] = sys.modules["toolmill"] = tools
sys.meta_path.append(Modules)

channel = Channel()
# Both before anything is answered: what the host sends then is for `serve_forks`.
of_all, of_each = lockdown_of(channel.receive()), lockdown_of(channel.receive())
confine(of_all)
serve_forks()
confine(of_each)
if "random" in sys.modules:
    sys.modules["random"].seed()  # as it would be after `os.fork`
message = channel.receive()
if message[0] == WARM_UP:
    warm_up()
    confine(Lockdown(from_json(message[1])))
    message = channel.receive()
confine(lockdown_of(message))  # and which workspace is left to it, when there is a program
job = body_of(JOB, channel.receive())
channel.free = job["in_flight"]
run(job["code"].lstrip("\ufeff"), end)
