import itertools as it
import operator

people = [("Ann", "NY"), ("Bob", "LA"), ("Cid", "NY"), ("Dan", "SF"), ("Eve", "LA")]
by_city = sorted(people, key=operator.itemgetter(1))
for city, group in it.groupby(by_city, key=operator.itemgetter(1)):
    print(city, [name for name, _ in group])
print(list(it.accumulate([3, 1, 4, 1, 5], max)))
print(list(it.chain.from_iterable([[1], [2, 3], []])))
print([''.join(p) for p in it.permutations("abc", 2)])
print(list(it.combinations(range(4), 2)))
print(list(it.product("ab", repeat=2))[-1])
print(list(it.zip_longest([1, 2, 3], "ab", fillvalue="-")))
print(list(it.starmap(pow, [(2, 5), (3, 2)])), list(it.pairwise("abcd")))
first, second = it.tee(iter(range(3)))
print(list(first), list(second), list(it.compress("abcdef", [1, 0, 1, 0, 1, 1])))
