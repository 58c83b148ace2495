import collections
import unicodedata

text = """It was the best of times, it was the worst of times, it was the age of wisdom, it was
the age of foolishness, it was the epoch of belief, it was the epoch of incredulity…"""
words = [w.strip(",.…").lower() for w in text.split()]
count = collections.Counter(words)
width = max(map(len, count))
for word, n in sorted(count.items(), key=lambda wn: (-wn[1], wn[0]))[:6]:
    print(f"{word:>{width}} {'#' * n} {n}")
print(f"{len(count)} distinct of {len(words)}")
print(unicodedata.normalize("NFD", "é").encode("utf-8"), unicodedata.name("ß"))
