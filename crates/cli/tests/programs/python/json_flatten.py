import json


def flatten(value, prefix=""):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(item, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from flatten(item, f"{prefix}[{index}]")
    else:
        yield prefix, value


document = json.loads(
    '{"user": {"name": "Ada", "tags": ["x", "y"], "address": {"city": "London", "zip": null}},'
    ' "active": true, "score": 1.5e3, "big": 12345678901234567890}'
)
for path, value in flatten(document):
    print(path, "=", repr(value))
print(json.dumps(dict(flatten(document)), indent=2, sort_keys=True))
