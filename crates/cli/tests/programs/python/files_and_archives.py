import gzip
import io
import os
import shutil
import tarfile
import zipfile

os.makedirs("in/deep", exist_ok=True)
for n in range(3):
    with open(f"in/deep/{n}.txt", "w") as file:
        print("line", n, file=file)
with zipfile.ZipFile("out.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for folder, _, names in os.walk("in"):
        for name in sorted(names):
            archive.write(os.path.join(folder, name))
with zipfile.ZipFile("out.zip") as archive:
    print(sorted(archive.namelist()), archive.read("in/deep/1.txt"))
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
    archive.add("in/deep/0.txt", arcname="zero.txt")
buffer.seek(0)
print(tarfile.open(fileobj=buffer).getnames())
print(gzip.decompress(gzip.compress(b"abc")))
shutil.copy("in/deep/2.txt", "copy.txt")
shutil.rmtree("in")
print(sorted(os.listdir(".")), open("copy.txt").read().split())
