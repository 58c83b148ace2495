import gc
import signal
import time
import weakref


class Thing:
    pass


thing = Thing()
reference = weakref.ref(thing, lambda _: print("gone"))
print(reference() is thing)
del thing
gc.collect()
print(reference())
cache = weakref.WeakValueDictionary()
kept = cache["k"] = Thing()
print(len(cache))


def alarm(number, frame):
    raise TimeoutError("too slow")


signal.signal(signal.SIGALRM, alarm)
signal.setitimer(signal.ITIMER_REAL, 0.02)
try:
    time.sleep(5)
except TimeoutError as error:
    print(error)
