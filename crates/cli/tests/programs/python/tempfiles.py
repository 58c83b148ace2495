import os
import tempfile

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x.bin")
    with open(path, "wb") as file:
        file.write(bytes(range(256)))
    print(os.path.getsize(path), os.listdir(folder))
print(os.path.exists(folder))
with tempfile.NamedTemporaryFile("w+", suffix=".txt") as file:
    file.write("hello\nthere\n")
    file.flush()
    file.seek(0)
    print(file.readlines(), file.name.endswith(".txt"))
with tempfile.SpooledTemporaryFile(max_size=10) as spool:
    spool.write(b"x" * 100)
    print(spool.tell())
