from concurrent.futures import ThreadPoolExecutor, as_completed
import math


def is_prime(n):
    return n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1))


with ThreadPoolExecutor(max_workers=4) as pool:
    found = dict(zip(range(20), pool.map(is_prime, range(20))))
    futures = {pool.submit(pow, 3, n): n for n in range(5)}
    powers = sorted((futures[f], f.result()) for f in as_completed(futures))
    failed = pool.submit(lambda: 1 // 0)
print([n for n, prime in found.items() if prime])
print(powers)
print(repr(failed.exception()))
