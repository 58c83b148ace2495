"""JSON of values that are not plain data, and errors that say where the trouble is.

Arguments are strict: what the tool would get must be what was written. The program's value is
lenient: it is read by a model, and the nearest JSON is better than an error.
"""

ITEMS = 1_000_000


class Writer:
    def __init__(self, root, strict, notes):
        self.strict = strict
        self.notes = notes
        self.path = [root]
        self.inside = set()
        self.text = []

    def here(self):
        steps = [
            f"[{step}]" if isinstance(step, int) else f".{step}" if step.isidentifier() else f"[{step!r}]"
            for step in self.path[1:]
        ]
        if len(steps) > 12:
            steps[8:-2] = ["…"]
        return self.path[0] + "".join(steps)

    def refuse(self, what, hint, kind=TypeError):
        error = kind(f"{self.here()} {what}")
        error._report = {"code": "invalid_argument" if self.strict else "exception", "hint": hint}
        raise error

    def note(self, what):
        if len(self.notes) < 20:
            self.notes.append(f"{self.here()} {what}")

    def write(self, value):
        if value is None or value is True or value is False:
            self.text.append({None: "null", True: "true", False: "false"}[value])
        elif isinstance(value, str):
            self.text.append(_json.encode_basestring(value))
        elif isinstance(value, int):
            self.text.append(int.__repr__(value))
        elif isinstance(value, float):
            self.write_number(value, float.__repr__(value))
        elif type(value).__name__ == "Decimal" and type(value).__module__ == "decimal":
            self.write_number(value, str(value))
        else:
            if len(self.path) > DEPTH:
                self.refuse(f"is nested more than {DEPTH} deep", "flatten it")
            if id(value) in self.inside:
                self.refuse("contains itself", "leave the reference to the container out")
            self.inside.add(id(value))
            if isinstance(value, dict):
                self.write_object(value.items())
            elif isinstance(value, (list, tuple)):
                self.write_array(value)
            else:
                self.write_other(value)
            self.inside.discard(id(value))

    def write_number(self, value, digits):
        if value - value == 0:
            self.text.append(digits)
        elif self.strict:
            self.refuse(f"is {digits}, which JSON does not have", "pass a finite number or None", ValueError)
        else:
            self.note(f"was {digits} and became null")
            self.text.append("null")

    def write_array(self, items):
        self.text.append("[")
        for index, item in enumerate(items):
            if index == ITEMS:
                self.refuse(f"has more than {ITEMS:,} items", "take part of it: itertools.islice")
            if index:
                self.text.append(",")
            self.path.append(index)
            self.write(item)
            self.path.pop()
        self.text.append("]")

    def write_object(self, items):
        self.text.append("{")
        for index, (key, item) in enumerate(items):
            if index:
                self.text.append(",")
            name = self.name_of(key)
            self.text.append(_json.encode_basestring(name) + ":")
            self.path.append(name)
            self.write(item)
            self.path.pop()
        self.text.append("}")

    def name_of(self, key):
        if isinstance(key, str):
            return str.__str__(key)
        if key is None or isinstance(key, bool):
            return {None: "null", True: "true", False: "false"}[key]
        if isinstance(key, (int, float)):
            return (int if isinstance(key, int) else float).__repr__(key)
        if hasattr(key, "isoformat"):
            return key.isoformat()
        if is_enum(key):
            return self.name_of(key.value)
        if self.strict:
            self.refuse(f"has a {type(key).__name__} for a key", "use strings for keys")
        return str(key)

    def write_other(self, value):
        kind = type(value)
        name = kind.__name__
        if hasattr(kind, "__dataclass_fields__"):
            self.write_object([(field, getattr(value, field)) for field in kind.__dataclass_fields__])
        elif is_enum(value):
            self.write(value.value)
        elif kind.__module__ == "datetime" and hasattr(value, "isoformat"):
            self.write(value.isoformat())
        elif kind.__module__ in ("datetime", "uuid", "pathlib", "pathlib._local", "fractions", "ipaddress"):
            self.write(str(value))
        elif isinstance(value, Tool):
            self.refuse(f"is the tool {value!r}, not its result", "call it")
        elif self.strict and hasattr(kind, "as_argument"):
            self.write(value.as_argument())
        elif hasattr(kind, "plain_value"):
            self.write(value.plain_value())
        elif isinstance(value, (bytes, bytearray, memoryview)):
            self.write_bytes(bytes(value))
        elif hasattr(kind, "keys") and hasattr(kind, "__getitem__"):
            self.write_object([(key, value[key]) for key in value.keys()])
        elif hasattr(kind, "__iter__") and self.strict:
            self.refuse(f"is of type {name}, which JSON does not have", "pass a list: list(…) or sorted(…)")
        elif isinstance(value, (set, frozenset)):
            try:
                self.write_array(sorted(value))
            except TypeError:
                self.write_array(sorted(value, key=lambda item: (type(item).__name__, repr(item))))
        elif hasattr(kind, "__iter__") and not hasattr(kind, "fileno"):
            self.write_array(value)
        elif isinstance(value, BaseException) and not self.strict:
            self.write({"error": f"{name}: {value}"})
        else:
            self.refuse(f"is of type {name}, which JSON does not have", "use its fields, or str(…)")

    def write_bytes(self, value):
        if self.strict:
            self.refuse("is bytes, which JSON does not have", "pass text: .decode(), or base64.b64encode(…).decode()")
        try:
            self.write(value.decode())
        except UnicodeDecodeError:
            self.refuse("is bytes that are not UTF-8 text", "base64.b64encode(…).decode() makes text of them")


def is_enum(value):
    return "enum" in sys.modules and isinstance(value, sys.modules["enum"].Enum)


def value_json(value, notes):
    writer = Writer("value", False, notes)
    writer.write(value)
    return "".join(writer.text)


def call_json(path, positional, named, form):
    """A call whose arguments are not all plain data."""
    writer = Writer(f"{path}: args", True, [])
    writer.text.append(f'{{"path":{plain_json(path)},"form":{plain_json(form)},"positional":')
    writer.write_array(positional)
    writer.text.append(',"named":')
    writer.write_object(named.items())
    writer.text.append("}")
    return "".join(writer.text)
