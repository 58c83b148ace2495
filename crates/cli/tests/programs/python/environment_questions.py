import os
import platform
import sys

print(sys.version_info >= (3, 9), sys.byteorder, sys.maxsize == 2**63 - 1, platform.system())
print(os.sep, os.linesep == "\n", os.environ.get("NO_SUCH_VARIABLE", "default"), os.getenv("X_Y"))
os.environ["MINE"] = "1"
print(os.environ["MINE"], os.path.join("a", "..", "b"), os.path.splitext("x.tar.gz"))
print(os.path.normpath("a//b/../c"), os.path.relpath("/a/b", "/a/c"), os.path.basename("/x/y.z"))
print(sys.getrecursionlimit() >= 1000, sys.float_info.dig, sys.getsizeof([]) > 0, os.path.isdir("."))
try:
    sys.stdin.read(1) == "" or print("something on stdin")
except OSError as error:
    print("no stdin", error)
print(input("name? ") if False else "nobody asked")
