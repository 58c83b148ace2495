import posix


def take(length):
    data = b""
    while len(data) < length:
        data += posix.read(3, length - len(data)) or posix._exit(1)
    return data


runtime, *parts = take(int.from_bytes(take(10)[:4], "little")).decode().split("\0")
exec(compile(runtime, "<toolmill>", "exec"), {"__name__": "<toolmill>", "SOURCES": dict(zip(parts[::2], parts[1::2]))})
