import json

answer = tools.fake.echo(text='{"items": [1, 2.5, "x", null, true], "nested": {"ü": "é"}}')
print(type(answer).__name__, answer["items"], answer["nested"])
print(tools.fake.echo(text="[1, 2"), tools.fake.echo(text="17"))
document = {"id": 2**70, "f": 0.1, "s": "\u2028 \" \\ \n", "l": [[], {}], "n": None}
same = tools.fake.structured(value=document)
print(same == document, json.dumps(same, sort_keys=True))
print(tools.fake.echo_json(value=[{"a": i} for i in range(3)]))
