import doctest
import inspect


def clamp(value: int, low: int = 0, *, high: int = 10) -> int:
    """Keeps a value within bounds.

    >>> clamp(11)
    10
    >>> clamp(-1, low=2)
    2
    """
    return max(low, min(high, value))


print(inspect.signature(clamp), inspect.getdoc(clamp).splitlines()[0])
print([p.kind.name for p in inspect.signature(clamp).parameters.values()])
finder = doctest.DocTestFinder()
runner = doctest.DocTestRunner()
for test in finder.find(clamp, "clamp", globs={"clamp": clamp}):
    print(runner.run(test))
