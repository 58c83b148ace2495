import array
import struct

header = struct.pack("<4sHHI", b"TOOL", 1, 2, 0xDEADBEEF)
print(header.hex(" "), struct.calcsize("<4sHHI"))
magic, major, minor, check = struct.unpack("<4sHHI", header)
print(magic, major, minor, hex(check))
view = memoryview(bytearray(b"hello world"))
view[0:5] = b"HELLO"
print(bytes(view), view[6:].tobytes())
numbers = array.array("i", [1, 2, 3])
numbers.extend([4, 5])
print(numbers.tolist(), numbers.itemsize, sum(numbers))
print((1024).to_bytes(2, "big"), int.from_bytes(b"\x04\x00", "big"), bytes.fromhex("ff00").hex())
print("naïve €".encode("utf-8"), "naïve".encode("latin-1"), b"\xff".decode("utf-8", "replace"))
print(ascii("ü"), b"a,b".split(b","), bytes([65, 66]).lower())
