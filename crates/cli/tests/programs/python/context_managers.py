import contextlib

events = []


class Transaction:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        events.append(f"begin {self.name}")
        return self

    def __exit__(self, kind, error, traceback):
        events.append(f"rollback {self.name}: {error}" if kind else f"commit {self.name}")
        return kind is KeyError


@contextlib.contextmanager
def tag(name):
    events.append(f"<{name}>")
    try:
        yield name.upper()
    finally:
        events.append(f"</{name}>")


with Transaction("a"), tag("p") as upper:
    events.append(upper)
with Transaction("b"):
    {}["missing"]
with contextlib.suppress(ZeroDivisionError):
    1 / 0
with contextlib.ExitStack() as stack:
    for name in "xy":
        stack.enter_context(tag(name))
    stack.callback(events.append, "callback")
try:
    with Transaction("c"):
        raise ValueError("bad")
except ValueError:
    events.append("caught")
print("\n".join(events))
