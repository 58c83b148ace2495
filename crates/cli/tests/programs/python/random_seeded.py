import random

rng = random.Random(42)
print([rng.randint(1, 6) for _ in range(10)])
print(rng.sample(range(100), 5), rng.choice("abc"), round(rng.random(), 6))
deck = list(range(10))
rng.shuffle(deck)
print(deck, rng.choices(["a", "b"], weights=[9, 1], k=8))
random.seed("text")
print(round(random.gauss(0, 1), 6), random.getrandbits(16))
inside = sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(20000))
print(abs(4 * inside / 20000 - 3.14159) < 0.05)
