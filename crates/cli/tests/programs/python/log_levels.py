import re
from collections import Counter

LOG = """
2024-05-01T10:00:00Z INFO  [auth] user=alice logged in
2024-05-01T10:00:05Z WARN  [db] slow query took=1532ms
2024-05-01T10:00:07Z ERROR [api] status=500 path=/orders
2024-05-01T10:01:00Z INFO  [auth] user=bob logged in
2024-05-01T10:02:11Z ERROR [api] status=502 path=/orders
2024-05-01T10:02:12Z ERROR [db] connection reset
this line is garbage
"""
pattern = re.compile(
    r"^(?P<time>\S+)\s+(?P<level>[A-Z]+)\s+\[(?P<module>\w+)\]\s+(?P<message>.*)$"
)
levels = Counter()
by_module = Counter()
skipped = 0
for line in LOG.strip().splitlines():
    match = pattern.match(line)
    if not match:
        skipped += 1
        continue
    levels[match["level"]] += 1
    if match["level"] == "ERROR":
        by_module[match["module"]] += 1

print(levels.most_common())
print(dict(by_module))
print("skipped:", skipped)
took = re.search(r"took=(\d+)ms", LOG)
print("slowest:", int(took.group(1)) if took else None)
