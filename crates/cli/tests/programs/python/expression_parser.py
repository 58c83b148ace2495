import ast
import operator
import re

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*)|(.))")


class Parser:
    """expr = term (('+' | '-') term)*; term = factor (('*' | '/') factor)*"""

    def __init__(self, text):
        self.tokens = [(float(n) if n else op) for n, op in TOKEN.findall(text)]
        self.at = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self):
        token = self.peek()
        self.at += 1
        return token

    def expr(self):
        value = self.term()
        while self.peek() in ("+", "-"):
            value = value + self.term() if self.take() == "+" else value - self.term()
        return value

    def term(self):
        value = self.factor()
        while self.peek() in ("*", "/"):
            value = value * self.factor() if self.take() == "*" else value / self.factor()
        return value

    def factor(self):
        token = self.take()
        if token == "(":
            value = self.expr()
            assert self.take() == ")", "unbalanced"
            return value
        if token == "-":
            return -self.factor()
        return token


for text in ("1 + 2 * 3", "(1 + 2) * 3", "-4 / (2 - 4)", "2 * (3 + (4 - 1))"):
    print(text, "=", Parser(text).expr())

OPERATORS = {ast.Add: operator.add, ast.Mult: operator.mul, ast.Pow: operator.pow}


def evaluate(node):
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](evaluate(node.left), evaluate(node.right))
    return node.value


print(evaluate(ast.parse("2 ** 10 + 3 * 4", mode="eval").body))
print(ast.literal_eval("{'a': [1, (2, None)]}"), eval("x + 1", {"x": 2}))
namespace = {}
exec("def f(n):\n    return n * 2", namespace)
print(namespace["f"](21))
