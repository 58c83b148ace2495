"""What an agent reads about an error that ended its program: code, message, place, and what to do."""

TOOLS = "call tools instead (search_tools finds them)"
LIBRARY = f"there are no packages, only Python's standard library; for services and data {TOOLS}"
RULES = {
    "network": f"programs have no network; {TOOLS}",
    "process": f"programs cannot start processes or a shell; {TOOLS}",
    "files": "programs write only below their current directory and read only there and in Python's library; "
    "for other files " + TOOLS,
}
NETWORK_MODULES = {"socket", "ssl", "urllib", "http", "ftplib", "smtplib", "poplib", "imaplib", "telnetlib", "xmlrpc"}
PROCESS_MODULES = {"subprocess", "multiprocessing", "pty"}
PROCESS_CALLS = ("fork", "exec", "spawn", "popen", "system", "kill")
CODES = {
    "tool_error", "unknown_tool", "unknown_parameter", "missing_argument", "invalid_argument", "ambiguous_argument",
    "upstream_down", "login_needed", "approval_needed", "denied", "limit_calls", "limit_output", "busy", "cancelled",
    "interrupted", "protocol", "limit_time", "limit_workspace",
}  # fmt: skip


def report(error, names, source):
    """The `error` of a Done message."""
    others = 0
    while hasattr(error, "exceptions") and error.exceptions:  # a TaskGroup's group says nothing itself
        others += len(error.exceptions) - 1
        error = error.exceptions[0]
    fields = {"code": "exception"}
    if isinstance(error, SyntaxError) and error.__traceback__ is not None and not of_program(error):
        syntax(error, source, fields)
    else:
        place(error, source, fields)
        fields.update(getattr(error, "_report", {}))  # what the runtime says of errors it raised itself
        for kind, explain in KINDS:
            if isinstance(error, kind):
                explain(error, names, fields)
                break
        fields.setdefault("message", message_of(error))
        hints("hints", error, source, names, fields)
    if others:
        fields["message"] += f" (and {others} more)"
    return {name: value for name, value in fields.items() if value is not None}


def hints(name, *arguments):
    """Adds what to do instead; the report stands without it."""
    try:
        part(name).add(*arguments)
    except Exception:
        pass


def message_of(error):
    try:
        text = str(error)
    except Exception:
        text = ""
    # The folder of the workspace is the host's business.
    text = text.replace(posix.getcwd() + "/", "")
    name = type(error).__name__
    text = f"{name}: {text}" if text else name
    return text if len(text) <= 4000 else text[:4000] + " …"


def frames(error):
    """(code, line, instruction, module) of each frame of a traceback, outermost first."""
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        yield code, step.tb_lineno, step.tb_lasti, step.tb_frame.f_globals.get("__name__") or ""
        step = step.tb_next


def of_program(error):
    return any(code.co_filename == "<program>" for code, *_ in frames(error))


def characters(source, line, offset):
    """A column counted in bytes of UTF-8 from 0, counted in characters from 1."""
    lines = source.split("\n")
    text = lines[line - 1] if line <= len(lines) else ""
    return len(text.encode("utf-8", "replace")[:offset].decode("utf-8", "ignore")) + 1


def place(error, source, fields):
    """The innermost place in the program's own source."""
    for code, line, instruction, _ in frames(error):
        if code.co_filename == "<program>":
            fields["line"] = line
            fields["column"] = fields["end_column"] = None
            if hasattr(code, "co_positions"):
                positions = list(code.co_positions())[instruction // 2]
                start, end, column, end_column = positions
                if start == line and column is not None:
                    fields["column"] = characters(source, line, column)
                    if end == line:
                        fields["end_column"] = characters(source, line, end_column)


def syntax(error, source, fields):
    fields["code"] = "syntax"
    fields["message"] = str(error.msg)
    if error.lineno:
        fields["line"] = error.lineno
        fields["column"] = max(error.offset or 1, 1)
        if getattr(error, "end_lineno", None) == error.lineno and (error.end_offset or 0) > fields["column"]:
            fields["end_column"] = error.end_offset
    if error.msg.startswith("f-string") and sys.version_info < (3, 12):
        fields["hint"] = "in this Python the expressions of an f-string hold neither its own quotes nor a backslash"
    elif "async" in error.msg and "outside" in error.msg:
        fields["hint"] = "write `async def` around it"
    hints("syntax", error, source, fields)


def tool_error(error, names, fields):
    fields["message"] = str(error)
    # A program may raise ToolErrors of its own; the host knows these codes and no others.
    fields["code"] = error.code if error.code in CODES else "tool_error"
    for name in ("fix", "signature"):
        if isinstance(getattr(error, name), str):
            fields[name] = getattr(error, name)


def name_error(error, names, fields):
    fields["code"] = "undefined_name"
    fields["name"] = getattr(error, "name", None) or str(error).partition("'")[2].partition("'")[0] or None


def in_library(name):
    import importlib.util

    try:
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False


def import_error(error, names, fields):
    fields["code"] = "import"
    # "cannot import name 'x' from 'json' (/usr/lib/…)"
    fields["message"] = message_of(error).partition(" (/")[0]
    root = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and not in_library(root):
        fields["hint"] = LIBRARY


def memory_error(error, names, fields):
    fields["code"] = "limit_memory"
    fields["message"] = "the program needed more memory than its limit"
    fields["hint"] = "work on one page or one file at a time, and keep only what is needed"
    # What the program held is held no longer than this.
    error.__traceback__ = None
    names.clear()


def os_error(error, names, fields):
    import errno

    modules = {module.partition(".")[0] for *_, module in frames(error)}
    calls = {name for code, *_ in frames(error) for name in code.co_names}
    cause = getattr(error, "reason", None)
    number = cause.errno if isinstance(cause, OSError) else error.errno
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        fields["code"] = "limit_workspace"
        fields["hint"] = "remove files that are not needed, or write less"
    elif modules & PROCESS_MODULES:
        fields["hint"] = RULES["process"]
    elif modules & NETWORK_MODULES:
        fields["hint"] = RULES["network"]
    elif number in (errno.EPERM, errno.EACCES, errno.EROFS):
        if error.filename is not None:
            fields["hint"] = RULES["files"]
        elif any(name.startswith(PROCESS_CALLS) for name in calls):
            fields["hint"] = RULES["process"]
        else:
            fields["hint"] = "the sandbox does not let programs do this"
    elif number == errno.ENOENT and is_elsewhere(error.filename):
        fields["hint"] = RULES["files"]


def is_elsewhere(path):
    """Whether a path is outside of the workspace."""
    return isinstance(path, str) and path.startswith("/") and not path.startswith(posix.getcwd() + "/")


def runtime_error(error, names, fields):
    if str(error).startswith("can't start new thread"):
        fields["code"] = "limit_threads"
        fields["hint"] = "use concurrent.futures.ThreadPoolExecutor(max_workers=…) with fewer workers"


def recursion_error(error, names, fields):
    if not of_program(error):
        fields["code"] = "syntax"
        fields["message"] = "the program is nested too deeply"
    fields["hint"] = "write it as a loop with a list of what is left to do"


def end_of_input(error, names, fields):
    fields["hint"] = "there is nobody to type: write the values into the program"


def system_exit(error, names, fields):
    fields["message"] = f"SystemExit: {error.code}"


# The first kind that fits explains.
KINDS = [
    (ToolError, tool_error),
    (UnboundLocalError, lambda *_: None),
    (NameError, name_error),
    (ImportError, import_error),
    (MemoryError, memory_error),
    (OSError, os_error),
    (RecursionError, recursion_error),
    (RuntimeError, runtime_error),
    (EOFError, end_of_input),
    (SystemExit, system_exit),
]
