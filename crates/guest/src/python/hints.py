"""What to do instead: hints and fixes for the mistakes that programs make most.

All of it is read from the program's text and from what its names hold where it failed; nothing of the
program is called. A fix is to be put in the place of the text that the report then marks, and is given
only where the program is read without a doubt.
"""
import difflib
import re

MISSING = object()
MOST_KEYS, MOST_TEXT, MOST_FIX = 12, 60, 120

# In another language's words, and what they are here.
NAMES = {"null": "None", "undefined": "None", "nil": "None", "NULL": "None", "true": "True", "false": "False"}
CALLS = {
    "console.log": "print", "console.error": "print", "console.info": "print", "console.warn": "print",
    "JSON.stringify": "json.dumps", "JSON.parse": "json.loads", "Math.max": "max", "Math.min": "min",
    "Math.abs": "abs", "Math.round": "round", "Math.floor": "math.floor", "Math.ceil": "math.ceil",
    "Object.keys": "list", "parseInt": "int", "parseFloat": "float", "String": "str", "Number": "float",
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
    "endsWith": "endswith", "indexOf": "index", "has_key": "__contains__", "replaceAll": "replace",
    "trimStart": "lstrip", "trimEnd": "rstrip", "padStart": "rjust", "padEnd": "ljust",
}  # fmt: skip
OF_LISTS = {
    "map": "[f(x) for x in xs]", "filter": "[x for x in xs if …]", "forEach": "for x in xs: …", "includes": "x in xs",
    "join": '", ".join(xs)', "concat": "xs + ys", "slice": "xs[a:b]", "find": "next((x for x in xs if …), None)",
    "some": "any(… for x in xs)", "every": "all(… for x in xs)", "reduce": "functools.reduce(f, xs)",
    "substring": "text[a:b]", "toString": "str(x)", "toFixed": 'f"{x:.2f}"', "flat": "[x for part in xs for x in part]",
    "add": "xs.append(x)", "size": "len(xs)",
}  # fmt: skip
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

    def mark(self, node):
        self.fields["line"] = node.lineno
        self.fields["column"], end = self.columns(node)
        self.fields["end_column"] = end if node.lineno == node.end_lineno else None

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
        elif isinstance(node, _ast.Subscript) and isinstance(node.slice, _ast.Constant):
            whole, key = self.value(node.value), node.slice.value
            try:
                if type(whole) in (dict, list, tuple):
                    return whole[key]
            except (LookupError, TypeError):
                pass
        return MISSING


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
    call, _ = program.find(_ast.Call, lambda call: root_of(call.func) == name)
    if call:
        called = program.text(call.func)
        arguments = program.text(call)[len(called) :]
        direct = re.fullmatch(r"mcp__(.+?)__(\w+)", called)
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
        return program.hint(f"write `import {name}` at the beginning")
    known = [known for known in [*names, *dir(builtins)] if not known.startswith("<")]
    if isinstance(parent, _ast.Attribute) and not nearest(name, names):
        return program.hint(f"if {name} is a server, its tools are called by tools.{name}.…")
    close = nearest(name, known)
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
    if name == "length":
        program.hint("in Python write len(…)")
        if base:
            program.fix(node, f"len({base})")
    elif kind is dict:
        key = name if name in value else same_but_for_style(name, value)
        called = isinstance(parent, _ast.Call) and parent.func is node
        if key is not None and not called:
            program.hint("a dict's values are taken by key, not by attribute")
            if base:
                program.fix(node, f'{base}["{key}"]')
        elif name in OF_RESULTS:
            program.hint(f"it is {described(value)}; {PARSED}")
        else:
            close = nearest(name, value)
            program.hint(f"it is {described(value)}" + (f'; did you mean ["{close}"]?' if close else ""))
    elif kind in (list, str) and name in METHODS and hasattr(kind, METHODS[name]):
        program.hint(f"in Python write .{METHODS[name]}(…)")
        if base:
            program.fix(node, f"{base}.{METHODS[name]}")
    elif kind in (list, str, int, float) and name in OF_LISTS:
        program.hint(f"in Python: {OF_LISTS[name]}")
    elif kind is list and name in OF_RESULTS or kind is str and name in OF_RESULTS | {"get", "items", "keys"}:
        program.hint(f"it is {described(value)}; {PARSED}")
    elif kind is list:
        program.hint(f"it is {described(value)}: take one of them, or loop")
    elif kind is type(sys) and hasattr(getattr(value, value.__name__, None), name):
        program.fix(node, f"{base}.{value.__name__}.{name}")
    elif value is None:
        program.hint(f"{base or 'it'} is None")
    elif is_awaitable_type(kind):
        not_awaited(program)


def is_awaitable_type(kind):
    return kind.__name__ in ("coroutine", "_GatheringFuture", "Future", "Task")


def not_awaited(program):
    program.fields["code"] = "not_awaited"
    program.hint("write `await` before the call")


def key_error(error, program, names):
    key = error.args[0] if len(error.args) == 1 else MISSING
    node, _ = program.find(
        _ast.Subscript,
        lambda node: not isinstance(node.slice, _ast.Constant) or node.slice.value == key,
    )
    value = program.value(node.value) if node else MISSING
    if type(value) is not dict or key in value:
        return
    base = program.text(node.value)
    same, close = same_but_for_style(key, value), nearest(key, value)
    if same is not None and isinstance(node.slice, _ast.Constant):
        program.fix(node, f'{base}["{same}"]')
    if key in OF_RESULTS:
        program.hint(f"{base} is {described(value)}; {PARSED}")
    else:
        program.hint(f"{base} is {described(value)}" + (f"; did you mean {close!r}?" if close else ""))


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
    if message.startswith(("the JSON object must be str", "Object of type ")):
        return json_of_value(message, program)
    if "indices must be integers" in message:
        return wrong_indices(program)
    if message == "'NoneType' object is not subscriptable":
        node, _ = program.find(_ast.Subscript, lambda node: program.value(node.value) is None)
        return program.hint(f"{program.text(node.value) if node else 'what is indexed'} is None")
    if "object is not callable" in message:
        call, _ = program.find(_ast.Call, lambda call: isinstance(call.func, _ast.Name) and call.func.id in names)
        if call and hasattr(builtins, call.func.id):
            program.hint(f"the program binds {call.func.id} to a value of its own; give that another name")
        return
    if "concatenate str" in message or message.startswith("unsupported operand type(s) for +"):
        if "'int'" in message or '"int"' in message or "'float'" in message or '"float"' in message:
            return program.hint('numbers and text do not add up: f"{n} text", or int(text)')
    if "not supported between instances of" in message and "NoneType" in message:
        return program.hint('some are None: leave them out, or key=lambda x: x["field"] or ""')
    if message.startswith("unhashable type: 'dict'"):
        return program.hint('a dict is no key and in no set: take a field of it, x["id"]')
    function = re.match(r"(?:\w+\.<locals>\.)?(\w+)\(\) (missing|got|takes)", message)
    if function and callable(names.get(function[1])) and hasattr(names[function[1]], "__code__"):
        import inspect

        program.hint(f"it is defined as {function[1]}{inspect.signature(names[function[1]])}")


def json_of_value(message, program):
    loads = ("json.loads", "loads")
    call, _ = program.find(_ast.Call, lambda call: program.text(call.func) in loads and len(call.args) == 1)
    if call and message.startswith("the JSON object"):
        program.hint("the text was JSON and was parsed already")
        program.fix(call, program.text(call.args[0]))


def wrong_indices(program):
    """A list or a text that was taken for a dict."""
    node, parent = program.find(
        _ast.Subscript, lambda node: isinstance(program.value(node.value), (list, str, tuple))
    )
    if not node:
        return
    base, value = program.text(node.value), program.value(node.value)
    key = node.slice.value if isinstance(node.slice, _ast.Constant) else None
    source = loop_over(node.value, program)
    whole = program.value(source) if source else MISSING
    if isinstance(value, str):
        if type(whole) is dict and value in whole:
            program.hint(f"a loop over a dict gives its keys; {program.text(source)} is {described(whole)}")
            rows = [name for name, rows in whole.items() if type(rows) is list and rows and type(rows[0]) is dict]
            if len(rows) == 1 and all(key in row for row in whole[rows[0]] if type(row) is dict):
                program.fix(source, f'{program.text(source)}["{rows[0]}"]')
        else:
            program.hint(f"{base} is text, not JSON: {cut(value)!r}")
        return
    program.hint(f"{base} is {described(value)}: take one, {base}[0], or loop over it")
    rows = value and all(type(item) is dict and key not in item for item in value)
    loops = isinstance(parent, (_ast.For, _ast.comprehension, _ast.Assign))
    if rows and loops and isinstance(key, str):
        program.fix(node, base)


def loop_over(name, program):
    """What the loop goes through that binds a name around where it failed."""
    found = None
    for node, parent in program.nodes:
        target = None
        if isinstance(node, _ast.For) and node.lineno <= program.line <= node.end_lineno:
            target, iterated = node.target, node.iter
        elif isinstance(parent, _ast.comprehension) and node is parent.iter and node.lineno <= program.line:
            target, iterated = parent.target, node
        if isinstance(target, _ast.Name) and isinstance(name, _ast.Name) and target.id == name.id:
            found = iterated
    return found


def value_error(error, program, names):
    if type(error).__name__ == "JSONDecodeError":
        document = getattr(error, "doc", "")
        program.hint(f"this is text, not JSON: {cut(str(document))!r}")
    elif str(error).startswith("Invalid isoformat string"):
        program.hint('datetime.fromisoformat(text.replace("Z", "+00:00"))')


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
)


def add(error, source, names, fields):
    """Adds hint and fix to a report."""
    for kind, explain in KINDS:
        if isinstance(error, kind):
            program = Program(error, source, fields)
            if program.frame:
                explain(error, program, names)
            return
