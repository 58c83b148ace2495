value = 1234567.891
print(f"{value:,.2f} {value:e} {value:>15.1f}| {value:<12.0f}| {int(value):#x} {255:08b} {0.256:.1%}")
print(f"{'left':<8}|{'mid':^8}|{'right':>8}|{'fill':*^10}")
name, n = "x", 3
print(f"{name=} {n+1=} {name!r:>5} {{literal}} {f'{n}' * 2}")
print("%5.1f|%-6s|%+d|%05d|%s" % (3.14159, "ab", 5, 42, None))
print("{0} {1} {0} {key[a]} {obj.real}".format("a", "b", key={"a": 1}, obj=3))
print("tab\tsep".expandtabs(8), "a,b,,c".split(","), "  x ".strip(), "abc".center(9, "-"))
print("ß".upper(), "İ".lower().encode(), "straße".casefold(), "Hello".swapcase(), "x".zfill(3))
print("a-b_c".translate(str.maketrans("-_", "  ")), "one two".title(), "banana".count("an"))
print("k=v=w".partition("="), "k=v=w".rpartition("="), "prefix_x".removeprefix("prefix_"))
