import traceback


class ConfigError(Exception):
    def __init__(self, key):
        super().__init__(f"no key {key!r}")
        self.key = key


def read(settings, key):
    try:
        return settings[key]
    except KeyError as error:
        raise ConfigError(key) from error


try:
    read({}, "port")
except ConfigError as error:
    print(repr(error), error.key, repr(error.__cause__))
    print(traceback.format_exception_only(type(error), error))
    print([frame.name for frame in traceback.extract_tb(error.__traceback__)][-1])
try:
    raise ExceptionGroup("many", [ValueError(1), TypeError(2), ExceptionGroup("in", [KeyError(3)])])
except* (ValueError, KeyError) as group:
    print(group.exceptions)
except* TypeError as group:
    print("types", group.exceptions)
error = ValueError("x")
error.add_note("remember this")
print(error.__notes__)


def cleanup():
    try:
        return "try"
    finally:
        print("finally")


print(cleanup())
for n in range(3):
    if n == 5:
        break
else:
    print("no break")
