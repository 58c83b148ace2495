"""Position decides: where a tool call stands says whether it blocks or is begun and awaited later.

A call in an *awaiting position* (operand of `await`, argument of `gather` and its like, or a value
that gets there through displays, comprehensions and names) is begun at once and gives an awaitable.
Everywhere else it blocks and gives its value. There `f(x)` becomes `<begin>(f)(x)`, so what `f` is
need not be known: `<begin>` gives a tool's starter, and anything else back. The analysis goes by
name; where a name is used both ways the awaitable itself stands in for its value.

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
ADDING = {"append", "appendleft", "add", "extend", "insert", "update", "setdefault", "put", "put_nowait"}
TAKING = {"values", "items", "copy", "pop", "popleft", "popitem"}
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
        self.combined = []  # arguments of combinators
        self.aliases = {}  # names of the program: the name in asyncio
        self.functions = {}
        self.marked, self.mapped, self.reaching = set(), set(), set()
        self.bursting = set()  # comprehensions of calls
        self.survey(tree, Scope(tree, None))
        if not self.relevant:
            return
        self.find_positions()
        self.visit(tree)

    def survey(self, node, scope):
        """Notes each node's scope, and what flows where."""
        node.scope = scope
        children = list(ast.iter_child_nodes(node))
        inner = scope
        if isinstance(node, FUNCTIONS):
            inner = Scope(node, scope)
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
            if self.combinator(node.func):
                self.combined += arguments
            elif isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
                if isinstance(node.func.value, ast.Name):
                    self.additions.append((node.func.value, arguments))

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

    def find_positions(self):
        for node in self.combined:
            self.mark(node, combined=True)
        for node in self.awaited:
            self.mark(node)
        known = -1
        while known != len(self.reaching):
            known = len(self.reaching)
            for target, value in self.flows:
                if any(self.reaches(name) for name in ast.walk(target)):
                    self.mark(value)
            for name, values in self.additions:
                if self.reaches(name):
                    for value in values:
                        self.mark(value)

    def reaches(self, node):
        return isinstance(node, ast.Name) and (node.scope.owner(node.id), node.id) in self.reaching

    def mark(self, node, combined=False):
        """Says that the value of an expression is awaited, sooner or later."""
        if isinstance(node, ast.Name):
            self.reaching.add((node.scope.owner(node.id), node.id))
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
        elif isinstance(called, ast.Attribute) and called.attr in TAKING and isinstance(called.value, ast.Name):
            self.mark(called.value)
        else:
            self.marked.add(node)
            if combined and isinstance(called, ast.Name):
                self.note_turns(node, self.functions.get(called.id))

    def note_turns(self, node, function):
        if function is None or any(isinstance(inner, (ast.Await, ast.AsyncFor)) for inner in ast.walk(function)):
            return
        if any(isinstance(inner, ast.Name) and inner.id == "tools" for inner in ast.walk(function)):
            self.notes.append(
                f"line {node.lineno}: {function.name}() ran one after another; to run in parallel, "
                f"make it `async def` and await its tool calls"
            )

    def visit(self, node):
        mapped = node in self.mapped
        node = super().visit(node)
        return self.called("<begin>", node) if mapped else node

    def visit_Call(self, node):
        self.generic_visit(node)
        if node in self.marked:
            comprehension = node.scope.node
            in_burst = isinstance(comprehension, COMPREHENSIONS)
            if in_burst:
                self.bursting.add(comprehension)
            node.func = self.called("<burst>" if in_burst or node in self.awaited else "<begin>", node.func)
        return node

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
