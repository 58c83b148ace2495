"""What to do instead: hints and fixes for the mistakes that programs make most.

All of it is read from the program's text and from what its names hold where it failed; nothing of the
program is called. A fix is to be put in the place of the text that the report then marks, and is given
only where the program is read without a doubt.
"""
import difflib
import re

MISSING = object()
MOST_KEYS, MOST_TEXT, MOST_FIX, MOST_READ = 12, 60, 240, 1 << 16

# In another language's words, and what they are here.
NAMES = {
    "null": "None", "undefined": "None", "nil": "None", "NULL": "None", "true": "True", "false": "False",
    "xrange": "range", "unicode": "str", "basestring": "str", "unichr": "chr", "long": "int",
    "NaN": 'float("nan")', "Infinity": 'float("inf")',
}  # fmt: skip
CALLS = {
    "console.log": "print", "console.error": "print", "console.info": "print", "console.warn": "print",
    "JSON.stringify": "json.dumps", "JSON.parse": "json.loads", "Math.max": "max", "Math.min": "min",
    "Math.abs": "abs", "Math.round": "round", "Math.floor": "math.floor", "Math.ceil": "math.ceil",
    "Object.keys": "list", "Array.from": "list", "Set": "set", "Map": "dict", "Math.sqrt": "math.sqrt", "Math.pow": "pow",
    "Math.trunc": "int", "Number.parseInt": "int", "Number.parseFloat": "float", "isNaN": "math.isnan", "parseInt": "int", "parseFloat": "float", "String": "str", "Number": "float",
}  # fmt: skip
OF_OTHERS = {
    "Promise": "in parallel: await asyncio.gather(*[tools.server.tool(id=i) for i in ids])",
    "require": "in Python write `import name`",
    "Object": "in Python: d.keys(), d.values(), d.items()",
    "Date": "in Python: datetime.datetime.now(), datetime.datetime.fromisoformat(text)",
    "fetch": "programs have no network; call tools instead (search_tools finds them)",
}
METHODS = {
    "push": "append", "toLowerCase": "lower", "toUpperCase": "upper", "trim": "strip", "startsWith": "startswith",
    "endsWith": "endswith", "indexOf": "index", "replaceAll": "replace", "toLower": "lower", "toUpper": "upper",
    "lowercase": "lower", "uppercase": "upper", "iteritems": "items", "itervalues": "values", "iterkeys": "keys",
    "entries": "items", "splitLines": "splitlines", "isdigits": "isdigit", "trimStart": "lstrip", "trimEnd": "rstrip", "padStart": "rjust", "padEnd": "ljust",
}  # fmt: skip
# Methods of other languages, or of Python 2, by the types that have them: what is written for `it.method(first, …)`.
LISTS, TEXTS, NUMBERS, DICTS = (list, tuple), (str,), (int, float), (dict,)
CALLED = (
    (LISTS, "map", 1, "list(map({0}, {it}))"),
    (LISTS, "filter", 1, "list(filter({0}, {it}))"),
    (LISTS, "forEach", 1, "list(map({0}, {it}))"),
    (LISTS, "join", 1, "{0}.join(map(str, {it}))"),
    (LISTS, "join", 0, '",".join(map(str, {it}))'),
    (LISTS, "concat", 1, "{it} + {0}"),
    (LISTS, "find", 1, "next(filter({0}, {it}), None)"),
    (LISTS, "some", 1, "any(map({0}, {it}))"),
    (LISTS, "any", 1, "any(map({0}, {it}))"),
    (LISTS, "every", 1, "all(map({0}, {it}))"),
    (LISTS, "all", 1, "all(map({0}, {it}))"),
    (LISTS, "reduce", 1, "functools.reduce({0}, {it})"),
    (LISTS, "reduce", 2, "functools.reduce({0}, {it}, {1})"),
    (LISTS, "flat", 0, "[x for part in {it} for x in part]"),
    (LISTS, "flatMap", 1, "[x for part in map({0}, {it}) for x in part]"),
    (LISTS, "add", 1, "{it}.append({0})"),
    (LISTS, "unshift", 1, "{it}.insert(0, {0})"),
    (LISTS, "shift", 0, "{it}.pop(0)"),
    (LISTS, "sum", 0, "sum({it})"),
    (LISTS, "sorted", 0, "sorted({it})"),
    (LISTS, "toSorted", 0, "sorted({it})"),
    (LISTS, "reversed", 0, "list(reversed({it}))"),
    (LISTS, "toReversed", 0, "list(reversed({it}))"),
    (LISTS + TEXTS, "slice", 1, "{it}[{0}:]"),
    (LISTS + TEXTS, "slice", 2, "{it}[{0}:{1}]"),
    (LISTS + TEXTS, "at", 1, "{it}[{0}]"),
    (LISTS + TEXTS + DICTS, "includes", 1, "({0} in {it})"),
    (LISTS + TEXTS + DICTS, "contains", 1, "({0} in {it})"),
    (LISTS + TEXTS + DICTS, "has", 1, "({0} in {it})"),
    (DICTS, "has_key", 1, "({0} in {it})"),
    (DICTS, "hasOwnProperty", 1, "({0} in {it})"),
    (LISTS + TEXTS + DICTS, "isEmpty", 0, "(not {it})"),
    (LISTS + TEXTS + DICTS, "length", 0, "len({it})"),
    (LISTS + TEXTS + DICTS, "size", 0, "len({it})"),
    (LISTS + TEXTS + DICTS, "len", 0, "len({it})"),
    (TEXTS, "substring", 1, "{it}[{0}:]"),
    (TEXTS, "substring", 2, "{it}[{0}:{1}]"),
    (TEXTS, "charAt", 1, "{it}[{0}]"),
    (TEXTS, "equals", 1, "({it} == {0})"),
    (TEXTS, "decode", 0, "{it}"),
    (TEXTS, "decode", 1, "{it}"),
    (TEXTS + NUMBERS, "toString", 0, "str({it})"),
    (NUMBERS, "toFixed", 1, 'format({it}, ".{0}f")'),
    (LISTS + DICTS + TEXTS, "json", 0, "{it}"),
)
OF_LISTS = {name: form.format("x", "y", it="xs") for _, name, _, form in reversed(CALLED)}
# Names that programs forget to import, and the module each is of.
MODULES = {
    "collections": "Counter defaultdict OrderedDict deque namedtuple",
    "datetime": "timedelta timezone",
    "zoneinfo": "ZoneInfo",
    "pathlib": "Path",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "functools": "reduce partial lru_cache cmp_to_key",
    "itertools": "chain groupby combinations permutations product islice accumulate zip_longest",
    "ast": "literal_eval",
    "copy": "deepcopy",
    "operator": "itemgetter attrgetter",
    "statistics": "mean median stdev",
    "dataclasses": "dataclass",
    "concurrent.futures": "ThreadPoolExecutor as_completed",
    "urllib.parse": "quote unquote urlparse urlencode",
    "pprint": "pprint",
    "typing": "Any Optional List Dict",
}
FAILURES = re.compile(r"(?i)(?:.*tool.*|mcp.*|api|rpc|server)_?(?:error|exception|failure|failed)")
OF_ERRORS = {
    **dict.fromkeys(("msg", "detail", "details", "reason", "text", "error", "description", "content", "body"), "message"),
    **dict.fromkeys(("status", "status_code", "error_code", "type", "kind", "errno"), "code"),
    **dict.fromkeys(("tool_name", "name"), "tool"),
    **dict.fromkeys(("server_name",), "server"),
    **dict.fromkeys(("hint", "suggestion"), "fix"),
}
LISTED = {"items", "results", "result", "data", "rows", "records", "list", "values", "entries", "objects"}
OF_RESULTS = {"content", "structuredContent", "text", "data", "json", "body", "result", "isError", "output"}
PARSED = "a tool's result is already its value, parsed; tools.server.tool.raw(…) gives all that the server sent"
PACKAGES = (
    ({"requests", "httpx", "aiohttp", "urllib3"}, "programs have no network; search_tools finds a tool that has the data"),
    ({"pandas", "numpy", "polars", "scipy"}, "use lists and dicts, with statistics, collections, itertools and csv"),
    ({"bs4", "lxml", "html5lib"}, "use html.parser or xml.etree.ElementTree"),
    ({"dateutil", "pytz", "arrow", "pendulum"}, "use datetime (datetime.fromisoformat) and zoneinfo"),
    ({"yaml", "toml"}, "use json, or tomllib for TOML"),
    ({"pydantic", "attr", "attrs"}, "use dataclasses"),
    ({"tqdm", "rich", "tabulate", "matplotlib"}, "print, or end with the value itself"),
    ({"mcp", "fastmcp", "anthropic", "openai"}, "call tools.server.tool(name=value); they are connected already"),
    ({"nest_asyncio"}, "leave it out: asyncio.run works inside a running loop here"),
)  # fmt: skip


class Program:
    """The program's text and tree, and where in it an error was raised."""

    def __init__(self, error, source, fields):
        self.lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.fields = fields
        self.frame = None
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == "<program>":
                self.frame, self.line = step.tb_frame, step.tb_lineno
            step = step.tb_next
        self.nodes = []
        left = [(parse(source, []), None)] if self.frame else []
        while left:
            node, parent = left.pop()
            if hasattr(node, "lineno"):
                self.nodes.append((node, parent))
            for field in node._fields:
                child = getattr(node, field, None)
                for one in child if isinstance(child, list) else [child]:
                    if isinstance(one, _ast.AST):
                        left.append((one, node))

    def text(self, node):
        """The source of a node that stands on one line."""
        if node.lineno != node.end_lineno:
            return ""
        line = self.lines[node.lineno - 1].encode("utf-8", "replace")
        return line[node.col_offset : node.end_col_offset].decode("utf-8", "ignore")

    def columns(self, node):
        line = self.lines[node.lineno - 1].encode("utf-8", "replace")
        start, end = (len(line[:offset].decode("utf-8", "ignore")) for offset in (node.col_offset, node.end_col_offset))
        return start + 1, end + 1

    def find(self, kind, wanted):
        """The node of this kind that failed, with its parent: the only one on the line, or the marked one."""
        found = [
            (node, parent)
            for node, parent in self.nodes
            if isinstance(node, kind) and node.lineno <= self.line <= node.end_lineno and wanted(node)
        ]
        if len(found) > 1:
            marked = self.fields.get("column"), self.fields.get("end_column")
            found = [one for one in found if one[0].lineno == self.line and self.columns(one[0]) == marked]
        return found[0] if len(found) == 1 else (None, None)

    def only_on_line(self, wanted):
        """The only node on the line where it failed, with its parent."""
        found = [
            (node, parent)
            for node, parent in self.nodes
            if node.lineno <= self.line <= node.end_lineno and wanted(node, parent)
        ]
        if len(found) > 1:
            found = [one for one in found if one[0].lineno == self.line]
        return found[0] if len(found) == 1 else (None, None)

    def mark(self, node):
        self.fields["line"] = node.lineno
        self.fields["column"], end = self.columns(node)
        self.fields["end_column"] = end if node.lineno == node.end_lineno else None

    def fix_end(self, node, base, text):
        """A fix for what of a node stands after its first part."""
        whole = self.text(node)
        if node.end_lineno != base.end_lineno:
            return
        call = isinstance(base, (_ast.Call, _ast.Await))
        if not text or whole and len(whole) <= 2 * MOST_TEXT and not (call and text.endswith(")")):
            first = self.text(base)
            # What is no more than a call of a tool would read as another call to make.
            return self.fix(node, f"({first})" if not text and call else first + text)
        line = self.lines[node.end_lineno - 1].encode("utf-8", "replace")
        start, end = (len(line[: one.end_col_offset].decode("utf-8", "ignore")) for one in (base, node))
        if start == end:
            start -= 1
            text = line.decode("utf-8", "ignore")[start] + text
        self.fields.update(line=node.end_lineno, column=start + 1, end_column=end + 1, fix=text)

    def fix(self, node, text):
        """A fix for a node, if it stands on one line."""
        if self.text(node) and text and len(text) <= MOST_FIX:
            self.mark(node)
            self.fields["fix"] = text

    def hint(self, text):
        self.fields["hint"] = text

    def value(self, node):
        """What an expression of names and constant keys holds, without running anything."""
        if isinstance(node, _ast.Name):
            for names in (self.frame.f_locals, self.frame.f_globals):
                if node.id in names:
                    return names[node.id]
        elif isinstance(node, _ast.Constant):
            return node.value
        elif isinstance(node, _ast.Subscript) and isinstance(node.slice, (_ast.Constant, _ast.Name)):
            whole, key = self.value(node.value), self.value(node.slice)
            try:
                if type(whole) in (dict, list, tuple, str) and type(key) in (str, int):
                    return whole[key]
            except (LookupError, TypeError):
                pass
        elif isinstance(node, _ast.Await):
            return self.value(node.value)
        elif isinstance(node, _ast.Call) and answered and path_of(node.func) == answered[0]:
            return answered[1]
        return MISSING


def path_of(node):
    """`a.b` of `tools.a.b`."""
    path = []
    while isinstance(node, _ast.Attribute):
        path.insert(0, node.attr)
        node = node.value
    return ".".join(path) if isinstance(node, _ast.Name) and node.id == "tools" else None


def only(value, kind):
    """The one key of a dict whose value is of a kind, or of several the one that is not empty."""
    found = [key for key, item in value.items() if type(item) is kind and isinstance(key, str)]
    found = found if len(found) < 2 else [key for key in found if value[key]]
    return found[0] if len(found) == 1 else None


def rows_with(key, value):
    """The one key of a dict that has a list of dicts with this key."""
    found = [name for name, rows in value.items() if type(rows) is list and rows and type(rows[0]) is dict and key in rows[0]]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else None


def alike(key, names):
    """The one key that must be meant, or None."""
    same = same_but_for_style(key, names)
    if same is not None or not isinstance(key, str) or not key:
        return same
    names = [name for name in names if isinstance(name, str) and name]
    words, plain = set(words_of(key)), "".join(words_of(key))
    ways = (
        lambda name: set(words_of(name)) <= words,
        lambda name: set(words_of(name)) >= words,
        lambda name: len(plain) > 3 and "".join(words_of(name)).endswith(plain),
        lambda name: len(plain) > 3 and "".join(words_of(name)).startswith(plain),
        lambda name: len(name) > 3 and plain.startswith("".join(words_of(name))),
        lambda name: difflib.SequenceMatcher(None, plain, "".join(words_of(name))).ratio() >= 0.8,
    )
    for way in ways:
        found = [name for name in names if way(name)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def words_of(name):
    """The words of a name in any style."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:MOST_TEXT]).replace("-", "_").lower().split("_")


def notation(text):
    """What reads a text: json.loads, or ast.literal_eval if it is Python's notation, or None."""
    if len(text) > MOST_READ or text.strip()[:1] not in ("[", "{", "("):
        return None
    import ast
    import json

    for name, read in (("json.loads", json.loads), ("ast.literal_eval", ast.literal_eval)):
        try:
            read(text)
            return name
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            pass
    return None


def cut(text):
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "…"


def keys_of(value):
    names = [cut(str(key)) for key in list(value)[:MOST_KEYS]]
    more = len(value) - len(names)
    return (", ".join(names) or "none") + (f", +{more}" if more > 0 else "")


def described(value):
    if type(value) is dict:
        return f"a dict with the keys {keys_of(value)}"
    if type(value) is list:
        if value and all(type(item) is dict for item in value[:3]):
            return f"a list of {len(value)} dicts with the keys {keys_of(value[0])}"
        return f"a list of {len(value)} items" + (f", the first {described(value[0])}" if value else "")
    if isinstance(value, str):
        return f"the text {cut(value)!r}"
    return "None" if value is None else f"of type {type(value).__name__}"


def nearest(name, names):
    found = difflib.get_close_matches(str(name), [one for one in names if isinstance(one, str)], 1)
    return found[0] if found else None


def same_but_for_style(name, names):
    """The one name that differs in case and underscores only."""
    if not isinstance(name, str):
        return None
    plain = name.replace("_", "").replace("-", "").lower()
    found = [one for one in names if isinstance(one, str) and one.replace("_", "").replace("-", "").lower() == plain]
    return found[0] if len(found) == 1 else None


def name_error(error, program, names):
    name = getattr(error, "name", None) or str(error).partition("'")[2].partition("'")[0]
    node, parent = program.find(_ast.Name, lambda node: node.id == name)
    if name in NAMES:
        program.hint(f"in Python write {NAMES[name]}")
        if node:
            program.fix(node, NAMES[name])
        return
    if FAILURES.fullmatch(name):
        program.hint("a call that fails raises ToolError")
        if node:
            program.fix(node, "ToolError")
        return
    call, _ = program.find(_ast.Call, lambda call: root_of(call.func) == name)
    if call:
        called = program.text(call.func)
        arguments = program.text(call)[len(called) :]
        direct = re.fullmatch(r"mcp__(.+?)__(\w+)", called)
        views = {"Object.values": "values", "Object.entries": "items"}
        if called in views and len(call.args) == 1 and program.text(call.args[0]):
            program.hint(f"in Python: d.{views[called]}()")
            return program.fix(call, f"list({program.text(call.args[0])}.{views[called]}())")
        if called == "Array.isArray" and len(call.args) == 1 and program.text(call.args[0]):
            program.hint("in Python: isinstance(x, list)")
            return program.fix(call, f"isinstance({program.text(call.args[0])}, list)")
        if called in CALLS:
            program.hint(f"in Python write {CALLS[called]}(…)")
            return program.fix(call.func, CALLS[called])
        if direct and arguments:
            return program.fix(call.func, f"tools.{direct[1]}.{direct[2]}")
    if name in OF_OTHERS:
        return program.hint(OF_OTHERS[name])
    if isinstance(parent, _ast.Dict) and node in parent.keys:
        program.hint("keys of a dict are written with quotes")
        return program.fix(node, f'"{name}"')
    if name in getattr(sys, "stdlib_module_names", ()):
        program.fields["fix"] = f"import {name}"
        return program.hint(f"write `import {name}` at the beginning")
    for module, own in MODULES.items():
        if name in own.split():
            program.fields["fix"] = f"from {module} import {name}"
            return program.hint(f"it is of the module {module}")
    known = [known for known in {**names, **program.frame.f_locals, **vars(builtins)} if not known.startswith("<")]
    if isinstance(parent, _ast.Attribute) and not nearest(name, names):
        return program.hint(f"if {name} is a server, its tools are called by tools.{name}.…")
    close = nearest(name, known)
    # One of several is not one of many: such names stand side by side.
    sure = close and len(name) > 3 and close.rstrip("s0123456789") != name.rstrip("s0123456789")
    if sure and node and len(difflib.get_close_matches(name, known, 2, 0.8)) == 1:
        program.fix(node, close)
    afresh = "a program sees no variables of earlier ones; make it again in this one"
    program.hint(f"did you mean {close!r}?" if close else afresh)


def root_of(node):
    while isinstance(node, _ast.Attribute):
        node = node.value
    return node.id if isinstance(node, _ast.Name) else None


def unbound_error(error, program, names):
    name = getattr(error, "name", None) or str(error).partition("'")[2].partition("'")[0]
    if name in names:
        program.hint(f"the function binds {name}, so it is its own there; write `global {name}` at its beginning")


def attribute_error(error, program, names):
    name = getattr(error, "name", None) or str(error).rpartition("attribute '")[2].rstrip("'")
    node, parent = program.find(_ast.Attribute, lambda node: node.attr == name)
    value = getattr(error, "obj", MISSING)
    if value is MISSING and node:
        value = program.value(node.value)
    base = program.text(node.value) if node else ""
    if value is MISSING or value is error:
        return
    kind = type(value)
    call = parent if node and isinstance(parent, _ast.Call) and parent.func is node else None
    if isinstance(value, BaseException):
        return of_error(value, name, node, base, program)
    if name in ("length", "lenght", "size") and not call:
        program.hint("in Python write len(…)")
        if base:
            program.fix(node, f"len({base})")
    elif kind is dict and not call and (name in value or same_but_for_style(name, value) is not None):
        key = name if name in value else same_but_for_style(name, value)
        program.hint("a dict's values are taken by key, not by attribute")
        if base:
            program.fix(node, f'{base}["{key}"]')
    elif kind is dict and name in METHODS and hasattr(dict, METHODS[name]):
        program.hint(f"in Python write .{METHODS[name]}(…)")
        program.fix_end(node, node.value, f".{METHODS[name]}")
    elif called_otherwise(value, name, call, base, program):
        pass
    elif kind is dict:
        attribute_of_dict(value, name, node, parent, call, program)
    elif kind in (list, str) and name in METHODS and hasattr(kind, METHODS[name]):
        program.hint(f"in Python write .{METHODS[name]}(…)")
        if base:
            program.fix(node, f"{base}.{METHODS[name]}")
    elif kind in (list, str, int, float) and name in OF_LISTS:
        program.hint(f"in Python: {OF_LISTS[name]}")
    elif kind is str and node and loop_over_keys(node.value, name, program):
        pass
    elif kind is list and name in OF_RESULTS or kind is str and name in OF_RESULTS | {"get", "items", "keys"}:
        program.hint(f"it is {described(value)}; {PARSED}")
        if node and name in OF_RESULTS:
            one = node.value
            # The first block of a list of them was taken: of the text, that is its first character.
            if kind is str and isinstance(one, _ast.Subscript) and isinstance(program.value(one.value), str):
                one = one.value
            program.fix_end(node, one, "")
        elif node and kind is str and notation(value) and base:
            program.fix(node.value, f"{notation(value)}({base})")
    elif kind is list:
        program.hint(f"it is {described(value)}: take one of them, or loop")
        if base and len(value) == 1 and type(value[0]) is dict and name in value[0]:
            program.fix(node, f'{base}[0]["{name}"]')
    elif kind is type(sys) and hasattr(getattr(value, value.__name__, None), name):
        program.fix(node, f"{base}.{value.__name__}.{name}")
    elif value is None:
        program.hint(f"{base or 'it'} is None")
    elif is_awaitable_type(kind):
        not_awaited(program)
    elif kind is type(sys) or kind in (str, list, set, tuple, int, float):
        close = difflib.get_close_matches(name, dir(value), 2, 0.8)
        if close:
            program.hint(f"did you mean {close[0]!r}?")
            if len(close) == 1 and node:
                program.fix_end(node, node.value, f".{close[0]}")


def of_error(value, name, node, base, program):
    """Attributes that errors have elsewhere."""
    if isinstance(value, ToolError):
        own = OF_ERRORS.get(name) or nearest(name, ("message", "code", "tool", "server", "retryable"))
        program.hint("a ToolError has .message, .code, .tool, .server and .retryable")
        if own and node:
            program.fix(node, f"{base}.{own}")
    elif OF_ERRORS.get(name) == "message" or name == "message":
        program.hint("the text of an error is str(error)")
        if node:
            program.fix(node, f"str({base})")


def called_otherwise(value, name, call, base, program):
    """Methods that are functions or operators in Python."""
    if call is None or call.keywords:
        return False
    words = [program.text(one) for one in call.args]
    for kinds, method, count, form in CALLED:
        if type(value) in kinds and method == name and count == len(words) and base and all(words):
            if isinstance(call.args[0] if words else None, _ast.Starred):
                return False
            program.hint(f"in Python: {OF_LISTS[name]}")
            program.fix(call, form.format(*words, it=base))
            return True
    return False


def attribute_of_dict(value, name, node, parent, call, program):
    """What was taken from a dict that is no key of it."""
    text, rows = only(value, str), only(value, list)
    close = nearest(name, value)
    if name in OF_RESULTS:
        program.hint(f"it is {described(value)}; {PARSED}")
    else:
        program.hint(f"it is {described(value)}" + (f'; did you mean ["{close}"]?' if close else ""))
    if not node:
        return
    of_list = hasattr(list, name) or any(name == method and list in kinds for kinds, method, *_ in CALLED)
    if call and name != "json" and text is not None and (hasattr(str, name) or hasattr(str, METHODS.get(name, "?"))):
        program.fix_end(node, node.value, f'["{text}"].{name}')
    elif call and name != "json" and rows is not None and (of_list or hasattr(list, METHODS.get(name, "?"))):
        program.fix_end(node, node.value, f'["{rows}"].{name}')
    elif name in OF_RESULTS and not call:
        taken_from_result(value, name, node, program)
    elif not call and alike(name, value) is not None:
        program.fix_end(node, node.value, f'["{alike(name, value)}"]')


def taken_from_result(value, name, node, program):
    """What holds a result elsewhere: all of it is left out, or it is the one text or the one list."""
    text, rows = only(value, str), only(value, list)
    whole = node
    if name == "content":
        for wanted in (0, "text"):
            outer = next((one for one, parent in program.nodes if getattr(one, "value", None) is whole), None)
            key = getattr(outer, "attr", None)
            if isinstance(outer, _ast.Subscript) and isinstance(outer.slice, _ast.Constant):
                key = outer.slice.value
            if key != wanted:
                break
            whole = outer
    if name in ("text", "body", "output", "content") and text is not None and len(value) == 1:
        return program.fix_end(whole, node.value, f'["{text}"]')
    if name in LISTED and rows is not None and len(value) == 1:
        return program.fix_end(whole, node.value, f'["{rows}"]')
    program.fix_end(whole, node.value, "")


def loop_over_keys(node, key, program):
    """A loop over a dict, of whose rows a key is wanted; whether it is one."""
    source = loop_over(node, program)
    whole = program.value(source) if source else MISSING
    if type(whole) is str and notation(whole) and program.text(source):
        program.hint(f"a loop over a text gives its characters; {program.text(source)} is text")
        program.fix(source, f"{notation(whole)}({program.text(source)})")
        return True
    if type(whole) is not dict or program.value(node) not in whole and program.value(node) is not MISSING:
        return False
    program.hint(f"a loop over a dict gives its keys; {program.text(source)} is {described(whole)}")
    rows, text = only(whole, list), only(whole, str)
    rows = rows_with(key, whole) or rows
    if rows is not None and all(key in row for row in whole[rows] if type(row) is dict):
        program.fix_end(source, source, f'["{rows}"]')
    elif rows is None and text is not None and notation(whole[text]) and program.text(source):
        program.fix(source, f'{notation(whole[text])}({program.text(source)}["{text}"])')
    elif whole and all(type(row) is dict and key in row for row in whole.values()):
        program.fix_end(source, source, ".values()")
    return True


def is_awaitable_type(kind):
    return kind.__name__ in ("coroutine", "_GatheringFuture", "Future", "Task")


def not_awaited(program):
    program.fields["code"] = "not_awaited"
    program.hint("write `await` before the call")


def key_error(error, program, names):
    key = error.args[0] if len(error.args) == 1 else MISSING
    node, parent = program.find(
        _ast.Subscript,
        lambda node: not isinstance(node.slice, _ast.Constant) or node.slice.value == key,
    )
    value = program.value(node.value) if node else MISSING
    if type(value) is not dict or key in value:
        if node and key in OF_RESULTS and isinstance(node.slice, _ast.Constant) and value is MISSING:
            program.hint(PARSED)
        return
    base = program.text(node.value)
    written = isinstance(node.slice, _ast.Constant)
    close = alike(key, value) or nearest(key, value)
    if key in OF_RESULTS:
        program.hint(f"{base} is {described(value)}; {PARSED}")
    else:
        program.hint(f"{base} is {described(value)}" + (f"; did you mean {close!r}?" if close else ""))
    if type(key) is int or isinstance(node.slice, _ast.Slice):
        wanted = getattr(parent, "attr", getattr(getattr(parent, "slice", None), "value", None))
        rows = isinstance(wanted, str) and rows_with(wanted, value) or only(value, list)
        if rows is not None:
            program.fix_end(node.value, node.value, f'["{rows}"]')
    elif written and same_but_for_style(key, value) is not None:
        program.fix_end(node, node.value, f'["{same_but_for_style(key, value)}"]')
    elif written and (key in OF_RESULTS or key in LISTED and only(value, list) is not None and len(value) == 1):
        taken_from_result(value, key, node, program)
    elif written and alike(key, value) is not None:
        program.fix_end(node, node.value, f'["{alike(key, value)}"]')


def index_error(error, program, names):
    node, _ = program.find(_ast.Subscript, lambda node: type(program.value(node.value)) in (list, tuple))
    if node:
        program.hint(f"{program.text(node.value)} has {len(program.value(node.value))} items")


def type_error(error, program, names):
    message = str(error)
    if re.search(r"'(coroutine|_GatheringFuture|Task|Future)'", message):
        return not_awaited(program)
    if message == "'async_generator' object is not iterable":
        return program.hint("write `async for` over it")
    if re.search(r"\bTool\b|is the tool <tool", message) and tool_without_call(program):
        return
    if program.fields.get("code") == "invalid_argument":
        return argument_not_json(message, program)
    if message.startswith(("the JSON object must be str", "Object of type ")):
        return json_of_value(message, program)
    if "indices must be integers" in message:
        return wrong_indices(program)
    if message.startswith("unhashable type: 'slice'"):
        node, _ = program.find(_ast.Subscript, lambda node: type(program.value(node.value)) is dict)
        return key_error(KeyError(0), program, names) if node else None
    if message == "'NoneType' object is not subscriptable":
        node, _ = program.find(_ast.Subscript, lambda node: program.value(node.value) is None)
        return program.hint(f"{program.text(node.value) if node else 'what is indexed'} is None")
    if "object is not callable" in message:
        call, _ = program.find(_ast.Call, lambda call: isinstance(call.func, _ast.Name) and call.func.id in names)
        if call and hasattr(builtins, call.func.id):
            program.hint(f"the program binds {call.func.id} to a value of its own; give that another name")
        return
    counted = re.fullmatch(r"object of type '(int|float)' has no len\(\)", message)
    if counted:
        call, _ = program.find(_ast.Call, lambda call: program.text(call.func) == "len" and len(call.args) == 1)
        program.hint("it is a number already")
        return program.fix(call, program.text(call.args[0])) if call else None
    if message == "'int' object is not iterable":
        source = iterated(program)
        program.hint("a loop over numbers goes over range(n)")
        return program.fix(source, f"range({program.text(source)})") if source and program.text(source) else None
    if re.match(r"sequence item \d+: expected str instance", message):
        call, _ = program.find(_ast.Call, lambda call: isinstance(call.func, _ast.Attribute) and call.func.attr == "join")
        program.hint("join takes texts: sep.join(map(str, xs))")
        if call and len(call.args) == 1 and isinstance(call.args[0], (_ast.Name, _ast.Subscript, _ast.Attribute)):
            program.fix(call.args[0], f"map(str, {program.text(call.args[0])})")
        return
    if "concatenate str" in message or "unsupported operand" in message or "not supported between" in message:
        if re.search(r"['\"](?:int|float)['\"]", message) and ("'str'" in message or "concatenate str" in message):
            return text_and_number(message, program)
    if "not supported between instances of" in message and "NoneType" in message:
        return program.hint('some are None: leave them out, or key=lambda x: x["field"] or ""')
    if message.startswith("unhashable type: 'dict'"):
        return program.hint('a dict is no key and in no set: take a field of it, x["id"]')
    function = re.match(r"(?:\w+\.<locals>\.)?(\w+)\(\) (missing|got|takes)", message)
    if function and callable(names.get(function[1])) and hasattr(names[function[1]], "__code__"):
        import inspect

        program.hint(f"it is defined as {function[1]}{inspect.signature(names[function[1]])}")


def tool_without_call(program):
    """A tool where its result was meant; whether there is one."""
    called = {id(parent.func) for _, parent in program.nodes if isinstance(parent, _ast.Call)}
    node, _ = program.only_on_line(
        lambda node, parent: isinstance(node, _ast.Attribute)
        and not isinstance(parent, _ast.Attribute)
        and id(node) not in called
        and "." in (path_of(node) or "")
    )
    if node:
        program.hint("a tool is called: tools.server.tool(…)")
        line = program.lines[node.end_lineno - 1].encode("utf-8", "replace")
        start, end = (len(line[:one.end_col_offset].decode("utf-8", "ignore")) + 1 for one in (node.value, node))
        if node.value.end_lineno == node.end_lineno:
            program.fields.update(line=node.end_lineno, column=start, end_column=end, fix=f".{node.attr}()")
    return bool(node)


def argument_not_json(message, program):
    """An argument that is no plain data: its part in the text is made a list, or named."""
    call, _ = program.find(_ast.Call, lambda call: path_of(call.func) is not None)
    if not call:
        return
    if "for a key" in message and len(call.args) == 1 and isinstance(call.args[0], _ast.Dict) and not call.keywords:
        given = call.args[0]
        words = [(program.text(key) if isinstance(key, _ast.Name) else getattr(key, "value", None), program.text(item))
                 for key, item in zip(given.keys, given.values)]  # fmt: skip
        if all(isinstance(name, str) and name.isidentifier() and item for name, item in words):
            program.fix(given, ", ".join(f"{name}={item}" for name, item in words))
        return
    found = re.match(r"[^:]+: args((?:\.\w+|\[\d+\]|\['[^']*'\])+) is of type \w+, which JSON", message)
    if not found or "list(" not in program.fields.get("hint", ""):
        return
    node = None
    for name, index, key in re.findall(r"\.(\w+)|\[(\d+)\]|\['([^']*)'\]", found[1]):
        step = int(index) if index else name or key
        node = inner(call if node is None else node, step)
        if node is None:
            return
    text = program.text(node)
    if isinstance(node, (_ast.GeneratorExp, _ast.Set)) and text[:1] in "({" and text:
        one = f"[{text[1:-1]}]"
        program.fix(node, f"({one})" if call.args == [node] and node.end_col_offset == call.end_col_offset else one)
    elif text:
        program.fix(node, f"list({text})")


def inner(node, step):
    """The expression of what is at an index or under a name."""
    if isinstance(node, _ast.Call) and path_of(node.func) is not None:
        if isinstance(step, int):
            return node.args[step] if step < len(node.args) else None
        return next((one.value for one in node.keywords if one.arg == step), None)
    if isinstance(node, _ast.Dict):
        found = [item for key, item in zip(node.keys, node.values) if isinstance(key, _ast.Constant) and key.value == step]
        return found[0] if len(found) == 1 else None
    if isinstance(node, (_ast.ListComp, _ast.GeneratorExp)):
        return node.elt
    if isinstance(node, (_ast.List, _ast.Tuple)) and isinstance(step, int):
        return node.elts[step] if step < len(node.elts) else None
    if isinstance(node, _ast.Call) and isinstance(node.func, _ast.Name) and node.func.id in ("list", "sorted"):
        return inner(node.args[0], step) if node.args else None
    return None


def iterated(program):
    """What the one loop on the line goes through."""
    node, parent = program.only_on_line(
        lambda node, parent: isinstance(parent, (_ast.For, _ast.comprehension)) and node is parent.iter
    )
    return node


def text_and_number(message, program):
    """A text and a number are added or compared: one of them is made what the other is."""
    program.hint('numbers and text do not add up: f"{n} text", or int(text)')
    node, _ = program.find((_ast.BinOp, _ast.AugAssign, _ast.Compare), lambda node: True)
    if isinstance(node, _ast.BinOp):
        sides = [node.left, node.right]
    elif isinstance(node, _ast.AugAssign):
        sides = [node.target, node.value]
    elif isinstance(node, _ast.Compare) and len(node.comparators) == 1:
        sides = [node.left, node.comparators[0]]
    else:
        return
    if "concatenate" in message:
        text, number = sides
    else:
        kinds = re.findall(r"'(str|int|float)'", message)
        if sorted(kinds)[-1] != "str" or kinds[0] == kinds[1]:
            return
        text, number = sides if kinds[0] == "str" else reversed(sides)
    value = program.value(text)
    numeric = isinstance(value, str) and re.fullmatch(r" *[-+]?\d+(\.\d+)? *", value)
    adds = isinstance(getattr(node, "op", None), _ast.Add)
    if adds and not numeric and (value is not MISSING or isinstance(text, (_ast.Constant, _ast.JoinedStr, _ast.BinOp))):
        if number is not node.__dict__.get("target"):
            program.fix(number, f"str({program.text(number)})")
    elif numeric and text is not node.__dict__.get("target"):
        program.fix(text, f"{'float' if numeric[1] else 'int'}({program.text(text)})")
    elif not adds and value is MISSING and program.text(text) and text is not node.__dict__.get("target"):
        program.fix(text, f"float({program.text(text)})")


def json_of_value(message, program):
    loads = ("json.loads", "loads")
    call, _ = program.find(_ast.Call, lambda call: program.text(call.func) in loads and len(call.args) == 1)
    if call and message.startswith("the JSON object"):
        program.hint("the text was JSON and was parsed already")
        value = program.value(call.args[0])
        text = only(value, str) if type(value) is dict and len(value) == 1 else None
        if text is not None and notation(value[text]):
            return program.fix_end(call.args[0], call.args[0], f'["{text}"]')
        first = program.text(call.args[0])
        # A call of a tool alone would read as another call to make.
        program.fix(call, f"({first})" if isinstance(call.args[0], (_ast.Call, _ast.Await)) else first)


def wrong_indices(program):
    """A list or a text that was taken for a dict."""
    node, parent = program.find(
        _ast.Subscript, lambda node: isinstance(program.value(node.value), (list, str, tuple))
    )
    if not node:
        return wrong_indices_of_key(program)
    base, value = program.text(node.value), program.value(node.value)
    key = node.slice.value if isinstance(node.slice, _ast.Constant) else None
    if isinstance(value, str):
        if loop_over_keys(node.value, key, program):
            return
        inside = node.value.value if isinstance(node.value, _ast.Subscript) else None
        within = program.value(inside) if inside else MISSING
        # Of a text that was indexed before, this is one character.
        text, named = (within, inside) if isinstance(within, str) else (value, node.value)
        kinds = {"json.loads": "text that is JSON", "ast.literal_eval": "text in Python's notation"}
        program.hint(f"{program.text(named)} is {kinds.get(notation(text), 'text, not JSON')}: {cut(text)!r}")
        if notation(text) and program.text(named):
            program.fix(named, f"{notation(text)}({program.text(named)})")
        elif key in OF_RESULTS:
            program.fix_end(node, named, "")
        return
    program.hint(f"{base} is {described(value)}: take one, {base}[0], or loop over it")
    rows = value and all(type(item) is dict and key not in item for item in value)
    loops = isinstance(parent, (_ast.For, _ast.comprehension, _ast.Assign))
    if rows and loops and isinstance(key, str):
        program.fix(node, base)
    elif len(value) == 1 and type(value[0]) is dict and key in value[0]:
        program.fix_end(node.value, node.value, "[0]")
    elif isinstance(key, str) and key in OF_RESULTS and rows:
        program.fix_end(node, node.value, "")


def wrong_indices_of_key(program):
    """What a comprehension's own variable held is not known any more, in newer Pythons."""
    node, _ = program.find(
        _ast.Subscript, lambda node: isinstance(node.slice, _ast.Constant) and loop_over(node.value, program) is not None
    )
    if node:
        loop_over_keys(node.value, node.slice.value, program)


def loop_over(name, program):
    """What the loop goes through that binds a name around where it failed."""
    found = None
    for node, parent in program.nodes:
        target = None
        if isinstance(node, _ast.For) and node.lineno <= program.line <= node.end_lineno:
            target, source = node.target, node.iter
        elif isinstance(parent, _ast.comprehension) and node is parent.iter and node.lineno <= program.line:
            target, source = parent.target, node
        if isinstance(target, _ast.Name) and isinstance(name, _ast.Name) and target.id == name.id:
            found = source
    return found


def value_error(error, program, names):
    message = str(error)
    if type(error).__name__ == "JSONDecodeError":
        return not_json(str(getattr(error, "doc", "")), message, program)
    if message.startswith("Invalid isoformat string"):
        return program.hint('datetime.fromisoformat(text.replace("Z", "+00:00"))')
    if message.startswith("malformed node or string"):
        if "<tool" in message and tool_without_call(program):
            return
        call, _ = program.find(_ast.Call, lambda call: program.text(call.func).endswith("literal_eval") and len(call.args) == 1)
        value = program.value(call.args[0]) if call else MISSING
        if isinstance(value, str) and notation(value) == "json.loads":
            program.hint("the text is JSON")
            program.fix(call.func, "json.loads")
        elif type(value) in (dict, list) and call:
            program.hint("it is a value already, not text")
            program.fix(call, f"({program.text(call.args[0])})")
        return
    number = re.match(r"invalid literal for int\(\) with base 10: '(.*)'$", message)
    number = number or re.match(r"could not convert string to float: '(.*)'$", message)
    if number:
        call, _ = program.find(_ast.Call, lambda call: program.text(call.func) in ("int", "float") and len(call.args) == 1)
        if not call:
            return
        if re.fullmatch(r"\s*[-+]?\d+\.\d+\s*", number[1]):
            program.hint("it is a decimal number: float(text)")
            program.fix(call.func, "float")
        elif re.fullmatch(r"\s*[-+]?\d{1,3}(,\d{3})+(\.\d+)?\s*", number[1]) and program.text(call.args[0]):
            program.hint("commas stand between the thousands")
            program.fix(call.args[0], program.text(call.args[0]) + '.replace(",", "")')
        return
    if message.startswith(("too many values to unpack", "not enough values to unpack")):
        source = iterated(program)
        value = program.value(source) if source else MISSING
        if type(value) is dict:
            program.hint("a loop over a dict gives its keys; .items() gives keys and values")
            program.fix_end(source, source, ".items()")


def not_json(document, message, program):
    """A text that was given to json.loads."""
    program.hint(f"this is text, not JSON: {cut(document)!r}")
    call, _ = program.find(_ast.Call, lambda call: program.text(call.func) in ("json.loads", "loads") and len(call.args) == 1)
    if not call:
        return
    first = call.args[0]
    made = isinstance(first, _ast.Call) and program.text(first.func) == "str" and len(first.args) == 1
    lines = document.splitlines()
    if made:
        value = program.value(first.args[0])
        if value is MISSING and answered and str(answered[1]) == document:
            value = answered[1]
        text = only(value, str) if type(value) is dict and len(value) == 1 else None
        if text is not None and notation(value[text]):
            program.fix(first, f'{program.text(first.args[0])}["{text}"]')
        elif isinstance(value, (dict, list)):
            program.fix(call, f"({program.text(first.args[0])})")
    elif notation(document) == "ast.literal_eval":
        program.hint(f"this is text in Python's notation, not JSON: {cut(document)!r}")
        program.fix(call.func, "ast.literal_eval")
    elif message.startswith("Extra data") and len(lines) > 1 and all(map(notation, filter(str.strip, lines[:3]))):
        program.hint("each line is JSON of its own")
        if program.text(first):
            program.fix(call, f"[json.loads(line) for line in {program.text(first)}.splitlines() if line.strip()]")


def database_error(error, program, names):
    if type(error).__module__ == "sqlite3" and str(error).startswith("unable to open"):
        program.hint("programs reach no databases; call a tool of a database server instead (search_tools finds them)")


def import_error(error, program, names):
    root = (getattr(error, "name", None) or "").partition(".")[0]
    for packages, hint in PACKAGES:
        if root in packages:
            none = "there are no packages, only Python's standard library; "
            program.hint(hint if root == "nest_asyncio" else none + hint)


KINDS = (
    (UnboundLocalError, unbound_error),
    (NameError, name_error),
    (AttributeError, attribute_error),
    (KeyError, key_error),
    (IndexError, index_error),
    (ImportError, import_error),
    (TypeError, type_error),
    (ValueError, value_error),
    (Exception, database_error),
)


def add(error, source, names, fields):
    """Adds hint and fix to a report."""
    for kind, explain in KINDS:
        # What the host says of a call is enough, even where it is a KeyError as well.
        if isinstance(error, kind) and not (kind is KeyError and isinstance(error, ToolError)):
            program = Program(error, source, fields)
            if program.frame:
                explain(error, program, names)
            return
