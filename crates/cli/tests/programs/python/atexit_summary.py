import atexit

counts = {"ok": 0, "failed": 0}


@atexit.register
def summary():
    print("summary:", counts)


for n in range(5):
    counts["failed" if n % 2 else "ok"] += 1
print("done")
