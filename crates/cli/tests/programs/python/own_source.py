import inspect


def double(n):
    return n * 2


print(inspect.getsource(double))
