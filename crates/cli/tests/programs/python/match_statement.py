from dataclasses import dataclass


@dataclass
class Point:
    x: int
    y: int


def describe(value):
    match value:
        case 0 | 1:
            return "small"
        case int(n) if n < 0:
            return f"negative {n}"
        case [first, *rest]:
            return f"list {first} and {len(rest)} more"
        case {"type": "circle", "r": r, **extra}:
            return f"circle {r} {extra}"
        case Point(x=0, y=y):
            return f"on the y axis at {y}"
        case Point(x, y):
            return f"{x}/{y}"
        case str() as text:
            return f"text {text}"
        case None:
            return "nothing"
        case _:
            return "other"


for value in [1, -5, [1, 2, 3], {"type": "circle", "r": 2, "c": "red"}, Point(0, 3), Point(1, 2), "x", None, 2.5]:
    print(describe(value))
