from typing import Generic, Iterable, NamedTuple, Protocol, TypedDict, TypeVar, get_type_hints

T = TypeVar("T")


class Shape(Protocol):
    def area(self) -> float: ...


class Square(NamedTuple):
    side: float

    def area(self) -> float:
        return self.side**2


class Circle:
    def __init__(self, radius: float) -> None:
        self.radius = radius

    def area(self) -> float:
        return 3 * self.radius**2


class Stack(Generic[T]):
    def __init__(self) -> None:
        self._items: list[T] = []

    def push(self, item: T) -> "Stack[T]":
        self._items.append(item)
        return self

    def pop(self) -> T:
        return self._items.pop()


class Movie(TypedDict, total=False):
    title: str
    year: int


def total(shapes: Iterable[Shape]) -> float:
    return sum(shape.area() for shape in shapes)


print(total([Square(2), Circle(1)]))
print(Stack[int]().push(1).push(2).pop())
print(get_type_hints(Movie), Movie(title="Alien"))
print(get_type_hints(total)["return"], Stack.__parameters__)
