import itertools


def numbers():
    n = 0
    while True:
        n += 1
        yield n


def only(predicate, items):
    for item in items:
        if predicate(item):
            yield item


def batched(items, size):
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


odd_squares = (n * n for n in only(lambda n: n % 2, numbers()))
for batch in batched(itertools.takewhile(lambda n: n < 400, odd_squares), 4):
    print(batch, sum(batch))


def averager():
    total = count = 0
    average = None
    while True:
        value = yield average
        if value is None:
            return total
        total += value
        count += 1
        average = total / count


average = averager()
next(average)
print([average.send(n) for n in (10, 20, 60)])
try:
    average.send(None)
except StopIteration as stop:
    print("total", stop.value)
