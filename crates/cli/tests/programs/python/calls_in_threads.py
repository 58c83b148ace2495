from concurrent.futures import ThreadPoolExecutor


def add(pair):
    a, b = pair
    return tools.fake.add(a=a, b=b)["sum"]


pairs = [(n, n * n) for n in range(60)]
with ThreadPoolExecutor(max_workers=8) as pool:
    sums = list(pool.map(add, pairs))
print(sums[:5], sum(sums))
with ThreadPoolExecutor(4) as pool:
    futures = [pool.submit(tools.fake.echo, text=f"t{n}") for n in range(10)]
print([f.result() for f in futures])
