"""Values of earlier programs, by handle: found by a JSON pointer, read in slices."""


class Result:
    """A kept value or a part of it, of which only what is asked for is fetched.

    An array is read as a list is (`len`, index, slice, iteration), an object as a dict, a string as a
    str. `.value()` is all of it, `.at("/items/0")` a part, `.lines()` the lines of a text and
    `.json_lines()` what is in them.
    """

    def __init__(self, id, pointer=""):
        self.id, self.pointer = id, pointer
        outline = self._ask("outline")
        self.type, self.length, self.bytes = outline["type"], outline["length"], outline["bytes"]

    def _ask(self, wants, pointer=None, **range):
        pointer = self.pointer if pointer is None else pointer
        return tools.open_result(id=self.id, at=pointer, wants=wants, **range)

    def _parts(self, wants, start, stop):
        """The answers that together hold what is from `start` to before `stop`."""
        while stop is None or start < stop:
            to = {} if stop is None else {"to": stop}
            answer = self._ask(wants, **{"from": start}, **to)
            yield answer["items"]
            start = answer["end"]
            if answer["is_last"]:
                return

    def _is(self, *types):
        if self.type not in types:
            raise TypeError(f"{self!r} is of type {self.type}, not {' or '.join(types)}")

    def at(self, pointer):
        """The part that a JSON pointer (`/items/0/name`) leads to."""
        return Result(self.id, self.pointer + pointer)

    def value(self):
        """All of it."""
        return self._ask("value")

    def __len__(self):
        self._is("array", "object", "string")
        return self.length

    def __getitem__(self, key):
        if isinstance(key, slice):
            self._is("array", "string")
            start, stop, step = key.indices(self.length)
            if step < 0:
                return self[:][key]
            parts = list(self._parts("slice", start, stop))
            whole = "".join(parts) if self.type == "string" else [item for part in parts for item in part]
            return whole[::step]
        if self.type == "object":
            if not isinstance(key, str):
                raise KeyError(key)
            try:
                return self._ask("value", self.pointer + "/" + escaped(key))
            except ToolError as error:
                if "there is no member" in error.message:
                    raise KeyError(key) from None
                raise
        self._is("array", "string")
        if not hasattr(key, "__index__"):
            raise TypeError(f"{self!r} is read by numbers and slices, not by {type(key).__name__}")
        index = key.__index__()
        index += self.length if index < 0 else 0
        if not 0 <= index < self.length:
            raise IndexError(f"{self!r} has {self.length} elements")
        return self[index : index + 1][0]

    def __contains__(self, key):
        if self.type == "string":
            before = ""
            for part in self._parts("slice", 0, None):
                if key in before + part:
                    return True
                before = (before + part)[1 - len(key) :] if len(key) > 1 else ""
            return False
        return any(key == item for item in self)

    def __iter__(self):
        self._is("array", "object", "string")
        for part in self._parts("slice", 0, None):
            yield from part

    def keys(self):
        self._is("object")
        return list(self)

    def items(self):
        """Names and values of an object."""
        self._is("object")
        for part in self._parts("slice", 0, None):
            yield from part.items()

    def values(self):
        for _, value in self.items():
            yield value

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def lines(self, start=0, stop=None):
        """The lines of a string, without their ends, from the one at `start` to before `stop`."""
        self._is("string")
        for part in self._parts("lines", start, stop):
            yield from part

    def json_lines(self, start=0, stop=None):
        """What is in the lines of a string, each of which is JSON; empty ones are passed over."""
        import json

        for line in self.lines(start, stop):
            if line.strip():
                yield json.loads(line)

    def __repr__(self):
        return f"<result {self.id}{self.pointer}>"


def escaped(name):
    return name.replace("~", "~0").replace("/", "~1")
