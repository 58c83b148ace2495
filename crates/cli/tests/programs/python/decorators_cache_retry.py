import functools


def retry(times):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(1, times + 1):
                try:
                    return function(*args, **kwargs)
                except ValueError as error:
                    print(f"attempt {attempt} of {function.__name__}: {error}")
            raise RuntimeError(f"{function.__name__} failed {times} times")

        return wrapper

    return decorate


failures = iter([True, True, False])


@retry(3)
def unstable(x):
    """Doubles, sometimes."""
    if next(failures):
        raise ValueError("not now")
    return x * 2


@functools.lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


print(unstable(21), unstable.__doc__)
print(fib(80), fib.cache_info())
print(functools.reduce(lambda a, b: a * b, range(1, 11)))
hexadecimal = functools.partial(int, base=16)
print(hexadecimal("ff"))


@functools.singledispatch
def describe(value):
    return f"something: {value!r}"


@describe.register
def _(value: int):
    return f"number {value}"


@describe.register(list)
def _(value):
    return f"list of {len(value)}"


print(describe(3), describe([1, 2]), describe("x"), sep=" | ")
