def multiply(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def determinant(m):
    if len(m) == 1:
        return m[0][0]
    return sum(
        (-1) ** c * m[0][c] * determinant([row[:c] + row[c + 1 :] for row in m[1:]])
        for c in range(len(m))
    )


a = [[1, 2, 3], [0, 1, 4], [5, 6, 0]]
print(multiply(a, a))
print(determinant(a))
print([list(row) for row in zip(*a)])
sieve = bytearray([1]) * 200
sieve[:2] = b"\0\0"
for n in range(2, 15):
    if sieve[n]:
        sieve[n * n :: n] = bytes(len(range(n * n, 200, n)))
print([n for n, prime in enumerate(sieve) if prime][-5:], sum(sieve))
