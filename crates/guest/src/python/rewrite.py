"""Position decides: where a tool call stands says whether it blocks or is begun and awaited later.

A call in an *awaiting position* (operand of `await`, argument of `gather` and its like, or a value
that gets there through displays, comprehensions and names) is begun at once and gives an awaitable.
Everywhere else it blocks and gives its value. There `f(x)` becomes `<begin>(f)(x)`, so what `f` is
need not be known: `<begin>` gives a tool's starter, and anything else back. The analysis goes by
name; where a name that is awaited somewhere is used plainly, `<value>` waits for what it holds.

A coroutine of the program's own does nothing until it is awaited. One that is called in no awaiting
position is awaited there, which is noted; everything put around it lets plain values pass.

A call is sent when it is begun. Where others may follow at once, in a comprehension or as the operand
of an `await` in one of many tasks, `<burst>` lets it wait for them, but not past the end of the
comprehension, which `<sent>` marks, or of the loop's turn.
"""
import ast

COMBINATORS = {
    "gather", "wait", "wait_for", "as_completed", "create_task", "ensure_future", "shield", "run",
    "run_until_complete", "run_coroutine_threadsafe",
}  # fmt: skip
TRANSPARENT = {"list", "tuple", "set", "dict", "zip", "enumerate", "reversed", "iter", "next", "sorted", "map", "filter"}
JOINING = {"gather", "wait", "wait_for", "sleep", "to_thread"}  # of asyncio: useless unless awaited
APPLYING = {"map", "filter", "submit", "starmap", "reduce"}  # their first argument is called, and its value used
CONSUMING = {"sum", "any", "all", "list", "tuple", "set", "dict", "sorted", "max", "min", "join", "len", "enumerate"}
ASKING = {"type", "isinstance", "iscoroutine", "isawaitable", "repr"}  # about the coroutine itself
ADDING = {"append", "appendleft", "add", "extend", "insert", "update", "setdefault", "put", "put_nowait"}
TAKING = {"values", "items", "copy", "pop", "popleft", "popitem", "get"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
ASYNCHRONOUS = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Scope:
    def __init__(self, node, parent):
        self.node, self.parent = node, parent
        self.bound, self.elsewhere = set(), set()

    def owner(self, name):
        """The scope whose variable `name` is here."""
        scope = self
        while scope.parent:
            visible = scope is self or not isinstance(scope.node, ast.ClassDef)
            if visible and name in scope.bound and name not in scope.elsewhere:
                return scope
            scope = scope.parent
        return scope

    def function(self):
        """The function, class or module whose body this is."""
        scope = self
        while isinstance(scope.node, COMPREHENSIONS):
            scope = scope.parent
        return scope


class Rewriting(ast.NodeTransformer):
    def __init__(self, tree, notes):
        self.notes = notes
        self.module_awaits = False
        self.relevant = False  # there is anything asynchronous in the program
        self.flows = []  # (target, value): what is bound to a target comes from the value
        self.additions = []  # (name node, values): values added to a container
        self.awaited = []
        self.combined = []  # arguments of those that wait for several
        self.taken = []  # arguments of the other combinators
        self.aliases = {"asyncio": "asyncio"}  # names of the program: the name in asyncio
        self.functions = {}
        self.marked, self.mapped, self.reaching = set(), set(), set()
        self.reaching_attributes = set()
        self.carrying = set()  # expressions whose values are awaited sooner or later
        self.holding = set()  # names that hold what was begun, or containers of it
        self.classes = set()
        self.kept = set()  # calls of coroutine functions that others await
        self.returned = []  # (function that is not a coroutine's, call that it returns)
        self.passing = []  # (name of what is called, call)
        self.asynchronous, self.asynchronous_methods = set(), set()  # names of those that give a coroutine
        self.bursting = set()  # comprehensions of calls
        self.listed = set()  # generator expressions that become lists
        self.added = []  # (line, name) of each await that is added
        self.survey(tree, Scope(tree, None))
        if not self.relevant:
            return
        self.find_coroutines()
        self.find_positions()
        self.find_holders()
        self.tail = tail_of(tree.body)
        self.visit(tree)
        self.note_added()

    def survey(self, node, scope):
        """Notes each node's scope, and what flows where."""
        node.scope = scope
        children = list(ast.iter_child_nodes(node))
        inner = scope
        if isinstance(node, FUNCTIONS):
            inner = node.inner = Scope(node, scope)
            if not isinstance(node, ast.Lambda):
                scope.bound.add(node.name)
                self.functions[node.name] = node
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            inner.bound.update(argument.arg for argument in every if argument)
            body = node.body if isinstance(node.body, list) else [node.body]
            for child in children:
                self.survey(child, inner if child in body else scope)
        elif isinstance(node, ast.ClassDef):
            scope.bound.add(node.name)
            self.classes.add(node.name)
            inner = Scope(node, scope)
            for child in children:
                self.survey(child, inner if child in node.body else scope)
        elif isinstance(node, COMPREHENSIONS):
            inner = Scope(node, scope)
            for generator in node.generators:
                inner.bound.update(name.id for name in ast.walk(generator.target) if isinstance(name, ast.Name))
            for child in children:
                self.survey(child, inner)
        else:
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                scope.bound.add(node.id)
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                scope.elsewhere.update(node.names)
            elif isinstance(node, ast.ExceptHandler) and node.name:
                scope.bound.add(node.name)
            for child in children:
                self.survey(child, scope)
        self.survey_flow(node, scope)

    def survey_flow(self, node, scope):
        if isinstance(node, ASYNCHRONOUS) or getattr(node, "is_async", 0):
            self.relevant = True
        if isinstance(node, ast.Await):
            self.awaited.append(node.value)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                scope.bound.add(name)
                if isinstance(node, ast.Import) and alias.name.partition(".")[0] == "asyncio":
                    self.relevant = True
                    self.aliases[name] = "asyncio"
                elif isinstance(node, ast.ImportFrom) and node.module == "asyncio":
                    self.relevant = True
                    for combinator in COMBINATORS if alias.name == "*" else [alias.name]:
                        self.aliases[combinator if alias.name == "*" else name] = combinator
        elif isinstance(node, ast.Assign):
            if isinstance(node.value, ast.Lambda) and isinstance(node.targets[0], ast.Name):
                self.returned.append((self.asynchronous, node.targets[0].id, node.value.body))
            for target in node.targets:
                self.flow(target, node.value)
                if isinstance(target, ast.Name) and self.combinator(node.value):
                    self.aliases[target.id] = self.combinator(node.value)
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and node.value:
            self.flow(node.target, node.value)
        elif isinstance(node, ast.NamedExpr):
            scope.function().bound.add(node.target.id)
            self.flow(node.target, node.value)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            self.flow(node.target, node.iter)
        elif isinstance(node, ast.Call):
            arguments = [*node.args, *[keyword.value for keyword in node.keywords]]
            combinator = self.combinator(node.func)
            if combinator:
                together = combinator in ("gather", "wait", "as_completed")
                (self.combined if together else self.taken).extend(arguments)
            elif isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
                if isinstance(node.func.value, (ast.Name, ast.Attribute)):
                    self.additions.append((node.func.value, arguments))
            if name_of(node.func):
                self.passing.append((name_of(node.func), node))
        elif isinstance(node, ast.Lambda):
            self.keep(node.body)
        elif isinstance(node, ast.Return) and node.value and isinstance(scope.function().node, ast.FunctionDef):
            self.keep(node.value)
            function = scope.function().node
            self.returned.append((self.names_like(function), function.name, node.value))

    def flow(self, target, value):
        if isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
            if len(target.elts) == len(value.elts):
                for inner, part_of_it in zip(target.elts, value.elts):
                    self.flow(inner, part_of_it)
                return
        self.flows.append((target, value))

    def combinator(self, called):
        """The combinator of asyncio that an expression names."""
        if isinstance(called, ast.Name):
            name = self.aliases.get(called.id)
            return name if name in COMBINATORS else None
        if isinstance(called, ast.Attribute) and called.attr in COMBINATORS:
            root = called.value
            while isinstance(root, (ast.Attribute, ast.Subscript)):
                root = root.value
            # Tools may have such names, too.
            if not (isinstance(root, ast.Name) and root.id == "tools"):
                return called.attr
        return None

    def keep(self, node):
        """Says that whoever gets the value of an expression awaits it, if it is a coroutine."""
        if isinstance(node, ast.Call):
            self.kept.add(node)
        else:
            for child in self.carried(node):
                self.keep(child)

    def find_coroutines(self):
        """Finds the functions that give a coroutine: by themselves, or of one that does."""
        for name, function in self.functions.items():
            if isinstance(function, ast.AsyncFunctionDef) and not yields(function):
                self.names_like(function).add(name)
        known = -1
        while known != len(self.asynchronous) + len(self.asynchronous_methods):
            known = len(self.asynchronous) + len(self.asynchronous_methods)
            for names, name, value in self.returned:
                if isinstance(value, ast.Call) and self.is_asynchronous(value.func):
                    names.add(name)

    def names_like(self, function):
        return self.asynchronous_methods if isinstance(function.scope.node, ast.ClassDef) else self.asynchronous

    def is_asynchronous(self, called):
        """Whether what is called gives a coroutine."""
        if isinstance(called, ast.Name):
            return called.id in self.asynchronous or self.aliases.get(called.id) in JOINING
        if not isinstance(called, ast.Attribute):
            return False
        if called.attr in JOINING and self.is_asyncio(called.value):
            return True
        if called.attr not in self.asynchronous_methods:
            return False
        # Of a name that dicts and lists have as well, only their own use is sure.
        own = isinstance(called.value, ast.Name) and called.value.id == "self"
        return own or not any(hasattr(kind, called.attr) for kind in (dict, list, set, str))

    def is_asyncio(self, node):
        return isinstance(node, ast.Name) and self.aliases.get(node.id) == "asyncio"

    def find_positions(self):
        for node in self.combined:
            self.mark(node, combined=True)
        for node in self.awaited + self.taken:
            self.mark(node)
        known = -1
        while known != len(self.reaching) + len(self.reaching_attributes):
            known = len(self.reaching) + len(self.reaching_attributes)
            for target, value in self.flows:
                if any(self.reaches(name) for name in ast.walk(target)):
                    self.mark(value)
            for name, call in self.passing:
                self.pass_on(self.functions.get(name), call)
            for name, values in self.additions:
                if self.reaches(name):
                    for value in values:
                        self.mark(value)

    def find_holders(self):
        self.holding |= self.reaching
        known = -1
        while known != len(self.holding):
            known = len(self.holding)
            for target, value in self.flows:
                if self.holds(value):
                    names = [name for name in ast.walk(target) if isinstance(name, ast.Name)]
                    self.holding.update((name.scope.owner(name.id), name.id) for name in names)
            for name, values in self.additions:
                if isinstance(name, ast.Name) and any(self.holds(value) for value in values):
                    self.holding.add((name.scope.owner(name.id), name.id))

    def holds(self, node):
        """Whether the value of an expression may be, or hold, what was begun and not awaited."""
        if isinstance(node, ast.Name):
            return (node.scope.owner(node.id), node.id) in self.holding
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in TRANSPARENT:
                return any(self.holds(argument) for argument in node.args)
            if isinstance(called, ast.Attribute) and self.takes(called.attr):
                return self.holds(called.value)
            return node in self.marked
        return any(self.holds(child) for child in self.carried(node))

    def takes(self, name):
        """Whether a method of this name takes something out of a container: one of the program's own
        that is async does not."""
        return name in TAKING and not isinstance(self.functions.get(name), ast.AsyncFunctionDef)

    def pass_on(self, function, call):
        """Arguments that a function of the program's own awaits."""
        if function is None:
            return
        parameters = [*function.args.posonlyargs, *function.args.args]
        if isinstance(call.func, ast.Attribute) and isinstance(function.scope.node, ast.ClassDef):
            parameters = parameters[1:]
        rest = function.args.vararg
        for index, argument in enumerate(call.args):
            parameter = parameters[index] if index < len(parameters) else rest
            if parameter and (function.inner, parameter.arg) in self.reaching:
                self.mark(argument)
        for keyword in call.keywords:
            if (function.inner, keyword.arg) in self.reaching:
                self.mark(keyword.value)

    def reaches(self, node):
        if isinstance(node, ast.Attribute):
            return node.attr in self.reaching_attributes
        return isinstance(node, ast.Name) and (node.scope.owner(node.id), node.id) in self.reaching

    def mark(self, node, combined=False):
        """Says that the value of an expression is awaited, sooner or later."""
        self.carrying.add(node)
        if isinstance(node, ast.Name):
            self.reaching.add((node.scope.owner(node.id), node.id))
        elif isinstance(node, ast.Attribute):
            self.reaching_attributes.add(node.attr)
        elif isinstance(node, ast.Call):
            self.mark_call(node, combined)
        else:
            for child in self.carried(node):
                self.mark(child, combined)

    def carried(self, node):
        """The expressions whose values are, or are in, the value of an expression."""
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return node.elts
        if isinstance(node, (ast.Starred, ast.Subscript, ast.NamedExpr)):
            return [node.value]
        if isinstance(node, ast.Dict):
            return node.values
        if isinstance(node, ast.DictComp):
            return [node.value]
        if isinstance(node, COMPREHENSIONS):
            return [node.elt]
        if isinstance(node, ast.IfExp):
            return [node.body, node.orelse]
        if isinstance(node, ast.BoolOp):
            return node.values
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [node.left, node.right]
        return []

    def mark_call(self, node, combined):
        called = node.func
        if isinstance(called, ast.Name) and called.id in TRANSPARENT:
            arguments = node.args
            if called.id in ("map", "filter") and arguments:
                function, *arguments = arguments
                if isinstance(function, ast.Lambda):
                    self.mark(function.body, combined)
                elif called.id == "map":
                    self.mapped.add(function)
            for argument in arguments:
                self.mark(argument, combined)
        elif isinstance(called, ast.Attribute) and self.takes(called.attr) and not isinstance(called.value, ast.Call):
            self.mark(called.value)
        else:
            self.marked.add(node)
            if combined and isinstance(called, ast.Name):
                self.note_turns(node, self.functions.get(called.id))

    def note_turns(self, node, function):
        if function is None or any(isinstance(inner, (ast.Await, ast.AsyncFor)) for inner in ast.walk(function)):
            return
        if any(isinstance(inner, ast.Name) and inner.id == "tools" for inner in ast.walk(function)):
            already = isinstance(function, ast.AsyncFunctionDef)
            self.notes.append(
                f"line {node.lineno}: {function.name}() ran one after another; to run in parallel, "
                f"{'await its tool calls' if already else 'make it `async def` and await its tool calls'}"
            )

    def visit(self, node):
        mapped = node in self.mapped
        node = super().visit(node)
        return self.called("<begin>", node) if mapped else node

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node not in self.carrying and self.holds(node):
            return self.called("<value>", node)
        return node

    def visit_Subscript(self, node):
        is_held = isinstance(node.ctx, ast.Load) and node not in self.carrying and self.holds(node)
        self.generic_visit(node)
        return self.called("<value>", node) if is_held else node

    def visit_Call(self, node):
        name = name_of(node.func)
        if name in ASKING or name in self.classes or self.is_asyncio(getattr(node.func, "value", None)):
            arguments = [*node.args, *[keyword.value for keyword in node.keywords]]
            self.kept.update(argument for argument in arguments if isinstance(argument, ast.Call))
        is_taken = self.takes(name) and isinstance(node.func, ast.Attribute)
        is_held = is_taken and node not in self.carrying and self.holds(node)
        if name in CONSUMING and len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            if any(self.is_awaited(inner) for inner in ast.walk(node.args[0].elt)):
                self.listed.add(node.args[0])
        applied = []
        if name in APPLYING and node.args and node.args[0] not in self.mapped:
            applied.append(node.args[0])
        applied += [keyword.value for keyword in node.keywords if keyword.arg in ("key", "target")]
        applied = [function for function in applied if self.is_asynchronous(function)]
        self.generic_visit(node)
        for function in applied:
            self.added.append((node.lineno, name_of(function)))
            node.args = [self.called("<plain>", one) if one is function else one for one in node.args]
            for keyword in node.keywords:
                if keyword.value is function:
                    keyword.value = self.called("<plain>", function)
        if is_held:
            return self.called("<value>", node)
        if self.is_awaited(node):
            return self.wait_here(node)
        if node in self.marked:
            comprehension = node.scope.node
            in_burst = isinstance(comprehension, COMPREHENSIONS)
            if in_burst:
                self.bursting.add(comprehension)
            node.func = self.called("<burst>" if in_burst or node in self.awaited else "<begin>", node.func)
        return node

    def is_awaited(self, node):
        """Whether an await is missing or stands at this node."""
        if isinstance(node, ast.Call):
            return node not in self.marked and node not in self.kept and self.is_asynchronous(node.func)
        return isinstance(node, ast.Await)

    def wait_here(self, node):
        if node is not self.tail:
            self.added.append((node.lineno, name_of(node.func)))
        scope = node.scope
        function = scope.function().node
        nested = 0
        while isinstance(scope.node, COMPREHENSIONS):
            nested += 1
            if isinstance(scope.node, ast.GeneratorExp) and scope.node not in self.listed:
                return self.called("<block>", node)
            scope = scope.parent
        if not isinstance(function, (ast.AsyncFunctionDef, ast.Module)) or nested > 1 and sys.version_info < (3, 11):
            return self.called("<block>", node)
        self.module_awaits |= isinstance(function, ast.Module)
        return ast.copy_location(ast.Await(self.called("<await>", node)), node)

    def note_added(self):
        if self.added:
            lines = ", ".join(str(line) for line in sorted({line for line, _ in self.added})[:8])
            names = ", ".join(dict.fromkeys(f"{name}(...)" for _, name in self.added))
            self.notes.append(f"line{'s' * (len(lines.split()) > 1)} {lines}: await added before {names}")

    def visit_GeneratorExp(self, node):
        self.generic_visit(node)
        return ast.copy_location(ast.ListComp(node.elt, node.generators), node) if node in self.listed else node

    def visit_comprehension_of_calls(self, node):
        self.generic_visit(node)
        return self.called("<sent>", node) if node in self.bursting else node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_comprehension_of_calls

    def visit_Await(self, node):
        self.generic_visit(node)
        owner = node.scope.function().node
        if isinstance(owner, (ast.AsyncFunctionDef, ast.Module)):
            self.module_awaits |= isinstance(owner, ast.Module)
            node.value = self.called("<await>", node.value)
            return node
        self.notes.append(f"line {node.lineno}: await outside an async function waited there")
        return self.called("<block>", node.value)

    def visit_AsyncFor(self, node):
        self.generic_visit(node)
        self.module_awaits |= isinstance(node.scope.function().node, ast.Module)
        node.iter = self.called("<each>", node.iter)
        return node

    def visit_comprehension(self, node):
        self.generic_visit(node)
        if node.is_async:
            self.module_awaits |= isinstance(node.scope.function().node, ast.Module)
            node.iter = self.called("<each>", node.iter)
        return node

    def visit_AsyncWith(self, node):
        self.module_awaits |= isinstance(node.scope.function().node, ast.Module)
        return self.generic_visit(node)

    def called(self, name, node):
        """`name(node)`, at the node's place."""
        function = ast.copy_location(ast.Name(name, ast.Load()), node)
        return ast.copy_location(ast.Call(function, [node], []), node)


def name_of(called):
    """The last name of what is called: `f` of `f` and of `x.f`."""
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else None


def yields(function):
    """Whether a function is a generator."""
    left = list(function.body)
    while left:
        node = left.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            left += ast.iter_child_nodes(node)
    return False
