matrix = [[1, 2, 3], [4, 5, 6]]
print([x for row in matrix for x in row if x % 2])
print({x: x**2 for x in range(5)}, sorted({len(w) for w in "a bb cc ddd".split()}))
print(sum(x for row in matrix for x in row), any(x > 5 for x in matrix[0]), all(matrix))
(a, *middle, b), c = range(5), 9
print(a, middle, b, c)
print([y := 10, y**2], (lambda *args, **kwargs: (args, kwargs))(1, *[2, 3], k=4, **{"z": 5}))
print(dict(zip("abc", range(3))) | {"c": 9}, list(enumerate("xy", start=1)), list(reversed("abc")))
print(*[1, 2, 3], sep="-", end="!\n")
print(max([], default="none"), min("b", "a"), divmod(-7, 3), round(2.5), round(-1.555, 2))
print([*"ab", *range(2)], {**{"a": 1}, "b": 2}, 7 // -2, 7 % -2, 2**-1, 10**20)
