"""What is kept in the session, by handle: values found by a JSON pointer and read in slices, images and
other files as their bytes."""
import binascii
import json
import os
import re

FILES = ("image", "audio", "file")
# As an image in a result was before it was a handle.
MEMBERS = ("type", "mimeType", "data")
SUFFIXES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "svg": "image/svg+xml", "bmp": "image/bmp", "mp3": "audio/mpeg", "wav": "audio/wav", "ogg": "audio/ogg",
    "pdf": "application/pdf", "txt": "text/plain", "csv": "text/csv", "md": "text/markdown", "html": "text/html",
    "json": "application/json", "xml": "application/xml",
}  # fmt: skip
# A larger file is refused by the host.
SHOWN_BYTES = 3 << 20
# More than anything that is kept has.
MOST_LINES = 1 << 53


class Result:
    """Something that is kept, or a part of it, of which only what is asked for is fetched.

    An array is read as a list is (`len`, index, slice, iteration), an object as a dict, a string as a
    str, an image or another file as bytes. `.value()` is all of it, `.at("/items/0")` a part, `.lines()`
    the lines of a text and `.json_lines()` what is in them. Among the arguments of a tool it stands for
    what it holds: a value for itself, a file for its Base64, `.data_url()` for its data URL.
    """

    def __init__(self, id, pointer="", outline=None):
        self.id, self.pointer = id, pointer
        outline = outline or self._ask("outline")
        self.type, self.length, self.bytes = outline["type"], outline["length"], outline["bytes"]
        self.mime_type, self.uri = outline.get("mimeType"), outline.get("uri")

    def _ask(self, wants, pointer=None, **range):
        pointer = self.pointer if pointer is None else pointer
        return tools.open_result(id=self.id, at=pointer, wants=wants, **range)

    def _parts(self, wants, start, stop):
        """The answers that together hold what is from `start` to before `stop`."""
        while stop is None or start < stop:
            to = {} if stop is None else {"to": stop}
            answer = self._ask(wants, **{"from": start}, **to)
            yield binascii.a2b_base64(answer["items"]) if self.type in FILES else answer["items"]
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
        """All of it; of a file the bytes."""
        return self[:] if self.type in FILES else self._ask("value")

    def base64(self):
        """A file's bytes as text."""
        self._is(*FILES)
        return binascii.b2a_base64(self[:], newline=False).decode()

    def data_url(self):
        self._is(*FILES)
        return DataUrl(self)

    def save(self, path):
        """Writes a file into the workspace."""
        self._is(*FILES)
        with open(path, "wb") as file:
            for part in self._parts("slice", 0, None):
                file.write(part)

    def __bytes__(self):
        self._is(*FILES)
        return self[:]

    def __len__(self):
        self._is("array", "object", "string", *FILES)
        return self.length

    def __getitem__(self, key):
        if isinstance(key, slice):
            self._is("array", "string", *FILES)
            start, stop, step = key.indices(self.length)
            if step < 0:
                return self[:][key]
            parts = list(self._parts("slice", start, stop))
            if self.type in FILES:
                return b"".join(parts)[::step]
            whole = "".join(parts) if self.type == "string" else [item for part in parts for item in part]
            return whole[::step]
        if self.type in FILES and isinstance(key, str):
            if key == "resource" and self.uri:
                return {"uri": self.uri, "mimeType": self.mime_type, "blob": self.base64()}
            if key not in MEMBERS:
                raise KeyError(key)
            return self.base64() if key == "data" else self.mime_type if key == "mimeType" else self.type
        if self.type == "object":
            if not isinstance(key, str):
                raise KeyError(key)
            try:
                return self._ask("value", self.pointer + "/" + escaped(key))
            except ToolError as error:
                if "there is no member" in error.message:
                    raise KeyError(key) from None
                raise
        self._is("array", "string", *FILES)
        if not hasattr(key, "__index__"):
            raise TypeError(f"{self!r} is read by numbers and slices, not by {type(key).__name__}")
        index = key.__index__()
        index += self.length if index < 0 else 0
        if not 0 <= index < self.length:
            raise IndexError(f"{self!r} has {self.length} elements")
        return self[index : index + 1][0]

    def __contains__(self, key):
        if self.type in FILES:
            return key in MEMBERS if isinstance(key, str) else key in self[:]
        if self.type == "string":
            before = ""
            for part in self._parts("slice", 0, None):
                if key in before + part:
                    return True
                before = (before + part)[1 - len(key) :] if len(key) > 1 else ""
            return False
        return any(key == item for item in self)

    def __iter__(self):
        self._is("array", "object", "string", *FILES)
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
        """The lines of a string, without their ends, from the one at `start` to before `stop`; below 0 they
        count from the end."""
        self._is("string")
        if start < 0 or (stop is not None and stop < 0):
            # Where there is none, the host says how many there are.
            count = self._ask("lines", **{"from": MOST_LINES})["end"]
            start, stop, _ = slice(start, stop).indices(count)
        for part in self._parts("lines", start, stop):
            yield from part

    def json_lines(self, start=0, stop=None):
        """What is in the lines of a string, each of which is JSON; empty ones are passed over."""

        for line in self.lines(start, stop):
            if line.strip():
                yield json.loads(line)

    def __repr__(self):
        return f"<{self.type if self.type in FILES else 'result'} {self.id}{self.pointer}>"

    def as_argument(self):
        return f"{job['mark']}={self.id}{self.pointer}"

    def plain_value(self):
        """In the value of a program it is what it is, not what is in it."""
        if self.type in FILES:
            facts = {"type": self.type, "mimeType": self.mime_type, "bytes": self.bytes, "uri": self.uri}
        else:
            facts = {"pointer": self.pointer or None, "type": self.type, "length": self.length, "bytes": self.bytes}
        return {"$handle": self.id, **{name: fact for name, fact in facts.items() if fact is not None}}


def _default(encoder, value, otherwise=json.JSONEncoder.default):
    """What the program's own `json.dumps` writes of a handle: what its value would have."""
    return value.plain_value() if isinstance(value, (Result, DataUrl)) else otherwise(encoder, value)


json.JSONEncoder.default = _default


class DataUrl:
    """A file as a data URL, which the host makes where it stands among the arguments of a tool."""

    def __init__(self, result):
        self.result = result

    def as_argument(self):
        return f"{job['mark']}@{self.result.id}"

    def __str__(self):
        return f"data:{self.result.mime_type};base64,{self.result.base64()}"

    plain_value = __str__


def escaped(name):
    return name.replace("~", "~0").replace("/", "~1")


def held(answer):
    """The value of a call, as the host sends it."""
    values = [
        Result(part["handle"]["id"], "", part["handle"]) if "handle" in part else part["value"] for part in answer["parts"]
    ]
    return values[0] if answer["alone"] else values


def show(things, mime_type):
    for thing in things:
        if isinstance(thing, str) and re.fullmatch(r"r_[0-9]+", thing):
            thing = Result(thing)
        if isinstance(thing, (list, tuple)) and any(isinstance(one, Result) for one in thing):
            show(thing, mime_type)
        elif isinstance(thing, Result) and thing.type in FILES:
            tools.show(id=thing.id)
        elif isinstance(thing, (bytes, bytearray, memoryview)):
            show_bytes(bytes(thing), mime_type)
        elif isinstance(thing, os.PathLike) or names_a_file(thing):
            show_file(thing, mime_type)
        elif isinstance(thing, Result):
            print(thing.value())
        elif isinstance(thing, dict) and isinstance(thing.get("resource"), dict) and "text" in thing["resource"]:
            print(thing["resource"]["text"])
        else:
            print(thing)


def names_a_file(thing):
    return isinstance(thing, str) and len(thing) < 4096 and "\n" not in thing and "\0" not in thing and os.path.isfile(thing)


def show_file(path, mime_type):
    if os.path.getsize(path) > SHOWN_BYTES:
        raise ValueError(f"{path} has {os.path.getsize(path):,} bytes; at most {SHOWN_BYTES:,} can be shown")
    suffix = os.fspath(path).rpartition(".")[2].lower()
    with open(path, "rb") as file:
        show_bytes(file.read(), mime_type or SUFFIXES.get(suffix, "application/octet-stream"))


def show_bytes(content, mime_type):
    if not mime_type:
        raise TypeError('say what the bytes are: show(content, mime_type="image/png")')
    tools.show(data=binascii.b2a_base64(content, newline=False).decode(), mimeType=mime_type)
