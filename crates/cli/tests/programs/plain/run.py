"""Runs a program in plain CPython, with answers to its calls as testkit's fake server gives them.

A program whose first line is `# awaits its calls` relies on what toolmill adds to Python: that a
call may be awaited, and `await` stand outside of functions.
"""

import ast
import asyncio
import inspect
import json
import sys
import types


class ToolError(Exception):
    def __init__(self, tool, code, message):
        super().__init__(message)
        self.tool, self.server, self.code = tool, tool.split(".")[0], code
        self.message, self.retryable = message, False


def records(begin, end):
    cities = ["Graz", "Lyon", "Porto", "Turku", "Gdańsk"]
    return [
        {
            "id": n,
            "name": f"Record {n}",
            "city": cities[n % len(cities)],
            "amount": n * 37 % 1001,
            "active": n % 3 == 0,
        }
        for n in range(begin, end)
    ]


def parsed(text):
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except ValueError:
        return text


class Fake:
    def __init__(self):
        self.writes = []

    def echo(self, text):
        return parsed(text)

    def echo_json(self, value):
        return parsed(json.dumps(value))

    def structured(self, value):
        return json.loads(json.dumps(value))

    def add(self, a, b):
        return {"sum": float(a) + float(b)}

    def sleep(self, ms):
        return "awake"

    def fail(self, message):
        raise ToolError("fake.fail", "tool_error", f"fake.fail answered: {message}")

    def big(self, bytes):
        return "x" * bytes

    def big_json(self, records):
        return {"records": globals()["records"](0, records)}

    def list_records(self, page=0, size=50):
        end = min((page + 1) * size, 1000)
        next_page = page + 1 if end < 1000 else None
        return {"records": records(min(page * size, 1000), end), "next_page": next_page}

    def write(self, key, value):
        self.writes.append({"key": key, "value": value})
        return "written"

    def erase(self):
        self.writes.clear()
        return "erased"

    def read_log(self):
        return {"writes": list(self.writes)}


class Awaited:
    """The same, with each method a coroutine function."""

    def __init__(self, fake):
        for name in dir(fake):
            if not name.startswith("_"):
                setattr(self, name, self.coroutine(getattr(fake, name)))

    @staticmethod
    def coroutine(method):
        if not callable(method):
            return method

        async def call(**arguments):
            return method(**arguments)

        return call


def main(path):
    source = open(path, encoding="utf-8").read()
    awaits = source.startswith("# awaits its calls\n")
    fake = Awaited(Fake()) if awaits else Fake()
    program = types.ModuleType("__main__")
    program.__file__ = path
    sys.argv = [path]
    program.tools = types.SimpleNamespace(fake=fake)
    program.ToolError = ToolError
    sys.modules["__main__"] = program
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if awaits else 0
    code = compile(source, path, "exec", flags=flags, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, program.__dict__))
    else:
        exec(code, program.__dict__)


main(sys.argv[1])
