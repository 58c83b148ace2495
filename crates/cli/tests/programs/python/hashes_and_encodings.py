import base64
import binascii
import hashlib
import hmac
import zlib

data = "Grüße, Welt!".encode()
print(hashlib.sha256(data).hexdigest())
print(hashlib.md5(data).hexdigest(), hashlib.blake2b(data, digest_size=8).hexdigest())
print(hmac.new(b"key", data, "sha1").hexdigest())
print(base64.b64encode(data).decode(), base64.urlsafe_b64encode(b"\xfb\xff").decode())
print(base64.b64decode("R3LDvMOfZSwgV2VsdCE=").decode())
print(binascii.hexlify(b"\x00\xff"), binascii.crc32(data), zlib.adler32(data))
packed = zlib.compress(data * 50, 9)
print(len(packed) < 60, zlib.decompress(packed) == data * 50)
print(base64.b32encode(b"hi"), base64.a85encode(b"hello"))
