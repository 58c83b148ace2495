import uuid

print(uuid.uuid5(uuid.NAMESPACE_DNS, "example.org"))
print(uuid.uuid3(uuid.NAMESPACE_URL, "https://example.org/"))
random = uuid.uuid4()
print(random.version, len(str(random)), random != uuid.uuid4())
print(uuid.UUID("{12345678-1234-5678-1234-567812345678}").int)
