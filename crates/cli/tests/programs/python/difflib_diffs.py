import difflib

before = "one\ntwo\nthree\nfour\n".splitlines(keepends=True)
after = "one\n2\nthree\nfour\nfive\n".splitlines(keepends=True)
print("".join(difflib.unified_diff(before, after, "a", "b")))
print(round(difflib.SequenceMatcher(None, "private", "primate").ratio(), 3))
print(difflib.get_close_matches("appel", ["ape", "apple", "peach"]))
