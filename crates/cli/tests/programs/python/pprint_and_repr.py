import pprint
import reprlib

data = {"name": "x" * 30, "items": list(range(30)), "nested": {"a": [{"b": "c" * 40}, {"d": None}]}}
pprint.pprint(data, width=60)
print(pprint.pformat({"z": 1, "a": (1,)}), reprlib.repr(list(range(100))))


class Money:
    def __init__(self, cents):
        self.cents = cents

    def __repr__(self):
        return f"Money({self.cents})"

    def __str__(self):
        return f"{self.cents / 100:.2f} €"

    def __format__(self, spec):
        return format(str(self), spec)

    def __eq__(self, other):
        return isinstance(other, Money) and self.cents == other.cents

    def __hash__(self):
        return hash(self.cents)

    def __add__(self, other):
        return Money(self.cents + other.cents)

    __radd__ = lambda self, other: self if other == 0 else self + other


print(sum([Money(150), Money(250)]), [Money(1)], f"[{Money(999):>10}]", len({Money(1), Money(1)}))
