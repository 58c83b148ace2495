import enum
from typing import NamedTuple


class Kind(enum.Enum):
    WORD = enum.auto()
    NUMBER = enum.auto()
    STRING = enum.auto()
    SYMBOL = enum.auto()


class Token(NamedTuple):
    kind: Kind
    text: str
    at: int


def tokens(source):
    at = 0
    while at < len(source):
        start, char = at, source[at]
        if char.isspace():
            at += 1
            continue
        if char.isalpha() or char == "_":
            while at < len(source) and (source[at].isalnum() or source[at] == "_"):
                at += 1
            kind = Kind.WORD
        elif char.isdigit():
            while at < len(source) and source[at].isdigit():
                at += 1
            kind = Kind.NUMBER
        elif char == '"':
            at = source.index('"', at + 1) + 1
            kind = Kind.STRING
        else:
            at += 1
            kind = Kind.SYMBOL
        yield Token(kind, source[start:at], start)


for token in tokens('let x_1 = add("two words", 42);'):
    print(f"{token.at:>3} {token.kind.name:<7} {token.text}")
