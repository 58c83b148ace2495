import copy
import json
import pickle
import shelve


class Settings:
    def __init__(self, **values):
        self.values = values

    def __eq__(self, other):
        return self.values == other.values


settings = Settings(a=[1, 2], b={"c": (3, 4)})
again = pickle.loads(pickle.dumps(settings))
print(again == settings, again is settings, again.values)
shallow, deep = copy.copy(settings), copy.deepcopy(settings)
settings.values["a"].append(3)
print(shallow.values["a"], deep.values["a"])
with shelve.open("store") as store:
    store["x"] = {"n": 1}
    store["y"] = [1, 2]
with shelve.open("store") as store:
    print(sorted(store.items()))


class Encoder(json.JSONEncoder):
    def default(self, value):
        return sorted(value) if isinstance(value, set) else super().default(value)


print(json.dumps({"s": {3, 1}, "t": (1,)}, cls=Encoder, separators=(",", ":")))
print(json.loads('{"a": 1.10}', parse_float=str), json.dumps("ü\u2028"), json.dumps("ü", ensure_ascii=False))
try:
    json.loads('{"a": 1,}')
except json.JSONDecodeError as error:
    print(error.lineno, error.colno, error.msg)
