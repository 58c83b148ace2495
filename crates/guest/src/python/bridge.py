"""Tool calls under asyncio: awaitables, and an asyncio that takes values where it wants awaitables.

A loop watches the channel while it sleeps; an answer read by any thread reaches the loop that waits
for it. Calls that were begun and never awaited are waited for before the program ends.
"""
# Nobody can use ssl here, and importing it takes as long as the rest of asyncio.
sys.modules.setdefault("ssl", None)
import asyncio

if sys.modules["ssl"] is None:
    del sys.modules["ssl"]
import collections.abc
import functools
import operator
import select
import threading
import types
import warnings
import weakref

running_loop = asyncio._get_running_loop  # or None

watched = weakref.WeakSet()
flushing = weakref.WeakSet()  # loops that will write what is to be sent soon, before they sleep
cut_off = []  # notes on tasks
forgotten = []  # names of the program's coroutine functions that were called and never awaited
unobserved = {}  # calls begun whose outcome nobody has asked for, in their order
futures = set()  # tasks and gatherings of calls, until their outcome is known to be good


def watch(loop):
    """Lets a loop read the channel when it would sleep."""
    if loop not in watched:
        loop.add_reader(CHANNEL, read_if_free)
        watched.add(loop)


def read_if_free():
    with channel.mutex:
        if channel.being_read:
            return
        channel.being_read = True
    try:
        # Another thread may have read what woke this loop.
        if select.select([CHANNEL], [], [], 0)[0]:
            channel.read()
    finally:
        channel.stop_reading()


class Started(collections.abc.Coroutine):
    """A call that has been sent: a coroutine to asyncio, and its value to who uses it unawaited."""

    def __init__(self, call):
        self._call = call
        self._loop = running_loop()
        self._steps = None
        self._outcome = None
        self._futures = {}
        unobserved[id(self)] = self

    def plain_value(self):
        channel.wait(self._call)
        value, error = self._settled()
        if error is not None:
            raise error
        return value

    def _settled(self):
        unobserved.pop(id(self), None)
        if self._outcome is None:
            self._outcome = outcome(self._call)
        return self._outcome

    def future(self, loop):
        """A future of `loop` for the answer; one a loop, as asyncio joins what is given twice."""
        future = self._futures.get(loop)
        if future is None:
            future = self._futures[loop] = loop.create_future()
            watch(loop)
            channel.when_answered(self._call, functools.partial(self._answered, loop, future))
        return future

    def _answered(self, loop, future):
        # The loop's own thread, which mostly reads the answer, need not wake itself.
        if running_loop() is loop:
            self._settle(future)
            return
        try:
            loop.call_soon_threadsafe(self._settle, future)
        except RuntimeError:
            pass  # the loop has been closed

    def _settle(self, future):
        if not future.done():
            value, error = self._settled()
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    def __await__(self):
        if self._call.answer is None:
            try:
                # Several may wait, and one that is cancelled must not cancel the others.
                yield from _shield(self.future(asyncio.get_running_loop())).__await__()
            except asyncio.CancelledError:
                if self._call.answer is None:
                    unobserved.pop(id(self), None)  # the program gave it up
                raise
        return self.plain_value()

    def send(self, value):
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.send(value)

    def throw(self, *error):
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.throw(*error)

    def close(self):
        if self._steps is not None:
            self._steps.close()

    # The rewriting goes by name, so a name that is awaited somewhere may hold a plain use, too.
    def __getattr__(self, name):
        if name.startswith("_") or name[:3] in ("cr_", "gi_", "ag_"):
            raise AttributeError(name)
        return getattr(self.plain_value(), name)

    def __eq__(self, other):
        return self is other or (not isinstance(other, Started) and self.plain_value() == other)

    __hash__ = object.__hash__

    def __repr__(self):
        return repr(self.plain_value())

    def __str__(self):
        return str(self.plain_value())


def _through(name):
    def method(self, *arguments):
        return getattr(operator, name)(self.plain_value(), *arguments)

    return method


def _from_the_right(name):
    def method(self, other):
        return getattr(operator, name)(other, self.plain_value())

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    setattr(Started, f"__{_name}__", _through(_name))
    setattr(Started, f"__r{_name}__", _from_the_right(_name))
for _name in ("getitem", "contains", "lt", "le", "gt", "ge", "neg", "index"):
    setattr(Started, f"__{_name}__", _through(_name))
Started.__int__ = lambda self: int(self.plain_value())
Started.__float__ = lambda self: float(self.plain_value())
Started.__iter__ = lambda self: iter(self.plain_value())
Started.__len__ = lambda self: len(self.plain_value())
Started.__bool__ = lambda self: bool(self.plain_value())
Started.__format__ = lambda self, spec: format(self.plain_value(), spec)


def starter(function):
    """What `f` is called as in an awaiting position."""
    if isinstance(function, Tool):
        return lambda *positional, **named: Started(start(function, positional, named))
    if isinstance(function, functools.partial) and isinstance(function.func, Tool):
        return functools.partial(starter(function.func), *function.args, **function.keywords)
    return function


def burst_starter(function):
    """The same where many calls may follow one another: the loop has them written before it sleeps."""
    loop = running_loop()
    if loop is None or not isinstance(function, Tool):
        return starter(function)
    return functools.partial(started_soon, loop, function)


def started_soon(loop, function, /, *positional, **named):
    started = Started(start(function, positional, named, soon=True))
    if channel.unsent and loop not in flushing:
        flushing.add(loop)
        loop.call_soon(flush_of, loop)
    return started


def flush_of(loop):
    flushing.discard(loop)
    channel.flush()


def sent(values):
    """A comprehension of calls: by the time that it has its value, they have been sent."""
    channel.flush()
    return values


def value_of(value):
    """What a name holds that is awaited elsewhere and used plainly here. One that failed says so where it is used."""
    if isinstance(value, Started):
        channel.wait(value._call)
        if value._outcome is None:
            value._outcome = outcome(value._call)
        if value._outcome[1] is None:
            return value.plain_value()
    return value


def plain(function):
    """A coroutine function for one who calls it and uses its value."""
    return lambda *positional, **named: block(function(*positional, **named))


def is_awaitable(value):
    if isinstance(value, types.GeneratorType):
        return bool(value.gi_code.co_flags & 0x100)  # types.coroutine
    return hasattr(type(value), "__await__")


class Ready:
    """Makes a needless await harmless."""

    def __init__(self, value):
        self.value = value

    def __await__(self):
        return self.value
        yield


def awaitable(value):
    return value if is_awaitable(value) else Ready(value)


async def result_of(value):
    return await value if is_awaitable(value) else value


async def each(values):
    if is_awaitable(values):
        values = await values
    if hasattr(values, "__aiter__"):
        async for value in values:
            yield value
    else:
        for value in values:
            yield value


def block(value):
    """Waits for an awaitable where nothing can be awaited."""
    if isinstance(value, Started):
        return value.plain_value()
    if isinstance(value, asyncio.Future) and not value.done():
        raise RuntimeError("a task of this loop cannot be waited for in a plain function; make it async def")
    return run(value) if is_awaitable(value) else value


def on_a_thread(function):
    """Runs a function on a thread of its own, where no loop is running."""
    results, errors = [], []

    def body():
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


_asyncio_run, _gather, _wait, _wait_for = asyncio.run, asyncio.gather, asyncio.wait, asyncio.wait_for
_shield, _as_completed, _ensure_future = asyncio.shield, asyncio.as_completed, asyncio.ensure_future
_get_event_loop = asyncio.get_event_loop
_create_task = asyncio.BaseEventLoop.create_task
_run_until_complete = asyncio.BaseEventLoop.run_until_complete


async def finish(loop):
    """Lets tasks that nobody awaits go on while they have calls open; notes which are cut off after all."""
    while futures or unobserved or len(asyncio.all_tasks(loop)) > 1:
        for _ in range(8):  # answer, future, gathering: each tells the next in a turn of the loop
            await asyncio.sleep(0)
        begun = [one for one in unobserved.values() if one._loop is loop and one._call.answer is None]
        if not begun:
            break
        for started in begun:
            channel.wait(started._call)
    for task in asyncio.all_tasks(loop):
        code = getattr(task.get_coro(), "cr_code", None)
        # One that waits for nothing but others, as workers do at a queue, has no more to do.
        if code and code.co_filename == "<program>" and getattr(loop, "_scheduled", None):
            cut_off.append(f"the task of {code.co_name}() was cut off at the end, since nothing awaits it")


async def main_of_a_loop(main):
    """What was begun under a loop is answered before the loop cancels what is left under it."""
    try:
        return await main if is_awaitable(main) else main
    finally:
        await finish(running_loop())


def run(main, **options):
    if running_loop():
        return on_a_thread(lambda: _asyncio_run(main_of_a_loop(main), **options))
    return _asyncio_run(main_of_a_loop(main), **options)


def ensure_future(value, *, loop=None):
    if not isinstance(value, Started) and asyncio.isfuture(value):
        return value
    loop = loop or running_loop() or get_event_loop()
    if isinstance(value, Started):
        return value.future(loop)
    if is_awaitable(value):
        return _ensure_future(value, loop=loop)
    future = loop.create_future()
    future.set_result(value)
    return future


def followed(future):
    """Remembers a future whose failure would otherwise be lost with it."""
    futures.add(future)
    future.add_done_callback(lambda done: done._log_traceback or futures.discard(done))
    return future


def get_event_loop():
    """As it was for most of asyncio's life: outside of a loop it makes one, and does not complain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _get_event_loop()
        except RuntimeError:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            return loop


def gather(*values, **options):
    loop = running_loop()
    return followed(_gather(*[ensure_future(value, loop=loop) for value in values], **options))


async def wait(values, **options):
    return await _wait([ensure_future(value) for value in values], **options)


async def wait_for(value, timeout, **options):
    return await _wait_for(ensure_future(value), timeout, **options)


def shield(value, **options):
    return _shield(ensure_future(value), **options)


def as_completed(values, **options):
    return _as_completed([ensure_future(value) for value in values], **options)


def create_task(loop, value, **options):
    return followed(_create_task(loop, value if asyncio.iscoroutine(value) else result_of(value), **options))


def run_until_complete(loop, value):
    if running_loop():
        return run(value)
    return _run_until_complete(loop, ensure_future(value, loop=loop))


for _function in (run, gather, wait, wait_for, shield, as_completed, ensure_future, get_event_loop):
    setattr(asyncio, _function.__name__, _function)
asyncio.BaseEventLoop.create_task = create_task
asyncio.BaseEventLoop.run_until_complete = run_until_complete
builtins.__dict__.update({
    "<begin>": starter, "<burst>": burst_starter, "<sent>": sent, "<await>": awaitable, "<block>": block,
    "<each>": each, "<value>": value_of, "<plain>": plain,
})  # fmt: skip


def run_program(program):
    """Runs a program, under a loop if its module awaits; a value that is awaitable is awaited."""

    async def whole(module):
        value = program.value(await module)
        while is_awaitable(value):
            value = await value
        return value

    returned = program.start()
    if asyncio.iscoroutine(returned):
        return run(whole(returned))
    value = program.value(returned)
    while is_awaitable(value):
        value = block(value)
    return value


_warn_unawaited_coroutine = warnings._warn_unawaited_coroutine


def note_forgotten(coroutine):
    if coroutine.cr_code.co_filename == "<program>":
        forgotten.append(coroutine.cr_code.co_name)
    else:
        _warn_unawaited_coroutine(coroutine)


warnings._warn_unawaited_coroutine = note_forgotten


def is_placed(error):
    """Whether an error was raised in the program."""
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename != "<program>":
        step = step.tb_next
    return step is not None


def drain(notes):
    """Waits for what was begun and never awaited; the first failure among it is raised."""
    notes += cut_off
    failures = []
    for started in list(unobserved.values()):
        channel.wait(started._call)
        failures.append(started._settled()[1])
    failures += [future.exception() for future in futures if future.done() and future._log_traceback]
    for error in failures:
        if isinstance(error, ToolError) and not is_placed(error):
            error.args = (f"{error.tool}, begun and never awaited, failed: {error.message}",)
        if error is not None:
            raise error
    if forgotten:
        names = ", ".join(dict.fromkeys(f"{name}()" for name in forgotten))
        error = RuntimeError(f"{names} was called and never awaited, so nothing in it ran")
        error._report = {"code": "not_awaited", "hint": "write `await` before the call"}
        raise error
