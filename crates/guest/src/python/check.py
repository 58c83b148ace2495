"""The calls of tools that a program's text makes, which the host checks before anything runs.

One pass notes every call with where it stands: *straight* is what its function or module does whatever
the values are, unless it fails before. A second look, when all names are known, says which of the calls
are tools' and which functions are themselves called from where it is straight. Wherever the text leaves
a doubt, a path is left out, an argument has no value, and a call is not certain.
"""

MOST_CALLS, MOST_ARGUMENTS, MOST_TEXT, MOST_VALUE = 200, 100, 240, 16_384
# What a statement may do: leave its function, leave its loop, give its place to who called.
LEAVES, BREAKS, YIELDS = 1, 2, 4
# Where failures of what is begun go elsewhere than to who began it.
DETACHING = {
    "create_task", "ensure_future", "wait", "as_completed", "submit", "run_in_executor", "run_coroutine_threadsafe",
    "call_soon", "call_later", "Thread", "Timer", "suppress",
}  # fmt: skip
JOINING = {"gather", "wait_for", "shield"}
EXITS = {"exit", "quit", "_exit", "abort", "kill", "SystemExit", "execv", "execve"}
# What may give names meanings that are not in the text.
HIDDEN = {"exec", "eval", "globals", "locals", "vars", "builtins", "__builtins__", "modules", "__globals__"}
OURS = ("ToolError", "call_tool", "search_tools", "tools")
UNKNOWN = object()


def calls_of(tree, entry_point):
    """What the host is to be asked about, if anything."""
    try:
        calls = Calls(tree, entry_point)
    except RecursionError:
        return None  # a tree too deep for this may still be compiled
    return calls if calls.written else None


class Body:
    """A function of the program, or the module."""

    def __init__(self, node=None, decorated=False):
        self.is_async = isinstance(node, _ast.AsyncFunctionDef)
        self.may_run_elsewhere = decorated
        self.is_certain = False
        self.made = []  # names that it calls where it is straight, and whether that is awaited


class Calls:
    """The calls of a program, read from its syntax tree before anything in it is changed."""

    def __init__(self, tree, entry_point):
        self.bindings = {}  # name: what it is bound to, each time
        self.functions = {}  # name: Body
        self.seen = []  # (node, body, straight, awaited, repeats, f-string around it)
        self.tail = tail_of(tree.body)
        self.formatted = None
        self.hides = False
        self.cancels = False  # workers are ended from elsewhere
        self.in_try = False
        self.module = Body()
        self.block(tree.body, self.module, True, "no")
        self.resolved = {}
        self.written = []
        for node, body, straight, awaited, repeats, formatted in self.seen:
            tool = self.path_of(node.func)
            if tool and tool[0] not in ((), ("ToolError",), ("search_tools",)):
                self.written.append((node, tool[0], body, straight, awaited, repeats, formatted))
        if not self.written:
            return
        if self.hides:
            return
        self.module.is_certain = True
        entered = [self.module]
        if entry_point and "result" not in self.bindings:
            entered += self.enter(entry_point, True)
        while entered:
            for name, awaited in entered.pop().made:
                entered += self.enter(name, awaited)

    def enter(self, name, awaited):
        """The function, if it is not known yet that a call of this name runs it."""
        body = self.functions.get(name)
        if body is None or body.is_certain or body.may_run_elsewhere or body.is_async and not awaited:
            return []
        # A name of the library's may mean that, where the function's own is not seen.
        if len(self.bindings[name]) > 1 or hasattr(builtins, name):
            return []
        body.is_certain = True
        return [body]

    def bind(self, name, value=UNKNOWN):
        self.bindings.setdefault(name, []).append(value)

    # The pass.

    def block(self, statements, body, straight, repeats):
        does = 0
        for statement in statements:
            did = self.visit(statement, body, straight, False, repeats)
            if did & (LEAVES | BREAKS):
                straight = False
            does |= did
        return does

    def visit(self, node, body, straight, awaited, repeats):
        """Notes what is in a node; returns what it may do."""
        special = SPECIAL.get(type(node))
        if special:
            return special(self, node, body, straight, awaited, repeats)
        return self.children(node, body, straight, repeats)

    def children(self, node, body, straight, repeats, awaited=False):
        does = 0
        for field in node._fields:
            child = getattr(node, field, None)
            if isinstance(child, list):
                for item in child:
                    if isinstance(item, _ast.AST):
                        does |= self.visit(item, body, straight, awaited, repeats)
            elif isinstance(child, _ast.AST):
                does |= self.visit(child, body, straight, awaited, repeats)
        return does

    def transparent(self, node, body, straight, awaited, repeats):
        return self.children(node, body, straight, repeats, awaited)

    def nothing(self, node, body, straight, awaited, repeats):
        return 0

    def name(self, node, body, straight, awaited, repeats):
        if not isinstance(node.ctx, _ast.Load):
            self.bind(node.id)
        return self.word(node.id, body)

    def attribute(self, node, body, straight, awaited, repeats):
        return self.visit(node.value, body, straight, False, repeats) | self.word(node.attr, body)

    def word(self, word, body):
        if word in HIDDEN:
            self.hides = True
        if word == "cancel":
            self.cancels = True
        if word not in EXITS:
            return 0
        if body is not self.module:
            self.hides = True
        return LEAVES

    def call(self, node, body, straight, awaited, repeats):
        awaited = awaited or node is self.tail
        self.seen.append((node, body, straight, awaited, repeats, self.formatted))
        called = node.func
        does = self.visit(called, body, straight, False, repeats)
        name, joins = "", False
        if isinstance(called, _ast.Name):
            name = called.id
            if straight:
                body.made.append((name, awaited))
        elif isinstance(called, _ast.Attribute):
            name = called.attr
            of_asyncio = isinstance(called.value, _ast.Name) and called.value.id == "asyncio"
            joins = name == "run_until_complete" or of_asyncio and (name == "run" or awaited and name in JOINING)
        if name == "getattr" and any(
            isinstance(argument, _ast.Constant) and argument.value in EXITS for argument in node.args
        ):
            self.hides = True
        if name in DETACHING or name == "gather" and keeps_failures(node):
            straight = joins = False
        for argument in node.args:
            does |= self.visit(argument, body, straight, joins, repeats)
        for keyword in node.keywords:
            does |= self.visit(keyword.value, body, straight, joins, repeats)
        return does

    def awaiting(self, node, body, straight, awaited, repeats):
        return self.visit(node.value, body, straight, True, repeats)

    def condition(self, node, body, straight, awaited, repeats):
        is_main = straight and is_main_guard(node.test)
        does = self.visit(node.test, body, straight, False, repeats)
        branch = self.block if isinstance(node, _ast.If) else self.branch
        does |= branch(node.body, body, is_main, repeats)
        return does | branch(node.orelse, body, False, repeats)

    def branch(self, node, body, straight, repeats):
        return self.visit(node, body, False, False, repeats)

    def first_only(self, node, body, straight, awaited, repeats):
        """`and`, `or`: what follows may be left out."""
        does = self.visit(node.values[0], body, straight, False, repeats)
        for value in node.values[1:]:
            does |= self.visit(value, body, False, False, repeats)
        return does

    def compare(self, node, body, straight, awaited, repeats):
        does = self.visit(node.left, body, straight, False, repeats)
        for index, value in enumerate(node.comparators):
            does |= self.visit(value, body, straight and not index, False, repeats)
        return does

    def uncertain(self, node, body, straight, awaited, repeats):
        return self.children(node, body, False, repeats)

    def leaving(self, node, body, straight, awaited, repeats):
        if isinstance(node, _ast.Return) and body is self.module:
            self.tail = node.value
        self.children(node, body, straight, repeats)
        return LEAVES

    def breaking(self, node, body, straight, awaited, repeats):
        return BREAKS if isinstance(node, _ast.Break) else 0

    def yielding(self, node, body, straight, awaited, repeats):
        body.may_run_elsewhere = True  # a generator's body does not run when it is called
        return self.children(node, body, straight, repeats) | YIELDS

    def loop_over(self, node, body, straight, awaited, repeats):
        does = self.visit(node.iter, body, straight, False, repeats)
        inner = repeats if repeats == "endless" else "each"
        does |= self.visit(node.target, body, False, False, inner)
        does |= self.block(node.body, body, False, inner) & ~BREAKS
        return does | self.block(node.orelse, body, False, repeats)

    def loop_while(self, node, body, straight, awaited, repeats):
        inner = repeats if repeats == "endless" else "each"
        first = len(self.seen)
        does = self.visit(node.test, body, False, False, inner)
        within = self.block(node.body, body, False, inner)
        does |= within & ~BREAKS
        if isinstance(node.test, _ast.Constant) and node.test.value and not within and not self.in_try:
            does |= LEAVES  # what follows is never reached
            for index in range(first, len(self.seen)):
                one = self.seen[index]
                if one[1] is body:
                    self.seen[index] = (*one[:4], "endless", one[5])
        return does | self.block(node.orelse, body, False, repeats)

    def attempt(self, node, body, straight, awaited, repeats):
        outer, self.in_try = self.in_try, True
        does = self.children(node, body, False, repeats)
        self.in_try = outer
        return does

    def handler(self, node, body, straight, awaited, repeats):
        if node.name:
            self.bind(node.name)
        return self.children(node, body, False, repeats)

    def context(self, node, body, straight, awaited, repeats):
        does = 0
        outer, self.in_try = self.in_try, True  # it may take failures, too, those of the items after it as well
        for at, item in enumerate(node.items):
            does |= self.visit(item, body, straight and not at, False, repeats)
        does |= self.block(node.body, body, False, repeats)
        self.in_try = outer
        return does

    def comprehension(self, node, body, straight, awaited, repeats):
        inner = repeats if repeats == "endless" else "each"
        first, *others = node.generators
        does = self.visit(first.iter, body, straight, False, repeats)
        for child in (first.target, *first.ifs, *others):
            does |= self.visit(child, body, False, False, inner)
        for field in node._fields:
            if field != "generators":
                does |= self.visit(getattr(node, field), body, False, False, inner)
        return does

    def function(self, node, body, straight, awaited, repeats):
        inner = Body(node, bool(node.decorator_list))
        self.bind(node.name)
        self.functions[node.name] = inner
        for outer in (*node.decorator_list, node.args):
            self.visit(outer, body, False, False, repeats)
        self.inside(self.block, node.body, inner, True)
        return 0

    def function_expression(self, node, body, straight, awaited, repeats):
        self.visit(node.args, body, False, False, repeats)
        self.inside(lambda child, *rest: self.visit(child, rest[0], False, False, "no"), node.body, Body(node), False)
        return 0

    def inside(self, visit, content, body, straight):
        outer, self.in_try = self.in_try, False
        visit(content, body, straight, "no")
        self.in_try = outer

    def parameter(self, node, body, straight, awaited, repeats):
        self.bind(node.arg)
        return 0

    def definition_of_class(self, node, body, straight, awaited, repeats):
        self.bind(node.name)
        for child in (*node.decorator_list, *node.bases, *node.keywords):
            # An exit by another name.
            self.hides |= bool(self.visit(child, body, False, False, repeats) & LEAVES)
        self.inside(self.block, node.body, Body(node), False)
        return 0

    def assignment(self, node, body, straight, awaited, repeats):
        targets = node.targets if isinstance(node, _ast.Assign) else [node.target]
        does = self.visit(node.value, body, straight, False, repeats) if node.value else 0
        for target in targets:
            if isinstance(target, _ast.Name) and node.value:
                self.bind(target.id, node.value)
                self.word(target.id, body)
            else:
                does |= self.visit(target, body, straight, False, repeats)
        return does

    def imports(self, node, body, straight, awaited, repeats):
        for alias in node.names:
            module = alias.name if isinstance(node, _ast.Import) else node.module or ""
            first, *rest = module.split(".")
            self.word(first, body)
            if alias.asname and alias.name in EXITS:
                self.hides = True
            ours = first in ("tools", "toolmill") and not getattr(node, "level", 0)
            if alias.name == "*":
                if ours and not rest:
                    for name in OURS:
                        self.bind(name, step((), False, name))
                else:
                    self.hides = True
            elif not ours:
                self.bind(alias.asname or alias.name.partition(".")[0])
            elif isinstance(node, _ast.Import):
                self.bind(alias.asname or first, (tuple(rest) if alias.asname else (), False))
            else:
                self.bind(alias.asname or alias.name, step(tuple(rest), False, alias.name))
        return 0

    def pattern(self, node, body, straight, awaited, repeats):
        for field in ("name", "rest"):
            if isinstance(getattr(node, field, None), str):
                self.bind(getattr(node, field))
        return self.children(node, body, False, repeats)

    def format_string(self, node, body, straight, awaited, repeats):
        outer = self.formatted
        # Before 3.12 the places within are not those of the source.
        if sys.version_info < (3, 12):
            self.formatted = outer or node
        does = self.children(node, body, straight, repeats)
        self.formatted = outer
        return does

    # What is called.

    def path_of(self, node):
        """Path of the tool that an expression is, and whether it names the form of its result; or None."""
        if isinstance(node, _ast.Name):
            return self.path_of_name(node.id)
        if isinstance(node, _ast.Attribute):
            tool = self.path_of(node.value)
            return tool and step(*tool, node.attr)
        if isinstance(node, _ast.Subscript):
            key = node.slice
            tool = self.path_of(node.value)
            if tool and isinstance(key, _ast.Constant) and isinstance(key.value, str):
                return tool[0] + (key.value,), False
        return None

    def path_of_name(self, name):
        if name not in self.resolved:
            self.resolved[name] = None  # for one that is bound to itself
            if name in self.bindings and (name in OURS or not hasattr(builtins, name)):
                found = {
                    value if isinstance(value, tuple) else None if value is UNKNOWN else self.path_of(value)
                    for value in self.bindings[name]
                }
                self.resolved[name] = found.pop() if len(found) == 1 else None
            elif name in OURS:
                self.resolved[name] = step((), False, name)
        return self.resolved[name]

    # What is said of it.

    def told(self, source, begun):
        """The calls as the host reads them; `begun` are those that do not wait for their answer."""
        lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.written.sort(key=lambda one: (one[0].lineno, one[0].col_offset))
        calls = []
        for node, path, body, straight, awaited, repeats, formatted in self.written:
            fields = arguments(node, path, Text(lines, formatted))
            if fields:
                fields["certain"] = straight and body.is_certain and (awaited or node not in begun)
                fields["repeats"] = "each" if repeats == "endless" and self.cancels else repeats
                calls.append(fields)
            if len(calls) == MOST_CALLS:
                break
        return calls


def step(path, is_form, name):
    """What the attribute `name` of a tool is: the same as in `Tool.__getattr__`."""
    if not path and name == "tools":
        return (), False
    if name.startswith("__") and name.endswith("__"):
        return None
    if name in ("raw", "keep") and len(path) > 1 and not is_form:
        return path, True
    return path + (name,), False


def keeps_failures(gather):
    """`gather(…, return_exceptions=True)`, or what may be it."""
    return any(
        keyword.arg in (None, "return_exceptions")
        and not (isinstance(keyword.value, _ast.Constant) and keyword.value.value is False)
        for keyword in gather.keywords
    )


class Text:
    """The source as far as a call is concerned."""

    def __init__(self, lines, formatted):
        self.lines, self.formatted = lines, formatted

    def place(self, first, last):
        """From the start of one node to the end of another, as far as that is on one line."""
        first, last = self.formatted or first, self.formatted or last
        line = self.lines[first.lineno - 1]
        end = characters(line, last.end_col_offset) if last.end_lineno == first.lineno else len(line.rstrip())
        return {"line": first.lineno, "column": characters(line, first.col_offset) + 1, "end_column": end + 1}

    def written(self, node, first=None):
        fields = self.place(first or node, node)
        if not self.formatted and node.lineno == node.end_lineno:
            line = self.lines[node.lineno - 1]
            text = line[characters(line, node.col_offset) : characters(line, node.end_col_offset)]
            if len(text) <= MOST_TEXT:
                fields["text"] = text
        try:
            value = literal(node)
            if value is not UNKNOWN and len(plain_json(value)) <= MOST_VALUE:
                fields["value"] = value
        except Exception:
            pass  # nothing that JSON has
        return fields


def characters(line, offset):
    return offset if line.isascii() else len(line.encode("utf-8", "replace")[:offset].decode("utf-8", "ignore"))


def literal(node):
    if isinstance(node, _ast.Constant):
        value = node.value
        finite = isinstance(value, float) and value - value == 0
        return value if value is None or finite or isinstance(value, (str, int)) else UNKNOWN
    if isinstance(node, _ast.UnaryOp) and isinstance(node.op, _ast.USub):
        value = literal(node.operand)
        return -value if type(value) in (int, float) else UNKNOWN
    if isinstance(node, (_ast.List, _ast.Tuple)):
        values = [literal(item) for item in node.elts]
        return UNKNOWN if UNKNOWN in values else values
    if isinstance(node, _ast.Dict):
        values = {}
        for key, item in zip(node.keys, node.values):
            name, value = literal(key), literal(item)
            if not isinstance(name, str) or value is UNKNOWN:
                return UNKNOWN
            values[name] = value
        return values
    return UNKNOWN


def arguments(node, path, text):
    """A call as the host reads it, or None if its path is made at run time."""
    positional, named, is_open = list(node.args), {}, False
    if path == ("call_tool",):
        first = positional.pop(0) if positional else None
        if not isinstance(first, _ast.Constant) or not isinstance(first.value, str):
            return None
        path = (first.value[6:] if first.value.startswith("tools.") else first.value,)
        if len(positional) == 1:
            is_open = not named_by(positional.pop(), text, named)
    written = []
    for argument in positional:
        if isinstance(argument, _ast.Starred):
            is_open = True
            break
        written.append(text.written(argument))
    for keyword in node.keywords:
        if keyword.arg is None:
            is_open |= not named_by(keyword.value, text, named)
        else:
            named[keyword.arg] = text.written(keyword.value, keyword)
    if len(written) + len(named) > MOST_ARGUMENTS:
        return None
    fields = {"path": ".".join(path), "positional": written, "named": list(named.items()), "open": is_open}
    return {**fields, **text.place(node, node)}


def named_by(node, text, named):
    """Adds the arguments that an object has; whether all can be read. What stands before a part that
    cannot be read may be replaced by it."""
    if not isinstance(node, _ast.Dict):
        return False
    whole, here = True, {}
    for key, value in zip(node.keys, node.values):
        if isinstance(key, _ast.Constant) and isinstance(key.value, str):
            here[key.value] = text.written(value, key)
        else:
            whole = False
            here.clear()
    named.update(here)
    return whole


SPECIAL = {
    _ast.Name: Calls.name,
    _ast.Attribute: Calls.attribute,
    _ast.Call: Calls.call,
    _ast.Constant: Calls.nothing,
    _ast.Await: Calls.awaiting,
    _ast.Starred: Calls.transparent,
    _ast.List: Calls.transparent,
    _ast.Tuple: Calls.transparent,
    _ast.If: Calls.condition,
    _ast.IfExp: Calls.condition,
    _ast.BoolOp: Calls.first_only,
    _ast.Compare: Calls.compare,
    _ast.Assert: Calls.uncertain,
    _ast.Return: Calls.leaving,
    _ast.Raise: Calls.leaving,
    _ast.Break: Calls.breaking,
    _ast.Yield: Calls.yielding,
    _ast.YieldFrom: Calls.yielding,
    _ast.For: Calls.loop_over,
    _ast.AsyncFor: Calls.loop_over,
    _ast.While: Calls.loop_while,
    _ast.Try: Calls.attempt,
    _ast.ExceptHandler: Calls.handler,
    _ast.With: Calls.context,
    _ast.AsyncWith: Calls.context,
    _ast.ListComp: Calls.comprehension,
    _ast.SetComp: Calls.comprehension,
    _ast.DictComp: Calls.comprehension,
    _ast.GeneratorExp: Calls.comprehension,
    _ast.comprehension: Calls.uncertain,
    _ast.FunctionDef: Calls.function,
    _ast.AsyncFunctionDef: Calls.function,
    _ast.Lambda: Calls.function_expression,
    _ast.ClassDef: Calls.definition_of_class,
    _ast.arg: Calls.parameter,
    _ast.Assign: Calls.assignment,
    _ast.AnnAssign: Calls.assignment,
    _ast.NamedExpr: Calls.assignment,
    _ast.Import: Calls.imports,
    _ast.ImportFrom: Calls.imports,
    _ast.JoinedStr: Calls.format_string,
}
for _kind, _method in (
    ("TryStar", Calls.attempt), ("TypeAlias", Calls.uncertain), ("match_case", Calls.uncertain),
    ("MatchAs", Calls.pattern), ("MatchStar", Calls.pattern), ("MatchMapping", Calls.pattern),
    ("TemplateStr", Calls.format_string),
):  # fmt: skip
    if hasattr(_ast, _kind):
        SPECIAL[getattr(_ast, _kind)] = _method
