import bisect

for score in (33, 99, 77, 70, 89, 90, 100):
    print(score, "FDCBA"[bisect.bisect([60, 70, 80, 90], score)])
ordered = []
for n in [5, 1, 4, 2, 3, 3]:
    bisect.insort(ordered, n)
print(ordered, bisect.bisect_left(ordered, 3), bisect.bisect_right(ordered, 3))
