import queue
import threading

jobs, results = queue.Queue(), []
lock = threading.Lock()


def worker():
    while True:
        n = jobs.get()
        if n is None:
            break
        with lock:
            results.append(n * n)
        jobs.task_done()


threads = [threading.Thread(target=worker, name=f"w{i}") for i in range(4)]
for thread in threads:
    thread.start()
for n in range(50):
    jobs.put(n)
jobs.join()
for _ in threads:
    jobs.put(None)
for thread in threads:
    thread.join()
print(len(results), sum(results), threading.active_count())
done = threading.Event()
timer = threading.Timer(0.01, done.set)
timer.start()
print(done.wait(5))
local = threading.local()
local.x = 1
print(hasattr(local, "x"))
