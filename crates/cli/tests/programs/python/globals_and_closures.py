counter = 0
names = ["a", "b"]


def bump(by=1):
    global counter
    counter += by
    return counter


def make_counter():
    count = 0

    def increment():
        nonlocal count
        count += 1
        return count

    return increment


one, two = make_counter(), make_counter()
print(one(), one(), two(), bump(), bump(5))
print([f() for f in [lambda n=n: n for n in range(3)]], [f() for f in [lambda: n for n in range(3)]])
print("counter" in globals(), "names" in dir(), __name__)


class Scope:
    names = ["c"]
    copies = [n for n in names]

    def get(self):
        return names + self.names


print(Scope().get(), Scope.copies)
del names
try:
    print(names)
except NameError as error:
    print(error)


def spread(a, /, b, *args, c=3, **kwargs):
    return a, b, args, c, kwargs


print(spread(1, 2, 3, c=4, d=5), spread.__code__.co_varnames[:2], spread.__kwdefaults__)
