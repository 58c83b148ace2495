"""A program with a top-level `return`: its module becomes the body of a function."""


def bound_names(node, names):
    """Adds what a statement binds in its own scope."""
    if isinstance(node, _ast.Name) and not isinstance(node.ctx, _ast.Load):
        names[node.id] = None
    elif isinstance(node, _ast.alias):
        names[node.asname or node.name.partition(".")[0]] = None
    elif isinstance(node, (_ast.Global, _ast.Nonlocal)):
        names.update(dict.fromkeys(node.names))
    for field in ("name", "rest"):  # of handlers, of match patterns, of definitions
        if not isinstance(node, _ast.alias) and isinstance(getattr(node, field, None), str):
            names[getattr(node, field)] = None
    comprehension = isinstance(node, (_ast.ListComp, _ast.SetComp, _ast.DictComp, _ast.GeneratorExp))
    for field in node._fields:
        inner_scope = field in ("body", "args") and isinstance(
            node, (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef, _ast.Lambda)
        )
        children = getattr(node, field, None)
        for child in children if isinstance(children, list) else [children]:
            if not isinstance(child, _ast.AST) or inner_scope:
                continue
            if comprehension and isinstance(child, _ast.comprehension):
                # Its target is its own; a walrus beside it binds outside.
                for part_of_it in [child.iter, *child.ifs]:
                    bound_names(part_of_it, names)
            else:
                bound_names(child, names)


def without_annotations(body):
    """An annotated name cannot be declared global."""
    for index, statement in enumerate(body):
        if isinstance(statement, _ast.AnnAssign) and isinstance(statement.target, _ast.Name):
            if statement.value is None:
                body[index] = _ast.Pass(**place_of(statement))
            else:
                body[index] = _ast.Assign([statement.target], statement.value, **place_of(statement))
        elif not isinstance(statement, (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef)):
            for field in ("body", "orelse", "finalbody"):
                without_annotations(getattr(statement, field, None) or [])
            for field in ("handlers", "cases"):
                for case in getattr(statement, field, ()):
                    without_annotations(case.body)


def star_import(node):
    if isinstance(node, _ast.ImportFrom) and node.names[0].name == "*":
        return node
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, ()):
            found = star_import(child)
            if found:
                return found
    return None


def wrap(tree, awaits):
    """Every name the module binds stays global, so its functions see it and it can be found later."""
    star = star_import(tree)
    if star:
        message = "`import *` and a top-level return do not go together; import names, or end with an expression"
        raise SyntaxError(message, ("<program>", star.lineno, star.col_offset + 1, None))
    is_future = [isinstance(s, _ast.ImportFrom) and s.module == "__future__" for s in tree.body]
    futures = [s for s, future in zip(tree.body, is_future) if future]
    body = [s for s, future in zip(tree.body, is_future) if not future]
    names = {}
    for statement in body:
        bound_names(statement, names)
    without_annotations(body)
    first, last = place_of(body[0]), place_of(body[-1])
    if names:
        body.insert(0, _ast.Global(list(names), **first))
    builtins.__dict__["<nothing>"] = NOTHING
    body.append(_ast.Return(_ast.Name("<nothing>", _ast.Load(), **last), **last))
    arguments = _ast.arguments([], [], None, [], [], None, [])
    definition = (_ast.AsyncFunctionDef if awaits else _ast.FunctionDef)("<main>", arguments, body, [], None, **first)
    if "type_params" in definition._fields:
        definition.type_params = []
    tree.body = futures + [definition]
