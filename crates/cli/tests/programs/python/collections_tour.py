from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple

Point = namedtuple("Point", "x y", defaults=[0])
p = Point(3)
print(p, p._replace(y=4), p._asdict())
window = deque(maxlen=3)
for n in range(6):
    window.append(n)
    window.rotate(1) if n == 5 else None
print(window, window.popleft())
words = "the quick the lazy the dog quick".split()
count = Counter(words)
count.subtract({"the": 1})
print(count.most_common(2), (count & Counter(the=1)), sum(count.values()))
settings = ChainMap({"debug": True}, {"debug": False, "level": 3})
print(settings["debug"], settings["level"], dict(settings))
order = OrderedDict(a=1, b=2, c=3)
order.move_to_end("a")
print(list(order), order.popitem(last=False))
index = defaultdict(list)
for position, word in enumerate(words):
    index[word].append(position)
print(dict(index))
