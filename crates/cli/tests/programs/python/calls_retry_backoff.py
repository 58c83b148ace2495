import functools
import time


def retrying(tries=3, delay=0.001):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(tries):
                try:
                    return function(*args, **kwargs)
                except ToolError as error:
                    print(f"{function.__name__}: attempt {attempt + 1}: {error}")
                    if attempt + 1 == tries:
                        raise
                    time.sleep(delay * 2**attempt)

        return wrapper

    return decorate


count = 0


@retrying()
def flaky(text):
    global count
    count += 1
    if count < 3:
        tools.fake.fail(message="busy")
    return tools.fake.echo(text=text)


@retrying(tries=2)
def broken():
    tools.fake.fail(message="broken")


print(flaky("through"))
try:
    broken()
except ToolError as error:
    print("gave up:", error)
