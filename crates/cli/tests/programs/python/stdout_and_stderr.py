import contextlib
import io
import os
import sys
import warnings

print("to stderr", file=sys.stderr)
sys.stdout.write("no newline")
print(flush=True)
with contextlib.redirect_stdout(io.StringIO()) as caught:
    print("captured")
print(repr(caught.getvalue()), sys.stdout.encoding.lower(), sys.stdout.isatty())
sys.stdout.buffer.write("bytes ü\n".encode())
sys.stdout.flush()
os.write(1, b"raw\n")
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    warnings.warn("old", DeprecationWarning)
print(seen[0].category.__name__, seen[0].message)
print("ünï → 🙂", end="")
